//! Masks one name or value of a JSON text.

use crate::domain::MaskOp;
use crate::mask::detect::By;
use crate::mask::detect::Hit;
use crate::mask::json::lex;
use crate::mask::json::names::SeenNames;
use crate::mask::masker::Unmaskable;
use crate::mask::notes::Notes;
use crate::mask::operator::REDACTED;
use crate::mask::plan::Plan;
use crate::mask::value;
use crate::mask::value::Finder;
use crate::mask::value::Found;
use crate::mask::view::View;

/// Returns a name as the place in a note.
fn place_of(name: &[u8]) -> &str {
    std::str::from_utf8(name).unwrap_or("name")
}

/// Clears a buffer for reuse, and frees it if it is large.
fn emptied(mut buffer: Vec<u8>) -> Vec<u8> {
    buffer.clear();
    buffer.shrink_to(MOST_KEPT);
    buffer
}

/// Maximum capacity of an idle buffer, in bytes.
const MOST_KEPT: usize = 4 << 10;

/// Masks names and values. Its buffers are reused.
#[derive(Debug, Default)]
pub(super) struct Strings {
    /// The last name, unescaped: the place of values in the notes.
    place: Vec<u8>,
    names: SeenNames,
    view: View,
    escaped: bool,
    lone_surrogate: bool,
    finder: Finder,
    hits: Vec<Hit>,
    text: Vec<u8>,
    written: Vec<u8>,
    masked_names: u64,
    nesting: usize,
    /// The detector or rule that masked the first value.
    pub(super) owner: Option<By>,
}

impl Strings {
    pub(super) fn nested(nesting: usize) -> Self {
        Self { nesting, ..Self::default() }
    }

    /// Prepares for another body under the same plan. Of the last one only its names are kept.
    pub(super) fn begin_anew(&mut self) {
        let fresh = Self::default();
        let last = std::mem::replace(self, fresh);
        self.names = last.names;
        self.names.begin_anew();
        self.place = emptied(last.place);
        self.text = emptied(last.text);
        self.written = emptied(last.written);
    }

    /// Resolves the escapes of a string, and validates them.
    #[inline]
    pub(super) fn read(&mut self, raw: &[u8], escaped: bool) -> Result<(), Unmaskable> {
        self.escaped = escaped;
        self.lone_surrogate = false;
        if escaped && lex::unescape(raw, &mut self.view, &mut self.lone_surrogate).is_none() {
            return Err(Unmaskable::malformed("an escape that JSON does not have"));
        }
        Ok(())
    }

    /// If a text begins with the predicted name and its colon: their size, and the rule that masks its value.
    #[inline]
    pub(super) fn foreseen_name(&mut self, text: &[u8]) -> Option<(usize, Option<u16>)> {
        let (size, rule) = self.names.foreseen(text)?;
        if rule.is_some() {
            self.place.clear();
            self.place.extend_from_slice(text.get(1..size - 2)?);
        }
        Some((size, rule))
    }

    /// Records a name without escapes, and returns the rule that masks its value.
    pub(super) fn plain_name(&mut self, plan: &Plan, raw: &[u8]) -> Option<u16> {
        let rule = self.names.find(&plan.fields, raw);
        if rule.is_some() {
            self.place.clear();
            self.place.extend_from_slice(raw);
        }
        rule
    }

    /// Records a name, and returns the rule that masks its value.
    #[inline]
    pub(super) fn name(&mut self, plan: &Plan, raw: &[u8]) -> Result<Option<u16>, Unmaskable> {
        // Parsers disagree on a name with a lone surrogate.
        if self.lone_surrogate {
            return Err(Unmaskable::malformed("a name with half a surrogate pair"));
        }
        self.names.forget();
        let (name, rule) = if self.escaped {
            // Only a name without escapes can be predicted.
            (self.view.text(), plan.fields.find(self.view.text()))
        } else if plan.fields.may_find(raw) {
            (raw, self.names.find(&plan.fields, raw))
        } else {
            (raw, None)
        };
        if rule.is_some() || !plan.scanner.is_empty() {
            self.place.clear();
            self.place.extend_from_slice(name);
        }
        Ok(rule)
    }

