//! Appending, waiting, reading back.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::event::MaskNote;
use crate::domain::session::SessionEnd;
use crate::recording::GATEWAY;
use crate::recording::Level;
use crate::recording::RecordError;
use crate::recording::SessionFilter;
use crate::recording::SyncMode;
use crate::recording::chain;

#[tokio::test]
async fn what_was_appended_is_read_back_in_order_and_chained() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, session) = (open(dir.path()), SessionId::new());
    record(&journal, session, 5).await;
    let events = events_of(dir.path(), session);
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    let mut hash = chain::GENESIS;
    for event in &events {
        hash = chain::link(&hash, event.line.as_bytes());
        assert_eq!(hash, event.hash);
    }
    assert_eq!(
        &*events[6].line,
        format!(
            r#"{{"v":1,"sid":"{session}","seq":7,"t":6000,"ts":"2026-11-20T09:14:03.006Z","kind":"session.end","dir":null,"corr":null,"data":{{"reason":"idle"}},"mask":[]}}"#
        )
    );
    journal.close();
    assert_whole(dir.path());
}

#[tokio::test]
async fn a_row_says_what_its_session_did() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, session) = (open(dir.path()), SessionId::new());
    journal.append([start(session)], Durability::Written).await.unwrap();
    let masked = |n| vec![MaskNote { entity: "US_SSN".to_owned(), at: "text".to_owned(), n }];
    let said = [
        (EventKind::Decision, r#"{"effect":"deny","rule":"no"}"#, masked(0)),
        (EventKind::Decision, r#"{"effect":"approve","code":"approval_denied"}"#, Vec::new()),
        (
            EventKind::Decision,
            r#"{"effect":"allow","reason":"\"code\":\"x\" \"effect\":\"deny\""}"#,
            masked(2),
        ),
        (EventKind::HttpResponse, r#"{"code":"x","effect":"deny"}"#, masked(3)),
    ];
    for (kind, data, mask) in said {
        journal.push(Event { mask, ..event(session, kind, 1, data) }).unwrap();
    }
    journal.flush().await.unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let row = reader.session(session).unwrap().unwrap();
    assert_eq!(
        (row.events, row.ended_ms, row.end),
        (5, None, None),
        "a live row is brought up to date by the reader"
    );
    append(&journal, end(session, 9)).await;
    let row = reader.session(session).unwrap().unwrap();
    assert_eq!((row.events, row.denied, row.masked), (6, 2, 5));
    assert_eq!((row.end, row.ended_ms), (Some(SessionEnd::Idle), Some(START_MS + 9)));
    assert_eq!((row.principal.as_str(), row.label.as_str()), ("entra:t/etl", "entra:t/etl-label"));
    assert_eq!(
        (row.client.as_deref(), row.source.as_str(), row.started_ms),
        (Some("billing"), "10.2.0.14", START_MS)
    );
    let bytes: usize = events_of(dir.path(), session).iter().map(|event| event.line.len()).sum();
    assert_eq!(row.bytes, bytes as u64);
}

#[tokio::test]
async fn two_sessions_interleaved_keep_their_own_chains() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let (one, two) = (SessionId::new(), SessionId::new());
    journal.append([start(one), start(two)], Durability::Written).await.unwrap();
    for n in 1..50 {
        journal.push(request(one, n)).unwrap();
        journal
            .append([request(two, n), request(one, n), request(two, n)], Durability::Written)
            .await
            .unwrap();
    }
    journal.append([end(two, 60), end(one, 60)], Durability::Synced).await.unwrap();
    journal.flush().await.unwrap();
    assert_eq!((events_of(dir.path(), one).len(), events_of(dir.path(), two).len()), (100, 100));
    assert!(events_of(dir.path(), one).iter().all(|event| event.event.session == one));
    journal.close();
    assert_whole(dir.path());
}

#[tokio::test]
async fn what_cannot_be_recorded_is_refused_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, session) = (open(dir.path()), SessionId::new());
    journal.append([start(session)], Durability::Written).await.unwrap();
    let stranger = SessionId::new();
    let bad_start = |data: &str| event(stranger, EventKind::SessionStart, 0, data);
    let whole = request(session, 1);
    let refused = [
        request(stranger, 1),
        start(session),
        bad_start("{}"),
        bad_start(r#"{"principal":"a","kind":"robot","connection":"c"}"#),
        bad_start("{\"principal\":\"a\",\n\"kind\":\"app\",\"connection\":\"c\"}"),
        event(session, EventKind::SessionEnd, 1, r#"{"reason":"bored"}"#),
        event(session, EventKind::Marker, 1, "[]"),
        event(session, EventKind::Marker, 1, ""),
        event(session, EventKind::Marker, 1, "{\"a\":\n1}"),
    ];
    let count = refused.len();
    let pending: Vec<_> = refused
        .into_iter()
        .map(|event| journal.append([event], Durability::Written))
        .chain([journal.append([whole], Durability::Written)])
        .collect();
    let mut results = Vec::new();
    for pending in pending {
        results.push(pending.await);
    }
    assert!(results[..count].iter().all(Result::is_err), "{results:?}");
    assert!(results[count].is_ok());
    assert!(matches!(results[0], Err(RecordError::NoSession { session }) if session == stranger));
    journal.append([start(stranger), end(stranger, 1), end(session, 2)], Durability::Written).await.unwrap();
    assert!(journal.append([end(session, 3)], Durability::Written).await.is_err(), "it ends once");
    journal.append([request(session, 4)], Durability::Written).await.unwrap();
    journal.close();
    assert_eq!(
        events_of(dir.path(), session).len(),
        4,
        "a reply that was on its way is recorded after the end"
    );
    assert_whole(dir.path());
}

#[test]
fn thousands_of_waiters_on_several_threads_all_hear_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let journal = journal.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let session = SessionId::new();
                    journal.append([start(session)], Durability::Written).await.unwrap();
                    let tasks: Vec<_> = (0..1500)
                        .map(|n| {
                            let journal = journal.clone();
                            tokio::spawn(async move {
                                let durability =
                                    if n % 3 == 0 { Durability::Synced } else { Durability::Written };
                                for round in 0..3 {
                                    if n % 7 == 0 {
                                        // A dropped append delays nobody.
                                        let gone = journal.append([request(session, n)], durability);
                                        drop(tokio::time::timeout(Duration::ZERO, gone).await);
                                    }
                                    journal.append([request(session, n + round)], durability).await.unwrap();
                                }
                            })
                        })
                        .collect();
                    let all = async {
                        for task in tasks {
                            task.await.unwrap();
                        }
                    };
                    tokio::time::timeout(Duration::from_mins(1), all).await.expect("a waiter was forgotten");
                    journal.append([end(session, thread)], Durability::Synced).await.unwrap();
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    journal.close();
    assert_whole(dir.path());
}

