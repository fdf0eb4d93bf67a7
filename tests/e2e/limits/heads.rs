//! What stands before and behind a body: heads over HTTP/2 that are too large, and the trailers of replies.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::TcpListener;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::thread;

use bytes::Bytes;
use http::HeaderMap;
use http::Request;
use http_body::Frame;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::guards::chunked;
use crate::guards::target;
use crate::guards::text;
use crate::guards::whole;
use crate::limits::world;
use crate::support::World;
use crate::support::client::request;
use crate::support::steps::open;
use crate::support::steps::session;
use crate::support::steps::wait_for;
use crate::support::world::API_TOKEN;
use crate::support::world::RULES;

/// A reply over HTTP/2.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
    trailers: HeaderMap,
}

impl Answer {
    fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or("no code").to_owned()
    }
}

fn get(path: &str, token: &str, fields: &[(String, String)]) -> Request<Empty<Bytes>> {
    let request =
        Request::get(format!("http://gateway{path}")).header("authorization", format!("Bearer {token}"));
    let request = fields.iter().fold(request, |request, (name, value)| request.header(name, value));
    request.body(Empty::new()).unwrap()
}

/// Sends requests one after the other over one HTTP/2 connection; `None` for each that got no whole reply.
fn http2(world: &World, requests: Vec<Request<Empty<Bytes>>>) -> Vec<Option<Answer>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = TokioIo::new(tokio::net::TcpStream::connect(("127.0.0.1", world.port)).await.unwrap());
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
        let (mut sender, driver) = handshake.await.unwrap();
        tokio::spawn(driver);
        let mut answers = Vec::new();
        for request in requests {
            let answer = async {
                let (head, body) = sender.send_request(request).await.ok()?.into_parts();
                let body = body.collect().await.ok()?;
                let trailers = body.trailers().cloned().unwrap_or_default();
                let (status, body) = (head.status.as_u16(), body.to_bytes());
                Some(Answer { status, headers: head.headers, body, trailers })
            };
            answers.push(answer.await);
        }
        answers
    })
}

#[test]
fn over_http2_a_head_that_is_too_large_is_refused_in_words_and_goes_nowhere() {
    let world = World::new();
    let token = world.token("reader");
    let (address, seen) = target(|_| whole("200 OK", ""));
    open(&world, "own", &address, &[]);
    let many = |count| (0..count).map(|n| (format!("x-{n}"), "v".to_owned())).collect::<Vec<_>>();
    let wide = |size| [("x-pad".to_owned(), "p".repeat(size))];
    let long = |size| format!("/c/own/{}", "a".repeat(size));
    let table = [
        (200, get("/c/own/x", &token, &many(80))),
        (431, get("/c/own/x", &token, &many(120))),
        (200, get("/c/own/x", &token, &wide(50 << 10))),
        (431, get("/c/own/x", &token, &wide(70 << 10))),
        (431, get("/c/own/x", &token, &wide(100 << 10))),
        (200, get(&long(15 << 10), &token, &[])),
        (431, get(&long(20 << 10), &token, &[])),
        (200, get("/c/own/x", &token, &[])),
    ];
    let (wanted, requests): (Vec<u16>, Vec<_>) = table.into_iter().unzip();
    let answers: Vec<Answer> = http2(&world, requests).into_iter().map(Option::unwrap).collect();
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), wanted);
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 431).collect();
    for answer in &refused {
        assert_eq!(answer.code(), "limit_exceeded", "{:?}", answer.body);
        assert!(answer.headers.contains_key("hoopctl-request-id"), "{:?}", answer.headers);
    }
    let gateway = session(&world, "gateway");
    wait_for("all of them are recorded", || {
        let events = world.events(&gateway);
        events.iter().filter(|event| event["data"]["reason"] == "head_too_large").count() == refused.len()
    });
    // Beyond all bounds there are no words, but it does not pass either.
    let huge = http2(&world, vec![get("/c/own/huge", &token, &wide(1 << 20))]).remove(0);
    assert!(huge.is_none_or(|answer| answer.status == 431));
    assert_eq!(http2(&world, vec![get("/c/own/x", &token, &[])])[0].as_ref().unwrap().status, 200);
    assert_eq!(text(&seen).matches("GET /").count(), 5, "{}", text(&seen));
}

/// What the target says behind its body.
fn trailers() -> Vec<(&'static str, String)> {
    let own = |text: &str| text.to_owned();
    vec![
        ("grpc-status", own("0")),
        ("grpc-message", format!("saw {API_TOKEN}")),
        ("server-timing", own("db;dur=5")),
        ("x-checksum-a", own("abc")),
        ("x-trailer-note", own("078-05-1120")),
        ("x-trailer-api_token", own("abcdef123456")),
        ("ssn", own("078-05-1120")),
        ("set-cookie", own("sid=1")),
        ("authorization", format!("Bearer {API_TOKEN}")),
        ("x-api-key", own(API_TOKEN)),
        ("location", own("https://elsewhere.example/")),
        ("hoopctl-session", own("ses_1")),
    ]
}

fn names() -> String {
    trailers().into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}

