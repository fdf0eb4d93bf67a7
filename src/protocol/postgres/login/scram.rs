//! The client's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), as PostgreSQL speaks them.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::num::NonZeroU32;

use aws_lc_rs::digest;
use aws_lc_rs::hmac;
use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::protocol::postgres::login::EndPoint;

/// The fewest iterations that RFC 7677 (section 4) wants. Fewer are accepted with a warning
/// ([`Proof::weak_iterations`](crate::protocol::postgres::login::Proof::weak_iterations)): they make guessing
/// easier for an eavesdropper, but do not weaken the login itself.
pub const MIN_ITERATIONS: u32 = 4096;
/// The most iterations that are accepted: some 100 ms of one core. A server that asks for more is refused.
pub const MAX_ITERATIONS: u32 = 100_000;

/// The name of the mechanism.
pub(super) const SCRAM: &[u8] = b"SCRAM-SHA-256";
/// The name of the mechanism with channel binding.
pub(super) const SCRAM_PLUS: &[u8] = b"SCRAM-SHA-256-PLUS";

/// The random bytes of the client's nonce, as many as in libpq.
const NONCE: usize = 18;
/// The longest nonce that is accepted, in bytes: the client's and the server's part together.
const MAX_NONCE: usize = 512;
/// The longest salt that is accepted, in bytes. PostgreSQL uses 16.
const MAX_SALT: usize = 256;
/// The number of bytes of a SHA-256.
const HASH: usize = digest::SHA256_OUTPUT_LEN;

/// Why SCRAM failed. No text of the server is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// The server demands an extension (`m=`), and none is supported (RFC 5802, section 5.1).
    #[error("the target demands an extension of SCRAM")]
    Extension,
    /// The server asks for more than [`MAX_ITERATIONS`].
    #[error("the target asks for more than {MAX_ITERATIONS} iterations")]
    Iterations,
    /// A message is malformed, or a part of it is too long.
    #[error("the target sent a SCRAM message that cannot be read")]
    Malformed,
    /// The server's nonce does not begin with the client's, or adds nothing to it: it answers another login.
    #[error("the target answered with a nonce that does not continue the gateway's")]
    Nonce,
    /// The server ended SCRAM with an error (`e=`).
    #[error("the target ended SCRAM with an error")]
    Refused,
    /// The server's signature is wrong: it does not know the password.
    #[error("the target did not prove that it knows the password")]
    Signature,
}

/// The channel binding of the login, in the GS2 header (RFC 5802, section 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Binding {
    /// `p`: bound to the server's certificate.
    EndPoint(EndPoint),
    /// `n`: there is nothing to bind to.
    Impossible,
    /// `y`: the gateway supports it, but the server did not offer it. A server that did offer it refuses
    /// this: somebody removed the offer.
    NotOffered,
}

impl Binding {
    /// Returns the header, which begins the client's first message.
    fn header(&self) -> &'static str {
        match self {
            Self::EndPoint(_) => "p=tls-server-end-point,,",
            Self::Impossible => "n,,",
            Self::NotOffered => "y,,",
        }
    }

    /// Returns the value of `c=`: the header, and the hash that the login is bound to.
    fn proof(&self) -> String {
        let hash = match self {
            Self::EndPoint(end_point) => end_point.bytes(),
            Self::Impossible | Self::NotOffered => &[],
        };
        STANDARD.encode([self.header().as_bytes(), hash].concat())
    }
}

/// The client's first message, and what is needed to continue.
pub(super) struct Opening {
    binding: Binding,
    nonce: String,
    bare: String,
}

/// The client's last message, and what is needed to check the server's.
pub(super) struct Answer {
    /// `client-final-message`.
    pub(super) message: String,
    /// The check of the signature that only a server which knows the password can make.
    pub(super) expected: Expected,
    /// The number of iterations that the server asked for, at most [`MAX_ITERATIONS`].
    pub(super) iterations: u32,
}

/// The text that the server has to sign, and the key to check the signature with.
pub(super) struct Expected {
    server_key: Zeroizing<[u8; HASH]>,
    signed: String,
}

impl Opening {
    /// Begins SCRAM with a new nonce. The user name is empty: PostgreSQL takes it from the startup packet.
    pub(super) fn new(binding: Binding) -> Self {
        let nonce = STANDARD.encode(rand::random::<[u8; NONCE]>());
        Self::with(binding, nonce, "")
    }

    fn with(binding: Binding, nonce: String, user: &str) -> Self {
        let bare = format!("n={user},r={nonce}");
        Self { binding, nonce, bare }
    }

    /// Returns whether the login is bound to its channel.
    pub(super) fn is_bound(&self) -> bool {
        matches!(self.binding, Binding::EndPoint(_))
    }

    /// Returns the `client-first-message`.
    pub(super) fn message(&self) -> String {
        [self.binding.header(), &self.bare].concat()
    }

