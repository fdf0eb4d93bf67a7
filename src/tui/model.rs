//! The application state, and its update by messages.

use std::time::Duration;

use crossterm::event::KeyCode;
use crossterm::event::KeyEvent;
use crossterm::event::KeyEventKind;
use ratatui::layout::Size;

use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::domain::entity::EntityKind;
use crate::domain::id::SessionId;
use crate::tui::Look;
use crate::tui::Msg;
use crate::tui::Pane;
use crate::tui::Screen;
use crate::tui::Shared;
use crate::tui::approvals::Approvals;
use crate::tui::entities::Entities;
use crate::tui::input::Input;
use crate::tui::input::Typed;
use crate::tui::keys::Action;
use crate::tui::keys::KeyMap;
use crate::tui::link::Link;
use crate::tui::log::Log;
use crate::tui::message::Answer;
use crate::tui::message::Effect;
use crate::tui::message::Request;
use crate::tui::replay::Replay;
use crate::tui::sessions::Sessions;
use crate::tui::shared::Moment;
use crate::tui::shared::Tone;
use crate::tui::turns::Turns;

/// Interval of the requests for the gateway's state.
const STATUS_EVERY: Duration = Duration::from_secs(2);
/// Maximum length of a command, in characters.
const LONGEST_COMMAND: usize = 200;

/// A jump from one screen to an item on another.
#[derive(Debug, Clone)]
pub enum Jump {
    /// To a live session.
    Session(SessionId),
    /// To a recording, at an event.
    Replay {
        /// The session's id, a prefix of it, or `last`.
        session: String,
        /// The event to show; `None` for the beginning.
        at: Option<u64>,
    },
}

/// The application state.
#[derive(Debug)]
pub struct Model {
    /// The state common to all screens.
    pub shared: Shared,
    /// The visible screen.
    pub screen: Screen,
    /// The scroll position of the help while it is open.
    pub help: Option<u16>,
    /// The command line while it is open.
    pub command: Option<Input>,
    /// The screens that jumps came from.
    back: Vec<Screen>,
    asked_status: Option<Moment>,
    /// The requests in flight.
    pub turns: Turns,
    /// The approvals screen.
    pub approvals: Approvals,
    /// The sessions screen.
    pub sessions: Sessions,
    /// The player.
    pub replay: Replay,
    /// The connections screen.
    pub connections: Entities,
    /// The policies screen.
    pub policies: Entities,
    /// The log screen.
    pub log: Log,
}

impl Model {
    /// Creates the initial state. Also returns the first effects.
    pub fn new(now: Moment, size: Size, look: Look, keys: KeyMap, screen: Screen) -> (Self, Vec<Effect>) {
        let mut model = Self {
            shared: Shared::new(now, size, look, keys),
            screen,
            help: None,
            command: None,
            back: Vec::new(),
            asked_status: None,
            turns: Turns::default(),
            approvals: Approvals::default(),
            sessions: Sessions::default(),
            replay: Replay::default(),
            connections: Entities::new(EntityKind::Connection),
            policies: Entities::new(EntityKind::Policy),
            log: Log::default(),
        };
        let (shared, pane) = model.shown();
        let effects = pane.enter(shared);
        let effects = model.follow_jumps(effects);
        (model, effects)
    }

    /// Returns a screen for reading.
    pub fn pane(&self, screen: Screen) -> &dyn Pane {
        match screen {
            Screen::Sessions => &self.sessions,
            Screen::Approvals => &self.approvals,
            Screen::Replay => &self.replay,
            Screen::Connections => &self.connections,
            Screen::Policies => &self.policies,
            Screen::Log => &self.log,
        }
    }

    fn with(&mut self, screen: Screen) -> (&mut Shared, &mut dyn Pane) {
        let pane: &mut dyn Pane = match screen {
            Screen::Sessions => &mut self.sessions,
            Screen::Approvals => &mut self.approvals,
            Screen::Replay => &mut self.replay,
            Screen::Connections => &mut self.connections,
            Screen::Policies => &mut self.policies,
            Screen::Log => &mut self.log,
        };
        (&mut self.shared, pane)
    }

    fn shown(&mut self) -> (&mut Shared, &mut dyn Pane) {
        self.with(self.screen)
    }

    /// Collects the effects that each screen requests.
    fn each(
        &mut self,
        mut wants: impl FnMut(Screen, &mut Shared, &mut dyn Pane) -> Vec<Effect>,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        for screen in Screen::ALL {
            let (shared, pane) = self.with(screen);
            effects.extend(wants(screen, shared, pane));
        }
        effects
    }

