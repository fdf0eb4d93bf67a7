//! Separated values (RFC 4180): the first row has the column names, quoted fields may hold anything.
//!
//! Readers differ on what RFC 4180 does not allow, so that is an error: a quote inside an unquoted field,
//! text after a closing quote, a lone carriage return, a row with more or fewer fields than the header if
//! columns are masked by name.

use crate::domain::MaskOp;
use crate::mask::detect::By;
use crate::mask::masker::LONGEST_VALUE;
use crate::mask::masker::Unmaskable;
use crate::mask::notes::Notes;
use crate::mask::plan::Plan;
use crate::mask::value::Finder;
use crate::mask::value::Found;
use crate::mask::view::View;

/// Masks one table.
#[derive(Debug, Default)]
pub(super) struct CsvMasker {
    held: Vec<u8>,
    /// How far the current record was read, and whether that position is inside quotes.
    searched: usize,
    quoted: bool,
    table: Table,
}

/// The columns by name, each with the rule that masks it.
type Columns = Vec<(String, Option<u16>)>;

/// The header, and the buffers of a row.
#[derive(Debug, Default)]
struct Table {
    separator: Option<u8>,
    columns: Columns,
    /// Whether a column is masked by its name.
    named: bool,
    /// The columns that the current row names.
    added: Vec<usize>,
    /// There is an empty line before the current row.
    apart: bool,
    finder: Finder,
    view: View,
    text: Vec<u8>,
}

impl CsvMasker {
    pub(super) fn push(
        &mut self,
        plan: &Plan,
        input: &[u8],
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        if memchr::memchr(0, input).is_some() {
            return Err(Unmaskable::malformed("a NUL character in text"));
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(input);
        let (mut start, mut at) = (0, self.searched);
        while let Some(found) = memchr::memchr2(b'"', b'\n', held.get(at..).unwrap_or_default()) {
            at += found + 1;
            if held.get(at - 1) == Some(&b'"') {
                self.quoted = !self.quoted;
            } else if !self.quoted {
                self.table.record(plan, held.get(start..at).unwrap_or_default(), notes, out)?;
                start = at;
            }
        }
        held.drain(..start);
        self.searched = held.len();
        self.held = held;
        if self.held.len() > LONGEST_VALUE {
            return Err(Unmaskable::TooLong { limit: LONGEST_VALUE });
        }
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        plan: &Plan,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        if self.quoted {
            return Err(Unmaskable::malformed("it ends early"));
        }
        let held = std::mem::take(&mut self.held);
        self.table.record(plan, &held, notes, out)
    }
}

impl Table {
    fn record(
        &mut self,
        plan: &Plan,
        record: &[u8],
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        if record.len() > LONGEST_VALUE {
            return Err(Unmaskable::TooLong { limit: LONGEST_VALUE });
        }
        let row = record.strip_suffix(b"\n").unwrap_or(record);
        let row = row.strip_suffix(b"\r").unwrap_or(row);
        let end = record.get(row.len()..).unwrap_or_default();
        if row.is_empty() {
            self.apart = true;
            out.extend_from_slice(record);
            return Ok(());
        }
        let row = if self.separator.is_none() && row.starts_with(b"\xef\xbb\xbf") {
            let (mark, row) = row.split_at(3);
            out.extend_from_slice(mark);
            row
        } else {
            row
        };
        if self.separator.is_none() && (row.starts_with(b"\xff\xfe") || row.starts_with(b"\xfe\xff")) {
            return Err(Unmaskable::malformed("text in UTF-16"));
        }
        let is_header = self.read_header(plan, row)?;
        let separator = self.separator.unwrap_or(b',');
        let fields = split(row, separator)?;
        let apart = std::mem::take(&mut self.apart);
        if !is_header && self.named && (apart || self.names_columns(&fields)) {
            self.add_names(plan, &fields)?;
        }
        if self.named && fields.len() != self.columns.len() {
            return Err(Unmaskable::malformed("a row with more or fewer fields than the header"));
        }
        for (place, field) in fields.iter().enumerate() {
            if place > 0 {
                out.push(separator);
            }
            // The names themselves are only masked by shape: a table without a header may hold a value there.
            let named_here = is_header || self.added.contains(&place);
            let column = if named_here { None } else { self.columns.get(place).cloned() };
            self.field(plan, field, &column.unwrap_or_default(), notes, out)?;
        }
        self.added.clear();
        out.extend_from_slice(end);
        Ok(())
    }

