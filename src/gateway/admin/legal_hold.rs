//! Legal holds: keep the recordings of sessions from retention until they are released, each with a reason.

use std::collections::BTreeMap;

use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::session::AcknowledgedRecordings;
use crate::control::noun::session::LegalHoldView;
use crate::control::noun::session::SessionView;
use crate::domain::id::SessionId;
use crate::gateway::admin::Acting;
use crate::gateway::admin::Admin;
use crate::gateway::admin::fault::check_length;
use crate::gateway::admin::fault::fault_of_store;
use crate::gateway::admin::trail::HeldNow;
use crate::store::AcknowledgedLegalHold;
use crate::store::LegalHold;
use crate::store::LegalHoldFault;
use crate::store::View;

/// The legal holds by session.
pub(super) type LegalHolds = BTreeMap<SessionId, LegalHoldView>;

fn view(hold: LegalHold) -> LegalHoldView {
    LegalHoldView { reason: hold.reason, actor: hold.actor, since_ms: hold.since_ms }
}

fn check_reason(reason: &str) -> Result<(), ApiError> {
    if reason.trim().is_empty() {
        let text = "a reason is needed: it is kept in the audit trail";
        return Err(ApiError::new(ErrorCode::BadRequest, text));
    }
    check_length(reason)
}

impl Admin {
    /// Returns the legal holds.
    pub(super) async fn legal_holds(&self) -> Result<LegalHolds, ApiError> {
        let holds = self.store.read(View::legal_holds).await.map_err(|error| fault_of_store(&error))?;
        Ok(holds.into_iter().map(|hold| (hold.session, view(hold))).collect())
    }
}

impl Acting {
    /// Places a legal hold on a session: keeps its recording from retention.
    pub(super) async fn place_hold(&self, id: SessionId, reason: String) -> Result<SessionView, ApiError> {
        self.must_manage("session.hold", &id.to_string()).await?;
        check_reason(&reason)?;
        let _turn = self.admin.changing.lock().await;
        if let Some(held) = self.admin.legal_holds().await?.get(&id) {
            let text = format!("{id} is held already, by {}: {}", held.actor, held.reason);
            return Err(ApiError::new(ErrorCode::Conflict, text));
        }
        self.must_be_sound(id).await?;
        // The journal first: from here on nothing of it is removed, so that a recording that is reported as
        // held exists.
        let journal = self.admin.running.as_ref().map(|running| &running.journal);
        if let Some(journal) = journal {
            journal.place_legal_holds([id]);
        }
        let held = self.place_in_store(id, reason).await;
        if let (Err(_), Some(journal)) = (&held, journal) {
            journal.lift_legal_hold(id);
        }
        held
    }

    /// Refuses to change a hold that was tampered with until that is acknowledged: otherwise nobody would
    /// notice.
    async fn must_be_sound(&self, id: SessionId) -> Result<HeldNow, ApiError> {
        let now = self.admin.held_now(id).await?;
        if now.faults.is_empty() {
            return Ok(now);
        }
        let text = format!("{id} was tampered with: {}", LegalHoldFault::all_in_words(&now.faults));
        let hint = format!("hoopctl session hold {id} --acknowledge -r WHY takes note of it");
        Err(ApiError::new(ErrorCode::Conflict, text).hint(hint))
    }

    /// Acknowledges tampering with a hold: it is restored as in the audit trail, or ended if its recording is
    /// gone. A hold that is unknown to the trail is kept until it is released.
    pub(super) async fn acknowledge_hold(
        &self,
        id: SessionId,
        reason: String,
    ) -> Result<AcknowledgedLegalHold, ApiError> {
        self.must_manage("session.acknowledge", &id.to_string()).await?;
        check_reason(&reason)?;
        let _turn = self.admin.changing.lock().await;
        let now = self.admin.held_now(id).await?;
        if now.faults.is_empty() {
            let text = if now.told.iter().any(Option::is_some) {
                format!("{id} is held as the audit trail tells, and its recording exists")
            } else {
                format!("{id} is not held, and no hold of it was removed except by a release")
            };
            return Err(ApiError::new(ErrorCode::Conflict, text));
        }
        self.must_not_be_own("session.acknowledge", id, &now).await?;
        let (actor, lost) = (self.actor(), now.faults.contains(&LegalHoldFault::Lost));
        let noted = self
            .admin
            .store
            .change(move |change| change.acknowledge_legal_hold(id, lost, &reason, &actor))
            .await;
        let noted = noted.map_err(|error| fault_of_store(&error))?;
        if let Some(running) = &self.admin.running {
            if noted.held {
                running.journal.place_legal_holds([id]);
            } else {
                running.journal.lift_legal_hold(id);
            }
        }
        Ok(noted)
    }

