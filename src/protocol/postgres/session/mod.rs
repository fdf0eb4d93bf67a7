//! One session: one client, one session at the target, and the two directions between them.
//!
//! [`front`] reads the client's messages in batches. [`judge_message`] judges each one by what its SQL does
//! in this session ([`meaning`], [`later_effects`]) and by what the connection forbids ([`forbidden`]).
//! [`send`] writes it to the target and notes in [`pending`] which reply is due. [`back`] reads the replies
//! and checks each against what is due. Both directions share [`state`]: [`names`] (what prepared statements
//! and portals stand for), [`last_changes`] (since when something is known for sure), [`open_transaction`],
//! [`search_path`], [`session_settings`] (other settings that SQL depends on), [`outbox`] and [`signals`].
//!
//! [`mod@run`] holds the results of a running command so far, [`row_recorder`] what is kept of its rows.
//! [`record`] writes it for the recording, [`hold`] for approvers, with what [`preview`] finds out.
//! [`refuse`] records messages that never became a command. [`client_gone`] notices a client that leaves
//! while it has to wait.

mod admit;
mod back;
mod catalog_access;
mod client_gone;
mod forbidden;
mod front;
mod hold;
mod judge_message;
mod kin;
mod last_changes;
mod later_effects;
mod meaning;
mod names;
mod open_transaction;
mod outbox;
mod pending;
mod preview;
mod record;
mod refuse;
mod row_recorder;
mod run;
mod search_path;
mod send;
mod session_settings;
mod shown;
mod signals;
mod state;
mod step;

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::ReadHalf;
use tokio::sync::Notify;
use tokio::sync::watch;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::SessionEnd;
use crate::pipeline::Seat;
use crate::protocol::postgres::judge::Judge;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::login::CancelKey;
use crate::protocol::postgres::reply;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::session::back::Back;
use crate::protocol::postgres::session::back::Lost;
use crate::protocol::postgres::session::catalog_access::CatalogHandle;
use crate::protocol::postgres::session::catalog_access::tell_when_closed;
use crate::protocol::postgres::session::front::Front;
use crate::protocol::postgres::session::front::Gone;
use crate::protocol::postgres::session::last_changes::LastChanges;
use crate::protocol::postgres::session::open_transaction::OpenTransaction;
use crate::protocol::postgres::session::outbox::Outbox;
use crate::protocol::postgres::session::search_path::SearchPath;
use crate::protocol::postgres::session::session_settings::SessionSettings;
use crate::protocol::postgres::session::signals::Signals;
use crate::protocol::postgres::session::state::SessionState;
use crate::protocol::postgres::targets::Targets;
use crate::protocol::postgres::upstream;
use crate::protocol::postgres::upstream::Control;
use crate::protocol::postgres::upstream::Target;
use crate::protocol::postgres::wire::back::Transaction;
use crate::protocol::postgres::wire::frame::Limits;
use crate::protocol::postgres::wire::frame::Scanner;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::transport::stream::Stream;
use crate::transport::stream::WriteSide;

/// The bytes read from the target at a time: at least, at most.
const READ: (usize, usize) = (8 << 10, 64 << 10);
/// The time that the last message to the client may take.
const LAST_WORD: Duration = Duration::from_millis(500);

