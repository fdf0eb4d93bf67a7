//! The newest sessions, to choose one to play.

use crate::control::noun::List;
use crate::control::noun::session::SessionView;
use crate::domain::id::SessionId;
use crate::tui::Effect;
use crate::tui::Shared;
use crate::tui::browse::Browse;
use crate::tui::message::Request;
use crate::tui::shared::Moment;

/// What filters ask for.
const KEYS: [&str; 3] = ["who", "conn", "proto"];
/// Rows of the screen that are no sessions: the frame and the heads of columns.
const AROUND: u16 = 3;

/// The sessions.
#[derive(Debug)]
pub(super) struct Chooser {
    /// As they came; `None`: not yet.
    all: Option<List<SessionView>>,
    /// Which are shown, and which is selected.
    pub(super) list: Browse<SessionId>,
    /// Why they could not be listed. Raw.
    pub(super) problem: Option<String>,
    /// When they were last asked for.
    pub(super) asked: Option<Moment>,
}

impl Default for Chooser {
    fn default() -> Self {
        Self { all: None, list: Browse::new(&KEYS), problem: None, asked: None }
    }
}

impl Chooser {
    /// Asks for them.
    pub(super) fn ask(&mut self, shared: &Shared) -> Effect {
        self.asked = Some(shared.now);
        Effect::Ask(Request::Sessions { live: false })
    }

    /// They came.
    pub(super) fn put(&mut self, found: List<SessionView>, shared: &Shared) {
        self.problem = None;
        // The first ones are wanted even where lists stand still.
        if self.all.is_none() || !shared.frozen {
            self.all = Some(found);
            self.settle(shared);
        }
    }

    /// Whether they came.
    pub(super) const fn is_there(&self) -> bool {
        self.all.is_some()
    }

    /// Whether there are older ones that are not listed.
    pub(super) fn has_more(&self) -> bool {
        self.all.as_ref().is_some_and(|list| list.more)
    }

    /// How many there are, and how many pass the filter.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.all.as_ref().map_or(0, |list| list.items.len()), self.list.keys.len())
    }

    /// The rows that are seen.
    pub(super) fn seen(&self) -> Vec<&SessionView> {
        let wanted: Vec<SessionId> = self.list.seen().copied().collect();
        let all = self.all.as_ref().map(|list| list.items.as_slice()).unwrap_or_default();
        // Both are in the same order: one pass.
        let mut left = wanted.iter().peekable();
        all.iter().filter(|view| left.next_if(|id| **id == view.id).is_some()).collect()
    }

    /// How many rows there are for sessions.
    fn rows(shared: &Shared) -> usize {
        usize::from(shared.body().height.saturating_sub(AROUND))
    }

    /// The list, the filter or the size is another one.
    pub(super) fn settle(&mut self, shared: &Shared) {
        let passes = |view: &&SessionView| {
            self.list.filter.passes(&[
                ("who", &view.label),
                ("who", &view.principal),
                ("conn", &view.connection),
                ("proto", &view.protocol),
                ("", &view.id.to_string()),
            ])
        };
        let all = self.all.iter().flat_map(|list| &list.items);
        self.list.keys = all.filter(passes).map(|view| view.id).collect();
        self.list.fit(Self::rows(shared));
    }
}
