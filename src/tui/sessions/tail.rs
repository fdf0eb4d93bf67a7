//! The last events of one session: bounded, without duplicates, and in order of number whatever order they
//! arrive in.

use std::collections::BTreeSet;
use std::collections::VecDeque;

use crate::control::noun::session::EventPage;
use crate::domain::id::SessionId;
use crate::recording::StoredEvent;
use crate::recording::replay::Told;
use crate::recording::replay::transcript_told;
use crate::tui::look::Look;
use crate::tui::look::Role;
use crate::tui::text::Piece;
use crate::tui::text::own_signs_at;

/// Maximum number of events kept.
pub(super) const MOST: usize = 500;
/// Maximum number of lines kept.
const MOST_LINES: usize = 5000;
/// Maximum number of lines per event; a note below them tells how many were left out.
const MOST_OF_ONE: usize = 500;
/// Number of earlier events to request.
const BEFORE: u64 = 50;
/// One line.
#[derive(Debug)]
struct TailLine {
    seq: u64,
    /// Whether it is the first line of its event, with the time and a symbol.
    first: bool,
    /// The byte offset of the note on masked values.
    masked: Option<usize>,
    told: Told,
}

/// The events of one session.
#[derive(Debug)]
pub(super) struct Tail {
    /// The session.
    pub(super) session: SessionId,
    /// The first event of the request in flight.
    pub(super) asked: Option<u64>,
    /// Whether a request was answered.
    pub(super) loaded: bool,
    /// The first missing number between known ones.
    hole: Option<u64>,
    seqs: BTreeSet<u64>,
    lines: VecDeque<TailLine>,
    /// The number of lines below the last visible one.
    below: usize,
    /// Whether new events are shown at once.
    follows: bool,
}

impl Tail {
    /// Creates an empty tail.
    pub(super) fn new(session: SessionId) -> Self {
        Self {
            session,
            asked: None,
            loaded: false,
            hole: None,
            seqs: BTreeSet::new(),
            lines: VecDeque::new(),
            below: 0,
            follows: true,
        }
    }

    /// Returns the first event to request, for a session with this many events; `None` if all are known or in
    /// flight.
    pub(super) fn wants(&mut self, events: u64) -> Option<u64> {
        if self.asked.is_some() {
            return None;
        }
        let newest = self.seqs.last().copied().unwrap_or(0);
        let most = u64::try_from(MOST).unwrap_or(u64::MAX);
        // Events that would be dropped at once are not requested.
        let hole = self.hole.take().filter(|hole| hole.saturating_add(most) > newest);
        let from = match hole {
            Some(hole) => hole,
            None if self.loaded && events <= newest => return None,
            None if newest > 0 && events.saturating_sub(newest) <= most => newest + 1,
            None => {
                // The known events would not connect to the new ones.
                self.clear();
                events.saturating_sub(BEFORE).max(1)
            }
        };
        self.asked = Some(from);
        Some(from)
    }

    /// Takes a page. With `still`, the visible lines stay in place.
    pub(super) fn page(&mut self, page: &EventPage, still: bool) {
        self.asked = None;
        self.loaded = true;
        for event in &page.events {
            match StoredEvent::received(&event.hash, &event.line) {
                Ok(event) => self.take(&event, still),
                Err(error) => {
                    let words = format!("! event {} cannot be read: {error}", event.seq);
                    self.put(event.seq, false, vec![Told { text: words, own: Vec::new() }], still);
                }
            }
        }
        let next = page.events.last().map(|event| event.seq.saturating_add(1));
        let newest = self.seqs.last().copied().unwrap_or(0);
        if let Some(next) = next.filter(|next| *next < newest && !self.seqs.contains(next)) {
            self.hole = Some(next);
        }
    }

    /// Takes an event. With `still`, the visible lines stay in place.
    pub(super) fn take(&mut self, event: &StoredEvent, still: bool) {
        let newest = self.seqs.last().copied();
        self.put(event.seq, !event.event.mask.is_empty(), transcript_told(event), still);
        if let Some(next) = newest.map(|newest| newest + 1).filter(|next| event.seq > *next) {
            self.hole.get_or_insert(next);
        }
    }

