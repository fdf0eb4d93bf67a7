//! Masks one value: the result is valid for its type.

use std::num::NonZeroUsize;

use super::look::{Seen, Sight};
use super::plan::Action;
use crate::domain::MaskOp;
use crate::mask::{FieldRule, Notes, Plan, REDACTED};
use crate::protocol::postgres::wire::back::Column;
use crate::protocol::postgres::wire::values::Format;

/// The difference between a type modifier and the characters of `varchar(n)` (`VARHDRSZ`).
const MODIFIER_EXTRA: i32 = 4;
/// The most bytes of a `name`.
const LONGEST_NAME: usize = 63;
/// The first byte of a binary `jsonb`.
pub(super) const JSONB_VERSION: u8 = 1;

/// Types, by which masked values they can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Text of at most this many characters.
    Text(Option<NonZeroUsize>),
    /// A `name`.
    Name,
    Json,
    Jsonb,
    Xml,
    /// Any other type: only NULL fits.
    Other,
}

impl Sort {
    /// Returns the sort of a type. Types of extensions and users have oids that are not known in advance, so
    /// none of them counts as text.
    pub(super) fn of(data_type: u32, modifier: i32) -> Self {
        match data_type {
            25 | 705 => Self::Text(None),
            1042 | 1043 => {
                let length =
                    modifier.checked_sub(MODIFIER_EXTRA).and_then(|length| usize::try_from(length).ok());
                Self::Text(length.and_then(NonZeroUsize::new))
            }
            19 => Self::Name,
            114 => Self::Json,
            3802 => Self::Jsonb,
            142 => Self::Xml,
            _ => Self::Other,
        }
    }

    pub(super) const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Jsonb)
    }

    pub(super) const fn is_text(self) -> bool {
        matches!(self, Self::Text(_) | Self::Name)
    }

    /// Cuts a UTF-8 text to what the type holds.
    fn cut(self, text: &mut Vec<u8>) {
        let length = match self {
            Self::Text(Some(most)) => nth_char(text, most.get()),
            // A character is not cut in two.
            Self::Name => {
                let begins = |at: &usize| text.get(*at).is_none_or(|byte| !is_continuation(*byte));
                (0..=LONGEST_NAME.min(text.len())).rev().find(begins).unwrap_or(0)
            }
            _ => return,
        };
        text.truncate(length);
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// Returns where the character with this number begins, from 0; the end if there are fewer.
fn nth_char(text: &[u8], number: usize) -> usize {
    if text.len() <= number {
        return text.len();
    }
    let mut begins = text.iter().enumerate().filter(|(_, byte)| !is_continuation(**byte)).map(|(at, _)| at);
    begins.nth(number).unwrap_or(text.len())
}

/// What a value becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum New {
    /// It stays as it is.
    Same,
    /// It becomes NULL.
    Null,
    /// It is replaced by [`Masking::constant`].
    Constant,
    /// It is replaced by what was written into the buffer.
    Room,
}

/// How the values of one column are masked.
#[derive(Debug, Clone)]
pub(super) struct Masking {
    pub(super) name: Box<str>,
    pub(super) action: Action,
    /// The replacement of every value, if it is the same for all.
    pub(super) constant: Option<Box<[u8]>>,
    sort: Sort,
    data_type: u32,
    binary: bool,
    /// Whether it is computed, and comes from no table.
    computed: bool,
}

impl Masking {
    pub(super) fn new(plan: &Plan, column: &Column<'_>, format: Format, sort: Sort, action: Action) -> Self {
        let computed = column.table == 0;
        let plan = if computed { plan.for_computed() } else { plan };
        let text = match action {
            Action::Withhold => Some(REDACTED),
            Action::Field(rule) => match plan.field_op(rule) {
                MaskOp::Redact => Some(REDACTED),
                MaskOp::Replace { with } => Some(with.as_bytes()),
                MaskOp::Hash | MaskOp::KeepFirst { .. } | MaskOp::KeepLast { .. } | MaskOp::Null => None,
            },
            Action::Pass | Action::Search => None,
        };
        let constant = text.filter(|_| sort.is_text()).map(|text| {
            let mut text = text.to_vec();
            sort.cut(&mut text);
            text.into()
        });
        Self {
            name: String::from_utf8_lossy(column.name).into(),
            action,
            constant,
            sort,
            data_type: column.data_type,
            binary: format == Format::Binary,
            computed,
        }
    }

    /// Returns what a value that is not NULL becomes.
    pub(super) fn new_value(&self, plan: &Plan, value: &[u8], notes: &mut Notes, room: &mut Vec<u8>) -> New {
        room.clear();
        let plan = if self.computed { plan.for_computed() } else { plan };
        match self.action {
            Action::Pass => New::Same,
            Action::Search => self.search(plan, value, notes, room),
            Action::Field(rule) => {
                notes.masked(&self.name);
                self.field(plan, rule, value, room)
            }
            Action::Withhold => self.withhold(notes),
        }
    }

    fn withhold(&self, notes: &mut Notes) -> New {
        notes.withheld(&self.name);
        // A column that is searched has no constant: a value that cannot be read becomes NULL.
        if self.constant.is_some() { New::Constant } else { New::Null }
    }

    fn field(&self, plan: &Plan, rule: FieldRule, value: &[u8], room: &mut Vec<u8>) -> New {
        if *plan.field_op(rule) == MaskOp::Null {
            return New::Null;
        }
        match self.sort {
            Sort::Text(_) | Sort::Name => {
                if self.constant.is_some() {
                    return New::Constant;
                }
                plan.field_text(rule, value, room);
                self.sort.cut(room);
                New::Room
            }
            Sort::Json | Sort::Jsonb => match self.json(value) {
                Some((prefix, json)) => {
                    room.extend_from_slice(prefix);
                    plan.field_json(rule, json, room);
                    New::Room
                }
                None => New::Null,
            },
            Sort::Xml | Sort::Other => New::Null,
        }
    }

    /// Returns the bytes before a JSON text, and the text; `None` for an unknown version of `jsonb`.
    fn json<'v>(&self, value: &'v [u8]) -> Option<(&'v [u8], &'v [u8])> {
        if self.sort == Sort::Jsonb && self.binary {
            value.split_at_checked(1).filter(|(version, _)| *version == [JSONB_VERSION])
        } else {
            Some((&[], value))
        }
    }

    fn search(&self, plan: &Plan, value: &[u8], notes: &mut Notes, room: &mut Vec<u8>) -> New {
        match self.sort {
            Sort::Text(_) | Sort::Name | Sort::Xml => match plan.cell(&self.name, value, notes) {
                Some(masked) => {
                    *room = masked;
                    self.sort.cut(room);
                    New::Room
                }
                None => New::Same,
            },
            Sort::Json | Sort::Jsonb => {
                let Some((prefix, json)) = self.json(value) else { return self.withhold(notes) };
                room.extend_from_slice(prefix);
                match plan.json(json, notes, room) {
                    Ok(true) => New::Room,
                    Ok(false) => New::Same,
                    Err(_) => self.withhold(notes),
                }
            }
            Sort::Other => {
                let mut sight = Sight { plan, name: &self.name, notes, room };
                let seen = if self.binary {
                    sight.binary(self.data_type, value, 0)
                } else {
                    sight.text(self.data_type, value)
                };
                match seen {
                    Seen::Nothing => New::Same,
                    Seen::Something => New::Null,
                    Seen::Unreadable => self.withhold(notes),
                }
            }
        }
    }
}
