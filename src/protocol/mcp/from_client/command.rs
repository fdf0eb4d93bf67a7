//! Turns a message into the commands that are judged: one, or one for each thing that a subscription names.

use std::borrow::Cow;

use http::StatusCode;

use crate::domain::Command;
use crate::domain::McpCommand;
use crate::domain::McpOptions;
use crate::domain::command::Args;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::domain::json::cursor::Shape;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::codec::envelope::names::RefField;
use crate::protocol::mcp::from_client::era::INVALID_PARAMS;
use crate::protocol::mcp::from_client::era::NO_METHOD;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::state::client_values::Task;

/// The members of a subscription. Any other is refused, including those that a lenient reader takes for one
/// of these.
const LISTENED: [&str; 5] =
    ["promptsListChanged", "resourceSubscriptions", "resourcesListChanged", "taskIds", "toolsListChanged"];
/// The extension that defines tasks.
pub const TASKS: &str = "io.modelcontextprotocol/tasks";
/// MCP's code for a client that has not declared a required capability.
const NO_CAPABILITY: i32 = -32021;
/// How many things one subscription may name.
const MOST_NAMED: usize = 256;

/// The commands in a message.
#[derive(Debug, Clone)]
pub struct Commands {
    /// The command itself.
    pub command: Command,
    /// The other commands that it implies, each judged too.
    pub also: Vec<Command>,
}

/// Reads a request or notification. `read_only` returns the target's last hint about a tool, `task_of` the
/// task of an id if it belongs to the caller.
///
/// # Errors
/// A required name is missing, or the task does not belong to the caller.
pub fn commands(
    message: &Message,
    options: &McpOptions,
    read_only: impl Fn(&str) -> Option<bool>,
    task_of: impl Fn(&str) -> Option<Task>,
) -> Result<Commands, Fault> {
    let method = message.method().unwrap_or_default();
    let named = |param: Param| {
        let value = message.param(param).and_then(|value| value.text());
        value.filter(|text| !text.is_empty()).ok_or_else(|| missing(&method, param))
    };
    let mut also = Vec::new();
    let command = match &*method {
        "tools/call" => {
            let tool = named(Param::Name)?;
            check_arguments(message, &method)?;
            let class = options.class_of(&method, read_only(&tool));
            return Ok(Commands { command: McpCommand::call(tool).into_command(class), also });
        }
        "prompts/get" => {
            check_arguments(message, &method)?;
            McpCommand::get_prompt(named(Param::Name)?)
        }
        "resources/read" => McpCommand::read_resource(named(Param::Uri)?),
        "resources/subscribe" | "resources/unsubscribe" => {
            McpCommand { resource: Some(named(Param::Uri)?.into()), ..McpCommand::new(&*method) }
        }
        "completion/complete" => completion(message)?,
        "subscriptions/listen" => {
            let commands = listened(message)?;
            also = commands
                .into_iter()
                .map(|command| command.into_command(class("subscriptions/listen")))
                .collect();
            McpCommand::new(&*method)
        }
        // The target would list the tasks of all callers: it sees one credential for all.
        "tasks/list" => return Err(Fault::new(StatusCode::OK, NO_METHOD, "Method not found")),
        method if method.starts_with("tasks/") => {
            check_tasks(message)?;
            let task = named(Param::TaskId)?;
            let Task { tool } = task_of(&task).ok_or_else(no_task)?;
            McpCommand { tool, ..McpCommand::new(method) }
        }
        method => McpCommand::new(method),
    };
    let class = options.class_of(&method, None);
    Ok(Commands { command: command.into_command(class), also })
}

fn class(method: &str) -> crate::domain::Class {
    McpCommand::class_of(method)
}

/// Checks that `arguments` is an object. Servers disagree on how to read names in a string or array. Some
/// clients write `null` for none.
fn check_arguments(message: &Message, method: &str) -> Result<(), Fault> {
    match message.param(Param::Arguments).map(|value| value.shape) {
        None | Some(Shape::Object | Shape::Null) => Ok(()),
        Some(_) => {
            let text = format!("{method} takes an object as params.arguments");
            Err(Fault::new(StatusCode::OK, INVALID_PARAMS, text))
        }
    }
}

