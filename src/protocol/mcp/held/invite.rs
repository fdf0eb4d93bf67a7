//! Held calls whose client can lead its person to the approval page: the answer contains the page's address,
//! and the client repeats the call with a state that is only valid for the same call of the same principal.
//! (MCP 2026-07-28, "Multi Round-Trip Requests", "Elicitation", URL mode.)

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;

use crate::domain::ApprovalId;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::domain::json::write::Object;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::from_client::era::Era;
use crate::protocol::mcp::from_client::rewrite;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::state::sessions::Owner;
use crate::protocol::mcp::state::shared::McpShared;

/// How long the first round waits: a quick decision needs no page.
pub const FIRST: Duration = Duration::from_secs(2);
/// The number of rounds. Clients give up after ten; the last answer says that the same call continues.
const ROUNDS: u8 = 8;
/// The requests that may be answered with a request for input.
const METHODS: [&str; 3] = ["prompts/get", "resources/read", "tools/call"];

/// The address of the approval page, shared by all threads. It changes with the configuration.
#[derive(Debug, Clone, Default)]
pub struct PageAddress(Arc<ArcSwapOption<String>>);

impl PageAddress {
    /// Sets the origin of the page; `None`: there is no page.
    pub fn set(&self, origin: Option<String>) {
        self.0.store(origin.map(Arc::new));
    }

    /// Returns the address of an approval; `None` if there is no page.
    pub fn of(&self, approval: ApprovalId) -> Option<String> {
        self.0.load().as_ref().map(|origin| format!("{origin}/approval/{approval}"))
    }

    /// Returns whether there is a page.
    pub fn is_there(&self) -> bool {
        self.0.load().is_some()
    }
}

/// The state of the previous round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    number: u8,
    /// The digest of the message that would be sent, which the approval is bound to.
    digest: Box<str>,
    /// Whether the client's own person has declined the call.
    declined: bool,
}

/// Returns the request that the gateway's own states are bound to; no state of a target has such a one.
fn state_line(line: &str) -> String {
    format!("approval of {line}")
}

/// Returns the round that a request continues, if its state is one of the gateway's, given to this owner for
/// the same request.
fn round(shared: &McpShared, owner: &Owner, line: &str, message: &Message) -> Option<Round> {
    let own = message.param(Param::RequestState)?.text()?;
    let kept = shared.client_values.state_of(owner, &state_line(line), &own)?;
    let (number, digest) = std::str::from_utf8(&kept).ok()?.split_once(' ')?;
    Some(Round { number: number.parse().ok()?, digest: digest.into(), declined: declined(message) })
}

/// Returns whether the person who was led to the page declined the call or dismissed the question. An
/// unreadable answer counts as declining.
fn declined(message: &Message) -> bool {
    let Some(responses) = message.param(Param::InputResponses) else { return false };
    let responses = Json::parse(responses.raw, DEPTH).ok();
    let action = responses.as_ref().and_then(|all| all.member("approval")?.member("action")?.as_str());
    action != Some("accept")
}

/// Returns the message as it was at first: without the state, and without the person's answer.
fn bare(message: &Message) -> Result<Message, Fault> {
    let own = ["requestState", "inputResponses"];
    rewrite::without_params(message, |name| own.contains(&name))
}

/// Returns the round that a request continues, and the request as it was at first; `None` for a new request.
///
/// # Errors
/// The message could not be split.
pub fn continued_round(
    shared: &McpShared,
    era: Era,
    owner: &Owner,
    line: &str,
    message: &Message,
) -> Result<Option<(Round, Message)>, Fault> {
    let round = (era == Era::Modern).then(|| round(shared, owner, line, message)).flatten();
    round.map(|round| Ok((round, bare(message)?))).transpose()
}

/// A pending call.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Its owner.
    pub owner: &'a Owner,
    /// The method and name it is for, on one line.
    pub line: &'a str,
    /// The digest of the message that would be sent.
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
    /// Returns `None` if its client cannot be led to a page, there is no page, or the target itself has asked
    /// for input. `message` has no state.
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

    /// Returns how long this round waits, at most `most`.
    pub fn patience(&self, most: Duration) -> Duration {
        if self.round.is_some() { most } else { most.min(FIRST) }
    }

    /// Returns the answer to a pending call, with the page's address in the first round; `None` if it is
    /// refused as usual.
    pub fn answer(&self, denied: &Denied, call: Call<'_>, shared: &McpShared) -> Option<Bytes> {
        let Call { owner, line, digest, id } = call;
        let approval = denied.approval.filter(|_| denied.code == DenyCode::ApprovalPending)?;
        let number = self.round.as_ref().map_or(0, |round| round.number) + 1;
        let url = shared.page.of(approval).filter(|_| number <= ROUNDS)?;
        let state =
            shared.client_values.state(owner, &state_line(line), format!("{number} {digest}").as_bytes());
        let mut out = String::new();
        let mut message = Object::begin(&mut out);
        message.word("jsonrpc", "2.0").value("id", String::from_utf8_lossy(id));
        let mut result = message.object("result");
        result.word("resultType", "input_required");
        if self.round.is_none() {
            let waits = denied.detail.split(';').next().unwrap_or_default();
            let connection = owner.connection_name();
            let words = format!(
                "{line} on {connection}: {waits}. The page shows the whole call; an approver approves or denies it there. Declining here withdraws the call."
            );
            let mut requests = result.object("inputRequests");
            let mut request = requests.object("approval");
            request.word("method", "elicitation/create");
            request.object("params").word("mode", "url").text("url", &url).text("message", &words);
        }
        result.value("requestState", state);
        drop(result);
        drop(message);
        Some(out.into())
    }
}

impl Round {
    /// Returns whether the round belongs to a request with this digest.
    pub fn is_of(&self, digest: &str) -> bool {
        *self.digest == *digest
    }

    /// Returns whether the client's own person has declined the call.
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
        Owner { principal: principal.into(), issuer: [0; 32], connection: connection.into() }
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
        let detail = "approval apr_x needs 1 approver from dba; send the same request again to check";
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
        let (shared, ann, approval) =
            (shared(), owner("ann", "crm mcp+stdio:srv --key=hunter2"), ApprovalId::new());
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
        let words = params.member("message").and_then(Json::as_str).unwrap();
        assert!(
            words.starts_with("tools/call a on crm: approval apr_x needs 1 approver from dba. "),
            "{words}"
        );
        assert!(!words.contains("hunter2") && !words.contains("mcp+stdio"), "{words}");
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
        // It is not a valid state for the target, and a state of the target is not valid for a round.
        assert_eq!(shared.client_values.state_of(&ann, "tools/call a", state), None);
        let theirs = shared.client_values.state(&ann, "tools/call a", b"\"1 D1\"");
        let theirs = message(&format!(r#","requestState":{theirs}"#));
        assert_eq!(round(&shared, &ann, "tools/call a", &theirs), None);
        // The call itself is unchanged byte for byte, except for blanks.
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
