//! Connections and policies.

use std::time::Duration;

use serde_json::json;

use super::LOOKS;
use super::START_MS;
use super::Stage;
use super::snapshots;
use super::status;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::entity::EntityView;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::control::noun::gateway::IssuerReport;
use crate::control::noun::gateway::StatusReport;
use crate::control::noun::gateway::TargetReport;
use crate::domain::entity::EntityKind;
use crate::tui::Effect;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::look::Role;
use crate::tui::message::Answer;
use crate::tui::message::Request;

fn view(kind: EntityKind, name: &str, origin: &str, toml: &str) -> EntityView {
    EntityView {
        kind,
        name: name.to_owned(),
        origin: origin.to_owned(),
        read_only: origin != "store",
        managed_by: None,
        hidden: false,
        value: toml::from_str(toml).unwrap(),
        toml: toml.to_owned(),
    }
}

fn connections() -> Vec<EntityView> {
    let connection = |name, origin, toml: &str| view(EntityKind::Connection, name, origin, toml);
    vec![
        connection(
            "appdb",
            "hoopctl.toml:21",
            "name = \"appdb\"\nupstream = \"postgres://db.internal:5432/app\"\ninject = \"password:bob:env:APPDB\"\ntags = { data = \"pii\", env = \"prod\" }\nreadonly = true\n",
        ),
        connection(
            "crm",
            "hoopctl.toml:12",
            "name = \"crm\"\nupstream = \"https://crm.internal/api\"\ninject = \"bearer:env:CRM_TOKEN\"\ntags = { env = \"prod\" }\n",
        ),
        connection("tickets", "store", "name = \"tickets\"\nupstream = \"mcp+https://tickets.corp/mcp\"\n"),
        connection(
            "wiki",
            "store",
            "name = \"wiki\"\nupstream = \"mcp+stdio:npx -y @corp/wiki\"\nlimits = { rate = 20 }\n",
        ),
    ]
}

fn policies() -> Vec<EntityView> {
    let policy = |name, origin, toml: &str| view(EntityKind::Policy, name, origin, toml);
    vec![
        policy(
            "etl-reads",
            "hoopctl.toml:30",
            "id = \"etl-reads\"\neffect = \"allow\"\nmatch = { groups = [\"etl\"], connections = [\"appdb\", \"crm\"], operations = [\"read\"] }\n",
        ),
        policy(
            "no-deletes",
            "hoopctl.toml:41",
            "id = \"no-deletes\"\neffect = \"deny\"\nmatch = { methods = [\"DELETE\"] }\nunless = { groups = [\"break-glass\"] }\nmessage = \"Ask #dba.\"\n",
        ),
        policy(
            "writes-need-approval",
            "store",
            "id = \"writes-need-approval\"\neffect = \"approve\"\nmatch = { operations = [\"write\", \"ddl\"], tags = { env = \"prod\" } }\napproval = { from = [\"dba\"], timeout = \"10m\" }\n",
        ),
    ]
}

fn healthy() -> StatusReport {
    let target = |name: &str, answered: Option<i64>, failed: Option<i64>, error: Option<&str>| TargetReport {
        connection: name.to_owned(),
        answered_ms: answered.map(|ago| START_MS - ago * 1000),
        failed_ms: failed.map(|ago| START_MS - ago * 1000),
        error: error.map(str::to_owned),
    };
    let issuer = |name: &str, usable, error: Option<&str>| IssuerReport {
        name: name.to_owned(),
        issuer: format!("https://{name}.example/v2.0"),
        keys: 4,
        kids: Vec::new(),
        fetched_ms: Some(START_MS - 720_000),
        usable,
        stale: false,
        error: error.map(str::to_owned),
    };
    StatusReport {
        targets: vec![
            target("appdb", Some(3), Some(7300), Some("upstream_credential")),
            target("crm", Some(400), Some(12), Some("upstream_unavailable")),
            target("tickets", None, None, None),
            target("wiki", None, Some(90), Some("upstream_credential")),
        ],
        issuers: vec![issuer("entra", true, None), issuer("keycloak", false, Some("connection refused"))],
        ..status()
    }
}

