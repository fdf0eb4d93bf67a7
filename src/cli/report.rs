//! How a command ends: its exit code, and error messages on standard error.

use std::fmt::Write as _;
use std::io;
use std::io::Write;
use std::process::ExitCode;

use serde_json::Value;
use serde_json::json;

use crate::cli::output;
use crate::cli::output::Format;
use crate::config::Problem;
use crate::config::Problems;
use crate::control::ApiError;
use crate::domain::text::Shown;
use crate::domain::with_causes;
use crate::gateway::GatewayError;
use crate::secret::SealError;
use crate::store::StoreError;
use crate::transport::listen::ListenError;

/// With more than this many invalid lines it is probably the wrong file; the rest is not printed.
const MOST_BROKEN: usize = 10;

/// The documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: success, including an empty list.
    Done,
    /// 1: failure.
    Failed,
    /// 2: invalid command line.
    Usage,
    /// 3: invalid configuration.
    Config,
    /// 4: the token is missing or refused.
    Refused,
    /// 5: not found.
    NotFound,
    /// 6: it already exists, or is defined in the configuration file.
    Conflict,
    /// 7: the gateway does not answer, or another process has the store locked.
    Unreachable,
    /// 8: still pending.
    Pending,
    /// 9: denied.
    Denied,
    /// 10: a recording or the audit trail is not intact.
    Broken,
    /// 129: the terminal was closed, SIGHUP.
    Hangup,
    /// 130: interrupted, SIGINT.
    Interrupt,
    /// 143: terminated, SIGTERM.
    Terminate,
}

impl Exit {
    /// All but those of signals, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Config,
        Self::Refused,
        Self::NotFound,
        Self::Conflict,
        Self::Unreachable,
        Self::Pending,
        Self::Denied,
        Self::Broken,
    ];

    /// Returns the exit code of the process.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Config => 3,
            Self::Refused => 4,
            Self::NotFound => 5,
            Self::Conflict => 6,
            Self::Unreachable => 7,
            Self::Pending => 8,
            Self::Denied => 9,
            Self::Broken => 10,
            // 128 plus the number of the signal, as in shells.
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }

    /// Returns its stable name: `error.code` of a JSON error that has no more specific one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Config => "config_invalid",
            Self::Refused => "token_refused",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Unreachable => "gateway_unreachable",
            Self::Pending => "pending",
            Self::Denied => "denied",
            Self::Broken => "integrity_broken",
            Self::Hangup => "hangup",
            Self::Interrupt => "interrupted",
            Self::Terminate => "terminated",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What every command returns: its exit code if it has printed everything, or a failure.
pub type Outcome = Result<Exit, Failure>;

/// A failed command, as reported to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// A stable code for programs.
    pub code: String,
    /// What failed; further lines are details. Escaped when printed.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The individual problems of an invalid configuration, for programs.
    pub problems: Option<Box<Value>>,
    /// Nothing is printed: the reader of standard output is gone.
    silent: bool,
}

impl Failure {
    /// Returns a failure with the code of its exit code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: exit.as_str().to_owned(),
            message: message.into(),
            hint: None,
            problems: None,
            silent: false,
        }
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Replaces the message.
    pub fn message(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// Sets a code more specific than that of the exit code.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// Returns a failure to write to standard output. Not a failure if the reader has closed it.
    pub fn output(error: &io::Error) -> Self {
        let closed = error.kind() == io::ErrorKind::BrokenPipe;
        let exit = if closed { Exit::Done } else { Exit::Failed };
        Self { silent: closed, ..Self::new(exit, format!("cannot write to standard output: {error}")) }
    }

    /// Returns a failure with exit code 2: invalid command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Returns a failure with exit code 1.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// Returns a failure with exit code 5: not found.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, message)
    }

    /// Returns the text for standard error; empty if nothing is to be printed.
    pub fn render(&self, format: Format) -> String {
        if self.silent {
            return String::new();
        }
        if format.is_json() {
            let mut error = json!({
                "code": self.code, "message": self.message, "hint": self.hint, "exit_code": self.exit.code(),
            });
            if let (Some(members), Some(problems)) = (error.as_object_mut(), &self.problems) {
                members.insert("problems".to_owned(), (**problems).clone());
            }
            return output::json_line(&json!({"error": error}));
        }
        let mut text = String::new();
        for (place, line) in self.message.lines().enumerate() {
            let start = if place == 0 { "error: " } else { "  " };
            writeln!(text, "{start}{}", Shown(line)).ok();
        }
        for line in self.hint.iter().flat_map(|hint| hint.lines()) {
            writeln!(text, "hint: {}", Shown(line)).ok();
        }
        text
    }

    /// Prints it on standard error and returns the exit code.
    pub fn tell(&self, format: Format) -> Exit {
        io::stderr().lock().write_all(self.render(format).as_bytes()).ok();
        self.exit
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        let message = match problems.len() {
            1 => "the configuration has a problem".to_owned(),
            count => format!("the configuration has {count} problems"),
        };
        let list = Some(Box::new(output::json(&problems)));
        // A line that is not TOML has no key.
        let broken = problems.iter().filter(|problem| problem.line > 0 && problem.key.is_empty()).count();
        if broken <= MOST_BROKEN {
            return Self {
                problems: list,
                ..Self::new(Exit::Config, format!("{message}\n{}", problems.report()))
            };
        }
        let first: Vec<Problem> = problems.iter().take(MOST_BROKEN).cloned().collect();
        let more = problems.len() - first.len();
        let report = Problems::from(first).report();
        Self { problems: list, ..Self::new(Exit::Config, format!("{message}\n{report}and {more} more")) }
            .hint("is this a hoopctl.toml? name another one with -c FILE, or run: hoopctl init")
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let exit = Exit::ALL.into_iter().find(|exit| exit.code() == error.exit_code).unwrap_or(Exit::Failed);
        // A single problem is part of the message already.
        let problems = match error.problems.as_slice() {
            [only] if error.message.ends_with(only.as_str()) => &[],
            more => more,
        };
        let message: Vec<&str> =
            std::iter::once(&error.message).chain(problems).map(String::as_str).collect();
        Self {
            hint: error.hint,
            problems: (!error.problems.is_empty()).then(|| Box::new(json!(error.problems))),
            ..Self::new(exit, message.join("\n")).code(error.code.as_str())
        }
    }
}

