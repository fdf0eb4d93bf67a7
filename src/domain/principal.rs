//! Who a token speaks for.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::json::Json;

/// The longest token that is looked at, in bytes. Nobody who shows a longer one gets in, whatever the token says, so nobody need send one.
pub const MAX_TOKEN: usize = 16 << 10;

/// What kind of caller a principal is. An app or agent never approves anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Software that acts on its own judgement (Entra Agent ID).
    Agent,
    /// A service with a token of its own.
    App,
    /// A person.
    Human,
}

impl Kind {
    /// The word for it in configuration and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::App => "app",
            Self::Human => "human",
        }
    }

    /// The kind a word names, if any.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Agent, Self::App, Self::Human].into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The groups of a principal, or the knowledge that they are not known (Entra leaves them out above 200).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// All of them: ids as the provider sends them, and the names that `group_names` gives those ids.
    Known(BTreeSet<Arc<str>>),
    /// The provider did not say. An allow by group does not match, a deny by group does.
    Unknown,
}

impl Groups {
    /// Whether the principal is known to be in `group`.
    pub fn contains(&self, group: &str) -> bool {
        match self {
            Self::Known(groups) => groups.contains(group),
            Self::Unknown => false,
        }
    }

    /// The known groups, in order.
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

/// One verified caller. Made by `identity` from a token, or by `control` from the peer of the admin socket.
#[derive(Debug, Clone, PartialEq)]
pub struct Principal {
    /// `entra:{tid}/{oid}`, `{issuer name}/{sub}` or `local:{os user}`: the only thing that names a principal.
    pub id: Arc<str>,
    /// What kind of caller it is.
    pub kind: Kind,
    /// The name of the `[[oidc]]` entry that vouches for it; `local` for the admin socket.
    pub issuer: Arc<str>,
    /// The client (application) that asked for the token, as the provider names it.
    pub client: Option<Arc<str>>,
    /// A name for people to read. Never used to decide.
    pub display: Option<Arc<str>>,
    /// Its groups and roles.
    pub groups: Groups,
    /// The token's other claims, for `claims` conditions. A JSON object.
    pub claims: Json,
}

impl Principal {
    /// The name a person recognises, with the id where there is no better one.
    pub fn label(&self) -> &str {
        self.display.as_deref().unwrap_or(&self.id)
    }
}
