//! One request of a client from its message to its response: the steps of the pipeline applied to MCP.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::StatusCode;
use http::request::Parts;
use hyper::body::Incoming;

use crate::domain::Class;
use crate::domain::Connection;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::RequestId;
use crate::domain::command::mcp::CALL;
use crate::pipeline;
use crate::pipeline::CommandRecord;
use crate::pipeline::Exchange;
use crate::pipeline::Judged;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::refusal::INVALID_REQUEST;
use crate::protocol::mcp::codec::glimpse::Glimpse;
use crate::protocol::mcp::from_client::command::Commands;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::inbound::Inbound;
use crate::protocol::mcp::from_client::inbound::Refused;
use crate::protocol::mcp::from_client::judge::about;
use crate::protocol::mcp::from_client::judge::asked;
use crate::protocol::mcp::from_client::judge::check_mirrored_headers;
use crate::protocol::mcp::from_client::judge::commands;
use crate::protocol::mcp::from_client::judge::judge;
use crate::protocol::mcp::from_client::judge::progress_token;
use crate::protocol::mcp::from_client::judge::record;
use crate::protocol::mcp::from_client::limit;
use crate::protocol::mcp::from_client::one_way;
use crate::protocol::mcp::from_client::rewrite;
use crate::protocol::mcp::from_target::context::ReplyContext;
use crate::protocol::mcp::from_target::http_response::http_response;
use crate::protocol::mcp::from_target::lists::Lists;
use crate::protocol::mcp::from_target::relay::Relay;
use crate::protocol::mcp::from_target::subscription::Subscription;
use crate::protocol::mcp::held::approval_text;
use crate::protocol::mcp::held::hold;
use crate::protocol::mcp::held::invite;
use crate::protocol::mcp::held::invite::Invite;
use crate::protocol::mcp::held::invite::Round;
use crate::protocol::mcp::held::outcome::Key;
use crate::protocol::mcp::held::task;
use crate::protocol::mcp::pin::check;
use crate::protocol::mcp::reply;
use crate::protocol::mcp::reply::Asked;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::reply::json;
use crate::protocol::mcp::server_request::declared::Declared;
use crate::protocol::mcp::state::sessions::About;
use crate::protocol::mcp::state::sessions::Busy;
use crate::protocol::mcp::state::sessions::OpenId;
use crate::protocol::mcp::state::sessions::Owner;
use crate::protocol::mcp::state::sessions::Session;
use crate::protocol::mcp::state::shared::McpShared;
use crate::protocol::mcp::upstream;
use crate::protocol::mcp::upstream::Outbound;
use crate::protocol::mcp::upstream::outbound;
use crate::protocol::web::body::ReplyBody;
use crate::protocol::web::request::read_or_part;

/// Handles a message of the client.
pub async fn post(inbound: Inbound<'_>, mut body: Incoming) -> Result<Response<ReplyBody>, Refused> {
    let limit = inbound.exchange.governed().connection.limits.body;
    let bytes = match read_or_part(&mut body, limit, &inbound.exchange).await {
        Ok(bytes) => bytes,
        Err((denied, part)) => {
            let mut glimpse = Glimpse::default();
            if denied.code == DenyCode::LimitExceeded {
                glimpse.push(&part);
            }
            // Its memory is released before anything else is awaited.
            drop(part);
            let denied = inbound.refuse(denied).await;
            if denied.code != DenyCode::LimitExceeded {
                return Err(denied.into());
            }
            tokio::select! {
                biased;
                end = inbound.exchange.end_watch().wait() => return Err(pipeline::session_ended(end).into()),
                () = limit::look(&mut body, &mut glimpse, limit::LONG) => {}
            }
            one_way::give_up_question(&inbound, glimpse.answers());
            return limit::answer(denied, inbound.head, &glimpse, inbound.exchange.request_id());
        }
    };
    let claimed = Era::claimed(&inbound.head.headers);
    // A client's answer is judged and masked by its fields, too.
    let limits =
        Limits { once_in_results: true, ..Limits::new(usize::try_from(limit).unwrap_or(usize::MAX)) };
    let message = match Message::scan(bytes.clone(), limits) {
        Ok(message) => message,
        Err(refusal) => {
            let mut glimpse = Glimpse::default();
            glimpse.push(&bytes);
            one_way::give_up_question(&inbound, glimpse.answers());
            let detail = format!("{} at byte {}", refusal.problem, refusal.at);
            let fault = Fault::new(StatusCode::BAD_REQUEST, refusal.code(), detail);
            return Err(inbound.fault(claimed, fault, None).await);
        }
    };
    let era = match Era::of(&inbound.head.headers, &message) {
        Ok(era) => era,
        Err(fault) => {
            one_way::give_up_question(&inbound, one_way::answers(&message));
            return Err(inbound.fault(claimed, fault, Some(&message)).await);
        }
    };
    let session = match (era, message.method().as_deref()) {
        (Era::Modern, _) | (Era::Legacy, Some("initialize")) => None,
        (Era::Legacy, _) => match inbound.session(Some(&message)).await {
            Ok(session) => session,
            Err(refused) => {
                one_way::give_up_question(&inbound, one_way::answers(&message));
                return Err(refused);
            }
        },
    };
    if !one_way::has_kind_of_its_method(&message) {
        return one_way::refuse_kind(&inbound, era, &message).await;
    }
    if message.kind() == Kind::Request
        && let Err(fault) = rewrite::has_short_names(&message)
    {
        return Err(inbound.fault(era, fault, Some(&message)).await);
    }
    match message.kind() {
        Kind::Request => ask(inbound, era, session, &message).await,
        Kind::Notification => one_way::notification(inbound, era, session, &message).await,
        Kind::Response | Kind::Error => one_way::answer(inbound, session, &message).await,
    }
}

