//! What people put into the variables and arguments of programs, and who is told.

use http::Method;
use serde_json::json;

use super::*;
use crate::control::Service as _;
use crate::control::call::Call;
use crate::control::call::Reply;
use crate::control::noun;

const CANARY: &str = "hunter2";
/// A connection for each place that a secret is put into.
const PLACES: [(&str, &str); 3] = [
    ("variable", "upstream = \"mcp+stdio:server\"\nenv = { KEY = \"hunter2\" }\n"),
    ("argument", "upstream = \"mcp+stdio:server --key hunter2\"\n"),
    ("source", "upstream = \"https://h\"\ninject = \"bearer:exec:pass hunter2\"\n"),
];

/// Every path that is read, with each of these words where a name stands.
fn paths() -> Vec<String> {
    let nouns = ["connections", "policies", "masks"];
    let names = ["variable", "argument", "source", "crm", "ses_0"];
    let mut paths = Vec::new();
    for (path, _) in noun::routes().filter(|(_, methods)| methods.contains("GET")) {
        let nouns = if path.starts_with('*') { &nouns[..] } else { &[""] };
        for noun in nouns {
            let path = if noun.is_empty() { (*path).to_owned() } else { path.replacen('*', noun, 1) };
            let names = if path.contains('*') { &names[..] } else { &[""] };
            paths.extend(names.iter().map(|name| path.replacen('*', name, 1)));
        }
    }
    paths
}

/// What all paths tell this caller, each with its path.
async fn told(backend: &dyn Backend) -> Vec<(String, String)> {
    let mut told = Vec::new();
    for path in paths() {
        let call = Call::read(Method::GET, &format!("/v1/{path}"), "").unwrap();
        let text = match noun::route(&call, backend).await {
            Ok(Reply::Json(_, bytes)) => String::from_utf8(bytes).unwrap(),
            Ok(Reply::Events(_)) => continue,
            Err(error) => format!("{error:?}"),
        };
        told.push((path, text));
    }
    told
}

#[tokio::test]
async fn no_path_tells_who_only_looks_what_is_in_variables_and_arguments() {
    let rig = Rig::online().await;
    let owner = rig.owner();
    for (name, toml) in PLACES {
        let text = format!("# {CANARY}\nname = \"{name}\"\n{toml}");
        let put = |text: &str, mode| put(EntityKind::Connection, name, text, mode);
        owner.apply(put(&text, PutMode::Create)).await.unwrap();
        owner.apply(put(&text.replace("hunter2", "hunter2b"), PutMode::Replace)).await.unwrap();
    }
    owner.apply(remove(EntityKind::Connection, "source")).await.unwrap();
    let changes = json!([{"kind": "connection", "name": "x", "body": format!("env = {{ A = \"{CANARY}\" }}"), "was": CANARY}]);
    let of_file = json!({ "revision": 1, "changes": changes });
    rig.store
        .change(move |change| change.append_audit("hoopctl", "config.start", "gw.toml", &of_file))
        .await
        .unwrap();

    let of_owner = told(&*owner).await;
    let tell: Vec<&str> =
        of_owner.iter().filter(|(_, text)| text.contains(CANARY)).map(|(path, _)| path.as_str()).collect();
    assert_eq!(tell, ["audit", "connections", "connections/variable", "connections/argument"]);
    let remote = rig.admin.admit("cli human ada audit", std::net::Ipv4Addr::LOCALHOST.into()).await.unwrap();
    for looker in [rig.user("mallory"), remote] {
        let leaks: Vec<_> =
            told(&*looker).await.into_iter().filter(|(_, text)| text.contains(CANARY)).collect();
        assert!(leaks.is_empty(), "{leaks:?}");
    }
    // The trail itself is whole, and each entry tells the rest.
    let trail = rig.user("mallory").audit(AuditFilter::default()).await.unwrap().items;
    let body = |name: &str| trail.iter().find(|entry| entry.subject == name).unwrap().detail["body"].clone();
    assert!(body("argument").as_str().unwrap().contains("mcp+stdio:server ***"), "{trail:?}");
    assert!(body("variable").as_str().unwrap().contains("KEY = \"***\""), "{trail:?}");
    let whole = owner.verify_audit(AuditFrom::default()).await.unwrap();
    assert_eq!((whole.entries, whole.broken), (trail.len() as u64, None));
}
