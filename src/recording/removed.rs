//! Selects what retention removes, before it is removed, so that the audit trail can distinguish retention
//! from tampering.

use std::collections::HashSet;

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::params;

use crate::domain::id::SessionId;
use crate::recording::prune;
use crate::recording::prune::is_under_legal_hold;
use crate::recording::rows::block_id;
use crate::recording::schema::PAGE_SIZE;
use crate::recording::session::GATEWAY;
use crate::recording::settings::Settings;

/// Maximum number of sessions in one removal.
const MOST: usize = 1000;
/// Approximate overhead of an event in bytes, besides its text.
const PER_EVENT: i64 = 64;
/// Recordings of refused requests may take one part in this many of the total before the oldest of them are
/// removed first.
const REFUSALS: u64 = 8;

/// Why recordings are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PruneReason {
    /// They are older than `recording.retention` allows.
    Age,
    /// All recordings together exceed the size limit.
    Size,
}

impl PruneReason {
    /// Returns the name in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Size => "size",
        }
    }
}

/// The sessions to be removed next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Numbers of the sessions whose events are removed.
    pub numbers: Vec<i64>,
    /// Why they are removed.
    pub reason: PruneReason,
    /// Numbers of the sessions whose rows are removed; their events were removed before.
    pub forgotten: Vec<i64>,
}

impl Removal {
    /// Returns whether nothing is to be removed.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.forgotten.is_empty()
    }
}

/// Selects what retention removes next, as of `now_ms`; empty if nothing. Sessions under legal hold are kept
/// and not counted against the size limit: otherwise one large recording under hold would displace all
/// others.
pub(crate) fn next(
    connection: &Connection,
    now_ms: i64,
    settings: &Settings,
    legal_holds: &HashSet<SessionId>,
) -> rusqlite::Result<Removal> {
    let forgotten = forgotten(connection, prune::before(now_ms, settings.metadata), legal_holds)?;
    let old = numbers(connection, prune::before(now_ms, settings.recordings), i64::MAX, legal_holds)?;
    if !old.is_empty() {
        return Ok(Removal { numbers: old, reason: PruneReason::Age, forgotten });
    }
    let mut too_many = prune::size(connection)?.saturating_sub(settings.max_size);
    if too_many > 0 {
        too_many = too_many.saturating_sub(size_under_legal_hold(connection, legal_holds)?);
    }
    let bytes = i64::try_from(too_many).unwrap_or(i64::MAX);
    let mut chosen = Vec::new();
    if bytes > 0 {
        chosen = refusals(connection, settings.max_size / REFUSALS, bytes, legal_holds)?;
        if chosen.is_empty() {
            chosen = numbers(connection, i64::MAX, bytes, legal_holds)?;
        }
    }
    Ok(Removal { numbers: chosen, reason: PruneReason::Size, forgotten })
}

/// Sessions whose events were removed and that ended before this time.
fn forgotten(
    connection: &Connection,
    before_ms: i64,
    legal_holds: &HashSet<SessionId>,
) -> rusqlite::Result<Vec<i64>> {
    let mut select = connection.prepare_cached(
        "SELECT no, id FROM session WHERE pruned_ms IS NOT NULL AND ended_ms < ? ORDER BY ended_ms",
    )?;
    let mut rows = select.query([before_ms])?;
    let mut numbers = Vec::new();
    while numbers.len() < MOST
        && let Some(row) = rows.next()?
    {
        if !is_under_legal_hold(row, legal_holds)? {
            numbers.push(row.get("no")?);
        }
    }
    Ok(numbers)
}

