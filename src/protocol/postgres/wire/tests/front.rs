//! A client's messages: valid ones, refused ones, and that what is written is what is read.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::only_frame;
use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::error::WriteError;
use crate::protocol::postgres::wire::front::*;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::FrontTag;
use crate::protocol::postgres::wire::tag::Stage;
use crate::protocol::postgres::wire::tag::Tag;
use crate::protocol::postgres::wire::values::Format;

fn read(tag: u8, body: &[u8]) -> Result<FrontMessage<'_>, WireError> {
    let tag = FrontTag::of(tag, Stage::Session).or_else(|| FrontTag::of(tag, Stage::Login));
    FrontMessage::read(tag.unwrap(), body)
}

#[test]
fn ordinary_messages_are_read() {
    assert_eq!(read(b'Q', b"SELECT 1\0"), Ok(FrontMessage::Query(Query { sql: b"SELECT 1" })));
    assert_eq!(read(b'Q', b"\0"), Ok(FrontMessage::Query(Query { sql: b"" })));
    let Ok(FrontMessage::Parse(parse)) = read(b'P', b"s1\0SELECT $1\0\0\x02\0\0\0\x17\0\0\0\0") else {
        panic!("no Parse");
    };
    assert_eq!((parse.name, parse.sql, parse.text()), (&b"s1"[..], &b"SELECT $1"[..], Ok("SELECT $1")));
    assert_eq!((parse.types.count(), parse.types.each().collect()), (2, vec![23, 0]));
    assert_eq!(read(b'D', b"Sx\0"), Ok(FrontMessage::Describe(Named::Statement(b"x"))));
    assert_eq!(read(b'C', b"P\0"), Ok(FrontMessage::Close(Named::Portal(b""))));
    assert_eq!(read(b'E', b"p\0\0\0\0\x05"), Ok(FrontMessage::Execute(Execute { portal: b"p", rows: 5 })));
    assert_eq!(read(b'S', b""), Ok(FrontMessage::Sync));
    assert_eq!(read(b'H', b""), Ok(FrontMessage::Flush));
    assert_eq!(read(b'X', b""), Ok(FrontMessage::Terminate));
    assert_eq!(read(b'd', b"1\t2\n"), Ok(FrontMessage::CopyData(b"1\t2\n")));
    assert_eq!(read(b'c', b""), Ok(FrontMessage::CopyDone));
    assert_eq!(read(b'f', b"no\0"), Ok(FrontMessage::CopyFail(b"no")));
}

#[test]
fn a_bind_is_read_with_its_formats() {
    let body = b"p\0s\0\0\x02\0\0\0\x01\0\x02\0\0\0\x01a\xff\xff\xff\xff\0\x01\0\x01";
    let Ok(FrontMessage::Bind(bind)) = read(b'B', body) else { panic!("no Bind") };
    assert_eq!((bind.portal, bind.statement), (&b"p"[..], &b"s"[..]));
    assert_eq!(bind.values.each().collect::<Vec<_>>(), [Some(&b"a"[..]), None]);
    assert_eq!(
        [0, 1, 2].map(|index| bind.formats.of(index)),
        [Some(Format::Text), Some(Format::Binary), None]
    );
    assert_eq!([0, 9].map(|index| bind.results.of(index)), [Some(Format::Binary); 2]);
    assert!(bind.results.fit(7) && bind.formats.fit(2) && !bind.formats.fit(3));
    let Ok(FrontMessage::Bind(bind)) = read(b'B', b"\0\0\0\0\0\0\0\0") else { panic!("no Bind") };
    assert_eq!((bind.results.of(3), bind.values.count()), (Some(Format::Text), 0));
}

#[test]
fn a_function_call_is_read() {
    let body = b"\0\0\x03\xbc\0\x01\0\x01\0\x01\0\0\0\x02ab\0\0";
    let Ok(FrontMessage::FunctionCall(call)) = read(b'F', body) else { panic!("no FunctionCall") };
    assert_eq!((call.function, call.result), (956, Format::Text));
    assert_eq!(call.values.each().collect::<Vec<_>>(), [Some(&b"ab"[..])]);
}

#[test]
fn what_a_client_proves_itself_with_is_read_and_not_shown() {
    let Ok(FrontMessage::Password(password)) = read(b'p', b"secret\0") else { panic!("no Password") };
    assert_eq!(password.cleartext(), Ok(&b"secret"[..]));
    assert_eq!(format!("{password:?}"), "Password(..)");
    let Ok(FrontMessage::Password(sasl)) = read(b'p', b"SCRAM-SHA-256\0\0\0\0\x04n,,x") else {
        panic!("no Password");
    };
    let initial = sasl.sasl_initial().unwrap();
    assert_eq!((initial.mechanism, initial.response), (&b"SCRAM-SHA-256"[..], Some(&b"n,,x"[..])));
    assert_eq!(format!("{initial:?}"), "SaslInitial(SCRAM-SHA-256, ..)");
    assert!(sasl.cleartext().is_err());
    for bad in [&b""[..], b"x", b"x\0\0", b"x\0y\0"] {
        let Ok(FrontMessage::Password(password)) = read(b'p', bad) else { panic!("no Password") };
        assert!(password.cleartext().is_err(), "{}", bad.escape_ascii());
        assert!(password.sasl_initial().is_err(), "{}", bad.escape_ascii());
        assert_eq!(password.sasl_response(), bad);
    }
}

