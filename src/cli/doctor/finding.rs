//! The findings of `doctor`: one line per check, with one fix if needed.

use std::fmt::Write as _;

use serde_json::json;

use crate::cli::output::Colour;
use crate::cli::output::Format;
use crate::cli::output::Row;
use crate::cli::output::Terminal;
use crate::cli::report::Failure;
use crate::domain::text::Shown;

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No problem.
    Good,
    /// A possible problem.
    Doubtful,
    /// A problem.
    Wrong,
}

impl State {
    const fn sign(self) -> &'static str {
        match self {
            Self::Good => "\u{2713}",
            Self::Doubtful => "!",
            Self::Wrong => "\u{2717}",
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Doubtful => "doubtful",
            Self::Wrong => "wrong",
        }
    }

    const fn colour(self) -> Colour {
        match self {
            Self::Good => Colour::Good,
            Self::Doubtful => Colour::Warn,
            Self::Wrong => Colour::Bad,
        }
    }
}

/// One check.
#[derive(Debug)]
pub struct Check {
    /// Its result.
    pub state: State,
    /// The checked items.
    pub what: String,
    /// The findings.
    pub found: String,
    /// How to fix it; `None` if there is no problem.
    pub fix: Option<String>,
}

/// All checks so far.
#[derive(Debug, Default)]
pub struct Checks(pub Vec<Check>);

impl Checks {
    /// Adds a check without a problem.
    pub fn good(&mut self, what: impl Into<String>, found: impl Into<String>) {
        self.0.push(Check { state: State::Good, what: what.into(), found: found.into(), fix: None });
    }

    /// Adds a possible problem.
    pub fn doubtful(&mut self, what: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Check {
            state: State::Doubtful,
            what: what.into(),
            found: found.into(),
            fix: Some(fix.into()),
        });
    }

    /// Adds a problem.
    pub fn wrong(&mut self, what: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Check {
            state: State::Wrong,
            what: what.into(),
            found: found.into(),
            fix: Some(fix.into()),
        });
    }

    /// Returns whether there is any problem.
    pub fn any_wrong(&self) -> bool {
        self.0.iter().any(|check| check.state == State::Wrong)
    }

    /// Prints all checks.
    pub fn print(&self, terminal: Terminal) -> Result<(), Failure> {
        if terminal.format == Format::Table {
            let text: Vec<String> = self.0.iter().map(|check| line(terminal, check)).collect();
            return terminal.data(&text.concat());
        }
        let rows: Vec<Row> = self
        .0
        .iter()
        .map(|check| Row {
            cells: vec![
                check.state.as_str().to_owned(),
                check.what.clone(),
                check.found.clone(),
                check.fix.clone().unwrap_or_default(),
            ],
            json: json!({"state": check.state.as_str(), "check": check.what, "found": check.found, "fix": check.fix}),
        })
        .collect();
        terminal.list(&["state", "check", "found", "fix"], &rows, "")
    }
}

fn line(terminal: Terminal, check: &Check) -> String {
    let sign = terminal.paint(check.state.colour(), check.state.sign());
    let mut text = format!("{sign} {}: {}\n", Shown(&check.what), Shown(&check.found));
    if let Some(fix) = &check.fix {
        writeln!(text, "    {}", Shown(fix)).ok();
    }
    text
}
