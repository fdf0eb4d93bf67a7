//! Bodies as hyper takes them: of a request to the target, of a reply to the client. What a protocol does with them while they pass is its own.

use std::pin::Pin;
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
use crate::protocol::web::headers::is_harmless_trailer;
use crate::protocol::web::progress;

/// A body that ends before its end, on purpose: the peer must see that.
#[derive(Debug, thiserror::Error)]
#[error("the body was cut: {0}")]
pub struct Cut(pub &'static str);

/// How many bytes of a request's body have gone to the target, and whether the client left off before the end.
#[derive(Debug, Default)]
pub struct Sent {
    bytes: AtomicU64,
    stalled: AtomicBool,
    /// The next piece is the client's to send, and is waited for.
    awaited: AtomicBool,
}

impl Sent {
    /// How many bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Some more have gone.
    pub fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether it is the client that the target waits for.
    pub fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::Relaxed)
    }

    /// Says whether the next piece is the client's to send.
    pub fn set_awaited(&self, awaited: bool) {
        self.awaited.store(awaited, Ordering::Relaxed);
    }

    /// Whether nothing came of it for too long, or it broke off.
    pub fn has_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }

    /// Nothing came of it for too long, or it broke off.
    pub fn set_stalled(&self) {
        self.stalled.store(true, Ordering::Relaxed);
    }
}

/// A request's body.
pub enum RequestBody {
    /// None.
    Empty,
    /// One that was read whole.
    Whole(Option<Bytes>),
    /// One that passes through as the client sends it.
    Through(Pin<Box<dyn Body<Data = Bytes, Error = UploadError> + Send>>),
}

/// Why a request's body does not go on.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The client broke off.
    #[error("the client broke off")]
    Client(#[source] hyper::Error),
    /// The client sends nothing more.
    #[error("the client sends nothing more")]
    Stalled,
    /// What the command stands on has ended.
    #[error("the session has ended")]
    Ended,
    /// It asks for something else than what was judged, or could.
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

/// The trailers that may pass.
pub fn harmless_trailers(trailers: &HeaderMap, rewritten: bool) -> HeaderMap {
    let passing = trailers.iter().filter(|(name, _)| is_harmless_trailer(name.as_str(), rewritten));
    passing.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A reply's body.
pub enum ReplyBody {
    /// None, or one that is already sent.
    Whole(Option<Bytes>),
    /// One that passes as the target sends it, or as the gateway makes it.
    Through(Pin<Box<dyn Body<Data = Bytes, Error = Cut>>>),
}

impl ReplyBody {
    /// A body that is there whole.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// The same in pieces of [`PIECE`], for HTTP/2: there hyper hands all that it is given to the stream at once, however little of it its
    /// client reads.
    #[must_use]
    pub fn in_pieces(self) -> Self {
        match self {
            Self::Whole(Some(bytes)) if bytes.len() > PIECE => Self::Through(Box::pin(Pieces(bytes))),
            other => other,
        }
    }

    /// The same, which keeps `running` until it ends or nobody wants it any more. A whole body is handed over at once and keeps
    /// nothing.
    #[must_use]
    pub fn keeping<T: Unpin + 'static>(self, running: T) -> Self {
        match self {
            Self::Whole(_) => self,
            Self::Through(body) => Self::Through(Box::pin(Keeping { body, _running: running })),
        }
    }
}

/// How much of a whole reply is handed over at once, in bytes.
const PIECE: usize = 16 << 10;

/// A body that is there whole, handed over in pieces.
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

/// A body, and what lives as long as it does.
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

/// A body whose coding cannot be undone could hide anything.
pub fn undecodable(why: &'static str) -> Denied {
    Denied::new(DenyCode::UnmaskableReply, format!("the reply was withheld because {why}")).because(why)
}
