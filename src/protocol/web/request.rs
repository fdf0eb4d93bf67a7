//! The parts of a request that do not depend on its protocol: its origin, the connection it names, its token,
//! and reading its body whole.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header;
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Protocol;
use crate::domain::RequestId;
use crate::domain::SessionEnd;
use crate::domain::denied::reason;
use crate::pipeline::Arrival;
use crate::pipeline::BodyBudget;
use crate::pipeline::Exchange;
use crate::pipeline::Gate;
use crate::pipeline::snapshot::Governed;
use crate::transport::strangers::Stranger;

/// How long a body that is read whole may make no progress.
const STALL: Duration = Duration::from_secs(30);
/// How long it may take in any case, and the rate in bytes per second that extends this time.
const PATIENCE: Duration = Duration::from_mins(1);
const SLOWEST: usize = 16 << 10;
/// A body of up to this size that is available at once is not counted against the memory budget: counting
/// would cost more than it is worth.
const FREE: usize = 64 << 10;

/// The client of a stream: an unauthenticated peer until one of its requests has a valid token. Clones share
/// this state.
#[derive(Debug, Clone)]
pub struct Visitor(Rc<RefCell<Option<Stranger>>>);

impl Visitor {
    /// Creates a visitor that counts as an unauthenticated peer.
    pub fn new(stranger: Stranger) -> Self {
        Self(Rc::new(RefCell::new(Some(stranger))))
    }

    /// Marks the peer as authenticated and removes it from the count.
    pub(super) fn known(&self) {
        self.0.take();
    }

    /// Returns whether none of its requests has had a valid token yet.
    pub(super) fn is_stranger(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Returns whether it is still unauthenticated and came while its address had too many such streams.
    pub(super) fn is_shut(&self) -> bool {
        self.0.borrow().as_ref().is_some_and(|stranger| stranger.shut.is_some())
    }

    /// Resolves at `at` if the visitor is shut then; otherwise never.
    pub(super) async fn shut_at(&self, at: Instant) {
        if self.is_shut() {
            tokio::time::sleep_until(at).await;
            if self.is_shut() {
                return;
            }
        }
        std::future::pending::<()>().await;
    }
}

/// A request's id and the address it came from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The request's id.
    pub request: RequestId,
    /// The client's address.
    pub source: IpAddr,
}

/// A request path, split.
#[derive(Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The segment after `/c/`, as it was sent.
    pub connection: &'a str,
    /// The rest, as it was sent: empty, or beginning with `/`.
    pub rest: &'a str,
}

/// Splits `/c/<connection>/<rest>`; `None` for any other path.
pub fn route(path: &str) -> Option<Route<'_>> {
    let below = path.strip_prefix("/c/")?;
    let end = below.find('/').unwrap_or(below.len());
    let (connection, rest) = below.split_at(end);
    Some(Route { connection, rest })
}

/// Returns the refusal of an invalid or ambiguous request.
pub fn bad(what: &str) -> Denied {
    Denied::new(DenyCode::BadRequest, format!("the request is refused: {what}"))
}

/// Returns a header name with `-` in place of `_`.
pub fn folded(name: &str) -> String {
    name.replace('_', "-")
}

/// Authenticates a request; returns the exchange, and the path below the connection as it was sent.
pub async fn enter<'a>(
    gate: &Gate,
    protocol: Protocol,
    origin: &Origin,
    head: &'a Parts,
) -> Result<(Exchange, &'a str), Denied> {
    let (arrival, rest, token) = arrival(protocol, origin, head);
    if let Err(denied) = token {
        gate.refuse_stranger(arrival, None, &denied);
        return Err(denied);
    }
    Ok((gate.enter(arrival).await?, rest))
}

/// Reads the arrival from a request's head: with it, the path below the connection as it was sent, and the
/// token or what is wrong with it.
fn arrival<'a>(
    protocol: Protocol,
    origin: &Origin,
    head: &'a Parts,
) -> (Arrival<'a>, &'a str, Result<Option<&'a str>, Denied>) {
    let path = head.uri.path();
    let route = route(path).unwrap_or(Route { connection: "", rest: "" });
    let token = bearer(&head.headers);
    let arrival = Arrival {
        request: origin.request,
        protocol,
        source: origin.source,
        token: token.as_ref().ok().copied().flatten(),
        connection: route.connection,
        method: head.method.as_str(),
        path,
    };
    (arrival, route.rest, token)
}

