//! The frame format of the write-ahead log: length, checksum, event.
//!
//! Frames follow each other without padding. An incomplete frame ends the file: no caller was ever told that
//! its event is recorded.

use crate::domain::event::Direction;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::event::MaskNote;
use crate::domain::id::RequestId;
use crate::domain::id::SessionId;

/// Size in bytes of a frame header: length and checksum (CRC-32), both little-endian.
const HEAD: usize = 8;
/// Maximum length of an event. A larger value in the length field means that the frame is damaged.
pub(crate) const MAX_LENGTH: usize = 256 << 20;

/// Appends everything of a frame except its tail, the event's `data`, to `out`.
///
/// # Errors
/// The event is longer than a frame may be.
pub(crate) fn push_head(out: &mut Vec<u8>, event: &Event) -> Result<(), &'static str> {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    out.extend_from_slice(&event.session.to_bits().to_le_bytes());
    out.extend_from_slice(&event.t_us.to_le_bytes());
    out.extend_from_slice(&event.ts_ms.to_le_bytes());
    let kind = event.kind.as_str().as_bytes();
    out.push(u8::try_from(kind.len()).map_err(|_too_long| "a kind with a long name")?);
    out.extend_from_slice(kind);
    out.push(match event.dir {
        None => 0,
        Some(Direction::C2s) => 1,
        Some(Direction::S2c) => 2,
    });
    out.push(u8::from(event.corr.is_some()));
    out.extend_from_slice(&event.corr.map_or(0, RequestId::to_bits).to_le_bytes());
    let notes_at = out.len();
    out.extend_from_slice(&[0; 4]);
    if !event.mask.is_empty() {
        MaskNote::write_all(&event.mask, out);
    }
    let length = out.len() - notes_at - 4;
    put_length(out, notes_at, length)?;
    let length = out.len() - start - HEAD + event.data.len();
    if length > MAX_LENGTH {
        return Err("an event longer than can be recorded");
    }
    put_length(out, start, length)?;
    let mut sum = flate2::Crc::new();
    sum.update(out.get(start..start + 4).unwrap_or_default());
    sum.update(out.get(start + HEAD..).unwrap_or_default());
    sum.update(event.data.as_bytes());
    if let Some(to) = out.get_mut(start + 4..).and_then(|rest| rest.first_chunk_mut::<4>()) {
        *to = sum.sum().to_le_bytes();
    }
    Ok(())
}

fn put_length(out: &mut [u8], at: usize, length: usize) -> Result<(), &'static str> {
    let length = u32::try_from(length).map_err(|_too_long| "an event longer than can be recorded")?;
    if let Some(to) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<4>()) {
        *to = length.to_le_bytes();
    }
    Ok(())
}

/// What follows in a log file.
#[derive(Debug)]
pub(crate) enum Next<'a> {
    /// One event, and the bytes after it.
    Event(Box<Event>, &'a [u8]),
    /// Nothing, or the beginning of a frame that was never finished.
    End,
    /// Bytes that are not a valid frame: the file is damaged.
    Damaged,
}

/// Reads the first frame of `bytes`.
pub(crate) fn next(bytes: &[u8]) -> Next<'_> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else { return Next::End };
    let [l0, l1, l2, l3, sum @ ..] = *head;
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    if length == 0 && u32::from_le_bytes(sum) == 0 {
        // After a power loss the file may be longer than the data that reached the disk. The rest reads as
        // zeros.
        return if rest.iter().all(|byte| *byte == 0) { Next::End } else { Next::Damaged };
    }
    if length > MAX_LENGTH {
        return Next::Damaged;
    }
    let Some((content, behind)) = rest.split_at_checked(length) else { return Next::End };
    let mut found = flate2::Crc::new();
    found.update(&[l0, l1, l2, l3]);
    found.update(content);
    if found.sum() != u32::from_le_bytes(sum) {
        let lost = behind.iter().all(|byte| *byte == 0) && content.ends_with(&[0]);
        return if lost { Next::End } else { Next::Damaged };
    }
    read(content).map_or(Next::Damaged, |event| Next::Event(Box::new(event), behind))
}

