//! The settings a client may choose when it starts, and their values.

use super::StartupError;
use super::shown;

/// The one encoding that is spoken: what is judged is UTF-8.
pub(super) const UTF8: &str = "UTF8";

/// A setting on the list. None of them changes what a statement may do, but for `search_path`, which the session's policy knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// What the client calls itself. A claim.
    ApplicationName,
    /// The encoding of all texts: `UTF8`, however it is spelled.
    ClientEncoding,
    /// How dates are written.
    DateStyle,
    /// How many digits of a float are written, -15 to 3.
    ExtraFloatDigits,
    /// How intervals are written.
    IntervalStyle,
    /// Where names without a schema are looked up.
    SearchPath,
    /// The time zone.
    TimeZone,
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ApplicationName,
        Self::ClientEncoding,
        Self::DateStyle,
        Self::ExtraFloatDigits,
        Self::IntervalStyle,
        Self::SearchPath,
        Self::TimeZone,
    ];
    /// What a client may send, in words.
    pub(super) const NAMES: &str = "user, database, options, application_name, client_encoding, DateStyle, extra_float_digits, \
        IntervalStyle, search_path and TimeZone";

    /// Its name, as the server spells it.
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

    /// The setting of this name, in upper or lower case, as the server has it.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name().eq_ignore_ascii_case(name))
    }

    /// The value to pass on for this one.
    pub(super) fn check(self, value: &str) -> Result<String, StartupError> {
        let bad = |wanted| StartupError::Value { name: self.name(), found: shown(value), wanted };
        match self {
            Self::ClientEncoding if is_utf8(value) => Ok(UTF8.to_owned()),
            Self::ClientEncoding => Err(bad("UTF8, the only encoding of this gateway")),
            Self::ExtraFloatDigits => match value.parse::<i8>() {
                Ok(-15..=3) => Ok(value.to_owned()),
                _ => Err(bad("a number from -15 to 3")),
            },
            Self::ApplicationName
            | Self::DateStyle
            | Self::IntervalStyle
            | Self::SearchPath
            | Self::TimeZone => Ok(value.to_owned()),
        }
    }
}

/// Whether the server would take this for UTF-8: it looks at letters and digits only, and `unicode` is an old name of it.
/// asyncpg sends `'utf-8'`, with the quotes.
fn is_utf8(value: &str) -> bool {
    let plain: String =
        value.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    value.is_ascii() && (plain == "utf8" || plain == "unicode")
}
