//! Frames are found the same however the stream is cut, and their lengths are checked against the limits.

use bytes::BytesMut;
use proptest::prelude::*;

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::frame::Found;
use crate::protocol::postgres::wire::frame::Header;
use crate::protocol::postgres::wire::frame::Limits;
use crate::protocol::postgres::wire::frame::Part;
use crate::protocol::postgres::wire::frame::Scanner;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::BackTag;
use crate::protocol::postgres::wire::tag::FrontTag;
use crate::protocol::postgres::wire::tag::LONGEST;
use crate::protocol::postgres::wire::tag::Size;
use crate::protocol::postgres::wire::tag::Stage;
use crate::protocol::postgres::wire::tag::Tag;

fn in_session<T: Tag>(limits: Limits) -> Scanner<T> {
    let mut scanner = Scanner::new(limits);
    scanner.session_begins();
    scanner
}

fn head(tag: u8, length: i32) -> Vec<u8> {
    [&[tag][..], &length.to_be_bytes()].concat()
}

/// A frame as found: type, body, whether it came in pieces.
type Seen = (u8, Vec<u8>, bool);

/// Feeds `stream` in pieces that end at the seams. Returns the frames, the error, and the most bytes that had
/// to be held.
fn follow<T: Tag>(stream: &[u8], seams: &[usize], limits: Limits) -> (Vec<Seen>, Option<WireError>, usize) {
    let mut ends: Vec<usize> = seams.iter().map(|seam| seam % (stream.len() + 1)).collect();
    ends.push(stream.len());
    ends.sort_unstable();
    let mut scanner = in_session::<T>(limits);
    let (mut input, mut seen, mut held, mut from) = (BytesMut::new(), Vec::<Seen>::new(), 0, 0);
    for end in ends {
        input.extend_from_slice(&stream[from..end]);
        from = end;
        loop {
            match scanner.take(&mut input) {
                Ok(None) => break,
                Ok(Some(Part::Frame(tag, frame))) => seen.push((tag.byte(), frame[5..].to_vec(), false)),
                Ok(Some(Part::Long(header, bytes))) => {
                    assert_eq!(&bytes[1..], (header.body + 4).to_be_bytes());
                    assert!(!scanner.at_frame_start());
                    seen.push((header.tag.byte(), Vec::new(), true));
                }
                Ok(Some(Part::Piece(bytes, left))) => {
                    seen.last_mut().unwrap().1.extend_from_slice(&bytes);
                    assert_eq!(left == 0, scanner.at_frame_start());
                }
                Err(error) => return (seen, Some(error), held),
            }
        }
        held = held.max(input.len());
    }
    (seen, None, held)
}

#[test]
fn each_type_is_known_at_its_stage_only() {
    let known = |stage, of: fn(u8, Stage) -> bool| -> String {
        (0..=255_u8).filter(|&byte| of(byte, stage)).map(char::from).collect()
    };
    let front = |byte, stage| FrontTag::of(byte, stage).is_some();
    let back = |byte, stage| BackTag::of(byte, stage).is_some();
    assert_eq!(known(Stage::Login, front), "p");
    assert_eq!(known(Stage::Session, front), "BCDEFHPQSXcdf");
    assert_eq!(known(Stage::Login, back), "EKNRSZv");
    assert_eq!(known(Stage::Session, back), "123ACDEGHINSTVWZcdnst");
    for tag in FrontTag::ALL {
        let found = [Stage::Login, Stage::Session].map(|stage| FrontTag::of(tag.byte(), stage));
        assert!(found.contains(&Some(*tag)), "{}", tag.name());
    }
    for tag in BackTag::ALL {
        let found = [Stage::Login, Stage::Session].map(|stage| BackTag::of(tag.byte(), stage));
        assert!(found.contains(&Some(*tag)), "{}", tag.name());
    }
}

#[test]
fn a_type_the_peer_may_not_send_is_refused_with_its_first_byte() {
    let error = in_session::<FrontTag>(Limits::default()).look(b"p").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the client sent a message of type 0x70, which it may not send in a session"
    );
    assert_eq!(error.sqlstate(), SqlState::PROTOCOL_VIOLATION);
    let error = Scanner::<FrontTag>::new(Limits::default()).look(b"Q").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the client sent a message of type 0x51, which it may not send while logging in"
    );
    for byte in *b"Rv\0\xff" {
        assert!(in_session::<BackTag>(Limits::default()).look(&[byte]).is_err(), "{byte}");
    }
}

