//! Tables in texts whose type does not say that they are: separated values, and tables of Markdown or of a
//! terminal. Where a line names masked fields, and the next one has about as many cells, the cells below
//! those names are masked.

use std::ops::Range;

use crate::mask::detect::By;
use crate::mask::detect::Hit;
use crate::mask::plan::Plan;

/// What may stand between cells.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// How many lines of a table are searched for its names: titles may precede them.
const HEADERS: usize = 8;
/// The longest cell that may be a name, in bytes.
const LONGEST_NAME: usize = 128;
/// As certain as a name before a value.
const SCORE: u8 = 100;

/// Appends the cells of tables in a text that are masked by the names above them.
pub(super) fn find(plan: &Plan, text: &[u8], hits: &mut Vec<Hit>) {
    if plan.fields.is_empty() || memchr::memchr(b'\n', text).is_none() {
        return;
    }
    for separator in SEPARATORS {
        if memchr::memchr(separator, text).is_some() {
            Reader { plan, text, separator, cells: Vec::new(), bars: [false; 2] }.find(hits);
        }
    }
}

/// Reads a text as tables with one separator.
struct Reader<'a> {
    plan: &'a Plan,
    text: &'a [u8],
    separator: u8,
    /// The cells of the current row, without what surrounds them.
    cells: Vec<Range<usize>>,
    /// Whether an empty cell was dropped before and behind those of the current row.
    bars: [bool; 2],
}

/// A column of a table.
struct Column<'a> {
    name: &'a [u8],
    rule: Option<u16>,
}

impl<'a> Reader<'a> {
    fn find(mut self, hits: &mut Vec<Hit>) {
        let (mut at, mut seen) = (0, 0);
        while at < self.text.len() {
            let end = self.row(at);
            if self.is_blank(at, end) {
                seen = 0;
            } else if self.cells.len() > 1 && seen < HEADERS {
                seen += 1;
                let columns = self.columns();
                if columns.iter().any(|column| column.rule.is_some()) && self.goes_on(end, columns.len()) {
                    at = self.table(end, columns, hits);
                    seen = 0;
                    continue;
                }
            }
            at = end;
        }
    }

    /// Masks the rows of a table from a place on; returns where it ends: before a line without cells, or,
    /// after an empty line, with another number of them.
    fn table(&mut self, from: usize, mut columns: Vec<Column<'a>>, hits: &mut Vec<Hit>) -> usize {
        let (mut at, mut apart) = (from, false);
        while at < self.text.len() {
            let end = self.row_of(at, columns.len());
            if self.is_blank(at, end) {
                (at, apart) = (end, true);
                continue;
            }
            if self.is_rule(at, end) {
                at = end;
                continue;
            }
            let same = self.cells.len() == columns.len();
            if self.cells.len() < 2 || (apart && !same) {
                return at;
            }
            apart = false;
            // The names again, or those of another table; what was masked stays so.
            let named = self.columns();
            let is_header = same && named.iter().any(|column| column.rule.is_some());
            let any = columns.iter().filter_map(|column| column.rule).min();
            for (place, cell) in self.cells.iter().enumerate() {
                let column = columns.get(place).filter(|_| same);
                let known = column.map_or(any, |column| column.rule);
                // A value may look like a name: below its own it is one only if it is the same.
                let is_name = column.zip(named.get(place)).is_some_and(|(column, named)| {
                    named.rule.is_some() && named.name.eq_ignore_ascii_case(column.name)
                });
                if let Some(rule) = known.filter(|_| !is_name && !cell.is_empty()) {
                    let (start, end) = (cell.start, cell.end);
                    let reason = "the name of the column";
                    hits.push(Hit { start, end, score: SCORE, by: By::Field(rule), reason });
                }
            }
            if is_header {
                for (known, named) in columns.iter_mut().zip(named) {
                    if known.rule.is_none() {
                        *known = named;
                    }
                }
            }
            at = end;
        }
        at
    }

