//! The middle steps: decide, hold until people have approved, record; then, and only then, a permit.

use std::fmt::Write;
use std::sync::Arc;

use crate::approval::ApprovalError;
use crate::approval::Ask;
use crate::approval::Outcome;
use crate::approval::Wanted;
use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Effect;
use crate::domain::Event;
use crate::domain::EventKind;
use crate::domain::MaskNote;
use crate::domain::SessionEnd;
use crate::domain::Verdict;
use crate::domain::approval::ApprovalSpec;
use crate::domain::event::Direction;
use crate::domain::json::write_string;
use crate::pipeline::body::Capture;
use crate::pipeline::enter::Exchange;
use crate::pipeline::enter::session_ended;
use crate::pipeline::permit::Permit;
use crate::pipeline::reply::ReplyGuard;
use crate::policy::Subject;
use crate::recording::Durability;
use crate::recording::Sync;

/// A command with its verdict.
#[derive(Debug)]
pub struct Judged {
    /// The command.
    pub command: Command,
    verdict: Verdict,
}

impl Judged {
    /// Whether it passes at once.
    pub fn passes(&self) -> bool {
        self.verdict.effect == Effect::Allow
    }

    /// Whether it is blocked.
    pub fn is_denied(&self) -> bool {
        self.verdict.effect == Effect::Deny
    }

    /// Whether it must be held: then its exact bytes are needed to admit it.
    pub fn holds(&self) -> bool {
        self.verdict.effect == Effect::Approve
    }
}

/// What approvers see of a held command, and what binds their word to its bytes.
#[derive(Debug)]
pub struct Held {
    /// Absorbs the exact bytes that will be sent: SHA-256, in hexadecimal digits.
    pub bytes_digest: String,
    /// All that will be sent, for people, with masked values masked.
    pub detail: String,
    /// Whether `detail` leaves something out.
    pub truncated: bool,
    /// The reason that the requester gave.
    pub reason: String,
    /// How many bytes are kept while it is held.
    pub bytes: usize,
}

/// The event that records a command: what kind, its data without the decision, what was masked in it.
#[derive(Debug)]
pub struct CommandRecord {
    /// What kind of event.
    pub kind: EventKind,
    /// One JSON object.
    pub data: String,
    /// What was masked in it.
    pub mask: Vec<MaskNote>,
}

impl Exchange {
    /// Whether some policy must look into the arguments to judge this command.
    pub fn wants_args(&self, command: &Command) -> bool {
        self.snapshot.policies().wants_args(&self.subject(), command)
    }

    /// What the policies say.
    pub fn judge(&self, command: Command) -> Judged {
        let verdict = self.snapshot.policies().decide(&self.subject(), &command);
        Judged { command, verdict }
    }

    /// Whether bodies are recorded.
    pub fn keeps_bodies(&self) -> bool {
        self.snapshot.recording().keeps_bodies()
    }

    /// An empty capture of a body, as long as the recording keeps them.
    pub fn capture(&self) -> Capture {
        Capture::new(self.keeps_bodies(), self.snapshot.recording().max_body)
    }

    /// Takes a judged command to its end: a permit for `payload`, or the refusal, either of them recorded first.
    /// `held` must be there for a command that [`Judged::holds`].
    pub async fn admit<P>(
        mut self,
        judged: Judged,
        record: CommandRecord,
        payload: P,
        held: Option<Held>,
    ) -> Result<Permit<P>, Denied> {
        let Judged { command, verdict } = judged;
        let durability = self.durability(command.class);
        self.changes = command.class != Class::Read;
        if let Err(denied) = self.still_agreed(&command, &verdict).and_then(|()| self.within_limit(&verdict)) {
            return Err(self.refuse_recorded(record, &verdict, denied).await);
        }
        match verdict.effect {
            Effect::Deny => {
                let denied = blocked(&verdict);
                return Err(self.refuse_recorded(record, &verdict, denied).await);
            }
            Effect::Allow => {
                self.append(self.command_events(record, &verdict, None, None), durability).await?;
                self.counters.allowed();
            }
            Effect::Approve => self.hold(&command, &verdict, record, held).await?,
        }
        // Recording takes its time: what ended meanwhile ends this too.
        if let Err(denied) = self.still_stands() {
            return Err(self.refuse_late(&verdict, denied).await);
        }
        Ok(Permit::new(payload, ReplyGuard::new(self)))
    }

    /// Records a refusal of this exchange that came before or after the verdict, for example a body that cannot be read.
    pub async fn refuse(&self, record: CommandRecord, denied: Denied) -> Denied {
        let verdict = Verdict {
            effect: Effect::Deny,
            rule: None,
            rules: Vec::new(),
            approval: None,
            session_limit: None,
            message: None,
            revision: self.snapshot.revision(),
        };
        self.refuse_recorded(record, &verdict, denied).await
    }

