//! A strict JSON parser for judged input: unambiguous, or an error. RFC 8259.
//!
//! Duplicate members are refused at any level, depth and size are bounded, and numbers keep their text, so
//! that nothing is rounded before a policy has seen it.

pub mod cursor;
mod escape;
mod layout;
pub mod write;

use std::fmt;

use cursor::Cursor;

pub use layout::lay_out;

/// The nesting limit for the JSON of clients and targets.
pub const DEPTH: usize = 64;

/// One JSON value. Objects keep the order of their members, and have no duplicate names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(Box<str>),
    /// A string, unescaped.
    String(Box<str>),
    /// An array.
    Array(Vec<Self>),
    /// An object, members in their order.
    Object(Vec<(Box<str>, Self)>),
}

/// Why bytes are not one strict JSON value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub struct JsonError {
    /// The offset from the start of the input.
    pub at: usize,
    /// The problem there. Contains no part of the input.
    pub problem: &'static str,
    /// The kind of problem.
    pub fault: Fault,
}

/// The kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Bytes that are not UTF-8.
    Encoding,
    /// A violation of RFC 8259.
    Syntax,
    /// Something follows the value.
    Trailing,
    /// A member name occurs twice in one object.
    Twice,
    /// Nested deeper than allowed.
    Depth,
}

impl Json {
    /// Parses exactly one value, with white space around it, nested at most `max_depth` deep.
    ///
    /// # Errors
    /// The input violates RFC 8259, or has a duplicate member name, a byte order mark, a lone surrogate,
    /// invalid UTF-8, or nesting beyond `max_depth`.
    pub fn parse(input: &[u8], max_depth: usize) -> Result<Self, JsonError> {
        Self::parse_from(Cursor::new(input, max_depth)?)
    }

    /// Parses a text that is known to be UTF-8, and so read only to its first error.
    ///
    /// # Errors
    /// Those of [`Self::parse`].
    pub fn parse_text(input: &str, max_depth: usize) -> Result<Self, JsonError> {
        Self::parse_from(Cursor::over(input, max_depth))
    }

    fn parse_from(mut cursor: Cursor<'_>) -> Result<Self, JsonError> {
        cursor.space();
        let value = read(&mut cursor)?;
        cursor.end()?;
        Ok(value)
    }

    /// Returns a member of an object.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(key, _)| &**key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Returns the text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns a whole number; `None` if it is not written as one or does not fit.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Returns the values of an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(values) => Some(values),
            _ => None,
        }
    }

    /// Returns the text that a condition compares with: that of a string, number, boolean or null; `None` for
    /// arrays and objects.
    pub fn scalar(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Number(text) => Some(text),
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Null => Some("null"),
            Self::Array(_) | Self::Object(_) => None,
        }
    }
}

impl fmt::Display for Json {
    /// Writes compact JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(text) => f.write_str(text),
            Self::String(text) => write_string(text, f),
            Self::Array(values) => {
                f.write_str("[")?;
                for (place, value) in values.iter().enumerate() {
                    if place > 0 {
                        f.write_str(",")?;
                    }
                    value.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (place, (name, value)) in members.iter().enumerate() {
                    if place > 0 {
                        f.write_str(",")?;
                    }
                    write_string(name, f)?;
                    f.write_str(":")?;
                    value.fmt(f)?;
                }
                f.write_str("}")
            }
        }
    }
}

/// Writes `text` as a JSON string with its quotes.
pub fn write_string(text: &str, out: &mut impl fmt::Write) -> fmt::Result {
    out.write_char('"')?;
    let mut rest = text;
    while let Some(at) = first_special(rest.as_bytes()) {
        let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.write_str(plain)?;
        let mut chars = from.chars();
        match chars.next() {
            Some('"') => out.write_str("\\\"")?,
            Some('\\') => out.write_str("\\\\")?,
            Some('\n') => out.write_str("\\n")?,
            Some('\r') => out.write_str("\\r")?,
            Some('\t') => out.write_str("\\t")?,
            Some(control) => write!(out, "\\u{:04x}", u32::from(control))?,
            None => {}
        }
        rest = chars.as_str();
    }
    out.write_str(rest)?;
    out.write_char('"')
}

/// Appends `text` as a JSON string with its quotes, like [`write_string`], for texts that may be long.
pub fn push_string(text: &str, out: &mut String) {
    // The fast path reads all of `out` once more, so it is not used for a short text after a long one, of
    // which there may be many.
    if text.len().saturating_mul(READ_AGAIN) < out.len() {
        // Writing to a String cannot fail.
        let _infallible = write_string(text, out);
        return;
    }
    let mut bytes = std::mem::take(out).into_bytes();
    escape::push(text.as_bytes(), &mut bytes);
    // Escapes are ASCII and between whole characters, so this never fails.
    *out = String::from_utf8(bytes).unwrap_or_default();
}

/// How many times the length of a text may be read again to append it by the fast path.
const READ_AGAIN: usize = 8;

