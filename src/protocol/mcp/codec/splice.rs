//! Edits of a body that leave every other byte as it was. (RFC 8259.)

use bytes::Bytes;
use bytes::BytesMut;

use crate::domain::json::cursor::Span;
use crate::domain::json::push_bytes;

/// One edit: replaces a span with other bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The bytes to replace; empty to insert before its start.
    pub span: Span,
    /// The replacement; empty to remove.
    pub with: Bytes,
}

impl Edit {
    /// Creates an edit that replaces `span` with `with`.
    pub fn replace(span: Span, with: impl Into<Bytes>) -> Self {
        Self { span, with: with.into() }
    }

    /// Creates an edit that inserts `with` before the byte at `at`.
    pub fn insert(at: usize, with: impl Into<Bytes>) -> Self {
        Self::replace(Span { start: at, end: at }, with)
    }

    /// Creates an edit that removes `span`.
    pub const fn remove(span: Span) -> Self {
        Self { span, with: Bytes::new() }
    }
}

/// Edits that cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// An edit begins before the previous one ends.
    #[error(
        "an edit at byte {at} that begins before byte {ahead}, where the one ahead of it ends; sort them, each place once"
    )]
    Overlap {
        /// Where it begins.
        at: usize,
        /// Where the previous one ends.
        ahead: usize,
    },
    /// An edit reaches beyond the end, or ends before it begins.
    #[error("an edit from byte {} to {} of a body of {length} bytes", span.start, span.end)]
    Outside {
        /// The edit's span.
        span: Span,
        /// The length of the body.
        length: usize,
    },
    /// A member cannot be inserted because there is no object.
    #[error("nothing to put a member into: the message has no `{0}`")]
    NoObject(&'static str),
}

/// Applies `edits`, which must be sorted by their start, to `body`. Insertions at the same place keep their
/// order. Without edits it returns the same body, not a copy.
///
/// # Errors
/// Edits overlap, are not sorted, or reach beyond the body.
pub fn apply(body: &Bytes, edits: &[Edit]) -> Result<Bytes, SpliceError> {
    if edits.is_empty() {
        return Ok(body.clone());
    }
    let mut length = body.len();
    let mut ahead = 0;
    for Edit { span, with } in edits {
        if span.end > body.len() || span.end < span.start {
            return Err(SpliceError::Outside { span: *span, length: body.len() });
        }
        if span.start < ahead {
            return Err(SpliceError::Overlap { at: span.start, ahead });
        }
        ahead = span.end;
        length = length.saturating_sub(span.len()).saturating_add(with.len());
    }
    let mut out = BytesMut::with_capacity(length);
    let mut kept = 0;
    for Edit { span, with } in edits {
        out.extend_from_slice(Span { start: kept, end: span.start }.of(body));
        out.extend_from_slice(with);
        kept = span.end;
    }
    out.extend_from_slice(body.get(kept..).unwrap_or_default());
    Ok(out.freeze())
}

/// Sorts edits for [`apply`]; an insertion comes before a replacement at the same place.
pub fn sort(edits: &mut [Edit]) {
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
}

/// Where in an object a member is inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Before the first member.
    First,
    /// After the last member.
    Last,
}

/// Creates the edit that inserts members, each a name and the JSON of its value, into the object at `object`
/// in `body`. They must be new in it. `None` if there are no members. Use one edit for each end of an object:
/// two at the same end of an empty object would lack the comma between them.
pub fn insert_members<'a>(
    body: &[u8],
    object: Span,
    end: End,
    members: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Option<Edit> {
    let mut with = Vec::new();
    for (name, value) in members {
        if !with.is_empty() {
            with.push(b',');
        }
        push_bytes(name.as_bytes(), &mut with);
        with.push(b':');
        with.extend_from_slice(value);
    }
    if with.is_empty() {
        return None;
    }
    let inside = object.of(body).get(1..object.len().saturating_sub(1)).unwrap_or_default();
    let empty = inside.trim_ascii().is_empty();
    let at = match end {
        End::First => object.start + 1,
        End::Last => object.end.saturating_sub(1),
    };
    match end {
        _ if empty => {}
        End::First => with.push(b','),
        End::Last => with.insert(0, b','),
    }
    Some(Edit::insert(at, with))
}

/// Removes the elements of an array for which `goes` returns true, each with one comma. `goes` gets the index
/// of an element.
///
/// `elements` are the spans of all elements of one array, in order. Kept elements do not change, so they can
/// be edited as well.
pub fn remove_elements(elements: &[Span], mut goes: impl FnMut(usize) -> bool) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    // The end of the last kept element, and the start of removed elements that have no kept one before them.
    let (mut kept, mut front) = (None, None);
    for (place, element) in elements.iter().enumerate() {
        match (goes(place), kept) {
            (true, None) => {
                front.get_or_insert(element.start);
            }
            (true, Some(end)) => match edits.last_mut() {
                // One edit for adjacent removed elements.
                Some(edit) if edit.span.start == end => edit.span.end = element.end,
                _ => edits.push(Edit::remove(Span { start: end, end: element.end })),
            },
            (false, _) => {
                if let Some(start) = front.take() {
                    edits.push(Edit::remove(Span { start, end: element.start }));
                }
                kept = Some(element.end);
            }
        }
    }
    if let (Some(start), Some(last)) = (front, elements.last()) {
        edits.push(Edit::remove(Span { start, end: last.end }));
    }
    edits
}
