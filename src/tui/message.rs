//! What happens to the model, and what it wants done.

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

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key was pressed.
    Key {
        /// Which.
        key: KeyEvent,
        /// When.
        at: Instant,
    },
    /// Text was pasted.
    Paste(String),
    /// The wheel was turned, up or down.
    Wheel {
        /// Towards the top.
        up: bool,
    },
    /// The terminal has another size.
    Resize(Size),
    /// Time went on.
    Tick,
    /// What the model says is on the screen now, in a picture of this size.
    Drawn(Size),
    /// The link to the gateway changed.
    Link(Link),
    /// A message of the gateway's live stream.
    Live(LiveEvent),
    /// What came of a [`Request`].
    Answer(Box<Answer>),
}

/// Something that the model wants done.
#[derive(Debug, Clone)]
pub enum Effect {
    /// End the program.
    Quit,
    /// Draw everything anew, whatever the terminal shows.
    Redraw,
    /// Tell a person who looks elsewhere. The text is shown escaped.
    Notify(String),
    /// Put a text on the clipboard, as far as the terminal can (OSC 52).
    Copy(String),
    /// Ask the gateway.
    Ask(Request),
    /// Show something on another screen.
    Go(Jump),
    /// Follow the events of this session, and of no other.
    Watch(Option<SessionId>),
}

/// A question to the gateway. Each is answered by the [`Answer`] of the same name.
#[derive(Debug, Clone)]
pub enum Request {
    /// Its state.
    Status,
    /// All pending approvals. The number says how much had been told of approvals when it was asked.
    Pending(u64),
    /// One approval with all that will be sent.
    Approval(ApprovalId),
    /// What became of the last approvals of a principal.
    History(String),
    /// Decide an approval.
    Decide(ApprovalId, Decide),
    /// The sessions that run (`true`), or the newest of all.
    Sessions {
        /// Only those that run.
        live: bool,
    },
    /// One session, by its id, the beginning of one, or `last`.
    Session(String),
    /// End a session, with a reason for the audit trail.
    Kill(SessionId, String),
    /// Set a lock.
    Lock(NewLock),
    /// A page of a recording, from an event on.
    Events(SessionId, u64),
    /// The first event of a recording, and an event with those just before it.
    Around(SessionId, u64),
    /// Check a recording.
    Verify(SessionId),
    /// Connections, policies or masks.
    Entities(EntityKind),
    /// The last entries of the audit trail after a number.
    Audit(Option<u64>),
    /// The last denials that are recorded.
    Denials,
    /// Why a command is judged as it is.
    Explain(Box<Explain>),
    /// Write a recording to a new file.
    Export {
        /// Which.
        session: Box<SessionView>,
        /// In which form.
        form: crate::recording::export::Form,
        /// Where.
        to: PathBuf,
    },
}

/// What a question is about, of those of which one at a time is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The gateway's state.
    Status,
    /// Pending approvals.
    Pending,
    /// Sessions that run, or all.
    Sessions(bool),
    /// Connections, policies or masks.
    Entities(EntityKind),
    /// Denials.
    Denials,
}

impl Request {
    /// What it is about, where one at a time is enough.
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

    /// Whether it changes something, so that it must not be given up.
    pub const fn changes(&self) -> bool {
        matches!(self, Self::Decide(..) | Self::Kill(..) | Self::Lock(_) | Self::Export { .. })
    }
}

impl Answer {
    /// What it is about, as [`Request::subject`].
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

/// What came of a [`Request`].
#[derive(Debug, Clone)]
pub enum Answer {
    /// See [`Request::Status`].
    Status(Result<StatusReport, ApiError>),
    /// See [`Request::Pending`]; without what will be sent. Shared, so that a screen that keeps thousands need not copy them.
    Pending(u64, Result<Vec<Arc<Approval>>, ApiError>),
    /// See [`Request::Approval`].
    Approval(ApprovalId, Result<Box<Approval>, ApiError>),
    /// See [`Request::History`].
    History(String, Result<Vec<Approval>, ApiError>),
    /// See [`Request::Decide`]; whether it was a yes.
    Decided(ApprovalId, bool, Result<Box<Approval>, ApiError>),
    /// See [`Request::Sessions`].
    Sessions {
        /// Only those that run.
        live: bool,
        /// What was found.
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
    /// See [`Request::Export`]: how many events were written, or why not.
    Exported(PathBuf, Result<u64, String>),
}
