//! Bounds how long a client may cache an answer, and for whom: what one caller sees depends on policies and
//! masks, which change. (MCP 2026-07-28, "Caching".)

use crate::domain::Denied;
use crate::domain::json::DEPTH;
use crate::domain::json::JsonError;
use crate::domain::json::cursor::Cursor;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::Known;
use crate::protocol::mcp::codec::envelope::names::ResultField;
use crate::protocol::mcp::codec::envelope::names::look_up;
use crate::protocol::mcp::codec::rewrite::Rewrite;
use crate::protocol::mcp::from_target::context::garbage;

/// How long an answer may be cached, in milliseconds.
const MOST_MS: u64 = 60_000;

/// Bounds the caching hints of a response to a cacheable method; elsewhere `ttlMs` may be something else,
/// such as the lifetime of a task. `masked`: the connection has masks.
///
/// # Errors
/// The result has a name that some readers take for one of the hints.
pub fn limit(message: &Message, rewrite: &mut Rewrite<'_>, method: &str, masked: bool) -> Result<(), Denied> {
    if !may_be_kept(method) || is_task(message) {
        return Ok(());
    }
    if message.result().is_some_and(|result| has_lookalike(result.raw)) {
        return Err(garbage("a name in its answer looks like ttlMs or cacheScope"));
    }
    let (scope, ttl) = (message.outcome(ResultField::CacheScope), message.outcome(ResultField::TtlMs));
    let private = scope.as_ref().is_some_and(|scope| scope.text().as_deref() == Some("private"));
    if !private && (scope.is_some() || ttl.is_some()) {
        rewrite.outcome(ResultField::CacheScope, "\"private\"");
    }
    let Some(ttl) = ttl else { return Ok(()) };
    // A mask that is added later must not be bypassed by a cached answer.
    let most = if masked && method == "resources/read" { 0 } else { MOST_MS };
    let told = std::str::from_utf8(ttl.raw).ok().and_then(|text| text.parse::<u64>().ok());
    if told.is_none_or(|told| told > most) {
        // A value that is not a whole number of milliseconds means nothing.
        rewrite.outcome(ResultField::TtlMs, told.map_or(0, |_| most).to_string());
    }
    Ok(())
}

/// Returns whether clients may cache the answers to a method.
fn may_be_kept(method: &str) -> bool {
    method.ends_with("/list") || matches!(method, "resources/read" | "server/discover")
}

/// Returns whether the result is a task, whose `ttlMs` is its own lifetime.
fn is_task(message: &Message) -> bool {
    message.outcome(ResultField::Type).is_some_and(|kind| kind.text().as_deref() == Some("task"))
}

/// Returns whether a lenient reader would find one of the two names under another spelling.
fn has_lookalike(result: &[u8]) -> bool {
    let of_these = |known| matches!(known, Known::Lookalike(ResultField::TtlMs | ResultField::CacheScope));
    let Ok(mut cursor) = Cursor::new(result, DEPTH) else { return true };
    cursor.names_once(false);
    let mut found = false;
    let read = cursor.object(|cursor, name| {
        found |= of_these(look_up::<ResultField>(&name.value()));
        cursor.value().map(drop)?;
        Ok::<(), JsonError>(())
    });
    found || read.is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mcp::codec::envelope::Limits;

    fn bounded(result: &str, method: &str, masked: bool) -> String {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{result}}}}}"#);
        let message = Message::scan(body.into(), Limits::new(4096)).unwrap();
        let mut rewrite = Rewrite::new(&message);
        if limit(&message, &mut rewrite, method, masked).is_err() {
            return "refused".to_owned();
        }
        let body = String::from_utf8(rewrite.finish().unwrap().to_vec()).unwrap();
        let inner = body.strip_prefix(r#"{"jsonrpc":"2.0","id":1,"result":{"#).unwrap();
        inner.strip_suffix("}}").unwrap().to_owned()
    }

    #[test]
    fn an_answer_is_kept_for_a_minute_at_most_and_by_its_caller_alone() {
        for (said, list) in [
            (r#""a":1"#, r#""a":1"#),
            (r#""ttlMs":60000,"cacheScope":"private""#, r#""ttlMs":60000,"cacheScope":"private""#),
            (r#""ttlMs":60001,"cacheScope":"public""#, r#""ttlMs":60000,"cacheScope":"private""#),
            (r#""ttlMs":7"#, r#""ttlMs":7,"cacheScope":"private""#),
            (r#""cacheScope":"shared""#, r#""cacheScope":"private""#),
            (r#""ttlMs":"1",  "cacheScope":"private""#, r#""ttlMs":0,  "cacheScope":"private""#),
            (r#""ttlMs":1e9,"cacheScope":"private""#, r#""ttlMs":0,"cacheScope":"private""#),
            (
                r#""ttlMs":99999999999999999999999,"cacheScope":"private""#,
                r#""ttlMs":0,"cacheScope":"private""#,
            ),
        ] {
            for masked in [true, false] {
                assert_eq!(bounded(said, "tools/list", masked), list, "{said}");
            }
        }
        let said = r#""ttlMs":5,"cacheScope":"private""#;
        assert_eq!(bounded(said, "resources/read", false), said);
        assert_eq!(bounded(said, "resources/read", true), r#""ttlMs":0,"cacheScope":"private""#);
    }

    #[test]
    fn the_lifetime_of_a_task_is_no_time_to_keep_an_answer() {
        let task = r#""taskId":"t","status":"working","ttlMs":3600000"#;
        for method in ["tasks/get", "tools/call", "tasks/cancel", "ping"] {
            assert_eq!(bounded(task, method, true), task, "{method}");
        }
        let begun = r#""resultType":"task","taskId":"t","ttlMs":3600000"#;
        assert_eq!(bounded(begun, "resources/read", true), begun);
        let said = r#""ttlMs":3600000,"cacheScope":"public""#;
        for method in ["prompts/list", "resources/templates/list", "server/discover", "resources/read"] {
            assert_eq!(bounded(said, method, false), r#""ttlMs":60000,"cacheScope":"private""#, "{method}");
        }
        // A task id beside the answer does not bypass the bound.
        let beside = format!(r#""contents":[],"taskId":"t",{said}"#);
        assert!(bounded(&beside, "resources/read", false).contains(r#""ttlMs":60000"#));
    }

    #[test]
    fn what_some_readers_take_for_these_names_is_refused_where_they_count() {
        for name in ["ttl_ms", "TTLMS", "ttlms", "cache_scope", "CacheScope", r"ttlM\u0073\u0000", "ttlMſ"] {
            let said = format!(r#""contents":[{{"a":1,"a":2}}],"{name}":86400000"#);
            assert_eq!(bounded(&said, "resources/read", false), "refused", "{name}");
            assert_eq!(bounded(&said, "tools/call", false), said, "{name}");
        }
        let within = r#""contents":[{"ttl_ms":1}],"is_error":1"#;
        assert_eq!(bounded(within, "resources/read", false), within);
    }
}
