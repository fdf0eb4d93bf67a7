//! One running command: its results so far, and what is recorded of it.

use std::cell::RefCell;
use std::cell::RefMut;
use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::digest;
use bytes::BytesMut;

use crate::domain::Denied;
use crate::domain::EventKind;
use crate::domain::event::Direction;
use crate::domain::hex;
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
use crate::protocol::postgres::session::row_recorder::RowRecorder;
use crate::protocol::postgres::session::row_recorder::write_columns;
use crate::protocol::postgres::session::session_settings::SettingChange;
use crate::protocol::postgres::targets::CatalogView;
use crate::protocol::postgres::wire::back::RowDescription;
use crate::protocol::postgres::wire::back::Transaction;
use crate::protocol::postgres::wire::back::read_row;
use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::values::Format;

/// One running command. Clones share it: a portal, and each `Execute` of it.
#[derive(Clone)]
pub(super) struct Run(Rc<RefCell<Running>>);

/// The counts of a copy.
pub(super) struct Copied {
    pub(super) out: bool,
    pub(super) bytes: u64,
    pub(super) messages: u64,
    /// The digest of data that is copied in, which is recorded nowhere else.
    pub(super) digest: Option<digest::Context>,
}

impl Copied {
    /// Starts the counts of a copy, out or in.
    pub(super) fn begin(out: bool) -> Self {
        let digest = (!out).then(|| digest::Context::new(&digest::SHA256));
        Self { out, bytes: 0, messages: 0, digest }
    }
}

/// How a statement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StatementEnd {
    /// It completed with this tag.
    Complete(String),
    /// It failed with this SQLSTATE and message, as the client sees them.
    Error { state: String, message: String },
    /// It completed with this tag, but the client got this error: it was cut at a limit when the target had
    /// already completed it.
    CutDone { tag: String, state: String, message: String },
    /// It was sent, and the session ended before it completed.
    Cut,
    /// It was bound and never executed.
    NotRun,
    /// It reached the row limit of its `Execute`; it may go on.
    Suspended,
}

/// The progress of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// No message that runs it was sent, or the target has skipped it.
    NotSent,
    /// A message that runs it was sent.
    Sent,
    /// What was sent is complete and recorded; the command may be run on.
    Ended,
    /// It has run to its end. Running its portal again is a new command.
    Over,
}

/// The state of a running command.
pub(super) struct Running {
    /// The guard of its reply; `Some` from its admission to its end.
    pub(super) guard: Option<ReplyGuard>,
    /// The SQL that runs.
    definition: Rc<Definition>,
    /// The result formats that its `Bind` asked for; empty means as the description says.
    results: Vec<Format>,
    /// The view of the catalog, and where masked values may appear; `None` if nothing is masked.
    masking: Option<(Arc<CatalogView>, Exposure)>,
    /// The tag of the masks under which it was admitted.
    plain_tag: Option<Box<str>>,
    /// How its rows are masked; `Some` once they are described.
    rows_plan: Option<Rc<RowPlan>>,
    /// A buffer for one value.
    cell: Vec<u8>,
    /// Whether the columns of its rows are known.
    described: bool,
    /// The counts of its copy; `Some` during one.
    pub(super) copied: Option<Copied>,
    /// The settings that it changes when it is executed, if it was bound.
    pub(super) sets: Option<SettingChange>,
    /// The error that the client gets in place of the rest of the reply; `Some` once it is cut.
    pub(super) cut: Option<Refusal>,
    /// The number of rows that were sent to the client.
    pub(super) all_rows: u64,
    recorder: RowRecorder,
    began: Instant,
    /// The number of completed statements of its text, in the simple query protocol.
    done: usize,
    progress: Progress,
    /// Whether the target has reported an error: in the simple query protocol nothing of the text follows it.
    failed: bool,
    /// A sentence that says which columns were withheld.
    withheld: Option<String>,
}