    /// Returns the current row as names, with the rules of the masked fields among them.
    fn columns(&self) -> Vec<Column<'a>> {
        let text: &'a [u8] = self.text;
        let column = |cell: &Range<usize>| {
            let name = text.get(cell.clone()).unwrap_or_default();
            let name = name.trim_ascii_start().strip_prefix(b"\xef\xbb\xbf").unwrap_or(name);
            let mark = |byte: &u8| matches!(byte, b'*' | b'`');
            let start = name.iter().take_while(|byte| mark(byte)).count();
            let end = name.len() - name.iter().rev().take_while(|byte| mark(byte)).count();
            let name = name.get(start..end).unwrap_or_default().trim_ascii();
            let rule = (name.len() <= LONGEST_NAME).then(|| self.plan.fields.find_whole(name)).flatten();
            Column { name, rule }
        };
        self.cells.iter().map(column).collect()
    }

    /// Returns whether the next row with something in it has about so many cells. The current row is lost.
    fn goes_on(&mut self, from: usize, count: usize) -> bool {
        let mut at = from;
        while at < self.text.len() {
            let end = self.row_of(at, count);
            if !self.is_blank(at, end) && !self.is_rule(at, end) {
                return self.cells.len() > 1 && self.cells.len().abs_diff(count) <= 1;
            }
            at = end;
        }
        false
    }

    fn is_blank(&self, start: usize, end: usize) -> bool {
        self.text.get(start..end).unwrap_or_default().trim_ascii().is_empty()
    }

    /// Returns whether a row only draws a line.
    fn is_rule(&self, start: usize, end: usize) -> bool {
        let row = self.text.get(start..end).unwrap_or_default().trim_ascii();
        row.iter().all(|byte| matches!(byte, b'-' | b'=' | b'+' | b'|' | b':' | b' ' | b'\t' | b',' | b';'))
            && row.iter().any(|byte| matches!(byte, b'-' | b'='))
    }

    /// Reads the row that begins at a place; returns where the next one begins. A quoted cell may hold
    /// separators and line ends, if its quote ends before a separator or line end.
    fn row(&mut self, start: usize) -> usize {
        self.cells.clear();
        let (text, separator) = (self.text, self.separator);
        let mut at = start;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
            let quoted = rest.get(blanks..).and_then(|rest| quoted(rest, separator));
            let begins = at + blanks + quoted.unwrap_or(0);
            let end = self.cell_end(begins);
            let inner = match quoted {
                Some(length) => at + blanks + 1..at + blanks + length - 1,
                None => trimmed(text, at..end),
            };
            self.cells.push(inner);
            match text.get(end) {
                Some(byte) if *byte == separator => at = end + 1,
                Some(_) => {
                    self.bare();
                    return end + 1;
                }
                None => {
                    self.bare();
                    return text.len();
                }
            }
        }
    }

    /// Returns where a cell ends that goes on without quotes. A bar after a backslash is a part of it.
    fn cell_end(&self, from: usize) -> usize {
        let mut at = from;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let Some(found) = memchr::memchr2(self.separator, b'\n', rest) else { return self.text.len() };
            at += found;
            let escaped = self.separator == b'|'
                && self.text.get(at) == Some(&b'|')
                && at > from
                && self.text.get(at - 1) == Some(&b'\\');
            if !escaped {
                return at;
            }
            at += 1;
        }
    }

    /// Reads a row of a table with so many columns: a row that has as many with its empty outer cells has
    /// empty values there, and no bars.
    fn row_of(&mut self, start: usize, count: usize) -> usize {
        let end = self.row(start);
        let dropped = self.bars.iter().filter(|bar| **bar).count();
        if dropped > 0 && self.cells.len() < count && self.cells.len() + dropped >= count {
            let (first, last) = (self.bars[0], self.bars[1]);
            if first {
                self.cells.insert(0, start..start);
            }
            if last && self.cells.len() < count {
                let at = self.cells.last().map_or(start, |cell| cell.end);
                self.cells.push(at..at);
            }
        }
        end
    }

    /// Drops the empty cells outside the bars at both ends of a row.
    fn bare(&mut self) {
        self.bars = [false; 2];
        if self.separator == b'|' && self.cells.len() > 1 {
            if self.cells.last().is_some_and(Range::is_empty) {
                self.cells.pop();
                self.bars[1] = true;
            }
            if self.cells.len() > 1 && self.cells.first().is_some_and(Range::is_empty) {
                self.cells.remove(0);
                self.bars[0] = true;
            }
        }
    }
}

