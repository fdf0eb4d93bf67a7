//! A client's proof of identity. The meaning of the bytes depends on what the server asked for, so the caller
//! chooses how to read them.

use std::fmt;

use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::read::Reader;

/// The body of a message of type `p`. It is a secret, so that `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password<'a> {
    body: &'a [u8],
}

impl<'a> Password<'a> {
    pub(super) const fn new(body: &'a [u8]) -> Self {
        Self { body }
    }

    /// Reads a `PasswordMessage`: the password, or the digest that was asked for. It may be empty, which
    /// PostgreSQL refuses as a wrong password.
    ///
    /// # Errors
    /// There is no NUL at the end, or one before it.
    pub fn cleartext(&self) -> Result<&'a [u8], WireError> {
        let mut from = Reader::new("PasswordMessage", self.body);
        let password = from.text("password")?;
        from.end().map(|()| password)
    }

    /// Reads a `SASLInitialResponse`.
    ///
    /// # Errors
    /// The body is not exactly a mechanism and the client's first response.
    pub fn sasl_initial(&self) -> Result<SaslInitial<'a>, WireError> {
        let mut from = Reader::new("SASLInitialResponse", self.body);
        let mechanism = from.text("mechanism")?;
        let response = from.value("response")?;
        from.end().map(|()| SaslInitial { mechanism, response })
    }

    /// Returns a `SASLResponse`, whose content depends on the mechanism.
    #[cfg(test)]
    pub const fn sasl_response(&self) -> &'a [u8] {
        self.body
    }
}

impl fmt::Debug for Password<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Password(..)")
    }
}

/// The mechanism that a client chose, and its first response. The response may be a token, so that `Debug`
/// does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SaslInitial<'a> {
    /// The name of the mechanism, such as `SCRAM-SHA-256`.
    pub mechanism: &'a [u8],
    /// The first response; `None` if the client waits for a challenge.
    pub response: Option<&'a [u8]>,
}

impl fmt::Debug for SaslInitial<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "SaslInitial({}, ..)", self.mechanism.escape_ascii())
    }
}
