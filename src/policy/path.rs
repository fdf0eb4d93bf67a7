//! Path globs: `*` within one segment, `**` for any number of segments, compared percent-decoded and segment
//! by segment. A path that differs from what the pattern covers only as `alike` describes is unsure, since
//! targets compare differently.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

use crate::domain::percent;
use crate::policy::alike;
use crate::policy::answer::Answer;
use crate::policy::glob::Glob;
use crate::policy::glob::begins_with;
use crate::policy::glob::check_text;
use crate::policy::problem::Refusal;

/// A compiled path glob.
#[derive(Debug, Clone)]
pub(super) struct PathGlob {
    text: Box<str>,
    exact: Runs,
    folded: Runs,
    /// The same with its numbers as [`alike::number`] has them, where a segment is one.
    numbers: Option<Runs>,
    /// Whether it is written with a slash at its end.
    slash: bool,
}

/// The runs of segments between the `**`: the first starts the path, the last ends it.
#[derive(Debug, Clone)]
struct Runs {
    runs: Box<[Box<[Glob]>]>,
    /// The common prefix of all paths that match, after the first slash.
    prefix: Box<[u8]>,
}

/// The path of a command, parsed once for all policies.
#[derive(Debug)]
pub(super) struct PathView<'a> {
    /// Percent-decoded, without the slashes at its start and end.
    core: Cow<'a, [u8]>,
    /// The same without `;parameters`, if it has any.
    bare: Option<Vec<u8>>,
    /// The path as the least strict servers read it; `None`: the same. Most paths never need it.
    folded: OnceCell<Option<Vec<u8>>>,
    /// Whether it ends with a slash.
    slash: bool,
    /// Whether there is only one way to read it.
    canonical: bool,
}

impl<'a> PathView<'a> {
    /// Parses a path. One that is not canonical makes every condition unsure.
    pub(super) fn new(path: &'a str) -> Self {
        let decoded = percent::decode(path.as_bytes());
        let canonical = decoded.as_deref().is_some_and(|decoded| is_canonical(path, decoded));
        let decoded = decoded.unwrap_or(Cow::Borrowed(path.as_bytes()));
        let slash = decoded.len() > 1 && decoded.ends_with(b"/");
        let core = match decoded {
            Cow::Borrowed(decoded) => Cow::Borrowed(trim(decoded)),
            Cow::Owned(decoded) => Cow::Owned(trim(&decoded).to_vec()),
        };
        let bare = core.contains(&b';').then(|| without_parameters(&core));
        Self { core, bare, folded: OnceCell::new(), slash, canonical }
    }

    fn folded(&self) -> &[u8] {
        let own = self.bare.as_deref().unwrap_or(&self.core);
        let folded = self.folded.get_or_init(|| match alike::fold_path(own) {
            Cow::Borrowed(_) => None,
            Cow::Owned(folded) => Some(folded),
        });
        folded.as_deref().unwrap_or(own)
    }
}

impl PathGlob {
    /// Parses a pattern.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        check_text(text)?;
        let Some(rest) = text.strip_prefix('/') else {
            return Err(Refusal::new("a path that does not start with /", format!("write \"/{text}\"")));
        };
        if text.contains(['?', '#']) {
            return Err(Refusal::new(
                "a query or fragment, which is no part of the path",
                "write the path only",
            ));
        }
        if text.contains('\\') {
            return Err(Refusal::new("a backslash, which no canonical path holds", "write /"));
        }
        let slash = rest.ends_with('/');
        let core = rest.strip_suffix('/').unwrap_or(rest);
        if slash && core.is_empty() {
            return Err(Refusal::new(
                "an empty segment, which no canonical path holds",
                "write / for the root",
            ));
        }
        Ok(Self {
            text: text.into(),
            exact: Runs::parse(core, |segment| segment, |piece| piece.into())?,
            folded: Runs::parse(core, without_end, |piece| alike::fold_case(piece).into())?,
            numbers: core.split('/').any(is_number).then(|| numbers(core)).transpose()?,
            slash,
        })
    }

    /// Returns whether it covers every path.
    pub(super) fn is_any(&self) -> bool {
        self.exact.has_open_end() && self.exact.runs.iter().all(|run| run.is_empty())
    }

    /// Returns whether the pattern covers the path.
    pub(super) fn answer(&self, path: &PathView<'_>) -> Answer {
        if self.is_any() {
            return Answer::Yes;
        }
        if !path.canonical {
            return Answer::Unsure;
        }
        let whole = self.exact.covers(&path.core);
        if path.bare.as_deref().is_some_and(|bare| self.exact.covers(bare) != whole) {
            // Some targets strip `;parameters` before matching, others do not.
            return Answer::Unsure;
        }
        match whole {
            false if self.folded.covers(path.folded()) || self.covers_numbers(path) => Answer::Unsure,
            false => Answer::No,
            true if self.exact.has_open_end() || self.slash == path.slash => Answer::Yes,
            true => Answer::Unsure,
        }
    }
}