/// Appends to bytes, like [`push_string`]. Valid UTF-8 stays valid.
pub fn push_bytes(text: &[u8], out: &mut Vec<u8>) {
    escape::push(text, out);
}

/// Appends a number in decimal digits.
pub fn push_number(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
        used += 1;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - used..).unwrap_or_default());
}

/// Returns the position of the first byte that a JSON string must escape: all of them are ASCII, so it is the
/// start of a character.
fn first_special(bytes: &[u8]) -> Option<usize> {
    let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let mut seen = 0;
    for chunk in bytes.chunks(32) {
        // No early exit inside of a chunk, so that the compiler can vectorize the loop.
        if chunk.iter().fold(false, |any, &byte| any | special(byte)) {
            return chunk.iter().position(|&byte| special(byte)).map(|at| seen + at);
        }
        seen += chunk.len();
    }
    None
}

/// Reads the value at the cursor.
fn read(cursor: &mut Cursor<'_>) -> Result<Json, JsonError> {
    match cursor.peek() {
        Some(b'{') => {
            let mut members = Vec::new();
            cursor.object(|cursor, name| {
                members.push((name.value().into(), read(cursor)?));
                Ok::<(), JsonError>(())
            })?;
            Ok(Json::Object(members))
        }
        Some(b'[') => {
            let mut values = Vec::new();
            cursor.array(|cursor| {
                values.push(read(cursor)?);
                Ok::<(), JsonError>(())
            })?;
            Ok(Json::Array(values))
        }
        Some(b'"') => Ok(Json::String(cursor.string()?.value().into())),
        Some(b'-' | b'0'..=b'9') => Ok(Json::Number(cursor.number()?.into())),
        Some(b't') => cursor.word("true").map(|()| Json::Bool(true)),
        Some(b'f') => cursor.word("false").map(|()| Json::Bool(false)),
        Some(b'n') => cursor.word("null").map(|()| Json::Null),
        Some(_) => Err(cursor.no_value()),
        None => Err(cursor.ends_early()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Json, JsonError> {
        Json::parse(text.as_bytes(), 8)
    }

    #[test]
    fn what_is_one_value_is_read_and_written_back() {
        for text in [
            "null",
            "true",
            "-0.5e+3",
            "123456789012345678901234567890",
            r#"{"a":[1,{"b":"x\ny"}],"c":{}}"#,
            r#""é\u0001""#,
        ] {
            assert_eq!(parse(text).map(|value| value.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(parse(r#""\ud83d\ude00""#), Ok(Json::String("😀".into())));
    }

    #[test]
    fn a_string_is_written_so_that_it_reads_back() {
        let long = format!("{}\"{}\\\n\u{1}é{}", "a".repeat(31), "b".repeat(40), "c".repeat(33));
        for text in ["", "plain", "\"", "\\", "a\"b\\c\nd\re\tf\u{0}\u{1f}", "é\"😀", &long] {
            let mut out = String::new();
            write_string(text, &mut out).unwrap();
            assert_eq!(Json::parse(out.as_bytes(), 1), Ok(Json::String(text.into())), "{out}");
        }
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        for text in [
            "",
            " ",
            "{",
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            "[1,]",
            "01",
            "1.",
            ".5",
            "+1",
            "NaN",
            "'a'",
            "1 2",
            "{a:1}",
            r#""\ud800""#,
            r#""\x""#,
            r#""\é""#,
            r#""\u00é0""#,
            r#""\"#,
            "\"\t\"",
            "\u{feff}1",
            "[[[[[[[[[1]]]]]]]]]",
            "tru",
            r#"{"a" 1}"#,
            r#""a"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(Json::parse(b"\"\xff\"", 8).is_err());
    }

    #[test]
    fn a_fault_is_told_with_its_kind_and_place() {
        for (text, at, fault) in [
            (r#"{"a":1, "\u0061":2}"#, 8, Fault::Twice),
            ("[[[[[[[[[]]]]]]]]]", 8, Fault::Depth),
            ("1 x", 2, Fault::Trailing),
            ("[1", 2, Fault::Syntax),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((error.at, error.fault), (at, fault), "{text}");
        }
        let error = Json::parse(b"\"\xff\"", 8).unwrap_err();
        assert_eq!((error.at, error.fault), (1, Fault::Encoding));
    }

    #[test]
    fn a_name_that_comes_twice_is_found_in_objects_of_every_length() {
        for length in 1..40 {
            // Each value has the same names as the object around it, which is fine.
            let members: Vec<_> = (0..length).map(|n| format!(r#""{n}":{{"{n}":[],"0{n}":0}}"#)).collect();
            let members = members.join(",");
            assert!(parse(&format!("{{{members}}}")).is_ok());
            for twice in 0..length {
                let error = parse(&format!(r#"{{{members},"{twice}":0}}"#)).unwrap_err();
                assert_eq!(error.fault, Fault::Twice, "{twice} of {length}");
            }
        }
    }
}
