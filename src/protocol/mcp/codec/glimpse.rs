//! Finds out which request a refused, unread message is, so that the refusal can name it. Needs next to no
//! memory, however long the message is.

use bytes::Bytes;

use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::envelope::names::Known;
use crate::protocol::mcp::codec::envelope::names::Top;
use crate::protocol::mcp::codec::envelope::names::look_up;

/// The longest id or method that is kept, in bytes.
const LONGEST: usize = 512;
/// The longest message that is kept whole, in bytes.
const SHORT: usize = 4096;

/// What has been seen so far of one message, which arrives in pieces.
#[derive(Debug, Default)]
pub struct Glimpse {
    depth: usize,
    begun: bool,
    /// The message is not a JSON object, or is ambiguous.
    broken: bool,
    within: Within,
    /// The name of the top-level member whose value follows.
    name: Option<Vec<u8>>,
    /// The top-level name or scalar value being read.
    text: Vec<u8>,
    id: Option<Vec<u8>>,
    method: Option<Vec<u8>>,
    /// The beginning: the whole message if it is short, else one byte more than that.
    start: Vec<u8>,
}

/// The position of the next byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Within {
    /// Outside of strings.
    #[default]
    None,
    /// Inside a string.
    String,
    /// Inside a string, after a backslash.
    Escape,
}

