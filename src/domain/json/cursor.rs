//! A cursor over one strict JSON text (RFC 8259): reads its parts in order, keeps their places, and copies
//! nothing.
//!
//! It is the only reader of judged JSON: [`crate::domain::json::Json`] is built with it, and code that needs
//! only a few facts of a long text, and the original bytes of the rest, walks over it directly.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use crate::domain::json::Fault;
use crate::domain::json::JsonError;
use crate::domain::json::escape::first_special;

/// Objects with more members than this keep their names in a set.
const FEW: usize = 16;

/// The place of something in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// The offset of the first byte from the start of the input.
    pub start: usize,
    /// The offset after the last byte; never less than `start`.
    pub end: usize,
}

impl Span {
    /// Returns the span as a range.
    pub const fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// Returns the number of bytes.
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Returns whether it is empty.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns its bytes in `input`; empty if the span belongs to a longer input.
    pub fn of(self, input: &[u8]) -> &[u8] {
        input.get(self.range()).unwrap_or_default()
    }
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `null`.
    Null,
    /// `true`.
    True,
    /// `false`.
    False,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// A string of the input, as it was written. Its escapes are valid.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// The text between the quotes.
    raw: &'a str,
    /// The place of the first quote.
    at: usize,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// Returns its place, including the quotes.
    pub const fn span(&self) -> Span {
        Span { start: self.at, end: self.at + self.raw.len() + 2 }
    }

