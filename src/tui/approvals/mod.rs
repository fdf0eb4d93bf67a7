//! Pending approvals: the list, its details and the decision.
//!
//! | file | what it is |
//! |---|---|
//! | `queue.rs` | the known approvals and their order |
//! | `sheet.rs` | the full text of one approval, and how much of it has been on screen |
//! | `dialog.rs` | the dialog that confirms a decision |
//! | `decide.rs` | keys to decisions, and their results |
//! | `view.rs` | drawing |

mod decide;
mod dialog;
mod queue;
mod sheet;
mod view;

use std::collections::HashSet;
use std::time::Duration;
use std::time::Instant;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::domain::approval::Approval;
use crate::domain::id::ApprovalId;
use crate::tui::Effect;
use crate::tui::Pane;
use crate::tui::Shared;
use crate::tui::approvals::dialog::Dialog;
use crate::tui::approvals::queue::Queue;
use crate::tui::approvals::sheet::Sheet;
use crate::tui::browse;
use crate::tui::keys::Action;
use crate::tui::keys::Context;
use crate::tui::message::Answer;
use crate::tui::message::Request;
use crate::tui::model::Jump;
use crate::tui::shared::Tone;

/// How long a row must be selected before its details are requested.
const SETTLE: Duration = Duration::from_millis(150);
/// The delay before a failed request for details is repeated.
const AGAIN: Duration = Duration::from_secs(2);
/// Minimum time between two notifications.
const BETWEEN_NOTIFICATIONS: Duration = Duration::from_secs(2);

/// The screen of pending approvals.
#[derive(Debug, Default)]
pub struct Approvals {
    queue: Queue,
    /// The selected approval with all its details.
    sheet: Option<Sheet>,
    /// The approval whose details are to be requested, and when.
    wanted: Option<(ApprovalId, Instant)>,
    dialog: Option<Dialog>,
    /// Whether the selected approval fills the screen.
    open: bool,
    /// The most recently added approval.
    newest: Option<ApprovalId>,
    /// When the user was last notified.
    notified: Option<Instant>,
    /// Approvals with a decision in flight.
    deciding: HashSet<ApprovalId>,
}

impl Approvals {
    /// Returns the number of pending approvals; `None` until the list is known.
    pub fn pending(&self) -> Option<u64> {
        self.queue.is_known().then(|| u64::try_from(self.queue.pending()).unwrap_or(u64::MAX))
    }

    /// Returns the selected approval, as the list has it.
    fn selected(&self) -> Option<&Approval> {
        self.queue.get(*self.selected_id()?)
    }

    fn selected_id(&self) -> Option<&ApprovalId> {
        self.queue.list.cursor.selected()
    }

    /// Adjusts to a new list or a new size.
    fn settle(&mut self, shared: &mut Shared) {
        let rows = view::areas(self, shared).rows();
        if self.queue.list.fit(rows) {
            self.changed(shared);
        }
    }

    /// Handles a new selection: keys meant for the previous one decide nothing.
    fn changed(&mut self, shared: &mut Shared) {
        self.sheet = None;
        self.want(shared);
        if self.selected_id().is_none() {
            self.open = false;
        }
    }

    /// Handles the details of the selected approval, or the failure to get them.
    fn read(&mut self, found: &Result<Box<Approval>, ApiError>, shared: &mut Shared) {
        match found {
            // Requested twice: what was read of it stays read.
            Ok(approval) if self.sheet.as_ref().is_some_and(|sheet| sheet.is_of(approval)) => {}
            Ok(approval) => {
                let width = view::areas(self, shared).sheet.width;
                shared.guard();
                self.sheet = Some(Sheet::new(approval, width, shared));
            }
            Err(error) => {
                shared.say_error(error);
                if error.code != ErrorCode::NotFound {
                    self.wanted = self.selected_id().map(|id| (*id, shared.now.at + AGAIN));
                }
            }
        }
    }

    /// Adjusts the sheet to a new size.
    fn fit(&mut self, shared: &Shared) {
        let width = view::areas(self, shared).sheet.width;
        if let Some(sheet) = &mut self.sheet {
            sheet.wrap(width);
        }
    }

    fn scroll(&mut self, by: isize, shared: &Shared) {
        let height = usize::from(view::areas(self, shared).sheet.height);
        if let Some(sheet) = &mut self.sheet {
            sheet.scroll(by, height);
        }
    }

