//! Event streams are read independently of how they are split, and written events are read back.

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::protocol::mcp::codec::sse::Event;
use crate::protocol::mcp::codec::sse::Item;
use crate::protocol::mcp::codec::sse::KEEP_ALIVE;
use crate::protocol::mcp::codec::sse::Reader;
use crate::protocol::mcp::codec::sse::TooLong;
use crate::protocol::mcp::codec::sse::Unwritable;
use crate::protocol::mcp::codec::sse::write;
use crate::protocol::mcp::codec::sse::write_settings;

fn read(pieces: &[Bytes], limit: usize) -> (Vec<Item>, Option<TooLong>) {
    let mut reader = Reader::new(limit);
    let mut items = Vec::new();
    for piece in pieces {
        reader.push(piece.clone());
        loop {
            match reader.take() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(reader.take(), Err(error));
                    return (items, Some(error));
                }
            }
        }
    }
    (items, None)
}

fn whole(stream: &[u8]) -> Vec<Item> {
    let (items, error) = read(&[Bytes::copy_from_slice(stream)], 1 << 16);
    assert_eq!(error, None);
    items
}

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn event(kind: Option<&str>, id: Option<&str>, retry: Option<u64>, data: &str) -> Item {
    let data = Bytes::copy_from_slice(data.as_bytes());
    Item::Event(Event { event: kind.map(text), id: id.map(text), retry, data })
}

fn comment(words: &str) -> Item {
    Item::Comment(Bytes::copy_from_slice(words.as_bytes()))
}

#[test]
fn streams_are_read_as_the_standard_says() {
    let plain = |data: &str| event(None, None, None, data);
    for (stream, wanted) in [
        // The examples of the standard.
        ("data: YHOO\ndata: +2\ndata: 10\n\n", vec![plain("YHOO\n+2\n10")]),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            vec![
                comment(" test stream"),
                event(None, Some("1"), None, "first event"),
                event(None, Some(""), None, "second event"),
                plain(" third event"),
            ],
        ),
        ("data\n\ndata\ndata\n\ndata:", vec![plain(""), plain("\n")]),
        ("data:test\n\ndata: test\n\n", vec![plain("test"), plain("test")]),
        // Line ends of all kinds, and a byte order mark that counts only once.
        ("\u{feff}data: a\r\n\r\ndata: b\r\rdata: c\n\r\n", vec![plain("a"), plain("b"), plain("c")]),
        ("\u{feff}\u{feff}data: a\n\n", vec![]),
        ("\r\n\n\r\rdata: a\r\ndata: b\r\n\r\n", vec![plain("a\nb")]),
        // Fields.
        ("event: x\nid: 7\nretry: 1500\ndata: {}\n\n", vec![event(Some("x"), Some("7"), Some(1500), "{}")]),
        ("event: a\nevent: b\nid: 1\nid: 2\ndata:\n\n", vec![event(Some("b"), Some("2"), None, "")]),
        ("id: a\0b\ndata: x\n\n", vec![plain("x")]),
        ("id: 1\nid: a\0b\ndata: x\n\n", vec![event(None, Some("1"), None, "x")]),
        ("retry: 1x\nretry: -1\nretry:\nretry: 99999999999999999999999\ndata: x\n\n", vec![plain("x")]),
        ("Data: x\nDATA: y\n data: z\nother: 1\n\n", vec![]),
        ("event: x\n\ndata: y\n\n", vec![plain("y")]),
        ("data: a:b: c\n\n", vec![plain("a:b: c")]),
        // An id before a client is told to reconnect.
        (
            "id: p1\ndata:\n\nretry: 10\n\nid: p2\n\n",
            vec![
                event(None, Some("p1"), None, ""),
                Item::Settings { id: None, retry: Some(10) },
                Item::Settings { id: Some(text("p2")), retry: None },
            ],
        ),
        // Comments in between, and incomplete events.
        ("data: a\n:\ndata: b\n\n:x", vec![comment(""), plain("a\nb")]),
        ("data: whole\n\ndata: cut\n", vec![plain("whole")]),
    ] {
        assert_eq!(whole(stream.as_bytes()), wanted, "{stream:?}");
        let bytes: Vec<_> = stream.bytes().map(|byte| Bytes::from(vec![byte])).collect();
        assert_eq!(read(&bytes, 1 << 16), (wanted, None), "byte by byte: {stream:?}");
    }
}

#[test]
fn an_event_is_given_out_with_its_last_byte() {
    for end in ["\n\n", "\r\r", "\r\n\r"] {
        let mut reader = Reader::new(99);
        reader.push(Bytes::from(format!("data: a{end}")));
        assert_eq!(reader.take(), Ok(Some(event(None, None, None, "a"))), "{end:?}");
        reader.push(Bytes::from_static(b"\ndata: b"));
        assert_eq!(reader.take(), Ok(None));
        assert!(!reader.is_between());
        reader.push(Bytes::from_static(b"\n\n"));
        assert_eq!(reader.take(), Ok(Some(event(None, None, None, "b"))));
        assert_eq!(reader.take(), Ok(None));
        assert!(reader.is_between());
    }
}