#[test]
fn lengths_are_held_to_what_the_type_may_have() {
    for (tag, length, good) in [
        (b'Q', i32::MIN, false),
        (b'Q', -1, false),
        (b'Q', 0, false),
        (b'Q', 3, false),
        (b'Q', 4, true),
        (b'Q', 0x3fff_ffff, true),
        (b'Q', 0x4000_0000, false),
        (b'P', 0x3fff_ffff, true),
        (b'B', 0x3fff_ffff, true),
        (b'F', 0x3fff_ffff, true),
        (b'd', 0x3fff_ffff, true),
        (b'd', i32::MAX, false),
        (b'S', 3, false),
        (b'S', 10_000, true),
        (b'S', 10_001, false),
        (b'c', 10_001, false),
        (b'f', 10_000, true),
        (b'E', 10_001, false),
        (b'D', 10_001, false),
        (b'X', 10_001, false),
    ] {
        let found = in_session::<FrontTag>(Limits::default()).look(&head(tag, length));
        assert_eq!(found.is_ok(), good, "{} {length}: {found:?}", char::from(tag));
        if let Err(error) = found {
            assert_eq!(error.sqlstate(), SqlState::PROTOCOL_VIOLATION);
        }
    }
    for (tag, length, good) in [
        (b'D', 0x3fff_ffff, true),
        (b'D', 0x4000_0000, false),
        (b'T', 4 << 20, true),
        (b't', 4 + 2 + 4 * 65_535, true),
        (b'E', 4 << 20, true),
        (b'Z', 30_000, true),
        (b'Z', 30_001, false),
        (b'S', 3, false),
    ] {
        let found = in_session::<BackTag>(Limits::default()).look(&head(tag, length));
        assert_eq!(found.is_ok(), good, "{} {length}: {found:?}", char::from(tag));
    }
    let mut login = Scanner::<FrontTag>::new(Limits::default());
    assert_eq!(login.look(&head(b'p', 65_535)), Ok(Found::Partial { missing: 65_531 }));
    let error = login.look(&head(b'p', 65_536)).unwrap_err();
    assert_eq!(error.to_string(), "the length of Password is 65536, but must be 4 to 65535");
}

#[test]
fn the_callers_own_limits_hold_for_large_types() {
    let limits = Limits { statement: 100, data: 200, whole: 50 };
    let mut front = in_session::<FrontTag>(limits);
    let error = front.look(&head(b'Q', 101)).unwrap_err();
    assert_eq!(error.to_string(), "Query has 101 bytes, more than the 100 that this gateway takes");
    assert_eq!(error.sqlstate(), SqlState::PROGRAM_LIMIT_EXCEEDED);
    assert!(front.look(&head(b'd', 201)).is_err());
    assert_eq!(front.look(&head(b'E', 201)), Ok(Found::Partial { missing: 197 }));
    assert_eq!(front.look(&head(b'B', 49)), Ok(Found::Partial { missing: 45 }));
    assert_eq!(front.look(&head(b'B', 50)), Ok(Found::Long(Header { tag: FrontTag::Bind, body: 46 })));
}

#[test]
fn a_row_of_a_gibibyte_passes_with_nothing_held() {
    let mut scanner = in_session::<BackTag>(Limits::default());
    let found = scanner.look(&head(b'D', LONGEST.try_into().unwrap())).unwrap();
    let Found::Long(header) = found else { panic!("{found:?}") };
    assert_eq!((found.bytes(), header.tag, header.body), (5, BackTag::DataRow, LONGEST - 4));
    let (buffer, mut passed) = (vec![b'Z'; 64 << 10], 0_u64);
    assert_eq!(scanner.look(&[]), Ok(Found::Partial { missing: 1 }));
    while !scanner.at_frame_start() {
        let Found::Piece { bytes, left } = scanner.look(&buffer).unwrap() else { panic!("no piece") };
        passed += bytes as u64;
        assert_eq!(u64::from(LONGEST - 4), passed + u64::from(left));
    }
    assert_eq!(scanner.look(b"Z\0\0\0\x05I").unwrap().bytes(), 6);
}

#[test]
fn what_is_missing_is_told() {
    let mut scanner = in_session::<FrontTag>(Limits::default());
    for (input, missing) in
        [(&b""[..], 5), (b"Q", 4), (b"Q\0\0\0", 1), (b"Q\0\0\0\x09", 5), (b"Q\0\0\0\x09abcd", 1)]
    {
        assert_eq!(scanner.look(input), Ok(Found::Partial { missing }));
    }
    assert_eq!(scanner.look(b"S\0\0\0\x04"), Ok(Found::Frame(Header { tag: FrontTag::Sync, body: 0 })));
}

