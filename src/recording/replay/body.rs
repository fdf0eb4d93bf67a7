//! Formats a recorded body as readable lines: JSON pretty-printed, text as it is, anything else by its size;
//! all escaped and bounded.

use crate::domain::json::Json;
use crate::domain::json::lay_out;
use crate::domain::text::Shown;

/// JSON up to this length stays on one line.
const ONE_LINE: usize = 100;
/// Maximum nesting depth of a body that is pretty-printed.
const MAX_DEPTH: usize = 64;
/// Bodies longer than this many bytes are not pretty-printed.
const MAX_LAYOUT: usize = 256 << 10;

/// Output limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Maximum lines of one body.
    pub(super) lines: usize,
    /// Maximum characters of one line.
    pub(super) width: usize,
}

/// Formats a BODY object; no lines for `null`.
pub(super) fn lines(body: &Json, bounds: Bounds) -> Vec<String> {
    let length = body.member("length").and_then(Json::as_i64);
    let mut out =
        match (body.member("text").and_then(Json::as_str), body.member("base64").and_then(Json::as_str)) {
            (Some(text), _) => text_lines(text, bounds),
            (None, Some(base64)) => {
                vec![format!("({} bytes, not text)", length.unwrap_or_else(|| decoded(base64)))]
            }
            (None, None) => match length {
                Some(0) | None => Vec::new(),
                Some(length) if matches!(body.member("withheld"), Some(Json::Bool(true))) => {
                    vec![format!("({length} bytes, withheld: it could not be masked)")]
                }
                Some(length) => vec![format!("({length} bytes, not recorded)")],
            },
        };
    if matches!(body.member("cut"), Some(Json::Bool(true))) {
        let length = length.map_or_else(String::new, |length| format!(" of {length} bytes"));
        out.push(format!("(the rest{length} was not recorded)"));
    }
    out
}

/// Returns the number of bytes that a base64 text encodes.
pub(super) fn decoded(base64: &str) -> i64 {
    i64::try_from(base64.trim_end_matches('=').len() * 3 / 4).unwrap_or(i64::MAX)
}

/// Formats a text: long JSON is pretty-printed, anything else is unchanged.
pub(super) fn text_lines(text: &str, bounds: Bounds) -> Vec<String> {
    let laid_out =
        (text.len() > ONE_LINE && text.len() <= MAX_LAYOUT && text.trim_start().starts_with(['{', '[']))
            .then(|| Json::parse(text.as_bytes(), MAX_DEPTH).ok())
            .flatten()
            .map(|json| {
                let mut out = String::new();
                lay_out(&json, &mut out);
                out
            });
    plain_lines(laid_out.as_deref().unwrap_or(text), bounds)
}

/// Formats a JSON value, on one line if it is short.
pub(super) fn json_lines(value: &Json, bounds: Bounds) -> Vec<String> {
    text_lines(&value.to_string(), bounds)
}

/// Splits a text into lines, escaped and bounded. Line ends at the end of the text are dropped.
pub(super) fn plain_lines(text: &str, bounds: Bounds) -> Vec<String> {
    let mut lines = text.trim_end_matches(['\n', '\r']).lines();
    let mut out: Vec<String> =
        lines.by_ref().take(bounds.lines).map(|line| bounded(line, bounds.width)).collect();
    let rest = lines.count();
    if rest > 0 {
        out.push(format!("({rest} more lines)"));
    }
    out
}

/// Escapes a line and limits it to `width` characters.
pub(super) fn bounded(line: &str, width: usize) -> String {
    match split(line, width) {
        (line, "") => Shown(line).to_string(),
        (start, rest) => format!("{} ({} more characters)", Shown(start), rest.chars().count()),
    }
}

/// Splits a line after its first `width` characters.
pub(super) fn split(line: &str, width: usize) -> (&str, &str) {
    let end = line.char_indices().nth(width).map_or(line.len(), |(end, _)| end);
    line.split_at_checked(end).unwrap_or((line, ""))
}
