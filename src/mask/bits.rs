//! Many bytes at a time: the bytes of a class as a bit mask, and the end of a JSON string.
//!
//! All of it is plain arithmetic that the compiler turns into vector instructions.

/// Sixty-four bytes.
pub(super) type Block = [u8; 64];

/// The lowest bit of each byte.
const ONES: u64 = 0x0101_0101_0101_0101;

/// The highest bit of each byte.
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Classes of bytes, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Digit,
    Letter,
    Dot,
    /// A blank or dash.
    Gap,
    Colon,
    At,
}

/// The classes of the bytes of a block.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Classes {
    words: [u64; 8],
    any: u64,
}

impl Classes {
    #[inline]
    pub(super) fn of(block: &Block) -> Self {
        let mut classes: Block = [0; 64];
        for (class, &byte) in classes.iter_mut().zip(block) {
            *class = u8::from(byte.wrapping_sub(b'0') < 10)
                | (u8::from((byte | 0x20).wrapping_sub(b'a') < 26) << 1)
                | (u8::from(byte == b'.') << 2)
                | ((u8::from(byte == b'-') | u8::from(byte == b' ')) << 3)
                | (u8::from(byte == b':') << 4)
                | (u8::from(byte == b'@') << 5);
        }
        let (chunks, _) = classes.as_chunks::<8>();
        let mut words = [0; 8];
        let mut any = 0;
        for (word, chunk) in words.iter_mut().zip(chunks) {
            *word = u64::from_le_bytes(*chunk);
            any |= *word;
        }
        Self { words, any }
    }

    /// Returns whether no byte is of the class.
    #[inline]
    pub(super) fn none(&self, class: Class) -> bool {
        self.any & (ONES << class as u32) == 0
    }

    /// Returns a mask in which bit `n` is set if byte `n` is of the class.
    #[inline]
    pub(super) fn mask(&self, class: Class) -> u64 {
        if self.none(class) {
            return 0;
        }
        // The multiplication gathers the lowest bits of the eight bytes in the highest byte, in order.
        let gather = |word: &u64| ((word >> class as u32) & ONES).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        self.words.iter().rev().fold(0, |mask, word| (mask << 8) | gather(word))
    }
}

/// Returns the position from `from` on at which a JSON string stops being plain text: at its quote, a
/// backslash or a control character.
#[inline]
pub(super) fn string_stop(input: &[u8], from: usize) -> Option<usize> {
    // Most strings end in the first sixteen bytes, and finding out in which half of them costs no branch.
    match input.get(from..)?.first_chunk() {
        Some(chunk) => stop_in(chunk).map(|stop| from + stop).or_else(|| far_stop(input, from + 16)),
        None => far_stop(input, from),
    }
}

/// Returns the same beyond the first sixteen bytes, or near the end of the input.
#[inline(never)]
fn far_stop(input: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(chunk) = input.get(at..)?.first_chunk() {
        if let Some(stop) = stop_in(chunk) {
            return Some(at + stop);
        }
        at += 16;
        // A long text is usually longer still.
        while at - from >= 32 && input.get(at..)?.first_chunk().is_some_and(no_stop_in) {
            at += 64;
        }
    }
    if let Some(word) = input.get(at..)?.first_chunk() {
        let found = stops(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    input.get(at..)?.iter().position(|&byte| is_stop(byte) != 0).map(|found| at + found)
}

#[inline]
fn stop_in(chunk: &[u8; 16]) -> Option<usize> {
    let ([low, high], _) = chunk.as_chunks::<8>() else { return None };
    let (low, high) = (stops(u64::from_le_bytes(*low)), stops(u64::from_le_bytes(*high)));
    if low | high == 0 {
        return None;
    }
    let (base, word) = if low == 0 { (8, high) } else { (0, low) };
    Some(base + (word.trailing_zeros() / 8) as usize)
}

#[inline]
fn no_stop_in(block: &Block) -> bool {
    block.iter().fold(0, |found, &byte| found | is_stop(byte)) == 0
}

/// Returns 1 if a string stops at the byte.
#[inline]
fn is_stop(byte: u8) -> u8 {
    u8::from(byte == b'"') | u8::from(byte == b'\\') | u8::from(byte < 0x20)
}

/// Returns the highest bit of each byte at which a string stops. Only the lowest set bit is exact: a borrow
/// can set higher ones.
#[inline]
fn stops(word: u64) -> u64 {
    const QUOTES: u64 = ONES * b'"' as u64;
    const SLASHES: u64 = ONES * b'\\' as u64;
    // Each difference sets the highest bit of a byte that stops, and of no other below 0x80.
    let quote = (word ^ QUOTES).wrapping_sub(ONES);
    let slash = (word ^ SLASHES).wrapping_sub(ONES);
    let control = word.wrapping_sub(ONES * 0x20);
    (quote | slash | control) & !word & HIGHS
}

/// Returns whether all bytes of a text of at most sixteen are letters, blanks, controls or one of
/// ``[\]^_`{|}~``: no digit, no `@`, `:`, `%` or quote.
#[inline]
pub(super) fn is_dull(text: &[u8]) -> bool {
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        text.len() <= 16 && dull_word(u64::from_le_bytes(*first)) && dull_word(u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let first = u64::from(u32::from_le_bytes(*first));
        dull_word(first | (u64::from(u32::from_le_bytes(*last)) << 32))
    } else {
        dull_word(text.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte)))
    }
}

