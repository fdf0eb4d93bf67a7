//! Checks the bytes of an HTTP/1 client before anything else parses them: every message head and body framing
//! is unambiguous, or is refused.
//!
//! hyper parses the bytes that pass. This inspector is stricter on purpose (RFC 9112, sections 2.2, 3, 5, 6
//! and 11.2): bytes that two parsers could read in two ways (request smuggling) never reach a parser.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use memchr::memchr;
use memchr::memmem;

/// The longest chunk size line or trailer field, in bytes.
const MAX_LINE: usize = 8 << 10;
/// A header field that clients may not send: it marks the message that stands in for a refused one.
pub const STAND_IN_FIELD: &str = "hoopctl-refused";
/// The limit for all trailer fields of one message, in bytes.
const MAX_TRAILERS: usize = 16 << 10;

/// The limits on a message head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// The whole head, in bytes. Default 64 KiB.
    pub head: usize,
    /// The number of fields. Default 100.
    pub fields: usize,
    /// The request target, in bytes. Default 16 KiB.
    pub target: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { head: 64 << 10, fields: 100, target: 16 << 10 }
    }
}

/// Why a message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It violates the grammar, or is ambiguous.
    Malformed(&'static str),
    /// It is larger than the limits.
    TooLarge(&'static str),
    /// The head did not arrive in time.
    TooSlow,
}

impl Refusal {
    /// Returns a description that contains nothing of the message.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Malformed(text) | Self::TooLarge(text) => text,
            Self::TooSlow => "the request head took too long",
        }
    }
}

/// How the body of a message is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Chunks, then trailers.
    Chunked,
    /// A number of bytes; 0 if there is no body.
    Length(u64),
    /// The stream switches protocols after this head.
    Upgrade,
}

/// Checks a request head and returns the framing of the body that follows.
///
/// # Errors
/// The head is not exactly one request head by RFC 9112, or is larger than the limits.
pub fn check_head(head: &[u8], limits: &HeadLimits) -> Result<Framing, Refusal> {
    let body = head
        .strip_suffix(b"\r\n\r\n")
        .ok_or(Refusal::Malformed("a head that does not end with an empty line"))?;
    let mut lines = Lines { rest: body };
    let first = lines.next_line()?.unwrap_or_default();
    let (version_1_1, authority) = check_request_line(first, limits)?;
    let mut fields = Fields::default();
    while let Some(line) = lines.next_line()? {
        fields.count = fields.count.saturating_add(1);
        if fields.count > limits.fields {
            return Err(Refusal::TooLarge("too many header fields"));
        }
        fields.take(line)?;
    }
    fields.framing(version_1_1, authority)
}

/// The lines of a head, each ended by CR LF, except the last.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    fn next_line(&mut self) -> Result<Option<&'a [u8]>, Refusal> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let line = match memchr(b'\n', self.rest) {
            None => std::mem::take(&mut self.rest),
            Some(end) => {
                let (line, rest) = self.rest.split_at(end);
                self.rest = rest.get(1..).unwrap_or_default();
                line.strip_suffix(b"\r")
                    .ok_or(Refusal::Malformed("a line that ends with a bare line feed"))?
            }
        };
        if memchr(b'\r', line).is_some() || memchr(0, line).is_some() {
            return Err(Refusal::Malformed("a carriage return or NUL inside a line"));
        }
        Ok(Some(line))
    }
}

/// Returns whether a byte may be part of a token (RFC 9110, section 5.6.2).
const fn is_token(byte: u8) -> bool {
    matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
}

