//! The gateway itself: its state, reload, the issuers' keys, and explaining verdicts.

use std::collections::BTreeMap;
use std::net::IpAddr;

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
use crate::domain::command::mcp::CALL;
use crate::domain::connection::Connection;
use crate::domain::connection::ConnectionName;
use crate::domain::percent;
use crate::domain::principal::Kind;
use crate::domain::verdict::Effect;
use crate::policy::SqlSummary;

/// Timeout for fetching an issuer's keys, in seconds.
pub const REFRESH_TIMEOUT_S: u64 = 30;

/// The state of the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The version of the answering program.
    pub version: String,
    /// Whether a gateway is running. `false`: the command line read the store itself.
    pub running: bool,
    /// Whether it accepts commands: not while it starts, stops, or cannot record.
    pub ready: bool,
    /// The process id of the gateway.
    pub pid: Option<u32>,
    /// When it started, in milliseconds since 1970.
    pub started_ms: Option<i64>,
    /// The configuration file.
    pub config: String,
    /// The data directory.
    pub data_dir: String,
    /// The revision of the policies.
    pub revision: u64,
    /// Its listeners.
    pub listeners: Vec<ListenerReport>,
    /// The issuers and their keys.
    pub issuers: Vec<IssuerReport>,
    /// The state of each connection's target according to the commands sent to it; empty without a running
    /// gateway.
    #[serde(default)]
    pub targets: Vec<TargetReport>,
    /// Why it cannot record; `None`: it can.
    pub recording_problem: Option<String>,
    /// Keys of settings that changed in the file since the start and take effect only after a restart.
    #[serde(default)]
    pub restart_needed: Box<[String]>,
    /// Environment variables that are named as sources of secrets and give no usable secret; `None`: no
    /// gateway is running.
    #[serde(default)]
    pub unset: Option<Box<[String]>>,
    /// The number of entities, sessions and so on.
    pub counts: Counts,
    /// The caller. Filled in by the service layer.
    pub you: Option<CallerReport>,
}

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerReport {
    /// Address and port.
    pub address: String,
    /// The protocol: `http` or `https`, `postgres`, `admin+http` or `admin+https`.
    pub scheme: String,
}

/// One issuer's key set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerReport {
    /// The name of its `[[oidc]]` entry.
    pub name: String,
    /// The issuer's URL.
    pub issuer: String,
    /// Number of keys.
    pub keys: u64,
    /// The ids of the keys that have one (`kid`).
    #[serde(default)]
    pub kids: Vec<String>,
    /// When they were last fetched, in milliseconds since 1970; `None`: never.
    pub fetched_ms: Option<i64>,
    /// Whether tokens can be verified with them now.
    pub usable: bool,
    /// Whether they are older than they should be, and still used.
    #[serde(default)]
    pub stale: bool,
    /// Why the last fetch failed; `None`: it succeeded.
    pub error: Option<String>,
}

/// The state of one connection's target according to the commands sent to it since the gateway started. The
/// gateway never probes a target by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetReport {
    /// The connection.
    pub connection: String,
    /// When it last answered, whatever the answer, in milliseconds since 1970; `None`: never.
    pub answered_ms: Option<i64>,
    /// When it was last unreachable, closed the stream early, or its credential was unavailable or refused,
    /// in milliseconds since 1970; `None`: never.
    pub failed_ms: Option<i64>,
    /// The code of that failure: `upstream_unavailable` or `upstream_credential`.
    pub error: Option<String>,
}

impl TargetReport {
    /// Returns whether the last failure was after the last answer.
    pub fn fails(&self) -> bool {
        self.failed_ms.is_some_and(|failed| self.answered_ms.is_none_or(|answered| failed > answered))
    }
}

/// The number of entities, sessions and so on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Connections, of file and store.
    pub connections: u64,
    /// Policies, of file and store.
    pub policies: u64,
    /// Masks, of file and store.
    pub masks: u64,
    /// Live sessions.
    pub sessions: u64,
    /// Pending approvals.
    pub approvals: u64,
    /// Current locks.
    pub locks: u64,
    /// Sessions under legal hold.
    #[serde(default)]
    pub held: u64,
}

