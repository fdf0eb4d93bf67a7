//! A recorded body as lines for people: JSON laid out, text as it is, the rest by its size; all escaped and bounded.

use crate::domain::json::Json;
use crate::domain::json::lay_out;
use crate::domain::text::Shown;

/// JSON up to this length stays on one line.
const ONE_LINE: usize = 100;
/// How deep a body may be nested to be laid out.
const MAX_DEPTH: usize = 64;
/// Bodies above this length are not laid out.
const MAX_LAYOUT: usize = 256 << 10;

/// How much is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Lines of one body.
    pub(super) lines: usize,
    /// Characters of one line.
    pub(super) width: usize,
}

/// The lines of a BODY object; none for `null`.
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

/// How many bytes a base64 text stands for.
pub(super) fn decoded(base64: &str) -> i64 {
    i64::try_from(base64.trim_end_matches('=').len() * 3 / 4).unwrap_or(i64::MAX)
}

/// The lines of a text: JSON laid out where it is long, anything else as it is.
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

/// The lines of a value: one where it is short.
pub(super) fn json_lines(value: &Json, bounds: Bounds) -> Vec<String> {
    text_lines(&value.to_string(), bounds)
}

/// The lines of a text as they are, escaped and bounded. Line ends at the end of the text are left out.
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

/// One line, escaped, with at most `width` characters of it.
pub(super) fn bounded(line: &str, width: usize) -> String {
    match split(line, width) {
        (line, "") => Shown(line).to_string(),
        (start, rest) => format!("{} ({} more characters)", Shown(start), rest.chars().count()),
    }
}

/// The first `width` characters of a line, and the rest.
pub(super) fn split(line: &str, width: usize) -> (&str, &str) {
    let end = line.char_indices().nth(width).map_or(line.len(), |(end, _)| end);
    line.split_at_checked(end).unwrap_or((line, ""))
}
