//! A gigabyte: rows of the real server, messages of a client; and as many parameters as there can be.

use std::io::Read;
use std::io::Write;
use std::time::Duration;

use bytes::BytesMut;
use hoopctl::protocol::postgres::wire::front;
use hoopctl::protocol::postgres::wire::front::Binding;

use super::MASKS;
use super::Memory;
use super::RULES;
use crate::support::World;
use crate::support::database::Database;
use crate::support::wire::Raw;
use crate::support::wire::Script;

/// How long the text of the row is: several times what the gateway may keep, or on request nearly as long as the server can make it.
fn length() -> usize {
    let long = std::env::var("HOOPCTL_LONG_TESTS").is_ok_and(|value| value == "1");
    if long { 900_000_000 } else { 200_000_000 }
}

/// How much more memory the gateway may have, in MiB.
const MOST: u64 = 64;

/// What came of a query whose answer is too long to be kept here.
#[derive(Debug, Default, PartialEq)]
struct Long {
    /// How many bytes rows had.
    rows: usize,
    /// The beginning of the errors, as they were sent.
    errors: String,
}

/// Reads up to `ReadyForQuery`, and keeps next to nothing.
fn read(raw: &mut Raw, world: &World) -> Long {
    let mut stream = std::io::BufReader::with_capacity(1 << 20, &raw.stream);
    raw.stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let mut found = Long::default();
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap_or_else(|error| panic!("{error}: {found:?} {}", world.log()));
        let length = u64::from(u32::from_be_bytes(head[1..].try_into().unwrap())) - 4;
        let mut body = stream.by_ref().take(length);
        match head[0] {
            b'D' => {
                found.rows +=
                    usize::try_from(std::io::copy(&mut body, &mut std::io::sink()).unwrap()).unwrap();
            }
            tag => {
                let mut kept = Vec::new();
                body.read_to_end(&mut kept).unwrap();
                if tag == b'E' {
                    found.errors += &String::from_utf8_lossy(&kept).replace('\0', "|");
                }
                if tag == b'Z' {
                    return found;
                }
            }
        }
    }
}

fn world() -> World {
    World::with_database(Database::new("GRANT pg_read_all_stats TO gateway;\n"), RULES)
}

#[test]
fn a_row_longer_than_any_room_passes_in_pieces_or_is_withheld() {
    let world = world();
    let token = world.token("reader");
    let length = length();
    let sql = format!("SELECT repeat('x', {length})");
    for script in [Script::new().query(&sql), Script::new().run(&sql).sync()] {
        let mut raw = Raw::login(&world, &token);
        let memory = Memory::watch(&world);
        raw.send(&script);
        let found = read(&mut raw, &world);
        assert_eq!(found, Long { rows: length + 6, errors: String::new() });
        assert!(memory.growth() < MOST, "{} MiB", memory.growth());
        let replies = raw.ask(&world, &Script::new().query("SELECT 1"), 1);
        assert_eq!(replies.rows(), ["1"]);
    }
    let events = world.events(&world.last_session());
    let done = events.iter().find(|event| event["kind"] == "sql.done").unwrap();
    assert!(done["data"]["bytes"].as_u64().unwrap() > length as u64, "{done}");
    assert!(events.iter().all(|event| event.to_string().len() < 4 << 20), "what is kept of it is bounded");

    // Where values are masked nobody can look at all of it, so nothing of it passes.
    world.write_config(&format!("{RULES}{MASKS}"));
    assert_eq!(world.cli(&["config", "reload"]).0, 0, "{}", world.log());
    for script in [Script::new().query(&sql), Script::new().run(&sql).sync()] {
        let mut raw = Raw::login(&world, &token);
        let memory = Memory::watch(&world);
        raw.send(&script);
        let found = read(&mut raw, &world);
        assert_eq!(found.rows, 0, "{found:?}");
        assert!(found.errors.contains("|C54000|Ma row is too long to be masked|"), "{found:?}");
        assert!(memory.growth() < MOST, "{} MiB", memory.growth());
        let replies = raw.ask(&world, &Script::new().query("SELECT ssn FROM customers WHERE id = 1"), 1);
        assert_eq!(replies.rows(), ["***-**-1001"]);
    }
}

#[test]
fn a_message_of_a_gigabyte_is_refused_and_kept_nowhere() {
    let world = world();
    let token = world.token("reader");
    let piece = vec![b'x'; 1 << 20];
    for tag in [b'Q', b'P', b'B', b'd', b'F'] {
        // More than any message may have: no byte of it is waited for.
        let mut raw = Raw::login(&world, &token);
        let memory = Memory::watch(&world);
        raw.send(&Script::new().raw(tag, 0x4000_0000, b"x"));
        let replies = raw.replies(&world, 0);
        assert!(replies.ended() && replies.errors() == ["08P01"], "{tag}: {replies:?}");
        // As much as one may have: its bytes are passed over as they come.
        let mut raw = Raw::login(&world, &token);
        raw.send(&Script::new().raw(tag, 0x3fff_ffff, b"x"));
        for _ in 0..100 {
            raw.stream.write_all(&piece).unwrap();
        }
        assert!(memory.growth() < 16, "{tag}: {} MiB", memory.growth());
    }
    // One that comes whole is answered, and the session goes on.
    for (tag, sync) in [(b'Q', false), (b'P', true), (b'B', true)] {
        let mut raw = Raw::login(&world, &token);
        let memory = Memory::watch(&world);
        raw.send(&Script::new().raw(tag, (256 << 20) + 4, b""));
        for _ in 0..256 {
            raw.stream.write_all(&piece).unwrap();
        }
        let rest = if sync { Script::new().sync() } else { Script::new() };
        let replies = raw.ask(&world, &rest, 1);
        assert_eq!(replies.errors(), ["54000"], "{tag}: {replies:?}");
        assert!(memory.growth() < 16, "{tag}: {} MiB", memory.growth());
        let replies = raw.ask(&world, &Script::new().query("SELECT 1"), 1);
        assert_eq!(replies.rows(), ["1"], "{tag}: {replies:?}");
    }
}

