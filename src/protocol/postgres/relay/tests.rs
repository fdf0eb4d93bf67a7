use std::cell::Cell;
use std::rc::Rc;

use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::domain::connection::Protocol;
use crate::protocol::postgres::wire::back;
use crate::protocol::postgres::wire::opening::Version;

const TOKEN: &str = "eyJ.the-token.x";
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];
const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 0xd2, 0x16, 0x30];

/// The parameters of a startup packet.
type Pairs<'a> = &'a [(&'a str, &'a str)];

fn packet(parameters: Pairs<'_>) -> BytesMut {
    let mut out = BytesMut::new();
    write_startup(&mut out, Version::V3_2, parameters.iter().copied()).unwrap();
    out
}

/// Returns an authentication request.
fn asked(code: u32, more: &[u8]) -> Vec<u8> {
    let length = u32::try_from(8 + more.len()).unwrap();
    [b"R", &length.to_be_bytes()[..], &code.to_be_bytes(), more].concat()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Returns a relay to this port that counts its tokens.
fn relay(
    host: &str,
    port: u16,
    reads: Rc<Cell<u32>>,
    token: Result<&'static str, &'static str>,
) -> Relay<impl AsyncFn() -> Result<Arc<Secret>, String>> {
    let tokens = async move || {
        reads.set(reads.get() + 1);
        token.map(|token| Arc::new(Secret::new(token.as_bytes().to_vec()))).map_err(str::to_owned)
    };
    let gateway = Upstream {
        protocol: Protocol::Postgres,
        tls: false,
        host: host.into(),
        port,
        base_path: "".into(),
        program: None,
        certificate: None,
    };
    Relay { gateway, ca_file: None, connection: "db".parse().unwrap(), tokens }
}

/// What happened to a client: how it ended, what it was told, what the gateway got, how often the token was
/// read.
struct Talk {
    ended: Ended,
    told: Vec<u8>,
    got: Vec<u8>,
    reads: u32,
}

/// Runs a client that sends `sent` through a relay to a plain gateway. The gateway reads the whole startup
/// packet, then sends each part of `script` and reads what comes until the next; an empty part closes.
async fn talk(sent: &[u8], script: &[&[u8]], token: Result<&'static str, &'static str>) -> Talk {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let reads = Rc::new(Cell::new(0));
    let relay = relay("127.0.0.1", listener.local_addr().unwrap().port(), Rc::clone(&reads), token);
    let gateway = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut got = vec![0; 8];
        stream.read_exact(&mut got).await.unwrap();
        assert_eq!(got, SSL_REQUEST);
        stream.write_all(b"N").await.unwrap();
        let mut got = Vec::with_capacity(4096);
        for part in script {
            // Reads the rest of the packet before, however it was cut.
            if stream.read_buf(&mut got).await.unwrap_or(0) == 0 {
                return got;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            if part.is_empty() || stream.write_all(part).await.is_err() {
                return got;
            }
        }
        stream.read_to_end(&mut got).await.ok();
        got
    };
    let (client, near) = tokio::io::duplex(64 << 10);
    let client = Box::pin(speak(client, sent));
    let serving = Box::pin(relay.serve(near));
    tokio::select! {
        ((ended, told), got) = async { tokio::join!(async { tokio::join!(serving, client) }, gateway) } => {
            Talk { ended, told, got, reads: reads.get() }
        }
        () = tokio::time::sleep(Duration::from_secs(10)) => panic!("it does not end"),
    }
}

/// Sends, leaves, and returns what it was told.
async fn speak(mut client: DuplexStream, sent: &[u8]) -> Vec<u8> {
    client.write_all(sent).await.unwrap();
    let mut told = Vec::new();
    let mut part = [0; 4096];
    loop {
        let waited = tokio::time::timeout(Duration::from_millis(300), client.read(&mut part)).await;
        match waited {
            Ok(Ok(length)) if length > 0 => told.extend_from_slice(&part[..length]),
            Ok(_) => return told,
            // It has everything: it leaves, and nobody gets what comes now.
            Err(_quiet) => {
                client.shutdown().await.unwrap();
                client.read_to_end(&mut told).await.unwrap();
                return told;
            }
        }
    }
}

#[tokio::test]
async fn the_token_goes_only_to_who_asks_for_it_in_the_clear_and_once() {
    let clear = asked(3, b"");
    let mut ready = BytesMut::new();
    back::write_ready(&mut ready, back::Transaction::Idle);
    let cases: [(&str, &[&[u8]], u32); 10] = [
        ("no proof at all", &[&asked(0, b"")], 0),
        ("MD5", &[&asked(5, b"salt")], 0),
        ("SCRAM", &[&asked(10, b"SCRAM-SHA-256\0\0")], 0),
        ("GSSAPI", &[&asked(7, b"")], 0),
        ("SSPI", &[&asked(9, b"")], 0),
        ("a request with a tail", &[&asked(3, b"x")], 0),
        ("in the middle of a session", &[&ready], 0),
        ("another protocol", &[b"HTTP/1.1 400 Bad Request\r\n\r\n"], 0),
        ("nothing", &[b""], 0),
        ("twice", &[&clear, &clear], 1),
    ];
    for (case, script, reads) in cases {
        let talk = talk(&packet(&[("user", "kim")]), script, Ok(TOKEN)).await;
        assert!(matches!(talk.ended, Ended::Refused(_)), "{case}: {:?}", talk.ended);
        assert!(holds(&talk.told, "SFATAL\0") && holds(&talk.told, "C08006\0"), "{case}");
        assert!(!holds(&talk.told, TOKEN), "{case}");
        assert_eq!(talk.reads, reads, "{case}");
        let times = talk.got.windows(TOKEN.len()).filter(|window| *window == TOKEN.as_bytes()).count();
        assert_eq!(times, usize::try_from(reads).unwrap(), "{case}");
    }
}

#[tokio::test]
async fn after_the_login_all_bytes_pass_as_they_are() {
    let (mut notice, mut late) = (BytesMut::new(), BytesMut::new());
    back::write_notice(&mut notice, &back::Words::new(back::Severity::Notice, SqlState::WAITING, "soon"))
        .unwrap();
    back::write_negotiation(&mut notice, Version::V3_0, &["_pq_.x"]).unwrap();
    back::write_parameter_status(&mut late, b"server_version", b"18.0").unwrap();
    late.extend_from_slice(b"\xffno message\0");
    let mut sent = packet(&[("user", "kim"), ("application_name", "x"), ("database", "other")]);
    sent.extend_from_slice(b"\0too early");
    let first = [&notice[..], &asked(3, b"")].concat();
    let talk = talk(&sent, &[&first, &[&asked(0, b""), &late[..]].concat()], Ok(TOKEN)).await;
    assert_eq!(talk.ended, Ended::Session);
    assert_eq!(talk.told, [&notice[..], &asked(0, b""), &late].concat());
    let startup = packet(&[("user", "kim"), ("application_name", "x"), ("database", "db")]);
    let mut password = BytesMut::new();
    write_password(&mut password, TOKEN.as_bytes()).unwrap();
    assert_eq!(talk.got, [&startup[..], &password, b"\0too early"].concat());
}

#[tokio::test]
async fn what_the_gateway_says_to_a_refused_client_is_handed_on() {
    let mut error = BytesMut::new();
    Refusal::new(SqlState::INVALID_AUTHORIZATION, "the token has expired")
        .hinted("get a new one")
        .write_fatal(&mut error);
    for script in [vec![&error[..]], vec![&asked(3, b""), &error]] {
        let talk = talk(&packet(&[("user", "kim")]), &script, Ok(TOKEN)).await;
        assert_eq!(talk.ended, Ended::Refused("the token has expired".to_owned()));
        assert_eq!(talk.told, error);
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_in_its_place() {
    for token in [Err("file:/run/token is empty"), Ok("with a \0 in it")] {
        let talk = talk(&packet(&[("user", "kim")]), &[&asked(3, b"")], token).await;
        assert!(holds(&talk.told, "SFATAL\0") && holds(&talk.told, "C28000\0"), "{token:?}");
        let words = token.err().unwrap_or("zero byte");
        assert!(holds(&talk.told, words) && holds(&talk.told, "connect again"), "{token:?}");
        assert_eq!(talk.got, packet(&[("user", "kim"), ("database", "db")]), "{token:?}");
        assert!(!holds(&talk.told, "with a "), "the token is not repeated");
    }
}

#[test]
fn the_database_is_the_connection_or_one_of_it() {
    let cases: [(Pairs<'_>, Pairs<'_>); 7] = [
        (&[("user", "kim")], &[("user", "kim"), ("database", "db")]),
        (&[("database", "db"), ("user", "kim")], &[("database", "db"), ("user", "kim")]),
        (&[("database", "db/sales")], &[("database", "db/sales")]),
        (&[("database", "other/sales")], &[("database", "db")]),
        (&[("database", "db/")], &[("database", "db")]),
        (&[("database", "")], &[("database", "db")]),
        // Duplicates stay, and the gateway refuses them.
        (&[("database", "a"), ("database", "b")], &[("database", "db"), ("database", "db")]),
    ];
    for (asked, wanted) in cases {
        let asked = packet(asked);
        let Ok(Some((Opening::Startup(read), _))) = Opener::new().look(&asked) else { panic!() };
        assert_eq!(startup(&read, "db").unwrap(), packet(wanted));
    }
    for (value, state) in [(b"\xff".to_vec(), "22021"), (vec![b'x'; 9980], "54000")] {
        let body = [&[0, 3, 0, 0][..], b"user\0", &value, b"\0\0"].concat();
        let whole = [&u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], &body].concat();
        let Ok(Some((Opening::Startup(read), _))) = Opener::new().look(&whole) else { panic!("{state}") };
        assert_eq!(startup(&read, "db").unwrap_err().state().to_string(), state);
    }
}

#[test]
fn no_client_has_the_gateway_ask_for_the_token_in_another_way() {
    let sent = |user: &str| {
        let packet = packet(&[("user", user), ("options", "oauth")]);
        let mut opener = Opener::new();
        let Ok(Some((Opening::Startup(packet), _))) = opener.look(&packet) else {
            panic!("no startup packet")
        };
        startup(&packet, "db").unwrap()
    };
    assert!(holds(&sent("oauth"), "user\0db\0") && holds(&sent("oauth"), "options\0oauth\0"));
    assert!(holds(&sent("kim"), "user\0kim\0") && holds(&sent("oauths"), "user\0oauths\0"));
}

#[test]
fn plain_is_for_this_machine_only() {
    for (must_have_tls, there, may) in [
        (false, "127.0.0.1", true),
        (false, "127.9.9.9", true),
        (false, "::1", true),
        (false, "::ffff:127.0.0.1", true),
        (true, "127.0.0.1", false),
        (false, "10.0.0.1", false),
        (false, "192.168.1.1", false),
        (false, "0.0.0.0", false),
        (false, "::", false),
        (false, "::ffff:10.0.0.1", false),
        (false, "fe80::1", false),
    ] {
        assert_eq!(may_be_plain(must_have_tls, there.parse().unwrap()), may, "{must_have_tls} {there}");
    }
}

/// Runs a client up to a gateway with this answer to the request for TLS, and this certificate. Returns what
/// the client was told, and whether the token was read.
async fn secured(answer: &'static [u8], name: &str, trusted: bool, must_have_tls: bool) -> (Vec<u8>, u32) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, if trusted { made.cert.pem() } else { other.cert.pem() }).unwrap();
    let reads = Rc::new(Cell::new(0));
    let mut relay = relay("localhost", listener.local_addr().unwrap().port(), Rc::clone(&reads), Ok(TOKEN));
    relay.ca_file = Some(ca_file);
    relay.gateway.tls = must_have_tls;
    let tls =
        tls::server_config(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes(), &[ALPN]);
    let acceptor = TlsAcceptor::from(tls.unwrap());
    let gateway = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 8];
        stream.read_exact(&mut request).await.unwrap();
        assert_eq!(request, SSL_REQUEST);
        stream.write_all(answer).await.unwrap();
        if answer.first() == Some(&b'S') {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(ALPN));
            let_in(stream).await;
        } else {
            let_in(stream).await;
        }
    };
    let (client, near) = tokio::io::duplex(64 << 10);
    let startup = packet(&[("user", "kim")]);
    let (_, told, ()) = tokio::join!(relay.serve(near), speak(client, &startup), gateway);
    (told, reads.get())
}

