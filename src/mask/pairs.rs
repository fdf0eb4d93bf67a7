//! Names of fields in free text: `name=value`, `name: value`, `"name": "value"`, `<name>value</name>`.
//!
//! Text has no grammar, so this is a heuristic: a value ends at the end of its line, unless it is one that
//! continues: in an element, in quotes, in brackets, or in lines that are indented more than its name. A
//! value that has begun and not ended is held back. If one stray character of ordinary text may have begun
//! the value, its end is only searched for nearby; a value without an end there ends with its line too.

mod ends;
mod markup;
mod yaml;

pub(super) use markup::is_markup;

use crate::mask::detect::By;
use crate::mask::detect::Hit;
use crate::mask::detect::OPEN;
use crate::mask::field::FieldNames;
use crate::mask::pairs::ends::FAR;
use crate::mask::pairs::ends::enclosed;
use crate::mask::view::View;

/// Maximum length of a name, in bytes.
const NAME: usize = 64;

/// How far before a parameter the `<` of its address is searched for, in bytes.
const ADDRESS: usize = 2 << 10;

/// Words that are followed by a credential.
const SCHEMES: [&[u8]; 4] = [b"bearer", b"basic", b"token", b"digest"];

/// A name in the text outweighs every shape.
const SCORE: u8 = 110;

/// The value of a name.
struct Value {
    rule: u16,
    /// Start of its name, or of the tag.
    from: usize,
    start: usize,
    end: usize,
    /// End of the range in which nothing else is searched for.
    done: usize,
    /// Whether more text may extend it.
    open: bool,
}

/// What is known about a text besides its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// No more text follows.
    pub whole: bool,
    /// It is XML or HTML.
    pub markup: bool,
}

impl Seen {
    /// Creates one for a complete text.
    pub(super) fn whole(text: &[u8]) -> Self {
        Self { whole: true, markup: is_markup(text) == Some(true) }
    }
}

/// Appends the values of masked fields whose names begin before `names`.
pub(super) fn find(fields: &FieldNames, text: &[u8], names: usize, seen: Seen, hits: &mut Vec<Hit>) {
    let (mut done, mut element) = (0, 0..0);
    // Where the line, and the tag, may end that the next name is in: searched for once for all names before.
    let (mut line_end, mut close) = (0, 0);
    for at in memchr::memchr3_iter(b'=', b':', b'<', text) {
        let is_tag = text.get(at) == Some(&b'<');
        // A tag in a value may begin an element that continues after it.
        if if is_tag { at < element.end } else { at < done || element.contains(&at) } {
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let found = if is_tag {
            if close <= at {
                close = at + memchr::memchr(b'>', rest).unwrap_or(rest.len());
            }
            markup::element(fields, text, (at, close), seen)
        } else {
            if line_end <= at {
                line_end = at + line_len(rest);
            }
            named(fields, text, (at, line_end), seen.whole)
        };
        let Some(found) = found.filter(|found| found.from < names) else { continue };
        let (by, open) = (By::Field(found.rule), found.open && !seen.whole);
        if is_tag {
            element = found.start..found.end;
        } else {
            done = found.done;
        }
        if open {
            // From its name on, so that this is still available when the rest arrives.
            hits.push(Hit { start: found.from, end: text.len(), score: SCORE, by, reason: OPEN });
        } else if found.start < found.end {
            let reason = if is_tag { "the name of the element" } else { "the name of the field" };
            hits.push(Hit { start: found.start, end: found.end, score: SCORE, by, reason });
        }
    }
}

/// Returns whether [`find`] may find anything in a text: checks the characters before each separator.
pub(super) fn may_find(fields: &FieldNames, text: &[u8]) -> bool {
    let before = |at: usize| at.checked_sub(1).and_then(|before| text.get(before)).copied();
    let loose = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'`' | b'\\' | b']');
    let (mut closes, mut asks) = (None, None);
    memchr::memchr2(b'%', b'&', text).is_some()
        || memchr::memchr3_iter(b'=', b':', b'<', text).any(|at| match text.get(at) {
            Some(b'<') => *closes.get_or_insert_with(|| memchr::memchr(b'>', text).is_some()),
            sign => {
                before(at).is_some_and(|byte| loose(byte) || fields.may_end(byte))
                    || sign == Some(&b'=')
                        && *asks.get_or_insert_with(|| memchr::memchr2(b'?', b'#', text).is_some())
            }
        })
}

/// Returns the length of the first line of a text.
fn line_len(text: &[u8]) -> usize {
    memchr::memchr2(b'\n', b'\r', text).unwrap_or(text.len())
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || byte >= 0x80
}

