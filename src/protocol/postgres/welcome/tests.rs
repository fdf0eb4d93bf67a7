use std::time::Duration;

use arc_swap::ArcSwapOption;
use rustls::pki_types::ServerName;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;

use super::*;
use crate::protocol::postgres::certificate::Certificate;
use crate::protocol::postgres::wire::front;
use crate::protocol::postgres::wire::opening::Version;
use crate::protocol::postgres::wire::opening::write_ssl_request;
use crate::protocol::postgres::wire::opening::write_startup;
use crate::transport::tls;

const TOKEN: &str = "eyJ.the-token.x";
const PAIRS: [(&str, &str); 2] = [("user", "kim"), ("database", "db")];
const CLEARTEXT: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
const SASL: &[u8] = b"R\0\0\0\x15\0\0\0\x0aOAUTHBEARER\0\0";
/// The time that a test may take.
const PATIENT: Duration = Duration::from_secs(20);

/// Returns a certificate: the settings of its owner, and of a client that trusts it and asks for `alpn`.
fn certificate(alpn: &[&[u8]]) -> (Arc<rustls::ServerConfig>, Arc<rustls::ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    // As the HTTP listener has it.
    let theirs = tls::server_config(pem.as_bytes(), key.as_bytes(), &[b"h2", b"http/1.1"]).unwrap();
    let server = Certificate::new(Arc::new(ArcSwapOption::from(Some(theirs)))).config().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    (server, tls::client_config(Some(&file), alpn).unwrap())
}

fn startup(version: Version, pairs: Pairs<'_>) -> BytesMut {
    let mut out = BytesMut::new();
    write_startup(&mut out, version, pairs.iter().copied()).unwrap();
    out
}

fn ssl_request() -> BytesMut {
    let mut out = BytesMut::new();
    write_ssl_request(&mut out);
    out
}

fn password(text: &str) -> BytesMut {
    let mut out = BytesMut::new();
    front::write_password(&mut out, text.as_bytes()).unwrap();
    out
}

/// The parameters of a startup packet.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// How it ended: who came in with which token, or nobody.
type Ended = Option<(String, String)>;

/// Lets one client talk to a listener. Returns how it ended there, and what the client saw.
async fn meet<C: Future<Output = Vec<u8>>>(
    tls: Option<&Arc<rustls::ServerConfig>>,
    client: impl FnOnce(TcpStream) -> C,
) -> (Ended, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (tcp, _) = listener.accept().await.unwrap();
        let caller = receive(tcp, tls, &Cancels::default()).await.ok().flatten()?;
        let guest = ask_for_token(caller, Some("https://idp.example")).await.ok().flatten()?;
        Some((guest.caller.startup.database, String::clone(&guest.token)))
    };
    let client = async { client(TcpStream::connect(address).await.unwrap()).await };
    tokio::time::timeout(PATIENT, async { tokio::join!(server, client) }).await.expect("it does not end")
}

/// Sends each part once something came after the one before. Returns all that came. The end of the stream is
/// no error.
async fn say_all(mut stream: impl AsyncRead + AsyncWrite + Unpin, parts: &[&[u8]]) -> Vec<u8> {
    let mut told = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        if stream.write_all(part).await.is_err() || stream.flush().await.is_err() {
            break;
        }
        let last = number + 1 == parts.len();
        if !last && stream.read_buf(&mut told).await.unwrap_or(0) == 0 {
            break;
        }
    }
    stream.read_to_end(&mut told).await.ok();
    told
}

/// What is seen of a TLS handshake that fails.
const NO_TLS: &[u8] = b"no TLS";

async fn by_tls(tcp: TcpStream, config: Arc<rustls::ClientConfig>, parts: &[&[u8]]) -> Vec<u8> {
    match TlsConnector::from(config).connect(ServerName::try_from("localhost").unwrap(), tcp).await {
        Ok(stream) => say_all(stream, parts).await,
        Err(_refused) => NO_TLS.to_vec(),
    }
}

fn got_in(enters: bool) -> Ended {
    enters.then(|| ("db".to_owned(), TOKEN.to_owned()))
}

fn state_of(told: &[u8]) -> String {
    let at = told.windows(2).position(|two| two == b"\0C").map_or(told.len(), |at| at + 2);
    String::from_utf8_lossy(&told[at..told.len().min(at + 5)]).into_owned()
}

