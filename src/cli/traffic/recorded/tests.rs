//! Reading the events of one session.

use serde_json::json;

use super::*;
use crate::cli::traffic::Tally;
use crate::domain::Event;
use crate::domain::id::SessionId;
use crate::recording::chain;

fn view(principal: &str) -> SessionView {
    serde_json::from_value(json!({
        "id": SessionId::new(), "principal": principal, "label": "Agent", "kind": "app", "connection": "crm",
        "protocol": "http", "issuer": "idp", "client": "billing", "source": "10.0.0.1", "started_ms": 0,
        "ended_ms": null, "end": null, "events": 0, "denied": 0, "masked": 0, "bytes": 0, "live": null,
    }))
    .unwrap()
}

fn stored(kind: EventKind, dir: Option<Direction>, corr: Option<RequestId>, data: &Value) -> StoredEvent {
    let event = Event {
        session: SessionId::new(),
        t_us: 1,
        ts_ms: 1_000,
        kind,
        dir,
        corr,
        data: data.to_string(),
        mask: Vec::new(),
    };
    StoredEvent { seq: 1, hash: chain::GENESIS, line: "".into(), event }
}

fn began(groups: &Value) -> Tape {
    let mut tape = Tape::new(&view("idp/agent"));
    assert!(tape.see(&stored(EventKind::SessionStart, None, None, groups)).is_none());
    tape
}

fn tape() -> Tape {
    began(&json!({ "groups": ["support"], "groups_known": true }))
}

fn request(corr: RequestId, data: &Value) -> StoredEvent {
    stored(EventKind::HttpRequest, Some(Direction::C2s), Some(corr), data)
}

fn decision(corr: RequestId, data: &Value) -> StoredEvent {
    stored(EventKind::Decision, None, Some(corr), data)
}

fn command(seen: Option<Seen>) -> Recorded {
    match seen {
        Some(Seen::Command(recorded)) => *recorded,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_decision_is_that_of_the_policies() {
    let (mut tape, corr) = (tape(), RequestId::new());
    assert!(tape.see(&request(corr, &json!({ "method": "POST", "path": "/x" }))).is_none());
    assert_eq!(tape.undecided(), 1);
    let held = json!({ "effect": "approve", "rule": "b", "rules": ["b", "c"], "policy_rev": 7 });
    let recorded = command(tape.see(&decision(corr, &held)));
    let expected = Decided { effect: Effect::Approve, rules: vec!["b".into(), "c".into()], revision: 7 };
    assert_eq!(recorded.decided, expected);
    assert!(
        tape.see(&decision(corr, &json!({ "effect": "allow", "rule": "b" }))).is_none(),
        "what came of it"
    );
    assert_eq!(tape.undecided(), 0);
    // A plain allow is recorded in the event itself.
    let plain = json!({ "method": "GET", "path": "/", "decision": { "effect": "allow", "rule": "a", "policy_rev": 7 } });
    let recorded = command(tape.see(&request(RequestId::new(), &plain)));
    assert_eq!((recorded.decided.effect, recorded.decided.rules), (Effect::Allow, vec!["a".to_owned()]));
}

#[test]
fn what_no_policy_was_asked_about_is_no_decision_of_one() {
    for (data, judged) in [
        (json!({ "effect": "deny", "rule": null, "code": "denied" }), true),
        (json!({ "effect": "deny", "rule": "no", "code": "denied" }), true),
        (json!({ "effect": "allow", "rule": "a", "code": "locked", "reason": "x" }), true),
        (json!({ "effect": "deny", "rule": null, "code": "denied", "reason": "readonly" }), false),
        (json!({ "effect": "deny", "rule": null, "code": "bad_request" }), false),
        (json!({ "effect": "allow", "rule": null }), false),
        (json!({ "effect": "allow", "rule": "" }), false),
        (json!({}), false),
    ] {
        let (mut tape, corr) = (tape(), RequestId::new());
        tape.see(&request(corr, &json!({})));
        let seen = tape.see(&decision(corr, &data));
        assert_eq!(matches!(seen, Some(Seen::Command(_))), judged, "{data}");
        assert_eq!(matches!(seen, Some(Seen::Beside)), !judged, "{data}");
    }
}

#[test]
fn each_command_is_of_who_sent_it() {
    let mut tape = tape();
    let allowed = json!({ "effect": "allow", "rule": "a" });
    let recorded = command(tape.see(&request(RequestId::new(), &json!({ "decision": allowed }))));
    assert_eq!(recorded.principal.groups, ["support"].into_iter().collect::<Groups>());
    assert_eq!(
        (recorded.source.to_string().as_str(), recorded.principal.client.as_deref()),
        ("10.0.0.1", Some("billing"))
    );
    let other = json!({ "kind": "human", "issuer": "idp", "client": "", "source": "10.0.0.2", "groups": [], "groups_known": false });
    let recorded =
        command(tape.see(&request(RequestId::new(), &json!({ "decision": allowed, "as": other }))));
    assert_eq!((recorded.principal.groups, recorded.principal.client), (Groups::Unknown, None));
    assert_eq!((recorded.source.to_string().as_str(), recorded.principal.kind), ("10.0.0.2", Kind::Human));
    let torn = json!({ "kind": "human", "issuer": "idp", "source": "10.0.0.2" });
    let seen = tape.see(&request(RequestId::new(), &json!({ "decision": allowed, "as": torn })));
    assert!(matches!(seen, Some(Seen::Doubt(_))), "{seen:?}");
}

#[test]
fn what_is_not_recorded_is_a_doubt() {
    let allowed = json!({ "effect": "allow", "rule": "a" });
    let why = |seen: Option<Seen>| match seen {
        Some(Seen::Doubt(Doubt(why))) => why,
        other => panic!("{other:?}"),
    };
    // An older version did not record that groups were left out.
    let mut older = began(&json!({ "groups": ["support"] }));
    assert!(why(older.see(&request(RequestId::new(), &json!({ "decision": allowed })))).contains("older"));
    let mut silent = tape();
    assert!(why(silent.see(&decision(RequestId::new(), &allowed))).contains("recording.level"));
    let mut strangers = Tape::new(&view(GATEWAY));
    let refused = |reason: &str| stored(EventKind::Error, None, None, &json!({ "reason": reason }));
    assert!(why(strangers.see(&refused("not_open"))).contains("not open"));
    assert!(strangers.see(&refused("expired")).is_none());
}

#[test]
fn of_a_group_only_its_own_doubts_are_told() {
    let start = |known: bool, group: &str| began(&json!({ "groups": [group], "groups_known": known }));
    let unknown = "gone, and not whether a member of the group sent it";
    for (tape, expected) in [
        (start(true, "support"), Some("gone")),
        (start(true, "dev"), None),
        (start(false, "support"), Some(unknown)),
        (Tape::new(&view("idp/agent")), Some(unknown)),
    ] {
        let mut tally = Tally::default();
        tally.doubt_of(Some("support"), &tape, Doubt::new("gone"));
        let told: Vec<&str> = tally.doubts.keys().map(|doubt| doubt.0.as_str()).collect();
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{tape:?}");
        let mut all = Tally::default();
        all.doubt_of(None, &tape, Doubt::new("gone"));
        assert_eq!(all.lines(), ["cannot tell for 1 command:", "  1: gone"]);
    }
}
