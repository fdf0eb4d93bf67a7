//! What the target sends besides its replies: notices, notifications, settings. Each is masked, recorded and
//! sent on, in this order.

use bytes::BytesMut;

use crate::domain::RequestId;
use crate::mask::Notes;
use crate::pipeline::ReplyGuard;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::rows::clear_notification;
use crate::protocol::postgres::rows::clear_report;
use crate::protocol::postgres::rows::clear_status;
use crate::protocol::postgres::session::back::Back;
use crate::protocol::postgres::session::back::Lost;
use crate::protocol::postgres::session::pending::ReplyKind;
use crate::protocol::postgres::session::record;
use crate::protocol::postgres::wire::back::BackMessage;
use crate::protocol::postgres::wire::back::ParameterStatus;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::tag::BackTag;

impl Back {
    /// Passes on a notice or notification, as the client may see it.
    pub(super) fn noticed(&mut self, tag: BackTag, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let governed = self.session.seat.governed();
        let mut notes = Notes::default();
        let cleared = match BackMessage::read(tag, body(frame))? {
            BackMessage::NoticeResponse(report) => {
                let columns = self.session.seat.asks_columns();
                clear_report(tag, &report, &governed.plan, self.exposure(), columns, &mut notes)
            }
            BackMessage::NotificationResponse(notification) => {
                let payloads = governed.connection.database.notifications;
                clear_notification(&notification, &governed.plan, payloads, &mut notes)
            }
            _ => None,
        };
        self.say_on(tag, cleared.as_deref().unwrap_or(frame), &notes, out)
    }

    /// Takes a reported setting. The gateway goes by what the target says; the client gets what it may see.
    pub(super) fn parameter(&mut self, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let status = ParameterStatus::read(body(frame))?;
        self.session.settings.reported(status.name, status.value);
        match (status.name, status.value) {
            (b"client_encoding", b"UTF8") => {}
            (b"client_encoding", _) => return Err(Lost::Encoding),
            (b"standard_conforming_strings", value) => {
                self.session.lexing.set(Lexing { standard_conforming_strings: value != b"off" });
            }
            // PostgreSQL reports it since version 14. Code in the database has changed it, so what comes next
            // could write.
            (b"default_transaction_read_only", value)
                if value != b"on" && self.session.seat.governed().connection.database.readonly =>
            {
                return Err(Lost::Writable);
            }
            (b"search_path", path) => self.session.search_path.reported(path),
            _ => {}
        }
        let governed = self.session.seat.governed();
        let mut notes = Notes::default();
        let cleared = clear_status(&status, &governed.plan, self.exposure(), &mut notes);
        self.say_on(BackTag::ParameterStatus, cleared.as_deref().unwrap_or(frame), &notes, out)
    }

    /// Records what the client gets, then sends it. An empty frame is dropped: masking has made it too long
    /// to be sent.
    fn say_on(&self, tag: BackTag, frame: &[u8], notes: &Notes, out: &mut BytesMut) -> Result<(), Lost> {
        if frame.is_empty() {
            return Ok(());
        }
        let message = BackMessage::read(tag, body(frame))?;
        // A notification comes from another session, not from what runs.
        let request = if tag == BackTag::NotificationResponse { None } else { self.request() };
        self.session.seat.record_notice(request, notes, |keep, data| record::said(&message, keep, data))?;
        out.extend_from_slice(frame);
        Ok(())
    }

    /// Returns the request of the command whose reply is due, if any.
    fn request(&self) -> Option<RequestId> {
        match self.session.pending.borrow().front_kind() {
            Some(
                ReplyKind::Query { run: Some(run), .. }
                | ReplyKind::Execute(run)
                | ReplyKind::Bind { run: Some(run), .. },
            ) => run.get().guard.as_ref().map(ReplyGuard::request),
            _ => None,
        }
    }
}
