//! The player: a transcript that grows as it was recorded, with a timeline below it. Without a recording, a
//! list to choose from.

mod bar;
mod chain;
mod choose;
mod chooser;
mod deck;
mod export;
mod find;
mod lines;
mod play;
mod recording;
mod tape;
mod view;
mod window;

use std::time::Duration;
use std::time::Instant;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use crate::control::ApiError;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::session::SessionView;
use crate::recording::StoredEvent;
use crate::recording::replay::Position;
use crate::tui::Effect;
use crate::tui::Pane;
use crate::tui::Shared;
use crate::tui::keys::Action;
use crate::tui::keys::Context;
use crate::tui::message::Answer;
use crate::tui::message::Request;
use crate::tui::replay::chain::Chain;
use crate::tui::replay::chooser::Chooser;
use crate::tui::replay::recording::Recording;
use crate::tui::shared::Tone;

pub use crate::tui::replay::tape::MOST_EVENTS;

/// Time between two pictures while playing.
const PICTURE: Duration = Duration::from_millis(33);
/// Delay before a loading message appears.
const SLOW: Duration = Duration::from_millis(150);
/// Interval of the requests for the list of sessions while it is visible.
const LIST_EVERY: Duration = Duration::from_secs(5);

/// How playback starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Begin {
    /// Speed factor, 0.01 to 1000. Default 1.
    pub speed: f64,
    /// Where to begin; `None` (the default) for the start.
    pub from: Option<Position>,
    /// The last event: the first one at or after this position; `None` (the default) for the end.
    pub to: Option<Position>,
    /// Maximum length of a gap; `None` (the default) keeps gaps as recorded.
    pub idle: Option<Duration>,
}

impl Default for Begin {
    fn default() -> Self {
        Self { speed: 1.0, from: None, to: None, idle: None }
    }
}

/// A recording read from a file.
#[derive(Debug)]
pub struct Recorded {
    /// Its title.
    pub title: String,
    /// Its session, if known.
    pub session: Option<SessionView>,
    /// Its events.
    pub events: Vec<StoredEvent>,
    /// Whether its hash chain is intact, or the problem.
    pub chain: Result<(), String>,
    /// How playback starts.
    pub begin: Begin,
}

/// A recording that was requested.
#[derive(Debug)]
struct Opening {
    name: String,
    at: Option<u64>,
    since: Instant,
}

/// The player.
#[derive(Debug, Default)]
pub struct Replay {
    chooser: Chooser,
    opening: Option<Opening>,
    begin: Option<Begin>,
    open: Option<Box<Recording>>,
    /// Whether it was opened by a jump: back leads there, not to the list.
    jumped: bool,
    /// Whether the screen is visible.
    shown: bool,
}

impl Replay {
    /// Sets how playback of the next opened recording starts.
    pub fn begin_with(&mut self, begin: Begin) {
        self.begin = Some(begin);
    }

    /// Opens the recording of a session, by its id, a prefix of it, or `last`, at an event.
    pub fn open(&mut self, session: &str, at: Option<u64>, shared: &mut Shared) -> Vec<Effect> {
        self.jumped = true;
        self.ask(session, at, shared)
    }

    /// Opens a recording read from a file.
    pub fn load(&mut self, recorded: Recorded, shared: &mut Shared) {
        self.jumped = true;
        self.opening = None;
        self.open = Some(Box::new(Recording::read(recorded, shared.now.at)));
    }

    /// Requests a recording. The current one stays visible until the reply arrives.
    fn ask(&mut self, session: &str, at: Option<u64>, shared: &Shared) -> Vec<Effect> {
        self.opening = Some(Opening { name: session.to_owned(), at, since: shared.now.at });
        vec![Effect::Ask(Request::Session(session.to_owned()))]
    }