    /// Handles a message. Returns the requested effects.
    pub fn update(&mut self, now: Moment, msg: Msg) -> Vec<Effect> {
        self.shared.now = now;
        let effects = match msg {
            Msg::Key { key, .. } if key.kind == KeyEventKind::Release => Vec::new(),
            Msg::Key { key, at } => {
                self.shared.pressed = at;
                self.key(key)
            }
            Msg::Paste(text) => self.paste(&text),
            Msg::Wheel { up } => {
                let (shared, pane) = self.shown();
                pane.act(if up { Action::Up } else { Action::Down }, shared).unwrap_or_default()
            }
            Msg::Resize(size) => {
                self.shared.size = size;
                self.each(|_, shared, pane| {
                    pane.resized(shared);
                    Vec::new()
                })
            }
            Msg::Tick => self.tick(),
            // A picture of another size has another layout than the state assumes: none of it counts as seen.
            Msg::Drawn(size) => {
                if size == self.shared.size {
                    self.shared.drawn();
                    if self.help.is_none() && !self.shared.is_tiny() {
                        let (shared, pane) = self.shown();
                        pane.drawn(shared);
                    }
                }
                Vec::new()
            }
            Msg::Link(link) => self.linked(link),
            Msg::Live(event) => self.live(&event),
            Msg::Answer(answer) => self.answered(&answer),
        };
        self.follow_jumps(effects)
    }

    /// Follows the jumps among the effects; the loop performs the others.
    fn follow_jumps(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut out = Vec::new();
        for effect in effects {
            match effect {
                Effect::Go(jump) => {
                    let jumped = self.jump(jump);
                    out.extend(self.follow_jumps(jumped));
                }
                Effect::Ask(request) => out.extend(self.turns.ask(request).map(Effect::Ask)),
                other => out.push(other),
            }
        }
        out
    }

    fn jump(&mut self, jump: Jump) -> Vec<Effect> {
        let from = self.screen;
        // The effects of the screen being left come first: they may release what the other screen acquires.
        let effects = match jump {
            Jump::Session(id) => {
                let left = self.go(Screen::Sessions);
                [left, self.sessions.show(id, &mut self.shared)].concat()
            }
            Jump::Replay { session, at } => {
                let left = self.go(Screen::Replay);
                [left, self.replay.open(&session, at, &mut self.shared)].concat()
            }
        };
        if from != self.screen {
            self.back.push(from);
        }
        effects
    }

    fn go(&mut self, screen: Screen) -> Vec<Effect> {
        if screen == self.screen {
            return Vec::new();
        }
        self.back.clear();
        let (shared, pane) = self.shown();
        let left = pane.leave(shared);
        self.screen = screen;
        self.shared.guard();
        let (shared, pane) = self.shown();
        let entered = pane.enter(shared);
        [left, entered].concat()
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if self.help.is_some() {
            return self.help_key(key);
        }
        if let Some(input) = &mut self.command {
            return match input.key(key) {
                Typed::Done => self.run_command(),
                Typed::GivenUp => {
                    self.command = None;
                    Vec::new()
                }
                Typed::Text | Typed::Nothing => Vec::new(),
            };
        }
        let (shared, pane) = self.shown();
        if pane.takes_text() {
            return pane.text(key, shared);
        }
        for action in shared.keys.actions(pane.context(), key) {
            let (shared, pane) = self.shown();
            shared.struck = shared.keys.place(pane.context(), action, key);
            if let Some(effects) = pane.act(action, shared) {
                return effects;
            }
            if let Some(effects) = self.act(action, key) {
                return effects;
            }
        }
        Vec::new()
    }

    /// Handles a key that the screen did not handle.
    fn act(&mut self, action: Action, key: KeyEvent) -> Option<Vec<Effect>> {
        Some(match action {
            Action::NextScreen => self.go(self.screen.beside(1)),
            Action::LastScreen => self.go(self.screen.beside(Screen::ALL.len() - 1)),
            Action::Command => {
                self.command = Some(Input::new(LONGEST_COMMAND));
                Vec::new()
            }
            Action::Help => {
                self.help = Some(0);
                Vec::new()
            }
            Action::Back => match self.back.pop() {
                Some(screen) => {
                    let rest = std::mem::take(&mut self.back);
                    let effects = self.go(screen);
                    self.back = rest;
                    effects
                }
                None if key.code == KeyCode::Esc => Vec::new(),
                None => vec![Effect::Quit],
            },
            Action::Quit => vec![Effect::Quit],
            Action::Redraw => vec![Effect::Redraw],
            Action::Freeze => {
                self.shared.frozen = !self.shared.frozen;
                Vec::new()
            }
            other => self.go(other.screen()?),
        })
    }