#[tokio::test]
async fn tls_without_a_question_needs_the_name_of_the_protocol() {
    let (opening, answer) = (startup(Version::V3_0, &PAIRS), password(TOKEN));
    let parts: [&[u8]; 2] = [&opening, &answer];
    for (alpn, enters) in [
        (&[&b"postgresql"[..]][..], true),
        (&[&b"h2"[..], &b"postgresql"[..]][..], true),
        (&[][..], false),
        (&[&b"http/1.1"[..]][..], false),
        (&[&b"h2"[..]][..], false),
        (&[&b"PostgreSQL"[..]][..], false),
    ] {
        let (server, client) = certificate(alpn);
        let (ended, told) = meet(Some(&server), async |tcp| by_tls(tcp, client, &parts).await).await;
        assert_eq!(ended, got_in(enters), "{alpn:?}");
        // Without the name nothing is sent, not even what kind of server it is.
        let wanted = if enters { CLEARTEXT } else { b"" };
        assert!(told == wanted || !enters && told == NO_TLS, "{alpn:?} {}", told.escape_ascii());
    }
    // After a request the name may be left out, but there may be no other.
    for (alpn, enters) in
        [(&[&b"postgresql"[..]][..], true), (&[][..], true), (&[&b"http/1.1"[..]][..], false)]
    {
        let (server, client) = certificate(alpn);
        let ask = async |mut tcp: TcpStream| {
            tcp.write_all(&ssl_request()).await.unwrap();
            assert_eq!(tcp.read_u8().await.unwrap(), b'S');
            by_tls(tcp, client, &parts).await
        };
        let (ended, told) = meet(Some(&server), ask).await;
        assert_eq!(ended, got_in(enters), "{alpn:?}");
        assert_eq!(told, if enters { CLEARTEXT } else { NO_TLS }, "{alpn:?}");
    }
}

#[tokio::test]
async fn nothing_in_the_clear_passes_for_encrypted() {
    let (server, client) = certificate(&[b"postgresql"]);
    let (opening, answer) = (startup(Version::V3_0, &PAIRS), password(TOKEN));
    let clear = [&opening[..], &answer].concat();
    // After the request, before its answer: as somebody in between would inject it.
    let early = [&ssl_request()[..], &clear].concat();
    let (ended, told) = meet(Some(&server), async |tcp| say_all(tcp, &[&early]).await).await;
    assert_eq!((ended, told.first(), state_of(&told).as_str()), (None, Some(&b'E'), "08P01"));
    // After the answer, where a handshake should come.
    let (ended, told) = meet(Some(&server), async |tcp| say_all(tcp, &[&ssl_request(), &clear]).await).await;
    assert!(
        ended.is_none() && told.starts_with(b"S") && !told.ends_with(CLEARTEXT),
        "{}",
        told.escape_ascii()
    );
    // A whole TLS session, and then plaintext on the same stream.
    let config = Arc::clone(&client);
    let leave = async move |tcp: TcpStream| {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = TlsConnector::from(config).connect(name, tcp).await.unwrap();
        tls.write_all(&opening).await.unwrap();
        let mut told = vec![0; CLEARTEXT.len()];
        tls.read_exact(&mut told).await.unwrap();
        let (mut tcp, _session) = tls.into_inner();
        tcp.write_all(&answer).await.unwrap();
        tcp.read_to_end(&mut told).await.ok();
        told
    };
    let (ended, told) = meet(Some(&server), leave).await;
    assert!(ended.is_none() && told.starts_with(CLEARTEXT), "{}", told.escape_ascii());
    // Encryption within encryption.
    let config = Arc::clone(&client);
    let twice = async |tcp| by_tls(tcp, config, &[&ssl_request()]).await;
    let (ended, told) = meet(Some(&server), twice).await;
    assert_eq!((ended, state_of(&told).as_str()), (None, "08P01"));
    // A handshake that breaks off, and one where there is no TLS.
    let (ended, _) = meet(Some(&server), async |tcp| say_all(tcp, &[b"\x16\x03\x01\0\x05hello"]).await).await;
    assert!(ended.is_none());
    let (ended, told) = meet(None, async |tcp| by_tls(tcp, client, &[]).await).await;
    assert_eq!((ended, &told[..]), (None, NO_TLS));
}

#[tokio::test]
async fn a_newer_version_and_options_that_nobody_knows_are_answered_and_no_reason_to_refuse() {
    let newer = Version { major: 3, minor: 9 };
    let odd = [PAIRS[0], PAIRS[1], ("_pq_.compression", "zstd"), ("_pq_.x", "")];
    let options = b"_pq_.compression\0_pq_.x\0";
    let said = |version: u8, options: &[u8]| -> Vec<u8> {
        let count = if options.is_empty() { 0_u32 } else { 2 };
        let body = [&[0, 3, 0, version][..], &count.to_be_bytes(), options].concat();
        [b"v", &u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], &body].concat()
    };
    let reserved = Version { major: 3, minor: 1 };
    let cases: [(Version, Pairs<'_>, Vec<u8>); 7] = [
        (Version::V3_0, &PAIRS, Vec::new()),
        (reserved, &PAIRS, Vec::new()),
        (Version::V3_2, &PAIRS, Vec::new()),
        (newer, &PAIRS, said(2, b"")),
        (newer, &odd, said(2, options)),
        (Version::V3_2, &odd, said(2, options)),
        (Version::V3_0, &odd, said(0, options)),
    ];
    for (version, pairs, before) in cases {
        let parts: [&[u8]; 2] = [&startup(version, pairs), &password(TOKEN)];
        let (ended, told) = meet(None, async |tcp| say_all(tcp, &parts).await).await;
        assert_eq!(ended, got_in(true), "{version} {pairs:?}");
        assert_eq!(told, [&before[..], CLEARTEXT].concat(), "{version} {pairs:?}");
    }
    for major in [0, 1, 2, 4, 1234] {
        let packet = startup(Version { major, minor: 0 }, &PAIRS);
        let (ended, told) = meet(None, async |tcp| say_all(tcp, &[&packet]).await).await;
        assert_eq!((ended, state_of(&told).as_str()), (None, "0A000"), "{major}");
    }
    // The same option twice: which one counts would be anyone's guess.
    let twice = [PAIRS[0], ("_pq_.x", "1"), ("_pq_.x", "2")];
    let (ended, told) = meet(None, async |tcp| say_all(tcp, &[&startup(newer, &twice)]).await).await;
    assert_eq!((ended, state_of(&told).as_str()), (None, "08P01"));
}