    fn opened(&mut self, name: &str, view: &SessionView, shared: &Shared) -> Vec<Effect> {
        let Some(opening) = self.opening.take_if(|opening| opening.name == name) else {
            let shown = self.open.as_mut().filter(|open| open.id() == Some(view.id));
            if let Some(open) = shown {
                open.view = Some(view.clone());
            }
            return Vec::new();
        };
        let mut effects = self.close();
        let begin = self.begin.take().unwrap_or_default();
        // While hidden, nothing plays: it pauses at its first event until the screen is visible again.
        let at = opening.at.or((!self.shown).then_some(1));
        let (open, wanted) = Recording::of(view.clone(), begin, at, shared.now.at);
        self.open = Some(Box::new(open));
        effects.extend(wanted);
        effects
    }

    fn not_opened(&mut self, name: &str, error: &ApiError, shared: &mut Shared) -> Vec<Effect> {
        if self.opening.take_if(|opening| opening.name == name).is_none() {
            return Vec::new();
        }
        self.begin = None;
        shared.say_error(error);
        if self.open.is_some() {
            return Vec::new();
        }
        self.jumped = false;
        vec![self.chooser.ask(shared)]
    }

    /// Drops effects that only the visible screen may request, if this one is hidden: another screen watches
    /// its own session.
    fn own(&self, mut effects: Vec<Effect>) -> Vec<Effect> {
        effects.retain(|effect| self.shown || !matches!(effect, Effect::Watch(_)));
        effects
    }

    fn answered(&mut self, answer: &Answer, shared: &mut Shared) -> Vec<Effect> {
        match answer {
            Answer::Session(name, Ok(view)) => return self.opened(name, view, shared),
            Answer::Session(name, Err(error)) => return self.not_opened(name, error, shared),
            Answer::Events(id, from, page) => {
                if let Some(open) = self.open.as_mut().filter(|open| open.id() == Some(*id)) {
                    return open.page(*from, page, shared);
                }
            }
            Answer::Verified(id, report) => {
                if let Some(open) = self.open.as_mut().filter(|open| open.id() == Some(*id)) {
                    open.chain = match report {
                        Ok(report) => Chain::of(report),
                        Err(error) => Chain::Unknown(error.message.clone()),
                    };
                }
            }
            Answer::Sessions { live: false, found: Ok(found) } => self.chooser.put(found.clone(), shared),
            Answer::Sessions { live: false, found: Err(error) } if self.open.is_none() => {
                self.chooser.problem = Some(error.message.clone());
                shared.say_error(error);
            }
            Answer::Exported(path, Ok(count)) => {
                shared.say(Tone::Good, format!("wrote {}: {count} events", path.display()));
            }
            Answer::Exported(_, Err(why)) => shared.say(Tone::Bad, format!("nothing was exported: {why}")),
            _ => {}
        }
        Vec::new()
    }

    /// Closes the recording and returns to the list.
    fn close(&mut self) -> Vec<Effect> {
        self.open.take().map(|mut open| open.follow(false)).unwrap_or_default()
    }

    /// Returns whether a request has taken so long that a loading message is due.
    fn is_slow(&self, shared: &Shared) -> bool {
        self.waits_since(shared).is_some_and(|since| shared.now.at.duration_since(since) >= SLOW)
    }

    /// Returns since when there is nothing to show because of a pending request.
    fn waits_since(&self, shared: &Shared) -> Option<Instant> {
        match (&self.open, &self.opening) {
            (Some(open), _) => {
                let empty = open.deck.tape.events().is_empty() || open.is_wanted();
                (empty && open.is_loading()).then_some(open.since)
            }
            (None, Some(opening)) => Some(opening.since),
            (None, None) => {
                (!self.chooser.is_there()).then(|| self.chooser.asked.map_or(shared.now.at, |asked| asked.at))
            }
        }
    }
}

impl Pane for Replay {
    fn context(&self) -> Context {
        if self.open.is_some() { Context::Replay } else { Context::List }
    }

    fn takes_text(&self) -> bool {
        match &self.open {
            Some(open) => {
                open.prompt.is_some() || open.export.as_ref().is_some_and(|export| export.path.is_some())
            }
            None => self.chooser.list.is_typing(),
        }
    }

    fn text(&mut self, key: KeyEvent, shared: &mut Shared) -> Vec<Effect> {
        if let Some(open) = &mut self.open {
            return open.text(key, shared);
        }
        self.chooser.text(key, shared);
        Vec::new()
    }

