//! Records changes of approvals in their sessions' recordings.

use crate::approval::Change;
use crate::domain::Approval;
use crate::domain::ApprovalState;
use crate::domain::EventKind;
use crate::domain::json::write::Object;
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

fn record(gate: &Gate, approval: &Approval, kind: EventKind, data: String) {
    // The end of a finished session is recorded, and nothing comes after it. The audit trail has the decision
    // in any case.
    let Some(session) = gate.sessions().find(approval.session) else { return };
    if let Err(error) = gate.journal().push(session.event(kind, None, Some(approval.request), data)) {
        tracing::error!(approval = %approval.id, %error, "the end of an approval could not be recorded");
    }
}
