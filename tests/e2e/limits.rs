//! What one caller can use up: time, streams, requests, sessions, and room for what waits for people.

mod download;
mod frames;
mod heads;
mod strangers;

use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::guards::target;
use crate::guards::text;
use crate::guards::whole;
use crate::support::Client;
use crate::support::Reply;
use crate::support::World;
use crate::support::client::request;
use crate::support::steps::open;
use crate::support::steps::says;
use crate::support::steps::session;
use crate::support::steps::wait_for;
use crate::support::world::RULES;

/// A gateway whose configuration is the usual head, changed, and other rules.
fn world(rules: &str, change: impl Fn(&str) -> String) -> World {
    let mut world = World::without_gateway("");
    let text = change(&world.head()) + &rules.replace("API_PORT", &world.api_port.to_string());
    std::fs::write(world.path("hoopctl.toml"), text).unwrap();
    world.start();
    world
}

/// A gateway with `gateway.limits`.
fn limited(limits: &str) -> World {
    world(RULES, |head| head.replace("drain_timeout", &format!("limits = {{ {limits} }}\ndrain_timeout")))
}

fn session_of(reply: &Reply) -> String {
    reply.header("hoopctl-session").unwrap_or_else(|| panic!("no session: {reply:?}")).to_owned()
}

/// Two ways to a limit of two seconds: a policy's own, and a connection's that a policy cannot lengthen.
const BRIEF: &str = r#"
[[connection]]
name = "short"
upstream = "http://127.0.0.1:API_PORT"
inject = "bearer:env:CRM_TOKEN"
limits = { session = "2s" }

[[policy]]
id = "lasting"
effect = "allow"
match = { groups = ["support"], connections = ["raw"], paths = ["/customers/1"] }

[[policy]]
id = "brief"
effect = "allow"
match = { groups = ["support"], connections = ["raw"], paths = ["/customers/2", "/__sse"] }
limits = { session = "2s" }

[[policy]]
id = "long"
effect = "allow"
match = { groups = ["support"], connections = ["short"] }
limits = { session = "1h" }
"#;

#[test]
fn a_session_limit_cuts_a_live_stream_and_the_next_request_opens_another_session() {
    let world = world(BRIEF, str::to_owned);
    let token = world.token("reader");
    let begin = Instant::now();
    let lives = ["raw", "short"].map(|name| {
        let mut live = world.client();
        live.send(request("GET", &format!("/c/{name}/__sse"), Some(&token), &[], None));
        let head = live.head();
        assert_eq!(head.status, 200, "{name}");
        (name, live, session_of(&head))
    });
    for (name, mut live, first) in lives {
        let mut last = live.chunk();
        while last.as_ref().is_some_and(|chunk| !chunk.is_empty()) {
            assert!(begin.elapsed() < Duration::from_secs(6), "{name}: the stream goes on");
            last = live.chunk();
        }
        assert!(last.is_none(), "{name}: it looks like a proper end");
        assert!(begin.elapsed() >= Duration::from_millis(1900), "{name}: {:?}", begin.elapsed());
        wait_for("the cut is recorded", || says(&world, &first, "end", "session_ended"));
        wait_for("its reason is recorded", || says(&world, &first, "reason", "limit"));
        let reply = world.get(&format!("/c/{name}/customers/2"), Some(&token));
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        assert_ne!(session_of(&reply), first, "{name}");
    }
}

#[test]
fn a_session_that_is_too_old_for_a_command_is_ended_and_its_client_told() {
    let world = world(BRIEF, str::to_owned);
    let token = world.token("reader");
    let get = |path: &str| world.get(&format!("/c/raw{path}"), Some(&token));
    let first = session_of(&get("/customers/1"));
    thread::sleep(Duration::from_millis(2100));
    let lasting = get("/customers/1");
    assert_eq!((lasting.status, session_of(&lasting)), (200, first.clone()));
    let told = get("/customers/2");
    assert_eq!((told.status, told.code().as_str()), (403, "session_ended"), "{}", told.text());
    assert_eq!(world.hits(), ["GET /customers/1", "GET /customers/1"]);
    wait_for("its end is recorded", || {
        world
            .events(&first)
            .iter()
            .any(|event| event["kind"] == "session.end" && event["data"]["reason"] == "limit")
    });
    let again = get("/customers/2");
    assert_eq!(again.status, 200, "{}", again.text());
    assert_ne!(session_of(&again), first);
}

