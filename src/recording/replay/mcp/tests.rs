//! Transcripts of MCP are readable for proper messages, harmless for any input, and searchable.

use serde_json::Value;
use serde_json::json;

use crate::domain::event::Direction;
use crate::domain::event::Direction::C2s;
use crate::domain::event::Direction::S2c;
use crate::domain::event::EventKind::McpMessage;
use crate::domain::event::MaskNote;
use crate::domain::text::is_deceptive;
use crate::recording::level::without_content;
use crate::recording::line::StoredEvent;
use crate::recording::replay::message_whole;
use crate::recording::replay::position::Mark;
use crate::recording::replay::tests::stored;
use crate::recording::replay::transcript;
use crate::recording::replay::transcript_whole;

fn event(dir: Direction, data: &Value) -> StoredEvent {
    let mut event = stored(1, 212, McpMessage, &data.to_string());
    event.event.dir = Some(dir);
    event
}

fn told(lines: &[String]) -> Vec<String> {
    let (first, below) = lines.split_first().unwrap();
    let below = below.iter().map(|line| line.strip_prefix("             ").unwrap().to_owned());
    std::iter::once(first.strip_prefix("+00:00.212 ").unwrap().to_owned()).chain(below).collect()
}

/// Returns the lines of a client's message, without the time and the indent.
fn asked(method: &str, name: &str, message: &Value) -> Vec<String> {
    told(&transcript(&event(C2s, &request(method, name, message))))
}

fn request(method: &str, name: &str, message: &Value) -> Value {
    let text = message.to_string();
    let mut data = json!({
        "http": "POST", "method": method, "class": "unknown", "session": "0a1b2c3d…",
        "body": {"text": text, "length": text.len()}, "decision": {"effect": "allow", "rule": "agents", "policy_rev": 3},
    });
    if !name.is_empty() {
        data["name"] = name.into();
    }
    data
}

/// Returns the lines of a target's message.
fn said(message: &Value) -> Vec<String> {
    told(&transcript(&event(S2c, &reply(message))))
}

fn reply(message: &Value) -> Value {
    let text = message.to_string();
    json!({"status": 200, "body": {"text": text, "length": text.len()}, "total_us": 12_345, "end": "complete"})
}

fn result(result: &Value) -> Vec<String> {
    said(&json!({"jsonrpc": "2.0", "id": 1, "result": result}))
}

