//! Names of fields: globs, with case, `_`, `-` and blanks folded.

use std::collections::HashMap;

use crate::domain::text::is_ignorable;

/// The name patterns of all rules. The first rule that names a field owns it.
#[derive(Debug, Default)]
pub(super) struct FieldNames {
    exact: HashMap<Box<[u8]>, u16, ahash::RandomState>,
    /// Bit `n`: an exact name is `n` bytes long when folded; the highest bit also stands for all longer ones.
    lengths: u64,
    globs: Vec<(Box<str>, u16)>,
    /// Whether a pattern has a dot.
    paths: bool,
    first: ByteSet,
    last: ByteSet,
}

/// A set of bytes.
#[derive(Debug, Default)]
struct ByteSet([u64; 4]);

impl ByteSet {
    fn add(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    #[inline]
    fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    /// Adds every byte with which a name can begin or end whose folded form begins or ends with `folded`.
    fn add_folded(&mut self, folded: Option<char>) {
        for byte in 0..=u8::MAX {
            let wild = matches!(folded, None | Some('*' | '?'));
            let loose = matches!(byte, b'_' | b'-' | b' ' | 0x80..);
            if wild || loose || folded == Some(char::from(byte.to_ascii_lowercase())) {
                self.add(byte);
            }
        }
    }
}

impl FieldNames {
    /// Adds a pattern; returns `false` if it is empty after folding.
    pub(super) fn add(&mut self, pattern: &str, rule: u16) -> bool {
        let folded = fold(pattern);
        if folded.is_empty() {
            return false;
        }
        self.first.add_folded(folded.chars().next());
        self.last.add_folded(folded.chars().next_back());
        self.paths |= folded.contains('.');
        if folded.contains(['*', '?']) {
            self.globs.push((folded.into(), rule));
        } else {
            self.lengths |= length_bit(folded.len());
            self.exact.entry(folded.into_bytes().into()).or_insert(rule);
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.globs.is_empty()
    }

    /// Returns the rule that masks a field of this name, which must be unescaped: of the whole name, or else
    /// of a part of it, as in `user.ssn`, `user[ssn]`, `user/ssn`, `ns:ssn`, `@ssn` and `$ssn`: everything in
    /// a masked field is masked.
    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<u16> {
        self.find_whole(name).or_else(|| if has_parts(name) { self.find_part(name) } else { None })
    }

    /// Returns the rule that masks a field by its whole name.
    #[inline]
    pub(super) fn find_whole(&self, name: &[u8]) -> Option<u16> {
        if self.may_name(name) { self.find_folded(name) } else { None }
    }

    #[cold]
    fn find_part(&self, name: &[u8]) -> Option<u16> {
        let mut parts = name.split(|byte| matches!(byte, b'.' | b'[' | b']' | b':' | b'/'));
        parts.find_map(|part| self.find_whole(part).or_else(|| self.find_whole(bare(part))))
    }

    /// Returns whether [`Self::find`] may find a rule for a name.
    #[inline]
    pub(super) fn may_find(&self, name: &[u8]) -> bool {
        self.may_name(name) || has_parts(name)
    }

    /// Returns whether a pattern has a dot: only such a pattern can name a column with its table.
    pub(super) fn has_paths(&self) -> bool {
        self.paths
    }

    /// Returns the rule that masks a dotted name. Patterns without a dot do not apply, so that `cust*` does
    /// not match all columns of `customers`.
    pub(super) fn find_path(&self, path: &str) -> Option<u16> {
        let folded = fold(path);
        let exact = self.exact.get(folded.as_bytes()).copied();
        let fits = |(pattern, _): &&(Box<str>, u16)| pattern.contains('.') && matches(pattern, &folded);
        let glob = self.globs.iter().find(fits).map(|&(_, rule)| rule);
        exact.into_iter().chain(glob).min()
    }

    /// Returns whether a name that ends with the byte may match a pattern.
    #[inline]
    pub(super) fn may_end(&self, last: u8) -> bool {
        self.last.has(last)
    }

    /// Returns whether a name with its first and last byte may match a pattern.
    #[inline]
    pub(super) fn may_name(&self, name: &[u8]) -> bool {
        match (name.first(), name.last()) {
            (Some(&first), Some(&last)) => self.first.has(first) && self.last.has(last),
            _ => false,
        }
    }

    fn find_folded(&self, name: &[u8]) -> Option<u16> {
        let mut short = [0; 64];
        let long;
        let folded = if let Some(folded) = fold_ascii(name, &mut short) {
            folded
        } else {
            long = fold(&String::from_utf8_lossy(name));
            long.as_bytes()
        };
        let may_be = self.lengths & length_bit(folded.len()) != 0;
        let exact = if may_be { self.exact.get(folded).copied() } else { None };
        if self.globs.is_empty() {
            return exact;
        }
        let folded = std::str::from_utf8(folded).unwrap_or_default();
        let glob = self.globs.iter().find(|(pattern, _)| matches(pattern, folded)).map(|&(_, rule)| rule);
        exact.into_iter().chain(glob).min()
    }
}

/// Returns whether a name has signs that join parts, or mark one.
#[inline]
fn has_parts(name: &[u8]) -> bool {
    memchr::memchr3(b'.', b'[', b':', name).is_some()
        || memchr::memchr2(b'/', b']', name).is_some()
        || matches!(name.first(), Some(b'@' | b'$'))
}

/// Returns a part of a name without the marks before it.
fn bare(part: &[u8]) -> &[u8] {
    part.iter()
        .position(|byte| !matches!(byte, b'@' | b'$'))
        .and_then(|from| part.get(from..))
        .unwrap_or_default()
}

fn length_bit(size: usize) -> u64 {
    1 << size.min(63)
}

fn fold_ascii<'a>(name: &[u8], room: &'a mut [u8; 64]) -> Option<&'a [u8]> {
    let mut used = 0;
    for &byte in name {
        if !byte.is_ascii() {
            return None;
        }
        if !matches!(byte, b'_' | b'-' | b' ') {
            *room.get_mut(used)? = byte.to_ascii_lowercase();
            used += 1;
        }
    }
    room.get(..used)
}

