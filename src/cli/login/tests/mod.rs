//! Signing in at misbehaving issuers and gateways, and protecting tokens from others.

mod by_browser;
mod by_code;
mod confirming;
mod keeping;
mod renewing;
mod words;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

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

use super::tokens::Hidden;
use super::*;

const META: &str = "/.well-known/oauth-protected-resource";
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// A gateway and an issuer in one: its answers by path, and the requests it received.
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

    /// Answers in this order; the last one repeats.
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
        let resource = match endpoints.listed(&self.origin) {
            Listed::As(name) => Some(name),
            Listed::Not | Listed::Unsaid => None,
        };
        Issuer { terms: self.terms(), endpoints, resource, ca_file: None }
    }

    fn entry(&self, expires_ms: Option<i64>) -> Entry {
        Entry {
            terms: self.terms(),
            token_endpoint: format!("{}/token", self.origin),
            revocation_endpoint: Some(format!("{}/revoke", self.origin)),
            resource: None,
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
    let claims = json!({"iss": iss, "aud": aud, "nonce": nonce, "exp": crate::domain::now_ms() / 1000 + 60});
    let id_token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
    json!({"access_token": "new-access", "token_type": "Bearer", "expires_in": 300, "refresh_token": "new-refresh",
        "id_token": id_token})
}

/// Returns what a browser receives.
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

/// Returns a parameter of the printed address.
fn parameter(url: &str, name: &str) -> String {
    let query = url.split_once('?').unwrap().1;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap();
    value.replace("%3A", ":").replace("%2F", "/").replace("%20", " ")
}

fn encoded(text: &str) -> String {
    crate::domain::percent::encoded(text)
}

/// Returns a file of tokens with one entry.
async fn kept(served: &Served, expires_ms: Option<i64>) -> (tempfile::TempDir, TokenFile) {
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::at(folder.path().join("hoopctl"));
    let held = file.hold().await.unwrap();
    held.change(|all| all.insert(served.origin.clone(), served.entry(expires_ms))).unwrap();
    drop(held);
    (folder, file)
}