/// The caller and its permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerReport {
    /// The principal id.
    pub principal: String,
    /// The groups from `admin.local_groups` or, over the network, from the token.
    pub groups: Vec<String>,
    /// Whether they may manage the gateway.
    pub manages: bool,
    /// Whether they may decide approvals at all.
    pub decides: bool,
}

/// Result of a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// The policy revision afterwards.
    pub revision: u64,
    /// The number of entities, sessions and so on afterwards.
    pub counts: Counts,
    /// Keys of settings that changed in the file since the start and take effect only after a restart.
    pub restart_needed: Vec<String>,
    /// Valid settings that look like a mistake, one sentence each.
    pub warnings: Vec<String>,
}

/// A command to be judged without being sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    /// The principal id.
    pub principal: String,
    /// Its groups; `None`: unknown, as the token leaves them out.
    #[serde(default)]
    pub groups: Option<Vec<String>>,
    /// The kind of principal. Default human.
    #[serde(default = "human")]
    pub kind: Kind,
    /// The client (application) behind the token.
    #[serde(default)]
    pub client: Option<String>,
    /// The name of the issuer. Default: the principal up to its first `/`.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Other claims of the token.
    #[serde(default)]
    pub claims: BTreeMap<String, serde_json::Value>,
    /// The client's address. Default 127.0.0.1.
    #[serde(default)]
    pub source: Option<IpAddr>,
    /// The time, in milliseconds since 1970. Default now.
    #[serde(default)]
    pub at_ms: Option<i64>,
    /// The connection.
    pub connection: ConnectionName,
    /// The HTTP method. Default GET.
    #[serde(default = "get")]
    pub method: String,
    /// The path below the connection, with its query. Required for an HTTP request.
    #[serde(default)]
    pub path: String,
    /// The SQL text, instead of method, path and body. It is judged as the first text of a session: prepared
    /// statements and functions of the target are unknown.
    #[serde(default)]
    pub sql: Option<String>,
    /// The MCP message, instead of method, path and body.
    #[serde(default)]
    pub mcp: Option<ExplainMcp>,
    /// The body. Parsed as JSON, or as a form if `content_type` says so.
    #[serde(default)]
    pub body: Option<String>,
    /// The media type of the body. Default `application/json`.
    #[serde(default)]
    pub content_type: Option<String>,
}

/// An MCP message to be judged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainMcp {
    /// The JSON-RPC method. Default, by what is named: `tools/call`, `prompts/get` or `resources/read`.
    #[serde(default)]
    pub method: Option<String>,
    /// The tool.
    #[serde(default)]
    pub tool: Option<String>,
    /// The prompt.
    #[serde(default)]
    pub prompt: Option<String>,
    /// The URI of the resource.
    #[serde(default)]
    pub resource: Option<String>,
    /// The arguments, as JSON.
    #[serde(default)]
    pub arguments: Option<String>,
    /// The server's annotation that the tool only reads; used if the connection trusts annotations. Default:
    /// unknown.
    #[serde(default)]
    pub read_only: Option<bool>,
}

impl ExplainMcp {
    /// Returns whether its class depends on the server's annotation of the tool.
    pub fn hangs_on_annotations(&self, connection: &Connection) -> bool {
        let calls = self.method.as_deref().is_none_or(|method| method == CALL);
        connection.mcp.trust_annotations && calls
    }
}

fn human() -> Kind {
    Kind::Human
}

fn get() -> String {
    "GET".to_owned()
}

