//! Masks what a server sends besides rows: errors, notices, notifications, settings.

use bytes::BufMut;
use bytes::BytesMut;

use super::exposure::Exposure;
use crate::domain::connection::Notifications;
use crate::mask::REDACTED;
use crate::mask::{Notes, Plan};
use crate::protocol::postgres::wire::back::{Field, Notification, ParameterStatus, Report};
use crate::protocol::postgres::wire::tag::{BackTag, Tag};

/// The text in place of a message that may quote masked values.
pub const WITHHELD: &str = "the text is withheld: the statement may reach masked values";

/// The settings that a server reports and that can be set to any text.
const FREE_SETTINGS: [&[u8]; 2] = [b"application_name", b"search_path"];

/// What is done to a field of an error or notice.
enum Fate {
    Keeps,
    /// It is searched by the detectors.
    Searched,
    /// It is replaced by [`WITHHELD`].
    Replaced,
    Dropped,
}

/// What a server says in the same words each time.
const FIXED: [&[u8]; 9] = [
    b"canceling statement due to lock timeout",
    b"canceling statement due to statement timeout",
    b"canceling statement due to transaction timeout",
    b"canceling statement due to user request",
    b"could not serialize access due to concurrent delete",
    b"could not serialize access due to concurrent update",
    b"could not serialize access due to read/write dependencies among transactions",
    b"current transaction is aborted, commands ignored until end of transaction block",
    b"deadlock detected",
];

/// Whether the message of a report holds no value of a row: its words are fixed, or the server has not
/// understood the text, and says where. It does so before anything runs, and speaks of names and constants of
/// the text alone. What a function of the database runs has a context, and no place in the text.
fn tells_no_value(report: &Report<'_>, exposure: Exposure) -> bool {
    let message = report.field(Field::MESSAGE).unwrap_or_default();
    let inner = [Field::WHERE, Field::INTERNAL_POSITION, Field::INTERNAL_QUERY];
    let of_the_text = !exposure.code()
        && report.code().is_some_and(|code| code.as_bytes().starts_with(b"42"))
        && report.field(Field::POSITION).is_some()
        && inner.into_iter().all(|field| report.field(field).is_none());
    of_the_text || FIXED.contains(&message)
}

impl Fate {
    fn of(field: Field, exposure: Exposure, shown: bool) -> Self {
        let withheld = exposure.reports();
        match field {
            Field::SEVERITY_SHOWN | Field::SEVERITY | Field::CODE | Field::POSITION => Self::Keeps,
            Field::MESSAGE if withheld && !shown => Self::Replaced,
            Field::MESSAGE => Self::Searched,
            // Names of things of the catalogue; but a function can set them to anything (`RAISE … USING
            // COLUMN = …`).
            Field::SCHEMA | Field::TABLE | Field::COLUMN | Field::DATA_TYPE | Field::CONSTRAINT => {
                if exposure.code() { Self::Dropped } else { Self::Searched }
            }
            _ if withheld => Self::Dropped,
            Field::FILE | Field::LINE | Field::ROUTINE | Field::INTERNAL_POSITION => Self::Keeps,
            _ => Self::Searched,
        }
    }
}

/// Returns an error or notice as a message without masked values; `None` if it can stay as it is. `tag` is
/// [`BackTag::ErrorResponse`] or [`BackTag::NoticeResponse`]; `exposure` is that of the running text, or
/// [`Exposure::NOTHING`].
///
/// Where the text may reach masked values, only the severity, the code, the position and names of the
/// catalogue are left, and a message that can hold no value. Where policies go by `columns`, the detail of an
/// error that shows a row or a key goes, masks or not: it has columns in it that the text did not name.
pub fn clear_report(
    tag: BackTag,
    report: &Report<'_>,
    plan: &Plan,
    exposure: Exposure,
    columns: bool,
    notes: &mut Notes,
) -> Option<BytesMut> {
    let shows_rows = columns && shows_rows(report);
    if plan.is_empty() && !shows_rows {
        return None;
    }
    let plan = plan.for_computed();
    let shown = tells_no_value(report, exposure);
    let (mut out, mut changed) = (begin(tag), false);
    for (field, text) in report.fields() {
        let masked;
        let fate = if shows_rows && field == Field::DETAIL {
            Fate::Dropped
        } else {
            Fate::of(field, exposure, shown)
        };
        let text = match fate {
            Fate::Keeps => text,
            Fate::Searched => match plan.cell("report", text, notes) {
                Some(found) => {
                    changed = true;
                    masked = found;
                    &masked
                }
                None => text,
            },
            Fate::Replaced => {
                changed = true;
                notes.withheld("message");
                WITHHELD.as_bytes()
            }
            Fate::Dropped => {
                changed = true;
                continue;
            }
        };
        out.put_u8(field.0);
        put_text(&mut out, text);
    }
    out.put_u8(0);
    changed.then(|| end(tag, out))
}

