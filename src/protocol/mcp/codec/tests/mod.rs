//! Tests of the codec with tables, other JSON readers, and streams split anywhere.

mod attacks;
mod envelope;
mod line;
mod listing;
mod rewrite;
mod splice;
mod sse;

use bytes::Bytes;

use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::refusal::Problem;
use crate::protocol::mcp::codec::envelope::refusal::Refusal;

fn scan(text: &str) -> Result<Message, Refusal> {
    Message::scan(Bytes::copy_from_slice(text.as_bytes()), Limits::new(1 << 20))
}

fn message(text: &str) -> Message {
    scan(text).unwrap_or_else(|refusal| panic!("{text}: {refusal}"))
}

fn problem(text: &str) -> Problem {
    scan(text).err().unwrap_or_else(|| panic!("{text}: is taken")).problem
}

/// Splits `bytes` at the seams.
fn cut(bytes: &[u8], seams: &[usize]) -> Vec<Bytes> {
    let mut ends: Vec<usize> = seams.iter().map(|seam| seam % (bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let mut from = 0;
    ends.into_iter()
        .map(|end| {
            let piece = Bytes::copy_from_slice(&bytes[from..end]);
            from = end;
            piece
        })
        .collect()
}
