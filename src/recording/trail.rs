//! The audit trail's knowledge of the recordings, and checks of the recordings against it: this detects an
//! attacker who can write the recordings but not the trail.

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::digest;
use rusqlite::OptionalExtension;
use rusqlite::params;
use rusqlite::types::ValueRef;

use crate::domain::hex;
use crate::domain::id::SessionId;
use crate::domain::ranges::Ranges;
use crate::recording::prove::is_damage;
use crate::recording::reader::ReadError;
use crate::recording::reader::Reader;
use crate::recording::schema;
use crate::recording::syncer::Log;
use crate::store::JournalLook;
use crate::store::JournalNotes;
use crate::store::SeenRows;
use crate::store::SeenSession;

/// Maximum number of session ranges in one digest; the others are in the next one.
const MOST: usize = 500;
/// The columns of a session's row that never change after it ended. Entries of the trail hold a digest of
/// them: a change here needs a new name for that digest.
const FINAL: &str = "no, id, principal, label, kind, connection, protocol, issuer, client, source, \
     started_ms, ended_ms, end, events, denied, masked, bytes, tail_seq, tail_hash";

/// Where the recordings disagree with the audit trail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgainstTrail {
    /// Numbers of sessions marked as pruned.
    pruned: Ranges,
    /// Numbers of sessions noted as removed, including the row.
    dropped: Ranges,
    /// Sessions that were noted and are missing, or have another id or hash.
    absent: Vec<i64>,
    /// Numbers of noted rows that changed.
    altered: Vec<Ranges>,
    /// Sessions under legal hold whose recording is gone, with the time of the hold.
    lost: BTreeMap<SessionId, i64>,
}

impl AgainstTrail {
    /// Counts the sessions that are marked as pruned or removed without a note in the trail. A removal is
    /// noted before it happens; `notes` must therefore be read after this.
    pub fn unexplained(&self, notes: &JournalNotes) -> u64 {
        let without = |found: &Ranges, noted: &Ranges| found.without(noted).count();
        match (&notes.removed, &notes.forgotten) {
            (Some(removed), Some(forgotten)) => {
                without(&self.pruned, removed).saturating_add(without(&self.dropped, forgotten))
            }
            (Some(removed), None) => {
                without(&self.pruned, removed).saturating_add(without(&self.dropped, removed))
            }
            (None, _) => 0,
        }
    }

    /// Returns the first noted session that neither exists nor was removed by retention.
    pub fn unlike(&self, notes: &JournalNotes) -> Option<i64> {
        let dropped = notes.forgotten.as_ref().unwrap_or(&self.dropped);
        self.absent.iter().copied().find(|no| !dropped.contains(*no))
    }

    /// Returns the id range of the first batch in which a session row differs from the audit trail's digest.
    pub fn altered(&self, notes: &JournalNotes) -> Option<[i64; 2]> {
        let gone = |numbers: &Ranges| notes.forgotten.as_ref().is_some_and(|gone| gone.meets(numbers));
        let found = self.altered.iter().find(|numbers| !gone(numbers))?.as_slice();
        let ([first, _], [_, last]) = (found.first()?, found.last()?);
        Some([*first, *last])
    }

    /// Returns the sessions under legal hold whose recording is gone although it existed when the hold was
    /// placed. `held`: the current holds.
    pub fn lost(&self, held: &BTreeMap<SessionId, i64>) -> Vec<SessionId> {
        let still = |(session, since): &(&SessionId, &i64)| held.get(*session) == Some(*since);
        self.lost.iter().filter(still).map(|(session, _)| *session).collect()
    }
}

impl Reader {
    /// Collects what the trail should know of the recordings and does not yet: about sessions that ended
    /// before `over_ms`, which only retention changes from then on.
    ///
    /// # Errors
    /// A database that cannot be read at the moment, for example because it is busy.
    pub fn look(&self, over_ms: i64, notes: &JournalNotes) -> Result<JournalLook, ReadError> {
        let _snapshot = self.snapshot()?;
        let look = || -> rusqlite::Result<JournalLook> {
            let newest = self
                .connection
                .prepare_cached(
                    "SELECT no, id, tail_hash FROM session WHERE ended_ms < ? ORDER BY no DESC LIMIT 1",
                )?
                .query_row([over_ms], |row| {
                    let hash = Some(hex::encode(row.get_ref(2)?.as_blob()?));
                    Ok(SeenSession { number: row.get(0)?, session: row.get(1)?, hash })
                })
                .optional()?;
            let rows = self.rows_over(over_ms, &notes.proved())?;
            Ok(JournalLook { newest, rows, gone: Some(self.gone()?) })
        };
        Ok(readable(look())?.unwrap_or_default())
    }

