//! The admin API over the network: which callers reach a backend.

use std::net::SocketAddr;

use arc_swap::ArcSwapOption;
use tokio::net::TcpStream;

use super::*;
use crate::control::remote;
use crate::control::remote::Remote;
use crate::transport::listen::listen;
use crate::transport::strangers::Bounds;
use crate::transport::strangers::Strangers;
use crate::transport::tls;

struct Rig {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
}

fn rig(bounds: Bounds, tls: Option<Arc<rustls::ServerConfig>>) -> Rig {
    rig_of(bounds, tls, Arc::default())
}

fn rig_of(bounds: Bounds, tls: Option<Arc<rustls::ServerConfig>>, memory: Arc<Memory>) -> Rig {
    let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let stop = watch::Sender::new(false);
    let remote =
        Remote { listener, tls: Arc::new(ArcSwapOption::new(tls)), strangers: Strangers::new(bounds) };
    let service = Arc::new(Served(memory));
    let server = tokio::spawn(remote::serve(remote, service, stop.subscribe()));
    Rig { address, stop, server }
}

const WIDE: Bounds = Bounds { open: 100, failed: 100 };

/// Returns the whole answer to raw bytes.
async fn send(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // A refusal may close the stream while the body is still being sent.
    let read = stream.read_to_string(&mut answer);
    drop(tokio::time::timeout(Duration::from_secs(5), read).await.unwrap());
    answer
}

async fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    send(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: gw.example:8441\r\nConnection: close\r\n{headers}\r\n"),
    )
    .await
}

#[tokio::test]
async fn only_one_good_token_in_its_place_gets_in() {
    let rig = rig(WIDE, None);
    let good = get(rig.address, "/v1/locks", "Authorization: Bearer ada\r\n").await;
    assert!(good.starts_with("HTTP/1.1 200 "), "{good}");
    assert!(
        get(rig.address, "/v1/locks", "authorization: bEARER  ada \r\n").await.starts_with("HTTP/1.1 200 ")
    );
    let long = format!("Authorization: Bearer {}\r\n", "a".repeat(17 << 10));
    for headers in [
        "",
        "Authorization: Bearer bob\r\n",
        "Authorization: Bearer\r\n",
        "Authorization: ada\r\n",
        "Authorization: Basic YWRhOg==\r\n",
        "Authorization: Bearer ada\r\nAuthorization: Bearer ada\r\n",
        "Authorization: Bearer bob\r\nAuthorization: Bearer ada\r\n",
        "Authorization: Bearer ada, Bearer ada\r\n",
        "Cookie: token=ada\r\n",
        "Proxy-Authorization: Bearer ada\r\n",
        &long,
    ] {
        let answer = get(rig.address, "/v1/locks", headers).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{headers}: {answer}");
        assert!(
            answer.contains("\"code\":\"unauthenticated\"") && answer.contains("\"exit_code\":4"),
            "{answer}"
        );
        let lower = answer.to_ascii_lowercase();
        let challenge = lower.lines().find(|line| line.starts_with("www-authenticate: ")).unwrap().to_owned();
        assert!(
            challenge.contains(
                r#"resource_metadata="http://gw.example:8441/.well-known/oauth-protected-resource""#
            ),
            "{challenge}"
        );
        assert_eq!(
            challenge.contains("invalid_token"),
            headers.to_ascii_lowercase().starts_with("authorization")
        );
    }
    for path in ["/v1/locks?access_token=ada", "/v1/events?access_token=ada"] {
        assert!(get(rig.address, path, "").await.starts_with("HTTP/1.1 401 "), "{path}");
    }
    // Web pages are refused, whatever their token.
    let page =
        get(rig.address, "/v1/locks", "Authorization: Bearer ada\r\nOrigin: https://gw.example\r\n").await;
    assert!(page.starts_with("HTTP/1.1 403 "), "{page}");
}

