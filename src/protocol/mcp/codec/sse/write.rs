//! Writes an event stream; no part of an event can forge another one. (WHATWG HTML, section 9.2.5,
//! "Parsing".)

use std::io::Write as _;

use bytes::BufMut;
use bytes::BytesMut;

use crate::protocol::mcp::codec::sse::Event;

/// Sent when there is nothing else to send, so that no intermediary takes the stream for dead: an empty
/// comment.
pub const KEEP_ALIVE: &[u8] = b": \n\n";

/// A type or id that cannot be written, since a client would read something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {field} of an event holds a line end or a NUL, which no event can carry")]
pub struct Unwritable {
    /// `event` or `id`.
    pub field: &'static str,
}

/// Appends one event. Data with line ends becomes one `data` line for each line; a carriage return is read
/// back as a line feed, which is equivalent white space in JSON.
///
/// # Errors
/// The type or id contains a line end or a NUL; nothing is written then.
pub fn write(event: &Event, out: &mut BytesMut) -> Result<(), Unwritable> {
    let kind = checked("event", event.event.as_deref())?;
    let id = checked("id", event.id.as_deref())?;
    out.reserve(event.data.len() + 64);
    field("event", kind, out);
    field("id", id, out);
    wait(event.retry, out);
    lines(b"data: ", &event.data, out);
    out.put_u8(b'\n');
    Ok(())
}

/// Appends an id or retry time without an event.
///
/// # Errors
/// The id contains a line end or a NUL; nothing is written then.
pub fn write_settings(id: Option<&[u8]>, retry: Option<u64>, out: &mut BytesMut) -> Result<(), Unwritable> {
    let id = checked("id", id)?;
    if id.is_some() || retry.is_some() {
        field("id", id, out);
        wait(retry, out);
        out.put_u8(b'\n');
    }
    Ok(())
}

fn checked<'a>(field: &'static str, value: Option<&'a [u8]>) -> Result<Option<&'a [u8]>, Unwritable> {
    match value {
        Some(value) if memchr::memchr3(b'\n', b'\r', 0, value).is_some() => Err(Unwritable { field }),
        value => Ok(value),
    }
}

fn field(name: &str, value: Option<&[u8]>, out: &mut BytesMut) {
    if let Some(value) = value {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.put_u8(b'\n');
    }
}

fn wait(retry: Option<u64>, out: &mut BytesMut) {
    if let Some(retry) = retry {
        // Writing to memory never fails.
        writeln!(out.writer(), "retry: {retry}").unwrap_or_default();
    }
}

fn lines(prefix: &[u8], text: &[u8], out: &mut BytesMut) {
    let mut rest = text;
    loop {
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at_checked(end).unwrap_or((rest, b""));
        out.extend_from_slice(prefix);
        out.extend_from_slice(line);
        out.put_u8(b'\n');
        rest = match after {
            [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
            [] => return,
        };
    }
}
