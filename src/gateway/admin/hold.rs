//! Sessions whose recordings stay: held and released, each with a reason.

use std::collections::BTreeMap;

use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::session::HoldView;
use crate::control::noun::session::SessionView;
use crate::domain::id::SessionId;
use crate::gateway::admin::Acting;
use crate::gateway::admin::Admin;
use crate::gateway::admin::fault::check_length;
use crate::gateway::admin::fault::fault_of_store;
use crate::store::Hold;
use crate::store::View;

/// The sessions that are held, and why.
pub(super) type Holds = BTreeMap<SessionId, HoldView>;

fn view(hold: Hold) -> HoldView {
    HoldView { reason: hold.reason, actor: hold.actor, since_ms: hold.since_ms }
}

fn check_reason(reason: &str) -> Result<(), ApiError> {
    if reason.trim().is_empty() {
        let text = "a reason is needed: it is kept in the audit trail";
        return Err(ApiError::new(ErrorCode::BadRequest, text));
    }
    check_length(reason)
}

impl Admin {
    /// The sessions that are held.
    pub(super) async fn holds(&self) -> Result<Holds, ApiError> {
        let holds = self.store.read(View::holds).await.map_err(|error| fault_of_store(&error))?;
        Ok(holds.into_iter().map(|hold| (hold.session, view(hold))).collect())
    }
}

impl Acting {
    /// Keeps a session's recording from retention.
    pub(super) async fn hold(&self, id: SessionId, reason: String) -> Result<SessionView, ApiError> {
        self.must_manage("session.hold", &id.to_string()).await?;
        check_reason(&reason)?;
        let _turn = self.admin.changing.lock().await;
        if let Some(held) = self.admin.holds().await?.get(&id) {
            let text = format!("{id} is held already, by {}: {}", held.actor, held.reason);
            return Err(ApiError::new(ErrorCode::Conflict, text));
        }
        // The recorder first: from here on nothing of it goes, so that what is said to be held is there.
        let journal = self.admin.running.as_ref().map(|running| &running.journal);
        if let Some(journal) = journal {
            journal.hold([id]);
        }
        let held = self.hold_in_store(id, reason).await;
        if let (Err(_), Some(journal)) = (&held, journal) {
            journal.release(id);
        }
        held
    }

    async fn hold_in_store(&self, id: SessionId, reason: String) -> Result<SessionView, ApiError> {
        // One that is not there, or not any more, cannot be held.
        let found = self.admin.session_view(id.to_string()).await?;
        if found.pruned_ms.is_some() {
            let text = format!("the events of {id} are gone already: retention has removed them");
            return Err(ApiError::new(ErrorCode::Conflict, text));
        }
        let actor = self.actor();
        let added = self.admin.store.change(move |change| change.add_hold(id, &reason, &actor)).await;
        let hold = added.map_err(|error| fault_of_store(&error))?;
        Ok(SessionView { hold: Some(view(hold)), ..found })
    }

    /// Lets retention have a session again.
    pub(super) async fn release(&self, id: SessionId, reason: String) -> Result<SessionView, ApiError> {
        self.must_manage("session.release", &id.to_string()).await?;
        check_reason(&reason)?;
        let _turn = self.admin.changing.lock().await;
        let holds = self.admin.holds().await?;
        let Some(held) = holds.get(&id) else {
            return Err(ApiError::new(ErrorCode::NotFound, format!("{id} is not held")));
        };
        let actor = self.actor();
        if held.actor != actor && self.admin.session_view(id.to_string()).await?.principal == actor {
            // What it is kept for may be about them.
            let text =
                format!("{id} is your own session, held by {}; somebody else must release it", held.actor);
            let error = ApiError::new(ErrorCode::Forbidden, text);
            return self.refused("session.release", &id.to_string(), error).await;
        }
        let removed = self.admin.store.change(move |change| change.remove_hold(id, &reason, &actor)).await;
        removed.map_err(|error| fault_of_store(&error))?;
        if let Some(running) = &self.admin.running {
            running.journal.release(id);
        }
        self.admin.session_view(id.to_string()).await
    }
}