    fn help_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let scrolled = self.help.unwrap_or_default();
        let page = self.shared.size.height / 2;
        let actions = self.shared.keys.actions(crate::tui::keys::Context::List, key);
        for action in actions {
            match action {
                Action::Down => self.help = Some(scrolled.saturating_add(1)),
                Action::Up => self.help = Some(scrolled.saturating_sub(1)),
                Action::HalfDown => self.help = Some(scrolled.saturating_add(page)),
                Action::HalfUp => self.help = Some(scrolled.saturating_sub(page)),
                Action::Top => self.help = Some(0),
                Action::Back | Action::Help => {
                    self.help = None;
                    self.shared.guard();
                }
                Action::Quit => return vec![Effect::Quit],
                _ => continue,
            }
            break;
        }
        let most = crate::tui::view::help_rows(&self.shared.keys).saturating_sub(self.shared.body().height);
        self.help = self.help.map(|scrolled| scrolled.min(most));
        Vec::new()
    }

    fn paste(&mut self, text: &str) -> Vec<Effect> {
        if let Some(input) = &mut self.command {
            input.insert(text);
            return Vec::new();
        }
        let covered = self.help.is_some();
        let (shared, pane) = self.shown();
        if !covered && pane.takes_text() { pane.paste(text, shared) } else { Vec::new() }
    }

    /// Runs a command: the name of a screen, `replay ID`, `quit`.
    fn run_command(&mut self) -> Vec<Effect> {
        let text = self.command.take().map(|input| input.text()).unwrap_or_default();
        let mut words = text.split_whitespace();
        let (verb, rest) = (words.next().unwrap_or_default(), words.next());
        match (verb, rest) {
            ("", _) => Vec::new(),
            ("q" | "quit" | "exit", None) => vec![Effect::Quit],
            ("h" | "help", None) => {
                self.help = Some(0);
                Vec::new()
            }
            ("replay", Some(session)) => {
                vec![Effect::Go(Jump::Replay { session: session.to_owned(), at: None })]
            }
            (word, None) if let Some(screen) = Screen::parse(word) => self.go(screen),
            _ => {
                let names = Screen::ALL.map(Screen::word).join(", ");
                self.shared
                    .say(Tone::Bad, format!("no command {text:?}; there are {names}, replay ID, help, quit"));
                Vec::new()
            }
        }
    }

    fn tick(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        let due =
            self.asked_status.is_none_or(|asked| self.shared.now.at.duration_since(asked.at) >= STATUS_EVERY);
        if self.shared.link.is_live() && due {
            self.asked_status = Some(self.shared.now);
            effects.push(Effect::Ask(Request::Status));
        }
        let shown = self.screen;
        effects.extend(self.each(|screen, shared, pane| pane.tick(screen == shown, shared)));
        effects
    }

    fn linked(&mut self, link: Link) -> Vec<Effect> {
        let was_live = self.shared.link.is_live();
        self.shared.link = link;
        if !self.shared.link.is_live() || was_live {
            return Vec::new();
        }
        self.all_anew()
    }

    /// Requests everything again.
    fn all_anew(&mut self) -> Vec<Effect> {
        self.asked_status = Some(self.shared.now);
        let mut effects = vec![Effect::Ask(Request::Status)];
        effects.extend(self.each(|_, shared, pane| pane.refresh(shared)));
        effects
    }

    fn live(&mut self, event: &LiveEvent) -> Vec<Effect> {
        match event.topic {
            Topic::Gap => self.all_anew(),
            _ => self.each(|_, shared, pane| pane.live(event, shared)),
        }
    }

    fn answered(&mut self, answer: &Answer) -> Vec<Effect> {
        match answer {
            Answer::Status(Ok(status)) => self.shared.status = Some(status.clone()),
            Answer::Entities(EntityKind::Policy, Ok(policies)) => {
                let origin = |view: &crate::control::noun::entity::EntityView| {
                    (view.name.clone(), view.origin.clone())
                };
                self.shared.origins = policies.iter().map(origin).collect();
            }
            Answer::Entities(EntityKind::Connection, Ok(connections)) => {
                let scheme = |view: &crate::control::noun::entity::EntityView| {
                    let upstream =
                        view.value.get("upstream").and_then(serde_json::Value::as_str).unwrap_or_default();
                    let scheme = upstream.split(':').next().unwrap_or_default();
                    (view.name.clone(), scheme.to_owned())
                };
                self.shared.schemes = connections.iter().map(scheme).collect();
            }
            _ => {}
        }
        let mut effects = self.each(|_, shared, pane| pane.answer(answer, shared));
        effects.extend(answer.subject().and_then(|subject| self.turns.over(subject)).map(Effect::Ask));
        effects
    }

    /// Returns the time until the screen changes by itself or a request is due.
    pub fn wake(&self) -> Duration {
        let pane = self.pane(self.screen).wake(&self.shared);
        pane.unwrap_or(STATUS_EVERY).min(STATUS_EVERY)
    }

    /// Starts with a jump.
    pub fn begin(&mut self, jump: Jump) -> Vec<Effect> {
        let effects = self.jump(jump);
        self.back.clear();
        self.follow_jumps(effects)
    }
}
