//! `install.sh` with a `cargo` that builds nothing: what it puts where, and that it takes the same away again.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use super::code;
use super::text;

/// The files below a folder, by their paths in it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// A folder with a `cargo` that leaves the built program where a build would, or fails.
fn stub(folder: &Path, works: bool) -> PathBuf {
    let bin = folder.join("stub");
    std::fs::create_dir_all(&bin).unwrap();
    let built = env!("CARGO_BIN_EXE_hoopctl");
    let script = if works {
        format!(
            "#!/bin/sh\necho \"$@\" >\"{0}/cargo.args\"\nmkdir -p \"$CARGO_TARGET_DIR/release\"\ncp \"{built}\" \"$CARGO_TARGET_DIR/release/hoopctl\"\n",
            folder.display()
        )
    } else {
        "#!/bin/sh\nexit 101\n".to_owned()
    };
    let cargo = bin.join("cargo");
    std::fs::write(&cargo, script).unwrap();
    std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
    // The script looks for what the build needs before it builds; whether this machine has it is not the question here.
    std::fs::write(bin.join("libclang.so"), "").unwrap();
    bin
}

fn install(folder: &Path, stub: &Path, arguments: &[&str]) -> Output {
    installing(folder, stub, arguments).output().unwrap()
}

fn installing(folder: &Path, stub: &Path, arguments: &[&str]) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh");
    let mut command = Command::new("sh");
    command
        .arg(script)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder.join("home"))
        .env("PATH", format!("{}:/usr/bin:/bin", stub.display()))
        .env("LIBCLANG_PATH", stub)
        .env("CARGO_TARGET_DIR", folder.join("target"));
    command
}

#[test]
fn what_is_installed_runs_and_is_taken_away_again() {
    let folder = tempfile::tempdir().unwrap();
    let (stub, prefix) = (stub(folder.path(), true), folder.path().join("a prefix"));
    let place = prefix.to_str().unwrap();
    let output = install(folder.path(), &stub, &["--prefix", place]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(env!("CARGO_PKG_VERSION")), "{}", text(&output.stdout));
    let asked = std::fs::read_to_string(folder.path().join("cargo.args")).unwrap();
    assert_eq!(asked.trim(), "build --release --locked --bin hoopctl");
    let found = files(&prefix);
    for wanted in [
        "bin/hoopctl",
        "share/bash-completion/completions/hoopctl",
        "share/zsh/site-functions/_hoopctl",
        "share/fish/vendor_completions.d/hoopctl.fish",
        "share/man/man1/hoopctl.1",
        "share/man/man1/hoopctl-serve.1",
    ] {
        assert!(found.iter().any(|file| file == wanted), "no {wanted} in {found:?}");
    }
    let output = Command::new(prefix.join("bin/hoopctl")).arg("version").output().unwrap();
    assert_eq!(text(&output.stdout), format!("hoopctl {}\n", env!("CARGO_PKG_VERSION")));

    // Once more over itself, then away: of it nothing is left, and of others everything.
    std::fs::write(prefix.join("share/man/man1/other.1"), "").unwrap();
    std::fs::write(prefix.join("share/man/man1/hoopctl-theirs.1"), ".TH hoopctl-theirs 1 \"theirs 1.0\"\n")
        .unwrap();
    std::fs::write(prefix.join("bin/other"), "").unwrap();
    assert_eq!(code(&install(folder.path(), &stub, &["--prefix", place])), 0);
    let output = install(folder.path(), &stub, &["--prefix", place, "--uninstall"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let others = ["bin/other", "share/man/man1/hoopctl-theirs.1", "share/man/man1/other.1"];
    assert_eq!(files(&prefix), others);
    let output = install(folder.path(), &stub, &["--prefix", place, "--uninstall"]);
    assert_eq!((code(&output), text(&output.stdout).contains("There is no hoopctl")), (0, true));

    // Pages alone are something, too.
    assert_eq!(code(&install(folder.path(), &stub, &["--prefix", place])), 0);
    for file in files(&prefix).iter().filter(|file| !file.contains("/man/") && *file != "bin/other") {
        std::fs::remove_file(prefix.join(file)).unwrap();
    }
    let output = install(folder.path(), &stub, &["--prefix", place, "--uninstall"]);
    assert!(text(&output.stdout).contains("Removed hoopctl"), "{}", text(&output.stdout));
    assert_eq!(files(&prefix), others);
}

#[test]
fn a_target_folder_that_starts_nowhere_starts_where_it_was_called() {
    let folder = tempfile::tempdir().unwrap();
    let stub = stub(folder.path(), true);
    let output = installing(folder.path(), &stub, &[]).env("CARGO_TARGET_DIR", "out").output().unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(folder.path().join("out/release/hoopctl").is_file());
}

#[test]
fn without_a_prefix_it_goes_below_home() {
    let folder = tempfile::tempdir().unwrap();
    let stub = stub(folder.path(), true);
    assert_eq!(code(&install(folder.path(), &stub, &[])), 0);
    assert!(folder.path().join("home/.local/bin/hoopctl").is_file());
    assert_eq!(code(&install(folder.path(), &stub, &["--uninstall"])), 0);
    assert!(files(&folder.path().join("home")).is_empty());
}

#[test]
fn a_build_that_fails_and_a_prefix_that_is_none_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let stub = stub(folder.path(), false);
    let prefix = folder.path().join("prefix");
    let output = install(folder.path(), &stub, &["--prefix", prefix.to_str().unwrap()]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("the build failed") && !prefix.exists());
    for arguments in [
        &["--prefix"][..],
        &["--prefix", "relative"],
        &["--prefix", "/"],
        &["--prefix=/a/../b"],
        &["--prefux"],
    ] {
        assert_eq!(code(&install(folder.path(), &stub, arguments)), 2, "{arguments:?}");
    }
}