#[tokio::test]
async fn a_push_is_on_the_disk_soon_and_a_close_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, session) = (open(dir.path()), SessionId::new());
    journal.push(start(session)).unwrap();
    for n in 1..=1000 {
        journal.push(request(session, n)).unwrap();
    }
    journal.close();
    assert_eq!(events_of(dir.path(), session).len(), 1001);
    assert!(matches!(journal.push(request(session, 1)), Err(RecordError::Stopped)));
    assert!(matches!(
        journal.append([request(session, 1)], Durability::Written).await,
        Err(RecordError::Stopped)
    ));
    assert!(matches!(journal.flush().await, Err(RecordError::Stopped)));
    assert!(journal.healthy().is_err());
    journal.close();
}

#[tokio::test]
async fn the_live_stream_shows_what_is_recorded_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, session) = (open(dir.path()), SessionId::new());
    append(&journal, start(session)).await;
    let mut live = journal.subscribe();
    let body = "x".repeat(100 << 10);
    let large = format!(r#"{{"status":200,"body":{{"text":"{body}","length":102400}}}}"#);
    journal.append([request(SessionId::new(), 1)], Durability::Written).await.unwrap_err();
    journal.append([request(session, 1)], Durability::Written).await.unwrap();
    append(&journal, event(session, EventKind::HttpResponse, 2, &large)).await;
    let stored = events_of(dir.path(), session);
    let first = live.recv().await.unwrap();
    assert_eq!((first.seq, &first.hash, &first.line), (2, &stored[1].hash, &stored[1].line));
    let second = live.recv().await.unwrap();
    assert_eq!((second.seq, second.hash), (3, stored[2].hash));
    assert_eq!(&*second.event.data, r#"{"status":200,"body":{"length":102400}}"#);
    assert!(stored[2].line.len() > 100 << 10);
}

#[tokio::test]
async fn a_level_leaves_out_what_it_says_and_no_decision() {
    use EventKind::*;
    let recorded = async |level| {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), Settings { level, ..Settings::default() }).unwrap();
        let session = SessionId::new();
        let body = r#"{"body":{"text":"secret","length":6}}"#;
        let events = [
            start(session),
            event(session, HttpRequest, 1, body),
            event(session, Decision, 2, "{}"),
            event(session, HttpChunk, 3, body),
            event(session, HttpResponse, 4, body),
            event(session, SqlQuery, 4, r#"{"sql":"SELECT 'secret'","params":["secret"],"class":"read"}"#),
            event(session, SqlRows, 4, r#"{"columns":["a"],"rows":[["secret"]]}"#),
            event(session, SqlDone, 4, r#"{"end":"error","error":{"sqlstate":"22P02","message":"secret"}}"#),
            end(session, 5),
        ];
        journal.append(events, Durability::Written).await.unwrap();
        journal.append([event(session, HttpChunk, 6, body)], Durability::Synced).await.unwrap();
        journal.close();
        assert_whole(dir.path());
        let events = events_of(dir.path(), session);
        let secrets = events.iter().filter(|event| event.line.contains("secret")).count();
        (events.iter().map(|event| event.event.kind).collect::<Vec<_>>(), secrets)
    };
    assert_eq!(
        recorded(Level::Full).await,
        (
            vec![
                SessionStart,
                HttpRequest,
                Decision,
                HttpChunk,
                HttpResponse,
                SqlQuery,
                SqlRows,
                SqlDone,
                SessionEnd,
                HttpChunk
            ],
            7
        )
    );
    assert_eq!(
        recorded(Level::Metadata).await,
        (vec![SessionStart, HttpRequest, Decision, HttpResponse, SqlQuery, SqlDone, SessionEnd], 0)
    );
    assert_eq!(recorded(Level::Off).await, (vec![SessionStart, Decision, SessionEnd], 0));
}

#[tokio::test]
async fn sync_all_makes_every_append_wait_for_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let hooks = crate::recording::writer::Hooks::default();
    let settings = Settings { sync: SyncMode::All, ..Settings::default() };
    let journal = Journal::open_hooked(dir.path(), settings, hooks.clone()).unwrap();
    let session = SessionId::new();
    journal.append([start(session)], Durability::Written).await.unwrap();
    hooks.sync_fails.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(journal.append([request(session, 1)], Durability::Written).await.is_err());
}

#[tokio::test]
async fn when_the_database_is_behind_appends_wait_and_pushes_are_refused_at_last() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, session) = (open(dir.path()), SessionId::new());
    append(&journal, start(session)).await;
    let other = database(dir.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let large = format!(r#"{{"body":{{"text":"{}"}}}}"#, "x".repeat(1 << 20));
    let chunk = || event(session, EventKind::HttpChunk, 1, &large);
    let mut waiting = Vec::new();
    for n in 0..12 {
        let mut append = Box::pin(journal.append([chunk()], Durability::Written));
        let at_once = tokio::time::timeout(Duration::ZERO, &mut append).await;
        assert_eq!(at_once.is_ok(), n < 7, "{n}: the first are written, which is all they wait for");
        if at_once.is_err() {
            waiting.push(append);
        }
    }
    let mut pushed = 0;
    let refused = loop {
        match journal.push(chunk()) {
            Ok(()) => pushed += 1,
            Err(error) => break error,
        }
        assert!(pushed < 100);
    };
    assert!(matches!(refused, RecordError::Overloaded) && (50..53).contains(&pushed), "{refused} {pushed}");
    other.execute_batch("ROLLBACK").unwrap();
    for append in waiting {
        append.await.unwrap();
    }
    append(&journal, chunk()).await;
    assert_eq!(events_of(dir.path(), session).len(), 1 + 12 + pushed + 1, "nothing that was taken is lost");
}

#[tokio::test]
async fn a_reader_sees_whole_groups_while_the_writer_writes() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, session) = (open(dir.path()), SessionId::new());
    append(&journal, start(session)).await;
    let path = Arc::new(dir.path().to_owned());
    let reading = {
        let path = Arc::clone(&path);
        std::thread::spawn(move || {
            let reader = Reader::open(&path).unwrap();
            let mut seen = 0;
            while seen < 2000 {
                let events = reader.events(session, 1).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
                assert!(events.len() >= seen && events.len() % 2 == 1);
                assert_eq!(reader.verify(session).unwrap().broken, None);
                seen = events.len();
            }
        })
    };
    for n in 0..1000 {
        journal.append([request(session, n), request(session, n)], Durability::Written).await.unwrap();
    }
    reading.join().unwrap();
}

