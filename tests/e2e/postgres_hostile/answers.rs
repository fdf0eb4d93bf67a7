//! Answers that fit no question. Nothing of a masked value comes through ([`Raw`](crate::support::wire::Raw) looks at every frame), the
//! session ends or goes on in order, and all others go on.

use std::io::Write;
use std::time::Duration;
use std::time::Instant;

use super::is_up;
use super::login;
use super::opening;
use super::target;
use super::target::FakeTarget;
use super::target::VALUE;
use super::target::both;
use super::target::complete;
use super::target::id;
use super::target::message;
use super::target::raw;
use super::target::ready;
use super::target::report;
use super::target::row;
use super::target::texts;
use super::wait_for;
use super::world;
use crate::support::wire::Raw;
use crate::support::wire::Replies;
use crate::support::wire::Script;

/// What becomes of a session.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    /// The client is told that the stream cannot go on, and it ends.
    Ends,
    /// The statement fails with this SQLSTATE, and the session goes on.
    Fails(&'static str),
    /// It goes on as if nothing was.
    Goes,
}

/// What is sent for a query of this name, behind nothing else; and what comes of it.
fn cases() -> Vec<(&'static str, Vec<u8>, Then)> {
    let one = || texts(&["1", VALUE]);
    let done = || [complete("SELECT 1"), ready()].concat();
    let fields = |code: &str| report(b'E', "ERROR", code, &format!("no such key ({VALUE})"));
    let copy = |tag| message(tag, &[0, 0, 0]);
    let mut torn = row(&[Some(b"1"), Some(VALUE.as_bytes())]);
    torn.truncate(torn.len() - 4);
    let torn = message(b'D', &torn[5..]);
    let beyond =
        message(b'D', &[&[0, 2, 0, 0, 0, 1, b'1', 0x7f, 0xff, 0xff, 0xff], VALUE.as_bytes()].concat());
    let negative =
        message(b'D', &[&[0, 2, 0, 0, 0, 1, b'1', 0xff, 0xff, 0xff, 0xfe], VALUE.as_bytes()].concat());
    let long_row = texts(&["1", &format!("{VALUE}{}", "x".repeat(2 << 20))]);
    vec![
        ("in order", [both(), one(), done()].concat(), Then::Goes),
        ("rows without columns", [one(), done()].concat(), Then::Ends),
        ("a long row without columns", [long_row.clone(), done()].concat(), Then::Ends),
        ("a long row", [both(), long_row, done()].concat(), Then::Fails("54000")),
        ("fewer cells", [both(), texts(&[VALUE]), done()].concat(), Then::Fails("42501")),
        ("more cells", [both(), texts(&["1", "2", VALUE]), done()].concat(), Then::Fails("42501")),
        ("no cells", [both(), row(&[]), done()].concat(), Then::Fails("42501")),
        ("more cells than what passes", [id(), texts(&["1", VALUE]), done()].concat(), Then::Fails("42501")),
        ("a torn row", [both(), torn, done()].concat(), Then::Fails("42501")),
        ("a cell beyond its row", [both(), beyond, done()].concat(), Then::Fails("42501")),
        ("a cell of length -2", [both(), negative, done()].concat(), Then::Fails("42501")),
        ("columns twice", [id(), both(), one(), done()].concat(), Then::Goes),
        (
            "rows behind the end",
            [id(), texts(&["1"]), complete("SELECT 1"), one(), ready()].concat(),
            Then::Ends,
        ),
        ("two ends", [both(), complete("SELECT 0"), complete("SELECT 0"), ready()].concat(), Then::Ends),
        ("an end too many", [both(), one(), done(), complete("SELECT 1")].concat(), Then::Ends),
        ("ready twice", [both(), one(), done(), ready()].concat(), Then::Ends),
        ("rows that nobody asked for", [both(), one(), done(), both(), one(), done()].concat(), Then::Ends),
        ("ready at once", ready(), Then::Ends),
        ("ready in no known way", [both(), complete("SELECT 0"), message(b'Z', b"Q")].concat(), Then::Ends),
        ("ready in two ways", [both(), complete("SELECT 0"), message(b'Z', b"II")].concat(), Then::Ends),
        (
            "copies out",
            [copy(b'H'), message(b'd', VALUE.as_bytes()), copy(b'c'), done()].concat(),
            Then::Ends,
        ),
        ("copies in", [copy(b'G'), done()].concat(), Then::Ends),
        ("copies both ways", [copy(b'W'), done()].concat(), Then::Ends),
        ("copied data alone", [message(b'd', VALUE.as_bytes()), done()].concat(), Then::Ends),
        ("the answer to a call", [message(b'V', &[0, 0, 0, 1, b'x']), ready()].concat(), Then::Ends),
        ("the answer to a Parse", [message(b'1', b""), done()].concat(), Then::Ends),
        ("the answer to a Bind", [message(b'2', b""), done()].concat(), Then::Ends),
        ("the answer to a Describe", [message(b'n', b""), done()].concat(), Then::Ends),
        ("a portal that rests", [both(), one(), message(b's', b""), ready()].concat(), Then::Ends),
        ("wants a password", message(b'R', &[0, 0, 0, 3]), Then::Ends),
        ("is in again", message(b'R', &[0, 0, 0, 0]), Then::Ends),
        ("another key", message(b'K', &[0; 8]), Then::Ends),
        ("another version", message(b'v', &[0; 8]), Then::Ends),
        ("another encoding", message(b'S', b"client_encoding\0SJIS\0"), Then::Ends),
        ("a setting without a value", message(b'S', b"client_encoding\0"), Then::Ends),
        ("no known type", [both(), message(b'x', VALUE.as_bytes()), done()].concat(), Then::Ends),
        ("type 255", message(255, VALUE.as_bytes()), Then::Ends),
        ("type 0", message(0, VALUE.as_bytes()), Then::Ends),
        ("length 0", raw(b'D', 0, VALUE.as_bytes()), Then::Ends),
        ("length 3", raw(b'D', 3, VALUE.as_bytes()), Then::Ends),
        ("length -1", raw(b'D', -1, VALUE.as_bytes()), Then::Ends),
        ("length 2^31-1", raw(b'D', i32::MAX, VALUE.as_bytes()), Then::Ends),
        ("an end of length 2^31-1", raw(b'C', i32::MAX, b"SELECT 1\0"), Then::Ends),
        ("an end without an end", message(b'C', b"SELECT 1"), Then::Ends),
        ("fewer columns than told", message(b'T', &[0, 2, b'x', 0]), Then::Ends),
        ("columns less than none", message(b'T', &[0xff, 0xff]), Then::Ends),
        ("an error with a value", [fields("23505"), ready()].concat(), Then::Fails("23505")),
        ("a state that is none", [fields("\",\"x"), ready()].concat(), Then::Fails("\",\"x")),
        ("an error of nothing", [message(b'E', b"\0"), ready()].concat(), Then::Fails("")),
        ("an error without an end", [message(b'E', b"SERROR"), ready()].concat(), Then::Ends),
        ("an error that nobody asked for", [both(), one(), done(), fields("23505")].concat(), Then::Ends),
        ("two errors", [fields("23505"), fields("23505"), ready()].concat(), Then::Ends),
        ("rows behind an error", [fields("23505"), both(), one(), done()].concat(), Then::Ends),
    ]
}