fn set(stage: &mut Stage) {
    stage.answer(Answer::Status(Ok(healthy())));
    stage.answer(Answer::Entities(EntityKind::Connection, Ok(connections())));
    stage.answer(Answer::Entities(EntityKind::Policy, Ok(policies())));
}

#[test]
fn connections_in_all_sizes() {
    snapshots("connections", Screen::Connections, set);
    snapshots("connections-one", Screen::Connections, |stage| {
        set(stage);
        stage.press("j enter");
    });
}

#[test]
fn policies_in_all_sizes() {
    snapshots("policies", Screen::Policies, |stage| {
        set(stage);
        stage.press("j j");
    });
    snapshots("policies-none", Screen::Policies, |stage| {
        stage.answer(Answer::Entities(EntityKind::Policy, Ok(Vec::new())));
    });
}

#[test]
fn how_a_target_is_met_is_sign_word_and_colour() {
    let mut stage = Stage::usual(Screen::Connections);
    set(&mut stage);
    let look = LOOKS[1].1;
    assert_eq!(stage.style_of("✗ unavailable 12s ago").fg, look.style(Role::Bad).fg);
    assert_eq!(stage.style_of("· not used yet").fg, look.style(Role::Dim).fg);
    assert_eq!(stage.style_of("✗ not usable: connection refused").fg, look.style(Role::Bad).fg);
    // The last reply was good, whatever came before.
    stage.press("j");
    assert_eq!(stage.style_of("✓ answered 4s ago").fg, look.style(Role::Good).fg);
    assert!(
        stage.screen().contains("✗ upstream_unavailable 13s ago, last answered 6m ago"),
        "{}",
        stage.screen()
    );
    // A gateway that does not report targets.
    stage.answer(Answer::Status(Ok(status())));
    assert!(!stage.screen().contains("answered"));
}

#[test]
fn filters_pick_by_what_matters() {
    for (screen, filter, shown, hidden) in [
        (Screen::Connections, "proto:mcp", "tickets", "crm "),
        (Screen::Connections, "tag:data=pii", "appdb", "tickets"),
        (Screen::Connections, "from:store -wiki", "tickets", "appdb"),
        (Screen::Policies, "effect:deny", "no-deletes", "etl-reads"),
        (Screen::Policies, "conn:crm group:etl", "etl-reads", "no-deletes"),
        (Screen::Policies, "from:store", "writes-need", "etl-reads"),
    ] {
        let mut stage = Stage::usual(screen);
        set(&mut stage);
        stage.press("/");
        stage.write(filter);
        stage.strike("enter");
        let text = stage.screen();
        assert!(text.contains(shown) && !text.contains(hidden), "{filter}: {text}");
        stage.press("esc");
        assert!(stage.screen().contains(hidden), "{filter}");
    }
    let mut stage = Stage::usual(Screen::Policies);
    set(&mut stage);
    stage.press("/");
    stage.write("risk:high");
    stage.strike("enter");
    assert!(stage.screen().contains("there is no risk: here; there are name: effect: group: conn: from:"));
}

#[test]
fn both_lists_are_asked_for_and_again_after_a_change_once() {
    let mut stage = Stage::usual(Screen::Approvals);
    let asked = |stage: &mut Stage| -> Vec<EntityKind> {
        let kind = |request| if let Request::Entities(kind) = request { Some(kind) } else { None };
        stage.requests().into_iter().filter_map(kind).collect()
    };
    let both = [EntityKind::Connection, EntityKind::Policy];
    assert_eq!(asked(&mut stage), both, "at the link");
    let change = |data: serde_json::Value| {
        Msg::Live(LiveEvent { id: "x".to_owned(), topic: Topic::Change, data: data.to_string() })
    };
    for revision in 0..50 {
        stage.send(change(json!({ "revision": revision })));
        stage.pass(Duration::from_millis(1));
    }
    assert!(asked(&mut stage).is_empty(), "changes settle first");
    stage.pass(Duration::from_millis(300));
    assert_eq!(asked(&mut stage), both);
    stage.send(change(json!({ "grant": {} })));
    stage.pass(Duration::from_secs(1));
    assert!(asked(&mut stage).is_empty(), "a grant changes nothing here");
    stage.press("5");
    assert_eq!(asked(&mut stage), [EntityKind::Policy]);
}

