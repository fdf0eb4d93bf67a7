//! The table `hold`: sessions under legal hold, which retention must not remove, and the audit trail's
//! entries about them.
//!
//! The trail is authoritative. A hold for which table and trail disagree was tampered with: it is reported
//! until somebody acknowledges it, and who did so, and why, is shown ever after.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use rusqlite::Row;
use rusqlite::params;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::domain::id::SessionId;
use crate::store::db::Change;
use crate::store::db::View;
use crate::store::db::parsed;
use crate::store::error::During;
use crate::store::error::StoreError;

/// The audit actions for placing a hold, lifting it, and acknowledging a fault.
const HOLD: &str = "session.hold";
const RELEASE: &str = "session.release";
const ACKNOWLEDGE: &str = "session.acknowledge";

/// The legal hold of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegalHold {
    /// The session on hold.
    pub session: SessionId,
    /// The reason.
    pub reason: String,
    /// The actor who placed it.
    pub actor: String,
    /// When it was placed, in milliseconds since 1970.
    pub since_ms: i64,
}

/// A fault of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegalHoldFault {
    /// The trail has it, and the table does not.
    Missing,
    /// The table disagrees with the trail.
    Altered,
    /// The table has it, and the trail does not.
    Unknown,
    /// The recording was removed after the hold was placed.
    Lost,
}

impl LegalHoldFault {
    /// Returns the fault of a hold, given its entries in trail and table; ignores its recording.
    pub fn between(trail: Option<&LegalHold>, table: Option<&LegalHold>) -> Option<Self> {
        match (trail, table) {
            (Some(_), None) => Some(Self::Missing),
            (None, Some(_)) => Some(Self::Unknown),
            (Some(trail), Some(table)) if trail != table => Some(Self::Altered),
            _ => None,
        }
    }

    /// Returns all faults of a hold, as text.
    pub fn all_in_words(faults: &[Self]) -> String {
        faults.iter().map(|fault| fault.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// Returns the fault as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "its hold was taken away, and not by a release",
            Self::Altered => "its hold is not the one that the audit trail tells of",
            Self::Unknown => "it is held, and the audit trail does not tell of that",
            Self::Lost => "it is held, and its recording is gone",
        }
    }
}

/// Acknowledged faults of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgedLegalHold {
    /// The session on hold.
    pub session: SessionId,
    /// All acknowledged faults.
    pub faults: Vec<LegalHoldFault>,
    /// Whether it is on hold since: as before, or placed by whoever acknowledged it if the trail had no hold.
    pub held: bool,
    /// The actor who acknowledged it.
    pub actor: String,
    /// The reason.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub ts_ms: i64,
}

/// The holds according to the trail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LegalHoldNotes {
    /// The sessions on hold.
    pub held: BTreeMap<SessionId, LegalHold>,
    /// The principals of the sessions, from the newest hold of each.
    pub owners: BTreeMap<SessionId, String>,
    /// The acknowledged faults, oldest first.
    pub acknowledged: Vec<AcknowledgedLegalHold>,
    /// The trail cannot be read, so that a missing hold means nothing.
    pub unreadable: bool,
}

impl LegalHoldNotes {
    fn add(&mut self, ts_ms: i64, action: &str, [subject, actor]: [&str; 2], detail: &Value) {
        let Ok(session) = subject.parse::<SessionId>() else { return };
        let (actor, reason) = (actor.to_owned(), detail["reason"].as_str().unwrap_or_default().to_owned());
        let owner = detail["principal"].as_str().map(|owner| (session, owner.to_owned()));
        match action {
            HOLD => {
                self.owners.remove(&session);
                self.owners.extend(owner);
                self.held.insert(session, LegalHold { session, reason, actor, since_ms: ts_ms });
            }
            RELEASE => {
                self.held.remove(&session);
            }
            _ => {
                // Older entries name one fault.
                let faults = serde_json::from_value(detail["faults"].clone())
                    .or_else(|_| serde_json::from_value(detail["fault"].clone()).map(|fault| vec![fault]));
                let Ok(faults) = faults else { return };
                let held = detail["held"] == true;
                if held {
                    // A hold without an entry in the trail becomes that of whoever acknowledged it.
                    self.owners.extend(owner);
                    self.held.entry(session).or_insert_with(|| LegalHold {
                        session,
                        reason: reason.clone(),
                        actor: actor.clone(),
                        since_ms: ts_ms,
                    });
                } else {
                    self.held.remove(&session);
                }
                self.acknowledged.push(AcknowledgedLegalHold { session, faults, held, actor, reason, ts_ms });
            }
        }
    }
}

impl View {
    /// Reads the holds from the trail. If it cannot be read, the result is empty and marked as such:
    /// [`View::verify_audit`] finds where.
    pub fn legal_hold_notes(&self) -> Result<LegalHoldNotes, StoreError> {
        match self.read_legal_hold_notes() {
            Err(error) if error.is_fault_of_disk() => {
                Ok(LegalHoldNotes { unreadable: true, ..LegalHoldNotes::default() })
            }
            found => found,
        }
    }