#[tokio::test]
async fn a_stranger_is_told_where_to_sign_in_and_nothing_else() {
    let rig = rig(WIDE, None);
    let told = get(rig.address, "/.well-known/oauth-protected-resource", "").await;
    let body = told.split_once("\r\n\r\n").unwrap().1;
    let told: SignIn = serde_json::from_str(body).unwrap();
    assert_eq!(
        (told.resource.as_str(), told.authorization_servers),
        ("http://gw.example:8441", vec!["https://idp.example".to_owned()])
    );
    for path in [
        "/",
        "/v1/status",
        "/metrics",
        "/healthz",
        "/.well-known/oauth-protected-resource/x",
        "/.well-known/oauth-protected-resource/",
    ] {
        assert!(get(rig.address, path, "").await.starts_with("HTTP/1.1 401 "), "{path}");
    }
    let posted = "POST /.well-known/oauth-protected-resource HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let answer = send(rig.address, posted).await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 405 ") && answer.contains("\r\nallow: get\r\n"), "{answer}");
    // A host that would break out of the header is not repeated.
    let odd = "GET /v1/status HTTP/1.1\r\nHost: a\"b\r\nConnection: close\r\n\r\n";
    let answer = send(rig.address, odd).await;
    assert!(!answer.contains("a\"b") && answer.starts_with("HTTP/1.1 40"), "{answer}");
    // It is answered before it has sent its body.
    let unsent = "PUT /v1/secrets/K HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 4000000\r\n\r\n{";
    assert!(send(rig.address, unsent).await.starts_with("HTTP/1.1 401 "));
}

#[tokio::test]
async fn an_address_that_guesses_is_shut_out_and_one_that_only_waits_holds_nothing_up() {
    let rig = rig(Bounds { open: 2, failed: 3 }, None);
    for _ in 0..3 {
        assert!(
            get(rig.address, "/v1/locks", "Authorization: Bearer bob\r\n").await.starts_with("HTTP/1.1 401 ")
        );
    }
    let shut = get(rig.address, "/v1/locks", "Authorization: Bearer bob\r\n").await;
    assert!(
        shut.starts_with("HTTP/1.1 429 ") && shut.to_ascii_lowercase().contains("retry-after: "),
        "{shut}"
    );
    assert!(get(rig.address, "/.well-known/oauth-protected-resource", "").await.starts_with("HTTP/1.1 200 "));
    // Whoever else uses that address: a valid token is accepted.
    let good = "Authorization: Bearer ada\r\n";
    assert!(get(rig.address, "/v1/locks", good).await.starts_with("HTTP/1.1 200 "));
    // Calls without a token guess nothing, and one stream is one guess.
    let rig = self::rig(Bounds { open: 2, failed: 1 }, None);
    for _ in 0..4 {
        assert!(get(rig.address, "/v1/locks", "").await.starts_with("HTTP/1.1 401 "));
    }
    let twice = "GET /v1/locks HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer bob\r\n\r\n".repeat(2);
    let answer = send(rig.address, &twice).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");

    let rig = self::rig(Bounds { open: 2, failed: 100 }, None);
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(TcpStream::connect(rig.address).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let shut = get(rig.address, "/v1/locks", "Authorization: Bearer bob\r\n").await;
    assert!(shut.starts_with("HTTP/1.1 429 "), "{shut}");
    assert!(get(rig.address, "/v1/locks", good).await.starts_with("HTTP/1.1 200 "));
    drop(silent);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(
        get(rig.address, "/v1/locks", "Authorization: Bearer ada\r\n").await.starts_with("HTTP/1.1 200 ")
    );
    // A peer that showed a token no longer counts as unauthenticated: many streams from one machine may
    // follow.
    let mut known = Vec::new();
    for _ in 0..6 {
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        let call = "GET /v1/locks HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ada\r\n\r\n";
        stream.write_all(call.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        known.push(stream);
    }
}

#[tokio::test]
async fn with_a_certificate_nothing_is_said_in_the_clear() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let config = tls::server_config(cert.as_bytes(), key.as_bytes(), &[b"h2", b"http/1.1"]).unwrap();
    let rig = rig(WIDE, Some(config));
    let clear = get(rig.address, "/v1/locks", "Authorization: Bearer ada\r\n").await;
    assert!(!clear.contains("HTTP/1.1"), "{clear}");
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, cert).unwrap();
    // Whatever the client offers, HTTP/1.1 is used.
    let client = tls::client_config(Some(&ca), &[b"h2", b"http/1.1"]).unwrap();
    let stream = TcpStream::connect(rig.address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(client).connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let call =
        "GET /v1/locks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ada\r\nConnection: close\r\n\r\n";
    stream.write_all(call.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    rig.stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(10), rig.server).await.unwrap().unwrap();
    assert!(TcpStream::connect(rig.address).await.is_err());
}

#[tokio::test]
async fn the_page_is_there_where_it_is_configured_and_its_session_opens_nothing_else() {
    let path = "/approval/apr_01jx0000000000000000000000";
    let none = rig(WIDE, None);
    assert!(get(none.address, path, "").await.starts_with("HTTP/1.1 401 "), "as any other path");

    let memory = Arc::new(Memory::default());
    *memory.page.lock().unwrap() = Some(Site::parse("http://localhost").unwrap());
    let rig = rig_of(WIDE, None, memory);
    let page = |path: &str, headers: &str| {
        let call = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        async move { send(rig.address, &call).await }
    };
    let onward = page(path, "").await;
    assert!(onward.starts_with("HTTP/1.1 302 "), "{onward}");
    let cookie = |answer: &str, name: &str| {
        let line =
            answer.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("set-cookie: {name}")));
        line.unwrap()[12..].split(';').next().unwrap().to_owned()
    };
    let begun = cookie(&onward, "hoopctl-begun");
    for headers in [format!("Cookie: {begun}\r\n"), "Cookie: hoopctl-page=ada\r\n".to_owned()] {
        assert!(page("/v1/locks", &headers).await.starts_with("HTTP/1.1 401 "));
    }
    // A token does not open a page.
    let bearer = page(path, "Authorization: Bearer ada\r\n").await;
    assert!(bearer.starts_with("HTTP/1.1 302 "), "{bearer}");
    // The API accepts no forms.
    let posted = "POST /v1/locks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ada\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b";
    assert!(send(rig.address, posted).await.starts_with("HTTP/1.1 400 "));
}

