//! MCP messages in policy test cases.

use serde::Deserialize;

use crate::domain::Command;
use crate::domain::Connection;
use crate::domain::McpCommand;
use crate::domain::command::Args;
use crate::policy::cases::absent;
use crate::policy::cases::read_arguments;

/// The MCP message of a case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "mcp = { tool = \"…\", arguments = { } }")]
pub struct McpCase {
    /// The JSON-RPC method. Default, by what is named: `tools/call`, `prompts/get` or `resources/read`.
    #[serde(default)]
    pub method: Option<String>,
    /// The name of the tool. Default none.
    #[serde(default)]
    pub tool: Option<String>,
    /// The name of the prompt. Default none.
    #[serde(default)]
    pub prompt: Option<String>,
    /// The URI of the resource. Default none.
    #[serde(default)]
    pub resource: Option<String>,
    /// The arguments: a TOML value, or a string that holds JSON, for numbers that TOML would round. Default
    /// none.
    #[serde(default = "absent", deserialize_with = "read_arguments")]
    pub arguments: Args,
    /// The server's annotation that the tool only reads, for a connection that trusts annotations. Default:
    /// unknown.
    #[serde(default)]
    pub read_only: Option<bool>,
}

impl McpCase {
    /// Builds the message without its arguments. `None`: the case names nothing.
    pub fn message(&self) -> Option<McpCommand> {
        let [method, tool, prompt, resource] =
            [&self.method, &self.tool, &self.prompt, &self.resource].map(|text| text.as_deref());
        McpCommand::of_parts(method, tool, prompt, resource)
    }

    /// Builds the command on a connection, without its arguments.
    ///
    /// # Errors
    /// The case names nothing.
    pub fn command(&self, connection: &Connection) -> Result<Command, String> {
        let message = self.message().ok_or(NOTHING)?;
        let class = connection.mcp.class_of(&message.method, self.read_only);
        Ok(message.into_command(class))
    }
}

/// The problem of a message that names nothing.
pub(super) const NOTHING: &str = "mcp names nothing: write a tool, prompt, resource or method";
