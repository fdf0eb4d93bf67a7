//! One child process from start to end: its output is read line by line, its input written, and its log goes
//! only to the gateway's own log.

use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use bytes::BytesMut;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::process::ChildStderr;
use tokio::process::ChildStdin;
use tokio::sync::watch;

use crate::domain::ConnectionName;
use crate::domain::text::shown_bytes;
use crate::mask::Needles;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::glimpse::Glimpse;
use crate::protocol::mcp::codec::line;
use crate::protocol::mcp::codec::line::Line;
use crate::protocol::mcp::codec::line::TooLong;
use crate::protocol::mcp::duplex::mail::Outlet;
use crate::protocol::mcp::duplex::peer::Counts;
use crate::protocol::mcp::duplex::peer::Ends;
use crate::protocol::mcp::duplex::peer::Kind;
use crate::protocol::mcp::duplex::peer::Listener;
use crate::protocol::mcp::duplex::peer::Parcel;
use crate::protocol::mcp::duplex::peer::Unread;
use crate::protocol::mcp::from_target::context::MOST;
use crate::protocol::mcp::stdio::environment::Spec;
use crate::protocol::mcp::stdio::process::Process;
use crate::protocol::mcp::stdio::process::Streams;
use crate::protocol::mcp::stdio::programs::Place;
use crate::protocol::mcp::stdio::words::Failed;
use crate::protocol::mcp::stdio::words::Words;

/// How much is read at a time.
const PIECE: usize = 64 << 10;
/// The longest line of a log that is kept. A longer one is dropped: if it were cut, a secret in it might not
/// be recognized.
const MOST_LOGGED: usize = 8 << 10;
/// How long the remaining output of an ended process is read: processes that it started may keep the output
/// open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs a child process to its end. `listener` gets its messages while it exists. Must be polled on the
/// programs' thread.
pub async fn run<L: Listener>(
    mut process: Process,
    streams: Streams,
    spec: Spec,
    ends: Ends,
    listener: Weak<L>,
    mut place: Place,
) {
    let began = Instant::now();
    let Ends { input, mut stop, counts } = ends;
    let Streams { input: stdin, output, log } = streams;
    let name = spec.name.clone();
    // Once the child has to end, nothing more is written to it, and its output is discarded.
    let (halt, halted) = watch::channel(false);
    tokio::spawn(write(stdin, input, halted.clone()));
    let secrets = spec.secrets.clone();
    let mut reading = tokio::spawn(read(
        name.clone(),
        output,
        secrets,
        Weak::clone(&listener),
        halted,
        Arc::clone(&counts),
    ));
    let words = Words::default();
    let mut logging = tokio::spawn(keep_log(log, spec, Arc::clone(&counts), words.clone()));
    let told = tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => true,
        () = place.closes() => true,
        () = process.ended() => false,
        _ = &mut reading => false,
    };
    let lived = began.elapsed();
    if !told {
        let last = async {
            // A finished task must not be polled again.
            if !reading.is_finished() {
                drop((&mut reading).await);
            }
            drop((&mut logging).await);
            // Its output may be closed a moment before it has ended.
            process.ended().await;
        };
        if tokio::time::timeout(LAST_WORDS, last).await.is_err() {
            tracing::debug!(connection = %name, "a program has ended, but its output is held open");
        }
        let failed = words.failed(process.status(), lived);
        let Failed { status, said, left_out, withheld, .. } = &failed;
        tracing::warn!(connection = %name, lived = ?lived, status, said, left_out, withheld, "a program has ended by itself");
        place.failed(lived);
        if let Some(listener) = listener.upgrade() {
            listener.failed(&failed.marker(L::SHARED));
        }
    }
    if let Some(listener) = listener.upgrade() {
        let kind = if L::SHARED { Kind::SharedProgram } else { Kind::Program };
        listener.over(&kind.gone());
    }
    halt.send_replace(true);
    process.end().await;
    reading.abort();
    logging.abort();
    tracing::info!(connection = %name, lived = ?lived, dropped = counts.dropped.load(Ordering::Relaxed), logged = counts.logged.load(Ordering::Relaxed), "a program was ended");
}

