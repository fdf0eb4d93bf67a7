//! What one address can use up at the HTTP listener before any of its streams has brought a token that is good.

use std::net::Ipv4Addr;
use std::process::Command;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::frames::Http2;
use super::frames::PING;
use super::frames::asks;
use super::frames::frame;
use super::limited;
use super::world;
use crate::proxy::private;
use crate::support::Client;
use crate::support::World;
use crate::support::client::request;
use crate::support::process::Process;
use crate::support::process::run;
use crate::support::steps::wait_for;
use crate::support::world::RULES;

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// What is asked for.
const PATH: &str = "/c/raw/customers/1";
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn from(world: &World, source: Ipv4Addr) -> Client {
    Client::connect_from(source, world.port)
}

/// What a new stream from there is answered: status and code, or nothing where it is closed.
fn asked(world: &World, source: Ipv4Addr, path: &str, token: Option<&str>) -> Option<(u16, String)> {
    let mut client = from(world, source);
    if !client.try_send(request("GET", path, token, &[], None)) {
        return None;
    }
    let reply = client.try_reply()?;
    let code = if reply.status == 200 { String::new() } else { reply.code() };
    Some((reply.status, code))
}

fn served(world: &World, source: Ipv4Addr, token: &str) -> bool {
    asked(world, source, PATH, Some(token)).is_some_and(|(status, _)| status == 200)
}

/// So many streams from here that say nothing, once they are counted.
fn silent(world: &World, count: usize) -> Vec<Client> {
    let silent = (0..count).map(|_| from(world, HERE)).collect();
    wait_for("streams without a token are told off", || asked(world, HERE, PATH, None) == Some(told()));
    silent
}

fn told() -> (u16, String) {
    (429, "limit_exceeded".to_owned())
}

#[test]
fn one_address_does_not_take_all_the_room_without_a_token() {
    let world = limited("logins = 4");
    let token = world.token("reader");
    let ask = request("GET", PATH, Some(&token), &[], None);
    // Streams that brought a token are no strangers, however many there are.
    let mut known: Vec<Client> = (0..12)
        .map(|_| {
            let mut client = world.client();
            client.send(&ask);
            assert_eq!(client.reply().status, 200);
            client
        })
        .collect();
    // Nor is one made known by a token that is none, by no token, or by what needs none.
    let mut strangers = vec![from(&world, HERE), from(&world, HERE)];
    for (path, token) in [(PATH, Some("nonsense")), ("/healthz", None)] {
        let mut client = from(&world, HERE);
        client.send(request("GET", path, token, &[], None));
        assert_eq!(client.reply().status, if path == "/healthz" { 200 } else { 401 });
        strangers.push(client);
    }
    let mut beyond = silent(&world, 4);
    let begin = Instant::now();
    assert_eq!(asked(&world, HERE, PATH, Some("nonsense")), Some(told()));
    for path in ["/healthz", "/metrics"] {
        assert_eq!(asked(&world, HERE, path, None), Some((200, String::new())), "{path}");
    }
    // Another address is not concerned, nor who is in.
    assert_eq!(asked(&world, ELSEWHERE, PATH, None).map(|(status, _)| status), Some(401));
    for client in &mut known {
        client.send(&ask);
        assert_eq!(client.reply().status, 200);
    }
    // A good token opens the way for many at once, and for longer than one waits for it.
    let mut burst: Vec<Client> = (0..40).map(|_| from(&world, HERE)).collect();
    for _ in 0..2 {
        for client in &mut burst {
            client.send(&ask);
        }
        for client in &mut burst {
            assert_eq!(client.reply().status, 200);
        }
        // Those beyond the bound that bring nothing are waited for, not for long.
        assert!(beyond.iter_mut().all(Client::is_closed));
    }
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    drop((strangers, burst));
    wait_for("those that leave make room", || {
        asked(&world, HERE, PATH, None).is_some_and(|(status, _)| status == 401)
    });
    let said = world.list(&["session", "list", "--principal", "local:gateway"]);
    let events = world.events(said[0]["id"].as_str().unwrap());
    assert!(events.iter().any(|event| event["data"]["reason"] == "logins"), "{events:?}");
}

