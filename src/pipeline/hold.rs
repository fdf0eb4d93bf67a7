//! Commands that need approval: waits for a decision, or finds an existing grant that covers the command.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::approval::ApprovalError;
use crate::approval::Ask;
use crate::approval::Outcome;
use crate::approval::Ticket;
use crate::approval::Wanted;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::EventKind;
use crate::domain::approval::ApprovalSpec;
use crate::domain::approval::GrantScope;
use crate::domain::digest::Parts;
use crate::domain::json::write::Object;
use crate::pipeline::admit::CommandRecord;
use crate::pipeline::admit::Held;
use crate::pipeline::admit::Judged;
use crate::pipeline::admit::Waiting;
use crate::pipeline::enter::Exchange;
use crate::pipeline::enter::session_ended;
use crate::pipeline::room;
use crate::recording::Durability;

/// Detail for a request whose single-use approval was consumed by an identical one.
const USED: &str = "it was approved for one run, and an identical concurrent request has used that; send it again only to run it a second time";

/// Longer than any approval can be pending: 31 days.
const FOREVER: Duration = Duration::from_hours(31 * 24);

/// How long a client waits, and how it is told.
struct Patience {
    wait: Option<Duration>,
    told: Option<oneshot::Sender<Waiting>>,
    leaves: Option<oneshot::Receiver<()>>,
}

