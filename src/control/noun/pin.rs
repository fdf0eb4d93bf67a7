//! Pins: an MCP server's definitions of what it offers, compared with the accepted ones.

use http::Method;
use serde::Deserialize;
use serde::Serialize;

use crate::control::Answer;
use crate::control::Backend;
use crate::control::Client;
use crate::control::call::Call;
use crate::control::call::Reply;
use crate::control::call::query_of;
use crate::control::error::ApiError;
use crate::control::noun::List;
use crate::domain::percent;
use crate::domain::pin::Pin;
use crate::domain::pin::PinChange;
use crate::domain::pin::PinFlag;
use crate::domain::pin::PinKind;
use crate::domain::pin::PinState;

/// Maximum number of pins that one call accepts or forgets.
pub const MAX_ACCEPT: usize = 1000;

/// The current state of one pin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinView {
    /// The connection.
    pub connection: String,
    /// The kind of the pinned item.
    pub kind: PinKind,
    /// Its name, as the server wrote it.
    pub name: String,
    /// Its state.
    pub state: PinState,
    /// The fingerprint of the server's latest definition, 64 hexadecimal digits.
    pub digest: String,
    /// The fingerprint of the accepted definition.
    pub accepted: String,
    /// When that was accepted or first seen, in milliseconds since 1970.
    pub accepted_ms: i64,
    /// The actor who accepted it; `null` for the first definition seen.
    pub accepted_by: Option<String>,
    /// When the server changed the definition, in milliseconds since 1970.
    pub changed_ms: Option<i64>,
    /// How the latest definition differs, masked, with all stored text.
    pub changes: Vec<PinChange>,
    /// The members of the latest definition, masked, if nobody has accepted any of it: for new and flagged
    /// pins. For others only if they are requested by name and have not changed.
    #[serde(default)]
    pub members: Vec<PinText>,
    /// The members to be reviewed of which not all text is stored.
    #[serde(default)]
    pub unseen: Vec<String>,
    /// What to review in the latest definition.
    pub flags: Vec<PinFlag>,
}

/// One member of a server's definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinText {
    /// Its name, such as `description`.
    pub member: String,
    /// Its text, masked; a string without its quotes, anything else as canonical JSON.
    pub text: String,
    /// Whether the stored text is truncated.
    pub cut: bool,
}

impl From<&Pin> for PinView {
    fn from(pin: &Pin) -> Self {
        Self::new(pin, false)
    }
}

impl PinView {
    /// Bytes of text in it.
    pub fn text_bytes(&self) -> usize {
        let changes = self.changes.iter().flat_map(|change| change.before.iter().chain(&change.after));
        changes.chain(self.members.iter().map(|member| &member.text)).map(String::len).sum()
    }

    /// Returns whether it is to be reviewed before it is accepted: nobody has accepted what is seen now.
    pub fn needs_review(&self) -> bool {
        self.state != PinState::Pinned || self.accepted_by.is_none()
    }

    /// Returns the view of a pin; `named`: it was requested by name.
    pub fn new(pin: &Pin, named: bool) -> Self {
        let members = pin.seen().members.iter().map(|member| PinText {
            member: member.name.clone(),
            text: member.text.clone(),
            cut: member.cut,
        });
        let unaccepted = named || pin.accepted_by.is_none();
        let shown = pin.is_unread() || (unaccepted && pin.current.is_none());
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
            changes: pin.whole_changes(),
            members: if shown { members.collect() } else { Vec::new() },
            unseen: pin.unseen(),
            flags: pin.seen().flags.clone(),
        }
    }
}

/// One pin to accept, as it was reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinRef {
    /// The kind of the pinned item.
    pub kind: PinKind,
    /// Its name.
    pub name: String,
    /// [`PinView::digest`] as it was reviewed; any other one is not accepted.
    pub digest: String,
}

/// The pins to accept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptPins {
    /// The pins, 1 to [`MAX_ACCEPT`].
    pub pins: Vec<PinRef>,
}

/// Selects pins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PinFilter {
    /// Only pins of this name, or `KIND:NAME`.
    pub name: Option<String>,
}

impl PinFilter {
    /// Returns whether a pin is selected.
    pub fn shows(&self, pin: &Pin) -> bool {
        self.name.as_ref().is_none_or(|wanted| {
            *wanted == pin.name
                || wanted
                    .split_once(':')
                    .is_some_and(|(kind, name)| kind == pin.kind.as_str() && name == pin.name)
        })
    }
}

/// One pin to forget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinName {
    /// The kind of the pinned item.
    pub kind: PinKind,
    /// Its name.
    pub name: String,
}

/// The pins to forget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgetPins {
    /// The pins, 1 to [`MAX_ACCEPT`].
    pub pins: Vec<PinName>,
}

/// Operations on pins.
pub trait Pins {
    /// Lists the selected pins of a connection: changed ones first, then flagged, new and all others, each by
    /// kind and name. At most 1000, and fewer if their texts are long.
    fn pins(&self, connection: String, filter: PinFilter) -> Answer<'_, List<PinView>>;
    /// Accepts the latest definitions, all of these or none; in force before the answer. A definition that
    /// changed since it was reviewed is a `conflict`.
    fn accept_pins(&self, connection: String, accept: AcceptPins) -> Answer<'_, List<PinView>>;
    /// Forgets pins, all of these or none: if the server lists them again they are new. Returns what they
    /// were.
    fn forget_pins(&self, connection: String, forget: ForgetPins) -> Answer<'_, List<PinView>>;
}

impl Pins for Client {
    fn pins(&self, connection: String, filter: PinFilter) -> Answer<'_, List<PinView>> {
        self.call(Method::GET, format!("pins/{}{}", percent::encoded(&connection), query_of(&filter)))
    }

    fn accept_pins(&self, connection: String, accept: AcceptPins) -> Answer<'_, List<PinView>> {
        self.call_with(Method::POST, format!("pins/{}/accept", percent::encoded(&connection)), &accept)
    }

    fn forget_pins(&self, connection: String, forget: ForgetPins) -> Answer<'_, List<PinView>> {
        self.call_with(Method::POST, format!("pins/{}/forget", percent::encoded(&connection)), &forget)
    }
}

/// The paths and what each takes.
pub(super) const ROUTES: &[(&str, &str)] =
    &[("pins/*", "GET"), ("pins/*/accept", "POST"), ("pins/*/forget", "POST")];

/// Returns the routes below `/v1/pins`.
///
/// # Errors
/// The backend's errors, `not_found` for other paths, and 405 for other methods.
pub async fn route(call: &Call, backend: &dyn Backend) -> Result<Reply, ApiError> {
    match (&call.method, call.path().as_slice()) {
        (&Method::GET, ["pins", connection]) => {
            Reply::json(&backend.pins((*connection).to_owned(), call.parameters()?).await?)
        }
        (&Method::POST, ["pins", connection, "accept"]) => {
            call.no_parameters()?;
            Reply::json(&backend.accept_pins((*connection).to_owned(), call.json()?).await?)
        }
        (&Method::POST, ["pins", connection, "forget"]) => {
            call.no_parameters()?;
            Reply::json(&backend.forget_pins((*connection).to_owned(), call.json()?).await?)
        }
        _ => Err(call.unknown_among(ROUTES)),
    }
}
