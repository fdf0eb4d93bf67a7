//! What a target asks the person behind a client, in whatever it says: as a request, in a result that wants
//! input, of a task, or in an error that sends them to a page. All of it passes the same check. (MCP
//! 2025-11-25, "Elicitation"; 2026-07-28, "Multi Round-Trip Requests".)

use crate::domain::Denied;
use crate::domain::McpOptions;
use crate::domain::ServerRequest;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::ErrorField;
use crate::protocol::mcp::codec::envelope::names::Known;
use crate::protocol::mcp::codec::envelope::names::PageField;
use crate::protocol::mcp::codec::envelope::names::ResultField;
use crate::protocol::mcp::codec::envelope::names::TaskField;
use crate::protocol::mcp::codec::envelope::names::Top;
use crate::protocol::mcp::codec::envelope::names::has_lookalike;
use crate::protocol::mcp::codec::envelope::names::look_up;
use crate::protocol::mcp::from_target::context::garbage;
use crate::protocol::mcp::server_request::declared::Declared;
use crate::protocol::mcp::server_request::elicitation;

/// The code of an error that sends a person to a page (2025-11-25).
const PAGES_FIRST: i64 = -32042;

/// What may be asked of one client.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// What it has declared.
    pub declared: Declared,
    /// What its connection allows.
    pub options: &'a McpOptions,
}

impl Asking<'_> {
    /// Whether the client may be asked something that the target may ask: it has declared that it can be, and
    /// the person takes no harm.
    pub fn may(&self, what: ServerRequest, params: Option<&Json>) -> bool {
        self.declared.answers(what, params)
            && (what != ServerRequest::Elicitation || elicitation::is_harmless(params, self.options))
    }

    /// That a result asks the client only for what it may ask, under the name by which it is asked for.
    ///
    /// # Errors
    /// It does not, or cannot be read.
    pub fn check(&self, message: &Message, method: &str) -> Result<(), Denied> {
        let kind = message.outcome(ResultField::Type).and_then(|kind| kind.text());
        let requests = message.outcome(ResultField::InputRequests);
        let asks = requests.is_some() || kind.as_deref() == Some("input_required");
        if message.resembles(ResultField::InputRequests) || (asks && message.result_lookalike().is_some()) {
            return Err(refused());
        }
        let read = |raw| Json::parse(raw, DEPTH).map_err(|_unreadable| refused());
        if let Some(requests) = requests {
            self.requests(&read(requests.raw)?)?;
        }
        match message.result().filter(|_| method.starts_with("tasks/")) {
            Some(result) => self.task(&read(result.raw)?),
            None => Ok(()),
        }
    }

    /// The same of what is said of a task: itself, and its result.
    ///
    /// # Errors
    /// It asks for what it may not ask.
    pub fn task(&self, said: &Json) -> Result<(), Denied> {
        let Json::Object(members) = said else { return Ok(()) };
        for (name, value) in members {
            match look_up(name) {
                Known::Exactly(TaskField::InputRequests) => self.requests(value)?,
                Known::Lookalike(TaskField::InputRequests) => return Err(refused()),
                Known::Exactly(TaskField::Result) | Known::Lookalike(TaskField::Result) => {
                    self.task(value)?;
                }
                Known::No => {}
            }
        }
        Ok(())
    }

    fn requests(&self, requests: &Json) -> Result<(), Denied> {
        let Json::Object(requests) = requests else { return Err(refused()) };
        for (_, request) in requests {
            let method = request.member("method").and_then(Json::as_str).unwrap_or_default();
            let what = ServerRequest::of_method(method).filter(|what| self.options.allows(*what));
            let may = what.is_some_and(|what| self.may(what, request.member("params")));
            if !may || has_lookalike::<Top>(request) {
                return Err(refused());
            }
        }
        Ok(())
    }

    /// Whether an error sends the person to pages, to one of which they may not be sent.
    pub fn leads_astray(&self, message: &Message) -> bool {
        let code = message.failure(ErrorField::Code).and_then(|code| code.integer());
        code == Some(PAGES_FIRST) && !self.may_lead(message)
    }

    fn may_lead(&self, message: &Message) -> bool {
        let data = message.failure(ErrorField::Data).and_then(|data| Json::parse(data.raw, DEPTH).ok());
        let pages = data.as_ref().filter(|data| !has_lookalike::<PageField>(data));
        let pages = pages.and_then(|data| data.member("elicitations")).and_then(Json::as_array);
        let may = |page: &Json| {
            page.member("mode").and_then(Json::as_str) == Some("url")
                && self.may(ServerRequest::Elicitation, Some(page))
        };
        self.options.allows(ServerRequest::Elicitation) && pages.is_some_and(|pages| pages.iter().all(may))
    }
}

fn refused() -> Denied {
    garbage("it asks the client what it may not ask").because("mcp_asked")
}
