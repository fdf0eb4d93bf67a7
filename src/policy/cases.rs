//! Policy test cases: commands with their expected verdicts, written in a TOML file, and the results of
//! running them.
//!
//! ```toml
//! [[case]]
//! name = "large orders wait"
//! as = { subject = "dev/etl", groups = ["etl"], kind = "app" }
//! connection = "crm"
//! method = "POST"
//! path = "/orders"
//! body = { amount = 2000 }
//! expect = { effect = "approve", rule = "large-orders" }
//!
//! [[case]]
//! name = "nobody reads the numbers"
//! as = { subject = "dev/sue", groups = ["support"] }
//! connection = "appdb"
//! sql = "SELECT ssn FROM customers"
//! expect = { effect = "deny" }
//!
//! [[case]]
//! name = "no large refund without a person"
//! as = { subject = "dev/agent", groups = ["support"], kind = "agent" }
//! connection = "shop"
//! mcp = { tool = "refund", arguments = { amount = 2000 } }
//! expect = { effect = "approve" }
//! ```

mod mcp;

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::de::Error;

use crate::domain::Command;
use crate::domain::Connection;
use crate::domain::Effect;
use crate::domain::Groups;
use crate::domain::Kind;
use crate::domain::Principal;
use crate::domain::command::Args;
use crate::domain::json::Json;
use crate::domain::text::Shown;
pub use crate::policy::cases::mcp::McpCase;
use crate::policy::explain::Explanation;
use crate::policy::set::PolicySet;
use crate::policy::set::Subject;

/// Maximum nesting depth of a body, as for requests.
const DEPTH_MAX: usize = 64;

/// Why a file of cases cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CasesError {
    /// It holds no case.
    #[error("no [[case]] in the file")]
    Empty,
    /// It is not TOML, or has unknown keys or wrong types.
    #[error("line {line}: {problem}")]
    Form {
        /// Line number, from 1.
        line: usize,
        /// The problem.
        problem: String,
    },
}

/// One command and its expected verdict.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [[case]]")]
pub struct Case {
    /// Name of the case.
    pub name: String,
    /// The caller.
    #[serde(rename = "as")]
    pub who: Who,
    /// Name of the connection.
    pub connection: String,
    /// The HTTP method; empty for SQL and MCP.
    #[serde(default)]
    pub method: String,
    /// The path below the connection, as a client would send it; empty for SQL and MCP.
    #[serde(default)]
    pub path: String,
    /// The SQL text, instead of method and path.
    #[serde(default)]
    pub sql: Option<String>,
    /// The MCP message, instead of method and path.
    #[serde(default)]
    pub mcp: Option<McpCase>,
    /// The query without its `?`. Default none.
    #[serde(default)]
    pub query: String,
    /// The body: a TOML value, or a string that holds JSON, for numbers that TOML would round. Default none.
    #[serde(default = "absent", deserialize_with = "read_body")]
    pub body: Args,
    /// Whether the body, or the arguments of an MCP message, are present but cannot be read. Default false.
    #[serde(default)]
    pub unreadable: bool,
    /// The client's address. Default 127.0.0.1.
    #[serde(default = "loopback")]
    pub source: IpAddr,
    /// The time, RFC 3339, in milliseconds since 1970. Default: now.
    #[serde(default, deserialize_with = "read_time")]
    pub at: Option<i64>,
    /// The expected verdict.
    pub expect: Expected,
}

/// The caller in a case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "as = { subject = \"…\", groups = [\"…\"] }")]
pub struct Who {
    /// The principal's id.
    pub subject: String,
    /// The principal's groups, or `"unknown"` for a token that leaves them out. Default none.
    #[serde(default = "no_groups", deserialize_with = "read_groups")]
    pub groups: Groups,
    /// The principal's kind. Default human.
    #[serde(default = "human")]
    pub kind: Kind,
    /// The client that requested the token. Default none.
    #[serde(default)]
    pub client: Option<Arc<str>>,
    /// The name of the `[[oidc]]` entry. Default: the subject up to its first `/` or `:`.
    #[serde(default)]
    pub issuer: Option<Arc<str>>,
    /// The token's other claims. Default none.
    #[serde(default)]
    pub claims: toml::Table,
}

/// The expected verdict of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "expect = { effect = \"allow\" }, or approve or deny")]
pub struct Expected {
    /// The effect.
    pub effect: Effect,
    /// A policy that must be among those that decided. Default: any.
    #[serde(default)]
    pub rule: Option<String>,
}

/// The results of all cases.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Each case, in the order of the file.
    pub cases: Vec<CaseReport>,
    /// Ids of the policies that held in no case.
    pub unreached: Vec<String>,
}

