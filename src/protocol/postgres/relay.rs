//! A way in for clients that cannot send a token: asks them for nothing, and logs in at a gateway in their
//! place.
//!
//! It runs on the user's machine, not in the gateway, and decides nothing: the gateway verifies the token and
//! judges each statement. The token is sent once for each login, only as the answer to the gateway's request
//! for a cleartext password, and never in the clear to another machine. All that comes after the login passes
//! as it is.

#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use bytes::BytesMut;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;

use crate::domain::Secret;
use crate::domain::connection::ConnectionName;
use crate::domain::connection::Upstream;
use crate::protocol::postgres::bearer;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::upstream::ALPN;
use crate::protocol::postgres::upstream::ask_for_tls;
use crate::protocol::postgres::wire::back::Authentication;
use crate::protocol::postgres::wire::back::BackMessage;
use crate::protocol::postgres::wire::back::Field;
use crate::protocol::postgres::wire::frame::Limits;
use crate::protocol::postgres::wire::frame::Part;
use crate::protocol::postgres::wire::frame::Scanner;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::front::write_password;
use crate::protocol::postgres::wire::opening::Opener;
use crate::protocol::postgres::wire::opening::Opening;
use crate::protocol::postgres::wire::opening::StartupPacket;
use crate::protocol::postgres::wire::opening::write_cancel_request;
use crate::protocol::postgres::wire::opening::write_startup;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::BackTag;
use crate::transport::dial;
use crate::transport::dial::DialError;
use crate::transport::listen::keep_alive;
use crate::transport::stream::Stream;
use crate::transport::tls;

/// How long a client may take from its first byte to its startup packet.
const OPENING: Duration = Duration::from_mins(1);
/// How long it may take to reach the gateway, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a login may take, once the gateway is reached: it logs in at the target meanwhile.
const LOGIN: Duration = Duration::from_mins(2);
/// How long a cancel request may take, once the gateway is reached.
const CANCEL: Duration = Duration::from_secs(10);
/// The startup parameter that names the connection.
const DATABASE: &str = "database";
/// The parameter of a startup packet that says who it is.
const USER: &str = "user";

/// Where to log in, and with what.
pub struct Relay<T> {
    /// The gateway. `tls` says that it must speak TLS; without that it still does wherever the gateway has
    /// it, and is plain only to this machine.
    pub gateway: Upstream,
    /// Certificate authorities in place of the machine's.
    pub ca_file: Option<PathBuf>,
    /// The connection that clients get.
    pub connection: ConnectionName,
    /// Gives the token for one login; or why there is none, in words for the user, with nothing of a token in
    /// them.
    pub tokens: T,
}

/// How a client's stream ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was let in, and left.
    Session,
    /// It was not let in. What it was told.
    Refused(String),
    /// It asked to cancel a statement of another stream.
    Cancel,
    /// It asked for nothing, or left before it was let in.
    Nothing,
}

/// Why there is no session.
enum Fault {
    /// The client is gone, or speaks another protocol.
    Gone,
    /// The gateway says no: the client has its words already.
    Gateway(String),
    /// It fails here.
    Here(Refusal),
}

/// What a client begins with.
enum First {
    /// The `CancelRequest` for the gateway.
    Cancel(BytesMut),
    /// The startup packet for the gateway, and what the client has sent behind its own.
    Startup(BytesMut, BytesMut),
}

