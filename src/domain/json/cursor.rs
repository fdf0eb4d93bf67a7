//! A cursor over one strict JSON text (RFC 8259): reads its parts in their order, keeps where they stand, copies nothing.
//!
//! It is the one reader of JSON that is judged: [`crate::domain::json::Json`] is built with it, and who needs only a few facts of a
//! long text, and the bytes of the rest as they came, walks over it with one.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use crate::domain::json::Fault;
use crate::domain::json::JsonError;
use crate::domain::json::escape::first_special;

/// Objects with more members than this keep their names in a set.
const FEW: usize = 16;

/// Where something stands in the input: its first byte, and the one behind its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// The place of the first byte, from the start of the input.
    pub start: usize,
    /// The place behind the last byte; never less than `start`.
    pub end: usize,
}

impl Span {
    /// The span as a range.
    pub const fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// How many bytes it has.
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether it has no bytes.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Its bytes in `input`; none where the span is of another, longer input.
    pub fn of(self, input: &[u8]) -> &[u8] {
        input.get(self.range()).unwrap_or_default()
    }
}

/// What a value is.
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

/// A string of the input, as it was written. Its escapes are known to be whole.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// What stands between the quotes.
    raw: &'a str,
    /// The place of the first quote.
    at: usize,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// Where it stands, with its quotes.
    pub const fn span(&self) -> Span {
        Span { start: self.at, end: self.at + self.raw.len() + 2 }
    }

    /// What it says, unescaped; copied only where it holds an escape.
    pub fn value(&self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

/// What the string written as `raw` says: the bytes between its quotes, which a cursor has read before.
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
    /// Whether a name that comes twice in one object is an error.
    once: bool,
    /// The names of the objects that are open, the innermost last.
    names: Vec<Cow<'a, str>>,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `input`, which may be nested at most `max_depth` deep. Names may come once in each object.
    ///
    /// # Errors
    /// Bytes that are not UTF-8.
    pub fn new(input: &'a [u8], max_depth: usize) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(input).map_err(|error| JsonError {
            at: error.valid_up_to(),
            problem: "bytes that are not UTF-8",
            fault: Fault::Encoding,
        })?;
        Ok(Self::over(text, max_depth))
    }

    const fn over(text: &'a str, max_depth: usize) -> Self {
        Self { text, at: 0, left: max_depth, once: true, names: Vec::new() }
    }

    /// The same text read from `at` on: the start of a value that was found before.
    pub const fn starting_at(mut self, at: usize) -> Self {
        self.at = at;
        self
    }

    /// Whether a name that comes twice in one object is an error in the objects that are opened from now on. Gives what held before.
    pub const fn names_once(&mut self, once: bool) -> bool {
        std::mem::replace(&mut self.once, once)
    }

    /// Where the cursor stands, from the start of the input.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// The byte that it stands before; `None` at the end.
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, problem: &'static str) -> JsonError {
        JsonError { at: self.at, problem, fault: Fault::Syntax }
    }

    /// The error for something here that begins no value.
    pub fn no_value(&self) -> JsonError {
        self.error("no JSON value")
    }

    /// The error for an input that ends where a value must stand.
    pub fn ends_early(&self) -> JsonError {
        self.error("the input ends early")
    }

    /// Passes over white space.
    pub fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Passes over white space to the end.
    ///
    /// # Errors
    /// Anything else there.
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
    /// Another word.
    pub fn word(&mut self, word: &str) -> Result<(), JsonError> {
        if self.rest().starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.no_value())
        }
    }

    /// Reads the value that the cursor stands before, whatever it is, and says where it stands and what it is.
    ///
    /// # Errors
    /// Anything that is not one strict value.
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

    /// Reads an object. `member` is shown each name, with the cursor before the value, and must read that value and no more.
    ///
    /// # Errors
    /// What is no strict object, and the errors of `member`.
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
                    _ => return Err(self.error("an object that does not go on").into()),
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
                // A set, since a long object must not cost the square of its length.
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

    /// Reads an array. `element` is called with the cursor before each element, and must read that and no more.
    ///
    /// # Errors
    /// What is no strict array, and the errors of `element`.
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
                    _ => return Err(self.error("an array that does not go on").into()),
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

    /// Reads a number, and gives its text.
    ///
    /// # Errors
    /// What is no number of JSON.
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

    /// Reads a string; the cursor stands before its quote.
    ///
    /// # Errors
    /// A string that does not end, a control character, an unknown escape, half a surrogate pair.
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
        // The byte behind a backslash may begin a longer character, which is an error and must not be cut.
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
