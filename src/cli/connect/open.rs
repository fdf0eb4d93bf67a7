//! `connect open`: a local port or Unix socket that needs no token, for clients that cannot send one.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::task::JoinSet;
use tokio::task::LocalSet;

use crate::cli::access;
use crate::cli::access::Access;
use crate::cli::connect;
use crate::cli::output::Format;
use crate::cli::output::Terminal;
use crate::cli::place::DatabaseDoor;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::domain::Secret;
use crate::domain::connection::ConnectionName;
use crate::domain::connection::Protocol;
use crate::domain::connection::Upstream;
use crate::domain::entity::EntityKind;
use crate::domain::percent;
use crate::domain::secret::SecretRef;
use crate::domain::with_causes;
use crate::protocol::postgres::relay::Ended;
use crate::protocol::postgres::relay::Relay;
use crate::protocol::postgres::upstream::ALPN;
use crate::secret::Vault;
use crate::transport::listen::keep_alive;
use crate::transport::listen::listen;
use crate::transport::local::LocalSocket;
use crate::transport::tls;

/// The port in the name of a Unix socket: the default of every client.
const USUAL_PORT: u16 = 5432;
/// Pause after a failed accept, for example for lack of file descriptors.
const BREATHER: Duration = Duration::from_millis(100);

/// Options of `connect open`.
#[derive(Debug, Args)]
pub struct OpenArgs {
    /// The connection's name
    pub name: String,
    /// Port on 127.0.0.1 [default: a free one]; with --unix the one in the socket's name [default: 5432]
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Open a Unix socket in this directory, for your user only, instead of a port
    #[arg(long, value_name = "DIR")]
    pub unix: Option<PathBuf>,
    /// The gateway's listener; `None`: that of the configuration.
    #[arg(
        long,
        value_name = "HOST:PORT",
        help = "The gateway's listener for PostgreSQL [default: gateway.postgres_listen of the configuration]"
    )]
    pub gateway: Option<String>,
    /// The token: a source of a secret.
    #[arg(
        long,
        value_name = "SOURCE",
        default_value = "env:HOOPCTL_TOKEN",
        help = "Source of your token: env:NAME, file:PATH or exec:COMMAND; read again for each connection"
    )]
    pub token: String,
    /// Trust the authorities in this file for the gateway's certificate, not this machine's; plaintext is
    /// then refused
    #[arg(long, value_name = "PEM")]
    pub ca_file: Option<String>,
    /// Exit when the first connection ends
    #[arg(long)]
    pub once: bool,
}

/// Where clients connect.
enum Way {
    Port(TcpListener),
    Socket(LocalSocket),
}

/// The task that serves one client.
type Serving = Pin<Box<dyn Future<Output = Ended>>>;

/// Runs `connect open` until a signal ends it.
pub fn run(terminal: Terminal, place: &Place, args: &OpenArgs) -> Outcome {
    let connection: ConnectionName = args.name.parse().map_err(|error| Failure::usage(format!("{error}")))?;
    if args.gateway.is_none() {
        refuse_other_protocols(place, &connection)?;
    }
    let source = token_source(&args.token)?;
    let (gateway, known) = match &args.gateway {
        Some(text) => (host_and_port(text)?, String::new()),
        None => (place.database_door().map_err(or_named)?, " of the configuration".to_owned()),
    };
    let must_have_tls = gateway.tls || args.ca_file.is_some();
    if must_have_tls {
        tls::client_config(args.ca_file.as_deref().map(Path::new), &[ALPN]).map_err(|error| {
            Failure::failed(with_causes(&error)).hint("name the certificate authorities with --ca-file PEM")
        })?;
    }
    let gateway = Upstream {
        protocol: Protocol::Postgres,
        tls: must_have_tls,
        host: gateway.host.into(),
        port: gateway.port,
        base_path: "".into(),
        program: None,
        certificate: None,
    };
    access::runtime()?.block_on(LocalSet::new().run_until(async {
        // A variable of this process cannot be set later, so report it now rather than to each client.
        if matches!(source, SecretRef::Env(_)) {
            read(&source).await.map_err(|words| {
                Failure::new(Exit::Refused, words)
                    .hint("name the source of your token with --token env:NAME, file:PATH or exec:COMMAND")
            })?;
        }
        let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
            .map(|kind| signal(kind).map_err(|error| Failure::failed(format!("cannot start: {error}"))))
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        let way = Way::open(args)?;
        announce(terminal, &way, &connection)?;
        terminal
            .say(&format!("connections are forwarded to {}{known}; stop with Ctrl-C", gateway.authority()));
        let tokens = async move || read(&source).await;
        let relay =
            Rc::new(Relay { gateway, ca_file: args.ca_file.clone().map(PathBuf::from), connection, tokens });
        serve(terminal, &way, &relay, args.once, &mut signals).await
    }))
}

