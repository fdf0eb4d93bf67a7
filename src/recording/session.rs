//! Session metadata: one row, written when the session begins and updated while it is open.

use rusqlite::Row;
use serde::{Deserialize, Serialize};

use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::SessionId;
use crate::domain::json::Json;
use crate::domain::principal::Kind;
use crate::domain::session::SessionEnd;
use crate::recording::chain::GENESIS;
use crate::recording::chain::Hash;

/// Maximum nesting depth of the data of the first and last event.
const MAX_DEPTH: usize = 8;

/// The principal of the gateway's own recording of requests that were refused before there was a session. No
/// token has this principal: those of the form `local:` are OS users on the admin socket.
pub const GATEWAY: &str = "local:gateway";

/// One session, as lists show it. Texts are raw and must be escaped for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRow {
    /// The session's id.
    pub id: SessionId,
    /// The principal that opened it.
    pub principal: String,
    /// A display name for the principal.
    pub label: String,
    /// The kind of principal.
    pub kind: Kind,
    /// Name of the connection.
    pub connection: String,
    /// Protocol of the target.
    pub protocol: String,
    /// The `[[oidc]]` entry that vouched for the principal.
    pub issuer: String,
    /// The client application, if the token names one.
    pub client: Option<String>,
    /// The client's source address.
    pub source: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended, in milliseconds since 1970. `None`: it is live.
    pub ended_ms: Option<i64>,
    /// Why it ended.
    pub end: Option<SessionEnd>,
    /// Number of recorded events.
    pub events: u64,
    /// Number of commands that were not allowed.
    pub denied: u64,
    /// Number of masked values.
    pub masked: u64,
    /// Bytes of the recorded events.
    pub bytes: u64,
    /// When its events were removed by retention, in milliseconds since 1970.
    pub pruned_ms: Option<i64>,
}

/// The counters of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) denied: u64,
    pub(crate) masked: u64,
    pub(crate) bytes: u64,
}

impl Counts {
    /// Counts one event whose line has `length` bytes.
    pub(crate) fn add(&mut self, event: &Event, length: usize) {
        self.events += 1;
        self.bytes += length as u64;
        self.masked += event.mask.iter().map(|note| note.n).sum::<u64>();
        if event.kind == EventKind::Decision && is_denial(event.data.as_bytes()) {
            self.denied += 1;
        }
    }
}

/// Returns whether the data of a decision say that the command was not allowed: by a code, or by the effect.
/// In JSON text a quote inside a string follows a backslash, so these bytes are always members, never part of
/// a value.
pub(crate) fn is_denial(data: &[u8]) -> bool {
    memchr::memmem::find(data, br#""code":""#).is_some()
        || memchr::memmem::find(data, br#""effect":"deny""#).is_some()
}

/// Returns whether the data of a SQL statement's end say that it failed; matched like [`is_denial`].
pub(crate) fn is_failure(data: &[u8]) -> bool {
    memchr::memmem::find(data, br#""end":"error""#).is_some()
}

/// How far a session is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Sequence number of the last event.
    pub(crate) seq: u64,
    /// Its hash.
    pub(crate) hash: Hash,
    /// Its time since the session's start, in microseconds.
    pub(crate) t_us: u64,
    /// Its time, in milliseconds since 1970.
    pub(crate) ts_ms: i64,
    /// The counters up to and including it.
    pub(crate) counts: Counts,
    /// When the session ended, in milliseconds since 1970, and why, if it did.
    pub(crate) ended: Option<(i64, SessionEnd)>,
}

impl Reached {
    /// No event yet.
    pub(crate) const START: Self = Self {
        seq: 0,
        hash: GENESIS,
        t_us: 0,
        ts_ms: 0,
        counts: Counts { events: 0, denied: 0, masked: 0, bytes: 0 },
        ended: None,
    };
}

/// The columns of [`read_row`], in its order.
pub(crate) const COLUMNS: &str = "no, id, principal, label, kind, connection, protocol, issuer, client, source, \
     started_ms, ended_ms, end, events, denied, masked, bytes, pruned_ms, tail_seq, tail_hash";

/// A row with the columns that only this module uses.
#[derive(Debug, Clone)]
pub(crate) struct NumberedRow {
    pub(crate) no: i64,
    pub(crate) row: SessionRow,
    pub(crate) tail_seq: u64,
    pub(crate) tail_hash: Hash,
}

/// Reads one row of `SELECT {COLUMNS} FROM session`.
pub(crate) fn read_row(row: &Row<'_>) -> rusqlite::Result<NumberedRow> {
    Ok(NumberedRow {
        no: row.get(0)?,
        row: SessionRow {
            id: word(row, 1, |text| text.parse().ok())?,
            principal: row.get(2)?,
            label: row.get(3)?,
            kind: word(row, 4, Kind::parse)?,
            connection: row.get(5)?,
            protocol: row.get(6)?,
            issuer: row.get(7)?,
            client: row.get(8)?,
            source: row.get(9)?,
            started_ms: row.get(10)?,
            ended_ms: row.get(11)?,
            end: match row.get_ref(12)? {
                rusqlite::types::ValueRef::Null => None,
                _ => Some(word(row, 12, parse_end)?),
            },
            events: count(row, 13)?,
            denied: count(row, 14)?,
            masked: count(row, 15)?,
            bytes: count(row, 16)?,
            pruned_ms: row.get(17)?,
        },
        tail_seq: count(row, 18)?,
        tail_hash: row.get(19)?,
    })
}

fn word<T>(row: &Row<'_>, column: usize, parse: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    parse(&text).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            "a word that is not known here".into(),
        )
    })
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|value| u64::try_from(value).unwrap_or(0))
}

/// Parses the name of a session end.
pub(crate) fn parse_end(word: &str) -> Option<SessionEnd> {
    SessionEnd::ALL.into_iter().find(|end| end.as_str() == word)
}

/// Builds a row from the data of a `session.start`.
pub(crate) fn from_start(event: &Event) -> Result<SessionRow, &'static str> {
    let data = Json::parse(event.data.as_bytes(), MAX_DEPTH).map_err(|error| error.problem)?;
    let text = |name: &str| data.member(name).and_then(Json::as_str).map(str::to_owned);
    let needed = |name: &str| text(name).ok_or("a session.start without principal, kind or connection");
    let principal = needed("principal")?;
    Ok(SessionRow {
        id: event.session,
        label: text("label").unwrap_or_else(|| principal.clone()),
        kind: Kind::parse(&needed("kind")?).ok_or("a session.start with an unknown kind")?,
        connection: needed("connection")?,
        protocol: text("protocol").unwrap_or_default(),
        issuer: text("issuer").unwrap_or_default(),
        client: text("client"),
        source: text("source").unwrap_or_default(),
        started_ms: event.ts_ms,
        ended_ms: None,
        end: None,
        events: 0,
        denied: 0,
        masked: 0,
        bytes: 0,
        pruned_ms: None,
        principal,
    })
}

/// Reads why the session ended from the data of a `session.end`.
pub(crate) fn from_end(event: &Event) -> Result<SessionEnd, &'static str> {
    let data = Json::parse(event.data.as_bytes(), MAX_DEPTH).map_err(|error| error.problem)?;
    data.member("reason")
        .and_then(Json::as_str)
        .and_then(parse_end)
        .ok_or("a session.end without a known reason")
}

/// Converts to a column value. Counters never reach the end of the range.
pub(crate) fn column(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
