//! From the target to the client: which reply belongs to what was sent, what of it may pass, and what the recording gets.

use bytes::Buf;
use bytes::BytesMut;

use crate::domain::Denied;
use crate::mask::Notes;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::reply;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::rows::Reach;
use crate::protocol::postgres::rows::clear_notification;
use crate::protocol::postgres::rows::clear_report;
use crate::protocol::postgres::rows::clear_status;
use crate::protocol::postgres::session::owed::What;
use crate::protocol::postgres::session::run::Copied;
use crate::protocol::postgres::session::run::End;
use crate::protocol::postgres::session::run::Run;
use crate::protocol::postgres::session::run::Running;
use crate::protocol::postgres::session::shared::Common;
use crate::protocol::postgres::session::shared::Copying;
use crate::protocol::postgres::wire::back::BackMessage;
use crate::protocol::postgres::wire::back::CommandTag;
use crate::protocol::postgres::wire::back::Field;
use crate::protocol::postgres::wire::back::ParameterStatus;
use crate::protocol::postgres::wire::back::Report;
use crate::protocol::postgres::wire::back::RowDescription;
use crate::protocol::postgres::wire::back::Severity;
use crate::protocol::postgres::wire::back::Transaction;
use crate::protocol::postgres::wire::back::write_copy_data;
use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::frame::Found;
use crate::protocol::postgres::wire::frame::Header;
use crate::protocol::postgres::wire::frame::Scanner;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::BackTag;
use crate::protocol::postgres::wire::tag::Tag;

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// The target sent what is no message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The target sent what nothing asked for.
    #[error("the target sent {found} where it owed {owed}")]
    Unexpected {
        /// What came.
        found: &'static str,
        /// What should have come.
        owed: &'static str,
    },
    /// Texts would be read in another way than they are judged.
    #[error("the target has changed client_encoding, and this gateway reads UTF8 only")]
    Encoding,
    /// What came back could not be recorded.
    #[error("what came back could not be recorded")]
    Unrecorded,
    /// A reply was cut at a limit when the target had already gone on.
    #[error("a statement was cut at a limit, and what was sent behind it could not be stopped any more")]
    Cut,
    /// A message that must be looked at whole is longer than can be kept.
    #[error("the target sent a {0} that is too long to be looked at")]
    TooLong(&'static str),
}

impl From<Denied> for Lost {
    fn from(_denied: Denied) -> Self {
        Self::Unrecorded
    }
}

/// A long frame that is passing in pieces.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Long {
    /// An error whose text is not looked at: it is reworded when all of it has come.
    Error,
    /// Its pieces go on.
    Passes,
    /// Its pieces do not.
    Withheld,
}

/// Reads what the target sends.
pub(super) struct Back {
    shared: Common,
    scanner: Scanner<BackTag>,
    long: Option<Long>,
}

impl Back {
    /// A reader of a session that begins.
    pub(super) fn new(shared: Common, mut scanner: Scanner<BackTag>) -> Self {
        scanner.session_begins();
        Self { shared, scanner, long: None }
    }

    /// Whether what was taken so far ends between two messages.
    pub(super) fn is_between(&self) -> bool {
        self.long.is_none()
    }