#[test]
fn what_fits_no_question_ends_one_session_and_gives_nothing_away() {
    let target = FakeTarget::start(Box::new(|sql, stream| {
        let name = sql.split("-- ").nth(1).unwrap_or_default();
        let answer = cases().into_iter().find(|(case, ..)| *case == name).map(|(_, answer, _)| answer);
        stream.write_all(&answer.unwrap_or_else(|| [complete("SELECT 0"), ready()].concat()))
    }));
    let world = world(&target);
    let token = world.token("reader");
    for (name, _, then) in cases() {
        let mut raw = login(&world, "masked", &token);
        raw.send(&Script::new().query(&format!("SELECT id, ssn FROM customers -- {name}")));
        let mut replies = raw.replies(&world, 1);
        if then == Then::Ends && !replies.ended() {
            // What nobody has asked for may come behind the end of what was.
            replies.said.extend(raw.replies(&world, 0).said);
        }
        match then {
            Then::Ends => {
                let state = replies.errors().last().copied().unwrap_or_default();
                assert!(replies.ended() && ["08006", "08P01"].contains(&state), "{name}: {replies:?}");
                assert!(replies.of('G').is_empty() && replies.of('H').is_empty(), "{name}: {replies:?}");
            }
            Then::Fails(state) => {
                assert_eq!(replies.errors().first(), Some(&state), "{name}: {replies:?} {}", world.log());
                assert!(replies.rows().is_empty() && !replies.ended(), "{name}: {replies:?}");
            }
            Then::Goes => assert_eq!(replies.rows(), ["1|***-**-1120"], "{name}: {replies:?}"),
        }
        if then != Then::Ends {
            let replies = raw.ask(&world, &Script::new().query("SELECT 1"), 1);
            assert!(replies.letters().ends_with("CZ"), "{name}, then {replies:?}");
        }
    }
    is_up(&world, &token);
    // All of it is recorded, and read without harm.
    let sessions = world.list(&["session", "list", "--connection", "masked", "--limit", "500"]);
    assert_eq!(sessions.len(), cases().len());
    for session in sessions {
        let events = world.events(session["id"].as_str().unwrap());
        assert!(!format!("{events:?}").contains(VALUE), "{events:?}");
    }
    world.ok(&["session", "verify", "--all"]);
    assert!(!world.log().contains(VALUE));
}

