//! Tokens in their input: where they end, and writing the input around their replacements.

use crate::mask::json::lex::LONGEST_NUMBER;
use crate::mask::masker::Unmaskable;

/// One token in its input, and how much of the input is written.
pub(super) struct Edit<'a> {
    pub(super) input: &'a [u8],
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) sent: &'a mut usize,
}

impl Edit<'_> {
    /// Writes the replacement of the token, if any.
    #[inline]
    pub(super) fn put(self, written: Option<&[u8]>, out: &mut Vec<u8>) {
        if let Some(written) = written {
            out.extend_from_slice(self.input.get(*self.sent..self.start).unwrap_or_default());
            out.extend_from_slice(written);
            *self.sent = self.end;
        }
    }
}

/// Returns the length of a byte order mark; `None`: too little input to tell.
pub(super) fn skip_mark(input: &[u8], last: bool) -> Option<usize> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    if input.starts_with(MARK) {
        Some(MARK.len())
    } else if MARK.starts_with(input) && !input.is_empty() && !last {
        None
    } else {
        Some(0)
    }
}

/// Returns the position of the next byte that is not white space.
#[inline]
pub(super) fn skip_blanks(input: &[u8], at: usize) -> usize {
    let mut at = at;
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = input.get(at) {
        at += 1;
        while input.get(at..).is_some_and(|rest| rest.starts_with(b"        ")) {
            at += 8;
        }
    }
    at
}

/// Returns the end of the number or word at `at`. `None`: it is incomplete.
pub(super) fn scalar_end(input: &[u8], at: usize, last: bool) -> Result<Option<usize>, Unmaskable> {
    let rest = input.get(at..).unwrap_or_default();
    let ends = |byte: &u8| {
        matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b':' | b'"' | b'{' | b'[')
    };
    let size = rest.iter().position(ends);
    if size.unwrap_or(rest.len()) > LONGEST_NUMBER {
        return Err(Unmaskable::TooLong { limit: LONGEST_NUMBER });
    }
    Ok(size.or_else(|| last.then_some(rest.len())).map(|size| at + size))
}
