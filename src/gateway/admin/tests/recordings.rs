//! Tests of sessions and their recordings.

use super::*;
use crate::domain::event::Direction;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::recording::Durability;

fn event(session: SessionId, kind: EventKind, t_us: u64, data: &str) -> Event {
    let mask = Vec::new();
    Event { session, t_us, ts_ms: 1_795_166_043_000, kind, dir: None, corr: None, data: data.into(), mask }
}

/// Records the beginning of a session and one request.
pub(super) async fn begin(journal: &Journal, session: SessionId) {
    let start = r#"{"principal":"entra/etl","label":"etl","kind":"app","issuer":"entra","client":"c","groups":[],"connection":"crm","protocol":"http","upstream":"https://crm.internal","source":"10.0.0.1","policy_rev":1}"#;
    let request = r#"{"method":"GET","path":"/customers/7","query":"","headers":[],"body":null,"class":"read","http":"1.1"}"#;
    let events = [
        event(session, EventKind::SessionStart, 0, start),
        event(session, EventKind::HttpRequest, 10, request),
    ];
    journal.append(events, Durability::Synced).await.unwrap();
}

/// Records a request for a path.
pub(super) async fn request(journal: &Journal, session: SessionId, path: &str) {
    let data = format!(
        r#"{{"method":"GET","path":"{path}","query":"","headers":[],"body":null,"class":"read","http":"1.1"}}"#
    );
    journal.append([event(session, EventKind::HttpRequest, 12, &data)], Durability::Synced).await.unwrap();
}

/// Records that the request was denied.
pub(super) async fn deny(journal: &Journal, session: SessionId) {
    let data = r#"{"effect":"deny","rule":null,"policy_rev":1,"code":"denied"}"#;
    journal.append([event(session, EventKind::Decision, 15, data)], Durability::Synced).await.unwrap();
}

