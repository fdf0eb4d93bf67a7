//! A request that was let in: whose it is, which session it names, and how it is refused.

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
use crate::protocol::mcp::era::Era;
use crate::protocol::mcp::era::check_legacy;
use crate::protocol::mcp::record::FromClient;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::serve::Refused;
use crate::protocol::mcp::sessions::Owner;
use crate::protocol::mcp::sessions::Session;
use crate::protocol::mcp::sessions::Sessions;
use crate::protocol::mcp::shared::McpShared;
use crate::protocol::mcp::upstream::SESSION;

/// What a client whose session there is not is told with.
pub const NO_SESSION: i32 = -32001;

/// A connection and where it leads: what one target said is not believed of another that took its place.
pub fn place(governed: &Governed) -> Box<str> {
    place_of(&governed.connection)
}

/// The same of a connection by itself.
pub fn place_of(connection: &Connection) -> Box<str> {
    format!("{} {}", connection.name, connection.upstream).into()
}

/// The session that a request with these headers names, if it is this caller's.
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

/// A request that was let in.
pub struct Door<'a> {
    /// What all requests share.
    pub shared: &'a McpShared,
    /// The request's head.
    pub head: &'a Parts,
    /// The exchange.
    pub exchange: Exchange,
}

impl Door<'_> {
    /// Whose the request is.
    pub fn owner(&self) -> Owner {
        Owner { principal: self.exchange.principal().into(), connection: place(self.exchange.governed()) }
    }

    /// Records a refusal of a request without a message.
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

    /// Records a fault, and gives what answers it.
    pub async fn fault(
        &self,
        era: Era,
        fault: Fault,
        message: Option<&Message>,
        reason: &'static str,
    ) -> Refused {
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
        let denied = Denied::new(DenyCode::BadRequest, fault.detail.clone()).because(reason);
        let denied = self.exchange.refuse(record.record(&self.exchange), denied).await;
        if denied.code != DenyCode::BadRequest {
            // It could not even be recorded.
            return Refused::Problem(denied);
        }
        let id = message.and_then(Message::id_value).map(|id| Bytes::copy_from_slice(id.raw));
        Refused::Fault { era, fault, id }
    }

    /// The session that the request names, if it is the caller's.
    pub fn named(&self) -> Option<Arc<Session>> {
        named(&self.shared.sessions, &self.head.headers, &self.owner(), self.exchange.governed())
    }

    /// The session that the request names. `Ok(None)`: it names none.
    ///
    /// # Errors
    /// There is none of that name, or it is not the caller's.
    pub async fn session(&self, message: Option<&Message>) -> Result<Option<Arc<Session>>, Refused> {
        if !self.head.headers.contains_key(&SESSION) {
            // A server behind HTTP may do without sessions, until it gives an id; a channel has one client, whom it belongs to.
            let governed = self.exchange.governed();
            if !governed.connection.is_duplex() && !self.shared.givers.give(&place(governed)) {
                return Ok(None);
            }
            let fault = Fault::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, "Mcp-Session-Id is missing");
            return Err(self.fault(Era::Legacy, fault, message, "mcp_session").await);
        }
        let Some(session) = self.named() else {
            let fault = Fault::new(StatusCode::NOT_FOUND, NO_SESSION, "Session not found");
            return Err(self.fault(Era::Legacy, fault, message, "mcp_session").await);
        };
        if let Err(fault) = check_legacy(&self.head.headers) {
            return Err(self.fault(Era::Legacy, fault, message, "mcp_version").await);
        }
        Ok(Some(session))
    }
}
