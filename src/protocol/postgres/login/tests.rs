use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::hmac;
use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::domain::Secret;

const PASSWORD: &str = "pencil-9f2c";
const SALT: &[u8] = b"0123456789abcdef";
const OK: &[u8] = b"\0\0\0\0";
const BOTH: &[u8] = b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
const PLAIN_ONLY: &[u8] = b"SCRAM-SHA-256\0\0";
const PLUS_ONLY: &[u8] = b"SCRAM-SHA-256-PLUS\0\0";

/// Returns a login by `alice`, over a plain stream, with nothing weaker accepted.
fn login() -> Login {
    login_over(Channel::Plain, Weaker::default())
}

fn login_over(channel: Channel, weaker: Weaker) -> Login {
    login_with(PASSWORD.as_bytes(), channel, weaker, Version::V3_0)
}

fn login_with(password: &[u8], channel: Channel, weaker: Weaker, version: Version) -> Login {
    let password = Arc::new(Secret::new(password.to_vec()));
    let means = Means::Password(password);
    Login::new(Credential { user: "alice".to_owned(), means }, channel, weaker, version)
}

fn tls() -> Channel {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    Channel::Tls(EndPoint::of(key.cert.der()).unwrap())
}

/// Returns the body of an Authentication message.
fn ask(code: u32, rest: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), rest].concat()
}

/// Returns the body of a message that is sent, after checking its head.
fn sent(step: Result<Step, LoginError>) -> Vec<u8> {
    let Ok(Step::Send(frame)) = step else { panic!("{step:?} sends nothing") };
    let frame = frame.expose();
    assert_eq!(frame[0], b'p');
    assert_eq!(u32::from_be_bytes(frame[1..5].try_into().unwrap()) as usize, frame.len() - 1);
    frame[5..].to_vec()
}

fn waits(step: Result<Step, LoginError>) {
    assert!(matches!(step.unwrap(), Step::Wait));
}

/// A server that knows the password.
struct Server {
    first: String,
    first_bare: String,
    iterations: u32,
}

impl Server {
    /// Reads a `SASLInitialResponse`. Returns the mechanism and the header too.
    fn read(initial: &[u8]) -> (Self, String, String) {
        let (mechanism, rest) = initial.split_at(initial.iter().position(|byte| *byte == 0).unwrap());
        let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
        let message = std::str::from_utf8(&rest[5..]).unwrap();
        assert_eq!(message.len(), length);
        let (header, first_bare) = message.split_once(",,").unwrap();
        let server = Self { first: String::new(), first_bare: first_bare.to_owned(), iterations: 4096 };
        (server, String::from_utf8(mechanism.to_vec()).unwrap(), header.to_owned())
    }

    fn continues(&mut self) -> Vec<u8> {
        let nonce = self.first_bare.strip_prefix("n=,r=").unwrap();
        self.first = format!("r={nonce}server,s={},i={}", STANDARD.encode(SALT), self.iterations);
        ask(11, self.first.as_bytes())
    }

    /// Checks the client's proof. Returns the `SASLFinal`.
    fn ends(&self, last: &[u8], bound: &[u8]) -> Vec<u8> {
        let key = |key: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, key);
        let last = std::str::from_utf8(last).unwrap();
        let (without_proof, proof) = last.split_once(",p=").unwrap();
        assert!(without_proof.starts_with(&format!("c={},r=", STANDARD.encode(bound))), "{last}");
        let signed = format!("{},{},{without_proof}", self.first_bare, self.first);
        let mut salted = [0; 32];
        let rounds = self.iterations.try_into().unwrap();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, SALT, PASSWORD.as_bytes(), &mut salted);
        let stored = digest::digest(&digest::SHA256, hmac::sign(&key(&salted), b"Client Key").as_ref());
        let signature = hmac::sign(&key(stored.as_ref()), signed.as_bytes());
        let client_key: Vec<u8> =
            STANDARD.decode(proof).unwrap().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        assert_eq!(digest::digest(&digest::SHA256, &client_key).as_ref(), stored.as_ref(), "the proof");
        let server_key = hmac::sign(&key(&salted), b"Server Key");
        let signature = hmac::sign(&key(server_key.as_ref()), signed.as_bytes());
        ask(12, format!("v={}", STANDARD.encode(signature)).as_bytes())
    }
}