    async fn refuse_recorded(&self, record: CommandRecord, verdict: &Verdict, denied: Denied) -> Denied {
        self.counters.denied();
        self.gate.0.metrics.refused(denied.code);
        tracing::info!(request = %self.request, session = %self.session.id, code = %denied.code, rule = denied.rule.as_deref().unwrap_or_default(), "command refused");
        let events = self.command_events(record, verdict, Some(&denied), None);
        match self.append(events, Durability::Written).await {
            Ok(()) => denied,
            Err(unrecorded) => unrecorded,
        }
    }

    /// That the verdict is still the one that the policies of this moment give, and that nothing it stands on has ended. A body that comes
    /// slowly, and people who think long, leave time for changes.
    fn still_agreed(&self, command: &Command, verdict: &Verdict) -> Result<(), Denied> {
        self.still_stands()?;
        if verdict.effect == Effect::Deny {
            return Ok(());
        }
        let now = self.gate.snapshot();
        let subject = Subject { now_ms: crate::pipeline::now_ms(), ..self.subject() };
        let again = now.policies().decide(&subject, command);
        if again.effect > verdict.effect || (again.effect == Effect::Approve && again.rules != verdict.rules) {
            let detail = "the policies changed while it was on its way; send it again";
            return Err(Denied { rule: again.rule, ..Denied::new(DenyCode::Denied, detail) }.because("policy_changed"));
        }
        Ok(())
    }

    /// Applies the verdict's limit to the session; one that is older already ends here.
    fn within_limit(&self, verdict: &Verdict) -> Result<(), Denied> {
        let Some(limit) = verdict.session_limit.filter(|_| verdict.effect != Effect::Deny) else { return Ok(()) };
        self.session.shorten(limit);
        if u128::from(self.session.elapsed_us()) < limit.as_micros() {
            return Ok(());
        }
        self.gate.0.sessions.end_due(&self.gate.0.journal);
        Err(session_ended(SessionEnd::Limit))
    }

    /// Records a refusal that came after the command was recorded.
    async fn refuse_late(&self, verdict: &Verdict, denied: Denied) -> Denied {
        self.counters.denied();
        self.gate.0.metrics.refused(denied.code);
        tracing::info!(request = %self.request, session = %self.session.id, code = %denied.code, "command refused");
        let mut data = String::with_capacity(128);
        write_decision(&mut data, verdict, Some(&denied), None);
        let event = self.session.event(EventKind::Decision, None, Some(self.request), data);
        match self.append(vec![event], Durability::Written).await {
            Ok(()) => denied,
            Err(unrecorded) => unrecorded,
        }
    }

    fn durability(&self, class: Class) -> Durability {
        match (class, self.snapshot.recording().sync) {
            (Class::Read, Sync::Writes) => Durability::Written,
            _ => Durability::Synced,
        }
    }

    /// The command's event and its decision. A plain allow stands in the command's event itself: it is by far the most frequent one.
    fn command_events(
        &self,
        record: CommandRecord,
        verdict: &Verdict,
        denied: Option<&Denied>,
        grant: Option<&str>,
    ) -> Vec<Event> {
        let CommandRecord { kind, mut data, mask } = record;
        let mut decision = String::with_capacity(128);
        write_decision(&mut decision, verdict, denied, grant);
        let plain =
            verdict.effect == Effect::Allow && denied.is_none() && self.snapshot.recording().keeps(kind);
        if plain && data.ends_with('}') {
            data.pop();
            data.push_str(",\"decision\":");
            data.push_str(&decision);
            data.push('}');
        }
        let mut event = self.session.event(kind, Some(Direction::C2s), Some(self.request), data);
        event.mask = mask;
        let mut events = vec![event];
        if !plain {
            events.push(self.session.event(EventKind::Decision, None, Some(self.request), decision));
        }
        events
    }

    pub(super) async fn append(&self, events: Vec<Event>, durability: Durability) -> Result<(), Denied> {
        self.gate.0.journal.append(events, durability).await.map_err(|error| {
            tracing::error!(request = %self.request, %error, "a command could not be recorded");
            unrecorded()
        })
    }

