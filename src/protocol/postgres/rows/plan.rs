//! What is done to each column of a result. It is decided once, then applied to each row.

use std::sync::Arc;

use bytes::BufMut;
use bytes::BytesMut;

use super::cell::{Masking, New, Sort};
use super::exposure::{Exposure, shows_no_masked};
use crate::domain::sql::Outputs;
use crate::mask::{FieldRule, Notes, Plan};
use crate::protocol::postgres::catalog::{Mask, Masked};
use crate::protocol::postgres::wire::back::{Column, RowDescription, read_row};
use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::tag::{BackTag, LONGEST, Tag};
use crate::protocol::postgres::wire::values::Format;

/// The most bytes of a name in a message; no name in PostgreSQL is longer.
const LONGEST_NAME: usize = 63;

/// The most names of withheld columns in a message.
const MOST_NAMES: usize = 8;

/// The oids of the array types of `json` and `jsonb`.
const JSON_ARRAYS: [u32; 2] = [199, 3807];

/// What is done to a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing: its values are not read.
    Pass,
    /// Its values are searched for what is masked by its form, or by a field name in JSON.
    Search,
    /// Its values are masked by this rule.
    Field(FieldRule),
    /// Its values are withheld.
    Withhold,
}

/// Why a row was not masked. Nothing was written, and the caller must not send the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// It is not a valid row.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// It does not fit its description.
    #[error("a row has {found} cells, but its description has {wanted}")]
    Cells {
        /// The number of values in the row.
        found: usize,
        /// The number of columns in the description.
        wanted: usize,
    },
    /// It would be longer than a message can be, with the replaced values.
    #[error("a row would have more than {LONGEST} bytes once it is masked")]
    TooLong,
}

/// What is done to the rows of one result.
#[derive(Debug, Clone)]
pub struct RowPlan {
    plan: Arc<Plan>,
    columns: Vec<Masking>,
    passes: bool,
    stale: bool,
}

impl RowPlan {
    /// Decides over the columns of a description. `formats` are those of the `Bind`: none if the description
    /// tells them (that of a portal, or of a simple query), one for all columns, or one for each. `exposure`
    /// is that of the text, `outputs` what it says of its columns.
    pub fn of(
        masked: &Masked,
        description: &RowDescription<'_>,
        formats: &[Format],
        exposure: Exposure,
        outputs: Option<&Outputs>,
    ) -> Self {
        let plan = Arc::clone(masked.plan());
        let mut stale = false;
        let outputs = outputs.filter(|_| exposure.values() && exposure.told());
        let count = outputs.map_or(0, |_| description.columns().count());
        let columns: Vec<Masking> = description
            .columns()
            .enumerate()
            .map(|(place, column)| {
                let format = match formats {
                    [] => column.format,
                    [all] => *all,
                    each => each.get(place).copied().unwrap_or(column.format),
                };
                let sort = Sort::of(column.data_type, column.type_modifier);
                let sources = outputs.and_then(|outputs| outputs.sources(place, count));
                let shown =
                    !exposure.values() || sources.is_some_and(|sources| shows_no_masked(masked, sources));
                let action = action(masked, &column, sort, exposure, shown, &mut stale);
                Masking::new(&plan, &column, format, sort, action)
            })
            .collect();
        let passes = columns.iter().all(|column| column.action == Action::Pass);
        Self { plan, columns, passes, stale }
    }

    /// Returns whether every column passes, so that rows need not be read.
    pub fn passes(&self) -> bool {
        self.passes
    }

    /// Checks that a row has as many values as the description has columns; `body` is the body of its
    /// `DataRow`.
    ///
    /// # Errors
    /// It does not, and must not be sent.
    pub fn fits(&self, body: &[u8]) -> Result<(), RowError> {
        let found = body.first_chunk().map_or(0, |count| usize::from(u16::from_be_bytes(*count)));
        let wanted = self.columns.len();
        if found == wanted { Ok(()) } else { Err(RowError::Cells { found, wanted }) }
    }

    /// Returns whether a column was withheld because the catalog does not know it: the catalog is older, and
    /// must be read again.
    pub fn stale(&self) -> bool {
        self.stale
    }

    /// Returns what is done to each column.
    pub fn actions(&self) -> impl Iterator<Item = Action> {
        self.columns.iter().map(|column| column.action)
    }

