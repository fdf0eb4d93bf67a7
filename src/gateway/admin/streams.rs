//! Limits the event streams of each caller over the network. There are few slots for streams, and an
//! operator's script that opens one after the other must leave some to others. The socket, which is for the
//! owners of the machine, has slots of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::domain::sync::lock;

/// How many streams one principal may have.
pub(super) const MOST_OF_ONE: usize = 32;

/// The number of streams by principal id; principals without any are not in it.
#[derive(Debug, Default)]
pub(super) struct Streams(Mutex<HashMap<Box<str>, usize>>);

/// One stream, counted until it is dropped.
#[derive(Debug)]
pub(super) struct OpenStream {
    streams: Arc<Streams>,
    principal: Box<str>,
}

impl Streams {
    fn open(&self) -> MutexGuard<'_, HashMap<Box<str>, usize>> {
        lock(&self.0)
    }

    /// Takes a slot for that principal.
    ///
    /// # Errors
    /// `too_many` if it has [`MOST_OF_ONE`].
    pub(super) fn enter(self: &Arc<Self>, principal: &str) -> Result<OpenStream, ApiError> {
        let mut open = self.open();
        let own = open.entry(principal.into()).or_default();
        if *own >= MOST_OF_ONE {
            let text = format!(
                "{principal} has {MOST_OF_ONE} streams of events open, the most that one principal may have"
            );
            return Err(ApiError::new(ErrorCode::TooMany, text)
                .hint("end one: every session watch, session tail, tui and following script has its own"));
        }
        *own += 1;
        Ok(OpenStream { streams: Arc::clone(self), principal: principal.into() })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        if let Some(own) = open.get_mut(&self.principal) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                open.remove(&self.principal);
            }
        }
    }
}
