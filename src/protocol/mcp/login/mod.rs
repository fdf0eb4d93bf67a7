//! The gateway as the authorization server for people's MCP clients, if the issuer does not support what
//! they need (Microsoft Entra does not register clients, does not announce PKCE, and refuses `resource`).
//! It keeps no state: browsers are redirected to the issuer, and codes go from there to the client itself.
//! (MCP, "Authorization"; RFC 6749, 7591, 7636, 8414, 8707.)
//!
//! Reading order: [`resource_metadata`] (where a client without a token is sent; also without this
//! server), `document` (what this server says of itself), `register`, `authorize`, `token` (its three
//! endpoints), `form`.

mod authorize;
mod document;
mod form;
mod register;
pub mod resource_metadata;
#[cfg(test)]
mod tests;
mod token;

use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::body::Incoming;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Protocol;
use crate::domain::denied::reason;
use crate::domain::json::push_string;
use crate::pipeline;
use crate::pipeline::Arrival;
use crate::pipeline::Gate;
use crate::pipeline::Login;
use crate::protocol::mcp::reply::json;
use crate::protocol::web::body::ReplyBody;
use crate::protocol::web::reply::status;
use crate::protocol::web::request::Origin;
use crate::transport::media::is_media_type;
use crate::transport::strangers::Bounds;
use crate::transport::strangers::Shut;
use crate::transport::strangers::Strangers;

pub use document::well_known;

/// The paths of the endpoints below the gateway's own address.
const AUTHORIZE: &str = "/oauth/authorize";
const REGISTER: &str = "/oauth/register";
const TOKEN: &str = "/oauth/token";

/// The longest body, in bytes.
const MAX_BODY: usize = 16 << 10;
/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Why a request is refused, in OAuth's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    /// The error code of RFC 6749 or RFC 7591.
    error: &'static str,
    /// The text for the person behind the client.
    detail: String,
    /// The reason for the audit trail.
    audit: &'static str,
}

impl Fault {
    fn new(error: &'static str, detail: impl Into<String>, audit: &'static str) -> Self {
        Self { error, detail: detail.into(), audit }
    }

    fn request(detail: &str) -> Self {
        Self::new("invalid_request", detail, "login_request")
    }
}

