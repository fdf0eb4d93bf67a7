//! What happens to approvals beside the requests that wait for them: it goes into their sessions' recordings,
//! and their grants end.

use crate::approval::Change;
use crate::domain::Approval;
use crate::domain::ApprovalState;
use crate::domain::EventKind;
use crate::domain::json::write::Object;
use crate::gateway::running::Running;
use crate::pipeline::Gate;
use tokio::sync::broadcast;

/// Records decisions as they are made, until the sender is gone.
pub async fn record_decisions(gate: Gate, mut changes: broadcast::Receiver<Change>) {
    loop {
        match changes.recv().await {
            Ok(Change::Approval(approval)) => record_decision(&gate, &approval),
            Ok(_grant) => {}
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::warn!(
                    missed,
                    "decisions are not in their sessions' recordings; the audit log has them"
                );
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// Records the newest decision of an approval that was just decided on.
fn record_decision(gate: &Gate, approval: &Approval) {
    let decided =
        matches!(approval.state, ApprovalState::Approved | ApprovalState::Denied | ApprovalState::Pending);
    let Some(decision) = approval.decisions.last().filter(|_| decided) else { return };
    let mut data = String::new();
    Object::begin(&mut data)
        .word("approval", approval.id)
        .text("by", &decision.by)
        .value("approve", decision.approve)
        .text("reason", &decision.reason);
    record(gate, approval, EventKind::ApprovalDecided, data);
}

/// Records that approvals ended by themselves.
pub fn record_ended(gate: &Gate, ended: &[Approval]) {
    for approval in ended {
        let data = format!("{{\"approval\":\"{}\",\"state\":\"{}\"}}", approval.id, approval.state);
        record(gate, approval, EventKind::ApprovalExpired, data);
    }
}

/// Ends the grants that were given for a session, where it has ended: killed, too old, left alone, or the
/// gateway stops; and those of policies or connections that are not what they were.
pub async fn end_grants(running: &Running) {
    let sessions = running.gate.sessions();
    if let Err(error) = running.approvals.end_without_session(|id| sessions.find(id).is_some()).await {
        tracing::warn!(%error, "grants of sessions that have ended could not be ended; they cover nothing any more");
    }
    let snapshot = running.gate.snapshot();
    if let Err(error) = running.approvals.end_outdated(move |grant| snapshot.has_terms_of(grant)).await {
        tracing::warn!(%error, "grants of policies or connections that changed could not be ended; they cover nothing any more");
    }
}

fn record(gate: &Gate, approval: &Approval, kind: EventKind, data: String) {
    // The end of a finished session is recorded, and nothing comes after it. The audit trail has the decision
    // in any case.
    let Some(session) = gate.sessions().find(approval.session) else { return };
    if let Err(error) = gate.journal().push(session.event(kind, None, Some(approval.request), data)) {
        tracing::error!(approval = %approval.id, %error, "the end of an approval could not be recorded");
    }
}
