//! How a command and the decision about it are recorded.

use crate::domain::Class;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Effect;
use crate::domain::Event;
use crate::domain::EventKind;
use crate::domain::MaskNote;
use crate::domain::Verdict;
use crate::domain::event::Direction;
use crate::domain::json::write::Object;
use crate::pipeline::enter::Exchange;
use crate::recording::Durability;
use crate::recording::SyncMode;

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
        if let Some(mut data) = Object::reopen(&mut data) {
            self.session.write_caller(&self.verified.principal, self.source, &mut data);
            if plain {
                data.raw("decision").push_str(&decision);
            }
        }
        let mut event = self.session.event(kind, Some(Direction::C2s), Some(self.request), data);
        event.mask = mask;
        let mut events = vec![event];
        if !plain {
            events.push(self.session.event(EventKind::Decision, None, Some(self.request), decision));
        }
        events
    }

    /// Returns how safely the record of a command of `class` is kept before it is sent.
    pub(super) fn durability(&self, class: Class) -> Durability {
        match (class, self.snapshot.recording().sync) {
            (Class::Read, SyncMode::Writes) => Durability::Written,
            _ => Durability::Synced,
        }
    }

    /// Records events of this exchange.
    ///
    /// # Errors
    /// They could not be recorded: what they are about must not go on.
    pub(super) async fn append(&self, events: Vec<Event>, durability: Durability) -> Result<(), Denied> {
        self.gate.0.journal.append(events, durability).await.map_err(|error| {
            tracing::error!(request = %self.request, %error, "a command could not be recorded");
            unrecorded()
        })
    }
}

/// Returns the refusal of a command that could not be recorded.
pub(super) fn unrecorded() -> Denied {
    Denied::new(
        DenyCode::RecordingUnavailable,
        "the command could not be recorded, so it was not done; try again later",
    )
}

/// Appends the data of a `decision` event, one JSON object.
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
