//! What only a connection to an MCP server has: its options, and the program that is started as one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::Connection;
use crate::domain::command::Class;
use crate::domain::command::mcp;

/// A program that is started as the target: no shell reads it, nothing in it is expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its name, to be found by `PATH`, or its absolute path. Never empty.
    pub name: Box<str>,
    /// Its arguments, each as the program gets it.
    pub args: Vec<Box<str>>,
}

impl fmt::Display for Program {
    /// One line that a POSIX shell would take apart into the same words.
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

/// What happens when what a server says of a tool, a prompt, a template or itself changes after it was first seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PinMode {
    /// It is recorded, and goes on.
    #[default]
    Observe,
    /// What changed, came later than the first list, or has hidden characters, is neither listed nor used until that is accepted. Nor is a
    /// tool called that was not listed since the gateway started or the server said that its list has changed.
    Hide,
    /// As [`Self::Hide`], and no tool of the connection is called until each change is accepted.
    Block,
}

impl PinMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Observe, Self::Hide, Self::Block];

    /// The word for it in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Hide => "hide",
            Self::Block => "block",
        }
    }
}

/// What becomes of binary content of a connection that is masked: pictures, sounds, documents in which nothing can be found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BinaryMode {
    /// A text says in its place that it was withheld.
    #[default]
    Withhold,
    /// It passes as it is, whatever is in it.
    Allow,
}

impl BinaryMode {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Withhold, Self::Allow];

    /// The word for it in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Withhold => "withhold",
            Self::Allow => "allow",
        }
    }
}

/// How an MCP server behind an address is spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Streamable HTTP: each request is answered in its own response.
    #[default]
    Streamable,
    /// HTTP+SSE of 2024-11-05: everything that the server says comes on one stream of events, whose first event says where messages go.
    Sse,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Streamable, Self::Sse];

    /// The word for it in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Streamable => "streamable",
            Self::Sse => "sse",
        }
    }
}

/// What an MCP server may ask of its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerRequest {
    /// `elicitation/create`: to ask the person something.
    Elicitation,
    /// `roots/list`: which folders the client works in.
    Roots,
    /// `sampling/createMessage`: to let the client's model write something.
    Sampling,
}

impl ServerRequest {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Elicitation, Self::Roots, Self::Sampling];

    /// The word for it in configuration; so is the client's capability called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Elicitation => "elicitation",
            Self::Roots => "roots",
            Self::Sampling => "sampling",
        }
    }

    /// What a JSON-RPC method asks for, if it is one of these.
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

/// What only a connection to an MCP server has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct McpOptions {
    /// What the server says of its tools is believed: one that is annotated `readOnlyHint` reads, every other one writes. Default
    /// false: then a call is of class `unknown`.
    pub trust_annotations: bool,
    /// How the server is spoken to. Only with an address. Default [`Transport::Streamable`].
    pub transport: Transport,
    /// What a changed tool leads to. Default [`PinMode::Observe`].
    pub pin: PinMode,
    /// What becomes of binary content where there are masks. Default [`BinaryMode::Withhold`].
    pub binary: BinaryMode,
    /// What the server may ask of the client. Default nothing.
    pub allow_server_requests: BTreeSet<ServerRequest>,
    /// The hosts that an elicitation may send the person to, in lower case; `*.` in front stands for everything below. Default none.
    pub elicitation_hosts: Vec<String>,
    /// What a browser's `Origin` may be beside the gateway's own and loopback: `https://app.example`, in lower case, without the
    /// scheme's own port. Default none.
    pub origins: Vec<String>,
    /// Variables that are added to the environment of the program. Only with [`crate::domain::Upstream::program`]. Default none.
    pub env: BTreeMap<String, String>,
}

impl Connection {
    /// Whether each session of a client has a channel of its own at the target, which one side of it cannot do without: a program, or the
    /// stream of [`Transport::Sse`].
    pub const fn is_duplex(&self) -> bool {
        self.upstream.program.is_some() || matches!(self.mcp.transport, Transport::Sse)
    }
}

impl McpOptions {
    /// The class of a command. `read_only` is what the tool that it calls is annotated with: the value of its `readOnlyHint`, false if
    /// it has none, `None` if its listing is not known.
    pub fn class_of(&self, method: &str, read_only: Option<bool>) -> Class {
        match read_only.filter(|_| self.trust_annotations && method == mcp::CALL) {
            Some(true) => Class::Read,
            Some(false) => Class::Write,
            None => mcp::McpCommand::class_of(method),
        }
    }

    /// Whether the server may ask this of the client.
    pub fn allows(&self, request: ServerRequest) -> bool {
        self.allow_server_requests.contains(&request)
    }

    /// Whether an elicitation may send the person to this host: a name or an address, without a port, in any case.
    pub fn may_lead_to(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        self.elicitation_hosts.iter().any(|allowed| match allowed.strip_prefix('*') {
            // `*.example.com`: the dot stays, so that `evilexample.com` is not below it.
            Some(below) => host.len() > below.len() && host.ends_with(below),
            None => host == allowed,
        })
    }

    /// Whether an `Origin` header, as it came, is one of `origins`.
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
            // The word of a tool says nothing about another method.
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
