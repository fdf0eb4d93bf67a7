//! Guards of HTTP connections: what a target could read otherwise, and what must not outlive a change of the
//! configuration.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::Mutex;

use crate::guards::target;
use crate::guards::text;
use crate::guards::whole;
use crate::support::World;
use crate::support::client::request;
use crate::support::steps::audited;
use crate::support::steps::held;
use crate::support::steps::open;
use crate::support::steps::says;
use crate::support::steps::session;
use crate::support::steps::wait_for;
use crate::support::world::API_TOKEN;
use crate::support::world::RULES;

#[test]
fn no_header_reaches_a_target_that_could_be_read_as_another_or_as_a_variable_of_its_server() {
    let world = World::new();
    let token = world.token("reader");
    let (address, seen) = target(|_| whole("200 OK", ""));
    open(&world, "wsgi", &address, &[]);
    let sent = [
        ("SCRIPT_NAME", "/public"),
        ("Script-Name", "/public"),
        ("PATH_INFO", "/admin"),
        ("Path-Info", "/admin"),
        ("X_Api_Key", "moved"),
        ("authorization_", "moved"),
        ("Server-Name", "moved"),
        ("X-Api-Key", "kept"),
    ];
    assert_eq!(world.send("GET", "/c/wsgi/public/admin", Some(&token), &sent, None).status, 200);
    let head = text(&seen).to_ascii_lowercase();
    let names: Vec<&str> =
        head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    assert!(names.contains(&"x-api-key") && head.contains("kept"), "{head}");
    assert!(names.iter().all(|name| !name.contains('_')), "{head}");
    assert!(!head.contains("moved") && !head.contains(": /"), "{head}");
}

