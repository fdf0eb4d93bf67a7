//! Configuration files: written, checked, tried.

use super::code;
use super::run;
use super::run_with;
use super::text;

#[test]
fn init_writes_a_private_file_that_holds_and_does_not_write_over_one() {
    use std::os::unix::fs::PermissionsExt;
    for options in [&["--oidc", "entra"][..], &["--oidc", "generic"], &["--demo"]] {
        let folder = tempfile::tempdir().unwrap();
        let arguments = [&["init"], options].concat();
        let output = run(folder.path(), &arguments);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let file = folder.path().join("hoopctl.toml");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let check = run(folder.path(), &["config", "check"]);
        assert_eq!(code(&check), 0, "{options:?}: {}", text(&check.stderr));
        assert_eq!(code(&run(folder.path(), &["serve", "--check"])), 0);
        std::fs::write(&file, "mine").unwrap();
        assert_eq!(code(&run(folder.path(), &arguments)), 6);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
        assert_eq!(code(&run(folder.path(), &[&arguments[..], &["--force"]].concat())), 0);
        assert_ne!(std::fs::read_to_string(&file).unwrap(), "mine");
    }
}

#[test]
fn all_problems_of_a_configuration_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("hoopctl.toml"),
        "version = 1\n[gateway]\nlisten = \"nowhere\"\nlisen = 1\n",
    )
    .unwrap();
    let output = run(folder.path(), &["config", "check"]);
    let stderr = text(&output.stderr);
    assert_eq!(code(&output), 3);
    assert!(stderr.contains("hoopctl.toml:3:") && stderr.contains("hoopctl.toml:4:"), "{stderr}");
    let output = run(folder.path(), &["config", "check", "-o", "json"]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["problems"].as_array().unwrap().len(), 2);
}

#[test]
fn masks_are_tried_on_standard_input_and_values_are_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let input = "card 4111111111111111\nssn 512-34-4391 and nothing else\n";
    let output = run_with(folder.path(), &["mask", "test"], input);
    let stdout = text(&output.stdout);
    assert_eq!(code(&output), 0);
    assert!(stdout.contains("CREDIT_CARD") && stdout.contains("US_SSN"), "{stdout}");
    assert!(!stdout.contains("4111111111111111") && !stdout.contains("512-34-4391"), "{stdout}");
    let output = run_with(folder.path(), &["mask", "test", "--entity", "us_ssn", "-o", "json"], input);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((found["items"][0]["line"].as_u64(), found["items"].as_array().unwrap().len()), (Some(2), 1));
    assert_eq!(code(&run_with(folder.path(), &["mask", "test", "--entity", "nope"], input)), 2);
    let empty = run_with(folder.path(), &["mask", "test"], "nothing here");
    assert_eq!((code(&empty), text(&empty.stdout).as_str()), (0, ""));
}

#[test]
fn a_token_is_inspected_without_being_believed() {
    let folder = tempfile::tempdir().unwrap();
    // {"alg":"none"} . {"iss":"https://x","exp":1}
    let token = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL3giLCJleHAiOjF9.";
    let output = run_with(folder.path(), &["token", "inspect"], token);
    let stdout = text(&output.stdout);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(stdout.contains("https://x") && stdout.contains("refused"), "{stdout}");
    let junk = run_with(folder.path(), &["token", "inspect", "-"], "not a token");
    assert_eq!((code(&junk), text(&junk.stdout).as_str()), (4, ""));
    let said = text(&junk.stderr);
    assert!(said.starts_with("error: this is no token: ") && said.lines().count() == 1, "{said}");
    assert_eq!(code(&run_with(folder.path(), &["token", "inspect"], "")), 4);
    assert_eq!(code(&run_with(folder.path(), &["token", "verify"], token)), 3);
}

#[test]
fn doctor_says_what_to_do_and_ends_with_1_when_something_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["doctor"]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stdout).contains("hoopctl init"), "{}", text(&output.stdout));
    let output = run(folder.path(), &["doctor", "-o", "jsonl"]);
    let first: serde_json::Value =
        serde_json::from_str(text(&output.stdout).lines().next().unwrap()).unwrap();
    assert_eq!(first["state"], "wrong");
}

