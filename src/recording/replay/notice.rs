//! Formats what a SQL target sends besides its answers as readable lines.

use crate::domain::json::Json;
use crate::recording::replay::body;
use crate::recording::replay::sign::FROM;
use crate::recording::replay::transcript::Data;

/// The texts shown below the first line, and whether each is prefixed with its name.
const TEXTS: [(&str, bool); 12] = [
    ("message", false),
    ("payload", false),
    ("value", false),
    ("detail", true),
    ("hint", true),
    ("context", true),
    ("internal_query", true),
    ("schema", true),
    ("table", true),
    ("column", true),
    ("data_type", true),
    ("constraint", true),
];

/// Returns `← notice SEVERITY SQLSTATE`, `← notification of process N on CHANNEL` or `← setting NAME`, with
/// the number of earlier ones that were only counted.
pub(super) fn head(data: &Data<'_>) -> String {
    let what = match data.text("what").as_str() {
        "notice" => format!("notice {} {}", data.text("severity"), data.text("sqlstate")),
        "notification" => {
            format!("notification{}{}", data.noted("of process", "process"), data.noted("on", "channel"))
        }
        "setting" => format!("setting {}", data.text("name")),
        _ => "notices".to_owned(),
    };
    let before = data.noted("after", "not_recorded_before");
    let before = if before.is_empty() { before } else { format!("{before} that were only counted") };
    format!("{FROM} {}{before}", what.trim_end())
}

/// Formats the texts of a notice.
pub(super) fn lines(data: &Data<'_>) -> Vec<String> {
    let mut out = Vec::new();
    for (name, named) in TEXTS {
        let text = data.json.member(name).and_then(Json::as_str).unwrap_or_default();
        let mut lines = body::plain_lines(text, data.bounds);
        if let Some(first) = lines.first_mut().filter(|_| named) {
            first.insert_str(0, &format!("{}: ", name.replace('_', " ")));
        }
        out.append(&mut lines);
    }
    if data.is_true("cut") {
        out.push(match data.json.member("length").and_then(Json::as_i64) {
            Some(length) => format!("(the rest of {length} bytes was not recorded)"),
            None => "(the rest was not recorded)".to_owned(),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use crate::domain::event::EventKind;
    use crate::recording::replay::tests::stored;
    use crate::recording::replay::transcript;

    fn lines(data: &Value) -> Vec<String> {
        let lines = transcript(&stored(1, 0, EventKind::SqlNotice, &data.to_string()));
        lines.iter().map(|line| line.trim_start_matches("+00:00.000").trim_start().to_owned()).collect()
    }

    #[test]
    fn what_a_target_says_is_told_with_all_its_texts() {
        let notice = json!({
            "what": "notice", "severity": "WARNING", "sqlstate": "01000", "message": "a\nb\u{1b}[2J", "hint": "c",
            "internal_query": "SELECT 1", "cut": true, "not_recorded_before": 7,
        });
        assert_eq!(
            lines(&notice),
            [
                "← notice WARNING 01000  after 7 that were only counted",
                "a",
                "b\\u{1b}[2J",
                "hint: c",
                "internal query: SELECT 1",
                "(the rest was not recorded)",
            ]
        );
        let long = json!({"what": "setting", "name": "x", "value": "a", "length": 9000, "cut": true});
        assert_eq!(lines(&long), ["← setting x", "a", "(the rest of 9000 bytes was not recorded)"]);
        let notification = json!({"what": "notification", "process": 7, "channel": "jobs", "payload": "x"});
        assert_eq!(lines(&notification), ["← notification  of process 7  on jobs", "x"]);
        assert_eq!(
            lines(&json!({"what": "setting", "name": "search_path", "value": "a"})),
            ["← setting search_path", "a"]
        );
        assert_eq!(
            lines(&json!({"what": "left_out", "not_recorded_before": 7})),
            ["← notices  after 7 that were only counted"]
        );
        for wrong in [json!({}), json!([]), json!({"what": 7, "message": ["x"]})] {
            assert_eq!(lines(&wrong), ["← notices"], "{wrong}");
        }
    }
}
