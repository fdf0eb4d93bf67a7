//! US social security numbers: three, two and four digits, except ranges that are never assigned.

use std::collections::HashSet;

use crate::mask::detect::Span;
use crate::mask::detect::byte_at;
use crate::mask::detect::byte_before;
use crate::mask::detect::scanner::Hit;

/// The reason of a number that a dash joins to other digits: it may be a part of a longer one.
pub(super) const JOINED: &str = "dashes and ranges hold, and a dash joins it to other digits";

/// Words that show what a bare number is. Whole words only.
const CONTEXT: [&str; 7] =
    ["ssn", "ssns", "ssno", "socialsecurity", "social", "socialsecuritynumber", "taxpayer"];

/// Number of words, and bytes, examined before a number.
const WORDS: usize = 5;
const REACH: usize = 80;

/// Returns `ddd-dd-dddd` around its second dash, or with blanks instead if the context indicates it.
pub(super) fn grouped_at(text: &[u8], at: usize, field: &str) -> Option<Span> {
    let start = at.checked_sub(6)?;
    let end = at + 5;
    let gap = byte_at(text, at);
    let number = text.get(start..end)?;
    let (area, rest) = number.split_first_chunk::<3>()?;
    let ([first, group @ ..], rest) = rest.split_first_chunk::<3>()?;
    let ([second, serial @ ..], _) = rest.split_first_chunk::<5>()?;
    let digits = area.iter().chain(group).chain(serial).all(u8::is_ascii_digit);
    if first != second || !digits || !given_out(*area, *group, *serial) {
        return None;
    }
    if !alone(text, start, end, gap) {
        let joined = gap == b'-' && alone(text, start, end, b'.');
        return joined.then_some(Span { start, end, score: 40, reason: JOINED });
    }
    if gap == b'-' {
        Some(Span { start, end, score: 85, reason: "dashes and ranges hold" })
    } else {
        Some(weak(text, start, end, field))
    }
}

/// Finds nine consecutive digits that end before `end`: only with a word of context.
pub(super) fn bare_at(text: &[u8], end: usize, field: &str) -> Option<Span> {
    let start = end.checked_sub(9)?;
    let (area, rest) = text.get(start..end)?.split_first_chunk::<3>()?;
    let (group, serial) = rest.split_first_chunk::<2>()?;
    let known = given_out(*area, *group, *serial.first_chunk::<4>()?);
    (known && alone(text, start, end, b'-')).then(|| weak(text, start, end, field))
}

fn weak(text: &[u8], start: usize, end: usize, field: &str) -> Span {
    if is_context(field) || context_before(text, start) {
        Span { start, end, score: 65, reason: "nine digits, ranges hold, the context tells of it" }
    } else {
        Span { start, end, score: 30, reason: "nine digits, ranges hold, no context" }
    }
}

/// Makes those sure that are joined only to other values.
pub(super) fn clear_up(text: &[u8], hits: &mut [Hit]) {
    let joins =
        |sign: usize, digit: usize| byte_at(text, sign) == b'-' && byte_at(text, digit).is_ascii_digit();
    let values = || hits.iter().filter(|hit| hit.counts() || hit.reason == JOINED);
    let ends: HashSet<usize> = values().map(|hit| hit.end).collect();
    let starts: HashSet<usize> = values().map(|hit| hit.start).collect();
    for hit in hits.iter_mut().filter(|hit| hit.reason == JOINED) {
        let before = hit.start.checked_sub(1).filter(|sign| *sign > 0 && joins(*sign, sign - 1));
        let behind = joins(hit.end, hit.end + 1);
        if before.is_none_or(|sign| ends.contains(&sign)) && (!behind || starts.contains(&(hit.end + 1))) {
            (hit.score, hit.reason) = (85, "dashes and ranges hold, as do those of the value beside it");
        }
    }
}

fn alone(text: &[u8], start: usize, end: usize, gap: u8) -> bool {
    let (before, after) = (byte_before(text, start), byte_at(text, end));
    let two_before = start.checked_sub(1).map_or(0, |at| byte_before(text, at));
    let joined = |byte: u8, further: u8| (byte == gap || byte == b'.') && further.is_ascii_digit();
    let word = |byte: u8| byte.is_ascii_alphanumeric();
    !word(before)
        && before != b'+'
        && !word(after)
        && !joined(before, two_before)
        && !joined(after, byte_at(text, end + 1))
}

/// Returns whether the number can be assigned: not 000, 666 or 9xx; not 00; not 0000.
fn given_out(area: [u8; 3], group: [u8; 2], serial: [u8; 4]) -> bool {
    area != *b"000" && area != *b"666" && area.first() != Some(&b'9') && group != *b"00" && serial != *b"0000"
}

fn context_before(text: &[u8], start: usize) -> bool {
    let Some(before) = text.get(start.saturating_sub(REACH)..start) else { return false };
    let words = before.rsplit(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_' && *byte != b'-');
    words
        .filter(|word| !word.is_empty())
        .take(WORDS)
        .any(|word| std::str::from_utf8(word).is_ok_and(is_context))
}

fn is_context(word: &str) -> bool {
    if word.len() > 40 {
        return false;
    }
    let folded: String =
        word.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect();
    CONTEXT.contains(&folded.as_str())
        || word.to_ascii_lowercase().split(['_', '-', ' ']).any(|part| part == "ssn")
}
