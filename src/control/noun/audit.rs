//! The audit trail: one entry per change.

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

/// Selects entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditFilter {
    /// Only entries after this number.
    pub after: Option<u64>,
    /// Maximum number of entries, 1 to 1000. Default 100.
    pub limit: Option<u32>,
}

/// Where a verification of the trail continues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditFrom {
    /// Number of entries already verified, from the previous page. Default: start at the first.
    pub after: Option<u64>,
    /// The hash of the last of them.
    pub head: Option<String>,
}

/// Operations on the audit trail.
pub trait Audit {
    /// Lists entries, oldest first.
    fn audit(&self, filter: AuditFilter) -> Answer<'_, List<AuditEntry>>;
    /// Verifies the trail, page by page.
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
pub(super) const ROUTES: &[(&str, &str)] = &[("audit", "GET"), ("audit/verify", "GET")];

/// Returns the routes below `/v1/audit`.
///
/// # Errors
/// The backend's errors, `not_found` for other paths, and 405 for other methods.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    match (&call.method, call.path().as_slice()) {
        (&Method::GET, ["audit"]) => Reply::json(&backend.audit(call.parameters()?).await?),
        (&Method::GET, ["audit", "verify"]) => Reply::json(&backend.verify_audit(call.parameters()?).await?),
        _ => Err(call.unknown_among(ROUTES)),
    }
}
