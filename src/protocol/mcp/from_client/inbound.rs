//! An authenticated request: its owner, the session it names, and how it is refused.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;
use http::request::Parts;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::connection::Connection;
use crate::pipeline::Exchange;
use crate::pipeline::snapshot::Governed;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::refusal::INVALID_REQUEST;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::era::check_legacy;
use crate::protocol::mcp::record::FromClient;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::state::sessions::Owner;
use crate::protocol::mcp::state::sessions::Session;
use crate::protocol::mcp::state::sessions::Sessions;
use crate::protocol::mcp::state::shared::McpShared;
use crate::protocol::mcp::upstream::SESSION;

/// The error code for a client whose session does not exist.
pub const NO_SESSION: i32 = -32001;

/// Returns a connection's name and target: facts about one target must not apply to another that replaced it.
pub fn target_key(governed: &Governed) -> Box<str> {
    target_key_of(&governed.connection)
}

/// Does the same for a connection alone.
pub fn target_key_of(connection: &Connection) -> Box<str> {
    format!("{} {}", connection.name, connection.upstream).into()
}

/// Returns the session that a request with these headers names, if it belongs to this caller.
pub fn named(
    sessions: &Sessions,
    headers: &HeaderMap,
    owner: &Owner,
    governed: &Governed,
) -> Option<Arc<Session>> {
    let mut named = headers.get_all(&SESSION).iter();
    let (first, second) = (named.next(), named.next());
    let id = first.and_then(|id| id.to_str().ok()).filter(|_| second.is_none())?;
    sessions.find(id, owner, governed)
}

/// The response to a request that is refused before its message is handled.
pub enum Refused {
    /// An HTTP problem: no token, no such connection.
    Problem(Denied),
    /// A JSON-RPC error.
    Fault {
        /// The era whose form it has.
        era: Era,
        /// What is wrong.
        fault: Fault,
        /// The id of the message as it was written, if it could be read.
        id: Option<Bytes>,
    },
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Self {
        Self::Problem(denied)
    }
}

/// An authenticated request.
pub struct Inbound<'a> {
    /// The state shared by all requests.
    pub shared: &'a McpShared,
    /// The request's head.
    pub head: &'a Parts,
    /// The exchange.
    pub exchange: Exchange,
}

impl Inbound<'_> {
    /// Returns the owner of the request.
    pub fn owner(&self) -> Owner {
        Owner {
            principal: self.exchange.principal().into(),
            issuer: self.exchange.issuer_digest(),
            connection: target_key(self.exchange.governed()),
        }
    }

    /// Records the refusal of a request without a message.
    pub async fn refuse(&self, denied: Denied) -> Denied {
        let record = FromClient {
            http: self.head.method.as_str(),
            method: "",
            name: "",
            class: "unknown",
            session: "",
            body: &[],
        };
        self.exchange.refuse(record.record(&self.exchange), denied).await
    }

    /// Records a fault, and returns the response to it.
    pub async fn fault(&self, era: Era, fault: Fault, message: Option<&Message>) -> Refused {
        let body = message.map(|message| &**message.body()).unwrap_or_default();
        let method = message.and_then(Message::method).unwrap_or_default();
        let record = FromClient {
            http: self.head.method.as_str(),
            method: &method,
            name: "",
            class: "unknown",
            session: "",
            body,
        };
        let denied = Denied::new(DenyCode::BadRequest, fault.detail.clone()).because(fault.why);
        let denied = self.exchange.refuse(record.record(&self.exchange), denied).await;
        if denied.code != DenyCode::BadRequest {
            // The fault could not even be recorded.
            return Refused::Problem(denied);
        }
        let id = message.and_then(Message::id_value).map(|id| Bytes::copy_from_slice(id.raw));
        Refused::Fault { era, fault, id }
    }

    /// Returns the session that the request names, if it belongs to the caller.
    pub fn named(&self) -> Option<Arc<Session>> {
        named(&self.shared.sessions, &self.head.headers, &self.owner(), self.exchange.governed())
    }

    /// Returns the session that the request names; `Ok(None)` if it names none.
    ///
    /// # Errors
    /// There is no such session, or it does not belong to the caller.
    pub async fn session(&self, message: Option<&Message>) -> Result<Option<Arc<Session>>, Refused> {
        if !self.head.headers.contains_key(&SESSION) {
            // A server behind HTTP may work without sessions until it gives out an id; a channel belongs to
            // one client.
            let governed = self.exchange.governed();
            if !governed.connection.is_duplex() && !self.shared.givers.give(&target_key(governed)) {
                return Ok(None);
            }
            let fault = Fault::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, "Mcp-Session-Id is missing");
            return Err(self.fault(Era::Legacy, fault.because("mcp_session"), message).await);
        }
        let Some(session) = self.named() else {
            let fault = Fault::new(StatusCode::NOT_FOUND, NO_SESSION, "Session not found");
            return Err(self.fault(Era::Legacy, fault.because("mcp_session"), message).await);
        };
        if let Err(fault) = check_legacy(&self.head.headers) {
            return Err(self.fault(Era::Legacy, fault.because("mcp_version"), message).await);
        }
        Ok(Some(session))
    }
}
