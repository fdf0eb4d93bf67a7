//! The table `hold`: sessions whose recordings retention leaves alone, and what the audit trail tells of them.
//!
//! The trail is what counts. A hold that the table does not say as it does was tampered with: that is found until somebody acknowledges it, and
//! who did, and why, is told ever after.

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

/// What the trail calls it that a session is held, released, and that somebody takes note of what happened to its hold besides.
const HOLD: &str = "session.hold";
const RELEASE: &str = "session.release";
const ACKNOWLEDGE: &str = "session.acknowledge";

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

/// What is wrong with a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldFault {
    /// The trail tells of it, and the table does not.
    Missing,
    /// The table says of it something else than the trail.
    Altered,
    /// The table says so, and the trail does not.
    Unknown,
    /// The recording went after it was held.
    Lost,
}

impl HoldFault {
    /// What is wrong with a hold of which trail and table say this, apart from its recording.
    pub fn between(trail: Option<&Hold>, table: Option<&Hold>) -> Option<Self> {
        match (trail, table) {
            (Some(_), None) => Some(Self::Missing),
            (None, Some(_)) => Some(Self::Unknown),
            (Some(trail), Some(table)) if trail != table => Some(Self::Altered),
            _ => None,
        }
    }

    /// All that is wrong with a hold, in words.
    pub fn all_in_words(faults: &[Self]) -> String {
        faults.iter().map(|fault| fault.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "its hold was taken away, and not by a release",
            Self::Altered => "its hold is not the one that the audit trail tells of",
            Self::Unknown => "it is held, and the audit trail does not tell of that",
            Self::Lost => "it is held, and its recording is gone",
        }
    }
}

/// The faults of a hold that somebody took note of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgedHold {
    /// Which session.
    pub session: SessionId,
    /// What was wrong, all of it.
    pub faults: Vec<HoldFault>,
    /// Whether it is held since: as it was before, or by who took note of it where the trail told of no hold.
    pub held: bool,
    /// Who took note of it.
    pub actor: String,
    /// Why that is accepted.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub ts_ms: i64,
}

/// What the trail tells of holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoldNotes {
    /// The sessions that are held.
    pub held: BTreeMap<SessionId, Hold>,
    /// Whose sessions they were when they were held: the newest hold of each tells.
    pub owners: BTreeMap<SessionId, String>,
    /// The faults that somebody took note of, the oldest first.
    pub acknowledged: Vec<AcknowledgedHold>,
    /// The trail cannot be read: that it tells of no hold says nothing.
    pub unreadable: bool,
}

impl HoldNotes {
    fn add(&mut self, ts_ms: i64, action: &str, [subject, actor]: [&str; 2], detail: &Value) {
        let Ok(session) = subject.parse::<SessionId>() else { return };
        let (actor, reason) = (actor.to_owned(), detail["reason"].as_str().unwrap_or_default().to_owned());
        let owner = detail["principal"].as_str().map(|owner| (session, owner.to_owned()));
        match action {
            HOLD => {
                self.owners.remove(&session);
                self.owners.extend(owner);
                self.held.insert(session, Hold { session, reason, actor, since_ms: ts_ms });
            }
            RELEASE => {
                self.held.remove(&session);
            }
            _ => {
                // Older entries name one.
                let faults = serde_json::from_value(detail["faults"].clone())
                    .or_else(|_| serde_json::from_value(detail["fault"].clone()).map(|fault| vec![fault]));
                let Ok(faults) = faults else { return };
                let held = detail["held"] == true;
                if held {
                    // One that the trail did not tell of is the hold of who took note of it.
                    self.owners.extend(owner);
                    self.held.entry(session).or_insert_with(|| Hold {
                        session,
                        reason: reason.clone(),
                        actor: actor.clone(),
                        since_ms: ts_ms,
                    });
                } else {
                    self.held.remove(&session);
                }
                self.acknowledged.push(AcknowledgedHold { session, faults, held, actor, reason, ts_ms });
            }
        }
    }
}

impl View {
    /// What the trail tells of holds. One that cannot be read says nothing, and that it does: [`View::verify_audit`] finds where.
    pub fn hold_notes(&self) -> Result<HoldNotes, StoreError> {
        match self.read_hold_notes() {
            Err(error) if error.is_fault_of_disk() => {
                Ok(HoldNotes { unreadable: true, ..HoldNotes::default() })
            }
            found => found,
        }
    }