    /// Acknowledges that the recordings were begun anew, so that what is older is gone.
    pub(super) async fn acknowledge_remade(
        &self,
        reason: String,
    ) -> Result<AcknowledgedRecordings, ApiError> {
        self.must_manage("session.acknowledge", "*").await?;
        check_reason(&reason)?;
        let actor = self.actor();
        let noted = self.admin.store.change(move |change| change.acknowledge_journal(&reason, &actor)).await;
        let remade = noted.map_err(|error| fault_of_store(&error))?;
        remade.map(|remade_ms| AcknowledgedRecordings { remade_ms }).ok_or_else(|| {
            let text = "the recordings were not begun anew, or that is acknowledged already";
            ApiError::new(ErrorCode::Conflict, text)
        })
    }

    /// Checks that the caller does not release a hold on a session of its own that somebody else placed,
    /// since it may be about the caller. The owner is taken from the hold in the trail and from the session's
    /// row; if neither names one, it may be any principal with recorded sessions.
    async fn must_not_be_own(
        &self,
        action: &'static str,
        id: SessionId,
        now: &HeldNow,
    ) -> Result<(), ApiError> {
        let actor = self.actor();
        let mut holders = now.told.iter().flatten().map(|hold| hold.actor.as_str());
        let Some(holder) = holders.find(|holder| *holder != actor) else { return Ok(()) };
        let row = match self.admin.session_view(id.to_string()).await {
            Ok(view) => Some(view.principal),
            Err(error) if error.code == ErrorCode::NotFound => None,
            Err(error) => return Err(error),
        };
        let owners: Vec<_> = now.owner.iter().chain(&row).collect();
        // Users of this machine have no sessions of their own.
        let text = if owners.contains(&&actor) {
            format!("{id} is your own session, held by {holder}; somebody else must do this")
        } else if owners.is_empty() && !actor.starts_with("local:") {
            format!(
                "whose session {id} was is not known any more; somebody on the gateway's own machine must do this"
            )
        } else {
            return Ok(());
        };
        let error = ApiError::new(ErrorCode::Forbidden, text);
        self.refused(action, &id.to_string(), error).await
    }

    async fn place_in_store(&self, id: SessionId, reason: String) -> Result<SessionView, ApiError> {
        // A session that does not exist, or no longer does, cannot be held.
        let found = self.admin.session_view(id.to_string()).await?;
        if found.pruned_ms.is_some() {
            let text = format!("the events of {id} are gone already: retention has removed them");
            return Err(ApiError::new(ErrorCode::Conflict, text));
        }
        let actor = self.actor();
        let owner = found.principal.clone();
        let added =
            self.admin.store.change(move |change| change.place_legal_hold(id, &owner, &reason, &actor)).await;
        let hold = added.map_err(|error| fault_of_store(&error))?;
        Ok(SessionView { hold: Some(view(hold)), ..found })
    }

    /// Lifts the legal hold: retention may remove the recording again.
    pub(super) async fn lift_hold(&self, id: SessionId, reason: String) -> Result<SessionView, ApiError> {
        self.must_manage("session.release", &id.to_string()).await?;
        check_reason(&reason)?;
        let _turn = self.admin.changing.lock().await;
        let now = self.must_be_sound(id).await?;
        if now.told.iter().all(Option::is_none) {
            return Err(ApiError::new(ErrorCode::NotFound, format!("{id} is not held")));
        }
        self.must_not_be_own("session.release", id, &now).await?;
        let actor = self.actor();
        let removed =
            self.admin.store.change(move |change| change.lift_legal_hold(id, &reason, &actor)).await;
        removed.map_err(|error| fault_of_store(&error))?;
        if let Some(running) = &self.admin.running {
            running.journal.lift_legal_hold(id);
        }
        self.admin.session_view(id.to_string()).await
    }
}
