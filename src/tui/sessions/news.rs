//! Handles replies, the live stream and the passing of time on the sessions screen.

use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::Topic;
use crate::control::noun::session::SessionView;
use crate::domain::event::EventKind;
use crate::domain::id::SessionId;
use crate::domain::lock::LockTarget;
use crate::domain::session::SessionEnd;
use crate::recording::StoredEvent;
use crate::recording::chain::Hash;
use crate::tui::Effect;
use crate::tui::Shared;
use crate::tui::message::Answer;
use crate::tui::message::Request;
use crate::tui::sessions::POLL;
use crate::tui::sessions::SETTLED;
use crate::tui::sessions::Sessions;
use crate::tui::sessions::tail::Tail;
use crate::tui::shared::Tone;

/// Maximum number of sessions that ended together whose reason is requested.
const ASKED_WHY: usize = 8;

impl Sessions {
    /// Called as time passes while the screen is visible.
    pub(super) fn ticked(&mut self, shared: &mut Shared) -> Vec<Effect> {
        if !shared.frozen {
            if let Some(tail) = &mut self.tail {
                tail.go_on();
            }
            if self.roster.forget(shared.now) {
                self.settle(shared);
            }
        }
        let due = self.asked.is_none_or(|asked| shared.now.at.duration_since(asked.at) >= POLL);
        let mut effects = if due { self.ask(shared) } else { Vec::new() };
        effects.extend(self.watch(shared));
        effects
    }

    /// Follows the selected session once it has been selected for a moment.
    fn watch(&mut self, shared: &Shared) -> Vec<Effect> {
        let selected = self.roster.list.cursor.selected().copied();
        if selected == self.tail.as_ref().map(|tail| tail.session) {
            return Vec::new();
        }
        let settled =
            self.selected_since.is_none_or(|since| shared.now.at.duration_since(since.at) >= SETTLED);
        match selected {
            // Events of another session are not shown for this one.
            Some(_) if !settled => self.tail.take().map(|_| Effect::Watch(None)).into_iter().collect(),
            Some(id) => {
                self.tail = Some(Tail::new(id));
                [vec![Effect::Watch(Some(id))], self.catch_up()].concat()
            }
            None => {
                self.tail = None;
                vec![Effect::Watch(None)]
            }
        }
    }

    /// Requests the missing events of the selected session.
    fn catch_up(&mut self) -> Vec<Effect> {
        let Some(tail) = &mut self.tail else { return Vec::new() };
        let id = tail.session;
        let events = self.roster.get(id).map_or(0, |known| known.view.events);
        tail.wants(events).map(|from| Effect::Ask(Request::Events(id, from))).into_iter().collect()
    }

    /// Handles a message of the live stream.
    pub(super) fn heard(&mut self, event: &LiveEvent, shared: &mut Shared) -> Vec<Effect> {
        let Some(tail) = self.tail.as_mut().filter(|_| event.topic == Topic::Session) else {
            return Vec::new();
        };
        let Ok(event) = StoredEvent::read(Hash::default(), event.data.as_bytes()) else { return Vec::new() };
        if event.event.session != tail.session {
            return Vec::new();
        }
        tail.take(&event, shared.frozen);
        let id = tail.session;
        if event.event.kind == EventKind::SessionEnd {
            self.over(id, end_of(&event), shared);
        }
        Vec::new()
    }

    /// Handles the reply to a request.
    pub(super) fn answered(&mut self, answer: &Answer, shared: &mut Shared) -> Vec<Effect> {
        match answer {
            Answer::Sessions { live: true, found: Ok(list) } => {
                self.waits = false;
                if shared.frozen && self.roster.is_loaded() {
                    return Vec::new();
                }
                self.problem = None;
                self.take(&list.items, shared)
            }
            Answer::Sessions { live: true, found: Err(error) } => {
                self.waits = false;
                // Shown once, not with every reply.
                if self.shown && self.problem.as_ref() != Some(&error.message) {
                    shared.say_error(error);
                }
                self.problem = Some(error.message.clone());
                Vec::new()
            }
            Answer::Session(_, Ok(view)) => {
                if view.ended_ms.is_some() && self.roster.get(view.id).is_some() {
                    self.over(view.id, view.end, shared);
                }
                Vec::new()
            }
            Answer::Events(id, from, found) => {
                // The reply may be for the player.
                let mine = |tail: &&mut Tail| tail.session == *id && tail.asked == Some(*from);
                let Some(tail) = self.tail.as_mut().filter(mine) else { return Vec::new() };
                match found {
                    Ok(page) => tail.page(page, shared.frozen),
                    Err(error) => {
                        tail.asked = None;
                        tail.loaded = true;
                        if self.shown {
                            shared.say_error(error);
                        }
                    }
                }
                Vec::new()
            }
            Answer::Killed(id, found) => self.killed(*id, found.as_deref(), shared),
            Answer::Locked(found) if self.locking > 0 => {
                self.locking -= 1;
                match found {
                    Ok(lock) => {
                        let whom = match &lock.target {
                            LockTarget::Principal(principal) => principal.clone(),
                            other => other.to_string(),
                        };
                        shared.say(Tone::Good, format!("{whom} is locked out: {}", lock.id));
                        self.asked = None;
                    }
                    Err(error) => shared.say_error(error),
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn killed(
        &mut self,
        id: SessionId,
        found: Result<&SessionView, &crate::control::ApiError>,
        shared: &mut Shared,
    ) -> Vec<Effect> {
        let Some(place) = self.ending.iter().position(|ending| *ending == id) else { return Vec::new() };
        self.ending.remove(place);
        match found {
            Ok(view) => {
                shared.say(Tone::Good, format!("ended {id} of {} on {}", view.label, view.connection));
                self.over(id, view.end, shared);
                self.asked = None;
            }
            Err(error) => shared.say_error(error),
        }
        Vec::new()
    }

    /// Takes the list of live sessions.
    fn take(&mut self, views: &[SessionView], shared: &mut Shared) -> Vec<Effect> {
        let ended = self.roster.take(shared.now, views);
        for id in &ended {
            self.told_over(*id, None, shared);
        }
        if let Some(id) = self.sought.take() {
            if self.roster.get(id).is_some() {
                self.found(id, shared);
            } else {
                shared.say(Tone::Plain, format!("{id} does not run any more: r plays its recording"));
                self.missing = Some(id);
            }
        }
        self.settle(shared);
        let why = |id: SessionId| Effect::Ask(Request::Session(id.to_string()));
        let mut effects: Vec<Effect> = ended.into_iter().take(ASKED_WHY).map(why).collect();
        effects.extend(self.catch_up());
        effects
    }

    /// Handles the end of a session, with the reason if known.
    fn over(&mut self, id: SessionId, why: Option<SessionEnd>, shared: &mut Shared) {
        self.roster.end(shared.now, id, why);
        self.told_over(id, why, shared);
    }

    /// Tells a user who is about to end the session that it has ended.
    fn told_over(&mut self, id: SessionId, why: Option<SessionEnd>, shared: &mut Shared) {
        if self.prompt.as_mut().is_some_and(|prompt| prompt.ended(id, why)) {
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            shared.say(Tone::Plain, format!("{id} has ended meanwhile{why}; nothing was sent"));
        }
    }
}

/// Returns the reason for a session's end, from its last event.
fn end_of(event: &StoredEvent) -> Option<SessionEnd> {
    let data: serde_json::Value = serde_json::from_str(&event.event.data).ok()?;
    let word = data.get("reason")?.as_str()?;
    SessionEnd::ALL.into_iter().find(|end| end.as_str() == word)
}
