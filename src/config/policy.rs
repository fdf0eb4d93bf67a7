//! `[[policy]]`: a match and an effect.

use std::time::Duration;

use crate::config::mask::ID_HINT;
use crate::config::mask::id;
use crate::config::reader::Table;
use crate::config::reader::Value;
use crate::config::value::DAY;
use crate::domain::approval::ApprovalSpec;
use crate::domain::approval::GrantScope;
use crate::domain::command::Class;
use crate::domain::connection::Protocol;
use crate::domain::principal::Kind;
use crate::domain::sql::Verb;
use crate::domain::verdict::Effect;
use crate::policy::Matcher;
use crate::policy::PolicyRule;
use crate::policy::PolicySet;
use crate::policy::When;

/// Planned conditions for other protocols. A policy without them would match more than intended, so they are
/// refused rather than ignored.
const LATER: [&str; 2] = ["namespaces", "command"];

const MATCH_HINT: &str =
    "say whom and what it is about: match = { groups = [\"GROUP\"], connections = [\"NAME\"] }";

/// Reads the body of one `[[policy]]`.
pub(super) fn read(value: &Value<'_>) -> Option<PolicyRule> {
    let (rule, whole) = value.table(read_table)?;
    for problem in PolicySet::compile(vec![rule.clone()], 0).err().unwrap_or_default() {
        let place = value.nearest_place(&problem.key, &problem.value);
        // What the reader has refused need not be reported again, and substitute values are not the author's
        // mistake.
        let said = place.is_noted();
        let sure = whole || ["match.", "unless.", "when."].iter().any(|table| problem.key.starts_with(table));
        if sure && !said {
            place.problem(problem.problem, problem.accepted);
        }
    }
    whole.then_some(rule)
}

/// Returns the policy, and whether all of it could be read; if not, it has substitute values.
fn read_table(table: &mut Table<'_>) -> (PolicyRule, bool) {
    let id = table.required("id", ID_HINT).and_then(|value| id(&value));
    let effects = [Effect::Allow, Effect::Approve, Effect::Deny].map(|effect| (effect.as_str(), effect));
    let effect =
        table.required("effect", "accepted: allow, approve, deny").and_then(|value| value.word(&effects));
    let matches = table.required("match", MATCH_HINT).and_then(|value| value.table(matcher));
    let unless = table.take("unless").and_then(|value| {
        let unless = value.table(matcher)?;
        if value.members().is_some_and(|members| members.is_empty()) {
            value.problem(
                "unless matches everybody, so the policy never applies",
                "leave unless out".to_owned(),
            );
        }
        Some(unless)
    });
    let when = table.take("when").and_then(|value| value.table(when));
    let session_limit = table.take("limits").and_then(|value| value.table(session_limit).flatten());
    let approval_value = table.take("approval");
    let approval = approval_value.as_ref().and_then(|value| value.table(approval).flatten());
    let message = table.take("message").and_then(|value| message(&value));
    if effect == Some(Effect::Approve) && approval_value.is_none() {
        table.required("approval", "say who decides: approval = { from = [\"GROUP\"] }");
    }
    let whole = id.is_some()
        && effect.is_some()
        && matches.is_some()
        && approval.is_some() == approval_value.is_some();
    let rule = PolicyRule {
        id: id.unwrap_or_default(),
        origin: table.source.origin(&table.span),
        effect: effect.unwrap_or(Effect::Deny),
        matches: matches.unwrap_or_default(),
        unless,
        when,
        approval,
        session_limit,
        message,
    };
    (rule, whole)
}

