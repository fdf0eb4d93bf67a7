//! Tests of connections, policies, masks, locks and explain.

use super::*;
use crate::domain::entity::EntityKind;
use crate::store::View;

#[tokio::test]
async fn one_change_is_one_audit_entry_and_shows_at_once_online_and_offline() {
    for rig in [Rig::offline(), Rig::online().await] {
        let owner = rig.owner();
        let report = owner.apply(shop()).await.unwrap();
        assert_eq!(report.changes[0].outcome, Outcome::Created);
        let view = owner.entity(EntityKind::Connection, "shop".to_owned()).await.unwrap();
        assert_eq!((view.origin.as_str(), view.read_only, view.toml.as_str()), ("store", false, SHOP));
        assert_eq!(view.value["upstream"], "http://127.0.0.1:9000");

        let edited = SHOP.replace("9000", "9001");
        let again = put(EntityKind::Connection, "shop", &edited, PutMode::Replace);
        assert_eq!(owner.apply(again.clone()).await.unwrap().changes[0].outcome, Outcome::Updated);
        assert_eq!(owner.apply(again).await.unwrap().changes[0].outcome, Outcome::Unchanged);
        owner.apply(remove(EntityKind::Connection, "shop")).await.unwrap();
        let wanted = ["connection.add", "connection.edit", "connection.remove"];
        assert_eq!(rig.audit().await, wanted.map(|action| entry("local:gateway", action, "shop")));
        assert_eq!(*rig.told.changes.lock().unwrap(), if rig.journal.is_some() { 3 } else { 0 });
    }
}

