//! The client's side of a login: who may begin one, the token, the login at the target, and then the session.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::sync::watch;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Protocol;
use crate::domain::RequestId;
use crate::domain::sql;
use crate::pipeline::Arrival;
use crate::pipeline::Gate;
use crate::pipeline::Seat;
use crate::pipeline::snapshot::Governed;
use crate::protocol::postgres::bearer;
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
use crate::protocol::postgres::upstream::Unreachable;
use crate::protocol::postgres::upstream::Wish;
use crate::protocol::postgres::welcome;
use crate::protocol::postgres::welcome::Caller;
use crate::protocol::postgres::welcome::Guest;
use crate::protocol::postgres::welcome::say;
use crate::protocol::postgres::welcome::unwritten;
use crate::protocol::postgres::wire::back;
use crate::protocol::postgres::wire::back::BackendKey;
use crate::protocol::postgres::wire::back::Transaction;
use crate::protocol::postgres::wire::startup::Setting;
use crate::protocol::postgres::wire::startup::Startup;
use crate::transport::listen::keep_alive;
use crate::transport::strangers::Shut;
use crate::transport::strangers::Stranger;
use crate::transport::strangers::Strangers;
use crate::transport::stream::Stream;

/// The time that a client may take to send its token.
const LOGIN: Duration = Duration::from_mins(1);
/// The time for a client that is only told that it is refused.
const TOLD: Duration = Duration::from_secs(5);
/// The setting of a read-only session.
const READ_ONLY: &str = "default_transaction_read_only";

/// Serves PostgreSQL on the streams of one thread.
pub struct PostgresService {
    gate: Gate,
    judge: Arc<Judge>,
    cancels: Cancels,
    targets: Targets,
    strangers: Strangers,
    tls: Certificate,
}

impl PostgresService {
    /// Creates a service. All threads share the judge, the cancel keys, the catalogs, the strangers and the
    /// certificate.
    pub fn new(
        gate: Gate,
        judge: Arc<Judge>,
        cancels: Cancels,
        targets: Targets,
        strangers: Strangers,
        tls: Arc<ArcSwapOption<rustls::ServerConfig>>,
    ) -> Self {
        Self { gate, judge, cancels, targets, strangers, tls: Certificate::new(tls) }
    }

    /// Serves one client's stream until it ends. When `draining` turns true it finishes what it has begun and
    /// closes.
    pub async fn serve(self: Rc<Self>, stream: TcpStream, peer: SocketAddr, draining: watch::Receiver<bool>) {
        if let Err(error) = keep_alive(&stream) {
            tracing::debug!(%error, "a client's stream could not be set up");
            return;
        }
        let source = peer.ip().to_canonical();
        let Some(stranger) = self.strangers.enter(source) else {
            tracing::debug!(%source, "too many streams from here have not logged in; one was closed");
            return;
        };
        let patience = if stranger.shut.is_some() { TOLD } else { LOGIN };
        let welcome = tokio::time::timeout(patience, self.welcome(stream, source, stranger.shut));
        let Ok(Ok(Some(guest))) = welcome.await else { return };
        Box::pin(self.seat(guest, source, stranger, draining)).await;
    }

    /// Serves a client up to its token. `None` if the stream is done, with or without a message.
    async fn welcome(&self, tcp: TcpStream, source: IpAddr, shut: Option<Shut>) -> io::Result<Option<Guest>> {
        let tls = self.tls.config();
        let Some(mut caller) = welcome::receive(tcp, tls.as_ref(), &self.cancels).await? else {
            return Ok(None);
        };
        if let Some(shut) = shut {
            let (request, denied) = (RequestId::new(), self.refusal(shut));
            self.gate.refuse_stranger(arrival(request, source, None, &caller.startup), None, &denied);
            say(&mut caller.stream, &Refusal::of(&denied, request)).await?;
            return Ok(None);
        }
        let first = || self.gate.snapshot().issuers().status().into_iter().next();
        let by_bearer = caller.startup.user == bearer::USER;
        let issuer = if by_bearer { first().map(|status| status.issuer) } else { None };
        welcome::ask_for_token(caller, issuer.as_deref()).await
    }

    fn refusal(&self, shut: Shut) -> Denied {
        let bounds = self.strangers.bounds();
        match shut {
            Shut::Open => Denied::new(
                DenyCode::LimitExceeded,
                format!("{} streams from this address have not logged in yet; wait until some have", bounds.open),
            )
            .because("logins"),
            Shut::Failed { wait } => Denied {
                retry_after: Some(wait),
                ..Denied::new(
                    DenyCode::LimitExceeded,
                    format!(
                        "more than {} logins from this address have failed within a minute; try again in {} s",
                        bounds.failed,
                        wait.as_secs().saturating_add(1)
                    ),
                )
                .because("failed_logins")
            },
        }
    }

