//! The packets at the beginning of a connection: a request for encryption, a cancel request, or the startup
//! packet. They have a length, but no type.
//!
//! An [`Opener`] is shown what a client sends until it has found the startup packet or a cancel request. It
//! accepts each kind of encryption request once, before encryption, and with nothing after it: bytes that
//! came before the handshake could be somebody else's, and must never be read as if they had come through it.
//! (PostgreSQL 18 manual, 54.2.1, 54.2.8 to 54.2.11 and 54.7; CVE-2021-23214.)

use std::fmt;

use bytes::BufMut;
use bytes::BytesMut;

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::error::WriteError;
use crate::protocol::postgres::wire::read::Reader;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::write::packet;

/// The least length of a packet: the length itself and a code.
const SHORTEST_PACKET: usize = 8;
/// The greatest length of a packet, in bytes.
pub const LONGEST_PACKET: usize = 10_000;
/// The length of a cancel key, in bytes. Version 3.0 has only the shortest.
pub const CANCEL_KEY: std::ops::RangeInclusive<usize> = 4..=256;

const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
/// The first byte of a TLS handshake. As the first byte of a length it would be too large.
const TLS_HANDSHAKE: u8 = 0x16;

/// A protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The major version; 3 in all versions in use.
    pub major: u16,
    /// The minor version; 0 or 2 in all versions in use.
    pub minor: u16,
}

impl Version {
    /// Version 3.0, which every client and server speaks.
    pub const V3_0: Self = Self { major: 3, minor: 0 };
    /// Version 3.2, of PostgreSQL 18: cancel keys may be longer.
    pub const V3_2: Self = Self { major: 3, minor: 2 };

    /// Returns the version for a number on the wire, with the major version in the upper half.
    pub const fn from_number(number: u32) -> Self {
        let [major, more_major, minor, more_minor] = number.to_be_bytes();
        Self {
            major: u16::from_be_bytes([major, more_major]),
            minor: u16::from_be_bytes([minor, more_minor]),
        }
    }

    /// Returns the number on the wire.
    pub const fn number(self) -> u32 {
        let ([major, more_major], [minor, more_minor]) = (self.major.to_be_bytes(), self.minor.to_be_bytes());
        u32::from_be_bytes([major, more_major, minor, more_minor])
    }

    /// Returns the version to speak with a client that asks for this one: 3.0 also for the reserved 3.1, 3.2
    /// for anything newer. `None` for another major version.
    pub const fn spoken(self) -> Option<Self> {
        match (self.major, self.minor) {
            (3, 0 | 1) => Some(Self::V3_0),
            (3, _) => Some(Self::V3_2),
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}.{}", self.major, self.minor)
    }
}

/// A packet at the beginning of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening<'a> {
    /// The client begins TLS without a request. Nothing is taken: the bytes belong to the handshake. The TLS
    /// layer must insist on the ALPN name `postgresql`.
    DirectTls,
    /// An `SSLRequest`, to be answered with `S` and TLS, or with `N`.
    Ssl,
    /// A `GSSENCRequest`, to be answered with `N`.
    Gss,
    /// A `CancelRequest`, never to be answered.
    Cancel(Cancel<'a>),
    /// A `StartupMessage`.
    Startup(StartupPacket<'a>),
}

/// A request to cancel what another connection runs. Its key is a secret, so that `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cancel<'a> {
    /// The process id from `BackendKeyData`.
    pub process: i32,
    /// The key from `BackendKeyData`, 4 to 256 bytes. Compare it in constant time.
    pub key: &'a [u8],
}

impl fmt::Debug for Cancel<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Cancel({})", self.process)
    }
}

/// The startup packet: a version, and parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartupPacket<'a> {
    /// The version that the client asks for, with major version 3.
    pub version: Version,
    parameters: &'a [u8],
}

impl<'a> StartupPacket<'a> {
    fn read(version: Version, mut from: Reader<'a>) -> Result<Self, WireError> {
        let parameters = from.clone().rest();
        while !from.text("name of a parameter")?.is_empty() {
            from.text("value of a parameter")?;
        }
        from.end()?;
        Ok(Self { version, parameters })
    }

    /// Returns the name and value of each parameter in order, including duplicates. No name is empty.
    pub fn parameters(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut texts = self.parameters.split(|&byte| byte == 0);
        std::iter::from_fn(move || {
            let name = texts.next().filter(|name| !name.is_empty())?;
            Some((name, texts.next()?))
        })
    }
}

/// Why a connection cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// The length is not that of a packet: not a client of PostgreSQL.
    #[error("the length of the first packet is {found}, but must be 8 to 10000")]
    Length {
        /// The length as sent.
        found: u32,
    },
    /// The cancel request does not have the length of one with a key.
    #[error("a cancel request of {found} bytes, but it must have 16 to 268")]
    CancelLength {
        /// The length as sent.
        found: usize,
    },
    /// The encryption request is longer than its code.
    #[error("a request for encryption of {found} bytes, but it must have 8")]
    RequestLength {
        /// The length as sent.
        found: usize,
    },
    /// The major version is not 3.
    #[error("protocol {0} is not spoken here, only 3.0 to 3.2")]
    Version(Version),
    /// The same encryption was requested twice.
    #[error("the client asked twice for the same encryption")]
    Twice,
    /// Encryption was requested within encryption.
    #[error("the client asked for encryption on an encrypted connection")]
    Encrypted,
    /// Bytes follow an encryption request before its answer.
    #[error("the client sent {bytes} bytes before its request for encryption was answered")]
    Early {
        /// The number of these bytes.
        bytes: usize,
    },
    /// The startup packet does not consist of pairs of names and values.
    #[error(transparent)]
    Parameters(WireError),
}

