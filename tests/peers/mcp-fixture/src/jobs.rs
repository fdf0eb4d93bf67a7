//! The tools that are tasks for clients who know tasks.

use std::time::Duration;

use rmcp::ErrorData;
use rmcp::model::{CallToolResult, CreateTaskResult, InputRequest};
use rmcp::task_manager::{TaskContext, TaskExit, TaskFuture, TaskManager, TaskOptions};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::lists::{complete, wire};

/// How often a client should ask how far a task is, in milliseconds.
const POLL: u64 = 100;

/// Whether the tool is a task: `Some(true)` where it can be nothing else, `None` where it is never one.
pub fn only_as_task(name: &str) -> Option<bool> {
    match name {
        "slow_compute" => Some(false),
        "confirm_delete" | "failing_job" | "multi_input" | "protocol_error_job" | "test_tool_with_task" => {
            Some(true)
        }
        _ => None,
    }
}

/// Starts the tool as a task. `known` has the arguments, and what the client answered before.
pub fn start(tasks: &TaskManager, name: &str, known: Value) -> CreateTaskResult {
    let name = name.to_owned();
    let options = TaskOptions::new().with_poll_interval_ms(POLL);
    CreateTaskResult::new(tasks.spawn(options, |task| -> TaskFuture { Box::pin(run(task, name, known)) }))
}

async fn run(task: TaskContext, name: String, known: Value) -> Result<CallToolResult, TaskExit> {
    match name.as_str() {
        "slow_compute" => tokio::select! {
            () = task.cancelled() => Err(TaskExit::Cancelled),
            result = compute(&known) => Ok(result?),
        },
        "failing_job" => {
            sleep(Duration::from_secs(1)).await;
            Ok(complete(
                json!({ "isError": true, "content": [{ "type": "text", "text": "the job failed" }] }),
            )?)
        }
        "protocol_error_job" => {
            sleep(Duration::from_millis(200)).await;
            Err(ErrorData::internal_error("the job broke", None).into())
        }
        "confirm_delete" => {
            let file = known.get("filename").and_then(Value::as_str).unwrap_or("the file");
            let answer = task.request_input("confirm-1", question(&format!("Delete {file}?"))?).await?;
            Ok(said(&format!("{file}: {}", answer.get("action").unwrap_or(&Value::Null)))?)
        }
        "multi_input" => {
            let (first, second) = (question("The first?")?, question("The second?")?);
            let (first, second) =
                tokio::join!(task.request_input("ask-1", first), task.request_input("ask-2", second));
            Ok(said(&format!("{} {}", first?, second?))?)
        }
        _ => {
            sleep(Duration::from_millis(200)).await;
            let name = known.pointer("/user_name/content/name").and_then(Value::as_str).unwrap_or_default();
            Ok(said(&format!("Hello, {name}!"))?)
        }
    }
}

/// Takes the seconds that `known` has, at most 600, and answers.
///
/// # Errors
///
/// The answer cannot be made, which is a fault of this server.
pub async fn compute(known: &Value) -> Result<CallToolResult, ErrorData> {
    let seconds = known.get("seconds").and_then(Value::as_f64).unwrap_or(1.0).clamp(0.0, 600.0);
    sleep(Duration::from_secs_f64(seconds)).await;
    said(&format!("Computed for {seconds} s."))
}

fn question(message: &str) -> Result<InputRequest, ErrorData> {
    wire(
        json!({ "method": "elicitation/create", "params": { "mode": "form", "message": message, "requestedSchema": {
        "type": "object", "properties": { "confirm": { "type": "boolean" } }, "required": ["confirm"] } } }),
    )
}

/// A result of one text.
///
/// # Errors
///
/// The answer cannot be made, which is a fault of this server.
pub fn said(text: &str) -> Result<CallToolResult, ErrorData> {
    complete(json!({ "content": [{ "type": "text", "text": text }] }))
}