/// Folds a name. Upper case first: `ſ` and the Kelvin sign are letters to parsers that ignore case. Invisible
/// characters are ignored.
fn fold(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' ') && !is_ignorable(*c))
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

/// Matches a glob against a whole name: `*` any characters, `?` one. Linear steps per star, no backtracking
/// beyond the last one.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let mut rest = name.clone();
        let fits = match (pattern.next(), rest.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((pattern.clone(), name.clone()));
                continue;
            }
            (Some(wanted), Some(found)) => wanted == '?' || wanted == found,
            _ => false,
        };
        if fits {
            name = rest;
            continue;
        }
        // The last star matches one more character.
        let Some((after_star, skipped)) = &mut retry else { return false };
        if skipped.next().is_none() {
            return false;
        }
        pattern = after_star.clone();
        name = skipped.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(patterns: &[&str]) -> FieldNames {
        let mut names = FieldNames::default();
        for (rule, pattern) in (0u16..).zip(patterns) {
            assert!(names.add(pattern, rule));
        }
        names
    }

    #[test]
    fn case_and_separators_are_folded() {
        let fields = names(&["credit_card", "*_token", "ssn", "pass?ord", "*secret*"]);
        for (name, rule) in [
            ("creditCard", Some(0)),
            ("CREDIT-CARD", Some(0)),
            ("_credit_card_", Some(0)),
            ("credit cards", None),
            ("access_token", Some(1)),
            ("accessToken", Some(1)),
            ("token", Some(1)),
            ("tokens", None),
            ("SSN", Some(2)),
            ("\u{17f}sn", Some(2)),
            ("ssnx", None),
            ("xssn", None),
            ("", None),
            ("password", Some(3)),
            ("passord", None),
            ("client_secret_key", Some(4)),
            ("to\u{212a}en", Some(1)),
            ("\u{feff}s\u{ad}sn\u{200d}", Some(2)),
        ] {
            assert_eq!(fields.find(name.as_bytes()), rule, "{name}");
        }
        let long = format!("{}token", "x".repeat(200));
        assert_eq!(fields.find(long.as_bytes()), Some(1));
    }

    #[test]
    fn a_part_of_a_name_counts_where_the_whole_does_not() {
        let fields = names(&["ssn", "*_token", "user.name", "@id", "a[b]"]);
        for (name, rule) in [
            ("user.ssn", Some(0)),
            ("ssn.last4", Some(0)),
            ("user[ssn]", Some(0)),
            ("user[0][S-S-N][x]", Some(0)),
            ("ns:ssn", Some(0)),
            ("ns:@ssn", Some(0)),
            ("@ssn", Some(0)),
            ("$ssn", Some(0)),
            ("/user/ssn", Some(0)),
            ("ssn]", Some(0)),
            ("https://example.com/claims/access_token", Some(1)),
            ("User.Name", Some(2)),
            ("x.user.name", None),
            ("user.names", None),
            ("@id", Some(3)),
            ("id", None),
            ("x.@id", Some(3)),
            ("a[b]", Some(4)),
            ("a@ssn", None),
            ("ssns.x", None),
            ("", None),
            (".", None),
            ("@", None),
        ] {
            assert_eq!(fields.find(name.as_bytes()), rule, "{name}");
            assert!(rule.is_none() || fields.may_find(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn the_first_rule_that_names_a_field_owns_it() {
        let fields = names(&["*", "ssn"]);
        assert_eq!(fields.find(b"ssn"), Some(0));
        let fields = names(&["ssn", "*"]);
        assert_eq!(fields.find(b"ssn"), Some(0));
        assert_eq!(fields.find(b"x"), Some(1));
    }

    #[test]
    fn a_pattern_of_separators_alone_is_refused() {
        assert!(!FieldNames::default().add("_-_", 0));
        assert!(FieldNames::default().is_empty());
    }

    #[test]
    fn globs_match_whole_names() {
        for (pattern, name, wanted) in [
            ("a*b*c", "abc", true),
            ("a*b*c", "axxbyybzc", true),
            ("a*b*c", "axxbyyb", false),
            ("*", "", true),
            ("?", "", false),
            ("**a", "bba", true),
            ("a*", "ba", false),
        ] {
            assert_eq!(matches(pattern, name), wanted, "{pattern} {name}");
        }
    }
}
