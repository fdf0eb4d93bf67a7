//! The source of one issuer's keys, and their lifetime: discovery, fetching, ageing, and who may cause a
//! fetch.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::now_ms;
use crate::domain::sync::lock;
use crate::domain::with_causes;
use crate::identity::discovery::Fetch;
use crate::identity::discovery::jwks_uri;
use crate::identity::error::RenewError;
use crate::identity::generation::Generation;
use crate::identity::issuer::Issuer;
use crate::identity::jwk;
use crate::identity::keeper::KeyKeeper;
use crate::identity::keys::Snapshot;

/// The status of one issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerStatus {
    /// The name of the entry.
    pub name: String,
    /// The `iss`; an entry that also accepts v1 has two statuses.
    pub issuer: String,
    /// The ids of the keys in use, in order.
    pub kids: Vec<String>,
    /// The number of entries in the key set that cannot be used.
    pub skipped: usize,
    /// Whether tokens of this issuer can be verified now.
    pub available: bool,
    /// Whether the keys are older than they should be, but still used.
    pub stale: bool,
    /// The time since the last successful fetch.
    pub age: Option<Duration>,
    /// The time of that fetch, in milliseconds since 1970.
    pub fetched_ms: Option<i64>,
    /// Why the last attempt failed; `None` if it succeeded.
    pub last_error: Option<String>,
}

/// Why keys are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    /// A token named an unknown key.
    UnknownKid,
    /// The keys are due for renewal.
    Age,
    /// An operator requested it: the issuer's current keys apply at once.
    Operator,
}

#[derive(Default)]
struct Control {
    started: bool,
    /// The number of the last attempt that began.
    begun: u64,
    running: bool,
    wanted: Option<Cause>,
    last_attempt: Option<Instant>,
    last_for_kid: Option<Instant>,
    /// Ids that were not found, and until when they cause no other fetch.
    refused: HashMap<Box<str>, Instant>,
    jwks_uri: Option<String>,
    last_error: Option<String>,
    /// Whether the expiry of the keys was already announced.
    expired: bool,
}

const MAX_REFUSED: usize = 1024;
const MAX_PAUSE: Duration = Duration::from_mins(1);
/// A stored key set from further in the future than this is ignored.
const MAX_AHEAD_MS: i64 = 300_000;

/// The keys of one issuer.
pub(crate) struct Source {
    pub(crate) issuer: Issuer,
    fetch: Box<dyn Fetch>,
    keeper: Arc<dyn KeyKeeper>,
    generation: Arc<Generation>,
    snapshot: ArcSwapOption<Snapshot>,
    control: Mutex<Control>,
    wake: Notify,
    finished: watch::Sender<u64>,
}

/// Waits for one attempt to end.
pub(crate) struct Waiter {
    finished: watch::Receiver<u64>,
    attempt: u64,
}

impl Waiter {
    /// Waits, at most this long.
    pub(crate) async fn wait(mut self, at_most: Duration) {
        let attempt = self.attempt;
        let ended = self.finished.wait_for(|finished| *finished >= attempt);
        // In any case the caller looks at the keys again.
        drop(tokio::time::timeout(at_most, ended).await);
    }
}

/// The result of looking up a key id.
pub(crate) enum Lookup {
    /// The keys, which contain the id.
    Found(Arc<Snapshot>),
    /// The keys do not contain the id.
    Unknown,
    /// There are no keys, or they are too old.
    Unavailable,
    /// An attempt is under way, or was begun by this.
    Pending(Waiter),
}

impl Source {
    pub(crate) fn new(
        issuer: Issuer,
        fetch: Box<dyn Fetch>,
        keeper: Arc<dyn KeyKeeper>,
        generation: Arc<Generation>,
    ) -> Self {
        let source = Self {
            issuer,
            fetch,
            keeper,
            generation,
            snapshot: ArcSwapOption::empty(),
            control: Mutex::default(),
            wake: Notify::new(),
            finished: watch::Sender::new(0),
        };
        source.restore();
        source
    }

    /// Loads the stored key set, if it is not too old.
    fn restore(&self) {
        let now_ms = now_ms();
        let Some((bytes, at_ms)) = self.keeper.load(&self.issuer.keeper_name()) else { return };
        if at_ms > now_ms.saturating_add(MAX_AHEAD_MS) {
            return;
        }
        let Ok(set) = self.parse(&bytes) else { return };
        let kept = Snapshot::kept(set, at_ms, now_ms, Instant::now());
        let usable = !kept.is_empty() && kept.age(now_ms, Instant::now()) < self.issuer.settings.hard_ttl;
        if usable {
            self.snapshot.store(Some(Arc::new(kept)));
        }
    }

