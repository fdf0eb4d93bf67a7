//! `[gateway]`, `[storage]`, `[recording]`, `[dev_issuer]`: the settings that occur once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::reader::Table;
use crate::config::reader::Value;
use crate::config::value::DAY;
use crate::domain::secret::SecretRef;
use crate::policy::Network;
use crate::recording;

/// The checked settings of `[gateway]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewaySettings {
    /// Listen address for HTTP and MCP clients. Default `127.0.0.1:8440`.
    pub listen: SocketAddr,
    /// Listen address for PostgreSQL clients. Default none: no connection to a database can then be used.
    pub postgres_listen: Option<SocketAddr>,
    /// The URL that clients use, without a trailing `/`; `None`: there is none for links, as the `Host`
    /// header is not trusted.
    pub public_url: Option<String>,
    /// The gateway's certificate; required if a listener is not on a loopback address.
    pub tls: Option<TlsFiles>,
    /// How long running requests may continue after a stop signal. Default 30 s.
    pub drain_timeout: Duration,
    /// Resource limits per client.
    pub limits: GatewayLimits,
    /// Number of worker threads, each with a runtime of its own. Default: one per core.
    pub workers: Option<usize>,
}

/// The certificate of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, a PEM file.
    pub cert: PathBuf,
    /// The private key, PEM.
    pub key: SecretRef,
}

/// `gateway.limits`: resource limits, beyond which a client is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayLimits {
    /// Maximum size of a request's header block in bytes. Default 64 KiB.
    pub header_block: usize,
    /// Maximum number of headers of one request. Default 100.
    pub headers: usize,
    /// Maximum length of a request target in bytes. Default 16 KiB.
    pub uri: usize,
    /// Maximum number of open TCP connections of all clients. Default 10,000.
    pub streams: usize,
    /// Maximum number of unauthenticated streams per address to each listener and to the admin API (not
    /// logged in, or without a valid token), and of requests below `/oauth/`. Default 256.
    pub logins: usize,
    /// Maximum failed logins per address and minute, separately for the PostgreSQL listener, the admin API
    /// and requests below `/oauth/`. Default 120.
    pub failed_logins: u32,
    /// Networks whose addresses each represent many clients, such as load balancers: `logins` and
    /// `failed_logins` do not apply to them. Default none.
    pub shared_addresses: Vec<Network>,
    /// Maximum number of open sessions of one principal. Default 64.
    pub sessions: usize,
    /// Requests per second of one principal on all connections together, with bursts of the same number.
    /// Default none.
    pub rate: Option<u32>,
}

impl GatewaySettings {
    /// Returns the addresses on which clients connect, of any protocol.
    pub(super) fn listeners(&self) -> impl Iterator<Item = SocketAddr> {
        std::iter::once(self.listen).chain(self.postgres_listen)
    }
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8440)),
            postgres_listen: None,
            public_url: None,
            tls: None,
            drain_timeout: Duration::from_secs(30),
            limits: GatewayLimits::default(),
            workers: None,
        }
    }
}

impl Default for GatewayLimits {
    fn default() -> Self {
        Self {
            header_block: 64 << 10,
            headers: 100,
            uri: 16 << 10,
            streams: 10_000,
            logins: 256,
            failed_logins: 120,
            shared_addresses: Vec::new(),
            sessions: 64,
            rate: None,
        }
    }
}

/// The checked settings of `[storage]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageSettings {
    /// The directory that `serve` owns. Default: see [`crate::config::default_data_dir`].
    pub data_dir: PathBuf,
    /// The key that seals the secrets in the store; `None`: see [`StorageSettings::key_source`].
    pub key: Option<SecretRef>,
}

impl StorageSettings {
    /// Returns the source of the sealing key: as configured, or the file `store.key` in the data directory.
    pub fn key_source(&self) -> SecretRef {
        self.key.clone().unwrap_or_else(|| SecretRef::File(self.data_dir.join("store.key")))
    }
}

/// `[dev_issuer]`: an issuer of development tokens in the gateway's own process. Anyone who can reach it can
/// impersonate anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevIssuerSettings {
    /// Listen address, always loopback. Default `127.0.0.1:8449`.
    pub listen: SocketAddr,
}

