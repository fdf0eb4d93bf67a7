//! Messages as lines, over the standard streams of a process. (MCP 2026-07-28, basic, transports: stdio.)

use bytes::Buf;
use bytes::BufMut;
use bytes::Bytes;
use bytes::BytesMut;

use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::glimpse::Glimpse;
use crate::protocol::mcp::codec::piece::append;

/// One line of a process's output, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// It begins like a message or a batch: it has to be scanned, and is refused if it is not a message.
    Message(Bytes),
    /// Other output, which must not be passed on.
    Other(Bytes),
}

/// A line that is longer than allowed. It is dropped; the reader continues with the next one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a line that is longer than {limit} bytes; it is dropped")]
pub struct TooLong {
    /// The limit in bytes, without the line end.
    pub limit: usize,
    /// The request that it answers, if known: no other answer will come.
    pub answers: Option<Id<'static>>,
}

/// Reads lines from the pieces of a stream. A line that arrives in one piece is not copied.
#[derive(Debug)]
pub struct Reader {
    limit: usize,
    input: Bytes,
    /// There is no line end before this offset.
    searched: usize,
    /// Set while an overlong line is dropped up to its end: what was seen of it.
    dropping: Option<Box<Glimpse>>,
}

impl Reader {
    /// Creates a reader at the start of a stream whose lines have at most `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self { limit, input: Bytes::new(), searched: 0, dropping: None }
    }

    /// Takes the next piece. Call [`Reader::take`] until it returns `None` before the next one.
    pub fn push(&mut self, piece: Bytes) {
        append(&mut self.input, piece);
    }

    /// Returns the next complete line that is not blank.
    ///
    /// # Errors
    /// [`TooLong`], once for each such line, when it has ended.
    pub fn take(&mut self) -> Result<Option<Line>, TooLong> {
        loop {
            let rest = self.input.get(self.searched..).unwrap_or_default();
            let Some(found) = memchr::memchr(b'\n', rest) else {
                self.wait();
                return Ok(None);
            };
            let line = self.input.split_to(self.searched + found);
            self.input.advance(1);
            self.searched = 0;
            let glimpse = self.dropping.take().or_else(|| (line.len() > self.limit).then(Box::default));
            if let Some(mut glimpse) = glimpse {
                glimpse.push(&line);
                return Err(TooLong { limit: self.limit, answers: glimpse.answers() });
            }
            if let Some(line) = told(line) {
                return Ok(Some(line));
            }
        }
    }

    /// Returns what follows the last line end when the stream has ended: the process may have died in the
    /// middle of a line.
    pub fn finish(self) -> Option<Line> {
        if self.dropping.is_some() || self.input.len() > self.limit { None } else { told(self.input) }
    }

    fn wait(&mut self) {
        if self.dropping.is_some() || self.input.len() > self.limit {
            self.dropping.get_or_insert_default().push(&self.input);
            self.input = Bytes::new();
        }
        self.searched = self.input.len();
    }
}

/// Classifies a line; `None` for a blank one.
fn told(line: Bytes) -> Option<Line> {
    let line = if line.ends_with(b"\r") { line.slice(..line.len() - 1) } else { line };
    let text = line.trim_ascii();
    let batch = || text.strip_prefix(b"[").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"));
    if text.is_empty() {
        None
    } else if text.starts_with(b"{") || batch() {
        Some(Line::Message(line))
    } else {
        Some(Line::Other(line))
    }
}

/// Appends one message as a line. `body` must be strict JSON, as a scanned message is: line ends then only
/// occur between tokens, and are replaced by blanks. Nothing else changes.
pub fn write(body: &[u8], out: &mut BytesMut) {
    out.reserve(body.len() + 1);
    let mut rest = body;
    while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
        out.extend_from_slice(rest.get(..end).unwrap_or_default());
        out.put_u8(b' ');
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out.put_u8(b'\n');
}
