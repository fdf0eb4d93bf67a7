//! What keys do in the list of sessions.

use crossterm::event::KeyEvent;

use crate::tui::Effect;
use crate::tui::Shared;
use crate::tui::input::Typed;
use crate::tui::keys::Action;
use crate::tui::replay::Replay;
use crate::tui::replay::chooser::Chooser;
use crate::tui::shared::Tone;

impl Replay {
    /// An action, while no recording is open.
    pub(super) fn choose(&mut self, action: Action, shared: &mut Shared) -> Option<Vec<Effect>> {
        match action {
            Action::Filter => self.chooser.edit(),
            Action::Back if !self.chooser.filter.is_empty() => {
                self.chooser.filter = crate::tui::filter::Filter::default();
                self.chooser.settle(shared);
            }
            Action::Open | Action::Copy => {
                let id = *self.chooser.cursor.selected()?;
                if action == Action::Open {
                    self.jumped = false;
                    return Some(self.ask(&id.to_string(), None, shared));
                }
                shared.say(Tone::Plain, format!("copied {id}"));
                return Some(vec![Effect::Copy(id.to_string())]);
            }
            other => return self.chooser.step(other, shared).then(Vec::new),
        }
        Some(Vec::new())
    }
}

impl Chooser {
    /// A key of the filter's line.
    pub(super) fn text(&mut self, key: KeyEvent, shared: &mut Shared) {
        let Some(input) = &mut self.input else { return };
        match input.key(key) {
            Typed::Done => self.typed(shared),
            Typed::GivenUp => self.input = None,
            Typed::Text | Typed::Nothing => {}
        }
    }
}
