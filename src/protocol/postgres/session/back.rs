//! The direction from target to client: matches each reply to what was sent, decides what may pass, and
//! records it.

mod copy;
mod fail;
mod long;
mod said;

use std::rc::Rc;

use bytes::Buf;
use bytes::BytesMut;

use crate::domain::Denied;
use crate::protocol::postgres::reply;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::rows::Exposure;
use crate::protocol::postgres::session::back::fail::refused;
use crate::protocol::postgres::session::back::long::Long;
use crate::protocol::postgres::session::pending::ReplyKind;
use crate::protocol::postgres::session::run::Run;
use crate::protocol::postgres::session::run::Running;
use crate::protocol::postgres::session::run::StatementEnd;
use crate::protocol::postgres::session::state::SessionState;
use crate::protocol::postgres::targets::Change;
use crate::protocol::postgres::wire::back::CommandTag;
use crate::protocol::postgres::wire::back::RowDescription;
use crate::protocol::postgres::wire::back::Transaction;
use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::frame::Found;
use crate::protocol::postgres::wire::frame::Scanner;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::BackTag;
use crate::protocol::postgres::wire::tag::Tag;

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// The target sent something that is not a valid message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The target sent a message that is not due.
    #[error("the target sent {found} where it owed {owed}")]
    Unexpected {
        /// The message that came.
        found: &'static str,
        /// The reply that was due.
        owed: &'static str,
    },
    /// The target would read SQL in another encoding than it is judged in.
    #[error("the target has changed client_encoding, and this gateway reads UTF8 only")]
    Encoding,
    /// The session could write now, on a read-only connection.
    #[error(
        "the target says that the session may write now, and this connection is read-only (readonly = true)"
    )]
    Writable,
    /// The reply could not be recorded.
    #[error("what came back could not be recorded")]
    Unrecorded,
    /// A reply was cut at a limit when the target had already gone on.
    #[error("a statement was cut at a limit, and what was sent behind it could not be stopped any more")]
    Cut,
    /// A message that must be read as a whole is too long to be kept.
    #[error("the target sent a {0} that is too long to be looked at")]
    TooLong(&'static str),
}

impl From<Denied> for Lost {
    fn from(_denied: Denied) -> Self {
        Self::Unrecorded
    }
}

/// The reader of the target's messages.
pub(super) struct Back {
    session: Rc<SessionState>,
    scanner: Scanner<BackTag>,
    long: Option<Long>,
}

impl Back {
    /// Creates the reader for a session that begins.
    pub(super) fn new(session: Rc<SessionState>, mut scanner: Scanner<BackTag>) -> Self {
        scanner.session_begins();
        Self { session, scanner, long: None }
    }

    /// Returns whether the bytes taken so far end between two messages.
    pub(super) fn is_between(&self) -> bool {
        self.long.is_none()
    }

    /// Takes all complete messages out of `input`, and appends to `out` what the client may see of them.
    pub(super) fn take(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<(), Lost> {
        let mut taken = 0_usize;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            let found = self.scanner.look(rest)?;
            let bytes = found.bytes();
            let part = rest.get(..bytes).unwrap_or_default();
            match found {
                Found::Partial { .. } => break,
                Found::Frame(header) => self.frame(header.tag, part, out)?,
                Found::Long(header) => self.begin_long(header, part, out)?,
                Found::Piece { left, .. } => self.piece(part, left, out)?,
            }
            taken = taken.saturating_add(bytes);
        }
        input.advance(taken);
        Ok(())
    }

    fn frame(&mut self, tag: BackTag, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let (swallows, failed) = {
            let mut pending = self.session.pending.borrow_mut();
            let swallows = pending.swallows();
            (swallows, matches!(pending.front_kind(), Some(ReplyKind::Query { failed: true, .. })))
        };
        let of_the_session = matches!(
            tag,
            BackTag::ReadyForQuery
                | BackTag::ParameterStatus
                | BackTag::NoticeResponse
                | BackTag::NotificationResponse
        );
        if swallows && !of_the_session {
            let mut nobodys = BytesMut::new();
            return self.message(tag, frame, &mut nobodys);
        }
        if failed && !of_the_session {
            return self.unheard(tag, frame);
        }
        self.message(tag, frame, out)
    }

