//! The events of statements: `sql.query` before one is sent, `sql.rows` and `sql.done` when it is done, and
//! `sql.notice` for what the target says besides its replies.

use std::rc::Rc;

use crate::domain::Command;
use crate::domain::EventKind;
use crate::domain::hex;
use crate::domain::json::push_string;
use crate::domain::json::write::Array;
use crate::domain::json::write::Object as Json;
use crate::domain::sql::Object;
use crate::mask::Notes;
use crate::mask::Plan;
use crate::pipeline::CommandRecord;
use crate::protocol::postgres::session::names::Definition;
use crate::protocol::postgres::session::shown::Shown;
use crate::protocol::postgres::wire::back::BackMessage;
use crate::protocol::postgres::wire::back::Field;
use crate::protocol::postgres::wire::back::Severity;
use crate::protocol::postgres::wire::back::Transaction;
use crate::protocol::postgres::wire::front::Bind;
use crate::protocol::postgres::wire::values::Format;

/// The message by which a client submitted a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SubmittedBy {
    /// `Bind` and `Execute`.
    Execute,
    /// `FunctionCall`.
    Function,
    /// `Parse`.
    Prepare,
    /// `Query`.
    Simple,
}

impl SubmittedBy {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Function => "function",
            Self::Prepare => "prepare",
            Self::Simple => "simple",
        }
    }
}

/// A statement, with what its event needs.
pub(super) struct Statement<'a> {
    pub(super) submitted_by: SubmittedBy,
    pub(super) command: &'a Command,
    /// The class of the statement and of all that it runs by name.
    pub(super) class: &'static str,
    /// The SQL, byte for byte.
    pub(super) sql: &'a [u8],
    /// The prepared statements and cursors that it runs.
    pub(super) runs: &'a [Rc<Definition>],
    /// The name of the prepared statement that a `Bind` names; empty for none.
    pub(super) name: &'a [u8],
    /// The portal, if the message is an `Execute` that is a command of its own.
    pub(super) portal: Option<&'a [u8]>,
    /// The `Bind` with the parameter values.
    pub(super) bind: Option<&'a Bind<'a>>,
    pub(super) transaction: Transaction,
}

impl Statement<'_> {
    /// Returns the event. `keep` is the most bytes of SQL and of values that are kept; with `None` none of
    /// them are.
    pub(super) fn record(&self, plan: &Plan, keep: Option<u64>) -> CommandRecord {
        let mut notes = Notes::default();
        let keep = keep.map(|keep| usize::try_from(keep).unwrap_or(usize::MAX));
        let mut data = String::with_capacity(160 + self.sql.len().min(4096));
        let mut query = Json::begin(&mut data);
        if let Some(keep) = keep {
            write_sql(self.sql, plan, keep, &mut query, &mut notes);
        }
        query.word("how", self.submitted_by.as_str()).word("class", self.class);
        let texts = std::iter::once(self.sql).chain(self.runs.iter().map(|definition| &*definition.sql));
        let shown = Shown::new(plan, texts.filter(|_| self.names_any()));
        self.write_effects(keep.is_none(), &shown, &mut query, &mut notes);
        if !self.name.is_empty() {
            query.text("statement", &shown.given(&String::from_utf8_lossy(self.name), &mut notes));
        }
        if let Some(portal) = self.portal {
            query.text("portal", &shown.given(&String::from_utf8_lossy(portal), &mut notes));
        }
        if let Some(keep) = keep.filter(|_| !self.runs.is_empty()) {
            let mut runs = query.array("runs");
            for definition in self.runs {
                let text = String::from_utf8_lossy(&definition.sql);
                let masked = plan.text(&text, "sql", &mut notes);
                push_string(cut(masked.as_deref().unwrap_or(&text), keep), runs.item());
            }
        }
        if let (Some(bind), Some(keep)) = (self.bind, keep)
            && bind.values.count() > 0
        {
            write_values(bind, plan, keep, &mut query, &mut notes);
        }
        query.word("tx", word(self.transaction));
        drop(query);
        CommandRecord { kind: EventKind::SqlQuery, data, mask: notes.take() }
    }

    /// Writes what the SQL alone does not tell: the unknown functions that it calls with the class of the
    /// rest, and that names without a schema may be looked up elsewhere than usual.
    fn write_calls(&self, shown: &Shown<'_>, query: &mut Json<'_>, notes: &mut Notes) {
        let Some(sql) = self.command.sql() else { return };
        if !sql.opaque.is_empty() {
            query.word("base", sql.base);
            let mut opaque = query.array("opaque");
            for function in &sql.opaque {
                let mut parts = Array::begin(opaque.item());
                match &function.object.schema {
                    Some(schema) => push_string(&shown.written(schema, notes), parts.item()),
                    None => parts.item().push_str("null"),
                }
                push_string(&shown.written(&function.object.name, notes), parts.item());
                parts.item().push_str(&function.arguments.to_string());
            }
        }
        if sql.effects.as_ref().is_some_and(|effects| effects.moved_before) {
            query.value("names_moved", true);
        }
    }

    /// Returns whether names from the SQL may have to be written.
    fn names_any(&self) -> bool {
        self.command.sql().is_some_and(|sql| {
            let relations = sql.effects.as_ref().is_some_and(|effects| !effects.relations.is_empty());
            relations || !sql.opaque.is_empty()
        })
    }

    fn write_effects(&self, tables: bool, shown: &Shown<'_>, query: &mut Json<'_>, notes: &mut Notes) {
        let Some(effects) = self.command.sql().and_then(|sql| sql.effects.as_deref()) else { return };
        if !effects.verbs.is_empty() {
            query.texts("verbs", effects.verbs.iter().map(|verb| verb.as_str()));
        }
        if !tables {
            self.write_calls(shown, query, notes);
        }
        if tables && !effects.relations.is_empty() {
            let mut tables = query.array("tables");
            for relation in &effects.relations {
                let Object { schema, name } = &relation.object;
                let (schema, name) = (
                    schema.as_deref().map(|schema| shown.written(schema, notes)),
                    shown.written(name, notes).into(),
                );
                let object = Object { schema: schema.map(Into::into), name };
                push_string(&shown.given(&object.to_string(), notes), tables.item());
            }
        }
    }
}

