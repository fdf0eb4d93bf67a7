//! A client's messages, each as a view that borrows its body, read strictly (PostgreSQL 18 manual, 54.7).
//!
//! SQL and names are bytes here. SQL that is to be judged must be UTF-8, which [`Query::text`] and
//! [`Parse::text`] check; other bytes must never be judged by a similar text in their place.

mod bind;
mod login;
mod write;

pub use bind::Bind;
pub use bind::FunctionCall;
pub use login::Password;
pub use login::SaslInitial;
pub use write::*;

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::read::Reader;
use crate::protocol::postgres::wire::read::utf8;
use crate::protocol::postgres::wire::tag::FrontTag;
use crate::protocol::postgres::wire::tag::Tag;
use crate::protocol::postgres::wire::values::Oids;

/// One message of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontMessage<'a> {
    /// The parameter values for a prepared statement.
    Bind(Bind<'a>),
    /// Closes a prepared statement or portal.
    Close(Named<'a>),
    /// A part of data that is copied in, cut anywhere.
    CopyData(&'a [u8]),
    /// The end of data that is copied in.
    CopyDone,
    /// The client aborts a copy in, with the reason.
    CopyFail(&'a [u8]),
    /// Asks for the description of a prepared statement or portal.
    Describe(Named<'a>),
    /// Runs a portal.
    Execute(Execute<'a>),
    /// Asks for the replies so far.
    Flush,
    /// Calls a function by its oid.
    FunctionCall(FunctionCall<'a>),
    /// SQL to prepare.
    Parse(Parse<'a>),
    /// A password, or a step of SASL.
    Password(Password<'a>),
    /// SQL to run.
    Query(Query<'a>),
    /// Ends a series of extended query messages.
    Sync,
    /// Ends the session.
    Terminate,
}

impl<'a> FrontMessage<'a> {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// The body is not exactly one message of this type. The SQLSTATE is 08P01.
    pub fn read(tag: FrontTag, body: &'a [u8]) -> Result<Self, WireError> {
        let empty = |message| Reader::new(tag.name(), body).end().map(|()| message);
        match tag {
            FrontTag::Bind => Bind::read(body).map(Self::Bind),
            FrontTag::Close => Named::read(tag, body).map(Self::Close),
            FrontTag::CopyData => Ok(Self::CopyData(body)),
            FrontTag::CopyDone => empty(Self::CopyDone),
            FrontTag::CopyFail => {
                let mut from = Reader::new(tag.name(), body);
                let why = from.text("reason")?;
                from.end().map(|()| Self::CopyFail(why))
            }
            FrontTag::Describe => Named::read(tag, body).map(Self::Describe),
            FrontTag::Execute => Execute::read(body).map(Self::Execute),
            FrontTag::Flush => empty(Self::Flush),
            FrontTag::FunctionCall => FunctionCall::read(body).map(Self::FunctionCall),
            FrontTag::Parse => Parse::read(body).map(Self::Parse),
            FrontTag::Password => Ok(Self::Password(Password::new(body))),
            FrontTag::Query => Query::read(body).map(Self::Query),
            FrontTag::Sync => empty(Self::Sync),
            FrontTag::Terminate => empty(Self::Terminate),
        }
    }
}

/// SQL with any number of statements, to be run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// The SQL, in the client's encoding.
    pub sql: &'a [u8],
}

impl<'a> Query<'a> {
    /// Reads the body of a `Query`.
    ///
    /// # Errors
    /// There is no NUL at the end, or one before it.
    pub fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new("Query", body);
        let sql = from.text("SQL")?;
        from.end().map(|()| Self { sql })
    }

    /// Returns the SQL as UTF-8.
    ///
    /// # Errors
    /// It is not UTF-8. The SQLSTATE is 22021.
    pub fn text(&self) -> Result<&'a str, WireError> {
        utf8("Query", "SQL", self.sql)
    }
}

/// SQL with one statement, to be prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parse<'a> {
    /// The name of the prepared statement; empty for the unnamed one.
    pub name: &'a [u8],
    /// The SQL, in the client's encoding.
    pub sql: &'a [u8],
    /// The types of the first parameters; 0 leaves a type to the server.
    pub types: Oids<'a>,
}

impl<'a> Parse<'a> {
    /// Reads the body of a `Parse`.
    ///
    /// # Errors
    /// The body is not exactly one `Parse`.
    pub fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new("Parse", body);
        let (name, sql) = (from.text("name of the statement")?, from.text("SQL")?);
        let types = Oids::read(&mut from, "types of parameters")?;
        from.end().map(|()| Self { name, sql, types })
    }

    /// Returns the SQL as UTF-8.
    ///
    /// # Errors
    /// It is not UTF-8. The SQLSTATE is 22021.
    pub fn text(&self) -> Result<&'a str, WireError> {
        utf8("Parse", "SQL", self.sql)
    }
}

/// The object of a `Describe` or `Close`. An empty name is the unnamed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    /// The portal with this name.
    Portal(&'a [u8]),
    /// The prepared statement with this name.
    Statement(&'a [u8]),
}

impl<'a> Named<'a> {
    fn read(tag: FrontTag, body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new(tag.name(), body);
        let kind = from.byte("kind")?;
        let name = from.text("name")?;
        from.end()?;
        match kind {
            b'P' => Ok(Self::Portal(name)),
            b'S' => Ok(Self::Statement(name)),
            _ => Err(from.bad("kind", kind.into(), "80 (P) for a portal or 83 (S) for a statement")),
        }
    }
}

/// Runs a portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execute<'a> {
    /// The name of the portal; empty for the unnamed one.
    pub portal: &'a [u8],
    /// The row limit; 0 for none.
    pub rows: u32,
}

impl<'a> Execute<'a> {
    /// Reads the body of an `Execute`.
    ///
    /// # Errors
    /// The body is not exactly one `Execute`, or the row limit is negative.
    pub fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new("Execute", body);
        let portal = from.text("name of the portal")?;
        let rows = from.int32("number of rows")?;
        from.end()?;
        let rows = u32::try_from(rows)
            .map_err(|_negative| from.bad("number of rows", rows.into(), "0 for all of them, or more"))?;
        Ok(Self { portal, rows })
    }
}
