//! The outcomes of approved calls whose clients left before the answer. A repeated call gets the stored
//! answer, so that nothing runs twice because an answer was lost. An answer that was delivered is not stored:
//! the same call is then a new one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::watch;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::EventKind;
use crate::domain::denied::reason;
use crate::domain::sync::lock;
use crate::pipeline::CommandRecord;
use crate::pipeline::Exchange;
use crate::pipeline::Judged;
use crate::pipeline::snapshot::Governed;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::rewrite::Rewrite;
use crate::protocol::mcp::from_target::context::MOST as MOST_BYTES;
use crate::protocol::mcp::from_target::context::garbage;
use crate::protocol::mcp::held::hold::TICK;
use crate::protocol::mcp::held::sink::Sink;
use crate::protocol::mcp::record::from_target;
use crate::protocol::mcp::state::sessions::OpenId;
use crate::protocol::mcp::state::sessions::Owner;

/// How long an answer is stored, and how long a client may take to resume a lost stream.
const KEPT: Duration = Duration::from_mins(10);
/// How long a client may take to read a keep-alive.
const BRIEF: Duration = Duration::from_secs(1);
/// How many answers are stored.
const MOST: usize = 1024;
/// How many of them one principal may have on one connection.
const MOST_OF_ONE: usize = 64;
/// The limit for all of them, in bytes.
const ROOM: usize = 32 << 20;
/// The limit for one principal on one connection, in bytes.
const ROOM_OF_ONE: usize = 8 << 20;

/// The stored outcomes, shared by all threads. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Outcomes(Arc<Mutex<HashMap<Key, Entry>>>);

/// An approved call: its owner, the policies that asked for approval, and the digest of what was approved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Its owner.
    pub owner: Owner,
    /// The gateway's id of its session, since a server may answer differently in another one; empty in the
    /// modern era.
    pub session: Box<str>,
    /// The policies that asked for approval: under others it needs another approval.
    pub rules: Box<str>,
    /// SHA-256 of the message that is sent, in hexadecimal digits.
    pub digest: Box<str>,
}

#[derive(Debug)]
struct Entry {
    /// The connection when the call ran; its masks were applied to the answer.
    governed: Arc<Governed>,
    said: watch::Receiver<Option<Bytes>>,
    /// When it expires; `None` while the call runs.
    until: Option<Instant>,
}

impl Entry {
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    fn bytes(&self) -> usize {
        self.said.borrow().as_ref().map_or(0, Bytes::len)
    }
}

/// A running call.
#[derive(Debug)]
pub struct Running {
    all: Outcomes,
    key: Key,
    said: watch::Sender<Option<Bytes>>,
}

/// The answer to a call, present or future.
#[derive(Debug)]
pub struct Coming {
    all: Outcomes,
    key: Key,
    said: watch::Receiver<Option<Bytes>>,
}

impl Outcomes {
    /// Notes that a call begins to run.
    pub fn begin(&self, key: Key, governed: &Arc<Governed>) -> Running {
        let (said, hears) = watch::channel(None);
        let entry = Entry { governed: Arc::clone(governed), said: hears, until: None };
        let mut all = lock(&self.0);
        let now = Instant::now();
        all.retain(|_, entry| !entry.is_over(now));
        all.insert(key.clone(), entry);
        drop(all);
        Running { all: self.clone(), key, said }
    }

    /// Returns the answer to this call; `None` if there is none, so that it needs approval.
    pub fn of(&self, key: &Key, governed: &Arc<Governed>) -> Option<Coming> {
        let all = lock(&self.0);
        let entry = all.get(key).filter(|entry| !entry.is_over(Instant::now()))?;
        Arc::ptr_eq(&entry.governed, governed).then(|| Coming {
            all: self.clone(),
            key: key.clone(),
            said: entry.said.clone(),
        })
    }

    /// Returns whether an answer is stored for this principal on this connection.
    pub fn keeps_for(&self, owner: &Owner) -> bool {
        lock(&self.0).iter().any(|(key, entry)| key.owner == *owner && entry.until.is_some())
    }

    /// Drops the stored answers to a call, whichever policies asked for its approval, because it now runs
    /// without one and they would be outdated. A running call stays for those that wait for it.
    pub fn runs_by_itself(&self, call: &Key) {
        let same = |key: &Key| Key { rules: call.rules.clone(), ..key.clone() } == *call;
        lock(&self.0).retain(|key, entry| entry.until.is_none() || !same(key));
    }

