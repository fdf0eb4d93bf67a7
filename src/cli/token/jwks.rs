//! `token jwks`: the keys that verify tokens, and refreshing them.

use clap::Args;

use crate::cli::access::Access;
use crate::cli::output;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::control::noun::gateway::IssuerReport;

/// Options of `token jwks`.
#[derive(Debug, Args)]
pub struct JwksArgs {
    /// The name of one issuer in the configuration [default: all]
    #[arg(value_name = "ISSUER", required_if_eq("refresh", "true"))]
    pub issuer: Option<String>,
    /// Fetch its keys now: tokens signed with a key that the issuer no longer lists are refused at once
    #[arg(long)]
    pub refresh: bool,
}

/// Runs `token jwks`.
pub fn run(terminal: Terminal, place: &Place, args: &JwksArgs) -> Outcome {
    let access = Access::online(place)?;
    let mut reports = access.wait(access.backend().issuers())?.items;
    reports.retain(|report| args.issuer.as_ref().is_none_or(|name| report.name == *name));
    if let Some(name) = args.issuer.as_ref().filter(|_| reports.is_empty()) {
        return Err(Failure::new(Exit::NotFound, format!("there is no issuer {name:?}"))
            .hint("run: hoopctl token jwks"));
    }
    let before = reports.first().and_then(|report| report.fetched_ms);
    if let Some(name) = args.issuer.as_ref().filter(|_| args.refresh) {
        reports = vec![access.wait(access.backend().refresh_issuer(name.clone()))?];
    }
    let rows: Vec<Row> = reports.iter().map(row).collect();
    terminal.list(
        &["name", "issuer", "keys", "fetched", "state", "kids"],
        &rows,
        "no issuer is configured",
    )?;
    let fetched = reports.first().is_some_and(|report| report.error.is_none() && report.fetched_ms > before);
    if args.refresh && !fetched {
        // A caller who wants a key removed must not believe that it was.
        return Err(Failure::failed("the keys were not fetched: the previous ones stay in use")
            .hint("try again, or run: hoopctl lock add"));
    }
    Ok(Exit::Done)
}

fn row(report: &IssuerReport) -> Row {
    let fetched = report.fetched_ms.map_or_else(|| "never".to_owned(), output::time);
    Row {
        cells: vec![
            report.name.clone(),
            report.issuer.clone(),
            report.keys.to_string(),
            fetched,
            state(report),
            report.kids.join(" "),
        ],
        json: output::json(report),
    }
}

/// Returns the state of an issuer's keys, as text.
pub fn state(report: &IssuerReport) -> String {
    match (&report.error, report.usable) {
        (Some(error), true) if report.stale => format!("usable, but old; the last fetch failed: {error}"),
        (Some(error), true) => format!("usable, but the last fetch failed: {error}"),
        (Some(error), false) => format!("not usable: {error}"),
        (None, true) if report.stale => "usable, but old".to_owned(),
        (None, true) => "usable".to_owned(),
        (None, false) => "not usable yet".to_owned(),
    }
}