/// Returns whether an error may show a row: that of an integrity constraint (class 23), or of a view's check
/// option (44). Its wording depends on `lc_messages`.
fn shows_rows(report: &Report<'_>) -> bool {
    report.code().is_none_or(|code| matches!(code.as_bytes(), [b'2', b'3', ..] | [b'4', b'4', ..]))
}

/// Returns a notification as a message in which values found by their form are replaced; `None` if it can
/// stay as it is. If masks have fields, its payload, which any trigger may have made of a masked column, is
/// redacted as a whole unless `payloads` lets it pass.
pub fn clear_notification(
    notification: &Notification<'_>,
    plan: &Plan,
    payloads: Notifications,
    notes: &mut Notes,
) -> Option<BytesMut> {
    let plan = plan.for_computed();
    let channel = plan.cell("channel", notification.channel, notes);
    let payload =
        if plan.has_fields() && payloads == Notifications::Redact && !notification.payload.is_empty() {
            notes.withheld("payload");
            Some(REDACTED.to_vec())
        } else {
            plan.cell("payload", notification.payload, notes)
        };
    if channel.is_none() && payload.is_none() {
        return None;
    }
    let mut out = begin(BackTag::NotificationResponse);
    out.put_i32(notification.process);
    put_text(&mut out, channel.as_deref().unwrap_or(notification.channel));
    put_text(&mut out, payload.as_deref().unwrap_or(notification.payload));
    Some(end(BackTag::NotificationResponse, out))
}

/// Returns a reported setting as a message in which values found by their form are replaced; `None` if it can
/// stay as it is. A setting that takes any text is withheld if the running text may reach masked values. For
/// the client only: the gateway must go by what the server said.
pub fn clear_status(
    status: &ParameterStatus<'_>,
    plan: &Plan,
    exposure: Exposure,
    notes: &mut Notes,
) -> Option<BytesMut> {
    let name = String::from_utf8_lossy(status.name);
    let value = if exposure.values() && FREE_SETTINGS.contains(&status.name) {
        notes.withheld(&name);
        REDACTED.to_vec()
    } else {
        plan.for_computed().cell(&name, status.value, notes)?
    };
    let mut out = begin(BackTag::ParameterStatus);
    put_text(&mut out, status.name);
    put_text(&mut out, &value);
    Some(end(BackTag::ParameterStatus, out))
}

fn begin(tag: BackTag) -> BytesMut {
    let mut out = BytesMut::new();
    out.put_u8(tag.byte());
    out.put_u32(0);
    out
}

/// Appends a text and its terminating NUL. None of the texts has a NUL inside: it ended at one, or is the
/// gateway's own.
fn put_text(out: &mut BytesMut, text: &[u8]) {
    out.put_slice(text.split(|byte| *byte == 0).next().unwrap_or_default());
    out.put_u8(0);
}

/// Fills in the length. A message that the replacements made too long is emptied: it cannot be sent.
fn end(tag: BackTag, mut out: BytesMut) -> BytesMut {
    let length =
        u32::try_from(out.len().saturating_sub(1)).ok().filter(|length| *length <= tag.size().most());
    if let (Some(length), Some(place)) = (length, out.get_mut(1..).and_then(|rest| rest.first_chunk_mut())) {
        *place = length.to_be_bytes();
    } else {
        out.clear();
    }
    out
}
