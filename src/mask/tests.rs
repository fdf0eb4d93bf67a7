use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::domain::Entity;
use crate::domain::MaskOp;
use crate::domain::MaskRule;
use crate::domain::Origin;

pub(super) fn rule(fields: &[&str], entities: &[Entity], op: MaskOp) -> MaskRule {
    MaskRule {
        id: "test".into(),
        origin: Origin::Store,
        connections: Vec::new(),
        tags: std::collections::BTreeMap::new(),
        fields: fields.iter().map(|&name| name.to_owned()).collect(),
        entities: entities.to_vec(),
        patterns: std::collections::BTreeMap::new(),
        op,
        predicates: crate::domain::Predicates::default(),
    }
}

pub(super) fn plan(rules: &[MaskRule]) -> Plan {
    Plan::compile(&rules.iter().collect::<Vec<_>>(), [9; 32]).unwrap()
}

pub(super) fn everything() -> Arc<Plan> {
    let mut own = rule(&["ssn", "*token", "password"], &Entity::BUILT_IN, MaskOp::Redact);
    own.patterns.insert("TICKET".into(), "TCK-[0-9]{4}".into());
    Arc::new(plan(&[own]))
}

pub(super) fn run(plan: &Arc<Plan>, format: Format, pieces: &[&[u8]]) -> Result<String, Unmaskable> {
    let (mut masker, mut out) = (Masker::new(Arc::clone(plan), format), Vec::new());
    for piece in pieces {
        masker.push(piece, &mut out)?;
    }
    masker.finish(&mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\nMIIEvQIBADAN\n-----END PRIVATE KEY-----";

/// Returns one body of each format, with secrets in it.
fn bodies() -> Vec<(Format, String)> {
    let json = format!(
        "\u{feff}{{\"a\":[1, \"to alice@example.com \\u0062ob\\u0040example.com\"], \"ssn\" : {{\"x\":[\"}}\",2]}},\"n\":4111111111111111,\
         \"é\":\"\\\"{{\\\\\",\"p\":{},\"in\":\"{{\\\"ssn\\\":\\\"q\\\"}}\"}}",
        serde_json::to_string(PEM).unwrap()
    );
    vec![
        (Format::Json, json),
        (Format::NdJson, "{\"ssn\":1}\r\n\n{\"m\":\"10.0.0.1\"}\n[\"TCK-1234\"]\n17".to_owned()),
        (
            Format::Sse,
            "\u{feff}: hello alice@example.com\r\nid: 7\r\nevent: x\r\ndata: {\"ssn\":\r\ndata:\"secret\",\r\ndata: \"b\":[1]}\r\n\r\n\
             data: [DONE]\n\ndata: mail bob@example.com\rdata\rdata: x\r\rretry: 10\n\ndata: {\"password\":\"last\"}"
                .to_owned(),
        ),
        (
            Format::Csv,
            "\u{feff}name,SSN,\"note, long\"\r\n\"Ann \"\"A\"\"\",123-45-6789,\"mail\nalice@example.com\"\r\n\r\nBob,,4111 1111 1111 1111"
                .to_owned(),
        ),
        (
            Format::Form,
            "a=1&ssn=12+3&user%5Bssn%5D=%31&q=alice%40example.com+x&b=2;password=x;y&&=&card=4111+1111+1111+1111".to_owned(),
        ),
        (
            Format::Text,
            format!(
                "hello alice@example.com\r\nssn: 123 45 x\n{PEM}\nurl /x?access_token=abc&b=1 TCK-1234.\n\
                 <root><ssn a=\"1\">\n  12 3\n</ssn><b>10.0.0.1</b></root>\n{{\"password\": \"x y\"}} password='a b' é\nend 123-45-6789"
            ),
        ),
    ]
}

#[test]
fn secrets_of_each_format_are_masked_and_the_rest_stays() {
    let plan = everything();
    let wanted = [
        "\u{feff}{\"a\":[1, \"to [REDACTED] [REDACTED]\"], \"ssn\" : \"[REDACTED]\",\"n\":null,\"é\":\"\\\"{\\\\\",\"p\":\"[REDACTED]\",\
         \"in\":\"{\\\"ssn\\\":\\\"[REDACTED]\\\"}\"}",
        "{\"ssn\":null}\r\n\n{\"m\":\"[REDACTED]\"}\n[\"[REDACTED]\"]\n17",
        "\u{feff}: hello [REDACTED]\r\nid: 7\r\nevent: x\r\ndata: {\"ssn\":\r\ndata: \"[REDACTED]\",\r\ndata: \"b\":[1]}\r\n\r\n\
         data: [DONE]\n\ndata: mail [REDACTED]\rdata: \rdata: x\r\rretry: 10\n\ndata: {\"password\":\"[REDACTED]\"}\n",
        "\u{feff}name,SSN,\"note, long\"\r\n\"Ann \"\"A\"\"\",[REDACTED],\"mail\n[REDACTED]\"\r\n\r\nBob,[REDACTED],[REDACTED]",
        "a=1&ssn=%5BREDACTED%5D&user%5Bssn%5D=%5BREDACTED%5D&q=%5BREDACTED%5D+x&b=2;password=%5BREDACTED%5D&&=&card=%5BREDACTED%5D",
        "hello [REDACTED]\r\nssn: [REDACTED]\n[REDACTED]\nurl /x?access_token=[REDACTED]&b=1 [REDACTED].\n\
         <root><ssn a=\"1\">[REDACTED]</ssn><b>[REDACTED]</b></root>\n{\"password\": \"[REDACTED]\"} password='[REDACTED]' é\nend [REDACTED]",
    ];
    for ((format, body), wanted) in bodies().iter().zip(wanted) {
        assert_eq!(run(&plan, *format, &[body.as_bytes()]).as_deref(), Ok(wanted), "{format:?}");
    }
}

#[test]
fn how_the_input_is_cut_does_not_matter() {
    let plan = everything();
    for (format, body) in bodies() {
        let whole = run(&plan, format, &[body.as_bytes()]).unwrap();
        for cut in 0..=body.len() {
            let (one, two) = body.as_bytes().split_at(cut);
            assert_eq!(run(&plan, format, &[one, two]).as_ref(), Ok(&whole), "{format:?} cut at {cut}");
        }
        let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
        assert_eq!(run(&plan, format, &bytes).as_ref(), Ok(&whole), "{format:?} byte by byte");
        let mut spaced = vec![&b""[..]];
        spaced.extend(body.as_bytes().chunks(7).flat_map(|piece| [piece, b""]));
        assert_eq!(run(&plan, format, &spaced).as_ref(), Ok(&whole), "{format:?}");
    }
}

#[test]
fn without_rules_nothing_changes_and_nothing_is_refused() {
    let empty = Arc::new(plan(&[]));
    assert!(empty.is_empty());
    for (format, body) in bodies() {
        assert_eq!(run(&empty, format, &[body.as_bytes()]).as_ref(), Ok(&body));
        assert_eq!(run(&empty, format, &[b"\xff\0{"]).as_deref(), Ok("\u{fffd}\0{"));
    }
    let quiet = Arc::new(plan(&[rule(&["nobody"], &[], MaskOp::Redact)]));
    for (format, body) in bodies() {
        assert_eq!(run(&quiet, format, &[body.as_bytes()]).as_ref(), Ok(&body), "{format:?}");
    }
}

#[test]
fn notes_count_by_detector_and_place_and_hold_no_value() {
    let (mut masker, mut out) = (Masker::new(everything(), Format::Json), Vec::new());
    masker
        .push(
            br#"{"ssn":"1","mail":"a@b.com","mail":["c@d.com x@y.org"],"q@r.com":{"z":"TCK-1234"}}"#,
            &mut out,
        )
        .unwrap();
    masker.finish(&mut out).unwrap();
    let notes: Vec<String> = masker
        .notes()
        .as_slice()
        .iter()
        .map(|note| format!("{} {} {}", note.entity, note.at, note.n))
        .collect();
    assert_eq!(notes, ["field ssn 1", "EMAIL_ADDRESS mail 3", "EMAIL_ADDRESS name 1", "TICKET z 1"]);
}

#[test]
fn after_a_failure_nothing_more_comes() {
    let (mut masker, mut out) = (Masker::new(everything(), Format::Json), b"kept".to_vec());
    assert!(masker.push(b"{\"a\":1,\"b\":x", &mut out).is_ok() && out == b"kept{\"a\":1,\"b\":");
    assert!(masker.push(b"}", &mut out).is_err());
    assert_eq!(out, b"kept{\"a\":1,\"b\":");
    assert_eq!(masker.push(b"{}", &mut out), Err(Unmaskable::Earlier));
    assert_eq!(masker.finish(&mut out), Err(Unmaskable::Earlier));
    assert_eq!(out, b"kept{\"a\":1,\"b\":");
}

#[test]
fn bodies_that_can_be_read_in_two_ways_are_refused() {
    let plan = everything();
    for (format, body) in [
        (Format::Csv, "a,ssn\n1,2,3\n"),
        (Format::Csv, "a,ssn\n1\n"),
        (Format::Csv, "a,ssn\nx\"y,1\n"),
        (Format::Csv, "a,ssn\n\"x\"y,1\n"),
        (Format::Csv, "a,ssn\n\"x,1\n"),
        (Format::Csv, "a,ssn\r1,2\r"),
        (Format::Csv, "ssn,x;ssn;y\n"),
        (Format::Csv, "a,\0ssn\n"),
        (Format::Text, "a\0b"),
        (Format::Text, "\u{0}s\u{0}s\u{0}n"),
        (Format::Form, "a\0=1"),
        (Format::Sse, "data: {\"ssn\": \"x\n\n"),
        (Format::Sse, "data: {\"ssn\": \"x\"}}\n\n"),
    ] {
        assert!(run(&plan, format, &[body.as_bytes()]).is_err(), "{format:?} {body}");
    }
    assert!(run(&plan, Format::Text, &[b"\xff\xfeab"]).is_err());
    assert!(run(&plan, Format::Sse, &[b"data: \xff\n\n"]).is_err());
}

#[test]
fn a_table_is_read_with_its_own_separator_and_header() {
    let plan = everything();
    for (body, wanted) in [
        ("name;ssn\nbob;secret\n", "name;ssn\nbob;[REDACTED]\n"),
        ("name\tssn\nbob\tsecret", "name\tssn\nbob\t[REDACTED]"),
        ("Report of today\nname;ssn\nbob;secret\n", "Report of today\nname;ssn\nbob;[REDACTED]\n"),
        ("sep=;\nname;ssn\nbob;secret\n", "sep=;\nname;ssn\nbob;[REDACTED]\n"),
        ("ssn\nsecret\n", "ssn\n[REDACTED]\n"),
        ("a,b\n1,2,3\n", "a,b\n1,2,3\n"),
        ("\"ssn\",b\n\"x\"\"y\",\"2\"\n", "\"ssn\",b\n\"[REDACTED]\",\"2\"\n"),
        ("a@b.com,c\n", "[REDACTED],c\n"),
        ("id|name|ssn\n1|kim|secret\n", "id|name|ssn\n1|kim|[REDACTED]\n"),
        ("id:ssn\n1:secret\n", "id:ssn\n1:[REDACTED]\n"),
        ("t,a\n10:00,fe80::1\n", "t,a\n10:00,[REDACTED]\n"),
        ("10:00\nfe80::1\n", "10:00\n[REDACTED]\n"),
        ("a,b\n1,/cb?access_token=secret\n", "a,b\n1,/cb?access_token=[REDACTED]\n"),
        // A second table, with as many columns.
        (
            "ssn,name\nsecret,kim\n\nname,ssn\nkim,secret\n",
            "ssn,name\n[REDACTED],kim\n\n[REDACTED],ssn\n[REDACTED],[REDACTED]\n",
        ),
    ] {
        assert_eq!(run(&plan, Format::Csv, &[body.as_bytes()]).as_deref(), Ok(wanted));
    }
}

#[test]
fn an_event_is_put_out_at_its_blank_line_and_a_line_at_its_end() {
    let (mut masker, mut out) = (Masker::new(everything(), Format::Sse), Vec::new());
    masker.push(b"data: a@b.com\n", &mut out).unwrap();
    assert_eq!(out, b"");
    masker.push(b"\n", &mut out).unwrap();
    assert_eq!(out, b"data: [REDACTED]\n\n");
    let (mut masker, mut out) = (Masker::new(everything(), Format::Text), Vec::new());
    masker.push(b"one 10.0.0.1\ntwo", &mut out).unwrap();
    assert_eq!(out, b"one [REDACTED]\n");
}

#[test]
fn a_line_without_an_end_is_masked_in_windows_however_it_comes() {
    let plan = Arc::new(plan(&[rule(&["ssn"], &Entity::BUILT_IN, MaskOp::Redact)]));
    let secret = "zoe@example.com";
    let unit = format!("{{some=words and}}{secret};");
    let body = unit.repeat((700 << 10) / unit.len());
    let whole = run(&plan, Format::Text, &[body.as_bytes()]).unwrap();
    assert_eq!(whole, body.replace(secret, "[REDACTED]"));
    for size in [1000, 65_537, 200_003] {
        let pieces: Vec<&[u8]> = body.as_bytes().chunks(size).collect();
        assert_eq!(run(&plan, Format::Text, &pieces).as_ref(), Ok(&whole));
    }
    // Around the cut itself: every place.
    for shift in 0..20 {
        let body = format!("{}{secret} {}", " ".repeat((192 << 10) - shift), " ".repeat(100 << 10));
        assert!(!run(&plan, Format::Text, &[body.as_bytes()]).unwrap().contains("example"));
    }
}

#[test]
fn json_that_calls_itself_text_is_read_as_json() {
    let plan = everything();
    for (body, wanted) in [
        (
            "\u{feff} {\n \"ssn\": {\n \"x\": \"secret\"\n}}\n",
            Some("\u{feff} {\n \"ssn\": \"[REDACTED]\"}\n"),
        ),
        ("[ {\"s\\u0073n\":\"secret\"}]", Some("[ {\"s\\u0073n\":\"[REDACTED]\"}]")),
        ("{\"ssn\":1}\n{\"ssn\":2}\n", Some("{\"ssn\":null}\n{\"ssn\":null}\n")),
        ("{\"ssn\": oops", None),
        ("[INFO] {x}", Some("[INFO] {x}")),
        ("{{ template }}", Some("{{ template }}")),
        ("", Some("")),
        (" \n [", Some(" \n [")),
    ] {
        assert_eq!(run(&plan, Format::Text, &[body.as_bytes()]).ok().as_deref(), wanted, "{body}");
        let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
        assert_eq!(run(&plan, Format::Text, &bytes).ok().as_deref(), wanted, "{body}");
    }
}

#[test]
fn what_is_too_long_to_be_held_is_refused_and_memory_stays_bounded() {
    let plan = everything();
    let endless = "x".repeat(64 << 10);
    for (format, begin, piece) in [
        (Format::Json, "[\"", &*endless),
        (Format::Json, "[1", &"1".repeat(64 << 10)),
        (Format::Csv, "\"", &*endless),
        (Format::Form, "a=", &*endless),
        (Format::Sse, "data: ", &*endless),
        (Format::Sse, "", &"data: x\n".repeat(50)),
        (Format::Text, "-----BEGIN X-----\n", &"AAAA\n".repeat(50)),
        (Format::Text, "<ssn>", &"AAAA\n".repeat(50)),
        (Format::Text, "", &*endless),
    ] {
        let (mut masker, mut out, mut given) = (Masker::new(Arc::clone(&plan), format), Vec::new(), 0usize);
        let mut done = masker.push(begin.as_bytes(), &mut out);
        while done.is_ok() && given < 3 << 20 {
            done = masker.push(piece.as_bytes(), &mut out);
            given += piece.len();
        }
        assert!(matches!(done, Err(Unmaskable::TooLong { .. })), "{format:?} {begin} {done:?}");
        assert!(given <= (1 << 20) + piece.len());
    }
}

#[test]
fn text_outside_bodies_is_masked_too() {
    let (plan, mut notes) = (everything(), Notes::new());
    for (text, wanted) in [
        ("/users/alice@example.com/x", Some("/users/[REDACTED]/x")),
        ("/users/alice%40example.com/x", Some("/users/[REDACTED]/x")),
        ("a=1&access_token=abc&c=2", Some("a=1&access_token=[REDACTED]&c=2")),
        ("a=1&access%5Ftoken=abc", Some("a=1&access%5Ftoken=[REDACTED]")),
        ("{\"ssn\":\"x\"}", Some("{\"ssn\":\"[REDACTED]\"}")),
        ("/plain/path?x=1", None),
    ] {
        assert_eq!(plan.text(text, "path", &mut notes).as_deref(), wanted, "{text}");
    }
    assert_eq!(plan.header("X-Access-Token", b"abc", &mut notes).as_deref(), Some(&b"[REDACTED]"[..]));
    assert_eq!(
        plan.header("Link", b"<http://10.0.0.1/>", &mut notes).as_deref(),
        Some(&b"<http://[REDACTED]/>"[..])
    );
    assert_eq!(plan.header("Date", b"Sat, 21 Nov 2026 09:45:12 GMT", &mut notes), None);
    assert!(notes.as_slice().iter().any(|note| note.at == "header:x-access-token" && note.entity == "field"));
    let mut deep = "{\"ssn\":\"tops3cret\"}".to_owned();
    for _ in 0..8 {
        deep = serde_json::to_string(&deep).unwrap();
    }
    assert_eq!(plan.text(&deep, "path", &mut notes).as_deref(), Some("[REDACTED]"));
}

#[test]
fn rules_that_cannot_hold_are_refused() {
    let compile =
        |rule: &MaskRule| Plan::compile(&[rule], [0; 32]).map(|_| ()).map_err(|error| error.to_string());
    let bad = [
        (rule(&["_"], &[], MaskOp::Redact), "mask test: fields: \"_\" does not name a field"),
        (rule(&[], &[], MaskOp::KeepLast { n: 5 }), "mask test: op: keeps 5 characters, at most 4 may stay"),
        (rule(&[], &[], MaskOp::KeepFirst { n: 7 }), "mask test: op: keeps 7 characters, at most 6 may stay"),
        (
            rule(&[], &[], MaskOp::Replace { with: "a\nb".into() }),
            "mask test: op: the text of replace contains a control character",
        ),
    ];
    for (rule, wanted) in bad {
        assert_eq!(compile(&rule), Err(wanted.to_owned()));
    }
    let mut own = rule(&[], &[], MaskOp::Redact);
    own.patterns.insert("X".into(), "a*".into());
    assert_eq!(compile(&own), Err("mask test: patterns.X: it matches the empty string".to_owned()));
}

#[test]
fn a_rule_applies_by_name_and_all_of_its_tags() {
    let mut connection = connection("crm");
    connection.tags.insert("data".into(), "pii".into());
    let mut one = rule(&[], &[], MaskOp::Redact);
    assert!(applies(&one, &connection));
    one.connections = vec!["c*".into()];
    one.tags.insert("data".into(), "pii".into());
    assert!(applies(&one, &connection));
    one.tags.insert("env".into(), "prod".into());
    assert!(!applies(&one, &connection));
    one.tags.clear();
    one.connections = vec!["d*".into()];
    assert!(!applies(&one, &connection));
}

fn connection(name: &str) -> crate::domain::Connection {
    crate::domain::Connection {
        name: name.parse().unwrap(),
        origin: Origin::Store,
        protocol: crate::domain::Protocol::Http,
        upstream: crate::domain::Upstream {
            protocol: crate::domain::Protocol::Http,
            tls: false,
            host: "x".into(),
            port: 80,
            base_path: "".into(),
            program: None,
            certificate: None,
        },
        inject: crate::domain::Injection::None,
        tags: std::collections::BTreeMap::new(),
        limits: crate::domain::ConnectionLimits::default(),
        ca_file: None,
        database: crate::domain::DatabaseOptions::default(),
        mcp: crate::domain::McpOptions::default(),
    }
}

/// A name is masked for its form, also where the value behind it is masked for its name; and so is what is
/// told of it.
#[test]
fn a_name_that_holds_a_value_is_masked_beside_its_own() {
    for (format, text) in [
        (Format::Form, "a=1&x a@b.co .ssn=123&b=2"),
        (Format::Form, "a=1;x%20a%40b.co .ssn=123"),
        (Format::Json, r#"{"a@b.co .ssn":"123"}"#),
        (Format::Json, r#"{"a\u0040b.co .ssn":{"x":"123"}}"#),
        (Format::Csv, "id,a@b.co .ssn\n1,123\n"),
        (Format::Text, "user a@b.co .ssn=123\n"),
        (Format::Text, "{\"a@b.co .ssn\": \"123\"}\n"),
    ] {
        let (mut masker, mut out) = (Masker::new(everything(), format), Vec::new());
        masker.push(text.as_bytes(), &mut out).unwrap();
        masker.finish(&mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(!out.contains("a@b.co") && !out.contains("123") && out.contains("ssn"), "{text}: {out}");
        let notes = format!("{:?}", masker.into_notes().take());
        assert!(!notes.contains("a@b"), "{text}: {notes}");
    }
}

proptest! {
    #[test]
    fn any_text_is_masked_the_same_in_any_pieces(
        text in "([a-z0-9=:<>/.@ \"'{}\\[\\]-]|ssn|\n|\r\n| a@b\\.co |</ssn>|-----BEGIN A-----|-----END A-----|1\\.2\\.3\\.4|TCK-1111|é){0,60}",
        cuts in prop::collection::vec(0usize..200, 0..6), format in 0usize..6,
    ) {
        let format = [Format::Text, Format::Csv, Format::Form, Format::Sse, Format::Json, Format::NdJson][format];
        let plan = everything();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        let (mut pieces, mut from) = (Vec::new(), 0);
        for cut in cuts.into_iter().chain([text.len()]) {
            pieces.push(&text.as_bytes()[from..cut]);
            from = cut;
        }
        let (whole, cut) = (run(&plan, format, &[text.as_bytes()]), run(&plan, format, &pieces));
        prop_assert_eq!(whole.is_ok(), cut.is_ok());
        if let (Ok(whole), Ok(cut)) = (whole, cut) {
            prop_assert_eq!(&whole, &cut);
            prop_assert!(!whole.contains("a@b.co"));
        }
    }

    #[test]
    fn a_redactor_leaves_no_needle_and_keeps_the_length(text in "(abca|abcabd|[abcdx]){0,30}", cuts in prop::collection::vec(0usize..120, 0..5)) {
        let needles = Needles::new(&[b"abcabd".to_vec(), b"bdbd".to_vec(), b"cabca".to_vec()]);
        let whole = needles.replace(text.as_bytes()).unwrap_or_else(|| text.clone().into_bytes());
        let (mut redactor, mut out, mut from) = (Redactor::new(Arc::clone(&needles)), Vec::new(), 0);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        for cut in cuts.into_iter().chain([text.len()]) {
            let piece = &text.as_bytes()[from..cut];
            if redactor.passes(piece) { out.extend_from_slice(piece) } else { redactor.push(piece, &mut out) }
            from = cut;
        }
        redactor.finish(&mut out);
        prop_assert_eq!(&out, &whole);
        prop_assert_eq!(out.len(), text.len());
        let seen = String::from_utf8(out).unwrap();
        prop_assert!(!seen.contains("abcabd") && !seen.contains("bdbd") && !seen.contains("cabca"));
    }

    #[test]
    fn a_secret_is_known_in_every_shape_it_is_echoed_in(secret in "[a-zA-Z0-9/+\"é:-]{8,30}", before in "[a-z]{0,4}", after in "[a-z]{0,4}") {
        use base64::Engine;
        use base64::engine::general_purpose;
        let needles = Needles::new(&Needles::shapes(secret.as_bytes()));
        let around = format!("{before}{secret}{after}");
        for text in [
            around.clone(),
            serde_json::to_string(&around).unwrap(),
            general_purpose::STANDARD.encode(&around),
            general_purpose::URL_SAFE_NO_PAD.encode(&around),
        ] {
            let masked = needles.replace(text.as_bytes());
            prop_assert!(masked.is_some_and(|masked| memchr::memchr_iter(b'*', &masked).count() >= secret.len() - 2), "{}", text);
        }
    }
}

#[test]
fn a_redactor_holds_back_only_what_may_be_a_beginning() {
    let needles = Needles::new(&[b"s3cret-token".to_vec(), b"abc".to_vec()]);
    assert_eq!(format!("{needles:?}"), "Needles(1)");
    let (mut redactor, mut out) = (Redactor::new(needles), Vec::new());
    redactor.push(b"hello s3cr", &mut out);
    assert_eq!(out, b"hello ");
    redactor.push(b"ets3cret-tok", &mut out);
    assert_eq!(out, b"hello s3cret");
    assert!(!redactor.passes(b"x"));
    redactor.push(b"en!", &mut out);
    assert_eq!(out, b"hello s3cret************!");
    assert_eq!(redactor.hits(), 1);
    assert!(redactor.passes(b"nothing of note"));
    assert!(!redactor.passes(b"ends with s3"));
    assert!(!redactor.passes(b"s3cret-token"));
}