/// Reads the arguments of a command that a policy inspects.
pub fn args(message: &Message) -> Args {
    match message.param(Param::Arguments) {
        None => Args::Absent,
        Some(value) => Json::parse(value.raw, DEPTH).map_or(Args::Unreadable, Args::Read),
    }
}

/// Returns the name of the argument that a completion is for.
pub fn completed(message: &Message) -> Box<str> {
    let argument = message.param(Param::Argument).and_then(|value| Json::parse(value.raw, DEPTH).ok());
    argument
        .as_ref()
        .and_then(|argument| argument.member("name"))
        .and_then(Json::as_str)
        .unwrap_or_default()
        .into()
}

fn completion(message: &Message) -> Result<McpCommand, Fault> {
    const METHOD: &str = "completion/complete";
    let field = |field: RefField| message.reference(field).and_then(|value| value.text());
    let kind = field(RefField::Type).unwrap_or_default();
    let text = |field_name: RefField| {
        field(field_name).map(Cow::into_owned).ok_or_else(|| missing(METHOD, Param::Ref))
    };
    match &*kind {
        "ref/prompt" => {
            Ok(McpCommand { prompt: Some(text(RefField::Name)?.into()), ..McpCommand::new(METHOD) })
        }
        "ref/resource" => {
            Ok(McpCommand { resource: Some(text(RefField::Uri)?.into()), ..McpCommand::new(METHOD) })
        }
        _ => Err(missing(METHOD, Param::Ref)),
    }
}

/// Returns the resources that a subscription names; refuses tasks.
fn listened(message: &Message) -> Result<Vec<McpCommand>, Fault> {
    const METHOD: &str = "subscriptions/listen";
    let unread = || missing(METHOD, Param::Notifications);
    let Some(value) = message.param(Param::Notifications) else { return Ok(Vec::new()) };
    let wanted = Json::parse(value.raw, DEPTH).map_err(|_unreadable| unread())?;
    let Json::Object(members) = &wanted else { return Err(unread()) };
    if members.iter().any(|(name, _)| !LISTENED.contains(&&**name)) {
        return Err(unread());
    }
    let list = |name: &str| match wanted.member(name) {
        None => Ok(Vec::new()),
        Some(list) => list
            .as_array()
            .ok_or_else(unread)?
            .iter()
            .map(|element| element.as_str().map(Box::<str>::from).ok_or_else(unread))
            .collect::<Result<Vec<_>, _>>(),
    };
    let mut named: Vec<McpCommand> = Vec::new();
    for uri in list("resourceSubscriptions")? {
        named.push(McpCommand { resource: Some(uri), ..McpCommand::new(METHOD) });
    }
    if !list("taskIds")?.is_empty() {
        // A task's status can be requested by name: that request is judged, and the owner of the task is
        // known there.
        return Err(Fault::new(
            StatusCode::OK,
            INVALID_PARAMS,
            "taskIds are not relayed; ask with tasks/get",
        ));
    }
    if named.len() > MOST_NAMED {
        return Err(Fault::new(
            StatusCode::OK,
            INVALID_PARAMS,
            format!("more than {MOST_NAMED} subscriptions at once"),
        ));
    }
    Ok(named)
}

fn missing(method: &str, param: Param) -> Fault {
    use crate::protocol::mcp::codec::envelope::names::Names;
    Fault::new(StatusCode::OK, INVALID_PARAMS, format!("{method} needs params.{}", param.name()))
}

/// Returns whether a modern client declares in this message that it supports tasks.
pub fn knows_tasks(message: &Message) -> bool {
    let capabilities = message.meta(Meta::ClientCapabilities);
    let capabilities = capabilities.and_then(|capabilities| Json::parse(capabilities.raw, DEPTH).ok());
    let extensions = capabilities.as_ref().and_then(|capabilities| capabilities.member("extensions"));
    extensions.and_then(|extensions| extensions.member(TASKS)).is_some()
}

