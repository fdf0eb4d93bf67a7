//! The direction from client to target: gathers messages up to the end of a series, judges them, admits them
//! together, and sends them with one write.

use std::io;
use std::rc::Rc;

use bytes::Bytes;
use bytes::BytesMut;
use tokio::io::AsyncReadExt;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::protocol::postgres::session::admit::Verdict;
use crate::protocol::postgres::session::catalog_access::keep_fresh;
use crate::protocol::postgres::session::client_gone::unless_it_leaves;
use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::session::state::SessionState;
use crate::protocol::postgres::session::step::Kind;
use crate::protocol::postgres::session::step::Step;
use crate::protocol::postgres::upstream::Control;
use crate::protocol::postgres::upstream::Target;
use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::error::WriteError;
use crate::protocol::postgres::wire::frame::Header;
use crate::protocol::postgres::wire::frame::Part;
use crate::protocol::postgres::wire::frame::Scanner;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::front::write_sync;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::FrontTag;
use crate::transport::stream::ReadSide;

/// The bytes of messages that are gathered before they are judged, if no end of a series comes.
const GATHERED: usize = 256 << 10;
/// The bytes read at a time.
const READ: usize = 8 << 10;
/// The most replies that may be due before nothing more is sent.
const OWED: usize = 16_384;
/// The most bytes that may wait for the target before they are sent.
const SENT: usize = 64 << 10;

/// Why the client's side ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum Gone {
    /// It sent `Terminate`, or closed its stream.
    #[error("the client left")]
    Left,
    /// It sent something that is not a valid message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A message to the target cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The stream to the target broke.
    #[error("the stream to the target broke")]
    Target(#[source] io::Error),
}

/// A message that is too long to be kept, while its pieces arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Long {
    /// Data of a `COPY … FROM STDIN`: passed on if a copy is running.
    Copy,
    /// A message that must be judged as a whole, and cannot be: refused once all of it has arrived.
    Refused(FrontTag),
}

/// The reader of the client's messages.
pub(super) struct Front {
    pub(super) session: Rc<SessionState>,
    pub(super) from: ReadSide,
    pub(super) input: BytesMut,
    scanner: Scanner<FrontTag>,
    pub(super) target: Target,
    batch: Vec<(FrontTag, Bytes)>,
    gathered: usize,
    long: Option<Long>,
    number: Number,
    /// The number of `Sync` that arrived during a copy, with no copy data after them.
    overdue: u32,
}

impl Front {
    /// Creates the reader of a client that has logged in; `input` is what it has sent already.
    pub(super) fn new(
        session: Rc<SessionState>,
        from: ReadSide,
        input: BytesMut,
        mut scanner: Scanner<FrontTag>,
        target: Target,
    ) -> Self {
        scanner.session_begins();
        Self {
            session,
            from,
            input,
            scanner,
            target,
            batch: Vec::new(),
            gathered: 0,
            long: None,
            number: 0,
            overdue: 0,
        }
    }

    /// Returns the state that both directions share.
    pub(super) fn session(&self) -> &SessionState {
        &self.session
    }

    /// Sends what waits for the target. If the target takes nothing, the client waits, and is noticed if it
    /// leaves.
    pub(super) async fn flush(&mut self) -> Result<(), Gone> {
        let flushed = self.target.flush();
        unless_it_leaves(&mut self.from, &mut self.input, flushed).await?.map_err(Gone::Target)
    }

    /// Returns the writer to the target.
    pub(super) fn target(&mut self) -> &mut Target {
        &mut self.target
    }

    /// Serves the client until it leaves or something fails. Returns why.
    pub(super) async fn run(&mut self) -> Gone {
        loop {
            if let Err(gone) = self.turn().await {
                return gone;
            }
        }
    }

    async fn turn(&mut self) -> Result<(), Gone> {
        match self.scanner.take(&mut self.input)? {
            Some(Part::Frame(tag, frame)) => self.frame(tag, frame.freeze()).await,
            Some(Part::Long(header, bytes)) => self.begin_long(header, &bytes).await,
            Some(Part::Piece(bytes, left)) => self.piece(&bytes, left).await,
            None => {
                let before = self.input.len();
                self.flush().await?;
                if self.input.len() > before {
                    return Ok(());
                }
                if self.input.is_empty() && self.input.capacity() > 4 * READ {
                    self.input = BytesMut::new();
                }
                self.input.reserve(READ);
                let read = tokio::select! {
                    read = self.from.read_buf(&mut self.input) => read,
                    () = fails_before_sync(&self.session), if self.overdue > 0 => return self.sync_late().await,
                };
                match read {
                    Ok(0) | Err(_) => Err(Gone::Left),
                    Ok(_) => Ok(()),
                }
            }
        }
    }

