//! Many paths in few patterns: where several ids stood in one place, there is `*`.

use std::collections::BTreeMap;

/// With more different words than these in one place they are names of things, too.
const MANY: usize = 12;

/// What came after the same beginning.
#[derive(Debug, Default)]
struct Node {
    ends: bool,
    next: BTreeMap<String, Self>,
}

/// Whether a segment names one of many things: a number, a UUID, a hash, a word with a number behind it.
pub fn is_id(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let numbered = || {
        let behind = segment.rsplit(['-', '_', '.', ':']).next().unwrap_or_default();
        behind.len() < segment.len()
            && behind.bytes().any(|byte| byte.is_ascii_digit())
            && (behind.bytes().all(|byte| byte.is_ascii_digit()) || behind.len() >= 8)
    };
    digits > 0
        && (digits == segment.len()
            || (segment.len() >= 8 && hex(segment))
            || (segment.len() >= 20 && digits >= 2)
            || numbered())
}

/// The patterns of paths, each beginning with `/`.
pub fn paths<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let below = paths.into_iter().map(|path| path.strip_prefix('/').unwrap_or(path));
    // A star that came is no pattern.
    let escaped = below.map(|path| path.replace('*', "%2A"));
    fold(escaped).into_iter().map(|path| format!("/{path}")).collect()
}

/// The patterns of URIs.
pub fn uris<'a>(uris: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    fold(uris.into_iter().map(str::to_owned))
}

fn fold(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut root = Node::default();
    for text in texts {
        let mut node = &mut root;
        for segment in text.split('/') {
            node = node.next.entry(segment.to_owned()).or_default();
        }
        node.ends = true;
    }
    let mut patterns = Vec::new();
    root.folded().write("", &mut patterns);
    patterns
}

impl Node {
    fn folded(self) -> Self {
        let (ids, words): (Vec<_>, Vec<_>) = self.next.into_iter().partition(|(segment, _)| is_id(segment));
        let (few, many) = if words.len() > MANY { (Vec::new(), words) } else { (words, Vec::new()) };
        let mut next: BTreeMap<String, Self> = few.into_iter().collect();
        let several = ids.len() > 1 || !many.is_empty();
        for (segment, node) in ids.into_iter().chain(many) {
            // An empty one is a slash at the end.
            let name = if several && !segment.is_empty() { "*".to_owned() } else { segment };
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
        ] {
            assert!(is_id(id), "{id}");
        }
        for word in ["", "orders", "v1", "v2", "oauth2", "deadbeef", "me", "api-v2x", "s3", "utf8"] {
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
        ] {
            assert_eq!(paths(seen.iter().copied()), patterns, "{seen:?}");
        }
        assert_eq!(uris(["db://t/1", "db://t/2", "db://u/x"]), ["db://t/*", "db://u/x"]);
    }

    #[test]
    fn many_words_in_one_place_are_names() {
        let names: Vec<String> = ('a'..='m').map(|name| format!("/users/{name}")).collect();
        assert_eq!(paths(names.iter().map(String::as_str)), ["/users/*"]);
        assert_eq!(paths(names.iter().take(MANY).map(String::as_str)).len(), MANY);
    }
}
