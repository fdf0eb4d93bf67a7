//! The integrity of a recording's hash chain, in a few words.

use crate::control::noun::session::VerifyReport;
use crate::tui::look::Look;
use crate::tui::look::Role;

/// The result of verifying the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chain {
    /// The verification is running.
    Checking,
    /// The chain could not be verified, with the reason. Not escaped.
    Unknown(String),
    /// Every event, and the end, is unmodified.
    Holds,
    /// Intact so far; the session is live.
    GoesOn,
    /// The events were removed by retention.
    Removed,
    /// The recording was changed, with the place and the problem. Not escaped.
    Broken(String),
}

impl Chain {
    /// Converts the report of a verification.
    pub(super) fn of(report: &VerifyReport) -> Self {
        if !report.intact {
            let problem = report.problem.clone();
            let problem = problem.unwrap_or_else(|| "it is not as it was written".to_owned());
            return Self::Broken(match report.broken_at {
                Some(seq) => format!("at event {seq}: {problem}"),
                None => problem,
            });
        }
        match (report.pruned_ms, report.live) {
            (Some(_), _) => Self::Removed,
            (None, true) => Self::GoesOn,
            (None, false) => Self::Holds,
        }
    }

    /// Returns the text for the title. Not escaped.
    pub(super) fn told(&self, look: &Look) -> (Role, String) {
        let signs = look.signs;
        match self {
            Self::Checking => (Role::Dim, format!("{} checking", signs.retry)),
            Self::Unknown(why) => (Role::Warn, format!("{} chain not checked: {why}", signs.high)),
            Self::Holds => (Role::Good, format!("{} chain ok", signs.yes)),
            Self::GoesOn => (Role::Accent, format!("{} goes on", signs.cut)),
            Self::Removed => (Role::Warn, format!("{} removed by retention", signs.high)),
            Self::Broken(what) => (Role::Bad, format!("{} BROKEN {what}", signs.no)),
        }
    }

    /// Returns whether it needs its own row: a problem must be readable in full.
    pub(super) const fn is_long(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Unknown(_))
    }
}
