//! The responses to refused commands: `application/problem+json` (RFC 9457), with one status per code.

#![deny(clippy::wildcard_enum_match_arm)]

use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::RequestId;
use crate::domain::SessionId;
use crate::domain::denied::reason;
use crate::domain::json::write::Object;
use crate::protocol::web::body::ReplyBody;

/// The kind of challenge in a refusal for lack of a valid token (RFC 6750, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// There was no token.
    Nothing,
    /// The token is not valid.
    Invalid,
    /// The token is valid, but not sufficient for this request.
    Scope,
}

impl Challenge {
    fn of(denied: &Denied) -> Self {
        match denied.audit {
            Some(reason::NO_TOKEN) => Self::Nothing,
            Some(reason::SCOPE) => Self::Scope,
            _ => Self::Invalid,
        }
    }

    const fn bare(self) -> &'static str {
        match self {
            Self::Nothing => "Bearer",
            Self::Invalid => "Bearer error=\"invalid_token\"",
            Self::Scope => "Bearer error=\"insufficient_scope\"",
        }
    }

    /// Writes the challenge with the scope to ask for and the URL of the metadata that names the
    /// authorization server (RFC 9728, section 5.1).
    pub fn with(self, scope: Option<&str>, metadata: &str) -> String {
        // The characters allowed in a scope: RFC 6749, section 3.3.
        let plain =
            |scope: &&str| scope.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        let scope = scope.filter(|_| self == Self::Scope).filter(plain);
        let scope = scope.map(|scope| format!("scope=\"{scope}\", ")).unwrap_or_default();
        let comma = if self == Self::Nothing { "" } else { "," };
        format!("{}{comma} {scope}resource_metadata=\"{metadata}\"", self.bare())
    }
}

/// Returns the status of each code, and its title.
pub const fn status(code: DenyCode) -> (StatusCode, &'static str) {
    match code {
        DenyCode::ApprovalDenied => (StatusCode::FORBIDDEN, "Approval denied"),
        DenyCode::ApprovalExpired => (StatusCode::FORBIDDEN, "Approval expired"),
        DenyCode::ApprovalPending => (StatusCode::FORBIDDEN, "Approval pending"),
        DenyCode::BadRequest => (StatusCode::BAD_REQUEST, "Bad request"),
        DenyCode::Denied => (StatusCode::FORBIDDEN, "Denied"),
        DenyCode::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
        DenyCode::IssuerUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "Issuer unavailable"),
        DenyCode::LimitExceeded => (StatusCode::TOO_MANY_REQUESTS, "Limit exceeded"),
        DenyCode::Locked => (StatusCode::FORBIDDEN, "Locked"),
        DenyCode::NoSuchConnection => (StatusCode::NOT_FOUND, "No such connection"),
        DenyCode::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "Overloaded"),
        DenyCode::RecordingUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "Recording unavailable"),
        DenyCode::SessionEnded => (StatusCode::FORBIDDEN, "Session ended"),
        DenyCode::Unauthenticated => (StatusCode::UNAUTHORIZED, "Unauthenticated"),
        DenyCode::UnmaskableReply => (StatusCode::BAD_GATEWAY, "Unmaskable reply"),
        DenyCode::UpstreamCredential => (StatusCode::BAD_GATEWAY, "Upstream credential"),
        DenyCode::UpstreamUnavailable => (StatusCode::BAD_GATEWAY, "Upstream unavailable"),
    }
}

/// Returns the status of a refusal: that of its code, with a few exceptions such as size limits.
fn status_of(denied: &Denied) -> (StatusCode, &'static str) {
    match denied.audit {
        Some(reason::BODY_TOO_LARGE) => (StatusCode::PAYLOAD_TOO_LARGE, "Limit exceeded"),
        Some(reason::HEAD_TOO_LARGE) => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Limit exceeded"),
        // RFC 6750, section 3.1: the token is valid, but not sufficient for this request.
        Some(reason::SCOPE) => (StatusCode::FORBIDDEN, "Unauthenticated"),
        Some(reason::HEAD_TOO_SLOW) => (StatusCode::REQUEST_TIMEOUT, "Bad request"),
        Some(reason::UPSTREAM_TIMEOUT) => (StatusCode::GATEWAY_TIMEOUT, "Upstream unavailable"),
        _ => status(denied.code),
    }
}

