//! Elements of XML and HTML that are named like a masked field, over any number of lines.
//!
//! XML and HTML parse a tag differently, and so do their readers: if two readings end an element in different
//! places, the later one applies.

use memchr::memmem;

use super::Seen;
use super::Value;
use super::ends::End;
use super::ends::reach;
use super::is_name;
use crate::mask::field::FieldNames;

/// How far the end of a start tag is searched for with its quotes considered.
const LONGEST_TAG: usize = 8 << 10;

/// Sections without tags: their beginning and end.
const SKIPPED: [(&str, &str); 3] = [("<![CDATA[", "]]>"), ("<!--", "-->"), ("<?", "?>")];

/// Returns whether a text is markup, by its beginning; `None`: too little text to tell.
pub(in crate::mask) fn is_markup(text: &[u8]) -> Option<bool> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    let (first, rest) = text.split_first()?;
    Some(
        *first == b'<' && rest.first().is_some_and(|next| next.is_ascii_alphabetic() || b"!?".contains(next)),
    )
}

/// Returns the content of an element whose start tag begins at `at`. `close` is the first `>` behind it, or
/// the end of the text.
pub(super) fn element(
    fields: &FieldNames,
    text: &[u8],
    (at, close): (usize, usize),
    seen: Seen,
) -> Option<Value> {
    let tag = text.get(at + 1..)?;
    let size = tag.iter().position(|byte| !is_tag_name(*byte)).unwrap_or(tag.len());
    let full = tag.get(..size)?;
    let rule = fields.find(full.rsplit(|byte| *byte == b':').next()?)?;
    let inside = tag.get(size..)?;
    if !inside.first().is_none_or(|next| next.is_ascii_whitespace() || matches!(next, b'/' | b'>')) {
        return None;
    }
    let close = Some(close).filter(|close| *close < text.len());
    if seen.whole && close.is_none() {
        return None;
    }
    let first = close.map(|close| close - at - 1 - size);
    let of = |start: usize, end: usize, open| Some(Value { rule, from: at, start, end, done: end, open });
    let end = match tag_end(inside, || first) {
        End::At(end) => end,
        End::Nowhere => return None,
        End::Later if seen.whole => first?,
        End::Later => return of(text.len(), text.len(), true),
    };
    // The first character that may be its end: readers interpret quotes differently.
    let start = close? + 1;
    // In XML it has no content, in HTML it may.
    let is_empty = inside.get(..end)?.ends_with(b"/");
    let before = text.get(..at)?.trim_ascii_end();
    let stands_alone = before.is_empty()
        || before.ends_with(b">")
        || memchr::memchr(b'\n', text.get(before.len()..at)?).is_some();
    if seen.markup && stands_alone && !is_empty {
        // It ends, or the text is not what it appears to be.
        let end = element_end(text.get(start..)?, full, seen.whole, true).map(|end| start + end);
        return of(start, end.unwrap_or(text.len()), end.is_none());
    }
    let (near, complete) = reach(text, start, seen.whole);
    let strict = element_end(near, full, complete, true);
    let loose = if is_empty { strict } else { element_end(near, full, complete, false) };
    match End::of_two(strict, loose, complete) {
        End::At(end) => of(start, start + end, false),
        End::Later => of(start, text.len(), true),
        // Not an element: a type, or a placeholder. The latter may be followed by its value.
        End::Nowhere if is_empty || text.get(..at)?.last().copied().is_some_and(is_name) => None,
        End::Nowhere => of(start, start + rest_of_line(near), false),
    }
}

/// Returns the end of the text after a tag that may belong to it: the next tag, or the end of the line, of
/// the next one if the line is empty.
fn rest_of_line(text: &[u8]) -> usize {
    let from = text.len() - text.strip_prefix(b"\r").unwrap_or(text).len();
    let from = from + usize::from(text.get(from) == Some(&b'\n'));
    let line = text.get(from..).unwrap_or_default();
    let line = line.get(..memchr::memchr2(b'\r', b'\n', line).unwrap_or(line.len())).unwrap_or_default();
    let is_tag =
        |at: &usize| line.get(at + 1).is_some_and(|next| next.is_ascii_alphabetic() || *next == b'/');
    from + memchr::memchr_iter(b'<', line).find(is_tag).unwrap_or(line.len())
}

fn is_tag_name(byte: u8) -> bool {
    is_name(byte) || matches!(byte, b':' | b'.')
}

/// Returns the end of a start tag, given the text after its name, and its first `>`; nowhere if another tag
/// begins first.
fn tag_end(inside: &[u8], first: impl FnOnce() -> Option<usize>) -> End {
    // In an unquoted value every character but `>` belongs to it.
    let (mut quote, mut is_value, mut last) = (None, false, 0);
    for (place, byte) in inside.iter().copied().enumerate() {
        if place == LONGEST_TAG {
            return End::of(first(), false);
        }
        let is_blank = byte.is_ascii_whitespace();
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') if last == b'=' && !is_value => quote = Some(byte),
            (None, b'>') => return End::At(place),
            (None, b'<') if !is_value => return End::Nowhere,
            _ => is_value = !is_blank && (is_value || last == b'='),
        }
        if !is_blank {
            last = byte;
        }
    }
    End::Later
}

/// Returns the position of an element's end tag. `strict`: not within another element of its name, an
/// attribute, a comment or a CDATA section. `complete`: no more text follows.
fn element_end(rest: &[u8], full: &[u8], complete: bool, strict: bool) -> Option<usize> {
    let is_named = |tag: &[u8]| {
        tag.get(..full.len()).is_some_and(|name| name.eq_ignore_ascii_case(full))
            && tag.get(full.len()).is_none_or(|next| !is_tag_name(*next))
    };
    // A search for any end tag first, which is cheaper.
    let first = memmem::find_iter(rest, b"</").find(|at| rest.get(at + 2..).is_some_and(is_named))?;
    if !strict {
        return Some(first);
    }
    let (mut at, mut depth) = (0, 0usize);
    loop {
        at += memchr::memchr(b'<', rest.get(at..)?)?;
        let tag = rest.get(at..)?;
        let skipped = SKIPPED.iter().find(|(open, _)| tag.starts_with(open.as_bytes()));
        if let Some((open, close)) = skipped {
            match memmem::find(tag.get(open.len()..)?, close.as_bytes()) {
                Some(end) => at += open.len() + end + close.len(),
                None if complete => at += 1,
                None => return None,
            }
            continue;
        }
        at += 1;
        if let Some(name) = tag.strip_prefix(b"</") {
            if is_named(name) {
                if depth == 0 {
                    return Some(at - 1);
                }
                depth -= 1;
            }
            continue;
        }
        let inside = tag.get(1..)?;
        if !inside.first().is_some_and(u8::is_ascii_alphabetic) {
            continue;
        }
        let size = inside.iter().position(|byte| !is_tag_name(*byte)).unwrap_or(inside.len());
        let behind = inside.get(size..)?;
        let end = match tag_end(behind, || memchr::memchr(b'>', behind)) {
            End::At(end) => size + end,
            End::Later if !complete => return None,
            _ => continue,
        };
        if is_named(inside) {
            // It has no content if all readers agree.
            let first = memchr::memchr(b'>', inside)?;
            let is_empty = |end: usize| inside.get(..end).is_some_and(|tag| tag.ends_with(b"/"));
            depth += usize::from(!is_empty(first) || !is_empty(end));
        }
        at += end;
    }
}
