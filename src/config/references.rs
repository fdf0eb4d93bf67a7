//! Checks across entities: names of things that do not exist.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::config::words::nearest;
use crate::domain::connection::Connection;
use crate::domain::connection::Origin;
use crate::domain::connection::Protocol;
use crate::domain::entity::EntityKind;
use crate::domain::mask::MaskRule;
use crate::policy::Matcher;
use crate::policy::PolicyRule;

/// A finding about one entity, before its position in the file is known.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) kind: EntityKind,
    pub(super) name: String,
    pub(super) in_store: bool,
    /// The key below the entity's table.
    pub(super) at: String,
    pub(super) value: String,
    pub(super) problem: String,
    pub(super) hint: Option<String>,
}

/// All entities that are checked against each other.
pub(super) struct Side<'a> {
    pub(super) config: &'a Config,
    pub(super) connections: &'a [Connection],
    pub(super) policies: &'a [PolicyRule],
    pub(super) masks: &'a [MaskRule],
}

/// Finds names of things that do not exist: valid, but probably a mistake.
pub(super) fn doubts(side: &Side<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if side.config.gateway.postgres_listen.is_none() {
        for connection in side.connections.iter().filter(|own| own.protocol == Protocol::Postgres) {
            let name = connection.name.as_str();
            let mut say = finder(EntityKind::Connection, name, &connection.origin, &mut findings);
            say(
                "upstream",
                &connection.upstream.to_string(),
                "nobody can use it: the gateway has no listener for PostgreSQL",
                "open one: [gateway] postgres_listen = \"127.0.0.1:15432\", then restart".to_owned(),
            );
        }
    }
    for mask in side.masks {
        let mut say = finder(EntityKind::Mask, &mask.id, &mask.origin, &mut findings);
        connections(side, "match.connections", &mask.connections, &mut say);
        tags(side, "match.tags", mask.tags.iter(), &mut say);
    }
    let groups = known_groups(side.config);
    for policy in side.policies {
        let mut say = finder(EntityKind::Policy, &policy.id, &policy.origin, &mut findings);
        matcher(side, "match", &policy.matches, &groups, &mut say);
        if let Some(unless) = &policy.unless {
            matcher(side, "unless", unless, &groups, &mut say);
        }
        let Some(approval) = &policy.approval else { continue };
        let admin = &side.config.admin;
        // The groups of people who sign in are only known from their tokens.
        let over_network = admin.remote.as_ref().is_some_and(|remote| !remote.roles.approver.is_empty());
        let decides =
            |group: &String| over_network || admin.local_groups.values().any(|own| own.contains(group));
        if let (Some(first), false) = (approval.from.first(), approval.from.iter().any(decides)) {
            let hint = "give an OS user the group: [admin] local_groups = { USER = [\"GROUP\"] }";
            say(
                "approval.from",
                first,
                "no member of approval.from is configured as an approver, so this policy can never be approved",
                hint.to_owned(),
            );
        }
    }
    findings
}

type Say<'a> = dyn FnMut(&str, &str, &str, String) + 'a;

fn finder<'a>(
    kind: EntityKind,
    name: &'a str,
    origin: &'a Origin,
    findings: &'a mut Vec<Finding>,
) -> impl FnMut(&str, &str, &str, String) + 'a {
    move |at, value, problem, hint| {
        findings.push(Finding {
            kind,
            name: name.to_owned(),
            in_store: *origin == Origin::Store,
            at: at.to_owned(),
            value: value.to_owned(),
            problem: problem.to_owned(),
            hint: (!hint.is_empty()).then_some(hint),
        });
    }
}

fn matcher(side: &Side<'_>, at: &str, matcher: &Matcher, groups: &BTreeSet<&str>, say: &mut Say<'_>) {
    connections(side, &format!("{at}.connections"), &matcher.connections, say);
    tags(side, &format!("{at}.tags"), matcher.tags.iter(), say);
    for issuer in &matcher.issuers {
        if is_literal(issuer) && !side.config.oidc.iter().any(|entry| entry.name == *issuer) {
            let hint = meant(issuer, side.config.oidc.iter().map(|entry| entry.name.as_str()));
            say(&format!("{at}.issuers"), issuer, "no [[oidc]] has that name", hint);
        }
    }
    let clients = || side.config.oidc.iter().flat_map(|entry| entry.clients.keys().map(String::as_str));
    for client in &matcher.clients {
        // An issuer may send others, so again only a near miss is reported.
        if clients().any(|known| known == client) || !is_literal(client) {
            continue;
        }
        let hint = meant(client, clients());
        if !hint.is_empty() {
            say(&format!("{at}.clients"), client, "no client of that id is configured", hint);
        }
    }
    for group in &matcher.groups {
        // An issuer may send any name as a group, so only a near miss of a known one is reported.
        if groups.contains(group.as_str()) || !is_literal(group) {
            continue;
        }
        let hint = meant(group, groups.iter().copied());
        if !hint.is_empty() {
            say(&format!("{at}.groups"), group, "no group of that name is configured", hint);
        }
    }
}

fn connections(side: &Side<'_>, at: &str, wanted: &[String], say: &mut Say<'_>) {
    for name in wanted {
        if is_literal(name) && !side.connections.iter().any(|connection| connection.name.as_str() == name) {
            let hint = meant(name, side.connections.iter().map(|connection| connection.name.as_str()));
            say(at, name, "no connection has that name", hint);
        }
    }
}

fn tags<'a>(
    side: &Side<'_>,
    at: &str,
    wanted: impl Iterator<Item = (&'a String, &'a String)>,
    say: &mut Say<'_>,
) {
    for (key, value) in wanted {
        let has = |connection: &Connection| {
            connection.tags.get(key).is_some_and(|own| own == value || !is_literal(value))
        };
        if !side.connections.iter().any(has) {
            let known = side.connections.iter().flat_map(|connection| connection.tags.keys());
            let hint = if side.connections.iter().any(|connection| connection.tags.contains_key(key)) {
                let values = side.connections.iter().filter_map(|connection| connection.tags.get(key));
                meant(value, values.map(String::as_str))
            } else {
                meant(key, known.map(String::as_str))
            };
            say(&format!("{at}.{key}"), value, "no connection has that tag", hint);
        }
    }
}

/// Returns group names that the file assigns to somebody.
fn known_groups(config: &Config) -> BTreeSet<&str> {
    let named = config.oidc.iter().flat_map(|entry| {
        let apps = entry.clients.values().flat_map(|client| client.groups.iter());
        entry.group_names.keys().chain(apps)
    });
    let roles = config.admin.remote.iter().flat_map(|remote| remote.roles.groups());
    named.chain(config.admin.local_groups.values().flatten()).chain(roles).map(String::as_str).collect()
}

fn is_literal(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '[', '{'])
}

fn meant<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(found, known).map(|word| format!("did you mean \"{word}\"?")).unwrap_or_default()
}