/// The result of one case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseReport {
    /// Name of the case.
    pub name: String,
    /// Whether the verdict was the expected one.
    pub passed: bool,
    /// The expected verdict.
    pub expected: Expected,
    /// Why the case could not be judged at all: no such connection, or no command.
    pub problem: Option<String>,
    /// The actual verdict, with its reasons.
    pub explanation: Option<Explanation>,
}

/// Parses a file of cases.
///
/// # Errors
/// Text that is not TOML, has unknown keys or wrong types, or holds no case.
pub fn parse(text: &str) -> Result<Vec<Case>, CasesError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, expecting = "tables [[case]]")]
    struct File {
        #[serde(default)]
        case: Vec<toml::Spanned<Case>>,
    }
    let at = |start: Option<usize>, problem: &str| {
        let before = start.and_then(|start| text.get(..start)).unwrap_or_default();
        CasesError::Form { line: before.matches('\n').count() + 1, problem: problem.to_owned() }
    };
    let file: File =
        toml::from_str(text).map_err(|error| at(error.span().map(|span| span.start), error.message()))?;
    for case in &file.case {
        if let Some(problem) = case.get_ref().misshapen() {
            return Err(at(Some(case.span().start), problem));
        }
    }
    let cases: Vec<Case> = file.case.into_iter().map(toml::Spanned::into_inner).collect();
    if cases.is_empty() { Err(CasesError::Empty) } else { Ok(cases) }
}

/// Judges all cases. `read` builds the command from a case's method, path and query, from its SQL or from its
/// MCP message, as the connection's protocol does, or returns why it cannot; the arguments are filled in
/// here. `now_ms` is the time of cases that set none.
pub fn run(
    cases: &[Case],
    set: &PolicySet,
    connections: &[Connection],
    now_ms: i64,
    read: &dyn Fn(&Case, &Connection) -> Result<Command, String>,
) -> Report {
    let cases: Vec<CaseReport> =
        cases.iter().map(|case| case.judge(set, connections, now_ms, read)).collect();
    let reached = |id: &str| {
        cases
            .iter()
            .filter_map(|case| case.explanation.as_ref())
            .any(|explanation| explanation.held().any(|held| held == id))
    };
    let unreached = set.rules().iter().map(|rule| rule.id.clone()).filter(|id| !reached(id)).collect();
    Report { cases, unreached }
}

impl Report {
    /// Returns whether every case passed.
    pub fn passed(&self) -> bool {
        self.cases.iter().all(|case| case.passed)
    }
}

impl Case {
    /// Returns why the case is not exactly one of a request, a SQL text and an MCP message.
    fn misshapen(&self) -> Option<&'static str> {
        let bare = self.method.is_empty()
            && self.path.is_empty()
            && self.query.is_empty()
            && self.body == Args::Absent;
        match (&self.sql, &self.mcp) {
            (Some(_), None) if bare && !self.unreadable => None,
            (Some(_), _) => {
                Some("sql stands in place of method, path, query, body, mcp and unreadable: leave them out")
            }
            (None, Some(mcp)) if bare => mcp.message().is_none().then_some(mcp::NOTHING),
            (None, Some(_)) => Some(
                "mcp stands in place of method, path, query and body: leave them out, arguments go into it",
            ),
            (None, None) if self.method.is_empty() => Some(
                "missing field `method`; a database has sql, an MCP server mcp in place of method and path",
            ),
            (None, None) if self.path.is_empty() => Some(
                "missing field `path`; a database has sql, an MCP server mcp in place of method and path",
            ),
            (None, None) => None,
        }
    }

    fn judge(
        &self,
        set: &PolicySet,
        connections: &[Connection],
        now_ms: i64,
        read: &dyn Fn(&Self, &Connection) -> Result<Command, String>,
    ) -> CaseReport {
        let explained = self.explain(set, connections, now_ms, read);
        let passed = explained.as_ref().is_ok_and(|explanation| {
            let verdict = &explanation.verdict;
            let by = |rule: &String| verdict.rules.iter().any(|id| **id == **rule);
            verdict.effect == self.expect.effect && self.expect.rule.as_ref().is_none_or(by)
        });
        let (explanation, problem) = match explained {
            Ok(explanation) => (Some(explanation), None),
            Err(problem) => (None, Some(problem)),
        };
        CaseReport { name: self.name.clone(), passed, expected: self.expect.clone(), problem, explanation }
    }

    fn explain(
        &self,
        set: &PolicySet,
        connections: &[Connection],
        now_ms: i64,
        read: &dyn Fn(&Self, &Connection) -> Result<Command, String>,
    ) -> Result<Explanation, String> {
        let connection = connections
            .iter()
            .find(|connection| connection.name.as_str() == self.connection)
            .ok_or_else(|| format!("there is no connection {:?}", self.connection))?;
        let args = match &self.mcp {
            _ if self.unreadable => Args::Unreadable,
            Some(mcp) => mcp.arguments.clone(),
            None => self.body.clone(),
        };
        let command = read(self, connection)?.with_args(args);
        let principal = self.who.principal();
        let now_ms = self.at.unwrap_or(now_ms);
        Ok(set.explain(&Subject { principal: &principal, connection, source: self.source, now_ms }, &command))
    }
}

