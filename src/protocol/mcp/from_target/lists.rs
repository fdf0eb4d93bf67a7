//! The lists whose changes a client wants to hear of. A changed policy shows or hides list elements, which
//! only the gateway knows.
//!
//! A client only hears of lists whose changes the target has promised to report; it would not expect others.

use bytes::Bytes;

use crate::domain::json::Json;

/// The lists whose changes are reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lists {
    tools: bool,
    prompts: bool,
    resources: bool,
}

impl Lists {
    /// Reads them from `result`, the answer of a legacy target to `initialize`. (MCP 2025-11-25, "Lifecycle",
    /// "Capability Negotiation".)
    pub fn of_capabilities(result: &Json) -> Self {
        let tells = |of: &str| {
            let capability = result.member("capabilities").and_then(|all| all.member(of));
            capability.and_then(|one| one.member("listChanged")) == Some(&Json::Bool(true))
        };
        Self { tools: tells("tools"), prompts: tells("prompts"), resources: tells("resources") }
    }

    /// Reads them from the parameters of a modern subscription, or of the target's
    /// `notifications/subscriptions/acknowledged`.
    pub fn of_subscription(params: &Json) -> Self {
        let agreed = |to: &str| {
            params.member("notifications").and_then(|all| all.member(to)) == Some(&Json::Bool(true))
        };
        Self {
            tools: agreed("toolsListChanged"),
            prompts: agreed("promptsListChanged"),
            resources: agreed("resourcesListChanged"),
        }
    }

    /// Returns the lists that are in both.
    pub fn and(self, other: Self) -> Self {
        Self {
            tools: self.tools && other.tools,
            prompts: self.prompts && other.prompts,
            resources: self.resources && other.resources,
        }
    }

    /// Returns whether this notification reports a change of one of them.
    pub fn tell(self, method: &str) -> bool {
        match method {
            "notifications/tools/list_changed" => self.tools,
            "notifications/prompts/list_changed" => self.prompts,
            "notifications/resources/list_changed" => self.resources,
            _ => false,
        }
    }

    /// Returns their names in a subscription.
    pub fn subscribed(self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.tools, "toolsListChanged"),
            (self.prompts, "promptsListChanged"),
            (self.resources, "resourcesListChanged"),
        ];
        all.into_iter().filter(|(told, _)| *told).map(|(_, name)| name)
    }

    /// Returns whether there is any.
    pub fn any(self) -> bool {
        self != Self::default()
    }

    /// Returns the notifications that each of them may have changed. `subscription` is the id of the
    /// subscribing request, as it was written; `None` in the legacy era.
    pub fn changed(self, subscription: Option<&[u8]>) -> impl Iterator<Item = Bytes> {
        let params = subscription.map_or_else(String::new, |id| {
            let id = String::from_utf8_lossy(id);
            format!(",\"params\":{{\"_meta\":{{\"io.modelcontextprotocol/subscriptionId\":{id}}}}}")
        });
        let all = [(self.tools, "tools"), (self.prompts, "prompts"), (self.resources, "resources")];
        all.into_iter().filter(|(told, _)| *told).map(move |(_, list)| {
            let method = format!("notifications/{list}/list_changed");
            format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\"{params}}}").into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes(), 8).unwrap()
    }

    #[test]
    fn only_what_was_promised_is_told() {
        let texts = |lists: Lists, id: Option<&[u8]>| {
            lists.changed(id).map(|body| String::from_utf8(body.to_vec()).unwrap()).collect::<Vec<_>>()
        };
        let legacy = Lists::of_capabilities(&json(
            r#"{"capabilities":{"tools":{"listChanged":true},"prompts":{"listChanged":false},"resources":{}}}"#,
        ));
        assert_eq!(texts(legacy, None), [r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#]);
        let modern = Lists::of_subscription(&json(
            r#"{"notifications":{"promptsListChanged":true,"resourcesListChanged":true,"toolsListChanged":"true"}}"#,
        ));
        let meta = r#""params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"a\"b"}}"#;
        assert_eq!(
            texts(modern, Some(br#""a\"b""#)),
            ["prompts", "resources"].map(|list| {
                format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/{list}/list_changed\",{meta}}}")
            })
        );
        for nothing in ["{}", r#"{"capabilities":7}"#, r#"{"notifications":null}"#] {
            let nothing = json(nothing);
            assert!(!Lists::of_capabilities(&nothing).any() && !Lists::of_subscription(&nothing).any());
        }
    }
}
