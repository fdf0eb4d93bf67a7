//! Signing in, at issuers and gateways that do what they should not, and tokens that others want to read.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use http::Response;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::bearer::Fixed;
use super::device::Next;
use super::tokens::KeepError;
use super::*;
use crate::control::Bearer;

const META: &str = "/.well-known/oauth-protected-resource";
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// A gateway and an issuer in one: what it answers on each path, and what it was sent.
#[derive(Default)]
struct Fake {
    answers: Mutex<BTreeMap<String, Vec<(u16, String)>>>,
    asked: Mutex<Vec<(String, String)>>,
    slow: Mutex<Duration>,
}

struct Served {
    fake: Arc<Fake>,
    origin: String,
}

impl Served {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let fake = Arc::new(Fake::default());
        let served = Arc::clone(&fake);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let fake = Arc::clone(&served);
                tokio::spawn(async move {
                    let service = service_fn(move |request| Arc::clone(&fake).answer(request));
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                        .ok();
                });
            }
        });
        let served = Self { fake, origin };
        served.set(META, 200, &served.meta(&served.origin));
        served.set(
            DISCOVERY,
            200,
            &json!({"issuer": served.origin, "authorization_endpoint": format!("{}/auth", served.origin),
                "token_endpoint": format!("{}/token", served.origin),
                "device_authorization_endpoint": format!("{}/device", served.origin),
                "revocation_endpoint": format!("{}/revoke", served.origin),
                "authorization_response_iss_parameter_supported": true}),
        );
        served
    }

    fn meta(&self, resource: &str) -> Value {
        json!({"resource": resource, "authorization_servers": [self.origin],
            "hoopctl_login": {"client_id": "cli", "scopes": ["openid", "use"]}})
    }

    fn set(&self, path: &str, status: u16, body: &Value) {
        self.queue(path, vec![(status, body.to_string())]);
    }

    /// Answers in this order; the last one stays.
    fn queue(&self, path: &str, answers: Vec<(u16, String)>) {
        self.fake.answers.lock().unwrap().insert(path.to_owned(), answers);
    }

    fn asked(&self, path: &str) -> Vec<String> {
        let asked = self.fake.asked.lock().unwrap();
        asked.iter().filter(|(own, _)| own == path).map(|(_, body)| body.clone()).collect()
    }

    fn remote(&self) -> Remote {
        Remote::new(&self.origin, None).unwrap()
    }

    fn terms(&self) -> Terms {
        Terms {
            issuer: self.origin.clone(),
            client_id: "cli".to_owned(),
            scopes: vec!["openid".to_owned(), "use".to_owned()],
        }
    }

    async fn issuer(&self) -> Issuer {
        let endpoints = issuer::discover(&self.origin, None).await.unwrap();
        Issuer { terms: self.terms(), endpoints, ca_file: None }
    }

    fn entry(&self, expires_ms: Option<i64>) -> Entry {
        Entry {
            terms: self.terms(),
            token_endpoint: format!("{}/token", self.origin),
            revocation_endpoint: Some(format!("{}/revoke", self.origin)),
            ca_file: None,
            issuer_ca_file: None,
            tokens: Some(Tokens {
                access: Hidden::new("old-access".to_owned()),
                expires_ms,
                refresh: Some(Hidden::new("old-refresh".to_owned())),
            }),
        }
    }
}

impl Fake {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        self.asked.lock().unwrap().push((path.clone(), String::from_utf8_lossy(&body).into_owned()));
        let slow = *self.slow.lock().unwrap();
        tokio::time::sleep(slow).await;
        let mut answers = self.answers.lock().unwrap();
        let (status, body) = match answers.get_mut(&path) {
            Some(left) if left.len() > 1 => left.remove(0),
            Some(left) => left[0].clone(),
            None => (404, "{}".to_owned()),
        };
        let response = Response::builder().status(status).header("content-type", "application/json");
        Ok(response.body(Full::new(Bytes::from(body))).unwrap())
    }
}

fn tokens(nonce: Option<&str>, iss: &str, aud: &Value) -> Value {
    let claims = json!({"iss": iss, "aud": aud, "nonce": nonce, "exp": output::now_ms() / 1000 + 60});
    let id_token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
    json!({"access_token": "new-access", "token_type": "Bearer", "expires_in": 300, "refresh_token": "new-refresh",
        "id_token": id_token})
}

