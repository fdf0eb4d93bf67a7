//! The cost of evaluating a command is about proportional to its length, however many policies there are.

use std::time::Duration;
use std::time::Instant;

use super::*;
use crate::policy::value::texts::MOST_BYTES;
use crate::policy::value::walk::MOST_STEPS;

/// Evaluates as many tests as a long policy set has. They must all agree.
fn by_thirty(path: &str, args: &Args, query: &str) -> Answer {
    let tests: Vec<_> =
        (0..30).map(|n| ValueTest::parse(path, &format!("= x{n}")).expect("pattern")).collect();
    let start = Instant::now();
    let called = Called::new(args, &Form::of_query(query));
    let mut answers = tests.iter().map(|test| test.of_args(&called));
    let first = answers.next().expect("answer");
    assert!(answers.all(|answer| answer == first));
    // Each of them took ten seconds and more when every test parsed for itself.
    assert!(start.elapsed() < Duration::from_secs(5), "{path} {:?}", start.elapsed());
    first
}

fn text(text: String) -> Args {
    Args::Read(Json::Object(vec![("order".into(), Json::String(text.into()))]))
}

fn form(pair: &str, count: usize) -> Args {
    Args::Form(Form::read(vec![pair; count].join("&").as_bytes()).expect("form"))
}

#[test]
fn many_tests_of_a_large_body_take_little_time() {
    let zeros = |bytes: usize| format!("[{}0]", "0,".repeat(bytes / 2));
    for (path, args, answer) in [
        ("order", text(zeros(1 << 20)), Unsure),
        ("order", text(zeros(MOST_STEPS)), No),
        ("order", text(zeros(MOST_BYTES - 64)), Unsure),
        ("order", text("[".repeat(1 << 20)), Unsure),
        ("order.kind", text(zeros(1 << 20)), Unsure),
        ("order", form(&format!("order={}", zeros(100)), 10_000), Unsure),
        ("order", form(&format!("order{}=1", "[x]".repeat(40)), 10_000), Unsure),
        ("order", form(&format!("zrder{}=1", "[x]".repeat(40)), 10_000), No),
        ("order.kind", form(&format!("zrder{}=1", "[x]".repeat(40)), 10_000), No),
        ("order.kind", form(&format!("order{}=1", "[x]".repeat(40)), 10_000), Unsure),
        ("order", form(&format!("{}order=1", "_".repeat(100)), 10_000), No),
        ("order", Args::Read(json(&format!(r#"{{"order":{}}}"#, zeros(1 << 20)))), Unsure),
        ("order", Args::Read(json(&format!(r#"{{"order":{}}}"#, zeros(MOST_STEPS)))), No),
    ] {
        assert_eq!(by_thirty(path, &args, "q=1"), answer, "{path}");
    }
    assert_eq!(by_thirty("order", &Args::Absent, &"order=[0,0]&".repeat(9_000)), No);
}

#[test]
fn json_behind_the_first_of_many_bytes_is_in_doubt_and_plain_text_is_not() {
    let long = format!("[{}0]", "0,".repeat(MOST_BYTES / 2));
    let body = |first: &str, second: &str| {
        let member = |name: &str, text: &str| (name.into(), Json::String(text.into()));
        Args::Read(Json::Object(vec![member("a", first), member("b", second)]))
    };
    for (first, second, pattern, answer) in [
        (&*long, "[8]", "7", Unsure),
        (&long, "[8]", "*7*", Unsure),
        (&long, "{\"a\":8}", "*7*", No),
        (&long, "{\"a\":8}", "7", Unsure),
        (&long, "8", "7", No),
        (&long, "true", "false", No),
        ("[8]", "[8]", "7", No),
        ("[8]", &long, "7", Unsure),
        // A long text that is quickly recognized as plain costs little.
        (&format!("[WIP] {long}"), "[8]", "7", No),
    ] {
        let test = ValueTest::parse("b", pattern).expect(pattern);
        let args = body(first, second);
        assert_eq!(test.of_args(&Called::new(&args, &Form::default())), answer, "{second} {pattern}");
    }
}
