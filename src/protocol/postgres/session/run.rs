//! One command while it runs: what came back so far, and what the recording keeps of it.

use std::cell::RefCell;
use std::cell::RefMut;
use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;

use crate::domain::Denied;
use crate::domain::EventKind;
use crate::domain::event::Direction;
use crate::domain::json::push_string;
use crate::domain::json::write::Object as Json;
use crate::domain::sql::Verb;
use crate::mask::Notes;
use crate::pipeline::ReplyGuard;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::rows::Exposure;
use crate::protocol::postgres::rows::RowError;
use crate::protocol::postgres::rows::RowPlan;
use crate::protocol::postgres::session::names::Definition;
use crate::protocol::postgres::session::names::Described;
use crate::protocol::postgres::session::record::word;
use crate::protocol::postgres::session::record::write_binary;
use crate::protocol::postgres::session::session_settings::SettingChange;
use crate::protocol::postgres::targets::CatalogView;
use crate::protocol::postgres::wire::back::RowDescription;
use crate::protocol::postgres::wire::back::Transaction;
use crate::protocol::postgres::wire::back::read_row;
use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::values::Format;
use crate::protocol::postgres::wire::values::Values;

/// One command. Clones are one: a portal and those who run it share it.
#[derive(Clone)]
pub(super) struct Run(Rc<RefCell<Running>>);

/// What was copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Copied {
    pub(super) out: bool,
    pub(super) bytes: u64,
    pub(super) messages: u64,
}

/// How a statement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StatementEnd {
    /// With this tag.
    Complete(String),
    /// With an error of this SQLSTATE and message, as the client sees it.
    Error { state: String, message: String },
    /// With this tag, and the client was told this error: it was cut at a limit when the target was done with
    /// it.
    CutDone { tag: String, state: String, message: String },
    /// It was sent, and the session ended before it was done.
    Cut,
    /// It was bound and never run.
    NotRun,
    /// At its limit of rows; it may go on.
    Suspended,
}

/// What is known of a command that runs.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about one command")]
pub(super) struct Running {
    /// There once it was admitted.
    pub(super) guard: Option<ReplyGuard>,
    /// What runs.
    definition: Rc<Definition>,
    /// The formats that a `Bind` asked for; none: as the description says.
    results: Vec<Format>,
    /// What is known of the catalogue, and where masked values may turn up; `None` where nothing is masked.
    masking: Option<(Arc<CatalogView>, Exposure)>,
    /// The tag of the masks when there were none.
    plain_tag: Option<Box<str>>,
    /// How its rows are masked, once they are described.
    rows_plan: Option<Rc<RowPlan>>,
    /// Room for one cell.
    cell: Vec<u8>,
    /// Whether the columns of its rows are known.
    described: bool,
    /// What is copied, while it is.
    pub(super) copied: Option<Copied>,
    /// What it sets when it runs, where it was bound.
    pub(super) sets: Option<SettingChange>,
    /// Why what still comes is not sent on: the error that the client gets in its place.
    pub(super) cut: Option<Refusal>,
    /// Rows since the last end, and all of them.
    rows: u64,
    pub(super) all_rows: u64,
    bytes: u64,
    began: Instant,
    /// How many statements of its text are done; of a text that is sent whole, in the simple protocol.
    done: usize,
    /// Something that runs it was sent.
    sent: bool,
    ended: bool,
    /// The target has told of its error: of a text that was sent whole, nothing comes behind that.
    failed: bool,
    over: bool,
    kept: String,
    /// How much the rows that are kept may take; 0 once they take it all.
    room: usize,
    kept_cut: bool,
    /// Which columns were withheld, in words.
    withheld: Option<String>,
}

