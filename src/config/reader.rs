//! Walks a parsed TOML text: each value knows its key and position, each table records which keys were
//! requested.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

use crate::config::source::Level;
use crate::config::source::Note;
use crate::config::source::Source;
use crate::config::source::Span;
use crate::config::url;
use crate::config::words::is_plain;
use crate::config::words::joined;
use crate::config::words::nearest;
use crate::config::words::quoted;
use crate::config::words::suggestion;

/// One value of the file.
#[derive(Clone)]
pub(super) struct Value<'d> {
    pub(super) source: &'d Source<'d>,
    /// The key with its enclosing tables.
    pub(super) key: String,
    pub(super) node: &'d DeValue<'d>,
    pub(super) span: Span,
}

/// One table of the file, while it is read.
pub(super) struct Table<'d> {
    pub(super) source: &'d Source<'d>,
    /// The key with its enclosing tables; empty for the whole file.
    pub(super) key: String,
    pub(super) span: Span,
    /// `None`: the table is missing, and reads like an empty one.
    entries: Option<&'d DeTable<'d>>,
    known: Vec<&'static str>,
    refused: Vec<&'static str>,
}

impl<'d> Value<'d> {
    /// Returns the root of a parsed text.
    pub(super) fn root(source: &'d Source<'d>, document: &'d DeValue<'d>) -> Self {
        hide_leaky_urls(source, document, &(0..0));
        Self { source, key: String::new(), node: document, span: 0..0 }
    }

    /// Returns the value for a problem, but never the content of a list or a table.
    fn found(&self) -> String {
        match self.node {
            DeValue::String(text) => quoted(text),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(time) => time.to_string(),
            DeValue::Array(list) => if list.is_empty() { "[]" } else { "[…]" }.to_owned(),
            DeValue::Table(table) => if table.is_empty() { "{}" } else { "{…}" }.to_owned(),
        }
    }

    /// Reports a problem of this value.
    pub(super) fn problem(&self, problem: impl Into<String>, hint: impl Into<Option<String>>) {
        self.note(Level::Problem, self.repeated(), problem.into(), hint.into());
    }

    /// Reports that this value has the wrong type. The content of a list or table may then be anything.
    pub(super) fn mismatch(&self, problem: &str, hint: impl Into<Option<String>>) {
        if matches!(self.node, DeValue::Array(_) | DeValue::Table(_)) {
            self.hide();
        }
        self.note(Level::Problem, self.found(), problem.to_owned(), hint.into());
    }

    /// Reports a problem of this value without repeating the value, here or in the line of the report.
    pub(super) fn secret_problem(&self, problem: impl Into<String>, hint: impl Into<Option<String>>) {
        self.hide();
        self.note(Level::Problem, String::new(), problem.into(), hint.into());
    }

    /// Reports a warning about this value.
    pub(super) fn warning(&self, problem: impl Into<String>, hint: impl Into<Option<String>>) {
        self.note(Level::Warning, self.repeated(), problem.into(), hint.into());
    }

    /// Returns the value, unless it may hold a secret.
    fn repeated(&self) -> String {
        if self.source.is_hidden(&self.span) { String::new() } else { self.found() }
    }

    fn note(&self, level: Level, found: String, problem: String, hint: Option<String>) {
        let (key, span) = (self.key.clone(), self.span.clone());
        self.source.note(Note { level, span, key, found, problem, hint, absence: false, shown: true });
    }

    /// Returns whether a problem of this value, or of one in it, was reported.
    pub(super) fn is_noted(&self) -> bool {
        self.source.noted(&self.key, &self.span)
    }

    /// Keeps this value, and all values in it, out of every report.
    pub(super) fn hide(&self) {
        hide(self.source, self.node, &self.span);
    }

