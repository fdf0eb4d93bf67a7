//! Tests of forged recordings by somebody who can write their database, but not the audit trail.

use std::path::Path;

use rusqlite::Connection as Database;

use super::recordings::begin;
use super::recordings::end;
use super::recordings::request;
use super::*;
use crate::control::noun::session::FaultyLegalHold;
use crate::gateway::retention;
use crate::store::LegalHoldFault;

/// The time of the events, and times at which events and rows are past their retention.
const START_MS: i64 = 1_795_166_043_000;
const DAY_MS: i64 = 86_400_000;
const EVENTS_MS: i64 = START_MS + 60 * DAY_MS;
const ROWS_MS: i64 = START_MS + 500 * DAY_MS;

/// Returns a gateway that recorded three sessions and was restarted since.
async fn rig() -> (Rig, Journal, [SessionId; 3]) {
    let rig = Rig::online().await;
    let journal = rig.journal.clone().unwrap();
    let sessions = [SessionId::new(), SessionId::new(), SessionId::new()];
    recorded(&journal, sessions, "").await;
    rig.store.change(|change| change.note_journal(true)).await.unwrap();
    let journal = opened(&rig);
    (rig, journal, sessions)
}

async fn recorded(journal: &Journal, sessions: [SessionId; 3], more: &str) {
    for (place, session) in sessions.into_iter().enumerate() {
        begin(journal, session).await;
        if place == 1 {
            request(journal, session, more).await;
        }
        end(journal, session).await;
    }
    journal.close();
}

fn opened(rig: &Rig) -> Journal {
    Journal::open(&rig.data, rig.admin.config.load().recording.clone()).unwrap()
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(job).await.unwrap()
}

async fn look(rig: &Rig) -> Result<(), String> {
    let (store, data) = (rig.store.clone(), rig.data.clone());
    blocking(move || retention::look(&store, &data, i64::MAX).map_err(|error| error.to_string())).await
}

async fn prune(rig: &Rig, journal: &Journal, now_ms: i64) -> recording::PruneReport {
    let (store, data, journal) = (rig.store.clone(), rig.data.clone(), journal.clone());
    let times = [now_ms, i64::MAX];
    blocking(move || retention::prune(&store, &journal, &data, "hoopctl", times).unwrap()).await
}

/// Returns the findings of a full check.
async fn problems(rig: &Rig) -> Vec<String> {
    let page = rig.owner().verify_all(VerifyFrom::default()).await.unwrap();
    let broken = page.sessions.iter().filter(|report| !report.intact).map(|report| format!("{report:?}"));
    broken.chain(page.whole.unwrap().problems()).collect()
}

fn write(data: &Path, statements: &str) {
    Database::open(data.join("events.db")).unwrap().execute_batch(statements).unwrap();
}

/// Copies the database, to be restored.
fn copy(data: &Path) -> Vec<u8> {
    write(data, "PRAGMA wal_checkpoint(TRUNCATE)");
    std::fs::read(data.join("events.db")).unwrap()
}

/// Returns the findings after the statements, which are then undone.
async fn forged(rig: &Rig, statements: &str) -> String {
    let kept = copy(&rig.data);
    write(&rig.data, statements);
    let found = problems(rig).await.join("; ");
    std::fs::write(rig.data.join("events.db"), kept).unwrap();
    found
}

const ALTERED: &str = "as the audit trail tells";
const UNEXPLAINED: &str = "the audit trail says nothing of that";

