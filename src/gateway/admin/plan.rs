//! Plans changes of entities before any is applied: each step, and whether file and store are valid together
//! afterwards.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::config::Entities as Combined;
use crate::config::combine;
use crate::config::parse_entity;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::entity::Apply;
use crate::control::noun::entity::Changed;
use crate::control::noun::entity::EntityChange;
use crate::control::noun::entity::FieldChange;
use crate::control::noun::entity::Outcome;
use crate::control::noun::entity::PutMode;
use crate::domain::connection::Origin;
use crate::domain::entity::BY_HAND;
use crate::domain::entity::EntityKind;
use crate::gateway::admin::diff;
use crate::gateway::admin::entity::of_file;
use crate::gateway::admin::entity::of_store;
use crate::gateway::admin::fault::invalid;
use crate::policy::PolicySet;
use crate::store::StoredEntity;

/// One planned change, with what it is based on.
pub(super) struct Step {
    pub(super) changed: Changed,
    /// The new text; `None`: the entity is removed.
    pub(super) body: Option<String>,
    /// The store's revision of the replaced text.
    pub(super) seen: Option<u64>,
    /// The manager of the entity afterwards.
    pub(super) managed_by: String,
    /// A note for the caller about the entity's manager.
    note: Option<String>,
    /// Whether it is removed because no change names it.
    pub(super) pruned: bool,
}

/// All steps, checked.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) warnings: Vec<String>,
}

/// Plans the changes, and checks that file and store would still be valid together.
pub(super) fn plan(config: &Config, before: Vec<StoredEntity>, apply: Apply) -> Result<Plan, ApiError> {
    let doubts_before = doubts(combined(config, &before).ok());
    let mut after = before;
    let mut steps = Vec::with_capacity(apply.changes.len());
    let named: BTreeSet<(EntityKind, String)> =
        apply.changes.iter().map(|change| (change.kind(), change.name().to_owned())).collect();
    let label = apply.managed_by;
    let by = By { label: label.as_deref(), takes_over: apply.take_over };
    let mut faults = Vec::new();
    for change in apply.changes {
        let step = refuse_of_file(config, &change).and_then(|()| match change {
            EntityChange::Put { kind, name, toml, mode, expected } => {
                let text = Text { kind, name, toml, mode, expected };
                text.put(&mut after, by)
            }
            EntityChange::Remove { kind, name } => remove(kind, &name, &mut after).and_then(|step| {
                by.may_have(kind, &name, &step.managed_by)?;
                let note = by.note_removed(kind, &name, &step.managed_by);
                Ok(Step { note, ..step })
            }),
        });
        match step {
            Ok(step) => steps.push(step),
            Err(fault) => faults.push(fault),
        }
    }
    together(faults)?;
    if let Some(label) = label.filter(|_| apply.prune) {
        let pruned: Vec<_> = after
            .iter()
            .filter(|entity| entity.managed_by == label)
            .map(|entity| (entity.kind, entity.name.clone()))
            .filter(|entity| !named.contains(entity))
            .collect();
        for (kind, name) in pruned {
            steps.push(Step { pruned: true, ..remove(kind, &name, &mut after)? });
        }
    }
    let combined = combined(config, &after)?;
    PolicySet::compile(combined.policies.clone(), 0).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        ApiError::new(ErrorCode::Invalid, "the policies would be invalid").problems(lines)
    })?;
    let mut warnings: Vec<String> = doubts(Some(combined)).difference(&doubts_before).cloned().collect();
    warnings.extend(steps.iter().filter_map(|step| step.note.clone()));
    Ok(Plan { steps, warnings })
}

fn combined(config: &Config, stored: &[StoredEntity]) -> Result<Combined, ApiError> {
    of_store(stored)
        .and_then(|stored| combine(config, stored))
        .map_err(|problems| invalid("the configuration of file and store would be invalid", &problems))
}