/// Why a row cannot be sent to the client.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unmasked {
    /// The columns of the row are not known.
    #[error("its columns are not known")]
    NotDescribed,
    /// The row does not fit its description.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The message is not a valid row.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl Run {
    /// Creates a command that is about to be sent.
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
            all_rows: 0,
            recorder: RowRecorder::default(),
            began: Instant::now(),
            done: 0,
            progress: Progress::NotSent,
            failed: false,
            withheld: None,
        })))
    }

    /// Borrows its state.
    pub(super) fn get(&self) -> RefMut<'_, Running> {
        self.0.borrow_mut()
    }
}

impl Running {
    /// Notes that the command was admitted.
    pub(super) fn admitted(&mut self, guard: ReplyGuard) {
        self.recorder.set_room(guard.keeps());
        self.plain_tag = Some(guard.governed().mask_tag.clone());
        self.guard = Some(guard);
    }

    /// Returns whether it has run to its end.
    pub(super) fn is_over(&self) -> bool {
        self.progress == Progress::Over
    }

    /// Notes that it has run to its end, and releases the guard, so that the session can count as idle.
    pub(super) fn give_back(&mut self) {
        self.progress = Progress::Over;
        self.guard = None;
    }

    /// Notes that the target has skipped the message that runs it.
    pub(super) fn passed_over(&mut self) {
        if self.progress == Progress::Sent {
            self.progress = Progress::NotSent;
        }
    }

    /// Returns the result formats that its `Bind` asked for.
    pub(super) fn results(&self) -> Vec<Format> {
        self.results.clone()
    }

    /// Sets the result formats that an earlier `Bind` of its portal asked for.
    pub(super) fn bound_with(&mut self, results: Vec<Format>) {
        self.results = results;
    }

    /// Notes that a message that runs it was sent.
    pub(super) fn sent(&mut self) {
        self.go_on(Progress::Sent);
    }

    /// Notes progress, unless it has run to its end: later replies do not change that.
    fn go_on(&mut self, progress: Progress) {
        if self.progress != Progress::Over {
            self.progress = progress;
        }
    }

