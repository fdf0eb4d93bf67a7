//! What the recordings say of themselves, held against the audit trail.

use std::collections::BTreeMap;

use crate::control::ApiError;
use crate::control::noun::session::WholeReport;
use crate::domain::id::SessionId;
use crate::gateway::admin::Admin;
use crate::gateway::admin::fault::fault_of_reading;
use crate::gateway::admin::fault::fault_of_store;
use crate::store::JournalNotes;
use crate::store::StoreError;
use crate::store::View;

/// What the store says of the recordings at one moment.
struct Told {
    notes: JournalNotes,
    /// The sessions that are held, each with the time since when: by the table of them, and by the trail.
    holds: BTreeMap<SessionId, i64>,
    by_trail: BTreeMap<SessionId, i64>,
}

impl Told {
    fn read(view: &View) -> Result<Self, StoreError> {
        let holds = view.holds()?.into_iter().map(|hold| (hold.session, hold.since_ms)).collect();
        Ok(Self { notes: view.journal_notes()?, holds, by_trail: view.held_by_trail()? })
    }

    /// All that either says to be held.
    fn held(&self) -> BTreeMap<SessionId, i64> {
        let mut held = self.holds.clone();
        held.extend(&self.by_trail);
        held
    }

    /// How many sessions the one says to be held, and the other not, or since another time.
    fn holds_unlike(&self) -> u64 {
        let only = |one: &BTreeMap<SessionId, i64>, other: &BTreeMap<SessionId, i64>| {
            one.keys().filter(|session| !other.contains_key(session)).count() as u64
        };
        let since =
            self.holds.iter().filter(|(id, since)| self.by_trail.get(id).is_some_and(|ms| ms != *since));
        only(&self.holds, &self.by_trail) + only(&self.by_trail, &self.holds) + since.count() as u64
    }
}

impl Admin {
    async fn told(&self) -> Result<Told, ApiError> {
        self.store.read(Told::read).await.map_err(|error| fault_of_store(&error))
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
        whole.holds_unlike = after.holds_unlike();
        if let Some(found) = found {
            whole.unexplained = found.unexplained(&after.notes);
            whole.unlike = found.unlike(&after.notes);
            whole.altered = found.altered(&after.notes);
            whole.lost_holds = found.lost(&after.held());
        }
        Ok(after.notes)
    }
}
