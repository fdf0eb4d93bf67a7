//! Deferral of signals while tokens are on their way from the issuer: the process ends only when they are
//! stored.
//!
//! An issuer that rotates refresh tokens has invalidated the old one when its answer leaves. A process that
//! ends before that answer is in the file loses the login. Signals are therefore deferred, for as long as one
//! exchange may take ([`super::issuer::LIMITS`]); afterwards they have their usual effect. SIGQUIT and
//! SIGKILL are not deferred.

use std::io;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::cli::report::Failure;
use crate::domain::sync::lock;

/// The signals that are deferred.
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// Polling interval for arrived signals.
const PAUSE: Duration = Duration::from_millis(50);

static INTERRUPTS: LazyLock<Interrupts> = LazyLock::new(Interrupts::default);

#[derive(Default)]
struct Interrupts {
    /// Whether a signal has its default effect; read while a signal is handled.
    ends: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Number of exchanges in progress.
    running: usize,
    /// Whether another part of the program handles signals: [`Elsewhere`].
    elsewhere: bool,
    /// The signals that are handled here, and whether each has arrived. Empty until the first renewal: a
    /// process without one is unaffected.
    came: Vec<(Signal, Arc<AtomicBool>)>,
    /// The signals that were ignored when this process was started; they stay ignored.
    ignored: Option<u64>,
}

impl State {
    fn ignored(&mut self) -> u64 {
        *self.ignored.get_or_insert_with(ignored)
    }

    /// Handles signals from now on.
    fn listen(&mut self) -> io::Result<()> {
        if !self.came.is_empty() {
            return Ok(());
        }
        let ignored = self.ignored();
        for signal in SIGNALS.into_iter().filter(|signal| ignored & bit(*signal) == 0) {
            let came = Arc::new(AtomicBool::new(false));
            // In this order: a signal that arrives just when the last renewal is over is seen by one of the
            // two.
            signal_hook::flag::register(signal as i32, Arc::clone(&came))?;
            signal_hook::flag::register_conditional_default(signal as i32, Arc::clone(&INTERRUPTS.ends))?;
            self.came.push((signal, came));
        }
        Ok(())
    }
}

impl Interrupts {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Defers signals until dropped.
#[derive(Debug)]
pub(super) struct HeldOff(());

/// While this exists, another part of the program handles signals and ends gracefully: it waits for renewals
/// itself. Afterwards signals end the program again, even if that part has left handlers behind; while a
/// refresh token is on its way they are deferred, as always.
pub struct Elsewhere(());

impl Elsewhere {
    /// Begins now.
    pub fn begin() -> Self {
        let mut state = INTERRUPTS.state();
        state.elsewhere = true;
        // Before the other part listens: then no signal is ignored any more.
        state.ignored();
        INTERRUPTS.ends.store(false, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let mut state = INTERRUPTS.state();
        state.elsewhere = false;
        // Signals that arrived so far were for the other part.
        for (_, came) in &state.came {
            came.store(false, Ordering::SeqCst);
        }
        // If the system refuses, a signal has the effect that the other part left behind: the wait for
        // renewals has a limit of its own.
        drop(state.listen());
        INTERRUPTS.ends.store(state.running == 0, Ordering::SeqCst);
    }
}

/// Defers signals.
///
/// # Errors
/// The error of the operating system.
pub(super) fn hold_off() -> Result<HeldOff, Failure> {
    let mut state = INTERRUPTS.state();
    if !state.elsewhere {
        state.listen().map_err(|error| Failure::failed(format!("cannot block signals: {error}")))?;
    }
    INTERRUPTS.ends.store(false, Ordering::SeqCst);
    state.running += 1;
    Ok(HeldOff(()))
}

impl HeldOff {
    /// Waits until one of the deferred signals has arrived.
    pub(super) async fn interrupted(&self) {
        while !self.has_come() {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Returns whether one of the deferred signals has arrived: the program then ends when this is dropped.
    pub(super) fn has_come(&self) -> bool {
        // Only the holder of the deferral may ask.
        let Self(()) = self;
        INTERRUPTS.state().came.iter().any(|(_, came)| came.load(Ordering::SeqCst))
    }
}

impl Drop for HeldOff {
    fn drop(&mut self) {
        let mut state = INTERRUPTS.state();
        state.running = state.running.saturating_sub(1);
        if state.running > 0 || state.elsewhere {
            return;
        }
        INTERRUPTS.ends.store(true, Ordering::SeqCst);
        for (signal, came) in &state.came {
            if came.load(Ordering::SeqCst) {
                drop(signal_hook::low_level::emulate_default_handler(*signal as i32));
            }
        }
    }
}

const fn bit(signal: Signal) -> u64 {
    1 << (signal as u32 - 1)
}

/// Returns the signals that are currently ignored: by `nohup` or a shell's `&`, before anything listens.
/// Empty if the system does not tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_another_part_has_listened_signals_end_the_program_again_unless_a_renewal_is_on_its_way() {
        let elsewhere = Elsewhere::begin();
        assert!(!INTERRUPTS.ends.load(Ordering::SeqCst));
        drop(elsewhere);
        // Other tests renew at the same time; they make their changes under this lock.
        let state = INTERRUPTS.state();
        let ours = SIGNALS.iter().filter(|signal| ignored() & bit(**signal) == 0).count();
        assert_eq!((state.elsewhere, state.came.len()), (false, ours));
        assert!(ours > 0, "a test that ignores all signals says nothing");
        assert!(state.came.iter().all(|(_, came)| !came.load(Ordering::SeqCst)));
        assert_eq!(INTERRUPTS.ends.load(Ordering::SeqCst), state.running == 0);
    }
}