#[tokio::test]
async fn sessions_are_found_by_what_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let [one, two, three] = [SessionId::new(), SessionId::new(), SessionId::new()];
    journal.append([start_of(one, "kim", "crm"), end(one, 5)], Durability::Written).await.unwrap();
    journal.append([start_of(two, "kim", "billing")], Durability::Written).await.unwrap();
    let late = Event { ts_ms: START_MS + 60_000, ..start_of(three, "etl", "crm") };
    append(&journal, late).await;
    let reader = Reader::open(dir.path()).unwrap();
    let ids = |filter: SessionFilter| -> Vec<SessionId> {
        reader.sessions(&filter).unwrap().into_iter().map(|row| row.id).collect()
    };
    let all = SessionFilter::default;
    assert_eq!(ids(all()), [three, two, one]);
    assert_eq!(ids(SessionFilter { principal: Some("kim".to_owned()), ..all() }), [two, one]);
    assert_eq!(ids(SessionFilter { principal: Some("kim-label".to_owned()), ..all() }), [two, one]);
    assert_eq!(ids(SessionFilter { connection: Some("crm".to_owned()), ..all() }), [three, one]);
    assert_eq!(ids(SessionFilter { live: Some(true), ..all() }), [three, two]);
    assert_eq!(ids(SessionFilter { live: Some(false), ..all() }), [one]);
    assert_eq!(
        ids(SessionFilter { since_ms: Some(START_MS + 6), ..all() }),
        [three, two],
        "a live one is never over"
    );
    assert_eq!(ids(SessionFilter { limit: Some(1), ..all() }), [three]);
    assert_eq!(ids(SessionFilter { before: Some(three), limit: Some(1), ..all() }), [two]);
    assert_eq!(ids(SessionFilter { before: Some(one), ..all() }), []);
    assert_eq!(
        ids(SessionFilter { before: Some(SessionId::new()), ..all() }),
        [three, two, one],
        "a session that is gone"
    );
    // The recording of refused requests is listed, but never returned as the last one; a connection of that
    // name is like any other.
    let [own, gateway] = [SessionId::new(), SessionId::new()];
    assert_eq!(reader.last().unwrap().unwrap().id, three);
    journal.append([start_of(gateway, "kim", "gateway")], Durability::Written).await.unwrap();
    append(&journal, start_of(own, GATEWAY, "gateway")).await;
    assert_eq!(ids(all()), [own, gateway, three, two, one]);
    // Its id is older than the one it began after: pages follow the order of the list.
    assert_eq!(ids(SessionFilter { before: Some(gateway), ..all() }), [three, two, one]);
    assert_eq!(reader.last().unwrap().unwrap().id, gateway);
    assert_eq!(reader.find("last").unwrap().id, gateway);
    assert_eq!(reader.find(&own.to_string()).unwrap().id, own);
    assert_eq!(reader.find(&one.to_string()).unwrap().id, one);
    assert_eq!(reader.find(&one.to_string()[..29]).unwrap().id, one);
    let common = one.to_string()[..8].to_owned();
    assert!(matches!(reader.find(&common), Err(crate::recording::ReadError::Ambiguous { .. })));
    for wrong in ["", "ses_", "%", "ses_z", "' OR 1=1", &SessionId::new().to_string()] {
        assert!(matches!(reader.find(wrong), Err(crate::recording::ReadError::NoSession { .. })), "{wrong}");
    }
    let from: Vec<u64> = reader.events(one, 2).unwrap().map(|event| event.unwrap().seq).collect();
    assert_eq!(from, [2]);
    assert_eq!(reader.events(one, 3).unwrap().count(), 0);
}

