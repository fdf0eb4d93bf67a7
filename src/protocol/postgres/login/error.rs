//! Why a login failed, and what the target's own errors mean. No text of the target, and no name of a user or
//! host, is included.

use std::fmt;

use crate::protocol::postgres::login::ScramError;
use crate::protocol::postgres::login::body::Body;

/// Why no session was opened at the target. None of the texts repeats the password, the user, or words of the
/// target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The server offers only SCRAM with channel binding, and its certificate allows none.
    #[error("the target offers only SCRAM-SHA-256-PLUS, and its certificate gives nothing to bind that to")]
    BindingImpossible,
    /// The server asks for the password in clear, on a stream without TLS. No setting accepts that.
    #[error("the target asks for the password in clear on a stream without TLS")]
    ClearWithoutTls,
    /// The session would not use UTF-8, so that what is judged and what is run could differ.
    #[error("the target does not use UTF8 as client_encoding")]
    ClientEncoding,
    /// The server refused the credential: SQLSTATE class 28, or a SCRAM error.
    #[error("the target refused the gateway's credential")]
    CredentialRefused,
    /// The password or user cannot be sent in a message: it contains a zero byte, or is gigabytes long.
    #[error("the gateway's credential for the target holds a zero byte or is too long")]
    CredentialUnusable,
    /// A message does not have the form of its type (manual, "Message Formats").
    #[error("the target sent a message of kind {:?} that cannot be read", char::from(*kind))]
    Malformed {
        /// The type of the message.
        kind: u8,
    },
    /// The server asks for a login weaker than SCRAM, which the connection does not accept.
    #[error(
        "the target asks for {asked}, which this connection does not accept (its setting {setting} is off)"
    )]
    NotAccepted {
        /// What the server asks for, in words.
        asked: &'static str,
        /// The setting that would accept it.
        setting: &'static str,
    },
    /// None of the offered SASL mechanisms is supported.
    #[error("the target offers neither SCRAM-SHA-256 nor SCRAM-SHA-256-PLUS")]
    NoMechanism,
    /// The server asks for a password, and the connection has only a certificate.
    #[error("the target asks for a password, and this connection has only a certificate to log in with")]
    NoPassword,
    /// A message came at a point of the login where it may not.
    #[error("the target sent a message of kind {:?} where it has no place in a login", char::from(*kind))]
    Order {
        /// The type of the message.
        kind: u8,
    },
    /// The login has ended already, with or without success.
    #[error("the login has ended already")]
    Over,
    /// The server offers channel binding on a stream without TLS: it sees TLS, so somebody is in between.
    #[error("the target offers SCRAM-SHA-256-PLUS, but the stream to it has no TLS")]
    PlusWithoutTls,
    /// SCRAM failed.
    #[error("logging in to the target by SCRAM failed")]
    Scram(#[source] ScramError),
    /// The server refused the login for a reason other than the credential.
    #[error("the target refused the login: {refusal} (SQLSTATE {state})")]
    Target {
        /// The kind of reason.
        refusal: TargetRefusal,
        /// The SQLSTATE.
        state: SqlState,
    },
    /// There are more messages than [`MAX_MESSAGES`](super::MAX_MESSAGES), or more bytes than
    /// [`MAX_BYTES`](super::MAX_BYTES).
    #[error("the target sent too much before the login was over")]
    TooMuch,
    /// A message is longer than [`max_body`](super::max_body).
    #[error("the target sent a message of kind {:?} that is too long for a login", char::from(*kind))]
    TooLong {
        /// The type of the message.
        kind: u8,
    },
    /// The server accepted the login without having proved that it knows the password.
    #[error("the target let the gateway in before it proved that it knows the password")]
    Unproved,
    /// The server asks for GSSAPI, SSPI, Kerberos or the like.
    #[error("the target asks for {asked}, which is not spoken here")]
    Unsupported {
        /// What the server asks for, in words.
        asked: &'static str,
    },
    /// The server negotiated a protocol version or option that was not requested.
    #[error("the target answers with a protocol version or option that was not asked for")]
    Version,
}

impl From<ScramError> for LoginError {
    fn from(error: ScramError) -> Self {
        match error {
            ScramError::Refused => Self::CredentialRefused,
            error => Self::Scram(error),
        }
    }
}

