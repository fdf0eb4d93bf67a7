//! Without a gateway the store is edited directly: connections, policies, secrets.

use std::os::unix::fs::DirBuilderExt;

use super::code;
use super::hoopctl;
use super::run;
use super::run_with;
use super::text;

/// The store without a gateway: what the words of the configuration say, through the same checks.
#[test]
fn without_a_gateway_the_store_is_edited_directly() {
    let folder = tempfile::tempdir().unwrap();
    let all = |arguments: &[&str]| run(folder.path(), &[&["--data-dir", "data"], arguments].concat());
    let add = [
        "connect",
        "add",
        "crm",
        "--upstream",
        "http://127.0.0.1:9",
        "--inject",
        "none",
        "--tag",
        "data=pii",
    ];
    let output = all(&add);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("gateway not running: editing the store directly"));
    assert_eq!(code(&all(&add)), 6);
    let list: serde_json::Value =
        serde_json::from_slice(&all(&["connections", "ls", "-o", "json"]).stdout).unwrap();
    assert_eq!(list["items"][0]["name"], "crm");
    let show = text(&all(&["connect", "show", "crm"]).stdout);
    assert!(
        show.starts_with("[[connection]]\n") && show.contains("upstream = \"http://127.0.0.1:9\""),
        "{show}"
    );
    assert_eq!(code(&all(&["connect", "edit", "crm", "--limit", "session=30m"])), 0);
    assert!(text(&all(&["connect", "show", "crm"]).stdout).contains("30m"));
    assert_eq!(code(&all(&["connect", "test", "crm"])), 1);
    assert!(text(&all(&["connect", "env", "crm"]).stdout).contains("http://127.0.0.1:8440/c/crm/"));

    let policy = [
        "policy",
        "add",
        "crm-reads",
        "--allow",
        "--group",
        "support",
        "--connection",
        "crm",
        "--operation",
        "read",
    ];
    assert_eq!(code(&all(&policy)), 0);
    let explain = |method| {
        code(&all(&[
            "policy",
            "explain",
            "--exit-code",
            "--as",
            "dev/a",
            "--group",
            "support",
            "--connection",
            "crm",
            method,
            "/x",
        ]))
    };
    assert_eq!((explain("GET"), explain("DELETE")), (0, 9));
    for (case, exit, out, err) in [
        (r#"method = "GET", effect = "allow""#, 0, "allow by crm-reads", "1 of 1"),
        (r#"method = "GET", effect = "deny""#, 1, "\u{2713} allow   crm-reads", "0 of 1"),
        (r#"method = "POST", effect = "deny""#, 0, "deny", "no case reaches: crm-reads"),
        (r#"method = "POST", effect = "allow""#, 1, "match.operations wants read, found write", "0 of 1"),
        (r#"method = "TRACE", effect = "deny""#, 1, "TRACE and CONNECT are not served", "0 of 1"),
        (r#"method = "BAD METHOD", effect = "deny""#, 1, "is no method", "0 of 1"),
        (r#"method = "GET", effect = "maybe""#, 3, "", "cases.toml: line 1"),
    ] {
        let (method, effect) = case.split_once(", ").unwrap();
        let cases = format!(
            "case = [{{ name = \"one\", as = {{ subject = \"dev/a\", groups = [\"support\"] }}, connection = \"crm\", \
             {method}, path = \"/x\", expect = {{ {effect} }} }}]"
        );
        std::fs::write(folder.path().join("cases.toml"), cases).unwrap();
        let output = all(&["policy", "test", "cases.toml"]);
        let (found, said) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(code(&output), exit, "{case}: {found} {said}");
        assert!(found.contains(out) && said.contains(err), "{case}: {found} {said}");
    }
    for wrong in ["", "[[test]]", "case = 1"] {
        std::fs::write(folder.path().join("cases.toml"), wrong).unwrap();
        assert_eq!(code(&all(&["policy", "test", "cases.toml"])), 3, "{wrong}");
    }
    assert_eq!(code(&all(&["policy", "test", "missing.toml"])), 5);

    assert_eq!(code(&all(&["connect", "remove", "crm"])), 2, "it needs a yes without a terminal");
    assert_eq!(code(&all(&["policy", "rm", "crm-reads", "--yes"])), 0);
    assert_eq!(code(&all(&["connect", "rm", "crm", "--yes"])), 0);
    assert_eq!(code(&all(&["connect", "show", "crm"])), 5);
    assert_eq!(code(&all(&["approval", "show", "last"])), 5);
    assert_eq!(code(&all(&["approval", "show", "apr_1"])), 2);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one connection, step by step")]
fn a_connection_to_a_database_is_added_edited_and_told_to_its_clients() {
    let folder = tempfile::tempdir().unwrap();
    let all = |arguments: &[&str]| run(folder.path(), arguments);
    let file = folder.path().join("hoopctl.toml");
    std::fs::write(&file, "version = 1\n[storage]\ndata_dir = \"data\"\n").unwrap();
    let add = |upstream: &str, more: &[&str]| {
        let inject = ["--inject", "password:svc:file:./pw"];
        all(&[&["connect", "add", "db", "--upstream", upstream][..], &inject, more].concat())
    };
    // Nothing is kept of what does not hold.
    for (upstream, more, word) in [
        ("postgres://127.0.0.1:9", &[][..], "no database"),
        ("postgres://127.0.0.1:9/app?sslmode=require", &[], "sslmode=require"),
        ("postgres://127.0.0.1:9/app", &["--rows", "0"], "1..=1000000000"),
        ("postgres://127.0.0.1:9/app", &["--approval-mode", "never"], "retry"),
        ("postgres://127.0.0.1:9/app", &["--readonly=perhaps"], "perhaps"),
        ("http://127.0.0.1:9", &[], "password: is for postgres:// only"),
    ] {
        let output = add(upstream, more);
        let said = text(&output.stderr);
        assert!(matches!(code(&output), 2 | 3) && said.contains(word), "{upstream} {more:?}: {said}");
    }
    let http = all(&["connect", "add", "db", "--upstream", "http://127.0.0.1:9", "--accept-md5"]);
    assert!(
        code(&http) == 3 && text(&http.stderr).contains("only for postgres://"),
        "{}",
        text(&http.stderr)
    );
    assert_eq!(code(&all(&["connect", "show", "db"])), 5);

    let upstream = "postgres://127.0.0.1:9/app?sslmode=disable";
    let output = add(
        upstream,
        &[
            "--readonly",
            "--approval-mode",
            "retry",
            "--notifications",
            "pass",
            "--accept-md5",
            "--rows",
            "500",
        ],
    );
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("[gateway] postgres_listen"), "{}", text(&output.stderr));
    let shown = || text(&all(&["connect", "show", "db"]).stdout);
    let here = folder.path().canonicalize().unwrap();
    for line in [
        &format!("upstream = \"{upstream}\""),
        &format!("inject = \"password:svc:file:{}/pw\"", here.display()),
        "readonly = true",
        "approval_mode = \"retry\"",
        "notifications = \"pass\"",
        "accept_md5 = true",
        "rows = 500",
    ] {
        assert!(shown().contains(line), "{line}: {}", shown());
    }
    assert!(text(&all(&["connect", "list"]).stdout).contains(upstream));
    let edit = ["connect", "edit", "db", "--readonly=false", "--accept-md5=false", "--limit", "rows=7"];
    assert_eq!(code(&all(&edit)), 0);
    let after = shown();
    assert!(
        !after.contains("readonly") && !after.contains("accept_md5") && after.contains("rows = 7"),
        "{after}"
    );

    assert_eq!(code(&all(&["connect", "test", "db"])), 1);
    let explain = ["policy", "explain", "--as", "dev/a", "--connection", "db", "GET", "/x"];
    let output = all(&explain);
    assert!(
        code(&output) == 2 && text(&output.stderr).contains("db is a database: give SQL"),
        "{}",
        text(&output.stderr)
    );
    let reads =
        ["policy", "add", "reads", "--allow", "--group", "g", "--connection", "db", "--operation", "read"];
    assert_eq!(code(&all(&reads)), 0);
    for (sql, wanted) in [("SELECT a FROM t", 0), ("DELETE FROM t", 9)] {
        let explain =
            ["policy", "explain", "--exit-code", "--as", "dev/a", "--group", "g", "--connection", "db"];
        let output = all(&[&explain[..], &["--sql", sql]].concat());
        assert_eq!(code(&output), wanted, "{sql}: {}", text(&output.stderr));
    }

    let closed = all(&["connect", "env", "db"]);
    assert!(
        code(&closed) == 3 && text(&closed.stderr).contains("postgres_listen"),
        "{}",
        text(&closed.stderr)
    );
    let config =
        "version = 1\n[storage]\ndata_dir = \"data\"\n[gateway]\npostgres_listen = \"127.0.0.1:15432\"\n";
    std::fs::write(&file, config).unwrap();
    let told = text(&all(&["connect", "env", "db"]).stdout);
    assert_eq!(
        told,
        "export PGHOST=127.0.0.1\nexport PGPORT=15432\nexport PGDATABASE=db\nexport PGSSLMODE=disable\nexport PGPASSWORD=\"$TOKEN\"\n"
    );
    let dotenv = text(&all(&["connect", "env", "db", "--for", "dotenv"]).stdout);
    assert!(dotenv.starts_with("PGHOST=127.0.0.1\n") && dotenv.ends_with("PGPASSWORD=\n"), "{dotenv}");
    assert_eq!(code(&all(&["connect", "env", "db", "--for", "curl"])), 2);
}

#[test]
fn a_connection_to_an_mcp_server_is_told_to_each_client_without_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let all = |arguments: &[&str]| {
        let mut command = hoopctl(folder.path());
        command.env("HOOPCTL_TOKEN", "hunter2").env("TOKEN", "hunter2");
        command.args(arguments).output().unwrap()
    };
    let config = "version = 1\n[storage]\ndata_dir = \"data\"\n[gateway]\npublic_url = \"https://gw.example:8440\"\n\
                  [[connection]]\nname = \"crm\"\nupstream = \"http://127.0.0.1:9\"\n\
                  [[connection]]\nname = \"db\"\nupstream = \"postgres://127.0.0.1:9/app?sslmode=disable\"\ninject = \"password:u:env:P\"\n\
                  [[connection]]\nname = \"tools\"\nupstream = \"mcp+http://127.0.0.1:9/mcp\"\n";
    std::fs::write(
        folder.path().join("hoopctl.toml"),
        config.replace("[gateway]\n", "[gateway]\npostgres_listen = \"127.0.0.1:15432\"\n"),
    )
    .unwrap();
    let url = "https://gw.example:8440/c/tools";
    for (client, server) in
        [("cursor", "/mcpServers/tools"), ("vscode", "/servers/tools"), ("mcp-json", "/mcpServers/tools")]
    {
        // The same whatever is asked of lists: it is a file.
        for format in ["table", "json"] {
            let output = all(&["connect", "env", "tools", "--for", client, "-o", format]);
            assert_eq!(code(&output), 0, "{client}: {}", text(&output.stderr));
            let file: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let server = file.pointer(server).unwrap_or_else(|| panic!("{client}: {file}"));
            assert_eq!(server["url"], url, "{client}");
            assert!(
                server["headers"]["Authorization"].as_str().unwrap().starts_with("Bearer ${"),
                "{client}"
            );
            assert!(!text(&output.stdout).contains("hunter2") && !text(&output.stderr).contains("hunter2"));
        }
    }
    let line = text(&all(&["connect", "env", "tools", "--for", "claude"]).stdout);
    assert_eq!(
        line,
        format!(
            "claude mcp add --transport http tools {url} --header 'Authorization: Bearer ${{HOOPCTL_TOKEN}}'\n"
        )
    );
    let quiet = all(&["connect", "env", "tools", "--for", "vscode", "-q"]);
    assert!(quiet.stderr.is_empty(), "{}", text(&quiet.stderr));
    for client in ["claude", "cursor", "vscode", "mcp-json"] {
        for (name, exit, word) in [
            ("crm", 2, "crm is an HTTP connection, and CLIENT is for MCP servers"),
            ("db", 2, "db is a database, and CLIENT is not a database client"),
            ("nope", 5, "nope"),
        ] {
            let output = all(&["connect", "env", name, "--for", client]);
            let said = text(&output.stderr);
            assert_eq!(code(&output), exit, "{name} {client}: {said}");
            assert!(output.stdout.is_empty() && said.contains(&word.replace("CLIENT", client)), "{said}");
        }
    }
    for client in ["psql", "python"] {
        let output = all(&["connect", "env", "tools", "--for", client]);
        let said = text(&output.stderr);
        assert!(code(&output) == 2 && said.contains(client) && said.contains("claude"), "{said}");
    }
}

#[test]
fn a_secret_goes_in_by_standard_input_and_never_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let all = |arguments: &[&str], input: &str| {
        run_with(folder.path(), &[&["--data-dir", "data"], arguments].concat(), input)
    };
    let output = all(&["secret", "set", "crm-token"], "hunter2\n");
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let list = all(&["secret", "list", "-o", "json"], "");
    assert!(text(&list.stdout).contains("crm-token") && !text(&list.stdout).contains("hunter2"));
    for entry in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(7).any(|part| part == b"hunter2"), "{}", path.display());
        }
    }
    assert_eq!(code(&all(&["secret", "remove", "crm-token", "--yes"], "")), 0);
    assert_eq!(code(&all(&["secret", "remove", "crm-token", "--yes"], "")), 5);
    assert_eq!(code(&all(&["secret", "set", "empty"], "")), 2);
}

#[test]
fn a_store_that_another_command_is_soon_done_with_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hoopctl.toml");
    std::fs::write(&file, "version = 1\n[storage]\ndata_dir = \"data\"\n").unwrap();
    assert_eq!(code(&run_with(folder.path(), &["secret", "set", "a"], "value-of-a")), 0);
    let held = std::fs::File::open(folder.path().join("data/lock")).unwrap();
    held.lock().unwrap();
    let mut command = hoopctl(folder.path());
    command
        .args(["secret", "list"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(600));
    drop(held);
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains('a'));
}

