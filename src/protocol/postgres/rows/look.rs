//! Searches values of types that are not text for what is masked by its form: numbers, addresses, arrays,
//! rows, bytes.

use std::io::Write;

use super::cell::{JSONB_VERSION, Sort};
use super::numeric;
use crate::domain::hex;
use crate::mask::{Notes, Plan};
use crate::protocol::postgres::catalog::FIRST_USER_OID;

/// The most levels of arrays and rows within each other.
const DEEPEST: usize = 8;
/// The most dimensions of an array (`MAXDIM`).
const MOST_DIMENSIONS: i32 = 6;

/// Types without text, or with one byte of it at most.
const MUTE: &[u32] = &[
    16, 18, // bool, "char"
    1082, 1083, 1266, 1114, 1184, 1186, // date, time, timetz, timestamp, timestamptz, interval
    2950, 26, 27, 28, 29, 5069, 3220, // uuid, oid, tid, xid, cid, xid8, pg_lsn
    790, 829, 774, 2278, // money, macaddr, macaddr8, void
    24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191, // regproc and the like
];

/// The result of searching a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing that is masked.
    Nothing,
    /// Something that is masked.
    Something,
    /// It cannot be read.
    Unreadable,
}

/// A search through the values of one column.
pub(super) struct Sight<'a> {
    pub(super) plan: &'a Plan,
    pub(super) name: &'a str,
    pub(super) notes: &'a mut Notes,
    /// A buffer for a number as text.
    pub(super) room: &'a mut Vec<u8>,
}