/// Checks the request line; returns whether it is HTTP/1.1, and the authority of an absolute target.
fn check_request_line<'a>(line: &'a [u8], limits: &HeadLimits) -> Result<(bool, Option<&'a [u8]>), Refusal> {
    let mut parts = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Malformed(
            "a request line that is not method, target and version, one space between",
        ));
    };
    if method.is_empty() || method.len() > 32 || !method.iter().copied().all(is_token) {
        return Err(Refusal::Malformed("a method that is not a token of at most 32 characters"));
    }
    if target.len() > limits.target {
        return Err(Refusal::TooLarge("the request target is too long"));
    }
    if !target.iter().all(|byte| (0x21..0x7f).contains(byte)) {
        return Err(Refusal::Malformed("a request target with characters other than visible ASCII"));
    }
    let version_1_1 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ => return Err(Refusal::Malformed("a version other than HTTP/1.1 and HTTP/1.0")),
    };
    let absolute = target.strip_prefix(b"http://").or_else(|| target.strip_prefix(b"https://"));
    let authority =
        absolute.map(|rest| rest.split(|byte| matches!(byte, b'/' | b'?')).next().unwrap_or_default());
    let asterisk = target == b"*" && method == b"OPTIONS";
    if authority.is_none() && target.first() != Some(&b'/') && !asterisk {
        return Err(Refusal::Malformed("a request target that is neither a path nor a URL"));
    }
    if memchr(b'#', target).is_some() {
        return Err(Refusal::Malformed("a fragment in the request target"));
    }
    Ok((version_1_1, authority))
}

#[derive(Default)]
struct Fields<'a> {
    count: usize,
    host: Option<&'a [u8]>,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

impl<'a> Fields<'a> {
    fn take(&mut self, line: &'a [u8]) -> Result<(), Refusal> {
        let (name, value) = split_field(line)?;
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") && self.host.replace(value).is_some() => {
                return Err(Refusal::Malformed("more than one Host"));
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
            15 if name.eq_ignore_ascii_case(STAND_IN_FIELD.as_bytes()) => {
                return Err(Refusal::Malformed("a header field of the gateway's own"));
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length =
                    parse_length(value).ok_or(Refusal::Malformed("a Content-Length that is not a number"))?;
                if self.length.replace(length).is_some() {
                    return Err(Refusal::Malformed("more than one Content-Length"));
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Refusal::Malformed("a Transfer-Encoding other than a single chunked"));
                }
                self.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn framing(self, version_1_1: bool, authority: Option<&[u8]>) -> Result<Framing, Refusal> {
        if self.chunked && self.length.is_some() {
            return Err(Refusal::Malformed("both Transfer-Encoding and Content-Length"));
        }
        if self.chunked && !version_1_1 {
            return Err(Refusal::Malformed("Transfer-Encoding in HTTP/1.0"));
        }
        if version_1_1 && self.host.is_none() {
            return Err(Refusal::Malformed("no Host"));
        }
        if let (Some(authority), Some(host)) = (authority, self.host)
            && !authority.eq_ignore_ascii_case(host)
        {
            return Err(Refusal::Malformed("a Host other than the one of the request target"));
        }
        if self.upgrade && (self.chunked || self.length.is_some_and(|length| length > 0)) {
            return Err(Refusal::Malformed("a body in an upgrade request"));
        }
        Ok(if self.upgrade {
            Framing::Upgrade
        } else if self.chunked {
            Framing::Chunked
        } else {
            Framing::Length(self.length.unwrap_or(0))
        })
    }
}

/// Splits a field line into the name and the value without surrounding white space.
fn split_field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Refusal::Malformed("a folded header field"));
    }
    let colon = memchr(b':', line).ok_or(Refusal::Malformed("a header field without a colon"))?;
    let (name, value) = line.split_at(colon);
    if name.is_empty() || !name.iter().copied().all(is_token) {
        return Err(Refusal::Malformed("a header name that is not a token"));
    }
    let value = value.get(1..).unwrap_or_default();
    let control = |byte: u8| (byte < 0x20 && byte != b'\t') || byte == 0x7f;
    // Checks all bytes without an early exit, so that the compiler can vectorize the loop: tokens are long.
    if value.iter().fold(false, |any, &byte| any | control(byte)) {
        return Err(Refusal::Malformed("a control character in a header value"));
    }
    Ok((name, value.trim_ascii()))
}

