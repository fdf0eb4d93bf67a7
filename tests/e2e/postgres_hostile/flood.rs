//! Floods: from a target that does not stop, to a client that does not read, and the other way round.

use std::io::Read;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::Memory;
use super::is_up;
use super::login;
use super::target::FakeTarget;
use super::target::complete;
use super::target::message;
use super::target::ready;
use super::target::report;
use super::wait_for;
use super::world;
use crate::support::wire::Script;

/// How much more memory the gateway may have, in MiB.
const MOST: u64 = 32;

#[test]
fn a_flood_fills_no_memory_and_holds_no_session_against_an_operator() {
    let sent: Arc<AtomicU64> = Arc::default();
    let count = Arc::clone(&sent);
    let target = FakeTarget::start(Box::new(move |sql, stream| {
        let flood = match sql.split("-- ").nth(1) {
            Some("notices") => report(b'N', "NOTICE", "00000", &"n".repeat(2000)),
            Some("long notices") => report(b'N', "NOTICE", "00000", &"n".repeat(3 << 20)),
            Some("settings") => {
                message(b'S', format!("x.{}\0{}\0", "n".repeat(50), "v".repeat(500)).as_bytes())
            }
            Some("notifications") => {
                message(b'A', &[&[0, 0, 0, 1][..], b"c\0", &[b'p'; 2000], b"\0"].concat())
            }
            Some("errors") => report(b'E', "ERROR", "XX000", "again"),
            Some("ends") => complete("SELECT 0"),
            _ => return stream.write_all(&[complete("SELECT 0"), ready()].concat()),
        };
        let many = flood.repeat((64_usize << 10).div_ceil(flood.len()));
        loop {
            stream.write_all(&many)?;
            count.fetch_add(many.len() as u64, Ordering::Relaxed);
        }
    }));
    let world = world(&target);
    let token = world.token("reader");
    is_up(&world, &token);
    for connection in ["plain", "masked"] {
        // A client that reads nothing.
        for flood in ["notices", "long notices", "settings", "notifications"] {
            let memory = Memory::watch(&world);
            let mut raw = login(&world, connection, &token);
            raw.send(&Script::new().query(&format!("SELECT 1 -- {flood}")));
            if flood != "long notices" {
                let mut before = u64::MAX;
                wait_for("the target has to wait", &world, || {
                    thread::sleep(Duration::from_millis(200));
                    let now = sent.load(Ordering::Relaxed);
                    let waits = now == before && now > 0;
                    before = now;
                    waits
                });
            }
            assert!(memory.growth() < MOST, "{connection} {flood}: {} MiB", memory.growth());
            kill_all(&world, connection);
            raw.stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut rest = Vec::new();
            // It ends; a reset is an end.
            if let Err(error) = raw.stream.read_to_end(&mut rest) {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{connection} {flood}");
            }
        }
        // One that reads all of it: what nobody asked for ends the session, the rest goes on until somebody ends it.
        for flood in ["errors", "ends", "notices"] {
            let memory = Memory::watch(&world);
            let mut raw = login(&world, connection, &token);
            raw.send(&Script::new().query(&format!("SELECT 1 -- {flood}")));
            let begin = Instant::now();
            let mut bytes = vec![0; 64 << 10];
            raw.stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let mut killed = false;
            loop {
                match raw.stream.read(&mut bytes) {
                    Ok(0) => break,
                    Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                    Ok(_) | Err(_) => {}
                }
                if !killed && begin.elapsed() > Duration::from_millis(800) {
                    kill_all(&world, connection);
                    killed = true;
                }
                assert!(begin.elapsed() < Duration::from_secs(10), "{connection} {flood}");
            }
            assert_eq!(killed, flood == "notices", "{connection} {flood}");
            assert!(memory.growth() < MOST, "{connection} {flood}: {} MiB", memory.growth());
        }
    }
    is_up(&world, &token);
}

fn kill_all(world: &crate::support::World, connection: &str) {
    for session in world.list(&["session", "list", "--connection", connection, "--limit", "500"]) {
        if session["end"].is_null() {
            world.cli(&["session", "kill", session["id"].as_str().unwrap(), "--yes"]);
        }
    }
}

#[test]
fn a_target_that_talks_on_after_the_good_bye_is_left_alone() {
    let sent: Arc<AtomicU64> = Arc::default();
    let stopped: Arc<AtomicU64> = Arc::default();
    let (count, stop) = (Arc::clone(&sent), Arc::clone(&stopped));
    let target = FakeTarget::start(Box::new(move |sql, stream| {
        if sql != "terminate" {
            return stream.write_all(&[complete("SELECT 0"), ready()].concat());
        }
        let flood = report(b'N', "NOTICE", "00000", &"n".repeat(60_000));
        while stream.write_all(&flood).is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
            assert!(count.load(Ordering::Relaxed) < 100_000, "somebody still reads");
        }
        stop.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }));
    let world = world(&target);
    let token = world.token("reader");
    for _ in 0..3 {
        let mut raw = login(&world, "plain", &token);
        raw.ask(&world, &Script::new().query("SELECT 1"), 1);
        let replies = raw.ask(&world, &Script::new().terminate(), 0);
        assert!(replies.ended() && replies.errors().is_empty(), "{replies:?}");
    }
    wait_for("the streams are closed", &world, || stopped.load(Ordering::Relaxed) == 3);
    let sessions = world.list(&["session", "list", "--connection", "plain"]);
    assert!(sessions.iter().all(|session| session["end"] == "left"), "{sessions:?}");
    is_up(&world, &token);
}

/// A client that sends and sends, reads nothing, and is gone with a reset.
#[test]
fn a_client_that_only_sends_fills_no_memory() {
    let target = FakeTarget::start(Box::new(|_sql, stream| {
        stream.write_all(&[complete("SELECT 0"), ready()].concat())
    }));
    let world = world(&target);
    let token = world.token("reader");
    is_up(&world, &token);
    let memory = Memory::watch(&world);
    for connection in ["plain", "db"] {
        let raw = login(&world, connection, &token);
        let mut stream = raw.stream.try_clone().unwrap();
        stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let one = Script::new().query("SELECT 1").sync().run("SELECT 2").flush().0;
        let many = one.repeat(500);
        let begin = Instant::now();
        // Until nobody takes any more of it.
        while stream.write_all(&many).is_ok() && begin.elapsed() < Duration::from_secs(8) {}
        let hard = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        hard.unwrap();
    }
    assert!(memory.growth() < 64, "{} MiB", memory.growth());
    for connection in ["plain", "db"] {
        wait_for(&format!("the session on {connection} ends"), &world, || {
            world.list(&["session", "list", "--live", "--connection", connection]).is_empty()
        });
    }
    is_up(&world, &token);
}