    async fn frame(&mut self, tag: FrontTag, frame: Bytes) -> Result<(), Gone> {
        let copies = self.session.copying.borrow().is_some();
        if self.overdue > 0 && !copies {
            self.sync_late().await?;
        }
        match tag {
            FrontTag::CopyData | FrontTag::CopyDone | FrontTag::CopyFail => {
                self.send_batch().await?;
                self.copy(tag, &frame).await
            }
            FrontTag::Terminate => {
                self.send_batch().await?;
                Err(Gone::Left)
            }
            // During a copy the target ignores these. If the copy has failed before it reads a `Sync`, it
            // does not.
            FrontTag::Sync if copies => {
                self.overdue = self.overdue.saturating_add(1);
                Ok(())
            }
            FrontTag::Flush if copies => Ok(()),
            FrontTag::Query | FrontTag::Sync | FrontTag::Flush | FrontTag::FunctionCall => {
                self.gather(tag, frame);
                self.send_batch().await
            }
            FrontTag::Bind
            | FrontTag::Close
            | FrontTag::Describe
            | FrontTag::Execute
            | FrontTag::Parse
            | FrontTag::Password => {
                self.gather(tag, frame);
                if self.gathered > GATHERED { self.send_batch().await } else { Ok(()) }
            }
        }
    }

    fn gather(&mut self, tag: FrontTag, frame: Bytes) {
        self.gathered = self.gathered.saturating_add(frame.len());
        self.batch.push((tag, frame));
    }

    /// Waits until it is known whether a copy takes data. Returns whether one does.
    async fn may_copy(&mut self) -> Result<bool, Gone> {
        loop {
            let news = self.session.signals.progress.notified();
            if self.session.copying.borrow().is_some() {
                return Ok(true);
            }
            if !self.session.pending.borrow().may_copy_in() {
                return Ok(false);
            }
            unless_it_leaves(&mut self.from, &mut self.input, news).await?;
        }
    }

    /// Sends the `Sync` that arrived during a copy that has failed: the target, which failed before it read
    /// them, would answer each. A `Sync` with more copy data after it does not count: it was ignored with the
    /// copy.
    async fn sync_late(&mut self) -> Result<(), Gone> {
        let mut sync = BytesMut::new();
        write_sync(&mut sync);
        let sync = sync.freeze();
        for _ in 0..std::mem::take(&mut self.overdue) {
            self.gather(FrontTag::Sync, sync.clone());
            self.send_batch().await?;
        }
        Ok(())
    }

    /// Passes copy data on. Outside of a copy it is dropped, as the target would ignore it.
    async fn copy(&mut self, tag: FrontTag, frame: &[u8]) -> Result<(), Gone> {
        self.overdue = 0;
        if self.session.copying.borrow().is_none() {
            self.flush().await?;
            if !self.may_copy().await? {
                return Ok(());
            }
        }
        let data = if tag == FrontTag::CopyData { body(frame) } else { &[] };
        self.copy_on(frame, data);
        if tag != FrontTag::CopyData {
            *self.session.copying.borrow_mut() = None;
        }
        if self.target.waiting() > SENT { self.flush().await } else { Ok(()) }
    }

    /// Sends and counts bytes of a copy, if one is running; `data` is the part of `bytes` that is data.
    fn copy_on(&mut self, bytes: &[u8], data: &[u8]) {
        if let Some(copy) = self.session.copying.borrow_mut().as_mut() {
            self.target.copy(&copy.permitted, bytes);
            copy.count(data);
        }
    }

    async fn begin_long(&mut self, header: Header<FrontTag>, bytes: &[u8]) -> Result<(), Gone> {
        if self.overdue > 0 && self.session.copying.borrow().is_none() {
            self.sync_late().await?;
        }
        self.send_batch().await?;
        if header.tag == FrontTag::CopyData {
            self.long = Some(Long::Copy);
            return self.copy(FrontTag::CopyData, bytes).await;
        }
        self.long = Some(Long::Refused(header.tag));
        Ok(())
    }

    async fn piece(&mut self, bytes: &[u8], left: u32) -> Result<(), Gone> {
        let long = if left == 0 { self.long.take() } else { self.long };
        match long {
            Some(Long::Copy) => {
                self.copy_on(bytes, bytes);
                if self.target.waiting() > SENT {
                    return self.flush().await;
                }
                Ok(())
            }
            Some(Long::Refused(tag)) if left == 0 => {
                let message = "the message is longer than this gateway judges; raise limits.body of the connection if it must be";
                let denied = Denied::new(DenyCode::LimitExceeded, message).because("too_long");
                self.number = self.number.saturating_add(1);
                self.session.last_changes.set_first_unsent(self.number.saturating_add(1));
                let refused =
                    self.session.unread(Kind::unnamed(tag), SqlState::PROGRAM_LIMIT_EXCEEDED, denied);
                self.refuse_message(refused, self.number)
            }
            _ => Ok(()),
        }
    }

    /// Waits while too many replies are due: a client that sends without reading waits for its own replies.
    async fn wait_for_answers(&mut self) -> Result<(), Gone> {
        if self.session.pending.borrow().len() < OWED {
            return Ok(());
        }
        self.flush().await?;
        loop {
            let news = self.session.signals.progress.notified();
            if self.session.pending.borrow().len() < OWED {
                return Ok(());
            }
            unless_it_leaves(&mut self.from, &mut self.input, news).await?;
        }
    }

