//! What the audit trail keeps of the recordings: that their database was made, which session was there, and what retention removes. So what
//! that database says of itself is held against something else.

use serde_json::Value;
use serde_json::json;

use crate::store::db::Change;
use crate::store::db::View;
use crate::store::error::During;
use crate::store::error::StoreError;

/// What the trail calls it that the database was made, or was there already when that was first noted.
const MADE: &str = "journal.make";
/// What it calls it that a session was there.
const SEEN: &str = "journal.mark";
/// What it calls it that the events of sessions go: before they do.
const REMOVED: &str = "journal.prune";
/// Whom all of it is about, and who does it where nobody else does.
const SUBJECT: &str = "events.db";
const ITSELF: &str = "hoopctl";

/// What the trail says of the recordings' database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalNotes {
    /// When it was made, each time, in milliseconds since 1970.
    pub made_ms: Vec<i64>,
    /// The sessions that were noted since it was made last, the newest of their time each: number and id.
    pub seen: Vec<(i64, String)>,
    /// The numbers of the sessions that were to be removed since it was made last, as ranges; `None`: nothing was noted of that yet.
    pub removed: Option<Vec<[i64; 2]>>,
}

impl JournalNotes {
    fn add(&mut self, ts_ms: i64, action: &str, detail: &Value) {
        match action {
            MADE => {
                self.made_ms.push(ts_ms);
                if detail["made"] == true {
                    (self.seen, self.removed) = (Vec::new(), None);
                }
            }
            SEEN => {
                let id = detail["session"].as_str().map(str::to_owned);
                self.seen.extend(detail["number"].as_i64().zip(id));
            }
            _ => {
                let ranges = serde_json::from_value::<Vec<[i64; 2]>>(detail["numbers"].clone());
                self.removed.get_or_insert_default().extend(ranges.unwrap_or_default());
            }
        }
    }
}

impl View {
    /// What the trail says of the recordings' database. What cannot be read says nothing: [`View::verify_audit`] finds that.
    pub fn journal_notes(&self) -> Result<JournalNotes, StoreError> {
        match self.read_notes() {
            Err(error) if error.is_fault_of_disk() => Ok(JournalNotes::default()),
            found => found,
        }
    }

    fn read_notes(&self) -> Result<JournalNotes, StoreError> {
        let mut select = self
            .connection
            .prepare_cached(
                "SELECT ts_ms, action, detail FROM audit WHERE action IN (?1, ?2, ?3) ORDER BY seq",
            )
            .during("read the audit trail")?;
        let mut rows = select.query([MADE, SEEN, REMOVED]).during("read the audit trail")?;
        let mut notes = JournalNotes::default();
        while let Some(row) = rows.next().during("read the audit trail")? {
            let read =
                || -> rusqlite::Result<(i64, String, String)> { Ok((row.get(0)?, row.get(1)?, row.get(2)?)) };
            let (ts_ms, action, detail) = read().during("read the audit trail")?;
            notes.add(ts_ms, &action, &serde_json::from_str(&detail).unwrap_or_default());
        }
        Ok(notes)
    }
}

impl Change<'_> {
    /// Notes that the recordings' database was made, or is there, if no entry says that yet.
    ///
    /// # Errors
    /// As [`Change::append_audit`].
    pub fn note_journal(&self, made: bool) -> Result<(), StoreError> {
        if !made && !self.read_notes()?.made_ms.is_empty() {
            return Ok(());
        }
        self.append_audit(ITSELF, MADE, SUBJECT, &json!({ "made": made }))
    }

    /// Notes the newest session that is over and on the disk, if it is another than the one that was noted last.
    ///
    /// # Errors
    /// As [`Change::append_audit`].
    pub fn note_newest(&self, number: i64, session: &str) -> Result<(), StoreError> {
        if self.read_notes()?.seen.last().is_some_and(|(before, _)| *before >= number) {
            return Ok(());
        }
        self.append_audit(ITSELF, SEEN, SUBJECT, &json!({ "number": number, "session": session }))
    }

    /// Notes which sessions' events go, before they do: their numbers, as ranges.
    ///
    /// # Errors
    /// As [`Change::append_audit`].
    pub fn note_removal(&self, actor: &str, numbers: &[[i64; 2]], reason: &str) -> Result<(), StoreError> {
        self.append_audit(actor, REMOVED, SUBJECT, &json!({ "numbers": numbers, "reason": reason }))
    }

    /// Notes which sessions were removed before anything was noted of that, once for each database of recordings.
    ///
    /// # Errors
    /// As [`Change::append_audit`].
    pub fn note_removed_before(&self, numbers: &[[i64; 2]]) -> Result<(), StoreError> {
        match self.read_notes()?.removed {
            Some(_) => Ok(()),
            None => self.note_removal(ITSELF, numbers, "before this was noted"),
        }
    }
}
