//! The end of values in quotes and brackets.
//!
//! One character of ordinary text may look like the beginning of a value that never ends. The end is
//! therefore only searched for nearby; if there is none, the value ends with its line.

use super::is_name;

/// How far the end of a value that a stray character may have begun is searched for, in bytes and lines.
pub(super) const FAR: usize = 4 << 10;
const LINES: usize = 64;

/// A value in quotes or brackets.
pub(super) struct Enclosed {
    pub start: usize,
    pub end: usize,
    /// End of the range in which no other name is searched for.
    pub done: usize,
    /// Whether its end may still arrive.
    pub open: bool,
    /// Whether nothing ends it: it is taken to end with its line.
    pub stray: bool,
}

/// Where something ends.
#[derive(Clone, Copy)]
pub(super) enum End {
    At(usize),
    /// In text that has not arrived yet, if at all.
    Later,
    Nowhere,
}

impl End {
    /// Returns the result of a search in a text; `complete`: no more of it follows.
    pub(super) fn of(found: Option<usize>, complete: bool) -> Self {
        found.map_or(if complete { Self::Nowhere } else { Self::Later }, Self::At)
    }

    /// Returns the later one of the ends according to two readings.
    pub(super) fn of_two(one: Option<usize>, two: Option<usize>, complete: bool) -> Self {
        Self::of(if complete { one.max(two) } else { one.zip(two).map(|(one, two)| one.max(two)) }, complete)
    }
}

/// Returns the text in which a value that begins at `start` must end, and whether it is complete.
pub(super) fn reach(text: &[u8], start: usize, whole: bool) -> (&[u8], bool) {
    let rest = text.get(start..).unwrap_or_default();
    let near = rest.get(..FAR).unwrap_or(rest);
    match memchr::memchr_iter(b'\n', near).nth(LINES - 1) {
        Some(size) => (near.get(..size).unwrap_or(near), true),
        None => (near, whole || rest.len() >= FAR),
    }
}

/// Returns the value in quotes or brackets that begins at `start`, if any, in a line that ends at `line_end`.
pub(super) fn enclosed(text: &[u8], start: usize, line_end: usize, whole: bool) -> Option<Enclosed> {
    let (rest, line) = (text.get(start..)?, text.get(start..line_end)?);
    let slashes = line.iter().take_while(|byte| **byte == b'\\').count();
    let sign = *line.get(slashes)?;
    let of = |from: usize, end: usize, done: usize| {
        Some(Enclosed {
            start: start + from,
            end: start + end,
            done: start + done,
            open: false,
            stray: false,
        })
    };
    let is_triple = rest.starts_with(&[sign; 3]) && matches!(sign, b'"' | b'\'' | b'`');
    let from = if is_triple { 3 } else { slashes + 1 };
    // A bracket at the end of its line continues in the next one: its end is searched for at any distance.
    let goes_on = line.get(from..).is_some_and(|line| line.trim_ascii_start().is_empty());
    let is_far = goes_on && (is_triple || matches!(sign, b'{' | b'['));
    let (near, complete) = if is_far { (rest, whole) } else { reach(text, start, whole) };
    let (from, done, end) = match sign {
        _ if is_triple => {
            let end = near.get(3..).and_then(|near| memchr::memmem::find(near, &[sign; 3]));
            (3, None, End::of(end.map(|end| 3 + end), complete))
        }
        b'"' | b'\'' | b'`' => {
            if let Some(end) = closing(line, from, sign, slashes) {
                return of(from, end, end);
            }
            if slashes > 0 {
                return of(from, line.len(), line.len());
            }
            // The closing quote may also open another value, so names after this line are searched for too.
            (from, Some(line.len()), closing_below(near, line.len(), sign, complete))
        }
        b'{' | b'[' if slashes == 0 => {
            let (plain, quoted) = (bracket_end(near, sign, false), bracket_end(near, sign, true));
            (0, None, End::of_two(plain, quoted, complete))
        }
        _ => return None,
    };
    match end {
        End::At(end) => of(from, end, done.unwrap_or(end)),
        End::Nowhere if !is_far => {
            of(from, line.len(), line.len()).map(|found| Enclosed { stray: true, ..found })
        }
        End::Later | End::Nowhere => {
            let open = matches!(end, End::Later);
            of(from, rest.len(), done.unwrap_or(rest.len())).map(|found| Enclosed { open, ..found })
        }
    }
}

/// Returns the closing quote, with as many backslashes before it as the opening one. A doubled quote is
/// literal, as in YAML and SQL.
fn closing(line: &[u8], from: usize, quote: u8, slashes: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = line.get(at..).and_then(|rest| memchr::memchr(quote, rest)) {
        let place = at + found;
        let before =
            line.get(from..place).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\\').count();
        let is_double = slashes == 0 && quote != b'`' && place > from && line.get(place + 1) == Some(&quote);
        if is_double && before % 2 == 0 {
            at = place + 2;
            continue;
        }
        if before == slashes || (slashes == 0 && before % 2 == 0) {
            return Some(place - slashes.min(before));
        }
        at = place + 1;
    }
    None
}

/// Returns the closing quote in one of the lines below. A quote that opens another value, or an apostrophe,
/// does not close this one.
fn closing_below(near: &[u8], from: usize, quote: u8, complete: bool) -> End {
    let mut at = from;
    while let Some(end) = closing(near, at, quote, 0) {
        let (before, after) = (near.get(..end).unwrap_or_default(), near.get(end + 1));
        if after.is_none() && !complete {
            return End::Later;
        }
        let ends = after.is_none_or(|next| next.is_ascii_whitespace() || b",;.:)]}>/'\"`\\".contains(next));
        let sign = before.trim_ascii_end().last().copied().unwrap_or_default();
        if !ends && b"=:([{,".contains(&sign) {
            return End::Nowhere;
        }
        if ends || !before.last().copied().is_some_and(is_name) {
            return End::At(end);
        }
        at = end + 1;
    }
    End::of(None, complete)
}

/// Returns the end of an object or array. `quoted`: brackets in quotes are ignored.
fn bracket_end(text: &[u8], open: u8, quoted: bool) -> Option<usize> {
    let close = if open == b'{' { b'}' } else { b']' };
    let (mut depth, mut quote, mut last) = (0usize, None, 0);
    for (place, byte) in text.iter().copied().enumerate() {
        match (quote, byte) {
            // A quote that is not closed in its line was none.
            (Some(_), b'\n') => quote = None,
            (Some(open), _) if open == byte && last != b'\\' => quote = None,
            (None, b'"' | b'\'' | b'`') if quoted && !is_name(last) && last != b'\\' => quote = Some(byte),
            (None, _) if byte == open => depth += 1,
            (None, _) if byte == close => {
                depth -= 1;
                if depth == 0 {
                    return Some(place + 1);
                }
            }
            _ => {}
        }
        last = if last == b'\\' && byte == b'\\' { 0 } else { byte };
    }
    None
}
