//! Signing in with a browser on this machine: authorization code with PKCE (RFC 8252, RFC 7636), received on
//! a loopback address.
//!
//! Other users of the machine can reach that address too (RFC 8252, section 8.3: it is open from the request
//! to the answer, and no longer), and they can see the arguments with which programs are started. Possible
//! attacks:
//!
//! - *Injecting their own code*, so that this person acts as them: a code is accepted only with the state,
//!   which is random and sent to the issuer only (section 8.9). If the state were in the arguments of the
//!   browser's opener, with the challenge that any code would be bound to, everybody could read it there. The
//!   opener therefore gets the *door*: a local address with a random path, which redirects to the issuer
//!   once.
//! - *Opening the door before the browser does*, and learning the state that way: the door is closed to other
//!   users if the system tells who owns a stream (Linux). There it is also closed to streams that the system
//!   does not list, and to everybody if it cannot be asked (no /proc). On other systems the person's browser
//!   finds it used and says so, and the end of the login shows who is signed in.
//! - *Stealing the code*: the browser would have to connect to them, and the port is ours. Without the
//!   verifier, which never leaves this process, a code is worthless (section 8.1).
//! - *Keeping the port busy*: the number of streams is limited, slow ones end, and a failed login can be
//!   started again, or with `--device`.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::cli::login::Fresh;
use crate::cli::login::Issuer;
use crate::cli::login::fresh;
use crate::cli::login::interrupts;
use crate::cli::login::issuer;
use crate::cli::login::issuer::Said;
use crate::cli::login::neighbour::Whose;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::control::page::html::escaped;
use crate::domain::now_ms;
use crate::domain::percent;
use crate::domain::sync::lock;
use crate::domain::with_causes;
use crate::transport::listen::listen;

/// How long a person may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long a browser may take to send its request, and to receive the page.
const SLOW: Duration = Duration::from_secs(10);
/// Maximum number of open streams.
const STREAMS: usize = 64;
/// The path that receives the answer, on a random port.
const PATH: &str = "/callback";
/// Prefix of the random path that redirects to the issuer.
const DOOR: &str = "/open/";

/// Names and values of a query, in order.
type Parameters = Vec<(String, String)>;

/// The browser's answer: the parameters, and where to send the resulting page.
pub(super) struct Callback {
    parameters: Parameters,
    page: oneshot::Sender<Result<(), String>>,
}

/// Addresses at which a browser can begin.
pub(super) struct Addresses<'a> {
    /// At the issuer, with all parameters.
    pub issuer: &'a str,
    /// The local door. It reveals nothing, and redirects once.
    pub door: &'a str,
}

/// The state of a login that waits for the browser.
pub(super) struct Wait {
    state: String,
    host: String,
    /// The path of the door.
    door: String,
    /// The redirect target, taken by the first request.
    onward: Mutex<Option<String>>,
    /// Taken by the first answer; there is no second one.
    taker: Mutex<Option<oneshot::Sender<Callback>>>,
}

