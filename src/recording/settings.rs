//! `[recording]` of the configuration: what is recorded, how durably, and for how long.

use std::time::Duration;

use crate::domain::Protocol;
use crate::domain::event::EventKind;

/// How much of a session is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Level {
    /// Everything, after masking.
    #[default]
    Full,
    /// Everything except bodies, MCP messages, SQL text, parameters and rows; length and digest of a body or
    /// message stay.
    Metadata,
    /// Only the start and end of sessions, decisions, approvals and failures.
    Off,
}

impl Level {
    /// All levels, from most to least.
    pub const ALL: [Self; 3] = [Self::Full, Self::Metadata, Self::Off];

    /// Returns the name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Metadata => "metadata",
            Self::Off => "off",
        }
    }

    /// Parses a name from the configuration.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }

    /// Returns whether events of this kind are recorded at all. Chunks and rows are pure content, so only
    /// `full` keeps them.
    pub const fn keeps(self, kind: EventKind) -> bool {
        match self {
            Self::Full => true,
            Self::Metadata => !matches!(kind, EventKind::HttpChunk | EventKind::SqlRows),
            Self::Off => !matches!(
                kind,
                EventKind::HttpChunk
                    | EventKind::HttpRequest
                    | EventKind::HttpResponse
                    | EventKind::Mask
                    | EventKind::McpMessage
                    | EventKind::SqlDone
                    | EventKind::SqlNotice
                    | EventKind::SqlQuery
                    | EventKind::SqlRows
            ),
        }
    }
}

/// Which commands are synced to disk, not only written, before they are forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SyncMode {
    /// Those that are not of class `read`.
    #[default]
    Writes,
    /// All commands.
    All,
}

impl SyncMode {
    /// Both.
    pub const ALL_WORDS: [Self; 2] = [Self::Writes, Self::All];

    /// Returns the name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Writes => "writes",
            Self::All => "all",
        }
    }

    /// Parses a name from the configuration.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL_WORDS.into_iter().find(|sync| sync.as_str() == word)
    }
}

/// The checked settings of `[recording]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How much is recorded. Default full.
    pub level: Level,
    /// What is synced before it is forwarded. Default writes.
    pub sync: SyncMode,
    /// How long the events of an ended session are kept. Default 30 days.
    pub recordings: Duration,
    /// How long the session's row with its final hash is kept. Default 400 days; never shorter than
    /// `recordings`.
    pub metadata: Duration,
    /// Maximum size of all recordings on disk in bytes, compressed. Beyond it the events of the oldest ended
    /// sessions are removed. Default 20 GiB.
    pub max_size: u64,
    /// Maximum bytes of one body that are recorded; the rest is cut, its length and digest stay. Default 1
    /// MiB.
    pub max_body: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            level: Level::Full,
            sync: SyncMode::Writes,
            recordings: Duration::from_hours(30 * 24),
            metadata: Duration::from_hours(400 * 24),
            max_size: 20 << 30,
            max_body: 1 << 20,
        }
    }
}

impl Settings {
    /// Returns whether bodies are recorded. If not, the caller need not prepare them.
    pub const fn keeps_bodies(&self) -> bool {
        matches!(self.level, Level::Full)
    }

    /// Returns whether the summary of a held command is recorded: with SQL that is its text.
    pub fn keeps_summary(&self, protocol: Protocol) -> bool {
        match self.level {
            Level::Full => true,
            Level::Metadata => protocol != Protocol::Postgres,
            Level::Off => false,
        }
    }

    /// Returns whether events of this kind are recorded. If not, the caller need not prepare them.
    pub const fn keeps(&self, kind: EventKind) -> bool {
        self.level.keeps(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_level_loses_a_decision_or_the_frame_of_a_session() {
        for level in Level::ALL {
            assert_eq!(Level::parse(level.as_str()), Some(level));
            for kind in [
                EventKind::SessionStart,
                EventKind::SessionEnd,
                EventKind::Decision,
                EventKind::ApprovalRequested,
                EventKind::ApprovalDecided,
                EventKind::ApprovalExpired,
                EventKind::Error,
                EventKind::Marker,
            ] {
                assert!(level.keeps(kind), "{level:?} {kind}");
            }
        }
        assert!(
            Level::Metadata.keeps(EventKind::HttpRequest) && !Level::Metadata.keeps(EventKind::HttpChunk)
        );
        assert!(!Level::Off.keeps(EventKind::HttpRequest) && !Level::Off.keeps(EventKind::HttpResponse));
        for (kind, metadata) in [
            (EventKind::McpMessage, true),
            (EventKind::SqlQuery, true),
            (EventKind::SqlDone, true),
            (EventKind::SqlNotice, true),
            (EventKind::SqlRows, false),
        ] {
            assert_eq!(
                (Level::Full.keeps(kind), Level::Metadata.keeps(kind), Level::Off.keeps(kind)),
                (true, metadata, false),
                "{kind}"
            );
        }
        for (level, kept) in
            [(Level::Full, [true; 3]), (Level::Metadata, [true, true, false]), (Level::Off, [false; 3])]
        {
            let settings = Settings { level, ..Settings::default() };
            let protocols = [Protocol::Http, Protocol::Mcp, Protocol::Postgres];
            assert_eq!(protocols.map(|protocol| settings.keeps_summary(protocol)), kept, "{level:?}");
        }
        assert_eq!(SyncMode::parse("all"), Some(SyncMode::All));
        assert_eq!(Level::parse("Full"), None);
    }
}
