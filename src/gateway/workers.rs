//! The threads that serve clients: one runtime each, with streams distributed in turn, so that a request
//! never changes its thread.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::config::GatewayLimits;
use crate::gateway::error::GatewayError;
use crate::pipeline::Gate;
use crate::pipeline::metrics::StreamClosed;
use crate::protocol::http::HttpApp;
use crate::protocol::mcp::McpApp;
use crate::protocol::mcp::McpShared;
use crate::protocol::postgres::cancel::Cancels;
use crate::protocol::postgres::judge;
use crate::protocol::postgres::judge::Judge;
use crate::protocol::postgres::serve::PostgresService;
use crate::protocol::postgres::targets::Targets;
use crate::protocol::web;
use crate::protocol::web::App;
use crate::protocol::web::HeadLimits;
use crate::protocol::web::Probe;
use crate::protocol::web::WebService;
use crate::transport::listen::OpenStream;
use crate::transport::listen::OpenStreams;
use crate::transport::strangers::Bounds;
use crate::transport::strangers::Strangers;
use crate::transport::stream::Stream;

/// How many accepted streams may wait for one thread.
const QUEUE: usize = 1024;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The settings of each worker.
#[derive(Clone)]
pub struct WorkerSettings {
    /// The enforcement point.
    pub gate: Gate,
    /// The limits of a request head.
    pub limits: HeadLimits,
    /// Health and metrics.
    pub probe: Arc<dyn Probe>,
    /// The maximum number of open client streams.
    pub streams: usize,
    /// The listener's certificate; swapped by a reload. `None`: no TLS.
    pub tls: Arc<ArcSwapOption<rustls::ServerConfig>>,
    /// Whether a development issuer is trusted.
    pub dev: bool,
    /// The SQL judge, shared by all threads.
    pub judge: Arc<Judge>,
    /// The PostgreSQL sessions by their cancel keys, shared by all threads.
    pub cancels: Cancels,
    /// The state of MCP connections, shared by all threads.
    pub mcp: McpShared,
    /// The address that clients use, if it differs from their `Host` header.
    pub public_url: Option<String>,
    /// The catalogs of target databases, shared by all threads.
    pub targets: Targets,
    /// The unauthenticated PostgreSQL clients, shared by all threads.
    pub strangers: Strangers,
    /// The unauthenticated HTTP clients, shared by all threads.
    pub web_strangers: Strangers,
    /// The peers that log in for MCP. A web page can cause failures here from its reader's browser, so these
    /// are counted separately.
    pub mcp_strangers: Strangers,
}

/// The listener of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// `gateway.listen`.
    Http,
    /// `gateway.postgres_listen`.
    Postgres,
}

/// A client's stream, with its slot in the count.
struct Accepted {
    entrance: Entrance,
    stream: std::net::TcpStream,
    peer: SocketAddr,
    counted: OpenStream,
}

/// Creates the state of unauthenticated peers, with `open` streams per address. Shared addresses have no
/// limits.
pub fn strangers(limits: &GatewayLimits, open: usize) -> Strangers {
    let shared = limits.shared_addresses.clone();
    let spared = move |address| shared.iter().any(|network| network.contains(address));
    Strangers::sparing(Bounds { open, failed: limits.failed_logins }, spared)
}

/// The worker threads.
pub struct Workers {
    queues: Vec<mpsc::Sender<Accepted>>,
    threads: Vec<JoinHandle<()>>,
    open: OpenStreams,
    draining: watch::Sender<bool>,
    gate: Gate,
    /// The maximum number of open streams.
    most: usize,
}

impl Workers {
    /// Starts `count` threads.
    pub fn start(count: usize, settings: &WorkerSettings) -> Result<Self, GatewayError> {
        let draining = settings.mcp.draining.clone();
        let open = OpenStreams::default();
        let (queues, threads) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (gate, most) = (settings.gate.clone(), settings.streams);
        let mut workers = Self { queues, threads, open, draining, gate, most };
        // A local runtime has to be built on its own thread.
        let (starting, started) = std::sync::mpsc::channel();
        for number in 0..count {
            let (queue, accepted) = mpsc::channel(QUEUE);
            let (settings, open, draining) =
                (settings.clone(), workers.open.clone(), workers.draining.subscribe());
            let starting = starting.clone();
            let thread = std::thread::Builder::new()
                .name(format!("worker-{number}"))
                // Only the used part of it takes memory.
                .stack_size(judge::STACK_FOR_BRIEF)
                .spawn(move || {
                    judge::this_thread_is_deep();
                    let runtime =
                        match Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
                        {
                            Ok(runtime) => runtime,
                            Err(error) => return drop(starting.send(Err(error))),
                        };
                    drop(starting.send(Ok(())));
                    runtime.block_on(work(settings, accepted, open, draining));
                })
                .map_err(|source| GatewayError::Runtime { source })?;
            workers.queues.push(queue);
            workers.threads.push(thread);
        }
        drop(starting);
        for _ in 0..count {
            let died = || std::io::Error::other("a worker thread died at its start");
            started
                .recv()
                .unwrap_or_else(|_nobody| Err(died()))
                .map_err(|source| GatewayError::Runtime { source })?;
        }
        Ok(workers)
    }

