//! Free text, line by line: shapes, custom patterns, and `name=value` of masked fields.
//!
//! Complete lines are examined as they arrive, many at once; lines in which a value of a masked field has
//! begun wait for its end. A line that does not end is examined in overlapping windows. Where the text is cut
//! depends on the text alone, never on the pieces in which it arrives.

use crate::mask::detect::Hit;
use crate::mask::detect::LONGEST_PEM;
use crate::mask::detect::merge;
use crate::mask::json::JsonMasker;
use crate::mask::lines::LineView;
use crate::mask::masker::LONGEST_VALUE;
use crate::mask::masker::Unmaskable;
use crate::mask::notes::Notes;
use crate::mask::pairs::Seen;
use crate::mask::pairs::is_markup;
use crate::mask::plan::Plan;

/// A longer line is split into windows of this size, in bytes.
const WINDOW: usize = 256 << 10;

/// How much of a window is examined again with the next one: no value is longer.
const OVERLAP: usize = LONGEST_PEM;

/// Maximum length of a tag that a window does not split.
const LONGEST_TAG: usize = 8 << 10;

/// How much of the sent text is kept for the detectors as context.
const CONTEXT: usize = 512;

/// Masks one text.
#[derive(Debug, Default)]
pub(super) struct TextMasker {
    /// Sent text, kept as context, followed by unsent text.
    held: Vec<u8>,
    sent: usize,
    /// How much of the unsent text need not be searched for a line end.
    searched: usize,
    begun: bool,
    /// Whether it is XML or HTML, once its beginning has arrived.
    markup: Option<bool>,
    hits: Vec<Hit>,
    view: LineView,
    /// Set if the text is JSON under another media type: names in it count as in any JSON.
    json: Option<Box<JsonMasker>>,
}

/// What is examined at once.
enum Part {
    /// Complete lines, up to this position.
    Lines(usize),
    /// The first part of a line that continues.
    Window,
    /// The end of the text.
    Rest,
}

impl TextMasker {
    pub(super) fn push(
        &mut self,
        plan: &Plan,
        input: &[u8],
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        // Text in a supported encoding has none; text in UTF-16 does.
        if memchr::memchr(0, input).is_some() {
            return Err(Unmaskable::malformed("a NUL character in text"));
        }
        if let Some(json) = &mut self.json {
            return json.push(plan, input, notes, out);
        }
        self.held.extend_from_slice(input);
        if !self.begun && !plan.fields.is_empty() {
            match is_json(&self.held) {
                Some(true) => {
                    let mut held = std::mem::take(&mut self.held);
                    let blanks = held.len() - held.trim_ascii_start().len();
                    let guard = behind_guard(held.get(blanks..).unwrap_or_default());
                    if guard > 0 {
                        out.extend(held.drain(..blanks + guard));
                    }
                    return self.json.insert(Box::new(JsonMasker::new(true))).push(plan, &held, notes, out);
                }
                Some(false) => {}
                None if self.held.len() > LONGEST_VALUE => {
                    return Err(Unmaskable::TooLong { limit: LONGEST_VALUE });
                }
                None => return Ok(()),
            }
        }
        while let Some(part) = self.part(plan)? {
            if !self.look(plan, &part, notes, out)? {
                break;
            }
        }
        self.forget();
        if self.unsent().len() > LONGEST_VALUE {
            return Err(Unmaskable::TooLong { limit: LONGEST_VALUE });
        }
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        plan: &Plan,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        if let Some(json) = &mut self.json {
            return json.finish(plan, notes, out);
        }
        while let Some(part) = self.part(plan)? {
            if !self.look(plan, &part, notes, out)? {
                break;
            }
        }
        self.look(plan, &Part::Rest, notes, out)?;
        self.held.clear();
        self.sent = 0;
        Ok(())
    }

    fn unsent(&self) -> &[u8] {
        self.held.get(self.sent..).unwrap_or_default()
    }

    /// Returns the part that can be examined next; `None`: more input is needed.
    fn part(&mut self, plan: &Plan) -> Result<Option<Part>, Unmaskable> {
        let unsent = self.held.get(self.sent..).unwrap_or_default();
        let Some(fresh) = unsent.get(self.searched..) else { return Ok(None) };
        let Some(last) = memchr::memrchr(b'\n', fresh).map(|at| self.searched + at + 1) else {
            self.searched = unsent.len();
            return Ok(if unsent.len() >= WINDOW { Some(Self::window(plan, unsent.len())?) } else { None });
        };
        // If a line is longer than a window, the lines before it are examined first.
        let mut line = 0;
        if unsent.len() >= WINDOW {
            for end in memchr::memchr_iter(b'\n', unsent) {
                if end - line >= WINDOW {
                    return Ok(Some(if line > 0 { Part::Lines(line) } else { Self::window(plan, end)? }));
                }
                line = end + 1;
            }
        }
        Ok(Some(Part::Lines(last)))
    }

    /// Returns a window; with custom patterns, whose length is unbounded, a long line would have to wait for
    /// its end, so it is refused.
    fn window(plan: &Plan, line: usize) -> Result<Part, Unmaskable> {
        if plan.scanner.has_patterns() && line >= WINDOW {
            return Err(Unmaskable::TooLong { limit: WINDOW });
        }
        Ok(Part::Window)
    }

