//! Typed access to one value: each method returns the checked value, or reports a problem with what is
//! accepted.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use crate::config::reader::Value;
use crate::config::url;
use crate::config::words::suggestion;
use crate::domain::secret::InvalidSecretRef;
use crate::domain::secret::SecretRef;
use crate::domain::units;

/// One day.
pub(super) const DAY: Duration = Duration::from_hours(24);

impl<'d> Value<'d> {
    /// Returns a string that is not empty.
    pub(super) fn text(&self) -> Option<&'d str> {
        match self.node {
            DeValue::String(text) if text.is_empty() => {
                self.problem("empty", "give it a value".to_owned());
                None
            }
            DeValue::String(text) => Some(text),
            _ => {
                self.mismatch("not a string", "write it in quotes".to_owned());
                None
            }
        }
    }

    /// Returns `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        let flag = self.node.as_bool();
        if flag.is_none() {
            self.mismatch("not true or false", "accepted: true, false".to_owned());
        }
        flag
    }

    /// Returns an integer within bounds.
    pub(super) fn whole<T: TryFrom<i64>>(&self, bounds: RangeInclusive<i64>) -> Option<T> {
        let wanted = format!("accepted: a whole number from {} to {}", bounds.start(), bounds.end());
        let DeValue::Integer(number) = self.node else {
            self.mismatch("not a whole number", wanted);
            return None;
        };
        let value =
            i64::from_str_radix(number.as_str(), number.radix()).ok().filter(|value| bounds.contains(value));
        let value = value.and_then(|value| T::try_from(value).ok());
        if value.is_none() {
            self.problem("out of bounds", wanted);
        }
        value
    }

    /// Returns a duration such as `90s`, within bounds.
    pub(super) fn duration(&self, bounds: RangeInclusive<Duration>) -> Option<Duration> {
        let example = "accepted: a duration such as 90s, 10m, 1h or 30d".to_owned();
        let DeValue::String(text) = self.node else {
            self.mismatch("not a duration", example);
            return None;
        };
        let Ok(duration) = units::parse_duration(text) else {
            self.problem("not a duration", example);
            return None;
        };
        if !bounds.contains(&duration) {
            let [low, high] = [bounds.start(), bounds.end()].map(|bound| units::format_duration(*bound));
            self.problem("out of bounds", format!("accepted: from {low} to {high}"));
            return None;
        }
        Some(duration)
    }

    /// Returns a number of bytes such as `10MiB`, within bounds. A bare integer is in bytes.
    pub(super) fn size(&self, bounds: RangeInclusive<u64>) -> Option<u64> {
        let size = match self.node {
            DeValue::String(text) => units::parse_size(text).ok(),
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let Some(size) = size else {
            self.mismatch("not a size", "accepted: a size such as 512KiB, 10MiB or 20GiB".to_owned());
            return None;
        };
        if !bounds.contains(&size) {
            let [low, high] = [bounds.start(), bounds.end()].map(|bound| units::format_size(*bound));
            self.problem("out of bounds", format!("accepted: from {low} to {high}"));
            return None;
        }
        Some(size)
    }

    /// Returns one of a fixed set of words.
    pub(super) fn word<T: Clone>(&self, words: &[(&str, T)]) -> Option<T> {
        let accepted: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let DeValue::String(text) = self.node else {
            self.mismatch("not a string", format!("accepted: {}", accepted.join(", ")));
            return None;
        };
        let known = words.iter().find(|(word, _)| word == text).map(|(_, value)| value.clone());
        if known.is_none() {
            self.problem("unknown word", suggestion(text, &accepted));
        }
        known
    }

    /// Returns a list of one or more strings. An empty list is refused: it reads like "nobody" and would mean
    /// "everybody".
    pub(super) fn texts(&self) -> Vec<String> {
        self.list(|element| element.text().map(str::to_owned))
    }

    /// Returns a list of one or more of a fixed set of words.
    pub(super) fn words<T: Clone>(&self, words: &[(&str, T)]) -> Vec<T> {
        self.list(|element| element.word(words))
    }

    /// Returns a list of one or more values.
    pub(super) fn list<T>(&self, read: impl Fn(&Value<'d>) -> Option<T>) -> Vec<T> {
        let elements = self.elements().unwrap_or_default();
        if elements.is_empty() && self.node.is_array() {
            self.problem("an empty list", "name at least one".to_owned());
        }
        elements.iter().filter_map(read).collect()
    }

    /// Returns a table of one or more strings under arbitrary keys.
    pub(super) fn text_map(&self) -> BTreeMap<String, String> {
        self.map(|value| value.text().map(str::to_owned))
    }

    /// Returns a table of one or more values under arbitrary keys.
    pub(super) fn map<T>(&self, read: impl Fn(&Value<'d>) -> Option<T>) -> BTreeMap<String, T> {
        let Some(members) = self.members() else {
            self.mismatch("not a table", "write it as a table: { name = \"value\" }".to_owned());
            return BTreeMap::new();
        };
        if members.is_empty() {
            self.problem("an empty table", "name at least one".to_owned());
        }
        let read = |(name, value): (&str, Value<'d>)| {
            if name.is_empty() {
                value.problem("an empty key", None);
            }
            Some((name.to_owned(), read(&value)?))
        };
        members.into_iter().filter_map(read).collect()
    }

    /// Returns an address and port, `127.0.0.1:8440` or `[::1]:8440`.
    pub(super) fn listener(&self) -> Option<SocketAddr> {
        let text = self.text()?;
        let address = text.parse().ok();
        if address.is_none() {
            let hint = "accepted: an IP address and a port, such as 127.0.0.1:8440 or [::1]:8440";
            self.problem("not an address to listen on", hint.to_owned());
        }
        address
    }

    /// Returns the source of a secret. Anything else is neither repeated nor shown: it may be the secret.
    pub(super) fn secret(&self) -> Option<SecretRef> {
        let DeValue::String(text) = self.node else {
            self.secret_problem("not the source of a secret", SECRET_HINT.to_owned());
            return None;
        };
        self.secret_in(text)
    }

    /// Returns the source of a secret in a part of this value.
    pub(super) fn secret_in(&self, text: &str) -> Option<SecretRef> {
        let Ok(source) = text.parse() else {
            if text.starts_with("vault:") {
                self.secret_problem(
                    "vault: is not supported by this version of hoopctl",
                    SECRET_HINT.to_owned(),
                );
            } else {
                self.secret_problem(InvalidSecretRef.to_string(), SECRET_MOVE.to_owned());
            }
            return None;
        };
        match source {
            SecretRef::Env(name) if !is_variable_name(&name) => {
                self.secret_problem(
                    "env: is followed by the name of a variable, not by its value",
                    "accepted: letters, digits and _, not starting with a digit".to_owned(),
                );
                None
            }
            SecretRef::Store(key) if !is_store_key(&key) => {
                self.secret_problem(
                    "store: is followed by the name of a secret, not by its value",
                    "accepted: 1 to 128 of letters, digits, - _ . /".to_owned(),
                );
                None
            }
            SecretRef::Exec(command) => {
                // Its arguments should hold no secret, but may.
                self.hide();
                Some(SecretRef::Exec(command))
            }
            SecretRef::File(path) => self.resolve(&path).map(SecretRef::File),
            other => Some(other),
        }
    }

    /// Returns a file; a relative path is resolved against the directory of the configuration file.
    pub(super) fn file(&self) -> Option<PathBuf> {
        self.resolve(Path::new(self.text()?))
    }

    /// Returns a file that is named in a part of this value.
    pub(super) fn file_in(&self, text: &str) -> Option<PathBuf> {
        self.resolve(Path::new(text))
    }

    fn resolve(&self, path: &Path) -> Option<PathBuf> {
        if path.is_absolute() {
            return Some(path.to_owned());
        }
        let resolved = self.source.folder().map(|folder| folder.join(path));
        if resolved.is_none() {
            self.problem(
                "a relative path, but what is kept in the store has no folder",
                "write the path from the root on".to_owned(),
            );
        }
        resolved
    }

    /// Returns the text of a URL, which is hidden if it may hold a secret.
    pub(super) fn url_text(&self) -> Option<&'d str> {
        let text = self.text()?;
        if url::may_hold_a_secret(text) {
            self.hide();
        }
        Some(text)
    }

    /// Returns an `http://` or `https://` URL. One with a user name, a password or a query is not repeated.
    pub(super) fn http_url(&self) -> Option<url::HttpUrl> {
        let text = self.url_text()?;
        match url::parse(text) {
            Ok(parsed) => Some(parsed),
            Err(fault) => {
                self.problem(fault.to_string(), fault.hint().map(str::to_owned));
                None
            }
        }
    }
}

const SECRET_HINT: &str = "accepted: env:NAME, file:PATH, store:KEY, exec:COMMAND";
const SECRET_MOVE: &str = "put it into a file of mode 0600 and write file:PATH, or run: hoopctl secret set KEY, and write store:KEY";

/// Returns whether a text is a valid name of an environment variable (POSIX, section 8.1, and lower case).
pub(super) fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_store_key(key: &str) -> bool {
    key.len() <= 128 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
}
