//! The middle steps: decide, hold until approved, record; only then give a permit.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::ApprovalId;
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
use crate::domain::event::Direction;
use crate::domain::json::write::Object;
use crate::pipeline::body::Capture;
use crate::pipeline::enter::Exchange;
use crate::pipeline::enter::session_ended;
use crate::pipeline::permit::Permit;
use crate::pipeline::reply::ReplyGuard;
use crate::pipeline::snapshot::Snapshot;
use crate::policy::PolicySet;
use crate::policy::Subject;
use crate::recording::Durability;
use crate::recording::SyncMode;

/// The time within which the same policies are sure to give the same verdict: only `when` depends on the
/// clock, and its finest unit is a minute.
const SURELY_AGREED: Duration = Duration::from_secs(1);

/// A command with its verdict.
#[derive(Debug)]
pub struct Judged {
    /// The command.
    pub command: Command,
    /// The prepared statements and cursors that this command executes by name.
    pub(super) also: Vec<Command>,
    pub(super) verdict: Verdict,
}

impl Judged {
    /// Returns whether the command passes without approval.
    pub fn passes(&self) -> bool {
        self.verdict.effect == Effect::Allow
    }

    /// Returns whether the command is denied.
    pub fn is_denied(&self) -> bool {
        self.verdict.effect == Effect::Deny
    }

    /// Returns the class of the command, or of anything it executes, whichever is worse.
    pub fn class(&self) -> Class {
        self.also.iter().map(|command| command.class).fold(self.command.class, Class::max)
    }

    /// Returns the ids of the policies behind the verdict, separated by commas.
    pub fn rules(&self) -> String {
        self.verdict.rules.join(",")
    }

    /// Returns whether the command must be held for approval. Its exact bytes are then needed to admit it.
    pub fn holds(&self) -> bool {
        self.verdict.effect == Effect::Approve
    }
}

/// The approval text of a held command, and the digest that binds an approval to its bytes.
#[derive(Debug)]
pub struct Held {
    /// A digest of the exact bytes that will be sent: SHA-256, in hexadecimal digits.
    pub bytes_digest: String,
    /// The approval text: all that will be sent, readable, with masked values masked.
    pub detail: String,
    /// Whether `detail` was cut.
    pub truncated: bool,
    /// The reason that the requester gave.
    pub reason: String,
    /// The number of bytes that are kept in memory while the command is held.
    pub bytes: usize,
    /// How long the client waits for a decision. `None`: the connection's `approval_wait` applies.
    pub wait: Option<Duration>,
    /// Notified once, when the command has to wait.
    pub told: Option<oneshot::Sender<Waiting>>,
    /// Signals that the client disconnected but may resume. The approval stays pending and nothing is sent
    /// until it does. `None`: a disconnect withdraws the approval.
    pub leaves: Option<oneshot::Receiver<()>>,
}

impl Held {
    /// The longest approval text, in bytes. A longer command can be denied, but not approved.
    pub const MAX_SHOWN: usize = 256 << 10;
    /// The longest reason, in characters. A longer one is cut.
    pub const MAX_REASON: usize = 500;

    /// A command without a reason, of which `size` bytes are kept besides `detail`. What is more than
    /// approvers are shown is left out of `detail`; `truncated` says that something is left out already.
    #[must_use]
    pub fn new(bytes_digest: String, mut detail: String, truncated: bool, size: usize) -> Self {
        let cut = detail.len() > Self::MAX_SHOWN;
        if cut {
            detail.truncate(detail.floor_char_boundary(Self::MAX_SHOWN));
        }
        Self {
            bytes_digest,
            truncated: truncated || cut,
            reason: String::new(),
            bytes: size.saturating_add(detail.len()),
            detail,
            wait: None,
            told: None,
            leaves: None,
        }
    }
}

