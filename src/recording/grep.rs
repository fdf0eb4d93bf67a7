//! Looks for a pattern in what people see of recordings.

use std::ops::ControlFlow;

use regex::Regex;

use crate::domain::id::SessionId;
use crate::recording::reader::ReadError;
use crate::recording::reader::Reader;
use crate::recording::reader::SessionFilter;
use crate::recording::replay;

/// One line that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrepHit {
    /// The session.
    pub session: SessionId,
    /// The event.
    pub seq: u64,
    /// The line of its transcript, escaped, whole.
    pub line: String,
}

/// What a search went through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrepReport {
    /// Sessions that were searched.
    pub sessions: u64,
    /// Lines that were found.
    pub hits: u64,
    /// Sessions whose events could not all be read; `verify` says why.
    pub unreadable: Vec<SessionId>,
}

impl Reader {
    /// Searches the transcripts of the sessions that `filter` names, the newest first. `found` sees each line that matches, and
    /// may end the search. What a transcript tells of a message of MCP in other words is searched as it was sent.
    ///
    /// # Errors
    /// When the database cannot be read. A single event that cannot be read ends only its session's search.
    pub fn grep(
        &self,
        pattern: &Regex,
        filter: &SessionFilter,
        mut found: impl FnMut(GrepHit) -> ControlFlow<()>,
    ) -> Result<GrepReport, ReadError> {
        let mut report = GrepReport::default();
        for row in self.sessions(filter)? {
            report.sessions += 1;
            for event in self.events(row.id, 1)? {
                let event = match event {
                    Ok(event) => event,
                    Err(ReadError::Event { session, .. }) => {
                        report.unreadable.push(session);
                        break;
                    }
                    Err(error) => return Err(error),
                };
                let matching = |lines: Vec<String>| lines.into_iter().filter(|line| pattern.is_match(line));
                let mut hits: Vec<String> = matching(replay::transcript_whole(&event)).collect();
                if hits.is_empty() {
                    hits.extend(matching(replay::message_whole(&event)));
                }
                for line in hits {
                    report.hits += 1;
                    if found(GrepHit { session: row.id, seq: event.seq, line }).is_break() {
                        return Ok(report);
                    }
                }
            }
        }
        Ok(report)
    }
}