    /// Takes the current state of an approval, from the stream or from the reply to a decision.
    fn take(&mut self, approval: Approval, shared: &mut Shared) -> Vec<Effect> {
        let id = approval.id;
        let is_new = self.queue.put(approval, shared);
        self.settle(shared);
        self.watch_dialog(shared);
        if self.sheet.as_ref().is_some_and(|sheet| sheet.id() == id) {
            self.renew(shared);
        }
        if is_new { self.tell(&[id], shared) } else { Vec::new() }
    }

    /// Updates the sheet from the list's newer state of the selected approval.
    fn renew(&mut self, shared: &mut Shared) {
        let Some(approval) = self.selected_id().and_then(|id| self.queue.get(*id)) else { return };
        let Some(sheet) = &mut self.sheet else { return };
        if sheet.approval().digest == approval.digest {
            sheet.renew(approval, shared);
        } else {
            // The command is not the one that was read: it must be read again.
            self.sheet = None;
            self.want(shared);
        }
    }

    /// Schedules a request for the details of the selected approval.
    fn want(&mut self, shared: &mut Shared) {
        shared.guard();
        self.wanted = self.selected_id().map(|id| (*id, shared.now.at + SETTLE));
    }

    /// Announces new approvals, and notifies the user if the terminal is not in view; at most one
    /// notification per [`BETWEEN_NOTIFICATIONS`].
    fn tell(&mut self, new: &[ApprovalId], shared: &mut Shared) -> Vec<Effect> {
        let Some(approval) = new.last().and_then(|id| self.queue.get(*id)) else { return Vec::new() };
        let (id, who, connection) = (approval.id, approval.label.clone(), approval.connection.clone());
        self.newest = Some(id);
        if self.selected_id() != Some(&id) {
            let words =
                format!("new: {who} asks on {connection} (n goes there; your selection has not moved)");
            shared.say(Tone::Plain, words);
        }
        let since = self.notified.map(|last| shared.now.at.duration_since(last));
        if since.is_some_and(|since| since < BETWEEN_NOTIFICATIONS) {
            return Vec::new();
        }
        self.notified = Some(shared.now.at);
        // The command itself may be confidential, so it stays out of the notification centre.
        vec![Effect::Notify(format!("hoopctl: {who} asks on {connection}"))]
    }

    /// Moves in the list, or in the approval that fills the screen, or starts a filter.
    fn walk(&mut self, action: Action, shared: &mut Shared) -> Option<Vec<Effect>> {
        let height = usize::from(view::areas(self, shared).sheet.height);
        let page = isize::try_from(height).unwrap_or(isize::MAX).max(1);
        match action {
            Action::PayloadDown => self.scroll(page, shared),
            Action::PayloadUp => self.scroll(-page, shared),
            _ if self.open
                && let Some(by) = browse::way(action, height) =>
            {
                self.scroll(by, shared);
            }
            _ => {
                if self.queue.list.act(action)? {
                    self.changed(shared);
                }
                if action == Action::Filter {
                    self.open = false;
                    self.settle(shared);
                    self.fit(shared);
                }
            }
        }
        Some(Vec::new())
    }
}

impl Pane for Approvals {
    fn context(&self) -> Context {
        Context::Approvals
    }

    fn takes_text(&self) -> bool {
        self.queue.list.is_typing() || self.dialog.is_some()
    }

    fn text(&mut self, key: KeyEvent, shared: &mut Shared) -> Vec<Effect> {
        if !self.queue.list.is_typing() {
            return self.dialog_key(key, shared);
        }
        if self.queue.list.text(key, shared) {
            self.queue.arrange(shared);
        }
        // The input line takes one row from the list.
        self.settle(shared);
        self.fit(shared);
        Vec::new()
    }

    fn paste(&mut self, text: &str, shared: &mut Shared) -> Vec<Effect> {
        if self.queue.list.is_typing() {
            if self.queue.list.paste(text) {
                self.queue.arrange(shared);
            }
            self.settle(shared);
        } else if let Some(input) = self.dialog.as_mut().and_then(Dialog::input) {
            input.insert(text);
        }
        Vec::new()
    }

