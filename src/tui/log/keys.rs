//! Handles keys and replies on the log screen.

use crate::control::ApiError;
use crate::control::noun::gateway::ExplainReport;
use crate::tui::Effect;
use crate::tui::Shared;
use crate::tui::keys::Action;
use crate::tui::log::Heard;
use crate::tui::log::Log;
use crate::tui::log::Which;
use crate::tui::log::Whole;
use crate::tui::log::command::Told;
use crate::tui::log::denial::Denial;
use crate::tui::log::denial::Key;
use crate::tui::log::rows;
use crate::tui::log::rows::Page;
use crate::tui::log::view;
use crate::tui::message::Answer;
use crate::tui::message::Request;
use crate::tui::model::Jump;
use crate::tui::shared::Tone;

impl Log {
    /// Handles an action; `None` if it has no meaning here.
    pub(super) fn take(&mut self, action: Action, shared: &mut Shared) -> Option<Vec<Effect>> {
        let denials = self.which == Which::Denials;
        match action {
            Action::Back if self.whole != Whole::Nothing => {
                self.whole = Whole::Nothing;
                self.wanted = None;
                self.again();
            }
            Action::Back => {
                let cleared = if denials { self.by_denial.clear() } else { self.by_change.clear() };
                if !cleared {
                    return None;
                }
                self.filter();
            }
            Action::PayloadDown | Action::PayloadUp => {
                let scroll = if action == Action::PayloadDown { Action::HalfDown } else { Action::HalfUp };
                let area = view::places(self, shared, shared.body()).detail;
                match self.whole {
                    Whole::Explanation(_) => self.explanation.scroll(scroll, area),
                    _ => self.detail.scroll(scroll, area),
                };
            }
            Action::OtherList => return Some(self.turn()),
            Action::Play if denials => return self.replay(),
            Action::Open => return self.open(shared),
            Action::Explain if denials => return self.explain(shared),
            Action::Copy => {
                let id = if denials {
                    self.selected()?.key.0.to_string()
                } else {
                    self.changes.get(*self.by_change.cursor.selected()?)?.subject.clone()
                };
                shared.say(Tone::Good, format!("copied {id}"));
                return Some(vec![Effect::Copy(id)]);
            }
            action => return self.moved(action, shared).then(Vec::new),
        }
        Some(Vec::new())
    }

    fn moved(&mut self, action: Action, shared: &Shared) -> bool {
        let area = view::places(self, shared, shared.body()).detail;
        match (&self.whole, self.which) {
            (Whole::Detail, _) => self.detail.scroll(action, area),
            (Whole::Explanation(_), _) => self.explanation.scroll(action, area),
            (Whole::Nothing, Which::Denials) => self.by_denial.act(action).is_some(),
            (Whole::Nothing, Which::Changes) => self.by_change.act(action).is_some(),
        }
    }

    fn turn(&mut self) -> Vec<Effect> {
        self.whole = Whole::Nothing;
        self.which = match self.which {
            Which::Denials => Which::Changes,
            Which::Changes => Which::Denials,
        };
        if self.which == Which::Denials {
            self.unseen = 0;
            return Vec::new();
        }
        self.changes.read_on(true).map(Effect::Ask).into_iter().collect()
    }

    fn replay(&self) -> Option<Vec<Effect>> {
        let (session, seq) = self.selected()?.key;
        Some(vec![Effect::Go(Jump::Replay { session: session.to_string(), at: Some(seq) })])
    }

    fn open(&mut self, shared: &Shared) -> Option<Vec<Effect>> {
        let whole = self.whole != Whole::Nothing;
        match self.which {
            // If there is only room for the list, the details of the denial come first.
            Which::Denials if whole || !shared.is_narrow() => return self.replay(),
            Which::Denials => {
                self.selected()?;
            }
            Which::Changes if whole => {
                self.whole = Whole::Nothing;
                self.again();
                return Some(Vec::new());
            }
            Which::Changes => {
                self.by_change.cursor.selected()?;
            }
        }
        self.whole = Whole::Detail;
        self.again();
        Some(Vec::new())
    }