/// Parses a length of 1 to 18 decimal digits, and nothing else.
fn parse_length(text: &[u8]) -> Option<u64> {
    if !(1..=18).contains(&text.len()) || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The inspector's position in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Body {
        left: u64,
    },
    ChunkSize,
    ChunkData {
        left: u64,
    },
    ChunkEnd,
    Trailers {
        seen: usize,
    },
    /// After the head of an upgrade: the response decides whether another protocol follows.
    Waiting,
    Opaque,
}

/// The result of inspecting the front of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// This many bytes are checked and may be read.
    Passed(usize),
    /// More bytes are needed before any may be read.
    Partial,
}

/// Follows one client's stream, message by message. Feed it the bytes that arrive; read only those it has
/// passed.
#[derive(Debug)]
pub struct Inspector {
    state: State,
    limits: HeadLimits,
    /// How much of a partial head was already searched for its end.
    searched: usize,
}

impl Inspector {
    /// Creates an inspector at the start of a stream.
    pub fn new(limits: HeadLimits) -> Self {
        Self { state: State::Head, limits, searched: 0 }
    }

    /// Returns whether the next byte would begin a message.
    pub fn at_message_start(&self) -> bool {
        self.state == State::Head
    }

    /// Returns whether the stream has switched protocols, or waits for the response that decides it.
    pub fn is_opaque(&self) -> bool {
        matches!(self.state, State::Opaque | State::Waiting)
    }

    /// Returns whether nothing passes until the response decides on the upgrade.
    pub fn is_waiting(&self) -> bool {
        self.state == State::Waiting
    }

    /// Notes that the upgrade was accepted: from here on everything passes.
    pub fn switched(&mut self) {
        self.state = State::Opaque;
    }

    /// Inspects the front of `input`, which has to start at the first byte not yet passed.
    ///
    /// # Errors
    /// The message that `input` begins with or is part of is refused. The stream cannot continue after it.
    pub fn inspect(&mut self, input: &[u8]) -> Result<Found, Refusal> {
        let mut passed = 0_usize;
        loop {
            let rest = input.get(passed..).unwrap_or_default();
            if rest.is_empty() && self.state != State::Opaque {
                break;
            }
            let step = match self.state {
                State::Opaque => {
                    return Ok(Found::Passed(input.len()));
                }
                State::Waiting => break,
                State::Head => match self.head(rest) {
                    // An earlier message before a bad head passes first.
                    Err(_later) if passed > 0 => break,
                    found => found?,
                },
                State::Body { left } => {
                    let now = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let left = left.saturating_sub(now as u64);
                    self.state = if left == 0 { State::Head } else { State::Body { left } };
                    now
                }
                State::ChunkData { left } => {
                    let now = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let left = left.saturating_sub(now as u64);
                    self.state = if left == 0 { State::ChunkEnd } else { State::ChunkData { left } };
                    now
                }
                State::ChunkEnd => self.chunk_end(rest)?,
                State::ChunkSize => self.chunk_size(rest)?,
                State::Trailers { seen } => self.trailer(rest, seen)?,
            };
            if step == 0 {
                break;
            }
            passed = passed.saturating_add(step);
        }
        Ok(if passed > 0 { Found::Passed(passed) } else { Found::Partial })
    }

    fn head(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        // A bare line feed could end a head for a laxer parser, so a partial head must not contain one
        // either.
        let from = self.searched.min(input.len()).saturating_sub(3);
        let end = memmem::find(input.get(from..).unwrap_or_default(), b"\r\n\r\n");
        let Some(end) = end.map(|end| end.saturating_add(from).saturating_add(4)) else {
            self.searched = input.len();
            if input.len() > self.limits.head {
                return Err(Refusal::TooLarge("the request head is too large"));
            }
            return check_partial(input).map(|()| 0);
        };
        self.searched = 0;
        if end > self.limits.head {
            return Err(Refusal::TooLarge("the request head is too large"));
        }
        self.state = match check_head(input.get(..end).unwrap_or_default(), &self.limits)? {
            Framing::Chunked => State::ChunkSize,
            Framing::Length(0) => State::Head,
            Framing::Length(left) => State::Body { left },
            Framing::Upgrade => State::Waiting,
        };
        Ok(end)
    }

