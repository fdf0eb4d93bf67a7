//! Messages that are refused before they become commands. They are recorded too, with what was read of them.

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::RequestId;
use crate::pipeline::CommandRecord;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::session::names::Definition;
use crate::protocol::postgres::session::record;
use crate::protocol::postgres::session::state::SessionState;
use crate::protocol::postgres::session::step::Kind;
use crate::protocol::postgres::session::step::Step;
use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::FrontTag;

/// A message that is refused before it becomes a command.
pub(super) struct Refused {
    pub(super) kind: Kind,
    request: RequestId,
    record: CommandRecord,
    denied: Denied,
    /// The SQLSTATE, if it is not the one of the deny code.
    state: Option<SqlState>,
    /// Whether the server would check for a failed transaction first.
    later: bool,
}

impl Refused {
    /// Creates the refusal of a message of this kind, with its record.
    pub(super) fn new(kind: Kind, record: CommandRecord, denied: Denied) -> Self {
        Self { kind, request: RequestId::new(), record, denied, state: None, later: false }
    }

    /// Sets the SQLSTATE.
    pub(super) fn with_state(self, state: SqlState) -> Self {
        Self { state: Some(state), ..self }
    }

    pub(super) fn step(self) -> Step {
        Step::Refuse(Box::new(self))
    }

    /// Records the refusal. Returns the kind of message, and what the client is told.
    pub(super) fn settle(self, session: &SessionState) -> (Kind, Refusal) {
        let Self { kind, request, record, denied, state, later } = self;
        let denied = session.seat.refuse(request, record, denied);
        let refusal = Refusal::of(&denied, request);
        let refusal = match state.filter(|_| denied.code != DenyCode::RecordingUnavailable) {
            Some(state) => refusal.with_state(state),
            None => refusal,
        };
        (kind, if later { refusal.after_transaction() } else { refusal })
    }
}

impl SessionState {
    /// Returns the refusal of an `Execute` whose portal cannot run: its `Bind` was refused, or it has run to
    /// its end.
    pub(super) fn portal_without_run(&self, portal: Box<[u8]>, over: bool) -> Refused {
        let name = String::from_utf8_lossy(&portal);
        let (state, denied) = if over {
            let denied = Denied::new(DenyCode::BadRequest, format!("portal \"{name}\" cannot be run again"));
            (SqlState::NOT_AGAIN, denied.because("portal_over"))
        } else {
            let message = format!("portal \"{name}\" does not exist: what it was to run was refused");
            (SqlState::NO_CURSOR, Denied::new(DenyCode::BadRequest, message).because("unknown_portal"))
        };
        self.unread(Kind::Execute { portal }, state, denied)
    }

    /// Returns the step that refuses a message whose SQL was not read or does not matter.
    pub(super) fn refused(&self, kind: Kind, state: SqlState, denied: Denied) -> Step {
        self.unread(kind, state, denied).step()
    }

    /// Returns the refusal of a message whose SQL was not read or does not matter.
    pub(super) fn unread(&self, kind: Kind, state: SqlState, denied: Denied) -> Refused {
        let portal: &[u8] = match &kind {
            Kind::Bind { portal, .. } | Kind::Execute { portal } => portal,
            Kind::Parse { .. } | Kind::FunctionCall | Kind::Query => b"",
        };
        let statement: &[u8] = if let Kind::Parse { name, .. } = &kind { name } else { b"" };
        let record = record::unread(kind.submitted_by(), statement, portal, self.transaction.status());
        Refused::new(kind, record, denied).with_state(state)
    }

    /// Returns the step that refuses a malformed message.
    pub(super) fn malformed(&self, tag: FrontTag, error: &WireError) -> Step {
        let denied = Denied::new(DenyCode::BadRequest, error.to_string()).because("malformed");
        self.refused(Kind::unnamed(tag), error.sqlstate(), denied)
    }

    /// Returns the step that refuses a message whose SQL was read.
    pub(super) fn refused_text(&self, kind: Kind, definition: &Definition, denied: Denied) -> Step {
        self.text(kind, definition, denied).step()
    }

    /// Returns the step that refuses a message whose SQL was read, with this SQLSTATE.
    pub(super) fn refused_text_as(
        &self,
        kind: Kind,
        definition: &Definition,
        state: SqlState,
        denied: Denied,
    ) -> Step {
        self.text(kind, definition, denied).with_state(state).step()
    }

    fn text(&self, kind: Kind, definition: &Definition, denied: Denied) -> Refused {
        let governed = self.seat.governed();
        let record = record::refused(
            kind.submitted_by(),
            &definition.sql,
            &governed.plan,
            self.seat.keeps(),
            self.transaction.status(),
        );
        Refused { later: !definition.ends_transaction(), ..Refused::new(kind, record, denied) }
    }
}