impl<T> Relay<T>
where
    T: AsyncFn() -> Result<Arc<Secret>, String>,
{
    /// Serves one client to its end.
    pub async fn serve<S>(&self, mut client: S) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let begun = tokio::time::timeout(OPENING, self.begin(&mut client)).await;
        let fault = match begun.unwrap_or(Err(Fault::Gone)) {
            Ok(First::Cancel(request)) => {
                self.cancel(&request).await;
                return Ended::Cancel;
            }
            Ok(First::Startup(startup, early)) => {
                let login = tokio::time::timeout(LOGIN, self.log_in(&mut client, &startup)).await;
                let late = || Fault::Here(failed(format!("the gateway did not log in within {LOGIN:?}")));
                match login.unwrap_or_else(|_elapsed| Err(late())) {
                    Ok((gateway, late)) => {
                        pass(client, &early, gateway, &late).await;
                        return Ended::Session;
                    }
                    Err(fault) => fault,
                }
            }
            Err(fault) => fault,
        };
        match fault {
            Fault::Gone => Ended::Nothing,
            Fault::Gateway(words) => {
                client.shutdown().await.ok();
                Ended::Refused(words)
            }
            Fault::Here(refusal) => {
                let mut out = BytesMut::new();
                refusal.write_fatal(&mut out);
                if client.write_all(&out).await.is_ok() {
                    client.shutdown().await.ok();
                }
                Ended::Refused(refusal.message().to_owned())
            }
        }
    }

    /// Everything up to the startup packet. There is no encryption here: the client is on this machine.
    async fn begin<S>(&self, client: &mut S) -> Result<First, Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut opener = Opener::new();
        let mut input = BytesMut::with_capacity(1024);
        loop {
            let found = opener.look(&input).map_err(|error| match error.sqlstate() {
                Some(state) => Fault::Here(Refusal::new(state, error.to_string())),
                None => Fault::Gone,
            })?;
            let taken = match found {
                None => {
                    if client.read_buf(&mut input).await.map_err(gone)? == 0 {
                        return Err(Fault::Gone);
                    }
                    continue;
                }
                Some((Opening::DirectTls, _)) => return Err(Fault::Gone),
                Some((Opening::Cancel(cancel), _)) => {
                    let mut request = BytesMut::new();
                    write_cancel_request(&mut request, cancel.process, cancel.key)
                        .map_err(|_key| Fault::Gone)?;
                    return Ok(First::Cancel(request));
                }
                Some((Opening::Startup(packet), taken)) => {
                    let startup = startup(&packet, self.connection.as_str()).map_err(Fault::Here)?;
                    input.advance(taken);
                    return Ok(First::Startup(startup, input));
                }
                Some((Opening::Ssl | Opening::Gss, taken)) => taken,
            };
            input.advance(taken);
            client.write_all(b"N").await.map_err(gone)?;
            client.flush().await.map_err(gone)?;
        }
    }

    /// Logs in. Gives the gateway's stream, and what it has sent behind the login.
    async fn log_in<S>(&self, client: &mut S, startup: &[u8]) -> Result<(Stream, BytesMut), Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let broken = |_error: io::Error| Fault::Here(broken());
        let mut gateway = self.open().await.map_err(Fault::Here)?;
        send(&mut gateway, startup).await.map_err(broken)?;
        let mut scanner = Scanner::<BackTag>::new(Limits::default());
        let mut input = BytesMut::with_capacity(1024);
        let mut token_sent = false;
        loop {
            let part = scanner.take(&mut input).map_err(|error| Fault::Here(failed(error.to_string())))?;
            let (tag, frame) = match part {
                Some(Part::Frame(tag, frame)) => (tag, frame),
                Some(Part::Long(..) | Part::Piece(..)) => return Err(Fault::Here(stranger())),
                None => {
                    if gateway.read_buf(&mut input).await.map_err(broken)? == 0 {
                        return Err(Fault::Here(self::broken()));
                    }
                    continue;
                }
            };
            match BackMessage::read(tag, body(&frame)) {
                Ok(BackMessage::Authentication(Authentication::CleartextPassword)) if !token_sent => {
                    let token = (self.tokens)().await.map_err(|words| Fault::Here(no_token(&words)))?;
                    let mut out = BytesMut::new();
                    write_password(&mut out, token.expose()).map_err(|_unfit| {
                        Fault::Here(no_token("what its source gives is none: too long, or a zero byte in it"))
                    })?;
                    send(&mut gateway, &out).await.map_err(broken)?;
                    token_sent = true;
                }
                Ok(BackMessage::Authentication(Authentication::Ok)) if token_sent => {
                    client.write_all(&frame).await.map_err(gone)?;
                    return Ok((gateway, input));
                }
                Ok(BackMessage::ErrorResponse(report)) => {
                    client.write_all(&frame).await.map_err(gone)?;
                    let words = report.field(Field::MESSAGE).unwrap_or_default();
                    return Err(Fault::Gateway(String::from_utf8_lossy(words).into_owned()));
                }
                Ok(BackMessage::NoticeResponse(_) | BackMessage::NegotiateProtocolVersion(_)) => {
                    client.write_all(&frame).await.map_err(gone)?;
                }
                // No proof at all, a proof of another kind, the token a second time: whoever asks for that is
                // no gateway.
                Ok(_) | Err(_) => return Err(Fault::Here(stranger())),
            }
        }
    }

    /// A stream to the gateway: with TLS wherever it has it, without only to this machine.
    async fn open(&self) -> Result<Stream, Refusal> {
        let away = |error: DialError| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            failed(format!("no way to the gateway: {error}{}", cause.unwrap_or_default()))
        };
        let opening = async {
            let mut tcp = dial::connect(&self.gateway).await.map_err(|error| {
                away(error).hinted("Is it running, and is this its address for PostgreSQL? hoopctl doctor")
            })?;
            let there = tcp.peer_addr().and_then(|there| keep_alive(&tcp).map(|()| there.ip()));
            let there = there.map_err(|_error| broken())?;
            match ask_for_tls(&mut tcp).await.map_err(|_error| broken())? {
                b'S' => {
                    let config = tls::client_config(self.ca_file.as_deref(), &[ALPN])
                        .map_err(|error| failed(format!("no TLS with the gateway: {error}")))?;
                    dial::secure(tcp, &self.gateway, &config).await.map_err(|error| {
                        away(error).hinted(
                            "The gateway's name must be in its certificate (--gateway), and the certificate's authority be known (--ca-file).",
                        )
                    })
                }
                b'N' if may_be_plain(self.gateway.tls, there) => Ok(Stream::Plain(tcp)),
                b'N' => Err(failed("the gateway does not speak TLS, and no token is sent without")
                    .hinted("Is this the gateway? Its listener needs gateway.tls.")),
                _ => Err(stranger()),
            }
        };
        let (host, port) = (Arc::clone(&self.gateway.host), self.gateway.port);
        let opened = tokio::time::timeout(CONNECT, opening).await;
        opened.unwrap_or_else(|_elapsed| Err(away(DialError::TimedOut { host, port, limit: CONNECT })))
    }

    /// Passes a cancel request on. Nobody is told what comes of it, as with any server.
    async fn cancel(&self, request: &[u8]) {
        let Ok(mut gateway) = self.open().await else { return };
        let asking = async {
            send(&mut gateway, request).await?;
            // The gateway closes the stream once it has looked at the request.
            let mut rest = [0; 16];
            while gateway.read(&mut rest).await? > 0 {}
            Ok::<_, io::Error>(())
        };
        if !matches!(tokio::time::timeout(CANCEL, asking).await, Ok(Ok(()))) {
            tracing::debug!("a cancel request did not reach the gateway");
        }
    }
}

