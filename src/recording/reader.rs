//! Reads recordings: beside the running writer, and with none running. Never writes.

use std::collections::VecDeque;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::OpenFlags;
use rusqlite::OptionalExtension;
use rusqlite::params;

use crate::domain::event::EventKind;
use crate::domain::id::SessionId;
use crate::recording::chain;
use crate::recording::chain::Frames;
use crate::recording::error::RecordError;
use crate::recording::line::LineError;
use crate::recording::line::StoredEvent;
use crate::recording::schema;
use crate::recording::session;
use crate::recording::session::NumberedRow;
use crate::recording::session::SessionRow;
use crate::recording::verify::Broken;
use crate::recording::verify::Damage;
use crate::recording::verify::End;
use crate::recording::verify::Verification;
use crate::recording::verify::Verifier;
use crate::recording::writer::block_id;

/// Sessions a prefix may name before it is only said that there are more.
const AMBIGUOUS: i64 = 5;

/// Why a recording cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The beginning of an id fits several sessions.
    #[error("{found:?} could be {}", candidates.join(", "))]
    Ambiguous {
        /// What was given.
        found: String,
        /// Some of the sessions it could be.
        candidates: Vec<String>,
    },
    /// A stored event cannot be read; `verify` says more.
    #[error("event {seq} of {session}: {source}")]
    Event {
        /// The session.
        session: SessionId,
        /// The event.
        seq: u64,
        /// What is wrong with it.
        source: LineError,
    },
    /// Nothing was ever recorded here.
    #[error("there are no recordings in {path}")]
    NoJournal {
        /// The file that is not there.
        path: PathBuf,
    },
    /// There is no such session.
    #[error("no session {found:?}")]
    NoSession {
        /// What was asked for.
        found: String,
    },
    /// The file cannot be opened, or is no journal.
    #[error(transparent)]
    Open(RecordError),
    /// The database failed.
    #[error("cannot read the recordings: {detail}")]
    Query {
        /// What the database said.
        detail: String,
    },
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Query { detail: error.to_string() }
    }
}

/// Which sessions are wanted. Empty: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Those that were not over before this time, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Those of this principal: its id, or its label.
    pub principal: Option<String>,
    /// Those on this connection.
    pub connection: Option<String>,
    /// Those that are live, or that are not.
    pub live: Option<bool>,
    /// At most so many, the newest. `None`: no limit.
    pub limit: Option<u32>,
}

/// What a verification of everything found out besides each session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalVerification {
    /// Sessions that were looked at.
    pub sessions: u64,
    /// Those that are broken.
    pub broken: u64,
    /// Sessions that were recorded, and of which not even a trace is left: somebody removed them.
    pub missing: u64,
    /// Blocks of events that belong to no session.
    pub stray_blocks: u64,
}

impl JournalVerification {
    /// Whether everything is as it was recorded.
    pub const fn is_whole(&self) -> bool {
        self.broken == 0 && self.missing == 0 && self.stray_blocks == 0
    }
}

/// A reader of the recordings of one data directory.
pub struct Reader {
    connection: Connection,
}

impl Reader {
    /// Opens the recordings in `data_dir` for reading.
    ///
    /// # Errors
    /// None there, or a file that is not a journal of a known version.
    pub fn open(data_dir: &Path) -> Result<Self, ReadError> {
        let path = data_dir.join(schema::FILE);
        if !path.exists() {
            return Err(ReadError::NoJournal { path });
        }
        schema::check_file(&path).map_err(ReadError::Open)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(Duration::from_secs(2))?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        schema::check(&connection, &path).map_err(ReadError::Open)?;
        Ok(Self { connection })
    }