    /// Takes a row as the header: the first one, or a later one if no masked name came before it.
    fn read_header(&mut self, plan: &Plan, row: &[u8]) -> Result<bool, Unmaskable> {
        let first = self.separator.is_none();
        if !first && (self.named || plan.fields.is_empty()) {
            return Ok(false);
        }
        let usual = separator_of(row);
        let mut found = Vec::new();
        for separator in SEPARATORS {
            if separator != usual && memchr::memchr(separator, row).is_none() {
                continue;
            }
            let Ok(columns) = self.columns_of(plan, row, separator) else { continue };
            if columns.iter().any(|(_, rule)| rule.is_some()) {
                found.push((separator, columns));
            }
        }
        // A whole name outweighs a part of one, which may have been parted by a separator. Parts count in
        // names only: a title, a text or an address has some too.
        let is_whole = |(_, columns): &(u8, Columns)| {
            columns.iter().any(|(name, _)| plan.fields.find_whole(name.as_bytes()).is_some())
        };
        if found.iter().any(is_whole) || !row.iter().all(|byte| may_head(*byte) || (first && *byte == b' ')) {
            found.retain(is_whole);
        }
        if found.len() > 1 {
            return Err(Unmaskable::malformed("a header with more than one separator"));
        }
        if let Some((separator, columns)) = found.pop() {
            (self.separator, self.columns, self.named) = (Some(separator), columns, true);
            return Ok(true);
        }
        if first {
            self.columns = self.columns_of(plan, row, usual)?;
        }
        // A title may precede the table.
        self.separator = Some(usual);
        Ok(first)
    }

    /// Returns whether a row has the names of at least two columns: the header repeated, possibly in another
    /// order.
    fn names_columns(&self, fields: &[&[u8]]) -> bool {
        let is_name = |field: &&&[u8]| {
            let bare = inside(field).unwrap_or(field).trim_ascii();
            self.columns
                .iter()
                .any(|(name, _)| !name.is_empty() && name.as_bytes().eq_ignore_ascii_case(bare))
        };
        fields.iter().filter(is_name).nth(1).is_some()
    }

    /// A row after an empty line, or one of names, may be the header of another table: the columns it names
    /// are masked from here on too. It may also be data, so columns that are already masked stay so.
    fn add_names(&mut self, plan: &Plan, fields: &[&[u8]]) -> Result<(), Unmaskable> {
        for (place, field) in fields.iter().enumerate() {
            let bare = inside(field).unwrap_or(field).trim_ascii();
            let Some(rule) = plan.fields.find(bare) else { continue };
            let told = self.told_name(plan, bare)?;
            if let Some((name, known @ None)) = self.columns.get_mut(place) {
                *name = told;
                *known = Some(rule);
                self.added.push(place);
            }
        }
        Ok(())
    }

    fn columns_of(&mut self, plan: &Plan, row: &[u8], separator: u8) -> Result<Columns, Unmaskable> {
        let mut columns = Vec::new();
        for field in split(row, separator)? {
            let name = self.plain(field).trim_ascii().to_vec();
            columns.push((self.told_name(plan, &name)?, plan.fields.find(&name)));
        }
        Ok(columns)
    }

    /// Returns the name of a column for notes; empty if it holds a value that is masked for its form.
    fn told_name(&mut self, plan: &Plan, name: &[u8]) -> Result<String, Unmaskable> {
        let found = self.finder.look(plan, name, "", 0, &mut Notes::default())?;
        Ok(if matches!(found, Found::Nothing) {
            String::from_utf8_lossy(name).into_owned()
        } else {
            String::new()
        })
    }

    /// Returns the text of a field, unquoted.
    fn plain(&mut self, field: &[u8]) -> &[u8] {
        if let Some(quoted) = inside(field) {
            self.view.of_quotes(quoted);
        } else {
            self.view.clear();
            self.view.plain(field);
        }
        self.view.text()
    }