/// Identifies the caller of a request that the rate limit refused ([`Gate::identify_uncounted`]).
///
/// # Errors
/// The token is not valid, or the connection is not open to its principal.
pub async fn whose(
    gate: &Gate,
    protocol: Protocol,
    origin: &Origin,
    head: &Parts,
) -> Result<(Arc<str>, Arc<Governed>), Denied> {
    gate.identify_uncounted(arrival(protocol, origin, head).0).await
}

/// Returns the one bearer token of a request: `Ok(None)` if there is none.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Denied> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(bad("more than one Authorization header").because("two_authorizations"));
    }
    let Some(value) = first else { return Ok(None) };
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Ok(Some(token.map_or("", |(_, token)| token.trim_matches(' '))))
}

/// Reads a body that must be judged or held, up to its limit, unless the session or token ends first. The
/// returned bytes keep their memory reservation.
pub async fn read_whole(body: &mut Incoming, limit: u64, exchange: &Exchange) -> Result<Bytes, Denied> {
    read_or_part(body, limit, exchange).await.map_err(|(denied, _part)| denied)
}

/// Reads the same; a refusal comes with the part that was read.
pub async fn read_or_part(
    body: &mut Incoming,
    limit: u64,
    exchange: &Exchange,
) -> Result<Bytes, (Denied, Vec<u8>)> {
    let (mut whole, mut budget) = (Vec::new(), exchange.body_budget(limit));
    match gather(&mut whole, body, limit, &mut budget, exchange.end_watch().wait()).await {
        Ok(()) => Ok(exchange.keep(whole, budget)),
        Err(denied) => Err((denied, whole)),
    }
}

/// Reads into `whole` within the limits of size, memory and time, and until `end` resolves.
async fn gather<B>(
    whole: &mut Vec<u8>,
    body: &mut B,
    limit: u64,
    budget: &mut BodyBudget,
    end: impl Future<Output = SessionEnd>,
) -> Result<(), Denied>
where
    B: Body<Data = Bytes> + Unpin,
{
    let too_large = || {
        let detail =
            format!("a body that is judged or held may have at most {limit} bytes on this connection");
        Denied::new(DenyCode::LimitExceeded, detail).because(reason::BODY_TOO_LARGE)
    };
    let broken = || bad("its body was incomplete, stalled, too slow or wrongly framed").because("body");
    if body.size_hint().lower() > limit {
        return Err(too_large());
    }
    let size = |length| usize::try_from(length).unwrap_or(usize::MAX);
    let told = body.size_hint().exact().map(size);
    let most = told.unwrap_or(size(limit));
    let mut end = std::pin::pin!(end);
    let mut began = None;
    loop {
        let frame = match poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx))).await {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                // A body that waits for its client may do so for long, together with many others.
                budget.grow_to(whole.capacity())?;
                let now = Instant::now();
                let at_latest = *began.get_or_insert(now) + time_for(whole.len());
                tokio::select! {
                    biased;
                    end = end.as_mut() => return Err(crate::pipeline::session_ended(end)),
                    frame = tokio::time::timeout_at(at_latest.min(now + STALL), body.frame()) => {
                        frame.map_err(|_stalled| broken())?
                    }
                }
            }
        };
        let Some(frame) = frame else { return Ok(()) };
        if let Ok(data) = frame.map_err(|_broken| broken())?.into_data() {
            let length = whole.len().saturating_add(data.len());
            let fits = if length as u64 > limit {
                Err(too_large())
            } else {
                make_room(whole, length, told, most, budget)
            };
            // Appended even if the body is refused, for callers that inspect the part that was read.
            whole.extend_from_slice(&data);
            fits?;
        }
        if body.is_end_stream() {
            return Ok(());
        }
    }
}

/// Reserves space for `length` bytes. `most` is the limit; `told` is the length that the head announced, if
/// any.
fn make_room(
    whole: &mut Vec<u8>,
    length: usize,
    told: Option<usize>,
    most: usize,
    budget: &mut BodyBudget,
) -> Result<(), Denied> {
    if length > whole.capacity() {
        // A small announced length is trusted; a body of unknown length grows from its first piece on.
        let at_once = told.unwrap_or(0).min(FREE);
        let capacity = grown(whole.capacity().saturating_mul(2).max(at_once), length, most);
        if capacity > FREE {
            budget.grow_to(capacity)?;
        }
        whole.reserve_exact(capacity.saturating_sub(whole.len()));
    }
    Ok(())
}

