//! Errors and notices: a list of fields, each a letter and a text (PostgreSQL 18 manual, 54.8).

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::read::Reader;
use crate::protocol::postgres::wire::sqlstate::SqlState;

/// The severity. The first three are errors, the others notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed.
    Error,
    /// The session ends.
    Fatal,
    /// All sessions end.
    Panic,
    /// A warning.
    Warning,
    /// A notice.
    Notice,
    /// A message for debugging.
    Debug,
    /// Information that the client asked for.
    Info,
    /// A line of the server's log.
    Log,
}

impl Severity {
    /// All severities.
    pub const ALL: [Self; 8] = [
        Self::Error,
        Self::Fatal,
        Self::Panic,
        Self::Warning,
        Self::Notice,
        Self::Debug,
        Self::Info,
        Self::Log,
    ];

    /// Returns the word that is sent.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Panic => "PANIC",
            Self::Warning => "WARNING",
            Self::Notice => "NOTICE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Log => "LOG",
        }
    }
}

/// A field of an error or notice, by its letter. Unknown letters are to be ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Field(pub u8);

impl Field {
    /// The severity, in the language of the session.
    pub const SEVERITY_SHOWN: Self = Self(b'S');
    /// The severity, never translated.
    pub const SEVERITY: Self = Self(b'V');
    /// The SQLSTATE.
    pub const CODE: Self = Self(b'C');
    /// What happened, in one line.
    pub const MESSAGE: Self = Self(b'M');
    /// More about it, often with values of rows.
    pub const DETAIL: Self = Self(b'D');
    /// What to do.
    pub const HINT: Self = Self(b'H');
    /// The position in the SQL, from 1, in characters.
    pub const POSITION: Self = Self(b'P');
    /// The position in an internally generated statement.
    pub const INTERNAL_POSITION: Self = Self(b'p');
    /// The internally generated statement.
    pub const INTERNAL_QUERY: Self = Self(b'q');
    /// The call stack of functions, which may hold values too.
    pub const WHERE: Self = Self(b'W');
    /// A schema.
    pub const SCHEMA: Self = Self(b's');
    /// A table.
    pub const TABLE: Self = Self(b't');
    /// A column.
    pub const COLUMN: Self = Self(b'c');
    /// A type.
    pub const DATA_TYPE: Self = Self(b'd');
    /// A constraint.
    pub const CONSTRAINT: Self = Self(b'n');
    /// A file of the server's source code.
    pub const FILE: Self = Self(b'F');
    /// A line in it.
    pub const LINE: Self = Self(b'L');
    /// A function in it.
    pub const ROUTINE: Self = Self(b'R');
}

/// An `ErrorResponse` or `NoticeResponse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report<'a> {
    body: &'a [u8],
}

impl<'a> Report<'a> {
    pub(super) fn read(mut from: Reader<'a>) -> Result<Self, WireError> {
        while from.byte("last byte")? != 0 {
            from.text("field")?;
        }
        from.end().map(|()| Self { body: from.body() })
    }

    /// Returns each field with its text, in order.
    pub fn fields(&self) -> impl Iterator<Item = (Field, &'a [u8])> + use<'a> {
        self.body
            .split(|&byte| byte == 0)
            .map_while(|field| field.split_first().map(|(&letter, text)| (Field(letter), text)))
    }

    /// Returns the text of the first field with this letter.
    pub fn field(&self, wanted: Field) -> Option<&'a [u8]> {
        self.fields().find(|(field, _)| *field == wanted).map(|(_, text)| text)
    }

    /// Returns the severity; `None` if no field gives it in English.
    pub fn severity(&self) -> Option<Severity> {
        let word = self.field(Field::SEVERITY).or_else(|| self.field(Field::SEVERITY_SHOWN))?;
        Severity::ALL.into_iter().find(|severity| severity.word().as_bytes() == word)
    }

    /// Returns the SQLSTATE; `None` if it is missing or not valid.
    pub fn code(&self) -> Option<SqlState> {
        self.field(Field::CODE).and_then(SqlState::new)
    }
}
