//! Progress that a target tells of: under a token of the client's own, and never back.

use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::dropped::Why;
use crate::protocol::mcp::from_target::context::ReplyContext;

impl ReplyContext {
    /// Takes note of how far the target is.
    ///
    /// # Errors
    /// The client did not ask to hear of it, or has heard of more.
    pub fn progresses(&mut self, message: &Message) -> Result<(), Why> {
        if !self.gave(message.param(Param::ProgressToken).and_then(|token| token.id())) {
            return Err(Why::Nobody);
        }
        let params = message.params().and_then(|params| Json::parse(params.raw, DEPTH).ok());
        let progress = params.as_ref().and_then(|params| params.member("progress")).and_then(Json::scalar);
        let progress = progress.and_then(|progress| progress.parse::<f64>().ok());
        // The gateway may have told of progress while it waited for people: it must not fall back.
        match progress {
            // A stream of its own tells of several requests.
            Some(_) if self.about.id.is_none() => Ok(()),
            Some(progress) if progress > self.progress => {
                self.progress = progress;
                Ok(())
            }
            _ => Err(Why::NoProgress),
        }
    }

    /// Whether the client gave this token with the request that is answered here, or on a stream of its own
    /// with any of its session.
    fn gave(&self, token: Option<Id<'_>>) -> bool {
        let Some(token) = token else { return false };
        match (&self.about.id, &self.session) {
            (Some(_), _) => self.about.token.as_ref() == Some(&token),
            (None, Some(session)) => session.gave(&token),
            (None, None) => false,
        }
    }
}