impl OpeningError {
    /// Returns the SQLSTATE for a FATAL error to the client; `None` if the connection is closed silently,
    /// since the peer speaks another protocol or sent a cancel request, which is never answered.
    pub const fn sqlstate(&self) -> Option<SqlState> {
        match self {
            Self::Length { .. } | Self::CancelLength { .. } => None,
            Self::Version(_) => Some(SqlState::FEATURE_NOT_SUPPORTED),
            Self::RequestLength { .. } | Self::Twice | Self::Encrypted | Self::Early { .. } => {
                Some(SqlState::PROTOCOL_VIOLATION)
            }
            Self::Parameters(error) => Some(error.sqlstate()),
        }
    }
}

/// Follows the beginning of one connection. At most 10,000 bytes must be held for it.
#[derive(Debug, Clone, Default)]
pub struct Opener {
    encrypted: bool,
    ssl: bool,
    gss: bool,
}

impl Opener {
    /// Creates an opener for a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that the connection is encrypted: what is shown from now on has come through TLS.
    pub fn encrypted(&mut self) {
        self.encrypted = true;
    }

    /// Looks at `input`, the bytes of the client that were not taken yet. Returns the packet at its front,
    /// and the number of bytes that the caller must take before it looks again; `None` if the packet is
    /// incomplete.
    ///
    /// # Errors
    /// It is no such packet, or may not come now. The connection ends.
    pub fn look<'a>(&mut self, input: &'a [u8]) -> Result<Option<(Opening<'a>, usize)>, OpeningError> {
        if input.first() == Some(&TLS_HANDSHAKE) && !self.encrypted && !self.ssl && !self.gss {
            return Ok(Some((Opening::DirectTls, 0)));
        }
        let Some((length, _)) = input.split_first_chunk() else {
            return Ok(None);
        };
        let found = u32::from_be_bytes(*length);
        let length = usize::try_from(found).unwrap_or(usize::MAX);
        if !(SHORTEST_PACKET..=LONGEST_PACKET).contains(&length) {
            return Err(OpeningError::Length { found });
        }
        let Some((whole, behind)) = input.split_at_checked(length) else {
            return Ok(None);
        };
        let mut from = Reader::new("StartupMessage", whole.get(4..).unwrap_or_default());
        let code = from.oid("code").map_err(OpeningError::Parameters)?;
        let opening = match code {
            CANCEL => read_cancel(from).ok_or(OpeningError::CancelLength { found: length })?,
            SSL => self.encryption(Opening::Ssl, &from, length, behind.len())?,
            GSS => self.encryption(Opening::Gss, &from, length, behind.len())?,
            number => {
                let version = Version::from_number(number);
                version.spoken().ok_or(OpeningError::Version(version))?;
                Opening::Startup(StartupPacket::read(version, from).map_err(OpeningError::Parameters)?)
            }
        };
        Ok(Some((opening, length)))
    }

    fn encryption<'a>(
        &mut self,
        asked: Opening<'a>,
        from: &Reader<'_>,
        length: usize,
        behind: usize,
    ) -> Result<Opening<'a>, OpeningError> {
        if !from.is_done() {
            return Err(OpeningError::RequestLength { found: length });
        }
        if self.encrypted {
            return Err(OpeningError::Encrypted);
        }
        let before = if asked == Opening::Ssl { &mut self.ssl } else { &mut self.gss };
        if std::mem::replace(before, true) {
            return Err(OpeningError::Twice);
        }
        match behind {
            0 => Ok(asked),
            bytes => Err(OpeningError::Early { bytes }),
        }
    }
}

fn read_cancel(mut from: Reader<'_>) -> Option<Opening<'_>> {
    let process = from.int32("process").ok()?;
    let key = from.rest();
    CANCEL_KEY.contains(&key.len()).then_some(Opening::Cancel(Cancel { process, key }))
}

/// Appends an `SSLRequest`.
pub fn write_ssl_request(out: &mut BytesMut) {
    out.put_u32(8);
    out.put_u32(SSL);
}

/// Appends a `CancelRequest` with the process id and key from a `BackendKeyData`.
///
/// # Errors
/// The key does not have 4 to 256 bytes.
pub fn write_cancel_request(out: &mut BytesMut, process: i32, key: &[u8]) -> Result<(), WriteError> {
    if !CANCEL_KEY.contains(&key.len()) {
        return Err(WriteError::Key { found: key.len(), wanted: "4 to 256" });
    }
    packet(out, "CancelRequest", |body| {
        body.uint32(CANCEL);
        body.int32(process);
        body.bytes(key);
        Ok(())
    })
}

/// Appends a `StartupMessage` with these parameters.
///
/// # Errors
/// A name is empty, a name or value contains a NUL, or there are more than 10,000 bytes.
pub fn write_startup<'a>(
    out: &mut BytesMut,
    version: Version,
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), WriteError> {
    packet(out, "StartupMessage", |body| {
        body.uint32(version.number());
        for (name, value) in parameters {
            body.listed("name of a parameter", name.as_bytes())?;
            body.text("value of a parameter", value.as_bytes())?;
        }
        body.byte(0);
        Ok(())
    })
}
