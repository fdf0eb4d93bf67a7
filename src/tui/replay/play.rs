//! Handles keys in an open recording.

use std::time::Duration;
use std::time::Instant;

use crossterm::event::KeyEvent;

use crate::recording::replay::Mark;
use crate::tui::Effect;
use crate::tui::Shared;
use crate::tui::input::Input;
use crate::tui::input::Typed;
use crate::tui::keys::Action;
use crate::tui::message::Request;
use crate::tui::replay::export::Export;
use crate::tui::replay::find::Find;
use crate::tui::replay::lines;
use crate::tui::replay::recording::Recording;
use crate::tui::shared::Tone;

/// The distance of one skip.
const SKIP: Duration = Duration::from_secs(5);
/// Maximum length of a search pattern, in characters.
const LONGEST_PATTERN: usize = 200;

impl Recording {
    /// Handles an action.
    pub(super) fn act(&mut self, action: Action, shared: &mut Shared) -> Option<Vec<Effect>> {
        if self.export.is_some() {
            return self.prepare(action);
        }
        let now = shared.now.at;
        if let Some(moves) = self.transport(action, shared) {
            if moves {
                self.bottom = None;
            }
            // A user who moves is looking at something: new events would move it out of view.
            return Some(self.follow(false));
        }
        if self.scroll(action, shared) {
            return Some(Vec::new());
        }
        match action {
            Action::Faster => self.deck.faster(now, true),
            Action::Slower => self.deck.faster(now, false),
            Action::NormalSpeed => self.deck.normal(now),
            Action::IdleCap => self.toggle_cap(now),
            Action::Grep => {
                let text = self.find.as_ref().map(|find| find.text.as_str()).unwrap_or_default();
                self.prompt = Some(Input::with(text, LONGEST_PATTERN));
            }
            Action::NextMatch | Action::LastMatch => {
                return Some(self.go_to_match(action == Action::NextMatch, shared));
            }
            Action::Follow => return Some(self.toggle_follow(shared)),
            Action::Export => match (&self.view, &self.file) {
                (Some(view), None) => self.export = Some(Export::new(view.clone())),
                _ => shared
                    .say(Tone::Bad, "this recording is a file: only one of a gateway can be exported here"),
            },
            Action::Copy => {
                let name = self.name()?;
                shared.say(Tone::Plain, format!("copied {name}"));
                return Some(vec![Effect::Copy(name)]);
            }
            Action::Back if self.find.is_some() => self.find = None,
            _ => return None,
        }
        Some(Vec::new())
    }

    /// Handles actions that move the position. Returns whether the view moves along; `None` for other
    /// actions.
    fn transport(&mut self, action: Action, shared: &mut Shared) -> Option<bool> {
        let now = shared.now.at;
        self.deck.advance(now, self.is_loading());
        match action {
            Action::Pause if self.follows => self.deck.pause(now),
            Action::Pause => {
                self.deck.toggle(now);
                // While paused, the scroll position stays.
                return Some(self.deck.is_playing());
            }
            Action::Step => {
                self.deck.pause(now);
                let next = self.deck.shown();
                self.deck.stand(now, next);
            }
            Action::SeekBack | Action::SeekOn => self.deck.skip(now, SKIP, action == Action::SeekBack),
            Action::Tenths => {
                self.deck.tenths(now, u32::try_from(shared.struck).unwrap_or_default());
            }
            Action::LastEvent => self.go(now, self.deck.before(|_| true)),
            Action::NextEvent => self.go(now, self.deck.next(|_| true)),
            Action::LastMark | Action::NextMark => {
                let on = action == Action::NextMark;
                let marked = |event: &super::tape::Kept| event.mark.is_some();
                let found = if on { self.deck.next(marked) } else { self.deck.before(marked) };
                if found.is_none() {
                    let way = if on { "after" } else { "before" };
                    shared.say(Tone::Plain, format!("no approval, denial, error, mask or marker {way} this"));
                }
                self.go(now, found);
            }
            _ => return None,
        }
        Some(true)
    }

    fn go(&mut self, now: Instant, place: Option<usize>) {
        if let Some(place) = place {
            self.deck.stand(now, place);
        }
    }

    /// Scrolls the view. Returns whether the action was a scroll action.
    fn scroll(&mut self, action: Action, shared: &Shared) -> bool {
        let window = self.window(shared);
        let page = (window.height / 2).max(1);
        let down = |by| self.bottom.and_then(|bottom| window.down(bottom, by));
        self.bottom = match action {
            Action::Down => down(1),
            Action::HalfDown => down(page),
            Action::Up => window.up(self.bottom, 1),
            Action::HalfUp => window.up(self.bottom, page),
            Action::Top => window.top(),
            Action::Bottom => None,
            _ => return false,
        };
        true
    }