/// Returns 256 random bits of the system, as text.
pub(super) fn random() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_unspecified| Failure::failed("the system's random number generator failed"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Signs in. `show` receives the addresses, one of which a browser must open.
pub async fn sign_in(issuer: &Issuer, show: impl FnOnce(&Addresses<'_>)) -> Result<Fresh, Failure> {
    let endpoint = issuer.endpoints.authorization.as_deref().ok_or_else(|| {
        Failure::failed(format!("the issuer {} does not support login by browser", issuer.terms.issuer))
            .hint("run: hoopctl login --device")
    })?;
    let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).map_err(|error| {
        Failure::failed(with_causes(&error)).hint("run: hoopctl login --device, which needs no port")
    })?;
    let port = listener.local_addr().map_err(|error| Failure::failed(error.to_string()))?.port();
    let host = format!("127.0.0.1:{port}");
    let redirect = format!("http://{host}{PATH}");
    let (state, nonce, verifier) = (random()?, random()?, random()?);
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    let scope = issuer.terms.scopes.join(" ");
    let mut asked = vec![
        ("response_type", "code"),
        ("client_id", &issuer.terms.client_id),
        ("redirect_uri", &redirect),
        ("scope", &scope),
        ("state", &state),
        ("nonce", &nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    asked.extend(issuer.resource.as_deref().map(|resource| ("resource", resource)));
    let query = issuer::form(&asked);
    let join = if endpoint.contains('?') { '&' } else { '?' };
    let (taker, taken) = oneshot::channel();
    let onward = format!("{endpoint}{join}{}", String::from_utf8_lossy(&query));
    let door = format!("{DOOR}{}", random()?);
    let address = format!("http://{host}{door}");
    let wait = Arc::new(Wait::new(&state, &host, &door, &onward, taker));
    let mut streams = JoinSet::new();
    show(&Addresses { issuer: &onward, door: &address });
    let callback = tokio::select! {
        () = serve(&listener, &wait, &mut streams) => None,
        callback = tokio::time::timeout(PATIENCE, taken) => callback.ok().and_then(Result::ok),
    };
    let callback = callback.ok_or_else(|| {
        let minutes = PATIENCE.as_secs() / 60;
        Failure::failed(format!("nobody signed in within {minutes} minutes")).hint("run: hoopctl login")
    })?;
    drop(listener);
    let outcome = redeem(issuer, &callback.parameters, (&redirect, &verifier, &nonce)).await;
    callback.page.send(outcome.as_ref().map(|_fresh| ()).map_err(|failure| failure.message.clone())).ok();
    // The browser gets its page; other open streams are dropped.
    tokio::time::timeout(Duration::from_secs(2), streams.join_next()).await.ok();
    outcome
}

/// Serves browsers until dropped.
async fn serve(listener: &TcpListener, wait: &Arc<Wait>, streams: &mut JoinSet<()>) {
    loop {
        if streams.len() >= STREAMS {
            streams.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _peer)) => {
                let wait = Arc::clone(wait);
                streams.spawn(async move { one(stream, wait).await });
                while streams.try_join_next().is_some() {}
            }
            Err(_none_left) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn one(stream: TcpStream, wait: Arc<Wait>) {
    let ends = stream.peer_addr().and_then(|peer| Ok((peer, stream.local_addr()?))).ok();
    let service = service_fn(|request| answer(request, Arc::clone(&wait), ends));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(SLOW).max_buf_size(32 << 10).keep_alive(false);
    // The browser reports errors itself.
    tokio::time::timeout(6 * SLOW, server.serve_connection(TokioIo::new(stream), service)).await.ok();
}

/// Answers a request. `ends`: the addresses of the stream, the peer's first.
async fn answer(
    request: Request<Incoming>,
    wait: Arc<Wait>,
    ends: Option<(SocketAddr, SocketAddr)>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if wait.is_door(&request) {
        let whose = ends.map_or(Whose::Nobodys, |(peer, own)| Whose::of(peer, own));
        return Ok(wait.onward(whose));
    }
    let Some((parameters, taker)) = wait.take(&request) else {
        return Ok(page(StatusCode::NOT_FOUND, "There is nothing here", ""));
    };
    let (told, outcome) = oneshot::channel();
    let gone = Err("hoopctl has ended".to_owned());
    let outcome = match taker.send(Callback { parameters, page: told }) {
        Ok(()) => outcome.await.unwrap_or(gone),
        Err(_callback) => gone,
    };
    Ok(match outcome {
        Ok(()) => page(StatusCode::OK, "Signed in", "You can close this window."),
        Err(why) => page(StatusCode::BAD_REQUEST, "Not signed in", &why),
    })
}

impl Wait {
    pub(super) fn new(
        state: &str,
        host: &str,
        door: &str,
        onward: &str,
        taker: oneshot::Sender<Callback>,
    ) -> Self {
        Self {
            state: state.to_owned(),
            host: host.to_owned(),
            door: door.to_owned(),
            onward: Mutex::new(Some(onward.to_owned())),
            taker: Mutex::new(Some(taker)),
        }
    }

    fn is_here(&self, request: &Request<Incoming>) -> bool {
        let host = request.headers().get(header::HOST).map(header::HeaderValue::as_bytes);
        request.method() == Method::GET && host == Some(self.host.as_bytes())
    }

    fn is_door(&self, request: &Request<Incoming>) -> bool {
        let path = request.uri().path().as_bytes();
        self.is_here(request) && verify_slices_are_equal(path, self.door.as_bytes()).is_ok()
    }

    /// Redirects to the issuer, for the first request of a program of this user.
    pub(super) fn onward(&self, whose: Whose) -> Response<Full<Bytes>> {
        let shut = |text| page(StatusCode::NOT_FOUND, "There is nothing here", text);
        if !whose.is_ours() {
            return shut(match whose {
                Whose::User(_) => "This is for another user of the machine.",
                Whose::Nobodys | Whose::Untold => {
                    "The system does not say which user asks. Try again, or open the address that hoopctl printed."
                }
            });
        }
        let onward = lock(&self.onward).take();
        let Some(onward) = onward.and_then(|onward| header::HeaderValue::try_from(onward).ok()) else {
            return shut(
                "It leads on once only. If it was not you who opened it before, end hoopctl and sign in again.",
            );
        };
        let mut response = page(StatusCode::FOUND, "Sign in", "Your browser goes on to the issuer.");
        response.headers_mut().insert(header::LOCATION, onward);
        response
    }

    /// Returns the parameters of the one expected request. Any other request changes nothing: only the issuer
    /// knows the state.
    fn take(&self, request: &Request<Incoming>) -> Option<(Parameters, oneshot::Sender<Callback>)> {
        if !self.is_here(request) || request.uri().path() != PATH {
            return None;
        }
        let parameters = parameters(request.uri().query()?)?;
        let state = single(&parameters, "state").ok()??;
        verify_slices_are_equal(state.as_bytes(), self.state.as_bytes()).ok()?;
        let taker = lock(&self.taker).take()?;
        Some((parameters, taker))
    }
}

/// Exchanges the browser's answer for tokens.
async fn redeem(
    issuer: &Issuer,
    parameters: &[(String, String)],
    (redirect, verifier, nonce): (&str, &str, &str),
) -> Result<Fresh, Failure> {
    let refused = |message: String| Failure::new(Exit::Refused, message).code("login_refused");
    let parameter = |name| {
        single(parameters, name).map_err(|()| refused(format!("the answer of the issuer has {name} twice")))
    };
    // RFC 9207, section 2.4: an answer of another issuer must not be accepted with its code.
    match parameter("iss")? {
        Some(iss) if iss != issuer.terms.issuer => {
            return Err(refused(format!("the answer is of another issuer: {iss}")));
        }
        None if issuer.endpoints.tells_iss => {
            return Err(refused("the answer does not say which issuer it is of".to_owned()));
        }
        _ => {}
    }
    if let Some(error) = parameter("error")? {
        let description: String =
            parameter("error_description")?.unwrap_or_default().chars().take(500).collect();
        let message = format!("the issuer refused the login: {error} {description}");
        return Err(refused(message.trim_end().to_owned()));
    }
    let code = parameter("code")?
        .filter(|code| !code.is_empty())
        .ok_or_else(|| refused("the answer of the issuer has neither a code nor an error".to_owned()))?;
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect),
        ("code_verifier", verifier),
        ("client_id", &*issuer.terms.client_id),
    ];
    form.extend(issuer.resource.as_deref().map(|resource| ("resource", resource)));
    let waits = interrupts::hold_off()?;
    let asked_ms = now_ms();
    match issuer::post(&issuer.endpoints.token, &form, issuer.ca_file.as_deref()).await? {
        Said::Yes(body) => fresh::checked(issuer, &body, Some(nonce), (asked_ms, waits)).await,
        Said::No(error, description) => {
            Err(refused(format!("the issuer gives no token: {error} {description}").trim_end().to_owned()))
        }
    }
}

/// Returns the single value of a parameter; `None` if it is missing, an error if it occurs twice.
fn single<'a>(parameters: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, ()> {
    let mut found = parameters.iter().filter(|(own, _)| own == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Ok(Some(value)),
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(()),
    }
}

/// Parses a query as a form; `None` if it is invalid.
fn parameters(query: &str) -> Option<Parameters> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((percent::decode_form(name.as_bytes())?, percent::decode_form(value.as_bytes())?))
        })
        .collect()
}

/// Returns a page without scripts, external resources and links.
fn page(status: StatusCode, title: &str, text: &str) -> Response<Full<Bytes>> {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>hoopctl</title>\n<h1>{}</h1>\n<p>{}</p>\n</html>\n",
        escaped(title),
        escaped(text)
    );
    let mut response = Response::new(Full::new(Bytes::from(html)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}

/// Opens an address in the person's browser, without a shell. Whether that works is unknown; the address was
/// printed.
pub(super) fn open(url: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(program);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Not waited for: some browsers keep running.
    command.spawn().map(drop).ok();
}
