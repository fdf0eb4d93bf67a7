//! What a client says: each message as a view that borrows its body, read strictly (PostgreSQL 18 manual,
//! 54.7).
//!
//! SQL and names are bytes here. What is to be judged must be UTF-8, which [`Query::text`] and
//! [`Parse::text`] check; bytes that are not must never be judged by another text that resembles them.

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
    /// Values for a prepared statement.
    Bind(Bind<'a>),
    /// Forgets a prepared statement or portal.
    Close(Named<'a>),
    /// A part of what is copied in, cut anywhere.
    CopyData(&'a [u8]),
    /// The end of what is copied in.
    CopyDone,
    /// The copy in is given up, and why.
    CopyFail(&'a [u8]),
    /// Asks about a prepared statement or portal.
    Describe(Named<'a>),
    /// Runs a portal.
    Execute(Execute<'a>),
    /// Asks for the replies so far.
    Flush,
    /// Calls a function by its oid.
    FunctionCall(FunctionCall<'a>),
    /// SQL to prepare.
    Parse(Parse<'a>),
    /// A password or a step of SASL.
    Password(Password<'a>),
    /// SQL to run.
    Query(Query<'a>),
    /// Ends a series of extended messages.
    Sync,
    /// The client leaves.
    Terminate,
}

impl<'a> FrontMessage<'a> {
    /// Reads the body of a whole frame.
    ///
    /// # Errors
    /// Anything that is not exactly one message of this type, with SQLSTATE 08P01.
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

/// SQL of any number of statements, to be run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// The SQL, in the encoding of the client.
    pub sql: &'a [u8],
}

impl<'a> Query<'a> {
    /// Reads the body of a `Query`.
    ///
    /// # Errors
    /// No NUL at the end, or one before it.
    pub fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new("Query", body);
        let sql = from.text("SQL")?;
        from.end().map(|()| Self { sql })
    }

    /// The SQL as UTF-8.
    ///
    /// # Errors
    /// Bytes that are not UTF-8, with SQLSTATE 22021.
    pub fn text(&self) -> Result<&'a str, WireError> {
        utf8("Query", "SQL", self.sql)
    }
}

/// SQL of one statement, to be prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parse<'a> {
    /// The name of the prepared statement; empty for the unnamed one.
    pub name: &'a [u8],
    /// The SQL, in the encoding of the client.
    pub sql: &'a [u8],
    /// The types of the first parameters; 0 leaves one to the server.
    pub types: Oids<'a>,
}

impl<'a> Parse<'a> {
    /// Reads the body of a `Parse`.
    ///
    /// # Errors
    /// Anything that is not exactly one `Parse`.
    pub fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut from = Reader::new("Parse", body);
        let (name, sql) = (from.text("name of the statement")?, from.text("SQL")?);
        let types = Oids::read(&mut from, "types of parameters")?;
        from.end().map(|()| Self { name, sql, types })
    }

    /// The SQL as UTF-8.
    ///
    /// # Errors
    /// Bytes that are not UTF-8, with SQLSTATE 22021.
    pub fn text(&self) -> Result<&'a str, WireError> {
        utf8("Parse", "SQL", self.sql)
    }
}

/// What a `Describe` or `Close` speaks of. An empty name is the unnamed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    /// A portal of this name.
    Portal(&'a [u8]),
    /// A prepared statement of this name.
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
    /// After how many rows it stops; 0 for no limit.
    pub rows: u32,
}

impl<'a> Execute<'a> {
    /// Reads the body of an `Execute`.
    ///
    /// # Errors
    /// Anything that is not exactly one `Execute`, and a negative number of rows.
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
