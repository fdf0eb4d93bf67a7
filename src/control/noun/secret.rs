//! Secrets in the gateway's own store: they can be set but never read back.

use std::fmt;

use http::Method;
use serde::Deserialize;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::control::Answer;
use crate::control::Backend;
use crate::control::Client;
use crate::control::call::Call;
use crate::control::call::Reply;
use crate::control::error::ApiError;
use crate::control::noun::List;
use crate::domain::percent;

/// One secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretEntry {
    /// Its name, as in `store:NAME`.
    pub name: String,
    /// When it was last set, in milliseconds since 1970.
    pub updated_ms: i64,
    /// The actor who last set it.
    pub actor: String,
    /// The connections that use it, by name.
    pub used_by: Vec<String>,
    /// Why it does not open, so that it has to be set again; `None`: it does, or the key is not at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
}

/// A value on its way into the store. It cannot be printed, and is wiped on drop.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretValue {
    #[serde(serialize_with = "write_text", deserialize_with = "read_text")]
    value: Zeroizing<String>,
}

fn write_text<S: serde::Serializer>(value: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value)
}

fn read_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

impl SecretValue {
    /// Takes ownership of the text.
    pub const fn new(value: Zeroizing<String>) -> Self {
        Self { value }
    }

    /// Returns the bytes themselves. Only code that seals or sends them calls this.
    pub fn expose(&self) -> &[u8] {
        self.value.as_bytes()
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(..)")
    }
}

/// Operations on secrets.
pub trait Secrets {
    /// Lists all secrets, by name.
    fn secrets(&self) -> Answer<'_, List<SecretEntry>>;
    /// Sets a secret, new or existing; it is used from the next command on.
    fn set_secret(&self, name: String, value: SecretValue) -> Answer<'_, SecretEntry>;
    /// Removes a secret. One that a connection uses is a `conflict`.
    fn remove_secret(&self, name: String) -> Answer<'_, SecretEntry>;
}

impl Secrets for Client {
    fn secrets(&self) -> Answer<'_, List<SecretEntry>> {
        self.call(Method::GET, "secrets".to_owned())
    }

    fn set_secret(&self, name: String, value: SecretValue) -> Answer<'_, SecretEntry> {
        self.call_with(Method::PUT, format!("secrets/{}", percent::encoded(&name)), &value)
    }

    fn remove_secret(&self, name: String) -> Answer<'_, SecretEntry> {
        self.call(Method::DELETE, format!("secrets/{}", percent::encoded(&name)))
    }
}

/// The paths and what each takes.
pub(super) const ROUTES: &[(&str, &str)] = &[("secrets", "GET"), ("secrets/*", "DELETE, PUT")];

/// Returns the routes below `/v1/secrets`.
///
/// # Errors
/// The backend's errors, `not_found` for other paths, and 405 for other methods.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    call.no_parameters()?;
    match (&call.method, call.path().as_slice()) {
        (&Method::GET, ["secrets"]) => Reply::json(&backend.secrets().await?),
        (&Method::PUT, ["secrets", name]) => {
            Reply::json(&backend.set_secret((*name).to_owned(), call.json()?).await?)
        }
        (&Method::DELETE, ["secrets", name]) => {
            Reply::json(&backend.remove_secret((*name).to_owned()).await?)
        }
        _ => Err(call.unknown_among(ROUTES)),
    }
}
