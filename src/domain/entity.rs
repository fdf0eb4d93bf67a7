//! What can be in the store as well as in the file: connections, masks and policies.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// What kind of entity it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntityKind {
    /// `[[connection]]`, named by its name.
    Connection,
    /// `[[mask]]`, named by its id.
    Mask,
    /// `[[policy]]`, named by its id.
    Policy,
}

impl EntityKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Connection, Self::Mask, Self::Policy];

    /// The word for it: the header of its table, in the store and in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Mask => "mask",
            Self::Policy => "policy",
        }
    }

    /// The kind a word names, if any.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The key of its table that holds its name.
    pub const fn name_key(self) -> &'static str {
        match self {
            Self::Connection => "name",
            Self::Mask | Self::Policy => "id",
        }
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
