//! All printing: data on standard output, messages on standard error, both escaped.

use std::fmt::Write as _;
use std::io;
use std::io::IsTerminal;
use std::io::Write;

use clap::ValueEnum;
use serde_json::Value;
use serde_json::json;

use crate::cli::report::Failure;
use crate::domain::principal::Kind;
use crate::domain::text::Shown;
use crate::domain::text::is_deceptive;
use crate::domain::units;

/// Name and version of every JSON document on standard output. Fields are added, never renamed.
pub const SCHEMA: &str = "hoopctl/v1";

/// Output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for reading
    Table,
    /// One JSON document
    Json,
    /// One JSON object per line
    Jsonl,
    /// Comma-separated values with a header line
    Csv,
    /// TOML that `apply` accepts; for `export` and `policy suggest`
    #[value(hide = true)]
    Toml,
}

impl Format {
    /// Returns whether the format is JSON.
    pub const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }
}

/// One row of a list, for people and for programs.
#[derive(Debug, Clone)]
pub struct Row {
    /// One cell per column, not escaped.
    pub cells: Vec<String>,
    /// The whole item.
    pub json: Value,
}

/// The standard streams and how to use them.
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts")]
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Output format.
    pub format: Format,
    /// Whether messages are left out. Errors are printed anyway.
    pub quiet: bool,
    /// Whether standard output is a terminal.
    pub stdout: bool,
    /// Whether standard input and standard error both are terminals, so that a question can be asked.
    pub dialog: bool,
    /// Whether colours may be used on standard output.
    pub colour: bool,
}

impl Terminal {
    /// Checks the streams, `NO_COLOR` (<https://no-color.org>) and `TERM`.
    pub fn new(format: Format, quiet: bool) -> Self {
        let stdout = io::stdout().is_terminal();
        let mono = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self {
            format,
            quiet,
            stdout,
            dialog: io::stdin().is_terminal() && io::stderr().is_terminal(),
            colour: stdout && !mono,
        }
    }

    /// Writes data to standard output, unchanged.
    pub fn data(self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
    }

    /// Writes one message line to standard error, escaped, unless quiet.
    pub fn say(self, line: &str) {
        if !self.quiet {
            // One write: another process may write to the same terminal.
            let whole = format!("{}\n", Shown(line));
            io::stderr().lock().write_all(whole.as_bytes()).ok();
        }
    }

    /// Writes a list in the output format. The message `empty` is printed for an empty table.
    pub fn list(self, columns: &[&str], rows: &[Row], empty: &str) -> Result<(), Failure> {
        if rows.is_empty() && self.format == Format::Table {
            self.say(empty);
            return Ok(());
        }
        self.data(&list(self.format, columns, rows))
    }

    /// Writes one item: names and values in a table, the whole value for programs.
    pub fn item(self, fields: &[(&str, String)], value: &Value) -> Result<(), Failure> {
        self.data(&item(self.format, fields, value))
    }

