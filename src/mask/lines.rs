//! Lines as their reader will see them: with escapes resolved, and with soft line breaks of mail joined (`=`
//! at the end of a line, RFC 2045, section 6.7).

use crate::mask::detect::By;
use crate::mask::detect::Hit;
use crate::mask::detect::OPEN;
use crate::mask::pairs::Seen;
use crate::mask::plan::Plan;
use crate::mask::view::Signs;
use crate::mask::view::View;

/// How many bytes are examined at once: lines up to this size, or a part of joined lines.
const AT_ONCE: usize = 2 << 10;

/// How many bytes before the next part of joined lines are examined with it again.
const BEHIND: usize = 512;

/// Examines lines. Its buffers are reused.
#[derive(Debug, Default)]
pub(super) struct LineView {
    view: View,
    hits: Vec<Hit>,
    /// Spans that must not be split: lines that were examined at once, to the end of the findings in them.
    spans: Vec<(usize, usize)>,
}

impl LineView {
    /// Appends findings that exist only in the resolved text, from the line at `from` on. `whole`: no more
    /// text follows.
    pub(super) fn find(&mut self, plan: &Plan, text: &[u8], from: usize, whole: bool, hits: &mut Vec<Hit>) {
        self.spans.clear();
        let mut signs = Signs::new(text.get(from..).unwrap_or_default());
        let mut at = from;
        loop {
            let joined = at > 0 && (goes_on(text, at) || text.get(at - 1) != Some(&b'\n'));
            let (mut start, mut sign) = (at, at);
            if !joined {
                // Lines without any escape are skipped.
                sign = from + signs.next(at - from);
                let before = text.get(at..sign).unwrap_or_default();
                start = at + memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
            }
            if sign >= text.len() {
                return;
            }
            let (end, waits) = part(text, start, sign, whole);
            let done = end.and_then(|end| self.look(plan, text, (start, end, joined), whole, hits));
            if let Some(waits) = waits {
                hits.push(open(waits, text.len()));
            }
            let Some(done) = done.filter(|_| waits.is_none()) else { return };
            at = done + 1;
        }
    }

    /// Examines the lines of a part; returns the end of what need not be examined again, `None` if that is
    /// all.
    fn look(
        &mut self,
        plan: &Plan,
        text: &[u8],
        (start, part_end, joined): (usize, usize, bool),
        whole: bool,
        hits: &mut Vec<Hit>,
    ) -> Option<usize> {
        let from = if joined { joined_before(text, start) } else { line_before(text, start) };
        let mut end = part_end;
        loop {
            let is_last = end + 1 >= text.len();
            let joins = goes_on(text, end + 1);
            let lines = text.get(from..end).unwrap_or_default();
            let lines = lines.strip_suffix(b"\r").unwrap_or(lines);
            let mut more = self.view.of_escapes(lines);
            if !more {
                return Some(part_end);
            }
            let grown = end > part_end;
            let all = Seen { whole: whole && is_last, markup: false };
            let (mut is_open, mut done) = (false, part_end);
            let known = hits.len();
            while more {
                self.hits.clear();
                plan.scanner.candidates(self.view.text(), "", true, &mut self.hits);
                let seen = self.view.text().len();
                // Values that begin further down are found there.
                let named = if grown { self.view.place_of(part_end - from) } else { seen };
                plan.pairs_before(self.view.text(), named, all, &mut self.hits);
                self.hits.retain(Hit::counts);
                for hit in &self.hits {
                    let (first, last) = self.view.raw_range(hit.start, hit.end);
                    let (first, last) = (from + first, from + last);
                    let is_below = first > part_end && !matches!(hit.by, By::Field(_));
                    if is_below || (hit.is_open() && first < start && (joined || last <= start)) {
                        continue;
                    }
                    let first = if hit.is_open() { first.max(start) } else { first };
                    is_open |= hit.is_open() || (joins && hit.end == seen);
                    hits.push(Hit { start: first, end: last, ..*hit });
                    let line = memchr::memrchr(b'\n', text.get(..last).unwrap_or_default()).unwrap_or(0);
                    done = done.max(line);
                }
                more = self.view.of_escapes_again(lines);
            }
            if !is_open || (is_last && whole) {
                // Joined lines are examined in the same parts, however they arrive.
                self.spans.push((start, if grown { done } else { part_end }));
                return Some(done);
            }
            hits.truncate(known);
            if is_last {
                hits.push(open(start, text.len()));
                return None;
            }
            // A value that has begun must end: include as many lines again.
            end = line_end(text, (end + (end - from).max(BEHIND)).min(text.len() - 1));
        }
    }

    /// Returns a place at which the text may be cut, or the beginning of the line whose finding it would
    /// split.
    pub(super) fn before_spans(&self, cut: usize) -> usize {
        let is_in = |cut: usize, (start, end): &(usize, usize)| *start < cut && cut < *end;
        self.spans.iter().rev().fold(cut, |cut, span| if is_in(cut, span) { span.0 } else { cut })
    }
}

/// Returns a finding that has begun and not ended.
fn open(start: usize, end: usize) -> Hit {
    Hit { start, end, score: 100, by: By::Field(0), reason: OPEN }
}

/// Returns the end of the lines with escapes that are examined at once, starting with the one at `start`,
/// whose first escape is at `sign`; and the line from which on more input is needed. Joined lines are not
/// separated, unless they alone are too many.
fn part(text: &[u8], start: usize, sign: usize, whole: bool) -> (Option<usize>, Option<usize>) {
    let (mut end, mut parted) = (line_end(text, sign), None);
    loop {
        let joins = goes_on(text, end + 1);
        if !joins {
            parted = Some(end);
        }
        if end - start >= AT_ONCE && (!joins || parted.is_none()) {
            return (Some(end), None);
        }
        if end + 1 >= text.len() {
            // The lines before wait too: a value in them may end in what is joined.
            return if joins && !whole { (None, Some(start)) } else { (Some(end), None) };
        }
        if end - start >= AT_ONCE {
            return (parted, None);
        }
        let next = line_end(text, end + 1);
        let line = text.get(end + 1..next).unwrap_or_default();
        if !joins && Signs::new(line).next(0) == line.len() && !goes_on(text, next + 1) {
            return (Some(end), None);
        }
        end = next;
    }
}

/// Returns the start of the lines joined to a place, which are examined with it.
fn joined_before(text: &[u8], start: usize) -> usize {
    let least = start.saturating_sub(BEHIND);
    let mut from = start;
    while from > least && (from == start || goes_on(text, from)) {
        let before = text.get(least..from - 1).unwrap_or_default();
        from = least + memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    }
    from
}

/// Returns the start of the last line before a place that is not blank, where it may end in the name of what
/// follows.
fn line_before(text: &[u8], start: usize) -> usize {
    let follows = text.get(start..).unwrap_or_default().trim_ascii_start();
    if follows.first().is_none_or(u8::is_ascii_alphanumeric) {
        return start;
    }
    let least = start.saturating_sub(BEHIND);
    let before = text.get(least..start).unwrap_or_default().trim_ascii_end();
    if before.is_empty() {
        return start;
    }
    let from = least + memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    if goes_on(text, from) { joined_before(text, from) } else { from }
}

/// Returns whether the line before a place is joined to it.
fn goes_on(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.ends_with(b"=\n") || before.ends_with(b"=\r\n")
}

/// Returns the end of the line that contains a place.
fn line_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(text.len(), |size| at + size)
}
