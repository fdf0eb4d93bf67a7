//! A server's messages: valid ones, refused ones, and that what is written is what is read.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::only_frame;
use crate::protocol::postgres::wire::back::*;
use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::error::WriteError;
use crate::protocol::postgres::wire::opening::Version;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::BackTag;
use crate::protocol::postgres::wire::tag::Stage;
use crate::protocol::postgres::wire::tag::Tag;
use crate::protocol::postgres::wire::values::Format;

fn read(tag: u8, body: &[u8]) -> Result<BackMessage<'_>, WireError> {
    let tag = BackTag::of(tag, Stage::Session).or_else(|| BackTag::of(tag, Stage::Login));
    BackMessage::read(tag.unwrap(), body)
}

fn authentication(body: &[u8]) -> Authentication<'_> {
    match read(b'R', body) {
        Ok(BackMessage::Authentication(authentication)) => authentication,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_way_to_log_in_is_read() {
    assert_eq!(authentication(b"\0\0\0\0"), Authentication::Ok);
    assert_eq!(authentication(b"\0\0\0\x02"), Authentication::KerberosV5);
    assert_eq!(authentication(b"\0\0\0\x03"), Authentication::CleartextPassword);
    assert_eq!(authentication(b"\0\0\0\x05abcd"), Authentication::Md5Password(*b"abcd"));
    assert_eq!(authentication(b"\0\0\0\x07"), Authentication::Gss);
    assert_eq!(authentication(b"\0\0\0\x08x"), Authentication::GssContinue(b"x"));
    assert_eq!(authentication(b"\0\0\0\x09"), Authentication::Sspi);
    assert_eq!(authentication(b"\0\0\0\x0br=1"), Authentication::SaslContinue(b"r=1"));
    assert_eq!(authentication(b"\0\0\0\x0cv=1"), Authentication::SaslFinal(b"v=1"));
    let Authentication::Sasl(mechanisms) = authentication(b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
    else {
        panic!("no SASL");
    };
    let names: Vec<_> = mechanisms.each().collect();
    assert_eq!(names, [&b"SCRAM-SHA-256-PLUS"[..], b"SCRAM-SHA-256"]);
}

#[test]
fn what_a_session_says_is_read() {
    assert_eq!(
        read(b'S', b"client_encoding\0UTF8\0"),
        Ok(BackMessage::ParameterStatus(ParameterStatus { name: b"client_encoding", value: b"UTF8" }))
    );
    for (letter, transaction) in
        [(b"I", Transaction::Idle), (b"T", Transaction::Open), (b"E", Transaction::Failed)]
    {
        assert_eq!(read(b'Z', letter), Ok(BackMessage::ReadyForQuery(transaction)));
        assert_eq!([transaction.byte()], *letter);
    }
    assert_eq!(
        read(b'A', b"\0\0\0\x07ch\0hello\0"),
        Ok(BackMessage::NotificationResponse(Notification { process: 7, channel: b"ch", payload: b"hello" }))
    );
    let Ok(BackMessage::ParameterDescription(types)) = read(b't', b"\0\x01\0\0\0\x17") else {
        panic!("no ParameterDescription");
    };
    assert_eq!(types.each().collect::<Vec<_>>(), [23]);
    assert_eq!(read(b'V', b"\0\0\0\x01a"), Ok(BackMessage::FunctionCallResponse(Some(b"a"))));
    assert_eq!(read(b'V', b"\xff\xff\xff\xff"), Ok(BackMessage::FunctionCallResponse(None)));
    assert_eq!(read(b'd', b"x\n"), Ok(BackMessage::CopyData(b"x\n")));
    for (tag, message) in [
        (b'1', BackMessage::ParseComplete),
        (b'2', BackMessage::BindComplete),
        (b'3', BackMessage::CloseComplete),
        (b'I', BackMessage::EmptyQueryResponse),
        (b'c', BackMessage::CopyDone),
        (b'n', BackMessage::NoData),
        (b's', BackMessage::PortalSuspended),
    ] {
        assert_eq!(read(tag, b""), Ok(message));
        assert!(read(tag, b"\0").is_err(), "{message:?}");
    }
}

#[test]
fn keys_of_cancellation_have_4_to_256_bytes_and_are_not_shown() {
    for length in [0, 3, 4, 32, 256, 257] {
        let body = [&b"\0\0\0\x07"[..], &vec![b'k'; length]].concat();
        let good = (4..=256).contains(&length);
        assert_eq!(BackendKey::read(&body).is_ok(), good, "{length}");
        let mut out = BytesMut::new();
        let key = BackendKey { process: 7, key: &vec![b'k'; length] };
        assert_eq!(format!("{key:?}"), "BackendKey(7)");
        assert_eq!(write_backend_key(&mut out, Version::V3_2, &key).is_ok(), good, "{length}");
        assert_eq!(write_backend_key(&mut out, Version::V3_0, &key).is_ok(), length == 4, "{length}");
    }
    let error = BackendKey::read(b"\0\0\0\x07abc").unwrap_err();
    assert_eq!(error.to_string(), "the length of the key of BackendKeyData is 3, but must be 4 to 256");
}

#[test]
fn columns_say_where_they_come_from() {
    let body = b"\0\x02ssn\0\0\0\x40\x01\0\x03\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0\
        ctid\0\0\0\x40\x01\xff\xff\0\0\0\x1b\0\x06\xff\xff\xff\xff\0\x01";
    let Ok(BackMessage::RowDescription(description)) = read(b'T', body) else { panic!("no RowDescription") };
    assert_eq!(description.count(), 2);
    let columns: Vec<_> = description.columns().collect();
    assert_eq!(
        columns[0],
        Column {
            name: b"ssn",
            table: 0x4001,
            attribute: 3,
            data_type: 25,
            type_size: -1,
            type_modifier: -1,
            format: Format::Text,
        }
    );
    assert_eq!((columns[1].attribute, columns[1].type_size, columns[1].format), (-1, 6, Format::Binary));
    let none = RowDescription::read(b"\0\0").unwrap();
    assert_eq!((none.count(), none.columns().count()), (0, 0), "SELECT without columns");
}

#[test]
fn a_command_tag_says_how_many_rows_it_was() {
    for (tag, rows) in [
        (&b"SELECT 5\0"[..], Some(5)),
        (b"INSERT 0 12\0", Some(12)),
        (b"COPY 18446744073709551615\0", Some(u64::MAX)),
        (b"COPY 18446744073709551616\0", None),
        (b"SELECT \0", None),
        (b"SELECT -1\0", None),
        (b"BEGIN\0", None),
        (b"CREATE TABLE\0", None),
        (b"5\0", None),
        (b"\0", None),
    ] {
        assert_eq!(CommandTag::read(tag).unwrap().rows(), rows, "{}", tag.escape_ascii());
    }
}

#[test]
fn an_error_is_read_by_its_fields() {
    let body = b"SERREUR\0VERROR\0C23505\0Mduplicate key\0DKey (ssn)=(123) exists.\0nu\0\0";
    let Ok(BackMessage::ErrorResponse(report)) = read(b'E', body) else { panic!("no ErrorResponse") };
    assert_eq!(report.severity(), Some(Severity::Error));
    assert_eq!(report.code().unwrap().to_string(), "23505");
    assert_eq!(report.field(Field::MESSAGE), Some(&b"duplicate key"[..]));
    assert_eq!(report.field(Field::CONSTRAINT), Some(&b"u"[..]));
    assert_eq!(report.field(Field::HINT), None);
    assert_eq!(report.fields().count(), 6);
    let Ok(BackMessage::NoticeResponse(empty)) = read(b'N', b"\0") else { panic!("no NoticeResponse") };
    assert_eq!((empty.fields().count(), empty.severity(), empty.code()), (0, None, None));
    let Ok(BackMessage::NoticeResponse(odd)) = read(b'N', b"SODD\0Cabcde\0M\0\0") else {
        panic!("no NoticeResponse");
    };
    assert_eq!((odd.severity(), odd.code(), odd.field(Field::MESSAGE)), (None, None, Some(&b""[..])));
}

#[test]
fn copying_says_its_formats() {
    let Ok(BackMessage::CopyOutResponse(copy)) = read(b'H', b"\x01\0\x02\0\x01\0\x01") else {
        panic!("no copy")
    };
    assert_eq!((copy.format, copy.columns.count()), (Format::Binary, 2));
    let Ok(BackMessage::CopyInResponse(copy)) = read(b'G', b"\0\0\x01\0\0") else { panic!("no copy") };
    assert_eq!((copy.format, copy.columns.of(0)), (Format::Text, Some(Format::Text)));
    assert!(matches!(read(b'W', b"\0\0\0"), Ok(BackMessage::CopyBothResponse(_))));
}

#[test]
fn a_negotiation_is_read() {
    let Ok(BackMessage::NegotiateProtocolVersion(negotiation)) =
        read(b'v', b"\0\x03\0\x02\0\0\0\x02_pq_.a\0_pq_.b\0")
    else {
        panic!("no NegotiateProtocolVersion");
    };
    assert_eq!(negotiation.newest, Version::V3_2);
    assert_eq!(negotiation.options().collect::<Vec<_>>(), [b"_pq_.a", b"_pq_.b"]);
}

#[test]
fn bad_messages_are_refused_with_08p01_and_words() {
    for (tag, body, words) in [
        (b'R', &b"\0\0\0"[..], "Authentication ends before or inside its code"),
        (b'R', b"\0\0\0\x01", "the code of Authentication is 1, but must be 0, 2, 3, 5 or 7 to 12"),
        (b'R', b"\0\0\0\x0d", "the code of Authentication is 13, but must be 0, 2, 3, 5 or 7 to 12"),
        (b'R', b"\0\0\0\0x", "Authentication has bytes after its end (1)"),
        (b'R', b"\0\0\0\x05abc", "Authentication ends before or inside its salt"),
        (b'R', b"\0\0\0\x0a\0", "the number of mechanisms of Authentication is 0, but must be at least 1"),
        (b'R', b"\0\0\0\x0aX\0", "the mechanism of Authentication has no end"),
        (b'R', b"\0\0\0\x0aX\0\0y", "Authentication has bytes after its end (1)"),
        (b'K', b"\0\0\0", "BackendKeyData ends before or inside its process"),
        (b'S', b"a\0b", "the value of ParameterStatus has no end"),
        (b'S', b"a\0b\0c\0", "ParameterStatus has bytes after its end (2)"),
        (b'Z', b"", "ReadyForQuery ends before or inside its status"),
        (b'Z', b"X", "the status of ReadyForQuery is 88, but must be 69 (E), 73 (I) or 84 (T)"),
        (b'Z', b"II", "ReadyForQuery has bytes after its end (1)"),
        (b'T', b"\0\x01a\0", "RowDescription ends before or inside its table of a column"),
        (b'T', b"\0\x01a", "the name of a column of RowDescription has no end"),
        (b'T', b"\0\0x", "RowDescription has bytes after its end (1)"),
        (
            b'T',
            b"\0\x01a\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\x02",
            "the format code of a column of RowDescription is 2, but must be 0 for text or 1 for binary",
        ),
        (b'C', b"SELECT 1", "the tag of CommandComplete has no end"),
        (b'C', b"SELECT 1\0\0", "CommandComplete has bytes after its end (1)"),
        (b'E', b"", "ErrorResponse ends before or inside its last byte"),
        (b'E', b"Mx\0", "ErrorResponse ends before or inside its last byte"),
        (b'E', b"Mx", "the field of ErrorResponse has no end"),
        (b'N', b"Mx\0\0y", "NoticeResponse has bytes after its end (1)"),
        (b'A', b"\0\0\0\x01a\0b", "the payload of NotificationResponse has no end"),
        (b't', b"\0\x02\0\0\0\x17", "ParameterDescription ends before or inside its types of parameters"),
        (
            b'V',
            b"\xff\xff\xff\xfe",
            "the result of FunctionCallResponse is -2, but must be a length, or -1 for NULL",
        ),
        (b'V', b"\0\0\0\0x", "FunctionCallResponse has bytes after its end (1)"),
        (b'G', b"\x02\0\0", "the format of CopyInResponse is 2, but must be 0 for text or 1 for binary"),
        (
            b'H',
            b"\0\0\x01\0\x01",
            "the format code of a column of CopyOutResponse is 1, but must be 0, since the whole is text",
        ),
        (b'H', b"\0\0\x02\0\0", "CopyOutResponse ends before or inside its format code of a column"),
        (
            b'v',
            b"\0\x03\0\0\xff\xff\xff\xff",
            "the number of options of NegotiateProtocolVersion is -1, but must be 0 or more",
        ),
        (b'v', b"\0\x03\0\0\x7f\xff\xff\xffa\0", "the option of NegotiateProtocolVersion has no end"),
        (b'v', b"\0\x03\0\0\0\0\0\0a\0", "NegotiateProtocolVersion has bytes after its end (2)"),
    ] {
        let error = read(tag, body).unwrap_err();
        assert_eq!(error.to_string(), words, "{} {}", char::from(tag), body.escape_ascii());
        assert_eq!(error.sqlstate(), SqlState::PROTOCOL_VIOLATION);
    }
}

#[test]
fn the_bytes_of_a_login_are_those_of_the_manual() {
    let mut out = BytesMut::new();
    write_authentication_cleartext(&mut out);
    write_authentication_ok(&mut out);
    write_authentication_sasl(&mut out, &["SCRAM-SHA-256"]).unwrap();
    write_authentication_sasl_continue(&mut out, b"r=1").unwrap();
    write_authentication_sasl_final(&mut out, b"v=1").unwrap();
    write_parameter_status(&mut out, b"server_version", b"18.4").unwrap();
    write_backend_key(&mut out, Version::V3_0, &BackendKey { process: 1, key: b"abcd" }).unwrap();
    write_negotiation(&mut out, Version::V3_2, &["_pq_.x"]).unwrap();
    write_ready(&mut out, Transaction::Idle);
    assert_eq!(
        &out[..],
        b"R\0\0\0\x08\0\0\0\x03\
          R\0\0\0\x08\0\0\0\0\
          R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0\
          R\0\0\0\x0b\0\0\0\x0br=1\
          R\0\0\0\x0b\0\0\0\x0cv=1\
          S\0\0\0\x18server_version\x0018.4\0\
          K\0\0\0\x0c\0\0\0\x01abcd\
          v\0\0\0\x13\0\x03\0\x02\0\0\0\x01_pq_.x\0\
          Z\0\0\0\x05I"
    );
}

#[test]
fn writers_write_nothing_that_would_be_read_otherwise() {
    let out = &mut BytesMut::from(&b"before"[..]);
    let code = SqlState::INSUFFICIENT_PRIVILEGE;
    let field = Err(WriteError::Nul { message: "ErrorResponse", part: "field" });
    assert_eq!(write_error(out, &Words::new(Severity::Error, code, "a\0b")), field);
    let words = Words { hint: Some("\0"), ..Words::new(Severity::Error, code, "a") };
    assert_eq!(write_error(out, &words), field);
    let error = write_notice(out, &Words { detail: Some("\0"), ..words }).unwrap_err();
    assert_eq!(error.to_string(), "the field of NoticeResponse has a NUL in it");
    assert_eq!(error.sqlstate(), SqlState::CHARACTER_NOT_IN_REPERTOIRE);
    assert!(write_authentication_sasl(out, &[]).is_err());
    assert!(write_authentication_sasl(out, &["a", ""]).is_err());
    assert!(write_authentication_sasl_final(out, &b"x".repeat(29_993)).is_err());
    assert!(write_parameter_status(out, b"a\0", b"").is_err());
    assert!(write_parameter_status(out, b"a", &b"x".repeat(30_000)).is_err());
    assert!(write_command_complete(out, "SELECT\0 1").is_err());
    assert!(write_negotiation(out, Version::V3_0, &["\0"]).is_err());
    let column = Column {
        name: b"a\0",
        table: 0,
        attribute: 0,
        data_type: 25,
        type_size: -1,
        type_modifier: -1,
        format: Format::Text,
    };
    assert!(write_row_description(out, [column]).is_err());
    assert!(write_row_description(out, vec![Column { name: b"", ..column }; 65_536]).is_err());
    assert_eq!(&out[..], b"before");
}

fn texts() -> impl Strategy<Value = String> {
    "[^\u{0}]{0,30}"
}

proptest! {
    #[test]
    fn words_that_were_written_are_read(
        severity in proptest::sample::select(Severity::ALL.to_vec()),
        (message, detail, hint) in (texts(), proptest::option::of(texts()), proptest::option::of(texts())),
        position in proptest::option::of(any::<u32>()),
    ) {
        let words = Words {
            severity,
            code: SqlState::INSUFFICIENT_PRIVILEGE,
            message: &message,
            detail: detail.as_deref(),
            hint: hint.as_deref(),
            position,
        };
        let mut out = BytesMut::new();
        for (tag, write) in [
            (BackTag::ErrorResponse, write_error as fn(&mut BytesMut, &Words<'_>) -> Result<(), WriteError>),
            (BackTag::NoticeResponse, write_notice),
        ] {
            write(&mut out, &words).unwrap();
            let (found, body) = only_frame::<BackTag>(&out.split(), false);
            prop_assert_eq!(found, tag);
            let report = match BackMessage::read(tag, &body) {
                Ok(BackMessage::ErrorResponse(report) | BackMessage::NoticeResponse(report)) => report,
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(report.severity(), Some(severity));
            prop_assert_eq!(report.code(), Some(words.code));
            prop_assert_eq!(report.field(Field::MESSAGE), Some(message.as_bytes()));
            prop_assert_eq!(report.field(Field::DETAIL), detail.as_deref().map(str::as_bytes));
            prop_assert_eq!(report.field(Field::HINT), hint.as_deref().map(str::as_bytes));
            let position = position.map(|position| position.to_string().into_bytes());
            prop_assert_eq!(report.field(Field::POSITION), position.as_deref());
        }
    }

    #[test]
    fn what_is_written_is_read(
        names in vec((vec(1..=255_u8, 0..20), any::<u32>(), any::<i16>(), any::<i32>(), any::<bool>()), 0..20),
        (name, value) in (texts(), texts()),
        key in vec(any::<u8>(), 4..=256),
        options in vec(texts(), 0..5),
        process in any::<i32>(),
    ) {
        let columns: Vec<Column<'_>> = names.iter().map(|(name, oid, small, large, binary)| Column {
            name,
            table: *oid,
            attribute: *small,
            data_type: oid.rotate_left(7),
            type_size: small.wrapping_neg(),
            type_modifier: *large,
            format: if *binary { Format::Binary } else { Format::Text },
        }).collect();
        let mut out = BytesMut::new();
        write_row_description(&mut out, columns.iter().copied()).unwrap();
        let (_, body) = only_frame::<BackTag>(&out.split(), false);
        prop_assert_eq!(RowDescription::read(&body).unwrap().columns().collect::<Vec<_>>(), columns);
        write_parameter_status(&mut out, name.as_bytes(), value.as_bytes()).unwrap();
        let (_, body) = only_frame::<BackTag>(&out.split(), false);
        prop_assert_eq!(ParameterStatus::read(&body), Ok(ParameterStatus { name: name.as_bytes(), value: value.as_bytes() }));
        write_command_complete(&mut out, &name).unwrap();
        let (_, body) = only_frame::<BackTag>(&out.split(), false);
        prop_assert_eq!(CommandTag::read(&body), Ok(CommandTag { text: name.as_bytes() }));
        let key = BackendKey { process, key: &key };
        write_backend_key(&mut out, Version::V3_2, &key).unwrap();
        let (_, body) = only_frame::<BackTag>(&out.split(), true);
        prop_assert_eq!(BackendKey::read(&body), Ok(key));
        write_negotiation(&mut out, Version::V3_0, &options).unwrap();
        let (_, body) = only_frame::<BackTag>(&out.split(), true);
        let negotiation = Negotiation::read(&body).unwrap();
        prop_assert_eq!(negotiation.options().collect::<Vec<_>>(), options.iter().map(String::as_bytes).collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_stop_a_view(body in vec(prop_oneof![Just(0_u8), 0..4_u8, any::<u8>()], 0..60)) {
        for tag in BackTag::ALL {
            match BackMessage::read(*tag, &body) {
                Ok(BackMessage::DataRow(row)) => prop_assert_eq!(row.ranges().count(), row.count()),
                Ok(BackMessage::RowDescription(description)) => {
                    prop_assert_eq!(description.columns().count(), description.count());
                }
                Ok(BackMessage::ErrorResponse(report)) => {
                    // All bytes but the last are fields: a letter, a text and a NUL each.
                    let bytes: usize = report.fields().map(|(_, text)| text.len() + 2).sum();
                    prop_assert_eq!(bytes + 1, body.len());
                }
                Ok(BackMessage::Authentication(Authentication::Sasl(mechanisms))) => {
                    prop_assert!(mechanisms.each().count() > 0);
                }
                Ok(BackMessage::NegotiateProtocolVersion(negotiation)) => {
                    let bytes: usize = negotiation.options().map(|option| option.len() + 1).sum();
                    prop_assert_eq!(bytes + 8, body.len());
                }
                Ok(BackMessage::CommandComplete(tag)) => prop_assert!(tag.rows().is_none_or(|_| tag.text.contains(&b' '))),
                Ok(_) => {}
                Err(error) => prop_assert_eq!(error.sqlstate(), SqlState::PROTOCOL_VIOLATION),
            }
        }
    }
}
