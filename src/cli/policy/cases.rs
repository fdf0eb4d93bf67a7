//! `policy test`: runs the cases of a file against the current policies.

use std::cell::RefCell;
use std::path::Path;

use http::HeaderMap;
use http::Method;
use serde_json::json;

use crate::cli::access::Access;
use crate::cli::entity;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::traffic::side::Side;
use crate::domain::Connection;
use crate::domain::Protocol;
use crate::domain::command::Command;
use crate::domain::now_ms;
use crate::domain::text::Shown;
use crate::domain::verdict::Effect;
use crate::policy::cases;
use crate::policy::cases::Case;
use crate::policy::cases::CaseReport;
use crate::protocol::http::command;
use crate::protocol::postgres;
use crate::protocol::postgres::command::Assumed;
use crate::protocol::postgres::judge::Judge;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::judge::cache::Limits;

/// Runs each case of a file. Exits with 1 if one fails, 3 if the file cannot be read, 5 if it does not exist.
pub fn test(terminal: Terminal, access: &Access, file: &Path) -> Outcome {
    let text = entity::read_text(file).map_err(|failure| match failure.exit {
        Exit::NotFound => failure,
        _ => Failure::new(Exit::Config, failure.message),
    })?;
    let cases = cases::parse(&text).map_err(|error| {
        Failure::new(Exit::Config, format!("{}: {error}", file.display()))
            .hint("run: hoopctl policy test --help")
    })?;
    let Side { connections, policies } = Side::current(access)?;
    let judge = cases.iter().any(|case| case.sql.is_some()).then(|| Judge::start(1, Limits::default()));
    let judge = judge
        .transpose()
        .map_err(|error| Failure::failed(format!("cannot start the SQL parser: {error}")))?;
    let assumed = RefCell::new(Assumed::default());
    let judged = |case: &Case, connection: &Connection| match (connection.protocol, &case.sql, &case.mcp) {
        (Protocol::Http, None, None) => judged(case),
        (Protocol::Mcp, None, Some(mcp)) => mcp.command(connection),
        (Protocol::Postgres, Some(sql), None) => {
            let judge = judge.as_ref().ok_or("there is no SQL parser")?;
            let judgement = access.block_on(judge.judge(sql.as_bytes(), Lexing::default()));
            let by_words = postgres::command::by_its_words;
            let command = postgres::command::command(sql.as_bytes(), &judgement, |_name| None, by_words);
            assumed.borrow_mut().add(&command);
            Ok(command)
        }
        (Protocol::Http, ..) => {
            Err(format!("{} is an HTTP connection: write method and path", case.connection))
        }
        (Protocol::Mcp, ..) => Err(format!("{} is an MCP server: write mcp", case.connection)),
        (Protocol::Postgres, ..) => Err(format!("{} is a database: write sql", case.connection)),
    };
    for case in &cases {
        let unseen = |on: &Connection| on.name.as_str() == case.connection && on.mcp.trust_annotations;
        let calls = case.mcp.as_ref().is_some_and(|mcp| mcp.tool.is_some() && mcp.read_only.is_none());
        if calls && connections.iter().any(unseen) {
            terminal.say(&format!(
                "{}: what the server says of the tool is not known here: add read_only = true, or false, to mcp",
                case.name
            ));
        }
    }
    let report = cases::run(&cases, &policies, &connections, now_ms(), &judged);
    let rows: Vec<Row> = report.cases.iter().map(|case| row(terminal.format, case)).collect();
    terminal.list(&["result", "case", "expected", "found"], &rows, "")?;
    for case in report.cases.iter().filter(|case| !case.passed) {
        let why = why(case);
        match terminal.format {
            Format::Table | Format::Toml => terminal.data(&format!("\n{}\n", why.join("\n")))?,
            Format::Csv => why.iter().for_each(|line| terminal.say(line)),
            Format::Json | Format::Jsonl => {}
        }
    }
    let failed = report.cases.iter().filter(|case| !case.passed).count();
    terminal.say(&format!("{} of {} as expected", rows.len() - failed, rows.len()));
    if let Some(words) = assumed.borrow().words() {
        terminal.say(&words);
    }
    if !report.unreached.is_empty() {
        terminal.say(&format!("no case reaches: {}", report.unreached.join(", ")));
    }
    Ok(if report.passed() { Exit::Done } else { Exit::Failed })
}

/// Builds the command of an HTTP case as the gateway parses a request.
fn judged(case: &Case) -> Result<Command, String> {
    let method = Method::from_bytes(case.method.as_bytes())
        .map_err(|_error| format!("{:?} is no method", case.method))?;
    if case.path.contains(['?', '#']) {
        return Err("path holds ? or #: what follows a ? is written as query".to_owned());
    }
    let query = (!case.query.is_empty()).then_some(case.query.as_str());
    command::command(&method, &case.path, query, &HeaderMap::new())
        .map_err(|denied| format!("the gateway would refuse this before any policy: {}", denied.detail))
}

fn verdict(effect: Effect, rule: Option<&str>) -> String {
    rule.map_or_else(|| effect.to_string(), |rule| format!("{effect} by {rule}"))
}

fn row(format: Format, case: &CaseReport) -> Row {
    let expected = verdict(case.expected.effect, case.expected.rule.as_deref());
    let got = case.explanation.as_ref().map(|explanation| &explanation.verdict);
    let found = got.map_or_else(
        || case.problem.clone().unwrap_or_default(),
        |got| verdict(got.effect, (!got.rules.is_empty()).then(|| got.rules.join(", ")).as_deref()),
    );
    let json = json!({
        "name": case.name, "ok": case.passed, "expected": case.expected,
        "found": got.map(|got| json!({"effect": got.effect, "rule": got.rule, "rules": got.rules})),
        "problem": case.problem,
        "explanation": case.explanation.as_ref().filter(|_| !case.passed),
    });
    let sign = match (format, case.passed) {
        (Format::Csv, true) => "ok",
        (Format::Csv, false) => "failed",
        (_, true) => "\u{2713}",
        (_, false) => "\u{2717}",
    };
    Row { cells: vec![sign.to_owned(), case.name.clone(), expected, found], json }
}

/// Returns why a case failed, line by line, escaped.
fn why(case: &CaseReport) -> Vec<String> {
    let expected = verdict(case.expected.effect, case.expected.rule.as_deref());
    let title = format!("{}: expected {}", Shown(&case.name), Shown(&expected));
    let reasons = case.explanation.as_ref().map(ToString::to_string);
    let problem = case.problem.as_ref().map(|problem| Shown(problem).to_string());
    let lines = reasons.iter().chain(&problem).flat_map(|text| text.lines());
    std::iter::once(title).chain(lines.map(|line| format!("  {line}"))).collect()
}
