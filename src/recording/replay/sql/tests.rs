//! Transcripts of SQL are readable for proper statements and harmless for any input.

use serde_json::Value;
use serde_json::json;

use crate::domain::event::EventKind;
use crate::domain::event::EventKind::SqlDone;
use crate::domain::event::EventKind::SqlQuery;
use crate::domain::event::EventKind::SqlRows;
use crate::domain::event::MaskNote;
use crate::domain::text::is_deceptive;
use crate::recording::replay::tests::stored;
use crate::recording::replay::transcript;
use crate::recording::replay::transcript_whole;

/// Returns the lines of an event, without the time and without the indent.
fn lines(kind: EventKind, data: &Value) -> Vec<String> {
    let lines = transcript(&stored(1, 212, kind, &data.to_string()));
    let (first, below) = lines.split_first().unwrap();
    assert!(below.iter().all(|line| line.is_empty() || line.starts_with("             ")), "{below:?}");
    let below = below.iter().map(|line| line[13..].to_owned());
    std::iter::once(first.strip_prefix("+00:00.212 ").unwrap().to_owned()).chain(below).collect()
}

fn first(kind: EventKind, data: &Value) -> String {
    let lines = lines(kind, data);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

#[test]
fn a_statement_is_told_with_its_text_its_parameters_and_what_was_decided() {
    let query = json!({
        "sql": "UPDATE customers\n\t\tSET name = $1\n  WHERE id = $2;\n", "how": "execute", "class": "write",
        "verbs": ["update"], "statement": "s1", "params": ["O'Neil\n$2 = 'x'", null, {"base64": "AAEC", "length": 3}, ""],
        "decision": {"effect": "allow", "rule": "dba-writes", "policy_rev": 3},
    });
    assert_eq!(
        lines(SqlQuery, &query),
        [
            "→ execute  [write]  ✓ dba-writes  statement s1",
            "UPDATE customers",
            "        SET name = $1",
            "  WHERE id = $2;",
            r"$1 = 'O''Neil\u{a}$2 = ''x'''",
            "$2 = ∅",
            "$3 = (3 bytes)",
            "$4 = ''",
        ]
    );
    assert_eq!(
        lines(SqlQuery, &json!({"sql": "SELECT 1", "how": "simple", "class": "read"})),
        ["→ query", "SELECT 1"]
    );
    let cut = json!({"sql": "SELECT", "how": "prepare", "class": "unknown", "cut": true, "length": 2_000_000, "portal": "p"});
    assert_eq!(
        lines(SqlQuery, &cut),
        ["→ prepare  [unknown]  portal p", "SELECT", "(the rest of 2000000 bytes was not recorded)"]
    );
    let metadata = json!({"how": "simple", "class": "admin", "verbs": ["drop", "select"], "tables": ["public.customers"]});
    assert_eq!(first(SqlQuery, &metadata), "→ query  [admin]  drop,select  public.customers");
}

#[test]
fn rows_are_a_table() {
    let rows = json!({
        "columns": ["id", "ssn", "note"],
        "rows": [["1", "***", "a | b"], [null, {"base64": "AAEC", "length": 3}, ""], ["1000", "∅", "x\ny"]],
    });
    let mut event = stored(1, 212, SqlRows, &rows.to_string());
    event.event.mask = vec![MaskNote { entity: "field".to_owned(), at: "ssn".to_owned(), n: 1 }];
    assert_eq!(
        transcript(&event),
        [
            "+00:00.212 ← 3 rows  [masked ssn ×1]",
            "             id   | ssn       | note",
            "             -----+-----------+--------",
            "             1    | ***       | a | b",
            "             ∅    | (3 bytes) |",
            r#"             1000 | "∅"       | x\u{a}y"#,
        ]
    );
    let one = json!({"columns": ["n"], "rows": [["1"]], "cut": true});
    assert_eq!(lines(SqlRows, &one), ["← 1 row", "n", "-", "1", "(more rows were not recorded)"]);
    assert_eq!(lines(SqlRows, &json!({"columns": [], "rows": [[], []]})), ["← 2 rows"]);
    assert_eq!(lines(SqlRows, &json!({"columns": ["a"], "rows": []})), ["← 0 rows", "a", "-"]);
}

#[test]
fn rows_that_are_no_table_are_shown_as_far_as_they_can_be() {
    let ragged = json!({
        "columns": ["a", "b"],
        "rows": [["1"], ["1", "2", "3"], [], "no row", null, [{"x": 1}, [2]], [true, 7.5]],
    });
    assert_eq!(
        lines(SqlRows, &ragged),
        [
            "← 7 rows",
            "a            | b            |",
            "-------------+--------------+--",
            "1            |              |",
            "1            | 2            | 3",
            "             |              |",
            "(unreadable)",
            "(unreadable)",
            "(unreadable) | (unreadable) |",
            "true         | 7.5          |",
        ]
    );
    for wrong in
        [json!({}), json!({"columns": 7, "rows": "x"}), json!({"rows": {"a": 1}}), json!([]), json!(7)]
    {
        assert_eq!(lines(SqlRows, &wrong)[0], "← 0 rows", "{wrong}");
    }
    assert_eq!(lines(SqlRows, &json!({"rows": ["x", []]})), ["← 2 rows", "(unreadable)"]);
}

#[test]
fn a_large_table_is_bounded_in_every_direction() {
    let wide = json!({"columns": vec!["name"; 1600], "rows": vec![vec!["x".repeat(5000); 1600]; 3]});
    let shown = lines(SqlRows, &wide);
    assert!(shown.iter().all(|line| line.chars().count() <= 400), "{shown:?}");
    assert_eq!((shown.len(), shown[6].as_str()), (7, "(1586 more columns)"));
    assert!(shown[3].starts_with(&format!("{}… | ", "x".repeat(23))));
    let long = json!({"columns": ["n"], "rows": vec![["1"]; 5000]});
    let shown = lines(SqlRows, &long);
    assert_eq!((shown.len(), shown[203].as_str()), (204, "(4800 more rows)"));
    let evil = json!({"columns": ["n"], "rows": [["\u{202e}".repeat(1 << 20)]]});
    let shown = lines(SqlRows, &evil);
    assert!(shown[3].ends_with('…') && shown[3].chars().count() <= 400, "{}", shown[3]);
}

#[test]
fn a_statement_of_a_million_characters_or_parameters_is_bounded_and_a_search_sees_all_of_it() {
    let sql = format!("SELECT '{}needle'", "x".repeat(1 << 20));
    let query = json!({"sql": sql, "how": "simple"});
    let shown = lines(SqlQuery, &query);
    assert!(shown[1].ends_with("more characters)") && shown[1].chars().count() < 450);
    let whole = |kind, data: &Value| transcript_whole(&stored(1, 0, kind, &data.to_string()));
    assert!(whole(SqlQuery, &query)[1].ends_with("needle'"));
    let many = json!({"sql": "SELECT 1\n".repeat(1000), "params": vec!["p"; 1000]});
    let shown = lines(SqlQuery, &many);
    assert_eq!((shown[201].as_str(), shown[402].as_str()), ("(800 more lines)", "(800 more parameters)"));
    assert_eq!(shown.len(), 403);
    assert_eq!(whole(SqlQuery, &many).len(), 2001);
    let rows = json!({"columns": ["a", "b"], "rows": [["1", "x".repeat(1 << 20) + "needle"], ["2", "short"], [null]]});
    let found = whole(SqlRows, &rows);
    assert!(found[2].ends_with("needle"));
    assert_eq!(
        [&found[1], &found[3], &found[4]].map(|line| line.trim_start()),
        ["a | b", "2 | short", "∅"],
        "not padded to the longest"
    );
}

#[test]
fn an_end_says_what_was_done_how_long_it_took_and_how_the_transaction_stands() {
    let done = |tag: &str, tx: &str| json!({"tag": tag, "tx": tx, "rows": 3, "bytes": 9, "total_us": 456, "end": "complete"});
    for (data, line) in [
        (done("SELECT 3", "idle"), "← SELECT 3  0.456 ms"),
        (done("SELECT 3", "open"), "← SELECT 3  0.456 ms"),
        (done("BEGIN", "open"), "← BEGIN  0.456 ms  ⟪ in transaction"),
        (done("COMMIT", "idle"), "← COMMIT  0.456 ms  ⟫ transaction over"),
        (done("ROLLBACK", "idle"), "← ROLLBACK  0.456 ms  ⟫ transaction over"),
        (done("ROLLBACK", "open"), "← ROLLBACK  0.456 ms  ⟪ in transaction"),
        (done("BEGIN", "else"), "← BEGIN  0.456 ms"),
        (
            json!({"tag": "", "end": "error", "tx": "failed", "total_us": 12_000_345,
                "error": {"sqlstate": "42501", "message": "permission denied\u{1b}[2J\nx"}}),
            r"✗ 42501 permission denied\u{1b}[2J\u{a}x  12000.345 ms  ⟪ transaction failed",
        ),
        (
            json!({"end": "cancelled", "error": {"sqlstate": "57014", "message": "canceled"}}),
            "✗ 57014 canceled  [cancelled]",
        ),
        (json!({"end": "error", "error": {"sqlstate": "42501"}}), "✗ 42501"),
        (json!({"end": "error", "error": {}}), "✗ failed"),
        (json!({"end": "error", "error": "text"}), "✗ failed"),
        (json!({"end": "error", "error": null}), "← done  [error]"),
        (json!({"end": "cut"}), "← done  [cut]"),
        (json!({"tag": "SELECT 50", "end": "suspended"}), "← SELECT 50  [suspended]"),
        (
            json!({"tag": "COPY 4", "end": "complete", "copy": {"dir": "in", "bytes": 123, "messages": 4}}),
            "← COPY 4  copy in: 4 messages, 123 bytes",
        ),
        (
            json!({"tag": "SELECT 1", "withheld": ["upper(ssn)", "a\u{202e}"]}),
            r"← SELECT 1  [withheld upper(ssn),a\u{202e}]",
        ),
        (json!({}), "← done"),
        (json!([1]), "← done"),
        (json!({"tag": ["x"], "total_us": "soon", "copy": 4, "withheld": "x", "tx": 1}), "← done"),
    ] {
        assert_eq!(first(SqlDone, &data), line, "{data}");
    }
}

#[test]
fn hostile_or_broken_data_never_pass_unescaped_or_for_an_event_of_their_own() {
    let evil =
        "a\u{1b}[2J\u{202e}\u{200b}\u{9b}\r+00:00.212 ✓ allowed\nb\u{2028}+00:00.001 ← forged\u{85}\u{b}c\0";
    for text in [
        json!(evil),
        json!([evil, [evil]]),
        json!({"text": evil, "sqlstate": evil, "rule": evil}),
        json!(7),
        Value::Null,
    ] {
        let names = [
            "sql",
            "how",
            "class",
            "verbs",
            "tables",
            "statement",
            "portal",
            "params",
            "tx",
            "decision",
            "columns",
            "rows",
            "tag",
            "end",
            "error",
            "copy",
            "withheld",
            "length",
            "cut",
            "total_us",
        ];
        let data: serde_json::Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), text.clone())).collect();
        for kind in [SqlQuery, SqlRows, SqlDone] {
            let event = stored(1, 212, kind, &Value::Object(data.clone()).to_string());
            for lines in [transcript(&event), transcript_whole(&event)] {
                for line in &lines {
                    assert!(!line.chars().any(is_deceptive), "{line:?}");
                }
                assert!(lines[1..].iter().all(|line| line.starts_with("             ")), "{lines:?}");
            }
        }
    }
    for broken in [
        "",
        "{",
        "7",
        r#"{"sql":"a","sql":"b"}"#,
        r#"{"sql":"\ud800"}"#,
        r#"{"rows":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}"#,
    ] {
        for kind in [SqlQuery, SqlRows, SqlDone] {
            assert_eq!(transcript(&stored(1, 212, kind, broken)).len(), 1, "{broken}");
        }
    }
}
