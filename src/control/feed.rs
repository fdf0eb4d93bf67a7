//! The live stream inside the gateway: recent messages in bounded rings, and followers that read them at
//! their own pace.
//!
//! A follower that falls behind the oldest kept message is told so and dropped. It never delays the gateway,
//! and costs no memory of its own. The same rings serve `Last-Event-ID`. Session events and denials have
//! rings of their own, so that neither heavy traffic nor many denials displace approvals.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use rand::RngCore as _;
use tokio::sync::watch;

use crate::control::noun::event::EndReason;
use crate::control::noun::event::EventFilter;
use crate::control::noun::event::EventSource;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::NextEvent;
use crate::control::noun::event::Topic;
use crate::domain::id::SessionId;
use crate::domain::sync::lock;

/// Limits of one ring, in messages and bytes of data; the newest message stays whatever its size.
const MAX: Bounds = Bounds { messages: 16_384, bytes: 8 << 20 };
/// [`MAX`] for denials: each is small, and is also in the ring of session events.
const MAX_DENIED: Bounds = Bounds { messages: 4096, bytes: 2 << 20 };

#[derive(Debug, Clone, Copy)]
struct Bounds {
    messages: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Message {
    number: u64,
    topic: Topic,
    session: Option<SessionId>,
    data: Arc<str>,
}

/// Messages in order of their numbers.
#[derive(Debug, Default)]
struct Ring {
    messages: VecDeque<Message>,
    bytes: usize,
    /// All messages below this number are gone.
    kept_from: u64,
}

impl Ring {
    fn push(&mut self, message: Message, most: Bounds) {
        self.bytes += message.data.len();
        self.messages.push_back(message);
        while self.messages.len() > 1 && (self.messages.len() > most.messages || self.bytes > most.bytes) {
            if let Some(gone) = self.messages.pop_front() {
                self.bytes -= gone.data.len();
                self.kept_from = gone.number + 1;
            }
        }
    }

    fn clear(&mut self, next: u64) {
        *self = Self { kept_from: next, ..Self::default() };
    }

    /// Returns the first message from `from` on that matches `filter`.
    fn first(&self, from: u64, filter: &EventFilter) -> Option<&Message> {
        let start = self.messages.partition_point(|message| message.number < from);
        self.messages.range(start..).find(|message| {
            message.topic == Topic::Gap
                || (filter.wants(message.topic)
                    && (!matches!(message.topic, Topic::Session | Topic::Denied)
                        || filter.session.is_none_or(|wanted| message.session == Some(wanted))))
        })
    }
}

#[derive(Debug, Default)]
struct State {
    sessions: Ring,
    denied: Ring,
    rest: Ring,
    next: u64,
    stopping: bool,
}

impl State {
    /// Returns the lowest number from which no message that matches `filter` was lost.
    fn kept_from(&self, filter: &EventFilter) -> u64 {
        let of = |topic, ring: &Ring| if filter.wants(topic) { ring.kept_from } else { 0 };
        let only = matches!(filter.topic, Some(Topic::Session | Topic::Denied));
        let rest = if only { 0 } else { self.rest.kept_from };
        of(Topic::Session, &self.sessions).max(of(Topic::Denied, &self.denied)).max(rest)
    }
}

/// The rings and their followers.
#[derive(Debug)]
pub struct Feed {
    /// Differs for each run of the gateway, so that an id of an earlier one is detected.
    life: String,
    state: Mutex<State>,
    grown: watch::Sender<u64>,
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

impl Feed {
    /// Returns a feed without messages.
    pub fn new() -> Self {
        let life = format!("{:08x}", rand::rng().next_u32());
        Self { life, state: Mutex::default(), grown: watch::Sender::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements that could panic.
        lock(&self.state)
    }

    /// Adds a message for all followers. `data` is one JSON value.
    pub fn publish(&self, topic: Topic, session: Option<SessionId>, data: impl Into<Arc<str>>) {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let message = Message { number, topic, session, data: data.into() };
        match topic {
            Topic::Session => state.sessions.push(message, MAX),
            Topic::Denied => state.denied.push(message, MAX_DENIED),
            _ => state.rest.push(message, MAX),
        }
        drop(state);
        self.grown.send_replace(number);
    }

    /// Tells all followers that messages were lost on their way here, so that they read the lists again.
    pub fn gap(&self) {
        self.publish(Topic::Gap, None, "{}");
    }

    /// Forgets all messages, since nothing will be published for a while. A follower that resumes later is
    /// told of a gap.
    pub fn rest(&self) {
        let mut state = self.state();
        state.next += 1;
        let next = state.next;
        state.sessions.clear(next);
        state.denied.clear(next);
        state.rest.clear(next);
    }

    /// Returns number of followers.
    pub fn followers(&self) -> usize {
        self.grown.receiver_count()
    }

    /// Ends every follower's stream with a last message, after the remaining ones.
    pub fn stop(&self) {
        let mut state = self.state();
        state.stopping = true;
        let next = state.next;
        drop(state);
        self.grown.send_replace(next);
    }

    /// Follows the feed after the message with the id `after`, or from now on. If messages after that id are
    /// gone, the first message says so.
    pub fn follow(self: &Arc<Self>, filter: EventFilter, after: Option<&str>) -> Follower {
        let grown = self.grown.subscribe();
        let state = self.state();
        let known = after.map(|id| {
            let (life, number) = id.rsplit_once('-')?;
            let from = number.parse::<u64>().ok()?.checked_add(1)?;
            (life == self.life && from <= state.next && from >= state.kept_from(&filter)).then_some(from)
        });
        let (from, gap) = match known {
            None => (state.next, false),
            Some(Some(from)) => (from, false),
            Some(None) => (state.next, true),
        };
        drop(state);
        Follower { feed: Arc::clone(self), filter, from, gap, ended: false, grown }
    }

    fn event(&self, number: u64, topic: Topic, data: &str) -> LiveEvent {
        LiveEvent { id: format!("{}-{number}", self.life), topic, data: data.to_owned() }
    }
}

/// One reader of a [`Feed`].
#[derive(Debug)]
pub struct Follower {
    feed: Arc<Feed>,
    filter: EventFilter,
    from: u64,
    gap: bool,
    ended: bool,
    grown: watch::Receiver<u64>,
}

impl Follower {
    /// Returns the next available message, or `None` if it must wait.
    fn take(&mut self) -> Option<LiveEvent> {
        let state = self.feed.state();
        if std::mem::take(&mut self.gap) {
            return Some(self.feed.event(self.from.saturating_sub(1), Topic::Gap, "{}"));
        }
        if self.from < state.kept_from(&self.filter) {
            self.ended = true;
            return Some(self.end(EndReason::Slow));
        }
        let rings = [&state.sessions, &state.denied, &state.rest];
        let found = rings.map(|ring| ring.first(self.from, &self.filter));
        if let Some(message) = found.into_iter().flatten().min_by_key(|message| message.number) {
            self.from = message.number + 1;
            return Some(self.feed.event(message.number, message.topic, &message.data));
        }
        self.from = state.next;
        if state.stopping {
            self.ended = true;
            return Some(self.end(EndReason::Stopping));
        }
        None
    }

