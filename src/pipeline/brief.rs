//! A shared coarse timer: one per thread, 100 ms. Most commands are over within that time, and a timer for
//! each would take a system call.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::runtime::Id;
use tokio::sync::Notify;

/// The longest that [`brief`] takes; the mean is half of it.
pub const BRIEF: Duration = Duration::from_millis(100);

thread_local! {
    /// This thread's timer.
    static BEAT: RefCell<Option<Arc<Beat>>> = const { RefCell::new(None) };
}

/// One timer for all waiters of a thread. It runs on as long as anyone has waited since its last tick.
struct Beat {
    /// The runtime that runs the timer's task.
    runtime: Id,
    struck: Notify,
    waited: AtomicBool,
    ended: AtomicBool,
}

impl Beat {
    fn new(runtime: Id) -> Self {
        Self { runtime, struck: Notify::new(), waited: AtomicBool::new(true), ended: AtomicBool::new(false) }
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

/// The timer's task. Dropping it, even with its runtime, wakes all remaining waiters.
struct Striking(Arc<Beat>);

impl Striking {
    async fn strike(self) {
        while self.0.waited.swap(false, Ordering::AcqRel) {
            tokio::time::sleep(BRIEF).await;
            self.0.struck.notify_waiters();
        }
    }
}

impl Drop for Striking {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        self.0.struck.notify_waiters();
    }
}

/// Resolves within [`BRIEF`], together with all other waiters of the thread.
pub async fn brief() {
    let runtime = Handle::current();
    let beat = BEAT.with_borrow_mut(|beat| match beat {
        Some(beat) if beat.runtime == runtime.id() && !beat.has_ended() => Arc::clone(beat),
        none => {
            let new = Arc::new(Beat::new(runtime.id()));
            runtime.spawn(Striking(Arc::clone(&new)).strike());
            Arc::clone(none.insert(new))
        }
    });
    let struck = beat.struck.notified();
    beat.waited.store(true, Ordering::Release);
    // If the timer ends after this check, it wakes its waiters as well.
    if !beat.has_ended() {
        struck.await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_go_on_together_and_the_beat_ends_after_them() {
        let start = Instant::now();
        tokio::join!(brief(), brief(), async {
            tokio::time::sleep(BRIEF / 2).await;
            brief().await;
        });
        assert_eq!(start.elapsed(), BRIEF);
        let beat = BEAT.with_borrow(Option::clone).unwrap();
        tokio::time::sleep(BRIEF * 3).await;
        assert!(beat.has_ended());
        brief().await;
        assert_eq!(start.elapsed(), BRIEF * 5);
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_as_long_as_somebody_comes() {
        let start = Instant::now();
        for _ in 0..50 {
            brief().await;
        }
        assert!(start.elapsed() <= BRIEF * 50, "{:?}", start.elapsed());
    }

    #[test]
    fn a_runtime_that_goes_or_does_not_run_leaves_nobody_waiting_for_its_beat() {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let begin = async { assert!(tokio::time::timeout(BRIEF / 4, brief()).await.is_err()) };
        let whole = || async { tokio::time::timeout(BRIEF * 20, brief()).await.unwrap() };
        let first = runtime();
        first.block_on(begin);
        runtime().block_on(whole());
        first.block_on(whole());
        drop(first);
        runtime().block_on(whole());
    }
}
