//! Logging in to a real PostgreSQL server: by SCRAM, bound to the channel, and by nothing weaker than was accepted.

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hoopctl::domain::Secret;
use hoopctl::protocol::postgres::login::Channel;
use hoopctl::protocol::postgres::login::Credential;
use hoopctl::protocol::postgres::login::EndPoint;
use hoopctl::protocol::postgres::login::Login;
use hoopctl::protocol::postgres::login::LoginError;
use hoopctl::protocol::postgres::login::Means;
use hoopctl::protocol::postgres::login::Proof;
use hoopctl::protocol::postgres::login::Ready;
use hoopctl::protocol::postgres::login::Step;
use hoopctl::protocol::postgres::login::TargetRefusal;
use hoopctl::protocol::postgres::login::TransactionStatus;
use hoopctl::protocol::postgres::login::Version;
use hoopctl::protocol::postgres::login::Weaker;
use hoopctl::protocol::postgres::login::max_body;
use hoopctl::transport::tls;
use rustls::pki_types::ServerName;

use crate::support::postgres::Postgres;

const PASSWORD: &str = "s3cret-of-the-gateway";
/// Who is asked how: everybody by SCRAM but for a few.
const HBA: &str = "host all old 127.0.0.1/32 md5\nhost all clear 127.0.0.1/32 password\n\
                   host all open 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

/// A cluster with its roles. Passwords of `prepared` and `raw` are not ASCII: one can be prepared, the other cannot.
fn cluster() -> Postgres {
    let roles = format!(
        "CREATE ROLE gateway LOGIN PASSWORD '{PASSWORD}';\nCREATE ROLE clear LOGIN PASSWORD '{PASSWORD}';\n\
         CREATE ROLE open LOGIN;\nCREATE ROLE prepared LOGIN PASSWORD 'I\u{ad}X \u{2168} gate';\n\
         CREATE ROLE raw LOGIN PASSWORD '\u{2168}\u{1f511} gate';\nSET password_encryption = md5;\n\
         CREATE ROLE old LOGIN PASSWORD '{PASSWORD}';\n"
    );
    Postgres::new(HBA, &roles)
}

/// A server with a new certificate by this algorithm.
fn start(server: &mut Postgres, algorithm: &'static rcgen::SignatureAlgorithm) {
    let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let names = vec!["localhost".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    std::fs::write(server.folder().join("ca.pem"), certificate.pem()).unwrap();
    server.start(&certificate.pem(), &key_pem(&key));
}

/// The key as OpenSSL reads it: it does not take the form that an Ed25519 key is written in here, with the public key at its end (RFC 8410,
/// section 7).
fn key_pem(key: &rcgen::KeyPair) -> String {
    if !key.is_compatible(&rcgen::PKCS_ED25519) {
        return key.serialize_pem();
    }
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let older = STANDARD.encode([&head[..], &key.serialize_der()[16..48]].concat());
    format!("-----BEGIN PRIVATE KEY-----\n{older}\n-----END PRIVATE KEY-----\n")
}

/// How to log in; what differs from one login to the next.
struct Attempt<'a> {
    user: &'a str,
    password: &'a str,
    database: &'a str,
    encoding: &'a str,
    version: Version,
    tls: bool,
    weaker: Weaker,
    /// Changes what TLS gave to bind to.
    binding: fn(Option<EndPoint>) -> Option<EndPoint>,
    /// Changes a message on its way, as somebody in between could.
    between: fn(u8, &mut Vec<u8>),
}

const ATTEMPT: Attempt<'_> = Attempt {
    user: "gateway",
    password: PASSWORD,
    database: "postgres",
    encoding: "UTF8",
    version: Version::V3_0,
    tls: true,
    weaker: Weaker { accept_cleartext: false, accept_md5: false, accept_trust: false },
    binding: |end_point| end_point,
    between: |_, _| {},
};

