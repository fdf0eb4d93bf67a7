//! The newest sessions, to choose one to play.

use crate::control::noun::List;
use crate::control::noun::session::SessionView;
use crate::domain::id::SessionId;
use crate::tui::Effect;
use crate::tui::Shared;
use crate::tui::filter::Filter;
use crate::tui::input::Input;
use crate::tui::keys::Action;
use crate::tui::message::Request;
use crate::tui::shared::Moment;
use crate::tui::shared::Tone;
use crate::tui::table::Cursor;

/// What filters ask for.
const KEYS: [&str; 3] = ["who", "conn", "proto"];
/// The longest filter, in characters.
const LONGEST: usize = 200;
/// Rows of the screen that are no sessions: the frame and the heads of columns.
const AROUND: u16 = 3;

/// The sessions.
#[derive(Debug, Default)]
pub(super) struct Chooser {
    /// As they came; `None`: not yet.
    all: Option<List<SessionView>>,
    /// Those that pass the filter.
    keys: Vec<SessionId>,
    /// Which is selected.
    pub(super) cursor: Cursor<SessionId>,
    /// What is shown of them.
    pub(super) filter: Filter,
    /// The filter that is typed.
    pub(super) input: Option<Input>,
    /// Why they could not be listed. Raw.
    pub(super) problem: Option<String>,
    /// When they were last asked for.
    pub(super) asked: Option<Moment>,
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
        (self.all.as_ref().map_or(0, |list| list.items.len()), self.keys.len())
    }

    /// The rows that are seen.
    pub(super) fn seen(&self, rows: usize) -> Vec<&SessionView> {
        let wanted: Vec<SessionId> = self.keys.iter().skip(self.cursor.top()).take(rows).copied().collect();
        let all = self.all.as_ref().map(|list| list.items.as_slice()).unwrap_or_default();
        // Both are in the same order: one pass.
        let mut left = wanted.iter().peekable();
        all.iter().filter(|view| left.next_if(|id| **id == view.id).is_some()).collect()
    }

    /// How many rows there are for sessions.
    pub(super) fn rows(shared: &Shared) -> usize {
        usize::from(shared.body().height.saturating_sub(AROUND))
    }

    /// The list, the filter or the size is another one.
    pub(super) fn settle(&mut self, shared: &Shared) {
        let passes = |view: &&SessionView| {
            self.filter.passes(&[
                ("who", &view.label),
                ("who", &view.principal),
                ("conn", &view.connection),
                ("proto", &view.protocol),
                ("", &view.id.to_string()),
            ])
        };
        let all = self.all.iter().flat_map(|list| &list.items);
        self.keys = all.filter(passes).map(|view| view.id).collect();
        self.cursor.settle(&self.keys, Self::rows(shared));
    }

    /// Opens the line for the filter.
    pub(super) fn edit(&mut self) {
        self.input = Some(Input::with(self.filter.text(), LONGEST));
    }

    /// The filter is typed.
    pub(super) fn typed(&mut self, shared: &mut Shared) {
        let Some(input) = self.input.take() else { return };
        match Filter::parse(&input.text(), &KEYS) {
            Ok(filter) => {
                self.filter = filter;
                self.settle(shared);
            }
            Err(why) => {
                shared.say(Tone::Bad, why);
                self.input = Some(input);
            }
        }
    }

    /// Moves the selection. Whether the action is such a one.
    pub(super) fn step(&mut self, action: Action, shared: &Shared) -> bool {
        let rows = Self::rows(shared);
        let half = isize::try_from(rows / 2).unwrap_or(1).max(1);
        let by = match action {
            Action::Down => 1,
            Action::Up => -1,
            Action::HalfDown => half,
            Action::HalfUp => -half,
            Action::Top => isize::MIN,
            Action::Bottom => isize::MAX,
            _ => return false,
        };
        self.cursor.step(&self.keys, rows, by);
        true
    }
}
