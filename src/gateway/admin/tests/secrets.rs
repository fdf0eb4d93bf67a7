//! Tests of the store's secrets.

use super::*;

fn value(text: &str) -> SecretValue {
    SecretValue::new(Zeroizing::new(text.to_owned()))
}

/// Returns whether any file of the data directory contains the text.
fn on_disk(dir: &Path, text: &str) -> bool {
    std::fs::read_dir(dir).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        memchr::memmem::find(&bytes, text.as_bytes()).is_some()
    })
}

#[tokio::test]
async fn a_secret_goes_in_sealed_and_never_comes_out() {
    for rig in [Rig::offline(), Rig::online().await] {
        let owner = rig.owner();
        let entry = owner.set_secret("CRM_TOKEN".to_owned(), value("hunter2-hunter2")).await.unwrap();
        assert_eq!(
            (entry.actor.as_str(), entry.used_by.as_slice()),
            ("local:gateway", &["crm".to_owned()][..])
        );
        assert_eq!(owner.secrets().await.unwrap().items, [entry]);
        assert!(!on_disk(&rig.data, "hunter2"));
        let audit = owner.audit(AuditFilter::default()).await.unwrap();
        assert!(!serde_json::to_string(&audit).unwrap().contains("hunter2"));
        assert_eq!(rig.audit().await.len(), 1);
    }
}

#[tokio::test]
async fn a_secret_in_use_stays() {
    let rig = Rig::offline();
    let owner = rig.owner();
    owner.set_secret("CRM_TOKEN".to_owned(), value("aaaa")).await.unwrap();
    owner.set_secret("OLD".to_owned(), value("bbbb")).await.unwrap();
    let error = owner.remove_secret("CRM_TOKEN".to_owned()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Conflict);
    assert!(error.message.contains("crm"));
    owner.remove_secret("OLD".to_owned()).await.unwrap();
    assert_eq!(owner.remove_secret("OLD".to_owned()).await.unwrap_err().code, ErrorCode::NotFound);
    for (name, text) in [("", "x"), ("a b", "x"), ("a\n", "x"), ("é", "x"), ("K", ""), ("K", "abc")] {
        let error = owner.set_secret(name.to_owned(), value(text)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::BadRequest, "{name:?}");
    }
    let long = "x".repeat((64 << 10) + 1);
    assert_eq!(owner.set_secret("K".to_owned(), value(&long)).await.unwrap_err().code, ErrorCode::BadRequest);
}

#[tokio::test]
async fn another_key_than_the_one_in_use_is_noticed_before_it_seals() {
    let rig = Rig::offline();
    rig.owner().set_secret("A".to_owned(), value("aaaa")).await.unwrap();
    let key = rig.data.join("store.key");
    assert!(key.exists());
    std::fs::write(&key, "00".repeat(32)).unwrap();
    let error = rig.owner().set_secret("B".to_owned(), value("bbbb")).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unavailable);
    std::fs::remove_file(&key).unwrap();
    assert_eq!(
        rig.owner().set_secret("B".to_owned(), value("bbbb")).await.unwrap_err().code,
        ErrorCode::Unavailable
    );
    assert!(!key.exists(), "a new key would lose the secrets that are there");
    assert_eq!(rig.owner().secrets().await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn one_damaged_secret_keeps_nobody_from_the_others_and_is_set_again() {
    let rig = Rig::offline();
    let owner = rig.owner();
    let damage = async |name: &'static str, bytes: Vec<u8>| {
        rig.store.change(move |change| change.put_secret(name, &bytes, "local:x")).await.unwrap();
    };
    let damaged = async || {
        let entries = rig.owner().secrets().await.unwrap().items;
        let named = entries.into_iter().filter(|entry| entry.damaged.is_some()).map(|entry| entry.name);
        named.collect::<Vec<_>>()
    };
    // The only one, of whatever kind its damage is.
    owner.set_secret("A".to_owned(), value("aaaa")).await.unwrap();
    damage("A", b"torn".to_vec()).await;
    assert_eq!(damaged().await, ["A"]);
    owner.set_secret("A".to_owned(), value("aaaa")).await.unwrap();
    assert!(damaged().await.is_empty());
    // The first of several.
    owner.set_secret("B".to_owned(), value("bbbb")).await.unwrap();
    damage("A", b"torn".to_vec()).await;
    owner.set_secret("C".to_owned(), value("cccc")).await.unwrap();
    assert_eq!(damaged().await, ["A"]);
    let set = owner.set_secret("A".to_owned(), value("aaaa")).await.unwrap();
    assert_eq!((set.damaged, damaged().await.len()), (None, 0));
}
