//! The binary format of `numeric`, as decimal digits.

use std::fmt::Write;

/// The most groups of four digits before the point, or after it. Larger numbers are not read.
const MOST_GROUPS: i32 = 512;
/// The sign of a negative number.
const NEGATIVE: u16 = 0x4000;

/// Returns the number as PostgreSQL shows it, except for trailing zeros; `NaN` and the infinities are words.
/// `None` if it cannot be read.
pub(super) fn text(value: &[u8]) -> Option<String> {
    let (header, groups) = value.split_first_chunk::<8>()?;
    let [c0, c1, w0, w1, s0, s1, _, _] = *header;
    let count = usize::from(u16::from_be_bytes([c0, c1]));
    let weight = i32::from(i16::from_be_bytes([w0, w1]));
    let (groups, []) = groups.as_chunks::<2>() else { return None };
    let mut text = match u16::from_be_bytes([s0, s1]) {
        0 => String::new(),
        NEGATIVE => "-".to_owned(),
        0xC000 => return Some("NaN".into()),
        0xD000 => return Some("Infinity".into()),
        0xF000 => return Some("-Infinity".into()),
        _ => return None,
    };
    let behind = i32::try_from(count).ok()?.checked_sub(weight)?.checked_sub(1)?;
    if groups.len() != count || weight > MOST_GROUPS || behind > MOST_GROUPS {
        return None;
    }
    // The first group is multiplied by 10,000 to the power of the weight.
    let group = |place: i32| -> Option<u16> {
        let group = usize::try_from(weight.checked_sub(place)?).ok().and_then(|at| groups.get(at));
        Some(group.map_or(0, |group| u16::from_be_bytes(*group))).filter(|group| *group < 10_000)
    };
    let first = weight.max(0);
    write!(text, "{}", group(first)?).ok()?;
    for place in (0..first).rev() {
        write!(text, "{:04}", group(place)?).ok()?;
    }
    if behind > 0 {
        text.push('.');
        for place in 1..=behind {
            write!(text, "{:04}", group(place.checked_neg()?)?).ok()?;
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(weight: i16, sign: u16, groups: &[u16]) -> Vec<u8> {
        let count = u16::try_from(groups.len()).unwrap();
        let head = [count.to_be_bytes(), weight.to_be_bytes(), sign.to_be_bytes(), [0, 0]];
        head.into_iter().chain(groups.iter().map(|group| group.to_be_bytes())).flatten().collect()
    }

    #[test]
    fn numbers_are_read_as_they_are_shown() {
        for (weight, sign, groups, wanted) in [
            (0, 0, &[][..], Some("0")),
            (0, 0, &[7], Some("7")),
            (3, 0, &[4111, 1111, 1111, 1111], Some("4111111111111111")),
            (1, NEGATIVE, &[12, 30], Some("-120030")),
            (1, 0, &[12], Some("120000")),
            (0, 0, &[1, 500], Some("1.0500")),
            (-1, 0, &[25], Some("0.0025")),
            (-2, 0, &[25], Some("0.00000025")),
            (0, 0xC000, &[], Some("NaN")),
            (0, 0, &[10_000], None),
            (0, 1, &[1], None),
            (i16::MAX, 0, &[1], None),
            (i16::MIN, 0, &[1], None),
        ] {
            assert_eq!(text(&wire(weight, sign, groups)).as_deref(), wanted, "{weight} {groups:?}");
        }
        let mut short = wire(0, 0, &[1, 2]);
        short.pop();
        assert_eq!(text(&short), None);
        assert_eq!(text(b"\0\x01"), None);
    }
}
