//! Combines file and store into the content of one snapshot.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::de::DeTable;
use toml::de::DeValue;

use crate::config::Config;
use crate::config::entity::Entity;
use crate::config::problem::Problem;
use crate::config::problem::Problems;
use crate::config::reader::Value;
use crate::config::references;
use crate::config::references::Finding;
use crate::config::references::Side;
use crate::config::source::Source;
use crate::config::words::quoted;
use crate::domain::connection::Connection;
use crate::domain::connection::Origin;
use crate::domain::entity::EntityKind;
use crate::domain::mask::MaskRule;
use crate::policy::PolicyRule;

/// All entities of file and store. Each name is unique.
#[derive(Debug, Clone, Default)]
pub struct Entities {
    /// Connections, by name.
    pub connections: Vec<Connection>,
    /// Policies, by id.
    pub policies: Vec<PolicyRule>,
    /// Masks, by id.
    pub masks: Vec<MaskRule>,
    /// Valid settings that are probably mistakes: names of things that are neither in the file nor in the
    /// store.
    pub warnings: Vec<Problem>,
}

/// Combines the file with the entities of the store.
///
/// # Errors
/// A name that is in both, or twice in the store.
pub fn combine(config: &Config, stored: Vec<Entity>) -> Result<Entities, Problems> {
    let mut all: BTreeMap<(EntityKind, String), Entity> = BTreeMap::new();
    let mut twice = Vec::new();
    for entity in of_file(config).chain(stored) {
        let key = (entity.kind(), entity.name().to_owned());
        match all.get(&key) {
            Some(first) => twice.push(also_there(first, &entity)),
            None => drop(all.insert(key, entity)),
        }
    }
    if !twice.is_empty() {
        return Err(Problems::from(located(config, twice)));
    }
    let mut entities = Entities::default();
    for entity in all.into_values() {
        match entity {
            Entity::Connection(connection) => entities.connections.push(connection),
            Entity::Mask(mask) => entities.masks.push(mask),
            Entity::Policy(policy) => entities.policies.push(policy),
        }
    }
    let side = Side {
        config,
        connections: &entities.connections,
        policies: &entities.policies,
        masks: &entities.masks,
    };
    entities.warnings = Problems::from(located(config, references::doubts(&side))).into_iter().collect();
    Ok(entities)
}

fn of_file(config: &Config) -> impl Iterator<Item = Entity> {
    let connections = config.connections.iter().cloned().map(Entity::Connection);
    let policies = config.policies.iter().cloned().map(Entity::Policy);
    let masks = config.masks.iter().cloned().map(Entity::Mask);
    connections.chain(policies).chain(masks)
}

fn also_there(first: &Entity, second: &Entity) -> Finding {
    let kind = first.kind();
    let noun = if kind == EntityKind::Connection { "connect" } else { kind.as_str() };
    let name = first.name();
    Finding {
        kind,
        name: name.to_owned(),
        in_store: *first.origin() == Origin::Store,
        at: kind.name_key().to_owned(),
        value: name.to_owned(),
        problem: match second.origin() {
            Origin::Store => "there twice: the store has it too".to_owned(),
            file @ Origin::File { .. } => format!("there twice: {file} has it too"),
        },
        hint: Some(format!(
            "take it out of the file, or out of the store with: hoopctl {noun} remove {name}"
        )),
    }
}

/// Converts findings to problems with a position: in the file, or in the store as a whole.
fn located(config: &Config, findings: Vec<Finding>) -> Vec<Problem> {
    if findings.is_empty() {
        return Vec::new();
    }
    let source = Source::new(&config.text.0, Origin::File { path: config.path.clone(), line: 0 });
    let (document, _errors) = DeTable::parse_recoverable(&config.text.0);
    let mut problems = Vec::new();
    {
        let document = DeValue::Table(document.into_inner());
        let root = Value::root(&source, &document);
        let tables = |kind: EntityKind| root.table(|table| table.tables(kind.as_str(), kind.name_key()));
        let tables: BTreeMap<EntityKind, Vec<Value<'_>>> =
            EntityKind::ALL.into_iter().map(|kind| (kind, tables(kind).unwrap_or_default())).collect();
        for finding in findings {
            let named = |value: &&Value<'_>| {
                let name = value.at(finding.kind.name_key());
                name.and_then(|name| name.node.as_str()) == Some(finding.name.as_str())
            };
            let own = tables.get(&finding.kind).and_then(|tables| tables.iter().find(named));
            match own.filter(|_| !finding.in_store) {
                Some(value) => {
                    value.nearest_place(&finding.at, &finding.value).warning(finding.problem, finding.hint);
                }
                None => problems.push(Problem {
                    key: format!("{}.{}.{}", finding.kind, finding.name, finding.at),
                    found: quoted(&finding.value),
                    hint: finding.hint,
                    ..Problem::of_file(&PathBuf::from("store"), finding.problem, None)
                }),
            }
        }
    }
    let (_problems, placed) = source.finish(&config.path);
    problems.extend(placed);
    problems
}
