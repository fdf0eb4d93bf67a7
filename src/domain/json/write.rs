//! Writes JSON (RFC 8259) member by member into a `String`, without white space and without a tree in
//! between.
//!
//! A writer puts the commas, escapes texts, and closes what it opened when it is dropped. Keys are written as
//! they are: they are literals of the program.

use std::fmt::Display;
use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::push_string;

/// Writes the members of one object.
#[derive(Debug)]
pub struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> Object<'a> {
    /// Begins an object.
    pub fn begin(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, empty: true }
    }

    /// Opens an object again that was closed, to add members at its end; `None` if `out` does not end with an
    /// object.
    pub fn reopen(out: &'a mut String) -> Option<Self> {
        out.strip_suffix('}')?;
        out.pop();
        let empty = out.ends_with('{');
        Some(Self { out, empty })
    }

    /// Adds a string.
    pub fn text(&mut self, key: &str, value: &str) -> &mut Self {
        push_string(value, self.raw(key));
        self
    }

    /// Adds a string if it is not empty.
    pub fn text_if_any(&mut self, key: &str, value: &str) -> &mut Self {
        if value.is_empty() { self } else { self.text(key, value) }
    }

    /// Adds a string that has nothing to escape: an id, a digest, a word of the program.
    pub fn word(&mut self, key: &str, value: impl Display) -> &mut Self {
        // A String takes everything.
        let _infallible = write!(self.raw(key), "\"{value}\"");
        self
    }

    /// Adds bytes as a string, in Base64 (RFC 4648, section 4).
    pub fn base64(&mut self, key: &str, bytes: &[u8]) -> &mut Self {
        let out = self.raw(key);
        out.push('"');
        BASE64_STANDARD.encode_string(bytes, out);
        out.push('"');
        self
    }

    /// Adds what is displayed as JSON: a number, a Boolean, a finished value.
    pub fn value(&mut self, key: &str, value: impl Display) -> &mut Self {
        let _infallible = write!(self.raw(key), "{value}");
        self
    }

    /// Adds a member, the value of which the caller appends to what it gets.
    pub fn raw(&mut self, key: &str) -> &mut String {
        separate(&mut self.empty, self.out);
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
        self.out
    }

    /// Adds an object.
    pub fn object(&mut self, key: &str) -> Object<'_> {
        Object::begin(self.raw(key))
    }

    /// Adds an array.
    pub fn array(&mut self, key: &str) -> Array<'_> {
        Array::begin(self.raw(key))
    }

    /// Adds an array of strings.
    pub fn texts(&mut self, key: &str, values: impl IntoIterator<Item = impl AsRef<str>>) -> &mut Self {
        let mut array = self.array(key);
        for value in values {
            push_string(value.as_ref(), array.item());
        }
        drop(array);
        self
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        self.out.push('}');
    }
}

/// Writes the items of one array.
#[derive(Debug)]
pub struct Array<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> Array<'a> {
    /// Begins an array.
    pub fn begin(out: &'a mut String) -> Self {
        out.push('[');
        Self { out, empty: true }
    }

    /// Adds an item, which the caller appends to what it gets.
    pub fn item(&mut self) -> &mut String {
        separate(&mut self.empty, self.out);
        self.out
    }
}

impl Drop for Array<'_> {
    fn drop(&mut self) {
        self.out.push(']');
    }
}

fn separate(empty: &mut bool, out: &mut String) {
    if !std::mem::take(empty) {
        out.push(',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_items_are_separated_and_closed() {
        let mut out = String::new();
        let mut object = Object::begin(&mut out);
        object.text("a", "x\"\n").word("b", "w").value("c", 7).text_if_any("none", "").value("d", true);
        object.object("e").text("f", "").text("g", "y");
        drop(object.object("h"));
        object.texts("i", ["1", "2"]).texts("j", [""; 0]);
        let mut array = object.array("k");
        array.item().push_str("null");
        Object::begin(array.item()).value("l", 1);
        drop(array);
        object.raw("m").push_str("[]");
        drop(object);
        let wanted = r#"{"a":"x\"\n","b":"w","c":7,"d":true,"e":{"f":"","g":"y"},"h":{},"i":["1","2"],"j":[],"k":[null,{"l":1}],"m":[]}"#;
        assert_eq!(out, wanted);
    }

    #[test]
    fn a_closed_object_is_opened_again() {
        for (closed, wanted) in [
            (r#"{"a":1}"#, r#"{"a":1,"b":2,"c":"d"}"#),
            (r#"{"a":{}}"#, r#"{"a":{},"b":2,"c":"d"}"#),
            ("{}", r#"{"b":2,"c":"d"}"#),
        ] {
            let mut out = closed.to_owned();
            Object::reopen(&mut out).unwrap().value("b", 2).text("c", "d");
            assert_eq!(out, wanted);
        }
        assert!(Object::reopen(&mut String::from("null")).is_none());
    }
}
