//! Clears a target's frames: a match within a message is found however the message is split into frames, and
//! however those are split into reads.

use std::collections::VecDeque;

use crate::protocol::http::frames::Head;
use crate::protocol::http::frames::Malformed;

/// The longest payload of a control frame (RFC 6455, section 5.5).
const LONGEST_CONTROL: u64 = 125;
/// How many bytes may queue behind a part of a message that is kept back.
const MOST_WAITING: usize = 64 << 10;

/// Removes something from messages without changing their length.
pub trait Clear {
    /// Takes the next piece of a message, and appends what may pass. It may keep back an end that could be
    /// the beginning of a match.
    fn piece(&mut self, input: &[u8], out: &mut Vec<u8>);
    /// Ends the message: appends what was kept back.
    fn rest(&mut self, out: &mut Vec<u8>);
    /// Clears a whole text; `None` if it may pass unchanged.
    fn whole(&self, text: &[u8]) -> Option<Vec<u8>>;
}

/// An entry of the output queue.
#[derive(Debug)]
enum Waiting {
    /// These bytes.
    Bytes(Vec<u8>),
    /// This many bytes of messages.
    Message(usize),
}

/// Clears the frames of one direction.
#[derive(Debug, Default)]
pub struct FrameClearer {
    head: Vec<u8>,
    /// The frame that is being read, and how much of its payload is still missing.
    frame: Option<(Head, u64)>,
    /// Whether a message has begun and not ended.
    in_message: bool,
    /// The payload of a control frame so far.
    control: Vec<u8>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// Bytes of messages that may pass.
    cleared: VecDeque<u8>,
}

