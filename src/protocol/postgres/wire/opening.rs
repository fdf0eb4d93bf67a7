//! The packets a connection begins with: encryption asked for, a cancel, or the startup. They have a length,
//! but no type.
//!
//! An [`Opener`] is shown what a client sent until it has found the startup packet or a cancel. Of each
//! request for encryption it takes one, before encryption, and nothing behind it: bytes that came before the
//! handshake could be another's and must never be read as if they had come through it. (PostgreSQL 18 manual,
//! 54.2.1, 54.2.8 to 54.2.11 and 54.7; CVE-2021-23214.)

use std::fmt;

use bytes::BufMut;
use bytes::BytesMut;

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::error::WriteError;
use crate::protocol::postgres::wire::read::Reader;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::write::packet;

/// The least that the length of a packet may say: itself and a code.
const SHORTEST_PACKET: usize = 8;
/// The most that the length of a packet may say, in bytes.
pub const LONGEST_PACKET: usize = 10_000;
/// The shortest and longest key of cancellation, in bytes. Version 3.0 has only the shortest.
pub const CANCEL_KEY: std::ops::RangeInclusive<usize> = 4..=256;

const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
/// The first byte of a TLS handshake. As the first byte of a length it would be too long.
const TLS_HANDSHAKE: u8 = 0x16;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 3 in all that is in use.
    pub major: u16,
    /// 0 or 2 in all that is in use.
    pub minor: u16,
}

impl Version {
    /// Version 3.0, which every client and server speaks.
    pub const V3_0: Self = Self { major: 3, minor: 0 };
    /// Version 3.2, of PostgreSQL 18: keys of cancellation may be longer.
    pub const V3_2: Self = Self { major: 3, minor: 2 };

    /// The version of this number: the major one in the upper half.
    pub const fn from_number(number: u32) -> Self {
        let [major, more_major, minor, more_minor] = number.to_be_bytes();
        Self {
            major: u16::from_be_bytes([major, more_major]),
            minor: u16::from_be_bytes([minor, more_minor]),
        }
    }

    /// As the number that is sent.
    pub const fn number(self) -> u32 {
        let ([major, more_major], [minor, more_minor]) = (self.major.to_be_bytes(), self.minor.to_be_bytes());
        u32::from_be_bytes([major, more_major, minor, more_minor])
    }

    /// What is spoken with a client that asks for this: 3.0 for the reserved 3.1 too, 3.2 for all that is
    /// newer; `None` for another major version.
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

/// The first packets of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening<'a> {
    /// The client begins TLS with no request before it. Nothing is taken: the bytes are the handshake's. The
    /// TLS layer must insist on the ALPN name `postgresql`.
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

/// Asks to cancel what another connection runs. The key is not shown: it is a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cancel<'a> {
    /// The process id of `BackendKeyData`.
    pub process: i32,
    /// The key of `BackendKeyData`, 4 to 256 bytes. To be compared in constant time.
    pub key: &'a [u8],
}

impl fmt::Debug for Cancel<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Cancel({})", self.process)
    }
}

/// The startup packet: a version, and names with values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartupPacket<'a> {
    /// The version the client asks for. Its major version is 3.
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

    /// Name and value of each parameter in the order they were sent, duplicates too. No name is empty.
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
    /// No length of a packet: not a client of PostgreSQL.
    #[error("the length of the first packet is {found}, but must be 8 to 10000")]
    Length {
        /// The length as it was sent.
        found: u32,
    },
    /// A cancel of another length than one with a key.
    #[error("a cancel request of {found} bytes, but it must have 16 to 268")]
    CancelLength {
        /// The length as it was sent.
        found: usize,
    },
    /// A request for encryption that is longer than its code.
    #[error("a request for encryption of {found} bytes, but it must have 8")]
    RequestLength {
        /// The length as it was sent.
        found: usize,
    },
    /// A major version other than 3.
    #[error("protocol {0} is not spoken here, only 3.0 to 3.2")]
    Version(Version),
    /// The same request for encryption again.
    #[error("the client asked twice for the same encryption")]
    Twice,
    /// A request for encryption inside of it.
    #[error("the client asked for encryption on an encrypted connection")]
    Encrypted,
    /// Bytes behind a request for encryption, before its answer.
    #[error("the client sent {bytes} bytes before its request for encryption was answered")]
    Early {
        /// How many.
        bytes: usize,
    },
    /// A startup packet that is not pairs of names and values.
    #[error(transparent)]
    Parameters(WireError),
}

impl OpeningError {
    /// What the client's program is told, in a FATAL error; `None` where the connection is closed without a
    /// word, since the peer speaks another protocol or sent a cancel, which is never answered.
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
    /// An opener for a connection that has just been made.
    pub fn new() -> Self {
        Self::default()
    }

    /// The connection is encrypted: what is shown from now on has come through TLS.
    pub fn encrypted(&mut self) {
        self.encrypted = true;
    }

    /// Looks at `input`, what the client has sent and was not taken yet. Gives the packet at its front, and
    /// how many bytes of it the caller must take before the next look; `None` where the packet is not whole
    /// yet.
    ///
    /// # Errors
    /// What is no such packet, or may not come now. The connection ends.
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

/// Appends a `CancelRequest` with the process and key of a `BackendKeyData`.
///
/// # Errors
/// A key that does not have 4 to 256 bytes.
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

/// Appends a `StartupMessage` with names and values.
///
/// # Errors
/// An empty name, a NUL in a name or value, more than 10,000 bytes in all.
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
