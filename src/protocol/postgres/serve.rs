//! The client's side of a login: encryption, the startup packet, the token that comes as a password, and then the session.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Buf;
use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroize;
use zeroize::Zeroizing;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Protocol;
use crate::domain::RequestId;
use crate::domain::sql;
use crate::pipeline::Arrival;
use crate::pipeline::Gate;
use crate::pipeline::Seat;
use crate::protocol::postgres::cancel::Cancellable;
use crate::protocol::postgres::cancel::Cancels;
use crate::protocol::postgres::certificate::Certificate;
use crate::protocol::postgres::command;
use crate::protocol::postgres::judge::Judge;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::login::LoginError;
use crate::protocol::postgres::login::Ready;
use crate::protocol::postgres::login::TargetRefusal;
use crate::protocol::postgres::login::TransactionStatus;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::session;
use crate::protocol::postgres::session::Start;
use crate::protocol::postgres::targets::Targets;
use crate::protocol::postgres::upstream;
use crate::protocol::postgres::upstream::ALPN;
use crate::protocol::postgres::upstream::Unreachable;
use crate::protocol::postgres::upstream::Wish;
use crate::protocol::postgres::wire::back;
use crate::protocol::postgres::wire::back::BackendKey;
use crate::protocol::postgres::wire::back::Transaction;
use crate::protocol::postgres::wire::error::WriteError;
use crate::protocol::postgres::wire::frame::Limits;
use crate::protocol::postgres::wire::frame::Part;
use crate::protocol::postgres::wire::frame::Scanner;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::front::FrontMessage;
use crate::protocol::postgres::wire::opening::Opener;
use crate::protocol::postgres::wire::opening::Opening;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::startup::Setting;
use crate::protocol::postgres::wire::startup::Startup;
use crate::protocol::postgres::wire::tag::FrontTag;
use crate::transport::listen::keep_alive;
use crate::transport::stream::Stream;

/// How long a client may take from its first byte to its token.
const LOGIN: Duration = Duration::from_mins(1);
/// The first byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// Serves PostgreSQL on the streams of one thread.
pub struct PostgresService {
    gate: Gate,
    judge: Arc<Judge>,
    cancels: Cancels,
    targets: Targets,
    tls: Certificate,
}

/// A client that has said what it wants and shown a token.
struct Guest {
    stream: Stream,
    input: BytesMut,
    startup: Startup,
    token: Zeroizing<String>,
}

impl PostgresService {
    /// A service. All threads share the judge, the cancels, the catalogues and the certificate.
    pub fn new(
        gate: Gate,
        judge: Arc<Judge>,
        cancels: Cancels,
        targets: Targets,
        tls: Arc<ArcSwapOption<rustls::ServerConfig>>,
    ) -> Self {
        Self { gate, judge, cancels, targets, tls: Certificate::new(tls) }
    }

    /// Serves one client's stream to its end. When `draining` turns true it finishes what it has begun and closes.
    pub async fn serve(self: Rc<Self>, stream: TcpStream, peer: SocketAddr, draining: watch::Receiver<bool>) {
        if let Err(error) = keep_alive(&stream) {
            tracing::debug!(%error, "a client's stream could not be set up");
            return;
        }
        let welcome = tokio::time::timeout(LOGIN, self.welcome(stream));
        let Ok(Ok(Some(guest))) = welcome.await else { return };
        Box::pin(self.seat(guest, peer.ip().to_canonical(), draining)).await;
    }

