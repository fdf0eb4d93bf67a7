//! Errors of the admin API: each with its code, HTTP status and exit code.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use http::StatusCode;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;

use crate::domain::with_causes;
use crate::transport::fetch::FetchError;
use crate::transport::tls::TlsError;

/// The stable code of a failed admin call. Codes are only ever added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The call itself is invalid: no such route, malformed JSON, an invalid id.
    BadRequest,
    /// It already exists, belongs to the configuration file, or has ended meanwhile.
    Conflict,
    /// It was attempted and failed; the message has the reason.
    Failed,
    /// The caller may not do this.
    Forbidden,
    /// A recording was changed after it was written.
    Integrity,
    /// A bug in the gateway.
    Internal,
    /// The change would make the configuration invalid; `problems` has the details.
    Invalid,
    /// Not found.
    NotFound,
    /// Only a running gateway can do this, and none is running.
    NotRunning,
    /// A body or an answer exceeds the limit.
    TooLarge,
    /// Timeout.
    Timeout,
    /// The caller has too many streams, or too many failed attempts; over the network only.
    TooMany,
    /// The token is missing, invalid or expired; over the network only.
    Unauthenticated,
    /// The store, the journal or the gateway's socket cannot be used now.
    Unavailable,
    /// The other side has a newer API: its code is unknown here.
    Unknown,
}

impl ErrorCode {
    /// All codes.
    pub const ALL: [Self; 15] = [
        Self::BadRequest,
        Self::Conflict,
        Self::Failed,
        Self::Forbidden,
        Self::Integrity,
        Self::Internal,
        Self::Invalid,
        Self::NotFound,
        Self::NotRunning,
        Self::TooLarge,
        Self::Timeout,
        Self::TooMany,
        Self::Unauthenticated,
        Self::Unavailable,
        Self::Unknown,
    ];

    /// Returns the name of the code: the `code` member of an error.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
            Self::Forbidden => "forbidden",
            Self::Integrity => "integrity",
            Self::Internal => "internal",
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::NotRunning => "not_running",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::TooMany => "too_many",
            Self::Unauthenticated => "unauthenticated",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the HTTP status that is sent with it.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::NotRunning | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Failed | Self::Integrity | Self::Internal | Self::Unknown => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// Returns the exit code of the command line for it, as documented.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed | Self::Internal | Self::TooLarge | Self::Timeout | Self::Unknown => 1,
            Self::BadRequest => 2,
            Self::Invalid => 3,
            Self::Unauthenticated => 4,
            Self::NotFound => 5,
            Self::Conflict => 6,
            Self::NotRunning | Self::TooMany | Self::Unavailable => 7,
            Self::Forbidden => 9,
            Self::Integrity => 10,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = <Cow<'de, str>>::deserialize(deserializer)?;
        Ok(Self::ALL.into_iter().find(|code| code.as_str() == word).unwrap_or(Self::Unknown))
    }
}

/// A failed admin call: the `error` member of the error body, and what the command line prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The stable code.
    pub code: ErrorCode,
    /// The message. Contains no secret and no recorded text.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The exit code of the command line.
    pub exit_code: u8,
    /// All problems of a refused configuration, one line each; empty for other errors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// The methods that the path accepts, if it was called with another one: the status is then 405, with
    /// these in `Allow`.
    #[serde(skip)]
    pub takes: Option<&'static str>,
}

impl ApiError {
    /// Returns an error with its message; the exit code follows from the code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let (message, exit_code) = (message.into(), code.exit_code());
        Self { code, message, hint: None, exit_code, problems: Vec::new(), takes: None }
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the problems of a refused configuration.
    pub fn problems(mut self, problems: Vec<String>) -> Self {
        self.problems = problems;
        self
    }
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error.
    pub error: ApiError,
}

