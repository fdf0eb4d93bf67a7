//! Replies that are larger than any memory.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::support::World;
use crate::support::client::request;
use crate::support::world::RULES;

/// How much more memory the gateway may have, in MiB.
const MOST_MIB: f64 = 48.0;
const PIECE: usize = 256 << 10;

/// The rules, and a connection `big` to a target that answers a path `/mb/N` with so many MiB.
pub fn rules_with_big_target() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count > 0) {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let mib: usize = head.split(['/', ' ']).nth(3).unwrap().parse().unwrap();
                let length = mib << 20;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                let piece: Vec<u8> = (0..PIECE).map(|place| u8::try_from(place % 251).unwrap()).collect();
                let mut sent = stream.write_all(answer.as_bytes());
                for _ in 0..length / PIECE {
                    sent = sent.and_then(|()| stream.write_all(&piece));
                }
                drop(sent);
            });
        }
    });
    format!(
        "{RULES}\n[[connection]]\nname = \"big\"\nupstream = \"http://{address}\"\ninject = \"bearer:env:CRM_TOKEN\"\n\
         [[policy]]\nid = \"big-reads\"\neffect = \"allow\"\nmatch = {{ groups = [\"support\"], connections = [\"big\"] }}\n"
    )
}

pub fn memory_mib(world: &World) -> f64 {
    told_mib(world, "VmRSS:")
}

/// The most memory that the gateway ever had.
fn most_mib(world: &World) -> f64 {
    told_mib(world, "VmHWM:")
}

fn told_mib(world: &World, name: &str) -> f64 {
    let pid = world.gateway.as_ref().unwrap().pid();
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

#[test]
fn a_download_of_any_length_comes_whole_in_little_memory() {
    let long = std::env::var("HOOPCTL_LONG_TESTS").is_ok_and(|value| value == "1");
    let mib: usize = if long { 10 << 10 } else { 256 };
    let world = World::with(&rules_with_big_target());
    let token = world.token("reader");
    let mut client = world.client();
    client.send(request("GET", "/c/big/mb/1", Some(&token), &[], None));
    assert_eq!(client.reply().body.len(), 1 << 20);
    let before = most_mib(&world);
    client.set_patience(Duration::from_mins(1));
    client.send(request("GET", &format!("/c/big/mb/{mib}"), Some(&token), &[], None));
    let head = client.head();
    assert_eq!(head.header("content-length"), Some((mib << 20).to_string().as_str()));
    let (mut piece, begin) = (vec![0; PIECE], Instant::now());
    for place in 0..(mib << 20) / PIECE {
        client.exact(&mut piece);
        assert!(piece.iter().zip((0..=250).cycle()).all(|(found, wanted)| *found == wanted), "piece {place}");
    }
    let grown = most_mib(&world) - before;
    assert!(grown < MOST_MIB, "{grown} MiB more for {mib} MiB in {:?}", begin.elapsed());
    // What is recorded of it is its beginning, its length and its digest.
    let session = head.header("hoopctl-session").unwrap();
    crate::support::steps::wait_for("it is recorded whole", || {
        let events = world.events(session);
        events.iter().any(|event| event.to_string().contains(&(mib << 20).to_string()))
    });
    world.ok(&["session", "verify", session]);
    if long {
        eprintln!("{mib} MiB in {:?}", begin.elapsed());
    }
}