    /// Holds a command until people have approved it, or a grant of theirs already covers it.
    async fn hold(
        &mut self,
        command: &Command,
        verdict: &Verdict,
        record: CommandRecord,
        held: Option<Held>,
    ) -> Result<(), Denied> {
        let (Some(held), Some(spec)) = (held, verdict.approval.clone()) else {
            let denied = Denied::new(DenyCode::Internal, "a command to be approved came without its bytes")
                .because("not_held");
            return Err(self.refuse_recorded(record, verdict, denied).await);
        };
        if held.truncated {
            let detail = "this command must be approved, but it is too long, or of a type, to be shown whole to an approver";
            let denied = Denied { rule: verdict.rule.clone(), ..Denied::new(DenyCode::LimitExceeded, detail) };
            return Err(self.refuse_recorded(record, verdict, denied.because("body_too_large")).await);
        }
        let room = u32::try_from(held.bytes / 1024).unwrap_or(u32::MAX).saturating_add(4);
        let Ok(_room) = Arc::clone(&self.gate.0.held_room).try_acquire_many_owned(room) else {
            let denied = Denied::new(DenyCode::Overloaded, "too much waits for approval already; try again later");
            return Err(self.refuse_recorded(record, verdict, denied.because("held_room")).await);
        };
        let rule = verdict.rules.join(",");
        let digest = self.digest(&rule, &held.bytes_digest);
        let principal = Arc::clone(&self.verified.principal);
        let connection = self.governed.connection.name.clone();
        let session = self.session.id;
        let wanted =
            Wanted { principal: &principal.id, connection: &connection, rule: &rule, spec: &spec, session };
        if let Some(grant) = self.gate.0.approvals.standing_grant(&wanted) {
            let grant = grant.id.to_string();
            self.append(self.command_events(record, verdict, None, Some(&grant)), Durability::Synced).await?;
            self.counters.approved();
            return Ok(());
        }
        let summary = command.summary();
        let mut record_masked = record;
        let shown_summary = self.masked_summary(&summary, &mut record_masked);
        self.append(self.command_events(record_masked, verdict, None, None), Durability::Synced).await?;
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
            spec: (*spec).clone(),
            digest,
            summary: shown_summary,
            detail: held.detail,
            truncated: held.truncated,
            reason: held.reason,
            revision: verdict.revision,
        };
        match self.wait_for_people(ask, command, verdict, &spec).await {
            Ok(()) => Ok(()),
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
        command: &Command,
        verdict: &Verdict,
        spec: &ApprovalSpec,
    ) -> Result<(), Denied> {
        let wait = self.governed.connection.limits.approval_wait;
        let requested = requested_data(&ask, spec);
        let unavailable = |error: ApprovalError| {
            tracing::warn!(request = %self.request, %error, "an approval could not be had");
            Denied { rule: verdict.rule.clone(), ..not_to_be_had(&error) }
        };
        let mut ticket = self.gate.0.approvals.ask(ask).await.map_err(unavailable)?;
        let id = ticket.id();
        if !ticket.joined() {
            let data = with_member(&requested, "approval", &id.to_string());
            let event =
                self.session.event(EventKind::ApprovalRequested, None, Some(self.request), data.into());
            self.append(vec![event], Durability::Synced).await?;
        }
        self.counters.held();
        let mut end = self.end_watch();
        let outcome = tokio::select! {
            outcome = ticket.wait(wait) => outcome,
            end = end.ended() => {
                return Err(Denied { approval: Some(id), ..session_ended(end) });
            }
        };
        let denied = |code, detail: String| Denied {
            rule: verdict.rule.clone(),
            approval: Some(id),
            ..Denied::new(code, detail)
        };
        match outcome {
            Outcome::Approved { .. } => {}
            Outcome::Denied { reason, .. } => {
                let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
                return Err(denied(DenyCode::ApprovalDenied, format!("an approver said no{why}")));
            }
            Outcome::Cancelled | Outcome::Expired | Outcome::Used => {
                return Err(denied(
                    DenyCode::ApprovalExpired,
                    "nobody approved it in time; send it again to ask anew".into(),
                ));
            }
            Outcome::Pending(_) => {
                let detail = format!(
                    "{id} waits for {} of {}; repeat the same request later",
                    spec.min,
                    spec.from.join(", ")
                );
                let retry_after = Some(std::time::Duration::from_secs(5));
                return Err(Denied { retry_after, ..denied(DenyCode::ApprovalPending, detail) });
            }
            Outcome::Stopped => return Err(denied(DenyCode::Overloaded, "the gateway is stopping".into())),
        }
        // Time has passed: what it stands on must still hold, and so must the policies that asked.
        self.still_agreed(command, verdict).map_err(|denied| Denied { approval: Some(id), ..denied })?;
        ticket.redeem().await.map_err(unavailable)?;
        let data = format!(
            "{{\"effect\":\"allow\",\"rule\":{},\"approval\":\"{id}\",\"policy_rev\":{}}}",
            quoted(verdict.rule.as_deref().unwrap_or_default()),
            verdict.revision
        );
        let event = self.session.event(EventKind::Decision, None, Some(self.request), data);
        self.append(vec![event], Durability::Synced).await?;
        self.counters.approved();
        Ok(())
    }

