//! Walks one JSON text of a message: each value at its place.

use crate::domain::MaskOp;
use crate::domain::json::Json;
use crate::mask::Notes;
use crate::mask::Plan;
use crate::mask::Unmaskable;
use crate::mask::detect::By;
use crate::mask::mcp::DEEPEST;
use crate::mask::mcp::MOST_TEXTS;
use crate::mask::mcp::McpError;
use crate::mask::mcp::cursor;
use crate::mask::mcp::cursor::Step;
use crate::mask::mcp::place::Place;
use crate::mask::mcp::scalar;
use crate::mask::mcp::schema::Checker;
use crate::mask::mcp::schema::Fit;
use crate::mask::mcp::schema::Typed;

/// Masks one JSON text; unmasked parts are copied verbatim.
pub(super) struct Walk<'w> {
    pub(super) plan: &'w Plan,
    pub(super) input: &'w [u8],
    /// The output, and the position up to which the input is in it.
    pub(super) out: Vec<u8>,
    pub(super) sent: usize,
    pub(super) notes: &'w mut Notes,
    pub(super) checker: Option<&'w Checker<'w>>,
    /// The argument that is completed.
    pub(super) argument: &'w str,
    /// Whether data that cannot be examined passes.
    pub(super) passes_binary: bool,
    /// The name of the current member, for detectors and notes.
    pub(super) field: String,
    /// Current nesting depth, including the objects and arrays around the text.
    pub(super) level: usize,
    /// Number of texts around this one.
    pub(super) texts: usize,
    pub(super) masked_names: u64,
}

/// A value to be masked: its place, and what is known about it.
#[derive(Debug, Clone)]
pub(super) struct Spot<'t> {
    pub(super) place: Place,
    /// The rule for its name, or (in a schema) for the values that it describes.
    pub(super) rule: Option<u16>,
    pub(super) typed: Option<Typed<'t>>,
}

impl Spot<'_> {
    pub(super) fn at(place: Place) -> Self {
        Self { place, rule: None, typed: None }
    }

    /// Returns the rule that masks the value whatever it is.
    fn named(&self) -> Option<u16> {
        let may = matches!(self.place, Place::Data | Place::Label | Place::Values(_) | Place::Completed);
        self.rule.filter(|_| may)
    }
}

impl<'w> Walk<'w> {
    pub(super) fn new(plan: &'w Plan, input: &'w [u8], notes: &'w mut Notes) -> Self {
        Self {
            plan,
            input,
            out: Vec::new(),
            sent: 0,
            notes,
            checker: None,
            argument: "",
            passes_binary: false,
            field: String::new(),
            level: 0,
            texts: 0,
            masked_names: 0,
        }
    }

    /// Masks the whole text. `None`: nothing is masked.
    pub(super) fn whole(self, place: Place) -> Result<Option<Vec<u8>>, McpError> {
        self.whole_typed(&Spot::at(place))
    }

    fn whole_typed(mut self, spot: &Spot<'_>) -> Result<Option<Vec<u8>>, McpError> {
        let end = self.value(cursor::skip_blanks(self.input, 0), spot)?;
        if cursor::skip_blanks(self.input, end) != self.input.len() {
            return Err(Unmaskable::malformed("more than one value").into());
        }
        if self.sent == 0 {
            return Ok(None);
        }
        self.out.extend_from_slice(self.input.get(self.sent..).unwrap_or_default());
        Ok(Some(self.out))
    }

    /// Masks JSON inside a text of this one. The tool's output schema is assumed to apply there too.
    pub(super) fn inside(&mut self, json: &[u8], as_result: bool) -> Result<Option<Vec<u8>>, McpError> {
        if self.texts >= MOST_TEXTS {
            return Err(Unmaskable::TooDeep.into());
        }
        let checker = self.checker.filter(|_| as_result);
        let read = checker.and_then(|_| Json::parse(json, DEEPEST).ok());
        let typed = checker.zip(read.as_ref()).map(|(checker, value)| checker.whole(value, true));
        let mut inner = Walk::new(self.plan, json, self.notes);
        (inner.checker, inner.level, inner.texts) = (checker, self.level + 1, self.texts + 1);
        inner.passes_binary = self.passes_binary;
        inner.whole_typed(&Spot { place: Place::Data, rule: None, typed })
    }

    /// Replaces a part of the input by `new`.
    pub(super) fn put(&mut self, start: usize, end: usize, new: &[u8]) {
        self.out.extend_from_slice(self.input.get(self.sent..start).unwrap_or_default());
        self.out.extend_from_slice(new);
        self.sent = end;
    }

    /// Masks the value at `at`, and returns its end.
    pub(super) fn value(&mut self, at: usize, spot: &Spot<'_>) -> Result<usize, McpError> {
        match self.input.get(at) {
            _ if spot.place == Place::Structured => self.structured(at),
            Some(b'"') => self.string(at, spot),
            Some(b'{') => {
                self.deeper()?;
                let end = match spot.named() {
                    Some(rule) => self.named_object(at, rule, spot)?,
                    None => self.placed_object(at, spot)?,
                };
                self.level -= 1;
                Ok(end)
            }
            Some(b'[') => {
                self.deeper()?;
                let end = self.elements(at, spot)?;
                self.level -= 1;
                Ok(end)
            }
            _ => self.number_or_word(at, spot),
        }
    }

    fn deeper(&mut self) -> Result<(), McpError> {
        self.level += 1;
        if self.level > 2 * DEEPEST { Err(Unmaskable::TooDeep.into()) } else { Ok(()) }
    }

