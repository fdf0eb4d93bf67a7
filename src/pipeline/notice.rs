//! What a target says besides its answers: each is recorded, up to so many a second; a flood beyond that is counted.

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

/// How many a second of one session are recorded one by one.
const PER_SECOND: u32 = 50;
/// How many bytes of the texts of one are kept, at most.
const MAX_TEXT: u64 = 4 << 10;

/// What was said in one session and is not recorded yet.
#[derive(Debug)]
pub(super) struct Said {
    flood: Flood,
    /// What was masked in those that were only counted.
    notes: Notes,
}

impl Default for Said {
    fn default() -> Self {
        Self { flood: Flood::new(PER_SECOND), notes: Notes::default() }
    }
}

impl Seat {
    /// Records something that the target says besides its answers, to the command of `request` if to any. `write` writes the members of
    /// the event's data, with as much of its texts as it is given, in bytes (`None`: none of them), as the client sees them; `notes` say
    /// what was masked in it. Of a flood, how many were left out is told with the next one, or by [`Seat::tell_left_out`].
    ///
    /// # Errors
    /// It could not be recorded: it must not be sent on.
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

    /// Records how many were left out of a flood that is over, if any were.
    ///
    /// # Errors
    /// It could not be recorded.
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
            tracing::error!(session = %self.session.id, %error, "what a target said could not be recorded");
            Denied::new(
                DenyCode::RecordingUnavailable,
                "what the target said could not be recorded, so it is withheld",
            )
        })
    }
}
