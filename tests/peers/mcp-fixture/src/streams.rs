//! Sessions whose streams a call can close before it answers, which the SDK's own manager lets no handler do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::{ClientJsonRpcMessage, JsonRpcMessage, RequestId};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError,
};
use rmcp::transport::streamable_http_server::session::{EventStore, ServerSseMessage, SessionManager};
use rmcp::transport::streamable_http_server::{RestoreOutcome, SessionId};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

/// The sessions, and which stream each call of them is answered on.
#[derive(Default)]
pub struct Streams {
    sessions: LocalSessionManager,
    open: Mutex<HashMap<(SessionId, RequestId), u64>>,
}

impl Streams {
    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<(SessionId, RequestId), u64>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the stream of a call, and tells the client to come back after `retry`. Does nothing where there is no such
    /// stream, as for a call outside of a session.
    pub async fn close(&self, session: &str, call: &RequestId, retry: Duration) {
        let id: SessionId = session.into();
        let Some(stream) = self.open().remove(&(id.clone(), call.clone())) else { return };
        let Some(handle) = self.sessions.sessions.read().await.get(&id).cloned() else { return };
        if let Err(error) = handle.close_sse_stream(stream, Some(retry)).await {
            eprintln!("mcp-fixture: a stream cannot be closed: {error}");
        }
    }
}

impl SessionManager for Streams {
    type Error = LocalSessionManagerError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        self.sessions.create_session().await
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<rmcp::model::ServerJsonRpcMessage, Self::Error> {
        self.sessions.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.sessions.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.open().retain(|(session, _), _| session != id);
        self.sessions.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let handle = self.sessions.sessions.read().await.get(id).cloned();
        let handle = handle.ok_or_else(|| LocalSessionManagerError::SessionNotFound(id.clone()))?;
        let receiver = handle.establish_request_wise_channel().await?;
        if let (JsonRpcMessage::Request(request), Some(stream)) = (&message, receiver.http_request_id) {
            self.open().insert((id.clone(), request.id.clone()), stream);
        }
        handle.push_message(message, receiver.http_request_id).await?;
        Ok(ReceiverStream::new(receiver.inner))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        self.sessions.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.sessions.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.sessions.resume(id, last_event_id).await
    }

    async fn restore_session(&self, id: SessionId) -> Result<RestoreOutcome<Self::Transport>, Self::Error> {
        self.sessions.restore_session(id).await
    }

    fn event_store(&self) -> Option<Arc<dyn EventStore>> {
        self.sessions.event_store()
    }
}
