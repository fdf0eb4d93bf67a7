//! Rewrites a client's message on its way to the target: values bound to the client are replaced by the
//! target's own, and capabilities that the target may not use are removed.

use bytes::Bytes;
use http::StatusCode;

use crate::domain::McpOptions;
use crate::domain::PinMode;
use crate::domain::ServerRequest;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::domain::json::JsonError;
use crate::domain::json::cursor::Cursor;
use crate::domain::json::cursor::Span;
use crate::domain::json::push_bytes;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::Value;
use crate::protocol::mcp::codec::envelope::id::LONGEST;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::names::Names;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::codec::envelope::refusal::INVALID_REQUEST;
use crate::protocol::mcp::codec::rewrite::Rewrite;
use crate::protocol::mcp::codec::splice::Edit;
use crate::protocol::mcp::from_client::era::INVALID_PARAMS;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::state::sessions::Owner;
use crate::protocol::mcp::state::shared::McpShared;

/// The gateway's own client info, in place of the client's.
const OWN_INFO: &str = concat!(r#"{"name":"hoopctl","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);
/// The message about a state that was not given to this client for this request: as if it did not exist.
pub const NO_STATE: &str = "requestState was not given for this request, or is too old";

/// Members of `_meta` that identify one attempt and not the request.
const OF_THE_ATTEMPT: [&str; 6] = [
    "baggage",
    "claudecode/toolUseId",
    "traceparent",
    "tracestate",
    "vscode.conversationId",
    "vscode.requestId",
];

/// Builds the body for the target.
///
/// # Errors
/// It has a state that was not given to this client for the same request.
pub fn to_target(
    message: &Message,
    options: &McpOptions,
    shared: &McpShared,
    owner: &Owner,
    line: &str,
) -> Result<Bytes, Fault> {
    let mut rewrite = Rewrite::new(message);
    if let Some(state) = message.param(Param::RequestState) {
        let own = state.text().unwrap_or_default();
        let theirs = shared
            .client_values
            .state_of(owner, line, &own)
            .ok_or_else(|| Fault::new(StatusCode::OK, INVALID_PARAMS, NO_STATE).because("mcp_state"))?;
        rewrite.param(Param::RequestState, theirs.into_vec());
    }
    if message.method().as_deref() == Some("initialize")
        && let Some(capabilities) = message.param(Param::Capabilities)
        && let Some(trimmed) = trimmed(message.body(), &capabilities, options)
    {
        rewrite.param(Param::Capabilities, trimmed);
    }
    if let Some(capabilities) = message.meta(Meta::ClientCapabilities)
        && let Some(trimmed) = trimmed(message.body(), &capabilities, options)
    {
        rewrite.meta(Meta::ClientCapabilities, trimmed);
    }
    if speaks_as_the_gateway(options) {
        if message.method().as_deref() == Some("initialize") {
            rewrite.param(Param::ClientInfo, OWN_INFO);
        }
        // In the modern era each request may contain it.
        if message.meta(Meta::ProtocolVersion).or(message.meta(Meta::ClientInfo)).is_some() {
            rewrite.meta(Meta::ClientInfo, OWN_INFO);
        }
    }
    rewrite.finish().map_err(|_overlap| apart().because("mcp_state"))
}

/// Returns whether the target sees the gateway's name instead of the client's. If changed tools are held back
/// from everybody, a target that words its tools by the client's name or language would let each client cause
/// tools to be held back from all others.
pub fn speaks_as_the_gateway(options: &McpOptions) -> bool {
    options.pin != PinMode::Observe
}

/// Checks that id and progress token of a request are short, as they are written: both are kept in mind, for
/// as long as anything refers to the request, and approvers do not see them.
///
/// # Errors
/// One is longer than [`LONGEST`].
pub fn has_short_names(message: &Message) -> Result<(), Fault> {
    for (name, value) in [("id", message.id_value()), ("progressToken", message.meta(Meta::ProgressToken))] {
        let length = value.map_or(0, |value| value.raw.len());
        if length > LONGEST {
            let detail =
                format!("{name} has {length} bytes; at most {LONGEST} are allowed, so send a shorter one");
            return Err(Fault::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, detail).because("mcp_long_id"));
        }
    }
    Ok(())
}