#[test]
fn the_stage_changes_between_two_frames_of_one_read() {
    let mut input = BytesMut::from(&b"p\0\0\0\x06x\0Q\0\0\0\x05\0"[..]);
    let mut scanner = Scanner::<FrontTag>::new(Limits::default());
    assert!(matches!(scanner.take(&mut input), Ok(Some(Part::Frame(FrontTag::Password, _)))));
    scanner.session_begins();
    assert!(matches!(scanner.take(&mut input), Ok(Some(Part::Frame(FrontTag::Query, _)))));
    assert!(matches!(scanner.take(&mut input), Ok(None)));
}

fn streams<T: Tag + 'static>(all: &'static [T]) -> impl Strategy<Value = Vec<u8>> {
    let in_sessions: Vec<T> =
        all.iter().copied().filter(|tag| T::of(tag.byte(), Stage::Session).is_some()).collect();
    let frame = (proptest::sample::select(in_sessions), proptest::collection::vec(any::<u8>(), 0..90));
    proptest::collection::vec(frame, 0..12).prop_map(|frames| {
        let each = frames.into_iter().map(|(tag, body)| {
            let length = i32::try_from(body.len()).unwrap() + 4;
            [head(tag.byte(), length), body].concat()
        });
        each.collect::<Vec<_>>().concat()
    })
}

proptest! {
    #[test]
    fn frames_are_the_same_wherever_the_stream_is_cut(
        front in streams(FrontTag::ALL),
        back in streams(BackTag::ALL),
        seams in proptest::collection::vec(any::<usize>(), 0..60),
        whole in 0_usize..120,
    ) {
        let limits = Limits { whole, ..Limits::default() };
        let (frames, error, _) = follow::<FrontTag>(&front, &[], limits);
        prop_assert_eq!(error, None);
        for (tag, body, long) in &frames {
            let small = matches!(FrontTag::of(*tag, Stage::Session).unwrap().size(), Size::Small(_));
            prop_assert_eq!(*long, !small && !body.is_empty() && body.len() + 5 > whole);
        }
        prop_assert_eq!(&follow::<FrontTag>(&front, &seams, limits).0, &frames);
        let (frames, error, _) = follow::<BackTag>(&back, &[], limits);
        prop_assert_eq!(error, None);
        prop_assert_eq!(&follow::<BackTag>(&back, &seams, limits).0, &frames);
        let total: usize = frames.iter().map(|(_, body, _)| body.len() + 5).sum();
        prop_assert_eq!(total, back.len());
    }

    #[test]
    fn no_more_is_held_than_the_limit(
        body in 0_usize..3000,
        whole in 5_usize..200,
        size in 1_usize..64,
    ) {
        let length = i32::try_from(body).unwrap() + 4;
        let stream = [head(b'd', length), vec![7; body], head(b'S', 4)].concat();
        let seams: Vec<usize> = (0..stream.len()).step_by(size).collect();
        let (frames, error, held) = follow::<FrontTag>(&stream, &seams, Limits { whole, ..Limits::default() });
        prop_assert_eq!(error, None);
        prop_assert_eq!(frames, vec![(b'd', vec![7; body], body + 5 > whole), (b'S', vec![], false)]);
        prop_assert!(held < whole, "{} of {}", held, whole);
    }

    #[test]
    fn arbitrary_bytes_never_stop_it_and_are_read_alike_however_cut(
        bytes in proptest::collection::vec(prop_oneof![Just(0_u8), Just(4), any::<u8>()], 0..80),
        seams in proptest::collection::vec(any::<usize>(), 0..40),
    ) {
        let limits = Limits { whole: 20, ..Limits::default() };
        let (frames, error, _) = follow::<FrontTag>(&bytes, &[], limits);
        prop_assert_eq!(follow::<FrontTag>(&bytes, &seams, limits).0, frames);
        prop_assert_eq!(follow::<FrontTag>(&bytes, &seams, limits).1, error);
        let (frames, error, _) = follow::<BackTag>(&bytes, &[], limits);
        prop_assert_eq!(follow::<BackTag>(&bytes, &seams, limits).0, frames);
        prop_assert_eq!(follow::<BackTag>(&bytes, &seams, limits).1, error);
    }
}
