//! What somebody types who does not know the product yet: nothing is done in vain, and what to do is said.

use std::net::TcpListener;
use std::path::Path;

use super::code;
use super::run;
use super::text;

/// A configuration in `folder`, with these lines in place of an issuer where they are not empty.
fn configured(folder: &Path, more: &str) {
    let config = format!(
        "version = 1\n[storage]\ndata_dir = \"data\"\n[[oidc]]\nname = \"dev\"\nissuer = \"http://127.0.0.1:9\"\n\
         audiences = [\"api://hoopctl\"]\n{more}"
    );
    std::fs::write(folder.join("hoopctl.toml"), config).unwrap();
}

#[test]
fn a_lock_that_can_lock_nobody_is_refused_and_one_of_somebody_unknown_is_told() {
    let folder = tempfile::tempdir().unwrap();
    configured(folder.path(), "");
    let add = |arguments: &[&str]| {
        let output = run(folder.path(), &[&["lock", "add"], arguments].concat());
        (code(&output), text(&output.stderr))
    };
    let (exit, said) = add(&["principal:agent-7", "--yes"]);
    assert!(exit == 2 && said.contains("hint: principal:dev/agent-7"), "{said}");
    for target in ["issuer:nosuch", "connection:nosuch"] {
        let (found, said) = add(&[target]);
        assert!(found == 0 && said.contains(&format!("warning: nothing known here is {target}")), "{said}");
        let (found, said) = add(&[target, "--yes"]);
        assert!(found == 0 && !said.contains("warning"), "{said}");
    }
    // Without a journal nobody knows which clients were here.
    let (found, said) = add(&["client:nosuch"]);
    assert!(found == 0 && !said.contains("warning"), "{said}");
    let (exit, said) = add(&["principal:dev/agent-7"]);
    assert!(exit == 0 && said.contains("dev/agent-7 has never had a session"), "{said}");
    let list = text(&run(folder.path(), &["lock", "list"]).stdout);
    assert_eq!(list.lines().count(), 7, "{list}");
    assert!(text(&run(folder.path(), &["lock", "add", "--help"]).stdout).contains("principal:corp/agent-7"));
}

#[test]
fn what_only_looks_makes_no_store() {
    let folder = tempfile::tempdir().unwrap();
    configured(folder.path(), "[[connection]]\nname = \"crm\"\nupstream = \"http://127.0.0.1:9\"\n");
    for arguments in [
        &["lock", "list"][..],
        &["connect", "list"],
        &["connect", "show", "crm"],
        &["connect", "env", "crm"],
        &["policy", "list"],
        &["policy", "explain", "--as", "agent-7", "--connection", "crm", "GET", "/x"],
        &["secret", "list"],
        &["approval", "list"],
        &["grant", "list"],
        &["session", "list"],
        &["audit", "list"],
    ] {
        let output = run(folder.path(), arguments);
        let said = text(&output.stderr);
        assert_eq!(code(&output), 0, "{arguments:?}: {said}");
        assert!(said.contains("there is no store in") && !said.contains("editing"), "{arguments:?}: {said}");
        assert!(!folder.path().join("data").exists(), "{arguments:?}");
    }
    assert!(text(&run(folder.path(), &["connect", "list"]).stdout).contains("crm"));
    assert_eq!(code(&run(folder.path(), &["lock", "add", "everybody", "--yes"])), 0);
    let output = run(folder.path(), &["lock", "list"]);
    assert!(text(&output.stderr).contains("reading the store directly"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("everybody"));
}

#[test]
fn doctor_ticks_only_what_is_there_and_serve_does_not_send_in_circles() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    configured(
        folder.path(),
        &format!(
            "[gateway]\nlisten = \"{address}\"\n[[connection]]\nname = \"wiki\"\nupstream = \"http://127.0.0.1:9\"\n\
             inject = \"bearer:store:wiki\"\n[[connection]]\nname = \"crm\"\nupstream = \"http://127.0.0.1:9\"\n\
             inject = \"bearer:exec:/nonexistent/fetch-key\"\n[[connection]]\nname = \"shop\"\n\
             upstream = \"http://127.0.0.1:9\"\ninject = \"bearer:env:NO_SUCH_VARIABLE\"\n"
        ),
    );
    let doctor = |arguments: &[&str]| text(&run(folder.path(), &[&["doctor"], arguments].concat()).stdout);
    let found = doctor(&[]);
    for line in [
        "\u{2717} connection wiki, credential: the store has no secret wiki",
        "\u{2717} connection crm, credential: exec:/nonexistent/fetch-key",
        &format!("\u{2717} ports: {address} (gateway.listen)"),
        "store.key is not there yet",
    ] {
        assert!(found.contains(line), "{line}: {found}");
    }
    let serve = run(folder.path(), &["serve"]);
    let said = text(&serve.stderr);
    assert!(said.contains("WARN") && said.contains("env:NO_SUCH_VARIABLE is not set here"), "{said}");
    assert!(
        code(&serve) == 1 && said.contains(&format!("hint: stop the process that listens on {address}")),
        "{said}"
    );

    // A key whose folder is missing: both name the folder.
    let file = folder.path().join("hoopctl.toml");
    let keyed = std::fs::read_to_string(&file)
        .unwrap()
        .replace("[[oidc]]", "key = \"file:keys/store.key\"\n[[oidc]]");
    std::fs::write(&file, &keyed).unwrap();
    let folder_of_key = folder.path().canonicalize().unwrap().join("keys").display().to_string();
    let (found, serve) = (doctor(&[]), text(&run(folder.path(), &["serve"]).stderr));
    for said in [found, serve] {
        assert!(said.contains("mkdir -m 700 -p") && said.contains("keys"), "{folder_of_key}: {said}");
    }

    // A file with a problem: it is shown, and the rest is looked at.
    std::fs::write(&file, keyed.replace("[gateway]", "speling = 1\n[gateway]")).unwrap();
    let found = doctor(&["-c", "hoopctl.toml"]);
    let broken = keyed.replace("data_dir = \"data\"", "data_dir = 7");
    std::fs::write(&file, &broken).unwrap();
    let about_storage = doctor(&[]);
    assert!(
        about_storage.contains("data_dir") && !about_storage.contains("store key:"),
        "nothing is said of a store that is nobody's: {about_storage}"
    );
    assert!(
        found.contains("speling")
            && found.contains("data directory")
            && found.contains("hoopctl serve -c hoopctl.toml"),
        "{found}"
    );
}

