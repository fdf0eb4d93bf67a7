//! Messages from the target that belong to no reply: each is recorded, up to a limit per second; beyond it
//! they are only counted.

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::EventKind;
use crate::domain::MaskNote;
use crate::domain::RequestId;
use crate::domain::event::Direction;
use crate::domain::json::write::Object;
use crate::mask::Notes;
use crate::pipeline::Seat;
use crate::pipeline::refusals::Flood;

/// How many per second and session are recorded one by one.
const PER_SECOND: u32 = 50;
/// How many bytes of one message's text are recorded at most.
const MAX_TEXT: u64 = 4 << 10;

/// The unrecorded messages of one session.
#[derive(Debug)]
pub(super) struct Said {
    flood: Flood,
    /// What was masked in the messages that were only counted.
    notes: Notes,
}

impl Default for Said {
    fn default() -> Self {
        Self { flood: Flood::new(PER_SECOND), notes: Notes::default() }
    }
}

impl Seat {
    /// Records a message from the target that is not a reply; `request` is the command it belongs to, if any.
    /// `write` writes the members of the event's data. It gets the number of bytes of text that it may keep,
    /// `None` for none, and keeps the text as the client sees it; `notes` say what was masked in it. The
    /// number of messages left out in a flood is recorded with the next one, or by [`Seat::tell_left_out`].
    ///
    /// # Errors
    /// The message could not be recorded and must not be sent on.
    pub fn record_notice(
        &self,
        request: Option<RequestId>,
        notes: &Notes,
        write: impl FnOnce(Option<usize>, &mut Object<'_>),
    ) -> Result<(), Denied> {
        if !notes.is_empty() {
            self.counters.replied(0, notes.total());
        }
        let second = self.session.elapsed_us() / 1_000_000;
        let (left_out, mask) = {
            let mut said = self.said.borrow_mut();
            said.notes.merge(notes);
            let Some(left_out) = said.flood.admit(second) else { return Ok(()) };
            (left_out, said.notes.take())
        };
        let keep = self.keeps().map(|keep| usize::try_from(keep.min(MAX_TEXT)).unwrap_or(usize::MAX));
        let mut data = String::with_capacity(160);
        let mut notice = Object::begin(&mut data);
        write(keep, &mut notice);
        if left_out > 0 {
            notice.value("not_recorded_before", left_out);
        }
        drop(notice);
        self.push_notice(request, data, mask)
    }

    /// Records how many messages of a past flood were left out, if any.
    ///
    /// # Errors
    /// They could not be recorded.
    pub fn tell_left_out(&self) -> Result<(), Denied> {
        let (left_out, mask) = {
            let mut said = self.said.borrow_mut();
            match said.flood.take_suppressed() {
                0 => return Ok(()),
                left_out => (left_out, said.notes.take()),
            }
        };
        let data = format!("{{\"what\":\"left_out\",\"not_recorded_before\":{left_out}}}");
        self.push_notice(None, data, mask)
    }

    fn push_notice(
        &self,
        request: Option<RequestId>,
        data: String,
        mask: Vec<MaskNote>,
    ) -> Result<(), Denied> {
        let mut event = self.session.event(EventKind::SqlNotice, Some(Direction::S2c), request, data);
        event.mask = mask;
        self.gate.0.journal.push(event).map_err(|error| {
            tracing::error!(session = %self.session.id, %error, "a message from a target could not be recorded");
            Denied::new(
                DenyCode::RecordingUnavailable,
                "the target's message could not be recorded, so it is withheld",
            )
        })
    }
}
