//! The table `jwks`: the last valid key set of each issuer, for a start while the issuer is unreachable.

use rusqlite::OptionalExtension;
use rusqlite::params;

use crate::store::db::Change;
use crate::store::db::View;
use crate::store::error::During;
use crate::store::error::StoreError;

impl View {
    /// Reads the stored key set of an issuer, and when it was fetched, in milliseconds since 1970.
    pub fn jwks(&self, issuer: &str) -> Result<Option<(Vec<u8>, i64)>, StoreError> {
        self.connection
            .prepare_cached("SELECT body, fetched_ms FROM jwks WHERE issuer = ?1")
            .and_then(|mut select| {
                select.query_row([issuer], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .during("read a key set")
    }
}

impl Change<'_> {
    /// Stores a key set. One older than the stored one does not replace it.
    pub fn save_jwks(&self, issuer: &str, body: &[u8], fetched_ms: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO jwks VALUES (?1, ?2, ?3)
                 ON CONFLICT (issuer) DO UPDATE SET body = ?2, fetched_ms = ?3 WHERE fetched_ms <= ?3",
            )
            .and_then(|mut insert| insert.execute(params![issuer, body, fetched_ms]))
            .during("write a key set")
            .map(drop)
    }
}