/// Reads `match` or `unless`.
fn matcher(table: &mut Table<'_>) -> Matcher {
    let kinds = [Kind::Human, Kind::App, Kind::Agent].map(|kind| (kind.as_str(), kind));
    let classes = Class::ALL.map(|class| (class.as_str(), class));
    let verbs: Vec<(&str, Verb)> = Verb::ALL.iter().map(|verb| (verb.as_str(), *verb)).collect();
    table.later(
        &LATER,
        "accepted are operations; for HTTP methods, paths, args; for MCP methods, tools, prompts, resources, args; for SQL tables, columns, columns_not, functions, verbs, settings, all_rows",
    );
    let texts = |table: &mut Table<'_>, key| table.take(key).map(|value| value.texts()).unwrap_or_default();
    let map = |table: &mut Table<'_>, key| table.take(key).map(|value| value.text_map()).unwrap_or_default();
    Matcher {
        groups: texts(table, "groups"),
        subjects: texts(table, "subjects"),
        clients: texts(table, "clients"),
        issuers: texts(table, "issuers"),
        kinds: table.take("kinds").map(|value| value.words(&kinds)).unwrap_or_default(),
        claims: map(table, "claims"),
        connections: texts(table, "connections"),
        tags: map(table, "tags"),
        protocols: table.take("protocols").map(|value| value.list(protocol)).unwrap_or_default(),
        source_ips: texts(table, "source_ips"),
        operations: table.take("operations").map(|value| value.words(&classes)).unwrap_or_default(),
        methods: texts(table, "methods"),
        paths: texts(table, "paths"),
        tools: texts(table, "tools"),
        prompts: texts(table, "prompts"),
        resources: texts(table, "resources"),
        args: map(table, "args"),
        tables: texts(table, "tables"),
        columns: texts(table, "columns"),
        columns_not: texts(table, "columns_not"),
        functions: texts(table, "functions"),
        verbs: table.take("verbs").map(|value| value.words(&verbs)).unwrap_or_default(),
        settings: texts(table, "settings"),
        all_rows: table.take("all_rows").and_then(|value| value.flag()),
    }
}

fn protocol(value: &Value<'_>) -> Option<Protocol> {
    if value.node.as_str().is_some_and(|word| ["graph", "kubernetes"].contains(&word)) {
        value.problem("not supported by this version of hoopctl", "accepted: http, mcp, postgres".to_owned());
        return None;
    }
    let words: Vec<(&str, Protocol)> =
        Protocol::ALL.iter().map(|protocol| (protocol.as_str(), *protocol)).collect();
    value.word(&words)
}

fn approval(table: &mut Table<'_>) -> Option<ApprovalSpec> {
    let from = table.required("from", "accepted: a list of one or more groups whose members decide");
    let from = from.map(|value| value.texts()).unwrap_or_default();
    let min = table.take("min").map_or(Some(1), |value| value.whole(1..=100));
    let bounds = Duration::from_secs(1)..=DAY * 7;
    let timeout = table.take("timeout").map_or(Some(Duration::from_mins(10)), |value| value.duration(bounds));
    let reason = table.take("reason").map_or(Some(false), |value| value.flag());
    let grant = table.take("grant").map_or(Some(GrantScope::Once), |value| grant(&value));
    Some(ApprovalSpec { from, min: min?, timeout_s: timeout?.as_secs(), reason: reason?, grant: grant? })
        .filter(|spec| !spec.from.is_empty())
}

fn grant(value: &Value<'_>) -> Option<GrantScope> {
    let hint = "accepted: once, session, or a duration such as 15m".to_owned();
    let Some(grant) = value.node.as_str().and_then(|text| text.parse().ok()) else {
        value.problem("not what an approval can give", hint);
        return None;
    };
    match grant {
        GrantScope::Window(_) => value.duration(Duration::from_secs(1)..=DAY * 30).map(GrantScope::Window),
        other => Some(other),
    }
}

fn session_limit(table: &mut Table<'_>) -> Option<Duration> {
    table.take("session")?.duration(Duration::from_millis(100)..=DAY * 30)
}

/// Returns the message for the client: one line of a problem document.
fn message(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if text.chars().count() > 500 {
        value.problem("too long", "accepted: at most 500 characters".to_owned());
        return None;
    }
    Some(text.to_owned())
}

/// Reads `when`; its texts are validated when the policy is compiled.
fn when(table: &mut Table<'_>) -> When {
    let days = table.take("days").map(|value| value.texts()).unwrap_or_default();
    let mut text = |key| table.take(key).and_then(|value| value.text()).unwrap_or_default().to_owned();
    let (hours, tz) = (text("hours"), text("tz"));
    When { days, hours, tz }
}