/// What a client is told about its own pending command.
#[derive(Debug)]
pub struct Waiting {
    /// The pending approval.
    pub approval: ApprovalId,
    /// The policies that ask for it, by id.
    pub rule: String,
    /// The groups whose members may decide.
    pub from: Vec<String>,
    /// When the approval expires, in milliseconds since 1970.
    pub until_ms: i64,
}

/// The event that records a command: its kind, its data without the decision, and what was masked in it.
#[derive(Debug)]
pub struct CommandRecord {
    /// The kind of event.
    pub kind: EventKind,
    /// The data, one JSON object.
    pub data: String,
    /// What was masked in `data`.
    pub mask: Vec<MaskNote>,
}

impl Exchange {
    /// Returns whether some policy needs the arguments to judge this command.
    pub fn wants_args(&self, command: &Command) -> bool {
        self.snapshot.policies().wants_args(&self.subject(), command)
    }

    /// Judges a command by the policies.
    pub fn judge(&self, command: Command) -> Judged {
        self.judge_with(command, Vec::new())
    }

    /// Judges a command together with the earlier commands that it executes. The strictest verdict counts.
    pub fn judge_with(&self, command: Command, also: Vec<Command>) -> Judged {
        let verdict = strictest(self.snapshot.policies(), &self.subject(), &command, &also);
        Judged { command, also, verdict }
    }

    /// Returns whether bodies are recorded.
    pub fn keeps_bodies(&self) -> bool {
        self.snapshot.recording().keeps_bodies()
    }

    /// Returns an empty capture of a body, limited as the recording settings say.
    pub fn capture(&self) -> Capture {
        Capture::new(self.keeps_bodies(), self.snapshot.recording().max_body)
    }

    /// Admits a judged command: gives a permit for `payload`, or the refusal. Either is recorded first.
    /// `held` is required for a command that [`Judged::holds`].
    pub async fn admit<P>(
        mut self,
        judged: Judged,
        record: CommandRecord,
        payload: P,
        held: Option<Held>,
    ) -> Result<Permit<P>, Denied> {
        let class = judged.class();
        let durability = self.durability(class);
        self.changes = class != Class::Read;
        let agreed = self.still_agreed(&judged).and_then(|()| self.within_limit(&judged.verdict));
        let Judged { verdict, .. } = &judged;
        if let Err(denied) = agreed {
            return Err(self.refuse_recorded(record, verdict, denied).await);
        }
        let covers = match verdict.effect {
            Effect::Deny => {
                let denied = blocked(verdict);
                return Err(self.refuse_recorded(record, verdict, denied).await);
            }
            Effect::Allow => {
                self.append(self.command_events(record, verdict, None, None), durability).await?;
                self.counters.allowed();
                None
            }
            // Boxed, so that commands without approval do not carry the state of the wait.
            Effect::Approve => Some(Box::pin(self.hold(&judged, record, held)).await?),
        };
        // Recording takes time: the session may have ended or a lock may have come meanwhile.
        if let Err(denied) = self.still_stands() {
            return Err(self.refuse_late(verdict, denied).await);
        }
        Ok(Permit::new(payload, ReplyGuard::new(self)).by(covers))
    }

    /// Admits a repeated command that is answered with the stored (or still pending) result of the first one,
    /// which the client never received. Nothing is sent, so there is no permit. The caller makes sure that
    /// both commands need the same approval.
    ///
    /// `approved`: the first one has been approved; else this one is recorded as pending.
    pub async fn admit_kept(
        self,
        judged: &Judged,
        record: CommandRecord,
        approved: bool,
    ) -> Result<ReplyGuard, Denied> {
        let verdict = &judged.verdict;
        let agreed = self.still_agreed(judged).and_then(|()| self.within_limit(verdict));
        if let Err(denied) = agreed {
            return Err(self.refuse_recorded(record, verdict, denied).await);
        }
        let mut events = self.command_events(record, verdict, None, None);
        let effect = if approved { "allow" } else { "approve" };
        let mut data = String::new();
        Object::begin(&mut data)
            .word("effect", effect)
            .text("rule", verdict.rule.as_deref().unwrap_or_default())
            .value("kept", true)
            .value("policy_rev", verdict.revision);
        events.push(self.session.event(EventKind::Decision, None, Some(self.request), data));
        self.append(events, Durability::Written).await?;
        Ok(ReplyGuard::of_gateway(self))
    }

