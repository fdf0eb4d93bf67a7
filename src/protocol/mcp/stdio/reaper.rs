//! Ends programs whose gateway was killed: a separate process that knows their process groups.
//!
//! A killed gateway cannot clean up, and a program that ignores the end of its input would remain forever.
//! The reaper is the gateway's own program, started once more; it reads the groups from a pipe. The pipe
//! closes when the gateway is gone, for whatever reason, and then the reaper kills the groups that do not end
//! by themselves.
//!
//! The gateway never waits for it: its end of the pipe is non-blocking, and a reaper that does not read is
//! killed and replaced by one that is sent all groups.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::FcntlArg;
use nix::fcntl::OFlag;
use nix::fcntl::fcntl;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::signal::killpg;
use nix::unistd::Pid;

use crate::domain::sync::lock;

/// The only argument of the gateway's program when it runs as a reaper.
pub const WORD: &str = "reap-programs";
/// How long programs have to end by themselves when their gateway is gone.
const GRACE: Duration = Duration::from_millis(500);
/// How often to check whether they have.
const LOOK: Duration = Duration::from_millis(20);

/// The reaper of one gateway. Its process is started with the first program.
#[derive(Debug, Default)]
pub struct Reaper(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    process: Option<Child>,
    /// Reapers that were killed and may not have ended yet.
    killed: Vec<Child>,
    groups: BTreeSet<i32>,
}

/// A group that the reaper knows; forgotten on drop.
#[derive(Debug)]
pub struct Watched {
    by: Arc<Reaper>,
    group: Pid,
}

impl Reaper {
    /// Tells the reaper of a group.
    pub fn watch(self: &Arc<Self>, group: Pid) -> Watched {
        self.change(|state| {
            state.groups.insert(group.as_raw());
            state.tell(&format!("+{group}\n"));
        });
        Watched { by: Arc::clone(self), group }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.0));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.by.change(|state| {
            state.groups.remove(&self.group.as_raw());
            state.tell(&format!("-{}\n", self.group));
        });
    }
}

impl State {
    /// Writes one line. If nobody reads it, because no reaper is running or it was killed or stopped, starts
    /// one that is sent all groups.
    fn tell(&mut self, line: &str) {
        self.killed.retain_mut(|killed| matches!(killed.try_wait(), Ok(None)));
        let pipe = self.process.as_mut().and_then(|process| process.stdin.as_mut());
        if pipe.is_some_and(|pipe| pipe.write_all(line.as_bytes()).is_ok()) {
            return;
        }
        if let Some(dead) = self.process.take() {
            self.put_down(dead);
        }
        if !self.groups.is_empty()
            && let Err(error) = self.start()
        {
            tracing::warn!(%error, "programs will keep running if this gateway is killed");
        }
    }

    fn start(&mut self) -> std::io::Result<()> {
        // The test executable of this library cannot run as a reaper.
        if cfg!(test) {
            return Ok(());
        }
        let mut command = Command::new(own_program()?);
        self.start_as(command.arg0("hoopctl").arg(WORD))
    }

    /// Starts a reaper and sends it all groups: they fit into an empty pipe, as there are 512 programs at
    /// most.
    fn start_as(&mut self, command: &mut Command) -> std::io::Result<()> {
        let mut process = command
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Signals from a terminal that end the gateway do not reach it.
            .process_group(0)
            .spawn()?;
        let all: Vec<String> = self.groups.iter().map(|group| format!("+{group}\n")).collect();
        let told = match &mut process.stdin {
            Some(pipe) => not_blocking(pipe).and_then(|()| pipe.write_all(all.concat().as_bytes())),
            None => Err(std::io::Error::other("no standard input")),
        };
        match told {
            Ok(()) => self.process = Some(process),
            Err(_) => self.put_down(process),
        }
        told
    }

    /// Kills a reaper, before its pipe closes: otherwise it would take the gateway for gone and kill running
    /// programs.
    fn put_down(&mut self, mut dead: Child) {
        drop(dead.kill());
        // It ends soon, but the caller cannot wait for that, and a thread that could is not always available.
        self.killed.push(dead);
    }
}

