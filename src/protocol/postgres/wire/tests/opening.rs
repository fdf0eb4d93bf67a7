//! The packets at the beginning of a connection, by the lines of the protocol's check-list (P1, P2, P3, P5).

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::protocol::postgres::wire::error::WriteError;
use crate::protocol::postgres::wire::opening::*;
use crate::protocol::postgres::wire::sqlstate::SqlState;

const SSL: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
const GSS: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x30";

fn look(input: &[u8]) -> Result<Option<(Opening<'_>, usize)>, OpeningError> {
    Opener::new().look(input)
}

fn startup(version: u32, parameters: &[u8]) -> Vec<u8> {
    let length = u32::try_from(parameters.len()).unwrap() + 8;
    [&length.to_be_bytes()[..], &version.to_be_bytes(), parameters].concat()
}

#[test]
fn p1_a_first_length_other_than_8_to_10000_is_closed_without_a_word() {
    for first in
        [&b"\0\0\0\0"[..], b"\0\0\0\x07", b"\0\0\x27\x11", b"GET ", b"\xff\xff\xff\xff", b"\x80\0\0\x08"]
    {
        let error = look(first).unwrap_err();
        assert!(matches!(error, OpeningError::Length { .. }), "{error:?}");
        assert_eq!(error.sqlstate(), None);
    }
    assert_eq!(look(b"\0\0\x27\x10"), Ok(None), "10000 is the most");
    assert_eq!(look(b"\0\0\0"), Ok(None));
    let longest = startup(3 << 16, &[&b"user\0"[..], &[b'u'; 9_985], b"\0\0"].concat());
    assert_eq!(longest.len(), 9_999 + 1);
    assert!(matches!(look(&longest), Ok(Some((Opening::Startup(_), 10_000)))));
}

#[test]
fn p1_a_cancel_has_a_key_of_4_to_256_bytes_and_is_never_answered() {
    for length in [0, 3, 4, 32, 256, 257] {
        let packet = startup(80_877_102, &[&b"\0\0\0\x07"[..], &vec![b'k'; length]].concat());
        let found = look(&packet);
        if (4..=256).contains(&length) {
            let Ok(Some((Opening::Cancel(cancel), taken))) = found else { panic!("{found:?}") };
            assert_eq!((cancel.process, cancel.key.len(), taken), (7, length, packet.len()));
            assert_eq!(format!("{cancel:?}"), "Cancel(7)");
            let mut out = BytesMut::new();
            write_cancel_request(&mut out, cancel.process, cancel.key).unwrap();
            assert_eq!(&out[..], packet);
        } else {
            assert_eq!(found.unwrap_err().sqlstate(), None, "{length}");
            assert!(write_cancel_request(&mut BytesMut::new(), 7, &vec![0; length]).is_err());
        }
    }
    assert_eq!(look(&startup(80_877_102, b"\0\0")).unwrap_err().sqlstate(), None);
}

#[test]
fn p1_encryption_is_asked_for_once_each_in_either_order() {
    let mut out = BytesMut::new();
    write_ssl_request(&mut out);
    assert_eq!(&out[..], SSL);
    for (first, second) in [(SSL, GSS), (GSS, SSL)] {
        let mut opener = Opener::new();
        assert!(matches!(opener.look(first), Ok(Some((Opening::Ssl | Opening::Gss, 8)))));
        assert!(matches!(opener.look(second), Ok(Some((Opening::Ssl | Opening::Gss, 8)))));
        assert_eq!(opener.look(first), Err(OpeningError::Twice));
        assert_eq!(opener.look(second), Err(OpeningError::Twice));
        assert!(matches!(opener.look(&startup(3 << 16, b"\0")), Ok(Some((Opening::Startup(_), 9)))));
    }
    assert_eq!(look(SSL), Ok(Some((Opening::Ssl, 8))));
    assert_eq!(look(GSS), Ok(Some((Opening::Gss, 8))));
    assert_eq!(look(b"\0\0\0\x09\x04\xd2\x16\x2f\0"), Err(OpeningError::RequestLength { found: 9 }));
}

#[test]
fn p1_another_major_version_is_a_fatal_0a000() {
    for version in [0, 2 << 16, 4 << 16, 80_877_105, u32::MAX] {
        let error = look(&startup(version, b"\0")).unwrap_err();
        assert_eq!(error, OpeningError::Version(Version::from_number(version)));
        assert_eq!(error.sqlstate(), Some(SqlState::FEATURE_NOT_SUPPORTED));
    }
    assert_eq!(
        look(&startup(2 << 16, b"\0")).unwrap_err().to_string(),
        "protocol 2.0 is not spoken here, only 3.0 to 3.2"
    );
}

#[test]
fn p2_no_byte_comes_between_a_request_for_encryption_and_its_answer() {
    for request in [SSL, GSS] {
        let smuggled = [request, &startup(3 << 16, b"user\0mallory\0\0")].concat();
        let error = look(&smuggled).unwrap_err();
        assert_eq!(error, OpeningError::Early { bytes: smuggled.len() - 8 });
        assert_eq!(error.sqlstate(), Some(SqlState::PROTOCOL_VIOLATION));
        let mut opener = Opener::new();
        opener.look(SSL).unwrap();
        opener.encrypted();
        assert_eq!(opener.look(request), Err(OpeningError::Encrypted));
    }
}

