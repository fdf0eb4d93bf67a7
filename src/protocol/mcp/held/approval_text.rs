//! The digest that binds an approval to a request, and the approval text.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::oneshot;

use crate::domain::Command;
use crate::domain::Connection;
use crate::domain::digest::Parts;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::domain::json::lay_out;
use crate::mask::Notes;
use crate::mask::mcp::Answer as Answers;
use crate::mask::mcp::Side;
use crate::mask::mcp::mask_message;
use crate::pipeline;
use crate::pipeline::Judged;
use crate::pipeline::snapshot::Governed;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::from_client::era::says_what_the_body_says;

/// Builds the digest and the approval text of a request. `wait` is how long its client waits; `told` is
/// notified once it has to.
pub fn binding(
    judged: &Judged,
    message: &Message,
    headers: &HeaderMap,
    governed: &Arc<Governed>,
    wait: Duration,
    told: oneshot::Sender<pipeline::Waiting>,
) -> pipeline::Held {
    let command = &judged.command;
    let extra = extra(headers, governed.connection.is_duplex());
    let bytes_digest = digest(command, message, headers, &governed.connection);
    let mut notes = Notes::default();
    let summary = command.summary();
    let mut detail = governed.plan.text(&summary, "path", &mut notes).unwrap_or(summary);
    detail.push('\n');
    for (name, value) in &extra {
        let masked = governed.plan.header(name, value, &mut notes);
        let value = String::from_utf8_lossy(masked.as_deref().unwrap_or(value)).into_owned();
        let _infallible = writeln!(detail, "{name}: {value}");
    }
    let masked = mask_message(&governed.plan, message.body(), Side::Client, Answers::default(), &mut notes);
    let shown = masked.ok().and_then(|masked| {
        let body = masked.as_deref().unwrap_or(message.body());
        let read = Json::parse(body, DEPTH + 1).ok()?;
        let params = read.member("params").cloned().map(without_token);
        Some(params.map_or_else(String::new, |params| {
            let mut out = String::new();
            lay_out(&params, &mut out);
            out
        }))
    });
    detail.push_str(shown.as_deref().unwrap_or("(a request that cannot be shown)"));
    let held = pipeline::Held::new(bytes_digest, detail, shown.is_none(), message.body().len());
    pipeline::Held { wait: Some(wait), told: Some(told), ..held }
}

/// Returns SHA-256 of everything that is sent, in hexadecimal digits. It binds an approval to the request
/// and identifies repeated calls. `message` is normalized
/// ([`crate::protocol::mcp::from_client::rewrite::without_attempt_meta`]).
pub fn digest(command: &Command, message: &Message, headers: &HeaderMap, connection: &Connection) -> String {
    let params = message.params().and_then(|params| Json::parse(params.raw, DEPTH).ok());
    let params = params.map(without_token);
    let mut digest = Parts::default();
    digest.add(command.class.as_str()).add(command.method());
    digest.add(params.as_ref().map(ToString::to_string).unwrap_or_default());
    for (name, value) in extra(headers, connection.is_duplex()) {
        digest.add(name).add(value);
    }
    digest.hex()
}

/// Returns the headers with parameters, in a fixed order, if they are sent to the target. A channel
/// (`duplex`) only carries the body: approvers must not see headers that the target does not get.
fn extra(headers: &HeaderMap, duplex: bool) -> Vec<(&str, &[u8])> {
    if duplex {
        return Vec::new();
    }
    let mut extra: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .filter(|(name, _)| name.starts_with("mcp-param-") && says_what_the_body_says(headers))
        .collect();
    extra.sort_unstable();
    extra
}

/// Returns the parameters without the progress token, which differs with each attempt and only says where to
/// report progress.
fn without_token(params: Json) -> Json {
    let Json::Object(mut members) = params else { return params };
    for (name, value) in &mut members {
        if &**name == "_meta"
            && let Json::Object(meta) = value
        {
            meta.retain(|(name, _)| &**name != "progressToken");
        }
    }
    members.retain(|(name, value)| {
        &**name != "_meta" || !matches!(value, Json::Object(meta) if meta.is_empty())
    });
    Json::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_of_one_request_are_the_same() {
        let read = |text: &str| without_token(Json::parse(text.as_bytes(), 8).unwrap()).to_string();
        assert_eq!(read(r#"{"name":"a","_meta":{"progressToken":1}}"#), read(r#"{"name":"a"}"#));
        assert_eq!(
            read(r#"{"name":"a","_meta":{"progressToken":1,"x":2}}"#),
            read(r#"{"name":"a","_meta":{"x":2}}"#)
        );
        assert_ne!(read(r#"{"name":"a","_meta":{"x":1}}"#), read(r#"{"name":"a","_meta":{"x":2}}"#));
    }

    #[test]
    fn only_headers_that_reach_the_target_are_shown_and_bound() {
        let mut headers = HeaderMap::new();
        headers.insert("mcp-protocol-version", "2026-07-28".parse().unwrap());
        headers.insert("mcp-param-region", "eu".parse().unwrap());
        headers.insert("x-region", "us".parse().unwrap());
        assert_eq!(extra(&headers, false), [("mcp-param-region", &b"eu"[..])]);
        assert!(extra(&headers, true).is_empty(), "a program gets no headers");
        headers.insert("mcp-protocol-version", "2025-06-18".parse().unwrap());
        assert!(extra(&headers, false).is_empty(), "nothing held them against the body");
    }
}