#[test]
fn bad_messages_are_refused_with_08p01_and_words() {
    let negative_length = b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0";
    for (tag, body, words) in [
        (b'Q', &b""[..], "the SQL of Query has no end"),
        (b'Q', b"SELECT 1", "the SQL of Query has no end"),
        (b'Q', b"SELECT 1\0; DELETE\0", "Query has bytes after its end (9)"),
        (b'P', b"s\0SELECT 1", "the SQL of Parse has no end"),
        (b'P', b"s\0SELECT 1\0", "Parse ends before or inside its types of parameters"),
        (b'P', b"s\0x\0\xff\xff\0\0\0\x17", "Parse ends before or inside its types of parameters"),
        (b'P', b"s\0x\0\0\0\0", "Parse has bytes after its end (1)"),
        (b'B', b"p\0s", "the name of the statement of Bind has no end"),
        (
            b'B',
            b"\0\0\0\x01\0\x02\0\0\0\0",
            "the format code of a value of Bind is 2, but must be 0 for text or 1 for binary",
        ),
        (
            b'B',
            b"\0\0\0\x01\xff\xff\0\0\0\0",
            "the format code of a value of Bind is 65535, but must be 0 for text or 1 for binary",
        ),
        (b'B', b"\0\0\0\x02\0\0\0\0\0\x01\0\0\0\0\0\0", "Bind has 2 format codes for 1 values"),
        (b'B', negative_length, "the values of Bind is -2, but must be a length, or -1 for NULL"),
        (b'B', b"\0\0\0\0\0\x01\0\0\0\x05ab\0\0", "Bind ends before or inside its values"),
        (b'B', b"\0\0\0\0\0\0", "Bind ends before or inside its format code of a result"),
        (
            b'B',
            b"\0\0\0\0\0\0\0\x01\0\x07",
            "the format code of a result of Bind is 7, but must be 0 for text or 1 for binary",
        ),
        (b'B', b"\0\0\0\0\0\0\0\0!", "Bind has bytes after its end (1)"),
        (b'D', b"", "Describe ends before or inside its kind"),
        (b'D', b"S", "the name of Describe has no end"),
        (
            b'D',
            b"Xx\0",
            "the kind of Describe is 88, but must be 80 (P) for a portal or 83 (S) for a statement",
        ),
        (b'C', b"Sx\0y", "Close has bytes after its end (1)"),
        (b'E', b"p\0\0\0\0", "Execute ends before or inside its number of rows"),
        (
            b'E',
            b"p\0\xff\xff\xff\xff",
            "the number of rows of Execute is -1, but must be 0 for all of them, or more",
        ),
        (b'E', b"p\0\0\0\0\0\0", "Execute has bytes after its end (1)"),
        (b'S', b"x", "Sync has bytes after its end (1)"),
        (b'H', b"x", "Flush has bytes after its end (1)"),
        (b'X', b"xy", "Terminate has bytes after its end (2)"),
        (b'c', b"x", "CopyDone has bytes after its end (1)"),
        (b'f', b"no", "the reason of CopyFail has no end"),
        (b'F', b"\0\0\0\x01\0\0\0\0", "FunctionCall ends before or inside its format code of the result"),
        (
            b'F',
            b"\0\0\0\x01\0\0\0\0\0\x02",
            "the format code of the result of FunctionCall is 2, but must be 0 for text or 1 for binary",
        ),
        (b'F', b"\0\0\0\x01\0\x02\0\0\0\0\0\0\0\0", "FunctionCall has 2 format codes for 0 values"),
    ] {
        let error = read(tag, body).unwrap_err();
        assert_eq!(error.to_string(), words, "{} {}", char::from(tag), body.escape_ascii());
        assert_eq!(error.sqlstate(), SqlState::PROTOCOL_VIOLATION);
    }
}

#[test]
fn sql_that_is_not_utf8_is_told_apart_from_a_bad_message() {
    let Ok(FrontMessage::Query(query)) = read(b'Q', b"SELECT '\x83\x5c'\0") else { panic!("no Query") };
    let error = query.text().unwrap_err();
    assert_eq!(error.to_string(), "the SQL of Query is not UTF-8 at byte 8");
    assert_eq!(error.sqlstate(), SqlState::CHARACTER_NOT_IN_REPERTOIRE);
}