/// The MCP session of a request, and the request's reserved id in it.
struct Slot {
    session: Option<Arc<Session>>,
    open: Option<OpenId>,
}

/// Handles a request: judges it, holds it if needed, sends it, and answers.
async fn ask(
    inbound: Inbound<'_>,
    era: Era,
    session: Option<Arc<Session>>,
    message: &Message,
) -> Result<Response<ReplyBody>, Refused> {
    let open = match reserve_id(session.as_ref(), message) {
        Ok(open) => open,
        Err(busy) => return refuse_busy(&inbound, era, message, busy).await,
    };
    let slot = Slot { session, open };
    let owner = inbound.owner();
    let task = (era == Era::Modern).then(|| task::serve::named(&inbound, &owner, message)).flatten();
    let Some(task) = task else { return send(inbound, era, slot, message, None).await };
    let Some(theirs) = task.theirs() else { return task::serve::answer(inbound, message, &task).await };
    match task::serve::passed_on(message, inbound.head, &theirs) {
        Ok((message, head)) => {
            let inbound = Inbound { shared: inbound.shared, head: &head, exchange: inbound.exchange };
            send(inbound, era, slot, &message, Some(task.id.clone())).await
        }
        Err(fault) => Err(inbound.fault(era, fault, Some(message)).await),
    }
}

/// Reserves the id of a request in its session: two open requests with the same id could not be told apart,
/// neither when one is cancelled nor by the target.
fn reserve_id(session: Option<&Arc<Session>>, message: &Message) -> Result<Option<OpenId>, Busy> {
    let Some((session, id)) = session.zip(message.id()) else { return Ok(None) };
    let open = session.reserve(id.into_owned())?;
    if let Some(token) = progress_token(message) {
        session.add_progress_token(token);
    }
    Ok(Some(open))
}

/// Refuses a request whose id could not be reserved.
async fn refuse_busy(
    inbound: &Inbound<'_>,
    era: Era,
    message: &Message,
    busy: Busy,
) -> Result<Response<ReplyBody>, Refused> {
    match busy {
        Busy::Twice => {
            let detail = "a request with this id is open already";
            let fault = Fault::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, detail).because("mcp_id_twice");
            Err(inbound.fault(era, fault, Some(message)).await)
        }
        Busy::Full => {
            let denied = Denied::new(DenyCode::LimitExceeded, "too many requests of this session are open");
            let denied = inbound.refuse(denied.because("mcp_open")).await;
            let id = message.id_value().map(|id| id.raw).unwrap_or_default();
            Ok(refusal(&denied, era, &Asked::Other, id, inbound.exchange.request_id()))
        }
    }
}

