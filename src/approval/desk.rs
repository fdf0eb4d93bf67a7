//! The requests that wait for an approval, in memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use tokio::sync::broadcast;
use tokio::sync::watch;

use crate::approval::ticket::Outcome;
use crate::domain::approval::Approval;
use crate::domain::approval::Grant;
use crate::domain::id::ApprovalId;
use crate::domain::sync::lock;

/// How many changes a slow reader of the stream may lag behind before it misses some.
const CHANGES: usize = 1024;

/// A change of approvals, for the event stream of the admin API. A reader that lags behind has to list them
/// again.
#[derive(Debug, Clone)]
pub enum Change {
    /// An approval is new, or has another decision or state. Its `detail` is left out.
    Approval(Arc<Approval>),
    /// A grant was given, used up or revoked.
    Grant(Arc<Grant>),
}

/// The waiting requests. Its lock is only held for a few instructions, never across an await or I/O.
pub(super) struct Desk {
    state: Mutex<State>,
    changes: broadcast::Sender<Change>,
}

#[derive(Default)]
struct State {
    seats: HashMap<ApprovalId, Seat>,
    /// Approvals that ended by themselves and were not returned for recording yet.
    ended: Vec<Approval>,
}

struct Seat {
    outcome: watch::Sender<Option<Outcome>>,
    /// The requests that wait now.
    tickets: usize,
    /// The requests that were told to come back later and have not yet.
    away: usize,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), changes: broadcast::Sender::new(CHANGES) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Adds a request that waits for a pending approval; it may be one that was told to come back.
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

    /// Removes a waiting request; `comes_back`: it was told to ask again later. Returns whether no request is
    /// left.
    pub(super) fn leave(&self, id: ApprovalId, comes_back: bool) -> bool {
        let mut state = self.state();
        let Some(seat) = state.seats.get_mut(&id) else { return false };
        seat.tickets = seat.tickets.saturating_sub(1);
        seat.away += usize::from(comes_back);
        seat.tickets == 0 && seat.away == 0
    }

    /// Returns whether a request waits for the approval now, and so will be told how it ends.
    pub(super) fn occupied(&self, id: ApprovalId) -> bool {
        self.state().seats.get(&id).is_some_and(|seat| seat.tickets > 0)
    }

    /// Returns whether all requests for the approval are gone for good.
    pub(super) fn deserted(&self, id: ApprovalId) -> bool {
        self.state().seats.get(&id).is_some_and(|seat| seat.tickets == 0 && seat.away == 0)
    }

    /// Returns the approvals whose requests are all gone for good.
    pub(super) fn all_deserted(&self) -> Vec<ApprovalId> {
        let state = self.state();
        let gone = state.seats.iter().filter(|(_, seat)| seat.tickets == 0 && seat.away == 0);
        gone.map(|(id, _)| *id).collect()
    }

    /// Wakes all waiting requests with the outcome.
    pub(super) fn resolve(&self, id: ApprovalId, outcome: Outcome) {
        let seat = self.state().seats.remove(&id);
        if let Some(seat) = seat {
            seat.outcome.send_replace(Some(outcome));
        }
    }

    /// Keeps an approval that ended by itself for [`Self::take_ended`].
    pub(super) fn note_ended(&self, approval: Approval) {
        self.state().ended.push(approval);
    }

    /// Takes the approvals that ended by themselves since the last call.
    pub(super) fn take_ended(&self) -> Vec<Approval> {
        std::mem::take(&mut self.state().ended)
    }

    /// Publishes a change to the readers of the stream.
    pub(super) fn publish(&self, change: Change) {
        // Fails if there are no readers.
        drop(self.changes.send(change));
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}
