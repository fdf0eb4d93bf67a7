//! One request to a target: the parts that are sent, and where the credential goes.

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Uri;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::pipeline::Credential;
use crate::pipeline::snapshot::Governed;
use crate::protocol::web::body::RequestBody;

/// One request as it will be sent, except for the credential.
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The canonical path below the connection.
    pub path: Box<str>,
    /// The query.
    pub query: Box<str>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: RequestBody,
}

/// Adds the credential to a request.
pub(super) fn put(credential: &Credential, request: &mut Request<RequestBody>) -> Result<(), Denied> {
    let (name, value) = credential.header();
    let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_bytes(value).ok());
    let Some((name, mut value)) = header else {
        return Err(Denied::new(
            DenyCode::UpstreamCredential,
            "the target's credential does not fit into a header; tell the operator",
        ));
    };
    value.set_sensitive(true);
    request.headers_mut().insert(name, value);
    Ok(())
}

/// Builds the request to send.
pub(super) fn request(outgoing: Outgoing, governed: &Governed) -> Result<Request<RequestBody>, Denied> {
    let upstream = &governed.connection.upstream;
    let mark = if outgoing.query.is_empty() { "" } else { "?" };
    let target = format!("{}{}{mark}{}", upstream.base_path, outgoing.path, outgoing.query);
    let uri = Uri::try_from(target).map_err(|_invalid| {
        Denied::new(DenyCode::BadRequest, "the request is refused: its path or query cannot be sent")
            .because("uri")
    })?;
    let mut request = Request::new(outgoing.body);
    *request.method_mut() = outgoing.method;
    *request.uri_mut() = uri;
    *request.headers_mut() = outgoing.headers;
    Ok(request)
}