/// Sessions that ended before this time, oldest end first, until they add up to `bytes`.
fn numbers(
    connection: &Connection,
    before_ms: i64,
    bytes: i64,
    legal_holds: &HashSet<SessionId>,
) -> rusqlite::Result<Vec<i64>> {
    let mut select = connection.prepare_cached(
        "SELECT no, id, bytes + events * ? AS size FROM session
         WHERE ended_ms IS NOT NULL AND pruned_ms IS NULL AND ended_ms < ? ORDER BY ended_ms",
    )?;
    let mut rows = select.query(params![PER_EVENT, before_ms])?;
    let (mut numbers, mut sum) = (Vec::new(), 0_i64);
    while numbers.len() < MOST
        && sum < bytes
        && let Some(row) = rows.next()?
    {
        if !is_under_legal_hold(row, legal_holds)? {
            numbers.push(row.get("no")?);
            sum = sum.saturating_add(row.get("size")?);
        }
    }
    Ok(numbers)
}

/// Returns the oldest recordings of refused requests, until those left take at most `most` bytes or `bytes`
/// are freed. Anybody can cause refusals, and must not be able to displace the recordings of others.
fn refusals(
    connection: &Connection,
    most: u64,
    bytes: i64,
    legal_holds: &HashSet<SessionId>,
) -> rusqlite::Result<Vec<i64>> {
    let mut select = connection.prepare_cached(
        "SELECT no, id, bytes, bytes + events * ? AS size FROM session
         WHERE ended_ms IS NOT NULL AND pruned_ms IS NULL AND principal = ? ORDER BY no",
    )?;
    let mut rows = select.query(params![PER_EVENT, GATEWAY])?;
    let (mut found, mut all) = (Vec::new(), 0_u64);
    while let Some(row) = rows.next()? {
        if !is_under_legal_hold(row, legal_holds)? {
            let (no, of_events): (i64, i64) = (row.get("no")?, row.get("bytes")?);
            all = all.saturating_add(of_events.unsigned_abs());
            found.push((no, of_events.unsigned_abs(), row.get::<_, i64>("size")?));
        }
    }
    let (mut chosen, mut sum) = (Vec::new(), 0_i64);
    for (no, of_events, size) in found {
        if all <= most || sum >= bytes || chosen.len() >= MOST {
            break;
        }
        chosen.push(no);
        all = all.saturating_sub(of_events);
        sum = sum.saturating_add(size);
    }
    Ok(chosen)
}

/// Returns approximate size in the file of the sessions under legal hold.
fn size_under_legal_hold(connection: &Connection, legal_holds: &HashSet<SessionId>) -> rusqlite::Result<u64> {
    let mut find = connection.prepare_cached("SELECT no FROM session WHERE id = ?")?;
    let mut lengths =
        connection.prepare_cached("SELECT length(bytes) FROM block WHERE id BETWEEN ? AND ?")?;
    let mut bytes = 0_u64;
    for id in legal_holds {
        let no: Option<i64> = find.query_row([id.to_string()], |row| row.get(0)).optional()?;
        let Some(no) = no else { continue };
        let mut rows = lengths.query(params![block_id(no, 0), block_id(no, u64::from(u32::MAX))])?;
        while let Some(row) = rows.next()? {
            bytes += room_of(row.get::<_, i64>(0)?.unsigned_abs());
        }
    }
    Ok(bytes)
}

/// Returns approximate space that a block of this length takes in the file. A page holds no part of a block
/// that does not fit into it whole, unless the block is larger than a page: then all but its remainder has
/// pages of its own. (SQLite's database file format, section 1.6.)
fn room_of(length: u64) -> u64 {
    /// Overhead of a page and of a row in it.
    const PER_ROW: u64 = 16;
    let page = u64::from(PAGE_SIZE);
    let row = length + PER_ROW;
    if row < page { page / (page / row) } else { row.div_ceil(page) * page }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_takes_its_part_of_a_page_or_pages() {
        for (length, room) in
            [(100, 117), (1500, 1638), (4200, 8192), (8000, 8192), (9000, 16_384), (20_000, 24_576)]
        {
            assert_eq!(room_of(length), room, "{length}");
        }
    }
}
