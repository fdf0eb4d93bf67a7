//! The syntax of a token before any cryptography: JWS compact serialization (RFC 7515 section 7.1), parsed
//! unambiguously.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::json::Json;
use crate::domain::principal::MAX_TOKEN;
use crate::identity::error::TokenError;
use crate::identity::settings::Algorithm;

/// The longest decoded header, in bytes.
const MAX_HEADER: usize = 2 << 10;
/// The nesting limit for header and payload.
const MAX_DEPTH: usize = 16;
const MAX_KID: usize = 256;

/// Members that would let the token choose its key, change how it is read, or encrypt it.
const FORBIDDEN: [&str; 9] = ["jku", "jwk", "x5u", "enc", "zip", "crit", "b64", "url", "epk"];

/// Collects failures: stops at the first one when a token is verified, keeps all of them when one is
/// inspected.
#[derive(Debug)]
pub(crate) struct Failures {
    all: Option<Vec<TokenError>>,
}

impl Failures {
    /// Stops at the first failure.
    pub(crate) const fn first() -> Self {
        Self { all: None }
    }

    /// Collects all failures.
    pub(crate) const fn all() -> Self {
        Self { all: Some(Vec::new()) }
    }

    /// Takes one result. `Ok(None)` only if failures are collected.
    pub(crate) fn note<T>(&mut self, result: Result<T, TokenError>) -> Result<Option<T>, TokenError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if self.all.is_none() => Err(error),
            Err(error) => {
                self.keep(error);
                Ok(None)
            }
        }
    }

    /// Adds a failure to the collected ones.
    pub(crate) fn keep(&mut self, error: TokenError) {
        if let Some(all) = self.all.as_mut().filter(|all| !all.contains(&error)) {
            all.push(error);
        }
    }

    /// Returns the collected failures.
    pub(crate) fn into_all(self) -> Vec<TokenError> {
        self.all.unwrap_or_default()
    }
}

/// The content of the header, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The algorithm; never an HMAC or `none`.
    pub(crate) algorithm: Algorithm,
    /// The key's id, only ever used as a key of an in-memory map.
    pub(crate) kid: Box<str>,
    /// Whether `typ` is that of RFC 9068.
    pub(crate) at_jwt: bool,
    /// Whether there is a `nonce`, the mark of a Microsoft Graph token.
    pub(crate) nonce: bool,
}

impl Header {
    /// Returns a neutral header, for judging claims by themselves.
    pub(crate) fn plain() -> Self {
        Self { algorithm: Algorithm::Rs256, kid: Box::default(), at_jwt: false, nonce: false }
    }
}

/// One parsed token. The signature is not checked.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    /// The bytes that the signature covers.
    pub(crate) signed: &'a [u8],
    /// The header.
    pub(crate) header: Header,
    /// The claims, an object.
    pub(crate) claims: Json,
    /// The signature.
    pub(crate) signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Parses a token strictly.
    ///
    /// # Errors
    /// It is not exactly one signed compact JWT with an allowed header.
    pub(crate) fn read(text: &'a str) -> Result<Self, TokenError> {
        let Parts { header, payload, signature, signed } = split(text)?;
        let header = read_header(&decode(header)?, &mut Failures::first())?;
        let header = header.ok_or(TokenError::Malformed("the header says nothing"))?;
        let claims = object(&decode(payload)?)?;
        Ok(Self { signed: signed.as_bytes(), header, claims, signature: decode(signature)? })
    }
}

/// The parts of a token as they were written.
pub(crate) struct Parts<'a> {
    pub(crate) header: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) signature: &'a str,
    signed: &'a str,
}

/// Splits a token at its dots.
pub(crate) fn split(text: &str) -> Result<Parts<'_>, TokenError> {
    if text.len() > MAX_TOKEN {
        return Err(TokenError::Malformed("longer than 16 KiB"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err(TokenError::Malformed("a character that is not of base64url"));
    }
    let mut dots = text.match_indices('.').map(|(at, _)| at);
    let (Some(first), Some(second), more) = (dots.next(), dots.next(), dots.count()) else {
        return Err(TokenError::Malformed("not three parts"));
    };
    match more {
        0 => {}
        2 => return Err(TokenError::Malformed("it is encrypted (JWE)")),
        _ => return Err(TokenError::Malformed("not three parts")),
    }
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    Ok(Parts {
        header: part(0, first),
        payload: part(first + 1, second),
        signature: part(second + 1, text.len()),
        signed: part(0, second),
    })
}

/// Decodes base64url without padding, the canonical form only.
pub(crate) fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    // The engine refuses padding and non-zero trailing bits, so that encoding again gives the same text.
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_invalid| TokenError::Malformed("a part is not canonical base64url"))
}

