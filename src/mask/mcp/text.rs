//! Masks a text: JSON in it as JSON, the rest by shapes and by `name=value`.

use std::ops::Range;

use crate::mask::Unmaskable;
use crate::mask::bits;
use crate::mask::detect::By;
use crate::mask::detect::Hit;
use crate::mask::detect::merge;
use crate::mask::mcp::DEEPEST;
use crate::mask::mcp::McpError;
use crate::mask::mcp::binary::Binary;
use crate::mask::mcp::cursor;
use crate::mask::mcp::scalar::quoted;
use crate::mask::mcp::segments;
use crate::mask::mcp::segments::Part;
use crate::mask::mcp::table;
use crate::mask::mcp::walk::Walk;
use crate::mask::value::Finder;
use crate::mask::value::Found;
use crate::mask::value::looks_like_json;

/// A text shorter than this and without digits or punctuation contains nothing that could be masked.
const SHORTEST_SECRET: usize = 16;

/// The result for a text.
enum New {
    Null,
    Same,
    Text(Vec<u8>),
}

/// The change of a part of a text.
enum Edit {
    Hit(By),
    Part(Part),
}

impl Walk<'_> {
    /// Returns the replacement of a text, as JSON. `None`: nothing is masked. `as_result`: JSON in it may be
    /// the result of the tool.
    pub(super) fn text(&mut self, text: &[u8], as_result: bool) -> Result<Option<String>, McpError> {
        Ok(match self.look(text, as_result)? {
            New::Null => Some("null".to_owned()),
            New::Same => None,
            New::Text(new) => Some(quoted(&new)),
        })
    }

    /// Returns the replacement of a text that must stay one.
    pub(super) fn text_of(&mut self, text: &[u8], as_result: bool) -> Result<Option<Vec<u8>>, McpError> {
        Ok(match self.look(text, as_result)? {
            New::Null => Some(Vec::new()),
            New::Same => None,
            New::Text(new) => Some(new),
        })
    }

    fn look(&mut self, text: &[u8], as_result: bool) -> Result<New, McpError> {
        if text.len() < SHORTEST_SECRET && bits::is_dull(text) && !self.plan.scanner.has_patterns() {
            return Ok(New::Same);
        }
        if let Some(json) = whole_json(text)? {
            let inside = text.get(json.clone()).unwrap_or_default();
            let Some(new) = self.inside(inside, as_result)? else { return Ok(New::Same) };
            let (before, after) = (text.get(..json.start), text.get(json.end..));
            return Ok(New::Text([before.unwrap_or_default(), &new, after.unwrap_or_default()].concat()));
        }
        let mut finder = Finder::of_text();
        let mut hits = Vec::new();
        table::find(self.plan, text, &mut hits);
        match finder.look(self.plan, text, &self.field, self.texts, self.notes)? {
            Found::Hits => hits.extend_from_slice(finder.hits()),
            Found::Nothing => {}
            Found::Rewritten(new, _) => return Ok(New::Text(new)),
            Found::Whole(by) => return Ok(self.all(by, text)),
        }
        merge(&mut hits);
        let mut parts = segments::find(text)?;
        settle(&mut hits, &mut parts);
        if let [hit] = hits.as_slice()
            && hit.start == 0
            && hit.end == text.len()
        {
            return Ok(self.all(hit.by, text));
        }
        self.rewrite(text, &hits, parts, as_result)
    }

    /// Masks a whole text.
    fn all(&mut self, by: By, text: &[u8]) -> New {
        let rule = self.note(by);
        if self.is_null(by) {
            return New::Null;
        }
        let mut out = Vec::new();
        self.plan.write(rule, text, &mut out);
        New::Text(out)
    }

    fn rewrite(
        &mut self,
        text: &[u8],
        hits: &[Hit],
        parts: Vec<(Part, Range<usize>)>,
        as_result: bool,
    ) -> Result<New, McpError> {
        let mut edits: Vec<(Range<usize>, Edit)> =
            hits.iter().map(|hit| (hit.start..hit.end, Edit::Hit(hit.by))).collect();
        edits.extend(parts.into_iter().map(|(part, range)| (range, Edit::Part(part))));
        edits.sort_unstable_by_key(|(range, _)| range.start);
        let (mut out, mut sent) = (Vec::new(), 0);
        let field = self.field.clone();
        for (range, edit) in edits {
            let old = text.get(range.clone()).unwrap_or_default();
            let new = match edit {
                Edit::Hit(by) => {
                    let (rule, mut new) = (self.note(by), Vec::new());
                    self.plan.write(rule, old, &mut new);
                    Some(new)
                }
                Edit::Part(Part::Json) => self.inside(old, as_result)?,
                Edit::Part(Part::Base64) => match self.binary(old, "", true)? {
                    Binary::Same => None,
                    Binary::New(new) => Some(new.into_bytes()),
                    Binary::Withheld => {
                        self.notes.withheld("data");
                        Some(Vec::new())
                    }
                },
            };
            self.field.clone_from(&field);
            if let Some(new) = new {
                out.extend_from_slice(text.get(sent..range.start).unwrap_or_default());
                out.extend_from_slice(&new);
                sent = range.end;
            }
        }
        if sent == 0 {
            return Ok(New::Same);
        }
        out.extend_from_slice(text.get(sent..).unwrap_or_default());
        Ok(New::Text(out))
    }
}

/// Returns the range of the JSON if the text as a whole is JSON.
fn whole_json(text: &[u8]) -> Result<Option<Range<usize>>, McpError> {
    if !looks_like_json(text) {
        return Ok(None);
    }
    let start = cursor::skip_blanks(text, 0);
    match cursor::value_end(text, start, DEEPEST) {
        Ok(end) if cursor::skip_blanks(text, end) == text.len() => Ok(Some(start..end)),
        Err(Unmaskable::TooDeep) => Err(Unmaskable::TooDeep.into()),
        _ => Ok(None),
    }
}

/// Resolves conflicts: hits within an embedded document are left to it, and one that a hit from outside
/// overlaps is masked with it.
fn settle(hits: &mut Vec<Hit>, parts: &mut Vec<(Part, Range<usize>)>) {
    if hits.is_empty() || parts.is_empty() {
        return;
    }
    let mut left = vec![true; hits.len()];
    let mut grown = Vec::new();
    parts.retain(|(_, part)| {
        let from = hits.partition_point(|hit| hit.end <= part.start);
        let to = hits.partition_point(|hit| hit.start < part.end).max(from);
        let touching = hits.get(from..to).unwrap_or_default();
        let inside = |hit: &&Hit| hit.start > part.start && hit.end < part.end;
        if let Some(hit) = touching.iter().find(|hit| !inside(hit)) {
            grown.push(Hit { start: part.start, end: part.end, ..*hit });
            return false;
        }
        left.get_mut(from..to).unwrap_or_default().fill(false);
        true
    });
    let mut left = left.into_iter();
    hits.retain(|_| left.next().unwrap_or(true));
    hits.extend(grown);
    merge(hits);
}
