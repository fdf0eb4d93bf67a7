//! Bytes as lower-case hex digits, and back.

/// The digits.
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Encodes bytes as two lower-case digits each.
pub fn encode(bytes: &[u8]) -> String {
    let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied().map_or('0', char::from);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(*byte));
    }
    text
}

/// Returns the value of one digit, in either case.
pub const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Decodes pairs of digits into `out`. `None`: the number of digits does not fit, or one is invalid; `out`
/// may then be partly written.
pub fn decode_into(text: &[u8], out: &mut [u8]) -> Option<()> {
    if text.len() != out.len().checked_mul(2)? {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_digits_and_bytes_again() {
        let all: Vec<u8> = (0..=255).collect();
        let text = encode(&all);
        assert!(text.starts_with("000102") && text.ends_with("fdfeff"), "{text}");
        let mut back = vec![0; all.len()];
        decode_into(text.to_ascii_uppercase().as_bytes(), &mut back).unwrap();
        assert_eq!(back, all);
        for wrong in ["", "0", "0g", "+1", "000", "0000"] {
            assert_eq!(decode_into(wrong.as_bytes(), &mut [0]), None, "{wrong}");
        }
    }
}
