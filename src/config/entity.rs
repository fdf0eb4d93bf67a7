//! One connection, policy or mask by itself: the store keeps each as the TOML text of its table.

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

/// A connection, mask or policy, checked.
#[expect(clippy::large_enum_variant, reason = "few of them live for long, and each is taken apart at once")]
#[derive(Debug, Clone, PartialEq)]
pub enum Entity {
    /// A way to a target.
    Connection(Connection),
    /// What is masked.
    Mask(MaskRule),
    /// A rule.
    Policy(PolicyRule),
}

impl Entity {
    /// What it is.
    pub fn kind(&self) -> EntityKind {
        match self {
            Self::Connection(_) => EntityKind::Connection,
            Self::Mask(_) => EntityKind::Mask,
            Self::Policy(_) => EntityKind::Policy,
        }
    }

    /// Its name or id.
    pub fn name(&self) -> &str {
        match self {
            Self::Connection(connection) => connection.name.as_str(),
            Self::Mask(mask) => &mask.id,
            Self::Policy(policy) => &policy.id,
        }
    }

    /// Where it was written down.
    pub fn origin(&self) -> &Origin {
        match self {
            Self::Connection(connection) => &connection.origin,
            Self::Mask(mask) => &mask.origin,
            Self::Policy(policy) => &policy.origin,
        }
    }
}

/// Reads the body of one table, without its `[[header]]`, and checks it as far as that can be done without the others:
/// globs, patterns and address ranges too. Relative paths start at the folder of the file that `origin` names; there
/// are none for the store.
///
/// # Errors
/// Every problem of the text.
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
        // Each reader that gives nothing has said why; were it ever silent, this is still no entity.
        None if problems.is_empty() => Err(Problem::of_file(&name, "cannot be used", None).into()),
        _ => Err(Problems::from(problems)),
    }
}