impl Glimpse {
    /// Takes the next piece.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = (SHORT + 1).saturating_sub(self.start.len()).min(bytes.len());
        self.start.extend_from_slice(bytes.get(..room).unwrap_or_default());
        for byte in bytes {
            self.take(*byte);
        }
    }

    fn take(&mut self, byte: u8) {
        if self.within != Within::None {
            self.keep(byte);
            self.within = match (self.within, byte) {
                (Within::String, b'\\') => Within::Escape,
                (Within::String, b'"') => Within::None,
                _ => Within::String,
            };
            return;
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'{' | b'[' => {
                self.broken |= self.depth == 0 && (self.begun || byte == b'[');
                self.begun = true;
                self.depth += 1;
            }
            b'}' | b']' => {
                if self.depth == 1 {
                    self.member_ends();
                }
                self.broken |= self.depth == 0;
                self.depth = self.depth.saturating_sub(1);
            }
            b':' if self.depth == 1 && self.name.is_none() => {
                self.name = Some(std::mem::take(&mut self.text));
            }
            b',' if self.depth == 1 => self.member_ends(),
            _ => {
                self.broken |= self.depth == 0;
                if byte == b'"' {
                    self.within = Within::String;
                }
                self.keep(byte);
            }
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.text.len() < LONGEST {
            self.text.push(byte);
        }
    }

    fn member_ends(&mut self) {
        let (name, value) = (self.name.take(), std::mem::take(&mut self.text));
        // A name with escapes, or one that some readers take for a known name, may be the id.
        self.broken |= name.as_deref().is_some_and(|name| {
            let name = String::from_utf8_lossy(name);
            name.contains('\\') || matches!(look_up::<Top>(name.trim_matches('"')), Known::Lookalike(_))
        });
        let field = match name.as_deref() {
            Some(b"\"id\"") => &mut self.id,
            Some(b"\"method\"") => &mut self.method,
            _ => return,
        };
        self.broken |= field.replace(value).is_some();
    }

    /// Returns a short message that was seen completely.
    pub fn whole(&self) -> Option<Message> {
        let short = self.start.len() <= SHORT;
        short.then(|| Message::scan(Bytes::copy_from_slice(&self.start), Limits::new(SHORT)).ok()).flatten()
    }

    /// Returns the message reduced to method and id: a request, or, if its end was seen (an id may come
    /// last), a notification. `None`: it is neither, as far as was seen.
    pub fn message(&self) -> Option<Message> {
        let ended = self.begun && self.depth == 0;
        let method = self.method.as_deref().filter(|_| !self.broken && (ended || self.id.is_some()))?;
        let mut bare = b"{\"jsonrpc\":\"2.0\",\"method\":".to_vec();
        bare.extend_from_slice(method);
        if let Some(id) = &self.id {
            bare.extend_from_slice(b",\"id\":");
            bare.extend_from_slice(id);
        }
        bare.push(b'}');
        let limits = Limits::new(bare.len());
        Message::scan(Bytes::from(bare), limits).ok()
    }

    /// Returns the id of an answer whose end was seen; `None` if it may be something else.
    pub fn answers(&self) -> Option<Id<'static>> {
        let ended = self.begun && self.depth == 0 && !self.broken;
        let id = self.id.as_deref().filter(|_| ended && self.method.is_none())?;
        let bare = [b"{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":", id, b"}"].concat();
        let limits = Limits::new(bare.len());
        Message::scan(Bytes::from(bare), limits).ok()?.id().map(Id::into_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mcp::codec::envelope::Kind;

    fn seen(text: &str) -> Option<(Kind, String, String)> {
        let mut glimpse = Glimpse::default();
        for piece in text.as_bytes().chunks(3) {
            glimpse.push(piece);
        }
        let message = glimpse.message()?;
        let id = message.id_value().map(|id| String::from_utf8(id.raw.to_vec()).unwrap());
        Some((message.kind(), message.method().unwrap().into_owned(), id.unwrap_or_default()))
    }

    #[test]
    fn a_request_is_known_by_its_own_members_wherever_they_stand() {
        let of = |method: &str, id: &str| Some((Kind::Request, method.to_owned(), id.to_owned()));
        let params = r#""params":{"id":9,"method":"x","a":["id",{"id":1}],"t":"\"id\":7,\\"}"#;
        for (text, told) in [
            (format!(r#"{{"method":"tools/call",{params},"jsonrpc":"2.0","id":7}}"#), of("tools/call", "7")),
            (format!(r#" {{ "id" : "a\"b" , {params}, "method" : "ping" }} "#), of("ping", r#""a\"b""#)),
            (format!(r#"{{"method":"a","id":1,{}"#, &params[..40]), of("a", "1")),
            (
                r#"{"jsonrpc":"2.0","method":"a"}"#.to_owned(),
                Some((Kind::Notification, "a".to_owned(), String::new())),
            ),
        ] {
            assert_eq!(seen(&text), told, "{text}");
        }
    }

    #[test]
    fn what_is_no_request_or_two_is_not_known() {
        for text in [
            "",
            "[]",
            r#"[{"id":1,"method":"a"}]"#,
            r#"{"id":1,"method":"a"}{}"#,
            r#"{"id":1,"id":2,"method":"a"}"#,
            r#"{"id":{"id":1},"method":"a"}"#,
            r#"{"id":[1],"method":"a"}"#,
            r#"{"id":1.5,"method":"a"}"#,
            r#"{"id":1,"method":7}"#,
            r#"{"id":1,"result":{}}"#,
            r#"{"id":1,"method":"a" "b"}"#,
            r#"x{"id":1,"method":"a"}"#,
            r#"{"id":1,"params":{},"method":"a"#,
            // The id may come last, or be written so that not every reader finds it.
            r#"{"jsonrpc":"2.0","method":"a","params":{"x":1}"#,
            r#"{"jsonrpc":"2.0","method":"a","params":{"x":"#,
            r#"{"jsonrpc":"2.0","method":"a","\u0069d":7}"#,
            r#"{"jsonrpc":"2.0","method":"a","ID":7}"#,
        ] {
            assert_eq!(seen(text), None, "{text}");
        }
        assert_eq!(seen(&format!(r#"{{"method":"a","id":"{}"}}"#, "x".repeat(LONGEST))), None);
    }

    #[test]
    fn an_answer_that_cannot_be_read_has_an_id_all_the_same() {
        let answers = |text: &str| {
            let mut glimpse = Glimpse::default();
            glimpse.push(text.as_bytes());
            glimpse.answers()
        };
        for text in [
            r#"{"jsonrpc":"2.0","id":7,"result":{},"error":{}}"#,
            r#"{"id":7}"#,
            r#"{"result":{"a":1,"a":2,"id":9,"method":"x"},"id":7}"#,
        ] {
            assert_eq!(answers(text), Some(Id::Number(7)), "{text}");
        }
        for text in [
            "",
            r#"{"result":{}}"#,
            r#"{"id":7,"result":{}"#,
            r#"{"id":7,"method":"a","result":{}}"#,
            r#"{"id":7,"id":8,"result":{}}"#,
            r#"{"id":7,"ID":8,"result":{}}"#,
            r#"{"id":null,"result":{}}"#,
            r#"[{"id":7,"result":{}}]"#,
        ] {
            assert_eq!(answers(text), None, "{text}");
        }
    }

    #[test]
    fn a_short_message_is_there_as_a_whole() {
        let whole = |text: &str| {
            let mut glimpse = Glimpse::default();
            text.as_bytes().chunks(1000).for_each(|piece| glimpse.push(piece));
            glimpse.whole().map(|message| message.body().len())
        };
        let of = |length: usize| format!(r#"{{"jsonrpc":"2.0","method":"{}"}}"#, "x".repeat(length - 29));
        assert_eq!((whole(&of(60)), whole(&of(SHORT))), (Some(60), Some(SHORT)));
        assert_eq!((whole(&of(SHORT + 1)), whole(&of(60)[..59])), (None, None));
    }
}
