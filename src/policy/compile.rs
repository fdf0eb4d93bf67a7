//! Compiles a policy as written into one that can be evaluated. Reports all problems, not only the first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::ApprovalSpec;
use crate::domain::Class;
use crate::domain::Effect;
use crate::domain::GrantScope;
use crate::policy::condition::About;
use crate::policy::condition::Condition;
use crate::policy::condition::Tag;
use crate::policy::glob::Glob;
use crate::policy::groups::GroupTest;
use crate::policy::mcp::McpTest;
use crate::policy::mcp::Named;
use crate::policy::mcp::WordGlob;
use crate::policy::mcp::resource::ResourceGlob;
use crate::policy::network::Network;
use crate::policy::operations::Operations;
use crate::policy::path::PathGlob;
use crate::policy::problem::Findings;
use crate::policy::problem::PolicyProblem;
use crate::policy::problem::Refusal;
use crate::policy::rule::Matcher;
use crate::policy::rule::PolicyRule;
use crate::policy::sql::Asked;
use crate::policy::sql::SqlTest;
use crate::policy::sql::Use;
use crate::policy::sql::pattern::ColumnGlob;
use crate::policy::sql::pattern::NameGlob;
use crate::policy::sql::read_setting;
use crate::policy::value::ValueTest;
use crate::policy::window::Window;

/// A compiled policy.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) id: Arc<str>,
    pub(super) effect: Effect,
    /// The conditions of `match`, including `when`, in evaluation order.
    pub(super) conditions: Vec<Condition>,
    /// The conditions of `unless`; empty: no exception.
    pub(super) unless: Vec<Condition>,
    /// For an approve policy: the conditions under which the policy also lets a held command pass once it is
    /// approved.
    pub(super) covers: Vec<Condition>,
    /// Whether one of its conditions tests the body.
    pub(super) reads_body: bool,
    /// Whether one of its conditions goes by what shares rows with the relations that a SQL text names.
    pub(super) asks_kin: bool,
    pub(super) approval: Option<Arc<ApprovalSpec>>,
    pub(super) session_limit: Option<Duration>,
    pub(super) message: Option<Arc<str>>,
}

const NAMES: &str = "write names; * stands for any text";

impl Rule {
    /// Checks and compiles one policy. If problems are added, the returned rule must not be used.
    pub(super) fn compile(written: &PolicyRule, problems: &mut Vec<PolicyProblem>) -> Self {
        let mut findings = Findings { rule: &written.id, problems };
        check_id(&written.id, &mut findings);
        check_shape(written, &mut findings);
        check_unless(written, &mut findings);
        check_approval(written, &mut findings);
        check_limits(written, &mut findings);
        let usage = if written.effect == Effect::Allow { Use::All } else { Use::Any };
        let mut conditions = conditions(&written.matches, "match", usage, &mut findings);
        if written.effect == Effect::Allow && written.matches.operations.is_empty() {
            conditions.push(known_classes(&conditions));
        }
        if let Some(when) = &written.when {
            conditions.extend(Window::compile(when, &mut findings).map(Condition::When));
        }
        conditions.sort_by_key(place);
        let mut unless = written
            .unless
            .as_ref()
            .map_or_else(Vec::new, |unless| self::conditions(unless, "unless", usage.other(), &mut findings));
        unless.sort_by_key(place);
        let covers = if written.effect == Effect::Approve { covers(&written.matches) } else { Vec::new() };
        let reads_body = conditions.iter().chain(&unless).any(|condition| condition.about() == About::Body);
        let asks_kin = conditions.iter().chain(&unless).chain(&covers).any(Condition::asks_kin);
        Self {
            id: written.id.as_str().into(),
            effect: written.effect,
            conditions,
            unless,
            covers,
            reads_body,
            asks_kin,
            approval: written.approval.clone().map(Arc::new),
            session_limit: written.session_limit,
            message: written.message.as_deref().map(Into::into),
        }
    }
}

