//! The conditions on names in a SQL text: `tables`, `columns`, `columns_not`, `functions`, `verbs`,
//! `settings` and `all_rows`.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Kin;
use crate::domain::SqlCommand;
use crate::domain::sql::Column;
use crate::domain::sql::Effects;
use crate::domain::sql::Function;
use crate::domain::sql::Object;
use crate::domain::sql::Setting;
use crate::domain::sql::Verb;
use crate::policy::answer::Answer;
use crate::policy::glob::Glob;
use crate::policy::problem::Refusal;
use crate::policy::sql::pattern::ColumnGlob;
use crate::policy::sql::pattern::NameGlob;

pub(super) mod pattern;

/// Maximum number of names of one kind that are shown.
const SHOWN: usize = 50;
/// The name recorded for a reset of all settings.
const ALL: &str = "all";

/// How many of a command's names a condition must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// One is enough, in conditions that stop or exclude: `match` of a deny or approve, `unless` of an allow.
    Any,
    /// All are required, in conditions that let pass: `match` of an allow, `unless` of a deny or approve.
    All,
}

/// A condition on names in a SQL text.
#[derive(Debug, Clone)]
pub(super) struct SqlTest {
    pub(super) usage: Use,
    pub(super) asked: Asked,
}

/// One key with its values.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    Tables(Vec<NameGlob>),
    Columns(Vec<ColumnGlob>),
    ColumnsNot(Vec<ColumnGlob>),
    Functions(Arc<[NameGlob]>),
    Verbs(Vec<Verb>),
    Settings(Vec<Glob>),
    AllRows(bool),
}

impl Use {
    /// Returns the opposite use.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Any => Self::All,
            Self::All => Self::Any,
        }
    }

    /// Combines the answers for each name. `unseen`: there may be more names than the text shows.
    fn join(self, answers: impl Iterator<Item = Answer>, unseen: bool) -> Answer {
        let more = unseen.then_some(Answer::Unsure);
        match self {
            Self::Any => Answer::any(answers.chain(more)),
            Self::All => Answer::all(answers.chain(more)),
        }
    }
}

