//! The log screen: recent denials and administrative changes.

mod changes;
mod command;
mod denial;
mod keys;
mod people;
mod rows;
mod view;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::control::noun::gateway::ExplainReport;
use crate::tui::Effect;
use crate::tui::Pane;
use crate::tui::Shared;
use crate::tui::browse::Browse;
use crate::tui::keys::Action;
use crate::tui::keys::Context;
use crate::tui::log::changes::Changes;
use crate::tui::log::command::Told;
use crate::tui::log::denial::Denial;
use crate::tui::log::denial::Denials;
use crate::tui::log::denial::Key;
use crate::tui::log::people::People;
use crate::tui::log::rows::Page;
use crate::tui::message::Answer;
use crate::tui::message::Request;
use crate::tui::text::long_time;

/// Maximum number of commands read from recordings at once.
const AT_ONCE: usize = 4;
/// Maximum number of commands kept besides the visible ones.
const COMMANDS: usize = 100;

/// The visible list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Which {
    #[default]
    Denials,
    Changes,
}

/// What fills the screen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Whole {
    /// Nothing: the list and the selected entry are shown.
    #[default]
    Nothing,
    /// The selected entry.
    Detail,
    /// The explanation of this denial.
    Explanation(Key),
}

/// The state of a command.
#[derive(Debug)]
enum Heard {
    Asked,
    Told(Box<Result<Told, String>>),
}

/// The log screen.
#[derive(Debug)]
pub struct Log {
    which: Which,
    whole: Whole,
    denials: Denials,
    /// Whether the gateway has sent the denials.
    known: bool,
    by_denial: Browse<Key>,
    people: People,
    commands: BTreeMap<Key, Heard>,
    changes: Changes,
    by_change: Browse<u64>,
    /// The selected entry as rows.
    detail: Page,
    /// The input that `detail` was made from.
    of: Option<(Which, u64, Option<Key>, u16)>,
    explanation: Page,
    /// The visible explanation and its command.
    why: Option<(Box<ExplainReport>, String)>,
    /// The denial to explain as soon as its command is known.
    wanted: Option<Key>,
    /// The denial whose explanation was requested, and the line of its command.
    asked: Option<(Key, String)>,
    shown: bool,
    unseen: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            which: Which::default(),
            whole: Whole::default(),
            denials: Denials::default(),
            known: false,
            by_denial: Browse::new(&["who", "conn", "rule", "code"]),
            people: People::default(),
            commands: BTreeMap::new(),
            changes: Changes::default(),
            by_change: Browse::new(&["who", "what"]),
            detail: Page::default(),
            of: None,
            explanation: Page::default(),
            why: None,
            wanted: None,
            asked: None,
            shown: false,
            unseen: 0,
        }
    }
}

impl Log {
    fn told(&self, key: &Key) -> Option<&Result<Told, String>> {
        match self.commands.get(key)? {
            Heard::Told(told) => Some(told),
            Heard::Asked => None,
        }
    }

    /// Returns the command line of a denial, if known.
    fn line(&self, key: &Key) -> Option<String> {
        self.told(key)?.as_ref().ok()?.command.as_ref().map(command::Command::line)
    }

    fn selected(&self) -> Option<&Denial> {
        self.denials.get(self.by_denial.cursor.selected()?)
    }

    fn filter_denials(&mut self) {
        let filter = &self.by_denial.filter;
        let passes = |denial: &&Denial| {
            if filter.is_empty() {
                return true;
            }
            let (who, conn) = self.people.of(denial.key.0).map_or_else(
                || (denial.key.0.to_string(), String::new()),
                |person| (format!("{} {}", person.label, person.principal), person.connection.clone()),
            );
            let what = self.line(&denial.key).unwrap_or_default();
            let rule = denial.rule.as_deref().unwrap_or_default();
            let fields = [("who", who.as_str()), ("conn", &conn), ("rule", rule), ("code", &denial.code)];
            filter.passes(&[&fields[..], &[("", what.as_str()), ("", &denial.reason)]].concat())
        };
        let keys = self.denials.iter().filter(passes).map(|denial| denial.key).collect();
        self.by_denial.show(keys);
    }

    fn filter_changes(&mut self) {
        let filter = &self.by_change.filter;
        let passes = |entry: &&crate::control::noun::audit::AuditEntry| {
            let what = format!("{} {}", entry.action, entry.subject);
            filter.is_empty()
                || filter.passes(&[("who", &entry.actor), ("what", &what), ("", &entry.detail.to_string())])
        };
        let keys = self.changes.iter().filter(passes).map(|entry| entry.seq).collect();
        self.by_change.show(keys);
    }

