//! Turns keys into decisions and handles their results.

use crossterm::event::KeyEvent;

use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::id::ApprovalId;
use crate::tui::Effect;
use crate::tui::Pane as _;
use crate::tui::Shared;
use crate::tui::approvals::Approvals;
use crate::tui::approvals::dialog::Dialog;
use crate::tui::approvals::dialog::Said;
use crate::tui::keys::Action;
use crate::tui::message::Request;
use crate::tui::shared::Tone;

impl Approvals {
    /// Opens the dialog that confirms a decision, or reports why the decision cannot be made.
    pub(super) fn begin(&mut self, action: Action, shared: &mut Shared) {
        if shared.is_guarded() {
            return;
        }
        match self.dialog_for(action, shared) {
            Ok(dialog) => {
                self.dialog = Some(dialog);
                shared.guard();
            }
            Err(why) => shared.say(Tone::Bad, why),
        }
    }

    fn dialog_for(&self, action: Action, shared: &Shared) -> Result<Dialog, String> {
        let Some(id) = self.queue.list.cursor.selected() else {
            return Err("nothing is selected".to_owned());
        };
        if !shared.link.is_live() {
            return Err("the gateway is not reached: nothing can be decided".to_owned());
        }
        if self.deciding.contains(id) {
            return Err("a decision on it is on its way".to_owned());
        }
        if self.queue.has_ended(*id) {
            return Err("it has ended already".to_owned());
        }
        let sheet = self.sheet.as_ref().filter(|sheet| sheet.id() == *id);
        let sheet = sheet.ok_or("it is not on the screen yet")?;
        let approval = sheet.approval();
        may_decide(approval, shared)?;
        if action == Action::Deny {
            return Ok(Dialog::deny(approval));
        }
        if approval.truncated {
            return Err("it is too long to be shown whole: it can only be denied".to_owned());
        }
        match sheet.unseen() {
            0 => {}
            unseen => {
                let key = shared.keys.key(crate::tui::keys::Context::Approvals, Action::PayloadDown);
                let key = key.map(|key| format!(" ({key} reads on)")).unwrap_or_default();
                return Err(format!("{unseen} rows of it were not on the screen yet{key}"));
            }
        }
        if action == Action::ApproveWindow { Dialog::window(approval) } else { Dialog::approve(approval) }
    }

    pub(super) fn dialog_key(&mut self, key: KeyEvent, shared: &mut Shared) -> Vec<Effect> {
        let Some(dialog) = &mut self.dialog else { return Vec::new() };
        match dialog.key(key, shared.is_guarded()) {
            Said::On => {}
            Said::Nothing => {
                self.dialog = None;
                shared.guard();
            }
            Said::Wrong(why) => shared.say(Tone::Bad, why),
            Said::Decided(decide) => {
                let id = dialog.id();
                self.dialog = None;
                shared.guard();
                if !shared.link.is_live() {
                    shared.say(Tone::Bad, "the gateway is not reached: nothing was decided");
                    return Vec::new();
                }
                self.deciding.insert(id);
                shared.say(Tone::Plain, format!("{id}: the decision is on its way"));
                return vec![Effect::Ask(Request::Decide(id, decide))];
            }
        }
        Vec::new()
    }

    /// Closes the dialog if its approval has ended or its command has changed since it was read.
    pub(super) fn watch_dialog(&mut self, shared: &mut Shared) {
        let Some(dialog) = &self.dialog else { return };
        let id = dialog.id();
        let over = match self.queue.get(id) {
            _ if self.queue.has_ended(id) => {
                let state = self.queue.get(id).map_or(ApprovalState::Stopped, |approval| approval.state);
                let by = self.queue.get(id).and_then(|approval| approval.decisions.last());
                let by = by.map(|decision| format!(" by {}", decision.by)).unwrap_or_default();
                format!("{id} is {state}{by} meanwhile: nothing was decided here")
            }
            Some(approval) if approval.expires_ms <= shared.now.wall_ms => {
                format!("{id} expired meanwhile: nothing was decided here")
            }
            Some(approval) if approval.digest != dialog.digest() => {
                format!("{id} is not the command that was read: nothing was decided here")
            }
            _ => return,
        };
        self.dialog = None;
        shared.guard();
        shared.say(Tone::Bad, over);
    }

    /// Handles the gateway's reply to a decision.
    pub(super) fn decided(
        &mut self,
        id: ApprovalId,
        yes: bool,
        result: &Result<Box<Approval>, ApiError>,
        shared: &mut Shared,
    ) -> Vec<Effect> {
        self.deciding.remove(&id);
        let approval = match result {
            Ok(approval) => approval,
            Err(error) => {
                // The gateway returns these before it decides; any other error may have come after the
                // decision.
                let refused = matches!(
                    error.code,
                    ErrorCode::BadRequest | ErrorCode::Conflict | ErrorCode::Forbidden | ErrorCode::NotFound
                );
                if refused {
                    shared.say_error(error);
                } else {
                    let words = format!("{}; whether it was decided is not known", error.message);
                    shared.say(Tone::Bad, words);
                }
                // The displayed state may be wrong.
                return self.refresh(shared);
            }
        };
        let verb = if yes { "approved" } else { "denied" };
        let waits = approval.state == ApprovalState::Pending;
        let more = if waits {
            let said = approval.decisions.iter().filter(|decision| decision.approve).count();
            format!("; approved by {said} of {}, still pending", approval.spec.min)
        } else {
            String::new()
        };
        let tone = if yes { Tone::Good } else { Tone::Plain };
        let effects = self.take(Approval::clone(approval), shared);
        shared.say(tone, format!("{verb} {id}: {} of {}{more}", approval.summary, approval.label));
        effects
    }
}

/// Returns an error if the user cannot decide this approval as far as the client knows. The gateway enforces
/// the rule in any case.
fn may_decide(approval: &Approval, shared: &Shared) -> Result<(), String> {
    let Some(you) = shared.status.as_ref().and_then(|status| status.you.as_ref()) else { return Ok(()) };
    if you.principal == approval.principal {
        return Err("it is your own request: another approver must decide".to_owned());
    }
    if approval.decisions.iter().any(|decision| decision.by == you.principal) {
        return Err("you have already approved it; another approver is needed".to_owned());
    }
    if !approval.spec.from.iter().any(|group| you.groups.contains(group)) {
        let from = approval.spec.from.join(", ");
        return Err(format!(
            "only members of {from} may decide it; admin.local_groups, or your token, says who is in which group"
        ));
    }
    Ok(())
}
