//! Which session a `CancelRequest` means: it comes on a stream of its own, maybe at another thread, with a key that only the session's
//! client was given (PostgreSQL 18 manual, 54.2.8).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::Notify;

use crate::protocol::postgres::wire::opening::Cancel;
use crate::protocol::postgres::wire::opening::Version;

/// The key of protocol 3.2, in bytes.
const LONG: usize = 32;
/// The key of protocol 3.0, in bytes.
const SHORT: usize = 4;

/// The sessions that can be cancelled, of all threads. Clones are one.
#[derive(Clone, Default)]
pub struct Cancels(Arc<Mutex<HashMap<i32, Entry>>>);

struct Entry {
    key: Box<[u8]>,
    asked: Arc<Notify>,
}

/// A session's place among them, and what its client must send.
pub struct Cancellable {
    cancels: Cancels,
    /// A number that stands for the session.
    pub process: i32,
    /// The key.
    pub key: Box<[u8]>,
    /// Told when the key came.
    pub asked: Arc<Notify>,
}

impl Cancels {
    fn entries(&self) -> MutexGuard<'_, HashMap<i32, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a session its number and key; the key is as long as the version of its client allows.
    pub fn enter(&self, version: Version) -> Cancellable {
        let length = if version >= Version::V3_2 { LONG } else { SHORT };
        let key: Box<[u8]> = rand::random::<[u8; LONG]>().into_iter().take(length).collect();
        let asked = Arc::new(Notify::new());
        let mut entries = self.entries();
        let mut process = number();
        while entries.contains_key(&process) {
            process = number();
        }
        entries.insert(process, Entry { key: key.clone(), asked: Arc::clone(&asked) });
        drop(entries);
        Cancellable { cancels: self.clone(), process, key, asked }
    }

    /// Tells the session that this request means, if there is one. The client learns nothing either way.
    pub fn ask(&self, cancel: &Cancel<'_>) {
        let entries = self.entries();
        let Some(entry) = entries.get(&cancel.process) else { return };
        if aws_lc_rs::constant_time::verify_slices_are_equal(&entry.key, cancel.key).is_ok() {
            entry.asked.notify_one();
        }
    }
}

/// A number as the process ids of a server are: above 0.
fn number() -> i32 {
    (rand::random::<u32>() >> 1).cast_signed().max(1)
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        self.cancels.entries().remove(&self.process);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_whole_key_of_a_session_reaches_it() {
        let cancels = Cancels::default();
        let session = cancels.enter(Version::V3_2);
        let other = cancels.enter(Version::V3_0);
        assert_eq!((session.key.len(), other.key.len()), (LONG, SHORT));
        let told = |session: &Cancellable| {
            let asked = Arc::clone(&session.asked);
            async move {
                tokio::time::timeout(std::time::Duration::from_millis(20), asked.notified()).await.is_ok()
            }
        };
        for key in [&session.key[..SHORT], &other.key[..], &[0; LONG]] {
            cancels.ask(&Cancel { process: session.process, key });
        }
        assert!(!told(&session).await && !told(&other).await);
        cancels.ask(&Cancel { process: session.process, key: &session.key });
        assert!(told(&session).await && !told(&other).await);
        let (process, key) = (session.process, session.key.clone());
        drop(session);
        cancels.ask(&Cancel { process, key: &key });
        assert_eq!(cancels.entries().len(), 1);
    }
}
