//! Verifies the database: one session, or everything. Each session is read in one transaction, so that
//! concurrent retention does not look like damage. What cannot be read is reported as a finding, and the rest
//! is still verified.

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

/// Number of consecutive unreadable rows after which verification gives up on the rest.
const UNREADABLE_ROWS: u32 = 1000;

/// What a full verification found in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A session, intact or broken.
    Session(Verification),
    /// The row with this number cannot be read, so its session is unknown.
    Nameless(i64),
    /// No row after this number can be read.
    Rest(i64),
}

/// What a full verification found besides the individual sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalVerification {
    /// Sessions that were recorded and of which no trace is left: somebody removed them.
    pub missing: u64,
    /// Blocks of events that belong to no session.
    pub stray_blocks: u64,
    /// Sessions marked as pruned although they are still open or their events still exist; those events are
    /// not verified.
    pub unpruned: u64,
    /// Rows, and ranges of removed rows, with numbers that were never assigned or that occur twice. They
    /// could conceal missing ones.
    pub wrong_numbers: u64,
    /// The tables for these checks cannot be read.
    pub unreadable: bool,
}

impl Reader {
    /// Verifies one session, or finds where it is broken.
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

    /// Starts a transaction. Until it is dropped, all reads see the same state.
    pub(super) fn snapshot(&self) -> rusqlite::Result<Transaction<'_>> {
        Transaction::new_unchecked(&self.connection, TransactionBehavior::Deferred)
    }

    /// Verifies the session of one row. `None`: there is no such row.
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
                    told.add(&row.row, row.tail_seq, hash, line);
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
        let broken = lost.or(verifier.finish()).or_else(|| {
            told.contradicts(&row.row, row.tail_seq).map(|seq| Broken { seq, class: Damage::Index })
        });
        Ok(Verification { events, hash, broken, ..found })
    }

    /// Verifies each session whose number is above `after`, in the order in which they began. `each` receives
    /// every finding and returns whether to continue. Returns the number to continue after; `None`: that was
    /// the last one.
    ///
    /// # Errors
    /// A database that cannot be read at the moment, for example because it is busy.
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
                // A page of rows is damaged; the rows behind it may be intact.
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

    /// Looks for session numbers that neither exist nor are noted as removed by retention, and for blocks
    /// without a session.
    ///
    /// # Errors
    /// A database that cannot be read at the moment, for example because it is busy.
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
        // An invalid or far too long range must not conceal missing sessions.
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

/// Returns the result for a session whose row cannot be read.
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

/// Returns whether the error means that the file is damaged or returns no data. All other errors may be
/// transient.
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

/// What the events of a session imply, for comparison with its row.
#[derive(Default)]
pub(crate) struct Told {
    counts: Counts,
    /// The counts up to the last event that the row covers.
    kept: Counts,
    /// The first event disagrees with the row.
    other_start: bool,
    /// The end: sequence number, reason, its time, and the time of the event before it.
    end: Option<(u64, SessionEnd, [i64; 2])>,
    /// The time of the last event.
    ts_ms: i64,
    /// An event is intact but of an unknown format, so nothing is compared with the row.
    unknown: bool,
}

impl Told {
    /// Adds the next event, whose hash is correct. `tail`: the last event that the row covers.
    pub(crate) fn add(&mut self, row: &SessionRow, tail: u64, hash: chain::Hash, line: &[u8]) {
        let Ok(stored) = StoredEvent::read(hash, line) else {
            self.unknown = true;
            return;
        };
        let event = &stored.event;
        self.counts.add(event, line.len());
        if stored.seq == tail {
            self.kept = self.counts;
        }
        if event.kind == EventKind::SessionStart && stored.seq == 1 {
            self.other_start = !agrees_with(row, event);
        }
        if event.kind == EventKind::SessionEnd
            && let Ok(end) = session::from_end(event)
        {
            self.end = Some((stored.seq, end, [event.ts_ms, self.ts_ms]));
        }
        self.ts_ms = event.ts_ms;
    }

    /// Returns the event that the row of a live session contradicts. It is older than the events, so it
    /// may count less than there is, but no more, and no end that it covers.
    pub(crate) fn contradicts_live(&self, row: &SessionRow) -> Option<u64> {
        let Counts { events, denied, masked, bytes } = self.counts;
        if self.other_start {
            return Some(1);
        }
        if self.unknown {
            return None;
        }
        let more = row.events > events || row.denied > denied || row.masked > masked || row.bytes > bytes;
        let ended = self.end.map(|(seq, ..)| seq).filter(|seq| *seq <= row.events);
        ended.or(more.then_some(row.events.max(1)))
    }

    /// Returns the event that the row contradicts, whatever it says of the end.
    fn contradicts_start(&self, row: &SessionRow, tail: u64) -> Option<u64> {
        let SessionRow { events, denied, masked, bytes, .. } = *row;
        if self.other_start {
            return Some(1);
        }
        let differs = !self.unknown && self.kept != (Counts { events, denied, masked, bytes });
        differs.then_some(tail.max(1))
    }

    /// Returns the event that the row of the session contradicts.
    pub(crate) fn contradicts(&self, row: &SessionRow, tail: u64) -> Option<u64> {
        let SessionRow { started_ms, ended_ms, end, .. } = *row;
        if let Some(seq) = self.contradicts_start(row, tail) {
            return Some(seq);
        }
        if self.unknown {
            return None;
        }
        match self.end {
            None => end.map(|_| tail.max(1)),
            Some((seq, why, [at, before])) => {
                // An interrupted session ended at the time of its last event.
                let times = [at, before.max(started_ms), self.ts_ms.max(started_ms)];
                let same = end == Some(why) && ended_ms.is_some_and(|ms| times.contains(&ms));
                (!same).then_some(seq)
            }
        }
    }
}

/// Returns whether the row of a session agrees with its first event.
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
        let how = |row: &SessionRow| {
            (row.protocol.clone(), row.issuer.clone(), row.source.clone(), row.client.clone())
        };
        who(&start) == who(row) && how(&start) == how(row)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;

    thread_local! {
        /// A hook that runs once, between reading a row and reading its blocks.
        static BETWEEN: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    }

    /// Runs `job` while the next session is verified on this thread.
    pub(crate) fn meanwhile(job: impl FnOnce() + 'static) {
        BETWEEN.with(|between| *between.borrow_mut() = Some(Box::new(job)));
    }

    pub(super) fn between() {
        if let Some(job) = BETWEEN.with(RefCell::take) {
            job();
        }
    }
}
