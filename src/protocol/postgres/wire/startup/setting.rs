//! The settings that a client may choose in its startup packet, and their values.

use super::StartupError;
use super::shown;
use crate::domain::sql::is_space;

/// The only encoding that is accepted: what is judged is UTF-8.
pub(super) const UTF8: &str = "UTF8";

/// A setting on the list. None of them changes what a statement does, except for `search_path`, about which
/// the policies are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// The client's own name, a claim.
    ApplicationName,
    /// The encoding of all text: `UTF8`, however it is spelled.
    ClientEncoding,
    /// The format of dates, read and written.
    DateStyle,
    /// The number of digits with which a float is written, -15 to 3.
    ExtraFloatDigits,
    /// The format in which intervals are written.
    IntervalStyle,
    /// The schemas in which names without a schema are looked up.
    SearchPath,
    /// The time zone.
    TimeZone,
}

impl Setting {
    /// All settings.
    pub const ALL: [Self; 7] = [
        Self::ApplicationName,
        Self::ClientEncoding,
        Self::DateStyle,
        Self::ExtraFloatDigits,
        Self::IntervalStyle,
        Self::SearchPath,
        Self::TimeZone,
    ];
    /// The parameters that a client may send, for an error.
    pub(super) const NAMES: &str = "user, database, options, application_name, client_encoding, DateStyle, extra_float_digits, \
        IntervalStyle, search_path and TimeZone";

    /// Returns its name, as the server spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApplicationName => "application_name",
            Self::ClientEncoding => "client_encoding",
            Self::DateStyle => "DateStyle",
            Self::ExtraFloatDigits => "extra_float_digits",
            Self::IntervalStyle => "IntervalStyle",
            Self::SearchPath => "search_path",
            Self::TimeZone => "TimeZone",
        }
    }

    /// Returns the setting with this name, ignoring case like the server.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name().eq_ignore_ascii_case(name))
    }

    /// Checks a value, and returns the value to pass on.
    pub(super) fn check(self, value: &str) -> Result<String, StartupError> {
        let bad = |wanted| StartupError::Value { name: self.name(), found: shown(value), wanted };
        match self {
            Self::ClientEncoding if is_utf8(value) => Ok(UTF8.to_owned()),
            Self::ClientEncoding => Err(bad("UTF8, the only encoding of this gateway")),
            Self::ExtraFloatDigits => match value.parse::<i8>() {
                Ok(-15..=3) => Ok(value.to_owned()),
                _ => Err(bad("a number from -15 to 3")),
            },
            Self::SearchPath => {
                quoted_schemas(value).ok_or_else(|| bad("a list of schemas, with commas between them"))
            }
            Self::ApplicationName | Self::DateStyle | Self::IntervalStyle | Self::TimeZone => {
                Ok(value.to_owned())
            }
        }
    }
}

/// Returns the schemas of a search path, each in quotes, read like the server reads the list; `None` if the
/// server would refuse it, or a schema has no name.
///
/// The server reads this value by its own rules, not by those of SQL: `public--,evil` are two schemas. In
/// quotes each name is the same by both, so that the server takes exactly what is judged as SQL. `""` is a
/// schema that nobody can create, and is how PostgreSQL writes an empty path: it is left out, since SQL has
/// no such name.
fn quoted_schemas(value: &str) -> Option<String> {
    let mut rest = value.trim_start_matches(is_space);
    let mut list = Vec::new();
    if rest.is_empty() {
        return Some(String::new());
    }
    loop {
        let name = if let Some(quoted) = rest.strip_prefix('"') {
            let (name, behind) = unquoted(quoted)?;
            rest = behind;
            Some(name).filter(|name| !name.is_empty())
        } else {
            let end = rest.find(|letter| letter == ',' || is_space(letter)).unwrap_or(rest.len());
            let (name, behind) = rest.split_at_checked(end)?;
            rest = behind;
            if name.is_empty() {
                return None;
            }
            Some(name.to_ascii_lowercase())
        };
        list.extend(name.map(|name| format!("\"{}\"", name.replace('"', "\"\""))));
        rest = rest.trim_start_matches(is_space);
        if rest.is_empty() {
            return Some(list.join(", "));
        }
        rest = rest.strip_prefix(',')?.trim_start_matches(is_space);
    }
}

/// Returns a name up to its closing quote, and the rest after it; two quotes stand for one.
fn unquoted(quoted: &str) -> Option<(String, &str)> {
    let (mut name, mut rest) = (String::new(), quoted);
    loop {
        let (part, behind) = rest.split_once('"')?;
        name.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, behind)),
        }
    }
}

/// Returns whether the server would take this for UTF-8: it looks at letters and digits only, and `unicode`
/// is an old name for it. asyncpg sends `'utf-8'`, with the quotes.
fn is_utf8(value: &str) -> bool {
    let plain: String =
        value.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    value.is_ascii() && (plain == "utf8" || plain == "unicode")
}
