//! The table `approval`: held commands. Every change of state names the state it starts from, so that of two
//! racing changes exactly one takes effect.

use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;
use serde::Deserialize;
use serde::Serialize;

use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::command::Class;
use crate::domain::connection::ConnectionName;
use crate::domain::id::ApprovalId;
use crate::domain::principal::Kind;
use crate::store::db::Change;
use crate::store::db::View;
use crate::store::db::from_json;
use crate::store::db::parsed;
use crate::store::db::to_json;
use crate::store::db::word;
use crate::store::error::During;
use crate::store::error::StoreError;

/// All columns except the detail, which may be long.
const WITHOUT_DETAIL: &str = "approval.id, state, approval.principal, label, kind, member_of, source, \
    approval.connection, session, session_end_ms, request, approval.rule, spec, digest, summary, '' AS detail, \
    truncated, reason, revision, class, approval.created_ms, approval.expires_ms, approval_grant.id AS grant_id";
/// An approval with the grant it gave, if any.
const JOINED: &str = "approval LEFT JOIN approval_grant ON approval_grant.approval = approval.id";

/// Selects approvals; unset members select all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalFilter {
    /// Only approvals in this state.
    pub state: Option<ApprovalState>,
    /// Only approvals of this requester.
    pub principal: Option<String>,
    /// Only approvals on this connection.
    pub connection: Option<ConnectionName>,
    /// Only approvals older than this one, which must exist.
    pub before: Option<ApprovalId>,
    /// Maximum number of approvals; the newest are returned. `None`: 1000.
    pub limit: Option<u32>,
}

/// What two requests must share to be held as one approval.
#[derive(Debug, Clone, Copy)]
pub struct Same<'a> {
    /// The requester's principal id.
    pub principal: &'a str,
    /// Name of the connection.
    pub connection: &'a ConnectionName,
    /// The policies that hold it.
    pub rule: &'a str,
    /// The digest of the command.
    pub digest: &'a str,
    /// What else must be equal: who must approve, and the session for a grant that ends with it.
    pub slot: &'a str,
}

impl View {
    /// Lists the approvals that match a filter, newest first, with an empty `detail`.
    pub fn approvals(&self, filter: &ApprovalFilter) -> Result<Vec<Approval>, StoreError> {
        let sql = format!(
            "SELECT {WITHOUT_DETAIL} FROM {JOINED} WHERE (?1 IS NULL OR state = ?1) AND \
             (?2 IS NULL OR approval.principal = ?2) AND (?3 IS NULL OR approval.connection = ?3) AND \
             (?5 IS NULL OR (approval.created_ms, approval.id) < \
               (SELECT created_ms, id FROM approval AS last WHERE last.id = ?5)) \
             ORDER BY approval.created_ms DESC, approval.id DESC LIMIT ?4"
        );
        let wanted = params![
            filter.state.map(ApprovalState::as_str),
            filter.principal,
            filter.connection.as_ref().map(ConnectionName::as_str),
            filter.limit.unwrap_or(1000),
            filter.before.map(|id| id.to_string()),
        ];
        let mut found: Vec<Approval> = self
            .connection
            .prepare_cached(&sql)
            .and_then(|mut select| select.query_map(wanted, read)?.collect())
            .during("list the approvals")?;
        for approval in &mut found {
            approval.decisions = self.approval_decisions(approval.id)?;
        }
        Ok(found)
    }

    /// Reads one approval, including its detail.
    pub fn approval(&self, id: ApprovalId) -> Result<Option<Approval>, StoreError> {
        let sql =
            format!("SELECT approval.*, approval_grant.id AS grant_id FROM {JOINED} WHERE approval.id = ?1");
        let found: Option<Approval> = self
            .connection
            .prepare_cached(&sql)
            .and_then(|mut select| select.query_row([id.to_string()], read).optional())
            .during("read an approval")?;
        found.map(|approval| self.with_decisions(approval)).transpose()
    }

    /// Finds the newest approval of the same command in one of these states, with an empty `detail`.
    pub fn same_approval(
        &self,
        same: &Same<'_>,
        states: &[ApprovalState],
    ) -> Result<Option<Approval>, StoreError> {
        self.same_with(same, states, "")
    }

    /// Returns an approval like [`Self::same_approval`], for one that ended after `ended_after_ms` and whose
    /// requester has not been told.
    pub fn untold_approval(
        &self,
        same: &Same<'_>,
        states: &[ApprovalState],
        ended_after_ms: i64,
    ) -> Result<Option<Approval>, StoreError> {
        self.same_with(same, states, &format!("AND told = 0 AND approval.ended_ms > {ended_after_ms}"))
    }

