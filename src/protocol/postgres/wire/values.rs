//! Parts of messages of both sides: format codes, oids, and values with their lengths, as borrowed lists.

use std::ops::Range;

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::read::Reader;

/// The format of a value (PostgreSQL 18 manual, 54.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text; code 0.
    Text,
    /// The binary format of the type; code 1.
    Binary,
}

impl Format {
    /// Returns the code that is sent.
    pub const fn code(self) -> u16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }

    const fn of(code: u16) -> Option<Self> {
        match code {
            0 => Some(Self::Text),
            1 => Some(Self::Binary),
            _ => None,
        }
    }

    pub(super) fn read(from: &mut Reader<'_>, part: &'static str) -> Result<Self, WireError> {
        let code = from.count(part)?;
        Self::of(code).ok_or_else(|| from.bad(part, code.into(), "0 for text or 1 for binary"))
    }
}

/// Format codes: none means all text, one applies to all values, otherwise there is one for each value. At
/// most 65,535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formats<'a> {
    /// Two bytes each.
    codes: &'a [u8],
}

impl<'a> Formats<'a> {
    pub(super) fn read(from: &mut Reader<'a>, part: &'static str) -> Result<Self, WireError> {
        let count = from.count(part)?;
        Self::read_counted(from, count, part)
    }

    /// Reads this many codes.
    pub(super) fn read_counted(
        from: &mut Reader<'a>,
        count: u16,
        part: &'static str,
    ) -> Result<Self, WireError> {
        let codes = from.bytes(usize::from(count).saturating_mul(2), part)?;
        let formats = Self { codes };
        match formats.raw().find(|&code| Format::of(code).is_none()) {
            None => Ok(formats),
            Some(code) => Err(from.bad(part, code.into(), "0 for text or 1 for binary")),
        }
    }

    fn raw(&self) -> impl Iterator<Item = u16> + use<'a> {
        let (codes, _) = self.codes.as_chunks();
        codes.iter().map(|code| u16::from_be_bytes(*code))
    }

    /// Returns the number of codes that were sent.
    pub const fn count(&self) -> usize {
        self.codes.len() / 2
    }

    /// Returns the codes as sent.
    pub fn codes(&self) -> impl Iterator<Item = Format> + use<'a> {
        self.raw().filter_map(Format::of)
    }

    /// Returns whether they can be the codes of this many values.
    pub const fn fit(&self, values: usize) -> bool {
        let count = self.count();
        count <= 1 || count == values
    }

    /// Returns the format of the value at `index`, from 0; `None` if there are codes, but none for it.
    pub fn of(&self, index: usize) -> Option<Format> {
        match self.count() {
            0 => Some(Format::Text),
            1 => self.codes().next(),
            _ => self.codes.as_chunks().0.get(index).and_then(|code| Format::of(u16::from_be_bytes(*code))),
        }
    }
}

/// The oids of parameter types, in order. At most 65,535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oids<'a> {
    /// Four bytes each.
    oids: &'a [u8],
}

impl<'a> Oids<'a> {
    pub(super) fn read(from: &mut Reader<'a>, part: &'static str) -> Result<Self, WireError> {
        let count = from.count(part)?;
        Ok(Self { oids: from.bytes(usize::from(count).saturating_mul(4), part)? })
    }

    /// Returns how many there are.
    pub const fn count(&self) -> usize {
        self.oids.len() / 4
    }

    /// Returns each oid; 0 if the type is left open.
    pub fn each(&self) -> impl Iterator<Item = u32> + use<'a> {
        let (oids, _) = self.oids.as_chunks();
        oids.iter().map(|oid| u32::from_be_bytes(*oid))
    }
}

/// Values with their lengths: parameters of a `Bind`, arguments of a `FunctionCall`, values of a `DataRow`.
/// At most 65,535.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Values<'a> {
    body: &'a [u8],
    /// The position of the first value's length.
    start: usize,
    count: u16,
}

impl<'a> Values<'a> {
    /// Reads the count, and checks the length of each value.
    pub(super) fn read(from: &mut Reader<'a>, part: &'static str) -> Result<Self, WireError> {
        let count = from.count(part)?;
        let values = Self { body: from.body(), start: from.at(), count };
        for _ in 0..count {
            from.value(part)?;
        }
        Ok(values)
    }

    /// Returns how many there are.
    pub fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// Returns each value; `None` for NULL.
    pub fn each(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let body = self.body;
        self.ranges().map(move |range| range.map(|range| body.get(range).unwrap_or_default()))
    }

    /// Returns the position of each value in the body; `None` for NULL. The four bytes before a range are its
    /// length.
    pub fn ranges(&self) -> Ranges<'a> {
        Ranges { body: self.body, at: self.start, left: self.count }
    }
}

/// Does not show the values: they are what is masked.
impl std::fmt::Debug for Values<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "Values({})", self.count)
    }
}

/// The positions of values in a body. See [`Values::ranges`].
#[derive(Debug, Clone)]
pub struct Ranges<'a> {
    body: &'a [u8],
    at: usize,
    left: u16,
}

impl Iterator for Ranges<'_> {
    type Item = Option<Range<usize>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let length = self.body.get(self.at..)?.first_chunk()?;
        let start = self.at.checked_add(4)?;
        // Lengths were checked when the message was read, so a negative one is the -1 of NULL.
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            self.at = start;
            return Some(None);
        };
        self.at = start.checked_add(length)?;
        Some(Some(start..self.at))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(usize::from(self.left)))
    }
}