/// Returns a login after `SASLFinal`, with this number of iterations.
fn proved(iterations: u32) -> Login {
    let mut login = login();
    let (mut server, ..) = Server::read(&sent(login.next(b'R', &ask(10, PLAIN_ONLY))));
    server.iterations = iterations;
    let last = sent(login.next(b'R', &server.continues()));
    waits(login.next(b'R', &server.ends(&last, b"n,,")));
    login
}

/// Returns a login after `AuthenticationOk`.
fn greeted() -> Login {
    let mut login = proved(4096);
    waits(login.next(b'R', OK));
    login
}

fn error(step: Result<Step, LoginError>) -> LoginError {
    let error = step.unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(!told.contains(PASSWORD) && !told.contains("alice"), "{told}");
    error
}

#[test]
fn a_login_by_scram_ends_with_what_the_target_told() {
    let mut login = proved(4096);
    waits(login.next(b'R', OK));
    waits(login.next(b'N', b"SNOTICE\0C00000\0Mhello\0\0"));
    waits(login.next(b'S', b"client_encoding\0SQL_ASCII\0"));
    waits(login.next(b'S', b"client_encoding\0UTF8\0"));
    waits(login.next(b'S', b"standard_conforming_strings\0on\0"));
    waits(login.next(b'S', b"server_version\x0015.20 (Debian)\0"));
    waits(login.next(b'K', b"\0\0\x01\x02key!"));
    let Ok(Step::Done(ready)) = login.next(b'Z', b"I") else { panic!("not done") };
    assert_eq!(ready.proof, Proof::Scram { bound: false, iterations: 4096 });
    assert_eq!(ready.proof.weak_iterations(), None);
    assert_eq!(ready.status, TransactionStatus::Idle);
    assert_eq!(ready.version, Version::V3_0);
    assert_eq!(ready.notices, 1);
    assert_eq!(ready.parameters["server_version"], "15.20 (Debian)");
    assert_eq!(ready.standard_conforming_strings(), Some(true));
    assert_eq!(ready.parameters["client_encoding"], "UTF8");
    let cancel = ready.cancel.as_ref().unwrap();
    assert_eq!((cancel.process, &**cancel.key), (258, &b"key!"[..]));
    assert!(!format!("{ready:?}").contains("key!"));
    assert_eq!(login.next(b'N', b"\0").unwrap_err(), LoginError::Over);
}

#[test]
fn few_iterations_are_told_and_not_refused() {
    let mut login = proved(1);
    waits(login.next(b'R', OK));
    waits(login.next(b'S', b"client_encoding\0UTF8\0"));
    let Ok(Step::Done(ready)) = login.next(b'Z', b"T") else { panic!("not done") };
    assert_eq!(ready.proof.weak_iterations(), Some(1));
    assert_eq!(ready.status, TransactionStatus::Open);
    assert_eq!(ready.standard_conforming_strings(), None);
    assert!(ready.cancel.is_none());
}

/// The mechanism and the flag that a login chooses, or why it chooses none.
type Taken = Result<(&'static str, &'static str), LoginError>;

