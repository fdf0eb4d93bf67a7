//! Names of fields in free text: `name=value`, `name: value`, `"name": "value"`, `<name>value</name>`.
//!
//! Text has no grammar, so this is a net with a wide mesh: a value ends at the end of its line, unless it is one that goes on: in an
//! element, in quotes, in brackets, or in lines that are indented more than its name. What has begun and not ended is held back, and what
//! never ends is masked to the end.

mod markup;
mod yaml;

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

/// The value behind a name.
struct Value {
    rule: u16,
    /// Where its name begins, or the tag.
    from: usize,
    start: usize,
    end: usize,
    /// Up to where nothing else is looked for.
    done: usize,
    /// Whether more text may add to it.
    open: bool,
}

/// Appends the values of named fields whose names begin before `names`. `whole`: no more text follows.
pub(super) fn find(fields: &FieldNames, text: &[u8], names: usize, whole: bool, hits: &mut Vec<Hit>) {
    let (mut done, mut element) = (0, 0..0);
    for at in memchr::memchr3_iter(b'=', b':', b'<', text) {
        let is_tag = text.get(at) == Some(&b'<');
        if at < done || element.contains(&at) || (is_tag && at < element.end) {
            continue;
        }
        let found =
            if is_tag { markup::element(fields, text, at, whole) } else { named(fields, text, at, whole) };
        let Some(found) = found.filter(|found| found.from < names) else { continue };
        let (by, open) = (By::Field(found.rule), found.open && !whole);
        if is_tag {
            element = found.start..found.end;
        } else {
            done = found.done;
        }
        if open {
            // From its name on, so that this is still there when the rest has come.
            hits.push(Hit { start: found.from, end: text.len(), score: SCORE, by, reason: OPEN });
        } else if found.start < found.end {
            let reason = if is_tag { "the name of the element" } else { "the name of the field" };
            hits.push(Hit { start: found.start, end: found.end, score: SCORE, by, reason });
        }
    }
}

/// Whether [`find`] may find anything in a text: a look at what stands before each sign.
pub(super) fn may_find(fields: &FieldNames, text: &[u8]) -> bool {
    let before = |at: usize| at.checked_sub(1).and_then(|before| text.get(before)).copied();
    let loose = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'`' | b'\\' | b']');
    let mut closes = None;
    memchr::memchr2(b'%', b'&', text).is_some()
        || memchr::memchr3_iter(b'=', b':', b'<', text).any(|at| match text.get(at) {
            Some(b'<') => *closes.get_or_insert_with(|| memchr::memchr(b'>', text).is_some()),
            _ => before(at).is_some_and(|byte| loose(byte) || fields.may_end(byte)),
        })
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || byte >= 0x80
}

/// The value behind a `=` or `:`, if a masked name stands before it.
fn named(fields: &FieldNames, text: &[u8], at: usize, whole: bool) -> Option<Value> {
    let before = text.get(at.saturating_sub(NAME + 8)..at)?;
    let before = before.trim_ascii_end();
    let before = before.strip_suffix(b"]").unwrap_or(before);
    let quotes = before.iter().rev().take_while(|byte| matches!(byte, b'"' | b'\'' | b'`' | b'\\')).count();
    let before = before.get(..before.len() - quotes)?;
    let size = before.iter().rev().take(NAME).take_while(|byte| is_name(**byte)).count();
    let name = before.get(before.len() - size..)?;
    let rule = fields.find(name)?;
    let from = text.get(..at)?.trim_ascii_end().len().saturating_sub(size + quotes);
    let key = key_start(text, from);
    if let Some((start, end, open)) = key.and_then(|key| yaml::block(text, key, at))
        && !(whole && text.get(start..end)?.trim_ascii().is_empty())
    {
        return Some(Value { rule, from, start, end, done: end, open });
    }
    let (start, end, done, open) = value(text, at, key, quotes > 0)?;
    Some(Value { rule, from, start, end, done, open })
}

/// Where the key that a name ends begins, if nothing but white space and list marks stands before it in its line.
fn key_start(text: &[u8], name: usize) -> Option<usize> {
    let before = text.get(name.saturating_sub(NAME)..name)?;
    let path = if before.ends_with(b".") {
        before.iter().rev().take_while(|byte| is_name(**byte) || **byte == b'.').count()
    } else {
        0
    };
    let before = before.get(..before.len() - path)?;
    let is_mark = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'-' | b'"' | b'\'');
    let indent = before.iter().rev().take_while(is_mark).count();
    let starts_line = indent == before.len() || before.get(before.len() - indent - 1) == Some(&b'\n');
    starts_line.then_some(name - path)
}

