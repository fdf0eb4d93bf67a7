//! Verdicts of whole policy sets: tables, properties, and bypass attempts.

mod compile;
mod explain;
mod fast;
mod kin;
mod mcp;
mod properties;
mod settings;
mod settled;
mod sql;
mod verdicts;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::domain::ApprovalSpec;
use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Connection;
use crate::domain::ConnectionLimits;
use crate::domain::Effect;
use crate::domain::GrantScope;
use crate::domain::Groups;
use crate::domain::Injection;
use crate::domain::Kind;
use crate::domain::Origin;
use crate::domain::Principal;
use crate::domain::Protocol;
use crate::domain::Upstream;
use crate::domain::Verdict;
use crate::domain::command::Args;
use crate::domain::command::HttpCommand;
use crate::domain::command::Words;
use crate::domain::json::Json;
use crate::policy::Matcher;
use crate::policy::PolicyRule;
use crate::policy::PolicySet;
use crate::policy::Subject;

/// Monday, 2026-03-02, 12:00 UTC.
const NOW: i64 = 1_772_452_800_000;

pub(super) fn connection(name: &str, tags: &[(&str, &str)]) -> Connection {
    Connection {
        name: name.parse().expect(name),
        origin: Origin::Store,
        protocol: Protocol::Http,
        upstream: Upstream {
            protocol: Protocol::Http,
            tls: false,
            host: "localhost".into(),
            port: 80,
            base_path: "".into(),
            program: None,
            certificate: None,
        },
        inject: Injection::None,
        tags: tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        limits: ConnectionLimits::default(),
        ca_file: None,
        database: crate::domain::DatabaseOptions::default(),
        mcp: crate::domain::McpOptions::default(),
    }
}

fn principal(id: &str, groups: &[&str]) -> Principal {
    Principal {
        id: id.into(),
        kind: Kind::App,
        issuer: id.split('/').next().unwrap_or_default().into(),
        client: Some("billing".into()),
        display: None,
        groups: groups.iter().copied().collect::<Groups>(),
        claims: Json::Object(Vec::new()),
    }
}

fn command(method: &str, path: &str) -> Command {
    let class = match method {
        "GET" | "HEAD" | "OPTIONS" => Class::Read,
        "POST" | "PUT" | "PATCH" | "DELETE" => Class::Write,
        "DDL" => Class::Ddl,
        "ADMIN" => Class::Admin,
        _ => Class::Unknown,
    };
    let (method, path, query) = (method.into(), path.into(), "".into());
    let words = Words::Http(HttpCommand { method, path, query, args: Args::Absent });
    Command { protocol: Protocol::Http, class, words }
}

fn with_body(command: Command, body: &str) -> Command {
    command.with_args(Args::Read(Json::parse(body.as_bytes(), 64).expect(body)))
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn table(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn rule(id: &str, effect: Effect, matches: Matcher) -> PolicyRule {
    PolicyRule {
        approval: (effect == Effect::Approve).then(|| spec(&["dba"], 1)),
        ..PolicyRule::bare(id, effect, matches)
    }
}

fn spec(from: &[&str], min: u32) -> ApprovalSpec {
    ApprovalSpec { from: texts(from), min, timeout_s: 600, reason: false, grant: GrantScope::Once }
}

fn groups(names: &[&str]) -> Matcher {
    Matcher { groups: texts(names), ..Matcher::default() }
}

fn everybody() -> Matcher {
    Matcher { subjects: texts(&["*"]), ..Matcher::default() }
}

fn set(rules: Vec<PolicyRule>) -> PolicySet {
    PolicySet::compile(rules, 7).expect("rules compile")
}

/// Returns the policies that a small shop might have.
pub(super) fn rules() -> PolicySet {
    set(vec![
        rule(
            "support-reads",
            Effect::Allow,
            Matcher { operations: vec![Class::Read], ..groups(&["support"]) },
        ),
        rule("etl-writes", Effect::Allow, Matcher { connections: texts(&["crm"]), ..groups(&["etl"]) }),
        rule(
            "large-orders",
            Effect::Approve,
            Matcher {
                methods: texts(&["POST"]),
                paths: texts(&["/orders"]),
                args: table(&[("order.amount", "> 1000")]),
                ..everybody()
            },
        ),
        PolicyRule {
            unless: Some(groups(&["break-glass"])),
            message: Some("Ask #dba.".to_owned()),
            ..rule(
                "admin-closed",
                Effect::Deny,
                Matcher {
                    paths: texts(&["/admin/**"]),
                    tags: table(&[("env", "prod")]),
                    ..Matcher::default()
                },
            )
        },
    ])
}

/// Decides for the principal from 10.0.0.1 on `crm`, on Monday at noon.
fn decide(set: &PolicySet, principal: &Principal, command: &Command) -> Verdict {
    let connection = connection("crm", &[("env", "prod")]);
    set.decide(&at(principal, &connection), command)
}

fn at<'a>(principal: &'a Principal, connection: &'a Connection) -> Subject<'a> {
    Subject { principal, connection, source: "10.0.0.1".parse::<IpAddr>().expect("address"), now_ms: NOW }
}

fn unknown_groups(principal: Principal) -> Principal {
    Principal { groups: Groups::Unknown, ..principal }
}

fn ids(verdict: &Verdict) -> Vec<&str> {
    verdict.rules.iter().map(Arc::as_ref).collect()
}
