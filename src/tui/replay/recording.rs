//! The open recording: its loading, by pages or live, and its playback.

use std::cell::RefCell;
use std::time::Duration;
use std::time::Instant;

use crate::control::ApiError;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::session::EventPage;
use crate::control::noun::session::SessionView;
use crate::domain::event::EventKind;
use crate::domain::id::SessionId;
use crate::recording::StoredEvent;
use crate::tui::Effect;
use crate::tui::Shared;
use crate::tui::input::Input;
use crate::tui::message::Request;
use crate::tui::replay::Begin;
use crate::tui::replay::Recorded;
use crate::tui::replay::chain::Chain;
use crate::tui::replay::deck::Deck;
use crate::tui::replay::export::Export;
use crate::tui::replay::find::Find;
use crate::tui::replay::lines::Form;
use crate::tui::replay::tape::Added;
use crate::tui::replay::tape::Tape;
use crate::tui::replay::window::Bottom;
use crate::tui::replay::window::Made;
use crate::tui::replay::window::Window;
use crate::tui::shared::Tone;

/// Default maximum length of a gap.
const IDLE_CAP: Duration = Duration::from_secs(2);
/// From this height on, in rows, the transcript has a frame.
const FRAMED: u16 = 8;

/// The loading state of the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Load {
    /// The page starting at this event was requested.
    Asked(u64),
    /// All events are loaded.
    Done,
    /// The maximum number of events is loaded; there are more.
    Full,
    /// Loading failed, with the reason. Not escaped.
    Failed(String),
}

/// The open recording.
#[derive(Debug)]
pub(super) struct Recording {
    /// Its session; `None` for a file that does not name it.
    pub(super) view: Option<SessionView>,
    /// The name of the file. Not escaped.
    pub(super) file: Option<String>,
    /// The state of its hash chain.
    pub(super) chain: Chain,
    /// The loading state.
    pub(super) load: Load,
    /// The playback position.
    pub(super) deck: Deck,
    /// The row at the bottom; `None` for the newest.
    pub(super) bottom: Option<Bottom>,
    /// The current search.
    pub(super) find: Option<Find>,
    /// The search input, while open.
    pub(super) prompt: Option<Input>,
    /// The export dialog, while open.
    pub(super) export: Option<Export>,
    /// Whether new events are shown as they arrive.
    pub(super) follows: bool,
    /// The maximum length of a gap while gaps are shortened.
    idle: Duration,
    /// The event to seek to once it is loaded.
    wanted: Option<u64>,
    /// Whether live events arrived that do not directly follow the last one.
    missed: bool,
    /// When it was opened.
    pub(super) since: Instant,
    /// The rows drawn last.
    made: RefCell<Made>,
}

/// The layout of the screen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Height of the title, in rows.
    pub(super) title: u16,
    /// Height of the transcript with its frame, in rows.
    pub(super) middle: u16,
    /// Whether the transcript has a frame.
    pub(super) framed: bool,
}

impl Recording {
    fn new(begin: Begin, at: Option<u64>, now: Instant) -> Self {
        let idle = begin.idle.unwrap_or(IDLE_CAP);
        let mut deck = Deck::new(now, Tape::new(begin.idle, begin.from, begin.to), begin.speed);
        if at.is_some() {
            deck.pause(now);
        }
        Self {
            view: None,
            file: None,
            chain: Chain::Checking,
            load: Load::Done,
            deck,
            bottom: None,
            find: None,
            prompt: None,
            export: None,
            follows: false,
            idle,
            wanted: at,
            missed: false,
            since: now,
            made: RefCell::default(),
        }
    }

    /// Opens the recording of a session. Also returns the requests it needs.
    pub(super) fn of(view: SessionView, begin: Begin, at: Option<u64>, now: Instant) -> (Self, Vec<Effect>) {
        let mut recording = Self::new(begin, at, now);
        let effects = vec![recording.ask(view.id, 1), Effect::Ask(Request::Verify(view.id))];
        recording.view = Some(view);
        (recording, effects)
    }