/// Reads `[gateway]`.
pub(super) fn gateway(table: &mut Table<'_>) -> GatewaySettings {
    let default = GatewaySettings::default();
    let listen_value = table.take("listen");
    let listen = listen_value.as_ref().map_or(Some(default.listen), Value::listener);
    let postgres_value = table.take("postgres_listen");
    let postgres_listen = postgres_value.as_ref().and_then(Value::listener);
    let tls_value = table.take("tls");
    let tls = tls_value.as_ref().and_then(|value| value.table(tls_files)).flatten();
    for (value, listen) in [(&listen_value, listen), (&postgres_value, postgres_listen)] {
        if let (Some(value), Some(listen), None) = (value, listen, &tls_value)
            && !listen.ip().is_loopback()
        {
            value.problem(
                "tls is required when the listener is not loopback: tokens would cross the network unencrypted",
                "add tls = { cert = \"tls.crt\", key = \"file:tls.key\" }, or listen on 127.0.0.1".to_owned(),
            );
        }
    }
    if let (Some(value), Some(listen), Some(own)) = (&postgres_value, listen, postgres_listen)
        && collide(listen, own)
    {
        value.problem(format!("gateway.listen is {listen}"), "choose another port".to_owned());
    }
    let public_url = table.take("public_url").and_then(|value| public_url(&value));
    let drain = table
        .take("drain_timeout")
        .and_then(|value| value.duration(Duration::ZERO..=Duration::from_hours(1)));
    let limits = table.take("limits").and_then(|value| value.table(gateway_limits)).unwrap_or_default();
    let workers = table.take("workers").and_then(|value| value.whole(1..=256));
    GatewaySettings {
        listen: listen.unwrap_or(default.listen),
        postgres_listen,
        public_url,
        tls,
        drain_timeout: drain.unwrap_or(default.drain_timeout),
        limits,
        workers,
    }
}

/// Reads a URL that clients use.
pub(super) fn public_url(value: &Value<'_>) -> Option<String> {
    let url = value.http_url()?;
    if !url.tls && !url.is_loopback_literal() && url.host != "localhost" {
        value.warning("clients would send their tokens unencrypted", "use https://".to_owned());
    }
    Some(value.text()?.trim_end_matches('/').to_owned())
}

/// Returns whether two listeners conflict. Port 0 is any free port, and `0.0.0.0` every address.
pub(super) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && (any || one.ip() == other.ip())
}

fn tls_files(table: &mut Table<'_>) -> Option<TlsFiles> {
    let cert = table
        .required("cert", "accepted: a PEM file with the certificate chain")
        .and_then(|value| value.file());
    let key = table.required("key", "accepted: env:NAME, file:PATH, store:KEY, exec:COMMAND");
    let key = key.and_then(|value| value.secret());
    Some(TlsFiles { cert: cert?, key: key? })
}

fn network(value: &Value<'_>) -> Option<Network> {
    match Network::read(value.text()?) {
        Ok(network) => Some(network),
        Err((problem, accepted)) => {
            value.problem(problem, accepted);
            None
        }
    }
}

fn gateway_limits(table: &mut Table<'_>) -> GatewayLimits {
    let default = GatewayLimits::default();
    let size = |table: &mut Table<'_>, key, bounds, default| {
        let size = table.take(key).and_then(|value| value.size(bounds));
        size.and_then(|size| usize::try_from(size).ok()).unwrap_or(default)
    };
    let limits = GatewayLimits {
        header_block: size(table, "header_block", 1 << 10..=1 << 20, default.header_block),
        uri: size(table, "uri", 256..=64 << 10, default.uri),
        headers: table.take("headers").and_then(|value| value.whole(8..=1000)).unwrap_or(default.headers),
        streams: table
            .take("streams")
            .and_then(|value| value.whole(1..=1_000_000))
            .unwrap_or(default.streams),
        logins: table.take("logins").and_then(|value| value.whole(1..=1_000_000)).unwrap_or(default.logins),
        failed_logins: table
            .take("failed_logins")
            .and_then(|value| value.whole(1..=1_000_000))
            .unwrap_or(default.failed_logins),
        shared_addresses: table.take("shared_addresses").map(|value| value.list(network)).unwrap_or_default(),
        sessions: table
            .take("sessions")
            .and_then(|value| value.whole(1..=100_000))
            .unwrap_or(default.sessions),
        rate: table.take("rate").and_then(|value| value.whole(1..=1_000_000)),
    };
    let refused =
        ["uri", "header_block"].iter().filter_map(|key| table.peek(key)).any(|value| value.is_noted());
    if limits.uri > limits.header_block && !refused {
        // The request line is part of the block.
        table.problem("uri is larger than header_block", "make header_block the larger one".to_owned());
    }
    limits
}