/// What a browser gets.
async fn get(url: &str, method: &str, host: Option<&str>) -> (u16, String) {
    let rest = url.strip_prefix("http://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let host = host.unwrap_or(authority);
    let request = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    (reply[9..12].parse().unwrap(), reply)
}

/// A parameter of the address that was printed.
fn parameter(url: &str, name: &str) -> String {
    let query = url.split_once('?').unwrap().1;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap();
    value.replace("%3A", ":").replace("%2F", "/").replace("%20", " ")
}

fn encoded(text: &str) -> String {
    crate::control::call::percent_encode(text)
}

/// Signs in while a person does something with the address.
async fn with_person<T, F>(served: &Served, person: impl FnOnce(String) -> F) -> (Result<Tokens, Failure>, T)
where
    F: Future<Output = T>,
{
    let issuer = served.issuer().await;
    let (shown, url) = oneshot::channel();
    let signing = browser::sign_in(&issuer, |url| shown.send(url.to_owned()).unwrap());
    tokio::join!(signing, async { person(url.await.unwrap()).await })
}

#[tokio::test]
async fn a_person_signs_in_with_a_browser_and_only_once() {
    let served = Served::start().await;
    let (outcome, (url, page, callback)) = with_person(&served, |url| async {
        let nonce = parameter(&url, "nonce");
        served.set("/token", 200, &tokens(Some(&nonce), &served.origin, &json!("cli")));
        let callback = format!(
            "{}?code=the-code&state={}&iss={}",
            parameter(&url, "redirect_uri"),
            parameter(&url, "state"),
            encoded(&served.origin)
        );
        let page = get(&callback, "GET", None).await;
        (url, page, callback)
    })
    .await;
    let found = outcome.unwrap();
    assert_eq!(found.access.expose(), "new-access");
    assert_eq!(found.refresh.unwrap().expose(), "new-refresh");
    assert!(found.expires_ms.unwrap() > output::now_ms() + 200_000);
    assert_eq!(page.0, 200);
    let lower = page.1.to_lowercase();
    assert!(
        lower.contains("signed in") && !lower.contains("<script") && lower.contains("no-store"),
        "{lower}"
    );
    assert!(lower.contains("default-src 'none'"), "{lower}");
    assert!(url.starts_with(&format!("{}/auth?response_type=code&client_id=cli&", served.origin)), "{url}");
    assert_eq!(parameter(&url, "scope"), "openid use");
    assert_eq!(parameter(&url, "code_challenge_method"), "S256");
    let redirect = parameter(&url, "redirect_uri");
    assert!(redirect.starts_with("http://127.0.0.1:") && redirect.ends_with("/callback"), "{redirect}");
    // 256 bits each.
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(parameter(&url, name).len(), 43, "{name}");
    }
    let form = served.asked("/token");
    assert_eq!(form.len(), 1);
    let sent = |name: &str| parameter(&format!("?{}", form[0]), name);
    let proof = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, sent("code_verifier").as_bytes()));
    assert_eq!(proof, parameter(&url, "code_challenge"));
    assert_eq!(
        (sent("code"), sent("redirect_uri"), sent("client_id")),
        ("the-code".into(), redirect, "cli".into())
    );
    let authority = callback.strip_prefix("http://").unwrap().split('/').next().unwrap();
    assert!(TcpStream::connect(authority).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn strangers_do_not_end_a_login() {
    let served = &Served::start().await;
    let (outcome, ()) = with_person(served, |url| async move {
        let nonce = parameter(&url, "nonce");
        served.set("/token", 200, &tokens(Some(&nonce), &served.origin, &json!("cli")));
        let base = parameter(&url, "redirect_uri");
        let state = parameter(&url, "state");
        let iss = encoded(&served.origin);
        let good = format!("{base}?code=good&state={state}&iss={iss}");
        let half = state.split_at(20).0;
        for (url, method, host) in [
            (format!("{base}?code=evil&state=wrong&iss={iss}"), "GET", None),
            (format!("{base}?code=evil&state={half}&iss={iss}"), "GET", None),
            (format!("{base}?code=evil&iss={iss}"), "GET", None),
            (format!("{base}?code=evil&state={state}&state=x&iss={iss}"), "GET", None),
            (format!("{base}?error=access_denied&state="), "GET", None),
            (base.clone(), "GET", None),
            (good.replace("/callback", "/callback/"), "GET", None),
            (good.replace("/callback", "/"), "GET", None),
            (good.clone(), "POST", None),
            (good.clone(), "HEAD", None),
            (good.clone(), "OPTIONS", None),
            // A name that leads here (DNS rebinding).
            (good.clone(), "GET", Some("evil.example")),
        ] {
            assert_eq!(get(&url, method, host).await.0, 404, "{method} {url}");
        }
        assert_eq!(served.asked("/token").len(), 0);
        assert_eq!(get(&good, "GET", None).await.0, 200);
    })
    .await;
    assert!(outcome.is_ok());
    assert!(served.asked("/token").iter().all(|form| form.contains("code=good")));
}

#[tokio::test]
async fn an_answer_that_is_not_of_the_issuer_sends_no_code() {
    let served = Served::start().await;
    let iss = encoded(&served.origin);
    for (query, words) in [
        ("code=c&iss=https%3A%2F%2Fevil.example".to_owned(), "of another issuer: https://evil.example"),
        (format!("code=c&iss={iss}%2F"), "of another issuer"),
        ("code=c".to_owned(), "does not say which issuer"),
        (format!("code=c&iss={iss}&iss={iss}"), "iss twice"),
        (format!("code=c&code=d&iss={iss}"), "code twice"),
        (format!("code=&iss={iss}"), "neither a code nor an error"),
        (
            format!("error=access_denied&error_description=%3Cscript%3Ealert(1)%3C%2Fscript%3E&iss={iss}"),
            "access_denied <script>alert(1)</script>",
        ),
    ] {
        let (outcome, page) = with_person(&served, |url| async move {
            let callback =
                format!("{}?{query}&state={}", parameter(&url, "redirect_uri"), parameter(&url, "state"));
            get(&callback, "GET", None).await
        })
        .await;
        let failure = outcome.unwrap_err();
        assert_eq!(failure.exit, Exit::Refused, "{words}");
        assert!(failure.message.contains(words), "{}", failure.message);
        assert_eq!(page.0, 400);
        assert!(page.1.contains("Not signed in") && !page.1.contains("<script"), "{}", page.1);
    }
    assert_eq!(served.asked("/token").len(), 0);
}

#[tokio::test]
async fn an_id_token_of_another_login_client_or_issuer_keeps_nothing() {
    let served = Served::start().await;
    for (nonce, iss, aud, fits) in [
        (None, &*served.origin, json!("cli"), false),
        (Some("another"), &served.origin, json!("cli"), false),
        (Some("own"), "https://evil.example", json!("cli"), false),
        (Some("own"), &served.origin, json!("other"), false),
        (Some("own"), &served.origin, json!(["other"]), false),
        (Some("own"), &served.origin, json!(["cli", "other"]), false),
        (Some("own"), &served.origin, json!({"cli": true}), false),
        (Some("own"), &served.origin, json!(["cli"]), true),
        (Some("own"), &served.origin, json!("cli"), true),
    ] {
        let (outcome, _page) = with_person(&served, |url| {
            let own = parameter(&url, "nonce");
            let nonce = nonce.map(|word| if word == "own" { &*own } else { word });
            served.set("/token", 200, &tokens(nonce, iss, &aud));
            let callback = format!(
                "{}?code=c&state={}&iss={}",
                parameter(&url, "redirect_uri"),
                parameter(&url, "state"),
                encoded(&served.origin)
            );
            async move { get(&callback, "GET", None).await }
        })
        .await;
        assert_eq!(outcome.is_ok(), fits, "{nonce:?} {iss} {aud}");
        if let Err(failure) = outcome {
            assert_eq!(failure.exit, Exit::Refused);
            assert!(!failure.message.contains("new-access"));
        }
    }
}

#[tokio::test]
async fn a_gateway_cannot_send_people_to_sign_in_for_another_one() {
    let served = Served::start().await;
    assert_eq!(issuer::terms(&served.remote(), None).await.unwrap(), served.terms());
    let origin = served.origin.clone();
    let without = |name: &str| {
        let mut meta = served.meta(&origin);
        meta.as_object_mut().unwrap().remove(name);
        meta.to_string()
    };
    let plain =
        served.meta(&origin).to_string().replace(&format!("[\"{origin}\"]"), "[\"http://evil.example\"]");
    for (status, body, words) in [
        (200, served.meta("https://gw.example").to_string(), "says that it is https://gw.example"),
        (200, served.meta(&format!("{origin}/other")).to_string(), "says that it is"),
        (200, served.meta(&origin.replace("127.0.0.1", "localhost")).to_string(), "says that it is"),
        (200, without("hoopctl_login"), "no login for people"),
        (200, without("authorization_servers"), "not as a hoopctl admin API"),
        (200, plain, "cannot be used"),
        (200, "<html>".to_owned(), "not as a hoopctl admin API"),
        (404, "{}".to_owned(), "not as a hoopctl admin API"),
        (302, "{}".to_owned(), "not as a hoopctl admin API"),
        (200, format!("{}{}", " ".repeat(300 << 10), served.meta(&origin)), "longer than"),
    ] {
        served.queue(META, vec![(status, body)]);
        let failure = issuer::terms(&served.remote(), None).await.unwrap_err();
        assert!(failure.message.contains(words), "{words}: {}", failure.message);
    }
}

#[test]
fn an_issuer_speaks_of_itself_and_leads_nowhere_in_the_clear() {
    let document = |change: &dyn Fn(&mut Value)| {
        let mut value = json!({"issuer": "https://idp.example", "token_endpoint": "https://idp.example/token",
            "authorization_endpoint": "https://login.example/auth"});
        change(&mut value);
        issuer::endpoints(value.to_string().as_bytes(), "https://idp.example")
    };
    let found = document(&|_| {}).unwrap();
    assert_eq!(
        (found.authorization.as_deref(), found.tells_iss),
        (Some("https://login.example/auth"), false)
    );
    for (name, value) in [
        ("issuer", json!("https://idp.example/")),
        ("issuer", json!("https://evil.example")),
        ("issuer", json!(["https://idp.example"])),
        ("token_endpoint", json!("http://127.0.0.1:80/token")),
        ("token_endpoint", json!("http://idp.example/token")),
        ("token_endpoint", Value::Null),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("authorization_endpoint", json!("https://idp.example/auth#x")),
        ("device_authorization_endpoint", json!("http://[::1]/")),
        ("revocation_endpoint", json!("ftp://idp.example")),
    ] {
        assert!(document(&|document| document[name] = value.clone()).is_err(), "{name} {value}");
    }
    let twice =
        br#"{"issuer":"https://idp.example","token_endpoint":"https://a/","token_endpoint":"https://b/"}"#;
    assert!(issuer::endpoints(twice, "https://idp.example").is_err());
}

#[tokio::test]
async fn what_a_token_endpoint_says_is_read_strictly_and_no_redirect_is_followed() {
    for body in [
        json!({"access_token": "a", "token_type": "DPoP"}),
        json!({"access_token": "", "token_type": "Bearer"}),
        json!({"access_token": "a b", "token_type": "Bearer"}),
        json!({"access_token": "a\r\nX: y", "token_type": "Bearer"}),
        json!({"access_token": "a", "token_type": "Bearer", "refresh_token": "a\n"}),
        json!({"access_token": "a".repeat(65 << 10), "token_type": "Bearer"}),
        json!({"token_type": "Bearer"}),
    ] {
        assert!(issuer::Given::read(body.to_string().as_bytes()).is_err(), "{body}");
    }
    let served = Served::start().await;
    let url = format!("{}/token", served.origin);
    for (status, body, is_network) in [
        (302, "{}".to_owned(), false),
        (400, "{}".to_owned(), false),
        (404, "<html>".to_owned(), false),
        (200, "x".repeat(300 << 10), false),
        (503, json!({"error": "invalid_grant"}).to_string(), true),
        (429, "{}".to_owned(), true),
    ] {
        served.queue("/token", vec![(status, body)]);
        let unanswered = issuer::post(&url, &[("a", "b")], None).await.unwrap_err();
        assert_eq!(matches!(unanswered, issuer::Unanswered::Network(_)), is_network, "{status}");
    }
}

/// A file of tokens with one entry.
async fn kept(served: &Served, expires_ms: Option<i64>) -> (tempfile::TempDir, TokenFile) {
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::at(folder.path().join("hoopctl"));
    let held = file.hold().await.unwrap();
    held.change(|all| all.insert(served.origin.clone(), served.entry(expires_ms))).unwrap();
    drop(held);
    (folder, file)
}

fn person(served: &Served, file: &TokenFile) -> Arc<dyn Bearer> {
    bearer::person(served.remote(), file.clone()).unwrap()
}

fn left(served: &Served, file: &TokenFile) -> Option<Tokens> {
    file.read().unwrap().gateways.remove(&served.origin).unwrap().tokens
}

fn soon() -> i64 {
    output::now_ms() + 30_000
}

fn over() -> i64 {
    output::now_ms() - 1
}

#[tokio::test]
async fn two_processes_use_one_refresh_token_once() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, Some(soon())).await;
    *served.fake.slow.lock().unwrap() = Duration::from_millis(200);
    served.queue(
        "/token",
        vec![
            (200, tokens(None, &served.origin, &json!("cli")).to_string()),
            (400, json!({"error": "invalid_grant"}).to_string()),
        ],
    );
    let people = [person(&served, &file), person(&served, &file), person(&served, &file)];
    let [one, two, three] = &people;
    let (one, two, three) = tokio::join!(one.token(), two.token(), three.token());
    for token in [one, two, three] {
        assert_eq!(token.unwrap().expose(), b"new-access");
    }
    assert_eq!(served.asked("/token").len(), 1);
    assert!(served.asked("/token")[0].contains("refresh_token=old-refresh"));
    let now = left(&served, &file).unwrap();
    assert_eq!(now.refresh.unwrap().expose(), "new-refresh");
    // Fresh: nobody is asked.
    people[0].token().await.unwrap();
    assert_eq!(served.asked("/token").len(), 1);
}

