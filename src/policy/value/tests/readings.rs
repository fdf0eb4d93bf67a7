//! Values and names that some targets read as others.

use super::*;

/// Each value as JSON.
fn values(pattern: &str, answer: Answer, values: &[&str]) {
    for value in values {
        assert_eq!(args("n", pattern, &format!("{{\"n\":{value}}}")), answer, "{pattern} {value}");
    }
}

#[test]
fn a_number_that_some_targets_read_as_the_literal_is_unsure() {
    values(
        "8",
        Unsure,
        &[
            "8.0000000000000000001",
            "8.7",
            "7.5",
            "8e1",
            "8e400",
            "4294967304",
            "-4294967288",
            "4294967304.5",
            "18446744073709551624",
            "1e39",
        ],
    );
    values("8", No, &["9", "7", "-8", "12.5", "80", "88", "9e2", "4294967305", "9007199254740993", "-0.5"]);
    values("0", Unsure, &["-0.5", "0.2", "1e-400", "4294967296", "null", "\"\"", "\" \"", "false"]);
    values("0", Yes, &["0", "-0", "0.0", "0e9", "\"0\""]);
    values("-8", Unsure, &["-8.5", "-7.9", "4294967288"]);
    values("2147483647", Unsure, &["2147483648", "99999999999"]);
    values("2147483647", No, &["-2147483650", "2147483646"]);
    values("9007199254740993", Unsure, &["9007199254740992", "9007199254740994"]);
    values("0.1", Unsure, &["0.10000000000000000001"]);
    values("0.1", No, &["0.11", "0", "1"]);
}

#[test]
fn a_number_within_rounding_of_the_operand_is_unsure() {
    values(">= 1000", Unsure, &["999.99999999999999999999", "999.9999999999999"]);
    values("> 1000", Unsure, &["1000.0000000000000000000000001", "\"1000.0000000000000000000000001\""]);
    values("< 0.3", Unsure, &["0.29999999999999999999999999999"]);
    values("<= 9007199254740992", Unsure, &["9007199254740993"]);
    values("< 1e-400", Unsure, &["0"]);
    values(">= 9007199254740992", No, &["9007199254740991"]);
    values(">= 9007199254740992", Yes, &["9007199254740992", "90071992547409930"]);
    values(">= 1000", No, &["999", "999.99", "\"999\""]);
}