/// What a session starts with: a client and a target that have both logged in.
pub struct Start {
    /// The client's login session.
    pub seat: Seat,
    /// The judge of SQL texts.
    pub judge: Arc<Judge>,
    /// The catalogs of the targets.
    pub targets: Targets,
    /// The client's stream.
    pub client: Stream,
    /// The bytes that the client has sent already.
    pub client_input: BytesMut,
    /// The target's stream.
    pub target: Stream,
    /// The bytes that the target has sent already.
    pub target_input: BytesMut,
    /// The name of the database at the target.
    pub database: String,
    /// The key of a cancel request to the target.
    pub cancel_key: Option<CancelKey>,
    /// Notified when the client sends a cancel request.
    pub asked: Arc<Notify>,
    /// The target's lexing rules (`standard_conforming_strings`).
    pub lexing: Lexing,
    /// The target's transaction status.
    pub transaction: Transaction,
    /// Whether the client has chosen a search path other than the default at its login.
    pub moved: bool,
    /// The search path that the target has reported.
    pub path: Option<Box<[u8]>>,
    /// The settings of the client's startup packet.
    pub settings: Vec<(&'static str, String)>,
    /// The settings that the target has reported.
    pub reported: BTreeMap<String, String>,
}

/// Why a session ends.
enum End {
    /// The login session ended: the token expired, a lock came, or the gateway stops.
    Over(SessionEnd),
    /// The client left, or its side failed.
    Gone(Gone),
    /// The target sent something that does not fit.
    Lost(Lost),
    /// The target closed its stream.
    TargetLeft,
    /// The client's stream broke.
    ClientBroke,
}

/// Serves a session until it ends.
pub async fn run(start: Start, mut draining: watch::Receiver<bool>) {
    let governed = start.seat.governed();
    let limits = &governed.connection.limits;
    let session = Rc::new(SessionState {
        row_limit: limits.rows,
        seat: start.seat,
        judge: start.judge,
        catalog: CatalogHandle::new(start.targets),
        database: start.database,
        process: start.cancel_key.as_ref().map(|key| key.process),
        lexing: Cell::new(start.lexing),
        pending: RefCell::default(),
        names: RefCell::default(),
        last_changes: LastChanges::default(),
        transaction: OpenTransaction::new(start.transaction),
        search_path: SearchPath::new(start.moved, start.path),
        settings: SessionSettings::new(start.settings.iter().map(|(name, value)| (*name, value.as_str()))),
        outbox: Outbox::default(),
        signals: Signals::default(),
        copying: RefCell::new(None),
    });
    for (name, value) in &start.reported {
        session.settings.reported(name.as_bytes(), value.as_bytes());
    }
    let (client_read, mut client_write) = start.client.sides();
    let (mut target_read, target_write) = tokio::io::split(start.target);
    let judged = usize::try_from(limits.body).unwrap_or(usize::MAX).max(64 << 10);
    let scanner = Scanner::new(Limits { whole: judged, ..Limits::default() });
    let mut front =
        Front::new(Rc::clone(&session), client_read, start.client_input, scanner, Target::new(target_write));
    let mut pump = Pump {
        back: Back::new(Rc::clone(&session), Scanner::new(Limits { whole: 1 << 20, ..Limits::default() })),
        input: start.target_input,
        out: BytesMut::new(),
        read: READ.0,
    };
    let key = start.cancel_key.map(Rc::new);
    let work = async {
        tokio::select! {
            gone = front.run() => End::Gone(gone),
            end = pump.run(&session, &mut target_read, &mut client_write) => end,
            () = drained(&session, &mut draining) => End::Over(SessionEnd::Stopped),
            () = cancels(&session, &start.asked, key.as_ref()) => End::TargetLeft,
        }
    };
    // The end is polled first: a target that never stops sending would use up the budget of each turn of the
    // task.
    let end = tokio::select! {
        biased;
        why = session.seat.end_watch().wait() => End::Over(why),
        end = work => end,
    };
    if let Err(denied) = session.seat.tell_left_out() {
        tracing::error!(code = %denied.code, "how much of a flood was left out could not be recorded");
    }
    record_end(&session, &end);
    let made = session.transaction.take_change();
    session.catalog_changed(made);
    let word = last_word(&end);
    let busy = !session.pending.borrow().is_empty();
    if let Some(key) = key.filter(|_| busy && !matches!(end, End::TargetLeft)) {
        let governed = session.seat.governed();
        tokio::task::spawn_local(async move { upstream::cancel(&governed, &key, || true).await });
    }
    if let Some(word) = word.filter(|_| !session.outbox.has_farewell())
        && pump.back.is_between()
    {
        word.write_fatal(&mut pump.out);
        say(&mut client_write, &pump.out).await;
    }
    leave(front.target(), &end).await;
    tell_when_closed(&session, made, target_read);
}

/// Ends the session at the target (`Terminate`).
async fn leave(target: &mut Target, end: &End) {
    if !matches!(end, End::Gone(Gone::Left)) {
        // What was admitted but not sent is dropped: what it was admitted under has ended.
        target.forget();
    }
    let leave =
        async { if target.control(Control::Terminate).is_ok() { target.flush().await } else { Ok(()) } };
    if !matches!(end, End::TargetLeft)
        && let Ok(Err(error)) = tokio::time::timeout(LAST_WORD, leave).await
    {
        tracing::debug!(%error, "the target did not take the good-bye");
    }
}

fn record_end(session: &SessionState, end: &End) {
    match end {
        // What the session rests on, such as its token, may end a moment before the session does.
        End::Over(why) => session.seat.ends(*why),
        End::TargetLeft => {
            session.seat.record_failure(&target_failed("target_closed"));
            session.seat.ends(SessionEnd::TargetClosed);
        }
        End::Lost(_) | End::Gone(Gone::Target(_)) => {
            session.seat.record_failure(&target_failed("target_broke"));
            session.seat.ends(SessionEnd::TargetClosed);
        }
        End::Gone(Gone::Left | Gone::Wire(_) | Gone::Write(_)) | End::ClientBroke => {}
    }
}

/// Sends the client its last message. Gives up on a client that does not read it in time.
async fn say(client: &mut (impl AsyncWrite + Unpin), word: &[u8]) {
    let goodbye = async {
        client.write_all(word).await?;
        client.shutdown().await
    };
    if let Ok(Err(error)) = tokio::time::timeout(LAST_WORD, goodbye).await {
        tracing::debug!(%error, "a client did not take its last word");
    }
}

/// Returns what is recorded when the target has ended the session.
fn target_failed(reason: &'static str) -> Denied {
    Denied::new(DenyCode::UpstreamUnavailable, "the target has ended the session").because(reason)
}

/// Returns what the client is told at the end; `None` if the client has left.
fn last_word(end: &End) -> Option<Refusal> {
    match end {
        End::Over(why) => Some(reply::ended(*why)),
        End::Gone(Gone::Left) | End::ClientBroke => None,
        End::Gone(Gone::Wire(error)) => Some(Refusal::new(error.sqlstate(), error.to_string())),
        End::Gone(error @ (Gone::Write(_) | Gone::Target(_))) => {
            Some(Refusal::new(SqlState::CONNECTION_FAILURE, error.to_string()))
        }
        End::Lost(error) => {
            tracing::error!(%error, "a session was ended");
            Some(Refusal::new(SqlState::CONNECTION_FAILURE, error.to_string()))
        }
        End::TargetLeft => {
            Some(Refusal::new(SqlState::CONNECTION_FAILURE, "the target has closed the connection"))
        }
    }
}

/// Waits until the gateway stops and nothing of the session is running.
async fn drained(session: &SessionState, draining: &mut watch::Receiver<bool>) {
    if draining.wait_for(|draining| *draining).await.is_err() {
        std::future::pending::<()>().await;
    }
    loop {
        let news = session.signals.progress.notified();
        if session.is_idle() && session.transaction.status() == Transaction::Idle {
            return;
        }
        news.await;
    }
}

/// Passes cancel requests on: to a statement that is held here, or else to what runs at the target. Never
/// resolves.
async fn cancels(session: &SessionState, asked: &Notify, key: Option<&Rc<CancelKey>>) {
    loop {
        tokio::select! {
            () = asked.notified() => {
                if session.signals.withdraw() {
                    continue;
                }
            }
            () = session.signals.cancel.notified() => {}
        }
        // With nothing running there is nothing to cancel, and the request must not hit the next statement.
        let running = session.pending.borrow_mut().front().map(|reply| reply.number);
        if let Some((key, running)) = key.zip(running) {
            let still = || !session.pending.borrow().has_answered(running);
            upstream::cancel(&session.seat.governed(), key, still).await;
        }
    }
}

/// Moves the target's messages to the client.
struct Pump {
    back: Back,
    input: BytesMut,
    out: BytesMut,
    read: usize,
}

impl Pump {
    async fn run(&mut self, session: &SessionState, from: &mut ReadHalf<Stream>, to: &mut WriteSide) -> End {
        loop {
            if let Err(lost) = self.back.take(&mut self.input, &mut self.out) {
                return End::Lost(lost);
            }
            session.signals.progress.notify_waiters();
            if self.back.is_between() {
                session.outbox.move_to(&mut self.out);
            }
            if let Err(error) = self.write(to).await {
                tracing::debug!(%error, "a client did not take a reply");
                return End::ClientBroke;
            }
            if self.input.is_empty() && self.input.capacity() > 2 * self.read {
                self.input = BytesMut::new();
            }
            self.input.reserve(self.read);
            if self.read == READ.1 {
                // Lets other sessions run, and the check whether this one has ended.
                tokio::task::yield_now().await;
            }
            tokio::select! {
                read = from.read_buf(&mut self.input) => match read {
                    Ok(0) | Err(_) => return End::TargetLeft,
                    // Reads more at once while there is much, little while there is not.
                    Ok(read) => self.read = if read >= self.read { READ.1 } else if read < READ.0 { READ.0 } else { self.read },
                },
                () = session.outbox.filled() => {}
            }
        }
    }

    async fn write(&mut self, to: &mut WriteSide) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        while !self.out.is_empty() {
            let sent = to.write(&self.out).await?;
            if sent == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.out.advance(sent);
        }
        to.flush().await?;
        if self.out.capacity() > 2 * READ.1 {
            self.out = BytesMut::new();
        }
        Ok(())
    }
}
