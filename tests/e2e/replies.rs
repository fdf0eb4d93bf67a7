//! What a reply gives away beside the values that are masked in it, and the places where they hide: a target that tries.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::Mutex;

use crate::guards::chunked;
use crate::guards::target;
use crate::guards::text;
use crate::guards::whole;
use crate::support::World;
use crate::support::steps::open;
use crate::support::steps::session;
use crate::support::steps::wait_for;

/// A target that gives each of the answers at the path that is its number.
fn rows(answers: Vec<String>) -> (String, Arc<Mutex<String>>) {
    target(move |head| answers[head.split(['/', ' ']).nth(2).unwrap().parse::<usize>().unwrap()].clone())
}

#[test]
fn nothing_around_a_masked_body_tells_what_it_was() {
    const BODY: &str = "{\"id\":7,\"name\":\"Kim\",\"ssn\":\"078-05-1120\"}";
    const OWN: &str = "W/\"29-7q3qVnVYZ4cyjtFSTDHq9PCIbW0\"";
    let dropped = [
        "Content-MD5",
        "X-Content-SHA256",
        "x-ms-blob-content-md5",
        "X-Bz-Content-Sha1",
        "x-oss-hash-crc64ecma",
        "x-amz-meta-sha",
        "x-raw-content-length",
        "Signature",
        "Signature-Input",
        "Service-Worker-Allowed",
        "NEL",
        "Report-To",
        "Reporting-Endpoints",
    ];
    let world = World::new();
    let token = world.token("reader");
    let lines = format!("\r\n{}: 1", dropped.join(": 1\r\n"));
    let head = format!(
        "200 OK\r\nContent-Type: application/json\r\nETag: {OWN}\r\nSourceMap: /a.map\r\nX-Http-Location: http://10.0.0.9/{lines}"
    );
    let (address, seen) = rows(vec![whole(&head, BODY)]);
    open(&world, "masked", &address, &["--tag", "data=pii"]);
    let mut tags = Vec::new();
    for method in ["GET", "HEAD", "GET"] {
        let reply = world.send(method, "/c/masked/0", Some(&token), &[], None);
        assert_eq!(reply.status, 200, "{method}");
        let left: Vec<&&str> = dropped.iter().filter(|name| reply.header(name).is_some()).collect();
        assert!(left.is_empty(), "{method}: {left:?}");
        assert_eq!(reply.header("sourcemap"), Some("/c/masked/a.map"));
        tags.push(reply.header("etag").unwrap().to_owned());
    }
    assert!(tags.iter().all(|tag| *tag == tags[0] && tag.starts_with("W/\"")), "{tags:?}");
    assert!(!tags[0].contains("29-") && !tags[0].contains("7q3q"), "{tags:?}");
    for (condition, wanted) in [(&*tags[0], OWN), (OWN, "\"hoopctl-stale\"")] {
        for name in ["If-None-Match", "If-Match"] {
            world.send("GET", "/c/masked/0", Some(&token), &[(name, condition)], None);
            let wanted = format!("\r\n{}: {wanted}\r\n", name.to_ascii_lowercase());
            let last = text(&seen).rsplit("GET ").next().unwrap().to_ascii_lowercase();
            assert!(last.contains(&wanted.to_ascii_lowercase()), "{wanted}: {last}");
        }
    }
}

#[test]
fn tags_of_two_addresses_do_not_tell_that_the_same_is_behind_both() {
    const OWN: &str = "\"29-7q3qVnVYZ4cyjtFSTDHq9PCIbW0\"";
    let world = World::new();
    let token = world.token("reader");
    let (address, seen) =
        target(|_| whole(&format!("200 OK\r\nContent-Type: application/json\r\nETag: {OWN}"), "{\"ssn\":1}"));
    open(&world, "masked", &address, &["--tag", "data=pii"]);
    let addresses = ["/c/masked/a", "/c/masked/b", "/c/masked/a?x=1", "/c/masked/a?x=2"];
    let tag = |path: &str| world.get(path, Some(&token)).header("etag").unwrap().to_owned();
    let tags = addresses.map(tag);
    for (place, given) in tags.iter().enumerate() {
        assert!(!tags[..place].contains(given), "{tags:?}");
        for path in addresses {
            let own = path == addresses[place];
            assert_eq!(tag(path) == *given, own, "{path}: {tags:?}");
            world.send("GET", path, Some(&token), &[("If-None-Match", given)], None);
            let last = text(&seen).rsplit("GET ").next().unwrap().to_owned();
            assert_eq!((last.contains(OWN), last.contains("hoopctl-stale")), (own, !own), "{path}: {last}");
        }
    }
    // An address written in another way is the same one.
    assert_eq!(tag("/c/masked/%61"), tags[0]);
}

