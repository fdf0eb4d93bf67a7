//! What can be in the store as well as in the file: connections, masks and policies.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// The label of what single commands write, and of what no `apply` has taken.
pub const BY_HAND: &str = "cli";
/// The longest label of what looks after entities, in bytes.
const MAX_LABEL: usize = 63;
/// What a label is, for people.
pub const LABEL_RULE: &str = "1 to 63 of letters, digits and - _ .";

/// The table of a connection whose values are not told everybody: people put secrets into the variables of a program.
pub const VARIABLES: &str = "env";

/// Whether a text names a program, as a target or as the source of a secret: people put secrets into its arguments.
pub fn names_program(text: &str) -> bool {
    program(text).is_some()
}

/// A text that names a program with arguments, without them; `None` where it has none.
pub fn without_arguments(text: &str) -> Option<String> {
    let (before, program) = program(text)?;
    let own = program.trim_start();
    let end = own.find(char::is_whitespace)?;
    let (name, arguments) = own.split_at_checked(end)?;
    (!arguments.trim().is_empty()).then(|| format!("{before}{name} ***"))
}

/// A text that names a program: what is before the program, and the program.
fn program(text: &str) -> Option<(&str, &str)> {
    const TARGET: &str = "mcp+stdio:";
    const SOURCE: &str = ":exec:";
    let start = if text.starts_with(TARGET) { TARGET.len() } else { text.find(SOURCE)? + SOURCE.len() };
    text.split_at_checked(start)
}

/// Whether a text can be the label of what looks after entities.
pub fn is_label(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_LABEL).contains(&text.len()) && text.bytes().all(allowed)
}

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
