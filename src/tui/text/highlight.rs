//! Syntax highlighting of payloads: HTTP, SQL and JSON. It is a reading aid only: the gateway judges commands
//! with real parsers.

use crate::tui::look::Role;

/// A part of a line with its role.
pub(super) type Span<'a> = (Role, &'a str);

/// The syntax of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Plain text.
    Plain,
    /// A request: request line, headers, an empty line, and a body that may be JSON.
    Http,
    /// SQL.
    Sql,
    /// JSON.
    Json,
    /// The TOML of a connection or policy.
    Toml,
}

impl Syntax {
    /// Returns the syntax of a text for a target with this URL scheme.
    pub fn of(scheme: &str, text: &str) -> Self {
        match scheme {
            "postgres" | "postgresql" => Self::Sql,
            _ if text.trim_start().starts_with(['{', '[']) => Self::Json,
            scheme if scheme.starts_with("mcp") => Self::Json,
            "http" | "https" => Self::Http,
            _ => Self::Plain,
        }
    }
}

/// Highlighted SQL keywords: those of statements that change something, and those that limit their extent.
const SQL_WORDS: &[&str] = &[
    "ADD",
    "ALL",
    "ALTER",
    "ANALYZE",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "BEGIN",
    "BETWEEN",
    "BY",
    "CALL",
    "CASCADE",
    "CASE",
    "COMMIT",
    "CONFLICT",
    "COPY",
    "CREATE",
    "CROSS",
    "DATABASE",
    "DECLARE",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DISTINCT",
    "DO",
    "DROP",
    "ELSE",
    "END",
    "EXCEPT",
    "EXECUTE",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FETCH",
    "FOR",
    "FROM",
    "FULL",
    "FUNCTION",
    "GRANT",
    "GROUP",
    "HAVING",
    "IF",
    "ILIKE",
    "IN",
    "INDEX",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCK",
    "MERGE",
    "NOT",
    "NOTHING",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PREPARE",
    "PROGRAM",
    "RESET",
    "RETURNING",
    "REVOKE",
    "RIGHT",
    "ROLE",
    "ROLLBACK",
    "SELECT",
    "SET",
    "SHOW",
    "TABLE",
    "THEN",
    "TO",
    "TRUE",
    "TRUNCATE",
    "UNION",
    "UPDATE",
    "USING",
    "VACUUM",
    "VALUES",
    "VIEW",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

/// A token that continues on the next line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Open {
    /// None.
    #[default]
    Nothing,
    /// A string in this quote character.
    Quoted(char),
    /// A dollar-quoted string, with its closing tag.
    Dollar(String),
    /// A comment, with its nesting depth.
    Comment(usize),
}

/// Splits a text into lines of pieces. Every character except line ends is in a piece.
pub(super) fn lines(text: &str, syntax: Syntax) -> impl Iterator<Item = Vec<Span<'_>>> {
    let mut open = Open::Nothing;
    let mut at = Http::Line;
    text.split('\n').map(move |line| match syntax {
        Syntax::Plain => whole(Role::Text, line),
        Syntax::Sql => sql(line, &mut open),
        Syntax::Json => json(line),
        Syntax::Toml => toml(line),
        Syntax::Http => http(line, &mut at),
    })
}

fn whole(role: Role, line: &str) -> Vec<Span<'_>> {
    if line.is_empty() { Vec::new() } else { vec![(role, line)] }
}

/// The position of a line in a request.
#[derive(Clone, Copy)]
enum Http {
    Line,
    Headers,
    Body { json: Option<bool> },
}

fn http<'a>(line: &'a str, at: &mut Http) -> Vec<Span<'a>> {
    match at {
        Http::Line => {
            *at = Http::Headers;
            let (method, rest) = line.split_at(line.find(' ').unwrap_or(line.len()));
            vec![(Role::Keyword, method), (Role::Text, rest)]
        }
        Http::Headers if line.trim_end_matches('\r').is_empty() => {
            *at = Http::Body { json: None };
            whole(Role::Text, line)
        }
        Http::Headers => match line.find(':') {
            Some(colon) => {
                let (name, value) = line.split_at(colon);
                vec![(Role::Name, name), (Role::Text, value)]
            }
            None => whole(Role::Text, line),
        },
        Http::Body { json: known } => {
            let is_json = *known.get_or_insert_with(|| line.trim_start().starts_with(['{', '[', '"']));
            if is_json { json(line) } else { whole(Role::Text, line) }
        }
    }
}

/// The pieces of one line, collected while scanning.
struct Pieces<'a> {
    line: &'a str,
    rest: &'a str,
    /// The byte offset at which the last piece of `out` starts.
    begin: usize,
    out: Vec<Span<'a>>,
}

impl<'a> Pieces<'a> {
    const fn new(line: &'a str) -> Self {
        Self { line, rest: line, begin: 0, out: Vec::new() }
    }