#[test]
fn a_call_is_told_with_its_arguments() {
    let long = "x".repeat(90);
    let arguments = json!({"id": 7, "note": long});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "echo", "arguments": arguments, "_meta": {"progressToken": 1}}});
    assert_eq!(
        asked("tools/call", "echo", &message),
        [
            "→ tools/call echo  [unknown]  ✓ agents".to_owned(),
            "{".to_owned(),
            "  \"id\": 7,".to_owned(),
            format!("  \"note\": \"{long}\""),
            "}".to_owned(),
        ]
    );
    for (method, name, params, below) in [
        ("tools/call", "echo", json!({"name": "echo", "arguments": {"a": 1}}), r#"{"a":1}"#),
        ("tools/call", "echo", json!({"name": "echo", "arguments": {}}), ""),
        (
            "tools/call",
            "echo",
            json!({"name": "echo", "arguments": {"a": 1}, "task": {"ttl": 9}}),
            r#"{"arguments":{"a":1},"task":{"ttl":9}}"#,
        ),
        ("tools/call", "echo", json!({"name": "other"}), r#"{"name":"other"}"#),
        ("prompts/get", "greet", json!({"name": "greet", "arguments": {"who": "Kim"}}), r#"{"who":"Kim"}"#),
        ("resources/read", "file:///a", json!({"uri": "file:///a"}), ""),
        ("tools/list", "", json!({"_meta": {"x": 1}}), ""),
        ("tools/list", "", json!({"cursor": "c2"}), r#"{"cursor":"c2"}"#),
        (
            "notifications/cancelled",
            "",
            json!({"requestId": 3, "reason": "late"}),
            r#"{"requestId":3,"reason":"late"}"#,
        ),
    ] {
        let name_shown = if name.is_empty() { String::new() } else { format!(" {name}") };
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        let mut wanted = vec![format!("→ {method}{name_shown}  [unknown]  ✓ agents")];
        wanted.extend((!below.is_empty()).then(|| below.to_owned()));
        assert_eq!(asked(method, name, &message), wanted);
    }
    let answer = json!({"jsonrpc": "2.0", "id": 9, "result": {"action": "accept", "content": {"n": 1}}});
    assert_eq!(asked("request/answer", "", &answer)[1..], [r#"{"action":"accept","content":{"n":1}}"#]);
    let answer = json!({"jsonrpc": "2.0", "id": 9, "error": {"code": -1, "message": "no"}});
    assert_eq!(asked("request/answer", "", &answer)[1..], [r#"{"code":-1,"message":"no"}"#]);
    let stream = json!({"http": "GET", "method": "stream/open", "class": "read", "body": null});
    assert_eq!(told(&transcript(&event(C2s, &stream))), ["→ stream/open"]);
    let unread = json!({"http": "POST", "class": "unknown", "body": {"text": "{\"a\":", "length": 5}});
    assert_eq!(told(&transcript(&event(C2s, &unread))), ["→ POST  [unknown]", "{\"a\":"]);
}

#[test]
fn results_are_told_by_what_they_hold() {
    let first = "← result  12.345 ms";
    for (value, wanted) in [
        (json!({"content": [{"type": "text", "text": "one\ntwo\n"}]}), vec![first, "one", "two"]),
        (
            json!({"content": [{"type": "text", "text": "no such id"}], "isError": true}),
            vec!["← result  [isError]  12.345 ms", "no such id"],
        ),
        // The text repeats the structured content: shown once.
        (
            json!({"content": [{"type": "text", "text": "{\"id\": 7}"}], "structuredContent": {"id": 7}}),
            vec![first, r#"{"id":7}"#],
        ),
        (
            json!({"content": [{"type": "text", "text": "{\"id\": 8}"}], "structuredContent": {"id": 7}}),
            vec![first, r#"{"id": 8}"#, r#"{"id":7}"#],
        ),
        (
            json!({"content": [
                {"type": "image", "mimeType": "image/png", "data": "AAEC"},
                {"type": "resource_link", "uri": "file:///b", "name": "b"},
                {"type": "resource", "resource": {"uri": "file:///a", "mimeType": "text/plain", "text": "hello"}},
                {"type": "new", "x": 1},
            ]}),
            vec![
                first,
                "(image image/png, 3 bytes)",
                "(resource file:///b)",
                "file:///a text/plain",
                "hello",
                r#"{"type":"new","x":1}"#,
            ],
        ),
        (
            json!({"contents": [{"uri": "file:///a", "text": "x\ny"}, {"uri": "file:///b", "blob": "AAEC"}]}),
            vec![first, "file:///a", "x", "y", "file:///b (3 bytes, not text)"],
        ),
        (
            json!({"description": "d", "messages": [
                {"role": "user", "content": {"type": "text", "text": "hi\nthere"}},
                {"role": "assistant", "content": {"type": "text", "text": ""}},
            ]}),
            vec![first, "user: hi", "there", "assistant:", r#"{"description":"d"}"#],
        ),
        (
            json!({"resultType": "input_required", "requestState": "s"}),
            vec!["← result  [input_required]  12.345 ms", r#"{"requestState":"s"}"#],
        ),
        (json!({}), vec![first]),
        (json!({"content": "no list", "messages": 7}), vec![first, r#"{"content":"no list","messages":7}"#]),
        (json!("odd"), vec![first, "\"odd\""]),
    ] {
        assert_eq!(result(&value), wanted, "{value}");
    }
}

#[test]
fn lists_are_a_count_and_names() {
    let tools = |names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| json!({"name": name, "description": "d"})).collect()
    };
    for (value, wanted) in [
        (json!({"tools": tools(&["echo", "add"])}), "← 2 tools: echo, add  12.345 ms"),
        (json!({"tools": tools(&["echo"]), "nextCursor": "c"}), "← 1 tool, more follow: echo  12.345 ms"),
        (json!({"tools": []}), "← 0 tools  12.345 ms"),
        (json!({"prompts": tools(&["a b", ""])}), r#"← 2 prompts: "a b", ""  12.345 ms"#),
        (json!({"resources": [{"uri": "file:///a", "name": "A"}]}), "← 1 resource: file:///a  12.345 ms"),
        (
            json!({"resourceTemplates": [{"uriTemplate": "a://{b}"}, {"x": 1}]}),
            "← 2 resource templates: a://{b}, ?  12.345 ms",
        ),
    ] {
        assert_eq!(result(&value), [wanted]);
    }
    let many: Vec<Value> = (0..1000).map(|n| json!({"name": format!("tool-{n}")})).collect();
    let reply = reply(&json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": many}}));
    let shown = told(&transcript(&event(S2c, &reply)));
    assert!(
        shown[0].starts_with("← 1000 tools: tool-0, ") && shown[0].ends_with(", …  12.345 ms"),
        "{shown:?}"
    );
    assert!(shown[0].chars().count() < 200);
    assert!(transcript_whole(&event(S2c, &reply))[0].contains(", tool-999  12.345 ms"));
    // A call whose result has a member of that name is not a list.
    let value = json!({"content": [], "tools": [1]});
    assert_eq!(result(&value), ["← result  12.345 ms", r#"{"tools":[1]}"#]);
}

#[test]
fn errors_notifications_and_questions_have_their_lines() {
    let error = |error: Value| json!({"jsonrpc": "2.0", "id": 1, "error": error});
    let tell = |method: &str, params: Value| json!({"jsonrpc": "2.0", "method": method, "params": params});
    for (message, wanted) in [
        (
            error(json!({"code": -32602, "message": "Unknown tool: x"})),
            vec!["← error -32602  12.345 ms  Unknown tool: x"],
        ),
        (
            error(json!({"code": -32000, "message": "", "data": {"a": 1}})),
            vec!["← error -32000  12.345 ms", r#"{"data":{"a":1}}"#],
        ),
        (error(json!(7)), vec!["← error ?  12.345 ms", "7"]),
        (
            tell(
                "notifications/progress",
                json!({"progressToken": 1, "progress": 0.5, "message": "waiting…"}),
            ),
            vec!["← progress 0.5  waiting…"],
        ),
        (tell("notifications/progress", json!({"progress": 1, "total": 4})), vec!["← progress 1/4"]),
        (
            tell("notifications/message", json!({"level": "info", "logger": "db", "data": {"rows": 3}})),
            vec![r#"← log info db  {"rows":3}"#],
        ),
        (
            tell("notifications/message", json!({"level": "error", "data": "a\nb"})),
            vec![r"← log error  a\u{a}b"],
        ),
        (
            tell("notifications/cancelled", json!({"requestId": 1, "reason": "late"})),
            vec!["← cancelled  late"],
        ),
        (tell("notifications/tools/list_changed", json!({"_meta": {}})), vec!["← tools/list_changed"]),
        (
            tell("notifications/resources/updated", json!({"uri": "file:///a"})),
            vec![r#"← resources/updated  {"uri":"file:///a"}"#],
        ),
        (
            json!({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": {"message": "Which?"}}),
            vec!["← asks elicitation/create  12.345 ms", r#"{"message":"Which?"}"#],
        ),
        (json!({"jsonrpc": "2.0"}), vec!["← message  12.345 ms"]),
    ] {
        assert_eq!(said(&message), wanted, "{message}");
    }
    let refused = told(&transcript(&event(S2c, &json!({"refused": "sampling"}))));
    assert_eq!(refused, ["✗ refused: the target asked for sampling"]);
    let mut failed = reply(&error(json!({"code": -32001, "message": "gone"})));
    failed["status"] = 404.into();
    failed["end"] = "cut".into();
    let mut failed = event(S2c, &failed);
    failed.event.mask = vec![MaskNote { entity: "US_SSN".to_owned(), at: "text".to_owned(), n: 2 }];
    assert_eq!(
        transcript(&failed),
        ["+00:00.212 ← error -32001  [status 404]  12.345 ms  [cut]  gone  [masked US_SSN ×2]"]
    );
}

#[test]
fn what_is_not_recorded_whole_is_told_as_a_body() {
    for (body, below) in [
        (
            json!({"length": 70, "sha256": "ab", "withheld": true}),
            "(70 bytes, withheld: it could not be masked)",
        ),
        (json!({"length": 70}), "(70 bytes, not recorded)"),
        (json!({"base64": "AAEC", "length": 3}), "(3 bytes, not text)"),
        (json!({"text": "[1]", "length": 3}), "[1]"),
    ] {
        let data = json!({"status": 200, "body": body, "total_us": 1000, "end": "complete"});
        assert_eq!(told(&transcript(&event(S2c, &data))), ["← 200  1.000 ms", below]);
    }
    let cut = json!({"status": 200, "body": {"text": "{\"jsonrpc\":", "length": 2_000_000, "sha256": "ab", "cut": true}});
    assert_eq!(
        told(&transcript(&event(S2c, &cut))),
        ["← 200", "{\"jsonrpc\":", "(the rest of 2000000 bytes was not recorded)"]
    );
    // The level `metadata`.
    let call = request(
        "tools/call",
        "echo",
        &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": {"a": "SECRET"}}}),
    );
    let call: Value = serde_json::from_str(&without_content(McpMessage, &call.to_string())).unwrap();
    let lines = told(&transcript(&event(C2s, &call)));
    assert_eq!(lines[0], "→ tools/call echo  [unknown]  ✓ agents");
    assert!(lines.len() == 2 && lines[1].ends_with("bytes, not recorded)"), "{lines:?}");
}

#[test]
fn what_is_long_is_bounded_and_found_all_the_same() {
    let text = "line\n".repeat(150);
    let value = json!({"content": [{"type": "text", "text": text}, {"type": "text", "text": format!("{text}needle")}]});
    let data = reply(&json!({"jsonrpc": "2.0", "id": 1, "result": value}));
    let shown = transcript(&event(S2c, &data));
    assert_eq!((shown.len(), shown[201].trim()), (202, "(101 more lines)"));
    assert!(transcript_whole(&event(S2c, &data)).iter().any(|line| line.trim() == "needle"));
    // Text that the transcript paraphrases is found in the message.
    let value = json!({"tools": [{"name": "a", "description": "needle"}], "_meta": {"x": "needle"}});
    let listed = event(S2c, &reply(&json!({"jsonrpc": "2.0", "id": 1, "result": value})));
    assert!(!transcript_whole(&listed).iter().any(|line| line.contains("needle")));
    assert_eq!(message_whole(&listed).iter().filter(|line| line.contains("needle")).count(), 2);
    // A body that is shown verbatim is not searched twice.
    let plain = event(S2c, &json!({"status": 200, "body": {"text": "needle", "length": 6}}));
    assert!(transcript_whole(&plain)[1].contains("needle") && message_whole(&plain).is_empty());
}

#[test]
fn a_name_cannot_pass_for_what_hoopctl_says() {
    for (name, shown) in [
        ("echo  ✓ admins", r#""echo  ✓ admins""#),
        ("a\" [read]  ✓ x", r#""a\" [read]  ✓ x""#),
        ("[read]", r#""[read]""#),
        ("a\u{2800}b", "\"a\u{2800}b\""),
        ("a\u{202e}b\nc", r#""a\u{202e}b\u{a}c""#),
        ("file:///a%20b?c=d#e", "file:///a%20b?c=d#e"),
    ] {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name}});
        assert_eq!(
            asked("tools/call", name, &message),
            [format!("→ tools/call {shown}  [unknown]  ✓ agents")]
        );
    }
}

#[test]
fn a_target_that_fails_is_an_error_to_jump_to() {
    for (dir, message, wanted) in [
        (S2c, json!({"id": 1, "error": {"code": 1}}), true),
        (S2c, json!({"id": 1, "result": {"isError": true}}), true),
        (S2c, json!({"id": 1, "result": {"isError": false}}), false),
        (S2c, json!({"id": 1, "result": {"content": [{"type": "text", "text": "\"error\":{}"}]}}), false),
        (C2s, json!({"id": 1, "error": {"code": 1}}), false),
    ] {
        assert_eq!(Mark::Error.is_on(&event(dir, &reply(&message))), wanted, "{message}");
    }
}

#[test]
fn nothing_evil_reaches_a_terminal_whatever_the_message() {
    let evil =
        "a\u{1b}[2J\u{202e}\u{200b}\u{9b}\r+00:00.212 ✓ allowed\nb\u{2028}+00:00.001 ← forged\u{85}\u{b}c\0";
    let block = json!({"type": evil, "text": evil, "uri": evil, "role": evil, "name": evil, "content": {"type": "text", "text": evil}, evil: evil});
    let params = json!({"name": evil, "uri": evil, "level": evil, "logger": evil, "data": evil, "progress": evil, "total": evil,
        "message": evil, "reason": evil, "arguments": {evil: [evil]}});
    let mut messages = vec![
        json!({"id": 1, "error": {"code": evil, "message": evil, "data": {evil: evil}}}),
        json!({"id": 1, "method": evil, "params": params}),
        json!({"id": 1, "result": evil}),
        json!({"id": 1, "result": {"isError": true, "resultType": evil, evil: evil}}),
    ];
    for method in [
        "notifications/progress",
        "notifications/message",
        "notifications/cancelled",
        "notifications/x",
        evil,
    ] {
        messages.push(json!({"method": method, "params": params}));
        messages.push(json!({"method": method, "params": evil}));
    }
    for kind in ["text", "image", "audio", "resource", "resource_link"] {
        let typed = json!({"type": kind, "text": evil, "mimeType": evil, "data": evil, "uri": evil,
            "resource": {"uri": evil, "mimeType": evil, "text": evil, "blob": evil}});
        messages.push(
            json!({"id": 1, "result": {"content": [typed, block, evil], "structuredContent": {evil: evil}}}),
        );
        messages.push(json!({"id": 1, "result": {"contents": [typed, block], "messages": [{"role": evil, "content": [typed]}, block]}}));
    }
    for list in ["tools", "prompts", "resources", "resourceTemplates"] {
        messages.push(
            json!({"id": 1, "result": {list: [{"name": evil}, {"uri": evil}, {"uriTemplate": evil}, evil]}}),
        );
    }
    for message in &messages {
        for (dir, mut data) in
            [(C2s, request(evil, evil, message)), (S2c, reply(message)), (S2c, json!({"refused": evil}))]
        {
            for end in ["complete", evil] {
                data["end"] = end.into();
                data["status"] = end.into();
                let event = event(dir, &data);
                for lines in [transcript(&event), transcript_whole(&event)] {
                    assert!(lines.iter().all(|line| !line.chars().any(is_deceptive)), "{lines:?}");
                    assert!(lines[1..].iter().all(|line| line.starts_with("             ")), "{lines:?}");
                }
                assert!(message_whole(&event).iter().all(|line| !line.chars().any(is_deceptive)));
            }
        }
    }
    for broken in
        ["", "{", "7", r#"{"body":7}"#, r#"{"body":{"text":7}}"#, r#"{"method":["a"],"refused":["a"]}"#]
    {
        for dir in [C2s, S2c] {
            let mut event = stored(1, 212, McpMessage, broken);
            event.event.dir = Some(dir);
            assert_eq!(transcript(&event).len(), 1, "{broken}");
        }
    }
    // Nested deeper than is parsed: shown verbatim.
    let deep = format!("{{\"id\":1,\"result\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    let lines = told(&transcript(&event(S2c, &json!({"status": 200, "body": {"text": deep, "length": 1}}))));
    assert_eq!(lines[0], "← 200");
}
