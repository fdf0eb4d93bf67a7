//! The requests that a client has declared it can answer: in `initialize` for a session, in the modern era
//! with each request. A target does not learn of capabilities that it may not use; its requests for others do
//! not reach the client. (MCP 2025-11-25, "Lifecycle", "Capability Negotiation".)

use crate::domain::ServerRequest;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::names::Param;

/// The requests that a client can answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Declared {
    elicitation: Modes,
    roots: bool,
    sampling: bool,
}

/// The modes in which a person can be asked for input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Modes {
    #[default]
    None,
    Forms,
    Pages,
    Both,
}

impl Declared {
    /// Reads the declarations in a client's message.
    pub fn of(message: &Message) -> Self {
        let capabilities = if message.method().as_deref() == Some("initialize") {
            message.param(Param::Capabilities)
        } else {
            message.meta(Meta::ClientCapabilities)
        };
        let read = capabilities.and_then(|capabilities| Json::parse(capabilities.raw, DEPTH).ok());
        let of = |what: ServerRequest| {
            read.as_ref()
                .and_then(|all| all.member(what.as_str()))
                .filter(|one| matches!(one, Json::Object(_)))
        };
        // Without modes it means forms, as before there were modes.
        let elicitation = match of(ServerRequest::Elicitation) {
            None => Modes::None,
            Some(modes) if modes.member("url").is_none() => Modes::Forms,
            Some(modes) if modes.member("form").is_none() => Modes::Pages,
            Some(_) => Modes::Both,
        };
        Self {
            elicitation,
            roots: of(ServerRequest::Roots).is_some(),
            sampling: of(ServerRequest::Sampling).is_some(),
        }
    }

    /// Returns whether the client can answer this request with these parameters.
    pub fn answers(self, what: ServerRequest, params: Option<&Json>) -> bool {
        match what {
            ServerRequest::Elicitation => {
                let mode = params.and_then(|params| params.member("mode")).and_then(Json::as_str);
                let asked = if mode == Some("url") { Modes::Pages } else { Modes::Forms };
                self.elicitation == Modes::Both || self.elicitation == asked
            }
            ServerRequest::Roots => self.roots,
            ServerRequest::Sampling => self.sampling,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mcp::codec::envelope::Limits;

    fn declared(capabilities: &str) -> [Declared; 2] {
        [
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"capabilities":{capabilities}}}}}"#),
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"_meta":{{"io.modelcontextprotocol/clientCapabilities":{capabilities}}}}}}}"#
            ),
        ]
        .map(|body| Declared::of(&Message::scan(body.into(), Limits::new(4096)).unwrap()))
    }

    #[test]
    fn a_client_is_asked_what_it_declares_and_nothing_else() {
        let asks = |mode: &str| Json::parse(format!(r#"{{"mode":"{mode}"}}"#).as_bytes(), 4).unwrap();
        for (capabilities, form, page, roots, sampling) in [
            ("{}", false, false, false, false),
            (r#"{"roots":{"listChanged":true}}"#, false, false, true, false),
            (r#"{"sampling":{},"elicitation":{}}"#, true, false, false, true),
            (r#"{"elicitation":{"url":{}}}"#, false, true, false, false),
            (r#"{"elicitation":{"form":{},"url":{}}}"#, true, true, false, false),
            (r#"{"roots":null,"sampling":true,"elicitation":"form"}"#, false, false, false, false),
            ("[]", false, false, false, false),
        ] {
            for declared in declared(capabilities) {
                let elicits = |mode| declared.answers(ServerRequest::Elicitation, Some(&asks(mode)));
                assert_eq!((elicits("form"), elicits("url")), (form, page), "{capabilities}");
                assert_eq!(declared.answers(ServerRequest::Elicitation, None), form, "{capabilities}");
                assert_eq!(declared.answers(ServerRequest::Roots, None), roots, "{capabilities}");
                assert_eq!(declared.answers(ServerRequest::Sampling, None), sampling, "{capabilities}");
            }
        }
    }
}