    fn read_legal_hold_notes(&self) -> Result<LegalHoldNotes, StoreError> {
        let mut notes = LegalHoldNotes::default();
        self.audit_of([HOLD, RELEASE, ACKNOWLEDGE], |entry| {
            let detail = serde_json::from_str(entry.detail).unwrap_or_default();
            notes.add(entry.ts_ms, entry.action, [entry.subject, entry.actor], &detail);
        })?;
        Ok(notes)
    }

    /// Lists all legal holds, by session.
    pub fn legal_holds(&self) -> Result<Vec<LegalHold>, StoreError> {
        self.connection
            .prepare_cached("SELECT * FROM hold ORDER BY session")
            .and_then(|mut select| select.query_map([], read)?.collect())
            .during("list the held sessions")
    }

    /// Returns the sessions that retention must not remove: those on hold in the table or in the trail.
    /// Deleting a hold from the table alone therefore removes nothing.
    pub fn under_legal_hold(&self) -> Result<BTreeSet<SessionId>, StoreError> {
        let mut held: BTreeSet<_> = self.legal_hold_notes()?.held.into_keys().collect();
        held.extend(self.legal_holds()?.into_iter().map(|hold| hold.session));
        Ok(held)
    }
}

impl Change<'_> {
    /// Places a session of this principal under legal hold, with `session.hold` in the audit trail, which
    /// keeps the principal whatever happens to the recording.
    ///
    /// # Errors
    /// [`StoreError::Exists`]: it is already on hold.
    pub fn place_legal_hold(
        &self,
        session: SessionId,
        principal: &str,
        reason: &str,
        actor: &str,
    ) -> Result<LegalHold, StoreError> {
        let name = session.to_string();
        let hold =
            LegalHold { session, reason: reason.to_owned(), actor: actor.to_owned(), since_ms: self.now_ms };
        if self.insert_legal_hold(&hold)? == 0 {
            return Err(StoreError::Exists { kind: "hold", name });
        }
        self.append_audit(actor, HOLD, &name, &json!({ "reason": reason, "principal": principal }))?;
        Ok(hold)
    }

    fn insert_legal_hold(&self, hold: &LegalHold) -> Result<usize, StoreError> {
        let LegalHold { session, reason, actor, since_ms } = hold;
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO hold VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut insert| insert.execute(params![session.to_string(), reason, actor, since_ms]))
            .during("write a hold")
    }

    fn delete_legal_hold(&self, session: SessionId) -> Result<usize, StoreError> {
        self.connection
            .prepare_cached("DELETE FROM hold WHERE session = ?1")
            .and_then(|mut delete| delete.execute([session.to_string()]))
            .during("remove a hold")
    }

    /// Acknowledges the faults of a hold, with `session.acknowledge` in the audit trail, and makes the table
    /// agree with the trail. `lost`: its recording is gone, so the hold ends. A hold without an entry in the
    /// trail stays, as a hold of `actor`: only a release ends it.
    ///
    /// # Errors
    /// [`StoreError::Missing`]: it has no fault.
    pub fn acknowledge_legal_hold(
        &self,
        session: SessionId,
        lost: bool,
        reason: &str,
        actor: &str,
    ) -> Result<AcknowledgedLegalHold, StoreError> {
        let name = session.to_string();
        let trail = self.read_legal_hold_notes()?.held.remove(&session);
        let table = self.legal_holds()?.into_iter().find(|hold| hold.session == session);
        let lost = lost && (trail.is_some() || table.is_some());
        let mut faults: Vec<_> =
            LegalHoldFault::between(trail.as_ref(), table.as_ref()).into_iter().collect();
        faults.extend(lost.then_some(LegalHoldFault::Lost));
        if faults.is_empty() {
            return Err(StoreError::Missing { kind: "fault of a hold", name });
        }
        let detail = json!({ "reason": reason, "faults": faults, "held": !lost });
        let (actor, reason) = (actor.to_owned(), reason.to_owned());
        self.delete_legal_hold(session)?;
        if !lost {
            let taken =
                || LegalHold { session, reason: reason.clone(), actor: actor.clone(), since_ms: self.now_ms };
            self.insert_legal_hold(&trail.unwrap_or_else(taken))?;
        }
        self.append_audit(&actor, ACKNOWLEDGE, &name, &detail)?;
        Ok(AcknowledgedLegalHold { session, faults, held: !lost, actor, reason, ts_ms: self.now_ms })
    }

    /// Lifts the hold of a session, with `session.release` in the audit trail.
    ///
    /// # Errors
    /// [`StoreError::Missing`]: it is not on hold.
    pub fn lift_legal_hold(&self, session: SessionId, reason: &str, actor: &str) -> Result<(), StoreError> {
        let name = session.to_string();
        if self.delete_legal_hold(session)? == 0 {
            return Err(StoreError::Missing { kind: "hold", name });
        }
        self.append_audit(actor, RELEASE, &name, &json!({ "reason": reason }))
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<LegalHold> {
    Ok(LegalHold {
        session: parsed(row, "session")?,
        reason: row.get("reason")?,
        actor: row.get("actor")?,
        since_ms: row.get("since_ms")?,
    })
}