/// Builds the normalized message that is sent once it is approved: its parameters in the client's order,
/// without the members of `_meta` that differ between attempts except for the progress token, and nothing
/// else. So approvers see everything that is sent, and a repeated call is identical.
///
/// # Errors
/// The message could not be split.
pub fn without_attempt_meta(message: &Message) -> Result<Message, Fault> {
    let mut body = Vec::with_capacity(message.body().len());
    body.extend_from_slice(b"{\"jsonrpc\":\"2.0\"");
    if let Some(id) = message.id_value() {
        body.extend_from_slice(b",\"id\":");
        body.extend_from_slice(id.raw);
    }
    body.extend_from_slice(b",\"method\":");
    push_bytes(message.method().ok_or_else(apart)?.as_bytes(), &mut body);
    if let Some(params) = message.params() {
        let mut read = Json::parse(params.raw, DEPTH).map_err(|_unreadable| apart())?;
        if let Json::Object(members) = &mut read
            && let Some((_, Json::Object(meta))) =
                members.iter_mut().find(|(name, _)| &**name == Param::Meta.name())
        {
            meta.retain(|(name, _)| !OF_THE_ATTEMPT.contains(&&**name));
        }
        body.extend_from_slice(b",\"params\":");
        body.extend_from_slice(read.to_string().as_bytes());
    }
    body.push(b'}');
    scanned(body.into())
}

/// Removes some of the parameters; the values of the others stay byte for byte.
///
/// # Errors
/// The message could not be split.
pub fn without_params(message: &Message, goes: impl Fn(&str) -> bool) -> Result<Message, Fault> {
    let Some(params) = message.params() else { return Ok(message.clone()) };
    let kept = without(message.body(), params.span, goes).ok_or_else(apart)?;
    let mut rewrite = Rewrite::new(message);
    rewrite.edits([Edit::replace(params.span, kept)]);
    rewritten(rewrite)
}

fn apart() -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, "the message could not be split")
}

fn rewritten(rewrite: Rewrite<'_>) -> Result<Message, Fault> {
    scanned(rewrite.finish().map_err(|_overlap| apart())?)
}

fn scanned(body: Bytes) -> Result<Message, Fault> {
    let limits = Limits { once_in_results: true, ..Limits::new(body.len()) };
    Message::scan(body, limits).map_err(|_refusal| apart())
}

/// Removes the capabilities that the target may not use; `None` if there are none to remove.
fn trimmed(body: &[u8], capabilities: &Value<'_>, options: &McpOptions) -> Option<Vec<u8>> {
    let goes =
        |name: &str| ServerRequest::ALL.iter().any(|what| what.as_str() == name && !options.allows(*what));
    let any = members(body, capabilities.span)?.iter().any(|(name, _)| goes(name));
    if any { without(body, capabilities.span, goes) } else { None }
}

/// Removes members from an object; the values of the others stay byte for byte.
fn without(body: &[u8], object: Span, goes: impl Fn(&str) -> bool) -> Option<Vec<u8>> {
    let mut out = vec![b'{'];
    for (name, span) in members(body, object)?.iter().filter(|(name, _)| !goes(name)) {
        if out.len() > 1 {
            out.push(b',');
        }
        push_bytes(name.as_bytes(), &mut out);
        out.push(b':');
        out.extend_from_slice(span.of(body));
    }
    out.push(b'}');
    Some(out)
}