#[tokio::test]
async fn nobody_makes_the_gateway_keep_more_than_a_token_before_the_login() {
    let opening = startup(Version::V3_0, &PAIRS);
    let longest = "t".repeat(60_000);
    let parts: [&[u8]; 2] = [&opening, &password(&longest)];
    let (ended, _) = meet(None, async |tcp| say_all(tcp, &parts).await).await;
    assert_eq!(ended.map(|(_, token)| token.len()), Some(longest.len()));
    // Longer ones are refused by their header, without waiting for the rest.
    for length in [65_536_i32 + 4, 1 << 30, i32::MAX, -1, 3] {
        let head = [b"p", &length.to_be_bytes()[..], b"begin"].concat();
        let (ended, told) = meet(None, async |tcp| say_all(tcp, &[&opening, &head]).await).await;
        assert_eq!((ended, state_of(&told).as_str()), (None, "08P01"), "{length}");
    }
    for length in [10_001_u32, 65_536, u32::MAX] {
        let head = [&length.to_be_bytes()[..], &196_608_u32.to_be_bytes()].concat();
        let (ended, told) = meet(None, async |tcp| say_all(tcp, &[&head]).await).await;
        assert_eq!((ended, &told[..]), (None, &b""[..]), "{length}");
    }
}

#[tokio::test]
async fn a_token_by_oauthbearer_is_taken_from_who_asks_to_be_asked_so() {
    let opening = startup(Version::V3_0, &[("user", bearer::USER), PAIRS[1]]);
    let initial = |mechanism: &str, response: Option<&str>| {
        let mut out = BytesMut::new();
        front::write_sasl_initial(&mut out, mechanism, response.map(str::as_bytes)).unwrap();
        out
    };
    let with = format!("n,,\x01auth=Bearer {TOKEN}\x01\x01");
    let parts: [&[u8]; 2] = [&opening, &initial(bearer::MECHANISM, Some(&with))];
    let (ended, told) = meet(None, async |tcp| say_all(tcp, &parts).await).await;
    assert_eq!((ended, &told[..]), (got_in(true), SASL));

    // A client without a token is told where to get one, and has to answer.
    let nothing = initial(bearer::MECHANISM, Some("n,,\x01auth=\x01\x01"));
    let mut dummy = BytesMut::new();
    front::write_sasl_response(&mut dummy, b"\x01").unwrap();
    let parts: [&[u8]; 3] = [&opening, &nothing, &dummy];
    let (ended, told) = meet(None, async |tcp| say_all(tcp, &parts).await).await;
    assert_eq!(ended, Some(("db".to_owned(), String::new())), "no token: the gate refuses it");
    let challenge = String::from_utf8_lossy(&told[SASL.len()..]).into_owned();
    assert!(challenge.contains("\"https://idp.example/.well-known/openid-configuration\""), "{challenge}");
    assert!(told[SASL.len()..].starts_with(b"R") && told[SASL.len() + 5..].starts_with(&[0, 0, 0, 11]));

    for wrong in [
        initial("SCRAM-SHA-256", Some("n,,n=,r=abc")),
        initial("oauthbearer", Some(&with)),
        initial(bearer::MECHANISM, None),
        initial(bearer::MECHANISM, Some("n,,")),
        initial(bearer::MECHANISM, Some(TOKEN)),
        // A password instead, as an old client would send.
        password(TOKEN),
    ] {
        let (ended, told) = meet(None, async |tcp| say_all(tcp, &[&opening, &wrong]).await).await;
        assert_eq!((ended, state_of(&told).as_str()), (None, "08P01"), "{}", wrong.escape_ascii());
        assert!(!String::from_utf8_lossy(&told).contains(TOKEN));
    }
    // Any other user is asked for a password; a message that is not a password has no token.
    let other: [&[u8]; 2] = [&startup(Version::V3_0, &PAIRS), &initial(bearer::MECHANISM, Some(&with))];
    let (ended, told) = meet(None, async |tcp| say_all(tcp, &other).await).await;
    assert_eq!((ended, &told[..]), (Some(("db".to_owned(), String::new())), CLEARTEXT));
}
