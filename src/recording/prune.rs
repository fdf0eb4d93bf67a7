//! Retention: events go after `recordings`, or oldest first beyond `max_size`, where strangers that are refused push out no more than an
//! eighth of it; that there was a session goes after `metadata`. A session that is open or held is never touched, and what was removed
//! is told from what was tampered with.

use std::collections::HashSet;

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;
use tokio::sync::oneshot;

use crate::domain::id::SessionId;
use crate::recording::schema::PAGE_SIZE;
use crate::recording::session::GATEWAY;
use crate::recording::settings::Settings;
use crate::recording::writer::block_id;

/// Blocks that are removed in one transaction.
const BLOCKS: i64 = 64;
/// Rows of sessions that are removed in one transaction.
const ROWS: usize = 256;
/// The part of all recordings that those of refusals may be before the oldest of them goes first.
const REFUSALS: u64 = 8;
/// Pages that are given back in one transaction.
const PAGES: u32 = 512;

/// What a pruning did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PruneReport {
    /// Sessions whose events were removed; their rows and final hashes stay.
    pub recordings: u64,
    /// Sessions of which nothing is left.
    pub sessions: u64,
    /// Bytes the file became smaller by.
    pub bytes: u64,
}

/// A pruning in work.
pub(crate) struct Pruning {
    now_ms: i64,
    report: PruneReport,
    /// Bytes of the held recordings, once they were asked for.
    held: Option<u64>,
    reply: oneshot::Sender<PruneReport>,
}

impl Pruning {
    /// Retention as of `now_ms`, and who wants to know.
    pub(crate) fn new(now_ms: i64) -> (Self, oneshot::Receiver<PruneReport>) {
        let (reply, receiver) = oneshot::channel();
        (Self { now_ms, report: PruneReport::default(), held: None, reply }, receiver)
    }

    /// Says what was done.
    pub(crate) fn finish(self) {
        if let Err(report) = self.reply.send(self.report) {
            tracing::debug!(?report, "pruned, and nobody waits to hear of it");
        }
    }
}

/// What is left alone.
pub(crate) struct Spared<'a> {
    /// Whether a session may still get events.
    pub(crate) is_open: &'a dyn Fn(i64) -> bool,
    /// Those that are held.
    pub(crate) held: &'a HashSet<SessionId>,
}

impl Spared<'_> {
    /// Whether the session of a row is held, by the column `id` of it.
    fn holds(&self, row: &Row<'_>) -> rusqlite::Result<bool> {
        let id = row.get_ref("id")?.as_str()?;
        Ok(!self.held.is_empty() && id.parse().is_ok_and(|id: SessionId| self.held.contains(&id)))
    }
}

/// Does a little. `true`: nothing is left to do.
pub(crate) fn step(
    connection: &Connection,
    pruning: &mut Pruning,
    settings: &Settings,
    spared: &Spared<'_>,
) -> rusqlite::Result<bool> {
    if let Some(no) = emptying(connection)? {
        empty(connection, no)?;
        return Ok(false);
    }
    if let Some(no) = expired(connection, pruning, settings, spared)?
        && !(spared.is_open)(no)
    {
        mark(connection, no, pruning.now_ms)?;
        pruning.report.recordings += 1;
        return Ok(false);
    }
    let forgotten = forget(connection, before(pruning.now_ms, settings.metadata), spared)?;
    pruning.report.sessions += forgotten as u64;
    if forgotten > 0 {
        return Ok(false);
    }
    let freed = shrink(connection)?;
    pruning.report.bytes += freed;
    Ok(freed == 0)
}

fn before(now_ms: i64, age: std::time::Duration) -> i64 {
    now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

fn emptying(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached("SELECT no FROM emptying LIMIT 1")?.query_row([], |row| row.get(0)).optional()
}

/// The session that goes next: the one that ended first, if that is too long ago or all together are too large. What is held counts
/// for neither: else one large recording that has to stay would push out all others.
fn expired(
    connection: &Connection,
    pruning: &mut Pruning,
    settings: &Settings,
    spared: &Spared<'_>,
) -> rusqlite::Result<Option<i64>> {
    let Some((no, ended_ms)) = oldest(connection, spared)? else { return Ok(None) };
    if ended_ms < before(pruning.now_ms, settings.recordings) {
        return Ok(Some(no));
    }
    let all = size(connection)?;
    if all <= settings.max_size {
        return Ok(None);
    }
    let held = match pruning.held {
        Some(held) => held,
        None => *pruning.held.insert(held_size(connection, spared)?),
    };
    if all.saturating_sub(held) <= settings.max_size {
        return Ok(None);
    }
    Ok(Some(refusals(connection, settings.max_size / REFUSALS, spared)?.unwrap_or(no)))
}

/// The session that ended first of those whose events are there, and when.
fn oldest(connection: &Connection, spared: &Spared<'_>) -> rusqlite::Result<Option<(i64, i64)>> {
    let mut select = connection.prepare_cached(
        "SELECT no, ended_ms, id FROM session WHERE ended_ms IS NOT NULL AND pruned_ms IS NULL
         ORDER BY ended_ms",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        if !spared.holds(row)? {
            return Ok(Some((row.get("no")?, row.get("ended_ms")?)));
        }
    }
    Ok(None)
}