/// Returns the beginning of a text, of at most `keep` bytes.
fn cut(text: &str, keep: usize) -> &str {
    text.get(..text.floor_char_boundary(keep)).unwrap_or_default()
}

fn write_sql(sql: &[u8], plan: &Plan, keep: usize, query: &mut Json<'_>, notes: &mut Notes) {
    // SQL that is not UTF-8 is not sent either; it is recorded as far as it can be read.
    let text = String::from_utf8_lossy(sql);
    let masked = plan.text(&text, "sql", notes);
    let text = masked.as_deref().unwrap_or(&text);
    query.text("sql", cut(text, keep));
    if text.len() > keep {
        // Of the masked text, if anything was masked: on a digest of the original, guesses of masked values
        // could be tried.
        let all = masked.as_ref().map_or(sql, String::as_bytes);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, all);
        query.value("length", all.len()).word("sha256", hex::encode(digest.as_ref())).value("cut", true);
    }
}

/// Returns the event of a message that was refused before any of it was judged. The names are as in the
/// message, which the server's limit bounds; empty for none.
pub(super) fn unread(
    submitted_by: SubmittedBy,
    statement: &[u8],
    portal: &[u8],
    transaction: Transaction,
) -> CommandRecord {
    let mut data = String::new();
    Json::begin(&mut data)
        .word("how", submitted_by.as_str())
        .word("class", "unknown")
        .text_if_any("statement", &String::from_utf8_lossy(statement))
        .text_if_any("portal", &String::from_utf8_lossy(portal))
        .word("tx", word(transaction));
    CommandRecord { kind: EventKind::SqlQuery, data, mask: Vec::new() }
}

/// Returns the event of a message whose SQL was read, but that was refused before it was a command.
pub(super) fn refused(
    submitted_by: SubmittedBy,
    sql: &[u8],
    plan: &Plan,
    keep: Option<u64>,
    transaction: Transaction,
) -> CommandRecord {
    let mut notes = Notes::default();
    let mut data = String::new();
    let mut query = Json::begin(&mut data);
    if let Some(keep) = keep {
        write_sql(sql, plan, usize::try_from(keep).unwrap_or(usize::MAX), &mut query, &mut notes);
    }
    query.word("how", submitted_by.as_str()).word("class", "unknown").word("tx", word(transaction));
    drop(query);
    CommandRecord { kind: EventKind::SqlQuery, data, mask: notes.take() }
}

/// The text fields of a notice, with their names in the recording. The other fields are places in the
/// server's source.
const TEXTS: [(Field, &str); 10] = [
    (Field::MESSAGE, "message"),
    (Field::DETAIL, "detail"),
    (Field::HINT, "hint"),
    (Field::WHERE, "context"),
    (Field::INTERNAL_QUERY, "internal_query"),
    (Field::SCHEMA, "schema"),
    (Field::TABLE, "table"),
    (Field::COLUMN, "column"),
    (Field::DATA_TYPE, "data_type"),
    (Field::CONSTRAINT, "constraint"),
];

/// Writes the members of the event of a notice, notification or setting, as the client gets it. `keep` is the
/// most bytes of texts that are kept in total; with `None` none are. If they are cut, `length` is the length
/// of all of them, and `sha256` the digest over each name, a space, the length in bytes, a line feed and the
/// text, one after the other; there is none if nothing is kept.
pub(super) fn said<'a>(message: &'a BackMessage<'a>, keep: Option<usize>, data: &mut Json<'_>) {
    let mut texts = Texts { left: keep, cut: false, kept: false, all: Vec::new(), data };
    match message {
        BackMessage::NoticeResponse(report) => {
            let severity = report.severity().map_or("", Severity::word);
            texts.data.word("what", "notice").word("severity", severity);
            if let Some(code) = report.code() {
                texts.data.word("sqlstate", code);
            }
            for (field, name) in TEXTS {
                if let Some(text) = report.field(field) {
                    texts.write(name, text);
                }
            }
        }
        BackMessage::NotificationResponse(notification) => {
            let process = notification.process;
            texts.data.word("what", "notification").value("process", process);
            texts.write("channel", notification.channel);
            texts.write("payload", notification.payload);
        }
        BackMessage::ParameterStatus(status) => {
            texts.data.word("what", "setting").text("name", &String::from_utf8_lossy(status.name));
            texts.write("value", status.value);
        }
        _ => {
            texts.data.word("what", "other");
        }
    }
    texts.end();
}

