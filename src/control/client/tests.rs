//! A client over the network, with misbehaving gateways.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::control::noun::event::EventFilter;
use crate::control::noun::event::Events;
use crate::control::noun::event::Topic;
use crate::control::noun::gateway::Gateway;
use crate::transport::tls;

/// A sequence of tokens: each `another` advances to the next, and the last one stays.
#[derive(Debug)]
struct Row(Mutex<VecDeque<&'static str>>);

impl Row {
    fn of(tokens: &[&'static str]) -> Arc<Self> {
        Arc::new(Self(Mutex::new(tokens.iter().copied().collect())))
    }

    fn now(&self) -> Arc<Secret> {
        Arc::new(Secret::new(self.0.lock().unwrap().front().unwrap().as_bytes().to_vec()))
    }
}

impl Bearer for Row {
    fn token(&self) -> Answer<'_, Arc<Secret>> {
        Box::pin(async { Ok(self.now()) })
    }

    fn another(&self, _refused: Arc<Secret>) -> Answer<'_, Option<Arc<Secret>>> {
        let mut row = self.0.lock().unwrap();
        if row.len() > 1 {
            row.pop_front();
        }
        drop(row);
        Box::pin(async { Ok(Some(self.now())) })
    }

    fn advice(&self) -> String {
        "sign in again".to_owned()
    }
}

/// Answers each stream with the next of these, and reports the requests.
async fn gateway(answers: Vec<Vec<u8>>) -> (Location, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = Location::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let (asked, asks) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 8192];
            let length = stream.read(&mut request).await.unwrap();
            asked.send(String::from_utf8_lossy(&request[..length]).into_owned()).unwrap();
            tokio::spawn(async move {
                for piece in answer.split(|byte| *byte == b'\x07') {
                    stream.write_all(piece).await.ok();
                    // A stream of events stays open for a while.
                    if answer.contains(&b'\x07') {
                        tokio::time::sleep(stream::STANDS).await;
                    }
                }
            });
        }
    });
    (location, asks)
}

fn reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn error(status: &str, code: ErrorCode) -> Vec<u8> {
    let error = ApiError::new(code, "no");
    reply(status, "", &serde_json::to_string(&ErrorBody { error }).unwrap())
}

/// Returns the bearer tokens that were sent.
fn sent(asks: &mut mpsc::UnboundedReceiver<String>) -> Vec<String> {
    let mut tokens = Vec::new();
    while let Ok(ask) = asks.try_recv() {
        let lines = ask.lines().filter_map(|line| line.strip_prefix("authorization: Bearer "));
        let found: Vec<String> = lines.map(str::to_owned).collect();
        assert_eq!(found.len(), 1, "{ask}");
        tokens.extend(found);
    }
    tokens
}

