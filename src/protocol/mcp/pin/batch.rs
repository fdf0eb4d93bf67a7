//! What is to be kept of the pins of one connection. However often a server changes what it says, names are gathered and only one
//! hand-over waits for the keeper; when the keeper comes to it, it takes what holds then.

use crate::domain::ConnectionName;
use crate::domain::Pin;
use crate::domain::PinNote;
use crate::protocol::mcp::pin::Pins;
use crate::protocol::mcp::pin::book::Book;
use crate::protocol::mcp::pin::receipt::PinReceipt;

/// A hand-over of the pins of one connection. Dropped without being taken it leaves them to the next one, and first pins count as not
/// kept until then.
#[derive(Debug)]
pub struct PinBatch {
    pins: Pins,
    connection: ConnectionName,
    taken: bool,
}

/// What a hand-over holds.
#[derive(Debug)]
pub struct ToKeep {
    /// Pins, as they are now.
    pub pins: Vec<Pin>,
    /// What is to be added to the audit trail.
    pub notes: Vec<PinNote>,
    /// Says how it ended.
    pub receipt: PinReceipt,
}

impl PinBatch {
    /// What is to be kept, as it is now. What comes later comes with another hand-over, and must be kept after this.
    pub fn take(mut self) -> ToKeep {
        self.taken = true;
        self.pins.all().entry(self.connection.clone()).or_default().take_pending()
    }
}

impl Drop for PinBatch {
    fn drop(&mut self) {
        if !self.taken
            && let Some(book) = self.pins.all().get_mut(&self.connection)
        {
            book.leaves_pending();
        }
    }
}

impl Pins {
    /// Hands on what is to be kept of all connections. To be called once a second, before pins are read from where they are kept, and
    /// at the end.
    pub fn flush(&self) {
        let mut due = Vec::new();
        for (connection, book) in &mut *self.all() {
            if book.hands_over() {
                due.push(connection.clone());
            }
        }
        for connection in due {
            self.hand_over(connection);
        }
    }

    /// [`Self::flush`] of one connection.
    pub(super) fn flush_of(&self, connection: &ConnectionName) {
        let due = self.all().get_mut(connection).is_some_and(Book::hands_over);
        if due {
            self.hand_over(connection.clone());
        }
    }

    /// Not under the lock: a keeper may take it at once.
    fn hand_over(&self, connection: ConnectionName) {
        let batch = PinBatch { pins: self.clone(), connection, taken: false };
        if let Some(keeper) = &self.0.keeper {
            keeper.keep(batch);
        }
    }
}
