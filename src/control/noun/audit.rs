//! The audit trail: one entry for each change that somebody made.

use std::time::Duration;

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
use crate::control::noun::session::GREP_TIMEOUT_S;

pub use crate::store::AuditEntry;
pub use crate::store::AuditVerification;

/// Which entries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditFilter {
    /// Only those after this number.
    pub after: Option<u64>,
    /// At most so many, 1 to 1000. Default 100.
    pub limit: Option<u32>,
}

/// Where a check of the trail goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditFrom {
    /// After so many entries, as the part before found. Default: from the first one on.
    pub after: Option<u64>,
    /// The hash of the last of these.
    pub head: Option<String>,
}

/// What can be done with the audit trail.
pub trait Audit {
    /// Those that match, the oldest first.
    fn audit(&self, filter: AuditFilter) -> Answer<'_, List<AuditEntry>>;
    /// Checks the trail, part by part.
    fn verify_audit(&self, from: AuditFrom) -> Answer<'_, AuditVerification>;
}

impl Audit for Client {
    fn audit(&self, filter: AuditFilter) -> Answer<'_, List<AuditEntry>> {
        self.call(Method::GET, format!("audit{}", query_of(&filter)))
    }

    fn verify_audit(&self, from: AuditFrom) -> Answer<'_, AuditVerification> {
        self.call_for(
            Method::GET,
            format!("audit/verify{}", query_of(&from)),
            Duration::from_secs(GREP_TIMEOUT_S),
        )
    }
}

/// The paths and what each takes.
const ROUTES: &[(&str, &str)] = &[("audit", "GET"), ("audit/verify", "GET")];

/// The routes below `/v1/audit`.
///
/// # Errors
/// What the backend says, `not_found` for other paths, and for other methods 405.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    match (&call.method, call.path().as_slice()) {
        (&Method::GET, ["audit"]) => Reply::json(&backend.audit(call.parameters()?).await?),
        (&Method::GET, ["audit", "verify"]) => Reply::json(&backend.verify_audit(call.parameters()?).await?),
        _ => Err(call.unknown_among(ROUTES)),
    }
}
