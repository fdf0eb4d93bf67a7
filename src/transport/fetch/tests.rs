use std::convert::Infallible;
use std::time::Instant;

use hyper::service::service_fn;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;
use crate::transport::tls;

const LIMITS: Limits = Limits { timeout: Duration::from_millis(500), max_bytes: 1000 };

/// Answers every stream with these bytes, then waits or closes. Returns the URL, and a channel with the
/// requests.
async fn server(reply: Vec<u8>, close: bool) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys?a=b", listener.local_addr().unwrap());
    let (asked, asks) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap_or(0);
            asked.send(String::from_utf8_lossy(&request[..length]).into_owned()).unwrap();
            stream.write_all(&reply).await.ok();
            if !close {
                tokio::time::sleep(Duration::from_mins(1)).await;
            }
        }
    });
    (url, asks)
}

#[tokio::test]
async fn a_document_is_got_whole() {
    let reply = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nkeys".to_vec();
    let (url, mut asks) = server(reply, true).await;
    assert_eq!(get(&url, LIMITS, None).await.unwrap(), b"keys");
    let asked = asks.recv().await.unwrap().to_lowercase();
    assert!(asked.starts_with("get /keys?a=b http/1.1\r\nhost: 127.0.0.1:"), "{asked}");
    assert!(!asked.contains("authorization") && !asked.contains("cookie"));
}

#[tokio::test]
async fn a_form_is_sent_once_and_any_status_comes_back() {
    let reply =
        b"HTTP/1.1 400 No\r\nContent-Type: Application/JSON; charset=x\r\nContent-Length: 2\r\n\r\n{}";
    let (url, mut asks) = server(reply.to_vec(), true).await;
    let answer = post_form(&url, Zeroizing::new(b"a=b%26".to_vec()), LIMITS, None).await.ok().unwrap();
    assert_eq!(
        (answer.status.as_u16(), &*answer.media_type, &*answer.body),
        (400, "application/json", &b"{}"[..])
    );
    let asked = asks.recv().await.unwrap().to_lowercase();
    assert!(asked.starts_with("post /keys?a=b http/1.1\r\n") && asked.ends_with("\r\n\r\na=b%26"), "{asked}");
    assert!(
        asked.contains("content-type: application/x-www-form-urlencoded\r\ncontent-length: 6\r\n"),
        "{asked}"
    );
    assert!(asks.try_recv().is_err(), "what may have been done is not done again");
    // A redirect must not send a code elsewhere, and a flood is not read.
    let moved = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let (url, mut asks) = server(moved.to_vec(), true).await;
    let answer = post_form(&url, Zeroizing::new(Vec::new()), LIMITS, None).await.ok().unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.len()), (307, 0));
    assert!(asks.recv().await.is_some() && asks.try_recv().is_err());
    let long = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &[b'x'; 1001]].concat();
    let (url, _asks) = server(long, true).await;
    let failed = post_form(&url, Zeroizing::new(Vec::new()), LIMITS, None).await.err();
    assert!(matches!(failed, Some(FetchError::TooBig(1000))));
}

type Wanted = fn(&FetchError) -> bool;

#[tokio::test]
async fn a_bad_reply_is_an_error() {
    let long = |head: &str| [head.as_bytes(), &[b'x'; 1001]].concat();
    let table: [(&str, Vec<u8>, bool, Wanted); 11] = [
        (
            "redirect",
            b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n".to_vec(),
            true,
            |error| matches!(error, FetchError::Status(302)),
        ),
        ("500", b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}".to_vec(), true, |error| {
            matches!(error, FetchError::Status(500))
        }),
        ("206", b"HTTP/1.1 206 Part\r\nContent-Length: 2\r\n\r\n{}".to_vec(), true, |error| {
            matches!(error, FetchError::Status(206))
        }),
        ("announced too big", b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n".to_vec(), false, |error| {
            matches!(error, FetchError::TooBig(1000))
        }),
        ("too big without length", long("HTTP/1.1 200 OK\r\n\r\n"), false, |error| {
            matches!(error, FetchError::TooBig(1000))
        }),
        ("cut", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}".to_vec(), true, |error| {
            matches!(error, FetchError::Exchange(_))
        }),
        ("slow", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}".to_vec(), false, |error| {
            matches!(error, FetchError::Timeout(_))
        }),
        ("silent", Vec::new(), false, |error| matches!(error, FetchError::Timeout(_))),
        ("closed", Vec::new(), true, |error| matches!(error, FetchError::Exchange(_))),
        ("not HTTP", b"SSH-2.0-x\r\n\r\n".to_vec(), true, |error| matches!(error, FetchError::Exchange(_))),
        (
            "endless header",
            [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 100_000]].concat(),
            false,
            |error| matches!(error, FetchError::Exchange(_)),
        ),
    ];
    for (what, reply, close, wanted) in table {
        let (url, mut asks) = server(reply, close).await;
        let begun = Instant::now();
        let error = get(&url, LIMITS, None).await.unwrap_err();
        assert!(wanted(&error), "{what}: {error:?}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{what}");
        asks.recv().await;
        assert!(asks.try_recv().is_err(), "{what} was asked twice");
    }
}

#[test]
fn only_https_or_loopback_without_credentials_is_a_location() {
    for url in [
        "https://idp.example/a?b=c",
        "https://[2001:db8::1]:8443/",
        "http://127.0.0.1:8440/",
        "http://127.1.2.3/",
        "http://[::1]:1/",
        "http://localhost:1/",
        "http://LOCALHOST/",
    ] {
        assert!(Location::parse(url).is_ok(), "{url}");
    }
    for url in [
        "",
        "/keys",
        "idp.example",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "http://idp.example/",
        "http://169.254.169.254/",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "http://[::ffff:10.0.0.1]/",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "http://2130706433/",
        "http://127.1/",
        "https://user:secret@idp.example/",
        "http://127.0.0.1@evil.example/",
        "https://idp.example/#x",
        "https://idp.example/ x",
        "https:///x",
        "https://idp.example\r\nHost: evil/",
    ] {
        assert!(matches!(Location::parse(url), Err(FetchError::Url { .. })), "{url}");
    }
}

#[tokio::test]
async fn a_server_proves_itself_by_an_authority_that_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (ours, theirs) = (folder.path().join("ours.pem"), folder.path().join("theirs.pem"));
    std::fs::write(&ours, made.cert.pem()).unwrap();
    std::fs::write(&theirs, other.cert.pem()).unwrap();
    let key = made.signing_key.serialize_pem();
    let config = tls::server_config(made.cert.pem().as_bytes(), key.as_bytes(), &[b"http/1.1"]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(config);
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let answer =
                |_| async { Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from("keys")))) };
            let server = hyper::server::conn::http1::Builder::new();
            server.serve_connection(TokioIo::new(stream), service_fn(answer)).await.ok();
        }
    });
    let trusting = |path| tls::client_config(Some(path), &[b"http/1.1"]).ok();
    let limits = Limits::default();
    let url = format!("https://localhost:{port}/");
    assert_eq!(get(&url, limits, trusting(&ours)).await.unwrap(), b"keys");
    let by_address = format!("https://127.0.0.1:{port}/");
    for (url, config) in [(&url, trusting(&theirs)), (&by_address, trusting(&ours)), (&url, None)] {
        assert!(matches!(get(url, limits, config).await, Err(FetchError::Tls { .. })), "{url}");
    }
}
