//! The recording that is open: how it comes, page by page or live, and where the player is in it.

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

/// To what gaps are shortened when nobody said otherwise.
const IDLE_CAP: Duration = Duration::from_secs(2);
/// From so many rows on the transcript has a frame around it.
const FRAMED: u16 = 8;

/// How far the events are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Load {
    /// The page from this event on was asked for.
    Asked(u64),
    /// All are here.
    Done,
    /// As many as are kept; there are more.
    Full,
    /// It could not be read on: why. Raw.
    Failed(String),
}

/// The open recording.
#[derive(Debug)]
pub(super) struct Recording {
    /// Its session; `None`: a file that does not say.
    pub(super) view: Option<SessionView>,
    /// What a file is called. Raw.
    pub(super) file: Option<String>,
    /// Whether it is as it was written.
    pub(super) chain: Chain,
    /// How far it is here.
    pub(super) load: Load,
    /// Where the player is.
    pub(super) deck: Deck,
    /// The row at the bottom, when it is not the newest.
    pub(super) bottom: Option<Bottom>,
    /// What is searched for.
    pub(super) find: Option<Find>,
    /// What is being typed to be searched for.
    pub(super) prompt: Option<Input>,
    /// The export that is being prepared.
    pub(super) export: Option<Export>,
    /// Whether new events are shown as they come.
    pub(super) follows: bool,
    /// To what long gaps are shortened when they are.
    idle: Duration,
    /// The event to stand at once it is here.
    wanted: Option<u64>,
    /// Events came before those between them and the last one.
    missed: bool,
    /// When it was opened.
    pub(super) since: Instant,
    /// Rows that were drawn last.
    made: RefCell<Made>,
}

/// How the screen is shared out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Rows of the title.
    pub(super) title: u16,
    /// Rows of the transcript, with its frame.
    pub(super) middle: u16,
    /// Whether it has one.
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

    /// That of a session of the gateway, and what is wanted for it.
    pub(super) fn of(view: SessionView, begin: Begin, at: Option<u64>, now: Instant) -> (Self, Vec<Effect>) {
        let mut recording = Self::new(begin, at, now);
        let effects = vec![recording.ask(view.id, 1), Effect::Ask(Request::Verify(view.id))];
        recording.view = Some(view);
        (recording, effects)
    }

    /// One that was read from a file.
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

    /// Its session at the gateway.
    pub(super) fn id(&self) -> Option<SessionId> {
        self.view.as_ref().filter(|_| self.file.is_none()).map(|view| view.id)
    }

    /// What is copied: its id.
    pub(super) fn name(&self) -> Option<String> {
        self.view.as_ref().map(|view| view.id.to_string())
    }

    /// Whether its session runs.
    pub(super) fn is_live(&self) -> bool {
        self.id().is_some() && self.view.as_ref().is_some_and(|view| view.ended_ms.is_none())
    }

    /// Whether events are still to come by themselves.
    pub(super) const fn is_loading(&self) -> bool {
        matches!(self.load, Load::Asked(_))
    }

    /// A page came.
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
            // A page that brings nothing and wants another would go on for ever.
            Some(next) if next > from || missed => vec![self.ask(id, next)],
            _ => Vec::new(),
        };
        self.settle(shared.now.at);
        effects
    }

    /// Events came.
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

    /// Whether the place where it is to begin is not here yet.
    pub(super) const fn is_wanted(&self) -> bool {
        self.wanted.is_some()
    }

    /// An event of a session that runs.
    pub(super) fn live(&mut self, event: &LiveEvent, shared: &mut Shared) -> Vec<Effect> {
        let Some(id) = self.id().filter(|_| self.follows) else { return Vec::new() };
        let Ok(stored) = StoredEvent::read([0; 32], event.data.as_bytes()) else { return Vec::new() };
        if stored.event.session != id {
            return Vec::new();
        }
        match self.deck.tape.add(&stored) {
            // What the page that was asked for brings comes first.
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

    /// Shows new events as they come, or no more.
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

    /// Asks for what came since, where that is of use.
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

    /// Long gaps are shortened, or not.
    pub(super) fn toggle_cap(&mut self, now: Instant) {
        let cap = if self.deck.tape.cap().is_some() { None } else { Some(self.idle) };
        self.deck.set_cap(now, cap);
        self.bottom = None;
    }

    /// Time went on.
    pub(super) fn advance(&mut self, now: Instant) {
        // Where it is to begin is not here yet, or it begins with what comes first.
        let open = self.is_loading() || self.wanted.is_some();
        self.deck.advance(now, open);
        if self.bottom.is_some_and(|bottom| bottom.event >= self.deck.shown()) {
            self.bottom = None;
        }
    }

    /// How the screen is shared out.
    pub(super) fn layout(&self, shared: &Shared) -> Layout {
        let height = shared.body().height;
        let title = 1 + u16::from(self.chain.is_long());
        let foot = 1 + u16::from(self.note().is_some()) + u16::from(self.prompt.is_some());
        let middle = height.saturating_sub(title + foot);
        Layout { title, middle, framed: middle >= FRAMED }
    }

    /// What a person must know of what is not here.
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

    /// The rows of the transcript.
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