    /// Colours `text`, which must be escaped already, if colours may be used.
    pub fn paint(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Bad => 31,
            Colour::Good => 32,
            Colour::Warn => 33,
            Colour::Faint => 2,
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The meaning of a colour. There is always a symbol or a word with the same meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Wrong, denied.
    Bad,
    /// Unimportant.
    Faint,
    /// Good.
    Good,
    /// Needs attention.
    Warn,
}

/// Formats a list.
pub fn list(format: Format, columns: &[&str], rows: &[Row]) -> String {
    match format {
        Format::Table | Format::Toml => table(columns, rows),
        Format::Json => {
            let items: Vec<Value> = rows.iter().map(|row| with_times(row.json.clone())).collect();
            json_document(&json!({"schema": SCHEMA, "items": items}))
        }
        Format::Jsonl => rows.iter().map(|row| json_line(&with_times(row.json.clone()))).collect(),
        Format::Csv => {
            let names: Vec<String> =
                columns.iter().map(|column| column.to_lowercase().replace(' ', "_")).collect();
            std::iter::once(csv_line(&names)).chain(rows.iter().map(|row| csv_row(&row.cells))).collect()
        }
    }
}

/// Formats one item.
pub fn item(format: Format, fields: &[(&str, String)], value: &Value) -> String {
    match format {
        Format::Table | Format::Toml => {
            let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
            fields.iter().fold(String::new(), |mut text, (name, value)| {
                let mut lines = value.lines();
                writeln!(text, "{name:width$}  {}", Shown(lines.next().unwrap_or_default())).ok();
                for line in lines {
                    writeln!(text, "{:width$}  {}", "", Shown(line)).ok();
                }
                text
            })
        }
        Format::Json => {
            let mut document = json!({"schema": SCHEMA});
            match (document.as_object_mut(), with_times(value.clone())) {
                (Some(document), Value::Object(members)) => document.extend(members),
                (Some(document), other) => {
                    document.insert("value".to_owned(), other);
                }
                (None, _) => {}
            }
            json_document(&document)
        }
        Format::Jsonl => json_line(&with_times(value.clone())),
        Format::Csv => {
            let names: Vec<String> =
                fields.iter().map(|(name, _)| name.to_lowercase().replace(' ', "_")).collect();
            let values: Vec<String> = fields.iter().map(|(_, value)| value.clone()).collect();
            csv_line(&names) + &csv_row(&values)
        }
    }
}

/// Columns separated by two blanks, without borders, every cell escaped.
fn table(columns: &[&str], rows: &[Row]) -> String {
    let header = columns.iter().map(|column| column.to_uppercase()).collect::<Vec<_>>();
    let body = rows.iter().map(|row| row.cells.iter().map(|cell| Shown(cell).to_string()).collect());
    let lines: Vec<Vec<String>> = std::iter::once(header).chain(body).collect();
    let widths: Vec<usize> = (0..columns.len())
        .map(|place| lines.iter().filter_map(|line| line.get(place)).map(|cell| cell.chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    lines.iter().fold(String::new(), |mut text, line| {
        let padded = line.iter().zip(&widths).fold(String::new(), |mut padded, (cell, width)| {
            write!(padded, "{cell:width$}  ").ok();
            padded
        });
        text.push_str(padded.trim_end());
        text.push('\n');
        text
    })
}

/// Returns one CSV line of data; the `-` for a missing value becomes an empty cell.
fn csv_row(cells: &[String]) -> String {
    csv_line(
        &cells.iter().map(|cell| if cell == "-" { String::new() } else { cell.clone() }).collect::<Vec<_>>(),
    )
}

/// Returns one CSV line (RFC 4180). A cell that a spreadsheet would run as a formula is prefixed with an
/// apostrophe.
fn csv_line(cells: &[String]) -> String {
    let cells: Vec<String> = cells
        .iter()
        .map(|cell| {
            let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
            let shown = format!("{guard}{}", Shown(cell));
            if shown.contains([',', '"', ' ', '\'']) {
                format!("\"{}\"", shown.replace('"', "\"\""))
            } else {
                shown
            }
        })
        .collect();
    cells.join(",") + "\n"
}

/// Members that are times, in milliseconds since 1970, without their suffix `_ms`.
const MOMENTS: &[&str] = &[
    "accepted", "active", "answered", "begun", "changed", "created", "decided", "ended", "expires", "failed",
    "fetched", "pruned", "remade", "since", "started", "ts", "updated",
];
/// Members that hold content of others, to which nothing is added.
const OF_OTHERS: &[&str] = &["arguments", "body", "claims", "data", "detail", "found", "value"];

/// Adds each time in RFC 3339: `created` beside `created_ms`.
fn with_times(mut value: Value) -> Value {
    match &mut value {
        Value::Array(items) => items.iter_mut().for_each(|item| *item = with_times(item.take())),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if !OF_OTHERS.contains(&name.as_str()) {
                    *member = with_times(member.take());
                }
            }
            for name in MOMENTS {
                let moment = members.get(&format!("{name}_ms")).and_then(Value::as_i64);
                if let Some(ms) = moment.filter(|_| !members.contains_key(*name)) {
                    members.insert((*name).to_owned(), Value::String(time(ms)));
                }
            }
        }
        _ => {}
    }
    value
}

/// Returns compact JSON and a line feed.
pub fn json_line(value: &Value) -> String {
    json_escape(&value.to_string()) + "\n"
}

/// Returns indented JSON and a line feed.
pub fn json_document(value: &Value) -> String {
    // A `Value` has string keys only, so this cannot fail; the compact form would do as well.
    json_escape(&serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())) + "\n"
}

/// Escapes characters that could deceive a terminal. In valid JSON they occur only in strings, except for the
/// line feeds of the layout, so the meaning is unchanged.
fn json_escape(json: &str) -> String {
    if !json.contains(|c| is_deceptive(c) && c != '\n') {
        return json.to_owned();
    }
    json.chars().fold(String::with_capacity(json.len() + 16), |mut out, c| {
        if is_deceptive(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").ok();
            }
        } else {
            out.push(c);
        }
        out
    })
}

