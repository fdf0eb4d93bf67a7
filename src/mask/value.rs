//! One complete value: the text itself, and its form with its own escapes resolved.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;

use crate::mask::bits;
use crate::mask::detect::By;
use crate::mask::detect::Hit;
use crate::mask::detect::merge;
use crate::mask::json::JsonMasker;
use crate::mask::masker::Unmaskable;
use crate::mask::notes::Notes;
use crate::mask::plan::Plan;
use crate::mask::view::View;

/// Maximum number of texts nested in one another (JSON in a string of JSON in base64 …).
const DEEPEST: usize = 6;

/// Minimum length of a text that is decoded as base64.
const SHORTEST_BASE64: usize = 16;

/// A text shorter than this and without digits or punctuation contains no secret: every shape, escape and
/// JSON text needs some.
const SHORTEST_SECRET: usize = 16;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// What is masked in a value.
#[derive(Debug)]
pub(super) enum Found {
    /// Parts of it: [`Finder::hits`].
    Hits,
    /// Nothing.
    Nothing,
    /// It is JSON; this is its masked form, with what masked the first value in it. The notes are taken.
    Rewritten(Vec<u8>, By),
    /// All of it.
    Whole(By),
}

/// Examines values. Its buffers are reused.
#[derive(Debug, Default)]
pub(super) struct Finder {
    hits: Vec<Hit>,
    found_in_view: Vec<Hit>,
    view: View,
    no_json: bool,
    was_json: bool,
}

impl Finder {
    /// Creates one for text whose JSON is masked by the caller.
    pub(super) fn of_text() -> Self {
        Self { no_json: true, ..Self::default() }
    }

    /// Returns the last findings, sorted and disjoint.
    pub(super) fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// Returns whether the last examined text is JSON.
    pub(super) fn read_as_json(&self) -> bool {
        self.was_json
    }

    /// Examines one text, in the field `field` and nested `depth` texts deep.
    pub(super) fn look(
        &mut self,
        plan: &Plan,
        text: &[u8],
        field: &str,
        depth: usize,
        notes: &mut Notes,
    ) -> Result<Found, Unmaskable> {
        self.hits.clear();
        self.was_json = false;
        if text.len() < SHORTEST_SECRET && bits::is_dull(text) && !plan.scanner.has_patterns() {
            return Ok(Found::Nothing);
        }
        if !self.no_json
            && looks_like_json(text)
            && let Some(found) = embedded(plan, text, depth, notes)?
        {
            self.was_json = true;
            return Ok(found);
        }
        if !plan.scanner.is_empty() {
            plan.scanner.candidates(text, field, true, &mut self.hits);
            if !self.hits.is_empty() {
                self.hits.retain(Hit::counts);
            }
        }
        plan.pairs(text, &mut self.hits);
        self.look_through_escapes(plan, text, field);
        if self.hits.is_empty() {
            return in_base64(plan, text, field, depth);
        }
        merge(&mut self.hits);
        Ok(Found::Hits)
    }

    fn look_through_escapes(&mut self, plan: &Plan, text: &[u8], field: &str) {
        let mut more = self.view.of_escapes(text);
        while more {
            self.found_in_view.clear();
            plan.scanner.candidates(self.view.text(), field, true, &mut self.found_in_view);
            plan.pairs(self.view.text(), &mut self.found_in_view);
            for hit in self.found_in_view.iter().filter(|hit| hit.counts()) {
                let (start, end) = self.view.raw_range(hit.start, hit.end);
                self.hits.push(Hit { start, end, ..*hit });
            }
            more = self.view.of_escapes_again(text);
        }
    }
}

/// Returns whether a text may be a JSON value with content.
#[inline]
pub(super) fn looks_like_json(text: &[u8]) -> bool {
    let text = without_mark(text).trim_ascii();
    matches!(
        (text.first(), text.last()),
        (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')) | (Some(b'"'), Some(b'"'))
    )
}

/// Returns a text without its UTF-8 byte order mark.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Masks a text that is one JSON value; `None` if it is not JSON after all.
fn embedded(plan: &Plan, text: &[u8], depth: usize, notes: &mut Notes) -> Result<Option<Found>, Unmaskable> {
    if depth >= DEEPEST {
        return Err(Unmaskable::TooDeep);
    }
    let (mut masker, mut out, mut own) = (JsonMasker::nested(depth + 1), Vec::new(), Notes::new());
    let inside = without_mark(text);
    out.extend_from_slice(text.get(..text.len() - inside.len()).unwrap_or_default());
    let read =
        masker.push(plan, inside, &mut own, &mut out).and_then(|()| masker.finish(plan, &mut own, &mut out));
    match read {
        Ok(()) if own.is_empty() => Ok(Some(Found::Nothing)),
        Ok(()) => {
            notes.merge(&own);
            Ok(Some(masker.owner().map_or(Found::Nothing, |by| Found::Rewritten(out, by))))
        }
        Err(Unmaskable::TooDeep) => Err(Unmaskable::TooDeep),
        Err(_) => Ok(None),
    }
}

/// If the text is base64 of a text in which something would be masked, all of it is masked.
fn in_base64(plan: &Plan, text: &[u8], field: &str, depth: usize) -> Result<Found, Unmaskable> {
    if text.len() < SHORTEST_BASE64 || depth >= DEEPEST || !text.iter().copied().all(is_base64) {
        return Ok(Found::Nothing);
    }
    let decoded = BASE64.decode(text).or_else(|_| BASE64_URL.decode(text));
    let Ok(decoded) = decoded else { return Ok(Found::Nothing) };
    let readable = std::str::from_utf8(&decoded)
        .is_ok_and(|text| !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')));
    if !readable {
        return Ok(Found::Nothing);
    }
    let (mut finder, mut notes) = (Finder::default(), Notes::new());
    Ok(match finder.look(plan, &decoded, field, depth + 1, &mut notes)? {
        Found::Nothing => Found::Nothing,
        Found::Hits => finder.hits().first().map_or(Found::Nothing, |hit| Found::Whole(hit.by)),
        Found::Whole(by) | Found::Rewritten(_, by) => Found::Whole(by),
    })
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}
