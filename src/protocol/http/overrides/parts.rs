//! The heads of the parts of a multipart body, read as it passes. Servers disagree on where a head begins and
//! ends and on how to read a name, so more is taken for a head than any of them does, and every reading of a
//! name counts.

use memchr::memmem;

use crate::domain::hex;
use crate::protocol::http::overrides::ASKS;
use crate::protocol::http::overrides::Name;
use crate::protocol::http::overrides::Seen;

/// The largest head of a part, in bytes.
const MAX_HEAD: usize = 8 << 10;
/// How much of a body is searched at a time, together with what is kept of it.
const PIECE: usize = 4 << 10;
/// The longest boundary (RFC 2046, section 5.1.1).
const MAX_BOUNDARY: usize = 70;
const HEAD_END: &[u8] = b"\r\n\r\n";
const OTHER_NAME: &str = "a part's name in pieces, in encoded words or in another charset than UTF-8";

/// Returns the boundary that a Content-Type names. `None` if servers could read it in two ways: some take the
/// last `boundary=`, some the first `boundary` and what follows the next `=`, and some end it at a comma.
pub(super) fn boundary(content_type: &[u8]) -> Option<&[u8]> {
    const WORD: &[u8] = b"boundary";
    let lower = content_type.to_ascii_lowercase();
    let first = memmem::find(&lower, WORD)?;
    let begins = first.checked_sub(1).and_then(|at| lower.get(at)).is_some_and(|byte| b"; \t".contains(byte));
    let value = content_type.get(first + WORD.len()..)?.strip_prefix(b"=")?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"*+_-./:=?".contains(byte);
    let quoted = value.strip_prefix(b"\"");
    let value = quoted.unwrap_or(value);
    let (value, rest) = value.split_at(value.iter().position(|byte| !plain(byte)).unwrap_or(value.len()));
    let rest = if quoted.is_some() { rest.strip_prefix(b"\"")? } else { rest };
    let rest_has_none = memmem::find(&rest.to_ascii_lowercase(), WORD).is_none();
    let ends = matches!(rest.trim_ascii_start().first(), None | Some(b';'));
    let once = memmem::find(&value.to_ascii_lowercase(), b"boundary=").is_none();
    (begins && ends && once && rest_has_none && (1..=MAX_BOUNDARY).contains(&value.len())).then_some(value)
}

/// Finds the heads and checks the names in them.
pub(super) struct Parts {
    /// The start of a part, anywhere in the body: not all servers require it to be on its own line.
    delimiter: memmem::Finder<'static>,
    in_head: bool,
    /// The head so far, or what may be the beginning of a delimiter.
    held: Vec<u8>,
}

impl Parts {
    pub(super) fn new(boundary: &[u8]) -> Self {
        let delimiter = [b"--", boundary].concat();
        Self { delimiter: memmem::Finder::new(&delimiter).into_owned(), in_head: false, held: Vec::new() }
    }

    pub(super) fn sees(&mut self, data: &[u8]) -> Seen {
        data.chunks(PIECE).try_for_each(|piece| self.sees_piece(piece))
    }

    fn sees_piece(&mut self, piece: &[u8]) -> Seen {
        let length = self.delimiter.needle().len();
        self.held.extend_from_slice(piece);
        let mut rest = self.held.as_slice();
        loop {
            let next = self.delimiter.find(rest);
            if self.in_head {
                let within = rest.get(..next.unwrap_or(rest.len())).unwrap_or_default();
                let Some(end) = head_end(within).or(next) else { break };
                check(rest.get(..end).unwrap_or_default())?;
                rest = rest.get(end..).unwrap_or_default();
                self.in_head = false;
            } else if let Some(at) = next {
                rest = rest.get(at + length..).unwrap_or_default();
                self.in_head = true;
            } else {
                rest = rest.get(rest.len().saturating_sub(length - 1)..).unwrap_or_default();
                break;
            }
        }
        // Anything that could still end it in time would have been seen by now.
        if self.in_head && rest.len() >= MAX_HEAD + length + HEAD_END.len() {
            return check(rest);
        }
        let gone = self.held.len() - rest.len();
        self.held.drain(..gone);
        Ok(())
    }

