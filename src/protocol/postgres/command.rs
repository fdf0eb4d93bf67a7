//! Turns judged SQL into the command that policies see.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Kin;
use crate::domain::Protocol;
use crate::domain::SqlCommand;
use crate::domain::command::Words;
use crate::domain::sql::Effects;
use crate::domain::sql::Function;
use crate::domain::sql::NameUse;
use crate::domain::sql::Object;
use crate::protocol::postgres::judge::Judgement;

/// Returns the command for a text and the judgement of exactly these bytes.
///
/// `names` returns the class of a prepared statement or cursor that an earlier text of the session has
/// created, see [`crate::domain::sql::Effects::class_with`]; `None` counts as unknown. `opaque` returns what
/// it calls that may do anything, by the target's catalog
/// ([`Catalog::opaque`](super::catalog::Catalog::opaque)) or by the SQL alone.
///
/// The class is [`Class::Unknown`] if the text was not understood, or calls something that may do anything;
/// then [`SqlCommand::base`] is the class of everything else.
pub fn command(
    text: &[u8],
    judgement: &Judgement,
    names: impl Fn(&NameUse) -> Option<Class>,
    opaque: impl Fn(&Effects) -> Vec<Function>,
) -> Command {
    let effects = match judgement {
        Judgement::Effects(effects) => Some(Arc::clone(effects)),
        Judgement::Syntax(_) | Judgement::Unread(_) => None,
    };
    let base = effects.as_ref().map_or(Class::Unknown, |effects| effects.class_with(names));
    let opaque = effects.as_deref().map(opaque).unwrap_or_default();
    let class = if opaque.is_empty() { base } else { Class::Unknown };
    let text = String::from_utf8_lossy(text).into();
    Command {
        protocol: Protocol::Postgres,
        class,
        words: Words::Sql(SqlCommand { text, effects, base, opaque, kin: Kin::default() }),
    }
}

/// Returns what a text calls that may do anything, by the SQL alone.
pub fn by_its_words(effects: &Effects) -> Vec<Function> {
    effects.opaque.iter().cloned().collect()
}

/// What was assumed about functions in texts that were judged by the SQL alone. A session asks the target's
/// catalog, which may know better.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assumed {
    /// Unknown functions and operators, which may do anything.
    unknown: BTreeSet<Box<str>>,
    /// Functions without a schema that have the names of PostgreSQL's own.
    own: BTreeSet<Box<str>>,
}

impl Assumed {
    /// Adds what was assumed about a command's text.
    pub fn add(&mut self, command: &Command) {
        let Some(sql) = command.sql() else { return };
        let name = |object: &Object| object.to_string().into_boxed_str();
        self.unknown.extend(sql.opaque.iter().map(|function| name(&function.object)));
        let own = sql.effects.iter().flat_map(|effects| &effects.functions);
        let own = own.filter(|function| function.object.schema.is_none() && !sql.opaque.contains(function));
        self.own.extend(own.map(|function| name(&function.object)));
    }

    /// Returns the assumptions in words, not escaped; `None` if there are none.
    pub fn words(&self) -> Option<String> {
        /// The most names of each kind.
        const SHOWN: usize = 8;
        let list = |names: &BTreeSet<Box<str>>, kind: &str| {
            let shown: Vec<&str> = names.iter().take(SHOWN).map(|name| &**name).collect();
            let more = if names.len() > SHOWN { " and others" } else { "" };
            (!names.is_empty()).then(|| format!("{}{more} for {kind}", shown.join(", ")))
        };
        let parts: Vec<String> =
            list(&self.unknown, "unknown").into_iter().chain(list(&self.own, "PostgreSQL's own")).collect();
        (!parts.is_empty()).then(|| {
            format!(
                "judged by words alone, which take {}; a session asks the target's catalogue what they are",
                parts.join(", and ")
            )
        })
    }
}

#[cfg(test)]
mod tests;
