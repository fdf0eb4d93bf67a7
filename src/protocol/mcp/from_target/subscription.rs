//! Filters the stream of a modern subscription: it only carries what the client asked for. (MCP 2026-07-28,
//! "Subscriptions".)

use bytes::Bytes;

use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::domain::json::push_string;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::id::Id;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::codec::rewrite::Rewrite;
use crate::protocol::mcp::codec::splice::SpliceError;
use crate::protocol::mcp::from_target::lists::Lists;

/// The request that subscribes.
pub const LISTEN: &str = "subscriptions/listen";
/// The first notification on a subscription: which of the requested changes the target will report.
const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

/// The changes that a client has subscribed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscription {
    lists: Lists,
    uris: Vec<Box<str>>,
}

/// The decision on a notification on the stream of a subscription.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    /// Pass this on.
    Pass(Bytes),
    /// Pass this on; the target has agreed to report changes of these lists.
    Agreed(Bytes, Lists),
    /// Drop it: it was not requested, or belongs to another subscription.
    Drop,
}

impl Subscription {
    /// Reads the request; `None` if it does not subscribe.
    pub fn of(message: &Message) -> Option<Self> {
        if message.method().as_deref() != Some(LISTEN) {
            return None;
        }
        let params = message.params().and_then(|params| Json::parse(params.raw, DEPTH).ok());
        Some(params.as_ref().map(Self::read).unwrap_or_default())
    }

    /// Reads the parameters of a request or acknowledgement.
    fn read(params: &Json) -> Self {
        let uris =
            params.member("notifications").and_then(|all| all.member("resourceSubscriptions")?.as_array());
        let uris = uris.unwrap_or_default().iter().filter_map(Json::as_str).map(Into::into).collect();
        Self { lists: Lists::of_subscription(params), uris }
    }

    /// Returns what both contain.
    fn and(&self, other: &Self) -> Self {
        let both = other.uris.iter().filter(|uri| self.uris.contains(uri));
        Self { lists: self.lists.and(other.lists), uris: both.cloned().collect() }
    }

    /// Writes it as in parameters.
    fn to_json(&self) -> String {
        let mut out = String::from("{");
        for name in self.lists.subscribed() {
            out.push_str(if out.len() > 1 { "," } else { "" });
            push_string(name, &mut out);
            out.push_str(":true");
        }
        if !self.uris.is_empty() {
            out.push_str(if out.len() > 1 { "," } else { "" });
            out.push_str("\"resourceSubscriptions\":[");
            for (place, uri) in self.uris.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                push_string(uri, &mut out);
            }
            out.push(']');
        }
        out.push('}');
        out
    }

    /// Returns whether a change of this resource was requested: of the resource itself, or of one that
    /// contains it.
    fn covers(&self, uri: &str) -> bool {
        self.uris.iter().any(|asked| {
            let rest = uri.strip_prefix(&**asked);
            rest.is_some_and(|rest| {
                rest.is_empty() || asked.ends_with('/') || rest.starts_with(['/', '?', '#'])
            })
        })
    }

    /// Filters a notification on the stream that answers the request with this id.
    ///
    /// # Errors
    /// The message could not be split.
    pub fn told(&self, message: &Message, id: &Id<'_>) -> Result<Told, SpliceError> {
        let mut rewrite = Rewrite::new(message);
        match message.meta(Meta::SubscriptionId).and_then(|tag| tag.id()) {
            Some(tag) if tag == *id => {}
            Some(_) => return Ok(Told::Drop),
            None => {
                rewrite.meta(Meta::SubscriptionId, id.to_json());
            }
        }
        let method = message.method().unwrap_or_default();
        if method == ACKNOWLEDGED {
            let params = message.params().and_then(|params| Json::parse(params.raw, DEPTH).ok());
            let told = params.as_ref().map(Self::read).unwrap_or_default();
            let agreed = self.and(&told);
            if agreed != told {
                rewrite.param(Param::Notifications, agreed.to_json());
            }
            return Ok(Told::Agreed(rewrite.finish()?, agreed.lists));
        }
        let wanted = match &*method {
            "notifications/resources/updated" => {
                let uri = message.param(Param::Uri).and_then(|uri| uri.text());
                uri.is_some_and(|uri| self.covers(&uri))
            }
            method => self.lists.tell(method),
        };
        if wanted { Ok(Told::Pass(rewrite.finish()?)) } else { Ok(Told::Drop) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mcp::codec::envelope::Limits;

    fn message(method: &str, params: &str) -> Message {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{{{params}}}}}"#);
        Message::scan(body.into(), Limits::new(4096)).unwrap()
    }

    const TAG: &str = r#""_meta":{"io.modelcontextprotocol/subscriptionId":"s"}"#;

    fn subscription() -> Subscription {
        let params = r#""notifications":{"toolsListChanged":true,"promptsListChanged":false,"resourceSubscriptions":["a:b","file:///x/"]}"#;
        Subscription::of(&message(LISTEN, params)).unwrap()
    }

    fn told(method: &str, params: &str) -> Told {
        subscription().told(&message(method, params), &Id::Text("s".into())).unwrap()
    }

    #[test]
    fn only_what_was_asked_for_is_told_and_under_its_own_name() {
        assert_eq!(Subscription::of(&message("tools/list", "")), None);
        let passes = |method: &str, params: &str| {
            let params = if params.is_empty() { TAG.to_owned() } else { format!("{params},{TAG}") };
            told(&format!("notifications/{method}"), &params) != Told::Drop
        };
        assert!(passes("tools/list_changed", ""));
        for uri in ["a:b", "a:b/c", "a:b#c", "a:b?c", "file:///x/", "file:///x/y"] {
            assert!(passes("resources/updated", &format!(r#""uri":"{uri}""#)), "{uri}");
        }
        for uri in ["a:bc", "a:", "file:///x", "c:d", ""] {
            assert!(!passes("resources/updated", &format!(r#""uri":"{uri}""#)), "{uri}");
        }
        for method in
            ["prompts/list_changed", "resources/list_changed", "resources/updated", "message", "tasks", "x"]
        {
            assert!(!passes(method, ""), "{method}");
        }
        let other = TAG.replace("\"s\"", "\"t\"");
        assert_eq!(told("notifications/tools/list_changed", &other), Told::Drop);
        let Told::Pass(body) = told("notifications/tools/list_changed", "") else { panic!("without a tag") };
        assert!(String::from_utf8(body.to_vec()).unwrap().contains(TAG));
    }

    #[test]
    fn a_target_agrees_to_what_was_asked_for() {
        let agreed = |notifications: &str| {
            let params = format!(r#""notifications":{notifications},{TAG}"#);
            let Told::Agreed(body, lists) = told(ACKNOWLEDGED, &params) else { panic!("dropped") };
            (String::from_utf8(body.to_vec()).unwrap(), lists)
        };
        let as_asked = r#"{"toolsListChanged":true,"resourceSubscriptions":["a:b"]}"#;
        let (body, lists) = agreed(as_asked);
        assert!(body.contains(as_asked) && lists.tell("notifications/tools/list_changed"), "{body}");
        let (body, lists) = agreed(
            r#"{"promptsListChanged":true,"toolsListChanged":true,"resourceSubscriptions":["c:d","a:b"]}"#,
        );
        assert!(body.contains(as_asked) && !lists.tell("notifications/prompts/list_changed"), "{body}");
        assert_eq!(agreed("{}").1, Lists::default());
    }
}
