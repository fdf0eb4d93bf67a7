//! The table `audit`: who changed what, chained so that changing, moving or removing an entry is detected.
//!
//! `hash = SHA-256(0x01 || previous hash || line)`, with 32 zero bytes before the first entry. The number and
//! hash of the last entry are also kept in `meta`, so that a truncated tail is detected.

use aws_lc_rs::digest;
use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::domain::hex;
use crate::domain::json::write_string;
use crate::store::db::Change;
use crate::store::db::View;
use crate::store::error::During;
use crate::store::error::StoreError;

/// Length of a hash in bytes.
const HASH: usize = 32;
/// Number of entries that are checked at once; the store is blocked meanwhile.
const CHECKED: u32 = 4096;
/// The fact in `meta` with the last entry's number and hash.
const HEAD: &str = "audit_head";

/// The fact in `meta` that there was an entry at some time.
const AUDITED: &str = "audited";
/// One entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Number, from 1.
    pub seq: u64,
    /// Time, in milliseconds since 1970.
    pub ts_ms: i64,
    /// The actor: a principal id, or `hoopctl` for the gateway itself.
    pub actor: String,
    /// The action: a noun and a verb, `policy.add`.
    pub action: String,
    /// The subject: a name or id.
    pub subject: String,
    /// Further details, a JSON object. Never a secret, never text of a command.
    pub detail: Value,
    /// The chain hash up to and including this entry, 64 hex digits.
    pub hash: String,
}

/// Result of verifying the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditVerification {
    /// Number of entries that are intact, from the first.
    pub entries: u64,
    /// The number of the first entry that is damaged or missing; `None`: the trail is intact.
    pub broken: Option<u64>,
    /// The hash of the last intact entry, 64 hex digits.
    pub head: String,
    /// The broken entry cannot be read: the database is damaged there.
    #[serde(default)]
    pub unreadable: bool,
    /// There are more entries: this is the result of a part, not of the whole trail.
    #[serde(default)]
    pub more: bool,
}

/// The progress of a verification.
#[derive(Debug, Clone)]
pub struct AuditCheck {
    /// The last intact entry.
    last: (i64, Vec<u8>),
}

impl Default for AuditCheck {
    fn default() -> Self {
        Self { last: (0, vec![0; HASH]) }
    }
}

impl AuditCheck {
    /// Continues a verification after this many entries, the last of which has the hash `head`, 64 hex
    /// digits. `None`: that is not a hash.
    pub fn after(entries: u64, head: &str) -> Option<Self> {
        let mut hash = vec![0; HASH];
        hex::decode_into(head.as_bytes(), &mut hash)?;
        Some(Self { last: (i64::try_from(entries).ok()?, hash) })
    }

    /// Returns the result so far: the trail is intact up to here.
    pub fn part(&self) -> AuditVerification {
        AuditVerification { more: true, ..self.found(true) }
    }

    fn found(&self, whole: bool) -> AuditVerification {
        let entries = self.last.0.cast_unsigned();
        AuditVerification {
            entries,
            broken: (!whole).then_some(entries + 1),
            head: hex::encode(&self.last.1),
            unreadable: false,
            more: false,
        }
    }

    /// Reports that the trail is intact up to here, and the next entry cannot be read.
    fn unreadable(&self) -> AuditVerification {
        AuditVerification { unreadable: true, ..self.found(false) }
    }
}

/// A row as it is stored.
struct Kept {
    seq: i64,
    ts_ms: i64,
    actor: String,
    action: String,
    subject: String,
    detail: String,
    hash: Vec<u8>,
}

impl Kept {
    /// Returns the text that is hashed: one JSON object with its members in a fixed order.
    fn line(&self) -> String {
        let mut line = format!("{{\"v\":1,\"seq\":{},\"ts\":{}", self.seq, self.ts_ms);
        for (name, text) in [("actor", &self.actor), ("action", &self.action), ("subject", &self.subject)] {
            line.push_str(",\"");
            line.push_str(name);
            line.push_str("\":");
            // Writing to a String cannot fail.
            write_string(text, &mut line).unwrap_or_default();
        }
        line.push_str(",\"detail\":");
        line.push_str(&self.detail);
        line.push('}');
        line
    }

    fn hash_after(&self, before: &[u8]) -> digest::Digest {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&[1]);
        context.update(before);
        context.update(self.line().as_bytes());
        context.finish()
    }
}

impl View {
    /// Lists entries with a higher number than `after`, oldest first, at most `limit`.
    pub fn audit(&self, after: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.connection
            .prepare_cached("SELECT * FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2")
            .and_then(|mut select| {
                select.query_map(params![after.cast_signed(), limit], |row| entry(&read(row)?))?.collect()
            })
            .during("read the audit trail")
    }

    /// Verifies the whole trail.
    pub fn verify_audit(&self) -> Result<AuditVerification, StoreError> {
        let mut check = AuditCheck::default();
        loop {
            if let Some(found) = self.verify_audit_on(&mut check)? {
                return Ok(found);
            }
        }
    }