/// Writes queued messages to the child until it is halted or stops reading. Then its input is closed.
async fn write(mut stdin: ChildStdin, mut input: Outlet<Parcel>, mut halted: watch::Receiver<bool>) {
    let writing = async {
        let mut line = BytesMut::new();
        while let Some(Parcel { body, told: _ }) = input.next().await {
            line.clear();
            line.reserve(body.len() + 1);
            line::write(&body, &mut line);
            if stdin.write_all(&line).await.is_err() || stdin.flush().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        _ = halted.wait_for(|halted| *halted) => {}
        () = writing => {}
    }
}

async fn read<L: Listener>(
    name: ConnectionName,
    mut output: impl AsyncRead + Unpin,
    secrets: Option<Arc<Needles>>,
    listener: Weak<L>,
    mut halted: watch::Receiver<bool>,
    counts: Arc<Counts>,
) {
    let mut reader = line::Reader::new(MOST);
    let mut piece = BytesMut::new();
    loop {
        piece.reserve(PIECE);
        match output.read_buf(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(_) if *halted.borrow() => {
                piece.clear();
                continue;
            }
            Ok(_) => reader.push(piece.split().freeze()),
        }
        loop {
            let line = match reader.take() {
                Ok(None) => break,
                Ok(Some(Line::Message(line))) => line,
                Ok(Some(Line::Other(_))) => {
                    counts.drop_one();
                    continue;
                }
                Err(TooLong { answers, .. }) => {
                    tell_unread(&name, &listener, answers, Unread::TooLong, &counts);
                    continue;
                }
            };
            // Redacted here, not only on the way to a client: the configured secret may have changed since
            // this child got it.
            let line = secrets.as_ref().and_then(|secrets| secrets.replace(&line)).map_or(line, Bytes::from);
            let message = match Message::scan(line.clone(), Limits::new(MOST)) {
                Ok(message) => message,
                Err(_refusal) => {
                    let mut glimpse = Glimpse::default();
                    glimpse.push(&line);
                    tell_unread(&name, &listener, glimpse.answers(), Unread::NoMessage, &counts);
                    continue;
                }
            };
            let Some(listener) = listener.upgrade() else { continue };
            tokio::select! {
                biased;
                _ = halted.wait_for(|halted| *halted) => break,
                () = listener.hear(message) => {}
            }
        }
    }
}

/// Reports unreadable output: the request that it answers, if any, is told.
fn tell_unread<L: Listener>(
    name: &ConnectionName,
    listener: &Weak<L>,
    answers: Option<Id<'static>>,
    why: Unread,
    counts: &Counts,
) {
    let Some(id) = answers else { return counts.drop_one() };
    tracing::warn!(connection = %name, ?why, "a program sent an answer that cannot be read");
    if let Some(listener) = listener.upgrade() {
        listener.unread(&id, why);
    }
}

/// Copies the child's log to the gateway's debug log, and keeps the end of it.
async fn keep_log(log: ChildStderr, spec: Spec, counts: Arc<Counts>, words: Words) {
    let mut log = BufReader::new(log);
    let mut line = Vec::new();
    let mut length = 0;
    loop {
        let (used, ended) = {
            let Ok(piece) = log.fill_buf().await else { return };
            let end = memchr::memchr(b'\n', piece);
            let part = piece.get(..end.unwrap_or(piece.len())).unwrap_or_default();
            if length + part.len() <= MOST_LOGGED {
                line.extend_from_slice(part);
            }
            length += part.len();
            (end.map_or(piece.len(), |end| end + 1), end.is_some() || piece.is_empty())
        };
        log.consume(used);
        if ended {
            if length > 0 {
                counts.logged.fetch_add(1, Ordering::Relaxed);
                words.add(note(&line, length, &spec).as_deref());
            }
            line.clear();
            length = 0;
            if used == 0 {
                return;
            }
        }
    }
}

fn note(line: &[u8], length: usize, spec: &Spec) -> Option<String> {
    let text = loggable(line, length, spec);
    match &text {
        Some(text) => tracing::debug!(connection = %spec.name, text, "a program logs"),
        None => {
            tracing::debug!(connection = %spec.name, length, "a program's log output is withheld");
        }
    }
    text
}

/// Returns the loggable form of a line, without secrets and terminal control characters; `None` if it must
/// not be logged.
pub fn loggable(line: &[u8], length: usize, spec: &Spec) -> Option<String> {
    if spec.withheld || length > MOST_LOGGED {
        return None;
    }
    let cleared = spec.secrets.as_ref().and_then(|secrets| secrets.replace(line));
    Some(shown_bytes(cleared.as_deref().unwrap_or(line)))
}
