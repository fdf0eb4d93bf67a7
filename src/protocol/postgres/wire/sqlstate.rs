//! The five characters that tell a client's program what kind of error it got (PostgreSQL 18 manual, appendix A).

use std::fmt;

/// An SQLSTATE: five digits or upper case ASCII letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// `protocol_violation`: bytes that are no message.
    pub const PROTOCOL_VIOLATION: Self = Self(*b"08P01");
    /// `feature_not_supported`.
    pub const FEATURE_NOT_SUPPORTED: Self = Self(*b"0A000");
    /// `character_not_in_repertoire`: text that is not UTF-8, or has a NUL in it.
    pub const CHARACTER_NOT_IN_REPERTOIRE: Self = Self(*b"22021");
    /// `invalid_parameter_value`.
    pub const INVALID_PARAMETER_VALUE: Self = Self(*b"22023");
    /// `invalid_authorization_specification`.
    pub const INVALID_AUTHORIZATION: Self = Self(*b"28000");
    /// `insufficient_privilege`.
    pub const INSUFFICIENT_PRIVILEGE: Self = Self(*b"42501");
    /// `syntax_error`.
    pub const SYNTAX_ERROR: Self = Self(*b"42601");
    /// `program_limit_exceeded`: larger than this gateway takes.
    pub const PROGRAM_LIMIT_EXCEEDED: Self = Self(*b"54000");

    /// The state of these characters; `None` for anything but five digits or upper case ASCII letters.
    pub fn new(code: &[u8]) -> Option<Self> {
        let code = <[u8; 5]>::try_from(code).ok()?;
        let known = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        code.iter().all(known).then_some(Self(code))
    }

    /// The five characters as bytes.
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
