//! Connections to MCP servers: accepted and refused settings, with their reports.

use super::with;
use crate::config::parse_entity;
use crate::domain::connection::Connection;
use crate::domain::connection::Injection;
use crate::domain::connection::Origin;
use crate::domain::connection::Protocol;
use crate::domain::connection::mcp::BinaryMode;
use crate::domain::connection::mcp::McpOptions;
use crate::domain::connection::mcp::PinMode;
use crate::domain::connection::mcp::ServerRequest;
use crate::domain::connection::mcp::Transport;
use crate::domain::entity::EntityKind;

const STDIO: &str = "mcp+stdio:npx -y server";
const HTTP: &str = "mcp+https://tools.corp/mcp";

fn one(upstream: &str, more: &str) -> Result<Connection, String> {
    let text = format!("name = \"tools\"\nupstream = {upstream:?}\n{more}");
    let entity = parse_entity(EntityKind::Connection, &text, Origin::Store);
    match entity.map_err(|problems| problems.to_string())? {
        crate::config::Entity::Connection(connection) => Ok(connection),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn an_endpoint_is_taken_exactly_as_it_is_written() {
    for (upstream, tls, host, port, path, shown) in [
        (HTTP, true, "tools.corp", 443, "/mcp", HTTP),
        ("MCP+HTTPS://Tools.corp/mcp/", true, "tools.corp", 443, "/mcp/", "mcp+https://tools.corp/mcp/"),
        ("mcp+http://127.0.0.1:3001", false, "127.0.0.1", 3001, "", "mcp+http://127.0.0.1:3001"),
        ("mcp+http://[::1]:80/", false, "::1", 80, "/", "mcp+http://[::1]/"),
    ] {
        let found = one(upstream, "").unwrap();
        let target = &found.upstream;
        assert_eq!(
            (found.protocol, target.protocol, target.tls),
            (Protocol::Mcp, Protocol::Mcp, tls),
            "{upstream}"
        );
        assert_eq!((&*target.host, target.port, &*target.base_path), (host, port, path), "{upstream}");
        assert_eq!((target.to_string().as_str(), &target.program), (shown, &None));
        assert_eq!((found.mcp, found.inject), (McpOptions::default(), Injection::None));
    }
}

#[test]
fn a_program_is_words_with_a_secret_and_variables_of_its_own() {
    let more = "inject = \"env:API_TOKEN:store:tools\"\nenv = { MODE = \"ro\", _x1 = \"$HOME\" }\n";
    let found = one("MCP+stdio: /opt/my\\ server --name 'a b'", more).unwrap();
    let program = found.upstream.program.as_ref().unwrap();
    assert_eq!(&*program.name, "/opt/my server");
    assert_eq!(program.args.iter().map(|arg| &**arg).collect::<Vec<_>>(), ["--name", "a b"]);
    assert_eq!((&*found.upstream.host, found.upstream.port, found.upstream.tls), ("", 0, false));
    assert_eq!(found.upstream.authority(), "");
    assert_eq!(found.upstream.to_string(), "mcp+stdio:'/opt/my server' --name 'a b'");
    assert_eq!(found.upstream.shown(), "mcp+stdio:'/opt/my server'");
    let Injection::Env { name, value } = &found.inject else { panic!("{:?}", found.inject) };
    assert_eq!((name.as_str(), value.to_string().as_str()), ("API_TOKEN", "store:tools"));
    assert_eq!(found.inject.source(), Some(value));
    assert_eq!(found.mcp.env.get("_x1").map(String::as_str), Some("$HOME"));
}

#[test]
fn all_keys_of_a_server_are_read() {
    let found = one(
        HTTP,
        "inject = \"bearer:env:T\"\ntransport = \"sse\"\ntrust_annotations = true\npin = \"block\"\nbinary = \"allow\"\n\
         allow_server_requests = [\"roots\", \"elicitation\", \"roots\"]\n\
         elicitation_hosts = [\"Login.example.com\", \"*.corp.example\", \"10.0.0.1\"]\n\
         origins = [\"https://App.example:443\", \"http://[::1]:8080\"]\nca_file = \"/ca.pem\"\n",
    )
    .unwrap();
    let mcp = &found.mcp;
    assert_eq!((mcp.transport, mcp.trust_annotations, mcp.pin), (Transport::Sse, true, PinMode::Block));
    assert_eq!(mcp.binary, BinaryMode::Allow);
    let plain = one(HTTP, "").unwrap().mcp;
    assert_eq!((plain.transport, plain.binary), (Transport::Streamable, BinaryMode::Withhold));
    assert!(mcp.allows(ServerRequest::Roots) && mcp.allows(ServerRequest::Elicitation));
    assert!(!mcp.allows(ServerRequest::Sampling));
    assert_eq!(mcp.elicitation_hosts, ["login.example.com", "*.corp.example", "10.0.0.1"]);
    assert_eq!(mcp.origins, ["https://app.example", "http://[::1]:8080"]);
}

#[test]
fn each_mistake_is_one_problem_that_says_what_is_accepted() {
    for (upstream, more, problem, hint) in [
        ("mcp+ws://h/mcp", "", "not a URL of something that is served", "mcp+https://HOST"),
        ("mcp+https://u:p@h/mcp", "", "a user name or password", "name the credential"),
        ("mcp+https://h/mcp?key=1", "", "a query", "leave it out"),
        ("mcp+https://h/a/../mcp", "", "ambiguous", "without . and .."),
        ("mcp+https:///mcp", "", "not a host name", "ASCII"),
        ("mcp+stdio:", "", "no program", "mcp+stdio:PROGRAM ARGUMENTS"),
        ("mcp+stdio:./server", "", "a relative program path", "PATH finds"),
        ("mcp+stdio:npx 'server", "", "an unterminated quote", "close it"),
        ("mcp+stdio:npx $PACKAGE", "", "no shell is run", "single quotes"),
        ("mcp+stdio:a | b", "", "no shell is run", "single quotes"),
        (STDIO, "inject = \"bearer:env:T\"\n", "bearer is for http://", "env:NAME:SRC"),
        (STDIO, "inject = \"header:X:env:T\"\n", "header is for http://", "env:NAME:SRC"),
        (STDIO, "inject = \"password:u:env:T\"\n", "password: is for postgres://", "env:NAME:SRC"),
        (STDIO, "inject = \"env:T\"\n", "not env:NAME:SRC", "env:NAME:SRC"),
        (STDIO, "inject = \"env:1T:env:T\"\n", "not the name of a variable", "letters, digits and _"),
        (STDIO, "inject = \"env::env:T\"\n", "not the name of a variable", "letters, digits and _"),
        (STDIO, "inject = \"env:T:hunter2\"\n", "a secret is named by its source", "secret set KEY"),
        (HTTP, "inject = \"env:T:env:T\"\n", "env: is for mcp+stdio: only", "bearer:SRC"),
        ("https://h", "inject = \"env:T:env:T\"\n", "env: is for mcp+stdio: only", "bearer:SRC"),
        (HTTP, "inject = \"password:u:env:T\"\n", "password: is for postgres://", "bearer:SRC"),
        (HTTP, "env = { A = \"b\" }\n", "only for mcp+stdio:", "leave it out"),
        (STDIO, "env = { \"A B\" = \"b\" }\n", "not the name of a variable", "letters, digits and _"),
        (STDIO, "env = { \"1\" = \"b\" }\n", "not the name of a variable", "letters, digits and _"),
        (STDIO, "env = { A = \"b\\u0000\" }\n", "a null character", "take it away"),
        (STDIO, "env = { A = 1 }\n", "not a string", "quotes"),
        (STDIO, "env = [\"A=b\"]\n", "not a table", "{ name = \"value\" }"),
        (
            STDIO,
            "env = { T = \"b\" }\ninject = \"env:T:env:T\"\n",
            "inject sets this variable",
            "one of them",
        ),
        (STDIO, "ca_file = \"/ca.pem\"\n", "no use for a program", "leave it out"),
        ("mcp+http://h", "ca_file = \"/ca.pem\"\n", "no use for an mcp+http://", "mcp+https://"),
        (HTTP, "trust_annotations = \"yes\"\n", "not true or false", "true, false"),
        (HTTP, "transport = \"http\"\n", "unknown word", "sse, streamable"),
        (STDIO, "transport = \"sse\"\n", "only for mcp+http://", "leave it out"),
        (HTTP, "pin = \"kill\"\n", "unknown word", "block, hide, observe"),
        (HTTP, "pin = \"blok\"\n", "unknown word", "did you mean \"block\"?"),
        (HTTP, "allow_server_requests = [\"prompts\"]\n", "unknown word", "elicitation, roots, sampling"),
        (HTTP, "allow_server_requests = []\n", "an empty list", "at least one"),
        (HTTP, "origins = [\"https://app.example/\"]\n", "not the origin", "without a path"),
        (HTTP, "origins = [\"*\"]\n", "not the origin", "http://HOST"),
        (HTTP, "origins = [\"null\"]\n", "not the origin", "http://HOST"),
        (HTTP, "trust_annotation = true\n", "unknown key", "trust_annotations"),
        (HTTP, "readonly = true\n", "only for postgres://", "leave it out"),
        (HTTP, "limits = { rows = 5 }\n", "only for postgres://", "leave it out"),
    ] {
        let found = one(upstream, more).unwrap_err();
        assert!(found.contains(problem) && found.contains(hint), "{upstream} {more}{found}");
        assert_eq!(found.lines().count(), 1, "{upstream} {more}{found}");
        assert!(!found.contains("hunter2"), "{found}");
    }
    for host in ["https://h", "h:443", "*", "*.", "a.*.b", "**.x", "h/x", ".x", "h."] {
        let more = format!("allow_server_requests = [\"elicitation\"]\nelicitation_hosts = [\"{host}\"]\n");
        let found = one(HTTP, &more).unwrap_err();
        assert!(found.contains("not a host name") && found.contains("*.example.com"), "{host}: {found}");
    }
}

#[test]
fn what_only_mcp_servers_have_promises_nothing_on_another_connection() {
    for line in [
        "trust_annotations = false",
        "transport = \"streamable\"",
        "pin = \"hide\"",
        "allow_server_requests = [\"roots\"]",
        "origins = [\"https://a.example\"]",
        "env = { TOKEN = \"hunter2\" }",
    ] {
        for (upstream, login) in [("https://h", ""), ("postgres://h/d", "inject = \"password:u:env:P\"\n")] {
            let text = format!("[[connection]]\nname = \"c\"\nupstream = \"{upstream}\"\n{login}{line}\n");
            let problems = with(&text).unwrap_err();
            let report = format!("{}{problems}", problems.report());
            assert!(report.contains("only for mcp+http://") && problems.len() == 1, "{line}: {report}");
            assert!(!report.contains("hunter2"), "{report}");
        }
    }
}

#[test]
fn no_secret_of_a_program_shows() {
    for table in [
        "upstream = \"mcp+stdio:server --key hunter2 'x\"",
        "upstream = \"mcp+stdio:server --key hunter2\"\ninject = \"bearer:env:T\"",
        "upstream = \"mcp+stdio:server --key hunter2\"\nca_file = \"x\"",
        "upstream = \"mcp+stdio:server\"\nenv = { KEY = \"hunter2\", \"B C\" = \"x\" }",
        "upstream = \"mcp+stdio:server\"\nenv = { KEY = \"hunter2\\u0000\" }",
        "upstream = \"mcp+stdio:server\"\nenv = \"KEY=hunter2\"",
    ] {
        let problems = with(&format!("[[connection]]\nname = \"c\"\n{table}\n")).unwrap_err();
        let shown = format!("{}{problems}{problems:?}", problems.report());
        assert!(!shown.contains("hunter2"), "{table}: {shown}");
    }
}

#[test]
fn what_holds_but_hardly_as_it_was_meant_is_a_warning() {
    let warnings = |table: &str| {
        let config = with(&format!("[[connection]]\nname = \"c\"\n{table}\n")).unwrap();
        config.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for (table, said) in [
        ("upstream = \"mcp+http://10.0.0.9/mcp\"\ninject = \"bearer:env:T\"", Some("unencrypted")),
        ("upstream = \"mcp+http://127.0.0.1/mcp\"\ninject = \"bearer:env:T\"", None),
        ("upstream = \"mcp+stdio:server\"\ninject = \"env:T:env:T\"", None),
        ("upstream = \"mcp+stdio:server\"\nenv = { T = \"env:TOKEN\" }", Some("inject = \"env:T:SRC\"")),
        ("upstream = \"mcp+https://h\"\nelicitation_hosts = [\"h\"]", Some("may not elicit")),
    ] {
        let found = warnings(table);
        assert_eq!(found.len(), usize::from(said.is_some()), "{table}: {found:?}");
        assert!(said.is_none_or(|said| found[0].contains(said)), "{table}: {found:?}");
    }
}