    fn read_hold_notes(&self) -> Result<HoldNotes, StoreError> {
        let mut notes = HoldNotes::default();
        self.audit_of([HOLD, RELEASE, ACKNOWLEDGE], |entry| {
            let detail = serde_json::from_str(entry.detail).unwrap_or_default();
            notes.add(entry.ts_ms, entry.action, [entry.subject, entry.actor], &detail);
        })?;
        Ok(notes)
    }

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
        let mut held: BTreeSet<_> = self.hold_notes()?.held.into_keys().collect();
        held.extend(self.holds()?.into_iter().map(|hold| hold.session));
        Ok(held)
    }
}

impl Change<'_> {
    /// Holds a session of this principal, with `session.hold` in the audit trail: whose it was is told there, whatever becomes of the recording.
    ///
    /// # Errors
    /// [`StoreError::Exists`]: it is held already.
    pub fn add_hold(
        &self,
        session: SessionId,
        principal: &str,
        reason: &str,
        actor: &str,
    ) -> Result<Hold, StoreError> {
        let name = session.to_string();
        let hold =
            Hold { session, reason: reason.to_owned(), actor: actor.to_owned(), since_ms: self.now_ms };
        if self.insert_hold(&hold)? == 0 {
            return Err(StoreError::Exists { kind: "hold", name });
        }
        self.append_audit(actor, HOLD, &name, &json!({ "reason": reason, "principal": principal }))?;
        Ok(hold)
    }

    fn insert_hold(&self, hold: &Hold) -> Result<usize, StoreError> {
        let Hold { session, reason, actor, since_ms } = hold;
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO hold VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut insert| insert.execute(params![session.to_string(), reason, actor, since_ms]))
            .during("write a hold")
    }

    fn delete_hold(&self, session: SessionId) -> Result<usize, StoreError> {
        self.connection
            .prepare_cached("DELETE FROM hold WHERE session = ?1")
            .and_then(|mut delete| delete.execute([session.to_string()]))
            .during("remove a hold")
    }

    /// Takes note of what happened to a hold, with `session.acknowledge` in the audit trail, and makes the table say what the trail does. `lost`:
    /// its recording is gone, so that it ends. One that the trail does not tell of stays, as a hold of `actor`: only a release ends it.
    ///
    /// # Errors
    /// [`StoreError::Missing`]: nothing is wrong with it.
    pub fn acknowledge_hold(
        &self,
        session: SessionId,
        lost: bool,
        reason: &str,
        actor: &str,
    ) -> Result<AcknowledgedHold, StoreError> {
        let name = session.to_string();
        let trail = self.read_hold_notes()?.held.remove(&session);
        let table = self.holds()?.into_iter().find(|hold| hold.session == session);
        let lost = lost && (trail.is_some() || table.is_some());
        let mut faults: Vec<_> = HoldFault::between(trail.as_ref(), table.as_ref()).into_iter().collect();
        faults.extend(lost.then_some(HoldFault::Lost));
        if faults.is_empty() {
            return Err(StoreError::Missing { kind: "fault of a hold", name });
        }
        let detail = json!({ "reason": reason, "faults": faults, "held": !lost });
        let (actor, reason) = (actor.to_owned(), reason.to_owned());
        self.delete_hold(session)?;
        if !lost {
            let taken =
                || Hold { session, reason: reason.clone(), actor: actor.clone(), since_ms: self.now_ms };
            self.insert_hold(&trail.unwrap_or_else(taken))?;
        }
        self.append_audit(&actor, ACKNOWLEDGE, &name, &detail)?;
        Ok(AcknowledgedHold { session, faults, held: !lost, actor, reason, ts_ms: self.now_ms })
    }

    /// Lets retention have a session again, with `session.release` in the audit trail.
    ///
    /// # Errors
    /// [`StoreError::Missing`]: it is not held.
    pub fn remove_hold(&self, session: SessionId, reason: &str, actor: &str) -> Result<(), StoreError> {
        let name = session.to_string();
        if self.delete_hold(session)? == 0 {
            return Err(StoreError::Missing { kind: "hold", name });
        }
        self.append_audit(actor, RELEASE, &name, &json!({ "reason": reason }))
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
