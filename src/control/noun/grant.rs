//! Grants: what approvals gave, and taking it back.

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

/// Which grants to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrantFilter {
    /// Also those that are used up, revoked or past their end. Default false.
    pub ended: Option<bool>,
    /// Only those of this principal.
    pub principal: Option<String>,
    /// Only those on this connection.
    pub connection: Option<String>,
    /// At most so many, 1 to 1000. Default 100.
    pub limit: Option<u32>,
}

/// What can be done with grants.
pub trait Grants {
    /// Those that match, the newest first.
    fn grants(&self, filter: GrantFilter) -> Answer<'_, List<Grant>>;
    /// Takes one back; the answer is what it is now. One that has ended is a `conflict`.
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
const ROUTES: &[(&str, &str)] = &[("grants", "GET"), ("grants/*", "DELETE")];

/// The routes below `/v1/grants`.
///
/// # Errors
/// What the backend says, `not_found` for other paths, and for other methods 405.
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
