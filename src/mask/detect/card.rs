//! Payment card numbers: brand, length and Luhn check digit, written as one group or several.

use crate::mask::detect::Span;
use crate::mask::detect::byte_at;
use crate::mask::detect::byte_before;

/// Maximum number of groups and digits examined around an anchor.
const MOST_GROUPS: usize = 8;
const MOST_DIGITS: usize = 19;

/// The fewest digits of a group, and of the first one.
const LEAST_GROUP: usize = 3;
const LEAST_FIRST: usize = 4;

/// The groups of the numbers on cards, four bits for the size of each.
const USUAL: [usize; 4] = [0x4444, 0x465, 0x464, 0x44443];

/// The card number around a digit of it. Each group up to that digit is tried as its first, as the number may
/// stand behind others ("seat 12 4111 1111 …"); where several fit, all that they cover.
pub(super) fn at(text: &[u8], at: usize) -> Option<Span> {
    let mut start = at - digits_before(text, at);
    let (mut found, mut gap): (Option<Span>, u8) = (None, 0);
    loop {
        // One that ends before the digit is another number.
        if let Some(span) = from(text, start).filter(|span| span.end > at) {
            let end = found.map_or(span.end, |found| found.end.max(span.end));
            found = Some(Span { end, ..span });
        }
        let sign = byte_before(text, start);
        let Some(end) = start.checked_sub(1).filter(|_| is_gap(sign) && (gap == 0 || gap == sign)) else {
            return found;
        };
        let size = digits_before(text, end);
        if size < LEAST_GROUP || at - (end - size) > MOST_DIGITS + MOST_GROUPS {
            return found;
        }
        (start, gap) = (end - size, sign);
    }
}

/// How many digits stand before a place, up to one more than a number has.
fn digits_before(text: &[u8], at: usize) -> usize {
    let before = text.get(at.saturating_sub(MOST_DIGITS + 1)..at).unwrap_or_default();
    before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count()
}

fn digits_from(text: &[u8], start: usize) -> usize {
    text.iter().skip(start).take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count()
}

fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'-')
}

/// The longest card number that begins at `start` and ends at the end of a group. Between dashes, where other
/// numbers are joined to it by one, too, its groups must be those of a card.
fn from(text: &[u8], start: usize) -> Option<Span> {
    let is_joined = before(text, start)?;
    let mut digits = [0u8; MOST_DIGITS];
    let (mut count, mut place, mut gap, mut found, mut groups) = (0, start, 0, None, 0);
    for group in 0..MOST_GROUPS {
        let size = digits_from(text, place);
        let least = if group == 0 { LEAST_FIRST } else { LEAST_GROUP };
        if size < least || count + size > MOST_DIGITS {
            break;
        }
        for (room, byte) in digits.iter_mut().skip(count).zip(text.iter().skip(place).take(size)) {
            *room = byte - b'0';
        }
        groups = groups << 4 | size.min(15);
        count += size;
        place += size;
        let fits = |joins: bool| gap != b'-' || !(joins || is_joined) || USUAL.contains(&groups);
        if behind(text, place).is_some_and(fits) && digits.get(..count).is_some_and(is_card) {
            found = Some(Span {
                start,
                end: place,
                score: 100,
                reason: "brand, length and Luhn check digit hold",
            });
        }
        let next = byte_at(text, place);
        if !is_gap(next) || (gap != 0 && gap != next) {
            break;
        }
        gap = next;
        place += 1;
    }
    found
}

/// What stands before a number: `None` if it is a part of it, or else whether that is a dash with more digits
/// behind it.
fn before(text: &[u8], start: usize) -> Option<bool> {
    let sign = byte_before(text, start);
    let digit = start.checked_sub(1).is_some_and(|at| byte_before(text, at).is_ascii_digit());
    let belongs = sign == b'+' || (sign == b'.' && digit) || sign.is_ascii_alphanumeric();
    (!belongs).then_some(sign == b'-' && digit)
}

/// What stands behind a number, as for [`before`]. `.0` at the end is what some writers make of a whole
/// number.
fn behind(text: &[u8], end: usize) -> Option<bool> {
    let sign = byte_at(text, end);
    let digit = byte_at(text, end + 1).is_ascii_digit();
    if sign == b'.' && digit {
        let zeros = text.iter().skip(end + 1).take_while(|byte| **byte == b'0').count();
        return (zeros > 0 && !byte_at(text, end + 1 + zeros).is_ascii_alphanumeric()).then_some(false);
    }
    (!sign.is_ascii_alphanumeric()).then_some(sign == b'-' && digit)
}

/// Whether the digits (0 to 9 each) are a card number.
pub(super) fn is_card(digits: &[u8]) -> bool {
    brand_takes(digits, digits.len()) && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| {
            let digit = u32::from(digit);
            match (place % 2, digit) {
                (0, _) => digit,
                (_, 0..=4) => 2 * digit,
                _ => 2 * digit - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Returns whether an issuer assigns numbers with that prefix and length (ISO/IEC 7812 ranges).
fn brand_takes(digits: &[u8], len: usize) -> bool {
    let prefix =
        |size: usize| digits.iter().take(size).fold(0u32, |value, &digit| value * 10 + u32::from(digit));
    match prefix(4) {
        4000..=4999 => matches!(len, 13 | 16 | 19),
        5018 | 5020 | 5038 | 5612 | 5893 | 6304 | 6390 | 6759 | 6761..=6763 | 6771 => {
            (12..=19).contains(&len)
        }
        5060..=5067 | 5078..=5081 => matches!(len, 16 | 18 | 19),
        3400..=3499 | 3700..=3799 | 1800 | 2131 => len == 15,
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => (14..=19).contains(&len),
        2200..=2205 | 3528..=3589 | 6011 | 6200..=6299 | 6440..=6599 => (16..=19).contains(&len),
        2221..=2720 | 5100..=5599 | 6000..=6099 | 6370..=6389 | 8100..=8299 | 9792 => len == 16,
        _ => false,
    }
}
