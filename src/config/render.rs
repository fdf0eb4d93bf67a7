//! Renders an entity so that [`crate::config::parse_entity`] parses it back unchanged.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use toml::Value;

use crate::config::entity::Entity;
use crate::domain::approval::ApprovalSpec;
use crate::domain::approval::GrantScope;
use crate::domain::connection::ApprovalMode;
use crate::domain::connection::Connection;
use crate::domain::connection::ConnectionLimits;
use crate::domain::connection::Injection;
use crate::domain::connection::Notifications;
use crate::domain::connection::mcp::BinaryMode;
use crate::domain::connection::mcp::PinMode;
use crate::domain::connection::mcp::ServerRequest;
use crate::domain::connection::mcp::Transport;
use crate::domain::mask::MaskOp;
use crate::domain::mask::MaskRule;
use crate::domain::mask::Predicates;
use crate::domain::units;
use crate::policy::Matcher;
use crate::policy::PolicyRule;
use crate::policy::When;

/// Renders the body of the table as TOML, one `key = value` per line, without its `[[header]]`. Defaults are
/// omitted.
pub fn render_entity(entity: &Entity) -> String {
    let mut body = Body::default();
    match entity {
        Entity::Connection(connection) => render_connection(connection, &mut body),
        Entity::Mask(mask) => render_mask(mask, &mut body),
        Entity::Policy(policy) => render_policy(policy, &mut body),
    }
    let line = |(key, value): (&'static str, Value)| format!("{key} = {value}\n");
    body.0.into_iter().map(line).collect()
}

/// The keys of one table, in output order.
#[derive(Default)]
struct Body(Vec<(&'static str, Value)>);

impl Body {
    fn text(&mut self, key: &'static str, value: impl Display) {
        self.0.push((key, Value::String(value.to_string())));
    }

    /// Adds a text, unless it is empty, which means not set.
    fn given(&mut self, key: &'static str, value: &str) {
        if !value.is_empty() {
            self.text(key, value);
        }
    }

    fn number(&mut self, key: &'static str, value: impl Into<i64>) {
        self.0.push((key, Value::Integer(value.into())));
    }

    /// Adds `true`; unset means `false`.
    fn flag(&mut self, key: &'static str, set: bool) {
        if set {
            self.0.push((key, Value::Boolean(true)));
        }
    }

    fn texts<T: Display>(&mut self, key: &'static str, values: &[T]) {
        if !values.is_empty() {
            let values = values.iter().map(|value| Value::String(value.to_string())).collect();
            self.0.push((key, Value::Array(values)));
        }
    }

    fn map(&mut self, key: &'static str, values: &BTreeMap<String, String>) {
        if !values.is_empty() {
            let values =
                values.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
            self.0.push((key, Value::Table(values)));
        }
    }

    fn duration(&mut self, key: &'static str, value: Duration, default: Option<Duration>) {
        if Some(value) != default {
            self.text(key, units::format_duration(value));
        }
    }

    /// Adds an inner table; an empty one only if that has a meaning.
    fn table(&mut self, key: &'static str, inner: Self, even_empty: bool) {
        if even_empty || !inner.0.is_empty() {
            let inner = inner.0.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            self.0.push((key, Value::Table(inner)));
        }
    }
}

fn render_connection(connection: &Connection, body: &mut Body) {
    body.text("name", &connection.name);
    body.text("upstream", &connection.upstream);
    if connection.inject != Injection::None {
        body.text("inject", &connection.inject);
    }
    body.map("tags", &connection.tags);
    let (own, default) = (&connection.limits, ConnectionLimits::default());
    let mut limits = Body::default();
    limits.duration("session", own.session, Some(default.session));
    limits.duration("idle", own.idle, Some(default.idle));
    if own.body != default.body {
        limits.text("body", units::format_size(own.body));
    }
    limits.duration("approval_wait", own.approval_wait, Some(default.approval_wait));
    if let Some(rate) = own.rate {
        limits.number("rate", rate);
    }
    limits.duration("connect", own.connect, Some(default.connect));
    limits.duration("response", own.response, Some(default.response));
    if let Some(rows) = own.rows {
        limits.number("rows", i64::try_from(rows).unwrap_or(i64::MAX));
    }
    body.table("limits", limits, false);
    if let Some(path) = &connection.ca_file {
        body.text("ca_file", path.display());
    }
    let database = &connection.database;
    body.flag("readonly", database.readonly);
    if database.approval_mode != ApprovalMode::default() {
        body.text("approval_mode", database.approval_mode.as_str());
    }
    if database.notifications != Notifications::default() {
        body.text("notifications", database.notifications.as_str());
    }
    body.flag("accept_cleartext", database.accept.accept_cleartext);
    body.flag("accept_md5", database.accept.accept_md5);
    body.flag("accept_trust", database.accept.accept_trust);
    let mcp = &connection.mcp;
    body.map("env", &mcp.env);
    body.flag("trust_annotations", mcp.trust_annotations);
    if mcp.transport != Transport::default() {
        body.text("transport", mcp.transport.as_str());
    }
    if mcp.pin != PinMode::default() {
        body.text("pin", mcp.pin.as_str());
    }
    if mcp.binary != BinaryMode::default() {
        body.text("binary", mcp.binary.as_str());
    }
    let requests: Vec<ServerRequest> = mcp.allow_server_requests.iter().copied().collect();
    body.texts("allow_server_requests", &requests);
    body.texts("elicitation_hosts", &mcp.elicitation_hosts);
    body.texts("origins", &mcp.origins);
}

fn render_mask(mask: &MaskRule, body: &mut Body) {
    body.text("id", &mask.id);
    let mut place = Body::default();
    place.texts("connections", &mask.connections);
    place.map("tags", &mask.tags);
    body.table("match", place, false);
    body.texts("fields", &mask.fields);
    body.texts("entities", &mask.entities);
    body.map("patterns", &mask.patterns);
    let mut op = Body::default();
    match &mask.op {
        MaskOp::Hash => op.text("kind", "hash"),
        MaskOp::KeepFirst { n } => {
            op.text("kind", "keep_first");
            op.number("n", *n);
        }
        MaskOp::KeepLast { n } => {
            op.text("kind", "keep_last");
            op.number("n", *n);
        }
        MaskOp::Null => op.text("kind", "null"),
        MaskOp::Redact => op.text("kind", "redact"),
        MaskOp::Replace { with } => {
            op.text("kind", "replace");
            op.text("with", with);
        }
    }
    body.table("op", op, false);
    if mask.predicates != Predicates::default() {
        body.text("predicates", mask.predicates);
    }
}

fn render_policy(policy: &PolicyRule, body: &mut Body) {
    body.text("id", &policy.id);
    body.text("effect", policy.effect);
    body.table("match", matcher(&policy.matches), true);
    if let Some(unless) = &policy.unless {
        body.table("unless", matcher(unless), true);
    }
    if let Some(window) = &policy.when {
        body.table("when", when(window), true);
    }
    if let Some(spec) = &policy.approval {
        body.table("approval", approval(spec), true);
    }
    if let Some(session) = policy.session_limit {
        let mut limits = Body::default();
        limits.duration("session", session, None);
        body.table("limits", limits, true);
    }
    body.given("message", policy.message.as_deref().unwrap_or_default());
}

fn matcher(matcher: &Matcher) -> Body {
    let mut body = Body::default();
    body.texts("groups", &matcher.groups);
    body.texts("subjects", &matcher.subjects);
    body.texts("clients", &matcher.clients);
    body.texts("issuers", &matcher.issuers);
    body.texts("kinds", &matcher.kinds);
    body.map("claims", &matcher.claims);
    body.texts("connections", &matcher.connections);
    body.map("tags", &matcher.tags);
    body.texts("protocols", &matcher.protocols);
    body.texts("source_ips", &matcher.source_ips);
    body.texts("operations", &matcher.operations);
    body.texts("methods", &matcher.methods);
    body.texts("paths", &matcher.paths);
    body.texts("tools", &matcher.tools);
    body.texts("prompts", &matcher.prompts);
    body.texts("resources", &matcher.resources);
    body.map("args", &matcher.args);
    body.texts("tables", &matcher.tables);
    body.texts("columns", &matcher.columns);
    body.texts("columns_not", &matcher.columns_not);
    body.texts("functions", &matcher.functions);
    body.texts("verbs", &matcher.verbs);
    body.texts("settings", &matcher.settings);
    body.0.extend(matcher.all_rows.map(|all| ("all_rows", Value::Boolean(all))));
    body
}

fn approval(spec: &ApprovalSpec) -> Body {
    let mut body = Body::default();
    body.texts("from", &spec.from);
    if spec.min != 1 {
        body.number("min", spec.min);
    }
    body.duration("timeout", Duration::from_secs(spec.timeout_s), Some(Duration::from_mins(10)));
    body.flag("reason", spec.reason);
    if spec.grant != GrantScope::Once {
        body.text("grant", spec.grant);
    }
    body
}

fn when(window: &When) -> Body {
    let mut body = Body::default();
    body.texts("days", &window.days);
    body.given("hours", &window.hours);
    body.given("tz", &window.tz);
    body
}
