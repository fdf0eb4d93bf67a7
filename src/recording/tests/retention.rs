//! What retention removes, what stays, and what remains of a removed session.

use std::time::Duration;

use super::*;
use crate::recording::GATEWAY;
use crate::recording::PruneReport;
use crate::recording::RecordError;
use crate::recording::SessionFilter;

const DAY_MS: i64 = 86_400_000;

fn settings() -> Settings {
    Settings {
        recordings: Duration::from_hours(24 * 30),
        metadata: Duration::from_hours(24 * 400),
        ..Settings::default()
    }
}

/// Runs retention until nothing is left to do.
async fn prune(journal: &Journal, now_ms: i64) -> Result<PruneReport, RecordError> {
    let mut all = PruneReport::default();
    loop {
        let removal = journal.next_removal(now_ms).unwrap();
        let last = removal.is_empty();
        let PruneReport { recordings, sessions, bytes } = journal.prune(now_ms, removal).await?;
        all = PruneReport {
            recordings: all.recordings + recordings,
            sessions: all.sessions + sessions,
            bytes: all.bytes + bytes,
        };
        if last || recordings + sessions == 0 {
            return Ok(all);
        }
    }
}

#[tokio::test]
async fn events_go_after_their_time_and_the_row_stays_with_its_hash() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), settings()).unwrap();
    let (old, live) = (SessionId::new(), SessionId::new());
    journal.append([start(live)], Durability::Written).await.unwrap();
    record(&journal, old, 200).await;
    journal.append([request(live, 1)], Durability::Synced).await.unwrap();
    journal.close();
    let journal = {
        // The live session of the closed journal is interrupted now; a new one is live.
        let journal = Journal::open(dir.path(), settings()).unwrap();
        journal.append([start_of(SessionId::new(), "p", "c")], Durability::Synced).await.unwrap();
        journal
    };
    let reader = Reader::open(dir.path()).unwrap();
    let before = reader.verify(old).unwrap();
    let soon = START_MS + 29 * DAY_MS;
    assert_eq!(prune(&journal, soon).await.unwrap(), PruneReport::default());
    let later = START_MS + 31 * DAY_MS;
    let report = prune(&journal, later).await.unwrap();
    assert_eq!((report.recordings, report.sessions), (2, 0));
    assert!(report.bytes > 0, "the file becomes smaller");
    let after = reader.verify(old).unwrap();
    assert_eq!((after.pruned_ms, after.broken), (Some(later), None));
    assert_eq!(
        (after.hash, after.events),
        (before.hash, before.events),
        "the final hash stays as its tombstone"
    );
    assert_eq!(reader.events(old, 1).unwrap().count(), 0);
    assert_eq!(reader.sessions(&SessionFilter::default()).unwrap().len(), 3);
    let blocks: i64 =
        database(dir.path()).query_row("SELECT count(*) FROM block", [], |row| row.get(0)).unwrap();
    assert_eq!(blocks, 1, "only the live session's");
    assert_whole(dir.path());
    let report = prune(&journal, START_MS + 401 * DAY_MS).await.unwrap();
    assert_eq!((report.recordings, report.sessions), (0, 2));
    assert_eq!(reader.sessions(&SessionFilter::default()).unwrap().len(), 1);
    assert_whole(dir.path());
    let ranges: Vec<(i64, i64)> = database(dir.path())
        .prepare("SELECT first_no, last_no FROM dropped")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(ranges, [(1, 2)], "numbers side by side are one range");
}

