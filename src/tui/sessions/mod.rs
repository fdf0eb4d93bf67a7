//! Sessions that run.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::tui::Effect;
use crate::tui::Pane;
use crate::tui::Shared;
use crate::tui::keys::Action;
use crate::tui::keys::Context;
use crate::domain::id::SessionId;
/// Sessions that run.
#[derive(Debug, Default)]
pub struct Sessions {}

impl Sessions {
    /// Selects a session and opens it.
    pub fn show(&mut self, _id: SessionId, _shared: &mut Shared) -> Vec<Effect> {
        Vec::new()
    }
}

impl Pane for Sessions {
    fn context(&self) -> Context {
        Context::Sessions
    }

    fn act(&mut self, _action: Action, _shared: &mut Shared) -> Option<Vec<Effect>> {
        None
    }

    fn hints(&self, _shared: &Shared) -> Vec<Action> {
        Vec::new()
    }

    fn view(&self, _shared: &Shared, _frame: &mut Frame<'_>, _area: Rect) {}
}
