//! Gathers from recorded commands what was used, by the policy that let it pass.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use crate::cli::traffic;
use crate::cli::traffic::Doubt;
use crate::cli::traffic::recorded::Recorded;
use crate::cli::traffic::side::Parser;
use crate::cli::traffic::side::Side;
use crate::cli::traffic::suggest::used;
use crate::cli::traffic::suggest::used::Guards;
use crate::cli::traffic::suggest::used::Used;
use crate::cli::traffic::suggest::used::Who;
use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Effect;
use crate::domain::Principal;
use crate::policy;
use crate::policy::PolicyRule;
use crate::policy::PolicySet;

/// The observed uses of an existing policy.
#[derive(Debug, Default)]
pub struct Usage {
    /// The classes of commands.
    pub classes: BTreeSet<Class>,
    /// The tools that were called.
    pub tools: BTreeSet<String>,
    /// The methods.
    pub methods: BTreeSet<String>,
}

/// Connection, caller, policy, and session limit of commands.
pub type By = (String, Who, String, Option<Duration>);

/// The findings in recordings.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The observed uses.
    pub used: BTreeMap<By, Used>,
    /// The uses of each policy.
    pub rules: BTreeMap<String, Usage>,
    /// Commands that passed.
    pub allowed: u64,
    /// Commands for which no policy can be written that allows little else.
    pub beyond: u64,
    /// Among those, SQL texts that change one table and read another, by what they do.
    pub mixed: BTreeMap<String, u64>,
    /// Commands that no existing policy allows.
    pub orphaned: u64,
    /// Commands of members of the selected group that passed by a policy that does not name it.
    pub elsewhere: u64,
    /// Commands that were held for approval, by policy.
    pub approved: BTreeMap<String, u64>,
    /// Commands that were denied.
    pub denied: u64,
}

impl Gathered {
    /// Adds one recorded command; with a `group`, only if the policy that let it pass names it.
    pub fn add(
        &mut self,
        recorded: &Recorded,
        group: Option<&str>,
        now: &Side,
        parser: &Parser<'_>,
    ) -> Result<(), Doubt> {
        let Some(connection) = traffic::connection(&now.connections, &recorded.connection) else {
            return Err(Doubt::new("its connection is not there any more"));
        };
        let decided = &recorded.decided;
        match decided.effect {
            Effect::Deny => {
                self.denied += 1;
                return Ok(());
            }
            Effect::Approve => *self.approved.entry(decided.rules.join(", ")).or_default() += 1,
            Effect::Allow if !counts(recorded, group, &now.policies) => {
                self.elsewhere += 1;
                return Ok(());
            }
            Effect::Allow => {}
        }
        let sql = |text: &[u8], lexing| parser.judge(text, lexing);
        let rebuilt = traffic::rebuild::rebuild(recorded, connection, now.trusts(recorded), &sql)?;
        let subject = now.subject(recorded, connection);
        let holding: Vec<Vec<String>> =
            rebuilt.commands.iter().map(|command| now.policies.holding(&subject, command)).collect();
        for (command, rules) in rebuilt.commands.iter().zip(&holding) {
            self.use_up(command, rules);
        }
        if decided.effect == Effect::Allow {
            self.allowed += 1;
            // The parts that it also requires may have passed by other policies than the command itself.
            let by = |rules: &[String]| passed(&recorded.principal, rules, &now.policies, group);
            let each = rebuilt.commands.iter().zip(&holding).enumerate();
            let parts = each.map(|(place, (command, holding))| {
                let own = if place == 0 { by(&decided.rules) } else { None };
                (command, own.or_else(|| by(holding)))
            });
            self.pass(&recorded.connection, parts.collect());
        }
        Ok(())
    }

    fn use_up(&mut self, command: &Command, rules: &[String]) {
        for rule in rules {
            let usage = self.rules.entry(rule.clone()).or_default();
            usage.classes.insert(command.sql().map_or(command.class, |sql| sql.base));
            usage.classes.insert(command.class);
            usage.tools.extend(command.mcp().and_then(|mcp| mcp.tool.as_deref()).map(str::to_owned));
            usage.methods.insert(command.method().to_owned());
        }
    }

