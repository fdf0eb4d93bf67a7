//! Paths into JSON.

use crate::domain::json::DEPTH;
use crate::domain::json::Fault;
use crate::domain::json::Json;
use crate::policy::glob::check_text;
use crate::policy::problem::Refusal;

/// What a path leads to.
#[derive(Clone, Copy)]
pub(super) enum Leaf<'a> {
    /// A value that is no array.
    Value(&'a Json),
    /// An array without elements.
    Empty,
    /// Nothing.
    Missing,
    /// What some reader may make something of, and this one cannot.
    Doubtful,
}

/// How a value is read.
#[derive(Clone, Copy)]
pub(super) enum Reading {
    /// As it is written: whoever wrote it means it so.
    Exact,
    /// As any target may. Members whose names only look alike are visited too; where the exact one is missing, that is a leaf as well, so that
    /// such a name alone never decides. Texts that are JSON are read as such too, within each other as often as this says: MCP's own SDK
    /// for Python does so with arguments.
    Lenient(u8),
}

impl Reading {
    /// How arguments of a client are read.
    pub(super) const ARGS: Self = Self::Lenient(4);
}

/// What a text is to a target that reads JSON in it.
enum Inside {
    Nothing,
    Value(Json, Reading),
    Doubt,
}

/// Visits all that the names lead to from `value`.
// It goes as deep as the JSON does, which its reader bounds, and as the JSON in its texts.
pub(super) fn walk(value: &Json, names: &[Box<str>], reading: Reading, visit: &mut dyn FnMut(Leaf<'_>)) {
    let Some((name, rest)) = names.split_first() else {
        leaves(value, reading, visit);
        return;
    };
    match value {
        Json::Array(elements) => {
            if elements.is_empty() {
                visit(Leaf::Missing);
            }
            for element in elements {
                walk(element, names, reading, visit);
            }
        }
        Json::Object(members) => {
            let mut there = false;
            for (key, member) in members {
                let exact = **key == **name;
                there |= exact;
                if exact || (matches!(reading, Reading::Lenient(_)) && looks_like(key, name)) {
                    walk(member, rest, reading, visit);
                }
            }
            if !there {
                visit(Leaf::Missing);
            }
        }
        _ => {
            visit(Leaf::Missing);
            match inside(value, reading) {
                Inside::Nothing => {}
                Inside::Value(value, reading) => walk(&value, names, reading, visit),
                Inside::Doubt => visit(Leaf::Doubtful),
            }
        }
    }
}

/// Visits a value, or all that an array holds at any depth.
pub(super) fn leaves(value: &Json, reading: Reading, visit: &mut dyn FnMut(Leaf<'_>)) {
    match value {
        Json::Array(elements) if elements.is_empty() => visit(Leaf::Empty),
        Json::Array(elements) => elements.iter().for_each(|element| leaves(element, reading, visit)),
        _ => {
            visit(Leaf::Value(value));
            match inside(value, reading) {
                Inside::Nothing => {}
                Inside::Value(value, reading) => leaves(&value, reading, visit),
                Inside::Doubt => visit(Leaf::Doubtful),
            }
        }
    }
}

/// The array, object, boolean or `null` that a text is, if it is one to some reader. What only a reader would take that is less strict than this one is in
/// doubt: names that come twice, `NaN`, half a surrogate pair.
fn inside(value: &Json, reading: Reading) -> Inside {
    let (Json::String(text), Reading::Lenient(left)) = (value, reading) else { return Inside::Nothing };
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let nested = text.starts_with(['{', '[']);
    if !nested && !matches!(text, "true" | "false" | "null") {
        return Inside::Nothing;
    }
    let Some(left) = left.checked_sub(1) else { return Inside::Doubt };
    match Json::parse(text.as_bytes(), DEPTH) {
        Ok(value) => Inside::Value(value, Reading::Lenient(left)),
        Err(error) => match error.fault {
            Fault::Twice | Fault::Depth => Inside::Doubt,
            Fault::Syntax if ["NaN", "Infinity", "\\ud", "\\uD"].iter().any(|odd| text.contains(odd)) => {
                Inside::Doubt
            }
            Fault::Encoding | Fault::Syntax | Fault::Trailing => Inside::Nothing,
        },
    }
}

/// Whether some targets take one member name for the other: they fold case, `_` and `-` (Go's `encoding/json`, ASP.NET, protobuf).
fn looks_like(key: &str, name: &str) -> bool {
    fn folded(text: &str) -> impl Iterator<Item = char> {
        // Upwards first: only so does `ſ` meet `s`.
        text.chars()
            .filter(|c| !matches!(c, '_' | '-'))
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
    }
    folded(key).eq(folded(name))
}

/// Reads a path as it was written.
pub(super) fn read_names(path: &str) -> Result<Box<[Box<str>]>, Refusal> {
    check_text(path)?;
    let refusal = || Refusal::new("no path", "write member names joined by dots, such as order.amount");
    let mut names = vec![String::new()];
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match (c, names.last_mut()) {
            ('.', _) => names.push(String::new()),
            ('\\', Some(name)) => match chars.next() {
                Some(escaped @ ('.' | '\\')) => name.push(escaped),
                _ => {
                    return Err(Refusal::new(
                        "a backslash that escapes nothing",
                        "write \\. for a dot inside a name, \\\\ for a backslash",
                    ));
                }
            },
            (c, Some(name)) => name.push(c),
            (_, None) => return Err(refusal()),
        }
    }
    if names.iter().any(String::is_empty) {
        Err(refusal())
    } else {
        Ok(names.into_iter().map(Into::into).collect())
    }
}
