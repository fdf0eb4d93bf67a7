//! The hash chain of a session and the frames it is stored in: `h_n = SHA-256(0x01 || h_(n-1) || stored bytes
//! of event n)`.

use aws_lc_rs::digest;

/// The hash of an event and, through the chain, of all events before it.
pub type Hash = [u8; 32];

/// The hash that the first event of a session is chained to.
pub const GENESIS: Hash = [0; 32];

/// Domain separation: marks a hash as that of an event, so that it cannot be confused with a hash of anything
/// else.
const EVENT: u8 = 1;
/// Size in bytes of a frame header, which precedes the line: length and hash.
pub(crate) const HEAD: usize = 4 + 32;

/// Computes the hash of an event whose stored bytes are `line`.
pub fn link(previous: &Hash, line: &[u8]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&[EVENT]);
    context.update(previous);
    context.update(line);
    to_hash(&context.finish())
}

fn to_hash(digest: &digest::Digest) -> Hash {
    let mut hash = GENESIS;
    // Both are 32 bytes long; `zip` copies without a branch that could panic.
    for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    hash
}

/// Appends one frame to `block`: `write` appends the line, then length and hash are filled in. Returns the
/// hash.
///
/// # Errors
/// The error of `write`; `block` is then unchanged.
pub(crate) fn push_frame<E>(
    block: &mut Vec<u8>,
    previous: &Hash,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<Hash, E> {
    let start = block.len();
    block.extend_from_slice(&[0; HEAD]);
    if let Err(error) = write(block) {
        block.truncate(start);
        return Err(error);
    }
    let line_at = start + HEAD;
    let hash = link(previous, block.get(line_at..).unwrap_or_default());
    let length = u32::try_from(block.len() - line_at).unwrap_or(u32::MAX);
    if let Some((to_length, rest)) =
        block.get_mut(start..).and_then(|frame| frame.split_first_chunk_mut::<4>())
    {
        *to_length = length.to_le_bytes();
        if let Some(to_hash) = rest.first_chunk_mut::<32>() {
            *to_hash = hash;
        }
    }
    Ok(hash)
}

/// A block whose bytes cannot be split into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Torn;

/// Iterates over the frames of a block: hash and stored line of each event.
pub(crate) struct Frames<'a>(&'a [u8]);

impl<'a> Frames<'a> {
    /// Iterates over `block`.
    pub(crate) fn new(block: &'a [u8]) -> Self {
        Self(block)
    }

    fn split(&mut self) -> Result<(Hash, &'a [u8]), Torn> {
        let (length, rest) = self.0.split_first_chunk::<4>().ok_or(Torn)?;
        let (hash, rest) = rest.split_first_chunk::<32>().ok_or(Torn)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_too_long| Torn)?;
        let (line, rest) = rest.split_at_checked(length).ok_or(Torn)?;
        self.0 = rest;
        Ok((*hash, line))
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<(Hash, &'a [u8]), Torn>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let next = self.split();
        if next.is_err() {
            self.0 = &[];
        }
        Some(next)
    }
}

/// Formats a hash as 64 lower-case hex digits.
pub fn hex(hash: &Hash) -> String {
    crate::domain::hex::encode(hash)
}

/// Parses 64 lower-case hex digits.
pub fn from_hex(text: &str) -> Option<Hash> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() {
        return None;
    }
    let mut hash = GENESIS;
    for (to, [high, low]) in hash.iter_mut().zip(pairs) {
        *to = value(*high)? << 4 | value(*low)?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn block_of(lines: &[&str]) -> Vec<u8> {
        let mut block = Vec::new();
        let mut hash = GENESIS;
        for line in lines {
            hash = push_frame(&mut block, &hash, |out| {
                out.extend_from_slice(line.as_bytes());
                Ok::<(), Infallible>(())
            })
            .unwrap();
        }
        block
    }

    #[test]
    fn the_hash_is_sha256_over_one_the_previous_hash_and_the_bytes() {
        // `printf '\1'`, 32 times `'\0'`, and `'abc'`, piped to `sha256sum`
        assert_eq!(
            hex(&link(&GENESIS, b"abc")),
            "eb6c7edb666609eff0bb948c83ca34fa33b387e154fe93ea6dd84e0cca913b08"
        );
        assert_eq!(from_hex(&hex(&link(&GENESIS, b"abc"))), Some(link(&GENESIS, b"abc")));
        for text in ["", "0", &"0".repeat(63), &"A".repeat(64), &"0".repeat(66)] {
            assert_eq!(from_hex(text), None);
        }
    }

    #[test]
    fn frames_come_back_as_they_were_put_in() {
        let block = block_of(&["one", "", "three"]);
        let lines: Vec<_> = Frames::new(&block).map(|frame| frame.unwrap().1.to_vec()).collect();
        assert_eq!(lines, [b"one".to_vec(), b"".to_vec(), b"three".to_vec()]);
    }

    #[test]
    fn a_block_that_is_cut_anywhere_but_between_frames_is_torn() {
        let block = block_of(&["one", "two"]);
        for length in 0..block.len() {
            let whole = length == 0 || length == HEAD + 3;
            let frames: Result<Vec<_>, Torn> = Frames::new(&block[..length]).collect();
            assert_eq!(frames.is_ok(), whole, "{length}");
        }
    }

    #[test]
    fn a_failed_write_leaves_the_block_as_it_was() {
        let mut block = block_of(&["one"]);
        let before = block.clone();
        let failed = push_frame(&mut block, &GENESIS, |out| {
            out.push(b'x');
            Err(())
        });
        assert_eq!((failed, block), (Err(()), before));
    }
}