#[tokio::test]
async fn beyond_the_size_the_oldest_go_first_and_a_live_one_never() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), Settings { max_size: 600 << 10, ..settings() }).unwrap();
    let live = SessionId::new();
    // Random digits compress to half.
    let mut random = vec![0; 90 << 10];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    let digit = |half: u8| char::from(b'a' + half);
    let text: String = random.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    let large = format!(r#"{{"body":{{"text":"{text}"}}}}"#);
    journal.append([start(live)], Durability::Written).await.unwrap();
    journal.append([event(live, EventKind::HttpResponse, 1, &large)], Durability::Written).await.unwrap();
    let mut sessions = Vec::new();
    for age in 0..10 {
        let session = SessionId::new();
        let over = Event { ts_ms: START_MS + age, ..end(session, 1) };
        let events = [start(session), event(session, EventKind::HttpResponse, 1, &large), over];
        journal.append(events, Durability::Written).await.unwrap();
        sessions.push(session);
    }
    journal.close();
    // Sessions that ended less than a minute ago may still get late events; after a restart they do not.
    let journal = Journal::open(dir.path(), Settings { max_size: 600 << 10, ..settings() }).unwrap();
    let (live, reader) = (SessionId::new(), Reader::open(dir.path()).unwrap());
    journal
        .append([start(live), event(live, EventKind::HttpResponse, 1, &large)], Durability::Written)
        .await
        .unwrap();
    assert!(journal.may_exceed_size(), "it is worth a look");
    let report = prune(&journal, START_MS).await.unwrap();
    assert!((4..=7).contains(&report.recordings), "{report:?}");
    let pruned: Vec<bool> =
        sessions.iter().map(|id| reader.verify(*id).unwrap().pruned_ms.is_some()).collect();
    assert!(pruned.is_sorted_by(|one, two| one >= two), "oldest first: {pruned:?}");
    assert_eq!(reader.events(live, 1).unwrap().count(), 2);
    assert_whole(dir.path());
    assert!(std::fs::metadata(dir.path().join("events.db")).unwrap().len() < 900 << 10);
}

#[tokio::test]
async fn strangers_push_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), settings()).unwrap();
    let mut random = vec![0; 40 << 10];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    let text: String = random.iter().map(|byte| char::from(b'a' + (byte & 15))).collect();
    let large = format!(r#"{{"body":{{"text":"{text}"}}}}"#);
    let (mut of_people, mut of_strangers) = (Vec::new(), Vec::new());
    for age in 0..30 {
        let session = SessionId::new();
        let begin = if age < 5 { start(session) } else { start_of(session, GATEWAY, "gateway") };
        let kept = if age < 5 { &mut of_people } else { &mut of_strangers };
        kept.push(session);
        let over = Event { ts_ms: START_MS + age, ..end(session, 1) };
        let events = [begin, event(session, EventKind::Error, 1, &large), over];
        journal.append(events, Durability::Written).await.unwrap();
    }
    journal.close();
    let journal = Journal::open(dir.path(), Settings { max_size: 400 << 10, ..settings() }).unwrap();
    let first = journal.next_removal(START_MS).unwrap().numbers;
    assert!(first.len() > 1 && first.is_sorted(), "as many as are too many, at once: {first:?}");
    let report = prune(&journal, START_MS).await.unwrap();
    assert!(report.recordings > 5, "{report:?}");
    let reader = Reader::open(dir.path()).unwrap();
    let pruned = |id: &SessionId| reader.verify(*id).unwrap().pruned_ms.is_some();
    assert!(!of_people.iter().any(pruned), "{report:?}");
    let strangers: Vec<bool> = of_strangers.iter().map(pruned).collect();
    assert!(
        strangers.is_sorted_by(|one, two| one >= two) && !strangers[24],
        "the newest stay: {strangers:?}"
    );
}

#[tokio::test]
async fn appends_go_on_while_it_prunes_and_a_crash_in_between_leaves_no_broken_session() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), settings()).unwrap();
    for _ in 0..5 {
        record(&journal, SessionId::new(), 150).await;
    }
    journal.close();
    // As a crash after the first step leaves it: marked as pruned, its blocks still there.
    database(dir.path())
        .execute_batch("UPDATE session SET pruned_ms = 1 WHERE no = 2; INSERT INTO emptying VALUES (2)")
        .unwrap();
    let journal = Journal::open(dir.path(), settings()).unwrap();
    assert_whole(dir.path());
    let session = SessionId::new();
    journal.append([start(session)], Durability::Written).await.unwrap();
    let pruned = prune(&journal, START_MS + 31 * DAY_MS);
    let appends = async {
        for n in 1..100 {
            journal.append([request(session, n)], Durability::Written).await.unwrap();
        }
    };
    let (report, ()) = tokio::join!(pruned, appends);
    assert_eq!(report.unwrap().recordings, 4);
    let blocks: i64 = database(dir.path())
        .query_row("SELECT count(*) FROM block WHERE id < 6 << 32", [], |row| row.get(0))
        .unwrap();
    assert_eq!(blocks, 0);
    assert_whole(dir.path());
    journal.close();
    assert!(prune(&journal, 0).await.is_err());
}

