//! The target side: streams kept open per thread, the credential added, and the only place where a permit
//! becomes bytes.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use http::Request;
use http::Response;
use http::Uri;
use http::Version;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;

use crate::domain::ConnectionName;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::SessionEnd;
use crate::domain::denied::reason;
use crate::domain::with_causes;
use crate::pipeline::BRIEF;
use crate::pipeline::Credential;
use crate::pipeline::Gate;
use crate::pipeline::Permit;
use crate::pipeline::ReplyGuard;
use crate::pipeline::brief;
use crate::pipeline::snapshot::Governed;
use crate::pipeline::snapshot::Snapshot;
use crate::protocol::web::body::RequestBody;
use crate::protocol::web::body::Sent;
use crate::protocol::web::outgoing::Outgoing;
use crate::protocol::web::outgoing::put;
use crate::protocol::web::outgoing::request;
use crate::protocol::web::request::bad;
use crate::transport::dial::dial;
use crate::transport::tls;

/// How long an idle stream is reused: shorter than most targets' own limit.
const IDLE: Duration = Duration::from_secs(30);
/// How many idle streams one thread keeps to one target.
const KEPT: usize = 256;
/// How often a thread looks for streams that it no longer needs.
const SWEEP: Duration = Duration::from_secs(5);

/// The idle streams of one thread to one target.
struct Pool {
    governed: Arc<Governed>,
    tls: Option<Arc<rustls::ClientConfig>>,
    h1: Vec<(http1::SendRequest<RequestBody>, Instant)>,
    /// Shared by all requests; with the time of its last use.
    h2: Option<(http2::SendRequest<RequestBody>, Instant)>,
}

impl Pool {
    /// Drops streams that are closed or have been idle for too long. Requests still running on an HTTP/2
    /// stream are not disturbed: it closes itself after the last.
    fn drop_old(&mut self) {
        self.h1
            .retain(|(sender, since)| !sender.is_closed() && (since.elapsed() < IDLE || !sender.is_ready()));
        self.h2.take_if(|(sender, since)| sender.is_closed() || since.elapsed() >= IDLE);
    }
}

thread_local! {
    static POOLS: RefCell<HashMap<ConnectionName, Pool, ahash::RandomState>> = RefCell::default();
}

/// Runs the HTTP/2 tasks on the thread that owns the stream.
#[derive(Clone)]
struct Here;

impl<F> hyper::rt::Executor<F> for Here
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

enum Sender {
    H1(http1::SendRequest<RequestBody>),
    H2(http2::SendRequest<RequestBody>),
}

/// Sends a permitted command. Returns the target's response head, and always the guard that the reply must
/// pass. `end` resolves when the session or token ends or a lock applies.
pub async fn send(
    permit: Permit<Outgoing>,
    sent: Option<&Arc<Sent>>,
    end: Pin<&mut impl Future<Output = SessionEnd>>,
) -> (Result<Response<Incoming>, Denied>, ReplyGuard) {
    let (outgoing, mut guard) = permit.into_parts();
    let answered = exchange(outgoing, &mut guard, sent, end).await;
    (answered, guard)
}

/// Sends a message of the gateway's own within a permitted exchange, such as an answer to the target's
/// request. The target's reply is discarded.
pub fn send_own(outgoing: Outgoing, guard: &ReplyGuard) -> impl Future<Output = Result<(), Denied>> + use<> {
    let reach = Reach::of(guard);
    let end = guard.end_watch();
    async move {
        let request = request(outgoing, &reach.governed)?;
        tokio::select! {
            biased;
            end = end.wait() => Err(crate::pipeline::session_ended(end)),
            answered = reach.send(request, None) => answered.map(drop),
        }
    }
}

/// The target of a permitted command, with the credential that was sent: other messages of the same
/// conversation use both. Cheap to clone.
#[derive(Clone)]
pub struct Reach {
    governed: Arc<Governed>,
    credential: Option<Arc<Credential>>,
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reach").field(&self.governed.connection.name).finish()
    }
}

impl Reach {
    /// Returns the target and credential of the guarded command. There is no credential before
    /// [`ReplyGuard::credential`] was called.
    pub fn of(guard: &ReplyGuard) -> Self {
        Self { governed: Arc::clone(guard.governed()), credential: guard.sent_credential() }
    }

    /// Returns the connection.
    pub fn governed(&self) -> &Arc<Governed> {
        &self.governed
    }

    /// Returns the credential.
    pub fn credential(&self) -> Option<&Arc<Credential>> {
        self.credential.as_ref()
    }

    /// Sends a request whose URI is its path and query at the target. Redirects are not followed.
    ///
    /// # Errors
    /// The target cannot be reached, or does not answer within `limits.response`, which starts over while the
    /// request's body makes progress.
    pub async fn send(
        &self,
        request: Request<RequestBody>,
        sent: Option<&Arc<Sent>>,
    ) -> Result<Response<Incoming>, Denied> {
        self.try_send(request, sent, &Cell::new(false)).await
    }

