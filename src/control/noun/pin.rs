//! Pins: what MCP servers say of what they offer, held against what was accepted of it.

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

/// The most pins that one call accepts or forgets.
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
    /// How what the server said last differs, masked, with all text that is kept.
    pub changes: Vec<PinChange>,
    /// What the server said last, masked, where nobody has accepted any of it: of what is new or flagged. Of others only where they are
    /// asked for by name and have not changed.
    #[serde(default)]
    pub members: Vec<PinText>,
    /// The members that are to be looked at and of which not all text is kept.
    #[serde(default)]
    pub unseen: Vec<String>,
    /// What to look at in what the server said last.
    pub flags: Vec<PinFlag>,
}

/// One member of what a server said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinText {
    /// Its name, such as `description`.
    pub member: String,
    /// Its text, masked; a string without its quotes, anything else as canonical JSON.
    pub text: String,
    /// Whether not all of it is kept.
    pub cut: bool,
}

impl From<&Pin> for PinView {
    fn from(pin: &Pin) -> Self {
        Self::new(pin, false)
    }
}

impl PinView {
    /// How many bytes of text it has.
    pub fn text_bytes(&self) -> usize {
        let changes = self.changes.iter().flat_map(|change| change.before.iter().chain(&change.after));
        changes.chain(self.members.iter().map(|member| &member.text)).map(String::len).sum()
    }

    /// A pin as it stands; `named`: it was asked for by its name.
    pub fn new(pin: &Pin, named: bool) -> Self {
        let members = pin.seen().members.iter().map(|member| PinText {
            member: member.name.clone(),
            text: member.text.clone(),
            cut: member.cut,
        });
        let all = pin.state() != PinState::Pinned && pin.is_unread();
        let shown = all || (named && pin.current.is_none());
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

/// Which pins to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PinFilter {
    /// Only those of this name, or `KIND:NAME`.
    pub name: Option<String>,
}

impl PinFilter {
    /// Whether a pin is meant.
    pub fn shows(&self, pin: &Pin) -> bool {
        self.name.as_ref().is_none_or(|wanted| {
            *wanted == pin.name
                || wanted
                    .split_once(':')
                    .is_some_and(|(kind, name)| kind == pin.kind.as_str() && name == pin.name)
        })
    }
}

/// One pin that is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinName {
    /// What is pinned.
    pub kind: PinKind,
    /// Its name.
    pub name: String,
}

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgetPins {
    /// The pins, 1 to [`MAX_ACCEPT`].
    pub pins: Vec<PinName>,
}

/// What can be done with pins.
pub trait Pins {
    /// Those of a connection that match: changed ones first, then flagged, new and all others, each by kind and name. At most 1000, and
    /// fewer where their texts are long.
    fn pins(&self, connection: String, filter: PinFilter) -> Answer<'_, List<PinView>>;
    /// Accepts what the server said last, all of these or none; it holds before the answer. One of which the server has said another
    /// thing since it was looked at is a `conflict`.
    fn accept_pins(&self, connection: String, accept: AcceptPins) -> Answer<'_, List<PinView>>;
    /// Forgets pins, all of these or none: what the server lists again of them is new. The answer is what they were.
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
const ROUTES: &[(&str, &str)] = &[("pins/*", "GET"), ("pins/*/accept", "POST"), ("pins/*/forget", "POST")];

/// The routes below `/v1/pins`.
///
/// # Errors
/// What the backend says, `not_found` for other paths, and for other methods 405.
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
