//! What the recording says of statements: `sql.query` before one is sent, `sql.rows` and `sql.done` when it is done; and `sql.notice` of
//! what the target says besides.

use std::fmt::Write;
use std::rc::Rc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::domain::Command;
use crate::domain::EventKind;
use crate::domain::hex;
use crate::domain::json::push_string;
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

/// By which message a statement came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// `Bind` and `Execute`.
    Execute,
    /// `FunctionCall`.
    Function,
    /// `Parse`, with nothing that runs it yet.
    Prepare,
    /// `Query`.
    Simple,
}

impl How {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Function => "function",
            Self::Prepare => "prepare",
            Self::Simple => "simple",
        }
    }
}

/// A statement as it is to be recorded.
pub(super) struct Statement<'a> {
    pub(super) how: How,
    pub(super) command: &'a Command,
    /// The class of all it runs.
    pub(super) class: &'static str,
    /// The SQL, exactly.
    pub(super) sql: &'a [u8],
    /// What it runs by name.
    pub(super) runs: &'a [Rc<Definition>],
    /// The name of the prepared statement, or of the cursor; empty for none.
    pub(super) name: &'a [u8],
    /// The portal that is run, where that is all its message says.
    pub(super) portal: Option<&'a [u8]>,
    /// The values, of a `Bind`.
    pub(super) bind: Option<&'a Bind<'a>>,
    pub(super) transaction: Transaction,
}

impl Statement<'_> {
    /// The event's data. `keep` is how many bytes of SQL and of values are kept; `None`: none of them.
    pub(super) fn record(&self, plan: &Plan, keep: Option<u64>) -> CommandRecord {
        let mut notes = Notes::default();
        let keep = keep.map(|keep| usize::try_from(keep).unwrap_or(usize::MAX));
        let mut data = String::with_capacity(160 + self.sql.len().min(4096));
        data.push('{');
        if let Some(keep) = keep {
            write_sql(self.sql, plan, keep, &mut data, &mut notes);
        }
        let _infallible = write!(data, "\"how\":\"{}\",\"class\":\"{}\"", self.how.as_str(), self.class);
        let texts = std::iter::once(self.sql).chain(self.runs.iter().map(|definition| &*definition.sql));
        let shown = Shown::new(plan, texts.filter(|_| self.names_any()));
        self.write_effects(keep.is_none(), &shown, &mut data, &mut notes);
        if !self.name.is_empty() {
            data.push_str(",\"statement\":");
            push_string(&shown.given(&String::from_utf8_lossy(self.name), &mut notes), &mut data);
        }
        if let Some(portal) = self.portal {
            data.push_str(",\"portal\":");
            push_string(&shown.given(&String::from_utf8_lossy(portal), &mut notes), &mut data);
        }
        if let Some(keep) = keep.filter(|_| !self.runs.is_empty()) {
            data.push_str(",\"runs\":[");
            for (place, definition) in self.runs.iter().enumerate() {
                data.push_str(comma(place));
                let text = String::from_utf8_lossy(&definition.sql);
                let masked = plan.text(&text, "sql", &mut notes);
                let text = masked.as_deref().unwrap_or(&text);
                push_string(text.get(..text.floor_char_boundary(keep)).unwrap_or_default(), &mut data);
            }
            data.push(']');
        }
        if let (Some(bind), Some(keep)) = (self.bind, keep)
            && bind.values.count() > 0
        {
            write_values(bind, plan, keep, &mut data, &mut notes);
        }
        let _infallible = write!(data, ",\"tx\":\"{}\"}}", word(self.transaction));
        CommandRecord { kind: EventKind::SqlQuery, data, mask: notes.take() }
    }

    /// What the text alone does not tell: what it calls of which nothing was known, with the class of the rest, and that names without a
    /// schema were looked up elsewhere than they usually are.
    fn write_calls(&self, shown: &Shown<'_>, data: &mut String, notes: &mut Notes) {
        let Some(sql) = self.command.sql() else { return };
        if !sql.opaque.is_empty() {
            let _infallible = write!(data, ",\"base\":\"{}\",\"opaque\":[", sql.base);
            for (place, function) in sql.opaque.iter().enumerate() {
                let _infallible = write!(data, "{}[", comma(place));
                write_object(&function.object, shown, data, notes);
                let _infallible = write!(data, ",{}]", function.arguments);
            }
            data.push(']');
        }
        if sql.effects.as_ref().is_some_and(|effects| effects.moved_before) {
            data.push_str(",\"names_moved\":true");
        }
    }

    /// Whether names of the text may be written.
    fn names_any(&self) -> bool {
        self.command.sql().is_some_and(|sql| {
            let relations = sql.effects.as_ref().is_some_and(|effects| !effects.relations.is_empty());
            relations || !sql.opaque.is_empty()
        })
    }

    fn write_effects(&self, tables: bool, shown: &Shown<'_>, data: &mut String, notes: &mut Notes) {
        let Some(effects) = self.command.sql().and_then(|sql| sql.effects.as_deref()) else { return };
        if !effects.verbs.is_empty() {
            data.push_str(",\"verbs\":[");
            for (place, verb) in effects.verbs.iter().enumerate() {
                let _infallible = write!(data, "{}\"{}\"", comma(place), verb.as_str());
            }
            data.push(']');
        }
        if !tables {
            self.write_calls(shown, data, notes);
        }
        if tables && !effects.relations.is_empty() {
            data.push_str(",\"tables\":[");
            for (place, relation) in effects.relations.iter().enumerate() {
                data.push_str(comma(place));
                let Object { schema, name } = &relation.object;
                let (schema, name) = (
                    schema.as_deref().map(|schema| shown.written(schema, notes)),
                    shown.written(name, notes).into(),
                );
                let object = Object { schema: schema.map(Into::into), name };
                push_string(&shown.given(&object.to_string(), notes), data);
            }
            data.push(']');
        }
    }
}