/// Returns the value after a `=` or `:`, if a masked name precedes it.
fn named(fields: &FieldNames, text: &[u8], (at, line_end): (usize, usize), whole: bool) -> Option<Value> {
    let parameter = parameter(text, at);
    if let Some(name) = parameter
        && let Some(rule) = find_parameter(fields, name)
    {
        let (start, end, done, open) = value(text, (at, line_end), None, Kind::PARAMETER, whole)?;
        return Some(Value { rule, from: at - name.len(), start, end, done, open });
    }
    let before = text.get(at.saturating_sub(NAME + 8)..at)?;
    let before = without_index(before.trim_ascii_end());
    let quotes = before.iter().rev().take_while(|byte| matches!(byte, b'"' | b'\'' | b'`' | b'\\')).count();
    let before = before.get(..before.len() - quotes)?;
    let size = before.iter().rev().take(NAME).take_while(|byte| is_name(**byte)).count();
    let name = before.get(before.len() - size..)?;
    let rule = fields.find(name)?;
    let from = text.get(..at)?.trim_ascii_end().len().saturating_sub(size + quotes);
    let key = key_start(text, from);
    if let Some((start, end, open)) = key.and_then(|key| yaml::block(text, key, (at, line_end)))
        && !(whole && text.get(start..end)?.trim_ascii().is_empty())
    {
        return Some(Value { rule, from, start, end, done: end, open });
    }
    let flows = key.is_none() && matches!(text.get(..from)?.trim_ascii_end().last(), Some(b'{' | b','));
    let kind = Kind { quoted: quotes > 0, flows, in_address: parameter.is_some() };
    let (start, end, done, open) = value(text, (at, line_end), key, kind, whole)?;
    Some(Value { rule, from, start, end, done, open })
}

/// Returns the name of a parameter of an address, which follows a `?`, `&` or `#`, if its `=` is at `at`.
fn parameter(text: &[u8], at: usize) -> Option<&[u8]> {
    let before = text.get(at.saturating_sub(NAME + 8)..at).filter(|_| text.get(at) == Some(&b'='))?;
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"?&#=;<>\"'`".contains(byte);
    let start = before.iter().rposition(ends)?;
    matches!(before.get(start)?, b'?' | b'&' | b'#').then(|| before.get(start + 1..))?
}

/// Returns the rule that masks a parameter.
fn find_parameter(fields: &FieldNames, name: &[u8]) -> Option<u16> {
    if memchr::memchr(b'%', name).is_none() {
        return fields.find(name);
    }
    let mut view = View::default();
    view.of_percent(name);
    fields.find(view.text())
}

/// Returns a name without the `[]`, `[0]` or `]` at its end.
fn without_index(name: &[u8]) -> &[u8] {
    let Some(inside) = name.strip_suffix(b"]") else { return name };
    let digits = inside.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    match inside.get(..inside.len() - digits).and_then(|before| before.strip_suffix(b"[")) {
        Some(before) => without_index(before),
        None => inside,
    }
}

/// Returns the start of the key that a name ends, including an anchor or tag before it, if only white space
/// and list and key markers precede it in its line.
fn key_start(text: &[u8], name: usize) -> Option<usize> {
    let line = text.get(name.saturating_sub(NAME)..name)?;
    let line = line.get(memchr::memrchr(b'\n', line).map_or(0, |end| end + 1)..)?;
    let path = if line.ends_with(b".") {
        line.iter().rev().take_while(|byte| is_name(**byte) || **byte == b'.').count()
    } else {
        0
    };
    let mut before = line.get(..line.len() - path)?;
    loop {
        let is_mark = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'-' | b'?' | b'"' | b'\'');
        let marks = before.iter().rev().take_while(is_mark).count();
        if marks == before.len() {
            // Its quotes belong to it.
            let quotes = before.iter().rev().take_while(|byte| matches!(byte, b'"' | b'\'')).count();
            return Some(name - (line.len() - before.len()) - quotes);
        }
        let words = before.get(..before.len() - marks)?;
        let word = words.iter().rev().take_while(|byte| !byte.is_ascii_whitespace()).count();
        if marks == 0 || !matches!(words.get(words.len() - word)?, b'&' | b'!') {
            return None;
        }
        before = words.get(..words.len() - word)?;
    }
}

/// What is known of a name and its value.
#[derive(Debug, Clone, Copy)]
struct Kind {
    /// The name is in quotes.
    quoted: bool,
    /// It is in an inline object.
    flows: bool,
    /// It is a parameter of an address.
    in_address: bool,
}

