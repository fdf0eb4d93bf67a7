//! Explains the verdict on a command, with the same code that judges, without sending the command.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::Arc;

use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::header;

use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::gateway::Explain;
use crate::control::noun::gateway::ExplainMcp;
use crate::control::noun::gateway::ExplainReport;
use crate::control::noun::gateway::FailedCondition;
use crate::control::noun::gateway::RuleReport;
use crate::domain::Denied;
use crate::domain::McpCommand;
use crate::domain::command::Args;
use crate::domain::command::Command;
use crate::domain::connection::Connection;
use crate::domain::connection::Protocol;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::domain::now_ms;
use crate::domain::principal::Groups;
use crate::domain::principal::Principal;
use crate::domain::verdict::Effect;
use crate::gateway::admin::Acting;
use crate::gateway::admin::Admin;
use crate::policy;
use crate::policy::PolicySet;
use crate::policy::RuleExplanation;
use crate::policy::RuleOutcome;
use crate::policy::Subject;
use crate::protocol::http::command;
use crate::protocol::postgres;
use crate::protocol::postgres::command::Assumed;
use crate::protocol::postgres::judge::Judge;
use crate::protocol::postgres::judge::Judgement;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::judge::cache::Limits;
use crate::protocol::postgres::reply::Refusal;

/// The nesting limit for claims.
const MAX_DEPTH: usize = 32;
/// The note if the class depends on an annotation that was not seen.
const NOT_LISTED: &str =
    "the server's description of the tool is not known here: add --read-only or --read-only=false";

fn bad(text: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::BadRequest, text)
}

/// Returns the gateway's own refusal of such a request.
fn refused(denied: &Denied) -> ApiError {
    bad(format!("the gateway would refuse this before any policy: {}", denied.detail))
}

fn principal(explain: &Explain) -> Result<Principal, ApiError> {
    let claims = serde_json::to_vec(&explain.claims).map_err(|error| bad(error.to_string()))?;
    let claims = Json::parse(&claims, MAX_DEPTH).map_err(|error| bad(format!("the claims have {error}")))?;
    let issuer = explain.issuer.as_deref();
    let before_slash = || explain.principal.split('/').next().unwrap_or_default();
    let entra = || explain.principal.starts_with("entra:").then_some("entra");
    Ok(Principal {
        id: explain.principal.as_str().into(),
        kind: explain.kind,
        issuer: issuer.or_else(entra).unwrap_or_else(before_slash).into(),
        client: explain.client.as_deref().map(Into::into),
        display: None,
        groups: match &explain.groups {
            Some(groups) => groups.iter().map(String::as_str).collect(),
            None => Groups::Unknown,
        },
        claims,
    })
}

/// Builds the command, in the terms of the connection's protocol.
async fn command_of(explain: &Explain, connection: &Connection) -> Result<Command, ApiError> {
    let name = &connection.name;
    let bare = explain.path.is_empty() && explain.body.is_none();
    match (connection.protocol, explain.sql.as_deref(), &explain.mcp) {
        (Protocol::Http, None, None) => http_command(explain),
        (Protocol::Mcp, None, Some(mcp)) if bare => mcp_command(mcp, connection),
        (Protocol::Postgres, Some(sql), None) if bare => sql_command(sql).await,
        (Protocol::Http, ..) => Err(bad(format!(
            "{name} is an HTTP connection: give a method and a path, no SQL and no MCP message"
        ))),
        (Protocol::Mcp, ..) => Err(bad(format!(
            "{name} is an MCP server: give a tool, prompt, resource or MCP method, no path, no body and no SQL"
        ))),
        (Protocol::Postgres, ..) => {
            Err(bad(format!("{name} is a database: give SQL, no path, no body and no MCP message")))
        }
    }
}

fn mcp_command(mcp: &ExplainMcp, connection: &Connection) -> Result<Command, ApiError> {
    let [method, tool, prompt, resource] =
        [&mcp.method, &mcp.tool, &mcp.prompt, &mcp.resource].map(|text| text.as_deref());
    let message = McpCommand::of_parts(method, tool, prompt, resource)
        .ok_or_else(|| bad("an MCP message names a tool, prompt, resource or method: give one"))?;
    let args = match &mcp.arguments {
        Some(text) => Args::Read(
            Json::parse(text.as_bytes(), DEPTH)
                .map_err(|error| bad(format!("the arguments have {error}")))?,
        ),
        None => Args::Absent,
    };
    let class = connection.mcp.class_of(&message.method, mcp.read_only);
    Ok(message.into_command(class).with_args(args))
}

/// Builds the command of a SQL text; prepared statements and the target's catalog are not known here.
async fn sql_command(sql: &str) -> Result<Command, ApiError> {
    let judgement = judged(sql).await?;
    Ok(postgres::command::command(sql.as_bytes(), &judgement, |_name| None, postgres::command::by_its_words))
}

/// Returns PostgreSQL's error for a SQL text that it cannot parse.
async fn syntax(sql: &str) -> Result<Option<String>, ApiError> {
    let judgement = judged(sql).await?;
    let refusal = Refusal::of_syntax(&judgement, sql.as_bytes());
    Ok(refusal.map(|refusal| format!("{} (SQLSTATE {})", refusal.message(), refusal.state())))
}

