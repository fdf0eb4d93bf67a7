//! Notices when a client leaves while it has to wait: what it sends meanwhile is read, up to a bound.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use tokio::io::AsyncReadExt;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::protocol::postgres::session::front::Front;
use crate::protocol::postgres::session::front::Gone;
use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::session::signals::forget;
use crate::protocol::postgres::session::step::Kind;
use crate::protocol::postgres::session::step::Step;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::FrontTag;
use crate::transport::stream::ReadSide;

/// The most bytes that are read ahead while a client has to wait.
pub(super) const MAX_READ_AHEAD: usize = 256 << 10;
/// The least room for one read, in bytes.
const READ: usize = 8 << 10;
/// The interval at which a client that has sent that much is checked for whether it is still there.
const LOOK: Duration = Duration::from_secs(1);

/// Reads what a client sends while it has to wait. Once [`MAX_READ_AHEAD`] bytes are read, reads no more and
/// returns only when the client has closed its stream, which is checked about once a second.
pub(super) async fn read_ahead(from: &mut ReadSide, input: &mut BytesMut) -> Result<(), Gone> {
    if input.len() < MAX_READ_AHEAD {
        input.reserve(READ);
        return match from.read_buf(input).await {
            Ok(0) | Err(_) => Err(Gone::Left),
            Ok(_) => Ok(()),
        };
    }
    while !from.is_closed() {
        tokio::time::sleep(LOOK).await;
    }
    Err(Gone::Left)
}

/// Waits for `waited`. Returns an error if the client leaves before.
pub(super) async fn unless_it_leaves<T>(
    from: &mut ReadSide,
    input: &mut BytesMut,
    waited: impl Future<Output = T>,
) -> Result<T, Gone> {
    let mut waited = pin!(waited);
    loop {
        tokio::select! {
            // What is ready already reads nothing from the stream.
            biased;
            done = &mut waited => return Ok(done),
            read = read_ahead(from, input) => read?,
        }
    }
}

impl Front {
    /// Judges a message. While the target's catalog is read for it, the client may leave or cancel.
    pub(super) async fn judge_message(
        &mut self,
        tag: FrontTag,
        frame: Bytes,
        number: Number,
    ) -> Result<Step, Gone> {
        let session = Rc::clone(&self.session);
        forget(&session.signals.asks_catalog).await;
        let mut judging = pin!(session.judge_message(tag, frame, number));
        tokio::select! {
            biased;
            step = &mut judging => return Ok(step?),
            () = session.signals.asks_catalog.notified() => {}
        }
        // A cancel request that came too late for an earlier wait is not meant for this one.
        forget(&session.signals.withdrawn).await;
        let settles = async {
            tokio::select! {
                biased;
                step = &mut judging => Some(step),
                () = session.signals.withdrawn.notified() => None,
            }
        };
        session.signals.set_held(true);
        let step = unless_it_leaves(&mut self.from, &mut self.input, settles).await;
        session.signals.set_held(false);
        if let Some(step) = step? {
            return Ok(step?);
        }
        let denied = Denied::new(DenyCode::BadRequest, "it was cancelled before it was judged");
        Ok(session.refused(Kind::unnamed(tag), SqlState::QUERY_CANCELED, denied.because("cancelled")))
    }
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::net::TcpStream;

    use super::*;
    use crate::transport::stream::Stream;

    const SOON: Duration = Duration::from_secs(3);

    /// Returns a peer and this side of its stream, which takes little at a time.
    async fn pair() -> (TcpStream, Stream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        SockRef::from(&peer).set_recv_buffer_size(8 << 10).unwrap();
        let stream = listener.accept().await.unwrap().0;
        SockRef::from(&stream).set_send_buffer_size(8 << 10).unwrap();
        (peer, Stream::Plain(stream))
    }

    #[tokio::test]
    async fn an_end_is_seen_while_a_target_takes_nothing() {
        // Less than is read ahead, and more.
        for sent in [0, MAX_READ_AHEAD / 2, MAX_READ_AHEAD + (16 << 10)] {
            let (_busy, mut target) = pair().await;
            let (mut client, stream) = pair().await;
            let (mut from, _to) = stream.sides();
            let mut input = BytesMut::new();
            let sends = async {
                client.write_all(&vec![b'x'; sent]).await.unwrap();
                client.shutdown().await.unwrap();
            };
            let much = vec![b'y'; 32 << 20];
            let waits = unless_it_leaves(&mut from, &mut input, target.write_all(&much));
            let (seen, ()) = tokio::join!(tokio::time::timeout(SOON, waits), sends);
            assert!(matches!(seen, Ok(Err(Gone::Left))), "{sent} {seen:?}");
            assert!(
                input.len() >= sent.min(MAX_READ_AHEAD) && input.capacity() <= 4 * MAX_READ_AHEAD,
                "{sent}"
            );
        }
    }

    #[tokio::test]
    async fn what_need_not_be_waited_for_takes_nothing_from_the_stream() {
        let (mut client, stream) = pair().await;
        let (mut from, _to) = stream.sides();
        client.write_all(b"more").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut input = BytesMut::new();
        let done = unless_it_leaves(&mut from, &mut input, std::future::ready(7)).await;
        assert!(matches!(done, Ok(7)) && input.is_empty());
    }
}
