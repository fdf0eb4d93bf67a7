//! The stages of a task: pending, running, over. Each transition happens once, under one lock, so that a
//! cancelled task is not sent.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;

use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::domain::now_ms;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::ResultField;
use crate::protocol::mcp::from_target::context::MOST as MOST_BYTES;
use crate::protocol::mcp::held::task::HANDED;
use crate::protocol::mcp::held::task::KEPT;
use crate::protocol::mcp::held::task::Task;
use crate::protocol::mcp::held::task::Tasks;

/// How much of a target's progress message is kept, in bytes.
const MOST_TOLD: usize = 1024;
/// JSON-RPC's code for an internal error.
const INTERNAL: i32 = -32603;

/// The stage of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is pending.
    Waits,
    /// It was sent to the target.
    Runs,
    /// It is over.
    Over(End),
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// With this result of the target, as JSON, masked as its client gets it.
    Completed(Bytes),
    /// With this error, as JSON.
    Failed(Bytes),
    /// Its client cancelled it.
    Cancelled,
    /// The target turned it into a task of its own, with this id.
    Handed(Box<str>),
}

/// The current state of a task.
#[derive(Debug)]
pub(super) struct Life {
    pub stage: Stage,
    /// A text for the person or model behind the client, or empty.
    pub said: String,
    /// When it last changed, in milliseconds since 1970.
    pub updated_ms: i64,
    /// Its lifetime, from its beginning.
    pub ttl: Duration,
    /// When it is removed; `None` if it is not over.
    pub until: Option<Instant>,
    /// Whether its client has received the result.
    pub heard: bool,
}

impl Life {
    pub(super) fn new(now_ms: i64) -> Self {
        let stage = Stage::Waits;
        Self { stage, said: String::new(), updated_ms: now_ms, ttl: KEPT, until: None, heard: false }
    }

    pub(super) fn says(&mut self, text: String) {
        self.said = text;
        self.updated_ms = now_ms();
    }

    /// Ends the task; returns false if it was over before.
    pub(super) fn end(&mut self, began: Instant, end: End) -> bool {
        if matches!(self.stage, Stage::Over(_)) {
            return false;
        }
        let kept = if matches!(end, End::Handed(_)) { HANDED } else { KEPT };
        self.ttl = began.elapsed().saturating_add(kept);
        self.until = Instant::now().checked_add(kept);
        self.stage = Stage::Over(end);
        self.says(String::new());
        true
    }

    pub(super) fn bytes(&self) -> usize {
        match &self.stage {
            Stage::Over(End::Completed(json) | End::Failed(json)) => json.len(),
            _ => 0,
        }
    }
}

/// The running work of a task. Dropping it before the end makes the task fail.
#[derive(Debug)]
pub struct Work {
    all: Tasks,
    task: Arc<Task>,
}

impl Work {
    pub(super) fn new(all: Tasks, task: Arc<Task>) -> Self {
        Self { all, task }
    }

    /// Returns the task.
    pub fn task(&self) -> &Arc<Task> {
        &self.task
    }

    /// Notes that the call is about to be sent. Returns false if its client has cancelled it.
    pub fn begins(&self) -> bool {
        let mut life = self.task.life();
        let waits = matches!(life.stage, Stage::Waits);
        if waits {
            life.stage = Stage::Runs;
            life.says("approved; it runs".to_owned());
        }
        waits
    }

    /// Takes a message that came before the answer, and keeps the text of a progress notification.
    pub fn tells(&self, body: &Bytes) {
        let Ok(message) = Message::scan(body.clone(), Limits::new(MOST_BYTES)) else { return };
        if message.method().as_deref() != Some("notifications/progress") {
            return;
        }
        let params = message.params().and_then(|params| Json::parse(params.raw, DEPTH).ok());
        let text = params.as_ref().and_then(|params| params.member("message")).and_then(Json::as_str);
        if let Some(text) = text.and_then(|text| text.get(..text.floor_char_boundary(MOST_TOLD))) {
            self.task.life().says(text.to_owned());
        }
    }

    /// Ends the task with the answer to the call, as its client gets it.
    pub fn ends(&self, body: &Bytes) {
        let end = end_of(body);
        let bytes = match &end {
            End::Completed(json) | End::Failed(json) => json.len(),
            End::Cancelled | End::Handed(_) => 0,
        };
        let end = if self.all.has_room(&self.task, bytes) {
            end
        } else {
            failed(
                "This was done, but its result is too long to be kept beside those of your other tasks. Do not do it again for that.",
            )
        };
        self.task.life().end(self.task.began, end);
    }

    /// Resolves when its client has cancelled it.
    pub async fn cancelled(&self) {
        let mut cancelled = self.task.cancelled.subscribe();
        if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let end = if *self.task.cancelled.borrow() {
            End::Cancelled
        } else {
            failed("It ended without an answer; whether it was done is not known here.")
        };
        self.task.life().end(self.task.began, end);
    }
}

/// Returns how an answer ends a task.
fn end_of(body: &Bytes) -> End {
    let unread = || failed("This was done, but the target's answer cannot be read.");
    let Ok(message) = Message::scan(body.clone(), Limits::new(MOST_BYTES)) else { return unread() };
    let text =
        |field| message.outcome(field).and_then(|value| value.text().map(std::borrow::Cow::into_owned));
    // A copy, since the surrounding message would otherwise be kept with it and not be counted.
    let kept = |raw: Option<&[u8]>| raw.map(Bytes::copy_from_slice);
    match message.kind() {
        Kind::Error => kept(message.error().map(|error| error.raw)).map_or_else(unread, End::Failed),
        Kind::Response => match (text(ResultField::Type).as_deref(), text(ResultField::TaskId)) {
            (Some("task"), Some(theirs)) => End::Handed(theirs.into()),
            (Some("task"), None) => unread(),
            // The answers to it would make a different call, which is not approved.
            (Some("input_required"), _) => failed(
                "The target needs to ask something before it does this, which cannot be combined with an approval as a task. It has not been done.",
            ),
            _ => kept(message.result().map(|result| result.raw)).map_or_else(unread, End::Completed),
        },
        Kind::Request | Kind::Notification => unread(),
    }
}

fn failed(words: &str) -> End {
    let mut json = format!("{{\"code\":{INTERNAL},\"message\":");
    crate::domain::json::push_string(words, &mut json);
    json.push('}');
    End::Failed(json.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_makes_an_end() {
        let end = |rest: &str| end_of(&format!(r#"{{"jsonrpc":"2.0","id":1,{rest}}}"#).into());
        let plain = r#"{"content":[],"n":1.10,"isError":true}"#;
        assert_eq!(end(&format!("\"result\":{plain}")), End::Completed(plain.into()));
        let error = r#"{"code":4030,"message":"no"}"#;
        assert_eq!(end(&format!("\"error\":{error}")), End::Failed(error.into()));
        assert_eq!(end(r#""result":{"resultType":"task","taskId":"t"}"#), End::Handed("t".into()));
        for odd in [
            r#""result":{"resultType":"task"}"#,
            r#""result":{"resultType":"input_required","inputRequests":{}}"#,
            r#""method":"ping""#,
            r#""result":1"#,
        ] {
            assert!(matches!(end(odd), End::Failed(_)), "{odd}");
        }
    }
}