#[tokio::test]
async fn who_stops_waiting_loses_no_refresh_token() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, Some(over())).await;
    *served.fake.slow.lock().unwrap() = Duration::from_millis(200);
    served.set("/token", 200, &tokens(None, &served.origin, &json!("cli")));
    let bearer = person(&served, &file);
    let waiting = tokio::time::timeout(Duration::from_millis(300), bearer.token()).await;
    assert!(waiting.is_err());
    assert_eq!(bearer.token().await.unwrap().expose(), b"new-access");
    assert_eq!(served.asked("/token").len(), 1);
}

#[tokio::test]
async fn a_login_that_the_issuer_ended_is_over_and_a_broken_network_ends_none() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, Some(over())).await;
    let bearer = person(&served, &file);
    for status in [500, 503, 429] {
        served.set("/token", status, &json!({"error": "invalid_grant"}));
        let error = bearer.token().await.unwrap_err();
        assert_eq!(error.exit_code, 7, "{error:?}");
    }
    for error in ["invalid_client", "unauthorized_client"] {
        served.set("/token", 400, &json!({"error": error}));
        assert_eq!(bearer.token().await.unwrap_err().exit_code, 4);
    }
    assert_eq!(left(&served, &file).unwrap().refresh.unwrap().expose(), "old-refresh");

    served.set("/token", 400, &json!({"error": "invalid_grant", "error_description": "used twice"}));
    let error = bearer.token().await.unwrap_err();
    assert_eq!(error.exit_code, 4);
    assert_eq!(error.hint, Some(format!("hoopctl login --url {}", served.origin)));
    assert_eq!(left(&served, &file), None);
    let asked = served.asked("/token").len();
    let error = bearer.token().await.unwrap_err();
    assert_eq!((error.exit_code, served.asked("/token").len()), (4, asked), "{error:?}");
    // Another process signs in.
    file.hold().await.unwrap().change(|all| all.insert(served.origin.clone(), served.entry(None))).unwrap();
    assert_eq!(bearer.token().await.unwrap().expose(), b"old-access");
}

