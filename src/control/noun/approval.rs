//! Approvals: held commands, and the decisions about them.

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
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::id::ApprovalId;

/// Maximum length of one wait for a decision, in seconds. Longer waits are split.
pub const MAX_WAIT_S: u64 = 60;

/// Selects approvals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApprovalFilter {
    /// Only approvals in this state. Default: all.
    pub state: Option<ApprovalState>,
    /// Only approvals of this principal.
    pub principal: Option<String>,
    /// Only approvals on this connection.
    pub connection: Option<String>,
    /// Only approvals older than this one: the next page.
    pub before: Option<ApprovalId>,
    /// Maximum number of approvals, 1 to 1000. Default 100.
    pub limit: Option<u32>,
}

/// One approver's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// Approve or deny.
    pub approve: bool,
    /// The reason. Required if the policy says so.
    #[serde(default)]
    pub reason: String,
    /// The digest that the approver was shown. If set and different from the current one, the call is a
    /// `conflict`.
    #[serde(default)]
    pub digest: Option<String>,
    /// A narrower grant than the policy allows. A wider one is a `bad_request`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantScope>,
}

/// Operations on approvals.
pub trait Approvals {
    /// Lists approvals, newest first.
    fn approvals(&self, filter: ApprovalFilter) -> Answer<'_, List<Approval>>;
    /// Returns one approval.
    fn approval(&self, id: ApprovalId) -> Answer<'_, Approval>;
    /// Decides an approval. Returns its new state: still pending while more approvers are needed.
    fn decide_approval(&self, id: ApprovalId, decide: Decide) -> Answer<'_, Approval>;
    /// Waits until it is no longer pending, at most `seconds` (0 to [`MAX_WAIT_S`]). Returns its state then.
    fn wait_approval(&self, id: ApprovalId, seconds: u64) -> Answer<'_, Approval>;
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    seconds: u64,
}

impl Approvals for Client {
    fn approvals(&self, filter: ApprovalFilter) -> Answer<'_, List<Approval>> {
        self.call(Method::GET, format!("approvals{}", query_of(&filter)))
    }

    fn approval(&self, id: ApprovalId) -> Answer<'_, Approval> {
        self.call(Method::GET, format!("approvals/{id}"))
    }

    fn decide_approval(&self, id: ApprovalId, decide: Decide) -> Answer<'_, Approval> {
        self.call_with(Method::POST, format!("approvals/{id}/decide"), &decide)
    }

    fn wait_approval(&self, id: ApprovalId, seconds: u64) -> Answer<'_, Approval> {
        let seconds = seconds.min(MAX_WAIT_S);
        let path = format!("approvals/{id}/wait{}", query_of(&Wait { seconds }));
        self.call_for(Method::GET, path, std::time::Duration::from_secs(seconds))
    }
}

/// The paths and what each takes.
pub(super) const ROUTES: &[(&str, &str)] = &[
    ("approvals", "GET"),
    ("approvals/*", "GET"),
    ("approvals/*/wait", "GET"),
    ("approvals/*/decide", "POST"),
];

/// Returns the routes below `/v1/approvals`.
///
/// # Errors
/// The backend's errors, `not_found` for other paths, and 405 for other methods.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    match (&call.method, call.path().as_slice()) {
        (&Method::GET, ["approvals"]) => Reply::json(&backend.approvals(call.parameters()?).await?),
        (&Method::GET, ["approvals", id, "wait"]) => {
            let Wait { seconds } = call.parameters()?;
            Reply::json(&backend.wait_approval(call.id(id)?, seconds.min(MAX_WAIT_S)).await?)
        }
        (&Method::GET, ["approvals", id]) => {
            call.no_parameters()?;
            Reply::json(&backend.approval(call.id(id)?).await?)
        }
        (&Method::POST, ["approvals", id, "decide"]) => {
            call.no_parameters()?;
            Reply::json(&backend.decide_approval(call.id(id)?, call.json()?).await?)
        }
        _ => Err(call.unknown_among(ROUTES)),
    }
}
