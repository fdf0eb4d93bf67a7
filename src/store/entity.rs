//! The table `entity`: connections, masks and policies that were added by command.

use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;

use crate::domain::entity::EntityKind;
use crate::store::db::Change;
use crate::store::db::View;
use crate::store::db::word;
use crate::store::error::During;
use crate::store::error::StoreError;

/// A stored entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEntity {
    /// The kind of entity.
    pub kind: EntityKind,
    /// Its name or id; unique within its kind.
    pub name: String,
    /// The body of its TOML table, without the header.
    pub body: String,
    /// What manages it: `cli`, or the label of the `apply` that wrote it.
    pub managed_by: String,
    /// When it was added, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was last written, in milliseconds since 1970.
    pub updated_ms: i64,
    /// The store's revision after its last write.
    pub revision: u64,
    /// The actor who wrote it last.
    pub actor: String,
}

/// An entity to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntity {
    /// The kind of entity.
    pub kind: EntityKind,
    /// Its name or id.
    pub name: String,
    /// The body of its TOML table, validated by the caller.
    pub body: String,
    /// What manages it.
    pub managed_by: String,
}

/// What must exist when an entity is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// No entity of that name.
    New,
    /// The entity with this [`StoredEntity::revision`]: nobody has changed it since it was read.
    ReplaceAt(u64),
}

impl View {
    /// Lists all entities, or those of one kind, by kind and name.
    pub fn entities(&self, kind: Option<EntityKind>) -> Result<Vec<StoredEntity>, StoreError> {
        self.connection
            .prepare_cached("SELECT * FROM entity WHERE ?1 IS NULL OR kind = ?1 ORDER BY kind, name")
            .and_then(|mut select| select.query_map([kind.map(EntityKind::as_str)], read)?.collect())
            .during("list the entities of the store")
    }

    /// Reads one entity.
    pub fn entity(&self, kind: EntityKind, name: &str) -> Result<Option<StoredEntity>, StoreError> {
        self.connection
            .prepare_cached("SELECT * FROM entity WHERE kind = ?1 AND name = ?2")
            .and_then(|mut select| select.query_row([kind.as_str(), name], read).optional())
            .during("read an entity of the store")
    }
}

impl Change<'_> {
    /// Writes an entity, increments the revision, and adds `{kind}.add`, `{kind}.edit` or, if only its
    /// manager changed, `{kind}.adopt` to the audit trail.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Missing`] and [`StoreError::Changed`], as required by `put`.
    pub fn put_entity(&self, new: &NewEntity, put: Put, actor: &str) -> Result<StoredEntity, StoreError> {
        let kind = new.kind.as_str();
        let name = || new.name.clone();
        let old = self.entity(new.kind, &new.name)?;
        match (put, &old) {
            (Put::New, Some(_)) => return Err(StoreError::Exists { kind, name: name() }),
            (Put::ReplaceAt(_), None) => return Err(StoreError::Missing { kind, name: name() }),
            (Put::ReplaceAt(seen), Some(old)) if old.revision != seen => {
                return Err(StoreError::Changed { kind, name: name() });
            }
            (Put::New, None) | (Put::ReplaceAt(_), Some(_)) => {}
        }
        let stored = StoredEntity {
            kind: new.kind,
            name: new.name.clone(),
            body: new.body.clone(),
            managed_by: new.managed_by.clone(),
            created_ms: old.as_ref().map_or(self.now_ms, |old| old.created_ms),
            updated_ms: self.now_ms,
            revision: self.raise_revision()?,
            actor: actor.to_owned(),
        };
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO entity VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
            .and_then(|mut insert| {
                insert.execute(params![
                    kind,
                    stored.name,
                    stored.body,
                    stored.managed_by,
                    stored.created_ms,
                    stored.updated_ms,
                    stored.revision.cast_signed(),
                    stored.actor
                ])
            })
            .during("write an entity of the store")?;
        let verb = match &old {
            None => "add",
            Some(old) if old.body == new.body && old.managed_by != new.managed_by => "adopt",
            Some(_) => "edit",
        };
        let detail = json!({
            "revision": stored.revision,
            "managed_by": stored.managed_by,
            "managed_by_was": old.as_ref().map(|old| &old.managed_by),
            "body": stored.body,
            "was": old.as_ref().map(|old| &old.body),
        });
        self.append_audit(actor, &format!("{kind}.{verb}"), &stored.name, &detail)?;
        Ok(stored)
    }

    /// Removes an entity, increments the revision, and adds `{kind}.remove` to the audit trail, with `cause`
    /// if it was not named itself. Returns the removed entity.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub fn remove_entity(
        &self,
        kind: EntityKind,
        name: &str,
        cause: Option<&str>,
        actor: &str,
    ) -> Result<StoredEntity, StoreError> {
        let old = self
            .entity(kind, name)?
            .ok_or_else(|| StoreError::Missing { kind: kind.as_str(), name: name.to_owned() })?;
        self.connection
            .prepare_cached("DELETE FROM entity WHERE kind = ?1 AND name = ?2")
            .and_then(|mut delete| delete.execute([kind.as_str(), name]))
            .during("remove an entity of the store")?;
        let mut detail = json!({
            "revision": self.raise_revision()?,
            "managed_by_was": old.managed_by,
            "was": old.body,
        });
        if let (Some(cause), Some(detail)) = (cause, detail.as_object_mut()) {
            detail.insert("cause".to_owned(), cause.into());
        }
        self.append_audit(actor, &format!("{}.remove", kind.as_str()), name, &detail)?;
        Ok(old)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredEntity> {
    Ok(StoredEntity {
        kind: word(row, "kind", EntityKind::parse)?,
        name: row.get("name")?,
        body: row.get("body")?,
        managed_by: row.get("managed_by")?,
        created_ms: row.get("created_ms")?,
        updated_ms: row.get("updated_ms")?,
        revision: row.get::<_, i64>("revision")?.cast_unsigned(),
        actor: row.get("actor")?,
    })
}
