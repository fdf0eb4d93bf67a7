//! Paths into JSON.

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
}

/// Visits all that the names lead to from `value`. With `folded`, members whose names only look alike are visited too; where the
/// exact one is missing, that is a leaf as well, so that such a name alone never decides.
// It goes as deep as the JSON does, which its reader bounds.
pub(super) fn walk(value: &Json, names: &[Box<str>], folded: bool, visit: &mut dyn FnMut(Leaf<'_>)) {
    let Some((name, rest)) = names.split_first() else {
        leaves(value, visit);
        return;
    };
    match value {
        Json::Array(elements) => {
            if elements.is_empty() {
                visit(Leaf::Missing);
            }
            for element in elements {
                walk(element, names, folded, visit);
            }
        }
        Json::Object(members) => {
            let mut there = false;
            for (key, member) in members {
                let exact = **key == **name;
                there |= exact;
                if exact || (folded && looks_like(key, name)) {
                    walk(member, rest, folded, visit);
                }
            }
            if !there {
                visit(Leaf::Missing);
            }
        }
        _ => visit(Leaf::Missing),
    }
}

/// Visits a value, or all that an array holds at any depth.
pub(super) fn leaves(value: &Json, visit: &mut dyn FnMut(Leaf<'_>)) {
    match value {
        Json::Array(elements) if elements.is_empty() => visit(Leaf::Empty),
        Json::Array(elements) => elements.iter().for_each(|element| leaves(element, visit)),
        _ => visit(Leaf::Value(value)),
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