/// Waits for a decision. The bool says that the client left first: the approval then stays open for a retry,
/// and the command must not run now.
async fn word(ticket: &mut Ticket, wait: Duration, leaves: Option<oneshot::Receiver<()>>) -> (Outcome, bool) {
    let left = async {
        let left = match leaves {
            Some(leaves) => leaves.await.is_ok(),
            None => false,
        };
        if !left {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        outcome = ticket.wait(wait) => return (outcome, false),
        () = left => {}
    }
    (ticket.wait(FOREVER).await, true)
}

impl Exchange {
    /// Returns whether a command that [`Judged::holds`] has to wait for a decision: no existing grant covers
    /// it.
    pub fn waits(&self, judged: &Judged) -> bool {
        let Some(spec) = judged.verdict.approval.as_deref() else { return false };
        let rule = judged.verdict.rules.join(",");
        let wanted = Wanted {
            principal: &self.verified.principal.id,
            connection: &self.governed.connection.name,
            rule: &rule,
            terms: &self.snapshot.terms(&self.governed, &rule),
            spec,
            session: self.session.id,
        };
        judged.holds() && self.gate.0.approvals.standing_grant(&wanted).is_none()
    }

    /// Holds a command until it is approved, or finds an existing grant that covers it. Returns the scope of
    /// the grant.
    pub(super) async fn hold(
        &mut self,
        judged: &Judged,
        record: CommandRecord,
        held: Option<Held>,
    ) -> Result<GrantScope, Denied> {
        let Judged { command, verdict, .. } = judged;
        let (Some(held), Some(spec)) = (held, verdict.approval.clone()) else {
            let denied =
                Denied::new(DenyCode::Internal, "a command that needs approval came without its bytes")
                    .because("not_held");
            return Err(self.refuse_recorded(record, verdict, denied).await);
        };
        if held.truncated {
            let detail = format!(
                "this command needs approval, but it cannot be shown to the approver in full: it is longer than {} KiB or not text; send a smaller or a text request",
                Held::MAX_SHOWN >> 10
            );
            let denied =
                Denied { rule: verdict.rule.clone(), ..Denied::new(DenyCode::LimitExceeded, detail) };
            return Err(self.refuse_recorded(record, verdict, denied.because("body_too_large")).await);
        }
        let rule = verdict.rules.join(",");
        let digest = self.digest(&rule, &held.bytes_digest);
        let principal = Arc::clone(&self.verified.principal);
        let connection = self.governed.connection.name.clone();
        let session = self.session.id;
        let terms = self.snapshot.terms(&self.governed, &rule);
        let wanted = Wanted {
            principal: &principal.id,
            connection: &connection,
            rule: &rule,
            terms: &terms,
            spec: &spec,
            session,
        };
        if let Some(grant) = self.gate.0.approvals.standing_grant(&wanted) {
            let id = grant.id.to_string();
            self.append(self.command_events(record, verdict, None, Some(&id)), Durability::Synced).await?;
            self.counters.approved();
            return Ok(grant.scope);
        }
        // From here on the command is pending and its memory counts; its body has reserved its share already.
        let of_body = self.of_body.hand_on();
        let more = held.bytes.saturating_sub(room::size(of_body.as_ref()));
        let room = self.gate.0.room.take(&self.verified.principal.id, more);
        let _room = match room {
            Ok(part) => part,
            Err(denied) => {
                let denied = Denied { rule: verdict.rule.clone(), ..denied };
                return Err(self.refuse_recorded(record, verdict, denied).await);
            }
        };
        let summary = command.summary();
        let mut record_masked = record;
        let shown_summary = self.masked_summary(&summary, &mut record_masked);
        self.append(self.command_events(record_masked, verdict, None, None), Durability::Synced).await?;
        let patience = Patience { wait: held.wait, told: held.told, leaves: held.leaves };
        let ask = Ask {
            principal: principal.id.to_string(),
            label: principal.label().to_owned(),
            kind: principal.kind,
            groups: principal.groups.iter().map(str::to_owned).collect(),
            source: self.source.to_string(),
            connection,
            session: self.session.id,
            session_end_ms: self.session.latest_end_ms(),
            request: self.request,
            rule,
            terms,
            spec: (*spec).clone(),
            digest,
            class: judged.class(),
            summary: shown_summary,
            detail: held.detail,
            truncated: held.truncated,
            reason: held.reason,
            revision: verdict.revision,
        };
        match self.wait_for_people(ask, judged, &spec, patience).await {
            Ok(scope) => Ok(scope),
            Err(denied) => Err(self.refuse_late(verdict, denied).await),
        }
    }

    fn masked_summary(&self, summary: &str, record: &mut CommandRecord) -> String {
        let mut notes = crate::mask::Notes::default();
        let masked = self.governed.plan.text(summary, "path", &mut notes);
        record.mask.extend(notes.take());
        masked.unwrap_or_else(|| summary.to_owned())
    }

    async fn wait_for_people(
        &mut self,
        ask: Ask,
        judged: &Judged,
        spec: &ApprovalSpec,
        patience: Patience,
    ) -> Result<GrantScope, Denied> {
        let verdict = &judged.verdict;
        let wait = patience.wait.unwrap_or(self.governed.connection.limits.approval_wait);
        let requested = requested_data(&ask, spec);
        let unavailable = |error: ApprovalError| {
            tracing::warn!(request = %self.request, %error, "an approval could not be requested");
            Denied { rule: verdict.rule.clone(), ..not_to_be_had(&error) }
        };
        let mut ticket = self.gate.0.approvals.ask(ask).await.map_err(unavailable)?;
        let id = ticket.id();
        if !ticket.joined() {
            let mut data = requested;
            if data.pop().is_some() {
                Object::go_on(&mut data).word("approval", id);
                data.push('}');
            }
            let event = self.session.event(EventKind::ApprovalRequested, None, Some(self.request), data);
            self.append(vec![event], Durability::Synced).await?;
        }
        self.counters.held();
        if let Some(told) = patience.told {
            let rule = verdict.rules.join(", ");
            let until_ms = ticket.approval().expires_ms;
            // The receiver is gone; the notification is optional.
            drop(told.send(Waiting { approval: id, rule, from: spec.from.clone(), until_ms }));
        }
        let denied = |code, detail: String| Denied {
            rule: verdict.rule.clone(),
            approval: Some(id),
            ..Denied::new(code, detail)
        };
        let end = self.end_watch();
        let (outcome, is_away) = tokio::select! {
            word = word(&mut ticket, wait, patience.leaves) => word,
            end = end.wait() => {
                return Err(Denied { approval: Some(id), ..session_ended(end) });
            }
        };
        match outcome {
            Outcome::Approved { .. } if is_away => {
                let detail =
                    "it was approved after its client disconnected; send the same request again to run it";
                return Err(denied(DenyCode::ApprovalPending, detail.into()).because("client_left"));
            }
            Outcome::Approved { .. } => {}
            Outcome::Denied { reason, .. } => {
                let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
                return Err(denied(DenyCode::ApprovalDenied, format!("an approver denied it{why}")));
            }
            Outcome::Used => return Err(denied(DenyCode::ApprovalExpired, USED.into()).because("used")),
            Outcome::Cancelled | Outcome::Expired => {
                return Err(denied(
                    DenyCode::ApprovalExpired,
                    "nobody approved it in time; send it again to request a new approval".into(),
                ));
            }
            Outcome::Pending(_) => {
                let detail = format!(
                    "approval {id} needs {} {} from {}; send the same request again to check",
                    spec.min,
                    if spec.min == 1 { "approver" } else { "approvers" },
                    spec.from.join(", ")
                );
                let retry_after = Some(Duration::from_secs(5));
                return Err(Denied { retry_after, ..denied(DenyCode::ApprovalPending, detail) });
            }
            Outcome::Stopped => return Err(denied(DenyCode::Overloaded, "the gateway is stopping".into())),
        }
        // Time has passed: session, token and policies are checked again.
        self.still_agreed(judged).map_err(|denied| Denied { approval: Some(id), ..denied })?;
        let scope = ticket.redeem().await.map_err(unavailable)?.grant.scope;
        let mut data = String::new();
        Object::begin(&mut data)
            .word("effect", "allow")
            .text("rule", verdict.rule.as_deref().unwrap_or_default())
            .word("approval", id)
            .value("policy_rev", verdict.revision);
        let event = self.session.event(EventKind::Decision, None, Some(self.request), data);
        self.append(vec![event], Durability::Synced).await?;
        self.counters.approved();
        Ok(scope)
    }

    /// Computes SHA-256 over principal, connection, target, policies and the digest of the bytes, each
    /// prefixed with its length. On a connection with masks the digest of the bytes is keyed, because
    /// approvers and recordings see the result.
    fn digest(&self, rule: &str, bytes_digest: &str) -> String {
        let governed = &self.governed.connection;
        let upstream = governed.upstream.to_string();
        let plan = &self.governed.plan;
        let keyed = (!plan.is_empty()).then(|| plan.keyed_digest(bytes_digest.as_bytes()));
        let mut digest = Parts::default();
        digest.add("hoopctl approval v1").add(&*self.verified.principal.id).add(governed.name.as_str());
        digest.add(&upstream).add(rule).add(keyed.as_deref().unwrap_or(bytes_digest));
        digest.hex()
    }
}

/// Returns the refusal when the approval cannot be requested or used.
fn not_to_be_had(error: &ApprovalError) -> Denied {
    match error {
        ApprovalError::TooMany { .. } | ApprovalError::TooManyOfOne { .. } => {
            let detail = "too many commands are waiting for approval; try again when some are decided";
            Denied::new(DenyCode::LimitExceeded, detail).because("pending_approvals")
        }
        ApprovalError::Store(_) => {
            Denied::new(DenyCode::Overloaded, "approvals cannot be stored at the moment; try again later")
                .because("store")
        }
        ApprovalError::NotOpen => {
            Denied::new(DenyCode::Overloaded, "the gateway is starting or stopping; try again later")
        }
        ApprovalError::NobodyMayDecide => Denied::new(
            DenyCode::Denied,
            "no configured approver may approve this; ask the gateway's operator",
        )
        .because("no_approvers"),
        ApprovalError::ApproverGone => Denied::new(
            DenyCode::ApprovalDenied,
            "its approvers may no longer approve it; send it again to request a new approval",
        )
        .because("approver_gone"),
        ApprovalError::AlreadyUsed => Denied::new(DenyCode::ApprovalExpired, USED).because("used"),
        ApprovalError::Different | ApprovalError::Expired | ApprovalError::NotApproved { .. } => Denied::new(
            DenyCode::ApprovalExpired,
            "the approval has ended; send the request again to request a new one",
        ),
    }
}

fn requested_data(ask: &Ask, spec: &ApprovalSpec) -> String {
    let mut data = String::new();
    Object::begin(&mut data)
        .text("rule", &ask.rule)
        .texts("from", &spec.from)
        .value("min", spec.min)
        .word("digest", &ask.digest)
        .text("summary", &ask.summary);
    data
}