/// Returns the position of a condition in evaluation order.
fn place(condition: &Condition) -> usize {
    let order = [
        "connections",
        "protocols",
        "operations",
        "methods",
        "kinds",
        "issuers",
        "tags",
        "subjects",
        "clients",
        "groups",
        "source_ips",
        "paths",
        "tools",
        "prompts",
        "resources",
        "claims",
        "when",
        "args",
        // They answer no at once for anything but SQL.
        "verbs",
        "all_rows",
        "settings",
        "tables",
        "functions",
        "columns",
        "columns_not",
    ];
    order.iter().position(|key| *key == condition.key()).unwrap_or(order.len())
}

fn check_id(id: &str, findings: &mut Findings<'_>) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !(1..=63).contains(&id.len()) || !id.bytes().all(plain) {
        findings.note("id", id, "no id", "write 1 to 63 letters, digits, -, _ and .");
    }
}

/// Refuses policies that hold for everybody or everything without saying so explicitly.
fn check_shape(written: &PolicyRule, findings: &mut Findings<'_>) {
    // An approve also lets commands pass once they are approved: without saying who, it would open the
    // connection to every valid token.
    if written.effect != Effect::Deny && !written.matches.says_who() {
        let accepted =
            "give groups, subjects, clients, issuers, kinds or claims; subjects = [\"*\"] is everybody";
        let problem = match written.effect {
            Effect::Approve => "an approve that does not say who",
            Effect::Allow | Effect::Deny => "an allow that does not say who",
        };
        findings.note("match", "", problem, accepted);
    } else if written.matches.is_empty() && written.when.is_none() {
        findings.note(
            "match",
            "",
            "no condition at all",
            "give at least one; subjects = [\"*\"] is everybody",
        );
    }
}

fn check_unless(written: &PolicyRule, findings: &mut Findings<'_>) {
    let Some(unless) = &written.unless else { return };
    if unless.is_empty() {
        findings.note("unless", "", "no condition", "give at least one, or leave unless out");
    } else if written.matches.implies(unless) {
        let accepted = "give a condition that match does not already ask for";
        findings.note(
            "unless",
            &unless.to_string(),
            "it always holds when match does, so the rule never would",
            accepted,
        );
    }
}

fn check_approval(written: &PolicyRule, findings: &mut Findings<'_>) {
    let spec = match (&written.approval, written.effect) {
        (None, Effect::Approve) => {
            return findings.note(
                "approval",
                "",
                "missing",
                "say who approves: approval = { from = [\"GROUP\"] }",
            );
        }
        (None, _) => return,
        (Some(_), Effect::Allow | Effect::Deny) => {
            let effect = written.effect.as_str();
            return findings.note(
                "approval",
                "",
                "nobody is asked",
                &format!("leave it out of a policy that says {effect}, or write effect = \"approve\""),
            );
        }
        (Some(spec), Effect::Approve) => spec,
    };
    if spec.from.is_empty() {
        findings.note("approval.from", "[]", "nobody could approve", "name at least one group");
    }
    for group in &spec.from {
        if let Err(refusal) = crate::policy::glob::check_text(group) {
            findings.refuse("approval.from", group, refusal);
        } else if group.contains('*') {
            findings.note("approval.from", group, "a pattern", "name each group of approvers exactly");
        }
    }
    if spec.min == 0 {
        findings.note("approval.min", "0", "nobody would be asked", "write 1 or more");
    }
    if spec.timeout_s == 0 {
        findings.note("approval.timeout", "0s", "nobody could be in time", "write a duration such as 10m");
    }
    if spec.grant == GrantScope::Window(Duration::ZERO) {
        findings.note(
            "approval.grant",
            "0s",
            "a grant without length",
            "write once, session, or a duration such as 15m",
        );
    }
}

fn check_limits(written: &PolicyRule, findings: &mut Findings<'_>) {
    match (written.session_limit, written.effect) {
        (Some(_), Effect::Deny) => {
            findings.note("limits.session", "", "a deny has no sessions to limit", "leave it out");
        }
        (Some(Duration::ZERO), _) => {
            findings.note("limits.session", "0s", "a session without length", "write a duration such as 1h");
        }
        _ => {}
    }
    if written.message.as_deref().is_some_and(|message| message.trim().is_empty()) {
        findings.note("message", "", "empty", "write some words, or leave it out");
    }
}

