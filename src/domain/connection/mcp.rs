//! Options of connections to MCP servers, and programs that are started as one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::Connection;
use crate::domain::command::Class;
use crate::domain::command::mcp;

/// A program that is started as the target, without a shell or any expansion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its name, looked up in `PATH`, or its absolute path. Never empty.
    pub name: Box<str>,
    /// Its arguments, each as the program gets it.
    pub args: Vec<Box<str>>,
}

impl fmt::Display for Program {
    /// Writes one line that a POSIX shell would split into the same words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quote(&self.name, f)?;
        self.args.iter().try_for_each(|word| {
            f.write_str(" ")?;
            quote(word, f)
        })
    }
}

fn quote(word: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        f.write_str(word)
    } else {
        write!(f, "'{}'", word.replace('\'', r"'\''"))
    }
}

/// What happens when a server changes a tool, a prompt, a template or its greeting after it was first seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PinMode {
    /// The change is recorded, and nothing is held back.
    #[default]
    Observe,
    /// An item that changed, appeared after the first list, or has hidden characters is neither listed nor
    /// usable until it is accepted. A tool cannot be called either if it was not listed since the gateway
    /// started or the server reported a change of its list.
    Hide,
    /// Like [`Self::Hide`]; in addition no tool of the connection can be called until each change is
    /// accepted.
    Block,
}

impl PinMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Observe, Self::Hide, Self::Block];

    /// Returns the word for it in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Hide => "hide",
            Self::Block => "block",
        }
    }
}

/// What happens to binary content on a masked connection, such as pictures, sounds and documents that cannot
/// be searched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BinaryMode {
    /// It is replaced by a text that says it was withheld.
    #[default]
    Withhold,
    /// It passes unchanged.
    Allow,
}

impl BinaryMode {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Withhold, Self::Allow];

    /// Returns the word for it in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Withhold => "withhold",
            Self::Allow => "allow",
        }
    }
}

/// The transport of an MCP server behind an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Streamable HTTP: each request is answered in its own response.
    #[default]
    Streamable,
    /// HTTP+SSE of 2024-11-05: one event stream carries all messages of the server, and its first event names
    /// the endpoint for messages.
    Sse,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Streamable, Self::Sse];

    /// Returns the word for it in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Streamable => "streamable",
            Self::Sse => "sse",
        }
    }
}

/// A request that an MCP server may send to its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerRequest {
    /// `elicitation/create`: asks the person for input.
    Elicitation,
    /// `roots/list`: asks for the folders that the client works in.
    Roots,
    /// `sampling/createMessage`: asks the client's model for a completion.
    Sampling,
}

impl ServerRequest {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Elicitation, Self::Roots, Self::Sampling];

    /// Returns the word for it in configuration; it is also the name of the client's capability.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Elicitation => "elicitation",
            Self::Roots => "roots",
            Self::Sampling => "sampling",
        }
    }

    /// Returns the request with a JSON-RPC method, if it is one of these.
    pub fn of_method(method: &str) -> Option<Self> {
        match method {
            "elicitation/create" => Some(Self::Elicitation),
            "roots/list" => Some(Self::Roots),
            "sampling/createMessage" => Some(Self::Sampling),
            _ => None,
        }
    }
}

impl fmt::Display for ServerRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Options of connections to MCP servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct McpOptions {
    /// Whether the server's annotations of tools are trusted: a tool annotated with `readOnlyHint` is a read,
    /// every other one a write. Default false: a call is then of class `unknown`.
    pub trust_annotations: bool,
    /// The server's transport. Only with an address. Default [`Transport::Streamable`].
    pub transport: Transport,
    /// How changed tools are handled. Default [`PinMode::Observe`].
    pub pin: PinMode,
    /// How binary content is handled on a masked connection. Default [`BinaryMode::Withhold`].
    pub binary: BinaryMode,
    /// The requests that the server may send to the client. Default none.
    pub allow_server_requests: BTreeSet<ServerRequest>,
    /// The hosts that an elicitation may send the person to, in lower case; a leading `*.` stands for all
    /// subdomains. Default none.
    pub elicitation_hosts: Vec<String>,
    /// The accepted `Origin` values of browsers besides the gateway's own and loopback:
    /// `https://app.example`, in lower case, without the scheme's default port. Default none.
    pub origins: Vec<String>,
    /// Variables that are added to the environment of the program. Only with
    /// [`crate::domain::Upstream::program`]. Default none.
    pub env: BTreeMap<String, String>,
}