    /// Examines a part, and sends what is safe; `false` if that is nothing.
    fn look(
        &mut self,
        plan: &Plan,
        part: &Part,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<bool, Unmaskable> {
        let (end, whole) = match part {
            Part::Lines(end) => (self.sent + end, false),
            Part::Window => (self.sent + WINDOW, false),
            Part::Rest => (self.held.len(), true),
        };
        let text = self.held.get(..end).unwrap_or_default();
        let fresh = text.get(self.sent..).unwrap_or_default();
        if !self.begun && (fresh.starts_with(b"\xff\xfe") || fresh.starts_with(b"\xfe\xff")) {
            return Err(Unmaskable::malformed("text in UTF-16"));
        }
        self.hits.clear();
        plan.scanner.shapes(text, "", whole, &mut self.hits);
        self.markup = self.markup.or_else(|| is_markup(fresh));
        let seen = Seen { whole, markup: self.markup == Some(true) };
        plan.pairs_before(text, text.len(), seen, &mut self.hits);
        self.view.find(plan, text, self.sent, whole, &mut self.hits);
        if plan.scanner.has_patterns() {
            own_patterns(plan, text, self.sent, &mut self.hits);
        }
        let sent = self.sent;
        // The name of a value that has not ended may be sent already.
        for hit in self.hits.iter_mut().filter(|hit| hit.is_open() && hit.end > sent) {
            hit.start = hit.start.max(sent);
        }
        self.hits.retain(|hit| hit.counts() && hit.start >= sent);
        let open = self.hits.iter().filter(|hit| hit.is_open()).map(|hit| hit.start).min();
        merge(&mut self.hits);
        let mut cut = if matches!(part, Part::Window) { before_tag(text, sent, end - OVERLAP) } else { end };
        if let Some(open) = open {
            let start = self.hits.iter().find(|hit| hit.end > open).map_or(open, |hit| hit.start);
            cut = cut.min(start);
            cut = self.view.before_spans(cut).max(sent);
        }
        for hit in &self.hits {
            let too_long = !whole && hit.start < end && hit.end - hit.start > OVERLAP;
            if too_long || (matches!(part, Part::Window) && hit.start < cut && hit.end == end) {
                return Err(Unmaskable::TooLong { limit: OVERLAP });
            }
            if hit.start < cut && hit.end > cut {
                cut = hit.end;
            }
        }
        self.hits.retain(|hit| hit.start < cut);
        for hit in &mut self.hits {
            (hit.start, hit.end) = (hit.start - sent, hit.end - sent);
        }
        plan.splice(text.get(sent..cut).unwrap_or_default(), &self.hits, "text", notes, out);
        self.begun |= cut > sent;
        self.sent = cut;
        // An unfinished value is examined again when an eighth more has arrived, so that small pieces cost no
        // more than large ones.
        self.searched = if open.is_some() { (end - cut) + (end - cut) / 8 } else { 0 };
        Ok(cut > sent && open.is_none())
    }

    /// Drops the sent text, except the context.
    fn forget(&mut self) {
        let keep = self.sent.min(CONTEXT);
        self.held.drain(..self.sent - keep);
        self.sent = keep;
    }
}

/// Returns a position at which a window may be cut: `cut`, or the start of the tag that contains it.
fn before_tag(text: &[u8], sent: usize, cut: usize) -> usize {
    let from = sent.max(cut.saturating_sub(LONGEST_TAG));
    let before = text.get(from..cut).unwrap_or_default();
    let tag = memchr::memrchr(b'<', before).filter(|at| !before.iter().skip(*at).any(|byte| *byte == b'>'));
    tag.map_or(cut, |at| from + at)
}

/// Prefixes before JSON that prevent scripts from executing it.
const GUARDS: [&[u8]; 4] = [b")]}',", b")]}'", b"while(1);", b"for(;;);"];

/// Returns the start of the JSON after such a prefix, if there is one.
fn behind_guard(text: &[u8]) -> usize {
    GUARDS.iter().find(|guard| text.starts_with(guard)).map_or(0, |guard| guard.len())
}

/// Returns whether a text begins like an object with a name in it, or a list of objects. `None`: too little
/// text to tell.
fn is_json(text: &[u8]) -> Option<bool> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    if MARK.starts_with(text) {
        return None;
    }
    let text = text.strip_prefix(MARK).unwrap_or(text).trim_ascii_start();
    if GUARDS.iter().any(|guard| guard.starts_with(text)) {
        return None;
    }
    let mut text = text.get(behind_guard(text)..).unwrap_or_default().trim_ascii_start();
    loop {
        let (first, rest) = text.split_first()?;
        let rest = rest.trim_ascii_start();
        match first {
            b'{' => return rest.first().map(|next| *next == b'"'),
            // At any depth of lists; only for a list directly around an object must the object be
            // distinguished from other text.
            b'[' => match rest.first()? {
                b'{' => return Some(true),
                b'[' => text = rest,
                _ => return Some(false),
            },
            _ => return Some(false),
        }
    }
}

/// Custom patterns see one line at a time, without its end.
fn own_patterns(plan: &Plan, text: &[u8], from: usize, hits: &mut Vec<Hit>) {
    let mut line = from;
    let fresh = text.get(from..).unwrap_or_default();
    for end in memchr::memchr_iter(b'\n', fresh).map(|end| from + end).chain([text.len()]) {
        let bare = if end > line && text.get(end - 1) == Some(&b'\r') { end - 1 } else { end };
        plan.scanner.own_patterns(text, line..bare, hits);
        line = end + 1;
    }
}