#[tokio::test]
async fn what_is_left_of_a_pruned_session_cannot_be_changed_or_taken_early() {
    let (rig, journal, _) = rig().await;
    assert_eq!(prune(&rig, &journal, EVENTS_MS).await.recordings, 3);
    journal.close();
    assert_eq!(problems(&rig).await, Vec::<String>::new());
    for change in [
        "principal = 'entra/other'",
        "label = 'other'",
        "connection = 'other'",
        "source = '10.0.0.2'",
        "started_ms = started_ms - 1",
        "ended_ms = ended_ms + 1",
        "tail_hash = zeroblob(32)",
        "denied = 0, events = 1",
    ] {
        let found = forged(&rig, &format!("UPDATE session SET {change} WHERE no = 2")).await;
        assert!(found.contains(ALTERED), "{change}: {found}");
    }
    let found = forged(&rig, "DELETE FROM session; INSERT INTO dropped VALUES (1, 3)").await;
    assert!(found.contains(UNEXPLAINED) && found.contains("is not the one"), "{found}");
    let found = forged(&rig, "DELETE FROM session WHERE no = 2; INSERT INTO dropped VALUES (2, 2)").await;
    assert!(found.contains(UNEXPLAINED), "{found}");
    assert_eq!(problems(&rig).await, Vec::<String>::new());
    // Removal by retention is no finding, and the remaining sessions are still known.
    let (rig, journal, [held, ..]) = self::rig().await;
    journal.place_legal_holds([held]);
    assert_eq!(prune(&rig, &journal, EVENTS_MS).await.recordings, 2);
    assert_eq!(prune(&rig, &journal, ROWS_MS).await.sessions, 2);
    journal.close();
    assert_eq!(problems(&rig).await, Vec::<String>::new());
    let found = forged(&rig, "UPDATE session SET tail_hash = zeroblob(32)").await;
    assert!(found.contains(ALTERED), "{found}");
}

#[tokio::test]
async fn a_session_is_not_exchanged_for_one_that_was_chained_anew() {
    let (rig, journal, sessions) = rig().await;
    look(&rig).await.unwrap();
    journal.close();
    assert_eq!(problems(&rig).await, Vec::<String>::new());
    // The same sessions, with a changed one in the middle, in intact chains.
    let other = rig.data.join("other");
    std::fs::create_dir(&other).unwrap();
    let settings = rig.admin.config.load().recording.clone();
    let journal = Journal::open(&other, settings).unwrap();
    recorded(&journal, sessions, "/forged").await;
    std::fs::write(rig.data.join("events.db"), copy(&other)).unwrap();
    let found = problems(&rig).await.join("; ");
    assert!(found.contains(ALTERED), "{found}");
}

#[tokio::test]
async fn a_note_is_no_licence_for_what_was_not_removed() {
    let (rig, journal, [first, ..]) = rig().await;
    look(&rig).await.unwrap();
    // Killed between the note and the removal.
    let removal = crate::store::JournalRemoval {
        events: [1, 2].into_iter().collect(),
        forgotten: [1].into_iter().collect(),
        reason: "age",
        ..Default::default()
    };
    rig.store.change(move |change| change.note_removal("hoopctl", &removal)).await.unwrap();
    look(&rig).await.unwrap();
    journal.close();
    let forgery = "UPDATE session SET pruned_ms = 1 WHERE no = 1; DELETE FROM block WHERE id >> 32 = 1";
    let found = forged(&rig, forgery).await;
    assert!(found.contains(UNEXPLAINED), "{found}");
    // Held when it was about to be removed.
    let journal = opened(&rig);
    journal.place_legal_holds([first]);
    let removal =
        recording::Removal { numbers: vec![1], reason: recording::PruneReason::Age, forgotten: Vec::new() };
    let noted = crate::store::JournalRemoval { events: [1].into_iter().collect(), ..Default::default() };
    rig.store.change(move |change| change.note_removal("hoopctl", &noted)).await.unwrap();
    assert_eq!(journal.prune(EVENTS_MS, removal).await.unwrap().recordings, 0);
    assert_eq!(prune(&rig, &journal, EVENTS_MS).await.recordings, 2);
    journal.close();
    assert_eq!(problems(&rig).await, Vec::<String>::new());
    let found = forged(&rig, forgery).await;
    assert!(found.contains(UNEXPLAINED), "{found}");
    // A session that is noted and stays is noted once.
    let spared = || async {
        let audit = rig.store.read(|view| view.audit(0, 1000)).await.unwrap();
        audit.into_iter().filter(|entry| entry.action == "journal.spare").count()
    };
    assert_eq!(spared().await, 2);
    look(&rig).await.unwrap();
    assert_eq!(spared().await, 2);
}