#[test]
fn a_session_at_rest_ends_as_idle_but_not_while_a_stream_is_open() {
    let world = World::new();
    let token = world.token("reader");
    let (address, _) = target(|head| {
        if head.starts_with("GET /open ") {
            return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".to_owned();
        }
        whole("200 OK", "")
    });
    open(&world, "quiet", &address, &["--limit", "idle=2s"]);
    let used = || session_of(&world.get("/c/quiet/x", Some(&token)));
    let first = used();
    for _ in 0..2 {
        thread::sleep(Duration::from_millis(1200));
        assert_eq!(used(), first, "each use counts");
    }
    wait_for("it ends as idle", || says(&world, &first, "reason", "idle"));
    let mut stream = world.client();
    stream.send(request("GET", "/c/quiet/open", Some(&token), &[], None));
    let second = session_of(&stream.head());
    assert_ne!(second, first);
    assert_eq!(stream.chunk().unwrap(), b"hello");
    thread::sleep(Duration::from_secs(4));
    assert!(!says(&world, &second, "reason", "idle"), "nothing came for long, but the stream is open");
    assert_eq!(used(), second);
    drop(stream);
    wait_for("it ends as idle when its stream is gone", || says(&world, &second, "reason", "idle"));
}

/// Opens streams until so many are let in, and keeps those.
fn kept(world: &World, count: usize, is_in: impl Fn(&mut Client) -> bool) -> Vec<Client> {
    let begin = Instant::now();
    let mut kept = Vec::new();
    while kept.len() < count {
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "only {} streams of {count} are let in",
            kept.len()
        );
        let mut client = world.client();
        if is_in(&mut client) {
            kept.push(client);
        }
    }
    kept
}

#[test]
fn a_stream_more_than_allowed_is_closed_and_the_others_go_on() {
    let world = limited("streams = 4");
    let token = world.token("reader");
    let ask = request("GET", "/c/raw/customers/1", Some(&token), &[], None);
    let answered = |client: &mut Client| {
        client.try_send(&ask) && client.try_reply().is_some_and(|reply| reply.status == 200)
    };
    let upgrade = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let upgrade = request("GET", "/c/raw/__ws", Some(&token), &upgrade, None);
    let upgraded = |client: &mut Client| {
        client.try_send(&upgrade) && client.try_head().is_some_and(|head| head.status == 101)
    };
    let mut socket = kept(&world, 1, upgraded).remove(0);
    let mut clients = kept(&world, 3, answered);
    for _ in 0..10 {
        assert!(!answered(&mut world.client()), "a fifth is served");
    }
    assert!(clients.iter_mut().all(answered));
    socket.send([0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    let echo: Vec<u8> = (0..4).map_while(|_| socket.byte()).collect();
    assert_eq!(echo, [0x81, 2, b'h', b'i']);
    drop(clients.pop());
    clients.extend(kept(&world, 1, answered));
    assert!(!answered(&mut world.client()), "a fifth is served");
    drop((clients, socket));
    thread::sleep(Duration::from_millis(500));
    // All at once they are no more either.
    let mut burst: Vec<Client> = (0..100).map(|_| world.client()).collect();
    let served = burst.iter_mut().filter_map(|client| answered(client).then_some(())).count();
    assert!((1..=4).contains(&served), "{served} of 100 are served");
}

#[test]
fn a_principal_has_its_rate_on_each_connection_and_on_all_together() {
    let world = limited("rate = 5");
    let (token, other) = (world.token("reader"), world.token("tenant"));
    let (address, seen) = target(|_| whole("200 OK", ""));
    open(&world, "few", &address, &["--limit", "rate=2"]);
    let begin = Instant::now();
    let few: Vec<_> = (0..4).map(|_| world.get("/c/few/x", Some(&token)).status).collect();
    assert_eq!(few.iter().filter(|status| **status == 200).count(), text(&seen).matches("GET /x ").count());
    assert!(few.starts_with(&[200, 200]) && few.contains(&429), "{few:?} in {:?}", begin.elapsed());
    assert_eq!(world.get("/c/raw/customers/1", Some(&token)).status, 200, "one connection is not the other");
    assert_eq!(world.get("/c/few/x", Some(&other)).status, 200, "one principal is not the other");

    thread::sleep(Duration::from_millis(1100));
    let before = world.hits().len();
    let begin = Instant::now();
    let replies: Vec<(&str, Reply)> = ["crm", "raw"]
        .into_iter()
        .cycle()
        .take(20)
        .map(|name| (name, world.get(&format!("/c/{name}/customers/1"), Some(&token))))
        .collect();
    let most = 6 + 5 * usize::try_from(begin.elapsed().as_millis()).unwrap() / 1000;
    assert_eq!(world.get("/c/raw/customers/1", Some(&other)).status, 200);
    let (passed, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|(_, reply)| reply.status == 200);
    assert!(passed.len() >= 5 && passed.len() <= most, "{} passed, at most {most}", passed.len());
    assert_eq!(world.hits().len(), before + passed.len() + 1, "what is refused reaches nothing");
    for name in ["crm", "raw"] {
        assert!(refused.iter().any(|(refused, _)| *refused == name), "{name} is not counted");
    }
    for (name, reply) in &refused {
        assert_eq!((reply.status, reply.code().as_str()), (429, "limit_exceeded"), "{name}");
    }
    wait_for("it is recorded", || says(&world, &session(&world, "gateway"), "reason", "rate"));
    let after: u64 = refused[0].1.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&after), "{after}");
    thread::sleep(Duration::from_secs(after));
    assert_eq!(world.get("/c/raw/customers/1", Some(&token)).status, 200);
}