#[inline]
fn dull_word(word: u64) -> bool {
    // No byte is above 0x7f, so no sum carries into the next one; and none is in 0x21..=0x40.
    let low = word & !HIGHS;
    let (above_blank, above_at) = (low + ONES * (0x80 - 0x21), low + ONES * (0x80 - 0x41));
    (word | (above_blank & !above_at)) & HIGHS == 0
}

/// Returns whether a text has one of `%&:;<=>`: without one, and without a backslash, it has no name with a
/// value.
#[inline]
pub(super) fn may_pair(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk::<8>() else {
        return text.iter().any(|byte| matches!(byte, b'%' | b'&' | b':'..=b'>'));
    };
    let (words, _) = text.as_chunks::<8>();
    let found = words.iter().fold(pair_signs(u64::from_le_bytes(*last)), |found, word| {
        found | pair_signs(u64::from_le_bytes(*word))
    });
    found != 0
}

#[inline]
fn pair_signs(word: u64) -> u64 {
    // As in `dull_word`: no sum carries into the next byte.
    let low = word & !HIGHS;
    let within = |first: u64, last: u64| (low + ONES * (0x80 - first)) & !(low + ONES * (0x7f - last));
    (within(0x25, 0x26) | within(0x3a, 0x3e)) & !word & HIGHS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn masks_say_what_a_byte_by_byte_test_says(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x20u8..0x7f], 64)) {
            let block: Block = bytes.clone().try_into().unwrap();
            let classes = Classes::of(&block);
            for (place, byte) in bytes.iter().enumerate() {
                let bit = |class| classes.mask(class) >> place & 1 == 1;
                prop_assert_eq!(bit(Class::Digit), byte.is_ascii_digit());
                prop_assert_eq!(bit(Class::Letter), byte.is_ascii_alphabetic());
                prop_assert_eq!(bit(Class::Dot), *byte == b'.');
                prop_assert_eq!(bit(Class::Gap), matches!(byte, b' ' | b'-'));
                prop_assert_eq!(bit(Class::Colon), *byte == b':');
                prop_assert_eq!(bit(Class::At), *byte == b'@');
            }
        }

        #[test]
        fn a_dull_text_has_nothing_that_tells(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x41u8..0x7f], 0..17)) {
            let dull = bytes.iter().all(|byte| (0x41..0x80).contains(byte) || *byte <= 0x20);
            prop_assert_eq!(is_dull(&bytes), dull);
        }

        #[test]
        fn a_text_may_pair_if_it_has_a_sign_for_it(bytes in prop::collection::vec(prop_oneof![9 => 0x41u8..=0xff, 1 => any::<u8>()], 0..40)) {
            prop_assert_eq!(may_pair(&bytes), bytes.iter().any(|byte| b"%&:;<=>".contains(byte)));
        }

        #[test]
        fn a_string_stops_at_the_first_special_byte(bytes in prop::collection::vec(prop_oneof![20 => 0x20u8..=0xff, 1 => any::<u8>()], 0..80), from in 0usize..90) {
            let slow = bytes.iter().enumerate().skip(from).find(|(_, b)| **b == b'"' || **b == b'\\' || **b < 0x20).map(|(at, _)| at);
            prop_assert_eq!(string_stop(&bytes, from), slow);
        }
    }
}
