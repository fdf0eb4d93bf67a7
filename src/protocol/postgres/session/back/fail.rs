//! Errors: which message they belong to, what the client is told, and what they undo.

use crate::protocol::postgres::session::back::Back;
use crate::protocol::postgres::session::back::Lost;
use bytes::BytesMut;

use crate::mask::Notes;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::rows::clear_report;
use crate::protocol::postgres::session::pending::ReplyKind;
use crate::protocol::postgres::session::run::StatementEnd;
use crate::protocol::postgres::wire::back::BackMessage;
use crate::protocol::postgres::wire::back::Field;
use crate::protocol::postgres::wire::back::Report;
use crate::protocol::postgres::wire::back::Severity;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::BackTag;

impl Back {
    pub(super) fn failed(&mut self, frame: &[u8], out: &mut BytesMut) -> Result<(), Lost> {
        let BackMessage::ErrorResponse(report) = BackMessage::read(BackTag::ErrorResponse, body(frame))?
        else {
            return Err(self.unexpected(BackTag::ErrorResponse));
        };
        if matches!(report.severity(), Some(Severity::Fatal | Severity::Panic)) {
            // It is about the session, not about a message.
            let code = report.code().unwrap_or(SqlState::CONNECTION_FAILURE);
            Refusal::new(code, farewell(report.field(Field::MESSAGE))).write_fatal(out);
            self.session.outbox.note_farewell();
            return Ok(());
        }
        let governed = self.session.seat.governed();
        let mut notes = Notes::default();
        let (plan, columns) = (&governed.plan, self.session.seat.asks_columns());
        let cleared =
            clear_report(BackTag::ErrorResponse, &report, plan, self.exposure(), columns, &mut notes);
        let failure = match &cleared {
            None => Failure::of(&report),
            Some(cleared) => match BackMessage::read(BackTag::ErrorResponse, body(cleared))? {
                BackMessage::ErrorResponse(report) => Failure::of(&report),
                _ => Failure::of(&report),
            },
        };
        match self.fail(&failure)? {
            Some(refusal) => refusal.write(out),
            None => out.extend_from_slice(cleared.as_deref().unwrap_or(frame)),
        }
        Ok(())
    }

    /// Notes that the message whose reply is due has failed. Returns the refusal that the client gets in
    /// place of the target's error; `None` if it gets the error itself.
    pub(super) fn fail(&mut self, failure: &Failure) -> Result<Option<Refusal>, Lost> {
        self.stop_copying();
        self.session.search_path.failed();
        self.session.settings.failed();
        let mut pending = self.session.pending.borrow_mut();
        let Some(front) = pending.front() else {
            drop(pending);
            return Err(self.unexpected(BackTag::ErrorResponse));
        };
        let (mut told, number) = (front.refusal.take(), front.number);
        if self.session.transaction.is_aborted() {
            told = told.map(Refusal::in_failed_transaction);
        }
        let run = match &mut front.kind {
            ReplyKind::Query { run, failed, done } => {
                (*failed, *done) = (true, true);
                run.clone()
            }
            ReplyKind::Execute(run) => Some(run.clone()),
            ReplyKind::Bind { run, .. } => run.clone(),
            _ => None,
        };
        if let Some(run) = &run {
            let mut run = run.get();
            // A portal may fail more than once.
            if matches!(front.kind, ReplyKind::Query { .. }) && !run.fails() {
                drop(pending);
                return Err(self.unexpected(BackTag::ErrorResponse));
            }
            self.session.names.borrow_mut().failed(run.definition(), number);
            told = told.or_else(|| run.cut.take());
            let end = told.as_ref().map_or_else(|| failure.end(), refused);
            run.sent();
            run.end(&end, self.session.transaction.status())?;
        }
        let extended =
            !matches!(front.kind, ReplyKind::Query { .. } | ReplyKind::FunctionCall | ReplyKind::Sync);
        if extended {
            let mut skipped = pending.fail();
            if !skipped.is_empty() {
                self.forget_failed(skipped.remove(0).kind);
            }
            // From the last to the first, so that each name stands for what it did before the series.
            for reply in skipped.into_iter().rev() {
                match reply.kind {
                    ReplyKind::Bind { portal, before, run } => {
                        self.session.names.borrow_mut().restore_portal(&portal, before);
                        if let Some(run) = run {
                            run.get().passed_over();
                        }
                    }
                    ReplyKind::Execute(run) => run.get().passed_over(),
                    ReplyKind::Parse { name, before } => {
                        self.session.names.borrow_mut().restore_statement(&name, before);
                    }
                    _ => {}
                }
            }
        }
        Ok(told)
    }