/// Why a row cannot be passed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unmasked {
    /// Its columns are not known.
    #[error("its columns are not known")]
    NotDescribed,
    /// It does not fit its description.
    #[error(transparent)]
    Row(#[from] RowError),
    /// It is no row.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// The names of columns as the beginning of what the recording keeps of rows.
fn names_of(columns: &RowDescription<'_>) -> String {
    let mut names = String::from("{\"columns\":[");
    for (place, column) in columns.columns().enumerate() {
        names.push_str(if place == 0 { "" } else { "," });
        push_string(&String::from_utf8_lossy(column.name), &mut names);
    }
    names.push_str("],\"rows\":[");
    names
}

impl Run {
    /// A command that is about to be sent.
    pub(super) fn new(
        definition: Rc<Definition>,
        results: Vec<Format>,
        masking: Option<(Arc<CatalogView>, Exposure)>,
    ) -> Self {
        Self(Rc::new(RefCell::new(Running {
            guard: None,
            definition,
            results,
            masking,
            plain_tag: None,
            rows_plan: None,
            cell: Vec::new(),
            described: false,
            copied: None,
            sets: None,
            cut: None,
            rows: 0,
            all_rows: 0,
            bytes: 0,
            began: Instant::now(),
            done: 0,
            sent: false,
            ended: false,
            failed: false,
            over: false,
            kept: String::new(),
            room: 0,
            kept_cut: false,
            withheld: None,
        })))
    }

    /// What is known of it.
    pub(super) fn get(&self) -> RefMut<'_, Running> {
        self.0.borrow_mut()
    }
}

impl Running {
    /// It was admitted.
    pub(super) fn admitted(&mut self, guard: ReplyGuard) {
        self.room = guard.keeps().map_or(0, |keep| usize::try_from(keep).unwrap_or(usize::MAX));
        self.plain_tag = Some(guard.governed().mask_tag.clone());
        self.guard = Some(guard);
    }

    /// Whether it has run to its end: then it cannot be run again.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// It has run to its end: the session may rest.
    pub(super) fn give_back(&mut self) {
        self.over = true;
        self.guard = None;
    }

    /// What was sent to run it was passed over by the target.
    pub(super) fn passed_over(&mut self) {
        self.sent = false;
    }

    /// The formats that its `Bind` asked for.
    pub(super) fn results(&self) -> Vec<Format> {
        self.results.clone()
    }

    /// It is run in the portal of an earlier `Bind`, which asked for these formats.
    pub(super) fn bound_with(&mut self, results: Vec<Format>) {
        self.results = results;
    }

    /// It is being run.
    pub(super) fn sent(&mut self) {
        self.sent = true;
        self.ended = false;
    }

    /// Whether its rows cannot be passed before they are described. What was described before, for the same
    /// formats and under the same catalogue, holds.
    pub(super) fn wants_description(&mut self) -> bool {
        let Some((known, exposure)) = &self.masking else { return false };
        if self.described {
            return false;
        }
        let described = self.definition.described.borrow().clone();
        let fits = |described: &Described| {
            described.results == self.results
                && Arc::ptr_eq(&described.known, known)
                && described.exposure == *exposure
        };
        let Some(described) = described.filter(fits) else { return true };
        self.begin_rows(&described.columns);
        self.rows_plan = Some(described.plan);
        self.described = true;
        false
    }

    /// It gives no rows.
    pub(super) fn gives_nothing(&mut self) {
        self.described = true;
    }

    /// The columns of the rows that follow. Gives what the client is to be told about them, if anything, and
    /// whether the catalogue is older than they are.
    pub(super) fn describe(&mut self, columns: &RowDescription<'_>) -> (Option<String>, bool) {
        self.described = true;
        let names = names_of(columns);
        self.begin_rows(&names);
        let Some((known, exposure)) = &self.masking else { return (None, false) };
        let plan = Rc::new(RowPlan::of(&known.masked, columns, &[], *exposure));
        let said = (plan.notes(), plan.stale());
        if !plan.stale() {
            *self.definition.described.borrow_mut() = Some(Described {
                results: self.results.clone(),
                known: Arc::clone(known),
                exposure: *exposure,
                plan: Rc::clone(&plan),
                columns: names.into(),
            });
        }
        self.withheld.clone_from(&said.0);
        self.rows_plan = Some(plan);
        said
    }

    fn begin_rows(&mut self, columns: &str) {
        // Rows of an earlier statement of the same text: their end, which comes first, has recorded them.
        self.kept.clear();
        if columns.len() > self.room {
            self.kept_cut |= self.room > 0;
            self.room = 0;
        } else {
            self.kept.push_str(columns);
        }
    }

