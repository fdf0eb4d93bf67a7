//! A position in a recording, as a user writes it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::domain::event::Direction;
use crate::domain::event::EventKind;
use crate::domain::units;
use crate::recording::line::StoredEvent;
use crate::recording::replay::mcp;
use crate::recording::session;

/// A position in a recording: `90s` after its start, event number `@17`, or the first event marked
/// `#approval`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// This long after the session's start.
    After(Duration),
    /// The event with this number.
    Event(u64),
    /// The first event with this mark.
    Mark(Mark),
}

/// A category by which events can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// An event about an approval.
    Approval,
    /// A command that was not allowed.
    Denied,
    /// A failure.
    Error,
    /// An event with masked values.
    Mask,
    /// An operator's marker.
    Marker,
}

impl Mark {
    const ALL: [(&'static str, Self); 5] = [
        ("approval", Self::Approval),
        ("denied", Self::Denied),
        ("error", Self::Error),
        ("mask", Self::Mask),
        ("marker", Self::Marker),
    ];

    /// Returns whether an event has the mark.
    pub fn is_on(self, stored: &StoredEvent) -> bool {
        let event = &stored.event;
        match self {
            Self::Approval => matches!(
                event.kind,
                EventKind::ApprovalRequested | EventKind::ApprovalDecided | EventKind::ApprovalExpired
            ),
            Self::Denied => event.kind == EventKind::Decision && session::is_denial(event.data.as_bytes()),
            Self::Error => match event.kind {
                EventKind::Error => true,
                EventKind::SqlDone => session::is_failure(event.data.as_bytes()),
                EventKind::McpMessage => event.dir != Some(Direction::C2s) && mcp::is_failure(&event.data),
                _ => false,
            },
            Self::Mask => event.kind == EventKind::Mask || !event.mask.is_empty(),
            Self::Marker => event.kind == EventKind::Marker,
        }
    }
}

/// Text that is not a position in a recording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is not a place in a recording: a time such as 90s, an event such as @17, or one of #approval, #denied, #error, #mask, #marker"
)]
pub struct InvalidPosition {
    /// The text that was given.
    pub found: String,
}

impl Position {
    /// Returns whether an event is at or beyond this position. A mark is reached by the first event that has
    /// it.
    pub fn is_reached_by(&self, stored: &StoredEvent) -> bool {
        match self {
            Self::After(time) => Duration::from_micros(stored.event.t_us) >= *time,
            Self::Event(seq) => stored.seq >= *seq,
            Self::Mark(mark) => mark.is_on(stored),
        }
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let invalid = || InvalidPosition { found: text.chars().take(80).collect() };
        if let Some(number) = text.strip_prefix('@') {
            return number.parse().map(Self::Event).map_err(|_no_number| invalid());
        }
        if let Some(name) = text.strip_prefix('#') {
            let mark = Mark::ALL.into_iter().find(|(known, _)| *known == name);
            return mark.map(|(_, mark)| Self::Mark(mark)).ok_or_else(invalid);
        }
        units::parse_duration(text).map(Self::After).map_err(|_no_duration| invalid())
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(time) => f.write_str(&units::format_duration(*time)),
            Self::Event(seq) => write!(f, "@{seq}"),
            Self::Mark(mark) => {
                let name = Mark::ALL.iter().find(|(_, known)| known == mark).map_or("", |(name, _)| name);
                write!(f, "#{name}")
            }
        }
    }
}
