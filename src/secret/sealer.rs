//! Encryption at rest: AES-256-GCM-SIV with a random nonce each time, bound to the place the bytes are stored
//! in. RFC 8452.
//!
//! Sealed data is `version (1) | key id (8) | nonce (12) | ciphertext and tag`. Its place (table, row,
//! column) and the key's id are authenticated with it, so it cannot be moved.

use aws_lc_rs::aead::AES_256_GCM_SIV;
use aws_lc_rs::aead::Aad;
use aws_lc_rs::aead::NONCE_LEN;
use aws_lc_rs::aead::Nonce;
use aws_lc_rs::aead::RandomizedNonceKey;
use aws_lc_rs::digest;
use zeroize::Zeroizing;

use crate::domain::hex;
use crate::domain::secret::Secret;
use crate::secret::error::SealError;

/// The table in which [`super::Vault`] looks up sealed secrets.
pub const SEALED_TABLE: &str = "secret";
/// The column of [`SEALED_TABLE`] with the sealed data.
pub const SEALED_COLUMN: &str = "sealed";

/// The version of the format.
const VERSION: u8 = 1;
/// The length of a key, in bytes.
pub(super) const KEY: usize = 32;
/// The length of a key's id, in bytes.
const KEY_ID: usize = 8;

/// The sealing key: 32 random bytes, wiped when dropped.
pub struct SealKey(Zeroizing<[u8; KEY]>);

impl SealKey {
    /// Takes ownership of the bytes.
    pub fn new(bytes: Zeroizing<[u8; KEY]>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8; KEY] {
        &self.0
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// Seals and opens with one key.
pub struct Sealer {
    key: RandomizedNonceKey,
    id: [u8; KEY_ID],
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("key_id", &self.key_id()).finish_non_exhaustive()
    }
}

impl Sealer {
    /// Creates a sealer with this key.
    ///
    /// # Errors
    /// [`SealError::Cipher`] if the library rejects the key.
    pub fn new(key: &SealKey) -> Result<Self, SealError> {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"hoopctl/v1 key id");
        context.update(key.bytes());
        let mut id = [0; KEY_ID];
        for (to, from) in id.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        let key = RandomizedNonceKey::new(&AES_256_GCM_SIV, key.bytes())
            .map_err(|_unspecified| SealError::Cipher)?;
        Ok(Self { key, id })
    }

    /// Returns the key's id, 16 hex digits: safe to show, reveals nothing about the key.
    pub fn key_id(&self) -> String {
        hex::encode(&self.id)
    }

    /// Seals `plain` for one place.
    ///
    /// # Errors
    /// [`SealError::Cipher`].
    pub fn seal(&self, table: &str, row: &str, column: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        // Encrypted in place: no copy of the plain bytes is left.
        let mut body = Zeroizing::new(plain.to_vec());
        let (nonce, tag) = self
            .key
            .seal_in_place_separate_tag(Aad::from(self.place(table, row, column)), &mut body)
            .map_err(|_unspecified| SealError::Cipher)?;
        let mut sealed = Vec::with_capacity(1 + KEY_ID + NONCE_LEN + body.len() + tag.as_ref().len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.id);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&body);
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens data that was sealed for the same place.
    ///
    /// # Errors
    /// [`SealError::Form`], [`SealError::WrongKey`] with both ids, [`SealError::Altered`].
    pub fn open(&self, table: &str, row: &str, column: &str, sealed: &[u8]) -> Result<Secret, SealError> {
        let Some((&VERSION, rest)) = sealed.split_first() else { return Err(SealError::Form) };
        let (id, rest) = rest.split_first_chunk::<KEY_ID>().ok_or(SealError::Form)?;
        if *id != self.id {
            return Err(SealError::WrongKey { wanted: hex::encode(id), found: self.key_id() });
        }
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Form)?;
        let mut body = Zeroizing::new(body.to_vec());
        let place = Aad::from(self.place(table, row, column));
        let plain = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), place, &mut body)
            .map_err(|_unspecified| SealError::Altered)?;
        Ok(Secret::new(plain.to_vec()))
    }

    /// Opens all rows of a place, and gives those that do not open, each with why. That some do, or were
    /// sealed with this key and changed since, proves that the key is the right one: one damaged row is no
    /// sign of another key.
    ///
    /// # Errors
    /// Why none opens: another key first.
    pub fn prove(
        &self,
        table: &str,
        column: &str,
        rows: &[(String, Vec<u8>)],
    ) -> Result<Vec<(String, SealError)>, SealError> {
        let failed: Vec<(String, SealError)> = rows
            .iter()
            .filter_map(|(row, sealed)| Some((row.clone(), self.open(table, row, column, sealed).err()?)))
            .collect();
        let with_this_key = |(_, error): &(String, SealError)| matches!(error, SealError::Altered);
        if failed.len() < rows.len() || failed.iter().any(with_this_key) {
            return Ok(failed);
        }
        let of_another = |(_, error): &&(String, SealError)| matches!(error, SealError::WrongKey { .. });
        match failed.iter().find(of_another).or(failed.first()) {
            Some((_, error)) => Err(error.clone()),
            None => Ok(failed),
        }
    }

    /// What is authenticated beside the bytes: each part with its length before it, so that no two places
    /// read alike.
    fn place(&self, table: &str, row: &str, column: &str) -> Vec<u8> {
        let mut place = Vec::new();
        for part in [b"hoopctl/v1", table.as_bytes(), row.as_bytes(), column.as_bytes(), &self.id] {
            place.extend_from_slice(&(part.len() as u64).to_be_bytes());
            place.extend_from_slice(part);
        }
        place
    }
}
