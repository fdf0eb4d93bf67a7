//! The SQL statements of a recording as a script: statements that were executed are written as they were
//! sent, everything else as a comment.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::io::Write;

use ahash::AHashMap;

use crate::domain::connection::Protocol;
use crate::domain::event::EventKind;
use crate::domain::id::RequestId;
use crate::domain::json::Json;
use crate::domain::text::Shown;
use crate::domain::text::is_deceptive;
use crate::recording::export::ExportError;
use crate::recording::export::must_speak;
use crate::recording::export::not_written;
use crate::recording::export::script;
use crate::recording::export::script::Closed;
use crate::recording::line::StoredEvent;
use crate::recording::line::time_text;
use crate::recording::replay::whole_parameter;
use crate::recording::session::SessionRow;

/// Maximum number of statements that wait for later events. Beyond it the oldest is written without them.
const MAX_OPEN: usize = 10_000;
/// Maximum size of these statements in bytes, in total.
const MAX_OPEN_BYTES: usize = 64 << 20;
/// Maximum nesting depth of an event's data.
const MAX_DEPTH: usize = 16;
/// Characters that end a line anywhere: in `psql`, in an editor, or for another reader of scripts.
const LINE_ENDS: [char; 7] = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];

/// Writes the SQL statements of a recording as a script for `psql`, in the order they arrived.
///
/// A statement is written as it was sent if it was allowed, completed without an error, and is
/// self-contained. All others become comments, line by line. No line has a deceptive character.
///
/// # Errors
/// Errors from `events`, `out` that cannot be written, and, before anything is written, a session that is not
/// SQL.
pub fn write_sql<E: Into<ExportError>>(
    session: &SessionRow,
    events: impl Iterator<Item = Result<StoredEvent, E>>,
    out: &mut impl Write,
) -> Result<(), ExportError> {
    must_speak(session, Protocol::Postgres, "SQL")?;
    let mut statements = Statements::default();
    head(session, out).map_err(not_written)?;
    for event in events {
        statements.add(&event.map_err(Into::into)?, out).map_err(not_written)?;
    }
    statements.finish(out).and_then(|()| out.flush()).map_err(not_written)
}

fn head(session: &SessionRow, out: &mut impl Write) -> io::Result<()> {
    let started = time_text(session.started_ms);
    let SessionRow { id, principal, label, connection, .. } = session;
    comment(out, &format!("hoopctl {id}: {label} ({principal}) on {connection}, from {started}"))?;
    comment(
        out,
        "What was allowed and done stands as it was sent. What was denied, failed, only prepared, or cannot",
    )?;
    comment(
        out,
        "stand in a script is a comment. So are parameters: put them in the place of $1, $2 and so on.",
    )
}

/// Writes one comment line, which has no effect whatever it contains.
fn comment(out: &mut impl Write, line: &str) -> io::Result<()> {
    writeln!(out, "-- {}", Shown(line))
}

/// Writes a text of several lines as comments.
fn comments(out: &mut impl Write, text: &str) -> io::Result<()> {
    // A line feed after a carriage return does not begin another line.
    let text = text.replace("\r\n", "\n");
    text.trim_end_matches(LINE_ENDS).split(LINE_ENDS).try_for_each(|line| comment(out, line))
}

/// The last ruling of the policies and approvers.
#[derive(Debug, Default)]
enum Ruling {
    #[default]
    Unknown,
    Allowed(String),
    Held(String),
    Denied(String),
}

impl Ruling {
    fn read(decision: &Json) -> Self {
        let text = |name| decision.member(name).and_then(Json::as_str).unwrap_or_default();
        let (effect, rule, code) = (text("effect"), text("rule"), text("code"));
        let by = if rule.is_empty() { String::new() } else { format!(" by {rule}") };
        match effect {
            _ if decision.member("code").is_some_and(|code| *code != Json::Null) => {
                Self::Denied(format!("{by} ({code})"))
            }
            "allow" => Self::Allowed(by),
            "approve" => Self::Held(by),
            _ => Self::Denied(by),
        }
    }
}

