//! Block storage: compressed with zstd (RFC 8878) where that makes a block smaller. Hashes cover the
//! uncompressed content.
//!
//! An uncompressed block begins with the length of its first frame, which is never as large as the zstd magic
//! number.

use zstd::bulk::Compressor;
use zstd::zstd_safe;

use crate::recording::live::MAX_BLOCK;
use crate::recording::wal::frame::MAX_LENGTH;

/// The first bytes of a compressed block.
const MAGIC: [u8; 4] = zstd_safe::MAGICNUMBER.to_le_bytes();
/// The fastest of the usual levels: one thread compresses 400 MB of JSON per second, to a fifth of its size.
const LEVEL: i32 = 1;
/// Smaller blocks are not compressed: they take a fraction of a page either way.
const LEAST: usize = 2048;
/// Buffers with a larger capacity are not kept for the next block.
const KEPT: usize = 2 * MAX_BLOCK;
/// Longer blocks are not compressed, and no more than this is ever decompressed. The limit is a block that is
/// just not full, followed by the longest event.
const MOST: usize = MAX_BLOCK + MAX_LENGTH;

/// Compresses blocks.
#[derive(Default)]
pub(crate) struct Packer {
    /// Created for the first block, since it takes memory.
    compressor: Option<Compressor<'static>>,
    packed: Vec<u8>,
}

impl Packer {
    /// Compresses a block if that makes it smaller.
    pub(crate) fn pack(&mut self, block: &mut Vec<u8>) {
        let is_packed = may_be_packed(block.len()) && self.try_to_pack(block);
        if is_packed && self.packed.len() < block.len() {
            std::mem::swap(block, &mut self.packed);
        }
        // The memory for one large block is not kept for the next small ones.
        if self.packed.capacity() > KEPT {
            self.packed = Vec::new();
        }
    }

    /// Compresses into `packed`. Returns `false` if memory is short; the block is then stored uncompressed.
    fn try_to_pack(&mut self, block: &[u8]) -> bool {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => {
                let Ok(compressor) = Compressor::new(LEVEL) else { return false };
                none.insert(compressor)
            }
        };
        self.packed.clear();
        self.packed.reserve(zstd_safe::compress_bound(block.len()));
        compressor.compress_to_buffer(block, &mut self.packed).is_ok()
    }
}

/// Returns whether a block of this length benefits from compression and may be decompressed again.
fn may_be_packed(length: usize) -> bool {
    (LEAST..=MOST).contains(&length)
}

/// Returns the block for stored bytes. Compressed bytes that cannot be decompressed are returned unchanged:
/// they split into no frames.
pub(crate) fn unpack(stored: Vec<u8>) -> Vec<u8> {
    if !stored.starts_with(&MAGIC) {
        return stored;
    }
    let length = zstd_safe::get_frame_content_size(&stored).ok().flatten();
    let length = length.and_then(|length| usize::try_from(length).ok()).filter(|length| *length <= MOST);
    let unpacked = length.and_then(|length| zstd::bulk::decompress(&stored, length).ok());
    unpacked.unwrap_or(stored)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::recording::chain::Frames;

    fn packed(block: &[u8]) -> Vec<u8> {
        let mut block = block.to_vec();
        Packer::default().pack(&mut block);
        block
    }

    /// Returns a block of one frame.
    fn frame(line: &str) -> Vec<u8> {
        let mut block = Vec::new();
        let written = crate::recording::chain::push_frame(&mut block, &[7; 32], |out| {
            out.extend_from_slice(line.as_bytes());
            Ok::<(), ()>(())
        });
        written.unwrap();
        block
    }

    #[test]
    fn what_gets_smaller_is_packed_and_comes_back() {
        let block = frame(&"{\"id\":7,\"name\":\"Ada\"}".repeat(500));
        let stored = packed(&block);
        assert!(stored.starts_with(&MAGIC) && stored.len() < block.len() / 5, "{}", stored.len());
        assert_eq!(unpack(stored), block);
        // Small and random blocks are stored uncompressed.
        let small = frame(&"a".repeat(LEAST - 100));
        assert_eq!(packed(&small), small);
        let mut random = vec![0; 4096];
        aws_lc_rs::rand::fill(&mut random).unwrap();
        assert_eq!(packed(&random), random);
    }

    #[test]
    fn one_packer_packs_many() {
        let mut packer = Packer::default();
        for number in 0..50_usize {
            let block = frame(&format!("{{\"number\":{number}}}").repeat(number * 40));
            let mut stored = block.clone();
            packer.pack(&mut stored);
            assert_eq!(unpack(stored), block);
        }
    }

    #[test]
    fn damage_is_no_frame_and_takes_no_memory() {
        let block = frame(&"{\"id\":7,\"name\":\"Ada\"}".repeat(500));
        let stored = packed(&block);
        for end in 0..stored.len() {
            let cut = unpack(stored[..end].to_vec());
            assert!(cut.is_empty() || Frames::new(&cut).any(|frame| frame.is_err()), "{end}");
        }
        // Claims to hold more than any block: a terabyte in a few bytes.
        let mut bomb = MAGIC.to_vec();
        bomb.push(0xe0);
        bomb.extend_from_slice(&(1_u64 << 40).to_le_bytes());
        bomb.extend_from_slice(&[1, 0, 0]);
        assert!(matches!(zstd_safe::get_frame_content_size(&bomb), Ok(Some(said)) if said == 1 << 40));
        assert_eq!(unpack(bomb.clone()), bomb);
        // Claims less than it holds.
        let mut other = packed(&frame(&"x".repeat(9000)));
        other.extend(packed(&frame(&"y".repeat(9000))));
        assert_eq!(unpack(other.clone()), other);
    }

    #[test]
    fn what_would_not_be_unpacked_is_not_packed_and_its_room_is_not_kept() {
        for (length, may_be) in [(LEAST - 1, false), (LEAST, true), (MOST, true), (MOST + 1, false)] {
            assert_eq!(may_be_packed(length), may_be, "{length}");
        }
        let mut packer = Packer::default();
        for length in [MAX_BLOCK, 3 * MAX_BLOCK, LEAST] {
            let mut block = vec![b'x'; length];
            packer.pack(&mut block);
            assert!(block.starts_with(&MAGIC) && packer.packed.capacity() <= KEPT, "{length}");
            assert_eq!(unpack(block).len(), length);
        }
    }

    proptest! {
        #[test]
        fn any_byte_that_changes_is_seen_or_changes_nothing(at in 0_usize..10_000, bit in 0_u32..8) {
            let block = frame(&"{\"id\":7,\"name\":\"Ada\",\"n\":12345}".repeat(300));
            let mut stored = packed(&block);
            let at = at % stored.len();
            stored[at] ^= 1 << bit;
            let found = unpack(stored);
            let whole = Frames::new(&found).all(|frame| frame.is_ok());
            let chained = || Frames::new(&found).all(|frame| {
                frame.is_ok_and(|(hash, line)| crate::recording::chain::link(&[7; 32], line) == hash)
            });
            prop_assert!(!whole || found.is_empty() || !chained() || found == block);
        }
    }
}