    /// Reads a table, then reports the keys that were not requested.
    pub(super) fn table<T>(&self, read: impl FnOnce(&mut Table<'d>) -> T) -> Option<T> {
        let DeValue::Table(entries) = self.node else {
            let hint = "write it as a table: { key = value } or under a header in [brackets]".to_owned();
            self.mismatch("not a table", hint);
            return None;
        };
        let mut table = Table {
            source: self.source,
            key: self.key.clone(),
            span: self.span.clone(),
            entries: Some(entries),
            known: Vec::new(),
            refused: Vec::new(),
        };
        let value = read(&mut table);
        table.refuse_unknown_keys();
        Some(value)
    }

    /// Returns the elements of a list, each under the key of the list.
    pub(super) fn elements(&self) -> Option<Vec<Self>> {
        let DeValue::Array(values) = self.node else {
            self.mismatch("not a list", "write it in square brackets: [\"a\", \"b\"]".to_owned());
            return None;
        };
        let element = |value: &'d Spanned<DeValue<'d>>| Self {
            source: self.source,
            key: self.key.clone(),
            node: value.get_ref(),
            span: value.span(),
        };
        Some(values.iter().map(element).collect())
    }

    /// Returns the members of a table with arbitrary keys; `None` if it is not a table.
    pub(super) fn members(&self) -> Option<Vec<(&'d str, Self)>> {
        let DeValue::Table(entries) = self.node else { return None };
        let member = |(name, value): (&'d Spanned<Cow<'d, str>>, &'d Spanned<DeValue<'d>>)| {
            let name: &'d str = name.get_ref();
            let key = joined(&self.key, name);
            (name, Self { source: self.source, key, node: value.get_ref(), span: value.span() })
        };
        Some(entries.iter().map(member).collect())
    }

    /// Returns the value at a dotted path of keys from here.
    pub(super) fn at(&self, path: &str) -> Option<Self> {
        let mut value = self.clone();
        let mut rest = path;
        while !rest.is_empty() {
            let DeValue::Table(entries) = value.node else { return None };
            // An arbitrary key may contain dots (`args."order.amount"`): the longest key that fits is tried
            // first.
            let ends = rest.match_indices('.').map(|(at, _)| at).chain(std::iter::once(rest.len()));
            let mut ends: Vec<usize> = ends.collect();
            ends.reverse();
            let (end, found) = ends.into_iter().find_map(|end| {
                let node = entries.get(rest.get(..end)?)?;
                Some((end, node))
            })?;
            let name = rest.get(..end)?;
            value = Self {
                source: self.source,
                key: joined(&value.key, name),
                node: found.get_ref(),
                span: found.span(),
            };
            rest = rest.get(end..)?.trim_start_matches('.');
        }
        Some(value)
    }
}

impl Value<'_> {
    /// Returns the element of this list that equals the text `found`.
    pub(super) fn listed(&self, found: &str) -> Option<Self> {
        if !self.node.is_array() {
            return None;
        }
        self.elements()?.into_iter().find(|element| element.node.as_str() == Some(found))
    }

    /// Returns the position of a finding at a path of keys below this value: the element of the list, the
    /// member of the table, the value of the key, or the nearest value that exists.
    pub(super) fn nearest_place(&self, path: &str, found: &str) -> Self {
        let mut path = path;
        loop {
            if let Some(value) = self.at(path) {
                let member = value.members().and_then(|members| {
                    let own =
                        |(name, member): &(&str, Self)| *name == found || member.node.as_str() == Some(found);
                    members.into_iter().find(own).map(|(_, member)| member)
                });
                return value.listed(found).or(member).unwrap_or(value);
            }
            path = path.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
    }
}

impl<'d> Table<'d> {
    /// Reads the table under a key; a missing one reads like an empty one.
    pub(super) fn child<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        match self.take(name) {
            Some(value) => value.table(read),
            None => Some(read(&mut Self {
                source: self.source,
                key: joined(&self.key, name),
                span: 0..0,
                entries: None,
                known: Vec::new(),
                refused: Vec::new(),
            })),
        }
    }

