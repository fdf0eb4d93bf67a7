//! Requests that pass: both ways, both versions, streamed, and nothing of the client's or the target's that should stay behind.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use crate::support::World;
use crate::support::client::request;
use crate::support::process::run;
use crate::support::world::API_TOKEN;

#[test]
fn an_app_reads_through_the_gateway_and_never_sees_the_credential() {
    let world = World::new();
    let token = world.token("reader");
    let reply = world.get("/c/raw/customers/7", Some(&token));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["name"], "Customer 7");
    assert!(reply.header("hoopctl-request-id").is_some_and(|id| id.starts_with("req_")));
    assert!(reply.header("hoopctl-session").is_some_and(|id| id.starts_with("ses_")));
    assert!(reply.header("x-powered-by").is_none());

    let headers = [
        ("Cookie", "sid=stolen"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("X_Forwarded_For", "1.2.3.4"),
        ("Forwarded", "for=1.2.3.4"),
        ("Proxy-Authorization", "Basic eA=="),
        ("X-Original-URL", "/admin"),
        ("Proxy", "http://evil.example"),
        ("X-Forwarded", "for=1.2.3.4"),
        ("Cf-Access-Jwt-Assertion", "x.y.z"),
        ("X-Goog-Iap-Jwt-Assertion", "x.y.z"),
        ("X_MS_Client_Principal_Name", "root"),
        ("Tailscale-User-Login", "root"),
        ("X-Override-Url", "/admin"),
        ("Connection", "keep-alive, X-Secret-Hop"),
        ("X-Secret-Hop", "1"),
        ("X-Kept", "yes"),
    ];
    let reply = world.send("GET", "/c/raw/__echo", Some(&token), &headers, None);
    let text = reply.text();
    assert!(!text.contains(API_TOKEN), "the echoed credential must be redacted: {text}");
    assert!(!text.contains(&token), "the client's token must not reach the target");
    let seen = &reply.json()["headers"];
    for name in [
        "cookie",
        "x-forwarded-for",
        "x_forwarded_for",
        "forwarded",
        "proxy-authorization",
        "x-original-url",
        "proxy",
        "x-forwarded",
        "cf-access-jwt-assertion",
        "x-goog-iap-jwt-assertion",
        "x_ms_client_principal_name",
        "tailscale-user-login",
        "x-override-url",
        "x-secret-hop",
    ] {
        assert!(seen[name].is_null(), "{name} reached the target: {text}");
    }
    assert_eq!(seen["x-kept"], "yes");
    assert_eq!(seen["host"], format!("127.0.0.1:{}", world.api_port));
    assert!(seen["authorization"].as_str().unwrap().starts_with("Bearer *"));
}

#[test]
fn a_targets_cookie_server_name_and_redirects_stay_behind() {
    let world = World::new();
    let reply = world.get("/c/raw/__cookie", Some(&world.token("reader")));
    assert_eq!(reply.status, 302);
    assert!(reply.header("set-cookie").is_none() && reply.header("server").is_none());
    assert_eq!(reply.header("location"), Some("/c/raw/customers/7"));
}

#[test]
fn large_and_chunked_uploads_pass_with_bounded_memory() {
    let world = World::new();
    let token = world.token("reader");
    let before = rss_mib(world.gateway.as_ref().unwrap().pid());
    let mut client = world.client();
    let size = 96 << 20;
    client.send(request(
        "PUT",
        "/c/raw/__size",
        Some(&token),
        &[("Content-Length", &size.to_string()), ("Expect", "100-continue")],
        None,
    ));
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..size >> 20 {
        client.send(&piece);
    }
    assert_eq!(client.reply().json()["size"], size);
    let grown = rss_mib(world.gateway.as_ref().unwrap().pid()) - before;
    assert!(grown < 40.0, "memory grew by {grown} MiB");

    let mut client = world.client();
    client.send(request(
        "PUT",
        "/c/raw/__size",
        Some(&token),
        &[("Transfer-Encoding", "chunked"), ("Trailer", "x-checksum-a")],
        None,
    ));
    for _ in 0..50 {
        client.send("a\r\n0123456789\r\n");
    }
    client.send("0\r\nx-checksum-a: abc\r\nAuthorization: Bearer evil\r\n\r\n");
    let reply = client.reply().json();
    assert_eq!(reply["size"], 500);
    assert_eq!(reply["trailers"], serde_json::json!({ "x-checksum-a": "abc" }));
}