    /// Whether the columns of its rows are known.
    pub(super) fn is_described(&self) -> bool {
        self.described
    }

    /// A statement of a text that was sent whole is done; the rows of the next one have a description of
    /// their own. Gives whether the text has so many statements.
    pub(super) fn statement_done(&mut self) -> bool {
        self.described = false;
        self.rows_plan = None;
        self.done = self.done.saturating_add(1);
        let most = self.definition.judgement.effects().map(|effects| effects.statements.max(1));
        most.is_none_or(|most| self.done <= most)
    }

    /// The target says that it has failed. Gives whether it could: it does so once.
    pub(super) fn fails(&mut self) -> bool {
        !std::mem::replace(&mut self.failed, true)
    }

    /// A statement is done of a text whose client was told that it failed. Gives whether the target could
    /// still do one.
    pub(super) fn unheard_done(&mut self) -> bool {
        !self.failed && self.statement_done()
    }

    /// What runs.
    pub(super) fn definition(&self) -> &Rc<Definition> {
        &self.definition
    }

    /// What is known of the catalogue now: while it was held, that may have changed.
    pub(super) fn remask(&mut self, masking: Option<(Arc<CatalogView>, Exposure)>) {
        self.masking = masking;
    }

    /// Whether it may ask for data to copy in, or send data that is copied out.
    pub(super) fn copies(&self, verb: Verb) -> bool {
        let effects = self.definition.judgement.effects();
        effects.is_none_or(|effects| effects.verbs.contains(&verb) || effects.runs_unseen())
    }

    /// Where masked values may turn up in what is said about it.
    pub(super) fn exposure(&self) -> Exposure {
        self.masking.as_ref().map_or(Exposure::NOTHING, |(_, exposure)| *exposure)
    }

    /// Whether its rows are masked by the masks of this tag.
    pub(super) fn is_masked_by(&self, mask_tag: &str) -> bool {
        match &self.masking {
            Some((known, _)) => *known.mask_tag == *mask_tag,
            None => self.plain_tag.as_deref().is_none_or(|tag| tag == mask_tag),
        }
    }

    /// Whether values are masked, and this is no text but a form that they cannot be found in.
    pub(super) fn is_masked(&self) -> bool {
        self.masking.is_some()
    }

    /// Appends a row as the client may see it, and keeps that for the recording.
    ///
    /// # Errors
    /// It cannot be masked.
    pub(super) fn pass_row(&mut self, frame: &[u8], out: &mut BytesMut) -> Result<(), Unmasked> {
        let from = out.len();
        match &self.rows_plan {
            Some(plan) if !plan.passes() => {
                let mut notes = Notes::default();
                plan.row(body(frame), out, &mut notes, &mut self.cell)?;
                if let Some(guard) = self.guard.as_mut().filter(|_| !notes.is_empty()) {
                    guard.add_notes(&notes);
                }
            }
            None if self.masking.is_some() => return Err(Unmasked::NotDescribed),
            Some(plan) => {
                plan.fits(body(frame))?;
                out.extend_from_slice(frame);
            }
            None => out.extend_from_slice(frame),
        }
        if self.room > 0 {
            let row = body(out.get(from..).unwrap_or_default());
            let values = read_row(row)?;
            self.keep_row(row, &values);
        }
        Ok(())
    }

    /// Whether rows may pass without being looked at.
    pub(super) fn passes_rows(&self) -> bool {
        self.masking.is_none() || self.rows_plan.as_ref().is_some_and(|plan| plan.passes())
    }