    /// Returns the value of a key, if present. The key counts as known from then on.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Value<'d>> {
        self.known.push(name);
        self.source.ask(name);
        self.peek(name)
    }

    /// Returns the value of a required key; `wanted` describes it.
    pub(super) fn required(&mut self, name: &'static str, wanted: &str) -> Option<Value<'d>> {
        let value = self.take(name);
        if value.is_none() {
            self.source.note(Note {
                level: Level::Problem,
                span: self.span.clone(),
                key: joined(&self.key, name),
                found: String::new(),
                problem: "missing".to_owned(),
                hint: Some(wanted.to_owned()),
                absence: true,
                shown: true,
            });
        }
        value
    }

    /// Returns the value of a key, without counting the key as known.
    pub(super) fn peek(&self, name: &str) -> Option<Value<'d>> {
        let value = self.entries?.get(name)?;
        Some(Value {
            source: self.source,
            key: joined(&self.key, name),
            node: value.get_ref(),
            span: value.span(),
        })
    }

    /// Refuses planned keys that this version does not support, with what is supported.
    pub(super) fn later(&mut self, names: &[&'static str], instead: &str) {
        self.refuse(names, "not supported by this version of hoopctl", instead);
    }

    /// Refuses known keys: `why`, and what to write instead.
    pub(super) fn refuse(&mut self, names: &[&'static str], why: &str, instead: &str) {
        for name in names {
            // It is not in the list of accepted keys.
            if let Some(value) = self.peek(name) {
                value.secret_problem(why, instead.to_owned());
                self.refused.push(name);
            }
        }
    }

    /// Returns the tables of `[[name]]`, each with its `label` (its own name or id) in its key.
    pub(super) fn tables(&mut self, name: &'static str, label: &str) -> Vec<Value<'d>> {
        let Some(list) = self.take(name) else { return Vec::new() };
        let DeValue::Array(values) = list.node else {
            list.mismatch("not a list of tables", format!("start each one with its own header: [[{name}]]"));
            return Vec::new();
        };
        let element = |(place, value): (usize, &'d Spanned<DeValue<'d>>)| {
            let own = value
                .get_ref()
                .as_table()
                .and_then(|table| table.get(label))
                .and_then(|own| own.get_ref().as_str());
            let key = match own {
                Some(own) if is_plain(own) => format!("{name}.{own}"),
                _ => format!("{name}[{place}]"),
            };
            Value { source: self.source, key, node: value.get_ref(), span: value.span() }
        };
        values.iter().enumerate().map(element).collect()
    }

    /// Reports a problem of the table as a whole.
    pub(super) fn problem(&self, problem: impl Into<String>, hint: impl Into<Option<String>>) {
        self.source.note(Note {
            level: Level::Problem,
            span: self.span.clone(),
            key: self.key.clone(),
            found: String::new(),
            problem: problem.into(),
            hint: hint.into(),
            absence: false,
            shown: true,
        });
    }

    /// Reports each key that was not requested.
    fn refuse_unknown_keys(&self) {
        for (name, value) in self.entries.into_iter().flat_map(DeTable::iter) {
            let text: &str = name.get_ref();
            if self.known.contains(&text) || self.refused.contains(&text) {
                continue;
            }
            let meant = nearest(text, self.known.iter().copied());
            // A misspelt key may hold anything, even a secret, unless it can only be meant for a key with
            // fixed words.
            if !meant.is_some_and(|meant| WORDS.contains(&meant)) {
                hide(self.source, value.get_ref(), &value.span());
            }
            if let Some(meant) = meant {
                // One mistake, one problem: the key is present, only misspelt.
                self.source.forget_missing(&joined(&self.key, meant));
            }
            self.source.note(Note {
                level: Level::Problem,
                span: name.span(),
                key: joined(&self.key, text),
                found: String::new(),
                problem: "unknown key".to_owned(),
                hint: Some(suggestion(text, &self.known)),
                absence: false,
                shown: true,
            });
        }
    }
}

/// Keys with a fixed set of values, which therefore never hold a secret.
const WORDS: &[&str] = &[
    "approval_mode",
    "effect",
    "grant",
    "kinds",
    "level",
    "min",
    "notifications",
    "operations",
    "profile",
    "sync",
    "version",
];

/// Keeps every URL that may hold a secret out of every report, wherever it occurs.
fn hide_leaky_urls(source: &Source<'_>, node: &DeValue<'_>, span: &Span) {
    match node {
        DeValue::String(text) if text.contains("://") && url::may_hold_a_secret(text) => {
            source.hide(span.clone());
        }
        DeValue::Array(values) => {
            values.iter().for_each(|value| hide_leaky_urls(source, value.get_ref(), &value.span()));
        }
        DeValue::Table(entries) => {
            entries.iter().for_each(|(_, value)| hide_leaky_urls(source, value.get_ref(), &value.span()));
        }
        _ => {}
    }
}

/// Hides a secret value in reports. Dotted keys have no span of their own, so each value inside is hidden
/// too.
fn hide(source: &Source<'_>, node: &DeValue<'_>, span: &Span) {
    match node {
        DeValue::Table(entries) => {
            for (_, value) in entries {
                hide(source, value.get_ref(), &value.span());
            }
        }
        _ => source.hide(span.clone()),
    }
}
