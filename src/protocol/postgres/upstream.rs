//! The target's side: the login with the gateway's credential, and the only place that sends bytes to a
//! target. Each command takes a [`Permit`]; messages that need none are a closed list without SQL
//! ([`Control`], [`Substitute`]).

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Buf;
use bytes::Bytes;
use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::WriteHalf;
use tokio::net::TcpStream;

use crate::domain::Injection;
use crate::domain::Secret;
use crate::domain::connection::ConnectionName;
use crate::domain::connection::Upstream;
use crate::pipeline::Permit;
use crate::pipeline::Preparation;
use crate::pipeline::ReplyGuard;
use crate::pipeline::snapshot::Governed;
use crate::protocol::postgres::login;
use crate::protocol::postgres::login::CancelKey;
use crate::protocol::postgres::login::Channel;
use crate::protocol::postgres::login::EndPoint;
use crate::protocol::postgres::login::Login;
use crate::protocol::postgres::login::LoginError;
use crate::protocol::postgres::login::Means;
use crate::protocol::postgres::login::Ready;
use crate::protocol::postgres::login::Step;
use crate::protocol::postgres::wire::error::WriteError;
use crate::protocol::postgres::wire::front;
use crate::protocol::postgres::wire::front::Binding;
use crate::protocol::postgres::wire::front::Named;
use crate::protocol::postgres::wire::opening;
use crate::protocol::postgres::wire::opening::Version;
use crate::transport::certificate::OwnCertificate;
use crate::transport::dial;
use crate::transport::dial::DialError;
use crate::transport::stream::Stream;
use crate::transport::tls;
use crate::transport::tls::TlsError;

/// The ALPN name of this protocol.
pub const ALPN: &[u8] = b"postgresql";
/// The time that a login at the target may take, once connected.
const LOGIN: Duration = Duration::from_secs(30);
/// The time that a cancel request may take.
const CANCEL: Duration = Duration::from_secs(10);
/// A text that is not valid SQL on any server.
const UNPARSABLE: &[u8] = b"refused by hoopctl";

/// Why there is no session at the target.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// There is no stream.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The TLS settings cannot be made.
    #[error(transparent)]
    Settings(#[from] TlsError),
    /// The stream broke.
    #[error("the stream to the target broke while logging in")]
    Broken(#[source] io::Error),
    /// The target has no TLS, which the connection requires.
    #[error(
        "the target does not speak TLS; set ssl = on there, or sslmode=disable in the upstream if the way to it is safe"
    )]
    NoTls,
    /// The target did not answer the request for TLS with one of the two letters.
    #[error("the target is no PostgreSQL server: it answered 0x{0:02x} to a request for TLS")]
    NotPostgres(u8),
    /// The target's certificate cannot be read.
    #[error("the target's certificate cannot be read")]
    Certificate,
    /// The key of the connection's certificate is not available.
    #[error("the key of the connection's certificate (sslkey) is not at hand")]
    NoKey,
    /// The target ended TLS, most likely because it does not accept the gateway's certificate.
    #[error("the target ended TLS ({0:?}); look whether it trusts the certificate of sslcert")]
    Alert(rustls::AlertDescription),
    /// The login failed.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// A message cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It took too long.
    #[error("the target did not answer the login within {0:?}")]
    TimedOut(Duration),
    /// The connection has neither `password:USER:SRC` nor `certificate:USER`.
    #[error("the connection has no login: set inject = \"password:USER:SOURCE\" or \"certificate:USER\"")]
    NoLogin,
}

impl Unreachable {
    /// Returns whether the target refuses the credential or certificate of the gateway.
    pub fn refuses_credential(&self) -> bool {
        matches!(self, Self::Alert(_) | Self::Login(LoginError::CredentialRefused))
    }
}

/// What to ask the target for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The connection.
    pub governed: &'a Governed,
    /// The gateway's password; `None` if the connection has only a certificate.
    pub password: Option<&'a Arc<Secret>>,
    /// The database.
    pub database: &'a str,
    /// The further settings of the startup packet: names and values.
    pub settings: &'a [(&'a str, &'a str)],
}

/// The targets that were warned about, once for each connection.
static WEAK: Mutex<BTreeSet<(ConnectionName, String)>> = Mutex::new(BTreeSet::new());

