//! Writes the gateway's messages as a server. Each function appends one whole message, or nothing and an
//! error.

use bytes::BufMut;
use bytes::BytesMut;

use super::BackendKey;
use super::Field;
use super::Severity;
use super::Transaction;
use crate::protocol::postgres::wire::error::WriteError;
use crate::protocol::postgres::wire::opening::CANCEL_KEY;
use crate::protocol::postgres::wire::opening::Version;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::BackTag;
use crate::protocol::postgres::wire::write::Body;
use crate::protocol::postgres::wire::write::frame;

/// The content of an error or notice of the gateway (PostgreSQL 18 manual, 54.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words<'a> {
    /// The severity.
    pub severity: Severity,
    /// The SQLSTATE, for programs.
    pub code: SqlState,
    /// What happened, in one line.
    pub message: &'a str,
    /// More about it.
    pub detail: Option<&'a str>,
    /// What to do.
    pub hint: Option<&'a str>,
    /// The position in the SQL, from 1, in characters.
    pub position: Option<u32>,
}

impl<'a> Words<'a> {
    /// Creates a content with only the required fields.
    pub const fn new(severity: Severity, code: SqlState, message: &'a str) -> Self {
        Self { severity, code, message, detail: None, hint: None, position: None }
    }

    fn put(&self, body: &mut Body<'_>) -> Result<(), WriteError> {
        let severity = self.severity.word().as_bytes();
        let position = self.position.map(|position| position.to_string());
        let fields = [
            (Field::SEVERITY_SHOWN, Some(severity)),
            (Field::SEVERITY, Some(severity)),
            (Field::CODE, Some(self.code.as_bytes())),
            (Field::MESSAGE, Some(self.message.as_bytes())),
            (Field::DETAIL, self.detail.map(str::as_bytes)),
            (Field::HINT, self.hint.map(str::as_bytes)),
            (Field::POSITION, position.as_deref().map(str::as_bytes)),
        ];
        for (Field(letter), text) in fields {
            if let Some(text) = text {
                body.byte(letter);
                body.text("field", text)?;
            }
        }
        body.byte(0);
        Ok(())
    }
}

/// Appends an `ErrorResponse`.
///
/// # Errors
/// A text contains a NUL, or there is more than 1 GiB.
pub fn write_error(out: &mut BytesMut, words: &Words<'_>) -> Result<(), WriteError> {
    frame(out, BackTag::ErrorResponse, |body| words.put(body))
}

/// Appends a `NoticeResponse`.
///
/// # Errors
/// A text contains a NUL, or there is more than 1 GiB.
pub fn write_notice(out: &mut BytesMut, words: &Words<'_>) -> Result<(), WriteError> {
    frame(out, BackTag::NoticeResponse, |body| words.put(body))
}

/// Appends an `AuthenticationOk`: the client is logged in.
pub fn write_authentication_ok(out: &mut BytesMut) {
    out.put_slice(b"R\0\0\0\x08\0\0\0\0");
}

/// Appends an `AuthenticationCleartextPassword`. Only for use inside TLS, or on a local listener.
pub fn write_authentication_cleartext(out: &mut BytesMut) {
    out.put_slice(b"R\0\0\0\x08\0\0\0\x03");
}

/// Appends an `AuthenticationSASL` with these mechanisms, in order of preference.
///
/// # Errors
/// There is no name, a name is empty or contains a NUL, or there are more than 30,000 bytes.
pub fn write_authentication_sasl(out: &mut BytesMut, mechanisms: &[&str]) -> Result<(), WriteError> {
    if mechanisms.is_empty() {
        return Err(WriteError::Empty { message: "AuthenticationSASL", part: "list of mechanisms" });
    }
    frame(out, BackTag::Authentication, |body| {
        body.int32(10);
        for mechanism in mechanisms {
            body.listed("mechanism", mechanism.as_bytes())?;
        }
        body.byte(0);
        Ok(())
    })
}

/// Appends an `AuthenticationSASLContinue`.
///
/// # Errors
/// There are more than 30,000 bytes.
pub fn write_authentication_sasl_continue(out: &mut BytesMut, challenge: &[u8]) -> Result<(), WriteError> {
    write_sasl_step(out, 11, challenge)
}

/// Appends an `AuthenticationSASLFinal`.
///
/// # Errors
/// There are more than 30,000 bytes.
#[cfg(test)]
pub fn write_authentication_sasl_final(out: &mut BytesMut, proof: &[u8]) -> Result<(), WriteError> {
    write_sasl_step(out, 12, proof)
}