/// The writer of the members that are texts, within a limit.
struct Texts<'a, 'json, 'data> {
    left: Option<usize>,
    cut: bool,
    /// Whether any part of them is kept.
    kept: bool,
    /// All texts, with their names.
    all: Vec<(&'a str, &'a [u8])>,
    data: &'json mut Json<'data>,
}

impl<'a> Texts<'a, '_, '_> {
    fn write(&mut self, name: &'a str, text: &'a [u8]) {
        let Some(left) = self.left else { return };
        self.all.push((name, text));
        let text = String::from_utf8_lossy(text);
        let kept = cut(&text, left);
        self.cut |= kept.len() < text.len();
        self.kept |= !kept.is_empty();
        self.left = Some(left.saturating_sub(kept.len()));
        self.data.text(name, kept);
    }

    /// Writes the length and digest of texts that were cut. If nothing is kept, a digest would only be
    /// something to try guesses on.
    fn end(self) {
        if !self.cut {
            return;
        }
        let length: usize = self.all.iter().map(|(_, text)| text.len()).sum();
        self.data.value("length", length);
        if self.kept {
            let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
            for (name, text) in self.all {
                digest.update(format!("{name} {}\n", text.len()).as_bytes());
                digest.update(text);
            }
            self.data.word("sha256", hex::encode(digest.finish().as_ref()));
        }
        self.data.value("cut", true);
    }
}

/// Returns the word for a transaction status.
pub(super) const fn word(transaction: Transaction) -> &'static str {
    match transaction {
        Transaction::Failed => "failed",
        Transaction::Idle => "idle",
        Transaction::Open => "open",
    }
}

fn write_values(bind: &Bind<'_>, plan: &Plan, keep: usize, query: &mut Json<'_>, notes: &mut Notes) {
    let mut params = query.array("params");
    let mut end = None;
    for (place, value) in bind.values.each().enumerate() {
        let data = params.item();
        if data.len() > *end.get_or_insert(data.len().saturating_add(keep)) {
            data.push_str("{\"cut\":true}");
            break;
        }
        match value {
            None => data.push_str("null"),
            Some(value) => {
                let binary = bind.formats.of(place) == Some(Format::Binary);
                write_value(value, binary, plan, keep, data, notes);
            }
        }
    }
}

fn write_value(value: &[u8], binary: bool, plan: &Plan, keep: usize, data: &mut String, notes: &mut Notes) {
    // A text in binary format has the same bytes as in text format; numbers in binary format hold control
    // characters.
    let text = std::str::from_utf8(value).ok().filter(|text| !binary || !text.chars().any(char::is_control));
    match text {
        Some(text) => {
            let masked = plan.text(text, "params", notes);
            push_string(cut(masked.as_deref().unwrap_or(text), keep), data);
        }
        None => write_binary(value, keep, data),
    }
}

/// Writes the kept beginning of bytes that are not text.
pub(super) fn write_binary(value: &[u8], keep: usize, data: &mut String) {
    let kept = value.get(..keep.min(value.len())).unwrap_or_default();
    Json::begin(data).base64("base64", kept).value("length", value.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(texts: [(&'static str, &'static str); 2], keep: usize) -> (bool, Option<String>) {
        let mut data = String::new();
        let mut object = Json::begin(&mut data);
        let mut all = Texts { left: Some(keep), cut: false, kept: false, all: Vec::new(), data: &mut object };
        for (name, text) in texts {
            all.write(name, text.as_bytes());
        }
        all.end();
        drop(object);
        let digest = data.split("\"sha256\":\"").nth(1).map(|rest| rest.chars().take(64).collect());
        (data.contains("\"length\":8,") && data.ends_with("\"cut\":true}"), digest)
    }

    #[test]
    fn the_digest_of_what_is_cut_tells_where_each_text_ends_and_what_it_is() {
        let texts = [
            [("message", "abcd"), ("detail", "efgh")],
            [("message", "abcde"), ("detail", "fgh")],
            [("message", "abcd"), ("hint", "efgh")],
        ];
        let digests: std::collections::BTreeSet<String> = texts
            .into_iter()
            .map(|texts| {
                assert_eq!(digest(texts, 0), (true, None), "nothing is kept");
                let (told, digest) = digest(texts, 3);
                assert!(told);
                digest.unwrap()
            })
            .collect();
        assert_eq!(digests.len(), texts.len());
    }
}
