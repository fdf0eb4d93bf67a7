//! Locks: immediate revocations of a token, principal, client, issuer, connection or everybody.

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
use crate::domain::id::LockId;
use crate::domain::lock::Lock;
use crate::domain::lock::LockTarget;

/// A lock to set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLock {
    /// The target of the lock.
    pub target: LockTarget,
    /// The reason; shown to operators, never to clients. At most 1000 bytes.
    #[serde(default)]
    pub reason: String,
    /// How long it lasts, in seconds, at least 1; without it, until it is removed.
    #[serde(default)]
    pub for_s: Option<u64>,
    /// Set it even if no issuer, connection or client of that name is known yet. Default: refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
}

/// Operations on locks.
pub trait Locks {
    /// Lists all current locks, newest first.
    fn locks(&self) -> Answer<'_, List<Lock>>;
    /// Sets a lock. It is in force, and live streams are cut, before the answer.
    fn add_lock(&self, lock: NewLock) -> Answer<'_, Lock>;
    /// Removes a lock. Returns the removed lock.
    fn remove_lock(&self, id: LockId) -> Answer<'_, Lock>;
}

impl Locks for Client {
    fn locks(&self) -> Answer<'_, List<Lock>> {
        self.call(Method::GET, "locks".to_owned())
    }

    fn add_lock(&self, lock: NewLock) -> Answer<'_, Lock> {
        self.call_with(Method::POST, "locks".to_owned(), &lock)
    }

    fn remove_lock(&self, id: LockId) -> Answer<'_, Lock> {
        self.call(Method::DELETE, format!("locks/{id}"))
    }
}

/// The paths and what each takes.
pub(super) const ROUTES: &[(&str, &str)] = &[("locks", "GET, POST"), ("locks/*", "DELETE")];

/// Returns the routes below `/v1/locks`.
///
/// # Errors
/// The backend's errors, `not_found` for other paths, and 405 for other methods.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    call.no_parameters()?;
    match (&call.method, call.path().as_slice()) {
        (&Method::GET, ["locks"]) => Reply::json(&backend.locks().await?),
        (&Method::POST, ["locks"]) => Reply::json(&backend.add_lock(call.json()?).await?),
        (&Method::DELETE, ["locks", id]) => Reply::json(&backend.remove_lock(call.id(id)?).await?),
        _ => Err(call.unknown_among(ROUTES)),
    }
}
