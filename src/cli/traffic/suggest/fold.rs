//! Folds many paths into few patterns: several ids in one place become `*`. Words are never folded, however
//! many there are: one that did not occur may be of another kind.

use std::collections::BTreeMap;

use crate::policy;

/// The continuations of a common prefix.
#[derive(Debug, Default)]
struct Node {
    ends: bool,
    next: BTreeMap<String, Self>,
}

/// Returns whether a segment is an id: a number, a UUID, a hash, a word followed by a number, an e-mail
/// address, long random text.
pub fn is_id(segment: &str) -> bool {
    let is_mail = segment
        .split_once('@')
        .or_else(|| segment.split_once("%40"))
        .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    // A long name of words has its digits between separators.
    let is_random = |part: &str| part.len() >= 16 && part.bytes().filter(u8::is_ascii_digit).count() >= 2;
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let numbered = || {
        let behind = segment.rsplit(['-', '_', '.', ':']).next().unwrap_or_default();
        behind.len() < segment.len()
            && behind.bytes().any(|byte| byte.is_ascii_digit())
            && (behind.bytes().all(|byte| byte.is_ascii_digit()) || behind.len() >= 8)
    };
    is_mail
        || digits > 0
            && (digits == segment.len()
                || (segment.len() >= 8 && hex(segment))
                || segment.split(['-', '_', '.', ':']).any(is_random)
                || numbered())
}

/// Returns the patterns for paths, each beginning with `/`. Not wider than `within`, unless that is empty.
pub fn paths<'a>(paths: impl Iterator<Item = &'a str>, within: &[String]) -> Vec<String> {
    let below = paths.map(|path| path.strip_prefix('/').unwrap_or(path));
    // A literal star is escaped.
    let escaped: Vec<String> = below.map(|path| path.replace('*', "%2A")).collect();
    fold(&escaped, ("/", 1), within)
}

/// Returns the patterns for URIs. Not wider than `within`, unless that is empty.
pub fn uris<'a>(uris: impl Iterator<Item = &'a str>, within: &[String]) -> Vec<String> {
    let uris: Vec<String> = uris.map(str::to_owned).collect();
    // `scheme:`, the empty segment, and the host.
    fold(&uris, ("", 3), within)
}

fn fold(texts: &[String], (before, first): (&str, usize), within: &[String]) -> Vec<String> {
    let patterns = |folds: bool| {
        let mut root = Node::default();
        for text in texts {
            let mut node = &mut root;
            for segment in text.split('/') {
                node = node.next.entry(segment.to_owned()).or_default();
            }
            node.ends = true;
        }
        let mut patterns = Vec::new();
        if folds { root.below(first) } else { root }.write(before, &mut patterns);
        patterns
    };
    let folded = patterns(true);
    if folded.iter().all(|pattern| is_within(pattern, within)) { folded } else { patterns(false) }
}

/// Returns whether `within` also matches the pattern for an id that did not occur.
fn is_within(pattern: &str, within: &[String]) -> bool {
    let other = pattern.split('/').map(|part| if part == "*" { "0-nobody-0" } else { part });
    let other = other.collect::<Vec<_>>().join("/");
    let fits = |glob: &String| policy::fits(&glob.replace("**", "*"), &other);
    within.is_empty() || !pattern.contains('*') || within.iter().any(fits)
}

impl Node {
    /// The first segments are not folded: `*` there would match everything.
    fn below(self, first: usize) -> Self {
        let Some(left) = first.checked_sub(1) else { return self.folded() };
        let next = self.next.into_iter().map(|(segment, node)| (segment, node.below(left)));
        Self { ends: self.ends, next: next.collect() }
    }

    fn folded(self) -> Self {
        let (ids, words): (Vec<_>, Vec<_>) = self.next.into_iter().partition(|(segment, _)| is_id(segment));
        let mut next: BTreeMap<String, Self> = words.into_iter().collect();
        let several = ids.len() > 1;
        for (segment, node) in ids {
            let name = if several { "*".to_owned() } else { segment };
            next.entry(name).or_default().join(node);
        }
        let next = next.into_iter().map(|(segment, node)| (segment, node.folded())).collect();
        Self { ends: self.ends, next }
    }

