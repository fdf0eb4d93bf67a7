//! Handles keys on the sessions screen.

use crossterm::event::KeyEvent;

use crate::domain::id::SessionId;
use crate::tui::Effect;
use crate::tui::Shared;
use crate::tui::browse;
use crate::tui::keys::Action;
use crate::tui::message::Request;
use crate::tui::model::Jump;
use crate::tui::sessions::Sessions;
use crate::tui::sessions::prompt;
use crate::tui::sessions::prompt::Outcome;
use crate::tui::sessions::prompt::Prompt;
use crate::tui::shared::Tone;

impl Sessions {
    /// Handles an action.
    pub(super) fn acted(&mut self, action: Action, shared: &mut Shared) -> Option<Vec<Effect>> {
        let tail = self.places(shared).tail_rows();
        let effects = match action {
            Action::PayloadDown => self.scroll(browse::way(Action::HalfDown, tail)?, shared),
            Action::PayloadUp => self.scroll(browse::way(Action::HalfUp, tail)?, shared),
            _ if self.open
                && let Some(by) = browse::way(action, tail) =>
            {
                self.scroll(by, shared)
            }
            Action::Open if self.open => self.play(),
            Action::Open => {
                self.open = self.roster.list.cursor.selected().is_some();
                Vec::new()
            }
            Action::Back if self.open => {
                self.open = false;
                Vec::new()
            }
            Action::Back if self.roster.list.clear() => {
                self.roster.arrange();
                Vec::new()
            }
            Action::Sort => {
                self.roster.sort(self.roster.by().next());
                Vec::new()
            }
            Action::Copy => self.copy(shared),
            Action::Kill | Action::Lock if shared.is_guarded() => Vec::new(),
            Action::Kill => self.begin_kill(shared),
            Action::Lock => self.begin_lock(shared),
            Action::Play => self.play(),
            _ => self.walk(action, shared)?,
        };
        Some(effects)
    }

    /// Moves in the list or starts a filter.
    fn walk(&mut self, action: Action, shared: &Shared) -> Option<Vec<Effect>> {
        let moved = self.roster.list.act(action)?;
        if action == Action::Filter {
            self.open = false;
        } else {
            self.missing = None;
            self.sought = None;
        }
        if moved {
            self.selected_since = Some(shared.now);
        }
        Some(Vec::new())
    }

    fn scroll(&mut self, by: isize, shared: &Shared) -> Vec<Effect> {
        let rows = self.places(shared).tail_rows();
        if let Some(tail) = &mut self.tail {
            tail.scroll(by, rows);
        }
        Vec::new()
    }

    fn copy(&self, shared: &mut Shared) -> Vec<Effect> {
        let Some(id) = self.roster.list.cursor.selected() else { return Vec::new() };
        shared.say(Tone::Good, format!("copied {id}"));
        vec![Effect::Copy(id.to_string())]
    }

    fn play(&self) -> Vec<Effect> {
        let id = self.missing.or_else(|| self.roster.list.cursor.selected().copied());
        id.map(|id| Effect::Go(Jump::Replay { session: id.to_string(), at: None })).into_iter().collect()
    }

    fn begin_kill(&mut self, shared: &mut Shared) -> Vec<Effect> {
        let Some(known) = self.selected() else { return Vec::new() };
        if known.over.is_some() {
            shared.say(Tone::Plain, format!("{} has ended already", known.view.id));
        } else if prompt::is_reached(shared) {
            self.prompt = Some(Prompt::kill(&known.view));
            shared.guard();
        }
        Vec::new()
    }

    fn begin_lock(&mut self, shared: &mut Shared) -> Vec<Effect> {
        let Some(known) = self.selected() else { return Vec::new() };
        if prompt::is_reached(shared) {
            self.prompt = Some(Prompt::lock(&known.view));
            shared.guard();
        }
        Vec::new()
    }

    /// Handles a key in an input line.
    pub(super) fn typed(&mut self, key: KeyEvent, shared: &mut Shared) -> Vec<Effect> {
        let Some(prompt) = &mut self.prompt else {
            if self.roster.list.text(key, shared) {
                self.roster.arrange();
            }
            if !self.roster.list.is_typing() {
                // The next key may have been meant for the input line too.
                shared.guard();
            }
            return Vec::new();
        };
        let effects = match prompt.key(key, shared) {
            Outcome::Open => return Vec::new(),
            Outcome::Closed(effects) => effects,
        };
        self.prompt = None;
        // The next key may have been meant for the input line too.
        shared.guard();
        for effect in &effects {
            match effect {
                Effect::Ask(Request::Kill(id, _)) => self.ending.push(*id),
                Effect::Ask(Request::Lock(_)) => self.locking += 1,
                _ => {}
            }
        }
        effects
    }

    /// Selects the session that a jump led to.
    pub(super) fn found(&mut self, id: SessionId, shared: &mut Shared) {
        if !self.roster.list.keys.contains(&id) {
            self.roster.list.clear();
            self.roster.arrange();
        }
        self.sought = None;
        self.roster.list.cursor.select(id);
        self.selected_since = Some(shared.now);
        self.settle(shared);
        // On wider screens it is visible beside the list.
        self.open = shared.is_narrow();
    }
}