#[test]
fn the_check_opens_the_files_that_are_named() {
    let folder = tempfile::tempdir().unwrap();
    configured(
        folder.path(),
        "ca_file = \"missing-ca.pem\"\n[[connection]]\nname = \"crm\"\nupstream = \"http://127.0.0.1:9\"\n\
         inject = \"bearer:file:missing.key\"\n[[connection]]\nname = \"wiki\"\nupstream = \"http://127.0.0.1:9\"\n\
         inject = \"bearer:env:NO_SUCH_VARIABLE\"\n",
    );
    let output = run(folder.path(), &["serve", "--check"]);
    let said = text(&output.stderr);
    assert!(code(&output) == 3 && said.contains("missing-ca.pem is not there"), "{said}");
    let output = run(folder.path(), &["config", "check"]);
    let said = text(&output.stderr);
    assert_eq!(code(&output), 0, "{said}");
    for word in ["oidc.dev.ca_file", "missing-ca.pem", "missing.key", "env:NO_SUCH_VARIABLE is not set here"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
    let found = text(&run(folder.path(), &["doctor"]).stdout);
    assert!(found.contains("missing-ca.pem"), "{found}");
    std::fs::write(folder.path().join("hoopctl.toml"), "version = 1\n[storage]\ndata_dir = \"data\"\n")
        .unwrap();
    let output = run(folder.path(), &["serve", "--check"]);
    assert!(text(&output.stderr).contains("warning: there is no [[oidc]]"), "{}", text(&output.stderr));
}

#[test]
fn words_that_are_not_there_lead_to_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    configured(folder.path(), "[[connection]]\nname = \"crm\"\nupstream = \"http://127.0.0.1:9\"\n");
    for (line, exit, words) in [
        (
            "connect open crm",
            2,
            &["crm is http; connect open is for PostgreSQL", "hoopctl connect env crm"][..],
        ),
        ("policy add p1 --effect allow", 2, &["hint: --allow, --approve or --deny"]),
        ("serve nosuch.toml", 2, &["-c nosuch.toml"]),
        ("lock add everybody -r two words", 2, &["in quotes"]),
        ("session verify", 2, &["--all"]),
        ("mask test 078-05-1120", 2, &["reads standard input"]),
        ("lock remove lck_01kah3y2x7m5q8r4s6t9v0w1z2", 5, &["there is no lock"]),
        ("lock remove last", 5, &["there are no locks"]),
        ("replay last", 5, &["nothing is recorded yet"]),
        ("token verify", 4, &["hint: run: hoopctl token verify < FILE"]),
        ("token verify abc", 2, &["hint: run: hoopctl token verify < FILE"]),
        ("connect add x --upstream nonsense", 3, &["--upstream = \"nonsense\""]),
        ("policy add x --allow", 3, &["policy \"x\" is not valid: "]),
    ] {
        let output = run(folder.path(), &line.split(' ').collect::<Vec<_>>());
        let said = text(&output.stderr);
        assert_eq!(code(&output), exit, "{line}: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{line}: {said}");
        assert!(!said.contains("connection:") && !said.contains("policy:"), "{line}: {said}");
    }
    let added = run(folder.path(), &["policy", "add", "x", "--allow"]);
    assert_eq!(text(&added.stderr).matches("not valid").count(), 1, "{}", text(&added.stderr));
    let help = run(folder.path(), &["help", "lock", "add"]);
    assert_eq!(text(&help.stdout), text(&run(folder.path(), &["lock", "add", "--help"]).stdout));
    assert_eq!(code(&help), 0);
    assert!(run(folder.path(), &["lock", "add", "everybody", "--yes"]).status.success());
    assert!(run(folder.path(), &["lock", "remove", "last", "--yes"]).status.success());
}

