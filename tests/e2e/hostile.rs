//! Targets and clients that behave as badly as they can: each tries to get past one guard.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::support::World;
use crate::support::client::request;
use crate::support::steps::open;
use crate::support::steps::wait_for;
use crate::support::world::RULES;

/// A target that runs `serve` for each stream and keeps what it has read.
fn target(
    serve: impl Fn(TcpStream, Arc<Mutex<Vec<u8>>>) + Send + Sync + 'static,
) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
    let (kept, serve) = (Arc::clone(&seen), Arc::new(serve));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (serve, kept) = (Arc::clone(&serve), Arc::clone(&kept));
            thread::spawn(move || serve(stream, kept));
        }
    });
    (port, seen)
}

/// Reads until the other side closes.
fn read_all(mut stream: &TcpStream, seen: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count) = stream.read(&mut buffer) {
        if count == 0 {
            return;
        }
        seen.lock().unwrap().extend_from_slice(&buffer[..count]);
    }
}

fn text(seen: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&seen.lock().unwrap()).into_owned()
}

#[test]
fn an_upgrade_header_does_not_switch_the_checks_off() {
    let world = World::new();
    let token = world.token("reader");
    for first in [
        "GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: x\r\n\r\n".to_owned(),
        request("GET", "/c/raw/customers/1", Some(&token), &[("Upgrade", "h2c")], None),
    ] {
        let mut client = world.client();
        client.send(
            first
                + &format!(
                    "GET /c/raw/smuggled HTTP/1.1\nHost: a\nHost: b\nAuthorization: Bearer {token}\n\n"
                ),
        );
        let reply = client.reply();
        assert_eq!(reply.header("connection"), Some("close"));
        assert!(client.is_closed());
    }
    assert!(!world.hits().iter().any(|hit| hit.contains("smuggled")), "{:?}", world.hits());
}

#[test]
fn a_mask_added_by_a_reload_holds_for_sessions_that_live() {
    let world = World::new();
    let token = world.token("reader");
    assert!(world.get("/c/raw/customers/7", Some(&token)).text().contains("078-05-1120"));
    let more = "\n[[mask]]\nid = \"more\"\nmatch = { connections = [\"raw\"] }\nfields = [\"ssn\"]\nop = { kind = \"redact\" }\n";
    world.write_config(&(RULES.to_owned() + more));
    world.ok(&["config", "reload"]);
    let reply = world.get("/c/raw/customers/7", Some(&token)).text();
    assert!(!reply.contains("078-05-1120") && reply.contains("[REDACTED]"), "{reply}");
}