impl SqlTest {
    /// Returns the key in the configuration.
    pub(super) fn key(&self) -> &'static str {
        match &self.asked {
            Asked::Tables(_) => "tables",
            Asked::Columns(_) => "columns",
            Asked::ColumnsNot(_) => "columns_not",
            Asked::Functions(_) => "functions",
            Asked::Verbs(_) => "verbs",
            Asked::Settings(_) => "settings",
            Asked::AllRows(_) => "all_rows",
        }
    }

    /// Evaluates the condition. A command that is not SQL does not match.
    pub(super) fn answer(&self, command: &Command) -> Answer {
        let Some(sql) = command.sql() else { return Answer::No };
        let Some(effects) = sql.effects.as_deref() else { return Answer::Unsure };
        let unseen = effects.runs_unseen() || (self.usage == Use::All && effects.moves_names(sql.base));
        match &self.asked {
            Asked::Tables(globs) => {
                let relations = effects.relations.iter().map(|relation| of_names(globs, &relation.object));
                let kin = self.kin(sql).map(Kin::all).into_iter().flatten();
                let kin = kin.map(|object| of_names(globs, object));
                let sequences = effects.sequences.iter().map(|sequence| match sequence {
                    Some(object) => of_names(globs, object),
                    None => of_schema(globs, None),
                });
                let schemas = effects.any_of().map(|schema| of_schema(globs, schema));
                let untold = self.misses_kin(sql) && !effects.relations.is_empty();
                self.usage.join(relations.chain(kin).chain(sequences).chain(schemas), unseen || untold)
            }
            Asked::Columns(globs) => {
                let columns = of_columns(globs, effects).chain(of_kin(globs, effects, self.kin(sql)));
                self.usage.join(columns, unseen || self.misses_columns(globs, effects, sql))
            }
            Asked::ColumnsNot(globs) => {
                let columns = of_columns(globs, effects).chain(of_kin(globs, effects, self.kin(sql)));
                let untold = self.misses_columns(globs, effects, sql);
                Use::Any.join(columns, effects.runs_unseen() || untold).not()
            }
            Asked::Functions(globs) => match self.usage {
                Use::Any => {
                    let called = effects.functions.iter().chain(&sql.opaque);
                    Use::Any.join(called.map(|function| of_names(globs, &function.object)), unseen)
                }
                Use::All => vouches(globs, sql).min(if unseen { Answer::Unsure } else { Answer::Yes }),
            },
            Asked::Verbs(verbs) => {
                self.usage.join(effects.verbs.iter().map(|verb| Answer::of(verbs.contains(verb))), false)
            }
            Asked::Settings(globs) => {
                let settings = effects.changed_settings().map(|setting| of_setting(globs, setting));
                self.usage.join(settings, effects.runs_unseen())
            }
            Asked::AllRows(wanted) => {
                // A condition that lets pass covers the whole text, and says nothing about other changes in
                // it.
                let whole = self.usage == Use::All && *wanted;
                let all_rows = if whole { effects.changes_all_rows_only() } else { effects.all_rows };
                if effects.runs_unseen() && (whole || !all_rows) {
                    Answer::Unsure
                } else {
                    Answer::of(all_rows == *wanted)
                }
            }
        }
    }

    /// Whether what shares rows with a relation that is named counts as named, too: where that holds back or
    /// takes away.
    fn counts_kin(&self) -> bool {
        match &self.asked {
            Asked::Tables(_) | Asked::Columns(_) => self.usage == Use::Any,
            // It is met where none of them is there.
            Asked::ColumnsNot(_) => self.usage == Use::All,
            Asked::Functions(_) | Asked::Verbs(_) | Asked::Settings(_) | Asked::AllRows(_) => false,
        }
    }

    /// Whether its answer may hang on what shares rows with the relations that are named.
    pub(super) fn asks_kin(&self) -> bool {
        self.counts_kin()
            && match &self.asked {
                Asked::Tables(globs) => !globs.iter().any(NameGlob::is_any),
                Asked::Columns(globs) | Asked::ColumnsNot(globs) => globs.iter().any(ColumnGlob::names_table),
                Asked::Functions(_) | Asked::Verbs(_) | Asked::Settings(_) | Asked::AllRows(_) => false,
            }
    }

    fn kin<'a>(&self, sql: &'a SqlCommand) -> Option<&'a Kin> {
        self.counts_kin().then_some(&sql.kin)
    }

    /// Whether it would have to know kin that nobody knows.
    fn misses_kin(&self, sql: &SqlCommand) -> bool {
        sql.kin.is_untold() && self.asks_kin()
    }

    /// The same, of columns that would be these in another relation.
    fn misses_columns(&self, globs: &[ColumnGlob], effects: &Effects, sql: &SqlCommand) -> bool {
        let other = |column: &Column| globs.iter().any(|glob| glob.is_elsewhere(column));
        self.misses_kin(sql) && effects.columns.iter().any(other)
    }

    /// What it wants, for people.
    pub(super) fn wanted(&self) -> String {
        let texts = match &self.asked {
            Asked::Tables(globs) => shown(globs.iter()),
            Asked::Columns(globs) => shown(globs.iter()),
            Asked::ColumnsNot(globs) => return format!("none of {}", shown(globs.iter()).join(", ")),
            Asked::Functions(globs) => shown(globs.iter()),
            Asked::Verbs(verbs) => shown(verbs.iter()),
            Asked::Settings(globs) => shown(globs.iter()),
            Asked::AllRows(true) if self.usage == Use::All => {
                return "an UPDATE or DELETE of all rows, and no other change".to_owned();
            }
            Asked::AllRows(true) => return "an UPDATE or DELETE of all rows".to_owned(),
            Asked::AllRows(false) => return "no UPDATE or DELETE of all rows".to_owned(),
        };
        let texts = texts.join(", ");
        match self.usage {
            Use::Any => texts,
            Use::All => format!("only {texts}"),
        }
    }

    /// Returns the actual values, for display. Not escaped.
    pub(super) fn found(&self, command: &Command) -> String {
        let Some(sql) = command.sql() else { return "no SQL".to_owned() };
        let Some(effects) = sql.effects.as_deref() else {
            return "not known: the SQL could not be understood".to_owned();
        };
        let mut names = match &self.asked {
            Asked::Tables(_) => tables(effects),
            Asked::Columns(_) | Asked::ColumnsNot(_) => columns(effects),
            Asked::Functions(_) if self.usage == Use::All => functions(&sql.opaque),
            Asked::Functions(_) => functions(effects.functions.iter().chain(&sql.opaque)),
            Asked::Verbs(_) => effects.verbs.iter().map(ToString::to_string).collect(),
            Asked::Settings(_) => settings(effects),
            Asked::AllRows(true) if effects.all_rows && !effects.changes_all_rows_only() => {
                vec!["one and other changes".to_owned()]
            }
            Asked::AllRows(_) if effects.all_rows => vec!["one".to_owned()],
            Asked::AllRows(_) => Vec::new(),
        };
        if !matches!(self.asked, Asked::Verbs(_)) && effects.runs_unseen() {
            names.push("what an earlier text has prepared".to_owned());
        }
        let by_name = !matches!(self.asked, Asked::Verbs(_) | Asked::Settings(_) | Asked::AllRows(_));
        if by_name && self.usage == Use::All && effects.moves_names(sql.base) {
            names.push("a search_path that changes what names mean".to_owned());
        }
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }
}

