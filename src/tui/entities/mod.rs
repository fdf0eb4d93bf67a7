//! The screens of connections and policies, from file and store: each entity, where it is defined, and the
//! state of its target.

mod facts;
mod view;

use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::control::noun::gateway::TargetReport;
use crate::domain::entity::EntityKind;
use crate::tui::Effect;
use crate::tui::Pane;
use crate::tui::Shared;
use crate::tui::browse;
use crate::tui::browse::Browse;
use crate::tui::entities::facts::Fact;
use crate::tui::keys::Action;
use crate::tui::keys::Context;
use crate::tui::message::Answer;
use crate::tui::message::Request;
use crate::tui::shared::Tone;
use crate::tui::text;
use crate::tui::text::Row;
use crate::tui::text::Syntax;

/// Delay between a change and reading the list again: changes come in groups.
const SETTLES: Duration = Duration::from_millis(300);
/// Filter field names for connections.
const OF_CONNECTIONS: &[&str] = &["name", "proto", "tag", "from"];
/// Filter field names for policies.
const OF_POLICIES: &[&str] = &["name", "effect", "group", "conn", "from"];

/// The screen of connections or policies.
#[derive(Debug)]
pub struct Entities {
    kind: EntityKind,
    /// All entities; `None` before the first reply.
    all: Option<BTreeMap<String, Fact>>,
    list: Browse<String>,
    /// The state of the targets, by connection.
    targets: BTreeMap<String, TargetReport>,
    /// Whether the selected entity fills the screen.
    opened: bool,
    detail: Detail,
    /// When to read the list again.
    due: Option<Instant>,
}

/// The text of the selected entity, wrapped into rows.
#[derive(Debug, Default)]
struct Detail {
    of: Option<(String, u16)>,
    rows: Vec<Row>,
    /// The first visible row.
    top: usize,
}

