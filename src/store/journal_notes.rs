//! The audit trail's entries about the recordings: that their database was created, which sessions existed
//! with which rows, and what retention removes. The recording database is checked against them.

use serde_json::Value;
use serde_json::json;

use crate::domain::ranges::Ranges;
use crate::store::db::Change;
use crate::store::db::View;
use crate::store::error::During;
use crate::store::error::StoreError;

/// The action for creating the database, or first finding it.
const MADE: &str = "journal.make";
/// The action for noting existing sessions.
const SEEN: &str = "journal.mark";
/// The action for removing events of sessions, noted beforehand.
const REMOVED: &str = "journal.prune";
/// The action for removing rows of sessions, noted beforehand.
const FORGOTTEN: &str = "journal.forget";
/// The action for sessions that were kept although their removal was noted.
const SPARED: &str = "journal.spare";
/// The action for acknowledging that the database was created anew, so that what is older is gone.
const ACKNOWLEDGED: &str = "journal.acknowledge";
/// The subject of all these entries, and the actor if there is no other.
const SUBJECT: &str = "events.db";
const ITSELF: &str = "hoopctl";
/// The reason for noted removals that happened before removals were noted.
const BEFORE: &str = "before this was noted";

/// An entry of the trail, borrowed from the row.
pub(super) struct Noted<'a> {
    /// Time, in milliseconds since 1970.
    pub(super) ts_ms: i64,
    /// The actor.
    pub(super) actor: &'a str,
    /// The action.
    pub(super) action: &'a str,
    /// The subject.
    pub(super) subject: &'a str,
    /// The details, as JSON text.
    pub(super) detail: &'a str,
}

/// A session that existed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenSession {
    /// Its number.
    pub number: i64,
    /// Its id.
    pub session: String,
    /// The hash of its last event, in hex digits; `None` in entries of older versions.
    pub hash: Option<String>,
}

/// The content of sessions' rows after they ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenRows {
    /// The numbers of the sessions.
    pub numbers: Ranges,
    /// The digest of their rows, in hex digits.
    pub digest: String,
}

/// The trail's knowledge of the recording database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalNotes {
    /// When it was created, each time, in milliseconds since 1970.
    pub made_ms: Vec<i64>,
    /// When an empty one was last created; `None`: the trail knows only the first one, which may be older
    /// than the trail.
    pub begun_ms: Option<i64>,
    /// When one was first created anew, beside earlier recordings, without anybody having acknowledged that
    /// since: whoever removed the recordings is not known.
    pub remade_ms: Option<i64>,
    /// The sessions noted since the last creation, each the newest at its time.
    pub seen: Vec<SeenSession>,
    /// Rows noted since the last creation.
    pub rows: Vec<SeenRows>,
    /// The numbers of the sessions whose events were to be removed since the last creation; `None`: no
    /// removal was noted yet.
    pub removed: Option<Ranges>,
    /// The numbers of the sessions whose rows were to be removed; `None`: likewise.
    pub forgotten: Option<Ranges>,
}

impl JournalNotes {
    fn add(&mut self, ts_ms: i64, action: &str, detail: &Value) {
        let ranges = |name: &str| serde_json::from_value::<Ranges>(detail[name].clone()).unwrap_or_default();
        match action {
            MADE => {
                let again = !self.made_ms.is_empty();
                self.made_ms.push(ts_ms);
                if detail["made"] == true {
                    let made_ms = std::mem::take(&mut self.made_ms);
                    let remade_ms = self.remade_ms.or(again.then_some(ts_ms));
                    *self = Self { made_ms, begun_ms: Some(ts_ms), remade_ms, ..Self::default() };
                }
            }
            ACKNOWLEDGED => self.remade_ms = None,
            SEEN => {
                let text = |name: &str| detail[name].as_str().map(str::to_owned);
                let seen = detail["number"].as_i64().zip(text("session"));
                self.seen.extend(seen.map(|(number, session)| SeenSession {
                    number,
                    session,
                    hash: text("hash"),
                }));
            }
            REMOVED => self.removed.get_or_insert_default().add(ranges("numbers")),
            FORGOTTEN => self.forgotten.get_or_insert_default().add(ranges("numbers")),
            _ => {
                for (noted, spared) in [(&mut self.removed, "events"), (&mut self.forgotten, "rows")] {
                    if let Some(noted) = noted {
                        *noted = noted.without(&ranges(spared));
                    }
                }
                return;
            }
        }
        if let Some(digest) = detail["digest"].as_str() {
            self.rows.push(SeenRows { numbers: ranges("rows"), digest: digest.to_owned() });
        }
    }

