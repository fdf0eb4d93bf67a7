//! Proves what is in the database: one session, or everything. Each session is read in one transaction, so that retention beside it is no damage;
//! what cannot be read is a finding, and the rest is proved nevertheless.

use rusqlite::ErrorCode;
use rusqlite::OptionalExtension;
use rusqlite::Transaction;
use rusqlite::TransactionBehavior;

use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::SessionId;
use crate::domain::session::SessionEnd;
use crate::recording::chain;
use crate::recording::chain::Frames;
use crate::recording::line::StoredEvent;
use crate::recording::reader::Blocks;
use crate::recording::reader::ReadError;
use crate::recording::reader::Reader;
use crate::recording::session;
use crate::recording::session::Counts;
use crate::recording::session::NumberedRow;
use crate::recording::session::SessionRow;
use crate::recording::verify::Broken;
use crate::recording::verify::Damage;
use crate::recording::verify::End;
use crate::recording::verify::Verification;
use crate::recording::verify::Verifier;

/// Rows in a row that cannot be read before the rest is given up.
const UNREADABLE_ROWS: u32 = 1000;

/// What a verification of everything found of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A session, whole or broken.
    Session(Verification),
    /// The row of this number cannot be read, and so does not say which session it is.
    Nameless(i64),
    /// No row after this number can be read.
    Rest(i64),
}

/// What a verification of everything found out besides each session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalVerification {
    /// Sessions that were recorded, and of which not even a trace is left: somebody removed them.
    pub missing: u64,
    /// Blocks of events that belong to no session.
    pub stray_blocks: u64,
    /// Sessions that are said to be pruned, though they go on or their events are there: so nobody proves those.
    pub unpruned: u64,
    /// Rows, and ranges of removed ones, with numbers that were never given or that stand twice: they make up for what is missing.
    pub wrong_numbers: u64,
    /// The tables that say so cannot be read.
    pub unreadable: bool,
}

impl Reader {
    /// Proves one session, or finds where it is broken.
    ///
    /// # Errors
    /// No such session, or a database that cannot be read.
    pub fn verify(&self, id: SessionId) -> Result<Verification, ReadError> {
        let _snapshot = self.snapshot()?;
        let no: Option<i64> = self
            .connection
            .prepare_cached("SELECT no FROM session WHERE id = ?")?
            .query_row([id.to_string()], |row| row.get(0))
            .optional()?;
        let found = no.map(|no| self.verify_no(no)).transpose()?.flatten();
        match found {
            Some(Finding::Session(found)) => Ok(found),
            Some(_) => Ok(unreadable(id)),
            None => Err(ReadError::NoSession { found: id.to_string() }),
        }
    }