#[test]
fn a_list_of_policies_tells_what_each_is_about() {
    let folder = tempfile::tempdir().unwrap();
    let text = "version = 1\n[storage]\ndata_dir = \"data\"\n\
        [[policy]]\nid = \"tools\"\neffect = \"allow\"\nmatch = { subjects = [\"*\"], tools = [\"search\"], prompts = [\"p*\"], resources = [\"file:///r\"] }\n\
        [[policy]]\nid = \"nights\"\neffect = \"deny\"\nmatch = { groups = [\"etl\"] }\nunless = { groups = [\"sre\"] }\n\
        when = { hours = \"22:00-06:00\" }\n";
    std::fs::write(folder.path().join("hoopctl.toml"), text).unwrap();
    let output = run(folder.path(), &["policy", "list", "-o", "csv"]);
    let out = crate::text(&output.stdout);
    for wanted in ["search p* file:///r", "any (unless \u{2026}) (when \u{2026})"] {
        assert!(out.contains(wanted), "no {wanted}: {out}");
    }
}

#[test]
fn users_who_cannot_come_by_the_socket_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let text = "version = 1\n[storage]\ndata_dir = \"data\"\n\
        [admin]\nlocal_groups = { nobody = [\"dba\"], no-such-user = [\"dba\"], root = [\"dba\"] }\n";
    std::fs::write(folder.path().join("hoopctl.toml"), text).unwrap();
    // Before there is a data directory, root cannot tell who will run the gateway.
    std::fs::DirBuilder::new().mode(0o700).create(folder.path().join("data")).unwrap();
    for args in [&["config", "check"][..], &["serve", "--check"]] {
        let output = run(folder.path(), args);
        let said = crate::text(&output.stderr);
        assert_eq!(code(&output), 0, "{said}");
        assert!(said.contains("\"nobody\" cannot open the admin socket"), "{said}");
        assert!(said.contains("there is no user \"no-such-user\" on this machine"), "{said}");
        assert!(!said.contains("\"root\""), "{said}");
    }
}
