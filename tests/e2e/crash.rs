//! kill -9 in the middle, a full disk, two gateways on one folder.

use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::support::Client;
use crate::support::World;
use crate::support::client::request;
use crate::support::process::run;

#[test]
fn after_kill_9_under_load_nothing_acknowledged_is_missing() {
    let mut world = World::new();
    let token = world.token("reader");
    for _cycle in 0..3 {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged: Arc<Mutex<Vec<String>>> = Arc::default();
        let clients: Vec<_> = (0..6)
            .map(|_| {
                let (stop, acknowledged, token, port) =
                    (Arc::clone(&stop), Arc::clone(&acknowledged), token.clone(), world.port);
                std::thread::spawn(move || {
                    let mut client = Client::connect(port);
                    while !stop.load(Ordering::Relaxed) {
                        if !client.try_send(request("GET", "/c/raw/customers/7", Some(&token), &[], None)) {
                            return;
                        }
                        let Some(reply) =
                            client.try_reply().filter(|reply| reply.whole && reply.status == 200)
                        else {
                            return;
                        };
                        let id = reply.header("hoopctl-request-id").unwrap().to_owned();
                        acknowledged.lock().unwrap().push(id);
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(1200));
        world.gateway.as_mut().unwrap().kill();
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().unwrap();
        }
        world.start();
        let sessions = world.list(&["session", "list"]);
        let mut recorded = std::collections::HashSet::new();
        for session in sessions.iter().filter(|session| session["connection"] == "raw") {
            for event in world.events(session["id"].as_str().unwrap()) {
                if event["kind"] == "http.request" {
                    recorded.insert(event["corr"].as_str().unwrap().to_owned());
                }
            }
        }
        let acknowledged = acknowledged.lock().unwrap();
        assert!(acknowledged.len() > 50, "too little load: {}", acknowledged.len());
        let missing: Vec<_> = acknowledged.iter().filter(|id| !recorded.contains(*id)).collect();
        assert!(missing.is_empty(), "{} of {} are missing", missing.len(), acknowledged.len());
        let interrupted = sessions.iter().filter(|session| session["end"] == "interrupted").count();
        assert!(interrupted >= 1, "{sessions:?}");
        world.ok(&["session", "verify", "--all"]);
    }
}

#[test]
fn what_cannot_be_read_after_a_crash_is_kept_and_told_and_all_before_it_is_recorded() {
    let mut world = World::new();
    let token = world.token("reader");
    let reply = world.get("/c/crm/customers/7", Some(&token));
    world.gateway.as_mut().unwrap().kill();
    let data = world.folder.path().join("data");
    let segment = std::fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "log"))
        .unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes.extend_from_slice(&[0xff; 64]);
    std::fs::write(&segment, &bytes).unwrap();
    world.start();
    let kept = segment.with_extension("damaged");
    assert_eq!(std::fs::read(&kept).unwrap(), bytes);
    assert!(world.cli(&["doctor"]).1.contains(kept.file_name().unwrap().to_str().unwrap()));
    let session = reply.header("hoopctl-session").unwrap();
    world.ok(&["session", "verify", session]);
    assert!(world.events(session).iter().any(|event| event["kind"] == "http.request"));
}

#[test]
fn two_gateways_on_one_folder_or_port_are_refused() {
    let world = World::new();
    let (code, _, err) = world.cli(&["serve"]);
    assert_eq!(code, 7, "{err}");
    assert!(
        err.contains(&world.gateway.as_ref().unwrap().pid().to_string()),
        "the error names the process: {err}"
    );
    // Another folder, the same port.
    let text = std::fs::read_to_string(world.path("hoopctl.toml")).unwrap().replace("\"data\"", "\"other\"");
    std::fs::write(world.path("other.toml"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hoopctl"));
    command.args(["serve", "--config", "other.toml"]).current_dir(world.folder.path()).env("CRM_TOKEN", "x");
    let (code, _, err) = run(&mut command);
    assert_ne!(code, 0);
    assert!(err.contains(&world.port.to_string()), "{err}");
}

#[test]
fn a_full_disk_denies_and_recovers() {
    let root = run(Command::new("id").arg("-u")).1.trim() == "0";
    assert!(root, "this test mounts a small file system and needs root");
    let mut world = World::without_gateway(crate::support::world::RULES);
    let data = world.path("data");
    std::fs::create_dir(&data).unwrap();
    let (code, _, err) =
        run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs"]).arg(&data));
    assert_eq!(code, 0, "{err}");
    let _unmount = Unmount(data.clone());
    world.start();
    let token = world.token("reader");
    assert_eq!(world.get("/c/raw/customers/7", Some(&token)).status, 200);
    std::fs::write(data.join("filler"), vec![0; 16 << 20]).unwrap_err();
    let before = world.hits().len();
    let mut refused = None;
    for _ in 0..3000 {
        let reply = world.get("/c/raw/customers/7", Some(&token));
        if reply.status != 200 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("a full disk must deny");
    assert_eq!((refused.status, refused.code().as_str()), (503, "recording_unavailable"));
    // Small gaps may come free again while it is full; whatever passes is recorded all the same, which the end of the test counts.
    for _ in 0..50 {
        let reply = world.get("/c/raw/customers/7", Some(&token));
        assert!(reply.status == 200 || reply.code() == "recording_unavailable", "{}", reply.text());
    }
    // What changes something least of all: it is not even sent.
    let put = |world: &World| {
        let mut client = world.client();
        client.send(request("PUT", "/c/raw/__size", Some(&token), &[], Some("7")));
        client.reply()
    };
    let puts: Vec<_> = (0..30).map(|_| put(&world)).collect();
    let refused = puts.iter().filter(|reply| reply.status != 200).count();
    assert!(puts.iter().all(|reply| reply.status == 200 || reply.code() == "recording_unavailable"));
    let sent = |world: &World| world.hits().iter().filter(|hit| hit.starts_with("PUT")).count();
    assert!(refused > 0 && sent(&world) < puts.len(), "{refused} of {} were refused", puts.len());
    let ready = || world.get("/readyz", None).status;
    assert!((0..50).any(|_| put(&world).status == 503 && ready() == 503), "it says that it is ready");
    assert_eq!(world.get("/healthz", None).status, 200);
    assert!(world.hits().len() >= before);
    std::fs::remove_file(data.join("filler")).unwrap();
    let begin = std::time::Instant::now();
    while world.get("/c/raw/customers/7", Some(&token)).status != 200 {
        assert!(begin.elapsed() < Duration::from_secs(10), "it does not recover: {}", world.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    world.ok(&["session", "verify", "--all"]);
    let sessions = world.list(&["session", "list"]);
    let raw = sessions.iter().filter(|session| session["connection"] == "raw");
    let recorded: usize = raw
        .map(|session| {
            world
                .events(session["id"].as_str().unwrap())
                .iter()
                .filter(|event| event["kind"] == "http.request")
                .count()
        })
        .sum();
    assert!(recorded >= world.hits().len(), "{recorded} recorded, {} reached the target", world.hits().len());
    assert_eq!((put(&world).status, ready()), (200, 200));
    // It ends in order, and nothing is damaged.
    world.stop();
    world.start();
    world.ok(&["session", "verify", "--all"]);
    let ends: Vec<_> =
        world.list(&["session", "list"]).iter().map(|session| session["end"].clone()).collect();
    assert!(!ends.iter().any(|end| end == "interrupted"), "{ends:?}");
    world.stop();
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(&self.0));
    }
}

#[test]
fn a_store_that_is_damaged_or_newer_is_refused_and_kept() {
    let mut world = World::new();
    world.stop();
    for name in ["data/hoopctl.db", "data/events.db"] {
        let path = world.path(name);
        let good = std::fs::read(&path).unwrap();
        for (how, bytes) in [
            ("garbage", b"this is no database, but somebody's notes\n".repeat(50)),
            ("cut", good[..good.len() / 2].to_vec()),
        ] {
            std::fs::write(&path, &bytes).unwrap();
            let (code, _, err) = world.cli(&["serve"]);
            assert_ne!(code, 0, "{name} {how}");
            assert!(err.contains(name.rsplit('/').next().unwrap()), "{how}: {err}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "{name} must be left as it is");
        }
        std::fs::write(&path, &good).unwrap();
        let connection = rusqlite::Connection::open(&path).unwrap();
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        connection.pragma_update(None, "user_version", 999).unwrap();
        drop(connection);
        let (code, _, err) = world.cli(&["serve"]);
        assert_ne!(code, 0, "{name} of a newer version");
        assert!(err.contains("newer") || err.contains("999"), "{err}");
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", version).unwrap();
    }
    world.start();
}