impl PathGlob {
    /// Whether it covers the path for a server that takes numbers of several spellings for the same.
    fn covers_numbers(&self, path: &PathView<'_>) -> bool {
        self.numbers.as_ref().is_some_and(|numbers| numbers.covers(&alike::with_numbers(path.folded())))
    }
}

impl Runs {
    /// Parses the segments of a pattern. Each is cut by `cut`; the text between its stars is percent-decoded
    /// and then passed to `read`.
    fn parse(core: &str, cut: fn(&str) -> &str, read: fn(&[u8]) -> Box<[u8]>) -> Result<Self, Refusal> {
        let mut runs = vec![Vec::new()];
        // The root has no segment.
        let segments = (!core.is_empty()).then(|| core.split('/')).into_iter().flatten();
        for segment in segments {
            if segment == "**" {
                runs.push(Vec::new());
            } else if let Some(run) = runs.last_mut() {
                check_segment(segment)?;
                let decoded = |piece: &str| read(&percent::decode(piece.as_bytes()).unwrap_or_default());
                run.push(Glob::of_pieces(cut(segment), decoded));
            }
        }
        let prefix = runs.first().map_or_else(Vec::new, |first| common_prefix(first)).into();
        Ok(Self { runs: runs.into_iter().map(Vec::into_boxed_slice).collect(), prefix })
    }

    /// Returns whether the pattern ends with `**`.
    fn has_open_end(&self) -> bool {
        self.runs.len() > 1 && self.runs.last().is_some_and(|run| run.is_empty())
    }

    fn covers(&self, core: &[u8]) -> bool {
        if !begins_with(core, &self.prefix) {
            return false;
        }
        let mut segments = Segments((!core.is_empty()).then_some(core));
        let Some((first, rest)) = self.runs.split_first() else { return false };
        if !first.iter().all(|glob| segments.next().is_some_and(|segment| glob.matches(segment))) {
            return false;
        }
        let Some((last, middle)) = rest.split_last() else { return segments.0.is_none() };
        if !last.iter().rev().all(|glob| segments.next_back().is_some_and(|segment| glob.matches(segment))) {
            return false;
        }
        // As with text globs, the first place where a run fits is the best one.
        middle.iter().all(|run| segments.skip_past(run))
    }
}

impl fmt::Display for PathGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The rest of a path, without the slashes around it; `None` if no segment is left.
#[derive(Clone, Copy)]
struct Segments<'a>(Option<&'a [u8]>);

impl<'a> Segments<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let left = self.0?;
        let (segment, rest) = match memchr::memchr(b'/', left).and_then(|at| left.split_at_checked(at)) {
            Some((segment, rest)) => (segment, rest.get(1..)),
            None => (left, None),
        };
        self.0 = rest;
        Some(segment)
    }

    fn next_back(&mut self) -> Option<&'a [u8]> {
        let left = self.0?;
        let (rest, segment) = match memchr::memrchr(b'/', left).and_then(|at| left.split_at_checked(at)) {
            Some((rest, segment)) => (Some(rest), segment.get(1..).unwrap_or_default()),
            None => (None, left),
        };
        self.0 = rest;
        Some(segment)
    }

    /// Moves past the first place where a run of segments matches.
    fn skip_past(&mut self, run: &[Glob]) -> bool {
        loop {
            let mut ahead = *self;
            if run.iter().all(|glob| ahead.next().is_some_and(|segment| glob.matches(segment))) {
                *self = ahead;
                return true;
            }
            if self.next().is_none() {
                return false;
            }
        }
    }
}

