//! The client's view of a refused message: results marked as errors, and JSON-RPC errors. (MCP, "Tools",
//! "Error handling".)
//!
//! The status is 200 where the protocol allows it: at any other, clients end their session or show nothing of
//! the body.

#![deny(clippy::wildcard_enum_match_arm)]

use bytes::Bytes;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::RequestId;
use crate::domain::denied::reason;
use crate::domain::json::write::Object;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::era::INVALID_PARAMS;
use crate::protocol::mcp::from_client::era::NO_METHOD;
use crate::protocol::web::body::ReplyBody;

/// The code of older versions for a resource that does not exist.
const NO_RESOURCE: i32 = -32002;

/// The response to an invalid message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The status of the response.
    pub status: StatusCode,
    /// The code of JSON-RPC or MCP.
    pub code: i32,
    /// The text for the person behind the client.
    pub detail: String,
    /// Further data that the protocol requires, as JSON.
    pub data: Option<String>,
    /// The reason in the recording.
    pub why: &'static str,
}

impl Fault {
    /// Creates a fault of a message as such, without further data.
    pub fn new(status: StatusCode, code: i32, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), data: None, why: "mcp_message" }
    }

    /// Sets another reason.
    pub fn because(self, why: &'static str) -> Self {
        Self { why, ..self }
    }

    /// Writes the error. `id` is JSON as it was received; `None`: it could not be read, which only the legacy
    /// era writes as `null`.
    pub fn body(&self, era: Era, id: Option<&[u8]>) -> Bytes {
        let mut out = String::with_capacity(384);
        let mut message = begin(&mut out, era, id);
        let mut error = message.object("error");
        error.value("code", self.code).text("message", &self.detail);
        if let Some(data) = &self.data {
            error.raw("data").push_str(data);
        }
        drop(error);
        drop(message);
        out.into()
    }
}

/// The kind of request, as far as refusals differ by it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Asked {
    /// A tool that the caller may see.
    Tool,
    /// A tool that the caller may not see.
    HiddenTool(Box<str>),
    /// A prompt that the caller may not see.
    HiddenPrompt(Box<str>),
    /// A resource that the caller may not see.
    HiddenResource(Box<str>),
    /// A call that its client polls as a task.
    Task,
    /// Something else.
    #[default]
    Other,
}

impl Asked {
    /// Returns the name that the caller may not see.
    pub fn hidden(&self) -> Option<&str> {
        match self {
            Self::HiddenTool(name) | Self::HiddenPrompt(name) | Self::HiddenResource(name) => Some(name),
            Self::Tool | Self::Task | Self::Other => None,
        }
    }
}

/// Returns the code of an error that is not a tool's refusal, outside the range reserved by JSON-RPC: the
/// HTTP status it resembles, times ten.
const fn code(code: DenyCode) -> i32 {
    match code {
        DenyCode::Unauthenticated => 4010,
        DenyCode::ApprovalDenied
        | DenyCode::ApprovalExpired
        | DenyCode::ApprovalPending
        | DenyCode::Denied
        | DenyCode::Locked
        | DenyCode::SessionEnded => 4030,
        DenyCode::NoSuchConnection => 4040,
        DenyCode::BadRequest => 4000,
        DenyCode::LimitExceeded => 4290,
        DenyCode::Internal => 5000,
        DenyCode::UnmaskableReply | DenyCode::UpstreamCredential | DenyCode::UpstreamUnavailable => 5020,
        DenyCode::IssuerUnavailable | DenyCode::Overloaded | DenyCode::RecordingUnavailable => 5030,
    }
}

/// Returns the refusal for the client of a request that had a permit: a read may be repeated, whether it was
/// done or not. `changes`: it was no read.
pub fn of_sent(denied: &Denied, changes: bool) -> Denied {
    Denied { sent: denied.sent && changes, ..denied.clone() }
}

/// Returns whether repeating the call may succeed.
fn retryable(denied: &Denied) -> bool {
    if denied.sent {
        // It could then be done twice.
        return false;
    }
    match denied.code {
        // It would be just as long another time.
        DenyCode::LimitExceeded if denied.is_because(reason::BODY_TOO_LARGE) => false,
        // It redirects until somebody changes the connection.
        DenyCode::UpstreamUnavailable if denied.audit == Some("target_redirect") => false,
        DenyCode::ApprovalPending
        | DenyCode::IssuerUnavailable
        | DenyCode::LimitExceeded
        | DenyCode::Overloaded
        | DenyCode::RecordingUnavailable
        | DenyCode::SessionEnded
        | DenyCode::UpstreamUnavailable => true,
        DenyCode::ApprovalDenied
        | DenyCode::ApprovalExpired
        | DenyCode::BadRequest
        | DenyCode::Denied
        | DenyCode::Internal
        | DenyCode::Locked
        | DenyCode::NoSuchConnection
        | DenyCode::Unauthenticated
        | DenyCode::UnmaskableReply
        | DenyCode::UpstreamCredential => false,
    }
}

