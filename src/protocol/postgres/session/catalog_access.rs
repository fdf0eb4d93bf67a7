//! A session's access to what is known of its target's catalog, which it reads when it has to.

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

/// The time that a target may take to close the stream of a session that has ended.
const CLOSES: Duration = Duration::from_mins(1);

/// The session's handle to the target's catalog under the current masks; looked up when it is needed.
pub(super) struct CatalogHandle {
    targets: Targets,
    /// The entry that was used last, with the tag of the masks it was looked up for.
    entry: RefCell<Option<(Box<str>, Arc<Entry>)>>,
}

impl CatalogHandle {
    /// Creates a handle that looks up nothing yet.
    pub(super) const fn new(targets: Targets) -> Self {
        Self { targets, entry: RefCell::new(None) }
    }

    /// Returns the entry of a database under the masks of `governed`.
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

    /// Returns the entry that was used last; `None` if none was needed yet.
    fn last_entry(&self) -> Option<Arc<Entry>> {
        self.entry.borrow().as_ref().map(|(_, entry)| Arc::clone(entry))
    }
}

impl SessionState {
    /// Returns the entry of the target's catalog, which is shared with other sessions.
    pub(super) fn entry(&self, governed: &Governed) -> Arc<Entry> {
        self.catalog.entry(governed, &self.database)
    }

    /// Returns the view of the catalog. Reads the catalog first if there is no current view.
    ///
    /// # Errors
    /// The catalog cannot be read: what depends on it must not pass.
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

    /// Returns the view of the catalog if values are masked; `None` if none are.
    ///
    /// # Errors
    /// The same as [`SessionState::catalog`].
    pub(super) async fn catalog_if_masked(&self) -> Result<Option<Arc<CatalogView>>, Denied> {
        if self.seat.current().plan.is_empty() { Ok(None) } else { self.catalog().await.map(Some) }
    }

    /// Returns what is known of the target's functions and operators if no value is masked, to find out what
    /// a text calls without naming it. If the catalog cannot be read now, the last view counts for some
    /// minutes, provided that it is merely old. `None` if the target does not answer such questions: then
    /// only the SQL itself counts.
    ///
    /// # Errors
    /// The catalog cannot be read for the moment, and there is no recent view from after the last change of
    /// functions.
    pub(super) async fn functions(&self) -> Result<Option<Arc<CatalogView>>, Denied> {
        let entry = self.entry(&self.seat.current());
        self.catalog_or_old(&entry, Entry::current_code, Entry::old_code).await
    }

    /// Returns the view that `current` gives. If there is none, reads the catalog; if that fails, returns the
    /// view that `old` gives. `None` if the target does not answer such questions.
    ///
    /// # Errors
    /// The catalog cannot be read for the moment, and `old` gives no view.
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

    /// Returns whether no change of relations came through the gateway since this view was read.
    pub(super) fn has_relations_of(&self, known: &CatalogView) -> bool {
        known.has_relations_of(&self.entry(&self.seat.current()))
    }

    /// Sets the current view of the catalog for masking the rows of a command that was held: the catalog may
    /// have changed meanwhile. If it cannot be read, the old view stays.
    pub(super) async fn remask(&self, planned: &PlannedCommand) {
        if let Ok(Some(known)) = self.catalog_if_masked().await {
            let exposure = self.meaning(&planned.definition, Some(&known)).exposure;
            planned.run.get().remask(Some((known, exposure)));
        }
    }

    /// Notes, for all sessions, that something may have changed the catalog.
    pub(super) fn catalog_changed(&self, change: Change) {
        if change > Change::Nothing {
            self.entry(&self.seat.current()).changed(change);
        }
    }
}

/// Reads a catalog view again that has grown old, in a task of its own.
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

/// Notes a change of the catalog again, for all sessions, when the target has closed the stream, or after
/// some time: a session may end before the target has run what it was sent, such as a `COMMIT`.
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
