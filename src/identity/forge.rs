//! Test support: keys, tokens with any content, and an issuer without a network.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use aws_lc_rs::signature::RsaKeyPair;
use aws_lc_rs::signature::RsaPublicKeyComponents;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;
use zeroize::Zeroizing;

use crate::domain::now_ms;
use crate::identity::discovery::Fetch;
use crate::identity::discovery::Fetching;
use crate::identity::discovery::Posting;
use crate::identity::issuers::Issuers;
use crate::identity::keeper::KeyKeeper;
use crate::identity::keeper::NoKeeper;
use crate::identity::settings::IssuerSettings;
use crate::identity::settings::Profile;
use crate::transport::fetch::Answer;
use crate::transport::fetch::FetchError;

pub(crate) const ISS: &str = "https://idp.example";
pub(crate) const OTHER_ISS: &str = "https://other.example/";
pub(crate) const TENANT: &str = "11111111-2222-3333-4444-5555555555ff";
pub(crate) const OID: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
pub(crate) const AUD: &str = "api://hoopctl";

pub(crate) fn entra_iss() -> String {
    format!("https://login.microsoftonline.com/{TENANT}/v2.0")
}

pub(crate) fn entra_v1_iss() -> String {
    format!("https://sts.windows.net/{TENANT}/")
}

/// A private key. Clones share it.
#[derive(Clone)]
pub(crate) enum Pair {
    Ec(Arc<EcdsaKeyPair>),
    Ed(Arc<Ed25519KeyPair>),
    Rsa(Arc<RsaKeyPair>),
}

impl Pair {
    /// Returns one of two RSA keys, which are generated once because that is slow.
    pub(crate) fn rsa(which: usize) -> Self {
        static KEYS: [OnceLock<Arc<RsaKeyPair>>; 2] = [const { OnceLock::new() }; 2];
        let make = || Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
        Self::Rsa(Arc::clone(KEYS[which].get_or_init(make)))
    }

    pub(crate) fn ec() -> Self {
        Self::Ec(Arc::new(EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
    }

    pub(crate) fn ed() -> Self {
        Self::Ed(Arc::new(Ed25519KeyPair::generate().unwrap()))
    }

    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty":"EC","crv":"P-256","kid":kid,"x":text(&point[1..33]),"y":text(&point[33..])})
            }
            Self::Ed(pair) => {
                json!({"kty":"OKP","crv":"Ed25519","kid":kid,"x":text(pair.public_key().as_ref())})
            }
            Self::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty":"RSA","kid":kid,"use":"sig","n":text(&public.n),"e":text(&public.e)})
            }
        }
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ec(_) => "ES256",
            Self::Ed(_) => "EdDSA",
            Self::Rsa(_) => "RS256",
        }
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ec(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rsa(pair) => rsa_signature(pair, &signature::RSA_PKCS1_SHA256, message),
        }
    }

    /// Signs a token with exactly this header and payload.
    pub(crate) fn sign(&self, header: &str, payload: &str) -> String {
        let message = message(header, payload);
        let signature = self.signature(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Signs a token with a plain header.
    pub(crate) fn token(&self, kid: &str, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm(), "typ": "JWT", "kid": kid});
        self.sign(&header.to_string(), &claims.to_string())
    }
}

pub(crate) fn rsa_signature(
    pair: &RsaKeyPair,
    padding: &'static dyn signature::RsaEncoding,
    message: &[u8],
) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

pub(crate) fn message(header: &str, payload: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

pub(crate) fn now_s() -> i64 {
    now_ms() / 1000
}

/// Returns the claims of a person that the generic issuer accepts.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISS, "aud": AUD, "sub": "alice", "azp": "cli", "iat": now_s(), "nbf": now_s(), "exp": now_s() + 600,
        "groups": ["dba"], "jti": "j1",
    })
}

/// Returns the claims of an app with a role that the Entra issuer accepts.
pub(crate) fn entra_claims() -> Value {
    json!({
        "iss": entra_iss(), "aud": AUD, "sub": OID, "oid": OID, "tid": TENANT, "ver": "2.0", "azp": "billing",
        "idtyp": "app", "roles": ["Task.Read"], "uti": "u1", "iat": now_s(), "nbf": now_s(), "exp": now_s() + 600,
    })
}

