//! From a SQL text that was judged to the command that the policies see.

use std::sync::Arc;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Protocol;
use crate::domain::SqlCommand;
use crate::domain::command::Words;
use crate::domain::sql::Effects;
use crate::domain::sql::Function;
use crate::domain::sql::NameUse;
use crate::protocol::postgres::judge::Judgement;

/// The command of a text and what was judged about exactly these bytes.
///
/// `names` gives the class of a prepared statement or cursor that an earlier text of the session has made, see
/// [`crate::domain::sql::Effects::class_with`]; `None` counts as unknown. `opaque` gives what it calls that may do anything: what
/// the target's catalogue says ([`Catalog::opaque`](super::catalog::Catalog::opaque)), or the words alone.
///
/// The class is [`Class::Unknown`] when the text was not understood, or calls a function of which nothing is known; then
/// [`SqlCommand::base`] has the class of all the rest.
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
        words: Words::Sql(SqlCommand { text, effects, base, opaque }),
    }
}

/// What a text calls that may do anything, as far as its words tell.
pub fn by_its_words(effects: &Effects) -> Vec<Function> {
    effects.opaque.iter().cloned().collect()
}

#[cfg(test)]
mod tests;