    /// Opens a recording read from a file.
    pub(super) fn read(recorded: Recorded, now: Instant) -> Self {
        let mut recording = Self::new(recorded.begin, None, now);
        recording.view = recorded.session;
        recording.file = Some(recorded.title);
        recording.chain = match recorded.chain {
            Ok(()) => Chain::Holds,
            Err(why) => Chain::Broken(why),
        };
        for event in &recorded.events {
            if recording.deck.tape.add(event) == Added::Full {
                recording.load = Load::Full;
                break;
            }
        }
        recording.settle(now);
        recording
    }

    fn ask(&mut self, id: SessionId, from: u64) -> Effect {
        self.load = Load::Asked(from);
        Effect::Ask(Request::Events(id, from))
    }

    /// Returns its session at the gateway.
    pub(super) fn id(&self) -> Option<SessionId> {
        self.view.as_ref().filter(|_| self.file.is_none()).map(|view| view.id)
    }

    /// Returns the id to copy.
    pub(super) fn name(&self) -> Option<String> {
        self.view.as_ref().map(|view| view.id.to_string())
    }

    /// Returns whether its session is live.
    pub(super) fn is_live(&self) -> bool {
        self.id().is_some() && self.view.as_ref().is_some_and(|view| view.ended_ms.is_none())
    }

    /// Returns whether more events are being loaded.
    pub(super) const fn is_loading(&self) -> bool {
        matches!(self.load, Load::Asked(_))
    }

