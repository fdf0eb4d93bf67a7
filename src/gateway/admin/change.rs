//! Changes of connections, policies and masks: checked together with file and store, made all or none.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::config::Entities as Combined;
use crate::config::Entity;
use crate::config::combine;
use crate::config::parse_entity;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::entity::Apply;
use crate::control::noun::entity::ApplyReport;
use crate::control::noun::entity::Changed;
use crate::control::noun::entity::EntityChange;
use crate::control::noun::entity::Outcome;
use crate::control::noun::entity::PutMode;
use crate::domain::connection::Connection;
use crate::domain::connection::Origin;
use crate::domain::entity::EntityKind;
use crate::gateway::admin::Acting;
use crate::gateway::admin::diff;
use crate::gateway::admin::entity::of_file;
use crate::gateway::admin::entity::of_store;
use crate::gateway::admin::fault::fault_of_store;
use crate::gateway::admin::fault::invalid;
use crate::gateway::revision::file_digest;
use crate::policy::PolicySet;
use crate::store;
use crate::store::NewEntity;
use crate::store::Put;
use crate::store::StoredEntity;

/// How many changes one call may make.
const MAX_CHANGES: usize = 1000;
/// The longest text of one entity, in bytes.
const MAX_TEXT: usize = 256 << 10;
/// What looks after the entities that no `apply` has labelled.
const MANAGED_BY: &str = "cli";
/// The longest label of what looks after entities, in bytes.
const MAX_LABEL: usize = 63;

/// One change that will be made, with what it was made from.
struct Step {
    changed: Changed,
    /// The new text; `None`: it is removed.
    body: Option<String>,
    /// The store's revision of the text that is replaced.
    seen: Option<u64>,
    /// What looks after it from then on.
    managed_by: String,
    /// What whoever makes the change should know about who looks after it.
    note: Option<String>,
}

/// All of them, checked.
struct Plan {
    steps: Vec<Step>,
    warnings: Vec<String>,
}

impl Acting {
    /// Makes changes, all or none.
    pub(super) async fn change(&self, apply: Apply) -> Result<ApplyReport, ApiError> {
        let subject = apply.changes.first().map(EntityChange::name).unwrap_or_default();
        let what = match apply.changes.as_slice() {
            [EntityChange::Put { kind, .. }] => format!("{}.put", kind.as_str()),
            [EntityChange::Remove { kind, .. }] => format!("{}.remove", kind.as_str()),
            _ => "apply".to_owned(),
        };
        self.must_manage(&what, subject).await?;
        check_bounds(&apply)?;
        let _turn = self.admin.changing.lock().await;
        let config = self.admin.config.load_full();
        let before = self.admin.stored().await?;
        let dry_run = apply.dry_run;
        let Plan { steps, warnings } = plan(&config, before, apply)?;
        for connection in steps.iter().filter_map(written_connection) {
            if let Err(error) = self.must_reach(&connection) {
                return self.refused(&what, connection.name.as_str(), error).await;
            }
        }
        let changes = steps.iter().map(|step| step.changed.clone()).collect();
        let real: Vec<Step> =
            steps.into_iter().filter(|step| step.changed.outcome != Outcome::Unchanged).collect();
        if !dry_run && !real.is_empty() {
            self.make(real).await?;
        }
        Ok(ApplyReport { changes, warnings, revision: self.admin.revision().await?, dry_run })
    }

    async fn make(&self, steps: Vec<Step>) -> Result<(), ApiError> {
        let actor = self.actor();
        // A gateway gives the number when it takes the change over; without one the number told here must be used up.
        let offline = self.admin.running.is_none().then(|| file_digest(&self.admin.config.load()));
        let made = self.admin.store.change(move |change| {
            steps.into_iter().try_for_each(|step| make(change, step, &actor))?;
            offline.map_or(Ok(()), |file| change.revision_with(&file).map(drop))
        });
        made.await.map_err(|error| fault_of_store(&error))?;
        if let Some(running) = &self.admin.running {
            running.live.entities_changed().await.map_err(|error| {
                let text =
                    format!("it is stored, but the gateway works on with what was before: {}", error.message);
                ApiError { message: text, ..error }
            })?;
        }
        self.admin.announce_change(self.admin.revision().await?);
        Ok(())
    }
}

/// The connection that a step writes down, if it changes one.
fn written_connection(step: &Step) -> Option<Connection> {
    let text = step.body.as_ref().filter(|_| step.changed.outcome != Outcome::Unchanged)?;
    match parse_entity(step.changed.kind, text, Origin::Store) {
        Ok(Entity::Connection(connection)) => Some(connection),
        _ => None,
    }
}

