//! What keys do here.

use crossterm::event::KeyEvent;

use crate::domain::id::SessionId;
use crate::tui::Effect;
use crate::tui::Shared;
use crate::tui::filter::Filter;
use crate::tui::keys::Action;
use crate::tui::message::Request;
use crate::tui::model::Jump;
use crate::tui::sessions::Sessions;
use crate::tui::sessions::prompt;
use crate::tui::sessions::prompt::Outcome;
use crate::tui::sessions::prompt::Prompt;
use crate::tui::shared::Tone;

impl Sessions {
    /// A key that has a meaning.
    pub(super) fn acted(&mut self, action: Action, shared: &mut Shared) -> Option<Vec<Effect>> {
        if let Some(by) = self.way(action, shared) {
            self.go(by, shared);
            return Some(Vec::new());
        }
        let effects = match action {
            Action::PayloadDown => self.scroll(half(self.places(shared).tail_rows()), shared),
            Action::PayloadUp => self.scroll(-half(self.places(shared).tail_rows()), shared),
            Action::Open if self.open => self.play(),
            Action::Open => {
                self.open = self.cursor.selected().is_some();
                Vec::new()
            }
            Action::Back if self.open => {
                self.open = false;
                Vec::new()
            }
            Action::Back if !self.roster.filter().is_empty() => {
                self.roster.show_only(Filter::default());
                Vec::new()
            }
            Action::Filter => {
                self.open = false;
                self.prompt = Some(Prompt::filter(self.roster.filter()));
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
            _ => return None,
        };
        Some(effects)
    }

    /// How far a key moves: in the list, or in the events where they have the screen.
    fn way(&self, action: Action, shared: &Shared) -> Option<isize> {
        let places = self.places(shared);
        let page = half(if self.open { places.tail_rows() } else { places.rows() });
        Some(match action {
            Action::Down => 1,
            Action::Up => -1,
            Action::HalfDown => page,
            Action::HalfUp => -page,
            Action::Top => isize::MIN,
            Action::Bottom => isize::MAX,
            _ => return None,
        })
    }

    fn go(&mut self, by: isize, shared: &mut Shared) {
        if self.open {
            self.scroll(by, shared);
            return;
        }
        self.missing = None;
        self.sought = None;
        let rows = self.places(shared).rows();
        if self.cursor.step(self.roster.shown(), rows, by) {
            self.selected_since = Some(shared.now);
        }
    }

    fn scroll(&mut self, by: isize, shared: &Shared) -> Vec<Effect> {
        let rows = self.places(shared).tail_rows();
        if let Some(tail) = &mut self.tail {
            tail.scroll(by, rows);
        }
        Vec::new()
    }

    fn copy(&self, shared: &mut Shared) -> Vec<Effect> {
        let Some(id) = self.cursor.selected() else { return Vec::new() };
        shared.say(Tone::Good, format!("copied {id}"));
        vec![Effect::Copy(id.to_string())]
    }

    fn play(&self) -> Vec<Effect> {
        let id = self.missing.or_else(|| self.cursor.selected().copied());
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

    /// A key while something is typed.
    pub(super) fn typed(&mut self, key: KeyEvent, shared: &mut Shared) -> Vec<Effect> {
        let Some(prompt) = &mut self.prompt else { return Vec::new() };
        let effects = match prompt.key(key, shared) {
            Outcome::Open => return Vec::new(),
            Outcome::Closed(effects) => effects,
            Outcome::ShowOnly(filter) => {
                self.roster.show_only(filter);
                Vec::new()
            }
        };
        self.prompt = None;
        // The next key was maybe meant for the line, too.
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

    /// Selects a session that a jump went to.
    pub(super) fn found(&mut self, id: SessionId, shared: &mut Shared) {
        if !self.roster.shown().contains(&id) {
            self.roster.show_only(Filter::default());
        }
        self.sought = None;
        self.cursor.select(id);
        self.selected_since = Some(shared.now);
        self.settle(shared);
        // Elsewhere it is seen beside the list.
        self.open = shared.is_narrow();
    }
}

/// Half of so many rows, at least one.
fn half(rows: usize) -> isize {
    isize::try_from(rows / 2).unwrap_or(isize::MAX).max(1)
}