    /// Everything up to the token. `None`: the stream is done, with a word or without.
    async fn welcome(&self, tcp: TcpStream) -> io::Result<Option<Guest>> {
        let tls = self.tls.config();
        let here = tcp.local_addr()?.ip();
        let mut opener = Opener::new();
        let mut first = [0];
        // Only looked at: the handshake itself must see it.
        if tcp.peek(&mut first).await? == 0 {
            return Ok(None);
        }
        let mut stream = match (first, &tls) {
            ([TLS_HANDSHAKE], Some(tls)) => {
                opener.encrypted();
                match TlsAcceptor::from(Arc::clone(tls)).accept(tcp).await? {
                    // Without the name another protocol could be talked into speaking this one.
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
                    self.cancels.ask(&cancel);
                    return Ok(None);
                }
                Ok(Some((Opening::Ssl, taken))) => {
                    input.advance(taken);
                    stream = match (stream, &tls) {
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
            return ask_for_token(stream, input, startup).await;
        }
    }

    /// From the token to the end of the session.
    async fn seat(&self, guest: Guest, source: IpAddr, draining: watch::Receiver<bool>) {
        let Guest { mut stream, input, startup, token } = guest;
        let request = RequestId::new();
        let (name, database) = match startup.database.split_once('/') {
            Some((name, database)) => (name, Some(database.to_owned())),
            None => (startup.database.as_str(), None),
        };
        let arrival = Arrival {
            request,
            source,
            token: Some(token.as_str()).filter(|token| !token.is_empty()),
            protocol: Protocol::Postgres,
            connection: name,
            method: "LOGIN",
            path: &startup.database,
        };
        let seated = self.gate.log_in(arrival).await;
        // Nothing asks for it any more, and a session may last for hours.
        drop(token);
        let entered = match seated {
            Ok(seat) => self.enter(seat, &startup, database).await,
            Err(denied) => Err(denied),
        };
        let said = match entered {
            Ok(entered) => {
                // Where nothing can be cancelled at the target (RDS Proxy gives no key), the client is not told that it could.
                let cancellable = entered
                    .ready
                    .cancel
                    .as_ref()
                    .map(|key| self.cancels.enter(startup.spoken, key.process.cast_signed()));
                match greet(&mut stream, &entered.ready, cancellable.as_ref(), &startup).await {
                    Ok(()) => {
                        let asked = cancellable.as_ref().map(|session| Arc::clone(&session.asked));
                        let asked = asked.unwrap_or_default();
                        self.run(entered, &startup, (stream, input), asked, draining).await;
                        Ok(())
                    }
                    Err(error) => Err(error),
                }
            }
            Err(denied) => say(&mut stream, &Refusal::of(&denied, request)).await,
        };
        if let Err(error) = said {
            tracing::debug!(%error, "a client left while it logged in");
        }
    }

    /// Logs in at the target.
    async fn enter(
        &self,
        seat: Seat,
        startup: &Startup,
        database: Option<String>,
    ) -> Result<Entered, Denied> {
        if let Some(path) = startup.setting(Setting::SearchPath) {
            self.may_set(&seat, path).await.inspect_err(|denied| seat.record_failure(denied))?;
        }
        let governed = seat.governed();
        let database = database.unwrap_or_else(|| governed.connection.upstream.database().to_owned());
        let entered = match seat.credential().await {
            Ok(credential) => {
                let mut settings: Vec<(&str, &str)> = startup.forwarded().collect();
                if governed.connection.database.readonly {
                    settings.push(("default_transaction_read_only", "on"));
                }
                let wish = Wish {
                    governed: &governed,
                    password: credential.as_ref().map(|credential| credential.secret()),
                    database: &database,
                    settings: &settings,
                };
                upstream::log_in(wish).await.map_err(|error| {
                    tracing::error!(connection = %governed.connection.name, error = &error as &dyn std::error::Error, "no session at the target");
                    unreachable(&error)
                })
            }
            Err(denied) => Err(denied),
        };
        match entered {
            Ok((stream, ready, input)) => Ok(Entered { seat, stream, input, ready, database }),
            Err(denied) => {
                seat.record_failure(&denied);
                Err(denied)
            }
        }
    }

    /// A search path in the startup packet is a `SET` that comes before any statement: it needs the same policies.
    async fn may_set(&self, seat: &Seat, path: &str) -> Result<(), Denied> {
        // Only judged, never sent. What is more than a path makes it more than one statement, or none.
        let text = format!("SET search_path TO {path}");
        let judgement = self.judge.judge(text.as_bytes(), Lexing::default()).await;
        let command = command::command(text.as_bytes(), &judgement, |_name| None, |_function| false);
        if seat.prepare(&command, ())?.is_some() {
            return Ok(());
        }
        let detail = "no policy allows the search_path of this startup packet; leave it out, or ask for a policy with verbs = [\"set\"]";
        Err(Denied::new(DenyCode::Denied, detail).because("search_path"))
    }

    async fn run(
        &self,
        entered: Entered,
        startup: &Startup,
        (client, client_input): (Stream, BytesMut),
        asked: Arc<Notify>,
        draining: watch::Receiver<bool>,
    ) {
        let Entered { seat, stream, input, ready, database } = entered;
        let start = Start {
            seat,
            judge: Arc::clone(&self.judge),
            targets: self.targets.clone(),
            client,
            client_input,
            target: stream,
            target_input: input,
            database,
            lexing: Lexing {
                standard_conforming_strings: ready.standard_conforming_strings() != Some(false),
            },
            transaction: transaction(ready.status),
            moved: startup.setting(Setting::SearchPath).is_some_and(|path| !sql::is_usual(path)),
            cancel_key: ready.cancel,
            asked,
        };
        Box::pin(session::run(start, draining)).await;
    }
}

/// A caller with its session at the target.
struct Entered {
    seat: Seat,
    stream: Stream,
    input: BytesMut,
    ready: Ready,
    database: String,
}

const fn transaction(status: TransactionStatus) -> Transaction {
    match status {
        TransactionStatus::Failed => Transaction::Failed,
        TransactionStatus::Idle => Transaction::Idle,
        TransactionStatus::Open => Transaction::Open,
    }
}

/// What a client may know of why its target is not to be had: nothing of user, host or address there.
fn unreachable(error: &Unreachable) -> Denied {
    let operator = "the gateway cannot log in at the target; tell its operator";
    match error {
        Unreachable::Login(LoginError::Target { refusal: TargetRefusal::Database, .. }) => {
            Denied::new(DenyCode::NoSuchConnection, "the target has no such database")
                .because("target_database")
        }
        Unreachable::Login(LoginError::Target { refusal: TargetRefusal::Busy, .. }) => Denied::new(
            DenyCode::Overloaded,
            "the target takes no more sessions at the moment; try again later",
        )
        .because("target_busy"),
        Unreachable::Login(LoginError::Target { refusal: TargetRefusal::Parameter, .. }) => {
            Denied::new(DenyCode::BadRequest, "the target does not take a parameter of this startup packet")
                .because("target_parameter")
        }
        Unreachable::Login(LoginError::Target { refusal: TargetRefusal::Unavailable, .. })
        | Unreachable::Dial(_)
        | Unreachable::Broken(_)
        | Unreachable::TimedOut(_) => {
            Denied::new(DenyCode::UpstreamUnavailable, "the target cannot be reached; try again later")
                .because("target_unreachable")
        }
        _ => Denied::new(DenyCode::UpstreamCredential, operator).because("target_login"),
    }
}

/// Asks for the password, which is the token.
async fn ask_for_token(
    mut stream: Stream,
    mut input: BytesMut,
    startup: Startup,
) -> io::Result<Option<Guest>> {
    let mut out = BytesMut::new();
    if let Some(newest) = startup.negotiation() {
        back::write_negotiation(&mut out, newest, &startup.unknown_options).map_err(unwritten)?;
    }
    back::write_authentication_cleartext(&mut out);
    stream.write_all(&out).await?;
    stream.flush().await?;
    let mut scanner = Scanner::<FrontTag>::new(Limits::default());
    // A buffer that grows leaves the beginning of the token behind.
    input.reserve(8 << 10);
    loop {
        match scanner.take(&mut input) {
            Ok(None) => {
                if stream.read_buf(&mut input).await? == 0 {
                    return Ok(None);
                }
            }
            Ok(Some(Part::Frame(FrontTag::Password, mut frame))) => {
                let password = match FrontMessage::read(FrontTag::Password, body(&frame)) {
                    Ok(FrontMessage::Password(password)) => password.cleartext(),
                    Ok(_) => return Ok(None),
                    Err(error) => Err(error),
                };
                // What is no text is no token either: the gate says so, and records it.
                let token = password.ok().and_then(|token| std::str::from_utf8(token).ok());
                let token = Zeroizing::new(token.unwrap_or_default().to_owned());
                // The buffer lives on with the session.
                frame.zeroize();
                return Ok(Some(Guest { stream, input, startup, token }));
            }
            Ok(Some(_)) | Err(_) => {
                let words = "a password was expected: the token";
                say(&mut stream, &Refusal::new(SqlState::PROTOCOL_VIOLATION, words)).await?;
                return Ok(None);
            }
        }
    }
}

/// Lets the client in: what the target has told of the session, and how to cancel in it.
async fn greet(
    stream: &mut Stream,
    ready: &Ready,
    cancellable: Option<&Cancellable>,
    startup: &Startup,
) -> io::Result<()> {
    let mut out = BytesMut::with_capacity(1024);
    back::write_authentication_ok(&mut out);
    for (name, value) in &ready.parameters {
        back::write_parameter_status(&mut out, name.as_bytes(), value.as_bytes()).map_err(unwritten)?;
    }
    if let Some(cancellable) = cancellable {
        let key = BackendKey { process: cancellable.process, key: &cancellable.key };
        back::write_backend_key(&mut out, startup.spoken, &key).map_err(unwritten)?;
    }
    back::write_ready(&mut out, transaction(ready.status));
    stream.write_all(&out).await?;
    stream.flush().await
}

fn unwritten(error: WriteError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Says the last word to a client that does not get in.
async fn say(stream: &mut Stream, refusal: &Refusal) -> io::Result<()> {
    let mut out = BytesMut::new();
    refusal.write_fatal(&mut out);
    stream.write_all(&out).await?;
    stream.shutdown().await
}
