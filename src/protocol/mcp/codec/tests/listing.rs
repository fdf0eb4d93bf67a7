//! Lists are read strictly, and elements are removed without a trace.

use super::*;
use crate::protocol::mcp::codec::envelope::names::ElementField;
use crate::protocol::mcp::codec::envelope::names::ResultField;
use crate::protocol::mcp::codec::envelope::refusal::Wanted;
use crate::protocol::mcp::codec::listing::Listed;
use crate::protocol::mcp::codec::listing::Listing;
use crate::protocol::mcp::codec::rewrite::Rewrite;

fn response(result: &str) -> Message {
    message(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#))
}

const TOOLS: &str = r#"{"tools" : [ {"name":"read","annotations":{"readOnlyHint":true,"title":"R"},"inputSchema":{"n":1.10}},
    {"inputSchema":{},"n\u0061me":"wr\u0069te","annotations":{"destructiveHint":false,"openWorldHint":"yes"}} , {"name":"third"}],
    "nextCursor":"p2","cacheScope":"public","ttlMs":5000,"x-more":1e400}"#;

#[test]
fn a_list_of_tools_is_read_and_filtered() {
    let message = response(TOOLS);
    let list = Listing::read(&message, Listed::Tools).unwrap();
    let names: Vec<_> = list.elements.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["read", "write", "third"]);
    assert_eq!(list.elements[0].hints.read_only, Some(true));
    assert_eq!(list.elements[1].hints.destructive, Some(false));
    assert_eq!((list.elements[1].hints.read_only, list.elements[1].hints.open_world), (None, None));
    assert_eq!(list.elements[0].field(ElementField::InputSchema).unwrap().raw, br#"{"n":1.10}"#);
    assert_eq!(list.elements[2].span.of(message.body()), br#"{"name":"third"}"#);
    assert_eq!(list.next_cursor().unwrap(), "p2");
    let mut rewrite = Rewrite::new(&message);
    rewrite.edits(list.keep(|tool| tool.name != "write")).outcome(ResultField::CacheScope, "\"private\"");
    let out = rewrite.finish().unwrap();
    let start = TOOLS.find("},\n").unwrap() + 1;
    let end = TOOLS.find(" , {\"name\":\"third").unwrap();
    let wanted = format!("{}{}", &TOOLS[..start], &TOOLS[end..]).replace("public", "private");
    assert_eq!(out, format!(r#"{{"jsonrpc":"2.0","id":1,"result":{wanted}}}"#));
    let mut rewrite = Rewrite::new(&message);
    rewrite.edits(list.keep(|_| false));
    let out = Message::scan(rewrite.finish().unwrap(), Limits::new(9999)).unwrap();
    let none = Listing::read(&out, Listed::Tools).unwrap();
    assert!(none.elements.is_empty());
    assert_eq!(none.next_cursor().unwrap(), "p2");
    assert!(list.keep(|_| true).is_empty());
}

#[test]
fn each_list_is_judged_by_its_own_key() {
    for (listed, result, key) in [
        (Listed::Tools, r#"{"tools":[{"name":"n"}]}"#, "n"),
        (Listed::Prompts, r#"{"prompts":[{"name":"n","arguments":[]}]}"#, "n"),
        (Listed::Resources, r#"{"resources":[{"name":"n","uri":"file:\/\/\/a"}]}"#, "file:///a"),
        (Listed::ResourceTemplates, r#"{"resourceTemplates":[{"name":"n","uriTemplate":"x:{y}"}]}"#, "x:{y}"),
    ] {
        let message = response(result);
        let list = Listing::read(&message, listed).unwrap();
        assert_eq!((&*list.elements[0].key, &*list.elements[0].name), (key, "n"));
        assert_eq!(Listed::by_method(listed.method()), Some(listed));
        // A list under another name does not count.
        for other in Listed::ALL.iter().filter(|other| **other != listed) {
            assert!(Listing::read(&message, *other).is_err(), "{other:?} {result}");
        }
    }
    assert_eq!(Listed::by_method("tools/call"), None);
}

#[test]
fn what_could_hide_a_tool_from_the_filter_makes_the_list_unreadable() {
    let shape = |name, wanted| Problem::Shape { name, wanted };
    for (listed, result, wanted) in [
        (Listed::Tools, "{}", shape("tools", Wanted::Array)),
        (Listed::Tools, r#"{"tools":null}"#, shape("tools", Wanted::Array)),
        (Listed::Tools, r#"{"tools":{"name":"a"}}"#, shape("tools", Wanted::Array)),
        (Listed::Tools, r#"{"tools":[],"Tools":[{"name":"evil"}]}"#, Problem::Lookalike { known: "tools" }),
        (Listed::Tools, r#"{"tools":["a"]}"#, Problem::NoObject),
        (Listed::Tools, r#"{"tools":[null]}"#, Problem::NoObject),
        (Listed::Tools, r#"{"tools":[{"name":"a"},{}]}"#, shape("name", Wanted::String)),
        (Listed::Tools, r#"{"tools":[{"name":1}]}"#, shape("name", Wanted::String)),
        (Listed::Tools, r#"{"tools":[{"title":"a"}]}"#, shape("name", Wanted::String)),
        (Listed::Tools, r#"{"tools":[{"name":"a","name":"b"}]}"#, Problem::Twice),
        (Listed::Tools, r#"{"tools":[{"name":"a","n\u0061me":"b"}]}"#, Problem::Twice),
        (Listed::Tools, r#"{"tools":[{"name":"a","inputSchema":{"x":1,"x":2}}]}"#, Problem::Twice),
        (Listed::Tools, r#"{"tools":[{"name":"a","Name":"b"}]}"#, Problem::Lookalike { known: "name" }),
        (
            Listed::Tools,
            r#"{"tools":[{"name":"a","annotations":{"readOnlyHint":false,"ReadOnlyHint":true}}]}"#,
            Problem::Lookalike { known: "readOnlyHint" },
        ),
        (Listed::Resources, r#"{"resources":[{"name":"a"}]}"#, shape("uri", Wanted::String)),
        (
            Listed::ResourceTemplates,
            r#"{"resourceTemplates":[{"name":"a","uri":"b"}]}"#,
            shape("uriTemplate", Wanted::String),
        ),
    ] {
        let message = response(result);
        assert_eq!(Listing::read(&message, listed).map(|_| ()).unwrap_err().problem, wanted, "{result}");
    }
    let request = message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#);
    assert!(Listing::read(&request, Listed::Tools).is_err());
}
