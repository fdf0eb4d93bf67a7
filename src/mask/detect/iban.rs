//! International bank account numbers (ISO 13616): the country's length and the check digits modulo 97.

use crate::mask::detect::Span;
use crate::mask::detect::byte_at;

/// The length by country, from the SWIFT registry and countries that use the format without being in it.
pub(super) const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AO", 25),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BF", 28),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BJ", 28),
    (b"BR", 29),
    (b"BY", 28),
    (b"CF", 27),
    (b"CG", 27),
    (b"CH", 21),
    (b"CI", 28),
    (b"CM", 27),
    (b"CR", 22),
    (b"CV", 25),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"DZ", 26),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GA", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GQ", 27),
    (b"GR", 27),
    (b"GT", 28),
    (b"GW", 25),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IR", 26),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KM", 27),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MA", 28),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MG", 27),
    (b"MK", 19),
    (b"ML", 28),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"MZ", 25),
    (b"NE", 28),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SN", 28),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TD", 27),
    (b"TG", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// Returns the number around its second check digit. The candidate is cut at the country's length before it
/// is checked, so following words do not matter.
pub(super) fn at(text: &[u8], at: usize) -> Option<Span> {
    let start = at.checked_sub(3)?;
    let country = [byte_at(text, start).to_ascii_uppercase(), byte_at(text, start + 1).to_ascii_uppercase()];
    let place = LENGTHS.binary_search_by(|(code, _)| (*code).cmp(&country)).ok()?;
    let &(_, len) = LENGTHS.get(place)?;
    let (mut count, mut end, mut rest, mut head) = (0, start, 0, 0);
    while count < len {
        let byte = byte_at(text, end);
        if byte.is_ascii_alphanumeric() {
            if count < 4 {
                head = append(head, byte);
            } else {
                rest = append(rest, byte);
            }
            count += 1;
        } else if !(matches!(byte, b' ' | b'-')
            && count % 4 == 0
            && byte_at(text, end + 1).is_ascii_alphanumeric())
        {
            return None;
        }
        end += 1;
    }
    // Country and check digits are moved to the end: six digits, as each letter becomes two.
    let checked = (rest * 1_000_000 + head) % 97;
    (checked == 1 && !byte_at(text, end).is_ascii_alphanumeric()).then_some(Span {
        start,
        end,
        score: 100,
        reason: "country, length and check digits hold",
    })
}

/// Appends a character to the value modulo 97 (for the first four: the value itself, below a million); `A` is
/// 10.
fn append(value: u64, byte: u8) -> u64 {
    let value = match byte {
        b'0'..=b'9' => value * 10 + u64::from(byte - b'0'),
        _ => value * 100 + u64::from(byte.to_ascii_uppercase() - b'A') + 10,
    };
    if value < 1_000_000 { value } else { value % 97 }
}