    /// Digests the rows of these sessions that ended before `over_ms`.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub fn final_rows(&self, numbers: &Ranges, over_ms: i64) -> Result<SeenRows, ReadError> {
        let _snapshot = self.snapshot()?;
        let all = Ranges::from(vec![[i64::MIN, i64::MAX]]);
        Ok(self.rows_over(over_ms, &all.without(numbers))?)
    }

    /// Returns the rows of all sessions that ended before this time, except `but`.
    fn rows_over(&self, over_ms: i64, but: &Ranges) -> rusqlite::Result<SeenRows> {
        let mut select = self
            .connection
            .prepare_cached("SELECT no FROM session WHERE no BETWEEN ? AND ? AND ended_ms < ? ORDER BY no")?;
        let mut numbers = Vec::new();
        for [first, last] in Ranges::from(vec![[i64::MIN, i64::MAX]]).without(but).as_slice() {
            let mut rows = select.query(params![first, last, over_ms])?;
            while let Some(row) = rows.next()? {
                numbers.push(row.get(0)?);
            }
        }
        let numbers = numbers.into_iter().collect::<Ranges>().first(MOST);
        let digest = self.digest(&numbers)?;
        Ok(SeenRows { numbers, digest })
    }

    /// Digests the immutable columns of these sessions' rows.
    fn digest(&self, numbers: &Ranges) -> rusqlite::Result<String> {
        let mut select = self
            .connection
            .prepare_cached(&format!("SELECT {FINAL} FROM session WHERE no BETWEEN ? AND ? ORDER BY no"))?;
        let columns = select.column_count();
        let mut context = digest::Context::new(&digest::SHA256);
        for [first, last] in numbers.as_slice() {
            let mut rows = select.query([first, last])?;
            while let Some(row) = rows.next()? {
                for column in 0..columns {
                    add(&mut context, row.get_ref(column)?);
                }
            }
        }
        Ok(hex::encode(context.finish().as_ref()))
    }

    /// Numbers of the sessions marked as pruned, and of those noted as removed.
    fn gone(&self) -> rusqlite::Result<[Ranges; 2]> {
        let ranges = |sql: &str| -> rusqlite::Result<Ranges> {
            let mut select = self.connection.prepare_cached(sql)?;
            let rows = select.query_map([], |row| Ok([row.get(0)?, row.get(1)?]))?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?.into())
        };
        Ok([
            ranges("SELECT no, no FROM session WHERE pruned_ms IS NOT NULL")?,
            ranges("SELECT first_no, last_no FROM dropped")?,
        ])
    }

    /// Compares the recordings with the trail, and with the sessions under legal hold, each with the time of
    /// its hold. `None`: the recordings cannot be read, which other checks report.
    ///
    /// # Errors
    /// A database that cannot be read at the moment, for example because it is busy.
    pub fn against(
        &self,
        notes: &JournalNotes,
        held: &BTreeMap<SessionId, i64>,
    ) -> Result<Option<AgainstTrail>, ReadError> {
        let _snapshot = self.snapshot()?;
        let read = || -> rusqlite::Result<AgainstTrail> {
            let [pruned, dropped] = self.gone()?;
            let mut found = AgainstTrail { pruned, dropped, ..AgainstTrail::default() };
            for seen in &notes.seen {
                if !self.is_there(seen)? {
                    found.absent.push(seen.number);
                }
            }
            for rows in &notes.rows {
                if self.digest(&rows.numbers)? != rows.digest {
                    found.altered.push(rows.numbers.clone());
                }
            }
            for (session, since_ms) in held {
                if self.is_lost(*session, *since_ms, notes.begun_ms)? {
                    found.lost.insert(*session, *since_ms);
                }
            }
            Ok(found)
        };
        readable(read())
    }

    fn is_there(&self, seen: &SeenSession) -> rusqlite::Result<bool> {
        self.connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM session
                 WHERE no = ?1 AND id = ?2 AND (?3 IS NULL OR lower(hex(tail_hash)) = ?3))",
            )?
            .query_row(params![seen.number, seen.session, seen.hash], |row| row.get(0))
    }

    /// Returns whether the recording of a session under legal hold was removed after the hold was placed: its
    /// events, or its row, if this database had one.
    fn is_lost(&self, session: SessionId, since_ms: i64, begun_ms: Option<i64>) -> rusqlite::Result<bool> {
        let pruned_ms: Option<Option<i64>> = self
            .connection
            .prepare_cached("SELECT pruned_ms FROM session WHERE id = ?")?
            .query_row([session.to_string()], |row| row.get(0))
            .optional()?;
        Ok(match pruned_ms {
            Some(pruned_ms) => pruned_ms.is_some_and(|pruned_ms| pruned_ms > since_ms),
            None => begun_ms.is_none_or(|begun_ms| begun_ms < since_ms),
        })
    }

    /// Syncs everything that can be read now to disk. Pages that were moved out of SQLite's log were synced
    /// then, so only the log is synced.
    ///
    /// # Errors
    /// The sync failed.
    pub fn sync(data_dir: &Path) -> std::io::Result<()> {
        #[cfg(test)]
        tests::fault()?;
        match Log::open(&data_dir.join(schema::FILE)).and_then(|log| log.sync()) {
            // No journal is open, and the last one has moved all of its log.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            synced => synced,
        }
    }
}

/// Adds a value to a digest so that no two rows collide: its type, its length, its bytes.
fn add(context: &mut digest::Context, value: ValueRef<'_>) {
    let mut write = |kind: u8, bytes: &[u8]| {
        context.update(&[kind]);
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    match value {
        ValueRef::Null => write(0, &[]),
        ValueRef::Integer(value) => write(1, &value.to_be_bytes()),
        ValueRef::Real(value) => write(2, &value.to_be_bytes()),
        ValueRef::Text(text) => write(3, text),
        ValueRef::Blob(bytes) => write(4, bytes),
    }
}

/// Maps a damaged database to `None`; other checks report the damage.
fn readable<T>(read: rusqlite::Result<T>) -> Result<Option<T>, ReadError> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_damage(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    thread_local! {
        /// Whether syncs on this thread fail.
        static FAILS: Cell<bool> = const { Cell::new(false) };
    }

    /// Makes syncs on this thread fail, or succeed again.
    pub(crate) fn fail(fails: bool) {
        FAILS.set(fails);
    }

    pub(super) fn fault() -> std::io::Result<()> {
        if FAILS.get() { Err(std::io::Error::other("a sync that fails on purpose")) } else { Ok(()) }
    }
}