fn doubts(combined: Option<Combined>) -> BTreeSet<String> {
    combined.map(|combined| combined.warnings.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

/// The caller, as far as labels matter.
#[derive(Clone, Copy)]
struct By<'a> {
    /// The manager of the entities afterwards; `None`: a change by hand, which leaves the manager as it is.
    label: Option<&'a str>,
    /// Whether entities of another manager are taken over.
    takes_over: bool,
}

impl By<'_> {
    /// Checks that the caller may change the entity: its own, one added by hand, or one it takes over.
    fn may_have(self, kind: EntityKind, name: &str, kept: &str) -> Result<(), ApiError> {
        if self.takes_over || kept == BY_HAND || self.label.is_none_or(|label| label == kept) {
            return Ok(());
        }
        let text = format!("{} {name:?} is managed by {kept:?}", kind.as_str());
        let hint = "leave it out, apply it under that name, or take it: --take-over";
        Err(ApiError::new(ErrorCode::Conflict, text).hint(hint))
    }

    /// Returns a note if a written entity belongs to another manager.
    fn note(self, kind: EntityKind, name: &str, kept: &str) -> Option<String> {
        let word = kind.as_str();
        match self.label {
            _ if kept == BY_HAND => None,
            Some(label) if label == kept => None,
            Some(label) => Some(format!(
                "{word} {name:?} was managed by {kept:?}, and is managed by {label:?} from now on"
            )),
            None => Some(format!(
                "{word} {name:?} is managed by {kept:?}: the next apply of that name restores its own text"
            )),
        }
    }

    /// Returns a note if a removed entity belongs to another manager.
    fn note_removed(self, kind: EntityKind, name: &str, kept: &str) -> Option<String> {
        let word = kind.as_str();
        let others = kept != BY_HAND && self.label.is_none_or(|label| label != kept);
        others.then(|| {
            format!("{word} {name:?} was managed by {kept:?}: the next apply of that name writes it again")
        })
    }
}

/// Combines all problems of the changes into one error.
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

/// Refuses a change of an entity in the configuration file.
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
    Ok(Step {
        changed,
        body: None,
        seen: Some(old.revision),
        managed_by: old.managed_by,
        note: None,
        pruned: false,
    })
}

/// A text to write.
struct Text {
    kind: EntityKind,
    name: String,
    toml: String,
    mode: PutMode,
    expected: Option<String>,
}

impl Text {
    /// Adds it to the entities of the store, if it is valid and allowed.
    fn put(self, entities: &mut Vec<StoredEntity>, by: By<'_>) -> Result<Step, ApiError> {
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
        if let Some(old) = old {
            by.may_have(kind, &name, &old.managed_by)?;
        }
        let kept = old.map_or(BY_HAND, |old| &old.managed_by);
        let managed_by = by.label.unwrap_or(kept).to_owned();
        let passes = old.is_some() && managed_by != kept;
        let outcome = match old {
            None => Outcome::Created,
            Some(old) if diff::is_same(kind, &old.body, &toml) && passes => Outcome::Adopted,
            Some(old) if diff::is_same(kind, &old.body, &toml) => Outcome::Unchanged,
            Some(_) => Outcome::Updated,
        };
        // An adopted entity keeps its text.
        let toml = old.filter(|_| outcome == Outcome::Adopted).map_or(toml, |old| old.body.clone());
        let mut fields = old.map(|old| diff::changes(kind, &old.body, &toml)).unwrap_or_default();
        if passes {
            let (was, now) = (Some(kept.into()), Some(managed_by.as_str().into()));
            fields.push(FieldChange { key: "managed_by".to_owned(), was, now });
        }
        let note = by.note(kind, &name, kept).filter(|_| outcome != Outcome::Unchanged);
        let seen = old.map(|old| old.revision);
        match place.and_then(|place| entities.get_mut(place)) {
            Some(old) => {
                old.body.clone_from(&toml);
                old.managed_by.clone_from(&managed_by);
            }
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
            pruned: false,
        })
    }
}
