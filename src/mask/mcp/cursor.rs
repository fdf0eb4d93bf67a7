//! Boundaries of the values in a JSON text, validated against RFC 8259.

use std::borrow::Cow;

use crate::mask::Unmaskable;
use crate::mask::json::is_scalar;
use crate::mask::json::unescape;
use crate::mask::view::View;

/// Returns the position of the next byte that is not white space.
pub(super) fn skip_blanks(input: &[u8], at: usize) -> usize {
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    at + input.get(at..).map_or(0, |rest| rest.iter().take_while(blank).count())
}

/// Returns the end of the string that begins at `at`, after its quote.
pub(super) fn string_end(input: &[u8], at: usize) -> Result<usize, Unmaskable> {
    if input.get(at) != Some(&b'"') {
        return Err(Unmaskable::malformed("no string where one must be"));
    }
    let mut from = at + 1;
    while let Some(stop) = crate::mask::bits::string_stop(input, from) {
        match (input.get(stop), input.get(stop + 1)) {
            (Some(b'"'), _) => return Ok(stop + 1),
            (Some(b'\\'), Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => from = stop + 2,
            (Some(b'\\'), Some(b'u'))
                if input.get(stop + 2..stop + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) =>
            {
                from = stop + 6;
            }
            (Some(b'\\'), _) => return Err(Unmaskable::malformed("an escape that JSON does not have")),
            _ => return Err(Unmaskable::malformed("a control character in a string")),
        }
    }
    Err(Unmaskable::malformed("a string that does not end"))
}

/// Returns the end of the number or word at `at`.
pub(super) fn scalar_end(input: &[u8], at: usize) -> Result<usize, Unmaskable> {
    let inside = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
    let rest = input.get(at..).unwrap_or_default();
    let size = rest.iter().take_while(inside).count();
    if is_scalar(rest.get(..size).unwrap_or_default()) {
        Ok(at + size)
    } else {
        Err(Unmaskable::malformed("no value where one must be"))
    }
}

/// The next item in an object or array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A name or element that begins here.
    Next(usize),
    /// The end; this is the position after it.
    End(usize),
}

/// Returns the first step in the object or array that begins at `at`.
pub(super) fn first(input: &[u8], at: usize) -> Step {
    let close = if input.get(at) == Some(&b'{') { b'}' } else { b']' };
    let next = skip_blanks(input, at + 1);
    if input.get(next) == Some(&close) { Step::End(next + 1) } else { Step::Next(next) }
}

/// Returns the step after a value of an object or array.
pub(super) fn after(input: &[u8], end: usize, is_object: bool) -> Result<Step, Unmaskable> {
    let at = skip_blanks(input, end);
    match input.get(at) {
        Some(b',') => Ok(Step::Next(skip_blanks(input, at + 1))),
        Some(b'}') if is_object => Ok(Step::End(at + 1)),
        Some(b']') if !is_object => Ok(Step::End(at + 1)),
        _ => Err(Unmaskable::malformed("an object or array that does not go on")),
    }
}

/// Returns the end of the name at `at`, and where its value begins.
pub(super) fn name_end(input: &[u8], at: usize) -> Result<(usize, usize), Unmaskable> {
    let end = string_end(input, at)?;
    let colon = skip_blanks(input, end);
    if input.get(colon) != Some(&b':') {
        return Err(Unmaskable::malformed("a name without a value"));
    }
    Ok((end, skip_blanks(input, colon + 1)))
}

/// Returns the end of the value at `at`, which may be nested `depth` deep.
pub(super) fn value_end(input: &[u8], at: usize, depth: usize) -> Result<usize, Unmaskable> {
    let is_object = match input.get(at) {
        Some(b'"') => return string_end(input, at),
        Some(b'{') => true,
        Some(b'[') => false,
        _ => return scalar_end(input, at),
    };
    let depth = depth.checked_sub(1).ok_or(Unmaskable::TooDeep)?;
    let mut step = first(input, at);
    loop {
        match step {
            Step::End(end) => return Ok(end),
            Step::Next(next) => {
                let value = if is_object { name_end(input, next)?.1 } else { next };
                step = after(input, value_end(input, value, depth)?, is_object)?;
            }
        }
    }
}

/// Returns the text of the string between two positions, including quotes, and whether it has a lone
/// surrogate.
pub(super) fn string_text(
    input: &[u8],
    start: usize,
    end: usize,
) -> Result<(Cow<'_, [u8]>, bool), Unmaskable> {
    let raw = input.get(start + 1..end.saturating_sub(1)).unwrap_or_default();
    if memchr::memchr(b'\\', raw).is_none() {
        return Ok((Cow::Borrowed(raw), false));
    }
    let (mut view, mut lone) = (View::default(), false);
    unescape(raw, &mut view, &mut lone).ok_or(Unmaskable::malformed("an escape that JSON does not have"))?;
    Ok((Cow::Owned(view.text().to_vec()), lone))
}

/// Returns the text of a name. Parsers disagree on one with a lone surrogate, so that is an error.
pub(super) fn name_text(input: &[u8], start: usize, end: usize) -> Result<Cow<'_, [u8]>, Unmaskable> {
    match string_text(input, start, end)? {
        (_, true) => Err(Unmaskable::malformed("a name with half a surrogate pair")),
        (text, false) => Ok(text),
    }
}

/// Returns where the value of a member begins, in the object at `at`. `None`: there is no such member, or no
/// object.
pub(super) fn find(input: &[u8], at: usize, wanted: &str) -> Result<Option<usize>, Unmaskable> {
    if input.get(at) != Some(&b'{') {
        return Ok(None);
    }
    let mut step = first(input, at);
    while let Step::Next(next) = step {
        let (end, value) = name_end(input, next)?;
        if *name_text(input, next, end)? == *wanted.as_bytes() {
            return Ok(Some(value));
        }
        step = after(input, value_end(input, value, super::DEEPEST)?, true)?;
    }
    Ok(None)
}

/// Returns the text of a string member; empty if there is none.
pub(super) fn find_text<'a>(input: &'a [u8], at: usize, wanted: &str) -> Result<Cow<'a, [u8]>, Unmaskable> {
    match find(input, at, wanted)? {
        Some(value) if input.get(value) == Some(&b'"') => {
            Ok(string_text(input, value, string_end(input, value)?)?.0)
        }
        _ => Ok(Cow::Borrowed(b"")),
    }
}