/// Runs a gateway that asks for the token and accepts it, if the client goes on at all.
async fn let_in<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let mut got = BytesMut::new();
    if stream.read_buf(&mut got).await.unwrap_or(0) == 0 {
        return;
    }
    stream.write_all(&asked(3, b"")).await.unwrap();
    got.clear();
    while !holds(&got, TOKEN) {
        assert_ne!(stream.read_buf(&mut got).await.unwrap(), 0);
    }
    stream.write_all(&asked(0, b"")).await.unwrap();
    while stream.read_buf(&mut got).await.unwrap_or(0) > 0 {}
}

#[tokio::test]
async fn the_gateway_proves_who_it_is_before_it_gets_a_token() {
    for (answer, name, trusted, must_have_tls, words) in [
        (&b"S"[..], "localhost", true, true, None),
        // Also if nobody said that it had TLS.
        (b"S", "localhost", true, false, None),
        (b"N", "localhost", true, false, None),
        (b"N", "localhost", true, true, Some("does not speak TLS")),
        (b"S", "localhost", false, true, Some("TLS handshake")),
        (b"S", "gateway.example", true, true, Some("TLS handshake")),
        (b"E", "localhost", true, false, Some("does not ask for a token")),
        // What was injected before the handshake is not taken for the gateway's.
        (b"SR\0\0\0\x08\0\0\0\x03", "localhost", true, true, Some("TLS handshake")),
        (b"HTTP/1.1 400 Bad Request\r\n", "localhost", true, false, Some("does not ask for a token")),
    ] {
        let (told, reads) = secured(answer, name, trusted, must_have_tls).await;
        let case = format!("{answer:?} {name} {trusted} {must_have_tls}: {}", told.escape_ascii());
        match words {
            None => assert_eq!((told, reads), (asked(0, b""), 1), "{case}"),
            Some(words) => assert!(holds(&told, words) && holds(&told, "C08006\0") && reads == 0, "{case}"),
        }
    }
}