/// Refuses a connection if this machine's gateway or configuration knows that it is not a database, or does
/// not exist.
fn refuse_other_protocols(place: &Place, name: &ConnectionName) -> Result<(), Failure> {
    let of_file = place.config_if_any().ok().flatten();
    let of_file = of_file.iter().flat_map(|config| &config.connections).find(|known| known.name == *name);
    let protocol = if let Some(known) = of_file {
        Some(known.protocol)
    } else {
        let ask =
            |access: Access| access.wait(access.backend().entity(EntityKind::Connection, name.to_string()));
        match Access::online(&place.clone().here()).and_then(ask) {
            Ok(view) => connect::parsed(&view.toml).ok().map(|known| known.protocol),
            Err(failure) if failure.exit == Exit::NotFound => {
                return Err(
                    failure.hint("run: hoopctl connect list; for a remote gateway use --gateway HOST:PORT")
                );
            }
            Err(_not_told) => None,
        }
    };
    match protocol {
        Some(Protocol::Http | Protocol::Mcp) => {
            let word = protocol.map(Protocol::as_str).unwrap_or_default();
            Err(Failure::usage(format!("{name} is {word}; connect open is for PostgreSQL"))
                .hint(format!("run: hoopctl connect env {name}")))
        }
        Some(Protocol::Postgres) | None => Ok(()),
    }
}

/// Accepts clients until a signal arrives; with `once` until the first one is done.
async fn serve<T>(
    terminal: Terminal,
    way: &Way,
    relay: &Rc<Relay<T>>,
    once: bool,
    signals: &mut [Signal],
) -> Outcome
where
    T: AsyncFn() -> Result<Arc<Secret>, String> + 'static,
{
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = way.accept(relay) => match accepted {
                Ok(serving) => {
                    clients.spawn_local(serving);
                }
                Err(error) => {
                    terminal.say(&format!("a client could not be accepted: {error}"));
                    tokio::time::sleep(BREATHER).await;
                }
            },
            Some(ended) = clients.join_next() => match ended {
                Ok(Ended::Session) if once => return Ok(Exit::Done),
                Ok(Ended::Refused(words)) if once => return Err(Failure::failed(words)),
                Ok(Ended::Refused(words)) => terminal.say(&format!("a client was refused: {words}")),
                Ok(Ended::Session | Ended::Cancel | Ended::Nothing) => {}
                Err(error) => terminal.say(&format!("a client connection failed: {error}")),
            },
            () = any(signals) => return Ok(Exit::Done),
        }
    }
}

