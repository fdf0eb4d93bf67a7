use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::tests::CARD;
use super::tests::run;
use super::tests::usual;
use super::*;
use crate::domain::MaskOp;
use crate::mask::tests::plan;

const CANARY: &str = "SECRETCANARY";

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-zé\"\\\\\n {}\\[\\]:,]{0,12}".prop_map(Value::from),
        Just(json!(format!("card {CARD}."))),
        Just(json!(4_111_111_111_111_111_u64)),
        Just(json!({ "ssn": CANARY })),
        Just(json!({ "ssn": [CANARY, [CANARY], { "x": CANARY }] })),
        Just(json!({ "my_token": { "deep": [CANARY] } })),
        Just(json!(format!("ssn: {CANARY}"))),
        Just(json!(format!("see https://x.example/?access_token={CANARY}&b=1"))),
        Just(json!({ CARD: 1 })),
    ]
}

/// Generates any value, with JSON, code fences and base64 in its strings.
fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z]{1,6}", inner.clone()), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
            inner.clone().prop_map(|value| json!(json!([value]).to_string())),
            inner
                .clone()
                .prop_map(|value| json!(format!("so:\n```json\n{:#}\n```\nok", json!({ "v": value })))),
            inner.clone().prop_map(|value| json!(format!("{}\n{}", json!([value]), json!({ "a": value })))),
            inner.clone().prop_map(|value| json!(format!("got {} and more", json!({ "a": [value] })))),
            inner.prop_map(|value| json!(format!(
                "data:text/plain;base64,{}",
                STANDARD.encode(json!({ "v": value }).to_string())
            ))),
        ]
    })
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns a message with the value in one of its places, and what it answers.
fn message() -> impl Strategy<Value = (Side, &'static str, Value)> {
    (value(), 0usize..17).prop_map(|(value, surface)| {
        let t = text(&value);
        let blob = STANDARD.encode(&t);
        let result = |method: &'static str, result: Value| {
            (Side::Target, method, json!({ "jsonrpc": "2.0", "id": 1, "result": result }))
        };
        let told = |side: Side, method: &str, params: Value| {
            (side, "", json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
        };
        match surface {
            0 => result("tools/call", json!({ "structuredContent": value, "content": [] })),
            1 => result("tools/call", json!({ "content": [{ "type": "text", "text": t }], "isError": true })),
            2 => result("tools/call", json!({ "content": [{ "type": "image", "data": blob, "mimeType": "image/svg+xml" }] })),
            3 => result("tools/call", json!({ "content": [{ "type": "resource", "resource": { "uri": t, "text": t } }] })),
            4 => result("tools/call", json!({ "content": [{ "type": "resource_link", "uri": t, "name": t, "title": t, "description": t }], "_meta": { "x": value } })),
            5 => result("resources/read", json!({ "contents": [{ "uri": "a:b", "blob": blob }] })),
            6 => result("prompts/get", json!({ "messages": [{ "role": "user", "content": { "type": "text", "text": t } }] })),
            7 => result("completion/complete", json!({ "completion": { "values": [t] } })),
            8 => result("tasks/get", json!({ "taskId": "1", "status": t, "statusMessage": t, "result": { "structuredContent": value } })),
            9 => result("tools/call", json!({ "inputRequests": { "q": { "method": "elicitation/create", "params": { "message": t, "requestedSchema": { "properties": { "a": { "default": value, "description": t, "enum": [t] } } } } } } })),
            10 => result("custom/method", value),
            11 => (Side::Target, "tools/call", json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": 1, "message": t, "data": value } })),
            12 => told(Side::Target, "notifications/message", json!({ "level": "info", "data": value })),
            13 => told(Side::Target, "sampling/createMessage", json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": t }] }], "systemPrompt": t })),
            14 => told(Side::Client, "tools/call", json!({ "name": "x", "arguments": { "a": value }, "inputResponses": { "q": { "action": "accept", "content": { "b": value } } } })),
            15 => result("tools/list", json!({ "tools": [{ "name": "x", "description": t, "inputSchema": { "properties": { "q": { "default": value, "examples": [value] } } }, "outputSchema": { "description": t } }] })),
            // Protocol members with other content.
            _ => result("tools/call", json!({ "content": [{ "type": value, "mimeType": [value], "role": t, "annotations": value }], "isError": value, "requestState": [value], "resultType": t, "x": value })),
        }
    })
}

/// Returns whether a secret is in a value, in a string in it, or in base64.
fn leaks(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().any(leaks),
        Value::Object(members) => members.iter().any(|(name, value)| leaks(&json!(name)) || leaks(value)),
        Value::Number(number) => number.to_string().contains("4111111111111111"),
        Value::String(text) => {
            let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
            bare.contains(CANARY)
                || bare.contains("4111111111111111")
                || serde_json::from_str::<Value>(text).is_ok_and(|value| !value.is_string() && leaks(&value))
                || text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c))).any(|word| {
                    word.len() > 8
                        && STANDARD
                            .decode(word)
                            .is_ok_and(|bytes| String::from_utf8(bytes).is_ok_and(|text| leaks(&json!(text))))
                })
        }
        _ => false,
    }
}

