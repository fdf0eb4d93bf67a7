//! The position of a syntax error in a text.
//!
//! `pg_query` returns the parser's message but drops the position. The message names the word at which the
//! parser stopped, so the position is searched for: it is the first occurrence of that word up to which the
//! text gives the same error.

use pg_query::ParserOptions;

/// The longest text that gets a position, in bytes: each try parses the text again.
const MAX_TEXT: usize = 16 * 1024;
/// The most occurrences of the word that are tried.
const MAX_TRIES: usize = 16;

/// Returns the position that an error message means, as a byte offset from 0; `None` if it cannot be told.
pub(super) fn find(sql: &str, options: ParserOptions, message: &str) -> Option<usize> {
    if message.ends_with(" at end of input") {
        return Some(sql.len());
    }
    let (_, word) = message.strip_suffix('"')?.split_once(" at or near \"")?;
    // This error of the lexer always reaches to the end of the text: a string or comment was not closed.
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
