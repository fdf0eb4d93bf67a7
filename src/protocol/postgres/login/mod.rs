//! Logs in to a PostgreSQL server with the gateway's credential: messages in, messages out, no I/O and no
//! policy.
//!
//! [`Login`] begins when the startup packet has been sent. The login uses SCRAM-SHA-256, bound to the TLS
//! channel where both sides can (RFC 5802, 7677, 5929): the server never sees the password, and proves that
//! it knows it too. Anything weaker is refused unless the connection accepts it by name ([`Weaker`]).

mod body;
mod end_point;
mod error;
mod password;
mod ready;
mod scram;
mod sequence;
#[cfg(test)]
mod tests;

pub use crate::domain::connection::Weaker;
pub use end_point::EndPoint;
pub use end_point::NotACertificate;
pub use error::LoginError;
pub use error::SqlState;
pub use error::TargetRefusal;
pub use ready::CancelKey;
pub use ready::Proof;
pub use ready::Ready;
pub use ready::TransactionStatus;
pub use ready::Version;
pub use scram::MAX_ITERATIONS;
pub use scram::MIN_ITERATIONS;
pub use scram::ScramError;
pub use sequence::Channel;
pub use sequence::Credential;
pub use sequence::Login;
pub use sequence::MAX_BYTES;
pub use sequence::MAX_MESSAGES;
pub use sequence::Means;
pub use sequence::Step;
pub use sequence::max_body;
