//! WebSocket frames (RFC 6455, section 5): parsed as they pass, for the recording, and cleared of the
//! credential ([`FrameClearer`]).

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod clear;
pub mod close;

pub use clear::Clear;
pub use clear::FrameClearer;

/// How much of one frame's payload is kept, in bytes.
const KEPT: usize = 64 << 10;

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub struct SeenFrame {
    /// `text`, `binary`, `continuation`, `close`, `ping`, `pong`.
    pub kind: &'static str,
    /// The unmasked payload, up to a bound.
    pub payload: Vec<u8>,
    /// The length of the whole payload.
    pub length: u64,
}

/// The bytes are not valid frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Follows one direction of a WebSocket.
#[derive(Debug)]
pub struct FrameReader {
    from_client: bool,
    head: Vec<u8>,
    frame: Option<(SeenFrame, [u8; 4], u64)>,
}

impl FrameReader {
    /// Creates a reader at the start of one direction. A client's frames are masked, a server's are not.
    pub fn new(from_client: bool) -> Self {
        Self { from_client, head: Vec::new(), frame: None }
    }

    /// Returns whether the next byte begins a frame.
    pub fn is_between(&self) -> bool {
        self.head.is_empty() && self.frame.is_none()
    }

    /// Reads more bytes; returns the frames completed by them.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<SeenFrame>, Malformed> {
        let mut complete = Vec::new();
        loop {
            if self.frame.is_none() {
                while self.frame.is_none() {
                    let Some((&byte, rest)) = bytes.split_first() else { return Ok(complete) };
                    bytes = rest;
                    self.head.push(byte);
                    if let Some(Head { kind, length, key, .. }) = Head::parse(&self.head, self.from_client)? {
                        self.frame = Some((SeenFrame { kind, payload: Vec::new(), length }, key, 0));
                    }
                }
                self.head.clear();
            }
            let Some((frame, key, seen)) = &mut self.frame else { return Ok(complete) };
            let left = frame.length.saturating_sub(*seen);
            let now = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            let (part, rest) = bytes.split_at(now);
            for (&byte, at) in part.iter().zip(*seen..) {
                if frame.payload.len() >= KEPT {
                    break;
                }
                let key_byte =
                    usize::try_from(at & 3).ok().and_then(|place| key.get(place)).copied().unwrap_or(0);
                frame.payload.push(byte ^ key_byte);
            }
            *seen = seen.saturating_add(now as u64);
            bytes = rest;
            if *seen < frame.length {
                return Ok(complete);
            }
            complete.extend(self.frame.take().map(|(frame, _, _)| frame));
        }
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Copy)]
struct Head {
    kind: &'static str,
    ends_message: bool,
    length: u64,
    /// The masking key; zeros if there is none.
    key: [u8; 4],
}

impl Head {
    /// Parses a header; `None` while it is incomplete.
    fn parse(bytes: &[u8], from_client: bool) -> Result<Option<Self>, Malformed> {
        let (Some(&first), Some(&second)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
        let kind = match first & 0x0f {
            0 => "continuation",
            1 => "text",
            2 => "binary",
            8 => "close",
            9 => "ping",
            10 => "pong",
            _ => return Err(Malformed),
        };
        let masked = second & 0x80 != 0;
        // No extension was negotiated, so the reserved bits must be zero.
        if first & 0x70 != 0 || masked != from_client {
            return Err(Malformed);
        }
        let (length, at) = match second & 0x7f {
            126 => match bytes.get(2..4).and_then(|bytes| bytes.try_into().ok()) {
                Some(bytes) => (u64::from(u16::from_be_bytes(bytes)), 4_usize),
                None => return Ok(None),
            },
            127 => match bytes.get(2..10).and_then(|bytes| bytes.try_into().ok()) {
                Some(bytes) => (u64::from_be_bytes(bytes), 10),
                None => return Ok(None),
            },
            short => (u64::from(short), 2),
        };
        if length > u64::MAX >> 1 {
            return Err(Malformed);
        }
        let mut key = [0; 4];
        if masked {
            match bytes.get(at..at.saturating_add(4)).and_then(|bytes| bytes.try_into().ok()) {
                Some(bytes) => key = bytes,
                None => return Ok(None),
            }
        }
        Ok(Some(Self { kind, ends_message: first & 0x80 != 0, length, key }))
    }

    fn is_close(&self) -> bool {
        self.kind == "close"
    }

    fn is_control(&self) -> bool {
        matches!(self.kind, "close" | "ping" | "pong")
    }

    fn begins_message(&self) -> bool {
        matches!(self.kind, "text" | "binary")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_however_they_are_cut() {
        // "Hello" masked (RFC 6455, section 5.7), then a ping without payload.
        let bytes =
            [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58, 0x89, 0x80, 1, 2, 3, 4];
        for size in 1..=bytes.len() {
            let mut reader = FrameReader::new(true);
            let frames: Vec<SeenFrame> =
                bytes.chunks(size).flat_map(|piece| reader.push(piece).unwrap()).collect();
            assert_eq!(frames.len(), 2, "in pieces of {size}");
            assert_eq!((frames[0].kind, &frames[0].payload[..]), ("text", &b"Hello"[..]));
            assert_eq!(frames[1].kind, "ping");
        }
    }

    #[test]
    fn long_frames_are_counted_and_kept_up_to_their_bound() {
        let mut bytes = vec![0x82, 127, 0, 0, 0, 0, 0, 2, 0, 0];
        bytes.extend(vec![7; 0x2_0000]);
        let frames = FrameReader::new(false).push(&bytes).unwrap();
        assert_eq!((frames[0].length, frames[0].payload.len()), (0x2_0000, KEPT));
        let frames = FrameReader::new(false).push(&[0x82, 126, 0, 3, 1, 2, 3]).unwrap();
        assert_eq!(frames[0].payload, [1, 2, 3]);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for (from_client, bytes) in [
            (true, &[0x81, 0x05][..]),
            (false, &[0x81, 0x85]),
            (false, &[0xc1, 0x01]),
            (false, &[0x83, 0x00]),
            (false, &[0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            assert_eq!(FrameReader::new(from_client).push(bytes), Err(Malformed));
        }
    }
}