impl Kind {
    const PARAMETER: Self = Self { quoted: false, flows: false, in_address: true };
}

/// Returns start and end of the value after a separator, the end of the range in which nothing else is
/// searched for, and whether more text may extend it. `key` is the start of its key if that begins its line.
fn value(
    text: &[u8],
    (at, line_end): (usize, usize),
    key: Option<usize>,
    kind: Kind,
    whole: bool,
) -> Option<(usize, usize, usize, bool)> {
    let colon = text.get(at) == Some(&b':');
    let rest = text.get(at + 1..)?;
    let start = at + 1 + rest.iter().take_while(|byte| b" \t=:>".contains(byte)).count();
    let line = text.get(start..line_end)?;
    if line.is_empty() {
        return below(text, (at, start), colon && !kind.quoted && !kind.flows, whole);
    }
    let found = enclosed(text, start, line_end, whole);
    if let Some(found) = found.as_ref().filter(|found| !found.stray) {
        let more = if kind.in_address && !found.open { parameter_len(text.get(found.end..)?) } else { 0 };
        let end = found.end + more;
        return Some((found.start, end, found.done.max(end), found.open));
    }
    if colon && let Some(key) = key {
        let (end, open) = yaml::continued(text, key, line_end, start + line.trim_ascii_end().len());
        return Some((start, end, end, open));
    }
    if let Some(stray) = found {
        return Some((stray.start, stray.end, stray.done, false));
    }
    let token = if kind.in_address { parameter_len } else { token };
    let mut size = token(line);
    if kind.in_address {
        size = in_brackets(text, at, line.get(..size)?).unwrap_or(size);
    }
    if colon && kind.flows {
        size = line
            .iter()
            .take(FAR)
            .position(|byte| b",}]".contains(byte))
            .unwrap_or(line.len().min(FAR))
            .max(size);
    }
    if let Some(word) = line.get(..size)
        && SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
    {
        let gap = line.iter().skip(size).take_while(|byte| **byte == b' ').count();
        size += gap + token(line.get(size + gap..)?);
    }
    Some((start, start + size, start + size, false))
}

/// Returns a value in the lines below its separator, as for [`value`]. Under a `bare` name and a colon it
/// must be in quotes or brackets.
fn below(
    text: &[u8],
    (at, line_end): (usize, usize),
    bare: bool,
    whole: bool,
) -> Option<(usize, usize, usize, bool)> {
    let start = line_end + text.get(line_end..)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let rest = text.get(start..)?;
    if rest.is_empty() {
        return Some((at + 1, at + 1, at + 1, true));
    }
    let found = match enclosed(text, start, start + line_len(rest), whole) {
        Some(found) => (found.start, found.end, found.done, found.open),
        None if bare => return None,
        None => (start, start + token(rest), start + token(rest), false),
    };
    // A text with a value of its own is a name: there is no value after the separator.
    let behind = text.get(found.1..)?.iter().find(|byte| !b" \t\"'`".contains(byte));
    let is_name = matches!(behind, Some(b'=' | b':'))
        || text.get(found.0..found.1)?.iter().any(|byte| matches!(byte, b'=' | b':'));
    (found.3 || !is_name).then_some(found)
}

/// Returns the length of a parameter's value. An apostrophe in a word does not end it.
fn parameter_len(line: &[u8]) -> usize {
    let is_word = |at: usize| line.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let ends = |(at, byte): (usize, &u8)| {
        byte.is_ascii_whitespace() || b"&#<\"`".contains(byte) || (*byte == b'\'' && !is_word(at + 1))
    };
    line.iter().enumerate().position(ends).unwrap_or(line.len())
}

/// Returns the length of a parameter's value, whose `=` is at `at`, up to the `>` that closes its address, as
/// in `Link: <address>; rel=next`.
fn in_brackets(text: &[u8], at: usize, value: &[u8]) -> Option<usize> {
    let closes = |end: &usize| value.get(end + 1).is_none_or(|next| b";,".contains(next));
    let end = memchr::memchr_iter(b'>', value).find(closes)?;
    let before = text.get(at.saturating_sub(ADDRESS)..at)?;
    let address = before.get(memchr::memrchr(b'<', before)?..)?;
    let is_one = !address.iter().any(|byte| byte.is_ascii_whitespace() || b">\"'`".contains(byte));
    is_one.then_some(end)
}

fn token(line: &[u8]) -> usize {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b",;&<>\"'`)]}|".contains(byte);
    line.iter().position(ends).unwrap_or(line.len())
}

#[cfg(test)]
mod tests;
