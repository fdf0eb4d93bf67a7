//! Masks one body in pieces.

use std::sync::Arc;

use crate::mask::charset::Charset;
use crate::mask::csv::CsvMasker;
use crate::mask::form::FormMasker;
use crate::mask::format::Format;
use crate::mask::json::JsonMasker;
use crate::mask::latin::Latin;
use crate::mask::notes::Notes;
use crate::mask::plan::Plan;
use crate::mask::sse::SseMasker;
use crate::mask::text::TextMasker;

/// Maximum length in bytes of a single value (a JSON string, a CSV record, a line of text, an event) that is
/// buffered.
pub(super) const LONGEST_VALUE: usize = 1 << 20;

/// Why a body cannot be masked. The rest of it is withheld; the error contains no part of the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmaskable {
    /// It follows a part that could not be masked.
    #[error("an earlier part of the body could not be masked")]
    Earlier,
    /// It does not match its media type, or can be read in more than one way.
    #[error("the body cannot be parsed unambiguously: {problem}")]
    Malformed {
        /// The problem.
        problem: &'static str,
    },
    /// It is nested deeper than 64 levels, or texts within texts deeper than 6.
    #[error("the body is nested too deep")]
    TooDeep,
    /// One value exceeds the buffer limit.
    #[error("a value of the body is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
}

impl Unmaskable {
    pub(super) fn malformed(problem: &'static str) -> Self {
        Self::Malformed { problem }
    }
}

/// Masks one body. Memory is bounded by the longest buffered value (1 MiB) and the current piece, however
/// long the body is.
///
/// The output does not depend on how the input is split. Complete parts are output at once: an event at its
/// blank line, a line at its end unless a masked value in it may continue in the next one, a JSON token at
/// its end.
#[derive(Debug)]
pub struct Masker {
    plan: Arc<Plan>,
    notes: Notes,
    state: State,
    charset: Charset,
    /// Converts a body in Windows-1252 for the UTF-8 readers.
    latin: Option<Box<Latin>>,
}

#[derive(Debug)]
enum State {
    Csv(Box<CsvMasker>),
    /// The body has ended: no more input is allowed.
    Ended,
    Failed,
    Form(Box<FormMasker>),
    Json(Box<JsonMasker>),
    /// The plan is empty.
    Pass,
    Sse(Box<SseMasker>),
    Text(Box<TextMasker>),
}

impl Masker {
    /// Creates a masker for one body.
    pub fn new(plan: Arc<Plan>, format: Format) -> Self {
        let state = if plan.is_empty() {
            State::Pass
        } else {
            match format {
                Format::Csv | Format::LatinCsv => State::Csv(Box::default()),
                Format::Form => State::Form(Box::default()),
                Format::Json => State::Json(plan.spare.take(false)),
                Format::NdJson => State::Json(plan.spare.take(true)),
                Format::Sse => State::Sse(Box::default()),
                Format::LatinText | Format::Text => State::Text(Box::default()),
            }
        };
        let charset = match format {
            Format::Csv | Format::Form | Format::LatinCsv => Charset::silent(),
            Format::Json | Format::LatinText | Format::NdJson | Format::Sse | Format::Text => {
                Charset::default()
            }
        };
        let is_latin = matches!(format, Format::LatinCsv | Format::LatinText) && !plan.is_empty();
        Self { plan, notes: Notes::new(), state, charset, latin: is_latin.then(Box::default) }
    }

    /// Takes the next piece of the body, and appends to `out` what is safe to send.
    ///
    /// # Errors
    /// The body cannot be masked: `out` is unchanged, and every later call fails too.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Unmaskable> {
        let Some(mut latin) = self.latin.take() else { return self.push_text(input, out) };
        let done = latin.between(out, |latin, masked| {
            let text = latin.decode(input)?;
            self.push_text(text, masked)
        });
        self.latin = Some(latin);
        self.settle(done, out.len(), out)
    }

    fn push_text(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Unmaskable> {
        let mark = out.len();
        // The readers of JSON and events check this themselves.
        let checked = matches!(self.state, State::Csv(_) | State::Form(_) | State::Text(_));
        if let Err(error) = if checked { self.charset.push(input) } else { Ok(()) } {
            return self.settle(Err(error), mark, out);
        }
        let (plan, notes) = (&*self.plan, &mut self.notes);
        let done = match &mut self.state {
            State::Csv(masker) => masker.push(plan, input, notes, out),
            State::Ended if input.is_empty() => Ok(()),
            State::Ended | State::Failed => Err(Unmaskable::Earlier),
            State::Form(masker) => masker.push(plan, input, notes, out),
            State::Json(masker) => masker.push(plan, input, notes, out),
            State::Pass => {
                out.extend_from_slice(input);
                Ok(())
            }
            State::Sse(masker) => masker.push(plan, input, notes, out),
            State::Text(masker) => masker.push(plan, input, notes, out),
        };
        self.settle(done, mark, out)
    }

    /// Ends the body, and appends the rest of it.
    ///
    /// # Errors
    /// As for [`Masker::push`]; a truncated body cannot be masked.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Unmaskable> {
        let Some(mut latin) = self.latin.take() else { return self.finish_text(out) };
        let done = latin.between(out, |_, masked| self.finish_text(masked));
        self.latin = Some(latin);
        done
    }

    fn finish_text(&mut self, out: &mut Vec<u8>) -> Result<(), Unmaskable> {
        let mark = out.len();
        if let Err(error) = self.charset.finish() {
            return self.settle(Err(error), mark, out);
        }
        let (plan, notes) = (&*self.plan, &mut self.notes);
        let done = match &mut self.state {
            State::Csv(masker) => masker.finish(plan, notes, out),
            State::Failed => Err(Unmaskable::Earlier),
            State::Form(masker) => masker.finish(plan, notes, out),
            State::Json(masker) => masker.finish(plan, notes, out),
            State::Ended | State::Pass => Ok(()),
            State::Sse(masker) => masker.finish(plan, notes, out),
            State::Text(masker) => masker.finish(plan, notes, out),
        };
        if done.is_ok()
            && let State::Json(masker) = std::mem::replace(&mut self.state, State::Ended)
        {
            self.plan.spare.put(masker);
        }
        self.settle(done, mark, out)
    }

    /// Returns what was masked so far.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Returns the notes.
    pub fn into_notes(self) -> Notes {
        self.notes
    }

    fn settle(
        &mut self,
        done: Result<(), Unmaskable>,
        mark: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        if done.is_err() {
            out.truncate(mark);
            self.state = State::Failed;
        }
        done
    }
}