    /// Returns a sentence for the client with the columns that are withheld; `None` if none is. The names
    /// come from the statement, and are not escaped.
    pub fn notes(&self) -> Option<String> {
        let withheld: Vec<&str> = self
            .columns
            .iter()
            .filter(|column| column.action == Action::Withhold)
            .map(|column| &*column.name)
            .collect();
        if withheld.is_empty() {
            return None;
        }
        let mut text = "withheld, since masked values may be in them: ".to_owned();
        for (place, name) in withheld.iter().take(MOST_NAMES).enumerate() {
            text.push_str(if place > 0 { ", " } else { "" });
            text.push_str(name.get(..name.floor_char_boundary(LONGEST_NAME)).unwrap_or_default());
        }
        if withheld.len() > MOST_NAMES {
            text.push_str(", …");
        }
        Some(text)
    }

    /// Appends a masked row as a message. `body` is the body of its `DataRow`; `room` is a buffer for one
    /// value, reused for each.
    ///
    /// # Errors
    /// It is not a valid row, does not fit the description, or would be too long. `out` is then unchanged.
    pub fn row(
        &self,
        body: &[u8],
        out: &mut BytesMut,
        notes: &mut Notes,
        room: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        let row = read_row(body)?;
        if row.count() != self.columns.len() {
            return Err(RowError::Cells { found: row.count(), wanted: self.columns.len() });
        }
        let before = out.len();
        out.put_u8(BackTag::DataRow.byte());
        out.put_u32(0);
        let mut copied = 0;
        for (column, range) in self.columns.iter().zip(row.ranges()) {
            if column.action == Action::Pass {
                continue;
            }
            let Some(range) = range else { continue };
            let value = body.get(range.clone()).unwrap_or_default();
            let new = match column.new_value(&self.plan, value, notes, room) {
                New::Same => continue,
                New::Null => None,
                New::Constant => column.constant.as_deref(),
                New::Room => Some(room.as_slice()),
            };
            // The four bytes before a value are its length.
            out.put_slice(body.get(copied..range.start.saturating_sub(4)).unwrap_or_default());
            match new.map(|new| (new, i32::try_from(new.len()))) {
                None => out.put_i32(-1),
                Some((new, Ok(length))) => {
                    out.put_i32(length);
                    out.put_slice(new);
                }
                Some((_, Err(_))) => {
                    out.truncate(before);
                    return Err(RowError::TooLong);
                }
            }
            copied = range.end;
        }
        out.put_slice(body.get(copied..).unwrap_or_default());
        // The length includes itself, but not the type.
        let length = out.len().saturating_sub(before).saturating_sub(1);
        let length = u32::try_from(length).ok().filter(|length| *length <= LONGEST);
        let place = out.get_mut(before.saturating_add(1)..).and_then(|rest| rest.first_chunk_mut());
        if let (Some(length), Some(place)) = (length, place) {
            *place = length.to_be_bytes();
            return Ok(());
        }
        out.truncate(before);
        Err(RowError::TooLong)
    }
}

/// What is done to a column. `shown`: if it is computed, nothing masked goes into it.
fn action(
    masked: &Masked,
    column: &Column<'_>,
    sort: Sort,
    exposure: Exposure,
    shown: bool,
    stale: &mut bool,
) -> Action {
    let plan = masked.plan();
    if plan.has_fields() {
        let (table, attribute) = (column.table, column.attribute);
        if exposure.rewritten() {
            return Action::Withhold;
        }
        if table == 0 {
            if !shown {
                return Action::Withhold;
            }
        } else if !masked.knows(table, attribute) {
            *stale = true;
            return Action::Withhold;
        } else if attribute == 0 && masked.tells(table) {
            return Action::Withhold;
        }
        match masked.mask(table, attribute) {
            Some(Mask::Field(rule)) => return Action::Field(rule),
            Some(Mask::Withheld) => return Action::Withhold,
            None => {}
        }
        if let Some(rule) = plan.field(column.name) {
            return Action::Field(rule);
        }
        // In text format their elements are escaped once more, and are not searched for field names.
        if JSON_ARRAYS.contains(&column.data_type) || (masked.hides_json(table, attribute) && !sort.is_json())
        {
            return Action::Withhold;
        }
    }
    // Field names count inside JSON, and in text computed from it: `data::text`.
    let named = plan.has_fields() && (sort.is_json() || (column.table == 0 && sort.is_text()));
    let looks = plan.has_detectors() || named;
    if looks { Action::Search } else { Action::Pass }
}
