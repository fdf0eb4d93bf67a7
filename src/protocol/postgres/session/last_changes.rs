//! The last messages that may have changed what later ones are judged by. What such a message has changed is
//! known once it is answered.

use std::cell::Cell;

use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::session::pending::PendingReplies;

/// The last messages that may have changed something, and which messages are sent.
#[derive(Debug)]
pub(super) struct LastChanges {
    /// The last message that may change how SQL is lexed, or where names are looked up.
    reading: Cell<Number>,
    /// The last message that may change what a prepared statement is.
    statement: Cell<Number>,
    /// The last message that may change what a portal is.
    portal: Cell<Number>,
    /// The last message that may change either of them other than by a `Parse` or `Bind` of that name.
    indirect: Cell<Number>,
    /// The last message that may change the catalog.
    catalog: Cell<Number>,
    /// The first message of the open series: if a message of the series fails, the target skips the rest.
    series_start: Cell<Number>,
    /// The first message that is not sent yet.
    first_unsent: Cell<Number>,
}

impl Default for LastChanges {
    fn default() -> Self {
        Self {
            reading: Cell::new(0),
            statement: Cell::new(0),
            portal: Cell::new(0),
            indirect: Cell::new(0),
            catalog: Cell::new(0),
            series_start: Cell::new(1),
            first_unsent: Cell::new(1),
        }
    }
}

impl LastChanges {
    /// Notes a message that may change how SQL is lexed, or where names are looked up.
    pub(super) fn note_reading(&self, number: Number) {
        self.reading.set(number);
    }

    /// Notes a `Parse`.
    pub(super) fn note_parse(&self, number: Number) {
        self.statement.set(number);
    }

    /// Notes a `Bind`.
    pub(super) fn note_bind(&self, number: Number) {
        self.portal.set(number);
    }

    /// Notes a `Close`, of a portal or a prepared statement.
    pub(super) fn note_close(&self, portal: bool, number: Number) {
        (if portal { &self.portal } else { &self.statement }).set(number);
        self.indirect.set(number);
    }

    /// Notes SQL that creates, uses or closes prepared statements or cursors.
    pub(super) fn note_names(&self, number: Number) {
        self.statement.set(number);
        self.portal.set(number);
        self.indirect.set(number);
    }

    /// Notes a message that may change the catalog.
    pub(super) fn note_catalog(&self, number: Number) {
        self.catalog.set(number);
    }

    /// Notes the last message of a series.
    pub(super) fn end_series(&self, number: Number) {
        self.series_start.set(number.saturating_add(1));
    }

    /// Notes that all messages before this one are sent.
    pub(super) fn set_first_unsent(&self, number: Number) {
        self.first_unsent.set(number);
    }

    /// Returns whether a message is sent.
    pub(super) fn is_sent(&self, number: Number) -> bool {
        number < self.first_unsent.get()
    }

    /// Returns whether a message after this one may have changed what a name stands for.
    pub(super) fn names_after(&self, number: Number) -> bool {
        self.statement.get().max(self.portal.get()) > number
    }

    /// Returns whether a message after this one may have changed the catalog.
    pub(super) fn catalog_after(&self, number: Number) -> bool {
        self.catalog.get() > number
    }

    /// Returns whether it is certain how SQL is lexed and where names are looked up.
    pub(super) fn knows_reading(&self, pending: &PendingReplies) -> bool {
        self.has_answered(self.reading.get(), pending)
    }

    /// Returns whether it is certain what is in the catalog.
    pub(super) fn knows_catalog(&self, pending: &PendingReplies) -> bool {
        self.has_answered(self.catalog.get(), pending)
    }

    /// Returns whether it is certain what a prepared statement is; `made` is the message that created it, or
    /// `None`.
    pub(super) fn knows_statement(&self, made: Option<Number>, pending: &PendingReplies) -> bool {
        self.knows_name(self.statement.get(), made, pending)
    }

    /// Returns whether it is certain what a portal is; `made` is the message that created it, or `None`.
    pub(super) fn knows_portal(&self, made: Option<Number>, pending: &PendingReplies) -> bool {
        self.knows_name(self.portal.get(), made, pending)
    }

    /// Returns whether it is certain what a name stands for. A name created in the open series stands for
    /// that, or the target skips its use, as long as nothing else has changed names since.
    fn knows_name(&self, last: Number, made: Option<Number>, pending: &PendingReplies) -> bool {
        let own = |made: Number| made >= self.series_start.get() && made > self.indirect.get();
        self.has_answered(last, pending) || made.is_some_and(own)
    }

    /// Returns whether everything up to a message is sent and answered.
    fn has_answered(&self, number: Number, pending: &PendingReplies) -> bool {
        self.is_sent(number) && pending.has_answered(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::postgres::session::pending::ReplyKind;

    #[test]
    fn a_change_counts_from_when_it_is_sent_and_answered() {
        let (changes, mut pending) = (LastChanges::default(), PendingReplies::default());
        assert!(changes.knows_reading(&pending) && changes.knows_catalog(&pending));
        changes.note_reading(1);
        assert!(!changes.knows_reading(&pending), "not sent");
        changes.set_first_unsent(2);
        pending.push(1, ReplyKind::Sync, None);
        assert!(!changes.knows_reading(&pending), "not answered");
        pending.pop();
        assert!(changes.knows_reading(&pending));
    }

    #[test]
    fn what_is_made_in_the_open_series_is_known_until_a_name_changes_in_another_way() {
        let (changes, pending) = (LastChanges::default(), PendingReplies::default());
        changes.note_parse(1);
        assert!(changes.knows_statement(Some(1), &pending) && changes.knows_portal(None, &pending));
        assert!(!changes.knows_statement(None, &pending), "another statement may be this one");
        changes.note_close(true, 2);
        assert!(!changes.knows_statement(Some(1), &pending) && !changes.knows_portal(None, &pending));
        changes.note_parse(3);
        assert!(changes.knows_statement(Some(3), &pending));
        changes.end_series(4);
        assert!(!changes.knows_statement(Some(3), &pending), "made in a series that is over");
        assert!(changes.names_after(2) && !changes.names_after(3));
    }
}
