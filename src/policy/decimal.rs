//! Exact decimal comparison of numbers as they are written, digit by digit, without rounding. RFC 8259
//! section 6.

use std::cmp::Ordering;

/// Bound for the exponent; beyond it only its sign matters.
const EXPONENT_MAX: i64 = 1 << 40;

/// A decimal number that borrows the text it was read from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal<'a> {
    negative: bool,
    /// Digits with at most one decimal point.
    mantissa: &'a str,
    /// The power of ten of the first nonzero digit; `None` for zero.
    magnitude: Option<i64>,
}

impl<'a> Decimal<'a> {
    /// Parses exactly the syntax of a JSON number.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || leading_zero || !digits(whole) || !digits(fraction) {
            return None;
        }
        let mut number = Self { negative, mantissa, magnitude: None };
        let zeros = number.digits().take_while(|digit| *digit == b'0').count();
        if zeros < whole.len() + fraction.len() {
            let first = i64::try_from(whole.len()).ok()? - 1 - i64::try_from(zeros).ok()?;
            number.magnitude = Some(first + exponent);
        }
        Some(number)
    }

    fn digits(self) -> impl Iterator<Item = u8> + use<'a> {
        self.mantissa.bytes().filter(|byte| *byte != b'.')
    }

    fn significant(self) -> impl Iterator<Item = u8> + use<'a> {
        self.digits().skip_while(|digit| *digit == b'0')
    }

    /// Returns -1, 0 or 1.
    fn sign(self) -> i8 {
        match (self.magnitude, self.negative) {
            (None, _) => 0,
            (Some(_), true) => -1,
            (Some(_), false) => 1,
        }
    }

    /// The whole number that is left without its fraction, and whether that was more than zero. `None`: it
    /// has more than 38 digits.
    pub(super) fn whole(self) -> Option<(i128, bool)> {
        let Some(magnitude) = self.magnitude else { return Some((0, false)) };
        if magnitude >= 38 {
            return None;
        }
        let mut digits = self.significant();
        let mut whole = 0;
        for _ in 0..=magnitude {
            whole = whole * 10 + i128::from(digits.next().unwrap_or(b'0') - b'0');
        }
        let rest = digits.any(|digit| digit != b'0');
        Some((if self.negative { -whole } else { whole }, rest))
    }

    /// Which of the two is the larger number.
    pub(super) fn compare(self, other: Decimal<'_>) -> Ordering {
        let signs = self.sign().cmp(&other.sign());
        if signs.is_ne() || self.sign() == 0 {
            return signs;
        }
        let sizes = self.magnitude.cmp(&other.magnitude).then_with(|| {
            let (mut own, mut their) = (self.significant(), other.significant());
            loop {
                match (own.next(), their.next()) {
                    (None, None) => return Ordering::Equal,
                    (own, their) => {
                        let digit = own.unwrap_or(b'0').cmp(&their.unwrap_or(b'0'));
                        if digit.is_ne() {
                            return digit;
                        }
                    }
                }
            }
        });
        if self.negative { sizes.reverse() } else { sizes }
    }
}

/// Parses a signed integer, clamped to ±[`EXPONENT_MAX`].
fn read_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size =
        digits.bytes().fold(0_i64, |size, digit| (size * 10 + i64::from(digit - b'0')).min(EXPONENT_MAX));
    Some(if negative { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compare(left: &str, right: &str) -> Ordering {
        Decimal::parse(left).expect(left).compare(Decimal::parse(right).expect(right))
    }

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        for (left, right) in [
            ("1000", "1e3"),
            ("1000", "1000.0"),
            ("1000", "1.000E+3"),
            ("1000", "100000e-2"),
            ("0.1", "1e-1"),
            ("0", "-0.00e99999999999999999999"),
            ("-5", "-0.5e1"),
            ("0.001", "0.0010"),
        ] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} {right}");
        }
    }

    #[test]
    fn nothing_is_rounded() {
        for (small, large) in [
            ("9007199254740992", "9007199254740993"),
            ("1000", "1000.00000000000000000000000000001"),
            ("0.1", "0.10000000000000000000000000000000000001"),
            ("999", "1e3"),
            ("-1e3", "-999"),
            ("-1", "0"),
            ("0", "1e-9999"),
            ("1000", "1e999999999999999999999999999999"),
            ("1e-999999999999999999999999999999", "1e-5"),
            ("-1e999999999999999999999", "1"),
            ("99.9", "100"),
        ] {
            assert_eq!(compare(small, large), Ordering::Less, "{small} {large}");
            assert_eq!(compare(large, small), Ordering::Greater, "{small} {large}");
        }
    }

    #[test]
    fn what_json_would_refuse_is_no_number() {
        for text in [
            "", "-", "+1", "01", "-01", ".5", "5.", "1e", "1e+", "0x10", "1_000", "1,5", " 1", "1 ", "NaN",
            "Infinity", "١", "1e1e1", "1.2.3", "--1",
        ] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_whole_numbers(left in -10_000_i64..10_000, right in -10_000_i64..10_000, shift in 0_usize..4) {
            let written = format!("{left}{}e-{shift}", "0".repeat(shift));
            if left != 0 {
                prop_assert_eq!(compare(&written, &right.to_string()), left.cmp(&right));
            }
            prop_assert_eq!(compare(&format!("{left}.000"), &format!("{right}.0")), left.cmp(&right));
        }
    }
}