#[test]
fn the_mechanism_is_the_strongest_that_both_can_and_the_header_says_which() {
    let end_point = tls();
    let none = Channel::Tls(None);
    let cases: [(&Channel, &[u8], Taken); 13] = [
        (&end_point, BOTH, Ok(("SCRAM-SHA-256-PLUS", "p=tls-server-end-point"))),
        (&end_point, PLUS_ONLY, Ok(("SCRAM-SHA-256-PLUS", "p=tls-server-end-point"))),
        (&end_point, PLAIN_ONLY, Ok(("SCRAM-SHA-256", "y"))),
        (&end_point, b"OAUTHBEARER\0SCRAM-SHA-256\0\0", Ok(("SCRAM-SHA-256", "y"))),
        (&none, BOTH, Ok(("SCRAM-SHA-256", "n"))),
        (&none, PLAIN_ONLY, Ok(("SCRAM-SHA-256", "n"))),
        (&none, PLUS_ONLY, Err(LoginError::BindingImpossible)),
        (&Channel::Plain, PLAIN_ONLY, Ok(("SCRAM-SHA-256", "n"))),
        (&Channel::Plain, PLUS_ONLY, Err(LoginError::PlusWithoutTls)),
        (&Channel::Plain, BOTH, Err(LoginError::PlusWithoutTls)),
        (&Channel::Plain, b"SCRAM-SHA-1\0\0", Err(LoginError::NoMechanism)),
        (&Channel::Plain, b"\0", Err(LoginError::NoMechanism)),
        (&end_point, b"scram-sha-256\0\0", Err(LoginError::NoMechanism)),
    ];
    for (channel, offered, wanted) in cases {
        let mut login = login_over(channel.clone(), Weaker::default());
        let step = login.next(b'R', &ask(10, offered));
        let shown = format!("{channel:?} {}", offered.escape_ascii());
        match wanted {
            Ok((mechanism, header)) => {
                let (mut server, taken, flag) = Server::read(&sent(step));
                assert_eq!((taken.as_str(), flag.as_str()), (mechanism, header), "{shown}");
                let mut bound = format!("{header},,").into_bytes();
                if let (Channel::Tls(Some(end_point)), "SCRAM-SHA-256-PLUS") = (channel, mechanism) {
                    bound.extend_from_slice(end_point.bytes());
                }
                let last = sent(login.next(b'R', &server.continues()));
                waits(login.next(b'R', &server.ends(&last, &bound)));
                waits(login.next(b'R', OK));
            }
            Err(wanted) => assert_eq!(error(step), wanted, "{shown}"),
        }
    }
}

#[test]
fn weaker_ways_are_refused_unless_the_connection_accepts_them() {
    let not = |asked, setting| LoginError::NotAccepted { asked, setting };
    let md5_salt = ask(5, &[1, 2, 3, 4]);
    let all = Weaker { accept_cleartext: true, accept_md5: true, accept_trust: true };
    let cases = [
        (ask(3, b""), not("the password in clear", "accept_cleartext")),
        (md5_salt.clone(), not("an answer by MD5", "accept_md5")),
        (ask(0, b""), not("no proof at all", "accept_trust")),
    ];
    for (body, wanted) in cases {
        let others = Weaker {
            accept_cleartext: body[3] != 3 && all.accept_cleartext,
            accept_md5: body[3] != 5,
            accept_trust: body[3] != 0,
        };
        for weaker in [Weaker::default(), others] {
            let error = error(login_over(tls(), weaker).next(b'R', &body));
            assert_eq!(error, wanted);
            let LoginError::NotAccepted { setting, .. } = error else { panic!("{error}") };
            assert!(error.to_string().contains(setting), "{error}");
        }
    }

    let mut login = login_over(tls(), all);
    assert_eq!(sent(login.next(b'R', &ask(3, b""))), format!("{PASSWORD}\0").as_bytes());
    waits(login.next(b'R', OK));
    assert_eq!(error(login_over(Channel::Plain, all).next(b'R', &ask(3, b""))), LoginError::ClearWithoutTls);

    let mut login = login_with(b"secret", Channel::Plain, all, Version::V3_0);
    assert_eq!(sent(login.next(b'R', &md5_salt)), b"md598a0412b9c31436fc53776e863350083\0");
    waits(login.next(b'R', OK));

    let mut login = login_over(Channel::Plain, all);
    waits(login.next(b'R', OK));
    waits(login.next(b'S', b"client_encoding\0UTF8\0"));
    let Ok(Step::Done(ready)) = login.next(b'Z', b"I") else { panic!("not done") };
    assert_eq!(ready.proof, Proof::Trust);

    // Accepted or not: once SCRAM has begun, nothing weaker ends it.
    let mut login = login_over(Channel::Plain, all);
    sent(login.next(b'R', &ask(10, PLAIN_ONLY)));
    assert_eq!(error(login.next(b'R', OK)), LoginError::Unproved);
    let mut login = login_over(Channel::Plain, all);
    sent(login.next(b'R', &ask(10, PLAIN_ONLY)));
    assert_eq!(error(login.next(b'R', &ask(3, b""))), LoginError::Order { kind: b'R' });
}