/// Warns, once for each connection, of a target that stores the password with too few iterations: whoever
/// obtains what it stores, or has listened to a login, can guess passwords faster.
fn warn_of_weak(governed: &Governed, iterations: u32) {
    let name = &governed.connection.name;
    let Upstream { host, port, .. } = &governed.connection.upstream;
    if WEAK.lock().unwrap_or_else(PoisonError::into_inner).insert((name.clone(), format!("{host}:{port}"))) {
        tracing::warn!(
            connection = %name,
            iterations,
            wanted = login::MIN_ITERATIONS,
            "the target keeps the gateway's password with too few iterations of SCRAM: raise scram_iterations there, and set the password anew"
        );
    }
}

/// Opens a stream to the target and logs in. The buffer holds what the target sent after the login.
///
/// # Errors
/// Anything is wrong with the target, its certificate or the credential. For the log and the operator only.
pub async fn log_in(wish: Wish<'_>) -> Result<(Stream, Ready, BytesMut), Unreachable> {
    let upstream = &wish.governed.connection.upstream;
    let (stream, shown) = open(wish.governed).await?;
    let limit = LOGIN;
    let login = tokio::time::timeout(limit, enter(stream, wish, shown.is_some_and(|own| own.was_shown())));
    let entered = login.await.map_err(|_elapsed| Unreachable::TimedOut(limit))?.inspect_err(|error| {
        tracing::debug!(host = %upstream.host, %error, "no login at a target");
    })?;
    if let Some(iterations) = entered.1.proof.weak_iterations() {
        warn_of_weak(wish.governed, iterations);
    }
    Ok(entered)
}

/// Opens a stream to the target, with TLS if the connection requires it. Returns the client certificate, too,
/// if there is one.
async fn open(governed: &Governed) -> Result<(Stream, Option<Arc<OwnCertificate>>), Unreachable> {
    let connection = &governed.connection;
    let (upstream, limit) = (&connection.upstream, connection.limits.connect);
    let opening = async {
        let tcp = dial::connect(upstream).await?;
        if !upstream.tls {
            return Ok((Stream::Plain(tcp), None));
        }
        let own = match &upstream.certificate {
            Some(certificate) => {
                let key = governed.certificate_key().ok_or(Unreachable::NoKey)?;
                Some(OwnCertificate::read(&certificate.file, key.expose())?)
            }
            None => None,
        };
        let config = tls::client_config_with(connection.ca_file.as_deref(), &[ALPN], own.as_ref())?;
        Ok((secure(tcp, upstream, &config).await?, own))
    };
    let (host, port) = (Arc::clone(&upstream.host), upstream.port);
    tokio::time::timeout(limit, opening)
        .await
        .map_err(|_elapsed| Unreachable::Dial(DialError::TimedOut { host, port, limit }))?
}

async fn secure(
    mut tcp: TcpStream,
    upstream: &Upstream,
    config: &Arc<rustls::ClientConfig>,
) -> Result<Stream, Unreachable> {
    match ask_for_tls(&mut tcp).await.map_err(Unreachable::Broken)? {
        b'S' => Ok(dial::secure(tcp, upstream, config).await?),
        b'N' => Err(Unreachable::NoTls),
        other => Err(Unreachable::NotPostgres(other)),
    }
}

/// Asks a server for TLS. Returns its answer: `S` if TLS begins, `N` if it has none; anything else is no
/// PostgreSQL server.
pub(super) async fn ask_for_tls(tcp: &mut TcpStream) -> io::Result<u8> {
    let mut request = BytesMut::new();
    opening::write_ssl_request(&mut request);
    tcp.write_all(&request).await?;
    // One byte and no more: plaintext sent after it must go into the handshake, where it fails
    // (CVE-2021-23222).
    tcp.read_u8().await
}

/// Returns the reason of a broken stream: in TLS 1.3 a certificate is refused only after the client's part of
/// the handshake.
fn broken(error: io::Error) -> Unreachable {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::AlertReceived(alert)) => Unreachable::Alert(*alert),
        _ => Unreachable::Broken(error),
    }
}

