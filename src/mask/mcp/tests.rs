use serde_json::Value;
use serde_json::json;

use super::*;
use crate::domain::Entity;
use crate::domain::MaskOp;
use crate::mask::tests::plan;
use crate::mask::tests::rule;

pub(super) const CARD: &str = "4111 1111 1111 1111";

pub(super) fn usual(op: MaskOp) -> Plan {
    plan(&[rule(&["ssn", "*token", "name"], &[Entity::CreditCard, Entity::EmailAddress], op)])
}

pub(super) fn run(
    plan: &Plan,
    from: Side,
    answers: Answer<'_>,
    message: &str,
) -> Result<(String, Notes), McpError> {
    let mut notes = Notes::new();
    let new = mask_message(plan, message.as_bytes(), from, answers, &mut notes)?;
    let text = new.map_or_else(|| message.to_owned(), |new| String::from_utf8(new).unwrap());
    serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(text == message || !notes.is_empty(), "{text}");
    Ok((text, notes))
}

fn answer(method: &str) -> Answer<'_> {
    Answer { method, ..Answer::default() }
}

fn result(method: &str, result: &str) -> String {
    let message = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{result}}}");
    let (text, _) = run(&usual(MaskOp::Redact), Side::Target, answer(method), &message).unwrap();
    text.strip_prefix("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":")
        .unwrap()
        .strip_suffix('}')
        .unwrap()
        .to_owned()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn results_are_masked_where_their_values_are_and_nowhere_else() {
    for (method, before, after) in [
        (
            "tools/call",
            r#"{ "structuredContent" : {"ssn":"1","n":1.10, "big":12345678901234567890123,"a":[{"name":"x"}]}, "content":[],"isError":false}"#,
            r#"{ "structuredContent" : {"ssn":"[REDACTED]","n":1.10, "big":12345678901234567890123,"a":[{"name":"[REDACTED]"}]}, "content":[],"isError":false}"#,
        ),
        // A text that is JSON, JSON in JSON, NDJSON, code fences, prose.
        (
            "tools/call",
            r#"{"content":[{"type":"text","text":"{\"ssn\": \"1\", \"n\":1.10}"}]}"#,
            r#"{"content":[{"type":"text","text":"{\"ssn\": \"[REDACTED]\", \"n\":1.10}"}]}"#,
        ),
        (
            "tools/call",
            r#"{"content":[{"type":"text","text":"{\"in\":\"{\\\"ssn\\\":7}\"}"}]}"#,
            r#"{"content":[{"type":"text","text":"{\"in\":\"{\\\"ssn\\\":null}\"}"}]}"#,
        ),
        (
            "tools/call",
            r#"{"content":[{"type":"text","text":"{\"ssn\":1}\n\n[{\"name\":\"x\"}]\nend"}]}"#,
            r#"{"content":[{"type":"text","text":"{\"ssn\":null}\n\n[{\"name\":\"[REDACTED]\"}]\nend"}]}"#,
        ),
        (
            "tools/call",
            r#"{"content":[{"type":"text","text":"Here:\n```json\n{\n  \"ssn\": {\n \"a\": 1}\n}\n```\nmail a@example.com, ssn: 17"}]}"#,
            r#"{"content":[{"type":"text","text":"Here:\n```json\n{\n  \"ssn\": \"[REDACTED]\"\n}\n```\nmail [REDACTED], ssn: [REDACTED]"}]}"#,
        ),
        (
            "tools/call",
            r#"{"isError":true,"content":[{"type":"text","text":"no card 4111 1111 1111 1111"}]}"#,
            r#"{"isError":true,"content":[{"type":"text","text":"no card [REDACTED]"}]}"#,
        ),
        (
            "tools/call",
            r#"{"content":[{"type":"resource_link","uri":"crm://a@example.com","name":"Ann","description":"a@example.com","mimeType":"text/plain"}],"_meta":{"x/token":"t","y":"a@example.com"}}"#,
            r#"{"content":[{"type":"resource_link","uri":"crm://[REDACTED]","name":"[REDACTED]","description":"[REDACTED]","mimeType":"text/plain"}],"_meta":{"x/token":"[REDACTED]","y":"[REDACTED]"}}"#,
        ),
        (
            "tools/call",
            r#"{"content":[{"type":"resource","resource":{"uri":"a:b","mimeType":"text/csv","text":"id,ssn\n1,secret\n"}},{"type":"resource","resource":{"uri":"a:c","text":"{\"ssn\":1}"}}]}"#,
            r#"{"content":[{"type":"resource","resource":{"uri":"a:b","mimeType":"text/csv","text":"id,ssn\n1,[REDACTED]\n"}},{"type":"resource","resource":{"uri":"a:c","text":"{\"ssn\":null}"}}]}"#,
        ),
        // Tables whose type says nothing of it, and text of a type that is not read.
        (
            "tools/call",
            r#"{"content":[{"type":"text","text":"id,ssn\nx,MYSSN"},{"type":"text","text":"Found:\n\n| id | ssn |\n|---|---|\n| 1 | MY SSN |\n"}]}"#,
            r#"{"content":[{"type":"text","text":"id,ssn\nx,[REDACTED]"},{"type":"text","text":"Found:\n\n| id | ssn |\n|---|---|\n| 1 | [REDACTED] |\n"}]}"#,
        ),
        (
            "resources/read",
            r#"{"contents":[{"uri":"a:b","text":"id,ssn\nx,MYSSN\n"},{"uri":"a:c","mimeType":"application/vnd.ms-excel","text":"id,ssn\nx,MYSSN\n"},{"uri":"a:d","mimeType":"application/pdf","text":"MYSSN"},{"uri":"a:e","mimeType":"text/markdown","text":"ssn|id\n-|-\nMYSSN|x\n"}]}"#,
            r#"{"contents":[{"uri":"a:b","text":"id,ssn\nx,[REDACTED]\n"},{"uri":"a:c","mimeType":"application/vnd.ms-excel","text":"[withheld by the gateway: a text of this type cannot be masked]"},{"uri":"a:d","mimeType":"application/pdf","text":"[withheld by the gateway: a text of this type cannot be masked]"},{"uri":"a:e","mimeType":"text/markdown","text":"ssn|id\n-|-\n[REDACTED]|x\n"}]}"#,
        ),
        (
            "resources/read",
            r#"{"contents":[{"uri":"a:b","blob":"aWQsc3NuCngsTVlTU04K"},{"uri":"a:c","mimeType":"application/octet-stream","blob":"aWQsc3NuCngsTVlTU04K"}]}"#,
            r#"{"contents":[{"uri":"a:b","blob":"aWQsc3NuCngsW1JFREFDVEVEXQo="},{"uri":"a:c","mimeType":"application/octet-stream","text":"[withheld by the gateway: binary data cannot be masked]"}]}"#,
        ),
        // Base64: {"ssn":"1"}, and data that is not text.
        (
            "resources/read",
            r#"{"contents":[{"uri":"a:b","blob":"eyJzc24iOiIxIn0="},{"uri":"a:c","blob":"aGk="},{"uri":"a:d","blob":"iVBORwA=","mimeType":"image/png"}]}"#,
            r#"{"contents":[{"uri":"a:b","blob":"eyJzc24iOiJbUkVEQUNURURdIn0="},{"uri":"a:c","blob":"aGk="},{"uri":"a:d","text":"[withheld by the gateway: binary data cannot be masked]","mimeType":"image/png"}]}"#,
        ),
        (
            "tools/call",
            r#"{"content":[{"type":"image","data":"iVBORwA=","mimeType":"image/png"},{"type":"text","text":"![x](data:image/png;base64,iVBORwA=) b"}]}"#,
            r#"{"content":[{"type":"text","text":"[withheld by the gateway: binary data cannot be masked]"},{"type":"text","text":"![x](data:image/png;base64,) b"}]}"#,
        ),
        (
            "prompts/get",
            r#"{"description":"for a@example.com","messages":[{"role":"user","content":{"type":"text","text":"ssn=12"}}]}"#,
            r#"{"description":"for [REDACTED]","messages":[{"role":"user","content":{"type":"text","text":"ssn=[REDACTED]"}}]}"#,
        ),
        (
            "completion/complete",
            r#"{"completion":{"values":["a@example.com","b"],"total":2,"hasMore":false}}"#,
            r#"{"completion":{"values":["[REDACTED]","b"],"total":2,"hasMore":false}}"#,
        ),
        (
            "tools/list",
            r#"{"tools":[{"name":"find","description":"as a@example.com","inputSchema":{"type":"object","properties":{"ssn":{"type":"string","default":"1","pattern":"^1$"}},"required":["ssn"]}}],"nextCursor":"c"}"#,
            r#"{"tools":[{"name":"find","description":"as [REDACTED]","inputSchema":{"type":"object","properties":{"ssn":{"type":"string","default":"[REDACTED]","pattern":"^1$"}},"required":["ssn"]}}],"nextCursor":"c"}"#,
        ),
        (
            "prompts/list",
            r#"{"prompts":[{"name":"p","arguments":[{"name":"ssn","description":"a@example.com","required":true}]}]}"#,
            r#"{"prompts":[{"name":"p","arguments":[{"name":"ssn","description":"[REDACTED]","required":true}]}]}"#,
        ),
        (
            "resources/list",
            r#"{"resources":[{"uri":"a:b","name":"Ann","size":3}]}"#,
            r#"{"resources":[{"uri":"a:b","name":"[REDACTED]","size":3}]}"#,
        ),
        (
            "initialize",
            r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"},"instructions":"mail a@example.com"}"#,
            r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"[REDACTED]","version":"1"},"instructions":"mail [REDACTED]"}"#,
        ),
        (
            "tasks/get",
            r#"{"taskId":"a@example.com","status":"completed","statusMessage":"for a@example.com","result":{"content":[{"type":"text","text":"{\"ssn\":1}"}],"structuredContent":{"ssn":1}}}"#,
            r#"{"taskId":"a@example.com","status":"completed","statusMessage":"for [REDACTED]","result":{"content":[{"type":"text","text":"{\"ssn\":null}"}],"structuredContent":{"ssn":null}}}"#,
        ),
        (
            "tools/call",
            r#"{"resultType":"input_required","requestState":"s","inputRequests":{"q":{"method":"elicitation/create","params":{"mode":"form","message":"for a@example.com","requestedSchema":{"type":"object","properties":{"ssn":{"type":"string","default":"1","enum":["1","2"]},"x":{"type":"string","enum":["1"]}}}}},"r":{"method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"ssn: 3"}}],"maxTokens":9}}}}"#,
            r#"{"resultType":"input_required","requestState":"s","inputRequests":{"q":{"method":"elicitation/create","params":{"mode":"form","message":"for [REDACTED]","requestedSchema":{"type":"object","properties":{"ssn":{"type":"string","default":"[REDACTED]","enum":["[REDACTED]","[REDACTED]"]},"x":{"type":"string","enum":["1"]}}}}},"r":{"method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"ssn: [REDACTED]"}}],"maxTokens":9}}}}"#,
        ),
        // Unknown: all of it is data.
        (
            "",
            r#"{"name":"x","id":7,"method":"ssn","type":{"ssn":1}}"#,
            r#"{"name":"[REDACTED]","id":7,"method":"ssn","type":{"ssn":null}}"#,
        ),
    ] {
        assert_eq!(result(method, before), after, "{method}");
    }
}

