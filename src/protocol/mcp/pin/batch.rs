//! Batches of pins to be stored. However often a server changes its lists, names are collected and only one
//! batch per connection waits for the keeper, which takes the current pins when it gets to it.

use crate::domain::ConnectionName;
use crate::domain::Pin;
use crate::domain::PinNote;
use crate::protocol::mcp::pin::Pins;
use crate::protocol::mcp::pin::book::Book;
use crate::protocol::mcp::pin::receipt::PinReceipt;

/// A batch of pins of one connection. If it is dropped without being taken, they remain for the next one, and
/// new pins count as not stored until then.
#[derive(Debug)]
pub struct PinBatch {
    pins: Pins,
    connection: ConnectionName,
    taken: bool,
}

/// The content of a batch.
#[derive(Debug)]
pub struct ToKeep {
    /// The pins, as they are now.
    pub pins: Vec<Pin>,
    /// The entries to add to the audit trail.
    pub notes: Vec<PinNote>,
    /// Reports the result.
    pub receipt: PinReceipt,
}

impl PinBatch {
    /// Takes the pins to be stored, as they are now. Later changes come with another batch, which must be
    /// stored after this one.
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
    /// Hands over the pins to be stored of all connections. Called once a second, before pins are read from
    /// the store, and at the end.
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

    /// Does the same for one connection.
    pub(super) fn flush_of(&self, connection: &ConnectionName) {
        let due = self.all().get_mut(connection).is_some_and(Book::hands_over);
        if due {
            self.hand_over(connection.clone());
        }
    }

    /// Called without the lock: a keeper may take it at once.
    fn hand_over(&self, connection: ConnectionName) {
        let batch = PinBatch { pins: self.clone(), connection, taken: false };
        if let Some(keeper) = &self.0.keeper {
            keeper.keep(batch);
        }
    }
}
