//! Formats rows as an aligned table, escaped and bounded.

use std::borrow::Cow;

use crate::domain::json::Json;
use crate::domain::text::Shown;
use crate::recording::replay::body;
use crate::recording::replay::body::Bounds;
use crate::recording::replay::sign;
use crate::recording::replay::sign::MORE;
use crate::recording::replay::sql;

/// Separator between two cells.
const BETWEEN: &str = " | ";
/// Minimum width limit of a cell in characters, however many columns there are.
const MIN_CELL: usize = 24;

/// Formats a table: column names, a rule, the rows. Without a width limit nothing is truncated, and nothing
/// is aligned either, since one long cell would make every line as long.
pub(super) fn lines(columns: &[Json], rows: &[Json], bounds: Bounds) -> Vec<String> {
    let shown = rows.get(..bounds.lines).unwrap_or(rows);
    let mut out =
        if bounds.width == usize::MAX { whole(columns, shown) } else { aligned(columns, shown, bounds) };
    let rest = rows.len() - shown.len();
    if rest > 0 {
        out.push(format!("({rest} more rows)"));
    }
    out
}

fn whole(columns: &[Json], rows: &[Json]) -> Vec<String> {
    let line = |cells: &[Json]| {
        let cells: Vec<String> = cells.iter().map(|cell| short(cell, usize::MAX)).collect();
        cells.join(BETWEEN)
    };
    let rows = rows.iter().map(|row| row.as_array().map_or_else(|| sql::UNREADABLE.to_owned(), line));
    let head = (!columns.is_empty()).then(|| line(columns));
    head.into_iter().chain(rows).collect()
}

fn aligned(columns: &[Json], rows: &[Json], bounds: Bounds) -> Vec<String> {
    let cells = |row: &Json| row.as_array().map_or(0, <[Json]>::len);
    let count = rows.iter().map(cells).max().unwrap_or(0).max(columns.len());
    // No more columns than could have one character each.
    let looked_at = count.min(bounds.width / (BETWEEN.len() + 1));
    let most = (bounds.width / count.max(1)).saturating_sub(BETWEEN.len()).max(MIN_CELL);
    let cut = |cells: &[Json]| -> Vec<String> {
        cells.iter().take(looked_at).map(|cell| short(cell, most)).collect()
    };
    let head = cut(columns);
    let rows: Vec<Option<Vec<String>>> = rows.iter().map(|row| row.as_array().map(cut)).collect();
    let mut widths = vec![0; looked_at];
    for row in rows.iter().flatten().chain([&head]) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut used = 0;
    let fitting = widths.iter().take_while(|width| {
        used += **width + BETWEEN.len();
        used <= bounds.width + BETWEEN.len()
    });
    let kept = fitting.count();
    widths.truncate(kept);
    let mut out = Vec::with_capacity(rows.len() + 3);
    if !head.is_empty() {
        out.push(line(&head, &widths));
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        out.push(rule.join("-+-"));
    }
    // Rows without columns are counted above the table; there is nothing to show.
    let rows = rows.iter().filter(|row| count > 0 || row.is_none());
    let unreadable = || sql::UNREADABLE.to_owned();
    out.extend(rows.map(|row| row.as_ref().map_or_else(unreadable, |row| line(row, &widths))));
    if count > kept {
        out.push(format!("({} more columns)", count - kept));
    }
    out
}

/// Formats the cells of one row, each as wide as its column. A row that is too short has empty cells at its
/// end.
fn line(cells: &[String], widths: &[usize]) -> String {
    let mut out = String::new();
    for (place, width) in widths.iter().enumerate() {
        if place > 0 {
            out.push_str(BETWEEN);
        }
        let cell = cells.get(place).map_or("", String::as_str);
        out.push_str(cell);
        out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
    }
    out.truncate(out.trim_end_matches(' ').len());
    out
}

/// Returns the text of a cell, not escaped. A text that equals the symbol for no value is quoted.
fn text(cell: &Json) -> Cow<'_, str> {
    match cell {
        Json::String(text) if text.chars().eq([sign::NO_VALUE]) => Cow::Owned(format!("\"{text}\"")),
        Json::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(sql::plain(other)),
    }
}

/// Returns up to `most` characters of a cell, escaped.
fn short(cell: &Json, most: usize) -> String {
    if *cell == Json::Null {
        return sign::NULL.to_owned();
    }
    let text = text(cell);
    let (start, rest) = body::split(&text, most);
    let shown = Shown(start).to_string();
    match body::split(&shown, most) {
        (whole, "") if rest.is_empty() => whole.to_owned(),
        (whole, _) => {
            let (start, _) = body::split(whole, most.saturating_sub(1));
            format!("{start}{MORE}")
        }
    }
}
