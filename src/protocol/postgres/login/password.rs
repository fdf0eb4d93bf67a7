//! The password in the forms that the login methods need.

use std::borrow::Cow;

use zeroize::Zeroizing;

/// Returns the password as SCRAM hashes it: prepared (RFC 4013) if possible, else unchanged. PostgreSQL, on
/// both sides, uses the raw bytes of passwords that are not UTF-8, contain unassigned or prohibited
/// characters, or would become empty.
pub(super) fn prepared(password: &[u8]) -> Zeroizing<Vec<u8>> {
    let prepared = std::str::from_utf8(password).ok().and_then(|text| stringprep::saslprep(text).ok());
    match prepared {
        Some(Cow::Owned(text)) if !text.is_empty() => Zeroizing::new(text.into_bytes()),
        _ => Zeroizing::new(password.to_vec()),
    }
}

/// Returns the response to `AuthenticationMD5Password`: `md5`, then MD5 in hex of (MD5 in hex of password and
/// user) and the salt.
pub(super) fn md5(user: &[u8], password: &[u8], salt: [u8; 4]) -> Zeroizing<String> {
    let inner = hex_md5(&[password, user]);
    let outer = hex_md5(&[inner.as_bytes(), &salt]);
    Zeroizing::new(["md5", &outer].concat())
}

/// Returns the MD5 of the concatenated parts, in hex. The result is as secret as the password.
fn hex_md5(parts: &[&[u8]]) -> Zeroizing<String> {
    let mut hash = md5::Context::new();
    for part in parts {
        hash.consume(part);
    }
    let digest = Zeroizing::new(hash.finalize().0);
    let mut hex = Zeroizing::new(String::with_capacity(32));
    for byte in *digest {
        hex.extend([byte >> 4, byte & 0x0f].into_iter().filter_map(|half| char::from_digit(half.into(), 16)));
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_prepared_as_the_server_prepares_them() {
        let cases: [(&str, &[u8], &[u8]); 11] = [
            ("ASCII stays", b"pencil", b"pencil"),
            ("ASCII control stays, as raw bytes", b"a\x07b", b"a\x07b"),
            ("a soft hyphen is mapped to nothing", "I\u{ad}X".as_bytes(), b"IX"),
            ("compatibility forms are composed", "\u{2168}\u{aa}".as_bytes(), b"IXa"),
            ("another space becomes a space", "a\u{a0}b".as_bytes(), b"a b"),
            ("a zero width space becomes a space", "a\u{200b}b".as_bytes(), b"a b"),
            ("prohibited: raw", "a\u{e000}\u{ad}".as_bytes(), "a\u{e000}\u{ad}".as_bytes()),
            ("unassigned in Unicode 3.2: raw", "\u{1f600}\u{ad}".as_bytes(), "\u{1f600}\u{ad}".as_bytes()),
            ("both directions: raw", "\u{627}1\u{ad}".as_bytes(), "\u{627}1\u{ad}".as_bytes()),
            ("nothing left: raw", "\u{ad}".as_bytes(), "\u{ad}".as_bytes()),
            ("not UTF-8: raw", b"\xff\xc2\xad", b"\xff\xc2\xad"),
        ];
        for (what, password, wanted) in cases {
            assert_eq!(*prepared(password), wanted, "{what}");
        }
    }

    #[test]
    fn the_md5_answer_is_the_one_of_the_manual() {
        // 'md5' || md5(md5('secret' || 'alice') || salt), computed by another implementation of MD5.
        assert_eq!(*md5(b"alice", b"secret", [1, 2, 3, 4]), "md598a0412b9c31436fc53776e863350083");
        assert_eq!(*hex_md5(&[b"a", b"bc"]), "900150983cd24fb0d6963f7d28e17f72");
    }
}
