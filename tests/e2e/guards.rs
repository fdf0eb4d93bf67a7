//! Guards that no other room tries: each with a peer that gets past it if it is gone.

use std::fs::Permissions;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as B64;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::support::World;
use crate::support::client::request;
use crate::support::steps::open;
use crate::support::steps::says;
use crate::support::steps::session;
use crate::support::steps::wait_for;
use crate::support::world::API_TOKEN;
use crate::support::world::RULES;

/// A target that answers each request by its head, and keeps the heads. It closes after an answer that says
/// so, or is empty.
pub fn target(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen: Arc<Mutex<String>> = Arc::default();
    let (kept, answer) = (Arc::clone(&seen), Arc::new(answer));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
            thread::spawn(move || serve(&stream, &kept, &*answer));
        }
    });
    (address, seen)
}

fn serve(stream: &TcpStream, seen: &Mutex<String>, answer: &dyn Fn(&str) -> String) {
    let (mut reader, mut writer, mut head) = (BufReader::new(stream), stream, String::new());
    while reader.read_line(&mut head).is_ok_and(|count| count > 0) {
        if head.ends_with("\r\n\r\n") {
            seen.lock().unwrap().push_str(&head);
            let text = answer(&std::mem::take(&mut head));
            if writer.write_all(text.as_bytes()).is_err() || text.is_empty() || text.contains("close") {
                return;
            }
        }
    }
}

/// A whole answer, the last one on its stream.
pub fn whole(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// An answer in chunks that are written already, with or without their end.
pub fn chunked(head: &str, chunks: &str) -> String {
    format!("HTTP/1.1 {head}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{chunks}")
}

pub fn text(seen: &Mutex<String>) -> String {
    seen.lock().unwrap().clone()
}

/// Opens a stream of events on `raw`; gives it after its first event, and its session.
fn live(world: &World, token: &str) -> (crate::support::Client, String) {
    let mut live = world.client();
    live.send(request("GET", "/c/raw/__sse", Some(token), &[], None));
    let session = live.head().header("hoopctl-session").unwrap().to_owned();
    assert!(live.chunk().is_some());
    (live, session)
}

/// Sends a GET over HTTP/2 with a Host that curl would not send; gives the body of the reply.
fn http2(world: &World, fields: &[(&str, &str)]) -> Value {
    let mut request = http::Request::get("http://gateway/c/raw/customers/1");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = TokioIo::new(tokio::net::TcpStream::connect(("127.0.0.1", world.port)).await.unwrap());
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
        let (mut sender, driver) = handshake.await.unwrap();
        tokio::spawn(driver);
        let reply = sender.send_request(request).await.unwrap();
        serde_json::from_slice(&reply.into_body().collect().await.unwrap().to_bytes()).unwrap()
    })
}

#[test]
fn http2_has_one_host_one_method_and_one_token() {
    let world = World::new();
    let bearer = format!("Bearer {}", world.token("reader"));
    let token = ("authorization", bearer.as_str());
    assert_eq!(http2(&world, &[token, ("host", "Gateway")])["id"], 1);
    for more in [("host", "elsewhere"), ("x_http_method", "DELETE"), token] {
        let refused = http2(&world, &[token, more]);
        assert_eq!(refused["status"], 400, "{more:?}: {refused}");
        assert_eq!(refused["code"], "bad_request", "{more:?}: {refused}");
    }
    assert_eq!(world.hits(), ["GET /customers/1"]);
    assert!(says(&world, &session(&world, "gateway"), "reason", "host"));
}

