//! An endless body that produces one piece per interval.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use hyper::body::Frame;

/// The endless body.
pub struct Ticks<F> {
    interval: tokio::time::Interval,
    piece: F,
}

impl<F: FnMut() -> Bytes> Ticks<F> {
    /// Creates a body whose first piece comes at once, and each next one after `pause`.
    pub fn new(pause: Duration, piece: F) -> Self {
        Self { interval: tokio::time::interval(pause), piece }
    }
}

impl<F: FnMut() -> Bytes + Unpin> Body for Ticks<F> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.interval.poll_tick(context));
        Poll::Ready(Some(Ok(Frame::data((self.piece)()))))
    }
}
