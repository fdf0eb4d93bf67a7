//! A statement that needs approval: what approvers see of it, what binds their approval to it, and what its
//! client is told while it waits.

use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::ApprovalMode;
use crate::domain::RequestId;
use crate::domain::digest::Parts;
use crate::domain::hex;
use crate::mask::Notes;
use crate::pipeline::Held;
use crate::pipeline::Waiting;
use crate::pipeline::snapshot::Governed;
use crate::protocol::postgres::session::names::Definition;
use crate::protocol::postgres::session::record::SubmittedBy;
use crate::protocol::postgres::session::session_settings::SessionSettings;
use crate::protocol::postgres::wire::back::Transaction;
use crate::protocol::postgres::wire::front::Bind;
use crate::protocol::postgres::wire::values::Format;

/// The longest wait, which exceeds every approval: the client waits for its end.
const PATIENT: Duration = Duration::from_hours(24 * 8);
/// The interval at which a client is told that its statement waits.
pub(super) const REMIND: Duration = Duration::from_secs(20);
/// The interval once the client has sent so much ahead that no more is read. That it has left then shows only
/// when it no longer takes what it is told.
pub(super) const REMIND_OFTEN: Duration = Duration::from_secs(3);
/// The time after which the client of a waiting statement counts as gone if it acknowledges nothing of what
/// it is told.
pub(super) const GONE: Duration = Duration::from_mins(1);

/// A statement that needs approval, with all that its approvers see and approve.
pub(super) struct HeldStatement<'a> {
    pub(super) submitted_by: SubmittedBy,
    pub(super) sql: &'a [u8],
    /// The types of its parameters, as sent in the `Parse`.
    pub(super) types: &'a [u8],
    /// The prepared statements and cursors that it runs.
    pub(super) runs: &'a [Rc<Definition>],
    pub(super) bind: Option<&'a Bind<'a>>,
    pub(super) database: &'a str,
    pub(super) transaction: Transaction,
    /// The settings of its session, and whether names are looked up elsewhere than usual.
    pub(super) settings: &'a SessionSettings,
    pub(super) names_moved: bool,
    /// Further lines for its approvers.
    pub(super) preview: &'a str,
    /// Whether it changes the current row of a cursor.
    pub(super) at_cursor: bool,
    /// Whether it is a `COPY … FROM STDIN`.
    pub(super) copies_in: bool,
    pub(super) request: RequestId,
    pub(super) governed: &'a Governed,
    /// The bytes that it keeps in memory while it waits.
    pub(super) bytes: usize,
}

