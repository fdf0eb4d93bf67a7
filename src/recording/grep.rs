//! Looks for a pattern in what people see of recordings.

use regex::Regex;

use crate::recording::line::StoredEvent;
use crate::recording::replay;

/// The lines of an event's transcript that match, escaped and whole. What a transcript tells of a message of MCP in other words is
/// searched as it was sent, too.
pub fn matching(event: &StoredEvent, pattern: &Regex) -> Vec<String> {
    let found = |lines: Vec<String>| lines.into_iter().filter(|line| pattern.is_match(line)).collect();
    let hits: Vec<String> = found(replay::transcript_whole(event));
    if hits.is_empty() { found(replay::message_whole(event)) } else { hits }
}