async fn enter(
    mut stream: Stream,
    wish: Wish<'_>,
    shown: bool,
) -> Result<(Stream, Ready, BytesMut), Unreachable> {
    let connection = &wish.governed.connection;
    let (user, means) = match (&connection.inject, wish.password) {
        (Injection::Password { user, .. }, Some(password)) => (user, Means::Password(Arc::clone(password))),
        (Injection::Certificate { user }, _) => (user, Means::Certificate { shown }),
        _ => return Err(Unreachable::NoLogin),
    };
    let channel = match stream.target_certificate() {
        Some(certificate) => {
            Channel::Tls(EndPoint::of(certificate).map_err(|_unreadable| Unreachable::Certificate)?)
        }
        None => Channel::Plain,
    };
    let mut out = BytesMut::with_capacity(512);
    let own = [("user", user.as_str()), ("database", wish.database)];
    opening::write_startup(&mut out, Version::V3_0, own.into_iter().chain(wish.settings.iter().copied()))?;
    stream.write_all(&out).await.map_err(broken)?;
    let credential = login::Credential { user: user.clone(), means };
    let mut login = Login::new(credential, channel, connection.database.accept, login::Version::V3_0);
    let mut input = BytesMut::with_capacity(1024);
    loop {
        let Some((kind, length)) = header(&input)? else {
            if stream.read_buf(&mut input).await.map_err(broken)? == 0 {
                return Err(Unreachable::Broken(io::ErrorKind::UnexpectedEof.into()));
            }
            continue;
        };
        let step = login.next(kind, input.get(5..length).unwrap_or_default())?;
        input.advance(length);
        match step {
            Step::Send(frame) => {
                stream.write_all(frame.expose()).await.map_err(Unreachable::Broken)?;
                stream.flush().await.map_err(Unreachable::Broken)?;
            }
            Step::Wait => {}
            Step::Done(ready) => return Ok((stream, ready, input)),
        }
    }
}

/// Returns the type and total length of the message at the front, once all of it is there.
fn header(input: &[u8]) -> Result<Option<(u8, usize)>, LoginError> {
    let Some((&kind, rest)) = input.split_first() else { return Ok(None) };
    let Some((length, _)) = rest.split_first_chunk() else { return Ok(None) };
    let most = login::max_body(kind).ok_or(LoginError::Order { kind })?;
    let body = usize::try_from(u32::from_be_bytes(*length)).ok().and_then(|length| length.checked_sub(4));
    let body = body.filter(|body| *body <= most).ok_or(LoginError::Malformed { kind })?;
    let whole = body.saturating_add(5);
    Ok((input.len() >= whole).then_some((kind, whole)))
}

/// Asks the target to cancel what another stream of the gateway runs there, if `still` returns true once
/// connected. The result shows on that stream.
pub async fn cancel(governed: &Governed, key: &CancelKey, still: impl Fn() -> bool) {
    let ask = async {
        let (mut stream, _own) = open(governed).await?;
        // Connecting takes time: something else may be running by now.
        if !still() {
            return Ok(());
        }
        let mut out = BytesMut::with_capacity(32);
        opening::write_cancel_request(&mut out, key.process.cast_signed(), &key.key)?;
        stream.write_all(&out).await.map_err(Unreachable::Broken)?;
        stream.flush().await.map_err(Unreachable::Broken)?;
        // The target closes the stream once it has handled the request.
        let mut rest = [0; 16];
        while stream.read(&mut rest).await.map_err(Unreachable::Broken)? > 0 {}
        Ok::<_, Unreachable>(())
    };
    match tokio::time::timeout(CANCEL, ask).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(connection = %governed.connection.name, %error, "a statement could not be cancelled at the target");
        }
        Err(_elapsed) => {
            tracing::warn!(connection = %governed.connection.name, "cancelling a statement at the target took too long");
        }
    }
}