/// A gateway that grants a quarter of an hour, and a grant that one write was given.
fn granted(reach: &str) -> (World, String, String) {
    let rules = RULES.replace("reason = true }", &format!("reason = true, grant = \"{reach}\" }}"));
    let world = World::with(&rules);
    let token = world.token("writer");
    let waiting = held(&world, &token, r#"{"tier":"gold"}"#);
    let approval = world.wait_pending()["id"].as_str().unwrap().to_owned();
    world.ok(&["approval", "approve", &approval, "-r", "ok"]);
    assert_eq!(waiting.join().unwrap().status, 200);
    assert_eq!(held(&world, &token, r#"{"tier":"silver"}"#).join().unwrap().status, 200);
    assert_eq!(world.list(&["grant", "list"]).len(), 1);
    (world, token, rules)
}

/// Takes a file over, and gives what comes of a command that the grant would cover.
fn after(world: &World, token: &str, file: &str) -> String {
    std::fs::write(world.path("hoopctl.toml"), file).unwrap();
    world.ok(&["config", "reload"]);
    let waiting = held(world, token, r#"{"tier":"bronze"}"#);
    world.wait_pending();
    let reply = waiting.join().unwrap();
    wait_for("the grant ends", || world.list(&["grant", "list"]).is_empty());
    assert_eq!(audited(world).iter().filter(|[_, action, _]| action == "grant.end").count(), 1);
    reply.code()
}

#[test]
fn a_grant_is_not_worth_more_than_the_policy_it_was_given_by() {
    for reach in ["15m", "session"] {
        let (world, token, rules) = granted(reach);
        // Another policy, a comment and another place in the file change nothing about it.
        let same = format!("{}# A comment.\n{}", world.head(), rules.replace("nightly job", "batch job"));
        std::fs::write(world.path("hoopctl.toml"), same).unwrap();
        world.ok(&["config", "reload"]);
        std::thread::sleep(std::time::Duration::from_millis(1500));
        assert_eq!(held(&world, &token, r#"{"tier":"copper"}"#).join().unwrap().status, 200, "{reach}");
        let wider = rules.replace("methods = [\"PATCH\", \"POST\"]", "methods = [\"P*\"]");
        assert_ne!(wider, rules);
        assert_eq!(after(&world, &token, &(world.head() + &wider)), "approval_expired", "{reach}");
        // The old words again are no old grant again.
        assert_eq!(after_again(&world, &token, &(world.head() + &rules)), "approval_expired", "{reach}");
    }
}

fn after_again(world: &World, token: &str, file: &str) -> String {
    wait_for("nothing is held", || world.list(&["approval", "list"]).is_empty());
    after(world, token, file)
}

#[test]
fn a_grant_does_not_follow_its_connection_to_another_target() {
    let (world, token, rules) = granted("15m");
    let (address, seen) = target(|_| whole("200 OK\r\nContent-Type: application/json", "{}"));
    let crm = format!("name = \"crm\"\nupstream = \"http://127.0.0.1:{}\"", world.api_port);
    let moved = world.head().replace(&crm, &format!("name = \"crm\"\nupstream = \"http://{address}\""));
    assert_ne!(moved, world.head());
    assert_eq!(after(&world, &token, &(moved + &rules)), "approval_expired");
    assert_eq!(text(&seen), "");
}

#[test]
fn a_grant_is_for_whom_its_issuer_vouched_and_for_nobody_else_of_that_name() {
    let (world, token, rules) = granted("15m");
    let audience = "audiences = [\"api://hoopctl\"]";
    let other = world.head().replace(audience, "audiences = [\"api://hoopctl\", \"api://two\"]");
    assert_ne!(other, world.head());
    assert_eq!(after(&world, &token, &(other + &rules)), "approval_expired");
}

#[test]
fn what_is_approved_is_answered_with_the_masks_of_now_or_not_at_all() {
    let world = World::new();
    let token = world.token("writer");
    let waiting = held(&world, &token, r#"{"tier":"gold"}"#);
    let approval = world.wait_pending()["id"].as_str().unwrap().to_owned();
    let mask = "\n[[mask]]\nid = \"names\"\nmatch = { connections = [\"crm\"] }\nfields = [\"name\"]\nop = { kind = \"redact\" }\n";
    std::fs::write(world.path("hoopctl.toml"), world.head() + RULES + mask).unwrap();
    world.ok(&["config", "reload"]);
    world.ok(&["approval", "approve", &approval, "-r", "ok"]);
    let reply = waiting.join().unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (403, "denied"), "{}", reply.text());
    assert!(reply.text().contains("masks changed"), "{}", reply.text());
    assert!(!world.hits().iter().any(|hit| hit.starts_with("PATCH")));
}

#[test]
fn no_encoding_of_text_hides_the_credential() {
    let world = World::new();
    let token = world.token("reader");
    let (address, heads) = echoing_target();
    open(&world, "wide", &address, &["--inject", "bearer:env:CRM_TOKEN"]);
    let asks = [("Accept-Charset", "utf-16"), ("Accept", "text/plain;charset=utf-16;q=0.5")];
    for (path, wanted) in [
        ("declared", 502),
        ("marked", 502),
        ("untyped", 502),
        ("utf-7", 502),
        ("bare", 200),
        ("latin", 200),
        ("plain", 200),
    ] {
        let reply = world.send("GET", &format!("/c/wide/{path}"), Some(&token), &asks, None);
        assert_eq!(reply.status, wanted, "{path}: {}", reply.text());
        if wanted == 502 {
            assert_eq!(reply.code(), "unmaskable_reply", "{path}");
        }
        let narrow: Vec<u8> = reply.body.iter().copied().filter(|byte| *byte != 0).collect();
        assert!(!String::from_utf8_lossy(&narrow).contains(API_TOKEN), "{path}");
    }
    let sent = text(&heads).to_ascii_lowercase();
    assert!(sent.contains("accept: text/plain;q=0.5\r\n") && !sent.contains("charset"), "{sent}");
    let (_, recording, _) = world.cli(&["session", "export", &session(&world, "wide"), "--format", "jsonl"]);
    let narrow = recording.replace("\\\\u0000", "").replace("\\u0000", "");
    assert!(!narrow.contains(API_TOKEN), "{recording}");
}

/// A target that echoes what it was sent, in the encoding that the path names.
fn echoing_target() -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heads: Arc<Mutex<String>> = Arc::default();
    let seen = Arc::clone(&heads);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = vec![0; 16 << 10];
            let count = stream.read(&mut head).unwrap();
            let head = String::from_utf8_lossy(&head[..count]).into_owned();
            seen.lock().unwrap().push_str(&head);
            let (kind, body) = echo(&head);
            let length = body.len();
            let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
            let head =
                format!("HTTP/1.1 200 OK\r\n{kind}Content-Length: {length}\r\nConnection: close\r\n\r\n");
            stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        }
    });
    (address, heads)
}

fn echo(head: &str) -> (&'static str, Vec<u8>) {
    let mut units = head.encode_utf16();
    let little = |units: &mut dyn Iterator<Item = u16>| units.flat_map(u16::to_le_bytes).collect();
    match head.split(['/', ' ']).nth(2).unwrap() {
        "declared" => ("text/plain; charset=\"UTF-16LE\"", little(&mut units)),
        "marked" => ("text/plain", [0xfeff].into_iter().chain(units).flat_map(u16::to_be_bytes).collect()),
        "untyped" => ("", little(&mut [0xfeff].into_iter().chain(units))),
        "bare" => ("application/octet-stream", little(&mut units)),
        "utf-7" => ("text/html; charset=utf-7", b"+AHM-".to_vec()),
        "latin" => ("text/plain; charset=iso-8859-2", b"caf\xe9".to_vec()),
        _ => ("text/plain", b"plain".to_vec()),
    }
}

#[test]
fn nothing_goes_on_that_an_issuer_vouched_for_in_other_words() {
    let world = World::new();
    let (token, reader) = (world.token("writer"), world.token("reader"));
    let head = world.head();
    let audience = "audiences = [\"api://hoopctl\"]";
    for (change, file) in [
        ("audience", head.replace(audience, "audiences = [\"api://other\"]")),
        ("groups", head.replace(audience, &format!("{audience}\ngroup_names = {{ etl = \"0000\" }}"))),
        ("name", head.replace("name = \"idp\"", "name = \"other\"")),
    ] {
        assert_ne!(file, head);
        let mut live = world.client();
        live.send(request("GET", "/c/raw/__sse", Some(&reader), &[], None));
        let session = live.head().header("hoopctl-session").unwrap().to_owned();
        assert!(live.chunk().is_some());
        let waiting = held(&world, &token, r#"{"tier":"gold"}"#);
        let approval = world.wait_pending()["id"].as_str().unwrap().to_owned();
        std::fs::write(world.path("hoopctl.toml"), file + RULES).unwrap();
        world.ok(&["config", "reload"]);
        assert_eq!(waiting.join().unwrap().code(), "session_ended", "{change}");
        wait_for("the stream ends", || says(&world, &session, "reason", "issuer_changed"));
        while live.chunk().is_some() {}
        assert_ne!(world.cli(&["approval", "approve", &approval, "-r", "ok"]).0, 0, "{change}");
        std::fs::write(world.path("hoopctl.toml"), head.clone() + RULES).unwrap();
        world.ok(&["config", "reload"]);
    }
    assert!(!world.hits().iter().any(|hit| hit.starts_with("PATCH")));
    // Another client that the entry names is nobody else's business.
    let mut live = world.client();
    live.send(request("GET", "/c/raw/__sse", Some(&reader), &[], None));
    let session = live.head().header("hoopctl-session").unwrap().to_owned();
    let file = head.replace(
        audience,
        &format!("{audience}\nclients = {{ batch = {{ name = \"batch\", groups = [\"etl\"] }} }}"),
    );
    std::fs::write(world.path("hoopctl.toml"), file + RULES).unwrap();
    world.ok(&["config", "reload"]);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(live.chunk().is_some() && !says(&world, &session, "reason", "issuer_changed"));
}

/// A target that reads until what has come ends so, then answers, and closes a moment later.
fn answering(ends: &'static str, answer: impl Into<Vec<u8>>) -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (seen, answer): (Arc<Mutex<String>>, Vec<u8>) = (Arc::default(), answer.into());
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut came, mut piece) = (Vec::new(), [0; 4096]);
            while !String::from_utf8_lossy(&came).ends_with(ends) {
                match stream.read(&mut piece) {
                    Ok(count) if count > 0 => came.extend_from_slice(&piece[..count]),
                    _ => break,
                }
            }
            kept.lock().unwrap().push_str(&String::from_utf8_lossy(&came));
            if stream.write_all(&answer).is_ok() {
                std::thread::sleep(std::time::Duration::from_millis(300));
            }
        }
    });
    (address, seen)
}

