//! Puts the terminal into the mode for full-screen drawing, and restores it.

use std::io;

use crossterm::event;
use crossterm::execute;
use crossterm::terminal;
use nix::sys::signal::SigSet;
use nix::sys::signal::SigmaskHow;
use nix::sys::signal::Signal;
use nix::unistd;

/// Returns whether this process may change the terminal: it is in the foreground, or nothing controls that. A
/// change from the background stops the process.
pub fn is_ours() -> bool {
    unistd::tcgetpgrp(io::stdin()).map_or(true, |front| front == unistd::getpgrp())
}

/// A guard that holds the terminal in full-screen mode and restores it when dropped.
pub struct Raw {
    mouse: bool,
}

impl Raw {
    /// Sets the terminal up. With `mouse`, wheel events are reported too.
    ///
    /// # Errors
    /// The system's error if there is no terminal or it cannot be used.
    pub fn new(mouse: bool) -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let raw = Self { mouse };
        raw.enter()?;
        Ok(raw)
    }

    fn enter(&self) -> io::Result<()> {
        execute!(io::stdout(), terminal::EnterAlternateScreen, event::EnableBracketedPaste)?;
        if self.mouse {
            execute!(io::stdout(), event::EnableMouseCapture)?;
        }
        Ok(())
    }

    /// Sets the terminal up again, whatever other programs changed meanwhile.
    ///
    /// # Errors
    /// The system's error if the terminal cannot be used any more.
    pub fn again(&self) -> io::Result<()> {
        // Enabling a mode that is recorded as enabled would do nothing.
        drop(terminal::disable_raw_mode());
        terminal::enable_raw_mode()?;
        self.enter()
    }

    /// Restores the terminal, until [`Raw::again`].
    pub fn leave(&self) {
        Self::restore(self.mouse);
    }

    /// Restores the terminal as far as it still exists, from the background too: the process must not be
    /// stopped in this, since what ends it is already caught.
    pub fn restore(mouse: bool) {
        let before = SigSet::from(Signal::SIGTTOU).thread_swap_mask(SigmaskHow::SIG_BLOCK);
        if mouse {
            drop(execute!(io::stdout(), event::DisableMouseCapture));
        }
        drop(execute!(
            io::stdout(),
            event::DisableBracketedPaste,
            terminal::LeaveAlternateScreen,
            crossterm::cursor::Show
        ));
        drop(terminal::disable_raw_mode());
        if let Ok(before) = before {
            let _still_blocked = before.thread_set_mask();
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.leave();
    }
}
