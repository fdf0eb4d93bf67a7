//! The startup parameter `options`: command-line switches, parsed like the server parses them.

use super::StartupError;
use super::shown;

/// Calls `set` with the name and value of each setting in `options`.
///
/// Words end at white space; a backslash escapes the next character (PostgreSQL 18 manual, 20.1.4 and
/// 32.1.2).
pub(super) fn read(
    options: &str,
    mut set: impl FnMut(&str, &str) -> Result<(), StartupError>,
) -> Result<(), StartupError> {
    let mut words = Words { rest: options };
    while let Some(word) = words.next()? {
        let switch = shown(&word);
        let setting = if let Some(rest) = word.strip_prefix("-c") {
            if rest.is_empty() {
                words.next()?.ok_or_else(|| StartupError::NoValue { switch: switch.clone() })?
            } else {
                rest.to_owned()
            }
        } else if let Some(rest) = word.strip_prefix("--").filter(|rest| !rest.is_empty()) {
            rest.to_owned()
        } else {
            return Err(StartupError::Switch { switch });
        };
        let (name, value) = setting.split_once('=').ok_or(StartupError::NoValue { switch })?;
        // On a command line, a name may have hyphens in place of its underscores.
        set(&name.replace('-', "_"), value)?;
    }
    Ok(())
}

struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    /// Returns the next word, without its escapes; `None` at the end.
    fn next(&mut self) -> Result<Option<String>, StartupError> {
        self.rest = self.rest.trim_start_matches(is_space);
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut word = String::new();
        let mut left = self.rest.chars();
        loop {
            let before = left.as_str();
            match left.next() {
                None => break,
                Some(end) if is_space(end) => {
                    left = before.chars();
                    break;
                }
                Some('\\') => word.push(left.next().ok_or(StartupError::Backslash)?),
                Some(other) => word.push(other),
            }
        }
        self.rest = left.as_str();
        Ok(Some(word))
    }
}

/// Returns whether a character is white space in C.
const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t'..='\r')
}
