//! What the recordings say of themselves, held against the audit trail.

use std::collections::BTreeMap;

use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::session::FaultyHold;
use crate::control::noun::session::WholeReport;
use crate::domain::id::SessionId;
use crate::gateway::admin::Admin;
use crate::gateway::admin::fault::fault_of_reading;
use crate::gateway::admin::fault::fault_of_store;
use crate::store::Hold;
use crate::store::HoldFault;
use crate::store::HoldNotes;
use crate::store::JournalNotes;
use crate::store::StoreError;
use crate::store::View;

/// What the store says of the recordings at one moment.
struct Told {
    notes: JournalNotes,
    /// The sessions that are held: by the table of them, and by the trail.
    table: BTreeMap<SessionId, Hold>,
    trail: HoldNotes,
}

impl Told {
    fn read(view: &View) -> Result<Self, StoreError> {
        Self::with(view.journal_notes()?, view)
    }

    /// What is said of holds, and of the recordings only since when they are.
    fn of_holds(view: &View) -> Result<Self, StoreError> {
        let notes = JournalNotes { begun_ms: view.journal_begun_ms()?, ..JournalNotes::default() };
        Self::with(notes, view)
    }

    fn with(notes: JournalNotes, view: &View) -> Result<Self, StoreError> {
        let table = view.holds()?.into_iter().map(|hold| (hold.session, hold)).collect();
        Ok(Self { notes, table, trail: view.hold_notes()? })
    }

    /// All that either says to be held, each with the time since when.
    fn held(&self) -> BTreeMap<SessionId, i64> {
        let both = self.table.iter().chain(&self.trail.held);
        both.map(|(session, hold)| (*session, hold.since_ms)).collect()
    }

    /// What is wrong with a hold, apart from its recording. Against a trail that cannot be read nothing is.
    fn fault(&self, session: SessionId) -> Option<HoldFault> {
        if self.trail.unreadable {
            return None;
        }
        HoldFault::between(self.trail.held.get(&session), self.table.get(&session))
    }

    /// The holds that the one tells of, and the other does not, or not alike.
    fn unlike(&self) -> impl Iterator<Item = FaultyHold> {
        let fault = |session| self.fault(session).map(|fault| FaultyHold { session, fault });
        self.held().into_keys().filter_map(fault)
    }
}

/// A hold, as the trail and the table say, and what is wrong with it.
pub(super) struct HeldNow {
    /// What the trail and what the table says.
    pub(super) told: [Option<Hold>; 2],
    /// Whose session it was when it was held, where the trail tells.
    pub(super) owner: Option<String>,
    /// What is wrong, all of it.
    pub(super) faults: Vec<HoldFault>,
}

impl Admin {
    async fn told(&self) -> Result<Told, ApiError> {
        self.store.read(Told::read).await.map_err(|error| fault_of_store(&error))
    }

    /// What is told of one hold, and whether its recording is there.
    pub(super) async fn held_now(&self, id: SessionId) -> Result<HeldNow, ApiError> {
        let told = self.store.read(Told::of_holds).await;
        let mut told = told.map_err(|error| fault_of_store(&error))?;
        if told.trail.unreadable {
            let text =
                format!("the audit trail cannot be read: nothing tells whether {id} is held as it was");
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
                faults.push(HoldFault::Lost);
            }
        }
        let owner = told.trail.owners.remove(&id);
        Ok(HeldNow { told: [told.trail.held.remove(&id), told.table.remove(&id)], owner, faults })
    }

    /// Holds what the recordings say of themselves against the audit trail. What is removed is noted before, and what is released is removed
    /// after: so what the trail tells is read before and after, and each finding must hold against both.
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
            let lost = lost.into_iter().map(|session| FaultyHold { session, fault: HoldFault::Lost });
            whole.faulty_holds.extend(lost);
        }
        whole.acknowledged = after.trail.acknowledged;
        Ok(after.notes)
    }
}
