//! The WebSocket close frame (RFC 6455, sections 5.5.1 and 7.4.1).

use crate::domain::SessionEnd;

/// The longest payload of a control frame.
const LONGEST: usize = 125;

/// Builds the frame that tells a client why its session ended.
pub fn to_client(end: SessionEnd) -> Vec<u8> {
    frame(code(end), end.as_str(), None)
}

/// Builds the frame that tells a target that its client goes away, masked with `key` as a client's frames
/// are.
pub fn to_target(key: [u8; 4]) -> Vec<u8> {
    frame(1001, "", Some(key))
}

/// Returns the close code for the client: 1001 if the gateway stops, else 1008.
pub fn code(end: SessionEnd) -> u16 {
    match end {
        SessionEnd::Stopped => 1001,
        _ => 1008,
    }
}

fn frame(code: u16, reason: &str, key: Option<[u8; 4]>) -> Vec<u8> {
    let payload = code.to_be_bytes().into_iter().chain(reason.bytes()).take(LONGEST);
    let payload: Vec<u8> = match key {
        Some(key) => payload.zip(key.into_iter().cycle()).map(|(byte, key)| byte ^ key).collect(),
        None => payload.collect(),
    };
    let masked = if key.is_some() { 0x80 } else { 0 };
    let mut frame = vec![0x88, masked | u8::try_from(payload.len()).unwrap_or_default()];
    frame.extend(key.into_iter().flatten());
    frame.extend(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http::frames::FrameReader;

    /// Returns the kind and payload of the one frame in `bytes`.
    fn read(from_client: bool, mut bytes: &[u8]) -> (&'static str, Vec<u8>) {
        let mut payload = Vec::new();
        let kind = FrameReader::new(from_client).next(&mut bytes, &mut payload).unwrap();
        assert!(bytes.is_empty());
        (kind.unwrap(), payload)
    }

    #[test]
    fn an_end_is_told_in_a_frame_that_the_other_side_can_read() {
        for end in SessionEnd::ALL {
            let (kind, payload) = read(false, &to_client(end));
            let code: u16 = if end == SessionEnd::Stopped { 1001 } else { 1008 };
            assert_eq!((kind, &payload[..2]), ("close", &code.to_be_bytes()[..]));
            assert_eq!(&payload[2..], end.as_str().as_bytes());
        }
        let bytes = to_target([1, 2, 3, 4]);
        let (kind, payload) = read(true, &bytes);
        assert_eq!((kind, &payload[..]), ("close", &1001_u16.to_be_bytes()[..]));
        assert_ne!(bytes[6..], payload, "it is masked");
    }
}
