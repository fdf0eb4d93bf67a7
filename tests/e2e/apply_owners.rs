//! Whose the entities of the store are: what files take, keep apart and give back, and what a gateway takes over late.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::Value;

use crate::support::World;
use crate::support::process::Process;
use crate::support::process::run;
use crate::support::steps::audited;
use crate::support::world::RULES;

const TOOL: &str = "[[connection]]\nname = \"tool\"\nupstream = \"mcp+stdio:server --key hunter2\"\n[[connection]]\nname = \"plain\"\nupstream = \"mcp+stdio:server\"\n";

fn deny(id: &str) -> String {
    format!("[[policy]]\nid = \"{id}\"\neffect = \"deny\"\nmatch = {{ groups = [\"{id}\"] }}\n")
}

#[test]
fn what_was_added_by_hand_is_taken_in_by_the_files_and_goes_with_them() {
    let world = World::new();
    let token = world.token("reader");
    let upstream = format!("http://127.0.0.1:{}", world.api_port);
    let read = || world.get("/c/shop/customers/7", Some(&token)).status;
    for add in [
        &["connect", "add", "shop", "--upstream", &upstream, "--inject", "bearer:env:CRM_TOKEN"][..],
        &[
            "policy",
            "add",
            "open",
            "--allow",
            "--group",
            "support",
            "--connection",
            "shop",
            "--operation",
            "read",
        ],
    ] {
        let (code, _, err) = world.cli(add);
        assert_eq!(code, 0, "{add:?}: {err}");
    }
    assert_eq!(read(), 200);
    // The way in that the documentation names.
    let (code, text, _) = world.cli(&["export"]);
    assert!(code == 0 && text.contains("# managed by cli\n[[policy]]"), "{text}");
    std::fs::write(world.path("entities.toml"), &text).unwrap();
    let (code, out, err) = world.cli(&["apply", "-f", "entities.toml"]);
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("adopted    policy      open\n             managed_by: \"cli\" -> \"apply\"\n"),
        "{out}"
    );
    assert!(err.contains("2 adopted"), "{err}");
    assert_eq!(audited(&world).pop().unwrap()[1..], ["policy.adopt", "open"]);
    // The policy is taken out of the file, so that its access is closed.
    let end = text.find("\n# managed by cli\n[[policy]]").unwrap();
    std::fs::write(world.path("entities.toml"), &text[..end]).unwrap();
    let (code, out, err) = world.cli(&["apply", "-f", "entities.toml", "--prune"]);
    assert!(code == 0 && out.contains("removed    policy      open"), "{out} {err}");
    assert_eq!(read(), 404);
}

#[test]
fn an_export_keeps_owners_apart_and_says_what_it_prints() {
    let world = World::new();
    for (name, text) in [("a", deny("a")), ("b", format!("{}{TOOL}", deny("b")))] {
        let file = world.path(&format!("{name}.toml"));
        std::fs::write(&file, text).unwrap();
        let label = format!("team-{name}");
        world.ok(&["apply", "-f", file.to_str().unwrap(), "--managed-by", &label]);
    }
    let (code, all, err) = world.cli(&["export"]);
    assert_eq!(code, 0, "{err}");
    assert!(all.contains("more than one owner") && all.contains("team-a, team-b"), "{all}");
    assert!(all.contains("# managed by team-a\n[[policy]]\nid = \"a\""), "{all}");
    let warning = err.lines().find(|line| line.contains("printed as they are written")).unwrap();
    assert!(warning.ends_with(": tool"), "{warning}");
    std::fs::write(world.path("all.toml"), &all).unwrap();
    assert_eq!(world.cli(&["apply", "-f", "all.toml"]).0, 6, "they are of others");
    let (_, one, err) = world.cli(&["export", "--managed-by", "team-a"]);
    assert!(one.contains("--managed-by team-a\n") && one.contains("id = \"a\""), "{one}");
    assert!(!one.contains("team-b") && !err.contains("printed as"), "{one} {err}");
    std::fs::write(world.path("one.toml"), &one).unwrap();
    let report = world.json(&["apply", "-f", "one.toml", "--managed-by", "team-a", "--prune"]);
    assert_eq!(report["changes"][0]["outcome"], "unchanged");
    let (code, none, err) = world.cli(&["export", "--managed-by", "nobody"]);
    assert!(code == 0 && !none.contains("[[") && err.contains("managed by nobody"), "{none} {err}");
    let taken = world.json(&["apply", "-f", "all.toml", "--take-over"]);
    let outcomes: Vec<&Value> =
        taken["changes"].as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
    assert!(outcomes.len() == 4 && outcomes.iter().all(|one| *one == "adopted"), "{taken}");
}