/// Quotes a text as one word of a POSIX shell.
pub fn shell_word(text: &str) -> String {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-:".contains(&byte)) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Converts a value to JSON. One that cannot be converted, which none of the types here is, becomes `null`.
pub fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// Formats a time as RFC 3339 in UTC, in seconds; `-` if it is invalid.
pub fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| "-".to_owned(), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Returns the distance between `ms` and `now_ms`, short: `42s`, `10m`, `3h`, `5d`.
pub fn distance(ms: i64, now_ms: i64) -> String {
    units::rough(ms.abs_diff(now_ms))
}

/// Returns a future time: its distance for people, the time for programs.
pub fn until(format: Format, ms: i64, now_ms: i64) -> String {
    if format == Format::Csv { time(ms) } else { distance(ms, now_ms) }
}

/// Returns a principal: the label, the kind, and the id if it differs from the label.
pub fn who(label: &str, kind: Kind, principal: &str) -> String {
    if label == principal { format!("{label} ({kind})") } else { format!("{label} ({kind} {principal})") }
}

/// Returns a number with its singular or plural noun.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(cells: &[&str], json: Value) -> Row {
        Row { cells: cells.iter().map(|&cell| cell.to_owned()).collect(), json }
    }

    #[test]
    fn a_table_has_aligned_columns_and_nothing_at_line_ends() {
        let rows = [row(&["crm", "http", ""], json!({})), row(&["a-long-name", "x", "y"], json!({}))];
        let text = list(Format::Table, &["name", "protocol", "tags"], &rows);
        assert_eq!(text, "NAME         PROTOCOL  TAGS\ncrm          http\na-long-name  x         y\n");
    }

    #[test]
    fn a_cell_cannot_break_out_of_its_row() {
        let rows = [row(&["a\nb\u{1b}[31m", "c"], json!({"name": "a\nb\u{9b}31m\u{202e}"}))];
        for format in [Format::Table, Format::Csv, Format::Json, Format::Jsonl] {
            let text = list(format, &["one", "two"], &rows);
            assert!(!text.chars().any(|c| is_deceptive(c) && c != '\n'), "{format:?} {text:?}");
        }
        assert_eq!(list(Format::Table, &["one", "two"], &rows).lines().count(), 2);
        assert_eq!(list(Format::Csv, &["one", "two"], &rows).lines().count(), 2);
    }

    #[test]
    fn a_spreadsheet_runs_nothing_and_quotes_are_doubled() {
        assert_eq!(
            csv_line(&["=1+1".to_owned(), "a\"b".to_owned(), "x,y".to_owned()]),
            "\"'=1+1\",\"a\"\"b\",\"x,y\"\n"
        );
        assert_eq!(csv_line(&["@cmd".to_owned(), "plain".to_owned()]), "\"'@cmd\",plain\n");
        assert_eq!(csv_row(&["-".to_owned(), "-1".to_owned()]), ",\"'-1\"\n");
        assert_eq!(until(Format::Csv, 0, 0), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn a_text_is_one_word_for_the_shell() {
        assert_eq!(shell_word("/a/b-c.d"), "/a/b-c.d");
        assert_eq!(shell_word("http://127.0.0.1:8440/c/crm"), "http://127.0.0.1:8440/c/crm");
        assert_eq!(shell_word("/it's $HOME"), r"'/it'\''s $HOME'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn a_moment_is_there_in_words_that_programs_read_too() {
        let value = json!({"created_ms": 0, "ended_ms": null, "issuers": [{"fetched_ms": 1000}],
            "detail": {"created_ms": 0}, "ts_ms": 0, "ts": "kept"});
        let shown: Value = serde_json::from_str(&item(Format::Jsonl, &[], &value)).unwrap();
        let wanted = json!({"created_ms": 0, "created": "1970-01-01T00:00:00Z", "ended_ms": null,
            "issuers": [{"fetched_ms": 1000, "fetched": "1970-01-01T00:00:01Z"}],
            "detail": {"created_ms": 0}, "ts_ms": 0, "ts": "kept"});
        assert_eq!(shown, wanted);
    }

    #[test]
    fn distances_are_short_in_both_directions() {
        let table = [(0, "0s"), (119_000, "119s"), (120_000, "2m"), (7_200_000, "2h"), (172_800_000, "2d")];
        for (ms, text) in table {
            assert_eq!((distance(ms, 0).as_str(), distance(0, ms).as_str()), (text, text));
        }
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(i64::MAX), "-");
    }

    proptest! {
        #[test]
        fn json_says_the_same_after_escaping(text in any::<String>()) {
            let value = json!({"a": text, "b": [text]});
            for shown in [json_line(&value), json_document(&value)] {
                prop_assert!(!shown.chars().any(|c| is_deceptive(c) && c != '\n'));
                prop_assert_eq!(&serde_json::from_str::<Value>(&shown).unwrap(), &value);
            }
        }
    }
}
