//! `session watch` and `approval watch` beside commands that run.

use std::time::Duration;

use serde_json::Value;

use crate::support::World;
use crate::support::process::Process;
use crate::support::steps::wait_until;

/// What a watch has printed.
fn lines(watch: &Process) -> Vec<Value> {
    watch.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The words for what happened.
fn whats(watch: &Process) -> Vec<String> {
    lines(watch).iter().map(|line| line["what"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_watch_tells_what_is_asked_decided_begun_and_denied() {
    let mut world = World::new();
    let token = world.token("writer");
    let (port, waiting) = (world.port, token.clone());
    let held = std::thread::spawn(move || {
        let mut client = crate::support::Client::connect(port);
        let json = [("Content-Type", "application/json")];
        let body = Some(r#"{"tier":"gold"}"#);
        client.send(crate::support::client::request(
            "PATCH",
            "/c/crm/customers/7",
            Some(&waiting),
            &json,
            body,
        ));
        client.reply()
    });
    let pending = world.wait_pending();
    // One that waits already is told, too.
    let approvals = Process::start(
        "approvals",
        &mut world.hoopctl(&["approval", "watch", "-o", "jsonl"]),
        world.folder.path(),
    );
    let mut sessions = Process::start(
        "sessions",
        &mut world.hoopctl(&["session", "watch", "-o", "jsonl"]),
        world.folder.path(),
    );
    wait_until("the one that waits is told", Duration::from_secs(10), || whats(&approvals) == ["asked"]);
    let id = pending["id"].as_str().unwrap();
    world.ok(&["approval", "approve", id, "-r", "INC-4411"]);
    assert_eq!(held.join().unwrap().status, 200);
    wait_until("its decision and use are told", Duration::from_secs(10), || {
        whats(&approvals) == ["asked", "approved", "used"]
    });
    assert!(lines(&approvals).iter().all(|line| line["approval"]["id"] == id));

    // Its stream stands once it tells of something.
    wait_until("a denial is told", Duration::from_secs(10), || {
        world.send("DELETE", "/c/crm/customers/7", Some(&token), &[], None);
        !whats(&sessions).is_empty()
    });
    let reader = world.token("reader");
    let session = world.get("/c/crm/customers", Some(&reader)).header("hoopctl-session").unwrap().to_owned();
    assert_eq!(world.send("DELETE", "/c/crm/customers/9", Some(&reader), &[], None).status, 403);
    let of_reader = || {
        lines(&sessions).into_iter().filter(|line| line["session"] == session.as_str()).collect::<Vec<_>>()
    };
    wait_until("begin and denial are told", Duration::from_secs(10), || of_reader().len() == 2);
    let told = of_reader();
    assert_eq!((&told[0]["what"], &told[1]["what"]), (&"begins".into(), &"denied".into()));
    assert_eq!((&told[0]["connection"], &told[1]["connection"]), (&"crm".into(), &"crm".into()));
    let text = told[1].to_string();
    assert!(text.contains("no-deletes") && text.contains("DELETE /customers/9"), "{text}");

    world.stop();
    assert_eq!(sessions.wait(Duration::from_secs(10)), Some(7), "{}", sessions.log());
}
