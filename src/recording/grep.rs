//! Searches recordings for a pattern, in the text that a transcript shows.

use regex::Regex;

use crate::recording::line::StoredEvent;
use crate::recording::replay;

/// Returns the lines of an event's transcript that match, escaped and in full. An MCP message that the
/// transcript paraphrases is also searched as it was sent.
pub fn matching(event: &StoredEvent, pattern: &Regex) -> Vec<String> {
    let found = |lines: Vec<String>| lines.into_iter().filter(|line| pattern.is_match(line)).collect();
    let hits: Vec<String> = found(replay::transcript_whole(event));
    if hits.is_empty() { found(replay::message_whole(event)) } else { hits }
}
