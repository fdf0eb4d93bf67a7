//! Copying in, and more than anybody reads.

use std::io::Read;
use std::io::Write;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::LEAK;
use super::MASKS;
use super::lives;
use super::orders;
use super::world;
use crate::support::World;
use crate::support::database::Database;
use crate::support::database::WRITE_RULES;
use crate::support::wire::Raw;
use crate::support::wire::Script;

const COPY: &str = "COPY orders (id, note) FROM STDIN";

/// Data that is copied in and its end, behind whatever came before.
fn data(script: Script) -> Script {
    script.message(b'd', b"1001\tcop").message(b'd', b"ied\n1002\tcopied\n").message(b'c', b"")
}

fn copied(world: &World) -> String {
    world.direct("SELECT count(*) FROM orders WHERE note = 'copied'")
}

#[test]
fn copying_in_works_for_who_may_with_every_order_of_messages() {
    let world = World::with_database(Database::new(""), &format!("{WRITE_RULES}{MASKS}"));
    let mut raw = Raw::login(&world, &world.token("reader"));
    for (script, ready) in [
        // The Sync is sent at once: the server passes it over, since it waits for data by then.
        (data(Script::new().run(COPY).sync()).sync(), 1),
        (data(Script::new().run(COPY)).sync(), 1),
        (data(Script::new().run(COPY).flush()).sync(), 1),
        (data(Script::new().query(COPY)), 1),
    ] {
        let replies = raw.ask(&world, &script, ready);
        assert_eq!(replies.of('C'), ["COPY 2"], "{replies:?} {}", world.log());
        assert_eq!(copied(&world), "2");
        world.direct("DELETE FROM orders WHERE note = 'copied'");
        lives(&world, &mut raw, &replies);
    }
    // The data comes later than the Sync.
    raw.send(&Script::new().run(COPY).sync());
    thread::sleep(Duration::from_millis(200));
    let replies = raw.ask(&world, &data(Script::new()).sync(), 1);
    assert_eq!((replies.of('C'), copied(&world)), (vec!["COPY 2"], "2".to_owned()), "{replies:?}");
    world.direct("DELETE FROM orders WHERE note = 'copied'");
    // Behind the data, in the same series: what is denied undoes the copy, and does not run in its shadow.
    let script = data(Script::new().run(COPY)).run("CREATE ROLE mallory").sync();
    let replies = raw.ask(&world, &script, 1);
    assert_eq!((replies.errors(), copied(&world)), (vec!["42501"], "0".to_owned()), "{replies:?}");
    lives(&world, &mut raw, &replies);
    // Given up, and cut by what does not belong there.
    let replies =
        raw.ask(&world, &Script::new().query(COPY).message(b'd', b"1001\tx\n").message(b'f', b"no\0"), 1);
    assert_eq!(replies.errors(), ["57014"], "{replies:?}");
    lives(&world, &mut raw, &replies);
    raw.send(&Script::new().query(COPY).message(b'd', b"1001\tx\n"));
    thread::sleep(Duration::from_millis(200));
    raw.send(&Script::new().query("DELETE FROM orders").terminate());
    let replies = raw.replies(&world, 0);
    assert!(replies.ended(), "{replies:?}");
    // Who may write may delete too; but this was no statement, it was a break of the protocol in a copy.
    assert_eq!(orders(&world), "50", "{replies:?}");
}

#[test]
fn a_sync_behind_data_that_fails_is_answered_as_the_server_would() {
    let world = World::with_database(Database::new(""), &format!("{WRITE_RULES}{MASKS}"));
    let mut raw = Raw::login(&world, &world.token("reader"));
    let bad = |script: Script| script.message(b'd', b"no number\tx\n");
    for (script, ready) in [
        // The client ends its data with nothing but a Sync.
        (bad(Script::new().run(COPY)).sync(), 1),
        (bad(Script::new().run(COPY).flush()).sync(), 1),
        (bad(Script::new().run(COPY).sync()).sync(), 1),
        (bad(Script::new().run(COPY)).sync().sync(), 2),
        // A simple query has its own end; a Sync behind it gets another one.
        (bad(Script::new().query(COPY)).sync(), 2),
        // With the end of the data before it, or sent early, it is one Sync as ever.
        (bad(Script::new().run(COPY)).message(b'c', b"").sync(), 1),
        (bad(Script::new().run(COPY).flush().sync()).message(b'c', b"").sync(), 1),
    ] {
        let replies = raw.ask(&world, &script, ready);
        assert_eq!(replies.errors(), ["22P02"], "{replies:?} {}", world.log());
        // Nothing more comes: the next answer is the next one's.
        lives(&world, &mut raw, &replies);
    }
    // It comes before the server has said that the copy failed: it is answered when that is known.
    raw.send(&Script::new().run(COPY).flush());
    thread::sleep(Duration::from_millis(200));
    raw.send(&Script::new().message(b'd', b"1001\tcopied\n").sync());
    thread::sleep(Duration::from_millis(200));
    let replies = raw.ask(&world, &bad(Script::new()).sync(), 1);
    assert_eq!((replies.errors(), copied(&world)), (vec!["22P02"], "0".to_owned()), "{replies:?}");
    lives(&world, &mut raw, &replies);
}

