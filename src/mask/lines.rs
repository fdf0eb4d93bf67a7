//! Lines as their reader will see them: escapes resolved, and those joined that mail has wrapped (`=` at the end of a line, RFC 2045,
//! section 6.7).

use crate::mask::detect::By;
use crate::mask::detect::Hit;
use crate::mask::detect::OPEN;
use crate::mask::plan::Plan;
use crate::mask::view::Signs;
use crate::mask::view::View;

/// How much of the lines that are joined to a line is looked at with it, in bytes, where nothing in them is to be masked.
const AHEAD: usize = 512;

/// How much of a line is looked at with the one that is joined to it.
const BEHIND: usize = 80;

/// Looks at lines. Its buffers are used again.
#[derive(Debug, Default)]
pub(super) struct LineView {
    view: View,
    hits: Vec<Hit>,
    /// What is not to be cut apart: from the beginning of a line to the end of what was found in it.
    spans: Vec<(usize, usize)>,
}

impl LineView {
    /// Appends what is found only there, from the line at `from` on. `whole`: no more text follows.
    pub(super) fn find(&mut self, plan: &Plan, text: &[u8], from: usize, whole: bool, hits: &mut Vec<Hit>) {
        self.spans.clear();
        let mut signs = Signs::new(text.get(from..).unwrap_or_default());
        let mut at = from;
        loop {
            let joined = goes_on(text, at) || !text.get(..at).unwrap_or_default().ends_with(b"\n");
            let joined = joined && at > 0;
            let mut start = at;
            let mut sign = at;
            if !joined {
                // Lines without any escape are passed over.
                sign = from + signs.next(at - from);
                let before = text.get(at..sign).unwrap_or_default();
                start = at + memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
            }
            if sign >= text.len() {
                return;
            }
            let end = line_end(text, sign);
            let Some(end) = self.lines(plan, text, (start, end, joined), whole, hits) else { return };
            at = end + 1;
        }
    }

    /// Looks at a line, with those that belong to it; gives the end of what need not be looked at again, `None` if that is all.
    fn lines(
        &mut self,
        plan: &Plan,
        text: &[u8],
        (start, first_end, joined): (usize, usize, bool),
        whole: bool,
        hits: &mut Vec<Hit>,
    ) -> Option<usize> {
        let before = text.get(start.saturating_sub(BEHIND)..start).unwrap_or_default();
        let behind = before.strip_suffix(b"\n").unwrap_or(before);
        let behind =
            if joined { before.len() - memchr::memrchr(b'\n', behind).map_or(0, |end| end + 1) } else { 0 };
        let (from, mut end, mut size) = (start - behind, first_end, AHEAD);
        loop {
            while goes_on(text, end + 1) && end < first_end + size && end + 1 < text.len() {
                end = line_end(text, end + 1);
            }
            let is_last = end + 1 >= text.len();
            let joins = goes_on(text, end + 1);
            let open = Hit { start, end: text.len(), score: 100, by: By::Field(0), reason: OPEN };
            if joins && is_last && !whole {
                hits.push(open);
                return None;
            }
            let lines = text.get(from..end).unwrap_or_default();
            let lines = lines.strip_suffix(b"\r").unwrap_or(lines);
            if !self.view.of_escapes(lines) {
                return Some(first_end);
            }
            self.hits.clear();
            plan.scanner.candidates(self.view.text(), "", true, &mut self.hits);
            let grown = end > first_end && size > AHEAD;
            let seen = self.view.text().len();
            // What begins in a line further down is found there.
            let named = if grown { self.view.place_of(first_end - from) } else { seen };
            plan.pairs_before(self.view.text(), named, whole && is_last, &mut self.hits);
            self.hits.retain(Hit::counts);
            let mut is_open = false;
            let mut done = first_end;
            let known = (hits.len(), self.spans.len());
            for hit in &self.hits {
                let (first, last) = self.view.raw_range(hit.start, hit.end);
                let (first, last) = (from + first, from + last);
                let is_own = if hit.is_open() {
                    (start..=first_end).contains(&first)
                } else {
                    first <= first_end || (grown && matches!(hit.by, By::Field(_)))
                };
                if !is_own && (grown || hit.is_open()) {
                    continue;
                }
                is_open |= hit.is_open() || (joins && hit.end == seen);
                hits.push(Hit { start: first, end: last, ..*hit });
                if is_own {
                    self.spans.push((start, last));
                    let line = memchr::memrchr(b'\n', text.get(..last).unwrap_or_default()).unwrap_or(0);
                    done = done.max(line);
                }
            }
            if !is_open || (is_last && whole) {
                return Some(if grown { done } else { first_end });
            }
            hits.truncate(known.0);
            self.spans.truncate(known.1);
            if is_last {
                hits.push(open);
                return None;
            }
            // What has begun must end: as many lines more.
            size = (end - start) * 2 + AHEAD;
            end = line_end(text, (start + size).min(text.len() - 1));
        }
    }

    /// A place at which the text may be cut, or the beginning of the line whose find it would cut off.
    pub(super) fn before_spans(&self, cut: usize) -> usize {
        let is_in = |cut: usize, (start, end): &(usize, usize)| *start < cut && cut < *end;
        self.spans.iter().rev().fold(cut, |cut, span| if is_in(cut, span) { span.0 } else { cut })
    }
}

/// Whether the line before a place is joined to what stands there.
fn goes_on(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.ends_with(b"=\n") || before.ends_with(b"=\r\n")
}

/// Where the line ends that a place is in.
fn line_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(text.len(), |size| at + size)
}
