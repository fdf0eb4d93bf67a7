//! `demo`: the gateway with everything needed to try it, in one process.

use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use clap::Args;
use tokio::sync::oneshot;

use crate::cli::access::Access;
use crate::cli::ask;
use crate::cli::init;
use crate::cli::init::DEMO_PORTS;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::tour::Tour;
use crate::config::Config;
use crate::demo;
use crate::demo::config::AUDIENCE;
use crate::demo::config::CONNECTION;
use crate::demo::config::DemoConfig;
use crate::demo::config::FILE;
use crate::demo::config::KEY_FILE;
use crate::demo::config::Scenario;
use crate::demo::fixture::Fixture;
use crate::demo::issuer::DevIssuer;
use crate::demo::issuer::DevIssuerSettings;
use crate::demo::target::SampleTarget;
use crate::domain::connection::Protocol;
use crate::domain::with_causes;
use crate::gateway;
use crate::gateway::RunOptions;

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Keep configuration and recordings in this directory, and use what is there
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// The scenario to run; default http, or that of the --keep directory
    #[arg(long, value_name = "SCENARIO", value_enum)]
    pub scenario: Option<Scenario>,
    /// The MCP server answers from this file, written by session export --format mcp-fixture
    #[arg(long, value_name = "FILE")]
    pub fixture: Option<PathBuf>,
}

/// Maximum time until everything is ready.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs the demo until a signal stops it.
pub fn run(terminal: Terminal, args: &DemoArgs) -> Outcome {
    let begin = Instant::now();
    let (wanted, fixture) = recorded(args)?;
    let is_recorded = fixture.is_some();
    let folder = Folder::open(args.keep.as_deref())?;
    let file = folder.path.join(FILE);
    let key = if file.exists() {
        crate::cli::entity::read_text(&folder.path.join(KEY_FILE))?.trim().to_owned()
    } else {
        let [gateway, issuer, target] = free_addresses()?;
        let (scenario, recorded, user) = (wanted.unwrap_or_default(), is_recorded, init::os_user());
        let demo = DemoConfig { gateway, issuer, target, scenario, recorded, user };
        init::demo_folder(&folder.path, &demo, false)?
    };
    let place = Place::of(file.clone());
    let config = place.config()?;
    let (scenario, target) = sample_target(&config, wanted, fixture, &key)?;
    let issuer = DevThread::start(&config)?;
    let tour = Tour {
        gateway: config.gateway.listen,
        issuer: config.dev_issuer.as_ref().map_or(config.gateway.listen, |issuer| issuer.listen),
        target: target.address(),
        scenario,
        recorded: is_recorded,
        folder: folder.path.clone(),
        kept: folder.kept,
        policies: config.policies.len(),
        program: std::env::current_exe().ok(),
    };
    let guide = std::thread::Builder::new().name("demo-guide".to_owned());
    guide
        .spawn(move || guide_when_ready(terminal, &place, &tour, begin))
        .map_err(|error| Failure::failed(format!("cannot start a thread: {error}")))?;
    let ended = gateway::run(RunOptions {
        config,
        config_path: file,
        watch: None,
        log_format: gateway::LogFormat::Pretty,
    });
    drop((target, issuer));
    ended?;
    Ok(Exit::Done)
}

/// Returns the requested scenario, and the answers of a recorded server.
fn recorded(args: &DemoArgs) -> Result<(Option<Scenario>, Option<Fixture>), Failure> {
    let Some(file) = &args.fixture else { return Ok((args.scenario, None)) };
    if args.scenario.is_some_and(|scenario| scenario != Scenario::Mcp) {
        return Err(Failure::new(Exit::Usage, "--fixture is for --scenario mcp only"));
    }
    let document = std::fs::read(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            ask::no_file(file).hint("run: hoopctl session export ID --format mcp-fixture > FILE")
        }
        _ => Failure::failed(format!("cannot read {}: {error}", file.display())),
    })?;
    let fixture = Fixture::read(&document)
        .map_err(|error| Failure::failed(format!("{}: {}", file.display(), with_causes(&error))))?;
    Ok((Some(Scenario::Mcp), Some(fixture)))
}

