//! What has come of a stream and is not read yet, as one run of bytes.

use bytes::Bytes;
use bytes::BytesMut;

/// Puts the next piece behind what is there: in place where nobody else holds these bytes, so that what is long is not copied once for
/// each of its pieces.
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
