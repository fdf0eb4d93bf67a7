//! Sessions that run: the list, all that is known of the selected one, and its events as they come.

mod acts;
mod facts;
mod news;
mod place;
mod prompt;
mod roster;
mod tail;
mod view;

use std::time::Duration;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use crate::control::noun::event::LiveEvent;
use crate::domain::id::SessionId;
use crate::tui::Effect;
use crate::tui::Pane;
use crate::tui::Shared;
use crate::tui::keys::Action;
use crate::tui::keys::Context;
use crate::tui::message::Answer;
use crate::tui::message::Request;
use crate::tui::sessions::place::Places;
use crate::tui::sessions::prompt::Prompt;
use crate::tui::sessions::roster::Known;
use crate::tui::sessions::roster::Roster;
use crate::tui::sessions::tail::Tail;
use crate::tui::shared::Moment;

/// How often the sessions are asked for while they are shown.
const POLL: Duration = Duration::from_secs(2);
/// How long a session is selected before its events are asked for.
const SETTLED: Duration = Duration::from_millis(300);
/// How often ages and the like are drawn anew.
const SECOND: Duration = Duration::from_secs(1);

/// Sessions that run.
#[derive(Debug, Default)]
pub struct Sessions {
    roster: Roster,
    /// Since when the selected one is.
    selected_since: Option<Moment>,
    tail: Option<Tail>,
    prompt: Option<Prompt>,
    /// Whether the selected one has the whole screen.
    open: bool,
    shown: bool,
    /// When the list was last asked for.
    asked: Option<Moment>,
    /// Whether that is to be answered still.
    waits: bool,
    /// Why the last answer was none. Raw.
    problem: Option<String>,
    /// A session that a jump goes to and that is not known yet.
    sought: Option<SessionId>,
    /// A session that a jump went to and that does not run.
    missing: Option<SessionId>,
    /// Sessions that are being ended from here.
    ending: Vec<SessionId>,
    /// How many locks are being set from here.
    locking: usize,
}

impl Sessions {
    /// Selects a session and opens it. One that does not run is said so, and `r` plays it.
    pub fn show(&mut self, id: SessionId, shared: &mut Shared) -> Vec<Effect> {
        self.prompt = None;
        self.roster.list.close();
        self.missing = None;
        self.sought = Some(id);
        // It may be newer than what is known.
        self.asked = None;
        if self.roster.get(id).is_some() {
            self.found(id, shared);
        }
        Vec::new()
    }

    fn selected(&self) -> Option<&Known> {
        self.roster.list.cursor.selected().and_then(|id| self.roster.get(*id))
    }

    /// The selection finds its row after the list or the rows for it changed. Keys meant for what stood there act on nothing.
    fn settle(&mut self, shared: &mut Shared) {
        let rows = self.places(shared).rows();
        if self.roster.list.fit(rows) {
            self.selected_since = Some(shared.now);
            // Another screen has its own keys to guard.
            if self.shown {
                shared.guard();
            }
            // Another one has the screen than the one that was opened; and there is less room beside it.
            self.open = false;
            let rows = self.places(shared).rows();
            self.roster.list.fit(rows);
        }
    }

    fn places(&self, shared: &Shared) -> Places {
        Places::new(shared, shared.body(), self.state())
    }

    /// Whether one is selected, whether it has the whole screen, whether something is typed.
    fn state(&self) -> (bool, bool, bool) {
        (self.roster.list.cursor.selected().is_some(), self.open, self.takes_text())
    }

    /// Asks for the list, unless that is under way or cannot be.
    fn ask(&mut self, shared: &Shared) -> Vec<Effect> {
        let held = shared.frozen && self.roster.is_loaded();
        if self.waits || held || !shared.link.is_live() {
            return Vec::new();
        }
        self.waits = true;
        self.asked = Some(shared.now);
        vec![Effect::Ask(Request::Sessions { live: true })]
    }
}

impl Pane for Sessions {
    fn context(&self) -> Context {
        Context::Sessions
    }

    fn takes_text(&self) -> bool {
        self.prompt.is_some() || self.roster.list.is_typing()
    }

    fn text(&mut self, key: KeyEvent, shared: &mut Shared) -> Vec<Effect> {
        let effects = self.typed(key, shared);
        self.settle(shared);
        effects
    }

    fn paste(&mut self, text: &str, shared: &mut Shared) -> Vec<Effect> {
        if let Some(prompt) = &mut self.prompt {
            prompt.paste(text);
        } else if self.roster.list.paste(text) {
            self.roster.arrange();
            self.settle(shared);
        }
        Vec::new()
    }

    fn act(&mut self, action: Action, shared: &mut Shared) -> Option<Vec<Effect>> {
        let effects = self.acted(action, shared);
        self.settle(shared);
        effects
    }

    fn enter(&mut self, shared: &mut Shared) -> Vec<Effect> {
        self.shown = true;
        self.selected_since = Some(shared.now);
        self.roster.forget(shared.now);
        self.settle(shared);
        self.ask(shared)
    }

    fn leave(&mut self, _shared: &mut Shared) -> Vec<Effect> {
        self.shown = false;
        self.prompt = None;
        self.roster.list.close();
        self.sought = None;
        self.missing = None;
        // What is missed meanwhile would be a hole in it.
        self.tail = None;
        vec![Effect::Watch(None)]
    }

    fn refresh(&mut self, shared: &mut Shared) -> Vec<Effect> {
        self.asked = None;
        if self.shown { self.ask(shared) } else { Vec::new() }
    }

    fn tick(&mut self, shown: bool, shared: &mut Shared) -> Vec<Effect> {
        if shown { self.ticked(shared) } else { Vec::new() }
    }

    fn wake(&self, shared: &Shared) -> Option<Duration> {
        let unsettled = self.roster.list.cursor.selected() != self.tail.as_ref().map(|tail| &tail.session);
        let since = self.selected_since.filter(|_| unsettled);
        let left = since.map(|since| SETTLED.saturating_sub(shared.now.at.duration_since(since.at)));
        Some(left.filter(|left| !left.is_zero()).unwrap_or(SECOND).min(SECOND))
    }

    fn resized(&mut self, shared: &mut Shared) {
        self.settle(shared);
    }

    fn live(&mut self, event: &LiveEvent, shared: &mut Shared) -> Vec<Effect> {
        self.heard(event, shared)
    }

    fn answer(&mut self, answer: &Answer, shared: &mut Shared) -> Vec<Effect> {
        self.answered(answer, shared)
    }

    fn hints(&self, _shared: &Shared) -> Vec<Action> {
        if self.missing.is_some() {
            return vec![Action::Play];
        }
        let list = [Action::Filter, Action::Sort];
        match (self.roster.list.cursor.selected(), self.open) {
            (None, _) => list.to_vec(),
            (Some(_), true) => vec![
                Action::Play,
                Action::Kill,
                Action::Lock,
                Action::PayloadDown,
                Action::PayloadUp,
                Action::Copy,
            ],
            (Some(_), false) => {
                let one = [Action::Open, Action::Play, Action::Kill, Action::Lock];
                [&one[..], &list, &[Action::Copy, Action::PayloadUp]].concat()
            }
        }
    }

    fn view(&self, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
        self.draw(shared, frame, area);
    }
}

#[cfg(test)]
impl Sessions {
    /// How many events of the followed session are kept.
    pub(super) fn tail_events(&self) -> usize {
        self.tail.as_ref().map_or(0, Tail::events)
    }
}
