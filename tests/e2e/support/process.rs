//! Processes that a test starts and stops by pid.

use std::io::Read;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// A process that ends with its test.
pub struct Process {
    child: Child,
    name: String,
    log: std::path::PathBuf,
}

impl Process {
    /// Starts a command with its output in `folder/name.log`.
    pub fn start(name: &str, command: &mut Command, folder: &Path) -> Self {
        Self::with_input(name, command.stdin(Stdio::null()), folder)
    }

    /// Starts a command that exits at the end of its input, so that it ends with the tests in any case.
    pub fn tied(name: &str, command: &mut Command, folder: &Path) -> Self {
        Self::with_input(name, command.stdin(Stdio::piped()), folder)
    }

    fn with_input(name: &str, command: &mut Command, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let out = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child = command.stdout(out.try_clone().unwrap()).stderr(out).spawn();
        let child = child.unwrap_or_else(|error| panic!("{name} does not start ({error}); run tests/setup"));
        Self { child, name: name.to_owned(), log }
    }

    /// Returns its output.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until a port accepts connections.
    pub fn wait_port(&mut self, port: u16) {
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{} ended with {status}: {}", self.name, self.log());
            }
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "{} does not listen on {port}: {}",
                self.name,
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns its pid.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, as in kill(1).
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(sent.success(), "kill -{name} {}", self.name);
    }

    /// Waits for its exit. Returns the exit code; `None` after a signal.
    pub fn wait(&mut self, limit: Duration) -> Option<i32> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begin.elapsed() < limit, "{} does not end: {}", self.name, self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills the process.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns a port that was free a moment ago.
pub fn free_port() -> u16 {
    // Below the ephemeral port range, so that no client can take the port in between.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + u16::try_from(std::process::id() % 2000).unwrap() * 10;
    (0..20_000)
        .map(|_| 10_000 + (first - 10_000 + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("no port is free")
}

/// Runs a command to its end. Returns exit code, standard output and standard error.
pub fn run(command: &mut Command) -> (i32, String, String) {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        err.read_to_string(&mut text).map(|_| text)
    });
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let status = child.wait().unwrap();
    (status.code().unwrap_or(-1), out, reader.join().unwrap().unwrap())
}