/// Reads `[storage]`; `default_dir` is the data directory of this user, if there is one.
pub(super) fn storage(table: &mut Table<'_>, default_dir: Option<PathBuf>) -> Option<StorageSettings> {
    table.later(&["url"], "this version keeps its entities in storage.data_dir");
    let data_dir = match table.take("data_dir") {
        Some(value) => value.file(),
        None if default_dir.is_none() => table
            .required("data_dir", "there is no HOME to put it in: name a folder")
            .and_then(|value| value.file()),
        None => default_dir,
    };
    let key = table.take("key").and_then(|value| {
        let key = value.secret()?;
        if matches!(key, SecretRef::Store(_) | SecretRef::Exec(_)) {
            value.problem(
                "the key that opens the store comes from a variable or a file",
                "accepted: env:NAME, file:PATH".to_owned(),
            );
            return None;
        }
        Some(key)
    });
    Some(StorageSettings { data_dir: data_dir?, key })
}

/// Reads `[recording]`.
pub(super) fn recording(table: &mut Table<'_>) -> recording::Settings {
    let default = recording::Settings::default();
    table.later(
        &["archive"],
        "this version keeps recordings in storage.data_dir, for as long as recording.retention says",
    );
    let levels = recording::Level::ALL.map(|level| (level.as_str(), level));
    let syncs = recording::SyncMode::ALL_WORDS.map(|sync| (sync.as_str(), sync));
    let level = table.take("level").and_then(|value| value.word(&levels)).unwrap_or(default.level);
    let sync = table.take("sync").and_then(|value| value.word(&syncs)).unwrap_or(default.sync);
    let max_body =
        table.take("max_body").and_then(|value| value.size(0..=1 << 30)).unwrap_or(default.max_body);
    let retention = table.take("retention").and_then(|value| {
        value.table(|table| {
            let bounds = Duration::from_secs(1)..=DAY * 36_500;
            let recordings = table.take("recordings").and_then(|value| value.duration(bounds.clone()));
            let kept = table.take("metadata");
            let metadata = kept.as_ref().and_then(|value| value.duration(bounds));
            let max_size = table.take("max_size").and_then(|value| value.size(1 << 20..=1 << 50));
            let recordings = recordings.unwrap_or(default.recordings);
            let longest = metadata.unwrap_or_else(|| default.metadata.max(recordings));
            if let (Some(value), true) = (&kept, longest < recordings) {
                value.problem(
                    "shorter than recordings",
                    "metadata outlives the recording that it describes".to_owned(),
                );
            }
            (recordings, longest, max_size.unwrap_or(default.max_size))
        })
    });
    let (recordings, metadata, max_size) =
        retention.unwrap_or((default.recordings, default.metadata, default.max_size));
    recording::Settings { level, sync, recordings, metadata, max_size, max_body }
}

/// Reads `[dev_issuer]`; `gateway` has the gateway's listen addresses.
pub(super) fn dev_issuer(table: &mut Table<'_>, gateway: &GatewaySettings) -> DevIssuerSettings {
    let taken = || gateway.listeners();
    let default = SocketAddr::from(([127, 0, 0, 1], 8449));
    let listen = table.take("listen").and_then(|value| {
        let listen = value.listener()?;
        if !listen.ip().is_loopback() {
            let hint = "accepted: a loopback address, such as 127.0.0.1:8449".to_owned();
            value.problem(
                "a development issuer listens on loopback only: it gives a token to anybody who asks",
                hint,
            );
            return None;
        }
        if taken().any(|own| collide(own, listen)) {
            value.problem("the gateway already listens there", "choose another port".to_owned());
        }
        Some(listen)
    });
    if taken().any(|own| !own.ip().is_loopback()) {
        table.problem(
            "a gateway that is open to the network trusts no development issuer",
            "remove [dev_issuer], or listen on 127.0.0.1".to_owned(),
        );
    }
    DevIssuerSettings { listen: listen.unwrap_or(default) }
}