/// Builds the response to a refused request: its status and message.
pub fn refusal(
    denied: &Denied,
    era: Era,
    asked: &Asked,
    id: &[u8],
    request: RequestId,
) -> (StatusCode, Bytes) {
    let hides = denied.code == DenyCode::Denied;
    let hidden =
        |code, text: String| (StatusCode::OK, Fault::new(StatusCode::OK, code, text).body(era, Some(id)));
    match asked {
        Asked::HiddenTool(name) if hides => return hidden(INVALID_PARAMS, format!("Unknown tool: {name}")),
        Asked::HiddenPrompt(name) if hides => {
            return hidden(INVALID_PARAMS, format!("Unknown prompt: {name}"));
        }
        Asked::HiddenResource(uri) if hides => {
            let code = if era == Era::Legacy { NO_RESOURCE } else { INVALID_PARAMS };
            return hidden(code, format!("Resource not found: {uri}"));
        }
        Asked::Other if hides && era == Era::Modern => {
            let fault = Fault::new(StatusCode::NOT_FOUND, NO_METHOD, "Method not found");
            return (fault.status, fault.body(era, Some(id)));
        }
        Asked::Tool
        | Asked::Task
        | Asked::Other
        | Asked::HiddenTool(_)
        | Asked::HiddenPrompt(_)
        | Asked::HiddenResource(_) => {}
    }
    let mut out = String::with_capacity(384);
    let mut message = begin(&mut out, era, Some(id));
    if *asked == Asked::Tool {
        let mut result = message.object("result");
        if era == Era::Modern {
            result.word("resultType", "complete");
        }
        result.value("isError", true);
        Object::begin(result.array("content").item()).word("type", "text").text("text", &words(denied));
        decision(&mut result.object("_meta"), "dev.hoopctl/decision", denied, request);
    } else {
        let mut error = message.object("error");
        error.value("code", code(denied.code)).text("message", &words(denied));
        decision(&mut error, "data", denied, request);
    }
    drop(message);
    (StatusCode::OK, out.into())
}

/// Describes what happened and what to do, for models and people.
fn words(denied: &Denied) -> String {
    // An operator's message may end with a period itself.
    let detail = denied.detail.trim_end_matches('.');
    if denied.sent && denied.code == DenyCode::UnmaskableReply {
        return format!(
            "This was sent and answered, but {detail}. Do not call again to see it: it may be done twice."
        );
    }
    if denied.sent {
        return format!(
            "This was sent; whether it was done is not known: {detail}. Find that out before you call again: it may be done twice."
        );
    }
    match (denied.code, denied.approval) {
        (DenyCode::ApprovalPending, Some(approval)) => format!(
            "This call waits for a person's approval ({approval}). It has not been done. Call again with the same arguments to continue: {detail}."
        ),
        (DenyCode::ApprovalPending, None) => {
            format!("Nothing more was done: {detail}. Call again with the same arguments to have its answer.")
        }
        // The detail already says what to do: the same call may ask for approval again.
        (DenyCode::ApprovalExpired, _) => format!("This was not done: {detail}."),
        _ if retryable(denied) => format!("This was not done: {detail}. It may be tried again later."),
        _ => format!("This was not done: {detail}. Do not try it again as it is."),
    }
}

fn decision(out: &mut Object<'_>, key: &str, denied: &Denied, request: RequestId) {
    let mut decision = out.object(key);
    decision.word("code", denied.code);
    if let Some(rule) = &denied.rule {
        decision.text("rule", rule);
    }
    if let Some(approval) = denied.approval {
        decision.word("approval_id", approval);
    }
    decision.word("request_id", request).value("retryable", retryable(denied));
}

/// Begins a JSON-RPC message. `id` is JSON as it came.
fn begin<'a>(out: &'a mut String, era: Era, id: Option<&[u8]>) -> Object<'a> {
    let mut message = Object::begin(out);
    message.word("jsonrpc", "2.0");
    match (id, era) {
        (Some(id), _) => message.value("id", String::from_utf8_lossy(id)),
        (None, Era::Legacy) => message.value("id", "null"),
        (None, Era::Modern) => &mut message,
    };
    message
}

