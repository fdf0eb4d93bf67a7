//! Blanks and dashes beyond ASCII between the groups of a number: those that do not break a line, and the
//! dashes that typesetting puts there.

use crate::mask::detect::byte_at;
use crate::mask::detect::byte_before;
use crate::mask::view::View;

/// In UTF-8, and what they stand for: U+00A0, U+202F, U+2010, U+2011, U+2013.
const SIGNS: [(&[u8], &[u8]); 5] = [
    (b"\xc2\xa0", b" "),
    (b"\xe2\x80\xaf", b" "),
    (b"\xe2\x80\x90", b"-"),
    (b"\xe2\x80\x91", b"-"),
    (b"\xe2\x80\x93", b"-"),
];

/// The text with those of ASCII in their place; `None` if there are none between letters or digits.
pub(super) fn plain(text: &[u8]) -> Option<View> {
    let (mut view, mut done) = (View::default(), 0);
    for at in memchr::memchr2_iter(0xc2, 0xe2, text) {
        let rest = text.get(at..).unwrap_or_default();
        let Some((sign, means)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) else { continue };
        let is_between = byte_before(text, at).is_ascii_alphanumeric()
            && byte_at(text, at + sign.len()).is_ascii_alphanumeric();
        if is_between {
            view.plain(text.get(done..at).unwrap_or_default());
            view.escape(means, at, sign.len());
            done = at + sign.len();
        }
    }
    if view.is_plain() {
        return None;
    }
    view.plain(text.get(done..).unwrap_or_default());
    Some(view)
}
