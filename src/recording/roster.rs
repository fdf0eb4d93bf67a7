//! Which sessions take events: asked before an event is written anywhere, so that what is refused is refused alone, and what
//! was taken can be recorded.

use ahash::AHashMap;

use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::SessionId;
use crate::recording::error::RecordError;
use crate::recording::line;
use crate::recording::session;

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It takes everything but another start.
    Open,
    /// It has ended: it takes replies that were on their way.
    Ended,
    /// Acknowledged events of it are gone: it takes nothing.
    Lost,
}

/// The sessions that take events.
#[derive(Debug, Default)]
pub(crate) struct Roster(AHashMap<SessionId, Standing>);

/// Looks at an event by itself.
///
/// # Errors
/// Data that are not one object on one line, or a start or an end that lacks what it must have.
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
    /// Takes the events of one append, all or none.
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

    /// Undoes [`Self::admit`], for events that could not be written.
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

    /// The session takes nothing any more.
    pub(crate) fn lose(&mut self, session: SessionId) {
        self.0.insert(session, Standing::Lost);
    }

    /// The session ended long ago.
    pub(crate) fn forget(&mut self, session: SessionId) {
        self.0.remove(&session);
    }
}
