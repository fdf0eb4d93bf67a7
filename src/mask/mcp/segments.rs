//! Embedded documents in a text: JSON on lines, in code fences or in prose, and base64 of `data:` URIs.

use std::ops::Range;

use crate::mask::Unmaskable;
use crate::mask::mcp::DEEPEST;
use crate::mask::mcp::McpError;
use crate::mask::mcp::cursor;

/// The kind of an embedded document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The payload of a `data:` URI.
    Base64,
    /// An object or array.
    Json,
}

/// Returns the embedded documents of a text, in order, disjoint. Unclosed brackets are read again from each
/// bracket within them, at most as often as nesting is allowed, so the time stays linear.
pub(super) fn find(text: &[u8]) -> Result<Vec<(Part, Range<usize>)>, McpError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(stop) = text.get(at..).and_then(|rest| memchr::memchr3(b'{', b'[', b';', rest)) {
        let start = at + stop;
        at = start + 1;
        if let Some(payload) = payload(text, start) {
            at = payload.end;
            found.push((Part::Base64, payload));
            continue;
        }
        let next = text.get(cursor::skip_blanks(text, at));
        let may_be = match text.get(start) {
            Some(b'{') => next == Some(&b'"'),
            Some(b'[') => matches!(next, Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')),
            _ => false,
        };
        if !may_be {
            continue;
        }
        match cursor::value_end(text, start, DEEPEST) {
            Ok(end) => {
                found.push((Part::Json, start..end));
                at = end;
            }
            Err(Unmaskable::TooDeep) => return Err(Unmaskable::TooDeep.into()),
            Err(_) => {}
        }
    }
    Ok(found)
}

/// Returns the payload of a `data:` URI whose `;base64,` begins here.
fn payload(text: &[u8], at: usize) -> Option<Range<usize>> {
    const MARK: &[u8] = b";base64,";
    let start = at + MARK.len();
    if !text.get(at..start)?.eq_ignore_ascii_case(MARK) {
        return None;
    }
    let is_base64 =
        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'%');
    let size = text.get(start..)?.iter().take_while(is_base64).count();
    Some(start..start + size)
}
