//! A data directory that is not as it was: `serve` does not start and names the file, and `doctor` and
//! `serve --check` tell of it before.

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;

use crate::support::World;

/// Returns the copy of a folder of files, in memory.
fn kept(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
}

/// Makes the folder what it was.
fn restore(folder: &Path, files: &[(PathBuf, Vec<u8>)]) {
    std::fs::remove_dir_all(folder).unwrap();
    std::fs::create_dir(folder).unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    for (path, content) in files {
        std::fs::write(path, content).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A file that is changed, how, what is said of it, and whether `serve --check` can know.
type Damage = (&'static str, fn(&Path), &'static str, bool);

const DAMAGES: &[Damage] = &[
    (
        "events.db",
        |file| open(file).set_len(file.metadata().unwrap().len() - 8192).unwrap(),
        "cut short",
        true,
    ),
    (
        "events.db",
        |file| rusqlite::Connection::open(file).unwrap().pragma_update(None, "user_version", 99).unwrap(),
        "schema version 99",
        true,
    ),
    ("events.db", |file| open(file).write_all_at(&[0xaa; 8192], 16384).unwrap(), "malformed", true),
    ("events.db", |file| open(file).write_all_at(&[0xaa; 8192], 32768).unwrap(), "events.db", false),
    ("events.db", |file| mode(file, 0o644), "chmod 600", true),
    ("hoopctl.db", |file| open(file).set_len(4096).unwrap(), "is damaged", true),
    ("hoopctl.db", |file| std::fs::remove_file(file).unwrap(), "there are recordings in", true),
    ("mask.key", |file| std::fs::write(file, "short").unwrap(), "it has 5 bytes", true),
    ("mask.key", |file| std::fs::write(file, "").unwrap(), "it has 0 bytes", true),
    ("mask.key", |file| mode(file, 0o644), "chmod 600", true),
    ("store.key", |file| std::fs::write(file, "junk").unwrap(), "does not hold a key", true),
    ("store.key", |file| mode(file, 0o644), "mode", true),
    ("store.key", |file| std::fs::remove_file(file).unwrap(), "missing", true),
    ("admin.sock", |file| std::fs::write(file, "precious").unwrap(), "not a socket", true),
    ("ahead-0000000009.log", |file| std::fs::create_dir(file).unwrap(), "ahead-0000000009.log", true),
];

fn open(file: &Path) -> std::fs::File {
    std::fs::OpenOptions::new().write(true).open(file).unwrap()
}

#[test]
fn what_keeps_a_gateway_from_starting_is_named_by_doctor_and_by_the_check() {
    let mut world = World::new();
    let mut command = world.hoopctl(&["secret", "set", "own"]);
    let mut secret = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    secret.stdin.take().unwrap().write_all(b"a-secret-of-this-test").unwrap();
    assert!(secret.wait().unwrap().success());
    world.get("/c/crm/customers/7", Some(&world.token("writer")));
    world.stop();
    let data = world.path("data");
    let whole = kept(&data);
    let (code, out, err) = world.cli(&["doctor"]);
    assert_eq!(code, 0, "{out} {err}");
    let (code, out, err) = world.cli(&["serve", "--check"]);
    assert_eq!(code, 0, "{out} {err}");
    for (name, damage, said, checked) in DAMAGES {
        let file = data.join(name);
        damage(&file);
        let (code, out, err) = world.cli(&["doctor"]);
        assert!(
            code == 1 && out.contains(name) && out.contains(said),
            "doctor, {name}, {said}: {code} {out} {err}"
        );
        if *checked {
            let (code, _, err) = world.cli(&["serve", "--check"]);
            assert!(
                code == 3 && err.contains(name) && err.contains(said),
                "check, {name}, {said}: {code} {err}"
            );
        }
        let (code, _, err) = world.cli(&["serve"]);
        assert!(matches!(code, 1 | 7 | 10), "{name}: {code} {err}");
        assert!(err.contains(name) && err.contains(said), "serve, {name}, {said}: {err}");
        restore(&data, &whole);
    }
    world.start();
}

#[test]
fn a_key_in_the_environment_that_is_not_set_is_told_by_the_check() {
    let world = World::without_gateway("");
    let text = std::fs::read_to_string(world.path("hoopctl.toml")).unwrap();
    let text = text.replace("[storage]\n", "[storage]\nkey = \"env:HOOPCTL_TEST_KEY\"\n");
    std::fs::write(world.path("hoopctl.toml"), text).unwrap();
    let with_key = |args: &[&str]| {
        let mut command = world.hoopctl(args);
        command.env("HOOPCTL_TEST_KEY", "07".repeat(32));
        command
    };
    let mut secret =
        with_key(&["secret", "set", "own"]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    secret.stdin.take().unwrap().write_all(b"a-secret-of-this-test").unwrap();
    assert!(secret.wait().unwrap().success());
    assert!(with_key(&["serve", "--check"]).stdout(Stdio::null()).status().unwrap().success());
    let (code, _, err) = world.cli(&["serve", "--check"]);
    assert!(code == 3 && err.contains("env:HOOPCTL_TEST_KEY is missing"), "{code} {err}");
    let mut other = with_key(&["serve", "--check"]);
    let output = other.env("HOOPCTL_TEST_KEY", "08".repeat(32)).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_level_of_the_log_that_is_none_is_refused() {
    let world = World::without_gateway("");
    for wrong in ["inof", "a=b=c", "hoopctl=inof", "info,hoopctl"] {
        for args in [&["serve"][..], &["serve", "--check"]] {
            let output = world.hoopctl(args).env("HOOPCTL_LOG", wrong).output().unwrap();
            let err = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.code() == Some(2) && err.contains(wrong) && err.contains("debug"),
                "{wrong}: {err}"
            );
        }
    }
    for right in ["", "warn", "info,hoopctl::recording=debug"] {
        let output = world.hoopctl(&["serve", "--check"]).env("HOOPCTL_LOG", right).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{right}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A file, what is done to it, what is run then, and the exit code.
type Case<'a> = (&'a str, fn(&Path), &'a [&'a str], i32);

#[test]
fn the_exit_code_tells_damage_from_what_may_pass() {
    let mut world = World::new();
    world.get("/c/crm/customers/7", Some(&world.token("writer")));
    world.stop();
    let data = world.path("data");
    let whole = kept(&data);
    let cases: &[Case<'_>] = &[
        ("hoopctl.db", |file| open(file).set_len(4096).unwrap(), &["lock", "list"], 10),
        ("hoopctl.db", |file| open(file).set_len(4096).unwrap(), &["session", "verify", "--all"], 10),
        ("hoopctl.db", |file| mode(file, 0o644), &["lock", "list"], 1),
        ("events.db", |file| open(file).set_len(8192).unwrap(), &["session", "list"], 10),
        ("events.db", |file| mode(file, 0o644), &["session", "list"], 1),
    ];
    for (name, damage, args, wanted) in cases {
        damage(&data.join(name));
        let (code, out, err) = world.cli(args);
        assert!(code == *wanted && err.contains(name), "{name} {args:?}: {code} {out} {err}");
        restore(&data, &whole);
    }
}
