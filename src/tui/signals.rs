//! Signals that end the program, or hold it for a while.

use std::io;

use nix::sys::signal::Signal as Sent;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

/// What ended the screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The person at them.
    Left,
    /// SIGHUP: the terminal is gone.
    Hangup,
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// A signal that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The program is to end.
    End(Ended),
    /// SIGTSTP: it is to stand still, and to leave the terminal to others.
    Stop,
    /// SIGCONT: it goes on, and the terminal may be another than it was.
    GoesOn,
}

/// All that are listened to, from [`Signals::new`] on.
#[derive(Debug)]
pub struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
    stop: Signal,
    goes_on: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> io::Result<Self> {
        // The numbers that the system has for these two.
        let other = |sent: Sent| signal(SignalKind::from_raw(sent as i32));
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            stop: other(Sent::SIGTSTP)?,
            goes_on: other(Sent::SIGCONT)?,
        })
    }

    /// The next one. None is lost when this is given up.
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

/// Stands still until somebody lets the program go on: what SIGTSTP does where nobody listens to it.
///
/// # Errors
/// What the system says.
pub fn stand_still() -> io::Result<()> {
    nix::sys::signal::raise(Sent::SIGSTOP).map_err(io::Error::from)
}
