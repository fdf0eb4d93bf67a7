//! Tests of the managers of entities, and of pruning.

use serde_json::Value;
use serde_json::json;

use super::*;

fn deny(id: &str, group: &str) -> EntityChange {
    let toml = format!("id = \"{id}\"\neffect = \"deny\"\nmatch = {{ groups = [\"{group}\"] }}\n");
    put(EntityKind::Policy, id, &toml, PutMode::Any).changes.remove(0)
}

fn labelled(label: &str, changes: Vec<EntityChange>, prune: bool) -> Apply {
    Apply { changes, prune, managed_by: Some(label.to_owned()), ..Apply::default() }
}

fn seen(report: &ApplyReport) -> Vec<(&str, Outcome)> {
    report.changes.iter().map(|made| (made.name.as_str(), made.outcome)).collect()
}

fn keys(changed: &Changed) -> Vec<&str> {
    changed.fields.iter().map(|field| field.key.as_str()).collect()
}

/// Returns name and label of each policy of the store.
async fn owners(rig: &Rig) -> Vec<(String, String)> {
    let found = rig.owner().entities(EntityKind::Policy).await.unwrap().items;
    found.into_iter().filter_map(|view| Some((view.name, view.managed_by?))).collect()
}

fn of(name: &str, label: &str) -> (String, String) {
    (name.to_owned(), label.to_owned())
}

/// Returns the detail of the last audit entry about a policy.
async fn detail(rig: &Rig, action: &str, subject: &str) -> Value {
    let entries = rig.owner().audit(AuditFilter { after: None, limit: Some(1000) }).await.unwrap().items;
    let found = entries.into_iter().rfind(|entry| entry.action == action && entry.subject == subject);
    found.map(|entry| serde_json::to_value(entry.detail).unwrap()).unwrap()
}

#[tokio::test]
async fn what_a_file_names_belongs_to_it_although_it_was_there_with_the_same_text() {
    for rig in [Rig::online().await, Rig::offline()] {
        let owner = rig.owner();
        let by_hand = |change| Apply::one(change, false);
        for id in ["a", "b", "c"] {
            owner.apply(by_hand(deny(id, "x"))).await.unwrap();
        }
        let files = || labelled("apply", vec![deny("a", "x"), deny("b", "y")], false);
        let tried = owner.apply(Apply { dry_run: true, ..files() }).await.unwrap();
        assert_eq!(owners(&rig).await[0], of("a", "cli"));
        let report = owner.apply(files()).await.unwrap();
        assert_eq!(report.changes, tried.changes);
        assert_eq!(seen(&report), [("a", Outcome::Adopted), ("b", Outcome::Updated)]);
        assert_eq!(
            (keys(&report.changes[0]), keys(&report.changes[1])),
            (vec!["managed_by"], vec!["match.groups", "managed_by"])
        );
        assert_eq!(owners(&rig).await, [of("a", "apply"), of("b", "apply"), of("c", "cli")]);
        let adopted = detail(&rig, "policy.adopt", "a").await;
        assert_eq!((&adopted["managed_by_was"], &adopted["managed_by"]), (&json!("cli"), &json!("apply")));
        assert_eq!(adopted["body"], adopted["was"]);
        let report = owner.apply(files()).await.unwrap();
        assert_eq!(seen(&report), [("a", Outcome::Unchanged), ("b", Outcome::Unchanged)]);
        // An adopted entity is removed when no file names it any more; one added by hand stays.
        let report = owner.apply(labelled("apply", vec![deny("b", "y")], true)).await.unwrap();
        assert_eq!(seen(&report), [("b", Outcome::Unchanged), ("a", Outcome::Removed)]);
        assert_eq!(owners(&rig).await, [of("b", "apply"), of("c", "cli")]);
        let pruned = detail(&rig, "policy.remove", "a").await;
        assert_eq!((&pruned["cause"], &pruned["managed_by_was"]), (&json!("prune"), &json!("apply")));
        owner.apply(remove(EntityKind::Policy, "c")).await.unwrap();
        let named = detail(&rig, "policy.remove", "c").await;
        assert_eq!((named.get("cause"), &named["managed_by_was"]), (None, &json!("cli")));
    }
}

#[tokio::test]
async fn what_belongs_to_another_name_is_refused_until_it_is_taken_over() {
    let rig = Rig::online().await;
    let owner = rig.owner();
    owner.apply(labelled("team-b", vec![deny("b", "x"), deny("c", "x")], false)).await.unwrap();
    let gone = EntityChange::Remove { kind: EntityKind::Policy, name: "c".to_owned() };
    // With the same text, with another one, and to be removed.
    for change in [deny("b", "x"), deny("b", "y"), gone.clone()] {
        let error = owner.apply(labelled("team-a", vec![deny("a", "x"), change], true)).await.unwrap_err();
        assert_eq!((error.code, error.exit_code), (ErrorCode::Conflict, 6), "{}", error.message);
        assert!(error.message.contains("is managed by \"team-b\""), "{}", error.message);
        assert!(error.hint.unwrap().contains("--take-over"));
    }
    assert_eq!(owners(&rig).await, [of("b", "team-b"), of("c", "team-b")]);
    let taken =
        Apply { take_over: true, ..labelled("team-a", vec![deny("a", "x"), deny("b", "x"), gone], true) };
    let report = owner.apply(taken).await.unwrap();
    assert_eq!(seen(&report), [("a", Outcome::Created), ("b", Outcome::Adopted), ("c", Outcome::Removed)]);
    assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
    assert!(report.warnings[0].contains("team-b") && report.warnings[0].contains("team-a"));
    assert!(report.warnings[1].contains("writes it again"), "{:?}", report.warnings);
    assert_eq!(owners(&rig).await, [of("a", "team-a"), of("b", "team-a")]);
    // A single change by hand leaves the manager as it is, with a note; so does a removal.
    let report = owner.apply(Apply::one(deny("b", "z"), false)).await.unwrap();
    assert!(report.warnings[0].contains("team-a") && report.warnings[0].contains("restores its own text"));
    assert_eq!(owners(&rig).await[1], of("b", "team-a"));
    let report = owner.apply(remove(EntityKind::Policy, "b")).await.unwrap();
    assert!(report.warnings[0].contains("writes it again"), "{:?}", report.warnings);
    for label in ["", "a b", "\u{1b}[2J", "cli", &"x".repeat(64)] {
        let error = owner.apply(labelled(label, vec![deny("z", "x")], true)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::BadRequest, "{label:?}");
    }
}