/// A change may be of what was looked at through a query, or what a 201 has just made; other paths, and reads, learn nothing by that.
#[test]
fn a_change_takes_the_tag_of_any_query_of_its_path_and_of_what_was_made() {
    const OWN: &str = "\"29-7q3qVnVYZ4cyjtFSTDHq9PCIbW0\"";
    let world = World::new();
    let token = world.token("reader");
    let (address, seen) = target(|head| {
        let status = if head.starts_with("POST") { "201 Created\r\nLocation: 9" } else { "200 OK" };
        whole(&format!("{status}\r\nContent-Type: application/json\r\nETag: {OWN}"), "{\"ssn\":1}")
    });
    open(&world, "masked", &address, &["--tag", "data=pii"]);
    let tag = |method: &str, path: &str| {
        let reply = world.send(method, path, Some(&token), &[], None);
        reply.header("etag").unwrap_or_else(|| panic!("{method}: {reply:?}")).to_owned()
    };
    let (selected, made) = (tag("GET", "/c/masked/u/7?$select=a"), tag("POST", "/c/masked/u/new"));
    assert_eq!(made, tag("GET", "/c/masked/u/9"), "it is the tag of what was made");
    for (method, path, given, opens) in [
        ("PATCH", "/c/masked/u/7", &selected, true),
        ("DELETE", "/c/masked/u/7?force=1", &selected, true),
        ("PUT", "/c/masked/u/9", &made, true),
        ("PATCH", "/c/masked/u/8", &selected, false),
        ("PUT", "/c/masked/u/new", &made, false),
        ("POST", "/c/masked/u/7", &selected, false),
        ("GET", "/c/masked/u/7", &selected, false),
        ("GET", "/c/masked/u/7?$select=a", &selected, true),
    ] {
        world.send(method, path, Some(&token), &[("If-Match", given)], None);
        let last = text(&seen).rsplit(&format!("{method} ")).next().unwrap().to_owned();
        assert_eq!((last.contains(OWN), last.contains("hoopctl-stale")), (opens, !opens), "{method} {path}");
    }
}

#[test]
fn the_recording_says_what_the_client_got() {
    const TEXT: &str = "200 OK\r\nContent-Type: text/plain";
    let world = World::new();
    let token = world.token("reader");
    let (address, _) = rows(vec![
        chunked("200 OK\r\nContent-Type: text/csv", "9\r\na,ssn\r1,2\r\n0\r\n\r\n"),
        chunked(TEXT, "5\r\nssn: \r\n"),
        chunked(TEXT, ""),
        chunked(TEXT, "2\r\na\n\r\n5\r\nssn: \r\n"),
        chunked(TEXT, "2\r\na\n\r\n0\r\n\r\n"),
    ]);
    open(&world, "masked", &address, &["--tag", "data=pii"]);
    let cases = [
        (502, "unmaskable_reply", "it ends early"),
        (502, "upstream_unavailable", "target_cut"),
        (502, "upstream_unavailable", "target_cut"),
        (200, "target", ""),
        (200, "complete", ""),
    ];
    for (at, (status, how, reason)) in cases.into_iter().enumerate() {
        let reply = world.get(&format!("/c/masked/{at}"), Some(&token));
        assert_eq!(reply.status, status, "{at}: {}", reply.text());
        let request = reply.header("hoopctl-request-id").unwrap().to_owned();
        let told = || -> Vec<_> {
            let events = world.events(&session(&world, "masked"));
            events.into_iter().filter(|event| event["corr"] == *request && event["dir"] == "s2c").collect()
        };
        wait_for("the end is recorded", || {
            told().last().is_some_and(|last| last["data"].to_string().contains(how))
        });
        let told = told();
        let kinds: Vec<_> = told.iter().map(|event| event["kind"].as_str().unwrap()).collect();
        if status == 200 {
            assert_eq!(kinds, ["http.response", "http.chunk"], "{told:?}");
            assert_eq!(
                (&told[0]["data"]["status"], told[1]["data"]["end"].as_str()),
                (&200.into(), Some(how))
            );
            assert_eq!(reply.whole, how == "complete");
        } else {
            assert_eq!(reply.code(), how);
            assert_eq!(kinds, ["error"], "{told:?}");
            assert_eq!(
                (told[0]["data"]["code"].as_str(), told[0]["data"]["reason"].as_str()),
                (Some(how), Some(reason))
            );
        }
    }
}

