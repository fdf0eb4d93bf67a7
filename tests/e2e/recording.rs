//! The recording: complete, replayable, and any change of it is found.

use std::time::Duration;

use crate::support::World;
use crate::support::steps::wait_for;
use crate::support::world::RULES;

/// A session with a read, a refused delete and a masked value.
fn recorded(world: &World) -> String {
    let token = world.token("writer");
    let reply = world.get("/c/crm/customers/7", Some(&token));
    world.send("DELETE", "/c/crm/customers/7", Some(&token), &[], None);
    reply.header("hoopctl-session").unwrap().to_owned()
}

#[test]
fn a_session_can_be_listed_shown_searched_replayed_exported_and_verified() {
    let world = World::new();
    let session = recorded(&world);
    let listed = world.list(&["session", "list"]);
    let row = listed.iter().find(|row| row["id"] == session.as_str()).expect("it is listed");
    assert_eq!((&row["principal"], &row["connection"]), (&"idp/writer".into(), &"crm".into()));
    for form in ["table", "json", "jsonl", "csv"] {
        world.ok(&["session", "list", "-o", form]);
    }
    world.ok(&["session", "show", &session]);
    let replay = world.ok(&["replay", &session]);
    for wanted in ["GET /customers/7", "200", "***-**-1120", "DELETE /customers/7", "no-deletes"] {
        assert!(replay.contains(wanted), "no {wanted} in {replay}");
    }
    world.ok(&["replay", "last"]);
    let (code, found, _) = world.cli(&["session", "grep", "nightly|DELETE"]);
    assert_eq!(code, 0);
    assert!(found.contains(&session), "{found}");
    world.ok(&["session", "verify", &session]);
    let (code, har, _) = world.cli(&["session", "export", &session, "--format", "har"]);
    assert_eq!(code, 0);
    let har: serde_json::Value = serde_json::from_str(&har).unwrap();
    assert_eq!(har["log"]["entries"].as_array().unwrap().len(), 2, "{har}");
    assert_eq!(har["log"]["entries"][0]["request"]["method"], "GET");
    // An export is a recording of its own.
    let (_, jsonl, _) = world.cli(&["session", "export", &session, "--format", "jsonl"]);
    std::fs::write(world.path("session.jsonl"), &jsonl).unwrap();
    world.ok(&["session", "verify", "session.jsonl"]);
    world.ok(&["replay", "session.jsonl"]);
    std::fs::write(world.path("session.jsonl"), jsonl.replacen("***-**-1120", "***-**-1121", 1)).unwrap();
    assert_eq!(world.cli(&["session", "verify", "session.jsonl"]).0, 10);
    // What is printed of a changed file is not taken for the recording, and neither is its first line.
    for (from, to) in [("***-**-1120", "***-**-1121"), ("\"connection\":\"crm\"", "\"connection\":\"erm\"")] {
        std::fs::write(world.path("session.jsonl"), jsonl.replacen(from, to, 1)).unwrap();
        assert_eq!(world.cli(&["session", "verify", "session.jsonl"]).0, 10, "{to}");
        let (code, out, err) = world.cli(&["replay", "session.jsonl"]);
        assert!(code == 10 && out.contains("GET /customers"), "{to}: {code} {out}");
        assert!(err.contains("session.jsonl: the recording is not as it was written: at event"), "{err}");
    }
}

