//! What a command may change for the messages after it.

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::sql::Access;
use crate::domain::sql::Effects;
use crate::domain::sql::Verb;
use crate::protocol::postgres::session::kin::Tie;
use crate::protocol::postgres::session::kin::tie;
use crate::protocol::postgres::session::meaning::makes_setter;
use crate::protocol::postgres::session::search_path::PathEffect;
use crate::protocol::postgres::targets::CatalogView;
use crate::protocol::postgres::targets::Change;

/// What a command may change for the messages after it.
#[derive(Debug)]
pub(super) struct Changes {
    /// The change of the catalog.
    pub(super) catalog: Change,
    /// The effect on where names are looked up.
    pub(super) names: PathEffect,
    /// The relations that may have become children of others.
    pub(super) ties: Vec<Tie>,
}

/// Returns what commands that run together may change for the messages after them.
pub(super) fn changes_of<'a>(
    commands: impl Iterator<Item = &'a Command> + Clone,
    known: Option<&CatalogView>,
) -> Changes {
    let catalog = commands.clone().map(|command| changes_catalog(command, known)).max().unwrap_or_default();
    Changes {
        catalog,
        names: commands.clone().map(path_effect).fold(PathEffect::No, PathEffect::max),
        ties: commands.filter_map(|command| tie(command, catalog)).collect(),
    }
}

/// Returns whether a command may change how later SQL is read: how it is lexed, or where its names are looked
/// up.
pub(super) fn may_change_reading(command: &Command) -> bool {
    command.class == Class::Unknown
        || path_effect(command) != PathEffect::No
        || command.sql().and_then(|sql| sql.effects.as_deref()).is_none_or(Effects::changes_lexing)
}

/// Returns what a command may do to where names are looked up in later SQL.
fn path_effect(command: &Command) -> PathEffect {
    let Some(sql) = command.sql() else { return PathEffect::Unseen };
    match &sql.effects {
        Some(effects) if sql.opaque.is_empty() && sql.base < Class::Unknown => {
            if effects.moves_names(sql.base) { PathEffect::Path } else { PathEffect::No }
        }
        _ => PathEffect::Unseen,
    }
}

/// Returns what a command may change in the catalog.
fn changes_catalog(command: &Command, known: Option<&CatalogView>) -> Change {
    if command.class < Class::Ddl {
        return Change::Nothing;
    }
    let Some((base, effects)) = command.sql().and_then(|sql| Some((sql.base, sql.effects.as_deref()?)))
    else {
        return Change::Settings;
    };
    if base < Class::Ddl {
        // Only the unknown functions that it calls could change it. They pass because a policy names them,
        // and may do more than they are meant to.
        return Change::Suspected;
    }
    let makes = |verb: &Verb| {
        matches!(
            verb,
            Verb::Create
                | Verb::Alter
                | Verb::Drop
                | Verb::Rename
                | Verb::Reassign
                | Verb::Import
                | Verb::Load
                | Verb::Do
                | Verb::Execute
        )
    };
    if base == Class::Unknown || effects.runs_unseen() || makes_setter(effects, known) {
        return Change::Settings;
    }
    // A single statement that creates, changes or drops a relation leaves functions and operators as they
    // are.
    let one = effects.statements == 1
        && effects.names.is_empty()
        && effects.relations.iter().any(|relation| relation.access == Access::Ddl);
    if one && command.class == Class::Ddl || !effects.verbs.iter().any(makes) {
        Change::Relations
    } else {
        Change::Anything
    }
}