    /// Sends a request; sets `went` while some of it may have been sent, like [`Denied::sent`].
    async fn try_send(
        &self,
        mut request: Request<RequestBody>,
        sent: Option<&Arc<Sent>>,
        went: &Cell<bool>,
    ) -> Result<Response<Incoming>, Denied> {
        if let Some(credential) = &self.credential {
            put(credential, &mut request)?;
        }
        let limit = self.governed.connection.limits.response;
        let answered =
            within(deliver(request, &self.governed, went), limit, sent).await.map_err(|denied| match sent {
                Some(sent) if sent.has_stalled() => left_off(),
                Some(sent) => sent.refusal().map_or(denied, |why| bad(why).because("method_override")),
                None => denied,
            });
        answered.map_err(|denied| {
            if denied.is_because(reason::UPSTREAM_TIMEOUT) {
                // A stream that does not answer is not used again.
                pool(&self.governed, |pool| pool.h2 = None);
            }
            if went.get() { denied.after_sending() } else { denied }
        })
    }
}

async fn exchange(
    outgoing: Outgoing,
    guard: &mut ReplyGuard,
    sent: Option<&Arc<Sent>>,
    mut end: Pin<&mut impl Future<Output = SessionEnd>>,
) -> Result<Response<Incoming>, Denied> {
    // Usually cached, so `biased` polls it first and the end watch costs nothing.
    tokio::select! {
        biased;
        credential = guard.credential() => credential?,
        end = end.as_mut() => return Err(crate::pipeline::session_ended(end)),
    };
    let reach = Reach::of(guard);
    let request = request(outgoing, &reach.governed)?;
    let went = Cell::new(false);
    tokio::select! {
        biased;
        end = end => {
            let ended = crate::pipeline::session_ended(end);
            Err(if went.get() { ended.after_sending() } else { ended })
        }
        answered = reach.try_send(request, sent, &went) => answered,
    }
}

/// Returns the refusal for a client that did not send all of its body.
fn left_off() -> Denied {
    bad("its body stalled or was incomplete").because("body")
}

/// Waits for the response head; the limit starts over while the request's body makes progress.
async fn within(
    answer: impl Future<Output = Result<Response<Incoming>, Denied>>,
    limit: Duration,
    sent: Option<&Arc<Sent>>,
) -> Result<Response<Incoming>, Denied> {
    let mut answer = std::pin::pin!(answer);
    let mut seen = 0;
    let mut wait = limit;
    // Most targets answer before a separate timer is worth its cost.
    if limit > BRIEF {
        let began = Instant::now();
        tokio::select! {
            biased;
            answered = &mut answer => return answered,
            () = brief() => wait = limit.saturating_sub(began.elapsed()),
        }
    }
    loop {
        match tokio::time::timeout(wait, &mut answer).await {
            Ok(answered) => return answered,
            Err(_elapsed) => {
                let now = sent.map_or(0, |sent| sent.bytes());
                if now == seen && sent.is_some_and(|sent| sent.is_awaited()) {
                    // The target waits for the client, so it is not to blame, and its streams can be reused.
                    return Err(left_off());
                }
                if now == seen {
                    let detail = format!(
                        "the target did not answer within {}",
                        crate::domain::units::format_duration(limit)
                    );
                    return Err(
                        Denied::new(DenyCode::UpstreamUnavailable, detail).because(reason::UPSTREAM_TIMEOUT)
                    );
                }
                (seen, wait) = (now, limit);
            }
        }
    }
}

/// Sends a request on an idle stream, or on a new one. If a stream turns out to be closed before anything was
/// written, the next one is tried; a request of which a byte may have been sent is never sent twice.
async fn deliver(
    mut request: Request<RequestBody>,
    governed: &Arc<Governed>,
    went: &Cell<bool>,
) -> Result<Response<Incoming>, Denied> {
    let fresh_only = request.headers().contains_key(http::header::UPGRADE);
    while let Some(sender) = if fresh_only { None } else { idle(governed) } {
        went.set(true);
        match attempt(sender, request, governed).await {
            Ok(response) => return Ok(response),
            Err(Failed::Unsent(back)) => request = *back,
            Err(Failed::Lost) => {
                return Err(
                    unavailable("the target closed the stream before it answered").because("target_closed")
                );
            }
        }
    }
    went.set(false);
    let sender = connect(governed, fresh_only).await?;
    went.set(true);
    match attempt(sender, request, governed).await {
        Ok(response) => Ok(response),
        Err(failed) => {
            went.set(matches!(failed, Failed::Lost));
            Err(unavailable("the target closed the stream, or did not answer in HTTP")
                .because("target_garbage"))
        }
    }
}