    /// Serves a client from its token to the end of its session.
    async fn seat(&self, guest: Guest, source: IpAddr, stranger: Stranger, draining: watch::Receiver<bool>) {
        let Guest { caller: Caller { mut stream, input, startup }, token } = guest;
        let request = RequestId::new();
        let database = place(&startup).1.map(str::to_owned);
        let shown = Some(token.as_str()).filter(|token| !token.is_empty());
        let seated = self.gate.log_in(arrival(request, source, shown, &startup)).await;
        // A client that asks by OAUTHBEARER where to get a token has not failed with one.
        let asked = shown.is_none() && startup.user == bearer::USER;
        // It is not needed any more, and a session may last for hours.
        drop(token);
        if !asked && seated.as_ref().is_err_and(is_failed_login) {
            stranger.failed();
        }
        // From here the client is known, or about to be gone.
        drop(stranger);
        let entered = match seated {
            Ok(seat) => self.enter(seat, &startup, database).await,
            Err(denied) => Err(denied),
        };
        let said = match entered {
            Ok(entered) => {
                // If nothing can be cancelled at the target (RDS Proxy gives no key), the client gets no key
                // either.
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
        let mut settings: Vec<(&str, &str)> = startup.forwarded().collect();
        if governed.connection.database.readonly {
            settings.push((READ_ONLY, "on"));
        }
        let entered = log_in(&seat, &governed, &database, &settings).await;
        // A pooler in between may have dropped the setting; a target that does not report it is believed.
        let told = |ready: &Ready| parameter(ready, READ_ONLY).is_none_or(|value| *value == *b"on");
        let entered = entered.and_then(|(stream, ready, input)| {
            if governed.connection.database.readonly && !told(&ready) {
                let detail = "this connection is read-only (readonly = true), and the target, or a pool before it, ignored default_transaction_read_only";
                return Err(Denied::new(DenyCode::UpstreamUnavailable, detail).because("readonly"));
            }
            Ok((stream, ready, input))
        });
        match entered {
            Ok((stream, ready, input)) => Ok(Entered { seat, stream, input, ready, database }),
            Err(denied) => {
                seat.record_failure(&denied);
                Err(denied)
            }
        }
    }

    /// Checks a search path in the startup packet, which is a `SET` before any statement: it needs the same
    /// policies.
    async fn may_set(&self, seat: &Seat, path: &str) -> Result<(), Denied> {
        // Only judged, never sent. Each schema is in quotes, so SQL reads the list as the server will.
        let text = format!("SET search_path TO {}", if path.is_empty() { "''" } else { path });
        let judgement = self.judge.judge(text.as_bytes(), Lexing::default()).await;
        let command = command::command(text.as_bytes(), &judgement, |_name| None, command::by_its_words);
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
            path: parameter(&ready, "search_path"),
            settings: startup.forwarded().map(|(name, value)| (name, value.to_owned())).collect(),
            reported: ready.parameters,
            cancel_key: ready.cancel,
            asked,
        };
        Box::pin(session::run(start, draining)).await;
    }
}

/// Returns the value of a setting that the target reported at the login.
fn parameter(ready: &Ready, wanted: &str) -> Option<Box<[u8]>> {
    let found = ready.parameters.iter().find(|(name, _)| name.as_str() == wanted)?;
    Some(found.1.as_bytes().into())
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

/// Returns what a client may know of why its target is not available: nothing about user, host or address.
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

/// Logs in at the target. If the target refuses the credential, fetches it again and tries once more if it
/// has changed.
async fn log_in(
    seat: &Seat,
    governed: &Governed,
    database: &str,
    settings: &[(&str, &str)],
) -> Result<(Stream, Ready, BytesMut), Denied> {
    let mut credential = seat.credential().await?;
    let mut again = true;
    loop {
        let password = credential.as_ref().and_then(|credential| credential.secret());
        let error = match upstream::log_in(Wish { governed, password, database, settings }).await {
            Ok(entered) => return Ok(entered),
            Err(error) => error,
        };
        if let (true, true, Some(old)) = (again, error.refuses_credential(), &credential)
            && let Some(new) = seat.credential_instead(old).await?
        {
            (credential, again) = (Some(new), false);
            continue;
        }
        tracing::error!(connection = %governed.connection.name, error = &error as &dyn std::error::Error, "no session at the target");
        return Err(unreachable(&error));
    }
}

/// Returns the connection and, if named, the database of a startup packet.
fn place(startup: &Startup) -> (&str, Option<&str>) {
    match startup.database.split_once('/') {
        Some((name, database)) => (name, Some(database)),
        None => (&startup.database, None),
    }
}

fn arrival<'a>(
    request: RequestId,
    source: IpAddr,
    token: Option<&'a str>,
    startup: &'a Startup,
) -> Arrival<'a> {
    Arrival {
        request,
        source,
        token,
        protocol: Protocol::Postgres,
        connection: place(startup).0,
        method: "LOGIN",
        path: &startup.database,
    }
}

/// Returns whether a refusal is the caller's own doing. One that may have another cause, such as an
/// unavailable issuer, counts against nobody.
fn is_failed_login(denied: &Denied) -> bool {
    matches!(denied.code, DenyCode::Unauthenticated | DenyCode::NoSuchConnection | DenyCode::Locked)
}

/// Completes the client's login: the target's settings, and the key for cancel requests.
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

#[cfg(test)]
mod tests;