#[test]
fn p3_tls_without_a_request_is_left_to_the_tls_layer() {
    assert_eq!(look(b"\x16"), Ok(Some((Opening::DirectTls, 0))));
    assert_eq!(look(b"\x16\x03\x01\x02\x00"), Ok(Some((Opening::DirectTls, 0))));
    let mut opener = Opener::new();
    opener.encrypted();
    assert_eq!(opener.look(b"\x16\x03\x01\x02"), Err(OpeningError::Length { found: 0x1603_0102 }));
    let mut opener = Opener::new();
    opener.look(SSL).unwrap();
    assert_eq!(opener.look(b"\x16\x03\x01\x02"), Err(OpeningError::Length { found: 0x1603_0102 }));
}

#[test]
fn p5_versions_3_0_to_3_2_are_spoken_and_newer_ones_become_3_2() {
    for (minor, spoken) in [
        (0, Version::V3_0),
        (1, Version::V3_0),
        (2, Version::V3_2),
        (3, Version::V3_2),
        (9999, Version::V3_2),
    ] {
        let version = Version { major: 3, minor };
        assert_eq!(version.spoken(), Some(spoken), "{version}");
        assert_eq!(Version::from_number(version.number()), version);
        let packet = startup(version.number(), b"user\0u\0\0");
        let Ok(Some((Opening::Startup(found), _))) = look(&packet) else { panic!("no startup") };
        assert_eq!(found.version, version);
    }
    assert_eq!(Version::V3_0.number(), 196_608);
    assert_eq!(Version { major: 4, minor: 0 }.spoken(), None);
}

#[test]
fn startup_packets_are_pairs_to_the_last_byte() {
    for (parameters, words) in [
        (&b""[..], "the name of a parameter of StartupMessage has no end"),
        (b"user", "the name of a parameter of StartupMessage has no end"),
        (b"user\0", "the value of a parameter of StartupMessage has no end"),
        (b"user\0u", "the value of a parameter of StartupMessage has no end"),
        (b"user\0u\0", "the name of a parameter of StartupMessage has no end"),
        (b"user\0u\0\0x", "StartupMessage has bytes after its end (1)"),
        (b"\0user\0u\0\0", "StartupMessage has bytes after its end (8)"),
    ] {
        let packet = startup(3 << 16, parameters);
        let error = look(&packet).unwrap_err();
        assert_eq!(error.to_string(), words);
        assert_eq!(error.sqlstate(), Some(SqlState::PROTOCOL_VIOLATION));
    }
    let packet = startup(3 << 16, b"user\0u\0empty\0\0user\0v\0\0");
    let Ok(Some((Opening::Startup(found), taken))) = look(&packet) else { panic!("no startup") };
    let pairs: Vec<_> = found.parameters().collect();
    assert_eq!(pairs, [(&b"user"[..], &b"u"[..]), (b"empty", b""), (b"user", b"v")]);
    assert_eq!(taken, packet.len());
}

#[test]
fn a_startup_packet_that_would_be_read_otherwise_is_not_written() {
    let mut out = BytesMut::from(&b"before"[..]);
    for pair in [("", "x"), ("a\0", "x"), ("a", "x\0")] {
        assert!(write_startup(&mut out, Version::V3_0, [pair]).is_err(), "{pair:?}");
    }
    let long = "x".repeat(9_990);
    let error = write_startup(&mut out, Version::V3_0, [("user", long.as_str())]).unwrap_err();
    assert!(matches!(error, WriteError::TooLong { found: 10_005, most: 10_000, .. }), "{error}");
    assert_eq!(&out[..], b"before");
}

proptest! {
    #[test]
    fn a_startup_packet_that_was_written_is_read_wherever_it_is_cut(
        pairs in vec(("[^\u{0}]{1,12}", "[^\u{0}]{0,12}"), 0..10),
        minor in any::<u16>(),
        behind in vec(any::<u8>(), 0..10),
    ) {
        let version = Version { major: 3, minor };
        let mut out = BytesMut::new();
        let texts = || pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        write_startup(&mut out, version, texts()).unwrap();
        let length = out.len();
        for cut in 0..length {
            prop_assert_eq!(look(&out[..cut]), Ok(None));
        }
        out.extend_from_slice(&behind);
        let Ok(Some((Opening::Startup(packet), taken))) = look(&out) else { panic!("no startup") };
        prop_assert_eq!((packet.version, taken), (version, length));
        let bytes: Vec<_> = texts().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        prop_assert_eq!(packet.parameters().collect::<Vec<_>>(), bytes);
    }

    #[test]
    fn no_bytes_stop_it(
        code in prop_oneof![Just(80_877_102_u32), Just(80_877_103), Just(80_877_104), Just(3 << 16), any::<u32>()],
        body in vec(prop_oneof![Just(0_u8), any::<u8>()], 0..60),
        raw in vec(any::<u8>(), 0..60),
    ) {
        let packet = startup(code, &body);
        if let Ok(Some((Opening::Startup(found), _))) = look(&packet) {
            let bytes: usize = found.parameters().map(|(name, value)| name.len() + value.len() + 2).sum();
            prop_assert_eq!(bytes + 1, body.len());
        }
        if let Ok(Some((_, taken))) = look(&raw) {
            prop_assert!(taken <= raw.len());
        }
    }
}
