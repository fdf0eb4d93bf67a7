//! The progress of one stage, and the tasks that wait for more.
//!
//! Waking a task of another thread costs a system call; waking one of the same thread costs next to nothing.
//! A commit therefore wakes one waiter per thread, which wakes the other waiters of its thread when it runs.
//! If it does not run soon, because its future sits unpolled in some `select!`, the waking thread wakes the
//! others after all.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Waker;

use crate::domain::sync::lock;

/// A counter of completed tickets, and the waiters for the others.
#[derive(Default)]
pub(crate) struct Progress {
    done: AtomicU64,
    waiting: Mutex<Waiting>,
    /// Some waiters whose tickets are complete were left for others to wake.
    left: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    waiters: Vec<Waiter>,
    /// Threads with one woken waiter; a reused buffer.
    threads: Vec<u32>,
}

struct Waiter {
    ticket: u64,
    thread: u32,
    waker: Waker,
}

/// Returns a number that identifies the calling thread.
fn this_thread() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    thread_local! {
        static NUMBER: Cell<u32> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    NUMBER.get()
}

impl Progress {
    /// Returns the last completed ticket.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }

    /// Marks all tickets up to `ticket` as complete, and wakes their waiters. `wakers` is an empty buffer.
    pub(crate) fn advance(&self, ticket: u64, wakers: &mut Vec<Waker>) {
        self.done.fetch_max(ticket, Ordering::AcqRel);
        self.wake_all(ticket, wakers);
    }

    /// Advances like [`Progress::advance`], but wakes only one waiter per thread, which wakes the others with
    /// [`Progress::relay`].
    pub(crate) fn advance_sparingly(&self, ticket: u64, wakers: &mut Vec<Waker>) {
        let before = self.done.fetch_max(ticket, Ordering::AcqRel);
        let mut waiting = lock(&self.waiting);
        let Waiting { waiters, threads } = &mut *waiting;
        let mut left = false;
        threads.clear();
        wakers.extend(
            waiters
                .extract_if(.., |waiter| {
                    if waiter.ticket > ticket {
                        return false;
                    }
                    // A waiter that was left over once is not left over again.
                    if waiter.ticket > before && threads.contains(&waiter.thread) {
                        left = true;
                        return false;
                    }
                    threads.push(waiter.thread);
                    true
                })
                .map(|waiter| waiter.waker),
        );
        self.left.store(left, Ordering::Release);
        drop(waiting);
        wakers.drain(..).for_each(Waker::wake);
    }

    /// Wakes all waiters for tickets up to `ticket`. `wakers` is an empty buffer.
    pub(crate) fn wake_all(&self, ticket: u64, wakers: &mut Vec<Waker>) {
        let mut waiting = lock(&self.waiting);
        wakers.extend(
            waiting.waiters.extract_if(.., |waiter| waiter.ticket <= ticket).map(|waiter| waiter.waker),
        );
        self.left.store(false, Ordering::Release);
        drop(waiting);
        wakers.drain(..).for_each(Waker::wake);
    }

    /// Returns whether there are waiters that were left for others to wake.
    pub(crate) fn has_left(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }

    /// Wakes the waiters of this thread whose tickets are complete. Called by each completed waiter, on its
    /// thread.
    pub(crate) fn relay(&self) {
        if !self.has_left() {
            return;
        }
        let (thread, done) = (this_thread(), self.done());
        let mut waiting = lock(&self.waiting);
        let waiters = &mut waiting.waiters;
        let wakers: Vec<Waker> = waiters
            .extract_if(.., |waiter| waiter.ticket <= done && waiter.thread == thread)
            .map(|waiter| waiter.waker)
            .collect();
        let left = waiters.iter().any(|waiter| waiter.ticket <= done);
        self.left.store(left, Ordering::Release);
        drop(waiting);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Registers a waiter. Returns `false` if its ticket is already complete. `again`: it may be registered
    /// already.
    pub(crate) fn wait(&self, ticket: u64, waker: &Waker, again: bool) -> bool {
        let mut waiting = lock(&self.waiting);
        // Checked under the lock: `advance` updates the counter first and then looks for waiters.
        if self.done() >= ticket {
            return false;
        }
        let known =
            if again { waiting.waiters.iter_mut().find(|waiter| waiter.ticket == ticket) } else { None };
        match known {
            Some(known) => {
                known.waker.clone_from(waker);
                known.thread = this_thread();
            }
            None => waiting.waiters.push(Waiter { ticket, thread: this_thread(), waker: waker.clone() }),
        }
        true
    }

    /// Removes a waiter that is dropped. If it had been woken on behalf of others, they are woken now.
    pub(crate) fn leave(&self, ticket: u64) {
        lock(&self.waiting).waiters.retain(|waiter| waiter.ticket != ticket);
        self.relay();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn waiters(progress: &Progress, tickets: std::ops::RangeInclusive<u64>) -> Vec<Arc<Count>> {
        tickets
            .map(|ticket| {
                let count = Arc::new(Count::default());
                assert!(progress.wait(ticket, &Waker::from(Arc::clone(&count)), false));
                count
            })
            .collect()
    }

    fn woken(counts: &[Arc<Count>]) -> Vec<usize> {
        counts.iter().map(|count| count.0.load(Ordering::SeqCst)).collect()
    }

    #[test]
    fn one_of_each_thread_is_woken_and_wakes_the_others() {
        let progress = Arc::new(Progress::default());
        let mine = waiters(&progress, 1..=3);
        let theirs = {
            let progress = Arc::clone(&progress);
            std::thread::spawn(move || waiters(&progress, 4..=5)).join().unwrap()
        };
        progress.advance_sparingly(4, &mut Vec::new());
        assert_eq!((woken(&mine), woken(&theirs)), (vec![1, 0, 0], vec![1, 0]));
        assert!(progress.has_left());
        progress.relay();
        assert_eq!((woken(&mine), woken(&theirs)), (vec![1, 1, 1], vec![1, 0]));
        assert!(!progress.has_left());
    }

    #[test]
    fn who_was_left_is_woken_by_the_next_commit_or_when_the_first_goes_away() {
        let progress = Progress::default();
        let counts = waiters(&progress, 1..=4);
        progress.advance_sparingly(2, &mut Vec::new());
        assert_eq!(woken(&counts), [1, 0, 0, 0]);
        progress.advance_sparingly(3, &mut Vec::new());
        assert_eq!(woken(&counts)[1], 1, "not left twice");
        progress.leave(1);
        progress.relay();
        assert_eq!(woken(&counts), [1, 1, 1, 0]);
        let counts = waiters(&progress, 5..=6);
        progress.advance_sparingly(6, &mut Vec::new());
        progress.leave(4);
        assert_eq!(woken(&counts), [1, 1]);
        assert!(!progress.wait(6, Waker::noop(), false), "a ticket that is done is not waited for");
    }
}
