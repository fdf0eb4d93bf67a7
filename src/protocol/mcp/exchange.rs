//! One request of a client from its message to what it gets: the turns of the pipeline in MCP's words.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::Response;
use http::StatusCode;
use http::request::Parts;
use hyper::body::Incoming;

use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::McpCommand;
use crate::domain::command::mcp::ANSWER;
use crate::domain::command::mcp::END_SESSION;
use crate::domain::command::mcp::OPEN_STREAM;
use crate::pipeline::Exchange;
use crate::pipeline::Judged;
use crate::pipeline::ReplyGuard;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::command;
use crate::protocol::mcp::command::Wanted;
use crate::protocol::mcp::era::Era;
use crate::protocol::mcp::era::INVALID_PARAMS;
use crate::protocol::mcp::hold;
use crate::protocol::mcp::record::FromClient;
use crate::protocol::mcp::relay::Relay;
use crate::protocol::mcp::reply;
use crate::protocol::mcp::reply::Asked;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::reply::json;
use crate::protocol::mcp::serve::Refused;
use crate::protocol::mcp::sessions::Owner;
use crate::protocol::mcp::sessions::Session;
use crate::protocol::mcp::shared::HeldKey;
use crate::protocol::mcp::shared::McpShared;
use crate::protocol::mcp::stream;
use crate::protocol::mcp::turn::Taken;
use crate::protocol::mcp::turn::Turn;
use crate::protocol::mcp::upstream;
use crate::protocol::mcp::upstream::Answer;
use crate::protocol::mcp::upstream::Answered;
use crate::protocol::mcp::upstream::LAST_EVENT;
use crate::protocol::mcp::upstream::SESSION;
use crate::protocol::mcp::upstream::outgoing;
use crate::protocol::mcp::way::to_target;
use crate::protocol::web::body::ReplyBody;
use crate::protocol::web::request::read_whole;

/// What a client whose session there is not is told with.
const NO_SESSION: i32 = -32001;

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
        Owner {
            principal: self.exchange.principal().into(),
            connection: self.exchange.governed().connection.name.as_str().into(),
        }
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

    /// The session that the request names. `Ok(None)`: it names none.
    async fn session(&self, message: Option<&Message>) -> Result<Option<Arc<Session>>, Refused> {
        let mut named = self.head.headers.get_all(&SESSION).iter();
        let (first, second) = (named.next(), named.next());
        let Some(first) = first else { return Ok(None) };
        let id = first.to_str().ok().filter(|_| second.is_none());
        let session =
            id.and_then(|id| self.shared.sessions.find(id, &self.owner(), self.exchange.governed()));
        match session {
            Some(session) => Ok(Some(session)),
            None => {
                let fault = Fault::new(StatusCode::NOT_FOUND, NO_SESSION, "Session not found");
                Err(self.fault(Era::Legacy, fault, message, "mcp_session").await)
            }
        }
    }
}

/// A message of the client.
pub async fn post(door: Door<'_>, mut body: Incoming) -> Result<Response<ReplyBody>, Refused> {
    let limit = door.exchange.governed().connection.limits.body;
    let bytes = match read_whole(&mut body, limit, &door.exchange).await {
        Ok(bytes) => bytes,
        Err(denied) => return Err(door.refuse(denied).await.into()),
    };
    let claimed = Era::claimed(&door.head.headers);
    // What the client answers is judged and masked by its fields, too.
    let limits =
        Limits { once_in_results: true, ..Limits::new(usize::try_from(limit).unwrap_or(usize::MAX)) };
    let message = match Message::scan(bytes, limits) {
        Ok(message) => message,
        Err(refusal) => {
            let detail = format!("{} at byte {}", refusal.problem, refusal.at);
            let fault = Fault::new(StatusCode::BAD_REQUEST, refusal.code(), detail);
            return Err(door.fault(claimed, fault, None, "mcp_message").await);
        }
    };
    let era = match Era::of(&door.head.headers, &message) {
        Ok(era) => era,
        Err(fault) => return Err(door.fault(claimed, fault, Some(&message), "mcp_headers").await),
    };
    let session = match (era, message.method().as_deref()) {
        (Era::Modern, _) | (Era::Legacy, Some("initialize")) => None,
        (Era::Legacy, _) => door.session(Some(&message)).await?,
    };
    match message.kind() {
        Kind::Request => ask(door, era, session, &message).await,
        Kind::Notification => tell(door, era, session, &message).await,
        Kind::Response | Kind::Error => answer(door, session, &message).await,
    }
}

