//! The reader: one token after another, with what may come next.

use crate::mask::bits;
use crate::mask::detect::By;
use crate::mask::json::edit::Edit;
use crate::mask::json::edit::scalar_end;
use crate::mask::json::edit::skip_blanks;
use crate::mask::json::edit::skip_mark;
use crate::mask::json::lex;
use crate::mask::json::nest::Nest;
use crate::mask::json::stretch::Stretch;
use crate::mask::json::string::Strings;
use crate::mask::masker::LONGEST_VALUE;
use crate::mask::masker::Unmaskable;
use crate::mask::notes::Notes;
use crate::mask::plan::Plan;

/// The tokens that may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A value, after a colon, or at the start.
    Value,
    /// A value, or the end of the array that just began.
    FirstElement,
    /// A value, after a comma in an array.
    Element,
    /// A name, or the end of the object that just began.
    FirstName,
    /// A name, after a comma.
    Name,
    /// A colon.
    Colon,
    /// A comma, or the end of an object or array; at the top level: nothing, or (for many texts) the next
    /// one.
    More,
}

impl Next {
    /// Returns what may come after a comma.
    #[inline]
    pub(super) fn after_comma(nest: Nest) -> Self {
        if nest.in_object() { Self::Name } else { Self::Element }
    }
}

/// Masks one JSON text, or many in sequence.
#[derive(Debug)]
pub(in crate::mask) struct JsonMasker {
    next: Next,
    nest: Nest,
    /// The rule that masks the elements of arrays under a masked name.
    array_rule: u16,
    /// The rule for the value of the name that was just read.
    rule: Option<u16>,
    /// The depth of the object that is left out, if one is.
    muted: Option<u32>,
    many: bool,
    begun: bool,
    /// The beginning of an incomplete token, and how much of it is known to contain no end.
    held: Vec<u8>,
    searched: usize,
    strings: Strings,
}

impl JsonMasker {
    /// Creates one for one JSON text, or for many in sequence.
    pub(in crate::mask) fn new(many: bool) -> Self {
        Self {
            next: Next::Value,
            nest: Nest::default(),
            array_rule: 0,
            rule: None,
            muted: None,
            many,
            begun: false,
            held: Vec::new(),
            searched: 0,
            strings: Strings::default(),
        }
    }

    /// Creates one for a JSON text inside another text.
    pub(in crate::mask) fn nested(nesting: usize) -> Self {
        Self { strings: Strings::nested(nesting), begun: true, ..Self::new(false) }
    }

    /// Prepares for another body under the same plan.
    pub(super) fn begin_anew(&mut self) {
        let mut strings = std::mem::take(&mut self.strings);
        strings.begin_anew();
        *self = Self { strings, ..Self::new(false) };
    }

    /// Selects between many texts in sequence and one.
    pub(super) fn set_many(&mut self, many: bool) {
        self.many = many;
    }

    /// Returns what masked the first value.
    pub(in crate::mask) fn owner(&self) -> Option<By> {
        self.strings.owner
    }

    /// Reads the next piece, and appends what is safe to send.
    pub(in crate::mask) fn push(
        &mut self,
        plan: &Plan,
        input: &[u8],
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        let done = self.take(plan, input, notes, out);
        self.strings.settle(notes);
        done
    }

    fn take(
        &mut self,
        plan: &Plan,
        input: &[u8],
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        if self.held.is_empty() {
            let used = self.run(plan, input, false, notes, out)?;
            self.held.extend_from_slice(input.get(used..).unwrap_or_default());
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(input);
            let used = self.run(plan, &held, false, notes, out)?;
            held.drain(..used);
            self.held = held;
        }
        Ok(())
    }

    /// Ends the body, and appends the rest.
    pub(in crate::mask) fn finish(
        &mut self,
        plan: &Plan,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        let held = std::mem::take(&mut self.held);
        let used = self.run(plan, &held, true, notes, out);
        self.strings.settle(notes);
        let nothing = self.next == Next::Value && self.nest.depth() == 0 && self.rule.is_none();
        let done = self.nest.depth() == 0 && self.next == Next::More;
        if used? == held.len() && (done || nothing) {
            Ok(())
        } else {
            Err(Unmaskable::malformed("it ends early"))
        }
    }

