//! Sealed entity tags of masked bodies: a tag is often a digest of the body, from which a masked value could
//! be guessed.
//!
//! AES-256-GCM-SIV with a nonce derived from the query of the address (RFC 8452 allows repeated nonces: they
//! only reveal which tags are equal). The same tag of one address is always sealed in the same way, so that a
//! client can ask whether a body has changed. The key is derived from the connection's own and from the
//! rules, so that no tag opens under other masks. The path is associated data, and the nonce is sent with the
//! tag: the tags of two addresses are never equal, so they do not reveal whether both have the same content,
//! and none opens at another path; at another query of its path only if the caller asks for that.

use aws_lc_rs::aead::AES_256_GCM_SIV;
use aws_lc_rs::aead::Aad;
use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::aead::NONCE_LEN;
use aws_lc_rs::aead::Nonce;
use aws_lc_rs::aead::UnboundKey;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// Maximum length of a tag that is sealed, in bytes.
const LONGEST: usize = 1 << 10;

/// Seals and opens the tags of one connection.
#[derive(Debug)]
pub(super) struct TagSeal {
    key: Option<LessSafeKey>,
    queries: hmac::Key,
}

impl TagSeal {
    /// Returns the seal under a connection's key for tags of bodies masked by `rules`, given in any form that
    /// distinguishes them.
    pub(super) fn new(key: &hmac::Key, rules: &str) -> Self {
        let queries = hmac::sign(key, b"queries of entity tags\0");
        let key = hmac::sign(key, &[b"entity tags\0", rules.as_bytes()].concat());
        // HMAC-SHA-256 output has the length of the key.
        let key = UnboundKey::new(&AES_256_GCM_SIV, key.as_ref()).ok().map(LessSafeKey::new);
        Self { key, queries: hmac::Key::new(hmac::HMAC_SHA256, queries.as_ref()) }
    }

    fn nonce(&self, query: &str) -> Option<[u8; NONCE_LEN]> {
        hmac::sign(&self.queries, query.as_bytes()).as_ref().first_chunk().copied()
    }

    /// Returns the tag of an address as clients see it; `None`: it must not be shown.
    pub(super) fn seal(&self, path: &str, query: &str, tag: &[u8]) -> Option<String> {
        let key = self.key.as_ref().filter(|_| tag.len() <= LONGEST)?;
        let (mut sealed, nonce) = (tag.to_vec(), self.nonce(query)?);
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(path), &mut sealed)
            .ok()?;
        Some(BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// Returns the target's own tag; `None` if it was not sealed here for the path and this query, or any
    /// query.
    pub(super) fn open(&self, path: &str, query: Option<&str>, sealed: &str) -> Option<Vec<u8>> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, tag) = sealed.split_first_chunk::<NONCE_LEN>()?;
        if let Some(query) = query
            && self.nonce(query)? != *nonce
        {
            return None;
        }
        let (nonce, mut tag) = (Nonce::assume_unique_for_key(*nonce), tag.to_vec());
        let length = self.key.as_ref()?.open_in_place(nonce, Aad::from(path), &mut tag).ok()?.len();
        tag.truncate(length);
        Some(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_opens_under_its_own_key_rules_and_address_only() {
        let key = |byte: u8| hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32]);
        let seal = TagSeal::new(&key(1), "rules");
        let sealed = seal.seal("/a", "b", b"29-7q3q").unwrap();
        assert_eq!(Some(&sealed), seal.seal("/a", "b", b"29-7q3q").as_ref(), "the same each time");
        for query in [Some("b"), None] {
            assert_eq!(seal.open("/a", query, &sealed).as_deref(), Some(&b"29-7q3q"[..]));
        }
        assert!(!sealed.contains("7q3q"));
        for other in [TagSeal::new(&key(2), "rules"), TagSeal::new(&key(1), "other rules")] {
            assert_ne!(other.seal("/a", "b", b"29-7q3q").unwrap(), sealed);
            assert_eq!(other.open("/a", None, &sealed), None);
        }
        let bare = |sealed: &str| BASE64_URL_SAFE_NO_PAD.decode(sealed).unwrap()[NONCE_LEN..].to_vec();
        for (path, query) in [("", ""), ("/a", ""), ("/a", "c"), ("/b", "b")] {
            let other = seal.seal(path, query, b"29-7q3q").unwrap();
            assert_ne!(bare(&other), bare(&sealed), "{path} {query}");
            assert_eq!(seal.open(path, Some(query), &sealed), None, "{path} {query}");
            assert_eq!(seal.open(path, None, &sealed).is_some(), path == "/a", "{path}");
        }
        for wrong in ["", "29-7q3q", "*", &sealed[1..]] {
            assert_eq!(seal.open("/a", None, wrong), None, "{wrong}");
        }
        assert_eq!(seal.seal("/a", "b", &[b'x'; LONGEST + 1]), None);
    }
}
