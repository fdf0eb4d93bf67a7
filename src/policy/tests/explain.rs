//! The output of `policy explain`.

use crate::domain::Class;
use crate::domain::Effect;
use crate::domain::command::Args;
use crate::policy::Matcher;
use crate::policy::PolicyRule;
use crate::policy::tests::at;
use crate::policy::tests::command;
use crate::policy::tests::connection;
use crate::policy::tests::everybody;
use crate::policy::tests::groups;
use crate::policy::tests::principal;
use crate::policy::tests::rule;
use crate::policy::tests::rules;
use crate::policy::tests::set;
use crate::policy::tests::table;
use crate::policy::tests::unknown_groups;
use crate::policy::tests::with_body;

#[test]
fn each_rule_shows_its_first_failed_condition() {
    let crm = connection("crm", &[("env", "prod")]);
    let etl = principal("dev/etl", &["etl", "x"]);
    let order = with_body(command("POST", "/orders"), r#"{"order":{"amount":5}}"#);
    assert_eq!(
        rules().explain(&at(&etl, &crm), &order).to_string(),
        "\
dev/etl on crm: POST /orders (write)
✗ deny    admin-closed   match.paths wants /admin/**, found /orders
✗ approve large-orders   match.args wants order.amount = > 1000, found 5
✓ allow   etl-writes   
✗ allow   support-reads  match.operations wants read, found write
allow by etl-writes
"
    );
    let eva = principal("dev/eva", &["break-glass"]);
    assert_eq!(
        rules().explain(&at(&eva, &crm), &command("GET", "/admin")).to_string(),
        "\
dev/eva on crm: GET /admin (read)
✗ deny    admin-closed   unless groups = break-glass: it holds
✗ approve large-orders   match.methods wants POST, found GET
✗ allow   etl-writes     match.groups wants etl, found break-glass
✗ allow   support-reads  match.groups wants support, found break-glass
deny: no policy allows it
"
    );
    let overage = unknown_groups(principal("dev/big", &[]));
    assert_eq!(
        rules().explain(&at(&overage, &crm), &command("POST", "/admin/x").with_args(Args::Unreadable)).to_string(),
        "\
dev/big on crm: POST /admin/x (write)
✓ deny    admin-closed   not sure, counts as held: unless groups = break-glass: it may hold: groups is not known: the provider left them out
✗ approve large-orders   match.paths wants /orders, found /admin/x
✗ allow   etl-writes     match.groups wants etl, found not known: the provider left them out
✗ allow   support-reads  match.operations wants read, found write
deny by admin-closed; \"Ask #dba.\"
"
    );
    let unread = order.with_args(Args::NotRead);
    let shown = rules().explain(&at(&etl, &crm), &unread).to_string();
    assert!(shown.contains("✓ approve large-orders   not sure, counts as held: match.args wants order.amount = > 1000, found the body was not read\n"), "{shown}");
    assert!(shown.ends_with("approve by large-orders; 1 of dba within 10m, grant once\n"), "{shown}");
}

#[test]
fn a_value_that_may_be_read_as_another_is_shown_as_it_came() {
    let denies = |path: &str, wanted: &str| {
        set(vec![rule("no", Effect::Deny, Matcher { args: table(&[(path, wanted)]), ..Matcher::default() })])
    };
    let (crm, etl) = (connection("crm", &[]), principal("dev/etl", &["etl"]));
    for (wanted, body, found) in [
        ("8", r#"{"id":8.7}"#, "8.7"),
        ("8", r#"{"id":"8abc"}"#, "\"8abc\""),
        ("1", r#"{"id":true}"#, "true"),
        (">= 1000", r#"{"id":999.99999999999999999999}"#, "999.99999999999999999999"),
        ("admin", r#"{"id":"Ad\u200bmin"}"#, "\"Ad\\u{200b}min\""),
        ("8", r#"{"id\u200b":8}"#, "8, nothing"),
    ] {
        let shown = denies("id", wanted)
            .explain(&at(&etl, &crm), &with_body(command("POST", "/x"), body))
            .to_string();
        let line = format!("not sure, counts as held: match.args wants id = {wanted}, found {found}\n");
        assert!(shown.contains(&line), "{shown}");
    }
}

#[test]
fn an_approve_that_only_holds_back_says_so() {
    let set = set(vec![
        rule("sockets", Effect::Allow, Matcher { operations: vec![Class::Unknown], ..everybody() }),
        rule("held", Effect::Approve, everybody()),
    ]);
    let (who, crm) = (principal("dev/a", &[]), connection("crm", &[]));
    let shown = set.explain(&at(&who, &crm), &command("BREW", "/")).to_string();
    assert!(shown.contains("✓ approve held     holds back what another policy lets pass"), "{shown}");
}

#[test]
fn programs_get_the_same_as_json() {
    let (who, crm) = (principal("dev/etl", &["etl"]), connection("crm", &[("env", "prod")]));
    let explanation = rules().explain(&at(&who, &crm), &command("GET", "/admin"));
    let json = serde_json::to_value(&explanation).expect("json");
    assert_eq!(
        json["rules"][0],
        serde_json::json!({
            "id": "admin-closed", "origin": "store", "effect": "deny", "outcome": "held", "unsure": [], "only_holds_back": false
        })
    );
    assert_eq!(json["rules"][1]["outcome"], "failed");
    assert_eq!(json["rules"][1]["failed"]["key"], "match.methods");
    assert_eq!(
        json["verdict"],
        serde_json::json!({
            "effect": "deny", "rule": "admin-closed", "rules": ["admin-closed"], "approval": null, "session_limit": null,
            "message": "Ask #dba.", "policy_rev": 7
        })
    );
}

#[test]
fn nothing_from_a_client_reaches_the_terminal_unescaped() {
    let who = principal("dev/\u{1b}[2J", &["\u{202e}x"]);
    let crm = connection("crm", &[]);
    let set = set(vec![
        rule("a", Effect::Deny, Matcher { args: table(&[("k", "8")]), ..Matcher::default() }),
        rule("b", Effect::Allow, groups(&["g"])),
        PolicyRule {
            unless: Some(groups(&["z"])),
            ..rule("c", Effect::Deny, Matcher { args: table(&[("k", "9")]), ..Matcher::default() })
        },
    ]);
    let evil = with_body(command("GET", "/\u{1b}]0;x\u{7}\u{200b}"), "{\"k\":\"\\u001b[31m\\n\u{202e}\"}");
    let shown = set.explain(&at(&who, &crm), &evil).to_string();
    assert_eq!(shown.lines().count(), 5, "{shown}");
    assert!(!shown.chars().any(|c| c != '\n' && crate::domain::text::is_deceptive(c)), "{shown:?}");
}
