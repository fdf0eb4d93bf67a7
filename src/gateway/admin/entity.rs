//! Lists the connections, policies and masks of file and store.

use crate::config::Config;
use crate::config::Entities as Combined;
use crate::config::Entity;
use crate::config::Problems;
use crate::config::combine;
use crate::config::parse_entity;
use crate::config::render_entity;
use crate::control::Answer;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::List;
use crate::control::noun::entity::Apply;
use crate::control::noun::entity::ApplyReport;
use crate::control::noun::entity::Entities;
use crate::control::noun::entity::EntityView;
use crate::domain::connection::Origin;
use crate::domain::entity::EntityKind;
use crate::gateway::admin::Acting;
use crate::gateway::admin::Admin;
use crate::gateway::admin::fault::fault_of_store;
use crate::gateway::admin::fault::invalid;
use crate::gateway::admin::hide::without_values;
use crate::store::StoredEntity;

/// The entities of the file of one kind.
pub fn of_file(config: &Config, kind: EntityKind) -> Vec<Entity> {
    match kind {
        EntityKind::Connection => config.connections.iter().cloned().map(Entity::Connection).collect(),
        EntityKind::Mask => config.masks.iter().cloned().map(Entity::Mask).collect(),
        EntityKind::Policy => config.policies.iter().cloned().map(Entity::Policy).collect(),
    }
}

/// Parses the entities of the store again: this version may refuse what another one accepted.
pub(super) fn of_store(stored: &[StoredEntity]) -> Result<Vec<Entity>, Problems> {
    let mut entities = Vec::with_capacity(stored.len());
    let mut problems = Vec::new();
    for entity in stored {
        match parse_entity(entity.kind, &entity.body, Origin::Store) {
            Ok(entity) => entities.push(entity),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(entities) } else { Err(Problems::from(problems)) }
}

fn seen(
    kind: EntityKind,
    name: &str,
    origin: &Origin,
    toml: String,
    managed_by: Option<String>,
) -> EntityView {
    EntityView {
        kind,
        name: name.to_owned(),
        origin: origin.to_string(),
        read_only: matches!(origin, Origin::File { .. }),
        managed_by,
        hidden: false,
        // It was checked when it was written; if it is damaged, its text is still shown.
        value: toml::from_str(&toml).unwrap_or_default(),
        toml,
    }
}

impl Admin {
    /// Returns the store's entities of all kinds.
    pub(super) async fn stored(&self) -> Result<Vec<StoredEntity>, ApiError> {
        self.store.read(|view| view.entities(None)).await.map_err(|error| fault_of_store(&error))
    }

    /// Returns file and store together.
    pub(super) async fn combined(&self) -> Result<Combined, ApiError> {
        let stored = self.stored().await?;
        of_store(&stored)
            .and_then(|stored| combine(&self.config.load(), stored))
            .map_err(|problems| invalid("the configuration of file and store is invalid", &problems))
    }

    async fn entity_views(&self, kind: EntityKind) -> Result<Vec<EntityView>, ApiError> {
        let config = self.config.load();
        let stored = self.stored().await?;
        let file = of_file(&config, kind).into_iter().map(|entity| {
            let toml = render_entity(&entity);
            seen(kind, entity.name(), entity.origin(), toml, None)
        });
        let kept = stored
            .into_iter()
            .filter(|entity| entity.kind == kind)
            .map(|entity| seen(kind, &entity.name, &Origin::Store, entity.body, Some(entity.managed_by)));
        let mut views: Vec<EntityView> = file.chain(kept).collect();
        views.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(views)
    }
}

impl Acting {
    /// Returns the entities of one kind, as this caller may see them.
    async fn seen_entities(&self, kind: EntityKind) -> Result<Vec<EntityView>, ApiError> {
        let views = self.admin.entity_views(kind).await?;
        let manages = self.caller.must_manage().is_ok();
        Ok(if manages { views } else { views.into_iter().map(without_values).collect() })
    }
}

impl Entities for Acting {
    fn entities(&self, kind: EntityKind) -> Answer<'_, List<EntityView>> {
        Box::pin(async move { Ok(List::all(self.seen_entities(kind).await?)) })
    }

    fn entity(&self, kind: EntityKind, name: String) -> Answer<'_, EntityView> {
        Box::pin(async move {
            let found = self.seen_entities(kind).await?.into_iter().find(|view| view.name == name);
            found.ok_or_else(|| {
                ApiError::new(ErrorCode::NotFound, format!("there is no {} {name:?}", kind.as_str()))
            })
        })
    }

    fn apply(&self, apply: Apply) -> Answer<'_, ApplyReport> {
        Box::pin(self.change(apply))
    }
}
