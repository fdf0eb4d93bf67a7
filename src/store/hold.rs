//! The table `hold`: sessions whose recordings retention leaves alone.

use std::collections::BTreeSet;

use rusqlite::Row;
use rusqlite::params;
use serde_json::json;

use crate::domain::id::SessionId;
use crate::store::db::Change;
use crate::store::db::View;
use crate::store::db::parsed;
use crate::store::error::During;
use crate::store::error::StoreError;

/// Why a session's recording stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Which session.
    pub session: SessionId,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub actor: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
}

impl View {
    /// All holds, by session.
    pub fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        self.connection
            .prepare_cached("SELECT * FROM hold ORDER BY session")
            .and_then(|mut select| select.query_map([], read)?.collect())
            .during("list the held sessions")
    }

    /// The sessions that retention must leave alone: those that are held, and those of which the audit trail says so. Who takes a hold away besides
    /// has nothing removed by that.
    pub fn held(&self) -> Result<BTreeSet<SessionId>, StoreError> {
        let mut held: BTreeSet<_> = self.held_by_trail()?.into_keys().collect();
        held.extend(self.holds()?.into_iter().map(|hold| hold.session));
        Ok(held)
    }
}

impl Change<'_> {
    /// Holds a session, with `session.hold` in the audit trail.
    ///
    /// # Errors
    /// [`StoreError::Exists`]: it is held already.
    pub fn add_hold(&self, session: SessionId, reason: &str, actor: &str) -> Result<Hold, StoreError> {
        let name = session.to_string();
        let added = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO hold VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut insert| insert.execute(params![name, reason, actor, self.now_ms]))
            .during("write a hold")?;
        if added == 0 {
            return Err(StoreError::Exists { kind: "hold", name });
        }
        self.append_audit(actor, "session.hold", &name, &json!({ "reason": reason }))?;
        Ok(Hold { session, reason: reason.to_owned(), actor: actor.to_owned(), since_ms: self.now_ms })
    }

    /// Lets retention have a session again, with `session.release` in the audit trail.
    ///
    /// # Errors
    /// [`StoreError::Missing`]: it is not held.
    pub fn remove_hold(&self, session: SessionId, reason: &str, actor: &str) -> Result<(), StoreError> {
        let name = session.to_string();
        let removed = self
            .connection
            .prepare_cached("DELETE FROM hold WHERE session = ?1")
            .and_then(|mut delete| delete.execute([&name]))
            .during("remove a hold")?;
        if removed == 0 {
            return Err(StoreError::Missing { kind: "hold", name });
        }
        self.append_audit(actor, "session.release", &name, &json!({ "reason": reason }))
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Hold> {
    Ok(Hold {
        session: parsed(row, "session")?,
        reason: row.get("reason")?,
        actor: row.get("actor")?,
        since_ms: row.get("since_ms")?,
    })
}
