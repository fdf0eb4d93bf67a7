//! From a judgement to a command: what the policies are asked about.

use std::sync::Arc;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Protocol;
use crate::domain::SqlCommand;
use crate::domain::command::Words;
use crate::domain::sql::Function;
use crate::domain::sql::NameUse;
use crate::protocol::postgres::judge::Judgement;

/// The command that a text is. `names` knows the class of prepared statements and cursors, `harmless` the functions of the target that
/// do nothing but compute or read.
pub fn command(
    text: &[u8],
    judgement: &Judgement,
    names: impl Fn(&NameUse) -> Option<Class>,
    harmless: impl Fn(&Function) -> bool,
) -> Command {
    let text: Arc<str> = String::from_utf8_lossy(text).into();
    let effects = judgement.effects().map(Arc::clone);
    let base = effects.as_ref().map_or(Class::Unknown, |effects| effects.class_with(names));
    let opaque: Vec<Function> = effects
        .as_ref()
        .map(|effects| effects.opaque.iter().filter(|function| !harmless(function)).cloned().collect())
        .unwrap_or_default();
    let class = if opaque.is_empty() { base } else { Class::Unknown };
    let words = Words::Sql(SqlCommand { text, effects, base, opaque });
    Command { protocol: Protocol::Postgres, class, words }
}