    fn paste(&mut self, text: &str, shared: &mut Shared) -> Vec<Effect> {
        let Some(open) = &mut self.open else {
            self.chooser.paste(text, shared);
            return Vec::new();
        };
        let input = match &mut open.prompt {
            Some(input) => Some(input),
            None => open.export.as_mut().and_then(|export| export.path.as_mut()),
        };
        if let Some(input) = input {
            input.insert(text);
        }
        Vec::new()
    }

    fn act(&mut self, action: Action, shared: &mut Shared) -> Option<Vec<Effect>> {
        if let Some(open) = &mut self.open {
            if let Some(effects) = open.act(action, shared) {
                return Some(effects);
            }
            if action == Action::Back && !self.jumped {
                let effects = self.close();
                return Some([effects, vec![self.chooser.ask(shared)]].concat());
            }
            return None;
        }
        self.choose(action, shared)
    }

    fn enter(&mut self, shared: &mut Shared) -> Vec<Effect> {
        self.shown = true;
        match &mut self.open {
            Some(open) if open.follows => {
                let watch = open.id().map(|id| Effect::Watch(Some(id)));
                watch.into_iter().chain(open.catch_up()).collect()
            }
            Some(_) => Vec::new(),
            None if self.opening.is_some() => Vec::new(),
            None => vec![self.chooser.ask(shared)],
        }
    }

    fn leave(&mut self, shared: &mut Shared) -> Vec<Effect> {
        self.jumped = false;
        self.shown = false;
        let Some(open) = &mut self.open else { return Vec::new() };
        open.advance(shared.now.at);
        if open.follows {
            return vec![Effect::Watch(None)];
        }
        open.deck.pause(shared.now.at);
        Vec::new()
    }

    fn refresh(&mut self, shared: &mut Shared) -> Vec<Effect> {
        match &mut self.open {
            Some(open) => open.catch_up().into_iter().collect(),
            None if self.chooser.asked.is_some() => vec![self.chooser.ask(shared)],
            None => Vec::new(),
        }
    }

    fn tick(&mut self, shown: bool, shared: &mut Shared) -> Vec<Effect> {
        if !shown {
            return Vec::new();
        }
        if let Some(open) = &mut self.open {
            open.advance(shared.now.at);
            return Vec::new();
        }
        let due =
            self.chooser.asked.is_some_and(|asked| shared.now.at.duration_since(asked.at) >= LIST_EVERY);
        if due && shared.link.is_live() { vec![self.chooser.ask(shared)] } else { Vec::new() }
    }

    fn wake(&self, shared: &Shared) -> Option<Duration> {
        if self.waits_since(shared).is_some() && !self.is_slow(shared) {
            return Some(SLOW);
        }
        let open = self.open.as_ref()?;
        open.deck.is_playing().then_some(PICTURE)
    }

    fn resized(&mut self, shared: &mut Shared) {
        self.chooser.settle(shared);
    }

    fn live(&mut self, event: &LiveEvent, shared: &mut Shared) -> Vec<Effect> {
        let effects = self.open.as_mut().map(|open| open.live(event, shared)).unwrap_or_default();
        self.own(effects)
    }

    fn answer(&mut self, answer: &Answer, shared: &mut Shared) -> Vec<Effect> {
        let effects = self.answered(answer, shared);
        self.own(effects)
    }

    fn hints(&self, shared: &Shared) -> Vec<Action> {
        match &self.open {
            Some(open) => open.hints(shared),
            None => vec![Action::Open, Action::Down, Action::Up, Action::Filter, Action::Copy],
        }
    }

    fn view(&self, shared: &Shared, frame: &mut Frame<'_>, area: Rect) {
        match &self.open {
            Some(open) => view::recording(open, self.is_slow(shared), shared, frame, area),
            None => view::choices(
                &self.chooser,
                self.opening.is_some(),
                self.is_slow(shared),
                shared,
                frame,
                area,
            ),
        }
    }
}