    /// Takes all frames out of `input` and appends to `out` what the client gets of them.
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
            let mut queue = self.shared.queue.borrow_mut();
            let swallows = queue.swallows();
            (swallows, matches!(queue.front().map(|owed| &owed.what), Some(What::Query { failed: true, .. })))
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
            // Its client was told that it failed.
            return Ok(());
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
            // Replication and calls by oid are never sent, so their answers cannot come; the others belong to a login.
            BackTag::CopyBothResponse
            | BackTag::FunctionCallResponse
            | BackTag::Authentication
            | BackTag::BackendKeyData
            | BackTag::NegotiateProtocolVersion => Err(self.unexpected(tag)),
        }
    }

    /// Where masked values may turn up in what is said now: constraints may speak of rows that an earlier command of the transaction has
    /// changed, and settings are told of when a series is over.
    fn reach(&self) -> Reach {
        let now = match self.shared.queue.borrow_mut().front().map(|owed| &owed.what) {
            Some(
                What::Query { run: Some(run), .. } | What::Execute(run) | What::Bind { run: Some(run), .. },
            ) => run.get().reach(),
            _ => Reach::NOTHING,
        };
        now.join(self.shared.reached.get())
    }

    /// A notice or notification, as the client may see it.
    fn noticed(&mut self, tag: BackTag, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let governed = self.shared.seat.governed();
        let mut notes = Notes::default();
        let cleared = match BackMessage::read(tag, body(frame))? {
            BackMessage::NoticeResponse(report) => {
                clear_report(tag, &report, &governed.plan, self.reach(), &mut notes)
            }
            BackMessage::NotificationResponse(notification) => {
                clear_notification(&notification, &governed.plan, &mut notes)
            }
            _ => None,
        };
        out.extend_from_slice(cleared.as_deref().unwrap_or(frame));
        Ok(())
    }

    /// What runs at the front, if rows or copied data may come of it.
    fn running(&self) -> Option<Run> {
        match &self.shared.queue.borrow_mut().front()?.what {
            What::Query { run, failed: false, .. } => run.clone(),
            What::Execute(run) => Some(run.clone()),
            _ => None,
        }
    }

    fn unexpected(&self, tag: BackTag) -> Lost {
        let owed = match self.shared.queue.borrow_mut().front().map(|owed| &owed.what) {
            None => "nothing",
            Some(What::Bind { .. }) => "the answer to a Bind",
            Some(What::Close { .. }) => "the answer to a Close",
            Some(What::DescribePortal { .. } | What::DescribeStatement) => "the answer to a Describe",
            Some(What::Execute(_)) => "the answer to an Execute",
            Some(What::FunctionCall) => "the answer to a FunctionCall",
            Some(What::Parse { .. }) => "the answer to a Parse",
            Some(What::Query { .. }) => "the answer to a Query",
            Some(What::Sync) => "the answer to a Sync",
        };
        Lost::Unexpected { found: tag.name(), owed }
    }

    fn row(&mut self, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let Some(run) = self.running() else { return Err(self.unexpected(BackTag::DataRow)) };
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

    /// Whether the connection's limit of rows is reached: then what comes is cut, and the statement cancelled.
    fn is_over_limit(&self, run: &mut Running) -> bool {
        let Some(limit) = self.shared.rows.filter(|limit| run.all_rows >= *limit) else { return false };
        let message = format!("the statement gives more than the {limit} rows that this connection allows");
        self.cut(run, Refusal::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        true
    }

    /// Nothing more of this command reaches the client but this error; the target is asked to stop.
    fn cut(&self, run: &mut Running, refusal: Refusal) {
        run.cut = Some(refusal);
        self.shared.cancel.notify_one();
    }

    fn copied(&mut self, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let Some(run) = self.running() else { return Err(self.unexpected(BackTag::CopyData)) };
        let mut run = run.get();
        let Some(copied) = run.copied.as_mut().filter(|copied| copied.out) else {
            return Err(self.unexpected(BackTag::CopyData));
        };
        copied.messages = copied.messages.saturating_add(1);
        let bytes = u64::try_from(body(frame).len()).unwrap_or(u64::MAX);
        copied.bytes = copied.bytes.saturating_add(bytes);
        if run.cut.is_some() {
            return Ok(());
        }
        if run.is_masked() {
            self.copy_masked(&mut run, frame, out);
        } else {
            out.extend_from_slice(frame);
        }
        Ok(())
    }

    /// Data of a copy whose text may not reach masked columns: what is found in it by shape is replaced.
    fn copy_masked(&self, run: &mut Running, frame: &[u8], out: &mut BytesMut) {
        let governed = self.shared.seat.governed();
        let mut notes = Notes::default();
        let Ok(text) = std::str::from_utf8(body(frame)) else {
            let message =
                "a part of a copy was withheld because it is no text, and values in it must be masked";
            self.cut(run, Refusal::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
            return;
        };
        match governed.plan.text(text, "copy", &mut notes) {
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

    fn described(&mut self, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let columns = RowDescription::read(body(frame))?;
        let mut queue = self.shared.queue.borrow_mut();
        let (run, injected, stays) = match queue.front().map(|owed| &owed.what) {
            Some(What::Query { run: Some(run), failed: false, .. }) => (Some(run.clone()), false, true),
            Some(What::DescribePortal { run, injected }) => (run.clone(), *injected, false),
            Some(What::DescribeStatement) => (None, false, false),
            _ => {
                drop(queue);
                return Err(self.unexpected(BackTag::RowDescription));
            }
        };
        if !stays {
            queue.pop();
        }
        drop(queue);
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
                self.shared.catalog_changed();
            }
        }
        Ok(())
    }

    fn acknowledged(&mut self, tag: BackTag, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let mut queue = self.shared.queue.borrow_mut();
        let mut names = self.shared.names.borrow_mut();
        let number = queue.front().map_or(0, |owed| owed.number);
        let shown = match (tag, queue.front().map(|owed| &owed.what)) {
            (BackTag::ParseComplete, Some(What::Parse { .. }))
            | (BackTag::BindComplete, Some(What::Bind { .. })) => true,
            (BackTag::CloseComplete, Some(What::Close { portal, name })) => {
                if *portal {
                    names.forget_portal(name, number);
                } else {
                    names.forget_statement(name, number);
                }
                true
            }
            (BackTag::ParameterDescription, Some(What::DescribeStatement)) => {
                // The columns follow.
                out.extend_from_slice(frame);
                return Ok(());
            }
            (BackTag::NoData, Some(What::DescribeStatement)) => true,
            (BackTag::NoData, Some(What::DescribePortal { run, injected })) => {
                if let Some(run) = run {
                    run.get().gives_nothing();
                }
                !injected
            }
            _ => {
                drop((queue, names));
                return Err(self.unexpected(tag));
            }
        };
        queue.pop();
        if shown {
            out.extend_from_slice(frame);
        }
        Ok(())
    }

    fn completed(&mut self, tag: BackTag, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let Some(run) = self.running() else { return Err(self.unexpected(tag)) };
        let end = match tag {
            BackTag::CommandComplete => {
                let tag = CommandTag::read(body(frame))?;
                End::Complete(String::from_utf8_lossy(tag.text).into_owned())
            }
            BackTag::PortalSuspended => End::Suspended,
            _ => End::Complete(String::new()),
        };
        let mut run = run.get();
        if let Some(refusal) = run.cut.take() {
            // The target was done before it could be stopped: the client must not take what it has for all of it.
            refusal.write(out);
            run.end(&refused(&refusal), self.shared.transaction.get())?;
            drop(run);
            return self.fails_late();
        }
        run.end(&end, self.shared.transaction.get())?;
        drop(run);
        self.stop_copying();
        let mut queue = self.shared.queue.borrow_mut();
        match queue.front().map(|owed| (&mut owed.what, owed.number)) {
            Some((What::Execute(run), number)) => {
                if tag != BackTag::PortalSuspended {
                    let mut run = run.get();
                    self.shared.names.borrow_mut().ran(run.definition(), number);
                    run.give_back();
                }
                queue.pop();
            }
            Some((What::Query { done, .. }, _)) if tag != BackTag::PortalSuspended => *done = true,
            _ => {
                drop(queue);
                return Err(self.unexpected(tag));
            }
        }
        out.extend_from_slice(frame);
        Ok(())
    }

    /// The client was told of an error where the target knows of none. What the target still says, up to where a client reads on after
    /// an error, is not for it.
    fn fails_late(&self) -> Result<(), Lost> {
        self.stop_copying();
        let mut queue = self.shared.queue.borrow_mut();
        if let Some(What::Query { failed, done, .. }) = queue.front().map(|owed| &mut owed.what) {
            (*failed, *done) = (true, true);
        } else {
            queue.pop();
            if queue.changes_before_sync() {
                // The client would take it for passed over, and it is not.
                return Err(Lost::Cut);
            }
            queue.swallow();
        }
        Ok(())
    }

    fn copies(&mut self, tag: BackTag, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let Some(ran) = self.running() else { return Err(self.unexpected(tag)) };
        let mut run = ran.get();
        match tag {
            BackTag::CopyDone => {
                if !run.copied.is_some_and(|copied| copied.out) {
                    return Err(self.unexpected(tag));
                }
            }
            BackTag::CopyInResponse => {
                run.copied = Some(Copied { out: false, bytes: 0, messages: 0 });
                drop(run);
                let copying = Copying::of(&ran);
                *self.shared.copying.borrow_mut() = copying;
                self.shared.queue.borrow_mut().copies_in();
            }
            _ => run.copied = Some(Copied { out: true, bytes: 0, messages: 0 }),
        }
        out.extend_from_slice(frame);
        Ok(())
    }

    fn failed(&mut self, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let BackMessage::ErrorResponse(report) = BackMessage::read(BackTag::ErrorResponse, body(frame))?
        else {
            return Err(self.unexpected(BackTag::ErrorResponse));
        };
        if matches!(report.severity(), Some(Severity::Fatal | Severity::Panic)) {
            // It speaks of the session, not of what was sent; its words may name the target's user or host.
            let code = report.code().unwrap_or(SqlState::CONNECTION_FAILURE);
            Refusal::new(code, "the target has ended the session").write_fatal(out);
            self.shared.said.set(true);
            return Ok(());
        }
        let governed = self.shared.seat.governed();
        let mut notes = Notes::default();
        let cleared = clear_report(BackTag::ErrorResponse, &report, &governed.plan, self.reach(), &mut notes);
        let failure = match &cleared {
            None => Failure::of(&report),
            Some(cleared) => match BackMessage::read(BackTag::ErrorResponse, body(cleared))? {
                BackMessage::ErrorResponse(report) => Failure::of(&report),
                _ => Failure::of(&report),
            },
        };
        match self.fail(&failure)? {
            Some(refusal) => refusal.write(out),
            None => out.extend_from_slice(cleared.as_deref().unwrap_or(frame)),
        }
        Ok(())
    }

    /// The message at the front has failed. Gives what the client is told in place of the target's error.
    fn fail(&mut self, failure: &Failure) -> Result<Option<Refusal>, Lost> {
        self.stop_copying();
        let mut queue = self.shared.queue.borrow_mut();
        let Some(front) = queue.front() else {
            drop(queue);
            return Err(self.unexpected(BackTag::ErrorResponse));
        };
        let (mut told, number) = (front.refusal.take(), front.number);
        let run = match &mut front.what {
            What::Query { run, failed, done } => {
                (*failed, *done) = (true, true);
                run.clone()
            }
            What::Execute(run) => Some(run.clone()),
            What::Bind { run, .. } => run.clone(),
            _ => None,
        };
        if let Some(run) = &run {
            let mut run = run.get();
            self.shared.names.borrow_mut().failed(run.definition(), number);
            told = told.or_else(|| run.cut.take());
            let end = told.as_ref().map_or_else(|| failure.end(), refused);
            run.sent();
            run.end(&end, self.shared.transaction.get())?;
        }
        let extended = !matches!(front.what, What::Query { .. } | What::FunctionCall | What::Sync);
        if extended {
            let mut skipped = queue.fail();
            if !skipped.is_empty() {
                self.forget_failed(skipped.remove(0).what);
            }
            // From the last to the first, so that each name is again what it was before the series.
            for owed in skipped.into_iter().rev() {
                match owed.what {
                    What::Bind { portal, before, run } => {
                        self.shared.names.borrow_mut().restore_portal(&portal, before);
                        drop(run);
                    }
                    What::Parse { name, before } => {
                        self.shared.names.borrow_mut().restore_statement(&name, before);
                    }
                    _ => {}
                }
            }
        }
        Ok(told)
    }

    /// What a name is when its own message has failed: what it was, but for the unnamed ones, which the target has dropped first.
    fn forget_failed(&self, what: What) {
        let mut names = self.shared.names.borrow_mut();
        match what {
            What::Bind { portal, before, .. } => {
                let before = before.filter(|_| !portal.is_empty());
                names.restore_portal(&portal, before);
            }
            What::Parse { name, before } => {
                let before = before.filter(|_| !name.is_empty());
                names.restore_statement(&name, before);
            }
            _ => {}
        }
    }

    fn stop_copying(&self) {
        *self.shared.copying.borrow_mut() = None;
    }

    fn ready(&mut self, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let transaction = Transaction::read(body(frame))?;
        self.shared.transaction.set(transaction);
        let popped = {
            let mut queue = self.shared.queue.borrow_mut();
            let fits = matches!(
                queue.front().map(|owed| &owed.what),
                Some(What::Query { done: true, .. } | What::Sync | What::FunctionCall)
            );
            if fits { queue.pop() } else { None }
        };
        let Some(owed) = popped else { return Err(self.unexpected(BackTag::ReadyForQuery)) };
        let mut names = self.shared.names.borrow_mut();
        if let What::Query { run: Some(run), failed: false, .. } = &owed.what {
            names.ran(run.get().definition(), owed.number);
        }
        if transaction == Transaction::Idle {
            names.transaction_ended(owed.number);
            self.shared.reached.set(Reach::NOTHING);
            if self.shared.ddl.replace(false) {
                self.shared.catalog_changed();
            }
        }
        drop(names);
        out.extend_from_slice(frame);
        Ok(())
    }

    fn parameter(&mut self, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let status = ParameterStatus::read(body(frame))?;
        match (status.name, status.value) {
            (b"client_encoding", b"UTF8") => {}
            (b"client_encoding", _) => return Err(Lost::Encoding),
            (b"standard_conforming_strings", value) => {
                self.shared.lexing.set(Lexing { standard_conforming_strings: value != b"off" });
            }
            _ => {}
        }
        let governed = self.shared.seat.governed();
        let cleared = clear_status(&status, &governed.plan, self.reach(), &mut Notes::default());
        out.extend_from_slice(cleared.as_deref().unwrap_or(frame));
        Ok(())
    }

    fn begin_long(&mut self, header: Header<BackTag>, part: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let not_for_the_client = {
            let mut queue = self.shared.queue.borrow_mut();
            queue.swallows()
                || matches!(queue.front().map(|owed| &owed.what), Some(What::Query { failed: true, .. }))
        };
        if not_for_the_client && header.tag != BackTag::ErrorResponse {
            self.long = Some(Long::Withheld);
            return Ok(());
        }
        let run = self.running();
        let long = match (header.tag, run) {
            (BackTag::ErrorResponse, _) => Long::Error,
            (BackTag::NoticeResponse | BackTag::NotificationResponse, _) => Long::Withheld,
            (BackTag::DataRow, Some(run)) => {
                let mut run = run.get();
                if run.cut.is_some() || self.is_over_limit(&mut run) {
                    Long::Withheld
                } else if run.passes_rows() {
                    run.count_row(u64::try_from(header.frame()).unwrap_or(u64::MAX));
                    run.skips_row();
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
                if run.cut.is_none() && run.is_masked() {
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

    fn piece(&mut self, part: &[u8], left: u32, out: &mut BytesMut) -> Result<(), Lost> {
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

/// How a statement failed at the target.
struct Failure {
    end: End,
}

impl Failure {
    fn of(report: &Report<'_>) -> Self {
        let state = report.code().map_or_else(|| "?????".to_owned(), |code| code.to_string());
        let message = String::from_utf8_lossy(report.field(Field::MESSAGE).unwrap_or_default()).into_owned();
        Self { end: End::Error { state, message } }
    }

    fn end(&self) -> End {
        self.end.clone()
    }
}

/// The end of what the gateway refused or cut.
fn refused(refusal: &Refusal) -> End {
    End::Error { state: refusal.state().to_string(), message: refusal.message().to_owned() }
}
