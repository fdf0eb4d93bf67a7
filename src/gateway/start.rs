//! Starts, serves and stops the gateway: opens the data on disk, compiles, listens, serves, and on a signal
//! drains and closes.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::task::JoinSet;

use crate::control;
use crate::control::socket::AdminSocket;
use crate::gateway::RunOptions;
use crate::gateway::admin::Admin;
use crate::gateway::error::GatewayError;
use crate::gateway::health::GateProbe;
use crate::gateway::live;
use crate::gateway::notices;
use crate::gateway::open::Listeners;
use crate::gateway::open::open;
use crate::gateway::periodic;
use crate::gateway::process;
use crate::gateway::running::Running;
use crate::gateway::shutdown;
use crate::gateway::signals::Signals;
use crate::gateway::watch::FileWatch;
use crate::gateway::watch::changed;
use crate::gateway::workers::Entrance;
use crate::gateway::workers::WorkerSettings;
use crate::gateway::workers::Workers;
use crate::gateway::workers::strangers;
use crate::protocol::mcp::McpShared;
use crate::protocol::postgres::cancel::Cancels;
use crate::protocol::postgres::judge::Judge;
use crate::protocol::postgres::judge::cache;
use crate::protocol::postgres::targets::Targets;
use crate::protocol::web::HeadLimits;
use crate::store::DataDirLock;

/// The actor of a reload by signal, in the audit trail: any process that may signal this one.
const HANG_UP: &str = "signal:SIGHUP";
/// The actor of a reload by a watched file: whoever changed it.
const CHANGED: &str = "file:changed";

/// Runs the gateway to its end.
pub async fn run(options: RunOptions) -> Result<(), GatewayError> {
    // Signals are handled before anything is opened, so that an early one still ends in a clean stop.
    let mut signals = Signals::new()?;
    let watched = options.watch.clone();
    let streams = process::prepare(options.config.gateway.limits.streams);
    let (running, mut listeners, lock) = open(options).await?;
    let running = Arc::new(running);
    let config = running.config.load_full();
    let stopping = Arc::new(AtomicBool::new(false));
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = config.gateway.workers.unwrap_or_else(cores);
    let settings = worker_settings(&running, GateProbe::of(&running, &stopping), threads, streams)?;
    let workers = Workers::start(threads, &settings)?;
    let service = live::service(&running, &stopping);
    let admin = AdminTasks::start(&running, &service, listeners.admin.take(), &lock)?;
    let tasks = background_tasks(&running);
    tracing::info!(listen = %running.listener, postgres_listen = running.databases.map(tracing::field::display), admin_listen = running.remote.map(tracing::field::display), tls = running.tls.load().is_some(), data_dir = %config.storage.data_dir.display(), "ready");

    let causes = Causes { signals: &mut signals, watched };
    serve(&workers, &listeners, &service, causes).await;

    stopping.store(true, Ordering::Relaxed);
    drop(listeners);
    shutdown::drain(&workers, &running, &mut signals).await;
    for task in tasks {
        task.abort();
    }
    service.stop_events();
    admin.stop().await;
    workers.stop();
    settings.mcp.programs.stop().await;
    shutdown::close(&running).await;
    tracing::info!("stopped");
    drop(lock);
    Ok(())
}

/// Returns what every worker thread is started with. `streams`: how many clients' streams may be open.
fn worker_settings(
    running: &Running,
    probe: GateProbe,
    threads: usize,
    streams: usize,
) -> Result<WorkerSettings, GatewayError> {
    let config = running.config.load();
    let limits = &config.gateway.limits;
    Ok(WorkerSettings {
        gate: running.gate.clone(),
        limits: HeadLimits { head: limits.header_block, fields: limits.headers, target: limits.uri },
        probe: Arc::new(probe),
        streams,
        tls: Arc::clone(&running.tls),
        dev: config.dev_issuer.is_some(),
        judge: Arc::new(
            Judge::start(threads, cache::Limits::default())
                .map_err(|source| GatewayError::Runtime { source })?,
        ),
        cancels: Cancels::default(),
        mcp: McpShared {
            pins: running.pins.clone(),
            page: running.page.clone(),
            tools: running.tools.clone(),
            ..McpShared::default()
        },
        public_url: config.gateway.public_url.clone(),
        targets: Targets::default(),
        strangers: strangers(limits, limits.logins),
        web_strangers: strangers(limits, limits.logins),
        mcp_strangers: strangers(limits, limits.logins),
    })
}

