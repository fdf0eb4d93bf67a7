//! Compares the recordings with the audit trail.

use std::collections::BTreeMap;

use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::session::FaultyLegalHold;
use crate::control::noun::session::WholeReport;
use crate::domain::id::SessionId;
use crate::gateway::admin::Admin;
use crate::gateway::admin::fault::fault_of_reading;
use crate::gateway::admin::fault::fault_of_store;
use crate::store::JournalNotes;
use crate::store::LegalHold;
use crate::store::LegalHoldFault;
use crate::store::LegalHoldNotes;
use crate::store::StoreError;
use crate::store::View;

/// The store's statements about the recordings at one moment.
struct Told {
    notes: JournalNotes,
    /// The held sessions: by their table, and by the trail.
    table: BTreeMap<SessionId, LegalHold>,
    trail: LegalHoldNotes,
}

impl Told {
    fn read(view: &View) -> Result<Self, StoreError> {
        Self::with(view.journal_notes()?, view)
    }

    /// Reads the statements about holds, and of those about the recordings only when they began.
    fn of_holds(view: &View) -> Result<Self, StoreError> {
        let notes = JournalNotes { begun_ms: view.journal_begun_ms()?, ..JournalNotes::default() };
        Self::with(notes, view)
    }

    fn with(notes: JournalNotes, view: &View) -> Result<Self, StoreError> {
        let table = view.legal_holds()?.into_iter().map(|hold| (hold.session, hold)).collect();
        Ok(Self { notes, table, trail: view.legal_hold_notes()? })
    }

    /// Returns all sessions that either says are held, each with its start.
    fn held(&self) -> BTreeMap<SessionId, i64> {
        let both = self.table.iter().chain(&self.trail.held);
        both.map(|(session, hold)| (*session, hold.since_ms)).collect()
    }

    /// Returns what is wrong with a hold, apart from its recording. Nothing is if the trail cannot be read.
    fn fault(&self, session: SessionId) -> Option<LegalHoldFault> {
        if self.trail.unreadable {
            return None;
        }
        LegalHoldFault::between(self.trail.held.get(&session), self.table.get(&session))
    }

    /// Returns the holds on which both disagree.
    fn unlike(&self) -> impl Iterator<Item = FaultyLegalHold> {
        let fault = |session| self.fault(session).map(|fault| FaultyLegalHold { session, fault });
        self.held().into_keys().filter_map(fault)
    }
}

/// A hold by the trail and by the table, and what is wrong with it.
pub(super) struct HeldNow {
    /// The hold by the trail, and by the table.
    pub(super) told: [Option<LegalHold>; 2],
    /// The owner of the session when it was held, if the trail names one.
    pub(super) owner: Option<String>,
    /// All problems.
    pub(super) faults: Vec<LegalHoldFault>,
}

impl Admin {
    async fn told(&self) -> Result<Told, ApiError> {
        self.store.read(Told::read).await.map_err(|error| fault_of_store(&error))
    }

    /// Returns the statements about one hold, and whether its recording exists.
    pub(super) async fn held_now(&self, id: SessionId) -> Result<HeldNow, ApiError> {
        let told = self.store.read(Told::of_holds).await;
        let mut told = told.map_err(|error| fault_of_store(&error))?;
        if told.trail.unreadable {
            let text = format!("the audit trail cannot be read: so it is unknown whether {id} is still held");
            return Err(
                ApiError::new(ErrorCode::Integrity, text).hint("hoopctl session verify --all".to_owned())
            );
        }
        let mut faults: Vec<_> = told.fault(id).into_iter().collect();
        let held: BTreeMap<_, _> = told.held().into_iter().filter(|(session, _)| *session == id).collect();
        if !held.is_empty() {
            let notes = std::mem::take(&mut told.notes);
            let lost = self.read_now(move |reader| {
                let found = reader.against(&notes, &held).map_err(|error| fault_of_reading(&error))?;
                Ok(found.is_some_and(|found| !found.lost(&held).is_empty()))
            });
            if lost.await?.unwrap_or_default() {
                faults.push(LegalHoldFault::Lost);
            }
        }
        let owner = told.trail.owners.remove(&id);
        Ok(HeldNow { told: [told.trail.held.remove(&id), told.table.remove(&id)], owner, faults })
    }

    /// Compares the recordings with the audit trail. Removals are noted before they happen, and releases
    /// before the removal that follows: so the trail is read before and after, and each finding must hold
    /// against both.
    pub(super) async fn hold_against_trail(&self, whole: &mut WholeReport) -> Result<JournalNotes, ApiError> {
        let before = self.told().await?;
        let found = if whole.unreadable {
            None
        } else {
            let held = before.held();
            let against = self.read_now(move |reader| {
                reader.against(&before.notes, &held).map_err(|error| fault_of_reading(&error))
            });
            against.await?.flatten()
        };
        let after = self.told().await?;
        whole.faulty_holds = after.unlike().collect();
        whole.holds_unlike = whole.faulty_holds.len() as u64;
        if let Some(found) = found {
            whole.unexplained = found.unexplained(&after.notes);
            whole.unlike = found.unlike(&after.notes);
            whole.altered = found.altered(&after.notes);
            let lost = found.lost(&after.held());
            whole.lost_holds = lost.len() as u64;
            let lost =
                lost.into_iter().map(|session| FaultyLegalHold { session, fault: LegalHoldFault::Lost });
            whole.faulty_holds.extend(lost);
        }
        whole.acknowledged = after.trail.acknowledged;
        Ok(after.notes)
    }
}
