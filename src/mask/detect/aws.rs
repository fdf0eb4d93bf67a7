//! AWS access key ids: four known letters and sixteen of `A-Z0-9`.

use crate::mask::detect::Span;
use crate::mask::detect::byte_at;
use crate::mask::detect::byte_before;

const LEN: usize = 20;

/// Returns the key whose four letters begin at `at`.
pub(super) fn at(text: &[u8], at: usize) -> Option<Span> {
    let key = text.get(at..at + LEN)?;
    let body = key.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let alone =
        !byte_before(text, at).is_ascii_alphanumeric() && !byte_at(text, at + LEN).is_ascii_alphanumeric();
    let plain = key.iter().collect::<std::collections::BTreeSet<_>>().len() >= 6;
    (body && alone && plain).then_some(Span {
        start: at,
        end: at + LEN,
        score: 100,
        reason: "prefix, length and alphabet hold",
    })
}
