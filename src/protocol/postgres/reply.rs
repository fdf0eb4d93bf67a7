//! The gateway's own messages to a client: refusals as errors of PostgreSQL, and notices.

#![deny(clippy::wildcard_enum_match_arm)]

use bytes::BytesMut;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::RequestId;
use crate::domain::SessionEnd;
use crate::protocol::postgres::judge::Judgement;
use crate::protocol::postgres::judge::SyntaxError;
use crate::protocol::postgres::judge::Unread;
use crate::protocol::postgres::wire::back::Severity;
use crate::protocol::postgres::wire::back::Words;
use crate::protocol::postgres::wire::back::write_error;
use crate::protocol::postgres::wire::back::write_notice;
use crate::protocol::postgres::wire::sqlstate::SqlState;

/// An error that the gateway itself sends: why a message was refused, a reply cut, or a session ended.
#[derive(Debug, Clone)]
pub struct Refusal {
    state: SqlState,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    position: Option<u32>,
    /// Whether the server would check for a failed transaction first.
    after_transaction: bool,
}

impl Refusal {
    /// Creates a refusal of the gateway's own.
    pub fn new(state: SqlState, message: impl Into<String>) -> Self {
        Self {
            state,
            message: bounded(message.into()),
            detail: None,
            hint: None,
            position: None,
            after_transaction: false,
        }
    }

