//! The table `approval_decision`: the decisions of approvers.

use rusqlite::params;

use crate::domain::approval::ApprovalDecision;
use crate::domain::id::ApprovalId;
use crate::store::db::Change;
use crate::store::db::View;
use crate::store::error::During;
use crate::store::error::StoreError;

impl View {
    /// Lists the decisions about one approval, in order.
    pub fn approval_decisions(&self, id: ApprovalId) -> Result<Vec<ApprovalDecision>, StoreError> {
        self.connection
            .prepare_cached(
                "SELECT by, approve, reason, at_ms FROM approval_decision WHERE approval = ?1 ORDER BY seq",
            )
            .and_then(|mut select| {
                select
                    .query_map([id.to_string()], |row| {
                        Ok(ApprovalDecision {
                            by: row.get(0)?,
                            approve: row.get(1)?,
                            reason: row.get(2)?,
                            at_ms: row.get(3)?,
                        })
                    })?
                    .collect()
            })
            .during("read the decisions on an approval")
    }
}

impl Change<'_> {
    /// Adds one approver's decision. Returns `false` if that approver has already made the same decision.
    pub fn insert_decision(&self, id: ApprovalId, decision: &ApprovalDecision) -> Result<bool, StoreError> {
        self.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO approval_decision (approval, by, approve, reason, at_ms, seq)
                 SELECT ?1, ?2, ?3, ?4, ?5, count(*) FROM approval_decision WHERE approval = ?1",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    id.to_string(),
                    decision.by,
                    decision.approve,
                    decision.reason,
                    decision.at_ms
                ])
            })
            .during("write a decision on an approval")
            .map(|changed| changed == 1)
    }
}
