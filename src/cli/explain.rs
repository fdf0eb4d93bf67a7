//! `policy explain` and `policy test`: what the policies do with a request, and why.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::cli::access::Access;
use crate::cli::entity;
use crate::cli::entity::pair;
use crate::cli::output;
use crate::cli::output::Colour;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::control::noun::gateway::Explain;
use crate::control::noun::gateway::ExplainReport;
use crate::control::noun::gateway::RuleReport;
use crate::domain::connection::ConnectionName;
use crate::domain::principal::Kind;
use crate::domain::text::Shown;
use crate::domain::verdict::Effect;

/// `policy explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The principal; without a / the name of the first issuer is put in front
    #[arg(long = "as", value_name = "PRINCIPAL")]
    pub principal: String,
    /// A group of the principal; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// The provider did not say which groups (Entra leaves them out above 200)
    #[arg(long, conflicts_with = "groups")]
    pub groups_unknown: bool,
    /// What kind of caller: human, app or agent
    #[arg(long, value_name = "KIND", default_value = "app", value_parser = kind)]
    pub kind: Kind,
    /// The client (application) behind the token
    #[arg(long, value_name = "CLIENT")]
    pub client: Option<String>,
    /// The name of the issuer
    #[arg(long, value_name = "NAME")]
    pub issuer: Option<String>,
    /// Another claim of the token; may be repeated
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = pair)]
    pub claims: Vec<(String, String)>,
    /// The address it comes from
    #[arg(long, value_name = "IP")]
    pub source_ip: Option<IpAddr>,
    /// The connection
    #[arg(long, visible_alias = "connect", value_name = "NAME")]
    pub connection: String,
    /// The body, as JSON
    #[arg(long, value_name = "JSON")]
    pub body: Option<String>,
    /// End with 0 for allow, 8 for approve, 9 for deny
    #[arg(long)]
    pub exit_code: bool,
    /// The HTTP method
    pub method: String,
    /// The path below the connection
    pub path: String,
}

/// Reads a kind of caller.
pub fn kind(word: &str) -> Result<Kind, String> {
    Kind::parse(word).ok_or_else(|| "expected human, app or agent".to_owned())
}

fn connection(name: &str) -> Result<ConnectionName, Failure> {
    name.parse().map_err(|error| Failure::usage(format!("{error}")))
}

/// The principal id: as given, or with the first issuer's name in front.
fn principal(access: &Access, given: &str) -> Result<String, Failure> {
    if given.contains('/') || given.starts_with("local:") {
        return Ok(given.to_owned());
    }
    let issuers = access.wait(access.backend().issuers())?;
    Ok(match issuers.items.first() {
        Some(issuer) => format!("{}/{given}", issuer.name),
        None => given.to_owned(),
    })
}

/// Says what happens to one request, and why.
pub fn explain(terminal: Terminal, access: &Access, args: &ExplainArgs) -> Outcome {
    let ask = Explain {
        principal: principal(access, &args.principal)?,
        groups: (!args.groups_unknown).then(|| args.groups.clone()),
        kind: args.kind,
        client: args.client.clone(),
        issuer: args.issuer.clone(),
        claims: args.claims.iter().map(|(name, value)| (name.clone(), json!(value))).collect(),
        source: args.source_ip,
        at_ms: None,
        connection: connection(&args.connection)?,
        method: args.method.clone(),
        path: args.path.clone(),
        body: args.body.clone(),
        content_type: None,
    };
    let asked = format!("{} {} {} on {}", ask.principal, ask.method, ask.path, ask.connection);
    let report = access.wait(access.backend().explain(ask))?;
    if terminal.format == Format::Table {
        terminal.data(&render(terminal, &asked, &report))?;
    } else {
        terminal.item(
            &[("effect", report.effect.to_string()), ("rule", report.rule.clone().unwrap_or_default())],
            &output::json(&report),
        )?;
    }
    Ok(match (args.exit_code, report.effect) {
        (true, Effect::Approve) => Exit::Pending,
        (true, Effect::Deny) => Exit::Denied,
        _ => Exit::Done,
    })
}

fn render(terminal: Terminal, asked: &str, report: &ExplainReport) -> String {
    let (colour, sign) = match report.effect {
        Effect::Allow => (Colour::Good, "\u{2713}"),
        Effect::Approve => (Colour::Warn, "\u{25f7}"),
        Effect::Deny => (Colour::Bad, "\u{2717}"),
    };
    let why = match &report.rule {
        Some(rule) => format!("by {}", Shown(rule)),
        None => "no policy allows it".to_owned(),
    };
    let verdict = terminal.paint(colour, &format!("{sign} {}", report.effect.as_str().to_uppercase()));
    let mut text = format!(
        "{verdict}  {why}\n  {}\n  class {}, judged path {}, policy revision {}\n",
        Shown(asked),
        Shown(&report.class),
        Shown(&report.path),
        report.revision
    );
    if !report.open {
        text.push_str("  the connection is not open to this principal: it sees 404 no_such_connection\n");
    }
    if let Some(message) = &report.message {
        writeln!(text, "  the client is told: {}", Shown(message)).ok();
    }
    if report.rules.is_empty() {
        return text + "  there are no policies\n";
    }
    let width = report.rules.iter().map(|rule| rule.id.chars().count()).max().unwrap_or(0);
    for rule in &report.rules {
        text.push_str(&render_rule(terminal, rule, width));
    }
    text
}

