//! Files that are not a journal, or must not be opened.

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

/// Returns a journal with some pages of recordings, closed.
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

/// Returns what a gateway of schema version 2 left when it was killed: an ended session, and one with events
/// only in the write-ahead log.
fn of_version_2() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/recording-v2");
    for entry in std::fs::read_dir(golden).unwrap() {
        let packed = entry.unwrap().path();
        let bytes = zstd::decode_all(std::fs::File::open(&packed).unwrap()).unwrap();
        let path = dir.path().join(packed.file_stem().unwrap());
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    dir
}

#[tokio::test]
async fn what_version_2_left_is_read_as_it_is_and_goes_on_in_this_version() {
    let dir = of_version_2();
    let [over, session] =
        ["ses_362msbftpkajyz99ky17hnsq17", "ses_362msbftppdrnw1pwhwafvddxr"].map(|id| id.parse().unwrap());
    // Before anything is written: large blocks, none of them compressed.
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!((events_of(dir.path(), over).len(), events_of(dir.path(), session).len()), (8, 7));
    assert_eq!(reader.verify(over).unwrap().broken, None);
    let plain = reader.events(over, 1).unwrap().map(|event| event.unwrap().event.data).collect::<Vec<_>>();
    // The writer upgrades it, including the write-ahead log; a reader that is open meanwhile continues.
    let (journal, new) = (open(dir.path()), SessionId::new());
    assert_eq!(journal.report().interrupted, [session]);
    record(&journal, new, 3).await;
    assert_eq!(reader.verify(over).unwrap().broken, None);
    journal.close();
    assert_whole(dir.path());
    let after = events_of(dir.path(), session);
    assert_eq!(after.len(), 7 + 8 + 1, "what was written ahead, and the end");
    assert!(after[8].event.data.contains("row 4 of many; row 4 of many"));
    let same: Vec<_> = events_of(dir.path(), over).into_iter().map(|event| event.event.data).collect();
    assert_eq!(same, plain);
    let packed = "SELECT count(*) FROM block WHERE substr(bytes, 1, 4) = x'28b52ffd'";
    let packed = database(dir.path()).query_row(packed, [], |row| row.get::<_, i64>(0)).unwrap();
    assert!(packed > 0, "what came of the file written ahead is packed");
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