/// A statement and the events that followed it so far.
struct Statement {
    corr: Option<RequestId>,
    at_ms: i64,
    data: Json,
    size: usize,
    masked: bool,
    ruling: Ruling,
    /// How its last execution ended: a portal may be executed in parts, a query string may hold several
    /// statements.
    end: Option<String>,
    tags: Vec<String>,
    rows: Option<i64>,
    total_us: i64,
    error: Option<String>,
    copies_in: bool,
}

#[derive(Default)]
struct Statements {
    /// Open statements by the number of their event.
    open: BTreeMap<u64, Statement>,
    by_request: AHashMap<RequestId, u64>,
    bytes: usize,
}

impl Statements {
    fn add(&mut self, stored: &StoredEvent, out: &mut impl Write) -> io::Result<()> {
        let event = &stored.event;
        let wanted = matches!(
            event.kind,
            EventKind::SqlQuery | EventKind::SqlDone | EventKind::Decision | EventKind::Error
        );
        if !wanted {
            return Ok(());
        }
        let data = Json::parse(event.data.as_bytes(), MAX_DEPTH).unwrap_or(Json::Null);
        if event.kind == EventKind::SqlQuery {
            let statement = Statement {
                corr: event.corr,
                at_ms: event.ts_ms,
                size: event.data.len(),
                masked: !event.mask.is_empty(),
                ruling: data.member("decision").map(Ruling::read).unwrap_or_default(),
                data,
                end: None,
                tags: Vec::new(),
                rows: None,
                total_us: 0,
                error: None,
                copies_in: false,
            };
            self.bytes += statement.size;
            self.open.insert(stored.seq, statement);
            if let Some(corr) = event.corr {
                self.by_request.insert(corr, stored.seq);
            }
            while self.open.len() > MAX_OPEN || (self.bytes > MAX_OPEN_BYTES && self.open.len() > 1) {
                self.write_oldest(out)?;
            }
            return Ok(());
        }
        let place = event.corr.and_then(|corr| self.by_request.get(&corr));
        if let Some(statement) = place.and_then(|seq| self.open.get_mut(seq)) {
            match event.kind {
                EventKind::Decision => statement.ruling = Ruling::read(&data),
                EventKind::SqlDone => statement.done(&data),
                _ => statement.error = Some(word(&data, "code").to_owned()),
            }
        }
        Ok(())
    }

    fn write_oldest(&mut self, out: &mut impl Write) -> io::Result<()> {
        let Some((seq, statement)) = self.open.pop_first() else { return Ok(()) };
        self.bytes = self.bytes.saturating_sub(statement.size);
        if let Some(corr) = statement.corr
            && self.by_request.get(&corr) == Some(&seq)
        {
            self.by_request.remove(&corr);
        }
        statement.write(out)
    }

    fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        while !self.open.is_empty() {
            self.write_oldest(out)?;
        }
        Ok(())
    }
}

fn word<'a>(data: &'a Json, name: &str) -> &'a str {
    data.member(name).and_then(Json::as_str).unwrap_or_default()
}

impl Statement {
    fn done(&mut self, data: &Json) {
        let number = |name| data.member(name).and_then(Json::as_i64);
        self.end = Some(word(data, "end").to_owned());
        if !word(data, "tag").is_empty() {
            self.tags.push(word(data, "tag").to_owned());
        }
        if let Some(rows) = number("rows") {
            self.rows = Some(self.rows.unwrap_or(0).saturating_add(rows));
        }
        self.total_us = self.total_us.saturating_add(number("total_us").unwrap_or(0));
        if let Some(error) = data.member("error").filter(|error| **error != Json::Null) {
            self.error = Some(format!("{} {}", word(error, "sqlstate"), word(error, "message")));
        }
        self.copies_in |= data.member("copy").is_some_and(|copy| word(copy, "dir") != "out");
    }

