//! What a target may ask a person for through the client: no secrets in a form, and only pages on hosts that
//! the operator allows. (MCP 2025-11-25, "Elicitation", "Security Considerations".)

use std::borrow::Cow;

use http::Uri;

use crate::domain::McpOptions;
use crate::domain::json::Json;
use crate::protocol::mcp::codec::envelope::names::ElicitField;
use crate::protocol::mcp::codec::envelope::names::has_lookalike;

/// What asks for a secret wherever it is in a text, of which only letters and digits count.
const SECRETS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "apikey",
    "credential",
    "privatekey",
    "cvv",
    "creditcard",
];
/// What does so within one word: "business name" is none.
const IN_A_WORD: [&str; 4] = ["pincode", "pwd", "ssn", "token"];
/// The longest text that is looked through, in bytes.
const LONGEST: usize = 4 << 10;
/// What does so as a word of its own: "shipping" is none.
const WORDS: [&str; 1] = ["pin"];

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
            params.member("requestedSchema").is_none_or(|schema| is_flat(schema) && !asks_for_secrets(schema))
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
        let text = |name| field.member(name).and_then(Json::as_str);
        let named = [Some(&**name), text("title")];
        named.into_iter().flatten().any(names_a_secret)
            || text("description").is_some_and(speaks_of_a_secret)
            || text("format") == Some("password")
    })
}

/// Returns whether a schema is an object with fields that have no parts: those of any other, clients may show
/// and nothing here has looked at.
fn is_flat(schema: &Json) -> bool {
    let Json::Object(members) = schema else { return false };
    members.iter().all(|(name, value)| match (&**name, value) {
        ("properties", Json::Object(fields)) => fields.iter().all(|(_, field)| is_field(field)),
        (name, value) => is_plain(name, value),
    })
}

/// Returns whether a field has no parts but choices, or is a list of those.
fn is_field(field: &Json) -> bool {
    let Json::Object(members) = field else { return false };
    members.iter().all(|(name, value)| match (&**name, value) {
        ("oneOf" | "anyOf", Json::Array(choices)) => choices.iter().all(|choice| {
            matches!(choice, Json::Object(members) if members.iter().all(|(name, value)| is_plain(name, value)))
        }),
        ("items", items) => items.member("items").is_none() && is_field(items),
        (name, value) => is_plain(name, value),
    })
}

/// Returns whether a member of a schema has no schema in it, and leads to none.
fn is_plain(name: &str, value: &Json) -> bool {
    let leads = matches!(name, "$ref" | "$dynamicRef" | "$recursiveRef" | "properties");
    !leads
        && match value {
            Json::Array(values) => {
                !values.iter().any(|value| matches!(value, Json::Array(_) | Json::Object(_)))
            }
            Json::Object(members) => members.is_empty(),
            _ => true,
        }
}

/// Returns whether a text names a secret. Case, width and all that is no letter or digit make no difference.
/// One that is longer than a person would read may.
fn names_a_secret(text: &str) -> bool {
    if text.len() > LONGEST {
        return true;
    }
    let (mut words, mut last) = (vec![String::new()], None);
    for c in text.chars() {
        // Each by itself: what cannot be normalized is there as it is, and stops nothing else.
        let one = String::from(c);
        let normal = stringprep::saslprep(&one).map_or_else(|_| one.clone(), Cow::into_owned);
        for c in normal.chars() {
            let begins = last.is_some_and(|last: char| {
                (last.is_lowercase() && c.is_uppercase()) || last.is_numeric() != c.is_numeric()
            });
            if (begins || !c.is_alphanumeric()) && words.last().is_some_and(|word| !word.is_empty()) {
                words.push(String::new());
            }
            if c.is_alphanumeric()
                && let Some(word) = words.last_mut()
            {
                word.extend(c.to_lowercase());
            }
            last = c.is_alphanumeric().then_some(c);
        }
    }
    let joined = words.concat();
    // Letters by themselves spell a word.
    let spelled = words.iter().filter(|word| !word.is_empty()).fold(vec![String::new()], |mut all, word| {
        match all.last_mut().filter(|_| word.chars().nth(1).is_none()) {
            Some(last) => last.push_str(word),
            None => all.push(String::new()),
        }
        all
    });
    words.extend(spelled);
    SECRETS.iter().any(|secret| joined.contains(secret))
        || IN_A_WORD.iter().any(|secret| joined == *secret || words.iter().any(|word| word.contains(secret)))
        || WORDS.iter().any(|secret| joined == *secret || words.iter().any(|word| word == secret))
}

/// Returns whether a description has a word for a secret. In a sentence only whole words count: "do not enter
/// passwords" asks for none.
fn speaks_of_a_secret(text: &str) -> bool {
    text.len() > LONGEST
        || text.split(|c: char| !c.is_alphanumeric()).any(|word| {
            let word = word.to_lowercase();
            SECRETS.iter().chain(&IN_A_WORD).any(|secret| word == *secret)
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
            (r#"{"requestedSchema":{"properties":{"x":{"title":"Your Password"}}}}"#, false),
            (
                r#"{"requestedSchema":{"properties":{"x":{"description":"As in your\nPassword, please"}}}}"#,
                false,
            ),
            (r#"{"requestedSchema":{"properties":{"pass.word":{}}}}"#, false),
            (r#"{"requestedSchema":{"properties":{"\uff50\uff41ssword":{}}}}"#, false),
            (r#"{"requestedSchema":{"properties":{"pass\u200bword":{}}}}"#, false),
            (r#"{"requestedSchema":{"properties":{"pwd":{}}}}"#, false),
            (r#"{"requestedSchema":{"properties":{"PIN":{}}}}"#, false),
            (r#"{"requestedSchema":{"properties":{"x":{"title":"Your P.I.N."}}}}"#, false),
            (r#"{"requestedSchema":{"properties":{"pi.n":{}}}}"#, false),
            (r#"{"requestedSchema":{"properties":{"userPin2":{}}}}"#, false),
            (
                r#"{"requestedSchema":{"properties":{"x":{"title":"Business name, for shipping to Kent"}}}}"#,
                true,
            ),
            (
                r#"{"requestedSchema":{"$schema":"x","type":"object","required":["a"],"additionalProperties":false,"properties":{"a":{"type":"string","oneOf":[{"const":"x","title":"X"}]},"b":{"type":"array","items":{"anyOf":[{"const":"x","title":"X"}]},"default":["x"]},"c":{"enum":["x"],"enumNames":["X"]}}}}"#,
                true,
            ),
            (r#"{"requestedSchema":{"properties":{"x":{"type":"object","properties":{"a":{}}}}}}"#, false),
            (r#"{"requestedSchema":{"allOf":[{"properties":{"a":{}}}]}}"#, false),
            (r#"{"requestedSchema":{"properties":{"x":{"anyOf":[{"properties":{"a":{}}}]}}}}"#, false),
            (
                r#"{"requestedSchema":{"properties":{"x":{"type":"array","items":{"properties":{"a":{}}}}}}}"#,
                false,
            ),
            (r##"{"requestedSchema":{"properties":{"x":{"$ref":"#/$defs/x"}}}}"##, false),
            (r#"{"requestedSchema":{"properties":[]}}"#, false),
            (r#"{"requestedSchema":true}"#, false),
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