/// The tasks that serve the admin API: on its socket, and over the network if it has a listener there.
struct AdminTasks {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl AdminTasks {
    /// Starts them. `lock`: the proof that no other gateway uses the socket.
    fn start(
        running: &Running,
        service: &Arc<Admin>,
        listener: Option<TcpListener>,
        lock: &DataDirLock,
    ) -> Result<Self, GatewayError> {
        let config = running.config.load();
        let socket =
            AdminSocket::bind(&config.admin.socket, lock).map_err(|source| GatewayError::Admin { source })?;
        let (stop, mut tasks) = (watch::Sender::new(false), JoinSet::new());
        let served: Arc<dyn control::Service> = Arc::new(Arc::clone(service));
        tasks.spawn(control::server::serve(socket, Arc::clone(&served), stop.subscribe()));
        if let Some(listener) = listener {
            let limits = &config.gateway.limits;
            let open = limits.logins.min(control::remote::MOST_OF_ONE);
            let (tls, strangers) = (Arc::clone(&running.tls), strangers(limits, open));
            let remote = control::remote::Remote { listener, tls, strangers };
            tasks.spawn(control::remote::serve(remote, served, stop.subscribe()));
        }
        Ok(Self { tasks, stop })
    }

    /// Stops them, and waits until they have ended.
    async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the admin API ended badly");
            }
        }
    }
}

fn background_tasks(running: &Arc<Running>) -> [JoinHandle<()>; 3] {
    [
        tokio::spawn(notices::record_decisions(running.gate.clone(), running.approvals.subscribe())),
        tokio::spawn(periodic::tick(Arc::clone(running))),
        tokio::spawn(periodic::prune(Arc::clone(running))),
    ]
}

/// The events that the gateway reacts to while it serves.
struct Causes<'a> {
    signals: &'a mut Signals,
    watched: Option<FileWatch>,
}

/// Accepts clients until a signal to stop; reloads at SIGHUP, and when a watched file has changed.
async fn serve(workers: &Workers, listeners: &Listeners, service: &Admin, causes: Causes<'_>) {
    let Causes { signals, mut watched } = causes;
    let mut accepting = std::pin::pin!(workers.accept(Entrance::Http, &listeners.http));
    let mut databases = std::pin::pin!(async {
        match &listeners.postgres {
            Some(listener) => workers.accept(Entrance::Postgres, listener).await,
            None => std::future::pending().await,
        }
    });
    // A reload may have to wait for a program that gives a key, without delaying clients. Signals in the
    // meantime cause one more reload. The result is in the log and in the audit trail.
    let asked = Notify::new();
    let mut reloading = std::pin::pin!(async {
        loop {
            let who = tokio::select! {
                () = asked.notified() => HANG_UP,
                () = changed(&mut watched) => CHANGED,
            };
            if let Some(file) = &mut watched {
                file.reads();
            }
            let reloaded = service.reload_as(who).await;
            if let Some(file) = &mut watched {
                file.took(reloaded.is_ok());
            }
        }
    });
    loop {
        tokio::select! {
            () = &mut accepting => return,
            () = &mut databases => return,
            _ = signals.interrupt.recv() => return,
            _ = signals.terminate.recv() => return,
            _ = signals.hang_up.recv() => asked.notify_one(),
            () = &mut reloading => return,
        }
    }
}
