//! Locks: immediate revocation of access.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::connection::ConnectionName;
use crate::domain::id::LockId;

/// The target of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LockTarget {
    /// All tokens that a client (application) requested, by the issuer's client id.
    Client(String),
    /// All uses of a connection.
    Connection(ConnectionName),
    /// Everybody.
    Everybody,
    /// All tokens of an issuer, by the name of its `[[oidc]]` entry.
    Issuer(String),
    /// All tokens of a principal, by its id.
    Principal(String),
    /// One token, by its `jti` or `uti`, or by the hexadecimal SHA-256 of the whole token.
    Token(String),
}

/// Text that is not the target of a lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not one of token:ID, principal:ID, client:ID, issuer:NAME, connection:NAME, everybody")]
pub struct InvalidLockTarget {
    /// The text, cut at 80 characters.
    pub found: String,
}

impl FromStr for LockTarget {
    type Err = InvalidLockTarget;

    fn from_str(text: &str) -> Result<Self, InvalidLockTarget> {
        let invalid = || InvalidLockTarget { found: text.chars().take(80).collect() };
        if text == "everybody" {
            return Ok(Self::Everybody);
        }
        let (kind, value) =
            text.split_once(':').filter(|(_, value)| !value.is_empty()).ok_or_else(invalid)?;
        Ok(match kind {
            "client" => Self::Client(value.to_owned()),
            "connection" => Self::Connection(value.parse().map_err(|_name| invalid())?),
            "issuer" => Self::Issuer(value.to_owned()),
            "principal" => Self::Principal(value.to_owned()),
            "token" => Self::Token(value.to_owned()),
            _ => return Err(invalid()),
        })
    }
}

impl fmt::Display for LockTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(id) => write!(f, "client:{id}"),
            Self::Connection(name) => write!(f, "connection:{name}"),
            Self::Everybody => f.write_str("everybody"),
            Self::Issuer(name) => write!(f, "issuer:{name}"),
            Self::Principal(id) => write!(f, "principal:{id}"),
            Self::Token(id) => write!(f, "token:{id}"),
        }
    }
}

impl Serialize for LockTarget {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LockTarget {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Its id.
    pub id: LockId,
    /// Its target.
    pub target: LockTarget,
    /// The reason; shown to operators, never to clients.
    pub reason: String,
    /// Who set it.
    pub actor: String,
    /// When it was set, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it expires, in milliseconds since 1970; `None`: it stays until it is removed.
    pub expires_ms: Option<i64>,
}
