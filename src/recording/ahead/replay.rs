//! What a dead process had written ahead, and the database does not have yet: put there at the next start.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use rusqlite::Connection;
use rusqlite::OptionalExtension;

use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::SessionId;
use crate::recording::ahead;
use crate::recording::ahead::Position;
use crate::recording::ahead::frame;
use crate::recording::ahead::frame::Next;
use crate::recording::error::RecordError;
use crate::recording::live::Live;
use crate::recording::live::Sessions;
use crate::recording::recover;
use crate::recording::session;
use crate::recording::tail;
use crate::recording::tail::Followed;
use crate::recording::writer;

/// Bytes of a segment that are put into the database in one transaction.
const STEP: usize = 8 << 20;

/// What was found in the segments.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// The number for the next segment.
    pub(crate) next: u64,
    /// Segments of which everything that could be read is in the database.
    pub(crate) done: Vec<PathBuf>,
    /// Segments with bytes that cannot be read. They are kept, under another name.
    pub(crate) damaged: Vec<PathBuf>,
}

/// Puts everything that was written ahead into the database.
pub(crate) fn replay(connection: &Connection, directory: &Path) -> Result<Replayed, RecordError> {
    let segments = ahead::segments(directory).map_err(|error| RecordError::broken(&error))?;
    let from = position(connection).map_err(|error| RecordError::broken(&error))?;
    let mut replayed = Replayed { next: from.segment + 1, ..Replayed::default() };
    let mut sessions =
        Sessions::starting_after(recover::last_no(connection).map_err(|error| RecordError::broken(&error))?);
    for (number, path) in segments {
        replayed.next = replayed.next.max(number + 1);
        let bytes = std::fs::read(&path).map_err(|error| RecordError::broken(&error))?;
        let start = match number.cmp(&from.segment) {
            std::cmp::Ordering::Less => bytes.len(),
            std::cmp::Ordering::Equal => usize::try_from(from.at).unwrap_or(usize::MAX).min(bytes.len()),
            std::cmp::Ordering::Greater => 0,
        };
        let whole = replay_segment(connection, &mut sessions, number, &bytes, start)?;
        if whole {
            replayed.done.push(path);
        } else {
            tracing::error!(segment = %path.display(), "events that were written ahead cannot be read: the file is damaged, and kept");
            replayed.damaged.push(set_aside(&path).map_err(|error| RecordError::broken(&error))?);
        }
    }
    Ok(replayed)
}

fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let damaged = path.with_extension("damaged");
    std::fs::rename(path, &damaged)?;
    Ok(damaged)
}

/// Up to where the segments are in the database.
pub(crate) fn position(connection: &Connection) -> rusqlite::Result<Position> {
    connection.query_row("SELECT segment, at FROM ahead WHERE id = 1", [], |row| {
        Ok(Position {
            segment: row.get::<_, i64>(0)?.unsigned_abs(),
            at: row.get::<_, i64>(1)?.unsigned_abs(),
        })
    })
}

/// Puts the frames of one segment from `start` on into the database. `false`: something in it is no frame.
fn replay_segment(
    connection: &Connection,
    sessions: &mut Sessions,
    number: u64,
    bytes: &[u8],
    start: usize,
) -> Result<bool, RecordError> {
    let broken = |error: rusqlite::Error| RecordError::broken(&error);
    let mut rest = bytes.get(start..).unwrap_or_default();
    let mut group = 0;
    loop {
        let next = frame::next(rest);
        let ends = !matches!(next, Next::Event(..));
        if let Next::Event(event, behind) = &next {
            group += rest.len() - behind.len();
            rest = behind;
            add(connection, sessions, event).map_err(broken)?;
        }
        if group >= STEP || (ends && group > 0) {
            let upto = Position { segment: number, at: (bytes.len() - rest.len()) as u64 };
            writer::commit_all(connection, sessions, upto).map_err(broken)?;
            group = 0;
        }
        if ends {
            return Ok(!matches!(next, Next::Damaged));
        }
    }
}

/// Adds one event to the group at hand. What does not fit to the database is left out: it is told, never lost in silence.
fn add(connection: &Connection, sessions: &mut Sessions, event: &Event) -> rusqlite::Result<()> {
    if event.kind != EventKind::SessionStart && sessions.get(event.session).is_none() {
        root(connection, sessions, event.session)?;
    }
    if let Err(error) = sessions.add(event) {
        tracing::error!(session = %event.session, kind = %event.kind, %error, "an event that was written ahead does not fit to the database");
    }
    Ok(())
}

/// Finds a session in the database, and how far it is there.
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
