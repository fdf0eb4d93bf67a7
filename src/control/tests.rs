//! The wire format: a real server and client on a Unix socket, with a mock backend.

mod memory;
mod remote;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::control::Answer;
use crate::control::Backend;
use crate::control::Caller;
use crate::control::Client;
use crate::control::ClientError;
use crate::control::Peer;
use crate::control::Service;
use crate::control::SignIn;
use crate::control::api::*;
use crate::control::call::Call;
use crate::control::feed::Feed;
use crate::control::noun;
use crate::control::page::issuer::Begin;
use crate::control::page::issuer::Onward;
use crate::control::page::issuer::Returned;
use crate::control::page::site::Site;
use crate::control::server;
use crate::control::socket::AdminSocket;
use crate::control::tests::memory::Acting;
use crate::control::tests::memory::Memory;
use crate::control::tests::memory::Served;
use crate::domain::approval::Approval;
use crate::domain::approval::Grant;
use crate::domain::entity::EntityKind;
use crate::domain::id::ApprovalId;
use crate::domain::id::GrantId;
use crate::domain::id::LockId;
use crate::domain::id::SessionId;
use crate::domain::lock::Lock;
use crate::store::DataDirLock;
use crate::store::lock_data_dir;

struct Rig {
    client: Client,
    memory: Arc<Memory>,
    path: PathBuf,
    stop: watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
    _lock: DataDirLock,
    _dir: tempfile::TempDir,
}

fn rig() -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let lock = lock_data_dir(&data).unwrap();
    let path = data.join("admin.sock");
    let socket = AdminSocket::bind(&path, &lock).unwrap();
    let memory = Arc::new(Memory::default());
    let (stop, stopped) = watch::channel(false);
    let server = tokio::spawn(server::serve(socket, Arc::new(Served(Arc::clone(&memory))), stopped));
    Rig { client: Client::new(&path), memory, path, stop, server, _lock: lock, _dir: dir }
}

impl Rig {
    /// Sends raw bytes, and returns status and body of the answer.
    async fn raw(&self, request: &[u8]) -> (u16, String) {
        let mut stream = UnixStream::connect(&self.path).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(20), read).await.unwrap();
        // A server that leaves bytes unread resets the stream after its answer.
        assert!(read.is_ok() || !answer.is_empty(), "{read:?}");
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
        (status, body.to_owned())
    }

    async fn get(&self, path: &str, headers: &str) -> (u16, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        self.raw(request.as_bytes()).await
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json"
        );
        self.raw(format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes()).await
    }
}

fn me() -> String {
    Peer::this_process().principal_id()
}

#[tokio::test]
async fn calls_go_there_and_answers_come_back() {
    let rig = rig();
    let target = "principal:entra:a/b ?&%/é".parse().unwrap();
    let new = NewLock { target, reason: "left\n".to_owned(), for_s: Some(5), unseen: false };
    let lock = rig.client.add_lock(new).await.unwrap();
    assert_eq!(lock.actor, me(), "the kernel says who calls");
    assert_eq!(rig.client.locks().await.unwrap(), List::all(vec![lock.clone()]));
    assert_eq!(rig.client.remove_lock(lock.id).await.unwrap(), lock);
    assert_eq!(rig.client.remove_lock(lock.id).await.unwrap_err().code, ErrorCode::NotFound);

    let session = SessionId::new();
    let page = rig.client.session_events(session, EventsFrom { from: Some(3), limit: None }).await.unwrap();
    assert_eq!((page.session, page.events[0].seq, page.next), (session, 3, Some(9)));
    assert_eq!(page.events[0].line, "{\"v\":1,\"data\":\"\\u001b é\"}");
}

