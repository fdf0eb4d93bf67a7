//! The key of the development issuer: ES256, in a file that only its owner may read.

use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;

use crate::demo::issuer::DevIssuerError;

/// A private key with its id, the RFC 7638 thumbprint.
pub(super) struct SigningKey {
    pair: EcdsaKeyPair,
    pub(super) kid: String,
}

impl SigningKey {
    /// Reads the key from this file, or creates the file with a new key.
    pub(super) fn open(path: &Path) -> Result<Self, DevIssuerError> {
        let failed = |source| DevIssuerError::KeyFile { path: path.to_owned(), source };
        match std::fs::symlink_metadata(path) {
            Ok(about) if !about.is_file() || about.permissions().mode() & 0o077 != 0 => {
                Err(DevIssuerError::KeyMode { path: path.to_owned() })
            }
            Ok(_) => {
                let bytes = std::fs::read(path).map_err(failed)?;
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &bytes);
                let pair = pair.map_err(|_rejected| DevIssuerError::Key { path: path.to_owned() })?;
                Ok(Self::of(pair))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::new()?;
                let document = key.pair.to_pkcs8v1().map_err(|_unspecified| DevIssuerError::Sign)?;
                let mut options = std::fs::OpenOptions::new();
                let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
                file.write_all(document.as_ref()).map_err(failed)?;
                Ok(key)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Generates a key without storing it.
    pub(super) fn new() -> Result<Self, DevIssuerError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        pair.map(Self::of).map_err(|_unspecified| DevIssuerError::Sign)
    }

    fn of(pair: EcdsaKeyPair) -> Self {
        let mut key = Self { pair, kid: String::new() };
        let hash = digest::digest(&digest::SHA256, key.coordinates().to_string().as_bytes());
        key.kid = URL_SAFE_NO_PAD.encode(hash);
        key
    }

    /// Returns the members that RFC 7638 hashes, in its order.
    fn coordinates(&self) -> Value {
        // One byte for "uncompressed", then both coordinates.
        let (x, y) = self
            .pair
            .public_key()
            .as_ref()
            .get(1..)
            .unwrap_or_default()
            .split_at_checked(32)
            .unwrap_or_default();
        json!({ "crv": "P-256", "kty": "EC", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) })
    }

    /// Returns the public key as a JWK.
    pub(super) fn jwk(&self) -> Value {
        let mut jwk = self.coordinates();
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), self.kid.as_str().into());
            members.insert("use".to_owned(), "sig".into());
            members.insert("alg".to_owned(), "ES256".into());
        }
        jwk
    }

    /// Signs a message. Returns the signature in base64url, as in JWS.
    pub(super) fn sign(&self, message: &str) -> Result<String, DevIssuerError> {
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes());
        signature.map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).map_err(|_unspecified| DevIssuerError::Sign)
    }
}