    /// Inserts the lines of an event. `noted`: values in it are masked, and the text has a note.
    fn put(&mut self, seq: u64, noted: bool, mut lines: Vec<Told>, still: bool) {
        // Dropped events do not come back.
        let too_old = self.seqs.len() >= MOST && self.seqs.first().is_some_and(|first| seq < *first);
        if too_old || !self.seqs.insert(seq) {
            return;
        }
        if lines.len() > MOST_OF_ONE {
            let more = lines.len() - (MOST_OF_ONE - 1);
            lines.truncate(MOST_OF_ONE - 1);
            let text = format!("             ({more} more lines: r plays them)");
            lines.push(Told { text, own: Vec::new() });
        }
        let place = self.lines.partition_point(|line| line.seq < seq);
        if (still || !self.follows) && place + self.below >= self.lines.len() {
            self.below += lines.len();
        }
        for (offset, told) in lines.into_iter().enumerate() {
            let first = offset == 0;
            // The note is at the end of the first line: text by a client comes before it.
            let masked = if first && noted { told.text.rfind("  [masked ") } else { None };
            self.lines.insert(place + offset, TailLine { seq, first, masked, told });
        }
        while self.seqs.len() > MOST || (self.lines.len() > MOST_LINES && self.seqs.len() > 1) {
            let Some(oldest) = self.seqs.pop_first() else { break };
            while self.lines.front().is_some_and(|line| line.seq <= oldest) {
                self.lines.pop_front();
            }
        }
    }

    fn clear(&mut self) {
        self.seqs.clear();
        self.lines.clear();
        self.hole = None;
        self.below = 0;
    }

    /// Returns the number of lines.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Returns the number of events.
    #[cfg(test)]
    pub(super) fn events(&self) -> usize {
        self.seqs.len()
    }

    /// Returns the number of lines below the last visible one, in a window of `rows` rows.
    pub(super) fn below(&self, rows: usize) -> usize {
        self.below.min(self.lines.len().saturating_sub(rows))
    }

    /// Returns whether new events are shown at once.
    pub(super) const fn follows(&self) -> bool {
        self.follows
    }

    /// Scrolls by `by` lines, up if negative, in a window of `rows` rows. At the end, it follows again.
    pub(super) fn scroll(&mut self, by: isize, rows: usize) {
        self.below = self.below(rows).saturating_add_signed(by.saturating_neg());
        self.below = self.below(rows);
        self.follows = self.below == 0;
    }

    /// Resumes after a freeze.
    pub(super) fn go_on(&mut self) {
        if self.follows {
            self.below = 0;
        }
    }

    /// Returns the visible lines in a window of `rows` rows.
    pub(super) fn seen<'a>(&'a self, rows: usize, look: &'a Look) -> impl Iterator<Item = Vec<Piece>> + 'a {
        let start = self.lines.len().saturating_sub(rows + self.below(rows));
        self.lines.range(start..).take(rows).map(|line| pieces(line, look))
    }
}

/// Styles a line. The pieces must still be fitted.
fn pieces(line: &TailLine, look: &Look) -> Vec<Piece> {
    let mut out = if line.first { first_line(line) } else { vec![(Role::Text, line.told.text.clone())] };
    own_signs_at(&mut out, &line.told.own, look);
    out
}

/// Styles the first line of an event: time, symbol, words, note on masked values.
fn first_line(line: &TailLine) -> Vec<Piece> {
    let text = line.told.text.as_str();
    let (head, masked) = line.masked.and_then(|place| text.split_at_checked(place)).unwrap_or((text, ""));
    let time = head.find(' ').map_or(0, |blank| blank + 1);
    let (time, rest) = head.split_at_checked(time).unwrap_or(("", head));
    let sign = rest.chars().next().unwrap_or(' ');
    let role = match sign {
        '✗' | '!' => Role::Bad,
        '◷' => Role::Warn,
        '✓' => Role::Good,
        '→' | '▶' => Role::Accent,
        '←' => Role::Text,
        _ => Role::Dim,
    };
    let (first, rest) = rest.split_at_checked(sign.len_utf8()).unwrap_or((rest, ""));
    // A denial is red in the whole line; a request has only a coloured arrow.
    let rest_role = if matches!(sign, '✗' | '!' | '◷' | '✓') { role } else { Role::Text };
    [(Role::Dim, time), (role, first), (rest_role, rest), (Role::Masked, masked)]
        .map(|(role, piece)| (role, piece.to_owned()))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_has_no_more_lines_than_it_may() {
        let mut tail = Tail::new("ses_01kah3y2x7m5q8r4s6t9v0w1x2".parse().unwrap());
        let lines = |text: &str, count| vec![Told { text: text.to_owned(), own: Vec::new() }; count];
        tail.put(1, false, lines("x", 100_000), false);
        assert_eq!(tail.len(), MOST_OF_ONE);
        let last = tail.lines.back().map(|line| line.told.text.trim().to_owned());
        assert_eq!(last.as_deref(), Some("(99501 more lines: r plays them)"));
        tail.put(2, false, lines("y", MOST_OF_ONE), false);
        assert_eq!(tail.len(), 2 * MOST_OF_ONE, "what fits is whole");
    }
}