#[tokio::test]
async fn what_is_held_stays_whole_until_it_is_released() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), settings()).unwrap();
    let (held, other, late) = (SessionId::new(), SessionId::new(), SessionId::new());
    for session in [held, other, late] {
        record(&journal, session, 20).await;
    }
    journal.close();
    let journal = Journal::open(dir.path(), settings()).unwrap();
    journal.place_legal_holds([held]);
    let reader = Reader::open(dir.path()).unwrap();
    let pruned = |id: SessionId| reader.verify(id).unwrap().pruned_ms;
    let report = prune(&journal, START_MS + 31 * DAY_MS).await.unwrap();
    assert_eq!((report.recordings, pruned(held)), (2, None));
    assert_eq!(reader.events(held, 1).unwrap().flatten().count(), 22);
    // Its events were removed before the hold: its row stays.
    journal.place_legal_holds([late]);
    let report = prune(&journal, START_MS + 401 * DAY_MS).await.unwrap();
    assert_eq!((report.recordings, report.sessions), (0, 1));
    let left: Vec<SessionId> =
        reader.sessions(&SessionFilter::default()).unwrap().iter().map(|row| row.id).collect();
    assert_eq!(left, [late, held]);
    assert_whole(dir.path());
    journal.lift_legal_hold(held);
    journal.lift_legal_hold(late);
    let report = prune(&journal, START_MS + 401 * DAY_MS).await.unwrap();
    assert_eq!((report.recordings, report.sessions), (1, 2));
    assert_whole(dir.path());
}

#[tokio::test]
async fn what_is_held_pushes_nothing_else_out() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), settings()).unwrap();
    let mut random = vec![0; 160 << 10];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    let text: String = random.iter().map(|byte| char::from(b'a' + (byte & 15))).collect();
    let large = format!(r#"{{"body":{{"text":"{text}"}}}}"#);
    let mut sessions = Vec::new();
    for age in 0..10 {
        let session = SessionId::new();
        // The last of them are of unauthenticated peers, which are removed first otherwise.
        let begin = if age < 7 { start(session) } else { start_of(session, GATEWAY, "gateway") };
        let over = Event { ts_ms: START_MS + age, ..end(session, 1) };
        let events = [begin, event(session, EventKind::Error, 1, &large), over];
        journal.append(events, Durability::Written).await.unwrap();
        sessions.push(session);
    }
    journal.close();
    let journal = Journal::open(dir.path(), Settings { max_size: 500 << 10, ..settings() }).unwrap();
    // All but the newest of authenticated principals, and the oldest of unauthenticated peers: what is left
    // is small.
    let held = [&sessions[..6], &sessions[7..8]].concat();
    journal.place_legal_holds(held.iter().copied());
    assert_eq!(prune(&journal, START_MS).await.unwrap().recordings, 0);
    // Two of the held ones are too much now: the oldest of them is removed, and before it one of an
    // unauthenticated peer.
    journal.lift_legal_hold(sessions[3]);
    journal.lift_legal_hold(sessions[4]);
    let report = prune(&journal, START_MS).await.unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let gone: Vec<usize> =
        (0..10).filter(|n| reader.verify(sessions[*n]).unwrap().pruned_ms.is_some()).collect();
    assert!(report.recordings > 0 && !gone.is_empty(), "{report:?}");
    assert!(gone.iter().all(|n| !held.contains(&sessions[*n]) || [3, 4].contains(n)), "{gone:?}");
    assert!(gone.contains(&8), "{gone:?}");
    assert_whole(dir.path());
}