    fn same_with(
        &self,
        same: &Same<'_>,
        states: &[ApprovalState],
        more: &str,
    ) -> Result<Option<Approval>, StoreError> {
        let states: Vec<String> = states.iter().map(|state| format!("'{state}'")).collect();
        let sql = format!(
            "SELECT {WITHOUT_DETAIL} FROM {JOINED} WHERE approval.principal = ?1 AND approval.connection = ?2 AND \
             approval.rule = ?3 AND digest = ?4 AND slot = ?5 AND state IN ({}) {more} \
             ORDER BY approval.created_ms DESC, approval.id DESC LIMIT 1",
            states.join(",")
        );
        let wanted = params![same.principal, same.connection.as_str(), same.rule, same.digest, same.slot];
        let found: Option<Approval> = self
            .connection
            .prepare(&sql)
            .and_then(|mut select| select.query_row(wanted, read).optional())
            .during("look for an approval")?;
        found.map(|approval| self.with_decisions(approval)).transpose()
    }

    /// Lists approvals in state `pending` or `approved` that end by `now_ms`, at most `limit`, earliest end
    /// first.
    pub fn due_approvals(&self, now_ms: i64, limit: u32) -> Result<Vec<ApprovalId>, StoreError> {
        self.connection
            .prepare_cached(
                "SELECT id FROM approval WHERE state IN ('approved', 'pending') AND expires_ms <= ?1
                 ORDER BY expires_ms LIMIT ?2",
            )
            .and_then(|mut select| {
                select.query_map([now_ms, limit.into()], |row| parsed(row, "id"))?.collect()
            })
            .during("look for approvals that expire")
    }

    /// Counts the pending approvals.
    pub fn count_pending(&self) -> Result<u64, StoreError> {
        self.connection
            .prepare_cached("SELECT count(*) FROM approval WHERE state = 'pending'")
            .and_then(|mut select| select.query_row([], |row| row.get::<_, i64>(0)))
            .during("count the pending approvals")
            .map(i64::cast_unsigned)
    }

    /// Counts the pending approvals of one requester.
    pub fn count_pending_of(&self, principal: &str) -> Result<u64, StoreError> {
        self.connection
            .prepare_cached("SELECT count(*) FROM approval WHERE state = 'pending' AND principal = ?1")
            .and_then(|mut select| select.query_row([principal], |row| row.get::<_, i64>(0)))
            .during("count the pending approvals of a principal")
            .map(i64::cast_unsigned)
    }

    /// The terms that an approval was asked for on.
    pub fn terms_of(&self, id: ApprovalId) -> Result<String, StoreError> {
        self.connection
            .prepare_cached("SELECT terms FROM approval WHERE id = ?1")
            .and_then(|mut select| select.query_row([id.to_string()], |row| row.get(0)))
            .during("read an approval")
    }

    /// When the session of an approval ends at the latest, in milliseconds since 1970.
    pub fn session_end_of(&self, id: ApprovalId) -> Result<i64, StoreError> {
        self.connection
            .prepare_cached("SELECT session_end_ms FROM approval WHERE id = ?1")
            .and_then(|mut select| select.query_row([id.to_string()], |row| row.get(0)))
            .during("read an approval")
    }

    fn with_decisions(&self, mut approval: Approval) -> Result<Approval, StoreError> {
        approval.decisions = self.approval_decisions(approval.id)?;
        Ok(approval)
    }
}

