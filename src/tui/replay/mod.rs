//! The player of recordings.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::tui::Effect;
use crate::tui::Pane;
use crate::tui::Shared;
use crate::tui::keys::Action;
use crate::tui::keys::Context;
use crate::control::noun::session::SessionView;
use crate::recording::StoredEvent;

/// A recording that was read from a file.
#[derive(Debug)]
pub struct Recorded {
    /// What it is called.
    pub title: String,
    /// Its session, where it is known.
    pub session: Option<SessionView>,
    /// Its events.
    pub events: Vec<StoredEvent>,
    /// Whether its chain holds; why not otherwise.
    pub chain: Result<(), String>,
}

/// The player of recordings.
#[derive(Debug, Default)]
pub struct Replay {}

impl Replay {
    /// Opens the recording of a session, by its id, the beginning of one, or `last`, at an event.
    pub fn open(&mut self, _session: &str, _at: Option<u64>, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// Opens a recording that was read from a file.
    pub fn load(&mut self, _recorded: Recorded, _shared: &mut Shared) {}
}

impl Pane for Replay {
    fn context(&self) -> Context {
        Context::Replay
    }

    fn act(&mut self, _action: Action, _shared: &mut Shared) -> Option<Vec<Effect>> {
        None
    }

    fn hints(&self, _shared: &Shared) -> Vec<Action> {
        Vec::new()
    }

    fn view(&self, _shared: &Shared, _frame: &mut Frame<'_>, _area: Rect) {}
}
