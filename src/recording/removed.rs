//! What is to go, before it goes, and what is gone: so that the audit trail can tell what retention removed from what somebody else did.

use std::collections::HashSet;

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::params;

use crate::domain::id::SessionId;
use crate::recording::prove::is_damage;
use crate::recording::prune;
use crate::recording::prune::is_held;
use crate::recording::reader::ReadError;
use crate::recording::reader::Reader;
use crate::recording::schema::PAGE_SIZE;
use crate::recording::session::GATEWAY;
use crate::recording::settings::Settings;
use crate::recording::writer::block_id;

/// The most sessions of one note.
const MOST: usize = 1000;
/// About what an event takes besides its text.
const PER_EVENT: i64 = 64;
/// The part of all recordings that those of refusals may be before the oldest of them goes first.
const REFUSALS: u64 = 8;

/// Why recordings are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PruneReason {
    /// They are older than `recording.retention` says.
    Age,
    /// All together are larger.
    Size,
}

impl PruneReason {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Size => "size",
        }
    }
}

/// Sessions whose events are to be removed next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Their numbers.
    pub numbers: Vec<i64>,
    /// Why.
    pub reason: PruneReason,
}

impl Removal {
    /// The numbers as ranges, the first and the last of each.
    pub fn ranges(&self) -> Vec<[i64; 2]> {
        let mut numbers = self.numbers.clone();
        numbers.sort_unstable();
        numbers.into_iter().fold(Vec::new(), |ranges, no| joined(ranges, [no, no]))
    }
}

/// Ranges with one more, which begins behind those that there are, or in the last of them.
fn joined(mut ranges: Vec<[i64; 2]>, next: [i64; 2]) -> Vec<[i64; 2]> {
    match ranges.last_mut() {
        Some([_, last]) if next[0] <= last.saturating_add(1) => *last = next[1].max(*last),
        _ => ranges.push(next),
    }
    ranges
}

/// What retention removes next, as of `now_ms`; nothing: no numbers. What is held stays, and counts for no size: else one large recording
/// that has to stay would push out all others.
pub(crate) fn next(
    connection: &Connection,
    now_ms: i64,
    settings: &Settings,
    held: &HashSet<SessionId>,
) -> rusqlite::Result<Removal> {
    let old = numbers(connection, prune::before(now_ms, settings.recordings), i64::MAX, held)?;
    if !old.is_empty() {
        return Ok(Removal { numbers: old, reason: PruneReason::Age });
    }
    let mut too_many = prune::size(connection)?.saturating_sub(settings.max_size);
    if too_many > 0 {
        too_many = too_many.saturating_sub(held_size(connection, held)?);
    }
    let refusals = || refusals(connection, settings.max_size / REFUSALS, held);
    let numbers = match too_many {
        0 => Vec::new(),
        bytes => match refusals()? {
            Some(no) => vec![no],
            None => numbers(connection, i64::MAX, i64::try_from(bytes).unwrap_or(i64::MAX), held)?,
        },
    };
    Ok(Removal { numbers, reason: PruneReason::Size })
}

/// Those that ended first, before this time, until they have so many bytes.
fn numbers(
    connection: &Connection,
    before_ms: i64,
    bytes: i64,
    held: &HashSet<SessionId>,
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
        if !is_held(row, held)? {
            numbers.push(row.get("no")?);
            sum = sum.saturating_add(row.get("size")?);
        }
    }
    Ok(numbers)
}

/// The oldest recording of refusals, if those have more than so many bytes: anybody can cause them, and must not be able to push out
/// what others did.
fn refusals(connection: &Connection, most: u64, held: &HashSet<SessionId>) -> rusqlite::Result<Option<i64>> {
    let mut select = connection.prepare_cached(
        "SELECT no, id, bytes FROM session
         WHERE ended_ms IS NOT NULL AND pruned_ms IS NULL AND principal = ? ORDER BY no",
    )?;
    let mut rows = select.query([GATEWAY])?;
    let (mut bytes, mut oldest) = (0_u64, None);
    while let Some(row) = rows.next()? {
        if !is_held(row, held)? {
            bytes += row.get::<_, i64>("bytes")?.unsigned_abs();
            oldest = oldest.or(Some(row.get("no")?));
        }
    }
    Ok(oldest.filter(|_| bytes > most))
}

/// About what the pages of the sessions that are held take of the file.
fn held_size(connection: &Connection, held: &HashSet<SessionId>) -> rusqlite::Result<u64> {
    let mut find = connection.prepare_cached("SELECT no FROM session WHERE id = ?")?;
    let mut lengths =
        connection.prepare_cached("SELECT length(bytes) FROM block WHERE id BETWEEN ? AND ?")?;
    let mut bytes = 0_u64;
    for id in held {
        let no: Option<i64> = find.query_row([id.to_string()], |row| row.get(0)).optional()?;
        let Some(no) = no else { continue };
        let mut rows = lengths.query(params![block_id(no, 0), block_id(no, u64::from(u32::MAX))])?;
        while let Some(row) = rows.next()? {
            bytes += room_of(row.get::<_, i64>(0)?.unsigned_abs());
        }
    }
    Ok(bytes)
}

