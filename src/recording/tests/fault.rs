//! The disk is full, or loses what it was given.

use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use super::*;
use crate::recording::RecordError;
use crate::recording::writer::Hooks;

async fn until_healthy(journal: &Journal) {
    let began = Instant::now();
    while journal.healthy().is_err() {
        assert!(began.elapsed() < Duration::from_secs(5), "it does not recover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn marks(dir: &Path, session: SessionId) -> Vec<u64> {
    events_of(dir, session)
        .iter()
        .filter(|event| event.event.kind == EventKind::HttpRequest)
        .map(|event| event.event.t_us / 1000)
        .collect()
}

#[tokio::test]
async fn on_a_full_disk_appends_fail_and_it_recovers_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let hooks = Hooks::default();
    let journal = Journal::open_hooked(dir.path(), Settings::default(), hooks.clone()).unwrap();
    let (session, ends) = (SessionId::new(), SessionId::new());
    journal.append([start(session), start(ends)], Durability::Written).await.unwrap();
    let mut acked = Vec::new();
    let mut n = 0;
    for round in 0..3 {
        hooks.max_pages.store(40 + round * 40, Ordering::SeqCst);
        let error = loop {
            n += 1;
            let durability = if n % 5 == 0 { Durability::Synced } else { Durability::Written };
            match journal.append([request(session, n)], durability).await {
                Ok(()) => acked.push(n),
                Err(error) => break error,
            }
            assert!(n < 1_000_000);
        };
        assert!(matches!(&error, RecordError::Broken { detail } if detail.contains("full")), "{error}");
        assert!(journal.healthy().is_err());
        assert!(journal.push(request(session, 77_777)).is_err(), "it fails at once");
        if round == 0 {
            assert!(journal.push(end(ends, 9)).is_err());
        }
        hooks.max_pages.store(0, Ordering::SeqCst);
        until_healthy(&journal).await;
    }
    n += 1;
    journal.append([request(session, n)], Durability::Synced).await.unwrap();
    acked.push(n);
    append(&journal, end(session, n + 1)).await;
    let found = marks(dir.path(), session);
    assert!(acked.iter().all(|n| found.contains(n)), "acknowledged and not there");
    // The waiter for the disk got an error although the file may hold the event already, which is harmless.
    assert!(found.iter().all(|n| acked.contains(n) || n % 5 == 0), "not acknowledged and there");
    let reader = Reader::open(dir.path()).unwrap();
    let row = reader.session(ends).unwrap().unwrap();
    assert!(row.ended_ms.is_some(), "the end that came meanwhile is made good");
    journal.close();
    assert_whole(dir.path());
}

#[tokio::test]
async fn a_failed_sync_poisons_the_writer_until_all_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let hooks = Hooks::default();
    let journal = Journal::open_hooked(dir.path(), Settings::default(), hooks.clone()).unwrap();
    let session = SessionId::new();
    journal.append([start(session)], Durability::Synced).await.unwrap();
    journal.append([request(session, 1)], Durability::Written).await.unwrap();
    hooks.sync_fails.store(true, Ordering::SeqCst);
    let error = journal.append([request(session, 2)], Durability::Synced).await.unwrap_err();
    assert!(matches!(&error, RecordError::Broken { detail } if detail.contains("sync")), "{error}");
    assert!(journal.append([request(session, 3)], Durability::Written).await.is_err());
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(journal.healthy().is_err(), "it does not get well while syncs fail");
    hooks.sync_fails.store(false, Ordering::SeqCst);
    until_healthy(&journal).await;
    append(&journal, request(session, 4)).await;
    assert_eq!(marks(dir.path(), session), [1, 2, 4], "written is written, and nothing is there twice");
    append(&journal, end(session, 5)).await;
    journal.close();
    assert_whole(dir.path());
}

#[tokio::test]
async fn a_write_that_fails_refuses_its_append_alone_and_what_came_before_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let hooks = Hooks::default();
    let journal = Journal::open_hooked(dir.path(), Settings::default(), hooks.clone()).unwrap();
    let session = SessionId::new();
    journal.append([start(session)], Durability::Written).await.unwrap();
    for n in 1..6 {
        let (told, untold) = (request(session, n * 10), request(session, n * 10 + 1));
        journal.append([told], Durability::Written).await.unwrap();
        journal.push(untold).unwrap();
        hooks.write_fails.store(true, Ordering::SeqCst);
        let error = journal.append([request(session, 999)], Durability::Written).await.unwrap_err();
        assert!(matches!(&error, RecordError::Broken { detail } if detail.contains("write")), "{error}");
        assert!(journal.push(request(session, 999)).is_err(), "it fails at once");
        hooks.write_fails.store(false, Ordering::SeqCst);
        until_healthy(&journal).await;
    }
    append(&journal, end(session, 100)).await;
    assert_eq!(marks(dir.path(), session), [10, 11, 20, 21, 30, 31, 40, 41, 50, 51]);
    journal.close();
    assert_whole(dir.path());
}