    /// Restores the name of a message that has failed itself. The unnamed ones are forgotten instead: the
    /// target drops them first.
    pub(super) fn forget_failed(&self, reply: ReplyKind) {
        let mut names = self.session.names.borrow_mut();
        match reply {
            ReplyKind::Bind { portal, before, .. } => {
                let before = before.filter(|_| !portal.is_empty());
                names.restore_portal(&portal, before);
            }
            ReplyKind::Parse { name, before } => {
                let before = before.filter(|_| !name.is_empty());
                names.restore_statement(&name, before);
            }
            _ => {}
        }
    }

    /// Records what a simple query still does after its client was told that it failed: if it was cut when
    /// the target had already completed a statement, it goes on there. The client gets none of it.
    pub(super) fn unheard(&self, tag: BackTag, frame: &[u8]) -> Result<(), Lost> {
        let run = match self.session.pending.borrow().front_kind() {
            Some(ReplyKind::Query { run: Some(run), .. }) => run.clone(),
            _ => return Ok(()),
        };
        let (end, could) = match tag {
            BackTag::CommandComplete => (self.statement_end(tag, frame)?, run.get().unheard_done()),
            BackTag::ErrorResponse => match BackMessage::read(tag, body(frame))? {
                BackMessage::ErrorResponse(report) => {
                    (Failure::without_words(&report).end, run.get().fails())
                }
                _ => return Ok(()),
            },
            // It waits for data that its client does not know of.
            BackTag::CopyInResponse => return Err(Lost::Cut),
            _ => return Ok(()),
        };
        if !could {
            return Err(self.unexpected(tag));
        }
        run.get().end(&end, self.session.transaction.status())?;
        Ok(())
    }

    /// Notes that the client was told of an error that the target does not know of. The replies up to where a
    /// client reads on after an error are kept from it.
    pub(super) fn fails_late(&self) -> Result<(), Lost> {
        self.stop_copying();
        let mut pending = self.session.pending.borrow_mut();
        if let Some(ReplyKind::Query { failed, done, .. }) = pending.front().map(|reply| &mut reply.kind) {
            (*failed, *done) = (true, true);
        } else {
            pending.pop();
            if pending.changes_before_sync() {
                // The client would believe that these messages were skipped, and they were not.
                return Err(Lost::Cut);
            }
            pending.swallow();
        }
        Ok(())
    }
}

/// Returns why the target ended the session: its own message if it is one that every server words alike;
/// others may name its user or host.
fn farewell(said: Option<&[u8]>) -> &'static str {
    const ALIKE: [&str; 6] = [
        "terminating connection due to administrator command",
        "terminating connection due to conflict with recovery",
        "terminating connection due to idle-in-transaction timeout",
        "terminating connection due to idle-session timeout",
        "terminating connection due to transaction timeout",
        "terminating connection due to unexpected postmaster exit",
    ];
    ALIKE
        .into_iter()
        .find(|words| said == Some(words.as_bytes()))
        .unwrap_or("the target has ended the session")
}

/// How a statement failed at the target.
pub(super) struct Failure {
    pub(super) end: StatementEnd,
}

impl Failure {
    /// Returns the failure without its message, which nobody gets: it may hold masked values.
    fn without_words(report: &Report<'_>) -> Self {
        let state = report.code().map_or_else(|| "?????".to_owned(), |code| code.to_string());
        Self { end: StatementEnd::Error { state, message: String::new() } }
    }

    fn of(report: &Report<'_>) -> Self {
        let state = report.code().map_or_else(|| "?????".to_owned(), |code| code.to_string());
        let message = String::from_utf8_lossy(report.field(Field::MESSAGE).unwrap_or_default()).into_owned();
        Self { end: StatementEnd::Error { state, message } }
    }

    fn end(&self) -> StatementEnd {
        self.end.clone()
    }
}

/// Returns the end of a statement that the gateway refused or cut.
pub(super) fn refused(refusal: &Refusal) -> StatementEnd {
    StatementEnd::Error { state: refusal.state().to_string(), message: refusal.message().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::farewell;

    #[test]
    fn of_a_target_that_ends_a_session_only_words_that_name_nobody_are_told() {
        let told = |said: &str| farewell(Some(said.as_bytes()));
        let known = "terminating connection due to idle-session timeout";
        assert_eq!(told(known), known);
        for said in [
            "",
            "terminating connection due to idle-session timeout of gateway@db.internal",
            "gateway: terminating connection due to idle-session timeout",
            "role \"gateway\" is not permitted to log in",
            "terminating connection due to administrator command\u{0}",
        ] {
            assert_eq!(told(said), "the target has ended the session", "{said:?}");
        }
        assert_eq!(farewell(None), "the target has ended the session");
    }
}