#[test]
fn writers_write_nothing_that_would_be_read_otherwise() {
    let out = &mut BytesMut::from(&b"before"[..]);
    let nul = |message, part| Err(WriteError::Nul { message, part });
    assert_eq!(write_query(out, b"a\0b"), nul("Query", "SQL"));
    assert_eq!(write_parse(out, b"a\0", b"x", &[]), nul("Parse", "name of the statement"));
    assert_eq!(write_parse(out, b"a", b"x\0", &[]), nul("Parse", "SQL"));
    assert_eq!(write_password(out, b"a\0"), nul("Password", "password"));
    assert_eq!(write_sasl_initial(out, "a\0", None), nul("Password", "mechanism"));
    assert_eq!(write_describe(out, Named::Portal(b"\0")), nul("Describe", "name"));
    assert!(write_password(out, &b"x".repeat(65_531)).is_err());
    assert!(write_close(out, Named::Statement(&b"x".repeat(9_995))).is_err());
    assert!(write_parse(out, b"", b"", &[0].repeat(65_536)).is_err());
    assert!(write_execute(out, Execute { portal: b"", rows: 1 << 31 }).is_err());
    let formats = [Format::Text; 2];
    let binding = Binding { portal: b"", statement: b"", formats: &formats, values: &[None], results: &[] };
    assert!(write_bind(out, &binding).is_err());
    let (values, results) = (vec![None; 65_536], []);
    let binding = Binding { portal: b"", statement: b"", formats: &[], values: &values, results: &results };
    let error = write_bind(out, &binding).unwrap_err();
    assert_eq!(error.to_string(), "Bind would have 65536 values, but can have at most 65535");
    assert_eq!(&out[..], b"before");
    assert_eq!(write_close(out, Named::Statement(&b"x".repeat(9_994))), Ok(()));
    assert_eq!(write_password(&mut BytesMut::new(), &b"x".repeat(65_530)), Ok(()));
}

#[test]
fn a_bind_can_have_65535_values() {
    let values = vec![Some(&b"x"[..]); 65_535];
    let formats = vec![Format::Binary; 65_535];
    let binding =
        Binding { portal: b"", statement: b"", formats: &formats, values: &values, results: &formats };
    let mut out = BytesMut::new();
    write_bind(&mut out, &binding).unwrap();
    let (_, body) = only_frame::<FrontTag>(&out, false);
    let bind = Bind::read(&body).unwrap();
    assert_eq!((bind.formats.count(), bind.values.count(), bind.results.count()), (65_535, 65_535, 65_535));
    assert_eq!(bind.formats.of(65_534), Some(Format::Binary));
}

#[test]
fn messages_without_a_body_are_what_the_manual_says() {
    let mut out = BytesMut::new();
    write_sync(&mut out);
    assert_eq!(only_frame::<FrontTag>(&out.split(), false), (FrontTag::Sync, vec![]));
    write_flush(&mut out);
    assert_eq!(only_frame::<FrontTag>(&out.split(), false), (FrontTag::Flush, vec![]));
    write_terminate(&mut out);
    assert_eq!(only_frame::<FrontTag>(&out.split(), false), (FrontTag::Terminate, vec![]));
}

fn texts() -> impl Strategy<Value = Vec<u8>> {
    vec(1..=255_u8, 0..40)
}

