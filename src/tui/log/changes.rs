//! Administrative changes: the end of the audit trail.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use crate::control::noun::List;
use crate::control::noun::audit::AuditEntry;
use crate::tui::message::Request;

/// Maximum number of entries kept.
pub(super) const MOST: usize = 1000;
/// Delay between a change and reading on in the trail: changes come in groups.
const SETTLES: Duration = Duration::from_millis(300);

/// The end of the audit trail.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The entries, newest first.
    entries: VecDeque<AuditEntry>,
    /// The last entry number read.
    reached: u64,
    asked: bool,
    /// Whether it was read to its end once.
    pub(super) known: bool,
    /// Whether the list was opened, so that it is kept up to date.
    wanted: bool,
    due: Option<Instant>,
}

impl Changes {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &AuditEntry> {
        self.entries.iter()
    }

    pub(super) fn get(&self, seq: u64) -> Option<&AuditEntry> {
        let newest = self.entries.front()?.seq;
        let guess = usize::try_from(newest.checked_sub(seq)?).ok()?;
        let here = self.entries.get(guess).filter(|entry| entry.seq == seq);
        here.or_else(|| self.entries.iter().find(|entry| entry.seq == seq))
    }

    /// Returns the request to read on, when the list is opened or may be stale.
    pub(super) fn read_on(&mut self, now_wanted: bool) -> Option<Request> {
        self.wanted |= now_wanted;
        if !self.wanted || self.asked {
            return None;
        }
        (self.asked, self.due) = (true, None);
        Some(Request::Audit(Some(self.reached)))
    }

    /// Notes that something changed.
    pub(super) fn changed(&mut self, now: Instant) {
        self.due.get_or_insert(now + SETTLES);
    }

    /// Returns the time until the trail must be read again.
    pub(super) fn wake(&self, now: Instant) -> Option<Duration> {
        self.due.filter(|_| self.wanted).map(|due| due.saturating_duration_since(now))
    }

    /// Returns the request that is due.
    pub(super) fn tick(&mut self, now: Instant) -> Option<Request> {
        if self.due.is_some_and(|due| due <= now) { self.read_on(false) } else { None }
    }

    /// Takes a page. Returns the next request.
    pub(super) fn answer(&mut self, page: &List<AuditEntry>) -> Option<Request> {
        self.asked = false;
        let before = self.reached;
        for entry in &page.items {
            if entry.seq > self.reached {
                self.reached = entry.seq;
                self.entries.push_front(entry.clone());
            }
        }
        self.entries.truncate(MOST);
        if page.more && self.reached > before {
            return self.read_on(false);
        }
        self.known = true;
        None
    }

    /// Notes that the request failed.
    pub(super) fn failed(&mut self) {
        self.asked = false;
    }

    /// Notes that the connection broke: a reply in flight may never come.
    pub(super) fn lost(&mut self) {
        self.asked = false;
    }
}
