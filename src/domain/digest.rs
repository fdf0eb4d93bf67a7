//! SHA-256 over parts of which each has its length before it, so that no two lists of parts have one digest
//! by where they are cut. Approvals and pins are bound to such digests.

use aws_lc_rs::digest::Context;
use aws_lc_rs::digest::SHA256;

use crate::domain::hex;

/// Computes the digest of parts.
#[derive(Clone)]
pub struct Parts(Context);

impl Default for Parts {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Parts {
    /// Adds a part.
    pub fn add(&mut self, part: impl AsRef<[u8]>) -> &mut Self {
        let part = part.as_ref();
        self.0.update(&(part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    /// Adds how many parts follow, where that is not always the same.
    pub fn add_count(&mut self, count: usize) -> &mut Self {
        self.add((count as u64).to_be_bytes())
    }

    /// The digest.
    pub fn finish(self) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.0.finish().as_ref());
        digest
    }

    /// The digest in hexadecimal digits.
    pub fn hex(self) -> String {
        hex::encode(&self.finish())
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &[&str]) -> String {
        let mut digest = Parts::default();
        for part in parts {
            digest.add(part);
        }
        digest.hex()
    }

    #[test]
    fn where_parts_are_cut_counts() {
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
        for other in [&["a", "bc"][..], &["abc"], &["ab", "c", ""], &["", "ab", "c"]] {
            assert_ne!(of(&["ab", "c"]), of(other), "{other:?}");
        }
        // The length as eight bytes, the most significant first.
        let plain = aws_lc_rs::digest::digest(&SHA256, b"\0\0\0\0\0\0\0\x02ab");
        assert_eq!(of(&["ab"]), hex::encode(plain.as_ref()));
    }
}
