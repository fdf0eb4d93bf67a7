//! What targets may read a value as, or a name. They differ: in numbers beyond what they hold, in texts with
//! a number in them, in case, in blanks and in characters that are not seen.

use crate::domain::json::Json;
use crate::domain::text;
use crate::policy::decimal::Decimal;

/// Up to here every whole number is one to all: 2^53.
const EXACT: u128 = 1 << 53;

/// What too large numbers become where they stop at the largest that has room.
const LIMITS: [i128; 6] = [
    i32::MAX as i128,
    i32::MIN as i128,
    u32::MAX as i128,
    i64::MAX as i128,
    i64::MIN as i128,
    u64::MAX as i128,
];

/// The room in which too large numbers begin anew.
const ROUND: i128 = 1 << 32;

/// Words that stand for true and false.
const TRUE: [&str; 5] = ["true", "yes", "on", "y", "t"];
const FALSE: [&str; 5] = ["false", "no", "off", "n", "f"];

/// Whether a value that is not what a literal says, written as `text`, may be it to some target.
pub(super) fn may_be(value: &Json, text: &str, literal: &str) -> bool {
    let other = match (value, Decimal::parse(literal)) {
        (Json::Number(_), Some(_)) => is_near(text, literal),
        (Json::String(_), Some(wanted)) => is_number_within(text, literal, wanted),
        (Json::Bool(true), Some(wanted)) => is(wanted, "1"),
        (Json::Bool(false) | Json::Null, Some(wanted)) => is(wanted, "0"),
        (_, None) => is_truth(value, text, literal),
        _ => false,
    };
    other || is_same_word(text, literal)
}

/// Whether two numbers are so close that they are one where they are kept in 64 bits. Whole numbers that all
/// can keep are not.
pub(super) fn is_one_in_bits(one: &str, other: &str) -> bool {
    let is_exact = |text| {
        Decimal::parse(text)
            .and_then(Decimal::whole)
            .is_some_and(|(whole, rest)| !rest && whole.unsigned_abs() <= EXACT)
    };
    if is_exact(one) && is_exact(other) {
        return false;
    }
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => (one.next_down()..=one.next_up()).contains(&other),
        _ => true,
    }
}

/// Whether a number that is another one than `literal` may be it where it is kept in bits, cut, rounded,
/// begun anew or read up to its exponent.
fn is_near(text: &str, literal: &str) -> bool {
    let (Some(number), Some(wanted)) = (Decimal::parse(text), Decimal::parse(literal)) else { return true };
    let mantissa = text.split(['e', 'E']).next().filter(|mantissa| mantissa.len() < text.len());
    if mantissa.is_some_and(|mantissa| {
        Decimal::parse(mantissa).is_none_or(|number| number.compare(wanted).is_eq())
            || is_near(mantissa, literal)
    }) {
        return true;
    }
    let (Some((whole, rest)), Some((wanted, wanted_rest))) = (number.whole(), wanted.whole()) else {
        // Nobody keeps so much.
        return true;
    };
    if is_one_in_bits(text, literal) {
        return true;
    }
    if wanted_rest {
        return false;
    }
    let away = if text.starts_with('-') { whole - 1 } else { whole + 1 };
    let stops = LIMITS.contains(&wanted) && (wanted < 0) == (whole < 0) && whole.abs() > wanted.abs();
    let is_cut = rest && (wanted == whole || wanted == away);
    is_cut || stops || (whole != wanted && (whole - wanted) % ROUND == 0)
}

/// Whether a text may be the number `wanted`, or hold it.
fn is_number_within(text: &str, literal: &str, wanted: Decimal<'_>) -> bool {
    let seen = trimmed(text);
    if seen.is_empty() {
        return is(wanted, "0");
    }
    // What JSON in a text says is asked for by itself.
    if seen.starts_with(['[', '{']) {
        return false;
    }
    match Decimal::parse(text) {
        Some(number) if !text.contains(['e', 'E']) => {
            number.compare(wanted).is_eq() || is_near(text, literal)
        }
        _ => text.chars().any(char::is_numeric),
    }
}

/// Whether a value may stand for true or false where the literal is that word.
fn is_truth(value: &Json, text: &str, literal: &str) -> bool {
    let is_true = match literal {
        "true" => true,
        "false" => false,
        _ => return false,
    };
    let words = if is_true { TRUE } else { FALSE };
    match value {
        Json::Null => !is_true,
        Json::Number(_) | Json::String(_) => match Decimal::parse(trimmed(text)) {
            Some(number) => is(number, "0") != is_true,
            None if trimmed(text).is_empty() => !is_true,
            None => words.iter().any(|word| is_same_word(text, word)),
        },
        _ => false,
    }
}

fn is(number: Decimal<'_>, other: &str) -> bool {
    Decimal::parse(other).is_some_and(|other| number.compare(other).is_eq())
}

/// Whether two texts differ in nothing but case, width, blanks around them and characters that are not seen;
/// or one ends at a NUL.
fn is_same_word(one: &str, other: &str) -> bool {
    if begin_apart(one, other) {
        return false;
    }
    let is_same = |one: &str| folded(trimmed(one)).eq(folded(trimmed(other)));
    is_same(one) || one.split_once('\0').is_some_and(|(begin, _)| is_same(begin))
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || text::is_deceptive(c))
}

/// A text without regard to case and width, and without what is not seen. Every blank is one.
pub(super) fn folded(text: &str) -> impl Iterator<Item = char> {
    // Upwards first: only so does `ſ` meet `s`. A dot above is what is left of the `İ` of Turkish.
    text.chars()
        .filter(|c| if c.is_ascii() { !c.is_ascii_control() } else { !text::is_deceptive(*c) })
        .map(|c| if c.is_whitespace() { ' ' } else { text::narrow(c) })
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .filter(|c| *c != '\u{307}')
}

/// Whether some targets take one member name for the other: they fold case, `_` and `-` (Go's
/// `encoding/json`, ASP.NET, protobuf), drop blanks and what is not seen, or end it at a NUL.
pub(super) fn looks_like(key: &str, name: &str) -> bool {
    let key = key.split('\0').next().unwrap_or_default();
    let seen = |c: &char| !matches!(c, '_' | '-' | ' ');
    !begin_apart(key, name) && folded(key).filter(seen).eq(folded(name).filter(seen))
}

/// Whether the first signs already tell two texts apart, as those of most do.
fn begin_apart(one: &str, other: &str) -> bool {
    let begins = |text: &str| text.bytes().next().filter(u8::is_ascii_alphanumeric).map(|byte| byte | 0x20);
    matches!((begins(one), begins(other)), (Some(one), Some(other)) if one != other)
}
