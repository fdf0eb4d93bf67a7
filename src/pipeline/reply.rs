//! The last steps: what comes back is cleared of the credential, masked, recorded, and cut when the session ends.

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
    masker: Option<Masker>,
    between: Vec<u8>,
    notes: Notes,
    /// How much was masked in the body up to the last event: a number for each of its notes.
    told: Vec<u64>,
    hits_told: u64,
    /// Whether the recording says how the command went.
    settled: bool,
    /// Whether the gateway itself answers, and no target.
    own: bool,
    /// What of the target's words went nowhere.
    pub(super) left_out: Option<LeftOut>,
    /// What the client was sent, as the recording keeps it.
    pub capture: Capture,
}

impl ReplyGuard {
    pub(super) fn new(mut exchange: Exchange) -> Self {
        // From here on the body has its room as long as it is there itself.
        drop(exchange.of_body.hand_on());
        let capture = exchange.capture();
        Self {
            exchange,
            credential: None,
            redactor: None,
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

    /// The guard of a reply that the gateway itself gives.
    pub(super) fn of_gateway(exchange: Exchange) -> Self {
        let mut guard = Self::new(exchange);
        guard.own = true;
        guard
    }

    /// The credential to send along; from now on it is looked for in the reply.
    pub async fn credential(&mut self) -> Result<Option<Arc<Credential>>, Denied> {
        self.credential = self.exchange.gate.credential(&self.exchange.governed).await?;
        Ok(self.credential.clone())
    }

    /// The credential that was sent along.
    pub fn sent_credential(&self) -> Option<Arc<Credential>> {
        self.credential.clone()
    }

    pub(super) const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// The connection.
    pub fn governed(&self) -> &Arc<Governed> {
        &self.exchange.governed
    }

    /// The request.
    pub fn request(&self) -> RequestId {
        self.exchange.request
    }

    /// The session.
    pub fn session_id(&self) -> SessionId {
        self.exchange.session.id
    }

    /// Whether values are masked on this connection.
    pub fn masks(&self) -> bool {
        !self.governed().plan.is_empty()
    }

    /// Whether a credential is sent along.
    pub fn injects(&self) -> bool {
        self.credential.is_some()
    }

    /// Whether a body must be readable: it is masked, or may echo a credential.
    pub fn reads_bodies(&self) -> bool {
        self.masks() || self.credential.is_some()
    }

    /// Microseconds since the request came.
    pub fn elapsed_us(&self) -> u64 {
        u64::try_from(self.exchange.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// A watch on the end of what this command stands on.
    pub fn end_watch(&self) -> EndWatch {
        self.exchange.end_watch()
    }

    /// A watch on the policies, from now on.
    pub fn policy_watch(&self) -> PolicyWatch {
        PolicyWatch::new(&self.exchange.gate)
    }

    /// A header of the reply, cleared and masked; `None` where it may pass as it is.
    pub fn header(&mut self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        let cleared = self.clear(value);
        let plan = &self.exchange.governed.plan;
        let masked = plan.header(name, cleared.as_deref().unwrap_or(value), &mut self.notes);
        masked.or(cleared)
    }

    /// One whole value without the credential; `None` where it was not in there.
    pub fn clear(&self, value: &[u8]) -> Option<Vec<u8>> {
        self.credential.as_ref()?.echoes().replace(value)
    }

    /// Begins a body of `format`. On a masked connection one that cannot be read (`None`) is withheld.
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

    /// Passes a piece of the body on: appends to `out` what may be sent.
    pub fn pass(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Denied> {
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
                // Mostly there is nothing of the credential in it: then the bytes need no copy of their own.
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

    /// An empty capture, for a part that is recorded by itself.
    pub fn fresh_capture(&self) -> Capture {
        self.exchange.capture()
    }

    /// Clears a piece of an unmasked stream of the credential, without keeping it for the recording.
    pub fn clear_piece(&mut self, input: &[u8], out: &mut Vec<u8>) {
        match &mut self.redactor {
            None => out.extend_from_slice(input),
            Some(redactor) => redactor.push(input, out),
        }
    }

    /// Ends a part of such a stream: appends what was held back.
    pub fn clear_rest(&mut self, out: &mut Vec<u8>) {
        if let Some(redactor) = &mut self.redactor {
            redactor.finish(out);
        }
    }

    /// Whether this piece may be sent just as it is.
    pub fn passes_untouched(&mut self, input: &[u8]) -> bool {
        self.masker.is_none() && self.redactor.as_mut().is_none_or(|redactor| redactor.passes(input))
    }

    /// Ends the body: appends what was held back.
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

    /// Records a part of the conversation; what was masked since the last one is noted with it.
    ///
    /// # Errors
    /// It could not be recorded: it must not be sent either.
    pub fn record(&mut self, kind: EventKind, dir: Direction, data: String) -> Result<(), Denied> {
        let event = self.event(kind, dir, data);
        self.exchange.gate.0.journal.push(event).map_err(|error| {
            tracing::error!(request = %self.exchange.request, %error, "a reply could not be recorded");
            Denied::new(DenyCode::RecordingUnavailable, "the reply could not be recorded, so it is withheld")
        })
    }

    /// [`Self::record`] for the end of a command: that of one that may have changed something is written when this returns.
    ///
    /// # Errors
    /// It could not be recorded: the client must not be told that it is done.
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

    /// [`Self::record`] for the head of a reply: that of a command that may have changed something is written before the client has it.
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

    /// Records that the command failed on its way; the code says how.
    pub fn record_failure(&mut self, denied: &Denied) {
        self.exchange.counters.failed(now_ms(), denied);
        self.exchange.gate.0.metrics.refused(denied.code);
        tracing::warn!(request = %self.exchange.request, session = %self.exchange.session.id, code = %denied.code, reason = denied.audit.unwrap_or_default(), "command failed");
        if let Err(unrecorded) = self.record(EventKind::Error, Direction::S2c, failure_data(denied)) {
            tracing::error!(request = %self.exchange.request, code = %unrecorded.code, "a failure could not be recorded");
        }
    }

    /// Whether the command may have changed something.
    pub const fn changes(&self) -> bool {
        self.exchange.changes
    }

    /// Adds what was masked in a part of the reply; the next record of it tells.
    pub fn add_notes(&mut self, notes: &Notes) {
        self.notes.merge(notes);
    }

    /// How many bytes of what comes back the recording keeps; `None` where it keeps none.
    pub fn keeps(&self) -> Option<u64> {
        self.exchange.keeps_bodies().then(|| self.exchange.snapshot.recording().max_body)
    }

    /// Whether the caller is shown what this command is about ([`Exchange::shows`]).
    pub fn shows(&self, command: &Command) -> bool {
        self.exchange.shows(command)
    }

    /// Whether the caller is shown a template of resources.
    pub fn shows_template(&self, template: &str) -> bool {
        self.exchange.shows_template(template)
    }

    /// The command ended as it should, without more to record.
    pub fn settle(&mut self) {
        self.settled = true;
    }

    /// Counts a finished reply.
    pub fn count(&mut self, bytes: u64, notes: u64) {
        self.exchange.counters.replied(bytes, notes);
    }

    /// Counts what changed of what the target offers, and what of it should be looked at.
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
            // The client left before there was a reply: what was sent may have been done all the same.
            let gone =
                Denied::new(DenyCode::UpstreamUnavailable, "the client went away").because("client_gone");
            self.record_failure(&gone);
        }
    }
}

/// What came to the notes since they were last told. Notes are never taken away from between: `told` has the number of each, in order.
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

/// A reply that cannot be masked is withheld.
pub fn unmaskable(why: &'static str) -> Denied {
    let detail = format!("the reply was withheld because {why} and sensitive values in it must be masked");
    Denied::new(DenyCode::UnmaskableReply, detail).because(why)
}
