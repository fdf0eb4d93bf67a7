//! Who waits for which approval, in memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::broadcast;
use tokio::sync::watch;

use crate::approval::ticket::Outcome;
use crate::domain::approval::Approval;
use crate::domain::approval::Grant;
use crate::domain::id::ApprovalId;

/// How many changes a slow reader of the stream may be behind before it misses some.
const CHANGES: usize = 1024;

/// Something about approvals changed; for the event stream of the admin API. A reader that falls behind asks for the
/// list again.
#[derive(Debug, Clone)]
pub enum Change {
    /// An approval is new, has another decision or another state. Its `detail` is left out.
    Approval(Arc<Approval>),
    /// A grant was given, used up or revoked.
    Grant(Arc<Grant>),
}

/// The waiting requests. Its lock is held for a few instructions only, never while anything is awaited or written.
pub(super) struct Desk {
    state: Mutex<State>,
    changes: broadcast::Sender<Change>,
}

#[derive(Default)]
struct State {
    seats: HashMap<ApprovalId, Seat>,
    /// Approvals that ended by themselves and that nobody was given yet to record.
    ended: Vec<Approval>,
}

struct Seat {
    outcome: watch::Sender<Option<Outcome>>,
    /// Requests that wait right now.
    tickets: usize,
    /// Requests that were told to come back later and have not yet.
    away: usize,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), changes: broadcast::Sender::new(CHANGES) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more request waits for a pending approval; it may be one that was told to come back.
    pub(super) fn sit(&self, id: ApprovalId) -> watch::Receiver<Option<Outcome>> {
        let mut state = self.state();
        let seat = state.seats.entry(id).or_insert_with(|| Seat {
            outcome: watch::Sender::new(None),
            tickets: 0,
            away: 0,
        });
        seat.tickets += 1;
        seat.away = seat.away.saturating_sub(1);
        seat.outcome.subscribe()
    }

    /// One request waits no more; `comes_back`: it was told to ask again later. Says whether nobody is left.
    pub(super) fn leave(&self, id: ApprovalId, comes_back: bool) -> bool {
        let mut state = self.state();
        let Some(seat) = state.seats.get_mut(&id) else { return false };
        seat.tickets = seat.tickets.saturating_sub(1);
        seat.away += usize::from(comes_back);
        seat.tickets == 0 && seat.away == 0
    }

    /// Whether a request waits for it right now, and so will hear how it ends.
    pub(super) fn occupied(&self, id: ApprovalId) -> bool {
        self.state().seats.get(&id).is_some_and(|seat| seat.tickets > 0)
    }

    /// Whether every request that waited for it is gone for good.
    pub(super) fn deserted(&self, id: ApprovalId) -> bool {
        self.state().seats.get(&id).is_some_and(|seat| seat.tickets == 0 && seat.away == 0)
    }

    /// The approvals of which every request is gone for good.
    pub(super) fn all_deserted(&self) -> Vec<ApprovalId> {
        let state = self.state();
        let gone = state.seats.iter().filter(|(_, seat)| seat.tickets == 0 && seat.away == 0);
        gone.map(|(id, _)| *id).collect()
    }

    /// Wakes all who wait for it with how it ended.
    pub(super) fn settle(&self, id: ApprovalId, outcome: Outcome) {
        let seat = self.state().seats.remove(&id);
        if let Some(seat) = seat {
            seat.outcome.send_replace(Some(outcome));
        }
    }

    /// Keeps an approval that ended by itself for [`Self::take_ended`].
    pub(super) fn note_ended(&self, approval: Approval) {
        self.state().ended.push(approval);
    }

    /// The approvals that ended by themselves since the last call.
    pub(super) fn take_ended(&self) -> Vec<Approval> {
        std::mem::take(&mut self.state().ended)
    }

    /// Tells the readers of the stream.
    pub(super) fn publish(&self, change: Change) {
        // Without readers there is nobody to tell.
        drop(self.changes.send(change));
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}
