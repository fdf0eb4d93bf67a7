//! Proves what is in the database: one session, or everything.

use rusqlite::OptionalExtension;

use crate::domain::event::EventKind;
use crate::domain::id::SessionId;
use crate::recording::chain;
use crate::recording::chain::Frames;
use crate::recording::line::StoredEvent;
use crate::recording::reader::Blocks;
use crate::recording::reader::ReadError;
use crate::recording::reader::Reader;
use crate::recording::session;
use crate::recording::session::NumberedRow;
use crate::recording::session::SessionRow;
use crate::recording::verify::Broken;
use crate::recording::verify::Damage;
use crate::recording::verify::End;
use crate::recording::verify::Verification;
use crate::recording::verify::Verifier;

/// What a verification of everything found out besides each session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalVerification {
    /// Sessions that were recorded, and of which not even a trace is left: somebody removed them.
    pub missing: u64,
    /// Blocks of events that belong to no session.
    pub stray_blocks: u64,
}

impl Reader {
    /// Proves one session, or finds where it is broken.
    ///
    /// # Errors
    /// No such session, or a database that cannot be read.
    pub fn verify(&self, id: SessionId) -> Result<Verification, ReadError> {
        let row = self.existing(id)?;
        self.verify_row(&row)
    }

    fn verify_row(&self, row: &NumberedRow) -> Result<Verification, ReadError> {
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
        let mut agrees = true;
        while let Some(block) = blocks.next()? {
            if torn {
                verifier.torn(false);
            }
            for frame in Frames::new(&block.bytes) {
                let Ok((hash, line)) = frame else {
                    torn = true;
                    break;
                };
                verifier.push(&hash, line);
                if verifier.events() == 1 && block.first == 1 {
                    agrees &= agrees_with(&row.row, hash, line);
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
        let index = (!agrees).then_some(Broken { seq: 1, class: Damage::Index });
        Ok(Verification { events, hash, broken: verifier.finish().or(index), ..found })
    }

    /// Proves each session whose number is above `after`, in the order in which they began. `each` sees a session's finding as it is
    /// made, and says whether to go on. Gives the number to go on after; `None`: that was the last one.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub fn verify_after(
        &self,
        mut after: i64,
        mut each: impl FnMut(Verification) -> bool,
    ) -> Result<Option<i64>, ReadError> {
        loop {
            let row = self
                .connection
                .prepare_cached(&format!(
                    "SELECT {} FROM session WHERE no > ? ORDER BY no LIMIT 1",
                    session::COLUMNS
                ))?
                .query_row([after], session::read_row)
                .optional()?;
            let Some(row) = row else { return Ok(None) };
            after = row.no;
            if !each(self.verify_row(&row)?) {
                return Ok(Some(after));
            }
        }
    }

    /// Looks for numbers of sessions that are neither there nor noted as dropped by retention, and for blocks without a session.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub fn verify_numbers(&self) -> Result<JournalVerification, ReadError> {
        let (given, there, dropped, stray): (i64, i64, i64, i64) = self.connection.query_row(
            "SELECT (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'session'),
                    (SELECT count(*) FROM session),
                    (SELECT coalesce(sum(last_no - first_no + 1), 0) FROM dropped),
                    (SELECT count(*) FROM block WHERE NOT EXISTS (SELECT 1 FROM session WHERE no = block.id >> 32))",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )?;
        Ok(JournalVerification {
            missing: (given - there - dropped).unsigned_abs(),
            stray_blocks: stray.unsigned_abs(),
        })
    }
}

/// Whether the row of a session says what its first event says.
fn agrees_with(row: &SessionRow, hash: chain::Hash, line: &[u8]) -> bool {
    let Ok(first) = StoredEvent::read(hash, line) else { return true };
    if first.event.kind != EventKind::SessionStart {
        return true;
    }
    session::from_start(&first.event).is_ok_and(|start| {
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
