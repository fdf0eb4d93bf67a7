//! `policy suggest`: the least privilege that what was really used needs.

pub mod fold;
mod used;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use serde_json::json;

use crate::cli::access::Access;
use crate::cli::output;
use crate::cli::output::Format;
use crate::cli::output::Terminal;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::traffic;
use crate::cli::traffic::Doubt;
use crate::cli::traffic::Tally;
use crate::cli::traffic::Which;
use crate::cli::traffic::recorded::Recorded;
use crate::cli::traffic::side::Parser;
use crate::cli::traffic::side::Side;
use crate::cli::traffic::suggest::used::Used;
use crate::cli::traffic::suggest::used::Who;
use crate::config::Entity;
use crate::config::render_entity;
use crate::domain::Class;
use crate::domain::Effect;
use crate::domain::Principal;
use crate::domain::connection::ConnectionName;
use crate::domain::text::Shown;
use crate::domain::units;
use crate::policy;
use crate::policy::PolicyRule;
use crate::policy::PolicySet;

/// After the help of `policy suggest`.
pub const HELP: &str = "\
Examples:
  hoopctl policy suggest > suggested.toml
  hoopctl policy suggest --since 90d --connection crm --group support
  hoopctl policy simulate -f suggested.toml --since 30d

Prints [[policy]] tables that allow what policies allowed in that time and as little else as can be said: for each connection, and
each group, client or principal that the deciding policy named, the methods and paths of HTTP, the operations, verbs and tables of
SQL, the tools, prompts and resources of MCP. Where several ids stood in one place of a path, there is * (one stays as it is).

What waited for an approval, or was denied, is not covered: keep those policies. Comments tell how many commands that was, how many
the suggestion does not cover, and, without --connection and --group, which allow policies, or operations, tools and methods in
them, nothing used. Read it before you use it: what is used once a year is not in a month.";

/// `policy suggest`.
#[derive(Debug, Args)]
pub struct SuggestArgs {
    /// What came in this time up to now, such as 90d
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = units::parse_duration)]
    pub since: Duration,
    /// Only what came on this connection
    #[arg(long, value_name = "NAME")]
    pub connection: Option<ConnectionName>,
    /// Only what members of this group sent, and policies for that group
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
}

/// What an existing policy was used for.
#[derive(Debug, Default)]
struct Usage {
    classes: BTreeSet<Class>,
    tools: BTreeSet<String>,
    methods: BTreeSet<String>,
}

/// What was found in recordings.
#[derive(Debug, Default)]
struct Gathered {
    used: BTreeMap<(String, Who), Used>,
    rules: BTreeMap<String, Usage>,
    /// Commands that passed.
    allowed: u64,
    /// Of which no policy can be written that allows little else.
    beyond: u64,
    /// Those that had to wait for an approval, by policy.
    approved: BTreeMap<String, u64>,
    denied: u64,
}

/// What is suggested.
struct Suggestion {
    rules: Vec<PolicyRule>,
    gathered: Gathered,
    tally: Tally,
    /// How many of the commands that passed would not.
    uncovered: u64,
    unused: Vec<(String, String)>,
}