/// Makes writes to this end of the pipe fail at once if it is full. The reaper's end still blocks.
fn not_blocking(pipe: &impl AsFd) -> std::io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(pipe, FcntlArg::F_GETFL)?);
    fcntl(pipe, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Returns the running program, even if its file was replaced meanwhile.
fn own_program() -> std::io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// Runs the reaper: reads groups until its input closes, then ends the remaining ones.
pub fn run(input: impl BufRead) {
    // Signals that end the gateway must not end the reaper first. If they cannot be blocked, it ends early,
    // and a new one is started.
    let _ended_by_signals = SigSet::all().thread_block();
    let mut groups = BTreeSet::new();
    for line in input.lines().map_while(Result::ok) {
        let number = |rest: &str| rest.parse().ok().filter(|number| *number > 1);
        if let Some(group) = line.strip_prefix('+').and_then(number) {
            groups.insert(group);
        } else if let Some(group) = line.strip_prefix('-').and_then(number) {
            groups.remove(&group);
        }
    }
    let groups: Vec<Pid> = groups.into_iter().map(Pid::from_raw).collect();
    let began = Instant::now();
    while began.elapsed() < GRACE && groups.iter().any(|group| killpg(*group, None) != Err(Errno::ESRCH)) {
        std::thread::sleep(LOOK);
    }
    for group in groups {
        // Nobody is left to report a failure to.
        let _gone = killpg(group, Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").process_group(0).spawn().unwrap()
    }

    #[test]
    fn nobody_waits_for_a_reaper_that_does_not_read() {
        // It does not read, like a stopped reaper.
        let mut state = State::default();
        state.start_as(Command::new("sleep").arg("60")).unwrap();
        let id = Pid::from_raw(state.process.as_ref().unwrap().id().try_into().unwrap());
        let reaper = Arc::new(Reaper(Mutex::new(state)));
        let (done, ended) = std::sync::mpsc::channel();
        let telling = Arc::clone(&reaper);
        std::thread::spawn(move || {
            // More than any pipe holds.
            for number in 1..=20_000 {
                telling.change(|state| state.tell(&format!("+{number}\n")));
            }
            done.send(()).unwrap();
        });
        let told = ended.recv_timeout(Duration::from_secs(20));
        if told.is_err() {
            // If the writer blocked, this ends it with the test.
            killpg(id, Signal::SIGKILL).unwrap();
        }
        told.unwrap();
        assert!(reaper.0.lock().unwrap().process.is_none(), "it is not told any more");
        let is_taken_leave_of = |state: &mut State, id: Pid| {
            let begin = Instant::now();
            while killpg(id, None) != Err(Errno::ESRCH) {
                assert!(
                    begin.elapsed() < Duration::from_secs(10),
                    "it was not killed, or nobody asked how it ended"
                );
                std::thread::sleep(LOOK);
                // As when the next program ends.
                state.tell("-1\n");
            }
            assert!(state.killed.is_empty());
        };
        is_taken_leave_of(&mut reaper.0.lock().unwrap(), id);
        // The same if it is sent all groups at once.
        let mut state = State { groups: (1..=20_000).collect(), ..State::default() };
        let error = state.start_as(Command::new("sleep").arg("60")).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        assert!(state.process.is_none());
        let id = Pid::from_raw(state.killed[0].id().try_into().unwrap());
        is_taken_leave_of(&mut state, id);
    }

    #[test]
    fn groups_that_are_left_when_the_input_closes_are_killed_and_no_others() {
        let (mut left, mut forgotten, mut stranger) = (sleeper(), sleeper(), sleeper());
        // Numbers that mean several groups to the system, or the own group, are ignored.
        let lines = format!(
            "+{}\n+{}\n-{}\n+0\n+1\n+-{}\nnoise\n\n+",
            left.id(),
            forgotten.id(),
            forgotten.id(),
            stranger.id()
        );
        run(lines.as_bytes());
        assert!(!left.wait().unwrap().success());
        for child in [&mut forgotten, &mut stranger] {
            assert_eq!(child.try_wait().unwrap(), None);
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
