//! What a session knows of its target's catalogue, and when it has to ask.

use std::sync::Arc;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::pipeline::snapshot::Governed;
use crate::protocol::postgres::session::shared::Common;
use crate::protocol::postgres::session::shared::Shared;
use crate::protocol::postgres::session::step::Wanted;
use crate::protocol::postgres::targets::Entry;
use crate::protocol::postgres::targets::Known;
use crate::protocol::postgres::targets::Unknown;

impl Shared {
    fn entry(&self, governed: &Governed) -> Arc<Entry> {
        let mut kept = self.catalog.borrow_mut();
        match &*kept {
            Some((tag, entry)) if **tag == *governed.mask_tag => Arc::clone(entry),
            _ => {
                let entry = self.targets.entry(governed, &self.database);
                *kept = Some((governed.mask_tag.clone(), Arc::clone(&entry)));
                entry
            }
        }
    }

    /// What is known of the catalogue, read first where it has to be.
    ///
    /// # Errors
    /// It cannot be read: what depends on it must not pass.
    pub(super) async fn known(&self) -> Result<Arc<Known>, Denied> {
        let governed = self.seat.current();
        let entry = self.entry(&governed);
        if let Some(known) = entry.current() {
            return Ok(known);
        }
        let credential = self.seat.credential().await?;
        let password = credential.as_ref().and_then(|credential| credential.secret());
        entry.known(&self.judge, &governed, password, &self.database).await.map_err(|error| {
            tracing::error!(connection = %governed.connection.name, error = &error as &dyn std::error::Error, "the catalogue of a target could not be read");
            unread(&error)
        })
    }

    /// What is known of the catalogue where values are masked; `None` where none are.
    ///
    /// # Errors
    /// As [`Shared::known`].
    pub(super) async fn masking(&self) -> Result<Option<Arc<Known>>, Denied> {
        if self.seat.current().plan.is_empty() { Ok(None) } else { self.known().await.map(Some) }
    }

    /// While a command waited for people the catalogue may have changed: its rows are masked by what is known now. Where that cannot be
    /// found out, they stay masked as they were.
    pub(super) async fn remask(&self, wanted: &Wanted) {
        if let Ok(Some(known)) = self.masking().await {
            let reach = self.meaning(&wanted.definition, Some(&known)).reach;
            wanted.run.get().remask(Some((known, reach)));
        }
    }

    /// Something may have changed the catalogue.
    pub(super) fn catalog_changed(&self) {
        if let Some((_, entry)) = &*self.catalog.borrow() {
            entry.changed();
        }
    }
}

/// Reads what has become old again, beside the session.
pub(super) fn keep_fresh(shared: &Common) {
    let entry = shared.catalog.borrow().as_ref().map(|(_, entry)| Arc::clone(entry));
    let Some(entry) = entry.filter(|entry| entry.wants_refresh()) else { return };
    let (judge, governed, database) =
        (Arc::clone(&shared.judge), shared.seat.current(), shared.database.clone());
    let credential = shared.seat.credential_of(&governed);
    tokio::task::spawn_local(async move {
        let credential = credential.await.ok().flatten();
        let password = credential.as_ref().and_then(|credential| credential.secret());
        entry.refresh(&judge, &governed, password, &database).await;
    });
}

fn unread(error: &Unknown) -> Denied {
    let audit = match error {
        Unknown::Inquiry(_) => "catalog_unreachable",
        Unknown::Catalog(_) => "catalog_unreadable",
    };
    let detail =
        "what is masked at the target could not be found out, so nothing of it is passed; try again later";
    Denied::new(DenyCode::UpstreamUnavailable, detail).because(audit)
}
