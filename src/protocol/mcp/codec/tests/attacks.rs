//! Ambiguous messages: each would let a target do something else than was judged.

use super::*;
use crate::protocol::mcp::codec::envelope::names::Known;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::codec::envelope::names::look_up;
use crate::protocol::mcp::codec::envelope::refusal::INVALID_REQUEST;
use crate::protocol::mcp::codec::envelope::refusal::PARSE_ERROR;
use crate::protocol::mcp::codec::envelope::refusal::Wanted;

fn call(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
}

#[test]
fn a_name_that_comes_twice_is_refused_wherever_a_call_has_it() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","m\u0065thod":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{},"params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"x","vendor":1,"vendor":2}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"c\u006fntent":[]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":{"a":1,"a":2}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"code":2,"message":""}}"#,
        &call(r#"{"name":"safe","name":"evil"}"#),
        &call(r#"{"name":"safe","n\u0061me":"evil"}"#),
        &call(r#"{"arguments":{"a":1,"a":2}}"#),
        &call(r#"{"arguments":{"a":[{"b":{"c":1,"\u0063":2}}]}}"#),
        &call(r#"{"_meta":{"progressToken":1,"progressToken":2}}"#),
        &call(r#"{"_meta":{"x":{"y":1,"y":2}}}"#),
        &call(r#"{"inputResponses":{"x":{"y":1,"y":2}}}"#),
    ] {
        assert_eq!(problem(text), Problem::Twice, "{text}");
    }
    // Long objects store their names in another way.
    for second in [0, 7, 15, 16, 17, 18, 63, 99] {
        let mut members: Vec<_> = (0..100).map(|place| format!(r#""k{place}":{{"k0":0}}"#)).collect();
        assert!(scan(&call(&format!(r#"{{"arguments":{{{}}}}}"#, members.join(",")))).is_ok());
        members.push(format!(r#""\u006b{second}":0"#));
        assert_eq!(
            problem(&call(&format!(r#"{{"arguments":{{{}}}}}"#, members.join(",")))),
            Problem::Twice,
            "{second}"
        );
    }
}

#[test]
fn results_are_held_to_one_reading_at_all_depths_only_when_asked() {
    let text = r#"{"jsonrpc":"2.0","id":1,"result":{"content":{"a":1,"a":2}}}"#;
    assert!(scan(text).is_ok());
    let limits = Limits { once_in_results: true, ..Limits::new(1000) };
    let refused = Message::scan(Bytes::from_static(text.as_bytes()), limits).unwrap_err();
    assert_eq!((refused.problem, refused.at), (Problem::Twice, text.find(r#""a":2"#).unwrap()));
}

#[test]
fn a_name_that_a_lenient_reader_takes_for_a_known_one_is_refused() {
    for (text, known) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","Method":"b"}"#, "method"),
        (r#"{"jsonrpc":"2.0","id":1,"METHOD":"b"}"#, "method"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{},"Params":{}}"#, "params"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","param\u017f":{}}"#, "params"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","ID":2}"#, "id"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","Result":{}}"#, "result"),
        (r#"{"jsonrpc":"2.0","JsonRpc":"2.0","id":1,"method":"a"}"#, "jsonrpc"),
        (&call(r#"{"name":"safe","Name":"evil"}"#), "name"),
        (&call(r#"{"NAME":"evil"}"#), "name"),
        (&call(r#"{"name\u0000x":"evil"}"#), "name"),
        (&call(r#"{"task_id":"other"}"#), "taskId"),
        (&call(r#"{"tas\u212aId":"other"}"#), "taskId"),
        (&call(r#"{"taſkId":"other"}"#), "taskId"),
        (&call(r#"{"Arguments":{}}"#), "arguments"),
        (&call(r#"{"uri":"a","URI":"b"}"#), "uri"),
        (&call(r#"{"meta":{}}"#), "_meta"),
        (&call(r#"{"request_state":""}"#), "requestState"),
        (&call(r#"{"ref":{"type":"ref/prompt","Name":"b"}}"#), "name"),
        (&call(r#"{"_meta":{"progress_token":1}}"#), "progressToken"),
        (
            &call(r#"{"_meta":{"io.modelcontextprotocol/ProtocolVersion":"x"}}"#),
            "io.modelcontextprotocol/protocolVersion",
        ),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","Data":0}}"#, "data"),
    ] {
        assert_eq!(problem(text), Problem::Lookalike { known }, "{text}");
    }
    // Arguments belong to the tool, and a name that only resembles a known one is different.
    for text in
        [call(r#"{"arguments":{"Name":1,"name":2,"NAME":3}}"#), call(r#"{"names":1,"nam":2,"title":3,"":4}"#)]
    {
        assert!(scan(&text).is_ok(), "{text}");
    }
    assert_eq!(look_up::<Param>("_meta"), Known::Exactly(Param::Meta));
    assert_eq!(look_up::<Meta>("_progressToken"), Known::Lookalike(Meta::ProgressToken));
}

#[test]
fn what_is_not_one_message_is_refused_with_the_code_it_deserves() {
    let deep = |levels: usize| {
        call(&format!(r#"{{"arguments":{{"a":{}{}}}}}"#, "[".repeat(levels), "]".repeat(levels)))
    };
    assert!(scan(&deep(61)).is_ok());
    for (text, wanted) in [
        (deep(62).as_str(), Problem::TooDeep),
        (&deep(100_000), Problem::TooDeep),
        ("", Problem::Syntax("the input ends early")),
        ("nonsense", Problem::Syntax("no JSON value")),
        ("{", Problem::Syntax("no member name")),
        (r#"{"jsonrpc":"2.0","method":"a",}"#, Problem::Syntax("no member name")),
        (r#"{"jsonrpc":"2.0","method":"\ud800"}"#, Problem::Syntax("half a surrogate pair")),
        ("{\"jsonrpc\":\"2.0\",\"method\":\"a\nb\"}", Problem::Syntax("a control character in a string")),
        (r#"{"jsonrpc":"2.0","method":"a"/**/}"#, Problem::Syntax("no comma or } after a member")),
        (r#"{"jsonrpc":"2.0","method":"a"} {}"#, Problem::Trailing),
        ("{\"jsonrpc\":\"2.0\",\"method\":\"a\"}\0", Problem::Trailing),
        ("\u{feff}{\"jsonrpc\":\"2.0\",\"method\":\"a\"}", Problem::ByteOrderMark),
    ] {
        let refused = scan(text).unwrap_err();
        assert_eq!((refused.problem, refused.code()), (wanted, PARSE_ERROR), "{text}");
    }
    let id = Problem::Shape { name: "id", wanted: Wanted::Id };
    let shape = |name, wanted| Problem::Shape { name, wanted };
    for (text, wanted) in [
        ("[]", Problem::Batch),
        (" \n[{\"jsonrpc\":\"2.0\",\"method\":\"a\"}]", Problem::Batch),
        ("1", Problem::NoObject),
        ("{}", Problem::Version),
        (r#"{"method":"a"}"#, Problem::Version),
        (r#"{"jsonrpc":"1.0","method":"a"}"#, Problem::Version),
        (r#"{"jsonrpc":"2.\u0030","method":"a"}"#, Problem::Version),
        (r#"{"jsonrpc":2.0,"method":"a"}"#, Problem::Version),
        (r#"{"jsonrpc":"2.0"}"#, Problem::Neither),
        (r#"{"jsonrpc":"2.0","id":1}"#, Problem::Neither),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#, Problem::Both),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","result":{}}"#, Problem::Both),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","error":{"code":1,"message":""}}"#, Problem::Both),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"params":{"_meta":{}}}"#, Problem::ParamsOfNothing),
        (r#"{"jsonrpc":"2.0","result":{}}"#, Problem::NoId),
        (r#"{"jsonrpc":"2.0","id":1,"method":1}"#, shape("method", Wanted::String)),
        (r#"{"jsonrpc":"2.0","method":"a","params":null}"#, shape("params", Wanted::Object)),
        (r#"{"jsonrpc":"2.0","method":"a","params":[]}"#, shape("params", Wanted::Object)),
        (r#"{"jsonrpc":"2.0","id":1,"result":null}"#, shape("result", Wanted::Object)),
        (r#"{"jsonrpc":"2.0","id":1,"error":"e"}"#, shape("error", Wanted::Object)),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"message":""}}"#, shape("code", Wanted::Integer)),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":""}}"#, shape("code", Wanted::Integer)),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#, shape("message", Wanted::String)),
        (r#"{"jsonrpc":"2.0","id":null,"method":"a"}"#, id),
        (r#"{"jsonrpc":"2.0","id":null,"result":{}}"#, id),
        (r#"{"jsonrpc":"2.0","id":1.0,"method":"a"}"#, id),
        (r#"{"jsonrpc":"2.0","id":1e2,"method":"a"}"#, id),
        (r#"{"jsonrpc":"2.0","id":-0,"method":"a"}"#, id),
        (r#"{"jsonrpc":"2.0","id":9007199254740992,"method":"a"}"#, id),
        (r#"{"jsonrpc":"2.0","id":12345678901234567890123,"method":"a"}"#, id),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"a"}"#, id),
        (r#"{"jsonrpc":"2.0","id":true,"error":{"code":1,"message":""}}"#, id),
        (&call(r#"{"name":["a"]}"#), shape("name", Wanted::String)),
        (&call(r#"{"uri":null}"#), shape("uri", Wanted::String)),
        (&call(r#"{"taskId":1}"#), shape("taskId", Wanted::String)),
        (&call(r#"{"requestId":null}"#), shape("requestId", Wanted::Id)),
        (&call(r#"{"_meta":[]}"#), shape("_meta", Wanted::Object)),
        (&call(r#"{"_meta":{"progressToken":1.5}}"#), shape("progressToken", Wanted::Id)),
        (&call(r#"{"ref":{"name":1}}"#), shape("name", Wanted::String)),
    ] {
        let refused = scan(text).unwrap_err();
        assert_eq!((refused.problem, refused.code()), (wanted, INVALID_REQUEST), "{text}");
    }
    let long = Message::scan(Bytes::from_static(b"{\"jsonrpc\":\"2.0\""), Limits::new(15)).unwrap_err();
    assert_eq!((long.problem, long.code()), (Problem::TooLong { found: 16, limit: 15 }, INVALID_REQUEST));
    let bad = Message::scan(Bytes::from_static(b"{\"jsonrpc\":\"\xff\"}"), Limits::new(99)).unwrap_err();
    assert_eq!((bad.problem, bad.at, bad.code()), (Problem::Encoding, 12, PARSE_ERROR));
}

#[test]
fn a_refusal_says_nothing_of_the_message() {
    let text = call(r#"{"name":"s3cret","NAME":"s3cret"}"#);
    let refused = scan(&text).unwrap_err();
    assert_eq!(refused.at, text.find("\"NAME\"").unwrap());
    let words = refused.to_string();
    assert!(words.contains("`name`") && !words.contains("s3cret") && !words.contains("NAME"), "{words}");
}