    /// Returns the replacement of a name in which a detector finds something. Names that become equal are
    /// distinguished by a number.
    #[inline]
    pub(super) fn mask_name(
        &mut self,
        plan: &Plan,
        raw: &[u8],
        notes: &mut Notes,
    ) -> Result<Option<&[u8]>, Unmaskable> {
        if plan.scanner.is_empty() {
            return Ok(None);
        }
        let text = if self.escaped { self.view.text() } else { raw };
        let found = self.finder.look(plan, text, "", self.nesting, notes)?;
        self.place_is_secret(&found);
        let Some(()) = self.write(plan, raw, &found, notes) else { return Ok(None) };
        self.masked_names += 1;
        if self.masked_names > 1 {
            self.written.pop();
            self.written.extend_from_slice(format!("~{}\"", self.masked_names).as_bytes());
        }
        Ok(Some(&self.written))
    }

    fn place_is_secret(&mut self, found: &Found) {
        if !matches!(found, Found::Nothing) {
            self.place.clear();
            self.place.extend_from_slice(b"name");
            self.names.forget();
        }
    }

    /// Returns the replacement of a string value, with its quotes.
    #[inline]
    pub(super) fn mask_value<'a>(
        &'a mut self,
        plan: &'a Plan,
        raw: &[u8],
        rule: Option<u16>,
        notes: &mut Notes,
    ) -> Result<Option<&'a [u8]>, Unmaskable> {
        if let Some(rule) = rule {
            return Ok(Some(self.mask_named(plan, raw, rule, notes)));
        }
        let text = if self.escaped { self.view.text() } else { raw };
        // Without detectors only JSON in the string, which needs escaped quotes, and name-value pairs can
        // contain a name.
        if plan.scanner.is_empty() {
            let tells = || value::looks_like_json(text) || memchr::memchr(b'\\', text).is_some();
            let looks = plan.may_pair(text) || (self.escaped && tells());
            if !looks {
                return Ok(None);
            }
        }
        let field = std::str::from_utf8(&self.place).unwrap_or_default();
        let found = self.finder.look(plan, text, field, self.nesting, notes)?;
        let all = match &found {
            Found::Whole(by) => Some(*by),
            Found::Hits => match self.finder.hits() {
                [hit] if hit.start == 0 && hit.end == text.len() => Some(hit.by),
                _ => None,
            },
            Found::Nothing | Found::Rewritten(..) => None,
        };
        let written = self.write(plan, raw, &found, notes);
        if all.is_some_and(|by| matches!(plan.op(plan.rule(by)), MaskOp::Null)) {
            self.written.clear();
            self.quote(true);
        }
        Ok(written.map(|()| &*self.written))
    }

    /// Returns the replacement of a string under a masked name, with its quotes.
    #[inline]
    pub(super) fn mask_named<'a>(
        &'a mut self,
        plan: &'a Plan,
        raw: &[u8],
        rule: u16,
        notes: &mut Notes,
    ) -> &'a [u8] {
        self.note(plan, By::Field(rule), notes);
        if let Some(constant) = plan.constant(rule) {
            return constant;
        }
        let text = if self.escaped { self.view.text() } else { raw };
        self.text.clear();
        plan.write(rule, text, &mut self.text);
        self.written.clear();
        self.quote(false);
        &self.written
    }

    /// Masks a value like [`Self::mask_named`], for a string without escapes that was not read.
    #[inline]
    pub(super) fn mask_plain<'a>(
        &'a mut self,
        plan: &'a Plan,
        raw: &[u8],
        rule: u16,
        notes: &mut Notes,
    ) -> &'a [u8] {
        self.escaped = false;
        self.mask_named(plan, raw, rule, notes)
    }

    /// Returns the replacement of an object under a masked name.
    pub(super) fn mask_object(&mut self, plan: &Plan, rule: u16, notes: &mut Notes) -> &[u8] {
        self.note(plan, By::Field(rule), notes);
        self.text.clear();
        self.written.clear();
        match plan.op(rule) {
            MaskOp::Null => self.quote(true),
            MaskOp::Replace { with } => {
                self.text.extend_from_slice(with.as_bytes());
                self.quote(false);
            }
            _ => {
                self.text.extend_from_slice(REDACTED);
                self.quote(false);
            }
        }
        &self.written
    }

    /// Returns the replacement of a number or word.
    pub(super) fn mask_scalar(
        &mut self,
        plan: &Plan,
        token: &[u8],
        rule: Option<u16>,
        notes: &mut Notes,
    ) -> Option<&[u8]> {
        if token == b"null" {
            return None;
        }
        let is_word = matches!(token, b"true" | b"false");
        let by = match rule {
            Some(rule) => By::Field(rule),
            None if is_word || plan.scanner.is_empty() => return None,
            None => self.detected(plan, token)?,
        };
        let rule = self.note(plan, by, notes);
        self.text.clear();
        self.written.clear();
        let as_null = match plan.op(rule) {
            MaskOp::Null | MaskOp::Redact => true,
            MaskOp::Replace { .. } => false,
            MaskOp::Hash | MaskOp::KeepFirst { .. } | MaskOp::KeepLast { .. } => is_word,
        };
        plan.write(rule, token, &mut self.text);
        self.quote(as_null);
        Some(&self.written)
    }

    /// Returns what finds something in a number, as written or as the integer it equals.
    fn detected(&mut self, plan: &Plan, token: &[u8]) -> Option<By> {
        let field = std::str::from_utf8(&self.place).unwrap_or_default();
        self.hits.clear();
        // No built-in shape is shorter than a social security number.
        let is_whole = token.len() >= 9 && lex::whole_number(token, &mut self.text);
        if is_whole || plan.scanner.has_patterns() {
            plan.scanner.candidates(token, field, true, &mut self.hits);
        }
        if is_whole && self.text != token {
            plan.scanner.candidates(&self.text, field, true, &mut self.hits);
        }
        let best = self.hits.iter().filter(|hit| hit.counts()).max_by_key(|hit| hit.score)?;
        Some(best.by)
    }

    fn note(&mut self, plan: &Plan, by: By, notes: &mut Notes) -> u16 {
        self.owner.get_or_insert(by);
        // The same few names recur: from the second time on they are counted in the cache.
        if let By::Field(rule) = by
            && self.names.count()
        {
            return rule;
        }
        plan.count(by, place_of(&self.place), notes)
    }

    /// Notes the hits counted so far.
    pub(super) fn settle(&mut self, notes: &mut Notes) {
        self.names.settle(|name, hits| notes.count("field", place_of(name), hits));
    }

    /// Appends the masked text as a JSON string, or `null`.
    fn quote(&mut self, as_null: bool) {
        if as_null {
            self.written.extend_from_slice(b"null");
        } else {
            self.written.push(b'"');
            lex::write_escaped(&self.text, &mut self.written);
            self.written.push(b'"');
        }
    }

    /// Rewrites the string with the findings in it replaced; `None` if there are none.
    fn write(&mut self, plan: &Plan, raw: &[u8], found: &Found, notes: &mut Notes) -> Option<()> {
        self.written.clear();
        self.text.clear();
        match found {
            Found::Nothing => return None,
            Found::Rewritten(text, by) => {
                self.owner.get_or_insert(*by);
                self.text.extend_from_slice(text);
                self.quote(false);
            }
            Found::Whole(by) => {
                let rule = self.note(plan, *by, notes);
                let text = if self.escaped { self.view.text() } else { raw };
                plan.write(rule, text, &mut self.text);
                self.quote(false);
            }
            Found::Hits => {
                self.hits.clear();
                self.hits.extend_from_slice(self.finder.hits());
                self.write_hits(plan, raw, notes);
            }
        }
        Some(())
    }

    fn write_hits(&mut self, plan: &Plan, raw: &[u8], notes: &mut Notes) {
        self.written.push(b'"');
        let mut done = 0;
        for place in 0..self.hits.len() {
            let Some(&hit) = self.hits.get(place) else { break };
            let rule = self.note(plan, hit.by, notes);
            let text = if self.escaped { self.view.text() } else { raw };
            let (start, end) =
                if self.escaped { self.view.raw_range(hit.start, hit.end) } else { (hit.start, hit.end) };
            self.written.extend_from_slice(raw.get(done..start).unwrap_or_default());
            self.text.clear();
            plan.write(rule, text.get(hit.start..hit.end).unwrap_or_default(), &mut self.text);
            lex::write_escaped(&self.text, &mut self.written);
            done = end;
        }
        self.written.extend_from_slice(raw.get(done..).unwrap_or_default());
        self.written.push(b'"');
    }
}