#[tokio::test]
async fn every_route_is_the_one_its_call_means() {
    let rig = rig();
    let client = &rig.client;
    let said = |error: ApiError| error.message;
    let (grant, session, approval) = (GrantId::new(), SessionId::new(), ApprovalId::new());
    let filter = ApprovalFilter { state: Some(crate::domain::ApprovalState::Pending), ..Default::default() };
    let explain: Explain = serde_json::from_str(r#"{"principal":"p","connection":"c","path":"/x"}"#).unwrap();
    let grep = Grep { pattern: "a.*b".to_owned(), sessions: SessionFilter::default(), session: None };
    let sessions = SessionFilter { live: Some(false), limit: Some(7), ..Default::default() };
    assert_eq!(said(client.approvals(filter.clone()).await.unwrap_err()), format!("{filter:?}"));
    assert_eq!(said(client.wait_approval(approval, 0).await.unwrap_err()), "waited 0");
    assert_eq!(said(client.wait_approval(approval, 9999).await.unwrap_err()), "waited 60");
    assert_eq!(said(client.audit(AuditFilter::default()).await.unwrap_err()), "audit");
    for kind in EntityKind::ALL {
        assert_eq!(said(client.entities(kind).await.unwrap_err()), kind.as_str());
        let wanted = format!("{} a/../b?c", kind.as_str());
        assert_eq!(said(client.entity(kind, "a/../b?c".to_owned()).await.unwrap_err()), wanted);
    }
    assert_eq!(said(client.status().await.unwrap_err()), "status");
    assert_eq!(client.reload().await.unwrap_err().problems.len(), 2);
    assert_eq!(client.issuers().await.unwrap().items.len(), 8);
    assert_eq!(said(client.refresh_issuer("e/f".to_owned()).await.unwrap_err()), "e/f");
    assert_eq!(said(client.explain(explain).await.unwrap_err()), "human GET /x");
    let ended = GrantFilter { ended: Some(true), ..Default::default() };
    assert_eq!(said(client.grants(ended).await.unwrap_err()), "Some(true)");
    assert_eq!(said(client.revoke_grant(grant).await.unwrap_err()), grant.to_string());
    assert_eq!(said(client.secrets().await.unwrap_err()), "secrets");
    assert_eq!(said(client.remove_secret("k".to_owned()).await.unwrap_err()), "k");
    assert_eq!(said(client.sessions(sessions).await.unwrap_err()), "Some(false) Some(7)");
    assert_eq!(said(client.session("last".to_owned()).await.unwrap_err()), "last");
    assert_eq!(said(client.verify_session(session).await.unwrap_err()), "verify");
    let from = AuditFrom { after: Some(7), head: Some("ab".to_owned()) };
    let error = client.verify_audit(from).await.unwrap_err();
    assert_eq!(said(error), "verify the trail after Some(7) Some(\"ab\")");
    let from = VerifyFrom { after: Some(7) };
    assert_eq!(said(client.verify_all(from).await.unwrap_err()), "Some(7)");
    assert_eq!(said(client.grep_sessions(grep).await.unwrap_err()), "a.*b");
    assert_eq!(said(client.kill_session(session, String::new()).await.unwrap_err()), session.to_string());
    let held = client.place_legal_hold(session, "case 7".to_owned()).await.unwrap_err();
    assert_eq!(said(held), format!("hold {session} case 7"));
    let released = client.lift_legal_hold(session, "over".to_owned()).await.unwrap_err();
    assert_eq!(said(released), format!("release {session} over"));
    let noted = client.acknowledge_legal_hold(session, "seen".to_owned()).await.unwrap_err();
    assert_eq!(said(noted), format!("acknowledge {session} seen"));
}

#[tokio::test]
async fn one_entity_can_be_put_and_removed_by_its_path() {
    let rig = rig();
    let put = r#"{"toml":"effect = \"deny\"","mode":"create","dry_run":true}"#;
    assert_eq!(rig.send("PUT", "/v1/policies/no%2Fdelete", put).await.0, 200);
    assert_eq!(rig.send("DELETE", "/v1/connections/crm?dry_run=false", "").await.0, 200);
    assert_eq!(rig.send("DELETE", "/v1/connections/crm?dry=false", "").await.0, 400);
    let change = EntityChange::Put {
        kind: EntityKind::Policy,
        name: "no/delete".to_owned(),
        toml: "effect = \"deny\"".to_owned(),
        mode: PutMode::Create,
        expected: None,
    };
    let remove = EntityChange::Remove { kind: EntityKind::Connection, name: "crm".to_owned() };
    let wanted = [Apply::one(change, true), Apply::one(remove, false)];
    assert_eq!(*rig.memory.applied.lock().unwrap(), wanted);
    let report = rig.client.apply(wanted[0].clone()).await.unwrap();
    assert_eq!((report.revision, report.dry_run), (7, true));
    assert_eq!(rig.memory.applied.lock().unwrap()[2], wanted[0]);
}

#[tokio::test]
async fn a_secret_goes_in_and_is_not_echoed() {
    let rig = rig();
    let value = SecretValue::new(Zeroizing::new("hunter2 \"\u{1}é".to_owned()));
    assert_eq!(format!("{value:?}"), "SecretValue(..)");
    let entry = rig.client.set_secret("CRM/TOKEN".to_owned(), value).await.unwrap();
    assert!(!serde_json::to_string(&entry).unwrap().contains("hunter2"));
    let wanted = ("CRM/TOKEN".to_owned(), "hunter2 \"\u{1}é".as_bytes().to_vec());
    assert_eq!(*rig.memory.secrets.lock().unwrap(), [wanted]);
    for body in [
        r#"{"value":"hunter2","more":1}"#,
        r#"{"value":"hunter2""#,
        r#""hunter2""#,
        r#"{"value":["hunter2"]}"#,
    ] {
        let (status, answer) = rig.send("PUT", "/v1/secrets/k", body).await;
        assert_eq!(status, 400);
        assert!(!answer.contains("hunter2"), "{answer}");
    }
}

#[tokio::test]
async fn who_has_no_groups_looks_but_does_not_decide() {
    let rig = rig();
    let decide = Decide { approve: true, reason: "ok".to_owned(), digest: None, grant: None };
    let refused = rig.client.decide_approval(ApprovalId::new(), decide.clone()).await.unwrap_err();
    assert_eq!((refused.code, refused.exit_code), (ErrorCode::Forbidden, 9));
    assert!(refused.message.contains(&me()) && refused.hint.unwrap().contains("admin.local_groups"));
    assert!(rig.client.locks().await.is_ok());

    // Listed now, without a new connection: the groups are looked up for each call.
    let user = Peer::this_process().user.unwrap();
    rig.memory.groups.lock().unwrap().insert(user, vec!["dba".to_owned()]);
    let ended = rig.client.decide_approval(ApprovalId::new(), decide).await.unwrap_err();
    assert_eq!((ended.code, ended.hint.as_deref()), (ErrorCode::Conflict, Some("look again")));
}

#[tokio::test]
async fn what_is_not_a_proper_call_is_refused_in_json() {
    let rig = rig();
    for (path, headers, status) in [
        ("/", "", 404),
        ("/v1/", "", 404),
        ("/v1/nonsense", "", 404),
        ("/v2/locks", "", 404),
        ("/v1/locks/x/y", "", 404),
        ("/v1/locks?x=1", "", 400),
        ("/v1/locks?x=%zz", "", 400),
        ("/v1/sessions?limit=many", "", 400),
        ("/v1/approvals/apr_short", "", 400),
        ("/v1/locks", "Origin: https://evil.example\r\n", 403),
        ("/v1/locks", "Origin: null\r\n", 403),
        ("/v1/locks", "", 200),
    ] {
        let (got, body) = rig.get(path, headers).await;
        assert_eq!(got, status, "{path} {headers}");
        if status != 200 {
            let ErrorBody { error } = serde_json::from_str(&body).unwrap();
            assert_eq!(error.code.status(), status, "{path}");
            assert_eq!(error.exit_code, error.code.exit_code());
        }
    }
    for body in
        ["", "{", "[]", r#"{"target":"nobody"}"#, r#"{"target":"everybody","target":"everybody"}"#, "\u{0}"]
    {
        assert_eq!(rig.send("POST", "/v1/locks", body).await.0, 400, "{body}");
    }
    assert_eq!(rig.send("PATCH", "/v1/locks", "{}").await.0, 405);
    assert_eq!(rig.send("PATCH", "/v1/locks/x/y", "{}").await.0, 404);
    let plain = b"POST /v1/locks HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 22\r\n\r\n{\"target\":\"everybody\"}";
    assert_eq!(rig.raw(plain).await.0, 400);
    assert!(rig.memory.locks.lock().unwrap().is_empty(), "nothing of it may have been done");
}

#[tokio::test]
async fn a_path_says_which_methods_it_takes() {
    let acting =
        Acting { caller: Caller::new(&Peer::this_process(), &BTreeMap::new(), 0), memory: Arc::default() };
    for (path, takes) in [
        ("approvals", "GET"),
        ("approvals/x", "GET"),
        ("approvals/x/wait", "GET"),
        ("approvals/x/decide", "POST"),
        ("audit", "GET"),
        ("apply", "POST"),
        ("connections", "GET"),
        ("masks/x", "DELETE, GET, PUT"),
        ("policies/apply", "DELETE, GET, PUT"),
        ("events", "GET"),
        ("status", "GET"),
        ("reload", "POST"),
        ("issuers", "GET"),
        ("issuers/x/refresh", "POST"),
        ("explain", "POST"),
        ("grants", "GET"),
        ("grants/x", "DELETE"),
        ("locks", "GET, POST"),
        ("locks/x", "DELETE"),
        ("pins/x", "GET"),
        ("pins/x/accept", "POST"),
        ("pins/x/forget", "POST"),
        ("secrets", "GET"),
        ("secrets/x", "DELETE, PUT"),
        ("sessions", "GET"),
        ("sessions/grep", "GET, POST"),
        ("sessions/x", "GET"),
        ("sessions/x/events", "GET"),
        ("sessions/x/verify", "GET"),
        ("sessions/x/kill", "POST"),
    ] {
        for method in ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"] {
            let call = Call::read(method.parse().unwrap(), &format!("/v1/{path}"), "").unwrap();
            let said = noun::route(&call, &acting).await.err();
            let not_taken = said.and_then(|error| error.takes);
            let taken = takes.split(", ").any(|one| one == method);
            assert_eq!(not_taken, (!taken).then_some(takes), "{method} {path}");
        }
    }
    // It is in the head of the answer, which the command line reads like any other.
    let rig = rig();
    let mut stream = UnixStream::connect(&rig.path).await.unwrap();
    stream.write_all(b"PUT /v1/locks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 405") && head.contains("allow: GET, POST\r\n"), "{head}");
    let ErrorBody { error } = serde_json::from_str(body).unwrap();
    assert_eq!((error.code, error.exit_code), (ErrorCode::BadRequest, 2));
}