impl Change<'_> {
    /// Inserts a new approval, without decisions or grant.
    pub fn insert_approval(
        &self,
        approval: &Approval,
        slot: &str,
        session_end_ms: i64,
    ) -> Result<(), StoreError> {
        let (spec, groups) = (to_json(&approval.spec)?, to_json(&approval.groups)?);
        self.connection
            .prepare_cached(
                "INSERT INTO approval (id, state, principal, label, kind, member_of, source, connection, session,
                     session_end_ms, request, rule, spec, digest, slot, summary, detail, truncated, reason, revision,
                     created_ms, expires_ms, class)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
                     ?21, ?22, ?23)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    approval.id.to_string(),
                    approval.state.as_str(),
                    approval.principal,
                    approval.label,
                    approval.kind.as_str(),
                    groups,
                    approval.source,
                    approval.connection.as_str(),
                    approval.session.to_string(),
                    session_end_ms,
                    approval.request.to_string(),
                    approval.rule,
                    spec,
                    approval.digest,
                    slot,
                    approval.summary,
                    approval.detail,
                    approval.truncated,
                    approval.reason,
                    approval.revision.cast_signed(),
                    approval.created_ms,
                    approval.expires_ms,
                    approval.class.as_str()
                ])
            })
            .during("write an approval")
            .map(drop)
    }

    /// Keeps the terms that an approval is asked for on.
    pub fn set_terms(&self, id: ApprovalId, terms: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE approval SET terms = ?2 WHERE id = ?1")
            .and_then(|mut update| update.execute([id.to_string().as_str(), terms]))
            .during("write an approval")
            .map(drop)
    }

    /// Moves an approval from one state to another that ends it. `told`: its requester hears of it now. Says
    /// whether it was in `from`.
    pub fn end_approval(
        &self,
        id: ApprovalId,
        from: ApprovalState,
        to: ApprovalState,
        told: bool,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE approval SET state = ?3, told = ?4, ended_ms = ?5 WHERE id = ?1 AND state = ?2",
            )
            .and_then(|mut update| {
                update.execute(params![id.to_string(), from.as_str(), to.as_str(), told, now_ms])
            })
            .during("end an approval")
            .map(|changed| changed == 1)
    }

    /// Moves an approval from `pending` to `approved`, with its new end. Returns whether it was pending and
    /// not yet expired.
    pub fn approve(&self, id: ApprovalId, expires_ms: i64, now_ms: i64) -> Result<bool, StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE approval SET state = 'approved', expires_ms = ?2
                 WHERE id = ?1 AND state = 'pending' AND expires_ms > ?3",
            )
            .and_then(|mut update| update.execute(params![id.to_string(), expires_ms, now_ms]))
            .during("approve")
            .map(|changed| changed == 1)
    }

    /// Moves the approval of exactly this command from `approved` to `used`. Returns whether it was approved,
    /// for this command, and not yet expired: of any number of attempts at most one gets `true`.
    pub fn use_approval(&self, id: ApprovalId, same: &Same<'_>, now_ms: i64) -> Result<bool, StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE approval SET state = 'used', told = 1, ended_ms = ?7
                 WHERE id = ?1 AND state = 'approved' AND principal = ?2 AND connection = ?3 AND rule = ?4
                   AND digest = ?5 AND slot = ?6 AND expires_ms > ?7",
            )
            .and_then(|mut update| {
                update.execute(params![
                    id.to_string(),
                    same.principal,
                    same.connection.as_str(),
                    same.rule,
                    same.digest,
                    same.slot,
                    now_ms
                ])
            })
            .during("use an approval")
            .map(|changed| changed == 1)
    }

    /// Notes that the requester was told how an approval ended.
    pub fn tell_approval(&self, id: ApprovalId) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE approval SET told = 1 WHERE id = ?1")
            .and_then(|mut update| update.execute([id.to_string()]))
            .during("note that an approval was told")
            .map(drop)
    }

    /// Removes approvals that ended before `before_ms` and whose grant is over too. Returns how many.
    pub fn prune_approvals(&self, before_ms: i64) -> Result<u64, StoreError> {
        self.connection
            .prepare_cached(
                "DELETE FROM approval WHERE state NOT IN ('approved', 'pending') AND ended_ms < ?1 AND NOT EXISTS
                     (SELECT 1 FROM approval_grant AS g
                      WHERE g.approval = approval.id AND coalesce(g.ended_ms, g.expires_ms) >= ?1)",
            )
            .and_then(|mut delete| delete.execute([before_ms]))
            .during("remove old approvals")
            .map(|removed| u64::try_from(removed).unwrap_or(u64::MAX))
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Approval> {
    let grant: Option<String> = row.get("grant_id")?;
    Ok(Approval {
        id: parsed(row, "id")?,
        state: word(row, "state", ApprovalState::parse)?,
        principal: row.get("principal")?,
        label: row.get("label")?,
        kind: word(row, "kind", Kind::parse)?,
        groups: from_json(row, "member_of")?,
        source: row.get("source")?,
        connection: parsed(row, "connection")?,
        session: parsed(row, "session")?,
        request: parsed(row, "request")?,
        rule: row.get("rule")?,
        spec: from_json(row, "spec")?,
        digest: row.get("digest")?,
        class: word(row, "class", Class::parse)?,
        summary: row.get("summary")?,
        detail: row.get("detail")?,
        truncated: row.get("truncated")?,
        reason: row.get("reason")?,
        revision: row.get::<_, i64>("revision")?.cast_unsigned(),
        created_ms: row.get("created_ms")?,
        expires_ms: row.get("expires_ms")?,
        decisions: Vec::new(),
        grant: grant.map(|_id| parsed(row, "grant_id")).transpose()?,
    })
}
