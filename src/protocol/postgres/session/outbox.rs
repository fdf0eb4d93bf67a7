//! The gateway's own messages to the client.

use std::cell::Cell;
use std::cell::RefCell;

use bytes::BytesMut;
use tokio::sync::Notify;

/// Complete messages for the client. They are sent as soon as no message of the target is half sent.
#[derive(Default)]
pub(super) struct Outbox {
    messages: RefCell<BytesMut>,
    filled: Notify,
    farewell: Cell<bool>,
}

impl Outbox {
    /// Adds messages for the client.
    pub(super) fn say(&self, write: impl FnOnce(&mut BytesMut)) {
        write(&mut self.messages.borrow_mut());
        self.filled.notify_one();
    }

    /// Waits until messages were added.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Moves all messages to the end of `out`.
    pub(super) fn move_to(&self, out: &mut BytesMut) {
        let mut messages = self.messages.borrow_mut();
        if !messages.is_empty() {
            out.extend_from_slice(&messages.split());
        }
    }

    /// Notes that the client has been told that the session ends.
    pub(super) fn note_farewell(&self) {
        self.farewell.set(true);
    }

    /// Returns whether the client has been told that the session ends.
    pub(super) fn has_farewell(&self) -> bool {
        self.farewell.get()
    }
}
