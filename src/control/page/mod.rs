//! The approval page for browsers: one address per held command, for people who sign in at the issuer.
//!
//! An agent writes most of its content. The page therefore has no script and loads nothing, and every
//! external text is escaped by the only builder there is ([`html`]). A browser's session is only valid on the
//! paths of the page. Its token is checked at each request ([`Service::admit`]), and the same [`Backend`]
//! decides as for everybody else.

mod begun;
mod cookie;
mod form;
mod frame;
pub mod html;
pub mod issuer;
mod random;
mod sessions;
pub mod site;
mod stop;
#[cfg(test)]
mod tests;
mod view;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http::header::HeaderValue;
use http::request;
use http_body_util::BodyExt as _;
use http_body_util::Limited;
use hyper::body::Body;
use zeroize::Zeroizing;

use crate::control::Backend;
use crate::control::Service;
use crate::control::error::ApiError;
use crate::control::error::ErrorCode;
use crate::control::noun::gateway::CallerReport;
use crate::control::page::begun::Beginning;
use crate::control::page::begun::Missed;
use crate::control::page::begun::SignIns;
use crate::control::page::cookie::Cookie;
use crate::control::page::form::Fields;
use crate::control::page::issuer::Begin;
use crate::control::page::issuer::Returned;
use crate::control::page::sessions::Session;
use crate::control::page::sessions::Sessions;
use crate::control::page::site::Site;
use crate::control::page::stop::Stop;
use crate::control::page::view::View;
use crate::domain::id::ApprovalId;
use crate::domain::now_ms;
use crate::transport::media::is_media_type;

/// How long a browser may take to send a form.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum length in bytes of a code or error that an issuer sends back.
const LONGEST_QUERY: usize = 16 << 10;

/// The path of the issuer's callback.
const SIGNED_IN: &str = "/signed-in";
/// The query of an approval's address that starts a new sign-in, whoever is signed in.
const ANEW: &str = "sign-in=anew";

/// The page of one gateway: signed-in browsers, and sign-ins in progress.
#[derive(Debug, Default)]
pub struct Page {
    begun: SignIns,
    sessions: Sessions,
}

/// What a request counts as for the limits on unauthenticated peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// From a caller with a valid token.
    Known,
    /// Anonymous.
    Nobody,
    /// A failed attempt to sign in.
    Failed,
}

/// The requested resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Approval(ApprovalId),
    SignedIn,
    SignOut,
    /// A path of the page where nothing exists.
    Nothing,
}

impl Route {
    /// Parses a path. `None`: not a path of the page.
    fn of(path: &str) -> Option<Self> {
        match path {
            SIGNED_IN => Some(Self::SignedIn),
            "/sign-out" => Some(Self::SignOut),
            _ => {
                let id = path.strip_prefix("/approval/")?;
                Some(id.parse().map_or(Self::Nothing, Self::Approval))
            }
        }
    }
}

/// Returns whether a path belongs to the page, where a browser's session is accepted and a token is not.
pub(super) fn is_here(path: &str) -> bool {
    Route::of(path).is_some()
}

/// A signed-in browser whose session is still valid.
struct Visitor {
    session: Session,
    backend: Arc<dyn Backend>,
    you: CallerReport,
}

/// One request.
struct Asked<'a> {
    page: &'a Page,
    site: &'a Site,
    service: &'a dyn Service,
    head: &'a request::Parts,
    from: IpAddr,
}

impl Page {
    /// Answers one request of a browser.
    pub async fn answer<B>(
        &self,
        request: Request<B>,
        site: &Site,
        service: &dyn Service,
        from: IpAddr,
    ) -> (Response<Bytes>, Standing)
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let asked = Asked { page: self, site, service, head: &head, from };
        asked.answer(body).await.unwrap_or_else(|stop| asked.stopped(&stop))
    }
}

