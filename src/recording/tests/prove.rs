//! Verifying everything: what cannot be read, and what changes meanwhile.

use std::os::unix::fs::FileExt;

use super::*;
use crate::recording::Damage;
use crate::recording::prove::tests::meanwhile;

/// Returns the finding for each row, with the database as it is.
fn findings(dir: &Path) -> (Vec<Finding>, JournalVerification) {
    let reader = Reader::open(dir).unwrap();
    let mut found = Vec::new();
    let next = reader.verify_after(i64::MIN, |one| {
        found.push(one);
        true
    });
    assert_eq!(next.unwrap(), None);
    (found, reader.verify_numbers().unwrap())
}

fn damage(found: &Finding) -> Option<Damage> {
    match found {
        Finding::Session(found) => found.broken.map(|broken| broken.class),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_broken_and_the_rest_is_proved() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let sessions: Vec<SessionId> = (0..3).map(|_| SessionId::new()).collect();
    for session in &sessions {
        record(&journal, *session, 2).await;
    }
    journal.close();
    for column in ["kind", "end"] {
        database(dir.path()).execute(&format!("UPDATE session SET {column} = 'x' WHERE no = 2"), []).unwrap();
        let (found, _) = findings(dir.path());
        assert_eq!(found.iter().map(damage).collect::<Vec<_>>(), [None, Some(Damage::Unreadable), None]);
        let one = Reader::open(dir.path()).unwrap().verify(sessions[1]).unwrap();
        assert_eq!(Finding::Session(one), found[1]);
    }
    database(dir.path()).execute("UPDATE session SET id = 'x' WHERE no = 2", []).unwrap();
    assert_eq!(findings(dir.path()).0[1], Finding::Nameless(2));
}

#[tokio::test]
async fn a_damaged_page_is_the_damage_of_its_session_alone() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    for _ in 0..3 {
        // Blocks that fill more than a page each, so that sessions share none.
        let session = SessionId::new();
        append(&journal, start(session)).await;
        for n in 1..20 {
            let noise: String = (0..400).map(|_| RequestId::new().to_string()).collect();
            append(&journal, event(session, EventKind::HttpRequest, n, &format!("{{\"x\":\"{noise}\"}}")))
                .await;
        }
        append(&journal, end(session, 20)).await;
    }
    journal.close();
    assert_whole(dir.path());
    let database = database(dir.path());
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(())).unwrap();
    let leaves: Vec<u64> = database
        .prepare("SELECT pageno FROM dbstat WHERE name = 'block' AND pagetype = 'leaf' ORDER BY path")
        .unwrap()
        .query_map([], |row| row.get::<_, i64>(0))
        .unwrap()
        .map(|page| page.unwrap().unsigned_abs())
        .collect();
    drop(database);
    let file = std::fs::OpenOptions::new().write(true).open(dir.path().join("events.db")).unwrap();
    file.write_all_at(&[0xff; 64], (leaves[0] - 1) * 8192).unwrap();
    let (found, report) = findings(dir.path());
    assert_eq!(found.iter().map(damage).collect::<Vec<_>>(), [Some(Damage::Unreadable), None, None]);
    assert!(report.unreadable);
}

#[tokio::test]
async fn a_session_that_retention_takes_meanwhile_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let (first, second) = (SessionId::new(), SessionId::new());
    record(&journal, first, 2).await;
    record(&journal, second, 2).await;
    journal.close();
    let place = dir.path().to_owned();
    meanwhile(move || {
        let database = database(&place);
        database
            .execute_batch(
                "BEGIN; DELETE FROM block WHERE id >> 32 = 1; DELETE FROM session WHERE no = 1; INSERT INTO dropped VALUES (1, 1); COMMIT",
            )
            .unwrap();
    });
    let (found, report) = findings(dir.path());
    assert_eq!((found.len(), report), (2, JournalVerification::default()));
    assert!(found.iter().all(is_whole), "{found:?}");
}

#[tokio::test]
async fn a_row_that_says_something_else_than_its_events_is_broken() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let (ended, live) = (SessionId::new(), SessionId::new());
    record(&journal, ended, 2).await;
    append(&journal, start(live)).await;
    append(&journal, request(live, 1)).await;
    let whole = findings(dir.path()).0;
    assert!(whole.iter().all(is_whole), "{whole:?}");
    let database = database(dir.path());
    let mut sets: Vec<String> =
        ["denied", "masked", "events", "bytes"].iter().map(|name| format!("{name} = {name} + 1")).collect();
    sets.extend(
        ["end = 'killed'", "end = NULL", "ended_ms = ended_ms - 7", "ended_ms = NULL, end = NULL"]
            .map(str::to_owned),
    );
    for set in sets {
        database.execute_batch("BEGIN").unwrap();
        let kept: String = ["denied", "masked", "events", "bytes", "end", "ended_ms"].join(", ");
        let old: Vec<rusqlite::types::Value> = database
            .query_row(&format!("SELECT {kept} FROM session WHERE no = 1"), [], |row| {
                (0..6).map(|n| row.get(n)).collect()
            })
            .unwrap();
        database.execute(&format!("UPDATE session SET {set} WHERE no = 1"), []).unwrap();
        database.execute_batch("COMMIT").unwrap();
        let found = findings(dir.path()).0;
        assert_eq!(found.iter().map(damage).collect::<Vec<_>>(), [Some(Damage::Index), None], "{set}");
        database
            .execute(
                &format!("UPDATE session SET ({kept}) = (?, ?, ?, ?, ?, ?) WHERE no = 1"),
                rusqlite::params_from_iter(old),
            )
            .unwrap();
    }
    journal.close();
    assert_whole(dir.path());
}

#[tokio::test]
async fn numbers_that_make_up_for_a_removed_session_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    for _ in 0..4 {
        record(&journal, SessionId::new(), 1).await;
    }
    journal.close();
    let original = std::fs::read(dir.path().join("events.db")).unwrap();
    let gone = "DELETE FROM session WHERE no = 3; DELETE FROM block WHERE id >> 32 = 3";
    for (sql, expected) in [
        ("UPDATE session SET pruned_ms = 1 WHERE no = 2".to_owned(), (0, 1, 0)),
        ("UPDATE session SET pruned_ms = 1, ended_ms = NULL WHERE no = 2; DELETE FROM block WHERE id >> 32 = 2".to_owned(), (0, 1, 0)),
        (format!("{gone}; INSERT INTO dropped VALUES (1, 1)"), (0, 0, 1)),
        (format!("{gone}; INSERT INTO dropped VALUES (9, 9)"), (0, 0, 1)),
        (format!("{gone}; INSERT INTO dropped VALUES (3, 3), (2, 3)"), (0, 0, 2)),
        (format!("{gone}; INSERT INTO dropped VALUES (3, 1)"), (1, 0, 1)),
        (format!("{gone}; UPDATE session SET no = 9 WHERE no = 4"), (1, 0, 1)),
        ("UPDATE sqlite_sequence SET seq = 3 WHERE name = 'session'".to_owned(), (0, 0, 1)),
    ] {
        std::fs::write(dir.path().join("events.db"), &original).unwrap();
        let database = database(dir.path());
        database.execute_batch(&sql).unwrap();
        database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(())).unwrap();
        drop(database);
        let report = findings(dir.path()).1;
        assert_eq!((report.missing, report.unpruned, report.wrong_numbers), expected, "{sql}");
    }
}
