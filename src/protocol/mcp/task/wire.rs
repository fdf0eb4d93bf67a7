//! What clients read of a task. (The extension `io.modelcontextprotocol/tasks` of MCP 2026-07-28: `CreateTaskResult`, `GetTaskResult` and
//! the empty acknowledgement.)

use std::fmt::Write;

use bytes::Bytes;

use crate::domain::json::push_string;
use crate::protocol::mcp::task::Task;
use crate::protocol::mcp::task::life::End;
use crate::protocol::mcp::task::life::Stage;

/// How often a client should ask, in milliseconds: people take their time.
const POLL_MS: u32 = 2000;

/// The answer to the call that began the task.
pub(super) fn created(task: &Task, id: &[u8]) -> Bytes {
    let mut out = begin(id, "task");
    facts(task, &mut out);
    out.push_str("}}");
    out.into()
}

/// The answer to `tasks/get`.
pub(super) fn told(task: &Task, id: &[u8]) -> Bytes {
    let mut out = begin(id, "complete");
    let end = facts(task, &mut out);
    let (name, json) = match &end {
        Some(End::Completed(json)) => ("result", json),
        Some(End::Failed(json)) => ("error", json),
        Some(End::Cancelled | End::Handed(_)) | None => ("", &Bytes::new()),
    };
    let mut out = out.into_bytes();
    if !name.is_empty() {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(json);
    }
    out.extend_from_slice(b"}}");
    out.into()
}

/// The answer to `tasks/update` and `tasks/cancel`.
pub(super) fn acknowledged(id: &[u8]) -> Bytes {
    (begin(id, "complete") + "}}").into()
}

fn begin(id: &[u8], kind: &str) -> String {
    let mut out = String::with_capacity(512);
    out.push_str("{\"jsonrpc\":\"2.0\",\"id\":");
    out.push_str(&String::from_utf8_lossy(id));
    let _infallible = write!(out, ",\"result\":{{\"resultType\":\"{kind}\"");
    out
}

/// What all of them have in common; gives how the task ended.
fn facts(task: &Task, out: &mut String) -> Option<End> {
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
    let _infallible = write!(out, ",\"taskId\":\"{}\",\"status\":\"{status}\"", task.id);
    if !said.is_empty() {
        out.push_str(",\"statusMessage\":");
        push_string(&said, out);
    }
    let _infallible = write!(
        out,
        ",\"createdAt\":\"{}\",\"lastUpdatedAt\":\"{}\",\"ttlMs\":{},\"pollIntervalMs\":{POLL_MS}",
        time(task.began_ms),
        time(updated_ms),
        ttl.as_millis()
    );
    match stage {
        Stage::Over(end) => Some(end),
        Stage::Waits | Stage::Runs => None,
    }
}

/// A time as ISO 8601 writes it.
fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}
