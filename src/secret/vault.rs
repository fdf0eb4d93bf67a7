//! [`Vault`]: resolves a source to its secret. A source that fails gives an error, never its old value.

use std::collections::HashMap;
use std::future::Future;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::RwLock;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::domain::secret::Secret;
use crate::domain::secret::SecretRef;
use crate::domain::sync::read_lock;
use crate::domain::sync::write_lock;
use crate::secret::command;
use crate::secret::entry::Entry;
use crate::secret::entry::Found;
use crate::secret::error::SecretError;
use crate::secret::file;
use crate::secret::file::Stamp;
use crate::secret::sealer::SEALED_COLUMN;
use crate::secret::sealer::SEALED_TABLE;
use crate::secret::sealer::Sealer;

/// How long a file is assumed to be unchanged, and a failed read is not repeated.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long the output of a program is used.
const EXEC_GOOD_FOR: Duration = Duration::from_mins(1);
/// How long a stored secret is used without another read of the store.
const STORE_GOOD_FOR: Duration = Duration::from_secs(5);

/// The result of a lookup in the store: the sealed bytes, `None` if there is no such secret, or the error.
pub type FetchSealed<'a> = Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, String>> + Send + 'a>>;

/// Fetches sealed secrets; implemented by the gateway with the store.
pub trait SealedSource: Send + Sync {
    /// Returns the sealed bytes stored under `key`. An error's text must not contain any of them.
    fn fetch<'a>(&'a self, key: &'a str) -> FetchSealed<'a>;
}

/// The resolved secrets. Shared by all threads.
pub struct Vault {
    entries: RwLock<HashMap<SecretRef, Arc<Entry>>>,
    stored: Option<(Arc<Sealer>, Arc<dyn SealedSource>)>,
    exec_limit: Duration,
}

impl Vault {
    /// Creates a vault; `stored` is needed for `store:` secrets.
    pub fn new(stored: Option<(Arc<Sealer>, Arc<dyn SealedSource>)>) -> Self {
        Self { entries: RwLock::default(), stored, exec_limit: command::TIME_LIMIT }
    }

    /// Returns the secret if it is available without waiting. `None`: call [`Self::resolve`].
    pub fn cached(&self, source: &SecretRef) -> Option<Arc<Secret>> {
        if let SecretRef::Env(name) = source {
            return read_variable(name).ok().map(Arc::new);
        }
        self.known(source)?.fresh()?.ok()
    }

    /// Returns the secret. Concurrent calls for the same source share one read.
    ///
    /// # Errors
    /// The source's current problem, see [`SecretError`]. An old value is never used instead.
    pub async fn resolve(&self, source: &SecretRef) -> Result<Arc<Secret>, SecretError> {
        if let SecretRef::Env(name) = source {
            return read_variable(name).map(Arc::new);
        }
        let entry = self.entry(source);
        if let Some(result) = entry.fresh() {
            return result;
        }
        // Never closed, so this only waits for its turn.
        let _turn = entry.turn.acquire().await;
        if let Some(result) = entry.fresh() {
            return result;
        }
        let found = self.look(source, entry.last()).await;
        let result = found.result.clone();
        entry.keep(Some(found));
        result
    }

    /// Forgets a stored secret that was set or removed.
    pub fn forget_stored(&self, key: &str) {
        if let Some(entry) = self.known(&SecretRef::Store(key.to_owned())) {
            entry.keep(None);
        }
    }

    /// Forgets the cached secret of a source if it is this one, which is no longer valid: the next use reads
    /// it again.
    pub fn forget_if(&self, source: &SecretRef, stale: &Secret) {
        let Some(entry) = self.known(source) else { return };
        let is_stale =
            |found: &Found| matches!(&found.result, Ok(secret) if secret.expose() == stale.expose());
        if entry.last().as_ref().is_some_and(is_stale) {
            entry.keep(None);
        }
    }

    fn known(&self, source: &SecretRef) -> Option<Arc<Entry>> {
        read_lock(&self.entries).get(source).cloned()
    }

    fn entry(&self, source: &SecretRef) -> Arc<Entry> {
        if let Some(entry) = self.known(source) {
            return entry;
        }
        let mut entries = write_lock(&self.entries);
        Arc::clone(entries.entry(source.clone()).or_insert_with(|| Arc::new(Entry::new())))
    }

    async fn look(&self, source: &SecretRef, last: Option<Found>) -> Found {
        let (result, good_for) = match source {
            SecretRef::Env(name) => (read_variable(name), Duration::ZERO),
            SecretRef::Exec(line) => (command::run(line, self.exec_limit).await, EXEC_GOOD_FOR),
            SecretRef::File(path) => return look_at_file(path, last).await,
            SecretRef::Store(key) => (self.open_stored(key).await, STORE_GOOD_FOR),
        };
        let good_for = if result.is_ok() { good_for } else { LOOK_AGAIN };
        Found::new(result.map(Arc::new), None, good_for)
    }

    async fn open_stored(&self, key: &str) -> Result<Secret, SecretError> {
        let source_name = || format!("store:{key}");
        let Some((sealer, stored)) = &self.stored else {
            return Err(SecretError::NoStore { source_name: source_name() });
        };
        let sealed = stored
            .fetch(key)
            .await
            .map_err(|problem| SecretError::Store { source_name: source_name(), problem })?
            .ok_or_else(|| SecretError::Missing { source_name: source_name() })?;
        sealer
            .open(SEALED_TABLE, key, SEALED_COLUMN, &sealed)
            .map_err(|source| SecretError::Sealed { source_name: source_name(), source })
    }
}

/// Reads an environment variable of this process.
pub(super) fn read_variable(name: &str) -> Result<Secret, SecretError> {
    let source_name = || format!("env:{name}");
    // Such a name would make the standard library panic.
    let value = if name.is_empty() || name.contains(['=', '\0']) { None } else { std::env::var_os(name) };
    let value = value.ok_or_else(|| SecretError::Missing { source_name: source_name() })?;
    file::to_secret(&Zeroizing::new(value.into_vec()), &source_name)
}

/// Reads a file, or returns the last result if the file is unchanged.
async fn look_at_file(path: &Path, last: Option<Found>) -> Found {
    let path = path.to_owned();
    let source_name = format!("file:{}", path.display());
    let look = move || {
        if let Some(last) = last.filter(|last| last.stamp.is_some() && last.stamp == Stamp::at(&path)) {
            return last.seen_again(LOOK_AGAIN);
        }
        match file::read(&path) {
            Ok((secret, stamp)) => Found::new(Ok(Arc::new(secret)), stamp, LOOK_AGAIN),
            Err(error) => Found::new(Err(error), None, LOOK_AGAIN),
        }
    };
    // Its disk may be slow, and this thread serves others.
    tokio::task::spawn_blocking(look).await.unwrap_or_else(|_cancelled| {
        let error = std::io::Error::other("the look was cut off");
        let error = SecretError::Io { operation: "read", source_name, source: Arc::new(error) };
        Found::new(Err(error), None, Duration::ZERO)
    })
}
