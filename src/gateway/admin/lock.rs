//! Sets and removes locks.

use std::time::Duration;

use crate::control::Answer;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::List;
use crate::control::noun::lock::Locks;
use crate::control::noun::lock::NewLock;
use crate::domain::id::LockId;
use crate::domain::lock::Lock;
use crate::domain::now_ms;
use crate::gateway::admin::Acting;
use crate::gateway::admin::Admin;
use crate::gateway::admin::fault::check_length;
use crate::gateway::admin::fault::fault_of_store;

/// The longest duration of a lock with an end, in seconds: ten years.
const MAX_FOR_S: u64 = 10 * 366 * 86_400;

impl Admin {
    /// Applies the current locks in the running gateway before it returns.
    async fn publish_locks(&self) -> Result<(), ApiError> {
        let Some(running) = &self.running else { return Ok(()) };
        let locks = self.store.read(|view| view.locks(now_ms())).await.map_err(|error| {
            // Stored but not in force: the caller must know.
            let why = fault_of_store(&error);
            ApiError::new(why.code, format!("the lock is stored but not in force: {}", why.message))
                .hint("run `hoopctl config reload`, or restart the gateway")
        })?;
        running.live.locks_changed(locks);
        self.announce_change(self.revision().await?);
        Ok(())
    }
}

impl Locks for Acting {
    fn locks(&self) -> Answer<'_, List<Lock>> {
        Box::pin(async {
            let locks = self.admin.store.read(|view| view.locks(now_ms())).await;
            let mut locks = locks.map_err(|error| fault_of_store(&error))?;
            locks.reverse();
            Ok(List::all(locks))
        })
    }

    fn add_lock(&self, lock: NewLock) -> Answer<'_, Lock> {
        Box::pin(async move {
            self.must_manage("lock.add", &lock.target.to_string()).await?;
            check_length(&lock.reason)?;
            let expires_ms = lock.for_s.map(end_of).transpose()?;
            self.admin.check_target(&lock.target, lock.unseen).await?;
            let actor = self.actor();
            let NewLock { target, reason, .. } = lock;
            let _turn = self.admin.changing.lock().await;
            let added =
                self.admin.store.change(move |change| change.add_lock(&target, &reason, expires_ms, &actor));
            let lock = added.await.map_err(|error| fault_of_store(&error))?;
            self.admin.publish_locks().await?;
            Ok(lock)
        })
    }

    fn remove_lock(&self, id: LockId) -> Answer<'_, Lock> {
        Box::pin(async move {
            self.must_manage("lock.remove", &id.to_string()).await?;
            let actor = self.actor();
            let _turn = self.admin.changing.lock().await;
            let removed = self.admin.store.change(move |change| change.remove_lock(id, &actor));
            let lock = removed.await.map_err(|error| fault_of_store(&error))?;
            self.admin.publish_locks().await?;
            Ok(lock)
        })
    }
}

/// Returns when a lock that begins now and lasts for `seconds` ends.
fn end_of(seconds: u64) -> Result<i64, ApiError> {
    if !(1..=MAX_FOR_S).contains(&seconds) {
        let text = "a lock with an end lasts at least 1 s and at most 10 years";
        return Err(
            ApiError::new(ErrorCode::BadRequest, text).hint("leave the end out to lock until it is removed")
        );
    }
    let millis = Duration::from_secs(seconds).as_millis();
    Ok(now_ms().saturating_add(i64::try_from(millis).unwrap_or(i64::MAX)))
}
