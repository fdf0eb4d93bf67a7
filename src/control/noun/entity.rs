//! Connections, policies and masks: what the configuration file and the store hold together.

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

/// The word for many of a kind: the path of the API.
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
    /// What it is.
    pub kind: EntityKind,
    /// Its name (a connection) or id.
    pub name: String,
    /// Where it was written down: `store`, or `FILE:LINE`.
    pub origin: String,
    /// Whether it belongs to the configuration file, so that it is changed only there.
    pub read_only: bool,
    /// What looks after one of the store: `cli`, or the label of the `apply` that wrote it; `None` for one of the file.
    #[serde(default)]
    pub managed_by: Option<String>,
    /// Whether variables and arguments of a program stand as `***` in it: only who manages sees them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Its members, named as in the configuration file.
    pub value: serde_json::Value,
    /// The same as TOML, without the header of its table.
    pub toml: String,
}

/// How a new text meets one that is there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PutMode {
    /// New or in place of the old.
    #[default]
    Any,
    /// New only: one that is there is a `conflict`.
    Create,
    /// In place of the old only: none there is `not_found`.
    Replace,
}

/// One change, by itself or among others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase", deny_unknown_fields)]
pub enum EntityChange {
    /// Writes one.
    Put {
        /// What it is.
        kind: EntityKind,
        /// Its name; the text must name the same one.
        name: String,
        /// Its table as TOML, without the header. At most 256 KiB.
        toml: String,
        /// How it meets one that is there.
        #[serde(default)]
        mode: PutMode,
        /// The text it was made from; when the store holds another one by now, the change is a `conflict`.
        #[serde(default)]
        expected: Option<String>,
    },
    /// Removes one.
    Remove {
        /// What it is.
        kind: EntityKind,
        /// Its name.
        name: String,
    },
}

impl EntityChange {
    /// What it is about.
    pub const fn kind(&self) -> EntityKind {
        match self {
            Self::Put { kind, .. } | Self::Remove { kind, .. } => *kind,
        }
    }

    /// The name it is about.
    pub fn name(&self) -> &str {
        match self {
            Self::Put { name, .. } | Self::Remove { name, .. } => name,
        }
    }
}

/// Several changes, all made or none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// The changes, at most 1000, each about another entity.
    pub changes: Vec<EntityChange>,
    /// Only say what would happen. Default false.
    #[serde(default)]
    pub dry_run: bool,
    /// Also remove every entity of the store that has the same `managed_by` and that no change names. Needs `managed_by` and a
    /// change. Default false.
    #[serde(default)]
    pub prune: bool,
    /// The label of what looks after the entities that are written: 1 to 63 of letters, digits and `- _ .`, and not `cli`. It
    /// adopts what is labelled `cli`; what has another label is a `conflict`. Default: new ones get `cli`, and others keep what
    /// they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<String>,
    /// Also adopt what has another label. Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub take_over: bool,
}

impl Apply {
    /// One change, by the command line.
    pub fn one(change: EntityChange, dry_run: bool) -> Self {
        Self { changes: vec![change], dry_run, ..Self::default() }
    }
}

/// What one change came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was the same already, and another label looks after it now.
    Adopted,
    /// It was not there before.
    Created,
    /// It is gone.
    Removed,
    /// It was the same already.
    Unchanged,
    /// It is another text now.
    Updated,
}

impl Outcome {
    /// The word for it.
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
    /// What it is.
    pub kind: EntityKind,
    /// Its name.
    pub name: String,
    /// What happened.
    pub outcome: Outcome,
    /// What is another one now, of one that was updated or adopted: by key.
    #[serde(default)]
    pub fields: Vec<FieldChange>,
}

/// One key of an entity that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The key below the entity's table, such as `match.operations`; `managed_by` is the label of what looks after it.
    pub key: String,
    /// What it was; `None`: it was not there. The variables of a program are not shown.
    pub was: Option<serde_json::Value>,
    /// What it is; `None`: it is gone.
    pub now: Option<serde_json::Value>,
}

/// The answer to changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyReport {
    /// Each change, in the order they were given, then what `prune` removed.
    pub changes: Vec<Changed>,
    /// What is allowed but looks like a mistake: one sentence each.
    pub warnings: Vec<String>,
    /// The revision of the policies now.
    pub revision: u64,
    /// Whether nothing was written.
    pub dry_run: bool,
}

/// What can be done with connections, policies and masks.
pub trait Entities {
    /// All of one kind, from file and store, by name.
    fn entities(&self, kind: EntityKind) -> Answer<'_, List<EntityView>>;
    /// One of them.
    fn entity(&self, kind: EntityKind, name: String) -> Answer<'_, EntityView>;
    /// Makes changes, all or none. One that touches an entity of the file is a `conflict` that names file and line; one
    /// after which the configuration would not hold together is `invalid`, with all problems.
    fn apply(&self, apply: Apply) -> Answer<'_, ApplyReport>;
}

/// The body that writes one entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutEntity {
    /// Its table as TOML, without the header. At most 256 KiB.
    pub toml: String,
    /// How it meets one that is there.
    #[serde(default)]
    pub mode: PutMode,
    /// The text it was made from; when the store holds another one by now, the change is a `conflict`.
    #[serde(default)]
    pub expected: Option<String>,
    /// Only say what would happen. Default false.
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
const ROUTES: &[(&str, &str)] = &[("apply", "POST"), ("*", "GET"), ("*/*", "DELETE, GET, PUT")];

/// The routes below `/v1/connections`, `/v1/policies`, `/v1/masks`, and `/v1/apply`.
///
/// # Errors
/// What the backend says, `not_found` for other paths, and for other methods 405.
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
