//! What is no message, or none that may come: before the login, in a session, and beside it.

use std::io::Read;
use std::io::Write;
use std::thread;
use std::time::Duration;

use hoopctl::protocol::postgres::wire::opening;

use super::DELETE;
use super::lives;
use super::orders;
use super::world;
use crate::support::World;
use crate::support::wire::Raw;
use crate::support::wire::Script;

fn is_up(world: &World) {
    assert_eq!(world.get("/readyz", None).status, 200, "{}", world.log());
}

/// A `Bind` with so many format codes of values, no value, and so many format codes of results.
fn bind(formats: u16, results: u16) -> Vec<u8> {
    let mut body = b"\0\0".to_vec();
    body.extend_from_slice(&formats.to_be_bytes());
    body.resize(body.len() + 2 * usize::from(formats), 0);
    body.extend_from_slice(&0_u16.to_be_bytes());
    body.extend_from_slice(&results.to_be_bytes());
    body.resize(body.len() + 2 * usize::from(results), 0);
    body
}

#[test]
fn what_is_no_message_ends_one_session_and_nothing_else() {
    let world = world();
    let token = world.token("writer");
    let delete = Script::new().query(DELETE).0;
    // The stream cannot go on: no byte behind it is a message.
    for (tag, length) in [
        (b'Q', 0),
        (b'Q', 3),
        (b'Q', -1),
        (b'Q', i32::MIN),
        (b'Q', i32::MAX),
        (b'P', 0),
        (b'S', 3),
        (b'S', i32::MAX),
        (b'd', -1),
        (b'X', i32::MAX),
        (b'z', 4),
        (0, 4),
        (255, 4),
        (b'R', 8),
    ] {
        let mut raw = Raw::login(&world, &token);
        raw.send(&Script::new().raw(tag, length, &delete));
        let replies = raw.replies(&world, 0);
        assert!(replies.ended() && replies.errors() == ["08P01"], "{tag} {length}: {replies:?}");
        assert!(replies.held.is_empty(), "{replies:?}");
    }
    is_up(&world);

    // Each of these is a frame, so the session goes on, or it ends in order.
    let mut many = DELETE.as_bytes().to_vec();
    many.extend_from_slice(b"\0\0");
    for (tag, body) in [
        (b'Q', b"DELETE FROM orders".to_vec()),
        (b'Q', many),
        (b'Q', Vec::new()),
        (b'P', b"\0DELETE FROM orders\0\xff\xff".to_vec()),
        (b'P', b"\0DELETE FROM orders\0".to_vec()),
        (b'P', b"p".to_vec()),
        (b'B', bind(65_535, 0)),
        (b'B', bind(0, 65_535)),
        (b'B', bind(65_535, 65_535)),
        (b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0".to_vec()),
        (b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0".to_vec()),
        (b'E', b"\0\xff\xff\xff\xff".to_vec()),
        (b'E', b"\0".to_vec()),
        (b'D', b"X\0".to_vec()),
        (b'C', b"S".to_vec()),
        (b'S', b"x".to_vec()),
        (b'p', b"secret\0".to_vec()),
        (b'Q', b"SELECT '\xff'\0".to_vec()),
    ] {
        let mut raw = Raw::login(&world, &token);
        raw.ask(&world, &Script::new().parse("", DELETE).sync(), 1);
        raw.send(&Script::new().message(tag, &body).sync());
        let replies = raw.replies(&world, 1);
        assert_eq!(orders(&world), "50", "{replies:?}");
        // Only one of them is a message: it binds what was prepared, with more formats than there are columns.
        let sound = tag == b'B' && body == bind(0, 65_535);
        assert_eq!(replies.held.len(), usize::from(sound), "{replies:?}");
        if replies.ended() {
            assert!(!replies.errors().is_empty(), "{}: {replies:?}", body.escape_ascii());
            continue;
        }
        // A simple query has an end of its own.
        let again = raw.ask(&world, &Script::new().query("SELECT 'end'"), 1);
        let again = if again.rows().is_empty() { raw.replies(&world, 1) } else { again };
        assert_eq!(again.rows(), ["end"], "{}: {replies:?} {again:?}", body.escape_ascii());
    }
    is_up(&world);
    // Frames that break off.
    for length in 1..12 {
        let mut raw = Raw::login(&world, &token);
        raw.stream.write_all(&delete[..length]).unwrap();
        raw.stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(raw.replies(&world, 0).ended());
    }
    assert_eq!(orders(&world), "50");
    is_up(&world);
}

#[test]
fn a_session_is_the_same_wherever_its_bytes_are_cut() {
    let world = world();
    let token = world.token("reader");
    let mut raw = Raw::connect(&world);
    let opening = Raw::opening(&token).0;
    for byte in &opening {
        raw.stream.write_all(&[*byte]).unwrap();
    }
    raw.finish_login(&world);
    let script = Script::new().query("SELECT 1").parse("s", "SELECT ssn FROM customers WHERE id = 1");
    let script = script.bind("p", "s").describe_portal("p").execute("p").close_statement("s").sync();
    let bytes = &script.query("DELETE FROM orders").0;
    let whole = raw.ask(&world, &Script(bytes.clone()), 3);
    assert_eq!((whole.rows(), whole.errors()), (vec!["1", "***-**-1001"], vec!["42501"]), "{whole:?}");
    for cut in 1..bytes.len() {
        raw.stream.write_all(&bytes[..cut]).unwrap();
        thread::sleep(Duration::from_millis(1));
        raw.stream.write_all(&bytes[cut..]).unwrap();
        let replies = raw.replies(&world, 3);
        assert_eq!(replies.letters(), whole.letters(), "cut at {cut}: {replies:?}");
        assert_eq!(replies.rows(), whole.rows(), "cut at {cut}");
    }
    lives(&world, &mut raw, &whole);
}

#[test]
fn there_is_no_call_without_sql_and_no_other_way_in() {
    let world = world();
    let token = world.token("writer");
    let mut raw = Raw::login(&world, &token);
    // lo_unlink, by its oid.
    let call = b"\0\0\x03\xc4\0\x01\0\x01\0\x01\0\0\0\x04\0\0\0\x01\0\x01";
    let replies = raw.ask(&world, &Script::new().message(b'F', call), 1);
    assert_eq!((replies.errors(), replies.letters().as_str()), (vec!["0A000"], "EZ"), "{replies:?}");
    lives(&world, &mut raw, &replies);
    let replies = raw.ask(&world, &Script::new().message(b'F', b"\0"), 1);
    assert!(!replies.errors().is_empty(), "{replies:?}");

    // Replication is another protocol.
    for value in ["true", "database", "on", "1"] {
        let mut raw = Raw::connect(&world);
        let parameters = [("user", "whoever"), ("database", "db"), ("replication", value)];
        raw.send(&Script::new().startup(&parameters).password(&token));
        let replies = raw.replies(&world, 0);
        assert!(replies.ended() && replies.errors() == ["0A000"], "{value}: {replies:?}");
    }
    // Nothing is asked before the password, whoever sends it early.
    let mut raw = Raw::connect(&world);
    raw.send(&Script::new().startup(&[("user", "whoever"), ("database", "db")]).query(DELETE));
    let replies = raw.replies(&world, 0);
    assert!(replies.ended() && !replies.errors().is_empty(), "{replies:?}");
    // A wrong token gets an error and the end, and what stands behind it is not run.
    let mut raw = Raw::connect(&world);
    raw.send(&Raw::opening("no.such.token").query("SELECT 1"));
    let replies = raw.replies(&world, 0);
    assert!(replies.ended() && replies.rows().is_empty() && !replies.errors().is_empty(), "{replies:?}");
    // What is sent behind the password without waiting is judged like anything else.
    let mut raw = Raw::connect(&world);
    raw.send(&Raw::opening(&world.token("reader")).query(DELETE));
    raw.finish_login(&world);
    let replies = raw.replies(&world, 1);
    assert_eq!(replies.errors(), ["42501"], "{replies:?}");
    lives(&world, &mut raw, &replies);

    // Encryption is asked for once, and nothing may stand behind the question.
    let mut twice = Script::new();
    opening::write_ssl_request(&mut twice.0);
    let one = twice.clone();
    opening::write_ssl_request(&mut twice.0);
    for script in [twice, Script([&one.0[..], &Raw::opening(&token).0].concat().as_slice().into())] {
        let mut raw = Raw::connect(&world);
        raw.send(&script);
        thread::sleep(Duration::from_millis(100));
        let mut answer = Vec::new();
        let _end = raw.stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"S") && !answer.contains(&b'Z'), "{answer:?}");
    }
    let mut raw = Raw::connect(&world);
    for _ in 0..2 {
        raw.send(&one);
        thread::sleep(Duration::from_millis(100));
    }
    let mut answer = Vec::new();
    let _end = raw.stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"NE") && String::from_utf8_lossy(&answer).contains("08P01"), "{answer:?}");
    for length in [0_u32, 3, 7, 10_001, u32::MAX] {
        let mut raw = Raw::connect(&world);
        let _broken = raw.stream.write_all(&[&length.to_be_bytes()[..], &[0; 64]].concat());
        assert!(raw.replies(&world, 0).ended(), "{length}");
    }
    is_up(&world);
}

#[test]
fn a_cancel_request_needs_the_key() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("writer"));
    raw.send(&Script::new().query(DELETE));
    let pending = world.wait_pending();
    let (process, key) = raw.key.clone();
    let cancel = |process: i32, key: &[u8]| {
        let mut script = Script::new();
        opening::write_cancel_request(&mut script.0, process, key).unwrap();
        let mut other = Raw::connect(&world);
        other.send(&script);
        let mut answer = Vec::new();
        other.stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        other.stream.read_to_end(&mut answer).unwrap();
        assert!(answer.is_empty(), "nobody is told whether a key was right");
    };
    let mut wrong = key.clone();
    *wrong.last_mut().unwrap() ^= 1;
    cancel(process, &wrong);
    cancel(process ^ 1, &key);
    cancel(process, &[0; 4]);
    cancel(process, &[0; 256]);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(world.wait_pending()["id"], pending["id"], "it still waits");
    cancel(process, &key);
    let replies = raw.replies(&world, 1);
    assert_eq!(replies.errors(), ["57014"], "{replies:?}");
    lives(&world, &mut raw, &replies);
}