/// Parses one strict JSON object.
pub(crate) fn object(bytes: &[u8]) -> Result<Json, TokenError> {
    match Json::parse(bytes, MAX_DEPTH) {
        Ok(json @ Json::Object(_)) => Ok(json),
        Ok(_) => Err(TokenError::Malformed("a part is not a JSON object")),
        Err(error) => Err(TokenError::Malformed(error.problem)),
    }
}

/// Parses and checks the header.
pub(crate) fn read_header(bytes: &[u8], failures: &mut Failures) -> Result<Option<Header>, TokenError> {
    if bytes.len() > MAX_HEADER {
        return Err(TokenError::Malformed("the header is longer than 2 KiB"));
    }
    let json = object(bytes)?;
    let Json::Object(members) = &json else { return Ok(None) };
    for (name, _) in members {
        if let Some(found) = FORBIDDEN.into_iter().find(|forbidden| *forbidden == &**name) {
            failures.note::<()>(Err(TokenError::ForbiddenHeader(found)))?;
        }
    }
    if json.member("cty").is_some_and(|cty| cty.as_str().is_none_or(|cty| cty.eq_ignore_ascii_case("JWT"))) {
        failures.note::<()>(Err(TokenError::Malformed("a token within the token")))?;
    }
    let at_jwt = failures.note(read_type(json.member("typ")))?;
    let algorithm = json.member("alg").and_then(Json::as_str).and_then(Algorithm::parse);
    let algorithm = failures.note(algorithm.ok_or(TokenError::Algorithm))?;
    let kid = json.member("kid").and_then(Json::as_str).filter(|kid| {
        (1..=MAX_KID).contains(&kid.len()) && kid.bytes().all(|byte| (0x20..0x7f).contains(&byte))
    });
    let kid = failures.note(kid.ok_or(TokenError::Malformed("no kid of 1 to 256 printable characters")))?;
    let (Some(at_jwt), Some(algorithm), Some(kid)) = (at_jwt, algorithm, kid) else { return Ok(None) };
    Ok(Some(Header { algorithm, kid: kid.into(), at_jwt, nonce: json.member("nonce").is_some() }))
}

/// Checks that `typ` is absent, `JWT` or `at+jwt`; returns whether it is the last. RFC 7515 section 4.1.9,
/// RFC 9068 section 2.1.
fn read_type(typ: Option<&Json>) -> Result<bool, TokenError> {
    let Some(typ) = typ else { return Ok(false) };
    let typ = typ.as_str().ok_or(TokenError::TokenType)?;
    let typ = match typ.split_at_checked("application/".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        _ => typ,
    };
    if typ.eq_ignore_ascii_case("at+jwt") {
        Ok(true)
    } else if typ.eq_ignore_ascii_case("JWT") {
        Ok(false)
    } else {
        Err(TokenError::TokenType)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_decoded_encodes_to_the_same_text() {
        assert_eq!(decode("AQ"), Ok(vec![1]));
        // Trailing bits, padding, the other alphabet, an impossible length.
        for text in ["AR", "AQ==", "AQ=", "A", "A+", "A/", " AQ", "AQ\n"] {
            assert!(decode(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_decodes_unless_it_is_canonical(text in "[A-Za-z0-9_-]{0,40}") {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(URL_SAFE_NO_PAD.encode(bytes), text);
            }
        }

        #[test]
        fn no_bytes_make_the_reader_fail_otherwise_than_by_an_error(text in "\\PC{0,60}") {
            drop(Token::read(&text));
            drop(read_header(text.as_bytes(), &mut Failures::all()));
        }
    }

    #[test]
    fn all_failures_of_a_header_are_found() {
        let mut failures = Failures::all();
        let header = br#"{"alg":"none","typ":"logout+jwt","crit":[],"jku":"x"}"#;
        assert_eq!(read_header(header, &mut failures), Ok(None));
        let reasons: Vec<_> = failures.into_all().iter().map(TokenError::reason).collect();
        assert_eq!(reasons, ["forbidden_header", "forbidden_header", "token_type", "algorithm", "malformed"]);
    }
}