    /// Drops a call, if it is still the same one.
    fn forget(&self, key: &Key, said: &watch::Receiver<Option<Bytes>>) {
        let mut all = lock(&self.0);
        if all.get(key).is_some_and(|entry| entry.said.same_channel(said)) {
            all.remove(key);
        }
    }

    /// Stores an answer if there is room.
    fn keep(&self, key: &Key, said: &watch::Receiver<Option<Bytes>>) {
        let now = Instant::now();
        let mut all = lock(&self.0);
        all.retain(|_, entry| !entry.is_over(now));
        let kept = |entry: &&Entry| entry.until.is_some();
        let bytes: usize = all.values().filter(kept).map(Entry::bytes).sum();
        let own =
            || all.iter().filter(|(known, _)| known.owner == key.owner).map(|(_, entry)| entry).filter(kept);
        let own_bytes: usize = own().map(Entry::bytes).sum();
        let is_room = all.values().filter(kept).count() < MOST && own().count() < MOST_OF_ONE;
        let Some(entry) = all.get_mut(key).filter(|entry| entry.said.same_channel(said)) else { return };
        let more = entry.bytes();
        if is_room && bytes + more <= ROOM && own_bytes + more <= ROOM_OF_ONE {
            entry.until = now.checked_add(KEPT);
        } else {
            all.remove(key);
        }
    }
}

impl Running {
    /// Sets the answer. `heard`: its client has received it.
    pub fn done(self, body: Bytes, heard: bool) {
        self.said.send_replace(Some(body));
        if !heard {
            self.all.keep(&self.key, &self.said.subscribe());
        }
    }

    /// Sets when the call expires without an answer; `None`: it is waited for.
    fn expires(&self, until: Option<Instant>) {
        let said = self.said.subscribe();
        if let Some(entry) =
            lock(&self.all.0).get_mut(&self.key).filter(|entry| entry.said.same_channel(&said))
        {
            entry.until = until;
        }
    }

    fn is_kept(&self) -> bool {
        lock(&self.all.0).get(&self.key).is_some_and(|entry| entry.until.is_some())
    }
}

/// What all streams share that may bring the answer to a call, since a lost one is resumed on another: the
/// running call, if it was approved for one run.
#[derive(Debug, Default)]
pub struct Awaited(Mutex<Option<Reads>>);

#[derive(Debug)]
struct Reads {
    running: Running,
    /// The streams that are read.
    streams: usize,
}

impl Awaited {
    /// Notes the running call.
    pub fn begin(&self, running: Running) {
        *lock(&self.0) = Some(Reads { running, streams: 0 });
    }

    /// Notes that a stream is read. Returns false if nobody waits for the call.
    pub fn reads(&self) -> bool {
        let mut awaited = lock(&self.0);
        let Some(reads) = &mut *awaited else { return false };
        reads.streams += 1;
        reads.running.expires(None);
        true
    }

    /// Notes the answer; see [`Running::done`].
    pub fn done(&self, body: Bytes, heard: bool) {
        let reads = lock(&self.0).take();
        if let Some(reads) = reads {
            reads.running.done(body, heard);
        }
    }