/// Returns whether the skeleton of a message, which protocol libraries check, is unchanged.
fn same_kinds(before: &Value, after: &Value) -> bool {
    ["jsonrpc", "id", "method"].iter().all(|name| before.get(name) == after.get(name))
        && ["result", "error", "params"]
            .iter()
            .all(|name| before.get(name).is_some() == after.get(name).is_some())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_secret_comes_out_wherever_it_stands((side, method, message) in message(), keep in any::<bool>()) {
        let op = if keep { MaskOp::KeepLast { n: 4 } } else { MaskOp::Redact };
        let answers = Answer { method, ..Answer::default() };
        match run(&usual(op), side, answers, &message.to_string()) {
            Ok((new, _)) => {
                let new: Value = serde_json::from_str(&new).unwrap();
                prop_assert!(!leaks(&new), "{new}");
                prop_assert!(same_kinds(&message, &new));
            }
            Err(McpError::Unmaskable(Unmaskable::TooDeep)) => {}
            Err(error) => prop_assert!(false, "{error} {message}"),
        }
    }

    #[test]
    fn what_holds_nothing_is_not_touched(value in value(), indent in any::<bool>()) {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "result": { "structuredContent": value, "content": [{ "type": "text", "text": text(&value) }] } });
        let message = if indent { format!("{message:#}") } else { message.to_string() };
        let none = plan(&[crate::mask::tests::rule(&["nobody_has_this"], &[], MaskOp::Redact)]);
        let answers = Answer { method: "tools/call", ..Answer::default() };
        let mut notes = Notes::new();
        match mask_message(&none, message.as_bytes(), Side::Target, answers, &mut notes) {
            Ok(new) => prop_assert_eq!(new, None),
            Err(error) => prop_assert_eq!(error, McpError::Unmaskable(Unmaskable::TooDeep)),
        }
    }

    #[test]
    fn any_bytes_are_masked_or_refused(bytes in "[{}\\[\\]\":,0-9a-df-tv-z\\\\ \n-]{0,60}") {
        let mut notes = Notes::new();
        let done = mask_message(&usual(MaskOp::Redact), bytes.as_bytes(), Side::Target, Answer::default(), &mut notes);
        let reads = serde_json::from_str::<Value>(&bytes).is_ok();
        prop_assert!(done.is_ok() == reads, "{bytes}");
        let text = json!({ "result": { "text": bytes } }).to_string();
        prop_assert!(run(&usual(MaskOp::Redact), Side::Target, Answer::default(), &text).is_ok());
    }
}

/// Returns the schema of a field, with a valid value.
fn field() -> impl Strategy<Value = (Value, Value)> {
    prop_oneof![
        (1i64..50, 60i64..90).prop_map(|(least, most)| (
            json!({ "type": "integer", "minimum": least, "maximum": most }),
            json!(most)
        )),
        Just((json!({ "type": "number", "exclusiveMinimum": 5.5 }), json!(7.25))),
        Just((json!({ "type": "number", "multipleOf": 3, "minimum": 4 }), json!(9))),
        Just((json!({ "type": "boolean" }), json!(true))),
        Just((json!({ "const": "k" }), json!("k"))),
        Just((json!({ "enum": [3, "q", "z"] }), json!("z"))),
        Just((json!({ "type": "string", "pattern": "^[A-Z]{2}\\d{6,8}$" }), json!("AB1234567"))),
        Just((
            json!({ "type": "string", "pattern": "^(red|green)-[^0-9]+$", "minLength": 12 }),
            json!("green-abcdefgh")
        )),
        Just((json!({ "type": "string", "format": "uuid" }), json!("123e4567-e89b-12d3-a456-426614174000"))),
        Just((
            json!({ "type": "string", "format": "email", "maxLength": 40 }),
            json!("someone@mail.example.com")
        )),
        Just((json!({ "oneOf": [{ "type": "string", "minLength": 40 }, { "type": "integer" }] }), json!(12))),
        Just((
            json!({ "type": "array", "items": { "type": "integer", "minimum": 1 }, "minItems": 1 }),
            json!([5, 6])
        )),
        Just((
            json!({ "type": "object", "properties": { "v": { "type": "integer" } }, "required": ["v"] }),
            json!({ "v": 5 })
        )),
        Just((json!({ "type": "string", "not": { "pattern": "^\\[" } }), json!("abc"))),
    ]
}