    /// Sessions, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn sessions(&self, filter: &SessionFilter) -> Result<Vec<SessionRow>, ReadError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM session
             WHERE (?1 IS NULL OR ended_ms IS NULL OR ended_ms >= ?1)
               AND (?2 IS NULL OR principal = ?2 OR label = ?2)
               AND (?3 IS NULL OR connection = ?3)
               AND (?4 IS NULL OR (ended_ms IS NULL) = ?4)
             ORDER BY no DESC LIMIT ?5",
            session::COLUMNS
        ))?;
        let limit = filter.limit.map_or(-1, i64::from);
        let rows = statement
            .query_map(
                params![filter.since_ms, filter.principal, filter.connection, filter.live, limit],
                session::read_row,
            )?
            .collect::<Result<Vec<_>, _>>()?;
        drop(statement);
        rows.into_iter().map(|row| self.current(row)).collect()
    }

    /// Brings the row of a live session up to date: the writer does so once a second only.
    fn current(&self, found: NumberedRow) -> Result<SessionRow, ReadError> {
        let mut row = found.row;
        if row.ended_ms.is_none() {
            let last: Option<i64> = self
                .connection
                .prepare_cached(
                    "SELECT last_seq FROM block WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1",
                )?
                .query_row(ids_of(found.no, 0), |row| row.get(0))
                .optional()?;
            row.events = row.events.max(last.unwrap_or(0).unsigned_abs());
        }
        Ok(row)
    }

    /// One session.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn session(&self, id: SessionId) -> Result<Option<SessionRow>, ReadError> {
        self.numbered(id)?.map(|row| self.current(row)).transpose()
    }

    fn numbered(&self, id: SessionId) -> Result<Option<NumberedRow>, ReadError> {
        Ok(self
            .connection
            .prepare_cached(&format!("SELECT {} FROM session WHERE id = ?", session::COLUMNS))?
            .query_row([id.to_string()], session::read_row)
            .optional()?)
    }

    fn existing(&self, id: SessionId) -> Result<NumberedRow, ReadError> {
        self.numbered(id)?.ok_or_else(|| ReadError::NoSession { found: id.to_string() })
    }

    /// The session that began last.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last(&self) -> Result<Option<SessionRow>, ReadError> {
        let filter = SessionFilter { limit: Some(1), ..SessionFilter::default() };
        Ok(self.sessions(&filter)?.pop())
    }

    /// The session a person names: `last`, an id, or the beginning of one.
    ///
    /// # Errors
    /// None or several of that name.
    pub fn find(&self, name: &str) -> Result<SessionRow, ReadError> {
        let nothing = || ReadError::NoSession { found: name.chars().take(80).collect() };
        if name == "last" {
            return self.last()?.ok_or_else(nothing);
        }
        if let Ok(id) = name.parse() {
            return self.session(id)?.ok_or_else(nothing);
        }
        let body = name.strip_prefix("ses_").unwrap_or(name);
        if body.is_empty() || body.len() > 26 || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(nothing());
        }
        let from = format!("ses_{body}");
        // `~` sorts after every digit of an id.
        let ids: Vec<String> = self
            .connection
            .prepare_cached("SELECT id FROM session WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?")?
            .query_map(params![from, format!("{from}~"), AMBIGUOUS], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        match ids.as_slice() {
            [] => Err(nothing()),
            [id] => id.parse().ok().and_then(|id| self.session(id).transpose()).ok_or_else(nothing)?,
            _ => Err(ReadError::Ambiguous { found: from, candidates: ids }),
        }
    }

    /// The events of a session from number `from_seq` on, as far as they are recorded now.
    ///
    /// # Errors
    /// No such session.
    pub fn events(&self, id: SessionId, from_seq: u64) -> Result<Events<'_>, ReadError> {
        let row = self.existing(id)?;
        let start: Option<i64> = self
            .connection
            .prepare_cached("SELECT id FROM block WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1")?
            .query_row(
                params![block_id(row.no, 0), block_id(row.no, from_seq.clamp(1, u64::from(u32::MAX)))],
                |row| row.get(0),
            )
            .optional()?;
        let (first, last) = ids_of(row.no, 0);
        Ok(Events {
            blocks: Blocks { connection: &self.connection, next: start.unwrap_or(first), last },
            session: id,
            from_seq,
            ready: VecDeque::new(),
            over: false,
        })
    }

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
        let (next, last) = ids_of(row.no, 0);
        let mut blocks = Blocks { connection: &self.connection, next, last };
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

    /// Proves everything: each session, that none is missing, and that no events are left without one. `each` sees every
    /// session's finding as it is made, the oldest first.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub fn verify_all(&self, mut each: impl FnMut(&Verification)) -> Result<JournalVerification, ReadError> {
        let mut found = self.verify_numbers()?;
        let mut after = 0;
        loop {
            let row = self
                .connection
                .prepare_cached(&format!(
                    "SELECT {} FROM session WHERE no > ? ORDER BY no LIMIT 1",
                    session::COLUMNS
                ))?
                .query_row([after], session::read_row)
                .optional()?;
            let Some(row) = row else { return Ok(found) };
            after = row.no;
            let session = self.verify_row(&row)?;
            found.sessions += 1;
            found.broken += u64::from(session.broken.is_some());
            each(&session);
        }
    }

    /// Looks for numbers of sessions that are neither there nor noted as dropped, and for blocks without a session.
    fn verify_numbers(&self) -> Result<JournalVerification, ReadError> {
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
            ..JournalVerification::default()
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

/// The ids that blocks of a session can have, from the one that begins with `first` on.
fn ids_of(no: i64, first: u64) -> (i64, i64) {
    (block_id(no, first), block_id(no, u64::from(u32::MAX)))
}

/// One stored block.
struct Block {
    first: u64,
    bytes: Vec<u8>,
}

/// The blocks of a session, a few at a time.
struct Blocks<'a> {
    connection: &'a Connection,
    next: i64,
    last: i64,
}

impl Blocks<'_> {
    fn next(&mut self) -> rusqlite::Result<Option<Block>> {
        let found = self
            .connection
            .prepare_cached("SELECT id, bytes FROM block WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1")?
            .query_row([self.next, self.last], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
            .optional()?;
        Ok(found.map(|(id, bytes)| {
            self.next = id + 1;
            Block { first: (id & i64::from(u32::MAX)).unsigned_abs(), bytes }
        }))
    }
}

/// Events of a session, in their order. A fault comes after the events before it, and is the last.
pub struct Events<'a> {
    blocks: Blocks<'a>,
    session: SessionId,
    from_seq: u64,
    ready: VecDeque<Result<StoredEvent, ReadError>>,
    over: bool,
}

impl Events<'_> {
    fn fill(&mut self) -> Result<(), ReadError> {
        let Some(block) = self.blocks.next()? else {
            self.over = true;
            return Ok(());
        };
        for (frame, seq) in Frames::new(&block.bytes).zip(block.first..) {
            let unreadable = |source| ReadError::Event { session: self.session, seq, source };
            let torn = |_torn| unreadable(LineError { problem: "its block is torn".to_owned() });
            let (hash, line) = frame.map_err(torn)?;
            if seq >= self.from_seq {
                self.ready.push_back(Ok(StoredEvent::read(hash, line).map_err(unreadable)?));
            }
        }
        Ok(())
    }
}

impl Iterator for Events<'_> {
    type Item = Result<StoredEvent, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.over {
            if let Err(error) = self.fill() {
                self.over = true;
                self.ready.push_back(Err(error));
            }
        }
        self.ready.pop_front()
    }
}
