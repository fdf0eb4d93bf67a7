//! One command while it runs: what came back so far, and what the recording keeps of it.

use std::cell::RefCell;
use std::cell::RefMut;
use std::fmt::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::domain::Denied;
use crate::domain::EventKind;
use crate::domain::event::Direction;
use crate::domain::json::push_string;
use crate::domain::sql::Effects;
use crate::pipeline::ReplyGuard;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::session::record::word;
use crate::protocol::postgres::session::record::write_binary;
use crate::protocol::postgres::wire::back::RowDescription;
use crate::protocol::postgres::wire::back::Transaction;
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
pub(super) enum End {
    /// With this tag.
    Complete(String),
    /// With an error of this SQLSTATE and message, as the client sees it.
    Error { state: String, message: String },
    /// It was sent, and the session ended before it was done.
    Cut,
    /// It was bound and never run.
    NotRun,
    /// At its limit of rows; it may go on.
    Suspended,
}

/// What is known of a command that runs.
pub(super) struct Running {
    /// There once it was admitted.
    pub(super) guard: Option<ReplyGuard>,
    /// What it does, where that is known.
    pub(super) effects: Option<Arc<Effects>>,
    /// The formats that a `Bind` asked for; none: as the description says.
    pub(super) results: Vec<Format>,
    /// Whether the columns of its rows are known.
    pub(super) described: bool,
    /// What is copied, while it is.
    pub(super) copied: Option<Copied>,
    /// Why what still comes is not sent on: the error that the client gets in its place.
    pub(super) cut: Option<Refusal>,
    /// Rows since the last end, and all of them.
    rows: u64,
    pub(super) all_rows: u64,
    bytes: u64,
    began: Instant,
    /// Something that runs it was sent.
    sent: bool,
    ended: bool,
    kept: String,
    /// How much the rows that are kept may take; 0 once they take it all.
    room: usize,
    kept_cut: bool,
}

impl Run {
    /// A command that is about to be sent.
    pub(super) fn new(effects: Option<Arc<Effects>>, results: Vec<Format>) -> Self {
        Self(Rc::new(RefCell::new(Running {
            guard: None,
            effects,
            results,
            described: false,
            copied: None,
            cut: None,
            rows: 0,
            all_rows: 0,
            bytes: 0,
            began: Instant::now(),
            sent: false,
            ended: false,
            kept: String::new(),
            room: 0,
            kept_cut: false,
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
        self.guard = Some(guard);
    }

    /// It is being run.
    pub(super) fn sent(&mut self) {
        self.sent = true;
        self.ended = false;
    }

    /// The columns of the rows that follow.
    pub(super) fn describe(&mut self, columns: &RowDescription<'_>) {
        self.described = true;
        self.flush_rows();
        if self.room == 0 {
            return;
        }
        self.kept.push_str("{\"columns\":[");
        for (place, column) in columns.columns().enumerate() {
            self.kept.push_str(if place == 0 { "" } else { "," });
            push_string(&String::from_utf8_lossy(column.name), &mut self.kept);
        }
        self.kept.push_str("],\"rows\":[");
    }

    /// Whether rows are still kept for the recording.
    pub(super) fn keeps_rows(&self) -> bool {
        self.room > 0
    }

    /// Counts a row that is sent on.
    pub(super) fn count_row(&mut self, bytes: u64) {
        self.rows = self.rows.saturating_add(1);
        self.all_rows = self.all_rows.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Keeps a row, as it is sent on, for the recording.
    pub(super) fn keep_row(&mut self, body: &[u8], values: &Values<'_>) {
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

    fn flush_rows(&mut self) {
        if self.kept.is_empty() {
            return;
        }
        let mut data = std::mem::take(&mut self.kept);
        if !data.contains("\"rows\":[[") {
            return;
        }
        data.push(']');
        if self.kept_cut {
            data.push_str(",\"cut\":true");
        }
        data.push('}');
        if let Some(guard) = &mut self.guard
            && let Err(denied) = guard.record(EventKind::SqlRows, Direction::S2c, data)
        {
            tracing::error!(code = %denied.code, "rows could not be recorded");
        }
    }

    /// Records how it went, so far.
    ///
    /// # Errors
    /// It could not be recorded: what is left of it must not be sent.
    pub(super) fn end(&mut self, end: &End, transaction: Transaction) -> Result<(), Denied> {
        self.flush_rows();
        self.ended = true;
        let mut data = String::with_capacity(128);
        data.push('{');
        match end {
            End::Complete(tag) => {
                data.push_str("\"tag\":");
                push_string(tag, &mut data);
                data.push_str(",\"end\":\"complete\"");
            }
            End::Error { state, message } => {
                let _infallible =
                    write!(data, "\"end\":\"error\",\"error\":{{\"sqlstate\":\"{state}\",\"message\":");
                push_string(message, &mut data);
                data.push('}');
            }
            End::Cut => data.push_str("\"end\":\"cut\""),
            End::NotRun => data.push_str("\"end\":\"not_run\""),
            End::Suspended => data.push_str("\"end\":\"suspended\""),
        }
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (rows, bytes) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.bytes));
        let _infallible = write!(
            data,
            ",\"rows\":{rows},\"bytes\":{bytes},\"total_us\":{micros},\"tx\":\"{}\"",
            word(transaction)
        );
        if let Some(copied) = self.copied.take() {
            let dir = if copied.out { "out" } else { "in" };
            let _infallible = write!(
                data,
                ",\"copy\":{{\"dir\":\"{dir}\",\"bytes\":{},\"messages\":{}}}",
                copied.bytes, copied.messages
            );
        }
        data.push('}');
        let Some(guard) = &mut self.guard else { return Ok(()) };
        guard.count(bytes, 0);
        guard.record_end(EventKind::SqlDone, data)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.guard.is_some() && !self.ended {
            let end = if self.sent { End::Cut } else { End::NotRun };
            let recorded = self.end(&end, Transaction::Idle);
            if let Err(denied) = recorded {
                tracing::error!(code = %denied.code, "that a command was not run could not be recorded");
            }
        }
    }
}