/// Builds the complete response to a refused request.
pub fn problem(denied: &Denied, request: RequestId, session: Option<SessionId>) -> Response<ReplyBody> {
    let (status, title) = status_of(denied);
    let mut body = String::with_capacity(256);
    let mut problem = Object::begin(&mut body);
    problem.word("type", "about:blank").word("title", title).value("status", status.as_u16());
    problem.word("code", denied.code).text("detail", &denied.detail);
    if let Some(rule) = &denied.rule {
        problem.text("rule", rule);
    }
    if let Some(approval) = denied.approval {
        problem.word("approval_id", approval);
    }
    problem.word("request_id", request);
    drop(problem);
    body.push('\n');
    let length = body.len();
    let mut response = Response::new(ReplyBody::whole(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if denied.code == DenyCode::Unauthenticated {
        let challenge = Challenge::of(denied);
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge.bare()));
        response.extensions_mut().insert(challenge);
    }
    let headers = response.headers_mut();
    if let Some(wait) = denied.retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, seconds.max(1).into());
    }
    name(&mut response, request, session);
    response
}

/// Adds the ids of request and session to a response.
pub fn name<B>(response: &mut Response<B>, request: RequestId, session: Option<SessionId>) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(request.to_string()) {
        headers.insert("hoopctl-request-id", value);
    }
    if let Some(value) = session.and_then(|session| HeaderValue::try_from(session.to_string()).ok()) {
        headers.insert("hoopctl-session", value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json::Json;

    async fn text(response: Response<ReplyBody>) -> String {
        use http_body_util::BodyExt;
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_refusal_is_a_problem_document() {
        let denied = Denied::new(DenyCode::Denied, "not on a\nFriday")
            .of_rule(Some("no-\"deletes\"".into()))
            .retry_in(std::time::Duration::from_millis(1200));
        let response = problem(&denied, RequestId::new(), Some(SessionId::new()));
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers()["retry-after"], "2");
        assert!(response.headers().contains_key("hoopctl-session"));
        let body = Json::parse(text(response).await.as_bytes(), 4).unwrap();
        assert_eq!(body.member("code").and_then(Json::as_str), Some("denied"));
        assert_eq!(body.member("rule").and_then(Json::as_str), Some("no-\"deletes\""));
        assert_eq!(body.member("detail").and_then(Json::as_str), Some("not on a\nFriday"));
    }

    #[test]
    fn a_missing_token_is_challenged_without_an_error_and_a_bad_one_with_it() {
        let challenge = |reason| {
            let denied = Denied::new(DenyCode::Unauthenticated, "x").because(reason);
            problem(&denied, RequestId::new(), None).headers()["www-authenticate"]
                .to_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(challenge("no_token"), "Bearer");
        assert_eq!(challenge("scope"), "Bearer error=\"insufficient_scope\"");
        assert_eq!(challenge("expired"), "Bearer error=\"invalid_token\"");
    }

    #[test]
    fn a_challenge_says_where_tokens_are_had_and_which_scope_is_needed() {
        let told = |challenge: Challenge, scope| challenge.with(scope, "https://gw/m");
        assert_eq!(told(Challenge::Nothing, None), "Bearer resource_metadata=\"https://gw/m\"");
        let invalid = "Bearer error=\"invalid_token\", resource_metadata=\"https://gw/m\"";
        assert_eq!(told(Challenge::Invalid, Some("use")), invalid);
        let scope = |scope| told(Challenge::Scope, scope);
        let bare = "Bearer error=\"insufficient_scope\", resource_metadata=\"https://gw/m\"";
        assert_eq!(scope(Some("use")), bare.replace("resource", "scope=\"use\", resource"));
        for quoted in [None, Some("a\"b"), Some("a\\b"), Some("a b")] {
            assert_eq!(scope(quoted), bare, "{quoted:?}");
        }
    }
}