impl Gathered {
    fn add(
        &mut self,
        recorded: &Recorded,
        group: Option<&str>,
        now: &Side,
        parser: &Parser<'_>,
    ) -> Result<(), Doubt> {
        let Some(connection) = traffic::connection(&now.connections, &recorded.connection) else {
            return Err(Doubt::new("its connection is not there any more"));
        };
        match recorded.decided.effect {
            Effect::Deny => {
                self.denied += 1;
                return Ok(());
            }
            Effect::Approve => *self.approved.entry(recorded.decided.rules.join(", ")).or_default() += 1,
            Effect::Allow => {}
        }
        let sql = |text: &[u8], lexing| parser.judge(text, lexing);
        let rebuilt = traffic::rebuild::rebuild(recorded, connection, now.trusts(recorded), &sql)?;
        let subject = now.subject(recorded, connection);
        for command in &rebuilt.commands {
            for rule in now.policies.holding(&subject, command) {
                let usage = self.rules.entry(rule).or_default();
                usage.classes.insert(command.sql().map_or(command.class, |sql| sql.base));
                usage.classes.insert(command.class);
                usage.tools.extend(command.mcp().and_then(|mcp| mcp.tool.as_deref()).map(str::to_owned));
                usage.methods.insert(command.method().to_owned());
            }
        }
        if recorded.decided.effect == Effect::Allow {
            self.allowed += 1;
            let who = match group {
                Some(group) => Some(Who::Group(group.to_owned())),
                None => who(&recorded.principal, &recorded.decided.rules, &now.policies),
            };
            let covered = who.is_some_and(|who| {
                let used = self.used.entry((recorded.connection.clone(), who)).or_default();
                let beyond = rebuilt.commands.iter().filter(|command| !used.add(command)).count();
                beyond == 0
            });
            self.beyond += u64::from(!covered);
        }
        Ok(())
    }
}

/// Who a policy should be for: the group or client that the deciding one names, else the principal. `None`: its name would be a pattern for others.
fn who(principal: &Principal, rules: &[String], policies: &PolicySet) -> Option<Who> {
    let who = named(principal, rules, policies);
    let (Who::Client(name) | Who::Group(name) | Who::Subject(name)) = &who;
    used::is_plain(name).then_some(who)
}

fn named(principal: &Principal, rules: &[String], policies: &PolicySet) -> Who {
    for rule in rules.iter().filter_map(|id| policies.rule(id)) {
        let mut groups = rule.matches.groups.iter();
        if let Some(group) = groups.find(|group| principal.groups.contains(group)) {
            return Who::Group(group.clone());
        }
        if let Some(client) = principal.client.as_deref().filter(|_| !rule.matches.clients.is_empty()) {
            return Who::Client(client.to_owned());
        }
        let mut globs = rule.matches.groups.iter();
        let fits = |group: &&str| globs.any(|glob| policy::fits(glob, group));
        if let Some(group) = principal.groups.iter().find(fits) {
            return Who::Group(group.to_owned());
        }
    }
    Who::Subject(principal.id.to_string())
}

/// Prints what is suggested.
pub fn suggest(terminal: Terminal, access: &Access, args: &SuggestArgs) -> Outcome {
    let now = Side::current(access)?;
    let parser = Parser::new(access);
    let which = Which { since: Some(args.since), connection: args.connection.clone(), session: None };
    let group = args.group.as_deref();
    let wanted = |recorded: &Recorded| group.is_none_or(|group| recorded.principal.groups.contains(group));
    let mut gathered = Gathered::default();
    let mut tally = Tally::default();
    traffic::read(access, &which, &mut tally, &mut |tally, recorded| {
        if !wanted(&recorded) {
            return;
        }
        match gathered.add(&recorded, group, &now, &parser) {
            Ok(()) => tally.judged += 1,
            Err(doubt) => tally.doubt(doubt),
        }
    })?;
    let rules = distinct(&gathered.used);
    let policies = PolicySet::compile(rules.clone(), 0).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::failed(format!("what was used cannot be written as policies\n{}", lines.join("\n")))
    })?;
    let then = Side { connections: now.connections.clone(), policies };
    let mut uncovered = 0;
    traffic::read(access, &which, &mut Tally::default(), &mut |_tally, recorded| {
        if wanted(&recorded) && recorded.decided.effect == Effect::Allow {
            let ruled = then.rule(&recorded, now.trusts(&recorded), &parser);
            uncovered += u64::from(ruled.is_ok_and(|(ruled, _)| ruled.effect != Effect::Allow));
        }
    })?;
    let whole = args.connection.is_none() && args.group.is_none();
    let unused = if whole { unused(&now.policies, &gathered.rules) } else { Vec::new() };
    let suggestion = Suggestion { rules, gathered, tally, uncovered, unused };
    match terminal.format {
        Format::Table | Format::Toml => terminal.data(&suggestion.toml(args))?,
        Format::Json | Format::Jsonl => terminal.item(&[], &suggestion.json(args))?,
        Format::Csv => return Err(Failure::usage("policies are no table: leave -o out, or use -o json")),
    }
    Ok(Exit::Done)
}

