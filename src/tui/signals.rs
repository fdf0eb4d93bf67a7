//! Signals that end or suspend the program.

use std::io;

use nix::sys::signal::Signal as Sent;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

/// Why the screens ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The user quit.
    Left,
    /// SIGHUP: the terminal is gone.
    Hangup,
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// A received signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Exit.
    End(Ended),
    /// SIGTSTP: suspend, and release the terminal.
    Stop,
    /// SIGCONT: resume; the terminal may have changed.
    GoesOn,
}

/// The signal handlers, active from [`Signals::new`] on.
#[derive(Debug)]
pub struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
    stop: Signal,
    goes_on: Signal,
}

impl Signals {
    /// Installs the handlers.
    ///
    /// # Errors
    /// The system's error.
    pub fn new() -> io::Result<Self> {
        // The system's numbers of these two signals.
        let other = |sent: Sent| signal(SignalKind::from_raw(sent as i32));
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            stop: other(Sent::SIGTSTP)?,
            goes_on: other(Sent::SIGCONT)?,
        })
    }

    /// Waits for the next signal. Cancel safe: no signal is lost.
    pub async fn next(&mut self) -> Heard {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Heard::End(Ended::Terminate),
            _ = self.hangup.recv() => Heard::End(Ended::Hangup),
            _ = self.interrupt.recv() => Heard::End(Ended::Interrupt),
            _ = self.stop.recv() => Heard::Stop,
            _ = self.goes_on.recv() => Heard::GoesOn,
        }
    }
}

/// Suspends the process until SIGCONT, which is the default action of SIGTSTP.
///
/// # Errors
/// The system's error.
pub fn stand_still() -> io::Result<()> {
    nix::sys::signal::raise(Sent::SIGSTOP).map_err(io::Error::from)
}
