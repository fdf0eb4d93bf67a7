//! The messages about a task for its client. (The extension `io.modelcontextprotocol/tasks` of MCP
//! 2026-07-28: `CreateTaskResult`, `GetTaskResult` and the empty acknowledgement.)

use bytes::Bytes;

use crate::domain::json::write::Object;
use crate::protocol::mcp::held::task::Task;
use crate::protocol::mcp::held::task::life::End;
use crate::protocol::mcp::held::task::life::Stage;

/// How often a client should poll, in milliseconds: decisions take time.
const POLL_MS: u32 = 2000;

/// Writes the answer to the call that began the task.
pub(super) fn created(task: &Task, id: &[u8]) -> Bytes {
    result(id, "task", |result| {
        facts(task, result);
    })
}

/// Writes the answer to `tasks/get`.
pub(super) fn told(task: &Task, id: &[u8]) -> Bytes {
    result(id, "complete", |result| match facts(task, result) {
        Some(End::Completed(json)) => result.raw("result").push_str(&String::from_utf8_lossy(&json)),
        Some(End::Failed(json)) => result.raw("error").push_str(&String::from_utf8_lossy(&json)),
        Some(End::Cancelled | End::Handed(_)) | None => {}
    })
}

/// Writes the answer to `tasks/update` and `tasks/cancel`.
pub(super) fn acknowledged(id: &[u8]) -> Bytes {
    result(id, "complete", |_| {})
}

/// A JSON-RPC result to which `write` adds its members.
fn result(id: &[u8], kind: &str, write: impl FnOnce(&mut Object<'_>)) -> Bytes {
    let mut out = String::with_capacity(512);
    let mut message = Object::begin(&mut out);
    message.word("jsonrpc", "2.0").value("id", String::from_utf8_lossy(id));
    let mut result = message.object("result");
    result.word("resultType", kind);
    write(&mut result);
    drop(result);
    drop(message);
    out.into()
}

/// Writes what all of them have in common; gives how the task ended.
fn facts(task: &Task, result: &mut Object<'_>) -> Option<End> {
    let (stage, said, updated_ms, ttl) = {
        let life = task.life();
        let ttl =
            if life.until.is_none() { life.ttl.max(task.began.elapsed() + super::KEPT) } else { life.ttl };
        (life.stage.clone(), life.said.clone(), life.updated_ms, ttl)
    };
    let status = match &stage {
        Stage::Waits | Stage::Runs | Stage::Over(End::Handed(_)) => "working",
        Stage::Over(End::Completed(_)) => "completed",
        Stage::Over(End::Failed(_)) => "failed",
        Stage::Over(End::Cancelled) => "cancelled",
    };
    result.text("taskId", &task.id).word("status", status).text_if_any("statusMessage", &said);
    result.word("createdAt", time(task.began_ms)).word("lastUpdatedAt", time(updated_ms));
    result.value("ttlMs", ttl.as_millis()).value("pollIntervalMs", POLL_MS);
    match stage {
        Stage::Over(end) => Some(end),
        Stage::Waits | Stage::Runs => None,
    }
}

/// Formats a time as ISO 8601.
fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}
