//! What the target sends between `AuthenticationOk` and the first `ReadyForQuery`, and the result of a login.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::protocol::postgres::login::LoginError;
use crate::protocol::postgres::login::MIN_ITERATIONS;
use crate::protocol::postgres::login::body::Body;

/// The longest cancel key, under protocol 3.2 (manual, "Message Formats", `BackendKeyData`).
pub(super) const MAX_KEY: usize = 256;

/// A protocol version. 3.1 was never used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 3.0, which every server speaks.
    V3_0,
    /// 3.2, since PostgreSQL 18: cancel keys are longer.
    V3_2,
}

impl Version {
    /// Reads the number on the wire, with the major version in the upper half.
    pub(super) fn read(number: u32) -> Option<Self> {
        match number {
            0x0003_0000 => Some(Self::V3_0),
            0x0003_0002 => Some(Self::V3_2),
            _ => None,
        }
    }
}

/// How target and gateway authenticated each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The gateway proved by its TLS certificate that it has the key. The target proved only its certificate.
    Certificate,
    /// The gateway sent its password in clear, inside TLS. The target proved only its certificate.
    Cleartext,
    /// The gateway proved by MD5 that it knows the password. The target proved nothing.
    Md5,
    /// Both proved that they know the password.
    Scram {
        /// Whether the proofs are bound to the TLS channel.
        bound: bool,
        /// The number of iterations that the target asked for.
        iterations: u32,
    },
    /// The target asked for nothing.
    Trust,
}

impl Proof {
    /// Returns the number of iterations if it is lower than RFC 7677 wants ([`MIN_ITERATIONS`]), which calls
    /// for a warning.
    pub fn weak_iterations(self) -> Option<u32> {
        match self {
            Self::Scram { iterations, .. } if iterations < MIN_ITERATIONS => Some(iterations),
            Self::Certificate | Self::Cleartext | Self::Md5 | Self::Scram { .. } | Self::Trust => None,
        }
    }
}

/// The transaction status of a `ReadyForQuery`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// `E`: in a failed transaction.
    Failed,
    /// `I`: in no transaction.
    Idle,
    /// `T`: in a transaction.
    Open,
}

/// The key for a `CancelRequest` to the target. Whoever has it can cancel statements: it is wiped, and
/// `Debug` does not show it.
pub struct CancelKey {
    /// The process id at the target.
    pub process: u32,
    /// The key: 4 bytes under protocol 3.0, 4 to 256 under 3.2.
    pub key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for CancelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CancelKey(..)")
    }
}

/// A session at the target, ready for its first command.
#[derive(Debug)]
pub struct Ready {
    /// The settings that the target has reported: the last value of each, by name. `client_encoding` is
    /// `UTF8`.
    pub parameters: BTreeMap<String, String>,
    /// The key for cancel requests; `None` if the target gives none (RDS Proxy): nothing can be cancelled
    /// there.
    pub cancel: Option<CancelKey>,
    /// The transaction status. For a new session it is [`TransactionStatus::Idle`]; a pooler may hand over
    /// another.
    pub status: TransactionStatus,
    /// How the login was authenticated.
    pub proof: Proof,
    /// The protocol version: the one requested, or the older one that the target negotiated.
    pub version: Version,
    /// The number of notices that came; they were not read.
    pub notices: usize,
}

impl Ready {
    /// Returns whether a backslash in an ordinary string is an ordinary character
    /// (`standard_conforming_strings`), which a parser must know. `None` if the target does not report it.
    pub fn standard_conforming_strings(&self) -> Option<bool> {
        match self.parameters.get("standard_conforming_strings")?.as_str() {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        }
    }
}

/// What the target has sent since `AuthenticationOk`.
pub(super) struct Greeting {
    proof: Proof,
    parameters: BTreeMap<String, String>,
    cancel: Option<CancelKey>,
}

impl Greeting {
    pub(super) fn new(proof: Proof) -> Self {
        Self { proof, parameters: BTreeMap::new(), cancel: None }
    }

    /// Takes a `ParameterStatus`: a name and its value. The last value of a name counts.
    pub(super) fn parameter(&mut self, body: &[u8]) -> Result<(), LoginError> {
        let read = || {
            let mut body = Body(body);
            let (name, value) = (body.string()?, body.string()?);
            body.end()?;
            Some((String::from_utf8(name.to_vec()).ok()?, String::from_utf8(value.to_vec()).ok()?))
        };
        let (name, value) = read().ok_or(LoginError::Malformed { kind: b'S' })?;
        self.parameters.insert(name, value);
        Ok(())
    }

    /// Takes the `BackendKeyData`: a process id and a key, once.
    pub(super) fn key(&mut self, body: &[u8], version: Version) -> Result<(), LoginError> {
        if self.cancel.is_some() {
            return Err(LoginError::Order { kind: b'K' });
        }
        let mut body = Body(body);
        let process = body.int32().ok_or(LoginError::Malformed { kind: b'K' })?;
        let fits = match version {
            Version::V3_0 => body.0.len() == 4,
            Version::V3_2 => (4..=MAX_KEY).contains(&body.0.len()),
        };
        if !fits {
            return Err(LoginError::Malformed { kind: b'K' });
        }
        self.cancel = Some(CancelKey { process, key: Zeroizing::new(body.0.to_vec()) });
        Ok(())
    }

    /// Takes the `ReadyForQuery`, which ends the login.
    pub(super) fn ready(self, body: &[u8], version: Version, notices: usize) -> Result<Ready, LoginError> {
        let status = match body {
            b"E" => TransactionStatus::Failed,
            b"I" => TransactionStatus::Idle,
            b"T" => TransactionStatus::Open,
            _ => return Err(LoginError::Malformed { kind: b'Z' }),
        };
        if self.parameters.get("client_encoding").is_none_or(|encoding| encoding != "UTF8") {
            return Err(LoginError::ClientEncoding);
        }
        let Self { proof, parameters, cancel } = self;
        Ok(Ready { parameters, cancel, status, proof, version, notices })
    }
}