/// A verdict with its explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainReport {
    /// The effect.
    pub effect: Effect,
    /// The policy that decides; `None`: none matches, so the command is denied.
    pub rule: Option<String>,
    /// The class of the command.
    pub class: String,
    /// The path as it is judged; empty for SQL and MCP.
    pub path: String,
    /// Whether it is an MCP message that passes for everybody to whom the connection is open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_no_policy: bool,
    /// For a call whose class depends on the server's annotation: that this is unknown here, and what to do.
    /// For SQL: the functions about which something was assumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The effects of a SQL text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<SqlSummary>,
    /// The message for the client: that of the deciding policy, or of PostgreSQL's parser for a text that it
    /// cannot parse.
    pub message: Option<String>,
    /// Whether it is denied because PostgreSQL's parser cannot parse it: the client is told that, and no
    /// policy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unreadable: bool,
    /// Whether the connection is open to this principal at all; if not, it appears not to exist.
    pub open: bool,
    /// Each policy, with what held or did not.
    pub rules: Vec<RuleReport>,
    /// The revision of the policies.
    pub revision: u64,
}

/// The result of one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleReport {
    /// The policy.
    pub id: String,
    /// Its effect.
    pub effect: Effect,
    /// Whether it matched.
    pub matched: bool,
    /// The first condition that failed.
    pub failed: Option<FailedCondition>,
    /// For a policy that matched: conditions that hold only because what they test is unknown, or can be read
    /// in two ways.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsure: Vec<FailedCondition>,
    /// For an approve that matched: it only holds what another policy lets pass, because it does not cover
    /// all of the command.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_holds_back: bool,
}

/// One condition that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCondition {
    /// Its key, such as `match.groups`.
    pub key: String,
    /// The expected value.
    pub wanted: String,
    /// The actual value. Raw; must be escaped for display.
    pub found: String,
}

/// Operations on the gateway itself.
pub trait Gateway {
    /// Returns its state.
    fn status(&self) -> Answer<'_, StatusReport>;
    /// Reloads the configuration file, all or nothing. Needs a running gateway.
    fn reload(&self) -> Answer<'_, ReloadReport>;
    /// Lists the issuers' key sets.
    fn issuers(&self) -> Answer<'_, List<IssuerReport>>;
    /// Fetches one issuer's keys now. Needs a running gateway.
    fn refresh_issuer(&self, name: String) -> Answer<'_, IssuerReport>;
    /// Judges a command without sending it.
    fn explain(&self, explain: Explain) -> Answer<'_, ExplainReport>;
}

impl Gateway for Client {
    fn status(&self) -> Answer<'_, StatusReport> {
        self.call(Method::GET, "status".to_owned())
    }

    fn reload(&self) -> Answer<'_, ReloadReport> {
        self.call(Method::POST, "reload".to_owned())
    }

    fn issuers(&self) -> Answer<'_, List<IssuerReport>> {
        self.call(Method::GET, "issuers".to_owned())
    }

    fn refresh_issuer(&self, name: String) -> Answer<'_, IssuerReport> {
        let longer = std::time::Duration::from_secs(REFRESH_TIMEOUT_S);
        self.call_for(Method::POST, format!("issuers/{}/refresh", percent::encoded(&name)), longer)
    }

    fn explain(&self, explain: Explain) -> Answer<'_, ExplainReport> {
        self.call_with(Method::POST, "explain".to_owned(), &explain)
    }
}

/// The paths and what each takes.
pub(super) const ROUTES: &[(&str, &str)] = &[
    ("status", "GET"),
    ("reload", "POST"),
    ("issuers", "GET"),
    ("issuers/*/refresh", "POST"),
    ("explain", "POST"),
];

/// Returns the routes `/v1/status`, `/v1/reload`, `/v1/explain` and those below `/v1/issuers`.
///
/// # Errors
/// The backend's errors, `not_found` for other paths, and 405 for other methods.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    call.no_parameters()?;
    match (&call.method, call.path().as_slice()) {
        (&Method::GET, ["status"]) => Reply::json(&backend.status().await?),
        (&Method::POST, ["reload"]) => Reply::json(&backend.reload().await?),
        (&Method::GET, ["issuers"]) => Reply::json(&backend.issuers().await?),
        (&Method::POST, ["issuers", name, "refresh"]) => {
            Reply::json(&backend.refresh_issuer((*name).to_owned()).await?)
        }
        (&Method::POST, ["explain"]) => Reply::json(&backend.explain(call.json()?).await?),
        _ => Err(call.unknown_among(ROUTES)),
    }
}
