//! Tokens by SASL, with the mechanism OAUTHBEARER (RFC 7628), which libpq supports since version 18.

use serde_json::json;

/// The name of the mechanism.
pub const MECHANISM: &str = "OAUTHBEARER";
/// The user that a client names to be asked for its token in this way: a server must choose before it knows
/// what the client supports.
pub const USER: &str = "oauth";
/// The separator between the parts of a message.
const SEPARATOR: u8 = 1;

/// The content of a client's first message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shown<'a> {
    /// No token: the client asks where to get one.
    Nothing,
    /// A token.
    Token(&'a str),
}

/// Reads a client's first message: `n,,` and pairs of keys and values. `None` if it is malformed.
pub fn read(message: &[u8]) -> Option<Shown<'_>> {
    let mut parts = message.strip_suffix(&[SEPARATOR, SEPARATOR])?.split(|&byte| byte == SEPARATOR);
    // There is no channel binding here. `a=` names the user to act for, which the token alone decides.
    let mut header = parts.next()?.splitn(3, |&byte| byte == b',');
    let (flag, who, rest) = (header.next()?, header.next()?, header.next()?);
    if !matches!(flag, b"n" | b"y") || !(who.is_empty() || who.starts_with(b"a=")) || !rest.is_empty() {
        return None;
    }
    let mut shown = None;
    for part in parts {
        let at = part.iter().position(|&byte| byte == b'=')?;
        let (key, value) = (part.get(..at)?, part.get(at.saturating_add(1)..)?);
        if key.is_empty() || !key.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        // `host` and `port` are not needed.
        if key == b"auth" && shown.replace(credentials(value)?).is_some() {
            return None;
        }
    }
    shown
}

fn credentials(value: &[u8]) -> Option<Shown<'_>> {
    if value.is_empty() {
        return Some(Shown::Nothing);
    }
    let (scheme, token) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(Shown::Token(token))
}

/// Returns the message for a client without a token: where its issuer describes itself, if there is one to
/// name.
pub fn challenge(issuer: Option<&str>) -> Vec<u8> {
    let place = |issuer: &str| format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let status = "invalid_token";
    let told = match issuer.map(place) {
        Some(place) => json!({ "status": status, "openid-configuration": place }),
        None => json!({ "status": status }),
    };
    told.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(message: &str) -> Option<&str> {
        match read(message.as_bytes()) {
            Some(Shown::Token(token)) => Some(token),
            Some(Shown::Nothing) => Some("-"),
            None => None,
        }
    }

    #[test]
    fn a_token_is_read_from_what_is_exactly_such_a_message() {
        for (message, wanted) in [
            ("n,,\x01auth=Bearer a.b.c\x01\x01", Some("a.b.c")),
            ("y,,\x01auth=bearer  a.b.c\x01\x01", Some("a.b.c")),
            ("n,a=kim,\x01host=db\x01port=5432\x01auth=Bearer t=\x01\x01", Some("t=")),
            ("n,,\x01auth=\x01\x01", Some("-")),
            ("", None),
            ("n,,", None),
            ("n,,\x01\x01", None),
            ("n,,\x01auth=Bearer t\x01", None),
            ("n,,auth=Bearer t\x01\x01", None),
            ("n,,\x01auth=Bearer t\x01\x01x", None),
            ("n,,\x01auth=Bearer \x01\x01", None),
            ("n,,\x01auth=Basic dTpw\x01\x01", None),
            ("n,,\x01auth=t\x01\x01", None),
            ("n,,\x01AUTH=Bearer t\x01\x01", None),
            ("n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01", None),
            ("n,,\x01auth=\x01auth=Bearer b\x01\x01", None),
            ("n,,\x01=x\x01auth=Bearer t\x01\x01", None),
            ("n,,\x01x\x01auth=Bearer t\x01\x01", None),
            ("p=tls-exporter,,\x01auth=Bearer t\x01\x01", None),
            ("n,kim,\x01auth=Bearer t\x01\x01", None),
            ("n,,x\x01auth=Bearer t\x01\x01", None),
        ] {
            assert_eq!(token(message), wanted, "{}", message.escape_debug());
        }
        assert!(read(b"n,,\x01auth=Bearer \xff\x01\x01").is_none());
    }

    #[test]
    fn who_has_no_token_is_told_where_to_get_one() {
        let told: serde_json::Value =
            serde_json::from_slice(&challenge(Some("https://idp.example/"))).unwrap();
        assert_eq!(told["status"], "invalid_token");
        assert_eq!(told["openid-configuration"], "https://idp.example/.well-known/openid-configuration");
        let told: serde_json::Value = serde_json::from_slice(&challenge(None)).unwrap();
        assert_eq!(told, json!({ "status": "invalid_token" }));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_stop_the_reader(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
            let begins = bytes.first().is_some_and(|first| b"ny".contains(first));
            assert!(begins || read(&bytes).is_none());
            let message = [b"n,,\x01auth=Bearer ", &bytes[..], b"\x01\x01"].concat();
            if let Some(Shown::Token(token)) = read(&message) {
                assert!(!token.is_empty() && !token.contains('\x01'));
            }
        }
    }
}
