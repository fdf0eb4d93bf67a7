//! Tests what is done to each column, and the ways around it.

use super::*;
use crate::domain::{Entity, MaskOp};
use crate::protocol::postgres::catalog::tests::{catalog, masked};
use crate::protocol::postgres::rows::Action;

const TEXT: u32 = 25;

fn of(table: u32, attribute: i16, name: &str) -> Column<'_> {
    Column { table, attribute, ..column(name, TEXT, Format::Text) }
}

fn first(masked: &Masked, column: Column<'_>, exposure: Exposure) -> Action {
    row_plan(masked, &[column], exposure).actions().next().unwrap()
}

#[test]
fn columns_are_masked_by_where_they_come_from() {
    let masked = masked();
    let (nothing, all) = (Exposure::NOTHING, Exposure::ALL);
    let is_field = |action| matches!(action, Action::Field(_));
    assert!(is_field(first(&masked, of(16384, 3, "note"), nothing)), "another name");
    assert!(is_field(first(&masked, of(16384, 3, "id"), all)));
    assert!(is_field(first(&masked, of(16384, 1, "Card"), nothing)), "a name that is masked anywhere");
    assert!(is_field(first(&masked, of(0, 0, "card"), nothing)));
    for (column, exposure, wanted) in [
        (of(16384, 1, "id"), all, Action::Pass),
        (of(16384, -1, "ctid"), all, Action::Pass),
        (of(16384, 6, "masked"), nothing, Action::Withhold),
        (of(16440, 2, "ssn"), all, Action::Pass),
        (of(16440, 0, "row"), all, Action::Pass),
        (of(1259, 2, "relname"), all, Action::Pass),
        (of(12053, 8, "most_common_vals"), nothing, Action::Withhold),
        (of(12053, 0, "pg_stats"), nothing, Action::Withhold),
        // A whole row, whatever the text does.
        (of(16384, 0, "customers"), nothing, Action::Withhold),
        // An expression. The name of a masked field does not make it one: `reverse(card) AS card` would show
        // its beginning.
        (Column { data_type: 20, ..of(0, 0, "count") }, nothing, Action::Pass),
        (of(0, 0, "data"), nothing, Action::Search),
        (Column { data_type: 3807, ..of(16384, 1, "id") }, nothing, Action::Withhold),
        // A whole row with JSON in it, and JSON in a user's type.
        (Column { data_type: 16481, ..of(16480, 0, "mails") }, nothing, Action::Withhold),
        (Column { data_type: 3802, ..of(16480, 2, "doc") }, nothing, Action::Search),
        (Column { data_type: 20_000, ..of(16480, 2, "doc") }, nothing, Action::Withhold),
        (of(0, 0, "x"), all, Action::Withhold),
        (of(0, 0, "card"), all, Action::Withhold),
    ] {
        assert_eq!(first(&masked, column, exposure), wanted, "{:?}", column.name.escape_ascii().to_string());
        assert!(!row_plan(&masked, &[column], exposure).stale());
    }
}

#[test]
fn what_the_catalogue_does_not_know_is_withheld() {
    let masked = masked();
    for column in [of(17_000, 1, "a"), of(17_000, 0, "a"), of(16384, 9, "added"), of(16384, 4, "dropped")] {
        let plan = row_plan(&masked, &[column], Exposure::NOTHING);
        assert_eq!(plan.actions().next(), Some(Action::Withhold));
        assert!(plan.stale());
        assert_eq!(one(&plan, b"secret").as_deref(), Some(&b"[REDACTED]"[..]));
    }
    let detectors = catalog().masked(&plan(&[(&[], &[Entity::UsSsn], MaskOp::Redact)]));
    let plan = row_plan(&detectors, &[of(17_000, 1, "a")], Exposure::ALL);
    assert!(!plan.stale() && plan.actions().next() == Some(Action::Search));
}

