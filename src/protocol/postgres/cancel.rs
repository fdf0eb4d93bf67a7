//! The session that a `CancelRequest` means. The request comes on a stream of its own, maybe at another
//! thread, with a key that only the session's client has (PostgreSQL 18 manual, 54.2.8).
//!
//! A client is given the true process id of its session, the same as from `pg_backend_pid()` and
//! notifications, and a key of the gateway's own: the target's key never leaves the gateway. Sessions of
//! several targets may have the same process id, so only the key tells them apart.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::Notify;

use crate::protocol::postgres::wire::opening::Cancel;
use crate::protocol::postgres::wire::opening::Version;

/// The length of a key of protocol 3.2, in bytes.
const LONG: usize = 32;
/// The length of a key of protocol 3.0, in bytes.
const SHORT: usize = 4;

/// The sessions that can be cancelled, on all threads. Clones share them.
#[derive(Clone, Default)]
pub struct Cancels(Arc<Mutex<HashMap<i32, Vec<Entry>>>>);

/// One of the sessions with the same process id.
struct Entry {
    key: Box<[u8]>,
    asked: Arc<Notify>,
}

/// A session that can be cancelled, and what its client must send. Dropping it removes the session.
pub struct Cancellable {
    cancels: Cancels,
    /// The session's process id at its target.
    pub process: i32,
    /// The key for its client.
    pub key: Box<[u8]>,
    /// Notified when a request with the key comes.
    pub asked: Arc<Notify>,
}

impl Cancels {
    fn entries(&self) -> MutexGuard<'_, HashMap<i32, Vec<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the session with this process id at its target. Its key is as long as the client's version
    /// allows.
    pub fn enter(&self, version: Version, process: i32) -> Cancellable {
        self.enter_with(process, || {
            let length = if version >= Version::V3_2 { LONG } else { SHORT };
            rand::random::<[u8; LONG]>().into_iter().take(length).collect()
        })
    }

    /// Does the same with keys from `make`, which is called until its key differs from those of all sessions
    /// with this process id.
    fn enter_with(&self, process: i32, mut make: impl FnMut() -> Box<[u8]>) -> Cancellable {
        let asked = Arc::new(Notify::new());
        let mut all = self.entries();
        let entries = all.entry(process).or_default();
        let mut key = make();
        while entries.iter().any(|entry| entry.key == key) {
            key = make();
        }
        entries.push(Entry { key: key.clone(), asked: Arc::clone(&asked) });
        drop(all);
        Cancellable { cancels: self.clone(), process, key, asked }
    }

    /// Notifies the session that this request means, if there is one. The client learns nothing either way.
    pub fn ask(&self, cancel: &Cancel<'_>) {
        let all = self.entries();
        for entry in all.get(&cancel.process).into_iter().flatten() {
            if aws_lc_rs::constant_time::verify_slices_are_equal(&entry.key, cancel.key).is_ok() {
                entry.asked.notify_one();
            }
        }
    }
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        let mut all = self.cancels.entries();
        let Some(entries) = all.get_mut(&self.process) else { return };
        entries.retain(|entry| !Arc::ptr_eq(&entry.asked, &self.asked));
        if entries.is_empty() {
            all.remove(&self.process);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(session: &Cancellable) -> bool {
        tokio::time::timeout(std::time::Duration::from_millis(20), session.asked.notified()).await.is_ok()
    }

    #[tokio::test]
    async fn only_the_whole_key_of_a_session_reaches_it() {
        let cancels = Cancels::default();
        let session = cancels.enter(Version::V3_2, 7);
        let other = cancels.enter(Version::V3_0, 8);
        assert_eq!((session.key.len(), other.key.len()), (LONG, SHORT));
        for key in [&session.key[..SHORT], &other.key[..], &[0; LONG], &[]] {
            cancels.ask(&Cancel { process: 7, key });
        }
        cancels.ask(&Cancel { process: 8, key: &session.key });
        assert!(!told(&session).await && !told(&other).await);
        cancels.ask(&Cancel { process: 7, key: &session.key });
        assert!(told(&session).await && !told(&other).await);
        drop(session);
        assert_eq!(cancels.entries().keys().collect::<Vec<_>>(), [&8]);
    }

    #[tokio::test]
    async fn of_sessions_with_the_same_process_id_only_the_one_with_the_key_is_reached() {
        let cancels = Cancels::default();
        let (first, second, long) = (
            cancels.enter(Version::V3_0, 7),
            cancels.enter(Version::V3_0, 7),
            cancels.enter(Version::V3_2, 7),
        );
        cancels.ask(&Cancel { process: 7, key: &second.key });
        assert!(!told(&first).await && told(&second).await && !told(&long).await);
        // The process id of an ended session may belong to another by now; the key does not.
        let key = first.key.clone();
        drop(first);
        cancels.ask(&Cancel { process: 7, key: &key });
        assert!(!told(&second).await && !told(&long).await);
        cancels.ask(&Cancel { process: 7, key: &long.key });
        assert!(!told(&second).await && told(&long).await);
        drop((second, long));
        assert!(cancels.entries().is_empty());
    }

    #[test]
    fn no_two_sessions_of_one_process_id_have_the_same_key() {
        let cancels = Cancels::default();
        let mut keys = [1_u8, 1, 1, 2].into_iter();
        let mut make = || Box::from([keys.next().unwrap(); SHORT]);
        let (first, second) = (cancels.enter_with(7, &mut make), cancels.enter_with(7, &mut make));
        assert_eq!((&first.key[..], &second.key[..]), (&[1; SHORT][..], &[2; SHORT][..]));
    }
}
