//! Options of a connection to an MCP server.

use clap::Args;
use toml::Table;
use toml::Value;

use crate::cli::entity::merge;
use crate::cli::entity::pair;
use crate::cli::entity::set;
use crate::cli::entity::strings;
use crate::cli::report::Failure;

/// Options of a connection to an MCP server.
#[derive(Debug, Clone, Default, Args)]
pub struct McpOptions {
    /// Trust the server's tool annotations: read-only tools are of class read, all others of class write
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "MCP servers")]
    pub trust_annotations: Option<bool>,
    /// Transport of a server with an address: Streamable HTTP, or HTTP+SSE of 2024-11-05
    #[arg(long, value_name = "TRANSPORT", value_parser = ["streamable", "sse"], help_heading = "MCP servers")]
    pub transport: Option<String>,
    /// What happens when a tool changed since it was first seen
    #[arg(long, value_name = "MODE", value_parser = ["observe", "hide", "block"], help_heading = "MCP servers")]
    pub pin: Option<String>,
    /// What happens to images, audio and other binary content if there are masks: it cannot be masked
    #[arg(long, value_name = "MODE", value_parser = ["withhold", "allow"], help_heading = "MCP servers")]
    pub binary: Option<String>,
    /// A request that the server may send to its clients; may be repeated
    #[arg(long = "allow-server-request", value_name = "KIND", value_parser = ["elicitation", "roots", "sampling"], help_heading = "MCP servers")]
    pub allow_server_requests: Vec<String>,
    /// A host that an elicitation may send users to, or *.HOST for its subdomains; may be repeated
    #[arg(long = "elicitation-host", value_name = "HOST", help_heading = "MCP servers")]
    pub elicitation_hosts: Vec<String>,
    /// Web origins that may connect.
    #[arg(
        long = "origin",
        value_name = "ORIGIN",
        help = "The origin of web pages that may connect, such as https://app.example; may be repeated",
        help_heading = "MCP servers"
    )]
    pub origins: Vec<String>,
    /// An environment variable of the program, not a secret (for those: --inject env:NAME:SRC); may be
    /// repeated
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = pair, help_heading = "MCP servers")]
    pub env: Vec<(String, String)>,
}

impl McpOptions {
    fn lists(&self) -> [(&'static str, &[String]); 3] {
        [
            ("allow_server_requests", &self.allow_server_requests),
            ("elicitation_hosts", &self.elicitation_hosts),
            ("origins", &self.origins),
        ]
    }

    /// Returns whether no option is given.
    pub(super) fn is_empty(&self) -> bool {
        self.trust_annotations.is_none()
            && self.pin.is_none()
            && self.binary.is_none()
            && self.transport.is_none()
            && self.lists().iter().all(|(_, values)| values.is_empty())
            && self.env.is_empty()
    }

    /// Applies the given options to the table of a connection; the rest stays.
    pub(super) fn apply(&self, table: &mut Table) -> Result<(), Failure> {
        match self.trust_annotations {
            Some(true) => set(table, "trust_annotations", true),
            // A missing key means false.
            Some(false) => drop(table.remove("trust_annotations")),
            None => {}
        }
        for (key, word) in [("transport", &self.transport), ("pin", &self.pin), ("binary", &self.binary)] {
            if let Some(word) = word {
                set(table, key, word.as_str());
            }
        }
        for (key, values) in self.lists() {
            if !values.is_empty() {
                set(table, key, strings(values));
            }
        }
        merge(table, "env", &self.env, |_name, value| Value::String(value.to_owned()))
    }
}
