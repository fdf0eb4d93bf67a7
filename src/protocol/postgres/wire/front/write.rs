//! Writes the gateway's messages as a client of a target. Each function appends one whole message, or nothing
//! and an error.

use bytes::BufMut;
use bytes::BytesMut;

use super::Execute;
use super::Named;
use crate::protocol::postgres::wire::error::WriteError;
use crate::protocol::postgres::wire::tag::FrontTag;
use crate::protocol::postgres::wire::values::Format;
use crate::protocol::postgres::wire::write::frame;

/// Appends a `PasswordMessage`.
///
/// # Errors
/// The password contains a NUL, or there are more than 65,535 bytes.
pub fn write_password(out: &mut BytesMut, password: &[u8]) -> Result<(), WriteError> {
    frame(out, FrontTag::Password, |body| body.text("password", password))
}

/// Appends a `SASLInitialResponse`.
///
/// # Errors
/// The mechanism contains a NUL, or there are more than 65,535 bytes.
#[cfg(test)]
pub fn write_sasl_initial(
    out: &mut BytesMut,
    mechanism: &str,
    response: Option<&[u8]>,
) -> Result<(), WriteError> {
    frame(out, FrontTag::Password, |body| {
        body.text("mechanism", mechanism.as_bytes())?;
        body.value("response", response)
    })
}

/// Appends a `SASLResponse`.
///
/// # Errors
/// There are more than 65,535 bytes.
#[cfg(test)]
pub fn write_sasl_response(out: &mut BytesMut, response: &[u8]) -> Result<(), WriteError> {
    frame(out, FrontTag::Password, |body| {
        body.bytes(response);
        Ok(())
    })
}

/// Appends a `Query`.
///
/// # Errors
/// The SQL contains a NUL, or there is more than 1 GiB.
pub fn write_query(out: &mut BytesMut, sql: &[u8]) -> Result<(), WriteError> {
    frame(out, FrontTag::Query, |body| body.text("SQL", sql))
}

/// Appends a `Parse`.
///
/// # Errors
/// The name or SQL contains a NUL, there are more than 65,535 types, or more than 1 GiB.
pub fn write_parse(out: &mut BytesMut, name: &[u8], sql: &[u8], types: &[u32]) -> Result<(), WriteError> {
    frame(out, FrontTag::Parse, |body| {
        body.text("name of the statement", name)?;
        body.text("SQL", sql)?;
        body.counted("types of parameters", types, |body, &oid| {
            body.uint32(oid);
            Ok(())
        })
    })
}

/// The content of a `Bind` to write. See [`super::Bind`] for its meaning.
#[derive(Clone, Copy)]
pub struct Binding<'a> {
    /// The name of the portal; empty for the unnamed one.
    pub portal: &'a [u8],
    /// The name of the prepared statement; empty for the unnamed one.
    pub statement: &'a [u8],
    /// The formats of the values: none, one, or one for each.
    pub formats: &'a [Format],
    /// The values; `None` for NULL.
    pub values: &'a [Option<&'a [u8]>],
    /// The formats of the result columns: none, one, or one for each.
    pub results: &'a [Format],
}

/// Appends a `Bind`.
///
/// # Errors
/// A name contains a NUL, there are more than 65,535 of anything, the formats do not fit the values, or there
/// is more than 1 GiB.
pub fn write_bind(out: &mut BytesMut, binding: &Binding<'_>) -> Result<(), WriteError> {
    let (formats, values) = (binding.formats.len(), binding.values.len());
    if formats > 1 && formats != values {
        let part = "format codes for its values";
        return Err(WriteError::TooMany { message: "Bind", part, found: formats, most: values.max(1) });
    }
    frame(out, FrontTag::Bind, |body| {
        body.text("name of the portal", binding.portal)?;
        body.text("name of the statement", binding.statement)?;
        body.counted("format codes", binding.formats, |body, format| {
            body.uint16(format.code());
            Ok(())
        })?;
        body.counted("values", binding.values, |body, value| body.value("a value", *value))?;
        body.counted("format codes of results", binding.results, |body, format| {
            body.uint16(format.code());
            Ok(())
        })
    })
}

/// Appends a `Describe`.
///
/// # Errors
/// The name contains a NUL, or there are more than 10,000 bytes.
pub fn write_describe(out: &mut BytesMut, named: Named<'_>) -> Result<(), WriteError> {
    write_named(out, FrontTag::Describe, named)
}

/// Appends a `Close`.
///
/// # Errors
/// The name contains a NUL, or there are more than 10,000 bytes.
pub fn write_close(out: &mut BytesMut, named: Named<'_>) -> Result<(), WriteError> {
    write_named(out, FrontTag::Close, named)
}

fn write_named(out: &mut BytesMut, tag: FrontTag, named: Named<'_>) -> Result<(), WriteError> {
    let (kind, name) = match named {
        Named::Portal(name) => (b'P', name),
        Named::Statement(name) => (b'S', name),
    };
    frame(out, tag, |body| {
        body.byte(kind);
        body.text("name", name)
    })
}

/// Appends an `Execute`.
///
/// # Errors
/// The name contains a NUL, there are more than 10,000 bytes, or the row limit is over 2,147,483,647.
pub fn write_execute(out: &mut BytesMut, execute: Execute<'_>) -> Result<(), WriteError> {
    frame(out, FrontTag::Execute, |body| {
        body.text("name of the portal", execute.portal)?;
        let most = usize::try_from(i32::MAX).unwrap_or(usize::MAX);
        let found = usize::try_from(execute.rows).unwrap_or(usize::MAX);
        body.int32(i32::try_from(execute.rows).map_err(|_more| WriteError::TooMany {
            message: "Execute",
            part: "rows",
            found,
            most,
        })?);
        Ok(())
    })
}

/// Appends a `Sync`.
pub fn write_sync(out: &mut BytesMut) {
    out.put_slice(b"S\0\0\0\x04");
}

/// Appends a `Flush`.
pub fn write_flush(out: &mut BytesMut) {
    out.put_slice(b"H\0\0\0\x04");
}

/// Appends a `Terminate`.
pub fn write_terminate(out: &mut BytesMut) {
    out.put_slice(b"X\0\0\0\x04");
}