    /// Reads all complete tokens of `input`; returns how much of it was used.
    fn run(
        &mut self,
        plan: &Plan,
        input: &[u8],
        last: bool,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<usize, Unmaskable> {
        let mut at = 0;
        if !self.begun {
            let Some(size) = skip_mark(input, last) else { return Ok(0) };
            at = size;
            self.begun = at > 0 || !input.is_empty();
        }
        // Everything before `sent` is in `out`, or left out.
        let mut sent = 0;
        loop {
            if self.may_pass(plan) {
                at = self.pass(plan, Edit { input, start: at, end: at, sent: &mut sent }, notes, out);
            }
            let Some(&byte) = input.get(at) else { break };
            // Strings first, and their usual successor at once: a predicted branch costs nothing.
            if byte == b'"' {
                let Some((end, escaped)) = self.string_end(input, at)? else { break };
                let edit = Edit { input, start: at, end, sent: &mut sent };
                self.string(plan, edit, escaped, notes, out)?;
                at = self.after(input, end);
                continue;
            }
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => at = skip_blanks(input, at),
                b':' if self.next == Next::Colon => {
                    self.next = Next::Value;
                    at += 1;
                }
                b',' if self.next == Next::More && self.nest.depth() > 0 => {
                    self.next = Next::after_comma(self.nest);
                    at += 1;
                }
                b'{' | b'[' => {
                    self.open(
                        plan,
                        byte == b'{',
                        Edit { input, start: at, end: at + 1, sent: &mut sent },
                        notes,
                        out,
                    )?;
                    at += 1;
                }
                b'}' | b']' => {
                    self.close(byte == b'}')?;
                    at += 1;
                    if self.muted == Some(self.nest.depth()) {
                        self.muted = None;
                        sent = at;
                    }
                }
                _ => {
                    let Some(end) = scalar_end(input, at, last)? else { break };
                    self.scalar(plan, Edit { input, start: at, end, sent: &mut sent }, notes, out)?;
                    at = self.after(input, end);
                }
            }
        }
        let done = input.get(..at).unwrap_or_default();
        if !done.is_ascii() && std::str::from_utf8(done).is_err() {
            return Err(Unmaskable::malformed("it is not UTF-8"));
        }
        if self.muted.is_none() {
            out.extend_from_slice(done.get(sent..).unwrap_or_default());
        }
        Ok(at)
    }

    /// Reads the colon or comma after a name or value at once, if there is one.
    #[inline]
    fn after(&mut self, input: &[u8], end: usize) -> usize {
        match (self.next, input.get(end)) {
            (Next::Colon, Some(b':')) => self.next = Next::Value,
            (Next::More, Some(b',')) if self.nest.depth() > 0 => self.next = Next::after_comma(self.nest),
            _ => return end,
        }
        if input.get(end + 1) == Some(&b' ') { end + 2 } else { end + 1 }
    }

    /// Returns whether the fast path may be tried.
    #[inline]
    fn may_pass(&self, plan: &Plan) -> bool {
        // Detectors must see each value.
        if !plan.scanner.is_empty() {
            return false;
        }
        let waits = self.rule.is_some() || self.next == Next::Colon || self.searched > 0;
        let outside = self.muted.is_some() || self.nest.depth() == 0 || self.nest.in_masked();
        !waits && !outside
    }

    /// Follows the fast path from `edit` on, as far as possible. A separate function, so that its state stays
    /// in registers.
    #[inline(never)]
    fn pass(&mut self, plan: &Plan, edit: Edit<'_>, notes: &mut Notes, out: &mut Vec<u8>) -> usize {
        let Edit { input, start: at, sent, .. } = edit;
        let mut stretch = Stretch { input, at, next: self.next, nest: self.nest, rule: None, sent: *sent };
        stretch.pass(plan, &mut self.strings, notes, out);
        (self.next, self.nest, self.rule, *sent) = (stretch.next, stretch.nest, stretch.rule, stretch.sent);
        stretch.at
    }

