//! Reads an event stream. (WHATWG HTML, section 9.2.5, "Parsing", and 9.2.6, "Interpreting an event stream".)

use bytes::Buf;
use bytes::Bytes;
use bytes::BytesMut;

use crate::domain::json::cursor::Span;
use crate::protocol::mcp::codec::piece::append;
use crate::protocol::mcp::codec::sse::Event;
use crate::protocol::mcp::codec::sse::Item;
use crate::protocol::mcp::codec::sse::TooLong;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads events from the pieces of a stream. An event is buffered once; one that arrives in one piece and has
/// one data line is not copied.
#[derive(Debug)]
pub struct Reader {
    limit: usize,
    /// The input that belongs to no returned event; begins with a line of the current event.
    input: Bytes,
    /// Where the next line begins in `input`.
    line: usize,
    /// There is no line end before this offset.
    searched: usize,
    /// Whether a byte order mark was skipped, or can no longer come.
    begun: bool,
    /// Whether the last line ended with a carriage return whose line feed may still come.
    half_end: bool,
    block: Block,
    /// Whether an event was too long.
    broken: bool,
}

/// The fields of the current event, by their places in the input.
#[derive(Debug, Default)]
struct Block {
    event: Option<Span>,
    id: Option<Span>,
    retry: Option<u64>,
    data: Data,
}

#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    /// One line.
    Line(Span),
    /// Several lines, joined.
    Lines(BytesMut),
}

impl Block {
    const fn is_empty(&self) -> bool {
        matches!(self, Self { event: None, id: None, retry: None, data: Data::None })
    }
}

impl Reader {
    /// Creates a reader at the start of a stream whose events have at most `limit` bytes, including field
    /// names, line ends and comments.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            input: Bytes::new(),
            line: 0,
            searched: 0,
            begun: false,
            half_end: false,
            block: Block::default(),
            broken: false,
        }
    }

    /// Takes the next piece. Call [`Reader::take`] until it returns `None` before the next one.
    pub fn push(&mut self, piece: Bytes) {
        append(&mut self.input, piece);
    }

    /// Returns whether no event has begun, so that the stream could end here. An event that is incomplete at
    /// the end does not count.
    pub fn is_between(&self) -> bool {
        self.block.is_empty() && self.line == self.input.len()
    }

    /// Returns the next complete item.
    ///
    /// # Errors
    /// [`TooLong`], and again on each later call.
    pub fn take(&mut self) -> Result<Option<Item>, TooLong> {
        if self.broken {
            return Err(TooLong { limit: self.limit });
        }
        if !self.begun && !self.begin() {
            return Ok(None);
        }
        while let Some(text) = self.next_line() {
            if text.is_empty() {
                self.fits()?;
                if let Some(item) = self.dispatch() {
                    return Ok(Some(item));
                }
                continue;
            }
            let comment = self.field(text);
            if comment.is_some() || self.block.is_empty() {
                self.fits()?;
            }
            if self.block.is_empty() {
                // A comment or unknown field by itself must not count towards the next event.
                self.advance();
            }
            if let Some(comment) = comment {
                return Ok(Some(Item::Comment(comment)));
            }
        }
        self.line_fits()
    }

    /// Skips a byte order mark. Returns whether enough has arrived to tell.
    fn begin(&mut self) -> bool {
        if self.input.starts_with(MARK) {
            self.input.advance(MARK.len());
        } else if MARK.starts_with(&self.input) {
            return false;
        }
        self.begun = true;
        true
    }

    /// Returns the place of the next complete line, without its end.
    fn next_line(&mut self) -> Option<Span> {
        if self.half_end && self.line < self.input.len() {
            self.half_end = false;
            if self.input.get(self.line) == Some(&b'\n') {
                self.line += 1;
                self.searched = self.line;
                if self.block.is_empty() {
                    self.advance();
                }
            }
        }
        let Some(found) = memchr::memchr2(b'\n', b'\r', self.input.get(self.searched..)?) else {
            self.searched = self.input.len();
            return None;
        };
        let end = self.searched + found;
        let text = Span { start: self.line, end };
        self.line = end + 1;
        // The line is processed at once, although its line feed may be missing: the next event may be a
        // minute away.
        self.half_end = self.input.get(end) == Some(&b'\r');
        self.searched = self.line;
        Some(text)
    }

    /// Drops all lines that were read.
    fn advance(&mut self) {
        self.input.advance(self.line.min(self.input.len()));
        self.line = 0;
        self.searched = 0;
    }

    fn too_long(&mut self) -> TooLong {
        self.broken = true;
        self.input = Bytes::new();
        self.block = Block::default();
        (self.line, self.searched) = (0, 0);
        TooLong { limit: self.limit }
    }

    /// Checks the length of the complete lines of the event.
    fn fits(&mut self) -> Result<(), TooLong> {
        if self.line > self.limit { Err(self.too_long()) } else { Ok(()) }
    }

    /// Checks the length of the event including its incomplete line.
    fn line_fits(&mut self) -> Result<Option<Item>, TooLong> {
        if self.input.len() > self.limit { Err(self.too_long()) } else { Ok(None) }
    }

    /// Processes one line that is not empty; returns the text of a comment.
    fn field(&mut self, text: Span) -> Option<Bytes> {
        let line = text.of(&self.input);
        let colon = memchr::memchr(b':', line);
        if colon == Some(0) {
            return Some(self.input.slice(text.start + 1..text.end));
        }
        let (name, value) = match colon {
            Some(colon) => {
                let space = usize::from(line.get(colon + 1) == Some(&b' '));
                (line.get(..colon)?, Span { start: text.start + colon + 1 + space, end: text.end })
            }
            None => (line, Span { start: text.end, end: text.end }),
        };
        match name {
            b"data" => match &mut self.block.data {
                Data::Lines(joined) => {
                    joined.extend_from_slice(b"\n");
                    joined.extend_from_slice(value.of(&self.input));
                }
                Data::Line(first) => {
                    let mut joined = BytesMut::from(first.of(&self.input));
                    joined.extend_from_slice(b"\n");
                    joined.extend_from_slice(value.of(&self.input));
                    self.block.data = Data::Lines(joined);
                }
                Data::None => self.block.data = Data::Line(value),
            },
            b"event" => self.block.event = Some(value),
            b"id" if memchr::memchr(0, value.of(&self.input)).is_none() => self.block.id = Some(value),
            b"retry" => {
                let digits = std::str::from_utf8(value.of(&self.input)).ok();
                let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
                if let Some(retry) = digits.and_then(|digits| digits.parse().ok()) {
                    self.block.retry = Some(retry);
                }
            }
            _ => {}
        }
        None
    }

    /// Returns the event that has ended.
    fn dispatch(&mut self) -> Option<Item> {
        let Block { event, id, retry, data } = std::mem::take(&mut self.block);
        let slice = |span: Span| self.input.slice(span.range());
        let (event, id) = (event.map(slice), id.map(slice));
        let data = match data {
            Data::None => None,
            Data::Line(line) => Some(slice(line)),
            Data::Lines(joined) => Some(joined.freeze()),
        };
        self.advance();
        match data {
            Some(data) => Some(Item::Event(Event { event, id, retry, data })),
            None if id.is_some() || retry.is_some() => Some(Item::Settings { id, retry }),
            None => None,
        }
    }
}
