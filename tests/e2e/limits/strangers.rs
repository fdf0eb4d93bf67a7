//! What one address can use up at the HTTP listener before any of its streams has brought a token that is good.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::limited;
use crate::support::Client;
use crate::support::World;
use crate::support::client::request;
use crate::support::steps::wait_for;

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
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
    asked(world, source, "/c/raw/customers/1", Some(token)).is_some_and(|(status, _)| status == 200)
}

#[test]
fn one_address_does_not_take_all_the_room_without_a_token() {
    let world = limited("logins = 4");
    let token = world.token("reader");
    let ask = request("GET", "/c/raw/customers/1", Some(&token), &[], None);
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
    let mut silent = vec![from(&world, HERE), from(&world, HERE)];
    for (path, token) in [("/c/raw/customers/1", Some("nonsense")), ("/healthz", None)] {
        let mut client = from(&world, HERE);
        client.send(request("GET", path, token, &[], None));
        assert_eq!(client.reply().status, if path == "/healthz" { 200 } else { 401 });
        silent.push(client);
    }
    thread::sleep(Duration::from_millis(200));
    let told = Some((429, "limit_exceeded".to_owned()));
    assert_eq!(asked(&world, HERE, "/c/raw/customers/1", Some(&token)), told);
    assert_eq!(asked(&world, HERE, "/healthz", None), Some((200, String::new())));
    thread::sleep(Duration::from_millis(100));
    // As many again are waited for, not for long; the one after them gets no word.
    let begin = Instant::now();
    let mut waiting: Vec<Client> = (0..4).map(|_| from(&world, HERE)).collect();
    thread::sleep(Duration::from_millis(200));
    assert_eq!(asked(&world, HERE, "/c/raw/customers/1", Some(&token)), None);
    // Another address is not concerned, nor who is in.
    assert!(served(&world, ELSEWHERE, &token));
    for client in &mut known {
        client.send(&ask);
        assert_eq!(client.reply().status, 200);
    }
    assert!(waiting.iter_mut().all(Client::is_closed));
    assert!(begin.elapsed() < Duration::from_secs(9), "{:?}", begin.elapsed());
    drop(silent);
    wait_for("those that leave make room", || served(&world, HERE, &token));
    let said = world.list(&["session", "list", "--principal", "local:gateway"]);
    let events = world.events(said[0]["id"].as_str().unwrap());
    assert!(events.iter().any(|event| event["data"]["reason"] == "logins"), "{events:?}");
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