    /// SHA-256 over principal, connection, rule and the digest of the bytes, each with its length before it.
    fn digest(&self, rule: &str, bytes_digest: &str) -> String {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        let governed = &self.governed.connection;
        let upstream = governed.upstream.to_string();
        for part in [
            "hoopctl approval v1",
            &self.verified.principal.id,
            governed.name.as_str(),
            &upstream,
            rule,
            bytes_digest,
        ] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        crate::pipeline::body::hex(context.finish().as_ref())
    }
}

/// The refusal of a command that could not be recorded.
pub(super) fn unrecorded() -> Denied {
    Denied::new(
        DenyCode::RecordingUnavailable,
        "the command could not be recorded, so it was not done; try again later",
    )
}

/// What a requester is told when the approval itself does not work.
fn not_to_be_had(error: &ApprovalError) -> Denied {
    match error {
        ApprovalError::TooMany { .. } | ApprovalError::TooManyOfOne { .. } => {
            let detail = "too many commands wait for approval; try again when some are decided";
            Denied::new(DenyCode::LimitExceeded, detail).because("pending_approvals")
        }
        ApprovalError::Store(_) => {
            Denied::new(DenyCode::Overloaded, "approvals cannot be kept at the moment; try again later")
                .because("store")
        }
        ApprovalError::NotOpen => {
            Denied::new(DenyCode::Overloaded, "the gateway is starting or stopping; try again later")
        }
        ApprovalError::NobodyMayDecide => {
            Denied::new(DenyCode::Denied, "nobody may approve this").because("no_approvers")
        }
        ApprovalError::ApproverGone => {
            Denied::new(DenyCode::ApprovalDenied, "those who approved it may not approve any more; ask anew")
                .because("approver_gone")
        }
        ApprovalError::AlreadyUsed
        | ApprovalError::Different
        | ApprovalError::Expired
        | ApprovalError::NotApproved { .. } => Denied::new(
            DenyCode::ApprovalExpired,
            "the approval is used up or over; send the request again to ask anew",
        ),
    }
}

fn blocked(verdict: &Verdict) -> Denied {
    let detail = match (&verdict.message, &verdict.rule) {
        (Some(message), _) => message.to_string(),
        (None, Some(rule)) => format!("policy {rule} blocks this"),
        (None, None) => "no policy allows this".to_owned(),
    };
    Denied { rule: verdict.rule.clone(), ..Denied::new(DenyCode::Denied, detail) }
}

fn write_decision(out: &mut String, verdict: &Verdict, denied: Option<&Denied>, grant: Option<&str>) {
    let _infallible = write!(out, "{{\"effect\":\"{}\",\"rule\":", verdict.effect);
    match &verdict.rule {
        Some(rule) => {
            let _infallible = write_string(rule, out);
        }
        None => out.push_str("null"),
    }
    if verdict.rules.len() > 1 {
        out.push_str(",\"rules\":[");
        for (place, rule) in verdict.rules.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            let _infallible = write_string(rule, out);
        }
        out.push(']');
    }
    let _infallible = write!(out, ",\"policy_rev\":{}", verdict.revision);
    if let Some(grant) = grant {
        let _infallible = write!(out, ",\"grant\":\"{grant}\"");
    }
    if let Some(denied) = denied {
        let _infallible = write!(out, ",\"code\":\"{}\"", denied.code);
        if let Some(reason) = denied.audit {
            let _infallible = write!(out, ",\"reason\":\"{reason}\"");
        }
    }
    out.push('}');
}

fn requested_data(ask: &Ask, spec: &ApprovalSpec) -> String {
    let from: Vec<String> = spec.from.iter().map(|group| quoted(group)).collect();
    format!(
        "{{\"rule\":{},\"from\":[{}],\"min\":{},\"digest\":\"{}\",\"summary\":{}}}",
        quoted(&ask.rule),
        from.join(","),
        spec.min,
        ask.digest,
        quoted(&ask.summary)
    )
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    let _infallible = write_string(text, &mut out);
    out
}

/// A JSON object with one more member, a string.
fn with_member(object: &str, name: &str, value: &str) -> Box<str> {
    format!("{},\"{name}\":{}}}", object.strip_suffix('}').unwrap_or(object), quoted(value)).into_boxed_str()
}