    fn filter(&mut self) {
        match self.which {
            Which::Denials => self.filter_denials(),
            Which::Changes => self.filter_changes(),
        }
    }

    /// Adjusts to the size, lays out the selected entry, and requests what the visible rows need.
    fn settle(&mut self, shared: &Shared) -> Vec<Effect> {
        let places = view::places(self, shared, shared.body());
        let seen = usize::from(places.list.height.saturating_sub(1));
        match self.which {
            Which::Denials => self.by_denial.fit(seen),
            Which::Changes => self.by_change.fit(seen),
        };
        self.lay_out(shared, places.detail);
        if self.shown && self.which == Which::Denials && shared.link.is_live() {
            self.ask()
        } else {
            Vec::new()
        }
    }

    fn lay_out(&mut self, shared: &Shared, area: Rect) {
        let key = self.by_denial.cursor.selected().copied();
        let seq = self.by_change.cursor.selected().copied().unwrap_or_default();
        let of = Some((self.which, seq, key, area.width));
        if of == self.of || area.height == 0 {
            return;
        }
        let same =
            |of: &Option<(Which, u64, Option<Key>, u16)>| of.map(|(which, seq, key, _)| (which, seq, key));
        let top = if same(&of) == same(&self.of) { self.detail.top } else { 0 };
        let rows = match self.which {
            Which::Denials => self.selected().map(|denial| {
                let told = self.told(&denial.key);
                rows::denial(denial, self.people.of(denial.key.0), told, shared, area.width)
            }),
            Which::Changes => self.changes.get(seq).map(|entry| {
                let time = long_time(entry.ts_ms);
                rows::change(entry, &time, area.width)
            }),
        };
        let rows = rows.unwrap_or_default();
        self.detail = Page { top: top.min(rows.len().saturating_sub(1)), rows };
        self.of = of;
    }

    /// Forces the selected entry to be laid out again, after new data or a new style.
    fn again(&mut self) {
        if let Some((.., width)) = &mut self.of {
            *width = 0;
        }
    }

    /// Requests the owners of the visible sessions (of all sessions if there is a filter), and the visible
    /// commands.
    fn ask(&mut self) -> Vec<Effect> {
        let mut sessions: Vec<_> = self.by_denial.seen().map(|key| key.0).collect();
        if !self.by_denial.filter.is_empty() {
            sessions.extend(self.denials.iter().map(|denial| denial.key.0));
        }
        let asked = self.people.ask(sessions).into_iter();
        let mut effects: Vec<Effect> =
            asked.map(|session| Effect::Ask(Request::Session(session.to_string()))).collect();
        let on_their_way = self.commands.values().filter(|heard| matches!(heard, Heard::Asked)).count();
        let selected = self.by_denial.cursor.selected();
        let new: Vec<Key> = selected
            .into_iter()
            .chain(self.by_denial.seen())
            .filter(|key| !self.commands.contains_key(key))
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .rev()
            .take(AT_ONCE.saturating_sub(on_their_way))
            .collect();
        for key in new {
            self.commands.insert(key, Heard::Asked);
            effects.push(Effect::Ask(Request::Around(key.0, key.1)));
        }
        if self.commands.len() > COMMANDS {
            let seen: BTreeSet<Key> = self.by_denial.seen().copied().collect();
            self.commands.retain(|key, heard| seen.contains(key) || matches!(heard, Heard::Asked));
        }
        effects
    }

    /// Merges new denials into the list.
    fn merge(&mut self) -> bool {
        let merged = self.denials.merge();
        if merged {
            self.filter_denials();
        }
        merged
    }

    fn told_denials(&mut self, found: impl Iterator<Item = Denial>) {
        let looks = self.shown && self.which == Which::Denials;
        let first = !self.known;
        for denial in found {
            if self.denials.hold(denial) && !looks && !first {
                self.unseen += 1;
            }
        }
    }
}

impl Pane for Log {
    fn context(&self) -> Context {
        Context::Log
    }

    fn takes_text(&self) -> bool {
        match self.which {
            Which::Denials => self.by_denial.is_typing(),
            Which::Changes => self.by_change.is_typing(),
        }
    }

