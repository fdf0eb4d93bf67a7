//! A held call whose client can lead its person to the approval page: it is answered with the page's address, and comes back with a state
//! that only the same call of the same principal may have. (MCP 2026-07-28, "Multi Round-Trip Requests", "Elicitation", URL mode.)

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;

use crate::domain::ApprovalId;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::domain::json::push_string;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::era::Era;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::sessions::Owner;
use crate::protocol::mcp::shared::McpShared;
use crate::protocol::mcp::way;

/// How long the first round waits: people who are quick need no page.
pub const FIRST: Duration = Duration::from_secs(2);
/// How many rounds there are. Clients give up after ten; the last answer says that the same call again goes on.
const ROUNDS: u8 = 8;
/// Requests that may be answered with a request for input.
const METHODS: [&str; 3] = ["prompts/get", "resources/read", "tools/call"];

/// Where the approval page is, for all threads. It changes with the configuration.
#[derive(Debug, Clone, Default)]
pub struct PageAddress(Arc<ArcSwapOption<String>>);

impl PageAddress {
    /// The page is at that origin from now on; `None`: there is none.
    pub fn set(&self, origin: Option<String>) {
        self.0.store(origin.map(Arc::new));
    }

    /// The address of an approval, where there is a page.
    pub fn of(&self, approval: ApprovalId) -> Option<String> {
        self.0.load().as_ref().map(|origin| format!("{origin}/approval/{approval}"))
    }

    /// Whether there is a page.
    pub fn is_there(&self) -> bool {
        self.0.load().is_some()
    }
}

/// What the round before left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    number: u8,
    /// Of all that would be sent, as the approvers' word is bound to it.
    digest: Box<str>,
    /// Whether the client's own person does not want it any more.
    declined: bool,
}

/// What the gateway's own states are for: no state of a target is given for such a request.
fn place(line: &str) -> String {
    format!("approval of {line}")
}

/// The round that a request goes on with, if its state is one of these, given to this owner for a request like this one.
fn round(shared: &McpShared, owner: &Owner, line: &str, message: &Message) -> Option<Round> {
    let own = message.param(Param::RequestState)?.text()?;
    let kept = shared.bound.state_of(owner, &place(line), &own)?;
    let (number, digest) = std::str::from_utf8(&kept).ok()?.split_once(' ')?;
    Some(Round { number: number.parse().ok()?, digest: digest.into(), declined: declined(message) })
}

/// Whether the person who was led to the page said no there and then, or closed the question. An answer that cannot be read is a no.
fn declined(message: &Message) -> bool {
    let Some(responses) = message.param(Param::InputResponses) else { return false };
    let responses = Json::parse(responses.raw, DEPTH).ok();
    let action = responses.as_ref().and_then(|all| all.member("approval")?.member("action")?.as_str());
    action != Some("accept")
}

/// The message as it was first: without the state, and without what its person answered.
fn bare(message: &Message) -> Result<Message, Fault> {
    let own = ["requestState", "inputResponses"];
    way::without_params(message, |name| own.contains(&name))
}

/// The round that a request goes on with, and the request as it was first; `None`: it is a new one.
///
/// # Errors
/// It could not be taken apart.
pub fn goes_on(
    shared: &McpShared,
    era: Era,
    owner: &Owner,
    line: &str,
    message: &Message,
) -> Result<Option<(Round, Message)>, Fault> {
    let round = (era == Era::Modern).then(|| round(shared, owner, line, message)).flatten();
    round.map(|round| Ok((round, bare(message)?))).transpose()
}

/// A call that waits.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Whose it is.
    pub owner: &'a Owner,
    /// What it is for, on one line.
    pub line: &'a str,
    /// Of all that would be sent.
    pub digest: &'a str,
    /// Its id as it was written.
    pub id: &'a [u8],
}

/// A call that may be answered with the page's address.
#[derive(Debug, Clone)]
pub struct Invite {
    round: Option<Round>,
}