/// Sets members of an object; `null` removes one.
#[expect(clippy::needless_pass_by_value, reason = "tables of changes are easier to read without references")]
pub(crate) fn with(mut claims: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// Issuers without a network: documents by URL, and a list of all calls.
#[derive(Clone, Default)]
pub(crate) struct Provider(Arc<ProviderState>);

#[derive(Default)]
struct ProviderState {
    documents: Mutex<HashMap<String, Vec<u8>>>,
    calls: Mutex<Vec<String>>,
    delay: Mutex<Duration>,
}

impl Provider {
    pub(crate) fn publish(&self, url: &str, document: &Value) {
        self.0.documents.lock().unwrap().insert(url.to_owned(), document.to_string().into_bytes());
    }

    /// Publishes discovery document and keys of an issuer at the usual locations.
    pub(crate) fn issue(&self, iss: &str, keys: &[Value]) {
        let base = iss.trim_end_matches('/');
        let uri = format!("{base}/keys");
        self.publish(
            &format!("{base}/.well-known/openid-configuration"),
            &json!({"issuer": iss, "jwks_uri": uri}),
        );
        self.publish(&uri, &json!({ "keys": keys }));
    }

    /// Makes every fetch fail from now on.
    pub(crate) fn fail(&self) {
        self.0.documents.lock().unwrap().clear();
    }

    pub(crate) fn slow(&self, delay: Duration) {
        *self.0.delay.lock().unwrap() = delay;
    }

    /// Returns how often a document with this end of its URL was fetched.
    pub(crate) fn calls(&self, end: &str) -> usize {
        self.0.calls.lock().unwrap().iter().filter(|url| url.ends_with(end)).count()
    }

    /// Returns the forms that were sent, each with its URL.
    pub(crate) fn forms(&self) -> Vec<String> {
        self.0.calls.lock().unwrap().iter().filter(|call| call.starts_with("POST ")).cloned().collect()
    }

    pub(crate) fn issuers(&self, settings: Vec<IssuerSettings>) -> Issuers {
        self.issuers_with(settings, Arc::new(NoKeeper))
    }

    pub(crate) fn issuers_with(&self, settings: Vec<IssuerSettings>, keeper: Arc<dyn KeyKeeper>) -> Issuers {
        Issuers::with_fetch(settings, keeper, |_| Ok(Box::new(self.clone()))).unwrap()
    }
}

impl Fetch for Provider {
    fn get<'a>(&'a self, url: &'a str) -> Fetching<'a> {
        Box::pin(async move {
            self.0.calls.lock().unwrap().push(url.to_owned());
            let delay = *self.0.delay.lock().unwrap();
            tokio::time::sleep(delay).await;
            self.0.documents.lock().unwrap().get(url).cloned().ok_or(FetchError::Status(500))
        })
    }

    /// Answers with the document published there, and adds the form to the calls.
    fn post<'a>(&'a self, url: &'a str, form: Zeroizing<Vec<u8>>) -> Posting<'a> {
        Box::pin(async move {
            let form = String::from_utf8(form.to_vec()).unwrap();
            self.0.calls.lock().unwrap().push(format!("POST {url} {form}"));
            let delay = *self.0.delay.lock().unwrap();
            tokio::time::sleep(delay).await;
            let body = self.0.documents.lock().unwrap().get(url).cloned();
            let body = body.ok_or(FetchError::Status(500))?;
            let status = if body.starts_with(b"{\"error\"") { 400 } else { 200 };
            let media_type = "application/json".to_owned();
            Ok(Answer { status: http::StatusCode::from_u16(status).unwrap(), media_type, body })
        })
    }
}

pub(crate) fn generic() -> IssuerSettings {
    IssuerSettings::new("idp", ISS, Profile::Generic, vec![AUD.to_owned()])
}

pub(crate) fn entra() -> IssuerSettings {
    IssuerSettings::new("entra", entra_iss(), Profile::Entra, vec![AUD.to_owned()])
}
