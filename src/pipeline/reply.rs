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
use crate::domain::denied::reason;
use crate::domain::event::Direction;
use crate::domain::now_ms;
use crate::mask::Format;
use crate::mask::Notes;
use crate::pipeline::body::Capture;
use crate::pipeline::credential::Credential;
use crate::pipeline::end::EndWatch;
use crate::pipeline::end::PolicyWatch;
use crate::pipeline::enter::Exchange;
use crate::pipeline::filter::BodyFilter;
use crate::pipeline::marker::LeftOut;
use crate::pipeline::refusals::failure_data;
use crate::pipeline::snapshot::Governed;
use crate::recording::Durability;

/// Guards the reply to one permitted command.
pub struct ReplyGuard {
    exchange: Exchange,
    credential: Option<Arc<Credential>>,
    filter: BodyFilter,
    notes: Notes,
    /// Whether the outcome of the command is recorded.
    is_recorded: bool,
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
        drop(exchange.body_share.take());
        let capture = exchange.capture();
        Self {
            exchange,
            credential: None,
            filter: BodyFilter::default(),
            notes: Notes::default(),
            is_recorded: false,
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

    /// Returns whether a body must be readable: it is masked, or a credential was sent along, which it could
    /// echo.
    pub fn must_read_bodies(&self) -> bool {
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

    /// Returns whether the name of a header or trailer holds the credential: it must not reach the client.
    pub fn is_in_name(&self, name: &str) -> bool {
        self.credential.as_ref().is_some_and(|credential| credential.stands_in_name(name))
    }

    /// Removes the credential from one whole value; `None` if it is not in there.
    pub fn clear(&self, value: &[u8]) -> Option<Vec<u8>> {
        self.credential.as_ref()?.echoes().replace(value)
    }

    /// Begins a body of `format`. On a masked connection a body of unknown format (`None`) is withheld.
    pub fn begin_body(&mut self, format: Option<Format>) -> Result<(), Denied> {
        self.filter.begin(self.credential.as_deref(), &self.exchange.governed.plan, format)
    }

    /// The body that begins may be read as text: one in an encoding in which the credential is not found is
    /// withheld.
    pub fn watch_opening(&mut self) {
        if self.credential.is_some() {
            self.filter.watch_opening();
        }
    }

    /// Passes a piece of the body on: appends to `out` what may be sent.
    pub fn pass(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Denied> {
        let from = out.len();
        self.filter.pass(input, out)?;
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
        self.filter.clear_piece(input, out);
    }

    /// Ends a part of such a stream: appends the bytes that the search still kept back.
    pub fn clear_rest(&mut self, out: &mut Vec<u8>) {
        self.filter.clear_rest(out);
    }

    /// Returns whether this piece may be sent unchanged.
    pub fn passes_untouched(&mut self, input: &[u8]) -> bool {
        self.filter.passes_untouched(input)
    }

    /// Ends the body: appends the bytes that the filters still kept back.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Denied> {
        let from = out.len();
        self.filter.finish(out)?;
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
        self.is_recorded = true;
        if !self.exchange.changes {
            return self.record(kind, Direction::S2c, data);
        }
        let event = self.event(kind, Direction::S2c, data);
        self.exchange.gate.0.journal.write(event).map_err(|error| {
            tracing::error!(request = %self.exchange.request, %error, "the end of a command could not be recorded");
            Denied::new(DenyCode::RecordingUnavailable, "the reply could not be recorded, so it is withheld")
        })
    }

    /// Records the head of a response of HTTP. If the command may have changed something, the event is
    /// written before the client gets the head. It is as safe then as with [`Self::record_end`], which does
    /// not wait because it is called where nothing can: in the poll of a body, for one.
    pub async fn record_head(&mut self, data: String) -> Result<(), Denied> {
        let kind = EventKind::HttpResponse;
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
        self.is_recorded |= matches!(kind, EventKind::HttpResponse | EventKind::SqlDone | EventKind::Error);
        self.exchange.session.mark_active();
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
    pub fn mark_recorded(&mut self) {
        self.is_recorded = true;
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
        self.filter.take_notes(&mut notes);
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
        if !self.is_recorded {
            // The client left before there was a reply; the command may have been executed all the same.
            let gone = Denied::new(DenyCode::UpstreamUnavailable, "the client went away")
                .because(reason::CLIENT_GONE);
            self.record_failure(&gone);
        }
    }
}
