//! A server's messages, each as a view that borrows its body (PostgreSQL 18 manual, 54.7 and 54.8).

mod copy;
mod login;
mod report;
mod rows;
mod write;

pub use copy::CopyResponse;
pub use login::Authentication;
pub use login::BackendKey;
pub use login::Mechanisms;
pub use login::Negotiation;
pub use report::Field;
pub use report::Report;
pub use report::Severity;
pub use rows::Column;
pub use rows::CommandTag;
pub use rows::RowDescription;
pub use write::*;

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::read::Reader;
use crate::protocol::postgres::wire::tag::BackTag;
use crate::protocol::postgres::wire::tag::Tag;
use crate::protocol::postgres::wire::values::Oids;
use crate::protocol::postgres::wire::values::Values;

/// One message of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackMessage<'a> {
    /// A step of the login.
    Authentication(Authentication<'a>),
    /// The key for cancel requests.
    BackendKeyData(BackendKey<'a>),
    /// The reply to a `Bind`.
    BindComplete,
    /// The reply to a `Close`.
    CloseComplete,
    /// A statement completed.
    CommandComplete(CommandTag<'a>),
    /// A copy in both directions begins.
    CopyBothResponse(CopyResponse<'a>),
    /// A part of data that is copied out; in PostgreSQL one row, but that is not guaranteed.
    CopyData(&'a [u8]),
    /// The end of data that is copied out.
    CopyDone,
    /// The server waits for data to copy in.
    CopyInResponse(CopyResponse<'a>),
    /// Data that is copied out follows.
    CopyOutResponse(CopyResponse<'a>),
    /// The values of one row.
    DataRow(Values<'a>),
    /// The query string was empty.
    EmptyQueryResponse,
    /// An error.
    ErrorResponse(Report<'a>),
    /// The result of a function call; `None` for NULL.
    FunctionCallResponse(Option<&'a [u8]>),
    /// The newest version, and the options that the server does not know.
    NegotiateProtocolVersion(Negotiation<'a>),
    /// The statement returns no rows.
    NoData,
    /// A notice.
    NoticeResponse(Report<'a>),
    /// A notification of another session.
    NotificationResponse(Notification<'a>),
    /// The types of a prepared statement's parameters.
    ParameterDescription(Oids<'a>),
    /// A setting and its current value.
    ParameterStatus(ParameterStatus<'a>),
    /// The reply to a `Parse`.
    ParseComplete,
    /// The reply to an `Execute` that reached its row limit.
    PortalSuspended,
    /// The server is ready for the next query cycle.
    ReadyForQuery(Transaction),
    /// The columns of the rows that follow.
    RowDescription(RowDescription<'a>),
}

impl<'a> BackMessage<'a> {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// The body is not exactly one message of this type.
    pub fn read(tag: BackTag, body: &'a [u8]) -> Result<Self, WireError> {
        let from = Reader::new(tag.name(), body);
        let empty = |message| from.end().map(|()| message);
        match tag {
            BackTag::Authentication => Authentication::read(body).map(Self::Authentication),
            BackTag::BackendKeyData => BackendKey::read(body).map(Self::BackendKeyData),
            BackTag::BindComplete => empty(Self::BindComplete),
            BackTag::CloseComplete => empty(Self::CloseComplete),
            BackTag::CommandComplete => CommandTag::read(body).map(Self::CommandComplete),
            BackTag::CopyBothResponse => CopyResponse::read(from).map(Self::CopyBothResponse),
            BackTag::CopyData => Ok(Self::CopyData(body)),
            BackTag::CopyDone => empty(Self::CopyDone),
            BackTag::CopyInResponse => CopyResponse::read(from).map(Self::CopyInResponse),
            BackTag::CopyOutResponse => CopyResponse::read(from).map(Self::CopyOutResponse),
            BackTag::DataRow => read_row(body).map(Self::DataRow),
            BackTag::EmptyQueryResponse => empty(Self::EmptyQueryResponse),
            BackTag::ErrorResponse => Report::read(from).map(Self::ErrorResponse),
            BackTag::FunctionCallResponse => {
                read_whole(from, |from| from.value("result")).map(Self::FunctionCallResponse)
            }
            BackTag::NegotiateProtocolVersion => Negotiation::read(body).map(Self::NegotiateProtocolVersion),
            BackTag::NoData => empty(Self::NoData),
            BackTag::NoticeResponse => Report::read(from).map(Self::NoticeResponse),
            BackTag::NotificationResponse => Notification::read(body).map(Self::NotificationResponse),
            BackTag::ParameterDescription => read_whole(from, |from| Oids::read(from, "types of parameters"))
                .map(Self::ParameterDescription),
            BackTag::ParameterStatus => ParameterStatus::read(body).map(Self::ParameterStatus),
            BackTag::ParseComplete => empty(Self::ParseComplete),
            BackTag::PortalSuspended => empty(Self::PortalSuspended),
            BackTag::ReadyForQuery => Transaction::read(body).map(Self::ReadyForQuery),
            BackTag::RowDescription => RowDescription::read(body).map(Self::RowDescription),
        }
    }
}

fn read_whole<'a, T>(
    mut from: Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, WireError>,
) -> Result<T, WireError> {
    let value = read(&mut from)?;
    from.end().map(|()| value)
}

/// Reads the body of a `DataRow`: its values, whose [`Values::ranges`] are positions in this body.
///
/// # Errors
/// The body is not exactly one row.
pub fn read_row(body: &[u8]) -> Result<Values<'_>, WireError> {
    read_whole(Reader::new("DataRow", body), |from| Values::read(from, "cells"))
}

/// A setting and its current value. It may come at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterStatus<'a> {
    /// The name of the setting.
    pub name: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
}

impl<'a> ParameterStatus<'a> {
    /// Reads the body of a `ParameterStatus`.
    ///
    /// # Errors
    /// The body is not exactly one `ParameterStatus`.
    pub fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new("ParameterStatus", body);
        let (name, value) = (from.text("name")?, from.text("value")?);
        from.end().map(|()| Self { name, value })
    }
}

/// A notification of another session. It may come at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notification<'a> {
    /// The process id of the notifying session.
    pub process: i32,
    /// The name of the channel.
    pub channel: &'a [u8],
    /// The payload, which is data like any other.
    pub payload: &'a [u8],
}

impl<'a> Notification<'a> {
    /// Reads the body of a `NotificationResponse`.
    ///
    /// # Errors
    /// The body is not exactly one `NotificationResponse`.
    pub fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new("NotificationResponse", body);
        let process = from.int32("process")?;
        let (channel, payload) = (from.text("channel")?, from.text("payload")?);
        from.end().map(|()| Self { process, channel, payload })
    }
}

/// The transaction status, as in each `ReadyForQuery`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    /// In a failed transaction: every command is refused until it is rolled back.
    Failed,
    /// In no transaction.
    Idle,
    /// In a transaction.
    Open,
}

impl Transaction {
    /// Reads the body of a `ReadyForQuery`.
    ///
    /// # Errors
    /// The body is not one of the three letters.
    pub fn read(body: &[u8]) -> Result<Self, WireError> {
        let mut from = Reader::new("ReadyForQuery", body);
        let status = from.byte("status")?;
        from.end()?;
        match status {
            b'E' => Ok(Self::Failed),
            b'I' => Ok(Self::Idle),
            b'T' => Ok(Self::Open),
            _ => Err(from.bad("status", status.into(), "69 (E), 73 (I) or 84 (T)")),
        }
    }

    /// Returns the letter that is sent.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Failed => b'E',
            Self::Idle => b'I',
            Self::Open => b'T',
        }
    }
}