/// A request: judged, perhaps held, sent, answered.
async fn ask(
    door: Door<'_>,
    era: Era,
    session: Option<Arc<Session>>,
    message: &Message,
) -> Result<Response<ReplyBody>, Refused> {
    let owner = door.owner();
    let governed = Arc::clone(door.exchange.governed());
    let Wanted { command, also } = match wanted(&door, &owner, message) {
        Ok(wanted) => wanted,
        Err(fault) => return Err(door.fault(era, fault, Some(message), "mcp_params").await),
    };
    let line: Box<str> = command.summary().into();
    let body = match to_target(message, &governed.connection.mcp, door.shared, &owner, &line) {
        Ok(body) => body,
        Err(fault) => return Err(door.fault(era, fault, Some(message), "mcp_state").await),
    };
    let judged = judge(&door.exchange, command, also, message);
    let Door { shared, head, exchange } = door;
    let asked = asked(&exchange, &judged);
    let session_id = session.as_ref().map(|session| &*session.id).unwrap_or_default();
    let record = record(&judged.command, session_id, message).record(&exchange);
    let request =
        outgoing(Method::POST, &head.headers, &governed.connection, session.as_deref(), None, Some(body));
    let id = Bytes::copy_from_slice(message.id_value().map(|id| id.raw).unwrap_or_default());
    let turn = Turn {
        era,
        method: judged.command.method().into(),
        id: message.id().map(Id::into_owned),
        tool: judged.command.mcp().and_then(|mcp| mcp.tool.clone()),
        argument: command::completed(message),
        line,
        session,
        owner,
        progress: f64::NEG_INFINITY,
    };
    if judged.holds() {
        let held = hold::Held {
            judged,
            record,
            request,
            turn,
            id,
            asked,
            shared: shared.clone(),
            headers: head.headers.clone(),
        };
        return Ok(hold::answer(exchange, held, message));
    }
    let request_id = exchange.request_id();
    let mut end = Box::pin(exchange.end_watch().wait());
    let refused = |denied: &Denied| {
        let (status, body) = reply::refusal(denied, era, &asked, &id, request_id);
        json(status, body)
    };
    let permit = match exchange.admit(judged, record, request, None).await {
        Ok(permit) => permit,
        Err(denied) => return Ok(refused(&denied)),
    };
    let (answered, mut guard) = upstream::send(permit, end.as_mut()).await;
    let answered = match answered {
        Ok(answered) => answered,
        Err(denied) => {
            guard.record_failure(&denied);
            return Ok(refused(&denied));
        }
    };
    let Answered { status, session: opened, body } = answered;
    let mut relay = Relay {
        turn,
        shared: shared.clone(),
        guard,
        headers: head.headers.clone(),
        id: id.clone(),
        asked: asked.clone(),
    };
    let opened = match open_session(&mut relay, opened.as_deref(), status) {
        Ok(opened) => opened,
        Err(denied) => {
            relay.guard.record_failure(&denied);
            return Ok(refused(&denied));
        }
    };
    let mut response = match body {
        Answer::Stream(events) => {
            let (response, out) = stream::open();
            tokio::task::spawn_local(async move { relay.run(events, out, end.as_mut()).await });
            response
        }
        Answer::One(body, decoder) => {
            match one(&mut relay, status, upstream::one(body, decoder, end.as_mut()).await) {
                Ok(response) => response,
                Err(denied) => {
                    relay.guard.record_failure(&denied);
                    refused(&denied)
                }
            }
        }
        Answer::Nothing => {
            let denied = nothing(&relay, status);
            relay.guard.record_failure(&denied);
            if status == StatusCode::NOT_FOUND && relay.turn.session.is_some() {
                let fault = Fault::new(StatusCode::NOT_FOUND, NO_SESSION, "Session not found");
                return Err(Refused::Fault { era, fault, id: Some(id) });
            }
            refused(&denied)
        }
    };
    if let Some(value) = opened.and_then(|session| HeaderValue::from_str(&session.id).ok()) {
        response.headers_mut().insert(SESSION, value);
    }
    Ok(response)
}

