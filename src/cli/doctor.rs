//! `doctor`: finds problems of an installation, and how to fix them.

mod configuration;
mod files;
mod finding;
mod ports;
mod secrets;

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::cli::access;
use crate::cli::access::Access;
use crate::cli::connect::probe;
use crate::cli::connect::probe::Target;
use crate::cli::doctor::configuration::Found;
use crate::cli::doctor::finding::Checks;
use crate::cli::doctor::secrets::Kept;
use crate::cli::doctor::secrets::Known;
use crate::cli::named;
use crate::cli::output;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::report::Exit;
use crate::cli::report::Outcome;
use crate::cli::session::recording::audit_problem;
use crate::cli::session::verify;
use crate::cli::token;
use crate::config::Config;
use crate::control::noun::audit::AuditVerification;
use crate::domain::connection::Connection;
use crate::domain::connection::Protocol;
use crate::domain::now_ms;
use crate::domain::units;
use crate::domain::with_causes;
use crate::recording;
use crate::recording::Journal;
use crate::store;
use crate::transport::fetch::Location;

/// Maximum clock skew in milliseconds before tokens are refused or live too long.
const CLOCK_MAX_MS: u64 = 30_000;
/// Timeout for one server.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs all checks. Exits with 10 if the audit trail is broken, with 1 if anything else is wrong.
pub fn run(terminal: Terminal, place: &Place) -> Outcome {
    let mut checks = Checks::default();
    let mut broken = false;
    if let Some(Found { config, left_out }) = configuration::check(&mut checks, place) {
        let has = |part: &str| !left_out.iter().any(|left| left == part);
        // If the file has problems elsewhere, the socket is known all the same.
        let here = place.at(config.admin.socket.clone());
        let placed = has("storage") && has("admin");
        let gateway = if placed { socket(&mut checks, (place, &here), &config) } else { None };
        let running = gateway.is_some();
        let rests = placed && !running;
        if rests {
            ports::check(&mut checks, &config, &has);
        }
        let mut known = Known {
            kept: Kept::Unknown("[storage] has a problem".to_owned()),
            unset: gateway.and_then(|gateway| gateway.unset),
            damaged: Vec::new(),
        };
        if has("storage") {
            data_dir(&mut checks, &config);
            (known.kept, known.damaged) = Kept::of(&here, &config, running);
            secrets::store_key(&mut checks, &config, &known);
            secrets::damaged(&mut checks, &known);
            if rests {
                files::check(&mut checks, &config);
            }
            broken = rests && schema(&mut checks, &config) || running && trail(&mut checks, &here);
            disk(&mut checks, &config);
        }
        certificate(&mut checks, &config, &known);
        page(&mut checks, &config, &known);
        if has("oidc") {
            issuers(&mut checks, (&config, &known), running);
        }
        targets(&mut checks, &here, (&config, &known), running);
    }
    checks.print(terminal)?;
    Ok(match (broken, checks.any_wrong()) {
        (true, _) => Exit::Broken,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Done,
    })
}

