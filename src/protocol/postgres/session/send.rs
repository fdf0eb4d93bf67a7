//! The messages that go to the target, and what it owes for each.

use std::rc::Rc;

use bytes::Bytes;

use crate::domain::sql::NameAction;
use crate::pipeline::Permit;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::session::front::Front;
use crate::protocol::postgres::session::front::Gone;
use crate::protocol::postgres::session::names::Definition;
use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::session::names::Portal;
use crate::protocol::postgres::session::owed::What;
use crate::protocol::postgres::session::plan::Kind;
use crate::protocol::postgres::session::plan::Step;
use crate::protocol::postgres::session::plan::Wanted;
use crate::protocol::postgres::session::plan::may_change_catalog;
use crate::protocol::postgres::session::plan::may_change_lexing;
use crate::protocol::postgres::session::plan::may_move_names;
use crate::protocol::postgres::session::run::Run;
use crate::protocol::postgres::session::shared::Shared;
use crate::protocol::postgres::upstream::Control;
use crate::protocol::postgres::upstream::Substitute;
use crate::protocol::postgres::wire::front::Execute;
use crate::protocol::postgres::wire::front::Named;

impl Front {
    /// Sends an admitted command.
    pub(super) fn send_command(&mut self, wanted: Wanted, permit: Permit<Bytes>, number: Number) {
        let Wanted { kind, run, definition, .. } = wanted;
        if let Kind::Execute { portal } = &kind {
            self.describe(&run, portal, number);
        }
        let guard = self.target().send(permit);
        run.get().admitted(guard);
        if may_change_lexing(&definition.command) {
            self.shared().unsure.set(Some(number));
        }
        if may_change_catalog(&definition.command) {
            self.shared().ddl.set(true);
            self.shared().catalog_changed();
        }
        if may_move_names(&definition.command) {
            self.shared().moved.set(true);
        }
        let what = match kind {
            Kind::Bind { portal } => What::Bind { portal, run: Some(run) },
            Kind::Execute { .. } => What::Execute(run),
            Kind::Query => {
                self.learn(&definition);
                What::Query { run: Some(run), definition: Some(definition), failed: false }
            }
            // Neither is ever admitted: a `Parse` comes here only to be refused, a `FunctionCall` too.
            Kind::Parse { name } => What::Parse { name },
            Kind::FunctionCall => What::FunctionCall,
        };
        if let What::Execute(run) | What::Query { run: Some(run), .. } = &what {
            run.get().sent();
        }
        self.shared().queue.borrow_mut().push(number, what, None);
    }

    /// Where values are masked, no row comes whose columns are not known: the client need not ask, so the gateway does.
    fn describe(&mut self, run: &Run, portal: &[u8], number: Number) {
        if !run.get().wants_description() {
            return;
        }
        // A name that is too long to be written cannot be run either.
        if self.target().control(Control::Describe(Named::Portal(portal))).is_ok() {
            let what = What::DescribePortal { run: Some(run.clone()), injected: true };
            self.shared().queue.borrow_mut().push(number, what, None);
        }
    }

    /// The prepared statements and cursors that a text makes by name.
    fn learn(&self, definition: &Rc<Definition>) {
        let Some(effects) = definition.command.sql().and_then(|sql| sql.effects.as_deref()) else { return };
        let mut names = self.shared().names.borrow_mut();
        for entry in &effects.names {
            let Some(name) = entry.name.as_deref().map(str::as_bytes) else { continue };
            let definition = Rc::clone(definition);
            let added = match entry.action {
                NameAction::Prepare => names.add_statement(name, definition),
                NameAction::Declare => {
                    names.add_portal(name, Portal { number: definition.number, definition, run: None })
                }
                _ => Ok(()),
            };
            if let Err(error) = added {
                // Its use will be refused: nothing is known of it.
                tracing::debug!(%error, "a name of a session is not kept");
            }
        }
    }

    /// Sends what the target fails at, in place of a refused message.
    pub(super) fn refuse(&mut self, kind: &Kind, refusal: Refusal, number: Number) -> Result<(), Gone> {
        if self.shared().queue.borrow().skips() {
            return Ok(());
        }
        let (substitute, what) = match kind {
            Kind::Bind { portal } => {
                (Substitute::Bind(portal), What::Bind { portal: portal.clone(), run: None })
            }
            Kind::Execute { .. } => (Substitute::Execute, What::DescribeStatement),
            Kind::FunctionCall => (Substitute::FunctionCall, What::FunctionCall),
            Kind::Parse { name } => (Substitute::Parse(name), What::Parse { name: name.clone() }),
            Kind::Query => (Substitute::Query, What::Query { run: None, definition: None, failed: false }),
        };
        self.target().refuse(substitute)?;
        self.shared().queue.borrow_mut().push(number, what, Some(refusal));
        Ok(())
    }

    /// Sends a step that is neither a command nor refused.
    pub(super) fn send_plain(&mut self, step: Step, number: Number) -> Result<(), Gone> {
        let what = match step {
            Step::Prepare { preparation, name } => {
                self.target().prepare(preparation);
                What::Parse { name }
            }
            Step::Execute { run, portal, rows } => {
                if run.get().guard.is_none() {
                    let refusal = Refusal::of_portal(&portal);
                    return self.refuse(&Kind::Execute { portal }, refusal, number);
                }
                self.describe(&run, &portal, number);
                run.get().sent();
                self.target().control(Control::Execute(Execute { portal: &portal, rows }))?;
                What::Execute(run)
            }
            Step::Close { portal, name } => {
                let named = if portal { Named::Portal(&name) } else { Named::Statement(&name) };
                self.target().control(Control::Close(named))?;
                What::Close { portal, name }
            }
            Step::DescribePortal { run, name } => {
                self.target().control(Control::Describe(Named::Portal(&name)))?;
                What::DescribePortal { run, injected: false }
            }
            Step::DescribeStatement { name } => {
                self.target().control(Control::Describe(Named::Statement(&name)))?;
                What::DescribeStatement
            }
            Step::Sync => {
                self.target().control(Control::Sync)?;
                What::Sync
            }
            Step::Flush => {
                self.target().control(Control::Flush)?;
                return Ok(());
            }
            Step::Command(_) | Step::Taken | Step::Refuse { .. } => return Ok(()),
        };
        self.shared().queue.borrow_mut().push(number, what, None);
        Ok(())
    }
}

impl Shared {
    /// What was learnt from a message that is not sent after all.
    pub(super) fn unlearn(&self, step: &Step, number: Number) {
        let mut names = self.names.borrow_mut();
        if let Step::Prepare { name, .. } = step {
            names.withdraw_statement(name, number);
        }
    }
}