pub(super) async fn end(journal: &Journal, session: SessionId) {
    let end = event(session, EventKind::SessionEnd, 20, r#"{"reason":"killed"}"#);
    journal.append([end], Durability::Synced).await.unwrap();
}

#[tokio::test]
async fn sessions_are_listed_read_searched_and_proved() {
    let rig = Rig::online().await;
    let journal = rig.journal.clone().unwrap();
    let (first, second) = (SessionId::new(), SessionId::new());
    begin(&journal, first).await;
    end(&journal, first).await;
    begin(&journal, second).await;
    let live = LiveSession { id: second, streams: 2, commands: 1, active_ms: 5, expires_ms: 9 };
    rig.told.live.lock().unwrap().push(live.clone());
    let owner = rig.owner();

    let all = owner.sessions(SessionFilter::default()).await.unwrap();
    let seen: Vec<_> = all.items.iter().map(|view| (view.id, view.live.clone())).collect();
    assert_eq!(seen, [(second, Some(live)), (first, None)]);
    let page = SessionFilter { limit: Some(1), ..Default::default() };
    let cut = owner.sessions(page.clone()).await.unwrap();
    assert_eq!((cut.items.len(), cut.more), (1, true));
    let older = owner.sessions(SessionFilter { before: Some(second), ..page }).await.unwrap();
    assert_eq!((older.items[0].id, older.more), (first, false));
    assert_eq!(owner.session("last".to_owned()).await.unwrap().id, second);
    assert_eq!(owner.session(first.to_string()).await.unwrap().events, 3);

    let events = owner.session_events(first, EventsFrom { from: None, limit: Some(2) }).await.unwrap();
    assert_eq!((events.events.len(), events.next, events.ended), (2, Some(3), true));
    let rest = owner.session_events(first, EventsFrom { from: events.next, limit: None }).await.unwrap();
    assert_eq!((rest.events[0].seq, rest.next), (3, None));
    // The line is the stored bytes: the chain can be computed from what the API returns.
    let before = &events.events[1];
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(before.hash.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    }
    let linked = recording::chain::link(&hash, rest.events[0].line.as_bytes());
    assert_eq!(recording::chain::hex(&linked), rest.events[0].hash);

    let proved = owner.verify_session(first).await.unwrap();
    assert_eq!((proved.intact, proved.events, proved.live), (true, 3, false));
    let grep = |pattern: &str, session| Grep {
        pattern: pattern.to_owned(),
        sessions: SessionFilter::default(),
        session,
    };
    let found = owner.grep_sessions(grep("customers/[0-9]", None)).await.unwrap().items;
    assert_eq!(found.iter().map(|hit| (hit.session, hit.seq)).collect::<Vec<_>>(), [(second, 2), (first, 2)]);
    assert_eq!(owner.grep_sessions(grep("customers", Some(first))).await.unwrap().items.len(), 1);
    // The transcript shows an MCP message in other words, but it is searched as it was sent.
    let list =
        r#"{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"find","description":"finds a town"}]}}"#;
    let message =
        serde_json::json!({ "status": 200, "body": { "text": list, "length": list.len() } }).to_string();
    let mut told = event(second, EventKind::McpMessage, 30, &message);
    told.dir = Some(Direction::S2c);
    journal.append([told], Durability::Synced).await.unwrap();
    let found = owner.grep_sessions(grep("finds a town", None)).await.unwrap().items;
    assert_eq!(found.iter().map(|hit| hit.session).collect::<Vec<_>>(), [second]);
    for pattern in ["(", &"x".repeat(1001), "(a{1000}){1000}"] {
        assert_eq!(owner.grep_sessions(grep(pattern, None)).await.unwrap_err().code, ErrorCode::BadRequest);
    }
    let missing = owner.session_events(SessionId::new(), EventsFrom::default()).await.unwrap_err();
    assert_eq!((missing.code, missing.exit_code), (ErrorCode::NotFound, 5));
}

#[tokio::test]
async fn a_changed_byte_is_found() {
    let rig = Rig::online().await;
    let journal = rig.journal.clone().unwrap();
    let session = SessionId::new();
    begin(&journal, session).await;
    end(&journal, session).await;
    journal.close();
    let database = rusqlite::Connection::open(rig.data.join(recording::FILE)).unwrap();
    let (id, mut bytes): (i64, Vec<u8>) = database
        .query_row("SELECT id, bytes FROM block ORDER BY id LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let at = memchr::memmem::find(&bytes, b"/customers/7").unwrap();
    bytes[at + 11] = b'8';
    database.execute("UPDATE block SET bytes = ?1 WHERE id = ?2", rusqlite::params![bytes, id]).unwrap();
    let found = rig.owner().verify_session(session).await.unwrap();
    assert_eq!((found.intact, found.broken_at, found.problem.as_deref()), (false, Some(2), Some("edited")));
}

#[tokio::test]
async fn a_session_is_killed_once() {
    let rig = Rig::online().await;
    let session = SessionId::new();
    begin(rig.journal.as_ref().unwrap(), session).await;
    rig.told.live.lock().unwrap().push(LiveSession {
        id: session,
        streams: 0,
        commands: 1,
        active_ms: 1,
        expires_ms: 2,
    });
    assert_eq!(rig.owner().kill_session(session, String::new()).await.unwrap().id, session);
    assert_eq!(rig.owner().kill_session(session, String::new()).await.unwrap_err().code, ErrorCode::Conflict);
    assert_eq!(
        rig.owner().kill_session(SessionId::new(), String::new()).await.unwrap_err().code,
        ErrorCode::NotFound
    );
    assert_eq!(rig.audit().await, [entry("local:gateway", "session.kill", &session.to_string())]);
}

#[tokio::test]
async fn who_wants_a_session_ended_is_on_the_disk_before_it_is() {
    let rig = Rig::online().await;
    let session = SessionId::new();
    begin(rig.journal.as_ref().unwrap(), session).await;
    let live = LiveSession { id: session, streams: 0, commands: 1, active_ms: 1, expires_ms: 2 };
    rig.told.live.lock().unwrap().push(live);
    // What another process reads from the file at that moment, while the session ends by itself.
    let file = rig.data.join("hoopctl.db");
    let noted = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&noted);
    *rig.told.kills.lock().unwrap() = Some(Box::new(move || {
        let database = rusqlite::Connection::open(&file).unwrap();
        let mut found = database.prepare("SELECT action FROM audit").unwrap();
        let found = found.query_map([], |row| row.get::<_, String>(0)).unwrap();
        seen.lock().unwrap().extend(found.map(Result::unwrap));
        false
    }));
    let failed = rig.owner().kill_session(session, "runs wild".to_owned()).await.unwrap_err();
    assert_eq!(failed.code, ErrorCode::Conflict);
    assert_eq!(*noted.lock().unwrap(), ["session.kill"]);
    let of_session = |action| entry("local:gateway", action, &session.to_string());
    assert_eq!(rig.audit().await, [of_session("session.kill"), of_session("session.kill.failed")]);
}

#[tokio::test]
async fn a_session_that_goes_on_and_that_the_gateway_does_not_know_is_broken() {
    let rig = Rig::online().await;
    let session = SessionId::new();
    begin(&rig.journal.clone().unwrap(), session).await;
    let owner = rig.owner();
    let page = owner.verify_all(VerifyFrom::default()).await.unwrap();
    assert_eq!(page.sessions.iter().map(|report| report.intact).collect::<Vec<_>>(), [false]);
    let live = LiveSession { id: session, streams: 1, commands: 1, active_ms: 5, expires_ms: 9 };
    rig.told.live.lock().unwrap().push(live);
    let page = owner.verify_all(VerifyFrom::default()).await.unwrap();
    assert_eq!(page.sessions.iter().map(|report| report.intact).collect::<Vec<_>>(), [true]);
}
