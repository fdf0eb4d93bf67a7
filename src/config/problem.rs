//! Problems of a configuration: one line each, and a report with the position in the file.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;

use serde::Serialize;

use crate::domain::text::Shown;

/// A problem of a configuration, or a warning. Never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file as it was named; for an entity of the store its kind, such as `policy`.
    #[serde(rename = "file", serialize_with = "as_text")]
    pub path: PathBuf,
    /// The line, from 1; 0 if there is no position in the file.
    pub line: usize,
    /// The column in characters, from 1; 0 if there is no position in the file.
    pub column: usize,
    /// The key with its enclosing tables, such as `connection.crm.upstream`; empty for a syntax error.
    pub key: String,
    /// The value that was found, quoted if it is a string; empty if there is none or it may be a secret.
    pub found: String,
    /// The problem.
    pub problem: String,
    /// The accepted values, or what to do.
    pub hint: Option<String>,
    /// The line of the file, for the report.
    #[serde(skip)]
    pub excerpt: Option<Excerpt>,
}

/// One line of the file as it may be shown: escaped, and without what may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The line.
    pub text: String,
    /// Number of characters before the mark.
    pub indent: usize,
    /// Number of characters that the mark covers. At least 1.
    pub width: usize,
}

fn as_text<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl Problem {
    /// Returns a problem of a file as a whole.
    pub fn of_file(path: &Path, problem: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: 0,
            column: 0,
            key: String::new(),
            found: String::new(),
            problem: problem.into(),
            hint,
            excerpt: None,
        }
    }

    /// Returns the lines of this problem in a report.
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{}: {}", self.place(), self.statement())];
        if let Some(excerpt) = &self.excerpt {
            let number = self.line.to_string();
            let (gutter, indent) = (number.len(), excerpt.indent);
            let mark = "^".repeat(excerpt.width);
            lines.push(format!(" {number} | {}", excerpt.text));
            lines.push(format!(" {:gutter$} | {:indent$}{mark}", "", ""));
        }
        lines.extend(self.hint.as_ref().map(|hint| format!("   = {}", Shown(hint))));
        lines
    }

    /// Returns `file:line:column`, or only the file.
    fn place(&self) -> String {
        let path = Shown(&self.path.display().to_string()).to_string();
        if self.line > 0 { format!("{path}:{}:{}", self.line, self.column) } else { path }
    }

    fn statement(&self) -> String {
        let subject = match (self.key.is_empty(), self.found.is_empty()) {
            (true, _) => String::new(),
            (false, true) => format!("{}: ", Shown(&self.key)),
            (false, false) => format!("{} = {}: ", Shown(&self.key), Shown(&self.found)),
        };
        format!("{subject}{}", Shown(&self.problem))
    }
}

impl fmt::Display for Problem {
    /// Writes `file:line:column: key = value: problem; hint`, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.statement())?;
        match &self.hint {
            Some(hint) => write!(f, "; {}", Shown(hint)),
            None => Ok(()),
        }
    }
}

/// All problems of one configuration, in the order of the file. Never empty when returned as an error.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    /// Iterates over the problems, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// Returns the number of problems.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Renders the report: each problem with its line of the file and a mark below the position. Plain text
    /// without colour, ends with a line feed.
    pub fn report(&self) -> String {
        self.list.iter().flat_map(Problem::lines).flat_map(|line| [line, "\n".to_owned()]).collect()
    }
}

impl From<Vec<Problem>> for Problems {
    fn from(mut list: Vec<Problem>) -> Self {
        list.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
        Self { list }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { list: vec![problem] }
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl fmt::Display for Problems {
    /// Writes one line per problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.list.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