    /// Admits a command that the gateway answers itself, about something that belongs to the caller. Nothing
    /// is sent, so there is no permit, and neither an approval nor an allow is needed; a policy that denies
    /// it is obeyed.
    ///
    /// # Errors
    /// The command is refused, or could not be recorded.
    pub async fn admit_own(mut self, judged: &Judged, record: CommandRecord) -> Result<ReplyGuard, Denied> {
        self.changes = false;
        // Uses the current policies: the body may have arrived slowly.
        let verdict =
            &strictest(self.gate.snapshot().policies(), &self.subject(), &judged.command, &judged.also);
        let denied = (verdict.effect == Effect::Deny && verdict.rule.is_some()).then(|| blocked(verdict));
        if let Err(denied) = self.still_stands().and(denied.map_or(Ok(()), Err)) {
            return Err(self.refuse_recorded(record, verdict, denied).await);
        }
        let allowed = Verdict { effect: Effect::Allow, ..unjudged(verdict.revision) };
        self.append(self.command_events(record, &allowed, None, None), Durability::Written).await?;
        self.counters.allowed();
        Ok(ReplyGuard::of_gateway(self))
    }

    /// Records a refusal of this exchange that has no verdict, for example because its body cannot be read.
    pub async fn refuse(&self, record: CommandRecord, denied: Denied) -> Denied {
        let verdict = unjudged(self.snapshot.revision());
        self.refuse_recorded(record, &verdict, denied).await
    }

    pub(super) async fn refuse_recorded(
        &self,
        record: CommandRecord,
        verdict: &Verdict,
        denied: Denied,
    ) -> Denied {
        self.count_refusal(&denied);
        let events = self.command_events(record, verdict, Some(&denied), None);
        match self.append(events, Durability::Written).await {
            Ok(()) => denied,
            Err(unrecorded) => unrecorded,
        }
    }

    pub(super) fn count_refusal(&self, denied: &Denied) {
        self.counters.denied();
        self.gate.0.metrics.refused(denied.code);
        tracing::info!(request = %self.request, session = %self.session.id, code = %denied.code, rule = denied.rule.as_deref().unwrap_or_default(), "command refused");
    }

    /// Checks the verdict against the current policies, and that session and token are still valid: a slow
    /// body or a long approval leaves time for changes.
    pub(super) fn still_agreed(&self, judged: &Judged) -> Result<(), Denied> {
        let Judged { command, also, verdict } = judged;
        self.still_stands()?;
        if verdict.effect == Effect::Deny {
            return Ok(());
        }
        let now = self.gate.snapshot();
        if Arc::ptr_eq(&now, &self.snapshot) && self.began.elapsed() < SURELY_AGREED {
            return Ok(());
        }
        let subject = Subject { now_ms: crate::domain::now_ms(), ..self.subject() };
        let again = strictest(now.policies(), &subject, command, also);
        let other_terms = || {
            let terms = |of: &Snapshot| of.terms(&self.governed, &verdict.rules.join(","));
            again.rules != verdict.rules || terms(&now) != terms(&self.snapshot)
        };
        if again.effect > verdict.effect || (again.effect == Effect::Approve && other_terms()) {
            let detail = "the policies changed while it was on its way; send it again";
            return Err(Denied { rule: again.rule, ..Denied::new(DenyCode::Denied, detail) }
                .because("policy_changed"));
        }
        Ok(())
    }

