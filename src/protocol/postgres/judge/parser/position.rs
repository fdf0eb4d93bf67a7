//! Where in a text the parser stopped.
//!
//! `pg_query` gives the parser's message and drops its position. The message names the word it stopped at, so
//! the place is found again: it is the first occurrence of that word up to which the text gives the same
//! error.

use pg_query::ParserOptions;

/// Texts longer than this get no position, in bytes: each try parses the text again.
const MAX_TEXT: usize = 16 * 1024;
/// How many occurrences of the word are tried.
const MAX_TRIES: usize = 16;

/// The place an error message means, as a byte offset from 0; `None` if it cannot be told.
pub(super) fn find(sql: &str, options: ParserOptions, message: &str) -> Option<usize> {
    if message.ends_with(" at end of input") {
        return Some(sql.len());
    }
    let (_, word) = message.strip_suffix('"')?.split_once(" at or near \"")?;
    // What the words are cut from can end in nothing but the end of the text: an open quote, an open comment.
    if message.starts_with("unterminated") && sql.ends_with(word) {
        return sql.len().checked_sub(word.len());
    }
    if sql.len() > MAX_TEXT || word.is_empty() {
        return None;
    }
    sql.match_indices(word).take(MAX_TRIES).map(|(start, _)| start).find(|start| {
        let end = start.saturating_add(word.len());
        let head = sql.get(..end).unwrap_or(sql);
        matches!(pg_query::parse(head, options), Err(pg_query::Error::Parse(again)) if again == message)
    })
}
