//! Secrets of the store: sealed when they are set, never read out.

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
use crate::secret::Sealer;
use crate::secret::load_key;
use crate::store::StoredSecret;
use crate::store::View;

/// The longest name of a secret, in bytes.
const MAX_NAME: usize = 128;
/// The longest secret, in bytes.
const MAX_VALUE: usize = 64 << 10;

impl Admin {
    /// Returns the sealer: the running gateway's, or one with the configured key, which must be the one that
    /// sealed the existing secrets.
    async fn sealer(&self) -> Result<Arc<Sealer>, ApiError> {
        if let Some(running) = &self.running {
            return Ok(Arc::clone(&running.sealer));
        }
        let kept = self.store.read(View::any_sealed_secret).await.map_err(|error| fault_of_store(&error))?;
        let source = self.config.load().storage.key_source();
        let made = || {
            let sealer = Sealer::new(&load_key(&source, kept.is_some())?)?;
            if let Some((name, sealed)) = &kept {
                drop(sealer.open(SEALED_TABLE, name, SEALED_COLUMN, sealed)?);
            }
            Ok(Arc::new(sealer))
        };
        made().map_err(|error| fault_of_sealing(&error))
    }

    async fn secret_entries(&self) -> Result<Vec<SecretEntry>, ApiError> {
        let secrets = self.store.read(View::secrets).await.map_err(|error| fault_of_store(&error))?;
        let connections = self.combined().await?.connections;
        Ok(secrets.into_iter().map(|secret| entry(secret, &connections)).collect())
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
    SecretEntry { used_by, name: secret.key, updated_ms: secret.updated_ms, actor: secret.actor }
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
            let sealer = self.admin.sealer().await?;
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
