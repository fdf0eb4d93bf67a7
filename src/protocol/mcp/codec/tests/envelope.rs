//! The kinds of messages; the scanner always agrees with a full parser.

use proptest::prelude::*;
use serde_json::Value as Tree;

use super::*;
use crate::domain::json::cursor::Shape;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::envelope::names::ErrorField;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::names::Names as _;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::codec::envelope::names::RefField;
use crate::protocol::mcp::codec::envelope::names::ResultField;

#[test]
fn a_message_is_what_its_members_say() {
    for (text, kind, id) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, Kind::Request, Some(Id::Number(1))),
        (r#" {"method":"ping","id":"a","jsonrpc":"2.0"} "#, Kind::Request, Some(Id::Text("a".into()))),
        (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, Kind::Notification, None),
        (r#"{"jsonrpc":"2.0","id":-7,"result":{}}"#, Kind::Response, Some(Id::Number(-7))),
        (
            r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"m"}}"#,
            Kind::Error,
            Some(Id::Number(0)),
        ),
        (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}"#, Kind::Error, None),
        (r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"m"}}"#, Kind::Error, None),
        (r#"{"jsonrpc":"2.0","id":1,"method":"x","vendor":[{}]}"#, Kind::Request, Some(Id::Number(1))),
    ] {
        let message = message(text);
        assert_eq!((message.kind(), message.id()), (kind, id), "{text}");
        assert_eq!(message.span().of(text.as_bytes()), text.trim().as_bytes());
    }
}