    /// Notes that a stream has ended without the answer. After the last one the call is over, unless its
    /// client may yet resume it (`resumable`).
    pub fn lost(&self, resumable: bool) {
        let mut awaited = lock(&self.0);
        let Some(reads) = &mut *awaited else { return };
        reads.streams = reads.streams.saturating_sub(1);
        if reads.streams > 0 {
            return;
        }
        if resumable {
            reads.running.expires(Instant::now().checked_add(KEPT));
        } else {
            *awaited = None;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let said = self.said.subscribe();
        if said.borrow().is_none() || !self.is_kept() {
            self.all.forget(&self.key, &said);
        }
    }
}

impl Coming {
    /// Waits for the answer; `None` if the call ended without one.
    pub async fn wait(&mut self) -> Option<Bytes> {
        self.said.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// Drops the stored answer, because a client has received it.
    pub fn heard(self) {
        self.all.forget(&self.key, &self.said);
    }
}

/// The repetition of a call that has run or still runs.
pub struct Again {
    /// The verdict on it.
    pub judged: Judged,
    /// Its record.
    pub record: CommandRecord,
    /// Its id as it was written.
    pub id: Bytes,
    /// The answer to the first call.
    pub coming: Coming,
    /// Its reserved id, in a session of the legacy era.
    pub open: Option<OpenId>,
}

impl Again {
    /// Answers with the answer to the first call. `cancelled` resolves when the client cancels this one.
    ///
    /// # Errors
    /// The answer has not arrived yet, or there is none.
    pub async fn answer(
        self,
        exchange: Exchange,
        out: &Sink,
        cancelled: impl Future<Output = ()>,
    ) -> Result<(), Denied> {
        let Self { judged, record, id, mut coming, open } = self;
        let patience = out.patience(exchange.governed().connection.limits.approval_wait);
        let mut patience = std::pin::pin!(tokio::time::sleep(patience));
        let mut gone = std::pin::pin!(async {
            tokio::select! {
                () = out.left() => {}
                () = cancelled => {}
            }
        });
        let said = loop {
            tokio::select! {
                biased;
                said = coming.wait() => break said,
                () = &mut gone => {
                    let denied = Denied::new(DenyCode::UpstreamUnavailable, "the client went away");
                    return Err(exchange.refuse(record, denied.because(reason::CLIENT_GONE)).await);
                }
                () = &mut patience => {
                    let detail = "it was approved before and still runs";
                    let denied = Denied::new(DenyCode::ApprovalPending, detail).because("runs");
                    return Err(exchange.refuse(record, denied).await);
                }
                () = tokio::time::sleep(TICK) => {
                    // A client that does not read must not delay the answer or the end.
                    drop(tokio::time::timeout(BRIEF, out.keep_alive()).await);
                }
            }
        };
        let Some(said) = said else {
            let detail =
                "it was approved before, and ended without an answer; sent again, it is asked for anew";
            let denied = Denied::new(DenyCode::UpstreamUnavailable, detail).because("no_outcome");
            return Err(exchange.refuse(record, denied).await.after_sending());
        };
        let mut guard = exchange.admit_repeated(&judged, record, true).await?;
        let unread = || garbage("its stored answer cannot be read");
        let message = Message::scan(said, Limits::new(MOST_BYTES)).map_err(|_refusal| unread())?;
        let mut rewrite = Rewrite::new(&message);
        rewrite.id(id);
        let body = rewrite.finish().map_err(|_overlap| unread())?;
        let data = from_target(guard.fresh_capture(), &body, 200, Some(("complete", guard.elapsed_us())));
        guard.count(body.len() as u64, 0);
        guard.record_end(EventKind::McpMessage, data)?;
        // The client may reuse the id once it has read the answer.
        drop(open);
        if out.last(body).await {
            coming.heard();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tests::connection;
    use crate::pipeline::tests::nobody;
    use crate::pipeline::tests::snapshot;

    fn governed() -> Arc<Governed> {
        let now = snapshot(nobody(), vec![connection("crm", "a.internal")], &[], "dba");
        Arc::clone(now.connection("crm").unwrap())
    }

    fn key(principal: &str, digest: &str) -> Key {
        Key {
            owner: Owner { principal: principal.into(), issuer: [0; 32], connection: "crm".into() },
            session: "s".into(),
            rules: "writes".into(),
            digest: digest.into(),
        }
    }

    #[tokio::test]
    async fn an_answer_that_nobody_had_waits_for_the_same_call_of_the_same_principal() {
        let (all, governed) = (Outcomes::default(), governed());
        let running = all.begin(key("ann", "a"), &governed);
        let mut coming = all.of(&key("ann", "a"), &governed).unwrap();
        assert!(all.of(&key("bob", "a"), &governed).is_none());
        assert!(all.of(&key("ann", "b"), &governed).is_none());
        let elsewhere = Key { session: "t".into(), ..key("ann", "a") };
        let under_others = Key { rules: "security".into(), ..key("ann", "a") };
        assert!(all.of(&elsewhere, &governed).is_none() && all.of(&under_others, &governed).is_none());
        running.done("said".into(), false);
        assert_eq!(coming.wait().await.as_deref(), Some(&b"said"[..]));
        let mut again = all.of(&key("ann", "a"), &governed).unwrap();
        assert_eq!(again.wait().await.as_deref(), Some(&b"said"[..]));
        again.heard();
        assert!(all.of(&key("ann", "a"), &governed).is_none(), "once is enough");
    }

    #[tokio::test]
    async fn an_answer_that_its_client_had_and_a_call_without_one_are_not_kept() {
        let (all, governed) = (Outcomes::default(), governed());
        let running = all.begin(key("ann", "a"), &governed);
        let mut beside = all.of(&key("ann", "a"), &governed).unwrap();
        running.done("said".into(), true);
        assert_eq!(beside.wait().await.as_deref(), Some(&b"said"[..]), "who waited beside it has it too");
        assert!(all.of(&key("ann", "a"), &governed).is_none());
        let running = all.begin(key("ann", "a"), &governed);
        let mut beside = all.of(&key("ann", "a"), &governed).unwrap();
        drop(running);
        assert_eq!(beside.wait().await, None);
        assert!(lock(&all.0).is_empty());
    }

    #[tokio::test]
    async fn what_runs_by_itself_forgets_what_is_kept_and_takes_nothing_from_who_waits() {
        let (all, governed) = (Outcomes::default(), governed());
        let owner = key("ann", "a").owner;
        let running = all.begin(key("ann", "a"), &governed);
        assert!(!all.keeps_for(&owner), "nothing is kept of what runs");
        let mut waits = all.of(&key("ann", "a"), &governed).unwrap();
        // No policy asks for approval any more.
        let free = |key: Key| Key { rules: Box::default(), ..key };
        all.runs_by_itself(&free(key("ann", "a")));
        running.done("said".into(), false);
        assert_eq!(waits.wait().await.as_deref(), Some(&b"said"[..]));
        assert!(all.keeps_for(&owner) && !all.keeps_for(&key("bob", "a").owner));
        let elsewhere = Key { session: "t".into(), ..key("ann", "a") };
        for other in [key("bob", "a"), elsewhere, key("ann", "b")] {
            all.runs_by_itself(&free(other.clone()));
            assert!(all.of(&key("ann", "a"), &governed).is_some(), "{other:?}");
        }
        all.runs_by_itself(&free(key("ann", "a")));
        assert!(all.of(&key("ann", "a"), &governed).is_none() && !all.keeps_for(&owner));
    }

    #[tokio::test]
    async fn a_call_runs_until_the_last_stream_that_may_bring_its_answer_has_ended() {
        let (all, governed) = (Outcomes::default(), governed());
        let key = key("ann", "a");
        let runs = || all.of(&key, &governed).is_some();
        let awaited = Awaited::default();
        assert!(!awaited.reads());
        let begin = || awaited.begin(all.begin(key.clone(), &governed));
        begin();
        assert!(awaited.reads() && awaited.reads());
        awaited.lost(false);
        assert!(runs(), "another one is read");
        awaited.lost(true);
        assert!(runs() && awaited.reads(), "it is resumed");
        let mut beside = all.of(&key, &governed).unwrap();
        awaited.done("said".into(), false);
        assert_eq!(beside.wait().await.as_deref(), Some(&b"said"[..]));
        assert!(runs() && !awaited.reads(), "its answer is stored");
        begin();
        assert!(awaited.reads());
        awaited.lost(false);
        assert!(!runs());
        begin();
        assert!(awaited.reads());
        awaited.lost(true);
        drop(awaited);
        assert!(!runs(), "nobody can resume it any more");
    }

    #[test]
    fn what_was_masked_otherwise_is_not_given_out() {
        let (all, before) = (Outcomes::default(), governed());
        all.begin(key("ann", "a"), &before).done("said".into(), false);
        assert!(all.of(&key("ann", "a"), &governed()).is_none());
        assert!(all.of(&key("ann", "a"), &before).is_some());
    }

    #[test]
    fn one_principal_and_all_together_have_their_room() {
        let (all, governed) = (Outcomes::default(), governed());
        let keep = |principal: &str, number: usize, length: usize| {
            let key = key(principal, &number.to_string());
            all.begin(key.clone(), &governed).done(vec![b'x'; length].into(), false);
            all.of(&key, &governed).is_some()
        };
        assert!((0..MOST_OF_ONE).all(|number| keep("ann", number, 1)));
        assert!(!keep("ann", MOST_OF_ONE, 1) && keep("bob", 0, 1));
        assert!(!keep("bob", 1, ROOM_OF_ONE) && keep("bob", 1, ROOM_OF_ONE - 1) && !keep("bob", 2, 1));
        assert!(["c", "d"].into_iter().all(|principal| keep(principal, 1, ROOM_OF_ONE)));
        let left = ROOM - 3 * ROOM_OF_ONE - MOST_OF_ONE;
        assert!(!keep("e", 1, left + 1) && keep("e", 1, left));
    }
}