    /// Returns how many client streams are open.
    pub fn open(&self) -> usize {
        self.open.count()
    }

    /// Accepts streams and distributes them, until dropped. Beyond the maximum, new ones are closed at once.
    pub async fn accept(&self, entrance: Entrance, listener: &TcpListener) {
        let mut next = 0_usize;
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Most likely out of file descriptors: wait for some to be freed instead of spinning.
                    tracing::warn!(%error, "a stream could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            // Counted here, not where it is served, so that many simultaneous ones cannot exceed the limit.
            let counted = self.open.enter();
            if self.open() > self.most {
                tracing::warn!(limit = self.most, "too many client streams; one was closed");
                self.gate.stream_closed(StreamClosed::All);
                continue;
            }
            next = next.wrapping_add(1) % self.queues.len().max(1);
            let Some(queue) = self.queues.get(next) else { return };
            let Ok(stream) = stream.into_std() else { continue };
            if let Err(error) = queue.try_send(Accepted { entrance, stream, peer, counted }) {
                tracing::warn!(%error, "a worker is behind; a stream was closed");
                self.gate.stream_closed(StreamClosed::Behind);
            }
        }
    }

    /// Tells every stream to finish what it has begun and close.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Ends the threads. Streams that are still open are dropped.
    pub fn stop(self) {
        drop(self.queues);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker thread died");
            }
        }
    }
}

/// Runs one worker. It ends when its queue is closed; its streams end with the thread.
async fn work(
    settings: WorkerSettings,
    mut accepted: mpsc::Receiver<Accepted>,
    open: OpenStreams,
    draining: watch::Receiver<bool>,
) {
    let WorkerSettings {
        gate,
        limits,
        probe,
        streams,
        tls,
        dev,
        judge,
        cancels,
        mcp,
        public_url,
        targets,
        strangers,
        web_strangers,
        mcp_strangers,
    } = settings;
    // They end with the thread's other tasks.
    tokio::task::spawn_local(web::sweep(gate.clone()));
    tokio::task::spawn_local(mcp.clone().sweep(gate.clone()));
    let databases =
        Rc::new(PostgresService::new(gate.clone(), judge, cancels, targets, strangers, Arc::clone(&tls)));
    let apps: Vec<Box<dyn App>> = vec![
        Box::new(HttpApp::new(gate.clone(), open.clone())),
        Box::new(McpApp::new(gate.clone(), mcp, public_url, mcp_strangers)),
    ];
    let service = Rc::new(WebService::new(gate.clone(), limits, probe, apps, dev));
    while let Some(Accepted { entrance, stream, peer, counted }) = accepted.recv().await {
        let draining = draining.clone();
        match entrance {
            Entrance::Http => {
                // Before the handshake, which takes time. Half of all slots are for addresses without too
                // many such streams: the other half allows many at once to show their tokens.
                let room = open.count() <= streams / 2;
                let Some(stranger) = web_strangers.enter_with_room(peer.ip(), room) else {
                    tracing::debug!(source = %peer.ip(), "too many streams from this address have not presented a token; one was closed");
                    gate.stream_closed(StreamClosed::Address);
                    continue;
                };
                let (service, tls) = (Rc::clone(&service), tls.load_full());
                // A shut stream has less time to send its token, and the handshake is part of that.
                let patience = if stranger.shut.is_some() { web::TOLD } else { HANDSHAKE };
                tokio::task::spawn_local(async move {
                    let _counted = counted;
                    if let Some(stream) = opened(stream, tls, patience).await {
                        service.serve(stream, peer, stranger, draining).await;
                    }
                });
            }
            Entrance::Postgres => {
                let databases = Rc::clone(&databases);
                tokio::task::spawn_local(async move {
                    let _counted = counted;
                    if let Ok(stream) = TcpStream::from_std(stream) {
                        databases.serve(stream, peer, draining).await;
                    }
                });
            }
        }
    }
}

/// Returns a stream after its TLS handshake, which may take `patience`.
async fn opened(
    stream: std::net::TcpStream,
    tls: Option<Arc<rustls::ServerConfig>>,
    patience: Duration,
) -> Option<Stream> {
    let stream = TcpStream::from_std(stream).ok()?;
    stream.set_nodelay(true).ok()?;
    let Some(tls) = tls else { return Some(Stream::Plain(stream)) };
    match tokio::time::timeout(patience, TlsAcceptor::from(tls).accept(stream)).await {
        Ok(Ok(stream)) => Some(Stream::TlsServer(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_elapsed) => None,
    }
}
