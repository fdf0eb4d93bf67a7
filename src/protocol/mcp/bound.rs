//! What a target hands to one client and that client alone may bring back: states of requests that need input, ids of tasks. The target
//! sees one credential for everybody, so the gateway remembers whose each is. (MCP 2026-07-28, "Patterns"; 2025-11-25, "Tasks".)

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use rand::RngCore;

use crate::protocol::mcp::sessions::Owner;

/// How many of each kind are remembered; the oldest are forgotten first.
const MOST: usize = 16_384;
/// How long a state is remembered.
const STATE: Duration = Duration::from_mins(30);
/// How long a task is remembered.
const TASK: Duration = Duration::from_hours(24);

/// What is bound to clients, for all threads. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Bound(Arc<Mutex<Maps>>);

#[derive(Debug, Default)]
struct Maps {
    states: Remembered<Box<str>, State>,
    tasks: Remembered<(Box<str>, Box<str>), TaskOf>,
}

/// A state of a request, as the target gave it, and for which request.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    owner: Owner,
    /// The method, and what it names.
    request: Box<str>,
    /// The target's own, as JSON.
    json: Box<[u8]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct TaskOf {
    owner: Owner,
    task: Task,
}

/// A task of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The tool whose call began it, where that is known.
    pub tool: Option<Box<str>>,
}

/// A map that forgets what is old or too much.
#[derive(Debug)]
struct Remembered<K, V> {
    values: HashMap<K, (V, Instant)>,
    order: VecDeque<K>,
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self { values: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Clone + Eq + std::hash::Hash, V> Remembered<K, V> {
    fn put(&mut self, key: K, value: V, within: Duration) {
        let old = |(_, since): &(V, Instant)| since.elapsed() >= within;
        while let Some(first) = self.order.front().filter(|key| self.values.get(key).is_none_or(old)) {
            self.values.remove(first);
            self.order.pop_front();
        }
        if self.values.insert(key.clone(), (value, Instant::now())).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.values.remove(&oldest);
            }
        }
    }

    fn get(&self, key: &K, within: Duration) -> Option<&V> {
        self.values.get(key).filter(|(_, since)| since.elapsed() < within).map(|(value, _)| value)
    }
}

impl Bound {
    fn maps(&self) -> std::sync::MutexGuard<'_, Maps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The gateway's own state in place of the target's (`json`, with its quotes), as JSON: random, so that it says nothing.
    pub fn state(&self, owner: &Owner, request: &str, json: &[u8]) -> String {
        let mut random = [0_u8; 24];
        rand::rng().fill_bytes(&mut random);
        let own: Box<str> = crate::pipeline::body::hex(&random).into();
        let state = State { owner: owner.clone(), request: request.into(), json: json.into() };
        let quoted = format!("\"{own}\"");
        self.maps().states.put(own, state, STATE);
        quoted
    }

    /// The target's state for the gateway's, if this principal got it for a request like this one.
    pub fn state_of(&self, owner: &Owner, request: &str, own: &str) -> Option<Box<[u8]>> {
        let maps = self.maps();
        let state = maps.states.get(&Box::from(own), STATE)?;
        (state.owner == *owner && *state.request == *request).then(|| state.json.clone())
    }

    /// The target has begun a task for this principal, by a call of this tool.
    pub fn task(&self, owner: &Owner, task: &str, tool: Option<&str>) {
        let key = (owner.connection.clone(), task.into());
        let mut maps = self.maps();
        // An id that the target gives out twice stays with whom it was given to first.
        if maps.tasks.get(&key, TASK).is_none_or(|known| known.owner == *owner) {
            maps.tasks.put(
                key,
                TaskOf { owner: owner.clone(), task: Task { tool: tool.map(Into::into) } },
                TASK,
            );
        }
    }

    /// The task of that id; `None`: it is not this principal's, or there is none.
    pub fn task_of(&self, owner: &Owner, task: &str) -> Option<Task> {
        let maps = self.maps();
        let found = maps.tasks.get(&(owner.connection.clone(), task.into()), TASK)?;
        (found.owner == *owner).then(|| found.task.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(principal: &str) -> Owner {
        Owner { principal: principal.into(), connection: "crm".into() }
    }

    #[test]
    fn a_state_comes_back_from_whom_it_was_given_to_for_what_it_was_given() {
        let bound = Bound::default();
        let own = bound.state(&owner("ann"), "tools/call a", b"\"theirs\"");
        let own = own.trim_matches('"');
        assert!(!own.contains("theirs"));
        assert_eq!(bound.state_of(&owner("ann"), "tools/call a", own).as_deref(), Some(&b"\"theirs\""[..]));
        assert_eq!(bound.state_of(&owner("bob"), "tools/call a", own), None);
        assert_eq!(bound.state_of(&owner("ann"), "tools/call b", own), None);
        assert_eq!(bound.state_of(&owner("ann"), "tools/call a", "theirs"), None);
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for_and_the_oldest_goes_first() {
        let bound = Bound::default();
        let first = bound.state(&owner("ann"), "tools/call a", b"1");
        let second = bound.state(&owner("ann"), "tools/call a", b"2");
        for _more in 0..MOST - 1 {
            bound.state(&owner("bob"), "tools/call a", b"3");
        }
        let of = |own: &str| bound.state_of(&owner("ann"), "tools/call a", own.trim_matches('"'));
        assert_eq!((of(&first), of(&second).as_deref()), (None, Some(&b"2"[..])));
        let maps = bound.maps();
        assert_eq!((maps.states.values.len(), maps.states.order.len()), (MOST, MOST));
    }

    #[test]
    fn a_task_is_its_first_owners() {
        let bound = Bound::default();
        bound.task(&owner("ann"), "t1", Some("slow"));
        bound.task(&owner("bob"), "t1", Some("other"));
        assert_eq!(bound.task_of(&owner("ann"), "t1"), Some(Task { tool: Some("slow".into()) }));
        assert_eq!(bound.task_of(&owner("bob"), "t1"), None);
        assert_eq!(bound.task_of(&owner("ann"), "t2"), None);
    }
}
