//! Tests of the recording as a whole: through the journal, the disk and the reader.

mod crash;
mod export;
mod fault;
mod journal;
mod open;
mod prove;
mod retention;
mod tamper;
mod wal;

use std::path::Path;

use rusqlite::Connection;

use crate::domain::event::Direction;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::RequestId;
use crate::domain::id::SessionId;
use crate::recording::Durability;
use crate::recording::Finding;
use crate::recording::Journal;
use crate::recording::JournalVerification;
use crate::recording::Reader;
use crate::recording::Settings;
use crate::recording::StoredEvent;
use crate::recording::Verification;

/// 2026-11-20T09:14:03Z.
pub(super) const START_MS: i64 = 1_795_166_043_000;

pub(super) fn event(session: SessionId, kind: EventKind, t_us: u64, data: &str) -> Event {
    Event {
        session,
        t_us,
        ts_ms: START_MS + i64::try_from(t_us / 1000).unwrap(),
        kind,
        dir: None,
        corr: None,
        data: data.into(),
        mask: Vec::new(),
    }
}

pub(super) fn start(session: SessionId) -> Event {
    start_of(session, "entra:t/etl", "crm")
}

pub(super) fn start_of(session: SessionId, principal: &str, connection: &str) -> Event {
    let data = format!(
        r#"{{"principal":"{principal}","label":"{principal}-label","kind":"app","issuer":"entra","client":"billing","groups":["etl","batch"],"connection":"{connection}","protocol":"http","upstream":"https://crm.internal/api","source":"10.2.0.14","policy_rev":41}}"#
    );
    event(session, EventKind::SessionStart, 0, &data)
}

pub(super) fn request(session: SessionId, n: u64) -> Event {
    Event {
        dir: Some(Direction::C2s),
        corr: Some(RequestId::new()),
        ..event(
            session,
            EventKind::HttpRequest,
            n * 1000,
            &format!(
                r#"{{"method":"GET","path":"/customers/{n}","query":"","headers":[],"body":null,"class":"read","http":"1.1"}}"#
            ),
        )
    }
}

pub(super) fn end(session: SessionId, n: u64) -> Event {
    event(session, EventKind::SessionEnd, n * 1000, r#"{"reason":"idle"}"#)
}

/// Records one event, as a block of its own.
pub(super) async fn append(journal: &Journal, event: Event) {
    journal.append([event], Durability::Written).await.unwrap();
    journal.flush().await.unwrap();
}

/// Records a session with `requests` requests, and ends it. Each event is a block of its own.
pub(super) async fn record(journal: &Journal, session: SessionId, requests: u64) {
    append(journal, start(session)).await;
    for n in 1..=requests {
        append(journal, request(session, n)).await;
    }
    append(journal, end(session, requests + 1)).await;
}

pub(super) fn open(dir: &Path) -> Journal {
    Journal::open(dir, Settings::default()).unwrap()
}

pub(super) fn events_of(dir: &Path, session: SessionId) -> Vec<StoredEvent> {
    Reader::open(dir).unwrap().events(session, 1).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Returns the database, opened for tampering.
pub(super) fn database(dir: &Path) -> Connection {
    let database = Connection::open(dir.join("events.db")).unwrap();
    database.pragma_update(None, "synchronous", "OFF").unwrap();
    database
}

fn is_whole(found: &Finding) -> bool {
    matches!(found, Finding::Session(Verification { broken: None, .. }))
}

pub(super) fn assert_whole(dir: &Path) {
    let reader = Reader::open(dir).unwrap();
    let mut broken = Vec::new();
    let each = |found: Finding| {
        broken.extend((!is_whole(&found)).then_some(found));
        true
    };
    assert_eq!(reader.verify_after(i64::MIN, each).unwrap(), None);
    let report = reader.verify_numbers().unwrap();
    assert!(report == JournalVerification::default() && broken.is_empty(), "{report:?} {broken:?}");
    let check: String = database(dir).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

/// Returns the directory of a journal that died: copied while the journal is open.
pub(super) fn copy(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}
