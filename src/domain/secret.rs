//! Protected values: they cannot be printed, and are wiped when dropped.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use zeroize::Zeroizing;

/// The bytes of a secret. No `Display`, no `Serialize`, no `Clone`; [`Secret::expose`] is easy to search for.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Returns the bytes themselves. Only called by code that sends or seals them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The minimum length of a credential, in bytes: a shorter one could not be distinguished from other text
/// when a target echoes it.
pub const SHORTEST_CREDENTIAL: usize = 4;

/// The source of a secret. Configuration names the source, never the value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// `env:NAME`: an environment variable of the gateway.
    Env(String),
    /// `exec:COMMAND`: the standard output of a program, split at white space, run without a shell.
    Exec(String),
    /// `file:PATH`: a file of mode 0600 or stricter, read again when it changes.
    File(PathBuf),
    /// `store:KEY`: sealed in the gateway's own store.
    Store(String),
}

/// Text that is not the source of a secret. The error does not repeat the text, which may be the secret
/// itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret is named by its source, one of env:NAME, file:PATH, store:KEY, exec:COMMAND, never written out"
)]
pub struct InvalidSecretRef;

impl FromStr for SecretRef {
    type Err = InvalidSecretRef;

    fn from_str(text: &str) -> Result<Self, InvalidSecretRef> {
        let (scheme, rest) = text.split_once(':').ok_or(InvalidSecretRef)?;
        if rest.trim().is_empty() {
            return Err(InvalidSecretRef);
        }
        Ok(match scheme {
            "env" => Self::Env(rest.to_owned()),
            "exec" => Self::Exec(rest.to_owned()),
            "file" => Self::File(PathBuf::from(rest)),
            "store" => Self::Store(rest.to_owned()),
            _ => return Err(InvalidSecretRef),
        })
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Exec(command) => write!(f, "exec:{command}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Store(key) => write!(f, "store:{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_refused_and_not_repeated() {
        let error = "hunter2".parse::<SecretRef>().unwrap_err().to_string();
        assert!(!error.contains("hunter2"));
        for text in ["", "env:", "vault:x", "literal:hunter2"] {
            assert!(text.parse::<SecretRef>().is_err(), "{text}");
        }
        assert_eq!("env:A".parse::<SecretRef>().map(|source| source.to_string()).as_deref(), Ok("env:A"));
        assert_eq!(format!("{:?}", Secret::new(b"hunter2".to_vec())), "Secret(..)");
    }
}
