//! Values that a target gives to one client and that only this client may send back: states of requests that
//! need input, and ids of tasks. The target sees one credential for all clients, so the gateway remembers the
//! owner of each. (MCP 2026-07-28, "Patterns"; 2025-11-25, "Tasks".)

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use rand::RngCore;

use crate::domain::sync::lock;
use crate::protocol::mcp::state::sessions::Owner;

/// How many states, and finished tasks, are remembered.
const FEW: Most = Most { of_all: 16_384, of_one: 1024 };
/// How many running tasks are remembered: each may run for long.
const MANY: Most = Most { of_all: 65_536, of_one: 8192 };
/// The bytes that all values of one kind may take.
const ROOM: usize = 64 << 20;
/// The bytes that one principal's values of a kind may take on one connection.
const ROOM_OF_ONE: usize = 4 << 20;
/// How long a state is remembered.
const STATE: Duration = Duration::from_mins(30);
/// How long a task is remembered.
const TASK: Duration = Duration::from_hours(24);
/// How long a task is remembered after it has finished: its client may have missed the result, or fetches it
/// separately.
const OVER: Duration = Duration::from_mins(10);
/// How often old values are searched for.
const SWEEP: Duration = Duration::from_secs(1);

/// The values bound to clients, shared by all threads. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ClientValues(Arc<Mutex<Maps>>);

/// How many values of one kind are remembered.
#[derive(Debug, Clone, Copy)]
struct Most {
    /// Beyond this, the owner of the most values loses its oldest.
    of_all: usize,
    /// How many one principal may have on one connection; the oldest are dropped first.
    of_one: usize,
}

#[derive(Debug)]
struct Maps {
    states: Remembered<Box<str>, State>,
    tasks: Remembered<TaskKey, Task>,
    /// Finished tasks are kept apart, so that they take no place of running ones.
    over: Remembered<TaskKey, Task>,
}

/// The connection, and the target's id of a task on it.
type TaskKey = (Box<str>, Box<str>);

impl Default for Maps {
    fn default() -> Self {
        Self {
            states: Remembered::new(FEW, STATE),
            tasks: Remembered::new(MANY, TASK),
            over: Remembered::new(FEW, OVER),
        }
    }
}

impl Maps {
    /// Returns the task with that key, running or finished, and its owner.
    fn task(&self, key: &TaskKey) -> Option<(&Owner, &Task)> {
        self.tasks.get(key).or_else(|| self.over.get(key))
    }
}

/// The target's state of a request that needs input, and the request it was given for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    /// The method, and what it names.
    request: Box<str>,
    /// The target's state, as JSON.
    json: Box<[u8]>,
}

/// A task of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The tool whose call began it, if known.
    pub tool: Option<Box<str>>,
}

/// A map that drops old values, and the oldest values of an owner with too many: nobody loses values because
/// others have many.
#[derive(Debug)]
struct Remembered<K, V> {
    most: Most,
    within: Duration,
    values: HashMap<K, Kept<V>>,
    /// The keys of each owner, oldest first.
    shares: HashMap<Owner, Share<K>>,
    bytes: usize,
    /// When old values were last searched for.
    swept: Option<Instant>,
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

impl<K: Clone + Eq + std::hash::Hash, V> Remembered<K, V> {
    fn new(most: Most, within: Duration) -> Self {
        Self { most, within, values: HashMap::new(), shares: HashMap::new(), bytes: 0, swept: None }
    }

