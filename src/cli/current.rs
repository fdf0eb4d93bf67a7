//! The current connections, policies and masks: of the running gateway, or of its store if none is running.

use crate::cli::access::Access;
use crate::cli::report::Failure;
use crate::config;
use crate::config::Entity;
use crate::config::Problems;
use crate::control::noun::entity::EntityView;
use crate::domain::connection::Origin;
use crate::domain::entity::EntityKind;

/// All kinds.
const KINDS: [EntityKind; 3] = [EntityKind::Connection, EntityKind::Mask, EntityKind::Policy];

/// Returns all entities of one kind, from file and store. A text that this version refuses is a failure with
/// all its problems.
pub fn entities(access: &Access, kind: EntityKind) -> Result<Vec<Entity>, Failure> {
    read(&access.wait(access.backend().entities(kind))?.items)
}

/// Returns all entities of the store, of every kind.
pub fn of_store(access: &Access) -> Result<Vec<Entity>, Failure> {
    let mut views = Vec::new();
    for kind in KINDS {
        views.extend(access.wait(access.backend().entities(kind))?.items);
    }
    views.retain(|view| !view.read_only);
    read(&views)
}

fn read(views: &[EntityView]) -> Result<Vec<Entity>, Failure> {
    let mut entities = Vec::with_capacity(views.len());
    let mut problems = Vec::new();
    for view in views {
        match one(view) {
            Ok(entity) => entities.push(entity),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(entities) } else { Err(Problems::from(problems).into()) }
}

/// Parses one of them. Relative paths in it are resolved against the file it is from.
pub fn one(view: &EntityView) -> Result<Entity, Problems> {
    let origin = origin(view);
    let entity = config::parse_entity(view.kind, &view.toml, origin.clone())?;
    Ok(placed(entity, origin))
}

fn origin(view: &EntityView) -> Origin {
    let place = view.origin.rsplit_once(':').filter(|_| view.read_only);
    match place.map(|(path, line)| (path, line.parse())) {
        Some((path, Ok(line))) => Origin::File { path: path.into(), line },
        _ => Origin::Store,
    }
}

fn placed(entity: Entity, origin: Origin) -> Entity {
    match entity {
        Entity::Connection(connection) => {
            Entity::Connection(crate::domain::Connection { origin, ..connection })
        }
        Entity::Mask(mask) => Entity::Mask(crate::domain::mask::MaskRule { origin, ..mask }),
        Entity::Policy(policy) => Entity::Policy(crate::policy::PolicyRule { origin, ..policy }),
    }
}
