//! What both directions of a session know. They are two futures of one task, so cells are enough.

use std::cell::Cell;
use std::cell::RefCell;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::sync::Notify;

use crate::pipeline::Seat;
use crate::protocol::postgres::judge::Judge;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::rows::Exposure;
use crate::protocol::postgres::session::kin::Ties;
use crate::protocol::postgres::session::names::Names;
use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::session::pending::PendingReplies;
use crate::protocol::postgres::session::run::Run;
use crate::protocol::postgres::session::search_path::SearchPath;
use crate::protocol::postgres::session::session_settings::SessionSettings;
use crate::protocol::postgres::targets::Change;
use crate::protocol::postgres::targets::Entry;
use crate::protocol::postgres::targets::Targets;
use crate::protocol::postgres::upstream::CopyIn;
use crate::protocol::postgres::wire::back::Transaction;

/// What both directions of one session know, and change.
pub(super) struct SessionState {
    pub(super) seat: Seat,
    pub(super) judge: Arc<Judge>,
    pub(super) targets: Targets,
    /// What is known of the target's catalogue, and for which masks; none until it is needed.
    pub(super) catalog: RefCell<Option<(Box<str>, Arc<Entry>)>>,
    pub(super) database: String,
    /// How many rows one statement may give.
    pub(super) rows: Option<u64>,
    pub(super) pending: RefCell<PendingReplies>,
    pub(super) names: RefCell<Names>,
    pub(super) transaction: Cell<Transaction>,
    /// The number of its process at the target, as that has told it.
    pub(super) process: Option<u32>,
    /// How the target cuts texts into words, as it last told.
    pub(super) lexing: Cell<Lexing>,
    /// The last message that may change that, or where names are looked up.
    pub(super) unsure: Cell<Number>,
    /// The last message that may change what a prepared statement is.
    pub(super) statement_naming: Cell<Number>,
    /// The last message that may change what a portal is.
    pub(super) portal_naming: Cell<Number>,
    /// The last message that may do either in another way than by a `Parse` or `Bind` of that name.
    pub(super) other_naming: Cell<Number>,
    /// The first message of the open series: what fails in it makes the target pass over its rest.
    pub(super) series: Cell<Number>,
    /// Where masked values may turn up that commands of the open transaction have reached.
    pub(super) reached: Cell<Exposure>,
    /// The first message that is not sent yet.
    pub(super) batch: Cell<Number>,
    /// What the open transaction may have changed of the catalogue, for others from its end on.
    pub(super) ddl: Cell<Change>,
    /// Which relations it may have made children of others.
    pub(super) ties: Ties,
    /// The last message that may change the catalogue.
    pub(super) remade: Cell<Number>,
    /// Whether names without a schema may be looked up elsewhere than usual.
    pub(super) search_path: SearchPath,
    pub(super) settings: SessionSettings,
    /// The transaction has failed, and nothing has ended it since.
    pub(super) aborted: Cell<bool>,
    /// What the gateway has to say to the client, whole messages; sent at the next place between two messages
    /// of the target.
    pub(super) outbox: RefCell<BytesMut>,
    /// There is something in the outbox.
    pub(super) wake: Notify,
    /// Something that was owed has come.
    pub(super) progress: Notify,
    /// The target's catalogue is asked, which may take its time.
    pub(super) asks: Notify,
    /// A statement is held for people, or waits for the catalogue.
    pub(super) held: Cell<bool>,
    /// The client has asked to cancel what is held.
    pub(super) withdrawn: Notify,
    /// The target should be asked to cancel what it runs.
    pub(super) cancel: Notify,
    /// The client has been told that the session ends.
    pub(super) said: Cell<bool>,
    /// There while the target takes data that is copied in.
    pub(super) copying: RefCell<Option<Copying>>,
}

/// Data is copied in.
pub(super) struct Copying {
    /// The proof that it may be.
    pub(super) permitted: CopyIn,
    run: Run,
}

impl Copying {
    /// The copy of a command that was admitted; `None` of one that was not.
    pub(super) fn of(run: &Run) -> Option<Self> {
        let permitted = CopyIn::of(run.get().guard.as_ref()?);
        Some(Self { permitted, run: run.clone() })
    }

    /// Counts what passes.
    pub(super) fn count(&self, bytes: usize) {
        if let Some(copied) = &mut self.run.get().copied {
            copied.bytes = copied.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
            copied.messages = copied.messages.saturating_add(1);
        }
    }
}

impl SessionState {
    /// Whether nothing runs and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.pending.borrow().is_empty() && !self.held.get()
    }

    /// Says something to the client.
    pub(super) fn say(&self, write: impl FnOnce(&mut BytesMut)) {
        write(&mut self.outbox.borrow_mut());
        self.wake.notify_one();
    }
}
