//! A response body that the gateway writes piece by piece: an event stream to the client.

use std::cell::Cell;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use http::HeaderValue;
use http::Response;
use http::header;
use http_body::Frame;
use hyper::body::Body;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::protocol::mcp::codec::sse;
use crate::protocol::mcp::codec::sse::Event;
use crate::protocol::web::body::Cut;
use crate::protocol::web::body::ReplyBody;

/// How many pieces may wait for a client before the target's stream is paused.
const ROOM: usize = 4;

/// How long a client may take to read its last message.
const LAST_WORD: Duration = Duration::from_secs(5);

/// The longest that a client is told to wait before it asks for a lost stream again, in milliseconds.
const LONGEST_RETRY: u64 = 60_000;

/// Where pieces are written.
pub struct Writer {
    pieces: mpsc::Sender<Bytes>,
    /// When the last piece was written.
    written: Cell<Instant>,
}

/// The client has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left;

/// Creates a response with a stream, and its writer.
pub fn open() -> (Response<ReplyBody>, Writer) {
    let (sender, receiver) = mpsc::channel(ROOM);
    let mut response = Response::new(ReplyBody::Through(Box::pin(Pieces(receiver))));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    (response, Writer { pieces: sender, written: Cell::new(Instant::now()) })
}

impl Writer {
    /// Writes one message as an event.
    pub async fn message(&self, data: Bytes, id: Option<String>, retry: Option<u64>) -> Result<(), Left> {
        let mut out = BytesMut::with_capacity(data.len() + 64);
        let retry = retry.map(|retry| retry.min(LONGEST_RETRY));
        let event = Event { event: Some("message".into()), id: id.map(Bytes::from), retry, data };
        sse::write(&event, &mut out).map_err(|_unwritable| Left)?;
        self.piece(out.freeze()).await
    }

    /// Writes the last message. Returns false if nobody reads it.
    pub async fn last(&self, data: Bytes) -> bool {
        let written = tokio::time::timeout(LAST_WORD, self.message(data, None, None)).await;
        let heard = matches!(written, Ok(Ok(())));
        if !heard {
            tracing::debug!("a client left before its answer, or does not read it");
        }
        heard
    }

    /// Writes an event without a message: an id to resume from, or how long to wait before that.
    pub async fn settings(&self, id: Option<String>, retry: Option<u64>) -> Result<(), Left> {
        let mut out = BytesMut::new();
        let retry = retry.map(|retry| retry.min(LONGEST_RETRY));
        if id.is_some() {
            // Clients only note an id with an event that has a data line, which may be empty.
            let event = Event { event: None, id: id.map(Bytes::from), retry, data: Bytes::new() };
            sse::write(&event, &mut out).map_err(|_unwritable| Left)?;
        } else {
            sse::write_settings(None, retry, &mut out).map_err(|_unwritable| Left)?;
        }
        self.piece(out.freeze()).await
    }

    /// Writes a comment, so that no intermediary takes the stream for dead.
    pub async fn keep_alive(&self) -> Result<(), Left> {
        self.piece(Bytes::from_static(sse::KEEP_ALIVE)).await
    }

    /// Resolves when the client has left.
    pub async fn left(&self) {
        self.pieces.closed().await;
    }

    /// Resolves when nothing was written for `silence`. Never resolves once the client has left.
    pub async fn silent(&self, silence: Duration) {
        tokio::time::sleep_until(self.written.get() + silence).await;
        if self.pieces.is_closed() {
            std::future::pending::<()>().await;
        }
    }

    async fn piece(&self, bytes: Bytes) -> Result<(), Left> {
        if bytes.is_empty() {
            return Ok(());
        }
        let sent = self.pieces.send(bytes).await;
        // A failed write resets the time as well.
        self.written.set(Instant::now());
        sent.map_err(|_closed| Left)
    }
}

struct Pieces(mpsc::Receiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.get_mut().0.poll_recv(cx).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_secs(12);

    #[tokio::test(start_paused = true)]
    async fn silence_counts_from_the_last_word_and_only_while_the_client_is_there() {
        let (response, out) = open();
        let begin = Instant::now();
        out.silent(SILENCE).await;
        out.keep_alive().await.unwrap();
        out.silent(SILENCE).await;
        assert_eq!(begin.elapsed(), 2 * SILENCE);
        drop(response);
        assert_eq!(out.keep_alive().await, Err(Left));
        let silent = tokio::time::timeout(SILENCE / 2, out.silent(SILENCE)).await;
        assert!(silent.is_err(), "a word that failed is not due again at once");
        let silent = tokio::time::timeout(100 * SILENCE, out.silent(SILENCE)).await;
        assert!(silent.is_err(), "nobody is kept awake who has left");
    }
}
