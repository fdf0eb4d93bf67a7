//! What both directions of a session know. They are two futures of one task, so cells are enough.

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

/// What both directions of one session know, and change.
pub(super) struct SessionState {
    /// The client's place.
    pub(super) seat: Seat,
    /// Judges SQL.
    pub(super) judge: Arc<Judge>,
    /// The target's catalogue.
    pub(super) catalog: CatalogHandle,
    /// The database at the target.
    pub(super) database: String,
    /// How many rows one statement may give.
    pub(super) row_limit: Option<u64>,
    /// The number of its process at the target, as that has told it.
    pub(super) process: Option<u32>,
    /// How the target cuts texts into words, as it last told.
    pub(super) lexing: Cell<Lexing>,
    /// What the target still has to answer.
    pub(super) pending: RefCell<PendingReplies>,
    /// The prepared statements and portals.
    pub(super) names: RefCell<Names>,
    /// Which messages may last have changed what later ones are judged by.
    pub(super) last_changes: LastChanges,
    pub(super) transaction: OpenTransaction,
    /// Whether names without a schema may be looked up elsewhere than usual.
    pub(super) search_path: SearchPath,
    pub(super) settings: SessionSettings,
    pub(super) outbox: Outbox,
    pub(super) signals: Signals,
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

    /// Counts a message that passes, with the data in it.
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
    /// Whether nothing runs and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.pending.borrow().is_empty() && !self.signals.is_held()
    }
}
