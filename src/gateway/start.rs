//! Starts, serves and stops the gateway: opens the data on disk, compiles, listens, serves, and on a signal
//! drains and closes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use arc_swap::ArcSwapOption;
use tokio::net::TcpListener;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::Notify;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::approval::Approvals;
use crate::config;
use crate::config::Config;
use crate::control;
use crate::control::socket::AdminSocket;
use crate::domain::now_ms;
use crate::gateway::RunOptions;
use crate::gateway::admin::Admin;
use crate::gateway::admin::Electors;
use crate::gateway::error::GatewayError;
use crate::gateway::health::GateProbe;
use crate::gateway::keeper::StoredPins;
use crate::gateway::keeper::StoredSecrets;
use crate::gateway::live;
use crate::gateway::masks::MaskKey;
use crate::gateway::notices;
use crate::gateway::periodic;
use crate::gateway::process;
use crate::gateway::retention;
use crate::gateway::revision::said;
use crate::gateway::running::Running;
use crate::gateway::running::compile;
use crate::gateway::running::issuers;
use crate::gateway::running::note;
use crate::gateway::running::page_origin;
use crate::gateway::running::server_tls;
use crate::gateway::running::stored_entities;
use crate::gateway::watch::FileWatch;
use crate::gateway::watch::changed;
use crate::gateway::workers::Entrance;
use crate::gateway::workers::WorkerSettings;
use crate::gateway::workers::Workers;
use crate::gateway::workers::strangers;
use crate::pipeline::Gate;
use crate::pipeline::locks::LockSet;
use crate::protocol::mcp::McpShared;
use crate::protocol::mcp::PageAddress;
use crate::protocol::mcp::Pins;
use crate::protocol::mcp::Tools;
use crate::protocol::postgres::cancel::Cancels;
use crate::protocol::postgres::judge::Judge;
use crate::protocol::postgres::judge::cache;
use crate::protocol::postgres::targets::Targets;
use crate::protocol::web::HeadLimits;
use crate::recording::Journal;
use crate::secret::SEALED_COLUMN;
use crate::secret::SEALED_TABLE;
use crate::secret::Sealer;
use crate::secret::Vault;
use crate::secret::load_key;
use crate::secret::unusable;
use crate::store::DataDirLock;
use crate::store::Said;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::View;
use crate::store::lock_data_dir_soon;
use crate::transport::listen::listen;

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
    let probe = GateProbe::of(&running, &stopping);
    let limits = &config.gateway.limits;
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = config.gateway.workers.unwrap_or_else(cores);
    let settings = WorkerSettings {
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
    };
    let workers = Workers::start(threads, &settings)?;
    let socket =
        AdminSocket::bind(&config.admin.socket, &lock).map_err(|source| GatewayError::Admin { source })?;
    let stop_admin = watch::Sender::new(false);
    let service = live::service(&running, &stopping);
    let mut admin = JoinSet::new();
    let served: Arc<dyn control::Service> = Arc::new(Arc::clone(&service));
    admin.spawn(control::server::serve(socket, Arc::clone(&served), stop_admin.subscribe()));
    if let Some(listener) = listeners.admin.take() {
        let open = limits.logins.min(control::remote::MOST_OF_ONE);
        let (tls, strangers) = (Arc::clone(&running.tls), strangers(limits, open));
        let remote = control::remote::Remote { listener, tls, strangers };
        admin.spawn(control::remote::serve(remote, served, stop_admin.subscribe()));
    }
    let tasks = [
        tokio::spawn(notices::record_decisions(running.gate.clone(), running.approvals.subscribe())),
        tokio::spawn(periodic::tick(Arc::clone(&running))),
        tokio::spawn(periodic::prune(Arc::clone(&running))),
    ];
    tracing::info!(listen = %running.listener, postgres_listen = running.databases.map(tracing::field::display), admin_listen = running.remote.map(tracing::field::display), tls = running.tls.load().is_some(), data_dir = %config.storage.data_dir.display(), "ready");

    let causes = Causes { signals: &mut signals, watched };
    serve(&workers, &listeners, &service, causes).await;

    stopping.store(true, Ordering::Relaxed);
    drop(listeners);
    drain(&workers, &running, &mut signals).await;
    for task in tasks {
        task.abort();
    }
    service.stop_events();
    stop_admin.send_replace(true);
    while let Some(ended) = admin.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "the admin API ended badly");
        }
    }
    workers.stop();
    settings.mcp.programs.stop().await;
    running.pins.flush();
    // The store runs its jobs in order: after this one the pins are stored, too.
    if let Err(error) = running.store.read(|_view| Ok(())).await {
        tracing::error!(%error, "the last changes of pins were not stored; the next list brings them again");
    }
    running.gate.close();
    notices::end_grants(&running).await;
    if let Err(error) = running.gate.journal().settle().await {
        tracing::error!(%error, "the end of some sessions is not recorded; the next start closes them");
    }
    running.gate.journal().close();
    retention::note_sessions(&running).await;
    tracing::info!("stopped");
    drop(lock);
    Ok(())
}