#[test]
fn one_line_of_data_in_one_piece_is_not_copied() {
    let piece = Bytes::from_static(b"event: message\ndata: {\"a\":1}\n\ndata: 2\n\n");
    let mut reader = Reader::new(99);
    reader.push(piece.clone());
    for at in [21, 36] {
        let Ok(Some(Item::Event(event))) = reader.take() else { panic!("no event") };
        assert!(event.is_message());
        assert_eq!(event.data.as_ptr(), piece[at..].as_ptr());
    }
}

#[test]
fn what_does_not_end_is_refused_and_what_keeps_a_stream_open_is_not() {
    let long = TooLong { limit: 100 };
    for endless in ["x", "data: 1\n", "data: 1\r", "event: e\n", "data: 1\n:c\n", "id: 1\nx: y\n", ":c"] {
        let stream = endless.repeat(101);
        let (items, error) = read(&[Bytes::from(stream.clone())], 100);
        assert_eq!(error, Some(long), "{endless:?}");
        let pieces: Vec<_> = stream.bytes().map(|byte| Bytes::from(vec![byte])).collect();
        assert_eq!(read(&pieces, 100), (items, error), "{endless:?}");
    }
    let fits = format!("data: {}\n\n", "x".repeat(92));
    assert_eq!(read(&[Bytes::from(fits.repeat(3))], 100).0.len(), 3);
    assert_eq!(read(&[Bytes::from(fits)], 99).1, Some(TooLong { limit: 99 }));
    for endless in [": \n\n", ":\n", "unknown\n", "\n", "event: e\n\n", "\r\n"] {
        let (_, error) = read(&[Bytes::from(endless.repeat(100))], 100);
        assert_eq!(error, None, "{endless:?}");
    }
}

#[test]
fn what_would_forge_a_field_is_not_written() {
    for bad in ["a\nb", "a\rb", "\n", "\0"] {
        let mut out = BytesMut::new();
        let id = Event { id: Some(text(bad)), ..Event::default() };
        assert_eq!(write(&id, &mut out), Err(Unwritable { field: "id" }));
        let kind = Event { event: Some(text(bad)), ..Event::default() };
        assert_eq!(write(&kind, &mut out), Err(Unwritable { field: "event" }));
        assert_eq!(write_settings(Some(bad.as_bytes()), None, &mut out), Err(Unwritable { field: "id" }));
        assert!(out.is_empty());
    }
    let mut out = BytesMut::new();
    let evil =
        Event { data: Bytes::from_static(b"{}\r\n\r\nid: x\rdata: y\n\nevent: z"), ..Event::default() };
    write(&evil, &mut out).unwrap();
    assert_eq!(whole(&out), [event(None, None, None, "{}\n\nid: x\ndata: y\n\nevent: z")]);
    assert_eq!(whole(KEEP_ALIVE), [comment(" ")]);
}

#[test]
fn an_event_is_written_line_by_line() {
    let mut out = BytesMut::new();
    let event = Event {
        event: Some(text("message")),
        id: Some(text("1")),
        retry: Some(9),
        data: Bytes::from_static(b"{}"),
    };
    write(&event, &mut out).unwrap();
    write_settings(None, None, &mut out).unwrap();
    write_settings(None, Some(3), &mut out).unwrap();
    assert_eq!(out, "event: message\nid: 1\nretry: 9\ndata: {}\n\nretry: 3\n\n");
}

/// Generates streams with many significant bytes.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let part = proptest::sample::select(
        &[
            "data", "data: a", "data:", "id: 1", "id", "event: e", "retry: 5", ":c", ":", "x", " ", "\n",
            "\n", "\n", "\r", "\r\n", "\r", "\u{feff}", "\0", "é",
        ][..],
    );
    let parts = proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat().into_bytes());
    prop_oneof![4 => parts, 1 => any::<Vec<u8>>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn each_cut_gives_the_same(
        stream in stream(),
        seams in proptest::collection::vec(any::<usize>(), 0..12),
        limit in 1..60_usize,
    ) {
        let wanted = read(&[Bytes::from(stream.clone())], limit);
        prop_assert_eq!(read(&cut(&stream, &seams), limit), wanted);
    }

    #[test]
    fn what_is_written_is_read_back(
        events in proptest::collection::vec(
            (
                proptest::option::of("[^\r\n\0]{0,6}"),
                proptest::option::of("[^\r\n\0]{0,6}"),
                any::<Option<u64>>(),
                "([ :a\n]|[^\r]){0,12}",
            ),
            0..6,
        ),
        seams in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        let sent: Vec<_> = events
            .iter()
            .map(|(kind, id, retry, data)| event(kind.as_deref(), id.as_deref(), *retry, data))
            .collect();
        let mut out = BytesMut::new();
        for item in &sent {
            let Item::Event(event) = item else { continue };
            write(event, &mut out).unwrap();
            out.extend_from_slice(KEEP_ALIVE);
        }
        let (mut items, error) = read(&cut(&out, &seams), 1 << 16);
        prop_assert_eq!(error, None);
        items.retain(|item| *item != comment(" "));
        prop_assert_eq!(items, sent);
    }
}
