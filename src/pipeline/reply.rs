//! The last steps: a reply is cleared of the credential, masked, recorded, and cut when the session ends.

use std::sync::Arc;

use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Event;
use crate::domain::EventKind;
use crate::domain::MaskNote;
use crate::domain::RequestId;
use crate::domain::SessionId;
use crate::domain::event::Direction;
use crate::domain::now_ms;
use crate::mask::Format;
use crate::mask::Masker;
use crate::mask::Notes;
use crate::mask::Opening;
use crate::mask::Redactor;
use crate::pipeline::body::Capture;
use crate::pipeline::credential::Credential;
use crate::pipeline::end::EndWatch;
use crate::pipeline::end::PolicyWatch;
use crate::pipeline::enter::Exchange;
use crate::pipeline::marker::LeftOut;
use crate::pipeline::refusals::failure_data;
use crate::pipeline::snapshot::Governed;
use crate::recording::Durability;

/// Guards the reply to one permitted command.
pub struct ReplyGuard {
    exchange: Exchange,
    credential: Option<Arc<Credential>>,
    redactor: Option<Redactor>,
    /// The beginning of a text, until it is seen that it has no mark of an encoding in which the credential
    /// is not found.
    opening: Option<Opening>,
    masker: Option<Masker>,
    between: Vec<u8>,
    notes: Notes,
    /// For each note of the masker, the count already reported by an event.
    told: Vec<u64>,
    hits_told: u64,
    /// Whether the outcome of the command is recorded.
    settled: bool,
    /// Whether the gateway itself answers, and not the target.
    own: bool,
    /// The messages from the target that were dropped.
    pub(super) left_out: Option<LeftOut>,
    /// The body sent to the client, as it is recorded.
    pub capture: Capture,
}

impl ReplyGuard {
    pub(super) fn new(mut exchange: Exchange) -> Self {
        // From here on the body alone keeps its share of the memory budget.
        drop(exchange.of_body.hand_on());
        let capture = exchange.capture();
        Self {
            exchange,
            credential: None,
            redactor: None,
            opening: None,
            masker: None,
            between: Vec::new(),
            notes: Notes::default(),
            told: Vec::new(),
            hits_told: 0,
            settled: false,
            own: false,
            left_out: None,
            capture,
        }
    }

    /// Creates the guard of a reply that the gateway itself gives.
    pub(super) fn of_gateway(exchange: Exchange) -> Self {
        let mut guard = Self::new(exchange);
        guard.own = true;
        guard
    }

    /// Fetches the credential to send along; from now on the reply is searched for it.
    pub async fn credential(&mut self) -> Result<Option<Arc<Credential>>, Denied> {
        self.credential = self.exchange.gate.credential(&self.exchange.governed).await?;
        Ok(self.credential.clone())
    }

    /// Returns the credential that was sent along.
    pub fn sent_credential(&self) -> Option<Arc<Credential>> {
        self.credential.clone()
    }

    pub(super) const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Returns the connection.
    pub fn governed(&self) -> &Arc<Governed> {
        &self.exchange.governed
    }

    /// Returns the request's id.
    pub fn request(&self) -> RequestId {
        self.exchange.request
    }

    /// Returns the session's id.
    pub fn session_id(&self) -> SessionId {
        self.exchange.session.id
    }

    /// Returns whether values are masked on this connection.
    pub fn masks(&self) -> bool {
        !self.governed().plan.is_empty()
    }

    /// Returns whether a credential is sent along.
    pub fn injects(&self) -> bool {
        self.credential.is_some()
    }

    /// Returns whether a body must be readable: it is masked, or may echo a credential.
    pub fn reads_bodies(&self) -> bool {
        self.masks() || self.credential.is_some()
    }

