//! Connections: named, governed ways to targets.

pub mod mcp;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::connection::mcp::McpOptions;
use crate::domain::connection::mcp::Program;
use crate::domain::percent;
use crate::domain::secret::SecretRef;

/// The name of a connection: 1 to 63 of `a-z`, `0-9` and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionName(Arc<str>);

/// Text that is not a connection name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("connection name {found:?} is not 1 to 63 of a-z, 0-9 and -")]
pub struct InvalidName {
    /// The text, cut at 80 characters.
    pub found: String,
}

impl ConnectionName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ConnectionName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if (1..=63).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName { found: text.chars().take(80).collect() })
        }
    }
}

impl fmt::Display for ConnectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ConnectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ConnectionName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ConnectionName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The protocol of the target. Each protocol is one folder in `protocol/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.1 or HTTP/2, with or without TLS.
    Http,
    /// The Model Context Protocol, over HTTP or over the standard streams of a program.
    Mcp,
    /// The PostgreSQL frontend/backend protocol, version 3.
    Postgres,
}

impl Protocol {
    /// All of them, by name.
    pub const ALL: &'static [Self] = &[Self::Http, Self::Mcp, Self::Postgres];

    /// Returns the word for it in configuration, records and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Mcp => "mcp",
            Self::Postgres => "postgres",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where an entity is defined. One from the file is read-only for the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file, with the line its table starts at (from 1).
    File {
        /// The file.
        path: PathBuf,
        /// The line of its header.
        line: usize,
    },
    /// The gateway's store.
    Store,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Store => f.write_str("store"),
        }
    }
}

/// The location of a target, parsed: an address, or a program to start. Contains no user name and no
/// password: those are refused in the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The protocol there.
    pub protocol: Protocol,
    /// Whether TLS is used: `https`, `mcp+https`, or `postgres` unless it says `sslmode=disable`.
    pub tls: bool,
    /// Host name or address, in lower case; an IPv6 address without its brackets. Empty for a program.
    pub host: Arc<str>,
    /// The port, with the scheme's default filled in. 0 for a program.
    pub port: u16,
    /// HTTP: the path that is prepended to every request's path: empty, or it starts with `/` and does not
    /// end with one. MCP: the path of the endpoint, exactly as it is written; if empty, `/` is sent.
    /// PostgreSQL: `/` and the name of the database, decoded. Empty for a program.
    pub base_path: Arc<str>,
    /// The program that is started as the target and uses its standard streams; `None`: there is an address.
    /// MCP only.
    pub program: Option<Program>,
    /// The gateway's client certificate for the TLS handshake, if the target asks for one. PostgreSQL only.
    /// Default none.
    pub certificate: Option<ClientCertificate>,
}

/// A client certificate of the gateway, with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// `sslcert`: the chain, a PEM file. It is read again for each stream.
    pub file: PathBuf,
    /// `sslkey`: the private key, PEM.
    pub key: SecretRef,
}

impl Upstream {
    /// Returns `host` or `host:port` as in a `Host` header: without the scheme's default port. Empty for a
    /// program.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_string() };
        let default = match (self.protocol, self.tls) {
            _ if self.program.is_some() => self.port,
            (Protocol::Http | Protocol::Mcp, true) => 443,
            (Protocol::Http | Protocol::Mcp, false) => 80,
            (Protocol::Postgres, _) => 5432,
        };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }

    /// Returns the database of a PostgreSQL target.
    pub fn database(&self) -> &str {
        self.base_path.strip_prefix('/').unwrap_or(&self.base_path)
    }

    /// Returns its text for records and people. Of a program it only contains the name: people put secrets
    /// into arguments, although they do not belong there.
    pub fn shown(&self) -> String {
        match &self.program {
            Some(program) => {
                Self { program: Some(Program { args: Vec::new(), ..program.clone() }), ..self.clone() }
                    .to_string()
            }
            None => self.to_string(),
        }
    }
}

impl fmt::Display for Upstream {
    /// Writes a text that parses to the same upstream.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(program) = &self.program {
            return write!(f, "mcp+stdio:{program}");
        }
        let (scheme, mode) = match (self.protocol, self.tls) {
            (Protocol::Http, true) => ("https", ""),
            (Protocol::Http, false) => ("http", ""),
            (Protocol::Mcp, true) => ("mcp+https", ""),
            (Protocol::Mcp, false) => ("mcp+http", ""),
            (Protocol::Postgres, true) => ("postgres", ""),
            (Protocol::Postgres, false) => ("postgres", "?sslmode=disable"),
        };
        write!(f, "{scheme}://{}", self.authority())?;
        match self.protocol {
            Protocol::Http | Protocol::Mcp => f.write_str(&self.base_path)?,
            Protocol::Postgres => write!(f, "/{}", Encoded { text: self.database(), kept: b"" })?,
        }
        f.write_str(mode)?;
        let Some(ClientCertificate { file, key }) = &self.certificate else { return Ok(()) };
        let (file, key) = (file.display().to_string(), key.to_string());
        let kept = b"/:";
        let [file, key] = [file.as_str(), key.as_str()].map(|text| Encoded { text, kept });
        let mark = if mode.is_empty() { '?' } else { '&' };
        write!(f, "{mark}sslcert={file}&sslkey={key}")
    }
}

/// A text as a part of a URL (RFC 3986, section 2): everything but letters, digits, `-._~` and the bytes in
/// `kept` is written as `%XX`.
struct Encoded<'a> {
    text: &'a str,
    kept: &'static [u8],
}

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        percent::encode(self.text.as_bytes(), self.kept, f)
    }
}

/// How the target's credential is added to each request. The client never sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Injection {
    /// `basic:USER:SRC`: `Authorization: Basic …` (RFC 7617).
    Basic {
        /// The user name, without a colon.
        user: String,
        /// The password.
        password: SecretRef,
    },
    /// `bearer:SRC`: `Authorization: Bearer …` (RFC 6750).
    Bearer(SecretRef),
    /// `certificate:USER`: a database login with the upstream's client certificate alone.
    Certificate {
        /// The user.
        user: String,
    },
    /// `env:NAME:SRC`: a variable in the environment of a program.
    Env {
        /// The variable's name.
        name: String,
        /// Its value.
        value: SecretRef,
    },
    /// `header:NAME:SRC`: another header.
    Header {
        /// The header's name, in lower case.
        name: String,
        /// Its value.
        value: SecretRef,
    },
    /// `none`: no credential.
    None,
    /// `password:USER:SRC`: a database login.
    Password {
        /// The user, without a colon.
        user: String,
        /// The password.
        password: SecretRef,
    },
}

impl Injection {
    /// Returns the source of the secret, if any.
    pub fn source(&self) -> Option<&SecretRef> {
        match self {
            Self::Basic { password: source, .. }
            | Self::Password { password: source, .. }
            | Self::Bearer(source)
            | Self::Env { value: source, .. }
            | Self::Header { value: source, .. } => Some(source),
            Self::Certificate { .. } | Self::None => None,
        }
    }
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { user, password } => write!(f, "basic:{user}:{password}"),
            Self::Bearer(source) => write!(f, "bearer:{source}"),
            Self::Certificate { user } => write!(f, "certificate:{user}"),
            Self::Env { name, value } => write!(f, "env:{name}:{value}"),
            Self::Header { name, value } => write!(f, "header:{name}:{value}"),
            Self::None => f.write_str("none"),
            Self::Password { user, password } => write!(f, "password:{user}:{password}"),
        }
    }
}

/// The limits of a connection. Policies may only shorten `session`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// How long a session may last. Default 1 h.
    pub session: Duration,
    /// How long a session may be idle between commands. Default 10 m.
    pub idle: Duration,
    /// The longest body that is held or judged whole, in bytes: forms and messages to MCP servers always are.
    /// Default 10 MiB. Bodies that are only streamed are not limited by it, unless a policy inspects them or
    /// they are held for approval.
    pub body: u64,
    /// How long a held command keeps its client waiting before it is answered with `approval_pending`.
    /// Default 60 s.
    pub approval_wait: Duration,
    /// Requests per second and principal, with bursts of the same size. Default none.
    pub rate: Option<u32>,
    /// How long opening a stream to the target may take. Default 5 s.
    pub connect: Duration,
    /// How long the target may take to send its response header, or be silent during a call in a channel.
    /// Default 60 s.
    pub response: Duration,
    /// How many rows one statement may return; further rows are not sent. Default none. Databases only.
    pub rows: Option<u64>,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            session: Duration::from_hours(1),
            idle: Duration::from_mins(10),
            body: 10 << 20,
            approval_wait: Duration::from_mins(1),
            rate: None,
            connect: Duration::from_secs(5),
            response: Duration::from_mins(1),
            rows: None,
        }
    }
}

/// How a client experiences a held command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalMode {
    /// It waits, and is notified of that.
    #[default]
    Wait,
    /// It fails at once with the approval's id; once approved, the same command passes when it is repeated.
    Retry,
}

impl ApprovalMode {
    /// Returns the word for it in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Retry => "retry",
        }
    }
}

/// What a client gets of a notification of the database (`NOTIFY`) where masks have fields: any session, and
/// any trigger, may have put any value into its payload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notifications {
    /// Its channel; a payload that is not empty is redacted.
    #[default]
    Redact,
    /// Its payload too, masked by shape alone.
    Pass,
}

impl Notifications {
    /// Returns the word for it in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redact => "redact",
            Self::Pass => "pass",
        }
    }
}

/// Options of connections to databases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DatabaseOptions {
    /// The server is told that the session is read-only (`default_transaction_read_only`), and clients cannot
    /// change that. Default false.
    pub readonly: bool,
    /// How a client experiences a held statement. Default [`ApprovalMode::Wait`].
    pub approval_mode: ApprovalMode,
    /// What a client gets of notifications where masks have fields. Default [`Notifications::Redact`].
    pub notifications: Notifications,
    /// The accepted authentication methods that are weaker than SCRAM.
    pub accept: Weaker,
}

/// The authentication methods of a database that are weaker than SCRAM and that a connection accepts. None by
/// default: anyone who can impersonate the server would ask for one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weaker {
    /// `accept_cleartext`: the server may ask for the password in clear text. Only within TLS, whatever is
    /// set.
    pub accept_cleartext: bool,
    /// `accept_md5`: the server may ask for MD5 authentication.
    pub accept_md5: bool,
    /// `accept_trust`: the server may ask for no authentication at all.
    pub accept_trust: bool,
}

/// A named, governed way to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its name: the path segment after `/c/`.
    pub name: ConnectionName,
    /// Where it is defined.
    pub origin: Origin,
    /// The target's protocol.
    pub protocol: Protocol,
    /// The target's location.
    pub upstream: Upstream,
    /// The gateway's credential for the target.
    pub inject: Injection,
    /// Free labels that policies and masks match.
    pub tags: BTreeMap<String, String>,
    /// Its limits.
    pub limits: ConnectionLimits,
    /// Certificate authorities to trust in place of the platform's, a PEM file.
    pub ca_file: Option<PathBuf>,
    /// The options for databases; the defaults for every other protocol.
    pub database: DatabaseOptions,
    /// The options for MCP servers; the defaults for every other protocol.
    pub mcp: McpOptions,
}

impl Connection {
    /// Returns the sources of all secrets that the gateway needs for the target: the credential, and the key
    /// of its client certificate.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let key = self.upstream.certificate.as_ref().map(|certificate| &certificate.key);
        self.inject.source().into_iter().chain(key)
    }
}