/// Whether nothing is given away without TLS: to this machine only, and not where the gateway is known to
/// have it.
fn may_be_plain(must_have_tls: bool, there: IpAddr) -> bool {
    !must_have_tls && there.to_canonical().is_loopback()
}

/// The startup packet for the gateway: as the client's, but with the connection as the database. `NAME/x`
/// stays, which is another database of the same connection.
fn startup(packet: &StartupPacket<'_>, connection: &str) -> Result<BytesMut, Refusal> {
    let mut parameters = Vec::new();
    for (name, value) in packet.parameters() {
        let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else {
            let words = "a parameter of the startup packet is not UTF-8";
            return Err(Refusal::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, words));
        };
        let value = match name {
            DATABASE => database(value, connection),
            // The gateway would ask for the token in the way of this user, and here it is always shown as a
            // password.
            USER if value == bearer::USER => connection,
            _ => value,
        };
        parameters.push((name, value));
    }
    if !parameters.iter().any(|(name, _)| *name == DATABASE) {
        parameters.push((DATABASE, connection));
    }
    let mut out = BytesMut::with_capacity(256);
    write_startup(&mut out, packet.version, parameters)
        .map_err(|error| Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, error.to_string()))?;
    Ok(out)
}

/// The database to ask for where a client asks for this one.
fn database<'a>(asked: &'a str, connection: &'a str) -> &'a str {
    match asked.split_once('/') {
        Some((name, database)) if name == connection && !database.is_empty() => asked,
        _ => connection,
    }
}

/// Lets bytes pass both ways, those first that came too early.
async fn pass<S>(mut client: S, early: &[u8], mut gateway: Stream, late: &[u8])
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let passing = async {
        send(&mut gateway, early).await?;
        client.write_all(late).await?;
        tokio::io::copy_bidirectional(&mut client, &mut gateway).await
    };
    if let Err(error) = passing.await {
        tracing::debug!(%error, "a session was cut");
    }
}

async fn send(gateway: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    gateway.write_all(bytes).await?;
    gateway.flush().await
}

/// The client's stream does not take or give any more.
fn gone(_error: io::Error) -> Fault {
    Fault::Gone
}

fn failed(words: impl Into<String>) -> Refusal {
    Refusal::new(SqlState::CONNECTION_FAILURE, words)
}

fn broken() -> Refusal {
    failed("the gateway closed the stream before the login was done")
        .hinted("It may be shutting down, or this is not its address for PostgreSQL.")
}

fn stranger() -> Refusal {
    failed("what answers there does not ask for a token as this gateway does, so it got none")
        .hinted("Is this the address of hoopctl's listener for PostgreSQL?")
}

fn no_token(words: &str) -> Refusal {
    Refusal::new(SqlState::INVALID_AUTHORIZATION, format!("no token for the gateway: {words}"))
        .hinted("Put a token where --token says, and connect again: it is read anew for each connection.")
}
