//! The SQLSTATE, which tells a client's program the kind of an error (PostgreSQL 18 manual, appendix A).

use std::fmt;

/// An SQLSTATE: five digits or upper-case ASCII letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// `protocol_violation`: bytes that are not a valid message.
    pub const PROTOCOL_VIOLATION: Self = Self(*b"08P01");
    /// A notice that a statement waits for approval; a code of this gateway, in the class of warnings.
    pub const WAITING: Self = Self(*b"01H01");
    /// A notice about what was withheld or cut; a code of this gateway, in the class of warnings.
    pub const WITHHELD: Self = Self(*b"01H02");
    /// `connection_failure`.
    pub const CONNECTION_FAILURE: Self = Self(*b"08006");
    /// `feature_not_supported`.
    pub const FEATURE_NOT_SUPPORTED: Self = Self(*b"0A000");
    /// `character_not_in_repertoire`: text that is not UTF-8, or contains a NUL.
    pub const CHARACTER_NOT_IN_REPERTOIRE: Self = Self(*b"22021");
    /// `invalid_parameter_value`.
    pub const INVALID_PARAMETER_VALUE: Self = Self(*b"22023");
    /// `in_failed_sql_transaction`.
    pub const IN_FAILED_TRANSACTION: Self = Self(*b"25P02");
    /// `invalid_authorization_specification`.
    pub const INVALID_AUTHORIZATION: Self = Self(*b"28000");
    /// `invalid_sql_statement_name`: no such prepared statement.
    pub const NO_STATEMENT: Self = Self(*b"26000");
    /// `invalid_cursor_name`: no such portal.
    pub const NO_CURSOR: Self = Self(*b"34000");
    /// `invalid_catalog_name`: no such database.
    pub const INVALID_CATALOG_NAME: Self = Self(*b"3D000");
    /// `insufficient_privilege`.
    pub const INSUFFICIENT_PRIVILEGE: Self = Self(*b"42501");
    /// `syntax_error`.
    pub const SYNTAX_ERROR: Self = Self(*b"42601");
    /// `too_many_connections`, used also for too many other things.
    pub const TOO_MANY: Self = Self(*b"53300");
    /// `query_canceled`.
    pub const QUERY_CANCELED: Self = Self(*b"57014");
    /// `admin_shutdown`: the session was ended from outside.
    pub const ADMIN_SHUTDOWN: Self = Self(*b"57P01");
    /// `cannot_connect_now`.
    pub const CANNOT_CONNECT_NOW: Self = Self(*b"57P03");
    /// `idle_session_timeout`.
    pub const IDLE_SESSION_TIMEOUT: Self = Self(*b"57P05");
    /// `system_error`.
    pub const SYSTEM_ERROR: Self = Self(*b"58000");
    /// `internal_error`.
    pub const INTERNAL_ERROR: Self = Self(*b"XX000");
    /// `name_too_long`.
    pub const NAME_TOO_LONG: Self = Self(*b"42622");
    /// `object_not_in_prerequisite_state`: a portal that has already run.
    pub const NOT_AGAIN: Self = Self(*b"55000");
    /// `program_limit_exceeded`: larger than this gateway accepts.
    pub const PROGRAM_LIMIT_EXCEEDED: Self = Self(*b"54000");

    /// `statement_too_complex`: nested more deeply than this gateway reads.
    pub const STATEMENT_TOO_COMPLEX: Self = Self(*b"54001");

    /// Returns the SQLSTATE with these characters; `None` for anything but five digits or upper-case ASCII
    /// letters.
    pub fn new(code: &[u8]) -> Option<Self> {
        let code = <[u8; 5]>::try_from(code).ok()?;
        let known = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        code.iter().all(known).then_some(Self(code))
    }

    /// Returns the five characters as bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&byte| fmt::Write::write_char(to, char::from(byte)))
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}
