//! Files of entities that become what the store holds: all of it or nothing, judged by at once; and the way back.

use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::support::World;
use crate::support::process::run;
use crate::support::steps::audited;
use crate::support::world::RULES;

const READS: &str = "[[policy]]\nid = \"shop-reads\"\neffect = \"allow\"\nmatch = { groups = [\"support\"], connections = [\"shop\"], operations = [\"read\"] }\n";

/// Writes a folder of entities: a connection `shop` with the policy that opens it.
fn write(world: &World) {
    std::fs::create_dir_all(world.path("entities")).unwrap();
    let shop = format!(
        "[[connection]]\nname = \"shop\"\nupstream = \"http://127.0.0.1:{}\"\ninject = \"bearer:env:CRM_TOKEN\"\ntags = {{ data = \"pii\" }}\n",
        world.api_port
    );
    std::fs::write(world.path("entities/shop.toml"), shop).unwrap();
    std::fs::write(world.path("entities/policies.toml"), READS).unwrap();
    // Neither of them is read.
    std::fs::write(world.path("entities/notes.txt"), "[[").unwrap();
    std::fs::write(world.path("entities/.hidden.toml"), "[[").unwrap();
}

/// The outcomes of an apply, which must work.
fn applied(world: &World, more: &[&str]) -> Vec<(String, String)> {
    let report = world.json(&[&["apply", "-f", "entities"], more].concat());
    let changes = report["changes"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    changes.map(|change| (text(&change["name"]), text(&change["outcome"]))).collect()
}

fn told(changes: &[(&str, &str)]) -> Vec<(String, String)> {
    changes.iter().map(|(name, outcome)| ((*name).to_owned(), (*outcome).to_owned())).collect()
}

#[test]
fn what_is_applied_judges_at_once_and_a_dry_run_changes_nothing() {
    let world = World::new();
    let token = world.token("reader");
    let status = || world.get("/c/shop/customers/7", Some(&token)).status;
    write(&world);
    let trail = || {
        audited(&world)
            .into_iter()
            .map(|[_, action, subject]| format!("{action} {subject}"))
            .collect::<Vec<_>>()
    };
    let before = trail();
    let created = told(&[("shop", "created"), ("shop-reads", "created")]);
    assert_eq!(applied(&world, &["--dry-run"]), created);
    assert_eq!((status(), trail()), (404, before.clone()));
    assert_eq!(applied(&world, &[]), created);
    assert_eq!(status(), 200);
    let reply = world.get("/c/shop/customers/7", Some(&token));
    assert!(!String::from_utf8_lossy(&reply.body).contains("078-05-1120"), "the file's mask holds for it");
    let written =
        [&before[..], &["connection.add shop".to_owned(), "policy.add shop-reads".to_owned()]].concat();
    assert_eq!(trail(), written);
    // The same once more.
    let unchanged = told(&[("shop", "unchanged"), ("shop-reads", "unchanged")]);
    assert_eq!((applied(&world, &["--prune"]), trail()), (unchanged.clone(), written.clone()));

    // The way out and back in.
    let (code, out, err) = world.cli(&["export"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("inject = \"bearer:env:CRM_TOKEN\"") && !out.contains("support-reads"), "{out}");
    assert!(err.contains("of the configuration file"), "{err}");
    let (code, again, _) = world.cli(&["export", "-o", "toml"]);
    assert_eq!((code, &again), (0, &out));
    let mut back = world.hoopctl(&["apply", "-f", "-", "-o", "json"]);
    let mut back = back.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(&mut back.stdin.take().unwrap(), out.as_bytes()).unwrap();
    let back = back.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&back.stdout).unwrap();
    assert!(
        report["changes"].as_array().unwrap().iter().all(|change| change["outcome"] == "unchanged"),
        "{report}"
    );
    assert_eq!(trail(), written);

    // A change is told by its keys, and what is in no file stays without --prune.
    world.cli(&["policy", "add", "by-hand", "--deny", "--group", "nobody"]);
    std::fs::write(world.path("entities/policies.toml"), READS.replace("\"allow\"", "\"deny\"")).unwrap();
    let out = world.ok(&["apply", "-f", "entities"]);
    assert!(
        out.contains("updated    policy      shop-reads\n             effect: \"allow\" -> \"deny\"\n"),
        "{out}"
    );
    assert_eq!(status(), 404, "nothing opens it any more");
    std::fs::remove_file(world.path("entities/policies.toml")).unwrap();
    assert_eq!(applied(&world, &[]), told(&[("shop", "unchanged")]));
    let (code, _, err) = world.cli(&["apply", "-f", "entities", "--prune", "--managed-by", "others"]);
    let refused = "entities/shop.toml:2:8: connection \"shop\" is managed by \"apply\"";
    assert!(code == 6 && err.contains("--take-over"), "{err}");
    assert!(err.contains(refused) || err.contains("connection \"shop\" is managed by"), "{err}");
    assert_eq!(applied(&world, &["--prune"]), told(&[("shop", "unchanged"), ("shop-reads", "removed")]));
    assert!(world.json(&["policy", "show", "by-hand"])["name"] == "by-hand");
    assert_eq!(world.cli(&["policy", "show", "shop-reads"]).0, 5);
}

#[test]
fn what_is_wrong_is_told_in_one_run_and_nothing_is_written() {
    let world = World::new();
    write(&world);
    let apply = |name: &str, text: &str, more: &[&str]| {
        std::fs::write(world.path("entities").join(name), text).unwrap();
        let said = world.cli(&[&["apply", "-f", "entities"], more].concat());
        std::fs::remove_file(world.path("entities").join(name)).unwrap();
        said
    };
    let before = audited(&world);
    let own = "[[policy]]\nid = \"support-reads\"\neffect = \"deny\"\nmatch = { groups = [\"x\"] }\n[[mask]]\nid = \"pii\"\nfields = [\"a\"]\n";
    for (text, exit, wanted) in [
        ("[[policy]\nid = 1\n", 3, &["z.toml:1:"][..]),
        (READS, 3, &["z.toml:2:6: policy.shop-reads.id", "there twice: entities/policies.toml:2 has it too"]),
        (
            "[[policy]]\nid = \"p\"\nefect = \"deny\"\nmatch = {}\n[[mask]]\nid = \"m\"\n",
            3,
            &[
                "z.toml:3:1: policy.p.efect: unknown key",
                "did you mean \"effect\"?",
                "z.toml:5:",
                "masks nothing",
                "2 problems",
            ],
        ),
        ("[gateway]\nlisten = \"127.0.0.1:1\"\n", 3, &["z.toml:1:", "belongs into the configuration file"]),
        (
            "[[connection]]\nname = \"a\"\nupstream = \"http://h\"\ninject = \"bearer:hunter2\"\n",
            3,
            &["z.toml:4:10: connection.a.inject"],
        ),
        (
            own,
            6,
            &[
                "entities/z.toml:2:6: policy \"support-reads\" is in the configuration file",
                "entities/z.toml:6:6: mask \"pii\" is in the configuration file",
                "hoopctl.toml:",
            ],
        ),
    ] {
        let (code, out, err) = apply("z.toml", text, &[]);
        assert_eq!((code, out.as_str()), (exit, ""), "{text}: {err}");
        for wanted in wanted {
            assert!(err.contains(wanted), "{text}: no {wanted} in {err}");
        }
        assert!(!err.contains("hunter2"), "{err}");
    }
    // What names something that is not there holds, with a word.
    let loose = READS.replace("shop-reads", "loose").replace("\"shop\"", "\"shpo\"");
    let (code, _, err) = apply("z.toml", &loose, &["--dry-run"]);
    assert!(
        code == 0 && err.contains("warning: entities/z.toml:4:") && err.contains("did you mean \"shop\"?"),
        "{err}"
    );
    std::fs::create_dir(world.path("empty")).unwrap();
    std::fs::write(world.path("nothing.toml"), "# nothing\n").unwrap();
    for (arguments, exit, wanted) in [
        (&["-f", "empty"][..], 5, "there is no .toml file in empty"),
        (&["-f", "missing.toml"], 5, "there is no file missing.toml"),
        (&["-f", "nothing.toml", "--prune"], 3, "--prune would remove all that is managed by apply"),
        (&["-f", "entities", "--managed-by", "cli"], 2, "take another name"),
        (&["-f", "entities", "-o", "toml"], 2, "-o toml is for"),
        (&["-f", "-", "-f", "-"], 2, "standard input can only be read once"),
        (&[], 2, "--file"),
    ] {
        let (code, out, err) = world.cli(&[&["apply"], arguments].concat());
        assert_eq!((code, out.as_str()), (exit, ""), "{arguments:?}: {err}");
        assert!(err.contains(wanted), "{arguments:?}: {err}");
    }
    let open = run(Command::new("chmod").arg("o+w").arg(world.path("entities")));
    assert_eq!(open.0, 0);
    let (code, _, err) = world.cli(&["apply", "-f", "entities"]);
    assert!(code == 3 && err.contains("anybody on this machine can write to it"), "{err}");
    assert_eq!(audited(&world), before, "nothing was written");
    let (_, out, _) = world.cli(&["export"]);
    assert!(!out.contains("[["), "{out}");
}

/// A file with so many policies.
fn many(count: usize) -> String {
    let policy =
        |n| format!("[[policy]]\nid = \"p{n}\"\neffect = \"deny\"\nmatch = {{ groups = [\"g{n}\"] }}\n");
    (0..count).map(policy).collect()
}

/// Policies in the store, after what they were all written or none of them.
fn whole_or_nothing(world: &World) -> bool {
    let store = rusqlite::Connection::open(world.path("data/hoopctl.db")).unwrap();
    let count = |sql: &str| store.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap() as usize;
    let entities = count("SELECT count(*) FROM entity");
    assert!([0, COUNT].contains(&entities), "{entities}");
    assert_eq!(entities, count("SELECT count(*) FROM audit WHERE action = 'policy.add'"));
    entities == COUNT
}

/// How many policies are written at once: so that it takes a while.
const COUNT: usize = 900;

#[test]
fn kill_9_of_the_gateway_in_the_middle_leaves_all_or_nothing() {
    let mut world = World::with(RULES);
    // By the API itself: without a gateway the command line would go on in its place.
    let changes: Vec<Value> = (0..COUNT)
        .map(|n| {
            let toml = format!("id = \"p{n}\"\neffect = \"deny\"\nmatch = {{ groups = [\"g{n}\"] }}\n");
            json!({ "change": "put", "kind": "policy", "name": format!("p{n}"), "toml": toml })
        })
        .collect();
    let body = json!({ "changes": changes, "managed_by": "apply" }).to_string();
    std::fs::write(world.path("apply.json"), body).unwrap();
    let mut tries = 0;
    for delay in (20..).step_by(45) {
        let mut apply = Command::new("curl");
        apply.args(["-sf", "-o", "/dev/null", "--unix-socket"]).arg(world.path("data/admin.sock"));
        apply.args(["-H", "Content-Type: application/json", "-d", "@apply.json", "http://admin/v1/apply"]);
        let mut apply = apply.current_dir(&world.folder).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        world.gateway.as_mut().unwrap().kill();
        let done = apply.wait().unwrap().success();
        world.start();
        let whole = whole_or_nothing(&world);
        assert!(whole || !done, "what was acknowledged is not there");
        tries += 1;
        if whole {
            break;
        }
        assert!(tries < 100, "it is never written");
    }
    assert!(tries > 2, "nothing was in the middle");
    world.ok(&["session", "verify", "--all"]);
}

#[test]
fn kill_9_of_what_writes_the_store_itself_leaves_all_or_nothing() {
    let mut world = World::with(RULES);
    std::fs::write(world.path("many.toml"), many(COUNT)).unwrap();
    world.stop();
    let mut tries = 0;
    for delay in (60..).step_by(45) {
        let mut apply = world.hoopctl(&["apply", "-f", "many.toml"]);
        let mut apply = apply.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        apply.kill().unwrap();
        apply.wait().unwrap();
        tries += 1;
        if whole_or_nothing(&world) {
            break;
        }
    }
    assert!(tries > 2, "nothing was in the middle");
    world.start();
    assert_eq!(
        world.list(&["policy", "list"]).iter().filter(|policy| policy["origin"] == "store").count(),
        COUNT
    );
}

#[test]
fn without_a_gateway_the_store_itself_is_written() {
    let mut world = World::with(RULES);
    write(&world);
    world.stop();
    let (code, _, err) = world.cli(&["apply", "-f", "entities/shop.toml", "-f", "entities/policies.toml"]);
    assert!(code == 0 && err.contains("editing the store directly"), "{err}");
    let actor = audited(&world).pop().unwrap();
    assert_eq!((&*actor[1], &*actor[2]), ("policy.add", "shop-reads"));
    assert!(actor[0].starts_with("local:"), "{actor:?}");
    world.start();
    let token = world.token("reader");
    assert_eq!(world.get("/c/shop/customers/7", Some(&token)).status, 200);
}
