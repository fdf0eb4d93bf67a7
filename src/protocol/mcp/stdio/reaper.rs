//! What ends programs whose gateway was killed: a process of its own, which knows their groups.
//!
//! A killed gateway can do nothing any more, and a program that does not mind that its input closes would stay for ever. The reaper is the
//! gateway's own program, started once more; it reads from a pipe which groups there are. The pipe closes when the gateway is gone, however
//! that came, and then the reaper kills the groups that do not end by themselves.
//!
//! Nobody waits for it: the gateway's end of the pipe does not block, and a reaper that does not read what it is told is killed, and another
//! one is told all of it.

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
use std::sync::PoisonError;
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

/// The only argument with which the gateway's own program is a reaper.
pub const WORD: &str = "reap-programs";
/// How long programs have to end by themselves when their gateway is gone.
const GRACE: Duration = Duration::from_millis(500);
/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(20);

/// The reaper of one gateway. There is no process before there is a program.
#[derive(Debug, Default)]
pub struct Reaper(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    process: Option<Child>,
    /// Reapers that were killed and may not have ended yet.
    killed: Vec<Child>,
    groups: BTreeSet<i32>,
}

/// A group that the reaper knows; dropped, it is forgotten.
#[derive(Debug)]
pub struct Watched {
    by: Arc<Reaper>,
    group: Pid,
}

impl Reaper {
    /// Tells it of a group.
    pub fn watch(self: &Arc<Self>, group: Pid) -> Watched {
        self.change(|state| {
            state.groups.insert(group.as_raw());
            state.tell(&format!("+{group}\n"));
        });
        Watched { by: Arc::clone(self), group }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
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
    /// Writes one line. Where nobody reads it, because none was started yet, or somebody killed or stopped it, a new one is told of all
    /// groups.
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
            tracing::warn!(%error, "nobody will end the programs if this gateway is killed");
        }
    }

    fn start(&mut self) -> std::io::Result<()> {
        // The tests of this library are no program that could be started as a reaper.
        if cfg!(test) {
            return Ok(());
        }
        let mut command = Command::new(own_program()?);
        self.start_as(command.arg0("hoopctl").arg(WORD))
    }

    /// Starts a reaper that knows all groups: they fit into a pipe that nobody has read from yet, as there are 512 programs at most.
    fn start_as(&mut self, command: &mut Command) -> std::io::Result<()> {
        let mut process = command
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What ends the gateway from a terminal does not end it.
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

    /// Kills a reaper. Before its pipe closes, or it would take the gateway for gone and kill programs that live.
    fn put_down(&mut self, mut dead: Child) {
        drop(dead.kill());
        // It ends in a moment, and whoever told it something has no moment. Nor is there always a thread to be had that could wait.
        self.killed.push(dead);
    }
}

/// From now on a write that finds no room fails at once. This end only: the reaper's own waits for what it reads.
fn not_blocking(pipe: &impl AsFd) -> std::io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(pipe, FcntlArg::F_GETFL)?);
    fcntl(pipe, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// The program that runs here, though its file may have been replaced meanwhile.
fn own_program() -> std::io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// The reaper itself: reads which groups there are until its input closes, then ends those that are left.
pub fn run(input: impl BufRead) {
    // Whatever ends the gateway must not end this before. Where it cannot be kept off, it ends earlier, and a new one is started.
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
        // Nobody is left who could be told that it cannot be killed.
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
        // It stands still, as one that was stopped does.
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
            // Whoever waits for it goes on now, and so ends with the test.
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
        // The same where it is told of all groups at once.
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
        // Numbers that mean more than one group to the system, or this very one, are no groups of programs.
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
