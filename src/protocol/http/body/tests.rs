//! Uploads whose clients leave off.

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
use crate::protocol::web::guarded::STALL_TIME;

/// The body of a request of which three of ten bytes come, and the client's side of the stream.
async fn begun() -> (Incoming, DuplexStream) {
    let (mut client, server) = tokio::io::duplex(1 << 10);
    let (body, arrived) = oneshot::channel();
    let body = Mutex::new(Some(body));
    let service = service_fn(move |request: Request<Incoming>| {
        let _first = body.lock().unwrap().take().map(|body| body.send(request.into_body()));
        std::future::pending::<Result<Response<Empty<Bytes>>, Infallible>>()
    });
    tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service));
    client.write_all(b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    (arrived.await.unwrap(), client)
}

#[tokio::test]
async fn an_upload_of_which_nothing_more_comes_is_given_up_but_not_a_call_that_may_be_silent() {
    let (exchange, _dir) = crate::pipeline::tests::exchange().await;
    tokio::time::pause();
    for (content_type, ends) in [("text/plain", true), ("application/grpc+proto", false)] {
        let (body, _client) = begun().await;
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let sent = Arc::new(Sent::default());
        let mut upload = Upload::new(body, &exchange, &headers, &sent);
        let first = upload.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(&first[..], b"abc");
        let next = tokio::time::timeout(STALL_TIME * 2, upload.frame()).await;
        let stalled = matches!(next, Ok(Some(Err(UploadError::Stalled))));
        assert_eq!((stalled, next.is_err(), sent.has_stalled()), (ends, !ends, ends), "{content_type}");
    }
}
