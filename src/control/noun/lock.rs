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

/// A lock to be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLock {
    /// What it shuts out.
    pub target: LockTarget,
    /// Why; shown to operators, never to clients. At most 1000 bytes.
    #[serde(default)]
    pub reason: String,
    /// How long it stands, in seconds, at least 1; without it, until it is removed.
    #[serde(default)]
    pub for_s: Option<u64>,
    /// Set it although no issuer, connection or client of that name is known: it is to come. Default: refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
}

/// What can be done with locks.
pub trait Locks {
    /// All that stand, the newest first.
    fn locks(&self) -> Answer<'_, List<Lock>>;
    /// Sets one. It holds, and live streams are cut, before the answer.
    fn add_lock(&self, lock: NewLock) -> Answer<'_, Lock>;
    /// Removes one; the answer is what it was.
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
const ROUTES: &[(&str, &str)] = &[("locks", "GET, POST"), ("locks/*", "DELETE")];

/// The routes below `/v1/locks`.
///
/// # Errors
/// What the backend says, `not_found` for other paths, and for other methods 405.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    call.no_parameters()?;
    match (&call.method, call.path().as_slice()) {
        (&Method::GET, ["locks"]) => Reply::json(&backend.locks().await?),
        (&Method::POST, ["locks"]) => Reply::json(&backend.add_lock(call.json()?).await?),
        (&Method::DELETE, ["locks", id]) => Reply::json(&backend.remove_lock(call.id(id)?).await?),
        _ => Err(call.unknown_among(ROUTES)),
    }
}