/// Returns all classes except `unknown`, which passes only by name.
fn known_classes(beside: &[Condition]) -> Condition {
    let classes = vec![Class::Read, Class::Write, Class::Ddl, Class::Admin];
    let (functions, named) = (functions_of(beside), Some(named_by(beside)));
    Condition::Operations(Operations { classes, usage: Use::All, functions, named })
}

/// Returns the conditions on the command alone under which an allow with the same `match` would let it pass.
fn covers(matcher: &Matcher) -> Vec<Condition> {
    let mut said = Vec::new();
    let mut findings = Findings { rule: "", problems: &mut said };
    let own = Matcher {
        operations: matcher.operations.clone(),
        methods: matcher.methods.clone(),
        tools: matcher.tools.clone(),
        tables: matcher.tables.clone(),
        columns: matcher.columns.clone(),
        columns_not: matcher.columns_not.clone(),
        functions: matcher.functions.clone(),
        verbs: matcher.verbs.clone(),
        settings: matcher.settings.clone(),
        all_rows: matcher.all_rows,
        ..Matcher::default()
    };
    let mut covers = conditions(&own, "match", Use::All, &mut findings);
    if own.operations.is_empty() {
        covers.push(known_classes(&covers));
    }
    covers.sort_by_key(place);
    covers
}

/// Returns the `functions` among conditions that let a command pass.
fn functions_of(conditions: &[Condition]) -> Option<Arc<[NameGlob]>> {
    conditions.iter().find_map(|condition| match condition {
        Condition::Sql(SqlTest { usage: Use::All, asked: Asked::Functions(globs) }) => {
            Some(Arc::clone(globs))
        }
        _ => None,
    })
}

/// Returns the `tools` and `methods` among conditions.
fn named_by(conditions: &[Condition]) -> Named {
    let mut named = Named::default();
    for condition in conditions {
        match condition {
            Condition::Mcp(McpTest::Tools(globs)) => named.tools = Some(Arc::clone(globs)),
            Condition::Methods(globs) => named.methods = Some(Arc::clone(globs)),
            _ => {}
        }
    }
    named
}

fn conditions(matcher: &Matcher, table: &str, usage: Use, findings: &mut Findings<'_>) -> Vec<Condition> {
    let mut list = Compiler { table, findings, conditions: Vec::new() };
    let sql = |asked| Condition::Sql(SqlTest { usage, asked });
    list.texts("tables", &matcher.tables, NameGlob::parse, |globs| sql(Asked::Tables(globs)));
    list.texts("columns", &matcher.columns, ColumnGlob::parse, |globs| sql(Asked::Columns(globs)));
    list.texts("columns_not", &matcher.columns_not, ColumnGlob::parse, |globs| sql(Asked::ColumnsNot(globs)));
    list.texts("functions", &matcher.functions, NameGlob::parse, |globs| sql(Asked::Functions(globs.into())));
    list.plain(&matcher.verbs, |verbs| sql(Asked::Verbs(verbs)));
    list.texts("settings", &matcher.settings, read_setting, |globs| sql(Asked::Settings(globs)));
    list.conditions.extend(matcher.all_rows.map(|wanted| sql(Asked::AllRows(wanted))));
    let functions = functions_of(&list.conditions);
    list.plain(&matcher.operations, |classes| {
        Condition::Operations(Operations { classes, usage, functions: functions.clone(), named: None })
    });
    list.globs("connections", &matcher.connections, read_connection, Condition::Connections);
    list.plain(&matcher.protocols, Condition::Protocols);
    list.texts("methods", &matcher.methods, read_method, |globs| Condition::Methods(globs.into()));
    list.plain(&matcher.kinds, Condition::Kinds);
    list.globs("issuers", &matcher.issuers, Glob::parse, Condition::Issuers);
    list.table("tags", &matcher.tags, read_tag, Condition::Tags);
    list.globs("subjects", &matcher.subjects, read_subject, Condition::Subjects);
    list.globs("clients", &matcher.clients, Glob::parse, Condition::Clients);
    list.texts("groups", &matcher.groups, |text| Glob::parse(text).map(GroupTest::new), Condition::Groups);
    list.texts("source_ips", &matcher.source_ips, Network::parse, Condition::SourceIps);
    list.texts("paths", &matcher.paths, PathGlob::parse, Condition::Paths);
    let mcp = Condition::Mcp;
    list.texts("tools", &matcher.tools, WordGlob::parse, |globs| mcp(McpTest::Tools(globs.into())));
    list.texts("prompts", &matcher.prompts, WordGlob::parse, |globs| mcp(McpTest::Prompts(globs)));
    list.texts("resources", &matcher.resources, ResourceGlob::parse, |globs| mcp(McpTest::Resources(globs)));
    list.table("claims", &matcher.claims, ValueTest::parse, Condition::Claims);
    list.table("args", &matcher.args, ValueTest::parse, Condition::Args);
    list.conditions
}

