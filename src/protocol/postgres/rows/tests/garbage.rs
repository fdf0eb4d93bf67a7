//! Random rows: what is not masked stays byte for byte, and nothing stops the gateway.

use proptest::prelude::*;

use super::*;
use crate::domain::{Entity, MaskOp};
use crate::protocol::postgres::catalog::tests::catalog;
use crate::protocol::postgres::rows::Action;
use crate::protocol::postgres::rows::{clear_report, clear_status};
use crate::protocol::postgres::wire::back::{BackMessage, ParameterStatus};
use crate::protocol::postgres::wire::tag::BackTag;

fn everything() -> Masked {
    catalog().masked(&plan(&[
        (&["ssn", "data"], &Entity::BUILT_IN, MaskOp::KeepLast { n: 4 }),
        (&["public.customers.name"], &[], MaskOp::Hash),
    ]))
}

/// A name, a table, a column of it, a type, a format.
type Drawn = (&'static str, u32, i16, u32, bool);

fn drawn() -> impl Strategy<Value = Drawn> {
    let names = prop::sample::select(vec!["id", "ssn", "note", "x", "data"]);
    let tables = prop::sample::select(vec![0, 0, 1259, 12053, 16384, 16440, 17_000]);
    let types = prop::sample::select(vec![
        16, 17, 19, 20, 21, 23, 25, 114, 142, 700, 701, 869, 1007, 1009, 1043, 1082, 1231, 1700, 2249, 3802,
        16_999,
    ]);
    (names, tables, -1_i16..7, types, any::<bool>())
}

fn described<'a>((name, table, attribute, data_type, binary): &Drawn) -> Column<'a> {
    let format = if *binary { Format::Binary } else { Format::Text };
    let attribute = if *table == 0 { 0 } else { *attribute };
    Column { table: *table, attribute, ..column(name, *data_type, format) }
}

fn cell() -> impl Strategy<Value = Cell> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[ -~]{0,40}".prop_map(String::into_bytes),
        Just(b"alice@example.com".to_vec()),
        Just(b"\x01{\"ssn\": \"219-09-9999\"}".to_vec()),
        Just(b"{\"a\": [1, {\"ssn\": 4}]}".to_vec()),
        Just(4_111_111_111_111_111_i64.to_be_bytes().to_vec()),
    ];
    prop::option::of(bytes)
}

proptest! {
    #[test]
    fn a_masked_row_has_the_same_cells_but_for_those_that_are_masked(
        columns in prop::collection::vec((drawn(), cell()), 0..12), reaches in any::<bool>(),
    ) {
        let masked = everything();
        let exposure = if reaches { Exposure::ALL } else { Exposure::NOTHING };
        let described: Vec<Column<'_>> = columns.iter().map(|(column, _)| described(column)).collect();
        let plan = row_plan(&masked, &described, exposure);
        let cells: Vec<Cell> = columns.into_iter().map(|(_, cell)| cell).collect();
        let mut notes = Notes::new();
        let new = masked_row(&plan, &cells, &mut notes);
        prop_assert_eq!(new.len(), cells.len());
        for ((action, column), (new, old)) in plan.actions().zip(&described).zip(new.iter().zip(&cells)) {
            match action {
                Action::Pass => prop_assert_eq!(new, old),
                _ if old.is_none() => prop_assert_eq!(new, old),
                Action::Search => {}
                Action::Field(_) | Action::Withhold => {
                    let text = [19, 25, 114, 1043, 3802].contains(&column.data_type);
                    prop_assert!(text || new.is_none(), "{:?}", column);
                    prop_assert!(action != Action::Withhold || new.as_deref().is_none_or(|new| new == b"[REDACTED]"));
                }
            }
        }
        if notes.is_empty() {
            prop_assert_eq!(new, cells);
        }
    }

    #[test]
    fn rows_without_a_mask_are_copied_as_they_are(cells in prop::collection::vec(cell(), 0..20)) {
        let masked = catalog().masked(&plan(&[(&["ssn"], &[], MaskOp::Redact)]));
        let columns = vec![Column { table: 16384, attribute: 1, ..column("id", 17, Format::Binary) }; cells.len()];
        let plan = row_plan(&masked, &columns, Exposure::ALL);
        prop_assert!(plan.passes());
        prop_assert_eq!(masked_row(&plan, &cells, &mut Notes::new()), cells);
    }

    #[test]
    fn bytes_that_are_changed_stop_nothing(
        columns in prop::collection::vec((drawn(), cell()), 1..6),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let described: Vec<Column<'_>> = columns.iter().map(|(column, _)| described(column)).collect();
        let plan = row_plan(&everything(), &described, Exposure::NOTHING);
        let mut bytes = body(&columns.into_iter().map(|(_, cell)| cell).collect::<Vec<_>>());
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let mut out = BytesMut::new();
        match plan.row(&bytes, &mut out, &mut Notes::new(), &mut Vec::new()) {
            Ok(()) => prop_assert_eq!(read_row(frame::body(&out)).unwrap().count(), described.len()),
            Err(_) => prop_assert!(out.is_empty()),
        }
    }

    #[test]
    fn any_value_of_any_type_is_looked_into(data_type in any::<u32>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let plan = row_plan(&everything(), &[column("x", data_type, Format::Binary)], Exposure::NOTHING);
        one(&plan, &bytes);
    }

    #[test]
    fn any_report_stays_a_report(
        fields in prop::collection::vec((1_u8..=255, "[^\\x00]{0,30}"), 0..10), reaches in any::<bool>(),
    ) {
        let mut body: Vec<u8> = Vec::new();
        for (letter, text) in &fields {
            body.push(*letter);
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        let masked = everything();
        let exposure = if reaches { Exposure::ALL } else { Exposure::NOTHING };
        let BackMessage::NoticeResponse(report) = BackMessage::read(BackTag::NoticeResponse, &body).unwrap() else {
            panic!("a notice")
        };
        let cleared = clear_report(BackTag::NoticeResponse, &report, masked.plan(), exposure, false, &mut Notes::new());
        if let Some(frame) = cleared {
            prop_assert_eq!(frame[0], b'N');
            prop_assert!(BackMessage::read(BackTag::NoticeResponse, frame::body(&frame)).is_ok());
        }
        let status = ParameterStatus { name: b"x", value: fields.first().map_or(b"", |(_, text)| text.as_bytes()) };
        if let Some(frame) = clear_status(&status, masked.plan(), exposure, &mut Notes::new()) {
            prop_assert!(BackMessage::read(BackTag::ParameterStatus, frame::body(&frame)).is_ok());
        }
    }
}