/// Checks that a modern client that asks for tasks has declared that it supports them.
///
/// # Errors
/// It has not.
pub fn check_tasks(message: &Message) -> Result<(), Fault> {
    if message.meta(Meta::ClientCapabilities).is_none() || knows_tasks(message) {
        return Ok(());
    }
    let fault = Fault::new(StatusCode::BAD_REQUEST, NO_CAPABILITY, "tasks are for clients that declare them");
    Err(Fault {
        data: Some(
            r#"{"requiredCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}"#.to_owned(),
        ),
        ..fault
    })
}

/// Returns the fault for a task that does not exist or belongs to somebody else; the two are
/// indistinguishable.
fn no_task() -> Fault {
    Fault::new(StatusCode::OK, INVALID_PARAMS, "Task not found")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Class;
    use crate::protocol::mcp::codec::envelope::Limits;

    fn read(method: &str, params: &str) -> Result<Commands, Fault> {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let message = Message::scan(body.into(), Limits::new(1 << 16)).unwrap();
        let options = McpOptions { trust_annotations: true, ..McpOptions::default() };
        let mine = |task: &str| (task == "t1").then(|| Task { tool: Some("slow".into()) });
        commands(&message, &options, |tool| (tool == "look").then_some(true), mine)
    }

    #[test]
    fn a_command_says_what_its_message_names() {
        for (method, params, line, class) in [
            ("tools/call", r#"{"name":"look"}"#, "tools/call look", Class::Read),
            ("tools/call", r#"{"name":"other"}"#, "tools/call other", Class::Unknown),
            ("tools/call", r#"{"name":"look","arguments":null}"#, "tools/call look", Class::Read),
            ("prompts/get", r#"{"name":"p"}"#, "prompts/get p", Class::Read),
            ("resources/read", r#"{"uri":"file:///x"}"#, "resources/read file:///x", Class::Read),
            ("resources/subscribe", r#"{"uri":"a:b"}"#, "resources/subscribe a:b", Class::Read),
            (
                "completion/complete",
                r#"{"ref":{"type":"ref/prompt","name":"p"}}"#,
                "completion/complete p",
                Class::Read,
            ),
            ("tasks/get", r#"{"taskId":"t1"}"#, "tasks/get slow", Class::Read),
            ("tools/list", "{}", "tools/list", Class::Read),
            ("x/y", "{}", "x/y", Class::Unknown),
        ] {
            let wanted = read(method, params).unwrap();
            assert_eq!((wanted.command.summary().as_str(), wanted.command.class), (line, class), "{params}");
        }
    }

    #[test]
    fn what_names_nothing_or_a_strangers_task_is_refused() {
        for (method, params) in [
            ("tools/call", "{}"),
            ("tools/call", r#"{"name":""}"#),
            ("tools/call", r#"{"name":"look","arguments":"{\"mode\":\"root\"}"}"#),
            ("tools/call", r#"{"name":"look","arguments":[{"mode":"root"}]}"#),
            ("prompts/get", r#"{"name":"p","arguments":"{}"}"#),
            ("resources/read", "{}"),
            ("completion/complete", r#"{"ref":{"type":"ref/tool","name":"p"}}"#),
            ("completion/complete", r#"{"ref":{"type":"ref/prompt"}}"#),
            ("tasks/get", r#"{"taskId":"t2"}"#),
            ("tasks/cancel", "{}"),
            ("subscriptions/listen", r#"{"notifications":{"resourceSubscriptions":[1]}}"#),
            ("subscriptions/listen", r#"{"notifications":{"resourceSubscriptions":"x"}}"#),
            ("subscriptions/listen", r#"{"notifications":{"taskIds":["t1"]}}"#),
            ("subscriptions/listen", r#"{"notifications":{"TaskIds":["t1"]}}"#),
            ("subscriptions/listen", r#"{"notifications":{"resource_subscriptions":["a:b"]}}"#),
        ] {
            assert_eq!(read(method, params).unwrap_err().code, -32602, "{method} {params}");
        }
    }

    #[test]
    fn each_resource_of_a_subscription_is_a_command() {
        let wanted = read(
            "subscriptions/listen",
            r#"{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:1","a:2"]}}"#,
        )
        .unwrap();
        let lines: Vec<String> = wanted.also.iter().map(Command::summary).collect();
        assert_eq!(lines, ["subscriptions/listen a:1", "subscriptions/listen a:2"]);
    }
}