#[test]
fn a_principal_has_no_more_sessions_than_allowed() {
    let world = limited("sessions = 1");
    let (token, other) = (world.token("reader"), world.token("tenant"));
    let get = |name: &str, token: &str| world.get(&format!("/c/{name}/customers/1"), Some(token));
    let first = session_of(&get("raw", &token));
    let refused = get("crm", &token);
    assert_eq!((refused.status, refused.code().as_str()), (429, "limit_exceeded"), "{}", refused.text());
    assert_eq!(world.hits(), ["GET /customers/1"]);
    wait_for("it is recorded", || says(&world, &session(&world, "gateway"), "reason", "sessions"));
    assert_eq!(session_of(&get("raw", &token)), first);
    assert_eq!(get("crm", &other).status, 200);
    world.ok(&["session", "kill", &first, "--yes"]);
    assert_eq!(get("crm", &token).status, 200);
}

const HELD: &str = r#"
[recording]
level = "metadata"

[[policy]]
id = "posts"
effect = "approve"
match = { groups = ["support"], connections = ["raw"], methods = ["POST"] }
approval = { from = ["dba"], timeout = "10m" }

[[policy]]
id = "reads"
effect = "allow"
match = { groups = ["support"], connections = ["raw"], operations = ["read"] }
"#;

/// How many commands on `raw` were held so far.
fn held(world: &World) -> usize {
    let metrics = world.get("/metrics", None).text();
    let line = "hoopctl_requests_total{connection=\"raw\",protocol=\"http\",verdict=\"held\"} ";
    metrics.lines().find_map(|text| text.strip_prefix(line)).map_or(0, |count| count.parse().unwrap())
}

