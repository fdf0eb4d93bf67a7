//! Messages are changed by the names of their parts, and stay messages.

use proptest::prelude::*;

use super::*;
use crate::domain::json::cursor::Span;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::codec::envelope::names::ResultField;
use crate::protocol::mcp::codec::rewrite::Rewrite;
use crate::protocol::mcp::codec::splice::Edit;
use crate::protocol::mcp::codec::splice::SpliceError;

fn rewritten(text: &str, change: impl FnOnce(&mut Rewrite<'_>)) -> Result<String, SpliceError> {
    let message = message(text);
    let mut rewrite = Rewrite::new(&message);
    change(&mut rewrite);
    let body = rewrite.finish()?;
    let out = String::from_utf8(body.to_vec()).unwrap();
    scan(&out).unwrap_or_else(|refusal| panic!("{out}: {refusal}"));
    Ok(out)
}

#[test]
fn without_changes_it_is_the_same_body() {
    let message = message(r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#);
    assert_eq!(Rewrite::new(&message).finish().unwrap().as_ptr(), message.body().as_ptr());
}

#[test]
fn an_id_is_replaced_in_its_place() {
    for (text, wanted) in [
        (r#"{ "id" : 1e0, "x":1.10}"#, None),
        (
            r#"{"jsonrpc":"2.0", "id" : "\u0061" ,"method":"m","x":1.10}"#,
            Some(r#"{"jsonrpc":"2.0", "id" : 77 ,"method":"m","x":1.10}"#),
        ),
        (r#"{"jsonrpc":"2.0","method":"m"}"#, Some(r#"{"jsonrpc":"2.0","method":"m"}"#)),
        (
            r#" {"jsonrpc":"2.0","error":{"code":1,"message":"m"}}"#,
            Some(r#" {"id":77,"jsonrpc":"2.0","error":{"code":1,"message":"m"}}"#),
        ),
        (
            r#"{"id":null,"jsonrpc":"2.0","error":{"code":1,"message":"m"}}"#,
            Some(r#"{"id":77,"jsonrpc":"2.0","error":{"code":1,"message":"m"}}"#),
        ),
    ] {
        let Some(wanted) = wanted else {
            assert!(scan(text).is_err());
            continue;
        };
        let out = rewritten(text, |rewrite| {
            rewrite.id("76").id("77");
        });
        assert_eq!(out.as_deref(), Ok(wanted));
    }
}

#[test]
fn members_are_replaced_or_put_in_with_what_is_around_them() {
    let change = |rewrite: &mut Rewrite<'_>| {
        rewrite
            .meta(Meta::ProgressToken, "\"p\"")
            .param(Param::Name, "\"t\"")
            .meta(Meta::SubscriptionId, "5")
            .meta(Meta::ProgressToken, "9");
    };
    for (text, wanted) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"name":"t","_meta":{"io.modelcontextprotocol/subscriptionId":5,"progressToken":9}}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","params":{},"id":1,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","params":{"name":"t","_meta":{"io.modelcontextprotocol/subscriptionId":5,"progressToken":9}},"id":1,"method":"m"}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","params":{"_meta":{ },"x":1},"id":1,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","params":{"_meta":{ "io.modelcontextprotocol/subscriptionId":5,"progressToken":9},"x":1,"name":"t"},"id":1,"method":"m"}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","params":{"name":"n","_meta":{"progressToken":"\u0041","y":1.0}},"method":"m"}"#,
            r#"{"jsonrpc":"2.0","params":{"name":"t","_meta":{"progressToken":9,"y":1.0,"io.modelcontextprotocol/subscriptionId":5}},"method":"m"}"#,
        ),
    ] {
        assert_eq!(rewritten(text, change).as_deref(), Ok(wanted));
    }
    let cache = |rewrite: &mut Rewrite<'_>| {
        rewrite.outcome(ResultField::CacheScope, "\"private\"").meta(Meta::SubscriptionId, "5");
    };
    for (text, wanted) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"cacheScope":"private","_meta":{"io.modelcontextprotocol/subscriptionId":5}}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"cacheScope":"public","_meta":{"io.modelcontextprotocol/subscriptionId":"x"}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"cacheScope":"private","_meta":{"io.modelcontextprotocol/subscriptionId":5}}}"#,
        ),
    ] {
        assert_eq!(rewritten(text, cache).as_deref(), Ok(wanted));
    }
}

#[test]
fn what_a_message_does_not_have_cannot_be_changed() {
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"name":"n"}}"#;
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}"#;
    for text in [request, error] {
        let out = rewritten(text, |rewrite| {
            rewrite.outcome(ResultField::TtlMs, "0").id("2");
        });
        assert_eq!(out, Err(SpliceError::NoObject("result")));
    }
    for text in [response, error] {
        let out = rewritten(text, |rewrite| {
            rewrite.param(Param::Name, "\"n\"").id("2");
        });
        assert_eq!(out, Err(SpliceError::NoObject("params")));
    }
    let out = rewritten(error, |rewrite| {
        rewrite.meta(Meta::ProgressToken, "1").id("2");
    });
    assert_eq!(out, Err(SpliceError::NoObject("result")));
    // The same place twice.
    let at = request.find("\"n\"").unwrap();
    let out = rewritten(request, |rewrite| {
        rewrite.param(Param::Name, "\"x\"").edits([Edit::remove(Span { start: at, end: at + 3 })]);
    });
    assert!(matches!(out, Err(SpliceError::Overlap { .. })), "{out:?}");
}

proptest! {
    #[test]
    fn an_echoed_id_is_the_same_id(number in -(1_i64 << 53) + 1..1 << 53, text: Option<String>) {
        let id = text.map_or(Id::Number(number), |text| Id::Text(text.into()));
        let request = message(&format!(r#"{{"jsonrpc":"2.0","id":{},"method":"m"}}"#, id.to_json()));
        prop_assert_eq!(request.id(), Some(id.clone()));
        let reply = message(r#"{"jsonrpc":"2.0","id":0,"result":{"n":1.10}}"#);
        let mut rewrite = Rewrite::new(&reply);
        rewrite.id(request.body().slice(request.id_value().unwrap().span.range()));
        let body = rewrite.finish().unwrap();
        let reply = Message::scan(body, Limits::new(1 << 20)).unwrap();
        prop_assert_eq!(reply.id(), Some(id));
        prop_assert_eq!(reply.id_value().unwrap().raw, request.id_value().unwrap().raw);
        prop_assert_eq!(reply.result().unwrap().raw, br#"{"n":1.10}"#);
    }
}