/// Returns the exact segments at the start of a run, and the prefix of the next one.
fn common_prefix(run: &[Glob]) -> Vec<u8> {
    let mut prefix = Vec::new();
    for (place, glob) in run.iter().enumerate() {
        if place > 0 {
            prefix.push(b'/');
        }
        prefix.extend_from_slice(glob.prefix());
        if glob.exact().is_none() {
            break;
        }
    }
    prefix
}

/// Whether a segment of a pattern, as it is written, is a number.
fn is_number(segment: &str) -> bool {
    percent::decode(segment.as_bytes()).is_some_and(|segment| alike::number(&segment).is_some())
}

/// A pattern with its numbers in their one form. Only a whole segment is one: a piece beside a star is not.
fn numbers(core: &str) -> Result<Runs, Refusal> {
    let one_form = |segment: &str| {
        let decoded = percent::decode(segment.as_bytes());
        let number =
            decoded.as_deref().and_then(alike::number).and_then(|number| String::from_utf8(number).ok());
        number.unwrap_or_else(|| without_end(segment).to_owned())
    };
    let core: Vec<String> = core.split('/').map(one_form).collect();
    Runs::parse(&core.join("/"), |segment| segment, |piece| alike::fold_case(piece).into())
}

fn check_segment(segment: &str) -> Result<(), Refusal> {
    if segment.is_empty() {
        return Err(Refusal::new(
            "an empty segment, which no canonical path holds",
            "write one / between segments",
        ));
    }
    if segment.contains("**") {
        return Err(Refusal::new(
            "** inside a segment",
            "write ** as a segment of its own, or one * within a segment",
        ));
    }
    let Some(decoded) = percent::decode(segment.as_bytes()) else {
        return Err(Refusal::new("a % that starts no escape", "write %25 for a percent sign"));
    };
    if decoded.contains(&b'/') || decoded.contains(&b'\\') || decoded.contains(&0) {
        return Err(Refusal::new("an escape that no canonical path holds", "leave out %2F, %5C and %00"));
    }
    if *decoded == *b"." || *decoded == *b".." {
        return Err(Refusal::new(
            "a dot segment, which no canonical path holds",
            "write the path that is meant",
        ));
    }
    Ok(())
}

/// Returns a segment without the dots and blanks at its end, which `alike` drops too.
fn without_end(segment: &str) -> &str {
    let mut left = segment;
    while let Some(rest) = [".", " ", "%20", "%2e", "%2E"].iter().find_map(|end| left.strip_suffix(end)) {
        left = rest;
    }
    if left.is_empty() { segment } else { left }
}

/// Returns whether a path and its decoded form have only one reading.
fn is_canonical(path: &str, decoded: &[u8]) -> bool {
    let Some(rest) = decoded.strip_prefix(b"/") else { return false };
    let slashes = |bytes: &[u8]| memchr::memchr_iter(b'/', bytes).count();
    // An escaped slash adds a slash when decoded.
    if decoded.len() != path.len() && slashes(decoded) != slashes(path.as_bytes()) {
        return false;
    }
    let core = rest.strip_suffix(b"/").unwrap_or(rest);
    if core.is_empty() {
        return rest.is_empty();
    }
    // One pass over the bytes: `start` marks the start of a segment; a parameter also ends a segment's name.
    let mut start = true;
    let mut dots = 0_u8;
    for byte in core.iter().chain(b"/") {
        match byte {
            0..=0x1f | 0x7f | b'\\' => return false,
            b'/' | b';' if start || dots == 1 || dots == 2 => return false,
            b'/' => (start, dots) = (true, 0),
            b'.' if start => (start, dots) = (false, 1),
            b'.' if dots > 0 => dots = dots.saturating_add(1),
            _ => (start, dots) = (false, 0),
        }
    }
    true
}