/// A name in a schema.
fn write_object(object: &Object, shown: &Shown<'_>, data: &mut String, notes: &mut Notes) {
    match &object.schema {
        Some(schema) => push_string(&shown.written(schema, notes), data),
        None => data.push_str("null"),
    }
    data.push(',');
    push_string(&shown.written(&object.name, notes), data);
}

fn write_sql(sql: &[u8], plan: &Plan, keep: usize, data: &mut String, notes: &mut Notes) {
    // What is not UTF-8 is not sent either; it is shown as far as it can be.
    let text = String::from_utf8_lossy(sql);
    let masked = plan.text(&text, "sql", notes);
    let text = masked.as_deref().unwrap_or(&text);
    data.push_str("\"sql\":");
    push_string(text.get(..text.floor_char_boundary(keep)).unwrap_or_default(), data);
    if text.len() > keep {
        // Of the masked text, if it is: on a digest of the other one masked values could be tried.
        let all = masked.as_ref().map_or(sql, String::as_bytes);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, all);
        let _infallible = write!(
            data,
            ",\"length\":{},\"sha256\":\"{}\",\"cut\":true",
            all.len(),
            hex::encode(digest.as_ref())
        );
    }
    data.push(',');
}

/// A message that was refused before anything of it was judged: nothing is known of what it does. The names are those that it says, cut
/// by the caller or by the server's own limit; empty for none.
pub(super) fn unread(how: How, statement: &[u8], portal: &[u8], transaction: Transaction) -> CommandRecord {
    let mut data = format!("{{\"how\":\"{}\",\"class\":\"unknown\"", how.as_str());
    for (member, name) in [("statement", statement), ("portal", portal)] {
        if !name.is_empty() {
            let _infallible = write!(data, ",\"{member}\":");
            push_string(&String::from_utf8_lossy(name), &mut data);
        }
    }
    let _infallible = write!(data, ",\"tx\":\"{}\"}}", word(transaction));
    CommandRecord { kind: EventKind::SqlQuery, data, mask: Vec::new() }
}

/// A text that was read, and refused before it was a command.
pub(super) fn refused(
    how: How,
    sql: &[u8],
    plan: &Plan,
    keep: Option<u64>,
    transaction: Transaction,
) -> CommandRecord {
    let mut notes = Notes::default();
    let mut data = String::from("{");
    if let Some(keep) = keep {
        write_sql(sql, plan, usize::try_from(keep).unwrap_or(usize::MAX), &mut data, &mut notes);
    }
    let _infallible =
        write!(data, "\"how\":\"{}\",\"class\":\"unknown\",\"tx\":\"{}\"}}", how.as_str(), word(transaction));
    CommandRecord { kind: EventKind::SqlQuery, data, mask: notes.take() }
}

/// The fields of a notice that hold texts, as the recording names them. The others are places in the server's source.
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

