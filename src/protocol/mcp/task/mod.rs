//! Tasks of the gateway's own: calls that wait for people, for clients that know tasks (the extension `io.modelcontextprotocol/tasks`).
//!
//! Such a client has its answer at once, a task, and asks after it whenever it wants; whether it is connected meanwhile does not matter. What
//! the call stands on does: the session and the token that it came with. Each task is its principal's, on the connection that it was called
//! on; after a restart there are none.

mod life;
mod offer;
pub mod serve;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use rand::RngCore;
use tokio::sync::watch;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::now_ms;
use crate::pipeline::Waiting;
use crate::protocol::mcp::sessions::Owner;

use life::End;
use life::Life;
use life::Stage;
pub use life::Work;
pub use offer::offered;

/// How many tasks one principal may have on one connection.
pub const MOST_OF_ONE: usize = 64;
/// How many tasks there may be.
const MOST: usize = 4096;
/// How many bytes the results of one principal's tasks may have.
const SHARE: usize = 32 << 20;
/// How many bytes all results may have.
const ROOM: usize = 128 << 20;
/// How long a result is kept.
const KEPT: Duration = Duration::from_mins(10);
/// How long a task is remembered that is one of the target's own now.
const HANDED: Duration = Duration::from_hours(24);

/// All tasks, shared by all threads. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tasks(Arc<Mutex<HashMap<Box<str>, Arc<Task>>>>);

/// What a task is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Whose it is.
    pub owner: Owner,
    /// The policies that want people's word on it: under others it needs another word.
    pub rules: Box<str>,
    /// SHA-256 of all that is sent, in hexadecimal digits.
    pub digest: Box<str>,
    /// The tool that is called.
    pub tool: Box<str>,
    /// How its result is masked: by which masks ([`crate::pipeline::snapshot::Governed::mask_tag`]), and whether binary content passes.
    pub mask_tag: Box<str>,
}

/// One task.
#[derive(Debug)]
pub struct Task {
    /// Its id: random, so that it says nothing and cannot be guessed.
    pub id: Box<str>,
    /// What it is about.
    pub call: Call,
    began: Instant,
    began_ms: i64,
    cancelled: watch::Sender<bool>,
    life: Mutex<Life>,
}

/// A task for a call.
#[derive(Debug)]
pub enum Opened {
    /// A new one, and who holds it does the work.
    New(Work),
    /// The one that the same call began before, whose end nobody has asked after yet.
    Known(Arc<Task>),
}

impl Tasks {
    fn locked(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Task>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task for this call.
    ///
    /// # Errors
    /// Its principal has as many as it may have, or there is no room.
    pub fn open(&self, call: Call) -> Result<Opened, Denied> {
        let mut all = self.locked();
        all.retain(|_, task| !task.is_past());
        if let Some(known) = all.values().find(|task| task.is_wanted_by(&call)) {
            return Ok(Opened::Known(Arc::clone(known)));
        }
        let full = |all: &HashMap<_, Arc<Task>>| {
            let own = all.values().filter(|task| task.call.owner == call.owner).count();
            own >= MOST_OF_ONE || all.len() >= MOST
        };
        if full(&all) {
            // What its client has had goes before its time, where others need the room.
            all.retain(|_, task| !task.was_had());
        }
        if full(&all) {
            let detail = format!(
                "{MOST_OF_ONE} tasks of yours are open here, or {MOST} of all callers; cancel some, or ask after those that have ended"
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

    /// The task of that id, if it is this principal's.
    pub fn of(&self, owner: &Owner, id: &str) -> Option<Arc<Task>> {
        let task = self.locked().get(id).cloned()?;
        (task.call.owner == *owner && !task.is_past()).then_some(task)
    }

    /// Whether a result of so many bytes can be kept for this task.
    fn has_room(&self, task: &Task, bytes: usize) -> bool {
        let all = self.locked();
        let sum = |of: &dyn Fn(&Task) -> bool| -> usize {
            all.values().filter(|known| of(known)).map(|known| known.life().bytes()).sum()
        };
        sum(&|_| true) + bytes <= ROOM && sum(&|known| known.call.owner == task.call.owner) + bytes <= SHARE
    }
}

impl Task {
    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It waits for people: says for whom, and until when.
    pub fn waits(&self, waiting: &Waiting) {
        let text = format!("waiting for approval {} by {}", waiting.approval, waiting.from.join(", "));
        let left = u64::try_from(waiting.until_ms.saturating_sub(self.began_ms)).unwrap_or(0);
        let mut life = self.life();
        life.ttl = Duration::from_millis(left).saturating_add(KEPT);
        if matches!(life.stage, Stage::Waits) {
            life.says(text);
        }
    }

    /// Its client does not want it any more. One that waits is over at once, and its approval withdrawn; one that runs is told to the
    /// target, where that hears it, and ends as it ends.
    pub fn cancel(&self) {
        let mut life = self.life();
        if matches!(life.stage, Stage::Waits) {
            life.end(self.began, End::Cancelled);
        }
        drop(life);
        self.cancelled.send_replace(true);
    }

    /// The target's own task that it has become.
    pub fn theirs(&self) -> Option<Box<str>> {
        match &self.life().stage {
            Stage::Over(End::Handed(theirs)) => Some(theirs.clone()),
            _ => None,
        }
    }

    /// Its client has heard how it ended, if it has ended.
    pub fn heard(&self) {
        let mut life = self.life();
        life.heard |= matches!(life.stage, Stage::Over(_));
    }

    /// Whether the same call again is answered by this one: its end, if it has one, is news, and not of its client's making.
    fn is_wanted_by(&self, call: &Call) -> bool {
        let life = self.life();
        let over = matches!(life.stage, Stage::Over(End::Cancelled | End::Handed(_)));
        let same = self.call.owner == call.owner && self.call.digest == call.digest;
        same && self.call.rules == call.rules && !life.heard && !over
    }

    /// Whether people have approved it: it is at the target, or has come to a result there.
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
