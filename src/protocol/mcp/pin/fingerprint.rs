//! The fingerprint of an item that a server offers: SHA-256 of one canonical JSON object of its watched
//! members.
//!
//! The canonical form is RFC 8785 (JCS), except for numbers: members are sorted by the UTF-16 units of their
//! names, there is nothing between tokens, and strings have the fewest escapes. Numbers stay as they were
//! written, since a double would round long ones; so `1.0` is not `1`, which at worst reports a change that
//! is none. Members that are not watched, such as a vendor's own beside `_meta`, are not part of it.

use std::fmt::Write;

use aws_lc_rs::digest;

use crate::domain::PinFlag;
use crate::domain::PinKind;
use crate::domain::PinMember;
use crate::domain::PinVersion;
use crate::domain::hex;
use crate::domain::json::Json;
use crate::domain::json::push_string;
use crate::domain::text::hidden_characters;
use crate::protocol::mcp::codec::envelope::names::ElementField;
use crate::protocol::mcp::pin::Raw;

/// A description longer than this many bytes is flagged: nobody reads it.
const LONG: usize = 16 << 10;
/// How many bytes of one member's text are kept.
const MOST_TEXT: usize = 8 << 10;
/// How many hidden characters are reported.
const MOST_TOLD: usize = 8;

/// Returns the watched members of an element.
pub const fn watched(kind: PinKind) -> &'static [ElementField] {
    use ElementField::{
        Annotations, Arguments, Description, Execution, Icons, InputSchema, Meta, MimeType, Name,
        OutputSchema, Title, UriTemplate,
    };
    match kind {
        PinKind::Server => &[],
        PinKind::Tool => {
            &[Name, Title, Description, InputSchema, OutputSchema, Annotations, Icons, Execution, Meta]
        }
        PinKind::Prompt => &[Name, Title, Description, Arguments],
        PinKind::ResourceTemplate => &[Name, Title, Description, UriTemplate, MimeType, Annotations, Icons],
    }
}

/// Returns the SHA-256 of bytes.
pub fn raw(bytes: &[u8]) -> Raw {
    let mut raw = [0; 32];
    for (to, from) in raw.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()) {
        *to = *from;
    }
    raw
}

/// Builds a version of the given members: name, value, and the masked value if masks change it.
pub fn version<'a>(members: impl IntoIterator<Item = (&'a str, Json, Option<Json>)>) -> PinVersion {
    let mut watched: Vec<(&str, String)> = Vec::new();
    let mut version = PinVersion { digest: String::new(), members: Vec::new(), flags: Vec::new() };
    for (name, value, masked) in members {
        let mut written = String::new();
        canonical(&value, &mut written);
        flag(name, &value, &mut version.flags);
        let digest = hex::encode(&raw(written.as_bytes()));
        let (text, cut) = text_of(masked.as_ref().unwrap_or(&value));
        version.members.push(PinMember { name: name.to_owned(), digest, text, cut });
        watched.push((name, written));
    }
    watched.sort_by(|left, right| by_units(left.0, right.0));
    let mut whole = String::from("{");
    for (place, (name, written)) in watched.iter().enumerate() {
        whole.push_str(if place > 0 { "," } else { "" });
        push_string(name, &mut whole);
        whole.push(':');
        whole.push_str(written);
    }
    whole.push('}');
    version.digest = hex::encode(&raw(whole.as_bytes()));
    version
}

fn by_units(left: &str, right: &str) -> std::cmp::Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

/// Appends a value as canonical JSON.
pub fn canonical(value: &Json, out: &mut String) {
    match value {
        Json::Object(members) => {
            let mut sorted: Vec<&(Box<str>, Json)> = members.iter().collect();
            sorted.sort_by(|left, right| by_units(&left.0, &right.0));
            out.push('{');
            for (place, (name, value)) in sorted.into_iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                push_string(name, out);
                out.push(':');
                canonical(value, out);
            }
            out.push('}');
        }
        Json::Array(values) => {
            out.push('[');
            for (place, value) in values.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                canonical(value, out);
            }
            out.push(']');
        }
        Json::String(text) => push_string(text, out),
        Json::Null | Json::Bool(_) | Json::Number(_) => {
            let _infallible = write!(out, "{value}");
        }
    }
}

/// Returns the text of a value, and whether it was cut.
fn text_of(value: &Json) -> (String, bool) {
    let mut text = String::new();
    match value {
        Json::String(string) => text.push_str(string),
        other => canonical(other, &mut text),
    }
    let cut = text.len() > MOST_TEXT;
    text.truncate(text.floor_char_boundary(MOST_TEXT));
    (text, cut)
}

fn flag(member: &str, value: &Json, flags: &mut Vec<PinFlag>) {
    let mut found = Vec::new();
    // Names are a single line; descriptions may have several.
    strings(value, !matches!(member, "name" | "title" | "uriTemplate" | "mimeType"), &mut found);
    if !found.is_empty() {
        let mut told: Vec<char> = Vec::new();
        for c in &found {
            if told.len() < MOST_TOLD && !told.contains(c) {
                told.push(*c);
            }
        }
        let told: Vec<String> = told.iter().map(|c| format!("U+{:04X}", u32::from(*c))).collect();
        let detail = format!("{} hidden characters: {}", found.len(), told.join(" "));
        flags.push(PinFlag { member: member.to_owned(), hidden: true, detail });
    }
    if let Json::String(text) = value
        && text.len() > LONG
    {
        let detail = format!("{} bytes, more than {LONG}", text.len());
        flags.push(PinFlag { member: member.to_owned(), hidden: false, detail });
    }
}

/// Collects the hidden characters of all strings of a value, including member names: a model reads them all.
fn strings(value: &Json, lines: bool, found: &mut Vec<char>) {
    match value {
        Json::String(text) => found.extend(hidden_characters(text, lines)),
        Json::Array(values) => values.iter().for_each(|value| strings(value, lines, found)),
        Json::Object(members) => {
            for (name, value) in members {
                found.extend(hidden_characters(name, false));
                strings(value, lines, found);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}