/// Compiles the lists of one `match` or `unless` table into conditions.
struct Compiler<'a, 'f> {
    table: &'a str,
    findings: &'a mut Findings<'f>,
    conditions: Vec<Condition>,
}

impl Compiler<'_, '_> {
    fn plain<T: Clone>(&mut self, values: &[T], condition: impl FnOnce(Vec<T>) -> Condition) {
        if !values.is_empty() {
            self.conditions.push(condition(values.to_vec()));
        }
    }

    fn texts<T>(
        &mut self,
        key: &str,
        values: &[String],
        read: impl Fn(&str) -> Result<T, Refusal>,
        condition: impl FnOnce(Vec<T>) -> Condition,
    ) {
        let key = format!("{}.{key}", self.table);
        let read: Vec<T> =
            values.iter().filter_map(|value| self.findings.keep(&key, value, read(value))).collect();
        if !values.is_empty() {
            self.conditions.push(condition(read));
        }
    }

    fn globs(
        &mut self,
        key: &str,
        values: &[String],
        read: fn(&str) -> Result<Glob, Refusal>,
        condition: fn(Vec<Glob>) -> Condition,
    ) {
        self.texts(key, values, read, condition);
    }

    fn table<T>(
        &mut self,
        key: &str,
        entries: &BTreeMap<String, String>,
        read: fn(&str, &str) -> Result<T, Refusal>,
        condition: fn(Vec<T>) -> Condition,
    ) {
        let mut values = Vec::new();
        for (name, value) in entries {
            let key = format!("{}.{key}.{name}", self.table);
            values.extend(self.findings.keep(&key, value, read(name, value)));
        }
        if !entries.is_empty() {
            self.conditions.push(condition(values));
        }
    }
}

fn read_connection(text: &str) -> Result<Glob, Refusal> {
    let glob = Glob::parse(text)?;
    if text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'*')) {
        Ok(glob)
    } else {
        Err(Refusal::new(
            "no connection has such a name",
            "connection names are of a-z, 0-9 and -; * stands for any text",
        ))
    }
}

fn read_subject(text: &str) -> Result<Glob, Refusal> {
    let glob = Glob::parse(text)?;
    if text.contains(['/', '*']) {
        Ok(glob)
    } else {
        let accepted = "write an id as `hoopctl token inspect` shows it, entra:TENANT/OBJECT or ISSUER/SUBJECT; * stands for any text";
        Err(Refusal::new("no principal has such an id", accepted))
    }
}

fn read_method(text: &str) -> Result<WordGlob, Refusal> {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-./^_`|~".contains(&byte);
    if !text.is_empty() && text.len() <= 64 && text.bytes().all(part) {
        WordGlob::parse(text)
    } else {
        Err(Refusal::new(
            "no method",
            "write a method such as GET, or tools/call for MCP; leave methods out for all of them",
        ))
    }
}

fn read_tag(name: &str, text: &str) -> Result<Tag, Refusal> {
    if name.trim().is_empty() {
        return Err(Refusal::new("a tag without a name", NAMES));
    }
    let values = text.split('|').map(Glob::parse).collect::<Result<_, _>>()?;
    Ok(Tag { name: name.into(), values })
}