/// The gateway's session for one that the target opened.
fn open_session(
    relay: &mut Relay,
    opened: Option<&str>,
    status: StatusCode,
) -> Result<Option<Arc<Session>>, Denied> {
    let initializes =
        &*relay.turn.method == "initialize" && relay.turn.era == Era::Legacy && status == StatusCode::OK;
    let Some(opened) = opened.filter(|_| initializes) else { return Ok(None) };
    let governed = Arc::clone(relay.guard.governed());
    let session = relay.shared.sessions.open(relay.turn.owner.clone(), &governed, opened)?;
    relay.turn.session = Some(Arc::clone(&session));
    Ok(Some(session))
}

/// An answer that is one message.
fn one(
    relay: &mut Relay,
    status: StatusCode,
    read: Result<Bytes, Denied>,
) -> Result<Response<ReplyBody>, Denied> {
    let taken = relay.turn.take(&relay.shared, &mut relay.guard, read?, status.as_u16())?;
    match taken {
        Taken::Pass { body, last: true } => {
            // The gateway's own refusals are told apart from the target's by their form; the status is the target's where it is MCP's.
            let status = if matches!(status.as_u16(), 200 | 400 | 404) { status } else { StatusCode::OK };
            if status == StatusCode::NOT_FOUND
                && let Some(session) = relay.turn.session.take()
            {
                relay.shared.sessions.end(&session);
            }
            Ok(json(status, body))
        }
        Taken::Pass { .. } | Taken::Drop | Taken::Answer(_) => {
            Err(crate::protocol::mcp::turn::garbage("its answer is not the one to this request"))
        }
    }
}

fn nothing(relay: &Relay, status: StatusCode) -> Denied {
    if status == StatusCode::NOT_FOUND
        && let Some(session) = &relay.turn.session
    {
        relay.shared.sessions.end(session);
    }
    let detail = format!("the target answered with the status {} and no message", status.as_u16());
    Denied::new(DenyCode::UpstreamUnavailable, detail).because("target_status")
}

fn wanted(door: &Door<'_>, owner: &Owner, message: &Message) -> Result<Wanted, Fault> {
    let connection = &door.exchange.governed().connection;
    let read_only = |tool: &str| door.shared.tools.get(&connection.name, tool).map(|tool| tool.read_only);
    command::wanted(message, &connection.mcp, read_only, |task| door.shared.bound.task_of(owner, task))
}

fn judge(exchange: &Exchange, mut command: Command, also: Vec<Command>, message: &Message) -> Judged {
    if exchange.wants_args(&command) {
        command = command.with_args(command::args(message));
    }
    exchange.judge_with(command, also)
}

/// How a refusal differs by what was asked: what the caller does not see is refused as what there is not.
fn asked(exchange: &Exchange, judged: &Judged) -> Asked {
    let Some(mcp) = judged.command.mcp() else { return Asked::Other };
    let hidden = judged.is_denied() && !exchange.shows(&judged.command);
    match (&mcp.tool, &mcp.prompt, &mcp.resource) {
        (Some(tool), ..) if &*mcp.method == "tools/call" => {
            if hidden {
                Asked::HiddenTool(tool.clone())
            } else {
                Asked::Tool
            }
        }
        (_, Some(prompt), _) if hidden => Asked::HiddenPrompt(prompt.clone()),
        (_, _, Some(resource)) if hidden => Asked::HiddenResource(resource.clone()),
        _ => Asked::Other,
    }
}