    fn message(&mut self, tag: BackTag, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        match tag {
            BackTag::DataRow => self.row(frame, out),
            BackTag::CopyData => self.copied(frame, out),
            BackTag::RowDescription => self.described(frame, out),
            BackTag::ErrorResponse => self.failed(frame, out),
            BackTag::ParameterStatus => self.parameter(frame, out),
            BackTag::NoticeResponse | BackTag::NotificationResponse => self.noticed(tag, frame, out),
            BackTag::CommandComplete | BackTag::EmptyQueryResponse | BackTag::PortalSuspended => {
                self.completed(tag, frame, out)
            }
            BackTag::ReadyForQuery => self.ready(frame, out),
            BackTag::ParseComplete
            | BackTag::BindComplete
            | BackTag::CloseComplete
            | BackTag::ParameterDescription
            | BackTag::NoData => self.acknowledged(tag, frame, out),
            BackTag::CopyInResponse | BackTag::CopyOutResponse | BackTag::CopyDone => {
                self.copies(tag, frame, out)
            }
            // Replication and calls by oid are never sent, so their replies cannot come. The others belong to
            // a login.
            BackTag::CopyBothResponse
            | BackTag::FunctionCallResponse
            | BackTag::Authentication
            | BackTag::BackendKeyData
            | BackTag::NegotiateProtocolVersion => Err(self.unexpected(tag)),
        }
    }

    /// Returns where masked values may appear in what the target sends now. The open transaction counts too:
    /// constraint errors may quote rows that an earlier command has changed, and settings are reported when a
    /// series ends.
    fn exposure(&self) -> Exposure {
        let now = match self.session.pending.borrow().front_kind() {
            Some(
                ReplyKind::Query { run: Some(run), .. }
                | ReplyKind::Execute(run)
                | ReplyKind::Bind { run: Some(run), .. },
            ) => run.get().exposure(),
            _ => Exposure::NOTHING,
        };
        now.join(self.session.transaction.exposure())
    }

    /// Returns the running command whose reply is due, if it may return rows or copy data.
    fn running(&self) -> Option<Run> {
        match self.session.pending.borrow().front_kind()? {
            ReplyKind::Query { run, failed: false, .. } => run.clone(),
            ReplyKind::Execute(run) => Some(run.clone()),
            _ => None,
        }
    }

    /// Returns the running command that returns a row now. In the simple query protocol its columns come
    /// first.
    fn giving_rows(&self) -> Result<Run, Lost> {
        let run = self.running().ok_or_else(|| self.unexpected(BackTag::DataRow))?;
        if self.is_simple() && !run.get().is_described() {
            return Err(self.unexpected(BackTag::DataRow));
        }
        Ok(run)
    }

    /// Returns whether the reply to a simple query is due.
    fn is_simple(&self) -> bool {
        matches!(self.session.pending.borrow().front_kind(), Some(ReplyKind::Query { .. }))
    }

    fn unexpected(&self, tag: BackTag) -> Lost {
        let owed = match self.session.pending.borrow().front_kind() {
            None => "nothing",
            Some(ReplyKind::Bind { .. }) => "the answer to a Bind",
            Some(ReplyKind::Close { .. }) => "the answer to a Close",
            Some(ReplyKind::DescribePortal { .. } | ReplyKind::DescribeStatement) => {
                "the answer to a Describe"
            }
            Some(ReplyKind::Execute(_)) => "the answer to an Execute",
            Some(ReplyKind::FunctionCall) => "the answer to a FunctionCall",
            Some(ReplyKind::Parse { .. }) => "the answer to a Parse",
            Some(ReplyKind::Query { .. }) => "the answer to a Query",
            Some(ReplyKind::Sync) => "the answer to a Sync",
        };
        Lost::Unexpected { found: tag.name(), owed }
    }

