//! The gateway's own tasks: pending calls of clients that support tasks (the extension
//! `io.modelcontextprotocol/tasks`).
//!
//! Such a client gets a task as the answer at once and polls it at any time; it need not stay connected. The
//! session and token of the call must stay valid, however. Each task belongs to its principal on the
//! connection of the call; after a restart there are none.

mod life;
mod offer;
pub mod serve;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;
use std::time::Instant;

use rand::RngCore;
use tokio::sync::watch;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::now_ms;
use crate::domain::sync::lock;
use crate::pipeline::Waiting;
use crate::protocol::mcp::state::sessions::Owner;

use life::End;
use life::Life;
use life::Stage;
pub use life::Work;
pub use offer::offered;

/// How many tasks one principal may have on one connection.
pub const MOST_OF_ONE: usize = 64;
/// How many tasks there may be.
const MOST: usize = 4096;
/// The limit for the results of one principal's tasks, in bytes.
const SHARE: usize = 32 << 20;
/// The limit for all results, in bytes.
const ROOM: usize = 128 << 20;
/// How long a result is kept.
const KEPT: Duration = Duration::from_mins(10);
/// How long a task is remembered that has become one of the target's own.
const HANDED: Duration = Duration::from_hours(24);

/// All tasks, shared by all threads. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tasks(Arc<Mutex<HashMap<Box<str>, Arc<Task>>>>);

/// The call of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its owner.
    pub owner: Owner,
    /// The policies that ask for approval: under others it needs another approval.
    pub rules: Box<str>,
    /// SHA-256 of the message that is sent, in hexadecimal digits.
    pub digest: Box<str>,
    /// The tool of the call.
    pub tool: Box<str>,
    /// How its result is masked: the fingerprint of the masks
    /// ([`crate::pipeline::snapshot::Governed::mask_tag`]), and whether binary content passes.
    pub mask_tag: Box<str>,
}

/// One task.
#[derive(Debug)]
pub struct Task {
    /// Its id, which is random and cannot be guessed.
    pub id: Box<str>,
    /// Its call.
    pub call: Call,
    began: Instant,
    began_ms: i64,
    cancelled: watch::Sender<bool>,
    life: Mutex<Life>,
}

/// The task for a call.
#[derive(Debug)]
pub enum Opened {
    /// A new task; the holder of the work runs it.
    New(Work),
    /// The task that the same call began before, whose result its client has not received.
    Known(Arc<Task>),
}

impl Tasks {
    /// Returns the task for this call.
    ///
    /// # Errors
    /// Its principal has the maximum number of tasks, or there is no room.
    pub fn open(&self, call: Call) -> Result<Opened, Denied> {
        let mut all = lock(&self.0);
        all.retain(|_, task| !task.is_past());
        if let Some(known) = all.values().find(|task| task.is_wanted_by(&call)) {
            return Ok(Opened::Known(Arc::clone(known)));
        }
        let full = |all: &HashMap<_, Arc<Task>>| {
            let own = all.values().filter(|task| task.call.owner == call.owner).count();
            own >= MOST_OF_ONE || all.len() >= MOST
        };
        if full(&all) {
            // Tasks whose results were received are removed early if others need the room.
            all.retain(|_, task| !task.was_had());
        }
        if full(&all) {
            let detail = format!(
                "too many open tasks ({MOST_OF_ONE} per caller, {MOST} in total); cancel some, or fetch the results of finished ones"
            );
            return Err(Denied::new(DenyCode::LimitExceeded, detail).because("mcp_tasks"));
        }
        let mut random = [0_u8; 24];
        rand::rng().fill_bytes(&mut random);
        let id: Box<str> = crate::domain::hex::encode(&random).into();
        let task = Arc::new(Task {
            id: id.clone(),
            call,
            began: Instant::now(),
            began_ms: now_ms(),
            cancelled: watch::Sender::new(false),
            life: Mutex::new(Life::new(now_ms())),
        });
        all.insert(id, Arc::clone(&task));
        Ok(Opened::New(Work::new(self.clone(), task)))
    }

    /// Returns the task with that id, if it belongs to this principal.
    pub fn of(&self, owner: &Owner, id: &str) -> Option<Arc<Task>> {
        let task = lock(&self.0).get(id).cloned()?;
        (task.call.owner == *owner && !task.is_past()).then_some(task)
    }

    /// Returns whether a result of `bytes` bytes can be kept for this task.
    fn has_room(&self, task: &Task, bytes: usize) -> bool {
        let all = lock(&self.0);
        let sum = |of: &dyn Fn(&Task) -> bool| -> usize {
            all.values().filter(|known| of(known)).map(|known| known.life().bytes()).sum()
        };
        sum(&|_| true) + bytes <= ROOM && sum(&|known| known.call.owner == task.call.owner) + bytes <= SHARE
    }
}

impl Task {
    fn life(&self) -> MutexGuard<'_, Life> {
        lock(&self.life)
    }

    /// Notes that it is pending: sets its text, and extends its lifetime.
    pub fn waits(&self, waiting: &Waiting) {
        let text = format!("waiting for approval {} by {}", waiting.approval, waiting.from.join(", "));
        let left = u64::try_from(waiting.until_ms.saturating_sub(self.began_ms)).unwrap_or(0);
        let mut life = self.life();
        life.ttl = Duration::from_millis(left).saturating_add(KEPT);
        if matches!(life.stage, Stage::Waits) {
            life.says(text);
        }
    }

    /// Cancels it for its client. A pending task ends at once, and its approval is withdrawn; for a running
    /// one the target is notified, if possible, and it ends as usual.
    pub fn cancel(&self) {
        let mut life = self.life();
        if matches!(life.stage, Stage::Waits) {
            life.end(self.began, End::Cancelled);
        }
        drop(life);
        self.cancelled.send_replace(true);
    }

    /// Returns the id of the target's own task that it has become.
    pub fn theirs(&self) -> Option<Box<str>> {
        match &self.life().stage {
            Stage::Over(End::Handed(theirs)) => Some(theirs.clone()),
            _ => None,
        }
    }

    /// Notes that its client has received the result, if there is one.
    pub fn heard(&self) {
        let mut life = self.life();
        life.heard |= matches!(life.stage, Stage::Over(_));
    }

    /// Returns whether the same call again is answered by this task: its result is not received yet, and it
    /// was not cancelled.
    fn is_wanted_by(&self, call: &Call) -> bool {
        let life = self.life();
        let over = matches!(life.stage, Stage::Over(End::Cancelled | End::Handed(_)));
        let same = self.call.owner == call.owner && self.call.digest == call.digest;
        same && self.call.rules == call.rules && !life.heard && !over
    }

    /// Returns whether it is approved: it was sent to the target, or has a result.
    fn is_approved(&self) -> bool {
        matches!(self.life().stage, Stage::Runs | Stage::Over(End::Completed(_) | End::Handed(_)))
    }

    fn was_had(&self) -> bool {
        self.life().heard
    }

    fn is_past(&self) -> bool {
        self.life().until.is_some_and(|until| until <= Instant::now())
    }
}

#[cfg(test)]
mod tests;
