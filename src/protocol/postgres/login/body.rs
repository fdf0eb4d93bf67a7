//! Reads the body of a server's message, and writes the one kind of message that a login sends.

use crate::domain::Secret;

/// Reads a body from the front. Each part must be there; nothing is skipped.
#[derive(Clone, Copy)]
pub(super) struct Body<'a>(pub(super) &'a [u8]);

impl<'a> Body<'a> {
    /// Reads a `Byte1`.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// Reads an `Int32` as unsigned: no message of a login has a negative one.
    pub(super) fn int32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    /// Reads a `String`: the bytes before the next zero, which is taken too.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(0, self.0)?;
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.split_first()?.1;
        Some(text)
    }

    /// Checks that nothing is left.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Returns a whole message of type `p` (`PasswordMessage`, `SASLInitialResponse`, `SASLResponse`) that
/// consists of `parts`; `None` if they are too long for one. It is written into a buffer of its final size,
/// so that growing leaves no copy of a password behind.
pub(super) fn answer(parts: &[&[u8]]) -> Option<Secret> {
    let length = parts.iter().try_fold(4_usize, |sum, part| sum.checked_add(part.len()))?;
    let told = i32::try_from(length).ok()?;
    let mut frame = Vec::with_capacity(length.checked_add(1)?);
    frame.push(b'p');
    frame.extend_from_slice(&told.to_be_bytes());
    for part in parts {
        frame.extend_from_slice(part);
    }
    Some(Secret::new(frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_part_by_part_and_only_whole_parts() {
        let mut body = Body(b"\x01\x00\x00\x01\x02name\0\0rest");
        assert_eq!(body.byte(), Some(1));
        assert_eq!(body.int32(), Some(258));
        assert_eq!(body.string(), Some(&b"name"[..]));
        assert_eq!(body.string(), Some(&b""[..]));
        assert_eq!(body.string(), None);
        assert_eq!(body.end(), None);
        assert_eq!(Body(b"\0\0\0").int32(), None);
        assert_eq!(Body(b"").byte(), None);
        assert_eq!(Body(b"").end(), Some(()));
    }

    #[test]
    fn an_answer_is_one_frame_with_its_length() {
        let frame = answer(&[b"ab", b"", b"c"]).unwrap();
        assert_eq!(frame.expose(), b"p\0\0\0\x07abc");
    }
}
