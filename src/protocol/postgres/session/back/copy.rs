//! Copies out and in, by the target's messages.

use crate::protocol::postgres::session::back::Back;
use crate::protocol::postgres::session::back::Lost;
use bytes::BytesMut;

use crate::domain::sql::Verb;
use crate::mask::Notes;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::session::run::Copied;
use crate::protocol::postgres::session::run::Running;
use crate::protocol::postgres::session::state::Copying;
use crate::protocol::postgres::wire::back::write_copy_data;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::BackTag;

impl Back {
    pub(super) fn copied(&mut self, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let Some(run) = self.running() else { return Err(self.unexpected(BackTag::CopyData)) };
        let mut run = run.get();
        let Some(copied) = run.copied.as_mut().filter(|copied| copied.out) else {
            return Err(self.unexpected(BackTag::CopyData));
        };
        copied.messages = copied.messages.saturating_add(1);
        let bytes = u64::try_from(body(frame).len()).unwrap_or(u64::MAX);
        copied.bytes = copied.bytes.saturating_add(bytes);
        if run.cut.is_some() || self.copies_too_much(&mut run) {
            return Ok(());
        }
        if run.is_masked() {
            self.copy_masked(&mut run, frame, out);
        } else {
            out.extend_from_slice(frame);
        }
        Ok(())
    }

    /// Returns whether a copy out has more rows than the connection allows; if so, cuts it. A server sends
    /// each row in its own message; a header line counts as a row.
    pub(super) fn copies_too_much(&self, run: &mut Running) -> bool {
        let messages = run.copied.as_ref().map_or(0, |copied| copied.messages);
        let Some(limit) = self.session.row_limit.filter(|limit| messages > *limit) else { return false };
        let message = format!("the copy gives more than the {limit} rows that this connection allows");
        self.cut(run, Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        true
    }

    /// Passes on data of a copy whose SQL does not reach masked columns: values that are detected by their
    /// form are replaced.
    pub(super) fn copy_masked(&self, run: &mut Running, frame: &[u8], out: &mut BytesMut) {
        let governed = self.session.seat.governed();
        let mut notes = Notes::default();
        let Ok(text) = std::str::from_utf8(body(frame)) else {
            let message =
                "a part of a copy was withheld because it is no text, and values in it must be masked";
            self.cut(run, Refusal::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
            return;
        };
        match governed.plan.for_computed().text(text, "copy", &mut notes) {
            None => out.extend_from_slice(frame),
            Some(masked) => {
                if write_copy_data(out, masked.as_bytes()).is_err() {
                    let message = "a part of a copy is too long to be masked";
                    self.cut(run, Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
                } else if let Some(guard) = &mut run.guard {
                    guard.add_notes(&notes);
                }
            }
        }
    }

    pub(super) fn copies(&mut self, tag: BackTag, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let Some(ran) = self.running() else { return Err(self.unexpected(tag)) };
        let mut run = ran.get();
        match tag {
            BackTag::CopyDone => {
                if !run.copied.as_ref().is_some_and(|copied| copied.out) {
                    return Err(self.unexpected(tag));
                }
            }
            // Clients send what they have to anyone who asks for it.
            BackTag::CopyInResponse => {
                if !run.copies(Verb::CopyIn) {
                    return Err(self.unexpected(tag));
                }
                run.copied = Some(Copied::begin(false));
                drop(run);
                let copying = Copying::of(&ran);
                *self.session.copying.borrow_mut() = copying;
                self.session.pending.borrow_mut().copies_in();
            }
            // The columns of copy data are not described, so it may come only if the SQL was judged as a
            // copy.
            _ if !run.copies(Verb::CopyOut) => return Err(self.unexpected(tag)),
            _ => run.copied = Some(Copied::begin(true)),
        }
        out.extend_from_slice(frame);
        Ok(())
    }

    pub(super) fn stop_copying(&self) {
        *self.session.copying.borrow_mut() = None;
    }
}
