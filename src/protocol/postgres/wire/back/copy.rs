//! The beginning of a copy: the overall format, and that of each column.

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::read::Reader;
use crate::protocol::postgres::wire::values::Format;
use crate::protocol::postgres::wire::values::Formats;

/// A `CopyInResponse`, `CopyOutResponse` or `CopyBothResponse`. It does not describe the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyResponse<'a> {
    /// The overall format: text, which includes CSV, or binary.
    pub format: Format,
    /// The format of each column.
    pub columns: Formats<'a>,
}

impl<'a> CopyResponse<'a> {
    pub(super) fn read(mut from: Reader<'a>) -> Result<Self, WireError> {
        let format = match from.byte("format")? {
            0 => Format::Text,
            1 => Format::Binary,
            other => return Err(from.bad("format", other.into(), "0 for text or 1 for binary")),
        };
        let columns = Formats::read(&mut from, "format code of a column")?;
        // In text format all columns are text: another code would allow a second reading.
        if format == Format::Text && columns.codes().any(|column| column == Format::Binary) {
            return Err(from.bad("format code of a column", 1, "0, since the whole is text"));
        }
        from.end().map(|()| Self { format, columns })
    }
}
