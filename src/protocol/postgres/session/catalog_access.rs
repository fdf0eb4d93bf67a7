//! What a session knows of its target's catalogue, and when it has to ask.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncRead;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::pipeline::snapshot::Governed;
use crate::protocol::postgres::session::state::SessionState;
use crate::protocol::postgres::session::step::PlannedCommand;
use crate::protocol::postgres::targets::CatalogReadError;
use crate::protocol::postgres::targets::CatalogView;
use crate::protocol::postgres::targets::Change;
use crate::protocol::postgres::targets::Entry;
use crate::protocol::postgres::targets::Targets;

/// How long a target may take to close the stream of a session that is over.
const CLOSES: Duration = Duration::from_mins(1);

/// The target's catalogue for the masks of now; looked for when it is needed.
pub(super) struct CatalogHandle {
    targets: Targets,
    /// With the tag of the masks that it was looked for with.
    entry: RefCell<Option<(Box<str>, Arc<Entry>)>>,
}

impl CatalogHandle {
    /// A handle to one of these.
    pub(super) const fn new(targets: Targets) -> Self {
        Self { targets, entry: RefCell::new(None) }
    }

    /// The entry of a database under the masks of `governed`.
    fn entry(&self, governed: &Governed, database: &str) -> Arc<Entry> {
        let mut kept = self.entry.borrow_mut();
        match &*kept {
            Some((tag, entry)) if **tag == *governed.mask_tag => Arc::clone(entry),
            _ => {
                let entry = self.targets.entry(governed, database);
                *kept = Some((governed.mask_tag.clone(), Arc::clone(&entry)));
                entry
            }
        }
    }

    /// The entry that was used last; `None` where none was needed.
    fn last_entry(&self) -> Option<Arc<Entry>> {
        self.entry.borrow().as_ref().map(|(_, entry)| Arc::clone(entry))
    }
}

impl SessionState {
    /// The target's catalogue as it is shared with other sessions.
    pub(super) fn entry(&self, governed: &Governed) -> Arc<Entry> {
        self.catalog.entry(governed, &self.database)
    }

    /// What is known of the catalogue, read first where it has to be.
    ///
    /// # Errors
    /// It cannot be read: what depends on it must not pass.
    pub(super) async fn catalog(&self) -> Result<Arc<CatalogView>, Denied> {
        let governed = self.seat.current();
        let entry = self.entry(&governed);
        if let Some(known) = entry.current() {
            return Ok(known);
        }
        self.signals.asks_catalog.notify_one();
        let credential = self.seat.credential().await?;
        let password = credential.as_ref().and_then(|credential| credential.secret());
        entry.current_or_read(&self.judge, &governed, password, &self.database).await.map_err(|error| {
            tracing::error!(connection = %governed.connection.name, error = &*error as &dyn std::error::Error, "the catalogue of a target could not be read");
            unread(match *error {
                CatalogReadError::Inquiry(_) => "catalog_unreachable",
                CatalogReadError::Catalog(_) => "catalog_unreadable",
            })
        })
    }

    /// What is known of the catalogue where values are masked; `None` where none are.
    ///
    /// # Errors
    /// As [`SessionState::catalog`].
    pub(super) async fn catalog_if_masked(&self) -> Result<Option<Arc<CatalogView>>, Denied> {
        if self.seat.current().plan.is_empty() { Ok(None) } else { self.catalog().await.map(Some) }
    }

    /// What is known of the target's functions and operators, where no value is masked: whether a text calls
    /// what it does not seem to call. Where it cannot be read now, what was read last counts for some
    /// minutes, if it is nothing but old. `None` for a target that does not answer such questions: then the
    /// words of a text are all that there is.
    ///
    /// # Errors
    /// It cannot be read for the moment, and was never read, too long ago, or before functions have changed.
    pub(super) async fn functions(&self) -> Result<Option<Arc<CatalogView>>, Denied> {
        let entry = self.entry(&self.seat.current());
        self.catalog_or_old(&entry, Entry::current_code, Entry::old_code).await
    }

    /// Returns what `current` says is known; else reads the catalog, and where that fails returns what `old`
    /// says may still be relied on. `None` if the target does not answer such questions.
    ///
    /// # Errors
    /// The catalog cannot be read for the moment, and nothing old may be relied on.
    pub(super) async fn catalog_or_old(
        &self,
        entry: &Entry,
        current: fn(&Entry) -> Option<Arc<CatalogView>>,
        old: fn(&Entry) -> Option<Arc<CatalogView>>,
    ) -> Result<Option<Arc<CatalogView>>, Denied> {
        if let Some(known) = current(entry) {
            return Ok(Some(known));
        }
        let denied = if entry.has_just_failed() {
            unread("catalog_unreachable")
        } else {
            match self.catalog().await {
                Ok(known) => return Ok(Some(known)),
                Err(denied) => denied,
            }
        };
        match old(entry) {
            Some(known) => Ok(Some(known)),
            None if entry.is_unreadable() => Ok(None),
            None => Err(denied),
        }
    }

    /// Whether nothing has changed the relations since that came through the gateway.
    pub(super) fn has_relations_of(&self, known: &CatalogView) -> bool {
        known.has_relations_of(&self.entry(&self.seat.current()))
    }

    /// While a command waited for people the catalogue may have changed: its rows are masked by what is known
    /// now. Where that cannot be found out, they stay masked as they were.
    pub(super) async fn remask(&self, planned: &PlannedCommand) {
        if let Ok(Some(known)) = self.catalog_if_masked().await {
            let exposure = self.meaning(&planned.definition, Some(&known)).exposure;
            planned.run.get().remask(Some((known, exposure)));
        }
    }

    /// Something may have changed the catalogue, for all sessions.
    pub(super) fn catalog_changed(&self, change: Change) {
        if change > Change::Nothing {
            self.entry(&self.seat.current()).changed(change);
        }
    }
}

/// Reads what has become old again, beside the session.
pub(super) fn keep_fresh(session: &SessionState) {
    let entry = session.catalog.last_entry().filter(|entry| entry.wants_refresh());
    let Some(entry) = entry else { return };
    let (judge, governed, database) =
        (Arc::clone(&session.judge), session.seat.current(), session.database.clone());
    let credential = session.seat.credential_of(&governed);
    tokio::task::spawn_local(async move {
        let credential = credential.await.ok().flatten();
        let password = credential.as_ref().and_then(|credential| credential.secret());
        entry.refresh(&judge, &governed, password, &database).await;
    });
}

/// A session may end before the target has done what it was sent, a `COMMIT` too. Then others are told once
/// more when it has closed the stream, or after some time.
pub(super) fn tell_when_closed(
    session: &SessionState,
    made: Change,
    mut target: impl AsyncRead + Unpin + 'static,
) {
    if made == Change::Nothing {
        return;
    }
    let entry = session.entry(&session.seat.current());
    tokio::task::spawn_local(async move {
        let closed = async { tokio::io::copy(&mut target, &mut tokio::io::sink()).await };
        if tokio::time::timeout(CLOSES, closed).await.is_err() {
            tracing::debug!("a target has not closed the stream of a session that is over");
        }
        entry.changed(made);
    });
}

fn unread(audit: &'static str) -> Denied {
    let detail = "the gateway could not read the target's catalog, which it needs to check this statement; try again later";
    Denied::new(DenyCode::UpstreamUnavailable, detail).because(audit)
}