fn read(content: &[u8]) -> Option<Event> {
    let mut rest = content;
    let session = SessionId::from_bits(u128::from_le_bytes(*take(&mut rest)?));
    let t_us = u64::from_le_bytes(*take(&mut rest)?);
    let ts_ms = i64::from_le_bytes(*take(&mut rest)?);
    let [length] = *take::<1>(&mut rest)?;
    let kind = take_slice(&mut rest, usize::from(length))?;
    let kind = EventKind::ALL.into_iter().find(|known| known.as_str().as_bytes() == kind)?;
    let dir = match *take::<1>(&mut rest)? {
        [0] => None,
        [1] => Some(Direction::C2s),
        [2] => Some(Direction::S2c),
        _ => return None,
    };
    let [has_corr] = *take::<1>(&mut rest)?;
    let corr = RequestId::from_bits(u128::from_le_bytes(*take(&mut rest)?));
    let length = usize::try_from(u32::from_le_bytes(*take(&mut rest)?)).ok()?;
    let notes = take_slice(&mut rest, length)?;
    let mask: Vec<MaskNote> =
        if notes.is_empty() { Vec::new() } else { serde_json::from_slice(notes).ok()? };
    let data = std::str::from_utf8(rest).ok()?.into();
    Some(Event { session, t_us, ts_ms, kind, dir, corr: (has_corr == 1).then_some(corr), data, mask })
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(first)
}

fn take_slice<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (first, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(data: &str, notes: u64) -> Event {
        Event {
            session: SessionId::new(),
            t_us: 17,
            ts_ms: 1_795_166_049_118,
            kind: EventKind::HttpRequest,
            dir: Some(Direction::S2c),
            corr: notes.is_multiple_of(2).then(RequestId::new),
            data: data.into(),
            mask: (0..notes)
                .map(|n| MaskNote { entity: "US_SSN".to_owned(), at: "ssn".to_owned(), n })
                .collect(),
        }
    }

    fn frame(event: &Event) -> Vec<u8> {
        let mut out = Vec::new();
        push_head(&mut out, event).unwrap();
        out.extend_from_slice(event.data.as_bytes());
        out
    }

    proptest! {
        #[test]
        fn events_come_back_as_they_were(data in any::<String>(), notes in 0_u64..4, more in any::<String>()) {
            let (one, two) = (event(&data, notes), event(&more, 0));
            let bytes = [frame(&one), frame(&two)].concat();
            let Next::Event(first, rest) = next(&bytes) else { panic!("no event") };
            let Next::Event(second, rest) = next(rest) else { panic!("no event") };
            prop_assert!(matches!(next(rest), Next::End));
            for (put, got) in [(one, first), (two, second)] {
                prop_assert_eq!((put.session, put.t_us, put.ts_ms, put.kind), (got.session, got.t_us, got.ts_ms, got.kind));
                prop_assert_eq!((put.dir, put.corr, put.data, put.mask), (got.dir, got.corr, got.data, got.mask));
            }
        }

        #[test]
        fn a_frame_that_is_cut_short_is_the_end_and_a_changed_one_is_damage(
            data in "[a-z]{0,40}", cut in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>(), bit in 0_u8..8,
        ) {
            let whole = frame(&event(&data, 1));
            prop_assert!(matches!(next(&whole[..cut.index(whole.len())]), Next::End));
            let mut changed = whole.clone();
            changed[flip.index(whole.len())] ^= 1 << bit;
            changed.extend_from_slice(&whole);
            prop_assert!(!matches!(next(&changed), Next::Event(..)));
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            drop(next(&bytes));
        }
    }

    #[test]
    fn zeros_are_what_did_not_reach_the_disk() {
        let mut bytes = frame(&event("{}", 0));
        let whole = bytes.len();
        bytes.extend_from_slice(&[0; 4096]);
        let Next::Event(_, rest) = next(&bytes) else { panic!("no event") };
        assert!(matches!(next(rest), Next::End));
        bytes[whole - 1] = 0;
        assert!(matches!(next(&bytes[..whole]), Next::End), "its last page did not reach the disk");
        bytes[whole + 100] = 1;
        assert!(matches!(next(&bytes[whole..]), Next::Damaged));
    }
}
