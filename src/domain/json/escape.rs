//! Long texts as JSON strings: eight bytes at a time, since a recorded JSON body has a quote in nearly every eight.

/// A byte in each byte of a word.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The upper bit of each byte of `word` that is zero.
const fn zeros(word: u64) -> u64 {
    // The sum does not run over from one byte into the next, so no byte is mistaken because of another.
    !(((word & each(0x7f)) + each(0x7f)) | word | each(0x7f))
}

/// The upper bit of each byte of `word` that a JSON string must escape.
const fn specials(word: u64) -> u64 {
    let controls = zeros(word & each(0xe0));
    controls | zeros(word ^ each(b'"')) | zeros(word ^ each(b'\\'))
}

/// Where the first byte stands that a JSON string must escape, or that ends it.
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

/// The most that one byte becomes.
const LONGEST: usize = 6;
/// What is kept free behind the end: eight escaped bytes, and the eight bytes that are always written at once.
const ROOM: usize = 8 * LONGEST + 8;

/// Appends `text` as a JSON string with its quotes.
pub(super) fn push(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut at = out.len();
    let (words, rest) = text.as_chunks::<8>();
    out.resize(at + text.len() + text.len() / 4 + ROOM, 0);
    for word in words {
        if out.len() < at + ROOM {
            out.resize(out.len() + out.len() / 2 + ROOM, 0);
        }
        push_word(u64::from_le_bytes(*word), out, &mut at);
    }
    out.truncate(at);
    for &byte in rest {
        push_byte(byte, out);
    }
    out.push(b'"');
}

/// Writes eight bytes to `at`, where there is room for all they may become.
fn push_word(word: u64, out: &mut [u8], at: &mut usize) {
    let (mut word, mut found, mut left) = (word, specials(word), 8);
    loop {
        // All that is left of the word, although only what comes before the next special is meant to stay.
        put(out, *at, word.to_le_bytes());
        if found == 0 {
            *at += left;
            return;
        }
        let plain = found.trailing_zeros() as usize / 8;
        *at += plain;
        let [byte, ..] = (word >> (8 * plain)).to_le_bytes();
        let (escaped, length) = escape(byte);
        put(out, *at, escaped);
        *at += length;
        left -= plain + 1;
        if left == 0 {
            return;
        }
        let gone = 8 * (plain + 1);
        word >>= gone;
        found >>= gone;
    }
}

fn put(out: &mut [u8], at: usize, bytes: [u8; 8]) {
    if let Some(to) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<8>()) {
        *to = bytes;
    }
}

/// What takes the place of a special byte, and how many bytes of it.
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

fn push_byte(byte: u8, out: &mut Vec<u8>) {
    if specials(u64::from(byte) | each(b'a') << 8) == 0 {
        out.push(byte);
        return;
    }
    let (escaped, length) = escape(byte);
    out.extend_from_slice(escaped.get(..length).unwrap_or_default());
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
            "[\"\\\\a\u{0}-\u{1f}\u{7f}-\u{82}]{0,60}",
            "[a-z]{0,40}\"[a-z]{0,9}\\\\?[a-zé]{0,9}",
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
