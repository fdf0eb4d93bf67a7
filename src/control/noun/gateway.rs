//! The gateway itself: its state, reload, the issuers' keys, and why a policy decides as it does.

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

/// How long fetching an issuer's keys may take, in seconds.
pub const REFRESH_TIMEOUT_S: u64 = 30;

/// The state of the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The version of the program that answers.
    pub version: String,
    /// Whether a gateway runs. `false`: the command line read the store itself.
    pub running: bool,
    /// Whether it takes commands: not while it starts, stops, or cannot record.
    pub ready: bool,
    /// The process number of the gateway.
    pub pid: Option<u32>,
    /// When it started, in milliseconds since 1970.
    pub started_ms: Option<i64>,
    /// The configuration file.
    pub config: String,
    /// The data directory.
    pub data_dir: String,
    /// The revision of the policies.
    pub revision: u64,
    /// Where it listens.
    pub listeners: Vec<ListenerReport>,
    /// Where its tokens' keys come from.
    pub issuers: Vec<IssuerReport>,
    /// How the target of each connection was met by the commands that went to it; none without a running gateway.
    #[serde(default)]
    pub targets: Vec<TargetReport>,
    /// Whether it can record; `None`: it can. Otherwise why not.
    pub recording_problem: Option<String>,
    /// Settings that the file as it was last read has otherwise than at the start, and that hold only after a restart, by key.
    #[serde(default)]
    pub restart_needed: Box<[String]>,
    /// Environment variables that are named as sources of secrets and give none that can be used; `None`: no gateway runs.
    #[serde(default)]
    pub unset: Option<Box<[String]>>,
    /// How much there is of everything.
    pub counts: Counts,
    /// Who asks. Filled in by the service layer.
    pub you: Option<CallerReport>,
}

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerReport {
    /// Address and port.
    pub address: String,
    /// What is served there: `http` or `https`, `postgres`, `admin+http` or `admin+https`.
    pub scheme: String,
}

/// One issuer's key set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerReport {
    /// The name of its `[[oidc]]` entry.
    pub name: String,
    /// The issuer's URL.
    pub issuer: String,
    /// How many keys are at hand.
    pub keys: u64,
    /// The ids of those that have one (`kid`).
    #[serde(default)]
    pub kids: Vec<String>,
    /// When they were last fetched, in milliseconds since 1970; `None`: never.
    pub fetched_ms: Option<i64>,
    /// Whether tokens can be verified with them now.
    pub usable: bool,
    /// Whether they are older than they should be, and still used.
    #[serde(default)]
    pub stale: bool,
    /// Why the last fetch failed; `None`: it did not.
    pub error: Option<String>,
}

/// How the target of one connection was met by the commands that went to it since the gateway started. The gateway never asks a
/// target by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetReport {
    /// The connection.
    pub connection: String,
    /// When it last answered, whatever it said, in milliseconds since 1970; `None`: it has not.
    pub answered_ms: Option<i64>,
    /// When it could last not be reached, broke off, or its credential was not to be had or not accepted, in milliseconds
    /// since 1970; `None`: never.
    pub failed_ms: Option<i64>,
    /// The code of that failure: `upstream_unavailable` or `upstream_credential`.
    pub error: Option<String>,
}

impl TargetReport {
    /// Whether it failed after it last answered.
    pub fn fails(&self) -> bool {
        self.failed_ms.is_some_and(|failed| self.answered_ms.is_none_or(|answered| failed > answered))
    }
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Connections, of file and store.
    pub connections: u64,
    /// Policies, of file and store.
    pub policies: u64,
    /// Masks, of file and store.
    pub masks: u64,
    /// Sessions that run.
    pub sessions: u64,
    /// Approvals that wait.
    pub approvals: u64,
    /// Locks that stand.
    pub locks: u64,
    /// Sessions whose recordings are held.
    #[serde(default)]
    pub held: u64,
}

/// Who asks, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerReport {
    /// The principal id.
    pub principal: String,
    /// The groups that `admin.local_groups` gives, or over the network the token.
    pub groups: Vec<String>,
    /// Whether they may change what the gateway does.
    pub manages: bool,
    /// Whether they may decide approvals at all.
    pub decides: bool,
}

/// What a reload did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// The revision of the policies now.
    pub revision: u64,
    /// How much there is of everything now.
    pub counts: Counts,
    /// Settings that are other in the file than at the start but hold only after a restart, by key.
    pub restart_needed: Vec<String>,
    /// What is allowed but looks like a mistake: one sentence each.
    pub warnings: Vec<String>,
}