    fn row(&mut self, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let run = self.giving_rows()?;
        let mut run = run.get();
        if run.cut.is_some() {
            return Ok(());
        }
        if self.is_over_limit(&mut run) {
            return Ok(());
        }
        let from = out.len();
        if let Err(error) = run.pass_row(frame, out) {
            out.truncate(from);
            let message = format!("a row was withheld because it cannot be masked: {error}");
            self.cut(&mut run, Refusal::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
            return Ok(());
        }
        run.count_row(u64::try_from(out.len().saturating_sub(from)).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Returns whether the connection's row limit is reached. If so, cuts the reply and cancels the
    /// statement.
    fn is_over_limit(&self, run: &mut Running) -> bool {
        let Some(limit) = self.session.row_limit.filter(|limit| run.all_rows >= *limit) else { return false };
        let message = format!("the statement gives more than the {limit} rows that this connection allows");
        self.cut(run, Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        true
    }

    /// Cuts a reply: the client gets only this error, and the target is asked to cancel.
    fn cut(&self, run: &mut Running, refusal: Refusal) {
        run.cut = Some(refusal);
        self.session.signals.cancel.notify_one();
    }

    fn described(&mut self, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let columns = RowDescription::read(body(frame))?;
        let mut pending = self.session.pending.borrow_mut();
        let (run, injected, stays) = match pending.front_kind() {
            Some(ReplyKind::Query { run: Some(run), failed: false, .. }) => (Some(run.clone()), false, true),
            Some(ReplyKind::DescribePortal { run, injected }) => (run.clone(), *injected, false),
            Some(ReplyKind::DescribeStatement) => (None, false, false),
            _ => {
                drop(pending);
                return Err(self.unexpected(BackTag::RowDescription));
            }
        };
        if !stays {
            pending.pop();
        }
        drop(pending);
        if !injected {
            out.extend_from_slice(frame);
        }
        if let Some(run) = run {
            let (withheld, stale) = run.get().describe(&columns);
            if let Some(withheld) = withheld {
                let hint = "Columns that are computed from masked ones are not shown; select other columns.";
                reply::notice(out, SqlState::WITHHELD, &withheld, hint);
            }
            if stale {
                self.session.catalog_changed(Change::Relations);
            }
        }
        Ok(())
    }

    fn acknowledged(&mut self, tag: BackTag, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let mut pending = self.session.pending.borrow_mut();
        let mut names = self.session.names.borrow_mut();
        let number = pending.front().map_or(0, |reply| reply.number);
        let shown = match (tag, pending.front_kind()) {
            (BackTag::CloseComplete, Some(ReplyKind::Close { portal, name })) => {
                if *portal {
                    names.forget_portal(name, number);
                } else {
                    names.forget_statement(name, number);
                }
                true
            }
            (BackTag::ParameterDescription, Some(ReplyKind::DescribeStatement)) => {
                // The columns follow in a message of their own.
                out.extend_from_slice(frame);
                return Ok(());
            }
            (BackTag::ParseComplete, Some(ReplyKind::Parse { .. }))
            | (BackTag::BindComplete, Some(ReplyKind::Bind { .. }))
            | (BackTag::NoData, Some(ReplyKind::DescribeStatement)) => true,
            (BackTag::NoData, Some(ReplyKind::DescribePortal { run, injected })) => {
                if let Some(run) = run {
                    run.get().gives_nothing();
                }
                !injected
            }
            _ => {
                drop((pending, names));
                return Err(self.unexpected(tag));
            }
        };
        pending.pop();
        if shown {
            out.extend_from_slice(frame);
        }
        Ok(())
    }

    /// Reads from this message how a statement ended.
    fn statement_end(&self, tag: BackTag, frame: &[u8]) -> Result<StatementEnd, Lost> {
        Ok(match tag {
            BackTag::CommandComplete => {
                let tag = CommandTag::read(body(frame))?;
                self.session.settings.done(&String::from_utf8_lossy(tag.text));
                StatementEnd::Complete(String::from_utf8_lossy(tag.text).into_owned())
            }
            BackTag::PortalSuspended => StatementEnd::Suspended,
            _ => StatementEnd::Complete(String::new()),
        })
    }

    fn completed(&mut self, tag: BackTag, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let Some(run) = self.running() else { return Err(self.unexpected(tag)) };
        let end = self.statement_end(tag, frame)?;
        let mut run = run.get();
        if self.is_simple() && !run.statement_done() {
            return Err(self.unexpected(tag));
        }
        if let Some(refusal) = run.cut.take() {
            self.end_cut(&mut run, refusal, end, out)?;
            drop(run);
            return self.fails_late();
        }
        run.end(&end, self.session.transaction.status())?;
        drop(run);
        self.stop_copying();
        if tag == BackTag::CommandComplete {
            self.session.transaction.statement_done();
        }
        let mut pending = self.session.pending.borrow_mut();
        match pending.front().map(|reply| (&mut reply.kind, reply.number)) {
            Some((ReplyKind::Execute(run), number)) => {
                if tag != BackTag::PortalSuspended {
                    let mut run = run.get();
                    self.session.names.borrow_mut().ran(run.definition(), number);
                    self.session.search_path.done(run.definition(), number);
                    run.give_back();
                }
                pending.pop();
            }
            Some((ReplyKind::Query { done, run, .. }, number)) if tag != BackTag::PortalSuspended => {
                *done = true;
                if let Some(run) = run {
                    self.session.search_path.done(run.get().definition(), number);
                }
            }
            _ => {
                drop(pending);
                return Err(self.unexpected(tag));
            }
        }
        out.extend_from_slice(frame);
        Ok(())
    }

    /// Ends a statement that was cut, but that the target completed before it could be cancelled. The client
    /// must neither take the rows it has for all of them, nor believe that nothing was done.
    fn end_cut(
        &self,
        run: &mut Running,
        refusal: Refusal,
        end: StatementEnd,
        out: &mut BytesMut,
    ) -> Result<(), Lost> {
        let (refusal, end) = match end {
            StatementEnd::Complete(tag) if !tag.is_empty() => {
                let refusal = refusal.done_all_the_same(&tag);
                let (state, message) = (refusal.state().to_string(), refusal.message().to_owned());
                (refusal, StatementEnd::CutDone { tag, state, message })
            }
            _ => {
                let end = refused(&refusal);
                (refusal, end)
            }
        };
        refusal.write(out);
        run.end(&end, self.session.transaction.status())?;
        Ok(())
    }

    fn ready(&mut self, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let transaction = Transaction::read(body(frame))?;
        let before = self.session.transaction.ready(transaction);
        self.session.search_path.ready(before, transaction);
        let popped = {
            let mut pending = self.session.pending.borrow_mut();
            let fits = matches!(
                pending.front_kind(),
                Some(ReplyKind::Query { done: true, .. } | ReplyKind::Sync | ReplyKind::FunctionCall)
            );
            if fits { pending.pop() } else { None }
        };
        let Some(reply) = popped else { return Err(self.unexpected(BackTag::ReadyForQuery)) };
        self.session.settings.ready(before, transaction, reply.number);
        let mut names = self.session.names.borrow_mut();
        if let ReplyKind::Query { run: Some(run), failed: false, .. } = &reply.kind {
            names.ran(run.get().definition(), reply.number);
        }
        if transaction == Transaction::Idle {
            names.transaction_ended(reply.number);
            // Messages sent after it may have begun another transaction by now.
            let next_began = self.session.last_changes.catalog_after(reply.number);
            let more_sent = !self.session.pending.borrow().is_empty();
            self.session.catalog_changed(self.session.transaction.ended(more_sent, next_began));
        }
        drop(names);
        self.session.seat.tell_left_out()?;
        out.extend_from_slice(frame);
        Ok(())
    }
}
