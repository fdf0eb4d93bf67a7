//! The beginning of a client's stream: encryption, the startup packet, and the token, as a password or by
//! OAUTHBEARER.

use std::io;
use std::sync::Arc;

use bytes::Buf;
use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroize;
use zeroize::Zeroizing;

use crate::protocol::postgres::bearer;
use crate::protocol::postgres::bearer::Shown;
use crate::protocol::postgres::cancel::Cancels;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::upstream::ALPN;
use crate::protocol::postgres::wire::back;
use crate::protocol::postgres::wire::error::WriteError;
use crate::protocol::postgres::wire::frame::Limits;
use crate::protocol::postgres::wire::frame::Part;
use crate::protocol::postgres::wire::frame::Scanner;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::front::FrontMessage;
use crate::protocol::postgres::wire::front::Password;
use crate::protocol::postgres::wire::opening::Opener;
use crate::protocol::postgres::wire::opening::Opening;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::startup::Startup;
use crate::protocol::postgres::wire::tag::FrontTag;
use crate::transport::stream::Stream;

/// The first byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// A client that has sent its startup packet.
pub(super) struct Caller {
    pub(super) stream: Stream,
    pub(super) input: BytesMut,
    pub(super) startup: Startup,
}

/// A client that has sent a token, or something in its place; empty if it cannot be read.
pub(super) struct Guest {
    pub(super) caller: Caller,
    pub(super) token: Zeroizing<String>,
}

/// Reads a client's stream up to the startup packet. `tls` has the ALPN name of this protocol; with `None`
/// the listener is plain. Returns `None` if the stream is done, with or without a message.
pub(super) async fn receive(
    tcp: TcpStream,
    tls: Option<&Arc<rustls::ServerConfig>>,
    cancels: &Cancels,
) -> io::Result<Option<Caller>> {
    let here = tcp.local_addr()?.ip();
    let mut opener = Opener::new();
    let mut first = [0];
    // Only looked at: the handshake itself must read it.
    if tcp.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    let mut stream = match (first, tls) {
        ([TLS_HANDSHAKE], Some(tls)) => {
            opener.encrypted();
            match TlsAcceptor::from(Arc::clone(tls)).accept(tcp).await? {
                // Without the ALPN name, a client of another protocol could be tricked into speaking this
                // one.
                accepted if accepted.get_ref().1.alpn_protocol() == Some(ALPN) => {
                    Stream::TlsServer(Box::new(accepted))
                }
                _ => return Ok(None),
            }
        }
        _ => Stream::Plain(tcp),
    };
    let mut input = BytesMut::with_capacity(1024);
    loop {
        let (taken, startup) = match opener.look(&input) {
            Ok(None) => {
                if stream.read_buf(&mut input).await? == 0 {
                    return Ok(None);
                }
                continue;
            }
            Ok(Some((Opening::Startup(packet), taken))) => (taken, Startup::read(&packet)),
            Ok(Some((Opening::Cancel(cancel), _))) => {
                cancels.ask(&cancel);
                return Ok(None);
            }
            Ok(Some((Opening::Ssl, taken))) => {
                input.advance(taken);
                stream = match (stream, tls) {
                    (Stream::Plain(mut tcp), Some(tls)) => {
                        tcp.write_all(b"S").await?;
                        opener.encrypted();
                        Stream::TlsServer(Box::new(TlsAcceptor::from(Arc::clone(tls)).accept(tcp).await?))
                    }
                    (mut stream, _) => {
                        stream.write_all(b"N").await?;
                        stream
                    }
                };
                continue;
            }
            Ok(Some((Opening::Gss, taken))) => {
                input.advance(taken);
                stream.write_all(b"N").await?;
                continue;
            }
            Ok(Some((Opening::DirectTls, _))) => return Ok(None),
            Err(error) => {
                if let Some(state) = error.sqlstate() {
                    say(&mut stream, &Refusal::new(state, error.to_string())).await?;
                }
                return Ok(None);
            }
        };
        let startup = match startup {
            Ok(startup) => startup,
            Err(error) => {
                say(&mut stream, &Refusal::new(error.sqlstate(), error.to_string())).await?;
                return Ok(None);
            }
        };
        input.advance(taken);
        if tls.is_some() && matches!(stream, Stream::Plain(_)) && !here.is_loopback() {
            let words = "this listener wants TLS: connect with sslmode=require, or better verify-full";
            say(&mut stream, &Refusal::new(SqlState::INVALID_AUTHORIZATION, words)).await?;
            return Ok(None);
        }
        return Ok(Some(Caller { stream, input, startup }));
    }
}

