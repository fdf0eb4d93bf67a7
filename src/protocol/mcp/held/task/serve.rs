//! Requests about the gateway's own tasks, and the calls that begin them.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::request::Parts;
use tokio::sync::oneshot;

use crate::domain::BinaryMode;
use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::EventKind;
use crate::domain::McpCommand;
use crate::domain::command::mcp::CALL;
use crate::domain::event::Direction;
use crate::domain::json::push_string;
use crate::mask::Notes;
use crate::mask::mcp::Answer;
use crate::mask::mcp::Side;
use crate::mask::mcp::mask_message;
use crate::pipeline::Exchange;
use crate::pipeline::ReplyGuard;
use crate::pipeline::snapshot::Governed;
use crate::pipeline::unmaskable;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::codec::rewrite::Rewrite;
use crate::protocol::mcp::from_client::command;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::era::INVALID_PARAMS;
use crate::protocol::mcp::from_client::era::NAME;
use crate::protocol::mcp::from_client::era::NO_METHOD;
use crate::protocol::mcp::from_client::inbound::Inbound;
use crate::protocol::mcp::from_client::inbound::Refused;
use crate::protocol::mcp::from_client::judge;
use crate::protocol::mcp::held::approval_text;
use crate::protocol::mcp::held::hold;
use crate::protocol::mcp::held::hold::HeldCall;
use crate::protocol::mcp::held::sink::Sink;
use crate::protocol::mcp::held::task::Call;
use crate::protocol::mcp::held::task::Opened;
use crate::protocol::mcp::held::task::Task;
use crate::protocol::mcp::held::task::wire;
use crate::protocol::mcp::record::of_gateway;
use crate::protocol::mcp::reply;
use crate::protocol::mcp::reply::Asked;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::reply::json;
use crate::protocol::mcp::state::sessions::Owner;
use crate::protocol::mcp::upstream;
use crate::protocol::web::body::ReplyBody;

/// Returns whether a call that needs approval becomes a task: its client supports tasks, and there is no
/// grant yet.
pub fn becomes_task(exchange: &Exchange, held: &HeldCall, message: &Message) -> bool {
    held.context.era == Era::Modern
        && held.judged.command.method() == CALL
        && command::knows_tasks(message)
        && exchange.waits(&held.judged)
}

/// Begins a task for a call that needs approval, and answers with it. `message` is the normalized message
/// that will be sent.
pub async fn begin(exchange: Exchange, mut held: HeldCall, message: &Message) -> Response<ReplyBody> {
    let (told, hears) = oneshot::channel();
    upstream::remove_attempt_headers(&mut held.request);
    let governed = Arc::clone(exchange.governed());
    let binding =
        approval_text::binding(&held.judged, message, &held.headers, &governed, Sink::FOREVER, told);
    let call = Call {
        owner: held.context.owner.clone(),
        rules: held.judged.rules().into(),
        digest: binding.bytes_digest.as_str().into(),
        tool: held.context.about.tool.clone().unwrap_or_default(),
        mask_tag: mask_tag(&governed),
    };
    let (era, id, asked, request) =
        (held.context.era, held.id.clone(), held.asked.clone(), exchange.request_id());
    let refused = |denied: &Denied| {
        let (status, body) = reply::refusal(denied, era, &asked, &id, request);
        json(status, body)
    };
    let work = match held.shared.tasks.open(call) {
        Ok(Opened::New(work)) => work,
        Ok(Opened::Known(task)) => {
            let known = match exchange.admit_repeated(&held.judged, held.record, task.is_approved()).await {
                Ok(mut guard) => masked(&held.shared, &mut guard, &task, wire::created(&task, &id))
                    .inspect_err(|denied| guard.record_failure(denied))
                    .and_then(|body| finish(guard, body)),
                Err(denied) => Err(denied),
            };
            return known.unwrap_or_else(|denied| refused(&denied));
        }
        Err(denied) => return refused(&exchange.refuse(held.record, denied).await),
    };
    let (notes, capture) = (exchange.notes(), exchange.capture());
    held.asked = Asked::Task;
    let task = Arc::clone(work.task());
    tokio::task::spawn_local(hold::wait(exchange, held, binding, None, Sink::Task(work)));
    // Fails if the call was admitted or refused at once: the task then has its result.
    if let Ok(waiting) = hears.await {
        task.waits(&waiting);
    }
    let body = wire::created(&task, &id);
    let data = of_gateway(capture, &body, None);
    match notes.record(EventKind::McpMessage, Some(Direction::S2c), data, Vec::new()) {
        Ok(()) => json(StatusCode::OK, body),
        Err(denied) => {
            task.cancel();
            refused(&denied)
        }
    }
}

/// Returns the gateway's own task that a request names, if it belongs to the caller.
pub fn named(inbound: &Inbound<'_>, owner: &Owner, message: &Message) -> Option<Arc<Task>> {
    if !message.method()?.starts_with("tasks/") {
        return None;
    }
    inbound.shared.tasks.of(owner, &message.param(Param::TaskId)?.text()?)
}

