//! Connections or policies, from file and store.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::control::noun::entity::EntityKind;
use crate::tui::Effect;
use crate::tui::Pane;
use crate::tui::Shared;
use crate::tui::keys::Action;
use crate::tui::keys::Context;

/// Connections or policies.
#[derive(Debug)]
pub struct Entities {
    kind: EntityKind,
}

impl Entities {
    /// Those of one kind.
    pub fn new(kind: EntityKind) -> Self {
        Self { kind }
    }
}

impl Pane for Entities {
    fn context(&self) -> Context {
        Context::List
    }

    fn act(&mut self, _action: Action, _shared: &mut Shared) -> Option<Vec<Effect>> {
        None
    }

    fn hints(&self, _shared: &Shared) -> Vec<Action> {
        Vec::new()
    }

    fn view(&self, _shared: &Shared, _frame: &mut Frame<'_>, _area: Rect) {}
}