/// All policies, with ids that differ.
fn distinct(used: &BTreeMap<(String, Who), Used>) -> Vec<PolicyRule> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut rules: Vec<PolicyRule> = Vec::new();
    for ((connection, who), used) in used {
        for mut rule in used.policies(who, connection) {
            let mut again = 2;
            let own = rule.id.clone();
            while !taken.insert(rule.id.clone()) {
                let short: String = own.chars().take(58).collect();
                rule.id = format!("{short}.{again}");
                again += 1;
            }
            rules.push(rule);
        }
    }
    rules
}

/// The allow policies that nothing used, and what in those that were used nothing did: the policy, and what of it.
fn unused(policies: &PolicySet, used: &BTreeMap<String, Usage>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for rule in policies.rules().iter().filter(|rule| rule.effect == Effect::Allow) {
        let Some(usage) = used.get(&rule.id) else {
            all.push((rule.id.clone(), format!("all of it ({})", rule.origin)));
            continue;
        };
        let operations = rule.matches.operations.iter().filter(|class| !usage.classes.contains(class));
        all.extend(operations.map(|class| (rule.id.clone(), format!("operation {class}"))));
        for (noun, globs, seen) in
            [("tool", &rule.matches.tools, &usage.tools), ("method", &rule.matches.methods, &usage.methods)]
        {
            // Methods of HTTP are written in any case.
            let folded =
                |text: &str| if noun == "method" { text.to_ascii_lowercase() } else { text.to_owned() };
            let fits = |glob: &str| seen.iter().any(|name| policy::fits(&folded(glob), &folded(name)));
            let left = globs.iter().filter(|glob| !fits(glob));
            all.extend(left.map(|glob| (rule.id.clone(), format!("{noun} {glob}"))));
        }
    }
    all
}

fn body(rule: &PolicyRule) -> String {
    render_entity(&Entity::Policy(rule.clone()))
}

impl Suggestion {
    fn comments(&self, args: &SuggestArgs) -> Vec<String> {
        let gathered = &self.gathered;
        let since = units::rough(u64::try_from(args.since.as_millis()).unwrap_or(u64::MAX));
        let mut lines =
            vec![format!("What {} of the last {since} used.", traffic::commands(gathered.allowed))];
        if self.uncovered > 0 {
            let beyond = match gathered.beyond {
                0 => String::new(),
                count => format!("; of {count} no policy can be written that allows little else"),
            };
            lines.push(format!("Not covered: {} that passed{beyond}.", traffic::commands(self.uncovered)));
        }
        for (rule, count) in &gathered.approved {
            lines.push(format!("Keep approve {rule}: {} waited for an approval.", traffic::commands(*count)));
        }
        if gathered.denied > 0 {
            lines.push(format!("Keep the denies: {} denied.", traffic::commands(gathered.denied)));
        }
        lines.extend(self.tally.lines());
        for (rule, what) in &self.unused {
            lines.push(format!("Unused: {what} of allow {rule}"));
        }
        lines
    }

    /// A text that holds nothing but comments and tables.
    fn toml(&self, args: &SuggestArgs) -> String {
        let mut text = String::new();
        for line in self.comments(args) {
            writeln!(text, "# {}", Shown(&line)).ok();
        }
        for rule in &self.rules {
            write!(text, "\n[[policy]]\n{}", body(rule)).ok();
        }
        text
    }

