//! Fast path for stretches of a body in which nothing is masked, which is most of it.
//!
//! It accepts a subset of what the reader accepts, with the same result: tokens that are complete, plain and
//! in their place. Every other token, and every error, is left to the reader.

use crate::mask::bits;
use crate::mask::json::edit::Edit;
use crate::mask::json::edit::skip_blanks;
use crate::mask::json::lex;
use crate::mask::json::nest::Nest;
use crate::mask::json::string::Strings;
use crate::mask::json::token::Next;
use crate::mask::masker::LONGEST_VALUE;
use crate::mask::notes::Notes;
use crate::mask::plan::Plan;

/// A stretch of a body that begins inside an object or array, with no pending rule for a value and no
/// detector that must see values.
#[derive(Debug)]
pub(super) struct Stretch<'a> {
    pub(super) input: &'a [u8],
    /// The position of the next token, or of white space before it.
    pub(super) at: usize,
    /// The possible kinds of the token.
    pub(super) next: Next,
    pub(super) nest: Nest,
    /// The rule that masks it, if it is a value.
    pub(super) rule: Option<u16>,
    /// Input before this position is in the output.
    pub(super) sent: usize,
}

impl Stretch<'_> {
    /// Skips tokens up to the first one that is not accepted, and masks plain strings under masked names.
    #[inline]
    pub(super) fn pass(&mut self, plan: &Plan, strings: &mut Strings, notes: &mut Notes, out: &mut Vec<u8>) {
        while self.name(plan, strings) {
            if let Some(rule) = self.rule {
                let Some(size) = plain_string(self.rest()) else { break };
                let raw = self.rest().get(1..size - 1).unwrap_or_default();
                let written = strings.mask_plain(plan, raw, rule, notes);
                let edit =
                    Edit { input: self.input, start: self.at, end: self.at + size, sent: &mut self.sent };
                edit.put(Some(written), out);
                (self.at, self.next, self.rule) = (self.at + size, Next::More, None);
            } else if !self.value(plan) {
                break;
            }
            if !self.after_value() {
                break;
            }
        }
    }

    #[inline]
    fn rest(&self) -> &[u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    /// Reads a name and its colon, if one may follow; `false`: not accepted.
    #[inline]
    fn name(&mut self, plan: &Plan, strings: &mut Strings) -> bool {
        if !matches!(self.next, Next::FirstName | Next::Name) {
            return true;
        }
        let rest = self.rest();
        if let Some((size, rule)) = strings.foreseen_name(rest) {
            self.at += size;
            self.rule = rule;
        } else {
            let Some(size) = plain_string(rest) else { return false };
            if rest.get(size) != Some(&b':') {
                return false;
            }
            self.rule = strings.plain_name(plan, rest.get(1..size - 1).unwrap_or_default());
            self.at += size + 1;
        }
        (self.at, self.next) = (skip_blanks(self.input, self.at), Next::Value);
        true
    }

    /// Reads a value, or the beginning of an object or array.
    #[inline]
    fn value(&mut self, plan: &Plan) -> bool {
        loop {
            if self.next == Next::More {
                return true;
            }
            let rest = self.rest();
            // Strings first: a predicted branch costs nothing.
            let size = match rest.first() {
                Some(b'"') => match plain_string(rest) {
                    // The text of a string may contain a name too.
                    Some(size) if plan.may_pair(rest.get(1..size - 1).unwrap_or_default()) => return false,
                    size => size,
                },
                Some(open @ (b'{' | b'[')) => {
                    let is_object = *open == b'{';
                    if !self.nest.open(is_object, false) {
                        return false;
                    }
                    self.at = skip_blanks(self.input, self.at + 1);
                    self.next = if is_object { Next::FirstName } else { Next::FirstElement };
                    if is_object {
                        return true;
                    }
                    continue;
                }
                _ => lex::scalar(rest),
            };
            let Some(size) = size else { return false };
            self.at += size;
            self.next = Next::More;
        }
    }

    /// Reads what follows a value, up to where the next name or value may come.
    #[inline]
    fn after_value(&mut self) -> bool {
        while self.next == Next::More {
            match self.input.get(self.at) {
                Some(b',') => self.next = Next::after_comma(self.nest),
                // The end of the body is left to the reader.
                Some(end @ (b'}' | b']')) if self.nest.depth() > 1 && self.nest.close(*end == b'}') => {}
                Some(b' ' | b'\n' | b'\r' | b'\t') => {}
                _ => return false,
            }
            self.at = skip_blanks(self.input, self.at + 1);
        }
        true
    }
}

/// Returns the size of the string at the beginning of a text, with its quotes, if it is complete and has no
/// escapes.
#[inline]
fn plain_string(text: &[u8]) -> Option<usize> {
    if text.first() != Some(&b'"') {
        return None;
    }
    let stop = bits::string_stop(text, 1)?;
    (text.get(stop) == Some(&b'"') && stop < LONGEST_VALUE).then_some(stop + 1)
}
