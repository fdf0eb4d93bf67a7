//! Requests of which one at a time is enough: a slow gateway is not asked the same thing again and again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::tui::message::Request;
use crate::tui::message::Subject;

/// The requests in flight, each with the one to send next.
#[derive(Debug, Default)]
pub struct Turns {
    asked: HashMap<Subject, Option<Request>>,
}

impl Turns {
    /// Returns the request if it can be sent now. Otherwise it waits until the one in flight is answered, and
    /// replaces a waiting one.
    pub fn ask(&mut self, request: Request) -> Option<Request> {
        let Some(subject) = request.subject() else { return Some(request) };
        match self.asked.entry(subject) {
            Entry::Vacant(free) => {
                free.insert(None);
                Some(request)
            }
            Entry::Occupied(mut taken) => {
                taken.insert(Some(request));
                None
            }
        }
    }

    /// Notes that a request was answered. Returns the waiting one, to be sent.
    pub fn over(&mut self, subject: Subject) -> Option<Request> {
        self.asked.remove(&subject).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_kind_is_asked_at_a_time_and_the_last_one_that_waited_next() {
        let mut turns = Turns::default();
        assert!(turns.ask(Request::Pending(1)).is_some());
        assert!(turns.ask(Request::Status).is_some());
        assert!(turns.ask(Request::Pending(2)).is_none());
        assert!(turns.ask(Request::Pending(3)).is_none());
        let next = turns.over(Subject::Pending).unwrap();
        assert!(matches!(next, Request::Pending(3)));
        assert!(turns.ask(next).is_some());
        assert!(turns.over(Subject::Pending).is_none());
        assert!(turns.over(Subject::Pending).is_none());
        // A request that changes something is never delayed.
        assert!(turns.ask(Request::Session("last".to_owned())).is_some());
        assert!(turns.ask(Request::Session("last".to_owned())).is_some());
    }
}