    fn field(
        &mut self,
        plan: &Plan,
        field: &[u8],
        (name, rule): &(String, Option<u16>),
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        self.plain(field);
        self.text.clear();
        let place = if name.is_empty() { "column" } else { name };
        if let Some(rule) = *rule {
            plan.write(plan.count(By::Field(rule), place, notes), self.view.text(), &mut self.text);
            write_field(&self.text, field, plan.op(rule), out);
            return Ok(());
        }
        match self.finder.look(plan, self.view.text(), name, 0, notes)? {
            Found::Nothing => out.extend_from_slice(field),
            Found::Rewritten(text, by) => write_field(&text, field, plan.op(plan.rule(by)), out),
            Found::Whole(by) => {
                let rule = plan.count(by, place, notes);
                plan.write(rule, self.view.text(), &mut self.text);
                write_field(&self.text, field, plan.op(rule), out);
            }
            Found::Hits => {
                plan.splice(self.view.text(), self.finder.hits(), place, notes, &mut self.text);
                write_field(&self.text, field, &MaskOp::Redact, out);
            }
        }
        Ok(())
    }
}

/// Writes a masked field, quoted if it was or must be.
fn write_field(text: &[u8], was: &[u8], op: &MaskOp, out: &mut Vec<u8>) {
    let null = matches!(op, MaskOp::Null) && text.is_empty();
    let special = |byte: &u8| matches!(byte, b'"' | b'\r' | b'\n') || SEPARATORS.contains(byte);
    if null || !(was.starts_with(b"\"") || text.iter().any(special)) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for &byte in text {
        out.push(byte);
        if byte == b'"' {
            out.push(byte);
        }
    }
    out.push(b'"');
}

/// Returns the text between the quotes of a quoted field.
fn inside(field: &[u8]) -> Option<&[u8]> {
    field.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""))
}

/// Possible separators of fields.
const SEPARATORS: [u8; 5] = [b',', b';', b'\t', b'|', b':'];

/// Returns whether a byte may be in a row of names: in one of them, their quotes, or between them.
fn may_head(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.[]@$\"".contains(&byte) || SEPARATORS.contains(&byte) || byte >= 0x80
}

/// Returns the most frequent separator in a row; among equals the first. The colon comes last, since it also
/// occurs in times and addresses.
fn separator_of(row: &[u8]) -> u8 {
    let (mut counts, mut quoted) = ([0usize; SEPARATORS.len()], false);
    for byte in row {
        quoted ^= *byte == b'"';
        for (count, _) in
            counts.iter_mut().zip(SEPARATORS).filter(|(_, separator)| !quoted && separator == byte)
        {
            *count += 1;
        }
    }
    let mut most = (0, b',');
    for (count, separator) in counts.into_iter().zip(SEPARATORS) {
        if count > most.0 && separator != b':' {
            most = (count, separator);
        }
    }
    most.1
}

fn split(row: &[u8], separator: u8) -> Result<Vec<&[u8]>, Unmaskable> {
    let mut fields = Vec::new();
    let mut start = 0;
    loop {
        let rest = row.get(start..).unwrap_or_default();
        let size = if rest.starts_with(b"\"") { quoted_len(rest)? } else { plain_len(rest, separator)? };
        fields.push(rest.get(..size).unwrap_or_default());
        match rest.get(size) {
            None => return Ok(fields),
            Some(byte) if *byte == separator => start += size + 1,
            Some(_) => return Err(Unmaskable::malformed("text behind a closing quote")),
        }
    }
}

fn plain_len(rest: &[u8], separator: u8) -> Result<usize, Unmaskable> {
    let size = memchr::memchr(separator, rest).unwrap_or(rest.len());
    let odd = rest.get(..size).is_some_and(|field| memchr::memchr2(b'"', b'\r', field).is_some());
    if odd { Err(Unmaskable::malformed("a quote or line end inside a field")) } else { Ok(size) }
}

fn quoted_len(rest: &[u8]) -> Result<usize, Unmaskable> {
    let mut at = 1;
    while let Some(found) = memchr::memchr(b'"', rest.get(at..).unwrap_or_default()) {
        at += found + 1;
        if rest.get(at) != Some(&b'"') {
            return Ok(at);
        }
        at += 1;
    }
    Err(Unmaskable::malformed("a quoted field that does not end"))
}
