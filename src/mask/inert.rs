//! Quick check of short texts in which no detector can find anything, as most header values are.

/// Longer texts are not checked, in bytes.
const LONGEST: usize = 128;

/// A text shorter than this is not an account number, holds no secret with a fixed prefix, and is not decoded
/// as base64.
const SHORTEST: usize = 16;

// Counters of one byte each, packed in one number. No text is long enough for one to overflow into the next.
const DIGIT: u64 = 1;
const COLON: u64 = 1 << 8;
const DOT: u64 = 1 << 16;
const UPPER: u64 = 1 << 24;
/// Characters that base64 does not have.
const OTHER: u64 = 1 << 32;
/// Characters that need a closer look wherever they occur.
const TELLING: u64 = 1 << 40;
/// Characters that may be between a name and its value.
const PAIR: u64 = 1 << 48;

static COUNTS: [u64; 256] = counts();

const fn counts() -> [u64; 256] {
    let mut table = [0; 256];
    let (mut rest, mut byte) = (table.as_mut_slice(), 0u8);
    while let Some((first, others)) = rest.split_first_mut() {
        *first = match byte {
            b'0'..=b'9' => DIGIT,
            b'A'..=b'Z' => UPPER,
            b'a'..=b'z' | b'+' | b'/' | b'-' | b'_' => 0,
            b':' => COLON + PAIR + OTHER,
            b'.' => DOT + OTHER,
            b'=' => PAIR,
            b'>' => PAIR + OTHER,
            b'@' | b'%' | b'{' | b'[' | b'"' | b'\\' | 0..b' ' | 0x7f.. => TELLING,
            _ => OTHER,
        };
        rest = others;
        byte = byte.wrapping_add(1);
    }
    table
}

/// The result of the quick check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glance {
    /// It needs a closer look.
    Telling,
    /// It contains nothing except, possibly, values with names.
    Pairs,
    /// It contains nothing.
    Inert,
}

/// Checks a text. Custom patterns are not considered: with one, nothing is known of any text.
pub(super) fn glance(text: &[u8]) -> Glance {
    if text.len() > LONGEST {
        return Glance::Telling;
    }
    if is_date(text) {
        return Glance::Pairs;
    }
    let sum: u64 = text.iter().map(|&byte| COUNTS.get(usize::from(byte)).copied().unwrap_or(TELLING)).sum();
    let count = |class: u64| (sum / class) & 0xff;
    // Two colons, three dots or nine digits are the minimum for an address or number.
    let (digits, long) = (count(DIGIT), text.len() >= SHORTEST);
    let shaped = count(COLON) > 1 || count(DOT) > 2 || digits > 8 || (digits > 1 && text.len() > 14);
    let secret = long && (count(UPPER) > 0 || (count(OTHER) == 0 && text != b"application/json"));
    if count(TELLING) > 0 || shaped || secret {
        Glance::Telling
    } else if count(PAIR) > 0 {
        Glance::Pairs
    } else {
        Glance::Inert
    }
}

/// Returns whether a text has the form of an HTTP date, such as `Sat, 21 Nov 2026 09:45:12 GMT`.
fn is_date(text: &[u8]) -> bool {
    const FORM: &[u8; 29] = b"Aaa, 00 Aaa 0000 00:00:00 GMT";
    text.len() == FORM.len()
        && FORM.iter().zip(text).all(|(form, byte)| match form {
            b'A' => byte.is_ascii_uppercase(),
            b'a' => byte.is_ascii_lowercase(),
            b'0' => byte.is_ascii_digit(),
            _ => form == byte,
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Entity;
    use crate::domain::MaskOp;
    use crate::mask::Notes;
    use crate::mask::tests::plan;
    use crate::mask::tests::rule;
    use crate::mask::value::Finder;
    use crate::mask::value::Found;

    #[test]
    fn usual_headers_are_inert_and_what_may_be_masked_is_not() {
        for (text, wanted) in [
            ("", Glance::Inert),
            ("application/json", Glance::Inert),
            ("gzip, deflate, br, zstd", Glance::Inert),
            ("keep-alive", Glance::Inert),
            ("1024", Glance::Inert),
            ("curl/8.5.0", Glance::Inert),
            ("application/json; charset=utf-8", Glance::Pairs),
            ("localhost:3000", Glance::Pairs),
            ("Sat, 21 Nov 2026 09:45:12 GMT", Glance::Pairs),
            ("127.0.0.1:3000", Glance::Telling),
            ("123456789", Glance::Telling),
            ("a@b.cc", Glance::Telling),
            ("a%40b.cc", Glance::Telling),
            ("\"x\"", Glance::Telling),
            ("c3NuPXRvcHMzY3JldA", Glance::Telling),
            ("AKIAIOSFODNNEXAMPLE", Glance::Telling),
        ] {
            assert_eq!(glance(text.as_bytes()), wanted, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn nothing_is_found_in_what_is_called_inert(text in prop_oneof![
            "[a-z0-9:./=,; -]{0,40}",
            "[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
            "[a-zA-Z0-9+/=_-]{0,24}",
            any::<String>(),
            "(ssn|token|x)[=:>] ?[a-z0-9.@]{0,12}",
        ]) {
            let plan = plan(&[rule(&["ssn", "*token"], &Entity::BUILT_IN, MaskOp::Redact)]);
            let known = glance(text.as_bytes());
            let (mut finder, mut notes, mut pairs) = (Finder::default(), Notes::new(), Vec::new());
            plan.pairs(text.as_bytes(), &mut pairs);
            let nothing = matches!(finder.look(&plan, text.as_bytes(), "", 0, &mut notes), Ok(Found::Nothing));
            prop_assert!(known == Glance::Telling || nothing || (known == Glance::Pairs && !pairs.is_empty()), "{text:?}");
        }
    }
}
