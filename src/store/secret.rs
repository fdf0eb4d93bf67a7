//! The table `secret`: sealed bytes by name. Only the holder of the sealing key can open them.

use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;

use crate::store::db::Change;
use crate::store::db::View;
use crate::store::error::During;
use crate::store::error::StoreError;

/// A stored secret, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSecret {
    /// Its name: `KEY` of `store:KEY`.
    pub key: String,
    /// When it was first set, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was last set, in milliseconds since 1970.
    pub updated_ms: i64,
    /// The actor who set it last.
    pub actor: String,
}

impl View {
    /// Lists all secrets, by name.
    pub fn secrets(&self) -> Result<Vec<StoredSecret>, StoreError> {
        self.connection
            .prepare_cached("SELECT key, created_ms, updated_ms, actor FROM secret ORDER BY key")
            .and_then(|mut select| select.query_map([], read)?.collect())
            .during("list the secrets")
    }

    /// Reads the sealed bytes of one secret.
    pub fn sealed_secret(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.connection
            .prepare_cached("SELECT sealed FROM secret WHERE key = ?1")
            .and_then(|mut select| select.query_row([key], |row| row.get(0)).optional())
            .during("read a secret")
    }

    /// All secrets, with their sealed bytes: to see whether the sealing key is the right one, and which of
    /// them are damaged. None: a new key may be made.
    pub fn sealed_secrets(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.connection
            .prepare_cached("SELECT key, sealed FROM secret ORDER BY key")
            .and_then(|mut select| select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
            .during("read the secrets")
    }
}

impl Change<'_> {
    /// Stores sealed bytes under a name, replacing older ones, with `secret.set` in the audit trail. The
    /// older bytes are erased from disk.
    pub fn put_secret(&self, key: &str, sealed: &[u8], actor: &str) -> Result<(), StoreError> {
        self.scrub_after();
        let replaced = self.sealed_secret(key)?.is_some();
        self.connection
            .prepare_cached(
                "INSERT INTO secret VALUES (?1, ?2, ?3, ?3, ?4)
                 ON CONFLICT (key) DO UPDATE SET sealed = ?2, updated_ms = ?3, actor = ?4",
            )
            .and_then(|mut insert| insert.execute(params![key, sealed, self.now_ms, actor]))
            .during("write a secret")?;
        self.append_audit(actor, "secret.set", key, &json!({ "replaced": replaced }))
    }

    /// Removes a secret, with `secret.remove` in the audit trail. Its bytes are erased from disk.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub fn remove_secret(&self, key: &str, actor: &str) -> Result<(), StoreError> {
        self.scrub_after();
        let removed = self
            .connection
            .prepare_cached("DELETE FROM secret WHERE key = ?1")
            .and_then(|mut delete| delete.execute([key]))
            .during("remove a secret")?;
        if removed == 0 {
            return Err(StoreError::Missing { kind: "secret", name: key.to_owned() });
        }
        self.append_audit(actor, "secret.remove", key, &json!({}))
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredSecret> {
    Ok(StoredSecret {
        key: row.get("key")?,
        created_ms: row.get("created_ms")?,
        updated_ms: row.get("updated_ms")?,
        actor: row.get("actor")?,
    })
}
