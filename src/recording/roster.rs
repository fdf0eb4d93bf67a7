//! Tracks which sessions accept events. Checked before an event is written anywhere, so that only the refused
//! event fails, and every accepted one can be recorded.

use ahash::AHashMap;

use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::SessionId;
use crate::recording::error::RecordError;
use crate::recording::line;
use crate::recording::session;

/// The state of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Accepts everything except another start.
    Open,
    /// Ended: accepts replies that were on their way.
    Ended,
    /// Acknowledged events were lost: accepts nothing.
    Lost,
}

/// The sessions that accept events.
#[derive(Debug, Default)]
pub(crate) struct Roster(AHashMap<SessionId, Standing>);

/// Checks an event by itself.
///
/// # Errors
/// Data that is not one object on one line, or a start or an end without a required member.
pub(crate) fn check(event: &Event) -> Result<(), RecordError> {
    line::check_data(&event.data)
        .and_then(|()| match event.kind {
            EventKind::SessionStart => session::from_start(event).map(|_row| ()),
            EventKind::SessionEnd => session::from_end(event).map(|_end| ()),
            _ => Ok(()),
        })
        .map_err(|problem| RecordError::Malformed { problem })
}

impl Roster {
    /// Accepts the events of one append, all or none.
    pub(crate) fn admit(&mut self, events: &[Event]) -> Result<(), RecordError> {
        for (place, event) in events.iter().enumerate() {
            if let Err(error) = self.admit_one(event) {
                self.take_back(events.get(..place).unwrap_or_default());
                return Err(error);
            }
        }
        Ok(())
    }

    fn admit_one(&mut self, event: &Event) -> Result<(), RecordError> {
        let session = event.session;
        let malformed = |problem| Err(RecordError::Malformed { problem });
        match (self.0.get_mut(&session), event.kind) {
            (None, EventKind::SessionStart) => {
                self.0.insert(session, Standing::Open);
                Ok(())
            }
            (None, _) => Err(RecordError::NoSession { session }),
            (Some(_), EventKind::SessionStart) => malformed("a session that begins twice"),
            (Some(Standing::Lost), _) => Err(RecordError::Lost { session }),
            (Some(Standing::Ended), EventKind::SessionEnd) => malformed("a session that ends twice"),
            (Some(standing), EventKind::SessionEnd) => {
                *standing = Standing::Ended;
                Ok(())
            }
            (Some(_), _) => Ok(()),
        }
    }

    /// Undoes [`Self::admit`] for events that could not be written.
    pub(crate) fn take_back(&mut self, events: &[Event]) {
        for event in events.iter().rev() {
            match event.kind {
                EventKind::SessionStart => {
                    self.0.remove(&event.session);
                }
                EventKind::SessionEnd => {
                    self.0.insert(event.session, Standing::Open);
                }
                _ => {}
            }
        }
    }

    /// Makes the session accept nothing more.
    pub(crate) fn lose(&mut self, session: SessionId) {
        self.0.insert(session, Standing::Lost);
    }

    /// Forgets a session that ended long ago.
    pub(crate) fn forget(&mut self, session: SessionId) {
        self.0.remove(&session);
    }
}
