//! JSON inside the strings of a command: MCP's Python SDK reads arguments so. Parsed once for all policies,
//! in the order of the strings and up to a limit, so that a policy's result does not depend on other
//! policies.

use std::collections::HashMap;
use std::ptr;

use crate::domain::json::DEPTH;
use crate::domain::json::Fault;
use crate::domain::json::Json;
use crate::domain::text::beginning;

/// Maximum bytes of strings parsed as JSON for one command. The content of later strings is unknown.
pub(super) const MOST_BYTES: usize = 256 << 10;

/// How deep strings are parsed within each other.
const LEVELS: u8 = 4;

/// Minimum cost of a string in bytes.
const EACH: usize = 16;

/// A truncated text that continues as JSON may fail to parse within this many bytes of its end: half a word,
/// half an escape.
const CUT: usize = 16;

/// The strings of one command as a target sees them that parses JSON in them.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// Keyed by the address of the text: the command or `read` itself owns it, so no two share one.
    read: HashMap<usize, Read>,
    spent: usize,
}

/// One string.
#[derive(Debug)]
enum Read {
    Nothing,
    Value(Box<Json>),
    Doubt,
}

/// The array, object, boolean or `null` in a string, if some reader sees one.
pub(super) enum Inside<'a> {
    /// A plain string to all readers.
    Nothing,
    /// This value.
    Value(&'a Json),
    /// Unknown, or a value only to readers less strict than this one. The flag: whether it would be an
    /// object.
    Doubt(bool),
}

static TRUE: Json = Json::Bool(true);
static FALSE: Json = Json::Bool(false);
static NULL: Json = Json::Null;

impl Texts {
    /// Parses the strings in `value`, which must not move as long as they are looked up.
    pub(super) fn read(&mut self, value: &Json) {
        self.within(value, LEVELS);
    }

    fn within(&mut self, value: &Json, levels: u8) {
        match value {
            Json::Array(elements) => elements.iter().for_each(|element| self.within(element, levels)),
            Json::Object(members) => members.iter().for_each(|(_, member)| self.within(member, levels)),
            Json::String(text) => {
                let text = trimmed(text);
                // A string without an entry is in doubt.
                if !text.starts_with(['{', '[']) || self.spent >= MOST_BYTES {
                    return;
                }
                let read = match levels.checked_sub(1) {
                    Some(levels) => self.parse(text, levels),
                    None => Read::Doubt,
                };
                self.read.insert(ptr::from_ref(value).addr(), read);
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    fn parse(&mut self, text: &str, levels: u8) -> Read {
        let left = MOST_BYTES - self.spent;
        let part = beginning(text, left);
        let cut = part.len() < text.len();
        match Json::parse(part.as_bytes(), DEPTH) {
            Ok(_) if cut => {
                self.spent = MOST_BYTES;
                Read::Doubt
            }
            Ok(value) => {
                self.spent += EACH + part.len();
                let value = Box::new(value);
                self.within(&value, levels);
                Read::Value(value)
            }
            Err(error) => {
                self.spent += EACH + error.at;
                let open = cut && error.at + CUT > part.len();
                match error.fault {
                    Fault::Twice | Fault::Depth | Fault::Trailing => Read::Doubt,
                    Fault::Encoding | Fault::Syntax if open || is_lenient(text) => Read::Doubt,
                    Fault::Encoding | Fault::Syntax => Read::Nothing,
                }
            }
        }
    }

    /// Returns the result for a string.
    pub(super) fn inside(&self, value: &Json) -> Inside<'_> {
        let Json::String(text) = value else { return Inside::Nothing };
        let text = trimmed(text);
        match text {
            "true" => return Inside::Value(&TRUE),
            "false" => return Inside::Value(&FALSE),
            "null" => return Inside::Value(&NULL),
            _ if !text.starts_with(['{', '[']) => return Inside::Nothing,
            _ => {}
        }
        match self.read.get(&ptr::from_ref(value).addr()) {
            Some(Read::Nothing) => Inside::Nothing,
            Some(Read::Value(value)) => Inside::Value(value),
            Some(Read::Doubt) | None => Inside::Doubt(text.starts_with('{')),
        }
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// Returns whether a text that is not valid JSON may be so to lenient readers: Go's decoder, Gson,
/// Newtonsoft, YAML. They accept other quotes, unquoted names, extra commas, comments, `NaN`, half a
/// surrogate pair.
fn is_lenient(text: &str) -> bool {
    ["NaN", "Infinity", "\\ud", "\\uD"].iter().any(|odd| text.contains(odd)) || begins_leniently(text)
}

fn begins_leniently(text: &str) -> bool {
    let behind = text.trim_start_matches(|c: char| c == '[' || c.is_whitespace());
    let is_array = text.starts_with('[');
    let Some(rest) = behind.strip_prefix('{').map(str::trim_start).or_else(|| is_array.then_some(behind))
    else {
        return false;
    };
    if rest.starts_with(['"', '\'', '`', ',', '/', '#']) {
        return true;
    }
    // `[a:b]` and `{a:b}` are members, `[7,` and `[7]` elements.
    let name =
        rest.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '-')).trim_start();
    let signed = rest.trim_start_matches(['-', '+']);
    let element = signed.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.').trim_start();
    let is_number = signed.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let is_word = name.len() < rest.len();
    is_word && name.starts_with(':') || is_array && is_number && element.starts_with([',', ']'])
}