async fn status_of(answers: Vec<Vec<u8>>, tokens: &[&'static str]) -> (ApiError, Vec<String>) {
    let (location, mut asks) = gateway(answers).await;
    let client = Client::network(location, None, Row::of(tokens)).unwrap();
    let error = client.status().await.unwrap_err();
    (error, sent(&mut asks))
}

#[tokio::test]
async fn a_refused_call_is_sent_once_more_with_another_token_and_no_third_time() {
    let no = || error("401 Unauthorized", ErrorCode::Unauthenticated);
    let (error, sent) = status_of(vec![no(), no(), no()], &["one", "two", "three"]).await;
    assert_eq!(sent, ["one", "two"]);
    assert_eq!((error.code, error.exit_code), (ErrorCode::Unauthenticated, 4));
    assert_eq!(error.hint.as_deref(), Some("sign in again"));
    let (_, sent) = status_of(vec![no(), no()], &["one"]).await;
    assert_eq!(sent, ["one"], "the same token is no other one");
    let (error, sent) =
        status_of(vec![no(), self::error("403 Forbidden", ErrorCode::Forbidden)], &["one", "two"]).await;
    assert_eq!((error.exit_code, sent.len()), (9, 2));
    let (error, sent) =
        status_of(vec![self::error("403 Forbidden", ErrorCode::Forbidden)], &["one", "two"]).await;
    assert_eq!((error.exit_code, sent.len()), (9, 1), "only 401 says that the token is to blame");
}

#[tokio::test]
async fn a_token_goes_nowhere_else_and_other_servers_are_told_from_gateways() {
    let (elsewhere, mut stolen) = gateway(vec![reply("200 OK", "", "{}")]).await;
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let to = format!("Location: {}/v1/status\r\n", elsewhere.origin());
        let (error, sent) = status_of(vec![reply(status, &to, "")], &["one"]).await;
        assert_eq!((error.code, sent.len()), (ErrorCode::Failed, 1));
        assert!(error.message.contains("not a hoopctl admin API"), "{}", error.message);
    }
    assert!(stolen.try_recv().is_err());
    for page in [reply("404 Not Found", "", "<html>"), reply("401 Unauthorized", "", "who are you")] {
        let (error, _) = status_of(vec![page], &["one"]).await;
        assert!(error.message.contains("not a hoopctl admin API"), "{}", error.message);
    }
    let (error, _) = status_of(vec![reply("200 OK", "", "<html>")], &["one"]).await;
    assert_eq!(error.code, ErrorCode::Internal);
    let long = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".iter().copied();
    let long = long.chain(std::iter::repeat_n(b' ', MAX_ANSWER + 1)).collect();
    let (error, _) = status_of(vec![long], &["one"]).await;
    assert_eq!(error.code, ErrorCode::TooLarge);
    // No token appears in a message, whatever it holds.
    let (error, sent) = status_of(vec![], &["bad\ntoken"]).await;
    assert!(!format!("{error:?}").contains("bad") && sent.is_empty(), "{error:?}");
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_unreachable_and_not_merely_stopped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = Location::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let client = Client::network(location, None, Row::of(&["one"])).unwrap();
    let error = client.status().await.unwrap_err();
    assert_eq!((error.code, error.exit_code), (ErrorCode::Unavailable, 7));
}

/// Returns a TLS server on a port of 127.0.0.1 with this certificate; its URL has `host`.
async fn tls_gateway(made: (&str, &str), host: &str) -> Location {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = tls::server_config(made.0.as_bytes(), made.1.as_bytes(), &[b"http/1.1"]).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(config);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = vec![0; 8192];
                let _length = stream.read(&mut request).await;
                stream.write_all(&error("403 Forbidden", ErrorCode::Forbidden)).await.ok();
                stream.shutdown().await.ok();
            });
        }
    });
    Location::parse(&format!("https://{host}:{port}")).unwrap()
}

fn certificate(names: &[&str], until: i32) -> (String, String) {
    let mut parameters =
        rcgen::CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
            .unwrap();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, names[0]);
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let good = certificate(&["localhost"], 2040);
    let old = certificate(&["localhost"], 2021);
    let other = certificate(&["gw.example"], 2040);
    for (made, trusted, words, hint) in [
        (&good, &good, "", ""),
        (&good, &old, "no authority that this machine trusts", "--ca-file"),
        (&good, &other, "no authority that this machine trusts", "--ca-file"),
        (&other, &other, "for another name: gw.example", "the name that is in the certificate"),
        (&old, &old, "has run out", "clock"),
    ] {
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, &trusted.0).unwrap();
        let location = tls_gateway((&made.0, &made.1), "localhost").await;
        let origin = location.origin();
        let client = Client::network(location, Some(&ca_file), Row::of(&["one"])).unwrap();
        let error = client.status().await.unwrap_err();
        if words.is_empty() {
            assert_eq!(error.code, ErrorCode::Forbidden, "{error:?}");
            continue;
        }
        assert_eq!((error.code, error.exit_code), (ErrorCode::Failed, 1), "{error:?}");
        assert!(error.message.contains(words) && error.message.contains(&origin), "{error:?}");
        assert!(error.hint.as_ref().unwrap().contains(hint), "{error:?}");
    }
    // A port without TLS.
    let (plain, _asks) = gateway(vec![reply("400 Bad Request", "", "")]).await;
    let location = Location::parse(&plain.origin().replace("http://", "https://")).unwrap();
    let ca_file = folder.path().join("ca.pem");
    let error =
        Client::network(location, Some(&ca_file), Row::of(&["one"])).unwrap().status().await.unwrap_err();
    assert!(error.message.contains("does not speak TLS"), "{error:?}");
}

