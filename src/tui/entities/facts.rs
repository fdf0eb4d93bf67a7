//! A summary of a connection or policy.

use serde_json::Value;

use crate::control::noun::entity::EntityView;
use crate::domain::entity::EntityKind;
use crate::domain::verdict::Effect;

/// Maximum length of a match in the list, in characters.
const LONGEST: usize = 400;

/// Keys of a match that are shown first: who, where, what.
const FIRST: [&str; 8] =
    ["groups", "subjects", "kinds", "connections", "tags", "operations", "methods", "tools"];

/// One connection or policy. All texts are not escaped.
#[derive(Debug, Clone)]
pub(super) struct Fact {
    /// Its name.
    pub(super) name: String,
    /// Where it is defined.
    pub(super) origin: String,
    /// The fields of its kind.
    pub(super) special: Special,
    /// Its full TOML.
    pub(super) toml: String,
}

/// The fields of a kind.
#[derive(Debug, Clone)]
pub(super) enum Special {
    /// Fields of a connection.
    Connection {
        /// Address of the target, without scheme and credentials.
        target: String,
        /// Scheme of the address.
        scheme: String,
        /// Protocol of the target.
        protocol: String,
        /// How the credential is injected.
        inject: String,
        /// Its tags.
        tags: String,
    },
    /// Fields of a policy.
    Policy {
        /// Its effect; `None` if the text is not an effect.
        effect: Option<Effect>,
        /// What it matches.
        what: String,
        /// Approvers, their number and the scope of an approval.
        approval: String,
        /// Groups in its match.
        groups: String,
        /// Connections in its match.
        connections: String,
    },
}

impl Fact {
    /// Summarizes an entity.
    pub(super) fn of(kind: EntityKind, view: EntityView) -> Self {
        let special = match kind {
            EntityKind::Policy => policy(&view.value),
            EntityKind::Connection | EntityKind::Mask => connection(&view.value),
        };
        Self { name: view.name, origin: view.origin, special, toml: view.toml }
    }

    /// Returns the fields that filters match.
    pub(super) fn fields(&self) -> [(&'static str, &str); 6] {
        let name = ("name", self.name.as_str());
        let from = ("from", self.origin.as_str());
        match &self.special {
            Special::Connection { target, protocol, tags, inject, .. } => {
                [name, from, ("proto", protocol), ("tag", tags), ("", target), ("", inject)]
            }
            Special::Policy { effect, what, groups, connections, .. } => {
                let effect = effect.map_or("", Effect::as_str);
                [name, from, ("effect", effect), ("group", groups), ("conn", connections), ("", what)]
            }
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn connection(value: &Value) -> Special {
    let address = without_credentials(text(value, "upstream"));
    // A program has no slashes before it: the first one is of its path.
    let parts = address.split_once("://").or_else(|| address.split_once(':'));
    let (scheme, target) = parts.unwrap_or(("", &address));
    let protocol = match scheme.split('+').next().unwrap_or_default() {
        "https" => "http",
        "postgresql" => "postgres",
        other => other,
    };
    // The names and places of secrets after the kind are in the full text only.
    let inject = text(value, "inject").split(':').next().unwrap_or_default();
    let tags = value.get("tags").and_then(Value::as_object);
    let tag = |(name, tag): (&String, &Value)| format!("{name}={}", tag.as_str().unwrap_or_default());
    Special::Connection {
        protocol: protocol.to_owned(),
        inject: if inject.is_empty() { "none" } else { inject }.to_owned(),
        tags: tags.into_iter().flatten().map(tag).collect::<Vec<_>>().join(" "),
        target: target.to_owned(),
        scheme: scheme.to_owned(),
    }
}

/// Removes the userinfo before the `@` from an address.
fn without_credentials(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

fn policy(value: &Value) -> Special {
    let matched = value.get("match").unwrap_or(&Value::Null);
    let words = said(matched);
    let mut what = if words.is_empty() { "everything".to_owned() } else { words };
    for (word, name) in [("unless", "unless"), ("when", "when")] {
        let words = value.get(name).map(said).unwrap_or_default();
        if !words.is_empty() {
            what.extend(["; ", word, " ", &words]);
        }
    }
    if what.chars().count() > LONGEST {
        what = what.chars().take(LONGEST).collect();
    }
    let list = |name: &str| matched.get(name).map(short).unwrap_or_default();
    Special::Policy {
        effect: Effect::parse(text(value, "effect")),
        what,
        approval: value.get("approval").map(approval).unwrap_or_default(),
        groups: list("groups"),
        connections: list("connections"),
    }
}

/// Formats `groups etl, connections crm|shop`.
fn said(table: &Value) -> String {
    let mut members: Vec<(&String, &Value)> = table.as_object().into_iter().flatten().collect();
    let place = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
    members.sort_by_key(|(name, _)| place(name));
    members.into_iter().map(|(name, value)| format!("{name} {}", short(value))).collect::<Vec<_>>().join(", ")
}

fn short(value: &Value) -> String {
    match value {
        Value::Array(values) => values.iter().map(short).collect::<Vec<_>>().join("|"),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| format!("{name}={}", short(value)))
            .collect::<Vec<_>>()
            .join("|"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Formats `1 of dba, once`.
fn approval(value: &Value) -> String {
    let from = value.get("from").map(short).unwrap_or_default();
    let min = value.get("min").and_then(Value::as_u64).unwrap_or(1);
    let grant = match text(value, "grant") {
        "" => "once",
        grant => grant,
    };
    format!("{min} of {from}, {grant}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_of_an_address_is_shown() {
        for (address, shown) in [
            ("https://crm.internal/api", "https://crm.internal/api"),
            ("postgres://bob:s3cret@db:5432/shop", "postgres://db:5432/shop"),
            ("https://a@b@host/x@y", "https://host/x@y"),
            ("https://u:p@host?q=@", "https://host?q=@"),
            ("mcp+stdio:npx -y server", "mcp+stdio:npx -y server"),
        ] {
            assert_eq!(without_credentials(address), shown);
        }
    }

    #[test]
    fn the_path_of_a_program_is_shown_whole() {
        for (upstream, shown) in [
            ("mcp+stdio:/bin/cat", ("mcp+stdio", "/bin/cat")),
            ("mcp+stdio:npx -y server", ("mcp+stdio", "npx -y server")),
            ("https://crm.internal/api", ("https", "crm.internal/api")),
        ] {
            let value = serde_json::json!({ "upstream": upstream });
            let Special::Connection { scheme, target, .. } = connection(&value) else { panic!("{upstream}") };
            assert_eq!((scheme.as_str(), target.as_str()), shown);
        }
    }
}