#[test]
fn a_flipped_byte_is_found() {
    let mut world = World::new();
    let session = recorded(&world);
    world.stop();
    world.ok(&["session", "verify", &session]);
    let database = rusqlite::Connection::open(world.path("data/events.db")).unwrap();
    let (id, mut bytes): (i64, Vec<u8>) = database
        .query_row(
            "SELECT block.id, block.bytes FROM block JOIN session ON no = block.id >> 32 WHERE session.id = ? LIMIT 1",
            [&session],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    database.execute("UPDATE block SET bytes = ? WHERE id = ?", rusqlite::params![bytes, id]).unwrap();
    drop(database);
    let (code, out, err) = world.cli(&["session", "verify", &session]);
    assert_eq!(code, 10, "{out} {err}");
    assert_eq!(world.cli(&["session", "verify", "--all"]).0, 10);
}

#[test]
fn a_session_that_was_removed_is_missed() {
    let mut world = World::new();
    let session = recorded(&world);
    let (code, _, err) = world.cli(&["session", "verify", "--all"]);
    assert!(code == 0 && err.contains(", 0 broken, 0 missing"), "{code} {err}");
    let database = rusqlite::Connection::open(world.path("data/events.db")).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    let no: i64 =
        database.query_row("SELECT no FROM session WHERE id = ?", [&session], |row| row.get(0)).unwrap();
    database.execute("DELETE FROM session WHERE no = ?", [no]).unwrap();
    // The gateway says so while it runs, and the files without it.
    for part in ["its events are left", "nothing is left"] {
        for runs in [true, false] {
            if !runs {
                world.stop();
            }
            let (code, out, err) = world.cli(&["session", "verify", "--all"]);
            assert_eq!(code, 10, "{part}: {out} {err}");
            assert!(out.contains("BROKEN a session is missing"), "{part}: {out}");
            assert_eq!(out.contains("no session"), part == "its events are left", "{out}");
            let (code, out, _) = world.cli(&["session", "verify", "--all", "-o", "jsonl"]);
            assert!(code == 10 && out.contains(r#""problem":"a session is missing""#), "{out}");
        }
        database.execute("DELETE FROM block WHERE id >> 32 = ?", [no]).unwrap();
        world.start();
    }
}

#[test]
fn what_cannot_be_read_is_broken_and_the_rest_is_still_told() {
    let mut world = World::new();
    let session = recorded(&world);
    world.ok(&["session", "verify", "--all"]);
    let database = rusqlite::Connection::open(world.path("data/events.db")).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    let others: i64 = database.query_row("SELECT count(*) - 1 FROM session", [], |row| row.get(0)).unwrap();
    database.execute("UPDATE session SET kind = 'x' WHERE id = ?", [&session]).unwrap();
    for form in ["jsonl", "json", "csv"] {
        let (code, out, err) = world.cli(&["session", "verify", "--all", "-o", form]);
        assert!(
            code == 10 && out.contains("unreadable") && out.contains(&session),
            "{form} {code} {out} {err}"
        );
    }
    let (code, out, err) = world.cli(&["session", "verify", "--all"]);
    assert!(code == 10 && out.contains("event 1: unreadable"), "{code} {out} {err}");
    assert!(err.contains(&format!("{} sessions, 1 broken", others + 1)), "{err}");
    drop(database);
    world.stop();
    // What is known to be broken weighs more than what cannot be looked at: here the head of the trail.
    let database = rusqlite::Connection::open(world.path("data/hoopctl.db")).unwrap();
    database.execute_batch("ALTER TABLE meta RENAME COLUMN value TO other").unwrap();
    drop(database);
    let (code, out, err) = world.cli(&["session", "verify", "--all"]);
    assert!(
        code == 10 && out.contains("event 1: unreadable") && err.contains("cannot read"),
        "{code} {out} {err}"
    );
    // No database at all any more.
    let database = rusqlite::Connection::open(world.path("data/hoopctl.db")).unwrap();
    database.execute_batch("ALTER TABLE meta RENAME COLUMN other TO value").unwrap();
    drop(database);
    let file = world.path("data/events.db");
    let length = std::fs::metadata(&file).unwrap().len();
    std::fs::write(&file, vec![7; usize::try_from(length).unwrap()]).unwrap();
    let (code, out, err) = world.cli(&["session", "verify", "--all"]);
    assert!(code == 10 && out.contains("the database of recordings is damaged"), "{code} {out} {err}");
}

#[test]
fn what_is_not_in_the_database_yet_is_not_proved_and_that_is_said() {
    let mut world = World::new();
    let session = recorded(&world);
    world.stop();
    // Left by a crash, and nothing can take it over.
    let ahead = world.path("data/ahead-7000.log");
    for what in ["--all", &session] {
        std::fs::create_dir(&ahead).unwrap();
        let (code, out, err) = world.cli(&["session", "verify", what]);
        assert!(code == 1 && err.contains("not everything could be verified"), "{what}: {code} {out} {err}");
        std::fs::remove_dir(&ahead).unwrap();
        let (code, out, err) = world.cli(&["session", "verify", what]);
        assert!(code == 0 && !err.contains("not everything could be verified"), "{what}: {code} {out} {err}");
    }
}

#[test]
fn recordings_that_were_removed_altogether_are_missed() {
    let mut world = World::new();
    recorded(&world);
    world.stop();
    let verify = |world: &World| world.cli(&["session", "verify", "--all"]);
    for file in ["events.db", "events.db-wal", "events.db-shm"] {
        let _may_be_absent = std::fs::remove_file(world.path("data").join(file));
    }
    let (code, out, err) = verify(&world);
    assert!(code == 10 && out.contains("BROKEN all recordings are gone"), "{code} {out} {err}");
    // A new start makes new ones, which is noted, and a finding until somebody acknowledges it.
    world.start();
    for runs in [true, false] {
        if !runs {
            world.stop();
        }
        let (code, out, err) = verify(&world);
        assert!(code == 10 && err.contains("the recordings were restarted at"), "{code} {out} {err}");
        assert!(out.contains("BROKEN the recordings were begun anew at 20"), "{out}");
        assert!(out.contains("--all --acknowledge -r WHY"), "{out}");
    }
    let (code, out, _) = world.cli(&["session", "verify", "--all", "-o", "json"]);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(code == 10 && document["summary"]["problems"] == 1, "{document}");
    assert!(
        document["summary"]["restarted"].as_str().is_some_and(|when| when.starts_with("20")),
        "{document}"
    );
    world.start();
    assert_eq!(world.cli(&["session", "verify", "--all", "--acknowledge"]).0, 2, "a reason is needed");
    let acknowledge = ["session", "verify", "--all", "--acknowledge", "-r", "the disk was replaced"];
    let (code, out, err) = world.cli(&acknowledge);
    assert!(code == 0 && err.contains("the recordings were restarted at"), "{code} {out} {err}");
    let noted = world.ok(&["audit", "list", "--action", "journal.acknowledge", "-o", "json"]);
    assert!(noted.contains("the disk was replaced"), "{noted}");
    assert_eq!(world.cli(&acknowledge).0, 6, "there is nothing more to acknowledge");
    assert_eq!(verify(&world).0, 0);
    world.stop();
    // Who empties the trail as well is seen by that.
    let database = rusqlite::Connection::open(world.path("data/hoopctl.db")).unwrap();
    database
        .execute_batch(
            "DROP TRIGGER audit_is_not_cut; DELETE FROM audit; UPDATE meta SET value = '' WHERE key = 'audit_head'",
        )
        .unwrap();
    drop(database);
    std::fs::remove_file(world.path("data/events.db")).unwrap();
    let (code, out, err) = verify(&world);
    assert!(
        code == 10 && out.contains("BROKEN the audit trail is not as it was written"),
        "{code} {out} {err}"
    );
    world.start();
    let (code, out, err) = verify(&world);
    assert!(code == 10 && out.contains("BROKEN the audit trail"), "{code} {out} {err}");
}

#[test]
fn an_entry_of_the_audit_trail_that_was_changed_is_found() {
    let mut world = World::new();
    world.ok(&["lock", "add", "principal:idp/nobody", "--reason", "gone for good"]);
    let (code, _, err) = world.cli(&["session", "verify", "--all"]);
    assert!(code == 0 && err.contains("audit trail: "), "{code} {err}");
    let (_, out, _) = world.cli(&["doctor"]);
    assert!(out.contains("in a whole chain"), "{out}");
    let database = rusqlite::Connection::open(world.path("data/hoopctl.db")).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    database.execute_batch("DROP TRIGGER audit_is_not_changed").unwrap();
    let changed =
        "UPDATE audit SET detail = replace(detail, 'for good', 'for gold') WHERE action = 'lock.add'";
    assert_eq!(database.execute(changed, []).unwrap(), 1);
    drop(database);
    for runs in [true, false] {
        if !runs {
            world.stop();
        }
        let (code, out, err) = world.cli(&["session", "verify", "--all"]);
        assert!(
            code == 10 && out.contains("BROKEN the audit trail is not as it was written"),
            "{code} {out} {err}"
        );
        let (code, out, _) = world.cli(&["doctor"]);
        assert!(code == 10 && out.contains("the audit trail is not as it was written"), "{code} {out}");
    }
}

/// Who can write the database of recordings, and not the audit trail, makes it say what they like of itself.
#[test]
fn recordings_that_were_replaced_by_forged_ones_are_missed() {
    let mut world = World::new();
    for user in ["writer", "reader"] {
        world.get("/c/crm/customers/7", Some(&world.token(user)));
    }
    world.stop();
    let (code, out, err) = world.cli(&["session", "verify", "--all"]);
    assert_eq!(code, 0, "{out} {err}");
    let kept = std::fs::read(world.path("data/events.db")).unwrap();
    let forged = |world: &World, statements: &str, said: &str| {
        std::fs::write(world.path("data/events.db"), &kept).unwrap();
        let database = rusqlite::Connection::open(world.path("data/events.db")).unwrap();
        database.execute_batch(statements).unwrap();
        database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(database);
        let (code, out, err) = world.cli(&["session", "verify", "--all"]);
        assert!(code == 10 && out.contains(said), "{statements}: {code} {out} {err}");
    };
    let empty = "DELETE FROM session; DELETE FROM block; DELETE FROM dropped;";
    let unlike = "is not the one that the audit trail tells of";
    let unexplained = "the audit trail says nothing of that";
    // Empty, with the numbers begun anew, set to where they were, or all explained.
    forged(&world, &format!("{empty} UPDATE sqlite_sequence SET seq = 0 WHERE name = 'session'"), unlike);
    forged(&world, empty, "sessions are missing");
    forged(
        &world,
        &format!("{empty} INSERT INTO dropped SELECT 1, seq FROM sqlite_sequence WHERE name = 'session'"),
        unexplained,
    );
    forged(
        &world,
        "UPDATE session SET id = substr(id, 1, length(id) - 1) || CASE substr(id, -1) WHEN 'z' THEN 'y' ELSE 'z' END
         WHERE no = (SELECT max(no) FROM session)",
        unlike,
    );
    // One whose events were removed, and that says that it was retention.
    let pruned = "UPDATE session SET pruned_ms = 1; DELETE FROM block";
    forged(&world, pruned, unexplained);
    // It stays known when a gateway goes on with it.
    forged(&world, &format!("{empty} UPDATE sqlite_sequence SET seq = 0 WHERE name = 'session'"), unlike);
    world.start();
    for user in ["writer", "reader"] {
        world.get("/c/crm/customers/7", Some(&world.token(user)));
    }
    world.stop();
    let (code, out, err) = world.cli(&["session", "verify", "--all"]);
    assert!(code == 10 && out.contains(unlike), "{code} {out} {err}");
}

#[test]
fn a_page_of_the_audit_trail_that_cannot_be_read_is_broken_and_no_failure() {
    let world = World::new();
    // Entries that fill some pages, and that the gateway does not have in its memory any more.
    let reason = "x".repeat(900);
    for number in 0..30 {
        let principal = format!("principal:idp/nobody-{number}");
        world.ok(&["lock", "add", &principal, "--reason", &reason]);
    }
    let database = rusqlite::Connection::open(world.path("data/hoopctl.db")).unwrap();
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let page = "SELECT pageno FROM dbstat WHERE name = 'audit' AND pagetype = 'leaf' ORDER BY pageno LIMIT 1 OFFSET 3";
    let page: Option<u32> = database.query_row(page, [], |row| row.get(0)).ok();
    let size: u32 = database.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    drop(database);
    let file = std::fs::OpenOptions::new().write(true).open(world.path("data/hoopctl.db")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(
        &file,
        &vec![0xff; usize::try_from(size).unwrap()],
        u64::from((page.unwrap() - 1) * size),
    )
    .unwrap();
    // Another writer: what the gateway has read of the file before counts no more.
    let database = rusqlite::Connection::open(world.path("data/hoopctl.db")).unwrap();
    database.execute_batch("UPDATE meta SET value = value WHERE key = 'clock'").unwrap();
    drop(database);
    let (code, out, err) = world.cli(&["session", "verify", "--all"]);
    assert!(
        code == 10 && out.contains("BROKEN the audit trail cannot be read from entry"),
        "{code} {out} {err}"
    );
}

#[test]
fn text_of_clients_and_targets_reaches_no_terminal_unescaped() {
    let world = World::new();
    let token = world.token("writer");
    let reply = world.send_json(
        "PATCH",
        "/c/crm/customers/7?x=%1b%5b2J",
        &token,
        "{\"tier\":\"\\u001b[2J\u{202e}evil\u{9b}\"}",
    );
    assert_eq!(reply.code(), "approval_expired");
    let session = reply.header("hoopctl-session").unwrap().to_owned();
    let approval = reply.json()["approval_id"].as_str().unwrap().to_owned();
    for args in [
        &["replay", &session][..],
        &["session", "show", &session],
        &["approval", "show", &approval],
        &["approval", "list", "--all"],
        &["session", "grep", "evil"],
    ] {
        let (_, out, _) = world.cli(args);
        assert!(!out.chars().any(|c| c == '\u{1b}' || c == '\u{202e}' || c == '\u{9b}'), "{args:?}: {out:?}");
    }
}

#[test]
fn what_is_past_its_retention_goes_by_the_command_and_by_itself() {
    let kept = "[recording]\nretention = { recordings = \"1s\", metadata = \"1h\" }\n";
    let mut world = World::with(&(kept.to_owned() + RULES));
    let pruned = |world: &World, session: &str| {
        let pruned = !world.json(&["session", "show", session])["pruned_ms"].is_null();
        let kept = || world.events(session).iter().any(|event| event["kind"] == "http.request");
        assert!(!pruned || !kept(), "its events are still there");
        pruned
    };
    let first = recorded(&world);
    assert!(!pruned(&world, &first));
    assert_eq!(world.stop(), Some(0));
    std::thread::sleep(Duration::from_millis(1500));
    assert!(!pruned(&world, &first), "nobody has looked yet");
    world.ok(&["session", "prune", "--yes"]);
    assert!(pruned(&world, &first), "the command removes it");
    let whole = |world: &World| {
        let (code, out, err) = world.cli(&["session", "verify", "--all"]);
        assert!(code == 0 && out.contains(" events were there"), "{code} {out} {err}");
    };
    whole(&world);

    world.start();
    let second = recorded(&world);
    assert!(!pruned(&world, &second), "a session that lives is kept");
    let (code, _, err) = world.cli(&["session", "prune", "--yes"]);
    assert!(code != 0 && err.contains("a running gateway prunes by itself"), "{err}");
    assert_eq!(world.stop(), Some(0));
    std::thread::sleep(Duration::from_millis(1500));
    world.start();
    wait_for("the gateway removes it by itself", || pruned(&world, &second));
    whole(&world);
    let database = rusqlite::Connection::open(world.path("data/hoopctl.db")).unwrap();
    let noted = "SELECT count(*) FROM audit WHERE action = 'journal.prune'";
    let noted: i64 = database.query_row(noted, [], |row| row.get(0)).unwrap();
    assert!(noted >= 3, "before anything was noted, by the command, by the gateway: {noted}");
}

/// The path is what everybody else reads: what goes into a file that is gone is not recorded.
#[test]
fn commands_are_denied_once_the_database_of_recordings_is_gone() {
    let mut world = World::new();
    recorded(&world);
    let token = world.token("writer");
    std::fs::remove_file(world.path("data/events.db")).unwrap();
    // Idle: at the latest a second later it is noticed without any command.
    wait_for("the gateway notices it", || world.get("/readyz", None).status == 503);
    let reply = world.get("/c/crm/customers/7", Some(&token));
    assert_eq!((reply.status, reply.code().as_str()), (503, "recording_unavailable"));
    assert!(
        world.log().contains("data/events.db was removed or replaced while the gateway ran"),
        "{}",
        world.log()
    );
    world.stop();
    let ahead = std::fs::read_dir(world.path("data")).unwrap();
    let kept =
        ahead.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().starts_with("ahead-"));
    assert_eq!(kept.count(), 1, "what was recorded last is in the write-ahead log still");
}

#[test]
fn nothing_starts_beside_recordings_whose_store_is_missing() {
    let mut world = World::new();
    recorded(&world);
    world.ok(&["lock", "add", "principal:idp/nobody", "--reason", "gone for good"]);
    world.stop();
    let (store, kept) = (world.path("data/hoopctl.db"), world.path("kept.db"));
    std::fs::rename(&store, &kept).unwrap();
    let events = world.path("data/events.db");
    for (args, wanted) in [
        (&["serve"][..], 1),
        (&["session", "verify", "--all"], 10),
        (&["lock", "add", "principal:idp/x", "--reason", "x"], 10),
        (&["lock", "list"], 10),
        (&["session", "prune", "--yes"], 1),
        (&["doctor"], 1),
    ] {
        let (code, out, err) = world.cli(args);
        let said = format!("{out}{err}");
        assert!(
            code == wanted && said.contains("hoopctl.db is missing, but there are recordings in"),
            "{args:?} {code} {said}"
        );
        assert!(!store.exists(), "{args:?}");
    }
    // Both away is a new beginning.
    std::fs::rename(&events, world.path("kept-events.db")).unwrap();
    world.start();
    world.stop();
    std::fs::rename(&kept, &store).unwrap();
    world.start();
    assert!(world.ok(&["lock", "list"]).contains("idp/nobody"));
}
