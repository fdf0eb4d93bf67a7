//! Formats one event as readable lines. Text from a client or a target is always escaped.

use std::fmt::Write;

use crate::domain::event::Direction;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::event::MaskNote;
use crate::domain::json::Json;
use crate::domain::text::Shown;
use crate::recording::line::StoredEvent;
use crate::recording::replay::body;
use crate::recording::replay::body::Bounds;
use crate::recording::replay::mcp;
use crate::recording::replay::notice;
use crate::recording::replay::sign;
use crate::recording::replay::sign::BEGIN;
use crate::recording::replay::sign::DOT;
use crate::recording::replay::sign::END;
use crate::recording::replay::sign::FROM;
use crate::recording::replay::sign::MARK;
use crate::recording::replay::sign::NO;
use crate::recording::replay::sign::TIMES;
use crate::recording::replay::sign::TO;
use crate::recording::replay::sign::Told;
use crate::recording::replay::sign::WAITS;
use crate::recording::replay::sign::YES;
use crate::recording::replay::sql;

/// Limits for display.
const BOUNDS: Bounds = Bounds { lines: 200, width: 400 };
/// No limits, for searching.
const WHOLE: Bounds = Bounds { lines: usize::MAX, width: usize::MAX };
/// Maximum nesting depth of an event's data.
pub(super) const MAX_DEPTH: usize = 16;
/// Indentation of body lines, up to the words after the time.
const INDENT: &str = "             ";

/// Formats an event: a first line with its time, and the lines of its body below. No line holds a control
/// character; there are at most about 200 lines of at most about 400 characters.
pub fn transcript(stored: &StoredEvent) -> Vec<String> {
    lines(&stored.event, BOUNDS).iter().map(|line| sign::shown(line)).collect()
}

/// Returns [`transcript`], with the positions of hoopctl's own symbols.
pub fn transcript_told(stored: &StoredEvent) -> Vec<Told> {
    lines(&stored.event, BOUNDS).iter().map(|line| sign::told(line)).collect()
}

/// Returns [`transcript`] without limits.
pub(crate) fn transcript_whole(stored: &StoredEvent) -> Vec<String> {
    lines(&stored.event, WHOLE).iter().map(|line| sign::shown(line)).collect()
}

/// Returns, for searching, the lines of a message that [`transcript_whole`] paraphrases. Empty for other
/// events.
pub(crate) fn message_whole(stored: &StoredEvent) -> Vec<String> {
    let event = &stored.event;
    if event.kind != EventKind::McpMessage {
        return Vec::new();
    }
    let data = Json::parse(event.data.as_bytes(), MAX_DEPTH).ok();
    let told = data.as_ref().filter(|data| mcp::message(data).is_some()).and_then(|data| data.member("body"));
    let lines = told.map(|body| body::lines(body, WHOLE)).unwrap_or_default();
    lines.into_iter().map(|line| format!("{INDENT}{line}")).collect()
}

/// Formats an event; the symbols of [`sign`] are still control characters.
fn lines(event: &Event, bounds: Bounds) -> Vec<String> {
    let time = time(event.t_us);
    let Ok(data) = Json::parse(event.data.as_bytes(), MAX_DEPTH) else {
        return vec![format!("{time} ! {} that cannot be read", event.kind)];
    };
    let message = if event.kind == EventKind::McpMessage { mcp::message(&data) } else { None };
    let data = Data { json: &data, message: message.as_ref(), bounds };
    let mut first = format!("{time} {}", head(event, &data));
    if !event.mask.is_empty() {
        first.push_str(&masked(&event.mask, bounds));
    }
    let mut out = vec![first];
    out.extend(below(event, &data).into_iter().map(|line| format!("{INDENT}{line}")));
    out
}

/// Returns the lines below the first one.
fn below(event: &Event, data: &Data<'_>) -> Vec<String> {
    match event.kind {
        EventKind::McpMessage => mcp::lines(event.dir, data),
        EventKind::SqlQuery => sql::query_lines(data),
        EventKind::SqlRows => sql::rows_lines(data),
        EventKind::SqlNotice => notice::lines(data),
        _ => data.json.member("body").map(|body| body::lines(body, data.bounds)).unwrap_or_default(),
    }
}

/// Formats a time as `+MM:SS.mmm`, with hours if there are any.
fn time(t_us: u64) -> String {
    let millis = t_us / 1000;
    let (seconds, minutes, hours) = (millis / 1000 % 60, millis / 60_000 % 60, millis / 3_600_000);
    let millis = millis % 1000;
    if hours > 0 {
        format!("+{hours}:{minutes:02}:{seconds:02}.{millis:03}")
    } else {
        format!("+{minutes:02}:{seconds:02}.{millis:03}")
    }
}