impl FrameClearer {
    /// Takes bytes as they arrive, and appends those that may pass.
    ///
    /// # Errors
    /// The bytes are not frames of a server, or frames in an order that no client can read (RFC 6455, section
    /// 5.4).
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        clear: &mut impl Clear,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        loop {
            if self.frame.is_none() {
                bytes = self.read_head(bytes)?;
            }
            let Some((head, left)) = &mut self.frame else { break };
            let now = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
            let (part, rest) = bytes.split_at(now);
            *left = left.saturating_sub(now as u64);
            let (head, ends) = (*head, *left == 0);
            bytes = rest;
            if head.is_control() {
                self.control.extend_from_slice(part);
            } else {
                self.pass(part, clear);
            }
            if !ends {
                break;
            }
            self.frame = None;
            self.end(head, clear);
        }
        self.release(out);
        if self.waiting_bytes > MOST_WAITING { Err(Malformed) } else { Ok(()) }
    }

    /// Reads a frame's header, or as much of it as there is; returns the bytes behind it.
    fn read_head<'a>(&mut self, mut bytes: &'a [u8]) -> Result<&'a [u8], Malformed> {
        loop {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(bytes) };
            bytes = rest;
            self.head.push(byte);
            let Some(head) = Head::parse(&self.head, false)? else { continue };
            let fits = if head.is_control() {
                head.ends_message && head.length <= LONGEST_CONTROL
            } else {
                head.begins_message() != self.in_message
            };
            if !fits {
                return Err(Malformed);
            }
            if !head.is_control() {
                self.in_message = true;
            }
            let written = std::mem::take(&mut self.head);
            self.wait(written);
            self.frame = Some((head, head.length));
            return Ok(bytes);
        }
    }

    /// Clears a part of a message, and queues what may pass.
    fn pass(&mut self, part: &[u8], clear: &mut impl Clear) {
        let mut passed = Vec::with_capacity(part.len());
        clear.piece(part, &mut passed);
        self.cleared.extend(passed);
        match self.waiting.back_mut() {
            Some(Waiting::Message(count)) => *count = count.saturating_add(part.len()),
            _ if part.is_empty() => {}
            _ => self.waiting.push_back(Waiting::Message(part.len())),
        }
    }

    /// Ends a frame.
    fn end(&mut self, head: Head, clear: &mut impl Clear) {
        if head.is_control() {
            let payload = std::mem::take(&mut self.control);
            self.wait(clear.whole(&payload).unwrap_or(payload));
        } else if head.ends_message {
            self.in_message = false;
        }
        // Nothing follows a close frame: what is kept back would never be sent.
        if head.is_close() || (!head.is_control() && head.ends_message) {
            let mut rest = Vec::new();
            clear.rest(&mut rest);
            self.cleared.extend(rest);
        }
    }

    fn wait(&mut self, bytes: Vec<u8>) {
        self.waiting_bytes = self.waiting_bytes.saturating_add(bytes.len());
        self.waiting.push_back(Waiting::Bytes(bytes));
    }

    /// Appends what may pass, in the order in which it arrived.
    fn release(&mut self, out: &mut Vec<u8>) {
        while let Some(next) = self.waiting.front_mut() {
            match next {
                Waiting::Bytes(bytes) => {
                    self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes.len());
                    out.append(bytes);
                }
                Waiting::Message(count) => {
                    let now = self.cleared.len().min(*count);
                    out.extend(self.cleared.drain(..now));
                    *count = count.saturating_sub(now);
                    if *count > 0 {
                        return;
                    }
                }
            }
            self.waiting.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &[u8] = b"s3cret";

    /// Replaces the secret with stars, and keeps back what may be its beginning.
    #[derive(Default)]
    struct Stars(Vec<u8>);

    fn starred(text: &[u8]) -> Vec<u8> {
        let mut out = text.to_vec();
        for at in 0..(out.len() + 1).saturating_sub(SECRET.len()) {
            if out[at..].starts_with(SECRET) {
                out[at..at + SECRET.len()].fill(b'*');
            }
        }
        out
    }

    impl Clear for Stars {
        fn piece(&mut self, input: &[u8], out: &mut Vec<u8>) {
            self.0.extend_from_slice(input);
            self.0 = starred(&self.0);
            let held = (0..SECRET.len()).rev().find(|size| self.0.ends_with(&SECRET[..*size])).unwrap();
            out.extend(self.0.drain(..self.0.len() - held));
        }

        fn rest(&mut self, out: &mut Vec<u8>) {
            out.append(&mut self.0);
        }

        fn whole(&self, text: &[u8]) -> Option<Vec<u8>> {
            Some(starred(text))
        }
    }

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match u8::try_from(payload.len()) {
            Ok(short) if short < 126 => frame.push(short),
            _ => {
                frame.push(126);
                frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend_from_slice(payload);
        frame
    }

    fn cleared(bytes: &[u8], sizes: &[usize]) -> Result<Vec<u8>, Malformed> {
        let (mut clearer, mut stars, mut out) = (FrameClearer::default(), Stars::default(), Vec::new());
        let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
        while !rest.is_empty() {
            let (piece, others) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            clearer.push(piece, &mut stars, &mut out)?;
            rest = others;
        }
        Ok(out)
    }

    proptest! {
        #[test]
        fn a_message_is_cleared_however_it_is_cut(
            text in "[a-z]{0,9}(s3cret[a-z]{0,200}){0,3}", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
            pings in prop::collection::vec("(s3cret|s3|x){0,5}", 4), sizes in prop::collection::vec(1usize..40, 1..5),
        ) {
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            ends.push(text.len());
            ends.sort_unstable();
            let build = |clear: fn(&[u8]) -> Vec<u8>| {
                let (whole, mut start, mut out) = (clear(text.as_bytes()), 0, Vec::new());
                for (place, end) in ends.iter().enumerate() {
                    let kind = u8::from(place == 0) | if place + 1 == ends.len() { 0x80 } else { 0 };
                    out.extend(frame(kind, &whole[start..*end]));
                    out.extend(frame(0x89, &clear(pings[place % 4].as_bytes())));
                    start = *end;
                }
                out.extend(frame(0x81, &clear(b"the s3cret of the next one")));
                out
            };
            let came = build(<[u8]>::to_vec);
            prop_assert_eq!(cleared(&came, &sizes).unwrap(), build(starred));
        }
    }

    #[test]
    fn what_may_be_a_beginning_waits_for_the_next_frame_only_within_a_message() {
        let whole = [frame(0x81, b"an end that is s3"), frame(0x81, b"cret")].concat();
        assert_eq!(cleared(&whole, &[1]).unwrap(), whole, "two messages");
        let open = frame(0x01, b"so far s3");
        assert_eq!(cleared(&open, &[7]).unwrap(), open[..open.len() - 2]);
        let closed = [open, frame(0x88, b"")].concat();
        assert_eq!(cleared(&closed, &[7]).unwrap(), closed);
    }

    #[test]
    fn frames_in_an_order_that_no_client_reads_are_refused() {
        let endless = [frame(0x01, b"s3"), frame(0x89, &[b'x'; 100]).repeat(1000)].concat();
        for bytes in [
            frame(0x80, b"continues nothing"),
            [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
            frame(0x09, b"a ping in parts"),
            frame(0x89, &[b'x'; 126]),
            endless,
        ] {
            assert_eq!(cleared(&bytes, &[100]), Err(Malformed), "{:?}", &bytes[..bytes.len().min(9)]);
        }
    }
}
