//! Messages that are too long to be kept: they pass in pieces, or not at all.

use crate::protocol::postgres::session::back::Back;
use crate::protocol::postgres::session::back::Lost;
use crate::protocol::postgres::session::back::fail::Failure;
use crate::protocol::postgres::session::back::fail::refused;
use bytes::BytesMut;

use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::session::pending::ReplyKind;
use crate::protocol::postgres::wire::frame::Header;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::BackTag;
use crate::protocol::postgres::wire::tag::Tag;

/// A long message that arrives in pieces.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Long {
    /// An error whose text is not read: it is replaced once all of it has arrived.
    Error,
    /// Its pieces are sent on.
    Passes,
    /// Its pieces are dropped.
    Withheld,
}

impl Back {
    pub(super) fn begin_long(
        &mut self,
        header: Header<BackTag>,
        part: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), Lost> {
        let not_for_the_client = {
            let mut pending = self.session.pending.borrow_mut();
            pending.swallows() || matches!(pending.front_kind(), Some(ReplyKind::Query { failed: true, .. }))
        };
        if not_for_the_client && header.tag != BackTag::ErrorResponse {
            self.long = Some(Long::Withheld);
            return Ok(());
        }
        let run = if header.tag == BackTag::DataRow { Some(self.giving_rows()?) } else { self.running() };
        let long = match (header.tag, run) {
            (BackTag::ErrorResponse, _) => Long::Error,
            (BackTag::NoticeResponse | BackTag::NotificationResponse, _) => Long::Withheld,
            (BackTag::DataRow, Some(run)) => {
                let mut run = run.get();
                if run.cut.is_some() || self.is_over_limit(&mut run) {
                    Long::Withheld
                } else if run.passes_rows() {
                    run.count_long_row(u64::try_from(header.frame()).unwrap_or(u64::MAX));
                    Long::Passes
                } else {
                    let message = "a row is too long to be masked";
                    self.cut(&mut run, Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
                    Long::Withheld
                }
            }
            (BackTag::CopyData, Some(run)) => {
                let mut run = run.get();
                let Some(copied) = run.copied.as_mut().filter(|copied| copied.out) else {
                    return Err(self.unexpected(header.tag));
                };
                copied.messages = copied.messages.saturating_add(1);
                copied.bytes = copied.bytes.saturating_add(header.body.into());
                if run.cut.is_none() && !self.copies_too_much(&mut run) && run.is_masked() {
                    let message = "a part of a copy is too long to be masked";
                    self.cut(&mut run, Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
                }
                if run.cut.is_some() { Long::Withheld } else { Long::Passes }
            }
            (tag, _) => return Err(Lost::TooLong(tag.name())),
        };
        if long == Long::Passes {
            out.extend_from_slice(part);
        }
        self.long = Some(long);
        Ok(())
    }

    pub(super) fn piece(&mut self, part: &[u8], left: u32, out: &mut BytesMut) -> Result<(), Lost> {
        let long = self.long;
        if left == 0 {
            self.long = None;
        }
        match long {
            Some(Long::Passes) => out.extend_from_slice(part),
            Some(Long::Error) if left == 0 => {
                let refusal = Refusal::new(
                    SqlState::INTERNAL_ERROR,
                    "the target failed with a message that is too long to pass",
                );
                let told = self.fail(&Failure { end: refused(&refusal) })?;
                told.unwrap_or(refusal).write(out);
            }
            _ => {}
        }
        Ok(())
    }
}
