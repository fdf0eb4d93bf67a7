//! Records events beside the ordered steps of a command: a request body that passes through, frames, a client
//! that left.

use std::sync::Arc;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::EventKind;
use crate::domain::MaskNote;
use crate::domain::RequestId;
use crate::domain::event::Direction;
use crate::pipeline::Gate;
use crate::pipeline::sessions::Session;

/// Records events of one command, from wherever its bytes pass. While it exists, the end of the session is
/// not recorded.
pub struct SideNotes {
    gate: Gate,
    session: Arc<Session>,
    request: RequestId,
}

impl std::fmt::Debug for SideNotes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SideNotes").field(&self.request).finish()
    }
}

impl SideNotes {
    pub(super) fn new(gate: &Gate, session: &Arc<Session>, request: RequestId) -> Self {
        session.begin_exchange();
        Self { gate: gate.clone(), session: Arc::clone(session), request }
    }

    /// Records one event.
    ///
    /// # Errors
    /// It could not be recorded: the data it describes must not be passed on.
    pub fn record(
        &self,
        kind: EventKind,
        dir: Option<Direction>,
        data: String,
        mask: Vec<MaskNote>,
    ) -> Result<(), Denied> {
        let mut event = self.session.event(kind, dir, Some(self.request), data);
        event.mask = mask;
        self.session.mark_active();
        self.gate.0.journal.push(event).map_err(|error| {
            tracing::error!(request = %self.request, %error, "a part of a command could not be recorded");
            Denied::new(DenyCode::RecordingUnavailable, "it could not be recorded, so it is withheld")
        })
    }
}

impl Drop for SideNotes {
    fn drop(&mut self) {
        self.session.end_exchange(&self.gate.0.journal);
    }
}