#[test]
fn a_certificate_counts_only_where_it_was_shown_and_sends_nothing() {
    let by = |shown, weaker| {
        let means = Means::Certificate { shown };
        Login::new(Credential { user: "alice".to_owned(), means }, tls(), weaker, Version::V3_0)
    };
    let proof = |mut login: Login| {
        waits(login.next(b'R', OK));
        waits(login.next(b'S', b"client_encoding\0UTF8\0"));
        let Ok(Step::Done(ready)) = login.next(b'Z', b"I") else { panic!("not done") };
        ready.proof
    };
    let all = Weaker { accept_cleartext: true, accept_md5: true, accept_trust: true };
    assert_eq!(proof(by(true, Weaker::default())), Proof::Certificate);
    assert_eq!(proof(by(true, all)), Proof::Certificate);
    // A target that has not seen it accepts anybody: that is trust.
    let not = LoginError::NotAccepted { asked: "no proof at all", setting: "accept_trust" };
    assert_eq!(error(by(false, Weaker::default()).next(b'R', OK)), not);
    assert_eq!(proof(by(false, all)), Proof::Trust);
    // A target that asks for a password gets none.
    for body in [ask(3, b""), ask(5, &[1, 2, 3, 4]), ask(10, BOTH)] {
        for shown in [false, true] {
            assert_eq!(error(by(shown, all).next(b'R', &body)), LoginError::NoPassword);
        }
    }
    assert_eq!(error(by(true, all).next(b'R', b"\0\0\0\0\0")), LoginError::Malformed { kind: b'R' });
}

#[test]
fn foreign_ways_and_bodies_of_another_form_are_refused() {
    let unsupported = |asked| LoginError::Unsupported { asked };
    let malformed = LoginError::Malformed { kind: b'R' };
    let cases = [
        (ask(2, b""), unsupported("Kerberos")),
        (ask(6, b""), unsupported("a credential of the operating system")),
        (ask(7, b""), unsupported("GSSAPI")),
        (ask(8, b"token"), unsupported("GSSAPI")),
        (ask(9, b""), unsupported("SSPI")),
        (ask(1, b""), malformed),
        (ask(4, b"xx"), malformed),
        (ask(13, b""), malformed),
        (ask(u32::MAX, b""), malformed),
        (ask(11, b"r=x"), LoginError::Order { kind: b'R' }),
        (ask(12, b"v=x"), LoginError::Order { kind: b'R' }),
        (ask(3, b"x"), malformed),
        (ask(5, b"\x01\x02\x03"), malformed),
        (ask(5, b"\x01\x02\x03\x04\x05"), malformed),
        (ask(0, b"x"), malformed),
        (ask(10, b""), malformed),
        (ask(10, b"SCRAM-SHA-256"), malformed),
        (ask(10, b"SCRAM-SHA-256\0"), malformed),
        (ask(10, b"SCRAM-SHA-256\0\0x"), malformed),
        (b"".to_vec(), malformed),
        (b"\0\0\0".to_vec(), malformed),
    ];
    let all = Weaker { accept_cleartext: true, accept_md5: true, accept_trust: true };
    for (body, wanted) in cases {
        let mut login = login_over(tls(), all);
        assert_eq!(error(login.next(b'R', &body)), wanted, "{}", body.escape_ascii());
        assert_eq!(error(login.next(b'R', OK)), LoginError::Over);
    }
}

