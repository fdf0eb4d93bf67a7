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

/// How many of each kind are remembered. Beyond that who has most loses the oldest.
const MOST: usize = 16_384;
/// How many of them one principal may have on one connection; the oldest are forgotten first.
const MOST_OF_ONE: usize = 1024;
/// How many bytes all of one kind may have.
const ROOM: usize = 64 << 20;
/// How many bytes those of one principal may have on one connection.
const ROOM_OF_ONE: usize = 4 << 20;
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
    tasks: Remembered<(Box<str>, Box<str>), Task>,
}

/// A state of a request, as the target gave it, and for which request.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    /// The method, and what it names.
    request: Box<str>,
    /// The target's own, as JSON.
    json: Box<[u8]>,
}

/// A task of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The tool whose call began it, where that is known.
    pub tool: Option<Box<str>>,
}

/// A map that forgets what is old, and of each owner what is too much: nobody is forgotten because others have much.
#[derive(Debug)]
struct Remembered<K, V> {
    values: HashMap<K, Kept<V>>,
    /// What each owner has, oldest first.
    shares: HashMap<Owner, Share<K>>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept<V> {
    owner: Owner,
    value: V,
    bytes: usize,
    since: Instant,
}

#[derive(Debug)]
struct Share<K> {
    order: VecDeque<K>,
    bytes: usize,
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self { values: HashMap::new(), shares: HashMap::new(), bytes: 0 }
    }
}

impl<K: Clone + Eq + std::hash::Hash, V> Remembered<K, V> {
    /// Remembers a value of so many bytes, unless that alone is too much. What was remembered under its key is forgotten.
    fn put(&mut self, owner: &Owner, key: K, value: V, bytes: usize, within: Duration) {
        self.forget(&key);
        if bytes > ROOM_OF_ONE {
            return;
        }
        while self.oldest_of(owner).is_some_and(|(kept, share)| {
            let full = share.order.len() >= MOST_OF_ONE || share.bytes.saturating_add(bytes) > ROOM_OF_ONE;
            full || kept.since.elapsed() >= within
        }) {
            self.forget_oldest_of(owner);
        }
        if self.values.len() >= MOST || self.bytes.saturating_add(bytes) > ROOM {
            self.forget_old(within);
        }
        while self.values.len() >= MOST || self.bytes.saturating_add(bytes) > ROOM {
            let count = self.values.len() >= MOST;
            let has = |share: &Share<K>| if count { share.order.len() } else { share.bytes };
            let most = self.shares.iter().max_by_key(|(_, share)| has(share)).map(|(owner, _)| owner.clone());
            match most {
                Some(owner) => self.forget_oldest_of(&owner),
                None => break,
            }
        }
        let share = self.shares.entry(owner.clone());
        let share = share.or_insert_with(|| Share { order: VecDeque::new(), bytes: 0 });
        share.order.push_back(key.clone());
        share.bytes += bytes;
        self.bytes += bytes;
        self.values.insert(key, Kept { owner: owner.clone(), value, bytes, since: Instant::now() });
    }

    fn oldest_of(&self, owner: &Owner) -> Option<(&Kept<V>, &Share<K>)> {
        let share = self.shares.get(owner)?;
        Some((self.values.get(share.order.front()?)?, share))
    }

    fn forget_oldest_of(&mut self, owner: &Owner) {
        let oldest = self.shares.get(owner).and_then(|share| share.order.front()).cloned();
        match oldest {
            Some(oldest) => self.forget(&oldest),
            None => drop(self.shares.remove(owner)),
        }
    }

    /// Forgets what is old, of which each owner's oldest comes first.
    fn forget_old(&mut self, within: Duration) {
        let now = Instant::now();
        let is_old = |kept: &Kept<V>| now.saturating_duration_since(kept.since) >= within;
        let owners: Vec<Owner> = self.shares.keys().cloned().collect();
        for owner in owners {
            while self.oldest_of(&owner).is_some_and(|(kept, _)| is_old(kept)) {
                self.forget_oldest_of(&owner);
            }
        }
    }

