//! Secrets printed by a program, which is run without a shell and with an empty environment, and with limits
//! on time and length.

use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::signal::killpg;
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::process::Child;
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::domain::secret::Secret;
use crate::secret::error::SecretError;
use crate::secret::file::MAX_SECRET;
use crate::secret::file::to_secret;

/// How long a program may run.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(5);
/// The only variables in its environment.
const ENVIRONMENT: [&str; 2] = ["PATH", "HOME"];

/// Returns the program of a command, without its arguments, which may be confidential.
pub(super) fn program(command: &str) -> &str {
    command.split_whitespace().next().unwrap_or_default()
}

/// Runs `command`, split at white space, and returns its output.
pub(super) async fn run(command: &str, limit: Duration) -> Result<Secret, SecretError> {
    let name = program(command).to_owned();
    let io = |operation: &'static str, error: std::io::Error| SecretError::Io {
        operation,
        source_name: format!("exec:{name}"),
        source: Arc::new(error),
    };
    let mut child = Command::new(&name)
        .args(command.split_whitespace().skip(1))
        .env_clear()
        .envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // A process group of its own, so that the processes it starts are killed with it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| io("start", error))?;
    let mut group = Group(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
    match tokio::time::timeout(limit, output(&mut child, &mut group)).await {
        Ok(Ok((bytes, status))) if bytes.len() <= MAX_SECRET && status.success() => {
            group.is_done();
            to_secret(&bytes, &|| format!("exec:{name}"))
        }
        Ok(Ok((bytes, _killed))) if bytes.len() > MAX_SECRET => {
            Err(SecretError::TooLong { source_name: format!("exec:{name}"), limit: MAX_SECRET })
        }
        Ok(Ok((_output, status))) => {
            group.is_done();
            Err(SecretError::ExecFailed { program: name.clone(), status: status.to_string() })
        }
        Ok(Err(error)) => Err(io("read from", error)),
        Err(_elapsed) => {
            group.kill();
            Err(SecretError::ExecTimeout { program: name.clone(), limit_s: limit.as_secs() })
        }
    }
}

/// Returns its output and exit status. A program with too much output is killed.
async fn output(child: &mut Child, group: &mut Group) -> std::io::Result<(Zeroizing<Vec<u8>>, ExitStatus)> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 1));
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_SECRET as u64 + 1).read_to_end(&mut bytes).await?;
    }
    if bytes.len() > MAX_SECRET {
        group.kill();
    }
    let status = child.wait().await?;
    Ok((bytes, status))
}

/// The program and all processes it started; killed on drop, also if the caller is cancelled.
struct Group(Option<Pid>);

impl Group {
    /// Notes that the program has ended by itself: its process id may be reused.
    fn is_done(&mut self) {
        self.0 = None;
    }

    fn kill(&mut self) {
        let Some(group) = self.0.take() else { return };
        // Usually there is nothing left to kill.
        if let Err(error) = killpg(group, Signal::SIGKILL)
            && error != nix::errno::Errno::ESRCH
        {
            tracing::debug!(%error, "cannot kill what a program for a secret left behind");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