fn stream_of(text: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{text}")
        .into_bytes()
}

const OVER: &str = "event: end\ndata: {\"reason\":\"unauthenticated\"}\n\n";

#[tokio::test]
async fn a_stream_goes_on_with_the_newest_token_where_it_was_left() {
    let first = format!("id: 7\nevent: change\ndata: {{}}\n\n\x07{OVER}");
    let (location, mut asks) =
        gateway(vec![stream_of(&first), stream_of("id: 8\nevent: change\ndata: {}\n\n")]).await;
    let row = Row::of(&["one", "two"]);
    let client = Client::network(location, None, Arc::<Row>::clone(&row)).unwrap();
    let mut stream = client.events(EventFilter::default(), None).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().id, "7");
    row.0.lock().unwrap().pop_front();
    // Dropping a wait loses nothing.
    let given_up = tokio::time::timeout(stream::STANDS / 2, stream.next()).await;
    assert!(given_up.is_err());
    let event = stream.next().await.unwrap().unwrap();
    assert_eq!((event.id.as_str(), event.topic), ("8", Topic::Change));
    let first = asks.recv().await.unwrap();
    assert!(!first.contains("last-event-id"), "{first}");
    let second = asks.recv().await.unwrap();
    assert!(second.contains("last-event-id: 7\r\n") && second.contains("Bearer two\r\n"), "{second}");
}

#[tokio::test]
async fn a_stream_that_ends_at_once_for_want_of_a_token_is_not_opened_for_ever() {
    let (location, mut asks) = gateway(vec![stream_of(OVER), stream_of(OVER)]).await;
    let client = Client::network(location, None, Row::of(&["one"])).unwrap();
    let mut stream = client.events(EventFilter::default(), None).await.unwrap();
    let error = stream.next().await.unwrap_err();
    assert_eq!((error.exit_code, error.hint.as_deref()), (4, Some("sign in again")));
    assert_eq!(sent(&mut asks).len(), 1);
}

/// A caller whose token takes longer than a call may.
#[derive(Debug)]
struct Late(Arc<Row>);

impl Bearer for Late {
    fn token(&self) -> Answer<'_, Arc<Secret>> {
        Box::pin(async {
            tokio::time::pause();
            tokio::time::advance(TIMEOUT * 2).await;
            tokio::time::resume();
            self.0.token().await
        })
    }

    fn another(&self, refused: Arc<Secret>) -> Answer<'_, Option<Arc<Secret>>> {
        self.0.another(refused)
    }

    fn advice(&self) -> String {
        self.0.advice()
    }
}

#[tokio::test]
async fn a_wait_for_a_token_takes_nothing_of_the_time_of_a_call() {
    let (location, _asks) = gateway(vec![reply("200 OK", "", "{}")]).await;
    let client = Client::network(location, None, Arc::new(Late(Row::of(&["a"])))).unwrap();
    let answer: Result<serde_json::Value, ApiError> = client.call(Method::GET, "status".to_owned()).await;
    assert_eq!(answer.unwrap(), serde_json::json!({}));
    // A gateway that does not answer still times out.
    let mut time = Allowance::new(Duration::from_millis(20));
    time.token(Box::pin(async { Ok(()) })).await.unwrap();
    let error = time.call(std::future::pending::<Result<(), ClientError>>()).await.unwrap_err();
    assert_eq!(error.message, ApiError::from(ClientError::Slow { seconds: 0 }).message);
}

#[test]
fn whoever_listens_in_a_folder_of_others_is_not_the_gateway() {
    for (listener, folder, own, trusted) in [
        (0, 7, 8, true),
        (8, 0, 8, true),
        (7, 7, 8, true),
        (7, 7, 0, true),
        (7, 0, 8, false),
        (7, 0, 0, false),
        (7, 8, 8, false),
    ] {
        assert_eq!(may_listen(listener, folder, own), trusted, "{listener} {folder} {own}");
    }
}
