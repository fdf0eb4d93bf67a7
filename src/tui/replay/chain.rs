//! Whether a recording is as it was written, in a few words.

use crate::control::noun::session::VerifyReport;
use crate::tui::look::Look;
use crate::tui::look::Role;

/// What is known of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chain {
    /// It is being checked.
    Checking,
    /// It could not be checked: why. Raw.
    Unknown(String),
    /// Every event is as it was written, and so is the end.
    Holds,
    /// So far; the session goes on.
    GoesOn,
    /// The events were removed by retention.
    Removed,
    /// It was changed: where, and what is wrong. Raw.
    Broken(String),
}

impl Chain {
    /// What a check found.
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

    /// What stands in the title. Raw.
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

    /// Whether it needs a row of its own: what is wrong must be read whole.
    pub(super) const fn is_long(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Unknown(_))
    }
}
