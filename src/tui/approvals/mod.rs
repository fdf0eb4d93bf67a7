//! Pending approvals.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::tui::Effect;
use crate::tui::Pane;
use crate::tui::Shared;
use crate::tui::keys::Action;
use crate::tui::keys::Context;

/// Pending approvals.
#[derive(Debug, Default)]
pub struct Approvals {}

impl Approvals {

}

impl Pane for Approvals {
    fn context(&self) -> Context {
        Context::Approvals
    }

    fn act(&mut self, _action: Action, _shared: &mut Shared) -> Option<Vec<Effect>> {
        None
    }

    fn hints(&self, _shared: &Shared) -> Vec<Action> {
        Vec::new()
    }

    fn view(&self, _shared: &Shared, _frame: &mut Frame<'_>, _area: Rect) {}
}