    /// Remembers a value of `bytes` bytes in place of any under its key, unless it is too large by itself.
    fn put(&mut self, owner: &Owner, key: K, value: V, bytes: usize) {
        self.forget(&key);
        if bytes > ROOM_OF_ONE {
            return;
        }
        while self.oldest_of(owner).is_some_and(|(kept, share)| {
            let full =
                share.order.len() >= self.most.of_one || share.bytes.saturating_add(bytes) > ROOM_OF_ONE;
            full || kept.since.elapsed() >= self.within
        }) {
            self.forget_oldest_of(owner);
        }
        if self.is_full(bytes) && self.swept.is_none_or(|swept| swept.elapsed() >= SWEEP) {
            self.forget_old();
        }
        while self.is_full(bytes) {
            let count = self.values.len() >= self.most.of_all;
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

    /// Returns whether there is no room for another value of `bytes` bytes.
    fn is_full(&self, bytes: usize) -> bool {
        self.values.len() >= self.most.of_all || self.bytes.saturating_add(bytes) > ROOM
    }

    fn oldest_of(&self, owner: &Owner) -> Option<(&Kept<V>, &Share<K>)> {
        let share = self.shares.get(owner)?;
        Some((self.values.get(share.order.front()?)?, share))
    }

    fn forget_oldest_of(&mut self, owner: &Owner) {
        let oldest = self.shares.get(owner).and_then(|share| share.order.front()).cloned();
        match oldest {
            Some(oldest) => drop(self.forget(&oldest)),
            None => drop(self.shares.remove(owner)),
        }
    }

    /// Drops old values.
    fn forget_old(&mut self) {
        let (now, within) = (Instant::now(), self.within);
        self.swept = Some(now);
        let is_old = |kept: &Kept<V>| now.saturating_duration_since(kept.since) >= within;
        let old = self.values.iter().filter(|(_, kept)| is_old(kept));
        let old: Vec<K> = old.map(|(key, _)| key.clone()).collect();
        for key in old {
            self.forget(&key);
        }
    }

    fn forget(&mut self, key: &K) -> Option<Kept<V>> {
        let kept = self.values.remove(key)?;
        self.bytes = self.bytes.saturating_sub(kept.bytes);
        let Some(share) = self.shares.get_mut(&kept.owner) else { return Some(kept) };
        share.bytes = share.bytes.saturating_sub(kept.bytes);
        // Usually it is the oldest.
        if let Some(place) = share.order.iter().position(|known| known == key) {
            share.order.remove(place);
        }
        if share.order.is_empty() {
            self.shares.remove(&kept.owner);
        }
        Some(kept)
    }

    fn get(&self, key: &K) -> Option<(&Owner, &V)> {
        let kept = self.values.get(key).filter(|kept| kept.since.elapsed() < self.within)?;
        Some((&kept.owner, &kept.value))
    }
}

impl ClientValues {
    fn maps(&self) -> std::sync::MutexGuard<'_, Maps> {
        lock(&self.0)
    }

    /// Remembers the target's state (`json`, with its quotes) and returns the gateway's own state in its
    /// place, as JSON. It is random and reveals nothing.
    pub fn state(&self, owner: &Owner, request: &str, json: &[u8]) -> String {
        let mut random = [0_u8; 24];
        rand::rng().fill_bytes(&mut random);
        let own: Box<str> = crate::domain::hex::encode(&random).into();
        let state = State { request: request.into(), json: json.into() };
        let quoted = format!("\"{own}\"");
        let bytes = own.len() + request.len() + json.len();
        self.maps().states.put(owner, own, state, bytes);
        quoted
    }

    /// Returns the target's state for the gateway's, if this principal got it for the same request.
    pub fn state_of(&self, owner: &Owner, request: &str, own: &str) -> Option<Box<[u8]>> {
        let maps = self.maps();
        let (whose, state) = maps.states.get(&Box::from(own))?;
        (whose == owner && *state.request == *request).then(|| state.json.clone())
    }

    /// Remembers a task that the target began for this principal; `tool` is the tool whose call began it.
    pub fn task(&self, owner: &Owner, task: &str, tool: Option<&str>) {
        let key = (owner.connection.clone(), task.into());
        let mut maps = self.maps();
        // An id that the target gives out twice stays with its first owner.
        if maps.task(&key).is_none_or(|(whose, _)| whose == owner) {
            maps.over.forget(&key);
            let bytes = owner.connection.len() + task.len() + tool.map_or(0, str::len);
            maps.tasks.put(owner, key, Task { tool: tool.map(Into::into) }, bytes);
        }
    }

    /// Marks a task of this principal as finished.
    pub fn task_is_over(&self, owner: &Owner, task: &str) {
        let key = (owner.connection.clone(), task.into());
        let mut maps = self.maps();
        if maps.tasks.get(&key).is_some_and(|(whose, _)| whose == owner)
            && let Some(kept) = maps.tasks.forget(&key)
        {
            maps.over.put(owner, key, kept.value, kept.bytes);
        }
    }

    /// Returns the task with that id; `None` if there is none or it belongs to another principal.
    pub fn task_of(&self, owner: &Owner, task: &str) -> Option<Task> {
        let maps = self.maps();
        let (whose, found) = maps.task(&(owner.connection.clone(), task.into()))?;
        (whose == owner).then(|| found.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(principal: &str) -> Owner {
        Owner { principal: principal.into(), issuer: [0; 32], connection: "crm".into() }
    }

    #[test]
    fn a_state_comes_back_from_whom_it_was_given_to_for_what_it_was_given() {
        let values = ClientValues::default();
        let own = values.state(&owner("ann"), "tools/call a", b"\"theirs\"");
        let own = own.trim_matches('"');
        assert!(!own.contains("theirs"));
        assert_eq!(values.state_of(&owner("ann"), "tools/call a", own).as_deref(), Some(&b"\"theirs\""[..]));
        assert_eq!(values.state_of(&owner("bob"), "tools/call a", own), None);
        assert_eq!(values.state_of(&owner("ann"), "tools/call b", own), None);
        assert_eq!(values.state_of(&owner("ann"), "tools/call a", "theirs"), None);
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for_and_the_oldest_goes_first() {
        let values = ClientValues::default();
        let first = values.state(&owner("ann"), "tools/call a", b"1");
        let second = values.state(&owner("ann"), "tools/call a", b"2");
        for _more in 0..FEW.of_one - 1 {
            values.state(&owner("ann"), "tools/call a", b"3");
        }
        let of = |own: &str| values.state_of(&owner("ann"), "tools/call a", own.trim_matches('"'));
        assert_eq!((of(&first), of(&second).as_deref()), (None, Some(&b"2"[..])));
        assert_eq!(values.maps().states.values.len(), FEW.of_one);
    }

    #[test]
    fn one_principal_takes_nothing_from_another() {
        let values = ClientValues::default();
        let own = values.state(&owner("ann"), "tools/call a", b"1");
        values.task(&owner("ann"), "t", None);
        let of = || values.state_of(&owner("ann"), "tools/call a", own.trim_matches('"'));
        for more in 0..FEW.of_all {
            values.state(&owner("bob"), "tools/call a", b"2");
            values.task(&owner("bob"), &more.to_string(), None);
        }
        assert!(of().is_some() && values.task_of(&owner("ann"), "t").is_some());
        let long = vec![b'x'; 16 << 10];
        for _more in 0..2 * ROOM / long.len() {
            values.state(&owner("bob"), "tools/call a", &long);
        }
        assert!(of().is_some());
        assert!(values.maps().states.bytes <= ROOM_OF_ONE + 1024);
        // Nor do many owners together, as long as each has more than this one.
        for more in 0..2 * FEW.of_all {
            values.state(&owner(&(more % 40).to_string()), "tools/call a", b"3");
        }
        assert!(of().is_some());
        let maps = values.maps();
        let shares: usize = maps.states.shares.values().map(|share| share.order.len()).sum();
        let bytes: usize = maps.states.shares.values().map(|share| share.bytes).sum();
        assert_eq!((maps.states.values.len(), shares, bytes), (FEW.of_all, FEW.of_all, maps.states.bytes));
    }

    #[test]
    fn a_task_is_its_first_owners() {
        let values = ClientValues::default();
        values.task(&owner("ann"), "t1", Some("slow"));
        values.task(&owner("bob"), "t1", Some("other"));
        assert_eq!(values.task_of(&owner("ann"), "t1"), Some(Task { tool: Some("slow".into()) }));
        assert_eq!(values.task_of(&owner("bob"), "t1"), None);
        assert_eq!(values.task_of(&owner("ann"), "t2"), None);
    }

    #[test]
    fn a_task_that_is_over_takes_no_place_of_one_that_runs() {
        let values = ClientValues::default();
        values.task(&owner("ann"), "runs", Some("slow"));
        for more in 0..2 * MANY.of_one {
            let task = more.to_string();
            values.task(&owner("ann"), &task, Some("slow"));
            values.task_is_over(&owner("bob"), &task);
            values.task_is_over(&owner("ann"), &task);
            // Its result can still be fetched, and nobody else can take its id.
            values.task(&owner("bob"), &task, None);
            assert_eq!(values.task_of(&owner("ann"), &task), Some(Task { tool: Some("slow".into()) }));
            assert_eq!(values.task_of(&owner("bob"), &task), None);
        }
        assert!(values.task_of(&owner("ann"), "runs").is_some());
        let maps = values.maps();
        assert_eq!((maps.tasks.values.len(), maps.over.values.len()), (1, FEW.of_one));
    }

    #[test]
    fn what_is_old_is_looked_for_once_a_second_at_most() {
        let mut few = Remembered::new(Most { of_all: 4, of_one: 4 }, Duration::from_millis(50));
        let put = |few: &mut Remembered<u32, ()>, who: &str, key: u32| few.put(&owner(who), key, (), 1);
        for key in 0..4 {
            put(&mut few, "ann", key);
        }
        std::thread::sleep(Duration::from_millis(60));
        put(&mut few, "bob", 4);
        assert_eq!((few.values.len(), few.shares.len(), few.bytes), (1, 1, 1), "what was old is gone");
        for key in 5..8 {
            put(&mut few, "bob", key);
        }
        std::thread::sleep(Duration::from_millis(60));
        put(&mut few, "cid", 8);
        assert_eq!((few.values.len(), few.get(&7)), (4, None), "only one had to go: nobody looked");
    }
}