    /// Counts a row that is sent on.
    pub(super) fn count_row(&mut self, bytes: u64) {
        self.rows = self.rows.saturating_add(1);
        self.all_rows = self.all_rows.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Keeps a row, as it is sent on, for the recording.
    fn keep_row(&mut self, body: &[u8], values: &Values<'_>) {
        if self.room == 0 {
            return;
        }
        if self.kept.len().saturating_add(body.len()) > self.room {
            self.room = 0;
            self.kept_cut = true;
            return;
        }
        if self.kept.is_empty() {
            self.kept.push_str("{\"rows\":[");
        }
        self.kept.push_str(if self.kept.ends_with('[') { "[" } else { ",[" });
        for (place, value) in values.each().enumerate() {
            self.kept.push_str(if place == 0 { "" } else { "," });
            match value.map(|value| (value, std::str::from_utf8(value))) {
                None => self.kept.push_str("null"),
                Some((value, Ok(text))) if !text.contains('\0') => {
                    debug_assert!(value.len() <= body.len());
                    push_string(text, &mut self.kept);
                }
                Some((value, _)) => write_binary(value, value.len(), &mut self.kept),
            }
        }
        self.kept.push(']');
    }

    /// A row is sent on that is too long to be kept.
    pub(super) fn skips_row(&mut self) {
        self.kept_cut |= self.room > 0;
    }

    fn flush_rows(&mut self) -> Result<(), Denied> {
        let mut data = std::mem::take(&mut self.kept);
        if !data.contains("\"rows\":[[") {
            return Ok(());
        }
        data.push(']');
        if self.kept_cut {
            data.push_str(",\"cut\":true");
        }
        data.push('}');
        match &mut self.guard {
            Some(guard) => guard.record(EventKind::SqlRows, Direction::S2c, data),
            None => Ok(()),
        }
    }

    /// Records how it went, so far.
    ///
    /// # Errors
    /// It could not be recorded: what is left of it must not be sent.
    pub(super) fn end(&mut self, end: &StatementEnd, transaction: Transaction) -> Result<(), Denied> {
        self.flush_rows()?;
        self.ended = true;
        let transaction = after(end, transaction);
        let mut data = String::with_capacity(128);
        let mut done = Json::begin(&mut data);
        match end {
            StatementEnd::Complete(tag) => done.text("tag", tag).word("end", "complete"),
            StatementEnd::Error { state, message } => {
                done.word("end", "error");
                write_error(&mut done, state, message)
            }
            StatementEnd::CutDone { tag, state, message } => {
                done.text("tag", tag).word("end", "complete").value("cut", true);
                write_error(&mut done, state, message)
            }
            StatementEnd::Cut => done.word("end", "cut"),
            StatementEnd::NotRun => done.word("end", "not_run"),
            StatementEnd::Suspended => done.word("end", "suspended"),
        };
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (rows, bytes) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.bytes));
        done.value("rows", rows)
            .value("bytes", bytes)
            .value("total_us", micros)
            .word("tx", word(transaction));
        if let Some(copied) = self.copied.take() {
            done.object("copy")
                .word("dir", if copied.out { "out" } else { "in" })
                .value("bytes", copied.bytes)
                .value("messages", copied.messages);
        }
        if let Some(withheld) = &self.withheld {
            done.texts("withheld", [withheld]);
        }
        drop(done);
        let Some(guard) = &mut self.guard else { return Ok(()) };
        guard.count(bytes, 0);
        guard.record_end(EventKind::SqlDone, data)
    }
}

fn write_error<'a, 'out>(done: &'a mut Json<'out>, state: impl Display, message: &str) -> &'a mut Json<'out> {
    done.object("error").word("sqlstate", state).text("message", message);
    done
}

/// Where the transaction stands after a statement that ended like this; `before` is where it stood.
fn after(end: &StatementEnd, before: Transaction) -> Transaction {
    match (end, before) {
        (StatementEnd::Complete(tag) | StatementEnd::CutDone { tag, .. }, _) => match tag.as_str() {
            "BEGIN" | "START TRANSACTION" => Transaction::Open,
            "COMMIT" | "ROLLBACK" | "PREPARE TRANSACTION" => Transaction::Idle,
            _ => before,
        },
        (StatementEnd::Error { .. }, Transaction::Open) => Transaction::Failed,
        _ => before,
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.guard.is_some() && !self.ended {
            let end = if self.sent { StatementEnd::Cut } else { StatementEnd::NotRun };
            let recorded = self.end(&end, Transaction::Idle);
            if let Err(denied) = recorded {
                tracing::error!(code = %denied.code, "that a command was not run could not be recorded");
            }
        }
    }
}