    /// Goes to the next or previous search match.
    fn go_to_match(&mut self, on: bool, shared: &mut Shared) -> Vec<Effect> {
        let here = self.deck.shown();
        let Some(find) = &self.find else {
            shared.say(Tone::Plain, "nothing is searched for: / does");
            return Vec::new();
        };
        let found = if on { find.from(here) } else { find.before(here.saturating_sub(1)) };
        let (count, text) = (find.count(), find.text.clone());
        let Some((place, number)) = found else {
            shared.say(Tone::Bad, format!("no event has {text}"));
            return Vec::new();
        };
        self.show(place, shared);
        shared.say(Tone::Plain, format!("{text}: {number} of {count} events"));
        self.follow(false)
    }

    /// Seeks to an event and scrolls its match into view.
    fn show(&mut self, place: usize, shared: &Shared) {
        self.deck.pause(shared.now.at);
        self.deck.stand(shared.now.at, place);
        let window = self.window(shared);
        let rows = self.deck.standing().map(|event| lines::rows(event, window.form)).unwrap_or_default();
        let found = |row: &crate::tui::text::Row| {
            row.pieces.iter().any(|(role, _)| *role == crate::tui::look::Role::Found)
        };
        self.bottom = rows.iter().position(found).and_then(|row| window.around(row));
    }

    fn toggle_follow(&mut self, shared: &mut Shared) -> Vec<Effect> {
        if self.follows {
            return self.follow(false);
        }
        if !self.is_live() {
            shared.say(Tone::Plain, "it has ended: nothing is to follow");
            return Vec::new();
        }
        if !shared.link.is_live() {
            shared.say(Tone::Bad, "only a running gateway can be followed: hoopctl serve starts one");
            return Vec::new();
        }
        self.deck.pause(shared.now.at);
        self.deck.go_to_end(shared.now.at);
        self.follow(true)
    }

    /// Handles an action in the export dialog before the path input is open.
    fn prepare(&mut self, action: Action) -> Option<Vec<Effect>> {
        let export = self.export.as_mut()?;
        match action {
            Action::Down | Action::SeekOn => export.choose(false),
            Action::Up | Action::SeekBack => export.choose(true),
            Action::Open => export.ask_path(),
            Action::Back | Action::Export => self.export = None,
            Action::Quit | Action::Redraw => return None,
            _ => {}
        }
        Some(Vec::new())
    }

    /// Handles a key in an input line.
    pub(super) fn text(&mut self, key: KeyEvent, shared: &mut Shared) -> Vec<Effect> {
        if let Some(input) = &mut self.prompt {
            let typed = input.key(key);
            match typed {
                Typed::Done => return self.search(shared),
                Typed::GivenUp => self.prompt = None,
                Typed::Text | Typed::Nothing => {}
            }
            return Vec::new();
        }
        let Some(export) = &mut self.export else { return Vec::new() };
        let Some(input) = &mut export.path else { return Vec::new() };
        match input.key(key) {
            Typed::Done => {
                let Some((session, form, to)) = export.wanted() else {
                    shared.say(Tone::Bad, "a path is wanted: ./session.jsonl");
                    return Vec::new();
                };
                self.export = None;
                shared.say(Tone::Plain, format!("writing {}", to.display()));
                vec![Effect::Ask(Request::Export { session, form, to })]
            }
            Typed::GivenUp => {
                export.path = None;
                Vec::new()
            }
            Typed::Text | Typed::Nothing => Vec::new(),
        }
    }

    /// Searches for the typed pattern and goes to the first match from the current position on.
    fn search(&mut self, shared: &mut Shared) -> Vec<Effect> {
        let text = self.prompt.take().map(|input| input.text()).unwrap_or_default();
        self.find = None;
        if text.is_empty() {
            return Vec::new();
        }
        let Some(mut find) = Find::new(&text) else {
            shared.say(Tone::Bad, format!("the pattern {text} is too large"));
            return Vec::new();
        };
        find.search(self.deck.tape.events());
        let found = find.from(self.deck.shown().saturating_sub(1));
        let count = find.count();
        self.find = Some(find);
        let Some((place, number)) = found else {
            shared.say(Tone::Bad, format!("no event has {text}"));
            return Vec::new();
        };
        shared.say(Tone::Plain, format!("{text}: {number} of {count} events"));
        self.show(place, shared);
        self.follow(false)
    }

    /// Returns the actions to name in the status line.
    pub(super) fn hints(&self, _shared: &Shared) -> Vec<Action> {
        if self.export.is_some() {
            return vec![Action::Open, Action::Down, Action::Up];
        }
        let mut hints = vec![Action::Pause, Action::SeekBack, Action::SeekOn, Action::NextEvent];
        if self.deck.tape.events().iter().any(|event| event.mark.is_some_and(|mark| mark != Mark::Marker)) {
            hints.push(Action::NextMark);
        }
        if self.is_live() {
            hints.push(Action::Follow);
        }
        if self.find.is_some() {
            hints.push(Action::NextMatch);
        }
        hints.extend([
            Action::Grep,
            Action::Export,
            Action::Faster,
            Action::Slower,
            Action::IdleCap,
            Action::Copy,
        ]);
        hints
    }
}
