//! Server-sent events (WHATWG HTML, section 9.2): an event is masked when its blank line arrives, its `data`
//! lines as one.

use crate::mask::masker::LONGEST_VALUE;
use crate::mask::masker::Unmaskable;
use crate::mask::notes::Notes;
use crate::mask::plan::Plan;
use crate::mask::value::Finder;
use crate::mask::value::Found;

/// Masks one stream of events.
#[derive(Debug, Default)]
pub(super) struct SseMasker {
    /// The event that has not ended.
    held: Vec<u8>,
    /// How much of it is complete lines.
    lines: usize,
    /// How much of it is known to contain no other line end.
    searched: usize,
    finder: Finder,
}

/// One line of an event, and its end.
struct Line<'a> {
    text: &'a [u8],
    end: &'a [u8],
}

impl SseMasker {
    pub(super) fn push(
        &mut self,
        plan: &Plan,
        input: &[u8],
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        self.take(plan, input, false, notes, out)
    }

    pub(super) fn finish(
        &mut self,
        plan: &Plan,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        self.take(plan, b"", true, notes, out)?;
        let held = std::mem::take(&mut self.held);
        self.event(plan, &held, notes, out)
    }

    fn take(
        &mut self,
        plan: &Plan,
        input: &[u8],
        last: bool,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(input);
        let mut start = 0;
        while let Some((line_end, next)) = line_end(&held, start + self.lines.max(self.searched), last) {
            let blank = line_end == start + self.lines;
            self.lines = next - start;
            self.searched = 0;
            if blank {
                self.event(plan, held.get(start..next).unwrap_or_default(), notes, out)?;
                start = next;
                self.lines = 0;
            }
            if next - start > LONGEST_VALUE {
                return Err(Unmaskable::TooLong { limit: LONGEST_VALUE });
            }
        }
        held.drain(..start);
        // A carriage return at the very end may be half of a line end.
        self.searched = held.len().saturating_sub(1);
        self.held = held;
        if self.held.len() > LONGEST_VALUE {
            return Err(Unmaskable::TooLong { limit: LONGEST_VALUE });
        }
        Ok(())
    }

    fn event(
        &mut self,
        plan: &Plan,
        event: &[u8],
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        if std::str::from_utf8(event).is_err() || memchr::memchr(0, event).is_some() {
            return Err(Unmaskable::malformed("an event that is not UTF-8 text"));
        }
        let lines = split(event);
        let data: Vec<&[u8]> = lines.iter().filter_map(|line| data_of(line.text)).collect();
        let joined = data.join(&b'\n');
        let masked = self.mask(plan, &joined, "data", notes)?;
        let mut told = false;
        for line in &lines {
            match (data_of(line.text), &masked) {
                (None, _) => {
                    // The protocol's own names are not fields; anything else is a comment or unknown.
                    let name = ["id:", "event:", "retry:"]
                        .iter()
                        .find(|name| line.text.starts_with(name.as_bytes()));
                    let name = name.map_or(0, |name| name.len());
                    let (name, value) = line.text.split_at(name);
                    let masked = self.mask(plan, value, "event", notes)?;
                    out.extend_from_slice(name);
                    out.extend_from_slice(masked.as_deref().unwrap_or(value));
                    out.extend_from_slice(line.end);
                }
                (Some(_), None) => {
                    out.extend_from_slice(line.text);
                    out.extend_from_slice(line.end);
                }
                // The masked text replaces the first line; it may have fewer lines than before.
                (Some(_), Some(masked)) if !told => {
                    told = true;
                    let end = if line.end.is_empty() { b"\n" } else { line.end };
                    for (place, part) in masked.split(|byte| *byte == b'\n').enumerate() {
                        if place > 0 && part.is_empty() && masked.is_empty() {
                            continue;
                        }
                        out.extend_from_slice(b"data: ");
                        out.extend_from_slice(part);
                        out.extend_from_slice(end);
                    }
                }
                (Some(_), Some(_)) => {}
            }
        }
        Ok(())
    }

    fn mask(
        &mut self,
        plan: &Plan,
        text: &[u8],
        at: &str,
        notes: &mut Notes,
    ) -> Result<Option<Vec<u8>>, Unmaskable> {
        // A text that begins like an object with a name is parsed as one by the client, or not at all.
        let object = text.trim_ascii_start().starts_with(b"{") && memchr::memchr(b'"', text).is_some();
        let mut out = Vec::new();
        let found = self.finder.look(plan, text, "", 0, notes)?;
        if object && !self.finder.read_as_json() {
            return Err(Unmaskable::malformed("an event with data that is not quite JSON"));
        }
        match found {
            Found::Rewritten(text, _) => return Ok(Some(text)),
            Found::Nothing => return Ok(None),
            Found::Whole(by) => plan.write(plan.count(by, at, notes), text, &mut out),
            Found::Hits => plan.splice(text, self.finder.hits(), at, notes, &mut out),
        }
        Ok(Some(out))
    }
}

/// Returns the end of the line from `from` on: where its text ends, and where the next one begins.
fn line_end(held: &[u8], from: usize, last: bool) -> Option<(usize, usize)> {
    let end = from + memchr::memchr2(b'\n', b'\r', held.get(from..)?)?;
    match (held.get(end), held.get(end + 1)) {
        (Some(b'\r'), Some(b'\n')) => Some((end, end + 2)),
        (Some(b'\r'), None) if !last => None,
        _ => Some((end, end + 1)),
    }
}

fn split(event: &[u8]) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut at = 0;
    while at < event.len() {
        let (end, next) = line_end(event, at, true).unwrap_or((event.len(), event.len()));
        let text = event.get(at..end).unwrap_or_default();
        lines.push(Line { text, end: event.get(end..next).unwrap_or_default() });
        at = next;
    }
    lines
}

/// Returns the content of a `data` line.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    if line == b"data" {
        return Some(b"");
    }
    let data = line.strip_prefix(b"data:")?;
    Some(data.strip_prefix(b" ").unwrap_or(data))
}
