use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::domain::Groups;
use crate::domain::Kind;
use crate::identity::Algorithm;
use crate::identity::IssuerSettings;
use crate::identity::Issuers;
use crate::identity::NoKeeper;
use crate::identity::Profile;
use crate::transport::fetch;

async fn issuer(folder: &Path) -> DevIssuer {
    let listen = "127.0.0.1:0".parse().unwrap();
    let audience = "api://hoopctl".to_owned();
    DevIssuer::start(DevIssuerSettings { listen, key_dir: folder.to_owned(), audience }).await.unwrap()
}

fn trusting(dev: &DevIssuer) -> Issuers {
    let mut settings =
        IssuerSettings::new("dev", &*dev.url, Profile::Generic, vec!["api://hoopctl".to_owned()]);
    settings.algorithms = vec![Algorithm::Es256];
    let issuers = Issuers::new(vec![settings], Arc::new(NoKeeper)).unwrap();
    issuers.start(&tokio::runtime::Handle::current());
    issuers
}

fn with(fault: Fault) -> MintRequest {
    MintRequest { fault: Some(fault), groups: vec!["dba".to_owned()], ..MintRequest::new("alice") }
}

#[tokio::test]
async fn its_tokens_hold_at_a_gateway_and_its_bad_ones_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let dev = issuer(folder.path()).await;
    let issuers = trusting(&dev);
    let request = MintRequest {
        groups: vec!["dba".to_owned()],
        name: Some("Alice".to_owned()),
        ..MintRequest::new("alice")
    };
    let good = mint_at(&dev.url, &request).await.unwrap();
    let principal = issuers.verify(&good).await.unwrap().principal;
    assert_eq!((&*principal.id, principal.kind, principal.label()), ("dev/alice", Kind::Human, "Alice"));
    assert!(principal.groups.contains("dba"));
    for kind in [Kind::App, Kind::Agent] {
        let token = mint_at(&dev.url, &MintRequest { kind, ..MintRequest::new("bot") }).await.unwrap();
        assert_eq!(issuers.verify(&token).await.unwrap().principal.kind, kind);
    }
    for (fault, reason) in [
        (Fault::Expired, "expired"),
        (Fault::Unsigned, "algorithm"),
        (Fault::WrongAudience, "audience"),
        (Fault::WrongKey, "signature"),
    ] {
        let bad = mint_at(&dev.url, &with(fault)).await.unwrap();
        assert_eq!(issuers.verify(&bad).await.unwrap_err().reason(), reason);
    }
    let overage = mint_at(&dev.url, &with(Fault::Overage)).await.unwrap();
    let principal = issuers.verify(&overage).await.unwrap().principal;
    assert_eq!(principal.groups, Groups::Unknown);
}

#[tokio::test]
async fn a_restart_keeps_the_key_and_a_key_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(KEY_FILE);
    let mut kids = Vec::new();
    for _ in 0..2 {
        drop(issuer(folder.path()).await);
        kids.push(SigningKey::open(&path).unwrap().kid.clone());
    }
    assert_eq!(kids[0], kids[1]);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(SigningKey::open(&path), Err(DevIssuerError::KeyMode { .. })));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, "junk").unwrap();
    assert!(matches!(SigningKey::open(&path), Err(DevIssuerError::Key { .. })));
}

#[tokio::test]
async fn it_does_not_listen_to_the_world() {
    let settings = DevIssuerSettings {
        listen: "0.0.0.0:0".parse().unwrap(),
        key_dir: PathBuf::new(),
        audience: String::new(),
    };
    assert!(matches!(DevIssuer::start(settings).await, Err(DevIssuerError::NotLoopback(_))));
    let far = mint_at("https://dev.example", &MintRequest::new("alice")).await;
    assert!(matches!(far, Err(DevIssuerError::Ask { .. })));
}

/// Sends raw bytes and returns the status line and headers.
async fn raw(dev: &DevIssuer, request: &str) -> String {
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;
    let mut stream = TcpStream::connect(dev.url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

#[tokio::test]
async fn a_web_page_gets_no_token_and_every_reply_is_marked() {
    let folder = tempfile::tempdir().unwrap();
    let dev = issuer(folder.path()).await;
    let body = r#"{"subject":"root"}"#;
    let ask = |host: &str, more: &str| {
        let length = body.len();
        format!(
            "POST /mint HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n{body}"
        )
    };
    let json = "Content-Type: application/json\r\n";
    for (request, status) in [
        (ask("127.0.0.1", json), "200"),
        (ask("localhost:8440", json), "200"),
        (ask("rebound.example", json), "403"),
        (ask("127.0.0.1.rebound.example", json), "403"),
        (ask("127.0.0.1", &format!("{json}Origin: http://127.0.0.1\r\n")), "403"),
        (ask("127.0.0.1", "Content-Type: text/plain\r\n"), "415"),
        (ask("127.0.0.1", ""), "415"),
        ("GET /mint HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n".to_owned(), "405"),
        ("GET / HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n".to_owned(), "404"),
        ("GET /jwks HTTP/1.0\r\n\r\n".to_owned(), "403"),
    ] {
        let reply = raw(&dev, &request).await;
        assert!(reply.split(' ').nth(1) == Some(status), "{request}\n{reply}");
        assert!(reply.to_lowercase().contains("\r\nhoopctl-dev: 1\r\n"), "{reply}");
    }
}

#[tokio::test]
async fn its_documents_show_no_private_key() {
    let folder = tempfile::tempdir().unwrap();
    let dev = issuer(folder.path()).await;
    let url = format!("{}/jwks", dev.url);
    let keys = fetch::get(&url, fetch::Limits::default(), None).await.unwrap();
    let keys: Value = serde_json::from_slice(&keys).unwrap();
    assert_eq!(keys["keys"][0]["kty"], "EC");
    assert!(keys["keys"][0].get("d").is_none());
}

#[tokio::test]
async fn a_lifetime_out_of_bounds_or_a_nameless_subject_gets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dev = issuer(folder.path()).await;
    for (subject, lifetime_s) in [("", 60), ("alice", 0), ("alice", 86_401)] {
        let request = MintRequest { lifetime_s, ..MintRequest::new(subject) };
        assert!(matches!(mint_at(&dev.url, &request).await, Err(DevIssuerError::Request(_))));
    }
}
