//! The transaction of a session at the target: its status, and its changes that no other session sees.

use std::cell::Cell;

use crate::protocol::postgres::rows::Exposure;
use crate::protocol::postgres::session::kin::Tie;
use crate::protocol::postgres::session::kin::Ties;
use crate::protocol::postgres::targets::Change;
use crate::protocol::postgres::wire::back::Transaction;

/// The state of a session's transaction.
#[derive(Debug)]
pub(super) struct OpenTransaction {
    /// The status at the last `ReadyForQuery`.
    status: Cell<Transaction>,
    /// Whether it has failed, and nothing has ended it since.
    aborted: Cell<bool>,
    /// What it may have changed in the catalog, visible to others once it ends.
    change: Cell<Change>,
    /// The relations that it may have made children of others.
    pub(super) ties: Ties,
    /// Where masked values may turn up by what its commands have changed or run.
    exposure: Cell<Exposure>,
}

impl OpenTransaction {
    /// Creates the transaction of a session that begins with this status.
    pub(super) fn new(status: Transaction) -> Self {
        Self {
            status: Cell::new(status),
            aborted: Cell::new(status == Transaction::Failed),
            change: Cell::default(),
            ties: Ties::default(),
            exposure: Cell::new(Exposure::NOTHING),
        }
    }

    /// Returns the status at the last `ReadyForQuery`.
    pub(super) fn status(&self) -> Transaction {
        self.status.get()
    }

    /// Notes the status of a `ReadyForQuery`. Returns the status before.
    pub(super) fn ready(&self, now: Transaction) -> Transaction {
        self.aborted.set(now == Transaction::Failed);
        self.status.replace(now)
    }

    /// Returns whether it has failed, as far as the replies tell.
    pub(super) fn is_aborted(&self) -> bool {
        self.aborted.get()
    }

    /// Notes that a statement is complete: in a failed transaction only one that ends it completes.
    pub(super) fn statement_done(&self) {
        self.aborted.set(false);
    }

    /// Notes a command that was sent. `exposure`: what may still be said of it when it is done.
    pub(super) fn sent(&self, change: Change, ties: Vec<Tie>, exposure: Exposure) {
        self.change.set(self.change.get().max(change));
        self.ties.sent(ties);
        self.exposure.set(self.exposure.get().join(exposure));
    }

    /// Returns what it may have changed in the catalog.
    pub(super) fn change(&self) -> Change {
        self.change.get()
    }

    /// Where masked values may turn up by what its commands have changed or run.
    pub(super) fn exposure(&self) -> Exposure {
        self.exposure.get()
    }

    /// Notes its end. `more_sent`: messages behind the end were sent already, and the next transaction, which
    /// may have begun with them, keeps what they may have left. `next_began`: one of them has changed the
    /// catalogue, and that is kept too. Returns what may have changed for others.
    pub(super) fn ended(&self, more_sent: bool, next_began: bool) -> Change {
        if !more_sent {
            self.exposure.set(Exposure::NOTHING);
        }
        if next_began {
            return self.change.get();
        }
        self.ties.ended();
        self.change.take()
    }

    /// Takes what it may have changed, at the end of the session: how the transaction ends is not seen any
    /// more.
    pub(super) fn take_change(&self) -> Change {
        self.change.take()
    }
}
