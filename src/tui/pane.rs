//! The interface of all screens.

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
    /// Live sessions.
    Sessions,
    /// Pending approvals.
    Approvals,
    /// A recording, played.
    Replay,
    /// Connections, from file and store.
    Connections,
    /// Policies, from file and store.
    Policies,
    /// Recent denials and changes.
    Log,
}

impl Screen {
    /// All screens, in the order of their tabs.
    pub const ALL: [Self; 6] =
        [Self::Sessions, Self::Approvals, Self::Replay, Self::Connections, Self::Policies, Self::Log];

    /// Returns the title on the tab, the word on the command line and after `:`, and the description for help
    /// texts.
    const fn named(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Sessions => ("Sessions", "sessions", "Live sessions"),
            Self::Approvals => ("Approvals", "approvals", "Pending approvals"),
            Self::Replay => ("Replay", "replay", "The player"),
            Self::Connections => ("Connections", "connections", "Connections, from file and store"),
            Self::Policies => ("Policies", "policies", "Policies, from file and store"),
            Self::Log => ("Log", "log", "Recent denials and changes"),
        }
    }

    /// Returns the title on the tab.
    pub const fn title(self) -> &'static str {
        self.named().0
    }

    /// Returns the word on the command line and after `:`.
    pub const fn word(self) -> &'static str {
        self.named().1
    }

    /// Returns the description for help texts.
    pub const fn about(self) -> &'static str {
        self.named().2
    }

    /// Finds a screen by its word or a prefix of it, ignoring case.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.to_lowercase();
        let named = |screen: &Self| !word.is_empty() && screen.word().starts_with(&word);
        Self::ALL.into_iter().find(named)
    }

    /// Returns the screen `steps` tabs to the right, wrapping around.
    pub fn beside(self, steps: usize) -> Self {
        let place = Self::ALL.iter().position(|screen| *screen == self).unwrap_or_default();
        Self::ALL.get((place + steps) % Self::ALL.len()).copied().unwrap_or(self)
    }
}

/// One screen: its state, behaviour and drawing. Pure except for the drawing.
pub trait Pane {
    /// Returns the current key context, besides the keys that apply everywhere.
    fn context(&self) -> Context;

    /// Returns whether keys are text now, because an input line is open.
    fn takes_text(&self) -> bool {
        false
    }

    /// Handles a key while [`Pane::takes_text`] is true.
    fn text(&mut self, _key: KeyEvent, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// Handles pasted text while [`Pane::takes_text`] is true.
    fn paste(&mut self, _text: &str, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// Handles an action. Returns `None` if it has no meaning here now, so that its general meaning applies.
    fn act(&mut self, action: Action, shared: &mut Shared) -> Option<Vec<Effect>>;

    /// Called when the screen becomes visible.
    fn enter(&mut self, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// Called when another screen becomes visible.
    fn leave(&mut self, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// Returns the requests that refresh possibly stale state. Also called when the connection is established
    /// again.
    fn refresh(&mut self, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// Called as time passes; `shown` is whether the screen is visible.
    fn tick(&mut self, _shown: bool, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// Returns the time until the visible screen changes by itself.
    fn wake(&self, _shared: &Shared) -> Option<Duration> {
        None
    }

    /// Called when the terminal was resized.
    fn resized(&mut self, _shared: &mut Shared) {}

    /// Handles a message of the live stream. Every screen gets each message.
    fn live(&mut self, _event: &LiveEvent, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// Handles the reply to a request. Every screen gets each reply.
    fn answer(&mut self, _answer: &Answer, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }

    /// Called when the output of [`Pane::view`] is on screen.
    fn drawn(&mut self, _shared: &mut Shared) {}

    /// Returns the text after the title on the tab, such as the number of pending approvals; may be empty.
    fn badge(&self) -> String {
        String::new()
    }

    /// Returns the actions to name in the status line, most useful first. Actions without a key are left out.
    fn hints(&self, shared: &Shared) -> Vec<Action>;

    /// Draws the screen into `area`, which is [`Shared::body`].
    fn view(&self, shared: &Shared, frame: &mut Frame<'_>, area: Rect);
}