/// Returns how long a body may take in total, given the bytes received so far.
fn time_for(length: usize) -> Duration {
    PATIENCE + Duration::from_secs((length / SLOWEST) as u64)
}

/// Returns the capacity for `length` bytes of a body limited to `most`, if possible `wished`.
fn grown(wished: usize, length: usize, most: usize) -> usize {
    wished.min(most).max(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use http_body::Frame;
    use std::convert::Infallible;
    use std::task::Context;

    /// A body whose client sends `each` bytes at a time, with a pause in between.
    struct Slow {
        each: usize,
        pause: Duration,
        left: usize,
        sleep: Pin<Box<tokio::time::Sleep>>,
    }

    impl Slow {
        fn new(each: usize, pause: Duration, times: usize) -> Self {
            Self { each, pause, left: times, sleep: Box::pin(tokio::time::sleep(pause)) }
        }
    }

    impl Body for Slow {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if self.left == 0 {
                return Poll::Ready(None);
            }
            if !self.pause.is_zero() {
                std::task::ready!(self.sleep.as_mut().poll(cx));
            }
            self.left -= 1;
            let next = Instant::now() + self.pause;
            self.sleep.as_mut().reset(next);
            Poll::Ready(Some(Ok(Frame::data(BytesMut::zeroed(self.each).freeze()))))
        }
    }

    async fn read(
        mut body: Slow,
        budget: &mut BodyBudget,
    ) -> (Result<usize, Option<&'static str>>, Duration) {
        let began = Instant::now();
        let mut whole = Vec::new();
        let read = gather(&mut whole, &mut body, 10 << 20, budget, std::future::pending()).await;
        (read.map(|()| whole.len()).map_err(|denied| denied.audit), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_refused_before_long_and_one_that_is_slow_is_read() {
        let mut budget = BodyBudget::alone(10 << 20);
        let (read_drips, time) = read(Slow::new(1, Duration::from_secs(20), 100_000), &mut budget).await;
        assert_eq!(read_drips, Err(Some("body")));
        assert!(time <= PATIENCE + Duration::from_secs(1), "{time:?}");
        let (stalled, time) = read(Slow::new(1, Duration::from_secs(40), 2), &mut budget).await;
        assert_eq!((stalled, time), (Err(Some("body")), STALL));
        let (slow, time) = read(Slow::new(2 * SLOWEST, Duration::from_secs(2), 200), &mut budget).await;
        assert_eq!((slow, time.as_secs()), (Ok(400 * SLOWEST), 400));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_waited_for_takes_room_and_a_small_one_that_is_there_takes_none() {
        let mut budget = BodyBudget::alone(10 << 20);
        assert_eq!(read(Slow::new(FREE, Duration::ZERO, 1), &mut budget).await.0, Ok(FREE));
        assert_eq!(budget.reserved(), 0);
        assert_eq!(read(Slow::new(100, Duration::from_secs(1), 2), &mut budget).await.0, Ok(200));
        assert!((100..=200).contains(&budget.reserved()), "{}", budget.reserved());
        let mut budget = BodyBudget::alone(10 << 20);
        assert_eq!(read(Slow::new(FREE, Duration::ZERO, 10), &mut budget).await.0, Ok(10 * FREE));
        assert!((10 * FREE..=20 * FREE).contains(&budget.reserved()), "{}", budget.reserved());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_for_which_there_is_no_room_is_not_read_on() {
        let mut budget = BodyBudget::alone(10 << 20);
        let mut endless = Slow::new(FREE, Duration::ZERO, 1 << 20);
        let mut whole = Vec::new();
        let refused =
            gather(&mut whole, &mut endless, 1 << 40, &mut budget, std::future::pending()).await.unwrap_err();
        assert_eq!((refused.code, refused.audit), (DenyCode::LimitExceeded, Some("held_share")));
        let read = (1 << 20) - endless.left;
        assert!(read * FREE <= 65 << 20, "{read}");
    }

    #[test]
    fn capacity_is_never_more_than_a_body_may_need() {
        assert_eq!(grown(FREE, 10, 20), 20);
        assert_eq!(grown(FREE, 10, 10 << 20), FREE);
        assert_eq!(grown(2 * FREE, FREE + 1, 10 << 20), 2 * FREE);
        assert_eq!(grown(16 << 20, (8 << 20) + 1, 10 << 20), 10 << 20);
        assert_eq!(grown(0, 100, 10), 100);
    }
}
