//! How web sockets end that the gateway ends: what client and target are told.

use std::thread;
use std::time::Duration;

use crate::support::Client;
use crate::support::World;
use crate::support::client::request;
use crate::support::steps::session;
use crate::support::steps::wait_until;
use crate::support::world::RULES;

const KEY: (&str, &str) = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");

/// Runs the client of a library until `end` has ended what it stands on; gives what it and the target were
/// told.
fn ended(mut world: World, end: impl FnOnce(&mut World)) -> (String, Vec<String>) {
    let (url, token) = (format!("ws://127.0.0.1:{}/c/raw/__ws", world.port), world.token("reader"));
    let mut command = world.script("socket.mjs", &[&url, &token]);
    let client = thread::spawn(move || command.output().unwrap());
    let opened = |world: &World| world.hits().iter().any(|hit| hit.starts_with("UPGRADE"));
    wait_until("no socket is open", Duration::from_secs(10), || opened(&world));
    thread::sleep(Duration::from_millis(300));
    end(&mut world);
    let out = client.join().unwrap();
    wait_until("the target still has it", Duration::from_secs(5), || {
        world.hits().iter().any(|hit| hit.starts_with("CLOSED"))
    });
    (String::from_utf8(out.stdout).unwrap().trim().to_owned(), world.hits())
}

#[test]
fn both_sides_are_told_why_a_websocket_ends() {
    let lock = |world: &mut World| {
        world.ok(&["lock", "add", "principal:idp/reader", "--yes"]);
    };
    let kill = |world: &mut World| {
        let session = world.list(&["session", "list"])[0]["id"].as_str().unwrap().to_owned();
        world.ok(&["session", "kill", &session, "--yes"]);
    };
    let stop = |world: &mut World| {
        world.stop();
    };
    for ((client, target), told) in [
        (ended(World::new(), lock), "hello 1008 locked"),
        (ended(World::new(), kill), "hello 1008 killed"),
        (ended(World::new(), stop), "hello 1001 stopped"),
    ] {
        assert_eq!(client, told);
        assert!(target.iter().any(|hit| hit == "CLOSED 1001"), "{target:?}");
    }
}

/// Opens a socket byte by byte.
fn opened(world: &World, path: &str) -> Client {
    let mut client = world.client();
    let upgrade = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"), KEY];
    client.send(request("GET", path, Some(&world.token("reader")), &upgrade, None));
    assert_eq!(client.head().status, 101, "{}", world.log());
    client.set_patience(Duration::from_secs(5));
    client
}

#[test]
fn nothing_is_put_into_the_middle_of_a_frame_or_behind_a_close() {
    let world = World::new();
    let (mut half, mut closed) = (opened(&world, "/c/raw/__ws"), opened(&world, "/c/raw/__ws"));
    // Half of a frame: the target is told nothing, for it would take that for the rest of it.
    half.send([0x81, 0x85, 0, 0, 0, 0, b'h']);
    closed.send([0x88, 0x82, 0, 0, 0, 0, 3, 232]);
    let answer: Vec<u8> = (0..4).map_while(|_| closed.byte()).collect();
    assert_eq!(answer, [0x88, 2, 3, 232]);
    thread::sleep(Duration::from_millis(300));
    world.ok(&["lock", "add", "principal:idp/reader", "--yes"]);
    let told: Vec<u8> = (0..10).map_while(|_| half.byte()).collect();
    assert_eq!(told, [&[0x88, 8, 3, 240][..], b"locked"].concat());
    assert!(half.is_closed() && closed.is_closed());
    let of_targets = || world.hits().into_iter().filter(|hit| hit.starts_with("CLOSED")).collect::<Vec<_>>();
    wait_until("the target still has them", Duration::from_secs(5), || of_targets().len() == 2);
    // The code of a stream that ends without a word is 1006.
    assert_eq!(of_targets(), ["CLOSED 1000", "CLOSED 1006"]);
}

#[test]
fn a_long_frame_is_recorded_with_its_digest_and_one_that_breaks_off_as_far_as_it_came() {
    const LENGTH: u32 = 200_000;
    let world = World::new();
    let header = |length: u32| [&[0x81, 0xff, 0, 0, 0, 0][..], &length.to_be_bytes(), &[0, 0, 0, 0]].concat();
    let payload: Vec<u8> = (b'a'..=b'z').cycle().take(LENGTH as usize).collect();
    let mut client = opened(&world, "/c/raw/__ws");
    client.send(header(LENGTH));
    client.send(&payload);
    let mut echo = vec![0; 10 + LENGTH as usize];
    client.exact(&mut echo);
    assert!(echo[10..] == payload);
    client.send(header(LENGTH));
    client.send(&payload[..150_000]);
    thread::sleep(Duration::from_millis(300));
    drop(client);
    let frames = || -> Vec<_> {
        let events = world.events(&session(&world, "raw"));
        events
            .into_iter()
            .map(|event| event["data"].clone())
            .filter(|data| data["frame"].is_string())
            .collect()
    };
    wait_until("the end is not recorded", Duration::from_secs(5), || {
        frames().last().is_some_and(|data| data["frame"] == "end")
    });
    let frames = frames();
    assert_eq!(frames.len(), 4, "{} frames", frames.len());
    let text = |at: usize| frames[at]["body"]["text"].as_str().unwrap().as_bytes();
    assert!(text(0) == payload && text(1) == payload, "a frame up to recording.max_body is kept whole");
    assert!(text(2) == &payload[..150_000]);
    assert_eq!((frames[2]["end"].as_str(), frames[0].get("end")), (Some("cut"), None));
}

#[test]
fn a_frame_beyond_what_is_recorded_of_a_body_is_cut_with_its_digest() {
    let world = World::with(&format!("[recording]\nmax_body = \"1KiB\"\n{RULES}"));
    let payload = [b'x'; 2_000];
    let mut client = opened(&world, "/c/raw/__ws");
    client.send([&[0x82, 0xfe][..], &2_000_u16.to_be_bytes(), &[0, 0, 0, 0], &payload].concat());
    let mut echo = vec![0; 4 + 2_000];
    client.exact(&mut echo);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &payload);
    let digest: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = digest.concat();
    wait_until("the frames are not recorded", Duration::from_secs(5), || {
        let events = world.events(&session(&world, "raw"));
        let of: Vec<_> = events.iter().filter(|event| event["data"]["frame"] == "binary").collect();
        of.len() == 2 && of.iter().all(|event| event["data"]["body"]["sha256"] == *digest)
    });
}