enum Failed {
    /// Nothing was sent; returns the request.
    Unsent(Box<Request<RequestBody>>),
    /// It may have been sent.
    Lost,
}

async fn attempt(
    sender: Sender,
    mut request: Request<RequestBody>,
    governed: &Arc<Governed>,
) -> Result<Response<Incoming>, Failed> {
    match sender {
        Sender::H1(mut sender) => {
            *request.version_mut() = Version::HTTP_11;
            match sender.try_send_request(request).await {
                Ok(response) => {
                    if response.status() != http::StatusCode::SWITCHING_PROTOCOLS {
                        keep(governed, sender);
                    }
                    Ok(response)
                }
                Err(mut error) => Err(error
                    .take_message()
                    .map_or(Failed::Lost, |request| Failed::Unsent(Box::new(request)))),
            }
        }
        Sender::H2(mut sender) => {
            let upstream = &governed.connection.upstream;
            let scheme = if upstream.tls { "https" } else { "http" };
            let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
            let uri =
                Uri::builder().scheme(scheme).authority(upstream.authority()).path_and_query(target).build();
            let Ok(uri) = uri else { return Err(Failed::Lost) };
            *request.uri_mut() = uri;
            *request.version_mut() = Version::HTTP_2;
            request.headers_mut().remove(http::header::HOST);
            match sender.try_send_request(request).await {
                Ok(response) => Ok(response),
                Err(mut error) => Err(error
                    .take_message()
                    .map_or(Failed::Lost, |request| Failed::Unsent(Box::new(request)))),
            }
        }
    }
}

fn unavailable(detail: &'static str) -> Denied {
    Denied::new(DenyCode::UpstreamUnavailable, detail)
}

/// Calls `with` on the pool of a connection; a pool of an older version of the connection is discarded first.
fn pool<T>(governed: &Arc<Governed>, with: impl FnOnce(&mut Pool) -> T) -> T {
    POOLS.with_borrow_mut(|pools| {
        let name = governed.connection.name.clone();
        let fresh = || Pool { governed: Arc::clone(governed), tls: None, h1: Vec::new(), h2: None };
        let pool = pools.entry(name).or_insert_with(fresh);
        if !Arc::ptr_eq(&pool.governed, governed) {
            if pool.governed.leads_elsewhere(governed) {
                *pool = fresh();
            }
            pool.governed = Arc::clone(governed);
        }
        with(pool)
    })
}

/// Regularly closes unneeded streams of this thread: a removed connection is not used again, so nothing else
/// would close its streams.
pub async fn sweep(gate: Gate) {
    let mut every = tokio::time::interval(SWEEP);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        drop_useless(&gate.snapshot());
    }
}

/// Drops the pools of connections that were removed or changed their target, and all streams that are closed
/// or have been idle for too long. The empty pool of an existing connection stays: it has the TLS tickets of
/// its target.
fn drop_useless(snapshot: &Snapshot) {
    POOLS.with_borrow_mut(|pools| {
        pools.retain(|name, pool| {
            let now = snapshot.connection(name.as_str()).filter(|now| !pool.governed.leads_elsewhere(now));
            let Some(now) = now else { return false };
            pool.governed = Arc::clone(now);
            pool.drop_old();
            true
        });
    });
}

/// Takes an idle stream to the target. Those that have been idle for too long are left to [`sweep`].
fn idle(governed: &Arc<Governed>) -> Option<Sender> {
    pool(governed, |pool| {
        let now = Instant::now();
        let is_young = |since: &Instant| now.saturating_duration_since(*since) < IDLE;
        if let Some((h2, since)) = pool.h2.as_mut().filter(|(h2, since)| h2.is_ready() && is_young(since)) {
            *since = now;
            return Some(Sender::H2(h2.clone()));
        }
        pool.h2 = None;
        let ready = pool.h1.iter().rposition(|(sender, since)| sender.is_ready() && is_young(since))?;
        Some(Sender::H1(pool.h1.swap_remove(ready).0))
    })
}

fn keep(governed: &Arc<Governed>, sender: http1::SendRequest<RequestBody>) {
    pool(governed, |pool| {
        if pool.h1.len() < KEPT {
            pool.h1.push((sender, Instant::now()));
        }
    });
}