impl Invite {
    /// `None`: its client cannot be led anywhere, there is no page, or the target itself has asked for something. `message` is bare.
    pub fn of(shared: &McpShared, era: Era, message: &Message, round: Option<Round>) -> Option<Self> {
        let may = era == Era::Modern
            && message.method().is_some_and(|method| METHODS.contains(&&*method))
            && message.param(Param::RequestState).is_none()
            && message.param(Param::InputResponses).is_none()
            && shared.page.is_there();
        if !may {
            return None;
        }
        let capabilities = message.meta(Meta::ClientCapabilities)?;
        let capabilities = Json::parse(capabilities.raw, DEPTH).ok()?;
        capabilities.member("elicitation")?.member("url")?;
        Some(Self { round })
    }

    /// How long this round waits, where it may wait so long.
    pub fn patience(&self, most: Duration) -> Duration {
        if self.round.is_some() { most } else { most.min(FIRST) }
    }

    /// The answer to a call that still waits, with the page's address in the first round; `None`: it is refused as any other.
    pub fn answer(&self, denied: &Denied, call: Call<'_>, shared: &McpShared) -> Option<Bytes> {
        let Call { owner, line, digest, id } = call;
        let approval = denied.approval.filter(|_| denied.code == DenyCode::ApprovalPending)?;
        let number = self.round.as_ref().map_or(0, |round| round.number) + 1;
        let url = shared.page.of(approval).filter(|_| number <= ROUNDS)?;
        let state = shared.bound.state(owner, &place(line), format!("{number} {digest}").as_bytes());
        let mut out = String::from("{\"jsonrpc\":\"2.0\",\"id\":");
        out.push_str(&String::from_utf8_lossy(id));
        out.push_str(",\"result\":{\"resultType\":\"input_required\",");
        if self.round.is_none() {
            out.push_str("\"inputRequests\":{\"approval\":{\"method\":\"elicitation/create\",\"params\":{\"mode\":\"url\",\"url\":");
            push_string(&url, &mut out);
            out.push_str(",\"message\":");
            let waits = denied.detail.split(';').next().unwrap_or_default();
            let connection = &owner.connection;
            let words = format!(
                "{line} on {connection}: {waits}. The page shows all of it; who may decide approves or denies it there. To decline takes the call back."
            );
            push_string(&words, &mut out);
            out.push_str("}}},");
        }
        let _infallible = write!(out, "\"requestState\":{state}}}}}");
        Some(out.into())
    }
}

impl Round {
    /// Whether it is the round of a request with this digest.
    pub fn is_of(&self, digest: &str) -> bool {
        *self.digest == *digest
    }

    /// Whether the client's own person took the call back.
    pub fn is_declined(&self) -> bool {
        self.declined
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mcp::codec::envelope::Limits;

    const URL: &str = r#""_meta":{"io.modelcontextprotocol/clientCapabilities":{"elicitation":{"url":{}}}}"#;

    fn message(params: &str) -> Message {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","arguments":{{"n":1.10}}{params}}}}}"#
        );
        Message::scan(body.into(), Limits::new(8192)).unwrap()
    }

    fn owner(principal: &str, connection: &str) -> Owner {
        Owner { principal: principal.into(), connection: connection.into() }
    }

    fn call<'a>(owner: &'a Owner, digest: &'a str) -> Call<'a> {
        Call { owner, line: "tools/call a", digest, id: b"7" }
    }

    fn shared() -> McpShared {
        let shared = McpShared::default();
        shared.page.set(Some("https://gw.example".to_owned()));
        shared
    }

    fn pending(approval: ApprovalId) -> Denied {
        let detail = "apr_x waits for 1 of dba; repeat the same request later";
        Denied { approval: Some(approval), ..Denied::new(DenyCode::ApprovalPending, detail) }
    }

