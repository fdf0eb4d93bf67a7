//! Sends messages into a channel: finds the channel, and is the only place where a permit becomes a message
//! in one.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::StatusCode;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::SessionEnd;
use crate::pipeline::Permit;
use crate::pipeline::ReplyGuard;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::refusal::INVALID_REQUEST;
use crate::protocol::mcp::duplex::Mail;
use crate::protocol::mcp::duplex::Solo;
use crate::protocol::mcp::duplex::peer;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::sse;
use crate::protocol::mcp::state::sessions::Theirs;
use crate::protocol::mcp::stdio::Programs;
use crate::protocol::mcp::stdio::environment::Spec;
use crate::protocol::mcp::stdio::joint::Joint;
use crate::protocol::mcp::stdio::joint::NoJoint;
use crate::protocol::mcp::upstream::Answer;
use crate::protocol::mcp::upstream::Answered;
use crate::protocol::mcp::upstream::Source;
use crate::protocol::web::upstream::Reach;

/// How long the first message of an answer is awaited before the client gets a stream with keep-alives.
const PROMPT: Duration = Duration::from_secs(5);

/// A message to be sent into a channel.
pub struct Letter {
    programs: Programs,
    /// The channel of the client's session, in the legacy era.
    session: Option<Arc<Solo>>,
    what: What,
}

enum What {
    Message(Bytes, Era),
    Listen,
    End,
}

impl Letter {
    /// Creates the equivalent of an HTTP request with this method.
    pub fn new(
        programs: Programs,
        method: &Method,
        session: Option<Arc<Solo>>,
        body: Option<Bytes>,
        era: Era,
    ) -> Self {
        let what = match body {
            Some(body) => What::Message(body, era),
            None if *method == Method::DELETE => What::End,
            None => What::Listen,
        };
        Self { programs, session, what }
    }
}

/// Sends a permitted message; returns the answer, and always the guard that the answer must pass.
pub async fn send(
    permit: Permit<Letter>,
    mut end: Pin<&mut impl Future<Output = SessionEnd>>,
) -> (Result<Answered, Denied>, ReplyGuard) {
    let (letter, mut guard) = permit.into_parts();
    let went = Cell::new(false);
    let answered = tokio::select! {
        biased;
        end = end.as_mut() => {
            let ended = crate::pipeline::session_ended(end);
            Err(if went.get() { ended.after_sending() } else { ended })
        }
        answered = deliver(letter, &mut guard, &went) => answered,
    };
    (answered, guard)
}