    /// Returns the microseconds since the request arrived.
    pub fn elapsed_us(&self) -> u64 {
        u64::try_from(self.exchange.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Returns a watch that resolves when the session ends, the token expires or a lock applies.
    pub fn end_watch(&self) -> EndWatch {
        self.exchange.end_watch()
    }

    /// Returns a watch for changes of the policies from now on.
    pub fn policy_watch(&self) -> PolicyWatch {
        PolicyWatch::new(&self.exchange.gate)
    }

    /// Clears and masks a header of the reply; `None` if it may pass unchanged.
    pub fn header(&mut self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        let cleared = self.clear(value);
        let plan = &self.exchange.governed.plan;
        let masked = plan.header(name, cleared.as_deref().unwrap_or(value), &mut self.notes);
        masked.or(cleared)
    }

    /// Removes the credential from one whole value; `None` if it is not in there.
    pub fn clear(&self, value: &[u8]) -> Option<Vec<u8>> {
        self.credential.as_ref()?.echoes().replace(value)
    }

    /// Begins a body of `format`. On a masked connection a body of unknown format (`None`) is withheld.
    pub fn begin_body(&mut self, format: Option<Format>) -> Result<(), Denied> {
        self.redactor =
            self.credential.as_ref().map(|credential| Redactor::new(Arc::clone(credential.echoes())));
        self.masker = if self.masks() {
            let format = format.ok_or_else(|| unmaskable("its type cannot be read"))?;
            Some(Masker::new(Arc::clone(&self.governed().plan), format))
        } else {
            None
        };
        Ok(())
    }

    /// The body that begins may be read as text: one in an encoding in which the credential is not found is
    /// withheld.
    pub fn watch_opening(&mut self) {
        self.opening = self.credential.is_some().then(Opening::default);
    }

    /// Passes a piece of the body on: appends to `out` what may be sent.
    pub fn pass(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Denied> {
        if let Some(opening) = &mut self.opening {
            if opening.push(input) {
                return Err(unsearchable());
            }
            self.opening.take_if(|opening| opening.is_over());
        }
        let from = out.len();
        match (&mut self.redactor, &mut self.masker) {
            (None, None) => out.extend_from_slice(input),
            (Some(redactor), None) => {
                if redactor.passes_or_push(input, out) {
                    out.extend_from_slice(input);
                }
            }
            (redactor, Some(masker)) => {
                self.between.clear();
                // Usually the credential is not in it, and the bytes need not be copied.
                let passes = redactor
                    .as_mut()
                    .is_none_or(|redactor| redactor.passes_or_push(input, &mut self.between));
                let cleared = if passes { input } else { &self.between };
                masker.push(cleared, out).map_err(|_error| unmaskable("it cannot be read"))?;
            }
        }
        self.capture.add(out.get(from..).unwrap_or_default());
        Ok(())
    }

    /// Returns an empty capture, for a part that is recorded separately.
    pub fn fresh_capture(&self) -> Capture {
        self.exchange.capture()
    }

    /// Removes the credential from a piece of an unmasked stream, without keeping the piece for the
    /// recording.
    pub fn clear_piece(&mut self, input: &[u8], out: &mut Vec<u8>) {
        match &mut self.redactor {
            None => out.extend_from_slice(input),
            Some(redactor) => redactor.push(input, out),
        }
    }

    /// Ends a part of such a stream: appends the bytes that the search still kept back.
    pub fn clear_rest(&mut self, out: &mut Vec<u8>) {
        if let Some(redactor) = &mut self.redactor {
            redactor.finish(out);
        }
    }

    /// Returns whether this piece may be sent unchanged.
    pub fn passes_untouched(&mut self, input: &[u8]) -> bool {
        self.opening.is_none()
            && self.masker.is_none()
            && self.redactor.as_mut().is_none_or(|redactor| redactor.passes(input))
    }

    /// Ends the body: appends the bytes that the filters still kept back.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Denied> {
        let from = out.len();
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
        self.capture.add(out.get(from..).unwrap_or_default());
        Ok(())
    }

    /// Records a part of the conversation, with what was masked since the last such event.
    ///
    /// # Errors
    /// It could not be recorded and must not be sent.
    pub fn record(&mut self, kind: EventKind, dir: Direction, data: String) -> Result<(), Denied> {
        let event = self.event(kind, dir, data);
        self.exchange.gate.0.journal.push(event).map_err(|error| {
            tracing::error!(request = %self.exchange.request, %error, "a reply could not be recorded");
            Denied::new(DenyCode::RecordingUnavailable, "the reply could not be recorded, so it is withheld")
        })
    }

    /// Records the end of a command. If the command may have changed something, the event is written to disk
    /// when this returns.
    ///
    /// # Errors
    /// It could not be recorded: the client must not be told that the command is done.
    pub fn record_end(&mut self, kind: EventKind, data: String) -> Result<(), Denied> {
        self.settled = true;
        if !self.exchange.changes {
            return self.record(kind, Direction::S2c, data);
        }
        let event = self.event(kind, Direction::S2c, data);
        self.exchange.gate.0.journal.write(event).map_err(|error| {
            tracing::error!(request = %self.exchange.request, %error, "the end of a command could not be recorded");
            Denied::new(DenyCode::RecordingUnavailable, "the reply could not be recorded, so it is withheld")
        })
    }

    /// Records the head of a reply. If the command may have changed something, the event is written before
    /// the client gets the head.
    pub async fn record_head(&mut self, kind: EventKind, data: String) -> Result<(), Denied> {
        if !self.exchange.changes {
            return self.record(kind, Direction::S2c, data);
        }
        let event = self.event(kind, Direction::S2c, data);
        self.exchange.append(vec![event], Durability::Written).await
    }

    fn event(&mut self, kind: EventKind, dir: Direction, data: String) -> Event {
        let mut event = self.exchange.session.event(kind, Some(dir), Some(self.exchange.request), data);
        if dir == Direction::S2c {
            event.mask = self.take_notes();
            if !self.own && kind != EventKind::Error {
                self.exchange.counters.answered(event.ts_ms);
            }
        }
        self.settled |= matches!(kind, EventKind::HttpResponse | EventKind::SqlDone | EventKind::Error);
        self.exchange.session.used();
        event
    }

    /// Records that the command failed on its way, with the code and reason of `denied`.
    pub fn record_failure(&mut self, denied: &Denied) {
        self.exchange.counters.failed(now_ms(), denied);
        self.exchange.gate.0.metrics.refused(denied.code);
        tracing::warn!(request = %self.exchange.request, session = %self.exchange.session.id, code = %denied.code, reason = denied.audit.unwrap_or_default(), "command failed");
        if let Err(unrecorded) = self.record(EventKind::Error, Direction::S2c, failure_data(denied)) {
            tracing::error!(request = %self.exchange.request, code = %unrecorded.code, "a failure could not be recorded");
        }
    }

    /// Returns whether the command may have changed something.
    pub const fn changes(&self) -> bool {
        self.exchange.changes
    }

    /// Adds what was masked in a part of the reply to the next event of it.
    pub fn add_notes(&mut self, notes: &Notes) {
        self.notes.merge(notes);
    }

    /// Returns how many bytes of a reply are recorded; `None` if none are.
    pub fn keeps(&self) -> Option<u64> {
        self.exchange.keeps_bodies().then(|| self.exchange.snapshot.recording().max_body)
    }

    /// Returns whether the caller may see what this command is about ([`Exchange::shows`]).
    pub fn shows(&self, command: &Command) -> bool {
        self.exchange.shows(command)
    }

    /// Returns whether the caller may see a resource template.
    pub fn shows_template(&self, template: &str) -> bool {
        self.exchange.shows_template(template)
    }

    /// Marks the command as ended properly, with nothing more to record.
    pub fn settle(&mut self) {
        self.settled = true;
    }

    /// Counts a finished reply.
    pub fn count(&mut self, bytes: u64, notes: u64) {
        self.exchange.counters.replied(bytes, notes);
    }

    /// Counts changes in the target's offer, and the flagged items in it.
    pub fn count_pins(&mut self, changed: u64, flagged: u64) {
        self.exchange.counters.pins(changed, flagged);
    }

    fn take_notes(&mut self) -> Vec<MaskNote> {
        let mut notes = if self.notes.is_empty() { Vec::new() } else { self.notes.take() };
        if let Some(masker) = &self.masker {
            notes.extend(since(masker.notes().as_slice(), &mut self.told));
        }
        let hits = self.redactor.as_ref().map_or(0, Redactor::hits);
        if hits > self.hits_told {
            notes.push(MaskNote { entity: "credential".into(), at: "body".into(), n: hits - self.hits_told });
            self.hits_told = hits;
        }
        let masked: u64 = notes.iter().map(|note| note.n).sum();
        if masked > 0 {
            self.exchange.counters.replied(0, masked);
        }
        notes
    }
}

impl Drop for ReplyGuard {
    fn drop(&mut self) {
        self.tell_left_out();
        if !self.settled {
            // The client left before there was a reply; the command may have been executed all the same.
            let gone =
                Denied::new(DenyCode::UpstreamUnavailable, "the client went away").because("client_gone");
            self.record_failure(&gone);
        }
    }
}

/// Returns the notes added since the last call. `now` only grows; `told[i]` is the count already reported for
/// note i.
fn since(now: &[MaskNote], told: &mut Vec<u64>) -> Vec<MaskNote> {
    let mut new = Vec::new();
    told.resize(now.len(), 0);
    for (note, told) in now.iter().zip(told) {
        if note.n > *told {
            new.push(MaskNote { n: note.n - *told, ..note.clone() });
            *told = note.n;
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
