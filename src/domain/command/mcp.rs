//! MCP messages of clients, and the classes of their methods (Model Context Protocol, 2024-11-05 to
//! 2026-07-28).

use crate::domain::command::Args;
use crate::domain::command::Class;
use crate::domain::command::Command;
use crate::domain::command::Words;
use crate::domain::connection::Protocol;

/// The method that calls a tool.
pub const CALL: &str = "tools/call";
/// The method that gets a prompt.
pub const GET_PROMPT: &str = "prompts/get";
/// The method that reads a resource.
pub const READ_RESOURCE: &str = "resources/read";

/// Opening a separate stream, or resuming a lost one: a GET, which has no MCP method.
pub const OPEN_STREAM: &str = "stream/open";
/// Ending a session: a DELETE, which has no MCP method.
pub const END_SESSION: &str = "session/end";
/// Answering a request of the target: a response, which has no MCP method.
pub const ANSWER: &str = "request/answer";

/// A request or notification of an MCP client. A message that names several resources or tasks
/// (`subscriptions/listen`) is several commands: one for each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpCommand {
    /// The JSON-RPC method, as it was written.
    pub method: Box<str>,
    /// The tool that is called; for `tasks/get`, `tasks/result` and the like the one whose call began the
    /// task, if known.
    pub tool: Option<Box<str>>,
    /// The prompt that is requested, or whose argument is completed.
    pub prompt: Option<Box<str>>,
    /// The URI of the resource that is read or subscribed to, or the URI template whose variable is
    /// completed, as it was written.
    pub resource: Option<Box<str>>,
    /// The arguments of the tool or prompt.
    pub args: Args,
}

impl McpCommand {
    /// Creates a message with that method that names nothing and has no arguments.
    pub fn new(method: impl Into<Box<str>>) -> Self {
        Self { method: method.into(), tool: None, prompt: None, resource: None, args: Args::Absent }
    }

    /// Creates a tool call whose arguments have not been read.
    pub fn call(tool: impl Into<Box<str>>) -> Self {
        Self { tool: Some(tool.into()), args: Args::NotRead, ..Self::new(CALL) }
    }

    /// Creates a request for a prompt whose arguments have not been read.
    pub fn get_prompt(prompt: impl Into<Box<str>>) -> Self {
        Self { prompt: Some(prompt.into()), args: Args::NotRead, ..Self::new(GET_PROMPT) }
    }

    /// Creates a read of a resource.
    pub fn read_resource(uri: impl Into<Box<str>>) -> Self {
        Self { resource: Some(uri.into()), ..Self::new(READ_RESOURCE) }
    }

    /// Creates a message with that method that names these, without arguments. Without a method, it is the
    /// use of the named item: `tools/call`, `prompts/get` or `resources/read`; `None` if nothing is named.
    pub fn of_parts(
        method: Option<&str>,
        tool: Option<&str>,
        prompt: Option<&str>,
        resource: Option<&str>,
    ) -> Option<Self> {
        let done = [(tool, CALL), (prompt, GET_PROMPT), (resource, READ_RESOURCE)];
        let method =
            method.or_else(|| done.iter().find(|(named, _)| named.is_some()).map(|(_, method)| *method))?;
        let [tool, prompt, resource] = [tool, prompt, resource].map(|named| named.map(Into::into));
        Some(Self { tool, prompt, resource, ..Self::new(method) })
    }

    /// Returns the class of a method by itself. `tools/call` is [`Class::Unknown`]: what a tool does is only
    /// known if the connection trusts its annotations ([`crate::domain::McpOptions::class_of`]). Methods that
    /// this version does not know are unknown as well.
    pub fn class_of(method: &str) -> Class {
        match method {
            // Lists and reads.
            "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list"
            | GET_PROMPT | READ_RESOURCE | "completion/complete" | "server/discover"
            | "tasks/get" | "tasks/list" | "tasks/result"
            // Messages that only affect what the client itself is told.
            | "initialize" | "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe"
            | "subscriptions/listen" | "notifications/initialized" | "notifications/cancelled"
            | "notifications/progress" | "notifications/roots/list_changed"
            | OPEN_STREAM | END_SESSION | ANSWER => Class::Read,
            // A task is work; these end it or give it input.
            "tasks/cancel" | "tasks/update" => Class::Write,
            _ => Class::Unknown,
        }
    }

