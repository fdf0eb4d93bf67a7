//! Requests that need approval: the client waits on a stream, or polls a task; once approved, the request is
//! sent, once.
//!
//! Clients time out after one minute, or after five with keep-alives. The stream therefore opens at once and
//! is kept alive; after [`PATIENCE`] the call returns as pending, and an identical call resumes the wait, or
//! runs once it is approved. In a legacy session a lost stream does the same (the client cancels explicitly);
//! in the modern era a lost stream withdraws the call. Nothing runs for a client that is gone.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::Response;
use http::StatusCode;
use tokio::sync::oneshot;

use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::RequestId;
use crate::domain::SessionEnd;
use crate::domain::command::mcp::CALL;
use crate::domain::json::write::Object;
use crate::pipeline;
use crate::pipeline::CommandRecord;
use crate::pipeline::Exchange;
use crate::pipeline::Judged;
use crate::pipeline::snapshot::Governed;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::era::INVALID_PARAMS;
use crate::protocol::mcp::from_client::rewrite;
use crate::protocol::mcp::from_target::context::Came;
use crate::protocol::mcp::from_target::context::ReplyContext;
use crate::protocol::mcp::from_target::context::Taken;
use crate::protocol::mcp::from_target::context::garbage;
use crate::protocol::mcp::from_target::relay::Relay;
use crate::protocol::mcp::from_target::stream;
use crate::protocol::mcp::held::approval_text::binding;
use crate::protocol::mcp::held::invite::Call;
use crate::protocol::mcp::held::invite::Invite;
use crate::protocol::mcp::held::invite::PageAddress;
use crate::protocol::mcp::held::invite::Round;
use crate::protocol::mcp::held::outcome::Again;
use crate::protocol::mcp::held::outcome::Key;
use crate::protocol::mcp::held::sink::Sink;
use crate::protocol::mcp::pin::check;
use crate::protocol::mcp::reply;
use crate::protocol::mcp::reply::Asked;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::state::sessions::Session;
use crate::protocol::mcp::state::shared::HeldKey;
use crate::protocol::mcp::state::shared::HeldRequest;
use crate::protocol::mcp::state::shared::McpShared;
use crate::protocol::mcp::upstream;
use crate::protocol::mcp::upstream::Answer;
use crate::protocol::mcp::upstream::Answered;
use crate::protocol::mcp::upstream::Outbound;
use crate::protocol::mcp::upstream::Permitted;
use crate::protocol::web::body::ReplyBody;

/// How long a client waits for a decision in one call, unless the connection's `approval_wait` is shorter:
/// less than the minute after which the official TypeScript SDK times out.
pub const PATIENCE: Duration = Duration::from_secs(50);
/// How often the client is told that it still waits.
pub const TICK: Duration = Duration::from_secs(10);
/// A held request.
pub struct HeldCall {
    /// The verdict on it.
    pub judged: Judged,
    /// Its record.
    pub record: CommandRecord,
    /// The message to send once it is approved.
    pub request: Outbound,
    /// The context for its reply.
    pub context: ReplyContext,
    /// Its id as it was written.
    pub id: Bytes,
    /// How a refusal differs by the request.
    pub asked: Asked,
    /// The state shared by all requests.
    pub shared: McpShared,
    /// The headers of the client's request.
    pub headers: HeaderMap,
    /// Set if its client can be led to the approval page.
    pub invite: Option<Invite>,
}

