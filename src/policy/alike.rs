//! Folding of paths that some servers treat as equal: they compare case-insensitively (Express, ASP.NET,
//! IIS), and Windows drops dots and blanks at the end of a name, and a stream name (`a::$DATA`). ASP.NET
//! removes segments that carry a session in place of a cookie (`/(S(x))/a`).

use std::borrow::Cow;

/// Folds a path as the least strict servers read it.
pub(super) fn fold_path(path: &[u8]) -> Cow<'_, [u8]> {
    if is_folded(path) {
        return Cow::Borrowed(path);
    }
    let mut out = Vec::with_capacity(path.len());
    let mut first = true;
    for segment in path.split(|byte| *byte == b'/') {
        let folded = fold_segment(segment);
        // A name that consists of dots only is dropped.
        if (folded.is_empty() && !segment.is_empty()) || is_ticket(segment) {
            continue;
        }
        if !first {
            out.push(b'/');
        }
        first = false;
        out.extend_from_slice(&folded);
    }
    Cow::Owned(out)
}

/// Returns whether a segment is what ASP.NET writes in place of cookies: `(S(x))`, `(X(1)S(x))`.
fn is_ticket(segment: &[u8]) -> bool {
    matches!(segment, [b'(', kind, b'(', .., b')', b')'] if kind.is_ascii_alphabetic())
}

/// Folds one segment.
pub(super) fn fold_segment(segment: &[u8]) -> Vec<u8> {
    let stream = memchr::memmem::find(segment, b":$").is_some();
    let end = stream.then(|| memchr::memchr(b':', segment)).flatten().unwrap_or(segment.len());
    let name = segment.get(..end).unwrap_or(segment);
    let trimmed = std::str::from_utf8(name)
        .map_or(name, |name| name.trim_end_matches(|c: char| c == '.' || c.is_whitespace()).as_bytes());
    fold_case(trimmed)
}

/// The zeros of all decimal digits but those of ASCII (Unicode 14, general category `Nd`): each is followed
/// by the other nine.
const ZEROS: [u32; 65] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50,
    0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0,
    0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50,
    0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140,
    0x1e2f0, 0x1e950, 0x1fbf0,
];

/// A segment that is a whole number as the most lenient readers of numbers take it: in digits of ASCII,
/// without zeros before it. `None`: it is none.
pub(super) fn number(segment: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(segment).ok().filter(|text| !text.is_empty())?;
    let digits: Option<String> = text.chars().map(digit).collect();
    let digits = digits?;
    let bare = digits.trim_start_matches('0');
    Some(if bare.is_empty() { b"0".to_vec() } else { bare.as_bytes().to_vec() })
}

fn digit(sign: char) -> Option<char> {
    if sign.is_ascii_digit() {
        return Some(sign);
    }
    let code = u32::from(sign);
    let zero = ZEROS.partition_point(|zero| *zero <= code).checked_sub(1).and_then(|at| ZEROS.get(at))?;
    char::from_digit(code - zero, 10)
}

/// A path with each segment that is a number as [`number`] has it.
pub(super) fn with_numbers(path: &[u8]) -> Vec<u8> {
    let segments = path.split(|byte| *byte == b'/');
    segments
        .map(|segment| number(segment).unwrap_or_else(|| segment.to_vec()))
        .collect::<Vec<_>>()
        .join(&b'/')
}

/// Without regard to case.
pub(super) fn fold_case(text: &[u8]) -> Vec<u8> {
    let Some(text) = std::str::from_utf8(text).ok().filter(|text| !text.is_ascii()) else {
        return text.to_ascii_lowercase();
    };
    // Upper case first: only then does `ſ` equal `s`.
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect::<String>().into_bytes()
}

/// Returns whether the path is certainly folded already, as most are. May return `false` for a folded path.
fn is_folded(path: &[u8]) -> bool {
    let mut before = b'/';
    path.iter().all(|&byte| {
        let ends = byte == b'/' && matches!(before, b'.' | b' ');
        before = byte;
        !ends
            && byte.is_ascii()
            && !byte.is_ascii_uppercase()
            && !byte.is_ascii_control()
            && !matches!(byte, b':' | b'(')
    }) && !matches!(before, b'.' | b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_form() {
        assert!(ZEROS.is_sorted());
        for (segment, wanted) in [
            ("8", Some("8")),
            ("008", Some("8")),
            ("000", Some("0")),
            ("\u{ff18}", Some("8")),
            ("\u{660}\u{668}", Some("8")),
            ("\u{1d7ff}0", Some("90")),
            ("8a", None),
            ("", None),
            ("\u{2167}", None),
            ("\u{66a}", None),
            ("-8", None),
        ] {
            assert_eq!(number(segment.as_bytes()).as_deref(), wanted.map(str::as_bytes), "{segment}");
        }
        assert_eq!(with_numbers(b"users/08/x"), b"users/8/x");
    }

    #[test]
    fn what_servers_take_for_the_same_has_one_form() {
        for (path, folded) in [
            ("", ""),
            ("admin/x", "admin/x"),
            ("Admin/X", "admin/x"),
            ("admin./x", "admin/x"),
            ("admin. ./x.", "admin/x"),
            ("admin /x", "admin/x"),
            ("admin::$DATA", "admin"),
            ("admin:$i30:$INDEX_ALLOCATION/x", "admin/x"),
            ("a/.../admin", "a/admin"),
            ("(S(lit3py55t21z5v55vlm25s55))/Admin", "admin"),
            ("a/(x(1)F(y))", "a"),
            ("a/(s)/f(x)/(ab(c))", "a/(s)/f(x)/(ab(c))"),
            ("file:///Secret./x", "file:///secret/x"),
            ("\u{c9}\u{17f}", "\u{e9}s"),
            (".well-known/a.b", ".well-known/a.b"),
            ("users:batch", "users:batch"),
        ] {
            assert_eq!(String::from_utf8_lossy(&fold_path(path.as_bytes())), folded, "{path}");
        }
        assert!(matches!(fold_path(b"v1/users/8.json"), Cow::Borrowed(_)));
    }
}
