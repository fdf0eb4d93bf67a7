//! The unread part of a stream, as one contiguous buffer.

use bytes::Bytes;
use bytes::BytesMut;

/// Appends the next piece, in place if the buffer is not shared, so that a long message is not copied once
/// for each of its pieces.
pub(super) fn append(held: &mut Bytes, piece: Bytes) {
    if held.is_empty() {
        *held = piece;
        return;
    }
    let mut longer = std::mem::take(held).try_into_mut().unwrap_or_else(|shared| {
        let mut copy = BytesMut::with_capacity((shared.len() + piece.len()).saturating_mul(2));
        copy.extend_from_slice(&shared);
        copy
    });
    longer.extend_from_slice(&piece);
    *held = longer.freeze();
}