    /// Returns the sessions whose rows are covered by a note all of whose sessions still exist.
    pub fn proved(&self) -> Ranges {
        let forgotten = self.forgotten.clone().unwrap_or_default();
        let kept = self.rows.iter().filter(|rows| !forgotten.meets(&rows.numbers));
        kept.flat_map(|rows| rows.numbers.as_slice()).copied().collect::<Vec<_>>().into()
    }
}

/// The state of the recordings that is not in the trail yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalLook {
    /// The newest session that has ended and is on disk.
    pub newest: Option<SeenSession>,
    /// Rows that are not covered yet.
    pub rows: SeenRows,
    /// The numbers of sessions whose events, and of those whose rows, are gone; `None`: that cannot be read.
    pub gone: Option<[Ranges; 2]>,
}

/// The next removal by retention.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalRemoval {
    /// The numbers of sessions whose events are removed.
    pub events: Ranges,
    /// Their rows, as far as they are final.
    pub rows: SeenRows,
    /// The numbers of sessions whose rows are removed.
    pub forgotten: Ranges,
    /// Why events are removed.
    pub reason: &'static str,
}

impl View {
    /// Reads the trail's knowledge of the recording database. If it cannot be read, the result is empty:
    /// [`View::verify_audit`] reports that.
    pub fn journal_notes(&self) -> Result<JournalNotes, StoreError> {
        match self.read_notes() {
            Err(error) if error.is_fault_of_disk() => Ok(JournalNotes::default()),
            found => found,
        }
    }

    /// Reads [`JournalNotes::begun_ms`] alone.
    pub fn journal_begun_ms(&self) -> Result<Option<i64>, StoreError> {
        let mut notes = JournalNotes::default();
        let read = self.audit_of([MADE], |entry| {
            notes.add(entry.ts_ms, entry.action, &serde_json::from_str(entry.detail).unwrap_or_default());
        });
        match read {
            Err(error) if error.is_fault_of_disk() => Ok(None),
            read => read.map(|()| notes.begun_ms),
        }
    }

    fn read_notes(&self) -> Result<JournalNotes, StoreError> {
        let mut notes = JournalNotes::default();
        self.audit_of([MADE, SEEN, REMOVED, FORGOTTEN, SPARED, ACKNOWLEDGED], |entry| {
            notes.add(entry.ts_ms, entry.action, &serde_json::from_str(entry.detail).unwrap_or_default());
        })?;
        Ok(notes)
    }

    /// Passes the entries of some actions to `each`, oldest first.
    pub(super) fn audit_of<const N: usize>(
        &self,
        actions: [&str; N],
        mut each: impl FnMut(Noted<'_>),
    ) -> Result<(), StoreError> {
        let marks = vec!["?"; N].join(", ");
        let select = format!(
            "SELECT ts_ms, actor, action, subject, detail FROM audit WHERE action IN ({marks}) ORDER BY seq"
        );
        let mut select = self.connection.prepare_cached(&select).during("read the audit trail")?;
        let mut rows = select.query(rusqlite::params_from_iter(actions)).during("read the audit trail")?;
        while let Some(row) = rows.next().during("read the audit trail")? {
            let mut read = || -> rusqlite::Result<()> {
                let text = |place: usize| row.get_ref(place).and_then(|value| Ok(value.as_str()?));
                each(Noted {
                    ts_ms: row.get(0)?,
                    actor: text(1)?,
                    action: text(2)?,
                    subject: text(3)?,
                    detail: text(4)?,
                });
                Ok(())
            };
            read().during("read the audit trail")?;
        }
        Ok(())
    }
}

impl Change<'_> {
    /// Notes that the recording database was created, or exists, if no entry says so yet.
    ///
    /// # Errors
    /// As [`Change::append_audit`].
    pub fn note_journal(&self, made: bool) -> Result<(), StoreError> {
        if !made && !self.read_notes()?.made_ms.is_empty() {
            return Ok(());
        }
        self.append_audit(ITSELF, MADE, SUBJECT, &json!({ "made": made }))
    }

