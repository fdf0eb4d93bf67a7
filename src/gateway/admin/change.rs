//! Changes of connections, policies and masks: checked together with file and store, applied all or none.

use std::collections::BTreeSet;

use crate::config::Entity;
use crate::config::parse_entity;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::entity::Apply;
use crate::control::noun::entity::ApplyReport;
use crate::control::noun::entity::Changed;
use crate::control::noun::entity::EntityChange;
use crate::control::noun::entity::Outcome;
use crate::domain::connection::Connection;
use crate::domain::connection::Origin;
use crate::domain::entity::BY_HAND;
use crate::domain::entity::LABEL_RULE;
use crate::domain::entity::is_label;
use crate::gateway::admin::Acting;
use crate::gateway::admin::fault::fault_of_store;
use crate::gateway::admin::plan::Plan;
use crate::gateway::admin::plan::Step;
use crate::gateway::admin::plan::plan;
use crate::gateway::revision::file_digest;
use crate::store;
use crate::store::NewEntity;
use crate::store::Put;

/// How many changes one call may have.
const MAX_CHANGES: usize = 1000;
/// The longest text of one entity, in bytes.
const MAX_TEXT: usize = 256 << 10;
/// The cause, in the audit trail, of removing an entity that no change names.
const PRUNED: &str = "prune";

impl Acting {
    /// Applies changes, all or none.
    pub(super) async fn change(&self, apply: Apply) -> Result<ApplyReport, ApiError> {
        let subject = apply.changes.first().map(EntityChange::name).unwrap_or_default().to_owned();
        let what = match apply.changes.as_slice() {
            [EntityChange::Put { kind, .. }] if !apply.prune => format!("{}.put", kind.as_str()),
            [EntityChange::Remove { kind, .. }] if !apply.prune => format!("{}.remove", kind.as_str()),
            _ => "apply".to_owned(),
        };
        self.must_manage(&what, &subject).await?;
        check_bounds(&apply)?;
        if let Err(error) = check_prune(&apply) {
            return self.refused(&what, &subject, error).await;
        }
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
        if !dry_run && (!real.is_empty() || self.is_behind().await?) {
            self.make(real).await?;
        }
        Ok(ApplyReport { changes, warnings, revision: self.admin.revision().await?, dry_run })
    }

    /// Returns whether the running gateway differs from file and store, because an earlier change could not
    /// be applied.
    async fn is_behind(&self) -> Result<bool, ApiError> {
        let Some(running) = &self.admin.running else { return Ok(false) };
        let file = file_digest(&self.admin.config.load());
        let stored = self.admin.store.read(move |view| view.revision_as(&file)).await;
        Ok(stored.map_err(|error| fault_of_store(&error))? != running.live.status().revision)
    }

    /// Writes the changes, and has the gateway apply the new state of the store.
    async fn make(&self, steps: Vec<Step>) -> Result<(), ApiError> {
        let actor = self.actor();
        // A gateway assigns the revision when it applies the change; without one, the number reported here
        // must be used up.
        let offline = self.admin.running.is_none().then(|| file_digest(&self.admin.config.load()));
        let made = self.admin.store.change(move |change| {
            steps.into_iter().try_for_each(|step| make(change, step, &actor))?;
            offline.map_or(Ok(()), |file| change.revision_with(&file).map(drop))
        });
        made.await.map_err(|error| fault_of_store(&error))?;
        if let Some(running) = &self.admin.running {
            running.live.entities_changed().await.map_err(|error| {
                let text = format!(
                    "it is stored, but the gateway keeps running with the previous configuration: {}",
                    error.message
                );
                ApiError { message: text, ..error }
                    .hint("once that is fixed, run `hoopctl config reload` or the same command again")
            })?;
        }
        self.admin.announce_change(self.admin.revision().await?);
        Ok(())
    }
}

/// Returns the connection that a step writes, if it changes one.
fn written_connection(step: &Step) -> Option<Connection> {
    let is_same = matches!(step.changed.outcome, Outcome::Adopted | Outcome::Unchanged);
    let text = step.body.as_ref().filter(|_| !is_same)?;
    match parse_entity(step.changed.kind, text, Origin::Store) {
        Ok(Entity::Connection(connection)) => Some(connection),
        _ => None,
    }
}

fn make(change: &store::Change<'_>, step: Step, actor: &str) -> Result<(), store::StoreError> {
    let Step { changed: Changed { kind, name, .. }, body, seen, managed_by, pruned, .. } = step;
    match body {
        None => change.remove_entity(kind, &name, pruned.then_some(PRUNED), actor).map(drop),
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
        let text = format!("{} changes in one call, of at most {MAX_CHANGES}", apply.changes.len());
        let hint = "apply them in parts, each with a --managed-by of its own where --prune is used";
        return Err(ApiError::new(ErrorCode::BadRequest, text).hint(hint));
    }
    if apply.managed_by.as_deref().is_some_and(|label| !is_label(label) || label == BY_HAND) {
        return bad(format!("managed_by is {LABEL_RULE}, and not {BY_HAND}"));
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

/// Checks a prune: a call that lost its label or its changes would remove everything, or entities that were
/// added by hand.
fn check_prune(apply: &Apply) -> Result<(), ApiError> {
    let text = match &apply.managed_by {
        _ if !apply.prune => return Ok(()),
        None => "prune needs managed_by: whose entities go that no change names".to_owned(),
        Some(label) if apply.changes.is_empty() => {
            format!("there is no change, and prune would remove all that is managed by {label}")
        }
        Some(_) => return Ok(()),
    };
    Err(ApiError::new(ErrorCode::BadRequest, text))
}
