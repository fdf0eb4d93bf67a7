//! The table `meta`: counters and small facts.

use std::str::FromStr;

use rusqlite::OptionalExtension;
use rusqlite::params;

use crate::store::db::Change;
use crate::store::db::View;
use crate::store::db::parsed;
use crate::store::error::During;
use crate::store::error::StoreError;

impl View {
    /// The revision of the policies: how many times an entity, or what the configuration file says of them, was changed, ever.
    pub fn revision(&self) -> Result<u64, StoreError> {
        self.number("revision")
    }

    /// The revision that [`Change::revision_with`] would give for `file`. Nothing is written: a number that is only shown is not used up.
    pub fn revision_as(&self, file: &str) -> Result<u64, StoreError> {
        let revision = self.revision()?;
        Ok(if self.fact("file")? == file { revision } else { revision.saturating_add(1) })
    }

    /// The latest time that approvals were judged by, in milliseconds since 1970: time never goes back behind it.
    pub fn clock(&self) -> Result<i64, StoreError> {
        self.number("clock")
    }

    fn number<T>(&self, key: &str) -> Result<T, StoreError>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.connection
            .prepare_cached("SELECT value FROM meta WHERE key = ?1")
            .and_then(|mut select| select.query_row([key], |row| parsed(row, "value")))
            .during("read a counter of the store")
    }

    /// The text kept under `key`; empty when there is none.
    pub(super) fn fact(&self, key: &str) -> Result<String, StoreError> {
        self.connection
            .prepare_cached("SELECT value FROM meta WHERE key = ?1")
            .and_then(|mut select| select.query_row([key], |row| row.get(0)))
            .during("read a fact of the store")
    }

    /// [`View::fact`], where somebody may have taken the whole row away: `None`.
    pub(super) fn fact_left(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.connection
            .prepare_cached("SELECT value FROM meta WHERE key = ?1")
            .and_then(|mut select| select.query_row([key], |row| row.get(0)).optional())
            .during("read a fact of the store")
    }
}

impl Change<'_> {
    /// The revision of what the store's entities and the file make together. `file` is a digest of what the file says; when it
    /// is not that of the last call, in this process or one before, the revision rises. So no number stands for two things.
    pub fn revision_with(&self, file: &str) -> Result<u64, StoreError> {
        if self.fact("file")? == file {
            return self.revision();
        }
        self.set_fact("file", file)?;
        self.raise_revision()
    }

    /// Raises the revision, and says the new one.
    pub(super) fn raise_revision(&self) -> Result<u64, StoreError> {
        let revision = self.revision()?.saturating_add(1);
        self.set_fact("revision", &revision.to_string())?;
        Ok(revision)
    }

    /// Keeps the latest time that approvals were judged by, in milliseconds since 1970. It only rises.
    pub fn raise_clock(&self, now_ms: i64) -> Result<(), StoreError> {
        if now_ms > self.clock()? { self.set_fact("clock", &now_ms.to_string()) } else { Ok(()) }
    }

    pub(super) fn set_fact(&self, key: &str, value: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE meta SET value = ?2 WHERE key = ?1")
            .and_then(|mut update| update.execute(params![key, value]))
            .during("write a fact of the store")
            .map(drop)
    }
}
