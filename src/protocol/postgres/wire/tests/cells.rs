//! Rows: values as positions in the body, for every count that the protocol has.

use bytes::BytesMut;
use proptest::prelude::*;

use super::only_frame;
use crate::protocol::postgres::wire::back::read_row;
use crate::protocol::postgres::wire::back::write_row;
use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::error::WriteError;
use crate::protocol::postgres::wire::tag::BackTag;

#[test]
fn the_cells_of_a_row_are_places_in_its_body() {
    let body = b"\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0";
    let row = read_row(body).unwrap();
    assert_eq!(row.count(), 3);
    assert_eq!(row.ranges().collect::<Vec<_>>(), [Some(6..8), None, Some(16..16)]);
    assert_eq!(row.each().collect::<Vec<_>>(), [Some(&b"ab"[..]), None, Some(b"")]);
    assert_eq!(format!("{row:?}"), "Values(3)", "cells are masked, so they are not shown");
    assert_eq!(read_row(b"\0\0").unwrap().each().count(), 0);
}

#[test]
fn rows_that_are_not_exactly_one_are_refused() {
    let short = |part| WireError::Short { message: "DataRow", part };
    for (body, error) in [
        (&b""[..], short("cells")),
        (b"\0", short("cells")),
        (b"\0\x01", short("cells")),
        (b"\0\x01\0\0\0\x02a", short("cells")),
        (b"\0\x01\x7f\xff\xff\xffa", short("cells")),
        (b"\xff\xff\0\0\0\0", short("cells")),
        (b"\0\x01\0\0\0\x01ab", WireError::Trailing { message: "DataRow", bytes: 1 }),
        (b"\0\0x", WireError::Trailing { message: "DataRow", bytes: 1 }),
    ] {
        assert_eq!(read_row(body), Err(error), "{}", body.escape_ascii());
    }
    for negative in [-2, i32::MIN] {
        let body = [&b"\0\x01"[..], &i32::to_be_bytes(negative)].concat();
        let error = read_row(&body).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the cells of DataRow is {negative}, but must be a length, or -1 for NULL")
        );
    }
}

#[test]
fn a_row_has_at_most_65535_cells() {
    let mut out = BytesMut::from(&b"before"[..]);
    write_row(&mut out, std::iter::repeat_n(None, 65_535)).unwrap();
    let (tag, body) = only_frame::<BackTag>(&out.split_off(6), false);
    assert_eq!(tag, BackTag::DataRow);
    assert_eq!(read_row(&body).unwrap().each().filter(Option::is_none).count(), 65_535);
    let error = write_row(&mut out, std::iter::repeat_n(None, 65_536)).unwrap_err();
    assert_eq!(error, WriteError::TooMany { message: "DataRow", part: "cells", found: 65_536, most: 65_535 });
    assert_eq!(out, "before", "nothing is left of what was not written");
}

proptest! {
    #[test]
    fn a_row_that_was_written_is_read(
        cells in proptest::collection::vec(proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)), 0..30),
    ) {
        let mut out = BytesMut::new();
        write_row(&mut out, cells.iter().map(Option::as_deref)).unwrap();
        let (_, body) = only_frame::<BackTag>(&out, false);
        let row = read_row(&body).unwrap();
        prop_assert_eq!(row.count(), cells.len());
        prop_assert_eq!(row.each().collect::<Vec<_>>(), cells.iter().map(Option::as_deref).collect::<Vec<_>>());
        let by_place = row.ranges().map(|range| range.map(|range| body[range].to_vec()));
        prop_assert_eq!(by_place.collect::<Vec<_>>(), cells);
    }
}
