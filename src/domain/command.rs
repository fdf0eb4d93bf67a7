//! One unit of work of a client: what the policies judge.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::connection::Protocol;
use crate::domain::json::Json;

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
}

/// One command, as the policies see it. The protocol keeps the bytes that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The protocol it came by.
    pub protocol: Protocol,
    /// What it does.
    pub class: Class,
    /// The verb: the HTTP method.
    pub method: Box<str>,
    /// The canonical path below the connection, without the query; it starts with `/`.
    pub path: Box<str>,
    /// The query without its `?`, as it will be sent; empty when there is none.
    pub query: Box<str>,
    /// What the body says.
    pub args: Args,
}

impl Command {
    /// One line for people: the method and the path. Not escaped: show it with [`crate::domain::text::Shown`].
    pub fn summary(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("{} {}{mark}{}", self.method, self.path, self.query)
    }
}