/// Checks the permission bits of a file; `forbidden` bits must not be set.
fn mode(checks: &mut Checks, what: &str, path: &Path, forbidden: u32, fix: &str) {
    match std::fs::metadata(path) {
        Ok(data) => {
            let mode = data.mode() & 0o7777;
            if mode & forbidden == 0 {
                checks.good(what, format!("{} has mode {mode:04o}", path.display()));
            } else {
                checks.wrong(
                    what,
                    format!("{} has mode {mode:04o}: others can get at it", path.display()),
                    format!("{fix} {}", path.display()),
                );
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let found = format!("{} is not there", path.display());
            checks.wrong(what, found, format!("create {}, mode 0600", path.display()));
        }
        Err(error) => {
            checks.wrong(what, format!("{}: {error}", path.display()), "run it as the gateway's user");
        }
    }
}

/// A running gateway.
struct Running {
    /// The variables that it lacks, if it reports them.
    unset: Option<Vec<String>>,
}

/// Checks the gateway, if one is running.
fn socket(checks: &mut Checks, (place, here): (&Place, &Place), config: &Config) -> Option<Running> {
    let path = &config.admin.socket;
    match Access::online(here).and_then(|access| access.wait(access.backend().status())) {
        Ok(status) => {
            let version = env!("CARGO_PKG_VERSION");
            if status.version != version {
                let found = format!("the gateway is version {}, this is {version}", status.version);
                checks.doubtful("gateway", found, "restart the gateway");
            } else if status.ready && !status.restart_needed.is_empty() {
                let found = format!("still runs with older settings: {}", status.restart_needed.join(", "));
                checks.doubtful("gateway", found, "restart the gateway");
            } else if status.ready {
                checks.good("gateway", format!("runs and is ready, socket {}", path.display()));
            } else {
                let why = status.recording_problem.unwrap_or_else(|| "it starts or stops".to_owned());
                checks.wrong("gateway", format!("runs but takes no commands: {why}"), "look at its log");
            }
            Some(Running { unset: status.unset.map(Vec::from) })
        }
        Err(failure) if failure.exit == Exit::Unreachable => {
            let fix = format!("hoopctl serve{}", place.option());
            checks.doubtful("gateway", format!("does not run: {}", failure.message), fix);
            None
        }
        Err(failure) => {
            let fix = failure.hint.unwrap_or_else(|| "run it as the gateway's user".to_owned());
            checks.wrong("gateway", failure.message, fix);
            Some(Running { unset: None })
        }
    }
}

fn data_dir(checks: &mut Checks, config: &Config) {
    let dir = &config.storage.data_dir;
    if !dir.exists() {
        checks.doubtful(
            "data directory",
            format!("{} is not there yet", dir.display()),
            "the first start makes it",
        );
        return;
    }
    mode(checks, "data directory", dir, 0o077, "chmod 700");
    for name in ["hoopctl.db", "events.db"] {
        let file = dir.join(name);
        if file.exists() {
            mode(checks, name, &file, 0o077, "chmod 600");
        }
    }
    for file in Journal::unreadable(dir) {
        let found = format!("{} holds what could not be taken over after a crash", file.display());
        checks.doubtful("recordings", found, "keep it as evidence, or remove it");
    }
}

/// Checks the audit trail of the running gateway. Returns whether it is broken.
fn trail(checks: &mut Checks, place: &Place) -> bool {
    match Access::online(place).and_then(|access| verify::audit_trail(&access)) {
        Ok(found) => audit(checks, &found),
        Err(failure) => {
            checks.wrong("audit trail", failure.message, "run it as the gateway's user");
            false
        }
    }
}

fn audit(checks: &mut Checks, found: &AuditVerification) -> bool {
    let what = "audit trail";
    let problem = audit_problem(found);
    let broken = problem.is_some();
    match problem {
        None => checks
            .good(what, format!("{} in a whole chain", output::count(found.entries, "entry", "entries"))),
        Some(problem) => checks.wrong(what, problem, "keep the data directory as evidence"),
    }
    broken
}

/// Checks version and integrity of the store by opening it. Only while no gateway has it open. Returns
/// whether its audit trail is broken.
fn schema(checks: &mut Checks, config: &Config) -> bool {
    let dir = &config.storage.data_dir;
    let has = |name: &str| dir.join(name).exists();
    if !has(store::DB_FILE) && !has(recording::FILE) {
        return false;
    }
    let fix = files::GUIDE;
    let opened = store::lock_data_dir_soon(dir).and_then(|lock| Ok((lock, store::Store::open(dir)?)));
    match opened {
        Ok((_lock, store)) => {
            checks.good("store", "is whole, and of this version");
            match store.call_blocking(|db| db.read(store::View::verify_audit)) {
                Ok(found) => return audit(checks, &found),
                Err(error) => checks.wrong("audit trail", error.to_string(), fix),
            }
        }
        Err(error) => checks.wrong("store", with_causes(&error), fix),
    }
    false
}

fn disk(checks: &mut Checks, config: &Config) {
    let mut dir = config.storage.data_dir.as_path();
    while !dir.exists() {
        let Some(parent) = dir.parent() else { return };
        dir = parent;
    }
    let stat = match nix::sys::statvfs::statvfs(dir) {
        Ok(stat) => stat,
        Err(error) => {
            return checks.doubtful("disk", format!("{}: {error}", dir.display()), "look at it with df");
        }
    };
    let free = stat.blocks_available().saturating_mul(stat.fragment_size());
    let used = std::fs::metadata(config.storage.data_dir.join("events.db")).map_or(0, |data| data.len());
    let wanted = config.recording.max_size.saturating_sub(used);
    let free_text = format!("{} MiB are free", free >> 20);
    if free < 256 << 20 {
        checks.wrong("disk", format!("{free_text}: without recording nothing passes"), "make room");
    } else if free < wanted {
        let size = units::format_size(config.recording.max_size);
        let found = format!("{free_text}, recordings may grow to {size}");
        checks.doubtful("disk", found, "lower recording.retention.max_size, or make room");
    } else {
        checks.good("disk", free_text);
    }
}

/// Checks the certificate of the listeners, if they have one.
fn certificate(checks: &mut Checks, config: &Config, known: &Known) {
    let Some(tls) = &config.gateway.tls else { return };
    let what = "certificate";
    let stops = named::stops_the_start(config).into_iter().filter(|found| found.starts_with("gateway.tls"));
    let stops: Vec<String> = stops.collect();
    if stops.is_empty() {
        match std::fs::File::open(&tls.cert) {
            Ok(_file) => checks.good(what, format!("{} is there", tls.cert.display())),
            Err(error) => {
                let found = format!("{}: {error}", tls.cert.display());
                checks.doubtful(what, found, "run it as the gateway's user");
            }
        }
        secrets::source(checks, "certificate, key", &tls.key, known);
    }
    for found in stops {
        checks.wrong(what, found, "put certificate and key in PEM there, or correct gateway.tls");
    }
}

/// What the approval page logs in with at its issuer.
fn page(checks: &mut Checks, config: &Config, known: &Known) {
    let page = config.admin.remote.as_ref().and_then(|remote| remote.page.as_ref());
    if let Some(secret) = page.and_then(|page| page.secret.as_ref()) {
        secrets::credential(checks, "admin.page", secret, known);
    }
}

fn issuers(checks: &mut Checks, (config, known): (&Config, &Known), running: bool) {
    let statuses = token::issuers(config.oidc.clone()).and_then(|issuers| {
        Ok(access::runtime()?.block_on(async {
            issuers.start(&Handle::current());
            issuers.refresh(None).await
        }))
    });
    match statuses {
        Ok(statuses) => {
            for status in statuses {
                let what = format!("issuer {}", status.name);
                if status.available {
                    checks.good(
                        what,
                        format!(
                            "{} has {}",
                            status.issuer,
                            output::count(status.kids.len() as u64, "usable key", "usable keys")
                        ),
                    );
                } else if !running && is_own(&status.issuer, config) {
                    let found = "is not started: the development issuer runs in the gateway";
                    checks.doubtful(what, found, "start the gateway");
                } else {
                    let why = status.last_error.unwrap_or_else(|| "no usable key".to_owned());
                    checks.wrong(
                        what,
                        format!("{}: {why}", status.issuer),
                        "check the issuer URL and the way there",
                    );
                }
            }
        }
        Err(failure) => {
            checks.wrong("issuers", failure.message, "mend what it names: a file of authorities is ca_file");
        }
    }
    for issuer in &config.oidc {
        clock(checks, &issuer.name, &issuer.issuer, issuer.ca_file.as_deref());
        if let Some(secret) = issuer.mcp_login.as_ref().and_then(|login| login.secret.as_ref()) {
            secrets::credential(checks, &format!("issuer {}, mcp_login", issuer.name), secret, known);
        }
    }
}

/// Returns whether an issuer is the gateway's built-in development issuer.
fn is_own(issuer: &str, config: &Config) -> bool {
    let own = config.dev_issuer.as_ref().map(|own| format!("http://{}", own.listen));
    own.is_some_and(|own| issuer.trim_end_matches('/') == own)
}

/// Checks the clock against the issuer's: tokens have a validity period.
fn clock(checks: &mut Checks, name: &str, url: &str, ca_file: Option<&Path>) {
    let Ok(place) = Location::parse(url) else { return };
    let target = Target {
        host: &place.host,
        port: place.port,
        protocol: Protocol::Http,
        tls: place.secure,
        ca_file,
        timeout: PATIENCE,
    };
    // An issuer that does not answer was reported already.
    let Ok(Some(theirs)) = target.date("/") else { return };
    let off = theirs.abs_diff(now_ms());
    if off > CLOCK_MAX_MS {
        let found = format!("this machine and issuer {name} are {} s apart", off / 1000);
        checks.wrong("clock", found, "set the clock by NTP");
    } else {
        checks.good("clock", format!("agrees with issuer {name}"));
    }
}

fn targets(checks: &mut Checks, place: &Place, (config, known): (&Config, &Known), running: bool) {
    for connection in stored(place, running).iter().chain(&config.connections) {
        let what = format!("connection {}", connection.name);
        let upstream = &connection.upstream;
        if let Some(program) = &upstream.program {
            match probe::find(program) {
                Ok(path) => checks.good(&what, format!("{} is there: {}", upstream.shown(), path.display())),
                Err(error) => checks.wrong(
                    &what,
                    format!("{}: {error}", upstream.shown()),
                    "install it, or write its path from the root on",
                ),
            }
            if let Some(source) = connection.inject.source() {
                secrets::credential(checks, &what, source, known);
            }
            continue;
        }
        if upstream.protocol == Protocol::Postgres && config.gateway.postgres_listen.is_none() {
            let found = "the gateway has no listener for PostgreSQL, so nobody can use it";
            checks.doubtful(&what, found, "set gateway.postgres_listen, and restart the gateway");
        }
        match Target::of(connection, PATIENCE.min(connection.limits.connect)).reach() {
            Ok(_stream) => checks.good(&what, format!("{upstream} answers")),
            Err(error) => {
                checks.wrong(&what, format!("{upstream}: {error}"), "check the target and the way there");
            }
        }
        for source in connection.secrets() {
            secrets::credential(checks, &what, source, known);
        }
    }
}

/// Returns the connections of the store, as far as they can be read.
fn stored(place: &Place, running: bool) -> Vec<Connection> {
    use crate::domain::entity::EntityKind;
    if !running {
        return Vec::new();
    }
    let found = Access::online(place)
        .and_then(|access| access.wait(access.backend().entities(EntityKind::Connection)));
    let views = found.map(|list| list.items).unwrap_or_default();
    let of_store = views.into_iter().filter(|view| !view.read_only);
    of_store.filter_map(|view| crate::cli::connect::parsed(&view.toml).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cli::doctor::finding::State;

    #[test]
    fn a_file_that_others_can_read_is_wrong_and_the_fix_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("store.key");
        std::fs::write(&file, "x").unwrap();
        for (bits, state) in [(0o600, State::Good), (0o640, State::Wrong), (0o604, State::Wrong)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(bits)).unwrap();
            let mut checks = Checks::default();
            mode(&mut checks, "store key", &file, 0o077, "chmod 600");
            assert_eq!(checks.0[0].state, state, "{bits:o}");
            assert_eq!(checks.0[0].fix.is_some(), state == State::Wrong);
        }
    }

    #[test]
    fn the_secret_of_the_page_is_looked_at() {
        let text = "version = 1\n[gateway]\npublic_url = \"https://gw.example\"\n[storage]\ndata_dir = \"/tmp/h\"\n\
                    [admin]\nlisten = \"127.0.0.1:8441\"\nroles = { approver = [\"dba\"] }\n\
                    public_url = \"https://gw.example\"\n\
                    page = { client_id = \"web\", scopes = [\"use\"], secret = \"file:/nonexistent/page\" }\n\
                    [[oidc]]\nname = \"idp\"\nissuer = \"https://idp.example\"\naudiences = [\"api://hoopctl\"]\n";
        let config = crate::config::parse(text, Path::new("/x.toml")).unwrap();
        let mut checks = Checks::default();
        page(&mut checks, &config, &Known { kept: Kept::NoStore, unset: None, damaged: Vec::new() });
        let [check] = &checks.0[..] else { panic!("{checks:?}") };
        assert!(check.state == State::Wrong && check.found.contains("/nonexistent/page"), "{check:?}");
    }

    #[test]
    fn a_missing_configuration_is_one_wrong_line_and_nothing_else() {
        let mut checks = Checks::default();
        assert!(configuration::check(&mut checks, &Place::of("/nonexistent/hoopctl.toml".into())).is_none());
        assert_eq!(checks.0.iter().filter(|check| check.state == State::Wrong).count(), 1);
    }
}