    /// Returns whether its rows must be described before they can be sent. Uses an earlier description if the
    /// formats, the view of the catalog and the exposure are the same.
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
        self.recorder.begin(&described.columns);
        self.rows_plan = Some(described.plan);
        self.described = true;
        false
    }

    /// Notes that it returns no rows.
    pub(super) fn gives_nothing(&mut self) {
        self.described = true;
    }

    /// Takes the columns of the rows that follow. Returns what the client is told about withheld columns, if
    /// any, and whether the catalog is older than these columns.
    pub(super) fn describe(&mut self, columns: &RowDescription<'_>) -> (Option<String>, bool) {
        self.described = true;
        let names = write_columns(columns);
        self.recorder.begin(&names);
        let Some((known, exposure)) = &self.masking else { return (None, false) };
        let outputs = self.definition.judgement.effects().and_then(|effects| effects.outputs.as_ref());
        let plan = Rc::new(RowPlan::of(&known.masked, columns, &[], *exposure, outputs));
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

    /// Returns whether the columns of its rows are known.
    pub(super) fn is_described(&self) -> bool {
        self.described
    }

    /// Notes that a statement of a simple query is complete; the rows of the next one have their own
    /// description. Returns `false` if the text does not have that many statements.
    pub(super) fn statement_done(&mut self) -> bool {
        self.described = false;
        self.rows_plan = None;
        self.done = self.done.saturating_add(1);
        let most = self.definition.judgement.effects().map(|effects| effects.statements.max(1));
        most.is_none_or(|most| self.done <= most)
    }

    /// Notes that the target reports an error. Returns `false` if it has done so before.
    pub(super) fn fails(&mut self) -> bool {
        !std::mem::replace(&mut self.failed, true)
    }

    /// Notes that a statement is complete in a simple query whose client was already told that it failed.
    /// Returns `false` if the target could not complete one any more.
    pub(super) fn unheard_done(&mut self) -> bool {
        !self.failed && self.statement_done()
    }

    /// Returns the SQL that runs.
    pub(super) fn definition(&self) -> &Rc<Definition> {
        &self.definition
    }

    /// Sets the current view of the catalog, which may have changed while the command was held.
    pub(super) fn remask(&mut self, masking: Option<(Arc<CatalogView>, Exposure)>) {
        self.masking = masking;
    }

    /// Returns whether it may start a copy in this direction.
    pub(super) fn copies(&self, verb: Verb) -> bool {
        let effects = self.definition.judgement.effects();
        effects.is_none_or(|effects| effects.verbs.contains(&verb) || effects.runs_unseen())
    }

    /// Returns where masked values may appear in messages about it.
    pub(super) fn exposure(&self) -> Exposure {
        self.masking.as_ref().map_or(Exposure::NOTHING, |(_, exposure)| *exposure)
    }

    /// Returns whether its rows are masked by the masks with this tag.
    pub(super) fn is_masked_by(&self, mask_tag: &str) -> bool {
        match &self.masking {
            Some((known, _)) => *known.mask_tag == *mask_tag,
            None => self.plain_tag.as_deref().is_none_or(|tag| tag == mask_tag),
        }
    }

    /// Returns whether its values are masked.
    pub(super) fn is_masked(&self) -> bool {
        self.masking.is_some()
    }

    /// Appends a row as the client may see it, and keeps that for the recording.
    ///
    /// # Errors
    /// The row cannot be masked.
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
        if self.recorder.keeps_rows() {
            let row = body(out.get(from..).unwrap_or_default());
            self.recorder.keep(row, &read_row(row)?);
        }
        Ok(())
    }

    /// Returns whether rows may pass without being read.
    pub(super) fn passes_rows(&self) -> bool {
        self.masking.is_none() || self.rows_plan.as_ref().is_some_and(|plan| plan.passes())
    }

    /// Counts a row that is sent to the client.
    pub(super) fn count_row(&mut self, bytes: u64) {
        self.all_rows = self.all_rows.saturating_add(1);
        self.recorder.count(bytes);
    }

    /// Counts a row that is sent to the client but too long to be kept.
    pub(super) fn count_long_row(&mut self, bytes: u64) {
        self.count_row(bytes);
        self.recorder.skip();
    }

    fn record_rows(&mut self) -> Result<(), Denied> {
        match (self.recorder.take_rows(), &mut self.guard) {
            (Some(data), Some(guard)) => guard.record(EventKind::SqlRows, Direction::S2c, data),
            _ => Ok(()),
        }
    }

    /// Records how the command ended, or where it stopped.
    ///
    /// # Errors
    /// It could not be recorded: the rest of its reply must not be sent.
    pub(super) fn end(&mut self, end: &StatementEnd, transaction: Transaction) -> Result<(), Denied> {
        self.record_rows()?;
        self.go_on(Progress::Ended);
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
        let (rows, bytes) = self.recorder.take_counts();
        done.value("rows", rows)
            .value("bytes", bytes)
            .value("total_us", micros)
            .word("tx", word(transaction));
        if let Some(copied) = self.copied.take() {
            let mut copy = done.object("copy");
            copy.word("dir", if copied.out { "out" } else { "in" })
                .value("bytes", copied.bytes)
                .value("messages", copied.messages);
            let digest = copied.digest.map(|digest| hex::encode(digest.finish().as_ref()));
            // Where values are masked, a plain digest would let a guess of the data be checked.
            let plan = self.guard.as_ref().map(|guard| &guard.governed().plan);
            match (digest, plan.filter(|plan| !plan.is_empty())) {
                (Some(digest), Some(plan)) => copy.word("hmac", plan.keyed_digest(digest.as_bytes())),
                (Some(digest), None) => copy.word("sha256", digest),
                (None, _) => &mut copy,
            };
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

/// Returns the transaction status after a statement with this end; `before` is the status before it.
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
        let end = match self.progress {
            Progress::NotSent => StatementEnd::NotRun,
            Progress::Sent => StatementEnd::Cut,
            Progress::Ended | Progress::Over => return,
        };
        if self.guard.is_some() {
            let recorded = self.end(&end, Transaction::Idle);
            if let Err(denied) = recorded {
                tracing::error!(code = %denied.code, "that a command was not run could not be recorded");
            }
        }
    }
}
