//! One small exchange with a server, a GET of a public document or a POST of a form: with limits on time and
//! size, over https, without redirects.

use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::Request;
use http::StatusCode;
use http::Uri;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use crate::transport::listen::keep_alive;
use crate::transport::media::media_type;
use crate::transport::stream::Stream;

/// The limits of one fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The limit for everything together: name resolution, connecting, TLS, the reply.
    pub timeout: Duration,
    /// The longest body, in bytes.
    pub max_bytes: usize,
}

impl Default for Limits {
    /// 5 s and 1 MiB.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), max_bytes: 1 << 20 }
    }
}

/// Why nothing was fetched. Contains no part of the reply.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The URL is not allowed.
    #[error("the URL {problem}")]
    Url {
        /// The problem.
        problem: &'static str,
    },
    /// There is no stream to the server.
    #[error("cannot connect to {host}:{port}")]
    Connect {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// The system's error.
        source: io::Error,
    },
    /// The server did not authenticate itself.
    #[error("TLS with {host} failed")]
    Tls {
        /// The server.
        host: String,
        /// The cause.
        source: io::Error,
    },
    /// The reply is not HTTP, or was cut off.
    #[error("the HTTP exchange failed")]
    Exchange(#[source] hyper::Error),
    /// The status is not 200; redirects are not followed.
    #[error("the server answered status {0}, wanted 200")]
    Status(u16),
    /// The body is longer than allowed.
    #[error("the reply is longer than {0} bytes")]
    TooBig(usize),
    /// It took too long.
    #[error("no complete reply within {} ms", .0.as_millis())]
    Timeout(Duration),
}

/// A URL that may be fetched, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Host name or address, without the brackets of IPv6.
    pub host: String,
    /// The port, explicit or the scheme's default.
    pub port: u16,
    /// Whether the scheme is https.
    pub secure: bool,
    authority: String,
    path: String,
}

impl Location {
    /// Parses a URL: https to anywhere, http only to a loopback literal (127.0.0.0/8, `[::1]`) or
    /// `localhost`, without user name, password and fragment.
    ///
    /// # Errors
    /// [`FetchError::Url`] for anything else.
    pub fn parse(url: &str) -> Result<Self, FetchError> {
        let wrong = |problem| FetchError::Url { problem };
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong("holds a space or a character that is not ASCII"));
        }
        if url.contains('#') {
            return Err(wrong("has a fragment"));
        }
        let uri: Uri = url.parse().map_err(|_invalid| wrong("cannot be read"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("is neither https nor http")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("holds a user name"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        if !secure && !is_loopback(&host) {
            return Err(wrong("is http: only a loopback address may be without TLS"));
        }
        let port = match (authority.port(), secure) {
            (Some(port), _) => port.as_u16(),
            (None, true) => 443,
            (None, false) => 80,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { host, port, secure, authority: authority.as_str().to_owned(), path })
    }

    /// Returns whether the host is a loopback literal or `localhost`.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Returns host and port as they were written.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns whether nothing follows the host and port except perhaps a `/`.
    pub fn is_bare(&self) -> bool {
        self.path == "/"
    }

    /// Returns scheme, host and port in a normalized form that can be compared: lower case, without the
    /// scheme's default port.
    pub fn origin(&self) -> String {
        let (scheme, usual) = if self.secure { ("https", 443) } else { ("http", 80) };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == usual {
            format!("{scheme}://{host}")
        } else {
            format!("{scheme}://{host}:{}", self.port)
        }
    }

    /// Opens a stream to the server, with TLS if the scheme is https. `tls` is only needed for https.
    ///
    /// # Errors
    /// [`FetchError::Connect`] and [`FetchError::Tls`].
    pub async fn open(&self, tls: Option<Arc<rustls::ClientConfig>>) -> Result<Stream, FetchError> {
        if !self.secure {
            return Ok(Stream::Plain(self.connect().await?));
        }
        let failed = |source| FetchError::Tls { host: self.host.clone(), source };
        let tls = tls.ok_or_else(|| failed(io::Error::other("no TLS settings")))?;
        let stream = self.connect().await?;
        let name =
            ServerName::try_from(self.host.clone()).map_err(|invalid| failed(io::Error::other(invalid)))?;
        let stream = TlsConnector::from(tls).connect(name, stream).await.map_err(failed)?;
        Ok(Stream::TlsClient(Box::new(stream)))
    }

    fn request(&self, method: Method) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, "hoopctl")
            .header(header::CONNECTION, "close")
    }

    async fn connect(&self) -> Result<TcpStream, FetchError> {
        let connected = if self.host == "localhost" {
            // Never resolved by DNS: the name means this machine by RFC 6761.
            let both: [SocketAddr; 2] =
                [(Ipv4Addr::LOCALHOST, self.port).into(), (Ipv6Addr::LOCALHOST, self.port).into()];
            TcpStream::connect(&both[..]).await
        } else {
            TcpStream::connect((self.host.as_str(), self.port)).await
        };
        let failed = |source| FetchError::Connect { host: self.host.clone(), port: self.port, source };
        let stream = connected.map_err(failed)?;
        keep_alive(&stream).map_err(failed)?;
        Ok(stream)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Fetches one document. Returns only the complete body of a 200 reply. `tls` is only needed for https.
///
/// # Errors
/// Every [`FetchError`]; in particular for any redirect.
pub async fn get(
    url: &str,
    limits: Limits,
    tls: Option<Arc<rustls::ClientConfig>>,
) -> Result<Vec<u8>, FetchError> {
    let location = Location::parse(url)?;
    let request = location.request(Method::GET).body(Full::default()).map_err(unsendable)?;
    Ok(exchange(&location, request, limits, tls).await?.body)
}

/// A server's answer to a form. It may contain tokens, so it has no `Debug`.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// The media type from `Content-Type`, without parameters and in lower case.
    pub media_type: String,
    /// Its body.
    pub body: Vec<u8>,
}