/// About what a block of so many bytes takes of the file. A page has no part of a block that does not fit into it whole, unless that is
/// larger than a page: then all but a rest of it has pages of its own. (SQLite's database file format, section 1.6.)
fn room_of(length: u64) -> u64 {
    /// What a page and a row in it take besides.
    const PER_ROW: u64 = 16;
    let page = u64::from(PAGE_SIZE);
    let row = length + PER_ROW;
    if row < page { page / (page / row) } else { row.div_ceil(page) * page }
}

impl Reader {
    /// The numbers of the sessions that are said to be removed, events or row and all, as ranges. `None`: that cannot be read.
    ///
    /// # Errors
    /// A database that cannot be read for now, as when it is busy.
    pub fn removed(&self) -> Result<Option<Vec<[i64; 2]>>, ReadError> {
        let read = || -> rusqlite::Result<Vec<[i64; 2]>> {
            let mut select = self.connection.prepare_cached(
                "SELECT no, no FROM session WHERE pruned_ms IS NOT NULL
                 UNION ALL SELECT first_no, last_no FROM dropped ORDER BY 1",
            )?;
            let mut rows = select.query([])?;
            let mut ranges = Vec::new();
            while let Some(row) = rows.next()? {
                ranges = joined(ranges, [row.get(0)?, row.get(1)?]);
            }
            Ok(ranges)
        };
        readable(read())
    }

    /// The newest session that was over before this time, so that nothing takes it away again but retention: its number and id.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub fn newest_over(&self, before_ms: i64) -> Result<Option<(i64, String)>, ReadError> {
        let found = self
            .connection
            .prepare_cached("SELECT no, id FROM session WHERE ended_ms < ? ORDER BY no DESC LIMIT 1")?
            .query_row([before_ms], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(found)
    }

    /// The first of these sessions, by number and id, that is neither there nor said to be removed, row and all.
    ///
    /// # Errors
    /// A database that cannot be read for now, as when it is busy.
    pub fn unlike(&self, seen: &[(i64, String)]) -> Result<Option<i64>, ReadError> {
        let knows = |(no, id): &(i64, String)| -> rusqlite::Result<bool> {
            self.connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM session WHERE no = ?1 AND id = ?2)
                         OR EXISTS (SELECT 1 FROM dropped WHERE ?1 BETWEEN first_no AND last_no)",
                )?
                .query_row(params![no, id], |row| row.get(0))
        };
        for session in seen {
            if readable(knows(session))? == Some(false) {
                return Ok(Some(session.0));
            }
        }
        Ok(None)
    }
}

/// What was read; `None` where the database is damaged, which others find.
fn readable<T>(read: rusqlite::Result<T>) -> Result<Option<T>, ReadError> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_damage(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// How many numbers of `removed` are in no range of `noted`.
pub fn unexplained(removed: &[[i64; 2]], noted: &[[i64; 2]]) -> u64 {
    let mut noted = noted.to_vec();
    noted.sort_unstable();
    let noted = noted.into_iter().fold(Vec::new(), joined);
    let count = |[first, last]: [i64; 2]| last.saturating_sub(first).saturating_add(1).max(0);
    let mut left = 0_i64;
    for &[first, last] in removed {
        let explained = noted
            .iter()
            .fold(0_i64, |sum, &[from, to]| sum.saturating_add(count([first.max(from), last.min(to)])));
        left = left.saturating_add(count([first, last]).saturating_sub(explained));
    }
    left.max(0).unsigned_abs()
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

    #[test]
    fn what_is_removed_is_held_against_what_was_noted() {
        let removal = Removal { numbers: vec![7, 1, 2, 3, 9], reason: PruneReason::Age };
        assert_eq!(removal.ranges(), [[1, 3], [7, 7], [9, 9]]);
        for (removed, noted, left) in [
            (&[[1, 3]][..], &[[1, 1], [2, 3]][..], 0),
            (&[[1, 3]], &[[3, 3], [1, 2], [2, 3]], 0),
            (&[[1, 10]], &[[1, 3], [5, 5]], 6),
            (&[[1, 10]], &[], 10),
            (&[], &[[1, 9]], 0),
            (&[[4, 4], [8, 9]], &[[1, 8]], 1),
            (&[[5, 1]], &[], 0),
            (&[[1, i64::MAX]], &[[1, 2]], i64::MAX.unsigned_abs() - 2),
        ] {
            assert_eq!(unexplained(removed, noted), left, "{removed:?} {noted:?}");
        }
    }
}