/// Where the value behind a sign begins and ends, up to where nothing else is in it, and whether more text may add to it. `key` is where
/// its key begins if that begins its line.
fn value(text: &[u8], at: usize, key: Option<usize>, quoted: bool) -> Option<(usize, usize, usize, bool)> {
    let colon = text.get(at) == Some(&b':');
    let rest = text.get(at + 1..)?;
    let start = at + 1 + rest.iter().take_while(|byte| b" \t=:>".contains(byte)).count();
    let rest = text.get(start..)?;
    let line = rest.get(..memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len()))?;
    if line.is_empty() {
        return below(text, at, start, colon && !quoted);
    }
    if let Some(found) = enclosed(text, start) {
        return Some(found);
    }
    if colon && let Some(key) = key {
        let (end, open) = yaml::continued(text, key, start, start + line.trim_ascii_end().len());
        return Some((start, end, end, open));
    }
    let mut size = token(line);
    if let Some(word) = line.get(..size)
        && SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
    {
        let gap = line.iter().skip(size).take_while(|byte| **byte == b' ').count();
        size += gap + token(line.get(size + gap..)?);
    }
    Some((start, start + size, start + size, false))
}

/// A value in quotes or brackets, as for [`value`].
fn enclosed(text: &[u8], start: usize) -> Option<(usize, usize, usize, bool)> {
    let rest = text.get(start..)?;
    let line = rest.get(..memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len()))?;
    let slashes = line.iter().take_while(|byte| **byte == b'\\').count();
    if let Some(quote @ (b'"' | b'\'' | b'`')) = line.get(slashes) {
        let from = slashes + 1;
        let long = [*quote; 3];
        if rest.starts_with(&long) {
            let end = memchr::memmem::find(rest.get(3..)?, &long).map(|end| 3 + end);
            let (end, open) = (end.unwrap_or(rest.len()), end.is_none());
            return Some((start + 3, start + end, start + end, open));
        }
        if let Some(end) = closing(line, from, *quote, slashes) {
            return Some((start + from, start + end, start + end, false));
        }
        let done = start + line.len();
        if slashes > 0 {
            return Some((start + from, done, done, false));
        }
        // What closes it may as well open another value, so that those after this line are looked for, too.
        let end = closing(rest, from, *quote, 0);
        return Some((start + from, start + end.unwrap_or(rest.len()), done, end.is_none()));
    }
    let open = line.first().filter(|first| matches!(first, b'{' | b'['))?;
    let end = bracket_end(rest, *open);
    let (end, open) = (start + end.unwrap_or(rest.len()), end.is_none());
    Some((start, end, end, open))
}

/// A value in the lines below its sign, as for [`value`]. Under a `bare` name and a colon it is in quotes or brackets.
fn below(text: &[u8], at: usize, line_end: usize, bare: bool) -> Option<(usize, usize, usize, bool)> {
    let start = line_end + text.get(line_end..)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let rest = text.get(start..)?;
    if rest.is_empty() {
        return Some((at + 1, at + 1, at + 1, true));
    }
    let found = match enclosed(text, start) {
        Some(found) => found,
        None if bare => return None,
        None => (start, start + token(rest), start + token(rest), false),
    };
    // What has a value of its own is a name: there is none behind the sign.
    let behind = text.get(found.1..)?.iter().find(|byte| !b" \t\"'`".contains(byte));
    let is_name = matches!(behind, Some(b'=' | b':'))
        || text.get(found.0..found.1)?.iter().any(|byte| matches!(byte, b'=' | b':'));
    (found.3 || !is_name).then_some(found)
}

fn token(line: &[u8]) -> usize {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b",;&<>\"'`)]}|".contains(byte);
    line.iter().position(ends).unwrap_or(line.len())
}

/// The closing quote, which has as many backslashes before it as the opening one.
fn closing(line: &[u8], from: usize, quote: u8, slashes: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = line.get(at..).and_then(|rest| memchr::memchr(quote, rest)) {
        let place = at + found;
        let before =
            line.get(from..place).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\\').count();
        if before == slashes || (slashes == 0 && before % 2 == 0) {
            return Some(place - slashes.min(before));
        }
        at = place + 1;
    }
    None
}

/// The end of an object or array, quotes not looked at: too much is masked rather than too little.
fn bracket_end(text: &[u8], open: u8) -> Option<usize> {
    let close = if open == b'{' { b'}' } else { b']' };
    let mut depth = 0usize;
    for place in memchr::memchr2_iter(open, close, text) {
        if text.get(place) == Some(&open) {
            depth += 1;
        } else {
            depth -= 1;
            if depth == 0 {
                return Some(place + 1);
            }
        }
    }
    None
}