    /// Acknowledges that the recording database was created anew. Returns when it was; `None`: it was not, or
    /// that is acknowledged already.
    ///
    /// # Errors
    /// As [`Change::append_audit`].
    pub fn acknowledge_journal(&self, reason: &str, actor: &str) -> Result<Option<i64>, StoreError> {
        let remade_ms = self.read_notes()?.remade_ms;
        if remade_ms.is_some() {
            self.append_audit(actor, ACKNOWLEDGED, SUBJECT, &json!({ "reason": reason }))?;
        }
        Ok(remade_ms)
    }

    /// Notes what is not in `told` yet: which sessions exist and their rows; what was removed before removals
    /// were noted, once per database; and what stayed although its removal was noted, so that nobody else can
    /// remove it later under that note.
    ///
    /// # Errors
    /// As [`Change::append_audit`].
    pub fn note_look(&self, told: &JournalNotes, look: &JournalLook) -> Result<(), StoreError> {
        if let Some([removed, forgotten]) = &look.gone {
            let all = {
                let mut all = removed.clone();
                all.add(forgotten.clone());
                all
            };
            for (action, noted, found) in
                [(REMOVED, &told.removed, &all), (FORGOTTEN, &told.forgotten, forgotten)]
            {
                if noted.is_none() {
                    let detail = json!({ "numbers": found, "reason": BEFORE });
                    self.append_audit(ITSELF, action, SUBJECT, &detail)?;
                }
            }
            let stayed = |noted: &Option<Ranges>, found: &Ranges| {
                noted.as_ref().map_or_else(Ranges::default, |noted| noted.without(found))
            };
            let (events, rows) = (stayed(&told.removed, &all), stayed(&told.forgotten, forgotten));
            if !events.is_empty() || !rows.is_empty() {
                let detail = json!({ "events": events, "rows": rows });
                self.append_audit(ITSELF, SPARED, SUBJECT, &detail)?;
            }
        }
        let Some(newest) = look.newest.as_ref().filter(|_| !look.rows.numbers.is_empty()) else {
            return Ok(());
        };
        let detail = json!({
            "number": newest.number, "session": newest.session, "hash": newest.hash,
            "rows": look.rows.numbers, "digest": look.rows.digest,
        });
        self.append_audit(ITSELF, SEEN, SUBJECT, &detail)
    }

    /// Notes which sessions' events and rows are removed, before they are.
    ///
    /// # Errors
    /// As [`Change::append_audit`].
    pub fn note_removal(&self, actor: &str, removal: &JournalRemoval) -> Result<(), StoreError> {
        if !removal.events.is_empty() {
            let JournalRemoval { events, rows, reason, .. } = removal;
            let detail = if rows.numbers.is_empty() {
                json!({ "numbers": events, "reason": reason })
            } else {
                json!({ "numbers": events, "reason": reason, "rows": rows.numbers, "digest": rows.digest })
            };
            self.append_audit(actor, REMOVED, SUBJECT, &detail)?;
        }
        if !removal.forgotten.is_empty() {
            let detail = json!({ "numbers": removal.forgotten, "reason": "age" });
            self.append_audit(actor, FORGOTTEN, SUBJECT, &detail)?;
        }
        Ok(())
    }
}