/// Opens the client's stream and waits on it. `message` is the normalized message that will be sent
/// ([`crate::protocol::mcp::from_client::rewrite::without_attempt_meta`]); `round` is the round that it
/// continues.
pub async fn answer(
    exchange: Exchange,
    mut held: HeldCall,
    message: &Message,
    round: Option<&Round>,
) -> Response<ReplyBody> {
    let token = message.meta(Meta::ProgressToken).map(|token| Bytes::copy_from_slice(token.raw));
    let (told, hears) = oneshot::channel();
    upstream::remove_attempt_headers(&mut held.request);
    let (response, out) = stream::open();
    let out = Sink::Stream(out);
    let wait = out.patience(exchange.governed().connection.limits.approval_wait);
    let wait = held.invite.as_ref().map_or(wait, |invite| invite.patience(wait));
    let mut binding = binding(&held.judged, message, &held.headers, exchange.governed(), wait, told);
    if round.is_some_and(|round| !round.is_of(&binding.bytes_digest)) {
        // The state belongs to another request; its client is told that it does not exist.
        let fault = Fault::new(StatusCode::OK, INVALID_PARAMS, rewrite::NO_STATE);
        let denied = Denied::new(DenyCode::BadRequest, rewrite::NO_STATE).because("mcp_state");
        exchange.refuse(held.record, denied).await;
        return reply::json(fault.status, fault.body(held.context.era, Some(&held.id)));
    }
    if round.is_some_and(Round::is_declined) {
        tokio::task::spawn_local(take_back(exchange, held, binding, hears, out));
        return response;
    }
    let page = held.shared.page.clone();
    let (leave, leaves) = oneshot::channel();
    // In a session a lost stream withdraws nothing, since the client can cancel explicitly.
    let leave = held.context.session.is_some().then_some(leave);
    binding.leaves = leave.is_some().then_some(leaves);
    let ticks = Ticks { token, hears: Some(hears), page, approval: String::new(), told: 0, leave };
    tokio::task::spawn_local(self::wait(exchange, held, binding, Some(ticks), out));
    response
}

/// Withdraws a call that its own person has declined: joins the pending approval and withdraws it. The call
/// does not run, even if it was approved in the meantime.
async fn take_back(
    exchange: Exchange,
    held: HeldCall,
    binding: pipeline::Held,
    hears: oneshot::Receiver<pipeline::Waiting>,
    out: Sink,
) {
    let HeldCall { judged, record, request, mut context, id, asked, .. } = held;
    let request_id = exchange.request_id();
    let denied =
        Denied::new(DenyCode::Denied, "its own user declined it; it was not run").because("declined");
    let said = {
        let mut admitted = std::pin::pin!(upstream::admit(exchange, judged, record, request, Some(binding)));
        tokio::select! {
            biased;
            admitted = admitted.as_mut() => Some(admitted),
            // Dropping the future withdraws its approval.
            Ok(_waits) = hears => None,
        }
    };
    let denied = match said {
        Some(Err(other)) => other,
        Some(Ok(permit)) => {
            upstream::withhold(permit).record_failure(&denied);
            denied
        }
        None => denied,
    };
    context.is_answered();
    out.last(reply::refusal(&denied, context.era, &asked, &id, request_id).1).await;
}

