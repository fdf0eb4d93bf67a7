//! Reads the results of the questions.

use super::ask::{Answers, Question, Rows};
use super::routines::{Arguments, Routine};
use super::{Catalog, Column, Dependency, Kind, Relation};
use crate::domain::sql::Object;
use crate::protocol::postgres::judge::is_dangerous;

/// A row that does not have the form that was asked for. The message quotes none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server's answer to a question about its {question} has a row (number {row}) whose {part} cannot be read"
)]
pub struct CatalogError {
    /// The question.
    pub question: &'static str,
    /// The number of the row, from 0.
    pub row: usize,
    /// The part of the row that cannot be read.
    pub part: &'static str,
}

/// A row and its position.
struct Row<'a> {
    question: &'static str,
    number: usize,
    cells: &'a [Option<String>],
}

impl<'a> Row<'a> {
    const fn bad(&self, part: &'static str) -> CatalogError {
        CatalogError { question: self.question, row: self.number, part }
    }

    /// Returns a value that may be NULL.
    fn option(&self, place: usize) -> Option<&'a str> {
        self.cells.get(place)?.as_deref()
    }

    fn text(&self, place: usize, part: &'static str) -> Result<&'a str, CatalogError> {
        self.option(place).ok_or(self.bad(part))
    }

    fn number<N: std::str::FromStr>(&self, place: usize, part: &'static str) -> Result<N, CatalogError> {
        self.text(place, part)?.parse().map_err(|_other| self.bad(part))
    }
}

/// Returns the rows of a result, each checked for its number of columns.
fn rows<'a>(
    question: Question,
    name: &'static str,
    rows: &'a Rows,
) -> impl Iterator<Item = Result<Row<'a>, CatalogError>> {
    rows.iter().enumerate().map(move |(number, cells)| {
        let row = Row { question: name, number, cells };
        if cells.len() == question.cells() { Ok(row) } else { Err(row.bad("number of cells")) }
    })
}

pub(super) fn catalog(answers: &Answers) -> Result<Catalog, CatalogError> {
    let mut catalog = Catalog::default();
    let mut open: Option<Relation> = None;
    for row in rows(Question::Relations, "relations", &answers.relations) {
        let row = row?;
        let oid = row.number(0, "oid")?;
        if open.as_ref().is_none_or(|relation| relation.oid != oid)
            && let Some(done) = open.replace(relation(&row, oid)?)
        {
            catalog.put(done);
        }
        if let (Some(relation), Some(_)) = (&mut open, row.option(4)) {
            relation.columns.push(Column {
                number: row.number(4, "number of a column")?,
                name: row.text(5, "name of a column")?.into(),
                generated: row.option(6).map(Into::into),
                json: row.text(7, "type of a column")? != "f",
            });
        }
    }
    if let Some(done) = open {
        catalog.put(done);
    }
    for row in rows(Question::Inheritance, "inheritance", &answers.inheritance) {
        let row = row?;
        let (child, parent) = (row.number(0, "child")?, row.number(1, "parent")?);
        catalog.family.name(child, row.text(2, "child")?, row.text(3, "child")?);
        catalog.family.name(parent, row.text(4, "parent")?, row.text(5, "parent")?);
        catalog.family.tie(child, parent);
        catalog.inheritance.push((child, parent));
    }
    for row in rows(Question::References, "foreign keys", &answers.references) {
        let row = row?;
        let (from, to) = (row.number(0, "relation")?, row.number(1, "relation")?);
        catalog.family.name(from, row.text(2, "relation")?, row.text(3, "relation")?);
        catalog.family.name(to, row.text(4, "relation")?, row.text(5, "relation")?);
        catalog.family.refer(from, to);
    }
    for row in rows(Question::Dependencies, "views", &answers.dependencies) {
        let row = row?;
        let of = row.number(2, "oid")?;
        if row.text(1, "kind")? == "i" {
            catalog.rewritten.insert(row.number(0, "relation")?);
            continue;
        }
        let (along, dependency) = match row.text(1, "kind")? {
            "r" => (&mut catalog.dependencies, Dependency::Relation(of)),
            "f" => (&mut catalog.dependencies, Dependency::Function(of)),
            "c" => (&mut catalog.changes, Dependency::Relation(of)),
            "x" => (&mut catalog.changes, Dependency::Function(of)),
            "p" => (&mut catalog.policies, Dependency::Relation(of)),
            "q" => (&mut catalog.policies, Dependency::Function(of)),
            _ => return Err(row.bad("kind")),
        };
        along.entry(row.number(0, "relation")?).or_default().push(dependency);
    }
    for row in rows(Question::Functions, "functions", &answers.functions) {
        let row = row?;
        let routine = Routine {
            schema: row.text(1, "schema")?.into(),
            procedure: row.text(3, "kind")? == "p",
            takes: arguments(&row)?,
            takes_row: row.text(10, "argument")? != "f",
            ..routine(&row, 4)?
        };
        catalog.routines.put(row.number(0, "oid")?, row.text(2, "name")?, routine);
    }
    for row in rows(Question::Operators, "operators", &answers.operators) {
        let row = row?;
        let function = Object { schema: None, name: row.text(2, "function")?.into() };
        let harmless = routine(&row, 3)?.harmless() && !is_dangerous(&function);
        catalog.routines.operator(row.text(0, "name")?, row.text(1, "schema")?, harmless);
    }
    for row in rows(Question::Setters, "settings", &answers.setters) {
        catalog.setters.insert(row?.text(0, "name")?.into());
    }
    Ok(catalog)
}

/// Reads what four values, from `first` on, say of a function.
fn routine(row: &Row<'_>, first: usize) -> Result<Routine, CatalogError> {
    let cell = |place: usize, part| row.text(first.saturating_add(place), part);
    let (volatility, language) = (cell(0, "volatility")?, cell(2, "language")?);
    Ok(Routine {
        schema: Box::default(),
        procedure: false,
        immutable: volatility == "i",
        volatile: !matches!(volatility, "i" | "s"),
        definer: cell(1, "security")? != "f",
        native: matches!(language, "internal" | "c"),
        known: matches!(language, "internal" | "c" | "sql" | "plpgsql"),
        trusted: cell(3, "extension")? == "t",
        takes: Arguments { least: 0, most: None },
        takes_row: false,
    })
}

/// Reads how many arguments a function takes.
fn arguments(row: &Row<'_>) -> Result<Arguments, CatalogError> {
    const PART: &str = "number of arguments";
    let least = row.number(8, PART)?;
    let most = row.option(9).map(|_| row.number(9, PART)).transpose()?;
    Ok(Arguments { least, most })
}

fn relation(row: &Row<'_>, oid: u32) -> Result<Relation, CatalogError> {
    let kind = match row.text(3, "kind")? {
        "f" => Kind::Foreign,
        "m" => Kind::MaterializedView,
        "p" => Kind::Partitioned,
        "S" => Kind::Sequence,
        "r" => Kind::Table,
        "v" => Kind::View,
        _ => return Err(row.bad("kind")),
    };
    let (schema, name) = (row.text(1, "schema")?.into(), row.text(2, "name")?.into());
    Ok(Relation { oid, schema, name, kind, columns: Vec::new() })
}
