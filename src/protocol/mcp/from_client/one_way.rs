//! Messages of the client that get no answer: notifications, and its answers to the target's requests.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::StatusCode;
use hyper::body::Body;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::EventKind;
use crate::domain::McpCommand;
use crate::domain::SessionEnd;
use crate::domain::command::mcp::ANSWER;
use crate::pipeline::Judged;
use crate::pipeline::ReplyGuard;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::codec::envelope::refusal::INVALID_REQUEST;
use crate::protocol::mcp::codec::sse::Item;
use crate::protocol::mcp::dropped::Why;
use crate::protocol::mcp::dropped::words;
use crate::protocol::mcp::from_client::command::Commands;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::era::INVALID_PARAMS;
use crate::protocol::mcp::from_client::era::NO_METHOD;
use crate::protocol::mcp::from_client::inbound::Inbound;
use crate::protocol::mcp::from_client::inbound::Refused;
use crate::protocol::mcp::from_client::judge::commands;
use crate::protocol::mcp::from_client::judge::judge;
use crate::protocol::mcp::from_client::judge::record;
use crate::protocol::mcp::from_client::rewrite;
use crate::protocol::mcp::from_target::context::MOST;
use crate::protocol::mcp::record::of_status;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::reply::json;
use crate::protocol::mcp::state::sessions::Owner;
use crate::protocol::mcp::state::sessions::Question;
use crate::protocol::mcp::state::sessions::Session;
use crate::protocol::mcp::state::shared::HeldKey;
use crate::protocol::mcp::state::shared::McpShared;
use crate::protocol::mcp::upstream;
use crate::protocol::mcp::upstream::Answer;
use crate::protocol::mcp::upstream::Answered;
use crate::protocol::mcp::upstream::outbound;
use crate::protocol::web::body::ReplyBody;

/// How long what a target says to what no message answers is read, of which nothing goes on.
const OVERHEARD: Duration = Duration::from_secs(5);
/// The words of the recording for what of it is no message.
const UNREAD: (&str, &str, &str) = ("body", "", "nobody asked for it");
/// The notification with which a session begins at the target.
const INITIALIZED: &str = "notifications/initialized";

/// What the methods of all notifications begin with, and no other.
const NOTIFICATIONS: &str = "notifications/";

/// Whether a message says that it wants an answer, or none, as its method does: an id makes a request of it,
/// none a notification.
pub fn has_kind_of_its_method(message: &Message) -> bool {
    let method = message.method().unwrap_or_default();
    match message.kind() {
        Kind::Notification => method.starts_with(NOTIFICATIONS),
        // In any case: a server may compare so.
        Kind::Request => {
            !method.get(..NOTIFICATIONS.len()).is_some_and(|start| start.eq_ignore_ascii_case(NOTIFICATIONS))
        }
        Kind::Response | Kind::Error => true,
    }
}

/// Refuses a message that does not fit its method ([`has_kind_of_its_method`]): it would be judged as one
/// and done as the other.
pub async fn refuse_kind(
    inbound: &Inbound<'_>,
    era: Era,
    message: &Message,
) -> Result<Response<ReplyBody>, Refused> {
    if message.kind() == Kind::Request {
        let status = if era == Era::Modern { StatusCode::NOT_FOUND } else { StatusCode::OK };
        let fault = Fault::new(status, NO_METHOD, "Method not found");
        return Err(inbound.fault(era, fault.because("mcp_kind"), Some(message)).await);
    }
    refuse_notification(
        inbound,
        era,
        message,
        "only methods that begin with notifications/ are sent without an id",
        "mcp_kind",
    )
    .await
}

/// Refuses a notification. Nothing may answer it, so only the recording says that it was not sent.
async fn refuse_notification(
    inbound: &Inbound<'_>,
    era: Era,
    message: &Message,
    detail: &str,
    reason: &'static str,
) -> Result<Response<ReplyBody>, Refused> {
    let fault = Fault::new(StatusCode::ACCEPTED, INVALID_REQUEST, detail).because(reason);
    match inbound.fault(era, fault, Some(message)).await {
        Refused::Fault { .. } => Ok(json(StatusCode::ACCEPTED, Bytes::new())),
        problem @ Refused::Problem(_) => Err(problem),
    }
}

