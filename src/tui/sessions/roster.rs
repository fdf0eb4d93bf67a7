//! The known sessions: those live in the last reply, those that ended recently, and the visible ones.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::time::Duration;

use crate::control::noun::session::LiveSession;
use crate::control::noun::session::SessionView;
use crate::domain::id::SessionId;
use crate::domain::session::SessionEnd;
use crate::tui::browse::Browse;
use crate::tui::filter::Filter;
use crate::tui::shared::Moment;

/// Number of samples in a session's command rate.
pub(super) const RATES: usize = 8;
/// How long an ended session stays visible.
pub(super) const LINGERS: Duration = Duration::from_secs(10);
/// After a longer pause between two replies, the commands in between are not a rate.
const STALE: Duration = Duration::from_secs(6);
/// Field names for filters.
const KEYS: [&str; 7] = ["who", "conn", "kind", "proto", "client", "from", "verdict"];

/// The sort order of the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum By {
    /// Newest first.
    #[default]
    Started,
    Who,
    Connection,
    /// Highest first, as for the next ones.
    Commands,
    Denied,
    Masked,
    /// Most recently used first.
    Activity,
}

impl By {
    /// Returns the next order, wrapping around.
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Started => Self::Who,
            Self::Who => Self::Connection,
            Self::Connection => Self::Commands,
            Self::Commands => Self::Denied,
            Self::Denied => Self::Masked,
            Self::Masked => Self::Activity,
            Self::Activity => Self::Started,
        }
    }

    /// Returns the word in the title.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Who => "who",
            Self::Connection => "connection",
            Self::Commands => "commands",
            Self::Denied => "denied",
            Self::Masked => "masked",
            Self::Activity => "activity",
        }
    }
}

/// The end of a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Over {
    /// When it was noticed.
    pub(super) since: Moment,
    /// The reason, if known.
    pub(super) why: Option<SessionEnd>,
}

/// A session and its history.
#[derive(Debug)]
pub(super) struct Known {
    /// The last received state.
    pub(super) view: SessionView,
    /// Commands between two replies, newest last.
    pub(super) rates: VecDeque<u64>,
    /// Set once it has ended.
    pub(super) over: Option<Over>,
}

impl Known {
    /// Returns the state that only a running gateway knows.
    pub(super) const fn live(&self) -> Option<&LiveSession> {
        self.view.live.as_ref()
    }

    fn passes(&self, filter: &Filter) -> bool {
        if filter.is_empty() {
            return true;
        }
        let view = &self.view;
        let id = view.id.to_string();
        let verdict = |count: u64, word: &'static str| if count > 0 { word } else { "" };
        filter.passes(&[
            ("who", &view.label),
            ("who", &view.principal),
            ("conn", &view.connection),
            ("kind", view.kind.as_str()),
            ("proto", &view.protocol),
            ("client", view.client.as_deref().unwrap_or_default()),
            ("from", &view.source),
            ("verdict", verdict(view.denied, "denied")),
            ("verdict", verdict(view.masked, "masked")),
            ("", &id),
        ])
    }
}

/// The known sessions.
#[derive(Debug)]
pub(super) struct Roster {
    known: HashMap<SessionId, Known>,
    /// The visible sessions in order, and the selection.
    pub(super) list: Browse<SessionId>,
    /// The number of live sessions, and of the visible ones among them.
    counts: (usize, usize),
    told: Option<Moment>,
    by: By,
}

impl Default for Roster {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            list: Browse::new(&KEYS),
            counts: (0, 0),
            told: None,
            by: By::default(),
        }
    }
}

impl Roster {
    /// Returns whether a reply was received.
    pub(super) const fn is_loaded(&self) -> bool {
        self.told.is_some()
    }

    /// Returns the number of live sessions, and of the visible ones among them.
    pub(super) const fn counts(&self) -> (usize, usize) {
        self.counts
    }

    /// Returns a session by id.
    pub(super) fn get(&self, id: SessionId) -> Option<&Known> {
        self.known.get(&id)
    }

