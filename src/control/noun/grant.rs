//! Grants: what approvals gave, and revoking it.

use http::Method;
use serde::Deserialize;
use serde::Serialize;

use crate::control::Answer;
use crate::control::Backend;
use crate::control::Client;
use crate::control::call::Call;
use crate::control::call::Reply;
use crate::control::call::query_of;
use crate::control::error::ApiError;
use crate::control::noun::List;
use crate::domain::approval::Grant;
use crate::domain::id::GrantId;

/// Selects grants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrantFilter {
    /// Include grants that are used up, revoked or expired. Default false.
    pub ended: Option<bool>,
    /// Only grants of this principal.
    pub principal: Option<String>,
    /// Only grants on this connection.
    pub connection: Option<String>,
    /// Maximum number of grants, 1 to 1000. Default 100.
    pub limit: Option<u32>,
}

/// Operations on grants.
pub trait Grants {
    /// Lists grants, newest first.
    fn grants(&self, filter: GrantFilter) -> Answer<'_, List<Grant>>;
    /// Revokes a grant. Returns its new state. One that has ended is a `conflict`.
    fn revoke_grant(&self, id: GrantId) -> Answer<'_, Grant>;
}

impl Grants for Client {
    fn grants(&self, filter: GrantFilter) -> Answer<'_, List<Grant>> {
        self.call(Method::GET, format!("grants{}", query_of(&filter)))
    }

    fn revoke_grant(&self, id: GrantId) -> Answer<'_, Grant> {
        self.call(Method::DELETE, format!("grants/{id}"))
    }
}

/// The paths and what each takes.
pub(super) const ROUTES: &[(&str, &str)] = &[("grants", "GET"), ("grants/*", "DELETE")];

/// Returns the routes below `/v1/grants`.
///
/// # Errors
/// The backend's errors, `not_found` for other paths, and 405 for other methods.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    match (&call.method, call.path().as_slice()) {
        (&Method::GET, ["grants"]) => Reply::json(&backend.grants(call.parameters()?).await?),
        (&Method::DELETE, ["grants", id]) => {
            call.no_parameters()?;
            Reply::json(&backend.revoke_grant(call.id(id)?).await?)
        }
        _ => Err(call.unknown_among(ROUTES)),
    }
}
