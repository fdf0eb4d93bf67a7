//! What commands print can be read again, and what they are asked for cannot be had in silence.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::code;
use super::run;
use super::run_with;
use super::text;

/// Runs a command without a gateway that must do.
fn done(folder: &Path, line: &str) -> String {
    let words: Vec<&str> = ["--data-dir", "data"].into_iter().chain(line.split(' ')).collect();
    let output = run(folder, &words);
    assert_eq!(code(&output), 0, "{line}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The exit code of a command without a gateway, and what it says.
fn told(folder: &Path, line: &str) -> (i32, String) {
    let words: Vec<&str> = ["--data-dir", "data"].into_iter().chain(line.split(' ')).collect();
    let output = run(folder, &words);
    (code(&output), text(&output.stderr))
}

#[test]
fn what_show_and_a_dry_run_print_is_taken_back() {
    let tempdir = tempfile::tempdir().unwrap();
    let folder = tempdir.path();
    let connection = "crm --upstream http://127.0.0.1:9 --tag data=pii --limit session=30m";
    let policy = "p --approve --group support --connection crm --unless-group sre --from dba --timeout 5m";
    for (noun, entity, change) in
        [("connect", connection, "--tag env=prod"), ("policy", policy, "--message no")]
    {
        let name = entity.split(' ').next().unwrap();
        let dry = done(folder, &format!("{noun} add {entity} --dry-run"));
        std::fs::write(folder.join("dry.toml"), &dry).unwrap();
        done(folder, "apply -f dry.toml");
        let shown = done(folder, &format!("{noun} show {name}"));
        assert_eq!(shown, dry, "{noun}");
        let kind = if noun == "connect" { "[[connection]]" } else { "[[policy]]" };
        assert!(shown.starts_with(kind) && !shown.contains("\n["), "{shown}");

        // With and without its header, to be added and to be edited.
        for (place, text) in
            [shown.clone(), shown.lines().skip(1).collect::<Vec<_>>().join("\n")].iter().enumerate()
        {
            let other = format!("{name}{place}");
            std::fs::write(folder.join("own.toml"), text).unwrap();
            done(folder, &format!("{noun} edit {name} {change}"));
            done(folder, &format!("{noun} edit {name} -f own.toml"));
            assert_eq!(done(folder, &format!("{noun} show {name}")), shown);
            let named = text.replace(&format!("\"{name}\""), &format!("\"{other}\""));
            let named = named.replace(&format!("connections = [\"{other}\"]"), "connections = [\"crm\"]");
            std::fs::write(folder.join("own.toml"), named).unwrap();
            done(folder, &format!("{noun} add {other} -f own.toml"));
        }
        std::fs::write(folder.join("both.toml"), format!("{shown}\n{shown}")).unwrap();
        let (exit, said) = told(folder, &format!("{noun} edit {name} -f both.toml"));
        assert!(
            exit == 2 && said.contains("more than one [[") && said.contains("hoopctl apply -f"),
            "{said}"
        );
    }
    let csv = done(folder, "connect show crm -o csv");
    assert!(csv.starts_with("name,origin,upstream,") && csv.contains("data=pii"), "{csv}");
}

#[test]
fn the_audit_trail_is_read_from_the_shell() {
    let tempdir = tempfile::tempdir().unwrap();
    let folder = tempdir.path();
    assert!(told(folder, "audit list").1.contains("nothing was changed yet"));
    done(folder, "connect add crm --upstream http://127.0.0.1:9");
    done(folder, "lock add client:x -r why --yes");
    done(folder, "lock remove last --yes");
    let entries = |line: &str| -> Vec<String> {
        let list: serde_json::Value = serde_json::from_str(&done(folder, line)).unwrap();
        let items = list["items"].as_array().unwrap().clone();
        assert!(
            items.iter().all(|item| item["ts"].as_str().is_some_and(|ts| ts.ends_with('Z'))),
            "{items:?}"
        );
        items.iter().map(|item| item["action"].as_str().unwrap().to_owned()).collect()
    };
    let all = entries("audit list -o json");
    assert!(all.len() >= 3 && all.last().unwrap() == "lock.remove", "{all:?}");
    assert_eq!(entries("audit list --action lock -o json"), ["lock.add", "lock.remove"]);
    assert_eq!(entries("audit list --action lock.add --since 1h -o json"), ["lock.add"]);
    assert_eq!(entries("audit list --subject crm -o json").len(), 1);
    assert_eq!(entries("audit list --actor nobody -o json"), [""; 0]);
    assert!(told(folder, "audit list --actor nobody").1.contains("no entry matches"));
    assert_eq!(entries("audit ls --limit 1 -o json"), ["lock.remove"]);
    let (_, said) = told(folder, "audit list --limit 1");
    assert!(said.contains("left out: see --limit"), "{said}");
    assert!(done(folder, "audit list -o csv").starts_with("number,when,actor,action,subject,detail\n"));
}

#[test]
fn a_lock_without_an_end_has_an_empty_cell_for_programs() {
    let tempdir = tempfile::tempdir().unwrap();
    let folder = tempdir.path();
    done(folder, "lock add client:x -r why --yes");
    let csv = done(folder, "lock list -o csv");
    assert!(csv.contains(",client:x,,local:"), "{csv}");
    assert!(done(folder, "lock list").contains("client:x  -  "));
}

#[test]
fn what_is_wrong_is_told_by_the_word_that_was_typed() {
    let tempdir = tempfile::tempdir().unwrap();
    let folder = tempdir.path();
    std::fs::write(
        folder.join("hoopctl.toml"),
        "version = 1\n[storage]\ndata_dir = \"data\"\n[dev_issuer]\nlisten = \"127.0.0.1:9\"\n",
    )
    .unwrap();
    done(folder, "connect add crm --upstream http://127.0.0.1:9");
    for (line, exit, words) in [
        ("token mint --as x --lifetime 2d", 2, &["2d", "1d at most"][..]),
        ("connect show crmm", 5, &["did you mean crm?"]),
        ("policy show no-delete", 5, &["hint: run: hoopctl policy list"]),
        ("connect edit crm --limit foo=3", 3, &["--limit foo: unknown key"]),
        ("connect edit crm --limit idle=3", 3, &["--limit idle = \"3\""]),
        ("policy add p --approve --group a", 2, &["--from GROUP"]),
        ("connect env crm -o json", 2, &["-o is not for `hoopctl connect env`"]),
        ("demo -o json", 2, &["-o is not for `hoopctl demo`"]),
        ("grant revoke grt_zz --yes", 2, &["hint: run: hoopctl grant list"]),
        ("policy simulate -f no.toml", 5, &["there is no file no.toml", "hint:"]),
        ("policy test no.toml", 5, &["there is no file no.toml", "hint:"]),
        ("policy add p --deny -f no.toml", 5, &["there is no file no.toml", "hint:"]),
        ("apply -f no.toml", 5, &["there is no file no.toml", "hint:"]),
        ("token inspect --file no.txt", 5, &["there is no file no.txt", "hint:"]),
        ("demo --fixture no.json", 5, &["there is no file no.json", "mcp-fixture"]),
        ("token inspect --env NOPE", 2, &["the environment variable NOPE is not set"]),
        ("session list --principal nobody", 0, &["no session matches"]),
        ("approval list --principal nobody", 0, &["no approval matches"]),
    ] {
        let (found, said) = told(folder, line);
        assert_eq!(found, exit, "{line}: {said}");
        for word in words {
            assert!(said.contains(word), "{line}: {word}: {said}");
        }
    }
    let (_, said) = told(folder, "connect add wiki --upstream http://127.0.0.1:9 --inject bearer:env:NOPE");
    assert!(said.contains("warning: env:NOPE is not set here"), "{said}");
}

#[test]
fn a_credential_that_is_too_short_is_told_before_it_is_needed() {
    let tempdir = tempfile::tempdir().unwrap();
    let folder = tempdir.path();
    std::fs::write(folder.join("short"), "abc\n").unwrap();
    std::fs::write(
        folder.join("hoopctl.toml"),
        "version = 1\n[storage]\ndata_dir = \"data\"\n[[connection]]\nname = \"crm\"\n\
         upstream = \"http://127.0.0.1:9\"\ninject = \"bearer:file:short\"\n",
    )
    .unwrap();
    let output = run_with(folder, &["secret", "set", "crm"], "abc\n");
    let said = text(&output.stderr);
    assert!(code(&output) == 2 && said.contains("4 to 65536 bytes"), "{said}");
    let (exit, said) = told(folder, "serve --check");
    assert!(exit == 0 && said.contains("shorter than 4 bytes"), "{said}");
    let output = run(folder, &["doctor"]);
    assert!(text(&output.stdout).contains("shorter than 4 bytes"), "{}", text(&output.stdout));
}

#[test]
fn the_check_of_a_start_fails_where_the_start_would() {
    let tempdir = tempfile::tempdir().unwrap();
    let folder = tempdir.path();
    std::fs::write(
        folder.join("hoopctl.toml"),
        "version = 1\n[storage]\ndata_dir = \"data\"\n\
         [gateway]\ntls = { cert = \"tls.crt\", key = \"file:tls.key\" }\n",
    )
    .unwrap();
    let refused = |words: &[&str]| {
        let (exit, said) = told(folder, "serve --check");
        assert_eq!(exit, 3, "{said}");
        let doctor = text(&run(folder, &["doctor"]).stdout);
        for word in words {
            assert!(said.contains(word) && doctor.contains(word), "{word}: {said}\n{doctor}");
        }
    };
    refused(&["gateway.tls.cert", "tls.crt is not there", "tls.key is not there"]);
    assert_eq!(told(folder, "config check").0, 0);
    std::fs::write(folder.join("tls.crt"), "no certificate").unwrap();
    std::fs::write(folder.join("tls.key"), "no key").unwrap();
    refused(&["gateway.tls: "]);
}

#[test]
fn what_is_no_sql_is_told_as_its_client_is_told() {
    let tempdir = tempfile::tempdir().unwrap();
    let folder = tempdir.path();
    done(folder, "connect add appdb --upstream postgres://127.0.0.1:9/app --inject password:u:env:PATH");
    done(folder, "policy add no-payroll --deny --connection appdb --table payroll --message Payroll");
    let explain = |sql: &str| {
        let line =
            ["--data-dir", "data", "policy", "explain", "--as", "idp/kim", "--connection", "appdb", "--sql"];
        text(&run(folder, &[&line[..], &[sql]].concat()).stdout)
    };
    let said = explain("SELEC 1");
    assert!(said.contains("DENY  PostgreSQL cannot read it\n"), "{said}");
    assert!(said.contains("syntax error at or near \"SELEC\" (SQLSTATE 42601)"), "{said}");
    assert!(!said.contains("is told: Payroll"), "{said}");
    assert!(explain("TABLE payroll").contains("is told: Payroll"));
}

#[test]
fn the_proof_of_all_is_in_its_document() {
    let tempdir = tempfile::tempdir().unwrap();
    let folder = tempdir.path();
    done(folder, "connect add crm --upstream http://127.0.0.1:9");
    let proof: serde_json::Value =
        serde_json::from_str(&done(folder, "session verify --all -o json")).unwrap();
    assert_eq!(
        (&proof["summary"]["broken"], &proof["summary"]["missing"]),
        (&0.into(), &0.into()),
        "{proof}"
    );
    assert!(proof["audit"]["entries"].as_u64().unwrap() > 0, "{proof}");
    assert_eq!(proof["audit"]["hash"].as_str().unwrap().len(), 64, "{proof}");
}

#[test]
fn the_doctor_does_not_call_broken_what_was_not_started() {
    let tempdir = tempfile::tempdir().unwrap();
    let folder = tempdir.path();
    std::fs::write(
        folder.join("hoopctl.toml"),
        "version = 1\n[storage]\ndata_dir = \"data\"\n[dev_issuer]\nlisten = \"127.0.0.1:9\"\n[[oidc]]\nname = \"dev\"\n\
         issuer = \"http://127.0.0.1:9\"\naudiences = [\"api://hoopctl\"]\n",
    )
    .unwrap();
    let found = text(&run(folder, &["doctor"]).stdout);
    assert!(found.contains("! issuer dev: is not started"), "{found}");
    // A store that cannot be looked into because others can.
    done(folder, "connect add crm --upstream http://127.0.0.1:9");
    std::fs::set_permissions(folder.join("data"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let found = text(&run(folder, &["doctor"]).stdout);
    assert!(found.contains("! store key: ") && !found.contains("backup"), "{found}");
}

#[test]
fn the_examples_are_clean() {
    let tempdir = tempfile::tempdir().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|file| file.extension().is_some_and(|ending| ending == "toml")) {
        let (exit, said) = told(tempdir.path(), &format!("policy lint -c {}", file.display()));
        assert!(exit == 0 && said.contains(" 0 findings"), "{}: {said}", file.display());
    }
}
