//! The rows of the database as the writer writes them.

use rusqlite::Connection;
use rusqlite::params;

use crate::recording::live::Block;
use crate::recording::session;
use crate::recording::session::Reached;
use crate::recording::session::SessionRow;

/// Returns the id of a block: the session's number and that of the first event.
pub(crate) fn block_id(no: i64, first: u64) -> i64 {
    no << 32 | session::column(first)
}

/// Inserts one block.
pub(crate) fn insert_block(connection: &Connection, block: &Block) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO block (id, last_seq, bytes) VALUES (?, ?, ?)")?
        .execute(params![block_id(block.no, block.first), session::column(block.last), block.bytes])
        .map(|_one| ())
}

/// Inserts the row of a new session.
pub(crate) fn insert_session(connection: &Connection, no: i64, row: &SessionRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO session (no, id, principal, label, kind, connection, protocol, issuer, client, source,
                 started_ms, events, denied, masked, bytes, tail_seq, tail_hash)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, zeroblob(32))",
        )?
        .execute(params![
            no,
            row.id.to_string(),
            row.principal,
            row.label,
            row.kind.as_str(),
            row.connection,
            row.protocol,
            row.issuer,
            row.client,
            row.source,
            row.started_ms,
        ])
        .map(|_one| ())
}

/// Updates a session's row.
pub(crate) fn save_session(connection: &Connection, no: i64, reached: &Reached) -> rusqlite::Result<()> {
    let counts = reached.counts;
    connection
        .prepare_cached(
            "UPDATE session SET events = ?, denied = ?, masked = ?, bytes = ?, tail_seq = ?, tail_hash = ?,
                 ended_ms = ?, end = ? WHERE no = ?",
        )?
        .execute(params![
            session::column(counts.events),
            session::column(counts.denied),
            session::column(counts.masked),
            session::column(counts.bytes),
            session::column(reached.seq),
            reached.hash,
            reached.ended.map(|(at, _)| at),
            reached.ended.map(|(_, end)| end.as_str()),
            no,
        ])
        .map(|_one| ())
}