/// A command to be judged without being sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    /// The principal id.
    pub principal: String,
    /// Its groups; `None`: the provider did not say.
    #[serde(default)]
    pub groups: Option<Vec<String>>,
    /// What kind of caller. Default human.
    #[serde(default = "human")]
    pub kind: Kind,
    /// The client (application) behind the token.
    #[serde(default)]
    pub client: Option<String>,
    /// The name of the issuer; without it, what stands before the first `/` of the principal.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Other claims of the token.
    #[serde(default)]
    pub claims: BTreeMap<String, serde_json::Value>,
    /// The address it comes from. Default 127.0.0.1.
    #[serde(default)]
    pub source: Option<IpAddr>,
    /// When, in milliseconds since 1970. Default now.
    #[serde(default)]
    pub at_ms: Option<i64>,
    /// The connection.
    pub connection: ConnectionName,
    /// The verb. Default GET.
    #[serde(default = "get")]
    pub method: String,
    /// The path below the connection, with its query. An HTTP request has one.
    #[serde(default)]
    pub path: String,
    /// The SQL text, in place of method, path and body. It is judged as the first text of a session: prepared statements and
    /// functions of the target are not known.
    #[serde(default)]
    pub sql: Option<String>,
    /// The MCP message, in place of method, path and body.
    #[serde(default)]
    pub mcp: Option<ExplainMcp>,
    /// The body. Judged as JSON, or as a form when `content_type` says so.
    #[serde(default)]
    pub body: Option<String>,
    /// What the body is. Default `application/json`.
    #[serde(default)]
    pub content_type: Option<String>,
}

/// An MCP message that is asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainMcp {
    /// The JSON-RPC method. Default: what is done with what is named, `tools/call`, `prompts/get` or `resources/read`.
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
    /// Whether the server says that the tool only reads; it counts where the connection trusts annotations. Default: not known.
    #[serde(default)]
    pub read_only: Option<bool>,
}

impl ExplainMcp {
    /// Whether its class is what the server says of the tool.
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

/// Why a command would be judged as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainReport {
    /// What would happen.
    pub effect: Effect,
    /// The policy that decides; `None`: none matches, so it is denied.
    pub rule: Option<String>,
    /// What the command does.
    pub class: String,
    /// The path as it would be judged; empty for SQL and MCP.
    pub path: String,
    /// Whether it is an MCP message that passes for everybody to whom the connection is open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_no_policy: bool,
    /// Of a call whose class hangs on what the server says of the tool: that this is not known here, and what to do. Of SQL: the functions
    /// of which something was assumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What a SQL text does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<SqlSummary>,
    /// What the client is told: the words of the deciding policy, or those of PostgreSQL's parser on a text that it cannot read.
    pub message: Option<String>,
    /// Whether it is denied as SQL that PostgreSQL's parser cannot read: its client is told that, and of no policy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unreadable: bool,
    /// Whether the connection is open to this principal at all; if not, it looks as if there were none.
    pub open: bool,
    /// Each policy, with what held or did not.
    pub rules: Vec<RuleReport>,
    /// The revision of the policies.
    pub revision: u64,
}

/// What one policy says about the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleReport {
    /// The policy.
    pub id: String,
    /// What it wants.
    pub effect: Effect,
    /// Whether it matched.
    pub matched: bool,
    /// The first condition that failed.
    pub failed: Option<FailedCondition>,
    /// Of a policy that matched: the conditions that hold only because what they ask about is not known, or can be read in
    /// two ways.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsure: Vec<FailedCondition>,
    /// Of an approve that matched: it lets nothing pass, and only holds back what another policy lets pass, because what it
    /// matches is not all of the command.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_holds_back: bool,
}

/// One condition that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCondition {
    /// Its key, such as `match.groups`.
    pub key: String,
    /// What the policy wants.
    pub wanted: String,
    /// What the command has. Raw: show it escaped.
    pub found: String,
}

/// What can be done with the gateway itself.
pub trait Gateway {
    /// Its state.
    fn status(&self) -> Answer<'_, StatusReport>;
    /// Reads the configuration file again and takes it over whole, or not at all. Needs a running gateway.
    fn reload(&self) -> Answer<'_, ReloadReport>;
    /// The issuers' key sets.
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
const ROUTES: &[(&str, &str)] = &[
    ("status", "GET"),
    ("reload", "POST"),
    ("issuers", "GET"),
    ("issuers/*/refresh", "POST"),
    ("explain", "POST"),
];

/// The routes `/v1/status`, `/v1/reload`, `/v1/explain` and those below `/v1/issuers`.
///
/// # Errors
/// What the backend says, `not_found` for other paths, and for other methods 405.
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
