//! The member names at the top level of a JSON document, read as it passes.

use crate::protocol::http::overrides::ASKS;
use crate::protocol::http::overrides::Name;
use crate::protocol::http::overrides::Seen;

/// Some parsers accept more than JSON, such as comments and unquoted names. How they would read it cannot be
/// known here.
const NO_JSON: &str = "a JSON body that is not valid JSON";

/// Reads the member names at the top level of a JSON document.
#[derive(Debug, Default)]
pub(super) struct TopNames {
    depth: usize,
    /// Whether the next string is a top-level name.
    name_next: bool,
    /// Whether the top level is an object.
    in_object: bool,
    place: Place,
    /// Whether the current string is a top-level name.
    naming: bool,
    name: Name,
}

#[derive(Debug, Clone, Copy, Default)]
enum Place {
    /// Between strings.
    #[default]
    Between,
    /// Inside a string.
    Text,
    /// After a backslash in a string.
    Escape,
    /// Within the four digits of `\u`: the number of digits so far, and their value.
    Code(u8, u32),
}

impl TopNames {
    pub(super) fn sees(&mut self, mut data: &[u8]) -> Seen {
        while let Some((&byte, after)) = data.split_first() {
            data = after;
            self.place = match (self.place, byte) {
                // JSON has no NUL, but UTF-16 and UTF-32 do.
                (_, 0) => return Err(NO_JSON),
                (Place::Between, byte) => self.between(byte)?,
                (Place::Text, b'"') if self.naming && self.name.is_method() => return Err(ASKS),
                (Place::Text, b'"') => Place::Between,
                (Place::Text, b'\\') => Place::Escape,
                (Place::Text, byte) if self.naming => self.text(byte),
                (Place::Text, _) => {
                    let next = memchr::memchr3(b'"', b'\\', 0, data).unwrap_or(data.len());
                    data = data.get(next..).unwrap_or_default();
                    Place::Text
                }
                (Place::Escape, b'u') => Place::Code(0, 0),
                (Place::Escape, b'"' | b'\\' | b'/') => self.text(byte),
                (Place::Escape, b'b' | b'f' | b'n' | b'r' | b't') => self.text(b' '),
                (Place::Escape, _) => return Err(NO_JSON),
                (Place::Code(count, code), byte) => {
                    let digit = char::from(byte).to_digit(16).ok_or(NO_JSON)?;
                    let code = code << 4 | digit;
                    if count < 3 {
                        Place::Code(count + 1, code)
                    } else {
                        self.text(u8::try_from(code).ok().filter(u8::is_ascii).unwrap_or(0xff))
                    }
                }
            };
        }
        Ok(())
    }

    fn text(&mut self, byte: u8) -> Place {
        if self.naming {
            self.name.push(byte);
        }
        Place::Text
    }

    fn between(&mut self, byte: u8) -> Result<Place, &'static str> {
        let at_top = self.depth == 1;
        let at_name = at_top && self.name_next;
        match byte {
            b'{' | b'[' if !at_name => {
                self.depth = self.depth.saturating_add(1);
                if self.depth == 1 {
                    self.in_object = byte == b'{';
                    self.name_next = self.in_object;
                }
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b',' if at_top => self.name_next = self.in_object,
            b':' if at_top => self.name_next = false,
            b'"' => {
                self.naming = at_name;
                self.name = Name::default();
                return Ok(Place::Text);
            }
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' => {}
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.' if !at_name => {}
            // A byte order mark, and the separator of a JSON text sequence (RFC 7464).
            0xef | 0xbb | 0xbf | 0x1e if self.depth == 0 => {}
            _ => return Err(NO_JSON),
        }
        Ok(Place::Between)
    }
}
