//! The write-ahead log: what a dead process left in it reaches the database once, and nothing else does.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::recording::Verification;
use crate::recording::writer::Hooks;

fn segments(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|found| found == ending)).collect();
    found.sort();
    found
}

/// Returns a journal with ten events in its database and ten more only in the write-ahead log, as if it had
/// died then.
async fn died() -> (tempfile::TempDir, SessionId) {
    let dir = tempfile::tempdir().unwrap();
    let (journal, session) = (open(dir.path()), SessionId::new());
    append(&journal, start(session)).await;
    for n in 1..10 {
        append(&journal, request(session, n)).await;
    }
    let locked = database(dir.path());
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    for n in 10..20 {
        journal.append([request(session, n)], Durability::Written).await.unwrap();
    }
    let copy = copy(dir.path());
    locked.execute_batch("ROLLBACK").unwrap();
    journal.close();
    (copy, session)
}

/// Returns where the written frames end and the preallocated space begins.
fn end_of(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1
}

#[tokio::test]
async fn room_is_taken_before_it_is_needed_and_never_by_the_event() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, session) = (open(dir.path()), SessionId::new());
    let length = |dir: &Path| fs::metadata(&segments(dir, "log")[0]).unwrap().len();
    append(&journal, start(session)).await;
    assert_eq!(length(dir.path()), 1 << 20);
    for n in 1..50 {
        append(&journal, request(session, n)).await;
        assert_eq!(length(dir.path()), 1 << 20, "a sync has no new length to bring to the disk");
    }
    let large = format!(r#"{{"body":{{"text":"{}"}}}}"#, "x".repeat(3 << 20));
    append(&journal, event(session, EventKind::HttpResponse, 60, &large)).await;
    assert_eq!(length(dir.path()), 4 << 20);
    journal.close();
    assert_whole(dir.path());
}

fn whole(dir: &Path, session: SessionId) -> Verification {
    assert_whole(dir);
    Reader::open(dir).unwrap().verify(session).unwrap()
}

#[tokio::test]
async fn what_was_only_written_ahead_is_there_after_a_start_and_not_twice_after_the_next() {
    let (dir, session) = died().await;
    assert_eq!(events_of(dir.path(), session).len(), 10);
    for _ in 0..2 {
        open(dir.path()).close();
        assert_eq!(segments(dir.path(), "log"), Vec::<PathBuf>::new());
    }
    let times: Vec<u64> =
        events_of(dir.path(), session).iter().map(|event| event.event.t_us / 1000).collect();
    assert_eq!(times[..20], (0..20).collect::<Vec<u64>>());
    assert_eq!(times.len(), 21, "and the end, for the session was interrupted");
    whole(dir.path(), session);
}

#[tokio::test]
async fn a_segment_that_the_database_has_is_not_taken_again() {
    let (dir, session) = died().await;
    let segment = segments(dir.path(), "log").pop().unwrap();
    let bytes = fs::read(&segment).unwrap();
    open(dir.path()).close();
    fs::write(&segment, bytes).unwrap();
    let journal = open(dir.path());
    assert_eq!(events_of(dir.path(), session).len(), 21);
    let another = SessionId::new();
    record(&journal, another, 3).await;
    journal.close();
    whole(dir.path(), another);
}

#[tokio::test]
async fn a_frame_that_was_cut_by_death_is_left_out_and_all_before_it_is_kept() {
    // With preallocated space that was never written, and on a file system that preallocates nothing.
    for has_room in [true, false] {
        let (dir, session) = died().await;
        let segment = segments(dir.path(), "log").pop().unwrap();
        let mut bytes = fs::read(&segment).unwrap();
        let cut = end_of(&bytes) - 5;
        bytes[cut..].fill(0);
        fs::write(&segment, &bytes[..if has_room { bytes.len() } else { cut }]).unwrap();
        let journal = open(dir.path());
        let kept = segments(dir.path(), "damaged");
        assert_eq!(
            (&journal.report().unreadable, kept.len()),
            (&kept, 1),
            "told, in case it was more than that"
        );
        journal.close();
        assert_eq!(events_of(dir.path(), session).len(), 20);
        whole(dir.path(), session);
    }
}

#[tokio::test]
async fn a_damaged_segment_is_reported_and_kept_and_what_stands_before_the_damage_is_recorded() {
    let (dir, session) = died().await;
    let segment = segments(dir.path(), "log").pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let at = end_of(&bytes) - 400;
    bytes[at] ^= 4;
    fs::write(&segment, &bytes).unwrap();
    let journal = open(dir.path());
    let kept = segments(dir.path(), "damaged");
    assert_eq!((&journal.report().unreadable, fs::read(&kept[0]).unwrap()), (&kept, bytes));
    journal.close();
    let count = events_of(dir.path(), session).len();
    assert!((15..21).contains(&count), "{count}");
    whole(dir.path(), session);
    open(dir.path()).close();
    assert_eq!(events_of(dir.path(), session).len(), count);
}

#[tokio::test]
async fn a_full_segment_goes_when_the_database_has_it_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let hooks = Hooks::default();
    let journal = Journal::open_hooked(dir.path(), Settings::default(), hooks.clone()).unwrap();
    let session = SessionId::new();
    append(&journal, start(session)).await;
    let large = format!(r#"{{"body":{{"text":"{}"}}}}"#, "x".repeat(1 << 20));
    let mut most = 0;
    for n in 1..200 {
        journal.append([event(session, EventKind::HttpChunk, n, &large)], Durability::Written).await.unwrap();
        most = most.max(segments(dir.path(), "log").len());
    }
    append(&journal, request(session, 200)).await;
    let began = std::time::Instant::now();
    while segments(dir.path(), "log").len() > 1 {
        assert!(began.elapsed().as_secs() < 10, "{:?}", segments(dir.path(), "log"));
        journal.push(request(session, 201)).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(most >= 2, "one was never enough");
    journal.close();
    whole(dir.path(), session);
}