/// Answers a request about a task. Nothing of it is sent to the target, so only a policy that denies it stops
/// it: the owner was checked before.
///
/// # Errors
/// Its client has not declared support for tasks, or there is no such request.
pub async fn answer(
    inbound: Inbound<'_>,
    message: &Message,
    task: &Task,
) -> Result<Response<ReplyBody>, Refused> {
    let method = message.method().unwrap_or_default();
    let known = matches!(&*method, "tasks/get" | "tasks/update" | "tasks/cancel");
    let wrong = if known {
        command::check_tasks(message).err()
    } else {
        Some(Fault::new(StatusCode::NOT_FOUND, NO_METHOD, "Method not found"))
    };
    if let Some(fault) = wrong {
        return Err(inbound.fault(Era::Modern, fault.because("mcp_params"), Some(message)).await);
    }
    let judged = inbound.exchange.judge(about(&method, task));
    let record = judge::record(&judged.command, "", message.body()).record(&inbound.exchange);
    let id = Bytes::copy_from_slice(message.id_value().map(|id| id.raw).unwrap_or_default());
    let request = inbound.exchange.request_id();
    let refused = |denied: &Denied| {
        let (status, body) = reply::refusal(denied, Era::Modern, &Asked::Other, &id, request);
        json(status, body)
    };
    let mut guard = match inbound.exchange.admit_gateway_answer(&judged, record).await {
        Ok(guard) => guard,
        Err(denied) => return Ok(refused(&denied)),
    };
    let body = match &*method {
        "tasks/get" => masked(inbound.shared, &mut guard, task, wire::told(task, &id)),
        "tasks/cancel" => {
            task.cancel();
            Ok(wire::acknowledged(&id))
        }
        // The task has asked for no input, so the request contains nothing for it.
        _ => Ok(wire::acknowledged(&id)),
    };
    let answered = match body {
        Ok(body) => finish(guard, body),
        Err(denied) => {
            guard.record_failure(&denied);
            Err(denied)
        }
    };
    if answered.is_ok() && &*method == "tasks/get" {
        task.heard();
    }
    Ok(answered.unwrap_or_else(|denied| refused(&denied)))
}

/// Returns the command for a request about a task. It changes nothing at the target, so it is a read.
fn about(method: &str, task: &Task) -> Command {
    McpCommand { tool: Some(task.call.tool.clone()), ..McpCommand::new(method) }.into_command(Class::Read)
}

/// Masks a result again if the masks have changed since it was received.
fn masked(
    shared: &crate::protocol::mcp::state::shared::McpShared,
    guard: &mut ReplyGuard,
    task: &Task,
    body: Bytes,
) -> Result<Bytes, Denied> {
    let governed = Arc::clone(guard.governed());
    if mask_tag(&governed) == task.call.mask_tag {
        return Ok(body);
    }
    let tool = shared.tools.get(&task.call.owner.connection, &task.call.tool);
    let schema = tool.and_then(|tool| tool.schema);
    let passes_binary = governed.connection.mcp.binary == BinaryMode::Allow;
    let answer = Answer { method: "tasks/get", schema: schema.as_deref(), argument: "", passes_binary };
    let mut notes = Notes::default();
    let masked = mask_message(&governed.plan, &body, Side::Target, answer, &mut notes);
    guard.add_notes(&notes);
    match masked {
        Ok(masked) => Ok(masked.map_or(body, Bytes::from)),
        Err(_unmaskable) => Err(unmaskable("masks have changed since it came, and it does not fit them")),
    }
}

/// Returns a fingerprint of how results are masked.
fn mask_tag(governed: &Governed) -> Box<str> {
    format!("{} {}", governed.mask_tag, governed.connection.mcp.binary.as_str()).into()
}

/// Records the gateway's own answer, and returns the response.
fn finish(mut guard: ReplyGuard, body: Bytes) -> Result<Response<ReplyBody>, Denied> {
    let data = of_gateway(guard.fresh_capture(), &body, Some(guard.elapsed_us()));
    guard.count(body.len() as u64, 0);
    guard.record_end(EventKind::McpMessage, data)?;
    Ok(json(StatusCode::OK, body))
}

/// Rewrites a request about a task that has become one of the target's own: with the target's id, in the body
/// and in the header that repeats it.
///
/// # Errors
/// The message could not be split.
pub fn passed_on(message: &Message, head: &Parts, theirs: &str) -> Result<(Message, Parts), Fault> {
    let fault = || {
        let detail = "the message could not be split";
        Fault::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, detail).because("mcp_params")
    };
    let mut quoted = String::new();
    push_string(theirs, &mut quoted);
    let mut rewrite = Rewrite::new(message);
    rewrite.param(Param::TaskId, quoted);
    let body = rewrite.finish().map_err(|_overlap| fault())?;
    let limits = Limits { once_in_results: true, ..Limits::new(body.len()) };
    let message = Message::scan(body, limits).map_err(|_refusal| fault())?;
    let mut head = head.clone();
    head.headers.insert(NAME, header(theirs).ok_or_else(fault)?);
    Ok((message, head))
}

/// Encodes a name for a header.
fn header(name: &str) -> Option<HeaderValue> {
    let plain = name.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) && !name.starts_with("=?");
    let written =
        if plain { name.to_owned() } else { format!("=?base64?{}?=", BASE64_STANDARD.encode(name)) };
    HeaderValue::try_from(written).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_on_names_the_targets_task_everywhere() {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"own","n":1.10}}"#;
        let message = Message::scan(body.into(), Limits::new(4096)).unwrap();
        let (head, ()) = http::Request::builder().header("mcp-name", "own").body(()).unwrap().into_parts();
        for (theirs, name) in
            [("t-1", "t-1"), ("é \"", "=?base64?w6kgIg==?="), ("=?base64?", "=?base64?PT9iYXNlNjQ/?=")]
        {
            let (sent, head) = passed_on(&message, &head, theirs).unwrap();
            assert_eq!(sent.param(Param::TaskId).unwrap().text().as_deref(), Some(theirs));
            assert!(String::from_utf8_lossy(sent.body()).contains("\"n\":1.10"));
            assert_eq!(head.headers.get("mcp-name").unwrap(), name);
            assert_eq!(head.headers.get_all("mcp-name").iter().count(), 1);
        }
    }
}
