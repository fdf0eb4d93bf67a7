//! One configuration text while it is read: its lines, its problems, and what must not be shown.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;

use crate::config::problem::Excerpt;
use crate::config::problem::Problem;
use crate::domain::connection::Origin;
use crate::domain::text::Shown;

/// Maximum length of a line in a report, in characters.
const EXCERPT_MAX: usize = 160;

/// A range of byte offsets in a text.
pub(super) type Span = Range<usize>;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// The configuration cannot be used.
    Problem,
    /// The configuration is valid, but probably contains a mistake.
    Warning,
}

/// One finding, with an offset that is not yet converted to line and column.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub(super) level: Level,
    pub(super) span: Span,
    pub(super) key: String,
    pub(super) found: String,
    pub(super) problem: String,
    pub(super) hint: Option<String>,
    /// Whether it reports something missing, which is unreliable after a syntax error.
    pub(super) absence: bool,
    /// Whether its line may be shown, without the hidden parts.
    pub(super) shown: bool,
}

/// The text and its findings.
pub(super) struct Source<'d> {
    origin: Origin,
    pub(super) text: &'d str,
    starts: Vec<usize>,
    notes: RefCell<Vec<Note>>,
    asked: RefCell<BTreeSet<&'static str>>,
    hidden: RefCell<Vec<Span>>,
}