    fn forget(&mut self, key: &K) {
        let Some(kept) = self.values.remove(key) else { return };
        self.bytes = self.bytes.saturating_sub(kept.bytes);
        let Some(share) = self.shares.get_mut(&kept.owner) else { return };
        share.bytes = share.bytes.saturating_sub(kept.bytes);
        // It is mostly the oldest.
        if let Some(place) = share.order.iter().position(|known| known == key) {
            share.order.remove(place);
        }
        if share.order.is_empty() {
            self.shares.remove(&kept.owner);
        }
    }

    fn get(&self, key: &K, within: Duration) -> Option<(&Owner, &V)> {
        let kept = self.values.get(key).filter(|kept| kept.since.elapsed() < within)?;
        Some((&kept.owner, &kept.value))
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
        let state = State { request: request.into(), json: json.into() };
        let quoted = format!("\"{own}\"");
        let bytes = own.len() + request.len() + json.len();
        self.maps().states.put(owner, own, state, bytes, STATE);
        quoted
    }

    /// The target's state for the gateway's, if this principal got it for a request like this one.
    pub fn state_of(&self, owner: &Owner, request: &str, own: &str) -> Option<Box<[u8]>> {
        let maps = self.maps();
        let (whose, state) = maps.states.get(&Box::from(own), STATE)?;
        (whose == owner && *state.request == *request).then(|| state.json.clone())
    }

    /// The target has begun a task for this principal, by a call of this tool.
    pub fn task(&self, owner: &Owner, task: &str, tool: Option<&str>) {
        let key = (owner.connection.clone(), task.into());
        let mut maps = self.maps();
        // An id that the target gives out twice stays with whom it was given to first.
        if maps.tasks.get(&key, TASK).is_none_or(|(whose, _)| whose == owner) {
            let bytes = owner.connection.len() + task.len() + tool.map_or(0, str::len);
            maps.tasks.put(owner, key, Task { tool: tool.map(Into::into) }, bytes, TASK);
        }
    }

    /// The task of that id; `None`: it is not this principal's, or there is none.
    pub fn task_of(&self, owner: &Owner, task: &str) -> Option<Task> {
        let maps = self.maps();
        let (whose, found) = maps.tasks.get(&(owner.connection.clone(), task.into()), TASK)?;
        (whose == owner).then(|| found.clone())
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
        for _more in 0..MOST_OF_ONE - 1 {
            bound.state(&owner("ann"), "tools/call a", b"3");
        }
        let of = |own: &str| bound.state_of(&owner("ann"), "tools/call a", own.trim_matches('"'));
        assert_eq!((of(&first), of(&second).as_deref()), (None, Some(&b"2"[..])));
        assert_eq!(bound.maps().states.values.len(), MOST_OF_ONE);
    }

    #[test]
    fn one_principal_takes_nothing_from_another() {
        let bound = Bound::default();
        let own = bound.state(&owner("ann"), "tools/call a", b"1");
        bound.task(&owner("ann"), "t", None);
        let of = || bound.state_of(&owner("ann"), "tools/call a", own.trim_matches('"'));
        for more in 0..MOST {
            bound.state(&owner("bob"), "tools/call a", b"2");
            bound.task(&owner("bob"), &more.to_string(), None);
        }
        assert!(of().is_some() && bound.task_of(&owner("ann"), "t").is_some());
        let long = vec![b'x'; 16 << 10];
        for _more in 0..2 * ROOM / long.len() {
            bound.state(&owner("bob"), "tools/call a", &long);
        }
        assert!(of().is_some());
        assert!(bound.maps().states.bytes <= ROOM_OF_ONE + 1024);
        // Nor do many together, as long as each has more than it.
        for more in 0..2 * MOST {
            bound.state(&owner(&(more % 40).to_string()), "tools/call a", b"3");
        }
        assert!(of().is_some());
        let maps = bound.maps();
        let shares: usize = maps.states.shares.values().map(|share| share.order.len()).sum();
        let bytes: usize = maps.states.shares.values().map(|share| share.bytes).sum();
        assert_eq!((maps.states.values.len(), shares, bytes), (MOST, MOST, maps.states.bytes));
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
