//! Messages that carry values: `Bind` and `FunctionCall`.

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::read::Reader;
use crate::protocol::postgres::wire::values::Format;
use crate::protocol::postgres::wire::values::Formats;
use crate::protocol::postgres::wire::values::Values;

/// The parameter values for a prepared statement, which create a portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The name of the portal; empty for the unnamed one.
    pub portal: &'a [u8],
    /// The name of the prepared statement; empty for the unnamed one.
    pub statement: &'a [u8],
    /// The formats of the values. Their number fits the number of values.
    pub formats: Formats<'a>,
    /// The values, at most 65,535.
    pub values: Values<'a>,
    /// The formats of the result columns. Whether their number fits is only known when the columns are.
    pub results: Formats<'a>,
}

impl<'a> Bind<'a> {
    /// Reads the body of a `Bind`, and checks the length of each value.
    ///
    /// # Errors
    /// The body is not exactly one `Bind`.
    pub fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new("Bind", body);
        let (portal, statement) = (from.text("name of the portal")?, from.text("name of the statement")?);
        let (formats, values) = read_values(&mut from)?;
        let results = Formats::read(&mut from, "format code of a result")?;
        from.end().map(|()| Self { portal, statement, formats, values, results })
    }
}

/// A call of a function by its oid, without SQL that could be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionCall<'a> {
    /// The oid of the function.
    pub function: u32,
    /// The formats of the arguments. Their number fits the number of arguments.
    pub formats: Formats<'a>,
    /// The arguments, at most 65,535.
    pub values: Values<'a>,
    /// The format of the result.
    pub result: Format,
}

impl<'a> FunctionCall<'a> {
    /// Reads the body of a `FunctionCall`.
    ///
    /// # Errors
    /// The body is not exactly one `FunctionCall`.
    pub fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new("FunctionCall", body);
        let function = from.oid("oid of the function")?;
        let (formats, values) = read_values(&mut from)?;
        let result = Format::read(&mut from, "format code of the result")?;
        from.end().map(|()| Self { function, formats, values, result })
    }
}

fn read_values<'a>(from: &mut Reader<'a>) -> Result<(Formats<'a>, Values<'a>), WireError> {
    let formats = Formats::read(from, "format code of a value")?;
    let values = Values::read(from, "values")?;
    if formats.fit(values.count()) {
        return Ok((formats, values));
    }
    Err(WireError::Formats { message: from.message(), formats: formats.count(), values: values.count() })
}
