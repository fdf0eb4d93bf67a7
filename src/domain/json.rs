//! A strict JSON reader for what is judged: one reading only, or an error. RFC 8259.
//!
//! Duplicate members are refused at any level, depth and size are bounded, and numbers keep their text, so that
//! nothing is rounded before a policy has seen it.

mod escape;

use std::fmt;

/// One JSON value. Objects keep the order of their members, and hold no name twice.
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
    /// Where, from the start of the input.
    pub at: usize,
    /// What is wrong there. Holds no part of the input.
    pub problem: &'static str,
}

impl Json {
    /// Reads exactly one value, with white space around it, nested at most `max_depth` deep.
    ///
    /// # Errors
    /// Anything RFC 8259 does not allow, a member name that comes twice in one object, a byte order mark, a lone
    /// surrogate, bytes that are not UTF-8, and nesting beyond `max_depth`.
    pub fn parse(input: &[u8], max_depth: usize) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(input)
            .map_err(|error| JsonError { at: error.valid_up_to(), problem: "bytes that are not UTF-8" })?;
        let mut reader = Reader { text, at: 0 };
        reader.space();
        let value = reader.value(max_depth)?;
        reader.space();
        if reader.at == text.len() { Ok(value) } else { Err(reader.error("more than one value")) }
    }

    /// The member of an object.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(key, _)| &**key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// A number that is written as a whole one and fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The values of an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(values) => Some(values),
            _ => None,
        }
    }

    /// What a condition compares with: the text of a string, number or boolean; `None` for the rest.
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

/// Appends `text` as a JSON string with its quotes: [`write_string`] for texts that may be long.
pub fn push_string(text: &str, out: &mut String) {
    let mut bytes = std::mem::take(out).into_bytes();
    escape::push(text.as_bytes(), &mut bytes);
    // What is escaped is ASCII and stands between whole characters, so this never fails.
    *out = String::from_utf8(bytes).unwrap_or_default();
}

/// [`push_string`] into bytes. What is valid UTF-8 stays so.
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

/// Where the first byte stands that a JSON string must escape: all of them are ASCII, so the place is a character's start.
fn first_special(bytes: &[u8]) -> Option<usize> {
    let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let mut seen = 0;
    for chunk in bytes.chunks(32) {
        // No early exit inside of a chunk: so the compiler looks at all of its bytes at once.
        if chunk.iter().fold(false, |any, &byte| any | special(byte)) {
            return chunk.iter().position(|&byte| special(byte)).map(|at| seen + at);
        }
        seen += chunk.len();
    }
    None
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn error(&self, problem: &'static str) -> JsonError {
        JsonError { at: self.at, problem }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Json::String(self.string()?.into())),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => Err(self.error("no JSON value")),
            None => Err(self.error("the input ends early")),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, JsonError> {
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.error("no JSON value"))
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        let depth = depth.checked_sub(1).ok_or_else(|| self.error("nested too deep"))?;
        self.at += 1;
        let mut members: Vec<(Box<str>, Json)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.error("no member name"));
            }
            let name: Box<str> = self.string()?.into();
            if !seen.insert(name.clone()) {
                return Err(self.error("a member name that comes twice"));
            }
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.error("no colon after a member name"));
            }
            self.at += 1;
            self.space();
            let value = self.value(depth)?;
            members.push((name, value));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Json::Object(members));
                }
                _ => return Err(self.error("an object that does not go on")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, JsonError> {
        let depth = depth.checked_sub(1).ok_or_else(|| self.error("nested too deep"))?;
        self.at += 1;
        let mut values = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(values));
        }
        loop {
            self.space();
            values.push(self.value(depth)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Json::Array(values));
                }
                _ => return Err(self.error("an array that does not go on")),
            }
        }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.error("a number without digits")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.error("a number with a leading zero"));
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Json::Number(self.text.get(start..self.at).unwrap_or_default().into()))
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= 0x20) {
                self.at += 1;
            }
            out.push_str(self.text.get(start..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(self.error("a control character in a string")),
                None => return Err(self.error("a string that does not end")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        let byte = self.peek().ok_or_else(|| self.error("a string that does not end"))?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4()?;
                let code = if (0xd800..0xdc00).contains(&first) {
                    if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with("\\u")) {
                        return Err(self.error("half a surrogate pair"));
                    }
                    self.at += 2;
                    let second = self.hex4()?;
                    if !(0xdc00..0xe000).contains(&second) {
                        return Err(self.error("half a surrogate pair"));
                    }
                    0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                } else {
                    first
                };
                char::from_u32(code).ok_or_else(|| self.error("half a surrogate pair"))?
            }
            _ => return Err(self.error("an unknown escape")),
        })
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let hex = self
            .text
            .as_bytes()
            .get(self.at..self.at + 4)
            .filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let code = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .ok_or_else(|| self.error("an escape without four hex digits"))?;
        self.at += 4;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Json, JsonError> {
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
            assert_eq!(read(text).map(|value| value.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(read(r#""\ud83d\ude00""#), Ok(Json::String("😀".into())));
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
            "\"\t\"",
            "\u{feff}1",
            "[[[[[[[[[1]]]]]]]]]",
            "tru",
            r#"{"a" 1}"#,
            r#""a"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(Json::parse(b"\"\xff\"", 8).is_err());
    }
}