    fn text(&mut self, key: KeyEvent, shared: &mut Shared) -> Vec<Effect> {
        let changed = match self.which {
            Which::Denials => self.by_denial.text(key, shared),
            Which::Changes => self.by_change.text(key, shared),
        };
        if changed {
            self.filter();
        }
        self.settle(shared)
    }

    fn paste(&mut self, text: &str, shared: &mut Shared) -> Vec<Effect> {
        let changed = match self.which {
            Which::Denials => self.by_denial.paste(text),
            Which::Changes => self.by_change.paste(text),
        };
        if changed {
            self.filter();
        }
        self.settle(shared)
    }

    fn act(&mut self, action: Action, shared: &mut Shared) -> Option<Vec<Effect>> {
        let mut effects = self.take(action, shared)?;
        effects.extend(self.settle(shared));
        Some(effects)
    }

    fn enter(&mut self, shared: &mut Shared) -> Vec<Effect> {
        self.shown = true;
        if self.which == Which::Denials {
            self.unseen = 0;
        }
        let mut effects = Vec::new();
        if !self.known && shared.link.is_live() {
            effects.push(Effect::Ask(Request::Denials));
        }
        effects.extend(self.changes.read_on(self.which == Which::Changes).map(Effect::Ask));
        effects.extend(self.settle(shared));
        effects
    }

    fn leave(&mut self, _shared: &mut Shared) -> Vec<Effect> {
        self.shown = false;
        Vec::new()
    }

    fn refresh(&mut self, shared: &mut Shared) -> Vec<Effect> {
        self.people.forget_failures();
        self.commands.retain(|_, heard| matches!(heard, Heard::Told(told) if told.is_ok()));
        self.changes.lost();
        self.again();
        // Searching recordings is work for the gateway, so it is done only if the screen was opened.
        let mut effects = Vec::new();
        if self.shown || self.known {
            effects.push(Effect::Ask(Request::Denials));
        }
        effects.extend(self.changes.read_on(false).map(Effect::Ask));
        effects.extend(self.settle(shared));
        effects
    }

    fn tick(&mut self, shown: bool, shared: &mut Shared) -> Vec<Effect> {
        if !shared.frozen {
            self.merge();
        }
        let mut effects: Vec<Effect> = self
            .changes
            .tick(shared.now.at)
            .filter(|_| shared.link.is_live())
            .map(Effect::Ask)
            .into_iter()
            .collect();
        if shown {
            effects.extend(self.settle(shared));
        }
        effects
    }

    fn wake(&self, shared: &Shared) -> Option<Duration> {
        self.changes.wake(shared.now.at)
    }

    fn resized(&mut self, shared: &mut Shared) {
        self.lay_out_why(shared);
        // The needs of additional rows are requested at the next tick.
        let places = view::places(self, shared, shared.body());
        self.lay_out(shared, places.detail);
    }

    fn live(&mut self, event: &LiveEvent, shared: &mut Shared) -> Vec<Effect> {
        match event.topic {
            Topic::Denied => self.told_denials(Denial::told(&event.data).into_iter()),
            Topic::Change => self.changes.changed(shared.now.at),
            _ => {}
        }
        Vec::new()
    }

    fn answer(&mut self, answer: &Answer, shared: &mut Shared) -> Vec<Effect> {
        let effects = self.take_answer(answer, shared);
        if !shared.frozen {
            self.merge();
        }
        let mut effects = effects;
        effects.extend(self.settle(shared));
        effects
    }

    fn badge(&self) -> String {
        match self.unseen {
            0 => String::new(),
            1..=999 => self.unseen.to_string(),
            _ => "999+".to_owned(),
        }
    }

    fn hints(&self, _shared: &Shared) -> Vec<Action> {
        match (&self.whole, self.which) {
            (Whole::Explanation(_), _) => vec![Action::Down, Action::Up, Action::Play],
            (Whole::Detail, Which::Denials) => vec![Action::Down, Action::Up, Action::Play, Action::Explain],
            (Whole::Detail, Which::Changes) => vec![Action::Down, Action::Up, Action::Copy],
            (Whole::Nothing, Which::Denials) => {
                vec![
                    Action::Explain,
                    Action::Play,
                    Action::OtherList,
                    Action::Filter,
                    Action::Copy,
                    Action::Freeze,
                ]
            }
            (Whole::Nothing, Which::Changes) => {
                vec![Action::Open, Action::OtherList, Action::Filter, Action::Copy]
            }
        }
    }

    fn view(&self, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
        view::draw(self, shared, frame, area);
    }
}