/// Why a request is not completed.
enum Stop {
    /// The request is invalid.
    Fault(Fault),
    /// The gateway refuses it, or cannot do it now.
    Denied(Denied),
    /// The issuer refuses it, with its own response.
    Issuer(Box<Response<ReplyBody>>),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Denied> for Stop {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// Returns whether a path belongs to the login.
pub fn is_here(path: &str) -> bool {
    matches!(path, AUTHORIZE | REGISTER | TOKEN)
}

/// Answers a request on one of the login's paths. Callers are unauthenticated here, so `strangers` limits
/// what one address may do.
pub async fn answer(
    gate: &Gate,
    login: &Login,
    strangers: &Strangers,
    origin: Origin,
    request: Request<Incoming>,
) -> Response<ReplyBody> {
    let (head, body) = request.into_parts();
    let stranger = strangers.enter(origin.source);
    let shut = stranger.as_ref().map_or(Some(Shut::Open), |stranger| stranger.shut);
    let shut = shut.map(|shut| shut_out(shut, strangers.bounds()));
    let answered = match (head.uri.path(), &head.method, shut) {
        (AUTHORIZE, method, _) if *method != Method::GET => return not_allowed("GET"),
        (REGISTER | TOKEN, &Method::OPTIONS, _) => Ok(json(StatusCode::NO_CONTENT, "")),
        (REGISTER | TOKEN, method, _) if *method != Method::POST => return not_allowed("POST, OPTIONS"),
        (.., Some(denied)) => Err(denied.into()),
        (AUTHORIZE, ..) => onward(login, &head).await,
        (REGISTER, ..) => registered(login, &head, body).await,
        _ => redeemed(gate, login, &head, body).await,
    };
    let is_page = head.uri.path() == AUTHORIZE;
    let mut response = answered.unwrap_or_else(|stop| {
        if let (Some(stranger), Stop::Fault(_) | Stop::Issuer(_)) = (&stranger, &stop) {
            stranger.failed();
        }
        let denied = match &stop {
            Stop::Denied(denied) => denied.clone(),
            Stop::Fault(fault) => {
                Denied::new(DenyCode::BadRequest, fault.detail.clone()).because(fault.audit)
            }
            Stop::Issuer(_) => {
                Denied::new(DenyCode::Unauthenticated, "the issuer refuses it").because("login_refused")
            }
        };
        // Only the path is recorded: the query may contain a code.
        let arrival = Arrival {
            request: origin.request,
            protocol: Protocol::Mcp,
            source: origin.source,
            token: None,
            connection: "",
            method: head.method.as_str(),
            path: head.uri.path(),
        };
        // In a flood, each request is refused, but not recorded.
        if stranger.is_some() {
            gate.refuse_stranger(arrival, None, &denied);
        }
        told(stop, is_page)
    });
    if !is_page {
        open_to_pages(response.headers_mut());
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Redirects a person's browser to the issuer.
async fn onward(login: &Login, head: &Parts) -> Result<Response<ReplyBody>, Stop> {
    let query = head.uri.query().unwrap_or_default();
    let parameters = authorize::parameters(login.settings(), query.as_bytes())?;
    let url = pipeline::login_url(login.portal(), &parameters).await?;
    let fault = |_invalid| Fault::request("the login is too long");
    let location = HeaderValue::try_from(url).map_err(fault)?;
    let mut response = json(StatusCode::FOUND, "");
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

async fn registered(login: &Login, head: &Parts, body: Incoming) -> Result<Response<ReplyBody>, Stop> {
    must_be(&head.headers, "application/json")?;
    let body = read(body).await?;
    Ok(json(StatusCode::CREATED, register::registered(login.settings(), &body)?))
}

async fn redeemed(
    gate: &Gate,
    login: &Login,
    head: &Parts,
    body: Incoming,
) -> Result<Response<ReplyBody>, Stop> {
    must_be(&head.headers, "application/x-www-form-urlencoded")?;
    if head.headers.contains_key(header::AUTHORIZATION) {
        return Err(token::not_confidential().into());
    }
    if head.uri.query().is_some() {
        return Err(Fault::request("a grant stands in the body, not in the address").into());
    }
    let body = read(body).await?;
    let grant = token::grant(login.settings(), &body)?;
    let redeemed = gate.redeem(login, &grant).await?;
    let answer = json(redeemed.status, redeemed.body);
    if redeemed.status == StatusCode::OK { Ok(answer) } else { Err(Stop::Issuer(Box::new(answer))) }
}

/// Checks that the body has this media type and no content coding.
fn must_be(headers: &HeaderMap, wanted: &'static str) -> Result<(), Fault> {
    let coded = headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    if !is_media_type(headers, wanted) || coded {
        return Err(Fault::request(&format!(
            "the body is sent as Content-Type: {wanted}, without Content-Encoding"
        )));
    }
    Ok(())
}

async fn read(mut body: Incoming) -> Result<Bytes, Stop> {
    let too_large = || {
        let detail = format!("a body may have at most {MAX_BODY} bytes here");
        Stop::from(Denied::new(DenyCode::LimitExceeded, detail).because(reason::BODY_TOO_LARGE))
    };
    let broken = || Stop::from(Fault::new("invalid_request", "the body broke off or took too long", "body"));
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    let whole = async {
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(|_broken| broken())?.into_data() {
                if whole.len().saturating_add(data.len()) > MAX_BODY {
                    return Err(too_large());
                }
                whole.extend_from_slice(&data);
            }
        }
        Ok(whole.freeze())
    };
    tokio::time::timeout(BODY_TIME, whole).await.map_err(|_elapsed| broken())?
}

/// Builds the response to a request that is not completed: for a person in a browser, or for a client.
fn told(stop: Stop, is_page: bool) -> Response<ReplyBody> {
    let (code, error, detail, retry_after) = match stop {
        Stop::Issuer(answer) => return *answer,
        Stop::Fault(fault) => (StatusCode::BAD_REQUEST, fault.error, fault.detail, None),
        Stop::Denied(denied) if denied.is_because(reason::BODY_TOO_LARGE) => {
            (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", denied.detail, None)
        }
        Stop::Denied(denied) => {
            (status(denied.code).0, "temporarily_unavailable", denied.detail, denied.retry_after)
        }
    };
    let mut response = if is_page {
        let mut page = json(code, format!("This login cannot go on: {detail}.\n"));
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        page.headers_mut().insert(header::CONTENT_TYPE, plain);
        page
    } else {
        let mut body = format!("{{\"error\":\"{error}\",\"error_description\":");
        push_string(&detail, &mut body);
        body.push('}');
        json(code, body)
    };
    if let Some(wait) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
    }
    response
}

/// Rounds up to whole seconds, at least one.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

fn shut_out(shut: Shut, bounds: Bounds) -> Denied {
    let (detail, wait, why) = match shut {
        Shut::Open => {
            let detail = format!(
                "{} requests of this address are under way here; wait until some are done",
                bounds.open
            );
            (detail, Duration::from_secs(1), "logins")
        }
        Shut::Failed { wait } => {
            let detail =
                format!("{} logins of this address have failed within a minute; try it later", bounds.failed);
            (detail, wait, "failed_logins")
        }
    };
    Denied { retry_after: Some(wait), ..Denied::new(DenyCode::LimitExceeded, detail).because(why) }
}

fn not_allowed(methods: &'static str) -> Response<ReplyBody> {
    let mut response = json(StatusCode::METHOD_NOT_ALLOWED, "");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    response
}

/// Allows requests from pages of any origin: cookies and other things that a browser adds have no effect
/// here.
fn open_to_pages(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, OPTIONS"));
    let allowed = HeaderValue::from_static("content-type, mcp-protocol-version");
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
}
