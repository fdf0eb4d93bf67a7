//! Retention. Events are removed after `recordings`, or oldest first beyond `max_size`; refused
//! unauthenticated peers can displace no more than an eighth of it. The session's row is removed after
//! `metadata`. A session that is open or under legal hold is never touched, and removal by retention is
//! distinguishable from tampering.

use std::collections::HashSet;

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;
use tokio::sync::oneshot;

use crate::domain::id::SessionId;
use crate::recording::removed::Removal;
use crate::recording::rows::block_id;
use crate::recording::schema::PAGE_SIZE;

/// Blocks that are removed in one transaction.
const BLOCKS: i64 = 64;
/// Session rows that are removed in one transaction.
const ROWS: usize = 256;
/// Pages that are returned to the file system in one transaction.
const PAGES: u32 = 512;

/// Result of a pruning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PruneReport {
    /// Sessions whose events were removed; their rows and final hashes stay.
    pub recordings: u64,
    /// Sessions of which nothing is left.
    pub sessions: u64,
    /// Bytes by which the file shrank.
    pub bytes: u64,
}

/// A pruning in progress.
pub(crate) struct Pruning {
    now_ms: i64,
    /// Numbers of the sessions whose events are removed, in reverse order. They were noted beforehand.
    numbers: Vec<i64>,
    /// Numbers of the sessions whose rows are removed, in reverse order.
    forgotten: Vec<i64>,
    report: PruneReport,
    reply: oneshot::Sender<PruneReport>,
}

impl Pruning {
    /// Creates a pruning of `removal` as of `now_ms`, with a receiver for its report.
    pub(crate) fn new(now_ms: i64, removal: Removal) -> (Self, oneshot::Receiver<PruneReport>) {
        let (reply, receiver) = oneshot::channel();
        let Removal { mut numbers, mut forgotten, reason: _ } = removal;
        numbers.reverse();
        forgotten.reverse();
        (Self { now_ms, numbers, forgotten, report: PruneReport::default(), reply }, receiver)
    }

    /// Sends the report.
    pub(crate) fn finish(self) {
        if let Err(report) = self.reply.send(self.report) {
            tracing::debug!(?report, "pruned, and nobody waits to hear of it");
        }
    }
}

/// Sessions that pruning must skip.
pub(crate) struct Spared<'a> {
    /// Whether a session may still receive events.
    pub(crate) is_open: &'a dyn Fn(i64) -> bool,
    /// Sessions under legal hold.
    pub(crate) legal_holds: &'a HashSet<SessionId>,
}

impl Spared<'_> {
    /// Returns whether the session of a row is under legal hold.
    fn is_under_legal_hold(&self, row: &Row<'_>) -> rusqlite::Result<bool> {
        is_under_legal_hold(row, self.legal_holds)
    }
}

/// Returns whether the session of a row, by its column `id`, is in `legal_holds`.
pub(crate) fn is_under_legal_hold(row: &Row<'_>, legal_holds: &HashSet<SessionId>) -> rusqlite::Result<bool> {
    let id = row.get_ref("id")?.as_str()?;
    Ok(!legal_holds.is_empty() && id.parse().is_ok_and(|id: SessionId| legal_holds.contains(&id)))
}

/// Does one small step. Returns `true` if nothing is left to do.
pub(crate) fn step(
    connection: &Connection,
    pruning: &mut Pruning,
    spared: &Spared<'_>,
) -> rusqlite::Result<bool> {
    if let Some(no) = emptying(connection)? {
        empty(connection, no)?;
        return Ok(false);
    }
    if let Some(no) = pruning.numbers.pop() {
        if (spared.is_open)(no) || !may_go(connection, no, spared)? {
            return Ok(false);
        }
        mark(connection, no, pruning.now_ms)?;
        pruning.report.recordings += 1;
        return Ok(false);
    }
    if !pruning.forgotten.is_empty() {
        let rest = pruning.forgotten.split_off(pruning.forgotten.len().saturating_sub(ROWS));
        pruning.report.sessions += forget(connection, &rest, spared)?;
        return Ok(false);
    }
    let freed = shrink(connection)?;
    pruning.report.bytes += freed;
    Ok(freed == 0)
}

pub(crate) fn before(now_ms: i64, age: std::time::Duration) -> i64 {
    now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

fn emptying(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached("SELECT no FROM emptying LIMIT 1")?.query_row([], |row| row.get(0)).optional()
}

/// Returns whether the session has ended, its events exist, and it is not under legal hold. A hold may have
/// been placed since it was selected.
fn may_go(connection: &Connection, no: i64, spared: &Spared<'_>) -> rusqlite::Result<bool> {
    let held = connection
        .prepare_cached("SELECT id FROM session WHERE no = ? AND ended_ms IS NOT NULL AND pruned_ms IS NULL")?
        .query_row([no], |row| spared.is_under_legal_hold(row))
        .optional()?;
    Ok(held == Some(false))
}

/// Bytes in use: pages of the file except the free ones.
pub(crate) fn size(connection: &Connection) -> rusqlite::Result<u64> {
    let pages = pragma(connection, "page_count")?.saturating_sub(pragma(connection, "freelist_count")?);
    Ok(pages * u64::from(PAGE_SIZE))
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<u64> {
    connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// Marks the session as pruned before its events are removed, in one transaction: a crash in between leaves a
/// pruned session, not a broken one.
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

/// Removes the rows of those given sessions that are pruned and not under legal hold, and notes their
/// numbers. Returns how many.
fn forget(connection: &Connection, numbers: &[i64], spared: &Spared<'_>) -> rusqlite::Result<u64> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let mut forgotten = 0;
    for no in numbers {
        let held = connection
            .prepare_cached("SELECT id FROM session WHERE no = ? AND pruned_ms IS NOT NULL")?
            .query_row([no], |row| spared.is_under_legal_hold(row))
            .optional()?;
        if held == Some(false) {
            connection.prepare_cached("DELETE FROM session WHERE no = ?")?.execute([no])?;
            note_dropped(connection, *no)?;
            forgotten += 1;
        }
    }
    connection.execute_batch("COMMIT")?;
    Ok(forgotten)
}

/// Adds a number to the ranges of removed ones, and joins adjacent ranges.
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

/// Returns free pages to the file system. Returns the number of bytes by which the file shrank.
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
