//! Value patterns for bodies and claims, and attempts to bypass them.

use super::*;
use crate::policy::answer::Answer::No;
use crate::policy::answer::Answer::Unsure;
use crate::policy::answer::Answer::Yes;
use proptest::prelude::*;

mod readings;
mod texts;
mod work;

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes(), 64).expect(text)
}

fn args(path: &str, pattern: &str, body: &str) -> Answer {
    of_json(&ValueTest::parse(path, pattern).expect(pattern), json(body))
}

fn of_json(test: &ValueTest, body: Json) -> Answer {
    test.of_args(&Called::new(&Args::Read(body), &Form::default()))
}

fn claims(path: &str, pattern: &str, claims: &str) -> Answer {
    ValueTest::parse(path, pattern).expect(pattern).of_claims(&json(claims))
}

#[test]
fn a_name_that_readers_may_take_for_the_path_decides_nothing_alone() {
    for (path, name) in [
        ("amount", "amount "),
        ("amount", "\u{3000}amount"),
        ("amount", "amo\u{200b}unt"),
        ("amount", "\u{ff41}mount"),
        ("amount", "amount\\u0000"),
        ("amount", "amount[]"),
        ("amount", "[amount]"),
        ("order.amount", "order.amount"),
        ("order.amount", "order[amount]"),
        ("order.amount", "Order[0][ amount]"),
        ("a.b.c", "a.b"),
    ] {
        let value =
            |value: u32| if name == "a.b" { format!(r#"{{"c":{value}}}"#) } else { value.to_string() };
        let exact = path.rsplit('.').fold("5".to_owned(), |value, name| format!(r#"{{"{name}":{value}}}"#));
        let members = exact.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
        let beside = |value| args(path, "<= 20", &format!(r#"{{{members},"{name}":{value}}}"#));
        assert_eq!((beside(value(5)), beside(value(5000))), (Yes, Unsure), "{path} {name}");
        for (pattern, answer) in [("> 20", Unsure), ("< 20", No)] {
            let alone = args(path, pattern, &format!(r#"{{"{name}":{}}}"#, value(5000)));
            assert_eq!(alone, answer, "{path} {name} {pattern}");
        }
    }
    for name in ["order.amounts", "orders.amount", "amount.order", "order.x", "x.order.amount"] {
        let body = format!(r#"{{"order":{{"amount":5}},"{name}":5000}}"#);
        assert_eq!(args("order.amount", "<= 20", &body), Yes, "{name}");
    }
}

#[test]
fn plain_values_match_as_written() {
    for (pattern, body, answer) in [
        ("8", r#"{"id":8}"#, Yes),
        ("8", r#"{"id":"8"}"#, Yes),
        ("8", r#"{"id":9}"#, No),
        ("8", r#"{"id":88}"#, No),
        ("gold|silver", r#"{"id":"silver"}"#, Yes),
        ("gold|silver", r#"{"id":"bronze"}"#, No),
        ("gold|silver", r#"{"id":"gold|silver"}"#, No),
        ("test-*", r#"{"id":"test-1"}"#, Yes),
        ("test-*", r#"{"id":"prod-1"}"#, No),
        ("test-*|8", r#"{"id":8}"#, Yes),
        ("=a*b", r#"{"id":"a*b"}"#, Yes),
        ("=a*b", r#"{"id":"axb"}"#, No),
        ("=a|b", r#"{"id":"a|b"}"#, Yes),
        ("=a|b", r#"{"id":"a"}"#, No),
        ("= 8", r#"{"id":8}"#, Yes),
        ("=", r#"{"id":""}"#, Yes),
        ("=", r#"{"id":"x"}"#, No),
        ("=!x", r#"{"id":"!x"}"#, Yes),
        ("= >5", r#"{"id":">5"}"#, Yes),
        ("true", r#"{"id":true}"#, Yes),
        ("true", r#"{"id":false}"#, No),
        ("null", r#"{"id":null}"#, Yes),
        ("*", r#"{"id":0}"#, Yes),
        ("*", r#"{"id":{"a":1}}"#, Yes),
        ("!= 8", r#"{"id":9}"#, Yes),
        ("!= 8", r#"{"id":8}"#, No),
        ("!=a|b", r#"{"id":"b"}"#, No),
        ("!=a|b", r#"{"id":"c"}"#, Yes),
        ("!= *", r#"{"id":"c"}"#, No),
        ("!= *", "{}", Yes),
    ] {
        assert_eq!(args("id", pattern, body), answer, "{pattern} {body}");
    }
}

#[test]
fn numbers_are_compared_exactly() {
    for (pattern, value, answer) in [
        ("> 1000", "1000", No),
        ("> 1000", "1e3", No),
        ("> 1000", "1000.0", No),
        ("> 1000", "1000.000000000001", Yes),
        ("> 1000", "1e999999999999999999", Yes),
        ("> 1000", "-1e999999999999999999", No),
        (">= 1000", "10e2", Yes),
        (">=1000", "999.999999999999", No),
        ("< 0.3", "0.2999999999999999", Yes),
        ("<= -1", "-1.0", Yes),
        ("< 9007199254740992", "9007199254740991", Yes),
        ("8", "8.0", Yes),
        ("8", "80e-1", Yes),
        ("8.0", "8", Yes),
        ("!= 8", "8.00", No),
        ("1e3", "1000", Yes),
        ("8|9", "9.0", Yes),
        ("9007199254740992", "9007199254740991", No),
    ] {
        assert_eq!(args("n", pattern, &format!("{{\"n\":{value}}}")), answer, "{pattern} {value}");
    }
}

#[test]
fn what_targets_read_differently_is_never_a_sure_yes_or_no() {
    for (pattern, body) in [
        // A number in a string, for targets that coerce.
        ("> 1000", r#"{"n":"2000"}"#),
        ("> 1000", r#"{"n":" 2000"}"#),
        ("> 1000", r#"{"n":"0x7d0"}"#),
        ("> 1000", r#"{"n":"2,000"}"#),
        ("> 1000", r#"{"n":"abc"}"#),
        ("> 1000", r#"{"n":"0500"}"#),
        ("> 1000", r#"{"n":true}"#),
        ("> 1000", r#"{"n":null}"#),
        ("> 1000", r#"{"n":{"$gt":0}}"#),
        ("8", r#"{"n":"8.0"}"#),
        ("8", r#"{"n":"08"}"#),
        ("8", r#"{"n":"+8"}"#),
        ("8", r#"{"n":" 8\n"}"#),
        ("0", r#"{"n":"00"}"#),
        ("0.5", r#"{"n":"00.5"}"#),
        ("8", r#"{"n":{"$eq":8}}"#),
        ("gold", r#"{"n":{"$ne":""}}"#),
        // Other spellings of a number that a glob does not match.
        ("10*", r#"{"n":1e3}"#),
        ("10*", r#"{"n":1000.0}"#),
        // Only some elements of an array match.
        ("8", r#"{"n":[8,9]}"#),
        ("8", r#"{"n":[9,[8]]}"#),
        ("> 1000", r#"{"n":[1,2000]}"#),
        ("!= 8", r#"{"n":[8,9]}"#),
        ("*", r#"{"n":[]}"#),
        ("!= *", r#"{"n":[]}"#),
        // Other spellings of the member.
        ("8", r#"{"N":8}"#),
        ("8", r#"{"n":9,"N":8}"#),
        ("8", r#"{"n":8,"N":9}"#),
        ("8", r#"{"n_":8}"#),
        ("!= *", r#"{"N":1}"#),
        // A missing value: the target may have a default.
        ("!= 8", "{}"),
        ("!= 8", "[]"),
        ("!= 8", "7"),
    ] {
        assert_eq!(args("n", pattern, body), Unsure, "{pattern} {body}");
    }
    assert_eq!(args("n", "8", r#"{"n":8,"N":8.0}"#), Yes, "all readings agree");
    assert_eq!(args("user_id", "8", r#"{"userId":8}"#), Unsure);
    assert_eq!(args("user_id", "8", "{\"u\u{17f}er-ID\":8}"), Unsure);
    assert_eq!(args("user_id", "8", r#"{"userId":9,"users_id":8}"#), No);
}

#[test]
fn paths_go_through_objects_and_all_elements_of_arrays() {
    for (path, pattern, body, answer) in [
        ("order.amount", "> 1000", r#"{"order":{"amount":2000}}"#, Yes),
        ("order.amount", "> 1000", r#"{"order":{"amount":5}}"#, No),
        ("order.amount", "> 1000", r#"{"order":5}"#, No),
        ("order.amount", "> 1000", r#"{"amount":2000}"#, No),
        ("order.amount", "> 1000", "{}", No),
        ("order.amount", "> 1000", "null", No),
        ("order.amount", "> 1000", r#"{"order.amount":2000}"#, Unsure),
        (r"order\.amount", "> 1000", r#"{"order.amount":2000}"#, Yes),
        (r"a\\b", "1", r#"{"a\\b":1}"#, Yes),
        ("items.id", "8", r#"{"items":[{"id":8},{"id":8.0}]}"#, Yes),
        ("items.id", "8", r#"{"items":[{"id":8},{"id":9}]}"#, Unsure),
        ("items.id", "8", r#"{"items":[{"id":8},{}]}"#, Unsure),
        ("items.id", "8", r#"{"items":[{"id":8},7]}"#, Unsure),
        ("items.id", "8", r#"{"items":[{"id":9},{}]}"#, No),
        ("items.id", "8", r#"{"items":[]}"#, No),
        ("items.id", "8", r#"{"items":[[[{"id":8}]]]}"#, Yes),
        ("items.id", "!= 8", r#"{"items":[{"id":7},{"id":9}]}"#, Yes),
        ("items.id", "!= 8", r#"{"items":[{"id":7},{}]}"#, Unsure),
        ("id", "8", r#"[{"id":8},{"id":8}]"#, Yes),
        ("id", "8", r#"[{"id":9},{"id":8}]"#, Unsure),
        ("id", "8", r#"{"id":[8,8]}"#, Yes),
        ("id", "8", r#"{"id":[]}"#, No),
        ("ünï.c", "1", r#"{"ünï":{"c":1}}"#, Yes),
        ("a b", "1", r#"{"a b":1}"#, Yes),
    ] {
        assert_eq!(args(path, pattern, body), answer, "{path} {pattern} {body}");
    }
}

fn form(path: &str, pattern: &str, body: &str, query: &str) -> Answer {
    let args =
        if body.is_empty() { Args::Absent } else { Args::Form(Form::read(body.as_bytes()).expect(body)) };
    ValueTest::parse(path, pattern).expect(pattern).of_args(&Called::new(&args, &Form::of_query(query)))
}

#[test]
fn a_form_is_read_as_any_target_may_read_it() {
    for (path, pattern, body, answer) in [
        ("tier", "gold|silver", "tier=gold", Yes),
        ("tier", "gold|silver", "tier=gold&tier=silver", Yes),
        ("tier", "gold|silver", "tier=gold&x=root&tiers=root", Yes),
        ("tier", "gold|silver", "tier=root", No),
        ("tier", "gold|silver", "tier=gold&tier=root", Unsure),
        ("tier", "gold|silver", "tier=gold&tier[]=root", Unsure),
        ("tier", "gold|silver", "tier=gold&tier[0]=root", Unsure),
        ("tier", "gold|silver", "tier=gold&tier[x]=root", Unsure),
        ("tier", "gold|silver", "tier=gold&%5Btier%5D=root", Unsure),
        ("tier", "gold|silver", "tier=gold&[tier=root", Unsure),
        ("tier", "gold|silver", "tier=gold&+tier=root", Unsure),
        ("tier", "gold|silver", "tier=gold&tier%00=root", Unsure),
        ("tier", "gold|silver", "tier=gold&tier%00x=root", Unsure),
        ("tier", "gold|silver", "tier=gold&Tier=root", Unsure),
        ("tier", "gold|silver", "tier=gold&_tier=root", Unsure),
        ("tier", "gold|silver", "tier=gold&!tier=root", Unsure),
        ("tier", "gold|silver", "tier=gold&.tier=root", Unsure),
        ("tier", "gold|silver", "tier=gold&x=1;tier=root", Unsure),
        ("tier", "gold|silver", "tier=gold;x=1", Unsure),
        ("role", "root", "role[]=root", Unsure),
        ("role", "root", "role[0]=root", Unsure),
        ("role", "root", "role[$eq]=root", Unsure),
        ("role", "root", "+role=root", Unsure),
        ("role", "root", "role%00=root", Unsure),
        ("role", "root", "x=1;role=root", Unsure),
        ("role", "root", "role=[\"root\"]", Unsure),
        ("role", "root", "roles=root&x[role]=root", No),
        ("role", "root", "role[]=user", No),
        ("order.kind", "wire", "order[kind]=wire", Unsure),
        ("order.kind", "wire", "order[Kind]=wire", Unsure),
        ("order.kind", "wire", "order[][kind]=wire", Unsure),
        ("order.kind", "wire", "order[0].kind=wire", Unsure),
        ("order.kind", "wire", "order.kind=wire", Unsure),
        ("order.kind", "wire", "order.kind[]=wire", Unsure),
        ("order.kind", "wire", "order={\"kind\":\"wire\"}", Unsure),
        ("order.kind", "wire", "order[]={\"kind\":\"wire\"}", Unsure),
        ("order.kind", "wire", "order[kind]=card&kind=wire", No),
        ("my_order.kind", "wire", "my.order[kind]=wire", Unsure),
        ("my_order", "wire", "my[order=wire", Unsure),
        ("my_order", "wire", "my+order=wire", Unsure),
        ("order[kind]", "wire", "order[kind]=wire", Yes),
        ("order[kind]", "wire", "order[kind]=wire&order.kind=card", Unsure),
        (r"order\.kind", "wire", "order.kind=wire", Yes),
        ("role", "*", "role=x", Yes),
        ("role", "*", "x=1", No),
        ("role", "!= root", "role=user", Yes),
        ("role", "!= root", "x=1", Unsure),
        ("amount", "<= 100", "amount=5", Unsure),
        ("amount", "<= 100", "amount=5000", No),
    ] {
        assert_eq!(form(path, pattern, body, ""), answer, "{path} {pattern} {body}");
    }
    let deep = format!("role{}=x", "[a]".repeat(1 << 16));
    assert_eq!(form("role", "root", &deep, ""), Unsure);
    assert_eq!(form("role", "root", &"a=b&".repeat(20_000), ""), Unsure);
}

#[test]
fn a_parameter_of_the_query_is_one_more_value() {
    for (path, pattern, body, query, answer) in [
        ("tier", "gold", "tier=gold", "tier=root", Unsure),
        ("tier", "gold", "tier=gold", "Tier[]=root", Unsure),
        ("tier", "gold", "tier=gold", "tier=gold&x=1", Yes),
        ("role", "root", "x=1", "role=root", Unsure),
        ("role", "root", "x=1", "role=%72oot", Unsure),
        ("role", "root", "", "role=root", Unsure),
        ("role", "root", "", "role=user&page=root", No),
        ("role", "root", "role=root", "role=%ff", Unsure),
        // A name or value that cannot be decoded is in doubt, at its path or, for a name, at all of them.
        ("name", "admin*", "", "name=%61dmin%ff", Unsure),
        ("name", "admin*", "", "name=%61dmin%", Unsure),
        ("name", "admin*", "", "name=user%ff", Unsure),
        ("name", "admin*", "", "Name[]=user%ff", Unsure),
        ("name", "admin*", "", "name=user&q=50%", No),
        ("name", "admin*", "", "name=user&nam%65%ff=admin", Unsure),
        ("name", "admin*", "", "x%=1", Unsure),
        ("order.kind", "wire", "x=1", "order[kind]=wire", Unsure),
    ] {
        assert_eq!(form(path, pattern, body, query), answer, "{path} {pattern} {body} {query}");
    }
    let small = ValueTest::parse("amount", "<= 100").expect("test");
    let body = Args::Read(json(r#"{"amount":5}"#));
    let other = Called::new(&body, &Form::of_query("page=5000"));
    assert_eq!((small.of_args(&other), &*small.found_in_args(&other)), (Yes, "5"));
    let same = Called::new(&body, &Form::of_query("amount=5000"));
    assert_eq!(
        (small.of_args(&same), &*small.found_in_args(&same)),
        (Unsure, r#"in the body: 5; in the query: "5000""#)
    );
}

#[test]
fn no_body_at_all_is_a_body_without_members() {
    for (pattern, answer) in [("8", No), ("*", No), ("> 1", No), ("!= 8", Unsure), ("!= *", Yes)] {
        let test = ValueTest::parse("a.b", pattern).expect(pattern);
        assert_eq!(test.of_args(&Called::new(&Args::Absent, &Form::default())), answer, "{pattern}");
        assert_eq!(of_json(&test, json("{}")), answer, "{pattern}");
    }
}

#[test]
fn one_element_of_a_claim_is_enough_and_a_missing_claim_is_unsure() {
    for (path, pattern, body, answer) in [
        ("roles", "admin", r#"{"roles":["user","admin"]}"#, Yes),
        ("roles", "admin", r#"{"roles":["user"]}"#, No),
        ("roles", "admin", r#"{"roles":[]}"#, No),
        ("roles", "admin", "{}", Unsure),
        ("roles", "!= admin", r#"{"roles":["user","admin"]}"#, No),
        ("roles", "!= admin", r#"{"roles":["user"]}"#, Yes),
        ("roles", "!= admin", "{}", Unsure),
        ("roles", "*", "{}", No),
        ("roles", "*", r#"{"roles":["user"]}"#, Yes),
        ("roles", "*", r#"{"roles":[]}"#, Unsure),
        ("roles", "!= *", "{}", Yes),
        ("roles", "!= *", r#"{"roles":"user"}"#, No),
        ("roles", "admin", r#"{"Roles":"admin"}"#, Unsure),
        ("acr", ">= 2", r#"{"acr":2}"#, Yes),
        ("acr", ">= 2", r#"{"acr":"3"}"#, Unsure),
        ("acr", ">= 2", "{}", Unsure),
        ("org.unit", "a*|b", r#"{"org":{"unit":"b"}}"#, Yes),
        ("org.unit", "a*|b", r#"{"org":{}}"#, Unsure),
        ("org.unit", "x", r#"{"org.unit":"x","org":{"unit":"y"}}"#, Yes),
        ("https://example.com/role", "x", r#"{"https://example.com/role":["x"]}"#, Yes),
    ] {
        assert_eq!(claims(path, pattern, body), answer, "{path} {pattern} {body}");
    }
}

#[test]
fn patterns_that_could_be_misread_are_refused() {
    for pattern in [
        "",
        "!x",
        "!",
        "!=",
        "!= >5",
        "> ",
        ">",
        ">= x",
        "> 1,000",
        "> 0x10",
        "> 01",
        "<> 5",
        "=> 5",
        "=< 5",
        "== 5",
        "> 5|6",
        "a|",
        "|a",
        "a||b",
        "a | b",
        " a",
        "a ",
        "a\u{202e}",
    ] {
        assert!(ValueTest::parse("a", pattern).is_err(), "{pattern:?}");
    }
    for path in ["", ".", "a.", ".a", "a..b", r"a\", r"a\b", " a"] {
        assert!(ValueTest::parse(path, "1").is_err(), "{path:?}");
    }
}

#[test]
fn what_was_found_is_cut() {
    let test = ValueTest::parse("a.b", "1").expect("test");
    let found = |body: &str| test.found_in_args(&Called::new(&Args::Read(json(body)), &Form::default()));
    assert_eq!(found(r#"{"a":[{"b":2},{"b":"x"},{}]}"#), "2, \"x\", nothing");
    let long = found(&format!(r#"{{"a":{{"b":"{}"}}}}"#, "é".repeat(200)));
    assert_eq!(long.chars().count(), 81);
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        prop::sample::select(vec!["8", "8.0", "9", "1e3", "-1"]).prop_map(|text| Json::Number(text.into())),
        prop::sample::select(vec!["8", "x", "", " 8"]).prop_map(|text| Json::String(text.into())),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::btree_map(prop::sample::select(vec!["a", "b", "A"]), inner, 0..3).prop_map(
                |members| Json::Object(
                    members.into_iter().map(|(name, value)| (name.into(), value)).collect()
                )
            ),
        ]
    })
}

proptest! {
    #[test]
    fn a_comparison_and_its_opposite_are_never_both_sure(body in any_json(), path in prop::sample::select(vec!["a", "a.b", "b.a.b"])) {
        for (one, other) in [("> 8", "<= 8"), ("< 8", ">= 8"), ("8", "!= 8"), ("*", "!= *")] {
            let both = [one, other].map(|pattern| of_json(&ValueTest::parse(path, pattern).expect(pattern), body.clone()));
            prop_assert_ne!(both, [Yes, Yes], "{} {} {}", path, one, &body);
        }
    }

    #[test]
    fn wrapping_a_value_in_an_array_changes_nothing(body in any_json()) {
        for pattern in ["8", "!= 8", "> 8", "x*", "!= *"] {
            let test = ValueTest::parse("a.b", pattern).expect(pattern);
            prop_assert_eq!(of_json(&test, body.clone()), of_json(&test, Json::Array(vec![body.clone()])), "{} {}", pattern, &body);
        }
    }
}