#[tokio::test]
async fn the_last_minute_of_a_token_is_used_while_the_issuer_is_away() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, Some(soon())).await;
    served.set("/token", 503, &json!({}));
    assert_eq!(person(&served, &file).token().await.unwrap().expose(), b"old-access");
    served.set("/token", 400, &json!({"error": "invalid_grant"}));
    assert!(person(&served, &file).token().await.is_err());
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_one_that_was_renewed_meanwhile_is_used() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, None).await;
    served.set("/token", 200, &tokens(None, &served.origin, &json!("cli")));
    let bearer = person(&served, &file);
    let old = bearer.token().await.unwrap();
    let another = bearer.another(Arc::clone(&old)).await.unwrap().unwrap();
    assert_eq!(another.expose(), b"new-access");
    let again = person(&served, &file).another(old).await.unwrap().unwrap();
    assert_eq!((again.expose(), served.asked("/token").len()), (&b"new-access"[..], 1));
    // An issuer that gives no new refresh token lets the old one hold.
    served.set("/token", 200, &json!({"access_token": "third", "token_type": "bearer"}));
    assert_eq!(bearer.another(again).await.unwrap().unwrap().expose(), b"third");
    assert_eq!(left(&served, &file).unwrap().refresh.unwrap().expose(), "new-refresh");
    // Without a refresh token there is no other one.
    let mut entry = served.entry(None);
    entry.tokens.as_mut().unwrap().refresh = None;
    file.hold().await.unwrap().change(|all| all.insert(served.origin.clone(), entry)).unwrap();
    let token = bearer.token().await.unwrap();
    assert!(bearer.another(token).await.unwrap().is_none());
}