/// Bytes of the blocks of the sessions that are held.
fn held_size(connection: &Connection, spared: &Spared<'_>) -> rusqlite::Result<u64> {
    let mut find = connection.prepare_cached("SELECT no FROM session WHERE id = ?")?;
    let mut sum = connection
        .prepare_cached("SELECT coalesce(sum(length(bytes)), 0) FROM block WHERE id BETWEEN ? AND ?")?;
    let mut bytes = 0_u64;
    for id in spared.held {
        let no: Option<i64> = find.query_row([id.to_string()], |row| row.get(0)).optional()?;
        let Some(no) = no else { continue };
        let range = params![block_id(no, 0), block_id(no, u64::from(u32::MAX))];
        bytes += sum.query_row(range, |row| row.get::<_, i64>(0))?.unsigned_abs();
    }
    Ok(bytes)
}

/// The oldest recording of refusals, if those have more than so many bytes: anybody can cause them, and must not be able to push out
/// what others did.
fn refusals(connection: &Connection, most: u64, spared: &Spared<'_>) -> rusqlite::Result<Option<i64>> {
    let mut select = connection.prepare_cached(
        "SELECT no, id, bytes FROM session
         WHERE ended_ms IS NOT NULL AND pruned_ms IS NULL AND principal = ? ORDER BY no",
    )?;
    let mut rows = select.query([GATEWAY])?;
    let (mut bytes, mut oldest) = (0_u64, None);
    while let Some(row) = rows.next()? {
        if !spared.holds(row)? {
            bytes += row.get::<_, i64>("bytes")?.unsigned_abs();
            oldest = oldest.or(Some(row.get("no")?));
        }
    }
    Ok(oldest.filter(|_| bytes > most))
}

/// Bytes in use: pages of the file but for the free ones.
fn size(connection: &Connection) -> rusqlite::Result<u64> {
    let pages = pragma(connection, "page_count")?.saturating_sub(pragma(connection, "freelist_count")?);
    Ok(pages * u64::from(PAGE_SIZE))
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<u64> {
    connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// Says first that the events go, in one transaction: a crash in between leaves a pruned session, not a broken one.
fn mark(connection: &Connection, no: i64, now_ms: i64) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    connection.execute("UPDATE session SET pruned_ms = ? WHERE no = ?", params![now_ms, no])?;
    connection.execute("INSERT OR IGNORE INTO emptying (no) VALUES (?)", [no])?;
    connection.execute_batch("COMMIT")
}

fn empty(connection: &Connection, no: i64) -> rusqlite::Result<()> {
    let removed = connection
        .prepare_cached(
            "DELETE FROM block WHERE id IN (SELECT id FROM block WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?)",
        )?
        .execute(params![block_id(no, 0), block_id(no, u64::from(u32::MAX)), BLOCKS])?;
    if i64::try_from(removed).is_ok_and(|removed| removed < BLOCKS) {
        connection.execute("DELETE FROM emptying WHERE no = ?", [no])?;
    }
    Ok(())
}

/// Removes rows of pruned sessions that ended before `before_ms`, and notes their numbers.
fn forget(connection: &Connection, before_ms: i64, spared: &Spared<'_>) -> rusqlite::Result<usize> {
    let mut numbers: Vec<i64> = Vec::new();
    {
        let mut select = connection.prepare_cached(
            "SELECT no, id FROM session WHERE pruned_ms IS NOT NULL AND ended_ms < ? ORDER BY ended_ms",
        )?;
        let mut rows = select.query([before_ms])?;
        while numbers.len() < ROWS
            && let Some(row) = rows.next()?
        {
            if !spared.holds(row)? {
                numbers.push(row.get("no")?);
            }
        }
    }
    if numbers.is_empty() {
        return Ok(0);
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for no in &numbers {
        connection.prepare_cached("DELETE FROM session WHERE no = ?")?.execute([no])?;
        note_dropped(connection, *no)?;
    }
    connection.execute_batch("COMMIT")?;
    Ok(numbers.len())
}

/// Adds a number to the ranges of removed ones, and joins ranges that touch.
fn note_dropped(connection: &Connection, no: i64) -> rusqlite::Result<()> {
    let after: Option<i64> = connection
        .prepare_cached("SELECT last_no FROM dropped WHERE first_no = ? + 1")?
        .query_row([no], |row| row.get(0))
        .optional()?;
    if after.is_some() {
        connection.prepare_cached("DELETE FROM dropped WHERE first_no = ? + 1")?.execute([no])?;
    }
    let last = after.unwrap_or(no);
    let joined = connection
        .prepare_cached("UPDATE dropped SET last_no = ?2 WHERE last_no = ?1 - 1")?
        .execute(params![no, last])?;
    if joined == 0 {
        connection
            .prepare_cached("INSERT INTO dropped (first_no, last_no) VALUES (?, ?)")?
            .execute([no, last])?;
    }
    Ok(())
}

/// Gives free pages back to the system. Bytes the file became smaller by.
fn shrink(connection: &Connection) -> rusqlite::Result<u64> {
    let before = pragma(connection, "page_count")?;
    if pragma(connection, "freelist_count")? == 0 {
        return Ok(0);
    }
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    let after = pragma(connection, "page_count")?;
    Ok(before.saturating_sub(after) * u64::from(PAGE_SIZE))
}
