//! One unit of work of a client: what the policies judge.

pub mod mcp;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::command::mcp::McpCommand;
use crate::domain::connection::Protocol;
use crate::domain::form::Form;
use crate::domain::json::Json;
use crate::domain::sql::Effects;
use crate::domain::sql::Function;

/// What a command does, from harmless to not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Looks only.
    Read,
    /// Changes data.
    Write,
    /// Changes structure.
    Ddl,
    /// Changes rights, runs code, opens tunnels.
    Admin,
    /// Could not be understood. Only a policy that names `unknown` lets it pass.
    Unknown,
}

impl Class {
    /// All classes, from harmless to not known.
    pub const ALL: [Self; 5] = [Self::Read, Self::Write, Self::Ddl, Self::Admin, Self::Unknown];

    /// The word for it in configuration, records and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Ddl => "ddl",
            Self::Admin => "admin",
            Self::Unknown => "unknown",
        }
    }

    /// The class a word names, if any.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The arguments of a command, as far as they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Args {
    /// The command has none.
    Absent,
    /// They have not been looked at: no policy asked for them.
    NotRead,
    /// There are some, but not in a form that can be judged. An `args` condition of an allow does not hold, one of a
    /// deny or approve does.
    Unreadable,
    /// What they say.
    Read(Json),
    /// What they say, as a form.
    Form(Form),
}

/// One command, as the policies see it. The protocol keeps the bytes that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The protocol it came by.
    pub protocol: Protocol,
    /// What it does.
    pub class: Class,
    /// What it says, in the words of its protocol.
    pub words: Words,
}

/// What a command says, in the words of its protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// An HTTP request.
    Http(HttpCommand),
    /// A message of an MCP client.
    Mcp(McpCommand),
    /// A SQL text.
    Sql(SqlCommand),
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCommand {
    /// The method.
    pub method: Box<str>,
    /// The canonical path below the connection, without the query; it starts with `/`.
    pub path: Box<str>,
    /// The query without its `?`, as it will be sent; empty when there is none.
    pub query: Box<str>,
    /// What the body says.
    pub args: Args,
}

/// A SQL text: all that one message asks the server to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlCommand {
    /// The text, for people: what is not UTF-8 is shown as U+FFFD. Never what is sent.
    pub text: Arc<str>,
    /// What it does, by the grammar; `None` when it could not be understood: then every condition on it is unsure.
    pub effects: Option<Arc<Effects>>,
    /// The worst class of all it does, without what its `opaque` functions may do.
    pub base: Class,
    /// The functions it calls, or may call, and the operators that neither the grammar's lists nor the target's catalogue know as harmless.
    /// While there are any, the command's class is [`Class::Unknown`], except to a policy that names all of them.
    pub opaque: Vec<Function>,
}

/// How much of a SQL text stands in a summary, in characters.
const SUMMARY: usize = 300;

impl Command {
    /// The HTTP request it is, if it is one.
    pub fn http(&self) -> Option<&HttpCommand> {
        match &self.words {
            Words::Http(http) => Some(http),
            Words::Mcp(_) | Words::Sql(_) => None,
        }
    }

    /// The method of a request: that of HTTP, or that of JSON-RPC; empty for what has none.
    pub fn method(&self) -> &str {
        match &self.words {
            Words::Http(http) => &http.method,
            Words::Mcp(mcp) => &mcp.method,
            Words::Sql(_) => "",
        }
    }

    /// The path of an HTTP request; empty for what has none.
    pub fn path(&self) -> &str {
        self.http().map_or("", |http| &http.path)
    }

    /// The arguments, as far as they were read.
    pub fn args(&self) -> &Args {
        match &self.words {
            Words::Http(http) => &http.args,
            Words::Mcp(mcp) => &mcp.args,
            Words::Sql(_) => &Args::Absent,
        }
    }

    /// The same command with arguments that were read meanwhile; a SQL text has none.
    pub fn with_args(mut self, args: Args) -> Self {
        match &mut self.words {
            Words::Http(http) => http.args = args,
            Words::Mcp(mcp) => mcp.args = args,
            Words::Sql(_) => {}
        }
        self
    }

    /// The SQL text it is, if it is one.
    pub fn sql(&self) -> Option<&SqlCommand> {
        match &self.words {
            Words::Sql(sql) => Some(sql),
            Words::Http(_) | Words::Mcp(_) => None,
        }
    }

    /// The MCP message it is, if it is one.
    pub fn mcp(&self) -> Option<&McpCommand> {
        match &self.words {
            Words::Mcp(mcp) => Some(mcp),
            Words::Http(_) | Words::Sql(_) => None,
        }
    }

    /// One line for people: the method and the path, the MCP method and what it names, or the beginning of the SQL. Not escaped: show it with
    /// [`crate::domain::text::Shown`].
    pub fn summary(&self) -> String {
        match &self.words {
            Words::Http(http) => http.target(),
            Words::Mcp(mcp) => mcp.line(),
            Words::Sql(sql) => sql.line(),
        }
    }
}

impl HttpCommand {
    /// The method, the path, and the query if there is one.
    pub fn target(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("{} {}{mark}{}", self.method, self.path, self.query)
    }
}

impl SqlCommand {
    /// The text on one line, cut with `…` where it is long.
    pub fn line(&self) -> String {
        let mut line = String::with_capacity(self.text.len().min(SUMMARY));
        for (place, word) in self.text.split_whitespace().enumerate() {
            if place > 0 {
                line.push(' ');
            }
            line.push_str(word);
            if line.len() > SUMMARY * 4 {
                break;
            }
        }
        match line.char_indices().nth(SUMMARY) {
            Some((end, _)) => {
                line.truncate(end);
                line.push('…');
                line
            }
            None => line,
        }
    }
}
