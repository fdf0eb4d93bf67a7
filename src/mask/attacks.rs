//! Values that hide from masks: under names further up, behind escapes, in the structure of a text.

use std::sync::Arc;

use crate::domain::MaskOp;
use crate::mask::Format;
use crate::mask::tests::everything;
use crate::mask::tests::plan;
use crate::mask::tests::rule;
use crate::mask::tests::run;

#[test]
fn a_form_is_masked_under_a_masked_name_however_deep() {
    let plan = everything();
    for name in ["ssn", "ssn%5B0%5D", "ssn[num]", "ssn.num", "user[ssn][a]", "u.ssn.x[]", "ssn%5b%5d"] {
        let wanted = format!("a=1&{name}=%5BREDACTED%5D&b=x");
        let masked = run(&plan, Format::Form, &[format!("a=1&{name}=secret&b=x").as_bytes()]);
        assert_eq!(masked.as_deref(), Ok(&*wanted));
    }
    let link = b"u=https%3A%2F%2Fh%3Faccess_token%3Dsecret&n=ssnx";
    let wanted = "u=https%3A%2F%2Fh%3Faccess_token%3D%5BREDACTED%5D&n=ssnx";
    assert_eq!(run(&plan, Format::Form, &[link]).as_deref(), Ok(wanted));
}

#[test]
fn a_named_value_in_a_string_is_masked_with_detectors_and_without() {
    let named = Arc::new(plan(&[rule(&["ssn", "*token"], &[], MaskOp::Redact)]));
    for plan in [named, everything()] {
        for (text, wanted) in [
            ("ssn=secret", "ssn=[REDACTED]"),
            ("a ssn: secret", "a ssn: [REDACTED]"),
            ("x {\"ssn\":\"secret\"}", "x {\"ssn\":\"[REDACTED]\"}"),
            ("{'ssn':'secret'}", "{'ssn':'[REDACTED]'}"),
            ("https://h/cb?access_token=secret", "https://h/cb?access_token=[REDACTED]"),
            ("/cb?next=%2Fy%3Faccess_token%3Dsecret", "/cb?next=%2Fy%3Faccess_token%3D[REDACTED]"),
            ("/cb%3Faccess_token%3Dsecret", "/cb%3Faccess_token%3D[REDACTED]"),
            ("<ssn>secret</ssn>", "<ssn>[REDACTED]</ssn>"),
            ("&lt;ssn&gt;secret&lt;/ssn&gt;", "&lt;ssn&gt;[REDACTED]&lt;/ssn&gt;"),
            ("\u{feff} {\"ssn\":\"secret\"}", "\u{feff} {\"ssn\":\"[REDACTED]\"}"),
            ("x {\"s\\u0073n\":\"secret\"}", "x {\"s\\u0073n\":\"[REDACTED]\"}"),
            ("at 10:30, of a=1 & b: 2", "at 10:30, of a=1 & b: 2"),
        ] {
            let body =
                |text: &str| format!("[{{\"a\":{},\"n\":\"b\"}}]", serde_json::to_string(text).unwrap());
            assert_eq!(run(&plan, Format::Json, &[body(text).as_bytes()]), Ok(body(wanted)), "{text}");
        }
    }
}

#[test]
fn values_behind_the_escapes_and_structure_of_a_text_are_masked() {
    let plan = everything();
    for (text, wanted) in [
        ("<a href=\"mailto:kim&#64;example.com\">x</a>", "<a href=\"mailto:[REDACTED]\">x</a>"),
        ("to kim&commat;example.com, to", "to [REDACTED], to"),
        ("is 123&#45;45&#45;6789 now", "is [REDACTED] now"),
        (
            "var a=\"kim\\u0040example.com\", s=\"123\\x2d45\\x2d6789\";",
            "var a=\"[REDACTED]\", s=\"[REDACTED]\";",
        ),
        ("EMAIL:kim=40example.com\r\nN:kim\r\n", "EMAIL:[REDACTED]\r\nN:kim\r\n"),
        ("[[{\"\\u0073sn\":{\"a\":[\n\"secret\"]}}]]", "[[{\"\\u0073sn\":\"[REDACTED]\"}]]"),
        ("[1,{\"\\u0073sn\":\"secret\"}]", "[1,{\"\\u0073sn\":\"[REDACTED]\"}]"),
        (")]}'\n{\"\\u0073sn\":{\"a\":[\n\"secret\"]}}", ")]}'\n{\"\\u0073sn\":\"[REDACTED]\"}"),
        ("a: 1\nssn: |\n  secret\n\n  more\nb: 2\n", "a: 1\nssn: |\n  [REDACTED]\nb: 2\n"),
        ("ssn: >-  # folded\n  secret", "ssn: >-  # folded\n  [REDACTED]"),
        ("- ssn:\n    secret\n  b: 2\n", "- ssn:\n    [REDACTED]\n  b: 2\n"),
        ("ssn:\n- secret\n- more\nb: 2\n", "ssn:\n[REDACTED]\nb: 2\n"),
        ("ssn:\nb: 2\n", "ssn:\nb: 2\n"),
        ("<ssn><![CDATA[</ssn>]]>secret</ssn> x", "<ssn>[REDACTED]</ssn> x"),
        ("<ssn><!-- </ssn> -->secret</ssn> x", "<ssn>[REDACTED]</ssn> x"),
        ("<ssn>a<ssn>b</ssn>secret</ssn> x", "<ssn>[REDACTED]</ssn> x"),
        ("100% of a=1 &amp; b, C:\\x", "100% of a=1 &amp; b, C:\\x"),
    ] {
        assert_eq!(run(&plan, Format::Text, &[text.as_bytes()]).as_deref(), Ok(wanted), "{text}");
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(run(&plan, Format::Text, &bytes).as_deref(), Ok(wanted), "{text} byte by byte");
    }
    for (format, body) in [
        (Format::Text, &b"\x4c\x6f\xa7\x94\x93"[..]),
        (Format::Text, b"caf\xe9"),
        (Format::Csv, b"a,caf\xe9\n"),
        (Format::Text, b"<meta charset=utf-7>+AHM-sn"),
    ] {
        assert!(run(&plan, format, &[body]).is_err());
    }
}

#[test]
fn a_second_table_is_masked_by_its_header_and_data_is_none() {
    let plan = Arc::new(plan(&[rule(&["ssn", "email"], &[], MaskOp::Redact)]));
    for (text, wanted) in [
        ("ssn,a\nx,1\n\na,ssn\n1,secret\n", "ssn,a\n[REDACTED],1\n\n[REDACTED],ssn\n[REDACTED],[REDACTED]\n"),
        ("ssn,a\nx,1\na,ssn\n1,secret\n", "ssn,a\n[REDACTED],1\n[REDACTED],ssn\n[REDACTED],[REDACTED]\n"),
        ("id,kind,ssn\n1,email,x\n2,phone,y\n", "id,kind,ssn\n1,email,[REDACTED]\n2,phone,[REDACTED]\n"),
    ] {
        assert_eq!(run(&plan, Format::Csv, &[text.as_bytes()]).as_deref(), Ok(wanted), "{text}");
    }
}

#[test]
fn signs_that_close_nothing_are_passed_over_once() {
    let plan = Arc::new(plan(&[rule(&["ssn"], &[], MaskOp::Redact)]));
    let body = format!("{{\"x\":\"{}\"}}", ">".repeat(1_000_000));
    let begun = std::time::Instant::now();
    assert_eq!(run(&plan, Format::Json, &[body.as_bytes()]).as_deref(), Ok(&*body));
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}
