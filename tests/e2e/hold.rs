//! Recordings that stay although their time is over.

use std::time::Duration;

use crate::support::World;
use crate::support::steps::audited;
use crate::support::steps::session;
use crate::support::world::RULES;

#[test]
fn a_held_recording_outlives_retention_until_it_is_released() {
    let short = "[recording]\nretention = { recordings = \"1s\", metadata = \"2s\" }\n";
    let mut world = World::with(&format!("{short}{RULES}"));
    let token = world.token("reader");
    for connection in ["crm", "raw"] {
        assert_eq!(world.get(&format!("/c/{connection}/customers/7"), Some(&token)).status, 200);
    }
    let (held, other) = (session(&world, "crm"), session(&world, "raw"));
    for (arguments, exit) in [
        (&["session", "hold", &held][..], 2),
        (&["session", "hold", &held, "-r", " "], 2),
        (&["session", "hold", "ses_nonsense", "-r", "x"], 2),
        (&["session", "hold", &held, "--release", "-r", "x"], 5),
    ] {
        let (code, _, err) = world.cli(arguments);
        assert_eq!(code, exit, "{arguments:?}: {err}");
    }
    world.ok(&["session", "hold", &held, "-r", "case 4411"]);
    let (code, _, err) = world.cli(&["session", "hold", &held, "-r", "again"]);
    assert!(code == 6 && err.contains("case 4411"), "{err}");
    assert!(world.cli(&["status"]).1.contains("1 held recording"));
    let shown = world.cli(&["session", "show", &held]).1;
    assert!(shown.contains("held") && shown.contains("case 4411"), "{shown}");
    for list in [&["session", "list", "--held"][..], &["session", "hold", "--list"]] {
        let found = world.list(list);
        assert_eq!(
            found.iter().map(|view| view["id"].as_str().unwrap()).collect::<Vec<_>>(),
            [held.as_str()]
        );
    }

    // A gateway prunes when it starts; a session that ended while it runs waits for a minute.
    world.stop();
    std::thread::sleep(Duration::from_millis(2100));
    world.start();
    let there = |world: &World, id: &str| {
        let (code, out, _) = world.cli(&["session", "export", id, "--format", "jsonl"]);
        code == 0 && out.lines().count() > 2
    };
    let begin = std::time::Instant::now();
    while there(&world, &other) {
        assert!(begin.elapsed() < Duration::from_secs(10), "retention does not hold");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(there(&world, &held));
    world.ok(&["session", "verify", &held]);
    world.ok(&["session", "verify", "--all"]);
    world.stop();
    let (code, _, err) = world.cli(&["session", "prune", "--yes"]);
    assert!(code == 0 && err.contains("1 session is held and stays"), "{err}");
    assert!(there(&world, &held));

    // Released without a gateway.
    world.ok(&["session", "hold", &held, "--release", "-r", "the case is closed"]);
    world.ok(&["session", "prune", "--yes"]);
    assert!(!there(&world, &held));
    world.ok(&["session", "verify", "--all"]);
    let trail: Vec<[String; 3]> = audited(&world).into_iter().filter(|entry| entry[2] == held).collect();
    assert_eq!(
        trail.iter().map(|entry| entry[1].as_str()).collect::<Vec<_>>(),
        ["session.hold", "session.release"]
    );
}

#[test]
fn a_hold_that_was_taken_away_by_hand_is_found_until_somebody_takes_note_of_it() {
    let mut world = World::new();
    let token = world.token("reader");
    assert_eq!(world.get("/c/crm/customers/7", Some(&token)).status, 200);
    let held = session(&world, "crm");
    world.ok(&["session", "hold", &held, "-r", "case 4411"]);
    let metrics = world.get("/metrics", None).text();
    assert!(metrics.contains("hoopctl_held_sessions 1\n"), "{metrics}");
    assert!(metrics.contains("hoopctl_held_commands 0\n"), "{metrics}");
    world.stop();
    let store = rusqlite::Connection::open(world.path("data").join("hoopctl.db")).unwrap();
    store.execute_batch("DELETE FROM hold").unwrap();
    drop(store);
    world.start();
    let (code, out, err) = world.cli(&["session", "verify", "--all"]);
    assert!(code == 10 && err.contains("taken away") && err.contains("--acknowledge"), "{out}{err}");
    for change in
        [&["session", "hold", &held, "-r", "anew"][..], &["session", "hold", &held, "--release", "-r", "x"]]
    {
        let (code, _, err) = world.cli(change);
        assert!(code == 6 && err.contains("--acknowledge"), "{err}");
    }
    assert_eq!(world.cli(&["session", "hold", &held, "--acknowledge"]).0, 2);
    let (code, _, err) = world.cli(&["session", "hold", &held, "--acknowledge", "-r", "INC-12"]);
    assert!(code == 0 && err.contains("held as before"), "{err}");
    let (code, out, err) = world.cli(&["session", "verify", "--all"]);
    assert!(code == 0 && out.contains("acknowledged by") && out.contains("INC-12"), "{out}{err}");
    assert_eq!(world.list(&["session", "list", "--held"]).len(), 1);
    let (code, _, err) = world.cli(&["session", "hold", &held, "--acknowledge", "-r", "again"]);
    assert_eq!(code, 6, "{err}");
    let noted =
        audited(&world).into_iter().any(|entry| entry[1] == "session.acknowledge" && entry[2] == held);
    assert!(noted);
}