/// A notification: nothing comes back but that it was taken.
pub async fn notification(
    inbound: Inbound<'_>,
    era: Era,
    session: Option<Arc<Session>>,
    message: &Message,
) -> Result<Response<ReplyBody>, Refused> {
    let owner = inbound.owner();
    let Commands { command, also } = match commands(&inbound, &owner, message) {
        Ok(commands) => commands,
        Err(fault) => return Err(inbound.fault(era, fault, Some(message)).await),
    };
    // The target never saw that request; the cancellation is in its recording.
    if session.as_ref().is_some_and(|session| cancels(inbound.shared, &owner, session, message)) {
        return Ok(json(StatusCode::ACCEPTED, Bytes::new()));
    }
    let options = &inbound.exchange.governed().connection.mcp;
    let body = match rewrite::to_target(message, options, inbound.shared, &owner, &command.summary()) {
        Ok(body) => body,
        Err(fault) => return refuse_notification(&inbound, era, message, &fault.detail, fault.why).await,
    };
    let judged = judge(&inbound.exchange, command, also, message);
    let method = judged.command.method().to_owned();
    match pass_on(inbound, session, judged, message, body).await {
        Ok(StatusCode::NOT_FOUND) => Ok(json(StatusCode::NOT_FOUND, Bytes::new())),
        // The session has not begun at the target.
        Ok(status) if method == INITIALIZED && !status.is_success() => Ok(json(status, Bytes::new())),
        Ok(_) => Ok(json(StatusCode::ACCEPTED, Bytes::new())),
        Err(denied) => undelivered(denied, &method),
    }
}

/// Cancels a held request if a message asks for that; returns whether it did. The request's approval is
/// withdrawn.
pub fn cancels(shared: &McpShared, owner: &Owner, session: &Session, message: &Message) -> bool {
    if message.kind() != Kind::Notification || message.method().as_deref() != Some("notifications/cancelled")
    {
        return false;
    }
    let Some(id) = message.param(Param::RequestId).and_then(|id| id.id()) else { return false };
    let key = HeldKey { owner: owner.clone(), session: session.id.clone(), id: id.into_owned() };
    shared.held.cancel(&key)
}

/// A target's request that is being answered. It becomes open again if the answer is not sent: the client may
/// repeat it.
struct Answering {
    session: Arc<Session>,
    id: Id<'static>,
    question: Question,
    over: bool,
}

impl Answering {
    /// Returns the request that a message answers; `None` if there is none.
    fn of(session: Option<&Arc<Session>>, message: &Message) -> Option<Self> {
        let (session, id) = (session?, message.id()?.into_owned());
        let question = session.answered(&id)?;
        Some(Self { session: Arc::clone(session), id, question, over: false })
    }

    /// Gives up on the request, because the answer would be refused again: the target stops waiting.
    fn refuse(mut self) {
        self.over = true;
        self.session.unanswered(self.id.clone(), &self.question);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if !self.over {
            self.session.ask(self.id.clone(), self.question.clone());
        }
    }
}

/// Handles the client's answer to a request of the target.
pub async fn answer(
    inbound: Inbound<'_>,
    session: Option<Arc<Session>>,
    message: &Message,
) -> Result<Response<ReplyBody>, Refused> {
    let Some(mut answering) = Answering::of(session.as_ref(), message) else {
        let fault = Fault::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, "no request has this id");
        return Err(inbound.fault(Era::Legacy, fault.because("mcp_unasked"), Some(message)).await);
    };
    if !inbound.exchange.governed().connection.mcp.allows(answering.question.what) {
        let fault = Fault::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, "the target may no longer ask this");
        answering.refuse();
        return Err(inbound.fault(Era::Legacy, fault.because("mcp_unasked"), Some(message)).await);
    }
    let judged = inbound.exchange.judge(McpCommand::new(ANSWER).into_command(McpCommand::class_of(ANSWER)));
    // The target waits for it: a client whose answer does not arrive is told so.
    let status = match pass_on(inbound, session, judged, message, message.body().clone()).await {
        Ok(status) => status,
        Err(denied) => {
            if denied.code == DenyCode::Denied {
                answering.refuse();
            }
            return Err(denied.into());
        }
    };
    answering.over = true;
    let gone = status == StatusCode::NOT_FOUND;
    Ok(json(if gone { status } else { StatusCode::ACCEPTED }, Bytes::new()))
}

/// Returns the id of the request that a message answers.
pub fn answers(message: &Message) -> Option<Id<'static>> {
    let answers = matches!(message.kind(), Kind::Response | Kind::Error);
    message.id().filter(|_| answers).map(Id::into_owned)
}

/// Gives up on the request with this id, whose answer is malformed: the same client would write it the same
/// way again.
pub fn give_up_question(inbound: &Inbound<'_>, id: Option<Id<'static>>) {
    let session = inbound.named();
    if let Some((session, id)) = session.zip(id)
        && let Some(question) = session.answered(&id)
    {
        session.unanswered(id, &question);
    }
}

