//! Payment card numbers: brand, length and Luhn check digit, written as one group or several.

use crate::mask::detect::Span;
use crate::mask::detect::byte_at;
use crate::mask::detect::byte_before;

/// Maximum number of groups and digits examined around an anchor.
const MOST_GROUPS: usize = 8;
const MOST_DIGITS: usize = 19;

/// Returns the card number around one of its digits.
pub(super) fn at(text: &[u8], at: usize) -> Option<Span> {
    let run = run_start(text, at);
    let mut start = run;
    // The number may follow other numbers ("seat 12 4111 1111 …"): each group is tried as its first.
    for _ in 0..MOST_GROUPS {
        if let Some(span) = from(text, start) {
            return Some(span);
        }
        start = next_group(text, start)?;
        if start > at {
            return None;
        }
    }
    None
}

/// Walks back over digits and single gaps between them.
fn run_start(text: &[u8], at: usize) -> usize {
    let mut start = at;
    while at - start < 64 {
        if byte_before(text, start).is_ascii_digit() {
            start -= 1;
        } else if is_gap(byte_before(text, start)) && start >= 2 && byte_at(text, start - 2).is_ascii_digit()
        {
            start -= 2;
        } else {
            break;
        }
    }
    start
}

fn next_group(text: &[u8], start: usize) -> Option<usize> {
    let digits = digits_from(text, start);
    (is_gap(byte_at(text, start + digits)) && byte_at(text, start + digits + 1).is_ascii_digit())
        .then_some(start + digits + 1)
}

fn digits_from(text: &[u8], start: usize) -> usize {
    text.iter().skip(start).take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count()
}

fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'-')
}

/// Returns the longest card number that begins at `start` and ends at the end of a group.
fn from(text: &[u8], start: usize) -> Option<Span> {
    if !begins_here(text, start) {
        return None;
    }
    let mut digits = [0u8; MOST_DIGITS];
    let (mut count, mut place, mut gap, mut found) = (0, start, 0, None);
    for group in 0..MOST_GROUPS {
        let size = digits_from(text, place);
        let least = if group == 0 { 4 } else { 3 };
        if size < least || count + size > MOST_DIGITS {
            break;
        }
        for (room, byte) in digits.iter_mut().skip(count).zip(text.iter().skip(place).take(size)) {
            *room = byte - b'0';
        }
        count += size;
        place += size;
        if ends_here(text, place, gap) && digits.get(..count).is_some_and(is_card) {
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

fn begins_here(text: &[u8], start: usize) -> bool {
    let before = byte_before(text, start);
    let two_before = start.checked_sub(1).map_or(0, |at| byte_before(text, at));
    match before {
        b'+' => false,
        b'.' | b'-' => !two_before.is_ascii_digit(),
        _ => !before.is_ascii_alphanumeric(),
    }
}

/// Returns whether neither more of a number nor a letter follows. `.0` at the end is how some writers format
/// integers.
fn ends_here(text: &[u8], end: usize, gap: u8) -> bool {
    let next = byte_at(text, end);
    if next == b'.' && byte_at(text, end + 1).is_ascii_digit() {
        let zeros = text.iter().skip(end + 1).take_while(|byte| **byte == b'0').count();
        return zeros > 0 && !byte_at(text, end + 1 + zeros).is_ascii_alphanumeric();
    }
    let goes_on = next == b'-' && (gap == b'-' || gap == 0) && byte_at(text, end + 1).is_ascii_digit();
    !goes_on && !next.is_ascii_alphanumeric()
}

/// Returns whether the digits (0 to 9 each) are a card number.
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
