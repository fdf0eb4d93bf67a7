//! Approvals: shown, awaited, decided.

use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;

use crate::approval::Change;
use crate::control::Answer;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::List;
use crate::control::noun::approval::ApprovalFilter;
use crate::control::noun::approval::Approvals;
use crate::control::noun::approval::Decide;
use crate::control::noun::approval::MAX_WAIT_S;
use crate::control::noun::bounded;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::id::ApprovalId;
use crate::gateway::admin::Acting;
use crate::gateway::admin::fault::fault_of_decision;
use crate::gateway::admin::fault::fault_of_store;
use crate::store;

impl Acting {
    async fn show(&self, id: ApprovalId) -> Result<Approval, ApiError> {
        let shown = self.admin.approvals.show(id).await.map_err(|error| fault_of_store(&error))?;
        shown.ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("there is no approval {id}")))
    }

    async fn decide(&self, id: ApprovalId, decide: Decide) -> Result<Approval, ApiError> {
        self.admin.running()?;
        let verb = if decide.approve { "approval.approve" } else { "approval.deny" };
        if let Err(error) = self.caller.must_decide() {
            return self.refused(verb, &id.to_string(), error).await;
        }
        if let Some(digest) = &decide.digest
            && *digest != self.show(id).await?.digest
        {
            return Err(ApiError::new(
                ErrorCode::Conflict,
                format!("{id} is not the command that was shown"),
            ));
        }
        let approver = self.caller.principal();
        let approvals = &self.admin.approvals;
        match approvals.decide_within(id, approver, decide.approve, &decide.reason, decide.grant).await {
            Ok(approval) => Ok(approval),
            Err(error) => {
                let error = fault_of_decision(&error);
                if error.code == ErrorCode::Forbidden {
                    return self.refused(verb, &id.to_string(), error).await;
                }
                Err(error)
            }
        }
    }

    async fn wait(&self, id: ApprovalId, seconds: u64) -> Result<Approval, ApiError> {
        self.admin.running()?;
        // Before the first lookup, so that no change is missed.
        let mut changes = self.admin.approvals.subscribe();
        let deadline = tokio::time::sleep(Duration::from_secs(seconds.min(MAX_WAIT_S)));
        tokio::pin!(deadline);
        loop {
            let approval = self.show(id).await?;
            if approval.state != ApprovalState::Pending {
                self.must_still_hold()?;
                return Ok(approval);
            }
            loop {
                tokio::select! {
                    changed = changes.recv() => match changed {
                        Ok(Change::Approval(changed)) if changed.id == id => break,
                        Ok(_other) => {}
                        Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => return Ok(approval),
                    },
                    () = &mut deadline => {
                        self.must_still_hold()?;
                        return self.show(id).await;
                    }
                }
            }
        }
    }
}

impl Approvals for Acting {
    fn approvals(&self, filter: ApprovalFilter) -> Answer<'_, List<Approval>> {
        Box::pin(async move {
            let limit = bounded(filter.limit);
            let connection = filter.connection.as_deref().map(str::parse).transpose();
            let wanted = store::ApprovalFilter {
                state: filter.state,
                principal: filter.principal,
                connection: connection.map_err(|error: crate::domain::connection::InvalidName| {
                    ApiError::new(ErrorCode::BadRequest, error.to_string())
                })?,
                before: filter.before,
                limit: Some(limit + 1),
            };
            let found = self.admin.approvals.list(wanted).await.map_err(|error| fault_of_store(&error))?;
            Ok(List::cut(found, limit))
        })
    }

    fn approval(&self, id: ApprovalId) -> Answer<'_, Approval> {
        Box::pin(self.show(id))
    }

    fn decide_approval(&self, id: ApprovalId, decide: Decide) -> Answer<'_, Approval> {
        Box::pin(self.decide(id, decide))
    }

    fn wait_approval(&self, id: ApprovalId, seconds: u64) -> Answer<'_, Approval> {
        Box::pin(self.wait(id, seconds))
    }
}
