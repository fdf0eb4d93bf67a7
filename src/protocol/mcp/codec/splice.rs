//! Changes a few places of a body and leaves every other byte as it was; and the places of members and elements. (RFC 8259.)

use bytes::Bytes;
use bytes::BytesMut;

use crate::domain::json::cursor::Span;
use crate::domain::json::push_bytes;

/// One change: these bytes take the place of those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What goes; empty to insert before the byte at its start.
    pub span: Span,
    /// What comes; empty to remove.
    pub with: Bytes,
}

impl Edit {
    /// `with` takes the place of what stands in `span`.
    pub fn replace(span: Span, with: impl Into<Bytes>) -> Self {
        Self { span, with: with.into() }
    }

    /// `with` is put before the byte at `at`.
    pub fn insert(at: usize, with: impl Into<Bytes>) -> Self {
        Self::replace(Span { start: at, end: at }, with)
    }

    /// What stands in `span` is removed.
    pub const fn remove(span: Span) -> Self {
        Self { span, with: Bytes::new() }
    }
}

/// Edits that cannot be made together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// An edit begins before the one ahead of it ends.
    #[error(
        "an edit at byte {at} that begins before byte {ahead}, where the one ahead of it ends; sort them, each place once"
    )]
    Overlap {
        /// Where it begins.
        at: usize,
        /// Where the one ahead of it ends.
        ahead: usize,
    },
    /// An edit that goes beyond the end, or ends before it begins.
    #[error("an edit from byte {} to {} of a body of {length} bytes", span.start, span.end)]
    Outside {
        /// The edit's place.
        span: Span,
        /// How long the body is.
        length: usize,
    },
    /// Something is to be put into a place that is no object.
    #[error("nothing to put a member into: the message has no `{0}`")]
    NoObject(&'static str),
}

/// Makes `edits`, which must be sorted by where they begin, to `body`. Those that only insert at one place stay in their order.
/// Without edits it is the same body, not a copy.
///
/// # Errors
/// Edits that overlap, are not sorted, or go beyond the body.
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

/// Sorts edits that were collected in any order, so that [`apply`] takes them; what inserts comes before what replaces at the same place.
pub fn sort(edits: &mut [Edit]) {
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
}

/// Where in an object a member is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Before its first member.
    First,
    /// Behind its last member.
    Last,
}

/// Puts members, each a name and the JSON of its value, into the object that stands at `object` in `body`. They must be new in it. `None`
/// without members. One edit for each end of an object: two for the same one of an empty object would lack the comma between them.
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

/// Removes those of an array's elements for which `goes` says so by their place in it, counted from 0, each with one comma.
///
/// `elements` are the places of all elements of one array, in their order. What is kept stays as it is, so it can be edited besides.
pub fn remove_elements(elements: &[Span], mut goes: impl FnMut(usize) -> bool) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    // The end of the last element that is kept, and the start of the elements that go and have none kept ahead of them.
    let (mut kept, mut front) = (None, None);
    for (place, element) in elements.iter().enumerate() {
        match (goes(place), kept) {
            (true, None) => {
                front.get_or_insert(element.start);
            }
            (true, Some(end)) => match edits.last_mut() {
                // One edit for neighbours that go.
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