#[tokio::test]
async fn a_held_session_that_went_and_a_hold_that_was_taken_away_are_found() {
    let (rig, journal, [first, second, _]) = rig().await;
    look(&rig).await.unwrap();
    journal.close();
    for session in [first, second] {
        rig.store
            .change(move |change| change.place_legal_hold(session, "entra/etl", "case 7", "local:a"))
            .await
            .unwrap();
    }
    assert_eq!(problems(&rig).await, Vec::<String>::new());
    // Noted as pruned by somebody who made the gateway do it: only the hold reveals it.
    let noted = crate::store::JournalRemoval { events: [1].into_iter().collect(), ..Default::default() };
    rig.store.change(move |change| change.note_removal("hoopctl", &noted)).await.unwrap();
    let pruned = format!(
        "UPDATE session SET pruned_ms = {EVENTS_MS} WHERE no = 1; DELETE FROM block WHERE id >> 32 = 1"
    );
    let found = forged(&rig, &pruned).await;
    assert_eq!(found, "a session is held, and its recording is gone");
    let found = forged(&rig, "DELETE FROM session WHERE no = 1; DELETE FROM block WHERE id >> 32 = 1").await;
    assert!(found.contains("a session is held, and its recording is gone"), "{found}");

    let store = Database::open(rig.data.join("hoopctl.db")).unwrap();
    for (statement, count) in [
        (format!("UPDATE hold SET since_ms = since_ms + 1 WHERE session = '{second}'"), 1),
        (format!("DELETE FROM hold WHERE session = '{second}'"), 1),
        (format!("UPDATE hold SET session = '{}'", SessionId::new()), 3),
    ] {
        store.execute_batch(&statement).unwrap();
        let found = problems(&rig).await.join("; ");
        let said =
            if count == 1 { "which session is held is not" } else { "3 sessions are held, or not, other" };
        assert!(found.contains(said), "{statement}: {found}");
    }
    // The next start keeps it nevertheless.
    let held = rig.store.read(View::under_legal_hold).await.unwrap();
    assert!(held.contains(&first) && held.contains(&second));
}

#[tokio::test]
async fn what_is_not_on_the_disk_is_not_in_the_trail() {
    let (rig, _journal, _) = rig().await;
    let entries = || async { rig.store.read(|view| view.audit(0, 1000)).await.unwrap().len() };
    let before = entries().await;
    let (store, data) = (rig.store.clone(), rig.data.clone());
    let failed = blocking(move || {
        recording::fail_syncs(true);
        let looked = retention::look(&store, &data, i64::MAX).map_err(|error| error.to_string());
        recording::fail_syncs(false);
        looked
    });
    let failed = failed.await.unwrap_err();
    assert!(failed.contains("not on the disk"), "{failed}");
    assert_eq!(entries().await, before);
    look(&rig).await.unwrap();
    assert!(entries().await > before);
}

#[tokio::test]
async fn a_store_from_before_rows_were_noted_is_whole_and_is_noted_on() {
    let (rig, journal, [first, _, third]) = rig().await;
    let removal = journal.next_removal(EVENTS_MS).unwrap();
    assert_eq!(journal.prune(EVENTS_MS, removal).await.unwrap().recordings, 3);
    journal.close();
    write(&rig.data, "DELETE FROM session WHERE no = 2; INSERT INTO dropped VALUES (2, 2)");
    let noted = rig.store.change(move |change| {
        let mark = |number, id: SessionId| serde_json::json!({ "number": number, "session": id.to_string() });
        change.append_audit("hoopctl", "journal.mark", "events.db", &mark(1, first))?;
        change.append_audit("hoopctl", "journal.mark", "events.db", &mark(3, third))?;
        let pruned = serde_json::json!({ "numbers": [[1, 3]], "reason": "age" });
        change.append_audit("hoopctl", "journal.prune", "events.db", &pruned)
    });
    noted.await.unwrap();
    assert_eq!(problems(&rig).await, Vec::<String>::new());
    look(&rig).await.unwrap();
    assert_eq!(problems(&rig).await, Vec::<String>::new());
    let found = forged(&rig, "UPDATE session SET principal = 'entra/other' WHERE no = 1").await;
    assert!(found.contains(ALTERED), "{found}");
}

#[tokio::test]
async fn what_is_gone_is_not_held() {
    let (rig, journal, [first, ..]) = rig().await;
    assert_eq!(prune(&rig, &journal, EVENTS_MS).await.recordings, 3);
    let refused = rig.owner().place_legal_hold(first, "case 7".to_owned()).await.unwrap_err();
    assert!(refused.code == ErrorCode::Conflict && refused.message.contains("are gone"), "{refused:?}");
    assert!(rig.store.read(View::legal_holds).await.unwrap().is_empty());
}

/// Writes into the store behind the gateway's back.
fn tamper(rig: &Rig, statement: &str) {
    Database::open(rig.data.join("hoopctl.db")).unwrap().execute_batch(statement).unwrap();
}