fn rss_mib(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

#[test]
fn one_stream_carries_many_requests_and_head_and_conditions_work() {
    let world = World::new();
    let token = world.token("reader");
    let mut client = world.client();
    // Pipelined: both are answered, in order.
    client.send(
        request("GET", "/c/raw/customers/1", Some(&token), &[], None)
            + &request("GET", "/c/raw/customers/2", Some(&token), &[], None),
    );
    assert_eq!(client.reply().json()["id"], 1);
    assert_eq!(client.reply().json()["id"], 2);
    client.send(request("HEAD", "/c/raw/customers/3", Some(&token), &[], None));
    let head = client.head();
    assert_eq!(head.status, 200);
    client.send(request("GET", "/c/raw/customers/3", Some(&token), &[], None));
    let whole = client.reply();
    let tag = whole.header("etag").expect("json-server sends entity tags").to_owned();
    client.send(request("GET", "/c/raw/customers/3", Some(&token), &[("If-None-Match", &tag)], None));
    assert_eq!(client.reply().status, 304);
    // On a masked connection the tag is another one, and works too.
    let masked = world.get("/c/crm/customers/3", Some(&token));
    let masked_tag = masked.header("etag").unwrap().to_owned();
    assert_ne!(masked_tag, tag);
    assert_eq!(
        world.send("GET", "/c/crm/customers/3", Some(&token), &[("If-None-Match", &masked_tag)], None).status,
        304
    );
    assert_eq!(
        world.send("GET", "/c/crm/customers/3", Some(&token), &[("If-None-Match", &tag)], None).status,
        200
    );
}

#[test]
fn http2_by_prior_knowledge_works_on_loopback() {
    let world = World::new();
    let token = world.token("reader");
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "--http2-prior-knowledge",
        "-w",
        "\n%{http_version} %{http_code}",
        "-H",
        &format!("Authorization: Bearer {token}"),
    ]);
    let (code, out, err) = run(curl.arg(format!("http://127.0.0.1:{}/c/crm/customers/7", world.port)));
    assert_eq!(code, 0, "{err}");
    assert!(out.ends_with("2 200"), "{out}");
    assert!(out.contains("***-**-1120") && !out.contains("078-05-1120"), "{out}");
}

#[test]
fn tls_with_alpn_serves_http2_and_http1() {
    let mut world = World::without_gateway("");
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(world.path("tls.crt"), key.cert.pem()).unwrap();
    private(&world.path("tls.key"), key.signing_key.serialize_pem().as_bytes());
    let head = world
        .head()
        .replace("drain_timeout", "tls = { cert = \"tls.crt\", key = \"file:tls.key\" }\ndrain_timeout");
    std::fs::write(world.path("hoopctl.toml"), head + crate::support::world::RULES).unwrap();
    let mut gateway = crate::support::process::Process::start(
        "gateway",
        &mut world.hoopctl(&["serve"]),
        world.folder.path(),
    );
    gateway.wait_port(world.port);
    world.gateway = Some(gateway);
    let token = world.token("reader");
    for (option, version) in [("--http2", "2 200"), ("--http1.1", "1.1 200")] {
        let mut curl = Command::new("curl");
        curl.args(["-sS", option, "--retry", "5", "--cacert"]).arg(world.path("tls.crt"));
        curl.args([
            "--resolve",
            &format!("localhost:{}:127.0.0.1", world.port),
            "-w",
            "\n%{http_version} %{http_code}",
        ]);
        curl.args(["-H", &format!("Authorization: Bearer {token}")]);
        let (code, out, err) = run(curl.arg(format!("https://localhost:{}/c/crm/customers/7", world.port)));
        assert_eq!(code, 0, "{err} {}", world.log());
        assert!(out.ends_with(version), "{out} {}", world.log());
    }
}