#[test]
fn a_copy_that_is_denied_takes_no_data() {
    let world = world();
    let mut reader = Raw::login(&world, &world.token("reader"));
    let mut writer = Raw::login(&world, &world.token("writer"));
    for (script, ready) in [
        (data(Script::new().run(COPY).sync()).sync(), 2),
        (data(Script::new().run(COPY)).sync(), 1),
        (data(Script::new().query(COPY)), 1),
    ] {
        for (raw, held) in [(&mut reader, 0), (&mut writer, 1)] {
            let replies = raw.ask(&world, &script, ready);
            assert_eq!((replies.errors(), replies.held.len()), (vec!["42501"], held), "{replies:?}");
            assert!(replies.of('G').is_empty(), "{replies:?}");
            assert_eq!(copied(&world), "0");
            lives(&world, raw, &replies);
        }
    }
    // Data that nothing asked for.
    let replies = reader.ask(&world, &data(Script::new()).sync(), 1);
    lives(&world, &mut reader, &replies);
    // Data in place of statements: it is data, whatever it looks like.
    let statement = Script::new().query("DELETE FROM orders");
    let replies = reader.ask(&world, &Script::new().message(b'd', &statement.0).sync(), 1);
    lives(&world, &mut reader, &replies);
}

#[test]
fn a_client_that_leaves_with_much_sent_ahead_is_missed() {
    let world = world();
    for all in [false, true] {
        let mut raw = Raw::login(&world, &world.token("writer"));
        raw.send(&Script::new().query("DELETE FROM orders"));
        let pending = world.wait_pending();
        // More than is read ahead; the second time more than the system takes as well.
        let query = Script::new().query(&format!("SELECT 1 /* {} */", "y".repeat(32 << 10)));
        raw.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        for _ in 0..(if all { 2_000 } else { 9 }) {
            if raw.stream.write_all(&query.0).is_err() {
                break;
            }
        }
        // What has been said so far is read, so that the system closes without a reset.
        let mut bytes = vec![0; 64 << 10];
        while raw.stream.read(&mut bytes).is_ok_and(|read| read > 0) {}
        drop(raw);
        let begin = Instant::now();
        loop {
            let approval = world.json(&["approval", "show", pending["id"].as_str().unwrap()]);
            if approval["state"] == "cancelled" {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(8), "{all} {approval}");
            thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(orders(&world), "50");
    }
}

/// A statement of a client waits for a lock; behind it stands so much that the gateway reads no more before it is answered.
#[test]
fn a_client_that_leaves_while_it_has_to_wait_ends_what_it_runs() {
    let world = World::with_database(Database::new(""), WRITE_RULES);
    let token = world.token("reader");
    let mut keeper = Raw::login(&world, &token);
    let lock = Script::new().query("BEGIN").query("LOCK TABLE orders");
    let replies = keeper.ask(&world, &lock, 2);
    assert!(replies.errors().is_empty(), "{replies:?}");
    let waits = || {
        let waiting = "wait_event_type = 'Lock' AND query LIKE 'SELECT note FROM orders%'";
        world.direct(&format!("SELECT count(*) FROM pg_stat_activity WHERE {waiting}"))
    };
    let syncs = (0..17_000).fold(Script::new(), |script, _| script.sync());
    let row = Script::new().query(COPY).message(b'd', b"1001\tcopied\n");
    for (what, behind) in [
        ("nothing", Script::new()),
        ("three queries", (0..3).fold(Script::new(), |script, _| script.query("SELECT 1"))),
        ("more answers than are kept in mind", syncs),
        ("data to copy in", row),
        (
            "a name that hangs on what is not answered",
            Script::new().query("SET search_path = public").run(LEAK),
        ),
    ] {
        let mut raw = Raw::login(&world, &token);
        raw.send(&Script::new().query("SELECT note FROM orders"));
        raw.send(&behind);
        let until = |count: &str| {
            let begin = Instant::now();
            while waits() != count {
                assert!(begin.elapsed() < Duration::from_secs(3), "{what} {count} {}", world.log());
                thread::sleep(Duration::from_millis(20));
            }
        };
        until("1");
        // All of it is on its way, and the gateway has come to where it waits.
        thread::sleep(Duration::from_millis(500));
        assert_eq!(waits(), "1", "{what}");
        drop(raw);
        until("0");
    }
    drop(keeper);
    assert_eq!(copied(&world), "0");
}

#[test]
fn a_client_that_only_sends_gets_all_its_answers_in_the_end() {
    let world = world();
    let mut raw = Raw::login(&world, &world.token("reader"));
    let syncs = (0..20_000).fold(Script::new(), |script, _| script.sync());
    let replies = raw.ask(&world, &syncs, 20_000);
    assert_eq!(replies.letters(), "Z".repeat(20_000));
    lives(&world, &mut raw, &replies);

    // 2 MB each way; nothing is read for a while.
    let sql = format!("SELECT repeat('x', 1000) /* {} */", "y".repeat(1000));
    let queries = (0..2_000).fold(Script::new(), |script, _| script.query(&sql));
    let mut stream = raw.stream.try_clone().unwrap();
    let writer = thread::spawn(move || stream.write_all(&queries.0).unwrap());
    thread::sleep(Duration::from_secs(2));
    let replies = raw.replies(&world, 2_000);
    writer.join().unwrap();
    assert_eq!(replies.letters(), "TDCZ".repeat(2_000));
    assert!(replies.rows().iter().all(|row| row.len() == 1000));
    lives(&world, &mut raw, &replies);
    // One large series, with a name in it that is made anew each time.
    let series = (0..1_000).fold(Script::new(), |script, number| {
        script.parse("", &format!("SELECT {number}")).bind("", "").execute("")
    });
    let replies = raw.ask(&world, &series.sync(), 1);
    let wanted: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
    assert_eq!(replies.rows(), wanted);
    lives(&world, &mut raw, &replies);
}