fn record<'a>(command: &'a Command, session: &'a str, message: &'a Message) -> FromClient<'a> {
    let mcp = command.mcp();
    let named = mcp.and_then(|mcp| mcp.tool.as_deref().or(mcp.prompt.as_deref()).or(mcp.resource.as_deref()));
    FromClient {
        http: "POST",
        method: command.method(),
        name: named.unwrap_or_default(),
        class: command.class.as_str(),
        session,
        body: message.body(),
    }
}

/// A notification: nothing comes back but that it was taken.
async fn tell(
    door: Door<'_>,
    era: Era,
    session: Option<Arc<Session>>,
    message: &Message,
) -> Result<Response<ReplyBody>, Refused> {
    let owner = door.owner();
    let Wanted { command, also } = match wanted(&door, &owner, message) {
        Ok(wanted) => wanted,
        Err(fault) => return Err(door.fault(era, fault, Some(message), "mcp_params").await),
    };
    if command.method() == "notifications/cancelled"
        && let Some(id) = message.param(Param::RequestId).and_then(|id| id.id())
    {
        let session = session.as_ref().map(|session| session.id.clone()).unwrap_or_default();
        let key = HeldKey { owner, session, id: id.into_owned() };
        // The target never saw that request; that the client does not want it any more is in its recording.
        if door.shared.held.cancel(&key) {
            return Ok(json(StatusCode::ACCEPTED, Bytes::new()));
        }
    }
    let judged = judge(&door.exchange, command, also, message);
    pass_on(door, session, judged, message, message.body().clone()).await
}

/// The client's answer to a question of the target.
async fn answer(
    door: Door<'_>,
    session: Option<Arc<Session>>,
    message: &Message,
) -> Result<Response<ReplyBody>, Refused> {
    let question = session.as_ref().zip(message.id()).and_then(|(session, id)| session.answered(&id));
    let Some(question) = question else {
        let fault = Fault::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, "nothing was asked with this id");
        return Err(door.fault(Era::Legacy, fault, Some(message), "mcp_unasked").await);
    };
    if !door.exchange.governed().connection.mcp.allows(question) {
        let fault =
            Fault::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, "the target may not ask this any more");
        return Err(door.fault(Era::Legacy, fault, Some(message), "mcp_unasked").await);
    }
    let judged = door.exchange.judge(McpCommand::new(ANSWER).into_command(McpCommand::class_of(ANSWER)));
    pass_on(door, session, judged, message, message.body().clone()).await
}

/// Sends what is not answered by a message.
async fn pass_on(
    door: Door<'_>,
    session: Option<Arc<Session>>,
    judged: Judged,
    message: &Message,
    body: Bytes,
) -> Result<Response<ReplyBody>, Refused> {
    let Door { shared, head, exchange } = door;
    let governed = Arc::clone(exchange.governed());
    let session_id = session.as_ref().map(|session| &*session.id).unwrap_or_default();
    let record = record(&judged.command, session_id, message).record(&exchange);
    let request =
        outgoing(Method::POST, &head.headers, &governed.connection, session.as_deref(), None, Some(body));
    if judged.holds() {
        let denied = Denied::new(DenyCode::Denied, "a message that is not answered cannot wait for approval")
            .because("not_held");
        return Err(exchange.refuse(record, denied).await.into());
    }
    let mut end = std::pin::pin!(exchange.end_watch().wait());
    let permit = exchange.admit(judged, record, request, None).await?;
    let (answered, guard) = upstream::send(permit, end.as_mut()).await;
    finish(guard, answered, shared, session.as_deref(), StatusCode::ACCEPTED)
}

fn finish(
    mut guard: ReplyGuard,
    answered: Result<Answered, Denied>,
    shared: &McpShared,
    session: Option<&Session>,
    done: StatusCode,
) -> Result<Response<ReplyBody>, Refused> {
    let status = match answered {
        Ok(answered) => answered.status,
        Err(denied) => {
            guard.record_failure(&denied);
            return Err(denied.into());
        }
    };
    guard.settle();
    if status == StatusCode::NOT_FOUND
        && let Some(session) = session
    {
        shared.sessions.end(session);
    }
    let status = if status.is_success() { done } else { status };
    Ok(json(status, Bytes::new()))
}