#[tokio::test]
async fn pruning_needs_a_change_and_a_label() {
    let rig = Rig::offline();
    let owner = rig.owner();
    owner.apply(shop()).await.unwrap();
    owner.apply(labelled("apply", vec![deny("a", "x")], false)).await.unwrap();
    let one = Apply { prune: true, ..Apply::one(deny("d", "x"), false) };
    for apply in [
        Apply { prune: true, ..Apply::default() },
        labelled("apply", Vec::new(), true),
        Apply { dry_run: true, ..one.clone() },
        one.clone(),
    ] {
        assert_eq!(owner.apply(apply).await.unwrap_err().code, ErrorCode::BadRequest);
        assert_eq!(rig.audit().await.last().unwrap().1, "apply.refused");
    }
    assert_eq!(rig.store.read(|view| view.entities(None)).await.unwrap().len(), 2);
    // A refusal is noted under the same name.
    rig.user("mallory").apply(one).await.unwrap_err();
    assert_eq!(rig.audit().await.last().unwrap(), &entry("local:mallory", "apply.refused", "d"));
}

#[tokio::test]
async fn too_many_changes_are_refused_with_a_way_on() {
    let changes = |count: usize| (0..count).map(|n| deny(&format!("p{n}"), "x")).collect();
    let rig = Rig::offline();
    let owner = rig.owner();
    let error = owner.apply(labelled("apply", changes(1001), false)).await.unwrap_err();
    assert!(error.message.contains("1001") && error.hint.unwrap().contains("in parts"), "{}", error.message);
    owner.apply(Apply { dry_run: true, ..labelled("apply", changes(1000), false) }).await.unwrap();
}

#[tokio::test]
async fn what_could_not_be_taken_over_is_by_the_next_call_that_changes_nothing() {
    let rig = Rig::online().await;
    let owner = rig.owner();
    let again = || labelled("apply", vec![deny("a", "x")], false);
    *rig.told.fails.lock().unwrap() = true;
    let error = owner.apply(again()).await.unwrap_err();
    assert!(error.hint.unwrap().contains("hoopctl config reload"));
    // It says so each time, and does not pretend that all is well.
    let error = owner.apply(again()).await.unwrap_err();
    assert!(error.message.starts_with("it is stored, but"), "{}", error.message);
    owner.apply(Apply { dry_run: true, ..again() }).await.unwrap();
    *rig.told.fails.lock().unwrap() = false;
    let changes = || *rig.told.changes.lock().unwrap();
    assert_eq!(changes(), 0);
    let report = owner.apply(again()).await.unwrap();
    assert_eq!((seen(&report), changes()), (vec![("a", Outcome::Unchanged)], 1));
    assert_eq!(report.revision, rig.store.read(View::revision).await.unwrap());
    owner.apply(again()).await.unwrap();
    assert_eq!(changes(), 1, "nothing is behind any more");
}

#[tokio::test]
async fn variables_and_arguments_of_programs_are_seen_by_who_manages() {
    let rig = Rig::online().await;
    let tool =
        "name = \"tool\"\nupstream = \"mcp+stdio:server --key hunter2\"\nenv = { KEY = \"hunter2\" }\n";
    let exec = "name = \"web\"\nupstream = \"https://h\"\ninject = \"bearer:exec:pass hunter2\"\n";
    for (name, toml) in [("tool", tool), ("web", exec)] {
        rig.owner().apply(put(EntityKind::Connection, name, toml, PutMode::Create)).await.unwrap();
    }
    rig.owner().apply(shop()).await.unwrap();
    let text = |views: &List<EntityView>| serde_json::to_string(views).unwrap();
    let all = rig.owner().entities(EntityKind::Connection).await.unwrap();
    assert!(text(&all).matches("hunter2").count() == 6 && all.items.iter().all(|view| !view.hidden));
    let mallory = rig.user("mallory");
    let looked = mallory.entities(EntityKind::Connection).await.unwrap();
    assert!(!text(&looked).contains("hunter2"), "{looked:?}");
    let hidden: Vec<_> = looked.items.iter().filter(|view| view.hidden).map(|view| &*view.name).collect();
    assert_eq!(hidden, ["tool", "web"]);
    let one = mallory.entity(EntityKind::Connection, "tool".to_owned()).await.unwrap();
    assert!(one.toml.contains("mcp+stdio:server ***") && !one.toml.contains("hunter2"), "{}", one.toml);
    config::parse_entity(EntityKind::Connection, &one.toml, Origin::Store).unwrap();
}
