//! Pins: what MCP servers say of what they offer, held against what was accepted of it.

use http::Method;
use serde::Deserialize;
use serde::Serialize;

use crate::control::Answer;
use crate::control::Backend;
use crate::control::Client;
use crate::control::call::Call;
use crate::control::call::Reply;
use crate::control::call::percent_encode;
use crate::control::error::ApiError;
use crate::control::noun::List;
use crate::domain::pin::Pin;
use crate::domain::pin::PinChange;
use crate::domain::pin::PinFlag;
use crate::domain::pin::PinKind;
use crate::domain::pin::PinState;

/// The most pins that one call accepts.
pub const MAX_ACCEPT: usize = 1000;

/// One pin, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinView {
    /// The connection.
    pub connection: String,
    /// What is pinned.
    pub kind: PinKind,
    /// Its name, as the server wrote it.
    pub name: String,
    /// How it stands.
    pub state: PinState,
    /// The fingerprint of what the server said last, 64 hexadecimal digits.
    pub digest: String,
    /// The fingerprint of what is accepted.
    pub accepted: String,
    /// When that was accepted or first seen, in milliseconds since 1970.
    pub accepted_ms: i64,
    /// Who accepted it; `null`: it is what was seen first.
    pub accepted_by: Option<String>,
    /// Since when the server says another thing, in milliseconds since 1970.
    pub changed_ms: Option<i64>,
    /// How what the server said last differs, masked.
    pub changes: Vec<PinChange>,
    /// What to look at in what the server said last.
    pub flags: Vec<PinFlag>,
}

impl From<&Pin> for PinView {
    fn from(pin: &Pin) -> Self {
        Self {
            connection: pin.connection.as_str().to_owned(),
            kind: pin.kind,
            name: pin.name.clone(),
            state: pin.state(),
            digest: pin.seen().digest.clone(),
            accepted: pin.accepted.digest.clone(),
            accepted_ms: pin.accepted_ms,
            accepted_by: pin.accepted_by.clone(),
            changed_ms: pin.changed_ms,
            changes: pin.changes(),
            flags: pin.seen().flags.clone(),
        }
    }
}

/// One pin that is to be accepted, as it was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinRef {
    /// What is pinned.
    pub kind: PinKind,
    /// Its name.
    pub name: String,
    /// [`PinView::digest`] as it was looked at: another one is not accepted.
    pub digest: String,
}

/// What is to be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptPins {
    /// The pins, 1 to [`MAX_ACCEPT`].
    pub pins: Vec<PinRef>,
}

/// What can be done with pins.
pub trait Pins {
    /// Those of a connection: changed ones first, then flagged, new and all others, each by kind and name. At most 1000.
    fn pins(&self, connection: String) -> Answer<'_, List<PinView>>;
    /// Accepts what the server said last, all of these or none; it holds before the answer. One of which the server has said another
    /// thing since it was looked at is a `conflict`.
    fn accept_pins(&self, connection: String, accept: AcceptPins) -> Answer<'_, List<PinView>>;
}

impl Pins for Client {
    fn pins(&self, connection: String) -> Answer<'_, List<PinView>> {
        self.call(Method::GET, format!("pins/{}", percent_encode(&connection)))
    }

    fn accept_pins(&self, connection: String, accept: AcceptPins) -> Answer<'_, List<PinView>> {
        self.call_with(Method::POST, format!("pins/{}/accept", percent_encode(&connection)), &accept)
    }
}

/// The routes below `/v1/pins`.
///
/// # Errors
/// What the backend says, and `not_found` for other paths.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    call.no_parameters()?;
    match (&call.method, call.path().as_slice()) {
        (&Method::GET, ["pins", connection]) => Reply::json(&backend.pins((*connection).to_owned()).await?),
        (&Method::POST, ["pins", connection, "accept"]) => {
            Reply::json(&backend.accept_pins((*connection).to_owned(), call.json()?).await?)
        }
        _ => Err(call.unknown()),
    }
}