#[test]
fn who_brings_a_good_token_is_no_stranger_whatever_it_opens() {
    let world = limited("logins = 2");
    let token = world.token("reader");
    let ask = request("GET", "/c/nowhere/1", Some(&token), &[], None);
    let _known: Vec<Client> = (0..6)
        .map(|_| {
            let mut client = world.client();
            client.send(&ask);
            assert_eq!(client.reply().status, 404);
            client
        })
        .collect();
    assert_eq!(asked(&world, HERE, PATH, None).map(|(status, _)| status), Some(401));
    // But for one that is locked out.
    world.ok(&["lock", "add", "principal:idp/reader", "--yes"]);
    let _locked: Vec<Client> = (0..2)
        .map(|_| {
            let mut client = world.client();
            client.send(&ask);
            assert_eq!(client.reply().code(), "locked");
            client
        })
        .collect();
    assert_eq!(asked(&world, HERE, PATH, Some(&token)), Some(told()));
}

#[test]
fn half_of_all_places_are_kept_from_strangers_of_one_address() {
    let world = limited("logins = 2, streams = 24");
    let token = world.token("reader");
    // One after the other, as they are counted; each says what it is.
    let mut said = Vec::new();
    let _waiting: Vec<Client> = (0..20)
        .map(|_| {
            let mut client = from(&world, HERE);
            client.try_send(request("GET", "/healthz", None, &[], None));
            said.push(client.try_reply().map(|reply| reply.status));
            client
        })
        .collect();
    let waited_for = said.iter().filter(|status| **status == Some(200)).count();
    assert_eq!(waited_for, 12, "{said:?}");
    assert!(served(&world, ELSEWHERE, &token));
    let mut other = from(&world, ELSEWHERE);
    other.send(request("GET", "/metrics", None, &[], None));
    let metrics = other.reply().text();
    assert!(metrics.contains("hoopctl_streams_closed_total{limit=\"logins\"} 8"), "{metrics}");
}

#[test]
fn a_load_balancer_is_no_address_to_bound() {
    let world = limited("logins = 2, shared_addresses = [\"127.0.0.1\"]");
    let _silent: Vec<Client> = (0..8).map(|_| from(&world, HERE)).collect();
    for _ in 0..4 {
        assert_eq!(asked(&world, HERE, PATH, None).map(|(status, _)| status), Some(401));
    }
    let _others: Vec<Client> = (0..2).map(|_| from(&world, ELSEWHERE)).collect();
    wait_for("others are bound", || asked(&world, ELSEWHERE, PATH, None) == Some(told()));
}

#[test]
fn a_stream_of_http2_that_brings_no_token_in_time_is_told_to_go() {
    let world = limited("logins = 2");
    let token = world.token("reader");
    let _silent = silent(&world, 2);
    let mut known = Http2::open(&world, &[]);
    assert!(known.send(&asks(PATH, &token)));
    assert_eq!(known.status(), Some(0x88), "200, as the static table has it");
    let mut shut = Http2::open(&world, &[]);
    assert!(shut.send(&asks(PATH, "nonsense")));
    assert_ne!(shut.status(), Some(0x88));
    let (kinds, codes) = shut.frames();
    assert!(codes.first() == Some(&0), "NO_ERROR is said: {kinds:?}");
    // Who brought one stays.
    assert!(known.send(&frame(PING, 0, 0, &[7; 8])));
    assert!(known.frames().0.contains(&PING));
}