/// Returns the length of the quoted cell with which a text begins, with its quotes.
fn quoted(text: &[u8], separator: u8) -> Option<usize> {
    if text.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        at += memchr::memchr(b'"', text.get(at..)?)? + 1;
        if text.get(at) == Some(&b'"') {
            at += 1;
            continue;
        }
        let behind = text.get(at..).unwrap_or_default();
        let behind = behind.iter().find(|byte| !matches!(byte, b' ' | b'\r'));
        return behind.is_none_or(|byte| *byte == separator || *byte == b'\n').then_some(at);
    }
}

/// Returns a range without the blanks at its ends.
fn trimmed(text: &[u8], range: Range<usize>) -> Range<usize> {
    let cell = text.get(range.clone()).unwrap_or_default();
    let start = range.start + (cell.len() - cell.trim_ascii_start().len());
    start..start + cell.trim_ascii().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MaskOp;
    use crate::mask::mcp::tests::usual;

    /// Returns a text with `*` in place of what is masked.
    fn masked(text: &str) -> String {
        let (plan, mut hits) = (usual(MaskOp::Redact), Vec::new());
        find(&plan, text.as_bytes(), &mut hits);
        crate::mask::detect::merge(&mut hits);
        let mut out = text.to_owned();
        for hit in hits.iter().rev() {
            out.replace_range(hit.start..hit.end, "*");
        }
        out
    }

    #[test]
    fn cells_below_a_masked_name_are_masked() {
        for (text, wanted) in [
            ("id,ssn\nx,MYSSN", "id,ssn\nx,*"),
            ("id,ssn\r\nx,MYSSN\r\ny,\r\n", "id,ssn\r\nx,*\r\ny,\r\n"),
            ("\u{feff}ssn;id\nMYSSN;x\n\nTWO;y\n", "\u{feff}ssn;id\n*;x\n\n*;y\n"),
            ("id\tSSN\nx\tMYSSN\nThat is all.\n", "id\tSSN\nx\t*\nThat is all.\n"),
            ("\"id\",\"ssn\"\n\"a,\nb\",\"MY\"\"SSN\"\n", "\"id\",\"ssn\"\n\"a,\nb\",\"*\"\n"),
            (
                "Here:\n\n| id | **ssn** |\n|---|:---:|\n| x | MY SSN |\n\nDone",
                "Here:\n\n| id | **ssn** |\n|---|:---:|\n| x | * |\n\nDone",
            ),
            ("id | ssn\n--- | ---\nx | a \\| b\n", "id | ssn\n--- | ---\nx | *\n"),
            (" id | ssn \n----+-----\n x  | MYSSN\n(1 row)\n", " id | ssn \n----+-----\n x  | *\n(1 row)\n"),
            (
                "+--+---+\n|id|ssn|\n+--+---+\n|x |MY |\n+--+---+\n",
                "+--+---+\n|id|ssn|\n+--+---+\n|x |* |\n+--+---+\n",
            ),
            (
                " id | ssn \n----+-----\n 1  | \n 2  | MYSSN\n    | OTHER\n",
                " id | ssn \n----+-----\n 1  | \n 2  | *\n    | *\n",
            ),
            ("id,ssn\n1,ssn-7\n2,ssn\n", "id,ssn\n1,*\n2,ssn\n"),
            ("see /users/ssn, GET\nand more, here\n", "see /users/ssn, GET\nand more, here\n"),
            ("a title, of two\nid,ssn\nx,MYSSN\n", "a title, of two\nid,ssn\nx,*\n"),
            // Which cell is which, nobody can tell.
            ("id,ssn\nx,y,MYSSN\n", "id,ssn\n*,*,*\n"),
            ("id,ssn\nx,MYSSN\nid,ssn\ny,OTHER\n", "id,ssn\nx,*\nid,ssn\ny,*\n"),
            ("a,b\nssn,c\nMYSSN,d\n", "a,b\nssn,c\n*,d\n"),
            // No tables.
            ("the ssn, which is\nx, y", "the ssn, which is\nx, y"),
            ("id, ssn\nand nothing more", "id, ssn\nand nothing more"),
            ("id,ssn", "id,ssn"),
        ] {
            assert_eq!(masked(text), wanted, "{text}");
        }
    }
}