    /// Returns its unescaped value, copied only if it contains an escape.
    pub fn value(&self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

/// Unescapes a string that a cursor has read before; `raw` is the text between its quotes.
pub fn unescape(raw: &str) -> String {
    let mut cursor = Cursor::over(raw, 0);
    let mut out = String::with_capacity(raw.len());
    loop {
        let rest = cursor.rest();
        let plain = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
        out.push_str(rest.get(..plain).unwrap_or_default());
        cursor.at += plain;
        if cursor.peek().is_none() {
            return out;
        }
        out.push(cursor.escape().unwrap_or(char::REPLACEMENT_CHARACTER));
    }
}

/// Reads one text from front to end.
#[derive(Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// How many more levels may be opened.
    left: usize,
    /// Whether duplicate names in one object are an error.
    once: bool,
    /// The names of the open objects, the innermost last.
    names: Vec<Cow<'a, str>>,
}

impl<'a> Cursor<'a> {
    /// Creates a cursor at the start of `input`, which may be nested at most `max_depth` deep. Duplicate
    /// names are errors.
    ///
    /// # Errors
    /// The bytes are not UTF-8.
    pub fn new(input: &'a [u8], max_depth: usize) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(input).map_err(|error| JsonError {
            at: error.valid_up_to(),
            problem: "bytes that are not UTF-8",
            fault: Fault::Encoding,
        })?;
        Ok(Self::over(text, max_depth))
    }

    /// Begins at the start of a text.
    pub(super) const fn over(text: &'a str, max_depth: usize) -> Self {
        Self { text, at: 0, left: max_depth, once: true, names: Vec::new() }
    }

    /// Moves the cursor to `at`: the start of a value that was found before.
    pub const fn starting_at(mut self, at: usize) -> Self {
        self.at = at;
        self
    }

    /// Sets whether duplicate names are an error in objects that are opened from now on. Returns the earlier
    /// setting.
    pub const fn names_once(&mut self, once: bool) -> bool {
        std::mem::replace(&mut self.once, once)
    }

    /// Returns the cursor's offset from the start of the input.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Returns the byte at the cursor; `None` at the end.
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, problem: &'static str) -> JsonError {
        JsonError { at: self.at, problem, fault: Fault::Syntax }
    }

    /// Returns the error for something that begins no value.
    pub fn no_value(&self) -> JsonError {
        self.error("no JSON value")
    }

    /// Returns the error for an input that ends where a value is expected.
    pub fn ends_early(&self) -> JsonError {
        self.error("the input ends early")
    }

    /// Skips white space.
    pub fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Skips white space to the end.
    ///
    /// # Errors
    /// Anything else follows.
    pub fn end(&mut self) -> Result<(), JsonError> {
        self.space();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(JsonError { fault: Fault::Trailing, ..self.error("more than one value") })
        }
    }

    /// Reads one of the words `true`, `false` and `null`.
    ///
    /// # Errors
    /// It is another word.
    pub fn word(&mut self, word: &str) -> Result<(), JsonError> {
        if self.rest().starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.no_value())
        }
    }

    /// Reads the value at the cursor, of any type; returns its place and type.
    ///
    /// # Errors
    /// It is not one strict value.
    pub fn value(&mut self) -> Result<(Span, Shape), JsonError> {
        let start = self.at;
        let shape = match self.peek() {
            Some(b'{') => {
                self.object(|cursor, _| cursor.value().map(drop))?;
                Shape::Object
            }
            Some(b'[') => {
                self.array(|cursor| cursor.value().map(drop))?;
                Shape::Array
            }
            Some(b'"') => {
                self.string()?;
                Shape::String
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Shape::Number
            }
            Some(b't') => {
                self.word("true")?;
                Shape::True
            }
            Some(b'f') => {
                self.word("false")?;
                Shape::False
            }
            Some(b'n') => {
                self.word("null")?;
                Shape::Null
            }
            Some(_) => return Err(self.no_value()),
            None => return Err(self.ends_early()),
        };
        Ok((Span { start, end: self.at }, shape))
    }

    fn open(&mut self) -> Result<(), JsonError> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| JsonError { fault: Fault::Depth, ..self.error("nested too deep") })?;
        self.at += 1;
        self.space();
        Ok(())
    }

    /// Reads an object. `member` is called with each name and the cursor before the value, and must read
    /// exactly that value.
    ///
    /// # Errors
    /// It is not a strict object; also the errors of `member`.
    pub fn object<E: From<JsonError>>(
        &mut self,
        mut member: impl FnMut(&mut Self, Text<'a>) -> Result<(), E>,
    ) -> Result<Span, E> {
        let start = self.at;
        self.open()?;
        let base = self.names.len();
        let mut many = None;
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                self.space();
                if self.peek() != Some(b'"') {
                    return Err(self.error("no member name").into());
                }
                let name = self.string()?;
                if self.once {
                    self.first_time(&name, base, &mut many)?;
                }
                self.space();
                if self.peek() != Some(b':') {
                    return Err(self.error("no colon after a member name").into());
                }
                self.at += 1;
                self.space();
                member(self, name)?;
                self.space();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b'}') => break,
                    _ => return Err(self.error("no comma or } after a member").into()),
                }
            }
            self.at += 1;
        }
        self.names.truncate(base);
        self.left += 1;
        Ok(Span { start, end: self.at })
    }

    /// Notes a name, which must be new in the innermost object, whose names begin at `base`.
    fn first_time(
        &mut self,
        name: &Text<'a>,
        base: usize,
        many: &mut Option<HashSet<Cow<'a, str>>>,
    ) -> Result<(), JsonError> {
        let value = name.value();
        let twice = if let Some(set) = many {
            !set.insert(value)
        } else {
            let few = self.names.get(base..).unwrap_or_default();
            let twice = few.contains(&value);
            if few.len() < FEW {
                self.names.push(value);
            } else {
                // A set, so that a long object does not take quadratic time.
                let mut set: HashSet<_> = self.names.drain(base..).collect();
                set.insert(value);
                *many = Some(set);
            }
            twice
        };
        if twice {
            let problem = "a member name that comes twice";
            return Err(JsonError { at: name.at, problem, fault: Fault::Twice });
        }
        Ok(())
    }

    /// Reads an array. `element` is called with the cursor before each element, and must read exactly that.
    ///
    /// # Errors
    /// It is not a strict array; also the errors of `element`.
    pub fn array<E: From<JsonError>>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<Span, E> {
        let start = self.at;
        self.open()?;
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                self.space();
                element(self)?;
                self.space();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b']') => break,
                    _ => return Err(self.error("no comma or ] after an element").into()),
                }
            }
            self.at += 1;
        }
        self.left += 1;
        Ok(Span { start, end: self.at })
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.error("a number without digits")) } else { Ok(()) }
    }

    /// Reads a number and returns its text.
    ///
    /// # Errors
    /// It is not a JSON number.
    pub fn number(&mut self) -> Result<&'a str, JsonError> {
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
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Reads a string; the cursor is at its quote.
    ///
    /// # Errors
    /// The string does not end, or has a control character, an unknown escape, or half a surrogate pair.
    pub fn string(&mut self) -> Result<Text<'a>, JsonError> {
        let at = self.at;
        self.at += 1;
        let mut escaped = false;
        loop {
            let rest = self.rest();
            self.at += first_special(rest.as_bytes()).unwrap_or(rest.len());
            match self.peek() {
                Some(b'"') => {
                    let raw = self.text.get(at + 1..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(Text { raw, at, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.error("a control character in a string")),
                None => return Err(self.error("a string that does not end")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        let byte = self.peek().ok_or_else(|| self.error("a string that does not end"))?;
        // The byte after a backslash may begin a multi-byte character, which is an error and must not be cut.
        if !byte.is_ascii() {
            return Err(self.error("an unknown escape"));
        }
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
                    if !self.rest().starts_with("\\u") {
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