    /// Adds a command that passed, with all its parts.
    fn pass(&mut self, connection: &str, parts: Vec<(&Command, Option<Passed<'_>>)>) {
        let (mut orphaned, mut beyond) = (false, false);
        for (command, by) in parts {
            match by {
                None => orphaned = true,
                Some(by) => beyond |= !self.note(connection, command, by),
            }
            if let Some(words) = used::mixed(command) {
                *self.mixed.entry(words).or_default() += 1;
            }
        }
        self.orphaned += u64::from(orphaned);
        self.beyond += u64::from(beyond && !orphaned);
    }

    /// Adds one part. Returns whether a policy can be written for it.
    fn note(&mut self, connection: &str, command: &Command, by: Passed<'_>) -> bool {
        let Passed { who, rule, session_limit } = by;
        let guards = || Guards::of(rule, session_limit);
        let mut alone = Used::under(guards());
        if !used::is_plain(who.name()) || !alone.add(command) {
            return false;
        }
        let key = (connection.to_owned(), who.clone(), rule.id.clone(), session_limit);
        if self.used.get(&key).is_some_and(|used| used.has(&alone)) {
            return true;
        }
        // An invalid name in a policy, such as one that is too long, would invalidate the others with it.
        if PolicySet::compile(alone.policies(&who, connection), 0).is_err() {
            return false;
        }
        self.used.entry(key).or_insert_with(|| Used::under(guards())).add(command)
    }
}

/// The policy by which a command passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed<'a> {
    /// Who a policy should be for: the group or client that the deciding policy names, otherwise the
    /// principal.
    pub who: Who,
    /// The deciding policy.
    pub rule: &'a PolicyRule,
    /// The shortest session limit of all policies that let it pass.
    pub session_limit: Option<Duration>,
}

/// Returns whether a command is selected: with a group, only if a policy that names it let the command pass.
pub fn counts(recorded: &Recorded, group: Option<&str>, policies: &PolicySet) -> bool {
    group.is_none() || passed(&recorded.principal, &recorded.decided.rules, policies, group).is_some()
}

/// Returns the policy by which a command passed. `None`: none of them exists any more, or names the selected
/// group.
fn passed<'a>(
    principal: &Principal,
    rules: &[String],
    policies: &'a PolicySet,
    group: Option<&str>,
) -> Option<Passed<'a>> {
    let allows: Vec<&PolicyRule> =
        rules.iter().filter_map(|id| policies.rule(id)).filter(|rule| rule.effect == Effect::Allow).collect();
    let session_limit = allows.iter().filter_map(|rule| rule.session_limit).min();
    let found = if let Some(group) = group {
        let names = |rule: &PolicyRule| rule.matches.groups.iter().any(|glob| policy::fits(glob, group));
        let rule = allows.iter().find(|rule| names(rule))?;
        (Who::Group(group.to_owned()), *rule)
    } else {
        let named = allows.iter().find_map(|rule| named(principal, rule).map(|who| (who, *rule)));
        named.or_else(|| Some((Who::Subject(principal.id.to_string()), *allows.first()?)))?
    };
    let (who, rule) = found;
    Some(Passed { who, rule, session_limit })
}

fn named(principal: &Principal, rule: &PolicyRule) -> Option<Who> {
    let mut groups = rule.matches.groups.iter();
    if let Some(group) = groups.find(|group| principal.groups.contains(group)) {
        return Some(Who::Group(group.clone()));
    }
    if let Some(client) = principal.client.as_deref().filter(|_| !rule.matches.clients.is_empty()) {
        return Some(Who::Client(client.to_owned()));
    }
    let mut globs = rule.matches.groups.iter();
    let fits = |group: &&str| globs.any(|glob| policy::fits(glob, group));
    principal.groups.iter().find(fits).map(|group| Who::Group(group.to_owned()))
}

#[cfg(test)]
mod tests;
