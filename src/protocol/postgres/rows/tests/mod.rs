//! Tests what a client may see of results.

mod attacks;
mod exposure;
mod garbage;
mod guess;
mod json;
mod outputs;
mod queue;
mod report;
mod table;

use bytes::BytesMut;

use super::{Exposure, RowPlan};
use crate::mask::Notes;
use crate::protocol::postgres::catalog::Masked;
use crate::protocol::postgres::catalog::tests::plan;
use crate::protocol::postgres::wire::back::{
    Column, RowDescription, read_row, write_row, write_row_description,
};
use crate::protocol::postgres::wire::frame;
use crate::protocol::postgres::wire::values::Format;

type Cell = Option<Vec<u8>>;

/// Returns a column for an expression of this type.
fn column(name: &str, data_type: u32, format: Format) -> Column<'_> {
    let name = name.as_bytes();
    Column { name, table: 0, attribute: 0, data_type, type_size: -1, type_modifier: -1, format }
}

fn row_plan(masked: &Masked, columns: &[Column<'_>], exposure: Exposure) -> RowPlan {
    let mut out = BytesMut::new();
    write_row_description(&mut out, columns.iter().copied()).unwrap();
    RowPlan::of(masked, &RowDescription::read(frame::body(&out)).unwrap(), &[], exposure, None)
}

fn body(cells: &[Cell]) -> BytesMut {
    let mut out = BytesMut::new();
    write_row(&mut out, cells.iter().map(Option::as_deref)).unwrap();
    out.split_off(frame::HEADER)
}

/// Returns the values of a row once it is masked.
fn masked_row(plan: &RowPlan, cells: &[Cell], notes: &mut Notes) -> Vec<Cell> {
    let mut out = BytesMut::from(&b"before"[..]);
    plan.row(&body(cells), &mut out, notes, &mut Vec::new()).unwrap();
    let frame = out.split_off(6);
    assert_eq!(out, "before");
    assert_eq!(frame[0], b'D');
    assert_eq!(u32::from_be_bytes(frame[1..5].try_into().unwrap()) as usize, frame.len() - 1);
    read_row(frame::body(&frame)).unwrap().each().map(|cell| cell.map(<[u8]>::to_vec)).collect()
}

fn one(plan: &RowPlan, value: &[u8]) -> Cell {
    masked_row(plan, &[Some(value.to_vec())], &mut Notes::new()).remove(0)
}