pub fn private(path: &std::path::Path, bytes: &[u8]) {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn server_sent_events_arrive_masked_and_at_once() {
    let world = World::new();
    let mut client = world.client();
    client.send(request("GET", "/c/crm/__sse", Some(&world.token("reader")), &[], None));
    let head = client.head();
    assert_eq!(head.status, 200);
    client.set_patience(Duration::from_secs(5));
    let first = String::from_utf8(client.chunk().unwrap()).unwrap();
    assert!(first.contains("\"n\":1") && first.contains("***-**-1120"), "{first}");
    assert!(String::from_utf8(client.chunk().unwrap()).unwrap().contains("\"n\":2"));
}

#[test]
fn a_websocket_is_a_command_of_its_own_and_its_frames_are_recorded() {
    let world = World::new();
    let token = world.token("reader");
    let handshake = |path: &str, token: &str| {
        request(
            "GET",
            path,
            Some(token),
            &[
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Extensions", "permessage-deflate"),
            ],
            None,
        )
    };
    let mut client = world.client();
    client.send(handshake("/c/raw/__ws", &token));
    let head = client.head();
    assert_eq!(head.status, 101, "{}", world.log());
    assert_eq!(head.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert!(head.header("sec-websocket-extensions").is_none());
    let session = head.header("hoopctl-session").unwrap().to_owned();
    // "Hello", masked as RFC 6455 section 5.7 shows it; the answer comes unmasked.
    client.send([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    let mut answer = [0; 7];
    read_exact(&mut client, &mut answer);
    assert_eq!(&answer[2..], b"Hello");
    drop(client);
    std::thread::sleep(Duration::from_millis(300));
    let frames: Vec<_> =
        world.events(&session).into_iter().filter(|event| event["data"]["frame"] == "text").collect();
    assert_eq!(frames.len(), 2, "{frames:?}");
    assert!(frames.iter().all(|frame| frame["data"]["body"]["text"] == "Hello"));

    // On `crm` no policy names `unknown`, so the upgrade is denied although reads are allowed.
    let mut client = world.client();
    client.send(handshake("/c/crm/__ws", &token));
    let reply = client.reply();
    assert_eq!((reply.status, reply.code().as_str()), (403, "denied"));
    // One that the target refuses ends the stream: what the client sent early is never taken for a request.
    let mut client = world.client();
    client.send(
        handshake("/c/raw/nothing", &token) + &request("GET", "/c/raw/customers/9", Some(&token), &[], None),
    );
    let reply = client.reply();
    assert_eq!(reply.status, 404);
    assert!(client.is_closed());
    assert!(!world.hits().iter().any(|hit| hit.contains("/customers/9")));
}

fn read_exact(client: &mut crate::support::Client, into: &mut [u8]) {
    for byte in into {
        *byte = client.byte().expect("a byte");
    }
}

#[test]
fn a_target_that_is_away_closes_early_or_talks_nonsense_is_a_clear_error() {
    let world = World::new();
    let token = world.token("reader");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bad_port = listener.local_addr().unwrap().port();
    let answers: [&[u8]; 6] = [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\nConnection: upgrade\r\n\r\n",
    ];
    let server = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 4096];
            drop(std::io::Read::read(&mut stream, &mut buffer));
            drop(stream.write_all(answer));
        }
    });
    let add = |name: &str, port: u16| {
        world.ok(&["connect", "add", name, "--upstream", &format!("http://127.0.0.1:{port}")]);
        let (code, _, err) = world.cli(&[
            "policy",
            "add",
            &format!("{name}-reads"),
            "--allow",
            "--group",
            "support",
            "--connection",
            name,
        ]);
        assert_eq!(code, 0, "{err}");
    };
    add("bad", bad_port);
    add("away", 1);
    for answer in 0..6 {
        let mut client = world.client();
        client.send(request("GET", "/c/bad/x", Some(&token), &[], None));
        let reply = client.try_reply();
        let refused = reply.as_ref().is_none_or(|reply| reply.status >= 500 || !reply.whole);
        assert!(refused, "answer {answer} came through as {reply:?}");
    }
    server.join().unwrap();
    let reply = world.get("/c/away/x", Some(&token));
    assert_eq!((reply.status, reply.code().as_str()), (502, "upstream_unavailable"));
}

#[test]
fn a_target_that_hangs_is_given_up() {
    let world = World::new();
    let token = world.token("reader");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("http://{}", listener.local_addr().unwrap());
    let (code, _, err) =
        world.cli(&["connect", "add", "slow", "--upstream", &upstream, "--limit", "response=1s"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        world
            .cli(&["policy", "add", "slow-reads", "--allow", "--group", "support", "--connection", "slow"])
            .0,
        0
    );
    let reply = world.get("/c/slow/x", Some(&token));
    assert_eq!((reply.status, reply.code().as_str()), (504, "upstream_unavailable"));
}

#[test]
fn limits_are_refused_clearly() {
    let world = World::new();
    let token = world.token("reader");
    assert_eq!(
        world
            .cli(&[
                "connect",
                "add",
                "few",
                "--upstream",
                &format!("http://127.0.0.1:{}", world.api_port),
                "--inject",
                "bearer:env:CRM_TOKEN",
                "--limit",
                "rate=2"
            ])
            .0,
        0
    );
    world.ok(&["policy", "add", "few-reads", "--allow", "--group", "support", "--connection", "few"]);
    let replies: Vec<_> = (0..6).map(|_| world.get("/c/few/customers/1", Some(&token))).collect();
    let refused = replies.iter().find(|reply| reply.status == 429).expect("more than two a second");
    assert_eq!(refused.code(), "limit_exceeded");
    assert!(refused.header("retry-after").is_some());

    let many: Vec<(String, &str)> = (0..120).map(|n| (format!("X-{n}"), "v")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(world.send("GET", "/c/raw/customers/1", Some(&token), &many, None).status, 431);
    let long = format!("/c/raw/{}", "a".repeat(20 << 10));
    assert_eq!(world.get(&long, Some(&token)).status, 431);
    // A body that an approval must hold is bounded by the connection.
    let big = format!("{{\"tier\":\"{}\"}}", "x".repeat(2 << 20));
    let reply = world.send_json("PATCH", "/c/crm/customers/7", &world.token("writer"), &big);
    assert_eq!((reply.status, reply.code().as_str()), (413, "limit_exceeded"));
}