#[test]
fn a_flood_from_one_address_takes_no_place_of_others() {
    let world = limited("logins = 8, streams = 64");
    let token = world.token("reader");
    let begin = Instant::now();
    let mut flood: Vec<Client> = Vec::new();
    while begin.elapsed() < Duration::from_secs(3) {
        // Each says something else that is no request.
        for start in ["", "GET / HTT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02\x00"] {
            let mut client = from(&world, HERE);
            client.try_send(start);
            flood.push(client);
        }
        if flood.len() > 200 {
            flood.drain(..100);
        }
        assert!(served(&world, ELSEWHERE, &token), "after {:?}", begin.elapsed());
    }
    drop(flood);
    wait_for("the flood is over", || served(&world, HERE, &token));
}

#[test]
fn mcp_clients_are_bound_and_known_alike() {
    // Nobody is at the target: who may not ask does not come so far.
    let tools = "[[connection]]\nname = \"tools\"\nupstream = \"mcp+http://127.0.0.1:9\"\n\
                 [[policy]]\nid = \"tools\"\neffect = \"allow\"\nmatch = { groups = [\"support\"], connections = [\"tools\"] }\n";
    let limits = |head: &str| head.replace("drain_timeout", "limits = { logins = 2 }\ndrain_timeout");
    let world = world(&format!("{RULES}\n{tools}"), limits);
    let token = world.token("reader");
    let _silent = silent(&world, 2);
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let headers = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    let mut kept = Vec::new();
    for (token, shut) in [(None, true), (Some("nonsense"), true), (Some(token.as_str()), false)].repeat(3) {
        let mut client = from(&world, HERE);
        client.send(request("POST", "/c/tools", token, &headers, Some(list)));
        let status = client.reply().status;
        assert_eq!(status == 429, shut, "{status}");
        kept.push(client);
    }
}

#[test]
fn a_tls_handshake_that_stalls_is_a_stranger_and_beyond_the_bound_not_waited_for_long() {
    let mut world = World::without_gateway("");
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(world.path("tls.crt"), key.cert.pem()).unwrap();
    private(&world.path("tls.key"), key.signing_key.serialize_pem().as_bytes());
    let changed =
        "limits = { logins = 2 }\ntls = { cert = \"tls.crt\", key = \"file:tls.key\" }\ndrain_timeout";
    let head = world.head().replace("drain_timeout", changed);
    std::fs::write(world.path("hoopctl.toml"), head + RULES).unwrap();
    let mut gateway = Process::start("gateway", &mut world.hoopctl(&["serve"]), world.folder.path());
    gateway.wait_port(world.port);
    world.gateway = Some(gateway);
    let token = world.token("reader");
    let curl = |source: &str, token: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--interface", source, "--cacert"]).arg(world.path("tls.crt"));
        curl.args(["--resolve", &format!("localhost:{0}:127.0.0.1", world.port), "-w", "%{http_code}"]);
        curl.args(["-o", "/dev/null", "-H", &format!("Authorization: Bearer {token}")]);
        run(curl.arg(format!("https://localhost:{}{PATH}", world.port))).1
    };
    let begin = Instant::now();
    let mut stalled: Vec<Client> = (0..4).map(|_| from(&world, HERE)).collect();
    for client in &mut stalled {
        client.send("\x16\x03\x01\x02");
    }
    wait_for("strangers are told off", || curl("127.0.0.1", "nonsense") == "429");
    assert_eq!(
        (curl("127.0.0.1", &token), curl("127.0.0.2", "nonsense")),
        ("200".to_owned(), "401".to_owned())
    );
    let close = |mut client: Client| {
        thread::spawn(move || {
            assert!(client.is_closed());
            begin.elapsed()
        })
    };
    let closing: Vec<_> = stalled.into_iter().map(close).collect();
    let mut closed: Vec<Duration> = closing.into_iter().map(|closing| closing.join().unwrap()).collect();
    closed.sort();
    assert!(closed[1] < Duration::from_secs(8), "two of the four are beyond the bound: {closed:?}");
}