/// An answer to a series of extended messages: `Parse`, `Bind`, what the gateway itself asks, `Execute`, `Sync`.
#[test]
fn a_series_is_answered_in_its_order_or_not_at_all() {
    let series =
        |middle: &[Vec<u8>]| [&[message(b'1', b""), message(b'2', b"")][..], middle].concat().concat();
    let one = texts(&["1", VALUE]);
    let (end, nothing) = (complete("SELECT 1"), message(b'n', b""));
    let cases = [
        ("in order", series(&[both(), one.clone(), end.clone(), ready()]), Then::Goes),
        (
            "no columns, but rows",
            series(&[nothing.clone(), one.clone(), end.clone(), ready()]),
            Then::Fails("42501"),
        ),
        ("columns left out", series(&[one.clone(), end.clone(), ready()]), Then::Ends),
        ("columns twice", series(&[id(), both(), one.clone(), end.clone(), ready()]), Then::Ends),
        ("two ends", series(&[both(), one.clone(), end.clone(), end.clone(), ready()]), Then::Ends),
        ("an end, then rows", series(&[both(), end.clone(), one.clone(), ready()]), Then::Ends),
        ("bound twice", series(&[message(b'2', b""), both(), one.clone(), end.clone(), ready()]), Then::Ends),
        ("copies out", series(&[nothing, message(b'H', &[0, 0, 0]), end.clone(), ready()]), Then::Ends),
        ("ready too soon", series(&[both(), ready()]), Then::Ends),
        (
            "another order",
            [message(b'2', b""), message(b'1', b""), both(), one, end, ready()].concat(),
            Then::Ends,
        ),
    ];
    let answers = cases.clone();
    let target = FakeTarget::start(Box::new(move |sql, stream| {
        let name = sql.split("-- ").nth(1).unwrap_or_default();
        let answer = answers.iter().find(|(case, ..)| *case == name).map(|(_, answer, _)| answer.clone());
        stream.write_all(&answer.unwrap_or_else(|| [complete("SELECT 0"), ready()].concat()))
    }));
    let world = world(&target);
    let token = world.token("reader");
    for (name, _, then) in cases {
        let mut raw = login(&world, "masked", &token);
        let sql = format!("SELECT id, ssn FROM customers -- {name}");
        let replies = raw.ask(&world, &Script::new().run(&sql).sync(), 1);
        match then {
            Then::Ends => assert!(replies.ended() && replies.errors() == ["08006"], "{name}: {replies:?}"),
            Then::Fails(state) => {
                assert_eq!((replies.errors(), replies.ended()), (vec![state], false), "{name}: {replies:?}");
            }
            Then::Goes => assert_eq!(replies.rows(), ["1|***-**-1120"], "{name}: {replies:?}"),
        }
        let masked = replies.rows().iter().all(|row| *row == "1|***-**-1120");
        assert!(masked && (then != Then::Fails("42501") || replies.rows().is_empty()), "{name}: {replies:?}");
    }
    is_up(&world, &token);
}