#[test]
fn what_waits_for_people_has_its_share_of_room_and_no_more_and_gives_it_back() {
    // A held command takes its body, what approvers are shown, and 4 KiB. Here they are all the same one, with one approval.
    const SHARE_KIB: usize = 64 << 10;
    const BODY_KIB: usize = 250;
    const FITTING: usize = SHARE_KIB / (2 * BODY_KIB + 4);
    let world = world(HELD, |head| {
        head.replace("name = \"raw\"", "name = \"raw\"\nlimits = { approval_wait = \"5m\" }")
    });
    let (token, other) = (world.token("reader"), world.token("tenant"));
    let post_by = |who: &str, body: &str| request("POST", "/c/raw/customers", Some(who), &[], Some(body));
    let post = |body: &str| post_by(&token, body);
    let send = |text: &str| {
        let mut client = world.client();
        client.send(text);
        client
    };
    let large = post(&"x".repeat(BODY_KIB << 10));
    let mut waiting: Vec<Client> = (0..FITTING).map(|_| send(&large)).collect();
    let begin = Instant::now();
    while held(&world) < FITTING {
        assert!(begin.elapsed() < Duration::from_mins(1), "{} of {FITTING} are held", held(&world));
        thread::sleep(Duration::from_millis(100));
    }
    let refused = send(&large).reply();
    assert_eq!((refused.status, refused.code().as_str()), (429, "limit_exceeded"), "{}", refused.text());
    let session = session_of(&refused);
    wait_for("it is recorded", || says(&world, &session, "reason", "held_share"));
    assert_eq!(world.get("/c/raw/customers/1", Some(&token)).status, 200, "others go on");
    waiting.push(send(&post("{}")));
    wait_for("what is small fits still", || held(&world) == FITTING + 1);
    waiting.push(send(&post_by(&other, &"z".repeat(BODY_KIB << 10))));
    wait_for("others have a share of their own", || held(&world) == FITTING + 2);

    let pending = world.list(&["approval", "list"]);
    assert_eq!(pending.len(), 3, "{pending:?}");
    for approval in &pending {
        world.ok(&["approval", "deny", approval["id"].as_str().unwrap(), "-r", "no"]);
    }
    for client in &mut waiting {
        let reply = client.reply();
        assert_eq!((reply.status, reply.code().as_str()), (403, "approval_denied"));
    }
    let _again = send(&post(&"y".repeat(BODY_KIB << 10)));
    world.wait_pending();
    assert_eq!(world.hits(), ["GET /customers/1"]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_takes_the_files_it_needs_and_leaves_no_core() {
    let world = World::new();
    let pid = world.gateway.as_ref().unwrap().pid();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let limit = |name: &str| -> Vec<u64> {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().take(2).map(|number| number.parse().unwrap_or(u64::MAX)).collect()
    };
    assert_eq!(limit("Max core file size"), [0, 0]);
    let files = limit("Max open files");
    assert!(files[0] >= files[1].min(2 * 10_000), "{limits}");
}

#[test]
fn bodies_that_are_read_whole_take_room_before_anybody_is_asked() {
    const FITTING: usize = 6;
    const BODY: usize = 10 << 20;
    let world = world(HELD, str::to_owned);
    let (token, other) = (world.token("reader"), world.token("tenant"));
    let began = |who: &str, length: usize| {
        let length = length.to_string();
        let mut client = world.client();
        client.send(request("POST", "/c/raw/customers", Some(who), &[("Content-Length", &length)], None));
        client
    };
    // Ten MiB less one byte each, which is waited for.
    let most = vec![b'x'; BODY - 1];
    let mut stalled: Vec<Client> = (0..FITTING).map(|_| began(&token, BODY)).collect();
    for client in &mut stalled {
        client.send(&most);
    }
    let mut last = began(&token, BODY);
    last.try_send(&most[..5 << 20]);
    let refused = last.reply();
    assert_eq!((refused.status, refused.code().as_str()), (429, "limit_exceeded"), "{}", refused.text());
    let session = session_of(&refused);
    wait_for("it is recorded", || says(&world, &session, "reason", "held_share"));
    assert_eq!(held(&world), 0, "nobody was asked");
    assert_eq!(world.get("/c/raw/customers/1", Some(&token)).status, 200, "what has no body goes on");
    let mut small = began(&other, 2);
    small.send("{}");
    wait_for("others have a share of their own", || held(&world) == 1);
    drop(stalled);
    // What left gives its room back.
    let begin = Instant::now();
    loop {
        let mut again = began(&token, BODY);
        again.try_send(&most[..5 << 20]);
        again.set_patience(Duration::from_millis(300));
        match again.try_reply() {
            None => break,
            Some(_) => assert!(begin.elapsed() < Duration::from_secs(10), "its room is still taken"),
        }
    }
}

#[test]
fn a_client_that_leaves_off_is_not_the_targets_fault() {
    let rules = r#"
[[policy]]
id = "uploads"
effect = "allow"
match = { groups = ["support"], connections = ["raw"] }
"#;
    let brief = "name = \"raw\"\nlimits = { response = \"1s\" }";
    let world = world(rules, |head| head.replace("name = \"raw\"", brief));
    let token = world.token("reader");
    let head = request("PUT", "/c/raw/customers/7", Some(&token), &[("Content-Length", "10")], None);
    for sent in ["", "abc"] {
        let mut client = world.client();
        client.send(format!("{head}{sent}"));
        let reply = client.reply();
        assert_eq!((reply.status, reply.code().as_str()), (400, "bad_request"), "{}", reply.text());
    }
    let status = world.json(&["status"]).to_string();
    assert!(!status.contains("upstream_unavailable"), "{status}");
}
