//! The table `lock`: current revocations.

use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;
use serde_json::json;

use crate::domain::id::LockId;
use crate::domain::lock::Lock;
use crate::domain::lock::LockTarget;
use crate::store::db::Change;
use crate::store::db::View;
use crate::store::db::parsed;
use crate::store::error::During;
use crate::store::error::StoreError;

/// How long an expired lock is kept: longer than a clock is likely to be wrong.
const SWEPT_AFTER_MS: i64 = 24 * 60 * 60 * 1000;

impl View {
    /// Lists the locks that have not expired by `now_ms`, oldest first.
    pub fn locks(&self, now_ms: i64) -> Result<Vec<Lock>, StoreError> {
        self.connection
            .prepare_cached("SELECT * FROM lock WHERE expires_ms IS NULL OR expires_ms > ?1 ORDER BY id")
            .and_then(|mut select| select.query_map([now_ms], read)?.collect())
            .during("list the locks")
    }

    /// Reads one lock, including an expired one that was not swept yet.
    pub fn lock(&self, id: LockId) -> Result<Option<Lock>, StoreError> {
        self.connection
            .prepare_cached("SELECT * FROM lock WHERE id = ?1")
            .and_then(|mut select| select.query_row([id.to_string()], read).optional())
            .during("read a lock")
    }
}

impl Change<'_> {
    /// Sets a lock, with `lock.add` in the audit trail.
    ///
    /// # Errors
    /// Only those of the database.
    pub fn add_lock(
        &self,
        target: &LockTarget,
        reason: &str,
        expires_ms: Option<i64>,
        actor: &str,
    ) -> Result<Lock, StoreError> {
        let lock = Lock {
            id: LockId::new(),
            target: target.clone(),
            reason: reason.to_owned(),
            actor: actor.to_owned(),
            created_ms: self.now_ms,
            expires_ms,
        };
        self.connection
            .prepare_cached("INSERT INTO lock VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
            .and_then(|mut insert| {
                insert.execute(params![
                    lock.id.to_string(),
                    lock.target.to_string(),
                    lock.reason,
                    lock.actor,
                    lock.created_ms,
                    lock.expires_ms
                ])
            })
            .during("write a lock")?;
        let detail = json!({ "target": lock.target, "reason": lock.reason, "expires_ms": lock.expires_ms });
        self.append_audit(actor, "lock.add", &lock.id.to_string(), &detail)?;
        Ok(lock)
    }

    /// Removes a lock, with `lock.remove` in the audit trail. Returns the removed lock.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub fn remove_lock(&self, id: LockId, actor: &str) -> Result<Lock, StoreError> {
        let lock =
            self.lock(id)?.ok_or_else(|| StoreError::Missing { kind: "lock", name: id.to_string() })?;
        self.delete_lock(id)?;
        let detail = json!({ "target": lock.target, "reason": lock.reason });
        self.append_audit(actor, "lock.remove", &id.to_string(), &detail)?;
        Ok(lock)
    }

    /// Removes the locks that expired at least a day before `now_ms`, with `lock.expire` in the audit trail
    /// for each. A lock that only a wrong clock takes for expired is in force again when the clock is right.
    pub fn sweep_locks(&self, now_ms: i64) -> Result<Vec<Lock>, StoreError> {
        let before = now_ms.saturating_sub(SWEPT_AFTER_MS);
        let fallen: Vec<Lock> = self
            .connection
            .prepare_cached("SELECT * FROM lock WHERE expires_ms <= ?1 ORDER BY id")
            .and_then(|mut select| select.query_map([before], read)?.collect())
            .during("list the locks that have fallen")?;
        for lock in &fallen {
            self.delete_lock(lock.id)?;
            let detail =
                json!({ "target": lock.target, "reason": lock.reason, "expires_ms": lock.expires_ms });
            self.append_audit("hoopctl", "lock.expire", &lock.id.to_string(), &detail)?;
        }
        Ok(fallen)
    }

    fn delete_lock(&self, id: LockId) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM lock WHERE id = ?1")
            .and_then(|mut delete| delete.execute([id.to_string()]))
            .during("remove a lock")
            .map(drop)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Lock> {
    Ok(Lock {
        id: parsed(row, "id")?,
        target: parsed(row, "target")?,
        reason: row.get("reason")?,
        actor: row.get("actor")?,
        created_ms: row.get("created_ms")?,
        expires_ms: row.get("expires_ms")?,
    })
}