#[tokio::test]
async fn a_cancel_passes_without_a_token_and_is_not_answered() {
    let mut request = BytesMut::new();
    write_cancel_request(&mut request, 7, &[9; 32]).unwrap();
    let talk = talk(&request, &[b""], Ok(TOKEN)).await;
    assert_eq!((talk.ended, talk.got, talk.told.len(), talk.reads), (Ended::Cancel, request.to_vec(), 0, 0));
}

#[tokio::test]
async fn encryption_is_declined_and_other_protocols_get_no_word() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let reads = Rc::new(Cell::new(0));
    let relay = relay("127.0.0.1", port, Rc::clone(&reads), Ok(TOKEN));
    for (sent, told) in [
        (&SSL_REQUEST[..], &b"N"[..]),
        (&GSS_REQUEST, b"N"),
        // A page in a browser that tries the ports of this machine.
        (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b""),
        (b"\x16\x03\x01\x02\x00\x01", b""),
        (b"", b""),
    ] {
        let (client, near) = tokio::io::duplex(64 << 10);
        let (ended, found) = tokio::join!(relay.serve(near), speak(client, sent));
        assert_eq!((ended, &found[..]), (Ended::Nothing, told), "{sent:?}");
    }
    // What comes after a request for encryption could be somebody else's.
    let (client, near) = tokio::io::duplex(64 << 10);
    let sent = [&SSL_REQUEST[..], &packet(&[("user", "kim")])].concat();
    let (ended, found) = tokio::join!(relay.serve(near), speak(client, &sent));
    assert!(matches!(ended, Ended::Refused(_)) && holds(&found, "C08P01\0"));
    assert_eq!(reads.get(), 0);
    // None of them reached the gateway.
    let asked = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(asked.is_err());
    drop(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
}

#[tokio::test]
async fn a_gateway_that_is_away_is_told_by_name() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let relay = relay("127.0.0.1", port, Rc::default(), Ok(TOKEN));
    let (client, near) = tokio::io::duplex(64 << 10);
    let startup = packet(&[("user", "kim")]);
    let (ended, told) = tokio::join!(relay.serve(near), speak(client, &startup));
    assert!(matches!(ended, Ended::Refused(_)));
    assert!(holds(&told, "C08006\0") && holds(&told, &format!("127.0.0.1:{port}")));
}
