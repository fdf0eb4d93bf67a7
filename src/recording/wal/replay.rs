//! Recovery: applies to the database, at the next start, what a process that died had written only to the
//! write-ahead log.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use rusqlite::Connection;
use rusqlite::OptionalExtension;

use crate::domain::event::Event;
use crate::domain::id::SessionId;
use crate::recording::error::RecordError;
use crate::recording::live::Live;
use crate::recording::live::Sessions;
use crate::recording::recover;
use crate::recording::session;
use crate::recording::tail;
use crate::recording::tail::Followed;
use crate::recording::wal;
use crate::recording::wal::Position;
use crate::recording::wal::frame;
use crate::recording::wal::frame::Next;
use crate::recording::writer;
use crate::recording::writer::Place;

/// Bytes of a segment that are applied to the database in one transaction.
const STEP: usize = 8 << 20;

/// File extension of a segment that is kept because some of it could not be recorded.
pub(crate) const DAMAGED: &str = "damaged";

/// Result of replaying the segments.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// The number for the next segment.
    pub(crate) next: u64,
    /// Segments whose readable content is all in the database.
    pub(crate) done: Vec<PathBuf>,
    /// Segments with content that is not in the database. They are kept under another name.
    pub(crate) damaged: Vec<PathBuf>,
    /// Number of the last group that was committed to the database.
    pub(crate) groups: u64,
}

/// Applies all write-ahead log segments to the database.
pub(crate) fn replay(connection: &Connection, directory: &Path) -> Result<Replayed, RecordError> {
    let cannot = |path: &Path, error: &dyn ToString| RecordError::Open {
        path: path.to_owned(),
        detail: error.to_string().into(),
    };
    let segments = wal::segments(directory).map_err(|error| cannot(directory, &error))?;
    let place = place(connection).map_err(|error| RecordError::broken(&error))?;
    let from = place.upto;
    let mut replayed = Replayed { next: from.segment + 1, groups: place.groups, ..Replayed::default() };
    let last_no = recover::last_no(connection).map_err(|error| RecordError::broken(&error))?;
    let mut sessions = Sessions::starting_after(last_no);
    for (number, path) in segments {
        replayed.next = replayed.next.max(number + 1);
        let bytes = std::fs::read(&path).map_err(|error| cannot(&path, &error))?;
        let start = match number.cmp(&from.segment) {
            std::cmp::Ordering::Less => bytes.len(),
            std::cmp::Ordering::Equal => usize::try_from(from.at).unwrap_or(usize::MAX).min(bytes.len()),
            std::cmp::Ordering::Greater => 0,
        };
        let rest = replay_segment(connection, &mut sessions, (number, place.groups), &bytes, start)?;
        if rest == Rest::Nothing {
            replayed.done.push(path);
        } else {
            let kept = set_aside(&path).map_err(|error| cannot(&path, &error))?;
            match rest {
                Rest::Beginning => {
                    tracing::warn!(kept = %kept.display(), "an event that was being written when the gateway died is not recorded");
                }
                _ => {
                    tracing::error!(kept = %kept.display(), "something that was written ahead is damaged, or fits to no session, and is not recorded");
                }
            }
            replayed.damaged.push(kept);
        }
    }
    Ok(replayed)
}

fn set_aside(path: &Path) -> io::Result<PathBuf> {
    // A file of this name may have been kept before the database was created anew.
    let names = std::iter::once(String::new()).chain((1..).map(|n| format!("{n}.")));
    let mut free = names.map(|n| path.with_extension(format!("{n}{DAMAGED}"))).filter(|name| !name.exists());
    let kept = free.next().unwrap_or_else(|| path.to_owned());
    std::fs::rename(path, &kept)?;
    Ok(kept)
}

/// Reads how far the database has got in the log.
pub(crate) fn place(connection: &Connection) -> rusqlite::Result<Place> {
    connection.query_row("SELECT segment, at, groups FROM ahead WHERE id = 1", [], |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
        Ok(Place { upto: Position { segment: number(0)?, at: number(1)? }, groups: number(2)? })
    })
}

/// What a segment holds besides the events that are now in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Nothing,
    /// The beginning of a frame: the process died while writing it, or its length is damaged.
    Beginning,
    /// Bytes that are not a frame, or events that fit no session.
    Other,
}

/// Applies the frames of one segment, from `start` on, to the database. The pair holds the number of the
/// segment and that of the last group.
fn replay_segment(
    connection: &Connection,
    sessions: &mut Sessions,
    (number, groups): (u64, u64),
    bytes: &[u8],
    start: usize,
) -> Result<Rest, RecordError> {
    let broken = |error: rusqlite::Error| RecordError::broken(&error);
    let mut rest = bytes.get(start..).unwrap_or_default();
    let (mut group, mut fits) = (0, true);
    loop {
        let next = frame::next(rest);
        let ends = !matches!(next, Next::Event(..));
        if let Next::Event(event, behind) = &next {
            group += rest.len() - behind.len();
            rest = behind;
            fits &= add(connection, sessions, event).map_err(broken)?;
        }
        if group >= STEP || (ends && group > 0) {
            let upto = Position { segment: number, at: (bytes.len() - rest.len()) as u64 };
            writer::commit_all(connection, sessions, Place { upto, groups }).map_err(broken)?;
            group = 0;
        }
        if ends {
            let zeros = rest.iter().all(|byte| *byte == 0);
            return Ok(match next {
                Next::End if zeros && fits => Rest::Nothing,
                Next::End if fits => Rest::Beginning,
                _ => Rest::Other,
            });
        }
    }
}

/// Adds one event to the current group. Returns `false` if it fits no session.
fn add(connection: &Connection, sessions: &mut Sessions, event: &Event) -> rusqlite::Result<bool> {
    if sessions.get(event.session).is_none() {
        root(connection, sessions, event.session)?;
    }
    let added = sessions.add(event);
    if let Err(error) = &added {
        tracing::error!(session = %event.session, kind = %event.kind, %error, "an event that was written ahead does not fit to the database");
    }
    Ok(added.is_ok())
}

/// Loads a session from the database, with the position it has reached there.
fn root(connection: &Connection, sessions: &mut Sessions, id: SessionId) -> rusqlite::Result<()> {
    let row = connection
        .prepare_cached(&format!("SELECT {} FROM session WHERE id = ?", session::COLUMNS))?
        .query_row([id.to_string()], session::read_row)
        .optional()?;
    if let Some(row) = row {
        let Followed { reached, intact } = tail::follow(connection, row.no, recover::reached_of(&row))?;
        let mut live = Live::new(row.no, id, reached, true);
        live.lost = !intact;
        sessions.insert(id, live);
    }
    Ok(())
}
