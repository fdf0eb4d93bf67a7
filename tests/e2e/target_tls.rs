//! Targets over TLS whose certificate is not one to trust: nothing is sent to them.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use rcgen::CertificateParams;
use rcgen::KeyPair;

use crate::support::World;
use crate::support::client::request;
use crate::support::steps::says;
use crate::support::steps::session;
use crate::support::steps::wait_for;
use crate::support::world::RULES;

/// An authority.
struct Authority {
    issuer: rcgen::Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "targets");
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self { issuer: rcgen::Issuer::new(parameters, key), pem }
    }

    /// A certificate for this name, valid in these years, and its key.
    fn certificate(&self, name: &str, [from, to]: [i32; 2]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(to, 1, 1);
        (parameters.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// What a target has seen.
#[derive(Default)]
struct Seen {
    /// Streams that came.
    streams: AtomicUsize,
    /// What was said on them within TLS.
    text: Mutex<String>,
}

/// A target over TLS that answers each stream once; gives its port.
fn target(certificate: &str, key: &str, seen: &Arc<Seen>) -> u16 {
    let config =
        hoopctl::transport::tls::server_config(certificate.as_bytes(), key.as_bytes(), &[b"http/1.1"])
            .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        for mut tcp in listener.incoming().flatten() {
            seen.streams.fetch_add(1, Ordering::Relaxed);
            tcp.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::Stream::new(&mut session, &mut tcp);
            let mut buffer = [0; 4096];
            let Ok(count) = stream.read(&mut buffer) else { continue };
            seen.text.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
            drop(std::io::Write::write_all(&mut stream, answer));
        }
    });
    port
}

fn connection(name: &str, upstream: &str, ca_file: &Path) -> String {
    format!(
        "[[connection]]\nname = \"{name}\"\nupstream = \"{upstream}\"\ninject = \"bearer:env:CRM_TOKEN\"\nca_file = \"{}\"\n\
         [[policy]]\nid = \"{name}-all\"\neffect = \"allow\"\nmatch = {{ groups = [\"support\"], connections = [\"{name}\"] }}\n",
        ca_file.display()
    )
}

#[test]
fn a_target_whose_certificate_is_not_to_be_trusted_gets_nothing() {
    let (authority, other) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, &authority.pem).unwrap();
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let own = (own.cert.pem(), own.signing_key.serialize_pem());
    let years = [2020, 2090];
    let cases = [
        ("good", "localhost", authority.certificate("localhost", years)),
        ("other-name", "localhost", authority.certificate("crm.internal", years)),
        ("no-address", "127.0.0.1", authority.certificate("localhost", years)),
        ("expired", "localhost", authority.certificate("localhost", [2020, 2021])),
        ("not-yet", "localhost", authority.certificate("localhost", [2089, 2090])),
        ("unknown-authority", "localhost", other.certificate("localhost", years)),
        ("self-signed", "localhost", own),
    ];
    let mut rules = RULES.to_owned();
    let mut targets = Vec::new();
    for (name, host, (certificate, key)) in &cases {
        let seen = Arc::new(Seen::default());
        let port = target(certificate, key, &seen);
        rules.push_str(&connection(name, &format!("https://{host}:{port}"), &ca_file));
        targets.push((*name, seen));
    }
    let world = World::with(&rules);
    let token = world.token("reader");
    for (name, seen) in &targets {
        for method in ["GET", "POST"] {
            let mut client = world.client();
            let body = (method == "POST").then_some("customer=7");
            client.send(request(method, &format!("/c/{name}/customers/7"), Some(&token), &[], body));
            let reply = client.reply();
            let said = seen.text.lock().unwrap().clone();
            if *name == "good" {
                assert_eq!(reply.status, 200, "{}", reply.text());
                assert!(said.contains(&format!("{method} /customers/7")), "{said}");
                continue;
            }
            assert_eq!((reply.status, reply.code().as_str()), (502, "upstream_unavailable"), "{name}");
            assert!(reply.text().contains("certificate is not trusted"), "{name}: {}", reply.text());
            assert_eq!(said, "", "{name}: it was told something");
            assert!(seen.streams.load(Ordering::Relaxed) > 0, "{name}: nobody came");
        }
        if *name != "good" {
            wait_for("why is recorded", || says(&world, &session(&world, name), "reason", "tls"));
        }
    }
    let log = world.log();
    for why in ["not valid for name", "expired", "not valid yet", "BadSignature", "UnknownIssuer"] {
        assert!(log.contains(why), "the log does not say {why}: {log}");
    }
}

#[test]
fn another_authority_in_the_same_file_counts_from_the_reload_on() {
    let (authority, other) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, &authority.pem).unwrap();
    let (certificate, key) = authority.certificate("localhost", [2020, 2090]);
    let port = target(&certificate, &key, &Arc::default());
    let rules = format!("{RULES}{}", connection("own", &format!("https://localhost:{port}"), &ca_file));
    let world = World::with(&rules);
    let token = world.token("reader");
    let status = || {
        let mut client = world.client();
        client.send(request("GET", "/c/own/customers/7", Some(&token), &[], None));
        client.reply().status
    };
    assert_eq!(status(), 200);
    for (pem, wanted) in [(&other.pem, 502), (&authority.pem, 200)] {
        std::fs::write(&ca_file, pem).unwrap();
        world.ok(&["config", "reload"]);
        assert_eq!(status(), wanted);
    }
}