#[tokio::test]
async fn a_gateway_that_names_another_issuer_gets_no_refresh_token_sent_there() {
    let served = Served::start().await;
    for (name, value) in [
        ("authorization_servers", json!(["https://evil.example"])),
        ("hoopctl_login", json!({"client_id": "other", "scopes": ["openid", "use"]})),
        ("hoopctl_login", json!({"client_id": "cli", "scopes": ["openid", "use", "admin"]})),
    ] {
        let (_folder, file) = kept(&served, Some(over())).await;
        let mut meta = served.meta(&served.origin);
        meta[name] = value;
        served.set(META, 200, &meta);
        let error = person(&served, &file).token().await.unwrap_err();
        assert_eq!(error.exit_code, 4);
        assert!(error.message.contains("another issuer, client or scopes"), "{}", error.message);
        assert!(left(&served, &file).is_some());
    }
    assert_eq!(served.asked("/token").len(), 0);
}

#[tokio::test]
async fn a_device_waits_for_its_person() {
    for (error, wanted) in [
        ("authorization_pending", Next::Again),
        ("slow_down", Next::Slower),
        ("access_denied", Next::Over("it was declined there")),
        ("authorization_declined", Next::Over("it was declined there")),
        ("expired_token", Next::Over("the code has run out")),
        ("bad_verification_code", Next::Over("the issuer does not know the code any more")),
        ("invalid_client", Next::Other),
    ] {
        assert_eq!(device::next(error), wanted, "{error}");
    }
    let served = Served::start().await;
    let issuer = served.issuer().await;
    // As Entra has it: no verification_uri_complete.
    let offer = json!({"device_code": "dc", "user_code": "AB-12", "verification_uri": "https://idp.example/device",
        "expires_in": 60, "interval": 0});
    served.set("/device", 200, &offer);
    let pending = (400, json!({"error": "authorization_pending"}).to_string());
    served.queue(
        "/token",
        vec![
            pending.clone(),
            (503, String::new()),
            (200, tokens(None, &served.origin, &json!("cli")).to_string()),
        ],
    );
    let mut told = Vec::new();
    let found = device::sign_in(&issuer, |prompt| told = code_lines(prompt)).await.unwrap();
    assert_eq!(found.access.expose(), "new-access");
    assert_eq!(told.len(), 3);
    assert!(told[1] == "https://idp.example/device" && told[2].ends_with("AB-12"), "{told:?}");
    assert_eq!(served.asked("/token").len(), 3);
    assert!(served.asked("/token")[0].contains("device_code=dc"));

    served.queue("/token", vec![(400, json!({"error": "authorization_declined"}).to_string())]);
    let failure = device::sign_in(&issuer, |_| {}).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Refused);
    let short = json!({"device_code": "dc", "user_code": "AB-12", "verification_uri": "https://idp.example/device",
        "expires_in": 1, "interval": 1});
    served.set("/device", 200, &short);
    served.queue("/token", vec![pending]);
    let failure = device::sign_in(&issuer, |_| {}).await.unwrap_err();
    assert!(failure.message.contains("ran out"), "{}", failure.message);
    for (name, value) in [
        ("verification_uri", json!("http://evil.example")),
        ("user_code", json!("")),
        ("device_code", json!(1)),
    ] {
        let mut wrong = offer.clone();
        wrong[name] = value;
        served.set("/device", 200, &wrong);
        let shown = device::sign_in(&issuer, |_| panic!("nothing is shown")).await;
        assert!(shown.is_err(), "{name}");
    }
}

