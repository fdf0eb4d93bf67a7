//! What every request says before its protocol matters: where it came from, which connection it wants, its token; and its body, read whole.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use http::HeaderMap;
use http::header;
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::body::Incoming;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Protocol;
use crate::domain::RequestId;
use crate::pipeline::Arrival;
use crate::pipeline::Exchange;
use crate::pipeline::Gate;

/// How long a body that is read whole may make no progress.
const STALL: Duration = Duration::from_secs(30);

/// Where a request came from, and its id.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The request's id.
    pub request: RequestId,
    /// The client's address.
    pub source: IpAddr,
    /// It came by TLS.
    pub tls: bool,
}

/// A request path, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The segment after `/c/`, as it came.
    pub connection: &'a str,
    /// The rest, as it came: empty, or it starts with `/`.
    pub rest: &'a str,
}

/// Takes `/c/<connection>/<rest>` apart; `None` for any other path.
pub fn route(path: &str) -> Option<Route<'_>> {
    let below = path.strip_prefix("/c/")?;
    let end = below.find('/').unwrap_or(below.len());
    let (connection, rest) = below.split_at(end);
    Some(Route { connection, rest })
}

/// The refusal of a request that is wrong or has two readings.
pub fn bad(what: &str) -> Denied {
    Denied::new(DenyCode::BadRequest, format!("the request is refused: {what}"))
}

/// A header name with `-` for `_`.
pub fn folded(name: &str) -> String {
    name.replace('_', "-")
}

/// Lets the request in; gives the exchange, and the path below the connection as it came.
pub async fn enter<'a>(
    gate: &Gate,
    protocol: Protocol,
    origin: Origin,
    head: &'a Parts,
) -> Result<(Exchange, &'a str), Denied> {
    let path = head.uri.path();
    let route = route(path).unwrap_or(Route { connection: "", rest: "" });
    let token = bearer(&head.headers);
    let arrival = Arrival {
        request: origin.request,
        protocol,
        source: origin.source,
        token: token.as_ref().ok().copied().flatten(),
        connection: route.connection,
        method: head.method.as_str(),
        path,
    };
    if let Err(denied) = token {
        gate.refuse_stranger(arrival, None, &denied);
        return Err(denied);
    }
    Ok((gate.enter(arrival).await?, route.rest))
}

/// The one bearer token of a request: `Ok(None)` where there is none.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Denied> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(bad("more than one Authorization header").because("two_authorizations"));
    }
    let Some(value) = first else { return Ok(None) };
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Ok(Some(token.map_or("", |(_, token)| token.trim_matches(' '))))
}

/// Reads a body that must be judged or held, up to its limit; not beyond the end of what the command stands on.
pub async fn read_whole(body: &mut Incoming, limit: u64, exchange: &Exchange) -> Result<Bytes, Denied> {
    let mut whole = BytesMut::new();
    read_into(&mut whole, body, limit, exchange).await?;
    Ok(whole.freeze())
}

/// The same; of a body that is refused there is as much as was read.
pub async fn read_into(
    whole: &mut BytesMut,
    body: &mut Incoming,
    limit: u64,
    exchange: &Exchange,
) -> Result<(), Denied> {
    let too_large = || {
        let detail =
            format!("a body that is judged or held may have at most {limit} bytes on this connection");
        Denied::new(DenyCode::LimitExceeded, detail).because("body_too_large")
    };
    let broken = || bad("its body broke off, stalled, or is not framed as it should be").because("body");
    if body.size_hint().lower() > limit {
        return Err(too_large());
    }
    let mut end = std::pin::pin!(exchange.end_watch().wait());
    loop {
        let frame = tokio::select! {
            biased;
            end = end.as_mut() => return Err(crate::pipeline::session_ended(end)),
            frame = tokio::time::timeout(STALL, body.frame()) => frame.map_err(|_stalled| broken())?,
        };
        let Some(frame) = frame else { return Ok(()) };
        if let Ok(data) = frame.map_err(|_broken| broken())?.into_data() {
            whole.extend_from_slice(&data);
            if whole.len() as u64 > limit {
                return Err(too_large());
            }
        }
    }
}
