//! The client side: POST, GET and DELETE on `/c/<connection>`, and the checks before a message is read. (MCP,
//! "Transports", "Streamable HTTP", "Security Warning"; RFC 9728.)

use std::pin::Pin;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::Uri;
use http::header;
use http::request::Parts;
use hyper::body::Incoming;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Protocol;
use crate::domain::SessionId;
use crate::pipeline::Gate;
use crate::protocol::mcp::codec::glimpse::Glimpse;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::exchange;
use crate::protocol::mcp::from_client::inbound::Inbound;
use crate::protocol::mcp::from_client::inbound::Refused;
use crate::protocol::mcp::from_client::inbound::named;
use crate::protocol::mcp::from_client::inbound::target_key;
use crate::protocol::mcp::from_client::limit;
use crate::protocol::mcp::from_client::one_way;
use crate::protocol::mcp::from_client::origin;
use crate::protocol::mcp::from_client::session_requests;
use crate::protocol::mcp::login;
use crate::protocol::mcp::login::resource_metadata;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::reply::json;
use crate::protocol::mcp::state::sessions::Owner;
use crate::protocol::mcp::state::shared::McpShared;
use crate::protocol::web::App;
use crate::protocol::web::body::ReplyBody;
use crate::protocol::web::reply;
use crate::protocol::web::request;
use crate::protocol::web::request::Origin;
use crate::protocol::web::request::bad;
use crate::transport::media::is_media_type;
use crate::transport::strangers::Strangers;

/// Answers requests on connections to MCP servers.
pub struct McpApp {
    gate: Gate,
    shared: McpShared,
    /// The address that clients use, without a trailing slash; `None`: that of their `Host` header.
    public_url: Option<String>,
    /// The addresses that are logging in and are not authenticated yet.
    strangers: Strangers,
}

impl McpApp {
    /// Creates an app. `public_url` is the address that clients use, if it differs from their `Host` header.
    /// `strangers` counts the unauthenticated peers that log in.
    pub fn new(gate: Gate, shared: McpShared, public_url: Option<String>, strangers: Strangers) -> Self {
        let public_url = public_url.map(|url| url.trim_end_matches('/').to_owned());
        Self { gate, shared, public_url, strangers }
    }

    async fn serve(&self, origin: &Origin, request: Request<Incoming>) -> Response<ReplyBody> {
        let (head, body) = request.into_parts();
        let mut session = None;
        let mut response = match self.run(origin, &head, body, &mut session).await {
            Ok(response) => response,
            Err(Refused::Fault { era, fault, id }) => json(fault.status, fault.body(era, id.as_deref())),
            Err(Refused::Problem(denied)) => return reply::problem(&denied, origin.request, session),
        };
        reply::name(&mut response, origin.request, session);
        response
    }

    async fn run(
        &self,
        origin: &Origin,
        head: &Parts,
        mut body: Incoming,
        session: &mut Option<SessionId>,
    ) -> Result<Response<ReplyBody>, Refused> {
        let (exchange, rest) = match request::enter(&self.gate, Protocol::Mcp, origin, head).await {
            Ok(entered) => entered,
            Err(denied) if denied.code == DenyCode::LimitExceeded && head.method == Method::POST => {
                let mut glimpse = Glimpse::default();
                limit::look(&mut body, &mut glimpse, limit::BRIEF).await;
                if self.is_cancelled(origin, head, &glimpse).await {
                    return Ok(json(StatusCode::ACCEPTED, Bytes::new()));
                }
                return limit::answer(denied, head, &glimpse, origin.request);
            }
            Err(denied) => return Err(denied.into()),
        };
        *session = Some(exchange.session_id());
        let inbound = Inbound { shared: &self.shared, head, exchange };
        // A browser page that came here by DNS rebinding sends its own `Origin` or `Host`. This is only
        // checked for callers with a token that opens this connection, so that others do not learn of it.
        let options = &inbound.exchange.governed().connection.mcp;
        if let Err(why) = origin::check(head, options, self.public_url.as_deref()) {
            let denied = Denied::new(DenyCode::Denied, why).because("origin");
            return Err(inbound.refuse(denied).await.into());
        }
        if !matches!(rest, "" | "/" | "/mcp") || head.uri.query().is_some() {
            let denied = bad("an MCP server is at /c/<connection>, without a query").because("path");
            return Err(inbound.refuse(denied).await.into());
        }
        match head.method {
            Method::POST => {
                if let Err(fault) = check_media(&head.headers) {
                    return Err(inbound.fault(Era::claimed(&head.headers), fault, None).await);
                }
                exchange::post(inbound, body).await
            }
            Method::GET | Method::DELETE if Era::claimed(&head.headers) == Era::Legacy => {
                if head.method == Method::DELETE {
                    return session_requests::delete(inbound).await;
                }
                if !accepts(&head.headers, "text/event-stream") {
                    let fault = not_acceptable("a stream is read by Accept: text/event-stream");
                    return Err(inbound.fault(Era::Legacy, fault, None).await);
                }
                session_requests::stream(inbound).await
            }
            _ => {
                let denied = bad("this version of MCP has POST only").because("method");
                drop(inbound.refuse(denied).await);
                let mut response = json(StatusCode::METHOD_NOT_ALLOWED, Bytes::new());
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
                Ok(response)
            }
        }
    }