/// Prints the tour once everything works: the gateway is ready and has the issuer's keys.
fn guide_when_ready(terminal: Terminal, place: &Place, tour: &Tour, begin: Instant) {
    while begin.elapsed() < PATIENCE {
        let status = Access::online(place).and_then(|access| access.wait(access.backend().status()));
        if status.is_ok_and(|status| status.ready && status.issuers.iter().all(|issuer| issuer.usable)) {
            // Without a reader there is nobody to guide; the gateway keeps running.
            terminal.data(&tour.text(begin.elapsed())).ok();
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    terminal.say("the gateway is not ready after 15 s: see the log above");
}

/// Starts the sample target of the configuration's connection.
fn sample_target(
    config: &Config,
    wanted: Option<Scenario>,
    fixture: Option<Fixture>,
    key: &str,
) -> Result<(Scenario, SampleTarget), Failure> {
    let crm = config.connections.iter().find(|connection| connection.name.as_str() == CONNECTION);
    let scenario = crm.and_then(|crm| match crm.protocol {
        Protocol::Http => Some(Scenario::Http),
        Protocol::Mcp if crm.upstream.program.is_none() => Some(Scenario::Mcp),
        Protocol::Mcp | Protocol::Postgres => None,
    });
    let (Some(crm), Some(scenario)) = (crm, scenario) else {
        let file = config.path.display();
        return Err(Failure::new(
            Exit::Config,
            format!("{file} has no connection {CONNECTION} to a sample target: it is not of the demo"),
        )
        .hint("run: hoopctl init --demo --dir DIR"));
    };
    let named = match scenario {
        Scenario::Http => "http",
        Scenario::Mcp => "mcp",
    };
    if wanted.is_some_and(|wanted| wanted != scenario) {
        let file = config.path.display();
        return Err(Failure::new(Exit::Conflict, format!("{file} is of the scenario {named}"))
            .hint("omit --scenario, or keep the other one in another folder"));
    }
    let address = (&*crm.upstream.host, crm.upstream.port);
    let listener = TcpListener::bind(address).map_err(|error| {
        Failure::failed(format!("the sample target cannot listen on {}:{}: {error}", address.0, address.1))
            .hint("stop the process that listens there, or change the address in the configuration")
    })?;
    if !listener.local_addr().is_ok_and(|address| address.ip().is_loopback()) {
        return Err(Failure::new(Exit::Config, "the sample target listens on loopback only"));
    }
    let started = match (scenario, fixture) {
        (Scenario::Http, _) => demo::api::start(listener, key),
        (Scenario::Mcp, None) => demo::mcp::start(listener, key),
        (Scenario::Mcp, Some(fixture)) => demo::fixture::start(listener, key, fixture),
    };
    let target = started.map_err(|error| Failure::failed(with_causes(&error)))?;
    Ok((scenario, target))
}

/// Returns the default address for each part, or a free one if it is taken.
fn free_addresses() -> Result<[SocketAddr; 3], Failure> {
    // All three are held until all are known, so that none is found twice.
    let bind = |port| {
        TcpListener::bind(("127.0.0.1", port))
            .or_else(|_taken| TcpListener::bind("127.0.0.1:0"))
            .and_then(|listener| Ok((listener.local_addr()?, listener)))
            .map_err(|error| Failure::failed(format!("cannot listen on this machine: {error}")))
    };
    let [gateway, issuer, target] = DEMO_PORTS;
    let (gateway, issuer, target) = (bind(gateway)?, bind(issuer)?, bind(target)?);
    Ok([gateway.0, issuer.0, target.0])
}

/// The directory of the demo. A temporary one is removed on drop.
struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    fn open(keep: Option<&Path>) -> Result<Self, Failure> {
        if let Some(dir) = keep {
            let path = std::path::absolute(dir)
                .map_err(|error| Failure::failed(format!("cannot use {}: {error}", dir.display())))?;
            return Ok(Self { path, kept: true });
        }
        // A socket's path must be short, so the name has only the random end of an id.
        let id = crate::domain::RequestId::new().to_string();
        let end = id.get(id.len().saturating_sub(8)..).unwrap_or_default();
        let path = std::env::temp_dir().join(format!("hoopctl-demo-{end}"));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| Failure::failed(format!("cannot make {}: {error}", path.display())))?;
        Ok(Self { path, kept: false })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            std::fs::remove_dir_all(&self.path).ok();
        }
    }
}

