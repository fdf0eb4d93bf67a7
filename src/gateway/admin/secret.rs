//! Secrets of the store: sealed when they are set, never read out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::control::Answer;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::List;
use crate::control::noun::secret::SecretEntry;
use crate::control::noun::secret::SecretValue;
use crate::control::noun::secret::Secrets;
use crate::domain::connection::Connection;
use crate::domain::secret::SHORTEST_CREDENTIAL;
use crate::domain::secret::SecretRef;
use crate::gateway::admin::Acting;
use crate::gateway::admin::Admin;
use crate::gateway::admin::fault::fault_of_sealing;
use crate::gateway::admin::fault::fault_of_store;
use crate::secret::SEALED_COLUMN;
use crate::secret::SEALED_TABLE;
use crate::secret::SealError;
use crate::secret::Sealer;
use crate::secret::load_key;
use crate::store::StoredSecret;
use crate::store::View;

/// The longest name of a secret, in bytes.
const MAX_NAME: usize = 128;
/// The longest secret, in bytes.
const MAX_VALUE: usize = 64 << 10;

impl Admin {
    /// What seals: the running gateway's, or one with the key that the configuration names, which must be the
    /// one that sealed what is there, beside what is written over.
    async fn sealer(&self, over: &str) -> Result<Arc<Sealer>, ApiError> {
        if let Some(running) = &self.running {
            return Ok(Arc::clone(&running.sealer));
        }
        let mut kept = self.sealed().await?;
        let source = self.config.load().storage.key_source();
        let mut made = || {
            let sealer = Sealer::new(&load_key(&source, !kept.is_empty())?)?;
            kept.retain(|(name, _)| name != over);
            sealer.prove(SEALED_TABLE, SEALED_COLUMN, &kept)?;
            Ok(Arc::new(sealer))
        };
        made().map_err(|error: SealError| fault_of_sealing(&error))
    }

    async fn sealed(&self) -> Result<Vec<(String, Vec<u8>)>, ApiError> {
        self.store.read(View::sealed_secrets).await.map_err(|error| fault_of_store(&error))
    }

    /// Those that do not open, each with why. None where the key is not at hand: that is another fault.
    async fn unopened(&self) -> Result<BTreeMap<String, String>, ApiError> {
        let sealed = self.sealed().await?;
        let sealer = if let Some(running) = &self.running {
            Some(Arc::clone(&running.sealer))
        } else {
            let source = self.config.load().storage.key_source();
            let key = if sealed.is_empty() { None } else { load_key(&source, true).ok() };
            key.and_then(|key| Sealer::new(&key).ok()).map(Arc::new)
        };
        let Some(sealer) = sealer else { return Ok(BTreeMap::new()) };
        let why = |(name, bytes): (String, Vec<u8>)| {
            let error = sealer.open(SEALED_TABLE, &name, SEALED_COLUMN, &bytes).err()?;
            Some((name, error.to_string()))
        };
        Ok(sealed.into_iter().filter_map(why).collect())
    }

    async fn secret_entries(&self) -> Result<Vec<SecretEntry>, ApiError> {
        let secrets = self.store.read(View::secrets).await.map_err(|error| fault_of_store(&error))?;
        let mut damaged = self.unopened().await?;
        let connections = self.combined().await?.connections;
        let entries = secrets.into_iter().map(|secret| {
            let damaged = damaged.remove(&secret.key);
            SecretEntry { damaged, ..entry(secret, &connections) }
        });
        Ok(entries.collect())
    }

    async fn secret_entry(&self, name: &str) -> Result<SecretEntry, ApiError> {
        let found = self.secret_entries().await?.into_iter().find(|entry| entry.name == name);
        found.ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("there is no secret {name:?}")))
    }

    fn forget_secret(&self, name: &str) {
        if let Some(running) = &self.running {
            running.vault.forget_stored(name);
        }
    }
}

fn entry(secret: StoredSecret, connections: &[Connection]) -> SecretEntry {
    let uses = |connection: &&Connection| {
        connection.secrets().any(|source| *source == SecretRef::Store(secret.key.clone()))
    };
    let used_by = connections.iter().filter(uses).map(|connection| connection.name.to_string()).collect();
    SecretEntry {
        used_by,
        name: secret.key,
        updated_ms: secret.updated_ms,
        actor: secret.actor,
        damaged: None,
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    if (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    let text = format!("the name of a secret is 1 to {MAX_NAME} of letters, digits and - _ . /");
    Err(ApiError::new(ErrorCode::BadRequest, text))
}

impl Secrets for Acting {
    fn secrets(&self) -> Answer<'_, List<SecretEntry>> {
        Box::pin(async { Ok(List::all(self.admin.secret_entries().await?)) })
    }

    fn set_secret(&self, name: String, value: SecretValue) -> Answer<'_, SecretEntry> {
        Box::pin(async move {
            self.must_manage("secret.set", &name).await?;
            check_name(&name)?;
            if !(SHORTEST_CREDENTIAL..=MAX_VALUE).contains(&value.expose().len()) {
                let text = format!(
                    "a secret is {SHORTEST_CREDENTIAL} to {MAX_VALUE} bytes long: a shorter one could not be kept out of replies"
                );
                return Err(ApiError::new(ErrorCode::BadRequest, text));
            }
            let _turn = self.admin.changing.lock().await;
            let sealer = self.admin.sealer(&name).await?;
            let sealed = sealer
                .seal(SEALED_TABLE, &name, SEALED_COLUMN, value.expose())
                .map_err(|error| fault_of_sealing(&error))?;
            drop(value);
            let (key, actor) = (name.clone(), self.actor());
            let put = self.admin.store.change(move |change| change.put_secret(&key, &sealed, &actor));
            put.await.map_err(|error| fault_of_store(&error))?;
            self.admin.forget_secret(&name);
            self.admin.secret_entry(&name).await
        })
    }

    fn remove_secret(&self, name: String) -> Answer<'_, SecretEntry> {
        Box::pin(async move {
            self.must_manage("secret.remove", &name).await?;
            let _turn = self.admin.changing.lock().await;
            let entry = self.admin.secret_entry(&name).await?;
            if !entry.used_by.is_empty() {
                let text = format!("secret {name:?} is used by {}", entry.used_by.join(", "));
                return Err(
                    ApiError::new(ErrorCode::Conflict, text).hint("change or remove those connections first")
                );
            }
            let (key, actor) = (name.clone(), self.actor());
            let removed = self.admin.store.change(move |change| change.remove_secret(&key, &actor));
            removed.await.map_err(|error| fault_of_store(&error))?;
            self.admin.forget_secret(&name);
            Ok(entry)
        })
    }
}
