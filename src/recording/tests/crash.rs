//! The process dies in the middle.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::process::Command;
use std::process::Stdio;

use super::*;
use crate::domain::session::SessionEnd;
use crate::recording::SessionFilter;

const DIR: &str = "HOOPCTL_TEST_CRASH_DIR";

/// Not a test of its own: the process that the test below kills.
#[test]
fn child_that_is_killed() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let journal = open(Path::new(&dir));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for task in 0..8_u64 {
            let journal = journal.clone();
            tokio::spawn(async move {
                let session = SessionId::new();
                journal.append([start(session)], Durability::Written).await.unwrap();
                for n in 1_u64.. {
                    let durability =
                        if (n + task) % 4 == 0 { Durability::Synced } else { Durability::Written };
                    journal.append([request(session, n), request(session, n)], durability).await.unwrap();
                    // One write per line: a dead process wrote the line whole or not at all.
                    std::io::stdout().write_all(format!("ack {session} {}\n", 1 + 2 * n).as_bytes()).unwrap();
                    std::io::stdout().flush().unwrap();
                    journal.push(request(session, n)).unwrap_or_default();
                    journal.push(request(session, n)).unwrap_or_default();
                }
            });
        }
        std::future::pending::<()>().await;
    });
}

#[test]
fn after_kill_nothing_acknowledged_is_missing_and_the_chains_hold() {
    let dir = tempfile::tempdir().unwrap();
    for (cycle, acks) in [40, 400, 1000, 7, 2000].into_iter().enumerate() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "recording::tests::crash::child_that_is_killed"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acked = std::collections::HashMap::new();
        let mut note = |line: String| {
            // The test harness writes a word of its own before the first line.
            let Some(at) = line.find("ack ") else { return 0 };
            let Some((session, n)) = line[at + 4..].split_once(' ') else { return 0 };
            let (Ok(session), Ok(n)) = (session.parse::<SessionId>(), n.parse::<u64>()) else { return 0 };
            acked.insert(session, n);
            1
        };
        let mut seen = 0;
        while seen < acks {
            seen += note(lines.next().expect("the child died by itself").unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            note(line);
        }
        let began = std::time::Instant::now();
        let journal = open(dir.path());
        assert!(began.elapsed().as_secs() < 2);
        let report = journal.report().clone();
        assert!(
            (1..=8).contains(&report.interrupted.len()) && report.damaged.is_empty(),
            "cycle {cycle}: {report:?}"
        );
        let reader = Reader::open(dir.path()).unwrap();
        let live = SessionFilter { live: Some(true), ..SessionFilter::default() };
        assert_eq!(reader.sessions(&live).unwrap(), []);
        assert!(acked.keys().all(|session| report.interrupted.contains(session)));
        for (session, n) in acked {
            let events = events_of(dir.path(), session);
            let requests =
                events.iter().filter(|event| event.event.kind == EventKind::HttpRequest).count() as u64;
            assert!(requests + 1 >= n, "{requests} of {n} acknowledged");
            let row = reader.session(session).unwrap().unwrap();
            assert_eq!((row.end, row.events), (Some(SessionEnd::Interrupted), events.len() as u64));
            assert_eq!(&*events.last().unwrap().event.data, r#"{"reason":"interrupted"}"#);
            let bytes: usize = events.iter().map(|event| event.line.len()).sum();
            assert_eq!(row.bytes, bytes as u64, "counters are made good");
        }
        journal.close();
        assert_whole(dir.path());
    }
}

#[tokio::test]
async fn an_interrupted_session_whose_tail_was_changed_is_closed_but_not_whitewashed() {
    let dir = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let (journal, session) = (open(dir.path()), SessionId::new());
    append(&journal, start(session)).await;
    for n in 1..20 {
        append(&journal, request(session, n)).await;
    }
    for file in ["events.db", "events.db-wal"] {
        std::fs::copy(dir.path().join(file), copy.path().join(file)).unwrap();
    }
    let last = (1_i64 << 32) + 19;
    let bytes: Vec<u8> = database(copy.path())
        .query_row("SELECT bytes FROM block WHERE id = ?", [last], |row| row.get(0))
        .unwrap();
    let at = bytes.windows(3).position(|part| part == b"GET").unwrap();
    let changed = [&bytes[..at], b"PUT", &bytes[at + 3..]].concat();
    database(copy.path())
        .execute("UPDATE block SET bytes = ? WHERE id = ?", rusqlite::params![changed, last])
        .unwrap();
    let reopened = open(copy.path());
    assert_eq!(reopened.report().damaged, [session]);
    let reader = Reader::open(copy.path()).unwrap();
    assert_eq!(reader.session(session).unwrap().unwrap().end, Some(SessionEnd::Interrupted));
    let broken = reader.verify(session).unwrap().broken.unwrap();
    assert_eq!((broken.seq, broken.class), (19, crate::recording::Damage::Edited));
    reopened.close();
    let again = open(copy.path());
    assert_eq!(again.report().interrupted, []);
}