#[test]
fn requests_notifications_and_errors_are_masked_in_both_directions() {
    for (from, before, after) in [
        (
            Side::Target,
            r#"{"jsonrpc":"2.0","id":"x","error":{"code":-1,"message":"no a@example.com","data":{"ssn":1}}}"#,
            r#"{"jsonrpc":"2.0","id":"x","error":{"code":-1,"message":"no [REDACTED]","data":{"ssn":null}}}"#,
        ),
        (
            Side::Target,
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","logger":"l","data":{"name":"x","m":"a@example.com"}}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","logger":"l","data":{"name":"[REDACTED]","m":"[REDACTED]"}}}"#,
        ),
        (
            Side::Target,
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1,"message":"at a@example.com"}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1,"message":"at [REDACTED]"}}"#,
        ),
        (
            Side::Client,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find","arguments":{"name":"Ann","token":true},"_meta":{"progressToken":7,"token":"t"}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find","arguments":{"name":"[REDACTED]","token":null},"_meta":{"progressToken":7,"token":"[REDACTED]"}}}"#,
        ),
        // The same members from the wrong side are data.
        (
            Side::Target,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"secret","cursor":{"name":1}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"[REDACTED]","cursor":{"name":null}}}"#,
        ),
        (
            Side::Client,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"f","requestState":"s","inputResponses":{"q":{"action":"accept","content":{"ssn":"1"}},"r":{"role":"assistant","model":"m","content":{"type":"text","text":"ssn=1"}}}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"f","requestState":"s","inputResponses":{"q":{"action":"accept","content":{"ssn":"[REDACTED]"}},"r":{"role":"assistant","model":"m","content":{"type":"text","text":"ssn=[REDACTED]"}}}}}"#,
        ),
        (
            Side::Client,
            r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"ssn","value":"12"}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"ssn","value":"[REDACTED]"}}}"#,
        ),
    ] {
        let (text, _) = run(&usual(MaskOp::Redact), from, Answer::default(), before).unwrap();
        assert_eq!(text, after);
    }
    for (method, before, after) in [
        (
            "elicitation/create",
            r#"{"action":"accept","content":{"ssn":"1"}}"#,
            r#"{"action":"accept","content":{"ssn":"[REDACTED]"}}"#,
        ),
        (
            "sampling/createMessage",
            r#"{"role":"assistant","model":"m","content":{"type":"text","text":"to a@example.com"}}"#,
            r#"{"role":"assistant","model":"m","content":{"type":"text","text":"to [REDACTED]"}}"#,
        ),
    ] {
        assert_eq!(result(method, before), after);
    }
    let complete = Answer { method: "completion/complete", argument: "ssn", ..Answer::default() };
    let message = r#"{"jsonrpc":"2.0","id":1,"result":{"completion":{"values":["1","2"]}}}"#;
    let (text, notes) = run(&usual(MaskOp::Redact), Side::Target, complete, message).unwrap();
    assert_eq!(
        text,
        r#"{"jsonrpc":"2.0","id":1,"result":{"completion":{"values":["[REDACTED]","[REDACTED]"]}}}"#
    );
    assert_eq!(notes.total(), 2);
}