#[tokio::test]
async fn what_comes_while_the_database_is_locked_is_recorded_once_even_if_it_dies_after_that() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, session, late) = (open(dir.path()), SessionId::new(), SessionId::new());
    append(&journal, start(session)).await;
    let other = database(dir.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    journal.append([request(session, 1)], Durability::Written).await.unwrap();
    // By now the writer waits for the lock, until it gives up: what is pushed meanwhile is in none of its
    // groups.
    tokio::time::sleep(Duration::from_millis(300)).await;
    journal.push(start(late)).unwrap();
    journal.push(request(late, 1)).unwrap();
    let began = Instant::now();
    while journal.healthy().is_ok() {
        assert!(began.elapsed() < Duration::from_secs(5), "it waits for ever");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    other.execute_batch("ROLLBACK").unwrap();
    until_healthy(&journal).await;
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    journal.append([request(session, 2), request(late, 2)], Durability::Written).await.unwrap();
    let died = copy(dir.path());
    other.execute_batch("ROLLBACK").unwrap();
    for place in [dir.path(), died.path()] {
        if place == dir.path() {
            journal.close();
        } else {
            let again = open(place);
            assert_eq!(again.report().unreadable, Vec::<std::path::PathBuf>::new());
            again.close();
        }
        assert_eq!(
            (marks(place, session), marks(place, late)),
            (vec![1, 2], vec![1, 2]),
            "{}",
            place.display()
        );
        assert_whole(place);
    }
}

#[tokio::test]
async fn a_commit_and_a_sync_that_fail_together_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let hooks = Hooks::default();
    let journal = Journal::open_hooked(dir.path(), Settings::default(), hooks.clone()).unwrap();
    let session = SessionId::new();
    append(&journal, start(session)).await;
    let mut acked = Vec::new();
    for round in 0..3 {
        hooks.max_pages.store(1, Ordering::SeqCst);
        hooks.sync_fails.store(true, Ordering::SeqCst);
        for n in round * 1000.. {
            match journal.append([request(session, n)], Durability::Written).await {
                Ok(()) => acked.push(n),
                Err(_) => break,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        hooks.max_pages.store(0, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert!(journal.healthy().is_err(), "it does not get well while syncs fail");
        hooks.sync_fails.store(false, Ordering::SeqCst);
        until_healthy(&journal).await;
    }
    journal.append([request(session, 9999)], Durability::Synced).await.unwrap();
    acked.push(9999);
    journal.close();
    assert_eq!(marks(dir.path(), session), acked);
    assert_whole(dir.path());
}

#[tokio::test]
async fn a_name_that_is_taken_by_an_earlier_try_keeps_no_segment_from_being_made() {
    let dir = tempfile::tempdir().unwrap();
    let hooks = Hooks::default();
    let journal = Journal::open_hooked(dir.path(), Settings::default(), hooks.clone()).unwrap();
    let session = SessionId::new();
    append(&journal, start(session)).await;
    std::fs::write(dir.path().join("ahead-0000000002.log"), b"left behind").unwrap();
    hooks.write_fails.store(true, Ordering::SeqCst);
    journal.append([request(session, 1)], Durability::Written).await.unwrap_err();
    hooks.write_fails.store(false, Ordering::SeqCst);
    until_healthy(&journal).await;
    append(&journal, request(session, 2)).await;
    assert_eq!(marks(dir.path(), session), [2]);
    assert!(!dir.path().join("ahead-0000000001.log").exists(), "the one before is not needed any more");
}

#[tokio::test]
async fn a_stop_while_nothing_can_be_recorded_keeps_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let hooks = Hooks::default();
    let journal = Journal::open_hooked(dir.path(), Settings::default(), hooks.clone()).unwrap();
    let session = SessionId::new();
    append(&journal, start(session)).await;
    hooks.max_pages.store(1, Ordering::SeqCst);
    let mut acked = Vec::new();
    for n in 1.. {
        match journal.append([request(session, n)], Durability::Written).await {
            Ok(()) => acked.push(n),
            Err(_) => break,
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    journal.close();
    open(dir.path()).close();
    assert_eq!(marks(dir.path(), session), acked);
    assert_whole(dir.path());
}

#[tokio::test]
async fn who_waits_for_the_database_is_not_forgotten_because_another_goes_away() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, session) = (open(dir.path()), SessionId::new());
    append(&journal, start(session)).await;
    let other = database(dir.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    journal.append([request(session, 1)], Durability::Written).await.unwrap();
    let mut goes = Box::pin(journal.flush());
    let mut stays = Box::pin(journal.flush());
    assert!(tokio::time::timeout(Duration::ZERO, &mut goes).await.is_err());
    assert!(tokio::time::timeout(Duration::ZERO, &mut stays).await.is_err());
    drop(goes);
    other.execute_batch("ROLLBACK").unwrap();
    tokio::time::timeout(Duration::from_secs(5), stays).await.expect("it was forgotten").unwrap();
}

#[tokio::test]
async fn an_unsynced_event_is_synced_soon_although_nobody_waits() {
    let dir = tempfile::tempdir().unwrap();
    let hooks = Hooks::default();
    let journal = Journal::open_hooked(dir.path(), Settings::default(), hooks.clone()).unwrap();
    let session = SessionId::new();
    journal.append([start(session)], Durability::Synced).await.unwrap();
    hooks.sync_fails.store(true, Ordering::SeqCst);
    journal.append([request(session, 1)], Durability::Written).await.unwrap();
    let began = Instant::now();
    while journal.healthy().is_ok() {
        assert!(began.elapsed() < Duration::from_millis(500), "no sync was tried");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(began.elapsed() >= Duration::from_millis(30), "a read does not sync at once");
}

#[tokio::test]
async fn a_session_whose_acknowledged_events_vanish_takes_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let hooks = Hooks::default();
    let journal = Journal::open_hooked(dir.path(), Settings::default(), hooks.clone()).unwrap();
    let (robbed, whole) = (SessionId::new(), SessionId::new());
    append(&journal, start(robbed)).await;
    append(&journal, start(whole)).await;
    append(&journal, request(robbed, 1)).await;
    database(dir.path()).execute("DELETE FROM block WHERE id = ?", [(1_i64 << 32) + 2]).unwrap();
    hooks.sync_fails.store(true, Ordering::SeqCst);
    assert!(journal.append([request(whole, 1)], Durability::Synced).await.is_err());
    hooks.sync_fails.store(false, Ordering::SeqCst);
    until_healthy(&journal).await;
    let error = journal.append([request(robbed, 2)], Durability::Written).await.unwrap_err();
    assert!(matches!(error, RecordError::Lost { session } if session == robbed), "{error}");
    journal.append([request(whole, 2)], Durability::Written).await.unwrap();
}

#[tokio::test]
async fn a_database_that_was_removed_or_replaced_refuses_everything_until_a_restart() {
    for replace in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (journal, session) = (open(dir.path()), SessionId::new());
        append(&journal, start(session)).await;
        let kept = copy(dir.path());
        let gone = dir.path().join("events.db");
        std::fs::remove_file(&gone).unwrap();
        if replace {
            std::fs::copy(kept.path().join("events.db"), &gone).unwrap();
        }
        let (began, mut acked) = (Instant::now(), 0);
        let error = loop {
            match journal.append([request(session, acked + 1)], Durability::Synced).await {
                Ok(()) => acked += 1,
                Err(error) => break error,
            }
            assert!(began.elapsed() < Duration::from_secs(10), "nothing is noticed");
        };
        assert!(matches!(&error, RecordError::Replaced { path } if *path == gone), "{error}");
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert!(matches!(journal.healthy(), Err(RecordError::Replaced { .. })), "it heals by itself");
        journal.close();
        let ahead = Journal::unsettled(dir.path());
        assert_eq!(ahead, 1, "what is only in the write-ahead log is kept");
        // The database is put back, as operations.md says.
        for file in ["events.db", "events.db-wal"] {
            std::fs::copy(kept.path().join(file), dir.path().join(file)).unwrap();
        }
        open(dir.path()).close();
        let found = marks(dir.path(), session);
        assert!((1..=acked).all(|n| found.contains(&n)), "{acked} acknowledged, there are {found:?}");
        assert_whole(dir.path());
    }
}

#[tokio::test]
async fn an_idle_journal_notices_too_that_its_database_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    std::fs::remove_file(dir.path().join("events.db")).unwrap();
    let began = Instant::now();
    while !matches!(journal.healthy(), Err(RecordError::Replaced { .. })) {
        assert!(began.elapsed() < Duration::from_secs(10), "nothing is noticed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_removed_log_costs_nothing_that_was_acknowledged() {
    for name in ["ahead-0000000001.log", "events.db-wal"] {
        let dir = tempfile::tempdir().unwrap();
        let (journal, session) = (open(dir.path()), SessionId::new());
        append(&journal, start(session)).await;
        let (log, next) = (dir.path().join(name), dir.path().join("ahead-0000000002.log"));
        std::fs::remove_file(&log).unwrap();
        let (began, mut acked) = (Instant::now(), Vec::new());
        for n in 1.. {
            if journal.append([request(session, n)], Durability::Written).await.is_ok() {
                acked.push(n);
            }
            if (log.exists() || next.exists()) && journal.healthy().is_ok() {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(5), "{name} is not made anew");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        append(&journal, end(session, 99_999)).await;
        let found = marks(dir.path(), session);
        assert!(acked.iter().all(|n| found.contains(n)), "{name}: acknowledged and not there");
        journal.close();
        assert_whole(dir.path());
    }
}