    fn end(&self, reason: EndReason) -> LiveEvent {
        self.feed.event(self.from.saturating_sub(1), Topic::End, reason.data())
    }
}

impl EventSource for Follower {
    fn next(&mut self) -> NextEvent<'_> {
        Box::pin(async move {
            loop {
                if self.ended {
                    return Ok(None);
                }
                // Marked as seen before looking, so that nothing published in between is missed.
                self.grown.mark_unchanged();
                if let Some(event) = self.take() {
                    return Ok(Some(event));
                }
                if self.grown.changed().await.is_err() {
                    return Ok(None);
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn next(follower: &mut Follower) -> (Topic, String) {
        let event = follower.next().await.unwrap().unwrap();
        (event.topic, event.data)
    }

    fn any() -> EventFilter {
        EventFilter::default()
    }

    #[tokio::test]
    async fn a_follower_gets_what_comes_after_it_in_order() {
        let feed = Arc::new(Feed::new());
        feed.publish(Topic::Session, None, "0");
        let mut follower = feed.follow(any(), None);
        feed.publish(Topic::Session, None, "1");
        feed.publish(Topic::Approval, None, "2");
        feed.publish(Topic::Session, None, "3");
        for wanted in [(Topic::Session, "1"), (Topic::Approval, "2"), (Topic::Session, "3")] {
            assert_eq!(next(&mut follower).await, (wanted.0, wanted.1.to_owned()));
        }
        let late = Arc::clone(&feed);
        let waiting = tokio::spawn(async move { next(&mut follower).await });
        tokio::task::yield_now().await;
        late.publish(Topic::Change, None, "4");
        assert_eq!(waiting.await.unwrap(), (Topic::Change, "4".to_owned()));
    }

    #[tokio::test]
    async fn filters_hide_the_rest() {
        let feed = Arc::new(Feed::new());
        let (mine, other) = (SessionId::new(), SessionId::new());
        let mut session = feed
            .follow(EventFilter { session: Some(mine), topic: Some(Topic::Session), without: None }, None);
        let only = |topic| EventFilter { topic: Some(topic), ..any() };
        let mut approvals = feed.follow(only(Topic::Approval), None);
        let mut rest = feed.follow(EventFilter { without: Some(Topic::Session), ..any() }, None);
        feed.publish(Topic::Session, Some(other), "other");
        feed.publish(Topic::Session, None, "nobody's");
        feed.publish(Topic::Session, Some(mine), "mine");
        feed.publish(Topic::Approval, None, "held");
        assert_eq!(next(&mut session).await.1, "mine");
        assert_eq!(next(&mut approvals).await.1, "held");
        feed.publish(Topic::Change, None, "changed");
        assert_eq!(next(&mut rest).await.1, "held");
        assert_eq!(next(&mut rest).await.1, "changed");
    }

    #[tokio::test]
    async fn a_stream_is_taken_up_where_it_was_left() {
        let feed = Arc::new(Feed::new());
        let mut first = feed.follow(any(), None);
        for n in 0..5 {
            feed.publish(Topic::Session, None, n.to_string());
        }
        let seen = first.next().await.unwrap().unwrap();
        drop(first);
        let mut again = feed.follow(any(), Some(&seen.id));
        for n in 1..5 {
            assert_eq!(next(&mut again).await, (Topic::Session, n.to_string()));
        }
    }

    #[tokio::test]
    async fn an_id_of_another_life_or_of_lost_messages_is_a_gap() {
        let feed = Arc::new(Feed::new());
        let mut first = feed.follow(any(), None);
        feed.publish(Topic::Session, None, "0");
        let seen = first.next().await.unwrap().unwrap().id;
        feed.publish(Topic::Session, None, "x".repeat(MAX.bytes));
        feed.publish(Topic::Session, None, "1");
        for after in [
            seen.as_str(),
            "",
            "zz",
            "00000000-1",
            &format!("{}-999", feed.life),
            &format!("{}--1", feed.life),
        ] {
            let mut follower = feed.follow(any(), Some(after));
            assert_eq!(next(&mut follower).await.0, Topic::Gap, "{after}");
            feed.publish(Topic::Change, None, "new");
            assert_eq!(next(&mut follower).await, (Topic::Change, "new".to_owned()));
        }
        let mut fresh = feed.follow(any(), None);
        feed.publish(Topic::Change, None, "a");
        let seen = fresh.next().await.unwrap().unwrap().id;
        feed.rest();
        let mut again = feed.follow(any(), Some(&seen));
        assert_eq!(next(&mut again).await.0, Topic::Gap);
    }

    #[tokio::test]
    async fn a_slow_follower_is_told_and_dropped_and_traffic_does_not_push_approvals_out() {
        let feed = Arc::new(Feed::new());
        let mut slow = feed.follow(any(), None);
        let approval = EventFilter { topic: Some(Topic::Approval), ..any() };
        let mut approvals = feed.follow(approval, None);
        let mut rest = feed.follow(EventFilter { without: Some(Topic::Session), ..any() }, None);
        feed.publish(Topic::Approval, None, "held");
        for _ in 0..=MAX.messages {
            feed.publish(Topic::Session, None, "x");
        }
        assert_eq!(next(&mut slow).await, (Topic::End, r#"{"reason":"slow"}"#.to_owned()));
        assert_eq!(slow.next().await.unwrap(), None);
        assert_eq!(next(&mut approvals).await.1, "held");
        assert_eq!(next(&mut rest).await.1, "held");
        assert!(feed.state().sessions.messages.len() <= MAX.messages);
    }

    #[tokio::test]
    async fn a_flood_of_denials_pushes_out_nothing_but_denials() {
        let feed = Arc::new(Feed::new());
        let mine = SessionId::new();
        let only = |topic| EventFilter { topic: Some(topic), ..any() };
        let mut approvals = feed.follow(only(Topic::Approval), None);
        let mut sessions = feed.follow(only(Topic::Session), None);
        let mut denials = feed.follow(only(Topic::Denied), None);
        let mut rest = feed.follow(EventFilter { without: Some(Topic::Session), ..any() }, None);
        let mut of_mine = feed.follow(EventFilter { session: Some(mine), ..only(Topic::Denied) }, None);
        feed.publish(Topic::Approval, None, "held");
        feed.publish(Topic::Session, Some(mine), "event");
        feed.publish(Topic::Denied, Some(SessionId::new()), "other");
        feed.publish(Topic::Denied, Some(mine), "mine");
        assert_eq!(next(&mut of_mine).await, (Topic::Denied, "mine".to_owned()));
        for wanted in ["held", "other", "mine"] {
            assert_eq!(next(&mut rest).await.1, wanted);
        }
        for _ in 0..MAX_DENIED.messages {
            feed.publish(Topic::Denied, None, "x");
        }
        assert!(feed.state().denied.messages.len() <= MAX_DENIED.messages);
        assert_eq!(next(&mut approvals).await.1, "held");
        assert_eq!(next(&mut sessions).await.1, "event");
        assert_eq!(next(&mut denials).await, (Topic::End, r#"{"reason":"slow"}"#.to_owned()));
    }

    #[tokio::test]
    async fn stopping_ends_streams_after_what_there_was() {
        let feed = Arc::new(Feed::new());
        let mut follower = feed.follow(any(), None);
        feed.publish(Topic::Approval, None, "last");
        feed.stop();
        assert_eq!(next(&mut follower).await.1, "last");
        assert_eq!(next(&mut follower).await, (Topic::End, r#"{"reason":"stopping"}"#.to_owned()));
        assert_eq!(follower.next().await.unwrap(), None);
        drop(follower);
        assert_eq!(feed.followers(), 0);
    }
}