struct Signals {
    hang_up: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, GatewayError> {
        let catch = |kind| signal(kind).map_err(|source| GatewayError::Runtime { source });
        Ok(Self {
            hang_up: catch(SignalKind::hangup())?,
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
        })
    }

    /// Resolves at a signal to stop.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Opens all data on disk and compiles it.
async fn open(options: RunOptions) -> Result<(Running, Listeners, DataDirLock), GatewayError> {
    let RunOptions { config, config_path, watch: _, log_format: _ } = options;
    let data_dir = &config.storage.data_dir;
    let of_store = |source| GatewayError::Store { source };
    let lock = lock_data_dir_soon(data_dir).map_err(of_store)?;
    let store = Store::open(data_dir).map_err(of_store)?;
    let sealed = store.read(View::sealed_secrets).await.map_err(of_store)?;
    let key = load_key(&config.storage.key_source(), !sealed.is_empty())
        .map_err(|source| GatewayError::Seal { source })?;
    let sealer = Arc::new(Sealer::new(&key).map_err(|source| GatewayError::Seal { source })?);
    // With another key than the one the secrets were sealed with, no connection would work: say so now.
    let damaged =
        sealer.prove(SEALED_TABLE, SEALED_COLUMN, &sealed).map_err(|source| GatewayError::Seal { source })?;
    for (name, error) in damaged {
        tracing::error!(secret = name, %error, "a stored secret does not open: its connections are refused until it is set again (hoopctl secret set)");
    }
    let vault = Arc::new(Vault::new(Some((Arc::clone(&sealer), Arc::new(StoredSecrets(store.clone()))))));
    let mask_key = MaskKey::open(data_dir)?;
    let journal = Journal::open(data_dir, config.recording.clone())
        .map_err(|source| GatewayError::Journal { source })?;
    note_journal(&store, journal.report().made).await.map_err(of_store)?;
    // Before anything is pruned.
    journal.place_legal_holds(store.read(View::under_legal_hold).await.map_err(of_store)?);

    let now = now_ms();
    let file = said(&config);
    let digest = file.digest.clone();
    let read =
        store.read(move |view| Ok((view.entities(None)?, view.revision_as(&digest)?, view.locks(now)?)));
    let (stored, revision, locks) = read.await.map_err(of_store)?;
    let pins = store.read(|view| view.pins(None)).await.map_err(of_store)?;
    let pins = Pins::new(pins, Arc::new(StoredPins(store.clone())));
    let problems = |problems| GatewayError::Config { problems };
    let entities = config::combine(&config, stored_entities(&stored).map_err(problems)?).map_err(problems)?;
    for warning in config.warnings.iter().chain(&entities.warnings) {
        tracing::warn!("{warning}");
    }
    for connection in &entities.connections {
        for why in connection.secrets().filter_map(unusable) {
            tracing::warn!(connection = %connection.name, "{why}: commands to it are refused until its credential is there");
        }
    }
    let issuers = issuers(&config, &store)?;
    let snapshot = compile(&config, &entities, revision, Arc::clone(&issuers), &mask_key, None)?;

    let certificate = server_tls(&config, &vault).await?;
    // Only now: a file that does not hold together uses up no number. And before the first record that names
    // it. Nobody else can have changed the store meanwhile: the data directory is ours.
    take_file(&store, file, &config).await.map_err(of_store)?;

    let runtime = tokio::runtime::Handle::current();
    issuers.start(&runtime);
    let shared_config = Arc::new(ArcSwap::from_pointee(config));
    let electors = Electors::new(Arc::clone(&shared_config));
    let approvals = Approvals::new(store.clone(), Arc::<Electors>::clone(&electors));
    approvals.recover().await.map_err(|source| GatewayError::Approvals { source })?;
    let gate = Gate::new(snapshot, LockSet::new(locks), journal, approvals.clone(), Arc::clone(&vault));
    electors.heed(gate.lock_watch());
    let config = shared_config.load_full();
    let opened = |address| listen(address).map_err(|source| GatewayError::Listen { source });
    let listeners = Listeners {
        http: opened(config.gateway.listen)?,
        postgres: config.gateway.postgres_listen.map(opened).transpose()?,
        admin: config.admin.remote.as_ref().map(|remote| opened(remote.listen)).transpose()?,
    };
    let address = listeners.http.local_addr().unwrap_or(config.gateway.listen);
    let page = PageAddress::default();
    page.set(page_origin(&config));
    let running = Running {
        gate,
        store,
        approvals,
        vault,
        sealer,
        config: shared_config,
        due: crate::gateway::running::Due::new(&config_path, &config),
        config_path,
        mask_key,
        pins,
        tools: Tools::default(),
        page,
        tls: Arc::new(ArcSwapOption::new(certificate)),
        listener: address,
        databases: listeners.databases(),
        remote: listeners.admin.as_ref().and_then(|listener| listener.local_addr().ok()),
        electors,
        started: SystemTime::now(),
        runtime,
        pending: Arc::default(),
        reloading: tokio::sync::Mutex::new(()),
    };
    Ok((running, listeners, lock))
}

/// Notes in the audit trail that there are recordings, so that they cannot vanish unnoticed. A broken trail
/// does not prevent the start.
async fn note_journal(store: &Store, made: bool) -> Result<(), StoreError> {
    match store.change(move |change| change.note_journal(made)).await {
        Err(error @ StoreError::AuditBroken { .. }) => {
            tracing::error!(%error, "the start of the recordings is missing in the audit trail");
            Ok(())
        }
        noted => noted,
    }
}

/// Gives what the file says its number, with what is new in the audit trail. A trail that is broken stops no
/// start.
async fn take_file(store: &Store, said: Said, config: &Config) -> Result<u64, StoreError> {
    let note = note("hoopctl", "config.start", config, false);
    let digest = said.digest.clone();
    match store.change(move |change| change.take_file(&said, &note)).await {
        Err(error @ StoreError::AuditBroken { .. }) => {
            tracing::error!(%error, "what the configuration file changed is not in the audit trail");
            store.change(move |change| change.revision_with(&digest)).await
        }
        taken => taken,
    }
}

/// Where clients connect.
struct Listeners {
    http: TcpListener,
    postgres: Option<TcpListener>,
    admin: Option<TcpListener>,
}

impl Listeners {
    /// Returns the address for PostgreSQL clients, if enabled.
    fn databases(&self) -> Option<SocketAddr> {
        self.postgres.as_ref()?.local_addr().ok()
    }
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

/// Lets running requests end: accepts no new ones, stops held ones, and waits at most `drain_timeout`; a
/// second signal ends the wait.
async fn drain(workers: &Workers, running: &Running, signals: &mut Signals) {
    let limit = running.config.load().gateway.drain_timeout;
    tracing::info!(streams = workers.open(), limit = ?limit, "draining");
    match running.approvals.stop_all().await {
        Ok(ended) => notices::record_ended(&running.gate, &ended),
        Err(error) => tracing::error!(%error, "held commands could not be cancelled; the next start does it"),
    }
    workers.drain();
    let empty = async {
        while workers.open() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = empty => {}
        () = tokio::time::sleep(limit) => tracing::warn!(streams = workers.open(), "drain_timeout is over: whatever still runs is cut off"),
        () = signals.stop() => tracing::warn!("second signal: whatever still runs is cut off"),
    }
    // The remaining streams are told why they end.
    running.gate.sessions().end_all(crate::domain::SessionEnd::Stopped, running.gate.journal());
    let told = async {
        while workers.open() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(Duration::from_millis(500), told).await.is_err() {
        tracing::debug!("some streams did not end by themselves");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::domain::lock::LockTarget;
    use crate::gateway::LogFormat;

    /// Writes a file that denies one path, and nothing else.
    fn write(file: &Path, dir: &Path, denied: &str) {
        let text = format!(
            "version = 1\n[gateway]\nlisten = \"127.0.0.1:0\"\n[storage]\ndata_dir = {:?}\n[[policy]]\nid = \"no\"\neffect = \"deny\"\nmatch = {{ paths = [\"{denied}\"] }}\n",
            dir.join("data")
        );
        std::fs::write(file, text).unwrap();
    }

    async fn opened(file: &Path) -> (Running, Listeners, DataDirLock) {
        let config = config::load(file).unwrap();
        let options =
            RunOptions { config, config_path: file.to_owned(), watch: None, log_format: LogFormat::Pretty };
        open(options).await.unwrap()
    }

    #[tokio::test]
    async fn a_lock_that_has_fallen_goes_and_is_in_the_audit_trail() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gw.toml");
        write(&file, dir.path(), "/a");
        let (running, _listener, _lock) = opened(&file).await;
        let now = now_ms();
        let [long, late] = running
            .store
            .change(move |change| {
                change.add_lock(&LockTarget::Everybody, "", None, "local:a")?;
                let long = change.add_lock(&LockTarget::Everybody, "gone", Some(1), "local:a")?;
                Ok([long, change.add_lock(&LockTarget::Everybody, "", Some(now - 1), "local:a")?])
            })
            .await
            .unwrap();
        let running = Arc::new(running);
        let look = || async {
            let (long, late) = (long.id, late.id);
            let found = running.store.read(move |view| {
                Ok((view.lock(long)?.is_some(), view.lock(late)?.is_some(), view.audit(0, 10)?))
            });
            found.await.unwrap()
        };
        // The first round removes no locks: the journal's answer shows that it is over.
        let task = tokio::spawn(periodic::prune(Arc::clone(&running)));
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (of_long, of_late, _) = look().await;
        assert!(of_long && of_late, "not at the start");
        task.abort();
        periodic::sweep_locks(&running, now).await;
        let (of_long, of_late, trail) = look().await;
        assert!(!of_long && of_late, "what fell just now waits for a day");
        let last = trail.last().unwrap();
        assert_eq!((last.action.as_str(), last.subject.clone()), ("lock.expire", long.id.to_string()));
        assert_eq!((&last.detail["reason"], &last.detail["expires_ms"]), (&"gone".into(), &1.into()));
        assert_eq!(running.store.read(|view| view.locks(now_ms())).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn what_the_file_says_otherwise_is_in_the_audit_trail_by_whom_and_with_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gw.toml");
        let configs = async |running: &Running| {
            let trail = running.store.read(|view| view.audit(0, 100)).await.unwrap();
            let told = trail.into_iter().filter(|entry| entry.action.starts_with("config."));
            told.collect::<Vec<_>>()
        };
        write(&file, dir.path(), "/a");
        let (running, listener, lock) = opened(&file).await;
        let trail = configs(&running).await;
        let [start] = &trail[..] else { panic!("{trail:?}") };
        assert_eq!(
            (&*start.actor, &*start.action, &*start.subject),
            ("hoopctl", "config.start", file.to_str().unwrap())
        );
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let policy = &start.detail["changes"][0];
        assert_eq!(
            (text(&policy["kind"]), text(&policy["name"]), text(&policy["outcome"])),
            ("policy".to_owned(), "no".to_owned(), "added".to_owned())
        );
        assert!(text(&policy["body"]).contains("/a"));
        write(&file, dir.path(), "/b");
        let revision = running.reload("entra/ada").await.unwrap().revision;
        running.reload("signal:SIGHUP").await.unwrap();
        running.entities_changed().await.unwrap();
        let trail = configs(&running).await;
        let [_, changed, same] = &trail[..] else { panic!("{trail:?}") };
        assert_eq!((&*changed.actor, &*changed.action), ("entra/ada", "config.reload"));
        assert_eq!(changed.detail["revision"], revision);
        let policy = &changed.detail["changes"][0];
        assert!(text(&policy["body"]).contains("/b") && text(&policy["was"]).contains("/a"), "{policy}");
        assert_eq!((&*same.actor, &same.detail["changes"]), ("signal:SIGHUP", &serde_json::json!([])));
        assert_eq!(same.detail["file_digest"], changed.detail["file_digest"]);
        running.gate.journal().close();
        drop((running, listener, lock));

        // The same file after a restart is nothing new; another one is, with what it was before.
        let (running, listener, lock) = opened(&file).await;
        assert_eq!(configs(&running).await.len(), 3);
        running.gate.journal().close();
        drop((running, listener, lock));
        write(&file, dir.path(), "/c");
        let (running, _listener, _lock) = opened(&file).await;
        let trail = configs(&running).await;
        let policy = &trail.last().unwrap().detail["changes"][0];
        assert!(text(&policy["body"]).contains("/c") && text(&policy["was"]).contains("/b"), "{policy}");
        running.gate.journal().close();
    }

    #[tokio::test]
    async fn one_damaged_secret_stops_no_start_and_another_key_does() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gw.toml");
        write(&file, dir.path(), "/a");
        let (running, listener, lock) = opened(&file).await;
        let good = running.sealer.seal(SEALED_TABLE, "b", SEALED_COLUMN, b"value").unwrap();
        running
            .store
            .change(move |change| {
                change.put_secret("a", b"torn", "local:a")?;
                change.put_secret("b", &good, "local:a")
            })
            .await
            .unwrap();
        running.gate.journal().close();
        drop((running, listener, lock));
        let (running, listener, lock) = opened(&file).await;
        assert_eq!(running.vault.resolve(&"store:b".parse().unwrap()).await.unwrap().expose(), b"value");
        let error = running.vault.resolve(&"store:a".parse().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("store:a"), "{error}");
        running.gate.journal().close();
        drop((running, listener, lock));
        std::fs::write(dir.path().join("data/store.key"), "00".repeat(32)).unwrap();
        let config = config::load(&file).unwrap();
        let options = RunOptions { config, config_path: file, watch: None, log_format: LogFormat::Pretty };
        assert!(matches!(open(options).await, Err(GatewayError::Seal { .. })));
    }

    #[tokio::test]
    async fn a_revision_stands_for_one_set_of_policies_over_reloads_and_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gw.toml");
        write(&file, dir.path(), "/a");
        let (running, listener, lock) = opened(&file).await;
        let first = running.gate.snapshot().revision();
        assert_eq!(running.reload("local:a").await.unwrap().revision, first, "nothing has changed");
        write(&file, dir.path(), "/b");
        let second = running.reload("local:a").await.unwrap().revision;
        assert!(second > first);
        // A file that cannot be applied uses up no revision, however late it fails.
        let tls = "listen = \"127.0.0.1:0\"\ntls = { cert = \"/none\", key = \"file:/none\" }";
        let text = std::fs::read_to_string(&file).unwrap().replace("\"/b\"", "\"/x\"");
        std::fs::write(&file, text.replace("listen = \"127.0.0.1:0\"", tls)).unwrap();
        let error = running.reload("local:a").await.unwrap_err();
        assert!(matches!(error, GatewayError::Certificate { .. }), "{error:?}");
        assert_eq!(running.store.read(View::revision).await.unwrap(), second);
        write(&file, dir.path(), "/b");
        running.gate.journal().close();
        drop((running, listener, lock));

        // The same file has the same revision after a restart; one that was changed meanwhile has another.
        let (running, listener, lock) = opened(&file).await;
        assert_eq!(running.gate.snapshot().revision(), second);
        running.gate.journal().close();
        drop((running, listener, lock));
        write(&file, dir.path(), "/c");
        let (running, _listener, _lock) = opened(&file).await;
        assert!(running.gate.snapshot().revision() > second);
        running.gate.journal().close();
    }
}
