//! Connections, policies and masks, of the configuration file and the store together.

use http::Method;
use serde::Deserialize;
use serde::Serialize;

use crate::control::Answer;
use crate::control::Backend;
use crate::control::Client;
use crate::control::call::Call;
use crate::control::call::Reply;
use crate::control::error::ApiError;
use crate::control::noun::List;
use crate::domain::percent;

use crate::domain::entity::EntityKind;

/// Returns the plural of a kind: its path in the API.
pub const fn plural(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Connection => "connections",
        EntityKind::Mask => "masks",
        EntityKind::Policy => "policies",
    }
}

/// One connection, policy or mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntityView {
    /// The kind of entity.
    pub kind: EntityKind,
    /// Its name (a connection) or id.
    pub name: String,
    /// Where it was defined: `store`, or `FILE:LINE`.
    pub origin: String,
    /// Whether it belongs to the configuration file, so that it can only be changed there.
    pub read_only: bool,
    /// The label of what manages an entity of the store: `cli`, or that of the `apply` that wrote it; `None`
    /// for one of the file.
    #[serde(default)]
    pub managed_by: Option<String>,
    /// Whether variables and arguments of a program are replaced by `***`: only callers who manage see them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Its members, named as in the configuration file.
    pub value: serde_json::Value,
    /// The same as TOML, without its table header.
    pub toml: String,
}

/// How a write treats an existing entity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PutMode {
    /// Creates or replaces.
    #[default]
    Any,
    /// Creates only: an existing one is a `conflict`.
    Create,
    /// Replaces only: a missing one is `not_found`.
    Replace,
}

/// One change, alone or in a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase", deny_unknown_fields)]
pub enum EntityChange {
    /// Writes an entity.
    Put {
        /// The kind of entity.
        kind: EntityKind,
        /// Its name; the text must have the same one.
        name: String,
        /// Its table as TOML, without the header. At most 256 KiB.
        toml: String,
        /// How an existing entity is treated.
        #[serde(default)]
        mode: PutMode,
        /// The text that the change is based on; if the store has another one by now, the change is a
        /// `conflict`.
        #[serde(default)]
        expected: Option<String>,
    },
    /// Removes an entity.
    Remove {
        /// The kind of entity.
        kind: EntityKind,
        /// Its name.
        name: String,
    },
}

impl EntityChange {
    /// Returns the kind of the entity that changes.
    pub const fn kind(&self) -> EntityKind {
        match self {
            Self::Put { kind, .. } | Self::Remove { kind, .. } => *kind,
        }
    }

    /// Returns the name of the entity that changes.
    pub fn name(&self) -> &str {
        match self {
            Self::Put { name, .. } | Self::Remove { name, .. } => name,
        }
    }
}

/// Several changes, all or none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// The changes, at most 1000, each of another entity.
    pub changes: Vec<EntityChange>,
    /// Only report what would happen. Default false.
    #[serde(default)]
    pub dry_run: bool,
    /// Also remove every entity of the store that has the same `managed_by` and is not named by a change.
    /// Needs `managed_by` and a change. Default false.
    #[serde(default)]
    pub prune: bool,
    /// The label under which the written entities are managed: 1 to 63 letters, digits and `- _ .`, and not
    /// `cli`. Entities labelled `cli` are adopted; those with another label are a `conflict`. Default: new
    /// ones get `cli`, existing ones keep theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<String>,
    /// Also adopt entities with another label. Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub take_over: bool,
}

impl Apply {
    /// Returns one change, by the command line.
    pub fn one(change: EntityChange, dry_run: bool) -> Self {
        Self { changes: vec![change], dry_run, ..Self::default() }
    }
}

/// The result of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Unchanged, and now managed under another label.
    Adopted,
    /// Did not exist before.
    Created,
    /// Removed.
    Removed,
    /// Already the same.
    Unchanged,
    /// Its text changed.
    Updated,
}

impl Outcome {
    /// Returns the name in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adopted => "adopted",
            Self::Created => "created",
            Self::Removed => "removed",
            Self::Unchanged => "unchanged",
            Self::Updated => "updated",
        }
    }
}

/// One change that was made, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The kind of entity.
    pub kind: EntityKind,
    /// Its name.
    pub name: String,
    /// The result.
    pub outcome: Outcome,
    /// The changed keys of an updated or adopted entity.
    #[serde(default)]
    pub fields: Vec<FieldChange>,
}