#[test]
fn texts_of_the_protocol_stay_texts_whatever_the_operator_writes() {
    let message = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"a@example.com"},{"type":"resource_link","uri":"u:v","name":"Ann"}],"structuredContent":{"ssn":"1","m":"a@example.com"}}}"#;
    let (text, _) = run(&usual(MaskOp::Null), Side::Target, answer("tools/call"), message).unwrap();
    assert_eq!(
        text,
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":""},{"type":"resource_link","uri":"u:v","name":""}],"structuredContent":{"ssn":null,"m":null}}}"#
    );
}

#[test]
fn what_cannot_be_read_in_one_way_is_an_error() {
    let deep = format!("{{\"x\":{}1{}}}", "[".repeat(70), "]".repeat(70));
    let nested = (0..8).fold("{\"ssn\":1}".to_owned(), |text, _| json!({ "x": text }).to_string());
    let in_text = json!({"result": {"content": [{"type": "text", "text": deep}]}}).to_string();
    for message in [
        "",
        "{",
        "{} {}",
        "{\"a\":tru}",
        "{\"a\":\"\\x\"}",
        "{\"\\ud800\":1}",
        "{\"result\":{\"contents\":[{\"text\":\"a,\\\"b\",\"mimeType\":\"text/csv\"}]}}",
        &deep,
        &nested,
        &in_text,
    ] {
        let error = run(&usual(MaskOp::Redact), Side::Target, answer("resources/read"), message);
        assert!(matches!(error, Err(McpError::Unmaskable(_))), "{message}: {error:?}");
    }
    let mut notes = Notes::new();
    assert!(
        mask_message(&usual(MaskOp::Redact), b"\"\xff\"", Side::Client, Answer::default(), &mut notes)
            .is_err()
    );
}

