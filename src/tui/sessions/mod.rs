//! The sessions screen: the list of live sessions, the facts of the selected one, and its events as they
//! arrive.

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

/// Interval of the requests for the list while the screen is visible.
const POLL: Duration = Duration::from_secs(2);
/// How long a session must be selected before its events are requested.
const SETTLED: Duration = Duration::from_millis(300);
/// Interval at which ages and the like are redrawn.
const SECOND: Duration = Duration::from_secs(1);

/// The sessions screen.
#[derive(Debug, Default)]
pub struct Sessions {
    roster: Roster,
    /// When the selection last changed.
    selected_since: Option<Moment>,
    tail: Option<Tail>,
    prompt: Option<Prompt>,
    /// Whether the selected session fills the screen.
    open: bool,
    shown: bool,
    /// When the list was last requested.
    asked: Option<Moment>,
    /// Whether a reply is outstanding.
    waits: bool,
    /// Why the last request failed. Not escaped.
    problem: Option<String>,
    /// The target of a jump that is not known yet.
    sought: Option<SessionId>,
    /// The target of a jump that is not live.
    missing: Option<SessionId>,
    /// Sessions being ended from this screen.
    ending: Vec<SessionId>,
    /// Number of locks being added from this screen.
    locking: usize,
}

impl Sessions {
    /// Selects a session and opens it. If it is not live, the screen says so and `r` plays it.
    pub fn show(&mut self, id: SessionId, shared: &mut Shared) -> Vec<Effect> {
        self.prompt = None;
        self.roster.list.close();
        self.missing = None;
        self.sought = Some(id);
        // The session may be newer than the list.
        self.asked = None;
        if self.roster.get(id).is_some() {
            self.found(id, shared);
        }
        Vec::new()
    }

    fn selected(&self) -> Option<&Known> {
        self.roster.list.cursor.selected().and_then(|id| self.roster.get(*id))
    }

    /// Restores the selection after the list or its height changed. Keys meant for the previous row do
    /// nothing.
    fn settle(&mut self, shared: &mut Shared) {
        let rows = self.places(shared).rows();
        if self.roster.list.fit(rows) {
            self.selected_since = Some(shared.now);
            // A hidden screen must not block the keys of the visible one.
            if self.shown {
                shared.guard();
            }
            // Another session than the opened one would fill the screen; and the list is shorter beside the
            // details.
            self.open = false;
            let rows = self.places(shared).rows();
            self.roster.list.fit(rows);
        }
    }

    fn places(&self, shared: &Shared) -> Places {
        Places::new(shared, shared.body(), self.state())
    }

    /// Returns whether a session is selected, whether it fills the screen, and whether an input line is open.
    fn state(&self) -> (bool, bool, bool) {
        (self.roster.list.cursor.selected().is_some(), self.open, self.takes_text())
    }

    /// Requests the list, unless a request is in flight or impossible.
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
        // Events missed meanwhile would leave a gap.
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
    /// Returns the number of events kept of the followed session.
    pub(super) fn tail_events(&self) -> usize {
        self.tail.as_ref().map_or(0, Tail::events)
    }
}