    fn explain(&mut self, shared: &mut Shared) -> Option<Vec<Effect>> {
        let key = self.selected()?.key;
        if let Whole::Explanation(shown) = self.whole
            && shown == key
        {
            return Some(Vec::new());
        }
        if !shared.link.is_live() {
            shared.say(Tone::Bad, "the gateway is not reached: only it can explain");
            return Some(Vec::new());
        }
        self.wanted = Some(key);
        Some(self.explain_wanted(shared))
    }

    /// Requests the pending explanation once its command is known.
    fn explain_wanted(&mut self, shared: &mut Shared) -> Vec<Effect> {
        let Some(key) = self.wanted else { return Vec::new() };
        let told = match self.commands.get(&key) {
            Some(Heard::Told(told)) => told.as_ref(),
            Some(Heard::Asked) => return Vec::new(),
            None => {
                self.commands.insert(key, Heard::Asked);
                return vec![Effect::Ask(Request::Around(key.0, key.1))];
            }
        };
        self.wanted = None;
        let question = match told {
            Ok(told) => told.question().map_err(str::to_owned),
            Err(problem) => Err(problem.clone()),
        };
        match question {
            Ok(explain) => {
                let on = explain.connection.clone();
                let line = self.line(&key).unwrap_or_default();
                self.asked = Some((key, format!("{} on {on}: {line}", explain.principal)));
                vec![Effect::Ask(Request::Explain(Box::new(explain)))]
            }
            Err(problem) => {
                shared.say(Tone::Bad, format!("it cannot be explained: {problem}"));
                Vec::new()
            }
        }
    }

    fn explained(&mut self, found: &Result<Box<ExplainReport>, ApiError>, shared: &mut Shared) {
        // Other screens may request explanations too: without a request by this screen, the reply is not for
        // it.
        let Some((key, asked)) = self.asked.take() else { return };
        match found {
            Err(error) => shared.say_error(error),
            Ok(report) => {
                // A user who has moved on meanwhile is not taken back.
                if !self.shown
                    || self.which != Which::Denials
                    || self.by_denial.cursor.selected() != Some(&key)
                {
                    return;
                }
                self.whole = Whole::Explanation(key);
                self.why = Some((report.clone(), asked));
                self.lay_out_why(shared);
            }
        }
    }

    /// Lays out the visible explanation.
    pub(super) fn lay_out_why(&mut self, shared: &Shared) {
        let (Whole::Explanation(key), Some((report, asked))) = (&self.whole, &self.why) else { return };
        let width = view::places(self, shared, shared.body()).detail.width;
        let told = self.told(key).and_then(|told| told.as_ref().ok());
        let rows = rows::explanation(report, asked, told, &shared.look, width);
        self.explanation = Page { rows, top: 0 };
    }

    fn heard(&mut self, key: Key, told: Result<Told, String>) {
        // Only requested replies are kept.
        if let Some(heard) = self.commands.get_mut(&key) {
            *heard = Heard::Told(Box::new(told));
        }
        if !self.by_denial.filter.is_empty() {
            self.filter_denials();
        }
        self.again();
    }

    /// Handles a reply if it is for this screen.
    pub(super) fn take_answer(&mut self, answer: &Answer, shared: &mut Shared) -> Vec<Effect> {
        match answer {
            Answer::Denials(Ok(found)) => {
                self.told_denials(found.items.iter().filter_map(Denial::found));
                self.known = true;
            }
            Answer::Denials(Err(error)) => shared.say_error(error),
            Answer::Session(name, found) if self.people.answer(name, found) => {
                if !self.by_denial.filter.is_empty() {
                    self.filter_denials();
                }
                self.again();
            }
            Answer::Around(session, seq, found) => {
                let told = match found {
                    Ok(page) => Told::read(page, *seq)
                        .ok_or_else(|| "its event is not in the recording any more".to_owned()),
                    Err(error) => Err(error.message.clone()),
                };
                self.heard((*session, *seq), told);
                return self.explain_wanted(shared);
            }
            Answer::Explained(found) => self.explained(found, shared),
            Answer::Audit(Ok(page)) => {
                let next = self.changes.answer(page);
                self.filter_changes();
                return next.map(Effect::Ask).into_iter().collect();
            }
            Answer::Audit(Err(error)) => {
                self.changes.failed();
                shared.say_error(error);
            }
            Answer::Entities(..) => self.again(),
            _ => {}
        }
        Vec::new()
    }
}
