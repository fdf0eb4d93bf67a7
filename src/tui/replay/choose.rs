//! Handles keys in the list of sessions.

use crossterm::event::KeyEvent;

use crate::tui::Effect;
use crate::tui::Shared;
use crate::tui::keys::Action;
use crate::tui::replay::Replay;
use crate::tui::replay::chooser::Chooser;
use crate::tui::shared::Tone;

impl Replay {
    /// Handles an action while no recording is open.
    pub(super) fn choose(&mut self, action: Action, shared: &mut Shared) -> Option<Vec<Effect>> {
        match action {
            Action::Back if self.chooser.list.clear() => self.chooser.settle(shared),
            Action::Open | Action::Copy => {
                let id = *self.chooser.list.cursor.selected()?;
                if action == Action::Open {
                    self.jumped = false;
                    return Some(self.ask(&id.to_string(), None, shared));
                }
                shared.say(Tone::Plain, format!("copied {id}"));
                return Some(vec![Effect::Copy(id.to_string())]);
            }
            other => return self.chooser.list.act(other).map(|_moved| Vec::new()),
        }
        Some(Vec::new())
    }
}

impl Chooser {
    /// Handles a key in the filter input.
    pub(super) fn text(&mut self, key: KeyEvent, shared: &mut Shared) {
        if self.list.text(key, shared) {
            self.settle(shared);
        }
    }

    /// Handles pasted text in the filter input.
    pub(super) fn paste(&mut self, text: &str, shared: &Shared) {
        if self.list.paste(text) {
            self.settle(shared);
        }
    }
}