/// The development issuer on a thread of its own, until dropped.
pub struct DevThread {
    _stop: oneshot::Sender<()>,
}

impl DevThread {
    /// Starts the issuer that the configuration names, and waits until it listens; `None` if it names none.
    pub fn start(config: &Config) -> Result<Option<Self>, Failure> {
        let Some(issuer) = &config.dev_issuer else { return Ok(None) };
        let url = format!("http://{}", issuer.listen);
        let audience =
            config.oidc.iter().find(|entry| entry.issuer == url).and_then(|entry| entry.audiences.first());
        let settings = DevIssuerSettings {
            listen: issuer.listen,
            key_dir: config.storage.data_dir.clone(),
            audience: audience.map_or_else(|| AUDIENCE.to_owned(), ToString::to_string),
        };
        init::make_dir(&settings.key_dir)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, started) = std::sync::mpsc::channel();
        let serve = move || {
            let runtime = match crate::cli::access::runtime() {
                Ok(runtime) => runtime,
                Err(failure) => return drop(ready.send(Err(failure.message))),
            };
            runtime.block_on(async {
                let running = DevIssuer::start(settings).await;
                let told = match &running {
                    Ok(_) => Ok(()),
                    Err(error) => Err(with_causes(error)),
                };
                if ready.send(told).is_ok() && running.is_ok() {
                    stopped.await.ok();
                }
            });
        };
        std::thread::Builder::new()
            .name("dev-issuer".to_owned())
            .spawn(serve)
            .map_err(|error| Failure::failed(format!("cannot start a thread: {error}")))?;
        match started.recv() {
            Ok(Ok(())) => Ok(Some(Self { _stop: stop })),
            Ok(Err(why)) => Err(Failure::failed(format!("the development issuer does not run: {why}")).hint(
                format!("stop the process that listens on {}, or change dev_issuer.listen", issuer.listen),
            )),
            Err(_gone) => Err(Failure::failed("the development issuer does not run")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_different_addresses_are_found_whatever_is_taken() {
        let _taken = DEMO_PORTS.map(|port| TcpListener::bind(("127.0.0.1", port)));
        let found = free_addresses().unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() != 0));
        assert!(found[0] != found[1] && found[1] != found[2] && found[0] != found[2]);
        for address in found {
            assert!(TcpListener::bind(address).is_ok(), "{address}");
        }
    }

    #[test]
    fn a_folder_has_one_scenario_and_a_file_that_is_not_of_the_demo_has_none() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        // On a new port each time: a target that was just dropped may still hold its own.
        let start = |scenario, wanted, change: (&str, &str)| {
            let target = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let (gateway, issuer) = (address(1), address(2));
            let demo =
                DemoConfig { gateway, issuer, target, scenario, recorded: false, user: "kim".to_owned() };
            let text = demo.toml().replace(change.0, change.1);
            let config = crate::config::parse(&text, Path::new("/tmp/demo/hoopctl.toml")).unwrap();
            sample_target(&config, wanted, None, "k3y")
                .map(|(found, _)| found)
                .map_err(|failure| failure.exit)
        };
        let same = ("crm", "crm");
        for (one, other) in [(Scenario::Http, Scenario::Mcp), (Scenario::Mcp, Scenario::Http)] {
            assert_eq!(start(one, None, same), Ok(one));
            assert_eq!(start(one, Some(one), same), Ok(one));
            assert_eq!(start(one, Some(other), same), Err(Exit::Conflict));
            assert_eq!(start(one, None, ("\"crm\"", "\"other\"")), Err(Exit::Config));
        }
        let elsewhere = ("mcp+http://127.0.0.1", "mcp+http://0.0.0.0");
        assert_eq!(start(Scenario::Mcp, None, elsewhere), Err(Exit::Config));
    }

    #[test]
    fn a_temporary_folder_goes_and_a_kept_one_stays() {
        let temporary = Folder::open(None).unwrap();
        let path = temporary.path.clone();
        assert!(path.is_dir());
        drop(temporary);
        assert!(!path.exists());
        let kept = tempfile::tempdir().unwrap();
        drop(Folder::open(Some(kept.path())).unwrap());
        assert!(kept.path().is_dir());
    }
}