/// Messages without SQL that belong to something permitted before.
#[derive(Debug, Clone, Copy)]
pub enum Control<'a> {
    /// Closes a prepared statement or portal.
    Close(Named<'a>),
    /// Asks for the description of a prepared statement or portal.
    Describe(Named<'a>),
    /// Runs a portal that was bound with a permit.
    Execute(front::Execute<'a>),
    /// Asks for the replies so far.
    Flush,
    /// Ends a series of extended query messages.
    Sync,
    /// Ends the session.
    Terminate,
}

/// What is sent in place of a refused message: the target fails at it like at any invalid message of that
/// kind, so that its transaction, its portals and what it skips are its own state.
#[derive(Debug, Clone, Copy)]
pub enum Substitute<'a> {
    /// For a `Bind` to this portal: a prepared statement that does not exist.
    Bind(&'a [u8]),
    /// For an `Execute`: a portal that does not exist.
    Execute,
    /// For a `FunctionCall`: a function that does not exist.
    FunctionCall,
    /// For a `Parse` with this name: a text that is not SQL.
    Parse(&'a [u8]),
    /// For a `Query`: a text that is not SQL.
    Query,
}

/// The proof that a `COPY … FROM STDIN` was permitted: its data may pass until it ends.
#[derive(Debug)]
pub struct CopyIn(());

impl CopyIn {
    /// Creates the proof for the command that this guard belongs to.
    pub fn of(_permitted: &ReplyGuard) -> Self {
        Self(())
    }
}

/// The writing half of a session at the target. Everything is buffered until [`Target::flush`].
pub struct Target {
    stream: WriteHalf<Stream>,
    out: BytesMut,
    /// A name that no client can have used.
    nobodys: String,
    /// Whether something that was buffered has been dropped.
    broken: bool,
}

/// The capacity that the buffer keeps when it is empty, in bytes.
const KEPT: usize = 16 << 10;

impl Target {
    /// Creates the writing half of a stream that has logged in.
    pub fn new(stream: WriteHalf<Stream>) -> Self {
        Self {
            stream,
            out: BytesMut::new(),
            nobodys: format!("hoopctl {:032x}", rand::random::<u128>()),
            broken: false,
        }
    }

    /// Buffers exactly the bytes of a permitted command.
    pub fn send(&mut self, permit: Permit<Bytes>) -> ReplyGuard {
        let (frame, guard) = permit.into_parts();
        self.out.extend_from_slice(&frame);
        guard
    }

    /// Sends nothing of a permitted command, since the target would skip it; the guard records that.
    pub fn discard(permit: Permit<Bytes>) -> ReplyGuard {
        let (_not_sent, guard) = permit.into_parts();
        guard
    }

    /// Buffers the `Parse` of a prepared statement.
    pub fn prepare(&mut self, preparation: Preparation<Bytes>) {
        self.out.extend_from_slice(&preparation.into_payload());
    }

    /// Buffers a message without SQL.
    ///
    /// # Errors
    /// A name is too long.
    pub fn control(&mut self, control: Control<'_>) -> Result<(), WriteError> {
        match control {
            Control::Close(named) => front::write_close(&mut self.out, named)?,
            Control::Describe(named) => front::write_describe(&mut self.out, named)?,
            Control::Execute(execute) => front::write_execute(&mut self.out, execute)?,
            Control::Flush => front::write_flush(&mut self.out),
            Control::Sync => front::write_sync(&mut self.out),
            Control::Terminate => front::write_terminate(&mut self.out),
        }
        Ok(())
    }

    /// Buffers the substitute of a refused message.
    ///
    /// # Errors
    /// A name is too long.
    pub fn refuse(&mut self, substitute: Substitute<'_>) -> Result<(), WriteError> {
        let nobodys = self.nobodys.as_bytes();
        match substitute {
            Substitute::Bind(portal) => front::write_bind(
                &mut self.out,
                &Binding { portal, statement: nobodys, formats: &[], values: &[], results: &[] },
            ),
            Substitute::Execute => {
                front::write_execute(&mut self.out, front::Execute { portal: nobodys, rows: 0 })
            }
            Substitute::FunctionCall => {
                // The function 0, no arguments, the result as text.
                self.out.extend_from_slice(b"F\0\0\0\x0e\0\0\0\0\0\0\0\0\0\0");
                Ok(())
            }
            Substitute::Parse(name) => front::write_parse(&mut self.out, name, UNPARSABLE, &[]),
            Substitute::Query => front::write_query(&mut self.out, UNPARSABLE),
        }
    }

    /// Buffers a piece of data that is copied in, including the message headers.
    pub fn copy(&mut self, _permitted: &CopyIn, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Drops what was buffered and not sent. If there was anything, the stream cannot go on.
    pub fn forget(&mut self) {
        self.broken |= !self.out.is_empty();
        self.out.clear();
    }

    /// Returns the number of bytes that wait to be sent.
    pub fn waiting(&self) -> usize {
        self.out.len()
    }

    /// Sends everything that was buffered.
    pub async fn flush(&mut self) -> io::Result<()> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        while !self.out.is_empty() {
            let sent = self.stream.write(&self.out).await?;
            if sent == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.out.advance(sent);
        }
        self.stream.flush().await?;
        if self.out.capacity() > KEPT {
            self.out = BytesMut::new();
        }
        Ok(())
    }
}
