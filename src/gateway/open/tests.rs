//! Starts on the same data: what the file says, secrets, revisions and locks.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::domain::lock::LockTarget;
use crate::gateway::LogFormat;
use crate::gateway::periodic;

/// Writes a file that denies one path, and nothing else.
fn write(file: &Path, dir: &Path, denied: &str) {
    let text = format!(
        "version = 1\n[gateway]\nlisten = \"127.0.0.1:0\"\n[storage]\ndata_dir = {:?}\n[[policy]]\nid = \"no\"\neffect = \"deny\"\nmatch = {{ paths = [\"{denied}\"] }}\n",
        dir.join("data")
    );
    std::fs::write(file, text).unwrap();
}

async fn opened(file: &Path) -> (Running, Listeners, DataDirLock) {
    let config = config::load(file).unwrap();
    let options =
        RunOptions { config, config_path: file.to_owned(), watch: None, log_format: LogFormat::Pretty };
    open(options).await.unwrap()
}

#[tokio::test]
async fn a_lock_that_has_fallen_goes_and_is_in_the_audit_trail() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gw.toml");
    write(&file, dir.path(), "/a");
    let (running, _listener, _lock) = opened(&file).await;
    let now = now_ms();
    let [long, late] = running
        .store
        .change(move |change| {
            change.add_lock(&LockTarget::Everybody, "", None, "local:a")?;
            let long = change.add_lock(&LockTarget::Everybody, "gone", Some(1), "local:a")?;
            Ok([long, change.add_lock(&LockTarget::Everybody, "", Some(now - 1), "local:a")?])
        })
        .await
        .unwrap();
    let running = Arc::new(running);
    let look = || async {
        let (long, late) = (long.id, late.id);
        let found = running.store.read(move |view| {
            Ok((view.lock(long)?.is_some(), view.lock(late)?.is_some(), view.audit(0, 10)?))
        });
        found.await.unwrap()
    };
    // The first round removes no locks: the journal's answer shows that it is over.
    let task = tokio::spawn(periodic::prune(Arc::clone(&running)));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (of_long, of_late, _) = look().await;
    assert!(of_long && of_late, "not at the start");
    task.abort();
    periodic::sweep_locks(&running, now).await;
    let (of_long, of_late, trail) = look().await;
    assert!(!of_long && of_late, "what fell just now waits for a day");
    let last = trail.last().unwrap();
    assert_eq!((last.action.as_str(), last.subject.clone()), ("lock.expire", long.id.to_string()));
    assert_eq!((&last.detail["reason"], &last.detail["expires_ms"]), (&"gone".into(), &1.into()));
    assert_eq!(running.store.read(|view| view.locks(now_ms())).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_file_says_otherwise_is_in_the_audit_trail_by_whom_and_with_its_text() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gw.toml");
    let configs = async |running: &Running| {
        let trail = running.store.read(|view| view.audit(0, 100)).await.unwrap();
        let told = trail.into_iter().filter(|entry| entry.action.starts_with("config."));
        told.collect::<Vec<_>>()
    };
    write(&file, dir.path(), "/a");
    let (running, listener, lock) = opened(&file).await;
    let trail = configs(&running).await;
    let [start] = &trail[..] else { panic!("{trail:?}") };
    assert_eq!(
        (&*start.actor, &*start.action, &*start.subject),
        ("hoopctl", "config.start", file.to_str().unwrap())
    );
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let policy = &start.detail["changes"][0];
    assert_eq!(
        (text(&policy["kind"]), text(&policy["name"]), text(&policy["outcome"])),
        ("policy".to_owned(), "no".to_owned(), "added".to_owned())
    );
    assert!(text(&policy["body"]).contains("/a"));
    write(&file, dir.path(), "/b");
    let revision = running.reload("entra/ada").await.unwrap().revision;
    running.reload("signal:SIGHUP").await.unwrap();
    running.entities_changed().await.unwrap();
    let trail = configs(&running).await;
    let [_, changed, same] = &trail[..] else { panic!("{trail:?}") };
    assert_eq!((&*changed.actor, &*changed.action), ("entra/ada", "config.reload"));
    assert_eq!(changed.detail["revision"], revision);
    let policy = &changed.detail["changes"][0];
    assert!(text(&policy["body"]).contains("/b") && text(&policy["was"]).contains("/a"), "{policy}");
    assert_eq!((&*same.actor, &same.detail["changes"]), ("signal:SIGHUP", &serde_json::json!([])));
    assert_eq!(same.detail["file_digest"], changed.detail["file_digest"]);
    running.gate.journal().close();
    drop((running, listener, lock));

    // The same file after a restart is nothing new; another one is, with what it was before.
    let (running, listener, lock) = opened(&file).await;
    assert_eq!(configs(&running).await.len(), 3);
    running.gate.journal().close();
    drop((running, listener, lock));
    write(&file, dir.path(), "/c");
    let (running, _listener, _lock) = opened(&file).await;
    let trail = configs(&running).await;
    let policy = &trail.last().unwrap().detail["changes"][0];
    assert!(text(&policy["body"]).contains("/c") && text(&policy["was"]).contains("/b"), "{policy}");
    running.gate.journal().close();
}