    /// Applies the verdict's limit to the session, and ends the session if it is already older.
    pub(super) fn within_limit(&self, verdict: &Verdict) -> Result<(), Denied> {
        let Some(limit) = verdict.session_limit.filter(|_| verdict.effect != Effect::Deny) else {
            return Ok(());
        };
        self.session.shorten(limit);
        if u128::from(self.session.elapsed_us()) < limit.as_micros() {
            return Ok(());
        }
        self.gate.0.sessions.end_due(&self.gate.0.journal);
        Err(session_ended(SessionEnd::Limit))
    }

    /// Records a refusal that came after the command was recorded.
    pub(super) async fn refuse_late(&self, verdict: &Verdict, denied: Denied) -> Denied {
        self.count_refusal(&denied);
        let mut data = String::with_capacity(128);
        write_decision(&mut data, verdict, Some(&denied), None);
        let event = self.session.event(EventKind::Decision, None, Some(self.request), data);
        match self.append(vec![event], Durability::Written).await {
            Ok(()) => denied,
            Err(unrecorded) => unrecorded,
        }
    }

    pub(super) fn durability(&self, class: Class) -> Durability {
        match (class, self.snapshot.recording().sync) {
            (Class::Read, SyncMode::Writes) => Durability::Written,
            _ => Durability::Synced,
        }
    }

    /// Builds the command's event and its decision. A plain allow, by far the most frequent decision, is
    /// written into the command's event itself.
    pub(super) fn command_events(
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
        if data.ends_with('}') {
            data.pop();
            self.session.write_caller(&self.verified.principal, self.source, &mut data);
            if plain {
                data.push_str(",\"decision\":");
                data.push_str(&decision);
            }
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
}

/// Returns the strictest verdict for the command and everything it executes. Two that need different
/// approvers are denied: one approval cannot satisfy both.
fn strictest(policies: &PolicySet, subject: &Subject<'_>, command: &Command, also: &[Command]) -> Verdict {
    let mut strictest = policies.decide(subject, command);
    for command in also {
        let verdict = policies.decide(subject, command);
        let both = verdict.effect == Effect::Approve && strictest.effect == Effect::Approve;
        if both && verdict.rules != strictest.rules {
            let message = "the prepared statement needs approval by other approvers than this command; run its SQL directly instead";
            return Verdict { effect: Effect::Deny, message: Some(message.into()), ..verdict };
        }
        if verdict.effect > strictest.effect {
            strictest = verdict;
        }
    }
    strictest
}

/// Returns the verdict for a refusal that no policy decided.
pub(super) fn unjudged(revision: u64) -> Verdict {
    Verdict {
        effect: Effect::Deny,
        rule: None,
        rules: Vec::new(),
        approval: None,
        session_limit: None,
        message: None,
        revision,
    }
}

/// Returns the refusal of a command that could not be recorded.
pub(super) fn unrecorded() -> Denied {
    Denied::new(
        DenyCode::RecordingUnavailable,
        "the command could not be recorded, so it was not done; try again later",
    )
}

pub(super) fn blocked(verdict: &Verdict) -> Denied {
    let detail = match (&verdict.message, &verdict.rule) {
        (Some(message), _) => message.to_string(),
        (None, Some(rule)) => format!("policy {rule} blocks this"),
        (None, None) => "no policy allows this".to_owned(),
    };
    Denied { rule: verdict.rule.clone(), ..Denied::new(DenyCode::Denied, detail) }
}

pub(super) fn write_decision(
    out: &mut String,
    verdict: &Verdict,
    denied: Option<&Denied>,
    grant: Option<&str>,
) {
    let mut data = Object::begin(out);
    data.word("effect", verdict.effect);
    match &verdict.rule {
        Some(rule) => data.text("rule", rule),
        None => data.value("rule", "null"),
    };
    if verdict.rules.len() > 1 {
        data.texts("rules", &verdict.rules);
    }
    data.value("policy_rev", verdict.revision);
    if let Some(grant) = grant {
        data.word("grant", grant);
    }
    if let Some(denied) = denied {
        data.word("code", denied.code);
        if let Some(reason) = denied.audit {
            data.word("reason", reason);
        }
    }
}
