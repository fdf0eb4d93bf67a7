//! What becomes of a task: it waits, runs, and is over. Each step is taken once, under one lock, so that what was taken back is not sent.

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
use crate::protocol::mcp::task::HANDED;
use crate::protocol::mcp::task::KEPT;
use crate::protocol::mcp::task::Task;
use crate::protocol::mcp::task::Tasks;
use crate::protocol::mcp::turn::MOST as MOST_BYTES;

/// How much of what a target tells of its progress is kept, in bytes.
const MOST_TOLD: usize = 1024;
/// JSON-RPC's code for what went wrong inside.
const INTERNAL: i32 = -32603;

/// Where a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// People have not decided.
    Waits,
    /// It is at the target.
    Runs,
    /// It is over.
    Over(End),
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// With this result of the target, as JSON: masked, as its client gets it.
    Completed(Bytes),
    /// With this error, as JSON.
    Failed(Bytes),
    /// Its client took it back.
    Cancelled,
    /// The target made it a task of its own, of this id.
    Handed(Box<str>),
}

/// What is known of a task by now.
#[derive(Debug)]
pub(super) struct Life {
    pub stage: Stage,
    /// For the person or model behind the client; empty for nothing.
    pub said: String,
    /// When something changed, in milliseconds since 1970.
    pub updated_ms: i64,
    /// How long it is there, from its beginning.
    pub ttl: Duration,
    /// When it is forgotten; `None`: it is not over.
    pub until: Option<Instant>,
    /// Its client has heard how it ended.
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

    /// It is over, unless it was before; says whether it was not.
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

/// The work of a task. Dropped before the end, it has come to nothing.
#[derive(Debug)]
pub struct Work {
    all: Tasks,
    task: Arc<Task>,
}

impl Work {
    pub(super) fn new(all: Tasks, task: Arc<Task>) -> Self {
        Self { all, task }
    }

    /// The task.
    pub fn task(&self) -> &Arc<Task> {
        &self.task
    }

    /// It is sent now. False: its client has taken it back.
    pub fn begins(&self) -> bool {
        let mut life = self.task.life();
        let waits = matches!(life.stage, Stage::Waits);
        if waits {
            life.stage = Stage::Runs;
            life.says("approved; it runs".to_owned());
        }
        waits
    }

    /// A message that came before the answer: its progress, if that is what it tells.
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

    /// The answer to the call, as its client is to have it.
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

    /// Resolves when its client does not want it any more.
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

/// What an answer makes of a task.
fn end_of(body: &Bytes) -> End {
    let unread = || failed("This was done, but the target's answer cannot be read.");
    let Ok(message) = Message::scan(body.clone(), Limits::new(MOST_BYTES)) else { return unread() };
    let text =
        |field| message.outcome(field).and_then(|value| value.text().map(std::borrow::Cow::into_owned));
    // What stood around it would be kept with it, and not be counted.
    let kept = |raw: Option<&[u8]>| raw.map(Bytes::copy_from_slice);
    match message.kind() {
        Kind::Error => kept(message.error().map(|error| error.raw)).map_or_else(unread, End::Failed),
        Kind::Response => match (text(ResultField::Type).as_deref(), text(ResultField::TaskId)) {
            (Some("task"), Some(theirs)) => End::Handed(theirs.into()),
            (Some("task"), None) => unread(),
            // The answers to it would make another call, which nobody has approved.
            (Some("input_required"), _) => failed(
                "The target needs to ask something before it does this, which does not go together with an approval as a task. It has not been done.",
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
