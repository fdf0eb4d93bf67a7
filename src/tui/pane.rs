//! What every screen is.

use std::time::Duration;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use crate::control::noun::event::LiveEvent;
use crate::tui::keys::Action;
use crate::tui::keys::Context;
use crate::tui::message::Answer;
use crate::tui::message::Effect;
use crate::tui::shared::Shared;

/// The screens, in the order of their tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Screen {
    /// Sessions that run.
    Sessions,
    /// Approvals that wait.
    Approvals,
    /// A recording, played.
    Replay,
    /// Connections, from file and store.
    Connections,
    /// Policies, from file and store.
    Policies,
    /// The last denials, and who changed what.
    Log,
}

impl Screen {
    /// All of them, in the order of their tabs.
    pub const ALL: [Self; 6] =
        [Self::Sessions, Self::Approvals, Self::Replay, Self::Connections, Self::Policies, Self::Log];

    /// Its name on its tab, its word on the command line and after `:`, and what it shows, for a help.
    const fn named(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Sessions => ("Sessions", "sessions", "Sessions that run"),
            Self::Approvals => ("Approvals", "approvals", "Approvals that wait"),
            Self::Replay => ("Replay", "replay", "The player"),
            Self::Connections => ("Connections", "connections", "Connections, from file and store"),
            Self::Policies => ("Policies", "policies", "Policies, from file and store"),
            Self::Log => ("Log", "log", "The last denials, and who changed what"),
        }
    }

    /// Its name on its tab.
    pub const fn title(self) -> &'static str {
        self.named().0
    }

    /// Its word on the command line and after `:`.
    pub const fn word(self) -> &'static str {
        self.named().1
    }

    /// What it shows, for a help.
    pub const fn about(self) -> &'static str {
        self.named().2
    }

    /// The screen that a word names or begins to name, whatever its case.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.to_lowercase();
        let named = |screen: &Self| !word.is_empty() && screen.word().starts_with(&word);
        Self::ALL.into_iter().find(named)
    }

    /// The screen `steps` tabs to the right, round the corner.
    pub fn beside(self, steps: usize) -> Self {
        let place = Self::ALL.iter().position(|screen| *screen == self).unwrap_or_default();
        Self::ALL.get((place + steps) % Self::ALL.len()).copied().unwrap_or(self)
    }
}

/// One screen: its state, what it does, how it looks. Pure but for the drawing.
pub trait Pane {
    /// Which keys hold here now, beside those that hold everywhere.
    fn context(&self) -> Context;

    /// Whether keys are text now: an input line is open.
    fn takes_text(&self) -> bool {
        false
    }

    /// A key while [`Pane::takes_text`].
    fn text(&mut self, _key: KeyEvent, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// A pasted text while [`Pane::takes_text`].
    fn paste(&mut self, _text: &str, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// A key that has a meaning. `None`: it has none here now, so that it may mean what it means everywhere.
    fn act(&mut self, action: Action, shared: &mut Shared) -> Option<Vec<Effect>>;

    /// The screen is shown from now on.
    fn enter(&mut self, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// Another screen is shown from now on.
    fn leave(&mut self, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// What is known of the gateway may be old: what is to be asked again. Also asked when the link stands (again).
    fn refresh(&mut self, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// Time went on, while the screen is `shown` or not.
    fn tick(&mut self, _shown: bool, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// After how long the screen, while it is shown, looks otherwise by itself.
    fn wake(&self, _shared: &Shared) -> Option<Duration> {
        None
    }

    /// The terminal has another size.
    fn resized(&mut self, _shared: &mut Shared) {}

    /// A message of the live stream. Every screen gets each.
    fn live(&mut self, _event: &LiveEvent, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// What came of a request. Every screen gets each.
    fn answer(&mut self, _answer: &Answer, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// What [`Pane::view`] says is on the screen now.
    fn drawn(&mut self, _shared: &mut Shared) {}

    /// What stands behind the title on the tab, such as how many wait. Empty: nothing.
    fn badge(&self) -> String {
        String::new()
    }

    /// Keys to name in the last line, the most useful first. Actions that no key does are left out.
    fn hints(&self, shared: &Shared) -> Vec<Action>;

    /// Draws the screen into `area`, which is [`Shared::body`].
    fn view(&self, shared: &Shared, frame: &mut Frame<'_>, area: Rect);
}