    /// Cancels a held call although the message came too fast, since it reduces the load; returns whether it
    /// did.
    async fn is_cancelled(&self, origin: &Origin, head: &Parts, glimpse: &Glimpse) -> bool {
        let Some(message) = glimpse.whole() else { return false };
        let Ok((principal, governed)) = request::whose(&self.gate, Protocol::Mcp, origin, head).await else {
            return false;
        };
        if origin::check(head, &governed.connection.mcp, self.public_url.as_deref()).is_err() {
            return false;
        }
        let owner = Owner {
            principal: (&*principal).into(),
            issuer: self.gate.issuers().digest_of(&principal),
            connection: target_key(&governed),
        };
        let session = named(&self.shared.sessions, &head.headers, &owner, &governed);
        session.is_some_and(|session| one_way::cancels(&self.shared, &owner, &session, &message))
    }
}

impl App for McpApp {
    fn protocol(&self) -> Protocol {
        Protocol::Mcp
    }

    fn answer(
        &self,
        origin: Origin,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<ReplyBody>> + '_>> {
        match self.gate.login() {
            Some(login) if login::is_here(request.uri().path()) => {
                Box::pin(
                    async move { login::answer(&self.gate, &login, &self.strangers, origin, request).await },
                )
            }
            _ => Box::pin(async move { self.serve(&origin, request).await }),
        }
    }

    fn takes(&self, path: &str) -> bool {
        login::is_here(path) && self.gate.login().is_some()
    }

    fn metadata(&self, uri: &Uri, host: Option<&HeaderValue>, tls: bool) -> Option<String> {
        resource_metadata::url(uri, host, tls, self.public_url.as_deref())
    }

    fn well_known(&self, request: &Request<Incoming>, tls: bool) -> Option<Response<ReplyBody>> {
        resource_metadata::answer(request, &self.gate, tls, self.public_url.as_deref())
    }
}

/// Checks that a message is JSON, and that its sender accepts both forms of answer.
fn check_media(headers: &HeaderMap) -> Result<(), Fault> {
    let unsupported =
        |detail| Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, -32600, detail).because("media_type");
    if !is_media_type(headers, "application/json") {
        return Err(unsupported("a message is sent as Content-Type: application/json"));
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(unsupported("a message is sent without Content-Encoding"));
    }
    if !accepts(headers, "application/json") || !accepts(headers, "text/event-stream") {
        return Err(not_acceptable("a client takes both: Accept: application/json, text/event-stream"));
    }
    Ok(())
}

fn not_acceptable(detail: &str) -> Fault {
    Fault::new(StatusCode::NOT_ACCEPTABLE, -32600, detail).because("media_type")
}

fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let family = wanted.split('/').next().unwrap_or_default();
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        range == "*/*"
            || range.eq_ignore_ascii_case(wanted)
            || range.strip_suffix("/*").is_some_and(|range| range.eq_ignore_ascii_case(family))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_says_what_it_sends_and_takes() {
        let check = |accept: &str, kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            check_media(&headers).map_err(|fault| fault.status.as_u16())
        };
        let (both, json) = ("application/json, text/event-stream;q=0.5", "application/json; charset=utf-8");
        assert_eq!(check(both, json), Ok(()));
        assert_eq!(check("*/*", "Application/JSON"), Ok(()));
        assert_eq!(check("application/*, TEXT/*", json), Ok(()));
        for (accept, kind, status) in [
            ("application/json", json, 406),
            ("text/event-stream", json, 406),
            ("text/html", json, 406),
            (both, "text/plain", 415),
            (both, "application/json+x", 415),
        ] {
            assert_eq!(check(accept, kind), Err(status), "{accept} {kind}");
        }
    }
}
