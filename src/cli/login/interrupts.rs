//! Signals that come while a refresh token is on its way to the issuer: the process ends when the new one is kept, and not before.
//!
//! An issuer that turns refresh tokens has made the old one void when its answer leaves. A process that ends before that answer is in the
//! file ends the login. So signals wait, for as long as one exchange may take ([`super::issuer::LIMITS`]); afterwards they do what they
//! would have done. SIGQUIT and SIGKILL do not wait.

use std::io;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use nix::sys::signal::Signal;

/// The signals that wait.
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

static INTERRUPTS: LazyLock<Interrupts> = LazyLock::new(Interrupts::default);

#[derive(Default)]
struct Interrupts {
    /// Whether a signal does what it does by itself; read while a signal is handled.
    ends: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How many renewals are on their way.
    running: usize,
    /// Whether another part of the program listens, and ends in good order: it waits for renewals by itself.
    elsewhere: bool,
    /// Which signals are looked after here, and whether one came. Empty until the first renewal: a process without one is as it was.
    came: Vec<(Signal, Arc<AtomicBool>)>,
}

impl Interrupts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Signals wait until this is dropped.
pub(super) struct HeldOff(());

/// Another part of the program listens to signals from now on, to the end of the process.
pub fn heard_elsewhere() {
    let mut state = INTERRUPTS.state();
    state.elsewhere = true;
    INTERRUPTS.ends.store(false, Ordering::SeqCst);
}

/// Lets signals wait.
///
/// # Errors
/// What the system says.
pub(super) fn hold_off() -> io::Result<HeldOff> {
    let mut state = INTERRUPTS.state();
    if !state.elsewhere && state.came.is_empty() {
        let ignored = ignored();
        for signal in SIGNALS.into_iter().filter(|signal| ignored & bit(*signal) == 0) {
            let came = Arc::new(AtomicBool::new(false));
            // In this order: one that comes just when the last renewal is over is seen by the one or by the other.
            signal_hook::flag::register(signal as i32, Arc::clone(&came))?;
            signal_hook::flag::register_conditional_default(signal as i32, Arc::clone(&INTERRUPTS.ends))?;
            state.came.push((signal, came));
        }
    }
    INTERRUPTS.ends.store(false, Ordering::SeqCst);
    state.running += 1;
    Ok(HeldOff(()))
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

/// The signals that this process was started to ignore, by `nohup` or a shell's `&`: that stays so. Where the system does not tell, none.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
