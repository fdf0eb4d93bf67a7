//! Names of fields in free text: `name=value`, `name: value`, `"name": "value"`, `<name>value</name>`.
//!
//! Text has no grammar, so this is a net with a wide mesh: a value ends at the end of its line at the latest, an element's
//! where it is closed, one of YAML that begins in the next line where the lines are indented no more.

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
            named(fields, text, at, whole)
        };
        if let Some((rule, start, end, reason)) = found
            && start < end
        {
            done = end;
            hits.push(Hit { start, end, score: SCORE, by: By::Field(rule), reason });
        }
    }
}

/// Whether [`find`] may find anything in a text: a look at what stands before each sign.
pub(super) fn may_find(fields: &FieldNames, text: &[u8]) -> bool {
    let before = |at: usize| at.checked_sub(1).and_then(|before| text.get(before)).copied();
    let loose = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'`' | b'\\' | b']');
    let mut opens = None;
    memchr::memchr2(b'%', b'&', text).is_some()
        || memchr::memchr3_iter(b'=', b':', b'>', text).any(|at| match text.get(at) {
            Some(b'>') => *opens.get_or_insert_with(|| memchr::memchr(b'<', text).is_some()),
            _ => before(at).is_some_and(|byte| loose(byte) || fields.may_end(byte)),
        })
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || byte >= 0x80
}

/// The value behind a `=` or `:`, if a masked name stands before it.
fn named(
    fields: &FieldNames,
    text: &[u8],
    at: usize,
    whole: bool,
) -> Option<(u16, usize, usize, &'static str)> {
    const REASON: &str = "the name of the field";
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
    if starts_line
        && let Some((start, end, ended)) = block(text, name_start, at)
        && !(whole && text.get(start..end)?.trim_ascii().is_empty())
    {
        return Some((rule, start, end, if ended || whole { REASON } else { OPEN }));
    }
    let (start, end) = value(text, at, starts_line)?;
    Some((rule, start, end, REASON))
}

/// A value of YAML that begins in the line after its name: where it begins and ends, and whether more text can add to it.
fn block(text: &[u8], name: usize, at: usize) -> Option<(usize, usize, bool)> {
    if text.get(at) != Some(&b':') {
        return None;
    }
    let line_end = at + 1 + memchr::memchr(b'\n', text.get(at + 1..)?)?;
    let rest = text.get(at + 1..line_end)?.trim_ascii();
    let rest = rest.split(|byte| *byte == b'#').next()?.trim_ascii();
    let marks = |rest: &[u8]| rest.iter().all(|byte| matches!(byte, b'+' | b'-' | b'0'..=b'9'));
    let header = match rest.split_first() {
        None => true,
        Some((b'|' | b'>', marked)) => marks(marked),
        // An anchor or a tag may stand before the value.
        Some((b'&' | b'!', name)) => !name.contains(&b' '),
        _ => false,
    };
    if !header {
        return None;
    }
    let column = name - text.get(..name)?.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let (mut start, mut end, mut at) = (None, line_end, line_end + 1);
    while let Some(line) = text.get(at..).filter(|line| !line.is_empty()) {
        let size = memchr::memchr(b'\n', line);
        let bare = line.get(..size.unwrap_or(line.len()))?;
        let indent = bare.iter().take_while(|byte| **byte == b' ').count();
        let item = rest.is_empty() && indent == column && bare.get(indent..)?.starts_with(b"- ");
        let blank = bare.trim_ascii().is_empty();
        if !blank && indent <= column && !item {
            return start.map(|start| (start, end, true));
        }
        if !blank {
            start.get_or_insert(at + indent);
            end = at + bare.trim_ascii_end().len();
        }
        let Some(size) = size else { break };
        at += size + 1;
    }
    // As long as nothing of it is there, the end of the line is held back.
    Some(start.map_or((line_end, line_end + 1, false), |start| (start, end, false)))
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
    if let Some(close) = element_end(rest, full) {
        return Some((rule, start, start + close, "the name of the element"));
    }
    let reason = if whole { "the name of the element" } else { OPEN };
    Some((rule, start, text.len(), reason))
}

/// What holds no tags: what it begins and ends with.
const SKIPPED: [(&str, &str); 2] = [("<![CDATA[", "]]>"), ("<!--", "-->")];

/// Where the end tag of an element stands: not within another one of its name, a comment or a section of characters.
fn element_end(rest: &[u8], full: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0usize);
    let is_named = |tag: &[u8]| {
        tag.get(..full.len()).is_some_and(|name| name.eq_ignore_ascii_case(full))
            && tag.get(full.len()).is_none_or(|next| !is_name(*next) && !matches!(next, b':' | b'.'))
    };
    loop {
        at += memchr::memchr(b'<', rest.get(at..)?)?;
        let tag = rest.get(at..)?;
        let skipped = SKIPPED.iter().find(|(open, _)| tag.starts_with(open.as_bytes()));
        if let Some((open, close)) = skipped {
            at += open.len() + memmem::find(tag.get(open.len()..)?, close.as_bytes())? + close.len();
            continue;
        }
        if tag.get(2..).is_some_and(|name| tag.starts_with(b"</") && is_named(name)) {
            if depth == 0 {
                return Some(at);
            }
            depth -= 1;
        } else if tag.get(1..).is_some_and(is_named) {
            let end = memchr::memchr(b'>', tag)?;
            depth += usize::from(tag.get(end - 1) != Some(&b'/'));
        }
        at += 1;
    }
}
