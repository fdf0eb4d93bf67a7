//! Writes what the gateway says as a client of a target. Each appends one whole message, or nothing and an
//! error.

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
/// A NUL in the password, or more than 65,535 bytes.
pub fn write_password(out: &mut BytesMut, password: &[u8]) -> Result<(), WriteError> {
    frame(out, FrontTag::Password, |body| body.text("password", password))
}

/// Appends a `SASLInitialResponse`.
///
/// # Errors
/// A NUL in the mechanism, or more than 65,535 bytes.
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
/// More than 65,535 bytes.
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
/// A NUL in the SQL, or more than 1 GiB.
pub fn write_query(out: &mut BytesMut, sql: &[u8]) -> Result<(), WriteError> {
    frame(out, FrontTag::Query, |body| body.text("SQL", sql))
}

/// Appends a `Parse`.
///
/// # Errors
/// A NUL in the name or SQL, more than 65,535 types, or more than 1 GiB.
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

/// What a `Bind` shall say. See [`super::Bind`] for what it means.
#[derive(Clone, Copy)]
pub struct Binding<'a> {
    /// The name of the portal; empty for the unnamed one.
    pub portal: &'a [u8],
    /// The name of the prepared statement; empty for the unnamed one.
    pub statement: &'a [u8],
    /// None, one, or one for each value.
    pub formats: &'a [Format],
    /// The values; `None` for NULL.
    pub values: &'a [Option<&'a [u8]>],
    /// None, one, or one for each column of the result.
    pub results: &'a [Format],
}

/// Appends a `Bind`.
///
/// # Errors
/// A NUL in a name, more than 65,535 of anything, formats that do not fit the values, or more than 1 GiB.
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
/// A NUL in the name, or more than 10,000 bytes.
pub fn write_describe(out: &mut BytesMut, named: Named<'_>) -> Result<(), WriteError> {
    write_named(out, FrontTag::Describe, named)
}

/// Appends a `Close`.
///
/// # Errors
/// A NUL in the name, or more than 10,000 bytes.
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
/// A NUL in the name, more than 10,000 bytes, or more rows than 2,147,483,647.
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