/// Builds a response with one message.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<ReplyBody> {
    let body = body.into();
    let mut response = Response::new(ReplyBody::Whole(None));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if !body.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = ReplyBody::whole(body);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json::Json;

    fn refused(code: DenyCode, era: Era, asked: &Asked) -> (u16, Json) {
        let denied = Denied { rule: Some("no-\"x\"".into()), ..Denied::new(code, "not today") };
        let (status, body) = refusal(&denied, era, asked, b"\"a\"", RequestId::new());
        (status.as_u16(), Json::parse(&body, 8).unwrap())
    }

    #[test]
    fn a_visible_tool_gives_a_result_that_is_an_error() {
        for (era, kind) in [(Era::Legacy, None), (Era::Modern, Some("complete"))] {
            let (status, body) = refused(DenyCode::Denied, era, &Asked::Tool);
            let result = body.member("result").unwrap();
            assert_eq!(status, 200);
            assert_eq!(body.member("id").and_then(Json::as_str), Some("a"));
            assert_eq!(result.member("resultType").and_then(Json::as_str), kind);
            let meta = result.member("_meta").unwrap().member("dev.hoopctl/decision").unwrap();
            assert_eq!(meta.member("rule").and_then(Json::as_str), Some("no-\"x\""));
            assert_eq!(meta.member("code").and_then(Json::as_str), Some("denied"));
        }
    }

    #[test]
    fn what_is_hidden_is_refused_as_what_there_is_not() {
        let tool = Asked::HiddenTool("rm".into());
        let (status, body) = refused(DenyCode::Denied, Era::Legacy, &tool);
        assert_eq!(status, 200);
        assert_eq!(
            body.to_string(),
            r#"{"jsonrpc":"2.0","id":"a","error":{"code":-32602,"message":"Unknown tool: rm"}}"#
        );
        let (_, body) = refused(DenyCode::Denied, Era::Legacy, &Asked::HiddenResource("file:///x".into()));
        assert_eq!(body.member("error").unwrap().member("code").and_then(Json::as_i64), Some(-32002));
        let (status, body) = refused(DenyCode::Denied, Era::Modern, &Asked::Other);
        assert_eq!(
            (status, body.member("error").unwrap().member("code").and_then(Json::as_i64)),
            (404, Some(-32601))
        );
        // An error of the gateway itself is reported as such, even for a hidden item.
        let (_, body) = refused(DenyCode::RecordingUnavailable, Era::Modern, &tool);
        assert_eq!(body.member("error").unwrap().member("code").and_then(Json::as_i64), Some(5030));
    }

    #[test]
    fn a_sentence_ends_once() {
        for detail in ["Ask #dba", "Ask #dba."] {
            let told = words(&Denied::new(DenyCode::Denied, detail));
            assert_eq!(told, "This was not done: Ask #dba. Do not try it again as it is.");
        }
    }

    #[test]
    fn what_was_sent_is_neither_said_to_be_undone_nor_to_be_tried_again() {
        for code in [
            DenyCode::UpstreamUnavailable,
            DenyCode::SessionEnded,
            DenyCode::LimitExceeded,
            DenyCode::UnmaskableReply,
            DenyCode::RecordingUnavailable,
        ] {
            let denied = Denied::new(code, "it broke");
            let unsent = words(&denied);
            assert!(unsent.starts_with("This was not done: it broke."), "{unsent}");
            let sent = denied.after_sending();
            let told = words(&sent);
            assert!(told.starts_with("This was sent") && told.contains("it broke. "), "{told}");
            assert!(
                !told.contains("not done") && !told.contains("again later") && !retryable(&sent),
                "{told}"
            );
        }
    }

    #[test]
    fn own_codes_stay_out_of_the_protocols_ranges() {
        for all in [DenyCode::Denied, DenyCode::Internal, DenyCode::Overloaded, DenyCode::BadRequest] {
            assert!(!(-32768..=-32000).contains(&code(all)));
        }
    }

    #[test]
    fn an_unreadable_message_has_no_id() {
        let fault = Fault::new(StatusCode::BAD_REQUEST, -32700, "no");
        let body = |era| fault.body(era, None);
        assert_eq!(
            body(Era::Legacy),
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}"#
        );
        assert_eq!(body(Era::Modern), r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"no"}}"#);
    }
}