    fn parse(&self, bytes: &[u8]) -> Result<jwk::KeySet, RenewError> {
        let admits = |key_issuer: &str| self.issuer.admits_key_of(key_issuer);
        jwk::parse(bytes, &self.issuer.settings.algorithms, &admits).map_err(RenewError::KeySet)
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        lock(&self.control)
    }

    /// Returns the keys, if they are not too old.
    pub(crate) fn keys(&self) -> Option<Arc<Snapshot>> {
        let keys = self.snapshot.load_full()?;
        (keys.age(now_ms(), Instant::now()) < self.issuer.settings.hard_ttl).then_some(keys)
    }

    /// Looks up a key id. With `may_fetch`, an unknown one may begin a fetch, once in the interval for all of
    /// them.
    pub(crate) fn look_up(&self, kid: &str, may_fetch: bool) -> Lookup {
        match self.keys() {
            Some(keys) if keys.find(kid).is_some() => Lookup::Found(keys),
            Some(_) if may_fetch => self.want_kid(kid).map_or(Lookup::Unknown, Lookup::Pending),
            Some(_) => {
                self.refuse(kid);
                Lookup::Unknown
            }
            None if may_fetch => self.pending().map_or(Lookup::Unavailable, Lookup::Pending),
            None => Lookup::Unavailable,
        }
    }

    /// Returns the attempt under way, or one that will begin now: the very first one, or the next one if the
    /// machine slept while the keys became too old.
    fn pending(&self) -> Option<Waiter> {
        let mut control = self.control();
        let soon = control.running || control.wanted.is_some() || control.begun == 0;
        let missed = control.last_attempt.is_some_and(|last| last.elapsed() > MAX_PAUSE.mul_f64(1.2));
        if control.started && !soon && missed {
            control.wanted = Some(Cause::Age);
            self.wake.notify_one();
        }
        (control.started && (soon || missed)).then(|| self.waiter(&control))
    }

    fn waiter(&self, control: &Control) -> Waiter {
        let attempt = if control.running { control.begun } else { control.begun + 1 };
        Waiter { finished: self.finished.subscribe(), attempt }
    }

    fn want_kid(&self, kid: &str) -> Option<Waiter> {
        let now = Instant::now();
        let interval = self.issuer.settings.refetch_interval;
        let mut control = self.control();
        if !control.started || control.refused.get(kid).is_some_and(|until| *until > now) {
            return None;
        }
        if !control.running && control.wanted.is_none() {
            let recent =
                control.last_for_kid.is_some_and(|last| now.saturating_duration_since(last) < interval);
            if recent {
                return None;
            }
            control.last_for_kid = Some(now);
            control.wanted = Some(Cause::UnknownKid);
            self.wake.notify_one();
        }
        Some(self.waiter(&control))
    }

    /// Remembers an id that was not found.
    fn refuse(&self, kid: &str) {
        let now = Instant::now();
        let mut control = self.control();
        if control.refused.len() >= MAX_REFUSED {
            control.refused.retain(|_, until| *until > now);
        }
        // If it is full of recent ones, the limit of the interval still applies.
        if control.refused.len() < MAX_REFUSED {
            control.refused.insert(kid.into(), now + self.issuer.settings.refetch_interval);
        }
    }

    /// Requests a fetch whose result applies at once.
    pub(crate) fn want_now(&self) -> Option<Waiter> {
        let mut control = self.control();
        if !control.started {
            return None;
        }
        control.wanted = Some(Cause::Operator);
        self.wake.notify_one();
        // Not the one under way, which may have begun before the issuer changed.
        Some(Waiter { finished: self.finished.subscribe(), attempt: control.begun + 1 })
    }

    /// Announces that [`Self::run`] will be called; returns false if it was announced before.
    pub(crate) fn claim_start(&self) -> bool {
        !std::mem::replace(&mut self.control().started, true)
    }