fn make(change: &store::Change<'_>, step: Step, actor: &str) -> Result<(), store::StoreError> {
    let Step { changed: Changed { kind, name, .. }, body, seen, managed_by, .. } = step;
    match body {
        None => change.remove_entity(kind, &name, actor).map(drop),
        Some(body) => {
            let put = seen.map_or(Put::New, Put::ReplaceAt);
            let new = NewEntity { kind, name, body, managed_by };
            change.put_entity(&new, put, actor).map(drop)
        }
    }
}

fn check_bounds(apply: &Apply) -> Result<(), ApiError> {
    let bad = |text: String| Err(ApiError::new(ErrorCode::BadRequest, text));
    if apply.changes.len() > MAX_CHANGES {
        return bad(format!("more than {MAX_CHANGES} changes in one call"));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_label = |label: &str| (1..=MAX_LABEL).contains(&label.len()) && label.bytes().all(allowed);
    if apply.managed_by.as_deref().is_some_and(|label| !is_label(label)) {
        return bad(format!("managed_by is 1 to {MAX_LABEL} of letters, digits and - _ ."));
    }
    let mut names = BTreeSet::new();
    for change in &apply.changes {
        let (kind, name) = (change.kind(), change.name());
        if !names.insert((kind, name)) {
            return bad(format!("two changes of {} {name:?} in one call", kind.as_str()));
        }
        if let EntityChange::Put { toml, .. } = change
            && toml.len() > MAX_TEXT
        {
            return bad(format!("the text of {} {name:?} is longer than {MAX_TEXT} bytes", kind.as_str()));
        }
    }
    Ok(())
}

/// What would be made of the changes, and whether file and store would still hold together.
fn plan(config: &Config, before: Vec<StoredEntity>, apply: Apply) -> Result<Plan, ApiError> {
    let doubts_before = doubts(combined(config, &before).ok());
    let mut after = before;
    let mut steps = Vec::with_capacity(apply.changes.len());
    let named: BTreeSet<(EntityKind, String)> =
        apply.changes.iter().map(|change| (change.kind(), change.name().to_owned())).collect();
    let label = apply.managed_by;
    let mut faults = Vec::new();
    for change in apply.changes {
        let step = refuse_of_file(config, &change).and_then(|()| match change {
            EntityChange::Put { kind, name, toml, mode, expected } => {
                let text = Text { kind, name, toml, mode, expected };
                text.put(&mut after, label.as_deref())
            }
            EntityChange::Remove { kind, name } => remove(kind, &name, &mut after).map(|step| {
                let note = of_others(kind, &name, &step.managed_by, label.as_deref(), "writes it again");
                Step { note, ..step }
            }),
        });
        match step {
            Ok(step) => steps.push(step),
            Err(fault) => faults.push(fault),
        }
    }
    together(faults)?;
    if apply.prune {
        let label = label.as_deref().unwrap_or(MANAGED_BY);
        let pruned: Vec<_> = after
            .iter()
            .filter(|entity| entity.managed_by == label)
            .map(|entity| (entity.kind, entity.name.clone()))
            .filter(|entity| !named.contains(entity))
            .collect();
        for (kind, name) in pruned {
            steps.push(remove(kind, &name, &mut after)?);
        }
    }
    let combined = combined(config, &after)?;
    PolicySet::compile(combined.policies.clone(), 0).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        ApiError::new(ErrorCode::Invalid, "the policies would not hold together").problems(lines)
    })?;
    let mut warnings: Vec<String> = doubts(Some(combined)).difference(&doubts_before).cloned().collect();
    warnings.extend(steps.iter().filter_map(|step| step.note.clone()));
    Ok(Plan { steps, warnings })
}

fn combined(config: &Config, stored: &[StoredEntity]) -> Result<Combined, ApiError> {
    of_store(stored)
        .and_then(|stored| combine(config, stored))
        .map_err(|problems| invalid("file and store would not hold together", &problems))
}