#[tokio::test]
async fn tokens_are_kept_for_their_owner_only() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, None).await;
    let path = file.path();
    let folder = path.parent().unwrap();
    let mode = |path: &std::path::Path| std::fs::symlink_metadata(path).unwrap().mode() & 0o7777;
    assert_eq!((mode(&path), mode(folder)), (0o600, 0o700));
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    // What others can only look into is closed to them at the next change.
    let set = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(folder, 0o755);
    file.hold().await.unwrap().change(|_| ()).unwrap();
    assert_eq!(mode(folder), 0o700);
    for bad in [0o644, 0o640, 0o604, 0o620, 0o660] {
        set(&path, bad);
        let error = file.read().unwrap_err();
        assert!(matches!(error, KeepError::Unsafe { .. }), "{bad:o} {error}");
        assert!(matches!(file.hold().await.unwrap().change(|_| ()), Err(KeepError::Unsafe { .. })));
    }
    set(&path, 0o600);
    for bad in [0o777, 0o770, 0o720, 0o702] {
        set(folder, bad);
        assert!(matches!(file.read(), Err(KeepError::Unsafe { .. })), "{bad:o}");
    }
    set(folder, 0o700);
    assert!(file.read().is_ok());
    let shown = format!("{:?}", file.read().unwrap());
    assert!(!shown.contains("old-access") && !shown.contains("old-refresh"), "{shown}");

    let elsewhere = folder.join("elsewhere.json");
    std::fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let error = file.read().unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
    assert!(file.hold().await.unwrap().change(|_| ()).is_err(), "and nothing is put in its place");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    set(&path, 0o700);
    assert!(file.read().is_err());
    std::fs::remove_dir(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert!(file.read().is_err(), "and it does not wait");
    std::fs::remove_file(&path).unwrap();
    for text in ["", "{", "{\"version\":2,\"gateways\":{}}", "[]"] {
        std::fs::write(&path, text).unwrap();
        set(&path, 0o600);
        assert!(matches!(file.read(), Err(KeepError::Unreadable { .. })), "{text}");
    }
}