    /// Says how the statement ends or, as the error, why it must not be in the script as it is.
    fn runnable(&self, sql: &str) -> Result<Closed, &'static str> {
        let is_true = |name| matches!(self.data.member(name), Some(Json::Bool(true)));
        let lower = sql.to_ascii_lowercase();
        if !matches!(self.ruling, Ruling::Allowed(_)) {
            return Err("it was not allowed");
        }
        if self.error.is_some() || self.end.as_deref() != Some("complete") {
            return Err("it was not done to its end");
        }
        match word(&self.data, "how") {
            "simple" | "execute" => {}
            "prepare" => return Err("it was only prepared"),
            _ => return Err("it is no text that was sent"),
        }
        if is_true("cut") {
            return Err("it was not recorded whole");
        }
        if self.masked {
            return Err("values in it are masked");
        }
        if self.copies_in || (lower.contains("copy") && lower.contains("stdin")) {
            return Err("it reads rows from the client, which are not here");
        }
        // A carriage return alone, or before anything but a line feed, would overwrite its line.
        if sql.replace("\r\n", "\n").contains(|c| is_deceptive(c) && c != '\n' && c != '\t') {
            return Err("it has invisible characters");
        }
        script::closed(sql)
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out)?;
        comment(out, &self.words())?;
        for (value, place) in
            self.data.member("params").and_then(Json::as_array).into_iter().flatten().zip(1_usize..)
        {
            comment(out, &format!("${place} = {}", whole_parameter(value)))?;
        }
        let Some(sql) = self.data.member("sql").and_then(Json::as_str) else {
            return comment(out, "(its text is not recorded)");
        };
        // Trims white space as PostgreSQL defines it: other blanks are part of names. Trimmed before reading,
        // so that a trailing comment is recognized.
        let sql = sql.trim_ascii_end();
        match self.runnable(sql) {
            Err(why) => {
                comment(out, &format!("not to be run: {why}"))?;
                comments(out, sql)
            }
            Ok(closed) => {
                let end = match closed {
                    Closed { says_something: false, .. } | Closed { ends_statement: true, .. } => "",
                    Closed { ends_in_comment: true, .. } => "\n;",
                    _ => ";",
                };
                writeln!(out, "{sql}{end}")
            }
        }
    }

    /// Describes the statement: time, id, decision and how it ended.
    fn words(&self) -> String {
        let mut out = time_text(self.at_ms);
        if let Some(corr) = self.corr {
            // Writing to a string cannot fail.
            write!(out, " {corr}").unwrap_or_default();
        }
        let (ruling, by) = match &self.ruling {
            Ruling::Unknown => (" no decision is recorded", ""),
            Ruling::Allowed(by) => (" allowed", by.as_str()),
            Ruling::Held(by) => (" held", by.as_str()),
            Ruling::Denied(by) => (" denied", by.as_str()),
        };
        out.extend([ruling, by]);
        match (&self.error, &self.end) {
            (Some(error), _) => out.extend([", failed: ", error.trim()]),
            (None, None) if matches!(self.ruling, Ruling::Denied(_)) => {}
            (None, None) => out.push_str(", no end is recorded"),
            (None, Some(end)) if end == "complete" => {}
            (None, Some(end)) => out.extend([", ended: ", end]),
        }
        for tag in &self.tags {
            out.extend([", ", tag]);
        }
        match self.rows {
            None => {}
            // The command tag has the number of changed rows.
            Some(0) if !self.tags.is_empty() => {}
            Some(1) => out.push_str(", 1 row"),
            Some(rows) => write!(out, ", {rows} rows").unwrap_or_default(),
        }
        if self.end.is_some() {
            let (millis, rest) = (self.total_us.div_euclid(1000), self.total_us.rem_euclid(1000));
            write!(out, ", {millis}.{rest:03} ms").unwrap_or_default();
        }
        out
    }
}
