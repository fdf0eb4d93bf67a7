//! Repairs the journal: at the next start after the process died, and after a failure at run time.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::params;

use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::SessionId;
use crate::domain::session::SessionEnd;
use crate::recording::error::RecordError;
use crate::recording::live::Live;
use crate::recording::live::Sessions;
use crate::recording::rows;
use crate::recording::schema;
use crate::recording::session;
use crate::recording::session::Counts;
use crate::recording::session::NumberedRow;
use crate::recording::session::Reached;
use crate::recording::session::SessionRow;
use crate::recording::syncer::Log;
use crate::recording::tail;
use crate::recording::writer::Opened;
use crate::recording::writer::Writer;

/// What was found when the journal was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// There was no database, so an empty one was created.
    pub made: bool,
    /// Sessions that a dead process had left open. They are closed as interrupted.
    pub interrupted: Vec<SessionId>,
    /// The sessions of `interrupted` whose last events are inconsistent. They are left unchanged: `verify`
    /// shows where.
    pub damaged: Vec<SessionId>,
    /// Write-ahead log segments with unreadable content. Everything before it is recorded; the segments are
    /// kept under another name.
    pub unreadable: Vec<PathBuf>,
}

/// Closes the sessions that a dead process left open: each gets a `session.end` in its chain.
pub(crate) fn close_interrupted(connection: &Connection, now_ms: i64) -> rusqlite::Result<OpenReport> {
    let mut report = OpenReport::default();
    let open: Vec<NumberedRow> = connection
        .prepare(&format!("SELECT {} FROM session WHERE ended_ms IS NULL ORDER BY no", session::COLUMNS))?
        .query_map([], session::read_row)?
        .collect::<Result<_, _>>()?;
    if open.is_empty() {
        return Ok(report);
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for row in open {
        let id = row.row.id;
        report.interrupted.push(id);
        if !close(connection, &row, now_ms)? {
            report.damaged.push(id);
            tracing::error!(session = %id, "the recording of an interrupted session does not hold together");
        }
    }
    connection.execute_batch("COMMIT")?;
    Ok(report)
}

/// Closes one session. Returns `false` if its last events are inconsistent, so that nothing is chained to
/// them.
fn close(connection: &Connection, row: &NumberedRow, now_ms: i64) -> rusqlite::Result<bool> {
    let tail::Followed { reached, intact } = tail::follow(connection, row.no, reached_of(row))?;
    if !intact {
        connection.execute(
            "UPDATE session SET ended_ms = ?, end = ? WHERE no = ?",
            params![row.row.started_ms.max(reached.ts_ms), SessionEnd::Interrupted.as_str(), row.no],
        )?;
        return Ok(false);
    }
    let mut sessions = Sessions::default();
    sessions.insert(row.row.id, Live::new(row.no, row.row.id, reached, true));
    if reached.ended.is_none() {
        let end = Event {
            session: row.row.id,
            t_us: reached.t_us,
            ts_ms: now_ms,
            kind: EventKind::SessionEnd,
            dir: None,
            corr: None,
            data: format!("{{\"reason\":\"{}\"}}", SessionEnd::Interrupted),
            mask: Vec::new(),
        };
        if sessions.add(&end).is_err() {
            return Ok(false);
        }
    }
    for block in &sessions.blocks {
        rows::insert_block(connection, block)?;
    }
    if let Some(live) = sessions.get(row.row.id) {
        // It ended at the time of its last event, not at the time of this check.
        let ended = live.now.ended.map(|(_, end)| (reached.ts_ms.max(row.row.started_ms), end));
        rows::save_session(connection, row.no, &Reached { ended, ..live.now })?;
    }
    Ok(true)
}

/// Returns the position of a session according to its row.
pub(crate) fn reached_of(row: &NumberedRow) -> Reached {
    let SessionRow { events, denied, masked, bytes, .. } = row.row;
    Reached {
        seq: row.tail_seq,
        hash: row.tail_hash,
        t_us: 0,
        ts_ms: row.row.started_ms,
        counts: Counts { events, denied, masked, bytes },
        ended: row.row.ended_ms.zip(row.row.end),
    }
}

/// Returns the last session number that was assigned.
pub(crate) fn last_no(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'session'",
        [],
        |row| row.get(0),
    )
}

/// Reopens the database after a failure, and compares every session in memory with it. `unsure`: a sync
/// failed, so everything is written again, from SQLite's log into the database, and synced there, before any
/// new event is accepted.
pub(crate) fn reopen(writer: &mut Writer, unsure: bool) -> Result<(Opened, Arc<Log>), RecordError> {
    writer.files.check_database()?;
    schema::check_file(&writer.path)?;
    let connection = schema::open_existing(&writer.path)?;
    schema::check(&connection, &writer.path)?;
    if !schema::checkpoint(&connection, if unsure { "TRUNCATE" } else { "PASSIVE" })? && unsure {
        return Err(RecordError::Broken { detail: "a reader keeps the log from being written again".into() });
    }
    let lost = compare(&connection, &mut writer.sessions).map_err(|error| RecordError::broken(&error))?;
    for session in lost {
        writer.shared.lose(session);
    }
    let (opened, log) = Opened::new(connection, writer)?;
    writer.shared.sync.sync_log(&log).map_err(|error| RecordError::broken(&error))?;
    Ok((opened, log))
}

/// Compares every session in memory with the database. Events in the database that continue the known chain
/// are adopted. A session that lost acknowledged events accepts no new ones; these sessions are returned.
fn compare(connection: &Connection, sessions: &mut Sessions) -> rusqlite::Result<Vec<SessionId>> {
    let mut lost = Vec::new();
    for (id, live) in sessions.iter_mut() {
        let known: bool = connection
            .prepare_cached("SELECT count(*) FROM session WHERE no = ? AND id = ?")?
            .query_row(params![live.no, id.to_string()], |row| row.get(0))?;
        if !known {
            if live.rooted {
                live.lost = true;
                lost.push(*id);
            }
            continue;
        }
        let tail::Followed { reached, intact } = tail::follow(connection, live.no, live.kept)?;
        live.rooted = true;
        live.now = reached;
        live.kept = reached;
        if !intact {
            live.lost = true;
            lost.push(*id);
            tracing::error!(session = %id, "recorded events are gone: the session takes no more commands");
        }
    }
    sessions.retain_rooted();
    sessions.last_no = last_no(connection)?;
    Ok(lost)
}
