//! Tests that each message is read as written and each bad one refused, however the stream is cut.

mod back;
mod cells;
mod frames;
mod front;
mod opening;
mod startup;

use bytes::BytesMut;

use crate::protocol::postgres::wire::frame::Limits;
use crate::protocol::postgres::wire::frame::Part;
use crate::protocol::postgres::wire::frame::Scanner;
use crate::protocol::postgres::wire::tag::Tag;

/// Returns the type and body of the only frame in `out`, as a scanner finds it.
fn only_frame<T: Tag>(out: &BytesMut, login: bool) -> (T, Vec<u8>) {
    let mut scanner = Scanner::<T>::new(Limits { whole: usize::MAX, ..Limits::default() });
    if !login {
        scanner.session_begins();
    }
    let mut input = out.clone();
    let Some(Part::Frame(tag, frame)) = scanner.take(&mut input).unwrap() else { panic!("no whole frame") };
    assert!(input.is_empty(), "more than one frame");
    (tag, super::frame::body(&frame).to_vec())
}
