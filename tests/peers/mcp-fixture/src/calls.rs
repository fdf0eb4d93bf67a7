//! What the tools do. Most only have a `result` in `lists.json`; those that do something are here.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, LoggingLevel, LoggingMessageNotificationParam,
    ProgressNotificationParam,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::jobs::{self, said};
use crate::lists::{TOOLS, complete, fill, wire};
use crate::rounds::{Call, Settled, is_modern, settle};
use crate::server::{Change, Fixture, Shared};

/// The most bytes that `big` answers with.
const MOST: u64 = 32 << 20;

/// A call that runs: dropped before it is done, it counts as broken off.
struct Running {
    shared: Arc<Shared>,
    done: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.done {
            self.shared.broken_off.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Fixture {
    /// Answers a call, or breaks it off when the client says so.
    ///
    /// # Errors
    ///
    /// There is no such tool, the client lacks what it needs, or the call was cancelled.
    pub async fn call(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let mut running = Running { shared: self.shared.clone(), done: false };
        let cancelled = context.ct.clone();
        let answer = tokio::select! {
            answer = self.answer(params, context) => answer,
            () = cancelled.cancelled() => return Err(ErrorData::internal_error("the call was cancelled", None)),
        };
        running.done = true;
        answer
    }

    async fn answer(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = params.name.as_ref();
        let Some(entry) = self.shared.lists.find(TOOLS, name) else {
            return Err(ErrorData::invalid_params(format!("Unknown tool: {name}"), None));
        };
        if name != "tally" {
            self.shared.count(name);
        }
        let arguments = Value::Object(params.arguments.unwrap_or_default());
        if let Some(missing) = missing(entry, &arguments) {
            return Ok(failed(&format!("{name} wants the argument {missing}"))?.into());
        }
        let knows_tasks = context.client_capabilities().is_some_and(|declared| declared.supports_tasks());
        let as_task = jobs::only_as_task(name);
        if as_task == Some(true) && !knows_tasks {
            let needed = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
            return Err(ErrorData::missing_required_client_capability(wire(needed)?));
        }
        let mut known = arguments.clone();
        if let Some(rounds) = entry.get("rounds").and_then(Value::as_array) {
            let call = Call {
                name,
                arguments: &arguments,
                responses: params.input_responses,
                state: params.request_state,
            };
            match settle(&self.shared, rounds, call, &context).await? {
                Settled::Answers(answers) => known = answers,
                Settled::Asks(asks) => return Ok((*asks).into()),
                Settled::Cannot(why) => return Ok(failed(&why)?.into()),
            }
        }
        if as_task.is_some() && knows_tasks {
            return Ok(jobs::start(&self.shared.tasks, name, known).into());
        }
        match entry.get("result") {
            Some(result) => Ok(complete::<CallToolResult>(fill(result, &known))?.into()),
            None => Ok(self.act(name, &known, &context).await?.into()),
        }
    }

    async fn act(
        &self,
        name: &str,
        known: &Value,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let number = |key: &str, otherwise: u64| known.get(key).and_then(Value::as_u64).unwrap_or(otherwise);
        match name {
            "big" => said(&"x".repeat(usize::try_from(number("bytes", 0).min(MOST)).unwrap_or_default())),
            "crash" => std::process::exit(3),
            "noise" => {
                eprintln!("mcp-fixture: this goes to the standard error");
                if self.shared.stdio {
                    println!("this line is no message");
                }
                said("Made some noise.")
            }
            "seen" => Ok(CallToolResult::structured(seen(context))),
            "slow_compute" => jobs::compute(known).await,
            "tally" => Ok(CallToolResult::structured(self.shared.tally())),
            "test_logging_tool" => {
                self.log(context, "Working").await;
                said("Logged one line, if it was wanted.")
            }
            "test_reconnection" => {
                if let Some(session) = session(context) {
                    self.shared.streams.close(session, &context.id, Duration::from_millis(100)).await;
                }
                sleep(Duration::from_millis(300)).await;
                said("Here is the answer, after the stream was closed.")
            }
            "test_tool_with_logging" => {
                for (number, text) in
                    ["Tool execution started", "Tool processing data", "Tool execution completed"]
                        .iter()
                        .enumerate()
                {
                    if number > 0 {
                        sleep(Duration::from_millis(50)).await;
                    }
                    self.log(context, text).await;
                }
                said("Logged three lines.")
            }
            "test_tool_with_progress" => {
                self.steps(context, 2, Duration::from_millis(100), 100.0).await;
                said("Told three times how far it was.")
            }
            "test_trigger_prompt_change" => self.shared.change(Change::Prompts),
            "test_trigger_tool_change" => self.shared.change(Change::Tools),
            "touch" => {
                let uri = known.get("uri").and_then(Value::as_str).unwrap_or_default();
                self.shared.change(Change::Resource(uri.to_owned()))
            }
            "wait" => {
                let (time, steps) =
                    (number("milliseconds", 0).min(600_000), number("steps", 1).clamp(1, 1000));
                let steps = u32::try_from(steps).unwrap_or(1);
                self.steps(context, steps, Duration::from_millis(time), f64::from(steps)).await;
                said(&format!("Waited {time} ms in {steps} steps."))
            }
            _ => Err(ErrorData::internal_error(format!("{name} is listed and does nothing"), None)),
        }
    }

    /// Takes `time` in so many steps, and tells at the start and after each of them how far it is.
    async fn steps(&self, context: &RequestContext<RoleServer>, steps: u32, time: Duration, total: f64) {
        for step in 0..=steps {
            if step > 0 {
                sleep(time / steps).await;
            }
            let Some(token) = context.meta.get_progress_token() else { continue };
            let progress = total * f64::from(step) / f64::from(steps);
            let params = ProgressNotificationParam::new(token, progress).with_total(total);
            if let Err(error) = context.peer.notify_progress(params).await {
                eprintln!("mcp-fixture: progress cannot be told: {error}");
            }
        }
    }

    /// Logs at level info, if the client wants to see that.
    async fn log(&self, context: &RequestContext<RoleServer>, text: &str) {
        let wanted = if is_modern(context) { context.meta.log_level() } else { Some(self.level()) };
        if wanted.is_none_or(|level| level as u8 > LoggingLevel::Info as u8) {
            return;
        }
        let params =
            LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(text)).with_logger("mcp-fixture");
        if let Err(error) = context.peer.notify_logging_message(params).await {
            eprintln!("mcp-fixture: a line cannot be logged: {error}");
        }
    }
}

/// The first argument that the tool requires and the call lacks.
fn missing<'a>(entry: &'a Value, arguments: &Value) -> Option<&'a str> {
    let required = entry.pointer("/tool/inputSchema/required")?.as_array()?;
    required.iter().filter_map(Value::as_str).find(|name| arguments.get(name).is_none())
}

fn failed(text: &str) -> Result<CallToolResult, ErrorData> {
    complete(json!({ "isError": true, "content": [{ "type": "text", "text": text }] }))
}

fn session(context: &RequestContext<RoleServer>) -> Option<&str> {
    context.extensions.get::<Parts>()?.headers.get("mcp-session-id")?.to_str().ok()
}

fn seen(context: &RequestContext<RoleServer>) -> Value {
    let headers = context.extensions.get::<Parts>().map(|head| &head.headers);
    let headers: Vec<(String, String)> = headers
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let environment: serde_json::Map<String, Value> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), json!(value.to_string_lossy())))
        .collect();
    let arguments: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    json!({ "headers": headers, "arguments": arguments, "environment": environment })
}
