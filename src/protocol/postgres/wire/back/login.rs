//! A server's messages while a client logs in.

use std::fmt;

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::opening::CANCEL_KEY;
use crate::protocol::postgres::wire::opening::Version;
use crate::protocol::postgres::wire::read::Reader;

/// What a server asks for, or that it is satisfied (PostgreSQL 18 manual, 54.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// The client is logged in.
    Ok,
    /// The password in clear.
    CleartextPassword,
    /// An MD5 digest of the password, with this salt.
    Md5Password([u8; 4]),
    /// Kerberos V5, which no server in use asks for.
    KerberosV5,
    /// GSSAPI.
    Gss,
    /// A further step of GSSAPI or SSPI.
    GssContinue(&'a [u8]),
    /// SSPI.
    Sspi,
    /// SASL with one of these mechanisms.
    Sasl(Mechanisms<'a>),
    /// A further step of SASL: a challenge.
    SaslContinue(&'a [u8]),
    /// The end of SASL, with the server's proof.
    SaslFinal(&'a [u8]),
}

impl<'a> Authentication<'a> {
    /// Reads the body of an `Authentication…`.
    ///
    /// # Errors
    /// The body is not exactly one of these messages.
    pub fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new("Authentication", body);
        let code = from.int32("code")?;
        let read = match code {
            0 => Self::Ok,
            2 => Self::KerberosV5,
            3 => Self::CleartextPassword,
            5 => Self::Md5Password(from.oid("salt")?.to_be_bytes()),
            7 => Self::Gss,
            8 => Self::GssContinue(from.rest()),
            9 => Self::Sspi,
            10 => Self::Sasl(Mechanisms::read(&mut from)?),
            11 => Self::SaslContinue(from.rest()),
            12 => Self::SaslFinal(from.rest()),
            _ => return Err(from.bad("code", code.into(), "0, 2, 3, 5 or 7 to 12")),
        };
        from.end().map(|()| read)
    }
}

/// The names of SASL mechanisms, in the server's order of preference. There is at least one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mechanisms<'a> {
    /// Each with its NUL.
    names: &'a [u8],
}

impl<'a> Mechanisms<'a> {
    fn read(from: &mut Reader<'a>) -> Result<Self, WireError> {
        let mut names = from.clone().rest();
        let mut length = 0_usize;
        loop {
            match from.text("mechanism")?.len() {
                0 => break,
                name => length = length.saturating_add(name).saturating_add(1),
            }
        }
        if length == 0 {
            return Err(from.bad("number of mechanisms", 0, "at least 1"));
        }
        names = names.get(..length).unwrap_or_default();
        Ok(Self { names })
    }

    /// Returns each name.
    pub fn each(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.names.split(|&byte| byte == 0).filter(|name| !name.is_empty())
    }
}

impl fmt::Debug for Mechanisms<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Mechanisms({})", self.names.escape_ascii())
    }
}

/// The key for cancel requests. It is a secret, so that `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BackendKey<'a> {
    /// The process id.
    pub process: i32,
    /// The key, 4 to 256 bytes; 4 under version 3.0.
    pub key: &'a [u8],
}

impl<'a> BackendKey<'a> {
    /// Reads the body of a `BackendKeyData`.
    ///
    /// # Errors
    /// The key does not have 4 to 256 bytes.
    pub fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new("BackendKeyData", body);
        let process = from.int32("process")?;
        let key = from.rest();
        if CANCEL_KEY.contains(&key.len()) {
            return Ok(Self { process, key });
        }
        let length = i64::try_from(key.len()).unwrap_or(i64::MAX);
        Err(from.bad("length of the key", length, "4 to 256"))
    }
}

impl fmt::Debug for BackendKey<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "BackendKey({})", self.process)
    }
}

/// The newest version, and the options that the server does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiation<'a> {
    /// The newest version that the server speaks. It is sent as a whole, with the major version.
    pub newest: Version,
    /// The number of options that it does not know.
    count: u32,
    options: &'a [u8],
}

impl<'a> Negotiation<'a> {
    /// Reads the body of a `NegotiateProtocolVersion`.
    ///
    /// # Errors
    /// The body is not exactly one `NegotiateProtocolVersion`.
    pub fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new("NegotiateProtocolVersion", body);
        let newest = Version::from_number(from.oid("version")?);
        let found = from.int32("number of options")?;
        let count = u32::try_from(found)
            .map_err(|_negative| from.bad("number of options", found.into(), "0 or more"))?;
        let options = from.clone().rest();
        // Each option takes at least one byte, so a large count ends with the body.
        for _ in 0..count {
            from.text("option")?;
        }
        from.end().map(|()| Self { newest, count, options })
    }

    /// Returns the name of each option that the server does not know.
    pub fn options(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        self.options.split(|&byte| byte == 0).take(count)
    }
}
