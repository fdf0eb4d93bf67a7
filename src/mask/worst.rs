//! Texts that are made to cost much: the time for a text grows with its length, and no faster.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::mask::Format;
use crate::mask::attacks::plan_of_shapes;
use crate::mask::tests::run;

/// Length of the shorter text, in bytes.
const SIZE: usize = 16 << 10;

/// What may begin something whose end is then searched for, to be repeated.
const PIECES: &[&str] = &[
    "eyJ",
    "eyJ.",
    "eyJhIjp7",
    "eyJhIjoi",
    "x-----BEGIN A----- ",
    "x-----BEGIN A----- \n",
    "-----BEGIN A-----\n",
    "-----BEGIN A-----\\n",
    "-----BEGIN A-----\\",
    "-----BEGIN ",
    "-----BEGIN A----- -----END ",
    "AKIA",
    "@",
    "a@",
    "a%40",
    "a@a.",
    "1-",
    "1 ",
    "1.",
    "1:",
    "::",
    "4111 ",
    "123-45-6789-",
    "DE00 ",
    "1\u{a0}",
    "1\u{2011}",
    "=",
    ":",
    "=\n",
    "=3D",
    "ssn=",
    "ssn: ",
    "ssn=3D=\n",
    "ssn%3D3D",
    "%3D%3D40=3D40=\n",
    "ssn: a",
    "ssn=a ",
    "ssn=\"a\" ",
    "{ssn: a ",
    "x<ssn a=b",
    "ssn: [",
    "ssn={",
    "ssn=\"",
    "ssn='a ",
    "ssn='a\n",
    "ssn: \"\n",
    "ssn: [\n",
    "ssn: {\n",
    "ssn:\n",
    "ssn:\n ",
    "ssn: |\n",
    "ssn: |\n a\n",
    "ssn: a\n b\n",
    "ssn: '''\n",
    "ssn=```\n",
    "ssn = \n\"\n",
    "- ssn:\n",
    "? ssn\n",
    "&a ssn: ",
    "&a ",
    "a.ssn: b\n",
    "?ssn=",
    "?ssn=>;&",
    "<?ssn=>;",
    "?ssn[0]=",
    "&ssn[]=a)",
    "ssn%5B%5D=",
    "ssn[",
    "[]",
    "[0]",
    "<ssn>",
    "<ssn ",
    "<ssn\n",
    "<ssn a=b",
    "<ssn a=\"",
    "<ssn a='x\n",
    "<ssn/>",
    "<ssn><!--",
    "<ssn></",
    "<ssn></ssn",
    "\n<ssn>",
    "\n<ssn><x a='",
    "\n<ssn><ssn></ssn>",
    "&lt;ssn&gt;",
    "&lt;ssn ",
    "%3Cssn%3E",
    "%25",
    "%252525",
    "&amp;",
    "&amp;amp;#38;",
    "&#x",
    "%u0025",
    "\\",
    "\\\\u005c%5c&bsol;",
    "{\"",
    "[",
    "{\"a\":",
    "\"ssn\":",
    "\\\"ssn\\\": \\\"a",
    "'",
    "`",
    "\r\n",
];

/// Returns the time that this thread has run.
pub(super) fn clock() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let run = told
        .split(' ')
        .next()
        .and_then(|run| run.parse().ok())
        .filter(|run| *run > 0)
        .map(Duration::from_nanos);
    run.unwrap_or_else(|| {
        static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        BEGUN.elapsed()
    })
}

/// Asserts that a body of twice the size takes about twice the time.
fn is_linear(format: Format, what: &str, body: impl Fn(usize) -> String) {
    let plan = Arc::new(plan_of_shapes());
    let time = |size| {
        let body = body(size);
        let begun = clock();
        // What is refused has been read as far as to the refusal.
        drop(run(&plan, format, &[body.as_bytes()]));
        clock().saturating_sub(begun)
    };
    let both = || (time(SIZE), time(2 * SIZE));
    let grows = |(one, two): (Duration, Duration)| two > Duration::from_millis(60) && two > 3 * one;
    let (first, again) = (both(), std::cell::LazyCell::new(both));
    assert!(!grows(first) || !grows(*again), "{format:?} {what:?}: {first:?}");
}

fn repeated(piece: &str, size: usize) -> String {
    piece.repeat(size / piece.len())
}

#[test]
fn time_grows_with_the_length_of_a_text() {
    for piece in PIECES {
        is_linear(Format::Text, piece, |size| repeated(piece, size));
        is_linear(Format::Text, &format!("<a>{piece}"), |size| format!("<a>\n{}", repeated(piece, size)));
    }
}

#[test]
fn time_grows_with_the_length_of_a_string_in_json() {
    for piece in PIECES {
        is_linear(Format::Json, piece, |size| serde_json::to_string(&[repeated(piece, size)]).unwrap());
        let closed = format!("{piece} .");
        is_linear(Format::Json, &closed, |size| serde_json::to_string(&[repeated(&closed, size)]).unwrap());
    }
}

#[test]
fn time_grows_with_the_length_of_a_cell_and_a_form() {
    for piece in PIECES {
        is_linear(Format::Csv, piece, |size| {
            format!("a,b\n1,\"{}\"\n", repeated(piece, size).replace('"', "\"\""))
        });
        is_linear(Format::Form, piece, |size| format!("a={}", repeated(piece, size).replace('\t', "")));
    }
}

#[test]
fn time_grows_with_the_length_of_what_is_nested_and_of_many_lines() {
    is_linear(Format::Json, "base64 of JSON", |size| {
        let list: Vec<String> =
            (0..size / 26).map(|id| format!("{{\"id\":{id},\"name\":\"n{id}\"}}")).collect();
        format!("{{\"content\":\"{}\"}}", STANDARD.encode(format!("[{}]", list.join(","))))
    });
    is_linear(Format::Json, "base64 of headers", |size| {
        format!("[\"{}.\"]", STANDARD.encode(repeated("{\"k\":\"{\",", size)).replace(['+', '/', '='], "-"))
    });
    is_linear(Format::Json, "base64 of lists", |size| {
        format!(
            "[\"{}.\"]",
            STANDARD.encode(repeated("{\"ab\":[1],\"cd\":", size)).replace(['+', '/', '='], "-")
        )
    });
    is_linear(Format::Text, "deeper and deeper", |size| {
        let lines: Vec<String> = (0..(2 * size).isqrt()).map(|depth| " ".repeat(depth)).collect();
        lines.join("ssn:\n") + "ssn:\n"
    });
    is_linear(Format::Text, "a path", |size| format!("{}ssn: x", "a.".repeat(size / 2)));
    is_linear(Format::Text, "one long line", |size| format!("ssn: \"{}", "a ".repeat(size / 2)));
    is_linear(Format::Json, "many names", |size| {
        let names: Vec<String> = (0..size / 16).map(|name| format!("\"a.{name}_x\":\"x\"")).collect();
        format!("{{{}}}", names.join(","))
    });
    is_linear(Format::Json, "texts in texts", |size| {
        (0..4).fold("x".repeat(size / 8), |text, _| serde_json::to_string(&[text]).unwrap())
    });
    is_linear(Format::Csv, "many columns", |size| {
        format!("{}\n{}\n", "a,".repeat(size / 4), "b,".repeat(size / 4))
    });
    is_linear(Format::Csv, "many rows", |size| format!("a,b\n{}", "x,y\n".repeat(size / 4)));
    is_linear(Format::Sse, "one event", |size| {
        format!("data: {{\"a\":\"{}\n\n", "\ndata: ".repeat(size / 7))
    });
}