/// Waits for a decision, then sends the approved request and passes on the answer. `ticks`: what the client
/// is told while it waits.
pub async fn wait(
    exchange: Exchange,
    held: HeldCall,
    binding: pipeline::Held,
    ticks: Option<Ticks>,
    out: Sink,
) {
    let HeldCall { judged, record, request, mut context, id, asked, shared, headers, invite } = held;
    let request_id = exchange.request_id();
    let era = context.era;
    let refused = |denied: &Denied| reply::refusal(denied, era, &asked, &id, request_id).1;
    // Without a session a client cancels by closing the stream, since the ids of several clients of one
    // principal may collide.
    let key = context.session.as_ref().zip(context.about.id.clone());
    let key =
        key.map(|(session, id)| HeldKey { owner: context.owner.clone(), session: session.id.clone(), id });
    let cancel = key.map(|key| shared.held.hold(key, &binding.bytes_digest));
    if matches!(cancel, Some(None)) {
        let denied = Denied::new(DenyCode::BadRequest, "a request with this id already waits");
        let denied = exchange.refuse(record, denied.because("mcp_id_twice")).await;
        context.is_answered();
        out.last(refused(&denied)).await;
        return;
    }
    let cancel = cancel.flatten();
    let governed = Arc::clone(exchange.governed());
    let call_key = call_key(&judged, &context, &binding);
    let digest = binding.bytes_digest.clone();
    if let Some(coming) = call_key.as_ref().and_then(|call_key| shared.outcomes.of(call_key, &governed)) {
        let again = Again { judged, record, id: id.clone(), coming, open: context.open.take() };
        if let Err(denied) =
            again.answer(exchange, &out, or_never(cancel.as_ref().map(HeldRequest::cancelled))).await
        {
            out.last(refused(&denied)).await;
        }
        return;
    }
    let mut end = Box::pin(exchange.end_watch().wait());
    let command = judged.command.clone();
    let said = {
        let admitted = std::pin::pin!(upstream::admit(exchange, judged, record, request, Some(binding)));
        wait_for_decision(admitted, ticks, &mut context, &out, cancel.as_ref()).await
    };
    drop(cancel);
    // Dropping the future withdraws its approval.
    let Some(admitted) = said else { return };
    let permit = match admitted {
        Ok(permit) => permit,
        Err(denied) => {
            context.is_answered();
            let (owner, line) = (&context.owner, &*context.about.line);
            let call = Call { owner, line, digest: &digest, id: &id };
            let invited = invite.and_then(|invite| invite.answer(&denied, call, &shared));
            out.last(invited.unwrap_or_else(|| refused(&denied))).await;
            return;
        }
    };
    if !out.begins() {
        let denied = Denied::new(DenyCode::ApprovalExpired, "its client withdrew it").because("cancelled");
        upstream::withhold(permit).record_failure(&denied);
        return;
    }
    let approved = Approved { context, shared, headers, id, asked, request_id, command, call_key, governed };
    approved.run(permit, out, end.as_mut()).await;
}

/// Waits for a decision, and keeps the client's stream alive. `None`: the client has cancelled the call.
async fn wait_for_decision(
    mut admitted: Pin<&mut impl Future<Output = Result<Permitted, Denied>>>,
    mut ticks: Option<Ticks>,
    context: &mut ReplyContext,
    out: &Sink,
    cancel: Option<&HeldRequest>,
) -> Option<Result<Permitted, Denied>> {
    let mut away = false;
    loop {
        let left = tokio::select! {
            biased;
            admitted = admitted.as_mut() => return Some(admitted),
            () = or_never(cancel.map(HeldRequest::cancelled)) => return None,
            is_pending = or_never(ticks.as_mut().map(Ticks::becomes_pending)) => {
                if let Some(cancel) = cancel.filter(|_| is_pending) {
                    cancel.becomes_pending();
                }
                false
            }
            // The session is over, so nobody can resume the call.
            () = or_never(context.session.as_deref().map(Session::runs_out)), if away => return None,
            () = out.left(), if !away => true,
            () = tokio::time::sleep(TICK), if !away => {
                // A client that does not read must not delay the decision or the end.
                tokio::select! {
                    biased;
                    admitted = admitted.as_mut() => return Some(admitted),
                    told = tick(ticks.as_mut(), context, out) => told.is_err(),
                }
            }
        };
        if left {
            let leave = ticks.as_mut().and_then(|ticks| ticks.leave.take())?;
            let (session, cancel) = context.session.as_ref().zip(cancel)?;
            if !session.is_fresh() {
                return None;
            }
            away = true;
            cancel.leaves();
            context.is_answered();
            // If the receiver is gone, the call was approved just now: it runs as for a client that leaves a
            // moment later.
            let _unheard = leave.send(());
        }
    }
}

/// An approved call.
struct Approved {
    context: ReplyContext,
    shared: McpShared,
    headers: HeaderMap,
    id: Bytes,
    asked: Asked,
    request_id: RequestId,
    command: Command,
    /// The key of the same call when it is repeated.
    call_key: Option<Key>,
    governed: Arc<Governed>,
}