#[test]
fn only_files_of_a_folder_are_read_and_nothing_is_pruned_for_what_is_passed_over() {
    let world = World::new();
    let path = |name: &str| world.path(&format!("entities/{name}"));
    std::fs::create_dir_all(path("data")).unwrap();
    std::fs::write(world.path("outside.toml"), deny("outside")).unwrap();
    std::fs::write(path("a.toml"), deny("a")).unwrap();
    // As a volume of a cluster has it.
    std::fs::write(path("data/b.toml"), deny("b")).unwrap();
    symlink("data/b.toml", path("b.toml")).unwrap();
    let names = |more: &[&str]| {
        let (code, out, err) = world.cli(&[&["apply", "-f", "entities", "--dry-run"], more].concat());
        (
            code,
            out.lines()
                .filter_map(|line| line.split_whitespace().last().map(str::to_owned))
                .collect::<Vec<_>>(),
            err,
        )
    };
    let (code, found, err) = names(&["--prune"]);
    assert_eq!((code, found), (0, vec!["a".to_owned(), "b".to_owned()]), "{err}");
    symlink("../outside.toml", path("c.toml")).unwrap();
    assert_eq!(run(Command::new("mkfifo").arg(path("d.toml"))).0, 0);
    symlink("nowhere", path("e.toml")).unwrap();
    let (code, found, err) = names(&[]);
    assert_eq!((code, found), (0, vec!["a".to_owned(), "b".to_owned()]), "{err}");
    for passed in ["c.toml", "d.toml", "e.toml"] {
        assert!(err.contains(&format!("passed over: entities/{passed}")), "{err}");
    }
    let (code, _, err) = names(&["--prune"]);
    assert!(code == 3 && err.contains("--prune needs a whole folder"), "{err}");
}

#[test]
fn a_change_that_could_not_be_taken_over_is_with_the_next_apply() {
    let mut world = World::without_gateway(RULES);
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (world.path("tls.crt"), world.path("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let file = world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let tls = "tls = { cert = \"tls.crt\", key = \"file:tls.key\" }\ndrain_timeout";
    std::fs::write(&file, text.replace("drain_timeout", tls)).unwrap();
    let mut gateway = Process::start("gateway", &mut world.hoopctl(&["serve"]), world.folder.path());
    gateway.wait_port(world.port);
    world.gateway = Some(gateway);
    world.ok(&["status", "--wait", "10s"]);
    let policies = || world.json(&["status"])["counts"]["policies"].as_u64().unwrap();
    let before = policies();
    std::fs::write(world.path("a.toml"), deny("a")).unwrap();
    let away = world.path("away");
    std::fs::rename(&certificate, &away).unwrap();
    for _ in 0..2 {
        let (code, _, err) = world.cli(&["apply", "-f", "a.toml"]);
        assert!(code != 0 && err.contains("keeps running with the previous configuration"), "{code} {err}");
        assert!(err.contains("hoopctl config reload"), "{err}");
        assert_eq!(policies(), before);
    }
    std::fs::rename(&away, &certificate).unwrap();
    let report = world.json(&["apply", "-f", "a.toml"]);
    assert_eq!((&report["changes"][0]["outcome"], policies()), (&Value::from("unchanged"), before + 1));
}