#[test]
fn what_is_packed_is_shown_to_approvers_unpacked_or_not_held() {
    let (address, seen) = answering("}", whole("200 OK", ""));
    let rules = format!(
        "{RULES}\n[[connection]]\nname = \"pay\"\nupstream = \"http://{address}\"\ninject = \"none\"\n[[policy]]\nid = \"pays\"\neffect = \"approve\"\nmatch = {{ groups = [\"etl\"], connections = [\"pay\"] }}\napproval = {{ from = [\"dba\"] }}\n"
    );
    let world = World::with(&rules);
    let token = world.token("writer");
    let send = |body: Vec<u8>, coding: &'static str| {
        let (port, token) = (world.port, token.clone());
        std::thread::spawn(move || {
            let length = body.len();
            let head = format!(
                "POST /c/pay/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: text/plain\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n"
            );
            let mut client = crate::support::Client::connect(port);
            client.send([head.as_bytes(), &body].concat());
            client.reply()
        })
    };
    let gzip = |text: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    };
    let waiting = send(gzip(br#"{"to":"attacker","amount":999999}"#), "gzip");
    let approval = world.wait_pending()["id"].as_str().unwrap().to_owned();
    let (_, shown, _) = world.cli(&["approval", "show", &approval]);
    assert!(shown.contains(r#"{"to":"attacker","amount":999999}"#), "{shown}");
    world.ok(&["approval", "deny", &approval, "-r", "no"]);
    assert_eq!(waiting.join().unwrap().code(), "approval_denied");
    for (body, coding) in [
        (b"{}".to_vec(), "deflate"),
        (gzip(&vec![b' '; 300 << 10]), "gzip"),
        (gzip(&vec![b' '; 64 << 20]), "gzip"),
    ] {
        let refused = send(body, coding).join().unwrap();
        assert_eq!((refused.status, refused.code().as_str()), (413, "limit_exceeded"), "{coding}");
    }
    assert_eq!(text(&seen), "");
}

#[test]
fn trailers_are_recorded_as_they_went_on() {
    let answer = crate::guards::chunked(
        "200 OK\r\nContent-Type: application/json\r\nTrailer: x-trailer-b",
        &format!("2\r\n{{}}\r\n0\r\nx-trailer-b: of bob@example.com {API_TOKEN}\r\nssn: 1\r\n\r\n"),
    );
    let (address, seen) = answering("gone\r\n\r\n", answer);
    let world = World::new();
    let token = world.token("reader");
    open(&world, "tail", &address, &["--inject", "bearer:env:CRM_TOKEN", "--tag", "data=pii"]);
    for body in ["5\r\nhello\r\n", ""] {
        let mut client = world.client();
        client.send(format!(
            "POST /c/tail/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nTE: trailers\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nTrailer: x-trailer-a\r\n\r\n{body}0\r\nx-trailer-a: to ann@example.com, gone\r\n\r\n"
        ));
        assert_eq!(client.reply().status, 200);
    }
    assert!(text(&seen).contains("x-trailer-a: to ann@example.com, gone"), "{}", text(&seen));
    let session = session(&world, "tail");
    let trailers = |dir: &str| -> Vec<String> {
        let events = world.events(&session);
        let told = events.iter().filter(|event| event["dir"] == dir && event["data"]["trailers"].is_array());
        told.map(|event| event["data"]["trailers"].to_string()).collect()
    };
    wait_for("all of them are recorded", || trailers("c2s").len() == 2 && trailers("s2c").len() == 2);
    assert!(trailers("c2s").iter().all(|told| told.contains("x-trailer-a") && told.contains("gone")));
    assert!(trailers("s2c").iter().all(|told| told.contains("x-trailer-b") && !told.contains("ssn")));
    let (_, recording, _) = world.cli(&["session", "export", &session, "--format", "jsonl"]);
    for hidden in ["ann@", "bob@", API_TOKEN] {
        assert!(!recording.contains(hidden), "{hidden} in {recording}");
    }
    assert!(world.cli(&["replay", &session]).1.contains("trailer x-trailer-a: "));
}

#[test]
fn a_late_word_for_another_method_is_refused_as_an_early_one_is() {
    let (address, _) = answering("no end", "");
    let world = World::new();
    let token = world.token("reader");
    open(&world, "late", &address, &[]);
    for pad in [10, 100 << 10] {
        let body = format!("{{\"pad\":\"{}\",\"_method\":\"DELETE\"}}", "x".repeat(pad));
        let reply = world.send_json("POST", "/c/late/x", &token, &body);
        assert_eq!((reply.status, reply.code().as_str()), (400, "bad_request"), "{pad}: {}", reply.text());
        assert!(reply.text().contains("another method"), "{}", reply.text());
    }
    assert!(says(&world, &session(&world, "late"), "reason", "method_override"));
}

#[test]
fn the_answer_to_a_websocket_is_recorded_with_its_headers() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Said: yes\r\n\r\n";
    let (address, _) = answering("\r\n\r\n", answer);
    let rules = format!(
        "{RULES}\n[[connection]]\nname = \"ws\"\nupstream = \"http://{address}\"\ninject = \"none\"\n[[policy]]\nid = \"ws\"\neffect = \"allow\"\nmatch = {{ groups = [\"support\"], connections = [\"ws\"], operations = [\"unknown\"] }}\n"
    );
    let world = World::with(&rules);
    let token = world.token("reader");
    let mut client = world.client();
    client.send(format!(
        "GET /c/ws/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ));
    assert_eq!(client.head().status, 101);
    let events = world.events(&session(&world, "ws"));
    let head = events.iter().find(|event| event["data"]["status"] == 101).unwrap();
    let headers = head["data"]["headers"].to_string();
    assert!(headers.contains(r#"["x-said","yes"]"#) && headers.contains("upgrade"), "{headers}");
}

#[test]
fn a_patch_does_not_get_past_a_condition_on_what_it_changes() {
    let rules = format!(
        "{RULES}\n[[policy]]\nid = \"writes\"\neffect = \"allow\"\nmatch = {{ groups = [\"support\"], connections = [\"raw\"], operations = [\"write\"] }}\n[[policy]]\nid = \"big\"\neffect = \"deny\"\nmatch = {{ connections = [\"raw\"], args = {{ amount = \"> 1000\" }} }}\n"
    );
    let world = World::with(&rules);
    let token = world.token("reader");
    let send = |kind: &str, body: &str| {
        let reply =
            world.send("PATCH", "/c/raw/customers/7", Some(&token), &[("Content-Type", kind)], Some(body));
        reply.status == 403 && reply.json()["rule"] == "big"
    };
    assert!(send("application/json-patch+json", r#"[{"op":"replace","path":"/amount","value":5000}]"#));
    assert!(send("application/merge-patch+json", r#"{"amount":5000}"#));
    assert!(!send("application/merge-patch+json", r#"{"amount":5}"#));
}
