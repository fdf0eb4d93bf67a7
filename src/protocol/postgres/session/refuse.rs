//! Messages that are refused before they are commands: the recording has them too, with what was read of
//! them.

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

/// A message that is refused before it is a command.
pub(super) struct Refused {
    pub(super) kind: Kind,
    request: RequestId,
    record: CommandRecord,
    denied: Denied,
    /// The SQLSTATE, where it is not that of the code.
    state: Option<SqlState>,
    /// Whether the server would look at its transaction first.
    later: bool,
}

impl Refused {
    /// A message of this kind, recorded like this.
    pub(super) fn new(kind: Kind, record: CommandRecord, denied: Denied) -> Self {
        Self { kind, request: RequestId::new(), record, denied, state: None, later: false }
    }

    /// The same, told with this SQLSTATE.
    pub(super) fn with_state(self, state: SqlState) -> Self {
        Self { state: Some(state), ..self }
    }

    pub(super) fn step(self) -> Step {
        Step::Refuse(Box::new(self))
    }

    /// Records it. Returns what it stands for, and what its client is told.
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
    /// An `Execute` of a portal that cannot be run: its statement was refused, or has run to its end.
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

    /// A message of which no text was read, or none is of use.
    pub(super) fn refused(&self, kind: Kind, state: SqlState, denied: Denied) -> Step {
        self.unread(kind, state, denied).step()
    }

    /// The same, not yet a step.
    pub(super) fn unread(&self, kind: Kind, state: SqlState, denied: Denied) -> Refused {
        let portal: &[u8] = match &kind {
            Kind::Bind { portal, .. } | Kind::Execute { portal } => portal,
            Kind::Parse { .. } | Kind::FunctionCall | Kind::Query => b"",
        };
        let statement: &[u8] = if let Kind::Parse { name, .. } = &kind { name } else { b"" };
        let record = record::unread(kind.submitted_by(), statement, portal, self.transaction.status());
        Refused::new(kind, record, denied).with_state(state)
    }

    /// A message that cannot be read.
    pub(super) fn malformed(&self, tag: FrontTag, error: &WireError) -> Step {
        let denied = Denied::new(DenyCode::BadRequest, error.to_string()).because("malformed");
        self.refused(Kind::unnamed(tag), error.sqlstate(), denied)
    }

    /// A message whose text was read.
    pub(super) fn refused_text(&self, kind: Kind, definition: &Definition, denied: Denied) -> Step {
        self.text(kind, definition, denied).step()
    }

    /// The same, told with this SQLSTATE.
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