/// Sends a form, once, and returns the whole answer, whatever its status. `tls` is only needed for https.
///
/// # Errors
/// Every [`FetchError`] but [`FetchError::Status`]. The server may have processed the form.
pub async fn post_form(
    url: &str,
    form: Zeroizing<Vec<u8>>,
    limits: Limits,
    tls: Option<Arc<rustls::ClientConfig>>,
) -> Result<Answer, FetchError> {
    let location = Location::parse(url)?;
    let request = location
        .request(Method::POST)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from_owner(form)))
        .map_err(unsendable)?;
    exchange(&location, request, limits, tls).await
}

fn unsendable(_invalid: http::Error) -> FetchError {
    FetchError::Url { problem: "cannot be sent" }
}

async fn exchange(
    location: &Location,
    request: Request<Full<Bytes>>,
    limits: Limits,
    tls: Option<Arc<rustls::ClientConfig>>,
) -> Result<Answer, FetchError> {
    let whole = async { send(location.open(tls).await?, request, limits.max_bytes).await };
    tokio::time::timeout(limits.timeout, whole)
        .await
        .map_err(|_elapsed| FetchError::Timeout(limits.timeout))?
}

async fn send(stream: Stream, request: Request<Full<Bytes>>, max_bytes: usize) -> Result<Answer, FetchError> {
    let any_status = *request.method() == Method::POST;
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(64 << 10)
        .max_headers(100)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(FetchError::Exchange)?;
    // The set aborts its task when this future is dropped, so that a timeout leaves nothing behind.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let reply = sender.send_request(request).await.map_err(FetchError::Exchange)?;
    let status = reply.status();
    if !any_status && status != StatusCode::OK {
        return Err(FetchError::Status(status.as_u16()));
    }
    let media_type = media_type(reply.headers()).unwrap_or_default().to_ascii_lowercase();
    let body = read(reply.into_body(), max_bytes).await?;
    Ok(Answer { status, media_type, body })
}

async fn read(mut body: Incoming, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
    let announced = body.size_hint().lower();
    if announced > max_bytes as u64 {
        return Err(FetchError::TooBig(max_bytes));
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(FetchError::Exchange)?.into_data() else { continue };
        if bytes.len() + data.len() > max_bytes {
            return Err(FetchError::TooBig(max_bytes));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