fn doubts(combined: Option<Combined>) -> BTreeSet<String> {
    combined.map(|combined| combined.warnings.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

/// What to know when what is changed is looked after by something else than whoever changes it.
fn of_others(kind: EntityKind, name: &str, kept: &str, label: Option<&str>, then: &str) -> Option<String> {
    let word = kind.as_str();
    match label {
        Some(label) if label != kept => {
            Some(format!("{word} {name:?} was looked after by {kept:?}, and is by {label:?} from now on"))
        }
        None if kept != MANAGED_BY => {
            Some(format!("{word} {name:?} is looked after by {kept:?}: the next apply of that name {then}"))
        }
        _ => None,
    }
}

/// All that is wrong with changes, as one error.
fn together(mut faults: Vec<ApiError>) -> Result<(), ApiError> {
    if faults.len() < 2 {
        return faults.pop().map_or(Ok(()), Err);
    }
    let code = |fault: &ApiError| fault.code;
    let first = faults.first().map(code).filter(|first| faults.iter().all(|fault| fault.code == *first));
    let hint = faults.iter().find_map(|fault| fault.hint.clone());
    let text = format!("{} of the changes cannot be made", faults.len());
    let lines = faults.into_iter().flat_map(|fault| match fault.problems.as_slice() {
        [] | [_] => vec![fault.message],
        more => more.iter().map(|problem| format!("{}: {problem}", fault.message)).collect(),
    });
    let error = ApiError::new(first.unwrap_or(ErrorCode::Invalid), text).problems(lines.collect());
    Err(ApiError { hint, ..error })
}

/// Refuses a change of what the configuration file holds.
fn refuse_of_file(config: &Config, change: &EntityChange) -> Result<(), ApiError> {
    let (kind, name) = (change.kind(), change.name());
    let Some(entity) = of_file(config, kind).into_iter().find(|entity| entity.name() == name) else {
        return Ok(());
    };
    let text = format!("{} {name:?} is in the configuration file, {}", kind.as_str(), entity.origin());
    Err(ApiError::new(ErrorCode::Conflict, text).hint("change it there, then run `hoopctl config reload`"))
}

fn place_of(kind: EntityKind, name: &str, entities: &[StoredEntity]) -> Option<usize> {
    entities.iter().position(|entity| entity.kind == kind && entity.name == name)
}

fn missing(kind: EntityKind, name: &str) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("there is no {} {name:?}", kind.as_str()))
}

fn remove(kind: EntityKind, name: &str, entities: &mut Vec<StoredEntity>) -> Result<Step, ApiError> {
    let place = place_of(kind, name, entities).ok_or_else(|| missing(kind, name))?;
    let old = entities.remove(place);
    let changed = Changed { kind, name: name.to_owned(), outcome: Outcome::Removed, fields: Vec::new() };
    Ok(Step { changed, body: None, seen: Some(old.revision), managed_by: old.managed_by, note: None })
}

/// A text to be written.
struct Text {
    kind: EntityKind,
    name: String,
    toml: String,
    mode: PutMode,
    expected: Option<String>,
}

impl Text {
    /// Puts it among the entities of the store, if it is one and may be; `label`: what looks after it from then on.
    fn put(self, entities: &mut Vec<StoredEntity>, label: Option<&str>) -> Result<Step, ApiError> {
        let Self { kind, name, toml, mode, expected } = self;
        let (word, conflict) = (kind.as_str(), |text| ApiError::new(ErrorCode::Conflict, text));
        let entity = parse_entity(kind, &toml, Origin::Store)
            .map_err(|problems| invalid(&format!("{word} {name:?} is not valid"), &problems))?;
        if entity.name() != name {
            let text = format!("the text is of {word} {:?}, not of {name:?}", entity.name());
            return Err(ApiError::new(ErrorCode::BadRequest, text));
        }
        let place = place_of(kind, &name, entities);
        let old = place.and_then(|place| entities.get(place));
        match (mode, old) {
            (PutMode::Create, Some(_)) => {
                return Err(
                    conflict(format!("{word} {name:?} exists already")).hint("edit it, or take another name")
                );
            }
            (PutMode::Replace, None) => return Err(missing(kind, &name)),
            _ => {}
        }
        if let Some(expected) = expected
            && old.is_none_or(|old| old.body != expected)
        {
            let text = format!("{word} {name:?} was changed by somebody else meanwhile");
            return Err(conflict(text).hint("look at it again"));
        }
        let outcome = match old {
            None => Outcome::Created,
            Some(old) if diff::is_same(kind, &old.body, &toml) => Outcome::Unchanged,
            Some(_) => Outcome::Updated,
        };
        let fields = old.map(|old| diff::changes(kind, &old.body, &toml)).unwrap_or_default();
        let kept = old.map_or(MANAGED_BY, |old| &old.managed_by);
        let managed_by = label.unwrap_or(kept).to_owned();
        let note = (outcome == Outcome::Updated)
            .then(|| of_others(kind, &name, kept, label, "puts its own text back"))
            .flatten();
        let seen = old.map(|old| old.revision);
        match place.and_then(|place| entities.get_mut(place)) {
            Some(old) => old.body.clone_from(&toml),
            None => entities.push(StoredEntity {
                kind,
                name: name.clone(),
                body: toml.clone(),
                managed_by: managed_by.clone(),
                created_ms: 0,
                updated_ms: 0,
                revision: 0,
                actor: String::new(),
            }),
        }
        Ok(Step {
            changed: Changed { kind, name, outcome, fields },
            body: Some(toml),
            seen,
            managed_by,
            note,
        })
    }
}
