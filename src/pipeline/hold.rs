//! Commands that need approval: waits for a decision, or finds an existing grant that covers the command.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::approval::ApprovalError;
use crate::approval::Ask;
use crate::approval::Outcome;
use crate::approval::Ticket;
use crate::approval::Wanted;
use crate::domain::ApprovalId;
use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::EventKind;
use crate::domain::HttpCommand;
use crate::domain::Verdict;
use crate::domain::approval::ApprovalSpec;
use crate::domain::approval::Grant;
use crate::domain::approval::GrantScope;
use crate::domain::command::Args;
use crate::domain::command::Words;
use crate::domain::command::line;
use crate::domain::denied::reason;
use crate::domain::digest::Parts;
use crate::domain::json::write::Object;
use crate::mask::Notes;
use crate::mask::Plan;
use crate::pipeline::decision::CommandRecord;
use crate::pipeline::enter::Exchange;
use crate::pipeline::enter::session_ended;
use crate::pipeline::held::Held;
use crate::pipeline::held::Waiting;
use crate::pipeline::judged::Judged;
use crate::pipeline::memory;
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

impl Patience {
    /// Takes it out of a held command.
    fn of(held: &mut Held) -> Self {
        Self { wait: held.wait, told: held.told.take(), leaves: held.leaves.take() }
    }
}

/// What the policies require of an approval of a command.
struct Requirement {
    /// The policies that ask for it, joined by `,`.
    rule: String,
    /// The digest of these policies and of the connection as they are defined now.
    terms: String,
    /// Who must approve.
    spec: Arc<ApprovalSpec>,
}

