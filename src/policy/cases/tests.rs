//! Files of cases, good and bad.

use super::*;
use crate::domain::Class;
use crate::domain::Kin;
use crate::domain::Protocol;
use crate::domain::SqlCommand;
use crate::domain::command::HttpCommand;
use crate::domain::command::Words;
use crate::policy::tests::connection;
use crate::policy::tests::rules;

const NOW: i64 = 1_772_460_000_000;

fn read(case: &Case, connection: &Connection) -> Result<Command, String> {
    if let Some(mcp) = &case.mcp {
        return mcp.command(connection);
    }
    if let Some(sql) = &case.sql {
        if !sql.starts_with("SELECT") {
            return Err(format!("no SQL {sql}"));
        }
        let text = sql.as_str().into();
        let (base, opaque) = (Class::Read, Vec::new());
        let words = Words::Sql(SqlCommand { text, effects: None, base, opaque, kin: Kin::default() });
        return Ok(Command { protocol: Protocol::Postgres, class: Class::Read, words });
    }
    let class = match case.method.as_str() {
        "GET" => Class::Read,
        "POST" => Class::Write,
        other => return Err(format!("no method {other}")),
    };
    let protocol: Protocol = connection.protocol;
    let words = Words::Http(HttpCommand {
        method: case.method.as_str().into(),
        path: case.path.as_str().into(),
        query: case.query.as_str().into(),
        args: Args::NotRead,
    });
    Ok(Command { protocol, class, words })
}

const SQL: &str = r#"
[[case]]
name = "nobody reads the numbers"
as = { subject = "dev/sue", groups = ["support"] }
connection = "crm"
sql = "SELECT ssn"
expect = { effect = "allow", rule = "support-reads" }
"#;

#[test]
fn a_case_may_be_a_sql_text() {
    let report = judged(SQL);
    assert!(report.passed(), "{report}");
    assert_eq!(judged(&SQL.replace("SELECT", "x")).cases[0].problem.as_deref(), Some("no SQL x ssn"));
}

#[test]
fn a_case_is_a_request_or_a_sql_text_and_not_both() {
    for (more, problem) in [
        ("method = \"GET\"", "in place of method"),
        ("path = \"/\"", "in place of method"),
        ("query = \"a\"", "in place of method"),
        ("body = 1", "in place of method"),
        ("unreadable = true", "in place of method"),
    ] {
        let text = SQL.replace("sql = ", &format!("{more}\nsql = "));
        match parse(&text) {
            Err(CasesError::Form { line, problem: said }) => {
                assert!(said.contains(problem), "{more}: {said}");
                assert_eq!(line, 2, "{more}");
            }
            other => panic!("{more}: {other:?}"),
        }
    }
    for (more, problem) in [("", "missing field `method`"), ("method = \"GET\"", "missing field `path`")] {
        match parse(&SQL.replace("sql = \"SELECT ssn\"", more)) {
            Err(CasesError::Form { problem: said, .. }) => assert!(said.contains(problem), "{said}"),
            other => panic!("{other:?}"),
        }
    }
}

const MCP: &str = r#"
[[case]]
name = "support may list"
as = { subject = "dev/sue", groups = ["support"] }
connection = "crm"
mcp = { tool = "list_orders", arguments = '{"n":1.50}', read_only = true }
expect = { effect = "allow", rule = "support-reads" }
"#;

