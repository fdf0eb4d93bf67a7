//! A case that is an MCP message.

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
    /// The JSON-RPC method. Default: what is done with what is named, `tools/call`, `prompts/get` or `resources/read`.
    #[serde(default)]
    pub method: Option<String>,
    /// The tool. Default none.
    #[serde(default)]
    pub tool: Option<String>,
    /// The prompt. Default none.
    #[serde(default)]
    pub prompt: Option<String>,
    /// The URI of the resource. Default none.
    #[serde(default)]
    pub resource: Option<String>,
    /// The arguments: a TOML value, or a text that holds JSON, for numbers that TOML would round. Default none.
    #[serde(default = "absent", deserialize_with = "read_arguments")]
    pub arguments: Args,
    /// What the server says of the tool, where the connection trusts its annotations: whether it only reads. Default: not known.
    #[serde(default)]
    pub read_only: Option<bool>,
}

impl McpCase {
    /// The message, without its arguments. `None`: it names nothing.
    pub fn message(&self) -> Option<McpCommand> {
        let [method, tool, prompt, resource] =
            [&self.method, &self.tool, &self.prompt, &self.resource].map(|text| text.as_deref());
        McpCommand::of_parts(method, tool, prompt, resource)
    }

    /// The command on a connection, without its arguments.
    ///
    /// # Errors
    /// It names nothing.
    pub fn command(&self, connection: &Connection) -> Result<Command, String> {
        let message = self.message().ok_or(NOTHING)?;
        let class = connection.mcp.class_of(&message.method, self.read_only);
        Ok(message.into_command(class))
    }
}

/// What is wrong with a message that names nothing.
pub(super) const NOTHING: &str = "mcp names nothing: write a tool, prompt, resource or method";
