//! Elements of XML and HTML that are named like a masked field, over as many lines as they take.

use memchr::memmem;

use super::Value;
use super::is_name;
use crate::mask::field::FieldNames;

/// How far the end of a start tag is looked for with its quotes in mind.
const LONGEST_TAG: usize = 8 << 10;

/// What holds no tags: what it begins and ends with.
const SKIPPED: [(&str, &str); 2] = [("<![CDATA[", "]]>"), ("<!--", "-->")];

/// The content of an element whose start tag begins at `at`.
pub(super) fn element(fields: &FieldNames, text: &[u8], at: usize, whole: bool) -> Option<Value> {
    let tag = text.get(at + 1..)?;
    let size = tag.iter().position(|byte| !is_tag_name(*byte)).unwrap_or(tag.len());
    let full = tag.get(..size)?;
    let rule = fields.find(full.rsplit(|byte| *byte == b':').next()?)?;
    let inside = tag.get(size..)?;
    if !inside.first().is_none_or(|next| next.is_ascii_whitespace() || matches!(next, b'/' | b'>')) {
        return None;
    }
    let of = |start: usize, end: usize, open| Value { rule, from: at, start, end, done: end, open };
    let first = match tag_end(inside)? {
        Ends::At(end) if inside.get(..end)?.ends_with(b"/") => return None,
        // The first sign that may be its end: quotes are not read alike everywhere.
        Ends::At(_) => memchr::memchr(b'>', inside)?,
        Ends::Later if whole => memchr::memchr(b'>', inside)?,
        Ends::Later => return Some(of(text.len(), text.len(), true)),
    };
    let start = at + 1 + size + first + 1;
    let end = element_end(text.get(start..)?, full).map(|end| start + end);
    Some(of(start, end.unwrap_or(text.len()), end.is_none()))
}

fn is_tag_name(byte: u8) -> bool {
    is_name(byte) || matches!(byte, b':' | b'.')
}

/// Where a start tag ends.
enum Ends {
    At(usize),
    /// In text that is still to come.
    Later,
}

/// The end of a start tag, of which the text behind its name is given; `None` if it is none, since another tag begins first.
fn tag_end(inside: &[u8]) -> Option<Ends> {
    let (mut quote, mut last) = (None, 0);
    for (place, byte) in inside.iter().copied().enumerate() {
        if place == LONGEST_TAG {
            return Some(memchr::memchr(b'>', inside).map_or(Ends::Later, Ends::At));
        }
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (None, b'"' | b'\'') if last == b'=' => quote = Some(byte),
            (None, b'>') => return Some(Ends::At(place)),
            (None, b'<') => return None,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            last = byte;
        }
    }
    Some(Ends::Later)
}

/// Where the end tag of an element stands: not within another one of its name, a comment or a section of characters.
fn element_end(rest: &[u8], full: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0usize);
    let is_named = |tag: &[u8]| {
        tag.get(..full.len()).is_some_and(|name| name.eq_ignore_ascii_case(full))
            && tag.get(full.len()).is_none_or(|next| !is_tag_name(*next))
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
