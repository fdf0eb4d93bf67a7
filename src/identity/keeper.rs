//! Stores key sets across restarts.

/// Stores the last good key set of each issuer across restarts. Key sets are public.
pub trait KeyKeeper: Send + Sync {
    /// Returns the key set last saved under this name, with the time of its fetch in milliseconds since 1970.
    fn load(&self, issuer: &str) -> Option<(Vec<u8>, i64)>;
    /// Saves a key set under a name. May block; the keeper reports failures itself.
    fn save(&self, issuer: &str, jwks: &[u8], at_ms: i64);
}

/// A keeper that stores nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeeper;

impl KeyKeeper for NoKeeper {
    fn load(&self, _issuer: &str) -> Option<(Vec<u8>, i64)> {
        None
    }

    fn save(&self, _issuer: &str, _jwks: &[u8], _at_ms: i64) {}
}