#[test]
fn a_target_that_refuses_the_credential_is_not_quoted() {
    let world = World::new();
    let token = world.token("reader");
    let (address, seen) = target(|_| {
        whole("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"vault-7\"", "svc-crm is locked out")
    });
    open(&world, "refused", &address, &["--inject", "header:X-Api-Key:env:CRM_TOKEN"]);
    open(&world, "short", &address, &["--inject", "bearer:exec:echo abc"]);
    let own = [("X-Api-Key", "guess"), ("X_Api_Key", "guess")];
    let reply = world.send("GET", "/c/refused/x", Some(&token), &own, None);
    assert_eq!((reply.status, reply.code().as_str()), (502, "upstream_credential"));
    assert!(reply.header("www-authenticate").is_none() && !reply.text().contains("svc-crm"));
    let session = reply.header("hoopctl-session").unwrap();
    assert!(says(&world, session, "reason", "target_401"));
    assert!(!format!("{:?}", world.events(session)).contains("svc-crm"));
    let first = text(&seen);
    assert!(first.contains(&format!("x-api-key: {API_TOKEN}\r\n")) && !first.contains("guess"), "{first}");
    // One that is too short to be found in a reply is not used at all.
    let short = world.get("/c/short/x", Some(&token));
    assert_eq!(short.code(), "upstream_credential");
    assert!(says(&world, short.header("hoopctl-session").unwrap(), "reason", "the credential is too short"));
    assert_eq!(text(&seen), first);
}

