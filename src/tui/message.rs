//! Messages to the model, and the effects it requests.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crossterm::event::KeyEvent;
use ratatui::layout::Size;

use crate::control::ApiError;
use crate::control::noun::List;
use crate::control::noun::approval::Decide;
use crate::control::noun::audit::AuditEntry;
use crate::control::noun::entity::EntityView;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::gateway::Explain;
use crate::control::noun::gateway::ExplainReport;
use crate::control::noun::gateway::StatusReport;
use crate::control::noun::lock::NewLock;
use crate::control::noun::session::EventPage;
use crate::control::noun::session::GrepMatch;
use crate::control::noun::session::SessionView;
use crate::control::noun::session::VerifyReport;
use crate::domain::approval::Approval;
use crate::domain::entity::EntityKind;
use crate::domain::id::ApprovalId;
use crate::domain::id::SessionId;
use crate::domain::lock::Lock;
use crate::tui::link::Link;
use crate::tui::model::Jump;

/// A message to the model.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key was pressed.
    Key {
        /// The key.
        key: KeyEvent,
        /// When it was pressed.
        at: Instant,
    },
    /// Text was pasted.
    Paste(String),
    /// The mouse wheel was turned.
    Wheel {
        /// Whether it was turned up.
        up: bool,
    },
    /// The terminal was resized.
    Resize(Size),
    /// Time has passed.
    Tick,
    /// The picture of this size is now on screen.
    Drawn(Size),
    /// The connection to the gateway changed.
    Link(Link),
    /// A message of the gateway's live stream.
    Live(LiveEvent),
    /// The reply to a [`Request`].
    Answer(Box<Answer>),
}

/// An effect that the model requests.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Exit the program.
    Quit,
    /// Redraw everything, whatever the terminal shows.
    Redraw,
    /// Notify a user who looks elsewhere. The text is escaped when shown.
    Notify(String),
    /// Copy a text to the clipboard, if the terminal supports it (OSC 52).
    Copy(String),
    /// Send a request to the gateway.
    Ask(Request),
    /// Show something on another screen.
    Go(Jump),
    /// Follow the events of this session, and of no other.
    Watch(Option<SessionId>),
}

/// A request to the gateway. Each is answered by the [`Answer`] of the same name.
#[derive(Debug, Clone)]
pub enum Request {
    /// Get the gateway's state.
    Status,
    /// List all pending approvals. The number is the queue's update counter at the time of the request.
    Pending(u64),
    /// Get one approval with everything that will be sent.
    Approval(ApprovalId),
    /// Get the recent approvals of a principal.
    History(String),
    /// Decide an approval.
    Decide(ApprovalId, Decide),
    /// List the live sessions (`true`), or the newest of all.
    Sessions {
        /// Whether to list live sessions only.
        live: bool,
    },
    /// Get one session, by its id, a prefix of the id, or `last`.
    Session(String),
    /// End a session, with a reason for the audit trail.
    Kill(SessionId, String),
    /// Add a lock.
    Lock(NewLock),
    /// Get a page of a recording, starting at an event.
    Events(SessionId, u64),
    /// Get the first event of a recording, and an event with those just before it.
    Around(SessionId, u64),
    /// Verify a recording.
    Verify(SessionId),
    /// List connections, policies or masks.
    Entities(EntityKind),
    /// Get the last entries of the audit trail after a number.
    Audit(Option<u64>),
    /// List the most recent recorded denials.
    Denials,
    /// Explain the verdict on a command.
    Explain(Box<Explain>),
    /// Write a recording to a new file.
    Export {
        /// The session.
        session: Box<SessionView>,
        /// The format.
        form: crate::recording::export::Form,
        /// The path.
        to: PathBuf,
    },
}

/// The subject of requests of which only one is in flight at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The gateway's state.
    Status,
    /// Pending approvals.
    Pending,
    /// Live sessions (`true`), or all.
    Sessions(bool),
    /// Connections, policies or masks.
    Entities(EntityKind),
    /// Denials.
    Denials,
}

impl Request {
    /// Returns the request's subject, if only one such request is in flight at a time.
    pub const fn subject(&self) -> Option<Subject> {
        match self {
            Self::Status => Some(Subject::Status),
            Self::Pending(_) => Some(Subject::Pending),
            Self::Sessions { live } => Some(Subject::Sessions(*live)),
            Self::Entities(kind) => Some(Subject::Entities(*kind)),
            Self::Denials => Some(Subject::Denials),
            _ => None,
        }
    }

    /// Returns whether the request changes something, so that it must not be cancelled.
    pub const fn changes(&self) -> bool {
        matches!(self, Self::Decide(..) | Self::Kill(..) | Self::Lock(_) | Self::Export { .. })
    }
}

impl Answer {
    /// Returns the reply's subject, as in [`Request::subject`].
    pub const fn subject(&self) -> Option<Subject> {
        match self {
            Self::Status(_) => Some(Subject::Status),
            Self::Pending(..) => Some(Subject::Pending),
            Self::Sessions { live, .. } => Some(Subject::Sessions(*live)),
            Self::Entities(kind, _) => Some(Subject::Entities(*kind)),
            Self::Denials(_) => Some(Subject::Denials),
            _ => None,
        }
    }
}

/// The reply to a [`Request`].
#[derive(Debug, Clone)]
pub enum Answer {
    /// See [`Request::Status`].
    Status(Result<StatusReport, ApiError>),
    /// See [`Request::Pending`]; without the text that will be sent. Shared, so that a screen with thousands
    /// need not copy them.
    Pending(u64, Result<Vec<Arc<Approval>>, ApiError>),
    /// See [`Request::Approval`].
    Approval(ApprovalId, Result<Box<Approval>, ApiError>),
    /// See [`Request::History`].
    History(String, Result<Vec<Approval>, ApiError>),
    /// See [`Request::Decide`]; `true` for an approval.
    Decided(ApprovalId, bool, Result<Box<Approval>, ApiError>),
    /// See [`Request::Sessions`].
    Sessions {
        /// Whether only live sessions were requested.
        live: bool,
        /// The sessions.
        found: Result<List<SessionView>, ApiError>,
    },
    /// See [`Request::Session`].
    Session(String, Result<Box<SessionView>, ApiError>),
    /// See [`Request::Kill`].
    Killed(SessionId, Result<Box<SessionView>, ApiError>),
    /// See [`Request::Lock`].
    Locked(Result<Lock, ApiError>),
    /// See [`Request::Events`].
    Events(SessionId, u64, Result<EventPage, ApiError>),
    /// See [`Request::Around`].
    Around(SessionId, u64, Result<EventPage, ApiError>),
    /// See [`Request::Verify`].
    Verified(SessionId, Result<VerifyReport, ApiError>),
    /// See [`Request::Entities`].
    Entities(EntityKind, Result<Vec<EntityView>, ApiError>),
    /// See [`Request::Audit`].
    Audit(Result<List<AuditEntry>, ApiError>),
    /// See [`Request::Denials`].
    Denials(Result<List<GrepMatch>, ApiError>),
    /// See [`Request::Explain`].
    Explained(Result<Box<ExplainReport>, ApiError>),
    /// See [`Request::Export`]: the number of events written, or the error.
    Exported(PathBuf, Result<u64, String>),
}
