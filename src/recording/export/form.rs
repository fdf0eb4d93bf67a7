//! The export formats.

use std::io::Write;

use crate::recording::export::ExportError;
use crate::recording::export::write_har;
use crate::recording::export::write_jsonl;
use crate::recording::export::write_mcp_fixture;
use crate::recording::export::write_sql;
use crate::recording::export::write_text;
use crate::recording::line::StoredEvent;
use crate::recording::session::SessionRow;

/// A format in which a recording can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// HTTP Archive 1.2, for HTTP sessions.
    Har,
    /// The stored lines with their hashes.
    Jsonl,
    /// The exchanges of an MCP session as JSON, which a fake target can serve.
    McpFixture,
    /// The SQL statements as a script. Statements that were not executed become comments.
    Sql,
    /// The transcript, as a replay shows it.
    Text,
}

impl Form {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::Har, Self::Jsonl, Self::McpFixture, Self::Sql, Self::Text];

    /// Returns the name of the format on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Har => "har",
            Self::Jsonl => "jsonl",
            Self::McpFixture => "mcp-fixture",
            Self::Sql => "sql",
            Self::Text => "text",
        }
    }

    /// Writes a recording. Returns how many exchanges were left out.
    ///
    /// # Errors
    /// Errors from `events`, a session whose protocol the format cannot represent, and `out` that cannot be
    /// written.
    pub fn write(
        self,
        session: &SessionRow,
        events: impl Iterator<Item = Result<StoredEvent, ExportError>>,
        out: &mut impl Write,
    ) -> Result<u64, ExportError> {
        match self {
            Self::Har => write_har(session, events, out)?,
            Self::Jsonl => write_jsonl(session, events, out).map(|_count| ())?,
            Self::McpFixture => return Ok(write_mcp_fixture(session, events, out)?.left_out),
            Self::Sql => write_sql(session, events, out)?,
            Self::Text => write_text(events, out)?,
        }
        Ok(0)
    }
}