#[tokio::test]
async fn one_damaged_secret_stops_no_start_and_another_key_does() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gw.toml");
    write(&file, dir.path(), "/a");
    let (running, listener, lock) = opened(&file).await;
    let good = running.sealer.seal(SEALED_TABLE, "b", SEALED_COLUMN, b"value").unwrap();
    running
        .store
        .change(move |change| {
            change.put_secret("a", b"torn", "local:a")?;
            change.put_secret("b", &good, "local:a")
        })
        .await
        .unwrap();
    running.gate.journal().close();
    drop((running, listener, lock));
    let (running, listener, lock) = opened(&file).await;
    assert_eq!(running.vault.resolve(&"store:b".parse().unwrap()).await.unwrap().expose(), b"value");
    let error = running.vault.resolve(&"store:a".parse().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("store:a"), "{error}");
    running.gate.journal().close();
    drop((running, listener, lock));
    std::fs::write(dir.path().join("data/store.key"), "00".repeat(32)).unwrap();
    let config = config::load(&file).unwrap();
    let options = RunOptions { config, config_path: file, watch: None, log_format: LogFormat::Pretty };
    assert!(matches!(open(options).await, Err(GatewayError::Seal { .. })));
}

#[tokio::test]
async fn a_revision_stands_for_one_set_of_policies_over_reloads_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gw.toml");
    write(&file, dir.path(), "/a");
    let (running, listener, lock) = opened(&file).await;
    let first = running.gate.snapshot().revision();
    assert_eq!(running.reload("local:a").await.unwrap().revision, first, "nothing has changed");
    write(&file, dir.path(), "/b");
    let second = running.reload("local:a").await.unwrap().revision;
    assert!(second > first);
    // A file that cannot be applied uses up no revision, however late it fails.
    let tls = "listen = \"127.0.0.1:0\"\ntls = { cert = \"/none\", key = \"file:/none\" }";
    let text = std::fs::read_to_string(&file).unwrap().replace("\"/b\"", "\"/x\"");
    std::fs::write(&file, text.replace("listen = \"127.0.0.1:0\"", tls)).unwrap();
    let error = running.reload("local:a").await.unwrap_err();
    assert!(matches!(error, GatewayError::Certificate { .. }), "{error:?}");
    assert_eq!(running.store.read(View::revision).await.unwrap(), second);
    write(&file, dir.path(), "/b");
    running.gate.journal().close();
    drop((running, listener, lock));

    // The same file has the same revision after a restart; one that was changed meanwhile has another.
    let (running, listener, lock) = opened(&file).await;
    assert_eq!(running.gate.snapshot().revision(), second);
    running.gate.journal().close();
    drop((running, listener, lock));
    write(&file, dir.path(), "/c");
    let (running, _listener, _lock) = opened(&file).await;
    assert!(running.gate.snapshot().revision() > second);
    running.gate.journal().close();
}