async fn judged(sql: &str) -> Result<Arc<Judgement>, ApiError> {
    let judge = Judge::start(1, Limits::default()).map_err(|error| {
        ApiError::new(ErrorCode::Internal, format!("the SQL parser cannot be started: {error}"))
    })?;
    Ok(judge.judge(sql.as_bytes(), Lexing::default()).await)
}

fn http_command(explain: &Explain) -> Result<Command, ApiError> {
    if explain.path.is_empty() {
        return Err(bad("a request has a path: give it from the / on"));
    }
    let method =
        Method::from_bytes(explain.method.as_bytes()).map_err(|_error| bad("that is not an HTTP method"))?;
    let mut headers = HeaderMap::new();
    let content_type = explain.content_type.as_deref().unwrap_or("application/json");
    let content_type =
        HeaderValue::from_str(content_type).map_err(|_error| bad("that is not a content type"))?;
    headers.insert(header::CONTENT_TYPE, content_type);
    let (path, query) = match explain.path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (explain.path.as_str(), None),
    };
    let judged = command::command(&method, path, query, &headers).map_err(|denied| refused(&denied))?;
    let body = explain.body.as_deref().unwrap_or_default();
    let args = command::args(&headers, body.as_bytes()).map_err(|denied| refused(&denied))?;
    Ok(judged.with_args(args))
}

fn condition(failed: &policy::FailedCondition) -> FailedCondition {
    let policy::FailedCondition { key, wanted, found, .. } = failed;
    FailedCondition { key: key.clone(), wanted: wanted.clone(), found: found.clone() }
}

fn rule(explained: &RuleExplanation) -> RuleReport {
    let (matched, failed) = match &explained.outcome {
        RuleOutcome::Held { .. } => (true, None),
        RuleOutcome::Failed { failed } => (false, Some(condition(failed))),
    };
    let unsure = match &explained.outcome {
        RuleOutcome::Held { unsure, .. } => unsure.iter().map(condition).collect(),
        RuleOutcome::Failed { .. } => Vec::new(),
    };
    let only_holds_back = matches!(explained.outcome, RuleOutcome::Held { only_holds_back: true, .. });
    RuleReport {
        id: explained.id.clone(),
        effect: explained.effect,
        matched,
        failed,
        unsure,
        only_holds_back,
    }
}

impl Admin {
    /// Returns the connections and policies that judge, or would if a gateway ran.
    async fn judging(&self) -> Result<(Vec<Connection>, PolicySet), ApiError> {
        if let Some(running) = &self.running {
            return Ok(running.live.in_force());
        }
        let combined = self.combined().await?;
        let policies = PolicySet::compile(combined.policies, self.revision().await?).map_err(|problems| {
            let lines = problems.iter().map(ToString::to_string).collect();
            ApiError::new(ErrorCode::Invalid, "the policies are invalid").problems(lines)
        })?;
        Ok((combined.connections, policies))
    }
}

impl Acting {
    /// Adds the running gateway's knowledge of a tool to a call, if the caller does not give it; or a note
    /// that nothing is known.
    fn annotated(&self, mut explain: Explain, connection: &Connection) -> (Explain, Option<String>) {
        let Some(mcp) = explain.mcp.as_mut().filter(|mcp| mcp.read_only.is_none()) else {
            return (explain, None);
        };
        let Some(tool) = mcp.tool.as_deref().filter(|_| mcp.hangs_on_annotations(connection)) else {
            return (explain, None);
        };
        let running = self.admin.running.as_ref();
        mcp.read_only = running.and_then(|running| running.live.only_reads(connection, tool));
        let note = mcp.read_only.is_none().then(|| NOT_LISTED.to_owned());
        (explain, note)
    }

    pub(super) async fn explained(&self, explain: Explain) -> Result<ExplainReport, ApiError> {
        let (connections, policies) = self.admin.judging().await?;
        let connection = connections.iter().find(|connection| connection.name == explain.connection);
        let connection = connection.ok_or_else(|| {
            ApiError::new(
                ErrorCode::NotFound,
                format!("there is no connection {:?}", explain.connection.as_str()),
            )
        })?;
        let principal = principal(&explain)?;
        let (explain, note) = self.annotated(explain, connection);
        let command = command_of(&explain, connection).await?;
        let mut assumed = Assumed::default();
        assumed.add(&command);
        let subject = Subject {
            principal: &principal,
            connection,
            source: explain.source.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            now_ms: explain.at_ms.unwrap_or_else(now_ms),
        };
        let explanation = policies.explain(&subject, &command);
        let verdict = &explanation.verdict;
        let unreadable = match &explain.sql {
            Some(sql) if verdict.effect == Effect::Deny => syntax(sql).await?,
            _ => None,
        };
        Ok(ExplainReport {
            effect: verdict.effect,
            rule: verdict.rule.as_deref().map(str::to_owned),
            class: command.class.to_string(),
            path: command.path().to_owned(),
            note: note.or_else(|| assumed.words()),
            needs_no_policy: explanation.needs_no_policy,
            sql: explanation.sql.clone(),
            unreadable: unreadable.is_some(),
            message: unreadable.or_else(|| verdict.message.as_deref().map(str::to_owned)),
            open: policies.opens(&subject),
            rules: explanation.rules.iter().map(rule).collect(),
            revision: policies.revision(),
        })
    }
}

#[cfg(test)]
mod tests;