    /// Takes a page.
    pub(super) fn page(
        &mut self,
        from: u64,
        page: &Result<EventPage, ApiError>,
        shared: &mut Shared,
    ) -> Vec<Effect> {
        let Some(id) = self.id().filter(|_| self.load == Load::Asked(from)) else { return Vec::new() };
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                self.load = Load::Failed(error.message.clone());
                shared.say_error(error);
                return Vec::new();
            }
        };
        self.load = Load::Done;
        for event in &page.events {
            let added = match StoredEvent::received(&event.hash, &event.line) {
                Ok(stored) => self.deck.tape.add(&stored),
                Err(error) => self.deck.tape.add_unreadable(event.seq, &error.to_string()),
            };
            match added {
                Added::Taken | Added::Known => {}
                Added::Full => {
                    self.load = Load::Full;
                    break;
                }
                Added::Early => {
                    let last = self.deck.tape.last_seq();
                    self.load = Load::Failed(format!("after event {last} comes event {}", event.seq));
                    break;
                }
            }
        }
        let next = page.next.filter(|_| self.load == Load::Done && !self.deck.tape.is_over());
        let missed = std::mem::take(&mut self.missed) && self.load == Load::Done;
        let next = next.or_else(|| missed.then(|| self.deck.tape.last_seq() + 1));
        let effects = match next {
            // A page that is empty and asks for another one would go on forever.
            Some(next) if next > from || missed => vec![self.ask(id, next)],
            _ => Vec::new(),
        };
        self.settle(shared.now.at);
        effects
    }

    /// Updates the state after new events.
    fn settle(&mut self, now: Instant) {
        self.deck.tape.settle();
        if let Some(find) = &mut self.find {
            find.search(self.deck.tape.events());
        }
        if let Some(wanted) = self.wanted {
            let events = self.deck.tape.events();
            let place = events.partition_point(|event| event.seq < wanted);
            if place < events.len() || !self.is_loading() {
                self.wanted = None;
                self.deck.stand(now, place.min(events.len().saturating_sub(1)));
            }
        } else if self.follows {
            self.deck.go_to_end(now);
        } else {
            self.deck.advance(now, self.is_loading());
        }
    }

    /// Returns whether the event to start at is not loaded yet.
    pub(super) const fn is_wanted(&self) -> bool {
        self.wanted.is_some()
    }

    /// Takes an event of a live session.
    pub(super) fn live(&mut self, event: &LiveEvent, shared: &mut Shared) -> Vec<Effect> {
        let Some(id) = self.id().filter(|_| self.follows) else { return Vec::new() };
        let Ok(stored) = StoredEvent::read([0; 32], event.data.as_bytes()) else { return Vec::new() };
        if stored.event.session != id {
            return Vec::new();
        }
        match self.deck.tape.add(&stored) {
            // The events of the requested page come first.
            Added::Early if self.is_loading() => self.missed = true,
            Added::Early => {
                let next = self.deck.tape.last_seq() + 1;
                return vec![self.ask(id, next)];
            }
            Added::Full => self.load = Load::Full,
            Added::Known => {}
            Added::Taken => {
                self.settle(shared.now.at);
                if stored.event.kind == EventKind::SessionEnd {
                    shared.say(Tone::Plain, "the session has ended");
                    let again = [Request::Session(id.to_string()), Request::Verify(id)];
                    return [self.follow(false), again.map(Effect::Ask).into()].concat();
                }
            }
        }
        Vec::new()
    }

    /// Starts or stops following new events.
    pub(super) fn follow(&mut self, on: bool) -> Vec<Effect> {
        let Some(id) = self.id().filter(|_| self.follows != on) else { return Vec::new() };
        self.follows = on;
        if !on {
            return vec![Effect::Watch(None)];
        }
        self.bottom = None;
        let mut effects = vec![Effect::Watch(Some(id))];
        effects.extend(self.catch_up());
        effects
    }

    /// Returns the request for missed events, if it is useful.
    pub(super) fn catch_up(&mut self) -> Option<Effect> {
        let id = self.id()?;
        let wanted = match self.load {
            Load::Done => self.follows,
            Load::Failed(_) => true,
            Load::Asked(_) | Load::Full => false,
        };
        wanted.then(|| {
            let next = self.deck.tape.last_seq() + 1;
            self.ask(id, next)
        })
    }

    /// Toggles the shortening of gaps.
    pub(super) fn toggle_cap(&mut self, now: Instant) {
        let cap = if self.deck.tape.cap().is_some() { None } else { Some(self.idle) };
        self.deck.set_cap(now, cap);
        self.bottom = None;
    }

    /// Advances to `now`.
    pub(super) fn advance(&mut self, now: Instant) {
        // The event to start at is not loaded yet, or nothing is.
        let open = self.is_loading() || self.wanted.is_some();
        self.deck.advance(now, open);
        if self.bottom.is_some_and(|bottom| bottom.event >= self.deck.shown()) {
            self.bottom = None;
        }
    }

    /// Lays out the screen.
    pub(super) fn layout(&self, shared: &Shared) -> Layout {
        let height = shared.body().height;
        let title = 1 + u16::from(self.chain.is_long());
        let foot = 1 + u16::from(self.note().is_some()) + u16::from(self.prompt.is_some());
        let middle = height.saturating_sub(title + foot);
        Layout { title, middle, framed: middle >= FRAMED }
    }

    /// Describes what is not loaded, if the user must know it.
    pub(super) fn note(&self) -> Option<String> {
        let tape = &self.deck.tape;
        let here = tape.events().len();
        match &self.load {
            Load::Done => None,
            Load::Asked(_) if here == 0 => None,
            Load::Asked(_) => {
                let all = self.view.as_ref().map(|view| view.events).unwrap_or_default();
                let last = tape.last_seq();
                Some(if all > last {
                    format!("loading: {last} of {all} events")
                } else {
                    "loading".to_owned()
                })
            }
            Load::Full => {
                let all = self.view.as_ref().map(|view| view.events).unwrap_or_default();
                let name = self.file.clone().or_else(|| self.name()).unwrap_or_default();
                Some(format!(
                    "only the first {here} of {all} events are here, no more are kept; all: hoopctl replay --print {name}"
                ))
            }
            Load::Failed(why) => Some(format!("event {} and later are not here: {why}", tape.last_seq() + 1)),
        }
    }

    /// Returns the window on the transcript.
    pub(super) fn window<'a>(&'a self, shared: &'a Shared) -> Window<'a> {
        let layout = self.layout(shared);
        let frame = if layout.framed { 2 } else { 0 };
        let form = Form {
            width: shared.size.width.saturating_sub(frame),
            look: &shared.look,
            found: self.find.as_ref().map(|find| &find.regex),
        };
        let events = self.deck.tape.events().get(..self.deck.shown()).unwrap_or_default();
        Window { events, form, height: usize::from(layout.middle.saturating_sub(frame)), made: &self.made }
    }
}