impl Approved {
    /// Sends it, and passes on the answer.
    async fn run(self, permit: Permitted, out: Sink, mut end: Pin<&mut impl Future<Output = SessionEnd>>) {
        let Self { mut context, shared, headers, id, asked, request_id, command, call_key, governed } = self;
        let era = context.era;
        // An approval takes time, and a pin may have changed meanwhile. Only a change of the requested item
        // is named.
        let asked_for = |other: &Command| other.summary() == command.summary();
        if let Some((denied, otherwise)) = check::refused(&shared.pins, &governed, &command, asked_for) {
            upstream::withhold(permit).record_failure(&denied);
            context.is_answered();
            let asked = otherwise.as_ref().unwrap_or(&asked);
            out.last(reply::refusal(&denied, era, asked, &id, request_id).1).await;
            return;
        }
        // From here on the call runs to its end, whether or not the client still listens, although leaving a
        // stream cancels it in the modern era.
        let once = permit.is_once();
        if let Some(call_key) = call_key.filter(|_| once) {
            context.about.awaited.begin(shared.outcomes.begin(call_key, &governed));
        }
        let (answered, guard) = upstream::send(permit, end.as_mut()).await;
        let stays = era == Era::Legacy;
        let relay = Relay { context, shared, guard, headers, id, asked, stays };
        pass_on(relay, answered, out, end).await;
    }
}

/// Returns the key of the call; `None` if it is not a tool call.
fn call_key(judged: &Judged, context: &ReplyContext, binding: &pipeline::Held) -> Option<Key> {
    (&*context.about.method == CALL).then(|| Key {
        owner: context.owner.clone(),
        session: context.session.as_ref().map(|session| session.id.clone()).unwrap_or_default(),
        rules: judged.rules().into(),
        digest: binding.bytes_digest.as_str().into(),
    })
}

/// Passes on the answer to an approved request.
async fn pass_on(
    mut relay: Relay,
    answered: Result<Answered, Denied>,
    out: Sink,
    mut end: Pin<&mut impl Future<Output = SessionEnd>>,
) {
    let answer = match answered {
        Ok(answered) => answered.body,
        Err(denied) => {
            let (_, body) = relay.refuses(&denied);
            out.last(body).await;
            return;
        }
    };
    let read = match answer {
        Answer::Stream(source) => return relay.run(source, out, end).await,
        Answer::One(body, decoder) => upstream::one(body, decoder, end.as_mut()).await,
        Answer::Said { body, .. } => Ok(body),
        Answer::Nothing => Err(garbage("it answered without a message")),
        Answer::Strange => Err(upstream::strange(relay.guard.governed())),
    };
    let taken =
        read.and_then(|data| relay.context.take(&relay.shared, &mut relay.guard, data, Came::Alone(200)));
    let denied = match taken {
        Ok(Taken::Pass { body, .. }) => {
            let heard = out.last(body.clone()).await;
            relay.context.about.awaited.done(body, heard);
            return;
        }
        Ok(Taken::Drop | Taken::Answer(_)) => garbage("its answer is not the one to this request"),
        Err(denied) => denied,
    };
    let (_, body) = relay.fails(denied);
    out.last(body).await;
}