/// Returns whether the patterns certainly match every function with unknown effects.
pub(super) fn vouches(globs: &[NameGlob], sql: &SqlCommand) -> Answer {
    Use::All.join(sql.opaque.iter().map(|function| of_names(globs, &function.object)), false)
}

fn of_names(globs: &[NameGlob], object: &Object) -> Answer {
    Answer::any(globs.iter().map(|glob| glob.answer(object)))
}

/// Whatever is in a schema, or in all.
fn of_schema(globs: &[NameGlob], schema: Option<&str>) -> Answer {
    Answer::any(globs.iter().map(|glob| glob.answer_schema(schema)))
}

/// Returns a reset of all settings, and a setting with a computed name, may be any setting.
fn of_setting(globs: &[Glob], setting: &Setting) -> Answer {
    match setting.name.as_deref().filter(|name| *name != ALL) {
        Some(name) => Answer::of(globs.iter().any(|glob| glob.matches(name.as_bytes()))),
        None if globs.iter().any(Glob::is_any) => Answer::Yes,
        None => Answer::Unsure,
    }
}

/// Parses a pattern of `settings`.
pub(super) fn read_setting(text: &str) -> Result<Glob, Refusal> {
    let glob = Glob::parse(text)?;
    if text == ALL {
        let accepted = "write * for RESET ALL, which may be about any setting";
        return Err(Refusal::new("no setting is called all", accepted));
    }
    let plain = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'_' | b'.' | b'$' | b'*')
            || !byte.is_ascii()
    };
    if text.bytes().all(plain) {
        Ok(glob)
    } else {
        let accepted = "write names in lower case, such as statement_timeout or app.*; * stands for any text";
        Err(Refusal::new("no setting has such a name", accepted))
    }
}

fn of_columns(globs: &[ColumnGlob], effects: &Effects) -> impl Iterator<Item = Answer> {
    effects.columns.iter().map(|column| Answer::any(globs.iter().map(|glob| glob.answer(column))))
}

/// What the patterns say of the columns of the kin of each relation: they have the same names there.
fn of_kin<'a>(
    globs: &'a [ColumnGlob],
    effects: &'a Effects,
    kin: Option<&'a Kin>,
) -> impl Iterator<Item = Answer> + 'a {
    let each = move |kin: &'a Kin| {
        effects.columns.iter().flat_map(move |column| {
            let relations = column.relation.iter().flat_map(|relation| kin.of(relation));
            relations
                .map(move |relation| Answer::any(globs.iter().map(|glob| glob.answer_in(column, relation))))
        })
    };
    kin.into_iter().flat_map(each)
}

