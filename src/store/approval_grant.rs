//! The table `approval_grant`: grants that approvals gave.

use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;

use crate::domain::approval::Grant;
use crate::domain::id::ApprovalId;
use crate::domain::id::GrantId;
use crate::domain::id::SessionId;
use crate::store::db::Change;
use crate::store::db::View;
use crate::store::db::parsed;
use crate::store::error::During;
use crate::store::error::StoreError;

impl View {
    /// Lists the newest 1000 grants, newest first: all, or those in force at `standing_at_ms`.
    pub fn grants(&self, standing_at_ms: Option<i64>) -> Result<Vec<Grant>, StoreError> {
        self.connection
            .prepare_cached(
                "SELECT * FROM approval_grant WHERE ?1 IS NULL OR (ended_ms IS NULL AND expires_ms > ?1)
                 ORDER BY id DESC LIMIT 1000",
            )
            .and_then(|mut select| select.query_map([standing_at_ms], read)?.collect())
            .during("list the grants")
    }

    /// Lists every grant that has neither ended nor expired by `now_ms`.
    pub fn live_grants(&self, now_ms: i64) -> Result<Vec<Grant>, StoreError> {
        self.connection
            .prepare_cached(
                "SELECT * FROM approval_grant WHERE ended_ms IS NULL AND expires_ms > ?1 ORDER BY id",
            )
            .and_then(|mut select| select.query_map([now_ms], read)?.collect())
            .during("list the grants")
    }

    /// Reads one grant.
    pub fn grant(&self, id: GrantId) -> Result<Option<Grant>, StoreError> {
        self.connection
            .prepare_cached("SELECT * FROM approval_grant WHERE id = ?1")
            .and_then(|mut select| select.query_row([id.to_string()], read).optional())
            .during("read a grant")
    }

    /// Reads the grant of an approval.
    pub fn grant_of(&self, approval: ApprovalId) -> Result<Option<Grant>, StoreError> {
        self.connection
            .prepare_cached("SELECT * FROM approval_grant WHERE approval = ?1")
            .and_then(|mut select| select.query_row([approval.to_string()], read).optional())
            .during("read a grant")
    }

    /// Lists the grants that end with a session and have not ended.
    pub fn grants_of_session(&self, session: SessionId) -> Result<Vec<Grant>, StoreError> {
        self.connection
            .prepare_cached(
                "SELECT * FROM approval_grant WHERE ended_ms IS NULL AND scope = 'session' AND bound_to = ?1",
            )
            .and_then(|mut select| select.query_map([session.to_string()], read)?.collect())
            .during("list the grants of a session")
    }
}

impl Change<'_> {
    /// Inserts a new grant.
    pub fn insert_grant(&self, grant: &Grant) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO approval_grant VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    grant.id.to_string(),
                    grant.approval.to_string(),
                    grant.principal,
                    grant.connection.as_str(),
                    grant.rule,
                    grant.scope.to_string(),
                    grant.bound_to,
                    grant.created_ms,
                    grant.expires_ms,
                    grant.ended_ms,
                    grant.terms
                ])
            })
            .during("write a grant")
            .map(drop)
    }

    /// Ends a grant at `now_ms`. Returns whether it was in force until now.
    pub fn end_grant(&self, id: GrantId, now_ms: i64) -> Result<bool, StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE approval_grant SET ended_ms = ?2 WHERE id = ?1 AND ended_ms IS NULL AND expires_ms > ?2",
            )
            .and_then(|mut update| update.execute(params![id.to_string(), now_ms]))
            .during("end a grant")
            .map(|changed| changed == 1)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Grant> {
    Ok(Grant {
        id: parsed(row, "id")?,
        approval: parsed(row, "approval")?,
        principal: row.get("principal")?,
        connection: parsed(row, "connection")?,
        rule: row.get("rule")?,
        scope: parsed(row, "scope")?,
        bound_to: row.get("bound_to")?,
        created_ms: row.get("created_ms")?,
        expires_ms: row.get("expires_ms")?,
        ended_ms: row.get("ended_ms")?,
        terms: row.get("terms")?,
        suspended: false,
    })
}