/// Waits for a future; without one, for ever.
async fn or_never<T>(future: Option<impl Future<Output = T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn tick(ticks: Option<&mut Ticks>, context: &mut ReplyContext, out: &Sink) -> Result<(), stream::Left> {
    match ticks {
        Some(ticks) => ticks.tick(context, out).await,
        None => Ok(()),
    }
}

/// What a waiting client is told.
pub struct Ticks {
    /// The client's progress token, as JSON.
    token: Option<Bytes>,
    /// Set until the call is pending.
    hears: Option<oneshot::Receiver<pipeline::Waiting>>,
    page: PageAddress,
    approval: String,
    told: u32,
    /// Signals that the client has lost its stream; `None` if that withdraws the call.
    leave: Option<oneshot::Sender<()>>,
}

impl Ticks {
    /// Resolves to true when the call is pending, or to false when it need not wait.
    async fn becomes_pending(&mut self) -> bool {
        let Some(hears) = &mut self.hears else { return std::future::pending().await };
        let waiting = hears.await;
        self.hears = None;
        let Ok(waiting) = waiting else { return false };
        let address = self.page.of(waiting.approval).map(|url| format!(": {url}")).unwrap_or_default();
        self.approval = format!(" {} by {}{address}", waiting.approval, waiting.from.join(", "));
        true
    }

    async fn tick(&mut self, context: &mut ReplyContext, out: &Sink) -> Result<(), stream::Left> {
        let Some(token) = &self.token else { return out.keep_alive().await };
        self.told += 1;
        // So small that hardly any progress of the target itself is less.
        let progress = f64::from(self.told) / 1e6;
        context.progress = progress;
        let words = format!("waiting for approval{}", self.approval);
        let mut body = String::new();
        let mut message = Object::begin(&mut body);
        message.word("jsonrpc", "2.0").word("method", "notifications/progress");
        message
            .object("params")
            .value("progressToken", String::from_utf8_lossy(token))
            .value("progress", format_args!("{progress:.6}"))
            .text("message", &words);
        drop(message);
        out.message(body.into(), None, None).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tests::connection;
    use crate::pipeline::tests::nobody;
    use crate::pipeline::tests::snapshot;
    use crate::protocol::mcp::codec::envelope::id::Id;
    use crate::protocol::mcp::from_target::lists::Lists;
    use crate::protocol::mcp::server_request::declared::Declared;
    use crate::protocol::mcp::state::sessions::About;
    use crate::protocol::mcp::state::sessions::Owner;

    #[tokio::test(start_paused = true)]
    async fn a_call_that_was_left_is_withdrawn_when_its_session_has_run_out() {
        let now = snapshot(nobody(), vec![connection("crm", "a.internal")], &[], "dba");
        let governed = now.connection("crm").unwrap();
        let owner = Owner { principal: "ann".into(), issuer: [0; 32], connection: "crm".into() };
        let shared = McpShared::default();
        let session = shared.sessions.open(owner.clone(), governed, "theirs").unwrap();
        let key = HeldKey { owner: owner.clone(), session: session.id.clone(), id: Id::Number(1) };
        let cancel = shared.held.hold(key, "a").unwrap();
        let (response, out) = stream::open();
        drop(response);
        let (leave, leaves) = oneshot::channel();
        let ticks = Ticks {
            token: None,
            hears: None,
            page: PageAddress::default(),
            approval: String::new(),
            told: 0,
            leave: Some(leave),
        };
        let mut context = ReplyContext {
            era: Era::Legacy,
            declared: Declared::default(),
            about: Arc::new(About::default()),
            session: Some(Arc::clone(&session)),
            open: None,
            owner: owner.clone(),
            progress: 0.0,
            subscription: None,
            agreed: Lists::default(),
            back: None,
        };
        let admitted = std::pin::pin!(std::future::pending());
        let out = Sink::Stream(out);
        let begin = tokio::time::Instant::now();
        // The session is used once more, so the client may come back for another half hour.
        let seen = async {
            tokio::time::sleep(Duration::from_mins(20)).await;
            assert!(shared.sessions.find(&session.id, &owner, governed).is_some());
        };
        let waits = wait_for_decision(admitted, Some(ticks), &mut context, &out, Some(&cancel));
        let both = async { tokio::join!(waits, seen).0 };
        let said = tokio::time::timeout(Duration::from_hours(2), both).await;
        assert!(matches!(said, Ok(None)), "it waits for ever");
        assert_eq!(begin.elapsed().as_secs() / 60, 50);
        assert!(leaves.await.is_ok());
    }
}