    fn chunk_size(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        const BAD: Refusal = Refusal::Malformed("a chunk size that is not 1 to 15 hexadecimal digits");
        let Some(end) = memchr(b'\n', input) else {
            return if input.len() > 18 { Err(BAD) } else { Ok(0) };
        };
        let line = input.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(BAD)?;
        if !(1..=15).contains(&line.len()) || !line.iter().all(u8::is_ascii_hexdigit) {
            return Err(BAD);
        }
        let size =
            std::str::from_utf8(line).ok().and_then(|hex| u64::from_str_radix(hex, 16).ok()).ok_or(BAD)?;
        self.state = if size == 0 { State::Trailers { seen: 0 } } else { State::ChunkData { left: size } };
        Ok(end.saturating_add(1))
    }

    fn chunk_end(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        match input {
            [b'\r'] => Ok(0),
            [b'\r', b'\n', ..] => {
                self.state = State::ChunkSize;
                Ok(2)
            }
            _ => Err(Refusal::Malformed("a chunk that is longer or shorter than its size")),
        }
    }

    fn trailer(&mut self, input: &[u8], seen: usize) -> Result<usize, Refusal> {
        let Some(end) = memchr(b'\n', input) else {
            return if input.len() > MAX_LINE {
                Err(Refusal::TooLarge("a trailer field is too long"))
            } else {
                Ok(0)
            };
        };
        let line = input.get(..end).and_then(|line| line.strip_suffix(b"\r"));
        let line = line.ok_or(Refusal::Malformed("a line that ends with a bare line feed"))?;
        let seen = seen.saturating_add(end);
        if seen > MAX_TRAILERS {
            return Err(Refusal::TooLarge("the trailers are too large"));
        }
        if line.is_empty() {
            self.state = State::Head;
        } else {
            let (name, _value) = split_field(line)?;
            if [&b"content-length"[..], b"transfer-encoding", b"host"]
                .iter()
                .any(|framing| name.eq_ignore_ascii_case(framing))
            {
                return Err(Refusal::Malformed("a trailer that would change the framing"));
            }
            self.state = State::Trailers { seen };
        }
        Ok(end.saturating_add(1))
    }
}

