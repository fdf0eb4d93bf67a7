//! A connection: a named, governed way to a target.

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

/// Text that is no connection name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("connection name {found:?} is not 1 to 63 of a-z, 0-9 and -")]
pub struct InvalidName {
    /// What was given, cut at 80 characters.
    pub found: String,
}

impl ConnectionName {
    /// The name as text.
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

/// What the target speaks. Each protocol is one folder in `protocol/`.
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

    /// The word for it in configuration, records and output.
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

/// Where an entity was written down. One from the file is read-only for the command line.
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

/// Where a target is, taken apart: an address, or a program that is started. Holds no user name and no password: those are refused in the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Whether TLS is spoken: `https`, `mcp+https`, or `postgres` unless it says `sslmode=disable`.
    pub tls: bool,
    /// Host name or address, in lower case; an IPv6 address without its brackets. Empty for a program.
    pub host: Arc<str>,
    /// The port, with the scheme's default filled in. 0 for a program.
    pub port: u16,
    /// HTTP: the path that every request's path is put behind: empty, or it starts with `/` and does not end with one. MCP: the path of
    /// the endpoint, exactly as it is written; empty when none is, which is sent as `/`. PostgreSQL: `/` and the name of the
    /// database, decoded. Empty for a program.
    pub base_path: Arc<str>,
    /// The program that is started as the target and speaks on its standard streams; `None`: there is an address. MCP only.
    pub program: Option<Program>,
    /// What the gateway proves itself with in the TLS handshake, if the target asks for that. PostgreSQL only. Default none.
    pub certificate: Option<ClientCertificate>,
}

/// A certificate that the gateway shows a target, with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// `sslcert`: the chain, a PEM file. It is read anew for each stream.
    pub file: PathBuf,
    /// `sslkey`: the private key, PEM.
    pub key: SecretRef,
}

impl Upstream {
    /// `host` or `host:port` as it stands in a `Host` header: no port where it is the scheme's default. Empty for a program.
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

    /// The database, of a PostgreSQL target.
    pub fn database(&self) -> &str {
        self.base_path.strip_prefix('/').unwrap_or(&self.base_path)
    }

    /// The whole of it for records and people, but of a program only its name: its arguments are no place for a secret, but people
    /// put them there.
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
    /// The text that is read as the same upstream.
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

/// A text as a part of a URL (RFC 3986, section 2): all but letters, digits, `-._~` and what is kept is written `%XX`.
struct Encoded<'a> {
    text: &'a str,
    kept: &'static [u8],
}

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        percent::encode(self.text.as_bytes(), self.kept, f)
    }
}

/// How the target's credential is put into each request. The client never sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Injection {
    /// `basic:USER:SRC`: `Authorization: Basic …` (RFC 7617).
    Basic {
        /// The user name; it holds no colon.
        user: String,
        /// The password.
        password: SecretRef,
    },
    /// `bearer:SRC`: `Authorization: Bearer …` (RFC 6750).
    Bearer(SecretRef),
    /// `certificate:USER`: a database's login by the certificate of the upstream alone.
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
    /// `header:NAME:SRC`: a header of the target's own.
    Header {
        /// The header's name, in lower case.
        name: String,
        /// Its value.
        value: SecretRef,
    },
    /// `none`: the target asks for nothing.
    None,
    /// `password:USER:SRC`: the login of a database.
    Password {
        /// The user; it holds no colon.
        user: String,
        /// The password.
        password: SecretRef,
    },
}

impl Injection {
    /// The secret that is injected, if any.
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

/// What one connection grants at most. Policies may only make `session` shorter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// How long a session may last. Default 1 h.
    pub session: Duration,
    /// How long a session may rest between commands. Default 10 m.
    pub idle: Duration,
    /// The longest body that is held or judged whole, in bytes: forms and messages to MCP servers always are. Default 10 MiB. Bodies that are
    /// only streamed through are not limited by it, unless a policy looks into them or an approval holds them.
    pub body: u64,
    /// How long a held command keeps its client waiting before it answers `approval_pending`. Default 60 s.
    pub approval_wait: Duration,
    /// Requests per second and principal; bursts of as many. Default none.
    pub rate: Option<u32>,
    /// How long opening a stream to the target may take. Default 5 s.
    pub connect: Duration,
    /// How long the target may take to send its response header, or be silent under a call in a channel. Default 60 s.
    pub response: Duration,
    /// How many rows one statement may give back; what comes after them is not sent. Default none. Databases only.
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

/// What a command that must be approved does to its client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalMode {
    /// It waits, and is told so while it does.
    #[default]
    Wait,
    /// It fails at once with the approval's id; the same command sent again, once approved, passes.
    Retry,
}

impl ApprovalMode {
    /// The word for it in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Retry => "retry",
        }
    }
}

/// What only a connection to a database has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DatabaseOptions {
    /// The server itself is told that the session only reads (`default_transaction_read_only`), and clients cannot change that.
    /// Default false.
    pub readonly: bool,
    /// What a held statement does to its client. Default [`ApprovalMode::Wait`].
    pub approval_mode: ApprovalMode,
    /// Ways in that are weaker than SCRAM and that this connection takes.
    pub accept: Weaker,
}

/// The ways into a database that are weaker than SCRAM and that a connection accepts. None by default: whoever can pass for the server
/// would ask for one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weaker {
    /// `accept_cleartext`: the server may ask for the password as it is. Inside TLS only, whatever is set.
    pub accept_cleartext: bool,
    /// `accept_md5`: the server may ask for an answer by MD5.
    pub accept_md5: bool,
    /// `accept_trust`: the server may ask for nothing at all.
    pub accept_trust: bool,
}

/// A named, governed way to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its name: the path segment after `/c/`.
    pub name: ConnectionName,
    /// Where it was written down.
    pub origin: Origin,
    /// What the target speaks.
    pub protocol: Protocol,
    /// Where the target is.
    pub upstream: Upstream,
    /// The credential the gateway logs in with.
    pub inject: Injection,
    /// Free labels that policies and masks match.
    pub tags: BTreeMap<String, String>,
    /// Its limits.
    pub limits: ConnectionLimits,
    /// Certificate authorities to trust in place of the platform's, a PEM file.
    pub ca_file: Option<PathBuf>,
    /// What only databases have; the defaults for every other protocol.
    pub database: DatabaseOptions,
    /// What only MCP servers have; the defaults for every other protocol.
    pub mcp: McpOptions,
}

impl Connection {
    /// The sources of all secrets that the gateway needs at the target: what it injects, and the key of its certificate.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let key = self.upstream.certificate.as_ref().map(|certificate| &certificate.key);
        self.inject.source().into_iter().chain(key)
    }
}