/// What the target says besides its answers, as the client gets it: the members of the event's data. `keep` is how many bytes of its
/// texts are kept, together; `None`: none of them. Where they are cut, `length` is that of all of them, and `sha256` of each name, a space,
/// the length in bytes, a line feed and the text, one after the other; without it where nothing is kept.
pub(super) fn said<'a>(message: &'a BackMessage<'a>, keep: Option<usize>, data: &'a mut String) {
    let mut texts = Texts { left: keep, cut: false, kept: false, all: Vec::new(), data };
    match message {
        BackMessage::NoticeResponse(report) => {
            let severity = report.severity().map_or("", Severity::word);
            let _infallible = write!(texts.data, "\"what\":\"notice\",\"severity\":\"{severity}\"");
            if let Some(code) = report.code() {
                let _infallible = write!(texts.data, ",\"sqlstate\":\"{code}\"");
            }
            for (field, name) in TEXTS {
                if let Some(text) = report.field(field) {
                    texts.write(name, text);
                }
            }
        }
        BackMessage::NotificationResponse(notification) => {
            let process = notification.process;
            let _infallible = write!(texts.data, "\"what\":\"notification\",\"process\":{process}");
            texts.write("channel", notification.channel);
            texts.write("payload", notification.payload);
        }
        BackMessage::ParameterStatus(status) => {
            texts.data.push_str("\"what\":\"setting\",\"name\":");
            push_string(&String::from_utf8_lossy(status.name), texts.data);
            texts.write("value", status.value);
        }
        _ => texts.data.push_str("\"what\":\"other\""),
    }
    texts.end();
}

/// Members that are texts, as far as there is room for them.
struct Texts<'a> {
    left: Option<usize>,
    cut: bool,
    /// Something of them is kept.
    kept: bool,
    /// All of them, with their names.
    all: Vec<(&'a str, &'a [u8])>,
    data: &'a mut String,
}

impl<'a> Texts<'a> {
    fn write(&mut self, name: &'a str, text: &'a [u8]) {
        let Some(left) = self.left else { return };
        self.all.push((name, text));
        let text = String::from_utf8_lossy(text);
        let kept = text.get(..text.floor_char_boundary(left)).unwrap_or_default();
        self.cut |= kept.len() < text.len();
        self.kept |= !kept.is_empty();
        self.left = Some(left.saturating_sub(kept.len()));
        let _infallible = write!(self.data, ",\"{name}\":");
        push_string(kept, self.data);
    }

    /// What proves the rest of them. Where nothing is kept it would only be something to try guesses on.
    fn end(self) {
        if !self.cut {
            return;
        }
        let length: usize = self.all.iter().map(|(_, text)| text.len()).sum();
        let _infallible = write!(self.data, ",\"length\":{length}");
        if self.kept {
            let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
            for (name, text) in self.all {
                digest.update(format!("{name} {}\n", text.len()).as_bytes());
                digest.update(text);
            }
            let _infallible = write!(self.data, ",\"sha256\":\"{}\"", hex::encode(digest.finish().as_ref()));
        }
        self.data.push_str(",\"cut\":true");
    }
}

const fn comma(place: usize) -> &'static str {
    if place == 0 { "" } else { "," }
}

/// Where a transaction stands, in a word.
pub(super) const fn word(transaction: Transaction) -> &'static str {
    match transaction {
        Transaction::Failed => "failed",
        Transaction::Idle => "idle",
        Transaction::Open => "open",
    }
}

fn write_values(bind: &Bind<'_>, plan: &Plan, keep: usize, data: &mut String, notes: &mut Notes) {
    data.push_str(",\"params\":[");
    let end = data.len().saturating_add(keep);
    for (place, value) in bind.values.each().enumerate() {
        data.push_str(comma(place));
        if data.len() > end {
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
    data.push(']');
}

fn write_value(value: &[u8], binary: bool, plan: &Plan, keep: usize, data: &mut String, notes: &mut Notes) {
    // A text in binary form is the same bytes; numbers in binary form hold control characters.
    let text = std::str::from_utf8(value).ok().filter(|text| !binary || !text.chars().any(char::is_control));
    match text {
        Some(text) => {
            let masked = plan.text(text, "params", notes);
            let text = masked.as_deref().unwrap_or(text);
            push_string(text.get(..text.floor_char_boundary(keep)).unwrap_or_default(), data);
        }
        None => write_binary(value, keep, data),
    }
}

/// Bytes that are no text, as far as they are kept.
pub(super) fn write_binary(value: &[u8], keep: usize, data: &mut String) {
    data.push_str("{\"base64\":\"");
    BASE64_STANDARD.encode_string(value.get(..keep.min(value.len())).unwrap_or_default(), data);
    let _infallible = write!(data, "\",\"length\":{}}}", value.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(texts: [(&'static str, &'static str); 2], keep: usize) -> (bool, Option<String>) {
        let mut data = String::new();
        let mut all = Texts { left: Some(keep), cut: false, kept: false, all: Vec::new(), data: &mut data };
        for (name, text) in texts {
            all.write(name, text.as_bytes());
        }
        all.end();
        let digest = data.split("\"sha256\":\"").nth(1).map(|rest| rest.chars().take(64).collect());
        (data.contains("\"length\":8,") && data.ends_with("\"cut\":true"), digest)
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