impl Connection {
    /// Returns whether each client session has a stateful channel at the target: a program, or the stream of
    /// [`Transport::Sse`].
    pub const fn is_duplex(&self) -> bool {
        self.upstream.program.is_some() || matches!(self.mcp.transport, Transport::Sse)
    }
}

impl McpOptions {
    /// Returns the class of a command. `read_only` is the annotation of the called tool: the value of its
    /// `readOnlyHint`, false if it has none, `None` if it is not listed.
    pub fn class_of(&self, method: &str, read_only: Option<bool>) -> Class {
        match read_only.filter(|_| self.trust_annotations && method == mcp::CALL) {
            Some(true) => Class::Read,
            Some(false) => Class::Write,
            None => mcp::McpCommand::class_of(method),
        }
    }

    /// Returns whether the server may send this request to the client.
    pub fn allows(&self, request: ServerRequest) -> bool {
        self.allow_server_requests.contains(&request)
    }

    /// Returns whether an elicitation may send the person to this host: a name or an address, without a port,
    /// in any case.
    pub fn may_lead_to(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        self.elicitation_hosts.iter().any(|allowed| match allowed.strip_prefix('*') {
            // `*.example.com`: the dot stays, so that `evilexample.com` is not a subdomain of it.
            Some(below) => host.len() > below.len() && host.ends_with(below),
            None => host == allowed,
        })
    }

    /// Returns whether the value of an `Origin` header is one of `origins`.
    pub fn lists_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_count_only_where_they_are_trusted_and_known() {
        let trusting = McpOptions { trust_annotations: true, ..McpOptions::default() };
        for (options, method, read_only, class) in [
            (&McpOptions::default(), "tools/call", Some(true), Class::Unknown),
            (&trusting, "tools/call", Some(true), Class::Read),
            (&trusting, "tools/call", Some(false), Class::Write),
            (&trusting, "tools/call", None, Class::Unknown),
            // The annotation of a tool says nothing about another method.
            (&trusting, "resources/write", Some(true), Class::Unknown),
            (&trusting, "tools/list", Some(false), Class::Read),
        ] {
            assert_eq!(options.class_of(method, read_only), class, "{method} {read_only:?}");
        }
    }

    #[test]
    fn an_elicitation_leads_to_listed_hosts_only() {
        let hosts = ["login.example", "*.corp.example"].map(str::to_owned).to_vec();
        let options = McpOptions { elicitation_hosts: hosts, ..McpOptions::default() };
        for (host, may) in [
            ("login.example", true),
            ("LOGIN.example.", true),
            ("a.corp.example", true),
            ("a.b.corp.example", true),
            ("corp.example", false),
            ("evilcorp.example", false),
            (".corp.example", false),
            ("login.example.evil", false),
            ("xlogin.example", false),
            ("", false),
        ] {
            assert_eq!(options.may_lead_to(host), may, "{host}");
        }
        assert!(!McpOptions::default().may_lead_to("login.example"));
    }

    #[test]
    fn an_origin_is_listed_whole() {
        let options = McpOptions { origins: vec!["https://app.example".into()], ..McpOptions::default() };
        assert!(options.lists_origin("https://APP.example"));
        for other in [
            "http://app.example",
            "https://app.example:8443",
            "https://app.example.evil",
            "null",
            "",
            "app.example",
        ] {
            assert!(!options.lists_origin(other), "{other}");
        }
    }

    #[test]
    fn a_program_is_written_so_that_a_shell_reads_the_same_words() {
        for (name, args, line) in [
            ("npx", &["-y", "@scope/server"][..], "npx -y @scope/server"),
            (
                "/opt/my server",
                &["a b", "", "it's", "$HOME", "a|b"],
                r"'/opt/my server' 'a b' '' 'it'\''s' '$HOME' 'a|b'",
            ),
        ] {
            let args = args.iter().map(|arg| (*arg).into()).collect();
            assert_eq!(Program { name: name.into(), args }.to_string(), line);
        }
    }
}
