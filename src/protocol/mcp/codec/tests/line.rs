//! Lines are found independently of how the stream is split, and a message is always one line.

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::line::Line;
use crate::protocol::mcp::codec::line::Reader;
use crate::protocol::mcp::codec::line::TooLong;
use crate::protocol::mcp::codec::line::write;

fn read(pieces: &[Bytes], limit: usize) -> Vec<Result<Line, TooLong>> {
    let mut reader = Reader::new(limit);
    let mut lines = Vec::new();
    for piece in pieces {
        reader.push(piece.clone());
        while let Some(line) = reader.take().transpose() {
            lines.push(line);
        }
    }
    lines.extend(reader.finish().map(Ok));
    lines
}

fn whole(stream: &str, limit: usize) -> Vec<Result<Line, TooLong>> {
    read(&[Bytes::copy_from_slice(stream.as_bytes())], limit)
}

#[test]
fn messages_are_told_from_what_else_a_process_prints() {
    let message = |text: &'static str| Ok(Line::Message(Bytes::from_static(text.as_bytes())));
    let other = |text: &'static str| Ok(Line::Other(Bytes::from_static(text.as_bytes())));
    let stream = "{\"a\":1}\nlistening on 1\r\n\n \t\r\n {}\r\n[INFO] x\n[1]\n [ {}]\n\"s\"\n{cut";
    let wanted = [
        message("{\"a\":1}"),
        other("listening on 1"),
        message(" {}"),
        other("[INFO] x"),
        other("[1]"),
        message(" [ {}]"),
        other("\"s\""),
        message("{cut"),
    ];
    assert_eq!(whole(stream, 99), wanted);
}

#[test]
fn a_long_line_is_dropped_and_the_next_one_read() {
    let long = Err(TooLong { limit: 4, answers: None });
    let fine = Ok(Line::Message(Bytes::from_static(b"{12}")));
    let stream = "{12}\n{123}\n{12}\nxxxxxxxxxxxxxxxxxxxx{12}\n{12}\nxxxxx";
    let wanted = [fine.clone(), long.clone(), fine.clone(), long, fine];
    assert_eq!(whole(stream, 4), wanted);
    // Nothing of it is kept in the meantime.
    let mut reader = Reader::new(4);
    for piece in ["xxxx", "x", "xxxxxxxxx"] {
        reader.push(Bytes::from_static(piece.as_bytes()));
        assert_eq!(reader.take(), Ok(None));
    }
    assert_eq!(reader.finish(), None);
}

#[test]
fn a_long_line_names_the_request_that_it_answers() {
    let told = |line: &str| {
        let stream = format!("{line}\n{{}}\n");
        let pieces: Vec<Bytes> = stream.as_bytes().chunks(7).map(Bytes::copy_from_slice).collect();
        let [Err(told), Ok(_)] = &read(&pieces, 16)[..] else { panic!("{line}") };
        assert_eq!(whole(&stream, 16)[0], Err(told.clone()), "however it comes");
        told.answers.clone()
    };
    let long = "x".repeat(99);
    for line in [format!(r#"{{"id":7,"result":"{long}"}}"#), format!(r#"{{"result":"{long}","id":7}}"#)] {
        assert_eq!(told(&line), Some(Id::Number(7)), "{line}");
    }
    for line in [format!(r#"{{"id":7,"method":"{long}"}}"#), format!(r#"{{"id":7,"result":"{long}"#)] {
        assert_eq!(told(&line), None, "{line}");
    }
}

#[test]
fn a_line_in_one_piece_is_not_copied() {
    let piece = Bytes::from_static(b"x\n{}\n");
    let mut reader = Reader::new(9);
    reader.push(piece.clone());
    reader.take().unwrap();
    let Ok(Some(Line::Message(line))) = reader.take() else { panic!("no message") };
    assert_eq!(line.as_ptr(), piece[2..].as_ptr());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn each_cut_gives_the_same(
        stream in "([{}\\[a\r \n]|\n|\\{\\}){0,40}",
        seams in proptest::collection::vec(any::<usize>(), 0..9),
        limit in 1..9_usize,
    ) {
        prop_assert_eq!(read(&cut(stream.as_bytes(), &seams), limit), whole(&stream, limit));
    }

    #[test]
    fn a_message_with_line_ends_is_one_line_and_the_same_message(
        text: String,
        blanks in proptest::collection::vec("[ \r\n\t]{0,3}", 7),
    ) {
        let [a, b, c, d, e, f, g] = <[String; 7]>::try_from(blanks).unwrap();
        let text = serde_json::to_string(&text).unwrap();
        let body = format!("{a}{{{b}\"jsonrpc\"{c}:\"2.0\",{d}\"method\":{text}{e}}}{f}{g}");
        let mut out = BytesMut::new();
        write(body.as_bytes(), &mut out);
        prop_assert_eq!(out.len(), body.len() + 1);
        let lines = read(&[out.freeze()], 1 << 20);
        prop_assert_eq!(lines.len(), 1);
        let Ok(Line::Message(line)) = &lines[0] else { panic!("no message") };
        let told = Message::scan(line.clone(), Limits::new(1 << 20)).unwrap();
        let before = message(&body);
        prop_assert_eq!(told.method(), before.method());
    }
}