    /// Adds a hint what to do.
    pub fn hinted(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Creates the refusal for a command that the pipeline refused.
    pub fn of(denied: &Denied, request: RequestId) -> Self {
        let rule = denied.rule.as_ref().map(|rule| format!("policy {rule}, ")).unwrap_or_default();
        let hint = match (denied.code, denied.approval) {
            (DenyCode::ApprovalPending, Some(approval)) => Some(format!(
                "It waits for approval {approval}. Run the same statement again once that is approved."
            )),
            (_, Some(approval)) => Some(format!("Approval {approval}.")),
            (_, None) => None,
        };
        Self {
            state: state(denied.code),
            message: plain(&denied.detail),
            detail: Some(format!("code {}, {rule}request {request}", denied.code)),
            hint,
            position: None,
            after_transaction: false,
        }
    }

    /// The same with more words in the detail.
    pub fn explained(self, words: &str) -> Self {
        let detail = self.detail.map(|detail| format!("{detail}, {}", bounded(plain(words))));
        Self { detail, ..self }
    }

    /// The same for a statement that the target had done before it could be stopped, with this tag.
    pub fn done_all_the_same(self, tag: &str) -> Self {
        let detail = format!(
            "The target has done the statement all the same ({}); this error undoes nothing of it.",
            bounded(plain(tag))
        );
        Self { detail: Some(detail), ..self }
    }

    /// Sets another SQLSTATE.
    pub fn with_state(self, state: SqlState) -> Self {
        Self { state, ..self }
    }

    /// Marks it as something that the server checks only after the transaction: see
    /// [`Refusal::in_failed_transaction`].
    pub fn after_transaction(self) -> Self {
        Self { after_transaction: true, ..self }
    }

    /// Returns what the client is told in a failed transaction: the server reports that first, before it
    /// looks at what a statement would do. The refusal itself moves to the detail.
    pub fn in_failed_transaction(self) -> Self {
        if !self.after_transaction || self.state == SqlState::SYNTAX_ERROR {
            return self;
        }
        let besides = self.detail.map(|detail| format!(" ({detail})")).unwrap_or_default();
        Self {
            state: SqlState::IN_FAILED_TRANSACTION,
            message: "current transaction is aborted, commands ignored until end of transaction block"
                .to_owned(),
            detail: Some(format!("It is refused besides: {}{besides}", self.message)),
            ..self
        }
    }

    /// Replaces the refusal by the syntax error of PostgreSQL's parser, if there is one, which tells no more
    /// than the server itself would. For a text that was not read, adds why.
    pub fn or_syntax(self, judgement: &Judgement, sql: &[u8]) -> Self {
        match judgement {
            Judgement::Syntax(error) => Self {
                state: SqlState::SYNTAX_ERROR,
                message: bounded(plain(&error.message)),
                position: position(error, sql),
                ..self
            },
            // Why it was not judged, such as too long or too deep.
            Judgement::Unread(unread) => {
                Self { message: bounded(format!("{} ({unread})", self.message)), ..self }
            }
            Judgement::Effects(_) => self,
        }
    }

    /// Returns the syntax error that a client gets whatever the policies say; `None` if the parser accepts
    /// the text.
    pub fn of_syntax(judgement: &Judgement, sql: &[u8]) -> Option<Self> {
        matches!(judgement, Judgement::Syntax(_))
            .then(|| Self::new(SqlState::SYNTAX_ERROR, "").or_syntax(judgement, sql))
    }

    /// Sets the SQLSTATE that a server has for a text that cannot be read, if there is one.
    pub fn of_unread(self, judgement: &Judgement) -> Self {
        let state = match judgement {
            Judgement::Unread(Unread::TooLong | Unread::TooLarge) => SqlState::PROGRAM_LIMIT_EXCEEDED,
            Judgement::Unread(Unread::TooDeep) => SqlState::STATEMENT_TOO_COMPLEX,
            Judgement::Unread(Unread::NotUtf8 | Unread::Nul) => SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            Judgement::Unread(Unread::Failed) | Judgement::Syntax(_) | Judgement::Effects(_) => self.state,
        };
        Self { state, ..self }
    }

    /// Returns the error for a statement that was cancelled while it waited.
    pub fn cancelled() -> Self {
        Self::new(SqlState::QUERY_CANCELED, "canceling statement due to user request")
    }

    /// Returns the SQLSTATE.
    pub fn state(&self) -> SqlState {
        self.state
    }

    /// Returns the message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Appends it as an error of a statement.
    pub fn write(&self, out: &mut BytesMut) {
        self.write_as(Severity::Error, out);
    }

    /// Appends it as an error that ends the session.
    pub fn write_fatal(&self, out: &mut BytesMut) {
        self.write_as(Severity::Fatal, out);
    }

    fn write_as(&self, severity: Severity, out: &mut BytesMut) {
        let words = Words {
            severity,
            code: self.state,
            message: &self.message,
            detail: self.detail.as_deref(),
            hint: self.hint.as_deref(),
            position: self.position,
        };
        if write_error(out, &words).is_err() {
            // Only a NUL or an excessively long text could prevent this, and our texts are neither: say the
            // least.
            let least = write_error(out, &Words::new(severity, self.state, "refused by the gateway"));
            debug_assert!(least.is_ok(), "a fixed text can be written");
        }
    }
}

/// Returns a text, cut to what is kept until its turn comes.
fn bounded(mut text: String) -> String {
    const MOST: usize = 1024;
    if text.len() > MOST {
        text.truncate(text.floor_char_boundary(MOST));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

/// Replaces NULs, which would end the text in this protocol.
fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Returns the position of a syntax error as PostgreSQL counts it: in characters, from 1.
fn position(error: &SyntaxError, sql: &[u8]) -> Option<u32> {
    let before = std::str::from_utf8(sql.get(..error.position?)?).ok()?;
    u32::try_from(before.chars().count().saturating_add(1)).ok()
}

/// Returns the SQLSTATE of a refusal. None makes a pool reconnect and retry what was refused.
pub const fn state(code: DenyCode) -> SqlState {
    match code {
        DenyCode::ApprovalExpired => SqlState::QUERY_CANCELED,
        DenyCode::ApprovalDenied
        | DenyCode::ApprovalPending
        | DenyCode::Denied
        | DenyCode::UnmaskableReply => SqlState::INSUFFICIENT_PRIVILEGE,
        DenyCode::BadRequest => SqlState::FEATURE_NOT_SUPPORTED,
        DenyCode::Internal => SqlState::INTERNAL_ERROR,
        DenyCode::IssuerUnavailable | DenyCode::UpstreamCredential | DenyCode::UpstreamUnavailable => {
            SqlState::CANNOT_CONNECT_NOW
        }
        DenyCode::LimitExceeded | DenyCode::Overloaded => SqlState::TOO_MANY,
        DenyCode::Locked | DenyCode::Unauthenticated => SqlState::INVALID_AUTHORIZATION,
        DenyCode::NoSuchConnection => SqlState::INVALID_CATALOG_NAME,
        DenyCode::RecordingUnavailable => SqlState::SYSTEM_ERROR,
        DenyCode::SessionEnded => SqlState::ADMIN_SHUTDOWN,
    }
}

/// Returns the last message to a client whose session ends.
pub fn ended(end: SessionEnd) -> Refusal {
    let (state, why) = match end {
        SessionEnd::Idle => (SqlState::IDLE_SESSION_TIMEOUT, "it was idle for too long"),
        SessionEnd::ConnectionChanged => (SqlState::ADMIN_SHUTDOWN, "the connection was removed or changed"),
        SessionEnd::IssuerChanged => {
            (SqlState::ADMIN_SHUTDOWN, "the issuer of its token was removed or changed; connect again")
        }
        SessionEnd::Interrupted | SessionEnd::Stopped => (SqlState::ADMIN_SHUTDOWN, "the gateway stops"),
        SessionEnd::Killed => (SqlState::ADMIN_SHUTDOWN, "an operator ended it"),
        SessionEnd::Left => (SqlState::ADMIN_SHUTDOWN, "the client left"),
        SessionEnd::Limit => (SqlState::ADMIN_SHUTDOWN, "its time is over"),
        SessionEnd::Locked => {
            (SqlState::ADMIN_SHUTDOWN, "access is locked; ask the operator of this gateway")
        }
        SessionEnd::TargetClosed => (SqlState::CONNECTION_FAILURE, "the target has closed the connection"),
        SessionEnd::TokenExpired => {
            (SqlState::ADMIN_SHUTDOWN, "the token has run out; connect again with a new one")
        }
    };
    Refusal::new(state, format!("the session has ended ({end}): {why}"))
}

/// Appends a notice.
pub fn notice(out: &mut BytesMut, state: SqlState, message: &str, hint: &str) {
    let message = plain(message);
    let words = Words { hint: Some(hint), ..Words::new(Severity::Notice, state, &message) };
    if let Err(error) = write_notice(out, &words) {
        tracing::debug!(%error, "a notice could not be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_error_is_told_with_its_place_in_characters() {
        let sql = "SELECT 'äöü' FRM t";
        let judgement = Judgement::Syntax(SyntaxError {
            message: "syntax error at or near \"t\"".into(),
            position: sql.find(" t").map(|at| at + 1),
        });
        let refusal = Refusal::new(SqlState::INSUFFICIENT_PRIVILEGE, "no policy allows this");
        let refusal = refusal.or_syntax(&judgement, sql.as_bytes());
        assert_eq!((refusal.state, refusal.position), (SqlState::SYNTAX_ERROR, Some(18)));
    }

    #[test]
    fn why_a_text_was_not_read_is_told() {
        let refusal = Refusal::new(SqlState::INSUFFICIENT_PRIVILEGE, "no policy allows this");
        let refusal = refusal.or_syntax(&Judgement::Unread(Unread::TooLong), b"SELECT 1");
        assert_eq!(refusal.state, SqlState::INSUFFICIENT_PRIVILEGE);
        assert_eq!(refusal.message, "no policy allows this (the SQL text is longer than 1048576 bytes)");
    }

    #[test]
    fn a_text_that_was_not_read_has_the_state_that_a_server_has_for_it() {
        for (unread, state) in [
            (Unread::TooLong, "54000"),
            (Unread::TooLarge, "54000"),
            (Unread::TooDeep, "54001"),
            (Unread::NotUtf8, "22021"),
            (Unread::Nul, "22021"),
            (Unread::Failed, "42501"),
        ] {
            let refusal = Refusal::new(SqlState::INSUFFICIENT_PRIVILEGE, "no policy allows this");
            let refusal = refusal.of_unread(&Judgement::Unread(unread));
            assert_eq!(refusal.state.to_string(), state, "{unread:?}");
            assert_eq!(refusal.message, "no policy allows this");
        }
    }

    #[test]
    fn a_failed_transaction_comes_before_what_a_statement_would_do() {
        let denied = Denied::new(DenyCode::Denied, "no policy allows this");
        let refusal = Refusal::of(&denied, RequestId::new());
        assert_eq!(refusal.clone().in_failed_transaction().state, SqlState::INSUFFICIENT_PRIVILEGE);
        let told = refusal.after_transaction().in_failed_transaction();
        assert_eq!(told.state.to_string(), "25P02");
        let detail = told.detail.unwrap();
        assert!(detail.contains("no policy allows this") && detail.contains("code denied"), "{detail}");
    }

    #[test]
    fn no_nul_gets_into_a_message() {
        let mut out = BytesMut::new();
        let denied = Denied::new(DenyCode::Denied, "a\0b");
        Refusal::of(&denied, RequestId::new()).write(&mut out);
        assert!(out.windows(5).any(|window| window == "a\u{fffd}b".as_bytes()));
    }
}
