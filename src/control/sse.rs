//! The wire format of the live stream: server-sent events (WHATWG HTML, section 9.2), writing and parsing.

use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;

/// A comment, sent on a silent stream so that both sides notice a dead one.
pub const HEARTBEAT: &str = ": beat\n\n";
/// Maximum length of a message in bytes.
pub const MAX_MESSAGE: usize = 32 << 20;

/// Formats one message. Line ends in its data become several `data` fields, so that nothing in it can forge a
/// field.
pub fn write(event: &LiveEvent) -> String {
    let mut out = String::with_capacity(event.data.len() + 64);
    if !event.id.is_empty() && !event.id.contains(['\n', '\r', '\0']) {
        out.push_str("id: ");
        out.push_str(&event.id);
        out.push('\n');
    }
    out.push_str("event: ");
    out.push_str(event.topic.as_str());
    for line in event.data.split(['\n', '\r']) {
        out.push_str("\ndata: ");
        out.push_str(line);
    }
    out.push_str("\n\n");
    out
}

/// The stream has a message longer than [`MAX_MESSAGE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of the stream is longer than {MAX_MESSAGE} bytes")]
pub struct TooLong;

/// Parses messages from a stream, split anywhere.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: Vec<u8>,
    /// Start of the next line.
    start: usize,
    /// Up to here there is no line end.
    scanned: usize,
    id: String,
    topic: Option<String>,
    data: Vec<String>,
    held: usize,
}

impl Reader {
    /// Adds the next piece.
    ///
    /// # Errors
    /// [`TooLong`]; the stream is unusable afterwards.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), TooLong> {
        self.buffer.extend_from_slice(piece);
        if self.buffer.len() + self.held > MAX_MESSAGE { Err(TooLong) } else { Ok(()) }
    }

    /// Returns the next complete message, if any. Comments, unknown fields and unknown topics are skipped.
    pub fn take(&mut self) -> Option<LiveEvent> {
        while let Some(line) = self.line() {
            if line.is_empty() {
                if let Some(event) = self.dispatch() {
                    return Some(event);
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => value.clone_into(&mut self.id),
                "event" => self.topic = Some(value.to_owned()),
                "data" => {
                    self.held += value.len() + 1;
                    self.data.push(value.to_owned());
                }
                _ => {}
            }
        }
        None
    }

    fn dispatch(&mut self) -> Option<LiveEvent> {
        let topic = self.topic.take();
        let data = std::mem::take(&mut self.data);
        self.held = 0;
        if data.is_empty() {
            return None;
        }
        let topic = Topic::parse(&topic?)?;
        Some(LiveEvent { id: self.id.clone(), topic, data: data.join("\n") })
    }

    fn line(&mut self) -> Option<String> {
        let rest = self.buffer.get(self.scanned..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', rest).map(|at| at + self.scanned) else {
            // Moved to the front once per piece, not per line.
            self.buffer.drain(..self.start);
            self.start = 0;
            self.scanned = self.buffer.len();
            return None;
        };
        let line = self.buffer.get(self.start..end).unwrap_or_default();
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
        self.start = end + 1;
        self.scanned = self.start;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn messages_survive_the_wire_split_anywhere(
            messages in proptest::collection::vec(("[a-z0-9-]{1,12}", 0..5_usize, "[^\r]{0,40}"), 1..8),
            cut in 1..9_usize,
        ) {
            let sent: Vec<_> = messages
                .into_iter()
                .map(|(id, topic, data)| LiveEvent { id, topic: Topic::ALL[topic], data })
                .collect();
            let mut wire = String::from(HEARTBEAT);
            for event in &sent {
                wire.push_str(&write(event));
                wire.push_str(HEARTBEAT);
            }
            let mut reader = Reader::default();
            let mut got = Vec::new();
            for piece in wire.as_bytes().chunks(cut) {
                reader.push(piece).unwrap();
                while let Some(event) = reader.take() {
                    got.push(event);
                }
            }
            prop_assert_eq!(got, sent);
        }

        #[test]
        fn no_stream_panics_the_reader(bytes: Vec<u8>) {
            let mut reader = Reader::default();
            reader.push(&bytes).unwrap();
            while reader.take().is_some() {}
        }
    }

    #[test]
    fn data_cannot_forge_a_message() {
        let evil = "{}\n\nid: forged\nevent: end\ndata: {\"reason\":\"x\"}\r\revent: end";
        let wire = write(&LiveEvent { id: "1".to_owned(), topic: Topic::Session, data: evil.to_owned() });
        let mut reader = Reader::default();
        reader.push(wire.as_bytes()).unwrap();
        let event = reader.take().unwrap();
        assert_eq!((event.topic, event.id.as_str()), (Topic::Session, "1"));
        assert_eq!(reader.take(), None);
    }

    #[test]
    fn an_endless_message_is_refused() {
        let mut reader = Reader::default();
        let piece = vec![b'x'; MAX_MESSAGE / 4 + 1];
        let refused = (0..4).map(|_| {
            let pushed = reader.push(&piece);
            assert_eq!(reader.take(), None);
            pushed
        });
        assert!(refused.last().unwrap().is_err());
        let mut reader = Reader::default();
        let lines = "data: 0123456789\n".repeat(MAX_MESSAGE / 64);
        let refused = (0..8).any(|_| {
            let pushed = reader.push(lines.as_bytes());
            assert_eq!(reader.take(), None);
            pushed.is_err()
        });
        assert!(refused);
    }
}
