//! JSON in strings, and strings that only look like it.

use super::*;

#[test]
fn json_in_a_text_is_read_too() {
    for (path, pattern, body, answer) in [
        ("order.amount", "> 1000", r#"{"order":"{\"amount\":5000}"}"#, Unsure),
        ("order.amount", "> 1000", r#"{"order":" [{\"Amount\": 5000}] "}"#, Unsure),
        ("order.amount", "> 1000", r#"{"order":"{\"amount\":5}"}"#, No),
        ("order.amount", "> 1000", r#"{"order":"{\"amount\":5,\"amount\":5000}"}"#, Unsure),
        ("order.amount", "> 1000", r#"{"order":"{\"x\":NaN,\"amount\":5000}"}"#, Unsure),
        ("order.amount", "> 1000", r#"{"order":"{\"x\":\"\\ud800\",\"amount\":5000}"}"#, Unsure),
        ("order.amount", "> 1000", r#""{\"order\":{\"amount\":5000}}""#, Unsure),
        ("order.amount", "> 1000", r#"{"order":"{\"amount\":\"[5000]\"}"}"#, Unsure),
        ("order.amount", "> 1000", r#"{"order":"amount 5000"}"#, No),
        ("ids", "7", r#"{"ids":"[7]"}"#, Unsure),
        ("ids", "7", r#"{"ids":["[8, 7]"]}"#, Unsure),
        ("ids", "7", r#"{"ids":"[8]"}"#, No),
        ("ids", "7", r#"{"ids":"{\"$eq\":7}"}"#, Unsure),
        ("mode", "true", r#"{"mode":" true\n"}"#, Unsure),
        ("mode", "root", r#"{"mode":"root"}"#, Yes),
        // Lenient readers stop after a value, and accept missing quotes and extra commas.
        ("order.kind", "wire", r#"{"order":"{\"kind\":\"wire\"} x"}"#, Unsure),
        ("order.kind", "wire", r#"{"order":"{\"kind\":\"wire\"}{}"}"#, Unsure),
        ("order.kind", "wire", r#"{"order":"{\"kind\":\"wire\",}"}"#, Unsure),
        ("order.kind", "wire", r#"{"order":"{'kind':'wire'}"}"#, Unsure),
        ("order.kind", "wire", r#"{"order":"{ kind : wire }"}"#, Unsure),
        ("order.kind", "wire", r#"{"order":"[ {kind: 'wire'}, ]"}"#, Unsure),
        ("order.kind", "wire", r#"{"order":"{/**/\"kind\":\"wire\"}"}"#, Unsure),
        ("ids", "7", r#"{"ids":"[7,]"}"#, Unsure),
        ("ids", "7", r#"{"ids":"[8] [7]"}"#, Unsure),
        ("ids", "7", r#"{"ids":"['7']"}"#, Unsure),
        ("order.kind", "wire", r#"{"order":"{ users { kind } }"}"#, No),
        ("order.kind", "wire", r#"{"order":"{ users(kind: wire) { id } }"}"#, No),
        ("order.kind", "wire", r#"{"order":"{}"}"#, No),
        ("order.kind", "wire", r#"{"order":"[2026-11-28] wire"}"#, No),
        // Strings that only look like JSON are plain strings.
        ("mode", "root*", r#"{"mode":"[WIP] root"}"#, No),
        ("mode", "[a-z]*", r#"{"mode":"[a-z]+"}"#, Yes),
        ("mode", "*", r#"{"mode":"{\"a\":1}"}"#, Yes),
        ("mode", "{x}", r#"{"mode":"{x}"}"#, Yes),
    ] {
        assert_eq!(args(path, pattern, body), answer, "{path} {pattern} {body}");
    }
    let mut nested = r#"["root"]"#.to_owned();
    for _ in 0..6 {
        nested = Json::Array(vec![Json::String(nested.into())]).to_string();
    }
    assert_eq!(
        args("mode", "root", &Json::Object(vec![("mode".into(), Json::String(nested.into()))]).to_string()),
        Unsure
    );
    assert_eq!(claims("roles", "admin", r#"{"roles":"[\"admin\"]"}"#), No, "an issuer means what it writes");
}

#[test]
fn a_glob_is_about_the_text_and_not_about_an_object_in_it() {
    for (pattern, note, answer) in [
        ("*secret*", r#"{"a":1}"#, No),
        ("*secret*", r#"{"a":1,}"#, No),
        ("*secret*", r#"{"a":1} {}"#, No),
        ("*secret*", r#"{"a":1,"a":2}"#, No),
        ("*secret*", r#"{"a":"secret"}"#, Yes),
        ("*secret*", r#"[{"a":1}]"#, No),
        ("*secret*", r#"["secret"]"#, Yes),
        ("secret*", r#"["secret"]"#, Unsure),
        ("secret*", r#"["secret",]"#, Unsure),
        ("!= *secret*", r#"{"a":1}"#, Yes),
        ("!= *secret*", r#"{"a":"secret"}"#, No),
        ("*", r#"{"a":1}"#, Yes),
        ("7", r#"{"$eq":7}"#, Unsure),
        ("7|x*", r#"{"$eq":7}"#, Unsure),
        ("7", r#"{"$eq":7,}"#, Unsure),
        ("true", r#"{"a":1}"#, Unsure),
        ("> 7", r#"{"$gt":7}"#, Unsure),
    ] {
        let body = Json::Object(vec![("note".into(), Json::String(note.into()))]);
        assert_eq!(args("note", pattern, &body.to_string()), answer, "{pattern} {note}");
    }
    // If the path ends within the text, nothing else was compared.
    assert_eq!(args("a.b", "x*", r#"{"a":"{\"b\":{\"$ne\":1}}"}"#), Unsure);
    assert_eq!(args("note", "*secret*", r#"{"note":{"a":1}}"#), Unsure);
}