#[test]
fn rows_pass_where_no_column_is_masked() {
    let masked = masked();
    let pass = [of(16384, 1, "id"), Column { data_type: 20, ..of(0, 0, "count") }];
    assert!(row_plan(&masked, &pass, Exposure::NOTHING).passes());
    assert!(row_plan(&masked, &[], Exposure::ALL).passes());
    assert!(!row_plan(&masked, &[of(16384, 1, "id"), of(16384, 3, "ssn")], Exposure::NOTHING).passes());
    // Field names count inside JSON.
    let json = Column { data_type: 3802, ..of(16384, 1, "id") };
    assert!(!row_plan(&masked, &[json], Exposure::NOTHING).passes());
    let empty = catalog().masked(&plan(&[]));
    assert!(row_plan(&empty, &[of(17_000, 1, "a"), json], Exposure::ALL).passes());
}

#[test]
fn the_formats_of_a_bind_count_more_than_those_of_a_description() {
    let masked = catalog().masked(&plan(&[(&["ssn"], &[], MaskOp::Redact)]));
    let mut out = BytesMut::new();
    let columns = [column("a", 3802, Format::Text), column("b", 3802, Format::Text)];
    write_row_description(&mut out, columns).unwrap();
    let description = RowDescription::read(frame::body(&out)).unwrap();
    let (text, binary) = (&b"{\"ssn\": 1}"[..], &b"\x01{\"ssn\": 1}"[..]);
    for (formats, cells) in [
        (&[][..], [text, text]),
        (&[Format::Text], [text, text]),
        (&[Format::Binary], [binary, binary]),
        (&[Format::Text, Format::Binary], [text, binary]),
    ] {
        let plan = RowPlan::of(&masked, &description, formats, Exposure::NOTHING, None);
        let cells = cells.map(|cell| Some(cell.to_vec()));
        for (new, old) in masked_row(&plan, &cells, &mut Notes::new()).into_iter().zip(cells) {
            let wanted = String::from_utf8(old.unwrap()).unwrap().replace('1', "null");
            assert_eq!(String::from_utf8(new.unwrap()).unwrap(), wanted);
        }
    }
}

#[test]
fn the_client_is_told_which_columns_are_withheld() {
    let masked = masked();
    let plan = row_plan(&masked, &[of(0, 0, "a"), of(16384, 1, "id"), of(0, 0, "b")], Exposure::ALL);
    assert_eq!(plan.notes().as_deref(), Some("withheld, since masked values may be in them: a, b"));
    assert_eq!(row_plan(&masked, &[of(16384, 3, "ssn")], Exposure::ALL).notes(), None);
    let names: Vec<String> = (0..100).map(|n| format!("column{n}")).collect();
    let many: Vec<Column<'_>> = names.iter().map(|name| of(0, 0, name)).collect();
    assert!(row_plan(&masked, &many, Exposure::ALL).notes().unwrap().len() < 200);
    let mut notes = Notes::new();
    masked_row(&plan, &[Some(b"1".to_vec()), Some(b"2".to_vec()), None], &mut notes);
    assert_eq!((notes.total(), notes.as_slice()[0].entity.as_str()), (1, "withheld"));
}

#[test]
fn a_row_that_does_not_fit_is_not_sent() {
    let masked = masked();
    let plan = row_plan(&masked, &[of(16384, 1, "id"), of(16384, 3, "ssn")], Exposure::NOTHING);
    let mut out = BytesMut::from(&b"before"[..]);
    for cells in [&[][..], &[Some(b"1".to_vec())], &[None, None, None]] {
        assert!(plan.row(&body(cells), &mut out, &mut Notes::new(), &mut Vec::new()).is_err());
    }
    for bad in [&b""[..], b"\0\x02\0\0\0\x01a", b"\0\x02\xff\xff\xff\xff\xff\xff\xff\xffx"] {
        assert!(plan.row(bad, &mut out, &mut Notes::new(), &mut Vec::new()).is_err());
    }
    assert_eq!(out, "before");
}