/// Sends a request to the target. `task`: the gateway's id when the target knows the task by another.
///
/// What may refuse it comes in this order, which clients and recordings rely on; nothing may be moved ahead
/// of what is above it:
///
/// 1. A message that lacks what its method needs ([`read`]).
/// 2. A message that cannot be normalized for approvers, or has a state that was not given to this client
///    ([`plan`]).
/// 3. A changed pin, unless a policy denies the command anyway ([`refused_by_pins`]).
/// 4. Headers that contradict the arguments ([`check_mirrored_headers`]): a fault here must not reveal a tool
///    that the caller may not see, so it comes after what hides tools.
/// 5. What needs approval and cannot wait for it; a state that belongs to another call ([`hold_request`]).
/// 6. The policies ([`upstream::admit`]).
async fn send(
    inbound: Inbound<'_>,
    era: Era,
    slot: Slot,
    message: &Message,
    task: Option<Box<str>>,
) -> Result<Response<ReplyBody>, Refused> {
    let Reading { owner, commands, line, round, bare } = match read(&inbound, era, message) {
        Ok(reading) => reading,
        Err(fault) => return Err(inbound.fault(era, fault, Some(message)).await),
    };
    let message = bare.as_ref().unwrap_or(message);
    let Plan { judged, normalized, body } = match plan(&inbound, &owner, &line, commands, message) {
        Ok(plan) => plan,
        Err(fault) => return Err(inbound.fault(era, fault, Some(message)).await),
    };
    let asked = asked(&inbound.exchange, &judged);
    let session_id = slot.session.as_ref().map(|session| &*session.id).unwrap_or_default();
    // A call that needs approval is recorded as it is sent, which is what approvers read.
    let recorded = if normalized.is_some() { &body } else { message.body() };
    let record = record(&judged.command, session_id, recorded).record(&inbound.exchange);
    let id = Bytes::copy_from_slice(message.id_value().map(|id| id.raw).unwrap_or_default());
    if let Some((denied, otherwise)) = refused_by_pins(&inbound, &judged) {
        let denied = inbound.exchange.refuse(record, denied).await;
        let asked = otherwise.unwrap_or(asked);
        return Ok(refusal(&denied, era, &asked, &id, inbound.exchange.request_id()));
    }
    if let Err(fault) = check_mirrored_headers(&inbound, era, &owner, &judged, message) {
        return Err(inbound.fault(era, fault, Some(message)).await);
    }
    let Inbound { shared, head, exchange } = inbound;
    let Slot { session, open } = slot;
    let connection = &exchange.governed().connection;
    let request = outbound(shared, head, connection, session.as_deref(), None, Some(body));
    let changes = judged.class() != Class::Read;
    let about = About { task, line, asked: asked.clone(), changes, ..about(message, &judged.command) };
    let context = ReplyContext { open, ..reply_context(era, about, session, owner, message) };
    let invite = normalized.as_ref().and_then(|_held| Invite::of(shared, era, message, round.clone()));
    let ready = Ready { judged, record, request, context, id, asked, round };
    match normalized {
        // Boxed: the state of either is long, and it is moved about with that of all before it.
        Some(normalized) => {
            Ok(Box::pin(hold_request(exchange, ready, shared, head, &normalized, invite)).await)
        }
        None => Box::pin(send_now(exchange, ready, shared, head, message)).await,
    }
}

/// What a request asks for.
struct Reading {
    owner: Owner,
    commands: Commands,
    /// The method and what it names, on one line.
    line: Box<str>,
    /// The round of a held call that it continues.
    round: Option<Round>,
    /// The message as it was before that round; `None`: as it came.
    bare: Option<Message>,
}

/// Reads what a request asks for.
///
/// # Errors
/// It lacks what its method needs, or could not be split.
fn read(inbound: &Inbound<'_>, era: Era, message: &Message) -> Result<Reading, Fault> {
    let owner = inbound.owner();
    let commands = commands(inbound, &owner, message)?;
    let line: Box<str> = commands.command.summary().into();
    let (round, bare) = invite::continued_round(inbound.shared, era, &owner, &line, message)?.unzip();
    Ok(Reading { owner, commands, line, round, bare })
}

/// The verdict on a request, and what would be sent.
struct Plan {
    judged: Judged,
    /// The message that approvers read; `None`: it needs no approval.
    normalized: Option<Message>,
    /// The message for the target.
    body: Bytes,
}

/// Judges a request, and builds the message for the target.
///
/// # Errors
/// The message could not be split, or has a state that was not given to this client for the same request.
fn plan(
    inbound: &Inbound<'_>,
    owner: &Owner,
    line: &str,
    Commands { command, also }: Commands,
    message: &Message,
) -> Result<Plan, Fault> {
    let judged = judge(&inbound.exchange, command, also, message);
    let normalized = judged.holds().then(|| rewrite::without_attempt_meta(message)).transpose()?;
    let sent = normalized.as_ref().unwrap_or(message);
    let options = &inbound.exchange.governed().connection.mcp;
    let body = rewrite::to_target(sent, options, inbound.shared, owner, line)?;
    Ok(Plan { judged, normalized, body })
}

/// A request that only its policies may still refuse.
struct Ready {
    judged: Judged,
    record: CommandRecord,
    request: Outbound,
    context: ReplyContext,
    id: Bytes,
    asked: Asked,
    /// The round of a held call that it continues.
    round: Option<Round>,
}