impl Who {
    /// Builds the principal that it describes.
    pub fn principal(&self) -> Principal {
        let vouches = self.subject.split(['/', ':']).next().unwrap_or_default();
        Principal {
            id: self.subject.as_str().into(),
            kind: self.kind,
            issuer: self.issuer.clone().unwrap_or_else(|| vouches.into()),
            client: self.client.clone(),
            display: None,
            groups: self.groups.clone(),
            claims: to_json(&toml::Value::Table(self.claims.clone())),
        }
    }
}

fn absent() -> Args {
    Args::Absent
}

fn loopback() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}

fn no_groups() -> Groups {
    Groups::Known(std::collections::BTreeSet::new())
}

fn human() -> Kind {
    Kind::Human
}

fn read_groups<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Groups, D::Error> {
    match toml::Value::deserialize(deserializer)? {
        toml::Value::String(word) if word == "unknown" => Ok(Groups::Unknown),
        toml::Value::Array(names) => {
            let name = |name: &toml::Value| name.as_str().map(str::to_owned);
            names
                .iter()
                .map(name)
                .collect::<Option<_>>()
                .ok_or_else(|| D::Error::custom("groups holds something that is no text"))
        }
        _ => Err(D::Error::custom("groups is neither a list of names nor \"unknown\"")),
    }
}

fn read_body<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Args, D::Error> {
    read_json(deserializer, "body")
}

/// Reads the arguments of an MCP message.
fn read_arguments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Args, D::Error> {
    read_json(deserializer, "arguments")
}

fn read_json<'de, D: Deserializer<'de>>(deserializer: D, what: &str) -> Result<Args, D::Error> {
    match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) => {
            Json::parse(text.as_bytes(), DEPTH_MAX).map(Args::Read).map_err(|error| {
                D::Error::custom(format!(
                    "{what} is not JSON: {error}; for what cannot be read write unreadable = true"
                ))
            })
        }
        value => Ok(Args::Read(to_json(&value))),
    }
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) => text,
        toml::Value::Datetime(time) => time.to_string(),
        _ => String::new(),
    };
    let time = text.parse::<jiff::Timestamp>();
    let time = time.map_err(|_unreadable| D::Error::custom("at is no time such as 2026-03-02T08:00:00Z"))?;
    Ok(Some(time.as_millisecond()))
}

fn to_json(value: &toml::Value) -> Json {
    match value {
        toml::Value::Array(values) => Json::Array(values.iter().map(to_json).collect()),
        toml::Value::Boolean(value) => Json::Bool(*value),
        toml::Value::Float(number) if number.is_finite() => Json::Number(number.to_string().into()),
        toml::Value::Datetime(_) | toml::Value::Float(_) => Json::String(value.to_string().into()),
        toml::Value::Integer(number) => Json::Number(number.to_string().into()),
        toml::Value::String(text) => Json::String(text.as_str().into()),
        toml::Value::Table(members) => {
            Json::Object(members.iter().map(|(name, value)| (name.as_str().into(), to_json(value))).collect())
        }
    }
}

impl fmt::Display for Report {
    /// Writes one line per case, the reasons below those that failed, and the policies that no case reached.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in &self.cases {
            writeln!(f, "{} {}", if case.passed { '✓' } else { '✗' }, Shown(&case.name))?;
            if case.passed {
                continue;
            }
            let by =
                case.expected.rule.as_ref().map_or_else(String::new, |rule| format!(" by {}", Shown(rule)));
            writeln!(f, "    expected {}{by}", case.expected.effect)?;
            let reasons = case.explanation.as_ref().map(ToString::to_string);
            let problem = case.problem.as_ref().map(|problem| Shown(problem).to_string());
            for line in reasons.iter().chain(&problem).flat_map(|text| text.lines()) {
                writeln!(f, "    {line}")?;
            }
        }
        let failed = self.cases.iter().filter(|case| !case.passed).count();
        writeln!(f, "{} passed, {failed} failed", self.cases.len() - failed)?;
        if !self.unreached.is_empty() {
            writeln!(f, "no case reaches: {}", Shown(&self.unreached.join(", ")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