    /// Answers a `server-first-message`. `password` is prepared already. Hashes as often as the server asks,
    /// which blocks for up to some 100 ms.
    ///
    /// # Errors
    /// The message is not a valid answer to [`Opening::message`] within the bounds; then nothing was hashed.
    pub(super) fn answer(self, server_first: &[u8], password: &[u8]) -> Result<Answer, ScramError> {
        let first = ServerFirst::read(server_first, &self.nonce)?;
        let without_proof = format!("c={},r={}", self.binding.proof(), first.nonce);
        let signed = [self.bare.as_str(), first.text, &without_proof].join(",");

        let mut salted = Zeroizing::new([0; HASH]);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, first.iterations, &first.salt, password, &mut *salted);
        let salted = hmac::Key::new(hmac::HMAC_SHA256, &*salted);
        let client_key = sign(&salted, b"Client Key")?;
        // The StoredKey, which the server keeps.
        let stored_key = digest::digest(&digest::SHA256, &*client_key);
        let mut proof = sign(&hmac::Key::new(hmac::HMAC_SHA256, stored_key.as_ref()), signed.as_bytes())?;
        for (byte, key) in proof.iter_mut().zip(client_key.iter()) {
            *byte ^= key;
        }
        let server_key = sign(&salted, b"Server Key")?;
        Ok(Answer {
            message: format!("{without_proof},p={}", STANDARD.encode(*proof)),
            expected: Expected { server_key, signed },
            iterations: first.iterations.get(),
        })
    }
}

impl Expected {
    /// Checks a `server-final-message`. The signature is compared in constant time.
    ///
    /// # Errors
    /// It is anything but the right signature.
    pub(super) fn check(&self, server_final: &[u8]) -> Result<(), ScramError> {
        let text = printable(server_final).ok_or(ScramError::Malformed)?;
        if text.starts_with("e=") {
            return Err(ScramError::Refused);
        }
        let signature = text.strip_prefix("v=").ok_or(ScramError::Malformed)?;
        let signature = STANDARD.decode(signature).map_err(|_form| ScramError::Malformed)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.server_key);
        hmac::verify(&key, self.signed.as_bytes(), &signature).map_err(|_unspecified| ScramError::Signature)
    }
}

/// A checked `server-first-message`.
struct ServerFirst<'a> {
    /// The whole message, which both sides sign.
    text: &'a str,
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: NonZeroU32,
}

impl<'a> ServerFirst<'a> {
    /// Reads `r=NONCE,s=SALT,i=ITERATIONS`, with nothing after it, as libpq requires.
    fn read(message: &'a [u8], client_nonce: &str) -> Result<Self, ScramError> {
        let text = printable(message).ok_or(ScramError::Malformed)?;
        if text.starts_with("m=") {
            return Err(ScramError::Extension);
        }
        if text.starts_with("e=") {
            return Err(ScramError::Refused);
        }
        let mut parts = text.split(',');
        let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name));
        let nonce = part("r=").ok_or(ScramError::Malformed)?;
        let salt = part("s=").ok_or(ScramError::Malformed)?;
        let iterations = part("i=").ok_or(ScramError::Malformed)?;
        if parts.next().is_some() || nonce.len() > MAX_NONCE {
            return Err(ScramError::Malformed);
        }
        if nonce.strip_prefix(client_nonce).is_none_or(str::is_empty) {
            return Err(ScramError::Nonce);
        }
        let salt = STANDARD.decode(salt).map_err(|_form| ScramError::Malformed)?;
        if salt.is_empty() || salt.len() > MAX_SALT {
            return Err(ScramError::Malformed);
        }
        Ok(Self { text, nonce, salt, iterations: read_iterations(iterations)? })
    }
}

/// Reads a `posit-number`: digits, the first of them not zero.
fn read_iterations(text: &str) -> Result<NonZeroU32, ScramError> {
    if text.is_empty() || text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScramError::Malformed);
    }
    // Digits that do not fit the type are a number that is too large.
    text.parse().ok().filter(|count: &NonZeroU32| count.get() <= MAX_ITERATIONS).ok_or(ScramError::Iterations)
}

/// Returns a message as text. Everything that PostgreSQL puts into one is printable ASCII without spaces; RFC
/// 5802 would allow UTF-8 only in parts that are not accepted here.
fn printable(message: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(message).ok()?;
    text.bytes().all(|byte| byte.is_ascii_graphic()).then_some(text)
}