    /// Everything that is read until it is dropped is of one moment.
    pub(super) fn snapshot(&self) -> rusqlite::Result<Transaction<'_>> {
        Transaction::new_unchecked(&self.connection, TransactionBehavior::Deferred)
    }

    /// Proves the session of one row. `None`: there is no such row.
    fn verify_no(&self, no: i64) -> Result<Option<Finding>, ReadError> {
        let row = self
            .connection
            .prepare_cached(&format!("SELECT {} FROM session WHERE no = ?", session::COLUMNS))?
            .query_row([no], session::read_row)
            .optional();
        match row {
            Ok(Some(row)) => Ok(Some(Finding::Session(self.verify_row(&row)?))),
            Ok(None) => Ok(None),
            Err(error) if is_damage(&error) => {
                let id: rusqlite::Result<String> = self
                    .connection
                    .prepare_cached("SELECT id FROM session WHERE no = ?")
                    .and_then(|mut select| select.query_row([no], |row| row.get(0)));
                let id = id.ok().and_then(|id| id.parse().ok());
                Ok(Some(id.map_or(Finding::Nameless(no), |id| Finding::Session(unreadable(id)))))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn verify_row(&self, row: &NumberedRow) -> Result<Verification, ReadError> {
        #[cfg(test)]
        tests::between();
        let found = Verification {
            session: row.row.id,
            events: row.tail_seq,
            hash: chain::hex(&row.tail_hash),
            live: row.row.ended_ms.is_none(),
            pruned_ms: row.row.pruned_ms,
            broken: None,
        };
        if found.pruned_ms.is_some() {
            return Ok(found);
        }
        let end = End { seq: row.tail_seq, hash: row.tail_hash, last: !found.live, over: !found.live };
        let mut verifier = Verifier::new(row.row.id, end);
        let mut blocks = Blocks::of(&self.connection, row.no);
        let mut torn = false;
        let mut told = Told::default();
        let mut lost = None;
        loop {
            let block = match blocks.next() {
                Ok(Some(block)) => block,
                Ok(None) => break,
                Err(error) if is_damage(&error) => {
                    lost = Some(Broken { seq: verifier.events() + 1, class: Damage::Unreadable });
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            if torn {
                verifier.torn(false);
            }
            for frame in Frames::new(&block.bytes) {
                let Ok((hash, line)) = frame else {
                    torn = true;
                    break;
                };
                let before = verifier.events();
                verifier.push(&hash, line);
                if verifier.events() > before {
                    told.add(row, hash, line);
                }
            }
            if verifier.is_decided() {
                break;
            }
        }
        if torn {
            verifier.torn(true);
        }
        let (events, hash) = (verifier.events(), chain::hex(verifier.hash()));
        let broken = lost
            .or(verifier.finish())
            .or_else(|| told.contradicts(row).map(|seq| Broken { seq, class: Damage::Index }));
        Ok(Verification { events, hash, broken, ..found })
    }

    /// Proves each session whose number is above `after`, in the order in which they began. `each` sees a session's finding as it is
    /// made, and says whether to go on. Gives the number to go on after; `None`: that was the last one.
    ///
    /// # Errors
    /// A database that cannot be read for now, as when it is busy.
    pub fn verify_after(
        &self,
        mut after: i64,
        mut each: impl FnMut(Finding) -> bool,
    ) -> Result<Option<i64>, ReadError> {
        let mut unreadable = 0;
        loop {
            let snapshot = self.snapshot()?;
            let no = self
                .connection
                .prepare_cached("SELECT no FROM session WHERE no > ? ORDER BY no LIMIT 1")
                .and_then(|mut select| select.query_row([after], |row| row.get(0)).optional());
            let found = match no {
                Ok(Some(no)) => {
                    (after, unreadable) = (no, 0);
                    self.verify_no(no)?
                }
                Ok(None) => return Ok(None),
                // A page of rows is damaged: those behind it may not be.
                Err(error) if is_damage(&error) && unreadable < UNREADABLE_ROWS => {
                    (after, unreadable) = (after.max(0).saturating_add(1), unreadable + 1);
                    Some(Finding::Nameless(after))
                }
                Err(error) if is_damage(&error) => {
                    each(Finding::Rest(after));
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            };
            drop(snapshot);
            if found.is_some_and(|found| !each(found)) {
                return Ok(Some(after));
            }
        }
    }

    /// Looks for numbers of sessions that are neither there nor noted as dropped by retention, and for blocks without a session.
    ///
    /// # Errors
    /// A database that cannot be read for now, as when it is busy.
    pub fn verify_numbers(&self) -> Result<JournalVerification, ReadError> {
        match self.numbers() {
            Err(error) if is_damage(&error) => {
                Ok(JournalVerification { unreadable: true, ..JournalVerification::default() })
            }
            found => Ok(found?),
        }
    }

    fn numbers(&self) -> rusqlite::Result<JournalVerification> {
        let _snapshot = self.snapshot()?;
        let count = |sql: &str| self.connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        let given = count("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'session'")?;
        let there = count("SELECT count(*) FROM session")?;
        // A range that is none, or far too long, must not make up for what is missing.
        let dropped = count(
            "SELECT coalesce(sum(last_no - first_no + 1), 0) FROM dropped
             WHERE first_no >= 1 AND last_no >= first_no AND last_no <= 2147483647",
        )?;
        let stray = count(
            "SELECT count(*) FROM block WHERE NOT EXISTS (SELECT 1 FROM session WHERE no = block.id >> 32)",
        )?;
        let unpruned = count(
            "SELECT count(*) FROM session WHERE pruned_ms IS NOT NULL AND (ended_ms IS NULL
                 OR (no NOT IN (SELECT no FROM emptying)
                     AND EXISTS (SELECT 1 FROM block WHERE block.id BETWEEN no << 32 AND (no << 32) + 4294967295)))",
        )?;
        let rows = count(
            "SELECT count(*) FROM session WHERE no < 1
                 OR no > (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'session')
                 OR EXISTS (SELECT 1 FROM dropped WHERE no BETWEEN first_no AND last_no)",
        )?;
        let ranges = count(
            "SELECT count(*) FROM (SELECT first_no, last_no, lag(last_no) OVER (ORDER BY first_no) AS before FROM dropped)
             WHERE first_no < 1 OR last_no < first_no OR first_no <= before
                 OR last_no > (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'session')",
        )?;
        Ok(JournalVerification {
            missing: given.saturating_sub(there).saturating_sub(dropped).max(0).unsigned_abs(),
            stray_blocks: stray.unsigned_abs(),
            unpruned: unpruned.unsigned_abs(),
            wrong_numbers: rows.saturating_add(ranges).unsigned_abs(),
            unreadable: false,
        })
    }
}

/// A session of which the row cannot be read.
fn unreadable(session: SessionId) -> Verification {
    Verification {
        session,
        events: 0,
        hash: chain::hex(&chain::GENESIS),
        live: false,
        pruned_ms: None,
        broken: Some(Broken { seq: 1, class: Damage::Unreadable }),
    }
}

/// Whether the file holds what nobody has written there, or gives nothing at all. Everything else may be read another time.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure))
        || matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::Utf8Error(..)
        )
}

/// What the events of a session tell, to be held against its row.
#[derive(Default)]
struct Told {
    counts: Counts,
    /// What was counted up to the last event of which the row knows.
    kept: Counts,
    /// The first event says something else than the row.
    other_start: bool,
    /// The end: its number, why, its time, and that of the event before it.
    end: Option<(u64, SessionEnd, [i64; 2])>,
    /// The time of the last event.
    ts_ms: i64,
    /// There was an event whose line is not known here, though it is as it was written: nothing is held against the row.
    unknown: bool,
}

impl Told {
    /// The next event, which holds.
    fn add(&mut self, row: &NumberedRow, hash: chain::Hash, line: &[u8]) {
        let Ok(stored) = StoredEvent::read(hash, line) else {
            self.unknown = true;
            return;
        };
        let event = &stored.event;
        self.counts.add(event, line.len());
        if stored.seq == row.tail_seq {
            self.kept = self.counts;
        }
        if event.kind == EventKind::SessionStart && stored.seq == 1 {
            self.other_start = !agrees_with(&row.row, event);
        }
        if event.kind == EventKind::SessionEnd
            && let Ok(end) = session::from_end(event)
        {
            self.end = Some((stored.seq, end, [event.ts_ms, self.ts_ms]));
        }
        self.ts_ms = event.ts_ms;
    }

    /// The event that the row of its session contradicts.
    fn contradicts(&self, row: &NumberedRow) -> Option<u64> {
        let SessionRow { events, denied, masked, bytes, started_ms, ended_ms, end, .. } = row.row;
        if self.other_start {
            return Some(1);
        }
        if self.unknown {
            return None;
        }
        if self.kept != (Counts { events, denied, masked, bytes }) {
            return Some(row.tail_seq.max(1));
        }
        match self.end {
            None => end.map(|_| row.tail_seq.max(1)),
            Some((seq, why, [at, before])) => {
                // One that was interrupted ended when its last event came.
                let times = [at, before.max(started_ms), self.ts_ms.max(started_ms)];
                let same = end == Some(why) && ended_ms.is_some_and(|ms| times.contains(&ms));
                (!same).then_some(seq)
            }
        }
    }
}

/// Whether the row of a session says what its first event says.
fn agrees_with(row: &SessionRow, first: &Event) -> bool {
    session::from_start(first).is_ok_and(|start| {
        let who = |row: &SessionRow| {
            (
                row.id,
                row.principal.clone(),
                row.label.clone(),
                row.kind,
                row.connection.clone(),
                row.started_ms,
            )
        };
        who(&start) == who(row) && start.source == row.source && start.client == row.client
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;

    thread_local! {
        /// What happens once between the read of a row and that of its blocks.
        static BETWEEN: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    }

    /// Has something happen while the next session is proved on this thread.
    pub(crate) fn meanwhile(job: impl FnOnce() + 'static) {
        BETWEEN.with(|between| *between.borrow_mut() = Some(Box::new(job)));
    }

    pub(super) fn between() {
        if let Some(job) = BETWEEN.with(RefCell::take) {
            job();
        }
    }
}