fn write_sasl_step(out: &mut BytesMut, code: i32, bytes: &[u8]) -> Result<(), WriteError> {
    frame(out, BackTag::Authentication, |body| {
        body.int32(code);
        body.bytes(bytes);
        Ok(())
    })
}

/// Appends a `ParameterStatus`.
///
/// # Errors
/// The name or value contains a NUL, or there are more than 30,000 bytes.
pub fn write_parameter_status(out: &mut BytesMut, name: &[u8], value: &[u8]) -> Result<(), WriteError> {
    frame(out, BackTag::ParameterStatus, |body| {
        body.text("name", name)?;
        body.text("value", value)
    })
}

/// Appends a `BackendKeyData` for a client that speaks `version`.
///
/// # Errors
/// The key does not have 4 bytes under 3.0, or 4 to 256 under 3.2. libpq ends the session at any other
/// length.
pub fn write_backend_key(
    out: &mut BytesMut,
    version: Version,
    key: &BackendKey<'_>,
) -> Result<(), WriteError> {
    let found = key.key.len();
    if version < Version::V3_2 && found != *CANCEL_KEY.start() {
        return Err(WriteError::Key { found, wanted: "4" });
    }
    if !CANCEL_KEY.contains(&found) {
        return Err(WriteError::Key { found, wanted: "4 to 256" });
    }
    frame(out, BackTag::BackendKeyData, |body| {
        body.int32(key.process);
        body.bytes(key.key);
        Ok(())
    })
}

/// Appends a `ReadyForQuery`.
pub fn write_ready(out: &mut BytesMut, transaction: Transaction) {
    out.put_slice(b"Z\0\0\0\x05");
    out.put_u8(transaction.byte());
}

/// Appends a `NegotiateProtocolVersion` with the newest version that is spoken and the options that are not
/// known.
///
/// # Errors
/// A name contains a NUL, or there are more than 30,000 bytes.
pub fn write_negotiation<S: AsRef<str>>(
    out: &mut BytesMut,
    newest: Version,
    options: &[S],
) -> Result<(), WriteError> {
    frame(out, BackTag::NegotiateProtocolVersion, |body| {
        body.uint32(newest.number());
        let most = usize::try_from(i32::MAX).unwrap_or(usize::MAX);
        body.int32(i32::try_from(options.len()).map_err(|_more| WriteError::TooMany {
            message: "NegotiateProtocolVersion",
            part: "options",
            found: options.len(),
            most,
        })?);
        options.iter().try_for_each(|option| body.text("option", option.as_ref().as_bytes()))
    })
}

/// Appends a `RowDescription`.
///
/// # Errors
/// A name contains a NUL, there are more than 65,535 columns, or more than 1 GiB.
#[cfg(test)]
pub fn write_row_description<'a>(
    out: &mut BytesMut,
    columns: impl IntoIterator<Item = super::Column<'a>>,
) -> Result<(), WriteError> {
    frame(out, BackTag::RowDescription, |body| {
        body.counted("columns", columns, |body, column| {
            body.text("name of a column", column.name)?;
            body.uint32(column.table);
            body.int16(column.attribute);
            body.uint32(column.data_type);
            body.int16(column.type_size);
            body.int32(column.type_modifier);
            body.uint16(column.format.code());
            Ok(())
        })
    })
}

/// Appends a `DataRow`; a value that is `None` is NULL.
///
/// # Errors
/// There are more than 65,535 values, or more than 1 GiB.
#[cfg(test)]
pub fn write_row<'a>(
    out: &mut BytesMut,
    cells: impl IntoIterator<Item = Option<&'a [u8]>>,
) -> Result<(), WriteError> {
    frame(out, BackTag::DataRow, |body| body.counted("cells", cells, |body, cell| body.value("a cell", cell)))
}

/// Appends a `CopyData`.
///
/// # Errors
/// There is more than 1 GiB.
pub fn write_copy_data(out: &mut BytesMut, data: &[u8]) -> Result<(), WriteError> {
    frame(out, BackTag::CopyData, |body| {
        body.bytes(data);
        Ok(())
    })
}

/// Appends a `CommandComplete`, such as `SELECT 5`.
///
/// # Errors
/// The tag contains a NUL, or there are more than 30,000 bytes.
#[cfg(test)]
pub fn write_command_complete(out: &mut BytesMut, tag: &str) -> Result<(), WriteError> {
    frame(out, BackTag::CommandComplete, |body| body.text("tag", tag.as_bytes()))
}