#[tokio::test]
async fn signing_out_revokes_and_forgets_even_where_the_issuer_is_away() {
    let served = Served::start().await;
    let terminal = Terminal { quiet: true, ..Terminal::new(output::Format::Table, true) };
    for status in [200, 503, 400] {
        let (_folder, file) = kept(&served, None).await;
        served.set("/revoke", status, &json!({"error": "unsupported_token_type"}));
        sign_out(terminal, &file, &served.origin).await.unwrap();
        assert!(file.read().unwrap().gateways.is_empty(), "{status}");
    }
    let forms = served.asked("/revoke");
    assert_eq!(forms.len(), 3);
    assert_eq!(forms[0], "token=old-refresh&token_type_hint=refresh_token&client_id=cli");
}

#[test]
fn a_token_of_the_environment_is_taken_as_it_is_or_refused() {
    assert_eq!(Fixed::new(Some(" e30.e30.c2ln\n")).map(|_| ()), Ok(()));
    let long = "a".repeat(65 << 10);
    for text in [None, Some(" "), Some("Bearer x"), Some("a\nb"), Some("caf\u{e9}"), Some(&*long)] {
        let failure = Fixed::new(text).err().unwrap();
        assert_eq!(failure.exit, Exit::Refused);
        assert!(!failure.message.contains("caf"));
    }
}

#[test]
fn a_person_confirms_what_is_new_and_nothing_twice() {
    let terms = |issuer: &str, scope: &str| Terms {
        issuer: issuer.to_owned(),
        client_id: "cli".to_owned(),
        scopes: vec![scope.to_owned()],
    };
    let terminal = Terminal { dialog: false, ..Terminal::new(output::Format::Table, true) };
    let own = terms("https://idp.example", "use");
    let asked =
        |confirmed: Option<&Terms>, yes| confirm(terminal, yes, "https://gw.example", &own, confirmed);
    assert_eq!(asked(None, false).unwrap_err().exit, Exit::Usage);
    assert_eq!(asked(None, true), Ok(()));
    assert_eq!(asked(Some(&own), false), Ok(()));
    for other in [terms("https://idp.example", "more"), terms("https://evil.example", "use")] {
        assert_eq!(asked(Some(&other), false).unwrap_err().exit, Exit::Usage);
    }
}
