//! The list of the newest sessions, to choose one to play.

use crate::control::noun::List;
use crate::control::noun::session::SessionView;
use crate::domain::id::SessionId;
use crate::tui::Effect;
use crate::tui::Shared;
use crate::tui::browse::Browse;
use crate::tui::message::Request;
use crate::tui::shared::Moment;

/// Field names for filters.
const KEYS: [&str; 3] = ["who", "conn", "proto"];
/// Rows of the screen that are not sessions: the frame and the column headers.
const AROUND: u16 = 3;

/// The list of sessions.
#[derive(Debug)]
pub(super) struct Chooser {
    /// All received sessions; `None` before the first reply.
    all: Option<List<SessionView>>,
    /// The visible sessions and the selection.
    pub(super) list: Browse<SessionId>,
    /// Why they could not be listed. Not escaped.
    pub(super) problem: Option<String>,
    /// When the list was last requested.
    pub(super) asked: Option<Moment>,
}

impl Default for Chooser {
    fn default() -> Self {
        Self { all: None, list: Browse::new(&KEYS), problem: None, asked: None }
    }
}

impl Chooser {
    /// Requests the list.
    pub(super) fn ask(&mut self, shared: &Shared) -> Effect {
        self.asked = Some(shared.now);
        Effect::Ask(Request::Sessions { live: false })
    }

    /// Takes the list.
    pub(super) fn put(&mut self, found: List<SessionView>, shared: &Shared) {
        self.problem = None;
        // The first list is wanted even while lists are frozen.
        if self.all.is_none() || !shared.frozen {
            self.all = Some(found);
            self.settle(shared);
        }
    }

    /// Returns whether the list was received.
    pub(super) const fn is_there(&self) -> bool {
        self.all.is_some()
    }

    /// Returns whether older sessions are not listed.
    pub(super) fn has_more(&self) -> bool {
        self.all.as_ref().is_some_and(|list| list.more)
    }

    /// Returns the number of sessions, and of those that pass the filter.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.all.as_ref().map_or(0, |list| list.items.len()), self.list.keys.len())
    }

    /// Returns the rows in view.
    pub(super) fn seen(&self) -> Vec<&SessionView> {
        let wanted: Vec<SessionId> = self.list.seen().copied().collect();
        let all = self.all.as_ref().map(|list| list.items.as_slice()).unwrap_or_default();
        // Both are in the same order, so one pass is enough.
        let mut left = wanted.iter().peekable();
        all.iter().filter(|view| left.next_if(|id| **id == view.id).is_some()).collect()
    }

    /// Returns the number of rows for sessions.
    fn rows(shared: &Shared) -> usize {
        usize::from(shared.body().height.saturating_sub(AROUND))
    }

    /// Adjusts to a new list, filter or size.
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