proptest! {
    #[test]
    fn a_masked_result_fits_its_schema_and_the_loosened_one(
        fields in prop::collection::vec((prop_oneof![Just("ssn"), Just("a_token"), Just("plain"), Just("other")], field()), 1..5),
        hash in any::<bool>(),
        strict in any::<bool>(),
    ) {
        let (mut properties, mut content) = (Map::new(), Map::new());
        for (name, (schema, value)) in fields {
            properties.insert(name.into(), schema);
            content.insert(name.into(), value);
        }
        let names: Vec<String> = content.keys().cloned().collect();
        let schema = json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": !strict }).to_string();
        let known = Json::parse(schema.as_bytes(), 64).unwrap();
        let checker = schema::Checker::new(&known, 1000);
        let before = Json::parse(Value::Object(content.clone()).to_string().as_bytes(), 64).unwrap();
        prop_assert_eq!(checker.accepts(&before), schema::Fit::Yes);

        let plan = usual(if hash { MaskOp::Hash } else { MaskOp::Redact });
        let message = json!({ "result": { "structuredContent": content } }).to_string();
        let answers = Answer { method: "tools/call", schema: Some(&known), argument: "", passes_binary: false };
        let (new, _) = run(&plan, Side::Target, answers, &message).unwrap();
        let new: Value = serde_json::from_str(&new).unwrap();
        let after = Json::parse(new["result"]["structuredContent"].to_string().as_bytes(), 64).unwrap();
        prop_assert_eq!(checker.accepts(&after), schema::Fit::Yes, "{}", new);

        // Both the loosened schema and the mask without a schema accept it.
        if let Some(loose) = rewrite_schema(&plan, schema.as_bytes()).unwrap() {
            let loose = Json::parse(&loose, 64).unwrap();
            let loosened = schema::Checker::new(&loose, 1000);
            let answers = Answer { method: "tools/call", ..Answer::default() };
            // Only fields are loosened: a detector's finding elsewhere is made to fit by the schema alone.
            let fields = crate::mask::tests::rule(&["ssn", "*token"], &[], MaskOp::Redact);
            let plan = crate::mask::tests::plan(&[fields]);
            let (unfitted, _) = run(&plan, Side::Target, answers, &message).unwrap();
            let unfitted: Value = serde_json::from_str(&unfitted).unwrap();
            let unfitted = Json::parse(unfitted["result"]["structuredContent"].to_string().as_bytes(), 64).unwrap();
            for value in [&before, &after, &unfitted] {
                prop_assert_eq!(loosened.accepts(value), schema::Fit::Yes, "{} {}", loose, value);
            }
        }
    }
}

#[test]
fn a_schema_that_branches_without_end_costs_a_bounded_time() {
    let schema = r##"{"$defs":{"n":{"anyOf":[{"properties":{"c":{"$ref":"#/$defs/n"},"ssn":{"type":"number"}}},{"properties":{"c":{"$ref":"#/$defs/n"}},"required":["x"]},{"properties":{"c":{"$ref":"#/$defs/n"}},"required":["y"]}]}},"$ref":"#/$defs/n"}"##;
    let schema = Json::parse(schema.as_bytes(), 64).unwrap();
    let content = format!("{}{{\"ssn\":1}}{}", "{\"c\":".repeat(40), "}".repeat(40));
    let message = format!("{{\"result\":{{\"structuredContent\":{content}}}}}");
    let answers = Answer { method: "tools/call", schema: Some(&schema), argument: "", passes_binary: false };
    let started = std::time::Instant::now();
    let done = run(&usual(MaskOp::Redact), Side::Target, answers, &message);
    assert!(done.is_err() || !done.unwrap().0.contains("\"ssn\":1"));
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn brackets_that_go_nowhere_cost_a_linear_time() {
    for unit in ["[\"", "{\"a\":", "[{\"a\":\"b\"},", "\",\":{", "[\"{\",\":\",", "{\"ssn\":\"x\n"] {
        let text = unit.repeat(200_000 / unit.len());
        let message = json!({ "result": { "content": [{ "type": "text", "text": text }] } }).to_string();
        let started = std::time::Instant::now();
        let answers = Answer { method: "tools/call", ..Answer::default() };
        let mut notes = Notes::new();
        let done =
            mask_message(&usual(MaskOp::Redact), message.as_bytes(), Side::Target, answers, &mut notes);
        assert!(matches!(done, Ok(_) | Err(McpError::Unmaskable(Unmaskable::TooDeep))));
        assert!(started.elapsed().as_secs() < 10, "{unit} {:?}", started.elapsed());
    }
}