#[test]
fn the_selection_follows_a_name_and_what_is_shown_stays_when_the_gateway_fails() {
    let mut stage = Stage::usual(Screen::Policies);
    set(&mut stage);
    stage.press("j y");
    assert!(matches!(stage.effects().last(), Some(Effect::Copy(name)) if name == "no-deletes"));
    let mut more = policies();
    more.insert(0, view(EntityKind::Policy, "aaa", "store", "id = \"aaa\"\neffect = \"deny\"\n"));
    stage.answer(Answer::Entities(EntityKind::Policy, Ok(more.clone())));
    stage.press("y");
    assert!(matches!(stage.effects().last(), Some(Effect::Copy(name)) if name == "no-deletes"));
    stage.answer(Answer::Entities(
        EntityKind::Policy,
        Err(ApiError::new(ErrorCode::Internal, "the store is gone")),
    ));
    let screen = stage.screen();
    assert!(screen.contains("the store is gone") && screen.contains("no-deletes"));
    // While frozen, changes are shown only after unfreezing.
    stage.press("p");
    stage.answer(Answer::Entities(EntityKind::Policy, Ok(Vec::new())));
    assert!(stage.screen().contains("no-deletes"));
    stage.effects();
    stage.press("p");
    stage.pass(Duration::from_secs(1));
    assert!(stage.requests().iter().any(|request| matches!(request, Request::Entities(EntityKind::Policy))));
}

#[test]
fn hostile_text_is_shown_as_what_it_is() {
    let mut stage = Stage::usual(Screen::Connections);
    let mut evil = connections().remove(1);
    evil.name = "crm\u{1b}[2J\u{202e}x".to_owned();
    evil.origin = "a\u{200b}b:1".to_owned();
    evil.value = json!({ "upstream": format!("https://h\u{7}{}", "x".repeat(1 << 20)), "tags": { "a\u{1b}": "\u{202e}" }, "inject": 7 });
    evil.toml = format!("name = \"\u{1b}[31m\"\n# {}\n", "y".repeat(1 << 20));
    let broken = view(EntityKind::Connection, "broken", "store", "");
    stage.answer(Answer::Entities(EntityKind::Connection, Ok(vec![broken, evil])));
    for keys in ["j", "enter", "G", "q"] {
        stage.press(keys);
        let screen = stage.screen();
        assert!(!screen.chars().any(|c| c != '\n' && crate::domain::text::is_deceptive(c)), "{screen}");
    }
    assert!(stage.screen().contains("crm\\u{1b}"));
}

#[test]
fn the_longest_list_is_drawn_fast_and_only_where_it_is_seen() {
    let mut stage = Stage::usual(Screen::Policies);
    let one = |number: u32| {
        let toml = format!(
            "id = \"policy-{number:05}\"\neffect = \"deny\"\nmatch = {{ groups = [\"g{number}\"] }}\n"
        );
        view(EntityKind::Policy, &format!("policy-{number:05}"), "store", &toml)
    };
    stage.answer(Answer::Entities(EntityKind::Policy, Ok((0..10_000).map(one).collect())));
    stage.press("G");
    let begin = std::time::Instant::now();
    for _ in 0..20 {
        stage.draw();
    }
    let frame = begin.elapsed() / 20;
    assert!(frame < Duration::from_millis(100), "{frame:?} a frame without optimization");
    assert!(stage.screen().contains("policy-09999"));
}