    /// Checks a head that is cut off by the end of the body: some servers accept it.
    pub(super) fn ends(&self) -> Seen {
        if self.in_head { check(&self.held) } else { Ok(()) }
    }
}

/// Returns where a head ends: at the first empty line after the rest of the delimiter's own line. If that
/// comes at once, the part has no head for most servers, but Rack reads on to the next.
fn head_end(head: &[u8]) -> Option<usize> {
    let first = memchr::memchr(b'\n', head)? + 1;
    memmem::find(head.get(first..)?, HEAD_END).map(|at| first + at)
}

fn check(head: &[u8]) -> Seen {
    if head.len() > MAX_HEAD {
        return Err("a body part whose header is too long");
    }
    // PHP reads a line without a colon as a continuation of the line before, and ends a line at a NUL.
    if head.contains(&0) {
        return Err(ASKS);
    }
    let head = resolved(head);
    let joined: Vec<u8> = head.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    if has_method_value(&head) || has_method_value(&joined) { Err(ASKS) } else { check_names(&head) }
}

/// Returns a head without backslashes and with percent-encoded bytes decoded: some servers do one or the
/// other, and neither removes a byte that ends a value for other servers.
fn resolved(head: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len());
    let mut rest = head;
    while let Some((&byte, after)) = rest.split_first() {
        let coded = after.split_first_chunk::<2>().filter(|_| byte == b'%');
        let coded = coded.and_then(|(digits, after)| Some((byte_of(*digits)?, after)));
        let (byte, after) = coded.unwrap_or((byte, after));
        // An encoded backslash is kept.
        if byte != b'\\' || coded.is_some() {
            out.push(byte);
        }
        rest = after;
    }
    out
}

fn byte_of([high, low]: [u8; 2]) -> Option<u8> {
    Some(hex::digit(high)? << 4 | hex::digit(low)?)
}

/// Returns whether any value in the head is a method field name. Rack takes Content-ID for a name, so all
/// parameters and headers are checked.
fn has_method_value(head: &[u8]) -> bool {
    let mut value: Option<Name> = None;
    for &byte in head {
        if let Some(name) = &mut value {
            let before = !name.has_begun() && (byte <= b' ' || b"\"'".contains(&byte));
            let brackets = !name.has_begun() && b"[]".contains(&byte);
            if byte.is_ascii_alphanumeric() || b"_-.".contains(&byte) || brackets {
                name.push(byte);
                continue;
            }
            if before {
                continue;
            }
            if name.is_method() {
                return true;
            }
            value = None;
        }
        // The quote ends the charset and the language of an extended value (RFC 5987).
        if matches!(byte, b'=' | b':' | b'\'') {
            value = Some(Name::default());
        }
    }
    value.is_some_and(|name| name.is_method())
}

/// Refuses a name that cannot be read here: `name*0=` (RFC 2231), `name*=` in another charset than UTF-8, or
/// encoded words (RFC 2047), which Tomcat reads.
fn check_names(head: &[u8]) -> Seen {
    let mut named = false;
    for at in memchr::memchr2_iter(b'=', b';', head) {
        let (before, after) = head.split_at(at);
        let after = after.get(1..).unwrap_or_default();
        if head.get(at) == Some(&b';') {
            named = false;
            continue;
        }
        if named && after.first() == Some(&b'?') {
            return Err(OTHER_NAME);
        }
        let before = before.trim_ascii_end();
        let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-*".contains(byte);
        let start = before.iter().rposition(|byte| !in_word(byte)).map_or(0, |at| at + 1);
        let word = before.get(start..).unwrap_or_default();
        let (word, stars) = word.split_at(memchr::memchr(b'*', word).unwrap_or(word.len()));
        let is_name = word.eq_ignore_ascii_case(b"name");
        named |= is_name;
        let lone = word.is_empty() && !stars.is_empty();
        if lone || (is_name && !stars.is_empty() && !(stars == b"*" && is_utf8(after))) {
            return Err(OTHER_NAME);
        }
    }
    Ok(())
}

fn is_utf8(value: &[u8]) -> bool {
    let value = value.trim_ascii_start();
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    value.get(..6).is_some_and(|charset| charset.eq_ignore_ascii_case(b"utf-8'"))
}
