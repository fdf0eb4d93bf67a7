//! WebSocket frames (RFC 6455, section 5): parsed as they pass, for the recording, and cleared of the
//! credential ([`FrameClearer`]).

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod clear;
pub mod close;

pub use clear::Clear;
pub use clear::FrameClearer;

/// The bytes are not valid frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Follows one direction of a WebSocket.
#[derive(Debug)]
pub struct FrameReader {
    from_client: bool,
    /// The bytes of a header that is not complete.
    head: Vec<u8>,
    frame: Option<Under>,
}

/// The frame whose payload is passing.
#[derive(Debug)]
struct Under {
    head: Head,
    /// How much of its payload has passed, in bytes.
    seen: u64,
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

    /// Returns the kind of the frame of which a part has passed, if its header is complete.
    pub fn unfinished(&self) -> Option<&'static str> {
        self.frame.as_ref().map(|frame| frame.head.kind)
    }

    /// Takes bytes from the front of `bytes` up to the end of a frame, and appends what they have of its
    /// payload, unmasked, to `payload`. Returns the frame's kind (`text`, `binary`, `continuation`, `close`,
    /// `ping`, `pong`); `None` if the bytes end before the frame does.
    pub fn next(
        &mut self,
        bytes: &mut &[u8],
        payload: &mut Vec<u8>,
    ) -> Result<Option<&'static str>, Malformed> {
        while self.frame.is_none() {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(None) };
            *bytes = rest;
            self.head.push(byte);
            if let Some(head) = Head::parse(&self.head, self.from_client)? {
                self.frame = Some(Under { head, seen: 0 });
                self.head.clear();
            }
        }
        let Some(Under { head, seen }) = &mut self.frame else { return Ok(None) };
        let left = head.length.saturating_sub(*seen);
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let (part, rest) = bytes.split_at(now);
        let key = head.key.into_iter().cycle().skip(usize::try_from(*seen & 3).unwrap_or(0));
        payload.extend(part.iter().zip(key).map(|(byte, key)| byte ^ key));
        *seen = seen.saturating_add(now as u64);
        *bytes = rest;
        if *seen < head.length {
            return Ok(None);
        }
        Ok(self.frame.take().map(|frame| frame.head.kind))
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

    /// Reads pieces as they come; returns the kind and payload of each frame that is complete.
    fn read(reader: &mut FrameReader, pieces: &[&[u8]]) -> Result<Vec<(&'static str, Vec<u8>)>, Malformed> {
        let (mut frames, mut payload) = (Vec::new(), Vec::new());
        for mut piece in pieces.iter().copied() {
            while let Some(kind) = reader.next(&mut piece, &mut payload)? {
                frames.push((kind, std::mem::take(&mut payload)));
            }
        }
        Ok(frames)
    }

    #[test]
    fn frames_are_read_however_they_are_cut() {
        // "Hello" masked (RFC 6455, section 5.7), then a ping without payload.
        let bytes =
            [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58, 0x89, 0x80, 1, 2, 3, 4];
        for size in 1..=bytes.len() {
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            let frames = read(&mut FrameReader::new(true), &pieces).unwrap();
            assert_eq!(frames, [("text", b"Hello".to_vec()), ("ping", Vec::new())], "in pieces of {size}");
        }
    }

    #[test]
    fn the_part_of_a_frame_that_has_passed_is_known() {
        let mut bytes = vec![0x82, 127, 0, 0, 0, 0, 0, 2, 0, 0];
        let mut reader = FrameReader::new(false);
        assert_eq!(read(&mut reader, &[&bytes[..9]]), Ok(Vec::new()));
        assert_eq!((reader.is_between(), reader.unfinished()), (false, None));
        let mut payload = Vec::new();
        assert_eq!(reader.next(&mut &[0, 7, 7][..], &mut payload), Ok(None));
        assert_eq!((reader.unfinished(), &payload[..]), (Some("binary"), &[7, 7][..]));
        bytes.extend(vec![7; 0x2_0000]);
        let frames = read(&mut FrameReader::new(false), &[&bytes]).unwrap();
        assert_eq!(frames, [("binary", vec![7; 0x2_0000])]);
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
            assert_eq!(read(&mut FrameReader::new(from_client), &[bytes]), Err(Malformed));
        }
    }
}