#[tokio::test]
async fn file_and_store_are_listed_together_and_the_file_says_where() {
    let rig = Rig::offline();
    let owner = rig.owner();
    owner.apply(shop()).await.unwrap();
    let found = owner.entities(EntityKind::Connection).await.unwrap().items;
    let seen: Vec<_> =
        found.iter().map(|view| (view.name.as_str(), view.origin.as_str(), view.read_only)).collect();
    assert_eq!(seen, [("crm", "gw.toml:13", true), ("shop", "store", false)]);
    assert_eq!(found[0].value["inject"], "bearer:store:CRM_TOKEN");
    assert_eq!(found[0].value["tags"]["data"], "pii");
    for (kind, name) in [(EntityKind::Policy, "etl-reads"), (EntityKind::Mask, "pii")] {
        assert!(owner.entity(kind, name.to_owned()).await.unwrap().read_only);
        assert_eq!(owner.entity(kind, "crm".to_owned()).await.unwrap_err().code, ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn what_the_file_has_is_not_changed_here() {
    let rig = Rig::offline();
    let owner = rig.owner();
    let crm = SHOP.replace("\"shop\"", "\"crm\"");
    for apply in
        [put(EntityKind::Connection, "crm", &crm, PutMode::Any), remove(EntityKind::Connection, "crm")]
    {
        let error = owner.apply(apply).await.unwrap_err();
        assert_eq!((error.code, error.exit_code), (ErrorCode::Conflict, 6));
        assert!(error.message.contains("gw.toml:13"), "{}", error.message);
    }
    assert!(rig.store.read(|view| view.entities(None)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_change_that_does_not_hold_is_refused_whole() {
    let rig = Rig::online().await;
    let owner = rig.owner();
    let good = shop().changes.remove(0);
    let bad = |kind, name: &str, toml: &str| {
        let change = put(kind, name, toml, PutMode::Any).changes.remove(0);
        Apply { changes: vec![good.clone(), change], ..Apply::default() }
    };
    for (apply, code) in [
        (bad(EntityKind::Connection, "x", "name = \"x\"\nupstream = \"ftp://x\""), ErrorCode::Invalid),
        (
            bad(EntityKind::Connection, "x", "name = \"x\"\nupstream = \"http://x\"\nnope = 1\nnone = 2"),
            ErrorCode::Invalid,
        ),
        (
            bad(
                EntityKind::Connection,
                "x",
                "name = \"x\"\nupstream = \"http://x\"\ninject = \"bearer:hunter2\"",
            ),
            ErrorCode::Invalid,
        ),
        (
            bad(EntityKind::Policy, "p", "id = \"p\"\neffect = \"maybe\"\nmatch = { groups = [\"a\"] }"),
            ErrorCode::Invalid,
        ),
        (bad(EntityKind::Policy, "p", "this is no toml"), ErrorCode::Invalid),
        (
            bad(EntityKind::Policy, "other", "id = \"p\"\neffect = \"deny\"\nmatch = { groups = [\"a\"] }"),
            ErrorCode::BadRequest,
        ),
        (bad(EntityKind::Connection, "shop", SHOP), ErrorCode::BadRequest),
        (
            bad(EntityKind::Mask, "m", &format!("id = \"m\" # {}", "x".repeat(300 << 10))),
            ErrorCode::BadRequest,
        ),
    ] {
        let error = owner.apply(apply).await.unwrap_err();
        assert_eq!(error.code, code, "{error:?}");
        assert_eq!(error.problems.is_empty(), code != ErrorCode::Invalid, "{error:?}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    assert!(rig.store.read(|view| view.entities(None)).await.unwrap().is_empty());
    assert!(rig.audit().await.is_empty());
    assert_eq!(*rig.told.changes.lock().unwrap(), 0);
}

#[tokio::test]
async fn modes_and_the_expected_text_guard_against_overwriting() {
    let rig = Rig::offline();
    let owner = rig.owner();
    let missing = owner.apply(put(EntityKind::Connection, "shop", SHOP, PutMode::Replace)).await.unwrap_err();
    assert_eq!((missing.code, missing.exit_code), (ErrorCode::NotFound, 5));
    assert_eq!(owner.apply(remove(EntityKind::Mask, "none")).await.unwrap_err().code, ErrorCode::NotFound);
    owner.apply(shop()).await.unwrap();
    assert_eq!(owner.apply(shop()).await.unwrap_err().code, ErrorCode::Conflict);
    let mut stale = put(EntityKind::Connection, "shop", &SHOP.replace("9000", "1"), PutMode::Any);
    if let Some(EntityChange::Put { expected, .. }) = stale.changes.first_mut() {
        *expected = Some("another text".to_owned());
    }
    assert_eq!(owner.apply(stale.clone()).await.unwrap_err().code, ErrorCode::Conflict);
    if let Some(EntityChange::Put { expected, .. }) = stale.changes.first_mut() {
        *expected = Some(SHOP.to_owned());
    }
    owner.apply(stale).await.unwrap();
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_writes_nothing() {
    let rig = Rig::online().await;
    let owner = rig.owner();
    let report = owner.apply(Apply { dry_run: true, ..shop() }).await.unwrap();
    assert_eq!((report.dry_run, report.changes[0].outcome), (true, Outcome::Created));
    assert!(rig.store.read(|view| view.entities(None)).await.unwrap().is_empty());
    assert!(rig.audit().await.is_empty());
}

#[tokio::test]
async fn all_that_is_wrong_with_changes_is_told_and_none_of_them_is_made() {
    let rig = Rig::online().await;
    let crm = SHOP.replace("\"shop\"", "\"crm\"");
    let one = |kind, name: &str, toml: &str| put(kind, name, toml, PutMode::Any).changes.remove(0);
    let of_file = [
        one(EntityKind::Connection, "crm", &crm),
        one(EntityKind::Mask, "pii", "id = \"pii\"\nfields = [\"a\"]\n"),
    ];
    let changes = [vec![shop().changes.remove(0)], of_file.to_vec()].concat();
    let error = rig.owner().apply(Apply { changes: changes.clone(), ..Apply::default() }).await.unwrap_err();
    assert_eq!((error.code, error.exit_code, error.problems.len()), (ErrorCode::Conflict, 6, 2));
    assert!(
        error.problems[0].starts_with("connection \"crm\" is in the configuration file, gw.toml:13"),
        "{error:?}"
    );
    assert!(
        error.problems[1].starts_with("mask \"pii\" is in the configuration file, gw.toml:"),
        "{error:?}"
    );
    let broken = one(EntityKind::Policy, "p", "id = \"p\"\neffect = \"maybe\"\nmatch = {}\nnope = 1\n");
    let changes = [changes, vec![broken]].concat();
    let error = rig.owner().apply(Apply { changes, ..Apply::default() }).await.unwrap_err();
    assert_eq!((error.code, error.problems.len()), (ErrorCode::Invalid, 4), "{error:?}");
    assert!(rig.store.read(|view| view.entities(None)).await.unwrap().is_empty());
}

#[tokio::test]
async fn another_way_to_write_the_same_is_no_change() {
    let rig = Rig::offline();
    let owner = rig.owner();
    owner.apply(shop()).await.unwrap();
    let again = format!("{SHOP}inject = \"none\"\n");
    let report = owner.apply(put(EntityKind::Connection, "shop", &again, PutMode::Any)).await.unwrap();
    assert_eq!((report.changes[0].outcome, report.changes[0].fields.len()), (Outcome::Unchanged, 0));
    assert_eq!(rig.audit().await.len(), 1);
}

#[tokio::test]
async fn removing_what_a_policy_names_is_allowed_with_a_warning() {
    let rig = Rig::offline();
    let owner = rig.owner();
    owner.apply(shop()).await.unwrap();
    let allow = "id = \"a\"\neffect = \"allow\"\nmatch = { groups = [\"x\"], connections = [\"shop\"] }\n";
    let added = owner.apply(put(EntityKind::Policy, "a", allow, PutMode::Create)).await.unwrap();
    assert!(added.warnings.is_empty(), "{:?}", added.warnings);
    let removed = owner.apply(remove(EntityKind::Connection, "shop")).await.unwrap();
    assert!(removed.warnings.iter().any(|warning| warning.contains("shop")), "{:?}", removed.warnings);
}

#[tokio::test]
async fn a_gateway_that_cannot_take_a_change_over_is_told_of() {
    let rig = Rig::online().await;
    *rig.told.fails.lock().unwrap() = true;
    let error = rig.owner().apply(shop()).await.unwrap_err();
    assert!(error.message.starts_with("it is stored, but"), "{}", error.message);
    assert_eq!(rig.owner().reload().await.unwrap_err().problems.len(), 1);
    assert_eq!(rig.audit().await.last().unwrap().1, "config.reload.failed");
    *rig.told.fails.lock().unwrap() = false;
    assert_eq!(rig.owner().reload().await.unwrap().revision, 9);
    assert_eq!(rig.audit().await.last().unwrap(), &entry("local:gateway", "config.reload", "gw.toml"));
}

#[tokio::test]
async fn locks_are_in_force_before_the_answer() {
    let rig = Rig::online().await;
    let owner = rig.owner();
    let new = |target: &str, for_s| new_lock(target, for_s, false);
    let first = owner.add_lock(new("principal:idp/o", None)).await.unwrap();
    let second = owner.add_lock(new("everybody", Some(60))).await.unwrap();
    assert_eq!(*rig.told.locks.lock().unwrap(), [first.clone(), second.clone()]);
    assert_eq!(owner.locks().await.unwrap().items, [second.clone(), first.clone()]);
    assert!(second.expires_ms.unwrap() > first.created_ms + 50_000);
    owner.remove_lock(second.id).await.unwrap();
    assert_eq!(*rig.told.locks.lock().unwrap(), [first]);
    assert_eq!(owner.remove_lock(second.id).await.unwrap_err().code, ErrorCode::NotFound);
    for for_s in [0, u64::MAX] {
        assert_eq!(
            owner.add_lock(new("everybody", Some(for_s))).await.unwrap_err().code,
            ErrorCode::BadRequest
        );
    }
}

fn new_lock(target: &str, for_s: Option<u64>, unseen: bool) -> NewLock {
    NewLock { target: target.parse().unwrap(), reason: "left".to_owned(), for_s, unseen }
}

/// Somebody of a tenant that is not configured.
const PERSON: &str =
    "principal:entra:11111111-2222-3333-4444-5555555555ff/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

#[tokio::test]
async fn a_lock_that_would_lock_nobody_is_refused() {
    use ErrorCode::BadRequest;
    use ErrorCode::NotFound;
    let rig = Rig::online().await;
    let owner = rig.owner();
    recordings::begin(rig.journal.as_ref().unwrap(), SessionId::new()).await;
    // Names that are impossible.
    for (target, hint) in [
        ("principal:agent-7", "principal:idp/agent-7"),
        ("principal:etl", "principal:entra/etl"),
        ("principal:idp/", "ISSUER is one of: idp"),
        ("principal:/agent-7", "ISSUER is one of: idp"),
        ("principal:local:alice", "admin.local_groups"),
        ("principal:entra:11111111-2222-3333-4444-5555555555ff/bob@corp.example", "OBJECT-ID"),
        (&PERSON.to_ascii_uppercase().replace("PRINCIPAL:ENTRA", "principal:entra"), PERSON),
    ] {
        for unseen in [false, true] {
            let error = owner.add_lock(new_lock(target, None, unseen)).await.unwrap_err();
            assert_eq!(error.code, BadRequest, "{target}");
            assert!(error.hint.as_ref().unwrap().contains(hint), "{target}: {:?}", error.hint);
        }
    }
    let digest = "ab".repeat(32);
    for (target, hint) in [
        ("client:idp/cli".to_owned(), "client:cli".to_owned()),
        (format!("token:{}", digest.to_ascii_uppercase()), format!("token:{digest}")),
    ] {
        let error = owner.add_lock(new_lock(&target, None, false)).await.unwrap_err();
        assert!(error.code == BadRequest && error.hint.as_ref().unwrap().contains(&hint), "{error:?}");
    }
    // What names nobody now.
    for target in ["principal:dev/agent-7", PERSON, "issuer:nosuch", "connection:nosuch", "client:nosuch"] {
        let error = owner.add_lock(new_lock(target, None, false)).await.unwrap_err();
        assert_eq!((error.code, error.exit_code), (NotFound, 5), "{target}");
        assert!(error.hint.as_ref().unwrap().contains("--yes"), "{target}: {:?}", error.hint);
    }
    assert!(owner.locks().await.unwrap().items.is_empty() && rig.told.locks.lock().unwrap().is_empty());
    for target in ["issuer:nosuch", "connection:nosuch", "client:nosuch", "client:idp/x", PERSON] {
        owner.add_lock(new_lock(target, None, true)).await.unwrap();
    }
    // Names that are known: from the file, the store, or a session.
    owner.apply(shop()).await.unwrap();
    for target in [
        "principal:idp/nobody-yet",
        "principal:entra/etl",
        "issuer:idp",
        "connection:crm",
        "connection:shop",
        "client:cli",
        "client:ci",
        "client:c",
        "token:anything",
    ] {
        owner.add_lock(new_lock(target, None, false)).await.unwrap();
    }
}

fn explain(method: &str, path: &str, groups: Option<&[&str]>) -> Explain {
    serde_json::from_value(serde_json::json!({
        "principal": "entra/etl", "kind": "app", "groups": groups, "connection": "crm", "method": method, "path": path,
    }))
    .unwrap()
}

#[tokio::test]
async fn explain_judges_as_the_gateway_does() {
    use crate::domain::verdict::Effect;
    for rig in [Rig::offline(), Rig::online().await] {
        let owner = rig.owner();
        let read = owner.explain(explain("GET", "/customers/7?x=1", Some(&["etl"]))).await.unwrap();
        assert_eq!((read.effect, read.rule.as_deref(), read.open), (Effect::Allow, Some("etl-reads"), true));
        assert_eq!((read.class.as_str(), read.path.as_str()), ("read", "/customers/7"));
        let write = owner.explain(explain("DELETE", "/customers/7", Some(&["etl"]))).await.unwrap();
        assert_eq!((write.effect, write.rule), (Effect::Deny, None));
        assert_eq!(write.rules[0].failed.as_ref().unwrap().key, "match.operations");
        // Groups that the issuer left out grant nothing.
        let unknown = owner.explain(explain("GET", "/customers/7", None)).await.unwrap();
        assert_eq!((unknown.effect, unknown.open), (Effect::Deny, false));
        let bad = owner.explain(explain("GET", "/a/%2e%2e/%2fb", Some(&["etl"]))).await.unwrap_err();
        assert_eq!(bad.code, ErrorCode::BadRequest);
        let twice =
            Explain { body: Some(r#"{"a":1,"a":2}"#.to_owned()), ..explain("POST", "/x", Some(&["etl"])) };
        assert_eq!(owner.explain(twice).await.unwrap_err().code, ErrorCode::BadRequest);
        let none = Explain { connection: "none".parse().unwrap(), ..explain("GET", "/", None) };
        assert_eq!(owner.explain(none).await.unwrap_err().code, ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn explain_speaks_of_what_is_in_force_under_its_own_number() {
    let rig = Rig::online().await;
    let owner = rig.owner();
    *rig.told.fails.lock().unwrap() = true;
    let deny = "id = \"no\"\neffect = \"deny\"\nmatch = { groups = [\"etl\"] }\n";
    owner.apply(put(EntityKind::Policy, "no", deny, PutMode::Create)).await.unwrap_err();
    let read = owner.explain(explain("GET", "/customers/7", Some(&["etl"]))).await.unwrap();
    assert_eq!((read.rule.as_deref(), read.revision), (Some("etl-reads"), 7));
}

#[tokio::test]
async fn what_only_looks_uses_up_no_revision() {
    let rig = Rig::offline();
    let owner = rig.owner();
    let kept = rig.store.read(View::revision).await.unwrap();
    let shown = owner.status().await.unwrap().revision;
    let explained = owner.explain(explain("GET", "/", Some(&["etl"]))).await.unwrap().revision;
    let tried = owner.apply(Apply { dry_run: true, ..shop() }).await.unwrap().revision;
    assert_eq!([shown, explained, tried], [kept + 1; 3]);
    assert_eq!(rig.store.read(View::revision).await.unwrap(), kept);
    let made = owner.apply(shop()).await.unwrap().revision;
    assert_eq!(rig.store.read(View::revision).await.unwrap(), made);
}

#[tokio::test]
async fn a_call_is_explained_by_what_the_server_was_seen_to_say_of_its_tool() {
    const SERVER: &str =
        "name = \"shop\"\nupstream = \"mcp+http://127.0.0.1:9000/mcp\"\ntrust_annotations = true\n";
    let ask = |tool: &str, read_only: Option<bool>| -> Explain {
        let mcp = serde_json::json!({ "tool": tool, "read_only": read_only });
        serde_json::from_value(serde_json::json!({ "principal": "idp/a", "connection": "shop", "mcp": mcp }))
            .unwrap()
    };
    let rig = Rig::online().await;
    rig.told.served.lock().unwrap().push(SERVER.to_owned());
    let owner = rig.owner();
    for (tool, said, class, noted) in [
        ("list_orders", None, "read", false),
        ("refund", None, "unknown", true),
        ("refund", Some(false), "write", false),
        ("list_orders", Some(false), "write", false),
    ] {
        let report = owner.explain(ask(tool, said)).await.unwrap();
        assert_eq!((report.class.as_str(), report.note.is_some()), (class, noted), "{tool} {said:?}");
    }
    let offline = Rig::offline();
    let apply = put(EntityKind::Connection, "shop", SERVER, PutMode::Create);
    offline.owner().apply(apply).await.unwrap();
    let report = offline.owner().explain(ask("list_orders", None)).await.unwrap();
    assert!(report.note.unwrap().contains("--read-only"));
}