/// Resolves when one of the signals arrives.
async fn any(signals: &mut [Signal]) {
    std::future::poll_fn(|context| {
        let came = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if came { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

impl Way {
    fn open(args: &OpenArgs) -> Result<Self, Failure> {
        if let Some(dir) = &args.unix {
            let port = args.port.filter(|port| *port != 0).unwrap_or(USUAL_PORT);
            let folder = std::path::absolute(dir)
                .map_err(|error| Failure::failed(format!("cannot use {}: {error}", dir.display())))?;
            return LocalSocket::bind(&folder, &format!(".s.PGSQL.{port}")).map(Self::Socket).map_err(
                |error| {
                    Failure::failed(with_causes(&error))
                        .hint("choose another place with --unix DIR or --port PORT")
                },
            );
        }
        // Never any other address: anyone who can connect is let in.
        listen((Ipv4Addr::LOCALHOST, args.port.unwrap_or(0)).into()).map(Self::Port).map_err(|error| {
            Failure::failed(with_causes(&error)).hint("without --port, a free port is chosen")
        })
    }

    /// Accepts the next client.
    async fn accept<T>(&self, relay: &Rc<Relay<T>>) -> io::Result<Serving>
    where
        T: AsyncFn() -> Result<Arc<Secret>, String> + 'static,
    {
        let relay = Rc::clone(relay);
        Ok(match self {
            Self::Port(listener) => {
                let (stream, _) = listener.accept().await?;
                keep_alive(&stream)?;
                Box::pin(async move { relay.serve(stream).await })
            }
            Self::Socket(socket) => {
                let stream = socket.accept().await?;
                Box::pin(async move { relay.serve(stream).await })
            }
        })
    }

    /// Returns the address as libpq takes it (PostgreSQL 18 manual, 32.1.1.2).
    fn url(&self, connection: &ConnectionName) -> Result<String, Failure> {
        match self {
            Self::Port(listener) => {
                let address = listener.local_addr().map_err(|error| Failure::failed(error.to_string()))?;
                Ok(format!("postgresql://{address}/{connection}?sslmode=disable"))
            }
            Self::Socket(socket) => {
                let path = socket.path();
                let folder = encoded(path.parent().unwrap_or(path));
                let port = path.extension().and_then(|port| port.to_str()).unwrap_or_default();
                Ok(format!("postgresql:///{connection}?host={folder}&port={port}&sslmode=disable"))
            }
        }
    }
}

/// Prints the address.
fn announce(terminal: Terminal, way: &Way, connection: &ConnectionName) -> Result<(), Failure> {
    let url = way.url(connection)?;
    if terminal.format == Format::Table {
        terminal.data(&format!("{url}\n"))?;
    } else {
        terminal.item(&[("url", url.clone())], &json!({"url": url}))?;
    }
    if terminal.stdout {
        terminal.say(&format!("use it in another terminal, with no password: psql '{url}'"));
    }
    if matches!(way, Way::Port(_)) {
        terminal.say(
            "every local user can connect to this port and acts as you; --unix DIR is for your user only",
        );
    }
    Ok(())
}

/// Percent-encodes a path for a URL (RFC 3986, 2.1).
fn encoded(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut text = String::new();
    // Writing to a String cannot fail.
    percent::encode(path.as_os_str().as_bytes(), b"/", &mut text).unwrap_or_default();
    text
}

/// Reads the source again, never from a cache.
async fn read(source: &SecretRef) -> Result<Arc<Secret>, String> {
    Vault::new(None).resolve(source).await.map_err(|error| with_causes(&error))
}

/// Parses the source of the token. The text is never repeated: it may be the token itself.
fn token_source(text: &str) -> Result<SecretRef, Failure> {
    let hint = "use --token env:NAME, file:PATH or exec:COMMAND";
    let literal = || {
        Failure::usage("a token is named by its source, never written out: every process could read it")
            .code("literal_secret")
            .hint(hint)
    };
    let source: SecretRef = text.parse().map_err(|_literal| literal())?;
    match &source {
        SecretRef::Env(name) if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
            Err(literal())
        }
        SecretRef::Store(_) => {
            Err(Failure::usage("store: is the gateway's own secret store, which does not hold your token")
                .hint(hint))
        }
        SecretRef::Env(_) | SecretRef::Exec(_) | SecretRef::File(_) => Ok(source),
    }
}

/// Parses `HOST:PORT`, with brackets around an IPv6 address.
fn host_and_port(text: &str) -> Result<DatabaseDoor, Failure> {
    let wrong = || {
        Failure::usage(format!("--gateway {text:?} is not HOST:PORT"))
            .hint("examples: --gateway gateway.example:15432, --gateway '[::1]:15432'")
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let fits = bare.map_or_else(
        || !host.is_empty() && host.bytes().all(plain),
        |address| address.parse::<std::net::Ipv6Addr>().is_ok(),
    );
    if !fits {
        return Err(wrong());
    }
    Ok(DatabaseDoor { host: bare.unwrap_or(host).to_ascii_lowercase(), port, tls: false })
}

/// Adds to a failure that the gateway can also be named by an option.
fn or_named(failure: Failure) -> Failure {
    let hint = failure.hint.clone().map(|hint| format!("{hint}\n")).unwrap_or_default();
    failure.hint(format!("{hint}or name the gateway with --gateway HOST:PORT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_from_a_source_and_is_never_repeated() {
        for (text, fits) in [
            ("env:HOOPCTL_TOKEN", true),
            ("file:/run/token", true),
            ("exec:hoopctl token mint --as kim", true),
            ("store:token", false),
            ("eyJhbGciOiJub25lIn0.hunter2.", false),
            ("env:eyJhbGciOiJub25lIn0.hunter2.", false),
            ("bearer:hunter2", false),
            ("", false),
        ] {
            match token_source(text) {
                Ok(_) => assert!(fits, "{text}"),
                Err(failure) => {
                    assert!(!fits && failure.exit == Exit::Usage && failure.hint.is_some(), "{text}");
                    assert!(!failure.render(Format::Table).contains("hunter2"), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_gateway_is_named_by_host_and_port() {
        for (text, wanted) in [
            ("Gateway.example:15432", Some(("gateway.example", 15432))),
            ("127.0.0.1:1", Some(("127.0.0.1", 1))),
            ("[::1]:5432", Some(("::1", 5432))),
            ("::1:5432", None),
            ("[localhost]:5432", None),
            ("gateway.example", None),
            ("gateway.example:0", None),
            ("gateway.example:70000", None),
            (":5432", None),
            ("kim@gateway.example:5432", None),
            ("https://gateway.example:5432", None),
        ] {
            let found = host_and_port(text).ok().map(|door| (door.host, door.port));
            assert_eq!(found, wanted.map(|(host, port)| (host.to_owned(), port)), "{text}");
        }
    }

    #[tokio::test]
    async fn addresses_are_those_of_libpq() {
        let name: ConnectionName = "db".parse().unwrap();
        let port = Way::Port(listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap());
        let Way::Port(listener) = &port else { panic!() };
        let address = listener.local_addr().unwrap();
        assert!(address.ip().is_loopback());
        assert_eq!(port.url(&name).unwrap(), format!("postgresql://{address}/db?sslmode=disable"));
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a &b");
        std::fs::create_dir(&inner).unwrap();
        std::fs::set_permissions(&inner, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let socket = Way::Socket(LocalSocket::bind(&inner, ".s.PGSQL.5433").unwrap());
        let host = format!("{}/a%20%26b", encoded(folder.path()));
        let wanted = format!("postgresql:///db?host={host}&port=5433&sslmode=disable");
        assert_eq!(socket.url(&name).unwrap(), wanted);
    }
}
