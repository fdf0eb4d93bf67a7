//! A command that gets or renews its token, and signals that come meanwhile.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::Value;
use serde_json::json;

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway and its issuer in one. The issuer answers when it is told to.
struct Issuer {
    origin: String,
    /// A refresh token came.
    asked: Receiver<()>,
    answer: Sender<()>,
}

impl Issuer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (told, asked) = mpsc::channel();
        let (answer, may) = mpsc::channel();
        let own = origin.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = request(&mut stream);
                let body = if request.starts_with("POST /token ") {
                    told.send(()).unwrap();
                    // The test has ended, or says so.
                    may.recv_timeout(PATIENCE).ok();
                    json!({"access_token": "new-access", "token_type": "Bearer", "expires_in": 300,
                        "refresh_token": "new-refresh"})
                } else if request.starts_with("POST /device ") {
                    json!({"device_code": "dc", "user_code": "AB-12", "verification_uri": "https://idp.example/device",
                        "expires_in": 60, "interval": 1})
                } else if request.contains("/openid-configuration ") {
                    json!({"issuer": own, "token_endpoint": format!("{own}/token"),
                        "device_authorization_endpoint": format!("{own}/device"),
                        "revocation_endpoint": format!("{own}/revoke")})
                } else {
                    json!({"resource": own, "authorization_servers": [own],
                        "hoopctl_login": {"client_id": "cli", "scopes": ["openid"]}})
                };
                let body = body.to_string();
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                // Who asked may be gone.
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok();
            }
        });
        Self { origin, asked, answer }
    }

    /// Somebody is signed in, with a token that has run out.
    fn keep(&self, home: &Path) {
        let folder = home.join(".config/hoopctl");
        std::fs::create_dir_all(&folder).unwrap();
        let kept = json!({"version": 1, "gateways": {&self.origin: {
            "terms": {"issuer": self.origin, "client_id": "cli", "scopes": ["openid"]},
            "token_endpoint": format!("{}/token", self.origin),
            "tokens": {"access": "old-access", "expires_ms": 1, "refresh": "old-refresh"}}}});
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(folder.join("tokens.json"))
            .unwrap();
        file.write_all(kept.to_string().as_bytes()).unwrap();
    }

    fn kept(&self, home: &Path) -> String {
        let text = std::fs::read_to_string(home.join(".config/hoopctl/tokens.json")).unwrap();
        let kept: Value = serde_json::from_str(&text).unwrap();
        let entry = kept.get("gateways").and_then(|all| all.get(&self.origin)).unwrap();
        entry.pointer("/tokens/refresh").and_then(Value::as_str).unwrap().to_owned()
    }

    /// Runs a command that renews, and sends it a signal when the issuer has the refresh token, but has not answered yet.
    fn interrupted(&self, mut command: Command, signal: Signal) -> ExitStatus {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.asked.recv_timeout(PATIENCE).unwrap();
        nix::sys::signal::kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        self.answer.send(()).unwrap();
        child.wait().unwrap()
    }
}

/// A command whose signals do what they do by default, however the tests were started: whoever starts them in
/// the background of a script has them ignore SIGINT.
fn interruptible(home: &Path, args: &[&str]) -> Command {
    let command = crate::hoopctl(home);
    let mut defaults = Command::new("env");
    defaults.arg("--default-signal=INT,HUP,TERM").arg(command.get_program()).args(args);
    defaults.current_dir(home).env_clear();
    defaults.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    defaults
}

fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 4096];
        let length = stream.read(&mut some).unwrap_or(0);
        bytes.extend(some.iter().take(length));
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let wanted = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            body.len() >= wanted.map_or(0, |length| length.parse().unwrap())
        });
        if whole || length == 0 {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}

#[test]
fn a_signal_waits_until_the_new_refresh_token_is_kept_and_ends_the_command_then() {
    let (home, issuer) = (tempfile::tempdir().unwrap(), Issuer::start());
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        issuer.keep(home.path());
        let command = interruptible(home.path(), &["approval", "list", "--url", &issuer.origin]);
        let status = issuer.interrupted(command, signal);
        assert_eq!(issuer.kept(home.path()), "new-refresh", "{signal}");
        assert_eq!(status.signal(), Some(signal as i32), "{status}");
    }
}

#[test]
fn a_signal_waits_until_a_new_login_is_kept_and_ends_the_command_then() {
    let (home, issuer) = (tempfile::tempdir().unwrap(), Issuer::start());
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        std::fs::remove_file(home.path().join(".config/hoopctl/tokens.json")).ok();
        let command = interruptible(home.path(), &["login", "--device", "--yes", "--url", &issuer.origin]);
        let status = issuer.interrupted(command, signal);
        assert_eq!(issuer.kept(home.path()), "new-refresh", "{signal}");
        assert_eq!(status.signal(), Some(signal as i32), "{status}");
    }
}

#[test]
fn a_signal_that_the_command_was_started_to_ignore_stays_ignored() {
    let (home, issuer) = (tempfile::tempdir().unwrap(), Issuer::start());
    for signal in [Signal::SIGINT, Signal::SIGHUP] {
        issuer.keep(home.path());
        let mut command = crate::hoopctl(home.path());
        let line = r#"trap "" INT HUP; exec "$0" approval list --url "$1""#;
        let program = command.get_program().to_owned();
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).arg(program).arg(&issuer.origin).env_clear().env("HOME", home.path());
        command = shell;
        let status = issuer.interrupted(command, signal);
        assert_eq!(issuer.kept(home.path()), "new-refresh", "{signal}");
        assert!(status.code().is_some(), "{signal} {status}");
    }
}

#[test]
fn an_interrupted_login_that_cannot_be_kept_says_what_became_of_it() {
    let (home, issuer) = (tempfile::tempdir().unwrap(), Issuer::start());
    let mut command = interruptible(home.path(), &["login", "--device", "--yes", "--url", &issuer.origin]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    issuer.asked.recv_timeout(PATIENCE).unwrap();
    // Another process has the file, and keeps it.
    let folder = home.path().join(".config/hoopctl");
    let lock = std::fs::OpenOptions::new().write(true).open(folder.join("tokens.lock")).unwrap();
    lock.try_lock().unwrap();
    let number = Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(number, Signal::SIGINT).unwrap();
    issuer.answer.send(()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let words = "signed in, but the login could not be kept: interrupted; the login is revoked at the issuer";
    assert_eq!(said.matches(words).count(), 1, "{said}");
    assert_eq!(output.status.signal(), Some(Signal::SIGINT as i32), "{}", output.status);
    let kept = std::fs::read_to_string(folder.join("tokens.json")).unwrap();
    assert!(!kept.contains("new-refresh"), "{kept}");
}
