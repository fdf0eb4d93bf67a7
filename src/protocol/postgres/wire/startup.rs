//! The parameters of a startup packet: each one is known and checked, or the session does not begin.
//!
//! A parameter changes the target's session before any statement is judged, so only listed ones are allowed
//! (see [`Setting`]). `options` is read as the server would read it and checked against the same list; its
//! settings are passed on as plain parameters. (PostgreSQL 18 manual, 54.7, `StartupMessage`.)

mod options;
mod setting;

pub use setting::Setting;

use crate::protocol::postgres::wire::opening::StartupPacket;
use crate::protocol::postgres::wire::opening::Version;
use crate::protocol::postgres::wire::sqlstate::SqlState;

/// The most characters of a client's text that an error shows.
const SHOWN: usize = 64;
/// The prefix of protocol options.
const PROTOCOL_OPTION: &str = "_pq_.";

/// Why a session does not begin. All of these are FATAL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartupError {
    /// The major version is not 3.
    #[error("protocol {0} is not spoken here, only 3.0 to 3.2")]
    Version(Version),
    /// A name or value is not UTF-8.
    #[error("the startup parameter {name:?} is not UTF-8")]
    NotUtf8 {
        /// The name, with replacements where it is not UTF-8.
        name: String,
    },
    /// There is no user, or an empty one.
    #[error("no user name in the startup packet")]
    NoUser,
    /// A parameter occurs twice: which one counts would be anyone's guess.
    #[error("the startup parameter {name:?} is there twice")]
    Duplicate {
        /// Its name.
        name: String,
    },
    /// A parameter is not on the list.
    #[error("the startup parameter {name:?} is not allowed by this gateway; allowed are {}", Setting::NAMES)]
    NotAllowed {
        /// Its name.
        name: String,
    },
    /// A parameter has a value that it may not have.
    #[error("the startup parameter {name} is {found:?}, but must be {wanted}")]
    Value {
        /// Its name.
        name: &'static str,
        /// The value.
        found: String,
        /// The allowed values.
        wanted: &'static str,
    },
    /// The client asks for replication: what follows would not be SQL.
    #[error("replication connections are not allowed by this gateway")]
    Replication,
    /// `options` contains a switch other than -c and --.
    #[error(
        "the switch {switch:?} in the startup parameter options is not allowed by this gateway, only -c NAME=VALUE and --NAME=VALUE"
    )]
    Switch {
        /// The switch.
        switch: String,
    },
    /// A switch in `options` has no name and value.
    #[error("the switch {switch:?} in the startup parameter options has no NAME=VALUE")]
    NoValue {
        /// The switch.
        switch: String,
    },
    /// `options` ends with a backslash, which should escape a character.
    #[error("the startup parameter options ends with a backslash")]
    Backslash,
}

impl StartupError {
    /// Returns the SQLSTATE for the client.
    pub const fn sqlstate(&self) -> SqlState {
        match self {
            Self::NotUtf8 { .. } => SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            Self::NoUser => SqlState::INVALID_AUTHORIZATION,
            Self::Duplicate { .. } => SqlState::PROTOCOL_VIOLATION,
            Self::Value { .. } => SqlState::INVALID_PARAMETER_VALUE,
            Self::Version(_) | Self::NotAllowed { .. } | Self::Replication => SqlState::FEATURE_NOT_SUPPORTED,
            Self::Switch { .. } | Self::NoValue { .. } | Self::Backslash => SqlState::SYNTAX_ERROR,
        }
    }
}

/// Returns the beginning of a client's text, for an error.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// The checked parameters of a startup packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// The version that the client asks for.
    pub asked: Version,
    /// The version that is spoken with it.
    pub spoken: Version,
    /// The user that the client names, not empty. It is a claim, and nothing more.
    pub user: String,
    /// The database that it asks for; the user's name if it names none, as in PostgreSQL.
    pub database: String,
    /// The settings that it chooses, each once, in order. `client_encoding` is always among them, and is
    /// `UTF8`.
    pub settings: Vec<(Setting, String)>,
    /// The protocol options that it asks for, none of which is known here, with their `_pq_.`.
    pub unknown_options: Vec<String>,
}