/// One changed key of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The key below the entity's table, such as `match.operations`; `managed_by` is the label under which it
    /// is managed.
    pub key: String,
    /// The old value; `None`: it was absent. The variables of a program are not shown.
    pub was: Option<serde_json::Value>,
    /// The new value; `None`: it was removed.
    pub now: Option<serde_json::Value>,
}

/// The result of a set of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyReport {
    /// Each change, in the given order, followed by those of `prune`.
    pub changes: Vec<Changed>,
    /// Valid settings that look like a mistake, one sentence each.
    pub warnings: Vec<String>,
    /// The policy revision afterwards.
    pub revision: u64,
    /// Whether nothing was written.
    pub dry_run: bool,
}

/// Operations on connections, policies and masks.
pub trait Entities {
    /// Lists all entities of one kind, from file and store, by name.
    fn entities(&self, kind: EntityKind) -> Answer<'_, List<EntityView>>;
    /// Returns one entity.
    fn entity(&self, kind: EntityKind, name: String) -> Answer<'_, EntityView>;
    /// Makes changes, all or none. Changing an entity of the file is a `conflict` that names file and line;
    /// changes that would make the configuration inconsistent are `invalid`, with all problems.
    fn apply(&self, apply: Apply) -> Answer<'_, ApplyReport>;
}

/// The body of a request that writes one entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutEntity {
    /// Its table as TOML, without the header. At most 256 KiB.
    pub toml: String,
    /// How an existing entity is treated.
    #[serde(default)]
    pub mode: PutMode,
    /// The text that the change is based on; if the store has another one by now, the change is a `conflict`.
    #[serde(default)]
    pub expected: Option<String>,
    /// Only report what would happen. Default false.
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Remove {
    dry_run: Option<bool>,
}

impl Entities for Client {
    fn entities(&self, kind: EntityKind) -> Answer<'_, List<EntityView>> {
        self.call(Method::GET, plural(kind).to_owned())
    }

    fn entity(&self, kind: EntityKind, name: String) -> Answer<'_, EntityView> {
        self.call(Method::GET, format!("{}/{}", plural(kind), percent::encoded(&name)))
    }

    fn apply(&self, apply: Apply) -> Answer<'_, ApplyReport> {
        self.call_with(Method::POST, "apply".to_owned(), &apply)
    }
}

/// The paths and what each takes.
pub(super) const ROUTES: &[(&str, &str)] = &[("apply", "POST"), ("*", "GET"), ("*/*", "DELETE, GET, PUT")];

/// Returns the routes below `/v1/connections`, `/v1/policies`, `/v1/masks`, and `/v1/apply`.
///
/// # Errors
/// The backend's errors, `not_found` for other paths, and 405 for other methods.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    let path = call.path();
    let noun = path.first().copied().unwrap_or_default();
    let kind = EntityKind::ALL.into_iter().find(|kind| plural(*kind) == noun);
    match (&call.method, kind, path.as_slice()) {
        (&Method::POST, None, ["apply"]) => {
            call.no_parameters()?;
            Reply::json(&backend.apply(call.json()?).await?)
        }
        (&Method::GET, Some(kind), [_]) => {
            call.no_parameters()?;
            Reply::json(&backend.entities(kind).await?)
        }
        (&Method::GET, Some(kind), [_, name]) => {
            call.no_parameters()?;
            Reply::json(&backend.entity(kind, (*name).to_owned()).await?)
        }
        (&Method::PUT, Some(kind), [_, name]) => {
            call.no_parameters()?;
            let PutEntity { toml, mode, expected, dry_run } = call.json()?;
            let change = EntityChange::Put { kind, name: (*name).to_owned(), toml, mode, expected };
            Reply::json(&backend.apply(Apply::one(change, dry_run)).await?)
        }
        (&Method::DELETE, Some(kind), [_, name]) => {
            let Remove { dry_run } = call.parameters()?;
            let change = EntityChange::Remove { kind, name: (*name).to_owned() };
            Reply::json(&backend.apply(Apply::one(change, dry_run.unwrap_or(false))).await?)
        }
        _ => Err(call.unknown_among(ROUTES)),
    }
}
