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

/// Folds case.
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