#[tokio::test]
async fn a_hold_that_was_tampered_with_is_as_it_was_once_somebody_takes_note_of_it() {
    let (rig, journal, [first, second, _]) = rig().await;
    look(&rig).await.unwrap();
    journal.close();
    let owner = rig.owner();
    let conflict = |answer: Result<SessionView, ApiError>| {
        let error = answer.unwrap_err();
        assert!(error.code == ErrorCode::Conflict && error.message.contains("tampered"), "{error:?}");
    };
    let held = rig
        .store
        .change(move |change| change.place_legal_hold(first, "entra/etl", "case 7", "local:a"))
        .await
        .unwrap();
    let sound = owner.acknowledge_legal_hold(first, "seen".to_owned()).await.unwrap_err();
    assert!(sound.code == ErrorCode::Conflict && sound.message.contains("trail tells"), "{sound:?}");
    let forged = format!("INSERT INTO hold VALUES ('{second}', 'x', 'local:x', 1)");
    for (statement, session, fault) in [
        (format!("DELETE FROM hold WHERE session = '{first}'"), first, LegalHoldFault::Missing),
        ("UPDATE hold SET since_ms = since_ms + 1".to_owned(), first, LegalHoldFault::Altered),
        ("UPDATE hold SET actor = 'local:gateway'".to_owned(), first, LegalHoldFault::Altered),
        ("UPDATE hold SET reason = 'none'".to_owned(), first, LegalHoldFault::Altered),
        (forged, second, LegalHoldFault::Unknown),
    ] {
        tamper(&rig, &statement);
        assert_eq!(problems(&rig).await.len(), 1, "{statement}");
        if fault == LegalHoldFault::Missing {
            conflict(owner.place_legal_hold(session, "anew".to_owned()).await);
        }
        conflict(owner.lift_legal_hold(session, "over".to_owned()).await);
        let empty = owner.acknowledge_legal_hold(session, " ".to_owned()).await.unwrap_err();
        assert_eq!(empty.code, ErrorCode::BadRequest);
        let noted = owner.acknowledge_legal_hold(session, "INC-12".to_owned()).await.unwrap();
        assert_eq!((&*noted.faults, noted.held, noted.session), (&[fault][..], true, session));
        assert_eq!(problems(&rig).await, Vec::<String>::new(), "{statement}");
        let holds = rig.store.read(View::legal_holds).await.unwrap();
        assert_eq!(holds.iter().find(|hold| hold.session == first), Some(&held), "{statement}");
        assert!(
            rig.journal.as_ref().unwrap().is_under_legal_hold(session),
            "only a release lets retention have it"
        );
    }
    let taken =
        rig.store.read(View::legal_holds).await.unwrap().into_iter().find(|hold| hold.session == second);
    let taken = taken.unwrap();
    assert_eq!((taken.actor.as_str(), taken.reason.as_str()), ("local:gateway", "INC-12"));
    for session in [first, second] {
        owner.lift_legal_hold(session, "over".to_owned()).await.unwrap();
        assert!(!rig.journal.as_ref().unwrap().is_under_legal_hold(session));
    }
    assert_eq!(problems(&rig).await, Vec::<String>::new());
    // An acknowledged finding is reported from then on, and a later one is a finding again.
    let whole = owner.verify_all(VerifyFrom::default()).await.unwrap().whole.unwrap();
    assert_eq!(whole.acknowledged.len(), 5);
    let last = whole.acknowledged.last().unwrap();
    assert_eq!((last.actor.as_str(), last.reason.as_str()), ("local:gateway", "INC-12"));
    tamper(&rig, &format!("INSERT INTO hold VALUES ('{second}', 'x', 'local:x', 1)"));
    assert_eq!(problems(&rig).await.len(), 1);
    let found = owner.verify_all(VerifyFrom::default()).await.unwrap().whole.unwrap().faulty_holds;
    assert_eq!(found, [FaultyLegalHold { session: second, fault: LegalHoldFault::Unknown }]);
}