    /// Assigns a role to the next bytes, or to all that are left.
    fn take(&mut self, role: Role, bytes: usize) {
        let begin = self.line.len() - self.rest.len();
        let (piece, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        match self.out.last_mut() {
            Some((last, text)) if *last == role => {
                *text = self.line.get(self.begin..begin + piece.len()).unwrap_or_default();
            }
            _ if piece.is_empty() => {}
            _ => {
                self.begin = begin;
                self.out.push((role, piece));
            }
        }
    }

    fn one(&mut self, role: Role) {
        let bytes = self.rest.chars().next().map_or(0, char::len_utf8);
        self.take(role, bytes);
    }

    /// Returns the length of the word at the current position, in bytes.
    fn word(&self) -> usize {
        let inside = |c: char| c.is_alphanumeric() || c == '_';
        self.rest.find(|c| !inside(c)).unwrap_or(self.rest.len())
    }

    /// Returns the length of the number at the current position, in bytes.
    fn number(&self) -> usize {
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-');
        self.rest.find(|c| !inside(c)).unwrap_or(self.rest.len())
    }
}

fn json(line: &str) -> Vec<Span<'_>> {
    let mut pieces = Pieces::new(line);
    while let Some(c) = pieces.rest.chars().next() {
        match c {
            '"' => {
                let length = text_length(pieces.rest);
                let behind = pieces.rest.get(length..).unwrap_or_default();
                let role = if behind.trim_start().starts_with(':') { Role::Name } else { Role::Quoted };
                pieces.take(role, length);
            }
            '0'..='9' | '-' => {
                let length = pieces.number();
                pieces.take(Role::Number, length);
            }
            'a'..='z' => {
                let length = pieces.word();
                pieces.take(Role::Keyword, length);
            }
            _ => pieces.one(Role::Text),
        }
    }
    pieces.out
}

fn toml(line: &str) -> Vec<Span<'_>> {
    let mut pieces = Pieces::new(line);
    while let Some(c) = pieces.rest.chars().next() {
        let is_name =
            |length: usize| pieces.rest.get(length..).unwrap_or_default().trim_start().starts_with('=');
        match c {
            '#' => pieces.take(Role::Comment, usize::MAX),
            '"' | '\'' => {
                let length = if c == '"' {
                    text_length(pieces.rest)
                } else {
                    pieces
                        .rest
                        .get(1..)
                        .and_then(|rest| rest.find('\''))
                        .map_or(pieces.rest.len(), |end| end + 2)
                };
                let role = if is_name(length) { Role::Name } else { Role::Quoted };
                pieces.take(role, length);
            }
            '0'..='9' => {
                let length = pieces.number();
                pieces.take(Role::Number, length);
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
                let length = pieces.rest.find(|c| !inside(c)).unwrap_or(pieces.rest.len());
                let role = if is_name(length) { Role::Name } else { Role::Keyword };
                pieces.take(role, length);
            }
            _ => pieces.one(Role::Text),
        }
    }
    pieces.out
}

/// Returns the length of the JSON string at the start, in bytes; the rest of the line if it is unterminated.
fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    rest.len()
}

fn sql<'a>(line: &'a str, open: &mut Open) -> Vec<Span<'a>> {
    let mut pieces = Pieces::new(line);
    while let Some(c) = pieces.rest.chars().next() {
        match std::mem::take(open) {
            Open::Nothing => sql_token(&mut pieces, c, open),
            Open::Quoted(sign) => {
                let role = if sign == '\'' { Role::Quoted } else { Role::Name };
                if let Some(end) = pieces.rest.find(sign) {
                    pieces.take(role, end + sign.len_utf8());
                } else {
                    pieces.take(role, usize::MAX);
                    *open = Open::Quoted(sign);
                }
            }
            Open::Dollar(tag) => {
                // A search costs time in proportion to the tag, so it is skipped for lines shorter than the
                // tag.
                let end = if tag.len() <= pieces.rest.len() { pieces.rest.find(&tag) } else { None };
                if let Some(end) = end {
                    pieces.take(Role::Quoted, end + tag.len());
                } else {
                    pieces.take(Role::Quoted, usize::MAX);
                    *open = Open::Dollar(tag);
                }
            }
            Open::Comment(depth) => {
                if let Some((at, begins)) = comment_sign(pieces.rest) {
                    pieces.take(Role::Comment, at + 2);
                    let depth = if begins { depth + 1 } else { depth.saturating_sub(1) };
                    *open = if depth > 0 { Open::Comment(depth) } else { Open::Nothing };
                } else {
                    pieces.take(Role::Comment, usize::MAX);
                    *open = Open::Comment(depth);
                }
            }
        }
    }
    pieces.out
}

/// Finds the next start or end of a comment. Returns its offset and whether it is a start. Nothing after it
/// is read.
fn comment_sign(rest: &str) -> Option<(usize, bool)> {
    let mut signs = rest.as_bytes().windows(2).enumerate();
    signs.find_map(|(at, sign)| match sign {
        b"/*" => Some((at, true)),
        b"*/" => Some((at, false)),
        _ => None,
    })
}

