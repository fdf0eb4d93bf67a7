//! Globs over the names of tables, columns and functions, part by part.

use std::fmt;

use crate::domain::sql::Column;
use crate::domain::sql::NAME_MAX;
use crate::domain::sql::Object;
use crate::policy::answer::Answer;
use crate::policy::glob::Glob;
use crate::policy::glob::check_text;
use crate::policy::problem::Refusal;

/// A glob over one part of a name.
#[derive(Debug, Clone)]
struct Part {
    glob: Glob,
    /// The same in lower case, if it is not written so.
    folded: Option<Glob>,
}

/// A glob over the name of a table or function, and its schema if the pattern has one.
#[derive(Debug, Clone)]
pub(in crate::policy) struct NameGlob {
    text: Box<str>,
    schema: Option<Part>,
    name: Part,
}

/// A glob over the name of a column, and its table if the pattern has one.
#[derive(Debug, Clone)]
pub(in crate::policy) struct ColumnGlob {
    text: Box<str>,
    table: Option<NameGlob>,
    column: Part,
}

impl Part {
    fn parse(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Err(Refusal::new("an empty part of a name", "write * for any"));
        }
        if text.len() > NAME_MAX && !text.contains('*') {
            let accepted = format!("at most {NAME_MAX} bytes: servers cut longer names there");
            return Err(Refusal::new("longer than any name, so it matches nothing", accepted));
        }
        let folded = text.to_ascii_lowercase();
        let folded = if folded == text { None } else { Some(Glob::parse(&folded)?) };
        Ok(Self { glob: Glob::parse(text)?, folded })
    }

    /// Matches a name; one that differs only in case is unsure.
    fn answer(&self, name: &str) -> Answer {
        if self.glob.matches(name.as_bytes()) {
            return Answer::Yes;
        }
        let folded = self.folded.as_ref().unwrap_or(&self.glob);
        let same = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            folded.matches(name.to_ascii_lowercase().as_bytes())
        } else {
            self.folded.is_some() && folded.matches(name.as_bytes())
        };
        if same { Answer::Unsure } else { Answer::No }
    }

    /// Matches the schema of a name that is written without one.
    fn of_unwritten(&self, name: &str) -> Answer {
        // The system schema is searched first, and its names begin with `pg_`.
        let home = if name.starts_with("pg_") { "pg_catalog" } else { "public" };
        self.answer(home).max(Answer::Unsure)
    }

    fn is_any(&self) -> bool {
        self.glob.is_any()
    }
}

impl NameGlob {
    /// Parses a pattern.
    pub(in crate::policy) fn parse(text: &str) -> Result<Self, Refusal> {
        match parts(text)?.as_slice() {
            [name] => Self::of_parts(text, None, name),
            [schema, name] => Self::of_parts(text, Some(schema), name),
            _ => Err(Refusal::new("more than a schema and a name", "write schema.name, or the name only")),
        }
    }

    fn of_parts(text: &str, schema: Option<&str>, name: &str) -> Result<Self, Refusal> {
        Ok(Self { text: text.into(), schema: schema.map(Part::parse).transpose()?, name: Part::parse(name)? })
    }

    /// Matches an object; unsure if the text leaves that open.
    pub(in crate::policy) fn answer(&self, object: &Object) -> Answer {
        let name = self.name.answer(&object.name);
        if name == Answer::No {
            return Answer::No;
        }
        let schema = match (&self.schema, object.schema.as_deref()) {
            (None, _) => Answer::Yes,
            (Some(part), Some(schema)) => part.answer(schema),
            (Some(part), None) => part.of_unwritten(&object.name),
        };
        name.min(schema)
    }

    /// Matches whatever is in a schema, or in all schemas: unsure if that may be among it.
    pub(in crate::policy) fn answer_schema(&self, schema: Option<&str>) -> Answer {
        let schema = match (&self.schema, schema) {
            (None, _) => Answer::Yes,
            (Some(part), Some(schema)) => part.answer(schema),
            (Some(part), None) if part.is_any() => Answer::Yes,
            (Some(_), None) => Answer::Unsure,
        };
        if self.name.is_any() { schema } else { schema.min(Answer::Unsure) }
    }

    /// Whether it describes everything.
    pub(in crate::policy) fn is_any(&self) -> bool {
        self.name.is_any() && self.schema.as_ref().is_none_or(Part::is_any)
    }
}

impl ColumnGlob {
    /// Parses a pattern.
    pub(in crate::policy) fn parse(text: &str) -> Result<Self, Refusal> {
        let (table, column) = match parts(text)?.as_slice() {
            [column] => (None, Part::parse(column)?),
            [table, column] => (Some(NameGlob::of_parts(table, None, table)?), Part::parse(column)?),
            [schema, table, column] => {
                (Some(NameGlob::of_parts(table, Some(schema), table)?), Part::parse(column)?)
            }
            _ => {
                return Err(Refusal::new(
                    "more than a schema, a table and a column",
                    "write schema.table.column, table.column or column",
                ));
            }
        };
        Ok(Self { text: text.into(), table, column })
    }

    /// Matches a column; unsure if the text leaves that open.
    pub(in crate::policy) fn answer(&self, column: &Column) -> Answer {
        self.answer_of(column, column.relation.as_ref())
    }

    /// The same as if it were a column of this relation.
    pub(in crate::policy) fn answer_in(&self, column: &Column, relation: &Object) -> Answer {
        self.answer_of(column, Some(relation))
    }

    /// Whether it names a table, not only columns of any.
    pub(in crate::policy) fn names_table(&self) -> bool {
        self.table.as_ref().is_some_and(|table| !table.is_any())
    }

    /// Whether the column has a relation, and may be what this describes in another one.
    pub(in crate::policy) fn is_elsewhere(&self, column: &Column) -> bool {
        column.relation.is_some() && self.names_table() && self.own(column) != Answer::No
    }

    /// Whether its column is this one, wherever it is.
    fn own(&self, column: &Column) -> Answer {
        match column.name.as_deref() {
            Some(name) => self.column.answer(name),
            None if self.column.is_any() => Answer::Yes,
            // All columns: this one is among them, and others may be.
            None => Answer::Unsure,
        }
    }

    fn answer_of(&self, column: &Column, relation: Option<&Object>) -> Answer {
        let own = self.own(column);
        if own == Answer::No {
            return Answer::No;
        }
        let table = match (&self.table, relation) {
            (None, _) => Answer::Yes,
            (Some(table), Some(relation)) => table.answer(relation),
            (Some(table), None) if table.is_any() => Answer::Yes,
            (Some(_), None) => Answer::Unsure,
        };
        own.min(table)
    }
}

fn parts(text: &str) -> Result<Vec<&str>, Refusal> {
    check_text(text)?;
    if text.contains(['"', '(', ')']) {
        return Err(Refusal::new(
            "a quote or a parenthesis, which is no part of a name",
            "write the name as the server keeps it, * for what cannot be written",
        ));
    }
    Ok(text.split('.').collect())
}

impl fmt::Display for NameGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for ColumnGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
