//! The words of the house as plain values: no I/O, no async, no policy. Every other module may use these, these use nothing.

pub mod approval;
pub mod command;
pub mod connection;
pub mod denied;
pub mod event;
pub mod hex;
pub mod id;
pub mod json;
pub mod lock;
pub mod mask;
pub mod percent;
pub mod pin;
pub mod principal;
pub mod secret;
pub mod session;
pub mod sql;
pub mod text;
pub mod units;
pub mod verdict;

pub use approval::{Approval, ApprovalDecision, ApprovalSpec, ApprovalState, Grant, GrantScope};
pub use command::mcp::McpCommand;
pub use command::{Class, Command, HttpCommand, SqlCommand};
pub use connection::mcp::{McpOptions, PinMode, Program, ServerRequest, Transport};
pub use connection::{ApprovalMode, Connection, ConnectionLimits, ConnectionName, DatabaseOptions};
pub use connection::{Injection, Origin, Protocol, Upstream};
pub use denied::{Denied, DenyCode};
pub use event::{Event, EventKind, MaskNote};
pub use id::{ApprovalId, GrantId, LockId, RequestId, SessionId};
pub use lock::{Lock, LockTarget};
pub use mask::{Entity, MaskOp, MaskRule};
pub use pin::{Pin, PinChange, PinFlag, PinKind, PinMember, PinNote, PinState, PinVersion};
pub use principal::{Groups, Kind, Principal};
pub use secret::{Secret, SecretRef};
pub use session::SessionEnd;
pub use verdict::{Effect, Verdict};
