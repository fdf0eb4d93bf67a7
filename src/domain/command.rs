//! Commands: the units that policies judge.

pub mod mcp;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::command::mcp::McpCommand;
use crate::domain::connection::Protocol;
use crate::domain::form::Form;
use crate::domain::json::Json;
use crate::domain::kin::Kin;
use crate::domain::sql::Effects;
use crate::domain::sql::Function;

/// The class of a command, from harmless to unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Reads only.
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
    /// All classes, from harmless to unknown.
    pub const ALL: [Self; 5] = [Self::Read, Self::Write, Self::Ddl, Self::Admin, Self::Unknown];

    /// Returns the word for it in configuration, records and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Ddl => "ddl",
            Self::Admin => "admin",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the class that a word names.
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
    /// They have not been read: no policy asked for them.
    NotRead,
    /// They are not in a form that can be judged. An `args` condition of an allow does not match, one of a
    /// deny or approve does.
    Unreadable,
    /// They are JSON.
    Read(Json),
    /// They are a form.
    Form(Form),
}

/// One command, as the policies see it. The protocol keeps the bytes that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its protocol.
    pub protocol: Protocol,
    /// Its class.
    pub class: Class,
    /// Its content, in the terms of its protocol.
    pub words: Words,
}

/// The content of a command, in the terms of its protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// An HTTP request.
    Http(HttpCommand),
    /// A message of an MCP client.
    Mcp(McpCommand),
    /// SQL text.
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
    /// The arguments in the body.
    pub args: Args,
}

/// SQL text: everything that one message asks the server to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlCommand {
    /// The text, for people: invalid UTF-8 is shown as U+FFFD. Never sent.
    pub text: Arc<str>,
    /// Its effects by the grammar; `None` if it could not be understood: then every condition on it is
    /// unsure.
    pub effects: Option<Arc<Effects>>,
    /// The worst class of its effects, without what its `opaque` functions may do.
    pub base: Class,
    /// The functions it calls, or may call, and the operators that neither the grammar's lists nor the
    /// target's catalog know as harmless. If there are any, the command's class is [`Class::Unknown`], except
    /// for a policy that names all of them.
    pub opaque: Vec<Function>,
    /// What shares rows with the relations that it names, where a policy asks for it and the target's
    /// catalogue could be asked.
    pub kin: Kin,
}

/// How much SQL text a summary contains, in characters.
const SUMMARY: usize = 300;

impl Command {
    /// Returns the HTTP request; `None` for other protocols.
    pub fn http(&self) -> Option<&HttpCommand> {
        match &self.words {
            Words::Http(http) => Some(http),
            Words::Mcp(_) | Words::Sql(_) => None,
        }
    }

    /// Returns the HTTP or JSON-RPC method; empty for SQL.
    pub fn method(&self) -> &str {
        match &self.words {
            Words::Http(http) => &http.method,
            Words::Mcp(mcp) => &mcp.method,
            Words::Sql(_) => "",
        }
    }

    /// Returns the path of an HTTP request; empty for other protocols.
    pub fn path(&self) -> &str {
        self.http().map_or("", |http| &http.path)
    }

    /// Returns the arguments, as far as they were read.
    pub fn args(&self) -> &Args {
        match &self.words {
            Words::Http(http) => &http.args,
            Words::Mcp(mcp) => &mcp.args,
            Words::Sql(_) => &Args::Absent,
        }
    }

    /// Sets the arguments, which were read later; SQL text has none.
    pub fn with_args(mut self, args: Args) -> Self {
        match &mut self.words {
            Words::Http(http) => http.args = args,
            Words::Mcp(mcp) => mcp.args = args,
            Words::Sql(_) => {}
        }
        self
    }

    /// Returns the SQL text; `None` for other protocols.
    pub fn sql(&self) -> Option<&SqlCommand> {
        match &self.words {
            Words::Sql(sql) => Some(sql),
            Words::Http(_) | Words::Mcp(_) => None,
        }
    }

    /// Returns the MCP message; `None` for other protocols.
    pub fn mcp(&self) -> Option<&McpCommand> {
        match &self.words {
            Words::Mcp(mcp) => Some(mcp),
            Words::Http(_) | Words::Sql(_) => None,
        }
    }

    /// Returns one line for people: method and path, MCP method and name, or the beginning of the SQL. Not
    /// escaped: show it with [`crate::domain::text::Shown`].
    pub fn summary(&self) -> String {
        match &self.words {
            Words::Http(http) => http.target(),
            Words::Mcp(mcp) => mcp.line(),
            Words::Sql(sql) => line(&sql.text),
        }
    }
}

impl HttpCommand {
    /// Returns the method, the path, and the query if there is one.
    pub fn target(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("{} {}{mark}{}", self.method, self.path, self.query)
    }
}

/// Returns SQL text on one line, cut with `…` if it is long. What is cut is masked before: a part of a value
/// no longer looks like one.
pub fn line(sql: &str) -> String {
    let mut line = String::with_capacity(sql.len().min(SUMMARY));
    for (place, word) in sql.split_whitespace().enumerate() {
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
