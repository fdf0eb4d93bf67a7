//! The approvals screen: its appearance, and every way around its guards.

use std::sync::Arc;
use std::time::Duration;

use super::START_MS;
use super::Stage;
use super::snapshots;
use crate::control::noun::approval::Decide;
use crate::control::noun::entity::EntityView;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalSpec;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::command::Class;
use crate::domain::entity::EntityKind;
use crate::domain::id::ApprovalId;
use crate::domain::principal::Kind;
use crate::tui::Msg;
use crate::tui::Screen;
use crate::tui::look::Role;
use crate::tui::message::Answer;
use crate::tui::message::Request;

mod decide;
mod list;
mod read;

const SQL: &str =
    "database appdb, in a transaction\nUPDATE customers\n   SET tier = 'gold'\n WHERE id IN (7, 9, 12);\n";

fn id(number: u16) -> ApprovalId {
    format!("apr_01kah3y2x7m5q8r4s6t9v0{number:04}").parse().unwrap()
}

fn approval(number: u16, who: &str, connection: &str, summary: &str) -> Approval {
    Approval {
        id: id(number),
        state: ApprovalState::Pending,
        principal: format!("entra:72f988bf/{who}"),
        label: who.to_owned(),
        kind: if who.contains("agent") || who.contains("bot") { Kind::Agent } else { Kind::Human },
        groups: vec!["etl".to_owned(), "batch".to_owned()],
        source: "10.2.0.14".to_owned(),
        connection: connection.parse().unwrap(),
        session: "ses_01kah3y2x7m5q8r4s6t9v0w1z2".parse().unwrap(),
        request: "req_01kah3y2x7m5q8r4s6t9v0w1z3".parse().unwrap(),
        rule: "writes-need-approval".to_owned(),
        spec: ApprovalSpec {
            from: vec!["dba".to_owned()],
            min: 1,
            timeout_s: 600,
            reason: false,
            grant: GrantScope::Once,
        },
        digest: "9c1e77ab".repeat(8),
        class: Class::Write,
        summary: summary.to_owned(),
        detail: SQL.to_owned(),
        truncated: false,
        reason: "backfill tier after INC-4411".to_owned(),
        revision: 41,
        created_ms: START_MS - 60_000,
        expires_ms: START_MS + i64::from(number) * 100_000,
        decisions: Vec::new(),
        grant: None,
    }
}

fn three() -> Vec<Approval> {
    let mut all = vec![
        approval(1, "etl-agent", "appdb", "UPDATE customers SET tier = 'gold' WHERE id IN (7, 9, 12)"),
        approval(3, "kim", "billing", "tools/call refund"),
        approval(6, "deploy-bot", "k8s-api", "DELETE /api/v1/namespaces/web/pods/web-7f"),
    ];
    all[0].expires_ms = START_MS + 42_000;
    all[2].class = Class::Admin;
    all
}

fn entity(kind: EntityKind, name: &str, origin: &str, value: serde_json::Value) -> EntityView {
    let toml = String::new();
    EntityView {
        kind,
        name: name.to_owned(),
        origin: origin.to_owned(),
        read_only: true,
        managed_by: None,
        hidden: false,
        value,
        toml,
    }
}

/// Returns approvals as the list of pending ones contains them.
fn listed(approvals: &[Approval]) -> Vec<Arc<Approval>> {
    approvals.iter().map(|one| Arc::new(Approval { detail: String::new(), ..one.clone() })).collect()
}

fn told(stage: &mut Stage, approvals: &[Approval]) {
    stage.answer(Answer::Entities(
        EntityKind::Policy,
        Ok(vec![entity(
            EntityKind::Policy,
            "writes-need-approval",
            "hoopctl.toml:34",
            serde_json::json!({}),
        )]),
    ));
    let upstream = serde_json::json!({"upstream": "postgres://db.internal/app"});
    stage.answer(Answer::Entities(
        EntityKind::Connection,
        Ok(vec![entity(EntityKind::Connection, "appdb", "hoopctl.toml:12", upstream)]),
    ));
    stage.answer(Answer::Pending(0, Ok(listed(approvals))));
}

/// Answers the requests for details of the selected approval.
fn read(stage: &mut Stage, approvals: &[Approval]) {
    stage.pass(Duration::from_millis(200));
    for request in stage.requests() {
        match request {
            Request::Approval(id) => {
                let found = approvals.iter().find(|approval| approval.id == id).unwrap().clone();
                stage.answer(Answer::Approval(id, Ok(Box::new(found))));
            }
            Request::History(principal) => {
                let used = |number| Approval {
                    state: ApprovalState::Used,
                    principal: principal.clone(),
                    ..approval(number, "x", "appdb", "SELECT 1")
                };
                stage.answer(Answer::History(principal.clone(), Ok(vec![used(90), used(91)])));
            }
            _ => {}
        }
    }
}

/// Returns a screen with these approvals, the first one read in full.
fn with(approvals: &[Approval]) -> Stage {
    let mut stage = Stage::usual(Screen::Approvals);
    told(&mut stage, approvals);
    read(&mut stage, approvals);
    stage.draw();
    stage.effects();
    stage
}

fn live(stage: &mut Stage, approval: &Approval) {
    let data = serde_json::to_string(&Approval { detail: String::new(), ..approval.clone() }).unwrap();
    stage.send(Msg::Live(LiveEvent { id: "1-1".to_owned(), topic: Topic::Approval, data }));
}

fn decision(stage: &mut Stage) -> Option<(ApprovalId, Decide)> {
    stage.requests().into_iter().find_map(|request| match request {
        Request::Decide(id, decide) => Some((id, decide)),
        _ => None,
    })
}

/// Returns a busy screen, for the pictures.
pub(super) fn picture() -> Stage {
    let mut stage = Stage::new(Screen::Approvals, (112, 26), super::LOOKS[1].1);
    told(&mut stage, &three());
    read(&mut stage, &three());
    stage.press("a");
    stage
}

#[test]
fn what_waits_in_all_sizes() {
    snapshots("approvals", Screen::Approvals, |stage| {
        told(stage, &three());
        read(stage, &three());
    });
    snapshots("approvals-none", Screen::Approvals, |stage| told(stage, &[]));
    snapshots("approvals-confirm", Screen::Approvals, |stage| {
        told(stage, &three());
        read(stage, &three());
        stage.press("a");
    });
    snapshots("approvals-open", Screen::Approvals, |stage| {
        told(stage, &three());
        stage.press("G");
        read(stage, &three());
        stage.press("enter space d");
        stage.write("not on a Friday");
    });
}

#[test]
fn colour_carries_what_sign_and_word_say_too() {
    let mut stage = with(&three());
    let look = stage.model.shared.look;
    assert_eq!(stage.style_of("▲ high").fg, look.style(Role::Bad).fg);
    stage.press("j");
    assert_eq!(stage.style_of("◷ 00:").fg, look.style(Role::Bad).fg);
    assert_eq!(stage.style_of("◷ 09:").fg, look.style(Role::Text).fg.or(Some(ratatui::style::Color::Reset)));
    stage.press("k");
    read(&mut stage, &three());
    assert_eq!(stage.style_of("UPDATE customers  ").fg, look.style(Role::Keyword).fg);
    assert_eq!(stage.style_of("'gold'      ").fg, look.style(Role::Quoted).fg);
}
