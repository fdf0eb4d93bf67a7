//! Entities that are defined in the store or in the file: connections, masks and policies.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// The label of entities that single commands write and no `apply` has taken over.
pub const BY_HAND: &str = "cli";
/// The longest label of a manager of entities, in bytes.
const MAX_LABEL: usize = 63;
/// The rule for labels, for people.
pub const LABEL_RULE: &str = "1 to 63 of letters, digits and - _ .";

/// The table of a connection whose values are not shown to everybody: people put secrets into the variables
/// of a program.
pub const VARIABLES: &str = "env";

/// Returns whether a text names a program, as a target or as the source of a secret: people put secrets into
/// its arguments.
pub fn names_program(text: &str) -> bool {
    program(text).is_some()
}

/// Removes the arguments from a text that names a program; `None` if there are none.
pub fn without_arguments(text: &str) -> Option<String> {
    let (before, program) = program(text)?;
    let own = program.trim_start();
    let end = own.find(char::is_whitespace)?;
    let (name, arguments) = own.split_at_checked(end)?;
    (!arguments.trim().is_empty()).then(|| format!("{before}{name} ***"))
}

/// Splits a text that names a program before the program.
fn program(text: &str) -> Option<(&str, &str)> {
    const TARGET: &str = "mcp+stdio:";
    const SOURCE: &str = ":exec:";
    let start = if text.starts_with(TARGET) { TARGET.len() } else { text.find(SOURCE)? + SOURCE.len() };
    text.split_at_checked(start)
}

/// Returns whether a text is a valid label.
pub fn is_label(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_LABEL).contains(&text.len()) && text.bytes().all(allowed)
}

/// The kind of an entity.
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

    /// Returns the word for it: the header of its table, in the store and in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Mask => "mask",
            Self::Policy => "policy",
        }
    }

    /// Returns the kind that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Returns the key of its table that contains its name.
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