/// Why the admin API cannot be reached from this side.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket's path exceeds the system's limit.
    #[error("{}: the path of a socket may be at most {max} bytes long", path.display())]
    PathTooLong {
        /// Path of the socket.
        path: PathBuf,
        /// The system's limit in bytes.
        max: usize,
    },
    /// The socket exists, but this user may not use it.
    #[error("cannot open {}: it belongs to another user", path.display())]
    NotPermitted {
        /// Path of the socket.
        path: PathBuf,
    },
    /// Whoever listens is not the gateway: neither root, this user, nor the owner of the folder of the
    /// socket.
    #[error("whoever listens on {} is another user (number {uid}): not trusted", path.display())]
    NotTheGateway {
        /// The socket.
        path: PathBuf,
        /// The user.
        uid: u32,
    },
    /// Nobody listens: no socket, or one that a dead gateway left behind.
    #[error("no gateway listens on {}", path.display())]
    NotRunning {
        /// Path of the socket.
        path: PathBuf,
    },
    /// Connecting to the socket failed in another way.
    #[error("cannot open {}", path.display())]
    Open {
        /// Path of the socket.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// No stream to a remote gateway.
    #[error("cannot reach the gateway at {origin}")]
    Unreachable {
        /// Origin of the gateway.
        origin: String,
        /// The cause.
        source: FetchError,
    },
    /// The server did not prove to be the gateway.
    #[error("{origin} is not trusted: {why}")]
    NotTrusted {
        /// Origin of the gateway.
        origin: String,
        /// The problem with its certificate.
        why: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// The certificate authorities cannot be read.
    #[error("certificates cannot be checked")]
    Authorities {
        /// The cause.
        source: TlsError,
    },
    /// The server is not an admin API.
    #[error("{origin} answered with status {status}; it is not a hoopctl admin API")]
    NotAdminApi {
        /// Origin of the gateway.
        origin: String,
        /// The status of the answer.
        status: u16,
    },
    /// The gateway closed the stream in the middle of an answer.
    #[error("the gateway closed the admin connection while {doing}")]
    Broken {
        /// The operation on this side.
        doing: &'static str,
        /// The cause.
        source: hyper::Error,
    },
    /// The gateway did not answer in time.
    #[error("the gateway did not answer within {seconds} s")]
    Slow {
        /// Timeout in seconds.
        seconds: u64,
    },
    /// The answer exceeds the limit of this side.
    #[error("the gateway's answer is longer than {max} bytes")]
    Long {
        /// The limit in bytes.
        max: usize,
    },
    /// The answer is not what this version expects.
    #[error("the gateway's answer to {what} cannot be parsed (version mismatch?)")]
    Unreadable {
        /// The call: method and path without its query.
        what: String,
        /// The cause.
        source: serde_json::Error,
    },
    /// The call could not be written as HTTP.
    #[error("the call {what} cannot be written as an HTTP request")]
    Unwritable {
        /// The call: method and path.
        what: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ClientError {
    /// Returns whether no gateway is running, so that the command line may open the store itself.
    pub const fn is_not_running(&self) -> bool {
        matches!(self, Self::NotRunning { .. })
    }
}

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        let (code, hint) = match &error {
            ClientError::NotRunning { .. } => (ErrorCode::NotRunning, Some("start it with `hoopctl serve`")),
            ClientError::NotPermitted { .. } => {
                (ErrorCode::Forbidden, Some("run it as the gateway's own user or as root"))
            }
            ClientError::NotTheGateway { .. } => (
                ErrorCode::Failed,
                Some("let the gateway run as the owner of the folder of its socket, or as root"),
            ),
            ClientError::Open { .. } | ClientError::Broken { .. } => (ErrorCode::Unavailable, None),
            ClientError::Unreachable { .. } => (
                ErrorCode::Unavailable,
                Some("check the address and the way there; is [admin] listen set on the gateway?"),
            ),
            ClientError::NotTrusted { advice, .. } => (ErrorCode::Failed, Some(*advice)),
            ClientError::Authorities { .. } => {
                (ErrorCode::Failed, Some("--ca-file FILE, of authorities in PEM form"))
            }
            ClientError::NotAdminApi { .. } => (
                ErrorCode::Failed,
                Some("the address is that of [admin] listen, not the one that clients use"),
            ),
            ClientError::PathTooLong { .. } => {
                (ErrorCode::Unavailable, Some("set admin.socket to a shorter path"))
            }
            ClientError::Slow { .. } => (ErrorCode::Timeout, Some("see `hoopctl status`")),
            ClientError::Long { .. } => (ErrorCode::TooLarge, Some("ask for less at a time: --limit")),
            ClientError::Unreadable { .. } => {
                (ErrorCode::Internal, Some("compare `hoopctl version` with `hoopctl status`"))
            }
            ClientError::Unwritable { .. } => (ErrorCode::BadRequest, None),
        };
        let made = Self::new(code, with_causes(&error));
        match hint {
            Some(hint) => made.hint(hint),
            None => made,
        }
    }
}