#[test]
fn the_credential_does_not_come_back_in_any_escaping() {
    const SECRET: &str = "Xk8Q~ab+cd&ef<gh/ij_x-y";
    let echoes = [
        ("text/plain", "Xk8Q%7Eab%2Bcd%26ef%3Cgh%2Fij_x-y"),
        ("text/plain", "Xk8Q%257Eab%252Bcd%2526ef%253Cgh%252Fij_x-y"),
        ("text/html", "Xk8Q~ab+cd&amp;ef&lt;gh/ij_x-y"),
        ("text/html", "Xk8Q~ab&#43;cd&amp;ef&lt;gh/ij_x-y"),
        ("text/html", "Xk8Q~ab&#x2b;cd&amp;ef&lt;gh/ij_x-y"),
        ("application/json", "{\"a\":\"Xk8Q~ab+cd\\u0026ef\\u003cgh/ij_x-y\"}"),
        ("text/javascript", "'Xk8Q~ab\\x2bcd\\x26ef\\x3cgh\\/ij_x-y'"),
        ("message/rfc822", "Xk8Q=7Eab=2Bcd&ef<gh/=\r\nij_x-y"),
        ("text/plain", "WGs4UX5hYitjZCZl\r\nZjxnaC9pal94LXk="),
        ("text/plain", "V0dzNFVYNWhZaXRqWkNabFpqeG5hQzlwYWw5NExYaz0="),
    ];
    let world = World::new();
    std::fs::write(world.path("secret"), SECRET).unwrap();
    std::fs::set_permissions(world.path("secret"), Permissions::from_mode(0o600)).unwrap();
    let token = world.token("reader");
    let answer = |(kind, body): &(&str, &str)| whole(&format!("200 OK\r\nContent-Type: {kind}"), body);
    let (address, _) = rows(echoes.iter().map(answer).collect());
    let secret = format!("bearer:file:{}", world.path("secret").display());
    open(&world, "echo", &address, &["--inject", &secret]);
    for (at, (_, echo)) in echoes.iter().enumerate() {
        let reply = world.get(&format!("/c/echo/{at}"), Some(&token));
        assert_eq!((reply.status, reply.body.len()), (200, echo.len()), "{echo}");
        let stars = reply.text().matches('*').count();
        assert!(stars >= SECRET.len(), "{echo}: {}", reply.text());
    }
}