    fn elements(&mut self, at: usize, spot: &Spot<'_>) -> Result<usize, McpError> {
        // The protocol's own values are strings and numbers, not something in a list in their place.
        let place = match spot.place {
            Place::Keep => Place::Word,
            place => place,
        };
        let (mut step, mut count) = (cursor::first(self.input, at), 0);
        loop {
            match step {
                Step::End(end) => return Ok(end),
                Step::Next(next) => {
                    let typed = spot.typed.as_ref().zip(self.checker);
                    let typed = typed.and_then(|(typed, checker)| checker.element(typed, count));
                    let end = self.value(next, &Spot { place, rule: spot.rule, typed })?;
                    step = cursor::after(self.input, end, false)?;
                    count += 1;
                }
            }
        }
    }

    fn placed_object(&mut self, at: usize, spot: &Spot<'_>) -> Result<usize, McpError> {
        match spot.place {
            Place::Content => match self.withheld_content(at)? {
                Some(end) => Ok(end),
                None => self.members(at, spot),
            },
            // An object where the protocol has none.
            Place::Keep | Place::Word | Place::Text | Place::Label | Place::Completed => {
                self.members(at, &Spot { place: Place::Data, rule: None, typed: None })
            }
            _ => self.members(at, spot),
        }
    }

    /// Returns the structured part of a result, which must match the schema of its tool.
    fn structured(&mut self, at: usize) -> Result<usize, McpError> {
        let end = cursor::value_end(self.input, at, DEEPEST)?;
        let json = self.input.get(at..end).unwrap_or_default();
        let mut inner = Walk::new(self.plan, json, self.notes);
        (inner.checker, inner.level) = (self.checker, self.level);
        inner.passes_binary = self.passes_binary;
        let Some(checker) = self.checker else {
            if let Some(new) = inner.whole(Place::Data)? {
                self.put(at, end, &new);
            }
            return Ok(end);
        };
        let before = Json::parse(json, DEEPEST).map_err(|error| Unmaskable::malformed(error.problem))?;
        let typed = Some(checker.whole(&before, false));
        if let Some(new) = inner.whole_typed(&Spot { place: Place::Data, rule: None, typed })? {
            let after = Json::parse(&new, DEEPEST).map_err(|error| Unmaskable::malformed(error.problem))?;
            let fitted = match (checker.accepts(&before), checker.accepts(&after)) {
                // A result that did not match before is the target's fault, and need not match now.
                (Fit::No, _) | (_, Fit::Yes) | (Fit::Unsure, Fit::Unsure) => true,
                (Fit::Yes | Fit::Unsure, Fit::No) | (Fit::Yes, Fit::Unsure) => false,
            };
            if !fitted {
                return Err(McpError::Unfit);
            }
            self.put(at, end, &new);
        }
        Ok(end)
    }

    /// Returns an object under a masked name: nothing of it is kept, except if a schema rejects that: then
    /// the members that the schema names, each masked.
    fn named_object(&mut self, at: usize, rule: u16, spot: &Spot<'_>) -> Result<usize, McpError> {
        let end = cursor::value_end(self.input, at, DEEPEST)?;
        self.note(By::Field(rule));
        let new = match spot.typed.as_ref().zip(self.checker) {
            Some((typed, checker)) => scalar::masked(self.plan, checker, rule, typed)?,
            None => scalar::object(self.plan, rule),
        };
        self.put(at, end, new.as_bytes());
        Ok(end)
    }

    fn string(&mut self, at: usize, spot: &Spot<'_>) -> Result<usize, McpError> {
        let input = self.input;
        let end = cursor::string_end(input, at)?;
        if spot.place == Place::Keep {
            return Ok(end);
        }
        let (text, _) = cursor::string_text(input, at, end)?;
        if let Some(rule) = spot.named() {
            self.note(By::Field(rule));
            let plain = scalar::string(self.plan, rule, &text);
            return self.put_fitting(at, end, plain, spot);
        }
        let as_result = spot.place == Place::Text && self.texts == 0;
        if let Some(new) = self.text(&text, as_result)? {
            self.put_fitting(at, end, new, spot)?;
        }
        Ok(end)
    }

    fn number_or_word(&mut self, at: usize, spot: &Spot<'_>) -> Result<usize, McpError> {
        let end = cursor::scalar_end(self.input, at)?;
        let token = self.input.get(at..end).unwrap_or_default();
        if token == b"null" || spot.place == Place::Keep {
            return Ok(end);
        }
        let by = match spot.named() {
            Some(rule) => By::Field(rule),
            None => match scalar::detected(self.plan, token, &self.field) {
                Some(by) => by,
                None => return Ok(end),
            },
        };
        let rule = self.note(by);
        let plain = scalar::number_or_word(self.plan, rule, token);
        self.put_fitting(at, end, plain, spot)
    }

    /// Replaces a string, number or word by a mask, as JSON, or by a valid value if the mask is rejected.
    fn put_fitting(
        &mut self,
        start: usize,
        end: usize,
        plain: String,
        spot: &Spot<'_>,
    ) -> Result<usize, McpError> {
        let new = match spot.typed.as_ref().zip(self.checker) {
            Some((typed, checker)) => scalar::fitting(checker, typed, plain)?,
            None if spot.place.is_typed() => scalar::of_kind(plain, self.input.get(start)),
            None => plain,
        };
        self.put(start, end, new.as_bytes());
        Ok(end)
    }

    /// Notes one masked value, and returns the rule that owns it.
    pub(super) fn note(&mut self, by: By) -> u16 {
        self.plan.count(by, &self.field, self.notes)
    }

    /// Returns whether an operator replaces the whole text that it masks by `null`.
    pub(super) fn is_null(&self, by: By) -> bool {
        matches!(self.plan.op(self.plan.rule(by)), MaskOp::Null)
    }
}
