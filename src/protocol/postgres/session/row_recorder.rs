//! The rows of a statement that are kept for the recording, and the count of all of them.

use crate::domain::json::push_string;
use crate::protocol::postgres::session::record::write_binary;
use crate::protocol::postgres::wire::back::RowDescription;
use crate::protocol::postgres::wire::values::Values;

/// The rows of one statement as the client gets them, up to a size.
#[derive(Default)]
pub(super) struct RowRecorder {
    /// The data of `sql.rows` so far.
    kept: String,
    /// The most bytes of that data; 0 once they are used up.
    room: usize,
    cut: bool,
    /// The number of rows sent since the last end, and their bytes.
    rows: u64,
    bytes: u64,
}

/// Returns the names of the columns, as the beginning of the data of `sql.rows`.
pub(super) fn write_columns(columns: &RowDescription<'_>) -> String {
    let mut names = String::from("{\"columns\":[");
    for (place, column) in columns.columns().enumerate() {
        names.push_str(if place == 0 { "" } else { "," });
        push_string(&String::from_utf8_lossy(column.name), &mut names);
    }
    names.push_str("],\"rows\":[");
    names
}

impl RowRecorder {
    /// Sets how many bytes are kept; with `None` no rows are.
    pub(super) fn set_room(&mut self, keep: Option<u64>) {
        self.room = keep.map_or(0, |keep| usize::try_from(keep).unwrap_or(usize::MAX));
    }

    /// Returns whether rows are still kept.
    pub(super) fn keeps_rows(&self) -> bool {
        self.room > 0
    }

    /// Begins the rows of a statement, with [its columns](write_columns).
    pub(super) fn begin(&mut self, columns: &str) {
        // The rows of an earlier statement of the same text were recorded when that one ended.
        self.kept.clear();
        if columns.len() > self.room {
            self.cut |= self.room > 0;
            self.room = 0;
        } else {
            self.kept.push_str(columns);
        }
    }

    /// Keeps a row as the client gets it; `values` are the values in `body`.
    pub(super) fn keep(&mut self, body: &[u8], values: &Values<'_>) {
        if self.room == 0 {
            return;
        }
        if self.kept.len().saturating_add(body.len()) > self.room {
            self.room = 0;
            self.cut = true;
            return;
        }
        if self.kept.is_empty() {
            self.kept.push_str("{\"rows\":[");
        }
        self.kept.push_str(if self.kept.ends_with('[') { "[" } else { ",[" });
        for (place, value) in values.each().enumerate() {
            self.kept.push_str(if place == 0 { "" } else { "," });
            match value.map(|value| (value, std::str::from_utf8(value))) {
                None => self.kept.push_str("null"),
                Some((value, Ok(text))) if !text.contains('\0') => {
                    debug_assert!(value.len() <= body.len());
                    push_string(text, &mut self.kept);
                }
                Some((value, _)) => write_binary(value, value.len(), &mut self.kept),
            }
        }
        self.kept.push(']');
    }

    /// Notes a row that the client gets but that is too long to be kept.
    pub(super) fn skip(&mut self) {
        self.cut |= self.room > 0;
    }

    /// Counts a row that the client gets.
    pub(super) fn count(&mut self, bytes: u64) {
        self.rows = self.rows.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Takes the number of rows since the last end, and their bytes.
    pub(super) fn take_counts(&mut self) -> (u64, u64) {
        (std::mem::take(&mut self.rows), std::mem::take(&mut self.bytes))
    }

    /// Takes the data of `sql.rows`; `None` if no row was kept.
    pub(super) fn take_rows(&mut self) -> Option<String> {
        let mut data = std::mem::take(&mut self.kept);
        if !data.contains("\"rows\":[[") {
            return None;
        }
        data.push(']');
        if self.cut {
            data.push_str(",\"cut\":true");
        }
        data.push('}');
        Some(data)
    }
}