#[test]
fn a_credential_comes_back_in_no_shape_and_across_no_seam() {
    let world = World::new();
    let token = world.token("reader");
    let shapes = [
        API_TOKEN.to_owned(),
        API_TOKEN.replace('/', "\\/"),
        API_TOKEN.replace('/', "%2F").replace('+', "%2B"),
        B64.encode(API_TOKEN),
        B64.encode(format!("bot:{API_TOKEN}")),
    ];
    let head = format!("200 OK\r\nContent-Type: application/json\r\nX-Echo: Bearer {API_TOKEN}");
    let body = format!("{{\"echo\":[\"{}\"]}}", shapes.join("\",\""));
    let chunk = |piece: &[u8]| format!("{:x}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece));
    let chunks: Vec<String> = body.as_bytes().chunks(3).chain([&b""[..]]).map(chunk).collect();
    let pieces = chunked(&head, &chunks.concat());
    let at_once = whole(&head, &body);
    let answer = move |head: &str| if head.contains("/whole ") { at_once.clone() } else { pieces.clone() };
    let (address, seen) = target(answer);
    open(&world, "bearer", &address, &["--inject", "bearer:env:CRM_TOKEN"]);
    open(&world, "basic", &address, &["--inject", "basic:bot:env:CRM_TOKEN"]);
    open(&world, "masked", &address, &["--inject", "basic:bot:env:CRM_TOKEN", "--tag", "data=pii"]);
    let stars = "*".repeat(API_TOKEN.len());
    for path in ["bearer/whole", "bearer/x", "basic/whole", "basic/x", "masked/whole", "masked/x"] {
        let reply = world.get(&format!("/c/{path}"), Some(&token));
        assert!(reply.status == 200 && reply.whole, "{path}: {}", reply.text());
        assert_eq!(reply.header("x-echo"), Some(format!("Bearer {stars}").as_str()), "{path}");
        assert!(reply.text().contains(&stars), "{path}: {}", reply.text());
        let session = reply.header("hoopctl-session").unwrap();
        let (_, recording, _) = world.cli(&["session", "export", session, "--format", "jsonl"]);
        assert!(recording.contains("\"entity\":\"credential\""), "{path}: {recording}");
        for shape in &shapes {
            assert!(!reply.text().contains(shape), "{path}: {shape} in {}", reply.text());
            assert!(!recording.contains(shape), "{path}: {shape} in {recording}");
        }
    }
    assert!(text(&seen).contains(API_TOKEN) && !text(&seen).contains(&token), "{}", text(&seen));
}

#[test]
fn no_name_of_a_header_or_trailer_tells_the_credential() {
    const SECRET: &str = "Sk-Live-7Qz9";
    let world = World::new();
    std::fs::write(world.path("secret"), SECRET).unwrap();
    std::fs::set_permissions(world.path("secret"), Permissions::from_mode(0o600)).unwrap();
    let token = world.token("reader");
    let head = format!(
        "200 OK\r\nContent-Type: text/plain\r\nX-{SECRET}: 1\r\nX-Kept: 1\r\nTrailer: X-Trailer-{SECRET}, X-Trailer-Kept"
    );
    let (address, _) = target(move |_| {
        chunked(&head, &format!("2\r\nok\r\n0\r\nX-Trailer-{SECRET}: 1\r\nX-Trailer-Kept: 1\r\n\r\n"))
    });
    open(
        &world,
        "named",
        &address,
        &["--inject", &format!("bearer:file:{}", world.path("secret").display())],
    );
    let mut client = world.client();
    client.send(request(
        "GET",
        "/c/named/x",
        Some(&token),
        &[("TE", "trailers"), ("Connection", "close, TE")],
        None,
    ));
    let raw: Vec<u8> = std::iter::from_fn(|| client.byte()).collect();
    let raw = String::from_utf8(raw).unwrap().to_ascii_lowercase();
    assert!(raw.contains("x-kept: 1") && raw.contains("x-trailer-kept: 1"), "{raw}");
    assert!(!raw.contains(&SECRET.to_ascii_lowercase()), "{raw}");
    let session = session(&world, "named");
    let (_, recording, _) = world.cli(&["session", "export", &session, "--format", "jsonl"]);
    assert!(!recording.to_ascii_lowercase().contains(&SECRET.to_ascii_lowercase()), "{recording}");
}

#[test]
fn a_reply_leads_nowhere_but_through_the_gateway() {
    let world = World::new();
    let token = world.token("reader");
    let (address, _) = target(|head| {
        let to = head.lines().find_map(|line| line.strip_prefix("x-to: ")).unwrap();
        let more = "Alt-Svc: h2=\":1\"\r\nX-Accel-Redirect: /x\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Kept: 1";
        whole(&format!("302 Found\r\nLocation: {to}\r\nLink: <{to}>\r\nHoopctl-Session: ses_1\r\n{more}"), "")
    });
    open(&world, "led", &format!("{address}/api"), &[]);
    for (to, location) in [
        (format!("http://{address}/api/x"), Some("/c/led/x")),
        (format!("//{address}/api/x?y#z"), Some("/c/led/x?y#z")),
        (format!("https://user:pw@{address}/api"), Some("/c/led")),
        (format!("http://{address}/admin"), None),
        ("/apix".to_owned(), None),
        ("https://elsewhere.example/x".to_owned(), Some("https://elsewhere.example/x")),
    ] {
        let reply = world.send("GET", "/c/led/x", Some(&token), &[("X-To", &to)], None);
        assert_eq!((reply.status, reply.header("location")), (302, location), "{to}");
        assert!(reply.header("link").is_none_or(|link| !link.contains("127.0.0.1")), "{to}");
        let gone = ["alt-svc", "x-accel-redirect", "x-hop"].iter().all(|name| reply.header(name).is_none());
        let forged = reply.headers.iter().any(|(_, value)| value == "ses_1");
        assert!(gone && !forged && reply.header("x-kept") == Some("1"), "{:?}", reply.headers);
    }
}

#[test]
fn a_masked_connection_shows_nothing_that_it_cannot_read() {
    const BODY: &str = "{\"ssn\":\"078-05-1120\"}";
    const JSON: &str = "200 OK\r\nContent-Type: application/json";
    let world = World::new();
    let token = world.token("reader");
    let heads = [
        format!("{JSON}\r\nContent-Encoding: deflate"),
        format!("{JSON}\r\nContent-Encoding: gzip\r\nContent-Encoding: br"),
        format!("{JSON}\r\nContent-Type: text/plain"),
        format!("{JSON}; charset=utf-16"),
        "200 OK".to_owned(),
        "200 OK\r\nContent-Type: application/octet-stream".to_owned(),
        "206 Partial Content\r\nContent-Type: application/json\r\nContent-Range: bytes 0-20/99".to_owned(),
        format!("{JSON}\r\nETag: \"own\"\r\nDigest: x\r\nContent-MD5: x\r\nX-Amz-Checksum-Sha256: x"),
    ];
    let readable = heads.len() - 1;
    let at = |head: &str| head.split(['/', ' ']).nth(2).unwrap().parse::<usize>().unwrap();
    let (address, _) = target(move |head| whole(&heads[at(head)], BODY));
    open(&world, "masked", &address, &["--tag", "data=pii"]);
    open(&world, "sealed", &address, &["--inject", "bearer:env:CRM_TOKEN"]);
    for at in 0..readable {
        let reply = world.get(&format!("/c/masked/{at}"), Some(&token));
        assert_eq!((reply.status, reply.code().as_str()), (502, "unmaskable_reply"), "{at}");
        assert!(!reply.text().contains("078-05"), "{at}: {}", reply.text());
    }
    let events = world.events(&session(&world, "masked"));
    assert_eq!(events.iter().filter(|event| event["data"]["code"] == "unmaskable_reply").count(), readable);
    assert!(!format!("{events:?}").contains("078-05"), "{events:?}");
    // Without a mask it may still be the credential that a coding hides.
    assert_eq!(world.get("/c/sealed/0", Some(&token)).code(), "unmaskable_reply");
    let reply = world.get(&format!("/c/masked/{readable}"), Some(&token));
    assert_eq!(reply.text(), BODY.replace("078-05", "***-**"));
    assert!(reply.header("etag").is_some_and(|tag| !tag.contains("own")), "{:?}", reply.headers);
    let own = ["digest", "content-md5", "x-amz-checksum-sha256"];
    assert!(own.iter().all(|name| reply.header(name).is_none()), "{:?}", reply.headers);
}

#[test]
fn what_no_approver_can_be_shown_whole_is_not_held() {
    let world = World::new();
    let token = world.token("writer");
    let long = format!("{{\"tier\":\"{}\"}}", "x".repeat(300 << 10));
    for (kind, body) in [("application/json", &*long), ("application/octet-stream", "\u{1}")] {
        let headers = [("Content-Type", kind)];
        let reply = world.send("PATCH", "/c/crm/customers/7", Some(&token), &headers, Some(body));
        assert_eq!((reply.status, reply.code().as_str()), (413, "limit_exceeded"), "{kind}");
    }
    // In chunks nobody tells the length before: it is read up to the limit, and no further.
    let mut client = world.client();
    let headers = [("Transfer-Encoding", "chunked")];
    client.send(request("PATCH", "/c/crm/customers/7", Some(&token), &headers, None));
    for _ in 0..17 {
        client.try_send(format!("10000\r\n{}\r\n", "x".repeat(64 << 10)));
    }
    let reply = client.reply();
    assert_eq!((reply.status, reply.code().as_str()), (413, "limit_exceeded"));
    let events = world.events(reply.header("hoopctl-session").unwrap());
    assert_eq!(events.iter().filter(|event| event["data"]["reason"] == "body_too_large").count(), 3);
    assert!(world.list(&["approval", "list"]).is_empty() && world.hits().is_empty());
}

#[test]
fn a_websocket_is_cleared_ended_by_a_lock_and_refused_where_it_would_be_masked() {
    let rule = "\n[[policy]]\nid = \"sockets\"\neffect = \"allow\"\nmatch = { subjects = [\"*\"], connections = [\"crm\"], operations = [\"unknown\"] }\n";
    let world = World::with(&(RULES.to_owned() + rule));
    let token = world.token("reader");
    let key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let upgrade = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"), key];
    let reply = world.send("GET", "/c/crm/__ws", Some(&token), &upgrade, None);
    assert_eq!((reply.status, reply.code().as_str()), (502, "unmaskable_reply"));
    assert!(world.hits().is_empty());
    let mut client = world.client();
    client.send(request("GET", "/c/raw/__ws", Some(&token), &upgrade, None));
    let head = client.head();
    assert_eq!(head.status, 101, "{}", world.log());
    let session = head.header("hoopctl-session").unwrap();
    // The peer says back what it is told.
    let length = u8::try_from(API_TOKEN.len()).unwrap();
    client.send([0x81, 0x80 | length, 0, 0, 0, 0]);
    client.send(API_TOKEN);
    let echo: Vec<u8> = (0..length + 2).map(|_| client.byte().expect("the echo")).collect();
    assert_eq!(String::from_utf8_lossy(&echo[2..]), "*".repeat(API_TOKEN.len()));
    let mut parts = world.client();
    parts.send(request("GET", "/c/raw/__ws/parts", Some(&token), &upgrade, None));
    assert_eq!(parts.head().status, 101, "{}", world.log());
    parts.send([0x81, 0x80 | length, 0, 0, 0, 0]);
    parts.send(API_TOKEN);
    // The same in two frames of one message, and in a ping between them.
    let echo: Vec<u8> = (0..2 * usize::from(length) + 6).map(|_| parts.byte().expect("the echo")).collect();
    let stars: Vec<u8> = echo.iter().copied().filter(|byte| *byte == b'*').collect();
    assert_eq!(stars.len(), 2 * API_TOKEN.len(), "{echo:?}");
    client.set_patience(Duration::from_secs(5));
    let begin = Instant::now();
    world.ok(&["lock", "add", "principal:idp/reader", "--yes"]);
    // It is told why, by a close frame with the code 1008.
    let told: Vec<u8> = (0..10).map_while(|_| client.byte()).collect();
    assert_eq!(told, [&[0x88, 8, 3, 240][..], b"locked"].concat());
    assert!(client.is_closed() && begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    wait_for("its end is recorded", || says(&world, session, "end", "locked"));
    let told = |event: &Value| event["dir"] == "s2c" && event.to_string().contains(API_TOKEN);
    assert!(!world.events(session).iter().any(told));
}

#[test]
fn a_request_that_may_have_gone_out_is_never_sent_twice() {
    let world = World::new();
    let token = world.token("reader");
    let (address, seen) = target(|head| {
        let kept = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        if head.starts_with("GET ") { kept.to_owned() } else { String::new() }
    });
    open(&world, "once", &address, &[]);
    let mut client = world.client();
    client.send(request("GET", "/c/once/a", Some(&token), &[], None));
    assert_eq!(client.reply().status, 200);
    // First on the stream that was kept, then on a new one.
    for sent in 1..=2 {
        client.send(request("POST", "/c/once/pay", Some(&token), &[], Some("")));
        let reply = client.reply();
        assert_eq!((reply.status, reply.code().as_str()), (502, "upstream_unavailable"));
        assert_eq!(text(&seen).matches("POST /pay ").count(), sent, "{}", text(&seen));
    }
}

#[test]
fn the_recording_says_why_a_reply_was_cut() {
    let world = World::new();
    let token = world.token("reader");
    let (address, _) = target(|head| {
        if head.starts_with("GET /broken ") {
            return chunked("200 OK\r\nContent-Type: text/plain", "5\r\nhello\r\n");
        }
        let chunks = "9\r\n{\"name\": \r\n14\r\noops, \"078-05-1120\"}\r\n0\r\n\r\n";
        chunked("200 OK\r\nContent-Type: application/json", chunks)
    });
    open(&world, "broken", &address, &[]);
    open(&world, "unreadable", &address, &["--tag", "data=pii"]);
    for (name, end) in [("broken", "target"), ("unreadable", "withheld")] {
        let mut client = world.client();
        client.send(request("GET", &format!("/c/{name}/{name}"), Some(&token), &[], None));
        let cut = client.try_reply();
        let seen = cut.as_ref().is_some_and(|reply| reply.whole || reply.text().contains("078-05"));
        assert!(!seen, "{name}: {cut:?}");
        wait_for(end, || says(&world, &session(&world, name), "end", end));
    }
    let (gone, session) = live(&world, &token);
    drop(gone);
    wait_for("the client went", || says(&world, &session, "end", "client_gone"));
    let (_still_there, session) = live(&world, &token);
    world.ok(&["session", "kill", &session, "--yes"]);
    wait_for("the session was killed", || says(&world, &session, "end", "session_ended"));
}

#[test]
fn a_token_that_runs_out_ends_its_stream() {
    let mut world = World::without_gateway("");
    world.own_issuer(3);
    let text = world.head().replace("[storage]", "leeway = \"0s\"\n[storage]") + RULES;
    std::fs::write(world.path("hoopctl.toml"), text).unwrap();
    world.start();
    let token = world.token("reader");
    let (mut live, session) = live(&world, &token);
    let begin = Instant::now();
    while live.chunk().is_some_and(|chunk| !chunk.is_empty()) {
        assert!(begin.elapsed() < Duration::from_secs(5), "the stream goes on");
    }
    wait_for("its end is recorded", || says(&world, &session, "reason", "token_expired"));
    let reply = world.get("/c/raw/customers/1", Some(&token));
    assert_eq!((reply.status, reply.code().as_str()), (401, "unauthenticated"));
}