#[test]
fn a_case_may_be_an_mcp_message() {
    let mut crm = connection("crm", &[]);
    crm.protocol = Protocol::Mcp;
    crm.mcp.trust_annotations = true;
    let on =
        |crm: &Connection| run(&parse(MCP).expect("cases"), &rules(), std::slice::from_ref(crm), NOW, &read);
    let report = on(&crm);
    assert!(report.passed(), "{report}");
    crm.mcp.trust_annotations = false;
    assert!(!on(&crm).passed(), "a word of a server that is not trusted");
    let case = &parse(MCP).expect("cases")[0];
    let args = case.mcp.as_ref().map(|mcp| mcp.arguments.clone());
    assert!(matches!(args, Some(Args::Read(json)) if json.to_string() == r#"{"n":1.50}"#));
}

#[test]
fn a_case_of_mcp_says_what_and_nothing_of_other_protocols() {
    for (from, to, problem) in [
        ("mcp = ", "method = \"GET\"\nmcp = ", "in place of method"),
        ("mcp = ", "path = \"/\"\nmcp = ", "in place of method"),
        ("mcp = ", "body = 1\nmcp = ", "in place of method"),
        ("mcp = ", "sql = \"SELECT 1\"\nmcp = ", "sql stands in place"),
        ("tool = \"list_orders\", ", "", "names nothing"),
        ("tool = ", "tol = ", "unknown field `tol`"),
        ("{\"n\":1.50}", "{", "arguments is not JSON"),
    ] {
        match parse(&MCP.replacen(from, to, 1)) {
            Err(CasesError::Form { problem: said, .. }) => assert!(said.contains(problem), "{to}: {said}"),
            other => panic!("{to}: {other:?}"),
        }
    }
    let unreadable = parse(&MCP.replace("mcp = ", "unreadable = true\nmcp = ")).expect("cases");
    assert!(unreadable[0].unreadable);
}

fn judged(text: &str) -> Report {
    run(&parse(text).expect("cases"), &rules(), &[connection("crm", &[("env", "prod")])], NOW, &read)
}

const GOOD: &str = r#"
[[case]]
name = "small orders pass"
as = { subject = "dev/etl", groups = ["etl"], kind = "app" }
connection = "crm"
method = "POST"
path = "/orders"
body = { order = { amount = 10 } }
expect = { effect = "allow", rule = "etl-writes" }

[[case]]
name = "large orders wait"
as = { subject = "dev/etl", groups = ["etl"], kind = "app", claims = { dept = "x" } }
connection = "crm"
method = "POST"
path = "/orders"
query = "a=1"
body = '{"order":{"amount":1000.0000000000000000000001}}'
source = "10.0.0.9"
at = 2026-03-02T08:00:00Z
expect = { effect = "approve", rule = "large-orders" }

[[case]]
name = "what cannot be read waits too"
as = { subject = "dev/etl", groups = ["etl"], client = "c", issuer = "dev" }
connection = "crm"
method = "POST"
path = "/orders"
unreadable = true
at = "2026-03-02T08:00:00Z"
expect = { effect = "approve" }

[[case]]
name = "unknown groups get nothing"
as = { subject = "dev/etl", groups = "unknown" }
connection = "crm"
method = "GET"
path = "/orders"
expect = { effect = "deny" }
"#;

#[test]
fn cases_pass_when_the_verdict_is_the_expected_one() {
    let report = judged(GOOD);
    assert!(report.passed(), "{report}");
    assert_eq!(report.unreached, ["admin-closed", "support-reads"]);
    assert!(
        report.to_string().ends_with("4 passed, 0 failed\nno case reaches: admin-closed, support-reads\n")
    );
}

#[test]
fn a_case_with_another_verdict_fails_and_says_why() {
    let report = judged(&GOOD.replace(r#"effect = "allow", rule"#, r#"effect = "deny", rule"#));
    assert!(!report.passed());
    let shown = report.to_string();
    assert!(shown.contains("✗ small orders pass\n    expected deny by etl-writes\n"), "{shown}");
    assert!(shown.contains("match.args wants order.amount = > 1000, found 10"), "{shown}");
    assert!(shown.contains("3 passed, 1 failed"), "{shown}");
    let json = serde_json::to_value(&report).expect("json");
    assert_eq!(json["cases"][0]["passed"], false);
    assert_eq!(json["cases"][0]["explanation"]["verdict"]["effect"], "allow");
    let other_rule = judged(&GOOD.replace(r#"rule = "etl-writes""#, r#"rule = "support-reads""#));
    assert!(!other_rule.passed(), "the right effect by another rule");
}

#[test]
fn a_case_that_cannot_be_judged_fails_even_if_it_expects_a_deny() {
    for (from, to, problem) in [
        (r#"connection = "crm""#, r#"connection = "erp""#, "there is no connection \"erp\""),
        (r#"method = "GET""#, r#"method = "BREW""#, "no method BREW"),
    ] {
        let report = judged(&GOOD.replace(from, to));
        let last = report.cases.last().expect("case");
        assert!(!last.passed);
        assert_eq!(last.problem.as_deref(), Some(problem));
    }
}

#[test]
fn a_file_of_another_form_is_refused_with_its_line() {
    let line = |text: &str| match parse(text) {
        Err(CasesError::Form { line, problem }) => (line, problem),
        other => panic!("{other:?}"),
    };
    assert_eq!(parse("").expect_err("empty"), CasesError::Empty);
    let cases = [
        ("path = \"/orders\"", "pth = \"/orders\"", 7, "unknown field `pth`"),
        ("effect = \"allow\"", "effect = \"permit\"", 9, "unknown variant `permit`"),
        ("groups = [\"etl\"]", "groups = \"etl\"", 4, "neither a list"),
        ("groups = [\"etl\"]", "groups = [1]", 4, "no text"),
        ("body = { order = { amount = 10 } }", "body = \"order\"", 8, "body is not JSON"),
        ("body = { order = { amount = 10 } }", "body = '{\"a\":1,\"a\":2}'", 8, "comes twice"),
        ("body = { order = { amount = 10 } }", "at = \"yesterday\"", 8, "at is no time"),
        ("body = { order = { amount = 10 } }", "at = 2026-03-02", 8, "at is no time"),
        ("name = \"small orders pass\"", "", 2, "missing field `name`"),
    ];
    for (from, to, wanted, problem) in cases {
        let (found, said) = line(&GOOD.replacen(from, to, 1));
        assert_eq!(found, wanted, "{said}");
        assert!(said.contains(problem), "{said}");
    }
}

#[test]
fn names_that_could_deceive_a_terminal_are_escaped() {
    let shown = judged(&GOOD.replace("small orders pass", "\\u001b[2Jsmall")).to_string();
    assert!(shown.contains("\\u{1b}[2Jsmall") && !shown.contains('\u{1b}'));
}