#[test]
fn absurd_columns_pass_or_end_the_session_and_the_recording_stays_readable() {
    // 65,535 columns are more than a megabyte whatever their names are: no server has so many, and nobody looks at that much.
    let columns = |count: usize, name: &str| target::description(&vec![(name, 0, 0, 23); count]);
    let nulls = |count: usize| row(&vec![None; count]);
    let absurd = "\u{1b}[2J\"},{\"\u{202e}\\\n\u{7f}%s' --";
    let long = "ä".repeat(200_000);
    let target = FakeTarget::start(Box::new(move |sql, stream| {
        let (count, name) = match sql.split("-- ").nth(1) {
            Some("all") => (65_535, "x"),
            Some("many") => (50_000, "x"),
            Some("absurd") => (1600, absurd),
            Some("long") => (2, long.as_str()),
            _ => (1, ""),
        };
        stream.write_all(&[columns(count, name), nulls(count), complete("SELECT 1"), ready()].concat())
    }));
    let world = world(&target);
    let token = world.token("reader");
    for (name, ends) in [("all", true), ("many", false), ("absurd", false), ("long", false), ("none", false)]
    {
        for connection in ["plain", "masked"] {
            let mut raw = login(&world, connection, &token);
            raw.send(&Script::new().query(&format!("SELECT upper(ssn) FROM customers -- {name}")));
            let mut stream = raw.stream.try_clone().unwrap();
            let end = last_message(&mut stream);
            assert_eq!(end == b'E', ends, "{connection} {name}: {}", world.log());
        }
    }
    is_up(&world, &token);
    for connection in ["plain", "masked"] {
        for session in world.list(&["session", "list", "--connection", connection]) {
            let session = session["id"].as_str().unwrap().to_owned();
            // Reading them fails where a line is no JSON.
            let events = world.events(&session);
            assert!(events.iter().any(|event| event["kind"] == "sql.query"), "{events:?}");
            let shown = world.ok(&["session", "show", &session]);
            assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown:?}");
        }
    }
    world.ok(&["session", "verify", "--all"]);
}

/// Reads messages up to `ReadyForQuery` or the end of the stream; gives the type of the last one, error or not.
fn last_message(stream: &mut std::net::TcpStream) -> u8 {
    use std::io::Read;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut last = 0;
    loop {
        let mut head = [0; 5];
        if stream.read_exact(&mut head).is_err() {
            return last;
        }
        last = head[0];
        let length = u32::from_be_bytes(head[1..].try_into().unwrap());
        let mut body = vec![0; usize::try_from(length).unwrap() - 4];
        if stream.read_exact(&mut body).is_err() || last == b'Z' {
            return last;
        }
    }
}