/// What of it may arrive.
fn arriving(masked: bool) -> Vec<(String, String)> {
    let message = format!("saw {}", "*".repeat(API_TOKEN.len()));
    let mut wanted =
        vec![("grpc-message", message.as_str()), ("grpc-status", "0"), ("server-timing", "db;dur=5")];
    wanted.extend(if masked {
        // A checksum of the target's own bytes would let a masked value be guessed.
        &[("x-trailer-api_token", "********3456"), ("x-trailer-note", "***-**-1120")][..]
    } else {
        &[("x-checksum-a", "abc"), ("x-trailer-api_token", "abcdef123456"), ("x-trailer-note", "078-05-1120")]
    });
    wanted.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Gets a chunked reply over HTTP/1.1; gives which trailers its head announces, and those that came.
fn http1_trailers(world: &World, path: &str, token: &str) -> (String, Vec<(String, String)>) {
    let mut client = world.client();
    let headers = [("TE", "trailers"), ("Connection", "TE")];
    client.send(request("GET", path, Some(token), &headers, None));
    let head = client.head();
    assert_eq!((head.status, head.header("transfer-encoding")), (200, Some("chunked")), "{path}: {head:?}");
    loop {
        let size = usize::from_str_radix(&client.line().unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        assert_eq!((0..size + 2).map_while(|_| client.byte()).count(), size + 2);
    }
    let mut trailers = Vec::new();
    while let Some(line) = client.line().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        trailers.push((name.to_owned(), value.to_owned()));
    }
    trailers.sort();
    (head.header("trailer").unwrap_or_default().to_owned(), trailers)
}

fn http2_trailers(world: &World, path: &str, token: &str) -> Vec<(String, String)> {
    let answer = http2(world, vec![get(path, token, &[])]).remove(0).unwrap();
    assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    let mut trailers: Vec<_> =
        answer.trailers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    trailers.sort();
    trailers
}

/// A body that is exactly these frames.
struct Told(VecDeque<Frame<Bytes>>);

impl http_body::Body for Told {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.get_mut().0.pop_front().map(Ok))
    }
}

/// A target that speaks HTTP/2 over TLS and always answers the same; gives its address and its certificate.
fn http2_target() -> (String, String) {
    let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (cert, secret) = (key.cert.pem(), key.signing_key.serialize_pem());
    let tls = hoopctl::transport::tls::server_config(cert.as_bytes(), secret.as_bytes(), &[b"h2"]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = || {
        let behind =
            trailers().into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let frames = [Frame::data(Bytes::from("{\"id\":1}")), Frame::trailers(behind.collect())];
        let response = http::Response::builder().header("content-type", "application/json");
        response.header("trailer", names()).body(Told(VecDeque::from(frames))).unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    thread::spawn(move || {
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let acceptor = tokio_rustls::TlsAcceptor::from(tls);
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                let service = service_fn(move |_| async move { Ok::<_, Infallible>(answer()) });
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
            }
        });
    });
    (address, cert)
}

#[test]
fn only_harmless_trailers_of_a_reply_pass_cleared_and_masked() {
    let told: String = trailers().iter().map(|(name, value)| [name, ": ", value, "\r\n"].concat()).collect();
    let head = format!("200 OK\r\nContent-Type: application/json\r\nTrailer: {}", names());
    let (http1, seen) = target(move |_| chunked(&head, &format!("8\r\n{{\"id\":1}}\r\n0\r\n{told}\r\n")));
    let (http2, cert) = http2_target();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), cert).unwrap();
    let mut rules = RULES.to_owned();
    for (name, upstream, more) in [
        ("plain", format!("http://{http1}"), String::new()),
        ("masked", format!("http://{http1}"), "tags = { data = \"pii\" }".to_owned()),
        ("plain-h2", format!("https://{http2}"), format!("ca_file = {:?}", file.path())),
        (
            "masked-h2",
            format!("https://{http2}"),
            format!("ca_file = {:?}\ntags = {{ data = \"pii\" }}", file.path()),
        ),
    ] {
        let table = format!(
            "[[connection]]\nname = \"{name}\"\nupstream = \"{upstream}\"\ninject = \"bearer:env:CRM_TOKEN\"\n{more}\n\
             [[policy]]\nid = \"{name}-reads\"\neffect = \"allow\"\nmatch = {{ groups = [\"support\"], connections = [\"{name}\"] }}\n"
        );
        rules.push_str(&table);
    }
    let world = world(&rules, str::to_owned);
    let token = world.token("reader");
    for name in ["plain", "masked", "plain-h2", "masked-h2"] {
        let path = format!("/c/{name}/x");
        let wanted = arriving(name.starts_with("masked"));
        assert_eq!(http2_trailers(&world, &path, &token), wanted, "{name} over HTTP/2");
        let (announced, came) = http1_trailers(&world, &path, &token);
        assert_eq!(came, wanted, "{name} over HTTP/1.1");
        let mut announced: Vec<&str> = announced.split(", ").collect();
        announced.sort_unstable();
        assert_eq!(announced, wanted.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), "{name}");
    }
    assert!(text(&seen).contains(API_TOKEN), "the credential was there to be told");
}
