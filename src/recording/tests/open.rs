//! Files that are no journal, or must not be opened.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::recording::ReadError;
use crate::recording::RecordError;
use crate::recording::SessionFilter;

fn refused(dir: &Path) -> RecordError {
    let path = dir.join("events.db");
    let before = std::fs::read(&path).unwrap();
    let error = Journal::open(dir, Settings::default()).unwrap_err();
    assert_eq!(std::fs::read(&path).unwrap(), before, "it is left as it is");
    assert!(Reader::open(dir).is_err());
    error
}

fn put(bytes: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.db");
    std::fs::write(&path, bytes).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    dir
}

/// A journal with some pages of recordings, closed.
async fn recorded() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    for _ in 0..20 {
        record(&journal, SessionId::new(), 30).await;
    }
    journal.close();
    let files: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["events.db"], "a closed journal is one file");
    std::fs::read(dir.path().join("events.db")).unwrap()
}

#[tokio::test]
async fn garbage_and_cut_files_are_refused_and_kept() {
    for garbage in [&b"not a database"[..], &[0; 8192], &b"SQLite format 3\0".repeat(400)] {
        let error = refused(put(garbage).path());
        assert!(matches!(error, RecordError::NotAJournal { .. } | RecordError::Open { .. }), "{error}");
    }
    let whole = recorded().await;
    for length in [1, 99, 100, 4095, 4096, whole.len() / 2, whole.len() - 1] {
        let error = refused(put(&whole[..length]).path());
        assert!(matches!(error, RecordError::NotAJournal { .. }), "{length}: {error}");
    }
    drop(Journal::open(put(&whole).path(), Settings::default()).unwrap());
    drop(Journal::open(put(b"").path(), Settings::default()).unwrap());
}

#[tokio::test]
async fn another_database_and_a_newer_schema_are_refused() {
    let whole = recorded().await;
    let dir = put(&whole);
    database(dir.path()).execute_batch("PRAGMA user_version = 4").unwrap();
    database(dir.path()).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(())).unwrap();
    assert!(matches!(refused(dir.path()), RecordError::NewerSchema { found: 4, known: 3, .. }));
    let dir = put(b"");
    database(dir.path()).execute_batch("CREATE TABLE other (a)").unwrap();
    assert!(matches!(refused(dir.path()), RecordError::NotAJournal { .. }));
}

#[tokio::test]
async fn a_journal_of_an_older_version_is_taken_over() {
    for as_it_was in ["DROP TABLE ahead; PRAGMA user_version = 1", "PRAGMA user_version = 2"] {
        let dir = put(&recorded().await);
        database(dir.path()).execute_batch(as_it_was).unwrap();
        let sessions = Reader::open(dir.path()).unwrap().sessions(&SessionFilter::default()).unwrap();
        let (journal, session) = (open(dir.path()), SessionId::new());
        record(&journal, session, 2).await;
        journal.close();
        assert_whole(dir.path());
        let now = Reader::open(dir.path()).unwrap().sessions(&SessionFilter::default()).unwrap();
        assert_eq!((now[0].id, &now[1..]), (session, &*sessions));
        let version =
            database(dir.path()).pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
        assert_eq!(version, Ok(3), "one that cannot read what is packed must not try to");
    }
}

#[tokio::test]
async fn a_file_that_others_can_read_is_refused_and_a_new_one_is_not() {
    let dir = put(&recorded().await);
    let path = dir.path().join("events.db");
    for mode in [0o604, 0o640, 0o660, 0o602] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(refused(dir.path()), RecordError::WideMode { mode: found, .. } if found == mode));
    }
    let dir = tempfile::tempdir().unwrap();
    let (journal, session) = (open(dir.path()), SessionId::new());
    journal.append([start(session)], Durability::Synced).await.unwrap();
    for file in ["events.db", "events.db-wal", "events.db-shm", "ahead-0000000001.log"] {
        let mode = std::fs::metadata(dir.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_reader_finds_no_journal_where_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Reader::open(dir.path()), Err(ReadError::NoJournal { .. })));
    assert!(!dir.path().join("events.db").exists(), "and makes none");
    assert!(Journal::open(&dir.path().join("absent"), Settings::default()).is_err());
}