/// The data of an event, with what is needed to show one of its members.
pub(super) struct Data<'a> {
    pub(super) json: &'a Json,
    /// The MCP message in it, if it is recorded in full and can be parsed.
    pub(super) message: Option<&'a Json>,
    pub(super) bounds: Bounds,
}

impl<'a> Data<'a> {
    /// Returns the data in a member, if present.
    pub(super) fn within(&self, name: &str) -> Option<Self> {
        self.json.member(name).map(|json| Self { json, message: None, bounds: self.bounds })
    }

    /// Returns the values of a list member; empty if it is not a list.
    pub(super) fn values(&self, name: &str) -> &'a [Json] {
        self.json.member(name).and_then(Json::as_array).unwrap_or_default()
    }

    /// Returns a text or number member, escaped and bounded; empty if absent.
    pub(super) fn text(&self, name: &str) -> String {
        match self.json.member(name) {
            None | Some(Json::Null) => String::new(),
            Some(value) => {
                value.scalar().map(|text| body::bounded(text, self.bounds.width)).unwrap_or_default()
            }
        }
    }

    /// Returns ` WORD TEXT` for a member that is present and not empty.
    pub(super) fn noted(&self, word: &str, name: &str) -> String {
        let text = self.text(name);
        if text.is_empty() { text } else { format!("  {word} {text}") }
    }

    /// Returns the texts of a list member, joined by `,`.
    pub(super) fn list(&self, name: &str) -> String {
        let texts: Vec<&str> = self.values(name).iter().filter_map(Json::scalar).collect();
        body::bounded(&texts.join(","), self.bounds.width)
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        matches!(self.json.member(name), Some(Json::Bool(true)))
    }

    /// Returns ` [CLASS] ✓ RULE` of a command: the class unless it is `read`, the policy if the event itself
    /// records a plain allow.
    pub(super) fn judged(&self) -> String {
        let class = self.text("class");
        let class = if class.is_empty() || class == "read" { String::new() } else { format!("  [{class}]") };
        let allowed = self.within("decision").map(|decision| format!("  {YES} {}", decision.text("rule")));
        format!("{class}{}", allowed.unwrap_or_default())
    }

    /// Returns ` N.NNN ms`, the total time, if known.
    pub(super) fn took(&self) -> String {
        let micros = self.json.member("total_us").and_then(Json::as_i64);
        micros
            .map(|micros| format!("  {}.{:03} ms", micros.div_euclid(1000), micros.rem_euclid(1000)))
            .unwrap_or_default()
    }
}

/// Returns the words after the time.
fn head(event: &Event, data: &Data<'_>) -> String {
    match event.kind {
        EventKind::SessionStart => start(data),
        EventKind::SessionEnd => format!("{END} session ended: {}", data.text("reason")),
        EventKind::HttpRequest => request(data),
        EventKind::HttpResponse => response(data),
        EventKind::HttpChunk => chunk(event.dir, data),
        EventKind::Decision => decision(data),
        EventKind::ApprovalRequested => {
            let from = data.list("from");
            let count = match data.text("min").as_str() {
                "" | "1" => String::new(),
                min => format!("{min} "),
            };
            let (approval, summary) = (data.text("approval"), data.noted("for", "summary"));
            format!("{WAITS} approval {approval} requested of {count}{from}{summary}")
        }
        EventKind::ApprovalDecided => {
            let (sign, word) = if data.is_true("approve") { (YES, "approved") } else { (NO, "denied") };
            format!("{sign} {word} by {}{}", data.text("by"), quoted(&data.text("reason")))
        }
        EventKind::ApprovalExpired => {
            format!("{NO} approval {} {}", data.text("approval"), data.text("state"))
        }
        EventKind::Error => error(data),
        EventKind::Marker => format!("{MARK} {}", data.text("text")),
        EventKind::Mask => format!("{DOT} masked"),
        EventKind::McpMessage => mcp::head(event.dir, data),
        EventKind::SqlQuery => sql::query(data),
        EventKind::SqlRows => sql::rows(data),
        EventKind::SqlDone => sql::done(data),
        EventKind::SqlNotice => notice::head(data),
    }
}

