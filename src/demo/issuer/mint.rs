//! Tokens of the development issuer, valid and invalid.

use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::demo::issuer::DevIssuerError;
use crate::demo::issuer::key::SigningKey;
use crate::domain::Kind;

pub const MAX_LIFETIME_S: u64 = 86_400;
/// The tenant in all tokens; no real tenant has this id.
const TENANT: &str = "00000000-0000-4000-8000-000000000000";

/// A way in which a token is to be bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Expired an hour ago.
    Expired,
    /// Groups left out, as Entra does above 200.
    Overage,
    /// `alg` is `none` and there is no signature.
    Unsigned,
    /// Meant for somebody else.
    WrongAudience,
    /// Signed by another key under the same id.
    WrongKey,
}

/// A request for a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MintRequest {
    /// The subject: `sub`.
    pub subject: String,
    /// The groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The kind of principal; default human.
    #[serde(default = "human")]
    pub kind: Kind,
    /// The client; default the subject itself for apps and agents, `hoopctl-dev` for humans.
    #[serde(default)]
    pub client: Option<String>,
    /// A display name.
    #[serde(default)]
    pub name: Option<String>,
    /// Lifetime in seconds, at most a day; default an hour.
    #[serde(default = "one_hour")]
    pub lifetime_s: u64,
    /// The audience; default the issuer's.
    #[serde(default)]
    pub audience: Option<String>,
    /// The fault of the token.
    #[serde(default)]
    pub fault: Option<Fault>,
}

const fn human() -> Kind {
    Kind::Human
}

const fn one_hour() -> u64 {
    3600
}

impl MintRequest {
    /// Creates a request for a human without groups, with a lifetime of one hour.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            groups: Vec::new(),
            roles: Vec::new(),
            kind: human(),
            client: None,
            name: None,
            lifetime_s: one_hour(),
            audience: None,
            fault: None,
        }
    }

    /// Checks the request.
    ///
    /// # Errors
    /// [`DevIssuerError::Request`] if the subject is empty or the lifetime is out of bounds.
    pub(super) fn check(&self) -> Result<(), DevIssuerError> {
        if self.subject.is_empty() {
            return Err(DevIssuerError::Request("names no subject"));
        }
        if self.lifetime_s == 0 || self.lifetime_s > MAX_LIFETIME_S {
            return Err(DevIssuerError::Request("wants a lifetime that is not 1 to 86400 seconds"));
        }
        Ok(())
    }
}

/// The issuer's parameters for tokens.
pub(super) struct Minter<'a> {
    pub(super) url: &'a str,
    pub(super) audience: &'a str,
    pub(super) key: &'a SigningKey,
}

impl Minter<'_> {
    /// Issues a token.
    pub(super) fn mint(&self, request: &MintRequest) -> Result<String, DevIssuerError> {
        request.check()?;
        let unsigned = request.fault == Some(Fault::Unsigned);
        let algorithm = if unsigned { "none" } else { "ES256" };
        let header = json!({ "typ": "JWT", "alg": algorithm, "kid": self.key.kid });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(&header), encode(&claims(self, request)));
        let signature = match request.fault {
            Some(Fault::Unsigned) => String::new(),
            Some(Fault::WrongKey) => SigningKey::new()?.sign(&message)?,
            _ => self.key.sign(&message)?,
        };
        Ok(format!("{message}.{signature}"))
    }
}

/// Returns the claims, in the form of an Entra v2 token.
fn claims(minter: &Minter<'_>, request: &MintRequest) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (start, end) = match request.fault {
        Some(Fault::Expired) => (now.saturating_sub(7200), now.saturating_sub(3600)),
        _ => (now, now + request.lifetime_s),
    };
    let audience = match request.fault {
        Some(Fault::WrongAudience) => "api://somebody-else",
        _ => request.audience.as_deref().unwrap_or(minter.audience),
    };
    let person = request.kind == Kind::Human;
    let client = match &request.client {
        Some(client) => client.as_str(),
        None if person => "hoopctl-dev",
        None => &request.subject,
    };
    let mut claims = json!({
        "iss": minter.url, "aud": audience, "iat": start, "nbf": start, "exp": end, "sub": request.subject,
        "oid": guid(&request.subject), "tid": TENANT, "ver": "2.0", "azp": client,
        "idtyp": if person { "user" } else { "app" },
        "uti": format!("{:032x}", rand::random::<u128>()),
    });
    let Some(members) = claims.as_object_mut() else { return claims };
    let mut set = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    if person {
        set("scp", "access".into());
    }
    if request.kind == Kind::Agent {
        set("xms_act_fct", "11".into());
        set("xms_sub_fct", "11".into());
    }
    if let Some(name) = &request.name {
        set("name", name.as_str().into());
    }
    if !request.roles.is_empty() {
        set("roles", json!(request.roles));
    }
    if request.fault == Some(Fault::Overage) {
        set("_claim_names", json!({ "groups": "src1" }));
        set("_claim_sources", json!({ "src1": { "endpoint": "http://127.0.0.1:1/never-called" } }));
    } else {
        set("groups", json!(request.groups));
    }
    claims
}

/// Derives a stable GUID from a subject.
fn guid(subject: &str) -> String {
    let hash = digest::digest(&digest::SHA256, subject.as_bytes());
    let hex = crate::domain::hex::encode(hash.as_ref());
    let part = |from, to| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}
