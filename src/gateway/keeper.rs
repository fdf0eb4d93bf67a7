//! Implements for other modules what they keep in the store: key sets of issuers, sealed secrets, and pins.

use crate::identity::KeyKeeper;
use crate::protocol::mcp::PinBatch;
use crate::protocol::mcp::PinKeeper;
use crate::protocol::mcp::ToKeep;
use crate::secret::FetchSealed;
use crate::secret::SealedSource;
use crate::store::Store;

/// Keeps key sets across restarts.
pub struct StoredKeys(pub Store);

impl KeyKeeper for StoredKeys {
    fn load(&self, issuer: &str) -> Option<(Vec<u8>, i64)> {
        let issuer = issuer.to_owned();
        let loaded = self.0.call_blocking(move |db| db.read(|view| view.jwks(&issuer)));
        loaded.unwrap_or_else(|error| {
            tracing::warn!(%error, "stored keys cannot be read");
            None
        })
    }

    fn save(&self, issuer: &str, jwks: &[u8], at_ms: i64) {
        let (issuer, jwks) = (issuer.to_owned(), jwks.to_vec());
        let saved = self.0.call_later(move |db| {
            if let Err(error) = db.change(|change| change.save_jwks(&issuer, &jwks, at_ms)) {
                tracing::warn!(%error, "keys cannot be stored");
            }
        });
        if let Err(error) = saved {
            tracing::warn!(%error, "keys cannot be stored");
        }
    }
}

/// Fetches sealed secrets.
pub struct StoredSecrets(pub Store);

impl SealedSource for StoredSecrets {
    fn fetch<'a>(&'a self, key: &'a str) -> FetchSealed<'a> {
        let key = key.to_owned();
        Box::pin(async move {
            self.0.read(move |view| view.sealed_secret(&key)).await.map_err(|error| error.to_string())
        })
    }
}

/// Keeps pins across restarts.
pub struct StoredPins(pub Store);

impl PinKeeper for StoredPins {
    fn keep(&self, batch: PinBatch) {
        let begun = self.0.call_later(move |db| {
            let ToKeep { pins, notes, receipt } = batch.take();
            let saved = db.change(|change| {
                change.save_pins(&pins)?;
                change.note_pins(&notes)
            });
            match saved {
                Ok(()) => receipt.kept(),
                Err(error) => {
                    tracing::error!(%error, "pins cannot be stored; the next list brings them again");
                }
            }
        });
        if let Err(error) = begun {
            tracing::error!(%error, "pins cannot be stored now; this is retried");
        }
    }
}
