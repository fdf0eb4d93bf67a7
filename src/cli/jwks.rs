//! `token jwks`: the keys that tokens are verified with, and fetching them anew.

use clap::Args;

use crate::cli::access::Access;
use crate::cli::output;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Outcome;
use crate::control::noun::gateway::IssuerReport;

/// `token jwks`.
#[derive(Debug, Args)]
pub struct JwksArgs {
    /// The name of one [[oidc]] entry; all unless given
    #[arg(value_name = "ISSUER", required_if_eq("refresh", "true"))]
    pub issuer: Option<String>,
    /// Fetch its keys now: what the issuer no longer lists is refused at once
    #[arg(long)]
    pub refresh: bool,
}

/// Runs it.
pub fn run(terminal: Terminal, place: &Place, args: &JwksArgs) -> Outcome {
    let access = Access::online(place)?;
    let reports = match &args.issuer {
        Some(name) if args.refresh => vec![access.wait(access.backend().refresh_issuer(name.clone()))?],
        wanted => {
            let mut found = access.wait(access.backend().issuers())?.items;
            found.retain(|report| wanted.as_ref().is_none_or(|name| report.name == *name));
            found
        }
    };
    let rows: Vec<Row> = reports.iter().map(row).collect();
    let empty = "no such issuer; hoopctl status shows all";
    terminal.list(&["name", "issuer", "keys", "fetched", "state"], &rows, empty)?;
    Ok(if reports.is_empty() && args.issuer.is_some() { Exit::NotFound } else { Exit::Done })
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
        ],
        json: output::json(report),
    }
}

/// How the keys of an issuer are, in words.
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
