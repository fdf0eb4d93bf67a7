//! Dialogs at the terminal: confirmations, editing a text, reading a secret.

use std::io;
use std::io::BufRead;
use std::io::IsTerminal;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use crate::cli::output::Terminal;
use crate::cli::report::Failure;
use crate::domain::secret::Secret;
use crate::domain::text::Shown;

/// Maximum length of a secret in bytes.
const SECRET_MAX: u64 = 64 << 10;

/// Asks before something irreversible. `yes` answers in advance; without a terminal it is required.
pub fn confirm(terminal: Terminal, yes: bool, what: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !terminal.dialog {
        return Err(Failure::usage(format!("confirmation required: {what}"))
            .code("confirmation_needed")
            .hint("add --yes"));
    }
    let mut err = io::stderr().lock();
    write!(err, "{} [y/N] ", Shown(what)).and_then(|()| err.flush()).ok();
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| cannot_read(&error))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(Failure::failed("nothing was changed").code("not_confirmed"))
    }
}

/// Reads a text file, or standard input for `-`. `None`: it is longer than `most` bytes.
pub fn read_text(path: &Path, most: u64) -> Result<Option<String>, Failure> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => no_file(path),
        _ => Failure::failed(format!("cannot read {}: {error}", path.display())),
    };
    let mut text = String::new();
    let most_and_one = most.saturating_add(1);
    let read = if path == Path::new("-") {
        io::stdin().lock().take(most_and_one).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).map_err(failed)?.take(most_and_one).read_to_string(&mut text)
    };
    let length = read.map_err(failed)? as u64;
    Ok((length <= most).then_some(text))
}

/// Returns the failure for an input file that does not exist.
pub fn no_file(path: &Path) -> Failure {
    Failure::not_found(format!("there is no file {}", path.display()))
        .hint("correct its path; - means standard input where text is read")
}

/// Lets the user edit `text` in `$VISUAL` or `$EDITOR`; `None` if it is unchanged.
pub fn edit(terminal: Terminal, name: &str, text: &str) -> Result<Option<String>, Failure> {
    if !terminal.dialog {
        return Err(Failure::usage("no terminal to edit on").hint("pass the new text with -f FILE or -f -"));
    }
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|editor| !editor.trim().is_empty())
        .unwrap_or_else(|| "vi".to_owned());
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let file = ScratchFile::write(name, text)?;
    let status = Command::new(program)
        .args(words)
        .arg(&file.path)
        .status()
        .map_err(|error| Failure::failed(format!("cannot start the editor {program}: {error}")))?;
    if !status.success() {
        return Err(Failure::failed(format!("the editor ended with {status}; nothing was changed")));
    }
    let edited = crate::cli::entity::read_text(&file.path)?;
    Ok((edited != text).then_some(edited))
}

/// A file that only this user can read, removed on drop.
struct ScratchFile {
    path: std::path::PathBuf,
}

impl ScratchFile {
    fn write(name: &str, text: &str) -> Result<Self, Failure> {
        use std::os::unix::fs::OpenOptionsExt;
        let path =
            std::env::temp_dir().join(format!("hoopctl-{}-{name}.toml", crate::domain::RequestId::new()));
        let file = Self { path };
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file.path)
            .and_then(|mut open| open.write_all(text.as_bytes()))
            .map_err(|error| Failure::failed(format!("cannot write {}: {error}", file.path.display())))?;
        Ok(file)
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).ok();
    }
}

/// Reads a secret from standard input: without echo from a terminal, entirely from a pipe or file, without
/// its last line feed.
pub fn secret(terminal: Terminal, what: &str) -> Result<Secret, Failure> {
    let mut bytes = Vec::new();
    if io::stdin().is_terminal() {
        terminal.say(&format!("type {what} (not echoed), then press Enter"));
        let _unseen = Unseen::start();
        let mut line = io::stdin().lock().take(SECRET_MAX + 1);
        line.read_until(b'\n', &mut bytes).map_err(|error| cannot_read(&error))?;
    } else {
        io::stdin()
            .lock()
            .take(SECRET_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| cannot_read(&error))?;
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    let length = bytes.len() as u64;
    let secret = Secret::new(bytes);
    match length {
        0 => Err(Failure::usage(format!("{what} is empty"))),
        1..=SECRET_MAX => Ok(secret),
        _ => Err(Failure::usage(format!("{what} is longer than 64 KiB"))),
    }
}

fn cannot_read(error: &io::Error) -> Failure {
    Failure::failed(format!("cannot read standard input: {error}"))
}

/// Turns off the terminal's echo until dropped.
struct Unseen;

impl Unseen {
    fn start() -> Self {
        Self::stty("-echo");
        Self
    }

    /// Runs `stty`. Terminal modes need system calls that this crate does not make (`unsafe` is forbidden);
    /// `stty` is part of every POSIX system.
    fn stty(mode: &str) {
        let mut stty = Command::new("stty");
        stty.arg(mode).stdin(Stdio::inherit()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        Self::stty("echo");
        writeln!(io::stderr().lock()).ok();
    }
}
