//! A local relay for clients that cannot send a token: it asks them for nothing, and logs in at a gateway in
//! their place.
//!
//! It runs on the user's machine, not in the gateway, and decides nothing: the gateway verifies the token and
//! judges each statement. The token is sent once for each login, only in reply to the gateway's request for a
//! cleartext password, and never in clear to another machine. Everything after the login passes unchanged.

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

/// The time that a client may take until its startup packet.
const OPENING: Duration = Duration::from_mins(1);
/// The time to connect to the gateway, including TLS.
const CONNECT: Duration = Duration::from_secs(10);
/// The time that a login may take, including the connection to the gateway and the gateway's login at the
/// target.
const LOGIN: Duration = Duration::from_mins(2);
/// The time that a cancel request may take, once the gateway is connected.
const CANCEL: Duration = Duration::from_secs(10);
/// The startup parameter that names the connection.
const DATABASE: &str = "database";
/// The startup parameter that names the user.
const USER: &str = "user";

/// The gateway to log in at, and the credential.
pub struct Relay<T> {
    /// The gateway. `tls` says that it must speak TLS; otherwise TLS is still used if the gateway has it, and
    /// plain streams go to this machine only.
    pub gateway: Upstream,
    /// The certificate authorities in place of the machine's.
    pub ca_file: Option<PathBuf>,
    /// The connection that clients get.
    pub connection: ConnectionName,
    /// Returns the token for one login; else why there is none, in words for the user, without any part of a
    /// token.
    pub tokens: T,
}

/// How a client's stream ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client was logged in, and left.
    Session,
    /// The client was not logged in. The message that it got.
    Refused(String),
    /// The client asked to cancel a statement of another stream.
    Cancel,
    /// The client asked for nothing, or left before it was logged in.
    Nothing,
}

/// Why there is no session.
enum Fault {
    /// The client is gone, or speaks another protocol.
    Gone,
    /// The gateway refused; the client has got its error already.
    Gateway(String),
    /// The relay itself fails.
    Here(Refusal),
}

/// The first thing that a client asks for.
enum First {
    /// The `CancelRequest` for the gateway.
    Cancel(BytesMut),
    /// The startup packet for the gateway, and the bytes that the client has sent after its own.
    Startup(BytesMut, BytesMut),
}

impl<T> Relay<T>
where
    T: AsyncFn() -> Result<Arc<Secret>, String>,
{
    /// Serves one client until it ends.
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

    /// Reads up to the startup packet. There is no encryption here: the client is on this machine.
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

    /// Logs in at the gateway. Returns its stream, and the bytes that it has sent after the login.
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
                // No request for a proof, a request for another kind, or a second request for the token: this
                // is not a gateway.
                Ok(_) | Err(_) => return Err(Fault::Here(stranger())),
            }
        }
    }

    /// Opens a stream to the gateway: with TLS if the gateway has it, without only to this machine.
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

    /// Passes a cancel request on. The result is not reported, as with any server.
    async fn cancel(&self, request: &[u8]) {
        let Ok(mut gateway) = self.open().await else { return };
        let asking = async {
            send(&mut gateway, request).await?;
            // The gateway closes the stream once it has handled the request.
            let mut rest = [0; 16];
            while gateway.read(&mut rest).await? > 0 {}
            Ok::<_, io::Error>(())
        };
        if !matches!(tokio::time::timeout(CANCEL, asking).await, Ok(Ok(()))) {
            tracing::debug!("a cancel request did not reach the gateway");
        }
    }
}

/// Returns whether the stream may be without TLS: to this machine only, and not if the gateway is known to
/// have TLS.
fn may_be_plain(must_have_tls: bool, there: IpAddr) -> bool {
    !must_have_tls && there.to_canonical().is_loopback()
}

/// Returns the startup packet for the gateway: that of the client, with the connection as the database.
/// `NAME/x`, another database of the same connection, stays as it is.
fn startup(packet: &StartupPacket<'_>, connection: &str) -> Result<BytesMut, Refusal> {
    let mut parameters = Vec::new();
    for (name, value) in packet.parameters() {
        let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else {
            let words = "a parameter of the startup packet is not UTF-8";
            return Err(Refusal::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, words));
        };
        let value = match name {
            DATABASE => database(value, connection),
            // The gateway would ask this user for the token by OAUTHBEARER; the relay always sends it as a
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

/// Returns the database to ask for if a client asks for this one.
fn database<'a>(asked: &'a str, connection: &'a str) -> &'a str {
    match asked.split_once('/') {
        Some((name, database)) if name == connection && !database.is_empty() => asked,
        _ => connection,
    }
}

/// Passes bytes both ways, beginning with those that came early.
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

/// Turns an error of the client's stream into a fault.
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
