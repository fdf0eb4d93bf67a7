//! The extent of values in ordinary text: stray characters mask little, and nothing of a value leaks.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::mask::Format;
use crate::mask::Masker;
use crate::mask::attacks::plan_of_shapes;
use crate::mask::tests::run;
use crate::mask::worst::clock;

#[test]
fn a_stray_sign_in_a_long_text_masks_little_of_it_and_costs_little() {
    let plan = Arc::new(plan_of_shapes());
    let prose = "This is what people write, and it's not a secret [1].\n".repeat(2_500);
    for begin in [
        "ssn: [see below\n",
        "ssn = [^\\[]+\n",
        "the ssn: 'unknown\n",
        "the ssn=\"unknown\n",
        "ssn: '''unknown\n",
        "a <ssn> b\n",
        "a Promise<ssn> b\n",
        "a &lt;ssn&gt; b\n",
        "<ssn>\n",
        "ssn: \\\"a\n",
    ] {
        let text = format!("Notes\n{begin}{prose}");
        let masked = run(&plan, Format::Text, &[text.as_bytes()]).unwrap();
        assert!(masked.len() + (8 << 10) > text.len(), "{begin}: {} of {}", masked.len(), text.len());
        let (mut masker, mut out) = (Masker::new(Arc::clone(&plan), Format::Text), Vec::new());
        masker.push(&text.as_bytes()[..16 << 10], &mut out).unwrap();
        assert!(out.len() > 7 << 10, "{begin}: {} of 16 KiB came at once", out.len());
    }
    let (line, log) = ("GET /a\n".repeat(19), |line: &str| format!("t=1 ssn=\"x\n{line}").repeat(2_000));
    let masked = run(&plan, Format::Text, &[log(&line).as_bytes()]);
    assert_eq!(masked, Ok(log(&line).replace("\"x", "\"[REDACTED]")));
    for (text, times) in [
        ("=\n", 50_000),
        ("QQ==\n", 40_000),
        ("%41 ssn=\"x\n", 9_000),
        ("%41 ssn: [x\n", 9_000),
        ("%41 <ssn>\n", 9_000),
        ("<ssn> ", 30_000),
        ("a <ssn></x>", 20_000),
        ("ssn: [x\n", 12_000),
    ] {
        let begun = clock();
        assert!(run(&plan, Format::Text, &[text.repeat(times).as_bytes()]).is_ok(), "{text}");
        let took = clock().saturating_sub(begun);
        assert!(took.as_secs() < 2, "{text:?}: {took:?}");
    }
}

/// Returns a named value, with `secret` anywhere in it and characters that could be taken for its end.
fn value() -> impl Strategy<Value = String> {
    let of = |parts: &'static [&'static str]| vec(select(parts), 1..10).prop_map(|parts| parts.concat());
    let element = of(&[
        "secret",
        "a ",
        "\n",
        "\r\n",
        "<b>",
        "</b>",
        "-->",
        "?>",
        "'",
        "\"",
        "<?pi </ssn> ?>",
        "<x a='</ssn>'>",
        "/>",
        ">",
        "[",
        "=",
        "ssn: ",
        "<ssn a='/>'></ssn>",
        "<![CDATA[</ssn>]]>",
        "<!--</ssn>-->",
        "=\n",
        "&gt;",
        "\\",
    ]);
    let quoted = of(&["secret", "a ", "\n", "\r\n", "'", "[", "]", "<b>", "it's ", "}", "ssn", "\n\n"]);
    let doubled = of(&["secret", " ", "''", "\"", "]", "<b>", ", b: "]);
    let list = of(&["secret", ", ", ", ']'", ", \"]\"", "\n", "\r\n", "{a: b}", "[1]", "<b>", ", b: "]);
    let lines = of(&[
        "  secret\n",
        "\tsecret\n",
        "# c\n",
        "  # c\n",
        "\n",
        "  - secret\n",
        "  a: secret\n",
        "    secret\r\n",
    ]);
    let header = select(vec![
        "ssn:\n",
        "ssn: |\n",
        "ssn: >-  # c\n",
        "&a ssn:\n",
        "ssn: &a\n",
        "ssn: !!str\n",
        "? ssn\n:\n",
    ]);
    prop_oneof![
        (element, select(vec!["", "a ", "a"]))
            .prop_map(|(inside, before)| format!("{before}<ssn>{inside}</ssn>\n")),
        quoted.prop_map(|inside| format!("ssn: \"{inside}\"\n")),
        doubled.prop_map(|inside| format!("a ssn: '-{inside}-'\n")),
        list.prop_map(|inside| format!("x ssn=[1{inside}]\n")),
        (header, lines).prop_map(|(header, lines)| format!("{header}  1\n{lines}b: 2\n")),
    ]
}

/// Generates other text, of complete lines.
fn other() -> impl Strategy<Value = String> {
    let parts = select(vec![
        "a ", "b: ", "=", "\n", "\n", "\"", "'", "[", "}", "<b>", "</b>", "<!--", "=\n", "%41", "&lt;",
    ]);
    vec(parts, 0..8).prop_map(|parts| format!("{}\n", parts.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn nothing_of_a_named_value_leaves(before in other(), value in value(), after in other(), size in 1usize..40) {
        let text = format!("{before}{value}{after}");
        let plan = Arc::new(plan_of_shapes());
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
        for pieces in [&pieces[..], &[text.as_bytes()]] {
            let masked = run(&plan, Format::Text, pieces).unwrap_or_default();
            prop_assert!(!masked.contains("secret"), "{text:?} {masked:?}");
        }
    }
}
