//! URIs and how globs match them: intended matches, and ways around them.

use super::*;
use proptest::prelude::*;

fn answer(pattern: &str, uri: &str) -> Answer {
    ResourceGlob::parse(pattern).expect(pattern).answer(&ResourceView::uri(uri))
}

#[test]
fn a_pattern_covers_what_a_person_means() {
    for (pattern, yes, no) in [
        ("*", &["file:///x", "x:y", "", "no uri", "file:///a/../b"][..], &[][..]),
        ("**", &["file:///x", "%zz"], &[]),
        ("file:///a", &["file:///a"], &["file:///b", "file:///a/b", "http:///a", "file:///x/a"]),
        ("file:///a/*", &["file:///a/b", "file:///a/b.txt"], &["file:///b/a", "file:///ab"]),
        (
            "file:///a/**",
            &["file:///a", "file:///a/", "file:///a/b", "file:///a/b/c"],
            &["file:///ab", "file:///b"],
        ),
        ("file:///**/x", &["file:///x", "file:///a/x", "file:///a/b/x"], &["file:///a/y"]),
        ("file:///a/**/x/**", &["file:///a/x", "file:///a/b/x/c"], &["file:///a/y/z"]),
        ("db://*/rows", &["db://t/rows"], &["db://t/cells"]),
        ("note:*", &["note:1"], &["memo:1"]),
        ("file://nas/a/**", &["file://nas/a/b"], &["file://other/a/b", "file:///a/b"]),
        ("file://*/a/**", &["file://nas/a/b"], &["file://nas/b/c"]),
        ("db://q?t=a*", &["db://q?t=ab"], &[]),
        // Characters that need no escape mean the same with one.
        ("file:///a b/*", &["file:///a%20b/c"], &["file:///ab/c"]),
        ("file:///caf%C3%A9", &["file:///caf\u{e9}", "file:///c%61f%c3%a9"], &[]),
        ("file:///%2A", &["file:///%2a"], &["file:///x"]),
        ("https://h:8443/**", &["https://h:8443/x"], &["https://other/x"]),
        ("https://h:8443/a;v=1/*", &["https://h:8443/a;v=1/x"], &[]),
    ] {
        for uri in yes {
            assert_eq!(answer(pattern, uri), Answer::Yes, "{pattern} {uri}");
        }
        for uri in no {
            assert_eq!(answer(pattern, uri), Answer::No, "{pattern} {uri}");
        }
    }
}

/// Each of these reaches what a deny of the pattern closes, or leaves what an allow of it opens, at some
/// server.
#[test]
fn what_servers_read_in_two_ways_is_neither_surely_in_nor_surely_out() {
    for (pattern, uris) in [
        (
            "file:///secret/**",
            &[
                "file:///public/../secret/x",
                "file:///secret/../public/x",
                "file:///public/%2e%2e/secret/x",
                "file:///public/%2E./secret/x",
                "file:///public/..%2fsecret/x",
                "file:///public/%252e%252e/secret/x",
                "file:///public/..;/secret/x",
                "file:///./secret/x",
                "file:////secret/x",
                "file:///secret//x",
                "file:///public\\..\\secret\\x",
                "file:///public%5c..%5csecret",
                "FILE:///secret/x",
                "file:///SECRET/x",
                "file:///secret%2fx",
                "file:/secret/x",
                "file:secret/x",
                "file://localhost/secret/x",
                "file://x/secret/x",
                "file://127.0.0.1/secret/x",
                "file://[::1]:80/secret/x?a",
                "FILE://X/Secret/x",
                "file:///secret./x",
                "file:///secret%20/x",
                "file:///secret::$DATA",
                "file:///.../secret/x",
                "/secret/x",
                "secret/x",
                "file:///secret%00/x",
                "file:///secret\u{200b}/x",
                " file:///secret/x",
                "file:///secret/x\n",
                "file:///secret%",
                "file:///secret%zz",
                "file:///secret%ff",
                "file:///secret;v=1",
                "file:///secret?a=b",
                "file:///secret#a",
                "file:///public?x=/../secret/x",
                "",
            ][..],
        ),
        (
            "file:///secret",
            &[
                "file:///secret/",
                "file:///secret?x",
                "file:///secret#x",
                "file:///secret;x",
                "file:///Secret",
            ],
        ),
        // A star ends at a slash in a condition that lets pass, and may match one in a condition that stops.
        (
            "file:///secret/*",
            &["file:///secret/a/b", "file:///secret/", "file:///secret", "file:///secret/a%2fb"],
        ),
        (
            "https://h/**",
            &["https://h:443/x", "https://h./x", "https://h:9/x", "https://u@h/x", "https://H/x"],
        ),
        ("https://good*", &["https://good@evil", "https://good.example/x"]),
    ] {
        for uri in uris {
            assert_eq!(answer(pattern, uri), Answer::Unsure, "{pattern} {uri:?}");
        }
    }
}