fn trim(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    path.strip_suffix(b"/").unwrap_or(path)
}

fn without_parameters(core: &[u8]) -> Vec<u8> {
    let name = |segment: &[u8]| segment.split(|byte| *byte == b';').next().unwrap_or_default().to_vec();
    core.split(|byte| *byte == b'/').map(name).collect::<Vec<_>>().join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(pattern: &str, path: &str) -> Answer {
        PathGlob::parse(pattern).expect(pattern).answer(&PathView::new(path))
    }

    #[test]
    fn a_pattern_covers_what_a_person_means() {
        for (pattern, yes, no) in [
            ("/", &["/"][..], &["/a", "/a/"][..]),
            ("/**", &["/", "/a", "/a/", "/a/b"], &[]),
            (
                "/admin",
                &["/admin"],
                &["/", "/admins", "/admin/x", "/x/admin", "/admin.json", "/admin,x", "/admin~1"],
            ),
            (
                "/admin/**",
                &["/admin", "/admin/", "/admin/x", "/admin/x/y/"],
                &["/", "/admins", "/administrator/x", "/x/admin"],
            ),
            ("/users/*", &["/users/8"], &["/users", "/users/", "/users/8/x"]),
            ("/users/*/", &["/users/8/"], &["/users/"]),
            (
                "/users/*/orders",
                &["/users/8/orders"],
                &["/users/orders", "/users/8/9/orders", "/users//orders/"],
            ),
            ("/**/secret", &["/secret", "/a/secret", "/a/b/secret"], &["/secret/a", "/secrets"]),
            ("/a/**/b/**/c", &["/a/b/c", "/a/x/b/c", "/a/b/b/y/z/c"], &["/a/c", "/a/c/b", "/a/b"]),
            ("/a/**/b/*", &["/a/b/x", "/a/b/b/x", "/a/q/b/x"], &["/a/b", "/a/b/x/y"]),
            ("/**/x/**", &["/x", "/a/x", "/a/x/b", "/x/"], &["/", "/a/b"]),
            ("/v*/items-*", &["/v1/items-", "/v2/items-x"], &["/v1/item", "/x/items-x", "/v1/items-x/y"]),
            ("/a b/é", &["/a%20b/%C3%A9", "/a%20b/%c3%a9"], &["/a+b/e"]),
            ("/a%20b", &["/a%20b"], &["/a%2520b"]),
            ("/x%2Ay", &["/x*y", "/x%2Ay"], &["/xzy"]),
            ("/a.b", &["/a.b", "/a%2Eb"], &["/axb"]),
        ] {
            for path in yes {
                assert_eq!(answer(pattern, path), Answer::Yes, "{pattern} {path}");
            }
            for path in no {
                assert_ne!(answer(pattern, path), Answer::Yes, "{pattern} {path}");
                if !path.contains("//") {
                    assert_eq!(answer(pattern, path), Answer::No, "{pattern} {path}");
                }
            }
        }
    }

    #[test]
    fn what_a_target_might_read_otherwise_is_unsure() {
        for (pattern, path) in [
            ("/users", "/users/"),
            ("/users/", "/users"),
            ("/users/*", "/users/8/"),
            ("/admin/**", "/x%2fadmin"),
            ("/admin/**", "/x/..%2fadmin"),
            ("/admin/**", "/x/../admin"),
            ("/admin/**", "/x/%2e%2e/admin"),
            ("/admin/**", "//admin"),
            ("/admin/**", "/./admin"),
            ("/admin/**", "/admin;a=b/users"),
            ("/admin", "/admin;x"),
            ("/admin/**", "/x/..;/admin"),
            ("/admin/**", "/;/admin"),
            ("/admin/**", "/x\\..\\admin"),
            ("/admin/**", "/x%5cadmin"),
            ("/admin/**", "/admin%00"),
            ("/admin/**", "/x%"),
            ("/admin/**", "/x%zz"),
            ("/admin/**", "/x%+1"),
            ("/admin/**", "admin"),
            ("/admin/**", ""),
            ("/admin/**", "*"),
            // Case, and names of files as Windows reads them.
            ("/admin", "/Admin"),
            ("/Admin", "/admin"),
            ("/admin/**", "/ADMIN/x"),
            ("/admin/**", "/admin./x"),
            ("/admin/**", "/admin%20/x"),
            ("/admin/**", "/admin.%20."),
            ("/admin/**", "/.../admin/x"),
            ("/admin/**", "/(S(x))/admin/x"),
            ("/admin", "/admin::$DATA"),
            ("/admin", "/ADMIN:$i30:$INDEX_ALLOCATION"),
            ("/admin./x", "/admin/x"),
            ("/caf%C3%A9/**", "/CAF%C3%89/x"),
            ("/users/*/keys", "/users/8/Keys"),
            ("/v*/items-*/**", "/V1/Items-7/x"),
            ("/**/secret", "/a/b/SECRET"),
            ("/users/8", "/users/08"),
            ("/users/8/**", "/Users/%EF%BC%98/keys"),
            ("/users/008", "/users/8"),
            ("/Users/8", "/users/%D9%A8"),
        ] {
            assert_eq!(answer(pattern, path), Answer::Unsure, "{pattern} {path}");
        }
        assert_eq!(answer("/admin/**", "/%61dmin/x"), Answer::Yes);
        assert_eq!(answer("/a!b", "/a%21b"), Answer::Yes);
        assert_eq!(answer("/users/*", "/users/8;v=1"), Answer::Yes, "both readings agree");
        assert_eq!(answer("/orders", "/users;v=1"), Answer::No, "both readings agree");
        assert_eq!(answer("/**", "/x%2f..\\"), Answer::Yes, "everything is everything");
    }

    #[test]
    fn a_pattern_that_could_match_nothing_is_refused() {
        for pattern in [
            "",
            "admin/**",
            "**",
            "/a//b",
            "//",
            "/a**",
            "/**b",
            "/a?x=1",
            "/a#b",
            "/../a",
            "/./a",
            "/a/%2e%2e",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/a%",
            "/a%zz",
            "/a%00",
            " /a",
            "/a ",
        ] {
            assert!(PathGlob::parse(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_long_path_does_not_cost_more_than_its_length() {
        let pattern = PathGlob::parse(&"/**/a".repeat(200)).expect("pattern");
        let path = "/a".repeat(199) + &"/b".repeat(1 << 16);
        let start = std::time::Instant::now();
        assert_eq!(pattern.answer(&PathView::new(&path)), Answer::No);
        assert!(start.elapsed().as_millis() < 500);
    }

    /// Returns the textbook definition.
    fn slow(pattern: &[&str], path: &[&str]) -> bool {
        match pattern.split_first() {
            None => path.is_empty(),
            Some((&"**", rest)) => (0..=path.len()).any(|at| slow(rest, &path[at..])),
            Some((segment, rest)) => {
                path.first().is_some_and(|first| *segment == "*" || segment == first)
                    && slow(rest, &path[1..])
            }
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_textbook(
            pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "**"]), 1..6),
            path in prop::collection::vec(prop::sample::select(vec!["a", "b"]), 1..7),
        ) {
            let written = (format!("/{}", pattern.join("/")), format!("/{}", path.join("/")));
            prop_assert_eq!(answer(&written.0, &written.1), Answer::of(slow(&pattern, &path)), "{:?}", written);
        }

        #[test]
        fn no_path_gets_past_a_pattern_by_its_spelling(segment in "[a-zA-Z!~.-]{1,8}", rest in "[a-z/.;%0-9A-F]{0,20}") {
            prop_assume!(segment != "." && segment != "..");
            let spelled = segment.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
            let pattern = format!("/{segment}/**");
            for path in [format!("/{segment}/{rest}"), format!("/{spelled}/{rest}"), format!("/x/../{segment}/{rest}")] {
                prop_assert_ne!(answer(&pattern, &path), Answer::No, "{} {}", pattern, path);
            }
        }
    }
}