impl Sight<'_> {
    /// Searches a value in text format.
    pub(super) fn text(&mut self, data_type: u32, value: &[u8]) -> Seen {
        if data_type != BYTEA {
            return self.characters(value);
        }
        match value.strip_prefix(b"\\x") {
            Some(digits) => match from_hex(digits) {
                Some(bytes) => self.printable(&bytes),
                None => Seen::Unreadable,
            },
            // The older escape format.
            None if memchr::memchr(b'\\', value).is_some() => Seen::Unreadable,
            None => self.characters(value),
        }
    }

    /// Searches a value in binary format, nested in `depth` others.
    pub(super) fn binary(&mut self, data_type: u32, value: &[u8], depth: usize) -> Seen {
        match data_type {
            data_type if MUTE.contains(&data_type) => Seen::Nothing,
            21 => self.shown(value.try_into().ok().map(i16::from_be_bytes)),
            23 => self.shown(value.try_into().ok().map(i32::from_be_bytes)),
            20 => self.shown(value.try_into().ok().map(i64::from_be_bytes)),
            700 => self.shown(value.try_into().ok().map(f32::from_be_bytes)),
            701 => self.shown(value.try_into().ok().map(f64::from_be_bytes)),
            1700 => self.shown(numeric::text(value)),
            // inet, cidr
            869 | 650 => self.shown(address(value)),
            BYTEA => self.printable(value),
            2249 => self.row(value, depth),
            3802 => match value.split_first() {
                Some((&JSONB_VERSION, json)) => self.characters(json),
                _ => Seen::Unreadable,
            },
            _ if Sort::of(data_type, -1) != Sort::Other => self.characters(value),
            _ => self.unknown(data_type, value, depth),
        }
    }

    /// Searches an array, or a value of a user's or extension's type: enums and `citext` are text, a
    /// composite type is in the format of a row.
    fn unknown(&mut self, data_type: u32, value: &[u8], depth: usize) -> Seen {
        match self.array(value, depth) {
            Seen::Unreadable if data_type >= FIRST_USER_OID => match self.row(value, depth) {
                Seen::Unreadable => self.printable(value),
                seen => seen,
            },
            seen => seen,
        }
    }

    fn characters(&mut self, text: &[u8]) -> Seen {
        match self.plan.cell(self.name, text, self.notes) {
            Some(_) => Seen::Something,
            None => Seen::Nothing,
        }
    }

    /// Searches bytes as text if all of them are printable.
    fn printable(&mut self, bytes: &[u8]) -> Seen {
        let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
        match std::str::from_utf8(bytes) {
            Ok(text) if text.chars().all(plain) => self.characters(bytes),
            _ => Seen::Unreadable,
        }
    }

    /// Searches a value as PostgreSQL shows it.
    fn shown(&mut self, value: Option<impl std::fmt::Display>) -> Seen {
        let Some(value) = value else { return Seen::Unreadable };
        let mut text = std::mem::take(self.room);
        text.clear();
        let seen = match write!(text, "{value}") {
            Ok(()) => self.characters(&text),
            Err(_) => Seen::Unreadable,
        };
        *self.room = text;
        seen
    }

    /// Searches an array: the number of dimensions, whether there are NULLs, the element type, the size and
    /// first index of each dimension, the elements.
    fn array(&mut self, value: &[u8], depth: usize) -> Seen {
        let mut rest = Rest(value);
        let Some((dimensions, flags, element)) = rest.int().zip(rest.int()).zip(rest.int()).map(flat) else {
            return Seen::Unreadable;
        };
        if !(0..=MOST_DIMENSIONS).contains(&dimensions) || !(0..=1).contains(&flags) || depth >= DEEPEST {
            return Seen::Unreadable;
        }
        let mut count: u32 = u32::from(dimensions > 0);
        for _ in 0..dimensions {
            let size = rest.int().zip(rest.int()).and_then(|(size, _)| u32::try_from(size).ok());
            match size.and_then(|size| count.checked_mul(size)) {
                Some(all) => count = all,
                None => return Seen::Unreadable,
            }
        }
        let element = element.cast_unsigned();
        self.all(rest, count, depth, |_| Some(element))
    }

    /// Searches a row: the number of fields, then the type and the value of each.
    fn row(&mut self, value: &[u8], depth: usize) -> Seen {
        let mut rest = Rest(value);
        let count = rest.int().and_then(|count| u32::try_from(count).ok());
        match count {
            Some(count) if depth < DEEPEST => {
                self.all(rest, count, depth, |rest| rest.int().map(i32::cast_unsigned))
            }
            _ => Seen::Unreadable,
        }
    }

    /// Searches this many values with their lengths, and nothing after them. All of them are read before the
    /// result is known.
    fn all(
        &mut self,
        mut rest: Rest<'_>,
        count: u32,
        depth: usize,
        of: impl Fn(&mut Rest<'_>) -> Option<u32>,
    ) -> Seen {
        let mut seen = Seen::Nothing;
        for _ in 0..count {
            let Some((data_type, part)) = of(&mut rest).and_then(|of| Some((of, rest.value()?))) else {
                return Seen::Unreadable;
            };
            let Part::Value(part) = part else { continue };
            match self.binary(data_type, part, depth + 1) {
                Seen::Nothing => {}
                Seen::Something => seen = Seen::Something,
                Seen::Unreadable => return Seen::Unreadable,
            }
        }
        if rest.0.is_empty() { seen } else { Seen::Unreadable }
    }
}

/// The oid of `bytea`.
const BYTEA: u32 = 17;

fn flat(((first, second), third): ((i32, i32), i32)) -> (i32, i32, i32) {
    (first, second, third)
}

/// An element of a value.
enum Part<'a> {
    Null,
    Value(&'a [u8]),
}

/// The unread rest of a value.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn int(&mut self) -> Option<i32> {
        let (int, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i32::from_be_bytes(*int))
    }

    /// Reads a value with its length before it.
    fn value(&mut self) -> Option<Part<'a>> {
        let length = self.int()?;
        if length == -1 {
            return Some(Part::Null);
        }
        let (value, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(Part::Value(value))
    }
}

/// Reads an `inet` or `cidr`: family, bits of the mask, whether it is a `cidr`, length, bytes.
fn address(value: &[u8]) -> Option<std::net::IpAddr> {
    let (_, bytes) = value.split_at_checked(4)?;
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        Some(four.into())
    } else {
        <[u8; 16]>::try_from(bytes).ok().map(Into::into)
    }
}

fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; digits.len() / 2];
    hex::decode_into(digits, &mut bytes)?;
    Some(bytes)
}