#[test]
fn a_target_that_falls_silent_holds_no_session_against_an_operator() {
    let target = FakeTarget::start(Box::new(|sql, stream| match sql.split("-- ").nth(1) {
        Some("never") => Ok(()),
        Some("half a row") => stream.write_all(&[both(), texts(&["1", VALUE])[..12].to_vec()].concat()),
        Some("half a long row") => {
            let row = texts(&["1", &"x".repeat(4 << 20)]);
            stream.write_all(&[id(), row[..2 << 20].to_vec()].concat())
        }
        Some("half a row and goes") => {
            stream.write_all(&[both(), texts(&["1", VALUE])[..12].to_vec()].concat())?;
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        Some("goes") => Err(std::io::ErrorKind::BrokenPipe.into()),
        Some("fatal") => {
            let words = "role \"gateway\" of host 10.0.0.9 is gone";
            stream.write_all(&[both(), report(b'E', "FATAL", "57P01", words)].concat())?;
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        _ => stream.write_all(&[complete("SELECT 0"), ready()].concat()),
    }));
    let world = world(&target);
    let token = world.token("reader");
    for (case, connection) in [("never", "masked"), ("half a row", "masked"), ("half a long row", "plain")] {
        let mut raw = login(&world, connection, &token);
        let session = newest(&world, connection);
        target.heard();
        raw.send(&Script::new().query(&format!("SELECT id FROM customers -- {case}")));
        wait_for("the query is there", &world, || target.heard().contains('Q'));
        let begin = Instant::now();
        world.ok(&["session", "kill", &session, "--yes"]);
        if case == "half a long row" {
            // It is in the middle of a message: there is no word for it, but an end.
            last_message(&mut raw.stream);
        } else {
            let replies = raw.replies(&world, 0);
            assert!(replies.ended() && replies.errors() == ["57P01"], "{case}: {replies:?}");
        }
        assert!(begin.elapsed() < Duration::from_secs(5), "{case}");
        wait_for("what runs is cancelled", &world, || target.heard().contains('!'));
        let events = world.events(&session);
        let last = events.last().unwrap();
        assert_eq!(
            (&last["kind"], &last["data"]["reason"]),
            (&"session.end".into(), &"killed".into()),
            "{last}"
        );
        assert!(events.iter().any(|event| event["data"]["end"] == "cut"), "{events:?}");
    }
    for (case, state) in [("half a row and goes", "08006"), ("goes", "08006"), ("fatal", "57P01")] {
        let mut raw = login(&world, "masked", &token);
        let session = newest(&world, "masked");
        let replies =
            raw.ask(&world, &Script::new().query(&format!("SELECT id FROM customers -- {case}")), 0);
        assert!(replies.ended() && replies.errors() == [state], "{case}: {replies:?}");
        assert!(!format!("{replies:?}").contains("10.0.0.9"), "{replies:?}");
        wait_for("the end is recorded", &world, || ended(&world, &session).is_some());
        let events = world.events(&session);
        let told =
            events.iter().any(|event| event["kind"] == "error" && event["data"]["reason"] == "target_closed");
        assert!(told, "{case}: {events:?}");
    }
    is_up(&world, &token);
}

/// The session that was begun last on a connection.
fn newest(world: &crate::support::World, connection: &str) -> String {
    let sessions = world.list(&["session", "list", "--connection", connection, "--limit", "500"]);
    sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()).max().unwrap()
}

/// Why a session ended, once it is recorded.
fn ended(world: &crate::support::World, session: &str) -> Option<String> {
    let events = world.events(session);
    let end = events.iter().find(|event| event["kind"] == "session.end")?;
    Some(end["data"]["reason"].as_str().unwrap().to_owned())
}

#[test]
fn a_target_that_wants_no_proof_gets_no_session_unless_that_is_accepted() {
    let target = FakeTarget::start(Box::new(|_sql, stream| {
        stream.write_all(&[complete("SELECT 0"), ready()].concat())
    }));
    let world = world(&target);
    let token = world.token("reader");
    let mut raw = Raw::connect(&world);
    raw.send(&opening("untrusted", &token).query("SELECT 1"));
    let replies: Replies = raw.replies(&world, 0);
    assert!(replies.ended() && replies.errors() == ["57P03"], "{replies:?}");
    assert_eq!(target.heard(), "", "neither a password nor a query is sent there");
    assert!(
        world.log().contains("accept_trust"),
        "the operator is told what would accept it: {}",
        world.log()
    );
    // And with it there is one, in which the client's token is sent nowhere.
    let mut raw = login(&world, "plain", &token);
    raw.ask(&world, &Script::new().query("SELECT 1"), 1);
    assert_eq!(target.heard(), "Q");
}