/// Waits for a decision. The bool says that the client left first: the approval then stays open for a retry,
/// and the command must not run now.
async fn wait_for_decision(
    ticket: &mut Ticket,
    wait: Duration,
    leaves: Option<oneshot::Receiver<()>>,
) -> (Outcome, bool) {
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
        let Some(spec) = &judged.verdict.approval else { return false };
        judged.holds() && self.standing_grant(&self.requirement(&judged.verdict, spec)).is_none()
    }

    /// Holds a command until it is approved, or finds an existing grant that covers it. Returns the scope of
    /// the grant.
    pub(super) async fn hold(
        &mut self,
        judged: &Judged,
        record: CommandRecord,
        held: Option<Held>,
    ) -> Result<GrantScope, Denied> {
        let verdict = &judged.verdict;
        let Some((mut held, spec)) = held.zip(verdict.approval.clone()) else {
            let denied =
                Denied::new(DenyCode::Internal, "a command that needs approval came without its bytes")
                    .because("not_held");
            return Err(self.refuse_recorded(record, verdict, denied).await);
        };
        // What tells its client that it waits lives on until the refusal is recorded: so long the client is
        // listened to.
        if let Err(denied) = must_be_shown_whole(&held, verdict) {
            return Err(self.refuse_recorded(record, verdict, denied).await);
        }
        let required = self.requirement(verdict, &spec);
        if let Some(grant) = self.standing_grant(&required) {
            let id = grant.id.to_string();
            self.append(self.command_events(record, verdict, None, Some(&id)), Durability::Synced).await?;
            self.counters.approved();
            return Ok(grant.scope);
        }
        // From here on the command is pending and its memory counts; its body has reserved its share already.
        let body_share = self.body_share.take();
        let more = held.bytes.saturating_sub(memory::size(body_share.as_ref()));
        let share = self.gate.0.memory.reserve(&self.verified.principal.id, more);
        let _share = match share {
            Ok(share) => share,
            Err(denied) => {
                let denied = denied.of_rule(verdict.rule.clone());
                return Err(self.refuse_recorded(record, verdict, denied).await);
            }
        };
        // What is masked in it is counted with the command.
        let summary = masked_summary(&judged.command, &self.governed.plan, &mut Notes::default());
        self.append(self.command_events(record, verdict, None, None), Durability::Synced).await?;
        let patience = Patience::of(&mut held);
        let ask = self.approval_request(judged, required, held, summary);
        match self.wait_for_approvers(ask, judged, &spec, patience).await {
            Ok(scope) => Ok(scope),
            Err(denied) => Err(self.refuse_late(verdict, denied).await),
        }
    }

    fn requirement(&self, verdict: &Verdict, spec: &Arc<ApprovalSpec>) -> Requirement {
        let rule = verdict.rules.join(",");
        let terms = self.snapshot.terms(&self.governed, &rule, self.principal());
        Requirement { rule, terms, spec: Arc::clone(spec) }
    }

    /// Returns a session or window grant that covers this command now.
    fn standing_grant(&self, required: &Requirement) -> Option<Arc<Grant>> {
        self.gate.0.approvals.standing_grant(&Wanted {
            principal: &self.verified.principal.id,
            connection: &self.governed.connection.name,
            rule: &required.rule,
            terms: &required.terms,
            spec: &required.spec,
            session: self.session.id,
        })
    }

    /// Returns what approvers are asked. `summary`: of the command, masked.
    fn approval_request(&self, judged: &Judged, required: Requirement, held: Held, summary: String) -> Ask {
        let principal = &self.verified.principal;
        let digest = self.digest(&required.rule, &held.bytes_digest);
        Ask {
            principal: principal.id.to_string(),
            label: principal.label().to_owned(),
            kind: principal.kind,
            groups: principal.groups.iter().map(str::to_owned).collect(),
            source: self.source.to_string(),
            connection: self.governed.connection.name.clone(),
            session: self.session.id,
            session_end_ms: self.session.latest_end_ms(),
            request: self.request,
            rule: required.rule,
            terms: required.terms,
            spec: (*required.spec).clone(),
            digest,
            class: judged.class(),
            summary,
            detail: held.detail,
            truncated: held.truncated,
            reason: held.reason,
            revision: judged.verdict.revision,
        }
    }

    async fn wait_for_approvers(
        &mut self,
        ask: Ask,
        judged: &Judged,
        spec: &ApprovalSpec,
        patience: Patience,
    ) -> Result<GrantScope, Denied> {
        let verdict = &judged.verdict;
        let wait = patience.wait.unwrap_or(self.governed.connection.limits.approval_wait);
        let mut ticket = self.request_approval(ask, verdict, spec).await?;
        let id = ticket.id();
        self.counters.held();
        if let Some(told) = patience.told {
            let rule = verdict.rules.join(", ");
            let until_ms = ticket.approval().expires_ms;
            // The receiver is gone; the notification is optional.
            drop(told.send(Waiting { approval: id, rule, from: spec.from.clone(), until_ms }));
        }
        let end = self.end_watch();
        let (outcome, is_away) = tokio::select! {
            decided = wait_for_decision(&mut ticket, wait, patience.leaves) => decided,
            end = end.wait() => return Err(session_ended(end).of_approval(id)),
        };
        must_be_approved(&outcome, is_away, spec, id)
            .map_err(|denied| denied.of_rule(verdict.rule.clone()))?;
        // Time has passed: session, token and policies are checked again.
        self.still_agreed(judged).map_err(|denied| denied.of_approval(id))?;
        let redeemed = ticket.redeem().await.map_err(|error| self.not_to_be_had(verdict, &error))?;
        self.record_approved(verdict, id).await?;
        self.counters.approved();
        Ok(redeemed.grant.scope)
    }

    /// Requests an approval, or joins an open one for the same command. A new request is recorded.
    async fn request_approval(
        &self,
        ask: Ask,
        verdict: &Verdict,
        spec: &ApprovalSpec,
    ) -> Result<Ticket, Denied> {
        let keeps_summary = self.snapshot.recording().keeps_summary(self.governed.connection.protocol);
        let mut data = requested_data(&ask, spec, keeps_summary);
        let asked = self.gate.0.approvals.ask(ask).await;
        let ticket = asked.map_err(|error| self.not_to_be_had(verdict, &error))?;
        if !ticket.joined() {
            if let Some(mut data) = Object::reopen(&mut data) {
                data.word("approval", ticket.id());
            }
            let event = self.session.event(EventKind::ApprovalRequested, None, Some(self.request), data);
            self.append(vec![event], Durability::Synced).await?;
        }
        Ok(ticket)
    }

    async fn record_approved(&self, verdict: &Verdict, id: ApprovalId) -> Result<(), Denied> {
        let mut data = String::new();
        Object::begin(&mut data)
            .word("effect", "allow")
            .text("rule", verdict.rule.as_deref().unwrap_or_default())
            .word("approval", id)
            .value("policy_rev", verdict.revision);
        let event = self.session.event(EventKind::Decision, None, Some(self.request), data);
        self.append(vec![event], Durability::Synced).await
    }

    /// Logs that an approval cannot be requested or used, and returns the refusal.
    fn not_to_be_had(&self, verdict: &Verdict, error: &ApprovalError) -> Denied {
        tracing::warn!(request = %self.request, %error, "an approval could not be requested");
        not_to_be_had(error).of_rule(verdict.rule.clone())
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

/// Returns the refusal unless approvers can be shown all of a command.
fn must_be_shown_whole(held: &Held, verdict: &Verdict) -> Result<(), Denied> {
    if !held.truncated {
        return Ok(());
    }
    let detail = format!(
        "this command needs approval, but it cannot be shown to the approver in full: it is longer than {} KiB or not text; send a smaller or a text request",
        Held::MAX_SHOWN >> 10
    );
    let denied = Denied::new(DenyCode::LimitExceeded, detail).because(reason::BODY_TOO_LARGE);
    Err(denied.of_rule(verdict.rule.clone()))
}

/// Returns the refusal unless the outcome of the wait is an approval, and the client is still there to get
/// the reply. `id`: of the approval.
fn must_be_approved(
    outcome: &Outcome,
    is_away: bool,
    spec: &ApprovalSpec,
    id: ApprovalId,
) -> Result<(), Denied> {
    let denied = match outcome {
        Outcome::Approved { .. } if is_away => {
            let detail =
                "it was approved after its client disconnected; send the same request again to run it";
            Denied::new(DenyCode::ApprovalPending, detail).because(reason::CLIENT_LEFT)
        }
        Outcome::Approved { .. } => return Ok(()),
        Outcome::Denied { reason, .. } => {
            let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            Denied::new(DenyCode::ApprovalDenied, format!("an approver denied it{why}"))
        }
        Outcome::Used => Denied::new(DenyCode::ApprovalExpired, USED).because("used"),
        Outcome::Cancelled | Outcome::Expired => Denied::new(
            DenyCode::ApprovalExpired,
            "nobody approved it in time; send it again to request a new approval",
        ),
        Outcome::Pending(_) => {
            let detail = format!(
                "approval {id} needs {} {} from {}; send the same request again to check",
                spec.min,
                if spec.min == 1 { "approver" } else { "approvers" },
                spec.from.join(", ")
            );
            Denied::new(DenyCode::ApprovalPending, detail).retry_in(Duration::from_secs(5))
        }
        Outcome::Stopped => Denied::new(DenyCode::Overloaded, "the gateway is stopping"),
    };
    Err(denied.of_approval(id))
}

/// Returns a command's summary as approvers may read it.
pub fn masked_summary(command: &Command, plan: &Plan, notes: &mut Notes) -> String {
    let http = match &command.words {
        Words::Http(http) => http,
        Words::Mcp(mcp) => {
            let summary = mcp.line();
            return plan.text(&summary, "path", notes).unwrap_or(summary);
        }
        // As it is recorded: masked whole, and only then cut.
        Words::Sql(sql) => return line(plan.text(&sql.text, "sql", notes).as_deref().unwrap_or(&sql.text)),
    };
    let path = plan.text(&http.path, "path", notes).map_or_else(|| http.path.clone(), String::into_boxed_str);
    let query = plan.query(&http.query, notes).map_or_else(|| http.query.clone(), String::into_boxed_str);
    HttpCommand { method: http.method.clone(), path, query, args: Args::Absent }.target()
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

fn requested_data(ask: &Ask, spec: &ApprovalSpec, keeps_summary: bool) -> String {
    let mut data = String::new();
    let mut request = Object::begin(&mut data);
    request.text("rule", &ask.rule).texts("from", &spec.from).value("min", spec.min);
    request.word("digest", &ask.digest);
    if keeps_summary {
        request.text("summary", &ask.summary);
    }
    drop(request);
    data
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::Class;
    use crate::domain::Entity;
    use crate::domain::GrantId;
    use crate::domain::Kin;
    use crate::domain::MaskOp;
    use crate::domain::MaskRule;
    use crate::domain::Origin;
    use crate::domain::Predicates;
    use crate::domain::Protocol;
    use crate::domain::SqlCommand;

    #[test]
    fn a_value_is_masked_before_a_summary_is_cut_in_it() {
        let rule = MaskRule {
            id: "pii".to_owned(),
            origin: Origin::Store,
            connections: Vec::new(),
            tags: BTreeMap::new(),
            fields: Vec::new(),
            entities: vec![Entity::UsSsn],
            patterns: BTreeMap::new(),
            op: MaskOp::Redact,
            predicates: Predicates::default(),
        };
        let plan = Plan::compile(&[&rule], [7; 32]).unwrap();
        for before in 270..310 {
            let text = format!("SELECT\n '{}', '123-45-6789' ,1", "x".repeat(before));
            let sql = SqlCommand {
                text: text.into(),
                effects: None,
                base: Class::Unknown,
                opaque: Vec::new(),
                kin: Kin::default(),
            };
            let command =
                Command { protocol: Protocol::Postgres, class: Class::Read, words: Words::Sql(sql) };
            let summary = masked_summary(&command, &plan, &mut Notes::default());
            assert!(summary.starts_with("SELECT 'xxx") && summary.chars().count() <= 301, "{summary}");
            assert!(!summary.contains("'12"), "{summary}");
        }
    }

    #[test]
    fn nothing_but_an_approval_whose_client_is_there_lets_a_command_run() {
        let id = ApprovalId::new();
        let spec = ApprovalSpec {
            from: vec!["dba".to_owned()],
            min: 1,
            timeout_s: 600,
            reason: false,
            grant: GrantScope::Once,
        };
        let approved = || Outcome::Approved { approval: id, grant: GrantId::new() };
        let no = || Outcome::Denied { by: "entra/ada".to_owned(), reason: "not now".to_owned() };
        assert_eq!(must_be_approved(&approved(), false, &spec, id), Ok(()));
        for (outcome, is_away, code, audit) in [
            (approved(), true, DenyCode::ApprovalPending, Some("client_left")),
            (no(), false, DenyCode::ApprovalDenied, None),
            (Outcome::Used, false, DenyCode::ApprovalExpired, Some("used")),
            (Outcome::Cancelled, false, DenyCode::ApprovalExpired, None),
            (Outcome::Expired, true, DenyCode::ApprovalExpired, None),
            (Outcome::Pending(id), false, DenyCode::ApprovalPending, None),
            (Outcome::Stopped, false, DenyCode::Overloaded, None),
        ] {
            let denied = must_be_approved(&outcome, is_away, &spec, id).unwrap_err();
            assert_eq!((denied.code, denied.audit, denied.approval), (code, audit, Some(id)), "{outcome:?}");
        }
        let denied = must_be_approved(&no(), false, &spec, id).unwrap_err();
        assert_eq!(denied.detail, "an approver denied it: not now");
    }
}