    /// Judges, admits and sends the gathered messages.
    async fn send_batch(&mut self) -> Result<(), Gone> {
        self.wait_for_answers().await?;
        self.gathered = 0;
        let batch = std::mem::take(&mut self.batch);
        let mut steps: Vec<(Number, Step)> = Vec::with_capacity(batch.len());
        // Whether the target skips the following messages, since it fails at one before them.
        let mut passed_over = false;
        for (tag, frame) in batch {
            self.number = self.number.saturating_add(1);
            if tag == FrontTag::Sync {
                passed_over = false;
            }
            // A message that would be skipped is not sent, and not judged or recorded as if it ran.
            if passed_over || (self.session.pending.borrow().skips() && tag != FrontTag::Sync) {
                continue;
            }
            let step = self.settled_step(tag, frame, &mut steps).await?;
            passed_over |= step.fails_series();
            steps.push((self.number, step));
            if matches!(tag, FrontTag::Sync | FrontTag::Query | FrontTag::FunctionCall) {
                self.session.last_changes.end_series(self.number);
            }
        }
        self.send_steps(&mut steps).await
    }

    /// Judges a message. If its meaning depends on replies that are due, waits for them first.
    async fn settled_step(
        &mut self,
        tag: FrontTag,
        frame: Bytes,
        steps: &mut Vec<(Number, Step)>,
    ) -> Result<Step, Gone> {
        let step = self.judge_message(tag, frame.clone(), self.number).await?;
        if !matches!(step, Step::Unsettled) {
            return Ok(step);
        }
        self.send_steps(steps).await?;
        self.session.last_changes.set_first_unsent(self.number);
        self.settle().await?;
        if self.session.pending.borrow().skips() {
            return Ok(Step::Flush);
        }
        match self.judge_message(tag, frame, self.number).await? {
            // Only a running copy keeps the target from answering, and during one it takes no other message.
            Step::Unsettled => {
                let denied =
                    Denied::new(DenyCode::BadRequest, "another message came while data is copied in");
                let state = SqlState::PROTOCOL_VIOLATION;
                Ok(self.session.refused(Kind::Query, state, denied.because("in_copy")))
            }
            step => Ok(step),
        }
    }

    /// Waits until all messages are answered, or a copy takes data.
    async fn settle(&mut self) -> Result<(), Gone> {
        if self.session.pending.borrow().is_in_series() {
            // The target holds its replies back until the series ends, or until this.
            self.target.control(Control::Flush)?;
        }
        self.flush().await?;
        loop {
            let news = self.session.signals.progress.notified();
            if self.session.pending.borrow().is_empty() || self.session.copying.borrow().is_some() {
                return Ok(());
            }
            unless_it_leaves(&mut self.from, &mut self.input, news).await?;
        }
    }

    /// Admits steps and sends them.
    async fn send_steps(&mut self, steps: &mut Vec<(Number, Step)>) -> Result<(), Gone> {
        keep_fresh(&self.session);
        let mut steps = std::mem::take(steps);
        let verdicts = self.admit(&mut steps).await?;
        let sent = self.send(steps, verdicts);
        self.session.last_changes.set_first_unsent(self.number.saturating_add(1));
        sent
    }

    /// Sends the steps in order, and notes which reply is due for each.
    fn send(&mut self, steps: Vec<(Number, Step)>, verdicts: Vec<Verdict>) -> Result<(), Gone> {
        let mut verdicts = verdicts.into_iter();
        for (number, step) in steps {
            let skips = self.session.pending.borrow().skips();
            if skips && !matches!(step, Step::Sync) {
                // The target would skip all of it, so it is not sent.
                match step {
                    Step::Taken => {
                        if let Some((planned, admitted)) = verdicts.next() {
                            if let Ok(permit) = admitted {
                                planned.run.get().admitted(Target::discard(permit));
                            }
                            self.session.unlearn(planned.kind);
                        }
                    }
                    Step::Prepare { name, before, .. } => {
                        self.session.unlearn(Kind::Parse { name, before });
                    }
                    _ => {}
                }
                continue;
            }
            match step {
                Step::Taken => {
                    let Some((planned, admitted)) = verdicts.next() else { continue };
                    match admitted {
                        Ok(permit) => self.send_command(planned, permit, number),
                        Err(refusal) => self.refuse(planned.kind, refusal, number)?,
                    }
                }
                Step::Refuse(refused) => self.refuse_message(*refused, number)?,
                step => self.send_plain(step, number)?,
            }
        }
        Ok(())
    }
}

/// Waits until a copy with a `Sync` waiting behind it is over: it has failed, since its end was not sent.
async fn fails_before_sync(session: &SessionState) {
    loop {
        let news = session.signals.progress.notified();
        if session.copying.borrow().is_none() {
            return;
        }
        news.await;
    }
}
