//! Reads recordings, with or without a running writer. Never writes.

use std::collections::VecDeque;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::OpenFlags;
use rusqlite::OptionalExtension;
use rusqlite::params;

use crate::domain::id::SessionId;
use crate::recording::chain::Frames;
use crate::recording::error::RecordError;
use crate::recording::line::LineError;
use crate::recording::line::StoredEvent;
use crate::recording::pack;
use crate::recording::rows::block_id;
use crate::recording::schema;
use crate::recording::session;
use crate::recording::session::GATEWAY;
use crate::recording::session::NumberedRow;
use crate::recording::session::SessionRow;

/// Maximum number of sessions listed for an ambiguous prefix.
const AMBIGUOUS: i64 = 5;

/// Why a recording cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// An id prefix matches several sessions.
    #[error("{found:?} could be {}", candidates.join(", "))]
    Ambiguous {
        /// The prefix that was given.
        found: String,
        /// Some of the sessions that match.
        candidates: Vec<String>,
    },
    /// A stored event cannot be read; `verify` gives details.
    #[error("event {seq} of {session}: {source}")]
    Event {
        /// The session of the event.
        session: SessionId,
        /// Sequence number of the event.
        seq: u64,
        /// What is wrong with the stored line.
        source: LineError,
    },
    /// Nothing was ever recorded here.
    #[error("there are no recordings in {path}")]
    NoJournal {
        /// The file that does not exist.
        path: PathBuf,
    },
    /// There is no such session.
    #[error("no session {found:?}")]
    NoSession {
        /// The name or id that was given.
        found: String,
    },
    /// The file cannot be opened, or is not a journal.
    #[error(transparent)]
    Open(RecordError),
    /// The database failed.
    #[error("cannot read the recordings: {detail}")]
    Query {
        /// The message of SQLite.
        detail: String,
    },
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Query { detail: error.to_string() }
    }
}

/// Selects sessions. Empty: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Sessions that had not ended before this time, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Sessions of this principal, by id or label.
    pub principal: Option<String>,
    /// Sessions on this connection.
    pub connection: Option<String>,
    /// Only live sessions, or only ended ones.
    pub live: Option<bool>,
    /// Sessions that began before this one: the next page.
    pub before: Option<SessionId>,
    /// Maximum number of sessions; the newest are returned. `None`: no limit.
    pub limit: Option<u32>,
}

/// A reader for the recordings in one data directory.
pub struct Reader {
    pub(crate) connection: Connection,
}

impl Reader {
    /// Opens the recordings in `data_dir` for reading.
    ///
    /// # Errors
    /// There are none, or the file is not a journal of a known version.
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

    /// Lists sessions, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn sessions(&self, filter: &SessionFilter) -> Result<Vec<SessionRow>, ReadError> {
        let before = filter.before.map(|id| self.place_of(id)).transpose()?.unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM session
             WHERE no < ?6
               AND (?1 IS NULL OR ended_ms IS NULL OR ended_ms >= ?1)
               AND (?2 IS NULL OR principal = ?2 OR label = ?2)
               AND (?3 IS NULL OR connection = ?3)
               AND (?4 IS NULL OR (ended_ms IS NULL) = ?4)
             ORDER BY no DESC LIMIT ?5",
            session::COLUMNS
        ))?;
        let limit = filter.limit.map_or(-1, i64::from);
        let rows = statement
            .query_map(
                params![filter.since_ms, filter.principal, filter.connection, filter.live, limit, before],
                session::read_row,
            )?
            .collect::<Result<Vec<_>, _>>()?;
        drop(statement);
        rows.into_iter().map(|row| self.current(row)).collect()
    }

    /// Returns the number of a session. If it is gone: the number at which it would be, since ids sort by
    /// time.
    fn place_of(&self, id: SessionId) -> Result<i64, ReadError> {
        if let Some(found) = self.numbered(id)? {
            return Ok(found.no);
        }
        let older = "SELECT coalesce(max(no), 0) + 1 FROM session WHERE id < ?";
        Ok(self.connection.prepare_cached(older)?.query_row([id.to_string()], |row| row.get(0))?)
    }

    /// Updates the row of a live session, which the writer does only once a second.
    fn current(&self, found: NumberedRow) -> Result<SessionRow, ReadError> {
        let mut row = found.row;
        if row.ended_ms.is_none() {
            let last: Option<i64> = self
                .connection
                .prepare_cached(
                    "SELECT last_seq FROM block WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1",
                )?
                .query_row(ids_of(found.no), |row| row.get(0))
                .optional()?;
            row.events = row.events.max(last.unwrap_or(0).unsigned_abs());
        }
        Ok(row)
    }

    /// Looks up a session.
    ///
    /// # Errors
    /// The database cannot be read.
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

    pub(crate) fn existing(&self, id: SessionId) -> Result<NumberedRow, ReadError> {
        self.numbered(id)?.ok_or_else(|| ReadError::NoSession { found: id.to_string() })
    }

    /// Returns the session that began last, never the gateway's own recording of refused requests
    /// ([`GATEWAY`]).
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn last(&self) -> Result<Option<SessionRow>, ReadError> {
        let found = self
            .connection
            .prepare_cached(&format!(
                "SELECT {} FROM session WHERE principal <> ? ORDER BY no DESC LIMIT 1",
                session::COLUMNS
            ))?
            .query_row([GATEWAY], session::read_row)
            .optional()?;
        found.map(|row| self.current(row)).transpose()
    }

    /// Finds the session that a user names: `last`, an id, or an id prefix.
    ///
    /// # Errors
    /// No session or several sessions match.
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

    /// Reads the events of a session from number `from_seq` on, as far as they are recorded now.
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
        let (first, last) = ids_of(row.no);
        Ok(Events {
            blocks: Blocks { connection: &self.connection, next: start.unwrap_or(first), last },
            session: id,
            from_seq,
            ready: VecDeque::new(),
            over: false,
        })
    }
}

/// Returns the range of ids that blocks of a session can have.
fn ids_of(no: i64) -> (i64, i64) {
    (block_id(no, 0), block_id(no, u64::from(u32::MAX)))
}

/// One stored block.
pub(crate) struct Block {
    /// Sequence number of its first event.
    pub(crate) first: u64,
    /// Its frames, uncompressed.
    pub(crate) bytes: Vec<u8>,
}

/// Reads the blocks of a session one at a time.
pub(crate) struct Blocks<'a> {
    connection: &'a Connection,
    next: i64,
    last: i64,
}

impl<'a> Blocks<'a> {
    /// Starts at the first block of session `no`.
    pub(crate) fn of(connection: &'a Connection, no: i64) -> Self {
        let (next, last) = ids_of(no);
        Self { connection, next, last }
    }

    /// Reads the next block.
    pub(crate) fn next(&mut self) -> rusqlite::Result<Option<Block>> {
        let found = self
            .connection
            .prepare_cached("SELECT id, bytes FROM block WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1")?
            .query_row([self.next, self.last], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
            .optional()?;
        Ok(found.map(|(id, bytes)| {
            self.next = id + 1;
            Block { first: (id & i64::from(u32::MAX)).unsigned_abs(), bytes: pack::unpack(bytes) }
        }))
    }
}

/// Iterates over the events of a session, in order. An error comes after the events before it, and ends the
/// iteration.
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