#[test]
fn without_masks_nothing_is_even_read() {
    let mut notes = Notes::new();
    assert_eq!(mask_message(&plan(&[]), b"{", Side::Target, Answer::default(), &mut notes), Ok(None));
}

/// Returns `structuredContent`, and its copy as text, masked under a schema.
fn typed(op: MaskOp, schema: &str, content: &str) -> Result<String, McpError> {
    let plan = plan(&[rule(&["ssn"], &[Entity::CreditCard], op)]);
    let schema = Json::parse(schema.as_bytes(), 64).unwrap();
    let text = serde_json::to_string(content).unwrap();
    let message = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"structuredContent\":{content},\"content\":[{{\"type\":\"text\",\"text\":{text}}}]}}}}"
    );
    let answers = Answer { method: "tools/call", schema: Some(&schema), argument: "", passes_binary: false };
    let (new, _) = run(&plan, Side::Target, answers, &message)?;
    let new: Value = serde_json::from_str(&new).unwrap();
    let structured = &new["result"]["structuredContent"];
    let copy: Value = serde_json::from_str(new["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(&copy, structured, "the copy is masked in another way");
    Ok(structured.to_string())
}

#[test]
fn a_mask_fits_the_schema_of_its_tool() {
    let last = MaskOp::KeepLast { n: 4 };
    for (op, field, before, after) in [
        // A mask that is valid is kept.
        (&MaskOp::Redact, r#"{"type":"string"}"#, r#""1""#, r#""[REDACTED]""#),
        (&MaskOp::Redact, r#"{"type":["number","null"]}"#, "17", "null"),
        (&last, r#"{"type":"string","pattern":"^[*0-9]+$"}"#, r#""123456789""#, r#""*****6789""#),
        (&MaskOp::Redact, "true", "17", "null"),
        // Otherwise the next best value.
        (&MaskOp::Redact, r#"{"type":"number"}"#, "17", "0"),
        (&MaskOp::Hash, r#"{"type":"integer","minimum":100,"maximum":900}"#, "170", "100"),
        (&MaskOp::Redact, r#"{"type":"number","exclusiveMinimum":0,"multipleOf":0.5}"#, "17", "0.5"),
        (&MaskOp::Redact, r#"{"type":"boolean"}"#, "true", "false"),
        (&MaskOp::Null, r#"{"type":"string"}"#, r#""1""#, r#""[REDACTED]""#),
        (
            &MaskOp::Redact,
            r#"{"type":"string","pattern":"^\\d{3}-\\d{2}-\\d{4}$"}"#,
            r#""123-45-6789""#,
            r#""000-00-0000""#,
        ),
        (
            &MaskOp::Redact,
            r#"{"type":"string","pattern":"^cus_[a-z]+","minLength":9}"#,
            r#""cus_abcdef""#,
            r#""cus_xxxxx""#,
        ),
        (&MaskOp::Redact, r#"{"type":"string","maxLength":4}"#, r#""1234""#, r#""""#),
        (
            &MaskOp::Redact,
            r#"{"type":"string","minLength":30}"#,
            r#""123456789012345678901234567890""#,
            r#""******************************""#,
        ),
        (&MaskOp::Redact, r#"{"type":"string","format":"date"}"#, r#""2001-02-03""#, r#""1970-01-01""#),
        (&MaskOp::Redact, r#"{"type":"string","enum":["a","b"]}"#, r#""b""#, r#""a""#),
        (&MaskOp::Redact, r##"{"$ref":"#/$defs/n"}"##, "17", "0"),
        (&MaskOp::Redact, r#"{"anyOf":[{"type":"number"},{"type":"array"}]}"#, "17", "0"),
        (
            &MaskOp::Redact,
            r#"{"allOf":[{"type":"string"},{"maxLength":8},{"minLength":1}]}"#,
            r#""1""#,
            r#""REDACTED""#,
        ),
        (&MaskOp::Redact, r#"{"type":"array","items":{"type":"number"}}"#, "[1,2]", "[0,0]"),
        (
            &MaskOp::Redact,
            r#"{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"string"}},"required":["a"]}"#,
            r#"{"a":1,"b":"x","4111":"undeclared"}"#,
            r#"{"a":0,"b":"[REDACTED]"}"#,
        ),
    ] {
        let schema = format!(
            r#"{{"type":"object","properties":{{"ssn":{field}}},"required":["ssn"],"$defs":{{"n":{{"type":"number"}}}}}}"#
        );
        let wanted = format!("{{\"ssn\":{after}}}");
        assert_eq!(typed(op.clone(), &schema, &format!("{{\"ssn\":{before}}}")), Ok(wanted), "{field}");
    }
}

#[test]
fn a_found_shape_fits_too_and_what_fits_nothing_is_withheld() {
    let schema =
        r#"{"type":"object","properties":{"card":{"type":"string","pattern":"^\\d{4}( \\d{4}){3}$"}}}"#;
    assert_eq!(
        typed(MaskOp::Redact, schema, &format!("{{\"card\":\"{CARD}\"}}")),
        Ok("{\"card\":\"0000 0000 0000 0000\"}".into())
    );
    for (schema, content) in [
        // An unsupported pattern, a reference elsewhere, values that must be distinct, and no valid value.
        (r#"{"properties":{"ssn":{"type":"string","pattern":"^(?!000)\\d{3}$"}}}"#, r#"{"ssn":"123"}"#),
        (r#"{"properties":{"ssn":{"$ref":"https://example.com/ssn"}}}"#, r#"{"ssn":"123"}"#),
        (r#"{"properties":{"ssn":{"items":{"type":"string"},"uniqueItems":true}}}"#, r#"{"ssn":["1","2"]}"#),
        (r#"{"properties":{"ssn":{"type":"string","pattern":"^a+$","maxLength":0}}}"#, r#"{"ssn":"123"}"#),
        (r#"{"properties":{"ssn":{"type":"object","minProperties":1}}}"#, r#"{"ssn":{"a":1}}"#),
    ] {
        assert_eq!(typed(MaskOp::Redact, schema, content), Err(McpError::Unfit), "{schema}");
    }
}

#[test]
fn a_list_of_tools_loosens_the_schemas_of_masked_fields() {
    let before = r#"{"type":"object","properties":{"ssn":{"type":"string","title":"SSN","pattern":"^\\d+$","maxLength":9},"all":{"oneOf":[{"properties":{"name":{"type":"integer"}}},{"type":"null"}]},"free":{"type":"string","pattern":"^x"}},"required":["ssn"]}"#;
    let after = r#"{"type":"object","properties":{"ssn":{"type":["string","null"],"title":"SSN"},"all":{"anyOf":[{"properties":{"name":{"type":["integer","string","null"]}}},{"type":"null"}]},"free":{"type":"string","pattern":"^x"}},"required":["ssn"]}"#;
    let plan = usual(MaskOp::Redact);
    let new = |schema: &str| {
        rewrite_schema(&plan, schema.as_bytes()).map(|new| new.map(|new| String::from_utf8(new).unwrap()))
    };
    assert_eq!(new(before), Ok(Some(after.to_owned())));
    // A second pass changes nothing.
    assert_eq!(new(r#"{"type":"object","properties":{"x":{"pattern":"a"}},"not":{}}"#), Ok(None));
    for opaque in [
        r#"{"properties":{"ssn":{}},"not":{"required":["x"]}}"#,
        r#"{"properties":{"ssn":{}},"oneOf":[],"anyOf":[]}"#,
        r##"{"properties":{"ssn":{},"y":{"$ref":"#/properties/ssn"}}}"##,
        r#"{"properties":{"ssn":{}},"enum":[{"ssn":1}]}"#,
    ] {
        assert_eq!(new(opaque), Ok(Some("{\"type\":\"object\"}".to_owned())), "{opaque}");
    }
    let list =
        format!(r#"{{"tools":[{{"name":"t","inputSchema":{{"type":"object"}},"outputSchema":{before}}}]}}"#);
    let wanted =
        format!(r#"{{"tools":[{{"name":"t","inputSchema":{{"type":"object"}},"outputSchema":{after}}}]}}"#);
    let mut notes = Notes::new();
    let message = format!("{{\"result\":{list}}}");
    let new =
        mask_message(&plan, message.as_bytes(), Side::Target, answer("tools/list"), &mut notes).unwrap();
    assert_eq!(String::from_utf8(new.unwrap()).unwrap(), format!("{{\"result\":{wanted}}}"));
}

#[test]
fn binary_data_passes_where_the_operator_wants_it_and_text_in_it_is_masked_all_the_same() {
    let message = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
    let masked = |result: &str, passes_binary| {
        let answers = Answer { method: "tools/call", passes_binary, ..Answer::default() };
        let masked = mask_message(
            &usual(MaskOp::Redact),
            message(result).as_bytes(),
            Side::Target,
            answers,
            &mut Notes::new(),
        );
        masked.unwrap().map(|masked| String::from_utf8(masked).unwrap())
    };
    let image = r#"{"content":[{"type":"image","data":"iVBORwA=","mimeType":"image/png"},{"type":"text","text":"![x](data:image/png;base64,iVBORwA=) b"},{"type":"resource","resource":{"uri":"a:b","blob":"iVBORwA="}},{"type":"text","text":"{\"a\":\"![x](data:image/png;base64,iVBORwA=) b\"}"}]}"#;
    assert_eq!(masked(image, true), None);
    assert!(masked(image, false).is_some_and(|masked| !masked.contains("iVBORwA=")));
    // {"ssn":"1"} in base64; and invalid base64.
    for data in ["eyJzc24iOiIxIn0=", "iVBOR!wA="] {
        let hidden = format!(r#"{{"content":[{{"type":"image","data":"{data}","mimeType":"image/png"}}]}}"#);
        let told = masked(&hidden, true).unwrap();
        assert!(!told.contains(data), "{told}");
    }
}
