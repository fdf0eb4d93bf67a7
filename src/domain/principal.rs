//! Principals: the callers that tokens identify.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::json::Json;

/// The longest token, in bytes. A longer one is always refused, so there is no use in sending one.
pub const MAX_TOKEN: usize = 16 << 10;

/// The kind of a principal. An app or agent never approves anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Software that acts autonomously (Entra Agent ID).
    Agent,
    /// A service with its own token.
    App,
    /// A person.
    Human,
}

impl Kind {
    /// Returns the word for it in configuration and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::App => "app",
            Self::Human => "human",
        }
    }

    /// Returns the kind that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Agent, Self::App, Self::Human].into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The groups of a principal, which may be unknown (Entra leaves them out above 200).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// All of them: ids as the issuer sends them, and the names that `group_names` gives those ids.
    Known(BTreeSet<Arc<str>>),
    /// The issuer left them out. An allow by group does not match, a deny by group does.
    Unknown,
}

impl Groups {
    /// Returns whether the principal is known to be in `group`.
    pub fn contains(&self, group: &str) -> bool {
        match self {
            Self::Known(groups) => groups.contains(group),
            Self::Unknown => false,
        }
    }

    /// Returns the known groups, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::Known(groups) => Some(groups.iter().map(AsRef::as_ref)),
            Self::Unknown => None,
        }
        .into_iter()
        .flatten()
    }
}

impl<S: Into<Arc<str>>> FromIterator<S> for Groups {
    fn from_iter<I: IntoIterator<Item = S>>(groups: I) -> Self {
        Self::Known(groups.into_iter().map(Into::into).collect())
    }
}

/// One verified caller. Created by `identity` from a token, or by `control` from the peer of the admin
/// socket.
#[derive(Debug, Clone, PartialEq)]
pub struct Principal {
    /// `entra:{tid}/{oid}`, `{issuer name}/{sub}` or `local:{os user}`: the only identifier of a principal.
    pub id: Arc<str>,
    /// The kind of caller.
    pub kind: Kind,
    /// The name of the `[[oidc]]` entry of its issuer; `local` for the admin socket.
    pub issuer: Arc<str>,
    /// The client (application) that requested the token, by the issuer's id.
    pub client: Option<Arc<str>>,
    /// A display name. Never used to decide.
    pub display: Option<Arc<str>>,
    /// Its groups and roles.
    pub groups: Groups,
    /// The token's other claims, for `claims` conditions. A JSON object.
    pub claims: Json,
}

impl Principal {
    /// Returns the display name, or the id if there is none.
    pub fn label(&self) -> &str {
        self.display.as_deref().unwrap_or(&self.id)
    }
}
