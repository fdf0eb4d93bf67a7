//! Names of fields in free text: `name=value`, `name: value`, `"name": "value"`, `<name>value</name>`.
//!
//! Text has no grammar, so this is a net with a wide mesh: a value ends at the end of its line at the latest, an element's
//! where it is closed.

use memchr::memmem;

use crate::mask::detect::By;
use crate::mask::detect::Hit;
use crate::mask::detect::OPEN;
use crate::mask::field::FieldNames;

/// The longest name that is looked back for.
const NAME: usize = 64;

/// Words after which a credential follows.
const SCHEMES: [&[u8]; 4] = [b"bearer", b"basic", b"token", b"digest"];

/// A name in the text outweighs every shape.
const SCORE: u8 = 110;

/// Appends the values of named fields. `whole`: no more text follows.
pub(super) fn find(fields: &FieldNames, text: &[u8], whole: bool, hits: &mut Vec<Hit>) {
    let mut done = 0;
    for at in memchr::memchr3_iter(b'=', b':', b'>', text) {
        if at < done {
            continue;
        }
        let found = if text.get(at) == Some(&b'>') {
            element(fields, text, at, whole)
        } else {
            named(fields, text, at).map(|(rule, start, end)| (rule, start, end, "the name of the field"))
        };
        if let Some((rule, start, end, reason)) = found
            && start < end
        {
            done = end;
            hits.push(Hit { start, end, score: SCORE, by: By::Field(rule), reason });
        }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || byte >= 0x80
}

/// The value behind a `=` or `:`, if a masked name stands before it.
fn named(fields: &FieldNames, text: &[u8], at: usize) -> Option<(u16, usize, usize)> {
    let before = text.get(at.saturating_sub(NAME + 8)..at)?;
    let before = before.trim_ascii_end();
    let before = before.strip_suffix(b"]").unwrap_or(before);
    let quotes = before.iter().rev().take_while(|byte| matches!(byte, b'"' | b'\'' | b'`' | b'\\')).count();
    let before = before.get(..before.len() - quotes)?;
    let size = before.iter().rev().take(NAME).take_while(|byte| is_name(**byte)).count();
    let name = before.get(before.len() - size..)?;
    let rule = fields.find(name)?;
    let name_start = text.get(..at)?.trim_ascii_end().len().saturating_sub(size + quotes);
    let starts_line = line_start(text, name_start);
    let (start, end) = value(text, at, starts_line)?;
    Some((rule, start, end))
}

/// Whether nothing but white space and list marks stands before a name in its line.
fn line_start(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(NAME)..at).unwrap_or_default();
    let indent =
        before.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t' | b'-' | b'"' | b'\'')).count();
    indent == before.len() || before.get(before.len() - indent - 1) == Some(&b'\n')
}

fn value(text: &[u8], at: usize, starts_line: bool) -> Option<(usize, usize)> {
    let skip = |from: usize, set: &[u8]| {
        from + text.get(from..).map_or(0, |rest| rest.iter().take_while(|byte| set.contains(byte)).count())
    };
    let colon = text.get(at) == Some(&b':');
    let start = skip(at + 1, b" \t=:>");
    let line = text.get(start..)?;
    let line = line.get(..memchr::memchr2(b'\n', b'\r', line).unwrap_or(line.len()))?;
    let slashes = line.iter().take_while(|byte| **byte == b'\\').count();
    if let Some(quote @ (b'"' | b'\'' | b'`')) = line.get(slashes) {
        let from = slashes + 1;
        return Some((start + from, start + closing(line, from, *quote, slashes)));
    }
    if let Some(open @ (b'{' | b'[')) = line.first() {
        return Some((start, start + bracket_end(line, *open)));
    }
    if colon && starts_line {
        let end = line.trim_ascii_end().len();
        return Some((start, start + end));
    }
    let mut size = token(line);
    if let Some(word) = line.get(..size)
        && SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
    {
        let gap = line.iter().skip(size).take_while(|byte| **byte == b' ').count();
        size += gap + token(line.get(size + gap..)?);
    }
    Some((start, start + size))
}

fn token(line: &[u8]) -> usize {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b",;&<>\"'`)]}|".contains(byte);
    line.iter().position(ends).unwrap_or(line.len())
}

/// The closing quote, which has as many backslashes before it as the opening one; the end of the line without one.
fn closing(line: &[u8], from: usize, quote: u8, slashes: usize) -> usize {
    let mut at = from;
    while let Some(found) = line.get(at..).and_then(|rest| memchr::memchr(quote, rest)) {
        let place = at + found;
        let before =
            line.get(from..place).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\\').count();
        if before == slashes || (slashes == 0 && before % 2 == 0) {
            return place - slashes.min(before);
        }
        at = place + 1;
    }
    line.len()
}

/// The end of an object or array in a line, quotes not looked at: too much is masked rather than too little.
fn bracket_end(line: &[u8], open: u8) -> usize {
    let close = if open == b'{' { b'}' } else { b']' };
    let mut depth = 0usize;
    for (place, byte) in line.iter().enumerate() {
        if *byte == open {
            depth += 1;
        } else if *byte == close {
            depth -= 1;
            if depth == 0 {
                return place + 1;
            }
        }
    }
    line.len()
}

/// The content of an element whose start tag ends at `at`.
fn element(
    fields: &FieldNames,
    text: &[u8],
    at: usize,
    whole: bool,
) -> Option<(u16, usize, usize, &'static str)> {
    let before = text.get(at.saturating_sub(1024)..at)?;
    if before.ends_with(b"/") {
        return None;
    }
    let tag = before.get(memchr::memrchr(b'<', before)? + 1..)?;
    let size =
        tag.iter().position(|byte| !is_name(*byte) && !matches!(byte, b':' | b'.')).unwrap_or(tag.len());
    let full = tag.get(..size)?;
    let local = full.rsplit(|byte| *byte == b':').next()?;
    let rule = fields.find(local)?;
    let start = at + 1;
    let rest = text.get(start..)?;
    for close in memmem::find_iter(rest, b"</") {
        let name = rest.get(close + 2..close + 2 + full.len());
        if name.is_some_and(|name| name.eq_ignore_ascii_case(full)) {
            return Some((rule, start, start + close, "the name of the element"));
        }
    }
    let reason = if whole { "the name of the element" } else { OPEN };
    Some((rule, start, text.len(), reason))
}