impl From<GatewayError> for Failure {
    fn from(error: GatewayError) -> Self {
        match error {
            GatewayError::Config { problems } => problems.into(),
            GatewayError::Store { source: source @ StoreError::Locked { .. } } => {
                Self::new(Exit::Unreachable, source.to_string())
                    .code("store_locked")
                    .hint("another gateway uses this data directory; run: hoopctl status")
            }
            GatewayError::Listen { source } => taken(&source),
            GatewayError::Seal { source } => {
                let hint = match &source {
                    SealError::KeyMissing { .. } => "put the key back from your backup".to_owned(),
                    SealError::KeyMake { path, source } if source.kind() == io::ErrorKind::NotFound => {
                        let folder = path.parent().unwrap_or(path);
                        let make = format!("mkdir -m 700 -p {}", folder.display());
                        format!("there is no folder {}: {make}, or change storage.key", folder.display())
                    }
                    SealError::KeyForm { .. } => {
                        "put the key back from your backup; remove it only if the store holds no secrets"
                            .to_owned()
                    }
                    _ => "see storage.key in the configuration; run: hoopctl doctor".to_owned(),
                };
                Self::failed(with_causes(&GatewayError::Seal { source })).hint(hint)
            }
            GatewayError::LogFilter { .. } => Self::usage(error.to_string()),
            GatewayError::Identity { .. } | GatewayError::Policies { .. } => {
                Self::new(Exit::Config, with_causes(&error)).hint("run: hoopctl config check")
            }
            other => Self::failed(with_causes(&other)).hint("run: hoopctl doctor"),
        }
    }
}

/// Returns a failure to listen on an address.
fn taken(error: &ListenError) -> Failure {
    let failure = Failure::failed(with_causes(error));
    match error.source.kind() {
        io::ErrorKind::AddrInUse => failure.hint(format!(
            "stop the process that listens on {}, or change the address in the configuration; to find its key, run: hoopctl doctor",
            error.address
        )),
        _ => failure.hint("change the address in the configuration; to find its key, run: hoopctl doctor"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        for (code, exit) in Exit::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(exit.code()), code);
        }
    }

    #[test]
    fn a_hostile_message_cannot_move_the_cursor() {
        let failure = Failure::failed("bad \u{1b}[2J\u{202e}name\nsecond line").hint("look\u{7}");
        assert_eq!(
            failure.render(Format::Table),
            "error: bad \\u{1b}[2J\\u{202e}name\n  second line\nhint: look\\u{7}\n"
        );
        let text = failure.render(Format::Json);
        assert!(!text.trim_end().chars().any(crate::domain::text::is_deceptive), "{text}");
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["error"]["message"], "bad \u{1b}[2J\u{202e}name\nsecond line");
        assert_eq!(back["error"]["exit_code"], 1);
    }

    #[test]
    fn a_closed_pipe_is_silent_and_a_full_disk_is_not() {
        let closed = Failure::output(&io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((closed.exit, closed.render(Format::Table)), (Exit::Done, String::new()));
        let full = Failure::output(&io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.exit, Exit::Failed);
        assert!(!full.render(Format::Table).is_empty());
    }
}