/// Sends what is not answered by a message, as `sent`; gives the target's status.
async fn pass_on(
    inbound: Inbound<'_>,
    session: Option<Arc<Session>>,
    judged: Judged,
    message: &Message,
    sent: Bytes,
) -> Result<StatusCode, Denied> {
    let Inbound { shared, head, exchange } = inbound;
    let governed = Arc::clone(exchange.governed());
    let session_id = session.as_ref().map(|session| &*session.id).unwrap_or_default();
    let record = record(&judged.command, session_id, message.body()).record(&exchange);
    let request = outbound(shared, head, &governed.connection, session.as_deref(), None, Some(sent));
    if judged.holds() {
        let denied = Denied::new(DenyCode::Denied, "a message that is not answered cannot wait for approval")
            .because("not_held");
        return Err(exchange.refuse(record, denied).await);
    }
    let mut end = std::pin::pin!(exchange.end_watch().wait());
    let permit = upstream::admit(exchange, judged, record, request, None).await?;
    let (answered, guard) = upstream::send(permit, end.as_mut()).await;
    finish(guard, answered, shared, session.as_deref())
}

/// Answers a notification that did not arrive. Only a status could report that, and clients end their session
/// at one, so the failure is only in the recording. There are two exceptions: a client that must get a new
/// token, and one whose session cannot begin without the message and that has to start over.
///
/// # Errors
/// The token is no longer valid, or a session did not begin.
pub fn undelivered(denied: Denied, method: &str) -> Result<Response<ReplyBody>, Refused> {
    match denied.code {
        DenyCode::Unauthenticated => Err(denied.into()),
        // If a policy denies it, it would not pass a second time.
        code if method == INITIALIZED && code != DenyCode::Denied => Err(denied.into()),
        _ => Ok(json(StatusCode::ACCEPTED, Bytes::new())),
    }
}

/// Takes what the target says to what no message answers: its status is recorded, and that it said more, of
/// which nothing goes on.
fn finish(
    mut guard: ReplyGuard,
    answered: Result<Answered, Denied>,
    shared: &McpShared,
    session: Option<&Session>,
) -> Result<StatusCode, Denied> {
    let Answered { status, body, .. } = answered.inspect_err(|denied| guard.record_failure(denied))?;
    if status == StatusCode::NOT_FOUND
        && let Some(session) = session
    {
        shared.end_session(session);
    }
    if says_nothing(&body) {
        end(&mut guard, status)?;
    } else {
        tokio::task::spawn_local(async move {
            let mut ends = Box::pin(guard.end_watch().wait());
            drop(tokio::time::timeout(OVERHEARD, overhear(&mut guard, body, ends.as_mut())).await);
            if let Err(denied) = end(&mut guard, status) {
                tracing::debug!(code = %denied.code, "the end of a notification could not be recorded");
            }
        });
    }
    Ok(status)
}

/// Whether nothing follows the head of a response, as should be.
fn says_nothing(body: &Answer) -> bool {
    match body {
        Answer::Nothing => true,
        Answer::One(body, _) => body.is_end_stream(),
        Answer::Strange | Answer::Said { .. } | Answer::Stream(_) => false,
    }
}

/// Records how what no message answers ended. A status that is an error is a failure.
fn end(guard: &mut ReplyGuard, status: StatusCode) -> Result<(), Denied> {
    let data = of_status(status.as_u16(), guard.elapsed_us());
    guard.record_end(EventKind::McpMessage, data)?;
    if status.is_client_error() || status.is_server_error() {
        let detail = format!("the target answered with the status {}", status.as_u16());
        guard.record_failure(&Denied::new(DenyCode::UpstreamUnavailable, detail).because("target_status"));
    }
    Ok(())
}

/// Tells of each message that nothing may say here, or that there was something else.
async fn overhear(
    guard: &mut ReplyGuard,
    body: Answer,
    mut ends: Pin<&mut impl Future<Output = SessionEnd>>,
) {
    let left_out = |guard: &mut ReplyGuard, data: Bytes| {
        let message = Message::scan(data, Limits::new(MOST));
        let (kind, method, why) = message.map_or(UNREAD, |message| words(&message, Why::Unasked));
        guard.leave_out(kind, method, why);
    };
    let data = match body {
        Answer::Nothing => return,
        Answer::Strange => Ok(Bytes::new()),
        Answer::Said { body, .. } => Ok(body),
        Answer::One(body, decoder) => match upstream::one(body, decoder, ends).await {
            Ok(body) if body.trim_ascii().is_empty() => return,
            read => read,
        },
        Answer::Stream(mut source) => loop {
            let item = tokio::select! {
                biased;
                _ended = ends.as_mut() => return,
                item = source.next() => item,
            };
            match item {
                Ok(Some(Item::Event(event))) if !event.data.is_empty() => left_out(guard, event.data),
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(denied) => break Err(denied),
            }
        },
    };
    left_out(guard, data.unwrap_or_default());
}