fn formats() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Text), Just(Format::Binary)]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        (name, sql, secret) in (texts(), texts(), texts()),
        types in vec(any::<u32>(), 0..20),
        rows in 0..=0x7fff_ffff_u32,
        response in proptest::option::of(vec(any::<u8>(), 0..40)),
    ) {
        let mut out = BytesMut::new();
        write_query(&mut out, &sql).unwrap();
        let (tag, body) = only_frame::<FrontTag>(&out.split(), false);
        prop_assert_eq!(FrontMessage::read(tag, &body), Ok(FrontMessage::Query(Query { sql: &sql })));
        write_parse(&mut out, &name, &sql, &types).unwrap();
        let (_, body) = only_frame::<FrontTag>(&out.split(), false);
        let parse = Parse::read(&body).unwrap();
        prop_assert_eq!((parse.name, parse.sql), (&name[..], &sql[..]));
        prop_assert_eq!(parse.types.each().collect::<Vec<_>>(), types);
        for named in [Named::Portal(&name), Named::Statement(&name)] {
            write_describe(&mut out, named).unwrap();
            let (tag, body) = only_frame::<FrontTag>(&out.split(), false);
            prop_assert_eq!(FrontMessage::read(tag, &body), Ok(FrontMessage::Describe(named)));
            write_close(&mut out, named).unwrap();
            let (tag, body) = only_frame::<FrontTag>(&out.split(), false);
            prop_assert_eq!(FrontMessage::read(tag, &body), Ok(FrontMessage::Close(named)));
        }
        let execute = Execute { portal: &name, rows };
        write_execute(&mut out, execute).unwrap();
        let (_, body) = only_frame::<FrontTag>(&out.split(), false);
        prop_assert_eq!(Execute::read(&body), Ok(execute));
        write_password(&mut out, &secret).unwrap();
        let (tag, body) = only_frame::<FrontTag>(&out.split(), true);
        let Ok(FrontMessage::Password(password)) = FrontMessage::read(tag, &body) else { panic!("no Password") };
        prop_assert_eq!(password.cleartext(), Ok(&secret[..]));
        write_sasl_initial(&mut out, "SCRAM-SHA-256", response.as_deref()).unwrap();
        let (tag, body) = only_frame::<FrontTag>(&out.split(), true);
        let Ok(FrontMessage::Password(password)) = FrontMessage::read(tag, &body) else { panic!("no Password") };
        prop_assert_eq!(password.sasl_initial().unwrap().response, response.as_deref());
        write_sasl_response(&mut out, &secret).unwrap();
        let (tag, body) = only_frame::<FrontTag>(&out.split(), true);
        let Ok(FrontMessage::Password(password)) = FrontMessage::read(tag, &body) else { panic!("no Password") };
        prop_assert_eq!(password.sasl_response(), &secret[..]);
    }

    #[test]
    fn a_bind_that_was_written_is_read(
        (portal, statement) in (texts(), texts()),
        cells in vec((proptest::option::of(vec(any::<u8>(), 0..30)), formats()), 0..20),
        results in vec(formats(), 0..20),
        how_many in 0..3,
    ) {
        let values: Vec<_> = cells.iter().map(|(value, _)| value.as_deref()).collect();
        let codes: Vec<_> = cells.iter().map(|(_, format)| *format).collect();
        let formats = match how_many {
            0 => vec![],
            1 => vec![Format::Binary],
            _ => codes,
        };
        let binding = Binding { portal: &portal, statement: &statement, formats: &formats, values: &values, results: &results };
        let mut out = BytesMut::new();
        write_bind(&mut out, &binding).unwrap();
        let (_, body) = only_frame::<FrontTag>(&out, false);
        let bind = Bind::read(&body).unwrap();
        prop_assert_eq!((bind.portal, bind.statement), (&portal[..], &statement[..]));
        prop_assert_eq!(bind.values.each().collect::<Vec<_>>(), values);
        prop_assert_eq!(bind.formats.codes().collect::<Vec<_>>(), formats);
        prop_assert_eq!(bind.results.codes().collect::<Vec<_>>(), results);
    }

    #[test]
    fn no_bytes_stop_a_view(body in vec(prop_oneof![Just(0_u8), 0..4_u8, any::<u8>()], 0..60)) {
        for tag in FrontTag::ALL {
            match FrontMessage::read(*tag, &body) {
                Ok(FrontMessage::Bind(bind)) => prop_assert_eq!(bind.values.each().count(), bind.values.count()),
                Ok(FrontMessage::FunctionCall(call)) => prop_assert_eq!(call.values.each().count(), call.values.count()),
                Ok(FrontMessage::Parse(parse)) => {
                    prop_assert_eq!(parse.types.each().count(), parse.types.count());
                    prop_assert_eq!(parse.text().is_ok(), std::str::from_utf8(parse.sql).is_ok());
                }
                Ok(FrontMessage::Password(password)) => {
                    prop_assert!(!(password.cleartext().is_ok() && password.sasl_initial().is_ok()));
                }
                Ok(_) => {}
                Err(error) => prop_assert_eq!(error.sqlstate(), SqlState::PROTOCOL_VIOLATION),
            }
        }
    }
}

/// Each format is found at once: asking for each of 65,535 in turn must not take quadratic time.
#[test]
fn the_format_of_each_of_many_values_is_found_at_once() {
    let count = u16::MAX;
    let mut body = b"\0\0".to_vec();
    body.extend(count.to_be_bytes());
    (0..count).for_each(|number| body.extend((number % 2).to_be_bytes()));
    body.extend(count.to_be_bytes());
    (0..count).for_each(|_| body.extend([0xff; 4]));
    body.extend([0, 0]);
    let bind = Bind::read(&body).unwrap();
    let begin = std::time::Instant::now();
    for number in 0..usize::from(count) {
        let wanted = if number % 2 == 0 { Format::Text } else { Format::Binary };
        assert_eq!(bind.formats.of(number), Some(wanted));
    }
    assert_eq!(bind.formats.of(usize::from(count)), None);
    assert!(begin.elapsed() < std::time::Duration::from_secs(2), "{:?}", begin.elapsed());
}