/// Returns the head of the next answer on a stream; empty if it was closed without one.
async fn head(stream: &mut TcpStream, call: &str) -> String {
    // A refused peer may find the stream closed before this is written.
    drop(stream.write_all(call.as_bytes()).await);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match tokio::time::timeout(Duration::from_secs(10), stream.read_u8()).await.unwrap() {
            Ok(byte) => head.push(byte),
            Err(_closed) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn strangers_from_everywhere_take_so_many_places_and_leave_the_others() {
    let memory = Arc::new(Memory::default());
    *memory.page.lock().unwrap() = Some(Site::parse("http://localhost").unwrap());
    // The limit per address is not reached: as if each came from another one.
    let rig = rig_of(Bounds { open: 10_000, failed: 10_000 }, None, memory);
    let connect = || TcpStream::connect(rig.address);
    // On the way to the issuer, and still unauthenticated: each of these streams stays open.
    let stranger = "GET /approval/apr_01jx0000000000000000000000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let known = "GET /v1/locks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ada\r\n\r\n";
    let mut ada = connect().await.unwrap();
    assert!(head(&mut ada, known).await.starts_with("HTTP/1.1 200 "));
    let mut strangers = Vec::new();
    for number in 0..remote::MAX_STRANGERS {
        let mut stream = connect().await.unwrap();
        assert!(head(&mut stream, stranger).await.starts_with("HTTP/1.1 302 "), "{number}");
        strangers.push(stream);
    }
    // One more gets no answer, whatever it sends; authenticated peers are served as before.
    for call in [stranger, known] {
        assert_eq!(head(&mut connect().await.unwrap(), call).await, "");
    }
    let mut rest = vec![0; 256];
    assert!(ada.read(&mut rest).await.unwrap() > 0, "the body of her list");
    assert!(head(&mut ada, known).await.starts_with("HTTP/1.1 200 "));
    // One of them shows a token: there is room for one more, and not for two.
    assert!(head(&mut strangers[0], known).await.starts_with("HTTP/1.1 200 "));
    let mut next = connect().await.unwrap();
    assert!(head(&mut next, stranger).await.starts_with("HTTP/1.1 302 "));
    assert_eq!(head(&mut connect().await.unwrap(), stranger).await, "");
}

#[tokio::test]
async fn a_lock_that_comes_while_a_body_is_on_its_way_holds_for_its_call() {
    for locked in [false, true] {
        let memory: Arc<Memory> = Arc::default();
        let rig = rig_of(WIDE, None, Arc::clone(&memory));
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        let body = r#"{"value":"s3cret"}"#;
        let head = format!(
            "PUT /v1/secrets/K HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ada\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let (most, last) = body.split_at(body.len() - 1);
        stream.write_all((head + most).as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        *memory.shut.lock().unwrap() = locked;
        stream.write_all(last.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.starts_with("HTTP/1.1 200 "), !locked, "{answer}");
        assert_eq!(memory.secrets.lock().unwrap().is_empty(), locked);
    }
}