impl HeldStatement<'_> {
    /// Returns what the pipeline needs to hold it.
    pub(super) fn held(&self, told: oneshot::Sender<Waiting>) -> Held {
        let plan = &self.governed.plan;
        let mut notes = Notes::default();
        let (detail, own) = self.detail(&mut notes);
        let reason = reason(self.sql).unwrap_or_default();
        // Masked before it is cut: part of a value would not be recognized.
        let reason = plan.text(reason, "reason", &mut notes).unwrap_or_else(|| reason.to_owned());
        let reason = reason.chars().take(Held::MAX_REASON).collect();
        let wait = match self.governed.connection.database.approval_mode {
            ApprovalMode::Wait => PATIENT,
            ApprovalMode::Retry => Duration::ZERO,
        };
        let mut held = Held::new(self.digest(), detail, false, self.bytes);
        // Inserted after the text was cut, so that the preview does not make a statement too long.
        held.detail.insert_str(own, self.preview);
        Held { reason, wait: Some(wait), told: Some(told), ..held }
    }

    /// Returns the SHA-256 over everything that determines what the statement does, each part prefixed by its
    /// length.
    fn digest(&self) -> String {
        let mut digest = Parts::default();
        digest.add("postgres").add(self.database);
        digest.add(if self.submitted_by == SubmittedBy::Simple { "simple" } else { "extended" });
        digest.add(self.settings.digest(self.names_moved)).add(self.sql).add(self.types);
        digest.add_count(self.runs.len());
        for definition in self.runs {
            digest.add(&definition.sql).add(&definition.types);
        }
        if let Some(bind) = self.bind {
            for (place, value) in bind.values.each().enumerate() {
                let format = match (value, bind.formats.of(place)) {
                    (None, _) => "null",
                    (Some(_), Some(Format::Binary)) => "binary",
                    (Some(_), _) => "text",
                };
                digest.add(format).add(value.unwrap_or_default());
            }
        }
        // No text tells the row, so that nothing else may use this approval.
        if self.at_cursor {
            digest.add("at cursor").add(self.request.to_string());
        }
        digest.hex()
    }

    /// Returns the statement as approvers read it, masked, and the length of the gateway's own lines at its
    /// beginning.
    fn detail(&self, notes: &mut Notes) -> (String, usize) {
        let plan = &self.governed.plan;
        // The gateway's lines come first, so that nothing in the client's text can pass for them.
        let mut detail = format!("database {}, ", self.database);
        detail.push_str(match self.transaction {
            Transaction::Idle => "in no transaction\n",
            Transaction::Open => "inside an open transaction, which keeps its locks while this waits\n",
            Transaction::Failed => "inside a failed transaction\n",
        });
        if self.copies_in {
            detail.push_str("it copies data in: its rows come after the approval and are not part of it\n");
        }
        if self.at_cursor {
            detail.push_str(
                "it changes the row on which its cursor stands; which row of the cursor's query that is, is not shown\n",
            );
        }
        for line in self.settings.lines(self.names_moved) {
            detail.push_str(plan.text(&line, "sql", notes).as_deref().unwrap_or(&line));
            detail.push('\n');
        }
        let own = detail.len();
        let values = self.bind.iter().flat_map(|bind| {
            bind.values.each().enumerate().map(|(place, value)| (place, value, bind.formats.of(place)))
        });
        for (place, value, format) in values {
            if detail.len() > Held::MAX_SHOWN {
                break;
            }
            let _infallible = write!(detail, "${} = ", place.saturating_add(1));
            match value.map(std::str::from_utf8) {
                None => detail.push_str("NULL"),
                Some(Ok(text)) if format != Some(Format::Binary) || !text.chars().any(char::is_control) => {
                    let masked = plan.text(text, "params", notes);
                    let text = masked.as_deref().unwrap_or(text);
                    let _infallible = write!(detail, "'{}'", text.replace('\'', "''"));
                }
                // A value in binary format is shown in full, as bytes.
                Some(_) => {
                    let _infallible = write!(detail, "\\x{}", hex::encode(value.unwrap_or_default()));
                }
            }
            detail.push('\n');
        }
        let texts = self.runs.iter().map(|definition| &*definition.sql).chain(std::iter::once(self.sql));
        let last = self.runs.len();
        for (place, sql) in texts.enumerate() {
            detail.push_str(if place < last { "it runs by name:\n" } else { "\n" });
            let text = String::from_utf8_lossy(sql);
            detail.push_str(plan.text(&text, "sql", notes).as_deref().unwrap_or(&text));
            detail.push('\n');
        }
        (detail, own)
    }
}

/// The reason that a client gives in the first comment of its text: `-- reason: …` or `/* reason: … */`.
fn reason(sql: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(sql).ok()?.trim_start();
    let comment = match text.strip_prefix("--") {
        Some(line) => line.lines().next()?,
        None => text.strip_prefix("/*")?.split("*/").next()?,
    };
    Some(comment.trim().strip_prefix("reason:")?.trim())
}

/// Returns what the client of a waiting statement is told.
pub(super) fn words(waiting: &Waiting) -> String {
    format!(
        "waiting for approval {} of {} (policy {})",
        waiting.approval,
        waiting.from.join(" or "),
        waiting.rule
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_the_first_comment() {
        for (sql, wanted) in [
            ("-- reason: ticket 7\nDELETE FROM t", Some("ticket 7")),
            ("  /* reason: ticket 7 */ DELETE FROM t", Some("ticket 7")),
            ("DELETE FROM t -- reason: no", None),
            ("/* other */ DELETE", None),
            ("-- reason:\rDELETE FROM t", Some("DELETE FROM t")),
            ("", None),
        ] {
            assert_eq!(reason(sql.as_bytes()), wanted, "{sql}");
        }
    }
}