    /// Returns the sort order.
    pub(super) const fn by(&self) -> By {
        self.by
    }

    /// Sets the sort order.
    pub(super) fn sort(&mut self, by: By) {
        self.by = by;
        self.arrange();
    }

    /// Takes the list of live sessions. Returns those that are no longer live, whose reason is unknown.
    pub(super) fn take(&mut self, now: Moment, views: &[SessionView]) -> Vec<SessionId> {
        let regular = self.told.is_some_and(|told| now.at.duration_since(told.at) < STALE);
        self.told = Some(now);
        let mut before = std::mem::take(&mut self.known);
        for view in views {
            let known = match before.remove(&view.id) {
                // This reply was in flight when the end was reported: the end counts.
                Some(known) if known.over.is_some() => known,
                Some(known) => seen_again(known, view, regular),
                None => Known { view: view.clone(), rates: VecDeque::new(), over: None },
            };
            self.known.insert(view.id, known);
        }
        let mut ended = Vec::new();
        for (id, mut known) in before {
            if known.over.is_none() {
                ended.push(id);
                known.over = Some(Over { since: now, why: None });
            }
            self.known.insert(id, known);
        }
        ended.sort_unstable();
        self.arrange();
        ended
    }

    /// Notes the end of a session, with the reason if known.
    pub(super) fn end(&mut self, now: Moment, id: SessionId, why: Option<SessionEnd>) {
        let Some(known) = self.known.get_mut(&id) else { return };
        let over = known.over.get_or_insert(Over { since: now, why });
        over.why = over.why.or(why);
        self.count();
    }

    fn count(&mut self) {
        let runs = |known: &&Known| known.over.is_none();
        let shown = self.list.keys.iter().filter_map(|id| self.known.get(id)).filter(runs).count();
        self.counts = (self.known.values().filter(runs).count(), shown);
    }

    /// Removes sessions that ended long enough ago. Returns whether the list changed.
    pub(super) fn forget(&mut self, now: Moment) -> bool {
        let before = self.known.len();
        let lingers = |over: &Over| now.at.duration_since(over.since.at) < LINGERS;
        self.known.retain(|_, known| known.over.as_ref().is_none_or(lingers));
        let changed = self.known.len() != before;
        if changed {
            self.arrange();
        }
        changed
    }

    /// Filters and sorts the whole list again.
    pub(super) fn arrange(&mut self) {
        let filter = &self.list.filter;
        let mut shown: Vec<&Known> = self.known.values().filter(|known| known.passes(filter)).collect();
        // Newest first, also among equals.
        shown.sort_unstable_by_key(|known| std::cmp::Reverse((known.view.started_ms, known.view.id)));
        let most = |count: u64| std::cmp::Reverse(count);
        match self.by {
            By::Started => {}
            By::Who => shown.sort_by_cached_key(|known| known.view.label.to_lowercase()),
            By::Connection => shown.sort_by_cached_key(|known| known.view.connection.to_lowercase()),
            By::Commands => shown.sort_by_key(|known| most(known.live().map_or(0, |live| live.commands))),
            By::Denied => shown.sort_by_key(|known| most(known.view.denied)),
            By::Masked => shown.sort_by_key(|known| most(known.view.masked)),
            By::Activity => {
                shown.sort_by_key(|known| std::cmp::Reverse(known.live().map_or(0, |live| live.active_ms)));
            }
        }
        self.list.keys = shown.into_iter().map(|known| known.view.id).collect();
        self.count();
    }
}

/// Updates a session from a later reply. `regular`: the previous reply is recent.
fn seen_again(mut known: Known, view: &SessionView, regular: bool) -> Known {
    if let (true, Some(before), Some(now)) = (regular, known.live(), view.live.as_ref()) {
        let count = now.commands.saturating_sub(before.commands);
        known.rates.push_back(count);
        while known.rates.len() > RATES {
            known.rates.pop_front();
        }
    } else {
        known.rates.clear();
    }
    known.view = view.clone();
    known
}