#[test]
fn values_do_not_hide_from_masks() {
    const MASKED: &str = "******ghij";
    let bodies = [
        ("application/json", "{\"b\":\"ssn=abcdefghij\",\"c\":\"x {\\\"ssn\\\":\\\"abcdefghij\\\"}\"}"),
        ("application/json", "{\"u\":\"https://h/cb?access_token=abcdefghij\"}"),
        ("application/json", "{\"a\":\"\u{feff} {\\\"ssn\\\":\\\"abcdefghij\\\"}\"}"),
        ("text/csv", "a,b\n1,https://h/cb?access_token=abcdefghij\n"),
        ("text/csv", "id|name|ssn\n1|kim|abcdefghij\n"),
        ("text/csv", "id:ssn\n1:abcdefghij\n"),
        ("text/csv", "ssn,b\n,kim\n\nb,ssn\nkim,abcdefghij\n"),
        ("application/x-www-form-urlencoded", "ssn%5B0%5D=abcdefghij&ssn[num]=abcdefghij&ssn.num=abcdefghij"),
        ("text/plain", "[[{\"\\u0073sn\":\"abcdefghij\"}]]"),
        ("text/plain", ")]}'\n{\"\\u0073sn\":\"abcdefghij\"}"),
        ("application/yaml", "a: 1\nssn: |\n  abcdefghij\nb: 2\n"),
        ("application/xml", "<ssn><![CDATA[</ssn>]]>abcdefghij</ssn>"),
        ("text/xml", "<p>\n  <ssn>\n    abcdefghij\n  </ssn>\n</p>\n"),
        ("application/soap+xml", "<s:p>\n<s:ssn\n  a=\"1\"\n>\nabcdefghij</s:ssn>\n</s:p>\n"),
        ("text/html", "<p\n  data-x=\"1\" ssn=\n  \"abcdefghij\">\n"),
        ("text/xml", "<p>&lt;ssn&gt;\nabcdefghij\n&lt;/ssn&gt;</p>\n"),
        ("text/plain", "ssn: abcdef=\nghij\n"),
        ("application/yaml", "ssn: !!str >\n  abcdefghij\nb: 2\n"),
        ("application/yaml", "u.ssn:\n  - abcdefghij\nb: 2\n"),
        ("text/html; charset=ISO-8859-1", "<ssn>\nabcdefghij</ssn>\n"),
        ("text/csv; charset=windows-1252", "a,ssn\n1,abcdefghij\n"),
    ];
    let shapes = [
        "<a href=\"mailto:kim&#64;example.com\">",
        "kim&commat;example.com",
        "078&#45;05&#45;1120",
        "var a=\"kim\\u0040example.com\"",
        "var a=\"kim\\x40example.com\"",
        "EMAIL:kim=40example.com",
    ];
    let withheld = [
        ("text/html", "<?xml version=\"1.0\" encoding=\"IBM037\"?>"),
        ("text/html", "<meta charset=utf-7>+AHM-sn"),
        // UTF-8, whatever it is said to be.
        ("text/html; charset=ISO-8859-1", "\u{e9} <ssn>abcdefghij</ssn>"),
        ("text/csv; charset=windows-1252", "\u{e9},ssn\n\u{e9},abcdefghij\n"),
    ];
    let answer = |kind: &str, body: &str| whole(&format!("200 OK\r\nContent-Type: {kind}"), body);
    let mut answers: Vec<String> = bodies.iter().map(|(kind, body)| answer(kind, body)).collect();
    answers.extend(shapes.iter().map(|body| answer("text/html", body)));
    answers.extend(withheld.iter().map(|(kind, body)| answer(kind, body)));
    // In chunks: the client's head waits for the first of them.
    answers.push(chunked("200 OK\r\nContent-Type: text/csv", "9\r\na,ssn\r1,2\r\n0\r\n\r\n"));
    let count = answers.len();
    let world = World::new();
    let token = world.token("reader");
    let (address, _) = rows(answers);
    open(&world, "masked", &address, &["--tag", "data=pii"]);
    let get = |at: usize| world.get(&format!("/c/masked/{at}"), Some(&token));
    for (at, (kind, body)) in bodies.iter().enumerate() {
        let reply = get(at);
        assert_eq!(reply.status, 200, "{kind} {body}");
        let seen = reply.text();
        assert!(!seen.contains("abcdef"), "{kind} {body}: {seen}");
        assert!(seen.contains(MASKED) || seen.contains("ghij"), "{kind} {body}: {seen}");
    }
    for (at, body) in shapes.iter().enumerate() {
        let seen = get(bodies.len() + at).text();
        assert!(!seen.contains("kim") && !seen.contains("078"), "{body}: {seen}");
    }
    for at in bodies.len() + shapes.len()..count {
        let reply = get(at);
        assert_eq!((reply.status, reply.code().as_str()), (502, "unmaskable_reply"), "{at}");
    }
}

#[test]
fn a_withheld_body_is_told_by_a_keyed_digest() {
    let world = World::new();
    let token = world.token("reader");
    let (address, _) = rows(vec![whole("200 OK\r\nContent-Type: text/plain", "ok")]);
    open(&world, "masked", &address, &["--tag", "data=pii"]);
    let headers = [("Content-Type", "application/octet-stream")];
    for body in ["ssn=078-05-1120", "ssn=078-05-1120", "ssn=078-05-1121"] {
        assert_eq!(world.send("POST", "/c/masked/0", Some(&token), &headers, Some(body)).status, 200);
    }
    let events = world.events(&session(&world, "masked"));
    let bodies: Vec<_> = events
        .iter()
        .filter(|event| event["data"]["method"] == "POST")
        .map(|event| &event["data"]["body"])
        .collect();
    let digest = |at: usize| bodies[at]["hmac"].as_str().unwrap();
    // printf ssn=078-05-1120 | sha256sum
    let plain = "13de7fd5de5a6797230797a6b2cd7b1642b9082eded5a6433d6549d5ffede737";
    assert!(bodies.len() == 3 && bodies[0]["withheld"] == true, "{bodies:?}");
    assert!(digest(0) == digest(1) && digest(0) != digest(2) && digest(0).len() == 64, "{bodies:?}");
    assert!(!format!("{events:?}").contains(plain), "{events:?}");
}