fn any_event(session: SessionId) -> impl Strategy<Value = Event> {
    let kinds = prop::sample::select(
        EventKind::ALL
            .into_iter()
            .filter(|kind| !matches!(kind, EventKind::SessionStart | EventKind::SessionEnd))
            .collect::<Vec<_>>(),
    );
    let note = (any::<String>(), any::<String>(), any::<u32>()).prop_map(|(entity, at, n)| MaskNote {
        entity,
        at,
        n: u64::from(n),
    });
    (
        (any::<u64>(), 0_i64..253_402_300_799_999, kinds, prop::option::of(any::<bool>()), any::<bool>()),
        (
            prop::collection::hash_map(any::<String>(), any::<String>(), 0..4),
            prop::collection::vec(note, 0..3),
        ),
    )
        .prop_map(move |((t_us, ts_ms, kind, dir, corr), (data, mask))| Event {
            session,
            t_us,
            ts_ms,
            kind,
            dir: dir.map(|c2s| if c2s { Direction::C2s } else { Direction::S2c }),
            corr: corr.then(RequestId::new),
            data: serde_json::to_string(&data).unwrap(),
            mask,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_event_survives_journal_reader_and_file_byte_for_byte(
        groups in {
            let session = SessionId::new();
            prop::collection::vec(prop::collection::vec(any_event(session), 1..6), 1..12)
        }
    ) {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(dir.path());
        let session = groups[0][0].session;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            journal.append([start(session)], Durability::Written).await.unwrap();
            for group in &groups {
                journal.append(group.clone(), Durability::Written).await.unwrap();
            }
            journal.append([end(session, 1)], Durability::Written).await.unwrap();
        });
        journal.close();
        let stored = events_of(dir.path(), session);
        let put: Vec<&Event> = groups.iter().flatten().collect();
        prop_assert_eq!(stored.len(), put.len() + 2);
        for (put, got) in put.iter().zip(&stored[1..]) {
            let got = &got.event;
            prop_assert_eq!((put.t_us, put.ts_ms, put.kind, put.dir, put.corr), (got.t_us, got.ts_ms, got.kind, got.dir, got.corr));
            prop_assert_eq!((&put.data, &put.mask), (&got.data, &got.mask));
        }
        let reader = Reader::open(dir.path()).unwrap();
        let row = reader.session(session).unwrap().unwrap();
        let path = dir.path().join("out.jsonl");
        let mut out = std::fs::File::create(&path).unwrap();
        crate::recording::export::write_jsonl(&row, reader.events(session, 1).unwrap(), &mut out).unwrap();
        let file = crate::recording::RecordingFile::read(&path).unwrap();
        prop_assert_eq!(file.session(), &row);
        let again: Vec<StoredEvent> = file.events().unwrap().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(again.len(), stored.len());
        for (one, two) in stored.iter().zip(&again) {
            prop_assert_eq!((&one.line, one.hash, one.seq), (&two.line, two.hash, two.seq));
        }
        prop_assert_eq!(file.verify().unwrap(), reader.verify(session).unwrap());
        prop_assert_eq!(file.verify().unwrap().broken, None);
        assert_whole(dir.path());
    }
}