impl<'d> Source<'d> {
    /// Creates a source. `origin` is the file, or says that there is no base for relative paths.
    pub(super) fn new(text: &'d str, origin: Origin) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self {
            origin,
            text,
            starts,
            notes: RefCell::new(Vec::new()),
            asked: RefCell::new(BTreeSet::new()),
            hidden: RefCell::new(Vec::new()),
        }
    }

    /// Returns the base directory of relative paths; `None` for an entity of the store.
    pub(super) fn folder(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File { path, .. } => Some(path.parent().unwrap_or(Path::new(""))),
            Origin::Store => None,
        }
    }

    /// Returns the origin of an entity whose table starts at `span`.
    pub(super) fn origin(&self, span: &Span) -> Origin {
        match &self.origin {
            // The body of a single table has a line of its own only inside its file.
            Origin::File { path, line: 0 } => {
                Origin::File { path: path.clone(), line: self.place(span.start).0 }
            }
            other => other.clone(),
        }
    }

    /// Converts a byte offset to line and column, both from 1.
    pub(super) fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..offset.min(self.text.len())).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// Adds a finding.
    pub(super) fn note(&self, note: Note) {
        self.notes.borrow_mut().push(note);
    }

    /// Returns whether a problem was reported at this position, for this key or one inside it.
    pub(super) fn noted(&self, key: &str, span: &Span) -> bool {
        let inside =
            |own: &str| own.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let meets = |own: &Span| own.start < span.end && span.start < own.end || own == span;
        let notes = self.notes.borrow();
        notes.iter().any(|note| note.level == Level::Problem && inside(&note.key) && meets(&note.span))
    }

    /// Retracts the finding that a key is missing.
    pub(super) fn forget_missing(&self, key: &str) {
        self.notes.borrow_mut().retain(|note| !(note.absence && note.key == key));
    }

    /// Records a requested key.
    pub(super) fn ask(&self, name: &'static str) {
        self.asked.borrow_mut().insert(name);
    }

    /// Returns the key or header at the start of the line at `offset`, if it was requested: the line may then
    /// be shown up to there, and its rest is hidden. Anything else on a broken line may be part of a secret.
    pub(super) fn key_of_line(&self, offset: usize) -> String {
        let (line, _) = self.place(offset);
        let (start, end) = self.line_bounds(line);
        let text = self.text.get(start..end).unwrap_or_default();
        let lead = text.len() - text.trim_start_matches([' ', '\t', '[']).len();
        let word = text.get(lead..).unwrap_or_default();
        let word = word
            .split(|c: char| !(c.is_ascii_lowercase() || c == '_' || c == '.'))
            .next()
            .unwrap_or_default();
        let asked = self.asked.borrow();
        if !word.split('.').all(|part| asked.contains(part)) {
            return String::new();
        }
        let shown = start + lead + word.len();
        let rest = self.text.get(shown..end).unwrap_or_default();
        let harmless = rest.len() - rest.trim_start_matches([' ', '\t', '=', ']']).len();
        if shown + harmless < end {
            self.hide(shown + harmless..end);
        }
        word.to_owned()
    }

    /// Returns whether a part of the text is entirely hidden.
    pub(super) fn is_hidden(&self, span: &Span) -> bool {
        self.hidden.borrow().iter().any(|own| own.start <= span.start && span.end <= own.end)
    }

    /// Keeps a part of the text out of every report.
    pub(super) fn hide(&self, span: Span) {
        self.hidden.borrow_mut().push(span);
    }

    /// Drops findings that a syntax error may have caused: all from the first broken line on, and all about
    /// missing keys.
    pub(super) fn trust_only_before(&self, offset: usize) {
        let (broken, _) = self.place(offset);
        let mut notes = self.notes.borrow_mut();
        notes.retain(|note| !note.absence && !note.span.is_empty() && self.place(note.span.start).0 < broken);
        // The end of a value is uncertain now, and so is what must be hidden.
        notes.iter_mut().for_each(|note| note.shown = false);
    }

    /// Returns the problems and the warnings, each in the order of the text.
    pub(super) fn finish(self, name: &Path) -> (Vec<Problem>, Vec<Problem>) {
        let mut hidden = self.hidden.take();
        hidden.sort_by_key(|span| span.start);
        let mut notes = self.notes.take();
        notes.sort_by_key(|note| note.span.start);
        let (problems, warnings): (Vec<_>, Vec<_>) =
            notes.into_iter().partition(|note| note.level == Level::Problem);
        let finish =
            |notes: Vec<Note>| notes.into_iter().map(|note| self.problem(name, note, &hidden)).collect();
        (finish(problems), finish(warnings))
    }

    fn problem(&self, name: &Path, note: Note, hidden: &[Span]) -> Problem {
        let (line, column) = self.place(note.span.start);
        let excerpt = if note.shown { self.excerpt(line, &note.span, hidden) } else { None };
        Problem {
            path: PathBuf::from(name),
            line,
            column,
            key: note.key,
            found: note.found,
            problem: note.problem,
            hint: note.hint,
            excerpt,
        }
    }

    fn excerpt(&self, line: usize, span: &Span, hidden: &[Span]) -> Option<Excerpt> {
        if span.is_empty() && span.start == 0 {
            return None;
        }
        let (start, mut end) = self.line_bounds(line);
        // A comment may hold anything, even the old password.
        let comment = start + comment_start(self.text.get(start..end).unwrap_or_default());
        end = if comment > span.start { comment } else { end };
        let mark = hidden
            .iter()
            .find(|secret| secret.start <= span.start && span.start < secret.end)
            .map_or(span.start, |secret| secret.start.max(start));
        let text = self.shown(start, end, hidden);
        let text = text.trim_end();
        let indent = self.shown(start, mark, hidden).chars().count();
        let width = self.shown(mark, span.end.min(end), hidden).chars().count().max(1);
        (!text.is_empty() && text.chars().count() <= EXCERPT_MAX).then(|| Excerpt {
            text: text.to_owned(),
            indent,
            width,
        })
    }

    /// Returns start and end of a line, counted from 1.
    fn line_bounds(&self, line: usize) -> (usize, usize) {
        let start = self.starts.get(line - 1).copied().unwrap_or(self.text.len());
        (start, self.starts.get(line).map_or(self.text.len(), |next| next - 1))
    }

    /// Returns the text between two offsets, with `***` in place of hidden parts, and without deceptive
    /// characters.
    fn shown(&self, from: usize, to: usize, hidden: &[Span]) -> String {
        let mut out = String::new();
        let mut at = from;
        let plain = |from: usize, to: usize| {
            let text = self.text.get(from..to).unwrap_or_default().replace(['\t', '\r'], " ");
            Shown(&text).to_string()
        };
        for secret in hidden.iter().filter(|secret| secret.start < to && secret.end > from) {
            if secret.end <= at {
                continue;
            }
            if secret.start > at {
                out.push_str(&plain(at, secret.start));
            }
            out.push_str("***");
            at = secret.end;
        }
        if at < to {
            out.push_str(&plain(at, to));
        }
        out
    }
}

/// Returns the offset of a line's comment, or the length of the line. Inside a multi-line string it may hide
/// too much, never too little.
fn comment_start(line: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    for (at, byte) in line.bytes().enumerate() {
        match (quote, byte) {
            (None, b'#') => return at,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(b'"'), b'\\') => escaped = !escaped,
            (Some(open), _) if open == byte && !escaped => quote = None,
            _ => escaped = false,
        }
    }
    line.len()
}