    fn join(&mut self, other: Self) {
        self.ends |= other.ends;
        for (segment, node) in other.next {
            self.next.entry(segment).or_default().join(node);
        }
    }

    fn write(&self, before: &str, patterns: &mut Vec<String>) {
        for (segment, node) in &self.next {
            let path = format!("{before}{segment}");
            if node.ends {
                patterns.push(path.clone());
            }
            node.write(&format!("{path}/"), patterns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_words() {
        for id in [
            "7",
            "1120",
            "0f5c0000-1111-4222-8333-444455556666",
            "deadbeef01",
            "ord_123",
            "INV-2024-0017",
            "01HF2Z6Q9JX3Y4V5W6R7T8S9AB",
            "cus_9s6XKzkNRiz8i3",
            "ann@example.org",
        ] {
            assert!(is_id(id), "{id}");
        }
        for word in [
            "export-customers-v2-to-s3",
            "@x.org",
            "",
            "orders",
            "v1",
            "v2",
            "oauth2",
            "deadbeef",
            "me",
            "api-v2x",
            "s3",
            "utf8",
        ] {
            assert!(!is_id(word), "{word}");
        }
    }

    #[test]
    fn several_ids_in_one_place_are_a_star_and_one_stays() {
        for (seen, patterns) in [
            (&["/customers/7", "/customers/8"][..], &["/customers/*"][..]),
            (&["/customers/7"], &["/customers/7"]),
            (&["/customers", "/customers/7", "/customers/8"], &["/customers", "/customers/*"]),
            (&["/a/7/x/1", "/a/8/x/2", "/a/8/y"], &["/a/*/x/*", "/a/*/y"]),
            (&["/a/7", "/a/8", "/a/me"], &["/a/*", "/a/me"]),
            (&["/a/x", "/a/y", "/a/z"], &["/a/x", "/a/y", "/a/z"]),
            (&["/", "/a/", "/a"], &["/", "/a", "/a/"]),
            (&["/v1/a/7", "/v2/a/8"], &["/v1/a/7", "/v2/a/8"]),
            (&["/x*/7"], &["/x%2A/7"]),
            // At the root it would match everything.
            (&["/7", "/8"], &["/7", "/8"]),
            (&["/u/a@x.org", "/u/b@x.org"], &["/u/*"]),
        ] {
            assert_eq!(paths(seen.iter().copied(), &[]), patterns, "{seen:?}");
        }
        assert_eq!(uris(["db://t/1", "db://t/2", "db://u/x"].into_iter(), &[]), ["db://t/*", "db://u/x"]);
        assert_eq!(uris(["db://1/x", "db://2/x"].into_iter(), &[]), ["db://1/x", "db://2/x"]);
    }

    #[test]
    fn words_are_listed_however_many_they_are() {
        let names: Vec<String> = ('a'..='z').map(|name| format!("/v1/{name}")).collect();
        let mut seen: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(paths(seen.iter().copied(), &[]), names);
        seen.push("/v1/b/list");
        assert!(!paths(seen.into_iter(), &[]).iter().any(|path| path.contains('*')));
    }

    #[test]
    fn ids_are_not_folded_where_the_policy_names_them() {
        let texts = |globs: &[&str]| globs.iter().map(ToString::to_string).collect::<Vec<_>>();
        let seen = ["/c/7", "/c/8"];
        for (within, patterns) in [
            (&["/c/7", "/c/8"][..], &["/c/7", "/c/8"][..]),
            (&["/c/7", "/c/*"], &["/c/*"]),
            (&["/**"], &["/c/*"]),
        ] {
            assert_eq!(paths(seen.into_iter(), &texts(within)), patterns, "{within:?}");
        }
        let uris = uris(["a://t/1", "a://t/2"].into_iter(), &texts(&["a://t/1", "a://t/2"]));
        assert_eq!(uris, ["a://t/1", "a://t/2"]);
    }
}