    fn json(&self, args: &SuggestArgs) -> Value {
        let table = |rule: &PolicyRule| {
            body(rule).parse::<toml::Table>().map_or(Value::Null, |table| output::json(&table))
        };
        let unused = |(rule, what): &(String, String)| json!({"rule": rule, "what": what});
        json!({
            "policies": self.rules.iter().map(table).collect::<Vec<_>>(),
            "toml": self.toml(args),
            "allowed": self.gathered.allowed,
            "uncovered": self.uncovered,
            "approved": self.gathered.approved,
            "denied": self.gathered.denied,
            "cannot_tell": self.tally.unknown(),
            "doubts": self.tally.json(),
            "unused": self.unused.iter().map(unused).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Groups;
    use crate::domain::Kind;
    use crate::domain::Origin;
    use crate::domain::json::Json;
    use crate::policy::Matcher;

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(ToString::to_string).collect()
    }

    fn allow(id: &str, matches: Matcher) -> PolicyRule {
        PolicyRule {
            id: id.to_owned(),
            origin: Origin::Store,
            effect: Effect::Allow,
            matches,
            unless: None,
            when: None,
            approval: None,
            session_limit: None,
            message: None,
        }
    }

    fn groups(names: &[&str]) -> Matcher {
        Matcher { groups: texts(names), ..Matcher::default() }
    }

    #[test]
    fn a_policy_is_for_whom_the_deciding_one_names() {
        let principal = |id: &str| Principal {
            id: id.into(),
            kind: Kind::App,
            issuer: "idp".into(),
            client: Some("billing".into()),
            display: None,
            groups: ["ops-eu", "support"].into_iter().collect::<Groups>(),
            claims: Json::Object(Vec::new()),
        };
        let client = Matcher { clients: texts(&["bill*"]), ..Matcher::default() };
        let subject = Matcher { subjects: texts(&["idp/*"]), ..Matcher::default() };
        for (id, matches, expected) in [
            ("idp/a", groups(&["dev", "support"]), Some(Who::Group("support".to_owned()))),
            ("idp/a", groups(&["ops-*"]), Some(Who::Group("ops-eu".to_owned()))),
            ("idp/a", client, Some(Who::Client("billing".to_owned()))),
            ("idp/a", subject.clone(), Some(Who::Subject("idp/a".to_owned()))),
            ("idp/*", subject, None),
        ] {
            let policies = PolicySet::compile(vec![allow("r", matches)], 1).unwrap();
            assert_eq!(who(&principal(id), &["r".to_owned()], &policies), expected);
            assert_eq!(
                who(&principal("idp/a"), &["gone".to_owned()], &policies),
                Some(Who::Subject("idp/a".to_owned()))
            );
        }
    }

    #[test]
    fn what_nothing_used_is_told() {
        let tools = Matcher { tools: texts(&["get_*", "put"]), ..groups(&["ops"]) };
        let reads = Matcher {
            operations: vec![Class::Read, Class::Ddl],
            methods: texts(&["get", "HEAD"]),
            ..groups(&["ops"])
        };
        let rules = vec![allow("a", groups(&["ops"])), allow("b", tools), allow("c", reads)];
        let policies = PolicySet::compile(rules, 1).unwrap();
        let set = |values: &[&str]| values.iter().map(ToString::to_string).collect::<BTreeSet<String>>();
        let used = BTreeMap::from([
            ("b".to_owned(), Usage { tools: set(&["get_x"]), ..Usage::default() }),
            (
                "c".to_owned(),
                Usage { classes: [Class::Read].into(), methods: set(&["GET"]), ..Usage::default() },
            ),
        ]);
        let told: Vec<String> =
            unused(&policies, &used).into_iter().map(|(rule, what)| format!("{rule} {what}")).collect();
        assert_eq!(told, ["a all of it (store)", "b tool put", "c operation ddl", "c method HEAD"]);
    }
}