fn set(response: &mut Response<Bytes>, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Returns the single header of that name, if there is exactly one and it is readable.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

impl Asked<'_> {
    async fn answer<B>(&self, body: B) -> Result<(Response<Bytes>, Standing), Stop>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let headers = &self.head.headers;
        if !one(headers, "host").is_some_and(|host| self.site.is_called(host)) {
            let words = format!("This page is at {} and nowhere else.", self.site.origin());
            return Err(Stop::new(StatusCode::MISDIRECTED_REQUEST, "Not here", words));
        }
        let route = Route::of(self.head.uri.path()).unwrap_or(Route::Nothing);
        let post = match (route, &self.head.method) {
            (Route::Nothing, _) => {
                return Err(Stop::new(
                    StatusCode::NOT_FOUND,
                    "There is nothing here",
                    "Approvals are at /approval/ID.",
                ));
            }
            (Route::Approval(_) | Route::SignedIn, &Method::GET) => false,
            (Route::Approval(_) | Route::SignOut, &Method::POST) => true,
            (Route::Approval(_), _) => return Err(Stop::takes("GET, POST")),
            (Route::SignedIn, _) => return Err(Stop::takes("GET")),
            (Route::SignOut, _) => return Err(Stop::takes("POST")),
        };
        if !post {
            // The page must be a document in a tab of its own: not a frame, an image, or fetched by a script.
            if headers.contains_key("sec-fetch-dest") && one(headers, "sec-fetch-dest") != Some("document") {
                return Err(Stop::refused("This page is opened in a tab of its own."));
            }
        }
        match route {
            Route::Approval(id) if post => self.decide(id, body).await,
            Route::Approval(id) => self.show(id).await,
            Route::SignOut => {
                self.must_be_own()?;
                let session = self.session().ok_or_else(ended)?;
                form_of(&session, &self.read(body).await?, &["key"])?;
                let words = "You are signed out here. At the issuer you may still be signed in.";
                Err(Stop { ends: true, ..Stop::new(StatusCode::OK, "Signed out", words) })
            }
            _ => self.signed_in().await,
        }
    }

    fn stopped(&self, stop: &Stop) -> (Response<Bytes>, Standing) {
        let page = frame::notice(stop.title, &stop.words, stop.next, stop.others);
        let mut response = frame::answer(stop.status, page);
        if stop.ends {
            self.sign_out();
            set(&mut response, Cookie::session(self.site).clear(self.site));
        }
        if let Some(methods) = stop.takes {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        (response, stop.standing)
    }

    fn session(&self) -> Option<Session> {
        self.page.sessions.get(Cookie::session(self.site).read(&self.head.headers)?)
    }

    fn sign_out(&self) {
        if let Some(id) = Cookie::session(self.site).read(&self.head.headers) {
            self.page.sessions.end(id);
        }
    }

    /// Checks the current permissions of a session's token.
    async fn admit(&self, session: Session) -> Result<Visitor, Stop> {
        let entered = async {
            let backend = self.service.admit(&session.token, self.from).await?;
            let you = backend.status().await?.you;
            let you = you.ok_or_else(|| ApiError::new(ErrorCode::Internal, "nobody asks"))?;
            Ok::<_, ApiError>((backend, you))
        };
        match entered.await {
            Ok((backend, you)) => Ok(Visitor { session, backend, you }),
            Err(error) => {
                // A principal that is locked out, or has lost the role, is signed out for good.
                let ends = matches!(error.code, ErrorCode::Unauthenticated | ErrorCode::Forbidden);
                let others = error.code == ErrorCode::Forbidden;
                Err(Stop { others, ends, ..Stop::from(error) })
            }
        }
    }

    /// Shows the page of an approval, or starts a sign-in.
    async fn show(&self, id: ApprovalId) -> Result<(Response<Bytes>, Standing), Stop> {
        if self.head.uri.query() == Some(ANEW) {
            // The current session stays until another one replaces it.
            return self.begin(id, true).await;
        }
        let Some(session) = self.session() else {
            if Cookie::session(self.site).read(&self.head.headers).is_some() {
                // No direct redirect to the issuer: after a form, the page's policy forbids it.
                return Err(Stop { ends: true, ..ended().then(id) });
            }
            return self.begin(id, false).await;
        };
        let visitor = self.admit(session).await.map_err(|stop| stop.then(id))?;
        let approval = visitor.backend.approval(id).await.map_err(|error| known(error.into()))?;
        let view = View {
            approval: &approval,
            you: &visitor.you,
            form_key: &visitor.session.form_key,
            now_ms: now_ms(),
        };
        Ok((frame::answer(StatusCode::OK, view.page()), Standing::Known))
    }

    async fn begin(&self, next: ApprovalId, anew: bool) -> Result<(Response<Bytes>, Standing), Stop> {
        let (state, nonce, verifier) = (random::secret(), random::secret(), Zeroizing::new(random::secret()));
        let challenge = random::challenge(&verifier);
        let begin = Begin { state: state.clone(), nonce: nonce.clone(), challenge, anew };
        let onward = self.service.begin_sign_in(&begin).await?;
        let beginning =
            Beginning { verifier, nonce, iss: onward.iss, names_itself: onward.names_itself, next };
        let cookie = Cookie::begun(self.site);
        let held = cookie.read(&self.head.headers);
        let browser = self.page.begun.begin(&state, beginning, self.from, held);
        // Only its expiry removes it: the answer to one tab would delete what another tab was just given.
        let mut response = frame::onward(StatusCode::FOUND, &onward.url);
        set(&mut response, cookie.set(self.site, &browser, begun::WITHIN.as_secs()));
        Ok((response, Standing::Nobody))
    }

    /// Handles the issuer's callback.
    async fn signed_in(&self) -> Result<(Response<Bytes>, Standing), Stop> {
        let bad = |words: &str| Stop::new(StatusCode::BAD_REQUEST, "You are not signed in", words);
        let query = self.head.uri.query().unwrap_or_default();
        let fields = Some(query).filter(|query| query.len() <= LONGEST_QUERY);
        let fields = fields.and_then(|query| Fields::read(query.as_bytes()));
        let fields = fields.ok_or_else(|| bad("The issuer's answer cannot be read.").failed())?;
        let state = fields.get("state");
        let browser = Cookie::begun(self.site).read(&self.head.headers);
        let begun = browser.map_or(Err(Missed::HasNone), |browser| self.page.begun.take(state, browser));
        let begun = begun.map_err(|missed| {
            let words = "This browser did not begin that sign-in, or too long ago, or it was used. Open the approval's address again.";
            // A browser with other sign-ins in progress may have lost this one to others at the same address,
            // and is not counted as guessing.
            if missed == Missed::HasOthers { bad(words) } else { bad(words).failed() }
        })?;
        let next = begun.next;
        let iss = fields.get("iss");
        if (iss.is_empty() && begun.names_itself) || (!iss.is_empty() && iss != begun.iss) {
            return Err(bad("The answer is not of the issuer that was asked.").then(next).failed());
        }
        if !fields.get("error").is_empty() {
            let words =
                format!("The issuer says: {}", fields.get("error").chars().take(200).collect::<String>());
            return Err(bad(&words).then(next));
        }
        if fields.get("code").is_empty() {
            return Err(bad("The issuer's answer has no code.").then(next).failed());
        }
        let returned = Returned {
            code: Zeroizing::new(fields.get("code").to_owned()),
            verifier: begun.verifier,
            nonce: begun.nonce,
            iss: begun.iss,
        };
        let token = self.service.finish_sign_in(returned).await.map_err(|error| {
            let guessed = error.code == ErrorCode::Unauthenticated;
            let stop = Stop::from(error).then(next);
            if guessed { stop.failed() } else { stop }
        })?;
        // A principal without a role gets no session at all.
        let session = Session::of(token);
        let visitor = self.admit(session).await.map_err(|stop| stop.then(next).failed())?;
        // An id that this browser had before, whoever planted it, is invalid from here on.
        self.sign_out();
        let id = self.page.sessions.open(visitor.session, &visitor.you.principal);
        tracing::info!(principal = %visitor.you.principal, from = %self.from, "somebody signed in on the approval page");
        let mut response = frame::onward(StatusCode::SEE_OTHER, &format!("/approval/{next}"));
        set(&mut response, Cookie::session(self.site).set(self.site, &id, sessions::LASTS.as_secs()));
        Ok((response, Standing::Known))
    }

    /// Handles one decision about one approval.
    async fn decide<B>(&self, id: ApprovalId, body: B) -> Result<(Response<Bytes>, Standing), Stop>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.must_be_own()?;
        let session = self.session().ok_or_else(|| Stop { ends: true, ..ended().then(id) })?;
        let fields = self.read(body).await?;
        form_of(&session, &fields, &["key", "digest", "decision", "reason", "connection"])?;
        let Visitor { backend, .. } = self.admit(session).await.map_err(|stop| stop.then(id))?;
        let shown = backend.approval(id).await.map_err(|error| known(error.into()))?;
        let decide = form::decision(&fields, &shown).map_err(|why| {
            known(Stop::new(StatusCode::BAD_REQUEST, "Nothing was decided", format!("{why}.")).then(id))
        })?;
        // It is completed even if the browser leaves: a decision is never half made.
        let decided = tokio::spawn(async move { backend.decide_approval(id, decide).await.map(drop) }).await;
        let decided = decided.unwrap_or_else(|_panicked| {
            Err(ApiError::new(ErrorCode::Internal, "the gateway failed: see its log"))
        });
        decided.map_err(|error| known(Stop::from(error).then(id)))?;
        Ok((frame::onward(StatusCode::SEE_OTHER, &format!("/approval/{id}")), Standing::Known))
    }

    /// Checks that a form was sent by this page, according to the browser.
    fn must_be_own(&self) -> Result<(), Stop> {
        let headers = &self.head.headers;
        let own = one(headers, "origin") == Some(self.site.origin());
        let site = headers.contains_key("sec-fetch-site").then(|| one(headers, "sec-fetch-site"));
        if !own || site.is_some_and(|site| site != Some("same-origin")) {
            return Err(Stop::refused("The form was sent by another page."));
        }
        if !is_media_type(headers, "application/x-www-form-urlencoded") {
            return Err(Stop::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Refused", "It is not a form."));
        }
        Ok(())
    }

    async fn read<B>(&self, body: B) -> Result<Fields, Stop>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let body = std::pin::pin!(Limited::new(body, form::LONGEST));
        let whole = body.collect();
        let bytes = match tokio::time::timeout(READ_TIMEOUT, whole).await {
            Ok(Ok(bytes)) => bytes.to_bytes(),
            Ok(Err(_long_or_cut)) => {
                let words = "The form is longer than 32 KiB, or it was cut off.";
                return Err(Stop::new(StatusCode::PAYLOAD_TOO_LARGE, "Nothing was decided", words));
            }
            Err(_elapsed) => {
                let words = "The form did not come in time.";
                return Err(Stop::new(StatusCode::REQUEST_TIMEOUT, "Nothing was decided", words));
            }
        };
        let read = Fields::read(&bytes);
        read.ok_or_else(|| {
            Stop::new(StatusCode::BAD_REQUEST, "Nothing was decided", "The form cannot be read.")
        })
    }
}

/// Checks that a form belongs to this session, and has no other fields than these.
fn form_of(session: &Session, fields: &Fields, names: &[&str]) -> Result<(), Stop> {
    if !random::same(fields.get("key"), &session.form_key) || !fields.are_among(names) {
        return Err(Stop::refused("The form is not one of this sign-in: open the approval again."));
    }
    Ok(())
}

fn ended() -> Stop {
    let words =
        "You are signed out: an hour has passed, the token has run out, or the gateway was started anew.";
    Stop::new(StatusCode::UNAUTHORIZED, "Your sign-in has ended", words)
}

/// Returns a caller with a valid token requested something that does not exist or is not allowed.
fn known(stop: Stop) -> Stop {
    Stop { standing: Standing::Known, ..stop }
}
