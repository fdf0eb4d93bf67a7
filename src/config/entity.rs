//! A single connection, policy or mask: the store keeps each as the TOML text of its table.

use std::path::PathBuf;

use toml::de::DeTable;
use toml::de::DeValue;

use crate::config::connection;
use crate::config::mask;
use crate::config::parse;
use crate::config::policy;
use crate::config::problem::Problem;
use crate::config::problem::Problems;
use crate::config::reader::Value;
use crate::config::source::Source;
use crate::domain::connection::Connection;
use crate::domain::connection::Origin;
use crate::domain::entity::EntityKind;
use crate::domain::mask::MaskRule;
use crate::policy::PolicyRule;

/// A checked connection, mask or policy.
#[expect(clippy::large_enum_variant, reason = "few of them live for long, and each is taken apart at once")]
#[derive(Debug, Clone, PartialEq)]
pub enum Entity {
    /// A connection to a target.
    Connection(Connection),
    /// A mask.
    Mask(MaskRule),
    /// A policy.
    Policy(PolicyRule),
}

impl Entity {
    /// Returns the kind of entity.
    pub fn kind(&self) -> EntityKind {
        match self {
            Self::Connection(_) => EntityKind::Connection,
            Self::Mask(_) => EntityKind::Mask,
            Self::Policy(_) => EntityKind::Policy,
        }
    }

    /// Returns its name or id.
    pub fn name(&self) -> &str {
        match self {
            Self::Connection(connection) => connection.name.as_str(),
            Self::Mask(mask) => &mask.id,
            Self::Policy(policy) => &policy.id,
        }
    }

    /// Returns where it was defined.
    pub fn origin(&self) -> &Origin {
        match self {
            Self::Connection(connection) => &connection.origin,
            Self::Mask(mask) => &mask.origin,
            Self::Policy(policy) => &policy.origin,
        }
    }
}

/// Parses the body of one table, without its `[[header]]`, and checks it as far as possible without other
/// entities, including globs, patterns and address ranges. Relative paths are resolved against the directory
/// of the file in `origin`; for the store they are refused.
///
/// # Errors
/// All problems of the text.
pub fn parse_entity(kind: EntityKind, text: &str, origin: Origin) -> Result<Entity, Problems> {
    let name = match &origin {
        Origin::File { path, .. } => path.clone(),
        Origin::Store => PathBuf::from(kind.as_str()),
    };
    let source = Source::new(text, origin);
    let (document, errors) = DeTable::parse_recoverable(text);
    let document = DeValue::Table(document.into_inner());
    let entity = {
        let value = Value::root(&source, &document);
        match kind {
            EntityKind::Connection => connection::read(&value).map(Entity::Connection),
            EntityKind::Mask => mask::read(&value).map(Entity::Mask),
            EntityKind::Policy => policy::read(&value).map(Entity::Policy),
        }
    };
    parse::note_syntax(&source, &errors);
    let (problems, _warnings) = source.finish(&name);
    match entity {
        Some(entity) if problems.is_empty() => Ok(entity),
        // Each reader that returns nothing has reported why; if one did not, this is still not an entity.
        None if problems.is_empty() => Err(Problem::of_file(&name, "cannot be used", None).into()),
        _ => Err(Problems::from(problems)),
    }
}