/// Holds a request that needs approval: its client polls a task, or waits on a stream.
async fn hold_request(
    exchange: Exchange,
    ready: Ready,
    shared: &McpShared,
    head: &Parts,
    normalized: &Message,
    invite: Option<Invite>,
) -> Response<ReplyBody> {
    let Ready { judged, record, request, context, id, asked, round } = ready;
    if &*context.about.method == "initialize" {
        let denied = Denied::new(DenyCode::Denied, "a session cannot wait for approval").because("not_held");
        let request_id = exchange.request_id();
        let denied = exchange.refuse(record, denied).await;
        return refusal(&denied, context.era, &asked, &id, request_id);
    }
    let (shared, headers) = (shared.clone(), head.headers.clone());
    let held = hold::HeldCall { judged, record, request, context, id, asked, shared, headers, invite };
    if task::serve::becomes_task(&exchange, &held, normalized) {
        let held = hold::HeldCall { invite: None, ..held };
        return task::serve::begin(exchange, held, normalized).await;
    }
    hold::answer(exchange, held, normalized, round.as_ref()).await
}

/// Sends a request that needs no approval, and answers with what the target answers.
async fn send_now(
    exchange: Exchange,
    ready: Ready,
    shared: &McpShared,
    head: &Parts,
    message: &Message,
) -> Result<Response<ReplyBody>, Refused> {
    let Ready { judged, record, request, context, id, asked, round: _ } = ready;
    let (era, request_id) = (context.era, exchange.request_id());
    let refused = |denied: &Denied| refusal(denied, era, &asked, &id, request_id);
    let mut end = Box::pin(exchange.end_watch().wait());
    let connection = &exchange.governed().connection;
    let stored = stored_outcome_key(&context, shared, &judged, message, head, connection);
    let permit = match upstream::admit(exchange, judged, record, request, None).await {
        Ok(permit) => permit,
        Err(denied) => return Ok(refused(&denied)),
    };
    if let Some(stored) = stored {
        shared.outcomes.runs_by_itself(&stored);
    }
    let (answered, mut guard) = upstream::send(permit, end.as_mut()).await;
    match answered {
        Ok(answered) => {
            let (shared, headers) = (shared.clone(), head.headers.clone());
            let relay = Relay { context, shared, guard, headers, id, asked, stays: false };
            http_response(relay, answered, end).await
        }
        Err(denied) => {
            guard.record_failure(&denied);
            Ok(refused(&reply::of_sent(&denied, guard.changes())))
        }
    }
}

/// Builds the context for the reply to a request.
fn reply_context(
    era: Era,
    about: About,
    session: Option<Arc<Session>>,
    owner: Owner,
    message: &Message,
) -> ReplyContext {
    ReplyContext {
        era,
        declared: session.as_ref().map_or_else(|| Declared::of(message), |session| session.declared()),
        about: Arc::new(about),
        session,
        open: None,
        owner,
        progress: f64::NEG_INFINITY,
        subscription: if era == Era::Modern { Subscription::of(message) } else { None },
        agreed: Lists::default(),
        back: None,
    }
}

/// Returns the refusal of a command because of a changed pin, and how that refusal differs; `None` if there
/// is none.
fn refused_by_pins(inbound: &Inbound<'_>, judged: &Judged) -> Option<(Denied, Option<Asked>)> {
    if judged.is_denied() {
        return None;
    }
    let (pins, exchange) = (&inbound.shared.pins, &inbound.exchange);
    check::refused(pins, exchange.governed(), &judged.command, |command| exchange.shows(command))
}

/// Builds the response to a refused request.
fn refusal(denied: &Denied, era: Era, asked: &Asked, id: &[u8], request: RequestId) -> Response<ReplyBody> {
    let (status, body) = reply::refusal(denied, era, asked, id, request);
    json(status, body)
}

/// Returns the key under which the outcome of the same call may be stored; `None` if there is none. Computing
/// it means reading the call once more, so it is only done for callers with a stored outcome.
fn stored_outcome_key(
    context: &ReplyContext,
    shared: &McpShared,
    judged: &Judged,
    message: &Message,
    head: &Parts,
    connection: &Connection,
) -> Option<Key> {
    if &*context.about.method != CALL || !shared.outcomes.keeps_for(&context.owner) {
        return None;
    }
    let sent = rewrite::without_attempt_meta(message).ok()?;
    Some(Key {
        owner: context.owner.clone(),
        session: context.session.as_ref().map(|session| session.id.clone()).unwrap_or_default(),
        rules: Box::default(),
        digest: approval_text::digest(&judged.command, &sent, &head.headers, connection).into(),
    })
}