#[test]
fn a_file_that_is_none_is_not_told_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let prose = "This is prose, and not a configuration.\n".repeat(100);
    std::fs::write(folder.path().join("README.md"), prose).unwrap();
    let output = run(folder.path(), &["serve", "-c", "README.md"]);
    let said = text(&output.stderr);
    assert_eq!(code(&output), 3, "{said}");
    assert!(said.contains(" more") && said.contains("is this a hoopctl.toml?"), "{said}");
    assert!(said.lines().count() < 60, "{}", said.lines().count());
    let wrong = "[[policy]]\nid = \"p\"\nefect = \"deny\"\npassword = \"hunter2\"\nmatch = {}\n";
    configured(folder.path(), wrong);
    let said = text(&run(folder.path(), &["config", "check"]).stderr);
    assert!(said.contains("efect = \"deny\"") && !said.contains("hunter2"), "{said}");
}

#[test]
fn cases_and_templates_speak_of_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    configured(
        folder.path(),
        "[[connection]]\nname = \"tools\"\nupstream = \"mcp+http://127.0.0.1:9/mcp\"\ntrust_annotations = true\n",
    );
    let call = "[[case]]\nname = \"a call\"\nas = { subject = \"dev/a\" }\nconnection = \"tools\"\n\
                mcp = { tool = \"look\" }\nexpect = { effect = \"deny\" }\n";
    for (case, noted) in
        [(call.to_owned(), true), (call.replace("\"look\"", "\"look\", read_only = true"), false)]
    {
        std::fs::write(folder.path().join("calls.toml"), case).unwrap();
        let said = text(&run(folder.path(), &["policy", "test", "calls.toml"]).stderr);
        assert_eq!(said.contains("add read_only = true"), noted, "{said}");
    }
    let cases = "[[case]]\nname = \"a\"\nas = \"agent-7\"\nconnection = \"crm\"\nmethod = \"GET\"\npath = \"/\"\n\
                 expect = { effect = \"allow\" }\n";
    std::fs::write(folder.path().join("cases.toml"), cases).unwrap();
    let said = text(&run(folder.path(), &["policy", "test", "cases.toml"]).stderr);
    assert!(said.contains("as = { subject = ") && !said.contains("struct"), "{said}");
    assert!(run(folder.path(), &["init", "--dir", "new"]).status.success());
    let written = std::fs::read_to_string(folder.path().join("new/hoopctl.toml")).unwrap();
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    assert!(written.contains(&format!("local_groups = {{ {user} = [")), "{user}: {written}");
}

#[test]
fn a_line_for_people_is_one_write_so_that_two_programs_do_not_tear_it() {
    let folder = tempfile::tempdir().unwrap();
    configured(folder.path(), "");
    // Of a datagram socket each write is a message of its own.
    let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let mut command = super::hoopctl(folder.path());
    command.args(["connect", "list"]).stderr(std::os::fd::OwnedFd::from(theirs));
    assert!(command.status().unwrap().success());
    ours.set_nonblocking(true).unwrap();
    let mut buffer = [0; 4096];
    let mut lines = 0;
    while let Ok(length) = ours.recv(&mut buffer) {
        assert_eq!(buffer[..length].iter().position(|byte| *byte == b'\n'), Some(length - 1));
        lines += 1;
    }
    assert_eq!(lines, 2);
}