    fn act(&mut self, action: Action, shared: &mut Shared) -> Option<Vec<Effect>> {
        if let Some(effects) = self.walk(action, shared) {
            return Some(effects);
        }
        match action {
            Action::Open => {
                self.open = self.selected_id().is_some();
                self.fit(shared);
                shared.guard();
            }
            Action::Back if self.open => {
                self.open = false;
                self.fit(shared);
                shared.guard();
            }
            Action::Back if self.queue.list.clear() => {
                self.queue.arrange(shared);
                self.settle(shared);
            }
            Action::Sort => {
                self.queue.sort_by_next(shared);
                self.settle(shared);
            }
            Action::Newest => {
                if let Some(id) = self.newest.filter(|id| self.queue.order().contains(id))
                    && self.selected_id() != Some(&id)
                {
                    self.queue.list.cursor.select(id);
                    self.settle(shared);
                    self.changed(shared);
                }
            }
            Action::Copy => {
                let id = self.selected_id()?;
                shared.say(Tone::Good, format!("{id} is on the clipboard, where the terminal allows it"));
                return Some(vec![Effect::Copy(id.to_string())]);
            }
            Action::ShowSession => {
                let session = self.selected()?.session;
                return Some(vec![Effect::Go(Jump::Session(session))]);
            }
            Action::Freeze => {
                shared.say(Tone::Plain, "approvals are never held still: what ends or changes must be seen");
            }
            Action::Approve | Action::ApproveWindow | Action::Deny => self.begin(action, shared),
            _ => return None,
        }
        Some(Vec::new())
    }

    fn enter(&mut self, shared: &mut Shared) -> Vec<Effect> {
        shared.guard();
        Vec::new()
    }

    fn leave(&mut self, _shared: &mut Shared) -> Vec<Effect> {
        self.dialog = None;
        self.queue.list.close();
        Vec::new()
    }

    fn refresh(&mut self, shared: &mut Shared) -> Vec<Effect> {
        if self.sheet.is_none() {
            self.want(shared);
        }
        vec![Effect::Ask(Request::Pending(self.queue.told()))]
    }

    fn tick(&mut self, shown: bool, shared: &mut Shared) -> Vec<Effect> {
        if self.queue.forget_ended(shared) {
            self.settle(shared);
        }
        self.watch_dialog(shared);
        match self.wanted {
            Some((id, at)) if shown && at <= shared.now.at && shared.link.is_live() => {
                self.wanted = None;
                let mut effects = vec![Effect::Ask(Request::Approval(id))];
                let principal = self.queue.get(id).map(|approval| approval.principal.clone());
                effects.extend(principal.map(|principal| Effect::Ask(Request::History(principal))));
                effects
            }
            _ => Vec::new(),
        }
    }

    fn wake(&self, shared: &Shared) -> Option<Duration> {
        let loads = self.wanted.map(|(_, at)| at.saturating_duration_since(shared.now.at));
        let counts = (!self.queue.order().is_empty()).then_some(Duration::from_secs(1));
        loads.into_iter().chain(counts).min()
    }

    fn resized(&mut self, shared: &mut Shared) {
        self.settle(shared);
        self.fit(shared);
    }

    fn live(&mut self, event: &LiveEvent, shared: &mut Shared) -> Vec<Effect> {
        if event.topic != Topic::Approval {
            return Vec::new();
        }
        match serde_json::from_str::<Approval>(&event.data) {
            Ok(approval) => self.take(approval, shared),
            // The gateway uses a newer format: request the known state again.
            Err(_unreadable) => self.refresh(shared),
        }
    }

    fn answer(&mut self, answer: &Answer, shared: &mut Shared) -> Vec<Effect> {
        match answer {
            Answer::Pending(told, Ok(list)) => {
                let new = self.queue.replace(*told, list, shared);
                self.settle(shared);
                self.watch_dialog(shared);
                self.renew(shared);
                return self.tell(&new, shared);
            }
            Answer::Pending(_, Err(error)) => shared.say_error(error),
            Answer::Approval(id, found) if self.selected_id() == Some(id) => self.read(found, shared),
            Answer::History(principal, Ok(approvals)) => {
                if let Some(sheet) =
                    self.sheet.as_mut().filter(|sheet| sheet.approval().principal == *principal)
                {
                    sheet.tell_history(approvals, shared);
                }
            }
            Answer::Decided(id, yes, result) => return self.decided(*id, *yes, result, shared),
            Answer::Entities(..) => {
                if let Some(sheet) = &mut self.sheet {
                    sheet.tell_origin(shared);
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn drawn(&mut self, shared: &mut Shared) {
        let area = view::areas(self, shared).sheet;
        if let Some(sheet) = &mut self.sheet {
            sheet.seen(usize::from(area.height));
        }
    }

    fn badge(&self) -> String {
        match self.queue.pending() {
            0 => String::new(),
            pending => pending.to_string(),
        }
    }

    fn hints(&self, _shared: &Shared) -> Vec<Action> {
        if self.selected_id().is_none() {
            return vec![Action::Filter];
        }
        vec![
            Action::Approve,
            Action::ApproveWindow,
            Action::Deny,
            Action::PayloadDown,
            Action::Open,
            Action::ShowSession,
            Action::Filter,
            Action::Sort,
        ]
    }

    fn view(&self, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
        view::view(self, shared, frame, area);
    }
}
