//! Finds the last events of a session in the database after a crash or a failure, by following the chain.

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::params;

use crate::recording::chain;
use crate::recording::chain::Frames;
use crate::recording::line::StoredEvent;
use crate::recording::pack;
use crate::recording::rows::block_id;
use crate::recording::session;
use crate::recording::session::Reached;

/// Result of [`follow`].
pub(crate) struct Followed {
    /// The position up to which the chain is intact.
    pub(crate) reached: Reached,
    /// Whether the starting point was found and everything after it is chained to it.
    pub(crate) intact: bool,
}

/// Follows the chain of session `no` from event `from.seq`, which must exist with `from.hash`, to the end.
/// Reads only the block with that event and later ones.
pub(crate) fn follow(connection: &Connection, no: i64, from: Reached) -> rusqlite::Result<Followed> {
    let start: Option<i64> = connection
        .query_row(
            "SELECT id FROM block WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1",
            params![block_id(no, 0), block_id(no, from.seq.max(1))],
            |row| row.get(0),
        )
        .optional()?;
    let mut statement =
        connection.prepare("SELECT id, bytes FROM block WHERE id BETWEEN ?1 AND ?2 ORDER BY id")?;
    let mut rows =
        statement.query(params![start.unwrap_or(block_id(no, 0)), block_id(no, u64::from(u32::MAX))])?;
    let mut followed = Followed { reached: from, intact: from.seq == 0 };
    while let Some(row) = rows.next()? {
        let first = row.get::<_, i64>(0)? & i64::from(u32::MAX);
        if !follow_block(&pack::unpack(row.get(1)?), first.unsigned_abs(), from, &mut followed) {
            followed.intact = false;
            break;
        }
    }
    Ok(followed)
}

/// Follows one block whose first event is number `first`. Returns `false` if the chain is broken in it.
fn follow_block(bytes: &[u8], first: u64, from: Reached, followed: &mut Followed) -> bool {
    for (frame, seq) in Frames::new(bytes).zip(first..) {
        let Ok((hash, line)) = frame else { return false };
        if seq < from.seq {
            continue;
        }
        let Ok(stored) = StoredEvent::read(hash, line) else { return false };
        let reached = &mut followed.reached;
        if stored.seq != seq {
            return false;
        }
        if seq == from.seq {
            if hash != from.hash {
                return false;
            }
            followed.intact = true;
        } else {
            if seq != reached.seq + 1 || chain::link(&reached.hash, line) != hash {
                return false;
            }
            reached.counts.add(&stored.event, line.len());
            if stored.event.kind == crate::domain::event::EventKind::SessionEnd {
                reached.ended = session::from_end(&stored.event).ok().map(|end| (stored.event.ts_ms, end));
            }
        }
        *reached = Reached { seq, hash, t_us: stored.event.t_us, ts_ms: stored.event.ts_ms, ..*reached };
    }
    true
}