    /// Fetches now and whenever it is due or requested, forever.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut failures = 0_u32;
        loop {
            let cause = self.begin();
            let result = self.renew(cause).await;
            failures = if result.is_ok() { 0 } else { failures.saturating_add(1) };
            self.finish(result);
            let pause = match failures {
                0 => self.issuer.settings.soft_ttl,
                count => Duration::from_secs(1 << (count - 1).min(6)).min(MAX_PAUSE),
            };
            let pause = pause.mul_f64(0.9 + 0.2 * rand::random::<f64>());
            self.rest(Instant::now() + pause).await;
        }
    }

    /// Waits until `due` or until a fetch is requested.
    async fn rest(&self, due: Instant) {
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(due) => return,
                () = self.wake.notified() => {}
            }
            // A request from before the last attempt is fulfilled already.
            if self.control().wanted.is_some() {
                return;
            }
        }
    }

    fn begin(&self) -> Cause {
        let mut control = self.control();
        control.begun += 1;
        control.running = true;
        control.wanted.take().unwrap_or(Cause::Age)
    }

    fn finish(&self, result: Result<(), RenewError>) {
        let usable = self.keys().is_some();
        let mut control = self.control();
        control.running = false;
        control.last_attempt = Some(Instant::now());
        control.last_error = result.err().map(|error| with_causes(&error));
        if let Some(error) = &control.last_error {
            tracing::warn!(issuer = %self.issuer.name, iss = %self.issuer.iss, error, "keys were not renewed");
        }
        // Verifications by keys that are now too old must not be trusted any longer.
        if !usable && !std::mem::replace(&mut control.expired, true) {
            self.generation.rise();
        }
        control.expired = !usable;
        self.finished.send_replace(control.begun);
    }

    async fn renew(&self, cause: Cause) -> Result<(), RenewError> {
        let known = self.control().jwks_uri.clone().filter(|_| cause == Cause::UnknownKid);
        let uri = match (self.issuer.pinned_keys(), known) {
            (Some(pinned), _) => pinned.to_owned(),
            (None, Some(known)) => known,
            (None, None) => self.discover().await?,
        };
        let bytes = self.fetch.get(&uri).await.map_err(RenewError::Keys)?;
        let set = self.parse(&bytes)?;
        let (now_ms, now) = (now_ms(), Instant::now());
        if set.keys.is_empty() {
            // Without a request this is taken for a fault of the issuer; an operator's request makes it
            // count.
            if cause == Cause::Operator {
                self.snapshot.store(None);
                self.generation.rise();
                self.keep(bytes, now_ms).await;
            }
            return Err(RenewError::KeySet("has no usable key"));
        }
        let old = self.keys();
        let next = Snapshot::next(old.as_deref(), set, now_ms, now, cause == Cause::Operator);
        let changed = old.is_none_or(|old| !old.same_keys(&next));
        self.snapshot.store(Some(Arc::new(next)));
        if changed {
            self.generation.rise();
        }
        self.keep(bytes, now_ms).await;
        Ok(())
    }

    async fn keep(&self, bytes: Vec<u8>, now_ms: i64) {
        let (keeper, name) = (Arc::clone(&self.keeper), self.issuer.keeper_name());
        let saved = tokio::task::spawn_blocking(move || keeper.save(&name, &bytes, now_ms)).await;
        if saved.is_err() {
            tracing::warn!(issuer = %self.issuer.name, "the keys were not kept for the next start");
        }
    }

    /// Returns the fetcher of the issuer's documents.
    pub(crate) fn fetch(&self) -> &dyn Fetch {
        &*self.fetch
    }

    /// Returns the URL of the keys, if it is configured or was discovered.
    pub(crate) fn keys_uri(&self) -> Option<String> {
        self.issuer.pinned_keys().map(str::to_owned).or_else(|| self.control().jwks_uri.clone())
    }

    /// Asks the issuer for the URL of its keys.
    async fn discover(&self) -> Result<String, RenewError> {
        let url = self.issuer.discovery_url();
        let bytes = self.fetch.get(&url).await.map_err(RenewError::Discovery)?;
        let uri = jwks_uri(&bytes, &self.issuer.iss).map_err(RenewError::Document)?;
        self.control().jwks_uri = Some(uri.clone());
        Ok(uri)
    }

    pub(crate) fn status(&self) -> IssuerStatus {
        let snapshot = self.snapshot.load_full();
        let age = snapshot.as_ref().map(|snapshot| snapshot.age(now_ms(), Instant::now()));
        let settings = &self.issuer.settings;
        let available = age.is_some_and(|age| age < settings.hard_ttl);
        // The due fetch, which may be a tenth late, gets another tenth of the time before the keys are
        // reported as stale.
        let stale = available && age.is_some_and(|age| age > settings.soft_ttl.mul_f64(1.2));
        IssuerStatus {
            name: self.issuer.name.to_string(),
            issuer: self.issuer.iss.clone(),
            kids: snapshot.as_ref().map(|snapshot| snapshot.kids()).unwrap_or_default(),
            skipped: snapshot.as_ref().map_or(0, |snapshot| snapshot.skipped),
            available,
            stale,
            age,
            fetched_ms: snapshot.as_ref().map(|snapshot| snapshot.fetched_ms),
            last_error: self.control().last_error.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