    /// Continues a verification by some entries. `None`: intact so far, and there are more. Damage is a
    /// result, not an error.
    pub fn verify_audit_on(&self, check: &mut AuditCheck) -> Result<Option<AuditVerification>, StoreError> {
        match self.verify_some(check) {
            Err(error) if error.is_fault_of_disk() => Ok(Some(check.unreadable())),
            found => found,
        }
    }

    fn verify_some(&self, check: &mut AuditCheck) -> Result<Option<AuditVerification>, StoreError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT * FROM audit WHERE seq >= ?1 ORDER BY seq LIMIT ?2")
            .during("read the audit trail")?;
        // No entry may precede the first.
        let from = if check.last.0 == 0 { i64::MIN } else { check.last.0.saturating_add(1) };
        let mut rows = select.query(params![from, CHECKED]).during("read the audit trail")?;
        let mut seen = 0;
        while let Some(row) = rows.next().during("read the audit trail")? {
            let Ok(kept) = read(row) else { return Ok(Some(check.found(false))) };
            if Some(kept.seq) != check.last.0.checked_add(1)
                || kept.hash_after(&check.last.1).as_ref() != kept.hash
            {
                return Ok(Some(check.found(false)));
            }
            check.last = (kept.seq, kept.hash);
            seen += 1;
        }
        if seen == CHECKED {
            return Ok(None);
        }
        let emptied = check.last.0 == 0 && (self.was_audited()? || self.has_changes()?);
        Ok(Some(check.found(!emptied && self.fact_left(HEAD)? == Some(head(&check.last)))))
    }

    /// Returns whether there was ever an entry. If somebody removed this fact, the answer is yes.
    fn was_audited(&self) -> Result<bool, StoreError> {
        Ok(self.fact_left(AUDITED)?.is_none_or(|fact| !fact.is_empty()))
    }

    /// Returns whether the store holds anything that is never written without an entry.
    fn has_changes(&self) -> Result<bool, StoreError> {
        self.connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM entity) OR EXISTS (SELECT 1 FROM lock) OR EXISTS (SELECT 1 FROM secret)
                     OR EXISTS (SELECT 1 FROM approval) OR EXISTS (SELECT 1 FROM approval_grant)
                     OR EXISTS (SELECT 1 FROM pin WHERE accepted_by IS NOT NULL)",
            )
            .and_then(|mut select| select.query_row([], |row| row.get(0)))
            .during("look for what the audit trail should tell of")
    }

    /// Returns the number and hash of the last entry; zero and zeros if there is none.
    fn last_audit(&self) -> Result<(i64, Vec<u8>), StoreError> {
        self.connection
            .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
            .and_then(|mut select| select.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional())
            .during("read the audit trail")
            .map(|last| last.unwrap_or_else(|| (0, vec![0; HASH])))
    }
}

impl Change<'_> {
    /// Adds an entry; `detail` is a JSON object.
    ///
    /// # Errors
    /// [`StoreError::AuditBroken`] if the last entry is not the one that was added last: nothing changes
    /// then.
    pub fn append_audit(
        &self,
        actor: &str,
        action: &str,
        subject: &str,
        detail: &Value,
    ) -> Result<(), StoreError> {
        let last = self.last_audit()?;
        let first = last.0 == 0;
        if self.fact_left(HEAD)? != Some(head(&last)) || (first && self.was_audited()?) {
            return Err(StoreError::AuditBroken { seq: last.0.cast_unsigned() + 1 });
        }
        let mut kept = Kept {
            seq: last.0 + 1,
            ts_ms: self.now_ms,
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_string(),
            hash: Vec::new(),
        };
        kept.hash = kept.hash_after(&last.1).as_ref().to_vec();
        self.connection
            .prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
            .and_then(|mut insert| {
                insert.execute(params![
                    kept.seq,
                    kept.ts_ms,
                    kept.actor,
                    kept.action,
                    kept.subject,
                    kept.detail,
                    kept.hash
                ])
            })
            .during("write to the audit trail")?;
        if first {
            self.set_fact(AUDITED, "1")?;
        }
        self.set_fact(HEAD, &head(&(kept.seq, kept.hash)))
    }
}

/// Returns the last entry's number and hash as stored in `meta`; empty before the first.
fn head(last: &(i64, Vec<u8>)) -> String {
    if last.0 == 0 { String::new() } else { format!("{}:{}", last.0, hex::encode(&last.1)) }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        seq: row.get("seq")?,
        ts_ms: row.get("ts_ms")?,
        actor: row.get("actor")?,
        action: row.get("action")?,
        subject: row.get("subject")?,
        detail: row.get("detail")?,
        hash: row.get("hash")?,
    })
}

fn entry(kept: &Kept) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        seq: kept.seq.cast_unsigned(),
        ts_ms: kept.ts_ms,
        actor: kept.actor.clone(),
        action: kept.action.clone(),
        subject: kept.subject.clone(),
        detail: serde_json::from_str(&kept.detail).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(5, rusqlite::types::Type::Text, Box::new(error))
        })?,
        hash: hex::encode(&kept.hash),
    })
}
