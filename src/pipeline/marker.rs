//! Markers in a session's recording: events outside its commands, and messages from the target that were
//! dropped.

use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::domain::EventKind;
use crate::domain::SessionId;
use crate::domain::event::Direction;
use crate::pipeline::ReplyGuard;
use crate::pipeline::end::EndWatch;
use crate::pipeline::refusals::Flood;

/// How many dropped messages per second are recorded one by one.
const PER_SECOND: u32 = 5;

impl EndWatch {
    /// Returns the session's id.
    pub fn session_id(&self) -> SessionId {
        self.session.id
    }

    /// Records an event of the session outside its commands. A session that has ended gets no more events.
    pub fn mark(&self, data: String) {
        let journal = &self.gate.0.journal;
        self.session.begin_exchange();
        if !self.session.is_recorded_as_ended() {
            let event = self.session.event(EventKind::Marker, Some(Direction::S2c), None, data);
            if let Err(error) = journal.push(event) {
                tracing::error!(session = %self.session.id, %error, "a session event could not be recorded");
            }
        }
        self.session.end_exchange(journal);
    }
}

/// Records dropped messages one by one, without their content, up to a limit per second; beyond it they are
/// only counted.
#[derive(Debug)]
pub struct LeftOut {
    began: Instant,
    flood: Flood,
}

impl Default for LeftOut {
    fn default() -> Self {
        Self { began: Instant::now(), flood: Flood::new(PER_SECOND) }
    }
}

impl LeftOut {
    /// Returns the data of the marker for a dropped message; `None` if it is only counted. The texts must not
    /// come from the target.
    pub fn note(&mut self, kind: &'static str, method: &'static str, why: &'static str) -> Option<String> {
        let before = self.flood.admit(self.began.elapsed().as_secs())?;
        let named = if method.is_empty() { String::new() } else { format!(" {method}") };
        let mut left_out = json!({ "kind": kind, "method": method, "why": why });
        if let Some(members) = left_out.as_object_mut().filter(|_| before > 0) {
            members.insert("not_recorded_before".to_owned(), before.into());
        }
        Some(data(&format!("a {kind}{named} from the target was dropped: {why}"), &left_out))
    }

    /// Returns the data of a marker for those that were only counted; `None` if there are none.
    pub fn rest(&mut self) -> Option<String> {
        let before = self.flood.take_suppressed();
        let text = || format!("{before} more messages from the target were dropped");
        (before > 0).then(|| data(&text(), &json!({ "not_recorded_before": before })))
    }
}

fn data(text: &str, left_out: &Value) -> String {
    json!({ "text": text, "left_out": left_out }).to_string()
}

impl ReplyGuard {
    /// Records that a message from the target was dropped. A failure to record it has no effect: nobody gets
    /// the message.
    pub fn leave_out(&mut self, kind: &'static str, method: &'static str, why: &'static str) {
        if let Some(data) = self.left_out.get_or_insert_default().note(kind, method, why) {
            self.mark(data);
        }
    }

    /// Records how many dropped messages were only counted.
    pub(super) fn tell_left_out(&mut self) {
        if let Some(data) = self.left_out.as_mut().and_then(LeftOut::rest) {
            self.mark(data);
        }
    }

    fn mark(&self, data: String) {
        let exchange = self.exchange();
        let event =
            exchange.session.event(EventKind::Marker, Some(Direction::S2c), Some(exchange.request), data);
        if let Err(error) = exchange.gate.0.journal.push(event) {
            tracing::error!(request = %exchange.request, %error, "a dropped message could not be recorded");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_what_goes_nowhere_is_counted() {
        let mut left_out = LeftOut::default();
        let said: Vec<_> =
            (0..100).filter_map(|_| left_out.note("response", "", "nobody asked for it")).collect();
        assert_eq!(said.len(), 5);
        let first: Value = serde_json::from_str(&said[0]).unwrap();
        assert_eq!(first["text"], "a response from the target was dropped: nobody asked for it");
        assert_eq!(
            first["left_out"],
            json!({ "kind": "response", "method": "", "why": "nobody asked for it" })
        );
        let rest: Value = serde_json::from_str(&left_out.rest().unwrap()).unwrap();
        assert_eq!(rest["left_out"]["not_recorded_before"], 95);
        assert_eq!(left_out.rest(), None, "once is enough");
    }
}