/// Sends a message; sets `went` once some of it may have been delivered.
async fn deliver(letter: Letter, guard: &mut ReplyGuard, went: &Cell<bool>) -> Result<Answered, Denied> {
    let Letter { programs, session, what } = letter;
    let (body, era) = match (what, session.as_ref()) {
        (What::Message(body, era), _) => (body, era),
        (What::Listen, Some(solo)) => {
            guard.credential().await?;
            solo.touch(guard);
            let body = Answer::Stream(Source::Solo(solo.listen()?, Arc::clone(solo)));
            return Ok(Answered { status: StatusCode::OK, session: None, body });
        }
        (What::End, Some(_)) => return Ok(nothing(StatusCode::OK)),
        (What::Listen | What::End, None) => return Ok(nothing(StatusCode::BAD_REQUEST)),
    };
    let credential = guard.credential().await?;
    let message = Message::scan(body, Limits::new(usize::MAX)).map_err(|_unreadable| unsent())?;
    // A version in the message itself means the modern era, whichever version it is.
    let era = if message.meta(Meta::ProtocolVersion).is_some() { Era::Modern } else { era };
    let silence = guard.governed().connection.limits.response;
    if let Some(solo) = session.filter(|_| era == Era::Legacy) {
        solo.touch(guard);
        went.set(true);
        return match message.kind() {
            Kind::Request => {
                answer(solo.ask(&message, patience(&message, silence), silence).await?, Some(solo)).await
            }
            Kind::Notification | Kind::Response | Kind::Error => {
                solo.tell(&message, silence).await.map(|()| nothing(StatusCode::ACCEPTED))
            }
        };
    }
    let governed = Arc::clone(guard.governed());
    let secret = credential.as_ref().and_then(|credential| credential.secret());
    // `None`: the target is a server, which is of the legacy era.
    let spec = Spec::new(&governed.connection, secret.map(|secret| &**secret), guard.masks());
    match (era, message.kind()) {
        (Era::Legacy, Kind::Request) if message.method().as_deref() == Some("initialize") => {
            let solo = match spec {
                Some(spec) => programs.begin(spec, guard.session_id()).await?,
                None => sse::begin(Reach::of(guard)).await?,
            };
            solo.touch(guard);
            went.set(true);
            let mut answered =
                answer(solo.ask(&message, silence, silence).await?, Some(Arc::clone(&solo))).await?;
            // A peer that refuses the client has no session with it.
            let opened = !matches!(answered.body, Answer::Said { failed: true, .. });
            answered.session = opened.then_some(Theirs::Solo(solo));
            Ok(answered)
        }
        (Era::Legacy, _) => Ok(nothing(StatusCode::BAD_REQUEST)),
        (Era::Modern, kind) => {
            let Some(spec) = spec else { return Ok(legacy_only(&message)) };
            let joint = match Joint::of(&programs, &governed, secret, spec, guard.end_watch()).await {
                Ok(joint) => joint,
                Err(NoJoint::Legacy) => return Ok(legacy_only(&message)),
                Err(NoJoint::Denied(denied)) => return Err(denied),
            };
            joint.touch(guard.end_watch());
            went.set(true);
            if kind == Kind::Request {
                let mail = joint.ask(&message, guard.session_id(), silence).await?;
                return answer(mail.within(patience(&message, silence), || None, || {}), None).await;
            }
            joint.tell(&message, guard.session_id(), silence).await.map(|()| nothing(StatusCode::ACCEPTED))
        }
    }
}

/// Returns how long the target may be silent during a request. Some requests are only answered when something
/// happens.
fn patience(message: &Message, silence: Duration) -> Duration {
    let waits = matches!(message.method().as_deref(), Some("subscriptions/listen" | "tasks/result"));
    if waits { Duration::MAX } else { silence }
}

/// Builds the answer from the first message: a response is the single message, anything else begins a stream
/// that ends with the response.
async fn answer(mut mail: Mail, solo: Option<Arc<Solo>>) -> Result<Answered, Denied> {
    if let Ok(first) = tokio::time::timeout(PROMPT, mail.next()).await {
        let gone = || solo.as_ref().map_or_else(|| peer::Kind::SharedProgram.gone(), |solo| solo.gone());
        let first = first?.ok_or_else(|| gone().after_sending())?;
        if let Some(answer) = first.answer {
            let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
            let body = Answer::Said { body: first.body, failed: answer.failed };
            return Ok(Answered { status, session: None, body });
        }
        mail.put_back(first);
    }
    let source = match solo {
        Some(solo) => Source::Solo(mail, solo),
        None => Source::Shared(mail),
    };
    Ok(Answered { status: StatusCode::OK, session: None, body: Answer::Stream(source) })
}

const fn nothing(status: StatusCode) -> Answered {
    Answered { status, session: None, body: Answer::Nothing }
}

/// Returns the answer of a legacy server behind HTTP+SSE to a modern client, which then begins with
/// `initialize`.
fn legacy_only(message: &Message) -> Answered {
    let detail = "this server knows older versions of MCP only; begin with initialize";
    let fault = Fault::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, detail);
    let body = match message.id_value() {
        Some(id) => Answer::Said { body: fault.body(Era::Modern, Some(id.raw)), failed: true },
        None => Answer::Nothing,
    };
    Answered { status: fault.status, session: None, body }
}

fn unsent() -> Denied {
    Denied::new(DenyCode::Internal, "the message could not be delivered to the target")
}
