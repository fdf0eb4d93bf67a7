//! Writes long texts as JSON strings, many bytes at a time, although nearly every eight bytes of a recorded
//! JSON body contain a quote.

/// Returns a word with `byte` in each byte.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Returns the upper bit of each byte of `word` that is zero.
const fn zeros(word: u64) -> u64 {
    // The sum does not carry from one byte into the next, so the bytes do not affect each other.
    !(((word & each(0x7f)) + each(0x7f)) | word | each(0x7f))
}

/// Returns the upper bit of each byte of `word` that a JSON string must escape.
const fn specials(word: u64) -> u64 {
    let controls = zeros(word & each(0xe0));
    controls | zeros(word ^ each(b'"')) | zeros(word ^ each(b'\\'))
}

/// Returns the position of the first byte that a JSON string must escape, or that ends it.
pub(super) fn first_special(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let found = specials(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(place * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    rest.iter().position(special).map(|at| words.len() * 8 + at)
}

/// Sixty-four bytes.
type Block = [u8; 64];

/// The longest escape of one byte.
const LONGEST: usize = 6;
/// How many bytes are copied at once, even if only some of them are needed.
const STRIDE: usize = 16;
/// Space for a block, and for what a copy reads after it. A power of two, so that a position below
/// [`Block`]'s length is known to be in bounds.
type Source = [u8; 128];
/// Space for an escaped block, and for what a copy writes after it.
type Escaped = [u8; 512];

const _: () = assert!(size_of::<Block>() * LONGEST + 2 * STRIDE <= size_of::<Escaped>());

/// Appends `text` as a JSON string with its quotes.
pub(super) fn push(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + text.len() / 4 + 2);
    out.push(b'"');
    let mut escaped = [0; size_of::<Escaped>()];
    let (blocks, rest) = text.as_chunks();
    for block in blocks {
        push_block(block, block.len(), &mut escaped, out);
    }
    if !rest.is_empty() {
        let mut block = [b' '; size_of::<Block>()];
        if let Some(start) = block.get_mut(..rest.len()) {
            start.copy_from_slice(rest);
        }
        push_block(&block, rest.len(), &mut escaped, out);
    }
    out.push(b'"');
}

/// Returns a mask in which bit `n` is set if a JSON string must escape byte `n`.
#[inline]
fn specials_of(block: &Block) -> u64 {
    let mut marks = [0; size_of::<Block>()];
    // The compiler vectorizes this.
    for (mark, &byte) in marks.iter_mut().zip(block) {
        *mark = u8::from(byte == b'"') | u8::from(byte == b'\\') | u8::from(byte < 0x20);
    }
    // The multiplication gathers the lowest bits of the eight bytes in the highest byte, in order.
    let gather = |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    marks.as_chunks().0.iter().rev().fold(0, |found, word| (found << 8) | gather(word))
}

/// Appends the first `length` bytes of a block, escaped. There are no special bytes after them.
#[inline]
fn push_block(block: &Block, length: usize, escaped: &mut Escaped, out: &mut Vec<u8>) {
    let mut found = specials_of(block);
    if found == 0 {
        out.extend_from_slice(block.get(..length).unwrap_or(block));
        return;
    }
    let mut source = [0; size_of::<Source>()];
    if let Some(start) = source.first_chunk_mut() {
        *start = *block;
    }
    let (mut at, mut read) = (0, 0);
    while found != 0 {
        let special = found.trailing_zeros() as usize;
        found &= found - 1;
        at = copy(&source, read, special, escaped, at);
        at += match block.get(special) {
            // Nearly all of them: the predicted branch avoids waiting for the length.
            Some(b'"') => put(escaped, at, *b"\\\"", 2),
            Some(&byte) => {
                let (bytes, count) = escape(byte);
                put(escaped, at, bytes, count)
            }
            None => 0,
        };
        read = special + 1;
    }
    at = copy(&source, read, length, escaped, at);
    out.extend_from_slice(escaped.get(..at).unwrap_or_default());
}

/// Copies the bytes from `read` to `end`, and some more, which are overwritten later. Returns where they end.
#[inline]
fn copy(from: &Source, read: usize, end: usize, to: &mut Escaped, at: usize) -> usize {
    let stride = |read: usize| -> [u8; STRIDE] {
        from.get(read % size_of::<Block>()..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default()
    };
    let length = end - read;
    put(to, at, stride(read), STRIDE);
    let mut done = STRIDE;
    while done < length {
        put(to, at + done, stride(read + done), STRIDE);
        done += STRIDE;
    }
    at + length
}

/// Writes all `bytes`, of which the first `count` are kept.
#[inline]
fn put<const N: usize>(to: &mut Escaped, at: usize, bytes: [u8; N], count: usize) -> usize {
    if let Some(place) = to.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = bytes;
    }
    count
}

/// Returns the escape of a special byte, and its length.
fn escape(byte: u8) -> ([u8; 8], usize) {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => return ([b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15), 0, 0], LONGEST),
    };
    ([b'\\', short, 0, 0, 0, 0, 0, 0], 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::json::write_string;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn it_writes_what_the_plain_way_writes(text in prop_oneof![
            any::<String>(),
            "[\"\\\\a\u{0}-\u{1f}\u{7f}-\u{82}]{0,200}",
            "[a-z]{0,90}\"[a-z]{0,90}\\\\?[a-zé]{0,9}",
        ], before in "[a-z]{0,3}") {
            let mut plain = before.clone();
            write_string(&text, &mut plain).unwrap();
            let mut out = before.into_bytes();
            push(text.as_bytes(), &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), plain);
        }
    }

    proptest! {
        #[test]
        fn behind_a_long_text_a_short_one_is_written_alike(text in any::<String>(), before in "[a-zé\"]{0,3000}") {
            let mut out = before.clone();
            crate::domain::json::push_string(&text, &mut out);
            let mut plain = before;
            write_string(&text, &mut plain).unwrap();
            prop_assert_eq!(out, plain);
        }
    }

    #[test]
    fn the_first_special_is_found_at_each_place_of_each_length() {
        for length in 0..40 {
            assert_eq!(first_special(&vec![b'a'; length]), None);
            for at in 0..length {
                for byte in [0, 0x1f, b'"', b'\\'] {
                    let mut text = vec![0xc3; length];
                    text[at] = byte;
                    text[length - 1] = if at == length - 1 { byte } else { b'"' };
                    assert_eq!(first_special(&text), Some(at), "{length} {at} {byte}");
                }
            }
        }
    }

    #[test]
    fn every_byte_is_told_by_itself_beside_every_other() {
        for byte in 0..=255_u8 {
            for neighbour in [0, 1, 0x1f, b' ', b'"', b'\\', 0x7f, 0x80, 0xff] {
                let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
                let word =
                    u64::from_le_bytes([byte, neighbour, byte, neighbour, 0x21, byte, neighbour, byte]);
                for (place, byte) in word.to_le_bytes().into_iter().enumerate() {
                    assert_eq!(specials(word) >> (8 * place) & 0x80 != 0, special(byte), "{word:x} {place}");
                }
            }
        }
    }
}