#[test]
fn statements_of_ten_megabytes_are_judged_or_refused() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("reader"));
    let literal = |length: usize| format!("SELECT length('{}')", "x".repeat(length));
    let lists = |unit: &str, count: usize| format!("SELECT {}1", unit.repeat(count));
    let drop = format!("SELECT '{}'; DROP TABLE orders", "x".repeat(9_000_000));
    // The parser's limit; what is longer is a value, and values are bound.
    let most = 1 << 20;
    for (what, sql, answer) in [
        ("a literal", literal(most - 100), Ok("1048476")),
        ("a longer literal", literal(most), Err("longer than 1048576 bytes")),
        ("ten megabytes", literal(10_000_000), Err("longer than 1048576 bytes")),
        ("a message that is not kept", literal(11_000_000), Err("raise limits.body")),
        ("words within the limit", lists("1,", 500_000), Err("too many words")),
        ("many words", lists("1,", 4_900_000), Err("longer than")),
        ("deep", lists("(", 4_900_000), Err("longer than")),
        ("many statements", "SELECT 1;".repeat(1_000_000), Err("longer than")),
        ("comments", format!("{}SELECT 1", "/**/ ".repeat(150_000)), Ok("1")),
        // PostgreSQL's own scanner takes minutes for these.
        ("comments in a row", format!("SELECT {}1", "/**/".repeat(200_000)), Err("in a row")),
        ("signs in a row", format!("SELECT {}1", "+".repeat(900_000)), Err("in a row")),
        ("what hides behind", drop, Err("longer than")),
        ("digits", format!("SELECT 1{} > 0", "0".repeat(100_000)), Ok("t")),
    ] {
        let memory = Memory::watch(&world);
        let replies = raw.ask(&world, &Script::new().query(&sql), 1);
        match answer {
            Ok(row) => assert_eq!((replies.rows(), replies.errors()), (vec![row], vec![]), "{what}"),
            Err(words) => {
                let said = replies.of('E').join(" ");
                assert!(replies.rows().is_empty() && said.contains(words), "{what}: {replies:?}");
                assert_eq!(replies.errors(), ["54000"], "{what}: {replies:?}");
            }
        }
        assert!(memory.growth() < 600, "{what}: {} MiB", memory.growth());
    }
    assert_eq!(world.direct("SELECT count(*) FROM orders"), "50");
    // Ten megabytes as a value.
    let value = "x".repeat(10_000_000);
    let mut script = BytesMut::new();
    front::write_parse(&mut script, b"", b"SELECT length($1)", &[25]).unwrap();
    let values = [Some(value.as_bytes())];
    let binding = Binding { portal: b"", statement: b"", formats: &[], values: &values, results: &[] };
    front::write_bind(&mut script, &binding).unwrap();
    let replies = raw.ask(&world, &Script(script).execute("").sync(), 1);
    assert_eq!((replies.rows(), replies.errors()), (vec!["10000000"], vec![]));
}

#[test]
fn as_many_parameters_as_there_can_be_pass_and_are_recorded() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("reader"));
    let types = vec![25_u32; 65_535];
    let (one, last): (&[u8], &[u8]) = (b"x", b"the last");
    let mut values = vec![Some(one); 65_535];
    values[65_534] = Some(last);
    let mut script = BytesMut::new();
    front::write_parse(&mut script, b"", b"SELECT $65535", &types).unwrap();
    let binding = Binding { portal: b"", statement: b"", formats: &[], values: &values, results: &[] };
    front::write_bind(&mut script, &binding).unwrap();
    let replies = raw.ask(&world, &Script(script).execute("").sync(), 1);
    assert_eq!((replies.rows(), replies.errors()), (vec!["the last"], vec![]), "{}", world.log());
    // One fewer than the statement has.
    let mut script = BytesMut::new();
    let binding = Binding { values: &values[1..], ..binding };
    front::write_parse(&mut script, b"", b"SELECT $65535", &types).unwrap();
    front::write_bind(&mut script, &binding).unwrap();
    let replies = raw.ask(&world, &Script(script).execute("").sync(), 1);
    assert_eq!(replies.errors(), ["08P01"], "{replies:?}");
    let events = world.events(&world.last_session());
    let query = events.iter().find(|event| event["kind"] == "sql.query").unwrap();
    assert_eq!(query["data"]["params"].as_array().unwrap().len(), 65_535);
    assert_eq!(query["data"]["params"][65_534], "the last");
}
