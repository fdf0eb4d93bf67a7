//! Tests of bodies whose senders stop.

use std::convert::Infallible;
use std::sync::Mutex;

use http::HeaderValue;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::sync::oneshot;

use super::*;
use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Protocol;
use crate::domain::command::Args;
use crate::domain::command::HttpCommand;
use crate::domain::command::Words;
use crate::pipeline::CommandRecord;
use crate::protocol::web::guarded::STALL_TIME;

const LENGTH: &str = "content-length: 10";

/// Returns the body of a request with this framing of which three bytes have arrived, and the client's side
/// of the stream.
async fn begun(framing: &str, first: &str) -> (Incoming, DuplexStream) {
    let (mut client, server) = tokio::io::duplex(1 << 10);
    let (body, arrived) = oneshot::channel();
    let body = Mutex::new(Some(body));
    let service = service_fn(move |request: Request<Incoming>| {
        let _first = body.lock().unwrap().take().map(|body| body.send(request.into_body()));
        std::future::pending::<Result<Response<Empty<Bytes>>, Infallible>>()
    });
    tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service));
    let request = format!("PUT / HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n{first}");
    client.write_all(request.as_bytes()).await.unwrap();
    (arrived.await.unwrap(), client)
}

#[tokio::test]
async fn an_upload_of_which_nothing_more_comes_is_given_up_but_not_a_call_that_may_be_silent() {
    let (exchange, _dir) = crate::pipeline::tests::exchange().await;
    tokio::time::pause();
    for (content_type, ends) in [
        ("text/plain", true),
        ("application/grpcx", true),
        ("application/grpc+proto", false),
        ("Application/gRPC; a=b", false),
    ] {
        let (body, _client) = begun(LENGTH, "abc").await;
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let sent = Arc::new(Sent::default());
        let mut upload = Upload::new(body, &exchange, &headers, &sent);
        let first = upload.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(&first[..], b"abc");
        assert!(!sent.is_awaited());
        let next = tokio::time::timeout(STALL_TIME * 2, upload.frame()).await;
        let stalled = matches!(next, Ok(Some(Err(UploadError::Stalled))));
        assert_eq!((stalled, next.is_err(), sent.has_stalled()), (ends, !ends, ends), "{content_type}");
        assert!(sent.is_awaited(), "it is the client that is waited for");
    }
}

#[tokio::test]
async fn a_reply_of_a_told_length_of_which_nothing_more_comes_is_cut_but_not_a_stream() {
    for (framing, first, live, ends) in [
        (LENGTH, "abc", false, true),
        (LENGTH, "abc", true, false),
        ("transfer-encoding: chunked", "3\r\nabc\r\n", false, false),
    ] {
        let (exchange, _dir) = crate::pipeline::tests::exchange().await;
        let http =
            HttpCommand { method: "GET".into(), path: "/x".into(), query: "".into(), args: Args::Absent };
        let judged = exchange.judge(Command {
            protocol: Protocol::Http,
            class: Class::Read,
            words: Words::Http(http),
        });
        let record = CommandRecord { kind: EventKind::HttpRequest, data: "{}".into(), mask: Vec::new() };
        let mut guard = exchange.admit(judged, record, (), None).await.unwrap().into_parts().1;
        guard.begin_body(None).unwrap();
        tokio::time::pause();
        // A client plays the target here: its body is framed in the same way.
        let (body, _target) = begun(framing, first).await;
        let mut through = Through::new(body, None, guard, live, None);
        let piece = through.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(&piece[..], b"abc");
        let next = tokio::time::timeout(STALL_TIME * 2, through.frame()).await;
        assert_eq!((matches!(next, Ok(Some(Err(_)))), next.is_err()), (ends, !ends), "{framing} {live}");
        tokio::time::resume();
    }
}