/// Asks for the token: as a password, or by OAUTHBEARER if the user is [`bearer::USER`]. A client without a
/// token is told the `issuer`.
pub(super) async fn ask_for_token(mut caller: Caller, issuer: Option<&str>) -> io::Result<Option<Guest>> {
    let by_bearer = caller.startup.user == bearer::USER;
    let mut out = BytesMut::new();
    if let Some(newest) = caller.startup.negotiation() {
        back::write_negotiation(&mut out, newest, &caller.startup.unknown_options).map_err(unwritten)?;
    }
    if by_bearer {
        back::write_authentication_sasl(&mut out, &[bearer::MECHANISM]).map_err(unwritten)?;
    } else {
        back::write_authentication_cleartext(&mut out);
    }
    caller.stream.write_all(&out).await?;
    caller.stream.flush().await?;
    let Some(mut frame) = next_password(&mut caller).await? else { return Ok(None) };
    let token = match FrontMessage::read(FrontTag::Password, body(&frame)) {
        Ok(FrontMessage::Password(password)) if by_bearer => of_bearer(&password),
        // Anything that is not text is not a token either: the gate says so, and records it.
        Ok(FrontMessage::Password(password)) => Some(of_password(&password)),
        _ => return Ok(None),
    };
    // The buffer lives on with the session.
    frame.zeroize();
    let Some(token) = token else {
        let words = "a token was expected by OAUTHBEARER (RFC 7628)";
        say(&mut caller.stream, &Refusal::new(SqlState::PROTOCOL_VIOLATION, words)).await?;
        return Ok(None);
    };
    if by_bearer && token.is_empty() {
        // The client asks where to get one. It must answer before it is refused (RFC 7628, 3.2.3).
        let mut out = BytesMut::new();
        let challenge = bearer::challenge(issuer);
        back::write_authentication_sasl_continue(&mut out, &challenge).map_err(unwritten)?;
        caller.stream.write_all(&out).await?;
        caller.stream.flush().await?;
        if next_password(&mut caller).await?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(Guest { caller, token }))
}

fn of_password(password: &Password<'_>) -> Zeroizing<String> {
    let token = password.cleartext().ok().and_then(|token| std::str::from_utf8(token).ok());
    Zeroizing::new(token.unwrap_or_default().to_owned())
}

/// Returns the token in a client's first message; empty if it has none yet, `None` if the message is
/// malformed.
fn of_bearer(password: &Password<'_>) -> Option<Zeroizing<String>> {
    let initial = password.sasl_initial().ok()?;
    if initial.mechanism != bearer::MECHANISM.as_bytes() {
        return None;
    }
    Some(Zeroizing::new(match bearer::read(initial.response?)? {
        Shown::Nothing => String::new(),
        Shown::Token(token) => token.to_owned(),
    }))
}

/// Returns the next message, which must be a password. `None` if the stream is done.
async fn next_password(caller: &mut Caller) -> io::Result<Option<BytesMut>> {
    let mut scanner = Scanner::<FrontTag>::new(Limits::default());
    // A buffer that grows would leave the beginning of the token behind.
    caller.input.reserve(8 << 10);
    loop {
        match scanner.take(&mut caller.input) {
            Ok(None) => {
                if caller.stream.read_buf(&mut caller.input).await? == 0 {
                    return Ok(None);
                }
            }
            Ok(Some(Part::Frame(FrontTag::Password, frame))) => return Ok(Some(frame)),
            Ok(Some(_)) | Err(_) => {
                let words = "a password was expected: the token";
                say(&mut caller.stream, &Refusal::new(SqlState::PROTOCOL_VIOLATION, words)).await?;
                return Ok(None);
            }
        }
    }
}

/// Turns a message that cannot be written into an error of its stream.
pub(super) fn unwritten(error: WriteError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Sends the last message to a client that is refused.
pub(super) async fn say(stream: &mut Stream, refusal: &Refusal) -> io::Result<()> {
    let mut out = BytesMut::new();
    refusal.write_fatal(&mut out);
    stream.write_all(&out).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests;