impl Attempt<'_> {
    /// Logs in; gives how it ended, and every byte that the gateway sent inside TLS.
    fn run(&self, server: &Postgres) -> (Result<Ready, LoginError>, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        if !self.tls {
            return self.talk(stream, Channel::Plain);
        }
        // SSLRequest.
        stream.write_all(&[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]).unwrap();
        let mut answer = [0];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"S");
        let config = tls::client_config(Some(&server.folder().join("ca.pem")), &[]).unwrap();
        let mut client =
            rustls::ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap();
        while client.is_handshaking() {
            client.complete_io(&mut stream).unwrap();
        }
        let end_point = EndPoint::of(&client.peer_certificates().unwrap()[0]).unwrap();
        let channel = Channel::Tls((self.binding)(end_point));
        self.talk(rustls::StreamOwned::new(client, stream), channel)
    }

    fn talk(&self, mut stream: impl Read + Write, channel: Channel) -> (Result<Ready, LoginError>, Vec<u8>) {
        let startup = self.startup();
        stream.write_all(&startup).unwrap();
        let mut sent = startup;
        let password = Arc::new(Secret::new(self.password.as_bytes().to_vec()));
        let credential = Credential { user: self.user.to_owned(), means: Means::Password(password) };
        let mut login = Login::new(credential, channel, self.weaker, self.version);
        loop {
            let mut head = [0; 5];
            stream.read_exact(&mut head).unwrap();
            let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize - 4;
            assert!(length <= max_body(head[0]).unwrap(), "a real server keeps the bounds");
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            (self.between)(head[0], &mut body);
            match login.next(head[0], &body) {
                Ok(Step::Send(frame)) => {
                    stream.write_all(frame.expose()).unwrap();
                    sent.extend_from_slice(frame.expose());
                }
                Ok(Step::Wait) => {}
                Ok(Step::Done(ready)) => return (Ok(ready), sent),
                Err(error) => return (Err(error), sent),
            }
        }
    }

    fn startup(&self) -> Vec<u8> {
        let minor = if self.version == Version::V3_0 { 0 } else { 2 };
        let mut message = vec![0, 0, 0, 0, 0, 3, 0, minor];
        let pairs = [("user", self.user), ("database", self.database), ("client_encoding", self.encoding)];
        for (name, value) in pairs {
            message.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
        }
        message.push(0);
        let length = u32::try_from(message.len()).unwrap();
        message[..4].copy_from_slice(&length.to_be_bytes());
        message
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn scram_proves_both_sides_and_the_password_goes_nowhere() {
    let mut server = cluster();
    start(&mut server, &rcgen::PKCS_ECDSA_P256_SHA256);

    for (tls, bound) in [(false, false), (true, true)] {
        let (ready, sent) = Attempt { tls, ..ATTEMPT }.run(&server);
        let ready = ready.unwrap();
        assert_eq!(ready.proof, Proof::Scram { bound, iterations: 4096 });
        assert_eq!(ready.status, TransactionStatus::Idle);
        assert_eq!(ready.standard_conforming_strings(), Some(true));
        assert_eq!(ready.parameters["session_authorization"], "gateway");
        assert!(ready.parameters["server_version"].starts_with(|digit: char| digit.is_ascii_digit()));
        assert_eq!(ready.cancel.unwrap().key.len(), 4);
        let mechanism = if bound { "SCRAM-SHA-256-PLUS\0" } else { "SCRAM-SHA-256\0" };
        assert!(holds(&sent, mechanism) && !holds(&sent, PASSWORD));
    }

    let (refused, sent) = Attempt { password: "wrong-s3cret", ..ATTEMPT }.run(&server);
    assert_eq!(refused.unwrap_err(), LoginError::CredentialRefused);
    assert!(!holds(&sent, "wrong-s3cret"));
    let (refused, _) = Attempt { user: "nobody", ..ATTEMPT }.run(&server);
    assert_eq!(refused.unwrap_err(), LoginError::CredentialRefused);

    // SASLprep: the same password written in another way, and one that is taken by its bytes.
    for (user, password) in [
        ("prepared", "I\u{ad}X \u{2168} gate"),
        ("prepared", "IX IX gate"),
        ("raw", "\u{2168}\u{1f511} gate"),
    ] {
        assert!(Attempt { user, password, ..ATTEMPT }.run(&server).0.is_ok(), "{user} {password}");
    }
    let (refused, _) = Attempt { user: "raw", password: "IX\u{1f511} gate", ..ATTEMPT }.run(&server);
    assert_eq!(refused.unwrap_err(), LoginError::CredentialRefused);

    let log = server.log();
    assert!(log.contains("identity=\"gateway\" method=scram-sha-256"), "{log}");
    assert!(log.contains("password authentication failed for user \"gateway\""), "{log}");
    assert!(!log.contains(PASSWORD) && !log.contains("wrong-s3cret"), "{log}");
}

#[test]
fn who_stands_between_gets_no_login() {
    let mut server = cluster();
    start(&mut server, &rcgen::PKCS_ECDSA_P256_SHA256);

    // Another certificate was seen than the server has.
    let other: fn(Option<EndPoint>) -> Option<EndPoint> = |_| {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        EndPoint::of(made.cert.der()).unwrap()
    };
    let (refused, _) = Attempt { binding: other, ..ATTEMPT }.run(&server);
    assert_eq!(refused.unwrap_err(), LoginError::CredentialRefused);

    // The offer of channel binding was taken out: the server sees that from the flag `y`.
    let strip: fn(u8, &mut Vec<u8>) = |kind, body| {
        if kind == b'R' && body[..4] == [0, 0, 0, 10] {
            *body = b"\0\0\0\x0aSCRAM-SHA-256\0\0".to_vec();
        }
    };
    let (refused, sent) = Attempt { between: strip, ..ATTEMPT }.run(&server);
    assert!(holds(&sent, "y,,n=,r="));
    assert_eq!(refused.unwrap_err(), LoginError::CredentialRefused);

    // The server's signature was changed.
    let forge: fn(u8, &mut Vec<u8>) = |kind, body| {
        if kind == b'R' && body[..4] == [0, 0, 0, 12] {
            body[10] = if body[10] == b'A' { b'B' } else { b'A' };
        }
    };
    let (refused, _) = Attempt { between: forge, ..ATTEMPT }.run(&server);
    assert!(matches!(refused, Err(LoginError::Scram(_))), "{refused:?}");

    // In place of SCRAM the password is asked for.
    let ask: fn(u8, &mut Vec<u8>) = |kind, body| {
        if kind == b'R' {
            *body = vec![0, 0, 0, 3];
        }
    };
    let (refused, sent) = Attempt { between: ask, ..ATTEMPT }.run(&server);
    assert!(
        matches!(refused, Err(LoginError::NotAccepted { setting: "accept_cleartext", .. })),
        "{refused:?}"
    );
    assert!(!holds(&sent, PASSWORD));
}

#[test]
fn the_binding_follows_the_hash_of_the_certificate() {
    let mut server = cluster();
    let bound = Proof::Scram { bound: true, iterations: 4096 };
    let cases = [
        (&rcgen::PKCS_ECDSA_P384_SHA384, bound),
        (&rcgen::PKCS_RSA_SHA512, bound),
        // Defines no binding: neither the server nor the gateway can.
        (&rcgen::PKCS_ED25519, Proof::Scram { bound: false, iterations: 4096 }),
    ];
    for (algorithm, proof) in cases {
        start(&mut server, algorithm);
        let (ready, _) = ATTEMPT.run(&server);
        assert_eq!(ready.unwrap().proof, proof, "{algorithm:?}");
    }
}

#[test]
fn weaker_ways_work_only_where_they_are_accepted() {
    let mut server = cluster();
    start(&mut server, &rcgen::PKCS_ECDSA_P256_SHA256);
    let all = Weaker { accept_cleartext: true, accept_md5: true, accept_trust: true };
    for (user, proof) in [("clear", Proof::Cleartext), ("old", Proof::Md5), ("open", Proof::Trust)] {
        let (refused, sent) = Attempt { user, ..ATTEMPT }.run(&server);
        assert!(matches!(refused, Err(LoginError::NotAccepted { .. })), "{user}: {refused:?}");
        assert!(!holds(&sent, PASSWORD));
        let (ready, sent) = Attempt { user, weaker: all, ..ATTEMPT }.run(&server);
        assert_eq!(ready.unwrap().proof, proof);
        assert_eq!(holds(&sent, PASSWORD), user == "clear");
    }
    let (refused, sent) = Attempt { user: "clear", weaker: all, tls: false, ..ATTEMPT }.run(&server);
    assert_eq!(refused.unwrap_err(), LoginError::ClearWithoutTls);
    assert!(!holds(&sent, PASSWORD));
    // To accept more does not take SCRAM away.
    let (ready, _) = Attempt { weaker: all, ..ATTEMPT }.run(&server);
    assert_eq!(ready.unwrap().proof, Proof::Scram { bound: true, iterations: 4096 });
    assert!(!server.log().contains(PASSWORD));
}

#[test]
fn what_the_server_says_after_the_proof_counts_too() {
    let mut server = cluster();
    start(&mut server, &rcgen::PKCS_ECDSA_P256_SHA256);
    let (refused, _) = Attempt { database: "missing", ..ATTEMPT }.run(&server);
    assert!(
        matches!(refused, Err(LoginError::Target { refusal: TargetRefusal::Database, .. })),
        "{refused:?}"
    );
    let (refused, _) = Attempt { encoding: "LATIN1", ..ATTEMPT }.run(&server);
    assert_eq!(refused.unwrap_err(), LoginError::ClientEncoding);
    let (ready, _) = Attempt { version: Version::V3_2, ..ATTEMPT }.run(&server);
    let ready = ready.unwrap();
    let newer = ready.parameters["server_version"].split('.').next().unwrap().parse::<u32>().unwrap() >= 18;
    assert_eq!(ready.version, if newer { Version::V3_2 } else { Version::V3_0 });
}