/// A stream of the legacy era on which the target says what belongs to no request, or goes on with a stream that was lost.
pub async fn stream(door: Door<'_>) -> Result<Response<ReplyBody>, Refused> {
    let session = door.session(None).await?;
    let mut event = None;
    if let Some(last) = door.head.headers.get(&LAST_EVENT) {
        let known = session.as_ref().and_then(|session| session.event_of(last.to_str().ok()?));
        if known.is_none() {
            let fault = Fault::new(
                StatusCode::BAD_REQUEST,
                INVALID_PARAMS,
                "Last-Event-ID names no event of this session",
            );
            return Err(door.fault(Era::Legacy, fault, None, "mcp_event").await);
        }
        event = known;
    }
    let owner = door.owner();
    let (relay, answered) = open(door, Method::GET, OPEN_STREAM, session, event.as_deref(), owner).await?;
    let (mut relay, Answered { status, body, .. }) = (relay, answered);
    match body {
        Answer::Stream(events) => {
            let (response, out) = stream::open();
            let mut end = Box::pin(relay.guard.end_watch().wait());
            tokio::task::spawn_local(async move { relay.run(events, out, end.as_mut()).await });
            Ok(response)
        }
        Answer::One(..) | Answer::Nothing => {
            relay.guard.settle();
            if status == StatusCode::NOT_FOUND
                && let Some(session) = &relay.turn.session
            {
                relay.shared.sessions.end(session);
            }
            let status = if status.is_success() { StatusCode::METHOD_NOT_ALLOWED } else { status };
            Ok(json(status, Bytes::new()))
        }
    }
}

/// The end of a session, as its client wants it.
pub async fn delete(door: Door<'_>) -> Result<Response<ReplyBody>, Refused> {
    let session = door.session(None).await?;
    let Some(session) = session else {
        let fault = Fault::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, "Mcp-Session-Id is missing");
        return Err(door.fault(Era::Legacy, fault, None, "mcp_session").await);
    };
    let owner = door.owner();
    let (relay, answered) =
        open(door, Method::DELETE, END_SESSION, Some(Arc::clone(&session)), None, owner).await?;
    let Relay { shared, mut guard, .. } = relay;
    guard.settle();
    if answered.status.is_success() || answered.status == StatusCode::NOT_FOUND {
        shared.sessions.end(&session);
    }
    Ok(json(answered.status, Bytes::new()))
}

/// Admits and sends a request without a message.
async fn open(
    door: Door<'_>,
    http: Method,
    method: &'static str,
    session: Option<Arc<Session>>,
    event: Option<&[u8]>,
    owner: Owner,
) -> Result<(Relay, Answered), Refused> {
    let Door { shared, head, exchange } = door;
    let governed = Arc::clone(exchange.governed());
    let judged = exchange.judge(McpCommand::new(method).into_command(McpCommand::class_of(method)));
    let session_id = session.as_ref().map(|session| &*session.id).unwrap_or_default();
    let class = judged.command.class.as_str();
    let record = FromClient { http: http.as_str(), method, name: "", class, session: session_id, body: &[] }
        .record(&exchange);
    let request = outgoing(http, &head.headers, &governed.connection, session.as_deref(), event, None);
    let mut end = std::pin::pin!(exchange.end_watch().wait());
    let permit = exchange.admit(judged, record, request, None).await?;
    let (answered, mut guard) = upstream::send(permit, end.as_mut()).await;
    let answered = match answered {
        Ok(answered) => answered,
        Err(denied) => {
            guard.record_failure(&denied);
            return Err(denied.into());
        }
    };
    let turn = Turn {
        era: Era::Legacy,
        method: Box::default(),
        id: None,
        tool: None,
        argument: Box::default(),
        line: Box::default(),
        session,
        owner,
        progress: f64::NEG_INFINITY,
    };
    let relay = Relay {
        turn,
        shared: shared.clone(),
        guard,
        headers: head.headers.clone(),
        id: Bytes::new(),
        asked: Asked::Other,
    };
    Ok((relay, answered))
}
