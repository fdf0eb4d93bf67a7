//! What messages of both sides hold: format codes, oids, and values with their lengths, as borrowed lists.

use std::ops::Range;

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::read::Reader;

/// How a value is written (PostgreSQL 18 manual, 54.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As text; code 0.
    Text,
    /// As the type's binary form; code 1.
    Binary,
}

impl Format {
    /// The code that is sent.
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

/// Format codes: none means all text, one holds for all values, else there is one for each value. At most
/// 65,535.
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

    /// Reads so many codes.
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

    /// How many codes were sent.
    pub const fn count(&self) -> usize {
        self.codes.len() / 2
    }

    /// The codes as they were sent.
    pub fn codes(&self) -> impl Iterator<Item = Format> + use<'a> {
        self.raw().filter_map(Format::of)
    }

    /// Whether they can be the codes of so many values.
    pub const fn fit(&self, values: usize) -> bool {
        let count = self.count();
        count <= 1 || count == values
    }

    /// How the value at `index`, from 0, is written; `None` where there are codes, but none for it.
    pub fn of(&self, index: usize) -> Option<Format> {
        match self.count() {
            0 => Some(Format::Text),
            1 => self.codes().next(),
            _ => self.codes.as_chunks().0.get(index).and_then(|code| Format::of(u16::from_be_bytes(*code))),
        }
    }
}

/// Object ids of types, in the order of the parameters. At most 65,535.
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

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.oids.len() / 4
    }

    /// Each of them; 0 where the type is left open.
    pub fn each(&self) -> impl Iterator<Item = u32> + use<'a> {
        let (oids, _) = self.oids.as_chunks();
        oids.iter().map(|oid| u32::from_be_bytes(*oid))
    }
}

/// Values with their lengths: parameters of a `Bind`, arguments of a `FunctionCall`, cells of a `DataRow`. At
/// most 65,535.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Values<'a> {
    body: &'a [u8],
    /// Where the length of the first one stands.
    start: usize,
    count: u16,
}

impl<'a> Values<'a> {
    /// Reads the count and walks over the values, so that each length is known to be right.
    pub(super) fn read(from: &mut Reader<'a>, part: &'static str) -> Result<Self, WireError> {
        let count = from.count(part)?;
        let values = Self { body: from.body(), start: from.at(), count };
        for _ in 0..count {
            from.value(part)?;
        }
        Ok(values)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// Each of them; `None` for NULL.
    pub fn each(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let body = self.body;
        self.ranges().map(move |range| range.map(|range| body.get(range).unwrap_or_default()))
    }

    /// Where each of them stands in the body; `None` for NULL. The four bytes before a range are its length.
    pub fn ranges(&self) -> Ranges<'a> {
        Ranges { body: self.body, at: self.start, left: self.count }
    }
}

/// The values themselves are not shown: they are what is masked.
impl std::fmt::Debug for Values<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "Values({})", self.count)
    }
}

/// Where values stand in a body. See [`Values::ranges`].
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
        // Lengths were checked when the message was read, so what is negative here is the -1 of NULL.
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