#[test]
fn config_check_holds_the_file_against_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hoopctl.toml");
    let config = "version = 1\n[storage]\ndata_dir = \"data\"\n[[policy]]\nid = \"crm-reads\"\neffect = \"allow\"\n\
                  match = { groups = [\"support\"], connections = [\"crm\"] }\n";
    std::fs::write(&file, config).unwrap();
    let check = || {
        let output = run(folder.path(), &["config", "check"]);
        (code(&output), text(&output.stderr))
    };
    let (exit, said) = check();
    assert!(exit == 0 && said.contains("match.connections"), "{exit} {said}");
    assert!(!folder.path().join("data").exists(), "a check makes nothing");
    let add = ["connect", "add", "crm", "--upstream", "https://127.0.0.1:9", "--ca-file", "ca.pem"];
    let output = run(folder.path(), &[&add[..], &["--inject", "bearer:file:./crm.key"]].concat());
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let (exit, said) = check();
    assert!(exit == 0 && !said.contains("match.connections"), "{exit} {said}");
    let shown = text(&run(folder.path(), &["connect", "show", "crm"]).stdout);
    let here = folder.path().canonicalize().unwrap();
    for path in ["ca_file = \"HERE/ca.pem\"", "bearer:file:HERE/crm.key\""] {
        assert!(shown.contains(&path.replace("HERE", here.to_str().unwrap())), "{shown}");
    }
    std::fs::write(
        &file,
        config.to_owned() + "[[connection]]\nname = \"crm\"\nupstream = \"http://127.0.0.1:9\"\n",
    )
    .unwrap();
    for arguments in [&["config", "check"][..], &["serve", "--check"]] {
        let output = run(folder.path(), arguments);
        assert_eq!(code(&output), 3, "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("there twice"), "{}", text(&output.stderr));
    }
}

/// Somebody else on this machine, where the tests run as root; nobody else could be played.
const OTHER: u32 = 65_534;

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0)
}

#[test]
fn a_file_that_another_user_left_here_is_obeyed_only_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hoopctl.toml");
    std::fs::write(&file, "version = 1\n[storage]\ndata_dir = \"data\"\n").unwrap();
    assert_eq!(code(&run(folder.path(), &["config", "check"])), 0);
    if !is_root() {
        return;
    }
    std::os::unix::fs::chown(&file, Some(OTHER), None).unwrap();
    for arguments in [&["config", "check"][..], &["status"], &["serve"], &["secret", "list"], &["doctor"]] {
        let output = run(folder.path(), arguments);
        let told = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_ne!(code(&output), 0, "{arguments:?}");
        assert!(told.contains("belongs to another user"), "{arguments:?}: {told}");
    }
    assert!(!folder.path().join("data").exists());
    assert_eq!(code(&run(folder.path(), &["config", "check", "-c", "hoopctl.toml"])), 0);
}

#[test]
fn a_socket_that_another_user_listens_on_is_told_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o1777);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let socket = folder.path().join("admin.sock");
    let listen = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()\nwhile True:\n    c, _ = s.accept()\n    c.settimeout(2)\n    try: sys.stdout.write(c.recv(9999).decode())\n    except OSError: pass\n    sys.stdout.flush()\n    c.close()\n";
    let heard = folder.path().join("heard");
    let mut other = std::process::Command::new("python3")
        .args(["-c", listen, socket.to_str().unwrap()])
        .uid(OTHER)
        .stdout(std::fs::File::create(&heard).unwrap())
        .spawn()
        .unwrap();
    for _ in 0..100 {
        if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let at = ["secret", "set", "crm", "--socket", socket.to_str().unwrap()];
    let output = run_with(folder.path(), &at, "hunter2-of-the-crm");
    other.kill().unwrap();
    other.wait().unwrap();
    let told = text(&output.stderr);
    assert!(code(&output) != 0 && told.contains("is another user") && told.contains("not trusted"), "{told}");
    assert_eq!(std::fs::read_to_string(&heard).unwrap(), "");
}

#[test]
fn init_writes_over_the_link_and_not_what_it_leads_to() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (victim, file) = (folder.path().join("victim"), folder.path().join("hoopctl.toml"));
    std::fs::write(&victim, "precious").unwrap();
    std::fs::set_permissions(&victim, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(&victim, &file).unwrap();
    assert_eq!(code(&run(folder.path(), &["init"])), 6);
    let output = run(folder.path(), &["init", "--force"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    let data = std::fs::symlink_metadata(&file).unwrap();
    assert!(data.is_file() && data.permissions().mode() & 0o777 == 0o600);
    let names = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 2, "nothing else is left");
}
