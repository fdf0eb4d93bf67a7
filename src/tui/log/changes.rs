//! Who changed what: the end of the audit trail.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use crate::control::noun::List;
use crate::control::noun::audit::AuditEntry;
use crate::tui::message::Request;

/// The most entries that are kept.
pub(super) const MOST: usize = 1000;
/// So long after a change the trail is read on: changes come in groups.
const SETTLES: Duration = Duration::from_millis(300);

/// The end of the audit trail.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The newest first.
    entries: VecDeque<AuditEntry>,
    /// The number up to which it was read.
    reached: u64,
    asked: bool,
    /// Whether it was read to its end once.
    pub(super) known: bool,
    /// Whether somebody looked at it, so that it is to be kept up to date.
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

    /// Somebody looks at it, or it may be old: what is to be asked.
    pub(super) fn read_on(&mut self, now_wanted: bool) -> Option<Request> {
        self.wanted |= now_wanted;
        if !self.wanted || self.asked {
            return None;
        }
        (self.asked, self.due) = (true, None);
        Some(Request::Audit(Some(self.reached)))
    }

    /// Something changed.
    pub(super) fn changed(&mut self, now: Instant) {
        self.due.get_or_insert(now + SETTLES);
    }

    /// After how long it is to be read on.
    pub(super) fn wake(&self, now: Instant) -> Option<Duration> {
        self.due.filter(|_| self.wanted).map(|due| due.saturating_duration_since(now))
    }

    /// What is to be asked as time went on.
    pub(super) fn tick(&mut self, now: Instant) -> Option<Request> {
        if self.due.is_some_and(|due| due <= now) { self.read_on(false) } else { None }
    }

    /// A page of it: what is to be asked next.
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

    /// It could not be read.
    pub(super) fn failed(&mut self) {
        self.asked = false;
    }

    /// The link broke: what was on its way may never come.
    pub(super) fn lost(&mut self) {
        self.asked = false;
    }
}