    #[test]
    fn only_a_client_that_can_be_led_is_led_to_a_page_that_is_there() {
        let can =
            |shared: &McpShared, era, params: &str| Invite::of(shared, era, &message(params), None).is_some();
        let with = format!(",{URL}");
        assert!(can(&shared(), Era::Modern, &with));
        assert!(!can(&McpShared::default(), Era::Modern, &with));
        assert!(!can(&shared(), Era::Legacy, &with));
        for params in [
            String::new(),
            with.replace("url", "form"),
            with.replace(r#""elicitation":{"url":{}}"#, r#""elicitation":"url""#),
            format!(r#"{with},"requestState":"theirs""#),
            format!(r#"{with},"inputResponses":{{}}"#),
        ] {
            assert!(!can(&shared(), Era::Modern, &params), "{params}");
        }
    }

    #[test]
    fn a_state_goes_on_with_the_same_call_of_the_same_principal_only() {
        let (shared, ann, approval) = (shared(), owner("ann", "crm"), ApprovalId::new());
        let invite = Invite::of(&shared, Era::Modern, &message(&format!(",{URL}")), None).unwrap();
        let answer = invite.answer(&pending(approval), call(&ann, "D1"), &shared).unwrap();
        let answer = Json::parse(&answer, 16).unwrap();
        let result = answer.member("result").unwrap();
        assert_eq!(result.member("resultType").and_then(Json::as_str), Some("input_required"));
        let asked = result.member("inputRequests").unwrap().member("approval").unwrap();
        let params = asked.member("params").unwrap();
        assert_eq!(
            params.member("url").and_then(Json::as_str),
            Some(format!("https://gw.example/approval/{approval}").as_str())
        );
        assert!(params.member("message").and_then(Json::as_str).unwrap().contains("waits for 1 of dba"));
        let state = result.member("requestState").and_then(Json::as_str).unwrap();
        assert!(!state.contains("D1") && state.len() == 48);
        let again = message(&format!(
            r#","requestState":"{state}","inputResponses":{{"approval":{{"action":"accept"}}}},{URL}"#
        ));
        let round_of = |owner: &Owner, line: &str| round(&shared, owner, line, &again);
        let found = round_of(&ann, "tools/call a").unwrap();
        assert!(found.is_of("D1") && !found.is_of("D2") && !found.is_declined());
        for (responses, declined) in [
            (r#","inputResponses":{"approval":{"action":"decline"}}"#, true),
            (r#","inputResponses":{"approval":{"action":"cancel"}}"#, true),
            (r#","inputResponses":{"other":{"action":"accept"}}"#, true),
            (r#","inputResponses":{"approval":{"action":"accept"}}"#, false),
            // Later rounds ask nothing, so there is nothing to answer.
            ("", false),
        ] {
            let said = message(&format!(r#","requestState":"{state}"{responses}"#));
            assert_eq!(
                round(&shared, &ann, "tools/call a", &said).unwrap().is_declined(),
                declined,
                "{responses}"
            );
        }
        for (owner, line) in [
            (owner("bob", "crm"), "tools/call a"),
            (owner("ann", "shop"), "tools/call a"),
            (owner("ann", "crm"), "tools/call b"),
        ] {
            assert_eq!(round_of(&owner, line), None);
        }
        // To the target it is no state at all, and one of the target's is none of these.
        assert_eq!(shared.bound.state_of(&ann, "tools/call a", state), None);
        let theirs = shared.bound.state(&ann, "tools/call a", b"\"1 D1\"");
        let theirs = message(&format!(r#","requestState":{theirs}"#));
        assert_eq!(round(&shared, &ann, "tools/call a", &theirs), None);
        // What goes on is the call as it was, byte for byte but for the blanks.
        assert_eq!(bare(&again).unwrap().body(), message(&format!(",{URL}")).body());
    }

    #[test]
    fn later_rounds_do_not_ask_again_and_end_in_time() {
        let (shared, ann) = (shared(), owner("ann", "crm"));
        let at = |number| Invite { round: Some(Round { number, digest: "d".into(), declined: false }) };
        let answer = |invite: &Invite, denied: &Denied| invite.answer(denied, call(&ann, "d"), &shared);
        let second = answer(&at(1), &pending(ApprovalId::new())).unwrap();
        let second = Json::parse(&second, 16).unwrap();
        assert!(second.member("result").unwrap().member("inputRequests").is_none());
        assert!(answer(&at(ROUNDS - 1), &pending(ApprovalId::new())).is_some());
        assert!(answer(&at(ROUNDS), &pending(ApprovalId::new())).is_none());
        let denied =
            Denied { approval: Some(ApprovalId::new()), ..Denied::new(DenyCode::ApprovalDenied, "no") };
        assert!(answer(&at(1), &denied).is_none(), "a no is a no");
        let first = Invite { round: None };
        let (long, short) = (Duration::from_secs(50), Duration::from_secs(1));
        assert_eq!((first.patience(long), first.patience(short)), (FIRST, short));
        assert_eq!(at(1).patience(long), long);
    }
}
