//! One process with everything that it starts: a process group, so that nothing of it remains.

use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::signal::killpg;
use nix::unistd::Pid;
use tokio::process::ChildStderr;
use tokio::process::ChildStdin;
use tokio::process::ChildStdout;
use tokio::process::Command;

use crate::protocol::mcp::stdio::environment::Spec;
use crate::protocol::mcp::stdio::reaper::Reaper;
use crate::protocol::mcp::stdio::reaper::Watched;

/// How long a process has to end by itself after its input is closed, and again after it is told to.
pub const GRACE: Duration = Duration::from_secs(2);
/// How often to check whether a group is gone.
const LOOK: Duration = Duration::from_millis(20);

/// A running process. Dropping it kills it with its group.
pub struct Process {
    child: tokio::process::Child,
    group: Group,
}

/// The standard streams of a process.
pub struct Streams {
    /// Its standard input.
    pub input: ChildStdin,
    /// Its standard output, with messages for its client.
    pub output: ChildStdout,
    /// Its standard error, with log messages for its operator.
    pub log: ChildStderr,
}

impl Process {
    /// Starts a program without a shell, and with only the listed variables.
    pub fn start(spec: &Spec, reaper: &Arc<Reaper>) -> std::io::Result<(Self, Streams)> {
        let mut child = Command::new(&*spec.program.name)
            .args(spec.program.args.iter().map(|arg| &**arg))
            .env_clear()
            .envs(spec.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let group = Group(id.map(|id| (id, reaper.watch(id))));
        let streams = child.stdin.take().zip(child.stdout.take()).zip(child.stderr.take());
        let ((input, output), log) = streams.ok_or_else(|| std::io::Error::other("no standard streams"))?;
        Ok((Self { child, group }, Streams { input, output, log }))
    }

    /// Resolves when the process itself has ended.
    pub async fn ended(&mut self) {
        if let Err(error) = self.child.wait().await {
            tracing::warn!(%error, "a program cannot be waited for");
        }
    }

    /// Returns how it ended; `None` if it has not.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends the process and its group after its input is closed: waits for it to end by itself, then
    /// terminates it, then kills it.
    pub async fn end(&mut self) {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            if self.is_gone(GRACE).await {
                return;
            }
            self.group.signal(signal);
        }
        if !self.is_gone(GRACE).await {
            tracing::warn!("a program does not end though it was killed");
        }
    }

    async fn is_gone(&mut self, within: Duration) -> bool {
        let gone = async {
            self.ended().await;
            // The id of a group is not reused while it has a member; right after that it is not used here any
            // more.
            while self.group.has_members() {
                tokio::time::sleep(LOOK).await;
            }
        };
        let gone = tokio::time::timeout(within, gone).await.is_ok();
        if gone {
            self.group.0 = None;
        }
        gone
    }
}

/// A process group; killed on drop if it may still exist, and by the reaper if the gateway is killed.
struct Group(Option<(Pid, Watched)>);

impl Group {
    fn has_members(&self) -> bool {
        self.0.as_ref().is_some_and(|(group, _)| killpg(*group, None) != Err(Errno::ESRCH))
    }

    fn signal(&self, signal: Signal) {
        let Some((group, _)) = &self.0 else { return };
        if let Err(error) = killpg(*group, signal)
            && error != Errno::ESRCH
        {
            tracing::warn!(%error, %signal, "a program cannot be told to end");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}