#[test]
fn what_could_match_nothing_for_sure_is_refused() {
    for pattern in [
        "",
        " ",
        "file:///a ",
        "data",
        "/data/**",
        "data*",
        "file:///a/../b",
        "file:///a/./b",
        "file:///a//b",
        "file:///%2e%2e/a",
        "file:///a\\b",
        "file:///a%5Cb",
        "file:///%",
        "file:///%zz",
        "file:///%25",
        "file:///a**",
        "file:///**b",
        "https://u@h/x",
        "file:///a\u{200b}",
    ] {
        assert!(ResourceGlob::parse(pattern).is_err(), "{pattern:?}");
    }
}

#[test]
fn a_template_is_sure_only_when_all_of_it_is() {
    for (pattern, template, expected) in [
        ("*", "file:///{path}", Answer::Yes),
        ("file:///a/**", "file:///a/{path}", Answer::Yes),
        ("file:///a/**", "file:///a/b/{path}/c", Answer::Yes),
        ("file:///a/**", "file:///{path}", Answer::Unsure),
        ("file:///a/**", "file:///a{path}", Answer::Unsure),
        ("file:///a/*", "file:///a/{path}", Answer::Unsure),
        ("file:///a/x", "file:///a/{path}", Answer::Unsure),
        ("FILE:///A/**", "file:///a/{path}", Answer::Unsure),
        ("*://a/**", "file:///{path}", Answer::Unsure),
        ("file:///a/**", "file:///b/{path}", Answer::No),
        ("file:///a/**", "db://{table}", Answer::No),
        ("db://**", "{+uri}", Answer::Unsure),
        ("file:///a", "file:///a", Answer::Yes),
    ] {
        let found = ResourceGlob::parse(pattern).expect(pattern).answer(&ResourceView::template(template));
        assert_eq!(found, expected, "{pattern} {template}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sure_of_a_template_is_so_of_its_plain_uris(
        pattern in "(x:|X:)(/[ab]{1,2}|/\\*|/a\\*){0,2}(/\\*\\*)?",
        start in "x:(/[ab]{1,2}){0,2}/?",
        value in "[ab]{1,3}(/[ab])?",
        end in "(/[ab])?",
    ) {
        let Ok(glob) = ResourceGlob::parse(&pattern) else { return Ok(()) };
        let uri = answer(&pattern, &format!("{start}{value}{end}"));
        match glob.answer(&ResourceView::template(&format!("{start}{{v}}{end}"))) {
            Answer::Yes => prop_assert_eq!(uri, Answer::Yes),
            Answer::No => prop_assert_eq!(uri, Answer::No),
            Answer::Unsure => {}
        }
    }

    #[test]
    fn a_plain_uri_is_what_its_own_pattern_describes(uri in "[a-z]{1,4}://[a-z]{1,4}(/[a-zA-Z0-9._~-]{1,4}x){0,3}") {
        prop_assert_eq!(answer(&uri, &uri), Answer::Yes);
        prop_assert_eq!(answer(&format!("{uri}/**"), &format!("{uri}/a/b")), Answer::Yes);
    }

    #[test]
    fn another_spelling_of_what_is_in_is_never_surely_out(name in "[a-z]{1,6}", which in 0usize..6, upper in any::<bool>()) {
        let at = which.min(name.len() - 1);
        let code = format!("%{:02x}", name.as_bytes()[at]);
        let escaped = format!("{}{code}{}", &name[..at], &name[at + 1..]);
        let name = if upper { escaped.to_uppercase() } else { escaped };
        prop_assert_ne!(answer("file:///d/*", &format!("file:///d/{name}")), Answer::No);
        let plain = "file:///d/".to_owned() + &name.to_lowercase();
        prop_assert_eq!(answer("file:///d/*", &plain), Answer::Yes);
    }

    #[test]
    fn no_text_stops_it(pattern in any::<String>(), uri in any::<String>()) {
        if let Ok(glob) = ResourceGlob::parse(&pattern) {
            glob.answer(&ResourceView::uri(&uri));
            glob.answer(&ResourceView::template(&uri));
        }
    }
}