#[tokio::test]
async fn sizes_are_bounded() {
    let rig = rig();
    // Declared too long: refused before a byte of it is read.
    let head = format!(
        "POST /v1/locks HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        server::MAX_BODY + 1
    );
    let (status, body) = rig.raw(head.as_bytes()).await;
    assert!(status == 413 && body.contains("in parts"), "{status} {body}");
    // Undeclared, sent in chunks.
    let mut chunked = b"POST /v1/locks HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let size = server::MAX_BODY + 1;
    chunked.extend_from_slice(format!("{size:x}\r\n").as_bytes());
    chunked.resize(chunked.len() + size, b' ');
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    let mut stream = UnixStream::connect(&rig.path).await.unwrap();
    let (mut read, mut write) = stream.split();
    let mut answer = [0; 12];
    let (_sent, got) = tokio::join!(write.write_all(&chunked), read.read_exact(&mut answer));
    got.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    // Heads: a line that is too long, too many headers.
    assert_ne!(rig.get(&format!("/v1/{}", "x".repeat(64 << 10)), "").await.0, 200);
    assert_ne!(rig.get("/v1/locks", &"x: y\r\n".repeat(100)).await.0, 200);
    assert_ne!(rig.raw(b"nonsense\r\n\r\n").await.0, 200);
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_server_lives() {
    let rig = rig();
    let error = rig.client.approval(ApprovalId::new()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Internal);
    assert!(rig.client.locks().await.is_ok());
}

#[tokio::test]
async fn a_change_is_made_whole_though_its_caller_leaves() {
    let rig = rig();
    let body = r#"{"target":"everybody"}"#;
    let request = format!(
        "POST /v1/locks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = UnixStream::connect(&rig.path).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    rig.memory.locking.notified().await;
    drop(stream);
    for _ in 0..200 {
        if !rig.memory.locks.lock().unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the lock was not set");
}

async fn next(stream: &mut Box<dyn EventSource>) -> LiveEvent {
    tokio::time::timeout(Duration::from_secs(20), stream.next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn the_stream_is_taken_up_where_it_was_left() {
    let rig = rig();
    let feed = Arc::clone(&rig.memory.feed);
    let filter = EventFilter { topic: Some(Topic::Approval), ..EventFilter::default() };
    let mut stream = rig.client.events(filter, None).await.unwrap();
    feed.publish(Topic::Session, None, "{}");
    feed.publish(Topic::Approval, None, r#"{"n":1}"#);
    let first = next(&mut stream).await;
    assert_eq!((first.topic, first.data.as_str()), (Topic::Approval, r#"{"n":1}"#));
    drop(stream);
    feed.publish(Topic::Approval, None, r#"{"n":2}"#);
    let mut again = rig.client.events(filter, Some(first.id)).await.unwrap();
    assert_eq!(next(&mut again).await.data, r#"{"n":2}"#);
    let mut lost = rig.client.events(filter, Some("ffffffff-3".to_owned())).await.unwrap();
    assert_eq!(next(&mut lost).await.topic, Topic::Gap);
    assert!(rig.client.events(filter, Some("a\nb".to_owned())).await.is_err());
}

#[tokio::test]
async fn stopping_ends_streams_with_a_last_message_and_removes_the_socket() {
    let rig = rig();
    let mut stream = rig.client.events(EventFilter::default(), None).await.unwrap();
    rig.memory.feed.stop();
    let last = next(&mut stream).await;
    assert_eq!((last.topic, last.data.as_str()), (Topic::End, r#"{"reason":"stopping"}"#));
    assert_eq!(stream.next().await.unwrap(), None);
    rig.stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(20), rig.server).await.unwrap().unwrap();
    assert!(!rig.path.exists());
    let error = rig.client.locks().await.unwrap_err();
    assert_eq!((error.code, error.exit_code), (ErrorCode::NotRunning, 7));
}

#[tokio::test]
async fn a_caller_that_reads_nothing_delays_the_stop_only_so_long() {
    let rig = rig();
    let mut lazy = UnixStream::connect(&rig.path).await.unwrap();
    lazy.write_all(b"GET /v1/issuers HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    rig.stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(10), rig.server).await.unwrap().unwrap();
    drop(lazy);
}

#[tokio::test]
async fn the_client_says_why_it_cannot_call() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none/admin.sock");
    assert!(Client::connect(&missing).await.unwrap_err().is_not_running());
    let dead = dir.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    assert!(Client::connect(&dead).await.unwrap_err().is_not_running());
    let long = dir.path().join("x".repeat(200));
    assert!(matches!(Client::connect(&long).await, Err(ClientError::PathTooLong { .. })));

    // A server that answers nonsense, or nothing.
    for nonsense in ["", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "SSH-2.0-OpenSSH\r\n"] {
        let path = dir.path().join("other.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 512];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(nonsense.as_bytes()).await.unwrap();
        });
        let error = Client::new(&path).locks().await.unwrap_err();
        assert!(matches!(error.code, ErrorCode::Internal | ErrorCode::Unavailable), "{error:?}");
        served.await.unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}