#[test]
fn the_parts_of_a_call_are_found_where_they_stand() {
    let text = r#"{"jsonrpc":"2.0","id":"\u0031","method":"tools\/call","params":{"_meta":{
        "progressToken":7,"io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"c"},
        "io.modelcontextprotocol/subscriptionId":"s","io.modelcontextprotocol/logLevel":"info","x":1},
        "name":"get\u005fuser","arguments":{"n":1.10,"name":"inner"},"requestState":"opaque","inputResponses":{"a":{}}}}"#;
    let message = message(text);
    assert_eq!(message.method().unwrap(), "tools/call");
    assert_eq!(message.id(), Some(Id::Text("1".into())));
    assert_eq!(message.id_value().unwrap().raw, br#""\u0031""#);
    assert_eq!(message.param(Param::Name).unwrap().text().unwrap(), "get_user");
    assert_eq!(message.param(Param::Name).unwrap().raw, br#""get\u005fuser""#);
    let arguments = message.param(Param::Arguments).unwrap();
    assert_eq!((arguments.raw, arguments.shape), (&br#"{"n":1.10,"name":"inner"}"#[..], Shape::Object));
    assert_eq!(arguments.span.of(text.as_bytes()), arguments.raw);
    assert_eq!(message.param(Param::RequestState).unwrap().raw, br#""opaque""#);
    assert_eq!(message.param(Param::InputResponses).unwrap().raw, br#"{"a":{}}"#);
    assert!(message.param(Param::Uri).is_none());
    for (field, raw) in [
        (Meta::ProgressToken, "7"),
        (Meta::ProtocolVersion, "\"2026-07-28\""),
        (Meta::ClientCapabilities, "{}"),
        (Meta::ClientInfo, r#"{"name":"c"}"#),
        (Meta::SubscriptionId, "\"s\""),
        (Meta::LogLevel, "\"info\""),
    ] {
        assert_eq!(message.meta(field).unwrap().raw, raw.as_bytes());
    }
    assert!(message.params().unwrap().raw.ends_with(br#"{"a":{}}}"#));
}

#[test]
fn the_parts_of_other_messages_are_found_too() {
    let complete = message(
        r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"},"argument":{}}}"#,
    );
    assert_eq!(complete.reference(RefField::Name).unwrap().text().unwrap(), "p");
    assert_eq!(complete.reference(RefField::Type).unwrap().text().unwrap(), "ref/prompt");
    assert!(complete.reference(RefField::Uri).is_none());
    let cancelled = message(
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"9","reason":"r"}}"#,
    );
    assert_eq!(cancelled.param(Param::RequestId).unwrap().id(), Some(Id::Text("9".into())));
    let failed =
        message(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32020,"message":"m\n","data":{"a":1,"a":2}}}"#);
    assert_eq!(failed.failure(ErrorField::Code).unwrap().integer(), Some(-32020));
    assert_eq!(failed.failure(ErrorField::Message).unwrap().text().unwrap(), "m\n");
    assert_eq!(failed.failure(ErrorField::Data).unwrap().raw, br#"{"a":1,"a":2}"#);
    let result = message(
        r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/subscriptionId":3},"content":[{"a":1,"a":2}],"isError":true,"Tools":1}}"#,
    );
    assert_eq!(result.meta(Meta::SubscriptionId).unwrap().id(), Some(Id::Number(3)));
    assert_eq!(result.outcome(ResultField::IsError).unwrap().boolean(), Some(true));
    assert_eq!(result.outcome(ResultField::Content).unwrap().raw, br#"[{"a":1,"a":2}]"#);
    assert!(result.result_lookalike().is_some());
}

#[test]
fn ids_are_the_same_when_they_say_the_same_and_keep_their_type() {
    let id = |raw: &str| {
        let message = message(&format!(r#"{{"jsonrpc":"2.0","id":{raw},"method":"m"}}"#));
        message.id().unwrap().into_owned()
    };
    assert_eq!(id(r#""a""#), id(r#""\u0061""#));
    assert_ne!(id("1"), id("\"1\""));
    assert_eq!(id("9007199254740991"), Id::Number(9_007_199_254_740_991));
    assert_eq!(Id::Text("a\"b".into()).to_json(), r#""a\"b""#);
    assert_eq!(Id::Number(-3).to_json(), "-3");
}

/// Generates JSON with known names and names that resemble them.
fn tree(depth: u32) -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::from),
        any::<i64>().prop_map(Tree::from),
        (-9..9_i64).prop_map(Tree::from),
        any::<f32>().prop_map(|number| serde_json::json!(number)),
        any::<String>().prop_map(Tree::from),
        prop_oneof![Just("2.0"), Just("tools/call"), Just("a")].prop_map(Tree::from),
    ];
    leaf.prop_recursive(depth, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Tree::from),
            proptest::collection::vec((name(), inner), 0..6)
                .prop_map(|members| Tree::Object(members.into_iter().collect())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(Param::ALL).prop_map(|field| field.name().to_owned()),
        proptest::sample::select(Meta::ALL).prop_map(|field| field.name().to_owned()),
        proptest::sample::select(&["id", "method", "result", "Method", "task_id", "a\"\n"][..])
            .prop_map(str::to_owned),
        ".{0,8}",
    ]
}

/// Generates messages whose members are mostly valid.
fn near() -> impl Strategy<Value = Tree> {
    let id = prop_oneof![any::<i32>().prop_map(Tree::from), ".{0,5}".prop_map(Tree::from), tree(1)];
    let params = proptest::collection::vec((name(), tree(3)), 0..6)
        .prop_map(|members| Tree::Object(members.into_iter().collect()));
    let method = prop_oneof![".{0,12}".prop_map(Tree::from), Just(Tree::from("tools/call")), tree(1)];
    (id, method, proptest::option::of(params), proptest::option::of((name(), tree(2)))).prop_map(
        |(id, method, params, more)| {
            let mut message = serde_json::Map::new();
            message.insert("id".to_owned(), id);
            if let Some(params) = params {
                message.insert("params".to_owned(), params);
            }
            message.insert("method".to_owned(), method);
            message.insert("jsonrpc".to_owned(), Tree::from("2.0"));
            message.extend(more);
            Tree::Object(message)
        },
    )
}

/// Compares the scanner's result with that of another parser.
fn agrees(body: &[u8]) -> Result<bool, TestCaseError> {
    let scanned = Message::scan(Bytes::copy_from_slice(body), Limits::new(1 << 20));
    let tree: Result<Tree, _> = serde_json::from_slice(body);
    let Ok(message) = scanned else { return Ok(false) };
    if tree.as_ref().is_err_and(|error| error.to_string().starts_with("number out of range")) {
        // Valid JSON that exceeds the limits of the other parser.
        return Ok(false);
    }
    let tree = tree.map_err(|error| TestCaseError::fail(format!("taken, but no JSON: {error}")))?;
    prop_assert_eq!(&tree["jsonrpc"], "2.0");
    let method = message.method();
    prop_assert_eq!(method.as_deref(), tree["method"].as_str());
    let text = |id: Option<Id<'_>>| id.map(|id| id.to_json());
    let parsed = |id: Option<&Tree>| id.filter(|id| !id.is_null()).map(Tree::to_string);
    // Each writes strings in its own way, so their values are compared.
    let same = |ours: Option<String>, theirs: Option<String>| match (ours, theirs) {
        (Some(ours), Some(theirs)) => {
            serde_json::from_str::<Tree>(&ours).unwrap() == serde_json::from_str::<Tree>(&theirs).unwrap()
        }
        (ours, theirs) => ours.is_none() && theirs.is_none(),
    };
    prop_assert!(same(text(message.id()), parsed(tree.get("id"))));
    let params = tree.get("params");
    prop_assert_eq!(message.params().is_some(), params.is_some());
    for field in Param::ALL {
        let theirs = params.and_then(|params| params.get(field.name()));
        let ours = message.param(*field);
        prop_assert_eq!(ours.is_some(), theirs.is_some(), "{}", field.name());
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            prop_assert_eq!(&serde_json::from_slice::<Tree>(ours.raw).unwrap(), theirs);
            let ours = ours.text();
            prop_assert_eq!(ours.as_deref(), theirs.as_str());
        }
    }
    let meta = tree.get("params").or_else(|| tree.get("result")).and_then(|params| params.get("_meta"));
    for field in Meta::ALL {
        let theirs = meta.and_then(|meta| meta.get(field.name()));
        let ours = message.meta(*field).map(|ours| serde_json::from_slice::<Tree>(ours.raw).unwrap());
        prop_assert_eq!(ours.as_ref(), theirs);
    }
    let kind = match (tree.get("method"), tree.get("id"), tree.get("result"), tree.get("error")) {
        (Some(_), Some(_), None, None) => Kind::Request,
        (Some(_), None, None, None) => Kind::Notification,
        (None, Some(_), Some(_), None) => Kind::Response,
        (None, _, None, Some(_)) => Kind::Error,
        _ => return Err(TestCaseError::fail("taken, but of two kinds")),
    };
    prop_assert_eq!(message.kind(), kind);
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn what_is_taken_is_read_alike_by_another_parser(tree in near(), pretty: bool) {
        let body = if pretty { serde_json::to_vec_pretty(&tree) } else { serde_json::to_vec(&tree) };
        agrees(&body.unwrap())?;
    }

    #[test]
    fn changed_bytes_are_refused_or_read_alike(
        tree in near(),
        changes in proptest::collection::vec((any::<usize>(), 0..4_u8, any::<u8>()), 1..4),
    ) {
        let mut body = serde_json::to_vec(&tree).unwrap();
        for (at, how, byte) in changes {
            let at = at % body.len();
            match how {
                0 => body[at] = byte,
                1 => body.insert(at, b"\"\\{}[],:0-eE.u \n"[usize::from(byte) % 16]),
                2 if body.len() > 1 => drop(body.remove(at)),
                _ => body.truncate(at + 1),
            }
        }
        agrees(&body)?;
    }

    #[test]
    fn no_bytes_panic(body: Vec<u8>) {
        agrees(&body)?;
    }
}

#[test]
fn the_property_meets_messages_that_are_taken() {
    for taken in [
        r#"{"jsonrpc":"2.0","id":"\ud83d\ude00","method":"m\t","params":{"name":"\/","_meta":{"progressToken":1}}}"#,
        r#"{"jsonrpc":"2.0","error":{"code":1,"message":""}}"#,
    ] {
        assert!(agrees(taken.as_bytes()).unwrap());
    }
}
