//! Values that stand beside each other, and beside other numbers.

use super::*;

/// Values of each kind.
const VALUES: [&str; 20] = [
    "4111111111111111",
    "5555555555554444",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "378282246310005",
    "3782 822463 10005",
    "3782-822463-10005",
    "4222222222222",
    "123-45-6789",
    "899-99-9999",
    "DE89370400440532013000",
    "DE89 3704 0044 0532 0130 00",
    "NO9386011117947",
    "zoe@example.com",
    "10.20.30.40",
    "2001:db8::1",
    "::ffff:10.20.30.40",
    "AKIAIOSFODNN7EXAMPL3",
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln",
    "-----BEGIN KEY-----\nMC4CAQAwBQYDK2VwBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6Uq\n-----END KEY-----",
];

const SIGNS: [&str; 8] = [" ", ",", ";", "\t", "\n", "/", " - ", "-"];

/// The text with all that is masked in it taken out.
fn left(text: &str) -> String {
    let mut left = String::new();
    let mut done = 0;
    for finding in scan(text, &Entity::BUILT_IN, [], "").unwrap() {
        if finding.score >= THRESHOLD {
            left.push_str(&text[done..finding.start]);
            left.push('#');
            done = finding.end;
        }
    }
    left + &text[done..]
}

#[test]
fn a_card_behind_another_number_is_found() {
    let card = "4111111111111111";
    for (text, wanted) in [
        (format!("{card} 5555555555554444"), "# #"),
        (format!("{card} {card} 378282246310005 done"), "# # # done"),
        (format!("{card}-5555555555554444"), "#-#"),
        (format!("{card}-1"), "#-1"),
        ("4111-1111-1111-1111-5555-5555-5555-4444".into(), "#-#"),
        ("4111 1111 1111 1111 5555 5555 5555 4444".into(), "# #"),
        (format!("1 2 3 4 5 6 7 8 9 {card}"), "1 2 3 4 5 6 7 8 9 #"),
        (format!("1-2-3-4-5-6-7-8-9-{card}"), "1-2-3-4-5-6-7-8-9-#"),
        ("12-34-56-4111-1111-1111-1111-78".into(), "12-34-56-#-78"),
        ("0 0 0 0 0 0 0 0 4111 1111 1111 1111".into(), "0 0 0 0 0 0 0 0 #"),
        ("2026 2027 2028 2029 2030 4111 1111 1111 1111 2031".into(), "2026 2027 2028 2029 2030 # 2031"),
        // In the groups of something else.
        ("1234-5678-411111-1111111111-12".into(), "1234-5678-411111-1111111111-12"),
    ] {
        assert_eq!(left(&text), wanted, "{text}");
    }
}

#[test]
fn a_social_security_number_may_be_joined_to_another_value_only() {
    for (text, wanted) in [
        ("123-45-6789-899-99-9999", "#-#"),
        ("123-45-6789-899-99-9999-001-01-0001", "#-#-#"),
        ("4111111111111111-123-45-6789-10.20.30.40", "#-#-#"),
        ("DE89 3704 0044 0532 0130 00-123-45-6789", "#-#"),
        ("AKIAIOSFODNN7EXAMPL3-123-45-6789", "#-#"),
        ("123-45-6789-1", "123-45-6789-1"),
        ("1-123-45-6789", "1-123-45-6789"),
        ("4111111111111112-123-45-6789", "4111111111111112-123-45-6789"),
    ] {
        assert_eq!(left(text), wanted, "{text}");
    }
}

#[test]
fn blanks_and_dashes_beyond_ascii_join_groups_too() {
    for sign in ["\u{a0}", "\u{202f}", "\u{2010}", "\u{2011}", "\u{2013}"] {
        for (number, wanted) in [
            ("4111~1111~1111~1111", "é #."),
            ("123~45~6789", if sign.trim().is_empty() { "é 123~45~6789." } else { "é #." }),
            ("GB82~WEST~1234~5698~7654~32", "é #."),
            ("4111~1111~1111~1112", "é 4111~1111~1111~1112."),
            ("2020~2025", "é 2020~2025."),
        ] {
            for blanks in [0, 57] {
                let text = format!("{}é {number}.", " ".repeat(blanks)).replace('~', sign);
                assert_eq!(left(&text), " ".repeat(blanks) + &wanted.replace('~', sign), "{text}");
            }
        }
        let context = format!("ssn: 123{sign}45{sign}6789 and 4111111111111111");
        assert_eq!(left(&context), "ssn: # and #");
    }
}

#[test]
fn any_two_values_beside_each_other_are_masked() {
    for one in VALUES {
        for other in VALUES {
            for sign in SIGNS {
                let text = format!("{one}{sign}{other}");
                let left = left(&text);
                assert!(!left.contains(one) && !left.contains(other), "{text}: {left}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn values_among_short_numbers_are_masked(
        parts in prop::collection::vec((0..VALUES.len(), prop::collection::vec("[0-9]{1,5}", 0..13), 0..SIGNS.len() - 1), 1..4),
        joins in prop::collection::vec(0..SIGNS.len(), 3),
    ) {
        let mut text = String::new();
        for ((value, numbers, sign), join) in parts.iter().zip(joins) {
            for number in numbers {
                text.push_str(number);
                text.push_str(SIGNS[*sign]);
            }
            text.push_str(VALUES[*value]);
            // A number that a dash joins may belong to what stands before it.
            let is_last_sign = join + 1 == SIGNS.len();
            text.push_str(if is_last_sign && parts.iter().any(|(_, numbers, _)| !numbers.is_empty()) { " " } else { SIGNS[join] });
        }
        let left = left(&text);
        for (value, ..) in &parts {
            prop_assert!(!left.contains(VALUES[*value]), "{}: {}", text, left);
        }
    }
}