/// Returns the members of an object: their names, and the places of their values.
fn members(body: &[u8], object: Span) -> Option<Vec<(String, Span)>> {
    let mut cursor = Cursor::new(body, DEPTH).ok()?.starting_at(object.start);
    let mut members = Vec::new();
    cursor
        .object(|cursor, name| {
            let (span, _shape) = cursor.value()?;
            members.push((name.value().into_owned(), span));
            Ok::<(), JsonError>(())
        })
        .ok()?;
    Some(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(body: &'static str, allowed: &[ServerRequest]) -> String {
        let message = Message::scan(body.into(), Limits::new(4096)).unwrap();
        let options =
            McpOptions { allow_server_requests: allowed.iter().copied().collect(), ..McpOptions::default() };
        let owner = Owner { principal: "ann".into(), issuer: [0; 32], connection: "crm".into() };
        let body = to_target(&message, &options, &McpShared::default(), &owner, "x").unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn what_the_target_may_not_ask_it_is_not_offered() {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities": { "roots":{"listChanged":true} , "x":1.10,"sampling":{} },"clientInfo":{"name":"a"}}}"#;
        assert_eq!(
            sent(body, &[ServerRequest::Roots]),
            r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities": {"roots":{"listChanged":true},"x":1.10},"clientInfo":{"name":"a"}}}"#
        );
        assert_eq!(sent(body, &ServerRequest::ALL), body);
        let modern = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}}}"#;
        assert!(sent(modern, &[]).ends_with(r#""io.modelcontextprotocol/clientCapabilities":{}}}}"#));
    }

    #[test]
    fn where_changes_are_held_back_no_client_is_told_from_another() {
        let sent = |pin: PinMode, body: &str| {
            let message = Message::scan(body.to_owned().into(), Limits::new(4096)).unwrap();
            let options = McpOptions { pin, ..McpOptions::default() };
            let owner = Owner { principal: "ann".into(), issuer: [0; 32], connection: "crm".into() };
            let body = to_target(&message, &options, &McpShared::default(), &owner, "x").unwrap();
            String::from_utf8(body.to_vec()).unwrap()
        };
        let hello = |info: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"clientInfo":{info},"capabilities":{{}}}}}}"#
            )
        };
        let modern = |meta: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{{{meta}"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}}}}"#
            )
        };
        let named = r#""io.modelcontextprotocol/clientInfo":{"name":"a"},"#;
        let both = [[hello(r#"{"name":"a"}"#), hello(r#"{"name":"b","x":1}"#)], [modern(named), modern("")]];
        for [one, other] in both {
            for pin in [PinMode::Hide, PinMode::Block] {
                let read = |body: &str| serde_json::from_str::<serde_json::Value>(&sent(pin, body)).unwrap();
                assert_eq!(read(&one), read(&other));
                assert!(sent(pin, &one).contains(OWN_INFO), "{}", sent(pin, &one));
            }
            assert_eq!((sent(PinMode::Observe, &one), sent(PinMode::Observe, &other)), (one, other));
        }
        // A message that says nothing about its client is unchanged.
        let plain = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert_eq!(sent(PinMode::Hide, plain), plain);
    }

    #[test]
    fn a_state_of_somebody_else_is_not_sent() {
        let shared = McpShared::default();
        let owner = |principal: &str| Owner {
            principal: principal.into(),
            issuer: [0; 32],
            connection: "crm".into(),
        };
        let own = shared.client_values.state(&owner("ann"), "tools/call a", br#""t\u0068eirs""#);
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","requestState":{own}}}}}"#
        );
        let message = Message::scan(body.into(), Limits::new(4096)).unwrap();
        let options = McpOptions::default();
        let sent = to_target(&message, &options, &shared, &owner("ann"), "tools/call a").unwrap();
        assert!(String::from_utf8(sent.to_vec()).unwrap().contains(r#""requestState":"t\u0068eirs""#));
        assert!(to_target(&message, &options, &shared, &owner("bob"), "tools/call a").is_err());
        assert!(to_target(&message, &options, &shared, &owner("ann"), "tools/call b").is_err());
    }

    #[test]
    fn what_names_an_attempt_is_not_sent_of_a_held_call() {
        let sent_for = |meta: &str| {
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","arguments":{{"n":1.10}}{meta}}}}}"#
            );
            let message = Message::scan(body.into(), Limits::new(4096)).unwrap();
            String::from_utf8(without_attempt_meta(&message).unwrap().body().to_vec()).unwrap()
        };
        let own = r#","_meta":{"progressToken":7,"x":1.0}"#;
        let sent = format!(r#""params":{{"name":"a","arguments":{{"n":1.10}}{own}}}}}"#);
        for meta in
            [r#","_meta":{"progressToken":7,"vscode.requestId":"1","x":1.0,"b\u0061ggage":"pay=all"}"#, own]
        {
            assert!(sent_for(meta).ends_with(&sent), "{}", sent_for(meta));
        }
        assert!(sent_for("").ends_with(r#""params":{"name":"a","arguments":{"n":1.10}}}"#));
    }

    #[test]
    fn a_held_call_keeps_its_order_and_has_nothing_beside_its_parameters() {
        let sent_for = |body: &str| {
            let message = Message::scan(body.to_owned().into(), Limits::new(1 << 20)).unwrap();
            without_attempt_meta(&message).map(|message| String::from_utf8(message.body().to_vec()).unwrap())
        };
        let sent = r#"{"jsonrpc":"2.0","id":"a\u0062","method":"tools/call","params":{"name":"a","arguments":{"sort":{"b":1,"a":-1.0}}}}"#;
        for body in [
            sent,
            r#" {"extra":{"amount":9},"params":{"name":"a", "arguments":{"sort":{"b":1,"a":-1.0}}},"method":"tools\/call","id":"a\u0062","jsonrpc":"2.0","trace":1}"#,
        ] {
            assert_eq!(sent_for(body).unwrap(), sent, "{body}");
        }
        let other = sent.replace(r#"{"b":1,"a":-1.0}"#, r#"{"a":-1.0,"b":1}"#);
        assert_eq!(sent_for(&other).unwrap(), other);
    }

    #[test]
    fn what_names_a_request_is_short() {
        let body = r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"a","_meta":{"progressToken":"b"}}}"#;
        for place in [r#""id":"a""#, r#""progressToken":"b""#] {
            let short = |length: usize| {
                let (name, _) = place.split_once(':').unwrap();
                let body = body.replace(place, &format!(r#"{name}:"{}""#, "x".repeat(length)));
                has_short_names(&Message::scan(body.into(), Limits::new(1 << 20)).unwrap()).is_ok()
            };
            assert!(short(LONGEST - 2) && !short(LONGEST - 1), "{place}");
        }
    }
}
