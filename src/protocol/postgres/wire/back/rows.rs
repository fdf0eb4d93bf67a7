//! Row descriptions, and command tags.

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::read::Reader;
use crate::protocol::postgres::wire::values::Format;

/// The columns of the rows that follow, or that a prepared statement would return. At most 65,535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowDescription<'a> {
    count: u16,
    columns: &'a [u8],
}

/// One column, with its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    /// Its name, which the statement chooses: it proves nothing about the content.
    pub name: &'a [u8],
    /// The oid of its table; 0 for an expression.
    pub table: u32,
    /// Its number in that table; 0 for an expression or a whole row, negative for a system column.
    pub attribute: i16,
    /// The oid of its type.
    pub data_type: u32,
    /// The bytes of a value of the type; negative if they vary.
    pub type_size: i16,
    /// The type modifier, such as a declared length; -1 for none.
    pub type_modifier: i32,
    /// The format of its values. Before a `Bind` has chosen, this is text.
    pub format: Format,
}

impl<'a> Column<'a> {
    fn read(from: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(Self {
            name: from.text("name of a column")?,
            table: from.oid("table of a column")?,
            attribute: from.int16("number of a column")?,
            data_type: from.oid("type of a column")?,
            type_size: from.int16("size of a type")?,
            type_modifier: from.int32("modifier of a type")?,
            format: Format::read(from, "format code of a column")?,
        })
    }
}

impl<'a> RowDescription<'a> {
    /// The message's name in the manual.
    const NAME: &'static str = "RowDescription";

    /// Reads the body of a `RowDescription`.
    ///
    /// # Errors
    /// The body is not exactly one `RowDescription`.
    pub fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new(Self::NAME, body);
        let count = from.count("number of columns")?;
        let columns = from.clone().rest();
        for _ in 0..count {
            Column::read(&mut from)?;
        }
        from.end().map(|()| Self { count, columns })
    }

    /// Returns the number of columns.
    pub fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// Returns each column, in order.
    pub fn columns(&self) -> impl Iterator<Item = Column<'a>> + use<'a> {
        let mut from = Reader::new(Self::NAME, self.columns);
        // All columns were read once, so none of them fails here.
        (0..self.count).map_while(move |_| Column::read(&mut from).ok())
    }
}

/// The tag of a `CommandComplete`, such as `SELECT 5` or `INSERT 0 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandTag<'a> {
    /// The whole tag.
    pub text: &'a [u8],
}

impl<'a> CommandTag<'a> {
    /// Reads the body of a `CommandComplete`.
    ///
    /// # Errors
    /// The body is not exactly one text.
    pub fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new("CommandComplete", body);
        let text = from.text("tag")?;
        from.end().map(|()| Self { text })
    }

    /// Returns the number of rows; `None` if the tag has none.
    pub fn rows(&self) -> Option<u64> {
        let last = self.text.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
        if last.len() == self.text.len() || !last.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(last).ok()?.parse().ok()
    }
}