#[test]
fn a_text_with_a_number_in_it_is_unsure_beside_a_number() {
    values(
        "8",
        Unsure,
        &[
            r#""８""#,
            r#""٨""#,
            r#""⑧""#,
            r#""0_8""#,
            r#""0x8""#,
            r#""8abc""#,
            "\"#8\"",
            r#""--8""#,
            r#""8.9""#,
            r#""8.00000000000000001""#,
            r#""4294967304""#,
            r#""&#56;""#,
            r#""8e1""#,
            r#""7+1""#,
            r#""8\u0000""#,
            r#""010""#,
        ],
    );
    values("8", No, &[r#""9""#, r#""-8""#, r#""80""#, r#""12.5""#, r#""abc""#, r#""""#, "true", "null"]);
    values("8", Yes, &[r#""8""#]);
    for (body, answer) in [
        ("id=8abc", Unsure),
        ("id=%EF%BC%98", Unsure),
        ("id=0_8", Unsure),
        ("id=8.7", Unsure),
        ("id=4294967304", Unsure),
        ("id=9", No),
        ("id=abc", No),
    ] {
        assert_eq!(form("id", "8", body, ""), answer, "{body}");
        assert_eq!(form("id", "8", "", body), answer, "{body}");
    }
    assert_eq!(form("id", "8", "id=8", ""), Yes);
    assert_eq!(form("on", "true", "on=1", ""), Unsure);
}

#[test]
fn what_stands_for_true_and_false_is_unsure_beside_these_words() {
    values("1", Unsure, &["true", "\"true\""]);
    values("1", No, &["false", "null", "\"x\""]);
    values("0", No, &["true"]);
    values("true", Unsure, &["1", "-1", "0.5", r#""1""#, r#""True""#, r#""yes""#, r#"" on""#, r#""T""#]);
    values("true", No, &["0", "false", "null", r#""0""#, r#""no""#, r#""""#, r#""truer""#]);
    values("false", Unsure, &["0", "null", r#""0""#, r#""FALSE""#, r#""off""#, r#""""#]);
    values("false", No, &["1", "true", r#""yes""#]);
    values("null", Unsure, &[r#""NULL""#]);
}

#[test]
fn a_text_that_only_looks_like_the_literal_is_unsure() {
    values(
        "admin",
        Unsure,
        &[
            r#""Admin""#,
            r#""ADMIN""#,
            r#""adm\u0131n""#,
            r#""adm\u0130n""#,
            r#""admin ""#,
            r#""\tadmin""#,
            r#""admin\u0000""#,
            r#""admin\u0000x""#,
            r#""ad\u200bmin""#,
            r#""\ufeffadmin""#,
            r#""ａdmin""#,
            r#""admin\u00a0""#,
        ],
    );
    values(
        "admin",
        No,
        &[r#""admins""#, r#""ad min""#, r#""root""#, r#""""#, r#""x\u0000admin""#, "1", "true"],
    );
    values("admin", Yes, &[r#""admin""#]);
    values("gold|silver", Unsure, &[r#""Silver""#]);
    values("!= admin", Unsure, &[r#""Admin""#]);
    values("= a b", Unsure, &[r#""A\u00a0b""#]);
    assert_eq!(form("role", "admin", "role=Admin", ""), Unsure);
    assert_eq!(form("role", "admin", "role=admin%00", ""), Unsure);
    // An issuer means what it writes.
    assert_eq!(claims("role", "admin", r#"{"role":"Admin"}"#), No);
    assert_eq!(claims("level", "8", r#"{"level":8.7}"#), No);
    assert_eq!(claims("level", "8", r#"{"level":"8abc"}"#), No);
    assert_eq!(claims("level", "> 1000", r#"{"level":1000.0000000000000000000000001}"#), Yes);
}

#[test]
fn a_name_that_only_looks_like_the_path_is_unsure() {
    for name in [
        "amount ",
        " amount",
        "am ount",
        "amount\\u0000",
        "amount\\u0000x",
        "amount\\u200b",
        "\\ufeffamount",
        "ａmount",
        "Amount",
        "a_mount",
        "[amount]",
        "amount[]",
        "amount[0]",
        "amount\\u00a0",
    ] {
        let body = format!("{{\"{name}\":5000}}");
        assert_eq!(args("amount", "> 1000", &body), Unsure, "{name}");
        let body = format!("{{\"amount\":5,\"{name}\":5000}}");
        assert_eq!(args("amount", "> 1000", &body), Unsure, "{name}");
        let body = format!("{{\"{name}\":5}}");
        assert_eq!(args("amount", "> 1000", &body), No, "{name}");
    }
    for name in ["amounts", "x.amount", "amount.x", "x[amount]", "\\u0000amount", "amount.currency"] {
        assert_eq!(args("amount", "> 1000", &format!("{{\"{name}\":5000}}")), No, "{name}");
    }
    for name in [
        "order.amount",
        "order[amount]",
        "Order.Amount",
        "order[0].amount",
        "order.amount[]",
        "[order][amount]",
        "order.ａmount",
    ] {
        let body = format!("{{\"{name}\":5000}}");
        assert_eq!(args("order.amount", "> 1000", &body), Unsure, "{name}");
        let body = format!("{{\"order\":{{\"amount\":5}},\"{name}\":5000}}");
        assert_eq!(args("order.amount", "> 1000", &body), Unsure, "{name}");
        let body = format!("[{{\"x\":{{}},\"{name}\":{{\"$gt\":0}}}}]");
        assert_eq!(args("order.amount", "> 1000", &body), Unsure, "{name}");
    }
    assert_eq!(args("a.order.amount", "> 1000", r#"{"a":{"order.amount":5000}}"#), Unsure);
    assert_eq!(args("a.order.amount", "> 1000", r#"{"a.order":{"amount":5000}}"#), Unsure);
    assert_eq!(args("order.amount", "> 1000", r#"{"order.amounts":5000,"x.order.amount":5000}"#), No);
    assert_eq!(args(r"order\.amount", "> 1000", r#"{"order.amount":5000}"#), Yes);
    let deep = format!("{{\"order{}.amount\":5000}}", "[0]".repeat(1000));
    assert_eq!(args("order.amount", "> 1000", &deep), Unsure);
    let long = format!("{{\"order.{}\":5000}}", "x".repeat(1 << 20));
    assert_eq!(args("order.amount", "> 1000", &long), Unsure, "too long to be taken apart");
}

proptest! {
    #[test]
    fn how_a_number_is_written_never_gets_it_past_a_condition(
        number in -100_i64..100,
        spelling in 0_usize..8,
        wanted in -100_i64..100,
    ) {
        let value = match spelling {
            0 => format!("{number}"),
            1 => format!("{number}.0"),
            2 => format!("{}e-1", number * 10),
            3 => format!("\"{number}\""),
            4 => format!("\"{number}abc\""),
            5 => format!("\" {number}\\u200b\""),
            6 => format!("{}", number + (1 << 32)),
            _ => format!("{number}.00000000000000000000001"),
        };
        let answer = args("n", &wanted.to_string(), &format!("{{\"n\":{value}}}"));
        if number == wanted {
            prop_assert_ne!(answer, No, "{}", value);
        } else {
            prop_assert_ne!(answer, Yes, "{}", value);
        }
    }

    #[test]
    fn how_a_text_is_written_never_gets_it_past_a_condition(
        word in "[a-z]{1,8}",
        before in "[ \\t\u{200b}\u{feff}\u{a0}]{0,2}",
        behind in "[ \\n\u{0}\u{200b}\u{ad}]{0,2}",
        upper in any::<[bool; 8]>(),
    ) {
        let mixed: String = word.chars().zip(upper).map(|(c, up)| if up { c.to_ascii_uppercase() } else { c }).collect();
        let body = Json::Object(vec![("n".into(), Json::String(format!("{before}{mixed}{behind}").into()))]);
        prop_assert_ne!(args("n", &word, &body.to_string()), No);
        let name = Json::Object(vec![(format!("{before}{mixed}{behind}").into(), Json::Number("5000".into()))]);
        prop_assert_ne!(args(&word, "> 1000", &name.to_string()), No);
    }
}