fn start(data: &Data<'_>) -> String {
    let (label, principal) = (data.text("label"), data.text("principal"));
    let name =
        if label.is_empty() || label == principal { principal } else { format!("{label} ({principal})") };
    let groups = data.list("groups");
    let groups = if groups.is_empty() { groups } else { format!("  groups {groups}") };
    let (connection, revision) = (data.text("connection"), data.noted("policy rev", "policy_rev"));
    format!("{BEGIN} session  {} {name} {TO} {connection}{groups}{revision}", data.text("kind"))
}

fn request(data: &Data<'_>) -> String {
    let query = data.text("query");
    let query = if query.is_empty() { query } else { format!("?{query}") };
    format!("{TO} {} {}{query}{}", data.text("method"), data.text("path"), data.judged())
}

fn response(data: &Data<'_>) -> String {
    let mut out = format!("{FROM} {}", data.text("status"));
    if let Some(content_type) = header(data, "content-type") {
        // `fmt::Write` for a string cannot fail.
        write!(out, " {content_type}").unwrap_or_default();
    }
    out.push_str(&data.took());
    match data.text("end").as_str() {
        "" | "complete" => {}
        end => write!(out, "  [{end}]").unwrap_or_default(),
    }
    out
}

fn header(data: &Data<'_>, wanted: &str) -> Option<String> {
    let headers = data.json.member("headers")?.as_array()?;
    let value = headers.iter().find_map(|header| match header.as_array()? {
        [name, value] if name.as_str()?.eq_ignore_ascii_case(wanted) => value.as_str(),
        _ => None,
    })?;
    Some(body::bounded(value, data.bounds.width))
}

fn chunk(dir: Option<Direction>, data: &Data<'_>) -> String {
    let arrow = match dir {
        Some(Direction::C2s) => TO,
        Some(Direction::S2c) => FROM,
        None => DOT,
    };
    let frame = data.text("frame");
    let what = if frame.is_empty() { "chunk".to_owned() } else { format!("{frame} frame") };
    let length = data.json.member("body").and_then(|body| body.member("length")).and_then(Json::as_i64);
    let mut out =
        length.map_or_else(|| format!("{arrow} {what}"), |length| format!("{arrow} {what}  {length} bytes"));
    if data.text("end") == "cut" {
        out.push_str("  [cut]");
    }
    let trailers = data.json.member("trailers").and_then(Json::as_array).unwrap_or_default();
    for (name, value) in trailers.iter().filter_map(|pair| pair.as_array()?.split_first()) {
        let value = value.first().and_then(Json::as_str).unwrap_or_default();
        out.extend(["  trailer ", name.as_str().unwrap_or_default(), ": ", value]);
    }
    out
}

fn decision(data: &Data<'_>) -> String {
    let effect = data.text("effect");
    let (rule, code) = (data.text("rule"), data.text("code"));
    let rule = if rule.is_empty() { "no policy matched".to_owned() } else { format!("by {rule}") };
    let reason = quoted(&data.text("reason"));
    match effect.as_str() {
        _ if !code.is_empty() => format!("{NO} {code} {rule}{reason}"),
        "allow" => format!("{YES} allowed {rule}{reason}"),
        "approve" => format!("{WAITS} held {rule}{}{reason}", data.noted("approval", "approval")),
        _ => format!("{NO} denied {rule}{reason}"),
    }
}

/// Returns `! CODE (REASON): DETAIL METHOD PATH from SOURCE as PRINCIPAL`, each part if present.
fn error(data: &Data<'_>) -> String {
    let mut out = format!("! {}", data.text("code"));
    for (before, name, after) in [
        (" (", "reason", ")"),
        (": ", "detail", ""),
        ("  ", "method", ""),
        (" ", "path", ""),
        ("  from ", "source", ""),
        ("  as ", "principal", ""),
        ("  after ", "not_recorded_before", " that were only counted"),
    ] {
        let text = data.text(name);
        if !text.is_empty() {
            out.extend([before, &text, after]);
        }
    }
    out
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" \"{text}\"") }
}

/// Returns `  [masked US_SSN ×2, EMAIL_ADDRESS ×1]`
fn masked(notes: &[MaskNote], bounds: Bounds) -> String {
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for note in notes {
        let name = if note.entity == "field" { &note.at } else { &note.entity };
        match counts.iter_mut().find(|(known, _)| known == name) {
            Some((_, count)) => *count = count.saturating_add(note.n),
            None => counts.push((name, note.n)),
        }
    }
    let shown: Vec<String> = counts
        .iter()
        .take(bounds.lines)
        .map(|(name, count)| format!("{} {TIMES}{count}", Shown(name)))
        .collect();
    format!("  [masked {}]", shown.join(", "))
}