    /// Returns the end of the string that begins at `at`, after its quote, and whether it contains escapes.
    /// `None`: it is incomplete.
    #[inline]
    fn string_end(&mut self, input: &[u8], at: usize) -> Result<Option<(usize, bool)>, Unmaskable> {
        let resumed = std::mem::take(&mut self.searched);
        let mut from = (at + 1).max(resumed);
        let mut escaped = false;
        let end = loop {
            let Some(stop) = bits::string_stop(input, from) else {
                self.searched = input.len().max(from) - at;
                break None;
            };
            match input.get(stop) {
                Some(b'"') => break Some(stop + 1),
                Some(b'\\') if stop + 1 < input.len() => {
                    escaped = true;
                    from = stop + 2;
                }
                Some(b'\\') => {
                    self.searched = stop - at;
                    break None;
                }
                _ => return Err(Unmaskable::malformed("a control character in a string")),
            }
        };
        if end.unwrap_or(input.len()) - at > LONGEST_VALUE {
            return Err(Unmaskable::TooLong { limit: LONGEST_VALUE });
        }
        if resumed > 0 {
            let searched = input.get(at..resumed.min(input.len())).unwrap_or_default();
            escaped |= memchr::memchr(b'\\', searched).is_some();
        }
        Ok(end.map(|end| (end, escaped)))
    }

    #[inline]
    fn string(
        &mut self,
        plan: &Plan,
        edit: Edit<'_>,
        escaped: bool,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        let raw = edit.input.get(edit.start + 1..edit.end - 1).unwrap_or_default();
        self.strings.read(raw, escaped)?;
        match self.next {
            Next::FirstName | Next::Name => {
                self.next = Next::Colon;
                if self.muted.is_none() {
                    self.rule = self.strings.name(plan, raw)?;
                    let written = self.strings.mask_name(plan, raw, notes)?;
                    edit.put(written, out);
                }
                Ok(())
            }
            Next::Value | Next::FirstElement | Next::Element => {
                if self.muted.is_some() {
                    self.next = Next::More;
                    return Ok(());
                }
                let rule = self.value();
                let written = self.strings.mask_value(plan, raw, rule, notes)?;
                edit.put(written, out);
                Ok(())
            }
            Next::More if self.many && self.nest.depth() == 0 => {
                self.next = Next::Value;
                self.string(plan, edit, escaped, notes, out)
            }
            Next::Colon | Next::More => Err(Unmaskable::malformed("a string out of place")),
        }
    }

    fn scalar(
        &mut self,
        plan: &Plan,
        edit: Edit<'_>,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        let token = edit.input.get(edit.start..edit.end).unwrap_or_default();
        if !self.value_may_come() || !lex::is_scalar(token) {
            return Err(Unmaskable::malformed("no value where one must be"));
        }
        if self.muted.is_some() {
            self.next = Next::More;
            return Ok(());
        }
        let rule = self.value();
        let written = self.strings.mask_scalar(plan, token, rule, notes);
        edit.put(written, out);
        Ok(())
    }

    fn value_may_come(&self) -> bool {
        match self.next {
            Next::Value | Next::FirstElement | Next::Element => true,
            Next::More => self.many && self.nest.depth() == 0,
            Next::Colon | Next::FirstName | Next::Name => false,
        }
    }

    /// Begins a value: returns the rule that masks it.
    #[inline]
    fn value(&mut self) -> Option<u16> {
        self.next = Next::More;
        let inherited = if self.nest.in_masked() { Some(self.array_rule) } else { None };
        self.rule.take().or(inherited)
    }

    fn open(
        &mut self,
        plan: &Plan,
        is_object: bool,
        edit: Edit<'_>,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        if !self.value_may_come() {
            return Err(Unmaskable::malformed("an object or array out of place"));
        }
        let rule = if self.muted.is_none() { self.value() } else { None };
        if !self.nest.open(is_object, rule.is_some() && !is_object) {
            return Err(Unmaskable::TooDeep);
        }
        if let Some(rule) = rule {
            if is_object {
                let written = self.strings.mask_object(plan, rule, notes);
                edit.put(Some(written), out);
                self.muted = Some(self.nest.depth() - 1);
            } else {
                self.array_rule = rule;
            }
        }
        self.next = if is_object { Next::FirstName } else { Next::FirstElement };
        Ok(())
    }

    fn close(&mut self, is_object: bool) -> Result<(), Unmaskable> {
        let may = match self.next {
            Next::More => true,
            Next::FirstName => is_object,
            Next::FirstElement => !is_object,
            _ => false,
        };
        if !may || !self.nest.close(is_object) {
            return Err(Unmaskable::malformed("an end of an object or array out of place"));
        }
        self.next = Next::More;
        Ok(())
    }
}
