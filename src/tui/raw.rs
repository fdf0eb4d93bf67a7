//! The terminal in the state that the screens need, and as it was before.

use std::io;

use crossterm::event;
use crossterm::execute;
use crossterm::terminal;

/// The terminal in the state that the screens need; as it was when this goes.
pub struct Raw {
    mouse: bool,
}

impl Raw {
    /// Takes the terminal; `mouse`: the wheel is told, too.
    ///
    /// # Errors
    /// What the system says when it is none, or cannot be used.
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

    /// Takes the terminal again, whatever somebody else made of it meanwhile.
    ///
    /// # Errors
    /// What the system says when it cannot be used any more.
    pub fn again(&self) -> io::Result<()> {
        // What is on already would be left as it is.
        drop(terminal::disable_raw_mode());
        terminal::enable_raw_mode()?;
        self.enter()
    }

    /// Leaves the terminal as it was, until [`Raw::again`].
    pub fn leave(&self) {
        Self::restore(self.mouse);
    }

    /// Makes the terminal what it was, as far as it is still there.
    pub fn restore(mouse: bool) {
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
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.leave();
    }
}