async fn connect(governed: &Arc<Governed>, only_h1: bool) -> Result<Sender, Denied> {
    let connection = &governed.connection;
    let failed = |error: &dyn std::error::Error, audit: &'static str| {
        tracing::warn!(connection = %connection.name, error = with_causes(error), "the target cannot be reached");
        unavailable("the target cannot be reached").because(audit)
    };
    let tls = if connection.upstream.tls {
        Some(tls_config(governed, only_h1).map_err(|error| failed(&error, "tls_config"))?)
    } else {
        None
    };
    let stream =
        dial(&connection.upstream, tls.as_ref(), connection.limits.connect).await.map_err(|error| {
            let away = failed(&error, "connect");
            error.of_handshake().map_or(away, |what| unavailable(what).because("tls"))
        })?;
    if stream.chose_h2() {
        let handshake = http2::Builder::new(Here)
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5))
            .max_header_list_size(64 << 10)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, driver) = handshake.map_err(|error| failed(&error, "h2_handshake"))?;
        tokio::task::spawn_local(async move { log_end(driver.await) });
        pool(governed, |pool| pool.h2 = Some((sender.clone(), Instant::now())));
        return Ok(Sender::H2(sender));
    }
    let handshake = http1::Builder::new().handshake(TokioIo::new(stream)).await;
    let (sender, driver) = handshake.map_err(|error| failed(&error, "h1_handshake"))?;
    tokio::task::spawn_local(async move { log_end(driver.with_upgrades().await) });
    Ok(Sender::H1(sender))
}

/// Logs the end of a stream; whoever waits on it gets the error.
fn log_end(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a stream to a target ended");
    }
}

fn tls_config(governed: &Arc<Governed>, only_h1: bool) -> Result<Arc<rustls::ClientConfig>, tls::TlsError> {
    let ca_file = governed.connection.ca_file.as_deref();
    if only_h1 {
        return tls::client_config(ca_file, &[b"http/1.1"]);
    }
    if let Some(known) = pool(governed, |pool| pool.tls.clone()) {
        return Ok(known);
    }
    let config = tls::client_config(ca_file, &[b"h2", b"http/1.1"])?;
    pool(governed, |pool| pool.tls = Some(Arc::clone(&config)));
    Ok(config)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::pipeline::tests::connection;
    use crate::pipeline::tests::nobody;
    use crate::pipeline::tests::snapshot;

    /// Puts one idle stream into the pool of the connection; returns the target's end of it.
    async fn kept(snapshot: &Snapshot, name: &str) -> tokio::io::DuplexStream {
        let (ours, target) = tokio::io::duplex(64);
        let (sender, driver) = http1::handshake(TokioIo::new(ours)).await.unwrap();
        tokio::task::spawn_local(async move { log_end(driver.await) });
        keep(snapshot.connection(name).unwrap(), sender);
        target
    }

    async fn is_closed(target: &mut tokio::io::DuplexStream) -> bool {
        let read = tokio::time::timeout(Duration::from_millis(50), target.read(&mut [0; 1])).await;
        matches!(read, Ok(Ok(0)))
    }

    #[tokio::test]
    async fn streams_of_a_connection_that_was_removed_or_leads_elsewhere_are_closed_without_being_asked_for()
    {
        let test = async {
            let names = ["gone", "moved", "stays"];
            let with = |list: &[(&str, &str)]| {
                let connections = list.iter().map(|(name, host)| connection(name, host)).collect();
                snapshot(nobody(), connections, &[], "dba")
            };
            let before = with(&names.map(|name| (name, "a.internal")));
            let mut targets = Vec::new();
            for name in names {
                targets.push(kept(&before, name).await);
            }
            drop_useless(&before);
            for target in &mut targets {
                assert!(!is_closed(target).await);
            }
            drop_useless(&with(&[("moved", "b.internal"), ("stays", "a.internal")]));
            let mut closed = Vec::new();
            for target in &mut targets {
                closed.push(is_closed(target).await);
            }
            assert_eq!(closed, [true, true, false]);
            assert_eq!(POOLS.with_borrow(HashMap::len), 1);
        };
        tokio::task::LocalSet::new().run_until(test).await;
    }

    #[tokio::test]
    async fn a_stream_of_http2_that_is_closed_or_idle_for_long_is_dropped_without_being_asked_for() {
        let test = async {
            let now = snapshot(nobody(), vec![connection("crm", "a.internal")], &[], "dba");
            let governed = now.connection("crm").unwrap();
            let fresh = Instant::now();
            let old = fresh.checked_sub(IDLE).unwrap();
            for (since, closes, stays) in [(fresh, false, true), (old, false, false), (fresh, true, false)] {
                let (ours, target) = tokio::io::duplex(4096);
                let (sender, driver) = http2::handshake(Here, TokioIo::new(ours)).await.unwrap();
                tokio::task::spawn_local(async move { log_end(driver.await) });
                pool(governed, |pool| pool.h2 = Some((sender, since)));
                let target = Some(target).filter(|_| !closes);
                tokio::time::sleep(Duration::from_millis(20)).await;
                drop_useless(&now);
                assert_eq!(pool(governed, |pool| pool.h2.is_some()), stays);
                drop(target);
            }
        };
        tokio::task::LocalSet::new().run_until(test).await;
    }
}
