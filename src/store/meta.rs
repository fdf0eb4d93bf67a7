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
    /// Returns the policy revision: how often an entity, or the entities of the configuration file, changed.
    pub fn revision(&self) -> Result<u64, StoreError> {
        self.number("revision")
    }

    /// Returns the revision that [`Change::revision_with`] would return for `file`. Writes nothing: a number
    /// that is only shown is not used up.
    pub fn revision_as(&self, file: &str) -> Result<u64, StoreError> {
        let revision = self.revision()?;
        Ok(if self.fact("file")? == file { revision } else { revision.saturating_add(1) })
    }

    /// Returns the latest time by which approvals were judged, in milliseconds since 1970: time never goes
    /// back before it.
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

    /// Returns the text stored under `key`; empty if there is none.
    pub(super) fn fact(&self, key: &str) -> Result<String, StoreError> {
        self.connection
            .prepare_cached("SELECT value FROM meta WHERE key = ?1")
            .and_then(|mut select| select.query_row([key], |row| row.get(0)))
            .during("read a fact of the store")
    }

    /// Returns a fact like [`View::fact`]; `None` if the row is missing, which an attacker may have deleted.
    pub(super) fn fact_left(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.connection
            .prepare_cached("SELECT value FROM meta WHERE key = ?1")
            .and_then(|mut select| select.query_row([key], |row| row.get(0)).optional())
            .during("read a fact of the store")
    }
}

impl Change<'_> {
    /// Returns the revision of the store's and the file's entities together. `file` is a digest of the file's
    /// entities; if it differs from that of the last call, in this process or an earlier one, the revision
    /// increases. A number therefore never stands for two contents.
    pub fn revision_with(&self, file: &str) -> Result<u64, StoreError> {
        if self.fact("file")? == file {
            return self.revision();
        }
        self.set_fact("file", file)?;
        self.raise_revision()
    }

    /// Increments the revision, and returns the new one.
    pub(super) fn raise_revision(&self) -> Result<u64, StoreError> {
        let revision = self.revision()?.saturating_add(1);
        self.set_fact("revision", &revision.to_string())?;
        Ok(revision)
    }

    /// Stores the latest time by which approvals were judged, in milliseconds since 1970. It never decreases.
    pub fn raise_clock(&self, now_ms: i64) -> Result<(), StoreError> {
        if now_ms > self.clock()? { self.set_fact("clock", &now_ms.to_string()) } else { Ok(()) }
    }

    /// [`Change::set_fact`], where there may be no such row yet.
    pub(super) fn put_fact(&self, key: &str, value: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
            )
            .and_then(|mut put| put.execute(params![key, value]))
            .during("write a fact of the store")
            .map(drop)
    }

    pub(super) fn set_fact(&self, key: &str, value: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE meta SET value = ?2 WHERE key = ?1")
            .and_then(|mut update| update.execute(params![key, value]))
            .during("write a fact of the store")
            .map(drop)
    }
}
