//! `policy suggest`: least-privilege policies for what was actually used.

pub mod fold;
mod gather;
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
use crate::cli::traffic::Tally;
use crate::cli::traffic::Which;
use crate::cli::traffic::recorded::Recorded;
use crate::cli::traffic::side::Parser;
use crate::cli::traffic::side::Side;
use crate::cli::traffic::suggest::gather::By;
use crate::cli::traffic::suggest::gather::Gathered;
use crate::cli::traffic::suggest::gather::Usage;
use crate::cli::traffic::suggest::used::Used;
use crate::config::Entity;
use crate::config::render_entity;
use crate::domain::Effect;
use crate::domain::connection::ConnectionName;
use crate::domain::text::Shown;
use crate::domain::units;
use crate::policy;
use crate::policy::PolicyProblem;
use crate::policy::PolicyRule;
use crate::policy::PolicySet;

/// Appended to the help of `policy suggest`.
pub const HELP: &str = "\
Examples:
  hoopctl policy suggest > suggested.toml
  hoopctl policy suggest --since 90d --connection crm --group support
  hoopctl policy simulate -f suggested.toml --since 30d

Prints [[policy]] tables that allow what policies allowed in that time and as little else as can be said: for each connection, and
each group, client or principal that the deciding policy named, the methods and paths of HTTP, the operations, verbs and tables of
SQL, the tools, prompts and resources of MCP. What the deciding policy asks for besides (args, columns, source_ips, unless, when,
limits.session and so on) is asked for again. Where several ids (numbers, UUIDs, hashes, e-mail addresses) stood in one place of a
path, there is *, but not in its first segment; a single one and all other words stay as they are.

What waited for an approval, or was denied, is not covered: keep those policies. Comments tell how many commands that was, how many
the suggestion does not cover, and, without --connection and --group, which allow policies, or operations, tools and methods in
them, nothing used. Read it before you use it: what is used once a year is not in a month.";

/// Options of `policy suggest`.
#[derive(Debug, Args)]
pub struct SuggestArgs {
    /// Only commands in this recent period, such as 90d
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = units::parse_duration)]
    pub since: Duration,
    /// Only commands on this connection
    #[arg(long, value_name = "NAME")]
    pub connection: Option<ConnectionName>,
    /// Only commands that members of this group sent by policies that name it; suggests policies for that
    /// group
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
}

/// A suggestion.
struct Suggestion {
    rules: Vec<PolicyRule>,
    gathered: Gathered,
    tally: Tally,
    /// How many of the commands that passed would not pass.
    uncovered: u64,
    /// How many of them cannot be judged.
    unsure: u64,
    unused: Vec<(String, String)>,
}

/// Prints the suggestion.
pub fn suggest(terminal: Terminal, access: &Access, args: &SuggestArgs) -> Outcome {
    let now = Side::current(access)?;
    let parser = Parser::new(access);
    let which = Which {
        since: Some(args.since),
        connection: args.connection.clone(),
        session: None,
        group: args.group.clone(),
    };
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
        // The values come from commands and are not printed.
        let line = |problem: &PolicyProblem| {
            format!("policy {}: {}: {}", problem.rule, problem.key, problem.problem)
        };
        let lines: Vec<String> = problems.iter().map(line).collect();
        Failure::failed(format!("the used permissions cannot be written as policies\n{}", lines.join("\n")))
    })?;
    let then = Side { connections: now.connections.clone(), policies };
    let (mut uncovered, mut unsure) = (0, 0);
    traffic::read(access, &which, &mut Tally::default(), &mut |_tally, recorded| {
        let passed =
            recorded.decided.effect == Effect::Allow && gather::counts(&recorded, group, &now.policies);
        if !wanted(&recorded) || !passed {
            return;
        }
        let trusted = now.trusts(&recorded);
        match then.rule(&recorded, trusted, &parser) {
            Ok((ruled, _)) => uncovered += u64::from(ruled.effect != Effect::Allow),
            // Commands that cannot be read at all are counted already.
            Err(_doubt) => unsure += u64::from(now.rebuilt(&recorded, trusted, &parser).is_ok()),
        }
    })?;
    let whole = args.connection.is_none() && args.group.is_none();
    let unused = if whole { unused(&now.policies, &gathered.rules) } else { Vec::new() };
    let suggestion = Suggestion { rules, gathered, tally, uncovered, unsure, unused };
    match terminal.format {
        Format::Table | Format::Toml => terminal.data(&suggestion.toml(args))?,
        Format::Json | Format::Jsonl => terminal.item(&[], &suggestion.json(args))?,
        Format::Csv => return Err(Failure::usage("policies are not a table: omit -o, or use -o json")),
    }
    Ok(Exit::Done)
}

/// Returns all policies, with unique ids.
fn distinct(used: &BTreeMap<By, Used>) -> Vec<PolicyRule> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut rules: Vec<PolicyRule> = Vec::new();
    for ((connection, who, _rule, _limit), used) in used {
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

/// Returns allow policies that were not used, and parts of used ones that were not: the policy, and the part.
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
            // HTTP methods match in any case.
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
            lines.push(format!("Not covered: {} that passed.", traffic::commands(self.uncovered)));
        }
        for (count, what) in [
            (self.unsure, "may be covered or not: a policy asks for what is not recorded"),
            (gathered.beyond, "left out: no policy can be written that allows little else"),
            (gathered.orphaned, "left out: the policies that let them pass are not there any more"),
            (
                gathered.elsewhere,
                "left out: members sent them, and policies let them pass that do not name the group",
            ),
        ] {
            if count > 0 {
                lines.push(format!("{} {what}.", traffic::commands(count)));
            }
        }
        for (what, count) in &gathered.mixed {
            lines.push(format!(
                "{} left out: {what} (a policy that allows it would let either table be changed).",
                traffic::commands(*count)
            ));
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

    /// Renders a text of comments and tables only.
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
            "unsure": self.unsure,
            "beyond": self.gathered.beyond,
            "mixed": self.gathered.mixed,
            "orphaned": self.gathered.orphaned,
            "by_other_policies": self.gathered.elsewhere,
            "approved": self.gathered.approved,
            "denied": self.gathered.denied,
            "cannot_tell": self.tally.unknown(),
            "doubts": self.tally.json(),
            "unused": self.unused.iter().map(unused).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests;
