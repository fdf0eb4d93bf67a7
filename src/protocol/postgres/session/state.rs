//! The state that both directions of a session share. They are two futures of one task, so cells are enough.

use std::cell::Cell;
use std::cell::RefCell;
use std::sync::Arc;

use crate::pipeline::Seat;
use crate::protocol::postgres::judge::Judge;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::session::catalog_access::CatalogHandle;
use crate::protocol::postgres::session::last_changes::LastChanges;
use crate::protocol::postgres::session::names::Names;
use crate::protocol::postgres::session::open_transaction::OpenTransaction;
use crate::protocol::postgres::session::outbox::Outbox;
use crate::protocol::postgres::session::pending::PendingReplies;
use crate::protocol::postgres::session::run::Run;
use crate::protocol::postgres::session::search_path::SearchPath;
use crate::protocol::postgres::session::session_settings::SessionSettings;
use crate::protocol::postgres::session::signals::Signals;
use crate::protocol::postgres::upstream::CopyIn;

/// The state that both directions of one session read and change.
pub(super) struct SessionState {
    /// The client's login session.
    pub(super) seat: Seat,
    /// The judge of SQL texts.
    pub(super) judge: Arc<Judge>,
    /// The session's access to the target's catalog.
    pub(super) catalog: CatalogHandle,
    /// The name of the database at the target.
    pub(super) database: String,
    /// The most rows that one statement may return; `None` for no limit.
    pub(super) row_limit: Option<u64>,
    /// The process id of the session at the target, as the target has told it.
    pub(super) process: Option<u32>,
    /// The target's lexing rules, as last reported.
    pub(super) lexing: Cell<Lexing>,
    /// The replies that the target still owes.
    pub(super) pending: RefCell<PendingReplies>,
    /// The prepared statements and portals.
    pub(super) names: RefCell<Names>,
    /// The last messages that may have changed what later ones are judged by.
    pub(super) last_changes: LastChanges,
    pub(super) transaction: OpenTransaction,
    /// Whether names without a schema may be looked up elsewhere than usual.
    pub(super) search_path: SearchPath,
    pub(super) settings: SessionSettings,
    pub(super) outbox: Outbox,
    pub(super) signals: Signals,
    /// The copy that is running; `Some` while the target takes data of a `COPY … FROM STDIN`.
    pub(super) copying: RefCell<Option<Copying>>,
}

/// A `COPY … FROM STDIN` that is running.
pub(super) struct Copying {
    /// The proof that its data may be sent.
    pub(super) permitted: CopyIn,
    run: Run,
}

impl Copying {
    /// Returns the copy of an admitted command; `None` if the command was not admitted.
    pub(super) fn of(run: &Run) -> Option<Self> {
        let permitted = CopyIn::of(run.get().guard.as_ref()?);
        Some(Self { permitted, run: run.clone() })
    }

    /// Counts one message that is passed on, with its data.
    pub(super) fn count(&self, data: &[u8]) {
        if let Some(copied) = &mut self.run.get().copied {
            copied.bytes = copied.bytes.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
            copied.messages = copied.messages.saturating_add(1);
            if let Some(digest) = &mut copied.digest {
                digest.update(data);
            }
        }
    }
}

impl SessionState {
    /// Returns whether no reply is due and no statement is held.
    pub(super) fn is_idle(&self) -> bool {
        self.pending.borrow().is_empty() && !self.signals.is_held()
    }
}
