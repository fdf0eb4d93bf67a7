use std::sync::Arc;

use proptest::prelude::*;

use super::JsonMasker;
use crate::domain::Entity;
use crate::domain::MaskOp;
use crate::mask::Format;
use crate::mask::Masker;
use crate::mask::Notes;
use crate::mask::Plan;
use crate::mask::Unmaskable;
use crate::mask::tests::plan;
use crate::mask::tests::rule;

fn mask(plan: &Plan, text: &[u8]) -> Result<String, Unmaskable> {
    let (mut masker, mut notes, mut out) = (JsonMasker::new(false), Notes::new(), Vec::new());
    masker.push(plan, text, &mut notes, &mut out)?;
    masker.finish(plan, &mut notes, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn fields(op: MaskOp) -> Plan {
    plan(&[rule(&["ssn", "*_token"], &[], op)])
}

#[test]
fn a_masked_value_becomes_what_its_type_and_the_operator_say() {
    let last = MaskOp::KeepLast { n: 4 };
    let with = MaskOp::Replace { with: "<\"x\">".into() };
    for (value, redact, keep, replace, null) in [
        (r#""123-45-6789""#, r#""[REDACTED]""#, r#""***-**-6789""#, r#""<\"x\">""#, "null"),
        ("123456789", "null", r#""*****6789""#, r#""<\"x\">""#, "null"),
        ("-1.5e3", "null", r#""-*.*""#, r#""<\"x\">""#, "null"),
        ("true", "null", "null", r#""<\"x\">""#, "null"),
        ("null", "null", "null", "null", "null"),
        (r#"{"a":[1,{"b":"]}"}]}"#, r#""[REDACTED]""#, r#""[REDACTED]""#, r#""<\"x\">""#, "null"),
        (
            r#"["x",[12],{"a":1}]"#,
            r#"["[REDACTED]",[null],"[REDACTED]"]"#,
            r#"["*",["**"],"[REDACTED]"]"#,
            r#"["<\"x\">",["<\"x\">"],"<\"x\">"]"#,
            "[null,[null],null]",
        ),
        ("[]", "[]", "[]", "[]", "[]"),
        (r#""""#, r#""[REDACTED]""#, r#""""#, r#""<\"x\">""#, "null"),
    ] {
        let text = format!(r#"{{"a" : 1.0e2, "ssn": {value} , "z":[12345678901234567890123]}}"#);
        for (op, wanted) in
            [(MaskOp::Redact, redact), (last.clone(), keep), (with.clone(), replace), (MaskOp::Null, null)]
        {
            let wanted = if value == "-1.5e3" && matches!(op, MaskOp::KeepLast { .. }) {
                "\"-*.***\""
            } else {
                wanted
            };
            let wanted = format!(r#"{{"a" : 1.0e2, "ssn": {wanted} , "z":[12345678901234567890123]}}"#);
            assert_eq!(mask(&fields(op.clone()), text.as_bytes()).as_ref(), Ok(&wanted), "{op:?} {value}");
        }
    }
    let hashed = mask(&fields(MaskOp::Hash), br#"{"ssn":123,"SSN":"123","ssn":true,"s_s_n":{}}"#).unwrap();
    let value = serde_json::from_str::<serde_json::Value>(&hashed).unwrap();
    assert_eq!(value["ssn"], serde_json::Value::Null);
    assert_eq!((value["SSN"].as_str().unwrap().len(), value["s_s_n"].as_str()), (16, Some("[REDACTED]")));
}

#[test]
fn a_name_is_compared_as_every_parser_reads_it() {
    let plan = fields(MaskOp::Redact);
    for name in [
        "ssn",
        "SSN",
        "s_s-n",
        r"s\u0073n",
        r"\u0073\u0073\u006e",
        r"\u0053SN",
        "access_token",
        "accessToken",
        r"x\u005Ftoken",
    ] {
        let masked = mask(&plan, format!(r#"[{{"{name}":"secret"}}]"#).as_bytes()).unwrap();
        assert_eq!(masked, format!(r#"[{{"{name}":"[REDACTED]"}}]"#));
    }
    // A name is not a value, and a value is not a name.
    let text = r#"{"a":"ssn","b":["ssn","secret"],"ssn2":"x","c":{"ssn\\":"x"}}"#;
    assert_eq!(mask(&plan, text.as_bytes()).as_deref(), Ok(text));
    // Each of two is masked.
    let twice = mask(&plan, br#"{"ssn":"a1","ssn":"a2"}"#).unwrap();
    assert_eq!(twice, r#"{"ssn":"[REDACTED]","ssn":"[REDACTED]"}"#);
}

#[test]
fn what_parsers_could_read_in_two_ways_is_refused() {
    let plan = fields(MaskOp::Redact);
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(mask(&plan, deep(64).as_bytes()), Ok(deep(64)));
    assert_eq!(mask(&plan, deep(65).as_bytes()), Err(Unmaskable::TooDeep));
    assert_eq!(
        mask(&plan, format!(r#"{{"ssn":{{"a":{}}}}}"#, deep(65)).as_bytes()),
        Err(Unmaskable::TooDeep)
    );
    for text in [
        &b"{"[..],
        b"[",
        b"\"a",
        b"{\"a\"",
        b"{\"a\":",
        b"{\"a\":1",
        b"{\"a\":1,",
        b"[1,",
        b"[1,]",
        b"{\"a\":1,}",
        b"{,}",
        b"[,]",
        b"]",
        b"}",
        b"[}",
        b"{]",
        b"{\"a\"}",
        b"{1:2}",
        b"{\"a\" 1}",
        b"{\"a\":1 \"b\":2}",
        b"[1 2]",
        b"1 2",
        b"\"a\" \"b\"",
        b"{}{}",
        b"01",
        b"1.",
        b".5",
        b"+1",
        b"1e",
        b"-",
        b"NaN",
        b"Infinity",
        b"True",
        b"tru",
        b"nullx",
        b"'a'",
        b"{a:1}",
        b"/*x*/1",
        b"1//x",
        b"\"\\x\"",
        b"\"\\u12g4\"",
        b"\"\\u123\"",
        b"\"\t\"",
        b"\"\n\"",
        b"\"a\0b\"",
        b"\xff",
        b"\"\xff\"",
        b"\"\xc0\xa2\"",
        b"\"\xed\xa0\x80\"",
        b"\0{}",
        b"\xfe\xff{}",
        b"{\"\\ud800\":1}",
        b"{\"ssn\\udc00\":1}",
        b")]}',\n{}",
        b"{\"a\":1}x",
        b"{}\x0c",
        b"\xef\xbb\xbf\xef\xbb\xbf1",
        b" \xef\xbb\xbf1",
        b"{\"ssn\":{\"a\":[}}}",
        b"{\"ssn\":{a:1}}",
        b"{\"ssn\":{\"a\":\"\\q\"}}",
        b"{\"ssn\":",
        b":",
        b",",
        b"[\"a\":1]",
        b"\xef\xbb",
    ] {
        assert!(mask(&plan, text).is_err(), "{}", String::from_utf8_lossy(text));
    }
    for text in ["", " ", "\u{feff}{}", "1", "\"\\ud800\"", "-0", "0.0E-0", "[[],{}]"] {
        assert_eq!(mask(&plan, text.as_bytes()).as_deref(), Ok(text));
    }
}

#[test]
fn values_by_shape_are_found_in_strings_names_and_numbers() {
    let plan = plan(&[rule(
        &[],
        &[Entity::CreditCard, Entity::EmailAddress, Entity::UsSsn],
        MaskOp::KeepLast { n: 4 },
    )]);
    for (text, wanted) in [
        (r#"{"m":"to alice@example.com now"}"#, r#"{"m":"to *****@******e.com now"}"#),
        (r#"{"m":"\u0061lice\u0040example.com \n"}"#, r#"{"m":"*****@******e.com \n"}"#),
        ("[4111111111111111, 4111111111111112]", r#"["************1111", 4111111111111112]"#),
        ("[4.111111111111111E15]", r#"["*.**************1E15"]"#),
        ("[4111111111111111.0]", r#"["*************111.0"]"#),
        (r#"{"ssn":123456789,"id":123456789}"#, r#"{"ssn":"*****6789","id":123456789}"#),
        (r#"{"a\/b":"\"4111 1111 1111 1111\" \/ x"}"#, r#"{"a\/b":"\"**** **** **** 1111\" \/ x"}"#),
        (
            r#"{"alice@example.com":1,"bob@example.com":{"x":2}}"#,
            r#"{"*****@******e.com":1,"***@******e.com~2":{"x":2}}"#,
        ),
        (r#"["a@b\ud83d\ude00"]"#, r#"["a@b\ud83d\ude00"]"#),
    ] {
        let masked = mask(&plan, text.as_bytes()).unwrap();
        assert_eq!(masked, wanted, "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(&masked).is_ok(), "{masked}");
    }
}

#[test]
fn what_is_wrapped_in_a_string_is_unwrapped() {
    let plan = plan(&[rule(&["ssn"], &[Entity::EmailAddress], MaskOp::Redact)]);
    let inner = r#"{"ssn":"s3cret","n":[1.50],"mail":"x"}"#;
    let json = serde_json::to_string(inner).unwrap();
    let twice = serde_json::to_string(&json).unwrap();
    let base64 = |text: &str| {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    for value in [
        json.clone(),
        twice.clone(),
        format!("\"{}\"", base64(inner)),
        format!("\"{}\"", base64("write to alice@example.com")),
    ] {
        let masked = mask(&plan, format!(r#"{{"v":{value}}}"#).as_bytes()).unwrap();
        assert!(masked.contains("REDACTED") && !masked.contains("s3cret"), "{masked}");
        assert!(serde_json::from_str::<serde_json::Value>(&masked).is_ok(), "{masked}");
    }
    assert_eq!(
        mask(&plan, format!("[{json}]").as_bytes()).unwrap(),
        format!("[{}]", json.replace("s3cret", "[REDACTED]"))
    );
    let mut wrapped = inner.to_owned();
    for _ in 0..8 {
        wrapped = serde_json::to_string(&wrapped).unwrap();
    }
    assert_eq!(mask(&plan, wrapped.as_bytes()), Err(Unmaskable::TooDeep));
    let url = mask(&plan, br#"["https://x/?u=alice%40example.com&v=1"]"#).unwrap();
    assert_eq!(url, r#"["https://x/?u=[REDACTED]&v=1"]"#);
}

#[test]
fn a_value_longer_than_what_is_held_is_refused_however_it_comes() {
    let plan = plan(&[rule(&["ssn"], &[Entity::EmailAddress], MaskOp::Redact)]);
    for size in [(1 << 20) - 3, 1 << 20] {
        let text = format!("[\"{}\"]", "x".repeat(size));
        let whole = mask(&plan, text.as_bytes());
        let (mut masker, mut notes, mut out) = (JsonMasker::new(false), Notes::new(), Vec::new());
        let pieces = text
            .as_bytes()
            .chunks(60_000)
            .try_for_each(|piece| masker.push(&plan, piece, &mut notes, &mut out));
        assert_eq!(whole.is_ok(), size < 1 << 20);
        assert_eq!(pieces.is_ok(), whole.is_ok());
    }
    let many = format!("[{}1]", "\"abc\",".repeat(1 << 18));
    assert_eq!(mask(&plan, many.as_bytes()), Ok(many));
}

#[test]
fn lines_are_put_out_at_their_end() {
    let plan = fields(MaskOp::Redact);
    let (mut masker, mut notes, mut out) = (JsonMasker::new(true), Notes::new(), Vec::new());
    masker.push(&plan, b"{\"ssn\":\"a\"}\n12\n{\"ssn\"", &mut notes, &mut out).unwrap();
    assert_eq!(out, b"{\"ssn\":\"[REDACTED]\"}\n12\n{\"ssn\"");
    masker.push(&plan, b":true}\r\n\n\"x\"", &mut notes, &mut out).unwrap();
    masker.finish(&plan, &mut notes, &mut out).unwrap();
    assert!(out.ends_with(b"{\"ssn\":null}\r\n\n\"x\""));
}

/// Generates any JSON, as text with any white space and escapes.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| format!("{number:e}")),
        "\\PC{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        "[a-z@.:0-9 \\\\\"-]{0,20}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec((inner.clone(), "[ \n\t]{0,2}"), 0..6).prop_map(|all| format!(
                "[{}]",
                all.into_iter().map(|(v, s)| format!("{s}{v}{s}")).collect::<Vec<_>>().join(",")
            )),
            prop::collection::vec(("[a-z]{0,4}|ssn|S_S-N|a_token", inner, "[ \n\t]{0,2}"), 0..6).prop_map(
                |all| format!(
                    "{{{}}}",
                    all.into_iter()
                        .map(|(k, v, s)| format!("{s}\"{k}\"{s}:{v}{s}"))
                        .collect::<Vec<_>>()
                        .join(",")
                )
            ),
        ]
    })
}

/// Returns a JSON string with each character escaped or not, according to the bits.
fn escaped(text: &str, bits: u64) -> String {
    let one = |(place, c): (usize, char)| match bits >> (place % 64) & 1 {
        1 => format!("\\u{:04x}", u32::from(c)),
        _ => c.to_string(),
    };
    text.chars().enumerate().map(one).collect()
}

fn masked_value(value: &serde_json::Value, named: bool) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Null => Value::Null,
        Value::Array(all) => all.iter().map(|value| masked_value(value, named)).collect(),
        Value::Object(_) | Value::String(_) if named => "[REDACTED]".into(),
        _ if named => Value::Null,
        Value::Object(all) => all
            .iter()
            .map(|(name, value)| {
                let folded = name.replace(['_', '-'], "").to_lowercase();
                (name.clone(), masked_value(value, folded == "ssn" || folded.ends_with("token")))
            })
            .collect(),
        _ => value.clone(),
    }
}

/// Masks a text in pieces: the output, the notes, and the result.
fn in_pieces(plan: &Plan, text: &[u8], sizes: &[usize]) -> (Vec<u8>, Notes, Result<(), Unmaskable>) {
    let (mut masker, mut notes, mut out) = (JsonMasker::new(false), Notes::new(), Vec::new());
    let (mut rest, mut sizes) = (text, sizes.iter().cycle());
    while !rest.is_empty() {
        let (piece, others) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        if let Err(error) = masker.push(plan, piece, &mut notes, &mut out) {
            return (out, notes, Err(error));
        }
        rest = others;
    }
    let done = masker.finish(plan, &mut notes, &mut out);
    (out, notes, done)
}

proptest! {
    #[test]
    fn the_short_way_leads_where_the_reader_goes(
        record in json(), other in json(), order in prop::collection::vec(any::<bool>(), 1..8), bits in any::<u64>(),
        changes in prop::collection::vec((0usize..2000, prop_oneof!["[]{}:,\"\\\\0-9eE.+tfn \n\t-]", "[a-z\u{1}é]"], 0usize..3), 0..3),
        deep in prop_oneof![3 => 0usize..3, 1 => 55usize..66], tail in prop::sample::select(vec!["", "", "", ",", ",1]", "]", "1", "}", " "]), sizes in prop::collection::vec(prop_oneof![1usize..90, 90usize..3000], 1..5),
    ) {
        // Records that repeat, with names that are masked or written with escapes, and some invalid
        // characters.
        let named = |name: &str| format!(r#"{{"{name}":"s3cret 1","n":{record},"{name}" : [{record}, "x"],"a_name_that_is_too_long_to_be_kept_token":7}}"#);
        let (plain, odd) = (named("ssn"), named(&escaped("ssn", bits)));
        let records: Vec<&str> = order.iter().flat_map(|plain_first| if *plain_first { [&*plain, &*other] } else { [&*odd, &*record] }).collect();
        let mut text = format!("{}[{}]{}{tail}", "[".repeat(deep), records.join(",\n  "), "]".repeat(deep));
        for (at, written, removed) in &changes {
            let signs: Vec<usize> = text.match_indices(['[', ']', '{', '}', ',', ':', '"', '\\', '0']).map(|(at, _)| at).collect();
            let start = signs.get(at % signs.len().max(1)).copied().unwrap_or(0);
            text.replace_range(start..text.ceil_char_boundary(start + removed), written);
        }
        for op in [MaskOp::Redact, MaskOp::KeepLast { n: 2 }] {
            let short = fields(op.clone());
            // With a detector every token is read separately; this one finds nothing. In single bytes each
            // hit is noted separately.
            let long = plan(&[rule(&["ssn", "*_token"], &[], op), rule(&[], &[Entity::AwsKey], MaskOp::Redact)]);
            let (out, notes, done) = in_pieces(&short, text.as_bytes(), &sizes);
            let (wanted, noted, ended) = in_pieces(&long, text.as_bytes(), &[1]);
            prop_assert_eq!(&done, &ended, "{}", text);
            if done.is_ok() {
                prop_assert_eq!(String::from_utf8(out).unwrap(), String::from_utf8(wanted).unwrap());
                prop_assert_eq!(notes.as_slice(), noted.as_slice());
            }
            prop_assert_eq!(mask(&short, text.as_bytes()).is_ok(), done.is_ok());
            // A masker that was used for other bodies gives the same result as a new one.
            let used = Arc::new(short);
            for body in [&*format!("[{other},{record}]"), &*plain, &*odd, &*text] {
                let (mut masker, mut masked) = (Masker::new(Arc::clone(&used), Format::Json), Vec::new());
                let again = body.as_bytes().chunks(97).try_for_each(|piece| masker.push(piece, &mut masked));
                let again = again.and_then(|()| masker.finish(&mut masked));
                let (fresh, fresh_notes, fresh_done) = in_pieces(&used, body.as_bytes(), &[97]);
                prop_assert_eq!(&again, &fresh_done);
                if again.is_ok() {
                    prop_assert_eq!(String::from_utf8(masked).unwrap(), String::from_utf8(fresh).unwrap());
                    prop_assert_eq!(masker.notes().as_slice(), fresh_notes.as_slice());
                }
            }
        }
    }

    #[test]
    fn masking_equals_masking_a_tree(text in json()) {
        let masked = mask(&fields(MaskOp::Redact), text.as_bytes()).unwrap();
        let tree: serde_json::Value = serde_json::from_str(&text).unwrap();
        let seen: serde_json::Value = serde_json::from_str(&masked).unwrap();
        prop_assert_eq!(seen, masked_value(&tree, false), "{} {}", text, masked);
    }

    #[test]
    fn without_a_name_that_matches_every_byte_stays(text in json()) {
        let plan = plan(&[rule(&["nobody"], &[], MaskOp::Redact)]);
        prop_assert_eq!(mask(&plan, text.as_bytes()).unwrap(), text);
    }

    #[test]
    fn what_another_strict_parser_refuses_is_refused(text in "[\\[\\]{}:,\"\\\\a0-9eE.+ tnulr-]{0,12}") {
        let plan = plan(&[rule(&["nobody"], &[], MaskOp::Redact)]);
        let strict = serde_json::from_str::<serde_json::Value>(&text);
        let out_of_range = strict.as_ref().is_err_and(|error| error.to_string().contains("number out of range"));
        prop_assert!(text.trim().is_empty() || out_of_range || mask(&plan, text.as_bytes()).is_ok() == strict.is_ok(), "{}", text);
    }

    #[test]
    fn a_planted_secret_never_comes_through(
        around in json(), name_bits in any::<u64>(), value_bits in any::<u64>(), which in 0usize..5, wraps in 0usize..3, cut in 0usize..4000,
    ) {
        let (name, secret) = [("ssn", "tops3cret"), ("x", "mallory@evil.example"), ("x", "4111 1111 1111 1111"), ("Access-Token", "tops3cret"),
            ("y", "123-45-6789")][which];
        let mut planted = format!(r#"{{"{}":"{}"}}"#, escaped(name, name_bits), escaped(secret, value_bits));
        for _ in 0..wraps {
            planted = format!(r#"{{"w":{}}}"#, serde_json::to_string(&planted).unwrap());
        }
        let text = format!("[{around},{planted},{around}]");
        let plan = plan(&[rule(&["ssn", "*token"], &[Entity::EmailAddress, Entity::CreditCard, Entity::UsSsn], MaskOp::Redact)]);
        let masked = mask(&plan, text.as_bytes()).unwrap();
        let mut plain = masked.clone();
        for _ in 0..=wraps {
            prop_assert!(!plain.contains(secret), "{}", masked);
            plain = plain.replace("\\\\", "\\").replace("\\\"", "\"");
            for c in secret.chars() {
                plain = plain.replace(&format!("\\u{:04x}", u32::from(c)), &c.to_string());
            }
        }
        prop_assert!(!plain.contains(secret), "{}", masked);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&masked).is_ok(), "{}", masked);
        let (mut masker, mut notes, mut out) = (JsonMasker::new(false), Notes::new(), Vec::new());
        let (one, two) = text.as_bytes().split_at(cut.min(text.len()));
        masker.push(&plan, one, &mut notes, &mut out).unwrap();
        masker.push(&plan, two, &mut notes, &mut out).unwrap();
        masker.finish(&plan, &mut notes, &mut out).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), masked);
    }

    #[test]
    fn any_bytes_at_all_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let plan = fields(MaskOp::Redact);
        drop(mask(&plan, &bytes));
    }
}