/// Refuses the start of a head that can no longer become valid, so that a slow or lax sender cannot keep it
/// incomplete.
fn check_partial(input: &[u8]) -> Result<(), Refusal> {
    if matches!(input.first(), Some(byte) if !is_token(*byte)) {
        return Err(Refusal::Malformed("bytes before the request line"));
    }
    let mut before = 0_u8;
    for &byte in input {
        if byte == b'\n' && before != b'\r' {
            return Err(Refusal::Malformed("a line that ends with a bare line feed"));
        }
        before = byte;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Framing, Refusal> {
        check_head(text.as_bytes(), &HeadLimits::default())
    }

    #[test]
    fn ordinary_heads_pass() {
        assert_eq!(head("GET /c/crm/a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"), Ok(Framing::Length(0)));
        assert_eq!(head("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n"), Ok(Framing::Length(12)));
        assert_eq!(
            head("POST / HTTP/1.1\r\nHost: x\r\ntransfer-ENCODING:  Chunked \r\n\r\n"),
            Ok(Framing::Chunked)
        );
        assert_eq!(head("GET / HTTP/1.0\r\n\r\n"), Ok(Framing::Length(0)));
        assert_eq!(head("GET http://x/c/crm HTTP/1.1\r\nHost: X\r\n\r\n"), Ok(Framing::Length(0)));
        assert_eq!(
            head("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
            Ok(Framing::Upgrade)
        );
    }

    #[test]
    fn heads_with_two_readings_are_refused() {
        let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(17 << 10));
        let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(101));
        for text in [
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\u{b}chunked\r\n\r\n",
            "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n: c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\u{0}c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
            "GET / HTTP/1.2\r\nHost: x\r\n\r\n",
            "GET / http/1.1\r\nHost: x\r\n\r\n",
            "GET /\r\nHost: x\r\n\r\n",
            "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /ä HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET a HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
            "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
            "G(T / HTTP/1.1\r\nHost: x\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\n",
            &long,
            &many,
        ] {
            assert!(head(text).is_err(), "{text:?}");
        }
    }

    /// Feeds `stream` in pieces of `size`; returns what was passed, and the refusal if there was one.
    fn follow(stream: &[u8], size: usize) -> (Vec<u8>, Option<Refusal>) {
        let (mut inspector, mut held, mut passed) =
            (Inspector::new(HeadLimits::default()), Vec::new(), Vec::new());
        for piece in stream.chunks(size) {
            held.extend_from_slice(piece);
            loop {
                match inspector.inspect(&held) {
                    Ok(Found::Partial) => break,
                    Ok(Found::Passed(n)) => {
                        passed.extend(held.drain(..n));
                        if held.is_empty() {
                            break;
                        }
                    }
                    Err(refusal) => return (passed, Some(refusal)),
                }
            }
        }
        (passed, None)
    }

    #[test]
    fn a_stream_is_passed_whole_however_it_is_cut() {
        let stream = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nT: v\r\n\r\nPUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\n\r\n\rGET / HTTP/1.1\r\nHost: x\r\n\r\n";
        for size in 1..=stream.len() {
            assert_eq!(follow(stream, size), (stream.to_vec(), None), "in pieces of {size}");
        }
    }

    #[test]
    fn nothing_of_a_bad_message_is_passed_but_what_was_before_it_is() {
        let good = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        for bad in [
            "GET / HTTP/1.1\r\nHost: x\nEvil: y\r\n\r\n",
            "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            let stream = format!("{good}{bad}");
            for size in 1..=stream.len() {
                let (passed, refusal) = follow(stream.as_bytes(), size);
                assert_eq!(passed, good.as_bytes(), "in pieces of {size}: {bad:?}");
                assert!(refusal.is_some());
            }
        }
    }

    #[test]
    fn bad_chunks_are_refused() {
        for chunks in [
            "5\nhello\r\n0\r\n\r\n",
            "5 \r\nhello\r\n",
            "0x5\r\nhello\r\n",
            "-5\r\n",
            "\r\nhello",
            "5;ext=1\r\nhello\r\n",
            "5\r\nhelloX\r\n",
            "5\r\nhello\n",
            "fffffffffffffffff\r\n",
            "0\r\nContent-Length: 4\r\n\r\n",
            "0\r\nA: b\nC: d\r\n\r\n",
        ] {
            let stream = format!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
            for size in [1, 7, stream.len()] {
                assert!(follow(stream.as_bytes(), size).1.is_some(), "{chunks:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn an_endless_head_is_refused_at_its_limit() {
        let stream = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}", "a".repeat(70 << 10));
        assert_eq!(
            follow(stream.as_bytes(), 4096).1,
            Some(Refusal::TooLarge("the request head is too large"))
        );
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_stop_it_and_are_read_alike_however_cut(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300), size in 1_usize..40) {
            let (whole, refused) = follow(&bytes, bytes.len().max(1));
            let (cut, refused_cut) = follow(&bytes, size);
            proptest::prop_assert_eq!(whole, cut);
            proptest::prop_assert_eq!(refused.is_some(), refused_cut.is_some());
        }
    }
}
