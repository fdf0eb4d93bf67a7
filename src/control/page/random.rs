//! Unguessable values and how they are stored: browser ids, states, verifiers.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::RngCore as _;

/// The SHA-256 of an id, stored in its place, so that the time of a comparison reveals nothing.
pub(super) type Kept = [u8; 32];

/// Returns 256 random bits, as 43 characters of the URL-safe alphabet.
pub(super) fn secret() -> String {
    let mut random = [0_u8; 32];
    rand::rng().fill_bytes(&mut random);
    BASE64_URL_SAFE_NO_PAD.encode(random)
}

/// Returns the SHA-256 of a text.
pub(super) fn kept(text: &str) -> Kept {
    let mut out = [0; 32];
    // Both are 32 bytes long.
    for (to, from) in out.iter_mut().zip(digest::digest(&digest::SHA256, text.as_bytes()).as_ref()) {
        *to = *from;
    }
    out
}

/// Returns the SHA-256 of a text, in the URL-safe alphabet: the challenge of RFC 7636, section 4.2.
pub(super) fn challenge(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(kept(text))
}

/// Compares two texts in a time that does not depend on where they differ.
pub(super) fn same(one: &str, other: &str) -> bool {
    kept(one) == kept(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_never_twice() {
        let (one, other) = (secret(), secret());
        assert_eq!((one.len(), other.len()), (43, 43));
        assert!(!same(&one, &other) && same(&one, &one.clone()));
        // RFC 7636, appendix B.
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