#[test]
fn what_a_client_sent_before_it_left_is_in_the_recording() {
    let world = World::new();
    let (port, seen) = target(|stream, seen| read_all(&stream, &seen));
    open(&world, "mute", &format!("127.0.0.1:{port}"), &[]);
    let token = world.token("reader");
    let mut client = world.client();
    client.send(request("POST", "/c/mute/x", Some(&token), &[("Transfer-Encoding", "chunked")], None));
    client.send("12\r\nEXFIL-THESE-BYTES!\r\n");
    wait_for("the bytes reach the target", || text(&seen).contains("EXFIL-THESE-BYTES!"));
    drop(client);
    let session = || {
        world.list(&["session", "list"]).into_iter().find(|session| session["connection"] == "mute").unwrap()
            ["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let session = session();
    wait_for("the bytes are recorded", || {
        world.events(&session).iter().any(|event| event["data"]["body"]["text"] == "EXFIL-THESE-BYTES!")
    });
    wait_for("its failure is recorded", || {
        world.events(&session).iter().any(|event| event["kind"] == "error")
    });
}

#[test]
fn an_early_reply_hides_nothing_and_a_lock_cuts_the_rest_of_the_upload() {
    let world = World::new();
    let (port, seen) = target(|mut stream, seen| {
        let mut buffer = [0; 2048];
        let count = stream.read(&mut buffer).unwrap_or(0);
        seen.lock().unwrap().extend_from_slice(&buffer[..count]);
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        read_all(&stream, &seen);
    });
    open(&world, "early", &format!("127.0.0.1:{port}"), &[]);
    let token = world.token("reader");
    let mut client = world.client();
    client.send(request("POST", "/c/early/x", Some(&token), &[("Transfer-Encoding", "chunked")], None));
    client.send("5\r\nFIRST\r\n");
    wait_for("the first piece arrives", || text(&seen).contains("FIRST"));
    client.send("6\r\nSECRET\r\n");
    thread::sleep(Duration::from_millis(300));
    world.ok(&["lock", "add", "principal:idp/reader", "--yes"]);
    client.try_send("9\r\nAFTERLOCK\r\n");
    thread::sleep(Duration::from_millis(500));
    assert!(!text(&seen).contains("AFTERLOCK"), "{}", text(&seen));
    let sessions = world.list(&["session", "list"]);
    let session =
        sessions.iter().find(|session| session["connection"] == "early").unwrap()["id"].as_str().unwrap();
    wait_for("all that was sent is recorded", || {
        let bodies: String = world
            .events(session)
            .iter()
            .filter_map(|event| event["data"]["body"]["text"].as_str().map(str::to_owned))
            .collect();
        let arrived = text(&seen).contains("SECRET");
        bodies.contains("FIRST") && (!arrived || bodies.contains("SECRET"))
    });
}

#[test]
fn a_lock_cuts_a_short_reply_that_comes_slowly() {
    let world = World::new();
    let (port, _) = target(|mut stream, _| {
        let mut buffer = [0; 2048];
        drop(stream.read(&mut buffer));
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234"));
        thread::sleep(Duration::from_secs(4));
        drop(stream.write_all(b"56789"));
    });
    open(&world, "slow", &format!("127.0.0.1:{port}"), &[]);
    let token = world.token("reader");
    let mut client = world.client();
    client.send(request("GET", "/c/slow/x", Some(&token), &[], None));
    thread::sleep(Duration::from_millis(500));
    let begin = Instant::now();
    world.ok(&["lock", "add", "principal:idp/reader", "--yes"]);
    let reply = client.reply();
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!((reply.status, reply.code().as_str()), (403, "locked"));
}

#[test]
fn an_approved_get_opens_no_websocket() {
    let rules = RULES.to_owned()
        + "\n[[policy]]\nid = \"held\"\neffect = \"approve\"\nmatch = { groups = [\"support\"], connections = [\"raw\"], paths = [\"/__ws\"], operations = [\"read\", \"unknown\"] }\napproval = { from = [\"dba\"], timeout = \"60s\" }\n";
    let world = World::without_gateway("");
    std::fs::write(
        world.path("hoopctl.toml"),
        world.head().replace("name = \"raw\"", "name = \"raw\"\nlimits = { approval_wait = \"1s\" }")
            + &rules,
    )
    .unwrap();
    let mut world = world;
    world.start();
    let token = world.token("reader");
    let first = world.get("/c/raw/__ws", Some(&token));
    assert_eq!(first.code(), "approval_pending", "{}", first.text());
    let approval = first.json()["approval_id"].as_str().unwrap().to_owned();
    world.ok(&["approval", "approve", &approval]);
    let headers = |key| {
        [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", key),
            ("Sec-WebSocket-Version", "13"),
        ]
    };
    let mut client = world.client();
    client.send(request("GET", "/c/raw/__ws", Some(&token), &headers("dGhlIHNhbXBsZSBub25jZQ=="), None));
    let second = client.reply();
    assert_eq!((second.status, second.code().as_str()), (403, "approval_pending"));
    assert_ne!(second.json()["approval_id"], approval.as_str(), "an upgrade is another command");
    // The handshake's key differs at each attempt; the command is the same.
    let mut client = world.client();
    client.send(request("GET", "/c/raw/__ws", Some(&token), &headers("x3JJHMbDL1EzLkh9GBhXDw=="), None));
    assert_eq!(client.reply().json()["approval_id"], second.json()["approval_id"]);
}

#[test]
fn a_policy_that_comes_while_a_body_is_read_counts() {
    let world = World::new();
    let token = world.token("reader");
    let mut client = world.client();
    client.send(request("PUT", "/c/raw/__size", Some(&token), &[("Content-Length", "4")], None));
    client.send("ab");
    thread::sleep(Duration::from_millis(300));
    world.ok(&["policy", "add", "freeze", "--deny", "--connection", "raw"]);
    client.send("cd");
    let reply = client.reply();
    assert_eq!((reply.status, reply.code().as_str()), (403, "denied"), "{}", reply.text());
    assert!(world.hits().is_empty());
}

#[test]
fn headers_cannot_take_the_judged_type_away_or_speak_for_a_proxy() {
    let world = World::new();
    let token = world.token("reader");
    let reply = world.send(
        "PUT",
        "/c/raw/__size",
        Some(&token),
        &[("Connection", "content-type"), ("Content-Type", "application/json")],
        Some("{}"),
    );
    assert_eq!((reply.status, reply.code().as_str()), (400, "bad_request"));
    let headers = [
        ("Impersonate-User", "root"),
        ("X-Remote-User", "root"),
        ("X_Remote_User", "root"),
        ("Remote-User", "root"),
        ("X-MS-Client-Principal-Name", "root"),
        ("Range", "bytes=0-3"),
    ];
    let seen = world.send("GET", "/c/raw/__echo", Some(&token), &headers, None).text();
    assert!(!seen.contains("root") && !seen.contains("bytes=0-3"), "{seen}");
}
