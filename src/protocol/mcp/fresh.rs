//! How long a client may keep an answer, and for whom: what one caller sees hangs on policies and masks, which change, and is nobody else's.
//! (MCP 2026-07-28, "Caching".)

use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::ResultField;
use crate::protocol::mcp::codec::rewrite::Rewrite;

/// How long an answer may be kept, in milliseconds.
const MOST_MS: u64 = 60_000;

/// Bounds what a response says of itself. `masked`: its connection masks values.
pub fn bound(message: &Message, rewrite: &mut Rewrite<'_>, method: &str, masked: bool) {
    let (scope, ttl) = (message.outcome(ResultField::CacheScope), message.outcome(ResultField::TtlMs));
    let private = scope.as_ref().is_some_and(|scope| scope.text().as_deref() == Some("private"));
    if !private && (scope.is_some() || ttl.is_some()) {
        rewrite.outcome(ResultField::CacheScope, "\"private\"");
    }
    let Some(ttl) = ttl else { return };
    // What a mask hides from now on must not be had from an older answer.
    let most = if masked && method == "resources/read" { 0 } else { MOST_MS };
    let told = std::str::from_utf8(ttl.raw).ok().and_then(|text| text.parse::<u64>().ok());
    if told.is_none_or(|told| told > most) {
        // What is no whole number of milliseconds says nothing.
        rewrite.outcome(ResultField::TtlMs, told.map_or(0, |_| most).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mcp::codec::envelope::Limits;

    fn bounded(result: &str, method: &str, masked: bool) -> String {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{result}}}}}"#);
        let message = Message::scan(body.into(), Limits::new(4096)).unwrap();
        let mut rewrite = Rewrite::new(&message);
        bound(&message, &mut rewrite, method, masked);
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
}
