//! Bodies in hyper's terms: of a request to the target, and of a reply to the client. Each protocol adds its
//! own processing.

use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use http_body::SizeHint;
use hyper::body::Body;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::protocol::web::progress;

/// The error of a body that is cut on purpose, so that the peer sees it is incomplete.
#[derive(Debug, thiserror::Error)]
#[error("the body was cut: {0}")]
pub struct Cut(pub &'static str);

/// How many bytes of a request's body were sent to the target, and whether the client stopped before the end.
#[derive(Debug, Default)]
pub struct Sent {
    bytes: AtomicU64,
    stalled: AtomicBool,
    /// Whether the gateway is waiting for the client's next piece.
    awaited: AtomicBool,
    refused: OnceLock<&'static str>,
}

impl Sent {
    /// Returns the number of bytes sent.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Adds to the number of bytes sent.
    pub fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns whether the target is waiting for the client's next piece.
    pub fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::Relaxed)
    }

    /// Sets whether the client's next piece is awaited.
    pub fn set_awaited(&self, awaited: bool) {
        self.awaited.store(awaited, Ordering::Relaxed);
    }

    /// Why the rest of it was refused, if it was.
    pub fn refusal(&self) -> Option<&'static str> {
        self.refused.get().copied()
    }

    /// The rest of it is refused.
    pub fn refuse(&self, why: &'static str) -> UploadError {
        self.refused.get_or_init(|| why);
        UploadError::Refused(why)
    }

    /// Whether nothing came of it for too long, or it broke off.
    pub fn has_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }

    /// Marks the body as stalled or broken off.
    pub fn set_stalled(&self) {
        self.stalled.store(true, Ordering::Relaxed);
    }
}

/// A request's body.
pub enum RequestBody {
    /// No body.
    Empty,
    /// A body that was read whole.
    Whole(Option<Bytes>),
    /// A body that is passed through as the client sends it.
    Through(Pin<Box<dyn Body<Data = Bytes, Error = UploadError> + Send>>),
}

/// Why a request's body cannot continue.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The client broke off.
    #[error("the client aborted")]
    Client(#[source] hyper::Error),
    /// The client sent nothing for too long.
    #[error("the client sends nothing more")]
    Stalled,
    /// The session or token has ended, or a lock applies.
    #[error("the session has ended")]
    Ended,
    /// The body asks for something else than was judged, or could do so.
    #[error("the request is refused: {0}")]
    Refused(&'static str),
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Through(through) => through.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_none(),
            Self::Through(through) => through.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Through(through) => through.size_hint(),
        }
    }
}

/// Returns the trailers whose names pass.
pub fn passing_trailers(trailers: &HeaderMap, passes: impl Fn(&str) -> bool) -> HeaderMap {
    let passing = trailers.iter().filter(|(name, _)| passes(name.as_str()));
    passing.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A reply's body.
pub enum ReplyBody {
    /// A whole body; `None`: no body, or it is already sent.
    Whole(Option<Bytes>),
    /// A body that is passed through as the target sends it, or as the gateway produces it.
    Through(Pin<Box<dyn Body<Data = Bytes, Error = Cut>>>),
}

impl ReplyBody {
    /// Creates a body from bytes.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// Splits a whole body into pieces of [`PIECE`], for HTTP/2: hyper hands all it gets to the stream at
    /// once, however little its client reads.
    #[must_use]
    pub fn in_pieces(self) -> Self {
        match self {
            Self::Whole(Some(bytes)) if bytes.len() > PIECE => Self::Through(Box::pin(Pieces(bytes))),
            other => other,
        }
    }

    /// Keeps `running` until the body ends or is dropped. A whole body is handed over at once and keeps
    /// nothing.
    #[must_use]
    pub fn keeping<T: Unpin + 'static>(self, running: T) -> Self {
        match self {
            Self::Whole(_) => self,
            Self::Through(body) => Self::Through(Box::pin(Keeping { body, _running: running })),
        }
    }
}

/// The size of the pieces of a whole reply, in bytes.
const PIECE: usize = 16 << 10;

/// A whole body, handed over in pieces.
struct Pieces(Bytes);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let rest = &mut self.get_mut().0;
        let piece = rest.split_to(rest.len().min(PIECE));
        Poll::Ready((!piece.is_empty()).then_some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

/// A body, and a value that lives as long as it does.
struct Keeping<T> {
    body: Pin<Box<dyn Body<Data = Bytes, Error = Cut>>>,
    _running: T,
}

impl<T: Unpin> Body for Keeping<T> {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.get_mut().body.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let frame = match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Through(through) => through.as_mut().poll_frame(cx),
        };
        progress::piece(match &frame {
            Poll::Ready(Some(Ok(frame))) => Some(frame.data_ref().map_or(0, Bytes::len)),
            Poll::Ready(_) => Some(0),
            Poll::Pending => None,
        });
        frame
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Through(through) => through.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Through(through) => through.size_hint(),
        }
    }
}

/// Returns the refusal for a reply whose content coding cannot be decoded: it could hide anything.
pub fn undecodable(why: &'static str) -> Denied {
    Denied::new(DenyCode::UnmaskableReply, format!("the reply was withheld because {why}")).because(why)
}