/// The meaning of a target's error, by its SQLSTATE (manual, appendix "PostgreSQL Error Codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetRefusal {
    /// Class 53: there is no room for another session.
    Busy,
    /// Class 3D: the database does not exist.
    Database,
    /// Anything else.
    Other,
    /// Classes 22 and 42, except for 42501: a value or name in the startup packet.
    Parameter,
    /// Classes 08 and 0A: it does not speak the protocol, or not this version.
    Protocol,
    /// 42501: the user may not use the database.
    Rights,
    /// Class 57: starting up, shutting down, or ended by an administrator.
    Unavailable,
}

impl fmt::Display for TargetRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "it has no room for another session",
            Self::Database => "it has no such database",
            Self::Other => "it gave a reason of its own",
            Self::Parameter => "it does not take a parameter of the session",
            Self::Protocol => "it does not speak this version of the protocol",
            Self::Rights => "the gateway's user may not use the database",
            Self::Unavailable => "it is starting, stopping, or was told to end the session",
        })
    }
}

/// A SQLSTATE: five characters of `A` to `Z` and `0` to `9`; `?????` if it was missing or malformed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SqlState([u8; 5]);

impl SqlState {
    const UNREADABLE: Self = Self(*b"?????");

    fn read(text: &[u8]) -> Option<Self> {
        let code: [u8; 5] = text.try_into().ok()?;
        code.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).then_some(Self(code))
    }

    /// Returns the code.
    pub fn as_bytes(&self) -> &[u8; 5] {
        &self.0
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlState({self})")
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

/// Reads an `ErrorResponse`. Only its SQLSTATE is used: other fields hold names of users, hosts and
/// databases.
pub(super) fn refused(body: &[u8]) -> LoginError {
    let state = sql_state(body).unwrap_or(SqlState::UNREADABLE);
    let refusal = match &state.0 {
        [b'2', b'8', ..] => return LoginError::CredentialRefused,
        b"42501" => TargetRefusal::Rights,
        [b'5', b'3', ..] => TargetRefusal::Busy,
        [b'3', b'D', ..] => TargetRefusal::Database,
        [b'2' | b'4', b'2', ..] => TargetRefusal::Parameter,
        [b'0', b'8' | b'A', ..] => TargetRefusal::Protocol,
        [b'5', b'7', ..] => TargetRefusal::Unavailable,
        _ => TargetRefusal::Other,
    };
    LoginError::Target { refusal, state }
}

/// Returns the field `C` of an `ErrorResponse`, which is a list of a letter and a text each, up to a zero.
fn sql_state(body: &[u8]) -> Option<SqlState> {
    let mut body = Body(body);
    loop {
        match body.byte()? {
            0 => return None,
            b'C' => return SqlState::read(body.string()?),
            _ => body.string()?,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_by_their_code_and_nothing_else() {
        let cases = [
            ("28P01", None),
            ("28000", None),
            ("3D000", Some(TargetRefusal::Database)),
            ("53300", Some(TargetRefusal::Busy)),
            ("57P03", Some(TargetRefusal::Unavailable)),
            ("42501", Some(TargetRefusal::Rights)),
            ("42704", Some(TargetRefusal::Parameter)),
            ("22023", Some(TargetRefusal::Parameter)),
            ("08P01", Some(TargetRefusal::Protocol)),
            ("0A000", Some(TargetRefusal::Protocol)),
            ("XX000", Some(TargetRefusal::Other)),
        ];
        for (code, refusal) in cases {
            let body =
                format!("SFATAL\0VFATAL\0C{code}\0Mpassword failed for user \"alice\" at db.internal\0\0");
            let error = refused(body.as_bytes());
            let wanted = match refusal {
                None => LoginError::CredentialRefused,
                Some(refusal) => {
                    LoginError::Target { refusal, state: SqlState::read(code.as_bytes()).unwrap() }
                }
            };
            assert_eq!(error, wanted);
            let told = format!("{error} {error:?}");
            assert!(!told.contains("alice") && !told.contains("db.internal"), "{told}");
            assert_eq!(told.contains(&format!("SQLSTATE {code}")), refusal.is_some(), "{told}");
        }
    }

    #[test]
    fn a_code_that_cannot_be_read_is_not_repeated() {
        for body in
            ["", "\0", "C28P01", "C28p01\0\0", "C28P011\0\0", "C\x1b[2Jx\0\0", "SFATAL", "\0C28P01\0\0"]
        {
            let error = refused(body.as_bytes());
            let other = LoginError::Target { refusal: TargetRefusal::Other, state: SqlState::UNREADABLE };
            assert_eq!(error, other, "{body:?}");
            assert!(error.to_string().ends_with("(SQLSTATE ?????)"));
        }
    }
}
