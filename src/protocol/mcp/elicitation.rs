//! What a target may ask a person for through the client: no secrets in a form, and only pages on hosts that
//! the operator allows. (MCP 2025-11-25, "Elicitation", "Security Considerations".)

use http::Uri;

use crate::domain::McpOptions;
use crate::domain::json::Json;
use crate::protocol::mcp::codec::envelope::names::ElicitField;
use crate::protocol::mcp::codec::envelope::names::has_lookalike;

/// Parts of field names that ask for a secret, in lower case without `_` and `-`.
const SECRETS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "token",
    "credential",
    "privatekey",
    "pincode",
    "cvv",
    "creditcard",
    "ssn",
];

/// Returns whether the person may be asked with these parameters of `elicitation/create`.
pub fn is_harmless(params: Option<&Json>, options: &McpOptions) -> bool {
    let Some(params) = params else { return false };
    // Some clients would read a page where a form stands here.
    if has_lookalike::<ElicitField>(params) {
        return false;
    }
    match params.member("mode").map(Json::as_str) {
        Some(Some("url")) => {
            params.member("url").and_then(Json::as_str).is_some_and(|url| leads_to_allowed(url, options))
        }
        None | Some(Some("form")) => {
            params.member("requestedSchema").is_none_or(|schema| !asks_for_secrets(schema))
        }
        Some(_) => false,
    }
}

fn leads_to_allowed(url: &str, options: &McpOptions) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let https = uri.scheme_str() == Some("https");
    // A user name before the host is meant to mislead.
    let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    https && plain && uri.host().is_some_and(|host| options.may_lead_to(host))
}

fn asks_for_secrets(schema: &Json) -> bool {
    let Some(Json::Object(properties)) = schema.member("properties") else { return false };
    properties.iter().any(|(name, field)| {
        let folded: String =
            name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect();
        SECRETS.iter().any(|secret| folded.contains(secret))
            || field.member("format").and_then(Json::as_str) == Some("password")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(params: &str) -> bool {
        let options = McpOptions { elicitation_hosts: vec!["login.example".into()], ..McpOptions::default() };
        is_harmless(Json::parse(params.as_bytes(), 8).ok().as_ref(), &options)
    }

    #[test]
    fn a_form_asks_for_no_secret_and_a_page_is_on_a_listed_host() {
        for (params, may) in [
            (
                r#"{"message":"x","requestedSchema":{"type":"object","properties":{"city":{"type":"string"}}}}"#,
                true,
            ),
            (r#"{"mode":"form","message":"x"}"#, true),
            (r#"{"requestedSchema":{"properties":{"API_key":{}}}}"#, false),
            (r#"{"requestedSchema":{"properties":{"myPassword":{}}}}"#, false),
            (r#"{"requestedSchema":{"properties":{"x":{"format":"password"}}}}"#, false),
            (r#"{"mode":"url","url":"https://login.example/x"}"#, true),
            (r#"{"mode":"url","url":"http://login.example/x"}"#, false),
            (r#"{"mode":"url","url":"https://login.example@evil.example/"}"#, false),
            (r#"{"mode":"url","url":"https://evil.example/login.example"}"#, false),
            (r#"{"mode":"url"}"#, false),
            (r#"{"mode":"other"}"#, false),
            (r#"{"mode":1}"#, false),
            (r#"{"message":"x","Mode":"url","Url":"https://evil.example/"}"#, false),
            (r#"{"message":"x","requested_schema":{"properties":{"password":{}}}}"#, false),
        ] {
            assert_eq!(asks(params), may, "{params}");
        }
    }
}