/// What a SQL text does, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlSummary {
    /// Whether it was understood. If not, the lists are empty and every condition on it is unsure.
    pub understood: bool,
    /// The class without the calls of functions with unknown effects.
    pub base: Class,
    /// The relations that it names, `schema.*` and `*` for any of a schema and of all, at most 50 and `…`.
    /// Not escaped.
    pub tables: Vec<String>,
    /// The functions that it calls, at most 50 and `…`. Not escaped.
    pub functions: Vec<String>,
    /// The functions among them with unknown effects: only a policy that names all of them lets the text
    /// pass. Not escaped.
    pub opaque: Vec<String>,
    /// The settings that it changes; `?` for a computed name. At most 50 and `…`. Not escaped.
    #[serde(default)]
    pub settings: Vec<String>,
    /// Whether it has an `UPDATE` or a `DELETE` of all rows.
    #[serde(default)]
    pub all_rows: bool,
    /// Why its class is higher than `read`, each reason with its class in front. Not escaped.
    pub reasons: Vec<String>,
}

impl SqlSummary {
    /// Summarizes a command; `None` if it is not SQL.
    pub fn of(command: &Command) -> Option<Self> {
        let sql = command.sql()?;
        let effects = sql.effects.as_deref();
        let reasons = effects.into_iter().flat_map(|effects| &effects.reasons);
        Some(Self {
            understood: effects.is_some(),
            base: sql.base,
            tables: effects.map(tables).unwrap_or_default(),
            functions: effects.map(|effects| functions(&effects.functions)).unwrap_or_default(),
            opaque: functions(&sql.opaque),
            settings: effects.map(settings).unwrap_or_default(),
            all_rows: effects.is_some_and(|effects| effects.all_rows),
            reasons: reasons.map(|reason| format!("{}: {}", reason.class, reason.words)).collect(),
        })
    }

    /// Returns lines for display, each a label and its text. Not escaped.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        if !self.understood {
            return vec![("why", "unknown: the SQL could not be understood".to_owned())];
        }
        let mut lines = Vec::new();
        for (word, names) in [
            ("tables", &self.tables),
            ("functions", &self.functions),
            ("not known", &self.opaque),
            ("settings", &self.settings),
        ] {
            if !names.is_empty() {
                lines.push((word, names.join(", ")));
            }
        }
        if self.all_rows {
            lines.push(("all rows", "an UPDATE or DELETE of all rows".to_owned()));
        }
        lines.extend(self.reasons.iter().map(|reason| ("why", reason.clone())));
        lines
    }
}

fn tables(effects: &Effects) -> Vec<String> {
    let any = |schema: Option<&str>| schema.map_or_else(|| "*".to_owned(), |schema| format!("{schema}.*"));
    let sequence = |object: &Option<Object>| object.as_ref().map_or_else(|| any(None), ToString::to_string);
    let relations = effects.relations.iter().map(|relation| relation.object.to_string());
    distinct(relations.chain(effects.sequences.iter().map(sequence)).chain(effects.any_of().map(any)))
}

fn columns(effects: &Effects) -> Vec<String> {
    distinct(effects.columns.iter().map(|column| {
        let name = column.name.as_deref().unwrap_or("*");
        column.relation.as_ref().map_or_else(|| name.to_owned(), |relation| format!("{relation}.{name}"))
    }))
}

fn settings(effects: &Effects) -> Vec<String> {
    let name = |setting: &Setting| setting.name.as_deref().unwrap_or("?").to_owned();
    distinct(effects.changed_settings().map(name))
}

/// Returns the names of functions, for display. Not escaped.
pub(super) fn functions<'a>(functions: impl IntoIterator<Item = &'a Function>) -> Vec<String> {
    distinct(functions.into_iter().map(|function| function.object.to_string()))
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let names: BTreeSet<String> = names.collect();
    let more = (names.len() > SHOWN).then(|| "…".to_owned());
    names.into_iter().take(SHOWN).chain(more).collect()
}

fn shown<T: ToString>(values: impl Iterator<Item = T>) -> Vec<String> {
    values.map(|value| value.to_string()).collect()
}
