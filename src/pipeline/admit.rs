//! The middle steps: asks once more, holds until approved, records; only then gives a permit.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::Class;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Effect;
use crate::domain::EventKind;
use crate::domain::SessionEnd;
use crate::domain::Verdict;
use crate::domain::json::write::Object;
use crate::pipeline::decision::CommandRecord;
use crate::pipeline::decision::write_decision;
use crate::pipeline::enter::Exchange;
use crate::pipeline::enter::session_ended;
use crate::pipeline::held::Held;
use crate::pipeline::judged::Judged;
use crate::pipeline::judged::blocked;
use crate::pipeline::judged::strictest;
use crate::pipeline::judged::unjudged;
use crate::pipeline::permit::Permit;
use crate::pipeline::reply::ReplyGuard;
use crate::pipeline::snapshot::Snapshot;
use crate::policy::Subject;
use crate::recording::Durability;

/// The time within which the same policies are sure to give the same verdict: only `when` depends on the
/// clock, and its finest unit is a minute.
const SURELY_AGREED: Duration = Duration::from_secs(1);

impl Exchange {
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
    pub async fn admit_repeated(
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
    pub async fn admit_gateway_answer(
        mut self,
        judged: &Judged,
        record: CommandRecord,
    ) -> Result<ReplyGuard, Denied> {
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
            let rules = verdict.rules.join(",");
            let terms = |of: &Snapshot| of.terms(&self.governed, &rules, self.principal());
            again.rules != verdict.rules || terms(&now) != terms(&self.snapshot)
        };
        if again.effect > verdict.effect
            || (again.effect == Effect::Approve && other_terms())
            || !now.masks_like(&self.governed)
        {
            let detail = "the policies or masks changed while it was on its way; send it again";
            let denied = Denied::new(DenyCode::Denied, detail).because("policy_changed");
            return Err(denied.of_rule(again.rule));
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
}