fn sql_token(pieces: &mut Pieces<'_>, c: char, open: &mut Open) {
    match c {
        '-' if pieces.rest.starts_with("--") => pieces.take(Role::Comment, usize::MAX),
        '/' if pieces.rest.starts_with("/*") => {
            pieces.take(Role::Comment, 2);
            *open = Open::Comment(1);
        }
        '\'' | '"' => {
            pieces.take(if c == '\'' { Role::Quoted } else { Role::Name }, 1);
            *open = Open::Quoted(c);
        }
        '$' => match dollar_tag(pieces.rest) {
            Some(tag) => {
                pieces.take(Role::Quoted, tag.len());
                *open = Open::Dollar(tag);
            }
            None => pieces.one(Role::Number),
        },
        '0'..='9' => {
            let length = pieces.number().max(1);
            pieces.take(Role::Number, length);
        }
        c if c.is_alphabetic() || c == '_' => {
            let length = pieces.word();
            let known = is_sql_word(pieces.rest.get(..length).unwrap_or_default());
            pieces.take(if known { Role::Keyword } else { Role::Text }, length);
        }
        _ => pieces.one(Role::Text),
    }
}

/// Returns whether a word is one of [`SQL_WORDS`], ignoring case.
fn is_sql_word(word: &str) -> bool {
    let upper = || word.bytes().map(|byte| byte.to_ascii_uppercase());
    SQL_WORDS.binary_search_by(|known| known.bytes().cmp(upper())).is_ok()
}

/// Returns the `$tag$` at the start of a text.
fn dollar_tag(rest: &str) -> Option<String> {
    let end = rest.get(1..)?.find('$')? + 1;
    let tag = rest.get(..=end)?;
    let inside = tag.get(1..end)?;
    let is_tag = inside.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !inside.starts_with(|c: char| c.is_ascii_digit());
    is_tag.then(|| tag.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(text: &str, syntax: Syntax) -> String {
        let letter = |role: Role| match role {
            Role::Keyword => 'k',
            Role::Quoted => 'q',
            Role::Number => 'n',
            Role::Name => 'm',
            Role::Comment => 'c',
            _ => '.',
        };
        let line = |pieces: Vec<Span<'_>>| -> String {
            pieces.iter().flat_map(|(role, text)| text.chars().map(|_| letter(*role))).collect()
        };
        lines(text, syntax).map(line).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn the_words_of_sql_are_in_order() {
        assert!(SQL_WORDS.is_sorted());
    }

    #[test]
    fn sql_is_coloured_over_the_ends_of_lines() {
        for (text, wanted) in [
            ("SELECT 1", "kkkkkk.n"),
            ("update t set a = 'x''y' -- z", "kkkkkk...kkk.....qqqqqq.cccc"),
            ("/* a /* b */ c */ d", "ccccccccccccccccc.."),
            ("/* a\nb */ to", "cccc|cccc.kk"),
            ("'a\nb' c", "qq|qq.."),
            ("$f$ a\nb $f$ 1", "qqqqq|qqqqq.n"),
            ("\"select\"", "mmmmmmmm"),
            ("a = $1", "....nn"),
        ] {
            assert_eq!(roles(text, Syntax::Sql), wanted, "{text}");
        }
    }

    #[test]
    fn json_and_http_are_coloured() {
        assert_eq!(
            roles(r#"{"a": "b\"c", "d": -1.5e3, "e": null}"#, Syntax::Json),
            ".mmm..qqqqqq..mmm..nnnnnn..mmm..kkkk."
        );
        assert_eq!(roles("POST /x\nA: b\n\n{\"a\":1}", Syntax::Http), "kkkk...|m...||.mmm.n.");
        assert_eq!(roles("GET /x\n\nplain 1", Syntax::Http), "kkk...||.......");
    }

    #[test]
    fn toml_is_coloured() {
        for (text, wanted) in [
            ("name = \"a = b\" # c = d", "mmmm...qqqqqqq.ccccccc"),
            ("tags = { env = 'x', \"a b\" = 12 }", "mmmm.....mmm...qqq..mmmmm...nn.."),
            ("readonly = true", "mmmmmmmm...kkkk"),
            ("'open", "qqqqq"),
        ] {
            assert_eq!(roles(text, Syntax::Toml), wanted, "{text}");
        }
    }

    #[test]
    fn the_language_is_that_of_the_target() {
        assert_eq!(Syntax::of("postgres", "{"), Syntax::Sql);
        assert_eq!(Syntax::of("mcp+https", "{"), Syntax::Json);
        assert_eq!(Syntax::of("https", "GET /"), Syntax::Http);
        assert_eq!(Syntax::of("", "{}"), Syntax::Json);
        assert_eq!(Syntax::of("", "x"), Syntax::Plain);
    }
}