impl Entities {
    /// Creates the screen of one kind.
    pub fn new(kind: EntityKind) -> Self {
        let names = if kind == EntityKind::Policy { OF_POLICIES } else { OF_CONNECTIONS };
        Self {
            kind,
            all: None,
            list: Browse::new(names),
            targets: BTreeMap::new(),
            opened: false,
            detail: Detail::default(),
            due: None,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Fact> {
        self.all.iter().flat_map(BTreeMap::values)
    }

    fn selected(&self) -> Option<&Fact> {
        self.all.as_ref()?.get(self.list.cursor.selected()?)
    }

    /// Returns whether this screen shows targets and issuers.
    fn has_health(&self) -> bool {
        self.kind == EntityKind::Connection
    }

    fn filter(&mut self) {
        let filter = &self.list.filter;
        let passing = self.all().filter(|fact| filter.passes(&fact.fields()));
        let keys = passing.map(|fact| fact.name.clone()).collect();
        self.list.show(keys);
    }

    /// Adjusts the list to its size and wraps the text of the selected entity.
    fn settle(&mut self, shared: &Shared) {
        let places = view::places(self, shared, shared.body());
        self.list.fit(usize::from(places.list.height.saturating_sub(1)));
        let wanted = self.selected().map(|fact| (fact.name.clone(), places.detail.width));
        if wanted == self.detail.of {
            return;
        }
        let same = |of: &Option<(String, u16)>| of.as_ref().map(|(name, _)| name.clone());
        let top = if same(&wanted) == same(&self.detail.of) { self.detail.top } else { 0 };
        let toml = self.selected().map_or("", |fact| fact.toml.trim_end());
        let rows =
            if wanted.is_some() { text::rows(toml, Syntax::Toml, places.detail.width) } else { Vec::new() };
        self.detail = Detail { of: wanted, top: top.min(rows.len().saturating_sub(1)), rows };
    }

    /// Scrolls the entity that fills the screen.
    fn scroll(&mut self, action: Action, shared: &Shared) -> bool {
        let height = usize::from(view::places(self, shared, shared.body()).detail.height).max(1);
        let Some(by) = browse::way(action, height) else { return false };
        self.detail.top = browse::scrolled(self.detail.top, by, self.detail.rows.len(), height);
        true
    }
}

impl Pane for Entities {
    fn context(&self) -> Context {
        Context::List
    }

    fn takes_text(&self) -> bool {
        self.list.is_typing()
    }

    fn text(&mut self, key: KeyEvent, shared: &mut Shared) -> Vec<Effect> {
        if self.list.text(key, shared) {
            self.filter();
        }
        self.settle(shared);
        Vec::new()
    }

    fn paste(&mut self, text: &str, shared: &mut Shared) -> Vec<Effect> {
        if self.list.paste(text) {
            self.filter();
        }
        self.settle(shared);
        Vec::new()
    }

    fn act(&mut self, action: Action, shared: &mut Shared) -> Option<Vec<Effect>> {
        match action {
            Action::Copy => {
                let name = self.selected()?.name.clone();
                shared.say(Tone::Good, format!("copied {name}"));
                return Some(vec![Effect::Copy(name)]);
            }
            Action::Open => self.opened = !self.opened && self.selected().is_some(),
            Action::Back if self.opened => self.opened = false,
            Action::Back if self.list.clear() => self.filter(),
            action if self.opened => return self.scroll(action, shared).then(Vec::new),
            action if self.list.act(action).is_some() => {}
            _ => return None,
        }
        self.settle(shared);
        Some(Vec::new())
    }

    fn enter(&mut self, shared: &mut Shared) -> Vec<Effect> {
        self.settle(shared);
        self.refresh(shared)
    }

    fn refresh(&mut self, shared: &mut Shared) -> Vec<Effect> {
        self.due = None;
        if shared.link.is_live() { vec![Effect::Ask(Request::Entities(self.kind))] } else { Vec::new() }
    }

    fn tick(&mut self, shown: bool, shared: &mut Shared) -> Vec<Effect> {
        if shown {
            self.settle(shared);
        }
        if !shared.frozen && self.due.is_some_and(|due| due <= shared.now.at) {
            return self.refresh(shared);
        }
        Vec::new()
    }

    fn wake(&self, shared: &Shared) -> Option<Duration> {
        let due = self.due.map(|due| due.saturating_duration_since(shared.now.at));
        let ages = (self.has_health() && shared.status.is_some()).then_some(Duration::from_secs(1));
        due.into_iter().chain(ages).min()
    }

    fn resized(&mut self, shared: &mut Shared) {
        self.settle(shared);
    }

    fn live(&mut self, event: &LiveEvent, shared: &mut Shared) -> Vec<Effect> {
        // A grant is a change too, but not of anything here.
        if event.topic == Topic::Change && event.data.contains("\"revision\"") {
            self.due.get_or_insert(shared.now.at + SETTLES);
        }
        Vec::new()
    }

    fn answer(&mut self, answer: &Answer, shared: &mut Shared) -> Vec<Effect> {
        match answer {
            Answer::Entities(kind, found) if *kind == self.kind => match found {
                // A frozen list is read again when it is unfrozen.
                Ok(_) if shared.frozen && self.all.is_some() => self.due = Some(shared.now.at),
                Ok(views) => {
                    let fact = |view: &crate::control::noun::entity::EntityView| {
                        (view.name.clone(), Fact::of(self.kind, view.clone()))
                    };
                    self.all = Some(views.iter().map(fact).collect());
                    self.detail.of = None;
                    self.filter();
                    self.settle(shared);
                }
                Err(error) => shared.say_error(error),
            },
            Answer::Status(Ok(status)) if self.has_health() => {
                let target = |target: &TargetReport| (target.connection.clone(), target.clone());
                self.targets = status.targets.iter().map(target).collect();
                self.settle(shared);
            }
            _ => {}
        }
        Vec::new()
    }

    fn hints(&self, _shared: &Shared) -> Vec<Action> {
        if self.opened {
            return vec![Action::Down, Action::Up, Action::Copy];
        }
        vec![Action::Down, Action::Up, Action::Open, Action::Filter, Action::Copy, Action::Freeze]
    }

    fn view(&self, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
        view::draw(self, shared, frame, area);
    }
}