/// What a state refuses: each message with its error.
type Refused<'a> = &'a [(u8, &'a [u8], LoginError)];

#[test]
fn every_message_out_of_its_place_ends_the_login() {
    let order = |kind| LoginError::Order { kind };
    let opened = || {
        let mut login = login();
        sent(login.next(b'R', &ask(10, PLAIN_ONLY)));
        login
    };
    let answered = || {
        let mut login = login();
        let (mut server, ..) = Server::read(&sent(login.next(b'R', &ask(10, PLAIN_ONLY))));
        sent(login.next(b'R', &server.continues()));
        login
    };
    let (scram, next, last) = (ask(10, PLAIN_ONLY), ask(11, b"r=x,s=AAAA,i=1"), ask(12, b"v=AAAA"));
    let (clear, gss) = (ask(3, b""), ask(7, b""));
    let session: [(u8, &[u8], LoginError); 3] = [
        (b'S', b"client_encoding\0UTF8\0", order(b'S')),
        (b'K', b"\0\0\0\x01\0\0\0\x02", order(b'K')),
        (b'Z', b"I", order(b'Z')),
    ];
    let version: (u8, &[u8], LoginError) = (b'v', b"\0\x03\0\0\0\0\0\0", order(b'v'));
    let malformed = LoginError::Malformed { kind: b'R' };
    let cases: [(&str, &dyn Fn() -> Login, Refused<'_>); 5] = [
        ("started", &login, &[(b'R', &next, order(b'R')), (b'R', &last, order(b'R'))]),
        (
            "opened",
            &opened,
            &[
                (b'R', OK, LoginError::Unproved),
                (b'R', &scram, order(b'R')),
                (b'R', &next, LoginError::Scram(ScramError::Nonce)),
                (b'R', &last, order(b'R')),
                (b'R', &clear, order(b'R')),
                (b'R', &gss, order(b'R')),
                version,
            ],
        ),
        (
            "answered",
            &answered,
            &[
                (b'R', OK, LoginError::Unproved),
                (b'R', &scram, order(b'R')),
                (b'R', &next, order(b'R')),
                (b'R', &last, LoginError::Scram(ScramError::Signature)),
                (b'R', &clear, order(b'R')),
                version,
            ],
        ),
        (
            "proved",
            &|| proved(4096),
            &[
                (b'R', &scram, order(b'R')),
                (b'R', &next, order(b'R')),
                (b'R', &last, order(b'R')),
                (b'R', &clear, order(b'R')),
                (b'R', b"\0\0\0\0\0", malformed),
                version,
            ],
        ),
        (
            "greeted",
            &greeted,
            &[(b'R', OK, order(b'R')), (b'R', &scram, order(b'R')), (b'R', &clear, order(b'R')), version],
        ),
    ];
    for (name, state, refused) in cases {
        let sessions: Refused<'_> = if name == "greeted" { &[] } else { &session };
        for (kind, body, wanted) in refused.iter().chain(sessions) {
            let mut login = state();
            let shown = format!("{name}: {} {}", char::from(*kind), body.escape_ascii());
            assert_eq!(error(login.next(*kind, body)), *wanted, "{shown}");
            assert_eq!(error(login.next(*kind, body)), LoginError::Over, "{shown}");
        }
        for kind in 0..=u8::MAX {
            if max_body(kind).is_none() {
                assert_eq!(error(state().next(kind, b"")), order(kind), "{name}: {kind}");
            }
        }
        let error_28 = b"SFATAL\0C28P01\0Mpassword of alice\0\0";
        assert_eq!(error(state().next(b'E', error_28)), LoginError::CredentialRefused, "{name}");
    }
}

#[test]
fn a_hostile_server_gets_no_further() {
    // Another password, and so another signature.
    let mut login = login_with(b"another", Channel::Plain, Weaker::default(), Version::V3_0);
    let (mut server, ..) = Server::read(&sent(login.next(b'R', &ask(10, PLAIN_ONLY))));
    sent(login.next(b'R', &server.continues()));
    let forged = ask(12, format!("v={}", STANDARD.encode([7; 32])).as_bytes());
    assert_eq!(error(login.next(b'R', &forged)), LoginError::Scram(ScramError::Signature));
    assert_eq!(error(login.next(b'R', OK)), LoginError::Over);

    // The signature of another login with the same password.
    let mut first = self::login();
    let (mut server, ..) = Server::read(&sent(first.next(b'R', &ask(10, PLAIN_ONLY))));
    let last = sent(first.next(b'R', &server.continues()));
    let replayed = server.ends(&last, b"n,,");
    let mut second = self::login();
    let (mut server, ..) = Server::read(&sent(second.next(b'R', &ask(10, PLAIN_ONLY))));
    sent(second.next(b'R', &server.continues()));
    assert_eq!(error(second.next(b'R', &replayed)), LoginError::Scram(ScramError::Signature));

    // Too many iterations, and the gateway's own nonce sent back.
    for (make, wanted) in [("i=4294967295", ScramError::Iterations), ("", ScramError::Nonce)] {
        let mut login = self::login();
        let (server, ..) = Server::read(&sent(login.next(b'R', &ask(10, PLAIN_ONLY))));
        let nonce = server.first_bare.strip_prefix("n=,r=").unwrap();
        let first = match make {
            "" => format!("r={nonce},s=AAAA,i=4096"),
            iterations => format!("r={nonce}x,s=AAAA,{iterations}"),
        };
        assert_eq!(error(login.next(b'R', &ask(11, first.as_bytes()))), LoginError::Scram(wanted));
    }

    // A SCRAM error is a refusal.
    let mut login = self::login();
    sent(login.next(b'R', &ask(10, PLAIN_ONLY)));
    assert_eq!(error(login.next(b'R', &ask(11, b"e=unknown-user"))), LoginError::CredentialRefused);
}

#[test]
fn messages_without_end_and_messages_too_long_are_refused() {
    for (kind, body) in [(b'N', &b"\0"[..]), (b'S', b"a\0b\0")] {
        let mut login = greeted();
        let step = (0..=MAX_MESSAGES).map(|_| login.next(kind, body)).find(Result::is_err).unwrap();
        assert_eq!(error(step), LoginError::TooMuch);
    }
    let mut login = greeted();
    let body = [b"name\0", &vec![b'x'; 16_000][..], b"\0"].concat();
    let step = (0..MAX_MESSAGES).map(|_| login.next(b'S', &body)).find(Result::is_err).unwrap();
    assert_eq!(error(step), LoginError::TooMuch);
    for kind in *b"RvENKSZ" {
        let long = vec![0; max_body(kind).unwrap() + 1];
        assert_eq!(error(greeted().next(kind, &long)), LoginError::TooLong { kind });
    }
    assert!([b'D', b'T', b'p', b'G', 0].into_iter().all(|kind| max_body(kind).is_none()));
}

#[test]
fn what_the_target_tells_is_checked() {
    let malformed = |kind| LoginError::Malformed { kind };
    let cases: [(u8, &[u8], LoginError); 11] = [
        (b'S', b"", malformed(b'S')),
        (b'S', b"name\0value", malformed(b'S')),
        (b'S', b"name\0value\0x", malformed(b'S')),
        (b'S', b"name\0\xff\0", malformed(b'S')),
        (b'K', b"\0\0\0", malformed(b'K')),
        (b'K', b"\0\0\0\x01", malformed(b'K')),
        (b'K', b"\0\0\0\x01123", malformed(b'K')),
        (b'K', b"\0\0\0\x0112345", malformed(b'K')),
        (b'Z', b"", malformed(b'Z')),
        (b'Z', b"X", malformed(b'Z')),
        (b'Z', b"I", LoginError::ClientEncoding),
    ];
    for (kind, body, wanted) in cases {
        assert_eq!(error(greeted().next(kind, body)), wanted, "{} {}", char::from(kind), body.escape_ascii());
    }
    let mut login = greeted();
    waits(login.next(b'S', b"client_encoding\0UTF8\0"));
    waits(login.next(b'S', b"client_encoding\0SJIS\0"));
    assert_eq!(error(login.next(b'Z', b"I")), LoginError::ClientEncoding);
    let mut login = greeted();
    waits(login.next(b'K', b"\0\0\0\x01\0\0\0\x02"));
    assert_eq!(error(login.next(b'K', b"\0\0\0\x01\0\0\0\x02")), LoginError::Order { kind: b'K' });
}

#[test]
fn a_version_is_negotiated_once_downwards_and_without_options() {
    let asked = |version| login_with(b"x", Channel::Plain, Weaker::default(), version);
    let lower: &[u8] = b"\0\x03\0\0\0\0\0\0";
    let cases: [(Version, &[u8]); 6] = [
        (Version::V3_0, lower),
        (Version::V3_2, b"\0\x03\0\x02\0\0\0\0"),
        (Version::V3_2, b"\0\x03\0\x01\0\0\0\0"),
        (Version::V3_2, b"\0\x02\0\0\0\0\0\0"),
        (Version::V3_2, b"\0\x03\0\0\0\0\0\x01_pq_.x\0"),
        (Version::V3_2, b"\0\x03\0\0\0\0\0\0x"),
    ];
    for (version, body) in cases {
        assert_eq!(error(asked(version).next(b'v', body)), LoginError::Version, "{}", body.escape_ascii());
    }
    assert_eq!(error(asked(Version::V3_2).next(b'v', b"\0\x03\0")), LoginError::Malformed { kind: b'v' });
    let mut login = asked(Version::V3_2);
    waits(login.next(b'v', lower));
    assert_eq!(error(login.next(b'v', lower)), LoginError::Order { kind: b'v' });

    let all = Weaker { accept_trust: true, ..Weaker::default() };
    for (negotiate, version, length) in [(false, Version::V3_2, 256), (true, Version::V3_0, 4)] {
        let mut login = login_with(b"x", Channel::Plain, all, Version::V3_2);
        if negotiate {
            waits(login.next(b'v', lower));
        }
        waits(login.next(b'R', OK));
        waits(login.next(b'K', &vec![0; 4 + length]));
        waits(login.next(b'S', b"client_encoding\0UTF8\0"));
        let Ok(Step::Done(ready)) = login.next(b'Z', b"I") else { panic!("not done") };
        assert_eq!((ready.version, ready.cancel.unwrap().key.len()), (version, length));
    }
}

#[test]
fn the_password_is_nowhere_but_in_its_own_frame() {
    let all = Weaker { accept_cleartext: true, ..Weaker::default() };
    let mut login = login_over(tls(), all);
    assert!(!format!("{login:?}").contains(PASSWORD));
    let step = login.next(b'R', &ask(3, b""));
    assert!(!format!("{step:?}").contains(PASSWORD));
    for cut in [&b"a\0b"[..], b"\0"] {
        let mut login = login_with(cut, tls(), all, Version::V3_0);
        assert_eq!(error(login.next(b'R', &ask(3, b""))), LoginError::CredentialUnusable);
    }
    let means = Means::Password(Arc::new(Secret::new(b"x".to_vec())));
    let credential = Credential { user: "alice".to_owned(), means };
    assert_eq!(format!("{credential:?}"), "Credential(..)");
}

proptest! {
    #[test]
    fn random_messages_never_stop_the_gateway_and_never_log_in(
        messages in proptest::collection::vec(
            (
                prop_oneof![Just(b'R'), Just(b'S'), Just(b'K'), Just(b'Z'), Just(b'v'), Just(b'E'), Just(b'N'), any::<u8>()],
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..40),
                    (0_u32..14, proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(code, rest)| ask(code, &rest)),
                    Just(ask(10, PLAIN_ONLY)),
                    Just(OK.to_vec()),
                    Just(b"client_encoding\0UTF8\0".to_vec()),
                ],
            ),
            0..20,
        ),
    ) {
        let mut login = login();
        for (kind, body) in messages {
            match login.next(kind, &body) {
                Ok(Step::Done(_)) => prop_assert!(false, "logged in without a proof"),
                Ok(_) => {}
                Err(error) => {
                    let told = format!("{error}{error:?}");
                    prop_assert!(!told.contains(PASSWORD));
                    prop_assert_eq!(login.next(kind, &body).unwrap_err(), LoginError::Over);
                }
            }
        }
    }

    #[test]
    fn after_the_proof_random_messages_never_stop_the_gateway(
        messages in proptest::collection::vec(
            (
                prop_oneof![Just(b'S'), Just(b'K'), Just(b'Z'), Just(b'E'), Just(b'N')],
                proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..12),
            ),
            0..20,
        ),
    ) {
        let trusting = Weaker { accept_trust: true, ..Weaker::default() };
        let mut login = login_over(Channel::Plain, trusting);
        waits(login.next(b'R', OK));
        for (kind, body) in messages {
            if login.next(kind, &body).is_err() {
                prop_assert_eq!(login.next(kind, &body).unwrap_err(), LoginError::Over);
            }
        }
    }
}
