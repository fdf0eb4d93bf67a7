//! Lays out one event as rows, with colours by meaning, masked values and search matches.

use std::ops::Range;
use std::time::Duration;

use regex::Regex;

use crate::domain::event::EventKind;
use crate::domain::mask::REDACTED;
use crate::tui::look::Look;
use crate::tui::look::Role;
use crate::tui::replay::tape::Kept;
use crate::tui::text;
use crate::tui::text::Piece;
use crate::tui::text::Row;
use crate::tui::text::Syntax;

/// Shorter omitted gaps are not mentioned.
const TOLD_GAP: Duration = Duration::from_secs(1);
/// Indentation of continuation lines, in columns: below the words after the time, or less on narrow screens.
const HANG: (u16, u16) = (13, 2);
/// From this width on, in columns, a screen is not narrow in this sense.
const ROOMY: u16 = 50;

/// How rows are laid out.
#[derive(Clone, Copy)]
pub(super) struct Form<'a> {
    /// Width of a row, in columns.
    pub(super) width: u16,
    /// Colours and symbols.
    pub(super) look: &'a Look,
    /// The pattern to highlight.
    pub(super) found: Option<&'a Regex>,
}

/// Lays out the rows of an event.
pub(super) fn rows(event: &Kept, form: Form<'_>) -> Vec<Row> {
    let mut out = Vec::new();
    if event.skipped >= TOLD_GAP {
        let told = text::own_signs(&format!("           » {} left out", gap(event.skipped)), form.look);
        out.extend(text::wrapped(&[(Role::Dim, told)], form.width, 0));
    }
    let hang = if form.width >= ROOMY { HANG.0 } else { HANG.1 };
    for (place, (line, own)) in event.lines().enumerate() {
        let mut pieces = if place == 0 { head(event, line) } else { body(event, line) };
        if event.masked {
            pieces = laid_over(pieces, &masked_values(line), Role::Masked);
        }
        if let Some(regex) = form.found {
            let found: Vec<Range<usize>> =
                regex.find_iter(line).map(|found| found.range()).filter(|range| !range.is_empty()).collect();
            pieces = laid_over(pieces, &found, Role::Found);
        }
        text::own_signs_at(&mut pieces, &own, form.look);
        out.extend(text::wrapped(&pieces, form.width, hang));
    }
    out
}

/// Formats a duration: `34 s`, `2 min 5 s`, `3 h 2 min`.
fn gap(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Styles the first line: the time, the words by the meaning of their leading symbol, and the note on masked
/// values at its end.
fn head(event: &Kept, line: &str) -> Vec<Piece> {
    let (time, words) = match line.split_once(' ') {
        Some((time, words)) if time.starts_with('+') => (format!("{time} "), words),
        _ => (String::new(), line),
    };
    // Only a masked event ends with this note; text by a client comes before it.
    let note = event.masked.then(|| words.rfind("  [masked ")).flatten().unwrap_or(words.len());
    let (words, note) = words.split_at_checked(note).unwrap_or((words, ""));
    let (sign, rest) = words.split_once(' ').unwrap_or((words, ""));
    let (of_sign, of_rest) = match sign {
        "✗" | "!" => (Role::Bad, Role::Bad),
        "✓" => (Role::Good, Role::Good),
        "◷" => (Role::Warn, Role::Warn),
        "▶" | "■" | "●" => (Role::Accent, Role::Accent),
        _ => (Role::Dim, Role::Text),
    };
    vec![
        (Role::Dim, time),
        (of_sign, format!("{sign} ")),
        (of_rest, rest.to_owned()),
        (Role::Masked, note.to_owned()),
    ]
}

/// Styles a later line in the colours of its syntax.
fn body(event: &Kept, line: &str) -> Vec<Piece> {
    let syntax = match event.kind {
        Some(EventKind::SqlQuery) => Syntax::Sql,
        Some(
            EventKind::HttpRequest | EventKind::HttpResponse | EventKind::HttpChunk | EventKind::McpMessage,
        ) if line.trim_start().starts_with(['{', '}', '[', ']', '"']) => Syntax::Json,
        _ => Syntax::Plain,
    };
    text::pieces(line, syntax)
}

/// Finds masked values: words with at least two adjacent stars, and `[REDACTED]`.
fn masked_values(line: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    let ends = line.match_indices(|c: char| c.is_whitespace() || "\"'|│,;()={}".contains(c));
    for (end, delimiter) in ends.chain(std::iter::once((line.len(), ""))) {
        let word = line.get(start..end).unwrap_or_default();
        if word.contains("**") || word.contains(REDACTED) {
            out.push(start..end);
        }
        start = end + delimiter.len();
    }
    out
}

/// Overlays a role on some ranges of the text.
fn laid_over(pieces: Vec<Piece>, places: &[Range<usize>], over: Role) -> Vec<Piece> {
    if places.is_empty() {
        return pieces;
    }
    let mut out: Vec<Piece> = Vec::with_capacity(pieces.len() + places.len() * 2);
    let mut at = 0;
    let mut places = places.iter().peekable();
    for (role, text) in pieces {
        for c in text.chars() {
            while places.next_if(|place| place.end <= at).is_some() {}
            let role = if places.peek().is_some_and(|place| place.contains(&at)) { over } else { role };
            at += c.len_utf8();
            match out.last_mut() {
                Some((last, piece)) if *last == role => piece.push(c),
                _ => out.push((role, c.to_string())),
            }
        }
    }
    out
}