    /// Returns whether everybody with access to the connection may send it: messages that the protocol
    /// requires, and lists, in which each caller only sees what it may use. Only a policy whose `methods`
    /// name it, or a deny without conditions on the command, stops it.
    pub fn needs_no_policy(&self) -> bool {
        matches!(
            &*self.method,
            "initialize"
                | "ping"
                | "server/discover"
                | "notifications/initialized"
                | "notifications/cancelled"
                | "notifications/progress"
                | "notifications/roots/list_changed"
                | "tools/list"
                | "prompts/list"
                | "resources/list"
                | "resources/templates/list"
                | OPEN_STREAM
                | END_SESSION
                | ANSWER
        )
    }

    /// Returns it as a command of that class.
    pub fn into_command(self, class: Class) -> Command {
        Command { protocol: Protocol::Mcp, class, words: Words::Mcp(self) }
    }

    /// Returns the method and what it names: `tools/call echo`, `resources/read file:///x`, `tools/list`. Not
    /// escaped.
    pub fn line(&self) -> String {
        let named = [&self.tool, &self.prompt, &self.resource].into_iter().flatten();
        named.fold(self.method.to_string(), |line, name| line + " " + name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_has_its_class_and_what_is_not_known_has_none() {
        for (class, methods) in [
            (
                Class::Read,
                &["tools/list", "initialize", "ping", "resources/read", "prompts/get", "tasks/get"][..],
            ),
            (Class::Write, &["tasks/cancel", "tasks/update"]),
            (
                Class::Unknown,
                &[
                    "",
                    "tools/call",
                    "Tools/List",
                    "tools/list ",
                    "tools/list/",
                    "notifications/x",
                    "sampling/createMessage",
                    "resources/write",
                ],
            ),
        ] {
            for method in methods {
                assert_eq!(McpCommand::class_of(method), class, "{method:?}");
            }
        }
    }

    #[test]
    fn what_needs_no_policy_looks_only_and_names_nothing() {
        for method in
            ["tools/call", "prompts/get", "resources/read", "tasks/list", "logging/setLevel", "Ping"]
        {
            assert!(!McpCommand::new(method).needs_no_policy(), "{method}");
        }
        for method in ["initialize", "tools/list", "notifications/cancelled"] {
            assert!(McpCommand::new(method).needs_no_policy(), "{method}");
            assert_eq!(McpCommand::class_of(method), Class::Read, "{method}");
        }
    }

    #[test]
    fn a_line_says_the_method_and_what_it_names() {
        for (command, line) in [
            (McpCommand::call("echo"), "tools/call echo"),
            (McpCommand::get_prompt("review"), "prompts/get review"),
            (McpCommand::read_resource("file:///x"), "resources/read file:///x"),
            (McpCommand::new("tools/list"), "tools/list"),
        ] {
            assert_eq!(command.into_command(Class::Read).summary(), line);
        }
    }

    #[test]
    fn what_is_named_says_what_is_done_with_it() {
        let of = |method, tool, prompt, resource| {
            McpCommand::of_parts(method, tool, prompt, resource).map(|message| message.line())
        };
        assert_eq!(of(None, Some("echo"), None, None).as_deref(), Some("tools/call echo"));
        assert_eq!(of(None, None, Some("p"), None).as_deref(), Some("prompts/get p"));
        assert_eq!(of(None, None, None, Some("x:y")).as_deref(), Some("resources/read x:y"));
        assert_eq!(of(Some("tasks/get"), Some("echo"), None, None).as_deref(), Some("tasks/get echo"));
        assert_eq!(of(Some("ping"), None, None, None).as_deref(), Some("ping"));
        assert_eq!(of(None, None, None, None), None);
    }

    #[test]
    fn arguments_read_later_are_those_of_the_command() {
        let command = McpCommand::call("echo").into_command(Class::Unknown);
        assert_eq!((command.args(), command.method(), command.path()), (&Args::NotRead, "tools/call", ""));
        assert_eq!(command.with_args(Args::Unreadable).args(), &Args::Unreadable);
    }
}