/// Computes an HMAC-SHA-256 into bytes that are wiped. It cannot fail, since there is room for all of it.
fn sign(key: &hmac::Key, text: &[u8]) -> Result<Zeroizing<[u8; HASH]>, ScramError> {
    let mut signature = Zeroizing::new([0; HASH]);
    hmac::sign_to_buffer(key, text, &mut *signature).map_err(|_unspecified| ScramError::Malformed)?;
    Ok(signature)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn opening() -> Opening {
        Opening::with(Binding::Impossible, NONCE.to_owned(), "user")
    }

    #[test]
    fn the_exchange_of_rfc_7677_section_3() {
        let opening = opening();
        assert_eq!(opening.message(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let answer = opening.answer(FIRST.as_bytes(), b"pencil").unwrap();
        assert_eq!(answer.iterations, 4096);
        assert_eq!(
            answer.message,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let signature = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(answer.expected.check(signature), Ok(()));
        assert_eq!(answer.expected.check(b"e=invalid-proof"), Err(ScramError::Refused));
        let wrong: [(&[u8], ScramError); 8] = [
            (b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G8=", ScramError::Signature),
            (b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=", ScramError::Malformed),
            (b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", ScramError::Signature),
            (b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl9", ScramError::Signature),
            (b"v=", ScramError::Signature),
            (b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,x=1", ScramError::Malformed),
            (b"", ScramError::Malformed),
            (b"v=\xff", ScramError::Malformed),
        ];
        for (message, error) in wrong {
            assert_eq!(answer.expected.check(message), Err(error), "{}", message.escape_ascii());
        }
    }

    #[test]
    fn the_header_and_what_is_bound_are_sent_back() {
        let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let der = key.cert.der();
        let end_point = EndPoint::of(der).unwrap().unwrap();
        let hash = end_point.bytes().to_vec();
        let bound = [&b"p=tls-server-end-point,,"[..], &hash].concat();
        let cases = [
            (Binding::EndPoint(end_point), "p=tls-server-end-point,,", bound),
            (Binding::NotOffered, "y,,", b"y,,".to_vec()),
            (Binding::Impossible, "n,,", b"n,,".to_vec()),
        ];
        for (binding, header, proof) in cases {
            let opening = Opening::new(binding);
            assert!(opening.message().starts_with(&format!("{header}n=,r=")));
            assert_eq!(opening.is_bound(), header.starts_with('p'));
            let first = format!("r={}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1", opening.nonce);
            let answer = opening.answer(first.as_bytes(), b"pencil").unwrap();
            assert!(answer.message.starts_with(&format!("c={},r=", STANDARD.encode(proof))));
        }
        assert_ne!(Opening::new(Binding::Impossible).nonce, Opening::new(Binding::Impossible).nonce);
    }

    #[test]
    fn a_first_message_is_taken_only_within_its_form_and_bounds() {
        let long = "A".repeat(4 * MAX_SALT);
        let cases = [
            ("", ScramError::Malformed),
            ("m=x,r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1", ScramError::Extension),
            ("e=other-error", ScramError::Refused),
            ("r=rOprNGfwEbeRWgbNEkqO,s=AAAA,i=4096", ScramError::Nonce),
            ("r=,s=AAAA,i=4096", ScramError::Nonce),
            ("r=sOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4096", ScramError::Nonce),
            ("r=xrOprNGfwEbeRWgbNEkqO,s=AAAA,i=4096", ScramError::Nonce),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAA,i=4096", ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096", ScramError::Malformed),
            (&format!("r={NONCE}x,s={long},i=4096"), ScramError::Malformed),
            (&format!("r={NONCE}{},s=AAAA,i=4096", "x".repeat(MAX_NONCE)), ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqOx,i=4096,s=AAAA", ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA", ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4096,x=1", ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4096,", ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=", ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=0", ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=-1", ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=+1", ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=04096", ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=100001", ScramError::Iterations),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4294967296", ScramError::Iterations),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=99999999999999999999999999", ScramError::Iterations),
            ("r=rOprNGfwEbeRWgbNEkqOx\n,s=AAAA,i=4096", ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqO\u{e9},s=AAAA,i=4096", ScramError::Malformed),
        ];
        for (message, error) in cases {
            assert_eq!(opening().answer(message.as_bytes(), b"pencil").err(), Some(error), "{message}");
        }
        assert_eq!(opening().answer(b"\xff", b"pencil").err(), Some(ScramError::Malformed));
        let most = format!("r={NONCE}x,s=AAAA,i={MAX_ITERATIONS}");
        assert!(opening().answer(most.as_bytes(), b"pencil").is_ok());
    }

    proptest! {
        #[test]
        fn no_message_stops_the_client(
            raw in proptest::collection::vec(any::<u8>(), 0..200),
            near in "r=rOprNGfwEbeRWgbNEkqO[ -~]{0,5},?s?=?[A-Za-z0-9+/=]{0,8},?i?=?[0-9]{0,3}[ -~]{0,3}",
        ) {
            drop(opening().answer(&raw, b"pencil"));
            if let Ok(answer) = opening().answer(near.as_bytes(), b"pencil") {
                prop_assert!(answer.expected.check(&raw).is_err());
            }
        }
    }
}