fn render_rule(terminal: Terminal, rule: &RuleReport, width: usize) -> String {
    let id = Shown(&rule.id).to_string();
    let effect = rule.effect.as_str();
    match &rule.failed {
        None if rule.matched => {
            format!("  {} {id:width$}  {effect:7}  matches\n", terminal.paint(Colour::Good, "\u{2713}"))
        }
        None => format!("  {} {id:width$}  {effect:7}  does not match\n", terminal.paint(Colour::Faint, "-")),
        Some(failed) => format!(
            "  {} {id:width$}  {effect:7}  {} wants {}, found {}\n",
            terminal.paint(Colour::Faint, "-"),
            Shown(&failed.key),
            Shown(&failed.wanted),
            Shown(&failed.found),
        ),
    }
}

/// The file of `policy test`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tests {
    test: Vec<Test>,
}

/// One request and the verdict it should get.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    /// What it is about; without it the request stands for it.
    name: Option<String>,
    #[serde(rename = "as")]
    principal: String,
    /// Without them: the provider did not say.
    groups: Option<Vec<String>>,
    kind: Option<Kind>,
    client: Option<String>,
    issuer: Option<String>,
    #[serde(default)]
    claims: BTreeMap<String, Value>,
    source_ip: Option<IpAddr>,
    /// A moment, RFC 3339, for policies with `when`.
    at: Option<String>,
    connection: String,
    /// `METHOD PATH`.
    request: String,
    body: Option<String>,
    expect: Effect,
    /// The policy that should decide.
    rule: Option<String>,
}

/// Checks each request of a file.
pub fn test(terminal: Terminal, access: &Access, file: &Path) -> Outcome {
    let text = entity::read_text(file)?;
    let tests: Tests = toml::from_str(&text)
        .map_err(|error| Failure::new(Exit::Config, format!("{}: {error}", file.display())))?;
    if tests.test.is_empty() {
        return Err(Failure::new(Exit::Config, format!("{} holds no [[test]]", file.display())));
    }
    let mut rows = Vec::with_capacity(tests.test.len());
    let mut wrong = 0_usize;
    for (place, test) in tests.test.iter().enumerate() {
        let report = access.wait(access.backend().explain(asked(access, test, place)?))?;
        let right = report.effect == test.expect
            && test.rule.as_ref().is_none_or(|rule| report.rule.as_ref() == Some(rule));
        wrong += usize::from(!right);
        rows.push(row(test, &report, right));
    }
    terminal.list(&["result", "test", "expected", "found"], &rows, "")?;
    terminal.say(&format!("{} of {} as expected", rows.len() - wrong, rows.len()));
    Ok(if wrong == 0 { Exit::Done } else { Exit::Failed })
}

fn asked(access: &Access, test: &Test, place: usize) -> Result<Explain, Failure> {
    let Some((method, path)) = test.request.split_once(' ') else {
        let problem = format!("test {}: request = {:?} is not METHOD PATH", place + 1, test.request);
        return Err(Failure::new(Exit::Config, problem));
    };
    let at = test.at.as_deref().map(str::parse::<jiff::Timestamp>).transpose().map_err(|error| {
        Failure::new(Exit::Config, format!("test {}: at: {error}", place + 1))
            .hint("such as 2026-03-02T09:30:00Z")
    })?;
    Ok(Explain {
        principal: principal(access, &test.principal)?,
        groups: test.groups.clone(),
        kind: test.kind.unwrap_or(Kind::App),
        client: test.client.clone(),
        issuer: test.issuer.clone(),
        claims: test.claims.clone(),
        source: test.source_ip,
        at_ms: at.map(jiff::Timestamp::as_millisecond),
        connection: connection(&test.connection)?,
        method: method.to_owned(),
        path: path.trim().to_owned(),
        body: test.body.clone(),
        content_type: None,
    })
}

fn row(test: &Test, report: &ExplainReport, right: bool) -> Row {
    let verdict = |effect: Effect, rule: Option<&String>| match rule {
        Some(rule) => format!("{effect} by {rule}"),
        None => effect.to_string(),
    };
    let name = test
        .name
        .clone()
        .unwrap_or_else(|| format!("{} {} on {}", test.principal, test.request, test.connection));
    let (expected, found) =
        (verdict(test.expect, test.rule.as_ref()), verdict(report.effect, report.rule.as_ref()));
    let json = json!({"name": name, "ok": right, "expected": {"effect": test.expect, "rule": test.rule},
        "found": {"effect": report.effect, "rule": report.rule}});
    Row { cells: vec![if right { "\u{2713}" } else { "\u{2717}" }.to_owned(), name, expected, found], json }
}
