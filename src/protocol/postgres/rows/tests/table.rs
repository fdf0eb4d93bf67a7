//! Types by operators by formats: what a value becomes.

use super::*;
use crate::domain::{Entity, MaskOp};
use crate::protocol::postgres::catalog::tests::catalog;

const SSN: &str = "219-09-9999";
const MAIL: &str = "alice@example.com";
const CARD: i64 = 4_111_111_111_111_111;

fn fields(op: &MaskOp) -> Masked {
    catalog().masked(&plan(&[(&["ssn"], &[], op.clone())]))
}

fn detectors() -> Masked {
    catalog().masked(&plan(&[(&[], &Entity::BUILT_IN, MaskOp::Redact)]))
}

fn shown(cell: &Cell) -> Option<String> {
    cell.as_ref().map(|cell| String::from_utf8_lossy(cell).into_owned())
}

/// Returns an array of one dimension.
fn array(element: u32, parts: &[&[u8]]) -> Vec<u8> {
    let head = [1, 0, element.cast_signed(), i32::try_from(parts.len()).unwrap(), 1];
    let mut out: Vec<u8> = head.into_iter().flat_map(i32::to_be_bytes).collect();
    for part in parts {
        out.extend(i32::try_from(part.len()).unwrap().to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

fn record(parts: &[(u32, &[u8])]) -> Vec<u8> {
    let mut out = i32::try_from(parts.len()).unwrap().to_be_bytes().to_vec();
    for (data_type, part) in parts {
        out.extend(data_type.to_be_bytes());
        out.extend(i32::try_from(part.len()).unwrap().to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

#[test]
fn under_a_masked_name_each_type_gets_a_value_that_is_valid_for_it() {
    let replace = MaskOp::Replace { with: "it's \"gone\"".into() };
    let ops = [
        MaskOp::Redact,
        MaskOp::KeepLast { n: 4 },
        MaskOp::KeepFirst { n: 3 },
        replace,
        MaskOp::Hash,
        MaskOp::Null,
    ];
    for op in &ops {
        let masked = fields(op);
        let wanted = match op {
            MaskOp::Redact => Some("[REDACTED]"),
            MaskOp::KeepLast { .. } => Some("***-**-9999"),
            MaskOp::KeepFirst { .. } => Some("219-**-****"),
            MaskOp::Replace { with } => Some(with.as_str()),
            MaskOp::Hash | MaskOp::Null => None,
        };
        for format in [Format::Text, Format::Binary] {
            let of = |data_type| row_plan(&masked, &[stored("SSN", data_type, format)], Exposure::NOTHING);
            for text in [25, 1043, 1042, 19, 705] {
                let cell = shown(&one(&of(text), SSN.as_bytes()));
                if *op == MaskOp::Hash {
                    let hash = cell.unwrap();
                    assert!(hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
                } else {
                    assert_eq!(cell.as_deref(), wanted, "{op:?} {text}");
                }
            }
            for json in
                ["\"219-09-9999\"", "219099999", "{\"a\":\"219-09-9999\"}", "[\"219-09-9999\"]", "true"]
            {
                let plain = shown(&one(&of(114), json.as_bytes()));
                let prefix = if format == Format::Binary { "\x01" } else { "" };
                let binary = shown(&one(&of(3802), format!("{prefix}{json}").as_bytes()));
                if *op == MaskOp::Null {
                    assert_eq!((plain, binary), (None, None));
                    continue;
                }
                let plain = plain.unwrap();
                let value: serde_json::Value = serde_json::from_str(&plain).unwrap();
                assert!(value.is_string(), "{op:?} {json} {plain}");
                assert!(!plain.contains("219-09"), "{op:?} {plain}");
                assert_eq!(binary.as_deref(), Some(format!("{prefix}{plain}").as_str()));
            }
            // bool, bytea, int8, float8, xml, text[], inet, date, timestamptz, uuid, numeric, a type of an
            // extension
            for other in [16, 17, 20, 701, 142, 1009, 869, 1082, 1184, 2950, 1700, 16_999] {
                assert_eq!(one(&of(other), b"\0\0\0\0\0\0\0\x01"), None, "{op:?} {other}");
            }
            let untouched = masked_row(&of(25), &[None], &mut Notes::new());
            assert_eq!(untouched, [None], "NULL stays NULL");
        }
    }
    // A `jsonb` of an unknown version.
    let binary =
        row_plan(&fields(&MaskOp::Redact), &[column("ssn", 3802, Format::Binary)], Exposure::NOTHING);
    assert_eq!(one(&binary, b"\x02\"x\""), None);
    assert_eq!(one(&binary, b""), None);
}

/// Returns the same column as one of a table.
fn stored(name: &str, data_type: u32, format: Format) -> Column<'_> {
    Column { table: 16384, attribute: 3, ..column(name, data_type, format) }
}

#[test]
fn what_a_text_computes_is_redacted_where_columns_are_hashed() {
    let rules = [(&["ssn"][..], &[Entity::UsSsn][..], MaskOp::Hash)];
    let masked = catalog().masked(&plan(&rules));
    for (name, data_type, value) in
        [("ssn", 25, SSN), ("ssn", 3802, "\"219-09-9999\""), ("x", 25, SSN), ("x", 25, "ssn=219-09-9999")]
    {
        let [computed, stored] =
            [column(name, data_type, Format::Text), stored(name, data_type, Format::Text)];
        let cell = |column| shown(&one(&row_plan(&masked, &[column], Exposure::NOTHING), value.as_bytes()));
        assert!(cell(computed).unwrap().contains("[REDACTED]"), "{name} {value}");
        let hash = cell(stored).unwrap();
        assert!(!hash.contains("219-09-9999") && !hash.contains("[REDACTED]"), "{name} {value} {hash}");
    }
    let document = row_plan(&masked, &[column("x", 114, Format::Text)], Exposure::NOTHING);
    assert!(shown(&one(&document, b"{\"ssn\":\"219-09-9999\"}")).unwrap().contains("[REDACTED]"));
}

#[test]
fn what_is_withheld_is_redacted_or_null() {
    let masked = fields(&MaskOp::Redact);
    for format in [Format::Text, Format::Binary] {
        let of = |data_type| row_plan(&masked, &[column("x", data_type, format)], Exposure::ALL);
        for text in [25, 1043, 1042, 19, 705] {
            assert_eq!(one(&of(text), b"secret").as_deref(), Some(&b"[REDACTED]"[..]));
        }
        for other in [16, 17, 20, 114, 142, 3802, 1009, 2249, 16_999] {
            assert_eq!(one(&of(other), b"{}"), None, "{other}");
        }
    }
}

#[test]
fn texts_are_no_longer_than_their_type() {
    let redact = fields(&MaskOp::Redact);
    let keep = fields(&MaskOp::KeepLast { n: 0 });
    for (masked, data_type, modifier, value, wanted) in [
        (&redact, 1043, 4 + 3, "abc", "[RE"),
        (&redact, 1042, 4 + 1, "abc", "["),
        (&redact, 1043, 4 + 10, "abc", "[REDACTED]"),
        (&redact, 1043, -1, "abc", "[REDACTED]"),
        (&redact, 1043, i32::MIN, "abc", "[REDACTED]"),
        (&redact, 1043, 4, "abc", "[REDACTED]"),
        (&redact, 25, 4 + 3, "abc", "[REDACTED]"),
        (&keep, 1043, 4 + 3, "abcdef", "***"),
        // Characters, not bytes.
        (&keep, 1043, 4 + 3, "¿¡a?!", "***"),
        (&keep, 1043, 4 + 9, "a", "*"),
    ] {
        let column = Column { type_modifier: modifier, ..column("ssn", data_type, Format::Text) };
        let plan = row_plan(masked, &[column], Exposure::NOTHING);
        assert_eq!(shown(&one(&plan, value.as_bytes())).as_deref(), Some(wanted), "{value} {modifier}");
    }
    let long = fields(&MaskOp::Replace { with: "é".repeat(40) });
    let name = row_plan(&long, &[column("ssn", 19, Format::Text)], Exposure::NOTHING);
    assert_eq!(shown(&one(&name, b"x")), Some("é".repeat(31)), "63 bytes, and no half character");
    let varchar = Column { type_modifier: 4 + 3, ..column("ssn", 1043, Format::Text) };
    let varchar = row_plan(&long, &[varchar], Exposure::NOTHING);
    assert_eq!(shown(&one(&varchar, b"x")), Some("é".repeat(3)));
}

#[test]
fn shapes_are_found_in_all_types() {
    let masked = detectors();
    let card = CARD.to_be_bytes();
    let float = 4_111_111_111_111_111_f64.to_be_bytes();
    let numeric: Vec<u8> =
        [4_u16, 3, 0, 0, 4111, 1111, 1111, 1111].into_iter().flat_map(u16::to_be_bytes).collect();
    let address = [2, 32, 0, 4, 192, 168, 7, 9];
    let mails = array(25, &[b"x", MAIL.as_bytes()]);
    let nested = record(&[(23, &[0, 0, 0, 1]), (1009, &mails)]);
    let jsonb = [&[1], format!("{{\"m\":\"{MAIL}\"}}").as_bytes()].concat();
    let digits = |byte: u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap());
    let hex: String = MAIL.bytes().flat_map(digits).collect();
    for (data_type, format, value, wanted) in [
        (25, Format::Text, SSN.as_bytes(), Some("[REDACTED]")),
        (25, Format::Binary, b"mail alice@example.com now", Some("mail [REDACTED] now")),
        (1043, Format::Binary, MAIL.as_bytes(), Some("[REDACTED]")),
        (142, Format::Text, b"<a>alice@example.com</a>", Some("<a>[REDACTED]</a>")),
        (114, Format::Text, b"{\"m\": \"alice@example.com\"}", Some("{\"m\": \"[REDACTED]\"}")),
        (3802, Format::Binary, &jsonb, Some("\x01{\"m\":\"[REDACTED]\"}")),
        (114, Format::Text, b"{not json: alice@example.com", None),
        (20, Format::Text, b"4111111111111111", None),
        (20, Format::Binary, &card, None),
        (701, Format::Binary, &float, None),
        (1700, Format::Text, b"4111111111111111.00", None),
        (1700, Format::Binary, &numeric, None),
        (869, Format::Text, b"192.168.7.9", None),
        (869, Format::Binary, &address, None),
        (1009, Format::Text, b"{x,alice@example.com}", None),
        (1009, Format::Binary, &mails, None),
        (1016, Format::Binary, &array(20, &[&card]), None),
        (2249, Format::Text, b"(1,alice@example.com)", None),
        (2249, Format::Binary, &nested, None),
        (17, Format::Binary, MAIL.as_bytes(), None),
        (17, Format::Text, format!("\\x{hex}").as_bytes(), None),
        // Types of extensions and users: an enum, a composite type, an array of them.
        (16_999, Format::Text, MAIL.as_bytes(), None),
        (16_999, Format::Binary, MAIL.as_bytes(), None),
        (16_999, Format::Binary, &nested, None),
        (16_999, Format::Binary, &array(16_998, &[MAIL.as_bytes()]), None),
    ] {
        let plan = row_plan(&masked, &[column("x", data_type, format)], Exposure::NOTHING);
        assert_eq!(shown(&one(&plan, value)).as_deref(), wanted, "{data_type} {format:?}");
    }
}

#[test]
fn cells_without_anything_in_them_stay_as_they_are() {
    let masked = detectors();
    let words = array(25, &[b"x", b"yes"]);
    let nested = record(&[(23, &[0, 0, 0, 1]), (1009, &words), (16, &[1])]);
    let numeric: Vec<u8> = [1_u16, 0, 0, 0, 7].into_iter().flat_map(u16::to_be_bytes).collect();
    for (data_type, format, value) in [
        (25, Format::Text, &b"nothing to see"[..]),
        (25, Format::Binary, &[0xFF, 0xFE]),
        (114, Format::Text, b" {\"a\" : [1, null]} "),
        (3802, Format::Binary, b"\x01{\"a\": 1.50}"),
        (16, Format::Binary, &[1]),
        (21, Format::Binary, &[0, 7]),
        (23, Format::Binary, &[0, 0, 0, 7]),
        (20, Format::Binary, &[0; 8]),
        (700, Format::Binary, &[0; 4]),
        (701, Format::Binary, &[0; 8]),
        (1700, Format::Binary, &numeric),
        (1082, Format::Text, b"2024-01-31"),
        (1184, Format::Text, b"2024-01-31 10:11:12.131415+00"),
        (1082, Format::Binary, &[0xFF; 4]),
        (1184, Format::Binary, &[0xFF; 8]),
        (1186, Format::Binary, &[0xFF; 16]),
        (2950, Format::Binary, &[0xFF; 16]),
        (2950, Format::Text, b"5f1c8c2e-7f0a-4f0e-9d55-0123456789ab"),
        (1009, Format::Text, b"{x,yes}"),
        (1009, Format::Binary, &words),
        (1009, Format::Binary, &array(25, &[])),
        (2249, Format::Binary, &nested),
        (17, Format::Binary, b"plain"),
        (17, Format::Text, b"\\x706c61696e"),
        (16_999, Format::Binary, b"happy"),
        (16_999, Format::Binary, &nested),
    ] {
        let plan = row_plan(&masked, &[column("x", data_type, format)], Exposure::NOTHING);
        assert_eq!(one(&plan, value).as_deref(), Some(value), "{data_type} {format:?}");
    }
}

#[test]
fn a_binary_cell_that_cannot_be_read_becomes_null() {
    let masked = detectors();
    let mut cut = array(25, &[b"x"]);
    cut.pop();
    let mut longer = array(25, &[b"x"]);
    longer.push(0);
    let mut deep = array(25, &[b"x"]);
    for _ in 0..20 {
        deep = record(&[(2249, &deep)]);
    }
    let huge = [6, 0, 25, i32::MAX, 1, i32::MAX, 1, i32::MAX, 1].map(i32::to_be_bytes).concat();
    // An hstore.
    let pairs = [&[0, 0, 0, 1, 0, 0, 0, 1][..], b"k", &[0, 0, 0, 17], MAIL.as_bytes()].concat();
    for (data_type, format, value) in [
        (17, Format::Binary, &[0_u8, 1, 2][..]),
        (17, Format::Text, b"\\x000102"),
        (17, Format::Text, b"\\xzz"),
        (17, Format::Text, b"a\\000b"),
        (20, Format::Binary, &[0; 7]),
        (1700, Format::Binary, &[0xFF; 8]),
        (1009, Format::Binary, &cut),
        (1009, Format::Binary, &longer),
        (1009, Format::Binary, &huge),
        (2249, Format::Binary, &deep),
        (3904, Format::Binary, &[0; 9]),
        (16_999, Format::Binary, &pairs),
        (16_999, Format::Binary, &[0xC3]),
    ] {
        let plan = row_plan(&masked, &[column("x", data_type, format)], Exposure::NOTHING);
        let mut notes = Notes::new();
        assert_eq!(masked_row(&plan, &[Some(value.to_vec())], &mut notes), [None], "{data_type} {format:?}");
        assert!(notes.as_slice().iter().any(|note| note.entity == "withheld"), "{data_type}");
    }
    // Without detectors nothing is searched.
    let named = fields(&MaskOp::Redact);
    assert!(row_plan(&named, &[column("x", 17, Format::Binary)], Exposure::NOTHING).passes());
}

#[test]
fn fields_inside_of_json_are_masked() {
    let masked = fields(&MaskOp::Redact);
    for (data_type, format, value, wanted) in [
        (114, Format::Text, "{\"ssn\": \"1\", \"a\":2}", "{\"ssn\": \"[REDACTED]\", \"a\":2}"),
        (3802, Format::Text, "{\"ssn\": 7}", "{\"ssn\": null}"),
        (3802, Format::Binary, "\x01[{\"ssn\": \"1\"}]", "\x01[{\"ssn\": \"[REDACTED]\"}]"),
        (25, Format::Text, "{\"ssn\": \"1\"}", "{\"ssn\": \"[REDACTED]\"}"),
    ] {
        let plan = row_plan(&masked, &[column("data", data_type, format)], Exposure::NOTHING);
        assert_eq!(shown(&one(&plan, value.as_bytes())).as_deref(), Some(wanted));
    }
    let plan = row_plan(&masked, &[column("data", 114, Format::Text)], Exposure::NOTHING);
    assert_eq!(one(&plan, b"{\"a\": 1, \"ssn\""), None, "what cannot be read is not shown");
}