impl Startup {
    /// Checks the parameters of a startup packet.
    ///
    /// # Errors
    /// A parameter is not allowed, not UTF-8, there twice or has a wrong value, or there is no user.
    pub fn read(packet: &StartupPacket<'_>) -> Result<Self, StartupError> {
        let spoken = packet.version.spoken().ok_or(StartupError::Version(packet.version))?;
        let mut reading = Reading::default();
        for (name, value) in packet.parameters() {
            match (std::str::from_utf8(name), std::str::from_utf8(value)) {
                (Ok(name), Ok(value)) => reading.parameter(name, value)?,
                _ => {
                    return Err(StartupError::NotUtf8 { name: shown(&String::from_utf8_lossy(name)) });
                }
            }
        }
        let user = reading.user.filter(|user| !user.is_empty()).ok_or(StartupError::NoUser)?;
        let database = reading.database.filter(|name| !name.is_empty()).unwrap_or_else(|| user.clone());
        let mut settings = reading.settings;
        if !settings.iter().any(|(setting, _)| *setting == Setting::ClientEncoding) {
            settings.push((Setting::ClientEncoding, setting::UTF8.to_owned()));
        }
        let unknown_options = reading.unknown_options;
        Ok(Self { asked: packet.version, spoken, user, database, settings, unknown_options })
    }

    /// Returns the value of a setting; `None` if the client leaves it to the server.
    pub fn setting(&self, wanted: Setting) -> Option<&str> {
        self.settings.iter().find(|(setting, _)| *setting == wanted).map(|(_, value)| value.as_str())
    }

    /// Returns the version for a `NegotiateProtocolVersion`, which also lists [`Startup::unknown_options`];
    /// `None` if none has to be sent.
    pub fn negotiation(&self) -> Option<Version> {
        // The reserved 3.1 is 3.0 by another name, and libpq accepts no message about it.
        let newer = self.asked > Version::V3_2;
        (newer || !self.unknown_options.is_empty()).then_some(self.spoken)
    }

    /// Returns the names and values of the settings for a startup packet to the target.
    pub fn forwarded(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.settings.iter().map(|(setting, value)| (setting.name(), value.as_str()))
    }
}

#[derive(Default)]
struct Reading {
    user: Option<String>,
    database: Option<String>,
    options: bool,
    replication: bool,
    settings: Vec<(Setting, String)>,
    unknown_options: Vec<String>,
}

impl Reading {
    fn parameter(&mut self, name: &str, value: &str) -> Result<(), StartupError> {
        // The server itself reads these four, in lower case only.
        let twice = match name {
            "user" => self.user.replace(value.to_owned()).is_some(),
            "database" => self.database.replace(value.to_owned()).is_some(),
            "options" => {
                let twice = std::mem::replace(&mut self.options, true);
                if !twice {
                    options::read(value, |name, value| self.set(name, value))?;
                }
                twice
            }
            "replication" => {
                if !["false", "off", "no", "0"].iter().any(|word| value.eq_ignore_ascii_case(word)) {
                    return Err(StartupError::Replication);
                }
                std::mem::replace(&mut self.replication, true)
            }
            _ if name.starts_with(PROTOCOL_OPTION) => {
                let twice = self.unknown_options.iter().any(|option| option == name);
                self.unknown_options.push(name.to_owned());
                twice
            }
            _ => return self.set(name, value),
        };
        if twice { Err(StartupError::Duplicate { name: shown(name) }) } else { Ok(()) }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), StartupError> {
        let setting = Setting::of(name).ok_or_else(|| StartupError::NotAllowed { name: shown(name) })?;
        if self.settings.iter().any(|(before, _)| *before == setting) {
            return Err(StartupError::Duplicate { name: setting.name().to_owned() });
        }
        let value = setting.check(value)?;
        self.settings.push((setting, value));
        Ok(())
    }
}