#[tokio::test]
async fn a_held_recording_that_is_gone_is_acknowledged_and_not_held_any_more() {
    let (rig, journal, [first, ..]) = rig().await;
    look(&rig).await.unwrap();
    journal.close();
    let owner = rig.owner();
    rig.store
        .change(move |change| change.place_legal_hold(first, "entra/etl", "case 7", "local:a"))
        .await
        .unwrap();
    let noted = crate::store::JournalRemoval { events: [1].into_iter().collect(), ..Default::default() };
    rig.store.change(move |change| change.note_removal("hoopctl", &noted)).await.unwrap();
    let pruned = "DELETE FROM block WHERE id >> 32 = 1";
    write(&rig.data, &format!("UPDATE session SET pruned_ms = {EVENTS_MS} WHERE no = 1; {pruned}"));
    assert_eq!(problems(&rig).await, ["a session is held, and its recording is gone"]);
    // A release would hide it.
    let refused = owner.lift_legal_hold(first, "over".to_owned()).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Conflict);
    let noted = owner.acknowledge_legal_hold(first, "INC-12".to_owned()).await.unwrap();
    assert_eq!((&*noted.faults, noted.held), (&[LegalHoldFault::Lost][..], false));
    assert_eq!(problems(&rig).await, Vec::<String>::new());
    assert!(rig.store.read(View::under_legal_hold).await.unwrap().is_empty());
    let whole = owner.verify_all(VerifyFrom::default()).await.unwrap().whole.unwrap();
    assert_eq!(whole.acknowledged, [noted]);
}

#[tokio::test]
async fn all_that_is_wrong_with_a_hold_is_acknowledged_by_name() {
    let (rig, journal, [first, ..]) = rig().await;
    look(&rig).await.unwrap();
    journal.close();
    rig.store
        .change(move |change| change.place_legal_hold(first, "entra/etl", "case 7", "local:a"))
        .await
        .unwrap();
    write(&rig.data, "DELETE FROM session WHERE no = 1; DELETE FROM block WHERE id >> 32 = 1");
    tamper(&rig, "UPDATE hold SET reason = 'none'");
    let refused = rig.owner().lift_legal_hold(first, "over".to_owned()).await.unwrap_err();
    for fault in [LegalHoldFault::Altered, LegalHoldFault::Lost] {
        assert!(refused.message.contains(fault.as_str()), "{}", refused.message);
    }
    let noted = rig.owner().acknowledge_legal_hold(first, "INC-12".to_owned()).await.unwrap();
    assert_eq!((&*noted.faults, noted.held), (&[LegalHoldFault::Altered, LegalHoldFault::Lost][..], false));
    let whole = rig.owner().verify_all(VerifyFrom::default()).await.unwrap().whole.unwrap();
    assert_eq!((whole.acknowledged, whole.faulty_holds), (vec![noted], Vec::new()));
}

#[tokio::test]
async fn entries_that_name_one_fault_are_still_told() {
    let (rig, journal, [first, ..]) = rig().await;
    journal.close();
    rig.store
        .change(move |change| {
            let detail = serde_json::json!({ "reason": "seen", "fault": "unknown", "held": false });
            change.append_audit("local:a", "session.acknowledge", &first.to_string(), &detail)
        })
        .await
        .unwrap();
    let notes = rig.store.read(View::legal_hold_notes).await.unwrap();
    assert_eq!(notes.acknowledged[0].faults, [LegalHoldFault::Unknown]);
    assert!(notes.held.is_empty());
}

#[tokio::test]
async fn a_hold_is_not_tampered_with_because_the_trail_cannot_be_read() {
    let (rig, journal, [first, ..]) = rig().await;
    look(&rig).await.unwrap();
    journal.close();
    rig.store
        .change(move |change| change.place_legal_hold(first, "entra/etl", "case 7", "local:a"))
        .await
        .unwrap();
    let path = rig.data.join("hoopctl.db");
    let database = Database::open(&path).unwrap();
    let number = |sql: &str| database.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
    let root = number("SELECT rootpage FROM sqlite_master WHERE name = 'audit'");
    let size = number("PRAGMA page_size");
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let start = usize::try_from((root - 1) * size).unwrap();
    bytes[start..start + 64].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    // What other connections to it have read no longer counts.
    database.execute_batch("UPDATE hold SET since_ms = since_ms").unwrap();
    let owner = rig.owner();
    for refused in [
        owner.lift_legal_hold(first, "over".to_owned()).await.unwrap_err(),
        owner.acknowledge_legal_hold(first, "seen".to_owned()).await.unwrap_err(),
    ] {
        assert!(refused.message.contains("trail cannot be read"), "{}", refused.message);
    }
    let whole = owner.verify_all(VerifyFrom::default()).await.unwrap().whole.unwrap();
    assert_eq!(whole.faulty_holds, []);
}
