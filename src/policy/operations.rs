//! The condition `operations`: the classes of a command.

use std::sync::Arc;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::SqlCommand;
use crate::policy::answer::Answer;
use crate::policy::mcp::Named;
use crate::policy::sql;
use crate::policy::sql::Use;
use crate::policy::sql::pattern::NameGlob;

/// The classes that a policy lists.
#[derive(Debug, Clone)]
pub(super) struct Operations {
    pub(super) classes: Vec<Class>,
    pub(super) usage: Use,
    /// The `functions` beside it, in a condition that lets pass: calls of functions that they match do not
    /// make a command `unknown`.
    pub(super) functions: Option<Arc<[NameGlob]>>,
    /// Set if the classes are not listed but implied, for a policy without `operations`: the `tools` and
    /// `methods` beside them. Messages that they name pass although their class is `unknown`.
    pub(super) named: Option<Named>,
}

impl Operations {
    /// Returns whether the command's classes are among these.
    pub(super) fn answer(&self, command: &Command) -> Answer {
        let listed = |class| self.classes.contains(&class);
        let class = command.class;
        let Some(sql) = command.sql() else {
            return Answer::of(listed(class) || (class == Class::Unknown && self.names(command)));
        };
        Answer::of(match self.usage {
            // A higher effect beside it does not hide a lower one.
            Use::Any => listed(class) || listed(sql.base) || changes(sql).any(listed),
            // Unknown effects may be anything: a policy that lists `unknown` covers everything.
            Use::All if class == Class::Unknown && listed(class) => true,
            Use::All => {
                let class = if self.vouches(sql) { sql.base } else { class };
                listed(class) && changes(sql).all(listed)
            }
        })
    }

    fn vouches(&self, sql: &SqlCommand) -> bool {
        let globs = self.functions.as_deref();
        !sql.opaque.is_empty() && globs.is_some_and(|globs| sql::vouches(globs, sql) == Answer::Yes)
    }

    fn names(&self, command: &Command) -> bool {
        command.mcp().zip(self.named.as_ref()).is_some_and(|(mcp, named)| named.names(mcp))
    }

    /// Returns the command's class, for display. Not escaped.
    pub(super) fn found(command: &Command) -> String {
        let class = command.class;
        match command.sql() {
            Some(sql) if !sql.opaque.is_empty() => {
                format!("{class}, {} without {}", sql.base, sql::functions(&sql.opaque).join(", "))
            }
            Some(sql) => {
                let others = changes(sql).filter(|other| *other != class);
                let all: Vec<String> =
                    std::iter::once(class).chain(others).map(|class| class.to_string()).collect();
                all.join(", ")
            }
            None => class.to_string(),
        }
    }
}

/// Returns the classes of all effects of a text except reads.
fn changes(sql: &SqlCommand) -> impl Iterator<Item = Class> {
    let classes = sql.effects.iter().flat_map(|effects| &effects.classes);
    classes.copied().filter(|class| *class > Class::Read)
}
