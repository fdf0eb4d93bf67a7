//! A real, empty PostgreSQL server on a free port that lives as long as its test.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use nix::unistd::Uid;
use nix::unistd::User;

use crate::support::process::Process;
use crate::support::process::free_port;

/// A server in its own folder.
pub struct Postgres {
    folder: tempfile::TempDir,
    /// Its port on 127.0.0.1.
    pub port: u16,
    process: Option<Process>,
}

impl Postgres {
    /// Creates a cluster with these lines in `pg_hba.conf`, and runs `statements` in it, one per line. It is
    /// not started yet.
    pub fn new(hba: &str, statements: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The server runs as another user, who needs access.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let this = Self { folder, port: free_port(), process: None };
        this.fill();
        this.write("pg_hba.conf", hba.as_bytes());
        this.write("statements.sql", statements.as_bytes());
        let mut single = this.program("postgres");
        single.args(["--single", "-j", "-D"]).arg(this.data()).arg("postgres");
        finish(single.stdin(File::open(this.data().join("statements.sql")).unwrap()));
        std::fs::remove_file(this.data().join("statements.sql")).unwrap();

        let port = this.port;
        // Most of what a short session would do without `jit = off` is to load a compiler.
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nfsync = off\njit = off\nssl = on\n\
             log_connections = on\nlog_statement = all\nlog_min_messages = debug1\nlog_error_verbosity = verbose\n"
        );
        this.write("postgresql.auto.conf", settings.as_bytes());
        this
    }

    /// Creates its data by copying a cached run of `initdb`, which takes longer than many a test.
    fn fill(&self) {
        let version = String::from_utf8(finish(self.program("postgres").arg("--version")).stdout).unwrap();
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(version.trim().replace(' ', "-"));
        if !made.is_dir() {
            std::fs::create_dir(self.data()).unwrap();
            give(&self.data());
            let mut initdb = self.program("initdb");
            initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--username=postgres"]);
            finish(initdb.args(["--auth=reject", "--pgdata"]).arg(self.data()));
            let whole = made.with_extension(free_port().to_string());
            copy(&self.data(), &whole);
            // Another test may have been first.
            if std::fs::rename(&whole, &made).is_err() {
                std::fs::remove_dir_all(&whole).unwrap();
            }
            return;
        }
        copy(&made, &self.data());
    }

    /// Starts or restarts the server with this certificate and key, in PEM.
    pub fn start(&mut self, certificate: &str, key: &str) {
        self.stop();
        self.write("server.crt", certificate.as_bytes());
        self.write("server.key", key.as_bytes());
        let ready = self.log().matches("ready to accept connections").count();
        let mut process = self.program("postgres");
        let mut process = Process::start("postgres", process.arg("-D").arg(self.data()), self.folder.path());
        process.wait_port(self.port);
        // It listens before it accepts connections.
        let begin = Instant::now();
        let is_ready =
            |process: &Process| process.log().matches("ready to accept connections").count() > ready;
        while !is_ready(&process) {
            assert!(begin.elapsed() < Duration::from_secs(30), "the server is not ready: {}", process.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        self.process = Some(process);
    }

    /// Adds a file beside its data and a line to its settings; both apply from the next start.
    pub fn configure(&self, name: &str, content: &str, line: &str) {
        self.write(name, content.as_bytes());
        let path = self.data().join("postgresql.auto.conf");
        let settings = std::fs::read_to_string(&path).unwrap();
        self.write("postgresql.auto.conf", format!("{settings}{line}\n").as_bytes());
    }

    /// Returns its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("postgres.log")).unwrap_or_default()
    }

    /// Returns the folder of the test, for additional files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a script in psql, continuing after errors. Returns the output.
    pub fn psql(&self, user: &str, script: &str) -> String {
        let path = self.folder.path().join("script.sql");
        std::fs::write(&path, script).unwrap();
        let mut psql = self.program("psql");
        psql.args([
            "-XAqt",
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-U",
            user,
            "-d",
            "postgres",
            "-f",
        ]);
        let output =
            psql.arg(&path).env("PGOPTIONS", "-c statement_timeout=10s").env("PGSSLMODE", "disable").output();
        String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Shuts the server down cleanly, so that it releases its shared memory.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let number = Pid::from_raw(process.pid().try_into().unwrap());
        if kill(number, Signal::SIGINT).is_ok() && !std::thread::panicking() {
            process.wait(Duration::from_secs(30));
        }
    }

    /// Returns a command of the server, run as a user that the server accepts (not root).
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(binaries().join(name));
        command.current_dir(self.folder.path());
        if let Some(user) = server_user() {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.data().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        give(&path);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs a command that must succeed.
fn finish(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Copies a folder recursively, with owners and modes.
fn copy(from: &Path, to: &Path) {
    finish(Command::new("cp").arg("-a").arg("--").args([from, to]));
}

/// Changes the owner of a file to the server's user.
fn give(path: &Path) {
    if let Some(user) = server_user() {
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    }
}

/// Returns the user to run the server as if the tests run as root, `None` otherwise.
fn server_user() -> Option<User> {
    Uid::effective()
        .is_root()
        .then(|| User::from_name("postgres").unwrap().expect("there is no user postgres; run tests/setup"))
}

/// Returns the folder of the newest server's programs in Debian's location, or else the first one on `PATH`.
fn binaries() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = installed
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")))
        })
        .filter(|(_, folder)| folder.join("initdb").is_file())
        .max();
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .map(|(_, folder)| folder)
        .or_else(|| std::env::split_paths(&path).find(|folder| folder.join("initdb").is_file()))
        .expect("PostgreSQL is not installed; run tests/setup")
}
