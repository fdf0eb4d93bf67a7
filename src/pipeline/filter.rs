//! The bodies of replies on their way to the client: cleared of the credential, then masked.

use std::sync::Arc;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::MaskNote;
use crate::mask::Format;
use crate::mask::Masker;
use crate::mask::Opening;
use crate::mask::Plan;
use crate::mask::Redactor;
use crate::pipeline::credential::Credential;

/// Filters one body at a time. Before the first [`BodyFilter::begin`] everything passes.
#[derive(Default)]
pub(super) struct BodyFilter {
    redactor: Option<Redactor>,
    masker: Option<Masker>,
    /// The beginning of a text that must be in an encoding in which the credential would be found.
    opening: Option<Opening>,
    /// What the redactor hands to the masker.
    between: Vec<u8>,
    /// How often each note of the masker was counted up to the last [`BodyFilter::take_notes`].
    reported: Vec<u64>,
    hits_reported: u64,
}

impl BodyFilter {
    /// Begins a body of `format`.
    ///
    /// # Errors
    /// Values must be masked, and the format is one that cannot be read (`None`).
    pub(super) fn begin(
        &mut self,
        credential: Option<&Credential>,
        plan: &Arc<Plan>,
        format: Option<Format>,
    ) -> Result<(), Denied> {
        self.redactor = credential.map(|credential| Redactor::new(Arc::clone(credential.echoes())));
        self.masker = if plan.is_empty() {
            None
        } else {
            let format = format.ok_or_else(|| unmaskable("its type cannot be read"))?;
            Some(Masker::new(Arc::clone(plan), format))
        };
        Ok(())
    }

    /// Refuses a body that begins in an encoding in which the credential could not be found.
    pub(super) fn watch_opening(&mut self) {
        self.opening = Some(Opening::default());
    }

    /// Filters a piece of the body: appends to `out` what may be sent.
    ///
    /// # Errors
    /// The body is not of its format, so values in it cannot be masked, or it could hide the credential.
    pub(super) fn pass(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Denied> {
        if let Some(opening) = &mut self.opening {
            if opening.push(input) {
                return Err(unsearchable());
            }
            self.opening.take_if(|opening| opening.is_over());
        }
        match (&mut self.redactor, &mut self.masker) {
            (None, None) => out.extend_from_slice(input),
            (Some(redactor), None) => {
                if redactor.passes_or_push(input, out) {
                    out.extend_from_slice(input);
                }
            }
            (redactor, Some(masker)) => {
                self.between.clear();
                // Usually the credential is not in it: then the bytes need no copy of their own.
                let passes = redactor
                    .as_mut()
                    .is_none_or(|redactor| redactor.passes_or_push(input, &mut self.between));
                let cleared = if passes { input } else { &self.between };
                masker.push(cleared, out).map_err(|_error| unmaskable("it cannot be read"))?;
            }
        }
        Ok(())
    }

    /// Ends the body: appends what was held back.
    ///
    /// # Errors
    /// As [`BodyFilter::pass`], or the body ends too early.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Denied> {
        match (&mut self.redactor, &mut self.masker) {
            (None, None) => {}
            (Some(redactor), None) => redactor.finish(out),
            (None, Some(masker)) => masker.finish(out).map_err(|_error| unmaskable("it ends early"))?,
            (Some(redactor), Some(masker)) => {
                self.between.clear();
                redactor.finish(&mut self.between);
                masker.push(&self.between, out).map_err(|_error| unmaskable("it cannot be read"))?;
                masker.finish(out).map_err(|_error| unmaskable("it ends early"))?;
            }
        }
        Ok(())
    }

    /// Whether this piece may be sent as it is.
    pub(super) fn passes_untouched(&mut self, input: &[u8]) -> bool {
        self.opening.is_none()
            && self.masker.is_none()
            && self.redactor.as_mut().is_none_or(|redactor| redactor.passes(input))
    }

    /// Clears a piece of an unmasked stream of the credential.
    pub(super) fn clear_piece(&mut self, input: &[u8], out: &mut Vec<u8>) {
        match &mut self.redactor {
            None => out.extend_from_slice(input),
            Some(redactor) => redactor.push(input, out),
        }
    }

    /// Ends a part of such a stream: appends what was held back.
    pub(super) fn clear_rest(&mut self, out: &mut Vec<u8>) {
        if let Some(redactor) = &mut self.redactor {
            redactor.finish(out);
        }
    }

    /// Appends to `notes` what was masked and cleared since the last call.
    pub(super) fn take_notes(&mut self, notes: &mut Vec<MaskNote>) {
        if let Some(masker) = &self.masker {
            notes.extend(since(masker.notes().as_slice(), &mut self.reported));
        }
        let hits = self.redactor.as_ref().map_or(0, Redactor::hits);
        if hits > self.hits_reported {
            let n = hits - self.hits_reported;
            notes.push(MaskNote { entity: "credential".into(), at: "body".into(), n });
            self.hits_reported = hits;
        }
    }
}

/// The notes that were added since the last call. `now` only grows at its end; `reported` has for each note
/// the number that was reported already.
fn since(now: &[MaskNote], reported: &mut Vec<u64>) -> Vec<MaskNote> {
    let mut new = Vec::new();
    reported.resize(now.len(), 0);
    for (note, reported) in now.iter().zip(reported) {
        if note.n > *reported {
            new.push(MaskNote { n: note.n - *reported, ..note.clone() });
            *reported = note.n;
        }
    }
    new
}

/// A reply in an encoding in which the credential is not found is withheld.
pub fn unsearchable() -> Denied {
    let why = "its character set could hide the gateway's credential";
    Denied::new(DenyCode::UnmaskableReply, format!("the reply was withheld because {why}")).because(why)
}

/// A reply that cannot be masked is withheld.
pub fn unmaskable(why: &'static str) -> Denied {
    let detail = format!("the reply was withheld because {why} and sensitive values in it must be masked");
    Denied::new(DenyCode::UnmaskableReply, detail).because(why)
}
