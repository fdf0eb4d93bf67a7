//! Sends messages to the target, and notes which reply is due for each.

use bytes::Bytes;

use crate::pipeline::Permit;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::rows::Exposure;
use crate::protocol::postgres::session::front::Front;
use crate::protocol::postgres::session::front::Gone;
use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::session::pending::ReplyKind;
use crate::protocol::postgres::session::refuse::Refused;
use crate::protocol::postgres::session::run::Run;
use crate::protocol::postgres::session::state::SessionState;
use crate::protocol::postgres::session::step::Kind;
use crate::protocol::postgres::session::step::PlannedCommand;
use crate::protocol::postgres::session::step::Step;
use crate::protocol::postgres::upstream::Control;
use crate::protocol::postgres::upstream::Substitute;
use crate::protocol::postgres::wire::front::Execute;
use crate::protocol::postgres::wire::front::Named;

impl Front {
    /// Sends an admitted command.
    pub(super) fn send_command(&mut self, planned: PlannedCommand, permit: Permit<Bytes>, number: Number) {
        let lasting = if planned.is_done_with() { Exposure::NOTHING } else { planned.exposure };
        let PlannedCommand { kind, run, changes, sets, .. } = planned;
        if let Kind::Execute { portal } = &kind {
            self.describe(&run, portal, number);
        }
        let guard = self.target().send(permit);
        run.get().admitted(guard);
        self.session().transaction.sent(changes.catalog, changes.ties, lasting);
        self.session().catalog_changed(changes.catalog);
        self.session().search_path.sent(changes.names, number);
        if matches!(kind, Kind::Bind { .. }) {
            // A portal that is only bound changes no settings yet.
            run.get().sets = sets;
        } else {
            self.session().settings.sent(sets, number);
        }
        let reply = match kind {
            Kind::Bind { portal, before } => ReplyKind::Bind { portal, run: Some(run), before },
            Kind::Execute { .. } => ReplyKind::Execute(run),
            Kind::Query => ReplyKind::Query { run: Some(run), done: false, failed: false },
            // Neither is ever admitted: both come to the pipeline only to be refused.
            Kind::Parse { name, before } => ReplyKind::Parse { name, before },
            Kind::FunctionCall => ReplyKind::FunctionCall,
        };
        if let ReplyKind::Execute(run) | ReplyKind::Query { run: Some(run), .. } = &reply {
            run.get().sent();
        }
        self.session().pending.borrow_mut().push(number, reply, None);
    }

    /// Describes a portal if its rows are masked and their columns are unknown: the client need not ask, so
    /// the gateway does.
    fn describe(&mut self, run: &Run, portal: &[u8], number: Number) {
        if !run.get().wants_description() {
            return;
        }
        // A portal whose name is too long to be written cannot be run either.
        if self.target().control(Control::Describe(Named::Portal(portal))).is_ok() {
            let reply = ReplyKind::DescribePortal { run: Some(run.clone()), injected: true };
            self.session().pending.borrow_mut().push(number, reply, None);
        }
    }

    /// Records a refused message, and sends a message in its place that the target fails at.
    pub(super) fn refuse_message(&mut self, refused: Refused, number: Number) -> Result<(), Gone> {
        if self.session().pending.borrow().skips() {
            // The target skips it, and the client is told of the earlier error.
            return Ok(());
        }
        let (kind, refusal) = refused.settle(self.session());
        self.refuse(kind, refusal, number)
    }

    /// Sends a message that the target fails at, in place of a refused one.
    pub(super) fn refuse(&mut self, kind: Kind, refusal: Refusal, number: Number) -> Result<(), Gone> {
        if self.session().pending.borrow().skips() {
            return Ok(());
        }
        let substitute = match &kind {
            Kind::Bind { portal, .. } => Substitute::Bind(portal),
            Kind::Execute { .. } => Substitute::Execute,
            Kind::FunctionCall => Substitute::FunctionCall,
            Kind::Parse { name, .. } => Substitute::Parse(name),
            Kind::Query => Substitute::Query,
        };
        self.target().refuse(substitute)?;
        let reply = match kind {
            Kind::Bind { portal, before } => ReplyKind::Bind { portal, run: None, before },
            Kind::Execute { .. } => ReplyKind::DescribeStatement,
            Kind::FunctionCall => ReplyKind::FunctionCall,
            Kind::Parse { name, before } => ReplyKind::Parse { name, before },
            Kind::Query => ReplyKind::Query { run: None, done: false, failed: false },
        };
        self.session().pending.borrow_mut().push(number, reply, Some(refusal));
        Ok(())
    }

    /// Sends a step that is neither a command nor a refusal.
    pub(super) fn send_plain(&mut self, step: Step, number: Number) -> Result<(), Gone> {
        let reply = match step {
            Step::Prepare { preparation, name, before } => {
                self.target().prepare(preparation);
                ReplyKind::Parse { name, before }
            }
            Step::Execute { run, portal, rows } => {
                if run.get().guard.is_none() {
                    let refused = self.session().portal_without_run(portal, run.get().is_over());
                    return self.refuse_message(refused, number);
                }
                self.describe(&run, &portal, number);
                let sets = run.get().sets.clone();
                self.session().settings.sent(sets, number);
                run.get().sent();
                self.target().control(Control::Execute(Execute { portal: &portal, rows }))?;
                ReplyKind::Execute(run)
            }
            Step::Close { portal, name } => {
                let named = if portal { Named::Portal(&name) } else { Named::Statement(&name) };
                self.target().control(Control::Close(named))?;
                ReplyKind::Close { portal, name }
            }
            Step::DescribePortal { run, name } => {
                self.target().control(Control::Describe(Named::Portal(&name)))?;
                ReplyKind::DescribePortal { run, injected: false }
            }
            Step::DescribeStatement { name } => {
                self.target().control(Control::Describe(Named::Statement(&name)))?;
                ReplyKind::DescribeStatement
            }
            Step::Sync => {
                self.target().control(Control::Sync)?;
                ReplyKind::Sync
            }
            Step::Flush => {
                self.target().control(Control::Flush)?;
                return Ok(());
            }
            Step::Command(_) | Step::Taken | Step::Refuse(_) | Step::Unsettled => return Ok(()),
        };
        self.session().pending.borrow_mut().push(number, reply, None);
        Ok(())
    }
}

impl SessionState {
    /// Restores what a name stood for before a message that is not sent after all.
    pub(super) fn unlearn(&self, kind: Kind) {
        let mut names = self.names.borrow_mut();
        match kind {
            Kind::Bind { portal, before } => names.restore_portal(&portal, before),
            Kind::Parse { name, before } => names.restore_statement(&name, before),
            Kind::Execute { .. } | Kind::FunctionCall | Kind::Query => {}
        }
    }
}
